"""What a reader of the page on RLHF is asked."""

from itertools import product
from math import exp, expm1, log1p, prod

import numpy as np

from topics.kit import exercise, same

# ---- comparisons


def _pair_loss(r_chosen, r_rejected):
    return float(np.mean(np.logaddexp(0, r_rejected - r_chosen)))


@exercise(
    start="""
        def pair_loss(r_chosen, r_rejected):
            # two arrays (n,): the rewards of the preferred answers, and of the others
            p = np.exp(r_chosen) / (np.exp(r_chosen) + np.exp(r_rejected))
            return 1 - np.mean(p)
    """,
    solution=_pair_loss,
    hint="−log σ(x) = log(1 + exp(−x)), which `np.logaddexp(0, −x)` computes for any x. Only the difference of two "
    "rewards enters.",
)
def learn_from_comparisons(answer, rng):
    """Write `pair_loss(r_chosen, r_rejected)`: the mean over pairs of −log σ(r_chosen − r_rejected), in nats. It must
    be right where rewards lie thousands apart, either way round, and where both are large."""
    cases = [
        (rng.normal(size=5), rng.normal(size=5)), (np.array([0.3]), np.array([0.3])),
        (rng.normal(size=4) + 900, rng.normal(size=4) + 900), (np.array([0.0, 1.0]), np.array([2000.0, -3.0])),
        (np.array([2000.0, 1.0]), np.array([0.0, 1.5])), (np.array([3.0, -1.0]), np.array([1.0, 4.0])),
    ]  # fmt: skip
    for chosen, rejected in cases:
        total = 0.0
        for c, r in zip(chosen.tolist(), rejected.tolist(), strict=True):
            x = c - r
            total += log1p(exp(-x)) if x > 0 else log1p(exp(x)) - x
        expected = total / len(chosen)
        same(answer(chosen.copy(), rejected.copy()), expected, "the mean loss", rtol=1e-9, atol=0,
             r_chosen=chosen, r_rejected=rejected)  # fmt: skip


# ---- KL over whole answers


def _far_from(log_pi, log_ref, mask):
    d = np.where(mask, log_pi - log_ref, 0.0)
    return float((np.expm1(-d) + d).sum(1).mean())


@exercise(
    start="""
        def far_from(log_pi, log_ref, mask):
            # log π and log π_ref of each word of N answers, (N, T); mask (N, T): False behind an answer's end
            r = np.exp(log_pi - log_ref)
            return np.mean((r - 1) - np.log(r))
    """,
    solution=_far_from,
    hint="The ratio exp(−d) has π_ref on top: the samples are π's. An answer's KL is the sum over its words. Near a "
    "ratio of 1, exp(x) − 1 loses its digits; np.expm1 keeps them.",
)
def measure_the_distance(answer, rng):
    """Write `far_from(log_pi, log_ref, mask)`: an estimate of KL(π‖π_ref) in nats an answer, from answers that π gave.
    Take k3 = exp(−d) − 1 + d with d = log(π/π_ref) of each word, add up the words of an answer (the sum has KL as its
    mean, too), and take the mean over the N answers. What stands where `mask` is False is no word, and may be anything,
    NaN too. π may be as near to π_ref as 10⁻⁶."""
    for N, T, size in ((1, 1, 1.0), (3, 4, 0.7), (5, 6, 0.2), (2, 3, 1e-6), (9, 3, 2.0)):
        log_pi = -rng.exponential(1.0, (N, T))
        if size < 1e-3:
            log_pi = np.zeros((N, T))  # log π is kept exact: what is lost is lost by the formula
        log_ref = log_pi - size * rng.normal(0.3, 1.0, (N, T))
        lengths = rng.integers(1, T + 1, N)
        mask = np.arange(T) < lengths[:, None]
        behind = (3.0, -4.0) if N < 4 else (np.nan, -np.inf)
        log_pi, log_ref = np.where(mask, log_pi, behind[0]), np.where(mask, log_ref, behind[1])
        total = 0.0
        for n, t in product(range(N), range(T)):
            if mask[n, t]:
                d = log_pi[n, t] - log_ref[n, t]
                total += expm1(-d) + d if abs(d) > 1e-4 else d * d / 2 - d**3 / 6 + d**4 / 24
        same(answer(log_pi.copy(), log_ref.copy(), mask.copy()), total / N, "the KL", rtol=1e-6, atol=0,
             log_pi=log_pi, log_ref=log_ref, mask=mask)  # fmt: skip


# ---- the best of n


def _best_law(p, r, n):
    law = np.zeros(len(p))
    for i in range(len(p)):
        below, level = p[r < r[i]].sum(), p[r == r[i]].sum()
        law[i] = ((below + level) ** n - below**n) * p[i] / level
    return law


@exercise(
    start="""
        def best_law(p, r, n):
            # probabilities p (N,) and rewards r (N,) of N answers
            law = np.zeros(len(p))
            order = np.argsort(r)
            reached = np.cumsum(p[order])
            law[order] = reached**n - (reached - p[order])**n
            return law
    """,
    solution=_best_law,
    hint="All n draws lie at or below a reward with a probability that you know. Answers of one reward share what "
    "their level gets, in proportion to p.",
)
def law_of_the_best(answer, rng):
    """Write `best_law(p, r, n)`: n answers are drawn from the probabilities `p`, one after the other, and an answer may
    come more than once; the one with the highest reward is kept, of equal rewards the first drawn. Return the
    probability of each answer to be kept, (N,). Change neither `p` nor `r`."""
    cases = [
        (np.array([0.5, 0.25, 0.25]), np.array([0.0, 1.0, 1.0]), 2), (np.array([0.2, 0.8]), np.array([3.0, 3.0]), 3),
        (rng.dirichlet(np.ones(4)), rng.permutation([1.0, 5.0, 2.0, 3.0]), 3),
        (rng.dirichlet(np.ones(4)), rng.permutation([1.0, 2.0, 2.0, 7.0]), 4),
        (rng.dirichlet(np.ones(5)), rng.permutation([0.0, 0.0, 1.0, 1.0, 1.0]), 3),
        (np.array([1.0]), np.array([2.0]), 5), (rng.dirichlet(np.ones(3)), rng.normal(size=3), 1),
    ]  # fmt: skip
    for p, r, n in cases:
        expected, chances, worth = np.zeros(len(p)), p.tolist(), r.tolist()
        for draws in product(range(len(p)), repeat=n):  # every way to draw n
            best = max(worth[i] for i in draws)
            kept = next(i for i in draws if worth[i] == best)
            expected[kept] += prod(chances[i] for i in draws)
        given_p, given_r = p.copy(), r.copy()
        same(answer(given_p, given_r, n), expected, "the law of the best", rtol=1e-9, atol=1e-12, p=p, r=r, n=n)
        same(given_p, p, "the probabilities p that you were given")
        same(given_r, r, "the rewards r that you were given")
