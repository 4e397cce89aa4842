"""A small model that learns manners from labels or from a large model's laws. Trains and judges; draws nothing."""

from functools import cache
from itertools import count, cycle, islice

import numpy as np

from topics.kit import lm, softmax
from topics.kit.model.adapters import body, short_courteous
from topics.kit.model.autograd import Tensor, value
from topics.kit.model.language import HELD_OUT
from topics.kit.model.training import train
from topics.model_compression.method import log_softmax

TEACHER, STUDENT = "courteous", "draft"
BATCH, FEW, RATE = 8, 16, 0.001  # texts of a step; texts that there are, where there are few; AdamW's rate
AGAIN, NEW = "the same 16", "new ones"
LABELS, LAWS = "labels", "the teacher's laws"
JUDGED, STEPS, EVERY = 24, 20, 2  # texts; steps of a run; steps between two judgements


@cache
def batch_of(start, n=BATCH):
    """n texts: words, targets, which count, and the teacher's law of each next word (B, T, V)."""
    words, targets, real = body(short_courteous(n, start))
    return words, targets, real, lm.forward(lm.load(TEACHER), words)


def batches(texts, seed):
    """Batches for ever: of new texts, or of the same FEW."""
    first = 10_000_000 + 1_000_000 * seed
    starts = cycle(range(first, first + FEW, BATCH)) if texts == AGAIN else count(first, BATCH)
    return (batch_of(start) for start in starts)


def soft_loss(logits, law, real):
    """Minus the mean of Σ p log q over the places that count: the divergence from p, but for a constant (eq:soft).

    logits  (..., V), an array or a Tensor   law  (..., V) probabilities   real  (...,) bool
    """
    log_q, n = log_softmax(value(logits)), real.sum()
    y = -(law * log_q).sum(-1)[real].mean()

    def vjp(g):
        return ((np.exp(log_q) - law) * (real[..., None] * (g / n))).astype(log_q.dtype)

    return Tensor(y, [(logits, vjp)]) if isinstance(logits, Tensor) else y


def loss_of(taught):
    """What training.train takes: the student's loss against labels, or against the teacher's laws."""
    student = lm.load(STUDENT)

    def loss(weights, batch):
        words, targets, real, teacher = batch
        law = softmax(teacher) if taught == LAWS else np.eye(student.V, dtype=np.float32)[targets]
        return soft_loss(lm.forward(student.with_weights(weights), words), law, real)

    return loss


def runs(taught, texts, seed, steps):
    """The student after each step: a generator of models."""
    student = lm.load(STUDENT)
    for step in train(student.weights, loss_of(taught), islice(batches(texts, seed), steps), RATE):
        yield student.with_weights(step.weights)


@cache
def judges():
    """JUDGED courteous texts that no training has seen, the teacher's laws on them, and the floor."""
    texts = short_courteous(JUDGED, HELD_OUT + 50_000)
    words, targets, real = body(texts)
    floor = -sum(sum(each.log_probs[3:]) for each in texts) / real.sum()
    return words, targets, real, softmax(lm.forward(lm.load(TEACHER), words)), float(floor)


def judged_student(model):
    """Nats a word above the floor, and the share of its words that the teacher would accept, Σ min(p, q)."""
    words, targets, real, law, floor = judges()
    z = lm.forward(model, words)
    labels = np.take_along_axis(log_softmax(z), targets[..., None], -1)[..., 0]
    return float(-labels[real].mean() - floor), float(np.minimum(softmax(z), law).sum(-1)[real].mean())
