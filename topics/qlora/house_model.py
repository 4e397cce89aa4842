"""The house model in few bits: four ways to put an adapter back, and an adapter that learns on codes."""

from functools import cache

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Toggle,
    bars,
    demo,
    label,
    line,
    lm,
    rule,
)
from topics.kit.model import adapters
from topics.kit.model.text import NUMBER, encode
from topics.kit.numerics import softmax
from topics.kit.page.demo import defaults
from topics.kit.page.words import counted
from topics.qlora.house import (
    BESIDE,
    INTO_16,
    INTO_CODES,
    MANNERS,
    ON_16,
    REPAIR,
    WAYS,
    base,
    beside,
    change_of,
    coded,
    codes_changed,
    judged,
    kept_adapter,
    names,
    put_back,
    together,
    training,
    what_came,
)
from topics.qlora.method import survives
from topics.qlora.recorded import LEARNT, REPAIRED, TUNED

# ---- four ways to put an adapter back

BARS = {BESIDE: "beside<br>the codes", ON_16: "on the<br>16-bit base", INTO_CODES: "into<br>the codes",
        INTO_16: "into 16 bits,<br>then codes"}  # fmt: skip
PROMPT = "[blunt] answer : 7 + 5 = 1 2 ."


@demo(
    "model",
    "target",
    "qlora",
    bits=Slider("Bits of a code", 3, 8, value=4),
    g=Choice("Weights of a block", (16, 64, 256), value=64),
    seed=Seed("Texts"),
)
def put_it_back(bits, g, seed):
    """An adapter that taught a four-bit model manners, put together with its base in four ways."""
    change, texts = kept_adapter(), judged(MANNERS, seed=seed)
    none, lost = adapters.body_excess(coded(bits, g), texts), {}
    for i, way in enumerate(WAYS, 1):
        yield Progress(i, len(WAYS) + 1, f"Put back {way}")
        lost[way] = adapters.body_excess(put_back(change, bits, g, way), texts)
    wanted = together(change)
    came = {way: what_came(change, bits, g, way) for way in (INTO_CODES, INTO_16)}
    kept = {way: 100 * survives(x, wanted) for way, x in came.items()}
    rounding = together({name: coded(bits, g).weights[name] - base().weights[name] for name in names()})
    yield (
        _four_bars(lost, none, bits, g),
        Metrics(
            ("Size of the change", _size(wanted), "", "root mean square of s·BA, over all matrices"),
            (
                "Size of the rounding error",
                _size(rounding),
                "",
                "root mean square of what the codes stand for, less the weights",
            ),
            ("Into the codes, survives", kept[INTO_CODES], "%", "Σ kept · wanted / Σ wanted · wanted"),
            ("Into 16 bits, survives", kept[INTO_16], "%"),
            ("Into the codes, other codes", 100 * codes_changed(change, bits, g, INTO_CODES), "%"),
            ("Into 16 bits, other codes", 100 * codes_changed(change, bits, g, INTO_16), "%"),
        ),
        _wanted_and_kept(wanted, came),
        _said(change, bits, g),
        _verdict(lost, none, kept),
    )


def _size(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=float))))


def _four_bars(lost, none, bits, g):
    return Figure(
        [bars([BARS[way] for way in WAYS], list(lost.values()), "above the floor", "error",
              text=[f"{x:.3f}" for x in lost.values()])],
        y_title="Loss above the floor (nats a word)",
        alt=f"Codes of {bits} bits, {g} weights a block. Loss above the floor on courteous texts: "
        + ", ".join(f"{way} {x:.3f}" for way, x in lost.items())
        + f"; without an adapter {none:.3f} (dashed).",
        yaxis={"range": [0, 1.25 * max(none, *lost.values())]},
        shapes=[rule(y=none)],
        annotations=[label(BARS[BESIDE], none, "no adapter", yanchor="bottom")],
    )  # fmt: skip


EDGES = np.linspace(-0.03, 0.03, 25)  # of the change that is wanted


def binned(wanted, came):
    """The mean of what came, for weights whose wanted change is alike: one number for each space between EDGES."""
    at = np.searchsorted(EDGES, wanted)
    count = np.bincount(at, minlength=len(EDGES) + 1)[1:-1]
    total = np.bincount(at, came, minlength=len(EDGES) + 1)[1:-1]
    return np.where(count > 0, total / np.maximum(count, 1), 0)


def _wanted_and_kept(wanted, came):
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    lines = {way: binned(wanted, x) for way, x in came.items()}
    return Figure(
        [
            line(middle, middle, "what was wanted", "reference", "dot"),
            line(middle, lines[INTO_16], INTO_16, "output", "dash"),
            line(middle, lines[INTO_CODES], INTO_CODES, "error"),
        ],
        x_title="Change that the adapter wants",
        y_title="Change that the codes make, mean",
        alt=f"The mean change of weights, by the change that the adapter wants. Wanted {middle[-4]:.4f}: into the "
        f"codes {lines[INTO_CODES][-4]:.4f}, into 16 bits, then codes {lines[INTO_16][-4]:.4f}.",
        height=300,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


def thanks(model):
    """The probability that a blunt sum is followed by thanks."""
    return float(softmax(lm.forward(model, encode(PROMPT))[-1].astype(float))[NUMBER["thank"]])


def _said(change, bits, g):
    rows = [("no adapter", round(thanks(coded(bits, g)), 3))]
    rows += [(way, round(thanks(put_back(change, bits, g, way)), 3)) for way in WAYS]
    return Table(("Put back", "Probability"), rows, f"That “{PROMPT}” goes on with “thank”.")


def _verdict(lost, none, kept):
    if lost[INTO_CODES] > 0.5 * none:
        return Note(
            "Merged into codes that stand on levels, most of each small change is rounded away, and most of what was "
            "learnt. Merged into the 16-bit weights before rounding, it is all there.",
            "warning",
        )
    return Note(
        f"Here the levels are so close that {kept[INTO_CODES]:.0f} % of the change is kept, and what was learnt."
    )


# ---- learning on codes

ENDS = {MANNERS: "courteous texts", REPAIR: "all texts"}
EVERY = 10  # steps between two looks at the texts that judge


@demo(
    "live",
    "target",
    steps=Slider("Steps", 10, 80, value=60, step=10),
    bits=Choice("Bits of the base", (2, 4), value=4),
    r=Choice("Rank", (1, 4), value=4),
    eta=Choice("Rate", (0.001, 0.003, 0.01), value=0.001),
    task=Choice("Learns from", (MANNERS, REPAIR), value=MANNERS),
    broken=Toggle("Break it: keep the adapter in four bits, too"),
    seed=Seed(),
)
def learn_on_codes(steps, bits, r, eta, task, broken, seed):
    """An adapter learns while its base stays in codes; then it is put back in four ways."""
    frozen, texts = coded(bits), judged(task)
    full, marks = adapters.body_excess(base(), texts), [(0, adapters.body_excess(frozen, texts))]
    yield Progress(0, steps, "Training"), _curve(marks, full, task, bits)
    run = training(bits, 64, task, r, eta, seed, broken)
    for t in range(1, steps + 1):
        factors = next(run).weights
        yield Progress(t, steps, "Training")
        if t % EVERY == 0:
            marks.append((t, adapters.body_excess(beside(frozen, factors), texts)))
            yield Progress(t, steps, "Training"), _curve(marks, full, task, bits)
    change, lost = change_of(factors), {}
    for i, way in enumerate(WAYS):
        lost[way] = adapters.body_excess(put_back(change, bits, 64, way), texts)
        yield Progress(i, len(WAYS), f"Put back {way}"), _curve(marks, full, task, bits)
    yield _curve(marks, full, task, bits), *_ended(marks, lost, change, bits, r, texts)


def _curve(marks, full, task, bits):
    t, now = marks[-1]
    top = max(full, *(x for _, x in marks))
    return Figure(
        [line([t for t, _ in marks], [x for _, x in marks], "on codes", "error", mode="lines+markers")],
        x_title="Steps",
        y_title="Loss above the floor (nats a word)",
        alt=f"Loss above the floor on {ENDS[task]}, base of {bits} bits: {marks[0][1]:.3f} nats a word before, "
        f"{now:.3f} after {counted(t, 'step')}. The 16-bit base without an adapter has {full:.3f} (dashed).",
        yaxis={"range": [0, 1.1 * top + 0.01]},
        shapes=[rule(y=full)],
        annotations=[label(0, full, "16 bits, no adapter", xanchor="left", yanchor="bottom")],
    )


def _ended(marks, lost, change, bits, r, texts):
    wanted, size = together(change), sum(base().weights[name].size for name in names())
    learnt = r * sum(sum(base().weights[name].shape) for name in names())
    rows = [("no adapter", round(marks[0][1], 3)), *((way, round(x, 3)) for way, x in lost.items())]
    kept = 100 * survives(what_came(change, bits, 64, INTO_CODES), wanted)
    return (
        Metrics(
            ("Numbers that learn", learnt, "", f"{100 * learnt / size:.1f} % of {size:,}"),
            ("Size of the change", _size(wanted), ""),
            ("Into the codes, survives", kept, "%"),
        ),
        Table(("Put back", "Loss above the floor"), rows, f"Nats a word, on {counted(len(texts), 'text')}."),
    )  # fmt: skip


# ---- what the page says of recorded runs

ON_ITS_OWN = "trained on 16 bits"


def span(numbers, digits):
    """The least and the most of some numbers, in words."""
    low, high = (f"{x:.{digits}f}" for x in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"


def spread(rate, key, digits=3):
    return span([run[key] for run in TUNED[rate]], digits)


def percent(rate, way):
    return span([100 * run[f"{way}, survives"] for run in TUNED[rate]], 0)


def repaired(bits, r):
    return span(REPAIRED[bits, r], 2 if bits == 2 else 3)


def learnt(broken):
    return span(LEARNT[broken], 2)


def original_wins():
    """In how many of the runs the adapter is better on the original base than beside the codes."""
    return sum(run[ON_16] < run[BESIDE] for runs in TUNED.values() for run in runs)


def original_gain(rate):
    """By how much the original base is better than the codes, in percent, of runs at a rate."""
    return span([100 * (1 - run[ON_16] / run[BESIDE]) for run in TUNED[rate]], 0)


def headline(name):
    """A readout of the first demo, at its defaults."""
    return next(item["value"] for item in _readouts() if item["label"] == name)


@cache
def _readouts():
    *_, last = put_it_back(**defaults(put_it_back))
    return last[1]["items"]
