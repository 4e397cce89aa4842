"""What clipping by each shard's own norm does to a run: `python -m training.recorded.zero` (a minute).

The house model goes on learning, 12 steps on 6 held-out texts each, its weights in 4 shards. Gradients longer than 0.1
are shortened, all shards together or each by itself; then Adam or plain SGD takes the step. Writes
topics/zero/recorded.py: how far the second way's weights went against the first's, with which cosine, and how far off.
"""

from datetime import date
from pathlib import Path

import numpy as np

from topics.kit.model import lm
from topics.kit.model.collectives import pieces_of
from topics.kit.model.optimizers import adamw_step
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import loss_and_gradients, next_token_loss
from topics.zero.method import clip_sharded

STEPS, TEXTS, N, LIMIT, SEEDS = 12, 6, 4, 0.1, (0, 1, 2)
RATES = {"Adam": 1e-4, "SGD": 0.02}
TO = Path("topics/zero/recorded.py")


def run(optimizer, alone, seed):
    """What 12 steps add to the weights, (Ψ,)."""
    model, state = lm.load("target"), None
    names = list(model.weights)
    start = w = np.concatenate([model.weights[name].ravel() for name in names]).astype(float)
    ends = np.cumsum([model.weights[name].size for name in names])[:-1]
    for t in range(STEPS):
        batch = padded(held_out(TEXTS, start=3000 * seed + TEXTS * t))
        arrays = {name: part.reshape(model.weights[name].shape).astype(np.float32)
                  for name, part in zip(names, np.split(w, ends), strict=True)}  # fmt: skip
        _, grads = loss_and_gradients(arrays, next_token_loss(model), batch)
        shards = pieces_of(np.concatenate([grads[name].ravel() for name in names]).astype(float), N)
        if alone:
            shards = [clip_sharded([g], LIMIT)[0][0] for g in shards]
        else:
            shards, _ = clip_sharded(shards, LIMIT)
        g = np.concatenate(shards)
        if optimizer == "Adam":
            w, state = adamw_step(w, g, state, RATES["Adam"])
        else:
            w = w - RATES["SGD"] * g
    return w - start


def compared(optimizer, seed):
    right, wrong = run(optimizer, False, seed), run(optimizer, True, seed)
    lengths = np.linalg.norm(wrong), np.linalg.norm(right)
    found = (lengths[0] / lengths[1], wrong @ right / (lengths[0] * lengths[1]),
             np.linalg.norm(wrong - right) / lengths[1])  # fmt: skip
    return tuple(round(float(x), 3) for x in found)


if __name__ == "__main__":
    found = {optimizer: [compared(optimizer, seed) for seed in SEEDS] for optimizer in RATES}
    lines = [f'    "{optimizer}": {runs},' for optimizer, runs in found.items()]
    TO.write_text(
        '"""What clipping by each shard\'s own norm does to 12 steps of the house model on 4 ranks.\n\n'
        f'Made on {date.today()} by `python -m training.recorded.zero`.\n"""\n\n'
        "# optimiser: for seeds 0, 1, 2 the length of what was learnt, against clipping all shards together; its\n"
        "# cosine with that; and how far off it is, in parts of its length\nALONE = {\n" + "\n".join(lines) + "\n}\n"
    )
