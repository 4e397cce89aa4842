"""The house model with parts away: what each part is worth, and the model without it. Knows no page.

A map of heads or neurons is (L, H) or (L, F), bool, true for what goes.
"""

from dataclasses import replace
from functools import cache
from itertools import count, islice

import numpy as np

from topics.kit import lm
from topics.kit.model.autograd import cross_entropy, value
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import loss_and_gradients
from topics.structured_pruning.method import (
    block_influence,
    head_importance,
    neuron_importance,
    prune_heads,
    prune_neurons,
    repair_least_squares,
)

LONGEST = 40  # words of a text that are predicted
CALIBRATION = 24  # texts to look at before a cut
READ = {"q": "attention_input", "k": "attention_input", "v": "attention_input", "o": "heads", "gate": "feed_input",
        "up": "feed_input", "down": "feed_hidden"}  # fmt: skip
SIZE, RELATIVE, WEIGHTS, GRADIENT = "output size", "size over stream", "weights", "gradient"


@cache
def some_texts(n, seed):
    """words, targets and which count, of n texts that no training has seen, none too long."""
    texts = (text for i in count(40_000 + 400 * seed) for text in held_out(1, start=i))
    return padded(list(islice((text for text in texts if len(text.words) - 1 <= LONGEST), n)))


@cache
def to_look_at(n=CALIBRATION, seed=0):
    """Other texts, by which parts are judged."""
    return padded([text for i in range(50_000, 50_200) for text in held_out(1, start=i + 400 * seed)
                   if len(text.words) - 1 <= LONGEST][:n])  # fmt: skip


def loss_of(model, batch):
    """Nats a word."""
    words, targets, real = batch
    return float(value(cross_entropy(lm.forward(model, words), targets, real)))


def seen(model, batch):
    """What passes through a model: {(step, layer): (N, …)} of the words that count; "stream" is what enters a layer."""
    words, _, real = batch
    found = {("stream", 0): model.weights["embedding"][words][real]}

    def see(step, i, x):
        if step in {*READ.values(), "feed_output"}:
            found[step, i] = x[real]
        elif step == "residual":
            found["stream", i + 1] = x[real]

    lm.forward(model, words, see=see)
    return found


# ---- heads


def head_scores(model, kind, batch):
    """What each head is worth by a score: (L, H)."""
    w, L = model.weights, range(model.L)
    if kind in (SIZE, RELATIVE):
        now = seen(model, batch)
        return np.array([head_importance(now["heads", i], w[f"{i}.o"], now["stream", i] if kind == RELATIVE else None)
                         for i in L])  # fmt: skip
    if kind == WEIGHTS:
        return np.array([_by_head(w[f"{i}.o"].T ** 2, model) * _by_head(w[f"{i}.v"] ** 2, model) for i in L]) ** 0.5
    outs = {f"{i}.o": w[f"{i}.o"] for i in L}
    _, grads = loss_and_gradients(outs, _loss_with(model), batch)
    return np.abs([_by_head((outs[f"{i}.o"] * grads[f"{i}.o"]).T, model) for i in L])


def _loss_with(model):
    def loss(weights, batch):
        words, targets, real = batch
        return cross_entropy(lm.forward(model.with_weights(weights), words), targets, real)

    return loss


def _by_head(x, model):
    """(H·D, d) summed to (H,)."""
    return x.reshape(model.H, -1).sum(1)


def without_heads(model, gone):
    """Heads masked: their columns of the output matrices are zero. It says what the sliced model says."""
    stay = np.repeat(~gone, model.D, 1)  # (L, H·D)
    return model.with_weights({f"{i}.o": model.weights[f"{i}.o"] * stay[i] for i in range(model.L)})


def sliced_heads(model, gone):
    """A smaller model: as many heads away in every layer, as its one number H must hold for all."""
    new, L = {}, range(model.L)
    for i in L:
        names = [f"{i}.{part}" for part in "qkvo"]
        cut = prune_heads(*(model.weights[name] for name in names), np.flatnonzero(~gone[i]), model.D)
        new |= dict(zip(names, cut, strict=True))
    H = int((~gone[0]).sum())
    return replace(model.with_weights(new), H=H, H_kv=H)


# ---- neurons


def neuron_scores(model, kind="weights", batch=None, rng=None):
    """What each neuron is worth by a score: (L, F)."""
    w, L = model.weights, range(model.L)
    if kind == "random":
        return rng.random((model.L, model.F))
    if kind == "weights":
        return np.array([neuron_importance(*(w[f"{i}.{part}"] for part in ("gate", "up", "down"))) for i in L])
    if kind == SIZE:
        now = seen(model, batch)
        return np.array([np.abs(now["feed_hidden", i]).mean(0) * np.linalg.norm(w[f"{i}.down"], axis=0) for i in L])
    downs = {f"{i}.down": w[f"{i}.down"] for i in L}
    _, grads = loss_and_gradients(downs, _loss_with(model), batch)
    return np.abs([(downs[f"{i}.down"] * grads[f"{i}.down"]).sum(0) for i in L])


def neurons_that_stay(scores, share):
    """Of each layer the places of the neurons that stay, when every layer loses the same share: (L, K)."""
    K = scores.shape[1] - round(share * scores.shape[1])
    return np.sort(np.argsort(-scores, 1, kind="stable")[:, :K], 1)


def sliced_neurons(model, keep):
    """A smaller model, with the neurons keep (L, K) alone."""
    new = {}
    for i, places in enumerate(keep):
        names = [f"{i}.{part}" for part in ("gate", "up", "down")]
        new |= dict(zip(names, prune_neurons(*(model.weights[name] for name in names), places), strict=True))
    return replace(model.with_weights(new), F=keep.shape[1])


def repaired(model, small, batch, hold=0.01):
    """The smaller model with new output matrices of its feed-forward layers, from the lowest on: each is fitted to the
    neurons as they are in the smaller model, repaired so far."""
    before = seen(model, batch)
    for i in range(model.L):
        H = seen(small, batch)["feed_hidden", i]
        down = repair_least_squares(H, before["feed_output", i], small.weights[f"{i}.down"], hold)
        small = small.with_weights({f"{i}.down": down.astype(np.float32)})
    return small


# ---- layers


def without_layer(model, i):
    """The model without layer i: the layers behind it move up."""
    new = {name: w for name, w in model.weights.items() if not name[0].isdigit()}
    for old, to in zip([j for j in range(model.L) if j != i], range(model.L - 1), strict=True):
        new |= {f"{to}.{name.split('.')[1]}": w for name, w in model.weights.items() if name.startswith(f"{old}.")}
    return replace(model, L=model.L - 1, weights=new)


def influences(model, batch):
    """The block influence of each layer: (L,)."""
    now = seen(model, batch)
    return np.array([block_influence(now["stream", i], now["stream", i + 1]) for i in range(model.L)])
