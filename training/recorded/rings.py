"""Records how soon twenty layers learn two rings, by their first matrices: numpy and the kit only, seeded.

OPENBLAS_NUM_THREADS=1 python -m training.recorded.rings    # a minute
"""

from datetime import date
from itertools import islice
from pathlib import Path

import numpy as np

from topics.kit.model.training import train
from topics.weight_init.demos import SCHEMES, rings
from topics.weight_init.rings import ADAM_RATE, LEARNT, RING_POINTS, RING_STEPS, deep_loss, deep_weights

HERE = Path(__file__).parents[2] / "topics/weight_init/recorded_rings.py"
SEEDS = (0, 1, 2)


def learnt(scheme, activation, eps, seed):
    """The step whose loss is the first below LEARNT, or None."""
    x, y = rings(np.random.default_rng(seed), RING_POINTS)
    loss_of = deep_loss(np.column_stack([x, np.ones(len(x))]), y, activation)
    run = train(deep_weights(scheme, seed), loss_of, [None] * RING_STEPS, ADAM_RATE, clip=np.inf,
                betas=(0.9, 0.999), eps=eps)  # fmt: skip
    return next((step.t - 1 for step in islice(run, RING_STEPS) if step.loss < LEARNT), None)


def main():
    lines = []
    for name, activation, eps in (("ReLU", "ReLU", 1e-8), ("tanh", "tanh", 1e-8), ("ReLU, ε = 1e-30", "ReLU", 1e-30)):
        lines.append(f'    "{name}": {{')
        lines += [f'        "{scheme}": {tuple(learnt(scheme, activation, eps, seed) for seed in SEEDS)},'
                  for scheme in SCHEMES]  # fmt: skip
        lines.append("    },")
    HERE.write_text(
        '"""When twenty layers have learnt two rings (loss below 0.3), seeds 0 to 2; None: not within 150 steps.\n\n'
        f'Recorded on {date.today()} by `python -m training.recorded.rings`.\n"""\n\n'
        "# {net: {first matrices: steps}}\nLEARNT_AFTER = {\n" + "\n".join(lines) + "\n}\n"
    )


if __name__ == "__main__":
    main()
