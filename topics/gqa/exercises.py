"""What a reader of the page on grouped-query attention is asked."""

import tracemalloc

import numpy as np

from topics.kit import exercise, same, softmax


def _attend_in_groups(q, K, V):
    _, H_kv, D = K.shape
    asked = q.reshape(H_kv, -1, D)
    w = softmax(np.einsum("gxd,tgd->gxt", asked, K) / np.sqrt(D))
    return np.einsum("gxt,tgd->gxd", w, V).reshape(q.shape)


@exercise(
    start="""
        def attend_in_groups(q, K, V):
            # q (H, D): one token's queries      K, V (T, H_kv, D): the cache
            T, H_kv, D = K.shape
            asked = q.reshape(-1, H_kv, D)
            w = softmax(np.einsum("xgd,tgd->xgt", asked, K) / np.sqrt(D))
            return np.einsum("xgt,tgd->xgd", w, V).reshape(q.shape)
    """,
    solution=_attend_in_groups,
    hint="A reshape counts along the last axis first. Query heads 0, 1, …, G − 1 share head 0: which of the two new "
    "axes must come first?",
)
def attend_without_copies(answer, rng):
    """A fast kernel never writes the cache out for every query head: it gives the *queries* a shape with one axis more,
    so that each key and value serves its whole group where it lies. Write `attend_in_groups(q, K, V)` that way, for one
    token. The check watches the memory: there must be no room in it for `T · H · D` numbers. The starter code runs and
    has the right shapes, but pairs heads wrongly. You may use `np` and `softmax`."""
    for H_kv, G in ((1, 3), (int(rng.integers(2, 4)), int(rng.integers(2, 5))), (3, 1)):
        q, K, V = _one_token(rng, int(rng.integers(2, 7)), H_kv, G, int(rng.integers(2, 6)))
        got, expected = answer(q.copy(), K.copy(), V.copy()), _head_by_head(q, K, V)
        if np.shape(got) != expected.shape:
            same(got, expected, q=q, K=K, V=V)
        for h in range(H_kv * G):
            same(got[h], expected[h], f"query head {h}, which reads key/value head {h // G}", q=q, K=K, V=V)
    q, K, V = _one_token(rng, T=24, H_kv=2, G=32, D=48)
    got, held = _watched(answer, q.copy(), K.copy(), V.copy())
    same(got, _head_by_head(q, K, V), q=q, K=K, V=V)
    copied = 24 * 64 * 48
    assert held < copied, (
        f"a cache of {K.size:,} numbers in keys, as many in values, for 64 query heads: your code held {held:,.0f} at "
        f"once; keys written out for every head are {copied:,}. Give the queries another shape instead"
    )


def _one_token(rng, T, H_kv, G, D):
    """Queries (H, D), and a cache of keys and values (T, H_kv, D) each."""
    return rng.normal(size=(H_kv * G, D)), *rng.normal(size=(2, T, H_kv, D))


def _head_by_head(q, K, V):
    G, y = len(q) // K.shape[1], []
    for h, asked in enumerate(q):
        e = np.exp(K[:, h // G] @ asked / len(asked) ** 0.5)  # small scores: nothing overflows
        y.append(sum(x / e.sum() * v for x, v in zip(e, V[:, h // G], strict=True)))
    return np.array(y)


def _watched(function, *inputs):
    """What a function gives, and the most numbers of 64 bits for which it had taken memory at once."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        result = function(*inputs)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return result, (most - before) / 8


def _gpu_kib(L, H_kv, D, b, P):
    return 2 * L * max(1, H_kv // P) * D * b / 1024


@exercise(
    start="""
        def gpu_kib(L, H_kv, D, b, P):
            # L layers, H_kv key/value heads of width D, b bytes a number, P GPUs that share the heads
            return L * H_kv * D * b / P / 1000
    """,
    solution=_gpu_kib,
    hint="Three things are missing: that keys and values are two, what a KiB is, and that half a head is no head.",
)
def weigh_a_share(answer, rng):
    """Write `gpu_kib(L, H_kv, D, b, P)`: the KiB that a token leaves in the cache of *each* of P GPUs. `P` divides
    `H_kv`, or is a multiple of it. The starter code makes three mistakes."""
    P, more = int(rng.integers(2, 12)), int(rng.integers(2, 6))
    shares = ((8, 8), (P * more, P), (P, P * more), (P, 1), (1, P))  # heads, GPUs
    for H_kv, gpus in shares:
        L, D, b = int(rng.integers(2, 40)), int(rng.integers(2, 40)), int(rng.choice([1, 2, 4]))
        if H_kv == gpus:
            L, D, b = 80, 128, 2  # Llama-3.1-70B: 40 KiB
        per_gpu = [[h for h in range(max(H_kv, gpus)) if h * gpus // max(H_kv, gpus) == p] for p in range(gpus)]
        kib = sum(2 * D * b for _ in range(L) for _ in per_gpu[0]) / 1024
        same(answer(L, H_kv, D, b, gpus), kib, "the share in KiB", L=L, H_kv=H_kv, D=D, b=b, P=gpus)


def _most_groups(free, users, T, L, H, D, b):
    fitting = [g for g in range(1, H + 1) if H % g == 0 and users * T * 2 * L * g * D * b <= free]
    return max(fitting, default=0)


@exercise(
    start="""
        def most_groups(free, users, T, L, H, D, b):
            # free: bytes for caches      users with T tokens each      L layers, H query heads of width D
            return free // (users * T * 2 * L * D * b)
    """,
    solution=_most_groups,
    hint="The starter code gives the largest number whose caches fit. But groups are of equal size, and there are at "
    "most H.",
)
def choose_the_groups(answer, rng):
    """You design a model and know what it must serve. Write `most_groups(free, users, T, L, H, D, b)`: the largest
    number of groups into which `H` query heads can be divided evenly such that all users' caches fit into `free`
    bytes; 0 if not even one group fits. A cache that fills the memory to the last byte fits."""
    drawn = int(rng.integers(3, 12)) * 6
    for H, room in ((32, 9.6), (28, 14), (24, 72), (16, 0.2), (48, 7.5), (24, 1), (drawn, drawn / 2), (drawn, 2.9)):
        users, T, L = (int(n) for n in rng.integers(2, 90, 3))
        D, b = int(rng.choice([64, 96, 128])), int(rng.choice([1, 2, 4]))
        one = sum(2 * D * b for _ in range(L)) * users * T  # bytes with one group
        for free in (int(room * one), int(room * one) - 1):  # a whole number of groups fits exactly, or not quite
            expected = 0
            for groups in range(1, H + 1):
                if H % groups == 0 and groups * one <= free:
                    expected = groups
            got = answer(free, users, T, L, H, D, b)
            same(got, expected, f"with {H} query heads and room for {free / one:.6g} groups, the number of groups",
                 free=free, users=users, T=T, L=L, H=H, D=D, b=b)  # fmt: skip
