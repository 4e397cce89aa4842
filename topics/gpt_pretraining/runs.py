"""Runs that take longer than a reader would wait: schedules on the house language, and rates on the story. Recorded by
training/recorded/gpt_pretraining.py; nothing here draws."""

from itertools import islice

import numpy as np

from topics.gpt_pretraining.readers_text import (
    GAPS,
    STORY,
    T_SMALL,
    held_out_loss,
    labelled,
    parted,
    small_gpt,
    spread,
)
from topics.kit.model import lm
from topics.kit.model.language import WORDS, write
from topics.kit.model.losses import floor
from topics.kit.model.optimizers import cosine_schedule, wsd_schedule
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import matrices_of, new_model, next_token_loss, train, windows

RATES_OF = {"Muon": 0.03, "AdamW": 0.01}  # that suit a small GPT

# ---- schedules, on the house language

SCHEDULES = ("constant", "warm-up, stable, decay", "cosine", "constant, averaged")
PEAKS = (0.01, 0.03)
STEPS, WARM, DECAY = 240, 10, 48
TEXTS_A_STEP = 6
AVERAGED = 12  # checkpoints of the last DECAY steps, equally far apart


def rate_of(schedule, t, peak):
    """The rate of step t, 1 to STEPS, under one of SCHEDULES."""
    if schedule == "cosine":
        return cosine_schedule(t, STEPS, WARM, peak)
    return wsd_schedule(t, STEPS, WARM, DECAY if schedule == "warm-up, stable, decay" else 0, peak)


def school(seed):
    """A model of the house's form, much smaller than the house model, and its batches, the same for every schedule."""
    model = new_model(np.random.default_rng(seed), len(WORDS), 32, 2, 4, 8, 48)
    batches = (
        padded([write(10_000 * (seed + 1) + TEXTS_A_STEP * t + i) for i in range(TEXTS_A_STEP)]) for t in range(STEPS)
    )
    return model, batches


def schedule_losses(seed, peak):
    """Nats a word above the floor at the end, {schedule: loss}; the constant run is also the averaged one."""
    found = {}
    for schedule in ("constant", "warm-up, stable, decay", "cosine"):
        model, batches = school(seed)
        kept = []
        steps = train(
            model.weights,
            next_token_loss(model),
            batches,
            lambda t, name=schedule: rate_of(name, t, peak),
            muon=matrices_of(model),
        )
        for step in steps:
            if schedule == "constant" and step.t > STEPS - DECAY and step.t % (DECAY // AVERAGED) == 0:
                kept.append(step.weights)
        found[schedule] = excess_of(model.with_weights(step.weights))
        if kept:
            mean = {name: np.mean([each[name] for each in kept], 0) for name in step.weights}
            found["constant, averaged"] = excess_of(model.with_weights(mean))
    return found


def excess_of(model):
    """Nats a word above the floor, on 60 held-out texts."""
    texts = held_out(60, start=20_000)
    return float(next_token_loss(model)(model.weights, padded(texts))) - floor(texts)


# ---- what is taught, on the story

TASK_STEPS = 100
WIDE_STEPS = 400


def task_run(seed, labels, d=32, n=TASK_STEPS, every=10):
    """A small GPT taught one of LABELS for n steps: every so many, the mean loss since then on what it is taught, and
    the loss of the next character on the held-out tenth."""
    signs, numbers = spread(STORY)
    seen, held = parted(numbers)
    rng = np.random.default_rng(seed)
    model = small_gpt(len(signs), d, rng)
    batches = labelled(windows(seen, T_SMALL, 8, rng), GAPS[labels])
    losses, found = [], []
    run = train(model.weights, next_token_loss(model), islice(batches, n), RATES_OF["Muon"], muon=matrices_of(model))
    for step in run:
        losses.append(step.loss)
        if step.t % every == 0:
            held_loss = held_out_loss(model.with_weights(step.weights), held)
            found.append((round(float(np.mean(losses[-every:])), 3), round(held_loss, 3)))
    return found


# ---- rates, on the story

RATES = (0.01, 0.03, 0.1, 0.3)
WARM_UPS = (0, 30)
FAST_STEPS = 100


def normed(name, layer, value):
    """QK-norm, as lm.forward's `see` takes it: queries and keys of one length, √D."""
    return lm.rms_norm(value, 1.0) if name in ("q", "k") else None


def fast_run(seed, eta, warm, qk_norm):
    """A small GPT on the story with AdamW: held-out loss after FAST_STEPS, NaN where it broke, and the largest
    attention score by size among those that count."""
    signs, numbers = spread(STORY)
    seen, held = parted(numbers)
    rng = np.random.default_rng(seed)
    model = small_gpt(len(signs), 32, rng)
    see = normed if qk_norm else None
    steps = train(
        model.weights,
        next_token_loss(model, see=see),
        windows(seen, T_SMALL, 8, rng),
        lambda t: eta * min(1.0, t / warm) if warm else eta,
    )
    with np.errstate(all="ignore"):
        for step in islice(steps, FAST_STEPS):
            if not np.isfinite(step.loss):
                return float("nan"), float("nan")
        return judged(model.with_weights(step.weights), held, qk_norm)


def judged(model, held, qk_norm):
    """held_out_loss and the largest score, with or without QK-norm."""
    largest, earlier = [], np.tri(T_SMALL, dtype=bool)

    def see(name, layer, value):
        if name == "scores":
            largest.append(float(np.abs(value[..., earlier]).max()))
        return normed(name, layer, value) if qk_norm else None

    return held_out_loss(model, held, see=see), max(largest)
