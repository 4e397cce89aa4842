"""Numpy helpers that more than one topic needs, and units. Knows nothing of demos."""

from typing import NamedTuple

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
    step = step_at(x, bits, finest)
    return np.rint(x / step) * step


def step_at(x, bits, finest=-1074):
    """From x to the next number away from zero with so many bits of fraction: a power of two, of x's own kind.

    >>> step_at(np.array([1.0, 1.99, 2.0, 0.0]), 8, -133).tolist() == [2**-7, 2**-7, 2**-6, 2**-133]
    True
    """
    x = np.asarray(x)
    x = x if x.dtype == np.float32 else x.astype(float)
    whole, exponent = EXPONENT_BITS[x.dtype.itemsize]
    below = (x.view(whole) & exponent).view(x.dtype)  # the power of two at x or below: its exponent alone
    kind = np.finfo(x.dtype)
    least = np.maximum(x.dtype.type(2.0**finest), kind.smallest_subnormal)
    return np.clip(below * x.dtype.type(2.0 ** (1 - bits)), least, kind.max)  # infinity and NaN get a finite step, too


EXPONENT_BITS = {4: (np.uint32, np.uint32(0x7F800000)), 8: (np.uint64, np.uint64(0x7FF0000000000000))}


def stored(x, precision):
    """x as a precision of PRECISIONS holds it: the nearest of its numbers, or an infinity.

    >>> stored(np.array([65_519.0, 65_520.0]), "FP16").tolist(), float(stored(1 / 3, "BF16"))
    ([65504.0, inf], 0.333984375)
    """
    bits, finest, end = PRECISIONS[precision]
    y = rounded(x, bits, finest)
    return np.where(np.abs(y) >= end, np.copysign(np.inf, y), y)


# ---- formats of few bits


class Format(NamedTuple):
    """A sign, bits of exponent and of fraction; the largest number; and what stands for more: infinity, NaN or it."""

    exponent: int
    fraction: int
    largest: float
    beyond: float

    @property
    def finest(self):
        """The finest step, that of the subnormal numbers, as a power of two."""
        return 2 - 2 ** (self.exponent - 1) - self.fraction


FORMATS = {
    "FP32": Format(8, 23, 2.0**128 - 2.0**104, np.inf),
    "TF32": Format(8, 10, 2.0**128 - 2.0**117, np.inf),  # what NVIDIA's matrix units read of FP32
    "BF16": Format(8, 7, 2.0**128 - 2.0**120, np.inf),
    "FP16": Format(5, 10, 65_504.0, np.inf),
    "E5M2": Format(5, 2, 57_344.0, np.inf),
    "E4M3": Format(4, 3, 448.0, np.nan),  # OCP's: no infinity, and NaN takes one pattern in place of a whole binade
    "E2M1": Format(2, 1, 6.0, 6.0),  # neither infinity nor NaN
}


def to_format(x, name, saturate=False):
    """x as a format of FORMATS holds it: the nearest of its numbers, of two equally near the even one.

    saturate  what is too large becomes the largest number, as hardware does for scaled FP8, not infinity or NaN
    returns   like x, whose own precision must hold the format's numbers: float64, or float32

    >>> to_format(np.array([65_519.0, 65_520.0, 2.0**-25]), "FP16").tolist()   # half of the smallest step: to zero
    [65504.0, inf, 0.0]
    >>> to_format(np.array([464.0, 465.0]), "E4M3").tolist(), to_format(500.0, "E4M3", saturate=True).tolist()
    ([448.0, nan], 448.0)
    """
    form = FORMATS[name]
    with np.errstate(over="ignore"):
        y = rounded(x, form.fraction + 1, form.finest)
    beyond = form.largest if saturate else form.beyond
    return np.where(np.abs(y) > form.largest, np.copysign(beyond, y), y).astype(y.dtype)


# ---- one scale for many numbers

# what its numbers are, and how many of them share a scale: a power of two (OCP's MX), or an E4M3 number (NVFP4)
BLOCKS = {"MXFP8": ("E4M3", 32), "MXFP4": ("E2M1", 32), "NVFP4": ("E2M1", 16)}


def scaled_to(x, name):
    """x in a format of FORMATS with one scale for all, which takes the largest |x| to the format's largest number.

    >>> scaled_to(np.array([12.0, -5.0, 0.3]), "E2M1").tolist()   # steps of 1, 2 and 4, up to 12
    [12.0, -4.0, 0.0]
    """
    x = np.asarray(x)
    scale = np.maximum(np.abs(x).max(initial=0.0) / FORMATS[name].largest, np.finfo(x.dtype).tiny)
    return to_format(x / scale, name, saturate=True) * scale


def in_blocks(x, kind):
    """x (..., n) in a block format of BLOCKS: along its last axis, 16 or 32 numbers share a scale.

    MX's scale is the power of two at the block's largest |x| or below, over that of the element format: what lies
    above its largest number saturates (OCP 2023). NVFP4's is E4M3, after one FP32 scale for all of x.

    >>> in_blocks(np.array([12.0, -5.0, 0.3, 13.0]), "MXFP4").tolist()   # scale 2: 13 is more than 2 · 6
    [12.0, -4.0, 0.0, 12.0]
    """
    x, (name, size) = np.asarray(x), BLOCKS[kind]
    n, largest, tiny = x.shape[-1], FORMATS[name].largest, np.finfo(x.dtype).tiny
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, -n % size)])
    blocks = padded.reshape(*x.shape[:-1], -1, size)  # (..., n/size, size)
    top = np.abs(blocks).max(-1, keepdims=True)
    if kind == "NVFP4":
        whole = np.maximum(top.max(initial=0.0) / (largest * FORMATS["E4M3"].largest), tiny)
        scale = to_format(top / largest / whole, "E4M3", saturate=True) * whole
    else:
        scale = step_at(top, 1) / step_at(largest, 1)
    y = to_format(blocks / np.maximum(scale, tiny), name, saturate=True) * scale
    return y.reshape(padded.shape)[..., :n].astype(x.dtype)


# NormalFloat 4: quantiles of a normal law, with an exact zero, over the largest, as in bitsandbytes (dettmers2023)
NF4 = np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
                0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
                0.7229568362236023, 1.0])  # fmt: skip


def nearest_level(x, levels):
    """The place of the level nearest to each x, in ascending levels; half-way between two it is the lower.

    >>> nearest_level(np.array([-3.0, 0.04, 0.1, 9.0]), NF4).tolist()
    [0, 8, 8, 15]
    """
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, x)


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
