"""What a reader of the page on the KV cache is asked."""

import numpy as np

from topics.kit import exercise, same, softmax


def _gib_a_user(T, L, H, H_kv, D, b):
    return 2 * T * L * H_kv * D * b / 2**30


@exercise(
    start="""
        def gib_a_user(T, L, H, H_kv, D, b):
            # T tokens, L layers, H query heads, H_kv key/value heads of width D, b bytes a number
            return T * L * H * D * b / 1e9
    """,
    solution=_gib_a_user,
    hint="Three things are wrong: how many vectors a token leaves behind, which heads are kept, and what a GiB is.",
)
def weigh_a_cache(answer, rng):
    """Write `gib_a_user(T, L, H, H_kv, D, b)`: the GiB that one user's cache takes. The starter code makes three
    mistakes."""
    llama = answer(8192, 32, 32, 8, 128, 2)
    assert abs(llama - 1.0) < 1e-9, f"Llama-3.1-8B at 8,192 tokens takes 1 GiB; you got {llama:.4g}"
    for b, share in ((1, 1), (2, 4), (4, int(rng.integers(2, 9)))):
        T, L, H_kv, D = (int(n) for n in rng.integers(2, 90, 4))
        expected = sum(2 * D * b for _ in range(T) for _ in range(L)) * H_kv / 2**30  # K and V, row by row
        case = {"T": T, "L": L, "H": H_kv * share, "H_kv": H_kv, "D": D, "b": b}
        same(answer(*case.values()), expected, "the cache in GiB", atol=0, **case)


def _attend_to_new(q, k, v, K, V):
    K = np.vstack([K, k])
    V = np.vstack([V, v])
    weights = softmax(K @ q / np.sqrt(len(q)))
    return weights @ V, K, V


@exercise(
    start="""
        def attend_to_new(q, k, v, K, V):
            # q, k, v (D,): the new token      K, V (t, D): the cache so far
            weights = softmax(K @ q / np.sqrt(len(q)))
            return weights @ V, K, V
    """,
    solution=_attend_to_new,
    hint="The new token may read itself: its key and value must be in the cache before the scores are taken. "
    "np.vstack([K, k]) makes a new array with one row more.",
)
def let_it_read_itself(answer, rng):
    """Write one decode step for one head: return the output `y` (D,) and the grown `K` and `V` (t+1, D). The
    starter code forgets something. You may use `np` and `softmax`."""
    for t in (int(rng.integers(2, 6)), 1, 0):  # the first token of all finds an empty cache
        D = int(rng.integers(2, 6))
        D += t + 1 == D  # so that one can't pass for the other
        K, V = rng.normal(size=(2, t, D))
        q, k, v = rng.normal(size=(3, D))
        given = {"q": q, "k": k, "v": v, "K": K.copy(), "V": V.copy()}
        y, K_new, V_new = answer(q, k, v, K, V)
        assert np.array_equal(K, given["K"]) and np.array_equal(V, given["V"]), "the given cache must not change"
        same(K_new, np.array([*K, k]), "the grown K", **given)
        same(V_new, np.array([*V, v]), "the grown V", **given)
        scores = [np.exp(sum(a * b for a, b in zip(q, row, strict=True)) / D**0.5) for row in [*K, k]]
        expected = sum(s * row for s, row in zip(scores, [*V, v], strict=True)) / sum(scores)
        same(y, expected, "y", **given)


def _spread_heads(K, H):
    return np.repeat(K, H // K.shape[1], axis=1)


@exercise(
    start="""
        def spread_heads(K, H):
            # K (t, H_kv, D): the cached keys      returns (t, H, D): the key row of each query head
            return np.tile(K, (1, H // K.shape[1], 1))
    """,
    solution=_spread_heads,
    hint="Query heads 0, 1, …, H/H_kv − 1 share cached head 0, and the next ones share cached head 1: each cached "
    "head is repeated in place. np.repeat does that; np.tile lays whole copies one after the other.",
)
def share_the_heads(answer, rng):
    """Write `spread_heads(K, H)`: give each of the `H` query heads its row of the cache, which has fewer heads.
    Neighbours share: query head `h` reads cached head `h // (H / H_kv)`."""
    for H_kv, share in ((2, 3), (4, 2), (1, 4), (3, 1)):
        t, D = (int(n) for n in rng.integers(2, 5, 2))
        K = rng.normal(size=(t, H_kv, D))
        spread = np.asarray(answer(K, H_kv * share))
        assert spread.shape == (t, H_kv * share, D), f"expected the shape {(t, H_kv * share, D)}, got {spread.shape}"
        for h in range(H_kv * share):
            found = [g for g in range(H_kv) if np.array_equal(spread[:, h], K[:, g])]
            assert found == [h // share], (
                f"H = {H_kv * share}, H_kv = {H_kv}: query head {h} should read cached head {h // share}, "
                f"it reads {found or 'none'}"
            )
