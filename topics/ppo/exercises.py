"""What a reader of the page on PPO is asked."""

import math

import numpy as np

from topics.kit import exercise, same

# ---- the loss


def _loss(log_p, log_old, A, mask, low, high):
    rho = np.exp(log_p - log_old)
    objective = np.minimum(rho * A, np.clip(rho, 1 - low, 1 + high) * A)
    return -(objective * mask).sum() / mask.sum()


@exercise(
    start="""
        def ppo_loss(log_p, log_old, A, mask, low, high):
            # all but low and high: (N, T)
            rho = np.exp(log_p - log_old)
            return -np.mean(np.clip(rho * A, 1 - low, 1 + high))
    """,
    solution=_loss,
    hint="The ratio is clipped, not its product with A. Of the two products the lesser counts, whatever the sign of A. "
    "Then the mean: of which places?",
)
def clip_the_ratio(answer, rng):
    """Write `ppo_loss(log_p, log_old, A, mask, low, high)`: minus the mean of PPO's clipped objective over the tokens
    of N answers. The ratio of the new probability to the old one is clipped to 1 − low … 1 + high. Only tokens where
    `mask` is true count, all alike; what stands elsewhere is padding, finite numbers that mean nothing."""
    for N, T, low, high, sign in ((1, 4, 0.2, 0.2, 1), (3, 6, 0.2, 0.28, 0), (2, 5, 0.1, 0.4, -1), (4, 3, 0.3, 0.1, 0)):
        log_old = -rng.uniform(0.1, 3, (N, T))
        log_p = log_old + rng.choice([-0.7, -0.25, -0.05, 0.0, 0.05, 0.25, 0.7], (N, T))
        A = rng.normal(size=(N, T)) if sign == 0 else sign * rng.uniform(0.2, 2, (N, T))
        mask = np.arange(T) < rng.integers(1, T + 1, N)[:, None]
        mask[0] = True
        if N > 1:
            mask[1, -2:] = False
        A[~mask], log_p[~mask] = 7.0, 0.0
        total, n = 0.0, 0
        for i, t in zip(*np.nonzero(mask), strict=True):
            rho = math.exp(log_p[i, t] - log_old[i, t])
            total += min(rho * A[i, t], min(max(rho, 1 - low), 1 + high) * A[i, t])
            n += 1
        got = answer(log_p.copy(), log_old.copy(), A.copy(), mask.copy(), low, high)
        same(got, -total / n, "the loss", ratios=np.exp(log_p - log_old), A=A, mask=mask, low=low, high=high)


# ---- advantages


def _advantages(r, V, V_next, terminated, truncated, gamma, lam):
    A, after = np.zeros(len(r)), 0.0
    for t in reversed(range(len(r))):
        ahead = 0.0 if terminated[t] else V_next[t]
        carried = 0.0 if terminated[t] or truncated[t] else after
        A[t] = after = r[t] + gamma * ahead - V[t] + gamma * lam * carried
    return A


@exercise(
    start="""
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            # all but gamma and lam: (T,)
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                delta = r[t] + gamma * V_next[t] - V[t]
                A[t] = after = delta + gamma * lam * after
            return A
    """,
    solution=_advantages,
    hint="Two questions at each step. Is the next state worth anything? Not if the episode terminated. Does the next "
    "row belong to the same episode? Not if it ended, in either way.",
)
def end_an_episode(answer, rng):
    """Write `advantages(r, V, V_next, terminated, truncated, gamma, lam)`: GAE over T steps in a row, in which several
    episodes end. `V_next` is the critic's value of the state that a step led to, before any reset. `terminated`: the
    pole fell, nothing more is to come. `truncated`: the episode was cut off by a time limit and would have gone on."""
    for T, gamma, lam, fell, cut in (
        (5, 0.9, 0.8, [], []), (6, 0.99, 0.95, [2], []), (6, 0.9, 0.7, [], [3]), (7, 1.0, 1.0, [1, 6], [4]),
        (4, 0.95, 0.0, [1], [3]), (8, 0.9, 1.0, [5], [2, 7]),
    ):  # fmt: skip
        r, V, V_next = rng.normal(size=T), rng.normal(size=T), rng.normal(size=T)
        terminated, truncated = np.zeros(T, bool), np.zeros(T, bool)
        terminated[fell], truncated[cut] = True, True
        for t in range(T - 1):
            if t not in (*fell, *cut):
                V_next[t] = V[t + 1]
        expected = np.zeros(T)
        for t in range(T):  # the sum itself, forwards
            weight = 1.0
            for k in range(t, T):
                ahead = 0.0 if k in fell else V_next[k]
                expected[t] += weight * (r[k] + gamma * ahead - V[k])
                weight *= gamma * lam
                if k in (*fell, *cut):
                    break
        got = answer(r.copy(), V.copy(), V_next.copy(), terminated.copy(), truncated.copy(), gamma, lam)
        same(got, expected, "the advantages", r=r, V=V, V_next=V_next, terminated=terminated, truncated=truncated,
             gamma=gamma, lam=lam)  # fmt: skip


# ---- whitening


def _whitened(A, mask):
    real = A[mask]
    return np.where(mask, (A - real.mean()) / (real.std() + 1e-8), 0.0)


@exercise(
    start="""
        def whitened(A, mask):
            # A (N, T), mask (N, T) bool
            return (A - A.mean()) / A.std() * mask
    """,
    solution=_whitened,
    hint="`A[mask]` is what counts, in one row. Both numbers are taken from it.",
)
def whiten_what_counts(answer, rng):
    """Write `whitened(A, mask)`: advantages with mean 0 and standard deviation 1 over all tokens of the batch that
    count, and 0 in the padding. Leave `A` as it is. Divide by the standard deviation with the count as its
    denominator, plus 1e-8: where all advantages are equal the result is 0."""
    for N, T, kind in ((3, 5, "normal"), (2, 7, "far"), (4, 4, "equal"), (1, 6, "whole")):
        A = rng.normal(2 if kind == "far" else 0, 3, (N, T)) if kind != "equal" else np.full((N, T), 2.0)
        mask = np.ones((N, T), bool) if kind == "whole" else np.arange(T) < rng.integers(1, T, N)[:, None]
        mask[0, :2] = True
        A[~mask] = 50.0
        real = [float(x) for x in A[mask]]
        mean = sum(real) / len(real)
        deviation = math.sqrt(sum((x - mean) ** 2 for x in real) / len(real))
        expected = [[(A[i, t] - mean) / (deviation + 1e-8) if mask[i, t] else 0.0 for t in range(T)] for i in range(N)]
        kept = A.copy()
        same(answer(A, mask.copy()), expected, "the advantages", A=kept, mask=mask)
        same(A, kept, "the advantages A that you were given")


# ---- the size of a step


def _measured(log_p, log_old, A, eps):
    d = log_p - log_old
    held = ((A > 0) & (np.exp(d) > 1 + eps)) | ((A < 0) & (np.exp(d) < 1 - eps))
    return (np.expm1(d) - d).mean(), held.mean()


@exercise(
    start="""
        def measured(log_p, log_old, A, eps):
            # (n,) each but eps; the actions were drawn from the old policy
            rho = np.exp(log_p - log_old)
            return -np.log(rho).mean(), (np.abs(rho - 1) > eps).mean()
    """,
    solution=_measured,
    hint="The mean of ρ − 1 is 0 over the old policy's actions, so (ρ − 1) − ln ρ has the same mean as −ln ρ, and is "
    "never negative. ρ − 1 is `np.expm1` of the log-ratio. Held: A > 0 and beyond 1 + ε, or A < 0 and below 1 − ε.",
)
def measure_the_step(answer, rng):
    """Write `measured(log_p, log_old, A, eps)`: two numbers. First k3, the mean of (ρ − 1) − ln ρ, an estimate of the
    KL from the old policy to the new one that is never negative. It must be right to six digits also where all ratios
    lie within a millionth of 1. Second the share of actions that get no gradient from PPO's clipped loss."""
    for n, size, eps, side in (
        (6, 0.5, 0.2, 0), (9, 0.3, 0.1, 0), (5, 1e-6, 0.2, 0), (8, 1.5, 0.3, 0), (3, 0, 0.2, 1), (3, 0, 0.3, -1),
    ):  # fmt: skip
        log_old = -rng.uniform(0.1, 2, n)
        log_p = log_old + size * rng.choice([-1.0, -0.6, 0.3, 0.7, 1.0], n)
        A = rng.choice([-1.0, 1.0, 0.5, -2.0], n)
        if side:  # the first lies between ε and ln(1 + ε), or their counterparts below 1
            log_p = log_old + side * np.array([(eps + side * math.log1p(side * eps)) / 2, 0.6, -0.6])
            A = side * np.array([1.0, 0.5, 2.0])
        kls, held = [], 0
        for d, a in zip(log_p - log_old, A, strict=True):
            series, term = 0.0, d  # ρ − 1 − ln ρ = d²/2! + d³/3! + …
            for k in range(2, 40):
                term *= d / k
                series += term
            kls.append(series)
            held += (a > 0 and math.exp(d) > 1 + eps) or (a < 0 and math.exp(d) < 1 - eps)
        got = answer(log_p.copy(), log_old.copy(), A.copy(), eps)
        assert isinstance(got, tuple | list) and len(got) == 2, "return two numbers: k3 and the share that is held"
        given = {"log_p − log_old": log_p - log_old, "A": A, "eps": eps}
        same(got[0], sum(kls) / n, "k3", rtol=1e-6, atol=0, **given)
        same(got[1], held / n, "the share that gets no gradient", **given)
