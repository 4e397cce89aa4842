"""Records what the page on RLHF says of its live runs: policies trained on a reward model at six prices of KL, and
policies that should land on the exact optimum; three seeds each. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.rlhf    # some ten minutes; goes on if stopped
"""

from datetime import date
from itertools import islice

import numpy as np

from topics.rlhf.judges import reward_model, start
from topics.rlhf.live import BETAS, LIKES, STEPS, TILT_BETAS, TILT_STEPS
from topics.rlhf.practice import ask_all, steps, thanks_steps, thanks_wanted
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/rlhf/recorded.py"
SEEDS = (0, 1, 2)
EVERY = 4  # steps between two that are kept


def walk(beta, pairs, seed):
    """(KL, judge, reward model, share of right numbers) at steps 0, 4, 8, …: as the live demo walks."""
    rng = np.random.default_rng(seed)
    w = reward_model(pairs, rng)
    kept = []
    for t, (batch, _) in enumerate(islice(steps(w, beta, rng), STEPS + 1)):
        if t % EVERY == 0:
            seen = (batch.kl.mean(), batch.gold.mean(), batch.proxy.mean(), batch.right.mean())
            kept.append([round(float(x), 3) for x in seen])
    return kept


def run_tilt(beta, mean, seed):
    """The mean chance of thanks at the end, and how far a prompt is from its optimum in the mean."""
    wanted = thanks_wanted(ask_all(start()), np.log(LIKES), beta)
    *_, (_, policy) = islice(thanks_steps(np.log(LIKES), beta, np.random.default_rng(seed), mean), TILT_STEPS)
    now = ask_all(policy)
    return [round(float(now.mean()), 3), round(float(np.abs(now - wanted).mean()), 3)]


def main():
    with kept("rlhf") as (done, once):
        for seed in SEEDS:
            for beta in BETAS:
                once(f"walk {beta} 100 {seed}", walk, beta, 100, seed)
            for beta in TILT_BETAS:
                once(f"tilt {beta} {seed}", run_tilt, beta, False, seed)
            once(f"broken 1.0 {seed}", run_tilt, 1.0, True, seed)
            once(f"walk 0.0 400 {seed}", walk, 0.0, 400, seed)
        write(done)


def write(done):
    """topics/rlhf/recorded.py, from all that was run."""

    def three(name):
        return [done[f"{name} {seed}"] for seed in SEEDS]

    walks = []
    for beta, pairs in [*((beta, 100) for beta in BETAS), (0.0, 400)]:
        walks.append(f"    ({beta}, {pairs}): [")
        for walked in three(f"walk {beta} {pairs}"):
            walks += ["        [", *(f"            {row}," for row in walked), "        ],"]
        walks.append("    ],")
    tilts = [f"    {beta}: {three(f'tilt {beta}')}," for beta in TILT_BETAS]
    HERE.write_text(
        f'"""Recorded on {date.today()} by `python -m training.recorded.rlhf`, for each of the seeds 0, 1 and 2."""\n\n'
        "# {(β, comparisons): for each seed, at steps 0, 4, 8, …: KL, judge, reward model, share of right numbers}\n"
        "WALKS = {\n" + "\n".join(walks) + "\n}\n\n"
        "# {β: for each seed the mean chance of thanks, and how far a prompt is from its optimum}\n"
        "LANDED = {\n" + "\n".join(tilts) + "\n}\n\n"
        "# the same at β = 1, with KL averaged over words\n"
        f"BROKEN = {three('broken 1.0')}\n"
    )


if __name__ == "__main__":
    main()
