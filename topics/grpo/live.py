"""What trains in the reader's browser on the page on GRPO, and what was recorded of many such runs."""

import numpy as np

from topics.grpo.demos import TOP
from topics.grpo.practice import ANSWERS, RATE, REWARDS, steps
from topics.kit import Choice, Figure, Metrics, Note, Progress, Seed, Table, demo, line
from topics.kit.page.words import counted

STEPS = 16


@demo(
    "live",
    "draft",
    reward=Choice("Reward", tuple(REWARDS), value="right sums"),
    G=Choice("Answers of a group", (2, 8, 32), value=8),
    seed=Seed(),
)
def learns_to_work(reward, G, seed):
    """A policy answers sums in groups, and only the end of an answer is rewarded. What it comes to do."""
    run, seen, said = steps(reward, G, np.random.default_rng(seed)), [], {}
    yield Progress(0, STEPS, "Practising")
    for t in range(STEPS + 1):
        batch, _ = next(run)
        quiet = float((np.ptp(batch.r.reshape(-1, G), axis=1) == 0).mean())
        seen.append((float(batch.right.mean()), float(batch.worked.mean()), float(batch.rolled.lengths.mean()), quiet))
        if t in (0, STEPS):
            prompts, answers = batch.rolled.texts()
            best = int(np.argsort(-batch.A, kind="stable")[0])
            said[t] = [(t, " ".join(prompts[i][3:]), " ".join(answers[i]), batch.r[i], batch.A[i])
                       for i in (best, best // G * G + int(batch.A[best // G * G :][:G].argmin()))]  # fmt: skip
        if t < STEPS:
            yield Progress(t + 1, STEPS, "Practising"), _shares(seen, reward)
    first, last = seen[0], seen[-1]
    yield (
        _shares(seen, reward),
        _words(seen),
        Metrics(
            ("Right", 100 * last[0], "%", f"{100 * first[0]:.0f} % at the start"),
            ("Worked out", 100 * last[1], "%", f"{100 * first[1]:.0f} % at the start"),
            ("Words of an answer", last[2], "", f"{first[2]:.1f} at the start"),
            ("Silent groups", 100 * last[3], "%", f"{100 * first[3]:.0f} % at the start"),
        ),
        Table(("Step", "sum", "answer", "reward", "advantage"), said[0] + said[STEPS],
              "Of the first and of the last step the answer with the highest advantage, and the lowest of its group."),
        Note(f"{ANSWERS} answers a step, {ANSWERS // G} sums; rate {RATE:g}. Nothing here rewards a working."),
    )  # fmt: skip


def _shares(seen, reward):
    right, worked = ([100 * row[i] for row in seen] for i in (0, 1))
    steps_done = counted(len(seen) - 1, "step")
    return Figure(
        [
            line(list(range(len(seen))), right, "right", "output"),
            line(list(range(len(seen))), worked, "worked out", "query", "dash"),
        ],
        x_title="Step",
        y_title=f"Of {ANSWERS} answers (%)",
        alt=f"Reward: {reward}. Right: {right[0]:.0f} % at first, {right[-1]:.0f} % after {steps_done}. "
        f"Worked out: {worked[0]:.0f} % and {worked[-1]:.0f} %.",
        height=280,
        xaxis={"range": [-0.5, STEPS + 0.5]},
        yaxis={"range": [-3, 103]},
        **TOP,
    )


def _words(seen):
    words = [row[2] for row in seen]
    return Figure(
        [line(list(range(len(seen))), words, "words", "cost")],
        x_title="Step",
        y_title="Words of an answer",
        alt=f"Mean length of an answer: {words[0]:.1f} words at first, {words[-1]:.1f} at the last step.",
        height=200,
        xaxis={"range": [-0.5, STEPS + 0.5]},
        yaxis={"range": [0, 36]},
        showlegend=False,
    )
