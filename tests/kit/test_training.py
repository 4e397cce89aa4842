"""Optimisers, schedules and the loop: PyTorch's stored steps, their definitions, and what a run must keep."""

from itertools import islice
from math import cos, pi
from pathlib import Path

import numpy as np
import pytest

from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.optimizers import (
    adamw_step,
    clip_by_global_norm,
    cosine_schedule,
    muon_step,
    orthogonalized,
    wsd_schedule,
)
from topics.kit.model.training import loss_and_gradients, matrices_of, new_model, next_token_loss, paced, train, windows

STORED = np.load(Path(__file__).parents[1] / "reference/training.npz")


# ---- optimisers


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_of_adamw_are_pytorchs(decay):
    theta, state = STORED["start"], None
    for g, expected in zip(STORED["gradients"], STORED[f"adamw_{decay}"], strict=True):
        theta, state = adamw_step(theta, g, state, 0.01, betas=(0.9, 0.95), eps=1e-8, decay=decay)
        np.testing.assert_allclose(theta, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", ["wide", "tall"])
def test_steps_of_muon_are_pytorchs(shape):
    """PyTorch orthogonalises in BF16, of whose numbers there are 256 between 1 and 2."""
    W, B, gradients = STORED[f"muon_{shape}_start"], None, STORED[f"muon_{shape}_gradients"]
    for g, expected in zip(gradients, STORED[f"muon_{shape}"], strict=True):
        before = W
        W, B = muon_step(W, g, B, 0.02, mu=0.95, decay=0.1)
        assert np.linalg.norm(W - expected) < 0.04 * np.linalg.norm(expected - before)
        W = expected


def test_adamw_decays_apart_from_the_gradient():
    """With no gradient a weight shrinks by 1 − ηλ at each step, whatever its size; with the decay in the gradient all
    weights would shrink alike."""
    theta, state = np.array([1.0, 100.0]), None
    for _ in range(3):
        theta, state = adamw_step(theta, np.zeros(2), state, 0.1, decay=0.5)
    np.testing.assert_allclose(theta, np.array([1.0, 100.0]) * 0.95**3, rtol=1e-12)


def test_a_step_keeps_the_precision_of_the_weights():
    w = np.ones((2, 3), np.float32)
    assert adamw_step(w, w, None, 0.1)[0].dtype == muon_step(w, w, None, 0.1)[0].dtype == np.float32


def test_five_newton_schulz_steps_bring_every_singular_value_near_one():
    rng = np.random.default_rng(0)
    for shape in [(8, 8), (6, 20), (20, 6)]:
        G = rng.normal(size=shape)
        U, S, V = np.linalg.svd(G, full_matrices=False)
        made = U.T @ orthogonalized(G) @ V.T  # the same directions
        inside = S / S.max() > 0.02
        assert np.abs(made - np.diag(np.diag(made))).max() < 1e-6
        assert (np.diag(made)[inside] > 0.6).all() and (np.diag(made) < 1.25).all()


def test_clipping_keeps_the_direction_and_shortens_all_weights_together():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    clipped, norm = clip_by_global_norm(grads, 2.0)
    assert norm == 5
    np.testing.assert_allclose(clipped["a"], [1.2, 0])
    np.testing.assert_allclose(clipped["b"], [[1.6]])
    kept, norm = clip_by_global_norm(grads, 6.0)
    assert norm == 5 and (kept["a"] == grads["a"]).all()
    nothing, norm = clip_by_global_norm({"a": np.zeros(2)}, 1.0)
    assert norm == 0 and (nothing["a"] == 0).all()


# ---- schedules


def test_a_cosine_goes_up_in_a_line_and_down_to_its_end():
    rates = [cosine_schedule(t, 100, 10, 3.0, 0.3) for t in range(1, 101)]
    assert rates[0] == pytest.approx(0.3) and rates[9] == 3.0 and rates[-1] == pytest.approx(0.3)
    assert (np.diff(rates[:10]) > 0).all() and (np.diff(rates[9:]) < 0).all()
    assert rates[54] == pytest.approx((3.0 + 0.3) / 2)  # half the way
    assert rates[30] == pytest.approx(0.3 + 2.7 * (1 + cos(pi * 21 / 90)) / 2)


def test_warm_up_stable_decay_is_level_until_its_last_steps():
    rates = [wsd_schedule(t, 100, 10, 20, 3.0, 0.3) for t in range(1, 101)]
    assert rates[0] == pytest.approx(0.3) and set(rates[9:80]) == {3.0}
    np.testing.assert_allclose(np.diff(rates[79:]), -2.7 / 20)
    assert rates[-1] == pytest.approx(0.3)


def test_schedules_without_warm_up_begin_at_the_peak_or_just_below():
    assert wsd_schedule(1, 10, 0, 4, 1.0) == 1
    assert 0.9 < cosine_schedule(1, 10, 0, 1.0) < 1


# ---- the loop


def bowl(weights, at):
    """A loss with its least at `at`: its gradient is the weights less `at`."""
    return ((weights["w"] - at) * (weights["w"] - at)).sum() * 0.5


def test_the_loop_tells_the_loss_and_the_gradient_from_before_the_step():
    start = {"w": np.array([3.0, 4.0])}
    (step,) = train(start, bowl, [np.zeros(2)], 0.1, clip=np.inf)
    assert (step.t, step.loss, step.norm) == (1, 12.5, 5.0)
    np.testing.assert_allclose(step.weights["w"], [2.9, 3.9], atol=1e-6)
    assert (start["w"] == [3.0, 4.0]).all()


def test_the_loop_finds_the_bottom_of_a_bowl():
    *_, last = train({"w": np.array([5.0, -3.0])}, bowl, [np.ones(2)] * 400, 0.05)
    np.testing.assert_allclose(last.weights["w"], 1, atol=0.01)


def test_the_rate_may_follow_the_step():
    moved = [step.weights["w"][0] for step in train({"w": np.array([9.0])}, bowl, [0.0] * 3, lambda t: 0.1 * (t == 2))]
    assert moved[0] == 9 and moved[1] < 9 and moved[2] == moved[1]


def test_a_gradient_is_clipped_before_it_meets_the_optimiser():
    """Ten steps whose one gradient is huge: unclipped it fills v and stops the weights for long."""
    at = [np.array([0.0])] * 3 + [np.array([1e6])] + [np.array([0.0])] * 20
    *_, clipped = train({"w": np.array([1.0])}, bowl, at, 0.05, clip=1.0)
    *_, whole = train({"w": np.array([1.0])}, bowl, at, 0.05, clip=np.inf)
    assert clipped.weights["w"][0] < 0.8 < 0.9 < whole.weights["w"][0]


def small_run(seed=0, steps=None, **how):
    rng = np.random.default_rng(seed)
    model = new_model(rng, V=9, d=16, L=2, H=2, D=8, F=24)
    batches = windows(rng.integers(0, 9, 200), 12, 4, rng)
    return model, train(model.weights, next_token_loss(model), islice(batches, steps), 0.01, **how)


def test_a_run_is_what_its_seed_makes_it():
    losses = [[step.loss for step in small_run(seed, 4)[1]] for seed in (3, 3, 4)]
    assert losses[0] == losses[1] != losses[2]


def test_a_run_that_is_left_and_taken_up_again_is_the_same_run():
    _, whole = small_run(steps=6)
    expected = [step.loss for step in whole]
    _, run = small_run(steps=6)
    first = [step.loss for step in islice(run, 2)]
    assert first + [step.loss for step in run] == expected


def test_muon_moves_the_matrices_of_layers_and_adamw_the_rest():
    model, run = small_run(steps=1, muon=matrices_of(small_run()[0]))
    (step,) = run
    for name, w in model.weights.items():
        moved = (step.weights[name] - w).astype(float)
        if name[0].isdigit() and w.ndim == 2:  # a multiple of a matrix with like singular values
            S = np.linalg.svd(moved / 0.01 / 0.2 / max(w.shape) ** 0.5, compute_uv=False)
            assert S[0] < 1.25 and np.median(S) > 0.6, name
        else:
            assert set(np.abs(moved / 0.01).round(2).ravel()) <= {0.0, 1.0}, name  # a sign times the rate


def test_a_model_that_has_learnt_nothing_has_the_deviations_that_are_said():
    model = new_model(np.random.default_rng(0), V=300, d=64, L=3, H=4, D=16, F=160, H_kv=2)
    added = (2 * 3) ** -0.5
    expected = {"embedding": 0.2, "0.q": 1 / 8, "1.k": 1 / 8, "2.v": 1 / 8, "0.o": added / 8, "1.gate": 1 / 8,
                "2.down": added * 160**-0.5}  # fmt: skip
    for name, std in expected.items():
        assert model.weights[name].std() == pytest.approx(std, rel=0.05), name
    assert model.weights["0.k"].shape == (32, 64)
    assert (model.weights["norm"] == 1).all()
    assert len(model.weights) == 2 + 9 * 3
    assert np.isfinite(lm.forward(model, [1, 2, 3])).all()


def test_the_loss_is_over_the_places_that_count():
    model = new_model(np.random.default_rng(0), V=9, d=16, L=1, H=2, D=8, F=24)
    tokens, targets = np.array([[1, 2, 3], [4, 5, 0]]), np.array([[2, 3, 4], [5, 6, 0]])
    real = np.array([[True, True, True], [True, True, False]])
    loss, grads = loss_and_gradients(model.weights, next_token_loss(model), (tokens, targets, real))
    p = lm.softmax(lm.forward(model, tokens).astype(float))
    expected = [-np.log(p[b, t, targets[b, t]]) for b in range(2) for t in range(3) if real[b, t]]
    assert loss == pytest.approx(np.mean(expected), rel=1e-5)
    assert grads.keys() == model.weights.keys()
    assert float(cross_entropy(lm.forward(model, tokens), targets)) != pytest.approx(loss)


def test_windows_are_pieces_of_the_text_and_what_follows_each_token():
    numbers = np.arange(50) * 3
    for tokens, targets, real in islice(windows(numbers, 8, 5, np.random.default_rng(1)), 20):
        assert tokens.shape == targets.shape == (5, 8) and real is None
        assert (targets == tokens + 3).all() and (np.diff(tokens) == 3).all()
    starts = {int(t[0][0][0]) // 3 for t in islice(windows(numbers, 8, 1, np.random.default_rng(2)), 600)}
    assert starts == set(range(42))  # the last one ends with the text


# ---- its pace


class Clock:
    """A clock that a test sets, in the place of time's."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("topics.kit.model.training.time", clock)
    return clock


def working(clock, n, seconds):
    for i in range(n):
        clock.now += seconds
        yield i


def test_steps_are_shown_as_often_as_is_asked_and_the_last_always(clock):
    assert list(paced(working(clock, 25, 0.03), 60, every=0.1)) == [3, 7, 11, 15, 19, 23, 24]
    assert list(paced(working(clock, 3, 1.0), 60)) == [0, 1, 2]
    assert list(paced(working(clock, 0, 1.0), 60)) == []


def test_a_run_ends_when_its_time_is_over(clock):
    assert list(paced(working(clock, 100, 0.5), 2, every=0.1)) == [0, 1, 2, 3]


def test_a_stop_between_two_steps_takes_none_of_its_time(clock):
    run = paced(working(clock, 100, 0.5), 2, every=0.1)
    seen = [next(run)]
    clock.now += 1000
    assert [*seen, *run] == [0, 1, 2, 3]
