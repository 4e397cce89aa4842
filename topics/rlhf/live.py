"""What trains in the reader's browser on the page on RLHF: a policy that cheats its reward model, and one that lands
where it should."""

from typing import NamedTuple

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Seed,
    Table,
    Toggle,
    demo,
    line,
    points,
)
from topics.kit.page.drift import reward_against_kl
from topics.kit.page.words import counted
from topics.rlhf.judges import reward_model, start
from topics.rlhf.practice import ANSWERS, RATE, ask_all, steps, thanks_steps, thanks_wanted

STEPS = 40
BETAS = (0.0, 0.05, 0.1, 0.2, 0.3)


@demo(
    "live",
    "draft",
    beta=Choice("Price of KL, β", BETAS, value=0.0),
    pairs=Choice("Comparisons", (100, 400), value=100),
    seed=Seed(),
)
def against_its_reward_model(beta, pairs, seed):
    """A policy of the house model is trained on a reward model. What it says, and what the judge thinks."""
    rng = np.random.default_rng(seed)
    w = reward_model(pairs, rng)
    yield Progress(0, STEPS, "Fitting the reward model")
    seen, said = [], {}
    run = steps(w, beta, rng)
    for t in range(STEPS + 1):
        batch, _ = next(run)
        seen.append(tuple(float(x.mean()) for x in (batch.kl, batch.gold, batch.proxy, batch.right)))
        middle = int(np.argsort(batch.proxy, kind="stable")[len(batch.proxy) // 2])
        prompts, answers = batch.rolled.texts()
        said[t] = (" ".join(prompts[middle][3:]), " ".join(answers[middle]))
        if t < STEPS:
            yield Progress(t + 1, STEPS, "Practising"), _walk(seen, beta)
    best = max(range(len(seen)), key=lambda t: seen[t][1])
    yield (
        _walk(seen, beta),
        Table(
            ("Step", "a middling answer", "judge", "reward model", "numbers right (%)"),
            [(t, " ".join(said[t]), *seen[t][1:3], 100 * seen[t][3]) for t in sorted({0, best, STEPS // 2, STEPS})],
            f"The means of {ANSWERS} answers, and of each step the answer that the reward model puts in the middle.",
        ),
        Metrics(
            ("Judge, at the end", seen[-1][1], "", "1 for the right number, 1 for thanks, −¼ for each word beyond six"),
            ("Judge, at its best", seen[best][1], "", f"at step {best}"),
            ("Reward model, at the end", seen[-1][2], "", f"{seen[0][2]:.2f} at the start"),
            ("KL from the reference", max(seen[-1][0], 0.0), "nats an answer", "the mean of log π − log π_ref, summed "
             "over an answer's words"),
        ),
        Note(f"The reward model counts words, and has seen {pairs} comparisons of answers that the policy gave before "
             f"it was trained. Rate {RATE:g}."),
    )  # fmt: skip


def _walk(seen, beta):
    kl, gold, proxy, _ = (np.array(x) for x in zip(*seen, strict=True))
    best = int(gold.argmax())
    return reward_against_kl(
        [("reward model", kl, proxy, "weight", "dash"), ("judge", kl, gold, "output", "solid")],
        f"Reward of the policy's answers against KL from where it began, β = {beta:g}. The reward model: "
        f"{proxy[0]:.1f} at the start, {proxy[-1]:.1f} after {counted(len(seen) - 1, 'step')}, at {max(kl[-1], 0):.1f} "
        f"nats. The judge: {gold[0]:.2f} at the start, {gold[best]:.2f} at best (step {best}), {gold[-1]:.2f} now.",
        marks=[("judge, now", float(kl[-1]), float(gold[-1]), "query", "diamond")],
        start=1.0,
    )


# ---- where it should land

TILT_STEPS = 40
TILT_BETAS = (1.0, 2.0, 4.0)
LIKES = 9.0  # times as much as no thanks, of equal odds


class Thanks(NamedTuple):
    """Chances of thanks after each of the prompts: of the reference, of the exact tilt, and of the policy now."""

    reference: np.ndarray
    wanted: np.ndarray
    now: np.ndarray


@demo(
    "live",
    "draft",
    beta=Choice("Price of KL, β", TILT_BETAS, value=1.0),
    broken=Toggle("Break it: KL averaged over words"),
    seed=Seed(),
)
def lands_on_the_tilt(beta, broken, seed):
    """A policy practises with a reward of log 9 for thanks. Where it should land is known, for each of 45 prompts."""
    reference = ask_all(start())
    wanted = thanks_wanted(reference, np.log(LIKES), beta)
    run = thanks_steps(np.log(LIKES), beta, np.random.default_rng(seed), mean=broken)
    now, means = reference, [float(reference.mean())]
    for t in range(1, TILT_STEPS + 1):
        _, policy = next(run)
        if t % 4 == 0:
            now = ask_all(policy)
            means.append(float(now.mean()))
            yield Progress(t, TILT_STEPS, "Practising"), _landing(Thanks(reference, wanted, now), beta)
        else:
            yield Progress(t, TILT_STEPS, "Practising")
    share = float(reference.mean())
    naive = float(thanks_wanted(np.array([share]), np.log(LIKES), beta)[0])
    yield (
        _landing(Thanks(reference, wanted, now), beta),
        Metrics(
            ("Thanks, reference", 100 * share, "%", "mean over all 45 differences of one digit"),
            ("Thanks, exact optimum", 100 * float(wanted.mean()), "%", "π_ref·exp(r/β)/Z for each prompt, then the "
             "mean"),
            ("Thanks, policy now", 100 * float(now.mean()), "%", f"after {TILT_STEPS} steps"),
            ("From the mean alone", 100 * naive, "%", "wrong: the tilt of the mean is not the mean of the tilts"),
        ),
        Note("Averaged over its words, KL costs an answer with thanks a sixth: the policy overshoots.", "warning")
        if broken else Note("A point on the curve is a prompt that has landed. Prompts share all parameters, so they "
                            "pull each other along."),
    )  # fmt: skip


def _landing(thanks, beta):
    x = np.linspace(0, 1, 41)
    off = float(np.abs(thanks.now - thanks.wanted).mean())
    return Figure(
        [
            line(x, x, "reference", "reference", "dash"),
            line(x, thanks_wanted(x, np.log(LIKES), beta), "exact optimum", "output"),
            points(thanks.reference, thanks.now, "policy, each prompt", "query"),
        ],
        x_title="Chance of thanks before, by prompt",
        y_title="Chance of thanks now",
        alt=f"Chances of thanks after 45 prompts, before and now, β = {beta:g}. Means: {thanks.reference.mean():.2f} "
        f"before, {thanks.now.mean():.2f} now, {thanks.wanted.mean():.2f} at the exact optimum; a prompt is "
        f"{off:.2f} from its optimum in the mean.",
        xaxis={"range": [-0.03, 1.03]},
        yaxis={"range": [-0.03, 1.03]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
    )
