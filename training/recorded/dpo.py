"""Records what the page on DPO says of the house model: 30 steps towards thanks, and 16 steps on right and wrong sums
under three losses and two rates, three seeds each. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.dpo    # four minutes; goes on if stopped
"""

from datetime import date
from itertools import islice

import numpy as np

from topics.dpo.runs import (
    LONGEST,
    LOSSES,
    SUM_STEPS,
    THANKS_STEPS,
    new_sums,
    policy,
    share,
    sum_found,
    sum_pairs,
    sum_steps,
    thanks_run,
)
from topics.kit import lm
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/dpo/recorded.py"
SEEDS, RATES, ASKED = (0, 1, 2), (0.0001, 0.0005), 200


def main():
    with kept("dpo") as (done, once):
        for seed in SEEDS:
            once(f"thanks {seed}", lambda s=seed: thanked(s))
            once(f"before {seed}", lambda s=seed: round(right(lm.load("target"), s), 3))
            for loss in LOSSES:
                for eta in RATES:
                    once(f"{loss} {eta} {seed}", lambda o=loss, e=eta, s=seed: summed(o, e, s))
        write(done)


def thanked(seed):
    """[log π chosen, rejected, reward accuracy, chosen likelier, says thanks] at each step."""
    return [[round(x, 3) for x in found] for found, _ in islice(thanks_run(seed), THANKS_STEPS + 1)]


def summed(loss, eta, seed):
    """Of pairs taught and held out what sum_found finds before and after, and the share of new sums that are right."""
    rng = np.random.default_rng(seed)
    *_, pairs = sum_pairs(rng)
    before = sum_found(lm.load("target"), pairs)
    *_, model = islice(sum_steps(pairs, loss, eta, rng), SUM_STEPS)
    ends = [[round(x, 3) for x in part] for found in (before, sum_found(model, pairs)) for part in found]
    return [*ends, round(right(model, seed), 3)]


def right(model, seed):
    return float(np.mean([share(model, policy.right, part, LONGEST) for part in np.split(new_sums(seed, ASKED), 4)]))


def write(done):
    """topics/dpo/recorded.py, from all that was run."""
    lines = [
        f'"""Recorded on {date.today()} by `python -m training.recorded.dpo`, three seeds: draft learns thanks, target',
        f'right sums from wrong ones, {SUM_STEPS} steps."""',
        "",
        "# at each step (log π chosen, log π rejected, reward accuracy, chosen likelier, says thanks)",
        "THANKS = (",
        *(line for seed in SEEDS for line in ("    (", *rows(done[f"thanks {seed}"], 8), "    ),")),
        ")",
        "",
        f"BEFORE = {tuple(done[f'before {seed}'] for seed in SEEDS)}  # the share of {ASKED} new sums that are right",
        "",
        "# {loss: {rate: for each seed (taught before, held out before, taught after, held out after, right after)}};",
        "# of pairs: (log π chosen, log π rejected, reward accuracy, chosen likelier)",
        "SUMS = {",
    ]
    for loss in LOSSES:
        lines.append(f'    "{loss}": {{')
        for eta in RATES:
            lines.append(f"        {eta}: (")
            for seed in SEEDS:
                *parts, share_right = done[f"{loss} {eta} {seed}"]
                lines += ["            (", *rows(parts, 16), f"                {share_right},", "            ),"]
            lines.append("        ),")
        lines.append("    },")
    HERE.write_text("\n".join([*lines, "}", ""]))


def rows(found, indent):
    return [f"{' ' * indent}{tuple(part)}," for part in found]


if __name__ == "__main__":
    main()
