"""A toy network whose loss is more than a sum over examples: what a batch in pieces then gives.

n examples of a batch, in k pieces   x (n, 8) inputs   y (n,) which of four classes   E = 4 experts of a router
"""

import numpy as np

from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.model.optimizers import clip_by_global_norm

PLAIN, NORM, CLIP, DROPOUT, BALANCE = "a sum over examples", "batch norm", "clipping", "dropout", "a balance loss"
LOSSES = (PLAIN, NORM, CLIP, DROPOUT, BALANCE)
REPAIRS = {
    PLAIN: "There is nothing to repair.",
    NORM: "Each example is normalised by itself, as layer norm and RMSNorm do.",
    CLIP: "The pieces are added up first, then the sum is clipped.",
    DROPOUT: "The masks are drawn for the whole batch and cut in pieces.",
    BALANCE: "Every piece is told how often the whole batch chose each expert.",
}
LIMIT = 0.5  # the longest gradient that clipping lets through
BALANCED = 0.1  # what the balance loss is multiplied by
E = 4  # experts


def toy(seed, n=64):
    """Weights {name: array} and a batch x (n, 8), y (n,), whose classes come one after the other, as sorted data do."""
    rng = np.random.default_rng(seed)
    weights = {"in": rng.normal(0, 8**-0.5, (8, 16)), "out": rng.normal(0, 16**-0.5, (16, 4)),
               "router": rng.normal(0, 8**-0.5, (8, E))}  # fmt: skip
    y = np.arange(n) * 4 // n
    x = rng.normal(size=(n, 8)) + 1.5 * np.eye(8)[y]
    return weights, x, y


def piece_loss(w, x, y, what, repaired=False, mask=None, chosen=None):
    """The mean loss of a piece, of weights {name: Tensor}.

    mask    (n, 16) what dropout keeps, doubled   chosen  (E,) the share of examples that chose each expert
    """
    h = x @ w["in"]  # (n, 16)
    if what == NORM:
        axis = -1 if repaired else 0  # over the example's own numbers, or over the piece
        centred = h - np.mean(h, axis, keepdims=True)
        h = centred / np.sqrt(np.mean(centred * centred, axis, keepdims=True) + 1e-5)
    h = np.maximum(h, 0.0)
    if what == DROPOUT:
        h = h * mask
    loss = cross_entropy(h @ w["out"], y)
    if what == BALANCE:
        e = np.exp(x @ w["router"])
        p = e / np.sum(e, -1, keepdims=True)  # (n, E)
        loss = loss + BALANCED * E * np.sum(chosen * np.mean(p, 0))  # the count has no gradient, p has
    return loss


def in_pieces(what, k, repaired, seed, draw=0):
    """The gradient of the toy's batch in k pieces, and in one, both (P,); `draw` draws other dropout masks."""
    weights, x, y = toy(seed)
    return tuple(_gradient(weights, x, y, what, pieces, repaired, (seed, draw)) for pieces in (k, 1))


def _gradient(weights, x, y, what, k, repaired, seed):
    masks = 2.0 * (np.random.default_rng([*seed, 0 if repaired else k]).random((len(x), 16)) < 0.5)
    total = {name: 0.0 for name in weights}
    for i in np.split(np.arange(len(x)), k):
        tensors = {name: Tensor(w) for name, w in weights.items()}
        loss = piece_loss(tensors, x[i], y[i], what, repaired, masks[i], chosen_by(weights, x if repaired else x[i]))
        grads = dict(zip(tensors, gradients(loss, list(tensors.values())), strict=True))
        if what == CLIP and not repaired:
            grads, _ = clip_by_global_norm(grads, LIMIT)
        total = {name: total[name] + grads[name] / k for name in total}
    if what == CLIP:
        total, _ = clip_by_global_norm(total, LIMIT)
    return np.concatenate([total[name].ravel() for name in sorted(total)])


def chosen_by(weights, x):
    """The share of examples whose best expert each is, (E,)."""
    return np.bincount((x @ weights["router"]).argmax(-1), minlength=E) / len(x)
