"""Direct preference steps in the reader's browser: on thanks or none, and on right or wrong sums."""

import numpy as np

from topics.dpo.runs import (
    GREEDY,
    HELD,
    LONGEST,
    LOSSES,
    PAIRS,
    SUM_EVERY,
    SUM_STEPS,
    TAUGHT,
    THANKS_LONGEST,
    new_sums,
    share,
    sum_found,
    sum_pairs,
    sum_steps,
    thanks_run,
)
from topics.kit import (
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Seed,
    Table,
    demo,
    line,
    lm,
)
from topics.kit.model import policy
from topics.kit.page.words import counted

LEGENDS = {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, "showlegend": True}

# ---- thanks or none

STEPS_AT = {0.0001: 30, 0.0003: 12}  # by rate


@demo("live", "draft", eta=Choice("Rate", tuple(STEPS_AT), value=0.0001), seed=Seed())
def thanks_or_none(eta, seed):
    """A small house model learns from pairs to say thank you after a difference: what the loss sees, what it says."""
    steps, seen, said = STEPS_AT[eta], [], []
    run = thanks_run(seed, eta)
    asked = policy.sums(1, np.random.default_rng(2000 + seed), 1, signs="-")
    for t in range(steps + 1):
        found, model = next(run)
        seen.append(found)
        said.append(answered(model, asked))
        if t < steps:
            yield Progress(t + 1, steps, "Training"), _shares(seen)
    first = first_step(seen)
    rows = [(t, said[t], *(100 * seen[t][k] for k in (2, 3, 4))) for t in sorted({0, first, steps // 2, steps})]
    yield (
        _shares(seen),
        _pair_figure(np.arange(steps + 1), seen, "with thanks", "without"),
        Table(
            ("Step", f"{' '.join(policy.decode(asked[0])[3:])} …", "reward accuracy (%)", "chosen likelier (%)",
             "says thanks (%)"),
            rows,
            f"Of {PAIRS} pairs that it is taught by, and of {PAIRS} new prompts the share that is thanked for.",
        ),
        Note(f"All {PAIRS} pairs in each step: a right difference of one digit with thanks, and without."),
    )  # fmt: skip


def first_step(seen):
    """The first step at which every pair's margin is above zero, or the last step."""
    return next((t for t, found in enumerate(seen) if t and found[2] == 1), len(seen) - 1)


def answered(model, asked):
    """The likeliest answer to a prompt, in words."""
    rolled = policy.rollout(model, asked, THANKS_LONGEST, np.random.default_rng(0), GREEDY)
    return " ".join(rolled.texts()[1][0])


def _shares(seen):
    t, first = np.arange(len(seen)), first_step(seen)
    return Figure(
        [
            line(t, [100 * found[2] for found in seen], "reward accuracy", "key", "dash"),
            line(t, [100 * found[3] for found in seen], "chosen likelier", "value", "dot"),
            line(t, [100 * found[4] for found in seen], "says thanks", "output"),
        ],
        x_title="Steps",
        y_title="Share (%)",
        alt=f"Over {counted(len(seen) - 1, 'step')}. Reward accuracy on the pairs: {100 * seen[0][2]:.0f} % at first, "
        f"{100 * seen[first][2]:.0f} % at step {first}, when {100 * seen[first][4]:.0f} % of new prompts get thanks. "
        f"Now the chosen is likelier in {100 * seen[-1][3]:.0f} % of pairs, and {100 * seen[-1][4]:.0f} % get thanks.",
        height=280,
        yaxis={"range": [-5, 108]},
        **LEGENDS,
    )


def _pair_figure(t, seen, chosen, rejected):
    c, r = (np.array([found[k] for found in seen]) for k in (0, 1))
    return Figure(
        [line(t, c, f"chosen: {chosen}", "value"), line(t, r, f"rejected: {rejected}", "error", "dot")],
        x_title="Steps",
        y_title="log π of an answer (nats)",
        alt=f"Mean log-probabilities of answers over {counted(int(t[-1]), 'step')}: chosen ({chosen}) from {c[0]:.2f} "
        f"to {c[-1]:.2f}, rejected ({rejected}) from {r[0]:.2f} to {r[-1]:.2f}.",
        height=280,
        **LEGENDS,
    )


# ---- right or wrong sums

ASKED = 60  # new sums, answered greedily
RATES = (0.0001, 0.0005)


@demo(
    "live",
    "target",
    loss=Choice("Loss", tuple(LOSSES), value="DPO"),
    eta=Choice("Rate", RATES, value=0.0005),
    seed=Seed(),
)
def right_against_wrong(loss, eta, seed):
    """The house model is taught to prefer its own right sums to its own wrong ones. Does it then add better?"""
    rng, pairs = np.random.default_rng(seed), 0
    for pairs in sum_pairs(rng):
        if isinstance(pairs, int):
            yield Progress(pairs, TAUGHT + HELD, "Sampling"), Note("Right and wrong answers to a sum make a pair.")
    model, asked = lm.load("target"), new_sums(seed, ASKED)
    marks, seen, right = [0], [sum_found(model, pairs)], [0, 0]
    yield Progress(0, SUM_STEPS, "Training"), _falling(marks, seen)
    for half in halves(asked):
        right[0] += share(model, policy.right, half, LONGEST) / 2
        yield Progress(0, SUM_STEPS, "Asking"), _falling(marks, seen)
    run = sum_steps(pairs, loss, eta, rng)
    for t in range(1, SUM_STEPS + 1):
        model = next(run)
        yield Progress(t, SUM_STEPS, "Training"), _falling(marks, seen)
        if t % SUM_EVERY == 0:
            marks, seen = [*marks, t], [*seen, sum_found(model, pairs)]
            yield Progress(t, SUM_STEPS, "Training"), _falling(marks, seen)
    for half in halves(asked):
        right[1] += share(model, policy.right, half, LONGEST) / 2
        yield Progress(SUM_STEPS, SUM_STEPS, "Asking"), _falling(marks, seen)
    (mine, held), (mine_0, _) = seen[-1], seen[0]
    yield (
        _falling(marks, seen),
        Metrics(
            ("Right, before", 100 * right[0], "%", f"the likeliest answers to {ASKED} new sums"),
            ("Right, after", 100 * right[1], "%", f"to the same sums, {counted(SUM_STEPS, 'step')} later"),
            ("Margin, of the pairs taught", mine[0] - mine[1] - mine_0[0] + mine_0[1], "nats", "what DPO raises"),
            ("Reward accuracy, taught", 100 * mine[2], "%", f"of {HELD} of the {TAUGHT} pairs taught"),
            ("Reward accuracy, held out", 100 * held[2], "%", f"of {HELD} pairs of other sums"),
        ),
        Note(f"The standard error of a share of {ASKED} near a half is 6 points."),
    )


def halves(asked):
    """Sums to be asked in two goes, that no step is long."""
    return np.split(asked, 2)


def _falling(marks, seen):
    return _pair_figure(np.array(marks), [mine for mine, _ in seen], "right", "wrong")
