"""What many recorded runs show on the page on GRPO: three rewards, six seeds each; tries; and a skill that is not
learnt."""

import numpy as np

from topics.grpo.demos import TOP
from topics.grpo.practice import REWARDS, solved_within
from topics.grpo.recorded import AT_ONCE, EVERY, RUNS, SOLVED, TRIES
from topics.kit import Choice, Figure, LogSlider, Note, Table, demo, line, points
from topics.kit.page.drift import reward_against_kl

RIGHT, WORKED, WORDS, KL = range(4)  # columns of a run
MEASURES = {"worked out (%)": (WORKED, 100), "right (%)": (RIGHT, 100), "words of an answer": (WORDS, 1)}
DASHES = ("solid", "dash", "dot", "dashdot", "solid", "dash")
INKS = ("query", "output", "weight", "cost", "error", "reference")

# ---- three rewards


@demo(
    reward=Choice("Reward", tuple(REWARDS), value="a coin"),
    measure=Choice("Measured", tuple(MEASURES), value="worked out (%)"),
)
def three_rewards(reward, measure):
    """Recorded: six runs of groups of eight under each reward; what they do, and how far they went from the start."""
    column, times = MEASURES[measure]
    runs = RUNS[reward]
    lines = [
        line(list(range(len(run[column]))), [times * x for x in run[column]], f"seed {n}", INKS[n], DASHES[n])
        for n, run in enumerate(runs)
    ]
    ends = [times * last(run, column) for run in runs]
    return (
        Figure(
            lines,
            x_title="Step",
            y_title=measure.capitalize(),
            alt=f"Reward: {reward}. {measure.capitalize()} over {len(runs[0][0]) - 1} steps, six seeds; in the last "
            f"five {', '.join(f'{x:.0f}' for x in ends)}.",
            height=280,
            yaxis={"range": [-3, 103] if times == 100 else [0, 36]},
            **TOP,
        ),
        reward_against_kl(
            [(f"seed {n}", np.maximum(_smooth(run[KL]), 0), _smooth(run[RIGHT]), INKS[n], DASHES[n])
             for n, run in enumerate(runs)],
            f"Share right against KL from the start, {reward}, six seeds; at the end "
            + ", ".join(f"{100 * last(run, RIGHT):.0f} % at {max(last(run, KL), 0):.1f} nats" for run in runs) + ".",
            "Share right", start=1.0, height=280, yaxis={"range": [-0.03, 1.03]}),
        Table(("Seed", "right (%)", "worked out (%)", "words", "KL (nats)"),
              [(n, *(round(x, 1) for x in (100 * last(run, RIGHT), 100 * last(run, WORKED), last(run, WORDS),
                                           max(last(run, KL), 0.0))))
               for n, run in enumerate(runs)],
              "Means of the last five steps."),
        Note("Recorded by python -m training.recorded.grpo: 32 answers a step, rate 0.0002. Lower figure: means of "
             "three steps."),
    )  # fmt: skip


def last(run, column):
    """The mean of a run's last five steps."""
    return float(np.mean(run[column][-5:]))


def _smooth(x):
    """Means of three steps, which 32 answers make noisy."""
    x = np.asarray(x, float)
    return np.array([x[max(0, i - 1) : i + 2].mean() for i in range(len(x))])


def span(reward, column, times=100):
    """For the page's text: the least and the most of six seeds, at the end."""
    low, *_, high = (f"{x:.0f}" for x in sorted(times * last(run, column) for run in RUNS[reward]))
    return low if low == high else f"{low} to {high}"


def each(reward, column):
    """The same for all six seeds, in their order."""
    *some, end = (f"{100 * last(run, column):.0f}" for run in RUNS[reward])
    return f"{', '.join(some)} and {end}"


def begun(column):
    """The mean of all runs' first step."""
    return float(np.mean([run[column][0] for runs in RUNS.values() for run in runs]))


# ---- tries

SHOWN = {"before": ("before", "reference", "dash"), "after": ("after", "output", "solid"),
         "told to explain": ("told to explain, untrained", "query", "dot")}  # fmt: skip
KS = (1, 2, 4, 8, 16, 32, 64)


@demo(k=LogSlider("Tries k", 1, TRIES, value=1))
def tries_before_and_after(k):
    """Recorded: how often one of k tries at a sum is right, before and after; and a skill trained for itself."""
    lines, told, rows = [], [], []
    for name, (shown, ink, dash) in SHOWN.items():
        y = [100 * tried(name, n) for n in KS]
        lines.append(line(KS, y, shown, ink, dash, mode="lines+markers"))
        told.append(f"{shown} {y[0]:.0f} % and {y[-1]:.0f} %")
        rows.append((shown, *(100 * tried(name, n) for n in (1, k, TRIES))))
    return (
        Figure(
            [*lines, points([k] * 3, [100 * tried(name, k) for name in SHOWN], "chosen", "key", "diamond")],
            x_title="Tries k",
            y_title="A right one among them (%)",
            alt=f"Chance that one of k tries is right, at 1 and {TRIES} tries: {'; '.join(told)}.",
            height=280,
            xaxis={"type": "log", "tickvals": KS, "ticktext": [str(n) for n in KS]},
            yaxis={"range": [-3, 103]},
            **TOP,
        ),
        Table(("Policy", "one try (%)", f"one of {k} (%)", f"{TRIES} tries (%)"), rows,
              f"Means of three seeds, 40 sums of three digits in each, {TRIES} answers to a sum. Before, after: asked "
              "by the half-way word."),
        _skill(),
    )  # fmt: skip


def tried(name, k):
    """Recorded: the chance that one of k tries is right, the mean of three seeds."""
    return float(np.mean([solved_within(np.array(c), TRIES, k) for c in SOLVED[name]]))


def skill(at):
    """For the page's text: the share right at once in the first (0) or the last (−1) steps, least and most of seeds."""
    low, *_, high = sorted(100 * run[at] for run in AT_ONCE)
    return f"{low:.0f} to {high:.0f}"


def _skill():
    x = [EVERY * (i + 0.5) for i in range(len(AT_ONCE[0]))]
    ends = "; ".join(f"{100 * run[0]:.0f} and {100 * run[-1]:.0f}" for run in AT_ONCE)
    return Figure(
        [line(x, [100 * y for y in run], f"seed {n}", INKS[n], DASHES[n], mode="lines+markers")
         for n, run in enumerate(AT_ONCE)],
        x_title="Step",
        y_title="Right at once (%)",
        alt=f"The target, ten times the draft's size, asked for sums at once and rewarded for right ones: right in the "
        f"first and in the last {EVERY} steps, three seeds: {ends} %.",
        height=240,
        yaxis={"range": [-3, 103]},
        **TOP,
    )  # fmt: skip
