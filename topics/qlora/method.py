"""QLoRA: a base kept in four bits, and an adapter beside it that learns in sixteen.

w weights   g weights of a block   c absmax, a block's largest |w|   levels a table of numbers from −1 to 1
b bits of a code   codes places in that table   W (n, m) a matrix   A (r, m), B (n, r) the adapter   s its scale
"""

from math import erf, exp, pi, sqrt

import numpy as np

from topics.kit.model.lm import linear
from topics.kit.numerics import nearest_level

# ---- tables of levels


def quantile(p):
    """The number below which a standard normal law has the probability p, 0 < p < 1: Newton's steps from 0.

    >>> round(quantile(0.975), 6), quantile(0.5)
    (1.959964, 0.0)
    """
    if p < 0.5:
        return -quantile(1 - p)
    x = 0.0
    for _ in range(60):  # the curve bends down, so no step goes too far
        x += (p - (1 + erf(x / sqrt(2))) / 2) * sqrt(2 * pi) * exp(x * x / 2)
    return x


def nf4_codebook(bits=4):
    """NormalFloat: quantiles of a normal law, an exact 0, and one more level above it than below (eq:nf4).

    returns  (n,) with n = 2^b, ascending, from −1 to 1

    >>> nf4_codebook().round(3).tolist()[6:10]
    [-0.091, 0.0, 0.08, 0.161]
    """
    n = 2**bits
    last = 1 - (1 / (2 * n) + 1 / (2 * n - 2)) / 2  # between the two halves' own last middles
    above = [quantile(p) for p in np.linspace(0.5, last, n // 2 + 1)[1:]]
    below = [-quantile(p) for p in np.linspace(last, 0.5, n // 2)[:-1]]
    return np.array([*below, 0.0, *above]) / above[-1]


def equation_4(bits=4):
    """The levels that equation 4 of the QLoRA paper gives where it is finite, over the largest (eq:four).

    returns  an array of those for i = 1 … 2^b − 1: i = 0 asks for the quantile of 0, which is −∞

    >>> equation_4().round(3).tolist()[6:9]   # symmetric
    [-0.108, 0.0, 0.108]
    """
    n = 2**bits + 1
    q = np.array([(quantile(i / n) + quantile((i + 1) / n)) / 2 for i in range(1, n - 1)])
    return q / q[-1]


def dynamic_codebook():
    """The 8-bit table in which the library keeps absmax: seven decades, the finer the larger the number.

    returns  (256,) ascending, from −0.99 to 1

    >>> dynamic_codebook()[[0, 127, 254, 255]].round(4).tolist()
    [-0.993, 0.0, 0.993, 1.0]
    """
    size = []
    for decade in range(7):
        edges = np.linspace(0.1, 1, 2**decade + 1)
        size += (10.0 ** (decade - 6) * (edges[1:] + edges[:-1]) / 2).tolist()
    return np.array(sorted([*size, *(-x for x in size), 0.0, 1.0]))


# ---- weights in blocks


def quantize_nf4(w, g=64, levels=None):
    """Codes of w in blocks of g, and the largest |w| of each block (eq:block).

    w        any shape; its numbers are taken row by row, and the last block may be short
    levels   ascending, from −1 to 1; NF4's when None
    returns  codes (n,) and absmax (k,): n numbers in k blocks

    >>> codes, absmax = quantize_nf4(np.array([0.5, -2.0, 0.0, 0.1, 0.4]), g=4)   # the last block has one number
    >>> codes.tolist(), absmax.tolist()
    ([10, 0, 7, 8, 15], [2.0, 0.4])
    """
    levels = nf4_codebook() if levels is None else levels
    blocks = in_blocks_of(np.asarray(w).ravel(), g)  # (k, g)
    c = np.abs(blocks).max(1)
    x = blocks / np.where(c == 0, 1, c)[:, None]  # a block of zeros stays zero
    return nearest_level(x, levels).astype(np.uint8).ravel()[: np.size(w)], c


def dequantize_nf4(codes, absmax, shape, g=64, levels=None):
    """What codes stand for, in a shape: level times absmax (eq:block).

    codes (n,)   absmax (k,)   returns an array of that shape
    """
    levels = nf4_codebook() if levels is None else levels
    return (levels[codes] * np.repeat(absmax, g)[: len(codes)]).reshape(shape)


def in_blocks_of(x, g):
    """x (n,) in rows of g, (n/g rounded up, g); a short end is filled with zeros."""
    return np.pad(x, (0, -len(x) % g)).reshape(-1, g)


def held_in(w, g=64, levels=None):
    """w as its codes give it back, in its own shape and precision."""
    w = np.asarray(w)
    return dequantize_nf4(*quantize_nf4(w, g, levels), w.shape, g, levels).astype(w.dtype)


def double_quantize(absmax, g=256, centred=True):
    """Absmax in 8 bits: take off the mean, then round in blocks of their own (eq:double).

    absmax   (k,)
    returns  codes (k,), absmax of these blocks, the mean
    """
    mean = absmax.mean() if centred else 0.0
    codes, second = quantize_nf4(absmax - mean, g, dynamic_codebook())  # in blocks as there, with another table
    return codes, second, mean


def absmax_again(codes, second, mean, g=256):
    """Absmax (k,) as double_quantize keeps it."""
    return dequantize_nf4(codes, second, codes.shape, g, dynamic_codebook()) + mean


def bits_per_parameter(bits=4, g=64, scale=32, second=None):
    """Bits a weight takes with its share of absmax: `scale` bits each, or 8 and 32 for every `second` of them
    (eq:bits).

    >>> bits_per_parameter(), round(bits_per_parameter(second=256), 3)
    (4.5, 4.127)
    """
    return bits + (scale / g if second is None else 8 / g + 32 / (g * second))


# ---- the adapter


def qlora_forward(x, codes, absmax, A, B, s, g=64):
    """y = W_hat x + s B (A x) for every row x, with W_hat made of its codes for this product alone (eq:forward).

    x (..., m), an array or a Tensor
    A (r, m)   B (n, r)
    codes, absmax  of the n · m weights: constants, through which gradients pass to x
    returns  (..., n)
    """
    W_hat = dequantize_nf4(codes, absmax, (np.shape(B)[0], np.shape(A)[1]), g)  # (n, m)
    return linear(x, W_hat) + s * linear(linear(x, A), B)


def merged(W, change, g, levels):
    """Into codes again: what a matrix and the change by an adapter, summed, are held as (eq:merged)."""
    return held_in(W + change, g, levels)


def survives(kept, wanted):
    """How much of a wanted change is in the kept one: their product over the wanted one's square (eq:survives).

    kept, wanted  arrays of one shape

    >>> survives(np.array([0.5, 0.0]), np.array([0.5, 0.5]))
    0.5
    """
    return float(np.vdot(kept, wanted) / np.vdot(wanted, wanted))


# ---- memory


def ledger(linear_weights, other_weights, adapter, method, bits=None):
    """Bytes of training, line by line, without activations.

    linear_weights  of the matrices that are frozen; other_weights  embedding, output and norms, at 16 bits
    adapter         parameters of the adapter, BF16, with gradients in BF16 and two FP32 numbers each for Adam
    method          "full": all weights trained, gradients in 16 bits and Adam's numbers in FP32; "LoRA"; "QLoRA"
    bits            a frozen weight takes; what double quantisation makes of it when None

    >>> round(sum(ledger(64.76e9, 0.53e9, 0.8e9, "full").values()) / 1e9)   # 12 bytes a parameter
    783
    """
    if method == "full":
        n = linear_weights + other_weights
        return {"weights": 2 * n, "gradients": 2 * n, "Adam": 8 * n}
    bits = 16 if method == "LoRA" else bits or bits_per_parameter(second=256)
    return {
        "frozen matrices": linear_weights * bits / 8,
        "embedding, output, norms": 2 * other_weights,
        "adapter": 2 * adapter,
        "its gradients": 2 * adapter,
        "Adam": 8 * adapter,
    }


def paged(fixed, state, peaks, capacity):
    """What a paged optimiser moves while steps with these peaks of activations run (eq:paged).

    fixed     bytes that must stay   state  bytes of the optimiser, which may leave   capacity  of the GPU
    peaks     (n,) bytes of activations of each step
    returns   out (n,): bytes of the state that are in the CPU's memory during a step; fits (n,) bool
    """
    need = fixed + np.asarray(peaks, float) + state - capacity  # (n,)
    return np.clip(need, 0, state), need <= state
