"""What the page on QLoRA shows of storage alone: tables of levels, what they lose, and absmax in eight bits."""

from functools import cache

import numpy as np

from topics.kit import Choice, Figure, LogSlider, Metrics, Note, Seed, Table, Toggle, bars, demo, line, lm, points
from topics.kit.numerics import NF4
from topics.qlora.method import (
    absmax_again,
    bits_per_parameter,
    double_quantize,
    held_in,
    in_blocks_of,
    nf4_codebook,
)

# ---- five grids

N = 12_288  # weights: 12 blocks of 1,024
SIZES = (16, 32, 64, 128, 256, 512, 1024)  # weights of a block
NORMAL, UNIFORM, HOUSE = "a normal law", "a uniform law", "the house model"
_E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
_FP4 = np.array([0, 0.0625, 2, 3, 4, 6, 8, 12])  # bitsandbytes' own, with its subnormal number of a sixteenth


def both_signs(size):
    """Levels of either sign, the largest 1: (k,) ascending from 0 to (2k − 1,)."""
    return np.concatenate([-size[:0:-1], size]) / size[-1]


MINMAX = "min to max"
GRIDS = {  # levels, ink, dash
    "NF4": (nf4_codebook(), "weight", "solid"),
    "E2M1": (both_signs(_E2M1), "output", "dash"),
    "FP4, library": (both_signs(_FP4), "key", "dot"),
    "INT4": (both_signs(np.arange(8.0)), "query", "dashdot"),
    MINMAX: (None, "error", "solid"),  # 16 even levels from the least to the largest weight
}


@demo(
    "instant",
    "target",
    g=LogSlider("Weights of a block", 16, 1024, value=64),
    law=Choice("Weights from", (NORMAL, UNIFORM, HOUSE), value=NORMAL),
    seed=Seed(),
)
def five_grids(g, law, seed):
    """What five tables of four bits lose, against the bits that a weight really takes."""
    w = weights_from(law, seed)
    lost = {(name, size): error(w, name, size) for name in GRIDS for size in SIZES}
    order = sorted(GRIDS, key=lambda name: lost[name, g])
    best = order[0]
    return (
        _curves(lost, g, law),
        Table(
            ("Grid", "Levels", "Bits a weight", "Error"),
            [(name, 16 if GRIDS[name][0] is None else len(GRIDS[name][0]), round(bits_of(name, g), 4),
              f"{lost[name, g]:.4f}") for name in order],
            f"In blocks of {g:,}, the best first. Error: mean square of what is lost, over the weights'.",
        ),
        _levels(w[:g], law),
        Note(f"In blocks of {g:,} {best} loses least, of {law}: {lost[best, g]:.4f}. NF4 loses {lost['NF4', g]:.4f}."),
    )  # fmt: skip


def weights_from(law, seed):
    """(N,) weights of mean square 1, or N weights of the house model's second layer."""
    rng = np.random.default_rng(seed)
    if law == NORMAL:
        return rng.normal(size=N)
    if law == UNIFORM:
        return rng.uniform(-1, 1, N) * 3**0.5
    return np.concatenate([lm.load("target").weights[f"1.{part}"].ravel() for part in ("gate", "up")])[-N:].astype(
        float
    )


def kept_by(w, name, g):
    """w (N,) as a grid holds it in blocks of g."""
    return held_in(w, g, GRIDS[name][0]) if name != MINMAX else minmax(w, g)


def minmax(w, g):
    """w in blocks of g on 16 even levels from its least to its largest weight, 0 among them: with a zero point."""
    x = in_blocks_of(w, g)
    low, high = np.minimum(x.min(1, keepdims=True), 0), np.maximum(x.max(1, keepdims=True), 0)
    s = np.where(high > low, high - low, 1) / 15  # (k, 1)
    z = np.rint(-low / s)
    return (s * (np.clip(np.rint(x / s) + z, 0, 15) - z)).ravel()[: len(w)]


def error(w, name, g):
    """Mean square of what is lost, over the mean square of the weights."""
    off = w - kept_by(w, name, g)
    return float(off @ off / (w @ w))


def bits_of(name, g):
    """Bits a weight: 4, 32 for a block's absmax or scale, and 4 for a zero point."""
    return bits_per_parameter(g=g, scale=36 if name == MINMAX else 32)


def _curves(lost, g, law):
    traces = []
    for name, (_, ink, dash) in GRIDS.items():
        x, y = [bits_of(name, size) for size in SIZES], [lost[name, size] for size in SIZES]
        traces.append(line(x, y, name, ink, dash))
    here = [(bits_of(name, g), lost[name, g]) for name in GRIDS]
    traces.append(points(*map(list, zip(*here, strict=True)), f"blocks of {g:,}", "reference", "diamond"))
    return Figure(
        traces,
        x_title="Bits a weight really takes",
        y_title="Error (of the weights' squares)",
        alt=f"Errors of five four-bit grids for weights of {law}, in blocks of 16 to 1,024. In blocks of {g:,}: "
        + ", ".join(f"{name} {lost[name, g]:.4f}" for name in GRIDS)
        + ".",
        yaxis={"rangemode": "tozero"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        height=340,
    )


def _levels(block, law):
    """Where the levels of each grid lie in one block, over its absmax."""
    top = float(np.abs(block).max())
    traces, names = [], list(GRIDS)
    for row, name in enumerate(reversed(names)):
        levels, ink, _ = GRIDS[name]
        if levels is None:
            low, high = min(block.min() / top, 0), max(block.max() / top, 0)
            s = (high - low) / 15
            levels = s * (np.arange(16) - np.rint(-low / s))
        x, y = [], []
        for level in levels.tolist():
            x += [level, level, None]
            y += [row - 0.1, row + 0.35, None]
        traces.append({**line(x, y, name, ink), "line": {"dash": "solid", "width": 1.5}, "showlegend": False})
    x = (block / top)[:64]
    traces.append(points(x, [-0.75] * len(x), "weights", "reference", marker={"size": 6}, showlegend=False))
    return Figure(
        traces,
        x_title="Weight over the block's absmax",
        alt=f"Levels of five grids from −1 to 1, and up to 64 weights of one block of {law}. NF4's lie closest near 0; "
        "INT4's are even.",
        height=270,
        yaxis={"tickvals": [-0.75, *range(len(names))], "ticktext": ["weights", *reversed(names)],
               "range": [-1.1, len(names) - 0.4], "title": {"text": "Grid"}},
        xaxis={"range": [-1.08, 1.08]},
    )  # fmt: skip


@cache
def mean_error(name, g, law=NORMAL, draws=3):
    """For the page's text: the error, the mean over draws."""
    return float(np.mean([error(weights_from(law, seed), name, g) for seed in range(draws)]))


# ---- absmax in eight bits

WEIGHTS = 2**17  # so many, drawn from a normal law


@demo(
    g=LogSlider("Weights of a block", 32, 1024, value=64),
    second=Choice("Absmax that share a scale", (64, 256, 1024), value=256),
    broken=Toggle("Break it: leave the mean on"),
    seed=Seed(),
)
def absmax_in_eight_bits(g, second, broken, seed):
    """Where the bits go, and what keeping absmax in eight of them loses."""
    c = absmax_of(g, seed)
    kept = absmax_again(*double_quantize(c, second, not broken), second)
    off = np.abs(kept / c - 1)
    before, after = bits_per_parameter(g=g), bits_per_parameter(g=g, second=second)
    parts = {"absmax in FP32": (32 / g, 0.0), "absmax in 8 bits": (8 / g, 32 / (g * second))}
    inks = (("absmax", "cost"), ("scales of absmax", "error"))
    figure = Figure(
        [bars(list(parts), [row[i] for row in parts.values()], name, ink) for i, (name, ink) in enumerate(inks)],
        y_title="Bits a weight, beside its code",
        alt=f"In blocks of {g:,} a weight takes {before:.3f} bits with absmax in FP32, and {after:.3f} with absmax in "
        f"8 bits, {second:,} of which share a scale.",
        barmode="stack",
        yaxis={"range": [0, 1.1]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        height=280,
    )
    return (
        figure,
        Metrics(
            ("Bits a weight", after, "", f"4 + 8 / {g} + 32 / ({g} · {second})"),
            ("Saved", before - after, "bits", f"{before:.3f} − {after:.3f}"),
            ("Saved of 65 B weights", (before - after) * LINEAR_65B / 8e9, "GB", "64.76 B weights of the matrices"),
            ("Absmax is off by", float(100 * off.mean()), "%", "mean of |kept / absmax − 1|"),
            ("At most", float(100 * off.max()), "%"),
        ),
        _absmax_drawn(c, kept, broken),
    )  # fmt: skip


LINEAR_65B = 80 * (4 * 8192**2 + 3 * 8192 * 22_016)  # weights of LLaMA-65B's matrices


@cache
def absmax_of(g, seed):
    """(WEIGHTS / g,) absmax of weights from a normal law."""
    return np.abs(np.random.default_rng(seed).normal(size=(WEIGHTS // g, g))).max(1)


def _absmax_drawn(c, kept, broken):
    c, kept = c[:48], kept[:48]
    edge = [float(min(c.min(), kept.min())) * 0.97, float(max(c.max(), kept.max())) * 1.03]
    off = float(100 * np.abs(kept / c - 1).mean())
    return Figure(
        [line(edge, edge, "as it was", "reference", "dash"), points(c, kept, "absmax of a block", "cost")],
        x_title="Absmax",
        y_title="Absmax as kept",
        alt=f"{len(c)} blocks' absmax, and what eight bits keep of each, {'with' if broken else 'without'} the mean: "
        f"off by {off:.2g} % in the mean.",
        height=270,
        showlegend=False,
    )


@cache
def absmax_error(centred=True, g=64, second=256, seed=0):
    """For the page's text: by how much absmax is off, the mean in percent."""
    c = absmax_of(g, seed)
    return float(100 * np.abs(absmax_again(*double_quantize(c, second, centred), second) / c - 1).mean())


def off_the_library():
    """The largest difference between our NF4 and the library's table."""
    return float(np.abs(nf4_codebook() - NF4).max())
