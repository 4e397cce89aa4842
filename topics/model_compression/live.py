"""Two students of one teacher, in the reader's browser."""

from topics.kit import Choice, Figure, Progress, Seed, Table, demo, label, line, lm
from topics.kit.page.words import counted
from topics.model_compression.distil import AGAIN, EVERY, LABELS, LAWS, NEW, STEPS, STUDENT, judged_student, runs

SHOWN = {LABELS: ("error", "dash"), LAWS: ("output", "solid")}


@demo(
    "live",
    "draft",
    "courteous",
    texts=Choice("Texts that it learns from", (AGAIN, NEW), value=AGAIN),
    seed=Seed(),
)
def two_students(texts, seed):
    """The draft learns courtesy in 20 steps, once from labels, once from the laws of a teacher ten times its size."""
    marks, start, total = {}, judged_student(lm.load(STUDENT)), STEPS * len(SHOWN)
    yield Progress(0, total, "Judged")
    for n, taught in enumerate(SHOWN):
        marks[taught] = [(0, *start)]
        for t, model in enumerate(runs(taught, texts, seed, STEPS), 1):
            yield Progress(n * STEPS + t, total, f"Learning from {taught}")
            if t % EVERY == 0 or t == STEPS:
                marks[taught].append((t, *judged_student(model)))
                yield Progress(n * STEPS + t, total, f"Learning from {taught}"), *_views(marks, texts)
    yield (*_views(marks, texts), _best_steps(marks, texts))


def best(run):
    """The step of a run with the least loss, and what it then had: (t, loss, accepted)."""
    return min(run, key=lambda mark: mark[1])


def _views(marks, texts):
    return (
        _figure(marks, 2, "Words accepted (%)", "words that the teacher accepts", 100, texts),
        _figure(marks, 1, "Loss (nats a word)", "loss above the floor", 1, texts),
    )


def _figure(marks, i, title, what, times, texts):
    lines = [line([mark[0] for mark in run], [times * mark[i] for mark in run], taught, *SHOWN[taught],
                  mode="lines+markers") for taught, run in marks.items()]  # fmt: skip
    digits, unit = (0, " %") if i == 2 else (3, " nats")
    told = "; ".join(
        f"{taught}: {times * run[0][i]:.{digits}f}{unit} at first, {times * run[-1][i]:.{digits}f}{unit} after "
        f"{counted(run[-1][0], 'step')}" for taught, run in marks.items())  # fmt: skip
    ends = [label(run[-1][0], times * run[-1][i], taught, xanchor="right", yanchor="bottom", yshift=4)
            for taught, run in marks.items()] if i == 2 else []  # fmt: skip
    return Figure(
        lines,
        x_title=f"Steps on {texts}" + (" texts" if texts == AGAIN else ", 8 texts each"),
        y_title=title,
        alt=f"The students' {what}, held-out courteous texts. {told}.",
        height=260,
        xaxis={"range": [-0.5, STEPS + 0.5]},
        yaxis={"range": [87, 98]} if i == 2 else {"range": [0, 0.85]},
        annotations=ends,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
    )


def _best_steps(marks, texts):
    rows = []
    for taught, run in marks.items():
        t, loss, accepted = best(run)
        rows.append((taught, t, loss, 100 * accepted, run[-1][1], 100 * run[-1][2]))
    return Table(
        ("Taught by", "Best at step", "Loss then", "Accepted then, %", "Loss at the end", "Accepted, %"),
        [(a, b, f"{c:.3f}", f"{d:.1f}", f"{e:.3f}", f"{f:.1f}") for a, b, c, d, e, f in rows],
        "Best by its loss on held-out texts, which in earnest would need texts of its own.",
    )
