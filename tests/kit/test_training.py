"""The loop that trains: what a run must keep, what it is begun with, and its pace."""

from itertools import islice

import numpy as np
import pytest

from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.training import loss_and_gradients, matrices_of, new_model, next_token_loss, paced, train, windows

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
