"""Softmax over one row in numbers of few bits: without the maximum, with it first, and in one pass."""

import numpy as np

from topics.kit import Choice, Figure, LogSlider, Note, Seed, Table, demo, line, rule, softmax
from topics.kit.numerics import PRECISIONS, stored

LARGEST = 2.0 ** np.arange(0, 7.01, 0.5)  # 1 … 128: largest scores of a row


@demo(
    largest=LogSlider("Largest score of the row", 1.0, 128.0, value=16.0, per_octave=2),
    n=LogSlider("Keys", 16, 256, value=64),
    bits=Choice("Precision", ("FP16", "BF16", "FP32"), value="FP16"),
    seed=Seed(),
)
def three_ways(largest, n, bits, seed):
    """A row of softmax, every result rounded to a precision: without the maximum, in three readings, in two."""
    u = np.random.default_rng(seed).uniform(-1, 1, n)
    s = LARGEST[:, None] * u / u.max()  # (scales, n)
    s = stored(s, bits)
    exact, at = softmax(s), round(2 * np.log2(largest))
    methods = {
        "without the maximum": ("2", *no_maximum(s, bits), "error", "dash"),
        "maximum first": ("3", *maximum_first(s, bits), "weight", "dot"),
        "online": ("2", *one_pass(s, bits), "output", "solid"),
    }
    lines, rows = [], []
    for name, (readings, w, top, total, ink, dash) in methods.items():
        ok = np.isfinite(w).all(-1)  # (scales,)
        off = 1000 * np.abs(np.where(ok[:, None], w, 0) - exact).max(-1)
        off = np.array([float(f"{x:.4g}") for x in off])  # of an error further digits are noise
        lines.append(line(LARGEST[ok], off[ok], name, ink, dash, mode="lines+markers"))
        said = [f"{x:.4g}" if np.isfinite(x) else "∞" for x in (top[at], total[at])]
        rows.append([name, readings, *said, f"{off[at]:.2g} ‰" if ok[at] else "lost"])
    ends, top = lines[0]["x"][-1], max(float(each["y"].max()) for each in lines)
    return (
        Figure(
            lines,
            x_title="Largest score of the row",
            y_title="Largest error of a weight (‰)",
            alt=f"{bits}, {n} keys. At a largest score of {largest:.3g}: "
            + ", ".join(f"{row[0]} {row[-1]}" for row in rows)
            + f". Without the maximum there are weights up to a largest score of {ends:.3g}.",
            xaxis={"type": "log", "tickvals": [1, 2, 4, 8, 16, 32, 64, 128], "range": [-0.05, 2.16]},
            yaxis={"range": [0, 1.3 * top]},
            legend={"orientation": "h", "y": 1.15},
            shapes=[rule(x=largest)],
        ),
        Table(["softmax", "readings of the row", "largest exponential", "sum", "error here"], rows,
              f"Largest score {largest:.3g}, {bits}"),
        _range_and_step(bits),
    )  # fmt: skip


def _range_and_step(bits):
    """A note on where a precision ends, and where it can't add 1 any more."""
    fraction, _, end = PRECISIONS[bits]
    return Note(
        f"{bits} ends at {end * (1 - 2.0**-fraction):,.5g}: an exponential passes it from a score of {np.log(end):.2f} "
        f"on, a sum of many sooner. Its numbers have {fraction} bits: beyond {2**fraction:,}, 1 more is rounded away."
    )


def _summed(e, bits):
    """The sum along the last axis, added up one by one, each sum rounded."""
    total = np.zeros(e.shape[:-1])
    for each in np.moveaxis(e, -1, 0):
        total = stored(total + each, bits)
    return total


def no_maximum(s, bits):
    """Softmax of each row of s (..., n) as the formula says, rounded at each step.

    returns  weights (..., n), NaN where they are lost, the largest exponential and the sum (...,)
    """
    e = stored(np.exp(np.minimum(s, 700)), bits)
    total = _summed(e, bits)
    ok = np.isfinite(total) & (total > 0)
    w = np.where(ok[..., None], stored(e / np.where(ok, total, 1)[..., None], bits), np.nan)
    return w, e.max(-1), total


def maximum_first(s, bits):
    """The same, the row read three times: for its maximum, for its sum, for its weights."""
    e = stored(np.exp(stored(s - s.max(-1, keepdims=True), bits)), bits)
    total = _summed(e, bits)
    return stored(e / total[..., None], bits), e.max(-1), total


def one_pass(s, bits):
    """The same, the row read twice: for maximum and sum together as in online_softmax, and for its weights."""
    m = np.maximum.accumulate(s, -1)  # (..., n): the maximum after each key
    before = np.concatenate([m[..., :1], m[..., :-1]], -1)
    shrink, e = (stored(np.exp(stored(x - m, bits)), bits) for x in (before, s))
    ell = e[..., 0]
    for j in range(1, s.shape[-1]):
        ell = stored(stored(shrink[..., j] * ell, bits) + e[..., j], bits)
    e = stored(np.exp(stored(s - m[..., -1:], bits)), bits)
    return stored(e / ell[..., None], bits), e.max(-1), ell
