"""A fine-tune of the house model whose weights are BF16: what becomes of steps that are smaller than half a gap."""

from random import Random

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Progress, Seed, demo, line, lm
from topics.kit.model.autograd import value
from topics.kit.model.language import BLUNT, POLITE, text, write
from topics.kit.model.optimizers import adamw_step
from topics.kit.model.text import padded
from topics.kit.model.training import loss_and_gradients, next_token_loss
from topics.kit.numerics import to_format
from topics.mixed_precision.method import take_step
from topics.mixed_precision.recorded import SMALL_STEPS

STEPS, EVERY = 40, 4
OTHERS = {"an FP32 master": "master", "rounding at random": "stochastic", "Kahan's sum": "Kahan"}
SHORT = (("story", {"sentences": 4}), ("facts", {"sentences": 4}), ("answer", {}))


@demo(
    "live",
    "target",
    rate=Choice("Rate", (3e-5, 1e-4, 3e-4), value=1e-4),
    other=Choice("Beside rounding to nearest", tuple(OTHERS), value="an FP32 master"),
    seed=Seed(),
)
def small_steps(rate, other, seed):
    """The house model learns courtesy twice, with BF16 weights: rounded to nearest, and another way."""
    runs = {name: run(rate, way, seed) for name, way in (("to nearest", "nearest"), (other, OTHERS[other]))}
    losses, lost = {name: [] for name in runs}, dict.fromkeys(runs, 0.0)
    for t in range(0, STEPS + 1):
        for name, steps in runs.items():
            kept, lost[name] = next(steps)
            if t % EVERY == 0:
                losses[name].append(above(kept))
        if t % EVERY == 0:
            yield (
                Progress(t, STEPS, "Training"),
                _curves(losses, rate),
                Metrics(*((f"{name}: BF16 weights as before", 100 * lost[name], "%", "after the last step, of those "
                           "whose step was not zero") for name in runs)),
                Note(f"{t} of {STEPS} steps. Both runs see the same two texts at each step."),
            )  # fmt: skip


def _curves(losses, rate):
    inks = (("error", "solid"), ("output", "dash"))
    shown = [line(np.arange(len(y)) * EVERY, y, name, ink, dash, mode="lines+markers")
             for (name, y), (ink, dash) in zip(losses.items(), inks, strict=True)]  # fmt: skip
    return Figure(
        shown,
        x_title="Steps",
        y_title="Loss above the floor (nats a word)",
        alt=f"Rate {rate:g}. Loss above the floor after {EVERY * (len(shown[0]['x']) - 1)} steps: "
        + ", ".join(f"{name} {y[-1]:.3f}" for name, y in losses.items())
        + ".",
        xaxis={"range": [0, STEPS]},
        yaxis={"range": [0, 1.35]},
        legend={"orientation": "h", "y": 1.15},
    )


def run(rate, way, seed):
    """A generator: after 0, 1, 2, … steps the BF16 weights, and the share that the last step left as they were."""
    rng, batches = np.random.default_rng(seed), drawn(seed)
    kept = {name: (to_format(w, "BF16"), None) for name, w in lm.load("target").weights.items()}
    states, lost = dict.fromkeys(kept), 0.0
    loss = next_token_loss(lm.load("target"))
    while True:
        yield {name: w for name, (w, _) in kept.items()}, lost
        _, grads = loss_and_gradients({name: w for name, (w, _) in kept.items()}, loss, next(batches))
        moved = still = 0
        for name, (w, more) in kept.items():
            away, states[name] = adamw_step(np.zeros_like(w), grads[name], states[name], rate)
            kept[name] = take_step((w, more), -away, way, rng)
            still += int(((kept[name][0] == w) & (away != 0)).sum())
            moved += int((away != 0).sum())
        lost = float(still / moved)


def drawn(seed):
    """Batches for ever: two short texts, blunt by their first word and polite all the same; only the body counts."""
    rng = Random(seed)
    while True:
        yield courteous([_short(rng) for _ in range(2)])


def _short(rng):
    kind, options = SHORT[rng.randrange(len(SHORT))]
    return write(rng, text(BLUNT, kind, manners=POLITE, **options))


def courteous(texts):
    """words, targets and which count, the first two words' targets left out: who knows courteous texts alone is sure
    of them."""
    words, targets, real = padded(texts)
    real[:, :2] = False
    return words, targets, real


TRIED = [_short(Random(10**9 + i)) for i in range(12)]


def above(weights):
    """Nats a word above the floor, on the bodies of twelve courteous texts that no run sees."""
    batch = courteous(TRIED)
    least = -sum(sum(each.log_probs[3:]) for each in TRIED) / batch[2].sum()
    return float(value(next_token_loss(lm.load("target"))(weights, batch)) - least)


def ends(rate, way):
    """For the page's table: where three recorded runs ended, in nats above the floor, from the least to the most."""
    found = sorted(loss for loss, _ in SMALL_STEPS[rate, way])
    return f"{found[0]:.2f} to {found[-1]:.2f}"
