"""What a reader of the page on multi-head latent attention is asked."""

import numpy as np

from topics.kit import exercise, same


def _fold(W_UQ, W_UK):
    return np.einsum("hDq,hDc->hqc", W_UQ, W_UK)


@exercise(
    start="""
        def fold(W_UQ, W_UK):
            # W_UQ (H, D, d_q), W_UK (H, D, d_c): queries and keys, each from a latent of its own
            return np.stack([(W_UK.sum(0).T @ W_UQ[h]) for h in range(len(W_UQ))])
    """,
    solution=_fold,
    hint="A score is (W_UQ[h] @ c_q) @ (W_UK[h] @ c). Move the brackets until one matrix stands between c_q and c; it "
    "has d_q rows. Whose keys does head h meet?",
)
def fold_two_matrices(answer, rng):
    """In DeepSeek's models queries come from a latent too, `c_q` of width d_q: head h asks `W_UQ[h] @ c_q`. Write
    `fold(W_UQ, W_UK)`: for each head the matrix `M[h]` with `c_q @ M[h] @ c` equal to the product of that head's query
    and key. Shape `(H, d_q, d_c)`. Then compare its size with that of the two matrices: this is why servers absorb at
    every step and keep no such product."""
    for H, D, d_q, d_c in ((1, 3, 2, 4), (3, 2, 4, 4), (4, 5, int(rng.integers(2, 5)), int(rng.integers(5, 8)))):
        W_UQ, W_UK = rng.normal(size=(H, D, d_q)), rng.normal(size=(H, D, d_c))
        expected = np.zeros((H, d_q, d_c))
        for h, a, b in np.ndindex(expected.shape):  # the part of c_q[a] and c[b] in the score of head h
            expected[h, a, b] = sum(W_UQ[h, i, a] * W_UK[h, i, b] for i in range(D))
        same(answer(W_UQ.copy(), W_UK.copy()), expected, "M", W_UQ=W_UQ, W_UK=W_UK)


def _as_latent(W_K, W_V, H):
    H_kv, D, d = W_K.shape
    W_D = np.concatenate([W_K, W_V]).reshape(2 * H_kv * D, d)
    up = np.eye(2 * H_kv * D).reshape(2, H_kv, D, 2 * H_kv * D)
    of = np.arange(H) * H_kv // H
    return W_D, up[0, of], up[1, of]


@exercise(
    start="""
        def as_latent(W_K, W_V, H):
            # W_K, W_V (H_kv, D, d): the keys and values of H_kv groups; query head h reads group h // (H / H_kv)
            H_kv, D, d = W_K.shape
            W_D = np.concatenate([W_K, W_V]).reshape(2 * H_kv * D, d)
            W_UK = np.zeros((H, D, 2 * H_kv * D))
            W_UV = np.zeros((H, D, 2 * H_kv * D))
            for h in range(H):
                W_UK[h, :, :D] = np.eye(D)
                W_UV[h, :, :D] = np.eye(D)
            return W_D, W_UK, W_UV
    """,
    solution=_as_latent,
    hint="The latent is a list: the keys of group 0, of group 1, …, then the values likewise. An up-projection picks D "
    "numbers of it. Which ones for head h?",
)
def write_groups_as_a_latent(answer, rng):
    """Without rotation every GQA is an MLA. Write `as_latent(W_K, W_V, H)`: return `W_D` (2·H_kv·D, d), and
    `W_UK` and `W_UV` (H, D, 2·H_kv·D) that give each of `H` query heads exactly the key and the value of its group. In
    the starter code all heads read the same numbers."""
    for H_kv, share in ((1, 3), (2, 3), (3, 2), (2, 1)):
        D, d, H = int(rng.integers(2, 4)), int(rng.integers(3, 6)), H_kv * share
        W_K, W_V = rng.normal(size=(2, H_kv, D, d))
        W_D, W_UK, W_UV = answer(W_K.copy(), W_V.copy(), H)
        _shape(W_D, (2 * H_kv * D, d), "W_D", W_K=W_K, H=H)
        for name, up, W in (("W_UK", W_UK, W_K), ("W_UV", W_UV, W_V)):
            _shape(up, (H, D, 2 * H_kv * D), name, W_K=W_K, H=H)
            for h in range(H):
                g = h // share
                same(np.asarray(up[h]) @ W_D, W[g], f"{name}[{h}] @ W_D, of group {g}", W_K=W_K, W_V=W_V, H=H)


def _shape(got, shape, name, **given):
    same(np.zeros(np.shape(got)), np.zeros(shape), name, **given)


def _shared_latent(W_K, W_V, r):
    W = np.vstack([W_K, W_V])
    U = np.linalg.svd(W, full_matrices=False)[0][:, :r]
    return U.T @ W, U


@exercise(
    start="""
        def shared_latent(W_K, W_V, r):
            # W_K, W_V (m, d)      returns W_D (r, d) and W_U (2m, r)
            half = r // 2
            U_K = np.linalg.svd(W_K)[0][:, :half]
            U_V = np.linalg.svd(W_V)[0][:, :half]
            W_D = np.vstack([U_K.T @ W_K, U_V.T @ W_V])
            W_U = np.zeros((2 * len(W_K), r))
            W_U[: len(W_K), :half] = U_K
            W_U[len(W_K) :, half : 2 * half] = U_V
            return W_D, W_U
    """,
    solution=_shared_latent,
    hint="The starter code gives half of the latent to keys, half to values. Both come from the same vector: "
    "stack the two matrices and take the singular vectors of the whole.",
)
def share_the_latent(answer, rng):
    """`W_K` and `W_V` (m, d) make the keys and values of all heads, m = H·D numbers each. Write
    `shared_latent(W_K, W_V, r)`: of all `W_D` (r, d) and `W_U` (2m, r) those whose product `W_U @ W_D` is nearest to
    the two, one above the other, in summed squares. `np.linalg.svd` helps. The starter code treats the two apart."""
    for r in (2, 1, 3, 5):
        m, d = int(rng.integers(5, 8)), int(rng.integers(6, 9))
        W_K, W_V = rng.normal(size=(2, m, d)) * np.array([1, 3])[:, None, None] + rng.normal()
        W_D, W_U = answer(W_K.copy(), W_V.copy(), r)
        _shape(W_D, (r, d), "W_D", r=r, W_K=W_K, W_V=W_V)
        _shape(W_U, (2 * m, r), "W_U", r=r, W_K=W_K, W_V=W_V)
        W = np.vstack([W_K, W_V])
        squares = np.linalg.eigvalsh(W.T @ W)  # ascending; those beyond the r largest no product of rank r can reach
        missed = ((W - np.asarray(W_U) @ W_D) ** 2).sum()
        what = "the sum of squares that W_U @ W_D misses"
        same(missed, squares[: d - r].sum(), what, rtol=1e-6, r=r, W_K=W_K, W_V=W_V)
