"""Quantization: numbers on a coarse grid, with one scale for each group of them.

b bits of a code   q codes, whole numbers   s scale, the step of a grid   z zero point, the code of zero
g weights of a group   W (n, m) a matrix of n outputs and m inputs   X (N, m) inputs, a row a word   W_hat what is kept
"""

import numpy as np

from topics.kit.model.autograd import Tensor, value

# ---- grids


def quantize_symmetric(w, bits):
    """Codes of w and the scale of each row: zero is a code, and the two ends are equally far from it (eq:symmetric).

    w        (..., g)
    returns  q (..., g) from −(2^(b−1) − 1) to 2^(b−1) − 1, and s (..., 1)

    >>> q, s = quantize_symmetric(np.array([0.7, -0.34, 0.04]), 4)   # the step is 0.7 / 7
    >>> q.tolist(), s.round(3).tolist()
    ([7.0, -3.0, 0.0], [0.1])
    """
    top = 2 ** (bits - 1) - 1
    s = _not_zero(np.abs(w).max(-1, keepdims=True) / top)  # (..., 1)
    return np.rint(w / s), s


def quantize_affine(w, bits):
    """Codes of w, the scale and the zero point of each row: the grid goes from its least to its largest (eq:affine).

    w        (..., g)
    returns  q (..., g) from 0 to 2^b − 1, s (..., 1), z (..., 1): zero is a code, even where all w are positive

    >>> q, s, z = quantize_affine(np.array([-0.2, 0.0, 0.5, 1.3]), 4)   # the step is 1.5 / 15
    >>> q.tolist(), z.tolist()
    ([0.0, 2.0, 7.0, 15.0], [2.0])
    """
    top = 2**bits - 1
    low, high = np.minimum(w.min(-1, keepdims=True), 0), np.maximum(w.max(-1, keepdims=True), 0)
    s = _not_zero((high - low) / top)  # (..., 1)
    z = np.rint(-low / s)
    return np.clip(np.rint(w / s) + z, 0, top), s, z


def _not_zero(s):
    """A group of zeros has no step of its own; any will do."""
    return np.where(s == 0, 1, s).astype(s.dtype)


def quantize_groupwise(W, bits, g, affine=False):
    """The same in groups of g weights, each with a scale of its own: q, s, z of in_groups(W, g). Symmetric ones have
    z = 0.

    W        (..., m), m a multiple of g
    returns  q (..., m/g, g), s and z (..., m/g, 1)
    """
    groups = in_groups(W, g)
    if affine:
        return quantize_affine(groups, bits)
    q, s = quantize_symmetric(groups, bits)
    return q, s, np.zeros_like(s)


def in_groups(W, g):
    """W (..., m) as (..., m/g, g)."""
    return W.reshape(*W.shape[:-1], -1, g)


def dequantize(q, s, z):
    """What codes in groups stand for, in one row again: (..., m/g, g) to (..., m) (eq:affine)."""
    return (s * (q - z)).reshape(*q.shape[:-2], -1)


def fake_quantize(W, bits, g, affine=False):
    """W as its codes give it back. A Tensor passes its gradient on as if nothing had been rounded (eq:ste).

    W  (..., m), an array or a Tensor
    """
    kept = dequantize(*quantize_groupwise(value(W), bits, g, affine))
    return Tensor(kept, [(W, lambda gradient: gradient)]) if isinstance(W, Tensor) else kept


def true_bits(bits, g, scale=16, zero=0):
    """Bits that a weight takes, with its share of the group's scale and zero point (eq:bits).

    >>> true_bits(4, 32), true_bits(2, 8, zero=2)
    (4.5, 4.25)
    """
    return bits + (scale + zero) / g


# ---- outliers of the inputs


def smoothquant(x_max, w_max, alpha):
    """By what to divide each input channel, and multiply what reads it: part of its size goes over (eq:smooth).

    x_max, w_max  (m,) the largest |input| and the largest |weight| of each channel

    >>> smoothquant(np.array([64.0, 1.0]), np.array([0.25, 0.25]), 0.5).tolist()
    [16.0, 2.0]
    """
    tiny = np.finfo(float).tiny
    return np.maximum(x_max, tiny) ** alpha / np.maximum(w_max, tiny) ** (1 - alpha)


def rotate(x, size=None):
    """x (..., m) times an orthogonal matrix, so that each number becomes a mixture of many (eq:rotate).

    size  channels that are mixed with each other, m by default; a divisor of m
    A weight matrix turned in the same way meets it so that the product is as before.
    """
    size = size or x.shape[-1]
    H = hadamard(size).astype(x.dtype)  # (size, size)
    return np.einsum("...i,oi->...o", x.reshape(*x.shape[:-1], -1, size), H).reshape(x.shape)


def hadamard(n):
    """An orthogonal (n, n) matrix whose numbers all have the size n^−½, where n is a power of two; columns have signs
    by chance. If n is not, cosines do for its odd part.

    >>> np.abs(hadamard(4)).round(3).tolist()[0]
    [0.5, 0.5, 0.5, 0.5]
    """
    odd = n // (n & -n)
    t, j = np.arange(odd)[:, None], np.arange(odd)
    H = np.cos(np.pi * t * (j + 0.5) / odd) * np.where(t == 0, 1, np.sqrt(2)) / np.sqrt(odd)  # (odd, odd)
    while len(H) < n:
        H = np.kron([[1, 1], [1, -1]], H) / np.sqrt(2)
    return H * np.random.default_rng(n).choice([-1.0, 1.0], n)


# ---- rounding that knows the inputs


def gptq(W, X, bits, g, affine=False, damp=0.01):
    """Round one column after the other, and let the columns that are still to come make up for the error (eq:gptq).

    W        (n, m)   X  (N, m) inputs to calibrate on
    damp     of the mean of H's diagonal, added to it: so that it can be inverted, and does not trust X too far
    returns  W_hat (n, m), each group's scale taken when its first column is reached
    """
    W, m = W.astype(float), W.shape[1]
    H = X.T.astype(float) @ X  # (m, m)
    H += damp * np.trace(H) / m * np.eye(m)
    U = np.linalg.cholesky(np.linalg.inv(H)).T  # (m, m), upper: row j tells how column j's error is spread
    kept, low = np.zeros_like(W), 0 if affine else 1 - 2 ** (bits - 1)
    high = 2**bits - 1 if affine else -low
    for j in range(m):
        if j % g == 0:
            _, s, z = (part[:, 0] for part in quantize_groupwise(W[:, j : j + g], bits, g, affine))  # s, z (n, 1)
        q = np.clip(np.rint(W[:, j : j + 1] / s) + z, low, high)
        kept[:, j : j + 1] = s * (q - z)
        error = (W[:, j] - kept[:, j]) / U[j, j]  # (n,)
        W[:, j:] -= np.outer(error, U[j, j:])
    return kept


def awq_scale(W, X, bits, g, affine=False, tries=20):
    """By what to multiply each input channel's weights before rounding, so that those that meet large inputs are kept
    better: a power of the mean |input|, the best of 21 exponents from 0 to 1 (eq:awq).

    W (n, m)   X (N, m)   returns (m,)
    """
    size = np.abs(X).mean(0) + 1e-12  # (m,)
    best, found = None, np.inf
    for t in range(tries + 1):
        s = size ** (t / tries)
        s = s / np.sqrt(s.max() * s.min())
        off = output_error(W, fake_quantize(W * s, bits, g, affine) / s, X)
        if off < found:
            best, found = s, off
    return best


def output_error(W, kept, X):
    """|X Wᵀ − X W_hatᵀ| / |X Wᵀ|: what the layer's outputs lose, in parts of their length."""
    return float(np.linalg.norm(X @ (W - kept).T) / np.linalg.norm(X @ W.T))


def weight_error(W, kept):
    """|W − W_hat| / |W|."""
    return float(np.linalg.norm(W - kept) / np.linalg.norm(W))
