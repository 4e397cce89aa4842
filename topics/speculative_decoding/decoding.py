"""The house model writes by guesses: drafts of several kinds, one check of the target for each chain of guesses, and
the caches of both kept in step.

T words so far   γ guesses   V words of the language   p, q, α  as in method.py
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from topics.kit import lm, softmax
from topics.kit.model.text import NUMBER
from topics.speculative_decoding.method import (
    draw,
    ngram_draft,
    speculative_step,
)

END = NUMBER["[end]"]
LONGEST = 100  # words of a text: with a chain of guesses it stays inside the model's context
DRAFT, EXIT, LOOKUP = "draft model", "early exit", "look-up"


class Pass(NamedTuple):
    """One pass of the target: what was guessed, by which laws, and what came of it."""

    guesses: list  # n ≤ γ words
    q: np.ndarray  # (n, V)
    p: np.ndarray  # (n+1, V)
    words: list  # those given: accepted guesses, then one of the target's own, if the text did not end on a guess
    accepted: int  # guesses among these words

    @property
    def own(self):
        """Words of the target's own, 0 or 1."""
        return len(self.words) - self.accepted


def laws(model, words, cache, temperature):
    """The laws (n, V) of the word after each of n new words, in float64; the cache grows by them."""
    return softmax(lm.forward(model, words, cache).astype(float) / temperature)


def drafter(kind):
    """The model that guesses: the small one, or the target's own first three layers with its output matrix."""
    return lm.load("draft") if kind == DRAFT else replace(lm.load("target"), L=3)


def guess(model, words, cache, gamma, temperature, rng):
    """γ guesses, one after the other, and the laws (γ, V) that they were drawn from. The cache grows by all that the
    model had not yet seen, but for the last guess."""
    guesses, q = [], np.zeros((gamma, model.V))
    new = words[lm.length(cache) :]
    for i in range(gamma):
        q[i] = laws(model, new, cache, temperature)[-1]
        new = [draw(q[i], rng)]
        guesses += new
    return guesses, q


def look_up(words, gamma, V):
    """Guesses from the text itself, and their laws (n, V): each is certain of its word."""
    guesses = ngram_draft(words, gamma)
    return guesses, np.eye(V)[guesses]


def cut(cache, t):
    """Forget all but the first t words: rows of rejected guesses must not stay."""
    cache[:] = [(K[:t], V[:t]) for K, V in cache]


def write(prompt, gamma, kind=DRAFT, temperature=1.0, seed=0, longest=LONGEST):
    """Go on from a prompt until [end] or `longest` words: a generator of Passes.

    The last word that is given was never in a pass of the target; it begins the next one.
    """
    target, rng, words = lm.load("target"), np.random.default_rng(seed), list(prompt)
    draft = None if kind == LOOKUP else drafter(kind)
    seen, cache = lm.new_cache(target), draft and lm.new_cache(draft)
    while words[-1] != END and len(words) < longest:
        n = min(gamma, longest - len(words) - 1)
        if draft:
            guesses, q = guess(draft, words, cache, n, temperature, rng)
        else:
            guesses, q = look_up(words, n, target.V)
        new = words[lm.length(seen) :]
        p = laws(target, [*new, *guesses], seen, temperature)[len(new) - 1 :]  # (n+1, V)
        step = speculative_step(p, q, guesses, rng)
        given = upto_end(step)
        words += given
        cut(seen, len(words) - 1)
        if draft:
            cut(cache, min(lm.length(cache), len(words) - 1))
        yield Pass(guesses, q, p, given, min(len(step) - 1, len(given)))


def upto_end(words):
    """The words until the text's end: what was accepted behind it is dropped."""
    return words[: words.index(END) + 1] if END in words else words
