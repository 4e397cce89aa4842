"""Softmax over one row in numbers of few bits: without the maximum, with it first, and in one pass."""

import numpy as np

from topics.kit import Choice, Figure, LogSlider, Note, Seed, Table, demo, line, rule, softmax

FLOATS = {"FP16": np.float16, "FP32": np.float32}


LARGEST = 2.0 ** np.arange(0, 7.01, 0.5)  # 1 … 128: largest scores of a row


@demo(
    largest=LogSlider("Largest score of the row", 1.0, 128.0, value=16.0, per_octave=2),
    n=LogSlider("Keys", 16, 256, value=64),
    bits=Choice("Precision", tuple(FLOATS), value="FP16"),
    seed=Seed(),
)
def three_ways(largest, n, bits, seed):
    """A row of softmax, every result rounded to a precision: without the maximum, in three readings, in two."""
    u = np.random.default_rng(seed).uniform(-1, 1, n)
    s = LARGEST[:, None] * u / u.max()  # (scales, n)
    kind = FLOATS[bits]
    s = s.astype(kind).astype(float)
    exact, at = softmax(s), round(2 * np.log2(largest))
    methods = {
        "without the maximum": ("2", *no_maximum(s, kind), "error", "dash"),
        "maximum first": ("3", *maximum_first(s, kind), "weight", "dot"),
        "online": ("2", *one_pass(s, kind), "output", "solid"),
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
        Note(f"{bits} ends at {np.finfo(kind).max:,.5g}: an exponential passes it from a score of "
             f"{np.log(float(np.finfo(kind).max)):.2f} on, a sum of many sooner."),
    )  # fmt: skip


def _rounded(x, kind):
    with np.errstate(over="ignore"):
        return np.asarray(x).astype(kind).astype(float)


def _summed(e, kind):
    """The sum along the last axis, added up one by one, each sum rounded."""
    total = np.zeros(e.shape[:-1])
    for j in range(e.shape[-1]):
        total = _rounded(total + e[..., j], kind)
    return total


def no_maximum(s, kind):
    """Softmax of each row of s (..., n) as the formula says, rounded at each step.

    returns  weights (..., n), NaN where they are lost, the largest exponential and the sum (...,)
    """
    e = _rounded(np.exp(np.minimum(s, 700)), kind)
    total = _summed(e, kind)
    ok = np.isfinite(total) & (total > 0)
    w = np.where(ok[..., None], _rounded(e / np.where(ok, total, 1)[..., None], kind), np.nan)
    return w, e.max(-1), total


def maximum_first(s, kind):
    """The same, the row read three times: for its maximum, for its sum, for its weights."""
    e = _rounded(np.exp(_rounded(s - s.max(-1, keepdims=True), kind)), kind)
    total = _summed(e, kind)
    return _rounded(e / total[..., None], kind), e.max(-1), total


def one_pass(s, kind):
    """The same, the row read twice: for maximum and sum together as in online_softmax, and for its weights."""
    m, ell = np.full(s.shape[:-1], -np.inf), np.zeros(s.shape[:-1])
    for j in range(s.shape[-1]):
        m_new = np.maximum(m, s[..., j])
        shrink, e = (_rounded(np.exp(_rounded(x - m_new, kind)), kind) for x in (m, s[..., j]))
        m, ell = m_new, _rounded(_rounded(shrink * ell, kind) + e, kind)
    e = _rounded(np.exp(_rounded(s - m[..., None], kind)), kind)
    return _rounded(e / ell[..., None], kind), e.max(-1), ell
