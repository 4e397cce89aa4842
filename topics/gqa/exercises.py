"""What a reader of the page on grouped-query attention is asked."""

import numpy as np

from topics.kit import exercise, softmax


class Unrepeated(np.ndarray):
    """An array that refuses to be written out for every query head."""

    def __array_function__(self, function, types, args, kwargs):
        assert function not in (np.repeat, np.tile), "no copies, please: give the queries another shape instead"
        return super().__array_function__(function, types, args, kwargs)


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
    """A fast kernel never repeats the cache: it gives the *queries* a shape with one axis more, and reads each key and
    value once for its whole group. Write `attend_in_groups(q, K, V)` that way, for one token. The starter code runs
    and has the right shapes, but pairs heads wrongly. You may use `np` and `softmax`."""
    for H_kv, G in ((1, 3), (int(rng.integers(2, 4)), int(rng.integers(2, 5))), (3, 1)):
        T, D, H = int(rng.integers(2, 7)), int(rng.integers(2, 6)), H_kv * G
        q, K, V = rng.normal(size=(H, D)), *rng.normal(size=(2, T, H_kv, D))
        got = answer(q, K.view(Unrepeated), V.view(Unrepeated))
        assert np.shape(got) == (H, D), f"one output for each query head, {(H, D)}; yours is {np.shape(got)}"
        for h in range(H):
            e = [np.exp(sum(a * b for a, b in zip(q[h], K[t, h // G], strict=True)) / D**0.5) for t in range(T)]
            expected = sum(x * V[t, h // G] for t, x in enumerate(e)) / sum(e)
            assert np.allclose(np.asarray(got)[h], expected), (
                f"{H} query heads, {H_kv} key/value heads: head {h} should read key/value head {h // G}; expected "
                f"{np.round(expected, 3)}, got {np.round(np.asarray(got)[h], 3)}"
            )


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
    llama = answer(80, 8, 128, 2, 8)
    assert abs(llama - 40) < 1e-9, f"Llama-3.1-70B on 8 GPUs: 40 KiB each; you have {llama:.4g}"
    for few in (True, False):
        L, D, P = (int(n) for n in rng.integers(2, 40, 3))
        b, more = int(rng.choice([1, 2, 4])), int(rng.integers(2, 6))
        H_kv, gpus = (P * more, P) if few else (P, P * more)
        per_gpu = [[h for h in range(max(H_kv, gpus)) if h * gpus // max(H_kv, gpus) == p] for p in range(gpus)]
        expected = 2 * L * len(per_gpu[0]) * D * b / 1024
        got = answer(L, H_kv, D, b, gpus)
        assert abs(got - expected) < 1e-9 * expected, (
            f"{H_kv} heads on {gpus} GPUs, L={L}, D={D}, b={b}: expected {expected:.6g} KiB, got {got:.6g}"
        )


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
    bytes; 0 if not even one group fits."""
    for H, share in ((32, 0.3), (28, 0.5), (24, 3.0), (16, 0.01), (int(rng.integers(3, 12)) * 6, float(rng.random()))):
        users, T, L = (int(n) for n in rng.integers(2, 90, 3))
        D, b = int(rng.choice([64, 96, 128])), int(rng.choice([1, 2]))
        one = sum(2 * D * b for _ in range(L)) * users * T  # bytes with one group
        free = int(share * H * one) + 1
        expected = 0
        for groups in range(1, H + 1):
            if H % groups == 0 and groups * one <= free:
                expected = groups
        got = answer(free, users, T, L, H, D, b)
        assert got == expected, (
            f"{H} query heads, room for {free / one:.2f} groups: expected {expected} groups, got {got}"
        )
