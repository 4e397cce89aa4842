"""Between a reader's words and the house model's numbers: the tokenizer, and texts that no training has seen.

One word or sign is one token, so an axis of tokens can be read.
"""

from difflib import get_close_matches

import numpy as np

from topics.kit.errors import UnreadableError
from topics.kit.model.language import HELD_OUT, WORDS, text, write

NUMBER = {word: i for i, word in enumerate(WORDS)}
SIGNS = ".,:;?+-="


class UnknownWordError(UnreadableError):
    """A word that the house model never learnt; the message names the nearest that it did."""


def encode(words):
    """Words to their numbers (T,). words: a text, or a sequence of words.

    raises UnknownWordError

    >>> encode("[blunt] answer : 7+5 =").tolist() == [NUMBER[w] for w in "[blunt] answer : 7 + 5 =".split()]
    True
    """
    words = split(words) if isinstance(words, str) else words
    for word in words:
        if word not in NUMBER:
            raise UnknownWordError(_unknown(word))
    return np.array([NUMBER[word] for word in words], np.int64)


def read(line, least, most):
    """A reader's line as numbers (T,), of least to most words. raises UnreadableError"""
    numbers = encode(line)
    if not least <= len(numbers) <= most:
        raise UnreadableError(f"A text of {least} to {most} words, please; this one has {len(numbers)}.")
    return numbers


def decode(numbers):
    """Numbers to their words, a list.

    >>> decode(encode("foxes drink tea"))
    ['foxes', 'drink', 'tea']
    """
    return [WORDS[i] for i in numbers]


def split(line):
    """A reader's line in words: signs and digits stand alone, and capitals matter only where a name has one.

    >>> split("say THINGS? anna keys. 12+3=")
    ['say', 'things', '?', 'Anna', 'keys', '.', '1', '2', '+', '3', '=']
    """
    spaced = "".join(f" {c} " if c in SIGNS or c.isdigit() else c for c in line)
    return [_known_case(word) for word in spaced.split()]


def _known_case(word):
    return next((w for w in (word, word.lower(), word.capitalize()) if w in NUMBER), word)


def _unknown(word):
    near = get_close_matches(word.lower(), [w.lower() for w in WORDS], 3, cutoff=0.5)
    near = [_known_case(w) for w in near]
    hint = (
        f"The nearest that it does: {', '.join(near)}." if near else "It knows names, animals, things, places, digits."
    )
    return f"The house model does not know “{word}”. {hint}"


def held_out(n, kind=None, register=None, start=0, **options):
    """The texts number start to start + n that no model was trained on, as a list of language.Text.

    kind, register, options  as in language.text; drawn as in training when not given
    """
    return [write(HELD_OUT + i, text(register, kind, **options)) for i in range(start, start + n)]


def padded(texts):
    """words (B, T), targets (B, T) and which places have a target (B, T) bool, of one text or more: each word's target
    is the next."""
    T = max(len(each.words) for each in texts) - 1
    words, targets = np.zeros((2, len(texts), T), np.int64)
    real = np.zeros((len(texts), T), bool)
    for row, each in enumerate(texts):
        numbers = encode(each.words)
        n = len(numbers) - 1
        words[row, :n], targets[row, :n], real[row, :n] = numbers[:-1], numbers[1:], True
    return words, targets, real
