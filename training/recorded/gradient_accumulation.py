"""Steps to one loss, by the size of the batch: `python -m training.recorded.gradient_accumulation` (six minutes).

A model of two layers and 7,552 parameters reads texts of the house language, each once, and learns by Adam until it
has 2.1 nats a word on 24 held-out texts. Four rates are tried with the first seed; the best is run with two more.
Then the gradient noise scale, from 128 texts one by one, along runs with batches of 16. Writes
topics/gradient_accumulation/recorded.py.
"""

import json
import sys
from datetime import date
from pathlib import Path

import numpy as np

from topics.gradient_accumulation.method import gradient_noise_scale
from topics.gradient_accumulation.small import batches_of, small_model, text_gradients
from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import next_token_loss, train

GOAL, RATES, BATCHES, SEEDS = 2.1, (3e-3, 1e-2, 3e-2, 1e-1), (2, 4, 8, 16, 32, 64), (1, 2, 3)
NOISY = (1e-2, 3e-2)  # rates at which the noise is measured
TO = Path("topics/gradient_accumulation/recorded.py")
KEPT = Path(sys.argv[1]) if len(sys.argv) > 1 else None  # what was done of a run that was stopped


def steps_to(goal, B, rate, seed, most):
    """Steps until the held-out loss is below the goal; None if it takes more than `most` texts."""
    model = small_model(seed)
    words, targets, real = padded(held_out(24, start=50_000))
    recent = []
    for step in train(model.weights, next_token_loss(model), batches_of(B, seed), rate):
        recent = [*recent, step.loss][-max(1, 48 // B) :]
        if np.mean(recent) < goal + 0.35 and step.t % max(1, 8 // B) == 0:
            logits = lm.forward(model.with_weights(step.weights), words)
            if cross_entropy(logits, targets, real) < goal:
                return step.t
        if step.t * B >= most:
            return None


def noise_along(seed, rate, B=16, at=(0, 10, 20, 40, 60, 80, 120)):
    """[(step, B_simple in texts, of each half of the 128 texts)] of a run with batches of 16."""
    model, found = small_model(seed), []
    texts = held_out(128, start=60_000)
    weights, steps = model.weights, train(model.weights, next_token_loss(model), batches_of(B, seed), rate)
    for t in range(max(at) + 1):
        if t in at:
            g = text_gradients(model.with_weights(weights), texts)
            found.append((t, *(round(float(gradient_noise_scale(part)), 1) for part in (g, g[::2], g[1::2]))))
        weights = next(steps).weights
    return found


def kept():
    return json.loads(KEPT.read_text()) if KEPT and KEPT.is_file() else {}


def once(key, compute):
    """What was computed before under this key, or is now."""
    known = kept()
    if key not in known:
        known[key] = compute()
        if KEPT:
            KEPT.write_text(json.dumps(known))
        print(key, known[key], flush=True)
    return known[key]


def main():
    runs = {}
    for B in BATCHES:
        tried, most = {}, 6000
        for rate in sorted(RATES, key=lambda r: abs(np.log(r / (1e-2 if B < 4 else 3e-2)))):  # the likeliest first
            tried[rate] = once(f"{B} {rate} {SEEDS[0]}", lambda: steps_to(GOAL, B, rate, SEEDS[0], most))  # noqa: B023
            most = min([1.05 * B * steps for steps in tried.values() if steps], default=most)
        best = min((rate for rate in tried if tried[rate]), key=tried.get)
        more = [once(f"{B} {best} {seed}", lambda: steps_to(GOAL, B, best, seed, 6000)) for seed in SEEDS[1:]]  # noqa: B023
        runs[B] = (best, [tried[best], *more])
    noise = {rate: {seed: once(f"noise {rate} {seed}", lambda: noise_along(seed, rate)) for seed in SEEDS}  # noqa: B023
             for rate in NOISY}  # fmt: skip
    text = (
        f'''"""Steps to {GOAL} nats a word by the size of the batch, and the noise scale on the way.

Made on {date.today()} by `python -m training.recorded.gradient_accumulation`.
"""

GOAL = {GOAL}  # nats a word, on 24 held-out texts
RATES = {RATES}  # tried with the first seed

# texts in a batch: (the best rate, steps to the goal with it, seeds 1, 2 and 3)
STEPS = {{
'''
        + "".join(f"    {B}: {run},\n" for B, run in runs.items())
        + """}

# rate: {seed: [(step, noise scale in texts from 128 texts, from each half of them)]}, batches of 16
NOISE = {
"""
        + "".join(
            f"    {rate}: {{\n"
            + "".join(f"        {seed}: {[tuple(x) for x in found]},\n" for seed, found in runs.items())
            + "    },\n"
            for rate, runs in noise.items()
        )
        + "}\n"
    )
    TO.write_text(text)


if __name__ == "__main__":
    main()
