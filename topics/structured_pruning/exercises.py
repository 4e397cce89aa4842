"""What a reader of the page on structured pruning is asked."""

import numpy as np

from topics.kit import exercise, same

# ---- two of four


def _two_of_four(S):
    mask = np.zeros(S.shape, bool)
    for i in range(len(S)):
        for j in range(0, S.shape[1], 4):
            mask[i, j + np.argsort(-S[i, j : j + 4], kind="stable")[:2]] = True
    return mask


@exercise(
    start="""
        def two_of_four(S):
            # S (n, m): scores, m a multiple of four
            return S >= np.median(S)
    """,
    solution=_two_of_four,
    hint="Look at four neighbours of one row at a time, and take places, not a threshold: with a threshold, ties keep "
    "three or four. A stable sort of −S leaves equal scores in their order.",
)
def keep_two_of_four(answer, rng):
    """Write `two_of_four(S)`: true for the weights that stay, shape (n, m). Of every four neighbours of a row, columns
    0–3, 4–7 and so on, exactly two stay: those with the largest scores, of equal scores the first."""
    fixed = (
        [[9.0, 8.0, 7.0, 6.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, 9.0, 8.0, 7.0, 6.0]],  # the level differs
        [[5.0, 5.0, 5.0, 5.0], [2.0, 5.0, 5.0, 5.0], [1.0, 1.0, 5.0, 1.0], [0.0, 0.0, 0.0, 0.0]],  # ties
        [[1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 9.0, 1.0, 8.0, 2.0]],  # one row
        [[4.0, 1.0, 2.0, 3.0], [4.0, 1.0, 3.0, 2.0], [4.0, 3.0, 1.0, 2.0], [4.0, 3.0, 2.0, 1.0]],  # columns never agree
        [[-1.0, -2.0, -3.0, -4.0, 1.0, -9.0, 0.0, -1.0]],  # scores may be negative
    )
    drawn = [rng.normal(size=(int(rng.integers(1, 5)), 4 * int(rng.integers(1, 5)))) for _ in range(3)]
    for S in [*map(np.array, fixed), *drawn]:
        expected = np.zeros(S.shape)
        for i in range(S.shape[0]):
            for j in range(0, S.shape[1], 4):
                order = sorted(range(4), key=lambda k, i=i, j=j, S=S: (-S[i, j + k], k))
                for k in order[:2]:
                    expected[i, j + k] = 1
        got = np.asarray(answer(S.copy()))
        assert got.dtype == bool, f"a mask holds true and false, yours holds {got.dtype}"
        same(got.astype(int), expected.astype(int), "the mask", S=S)


# ---- whole groups


def _cut_groups(q, k, v, o, scores, keep, D):
    H, H_kv = len(q) // D, len(k) // D
    share = H // H_kv
    worth = np.reshape(scores, (H_kv, share)).sum(1)
    groups = np.sort(np.argsort(-worth, kind="stable")[:keep])
    heads = (groups[:, None] * share + np.arange(share)).ravel()
    rows = (heads[:, None] * D + np.arange(D)).ravel()
    small = (groups[:, None] * D + np.arange(D)).ravel()
    return q[rows], k[small], v[small], o[:, rows]


@exercise(
    start="""
        def cut_groups(q, k, v, o, scores, keep, D):
            # q (H·D, d), k and v (H_kv·D, d), o (d, H·D); scores (H,): one for each query head
            rows = np.argsort(-scores)[: keep * D]
            return q[rows], k[rows], v[rows], o[:, rows]
    """,
    solution=_cut_groups,
    hint="Query heads 0 to H/H_kv − 1 read key/value head 0, the next ones head 1. Sum the scores of each group, keep "
    "the groups in their order, and cut in o the columns that you cut in q as rows.",
)
def cut_whole_groups(answer, rng):
    """Write `cut_groups(q, k, v, o, scores, keep, D)` for grouped-query attention: query head h reads key/value head
    h // (H / H_kv). A group, a key/value head with all its query heads, is worth the *sum* of its query heads' scores.
    Return q, k, v and o with only the `keep` groups that are worth most (of equal ones the first), in the order that
    they had."""
    cases = [  # scores, H_kv, keep
        ([5.0, 5.0, 9.0, 0.0, 1.0, 1.0], 3, 1),  # by sum 0; by the largest 1
        ([5.0, 5.0, 9.0, 0.5, 6.0, 5.0], 3, 2),  # by sum 0 and 2; by the largest 1 and 2
        ([4.0, 4.0, 4.0, 9.0, 1.0, 0.0, 5.0, 5.0, 0.5], 3, 1),  # sum 0; largest 1; smallest 0
        ([3.0, 3.0, 7.0, 1.0], 2, 1),  # sum 1; smallest 0; product 0
        ([7.0, 1.0, 3.0, 3.0, 8.0, 0.1], 3, 2),  # sum 0 and 2; smallest 0 and 1, product 0 and 1
        ([1.0, 1.0, 9.0, 9.0, 5.0, 5.0], 3, 2),  # the best is not the first: order kept
        ([2.0, 2.0, 4.0, 0.0, 3.0, 1.0], 3, 2),  # all tie
        ([1.0, 2.0, 3.0, 4.0], 4, 2),  # each head its own group
        ([1.0, 2.0, 3.0, 4.0], 1, 1),  # one group of all
        ([1.0, 8.0, 8.0, 1.0, 9.0, 9.0, 0.0, 0.0], 2, 1),  # heads of a group are neighbours, not every other
        ([1.0, 1.0, 1.0, -9.0, 0.0, 0.0], 3, 2),  # sizes of scores are not scores
    ]
    for _ in range(3):
        H_kv, share = int(rng.integers(2, 5)), int(rng.integers(2, 4))
        cases.append((rng.normal(size=H_kv * share).tolist(), H_kv, int(rng.integers(1, H_kv))))
    for scores, H_kv, keep in cases:
        H, D, d = len(scores), int(rng.integers(2, 4)), int(rng.integers(3, 6))
        share = H // H_kv
        q, o = rng.normal(size=(H * D, d)), rng.normal(size=(d, H * D))
        k, v = rng.normal(size=(2, H_kv * D, d))
        order = sorted(range(H_kv), key=lambda g, s=scores, n=share: (-sum(s[g * n : (g + 1) * n]), g))
        groups = sorted(order[:keep])
        rows = [(g * share + h) * D + i for g in groups for h in range(share) for i in range(D)]
        small = [g * D + i for g in groups for i in range(D)]
        given = {"scores": scores, "H_kv": H_kv, "keep": keep, "D": D}
        got = answer(q.copy(), k.copy(), v.copy(), o.copy(), np.array(scores), keep, D)
        assert isinstance(got, tuple | list) and len(got) == 4, "return four matrices: q, k, v, o"
        for name, mine, right in zip("qkvo", got, (q[rows], k[small], v[small], o[:, rows]), strict=True):
            same(mine, right, f"the matrix {name}", **given)


# ---- a common scale


def _to_drop(added, streams, n):
    worth = np.array([np.mean(np.linalg.norm(a, axis=-1) / np.linalg.norm(x, axis=-1)[:, None], 0)
                      for a, x in zip(added, streams, strict=True)])  # fmt: skip
    gone = np.argsort(worth, axis=None, kind="stable")[:n]
    return [(int(g) // worth.shape[1], int(g) % worth.shape[1]) for g in gone]


@exercise(
    start="""
        def to_drop(added, streams, n):
            # added[i] (N, H, d): what the heads of layer i add; streams[i] (N, d): what they add to
            worth = np.array([np.linalg.norm(a, axis=-1).mean(0) for a in added])
            gone = np.argsort(worth, axis=None)[:n]
            return [(int(g) // worth.shape[1], int(g) % worth.shape[1]) for g in gone]
    """,
    solution=_to_drop,
    hint="For each word divide the length of what a head adds by the length of the stream at that word; then take the "
    "mean over words. A ratio of means is another number.",
)
def drop_by_a_common_scale(answer, rng):
    """Write `to_drop(added, streams, n)`: the `n` heads of a model that are worth least, as a list of pairs (layer,
    head), the least first. `added[i]` (N, H, d) holds what each head of layer i adds to the stream at each of N words,
    `streams[i]` (N, d) what it is added to. A head is worth the mean over words of length over length, and heads of all
    layers are compared."""
    plain = [
        # a small stream and a large one: the quiet layer is worth more
        ([[[1.0, 2.0], [1.0, 2.0]], [[8.0, 9.0], [8.0, 9.0]]], [[2.0, 2.0], [100.0, 100.0]], 3),
        # the mean of ratios is not the ratio of means
        ([[[4.0, 1.0], [4.0, 12.0]]], [[1.0, 100.0]], 1),
        ([[[0.1, 1.0], [9.0, 2.0]]], [[1.0, 10.0]], 1),
        # the least of a layer is not the least of all
        ([[[1.0, 1.1], [1.0, 1.1]], [[5.0, 9.0], [5.0, 9.0]]], [[10.0, 10.0], [10.0, 10.0]], 2),
        # neither the square, the largest, the middle nor the least of a head's words stands for their mean
        ([[[0.1, 1.2], [2.0, 1.2]]], [[1.0, 1.0]], 1),
        ([[[0.1, 1.0], [0.1, 1.0], [4.0, 1.0]]], [[1.0, 1.0, 1.0]], 1),
        ([[[1.0, 0.9], [1.0, 3.0]]], [[1.0, 1.0]], 1),
        # one layer's stream grows: dividing by the largest head or by the layer's mean differs
        ([[[1.0, 9.0], [1.0, 9.0]], [[2.0, 2.5], [2.0, 2.5]]], [[5.0, 5.0], [40.0, 40.0]], 2),
    ]
    cases = [
        # a length is neither a sum of sizes nor a spread around a mean
        ([np.array([[[1.0, 1.0, 1.0, 1.0, 0.0], [2.2, 0.0, 0.0, 0.0, 0.0]]])], [np.ones((1, 5))], 1),
        ([np.ones((1, 2, 4)) * [[[1.0], [9.0]]], np.ones((1, 2, 4)) * [[[3.0], [9.0]]]],
         [np.array([[50.0, 50.0, 50.0, 51.0]]), np.array([[9.0, -9.0, 9.0, -9.0]])], 1),
    ]  # fmt: skip
    for sizes, lengths, n in plain:
        added = [np.array(rows)[..., None] * _directions(rng, np.array(rows).shape) for rows in sizes]
        cases.append((added, [np.array(row)[:, None] * _directions(rng, (len(row),)) for row in lengths], n))
    for _ in range(4):
        N, H, L = (int(rng.integers(low, high)) for low, high in ((3, 7), (2, 5), (2, 4)))
        scale = 10.0 ** np.arange(L)
        added = [s**0.5 * rng.normal(size=(N, H, 6)) * rng.uniform(0.2, 3, (N, H, 1)) for s in scale]
        cases.append((added, [s * rng.normal(size=(N, 6)) * rng.uniform(0.1, 5, (N, 1)) for s in scale],
                      int(rng.integers(1, L * H))))  # fmt: skip
    for added, streams, n in cases:
        worth = {}
        for i, (a, x) in enumerate(zip(added, streams, strict=True)):
            for h in range(a.shape[1]):
                ratios = [sum(y**2 for y in a[w, h]) ** 0.5 / sum(y**2 for y in x[w]) ** 0.5 for w in range(len(x))]
                worth[i, h] = sum(ratios) / len(ratios)
        expected = sorted(worth, key=worth.get)[:n]
        got = answer([a.copy() for a in added], [x.copy() for x in streams], n)
        assert isinstance(got, list | tuple | np.ndarray) and len(got) == n, f"return a list of {n} pairs (layer, head)"
        told = "; ".join(f"layer {i}, head {h}: {x:.3g}" for (i, h), x in worth.items())
        assert [tuple(map(int, each)) for each in got] == expected, (
            f"expected {expected}, got {list(got)}; the heads are worth {told}"
        )


def _directions(rng, shape):
    """Vectors of length 1."""
    x = rng.normal(size=(*shape, 5))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# ---- repair


def _repair(W, keep, H_whole, H_small):
    return np.linalg.lstsq(H_small, H_whole @ W.T, rcond=None)[0].T


@exercise(
    start="""
        def repair(W, keep, H_whole, H_small):
            # W (d, F); H_whole (N, F): neurons in the whole model; H_small (N, K): those that stayed, in the cut one
            return W[:, keep]
    """,
    solution=_repair,
    hint="The target is what the whole layer said, H_whole Wᵀ. np.linalg.lstsq(A, B) solves A X ≈ B; the new matrix is "
    "X transposed.",
)
def repair_what_is_left(answer, rng):
    """Write `repair(W, keep, H_whole, H_small)`: a new matrix (d, K) for the K neurons that stayed, such that
    `H_small @ new.T` is as near as possible (least squares over N words) to what the layer said in the *whole* model,
    `H_whole @ W.T`. Layers below have been cut, too: `H_small`, the neurons `keep` in the model as it is now, is not
    `H_whole[:, keep]`."""
    for N, F, K, d in ((12, 6, 3, 4), (20, 8, 2, 3), (9, 5, 4, 1), (30, 10, 5, 6)):
        W, H_whole = rng.normal(size=(d, F)), rng.normal(size=(N, F)) + 0.5
        keep = np.sort(rng.permutation(F)[:K])
        H_small = H_whole[:, keep] * rng.uniform(0.5, 1.5, K) + 0.3 * rng.normal(size=(N, K))
        Y = H_whole @ W.T
        expected = np.linalg.solve(H_small.T @ H_small, H_small.T @ Y).T
        got = answer(W.copy(), keep.copy(), H_whole.copy(), H_small.copy())
        same(got, expected, "the new matrix", rtol=1e-6, atol=1e-8, **{"N, F, K, d": (N, F, K, d)})
