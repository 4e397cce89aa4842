"""The house model with fewer bits, and how far that moves what it says next. In FP64, so that what is rounded to a
grid does not depend on the last bits of a sum."""

from functools import cache
from itertools import count, islice

import numpy as np

from topics.kit import lm
from topics.kit.model.text import held_out, padded

LONGEST = 40  # words of a text that are predicted


@cache
def full_model(name="target"):
    """A model of the house in FP64."""
    model = lm.load(name)
    return model.with_weights({key: w.astype(float) for key, w in model.weights.items()})


def matrices(model):
    """The names of the matrices of the layers: what is quantised. Embedding and norms are not."""
    return [name for name, w in model.weights.items() if name[0].isdigit() and w.ndim == 2]


@cache
def some_texts(n, seed):
    """words, targets and which count, of n texts that no training has seen, none too long."""
    texts = (text for i in count(20_000 + 200 * seed) for text in held_out(1, start=i))
    return padded(list(islice((text for text in texts if len(text.words) - 1 <= LONGEST), n)))


def log_law(model, words, **how):
    """log p of every next word: words (B, T) to (B, T, V). how: as lm.forward takes it."""
    z = lm.forward(model, words, **how)
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


@cache
def full_law(n, seed):
    """log_law of the house model on some_texts."""
    return log_law(full_model(), some_texts(n, seed)[0])


def moved(law, full, batch):
    """How far a law is from the full model's: the mean of Σ p log(p / p̂) over the words that count, and the loss added
    on them, both in nats a word (eq:moved)."""
    _, targets, real = batch
    divergence = (np.exp(full) * (full - law)).sum(-1)[real].mean()
    added = np.take_along_axis(full - law, targets[..., None], -1)[..., 0][real].mean()
    return float(divergence), float(added)
