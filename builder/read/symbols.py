"""Reads the table of symbols that opens a topic's method.py. Runs nothing, and knows no page.

    T tokens, of which T_q ask   d model width   H heads
    W (n, m) a matrix   q, k, v a token's query, key and value

An entry is a sign, or several with commas, each with its shape in brackets where it has one, then what it means. Three
spaces or more stand between two entries. A line that does not begin with a sign goes on with the entry above it; a word
may be a sign where it has a shape, or follows a gap. The table ends at an empty line, or where a sentence begins: a
line without a gap that ends in a full stop or begins with a capital word.
"""

import ast
import re
from dataclasses import dataclass, replace

from builder.texts import read_text


@dataclass(frozen=True)
class Symbol:
    """One sign of one topic's table."""

    sign: str  # as the code has it: H_kv, θ
    shape: str  # "(n, m)", or ""
    meaning: str
    line: int  # of the file
    after: tuple = ()  # (sign, meaning) of the entry before it, where it speaks of that: "of them right"


_SHAPE = r"(?: ?(?P<shape>\((?:[\w…./·+'−⌈⌉Ψ ]+,)[^()]*\)))"
_LETTER = r"(?:[A-Za-zℓ]|[α-ωΑ-Ω])"
_NAME = rf"(?:{_LETTER}(?:_\w+|[0-9k]|'|\(x\))?|d[a-z]|lse|ell)"
_SIGN = re.compile(rf"(?P<sign>{_NAME})(?: \((?P<also>{_LETTER})\))?{_SHAPE}?(?P<more>, |,? and |(?= = )|(?= ))")
_WORD = re.compile(rf"(?P<sign>[a-z]\w+){_SHAPE}? ")
_LEANS = re.compile(r"\b(?:them|their|its|it)\b")
_SENTENCE = re.compile(r"(?:[A-Z][\w-]+|A [A-Z]+)[ ,:]")


def read_symbols(path, file):
    """([Symbol], faults) of the file at `path`; a file without a table has none."""
    if not path.exists():
        return [], []
    text, faults = read_text(path, file)
    try:
        first = ast.parse(text).body[:1]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], faults  # importing it tells why
    if faults or not (first and isinstance(first[0], ast.Expr) and isinstance(first[0].value, ast.Constant)):
        return [], faults
    return parse_symbols(str(first[0].value.value), first[0].lineno), faults


def parse_symbols(docstring, line=1):
    """[Symbol] of a module's docstring that begins in this line.

    >>> table = "Dice.\\n\\nn throws   W (n, m), x what\\nthey give\\nNo more."
    >>> [(each.sign, each.shape, each.meaning) for each in parse_symbols(table)]
    [('n', '', 'throws'), ('W', '(n, m)', 'what they give'), ('x', '', 'what they give')]
    """
    found = []
    for entry, at in entries(docstring, line):
        before = (found[-1].sign, found[-1].meaning) if found and _LEANS.search(entry) else ()
        found += [replace(symbol, after=before) for symbol in symbols_of(entry, at)]
    return found


def entries(docstring, line):
    """(entry, its line): what stands between gaps, with the lines that go on with it."""
    found, lines = [], docstring.split("\n")
    begun = False
    for at, text in enumerate(lines[1:], line + 1):
        gaps = re.search(r"\S {3,}\S", text)
        if not text.strip():
            if begun and found:
                break
            continue
        if not gaps and (text.rstrip().endswith(".") or _SENTENCE.match(text)):
            break
        begun = begun or bool(gaps)
        first, *rest = re.split(r" {3,}", text.strip())
        if found and not begins(first):
            found[-1] = (f"{found[-1][0]} {first}", found[-1][1])
        else:
            found.append((first, at))
        found += [(each, at) for each in rest]
    return found


def begins(text):
    """Whether a line begins with a sign."""
    word = _WORD.match(f"{text} ")
    return bool(_SIGN.match(f"{text} ") or (word and word["shape"]))


def symbols_of(entry, line):
    """The signs of one entry, which share its meaning."""
    signs, at, text = [], 0, f"{entry} "
    while found := _SIGN.match(text, at):
        signs.append((found["sign"], found["shape"] or ""))
        at = found.end()
        if not found["more"].strip():
            break
    if not signs and (word := _WORD.match(text)):
        signs, at = [(word["sign"], word["shape"] or "")], word.end()
    meaning = text[at:].strip(" ,")
    return [Symbol(sign, shape, meaning, line) for sign, shape in signs if meaning]
