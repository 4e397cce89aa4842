"""The house model's matrices, and its inputs, with fewer bits: how far that moves what it says next."""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Toggle,
    bars,
    demo,
    label,
    line,
    max_abs_difference,
    points,
    rule,
)
from topics.kit.model.outliers import NORMED, with_outlier
from topics.kit.numerics import in_blocks
from topics.kit.page.words import short
from topics.quantization.laws import full_law, full_model, log_law, matrices, moved, some_texts
from topics.quantization.method import (
    dequantize,
    fake_quantize,
    quantize_groupwise,
    quantize_symmetric,
    rotate,
    smoothquant,
    true_bits,
    weight_error,
)

TEXTS = 4  # a law is compared on so many texts
ROW = "a row"
GROUPS = (ROW, "32", "16", "8")
CURVES = {2: ("error", "solid"), 3: ("weight", "dash"), 4: ("output", "dashdot")}
SHOWN = 32  # weights of a row


@demo(
    "model",
    "target",
    bits=Slider("Bits of a code", 2, 8, value=2),
    group=Choice("Weights that share a scale", GROUPS, value="8"),
    affine=Toggle("With a zero point", value=True),
    seed=Seed("Texts"),
)
def bits_and_groups(bits, group, affine, seed):
    """All 28 matrices of the house model on a grid: the bits that a weight really takes, and how far the model's law
    of the next word moves."""
    drawn = dict.fromkeys([*CURVES, bits])
    settings = [(b, g) for b in drawn for g in GROUPS]
    found = {}
    for i, (b, g) in enumerate(settings, 1):
        found[b, g] = (bits_of(b, g, affine), *quantised(b, g, affine, seed))
        yield Progress(i, len(settings), f"{b} bits, {_shared(g)}")
    here, law, added = found[bits, group]
    yield (
        _curves(found, bits, group),
        Metrics(
            ("Bits a weight really takes", here, "", _counted(bits, group, affine)),
            ("The law moved by", law, "nats a word", "Σ p log(p / p of the rounded model), mean over words"),
            ("Loss added", added, "nats a word", f"on the words of {TEXTS} texts: a noisier measure of the same"),
            ("All matrices", here * _weights() / 8 / 1024, "KiB", f"{_weights():,} weights; at 16 bits "
             f"{_weights() / 512:.0f} KiB"),
        ),
        _row(bits, group, affine),
        _verdict(found, bits, group),
    )  # fmt: skip


def _shared(g):
    return "one scale a row" if g == ROW else f"groups of {g}"


def _weights():
    return sum(full_model().weights[name].size for name in matrices(full_model()))


def _counted(bits, group, affine):
    zero = f" + {bits}" if affine else ""
    return f"{bits} + (16{zero}) / {'the weights of a row' if group == ROW else group}"


def bits_of(bits, group, affine):
    """Bits that a weight of the 28 matrices takes in the mean: 16 for a scale, and `bits` for a zero point."""
    w, zero = full_model().weights, bits if affine else 0
    return sum(true_bits(bits, _size(w[name], group), zero=zero) * w[name].size for name in matrices(full_model())
               ) / _weights()  # fmt: skip


def _size(W, group):
    return W.shape[-1] if group == ROW else int(group)


@cache
def quantised(bits, group, affine, seed):
    """How far the law moves, and the loss added, with all matrices quantised so."""
    model, batch = full_model(), some_texts(TEXTS, seed)
    few = {name: fake_quantize(w, bits, _size(w, group), affine)
           for name, w in model.weights.items() if name in matrices(model)}  # fmt: skip
    return moved(log_law(model.with_weights(few), batch[0]), full_law(TEXTS, seed), batch)


def _curves(found, bits, group):
    here, law, _ = found[bits, group]
    lines, names = [], []
    for b in sorted({b for b, _ in found}):
        ink, dash = CURVES.get(b, ("reference", "dot"))
        x, y = zip(*[found[b, g][:2] for g in GROUPS], strict=True)
        lines.append(line(x, y, f"{b} bits", ink, dash, mode="lines+markers"))
        names.append(label(x[-1], np.log10(y[-1]), f"{b} bits", xanchor="left", xshift=8))
    laws, most = [each[1] for each in found.values()], max(each[0] for each in found.values())
    told = "; ".join(
        f"{b} bits {', '.join(f'{short(found[b, g][0])}: {short(found[b, g][1])}' for g in GROUPS)}"
        for b in sorted({b for b, _ in found} & {2, 3, 4})
    )
    return Figure(
        [*lines, points([here], [law], "chosen", "query", marker={"symbol": "diamond", "size": 15})],
        x_title="Bits that a weight really takes",
        y_title="Law moved by (nats a word)",
        alt=f"Bits a weight takes, and by how much the law moves, from one scale a row to groups of 8. {told}. "
        f"Chosen: {bits} bits, {_shared(group)}: {here:.3g} bits, {short(law)} nats.",
        xaxis={"range": [1.9, most + 0.24 * (most - 1.9)]},  # room for a label, on a phone too
        yaxis={"type": "log", "range": [np.log10(min(laws)) - 0.3, np.log10(max(laws)) + 0.3],
               "tickvals": TICKS, "ticktext": [f"{x:g}" for x in TICKS]},
        annotations=names,
        showlegend=False,
    )  # fmt: skip


TICKS = [1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 1, 10]


def _row(bits, group, affine):
    """The first weights of a row, each beside the level that it gets, and all levels of its group."""
    W = full_model().weights["0.gate"][:1]
    q, s, z = quantize_groupwise(W, bits, _size(W, group), affine)
    kept, w = dequantize(q, s, z)[0, :SHOWN], W[0, :SHOWN]
    g, x, levels = q.shape[-1], [], []
    codes = np.arange(2**bits) if affine else np.arange(1 - 2 ** (bits - 1), 2 ** (bits - 1))
    far = 1.25 * np.abs(w).max()
    for k in range(-(-SHOWN // g)):
        for level in (float(each) for each in s[0, k, 0] * (codes - z[0, k, 0]) if abs(each) <= far):
            x += [k * g + 0.6, min((k + 1) * g, SHOWN) + 0.4, None]
            levels += [level, level, None]
    off = 100 * weight_error(W, dequantize(q, s, z))
    return Figure(
        [
            {**line(x, levels, "levels", "reference"), "line": {"dash": "solid", "width": 1}},
            points(np.arange(1, SHOWN + 1), w, "weight", "weight", marker={"size": 7}),
            points(np.arange(1, SHOWN + 1), kept, "kept as", "error", marker={"symbol": "x", "size": 7}),
        ],
        x_title=f"Weights 1 to {SHOWN} of a row of layer 1's gate",
        y_title="Weight",
        alt=f"{SHOWN} weights from {w.min():.2f} to {w.max():.2f}, the {len(codes)} levels of each group and what is "
        f"kept of each weight. Over the whole row the error is {off:.0f} % of its length.",
        height=260,
        yaxis={"range": [-far, far]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


def _verdict(found, bits, group):
    here, law, _ = found[bits, group]
    better = [(b, g) for b, g in found if found[b, g][0] < here and found[b, g][1] < law]
    if not better:
        return Note("Of the settings shown here none takes fewer bits and moves the law less.")
    b, g = min(better, key=lambda each: found[each][1])
    return Note(
        f"{b} bits with {_shared(g)} take {found[b, g][0]:.3g} bits a weight and move the law by "
        f"{short(found[b, g][1])}: fewer bits than here, and less lost.",
        "warning",
    )


# ---- an outlier in the inputs


NONE, SMOOTH, ROTATED = "none", "SmoothQuant", "rotation"


def _one_scale(x, bits):
    q, s = quantize_symmetric(x.reshape(-1), bits)
    return (q * s).reshape(x.shape)


def _row_scales(x, bits):
    q, s = quantize_symmetric(x, bits)
    return q * s


# how inputs are held, and how matrices are: one scale a row wherever it says INT
FORMATS_TRIED = {
    "INT8, a tensor": (lambda x: _one_scale(x, 8), lambda w: _row_scales(w, 8)),
    "INT8, a word": (lambda x: _row_scales(x, 8), lambda w: _row_scales(w, 8)),
    "INT4, a word": (lambda x: _row_scales(x, 4), lambda w: _row_scales(w, 4)),
    "MXFP4": (lambda x: in_blocks(x, "MXFP4"), lambda w: in_blocks(w, "MXFP4")),
    "NVFP4": (lambda x: in_blocks(x, "NVFP4"), lambda w: in_blocks(w, "NVFP4")),
}


@demo(
    "model",
    "target",
    f=LogSlider("One channel made larger", 1, 256, value=128, unit="times"),
    repair=Choice("Repair", (NONE, SMOOTH, ROTATED), value=NONE),
    broken=Toggle("Break it: leave the weights as they were"),
    seed=Seed("Texts"),
)
def outlier_channel(f, repair, broken, seed):
    """Inputs and weights of all matrices in few bits, while one channel of the inputs is much larger than the rest."""
    model, batch = with_outlier(full_model(), f), some_texts(TEXTS, seed)
    changed, turn = repaired(model, repair, broken, seed)
    laws = {}
    for i, name in enumerate(FORMATS_TRIED, 1):
        yield Progress(i - 1, len(FORMATS_TRIED), name)
        laws[name] = in_format(changed, turn, name, batch, seed)
    exact = log_law(changed, batch[0], see=lambda name, i, x: turn[name, i](x) if (name, i) in turn else None)
    yield (
        _bars_of(laws, f, repair, broken),
        Metrics(
            ("Largest input over the median channel", _spread(turn, f, seed), "times", "first layer's attention"),
        ),
        _channels(turn, f, seed),
        Badge("Not rounded: max|Δ log p| to the model before", max_abs_difference(exact, full_law(TEXTS, seed)), 1e-9),
        _outlier_note(laws, f, repair, broken),
    )  # fmt: skip


def repaired(model, repair, broken, seed):
    """The model with its weights changed for a repair, and what is done to its inputs: {(step, layer): function}.

    broken  the inputs are changed alone
    """
    if repair == NONE:
        return model, {}
    changed, turn = {}, {}
    sizes = _channel_sizes(model, seed)
    for (step, i), size in sizes.items():
        names = [f"{i}.{part}" for part in NORMED[step][1]]
        if repair == ROTATED:
            turn[step, i] = rotate
            changed |= {name: rotate(model.weights[name]) for name in names}
        else:
            most = np.max([np.abs(model.weights[name]).max(0) for name in names], 0)  # (d,)
            s = smoothquant(size, most, 0.5)  # (d,)
            turn[step, i] = _divided_by(s)
            changed |= {name: model.weights[name] * s for name in names}
    return model if broken else model.with_weights(changed), turn


def _divided_by(s):
    return lambda x: x / s


def _channel_sizes(model, seed):
    """{(step, layer): the largest |input| of each channel (d,)}, on other texts than those that are measured on."""
    sizes = {}

    def see(step, i, x):
        if step in NORMED:
            sizes[step, i] = np.abs(x).max((0, 1))

    log_law(model, some_texts(TEXTS, seed + 1)[0], see=see)
    return sizes


def in_format(model, turn, name, batch, seed):
    """How far the law moves when inputs and weights are held in a format: the inputs after `turn`."""
    inputs, weights = FORMATS_TRIED[name]
    few = model.with_weights({key: weights(model.weights[key]) for key in matrices(model)})

    def see(step, i, x):
        if step == "heads":  # (..., H, D): the output matrix multiplies all heads as one row
            return inputs(x.reshape(*x.shape[:-2], -1)).reshape(x.shape)
        if step in NORMED or step == "feed_hidden":
            return inputs(turn[step, i](x) if (step, i) in turn else x)
        return None

    with np.errstate(over="ignore"):
        return moved(log_law(few, batch[0], see=see), full_law(TEXTS, seed), batch)[0]


def _bars_of(laws, f, repair, broken):
    names, heights = list(laws), list(laws.values())
    return Figure(
        [bars(names, heights, "law moved", "error", text=[_told(x) for x in heights])],
        y_title="Law moved by (nats a word)",
        alt=f"One channel {f} times larger, repair: {repair}{', inputs only' if broken and repair != NONE else ''}. "
        "The law moves by " + ", ".join(f"{_told(x)} in {name}" for name, x in laws.items()) + " nats a word.",
        yaxis={"range": [0, 1.2 * max(1.0, *heights)]},
    )


def _told(x):
    return f"{x:.2f}" if x >= 0.1 else f"{x:.4f}"


def _first_inputs(turn, f, seed):
    """The largest |input| of each channel of the first layer's attention (d,), as the matrices are given it."""
    seen = []

    def see(step, i, x):
        if step == "attention_input" and i == 0:
            seen.append(np.abs(turn[step, i](x) if (step, i) in turn else x).max((0, 1)))

    log_law(with_outlier(full_model(), f), some_texts(TEXTS, seed)[0], see=see)
    return seen[0]


def _spread(turn, f, seed):
    size = _first_inputs(turn, f, seed)
    return float(size.max() / np.median(size))


def _channels(turn, f, seed):
    size = _first_inputs(turn, f, seed)
    return Figure(
        [bars(np.arange(len(size)), size, "largest input", "key")],
        x_title="Channel of the first layer's input",
        y_title="Largest |input|",
        alt=f"The largest input of each of {len(size)} channels: up to {size.max():.3g} in channel {size.argmax()}, "
        f"{np.median(size):.3g} in the median channel.",
        height=230,
        shapes=[rule(y=float(np.median(size)))],
        bargap=0.1,
    )


def _outlier_note(laws, f, repair, broken):
    worst = max(laws, key=laws.get)
    if repair != NONE and broken:
        return Note("The inputs were changed and the weights were not: this is another function.", "warning")
    if repair == SMOOTH:
        return Note("The channel's size went over to the weights that read it. Nothing stands out any more.")
    if repair == ROTATED and f >= 16:
        return Note(
            "Every number is now a mixture of all channels. INT8 holds such a spread; blocks had fenced the large one "
            f"in, and now every block has a share of it. {worst} lost most.",
            "warning",
        )
    if f >= 16:
        return Note("One large number sets the step for all that share its scale.", "warning")
    return Note("As trained, no channel is much larger than the others.")


@cache
def outlier_law(name, repair=NONE, f=128, seed=0):
    """For the page's text: how far the law moves in a format, with an outlier and a repair."""
    changed, turn = repaired(with_outlier(full_model(), f), repair, False, seed)
    return in_format(changed, turn, name, some_texts(TEXTS, seed), seed)
