"""Records what the page on GRPO shows of many runs: draft in groups of eight under three rewards, six seeds each; how
many tries it needs before and after; and target, asked for sums at once. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.grpo    # twenty minutes; goes on if stopped
"""

from datetime import date
from itertools import islice
from textwrap import fill

import numpy as np

from topics.grpo.practice import ANSWERS, GROUP, RATE, REWARDS, kl_from, questions, solved, start, steps
from topics.kit import lm
from topics.kit.model.policy import sums
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/grpo/recorded.py"
SEEDS, STEPS = range(6), 30
SUMS, TRIES = 40, 64
SKILL_SEEDS, SKILL_STEPS, SKILL_RATE, EVERY = (0, 1, 2), 120, 1e-4, 20


def main():
    with kept("grpo") as (done, once):
        for reward in REWARDS:
            for seed in SEEDS:
                once(f"{reward} {seed}", lambda r=reward, s=seed: practised(r, s))
        for seed in SKILL_SEEDS:
            once(f"at once {seed}", lambda s=seed: at_once(s))
        write(done)


def practised(reward, seed):
    """30 steps: at each the shares right and worked, words, silent groups, KL; then tries, for the checked reward."""
    rng, rows = np.random.default_rng(seed), []
    taken = list(islice(steps(reward, GROUP, rng), STEPS + 1))
    for batch, _ in taken:
        quiet = (np.ptp(batch.r.reshape(-1, GROUP), axis=1) == 0).mean()
        rows.append([round(float(x), 3) for x in (batch.right.mean(), batch.worked.mean(), batch.rolled.lengths.mean(),
                                                  quiet, kl_from(start(), batch.rolled))])  # fmt: skip
    if reward != "right sums" or seed > 2:
        return {"rows": rows}
    rng, (_, policy) = np.random.default_rng(100 + seed), taken[-1]
    asked = questions(SUMS, rng)
    told = asked.copy()
    told[:, 1] = sums(1, rng, 3, first="[blunt] explain :", last="")[0, 1]
    tries = {"after": solved(policy, asked, TRIES, rng), "before": solved(start(), asked, TRIES, rng),
             "told to explain": solved(lm.load("draft"), told, TRIES, rng)}  # fmt: skip
    return {"rows": rows, "tries": {name: c.astype(int).tolist() for name, c in tries.items()}}


def at_once(seed):
    """target, asked for sums of three digits at once: the share right in each 20 of 120 steps."""
    rng, shares = np.random.default_rng(seed), []
    run = steps("right sums", GROUP, rng, lm.load("target"), lambda n, rng: sums(n, rng, 3), SKILL_RATE)
    for batch, _ in islice(run, SKILL_STEPS):
        shares.append(batch.right.mean())
    return np.round(np.reshape(shares, (-1, EVERY)).mean(1), 3).tolist()


def write(done):
    """topics/grpo/recorded.py, from all that was run."""
    runs, tries = [], []
    for reward in REWARDS:
        runs.append(f'    "{reward}": (')
        for seed in SEEDS:
            right, worked, words, _, kl = zip(*done[f"{reward} {seed}"]["rows"], strict=True)
            columns = (right, worked, [round(x, 1) for x in words], [round(x, 2) + 0.0 for x in kl])
            runs += ["        (", *(row(column, 12) for column in columns), "        ),"]
        runs.append("    ),")
    for name in ("before", "after", "told to explain"):
        three = [done[f"right sums {seed}"]["tries"][name] for seed in range(3)]
        tries += [f'    "{name}": (', *(row(c, 8) for c in three), "    ),"]
    skill = [row(done[f"at once {seed}"], 4) for seed in SKILL_SEEDS]
    HERE.write_text(
        f'"""Recorded on {date.today()} by `python -m training.recorded.grpo`: groups of {GROUP} answers to\n'
        f'{ANSWERS // GROUP} sums a step, rate {RATE:g}, six seeds."""\n\n# fmt: off\n\n'
        "# {reward: seeds}; of each seed by step: share right, share worked, words, KL in nats\n"
        "RUNS = {\n" + "\n".join(runs) + "\n}\n\n"
        f"# Of {TRIES} answers to each of {SUMS} sums, how many are right; three seeds\n"
        f"TRIES = {TRIES}\nSOLVED = {{\n" + "\n".join(tries) + "\n}\n\n"
        f"# target, sums at once, rate {SKILL_RATE:g}: right in each {EVERY} of {SKILL_STEPS} steps, three seeds\n"
        f"EVERY = {EVERY}\nAT_ONCE = (\n" + "\n".join(skill) + "\n)\n"
    )


def row(numbers, indent):
    """A tuple of numbers in lines of 120 signs."""
    return fill(f"({', '.join(f'{x:g}' for x in numbers)}),", 118, initial_indent=" " * indent,
                subsequent_indent=" " * (indent + 1))  # fmt: skip


if __name__ == "__main__":
    main()
