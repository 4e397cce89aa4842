"""A loop that trains: a toy network, a small model from scratch, or the house model. Knows no page and draws nothing.

What a run does follows from what it is given: the batches alone draw, so a seed repeats it. A run is a generator of
its steps; a demo takes of it what it likes, shows some, and may be stopped between any two.
"""

import time
from dataclasses import dataclass

import numpy as np

from topics.kit.model import lm
from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.model.optimizers import adamw_step, clip_by_global_norm, muon_step


@dataclass(frozen=True)
class Step:
    """One step of a run: its number from 1, its loss and the length of its gradient before the step, and the weights
    after it, {name: array}."""

    t: int
    loss: float
    norm: float
    weights: dict


def train(weights, loss_of, batches, eta, muon=(), clip=1.0, **adamw):
    """Train, a step for each batch: a generator of Step.

    weights  {name: array} to begin with; they are not changed in place
    loss_of  loss_of({name: Tensor}, batch) gives a Tensor of one number
    batches  what is iterated: a batch is whatever loss_of takes
    eta      the rate, or a function of the step t = 1, 2, … that gives it
    muon     the names of the matrices that Muon moves (matrices_of); AdamW moves the rest
    clip     the longest gradient that a step takes, all weights together
    adamw    betas, eps, decay: as adamw_step takes them
    """
    states = dict.fromkeys(weights)
    for t, batch in enumerate(batches, 1):
        loss, grads = loss_and_gradients(weights, loss_of, batch)
        grads, norm = clip_by_global_norm(grads, clip)
        rate, new = eta(t) if callable(eta) else eta, {}
        for name, w in weights.items():
            if name in muon:
                new[name], states[name] = muon_step(w, grads[name], states[name], rate)
            else:
                new[name], states[name] = adamw_step(w, grads[name], states[name], rate, **adamw)
        weights = new
        yield Step(t, loss, norm, weights)


def loss_and_gradients(weights, loss_of, batch):
    """The loss, a float, and its gradient by each of the weights, {name: array}."""
    tensors = {name: Tensor(w) for name, w in weights.items()}
    loss = loss_of(tensors, batch)
    return float(loss.value), dict(zip(tensors, gradients(loss, list(tensors.values())), strict=True))


def paced(steps, seconds, every=0.1):
    """Of a run's steps those that are worth showing: about one in `every` seconds of work, and the last.

    steps    what train gives, with an end of its own or none
    seconds  of work after which the run ends, wherever it stands; a stop between two steps is not counted
    """
    worked, due, step = 0.0, every, None
    while worked < seconds:
        began = time.perf_counter()
        new = next(steps, None)
        worked += time.perf_counter() - began
        if new is None:
            break
        step, shown = new, worked >= due
        if shown:
            yield step
            due = worked + every
    if step is not None and not shown:
        yield step


# ---- language models


def new_model(rng, V, d, L, H, D, F, base=10_000.0, H_kv=None, embedding=0.2):
    """A model of the house's form with weights that have learnt nothing, begun as the house model was.

    Standard deviations: 1/√fan-in, 1/√(2L) of that where a layer adds to the residual stream, `embedding` for the
    embedding; norms begin at 1.
    """
    H_kv = H_kv or H
    adds = (2 * L) ** -0.5
    weights = {"embedding": (V, d, embedding)}
    for i in range(L):
        weights |= {f"{i}.q": (H * D, d, d**-0.5), f"{i}.k": (H_kv * D, d, d**-0.5), f"{i}.v": (H_kv * D, d, d**-0.5),
                    f"{i}.o": (d, H * D, adds * (H * D) ** -0.5), f"{i}.gate": (F, d, d**-0.5),
                    f"{i}.up": (F, d, d**-0.5), f"{i}.down": (d, F, adds * F**-0.5)}  # fmt: skip
    drawn = {name: rng.normal(0, std, (n, m)).astype(np.float32) for name, (n, m, std) in weights.items()}
    norms = ["norm", *(f"{i}.{part}_norm" for i in range(L) for part in ("attention", "feed"))]
    ones = {name: np.ones(d, np.float32) for name in norms}
    return lm.Model(V, d, L, H, H_kv, D, F, base, drawn | ones)


def matrices_of(model):
    """The names of the layers' matrices, which Muon moves; not the embedding."""
    return frozenset(name for name, w in model.weights.items() if name[0].isdigit() and np.ndim(w) == 2)


def next_token_loss(model, **how):
    """What train takes as loss_of: the mean of −log p(next token) over a batch.

    A batch is what text.padded gives, or windows: tokens, targets, and which places count (None: all), in one shape.
    how: as lm.forward takes it.
    """

    def loss_of(weights, batch):
        tokens, targets, real = batch
        return cross_entropy(lm.forward(model.with_weights(weights), tokens, **how), targets, real)

    return loss_of


def windows(numbers, T, n, rng):
    """Batches for ever: n windows of T tokens, each anywhere in a text, and the token after each of theirs.

    numbers  (N,) the text, N > T
    """
    while True:
        starts = rng.integers(0, len(numbers) - T, n)
        at = starts[:, None] + np.arange(T)  # (n, T)
        yield numbers[at], numbers[at + 1], None
