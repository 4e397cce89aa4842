"""Rotary positions (RoPE, arXiv 2104.09864): the frequencies, and the turn of a vector's pairs. Knows no model."""

import numpy as np


def rope_frequencies(D, base):
    """θ of each pair, in radians a position, fastest first (eq:angles).

    >>> rope_frequencies(8, 10_000).round(6).tolist()
    [1.0, 0.1, 0.01, 0.001]
    """
    return base ** (-np.arange(0, D, 2) / D)  # (D/2,)


def apply_rope(x, angles, interleaved=False):
    """Turn each pair of x by its angle (eq:turn); lengths stay.

    x            (..., D)    queries or keys
    angles       (..., D/2)  position · θ
    interleaved  pair neighbours, and not the two halves

    >>> apply_rope(np.array([1.0, 0.0]), np.array([np.pi / 2])).round(6).tolist()
    [0.0, 1.0]
    """
    cos, sin = np.cos(angles), np.sin(angles)  # (..., D/2)
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else np.split(x, 2, -1)
    a, b = a * cos - b * sin, a * sin + b * cos
    if interleaved:
        return np.stack([a, b], -1).reshape(x.shape)
    return np.concatenate([a, b], -1)
