"""What trains in the reader's browser on the page on GRPO, and what was recorded of many such runs."""

import numpy as np

from topics.grpo.demos import TOP
from topics.grpo.practice import ANSWERS, LONGEST, RATE, REWARDS, questions, start, steps
from topics.kit import Choice, Figure, Metrics, Note, Progress, Seed, Table, demo, line
from topics.kit.model.policy import checked, right, rollout, worked
from topics.kit.page.words import counted

STEPS, NEW = 16, 64


@demo(
    "live",
    "draft",
    reward=Choice("Reward", tuple(REWARDS), value="right sums"),
    G=Choice("Answers of a group", (2, 8, 32), value=8),
    seed=Seed(value=2),
)
def learns_to_work(reward, G, seed):
    """A policy answers sums in groups, and only the end of an answer is rewarded. What it comes to do."""
    run, seen, met, policy = steps(reward, G, np.random.default_rng(seed)), [], [], start()
    yield Progress(0, STEPS, "Practising")
    for t in range(STEPS + 1):
        batch, new = next(run)
        quiet = float((np.ptp(batch.r.reshape(-1, G), axis=1) == 0).mean())
        seen.append((float(batch.right.mean()), float(batch.worked.mean()), float(batch.rolled.lengths.mean()), quiet))
        met = met or _best_and_worst(batch, G, t, mixed=True)
        if t < STEPS:
            policy = new
            yield Progress(t + 1, STEPS, "Practising"), _shares(seen, reward)
    before, after = tested(start()), tested(policy)
    yield (
        _shares(seen, reward),
        _words(seen),
        Metrics(
            ("Right, before", 100 * before[0], "%", f"one answer to each of {NEW} sums, drawn apart"),
            ("Right, after", 100 * after[0], "%", "the same sums"),
            ("Worked out, after", 100 * after[1], "%", f"{100 * before[1]:.0f} % before"),
            ("Silent groups, last step", 100 * seen[-1][3], "%", f"{100 * seen[0][3]:.0f} % in the first"),
        ),
        Table(("Step", "sum", "answer", "reward", "advantage"), met + _best_and_worst(batch, G, STEPS),
              "The highest and the lowest advantage in two groups that are not silent: the first in which some worked "
              "and some did not, and the first of the last step."),
        Note(f"{ANSWERS} answers a step, to {counted(ANSWERS // G, 'sum')}, others at each step, so “right” jumps "
             f"about. Loss: the mean over all words, no KL; rate {RATE:g}. Nothing here rewards a working."),
    )  # fmt: skip


def tested(policy):
    """One answer of a policy to each of NEW sums, the same for all: the shares right and worked out."""
    rng = np.random.default_rng(10_000)
    rolled = rollout(policy, questions(NEW, rng), LONGEST, rng)
    return float(checked(right, rolled).mean()), float(checked(worked, rolled).mean())


def _best_and_worst(batch, G, step, mixed=False):
    """Rows of the first group whose rewards differ, and if `mixed` some of whose answers worked and some did not."""
    for first in range(0, ANSWERS, G):
        r, A, kinds = (x[first : first + G] for x in (batch.r, batch.A, batch.worked))
        if np.ptp(r) > 0 and not (mixed and kinds.all() | ~kinds.any()):
            prompts, answers = batch.rolled.texts()
            return [(step, "".join(prompts[i][3:]), "".join(answers[i]).replace("[end]", "").replace(";", " ;").strip(),
                     batch.r[i], batch.A[i]) for i in (first + int(A.argmax()), first + int(A.argmin()))]  # fmt: skip
    return []


def _shares(seen, reward):
    is_right, is_worked = ([100 * row[i] for row in seen] for i in (0, 1))
    steps_done = counted(len(seen) - 1, "step")
    return Figure(
        [
            line(list(range(len(seen))), is_right, "right", "output"),
            line(list(range(len(seen))), is_worked, "worked out", "query", "dash"),
        ],
        x_title="Step",
        y_title=f"Of {ANSWERS} answers (%)",
        alt=f"Reward: {reward}. Right: {is_right[0]:.0f} % at first, {is_right[-1]:.0f} % after {steps_done}. "
        f"Worked out: {is_worked[0]:.0f} % and {is_worked[-1]:.0f} %.",
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
