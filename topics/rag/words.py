"""From text to terms: lower-case words, and Porter's first step, by which plurals, -ed and -ing fall off.

A word's shape is a text of c and v, its consonants and vowels; y is a vowel behind a consonant.
"""

import re
from functools import cache


def words_of(text):
    """The words of a text, in lower case, as a list.

    >>> words_of("What's Top-k? 8 KiB.")
    ['what', 's', 'top', 'k', '8', 'kib']
    """
    return re.findall("[a-z0-9]+", text.lower())


def terms_of(text, stemmed=True):
    """The words of a text without their endings."""
    return [stem(word) for word in words_of(text)] if stemmed else words_of(text)


@cache
def stem(word):
    """Step 1 of Porter's stemmer (porter1980): its plurals, its -ed and -ing, and y that becomes i.

    >>> [stem(word) for word in ("queries", "query", "hopping", "hoping", "sing", "passes", "cached")]
    ['queri', 'queri', 'hop', 'hope', 'sing', 'pass', 'cach']
    """
    if len(word) < 3:
        return word
    word = _ed_and_ing(_plural(word))
    return word[:-1] + "i" if word.endswith("y") and "v" in shape(word[:-1]) else word


def shape(word):
    """
    >>> shape("query")
    'cvvcv'
    """
    out = ""
    for i, letter in enumerate(word):
        vowel = letter in "aeiou" or (letter == "y" and i > 0 and out[-1] == "c")
        out += "v" if vowel else "c"
    return out


def _plural(word):
    for end, new in (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")):
        if word.endswith(end):
            return word.removesuffix(end) + new
    return word


def _ed_and_ing(word):
    if word.endswith("eed"):
        return word[:-1] if "vc" in shape(word[:-3]) else word
    for end in ("ed", "ing"):
        rest = word.removesuffix(end)
        if rest != word and "v" in shape(rest):
            return _mended(rest)
    return word


def _mended(rest):
    """What is left of a word without -ed or -ing: hopp is hop, hop is hope."""
    form = shape(rest)
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if len(rest) > 1 and rest[-1] == rest[-2] and form[-1] == "c" and rest[-1] not in "lsz":
        return rest[:-1]
    short = form.endswith("cvc") and rest[-1] not in "wxy" and form.count("vc") == 1
    return rest + "e" if short else rest
