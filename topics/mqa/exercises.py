"""What a reader of the page on multi-query attention is asked."""

import numpy as np

from topics.kit import exercise, softmax


def _step(q, k, v, K, V):
    K, V = np.vstack([K, k]), np.vstack([V, v])
    return softmax(q @ K.T / np.sqrt(len(k))) @ V, K, V


@exercise(
    start="""
        def step(q, k, v, K, V):
            # q (H, D): the new token's queries      k, v (D,): its key and value      K, V (t, D): the cache
            K, V = np.vstack([K, np.tile(k, (len(q), 1))]), np.vstack([V, np.tile(v, (len(q), 1))])
            return softmax(q @ K.T / np.sqrt(len(q)), axis=0) @ V, K, V
    """,
    solution=_step,
    hint="How many rows does one token leave behind, however many heads ask? What does the root hold? And a row of "
    "the scores is one head's question: along which axis do its weights sum to one?",
)
def decode_one_token(answer, rng):
    """Write `step(q, k, v, K, V)`: one token's decode step of multi-query attention. Return the outputs `y` (H, D) and
    the grown cache `K` and `V` (t+1, D). The starter code makes three mistakes. You may use `np` and `softmax`."""
    H, D, t = (int(n) for n in rng.integers(2, 6, 3))
    D += D == H  # so that one can't pass for the other
    K, V = rng.normal(size=(2, t, D))
    q, k, v = rng.normal(size=(H, D)), *rng.normal(size=(2, D))
    before = K.copy(), V.copy()
    got = answer(q, k, v, K, V)
    y, K_new, V_new = got
    assert np.shape(K_new) == (t + 1, D), f"the cache grows by one row to {(t + 1, D)}; yours is {np.shape(K_new)}"
    assert np.array_equal(K_new, [*K, k]), "the new key stands in the last row of K, the old rows stay"
    assert np.array_equal(V_new, [*V, v]), "the new value stands in the last row of V, the old rows stay"
    assert np.array_equal(K, before[0]) and np.array_equal(V, before[1]), "the given cache must not change"
    assert np.shape(y) == (H, D), f"one output for each query head, {(H, D)}; yours is {np.shape(y)}"
    for h in range(H):
        e = [np.exp(sum(a * b for a, b in zip(q[h], row, strict=True)) / D**0.5) for row in [*K, k]]
        expected = sum(x * row for x, row in zip(e, [*V, v], strict=True)) / sum(e)
        assert np.allclose(y[h], expected), f"head {h}: expected {np.round(expected, 3)}, got {np.round(y[h], 3)}"


def _widened(d, D, H, H_kv, F, n_F, attentions, feeds):
    return F + attentions * 2 * D * (H - H_kv) // (feeds * n_F)


@exercise(
    start="""
        def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
            # d: the model's width     H heads of width D become H_kv key/value heads
            # feeds feed-forward layers of n_F matrices, d by F each     attentions: how many attention layers there are
            return F + d * D * (H - H_kv) // (n_F * F)
    """,
    solution=_widened,
    hint="Each attention layer gives up 2 · d · D · (H − H_kv) parameters. One column more in every feed-forward layer "
    "takes n_F · d of each.",
)
def spend_what_is_saved(answer, rng):
    """Shazeer compared models of equal size: what key and value matrices gave up, feed-forward layers got. Write
    `widened(d, D, H, H_kv, F, n_F, attentions, feeds)`: the new feed-forward width at which the parameters are the
    same, rounded down. A translation model has more attention layers than feed-forward ones."""
    shazeer = answer(1024, 128, 8, 1, 4096, 2, 18, 12)
    assert shazeer == 5440, f"6 + 6 layers, 18 of attention and 12 feed-forward: the paper has 5440, you have {shazeer}"
    for n_F in (2, 3):
        d, D, H_kv, feeds = (int(n) for n in rng.integers([64, 8, 2, 2], [512, 64, 6, 9]))
        H, F, attentions = H_kv * int(rng.integers(2, 9)), 4 * d, feeds + int(rng.integers(1, 9))
        got = answer(d, D, H, H_kv, F, n_F, attentions, feeds)
        spare = attentions * 2 * d * D * (H - H_kv) - feeds * n_F * d * (got - F)  # parameters saved and not yet spent

        case = f"d={d}, D={D}, H={H}, H_kv={H_kv}, F={F}, n_F={n_F}, {attentions} attention and {feeds} feed layers"
        assert got == int(got), f"{case}: a width is a whole number, you gave {got}"
        assert spare >= 0, f"{case}: with F={got} the model is larger than before"
        assert spare < feeds * n_F * d, f"{case}: F={got} can still grow"
