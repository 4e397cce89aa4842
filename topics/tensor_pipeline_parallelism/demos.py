"""What the page shows without a model: schedules over time, two matrices on N ranks, a ring, and plans for machines."""

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Frame,
    LogSlider,
    Matrix,
    Metrics,
    Note,
    Slider,
    Steps,
    Table,
    Toggle,
    bars,
    demo,
    label,
    line,
    max_abs_difference,
    points,
    rule,
)
from topics.kit.model.collectives import all_gather, all_reduce, pieces_of, ring
from topics.kit.model.lm import linear, silu
from topics.kit.page.words import counted, short
from topics.tensor_pipeline_parallelism.machines import MACHINES, MODELS_HERE, plan, times_ideal
from topics.tensor_pipeline_parallelism.method import ring_bytes
from topics.tensor_pipeline_parallelism.pipeline import (
    TIMES,
    bubble_fraction,
    idle_share,
    peak_activations,
    stages_a_rank,
    timetable,
)
from topics.tensor_pipeline_parallelism.schedules import SCHEDULES, forbids

# ---- schedules over time


@demo(
    m=Slider("Micro-batches (m)", 1, 16, value=8),
    p=Choice("Ranks (p)", (2, 4, 8), value=4),
    name=Choice("Schedule", SCHEDULES, value="1F1B"),
)
def pipeline(m, p, name):
    """Each row is a rank, with its share of the layers; each bar is its work on one micro-batch."""
    drawn = nearest(name, p, m)
    v, rows = stages_a_rank(name), timetable(name, p, drawn)
    counted_idle, formula = idle_share(rows), bubble_fraction(name, p, drawn)
    peaks = [peak_activations(row, v) for row in rows]
    why = f"drawn with m = {drawn}: {forbids(name, p, m) or 'its formula holds from m = p on'}" if drawn != m else ""
    table = [_row(each, p, m, rows if each == name else None) for each in SCHEDULES]
    whole = max(end for row in rows for _, _, end in row) / v
    return (
        _gantt(rows, name, p, drawn, v),
        Metrics(
            ("Idle, counted", 100 * counted_idle, "%", "time without work over all ranks' time"),
            ("Idle, by the formula", 100 * formula, "%", FORMULAS[name[:5]]),
            ("The step takes", whole, "units", f"{sum(TIMES.values()) * drawn} of them are work"),
            ("Most held, rank 0", peaks[0], "micro-batches", "activations from F to the end of B, or of W"),
        ),
        Table(("schedule", "idle", "formula", "most held"), table, f"All of them, {counted(p, 'rank')}, m = {m}."),
        Badge("Idle, counted against formula", abs(counted_idle - formula), 1e-12),
        Figure(
            [bars([f"rank {r}" for r in range(p)], peaks, "at most held", "value")],
            x_title="Rank",
            y_title="Micro-batches held",
            alt=f"The most activations that ranks hold at a time, in micro-batches of their whole share: "
            f"{', '.join(f'{peak:g}' for peak in peaks)}, from rank 0 to rank {p - 1}.",
            height=220,
            yaxis={"range": [0, 1.1 * max(p + 1, *peaks)]},
        ),
        Note(f"{name}: {why}." if why else f"{name}: {ABOUT[name[:5]]}"),
    )


FORMULAS = {
    "GPipe": "(p − 1)/(m + p − 1)",
    "1F1B": "(p − 1)/(m + p − 1)",
    "inter": "(p − 1)/(v m + p − 1)",
    "ZB-H1": "(p − 1)(F + B − 2W) over itself and m (F + B)",
    "DualP": "(p/2 − 1)(F&B + B − 3W) over itself and m (F + B), with F&B = F + B",
}
ABOUT = {
    "GPipe": "all forward, then all backward.",
    "1F1B": "one forward, one backward, as soon as the last rank has something to send back.",
    "inter": "each rank has v thin stages that lie p apart.",
    "ZB-H1": "the backward pass is cut in two; W fills what 1F1B leaves empty.",
    "DualP": "half of the micro-batches enter at the other end; each rank holds two stages, twice the parameters.",
}


def nearest(name, p, m):
    """The least number of micro-batches, from m on, for which a schedule exists and its formula holds."""
    while forbids(name, p, m) or (name == "ZB-H1" and m < p):
        m += 1
    return m


def _row(name, p, m, rows):
    drawn = nearest(name, p, m)
    rows = rows or timetable(name, p, drawn)
    peak = max(peak_activations(row, stages_a_rank(name)) for row in rows)
    return (
        name if drawn == m else f"{name} (m = {drawn})",
        f"{100 * idle_share(rows):.1f} %",
        f"{100 * bubble_fraction(name, p, drawn):.1f} %",
        f"{peak:g}",
    )


KINDS = {"F": ("forward F", "output"), "B": ("backward B", "gradient"), "I": ("its inputs I", "gradient"),
         "W": ("its weights W", "weight")}  # fmt: skip


def _gantt(rows, name, p, m, v):
    """A rank's row, a thick line a Job; a thin one goes with the first micro-batch."""
    traces, unit = [], max(end for row in rows for _, _, end in row) / v
    for kind, (text, ink) in KINDS.items():
        x, y = [], []
        for r, row in enumerate(rows):
            for job, begin, end in row:
                if job.kind == kind:
                    x += [(begin + 0.06) / v, (end - 0.06) / v, None]
                    y += [r, r, None]
        if x:
            traces.append(line(x, y, text, ink) | {"line": {"width": 18}})
    first = sorted(
        (begin + end, r)
        for r, row in enumerate(rows)
        for job, begin, end in row
        if job[1] == job.way == 0 and job[0] != "W"
    )
    traces.append(line([x / 2 / v for x, _ in first], [r for _, r in first], "first micro-batch", "reference", "dot"))
    idle = [sum(e - b for _, b, e in row) / v for row in rows]
    return Figure(
        traces,
        x_title="Time (a forward pass of one rank = 1)",
        y_title="Rank",
        alt=f"{name}, {p} ranks, {m} micro-batch{'' if m == 1 else 'es'}: "
        f"{unit:g} units of time, of which each rank works {idle[0]:g} and is idle {unit - idle[0]:g}. "
        "The dotted line follows the first micro-batch to the last rank and back.",
        height=130 + 34 * p,
        xaxis={"range": [0, unit]},
        yaxis={"range": [p - 0.4, -0.6], "dtick": 1},
        legend={"orientation": "h", "y": 1.2},
    )


# ---- two matrices


@demo(
    N=Choice("Ranks (N)", (2, 4, 8), value=4),
    first=Choice("First matrix, split by", ("columns", "rows"), value="columns"),
    second=Choice("Second matrix, split by", ("rows", "columns"), value="rows"),
    skip=Toggle("Leave out what is said between them", False),
)
def two_matrices(N, first, second, skip):
    """A small feed-forward layer, y = B silu(A x), of 8 tokens: what the ranks must say to each other."""
    rng = np.random.default_rng(1)
    x, A, B = rng.normal(0, 1, (8, 16)), rng.normal(0, 0.25, (32, 16)), rng.normal(0, 0.2, (16, 32))
    whole = linear(silu(linear(x, A)), B)  # (8, 16)
    said, hidden = [], []
    if first == "columns":
        hidden = [silu(linear(x, a)) for a in pieces_of(A, N)]  # (N, 8, 32/N)
        if second == "columns":
            full, sent = all_gather(hidden, axis=1)
            said.append(("between: all-gather", sent[0]))
            hidden = [np.concatenate([h if i == r else 0 * h for i, h in enumerate(hidden)], 1) for r in range(N)] \
                if skip else full  # fmt: skip
    else:
        parts = [linear(*pair) for pair in zip(pieces_of(x, N, 1), pieces_of(A, N, 1), strict=True)]  # (N, 8, 32)
        sums, sent = all_reduce(parts)
        said.append(("between: all-reduce", sent[0]))
        hidden = [silu(h) for h in (parts if skip else sums)]
        if second == "rows":
            hidden = [pieces_of(h, N, 1)[r] for r, h in enumerate(hidden)]  # its own part is there already
    if skip:
        said = []
    if second == "rows":
        parts = [linear(*pair) for pair in zip(hidden, pieces_of(B, N, 1), strict=True)]  # (N, 8, 16)
        outs, sent = all_reduce(parts)
        said.append(("at the end: all-reduce", sent[0]))
    else:
        outs, sent = all_gather([linear(h, b) for h, b in zip(hidden, pieces_of(B, N), strict=True)], axis=1)
        said.append(("at the end: all-gather", sent[0]))
    y, total = outs[0], sum(sent for _, sent in said)
    off = max_abs_difference(y, whole)
    place = list(range(1, 17))
    return (
        Figure(
            [bars(place, whole[0], "one rank alone", "reference"), points(place, y[0], f"{N} ranks", "output")],
            x_title="Output of the first token",
            y_title="Value",
            alt=f"First matrix by {first}, second by {second}: the {N} ranks' outputs are "
            f"{'those of one rank' if off < 1e-9 else f'off by up to {off:.2f}'}. "
            + "; ".join(f"{what}, {sent:,} bytes by each rank" for what, sent in said)
            + ".",
            height=260,
        ),
        Metrics(
            ("Communications", len(said), ""),
            ("Sent by each rank", total, "bytes", " + ".join(f"{sent:,}" for _, sent in said)),
        ),
        Table(("said", "bytes sent by each rank"), said, "8 tokens, width 16, hidden 32, 8 bytes a number."),
        Badge("Against one rank alone: max|Δ|", off, 1e-12, may_fail=True),
    )


# ---- a ring


@demo(
    N=Slider("Ranks (N)", 2, 8, value=4),
    n=Slider("Numbers in the array", 4, 40, value=24),
)
def around_the_ring(N, n):
    """An all-reduce in a ring, step by step: which ranks' numbers each piece already holds."""
    marks = [np.full(n, 2.0**r) for r in range(N)]  # so that a sum tells its summands
    names, columns = [f"rank {r}" for r in range(N)], [f"piece {c}" for c in range(N)]
    held = [pieces_of(x, N) for x in marks]
    sent = [0] * N
    frames = [Frame("Before: each rank has its own array, in pieces.", _ring_matrix(held, names, columns, N))]
    for hop in ring(marks):
        sent = [a + b for a, b in zip(sent, hop.sent, strict=True)]
        what = "adds it to its own" if hop.phase == "reduce-scatter" else "keeps it"
        frames.append(
            Frame(
                f"{hop.phase}, step {hop.t + 1} of {N - 1}: rank r sends piece "
                f"{', '.join(map(str, hop.pieces))} to the next, which {what}.",
                _ring_matrix(hop.held, names, columns, N),
            )
        )
    star = [(N - 1) * 8 * n] + [8 * n] * (N - 1)
    return (
        Steps(*frames),
        Metrics(
            ("Steps", 2 * (N - 1), "", "2 (N − 1)"),
            ("Sent by a rank, at most", max(sent), "bytes", "8 bytes a number"),
            ("In arrays", max(sent) / (8 * n), "", f"2 (N − 1)/N = {ring_bytes(1, N):.3f} where N divides"),
            ("Through one rank", star[0], "bytes", "rank 0 collects all and sends the sum to each"),
        ),
        Figure(
            [bars(names, sent, "ring", "key"), bars(names, star, "through rank 0", "cost")],
            x_title="Rank",
            y_title="Bytes sent",
            alt=f"{n} numbers, {N} ranks: in the ring the ranks send {', '.join(f'{x:,}' for x in sent)} bytes; if "
            f"rank 0 collects and sends the sum to each, it sends {star[0]:,} and the others {star[-1]:,}.",
            height=240,
        ),
    )


def _ring_matrix(held, rows, columns, N):
    """How many ranks' numbers each piece holds; pieces may be empty."""
    values = [[_summands(piece, N) for piece in row] for row in held]
    why = [[_names(piece) for piece in row] for row in held]
    return Matrix(values, rows, columns, "Arrays that a piece sums", "key", why, blank="empty")


def _summands(piece, N):
    return int(piece[0]).bit_count() if len(piece) else None


def _names(piece):
    if not len(piece):
        return "empty: there are fewer numbers than ranks"
    return "of rank " + " + ".join(str(r) for r in range(8) if int(piece[0]) >> r & 1)


# ---- matrices or layers


@demo(
    m=LogSlider("Micro-batches of a step (m)", 1, 256, value=32),
    N=Choice("Ranks (N)", (2, 4, 8, 16), value=8),
    model=Choice("Model", tuple(MODELS_HERE), value="Llama-3.1-70B"),
)
def tensor_or_pipeline(m, N, model):
    """A step's time over that of the arithmetic alone, split by matrices and split by layers, against the link."""
    speed = 10.0 ** np.linspace(1, 3.3, 93)  # GB/s
    gpu = MACHINES["H100, 8 a node"].gpu
    tensor, layers = np.array([times_ideal(MODELS_HERE[model], gpu, N, m, 8192, 1e9 * x) for x in speed]).T
    at = {x: times_ideal(MODELS_HERE[model], gpu, N, m, 8192, 1e9 * x) for x in (50, 450)}
    cross = np.flatnonzero(tensor < layers)
    meet = float(speed[cross[0]]) if len(cross) else None
    where = f"split by matrices is faster from {short(meet)} GB/s on" if meet else "split by layers is always faster"
    top = min(1.15 * max(tensor.max(), layers.max()), max(8.0, 1.2 * layers.max()))
    return (
        Figure(
            [
                line(speed, tensor, "split by matrices", "key"),
                line(speed, layers, "split by layers, 1F1B", "value", "dash"),
            ],
            x_title="What a GPU can send (GB/s)",
            y_title="Time of a step (arithmetic = 1)",
            alt=f"{model} on {N} H100, {m} micro-batch{'' if m == 1 else 'es'} of 8,192 tokens. "
            f"At 50 GB/s: {at[50][0]:.2f} by matrices, {at[50][1]:.2f} by layers; at 450 GB/s {at[450][0]:.2f} and "
            f"{at[450][1]:.2f}; {where}.",
            xaxis={"type": "log", "tickvals": [10, 50, 100, 450, 1000]},
            yaxis={"range": [0.9, float(top)]},
            legend={"orientation": "h", "y": 1.15},
            shapes=[rule(x=50), rule(x=450)],
            annotations=[
                label(np.log10(50), float(top), "network", xanchor="right", yanchor="top", xshift=-4),
                label(np.log10(450), float(top), "NVLink", xanchor="right", yanchor="top", xshift=-4),
            ],
        ),
        Table(
            ("a GPU sends", "by matrices", "by layers"),
            [(f"{x} GB/s", f"{at[x][0]:.2f}", f"{at[x][1]:.2f}") for x in (50, 450)],
            "Times the arithmetic alone.",
        ),
        Note(f"{where[0].upper()}{where[1:]}. Nothing overlaps here; a rank computes at 60 % of its peak."),
    )


# ---- plans


BY_MATRICES, BY_LAYERS = (1, 2, 4, 8, 16, 32), (1, 2, 4, 8, 16)


@demo(
    n=LogSlider("GPUs", 64, 16_384, value=16_384),
    model=Choice("Model", tuple(MODELS_HERE), value="Llama-3.1-405B"),
    machine=Choice("Machine", tuple(MACHINES), value="H100, 8 a node"),
    v=Choice("Stages a rank (v)", (1, 2, 4), value=4),
)
def plan_a_run(n, model, machine, v):
    """Seconds of one training step of 2,048 windows of 8,192 tokens, for each way to split it that fits into memory."""
    plans = {(t, p): _plan(n, model, machine, t, p, v) for t in BY_MATRICES for p in BY_LAYERS}
    fit = sorted((P.seconds, t, p) for (t, p), P in plans.items() if P and P.fits)
    values = [[_cell(plans[t, p]) for p in BY_LAYERS] for t in BY_MATRICES]
    why = [[_why(plans[t, p], t, p) for p in BY_LAYERS] for t in BY_MATRICES]
    rows = [_plan_row(plans[t, p]) for _, t, p in fit[:4]] or [("none fits", *[""] * 4)]
    names, columns = [f"t = {t}" for t in BY_MATRICES], [f"p = {p}" for p in BY_LAYERS]
    return (
        Matrix(values, names, columns, "Seconds a step", "cost", why, blank="does not fit or does not divide"),
        Table(("t·p·D", "s", "bubble", "bytes", "GiB"), rows,
              "The fastest that fit: seconds a step, of them bubble and sending, and memory of a GPU."),
        Metrics(
            ("Plans that fit", len(fit), f"of {len(plans)}"),
            ("Fastest", fit[0][0] if fit else None, "s"),
            ("TFLOP/s a GPU", _rate(plans[fit[0][1:]]) if fit else None, "", "model FLOP over seconds and GPUs"),
        ),
    )  # fmt: skip


SEQUENCES = 2048


def _plan(n, model, machine, t, p, v):
    return plan(MACHINES[machine], MODELS_HERE[model], n, SEQUENCES, t, p, v if p > 1 else 1)


def _cell(P):
    return P.seconds if P and P.fits else None


def _why(P, t, p):
    if not P:
        return "heads, layers, GPUs or micro-batches do not divide"
    memory = f"{P.memory / 2**30:.0f} GiB of {P.machine.gpu.memory / 2**30:.0f}"
    return (
        f"{P.D} copies of {t} · {p} ranks, {memory}; compute {P.compute:.2f} s, bubble {P.bubble:.2f}, matrices "
        f"{P.tensor:.2f}, sends {P.sends:.2f}, copies {P.data:.2f}"
    )


def _plan_row(P):
    sending = P.tensor + P.sends + P.data
    return f"{P.t}·{P.p}·{P.D}", f"{P.seconds:.2f}", f"{P.bubble:.2f}", f"{sending:.2f}", f"{P.memory / 2**30:.0f}"


def _rate(P):
    return P.compute / P.seconds * 0.6 * P.machine.gpu.flops / 1e12


def rate_of(t, p, n=16_384, v=4):
    """TFLOP/s a GPU of a plan for Llama-3.1-405B on H100."""
    return _rate(_plan(n, "Llama-3.1-405B", "H100, 8 a node", t, p, v))


def recipe_seconds():
    """NVIDIA's plan for 256 GB200: 4 by matrices, 8 by layers with 8 stages each, the rest copies; 128 windows."""
    return plan(MACHINES["GB200, 72 a rack"], MODELS_HERE["Llama-3.1-405B"], 256, 128, 4, 8, 8).seconds
