"""Short fine-tunes of the house model to courtesy: an adapter's, or all of its matrices. Live on the page, and recorded
by training/recorded/lora.py; nothing here draws."""

from functools import cache
from itertools import islice

import numpy as np

from topics.kit.model import lm
from topics.kit.model.adapters import (
    adapter_loss,
    body_excess,
    changes,
    courteous,
    courteous_batches,
    matrices,
    new_factors,
    short_courteous,
    with_adapter,
)
from topics.kit.model.language import HELD_OUT, POLITE
from topics.kit.model.text import held_out
from topics.kit.model.training import next_token_loss, train

SHORT, TEXTS_A_STEP = 15, 4  # steps of a recorded run
RULES = {  # the scale of an adapter of rank r; both are 2 at rank 4
    "α/r": lambda r: 8 / r,
    "the same for all": lambda r: 2.0,
}
RANKS = (1, 4, 16, 64)
RATES = (0.001, 0.003, 0.01, 0.03)
FULL_RATES = (0.0001, 0.0003, 0.001, 0.003)


def short_sums(n, start):
    """Courteous sums, and nothing else."""
    return courteous(n, start, "answer")


TAUGHT = {"stories, facts and sums": short_courteous, "sums alone": short_sums}


def start_of(names, r, seed, zero="B"):
    """Factors to begin with: B zero, both zero, or neither, B from a standard normal law."""
    rng = np.random.default_rng(seed)
    factors = new_factors(lm.load("target"), names, r, rng)
    for key, x in factors.items():
        if zero == "both" and key.endswith(".A"):
            factors[key] = np.zeros_like(x)
        if zero == "neither" and key.endswith(".B"):
            factors[key] = rng.normal(size=x.shape).astype(np.float32)
    return factors


def adapter_steps(factors, s, eta, seed, taught=short_courteous):
    """Steps of training an adapter: a generator of training.Step."""
    return train(factors, adapter_loss(lm.load("target"), s), courteous_batches(TEXTS_A_STEP, seed, taught), eta)


def full_steps(names, eta, seed, taught=short_courteous):
    """Steps of training the same matrices whole, on the same texts."""
    model = lm.load("target")
    weights = {name: model.weights[name] for name in names}
    return train(weights, next_token_loss(model), courteous_batches(TEXTS_A_STEP, seed, taught), eta)


# ---- recorded


def adapter_run(seed, r, s, eta, parts="all matrices", taught=short_courteous, n=SHORT):
    """An adapter after n steps: what `ended` measures."""
    model = lm.load("target")
    factors = start_of(matrices(model, parts), r, seed)
    *_, last = islice(adapter_steps(factors, s, eta, seed, taught), n)
    return ended(with_adapter(model, last.weights, s), changes(last.weights, s))


def full_run(seed, eta, parts="all matrices", n=SHORT):
    """The same for all numbers of the matrices."""
    model = lm.load("target")
    *_, last = islice(full_steps(matrices(model, parts), eta, seed), n)
    return ended(model.with_weights(last.weights), {name: w - model.weights[name] for name, w in last.weights.items()})


def ended(model, change):
    """Nats above the floor on courteous texts and on polite ones, and the length of the change of all matrices."""
    size = np.sqrt(sum(float(np.vdot(w, w)) for w in change.values()))
    court, polite = judged_on()
    return round(body_excess(model, court), 4), round(body_excess(model, polite), 4), round(float(size), 2)


@cache
def judged_on():
    """Held-out texts: 24 short courteous ones, as those that are taught, and 20 polite ones of all kinds."""
    return short_courteous(24, HELD_OUT + 50_000), held_out(20, register=POLITE, start=50_000)
