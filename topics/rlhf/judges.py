"""Who judges answers on the page on RLHF: a judge whose taste is known, the comparisons that are asked of it, and what
a reward model sees of an answer. Knows no demo.
"""

import numpy as np

from topics.kit import lm
from topics.kit.model.language import WORDS
from topics.kit.model.policy import between, right, rollout, sums, thanked
from topics.rlhf.method import fit_reward_model

LONGEST = 16  # words of an answer at most
PROPER = 6  # words of an answer with thanks: 4 . thank you . [end]
SURPLUS = 0.25  # what the judge takes off for each word more
MIXED = 0.35  # of [polite] in [blunt]
SHARP = 2.0  # the judge prefers the better of two answers with σ(SHARP · difference)


def start():
    """The policy before any training: draft, asked by a word between blunt and polite."""
    return between(lm.load("draft"), "[blunt]", "[polite]", MIXED)


def gold_of(prompt, answer):
    """What the judge truly thinks: 1 for the right number, 1 for thanks, −¼ for each word beyond six."""
    return right(prompt, answer) + thanked(prompt, answer) - SURPLUS * max(0, len(answer) - PROPER)


def gold(rolled):
    """What the judge thinks of each answer of a Rollout: (N,)."""
    return np.array([gold_of(*pair) for pair in zip(*rolled.texts(), strict=True)])


def counts(rolled):
    """How often each word stands in each answer, (N, V): all that the reward model sees."""
    table = np.zeros((len(rolled.answers), len(WORDS)))
    row, t = np.nonzero(rolled.mask)
    np.add.at(table, (row, rolled.answers[row, t]), 1.0)
    return table


def compared(x, r, pairs, sharp, rng):
    """Comparisons of random answers by a judge that is not always sure: features (pairs, F) of chosen and rejected.

    x (N, F) features   r (N,) what the judge thinks   sharp  it prefers the better one with σ(sharp · difference)
    """
    a, b = (rng.integers(0, len(x), pairs) for _ in range(2))
    first = rng.random(pairs) < 1 / (1 + np.exp(-sharp * (r[a] - r[b])))
    return x[np.where(first, a, b)], x[np.where(first, b, a)]


def reward_model(pairs, rng):
    """Weights (V,) of word counts, fitted to comparisons of the policy's own answers, as it answers before training."""
    own = rollout(start(), sums(2 * pairs, rng, 1, "-"), LONGEST, rng)
    return fit_reward_model(*compared(counts(own), gold(own), pairs, SHARP, rng))
