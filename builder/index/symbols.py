"""Every sign of all topics' tables, what it means, and on which pages; and where tables contradict each other.

Two entries mean the same if their words have one in common that says something: "model width" and "width" do, "tokens"
and "temperature" do not. So a contradiction is found where there is one, and now and then where there is none:
tests/builder/test_symbols.py lists those that are known.
"""

import re
from dataclasses import dataclass
from itertools import combinations

from builder.read.symbols import read_symbols

SAME = {"word": "token", "texts": "text", "user": "text", "rank": "rank", "hidden": "forward", "neuron": "forward",
        "adapter": "factor"}  # fmt: skip
SAYS_NOTHING = {
    *("a", "all", "an", "and", "are", "as", "at", "be", "by", "each", "for", "from", "has", "have", "here", "how"),
    *("in", "into", "is", "it", "its", "many", "much", "of", "often", "on", "one", "or", "per", "so", "than", "that"),
    *("the", "their", "them", "there", "these", "they", "this", "to", "two", "was", "what", "where", "which", "who"),
    "with",
}


@dataclass(frozen=True)
class Meaning:
    """What a sign means on some pages."""

    text: str
    shape: str
    after: tuple  # (sign, meaning) of what it speaks of
    topics: list


def tables_of(topics, root):
    """({slug: [Symbol]}, faults) of the written topics."""
    tables, faults = {}, []
    for topic in topics:
        if not topic.planned:
            file = f"topics/{topic.slug}/method.py"
            tables[topic.slug], unread = read_symbols(root / file, file)
            faults += unread
    return tables, faults


def signs(topics, tables):
    """{sign: [Meaning]}, Latin letters first, each meaning with its pages; what stands on most pages comes first."""
    found = {}
    for topic in topics:
        for symbol in tables.get(topic.slug, []):
            meanings = found.setdefault(symbol.sign, {})
            key = symbol.meaning.casefold(), symbol.shape, symbol.after
            meaning = Meaning(symbol.meaning, symbol.shape, symbol.after, [])
            meanings.setdefault(key, meaning).topics.append(topic)
    ordered = sorted(found, key=lambda sign: (ord(sign[0]) > 127, sign.casefold(), sign.swapcase()))
    return {sign: sorted(found[sign].values(), key=lambda meaning: -len(meaning.topics)) for sign in ordered}


def shown(sign):
    """A sign as HTML: what follows the first underscore stands below.

    >>> shown("H_kv"), shown("θ"), shown("load")
    ('<var>H<sub>kv</sub></var>', '<var>θ</var>', '<code>load</code>')
    """
    if re.fullmatch(r"[a-z]{2,}", sign) and sign not in ("dq", "dk", "dv", "dy"):
        return f"<code>{sign}</code>"
    letter, _, below = sign.partition("_")
    return f"<var>{letter}{f'<sub>{below}</sub>' if below else ''}</var>"


def words(meaning):
    """The words of a meaning that say something, each in one form.

    >>> sorted(words("tokens in the context")), sorted(words("words"))
    (['context', 'token'], ['token'])
    """
    plain = (word.removesuffix("s") if len(word) > 3 else word for word in re.findall(r"[^\W\d_]+", meaning.casefold()))
    return {SAME.get(word, word) for word in plain} - SAYS_NOTHING


def relative(meaning):
    """Whether it leans on the entry before it."""
    return re.match(r"(of )?(them|it|its|their|one of them|the other)\b", meaning) is not None


def contradictions(topics, tables):
    """[(section, sign, [slug, meaning], [slug, meaning])]: one sign with two meanings within one section.

    And [(section, [slug, sign], [slug, sign], meaning)]: one thing, in the same words, under two signs.
    """
    twofold, double = [], []
    for a, b in combinations([topic for topic in topics if tables.get(topic.slug)], 2):
        if a.section != b.section:
            continue
        for one in tables[a.slug]:
            for other in tables[b.slug]:
                alike = words(one.meaning) & words(other.meaning)
                if one.sign == other.sign and not alike:
                    twofold.append((a.section, one.sign, (a.slug, one.meaning), (b.slug, other.meaning)))
                leans = relative(one.meaning) or relative(other.meaning)
                if one.sign == other.sign or leans or words(one.meaning) != words(other.meaning):
                    continue
                if shares(one, other, tables, a, b):
                    double.append((a.section, (a.slug, one.sign), (b.slug, other.sign), one.meaning))
    return twofold, double


def shares(one, other, tables, a, b):
    """Whether neither table has both signs for this: a query, key and value share one entry."""
    return not any(each.sign == other.sign and each.meaning == one.meaning for each in tables[a.slug]) and not any(
        each.sign == one.sign and each.meaning == other.meaning for each in tables[b.slug]
    )
