"""The claims of the page on gradient accumulation."""

import math
from pathlib import Path

import numpy as np
import pytest

from topics.gradient_accumulation import breaks, demos, house_model, ledger, method, recorded, small
from topics.kit import GPUS, lm
from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.model.optimizers import clip_by_global_norm
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import loss_and_gradients, next_token_loss
from topics.kit.page.demo import defaults, views_of

pytestmark = pytest.mark.topic("gradient_accumulation")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/gradient_accumulation.npz")


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metric(demo, label, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"] == label)


def slow_gradient(x, W, labels, weight):
    """By loops: the gradient by W (V, d) of Σ weight · −log softmax(W x)[label] over the places that count."""
    grad = np.zeros_like(W)
    for i, t in np.ndindex(labels.shape):
        if labels[i, t] != -100:
            logits = [sum(W[v, c] * x[i, t, c] for c in range(len(x[i, t]))) for v in range(len(W))]
            total = sum(math.exp(z) for z in logits)
            for v in range(len(W)):
                p = math.exp(logits[v]) / total - (v == labels[i, t])
                grad[v] += weight[i] * p * x[i, t]
    return grad


def accumulated(x, W, labels, size, N_of):
    """What the page's functions give for pieces of so many texts; N_of(labels of the piece, pieces)."""
    so_far, pieces = None, [slice(i, i + size) for i in range(0, len(x), size)]
    for at in pieces:
        real = labels[at] != -100

        def loss_of(w, _, at=at, real=real):
            logits = np.einsum("ntd,vd->ntv", x[at], w["W"])
            return method.token_weighted_loss(logits, np.where(real, labels[at], 0), real, N_of(real, len(pieces)))

        so_far = method.accumulate(so_far, {"W": W}, loss_of, None)
    return so_far[1]["W"]


# ---- one step in pieces


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_pieces_divided_by_all_words_add_up_to_the_batch_written_as_loops_and_to_pytorchs(size):
    x, W, labels = (REFERENCE[name] for name in ("x", "W", "labels"))
    N = (labels != -100).sum()
    mine = accumulated(x, W, labels, size, lambda real, k: N)
    assert np.abs(mine - slow_gradient(x, W, labels, [1 / N] * len(x))).max() < 1e-15
    assert np.abs(mine - REFERENCE[f"words{size}"]).max() < 1e-15


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_the_mean_of_means_is_what_pytorch_gives_for_it_and_weighs_words_as_the_page_says(size):
    x, W, labels = (REFERENCE[name] for name in ("x", "W", "labels"))
    counts = (labels != -100).sum(1)
    mine = accumulated(x, W, labels, size, lambda real, k: k * real.sum())
    assert np.abs(mine - REFERENCE[f"means{size}"]).max() < 1e-15
    groups = [list(range(i, min(i + size, len(x)))) for i in range(0, len(x), size)]
    weight = method.word_weights(counts, groups) / counts.sum()
    assert np.abs(mine - slow_gradient(x, W, labels, weight)).max() < 1e-15


def test_the_weights_of_all_words_are_one_in_the_mean_and_all_one_in_pieces_of_equal_words():
    counts = [5, 20, 35, 12]
    for groups in ([[0], [1], [2], [3]], [[0, 1], [2, 3]], [[0, 3], [1, 2]], [[0, 1, 2, 3]]):
        weights = method.word_weights(counts, groups)
        assert np.dot(weights, counts) / sum(counts) == pytest.approx(1, abs=1e-15)
    assert np.allclose(method.word_weights([7, 7, 7], [[0], [1], [2]]), 1, atol=1e-15)
    assert np.allclose(method.word_weights([5, 9, 9, 5], [[0, 1], [2, 3]]), 1, atol=1e-15)


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_clipping_all_weights_together_is_pytorchs(size):
    mine, norm = clip_by_global_norm({"W": REFERENCE[f"words{size}"]}, 0.1)
    assert norm == pytest.approx(float(REFERENCE[f"norm{size}"]), rel=1e-12)
    assert np.abs(mine["W"] - REFERENCE[f"clipped{size}"]).max() < 1e-5  # PyTorch adds 1e-6 to the length


def test_in_the_house_model_pieces_over_all_words_are_the_batch_to_rounding():
    for size in (2, 8):
        *_, mine = house_model.batch_in_pieces(size, True, 0)
        assert house_model.apart(mine[1], house_model.in_one(0)[1])[0] < 1e-5


def test_in_the_house_model_the_mean_of_means_is_off_by_two_fifths_or_more_with_single_texts_and_less_with_four():
    for seed in range(3):
        single, four = (house_model.mean_of_means(size, seed) for size in (1, 4))
        assert single[0] > 0.4
        assert 0.05 < four[0] < single[0]
        assert single[1] > 15
    assert 0.12 < house_model.mean_of_means(2)[0] < 0.28  # "about 20 %"


def test_in_the_house_model_a_word_of_the_shortest_text_weighs_as_many_times_more_as_it_is_shorter():
    counts = house_model.counted_words(house_model.eight_texts(0))
    weights = method.word_weights(counts, house_model.groups_of(1))
    assert max(weights) / min(weights) == pytest.approx(max(counts) / min(counts))
    (bar,) = view(house_model.pieces_of_a_batch, "figure")["data"]
    assert np.allclose(bar["y"], weights)


# ---- what breaks equality


@pytest.mark.parametrize("what", breaks.LOSSES)
def test_a_repaired_loss_is_equal_in_any_pieces(what):
    for seed in range(3):
        for k in (1, 2, 8, 16):
            mine, whole = breaks.in_pieces(what, k, True, seed)
            assert np.abs(mine - whole).max() < 1e-15


@pytest.mark.parametrize("what", [breaks.NORM, breaks.CLIP, breaks.DROPOUT, breaks.BALANCE])
def test_each_of_the_four_breaks_equality_unless_repaired(what):
    least = 0.01 if what == breaks.BALANCE else 0.4
    assert all(demos.broken(what, 8, seed) > least for seed in range(4))
    assert demos.broken(what, 1) < 1e-12
    assert demos.broken(breaks.PLAIN, 8) < 1e-14


def test_over_many_draws_dropout_in_pieces_has_the_mean_of_one_batch_and_batch_norm_has_not():
    draws = [breaks.in_pieces(breaks.DROPOUT, 8, False, 0, draw) for draw in range(150)]
    pieces, whole = (np.mean([each[i] for each in draws], 0) for i in (0, 1))
    spread = np.linalg.norm(np.std([each[0] for each in draws], 0)) / len(draws) ** 0.5
    assert np.linalg.norm(pieces - whole) < 3 * spread
    assert np.linalg.norm(pieces - whole) < 0.2 * np.linalg.norm(whole)
    assert demos.broken(breaks.NORM, 8) > 0.4  # which draws nothing


def test_clipping_each_piece_makes_the_gradient_too_short():
    for seed in range(4):
        mine, whole = breaks.in_pieces(breaks.CLIP, 8, False, seed)
        assert np.linalg.norm(mine) < 0.9 * np.linalg.norm(whole)


def test_the_toys_losses_have_the_gradients_of_finite_differences():
    weights, x, y = breaks.toy(0, 12)
    mask = 2.0 * (np.random.default_rng(0).random((12, 16)) < 0.5)
    chosen = breaks.chosen_by(weights, x)
    for what in breaks.LOSSES:

        def loss(w, what=what):
            return breaks.piece_loss(w, x, y, what, False, mask, chosen)

        tensors = {name: Tensor(w) for name, w in weights.items()}
        grads = dict(zip(tensors, gradients(loss(tensors), list(tensors.values())), strict=True))
        for name, w in weights.items():
            for at in [(0, 0), (3, 1), (7, 3)]:
                moved = [loss(weights | {name: w + h * np.eye(1, w.size, at[0] * w.shape[1] + at[1]).reshape(w.shape)})
                         for h in (1e-5, -1e-5)]  # fmt: skip
                assert grads[name][at] == pytest.approx((moved[0] - moved[1]) / 2e-5, abs=1e-8)


# ---- how large a batch


def test_the_noise_scale_is_what_mccandlishs_two_batch_sizes_give():
    g = np.random.default_rng(0).normal(size=(7, 5)) + 2
    small, big = (g**2).sum(1).mean(), (g.mean(0) ** 2).sum()
    G2 = (7 * big - small) / (7 - 1)
    S = (small - big) / (1 - 1 / 7)
    assert method.gradient_noise_scale(g) == pytest.approx(S / G2, rel=1e-12)


def test_scatter_and_length_are_right_in_the_mean_where_the_plain_square_is_too_large():
    rng, G, B, P = np.random.default_rng(0), 1.0, 4, 50
    S_hat, G2_hat, plain = [], [], []
    for _ in range(4000):
        g = rng.normal(size=(B, P)) + G / P**0.5  # |G|² = 1, S = 50
        S = ((g - g.mean(0)) ** 2).sum() / (B - 1)
        S_hat.append(S)
        plain.append((g.mean(0) ** 2).sum())
        G2_hat.append(S / method.gradient_noise_scale(g))
    assert np.mean(S_hat) == pytest.approx(50, rel=0.01)
    assert np.mean(G2_hat) == pytest.approx(1, abs=0.15)
    assert np.mean(plain) == pytest.approx(1 + 50 / B, rel=0.02)  # eq:noise


def test_the_gradients_of_single_texts_have_the_mean_of_their_batch():
    model, texts = small.small_model(0), held_out(5)
    rows = small.text_gradients(model, texts)
    _, grads = loss_and_gradients(model.weights, next_token_loss(model), padded(texts))
    batch = np.concatenate([grads[name].ravel() for name in sorted(grads)])
    assert np.abs(rows.mean(0) - batch).max() < 1e-6
    assert rows.shape == (5, 7552)


def test_the_noise_scale_grows_by_half_or_more_while_the_model_learns_and_hardly_grows_at_three_times_the_rate():
    for rate, least, most in ((0.01, 1.5, 2.5), (0.03, 1.0, 1.5)):
        assert len(recorded.NOISE[rate]) >= 3
        assert least < np.mean(demos.noise_later(rate)) / np.mean(demos.noise_early(rate)) < most


def test_each_half_of_the_texts_gives_another_noise_scale():
    apart = [abs(a - b) / whole for runs in recorded.NOISE.values() for f in runs.values() for _, whole, a, b in f]
    assert max(apart) > 0.5


def test_the_recorded_noise_at_the_start_is_found_again():
    rows = small.text_gradients(small.small_model(1), held_out(128, start=60_000))
    assert method.gradient_noise_scale(rows) == pytest.approx(recorded.NOISE[0.01][1][0][1], rel=0.02)


# ---- steps against texts


def test_the_fit_finds_the_numbers_that_made_its_points():
    B = np.array([2, 4, 8, 16, 32])
    assert np.allclose(method.fit_steps(B, 50 * (1 + 30 / B)), (50, 30), rtol=1e-12)


def test_at_the_critical_batch_steps_and_texts_are_twice_the_fewest():
    assert method.steps_needed(30, 7.0, 30) == 14
    assert 30 * method.steps_needed(30, 7.0, 30) == 2 * 30 * 7
    assert 1e-9 * method.steps_needed(1e-9, 7.0, 30) == pytest.approx(7 * 30)


def test_larger_batches_take_fewer_steps_and_more_texts_as_recorded():
    mean = demos.MEAN
    assert all(len(steps) >= 3 for _, steps in recorded.STEPS.values())
    assert all(a > b for a, b in zip(mean.values(), list(mean.values())[1:], strict=False))
    assert 64 * mean[64] > 2.5 * 2 * mean[2]
    S_min, B_crit = demos.FIT
    assert all(abs(method.steps_needed(B, S_min, B_crit) / mean[B] - 1) < 0.2 for B in mean)
    assert all(B_crit / 4 < noise < 4 * B_crit for noise in demos.noise_at_goal())  # "the same order of size"


def test_the_best_rate_was_neither_the_least_nor_the_largest_that_was_tried():
    assert all(min(recorded.RATES) < rate < max(recorded.RATES) for rate, _ in recorded.STEPS.values())


# ---- memory and time


def test_gpt2s_parameters_are_those_of_its_release():
    assert ledger.parameters("GPT-2 small") == 124_439_808
    assert ledger.parameters("GPT-2 XL") == 1_557_611_200


def test_the_time_of_a_step_is_arithmetic_and_exchange_counted_by_hand():
    arithmetic, exchange = ledger.step_seconds("GPT-2 XL", 8, GPUS["H100"], 12.5e9)
    assert arithmetic == pytest.approx(6 * 1_557_611_200 * 524_288 / (8 * 0.4 * 989e12), rel=1e-12)
    assert exchange == pytest.approx(2 * 7 / 8 * 4 * 1_557_611_200 / 12.5e9, rel=1e-12)
    broken = metric(demos.memory_and_time, "One step", each=True) / metric(demos.memory_and_time, "One step")
    assert 5.5 < broken < 7  # "about 6 times as long"


def test_a_ring_sends_what_the_page_counts():
    """Reduce-scatter, then all-gather, of n parts: every GPU sends one part in each of 2 (n − 1) rounds."""
    for n in (2, 8):
        sent = sum(1 / n for _ in range(n - 1)) + sum(1 / n for _ in range(n - 1))
        assert ledger.step_seconds("GPT-2 small", n, GPUS["H100"], 1.0)[1] == pytest.approx(
            sent * 4 * ledger.parameters("GPT-2 small"), rel=1e-12
        )
    assert ledger.step_seconds("GPT-2 small", 1, GPUS["H100"], 1.0)[1] == 0


def test_the_size_of_a_piece_changes_memory_and_not_arithmetic():
    four, eight = (
        {x["label"]: x["value"] for x in view(demos.memory_and_time, "metrics", b=b)["items"]} for b in (4, 8)
    )
    assert eight["Memory"] > four["Memory"]
    assert eight["Arithmetic"] == four["Arithmetic"]
    assert eight["Exchange"] == four["Exchange"]


def test_a_share_of_the_loss_is_a_float_for_arrays_and_a_tensor_for_tensors():
    logits, real = np.zeros((2, 3, 4)), np.array([[1, 1, 0], [1, 0, 0]])
    share = method.token_weighted_loss(logits, np.zeros((2, 3), int), real, 6)
    assert share == pytest.approx(0.5 * math.log(4))
    assert isinstance(method.token_weighted_loss(Tensor(logits), np.zeros((2, 3), int), real, 6), Tensor)
    assert cross_entropy(logits, np.zeros((2, 3), int), real) == pytest.approx(math.log(4))


def test_the_small_model_has_the_shape_of_the_house():
    model = small.small_model(0)
    assert model.weights.keys() == lm.load("target").weights.keys() - {
        name for name in lm.load("target").weights if name.startswith(("2.", "3."))
    }
