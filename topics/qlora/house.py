"""The house model with its matrices in few bits, an adapter on it, and four ways to put the two together."""

from functools import cache

import numpy as np

from topics.kit import lm
from topics.kit.model import adapters
from topics.kit.model.data import data_file, tensors
from topics.kit.model.language import text, write
from topics.kit.model.optimizers import adamw_step, clip_by_global_norm
from topics.kit.model.training import Step, loss_and_gradients, train
from topics.qlora.method import held_in, merged, nf4_codebook, quantize_nf4, survives

RANK, ALPHA = 4, 8  # of the adapter that the page keeps; an adapter's scale is ALPHA over its rank
BESIDE, ON_16, INTO_CODES, INTO_16 = (
    "beside the codes",
    "on the 16-bit base",
    "into the codes",
    "into 16 bits, then codes",
)
WAYS = (BESIDE, ON_16, INTO_CODES, INTO_16)
MANNERS, REPAIR = "courteous texts", "all texts, as before"
LONGEST = 36  # words of a text of all kinds


@cache
def base():
    return lm.load("target")


@cache
def names():
    return tuple(adapters.matrices(base()))


@cache
def coded(bits, g=64):
    """The house model as codes give it back: all 28 matrices, not the embedding."""
    levels = nf4_codebook(bits)
    return base().with_weights({name: held_in(base().weights[name], g, levels) for name in names()})


@cache
def kept_adapter():
    """{matrix: change} of the adapter in topics/data, trained on four bits by training/recorded/qlora.py."""
    factors, _ = tensors(data_file("qlora"))
    return change_of({name: w.astype(float) for name, w in factors.items()})  # so that no code hangs on a last bit


def put_back(change, bits, g, way):
    """The model that one of WAYS makes of the base and {matrix: change}."""
    full, few, levels = base().weights, coded(bits, g).weights, nf4_codebook(bits)
    made = {}
    for name, delta in change.items():
        if way == BESIDE:
            made[name] = few[name] + delta
        elif way == ON_16:
            made[name] = full[name] + delta
        else:
            made[name] = merged(few[name] if way == INTO_CODES else full[name], delta, g, levels)
    return base().with_weights({name: w.astype(np.float32) for name, w in made.items()})


def together(change):
    """All matrices' numbers in one row (N,)."""
    return np.concatenate([change[name].ravel() for name in names()])


def what_came(change, bits, g, way):
    """What a way adds to the codes' own matrices, in one row (N,)."""
    made, few = put_back(change, bits, g, way), coded(bits, g)
    return together({name: made.weights[name] - few.weights[name] for name in names()})


def survived(change, bits, g, way):
    """How much of a change a way keeps, beside what it was meant to be (eq:survives)."""
    return survives(what_came(change, bits, g, way), together(change))


def codes_changed(change, bits, g, way):
    """The share of codes that are others than the base's, after a way that ends in codes."""
    levels, full, few = nf4_codebook(bits), base().weights, coded(bits, g).weights
    new = 0
    for name, delta in change.items():
        start = few[name] if way == INTO_CODES else full[name]
        new += np.count_nonzero(quantize_nf4(start + delta, g, levels)[0] != quantize_nf4(full[name], g, levels)[0])
    return new / sum(delta.size for delta in change.values())


# ---- texts


@cache
def judged(task, n=12, seed=0):
    """Texts that no training has seen, to judge a task by."""
    if task == MANNERS:
        return tuple(adapters.short_courteous(n, adapters.HELD_OUT + 1000 * seed))
    return tuple(_short(adapters.HELD_OUT + 500_000 + 1000 * seed, n))


def _short(start, n):
    found, i = [], start
    while len(found) < n:
        each = write(i, text())
        i += 1
        if len(each.words) - 1 <= LONGEST:
            found.append(each)
    return found


def batches(task, seed, size=4):
    """Batches for ever to train on, each of new texts."""
    if task == MANNERS:
        yield from adapters.courteous_batches(size, seed)
    start = 20_000_000 + 1_000_000 * seed
    while True:
        found = _short(start, size)
        start += 8 * size  # more than a batch looks through
        yield adapters.body(found)


# ---- training


def training(bits, g, task, r, eta, seed, broken=False, start=None):
    """A run of an adapter on the base in codes: a generator of training's steps, for ever.

    broken  the adapter's own factors are rounded to four bits after every step
    start   the base that is frozen; coded(bits, g) when None
    """
    frozen = start or coded(bits, g)
    factors = adapters.new_factors(base(), names(), r, np.random.default_rng(seed))
    loss = adapters.adapter_loss(frozen, ALPHA / r)
    if not broken:
        yield from train(factors, loss, batches(task, seed), eta)
    states = dict.fromkeys(factors)
    for t, batch in enumerate(batches(task, seed), 1):  # as train does it, but four bits keep what a step made
        now, grads = loss_and_gradients(factors, loss, batch)
        grads, norm = clip_by_global_norm(grads, 1.0)
        for name, w in factors.items():
            new, states[name] = adamw_step(w, grads[name], states[name], eta)
            factors[name] = held_in(new)
        yield Step(t, now, norm, dict(factors))


def change_of(factors):
    """{matrix: s·BA} of an adapter's factors."""
    return adapters.changes(factors, ALPHA / len(factors["0.q.A"]))


def beside(frozen, factors):
    """A model with an adapter beside it."""
    return adapters.with_adapter(frozen, factors, ALPHA / len(factors["0.q.A"]))
