"""What the page on quantization shows without the house model: formats byte by byte, and a real matrix."""

from functools import cache

import numpy as np

from topics.kit import (
    GPUS,
    MODELS,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Table,
    bars,
    demo,
    line,
    points,
    rule,
)
from topics.kit.model.data import data_file, tensors
from topics.kit.page.words import raised
from topics.kit.real.costs import weights_bytes, weights_read
from topics.quantization.formats import BLOCK, E2M1, E4M3, NF4, held_as, nvfp4, packed, stored_bits
from topics.quantization.method import fake_quantize, weight_error
from topics.quantization.recorded import ROUNDED
from topics.quantization.recorded_minilm import VECTORS_AFTER

# ---- four-bit formats


SEEN = 64  # weights: one block of NF4, two of Q4_0 and of MXFP4, four of NVFP4


@demo(
    k=LogSlider("The first weight made larger", 1, 64, value=1, unit="times"),
    law=Choice("Weights drawn from a", ("normal law", "uniform law"), value="normal law"),
    seed=Seed(),
)
def format_microscope(k, law, seed):
    """64 weights in four formats of four bits: the levels of the first block, the bytes, and the error."""
    w = weights_drawn(k, law, seed)
    kept = {kind: held_as(w, kind) for kind in BLOCK}
    rows = [(kind, BLOCK[kind][0], f"{stored_bits(kind):g}", _scale_in_words(w, kind),
             round(100 * weight_error(w, kept[kind]), 1), round(100 * weight_error(w[1:], kept[kind][1:]), 1))
            for kind in BLOCK]  # fmt: skip
    return (
        _levels(w, kept),
        Table(
            ("Format", "Block", "Bits", "First scale", "Error, %", "Others, %"),
            rows,
            "Bits a weight; the first block's scale; the error of all 64 weights, and of all but the first.",
        ),
        Metrics(
            *((f"{kind}, first bytes", _hex(w, kind), "", f"{8 * packed(w, kind).shape[-1]} bits for "
               f"{BLOCK[kind][0]} weights") for kind in BLOCK)
        ),
    )  # fmt: skip


def weights_drawn(k, law, seed):
    """(64,) weights about as large as a real matrix's, the first of them k times as large as it was drawn."""
    rng = np.random.default_rng(seed)
    w = 0.02 * (rng.normal(size=SEEN) if law == "normal law" else rng.uniform(-1, 1, SEEN) * 3**0.5)
    w[0] = 0.02 * k
    return w


def _hex(w, kind):
    return " ".join(f"{byte:02x}" for byte in packed(w, kind)[0][:5]) + " …"


def first_scale(w, kind):
    """The scale of the first block, as it is stored; NF4's is the block's largest weight."""
    block = packed(w, kind)[0]
    if kind == "Q4_0":
        return float(block[:2].copy().view(np.float16)[0])
    if kind == "NF4":
        return float(block[:4].copy().view(np.float32)[0])
    if kind == "MXFP4":
        return 2.0 ** (int(block[0]) - 127)
    return float(nvfp4(w.reshape(-1, 16))[0] * E4M3[block[0]])


def _scale_in_words(w, kind):
    s = first_scale(w, kind)
    power = f" = 2{raised(round(np.log2(s)))}" if kind == "MXFP4" else ""
    return f"{'largest ' if kind == 'NF4' else ''}{s:.4g}{power}".replace("-", "−")


def levels_of(w, kind):
    """The 16 numbers that a code of the first block can stand for."""
    s = first_scale(w, kind)
    return s * {"Q4_0": np.arange(16) - 8.0, "NF4": NF4}.get(kind, E2M1)


def _levels(w, kept):
    x, y, seen, at, got, got_at = [], [], [], [], [], []
    for row, kind in enumerate(reversed(BLOCK)):
        for level in levels_of(w, kind):
            x += [float(level), float(level), None]
            y += [row - 0.12, row + 0.32, None]
        n = BLOCK[kind][0]
        seen += w[:n].tolist()
        at += [row - 0.25] * n
        got += kept[kind][:1].tolist()
        got_at += [row - 0.25]
    end = 1.15 * max(float(np.abs(w).max()), *(float(np.abs(levels_of(w, kind)).max()) for kind in BLOCK))
    return Figure(
        [
            {**line(x, y, "levels", "reference"), "line": {"dash": "solid", "width": 1.5}},
            points(seen, at, "weights of the first block", "weight", marker={"size": 6}),
            points(got, got_at, "the first weight as kept", "error", marker={"symbol": "x", "size": 9}),
        ],
        x_title="Weight",
        alt=f"The levels of four formats, and the weights of their first blocks, up to {np.abs(w).max():.3g}. "
        + "; ".join(f"{kind}: {BLOCK[kind][0]} weights, error of all 64 {100 * weight_error(w, kept[kind]):.1f} %"
                    for kind in BLOCK) + ".",
        yaxis={"tickvals": list(range(len(BLOCK))), "ticktext": list(reversed(BLOCK)), "range": [-0.6, 3.5],
               "title": {"text": "Format"}},
        xaxis={"range": [-end, end]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip


def microscope(k, kind, law="normal law", seed=0):
    """For the page's text: the error of all weights but the first, in percent."""
    w = weights_drawn(k, law, seed)
    return 100 * weight_error(w[1:], held_as(w, kind)[1:])


def over_many(kind, law="normal law", draws=100):
    """The same of all weights of many draws, none made larger."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=SEEN * draws) if law == "normal law" else rng.uniform(-1, 1, SEEN * draws)
    return 100 * weight_error(w, held_as(w, kind))


# ---- a real matrix


PARTS = {"one scale for the matrix": 384 * 1536, "a scale a row": 1536, "a scale for 32": 32}
OUTLIER = (99, 856)  # where the largest weight stands: output channel, input channel
EDGES = np.linspace(-8, 8, 65)  # of the histogram, in standard deviations


@demo(
    "instant",
    "minilm",
    bits=Slider("Bits of a code", 3, 8, value=8),
    parts=Choice("Scales", tuple(PARTS), value="one scale for the matrix"),
    outlier=Choice("The largest weight", ("as it is", "set to zero"), value="as it is"),
)
def one_real_weight(bits, parts, outlier):
    """A matrix of MiniLM, 384 × 1536, whose largest weight is far from the rest: what rounding it loses."""
    V = minilm_rounded(bits, parts, outlier)
    std, top, *_ = _sizes(outlier)
    step = float(top / (2 ** (bits - 1) - 1) / std)  # of the matrix's own grid, in standard deviations
    wrong = _errors(V, outlier)
    return (
        _histogram(V, outlier, step, bits, parts, wrong["zero"]),
        Metrics(
            ("Largest weight", top / std, "standard deviations", f"{top:.3g} / {std:.3g}"),
            ("Weights that become zero", wrong["zero"], "%"),
            ("Error of the weights", wrong["weights"], "%", "|W − what is kept| / |W|"),
            ("Error of all outputs", wrong["outputs"], "%", "length of the error / theirs, for six real tokens"),
            ("Of all but the one it writes to", wrong["elsewhere"], "%", "the other 383 outputs"),
            ("Bits a weight really takes", bits + 16 / PARTS[parts], "", f"{bits} + 16 / {PARTS[parts]:,}"),
        ),
        _recorded_note(bits, parts, outlier),
    )  # fmt: skip


@cache
def minilm_matrix(outlier):
    """The matrix (384, 1536), and what comes into it for six tokens (6, 1536)."""
    arrays, _ = tensors(data_file("minilm"))
    W, X = arrays["output_dense"].astype(float), arrays["inputs"].astype(float)
    if outlier != "as it is":
        W = W.copy()
        W[OUTLIER] = 0
    return W, X


def minilm_rounded(bits, parts, outlier):
    """The matrix on the grids of its parts, (384, 1536)."""
    W, _ = minilm_matrix(outlier)
    return fake_quantize(W.reshape(-1, PARTS[parts]), bits, PARTS[parts]).reshape(W.shape)


@cache
def _sizes(outlier):
    """Standard deviation, largest weight, weights that are zero, counts in EDGES, outputs, of the matrix as it is."""
    W, X = minilm_matrix(outlier)
    std = float(W.std())
    return std, float(np.abs(W).max()), int(np.count_nonzero(W == 0)), _counts(W, std), X @ W.T


def _counts(W, std):
    """How many weights lie between each two of EDGES; what lies beyond is counted at the edge."""
    at = np.clip(W * (4 / std), -32, 31.99) + 32
    return np.bincount(at.astype(np.int32).ravel(), minlength=64)


def _errors(V, outlier):
    """What a rounded matrix loses, in percent; `elsewhere` is without the output that the largest weight writes to."""
    W, X = minilm_matrix(outlier)
    _, _, zeros, _, Y = _sizes(outlier)
    off, others = X @ (W - V).T, np.arange(len(W)) != OUTLIER[0]  # off (6, 384)
    return {
        "weights": 100 * weight_error(W, V),
        "outputs": 100 * float(np.linalg.norm(off) / np.linalg.norm(Y)),
        "elsewhere": 100 * float(np.linalg.norm(off[:, others]) / np.linalg.norm(Y[:, others])),
        "zero": 100 * float(np.count_nonzero(V == 0) - zeros) / W.size,
    }


def _histogram(V, outlier, step, bits, parts, zero):
    middle, (std, top, _, before, _) = (EDGES[1:] + EDGES[:-1]) / 2, _sizes(outlier)
    counts, whole = (before, _counts(V, std)), PARTS[parts] == V.size
    grid = [float(step * n) for n in range(-int(8 / step), int(8 / step) + 1)] if whole and step > 0.12 else []
    return Figure(
        [
            bars(middle, np.maximum(counts[0], 0.5), "weights", "weight"),
            line(np.repeat(EDGES, 2)[1:-1], np.repeat(np.maximum(counts[1], 0.5), 2), "as kept", "error"),
        ],
        x_title="Weight (standard deviations)",
        y_title="How many",
        alt=f"{V.size:,} weights, most within 4 standard deviations, the largest at {top / std:.0f}; beyond 8 they "
        f"stand at the edge. With {bits} bits, {parts}"
        + (f", the levels are {step:.2g} standard deviations apart" if whole else "")
        + f": {zero:.0f} % of the weights become zero.",
        yaxis={"type": "log", "range": [-0.3, 5.9], "tickvals": [1, 100, 10_000], "ticktext": ["1", "100", "10,000"]},
        xaxis={"range": [-8.2, 8.2]},
        shapes=[rule(x=x, dash="dot") for x in grid],
        bargap=0.05,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip


def _recorded_note(bits, parts, outlier):
    known = VECTORS_AFTER.get(f"INT{bits}, {parts.removesuffix(' for the matrix')}")
    if outlier != "as it is":
        return Note(f"Recorded: without this one weight of {384 * 1536:,}, the sentences' vectors keep a cosine of "
                    f"{VECTORS_AFTER['outlier set to 0'][0]:.4f} with what they were.")  # fmt: skip
    if known:
        return Note("Recorded in the whole model, only this matrix rounded: the vectors of 16 sentences have a cosine "
                    f"of {known[0]:.4f} with what they were, {known[1]:.4f} at least.")  # fmt: skip
    return Note(f"The step of each grid is its largest weight / {2 ** (bits - 1) - 1}.")


def minilm_error(bits, parts, outlier="as it is"):
    """For the page's text, in percent: what the demo's readouts say."""
    return _errors(minilm_rounded(bits, parts, outlier), outlier)


def minilm_largest():
    """The largest weight, in standard deviations of the matrix."""
    W, _ = minilm_matrix("as it is")
    return float(np.abs(W).max() / W.std())


# ---- what the page's tables say


def rounded_row(bits, way):
    """How far the laws of the four models move, as recorded, from the least to the most."""
    return _range([law for law, *_ in ROUNDED[bits, way]], 1 if bits == 2 else 3)


def rounded_outputs(bits, way):
    """The mean error of outputs of the four models, in percent, from the least to the most."""
    return _range([100 * outputs for *_, outputs in ROUNDED[bits, way]], 0)


def _range(numbers, digits):
    low, high = f"{min(numbers):.{digits}f}", f"{max(numbers):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def gigabytes(name, kind):
    """Weights of a real model, in GB."""
    return weights_bytes(MODELS[name], kind) / 1e9


def gigabytes_read(name, kind):
    """What writing one token reads of a real model's weights, in GB: not the input embedding."""
    return weights_read(MODELS[name], 1, kind) / 1e9


def token_milliseconds(name, kind, gpu="H100"):
    """What reading a real model's weights once takes at best."""
    return 1000 * weights_read(MODELS[name], 1, kind) / GPUS[gpu].bandwidth
