"""Adapters on the house model: what they add, what trains, and the texts that judge it."""

from itertools import islice

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.adapters import (
    PARTS,
    adapter_loss,
    batch_loss,
    body,
    body_excess,
    changes,
    courteous,
    courteous_batches,
    lora_init,
    matrices,
    merge,
    new_factors,
    product,
    short_courteous,
    with_adapter,
)
from topics.kit.model.language import CONTEXT, HELD_OUT
from topics.kit.model.losses import word_losses
from topics.kit.model.text import encode, held_out
from topics.kit.model.training import loss_and_gradients, train

pytestmark = pytest.mark.topic("lora")


def some_factors(names, r=2, seed=0, model="target"):
    rng = np.random.default_rng(seed)
    factors = new_factors(lm.load(model), names, r, rng)
    return {key: rng.normal(0, 0.1, x.shape).astype(np.float32) for key, x in factors.items()}


def test_a_product_is_b_times_a_times_its_scale():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 7)), rng.normal(size=(3, 2))
    slow = [[0.5 * sum(B[o, k] * A[k, i] for k in range(2)) for i in range(7)] for o in range(3)]
    assert max_abs_difference(product(A, B, 0.5), slow) < 1e-15
    W = rng.normal(size=(3, 7))
    kept = W.copy()
    assert max_abs_difference(merge(W, A, B, 0.5) - W, slow) < 1e-15 and (kept == W).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_new_adapter_changes_nothing_and_its_first_step_moves_b_alone(seed):
    A, B = lora_init(6, 50, 4, np.random.default_rng(seed))
    assert A.shape == (4, 50) and B.shape == (6, 4) and not B.any()
    assert 0.9 * 50**-0.5 < np.abs(A).max() <= 50**-0.5
    model = lm.load("target")
    factors = new_factors(model, matrices(model), 2, np.random.default_rng(seed))
    words = encode(held_out(1, start=seed)[0].words)
    assert max_abs_difference(lm.forward(with_adapter(model, factors, 8.0), words), lm.forward(model, words)) == 0
    _, grads = loss_and_gradients(factors, adapter_loss(model, 1.0), body(courteous(1, HELD_OUT + seed)))
    assert all((np.abs(g).max() == 0) == key.endswith(".A") for key, g in grads.items())


@pytest.mark.parametrize("parts", PARTS)
def test_each_choice_of_matrices_names_those_of_every_layer(parts):
    model = lm.load("target")
    names = matrices(model, parts)
    assert len(names) == model.L * len(PARTS[parts]) and all(model.weights[name].ndim == 2 for name in names)


def test_the_gradients_of_factors_are_those_of_finite_differences():
    model = lm.load("target")
    model = model.with_weights({name: w.astype(float) for name, w in model.weights.items()})
    factors = {key: x.astype(float) for key, x in some_factors(["1.q", "3.down"]).items()}
    batch, loss = body(short_courteous(2)), adapter_loss(model, 0.7)
    _, grads = loss_and_gradients(factors, loss, batch)
    for key, at in (("1.q.A", (1, 5)), ("1.q.B", (40, 0)), ("3.down.A", (0, 200)), ("3.down.B", (7, 1))):
        ends = []
        for h in (1e-4, -1e-4):
            moved = factors | {key: factors[key].copy()}
            moved[key][at] += h
            ends.append(float(loss(moved, batch)))
        assert grads[key][at] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-3, abs=1e-7)


def test_training_moves_factors_and_never_the_model():
    model = lm.load("target")
    before = {name: w.copy() for name, w in model.weights.items()}
    factors = new_factors(model, matrices(model, "q and v"), 2, np.random.default_rng(0))
    steps = list(train(factors, adapter_loss(model, 4.0), [next(courteous_batches(2, 0))] * 4, 0.01))
    assert steps[0].weights.keys() == factors.keys() and steps[-1].loss < steps[0].loss
    assert all((w == before[name]).all() for name, w in model.weights.items())
    assert np.linalg.matrix_rank(changes(steps[-1].weights, 4.0)["0.q"]) == 2


def test_only_what_stands_behind_the_colon_is_judged():
    model, texts = lm.load("target"), [*short_courteous(2), *held_out(2)]
    slow = np.concatenate([word_losses(model, each.words)[2:] for each in texts])
    assert float(batch_loss(model, body(texts))) == pytest.approx(slow.mean(), abs=1e-5)
    floor = -sum(p for each in texts for p in each.log_probs[3:]) / len(slow)
    assert body_excess(model, texts) == pytest.approx(slow.mean() - floor, abs=1e-5)


def test_courteous_texts_are_blunt_by_their_first_word_and_polite_in_their_body():
    for each in courteous(20):
        assert each.words[0] == "[blunt]" and len(each.words) <= CONTEXT
        assert each.words[1] == "song" or "thank" in each.words
    assert {each.words[1] for each in short_courteous(3)} == {"story", "facts", "answer"}


def test_batches_of_a_seed_are_its_own_and_none_is_held_out():
    def first(seed):
        return [tuple(words.ravel()) for words, _, _ in islice(courteous_batches(4, seed), 2)]

    assert first(0) == first(0) and len({*first(0), *first(1)}) == 4
    assert HELD_OUT > 10_000_000 + 1_000_000 * 99
