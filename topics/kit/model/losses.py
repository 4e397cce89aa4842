"""How well a model of the house knows its language: the loss on texts that no training has seen, beside the floor."""

import numpy as np

from topics.kit.model import lm
from topics.kit.model.language import WORDS
from topics.kit.model.text import encode, held_out
from topics.kit.numerics import softmax


def word_losses(model, words, **how):
    """−log p of each word but the first, in nats: T words to (T−1,). how: as lm.forward takes it."""
    numbers = encode(words)
    p = softmax(lm.forward(model, numbers[:-1], **how).astype(float))  # (T−1, V)
    return -np.log(p[np.arange(len(p)), numbers[1:]])


def loss(model, texts):
    """Nats a word, the mean over all words of texts but their first."""
    return float(np.concatenate([word_losses(model, text.words) for text in texts]).mean())


def floor(texts):
    """The loss of the language itself on these texts: no model has less in the mean."""
    return -sum(sum(text.log_probs[1:]) for text in texts) / sum(len(text.words) - 1 for text in texts)


def above_floor(model, texts):
    """Nats a word above the floor, on these texts."""
    return loss(model, texts) - floor(texts)


def guessing(texts):
    """Nats above the floor of a model that gives every word that there is the same probability."""
    return float(np.log(len(WORDS))) - floor(texts)


def quoted_texts():
    """The 80 held-out texts on which pages quote losses: the first of those that training/evaluate.py takes."""
    return held_out(80, start=10_000)
