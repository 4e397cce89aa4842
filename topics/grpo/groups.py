"""What groups do in the mean, computed exactly: over all numbers of right answers that a group may have. Knows no demo.

p  how often an answer is right, its reward 1, else 0   G answers of a group   k of them right
"""

from math import comb

import numpy as np

from topics.grpo.method import group_advantages, leave_one_out


def chances(p, G):
    """How often k = 0 … G of a group's answers are right: (G + 1,)."""
    k = np.arange(G + 1)
    ways = np.array([float(comb(G, i)) for i in k])  # (G+1,)
    return ways * p**k * (1 - p) ** (G - k)


def rewards_of(G):
    """The rewards of groups with k = 0 … G right answers, the right ones first: (G + 1, G)."""
    return (np.arange(G) < np.arange(G + 1)[:, None]).astype(float)


def pushes(r, A, p):
    """Of groups the gradient by the logit of a right answer, when all right ones are one answer and all wrong ones
    another: the mean of A·∂log π, which is 1 − p for a right one and −p for a wrong one (eq:push).

    r, A     (n, G)
    returns  (n,)
    """
    return (A * (r - p)).mean(1)


def mean_push(p, G, scale):
    """The push that a question gets in the mean, as group_advantages scales it."""
    r = rewards_of(G)
    return float(chances(p, G) @ pushes(r, group_advantages(r, scale), p))


BASELINES = {  # of rewards (n, G), and the true mean of a reward
    "none": lambda r, mean: r,
    "true mean": lambda r, mean: r - mean,
    "group's mean": lambda r, mean: group_advantages(r, "none"),
    "mean of the others": lambda r, mean: leave_one_out(r),
}


def spread(p, G, baseline, added=0.0):
    """Mean and standard deviation of a group's push with one of BASELINES, when `added` is on top of all rewards.

    >>> [round(x, 4) for x in spread(0.5, 2, "mean of the others")]   # half of the groups disagree: a push of ½
    [0.25, 0.25]
    """
    r, law = rewards_of(G), chances(p, G)
    each = pushes(r, BASELINES[baseline](r + added, p + added), p)  # (G+1,)
    mean = law @ each
    return float(mean), float(np.sqrt(max(law @ (each - mean) ** 2, 0.0)))


def pulls(lengths, by, longest):
    """What each word of answers of these lengths is pulled with, per unit of advantage (eq:aggregate): (N,)."""
    n = np.asarray(lengths, float)
    if by == "answer":
        return 1 / (n * len(n))
    return np.full(len(n), 1 / n.sum() if by == "token" else 1 / (len(n) * longest))
