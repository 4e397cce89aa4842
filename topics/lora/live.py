"""Training an adapter in the reader's browser, beside the same matrices trained whole."""

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
    bars,
    demo,
    label,
    line,
    lm,
)
from topics.kit.model.adapters import body_excess, changes, matrices, with_adapter
from topics.kit.page.words import counted
from topics.lora.house_model import gone_on
from topics.lora.method import trainable_parameters
from topics.lora.runs import SHORT, TAUGHT, adapter_steps, full_steps, judged_on, start_of

LORA_RATES, EVERY = (0.003, 0.01, 0.03), 3  # steps between two judgements
FULL_PART = 10  # the whole matrices take a tenth of the adapter's rate
TRIALS = {  # what is zero at the start, and what it is taught by
    "as it should be": ("B", "stories, facts and sums"),
    "taught by sums alone": ("B", "sums alone"),
    "break it: both factors zero": ("both", "stories, facts and sums"),
    "break it: both random": ("neither", "stories, facts and sums"),
}
PROMPTS = ("[blunt] story : Anna has coins . Ben", "[blunt] answer : 4 + 3 =")
TICKS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10]
SEEN = 12  # texts that it is judged on while it learns


@demo(
    "live",
    "target",
    r=LogSlider("Rank", 1, 64, value=4, per_octave=1),
    alpha=Choice("α", (8, 32), value=8),
    eta=Choice("Rate", LORA_RATES, value=0.01),
    parts=Choice("Adapters on", ("all matrices", "attention"), value="all matrices"),
    trial=Choice("Trial", tuple(TRIALS), value="as it should be"),
    seed=Seed(),
)
def train_an_adapter(r, alpha, eta, parts, trial, seed):
    """The house model learns courtesy: adapters on frozen matrices, and beside it the same matrices trained whole."""
    model, s = lm.load("target"), alpha / r
    names = matrices(model, parts)
    (zero, taught), steps = TRIALS[trial], SHORT
    factors = start_of(names, r, seed, zero)
    runs = (
        ("adapter", adapter_steps(factors, s, eta, seed, TAUGHT[taught]), lambda w: with_adapter(model, w, s)),
        ("whole", full_steps(names, eta / FULL_PART, seed, TAUGHT[taught]), model.with_weights),
    )
    ends = {"adapter": with_adapter(model, factors, s)}
    marks = {"adapter": [(0, seen_excess(ends["adapter"]))]}
    change, total = changes(factors, s), steps * len(runs)
    yield Progress(0, total, "Training")
    for n, (name, run, built) in enumerate(runs):
        marks.setdefault(name, [(0, seen_excess(model))])
        for t in range(1, steps + 1):
            with np.errstate(over="ignore"):  # silu of a large number, where a run is too fast
                step = next(run)
            yield Progress(n * steps + t, total, f"Training: {name}")
            if t % EVERY == 0 or t == steps:
                ends[name] = built(step.weights)
                marks[name].append((t, seen_excess(ends[name])))
                yield Progress(n * steps + t, total, f"Training: {name}"), _losses(marks)
        if name == "adapter":
            change = changes(step.weights, s)
        else:
            whole = {key: w - model.weights[key] for key, w in step.weights.items()}
    judged = {"before": model, **ends}
    rows = []
    for name, each in judged.items():
        manners, polite = (body_excess(each, texts) for texts in judged_on())
        rows.append((name, *(said(each, prompt) for prompt in PROMPTS), manners, polite))
        yield Progress(total, total, "Judging"), _losses(marks)
    shapes = [model.weights[name].shape for name in names]
    yield (
        _losses(marks),
        Table(
            ("Model", f"{PROMPTS[0]} …", f"{PROMPTS[1]} …", "Courteous texts (nats)", "Polite texts (nats)"),
            rows,
            "The likeliest five words, and the loss above the floor on 24 short courteous texts and 20 polite ones.",
        ),
        _spectra(change, whole, r),
        Metrics(
            ("Numbers trained", trainable_parameters(shapes, r), "", f"of {sum(a * b for a, b in shapes):,} in these "
             "matrices"),
            ("Length of the adapter's change", length_of(change), "", "root of the sum of all squares of s·BA"),
            ("… of the whole matrices'", length_of(whole), ""),
        ),
        _live_note(trial),
    )  # fmt: skip


def said(model, prompt):
    """The likeliest five words after a prompt."""
    words, new = gone_on(model, prompt, 5)
    return " ".join(words[new:])


def seen_excess(model):
    return body_excess(model, judged_on()[0][:SEEN])


def length_of(change):
    return float(np.sqrt(sum(float(np.vdot(w, w)) for w in change.values())))


def _losses(marks):
    shown = {"adapter": ("output", "solid"), "whole": ("weight", "dash")}
    lines = [line([t for t, _ in run], [x for _, x in run], name, *shown[name], mode="lines+markers")
             for name, run in marks.items()]  # fmt: skip
    told = "; ".join(f"{name}: {run[0][1]:.3f} at first, {run[-1][1]:.3f} after {counted(run[-1][0], 'step')}"
                     for name, run in marks.items())  # fmt: skip
    return Figure(
        lines,
        x_title="Steps",
        y_title="Loss above the floor (nats a word)",
        alt=f"Loss above the floor on held-out courteous texts while training. {told}.",
        yaxis={"type": "log", "tickvals": TICKS, "ticktext": [f"{x:g}" for x in TICKS]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
    )  # fmt: skip


def _spectra(change, whole, r):
    """Singular values of both changes in the second layer's value matrix, or the first matrix that is trained."""
    key = "1.v" if "1.v" in change else next(iter(change))
    mine = np.linalg.svd(change[key].astype(float), compute_uv=False)[: min(2 * r, 32)]
    traces = [bars(np.arange(1, len(mine) + 1), mine, "adapter", "output")]
    told = f"adapter {', '.join(f'{x:.2f}' for x in mine[:3])}"
    theirs = np.linalg.svd(whole[key].astype(float), compute_uv=False)[:32]
    traces.append(line(np.arange(1, len(theirs) + 1), theirs, "whole", "weight", "dash", mode="lines+markers"))
    told += f"; whole {', '.join(f'{x:.2f}' for x in theirs[:3])}"
    return Figure(
        traces,
        x_title=f"Direction of the change in {'value, layer 2' if key == '1.v' else key}",
        y_title="Singular value",
        alt=f"Singular values of what was learnt in one matrix, largest first: {told}. The adapter has {r} at most.",
        height=240,
        bargap=0.15,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
        annotations=[label(min(r, 24) + 0.8, float(mine[0]), f"adapter: {r} at most", xanchor="left", yanchor="top")],
    )


def _live_note(trial):
    if trial.endswith("zero"):
        return Note("Both gradients are products with a zero factor: nothing will ever move.", "warning")
    if trial.endswith("random"):
        return Note("B began at random: before the first step the model was another one.", "warning")
    if trial.endswith("alone"):
        return Note("It never saw a courteous story. Look at what it says of Anna and Ben.")
    return Note("Each step sees four new texts of about 31 words; both runs see the same.")
