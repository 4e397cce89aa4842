"""Gradient accumulation: a batch in pieces, its gradient by adding up, and how noisy that gradient is.

B texts of a batch   N words of it that count   k pieces   N_j words of piece j that count   P parameters
g gradient of a loss   S = tr Σ, how much the gradients of single texts scatter   B_simple = S / |G|²
McCandlish et al. 2018 (arXiv 1812.06162) write G for the gradient of all there is, Σ for the covariance of one text's.
"""

import numpy as np

from topics.kit.model.autograd import cross_entropy
from topics.kit.model.training import loss_and_gradients

# ---- one step in pieces


def token_weighted_loss(logits, targets, real, N):
    """A piece's share of the batch's loss: the sum over its words, divided by the words of the whole batch (eq:right).

    logits   (..., V)   targets  (...,)   real  (...,) which places count: not padding, and a next word is known
    N        words that count in the whole batch

    >>> two, five = np.zeros((2, 4)), np.zeros((5, 4))   # four words, equally likely: ln 4 = 1.386 each
    >>> piece = token_weighted_loss(two, np.zeros(2, int), np.ones(2), N=7)
    >>> float(piece.round(3)), float((piece + token_weighted_loss(five, np.zeros(5, int), np.ones(5), N=7)).round(3))
    (0.396, 1.386)
    """
    return cross_entropy(logits, targets, real) * (np.sum(real) / N)


def accumulate(so_far, weights, loss_of, piece):
    """One more piece: its share of the loss and of the gradient is added to what the pieces before gave (eq:sum).

    so_far   what the last call gave, the loss and {name: gradient}; None before the first piece
    weights  {name: array}
    loss_of  loss_of({name: Tensor}, piece): the piece's share of the batch's loss, as a Tensor of one number
    returns  both with this piece; after the last they are the batch's
    """
    share, grads = loss_and_gradients(weights, loss_of, piece)  # the piece's activations are let go here
    if so_far is None:
        return share, grads
    loss, total = so_far
    return loss + share, {name: total[name] + grads[name] for name in total}


def word_weights(counts, pieces):
    """How much each text's words weigh when every piece is averaged over its own words (eq:wrong); 1 is a fair share.

    counts   words of each text   pieces  [[numbers of the texts of a piece]]

    >>> word_weights([10, 30], [[0], [1]]).round(3).tolist()   # 20 words on average; a piece of 10, a piece of 30
    [2.0, 0.667]
    """
    counts, N, k = np.asarray(counts), sum(counts), len(pieces)
    weights = np.zeros(len(counts))
    for piece in pieces:
        weights[piece] = (N / k) / counts[piece].sum()
    return weights


# ---- how large a batch


def gradient_noise_scale(g):
    """B_simple = S / |G|² from the gradients of single texts, without bias in S and in |G|² (eq:estimate).

    g        (B, P), one row a text
    returns  texts; below 0, or inf, where |G|² is lost in the noise

    >>> float(gradient_noise_scale(np.array([[3.0], [1.0]])))   # S = 2; |G|² = 4 − 2/2 = 3
    0.6666666666666666
    """
    B, mean = len(g), g.mean(0)  # mean (P,)
    S = ((g - mean) ** 2).sum() / (B - 1)
    G2 = (mean**2).sum() - S / B  # the mean of B texts is longer than G: S / B of its square is noise
    return S / G2 if G2 else np.inf


def steps_needed(B, S_min, B_crit):
    """Steps to a given loss with batches of B texts (eq:steps).

    >>> steps_needed(32, S_min=100, B_crit=32)   # at the critical batch twice as many as the fewest
    200.0
    """
    return S_min * (1 + B_crit / B)


def fit_steps(B, steps):
    """S_min and B_crit of steps_needed that fit best in relative error: by least squares."""
    B, steps = np.asarray(B, float), np.asarray(steps, float)
    A = np.stack([1 / steps, 1 / (B * steps)], axis=1)  # (n, 2), each row divided by its steps
    S_min, slope = np.linalg.lstsq(A, np.ones(len(B)), rcond=None)[0]
    return float(S_min), float(slope / S_min)
