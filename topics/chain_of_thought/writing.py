"""Many texts written at once by the house model, and sums to ask it. Knows no pages.

B prompts   V words of the language
"""

import numpy as np

from topics.kit import lm
from topics.kit.model.text import NUMBER
from topics.kit.numerics import softmax

END = NUMBER["[end]"]


def write_on(model, prompts, most, T=0.0, seed=0):
    """What a model goes on with after each of B prompts, to its end or for `most` words: a list of B lists of numbers.

    prompts  B lists of word numbers, of any lengths; those of one length are written together
    T        temperature; at 0 the likeliest word is taken
    """
    texts, chances = [[] for _ in prompts], np.random.default_rng(seed).random((most, len(prompts)))
    lengths = np.array([len(prompt) for prompt in prompts])
    for length in np.unique(lengths):
        alike = np.flatnonzero(lengths == length)
        words = np.array([prompts[row] for row in alike])
        for row, text in zip(alike, _written(model, words, most, T, chances[:, alike]), strict=True):
            texts[row] = text
    return texts


def _written(model, words, most, T, chances):
    """The same of prompts of one length; chances[step, row] draws a word."""
    texts, alive = [[] for _ in words], np.arange(len(words))
    empty = np.zeros((len(words), 0, model.H_kv, model.D), np.float32)
    cache = [(empty, empty)] * model.L
    for step in range(most):
        logits = lm.forward(model, words, cache)[:, -1]  # (alive, V)
        new = logits.argmax(-1) if T == 0 else drawn(softmax(logits.astype(float) / T), chances[step, alive])
        for row, word in zip(alive, new, strict=True):
            texts[row].append(int(word))
        going = new != END
        if not going.any():
            break
        alive, words = alive[going], new[going, None]
        cache = [(K[going], V[going]) for K, V in cache]
    return texts


def drawn(p, u):
    """A word of each law: p (B, V), u (B,) between 0 and 1, to (B,)."""
    return np.minimum((np.cumsum(p, -1) < u[:, None]).sum(-1), p.shape[-1] - 1)
