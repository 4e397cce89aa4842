"""Numpy helpers that more than one topic needs, and units. Knows nothing of demos."""

import numpy as np

KIB, MIB, GIB = 2**10, 2**20, 2**30  # memory is counted in these
GB = 10**9  # bandwidth and disk sizes are counted in this


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along an axis; each slice sums to one.

    x        (..., n)   any real scores
    returns  (..., n)   same shape

    >>> softmax(np.array([0.0, np.log(3.0)])).round(2).tolist()
    [0.25, 0.75]
    """
    e = np.exp(x - x.max(axis, keepdims=True))  # subtract the max: exp(800) is inf
    return e / e.sum(axis, keepdims=True)


# a precision: bits of its fraction, the leading one counted; the finest step, as a power of two; where it overflows
PRECISIONS = {
    "BF16": (8, -133, 2.0**128),
    "FP16": (11, -24, 2.0**16),
    "FP32": (24, -149, 2.0**128),
    "FP64": (53, -1074, np.inf),
}


def rounded(x, bits, finest=-1074):
    """x to the nearest number with so many bits of fraction, ties to even, in steps no finer than 2**finest.

    >>> rounded(np.array([256.0, 257.0, 259.0]), 8).tolist()   # BF16 has no odd number beyond 256
    [256.0, 256.0, 260.0]
    """
    step = np.ldexp(1.0, np.maximum(np.frexp(x)[1] - bits, finest))
    return np.rint(x / step) * step


def stored(x, precision):
    """x as a precision of PRECISIONS holds it: the nearest of its numbers, or an infinity.

    >>> stored(np.array([65_519.0, 65_520.0]), "FP16").tolist(), float(stored(1 / 3, "BF16"))
    ([65504.0, inf], 0.333984375)
    """
    bits, finest, end = PRECISIONS[precision]
    y = rounded(x, bits, finest)
    return np.where(np.abs(y) >= end, np.copysign(np.inf, y), y)


def max_abs_difference(a, b):
    """The largest |a - b| of two arrays of one shape, as a float.

    >>> max_abs_difference([1.0, 2.0], [1.0, 2.5])
    0.5
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:  # broadcasting would hide a wrong shape behind a small difference
        raise ValueError(f"max_abs_difference: shapes {a.shape} and {b.shape} differ")
    return float(np.abs(a - b).max(initial=0.0))


def position_vector(t, d):
    """A vector that says where in the text a token stands: sines and cosines of t (Vaswani et al. 2017)."""
    angle = t / 10_000 ** (np.arange(0, d, 2) / d)  # (d/2,)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).ravel()  # (d,)
