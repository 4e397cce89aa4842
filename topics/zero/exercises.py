"""What a reader of the page on ZeRO is asked."""

import math

import numpy as np

from topics.kit import exercise, same
from topics.kit.model.optimizers import adamw_step
from topics.kit.page.exercise import shown


def _fewest_ranks(Psi, stage, memory):
    whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
    room = memory * 10**9 - sum(whole) * Psi
    shared = 18 - sum(whole)
    if not shared:
        return 1 if room >= 0 else 0
    most = room // shared  # parameters that a rank may have in its shard
    return -(-Psi // most) if most >= 1 else 0


@exercise(
    start="""
        def fewest_ranks(Psi, stage, memory):
            return -(-18 * Psi // (memory * 2**30))
    """,
    solution=_fewest_ranks,
    hint="Take off what every rank keeps whole. What is left of the memory says how large the largest shard may be.",
)
def find_the_fewest_ranks(answer, rng):
    """Write `fewest_ranks(Psi, stage, memory)`: how many ranks there must be at least, so that each holds its part of
    2 bytes for every parameter, 4 for its gradient and 12 for the optimiser in `memory` GB. Below stage 1 ranks share
    nothing. Where no number of them is enough, return 0; no answer is above 1,000. `Psi` and `memory` are whole
    numbers, and where a number of ranks does not divide `Psi`, some have one parameter more."""
    half = 500_000_000  # 18 bytes of each are 9 GB
    cases = [(half, 0, 9), (half + 1, 0, 9), (4 * half, 3, 9), (4 * half + 1, 3, 9), (4 * half - 1, 3, 9)]
    cases += [(2 * half, 1, 9), (2 * half + 1, 1, 9), (2 * half, 1, 6), (2 * half, 1, 7), (2 * half, 2, 3)]
    cases += [(half, 2, 1), (half, 2, 2), (100, 1, 1), (100, 3, 1), (1000 * half, 3, 9), (1000 * half - 1, 3, 9)]
    for stage in (1, 2, 3, 3):
        Psi, N = int(rng.integers(10**9, 10**10)), int(rng.integers(3, 60))
        memory = -(-_held(Psi, N, stage) // 10**9)  # N ranks are enough, fewer may be
        cases.append((Psi, stage, memory))
    for Psi, stage, memory in cases:
        fits = (N for N in range(1, 1001) if _held(Psi, N, stage) <= memory * 10**9)
        same(answer(Psi, stage, memory), next(fits, 0), "ranks", Psi=Psi, stage=stage, memory=memory)


def _held(Psi, N, stage):
    """Bytes on the fullest of N ranks."""
    largest = Psi // N + (Psi % N > 0)
    return (2 * (largest if stage == 3 else Psi) + 4 * (largest if stage >= 2 else Psi)
            + 12 * (largest if stage >= 1 else Psi))  # fmt: skip


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
    for sizes, limit, eta in [([2, 1, 1], 1e9, 0.1), ([3, 2, 2], 0.5, 0.1), ([2, 1, 1, 1], 0.3, 0.02), ([4], 0.5, 0.1),
                              ([1, 3], 1e9, 0.3), ([2, 2], 0.5, 0.1)]:  # fmt: skip
        _follow(answer, rng, sizes, limit, eta)


def _follow(answer, rng, sizes, limit, eta):
    """Four steps of an answer beside Adam written as loops."""
    Psi, N = sum(sizes), len(sizes)
    w = rng.normal(size=Psi)
    ends = np.cumsum(sizes)[:-1]
    shards, states = np.split(w, ends), [None] * N
    mine, m, v = w.tolist(), [0.0] * Psi, [0.0] * Psi
    for t in range(1, 5):
        grads = [rng.normal(0.2, [3.0, 0.2, 1.0, 0.05][t - 1], Psi) for _ in range(N)]
        given = {"sizes": sizes, "grads": np.array(grads), "eta": eta, "limit": limit}
        got = answer(shards, states, [g.copy() for g in grads], eta, limit)
        case = f"{N} rank{'s' * (N > 1)}, step {t}"
        lists = isinstance(got, tuple | list) and [hasattr(each, "__len__") and len(each) for each in got] == [N, N]
        assert lists, f"{case}: return two lists of {N}, the new weights and the new states, not {got!r:.160}"
        shards, states = got
        mean = [sum(float(g[i]) for g in grads) / N for i in range(Psi)]
        scale = min(1.0, limit / math.sqrt(sum(x * x for x in mean)))
        for i, x in enumerate(mean):
            m[i] = 0.9 * m[i] + 0.1 * x * scale
            v[i] = 0.95 * v[i] + 0.05 * (x * scale) ** 2
            mine[i] -= eta * (m[i] / (1 - 0.9**t)) / (math.sqrt(v[i] / (1 - 0.95**t)) + 1e-8)
        for r, expected in enumerate(np.split(np.array(mine), ends)):
            same(shards[r], expected, f"{case}: the new weights of rank {r}", rtol=1e-5, atol=1e-6, **given)
            owns = isinstance(states[r], tuple | list) and np.shape(states[r][0]) == (sizes[r],)
            assert owns, (
                f"{case}: expected the state of rank {r}'s {sizes[r]} weights, as adamw_step gives it, "
                f"got {states[r]!r:.160}{shown({'sizes': sizes})}"
            )
        shards = [np.asarray(w) for w in shards]


def _hybrid_sent(Psi, n, nodes, m):
    inside = 3 * m * (n - 1) / n * Psi
    across = 2 * (nodes - 1) / nodes * Psi / n
    return inside, across


@exercise(
    start="""
        def hybrid_sent(Psi, n, nodes, m):
            N = n * nodes
            return 3 * (N - 1) / N * Psi, 3 * (N - 1) / N * Psi
    """,
    solution=_hybrid_sent,
    hint="Inside a node it is stage 3 with n ranks. Across nodes the ranks that have the same shard average its "
    "gradient, and that is all.",
)
def count_hybrid_traffic(answer, rng):
    """Hybrid sharding cuts everything into shards inside a node of n ranks, and each node has a whole set. Write
    `hybrid_sent(Psi, n, nodes, m)`: how many numbers a rank sends in a step of m micro-batches, as a pair (to ranks of
    its node, to ranks of other nodes). Inside, each micro-batch gathers the parameters twice and scatters the
    gradients once. Across, the summed gradients of a shard are all-reduced once a step."""
    cases = [(8, 1), (1, 4), (2, 2), (8, 2), (4, 3), (3, 4), *rng.integers([2, 2], [9, 9], (3, 2)).tolist()]
    for n, nodes in cases:
        for m in (1, 4):
            Psi = n * nodes * int(rng.integers(1, 50))
            shard = Psi / n
            inside = sum(shard for _ in range(3 * m) for other in range(1, n))
            across = 2 * sum(shard / nodes for other in range(1, nodes))
            same(answer(Psi, n, nodes, m), [inside, across], "numbers sent", Psi=Psi, n=n, nodes=nodes, m=m)
