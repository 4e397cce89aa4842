"""Rotary position embedding: pairs of numbers turn like clock hands, so that a score knows distances and no positions.

T tokens   i the position that asks, j the one that answers   D width of queries and keys, in D/2 pairs p
θ angle that a pair turns from one position to the next   λ its wavelength, the positions of a whole turn
C positions that a model was trained on   f factor by which that is to be stretched
Half-split: pair p is (x_p, x_{p+D/2}), as in Hugging Face's Llama and the house model. Interleaved: (x_2p, x_2p+1), as
in the paper and in Meta's code.
"""

from typing import NamedTuple

import numpy as np

from topics.kit.model.rotary import rope_frequencies

# ---- the rotation


def half_split_order(D):
    """The order that takes an interleaved vector x to a half-split one, x[..., half_split_order(D)].

    >>> half_split_order(8).tolist()
    [0, 2, 4, 6, 1, 3, 5, 7]
    """
    return np.concatenate([np.arange(0, D, 2), np.arange(1, D, 2)])


def scores_by_distance(q, k, distances, theta):
    """q·k of every q at position i with its k at position j, from i − j alone (eq:relative).

    q, k       (n, D)  half-split   distances  (m,)
    returns    (m, n)
    """
    (a, b), (c, d) = np.split(q, 2, -1), np.split(k, 2, -1)  # (n, D/2)
    along, across = a * c + b * d, a * d - b * c
    turns = distances[:, None] * theta  # (m, D/2)
    return np.cos(turns) @ along.T + np.sin(turns) @ across.T


# ---- frequencies for longer texts

WAYS = ("none", "linear", "NTK-aware", "YaRN", "Llama 3.1")


def scale_frequencies(D, base, way, f, C, truncate=True):
    """The frequencies of a model that was trained on C positions, stretched to f times as many (eq:blend).

    way       "none", "linear", "NTK-aware", "YaRN" or "Llama 3.1"
    truncate  YaRN's ramp ends at whole pairs, as in transformers and vLLM unless told otherwise; not in gpt-oss
    returns   θ (D/2,), and a factor on queries and on keys: YaRN's temperature (eq:temperature), else 1
    raises    ValueError at another way
    """
    if way not in WAYS:
        raise ValueError(f"no way to stretch is called {way!r}; there are {', '.join(WAYS)}")
    theta, pairs = rope_frequencies(D, base), np.arange(D // 2)
    if way == "NTK-aware":
        return theta * f ** (-2 * pairs / (D - 2)), 1.0
    if way == "YaRN":
        first, last = ramp_ends(D, base, C, truncate)
        keep = np.clip((last - pairs) / max(last - first, 0.001), 0, 1)  # κ, (D/2,)
    elif way == "Llama 3.1":
        keep = kept_by_turns(C * theta / (2 * np.pi), 1, 4)  # (D/2,)
    else:
        keep = 1.0 if way == "none" else 0.0
    return keep * theta + (1 - keep) * theta / f, 0.1 * np.log(f) + 1 if way == "YaRN" else 1.0


def ramp_ends(D, base, C, truncate=True):
    """The pairs at which YaRN's ramp begins and ends: those that make 32 turns within C positions, and one.

    >>> [round(float(p), 2) for p in ramp_ends(64, 150_000, 4096, truncate=False)]   # gpt-oss
    [8.09, 17.4]
    >>> [float(p) for p in ramp_ends(64, 150_000, 4096)]
    [8.0, 18.0]
    """
    first, last = (D * np.log(C / (2 * np.pi * turns)) / (2 * np.log(base)) for turns in (32, 1))
    if truncate:
        first, last = np.floor(first), np.ceil(last)
    return max(first, 0), min(last, D - 1)


def kept_by_turns(turns, slow, fast):
    """κ of a hand by its turns within C: 0 up to `slow`, 1 from `fast` on. Llama 3.1 takes 1 and 4.

    >>> float(kept_by_turns(2.5, 1, 4))
    0.5
    """
    return np.clip((turns - slow) / (fast - slow), 0, 1)


def wavelengths(theta):
    """Positions that each pair takes for a whole turn (eq:wavelength)."""
    return 2 * np.pi / theta


def unturned(D, base, C):
    """How many of the D/2 pairs never complete a turn within C positions.

    >>> unturned(128, 10_000, 4096), unturned(128, 500_000, 4096), unturned(128, 500_000, 8192)
    (18, 32, 29)
    """
    return int((wavelengths(rope_frequencies(D, base)) > C).sum())


class Rotary(NamedTuple):
    """How a model turns queries and keys: the width D that is turned, what it was trained on and stretched to."""

    D: int
    base: int
    C: int
    way: str = "none"
    f: int = 1


# Cited in references.bib as touvron2023llama2, llama2024herd, meta2024code, deepseek2024v3, gemma2025, openai2025 and
# qwen2026card; the house model's own numbers are in training/README.md.
ROTARY = {
    "house model": Rotary(16, 10_000, 128),
    "Llama-2-7B": Rotary(128, 10_000, 4096),
    "Llama-3-8B": Rotary(128, 500_000, 8192),
    "Llama-3.1-8B": Rotary(128, 500_000, 8192, "Llama 3.1", 8),
    "DeepSeek-V3": Rotary(64, 10_000, 4096, "YaRN", 40),
    "Gemma 3 27B": Rotary(128, 1_000_000, 32_768, "linear", 8),  # its global layers; the local ones: base 10,000
    "gpt-oss-120b": Rotary(64, 150_000, 4096, "YaRN", 32),
    "Qwen3.5-35B-A3B": Rotary(64, 10_000_000, 262_144, "YaRN", 4),
}


def never_turn(name):
    """Of a model of ROTARY: the share of pairs that never complete a turn in training, in percent."""
    m = ROTARY[name]
    return 100 * unturned(m.D, m.base, m.C) / (m.D // 2)


def slowest(name):
    """The longest wavelength of a model of ROTARY, as it was trained, in positions."""
    m = ROTARY[name]
    return float(wavelengths(rope_frequencies(m.D, m.base))[-1])
