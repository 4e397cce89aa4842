"""Byte-pair encoding (arXiv 1508.07909) as GPT-2 has it: text to bytes to tokens, and merges learnt from a text.

A token is a number. The first 256 are the bytes; token 256 + i is what merge i makes of two earlier tokens, so that
`merges`, {(left, right): token}, is all that a tokenizer knows. A lower number was learnt earlier, and merges first.
"""

import re
import zlib
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np

from topics.kit.model.data import data_file

# what Unicode calls white space; Python's isspace has four signs more
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")
# L letter   N number   O any other sign   _ white space that is no blank; white space before a word leaves it one blank
PIECE = re.compile(" ?L+| ?N+| ?O+|[ _]+(?![^ _])|[ _]+")


def pieces(text):
    """GPT-2's rule: text in pieces, within which alone tokens are merged; together they are the text.

    >>> pieces("It's 2026:  GPT-2!")
    ['It', "'s", ' 2026', ':', ' ', ' GPT', '-', '2', '!']
    """
    kinds, found, at = "".join(map(_kind, text)), [], 0
    while at < len(text):
        end = (ENDING.match(text, at) or PIECE.match(kinds, at)).end()
        found.append(text[at:end])
        at = end
    return found


def _kind(sign):
    if sign in SPACES:
        return " " if sign == " " else "_"
    return "L" if sign.isalpha() else "N" if sign.isnumeric() else "O"


def bpe_encode(text, merges, first=range(256)):
    """The tokens of a text, a list of numbers: in each piece the merge that was learnt first, until none is left.

    merges  {(left, right): token}
    first   the token of each byte

    >>> bpe_encode("abab", {(97, 98): 256, (256, 256): 257})
    [257]
    """
    tokens = []
    for piece in pieces(text):
        parts = [first[byte] for byte in piece.encode(errors="replace")]
        while known := merges.keys() & pairwise(parts):
            pair = min(known, key=merges.get)
            parts = merged(parts, pair, merges[pair])
        tokens += parts
    return tokens


def merged(parts, pair, token):
    """parts with each occurrence of the pair, from the left, made one token.

    >>> merged([1, 1, 1, 2], (1, 1), 3)
    [3, 1, 2]
    """
    out = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] = token
        else:
            out.append(part)
    return out


def bpe_train(text, n):
    """Learn up to n merges from a text: {(left, right): token}, in the order in which they were learnt.

    Each time the pair that can be merged most often is; of equals the one that comes first in the text. It ends when
    no pair occurs twice.

    >>> bpe_train("abab abab", 9)
    {(97, 98): 256, (256, 256): 257}
    """
    words = Counter(pieces(text))  # a piece that comes often is counted, not looked through, again
    parts, merges = {word: list(word.encode(errors="replace")) for word in words}, {}
    while len(merges) < n:
        counts = Counter()
        for word, times in words.items():
            for pair, found in Counter(disjoint(parts[word])).items():
                counts[pair] += times * found
        pair, most = max(counts.items(), key=lambda item: item[1], default=(None, 0))  # the first of equals
        if most < 2:
            break
        merges[pair] = 256 + len(merges)
        parts = {word: merged(each, pair, merges[pair]) for word, each in parts.items()}
    return merges


def disjoint(parts):
    """The pairs of neighbours that could be merged: of aaaa the pair aa twice, not three times.

    >>> list(disjoint([1, 1, 1, 1, 2]))
    [(1, 1), (1, 1), (1, 2)]
    """
    last = None
    for pair in pairwise(parts):
        if pair == last and pair[0] == pair[1]:
            last = None  # it overlaps the one before
        else:
            last = pair
            yield pair


def spelled(merges, first=range(256)):
    """{token: its bytes}, of all tokens."""
    spelling = {token: bytes([byte]) for byte, token in enumerate(first)}
    for (left, right), token in merges.items():
        spelling[token] = spelling[left] + spelling[right]
    return spelling


# ---- GPT-2's own

# GPT-2 numbers the bytes that print first: token 0 is "!"
PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]
FIRST = np.argsort([*PRINTED, *(byte for byte in range(256) if byte not in PRINTED)]).tolist()
END = 50_256  # the token <|endoftext|>, which no text is merged to


@cache
def gpt2_merges():
    """GPT-2's 50,000 merges, from topics/data/gpt2.merges (topics/data/README.md says where they come from).

    raises FileNotFoundError where a demo did not name the file
    """
    planes = np.frombuffer(zlib.decompress(data_file("gpt2.merges").read_bytes()), np.uint8).reshape(4, -1).astype(int)
    left, right = planes[::2] + 256 * planes[1::2]  # (n,)
    return {pair: 256 + i for i, pair in enumerate(zip(left.tolist(), right.tolist(), strict=True))}
