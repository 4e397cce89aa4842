"""Scaling laws: what a loss becomes with more parameters and more tokens, and how to spend a budget on the two.

N parameters   D tokens   C FLOP of training, 6 N D   T tokens served later   L loss in nats a token
E the floor of the law   A, α what parameters take off   B, β what tokens take off   r residuals of ln L
The house model's tokens are words. A FLOP is one addition or one multiplication.
"""

from typing import NamedTuple

import numpy as np


class Law(NamedTuple):
    """L = E + A/N^α + B/D^β (eq:law)."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float


def loss(law, N, D):
    """What a law says of N parameters trained on D tokens (eq:law).

    >>> round(loss(Law(1.69, 406.4, 410.7, 0.34, 0.28), 70e9, 1.4e12), 2)
    1.94
    """
    return law.E + law.A / N**law.alpha + law.B / D**law.beta


# ---- spending a budget


def optimal_allocation(law, C):
    """The parameters and tokens of least loss for C FLOP (eq:optimum).

    >>> N, D = optimal_allocation(Law(0.0, 1.0, 1.0, 0.5, 0.5), 600)
    >>> round(N, 6), round(D, 6)   # 6 · 10 · 10, since parameters and tokens count alike
    (10.0, 10.0)
    """
    both = law.alpha + law.beta
    G = (law.alpha * law.A / (law.beta * law.B)) ** (1 / both)
    N = G * (C / 6) ** (law.beta / both)  # the exponent of N has β on top
    return N, C / (6 * N)


def isoflop_profile(law, C, N):
    """The losses of models of N parameters that are all trained with C FLOP: fewer tokens for more parameters.

    N        (..., n)
    returns  (..., n)
    """
    return loss(law, N, C / (6 * N))


def tokens_for(law, N, target):
    """The tokens after which N parameters reach a loss; infinite where they never do.

    >>> tokens_for(Law(1.0, 1.0, 1.0, 1.0, 1.0), 4.0, 1.5), tokens_for(Law(1.0, 1.0, 1.0, 1.0, 1.0), 4.0, 1.2)
    (4.0, inf)
    """
    left = target - law.E - law.A / N**law.alpha
    return (law.B / left) ** (1 / law.beta) if left > 0 else np.inf


def lifetime_flops(N, D, T):
    """FLOP of training on D tokens and serving T: 6 a parameter and token, and 2 (eq:lifetime).

    >>> lifetime_flops(10, 100, 300)
    12000
    """
    return 6 * N * D + 2 * N * T


def cheapest_to_serve(law, target, T):
    """The parameters and tokens that reach a loss for the fewest FLOP, T tokens served included (eq:served).

    At the best N the derivative of 6 N D + 2 N T vanishes, where D is what N needs: it is below 0 at the smallest N
    that can reach the loss, and above 0 at the one that is cheapest to train; so halve in between.
    """
    least = (law.A / (target - law.E)) ** (1 / law.alpha)  # with endless tokens
    most = (law.A * (1 + law.alpha / law.beta) / (target - law.E)) ** (1 / law.alpha)  # cheapest to train
    low, high = np.log(least), np.log(most)
    for _ in range(60):
        N = np.exp((low + high) / 2)
        D = tokens_for(law, N, target)
        slope = T + 3 * D * (1 - law.alpha * law.A * N**-law.alpha * D**law.beta / (law.beta * law.B))
        low, high = (low, np.log(N)) if slope > 0 else (np.log(N), high)
    N = np.exp(high)
    return N, tokens_for(law, N, target)


# ---- fitting a law: exponents on a grid, and for each pair of them a linear problem


def fit_scaling_law(N, D, L, delta=1e-3, counts=None, floor=True):
    """The law with the least sum of Huber losses of r = ln law − ln L (eq:objective), as in the paper.

    N, D, L  (n,)  runs    delta  residuals beyond it count by their size, not by their square
    counts   (n,)  how often each run counts; once when None    floor  without it E = 0
    The grid of exponents grows finer around its best pair, to a ten-thousandth of them.
    """
    counts = np.ones_like(L) if counts is None else counts
    alphas, betas = np.geomspace(0.04, 1.6, 13), np.geomspace(0.04, 1.6, 13)
    weight = counts / L**2  # (n,)
    apart = 40 ** (1 / 12)  # the ratio of neighbours on the grid
    for step in range(7):
        law, _, weight = best_of(alphas, betas, (N, D, L), delta, counts, floor, weight, 3 if step else 8)
        around = apart ** np.linspace(-1, 1, 7)  # (7,)
        alphas, betas, apart = law.alpha * around, law.beta * around, apart ** (1 / 3)
    return law


def best_of(alphas, betas, runs, delta, counts, floor, weight, rounds):
    """The best law with exponents from alphas × betas, its cost, and the runs' weights that it came to. E, A and B are
    from weighted least squares, where weights are such that its solution is that of eq:objective; they settle in a few
    rounds."""
    N, D, L = runs
    alpha, beta = (grid.ravel()[:, None] for grid in np.meshgrid(alphas, betas))  # (g, 1)
    N_0, D_0 = np.exp(np.log(N).mean()), np.exp(np.log(D).mean())  # in the middle, so that sums stay well apart
    X = np.stack([np.ones_like(alpha * N), (N / N_0) ** -alpha, (D / D_0) ** -beta], -1)  # (g, n, 3)
    for _ in range(rounds):
        terms = weighted_squares(X, L, weight, floor)  # (g, 3)
        says = np.maximum((X @ terms[:, :, None])[:, :, 0], 1e-9)  # (g, n)
        r = np.log(says / L)  # (g, n)
        bent = np.where(r == 0, 1, r / np.where(r == 0, 1, np.expm1(r)))  # (g, n), near 1: ln law bends, law does not
        weight = counts / np.maximum(np.abs(r), delta) * bent / (says * L)  # (g, n)
    size = np.abs(r)  # (g, n)
    cost = (counts * np.where(size < delta, r * r / 2, delta * (size - delta / 2))).sum(-1)  # (g,)
    cost = np.where((terms[:, 1:] > 0).all(-1), cost, np.inf)  # (g,), a law falls with N and with D
    i = int(np.argmin(cost))
    (E, A, B), a, b = terms[i], float(alpha[i, 0]), float(beta[i, 0])
    return Law(float(E), float(A * N_0**a), float(B * D_0**b), a, b), float(cost[i]), weight[i]


def weighted_squares(X, L, weight, floor):
    """The terms (g, 3) of least Σ weight · (X · terms − L)²; the first is never below 0, and 0 without a floor."""
    terms = np.zeros((len(X), 3))  # (g, 3)
    Xw = X * np.broadcast_to(weight, X.shape[:2])[:, :, None]  # (g, n, 3)
    M, y = np.swapaxes(Xw, 1, 2) @ X, (Xw * L[:, None]).sum(1)  # (g, 3, 3), (g, 3)
    M = M + 1e-12 * M.max() * np.eye(3)  # two columns may be all but the same
    if floor:
        terms = np.linalg.solve(M, y[:, :, None])[:, :, 0]  # (g, 3)
    bare = terms[:, 0] <= 0  # (g,)
    if bare.any():
        terms[bare] = 0
        terms[bare, 1:] = np.linalg.solve(M[bare, 1:, 1:], y[bare, 1:, None])[:, :, 0]
    return terms


# ---- how sure


def resampled(N, D, L, rng, delta=1e-3):
    """Laws, without end: each is fitted to as many runs as there are, drawn from them with repetition."""
    while True:
        counts = rng.multinomial(len(L), np.full(len(L), 1 / len(L))).astype(float)  # (n,)
        yield fit_scaling_law(N, D, L, delta, counts)


def bootstrap_ci(values, level=0.8):
    """The interval that holds the middle part of what resampled fits gave.

    >>> bootstrap_ci([5, 1, 4, 2, 3], 0.5)
    (2.0, 4.0)
    """
    low, high = np.quantile(np.asarray(values, float), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


# ---- without a law: a parabola through each slice of equal budget


def parabola_minimum(x, y):
    """Where the parabola of least squares through points has its bottom.

    x        (n,)     y  (..., n)

    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> round(float(parabola_minimum(x, (x - 1.25) ** 2)), 6)
    1.25
    """
    u = x - x.mean()  # (n,)
    v = u * u - (u * u).mean()  # (n,)
    v = v - u * (v * u).sum() / (u * u).sum()  # what a line can't be of u²
    bend = (y * v).sum(-1) / (v * v).sum()
    tilt = (y * u).sum(-1) / (u * u).sum() - bend * (u**3).sum() / (u * u).sum()
    return x.mean() - tilt / (2 * bend)


def line_through(x, y):
    """Slope and height at 0 of the line of least squares. x (n,), y (..., n)."""
    u = x - x.mean()  # (n,)
    slope = (y * u).sum(-1) / (u * u).sum()
    return slope, y.mean(-1) - slope * x.mean()
