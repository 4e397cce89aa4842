"""A small model that learns the house language while one watches, and the gradients of single texts."""

import numpy as np

from topics.kit.model.language import WORDS, text, write
from topics.kit.model.text import padded
from topics.kit.model.training import loss_and_gradients, new_model, next_token_loss


def small_model(seed):
    """Two layers of width 16, 7,552 parameters, that have learnt nothing."""
    return new_model(np.random.default_rng(seed), len(WORDS), d=16, L=2, H=2, D=8, F=32)


def batches_of(B, seed):
    """Batches for ever, each of B new texts: a seed's first texts are the same whatever B."""
    n = 1_000_000 * seed
    while True:
        yield padded([write(n + i, text()) for i in range(B)])
        n += B


def text_gradients(model, texts, words=None):
    """The gradient of each text as one vector (B, P), such that their mean is the gradient of the batch.

    A text's gradient is of the sum over its words; so it is divided by the mean number of words of a text, `words`.
    """
    mean, rows = words or sum(len(each.words) - 1 for each in texts) / len(texts), []
    for each in texts:
        _, grads = loss_and_gradients(model.weights, next_token_loss(model), padded([each]))
        flat = np.concatenate([grads[name].ravel() for name in sorted(grads)])  # (P,)
        rows.append(flat * ((len(each.words) - 1) / mean))
    return np.array(rows)
