"""Losses of the house model and the floor under them."""

import math

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.losses import above_floor, floor, loss, quoted_texts, word_losses
from topics.kit.model.text import encode, held_out


def test_losses_are_those_of_the_probabilities():
    model, words = lm.load("target"), held_out(1, start=1)[0].words
    numbers = encode(words)
    logits = lm.forward(model, numbers)
    slow = [-math.log(lm.probabilities(logits[t])[numbers[t + 1]]) for t in range(len(words) - 1)]
    assert max_abs_difference(word_losses(model, words), slow) < 1e-5


def test_the_mean_is_over_words_not_over_texts():
    model, texts = lm.load("target"), held_out(3, start=4)
    assert len({len(text.words) for text in texts}) > 1
    every = [x for text in texts for x in word_losses(model, text.words)]
    assert math.isclose(loss(model, texts), sum(every) / len(every))


def test_the_floor_is_what_the_grammar_gives():
    texts = held_out(3, start=4)
    given = [log_p for text in texts for log_p in text.log_probs[1:]]
    assert math.isclose(floor(texts), -sum(given) / len(given))


def test_the_house_model_stands_close_above_the_floor_and_less_close_with_its_past_hidden():
    texts, model = held_out(20), lm.load("target")
    assert 0 < above_floor(model, texts) < 0.1
    blind = [word_losses(model, text.words, mask=np.eye(len(text.words) - 1, dtype=bool)) for text in texts]
    assert np.concatenate(blind).mean() > loss(model, texts) + 1


def test_on_the_quoted_texts_the_target_stands_where_its_recorded_run_does():
    assert len(quoted_texts()) == 80
    assert above_floor(lm.load("target"), quoted_texts()) == pytest.approx(0.015, abs=0.01)
