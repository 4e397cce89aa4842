"""The house model with half of its weights away, in patterns: which stay, and what stays of the squares."""

import numpy as np

from topics.structured_pruning.cuts import READ, seen
from topics.structured_pruning.method import row_mask, two_four_mask, wanda_scores

ANYWHERE, ROWS, WANDA = "anywhere in a matrix", "within rows", "within rows, Wanda"
FOURS, WANDA_FOURS = "2:4", "2:4, Wanda"
PATTERNS = (ANYWHERE, ROWS, WANDA, FOURS, WANDA_FOURS)


def matrices(model):
    """The names of the matrices of the layers; embedding and norms stay whole."""
    return [name for name, w in model.weights.items() if name[0].isdigit() and w.ndim == 2]


def inputs_of(model, batch):
    """{matrix: (N, m)}: what each matrix reads, in the whole model."""
    now = seen(model, batch)
    found = {}
    for name in matrices(model):
        i, part = name.split(".")
        x = now[READ[part], int(i)]
        found[name] = x.reshape(len(x), -1)
    return found


def mask_of(W, x, pattern, share):
    """True for the weights that stay: (n, m). x (N, m) is read by Wanda alone; 2:4 takes half, whatever the share."""
    S = wanda_scores(W, x) if "Wanda" in pattern else np.abs(W)
    if "2:4" in pattern:
        return two_four_mask(S)
    return row_mask(S, share) if pattern != ANYWHERE else row_mask(S.reshape(1, -1), share).reshape(S.shape)


def patterned(model, pattern, share, batch):
    """The model with a share of every matrix's weights at zero."""
    x = inputs_of(model, batch)
    return model.with_weights(
        {name: model.weights[name] * mask_of(model.weights[name], x[name], pattern, share) for name in matrices(model)}
    )


def kept_energy(model, cut):
    """% of the squares of all weights of the matrices that stay."""
    whole, left = (sum(float((m.weights[name] ** 2).sum()) for name in matrices(model)) for m in (model, cut))
    return 100 * left / whole
