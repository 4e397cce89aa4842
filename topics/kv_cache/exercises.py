"""What a reader of the page on the KV cache is asked."""

import numpy as np

from topics.kit import exercise, softmax


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
    T, L, H_kv, D = (int(n) for n in rng.integers(2, 200, 4))
    H, b = H_kv * int(rng.integers(1, 9)), int(rng.choice([1, 4]))
    expected = sum(2 * D * b for _ in range(T) for _ in range(L)) * H_kv / 2**30  # K and V, row by row
    got = answer(T, L, H, H_kv, D, b)
    assert abs(got - expected) < 1e-9 * expected, (
        f"T={T}, L={L}, H={H}, H_kv={H_kv}, D={D}, b={b}: expected {expected:.6g} GiB, got {got:.6g}"
    )


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
    D = int(rng.integers(2, 6))
    K, V = rng.normal(size=(2, int(rng.integers(1, 5)), D))
    q, k, v = rng.normal(size=(3, D))
    before = K.copy(), V.copy()
    y, K_new, V_new = answer(q, k, v, K, V)
    assert len(K_new) == len(K) + 1, f"the cache should have {len(K) + 1} rows after the step, it has {len(K_new)}"
    assert np.array_equal(K_new[-1], k) and np.array_equal(V_new[-1], v), "the last row should be the new token's"
    assert np.array_equal(K, before[0]) and np.array_equal(V, before[1]), "the given cache must not change"
    scores = [np.exp(sum(a * b for a, b in zip(q, row, strict=True)) / D**0.5) for row in [*K, k]]
    expected = sum(s * row for s, row in zip(scores, [*V, v], strict=True)) / sum(scores)
    assert np.allclose(y, expected), f"the output is off by {np.abs(y - expected).max():.3g}"


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
    t, H_kv, share, D = (int(n) for n in rng.integers(2, 5, 4))
    K = rng.normal(size=(t, H_kv, D))
    spread = answer(K, H_kv * share)
    assert spread.shape == (t, H_kv * share, D), f"expected the shape {(t, H_kv * share, D)}, got {spread.shape}"
    for h in range(H_kv * share):
        found = [g for g in range(H_kv) if np.array_equal(spread[:, h], K[:, g])]
        assert found == [h // share], f"query head {h} should read cached head {h // share}, it reads {found}"
