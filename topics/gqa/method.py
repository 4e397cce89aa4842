"""Grouped-query attention: query heads in groups, and one key head and one value head for each group.

T tokens, of which T_q ask and T_k answer   H query heads of width D   H_kv groups, each with a key and a value head
G = H/H_kv query heads to a group   d model width   L layers   b bytes per cached number   P GPUs that share the heads
q, k, v a token's query, key and value   s scores   w weights   y output
"""

from itertools import combinations

import numpy as np

from topics.kit.model.rotary import apply_rope
from topics.kit.numerics import softmax

# ---- the attention itself


def repeat_kv(x, H):
    """Give each of H query heads its key or value head, neighbours sharing one (eq:group).

    x        (..., H_kv, T, D)
    returns  (..., H, T, D)

    >>> repeat_kv(np.array([[[5.0]], [[7.0]]]), 4).ravel().tolist()
    [5.0, 5.0, 7.0, 7.0]
    """
    return np.repeat(x, H // x.shape[-3], axis=-3)


def grouped_query_attention(q, k, v, causal=False):
    """Attention in which the H query heads share H_kv key/value heads, group by group (eq:gqa).

    q        (..., H, T_q, D)
    k, v     (..., H_kv, T_k, D) and (..., H_kv, T_k, D_v): all that a cache must keep
    causal   a query sees no later token; the T_q queries are those of the last T_q tokens
    returns  (..., H, T_q, D_v)

    >>> y = grouped_query_attention(np.zeros((4, 1, 1)), np.zeros((2, 1, 1)), np.array([[[5.0]], [[7.0]]]))
    >>> y.ravel().tolist()   # four query heads, two values: heads 0 and 1 read the first
    [5.0, 5.0, 7.0, 7.0]
    """
    H, T_q, D = q.shape[-3:]
    k, v = repeat_kv(k, H), repeat_kv(v, H)  # (..., H, T_k, D), (..., H, T_k, D_v)
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(D)  # (..., H, T_q, T_k)
    if causal:
        T_k = k.shape[-2]
        s = np.where(np.tri(T_q, T_k, T_k - T_q, dtype=bool), s, -np.inf)
    return softmax(s) @ v


def example():
    """The page's example by hand: four query heads, two groups, two tokens. Weights (4, 2) and outputs (4,)."""
    q = np.array([[2.0, 0], [0, 2], [2, 0], [0, 2]])[:, None]  # (4, 1, 2)
    k = np.array([[[1.0, 0], [0, 1]], [[0, 1], [1, 0]]])  # (2, 2, 2)
    v = np.array([[[10.0], [20]], [[30], [40]]])  # (2, 2, 1)
    w = softmax(q @ np.swapaxes(repeat_kv(k, 4), -1, -2) / np.sqrt(2))
    return w[:, 0], grouped_query_attention(q, k, v)[:, 0, 0]


# ---- from a trained model with many heads


def convert_mha_to_gqa(W_q, W_k, W_v, W_o, groups):
    """One layer's key/value heads pooled, each group to its mean (eq:pool).

    W_q, W_k, W_v  (H, d, D)   one projection a head
    W_o            (H, D, d)
    groups         (H_kv, G)   which heads share, by their numbers
    returns        W_q (H, d, D), W_k and W_v (H_kv, d, D), W_o (H, D, d); each group's heads side by side
    """
    order = np.concatenate(groups)  # query heads stand where repeat_kv expects them
    pooled_k, pooled_v = (np.stack([W[group].mean(0) for group in groups]) for W in (W_k, W_v))
    return W_q[order], pooled_k, pooled_v, W_o[order]


def turn_heads(W_q, W_k, W_v, W_o, groups, rounds=3):
    """Turn the heads of each group towards each other, keys and values; what the layer computes stays (eq:turn).
    Shapes as in convert_mha_to_gqa."""
    W_q, W_k, W_v, W_o = (W.copy() for W in (W_q, W_k, W_v, W_o))
    for group in [g for g in groups for _ in range(rounds)]:
        for h in group:
            others = [other for other in group if other != h]
            M = nearest_turn(W_v[h], W_v[others].sum(0))  # (D, D), orthogonal
            W_v[h], W_o[h] = W_v[h] @ M, M.T @ W_o[h]
            angles = nearest_angles(W_k[h], W_k[others].sum(0))  # (D/2,)
            W_q[h], W_k[h] = apply_rope(W_q[h], angles), apply_rope(W_k[h], angles)
    return W_q, W_k, W_v, W_o


def nearest_turn(A, B):
    """For A (d, D) and B (d, D) the orthogonal M (D, D) that brings A M nearest to B: Procrustes' problem."""
    U, _, V = np.linalg.svd(A.T @ B)
    return U @ V


def nearest_angles(A, B):
    """The same where only the pairs (x_i, x_{i+D/2}) may turn, as rotary positions turn them: angles (D/2,)."""
    return np.angle((np.conj(as_complex(A)) * as_complex(B)).sum(0))


def as_complex(A):
    """Each pair (x_i, x_{i+D/2}) as one complex number: A (..., D) to (..., D/2)."""
    half = A.shape[-1] // 2
    return A[..., :half] + 1j * A[..., half:]


def likeness(W_k, W_v, turned):
    """How alike two heads are, 1 for equal ones: the mean of the cosines of their key and of their value projections.

    W_k, W_v  (H, d, D)   turned  after the best turn of one of the two
    returns   (H, H)
    """
    parts = []
    for W, pairs in ((W_k, True), (W_v, False)):
        if not turned:
            inner = np.einsum("xdi,ydi->xy", W, W)
        elif pairs:
            z = as_complex(W)  # (H, d, D/2)
            inner = np.abs(np.einsum("xdp,ydp->xyp", z.conj(), z)).sum(-1)
        else:  # the sum of the singular values is what the best turn reaches
            inner = np.linalg.svd(np.einsum("xdi,ydj->xyij", W, W), compute_uv=False).sum(-1)
        length = np.sqrt(np.einsum("xdi,xdi->x", W, W))
        parts.append(inner / length / length[:, None])
    return sum(parts) / 2


def alike(S, H_kv):
    """The partition of the heads into H_kv groups of equal size in which the likeness S (H, H) is largest: all are
    tried. returns (H_kv, G)

    >>> S = np.eye(4); S[0, 3] = S[3, 0] = 0.5
    >>> alike(S, 2).tolist()
    [[0, 3], [1, 2]]
    """
    return np.array(
        max(
            partitions(list(range(len(S))), len(S) // H_kv),
            key=lambda groups: sum(S[np.ix_(g, g)].sum() for g in groups),
        )
    )


def partitions(heads, size):
    """All ways to put heads into groups of one size, as lists of lists.

    >>> [groups[0] for groups in partitions([0, 1, 2, 3], 2)]
    [[0, 1], [0, 2], [0, 3]]
    """
    if not heads:
        yield []
        return
    for others in combinations(heads[1:], size - 1):
        for more in partitions([h for h in heads[1:] if h not in others], size):
            yield [[heads[0], *others], *more]


# ---- what it costs


def heads_on_a_gpu(H_kv, P):
    """Key/value heads that each of P GPUs must hold: whole ones, so at least one (eq:gpu)."""
    return -(-H_kv // P)


def parameters_saved(L, d, D, H, H_kv):
    """Parameters that sharing removes from the key and value projections of all layers."""
    return 2 * L * d * D * (H - H_kv)
