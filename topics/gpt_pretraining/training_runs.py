"""What recorded runs show: the same schedules at two rates, and how fast is too fast."""

import numpy as np

from topics.gpt_pretraining.readers_text import LABELS, STORY, spread
from topics.gpt_pretraining.recorded import FAST, SCHEDULED, TASKS, WIDE
from topics.gpt_pretraining.runs import FAST_STEPS, PEAKS, RATES, SCHEDULES, STEPS, TASK_STEPS, WARM_UPS, rate_of
from topics.kit import Choice, Figure, Metrics, Note, Table, Toggle, demo, label, line, points, rule
from topics.kit.page.words import short

# ---- what is taught

TASK_INKS = dict(zip(LABELS, ("output", "error", "cost"), strict=True))
TASK_DASHES = dict(zip(LABELS, ("solid", "dash", "dot"), strict=True))
CURVES = ("the loss on what it is taught", "the loss of the next character, held out")


@demo(shown=Choice("Show", CURVES, value=CURVES[0]), seed=Choice("Seed", (0, 1, 2), value=0))
def tasks_side_by_side(shown, seed):
    """Recorded: three small GPTs on the story, alike but for what they were taught to predict."""
    steps, part = np.arange(10, TASK_STEPS + 1, 10), CURVES.index(shown)
    curves = {labels: [each[part] for each in TASKS[labels][seed]] for labels in LABELS}
    even = float(np.log(len(spread(STORY)[0])))
    top = max(even, *map(max, curves.values()))
    figure = Figure(
        [line(steps, y, labels, TASK_INKS[labels], TASK_DASHES[labels]) for labels, y in curves.items()],
        x_title="Step",
        y_title="Loss (nats a character)",
        alt=f"{shown[0].upper()}{shown[1:]}, after {TASK_STEPS} steps: "
        + ", ".join(f"taught {labels} {y[-1]:.2f}" for labels, y in curves.items())
        + f". Knowing nothing costs {even:.2f}.",
        yaxis={"range": [0, 1.12 * top]},
        shapes=[rule(y=even)],
        annotations=[label(TASK_STEPS, even, "knows nothing", xanchor="right", yanchor="bottom")],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    rows = [(labels, *(f"{x:.2f}" for x in TASKS[labels][seed][-1])) for labels in LABELS]
    return figure, Table(("Taught to predict", "loss on that", "loss of the next character, held out"), rows)


def shifted(labels):
    """For the page's text: both losses after the last step, means of the seeds."""
    return np.mean([each[-1] for each in TASKS[labels]], 0).tolist()


def by_heart():
    """For the page's text: the loss on the text learnt from and the held-out loss of the wide runs, means of the seeds,
    at step 120 and at the end."""
    return [np.mean([run[at] for run in WIDE], 0).tolist() for at in (2, -1)]


# ---- schedules

BEST = "each at its better rate"
INKS = dict(zip(SCHEDULES, ("reference", "cost", "query", "output"), strict=True))
DASHES = dict(zip(SCHEDULES, ("dash", "solid", "dot", "dashdot"), strict=True))
SHORT = dict(zip(SCHEDULES, ("constant", "decayed", "cosine", "averaged"), strict=True))


@demo(peak=Choice("Peak rate", (*(str(peak) for peak in PEAKS), BEST), value=str(PEAKS[0])))
def schedules_at_two_rates(peak):
    """Recorded: four schedules of one rate, three seeds each, and where they end."""
    chosen = {name: better_peak(name) if peak == BEST else float(peak) for name in SCHEDULES}
    ends = {name: SCHEDULED[chosen[name]][name] for name in SCHEDULES}
    means = {name: float(np.mean(losses)) for name, losses in ends.items()}
    names, t = [SHORT[name] for name in SCHEDULES], np.arange(1, STEPS + 1)
    losses = Figure(
        [
            points(np.repeat(names, 3), np.concatenate(list(ends.values())), "three seeds", "reference"),
            points(names, list(means.values()), "their mean", "output", "diamond"),
        ],
        x_title="Schedule",
        y_title="Above the floor (nats a word)",
        alt=f"After {STEPS} steps, above the floor, mean of three seeds: "
        + ", ".join(f"{SHORT[name]} {x:.3f}" for name, x in means.items())
        + f" ({peak if peak == BEST else 'peak rate ' + peak}).",
        xaxis={"type": "category"},
        yaxis={"range": [0.94, 1.13]},
        annotations=[label(i, x, f"{x:.3f}", xshift=12, xanchor="left") for i, x in enumerate(means.values())],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    drawn = [name for name in SCHEDULES if name != "constant, averaged"]
    rates = Figure(
        [
            line(t, [rate_of(name, int(i), chosen[name]) for i in t], SHORT[name], INKS[name], DASHES[name])
            for name in drawn
        ],
        x_title="Step",
        y_title="Rate",
        alt="The rate: " + ", ".join(f"{SHORT[name]} from {chosen[name]}" for name in drawn) + ".",
        height=220,
        yaxis={"range": [0, 1.1 * max(chosen.values())]},
    )
    return (
        losses,
        rates,
        Metrics(
            ("Lowest", SHORT[min(means, key=means.get)], ""),
            *((f"{SHORT[name]}, mean", means[name], f"nats, rate {chosen[name]}") for name in SCHEDULES),
        ),
    )


def better_peak(schedule):
    """The one of the two rates at which a schedule ends lower, in the mean of the seeds."""
    return min(PEAKS, key=lambda peak: np.mean(SCHEDULED[peak][schedule]))


def ended(schedule, peak):
    """For the page's text: nats above the floor at the end, mean of three seeds."""
    return float(np.mean(SCHEDULED[peak][schedule]))


# ---- rates


@demo(qk_norm=Toggle("QK-norm: queries and keys of one length"))
def too_fast(qk_norm):
    """Recorded: a small GPT on the story, AdamW, by rate, with and without a warm-up."""
    loss, score = [], []
    for warm, ink, dash in zip(WARM_UPS, ("error", "output"), ("solid", "dash"), strict=True):
        name = f"{warm} steps of warm-up" if warm else "no warm-up"
        for part, traces in enumerate((loss, score)):
            runs = [kept(eta, warm, qk_norm)[part] for eta in RATES]
            middle = [float(np.median(each)) if each else None for each in runs]
            traces.append(line(RATES, middle, name, ink, dash))
            x = [eta for eta, each in zip(RATES, runs, strict=True) for _ in each]
            symbol = "diamond" if warm else "circle"
            traces.append(
                points(x, [y for each in runs for y in each], f"{name}, seeds", ink, symbol, showlegend=False)
            )
    broken = {(eta, warm): 3 - len(kept(eta, warm, qk_norm)[0]) for eta in RATES for warm in WARM_UPS}
    axis = {"type": "log", "tickvals": list(RATES), "ticktext": [str(eta) for eta in RATES]}
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    largest = max(y for eta in RATES for warm in WARM_UPS for y in kept(eta, warm, qk_norm)[1])
    figures = (
        Figure(
            loss,
            x_title="Rate",
            y_title="Held-out loss (nats a character)",
            alt=f"Held-out loss after {FAST_STEPS} steps, middle of the seeds, without and with warm-up: "
            + ", ".join(
                f"rate {eta}: {_middle(eta, 0, qk_norm, 0)} and {_middle(eta, 30, qk_norm, 0)}" for eta in RATES
            )
            + ".",
            xaxis=axis,
            legend=legend,
        ),
        Figure(
            score,
            x_title="Rate",
            y_title="Largest attention score",
            alt="Largest attention score, without and with warm-up: "
            + ", ".join(
                f"rate {eta}: {_middle(eta, 0, qk_norm, 1)} and {_middle(eta, 30, qk_norm, 1)}" for eta in RATES
            )
            + ".",
            height=260,
            xaxis=axis,
            yaxis={"type": "log", "range": [0, np.log10(2 * max(largest, 10.0))]},
            shapes=[rule(y=100)],
            annotations=[label(np.log10(RATES[-1]), 2, "100, where K2 clips", xanchor="right", yanchor="bottom")],
            showlegend=False,
        ),
    )
    count = sum(broken.values())
    said = ", ".join(f"{n} of 3 at {eta} with {warm} steps of warm-up" for (eta, warm), n in broken.items() if n)
    note = f"Runs that ended in no number, and are not drawn: {said}." if count else "All runs kept to numbers."
    return *figures, Note(note, "warning" if count else "info")


def kept(eta, warm, qk_norm):
    """The runs of one cell that ended in numbers: their losses, and their largest scores."""
    runs = [run for run in FAST[eta, warm, qk_norm] if run[0] is not None]
    return [loss for loss, _ in runs], [score for _, score in runs]


def _along(qk_norm, part):
    both = ((eta, *(_middle(eta, warm, qk_norm, part) for warm in WARM_UPS)) for eta in RATES)
    return ", ".join(f"rate {eta}: {without} and {after}" for eta, without, after in both) + "."


def _middle(eta, warm, qk_norm, part):
    runs = kept(eta, warm, qk_norm)[part]
    return short(float(np.median(runs))) if runs else "no number"


def middle_loss(eta, warm, qk_norm=False):
    """For the page's text: the middle of the seeds' held-out losses."""
    return float(np.median(kept(eta, warm, qk_norm)[0]))


def scores_of(eta, warm, qk_norm=False):
    """For the page's text: the least and the largest of the seeds' largest scores."""
    found = kept(eta, warm, qk_norm)[1]
    return min(found), max(found)
