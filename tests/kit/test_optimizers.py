"""Optimisers and schedules: PyTorch's stored steps, and their definitions."""

from math import cos, pi
from pathlib import Path

import numpy as np
import pytest

from topics.kit.model.optimizers import (
    adamw_step,
    clip_by_global_norm,
    cosine_schedule,
    muon_step,
    orthogonalized,
    wsd_schedule,
)

STORED = np.load(Path(__file__).parents[1] / "reference/optimizers.npz")


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
