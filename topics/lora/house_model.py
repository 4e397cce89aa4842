"""What the house model shows: a real change cut to a low rank, and several adapters served by one base."""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Slider,
    Text,
    Toggle,
    Tokens,
    bars,
    demo,
    label,
    line,
    lm,
    max_abs_difference,
    points,
    rule,
)
from topics.kit.model.adapters import matrices, with_adapter
from topics.kit.model.text import NUMBER, decode, encode, read
from topics.lora.changes import CUT, TASKS, changed, cut, judged, shipped, sums_right
from topics.lora.method import lora_batch, trainable_parameters
from topics.lora.recorded_changes import CUT_AT, HELD

# ---- one change, cut

TOLD = {"manners": "stories and sums announced as blunt", "sums": "sums of three digits"}
SHOWN = {  # matrices of the lower figure
    "query, layer 1": "0.q",
    "value, layer 2": "1.v",
    "down, layer 4": "3.down",
}
DIAMOND = {"marker": {"symbol": "diamond", "size": 15}}
WRITTEN = 9  # words that it goes on with


@demo(
    "model",
    "target",
    "changes",
    r=Slider("Rank", 0, CUT, value=2),
    task=Choice("What was learnt", tuple(TASKS), value="manners"),
    which=Choice("Matrix of the lower figure", tuple(SHOWN), value="value, layer 2"),
)
def change_cut(r, task, which):
    """What a fine-tune added to the house model's 28 matrices, cut to a low rank: how much of its gain is left."""
    model = changed(task, r)
    here = judged(model, task)
    yield Progress(1, 3, "Measured")
    right = sums_right(model) if task == "sums" else None
    yield Progress(2, 3, "Measured")
    words, new = gone_on(model, TASKS[task])
    yield (
        _gains(r, task, here),
        Tokens(words, [float(i >= new) for i in range(len(words))], "output", f"At rank {r} it goes on so (shaded)."),
        Metrics(
            ("Gain kept", 100 * share_of(here, task), "%", f"loss on {TOLD[task]}: {here:.3f} nats a word above the "
             f"floor; {HELD[task][0][0][0]:.3f} before, {HELD[task][0][-1][0]:.3f} with the whole change"),
            *([] if right is None else [("Sums right", 100 * right, "%", "three digits, answered at once")]),
            ("Numbers of the change", numbers_of(r), "", f"of {numbers_of(None):,}"),
        ),
        _spectrum(r, task, which),
    )  # fmt: skip


def gone_on(model, prompt, n=WRITTEN):
    """A prompt's words and the likeliest n after them, and where these begin."""
    given = encode(prompt)
    new = list(lm.generate(model, given, n, stop=NUMBER["[end]"]))
    return decode([*given, *new]), len(given)


def share_of(excess, task, run=0):
    """What part of a fine-tune's gain a loss has: 0 without the change, 1 with all of it."""
    before, whole = HELD[task][run][0][0], HELD[task][run][-1][0]
    return (before - excess) / (before - whole)


def numbers_of(r):
    """How many numbers the 28 changes have: as factors of rank r, or whole."""
    if r is None:
        return sum(lm.load("target").weights[name].size for name in matrices(lm.load("target")))
    return numbers_on("all matrices", r)


def numbers_on(parts, r=4):
    """How many numbers adapters have on some of the house model's matrices."""
    weights = lm.load("target").weights
    return trainable_parameters([weights[name].shape for name in matrices(lm.load("target"), parts)], r)


def _gains(r, task, here):
    lines, names = [], []
    for name, ink, dash in (("manners", "output", "solid"), ("sums", "weight", "dash")):
        for run, held in enumerate(HELD[name]):
            y = [100 * share_of(excess, name, run) for excess, _ in held]
            seen = [(x, gain) for x, gain in zip(CUT_AT, y, strict=True) if x <= CUT]
            lines.append(line(*zip(*seen, strict=True), f"{name}, seed {run + 1}", ink, dash if run == 0 else "dot"))
        kept = [100 * share_of(HELD[name][0][CUT_AT.index(x)][0], name) for x in (2, 8)]
        names.append(label(*((2.4, kept[0] - 4) if name == "manners" else (8.4, kept[1] - 9)), name, xanchor="left"))
    return Figure(
        [*lines, points([r], [100 * share_of(here, task)], "chosen", "query", **DIAMOND)],
        x_title="Rank of what is kept of the change",
        y_title="Gain kept (%)",
        alt=f"Share of a fine-tune's gain that is kept by rank, three seeds each. Manners: {_read('manners', (1, 2))}. "
        f"Sums: {_read('sums', (2, 8, 16))}. Chosen: {task}, rank {r}: {100 * share_of(here, task):.0f} %.",
        yaxis={"range": [min(-12, 100 * share_of(here, task) - 5), 112]},
        xaxis={"range": [-0.6, CUT + 0.6]},
        shapes=[rule(y=100)],
        annotations=names,
        showlegend=False,
    )  # fmt: skip


def _read(task, ranks):
    return ", ".join(f"{kept_at(task, r):.0f} % at {r}" for r in ranks)


def kept_at(task, r, run=0):
    """Recorded: the gain kept at a rank, in %."""
    return 100 * share_of(HELD[task][run][CUT_AT.index(r)][0], task, run)


def _spectrum(r, task, which):
    sizes = shipped(task)[1][SHOWN[which]]
    n = np.arange(1, len(sizes) + 1)
    kept = n <= r
    return Figure(
        [
            bars(n[kept], sizes[kept], "kept", "output"),
            bars(n[~kept], sizes[~kept], "cut off", "reference"),
        ],
        x_title=f"Direction of the change in {which}",
        y_title="Singular value",
        alt=f"All {len(sizes)} singular values of what fine-tuning to {task} added to {which}: {sizes[0]:.2f}, "
        f"{sizes[1]:.2f}, {sizes[2]:.2f}, down to {sizes[-1]:.3f}. The first {r} are kept.",
        height=240,
        barmode="overlay",
        bargap=0.15,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


def energy(sizes, r):
    """The share of the first r singular values in the sum of all squares."""
    squares = np.asarray(sizes, float) ** 2
    return float(squares[:r].sum() / squares.sum())


# ---- several adapters, one base

NOBODY, BOTH = "none", "both"
TOO_MUCH = 8  # α in the place of α/r, at rank 8
ADAPTERS = (NOBODY, "manners", "sums", BOTH)
RANK_OF = {"manners": 2, "sums": CUT}
READS = {"q": "attention_input", "k": "attention_input", "v": "attention_input", "o": "heads", "gate": "feed_input",
         "up": "feed_input", "down": "feed_hidden"}  # fmt: skip


@demo(
    "model",
    "target",
    "changes",
    s=Slider("Scale s of the adapters", 0.0, 2.0, value=1.0, step=0.25),
    prompt=Text("What all four are asked", TASKS["sums"], suggest=True),
    broken=Toggle("Break it: merge with α for α/r"),
)
def served_together(s, prompt, broken):
    """Four requests in one batch, each with its own adapter on one base; and the same from merged models, in turn."""
    numbers = read(prompt, 2, 60)
    words = np.tile(numbers, (len(ADAPTERS), 1))  # (N, T)
    together = batched(words, s)
    added = s * TOO_MUCH if broken else s
    apart = np.stack([lm.forward(merged(name, added), numbers) for name in ADAPTERS])
    off = max_abs_difference(together, apart)
    strips = []
    for name in ADAPTERS:
        said, new = gone_on(merged(name, added), decode(numbers))
        strips.append(Tokens(said, [float(i >= new) for i in range(len(said))], "output", f"Adapter: {name}."))
    return (
        *strips,
        Badge("Batch against merged models, logits: max|Δ|", off, 2e-4),
        Metrics(
            ("Numbers of the base", sum(w.size for w in lm.load("target").weights.values()), "", "stored once"),
            *[(f"Adapter {name}", rank_numbers(name), "", f"rank {rank}") for name, rank in ranks_of().items()],
        ),
        _served_note(s, broken),
    )


def _served_note(s, broken):
    if broken and s:
        return Note(f"These are the merged models: they have α·BA, {TOO_MUCH} times what the batch adds.", "warning")
    if broken:
        return Note("At s = 0 there is nothing to merge. Move the scale.")
    return Note("“both” is one adapter: the factors of the two, stacked, so its rank is their sum. Trained at s = 1.")


def ranks_of():
    return {"manners": RANK_OF["manners"], "sums": RANK_OF["sums"], BOTH: sum(RANK_OF.values())}


def rank_numbers(name):
    return numbers_of(ranks_of()[name])


@cache
def factors_of(name):
    """The factors of one of ADAPTERS, {} for none."""
    if name == NOBODY:
        return {}
    if name != BOTH:
        return cut(name, RANK_OF[name])
    first, second = factors_of("manners"), factors_of("sums")
    return {key: np.concatenate([x, second[key]], 0 if key.endswith(".A") else 1) for key, x in first.items()}


def merged(name, s):
    """The base with an adapter added to its matrices."""
    return with_adapter(lm.load("target"), factors_of(name), s)


def batched(words, s):
    """Logits (N, T, V) of one pass of the base, in which each request's own adapter is added to every product.

    words  (N, T), request n with adapter n of ADAPTERS
    """
    base, seen, which = lm.load("target"), {}, np.arange(len(ADAPTERS)) - 1  # −1: none

    def product(part, i, x):
        key = f"{i}.{part}"
        mine = [(factors_of(name)[f"{key}.A"], factors_of(name)[f"{key}.B"], np.float32(s)) for name in ADAPTERS[1:]]
        return lora_batch(x, base.weights[key], mine, which)

    def see(step, i, y):
        if step in READS.values():
            seen[step] = y.reshape(*y.shape[:2], -1)
        if step in ("q", "k", "v"):
            return product(step, i, seen["attention_input"]).reshape(y.shape)
        if step == "attention_output":
            return product("o", i, seen["heads"])
        if step == "feed_hidden":
            x = seen["feed_input"]
            seen[step] = lm.silu(product("gate", i, x)) * product("up", i, x)
            return seen[step]
        if step == "feed_output":
            return product("down", i, seen["feed_hidden"])
        return None

    return lm.forward(base, words, see=see)
