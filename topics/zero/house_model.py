"""The house model trained by N ranks: one step in shards, layer by layer, and what each rank holds on the way."""

from functools import lru_cache
from itertools import count, islice

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    bars,
    demo,
    lm,
    max_abs_difference,
    rule,
)
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.optimizers import adamw_step
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import loss_and_gradients
from topics.kit.page.words import counted
from topics.zero.ranks import RATE, sharded_step

TEXTS, LONGEST = 8, 24  # texts of a batch, and words that count of one
STAGES = ("0: copies of all", "1: optimiser shared out", "2: gradients, too", "3: parameters, too")


@demo(
    "model",
    "target",
    N=LogSlider("Ranks", 1, 8, value=4),
    stage=Choice("Stage", STAGES, value=STAGES[3]),
    seed=Seed("Texts"),
)
def one_sharded_step(N, stage, seed):
    """One real step of the house model on simulated ranks: what rank 0 holds on the way, and whether it is right."""
    model, moments = lm.load("target"), []
    for moment in sharded_step(model, batches_of(N, seed), STAGES.index(stage)):
        if isinstance(moment, tuple):
            moments.append(moment)
            yield Progress(len(moments), 2 * model.L + 3, f"{counted(N, 'rank')}: {moment[0]}")
    weights, sent = moment.weights(), moment.sent.tolist()
    for r in range(N):
        rank_gradient("target", N, r, seed)
        yield Progress(r + 1, N, "The same step without shards")
    unsharded = unsharded_step(N, seed)
    kinds = (("parameters", "weight"), ("gradients", "gradient"), ("optimiser", "cost"))
    names = [name for name, _ in moments]
    x = ["start", *(f"F{i + 1}" for i in range(model.L)), *(f"B{i}" for i in range(model.L, 0, -1)), "E", "end"]
    totals = [sum(held.values()) / 1e6 for _, held in moments]
    copies = 16 * sum(w.size for w in weights.values()) / 1e6
    off = max(max_abs_difference(weights[name], unsharded[name]) for name in weights)
    peak = int(np.argmax(totals))
    figure = Figure(
        [bars(x, [held[kind] / 1e6 for _, held in moments], kind, ink) for kind, ink in kinds],
        x_title="F: layers forwards, B: backwards, E: embedding",
        y_title="Held by rank 0 (MB)",
        alt=f"{counted(N, 'rank')}, stage {stage}. Rank 0 holds {totals[0]:.2f} MB before the step and at most "
        f"{totals[peak]:.2f} MB ({names[peak]}); with copies of all it would be {copies:.2f} MB.",
        barmode="stack",
        xaxis={"type": "category", "tickangle": 0},
        yaxis={"range": [0, 1.15 * max(copies, *totals)]},
        shapes=[rule(y=copies)],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    size = sum(w.nbytes for w in weights.values())
    yield (
        figure,
        Metrics(
            ("Before the step", totals[0], "MB", "shards and copies at rest"),
            ("At most", totals[peak], "MB", names[peak]),
            ("Sent by rank 0", sent[0] / 1e6, "MB", f"{sent[0] / size:.2f} × the parameters' {size / 1e6:.2f} MB"),
        ),
        Badge("Against the same step without shards: max|Δ| of a weight", off, 1e-7),
        Note(
            f"Each rank has {TEXTS // N} of eight texts. Numbers are FP32: 4 bytes of a parameter, 4 of its gradient, "
            "8 of Adam's two moments. Activations are not shown."
        ),
    )


# ---- what each rank reads


def eight_texts(seed):
    """The first eight held-out texts, from number 32 · seed on, that are not longer than LONGEST."""
    texts = (text for i in count(32 * seed) for text in held_out(1, start=i))
    return list(islice((text for text in texts if len(text.words) - 1 <= LONGEST), TEXTS))


def batches_of(N, seed):
    """The eight texts spread over N ranks: [r] (words, targets, weights). A word weighs the same on every rank, so that
    the mean over ranks is the mean over all words."""
    texts = eight_texts(seed)
    words = sum(len(each.words) - 1 for each in texts)
    batches = []
    for r in range(N):
        tokens, targets, real = padded(texts[r * TEXTS // N : (r + 1) * TEXTS // N])
        batches.append((tokens, targets, real, float(N * real.sum() / words)))
    return batches


def loss_of(model):
    """What loss_and_gradients takes: a rank's share of the loss."""

    def loss(weights, batch):
        tokens, targets, real, share = batch
        return cross_entropy(lm.forward(model.with_weights(weights), tokens), targets, real) * share

    return loss


@lru_cache(maxsize=32)
def rank_gradient(name, N, r, seed):
    """The gradient of rank r's texts by a model's weights, the whole model on that rank: {name: array}."""
    model = lm.load(name)
    return loss_and_gradients(model.weights, loss_of(model), batches_of(N, seed)[r])[1]


def unsharded_step(N, seed):
    """The weights after one step of Adam that knows no shards, {name: array}."""
    grads, new = [rank_gradient("target", N, r, seed) for r in range(N)], {}
    for name, w in lm.load("target").weights.items():
        new[name], _ = adamw_step(w, mean_of(grads, name), None, RATE)
    return new


def mean_of(grads, name):
    """The mean over ranks of one array's gradient, added up in the order of the ranks."""
    total = grads[0][name]
    for more in grads[1:]:
        total = total + more[name]
    return total / len(grads)


def held(N, stage, seed=0):
    """MB that rank 0 holds at rest, and at most: what the page says of the step."""
    moments = [moment for moment in sharded_step(lm.load("target"), batches_of(N, seed), stage)][:-1]
    totals = [sum(each.values()) / 1e6 for _, each in moments]
    return totals[0], max(totals)
