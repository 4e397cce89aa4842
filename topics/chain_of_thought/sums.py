"""Sums of the house language, their working column by column, and ways to spoil it. Knows no pages.

A sum is (a, sign, b), two numbers of equal length; a column is (what is asked, what it comes to), such as ("4+8=", 12).
"""

import numpy as np

from topics.kit.model.language import BLUNT
from topics.kit.model.text import decode, encode, held_out

KINDS = ("left as it is", "one wrong digit", "another sum's", "in reverse order", "filler", "cut short")
FIRST = 200_000  # of the held-out texts from which sums are taken


def drawn_sums(n, digits=3, start=0):
    """n sums of so many digits, as the language draws them; no training has seen their texts."""
    found, at = [], FIRST + 10_000 * digits + 20 * start
    while len(found) < n:
        for text in held_out(2 * n, "answer", BLUNT, at, digits=max(digits, 3)):
            body = "".join(text.words[3 : text.words.index("=")])
            a, sign, b = split_sum(body)
            if len(str(a)) == digits and len(found) < n:
                found.append((a, sign, b))
        at += 2 * n
    return found


def split_sum(body):
    """374+258 as its numbers and its sign.

    >>> split_sum("374+258")
    (374, '+', 258)
    """
    sign = "+" if "+" in body else "-"
    a, b = body.split(sign)
    return int(a), sign, int(b)


def result(a, sign, b):
    """What a sum comes to."""
    return a + b if sign == "+" else a - b


def columns(a, sign, b):
    """A sum's working, from the right, as the house language writes it.

    >>> columns(374, "+", 258)
    [('4+8=', 12), ('7+5+1=', 13), ('3+2+1=', 6)]
    """
    found, carry = [], 0
    for place in range(len(str(a))):
        x, y = a // 10**place % 10, b // 10**place % 10
        ten = sign == "-" and x < y + carry  # borrowed from the next column
        total = x + y + carry if sign == "+" else x + 10 * ten - y - carry
        found.append((f"{x + 10 * ten}{sign}{y}" + f"{sign}1" * carry + "=", total))
        carry = int(ten or total >= 10)
    return found


def longest_carry(a, sign, b):
    """The longest run of columns in a row that are carried or borrowed into."""
    run = most = 0
    for asked, _ in columns(a, sign, b):
        run = run + 1 if asked.count(sign) == 2 else 0
        most = max(run, most)
    return most


def spelled(working):
    """The number that a working says: the last digit of each column, of the last column all.

    >>> spelled([("4+8=", 12), ("7+5+1=", 14), ("3+2+1=", 6)])
    642
    """
    *low, (_, last) = working
    return int(str(last) + "".join(str(total % 10) for _, total in reversed(low)))


# ---- prompts


def at_once(a, sign, b):
    """The words of a sum that is to be answered at once."""
    return encode(f"[blunt] answer : {a}{sign}{b}=")


def worked(a, sign, b):
    """The words of a sum that is to be worked out first."""
    return encode(f"[blunt] explain : {a}{sign}{b};")


def with_working(a, sign, b, working):
    """The words of a sum with a working, up to where the answer begins."""
    return encode(f"[blunt] explain : {a}{sign}{b};" + "".join(f"{asked}{total};" for asked, total in working) + "=")


def spoilt(sums, kind, column=2, seed=0):
    """Sums whose working is spoilt in one of KINDS, up to where the answer begins.

    column   1 to 3 from the right: which has the wrong digit, or is the first to be cut
    returns  prompts, and of each the number that its working says, None where it says none
    """
    rng, prompts, says = np.random.default_rng(seed), [], []
    for one, other in zip(sums, [*sums[1:], sums[0]], strict=True):
        own, said = columns(*one), None
        if kind == "filler":
            fill = len(with_working(*one, own)) - len(with_working(*one, []))
            prompts.append([*worked(*one), *encode(";" * fill + "=")])
        elif kind == "cut short":
            prompts.append(with_working(*one, own[: column - 1]))
        else:
            changed = {
                "left as it is": lambda own, other: own,
                "one wrong digit": lambda own, other: _one_wrong(own, column, rng),
                "another sum's": lambda own, other: columns(*other),
                "in reverse order": lambda own, other: own[::-1],
            }[kind](own, other)
            prompts.append(with_working(*one, changed))
            said = spelled(changed)
        says.append(said)
    return prompts, says


def _one_wrong(working, column, rng):
    at = min(column, len(working)) - 1
    asked, total = working[at]
    digit = int(rng.choice([d for d in range(10) if d != total % 10]))
    return [*working[:at], (asked, total // 10 * 10 + digit), *working[at + 1 :]]


# ---- answers


def answer_in(words):
    """The number that a text's words (numbers) end on: behind its last =, before the full stop; None if there is none.

    >>> answer_in(encode("4+8=12; =642.")), answer_in(encode("632.")), answer_in(encode("; ; ."))
    (642, 632, None)
    """
    said = decode(words)
    if "=" in said:
        said = said[len(said) - said[::-1].index("=") :]
    digits = "".join(said[: said.index(".")]) if "." in said else ""
    return int(digits) if digits.isdigit() else None
