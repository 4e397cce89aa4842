"""What the page on GRPO computes exactly: a group's advantages, what they do in the mean, how lengths weigh."""

import numpy as np

from topics.grpo.groups import BASELINES, mean_push, pulls, rewards_of, spread
from topics.grpo.method import group_advantages, silent
from topics.kit import GB, PLAIN, Choice, Figure, Metrics, Note, Slider, Table, Toggle, bars, demo, line, points, rule

TOP = {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, "showlegend": True}
SCALES = {"the group's deviation": "group", "nothing": "none"}
HOW = {"group": "(r − mean)/(deviation + 0.0001)", "none": "r − mean"}

# ---- one group


@demo(
    k=Slider("Right answers of eight", 0, 8, value=1),
    divided=Choice("Divide by", tuple(SCALES), value="the group's deviation"),
)
def one_group(k, divided):
    """Eight answers to one question, rewarded 1 or 0: the advantage of each."""
    G, scale = 8, SCALES[divided]
    A = group_advantages(rewards_of(G)[[k]], scale)[0]  # (G,)
    n = np.arange(1, G + 1)
    kinds = [(n <= k, "right", "output"), (n > k, "wrong", "error")]
    shown = [bars(n[which], A[which], name, ink) for which, name, ink in kinds if which.any()]
    told = [f"{A[which][0]:.2f} for each {name} one" for which, name, _ in kinds if which.any()]
    return (
        Figure(
            shown,
            x_title="Answer",
            y_title="Advantage",
            alt=f"Advantages of eight answers, {k} of them right, divided by {divided}: {' and '.join(told)}.",
            height=260,
            yaxis={"range": [-2.7, 2.7]},
            xaxis={"range": [0.4, 8.6], "dtick": 1},
            shapes=[rule(y=0)],
            barmode="overlay",
            **TOP,
        ),
        Metrics(
            ("Advantage of a right answer", A[0] if k else None, "", HOW[scale]),
            ("… of a wrong one", A[-1] if k < G else None, ""),
            ("Sum of all", _tidy(A.sum()), "", "what one answer gains, others lose"),
            ("Sum of sizes", np.abs(A).sum(), "", "how loud the group is"),
        ),
        Note("All alike: the group is silent, and its answers were written for nothing.", "warning") if k in (0, G) else
        Note("A right answer is worth more, the fewer there are."),
    )  # fmt: skip


def _tidy(x):
    return float(round(x, 9)) + 0.0


# ---- many groups


@demo(
    percent=Slider("How often an answer is right", 1, 99, value=10, unit="%"),
    G=Choice("Answers of a group", (2, 4, 8, 16, 64), value=8),
)
def by_difficulty(percent, G):
    """How hard a question of given difficulty is pushed in the mean, and how often its group is silent. Exact."""
    p, x = percent / 100, np.linspace(0.01, 0.99, 50)
    scaled, plain = ([mean_push(each, G, scale) for each in x] for scale in ("group", "none"))
    here = {scale: mean_push(p, G, scale) for scale in ("group", "none")}
    quiet = silent(p, G)
    return (
        Figure(
            [
                line(100 * x, scaled, "divided by the deviation", "weight"),
                line(100 * x, plain, "not divided", "output", "dash"),
                points([percent, percent], [here["group"], here["none"]], "chosen", "query", "diamond"),
            ],
            x_title="How often an answer is right (%)",
            y_title="Mean push towards it",
            alt=f"Mean push towards the right answer for groups of {G}. At {percent} %: {here['group']:.3f} if "
            f"advantages are divided by the deviation, {here['none']:.3f} if not; at 50 %: "
            f"{mean_push(0.5, G, 'group'):.3f} and {mean_push(0.5, G, 'none'):.3f}.",
            height=280,
            xaxis={"range": [0, 100]},
            yaxis={"range": [0, 0.55]},
            **TOP,
        ),
        Figure(
            [
                line(100 * x, 100 * silent(x, G), f"groups of {G}", "error"),
                points([percent], [100 * quiet], "chosen", "query", "diamond"),
            ],
            x_title="How often an answer is right (%)",
            y_title="Silent groups (%)",
            alt=f"Silent groups of {G}: {100 * quiet:.1f} % at {percent} %, {100 * silent(0.5, G):.1f} % at 50 %.",
            height=220,
            xaxis={"range": [0, 100]},
            yaxis={"range": [0, 102]},
            showlegend=False,
        ),
        Metrics(
            ("Silent groups", 100 * quiet, "%", "p^G + (1 − p)^G"),
            ("Answers written for a group that speaks", G / (1 - quiet), "", "G / (1 − silent)"),
            ("Divided over not divided", here["group"] / here["none"], "×", "in the mean over groups"),
            ("1/√(p(1 − p))", 1 / np.sqrt(p * (1 - p)), "×", "for endless groups"),
        ),
        Note(f"An exact sum over the {G + 1} groups that there can be. One that speaks has a deviation of 1/√{G} at "
             f"least, so dividing never lifts by more than √{G} = {np.sqrt(G):.1f}."),
    )  # fmt: skip


# ---- baselines


@demo(
    percent=Slider("How often an answer is right", 5, 95, value=25, step=5, unit="%"),
    G=Choice("Answers of a group", (2, 4, 8, 16, 64), value=8),
    broken=Toggle("Break it: 10 added to every reward"),
)
def baselines(percent, G, broken):
    """The push that one group gives, with four baselines: its mean, and how far single groups are from it. Exact."""
    p, added = percent / 100, 10.0 * broken
    rows = [(name, *spread(p, G, name, added)) for name in BASELINES]
    names = [name for name, *_ in rows]
    true = p * (1 - p)
    return (
        Figure(
            [
                bars(names, [mean for _, mean, _ in rows], "mean push", "output"),
                bars(names, [off for *_, off in rows], "spread of single groups", "error"),
            ],
            x_title="Baseline",
            y_title="Push towards the right answer",
            alt=f"Mean and standard deviation of the push of a group of {G} at {percent} % right: "
            + "; ".join(f"{name} {mean:.3f} and {off:.3f}" for name, mean, off in rows)
            + f". The true gradient is {true:.3f}.",
            shapes=[rule(y=true)],
            barmode="group",
            **TOP,
        ),
        Table(("Baseline", "mean push", "over the true one", "spread"),
              [(name, mean, mean / true, off) for name, mean, off in rows],
              f"The true gradient is p(1 − p) = {true:.4f}, the dashed line."),
        Note("With nothing taken off, what was added is noise, and the push of one group has hardly a sign. The "
             "others don't see it.", "warning") if broken else
        Note("A group's own mean contains the answer that it judges, so the push is (G − 1)/G of the true one."),
    )  # fmt: skip


# ---- lengths

RULES = {"each answer": "answer", "all words": "token", "a constant": "constant"}
SHORT, BUDGET = 10, 500
TICKS = (0.001, 0.01, 0.1)


@demo(
    long=Slider("Words of a long answer", 10, 500, value=100, step=10),
    broken=Toggle("Break it: words summed first"),
)
def length_weighs(long, broken):
    """Two answers of ten words and two long ones, all with the same advantage: what pulls at each word."""
    lengths = [SHORT, SHORT, long, long]
    rows = []
    for name, by in RULES.items():
        # summed first, an answer is one number, and counts as one word
        word = pulls([1] * 4 if broken and by != "constant" else lengths, by, BUDGET)
        rows.append((name, word[0], word[-1], SHORT * word[0], long * word[-1]))
    names = [name for name, *_ in rows]
    return (
        Figure(
            [
                bars(names, [row[1] for row in rows], "a word of a short answer", "output"),
                bars(names, [row[2] for row in rows], "a word of a long one", "weight"),
            ],
            x_title="What the sum over words is divided by",
            y_title="Pull on one word",
            alt=f"Pull on one word of an answer of {SHORT} words and of one of {long}: "
            + "; ".join(f"{name} {short:.4f} and {far:.4f}" for name, short, far, *_ in rows)
            + ".",
            yaxis={"type": "log", "tickvals": TICKS, "ticktext": [f"{x:g}" for x in TICKS], "range": [-3.6, -0.4]},
            barmode="group",
            **TOP,
        ),
        Table(("Divided by", "word, short", "word, long", "answer, short", "answer, long"), rows,
              f"Per unit of advantage. The constant is {BUDGET:,} words an answer."),
        Note("Numbers that are already summed over an answer have lost its length: the first two rules are one.",
             "warning") if broken else
        Note("Short and long answers have the same say under the first rule; words have it under the other two."),
    )  # fmt: skip


# ---- memory

STATE_BYTES, FROZEN_BYTES = 16, 2  # of a number: BF16 weight and gradient, FP32 copy, Adam's two means; BF16 weight


def held(name, trained, frozen=0):
    """Memory in GB of so many networks of a real model's size that are trained, and that are only run."""
    return (STATE_BYTES * trained + FROZEN_BYTES * frozen) * PLAIN[name].parameters / GB
