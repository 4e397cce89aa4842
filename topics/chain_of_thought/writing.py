"""Many texts written at once by the house model, and sums to ask it. Knows no pages.

B prompts   t words of the longest   w words written of each
"""

import numpy as np

from topics.kit import lm
from topics.kit.model.text import NUMBER
from topics.kit.numerics import softmax

END = NUMBER["[end]"]


def write_on(model, prompts, most, T=0.0, seed=0):
    """What a model goes on with after each of B prompts, to its end or for `most` words: a list of B lists of numbers.

    prompts  B lists of word numbers, of any lengths: shorter ones are filled up on their left and the filling hidden,
             which changes nothing, since rotary positions only count how far apart two words are
    T        temperature; at 0 the likeliest word is taken
    """
    rng, B, t = np.random.default_rng(seed), len(prompts), max(map(len, prompts))
    words = np.zeros((B, t), np.int64)
    real = np.zeros((B, 1, 1, t + most), bool)  # which places hold a word that may be looked at
    for row, prompt in enumerate(prompts):
        words[row, t - len(prompt) :] = prompt
        real[row, ..., t - len(prompt) :] = True
    at = np.arange(t)
    mask = real[..., :t] & (at <= at[:, None]) | (at == at[:, None])  # (B, 1, t, t): filling sees itself, and is unseen
    empty = np.zeros((B, 0, model.H_kv, model.D), np.float32)
    cache, texts, alive = [(empty, empty)] * model.L, [[] for _ in prompts], np.arange(B)
    for step in range(most):
        logits = lm.forward(model, words, cache, mask=mask)[:, -1]  # (alive, V)
        new = logits.argmax(-1) if T == 0 else drawn(softmax(logits.astype(float) / T), rng.random(B)[alive])
        for row, word in zip(alive, new, strict=True):
            texts[row].append(int(word))
        going = new != END
        if not going.any():
            break
        alive, words = alive[going], new[going, None]
        cache = [(K[going], V[going]) for K, V in cache]
        mask = real[alive, ..., : t + step + 1]
    return texts


def drawn(p, u):
    """A word of each law: p (B, V), u (B,) between 0 and 1, to (B,)."""
    return np.minimum((np.cumsum(p, -1) < u[:, None]).sum(-1), p.shape[-1] - 1)
