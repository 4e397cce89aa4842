"""LoRA: a frozen matrix, and beside it a change of low rank that is learnt.

x (..., in) inputs   W (out, in) frozen matrix   A (r, in), B (out, r) factors   r rank   α alpha   s scale
D (out, in) a change   G (out, in) the loss's gradient by W   N requests of a batch
"""

import numpy as np

from topics.kit.model.adapters import lora_init, merge, product

__all__ = [
    "adapter_gradients",
    "best_of_rank",
    "lora_batch",
    "lora_forward",
    "lora_init",
    "lora_scale",
    "merge",
    "product",
    "trainable_parameters",
]


def lora_scale(alpha, r, stabilised=False):
    """The scale s of an adapter of rank r: α/r, or α/√r in rsLoRA, arXiv 2312.03732 (eq:scale).

    >>> lora_scale(16, 8), lora_scale(16, 4, stabilised=True)
    (2.0, 8.0)
    """
    return float(alpha / np.sqrt(r)) if stabilised else alpha / r


def lora_forward(x, W, A, B, s):
    """What matrix and adapter give together: the product BA is never formed (eq:forward).

    x        (..., in)
    returns  (..., out)

    >>> W, A, B = np.eye(2), np.array([[1.0, 1.0]]), np.array([[1.0], [0.0]])
    >>> lora_forward(np.array([2.0, 3.0]), W, A, B, 0.5).tolist()   # (2, 3) + ½ · 5 · (1, 0)
    [4.5, 3.0]
    """
    low = np.einsum("...i,ri->...r", x, A)  # (..., r)
    return np.einsum("...i,oi->...o", x, W) + s * np.einsum("...r,or->...o", low, B)


def lora_batch(x, W, adapters, which):
    """One product by W for all requests of a batch, and to each what its own adapter adds (eq:batch).

    x         (N, T, in)
    adapters  [(A, B, s)], of any ranks
    which     (N,) ints: the adapter of each request, −1 for none
    returns   (N, T, out)
    """
    y = np.einsum("nti,oi->nto", x, W)  # (N, T, out): the expensive part, once
    for k, (A, B, s) in enumerate(adapters):
        mine = np.flatnonzero(which == k)
        if len(mine):
            low = np.einsum("nti,ri->ntr", x[mine], A)
            y[mine] += s * np.einsum("ntr,or->nto", low, B)
    return y


def best_of_rank(D, r):
    """Factors whose product is as near to a change D as rank r allows, by its singular values (eq:svd).

    returns  A (r, in), B (out, r), and all singular values of D, the largest first

    >>> A, B, sizes = best_of_rank(np.diag([3.0, 2.0]), 1)
    >>> np.abs(B @ A).round(6).tolist(), sizes.tolist()
    ([[3.0, 0.0], [0.0, 0.0]], [3.0, 2.0])
    """
    U, sizes, V = np.linalg.svd(D, full_matrices=False)
    half = np.sqrt(sizes[:r])  # (r,): each factor gets the root of a singular value
    return half[:, None] * V[:r], U[:, :r] * half, sizes


def adapter_gradients(G, A, B, s):
    """The loss's gradients by A and B, of its gradient G by the whole matrix (eq:gradients).

    >>> G, A, B = np.ones((2, 3)), np.ones((1, 3)), np.zeros((2, 1))
    >>> by_A, by_B = adapter_gradients(G, A, B, 0.5)
    >>> by_A.tolist(), by_B.tolist()   # while B is zero, A does not move
    ([[0.0, 0.0, 0.0]], [[1.5], [1.5]])
    """
    return s * np.einsum("or,oi->ri", B, G), s * np.einsum("oi,ri->or", G, A)


def trainable_parameters(shapes, r):
    """How many numbers adapters of rank r have, on matrices of these shapes (out, in) (eq:count).

    >>> trainable_parameters([(12_288, 12_288)] * 2 * 96, 4)   # q and v of GPT-3's 96 layers
    18874368
    """
    return sum(r * (out + fan_in) for out, fan_in in shapes)
