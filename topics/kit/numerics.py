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
