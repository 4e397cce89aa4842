"""Training with rounding: the house model's matrices learn to be good on a coarse grid."""

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Progress, Seed, Slider, Toggle, demo, label, line, lm, rule
from topics.kit.model.autograd import Tensor, cross_entropy, value
from topics.kit.model.language import text, write
from topics.kit.model.text import padded
from topics.kit.model.training import train
from topics.kit.page.words import counted
from topics.quantization.laws import LONGEST, matrices, some_texts
from topics.quantization.method import fake_quantize

BATCH, ON, EVERY = 8, 8, 4  # texts of a step; texts that it is judged on; steps between two judgements
TAUGHT = (2, 32)  # bits of a code, weights of a group


@demo(
    "live",
    "target",
    steps=Slider("Steps", 8, 48, value=32, step=8),
    eta=Choice("Rate", (0.0003, 0.001, 0.003), value=0.001),
    broken=Toggle("Break it: let no gradient pass the rounding"),
    seed=Seed(),
)
def learn_with_rounding(steps, eta, broken, seed):
    """Codes of two bits in groups of 32 with a zero point: the model trains on, rounded at every step."""
    model, judged = lm.load("target"), some_texts(ON, seed)
    names, full = matrices(model), _loss(model, judged)
    weights, marks = {name: model.weights[name] for name in names}, [(0, _loss(on_grid(model, names), judged))]
    yield Progress(0, steps, "Training")
    run = train(weights, loss_of(model, broken), batches(seed), eta)
    for t in range(1, steps + 1):
        weights = next(run).weights
        yield Progress(t, steps, "Training")
        if t % EVERY == 0 or t == steps:
            marks.append((t, _loss(on_grid(model.with_weights(weights), names), judged)))
        yield Progress(t, steps, "Training"), *_views(marks, full, weights, model)
    yield _views(marks, full, weights, model)


def loss_of(model, broken):
    """What train takes: the loss with every matrix rounded."""

    def loss(weights, batch):
        words, targets, real = batch
        kept = {name: fake_quantize(w, *TAUGHT, affine=True) for name, w in weights.items()}
        if broken:
            kept = {name: Tensor(value(w)) for name, w in kept.items()}  # the slope of a staircase: zero
        return cross_entropy(lm.forward(model.with_weights(kept), words), targets, real)

    return loss


def on_grid(model, names):
    return model.with_weights({name: fake_quantize(model.weights[name], *TAUGHT, affine=True) for name in names})


def batches(seed):
    """Batches for ever, each of BATCH new texts of at most LONGEST words."""
    n = 2_000_000 + 100_000 * seed
    while True:
        texts = []
        while len(texts) < BATCH:
            each = write(n, text())
            n += 1
            if len(each.words) - 1 <= LONGEST:
                texts.append(each)
        yield padded(texts)


def _loss(model, batch):
    words, targets, real = batch
    return float(value(cross_entropy(lm.forward(model, words), targets, real)))


def _views(marks, full, weights, model):
    t, now = marks[-1]
    first = marks[0][1]
    moved = np.mean([float(np.mean(np.sign(w) != np.sign(model.weights[name]))) for name, w in weights.items()])
    return (
        Figure(
            [line([t for t, _ in marks], [x for _, x in marks], "on the grid", "error", mode="lines+markers")],
            x_title="Steps",
            y_title="Loss (nats a word)",
            alt=f"Loss with codes of {TAUGHT[0]} bits: {first:.3f} nats a word before training, {now:.3f} after "
            f"{counted(t, 'step')}. The model at full precision has {full:.3f}.",
            yaxis={"range": [full - 0.05, max(first, now) + 0.05]},
            shapes=[rule(y=full)],
            annotations=[label(0, full, "full precision", xanchor="left", yanchor="bottom")],
        ),
        Metrics(
            ("Lost by rounding", first - full, "nats a word", "before training"),
            ("Lost now", now - full, "nats a word", f"after {counted(t, 'step')}"),
            ("Weights that changed sign", float(100 * moved), "%"),
        ),
        Note("The dashed line is the model at full precision, on the same texts."),
    )  # fmt: skip
