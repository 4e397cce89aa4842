"""Model merging: arithmetic on the weights of models that began as one.

θ0 the base   θk models trained on from it, K of them   τk = θk − θ0 their task vectors   λ how much of one is added
ρ density, the share of a change that is kept   p = 1 − ρ the share that is dropped   t the place on a path   Ω an angle
A model's weights are a dict {name: array}; what is said of weights holds array by array.
"""

import numpy as np

# ---- sums


def task_vector(tuned, base):
    """What training changed: θk − θ0, array by array (eq:task).

    >>> task_vector({"W": np.array([1.5, 2.0])}, {"W": np.array([1.0, 4.0])})["W"].tolist()
    [0.5, -2.0]
    """
    return {name: tuned[name] - w for name, w in base.items()}


def add_changes(base, changes, lam):
    """The base and λk of each change (eq:arithmetic).

    changes  K dicts   lam  K numbers
    """
    return {name: w + sum(s * change[name] for s, change in zip(lam, changes, strict=True)) for name, w in base.items()}


def linear_merge(models, shares):
    """The mean of models, weighted by shares that need not sum to 1 (eq:mean).

    >>> linear_merge([{"W": np.array([1.0])}, {"W": np.array([5.0])}], (3, 1))["W"].tolist()
    [2.0]
    """
    whole = sum(shares)
    return {name: sum(s / whole * each[name] for s, each in zip(shares, models, strict=True)) for name in models[0]}


# ---- TIES: trim, elect, merge (arXiv 2306.01708)


def ties_merge(base, changes, density=0.2, lam=1.0):
    """The base and λ of what the changes agree on (eq:ties).

    changes  K dicts   density  the share of each array that is kept before the vote
    """
    merged = {}
    for name, w in base.items():
        kept = np.stack([trim(change[name], density) for change in changes])  # (K, ...)
        merged[name] = w + lam * agreed_mean(kept, elect_sign(kept))
    return merged


def trim(x, density):
    """The largest numbers of x by size, so many of them as density says; the others become 0.

    x of any shape. At least one is kept; those as large as the last one kept stay, too.

    >>> trim(np.array([3.0, -4.0, 0.5, 1.0]), 0.5).tolist()
    [3.0, -4.0, 0.0, 0.0]
    """
    size = np.abs(x)
    n = max(1, int(density * size.size))
    least = np.partition(size, size.size - n, axis=None)[size.size - n]
    return np.where(size >= least, x, 0)


def elect_sign(x):
    """The sign that has more weight on its side: that of the sum, + where it is 0.

    x  (K, ...)   returns (...), 1 or −1

    >>> elect_sign(np.array([[3.0, 1.0], [-1.0, -2.0], [-1.0, 1.0]])).tolist()
    [1.0, 1.0]
    """
    return np.where(x.sum(0) >= 0, 1.0, -1.0).astype(x.dtype)


def agreed_mean(x, sign):
    """The mean of those numbers that have the elected sign; 0 where none has it.

    x  (K, ...)   sign (...)   returns (...)

    >>> agreed_mean(np.array([[3.0, 0.0], [-1.0, 0.0], [1.0, -2.0]]), np.array([1.0, 1.0])).tolist()
    [2.0, 0.0]
    """
    agree = x * sign > 0  # (K, ...), a trimmed 0 agrees with nobody
    return np.where(agree, x, 0).sum(0) / np.maximum(agree.sum(0), 1).astype(x.dtype)


# ---- DARE: drop and rescale (arXiv 2311.03099)


def dare(x, p, rng, rescale=True):
    """Drop each number of x with probability p, and divide what is left by 1 − p: right in the mean (eq:dare).

    >>> dare(np.ones(8), 0.5, np.random.default_rng(0)).tolist()
    [2.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0]
    """
    kept = np.where(rng.random(np.shape(x)) >= p, x, 0)
    return kept / np.asarray(1 - p, kept.dtype) if rescale else kept


# ---- paths


def slerp(t, a, b):
    """From a at t = 0 to b at t = 1 at a constant rate of turning (eq:slerp); a straight line where they are parallel.

    a, b  of one shape, their lengths need not be equal

    >>> slerp(0.5, np.array([1.0, 0.0]), np.array([0.0, 1.0])).round(4).tolist()
    [0.7071, 0.7071]
    """
    omega = angle(a, b)
    if np.sin(omega) < 1e-6:  # the formula would divide by 0; of opposite ones no arc is the shortest
        return (1 - t) * a + t * b
    return (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)


def angle(a, b):
    """The angle between two arrays, in radians.

    >>> round(angle(np.array([2.0, 0.0]), np.array([1.0, 1.0])) / np.pi, 4)
    0.25
    """
    return float(np.arccos(np.clip(cosine(a, b), -1, 1)))


def cosine(a, b):
    """The cosine of the angle between two arrays of one shape."""
    a, b = np.ravel(a).astype(float), np.ravel(b).astype(float)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


# ---- soups (arXiv 2203.05482)


def greedy_soup(models, score):
    """Take models from the best on, and keep each whose mean with those taken so far scores no less.

    score    what a model scores on held-out data, more is better
    returns  the mean, and the places of its ingredients in models

    >>> soup, taken = greedy_soup([{"w": 1.0}, {"w": 2.0}, {"w": 9.0}], lambda m: -abs(m["w"] - 1.6))
    >>> soup, taken
    ({'w': 1.5}, [1, 0])
    """
    order = sorted(range(len(models)), key=lambda i: -score(models[i]))
    taken, soup = order[:1], models[order[0]]
    for i in order[1:]:
        tried = linear_merge([models[j] for j in [*taken, i]], [1] * (len(taken) + 1))
        if score(tried) >= score(soup):
            taken, soup = [*taken, i], tried
    return soup, taken
