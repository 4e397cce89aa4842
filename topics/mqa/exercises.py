"""What a reader of the page on multi-query attention is asked."""

import numpy as np

from topics.kit import exercise, same, softmax


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
    for t in (int(rng.integers(2, 6)), 1, 0):  # the first token of all finds an empty cache
        H, D = (int(n) for n in rng.choice([n for n in range(2, 8) if n != t + 1], 2, replace=False))
        K, V = rng.normal(size=(2, t, D))
        q, k, v = rng.normal(size=(H, D)), *rng.normal(size=(2, D))
        given = {"q": q, "k": k, "v": v, "K": K.copy(), "V": V.copy()}
        y, K_new, V_new = answer(q, k, v, K, V)
        assert np.array_equal(K, given["K"]) and np.array_equal(V, given["V"]), "the given cache must not change"
        same(K_new, np.array([*K, k]), "the grown K", **given)
        same(V_new, np.array([*V, v]), "the grown V", **given)
        expected = []
        for row in q:
            e = [np.exp(sum(a * b for a, b in zip(row, key, strict=True)) / D**0.5) for key in [*K, k]]
            expected.append(sum(x * value for x, value in zip(e, [*V, v], strict=True)) / sum(e))
        same(y, expected, "y", **given)


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
    same, rounded down. A translation model has more attention layers than feed-forward ones: each layer that writes has
    two, one over its own text and one over the text to be translated."""
    shazeer = answer(1024, 128, 8, 1, 4096, 2, 18, 12)
    assert shazeer == 5440, f"6 + 6 layers, 18 of attention and 12 feed-forward: the paper has 5440, you have {shazeer}"
    for n_F, rounds_up in ((2, True), (3, True), (3, False)):
        case, expected = _a_width_to_round(rng, n_F, rounds_up)
        same(answer(*case.values()), expected, "the width", atol=0, **case)
    same(answer(512, 64, 8, 8, 2048, 3, 24, 24), 2048, "the width where nothing is saved")


def _a_width_to_round(rng, n_F, rounds_up):
    """A case whose width is no whole number before it is rounded, and is another one if each layer is rounded alone."""
    while True:
        d, D, H_kv, feeds = (int(n) for n in rng.integers([32, 9, 2, 2], [128, 33, 6, 9]))
        H, attentions = H_kv * int(rng.integers(2, 6)), feeds + int(rng.integers(1, 9))
        saved = attentions * 2 * d * D * (H - H_kv)  # parameters
        width = 4 * d
        while (width + 1 - 4 * d) * feeds * n_F * d <= saved:  # the oracle: one column more, as long as they last
            width += 1
        part = saved / (feeds * n_F * d) - (width - 4 * d)
        alone = attentions * (2 * D * (H - H_kv) // (feeds * n_F))
        if (0.5 < part < 0.95 if rounds_up else 0.05 < part < 0.5) and alone != width - 4 * d:
            case = {"d": d, "D": D, "H": H, "H_kv": H_kv, "F": 4 * d, "n_F": n_F}
            return case | {"attentions": attentions, "feeds": feeds}, width
