"""What the page on LoRA shows beside the house model: recorded rates, and what real models take."""

import numpy as np

from topics.kit import (
    GB,
    GIB,
    GPUS,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Table,
    bars,
    demo,
    label,
    line,
    rule,
)
from topics.kit.model.adapters import PARTS
from topics.kit.page.words import short
from topics.kit.real.models import PLAIN
from topics.lora.ledger import FROZEN, STATE, adapter_numbers, adapters_beside, lora_bytes, whole_bytes
from topics.lora.recorded import BEFORE, FULL, SCALED
from topics.lora.runs import FULL_RATES, RANKS, RATES, RULES

# ---- rates

DASHES = {1: "dot", 4: "dash", 16: "dashdot", 64: "solid"}
MEASURES = {"courteous texts": 0, "polite texts (forgetting)": 1, "length of the change": 2}


@demo(
    rule_name=Choice("Scale s", tuple(RULES), value="α/r"),
    measure=Choice("Measured", tuple(MEASURES), value="courteous texts"),
)
def rates_and_scales(rule_name, measure):
    """Recorded: 15 steps at each rate and rank, and whole matrices beside; the middle of three seeds."""
    at, trained = MEASURES[measure], {"whole": FULL} | {f"rank {r}": SCALED[rule_name][r] for r in RANKS}
    lines = []
    for r in RANKS:
        y = [middle(SCALED[rule_name][r][eta], at) for eta in RATES]
        lines.append(line(RATES, y, f"rank {r}", "output", DASHES[r], mode="lines+markers"))
    whole = [middle(FULL[eta], at) for eta in FULL_RATES]
    lines.append(line(FULL_RATES, whole, "whole matrices", "weight", mode="lines+markers"))
    at_rate = ", ".join(f"rank {r} {short(middle(SCALED[rule_name][r][0.01], at))}" for r in RANKS)
    best = ", ".join(f"{r} at {best_rate(SCALED[rule_name][r], at):g}" for r in RANKS)
    return (
        Figure(
            lines,
            x_title="Rate",
            y_title="Length of the change" if at == 2 else "Loss above the floor (nats a word)",
            alt=f"{measure.capitalize()} against the rate after 15 steps, scale {rule_name}. "
            + (f"Lowest for rank {best}; for whole matrices at {best_rate(FULL, at):g}." if at == 0 else
               f"At rate 0.01: {at_rate}; "
               f"whole at 0.001 {short(middle(FULL[0.001], at))}."),
            xaxis={"type": "log", "range": [-4.15, -1.2], **ticked(1e-4, 1e-3, 1e-2)},
            yaxis={"type": "log", **ticked(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)},
            shapes=[] if at == 2 else [rule(y=BEFORE[at])],
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            showlegend=True,
        ),
        Table(
            ("Trained", "best rate", "there, three seeds"),
            [(what, f"{best_rate(runs):g}", _three(runs, best_rate(runs), at)) for what, runs in trained.items()],
            "The best rate is that of courteous texts.",
        ),
        Note("The dashed line is the model before." if at < 2 else "The root of the sum of all squares added."),
    )  # fmt: skip


def ticked(*places):
    """Where an axis has its ticks, written as plain numbers."""
    return {"tickvals": list(places), "ticktext": [f"{x:g}" for x in places]}


def _three(runs, eta, at):
    return " / ".join(f"{run[at]:.3g}" for run in runs[eta])


def middle(runs, at=0):
    """The middle of three seeds."""
    return float(np.median([run[at] for run in runs]))


def best_rate(runs, at=0):
    """The rate with the lowest middle of three seeds."""
    return min(runs, key=lambda eta: middle(runs[eta], at))


def span(runs, at=0):
    """For the page's text: the least and the most of three seeds."""
    low, *_, high = sorted(run[at] for run in runs)
    return f"{low:.3f} to {high:.3f}" if f"{low:.3f}" != f"{high:.3f}" else f"{low:.3f}"


def spoken(numbers):
    """1, 4, 16 and 64"""
    *some, last = map(str, numbers)
    return f"{', '.join(some)} and {last}"


# ---- real models


@demo(
    r=LogSlider("Rank", 1, 256, value=16),
    name=Choice("Model", tuple(PLAIN), value="Llama-3.1-8B"),
    parts=Choice("Adapters on", tuple(PARTS), value="all matrices"),
    gpu=Choice("GPU", tuple(GPUS), value="H100"),
)
def size_and_memory(r, name, parts, gpu):
    """What an adapter takes on a real model: numbers, bytes on disk, memory while it trains, and how many fit."""
    numbers, parameters = adapter_numbers(name, r, parts), PLAIN[name].parameters
    rows = {
        "weights": (2 * parameters, FROZEN * parameters + 2 * numbers),
        "gradients": (2 * parameters, 2 * numbers),
        "FP32 copy, Adam": (12 * parameters, 12 * numbers),
    }
    kinds = ("all trained", "adapter")
    inks = {"weights": "weight", "gradients": "gradient", "FP32 copy, Adam": "cost"}
    whole, lora, room = whole_bytes(name), lora_bytes(name, r, parts), GPUS[gpu].memory
    return (
        Figure(
            [bars(kinds, [x / GB for x in two], what, inks[what]) for what, two in rows.items()],
            y_title="Memory while training (GB)",
            alt=f"Training {name} with Adam, without activations: {short(whole / GB)} GB for all of it, "
            f"{short(lora / GB)} GB with an adapter of rank {r} on {parts}. {gpu} has {short(room / GB)} GB "
            f"({room / GIB:.0f} GiB).",
            barmode="stack",
            shapes=[rule(y=room / GB)],
            annotations=[label(1.5, room / GB, gpu, xanchor="right", yanchor="bottom")],
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(
            ("Numbers trained", numbers, "", f"Σ r(in + out) over {parts}"),
            ("Of all", 100 * numbers / parameters, "%", f"{numbers:,} / {parameters:,}"),
            ("Adapter in BF16", FROZEN * numbers / 1e6, "MB"),
            ("Memory, all trained", whole / GB, "GB", f"{STATE} bytes a parameter"),
            ("Memory, adapter", lora / GB, "GB", f"{FROZEN} bytes a parameter, {STATE} a number trained"),
            (f"Adapters beside the model on {gpu}", adapters_beside(name, r, parts, GPUS[gpu]), "", "what the model "
             "leaves of its memory, over an adapter's bytes; caches and activations need some, too"),
        ),
        _fits(FROZEN * parameters, lora, room),
    )  # fmt: skip


def _fits(frozen, lora, room):
    if frozen > room:
        return Note("Even the frozen model does not fit on this GPU.", "warning")
    return Note("Training an adapter fits." if lora <= room else "The model fits, its training does not.")
