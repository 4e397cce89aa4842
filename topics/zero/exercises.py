"""What a reader of the page on ZeRO is asked."""

import math

import numpy as np

from topics.kit import exercise, same
from topics.kit.model.optimizers import adamw_step


def _gigabytes(Psi, N, stage):
    share = -(-Psi // N)
    parameters = share if stage == 3 else Psi
    gradients = share if stage >= 2 else Psi
    optimizer = share if stage >= 1 else Psi
    return (2 * parameters + 4 * gradients + 12 * optimizer) / 1e9


@exercise(
    start="""
        def gigabytes(Psi, N, stage):
            return 18 * Psi / N / 2**30
    """,
    solution=_gigabytes,
    hint="Three terms, each of Ψ or of a share. The fullest rank's share is Ψ/N rounded up. A GB is 10⁹ bytes.",
)
def count_the_bytes(answer, rng):
    """Write `gigabytes(Psi, N, stage)`: what the fullest of N ranks holds, in GB, at stage 0, 1, 2 or 3: 2 bytes for
    each parameter, 4 for its gradient (FP32), 12 for the optimiser. `Psi` is a whole number, and no parameter may be
    lost where N does not divide it."""
    cases = [(7_500_000_000, 64), (10, 4), (3, 8), (1_000, 1), *rng.integers([5, 2], [100, 9], (4, 2)).tolist()]
    for Psi, N in cases:
        largest = max(len(range(r, Psi, N)) for r in range(N)) if Psi < 1000 else math.ceil(Psi / N)
        for stage in range(4):
            kept = [Psi if stage < least else largest for least in (3, 2, 1)]
            expected = sum(each * n for each, n in zip((2, 4, 12), kept, strict=True)) / 1e9
            same(answer(Psi, N, stage), expected, "GB", rtol=1e-12, atol=0, Psi=Psi, N=N, stage=stage)


def _sharded_step(shards, states, grads, eta, limit):
    N = len(shards)
    mean = sum(grads) / N
    norm = np.sqrt(mean @ mean)
    mean = mean * min(1.0, limit / norm)
    ends = np.cumsum([len(w) for w in shards])[:-1]
    moved = [adamw_step(w, g, state, eta) for w, g, state in zip(shards, np.split(mean, ends), states, strict=True)]
    return [w for w, _ in moved], [state for _, state in moved]


@exercise(
    start="""
        def sharded_step(shards, states, grads, eta, limit):
            new, moments = [], []
            for r in range(len(shards)):
                start = r * len(shards[0])
                g = grads[r][start : start + len(shards[r])]
                g = g * min(1.0, limit / np.sqrt(g @ g))
                w, state = adamw_step(shards[r], g, None, eta)
                new.append(w)
                moments.append(state)
            return new, moments
    """,
    solution=_sharded_step,
    hint="First what needs all ranks: the mean of their gradients, and its length. Then each rank moves its own shard, "
    "with the state that it kept. The shards are not equally long.",
)
def clip_and_step(answer, rng):
    """Write `sharded_step(shards, states, grads, eta, limit)`: one step of Adam on N ranks. `shards[r]` are rank r's
    weights, `states[r]` what its last step gave (None at the first), `grads[r]` the gradient of rank r's own texts by
    all Ψ weights, in the order of the shards. The gradient is the mean over ranks; if it is longer than `limit`, it is
    shortened to `limit` as a whole. `adamw_step(w, g, state, eta)` gives the new weights and the new state; return the
    lists of both."""
    for sizes, limit in [([2, 2], 1e9), ([3, 2, 2], 0.5), ([2, 1, 1, 1], 0.3), ([4], 0.5), ([1, 3], 1e9)]:
        _follow(answer, rng, sizes, limit)


def _follow(answer, rng, sizes, limit):
    """Four steps of an answer beside Adam written as loops."""
    Psi, N, eta = sum(sizes), len(sizes), 0.1
    w = rng.normal(size=Psi)
    ends = np.cumsum(sizes)[:-1]
    shards, states = np.split(w, ends), [None] * N
    mine, m, v = w.tolist(), [0.0] * Psi, [0.0] * Psi
    for t in range(1, 5):
        grads = [rng.normal(0.2, [3.0, 0.2, 1.0, 0.05][t - 1], Psi) for _ in range(N)]
        shards, states = answer(shards, states, grads, eta, limit)
        mean = [sum(float(g[i]) for g in grads) / N for i in range(Psi)]
        scale = min(1.0, limit / math.sqrt(sum(x * x for x in mean)))
        for i, x in enumerate(mean):
            m[i] = 0.9 * m[i] + 0.1 * x * scale
            v[i] = 0.95 * v[i] + 0.05 * (x * scale) ** 2
            mine[i] -= eta * (m[i] / (1 - 0.9**t)) / (math.sqrt(v[i] / (1 - 0.95**t)) + 1e-8)
        case = f"the weights of {N} ranks after step {t}"
        assert len(shards) == N, f"{case}: {len(shards)} shards, expected {N}"
        for r, expected in enumerate(np.split(np.array(mine), ends)):
            same(shards[r], expected, f"{case}, rank {r}", sizes=sizes, limit=limit)


def _sent(Psi, N, stage, m, reshard):
    if stage < 2:
        rounds = 2
    elif stage == 2:
        rounds = m + 1
    else:
        rounds = (3 if reshard else 2) * m
    return rounds * Psi * (N - 1) / N


@exercise(
    start="""
        def sent(Psi, N, stage, m, reshard):
            return (3 if stage == 3 else 2) * Psi
    """,
    solution=_sent,
    hint="Count reduce-scatters and all-gathers, each (N − 1)/N · Ψ. Below stage 2 a rank keeps whole gradients and "
    "adds up; from stage 2 on it can't.",
)
def count_what_is_sent(answer, rng):
    """Write `sent(Psi, N, stage, m, reshard)`: how many numbers each of N ranks sends in one step of m micro-batches.
    Below stage 2 gradients are summed first and exchanged once a step; from stage 2 on each micro-batch's are
    scattered. At stage 3 each micro-batch gathers all parameters for its forward pass, and with `reshard` again for
    its backward pass; below, they are gathered once a step."""
    for N in (1, 2, 8, int(rng.integers(3, 100))):
        for m in (1, 4):
            Psi = 8 * int(rng.integers(1, 100))
            for stage in range(4):
                for reshard in (True, False):
                    scatters = sum(1 for j in range(m) if stage >= 2 or j == m - 1)
                    gathers = 0
                    for _ in range(m):
                        gathers += (1 + reshard) if stage == 3 else 0
                    gathers += stage < 3
                    expected = sum(Psi / N for r in range(1, N)) * (scatters + gathers)
                    case = {"Psi": Psi, "N": N, "stage": stage, "m": m, "reshard": reshard}
                    same(answer(Psi, N, stage, m, reshard), expected, "numbers sent", **case)
