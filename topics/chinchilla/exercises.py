"""What a reader of the page on scaling laws is asked."""

import numpy as np

from topics.kit import exercise, same
from topics.kit.page.exercise import shown


def _law(rng):
    """E, A, B, α and β of a law whose terms are of like size for billions of parameters and tokens."""
    alpha, beta = rng.uniform(0.25, 0.45, 2)
    return float(rng.uniform(1, 2)), float(0.1 * 5e9**alpha), float(0.15 * 9e10**beta), float(alpha), float(beta)


def _spend(E, A, B, alpha, beta, C):
    G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    N = G * (C / 6) ** (beta / (alpha + beta))
    return N, C / 6 / N


@exercise(
    start="""
        def spend(E, A, B, alpha, beta, C):
            N = (C / (6 * 20)) ** 0.5  # twenty tokens a parameter
            return N, 20 * N
    """,
    solution=_spend,
    hint="Both terms, each times its exponent, are equal at the best spot: αA/N^α = βB/D^β. Put D = C/(6N) into it and "
    "solve for N. A search is welcome too, if it ends finer than a ten-thousandth.",
)
def spend_the_budget(answer, rng):
    """Write `spend(E, A, B, alpha, beta, C)`: the parameters and the tokens of least loss for `C` FLOP, by any law. The
    starter knows only the rule of thumb. Budgets go from 1e18 to 1e26; you may use `np`."""
    cases = [((1.69, 406.4, 410.7, 0.34, 0.28), 5.76e23), ((1.8172, 482.01, 2085.43, 0.3478, 0.3658), 1e21)]
    cases += [((1.2, 20.0, 1e4, 0.35, 0.35), 1e18), ((1.5, 100.0, 1e5, 0.2, 0.5), 1e26)]  # N is 6e4, and 1e13
    cases += [(_law(rng), float(10 ** rng.uniform(18, 26))) for _ in range(3)]
    for law, C in cases:
        E, A, B, alpha, beta = law
        low, high = 0.0, 80.0  # ln N, halved where the derivative of the loss changes its sign
        for _ in range(80):
            N = np.exp((low + high) / 2)
            falls = alpha * A / N**alpha > beta * B / (C / (6 * N)) ** beta
            low, high = (np.log(N), high) if falls else (low, np.log(N))
        got = answer(E, A, B, alpha, beta, C)
        given = {"E": E, "A": A, "B": B, "alpha": alpha, "beta": beta, "C": C}
        two = isinstance(got, tuple | list | np.ndarray) and len(got) == 2
        assert two, f"return two numbers, N and D, not {got!r:.60}{shown(given)}"
        same(6 * got[0] * got[1] / C, 1.0, "6 · N · D over the budget", rtol=1e-6, **given)
        same(got[0], N, "N", rtol=1e-4, **given)


def _misses(E, A, B, alpha, beta, N, D, L, delta):
    r = np.log(E + A / N**alpha + B / D**beta) - np.log(L)
    size = np.abs(r)
    return np.where(size <= delta, r**2 / 2, delta * (size - delta / 2)).sum()


@exercise(
    start="""
        def misses(E, A, B, alpha, beta, N, D, L, delta):
            # N, D, L (n,): runs and their losses
            r = E + A / N**alpha + B / D**beta - L
            return np.mean(r**2 / 2)
    """,
    solution=_misses,
    hint="r is the logarithm of the law over the loss. Where |r| ≤ δ a run counts r²/2; beyond, δ(|r| − δ/2), so that "
    "the two meet at δ with the same slope. Add up, do not average.",
)
def weigh_the_misses(answer, rng):
    """Write `misses(E, A, B, alpha, beta, N, D, L, delta)`: what the fit minimises, the sum of the Huber losses of the
    residuals of ln L. The starter takes squares of plain differences, and their mean."""
    # by how many δ the law misses each run: near and far, above and below
    cases = [(1e-3, [0.5]), (0.02, [3.0, -0.5, -4.0, 0.8])]
    cases += [
        (delta, rng.normal(size=n) * spread) for n, delta, spread in ((6, 1e-3, 20), (9, 0.1, 0.5), (5, 0.05, 10))
    ]
    for delta, off in cases:
        law, n = _law(rng), len(off)
        N, D = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(9, 12, n)
        total, L = 0.0, []
        for i in range(n):
            says = law[0] + law[1] / N[i] ** law[3] + law[2] / D[i] ** law[4]
            L.append(says * np.exp(-off[i] * delta))
            r = abs(np.log(says) - np.log(L[-1]))
            total += r * r / 2 if r <= delta else delta * r - delta * delta / 2
        given = dict(zip(("E", "A", "B", "alpha", "beta"), law, strict=True), delta=delta, N=N, D=D, L=np.array(L))
        same(answer(*law, N.copy(), D.copy(), np.array(L), delta), total, "the sum", rtol=1e-7, atol=0.0, **given)


def _terms(N, D, L, alpha, beta):
    X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
    size = np.abs(X).max(0)
    return np.linalg.lstsq(X / size, L, rcond=None)[0] / size


@exercise(
    start="""
        def terms(N, D, L, alpha, beta):
            # N, D, L (n,): runs and their losses
            X = np.stack([N**-alpha, D**-beta], 1)  # (n, 2)
            A, B = np.linalg.lstsq(X, L, rcond=None)[0]
            return np.array([0.0, A, B])
    """,
    solution=_terms,
    hint="With the exponents fixed, L = E·1 + A·x + B·y, where x = N^−α and y = D^−β: a linear fit with three columns. "
    "The columns differ by factors of thousands; divide each by its largest number before, and the answer after.",
)
def solve_for_the_terms(answer, rng):
    """With both exponents fixed, the rest of the fit is linear. Write `terms(N, D, L, alpha, beta)`: the array `E, A,
    B` of least squares of L, unweighted. The starter leaves the floor out. The check takes exact losses, then noisy
    ones."""
    for noise in (0.0, 0.01, 0.05):
        n = int(rng.integers(8, 20))
        E, A, B, alpha, beta = _law(rng)
        N, D = 10 ** rng.uniform(7, 10, n), 10 ** rng.uniform(9, 12, n)
        L = E + A / N**alpha + B / D**beta + noise * rng.normal(size=n)
        a, b = 0.1 * 5e9**alpha, 0.15 * 9e10**beta  # the columns in these units are of like size
        X = np.stack([np.ones(n), a * N**-alpha, b * D**-beta], 1)
        M, y = X.T @ X, X.T @ L
        right = np.linalg.solve(M, y) * np.array([1.0, a, b])
        got = answer(N.copy(), D.copy(), L.copy(), alpha, beta)
        same(got, right, "E, A, B", rtol=1e-8, N=N, D=D, L=L, alpha=alpha, beta=beta)


def _descend(losses, x):
    step = 0.1
    while step > 1e-7:
        tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
        best = min(tries, key=lambda each: losses(each).sum())
        if losses(best).sum() < losses(x).sum():
            x = best
        else:
            step /= 2
    return x


@exercise(
    start="""
        def descend(losses, x):
            # losses(x): the loss of each run (n,) at x (k,), which is where to begin
            step = 0.1
            while True:
                tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                best = min(tries, key=lambda each: losses(each).mean())
                if losses(x).mean() - losses(best).mean() < 1e-5:
                    return x
                x = best
    """,
    solution=_descend,
    hint="The starter gives up when the mean changes by less than 1e-5, and the losses may be a millionth. No fixed "
    "number is small enough. Stop by something that does not depend on how large the losses are: halve the step when "
    "nothing gets better, and end when the step is tiny.",
)
def do_not_stop_early(answer, rng):
    """The starter walks downhill, one coordinate at a time, and stops as the original fit did: when the mean loss
    changes by less than a fixed tolerance. Huber losses with δ = 0.001 are tiny, so it stops where it began. Mend
    `descend(losses, x)`, so that it ends within 1e-4 of the lowest point, however the losses are scaled."""
    for scale, k in ((1.0, 2), (1e-9, 2), (1e-30, 1), (1e-120, 2), (1e-9, 3)):
        Q = np.linalg.qr(rng.normal(size=(12, k)))[0]
        J = 3 * Q @ (0.7 * np.eye(k) + 0.3 * np.tri(k))  # a valley that is not along the coordinates, and not narrow
        lowest, noise = rng.uniform(-0.5, 0.5, k), rng.normal(size=12)
        noise -= Q @ (Q.T @ noise)  # so that the sum's slope is 0 at the lowest point
        noise *= 0.05 / np.abs(noise).max()

        def losses(x, J=J, lowest=lowest, noise=noise, scale=scale):
            r = np.abs(J @ (np.asarray(x) - lowest) + noise)
            return scale * np.where(r < 0.1, r * r / 2, 0.1 * (r - 0.05))

        start = lowest + np.array([0.3, -0.2, 0.1])[:k] + rng.uniform(0.01, 0.09, k)
        got = answer(losses, start.copy())
        same(got, lowest, "where it ends", rtol=0.0, atol=1e-4, start=start, scale=scale)


def _cheapest(E, A, B, alpha, beta, target, T):
    def flops(x):
        N = np.exp(x)
        left = target - E - A / N**alpha
        return np.inf if left <= 0 else 6 * N * (B / left) ** (1 / beta) + 2 * N * T

    low, high = np.log((A / (target - E)) ** (1 / alpha)), 80.0
    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, b) if flops(a) < flops(b) else (a, high)
    return np.exp((low + high) / 2)


@exercise(
    start="""
        def cheapest(E, A, B, alpha, beta, target, T):
            # of all N that reach the loss, the one that is cheapest to train; T is ignored
            return (A * (1 + alpha / beta) / (target - E)) ** (1 / alpha)
    """,
    solution=_cheapest,
    hint="For each N, D = (B/(target − E − A/N^α))^(1/β), if what is left is above 0. Then 6·N·D + 2·N·T has one "
    "valley over ln N: cut it into thirds again and again, or solve for the zero of its derivative.",
)
def include_the_serving(answer, rng):
    """Write `cheapest(E, A, B, alpha, beta, target, T)`: the parameters that reach the loss `target` for the fewest
    FLOP, training and `T` tokens served together. The starter forgets the serving. To a hundredth of a percent; you may
    use `np`."""
    cases = [((1.8172, 482.01, 2085.43, 0.3478, 0.3658), 1e24), ((1.5, 100.0, 1e5, 0.2, 0.5), 1e26)]
    cases += [(_law(rng), float(10 ** rng.uniform(21, 25))) for _ in range(2)]
    for law, C in cases:
        E, A, B, alpha, beta = law
        G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
        N = G * (C / 6) ** (beta / (alpha + beta))
        D = C / (6 * N)
        target = E + A / N**alpha + B / D**beta
        for T in (0.0, float(D * rng.uniform(1, 5)), float(D * rng.uniform(30, 100))):
            low, high = np.log((A / (target - E)) ** (1 / alpha)), np.log(N)
            for _ in range(80):  # the derivative of 6ND + 2NT by N, over 2
                x = np.exp((low + high) / 2)
                d = (B / (target - E - A / x**alpha)) ** (1 / beta)
                rises = T + 3 * d - 3 * d * (alpha * A / x**alpha) / (beta * B / d**beta) > 0
                low, high = (low, np.log(x)) if rises else (np.log(x), high)
            given = {"E": E, "A": A, "B": B, "alpha": alpha, "beta": beta, "target": target, "T": T}
            same(answer(E, A, B, alpha, beta, target, T), np.exp(high), "N", rtol=1e-4, **given)
