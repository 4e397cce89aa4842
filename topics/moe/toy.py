"""A small mixture that learns while one watches: eight experts, inputs of eight kinds, one expert each. Draws nothing.

d width of an input, and of its answer   E experts, each of hidden width F   n inputs in a batch   p (n, E)
"""

from typing import NamedTuple

import numpy as np

from topics.kit.model.autograd import Tensor, gradients
from topics.kit.model.optimizers import adamw_step
from topics.kit.numerics import softmax
from topics.moe.method import bias_balanced_router, load_balancing_loss, load_of, updated_bias

E, D_IN, F, INPUTS, ETA, NOISE = 8, 8, 8, 128, 1e-2, 0.2
STEPS = 600
NONE, LOSS, BIAS = "none", "a loss", "a bias"
STRENGTHS = {LOSS: {"weak": 0.01, "middle": 0.1, "strong": 1.0}, BIAS: {"weak": 0.001, "middle": 0.01, "strong": 0.03}}
ALIVE = 0.01  # of the inputs, at least: less, and an expert counts as dead


class Done(NamedTuple):
    """One step: its loss in parts of the answers' mean square, and each expert's load (E,) in its batch."""

    t: int
    loss: float
    load: np.ndarray


def inputs(rng):
    """Batches for ever: points x (n, d) around eight places, and y (n, d), x times a matrix of the place's own."""
    place, job = rng.normal(0, 1, (E, D_IN)), rng.normal(0, D_IN**-0.5, (E, D_IN, D_IN))
    while True:
        c = yield
        x = place[c] + NOISE * rng.normal(size=(len(c), D_IN))
        yield x, np.einsum("nij,nj->ni", job[c], x)


def train_toy(seed, balancing=NONE, strength="middle", start=0):
    """STEPS steps of Adam, balanced after step `start`: a generator of Done."""
    rng = np.random.default_rng(seed)
    batches = inputs(rng)
    next(batches)  # draws places and jobs
    weights = {"router": rng.normal(0, D_IN**-0.5, (E, D_IN)), "up": rng.normal(0, D_IN**-0.5, (E, F, D_IN)),
               "down": rng.normal(0, F**-0.5, (E, D_IN, F))}  # fmt: skip
    states, b = dict.fromkeys(weights), np.zeros(E)
    for t in range(1, STEPS + 1):
        x, y = batches.send(rng.integers(0, E, INPUTS))
        next(batches)
        tensors = {name: Tensor(w) for name, w in weights.items()}
        p = softmax(np.einsum("nd,ed->ne", x, tensors["router"]))  # (n, E)
        chosen, _ = bias_balanced_router(p.value, b, 1)  # (n, 1)
        error = np.mean((outputs(tensors, x, p, chosen) - y) ** 2)
        loss, load, on = error, load_of(chosen, E), t > start
        if balancing == LOSS and on:
            loss = loss + STRENGTHS[LOSS][strength] * load_balancing_loss(p, chosen)
        if balancing == BIAS and on:
            b = updated_bias(b, load, STRENGTHS[BIAS][strength])
        for (name, w), g in zip(list(weights.items()), gradients(loss, list(tensors.values())), strict=True):
            weights[name], states[name] = adamw_step(w, g, states[name], ETA, betas=(0.9, 0.999))
        yield Done(t, float(error.value) / float(np.mean(y**2)), load)


def outputs(weights, x, p, chosen):
    """What the chosen experts answer, times their scores: (n, d). All experts compute here, so that one product does
    it; the others count for nothing, and get no gradient."""
    one_hot = (chosen == np.arange(E)).astype(float)  # (n, E)
    hidden = np.maximum(np.einsum("nd,efd->nef", x, weights["up"]), 0)
    each = np.einsum("nef,edf->ned", hidden, weights["down"])
    return np.einsum("ne,ned->nd", p * one_hot, each)


def state_of(steps, n=50):
    """Over the last n steps: the mean loss, and the mean load (E,)."""
    return float(np.mean([s.loss for s in steps[-n:]])), np.mean([s.load for s in steps[-n:]], 0)


def alive_of(load):
    """Experts that are alive."""
    return int((load >= ALIVE).sum())
