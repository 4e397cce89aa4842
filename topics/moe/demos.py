"""Experts that die and are revived; what a batch reads of real models; what finer experts change."""

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    Table,
    demo,
    heatmap,
    line,
    points,
)
from topics.kit.page.words import counted, raised, short
from topics.kit.real.costs import experts_touched
from topics.moe.real import MIXTURES, parameters_touched, sent, share_touched, ways
from topics.moe.toy import BIAS, LOSS, NONE, STEPS, E, alive_of, state_of, train_toy

# ---- experts that die

SHOWN = 20  # steps in a column of the map


@demo(
    "live",
    balancing=Choice("Balance by", (NONE, LOSS, BIAS), value=BIAS),
    start=Choice("From step", (0, 300), value=300),
    strength=Choice("Strength", ("weak", "middle", "strong"), value="middle"),
    seed=Seed(),
)
def experts_die(balancing, start, strength, seed):
    """Eight experts learn eight kinds of inputs; the map is their load (stronger colour: more of the inputs)."""
    steps = []
    for done in train_toy(seed, balancing, strength, start):
        steps.append(done)
        if done.t % SHOWN == 0:
            end = (_died(steps, balancing, start),) if done.t == STEPS else ()
            yield Progress(done.t, STEPS, "Training"), *_training_views(steps), *end


def _training_views(steps):
    groups = [steps[i : i + SHOWN] for i in range(0, len(steps), SHOWN)]
    at = [group[-1].t for group in groups]
    load = np.array([np.mean([s.load for s in group], 0) for group in groups])  # (columns, E)
    losses = [float(np.mean([s.loss for s in group])) for group in groups]
    last = load[-1]
    return (
        Figure(
            [heatmap(100 * load.T, at, [str(e + 1) for e in range(E)], "load", "key", zmin=0, zmax=50)],
            x_title="Step",
            y_title="Expert",
            alt=f"After {at[-1]} steps: {alive_of(last)} of {E} experts are alive; the busiest gets "
            f"{100 * last.max():.0f} % of the inputs.",
            height=260,
            yaxis={"type": "category"},
        ),
        Figure(
            [line(at, losses, "loss", "error")],
            x_title="Step",
            y_title="Loss",
            alt=f"The loss after {at[-1]} steps is {losses[-1]:.3f}.",
            height=220,
            yaxis={"type": "log"},
        ),
        Metrics(
            ("Experts alive", alive_of(last), f"of {E}", "at least 1 % of the last 20 batches"),
            ("Busiest expert", 100 * float(last.max()), "%", "an even share is 12.5"),
            ("Loss", losses[-1], "", "mean of the last 20 batches"),
        ),
    )


def _died(steps, balancing, start):
    """What to say at the end."""
    middle, end = (alive_of(state_of(steps[:n])[1]) for n in (STEPS // 2, STEPS))
    return Note(f"Alive after {STEPS // 2} steps: {middle}; after {STEPS}: {end}. " + (
        "Nothing balanced them." if balancing == NONE else f"Balanced by {balancing} from step {start} on."
    ))  # fmt: skip


# ---- what a batch reads

SERVED = {
    "Mixtral-8x7B": ("reference", "dashdot"),
    "Qwen3-235B-A22B": ("value", "dash"),
    "DeepSeek-V3": ("key", "solid"),
    "Kimi K3": ("output", "dot"),
}
TOKENS = 2 ** np.arange(11)


@demo(B=LogSlider("Tokens in a step", 1, 1024, value=32))
def experts_read(B):
    """The share of a layer's experts that a step of B tokens reads, if each token chooses by chance."""
    curves = {name: [100 * share_touched(MIXTURES[name], int(n)) for n in TOKENS] for name in SERVED}
    now = {name: 100 * share_touched(MIXTURES[name], B) for name in SERVED}
    figure = Figure(
        [line(TOKENS, curves[name], name, *SERVED[name]) for name in SERVED]
        + [points([B], [now[name]], name, SERVED[name][0], showlegend=False) for name in SERVED],
        x_title="Tokens in a step",
        y_title="Experts read (%)",
        alt=f"{counted(B, 'token')}: " + ", ".join(f"{name} {x:.0f} %" for name, x in now.items()) + " of the experts "
        "of a layer are read.",
        xaxis={"type": "log", "tickvals": [int(n) for n in TOKENS[::2]], "ticktext": [f"{n:,}" for n in TOKENS[::2]]},
        yaxis={"range": [0, 105]},
        legend={"orientation": "h", "y": 1.2},
    )
    rows = [
        (
            name,
            f"{experts_touched(m.E, m.k, B):.0f} of {m.E}",
            parameters_touched(m, B) / 1e9,
            parameters_touched(m, B) / 1e9 / B,
        )
        for name, m in ((name, MIXTURES[name]) for name in SERVED)
    ]
    return figure, Table(
        ("Model", "experts", "billions read", "a token"),
        rows,
        f"Parameters read by a step of {counted(B, 'token')}.",
    )


# ---- finer experts

CUTS = (1, 2, 4, 8, 16)


@demo(
    m=LogSlider("Cut each expert into", 1, 16, value=1, unit="parts"),
    name=Choice("Model", tuple(MIXTURES), value="Mixtral-8x7B"),
    N=LogSlider("Ranks that hold the experts", 8, 256, value=64),
)
def finer_experts(m, name, N):
    """The same parameters and arithmetic in more and narrower experts: what they allow, and what they cost."""
    base = MIXTURES[name]
    now, bytes_sent = base.cut(m), [sent(base.cut(c), N) / 1000 for c in CUTS]
    choices = [ways(base.cut(c)) for c in CUTS]
    at = CUTS.index(m)
    axis = {"type": "log", "tickvals": list(CUTS), "ticktext": [str(c) for c in CUTS]}
    figures = (
        Figure(
            [line(CUTS, choices, "ways", "key"), points([m], [choices[at]], "now", "key")],
            x_title="Parts of each expert",
            y_title="Ways, powers of ten",
            alt=f"{name}, each expert in {counted(m, 'part')}: {now.k} of {now.E:,} experts can be chosen in about "
            f"10 to the power {choices[at]:.1f} ways.",
            height=230,
            xaxis=axis,
            yaxis={"rangemode": "tozero"},
            showlegend=False,
        ),
        Figure(
            [line(CUTS, bytes_sent, "bytes", "cost"), points([m], [bytes_sent[at]], "now", "cost")],
            x_title="Parts of each expert",
            y_title="kB a token and layer",
            alt=f"{name}, each expert in {counted(m, 'part')}, on {N} ranks: a token costs {short(bytes_sent[at])} kB "
            "in each layer, there and back.",
            height=230,
            xaxis=axis,
            yaxis={"rangemode": "tozero"},
            showlegend=False,
        ),
    )
    return *figures, Metrics(
        ("Experts, and used of them", f"{now.E:,} / {now.k}", "", f"of width {now.F:,}"),
        ("Routed parameters", now.routed / 1e9, "billion", f"{now.layers} · {now.E:,} · 3 · {now.d:,} · {now.F:,}"),
        ("used by a token", now.routed_active / 1e9, "billion", f"{now.layers} · {now.k} · 3 · {now.d:,} · {now.F:,}"),
        (
            "Sent for a token",
            now.layers * bytes_sent[at] / 1000,
            "MB",
            f"{now.layers} · 3 · {now.k} · {now.d:,}, less 1/{N}",
        ),
        ("Ways to choose", sets_of(choices[at]), "", f"{now.k} of {now.E:,}"),
    )


def sets_of(power):
    """A number given as a power of ten, in few signs."""
    return f"{10**power:,.0f}" if power < 5 else f"about 10{raised(round(power))}"
