"""The claims of the page on weight initialisation."""

import math
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.model.training import train
from topics.kit.page.demo import defaults, views_of
from topics.weight_init import demos, house_model, method, rings, widths
from topics.weight_init.recorded import LOSSES

pytestmark = pytest.mark.topic("weight_init")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/weight_init.npz")
SHAPES = [(700, 300), (300, 700), (500, 500)]


def view(demo, kind, **arguments):
    return next(each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind)


class Given:
    """A generator that gives stored normal numbers."""

    def __init__(self, numbers):
        self.numbers = numbers

    def normal(self, size):
        assert size == self.numbers.shape
        return self.numbers


# ---- the matrices


@pytest.mark.parametrize(("n_out", "n_in"), SHAPES)
def test_each_beginning_has_the_standard_deviation_that_its_paper_gives(n_out, n_in):
    for draw, std in (
        (method.xavier_init, math.sqrt(2 / (n_in + n_out))),
        (method.he_init, math.sqrt(2 / n_in)),
        (method.pytorch_init, math.sqrt(1 / (3 * n_in))),
        (lambda *a: method.gpt2_init(*a, L=12), 0.02),
        (lambda *a: method.gpt2_init(*a, L=12, adds=True), 0.02 / math.sqrt(24)),
        (method.orthogonal_init, math.sqrt(min(n_out, n_in) / (n_out * n_in))),
    ):
        W = draw(np.random.default_rng(0), n_out, n_in)
        assert W.shape == (n_out, n_in)
        assert W.std() == pytest.approx(std, rel=0.01)
        assert abs(W.mean()) < 0.02 * std


def test_the_deviations_are_pytorchs():
    rng = np.random.default_rng(0)
    W = method.pytorch_init(rng, 600, 400)
    assert np.array([W.std(), np.abs(W).max()]) == pytest.approx(REFERENCE["linear"], rel=0.01)
    assert 1 / math.sqrt(300) == pytest.approx(0.0577, abs=5e-5)  # at a fan-in of 100
    assert method.he_init(rng, 600, 400).std() == pytest.approx(REFERENCE["kaiming"][0], rel=0.01)
    W = method.xavier_init(rng, 600, 400)
    assert np.array([W.std(), np.abs(W).max()]) == pytest.approx(REFERENCE["xavier"], rel=0.01)
    assert REFERENCE["gain_tanh"] == pytest.approx([5 / 3, math.sqrt(2)])


@pytest.mark.parametrize("shape", ["tall", "wide", "square"])
def test_orthogonal_matrices_are_pytorchs_from_the_same_numbers(shape):
    A = REFERENCE[f"gaussian_{shape}"]
    assert max_abs_difference(method.orthogonal_init(Given(A), *A.shape, 1.5), REFERENCE[f"orthogonal_{shape}"]) < 1e-12


@pytest.mark.parametrize(("n_out", "n_in"), [(3, 7), (7, 3), (5, 5)])
def test_the_shorter_side_of_an_orthogonal_matrix_is_orthonormal(n_out, n_in):
    W = method.orthogonal_init(np.random.default_rng(1), n_out, n_in, 2.0)
    assert np.linalg.svd(W, compute_uv=False) == pytest.approx(np.full(min(n_out, n_in), 2.0))


def test_orthogonal_matrices_have_no_favourite_sign():
    """QR's own signs would make the first entry negative nearly always."""
    first = [method.orthogonal_init(np.random.default_rng(seed), 3, 3)[0, 0] > 0 for seed in range(400)]
    assert 0.4 < np.mean(first) < 0.6


# ---- the way there and back


def slow_chain(matrices, x, activation, delta):
    """One input, number by number; slopes by differences."""
    phi = {"ReLU": lambda s: max(s, 0.0), "tanh": math.tanh, "none": lambda s: s}[activation]
    slope = {"ReLU": lambda s: float(s > 0), "tanh": lambda s: 1 - math.tanh(s) ** 2, "none": lambda s: 1.0}[activation]
    h, sums, forward = list(x), [], [list(x)]
    for W in matrices:
        s = [sum(W[i][j] * h[j] for j in range(len(h))) for i in range(len(W))]
        h = [phi(value) for value in s]
        sums.append(s)
        forward.append(h)
    backward = [list(delta)]
    for W, s in zip(reversed(matrices), reversed(sums), strict=True):
        back = [d * slope(value) for d, value in zip(backward[-1], s, strict=True)]
        backward.append([sum(back[i] * W[i][j] for i in range(len(W))) for j in range(len(W[0]))])
    size = lambda v: math.sqrt(sum(a * a for a in v) / len(v))  # noqa: E731
    return [size(v) for v in forward], [size(v) for v in reversed(backward)]


@pytest.mark.parametrize("activation", ["ReLU", "tanh", "none"])
def test_propagate_equals_its_definition_written_as_loops(activation):
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=shape) for shape in ((5, 3), (4, 5), (6, 4))]
    x, delta = rng.normal(size=3), rng.normal(size=6)
    mine = method.propagate(matrices, x[None], activation, delta[None])
    for got, expected in zip(mine, slow_chain(matrices, x, activation, delta), strict=True):
        assert max_abs_difference(got, expected) < 1e-12


@pytest.mark.parametrize("activation", list(method.ACTIVATIONS))
def test_propagate_equals_pytorch(activation):
    forward, backward = method.propagate(list(REFERENCE["W"]), REFERENCE["x"], activation, REFERENCE["delta"])
    assert max_abs_difference(forward, REFERENCE[f"forward_{activation}"]) < 1e-12
    assert max_abs_difference(backward, REFERENCE[f"backward_{activation}"]) < 1e-12


@pytest.mark.parametrize("norm", ["RMSNorm", "LayerNorm"])
@pytest.mark.parametrize("place", list(method.PLACES))
def test_a_residual_stream_equals_pytorchs(place, norm):
    branches = list(zip(REFERENCE["W"], REFERENCE["V"], strict=True))
    forward, backward = method.residual_stream(branches, REFERENCE["x"], place, REFERENCE["delta"], norm)
    assert max_abs_difference(forward, REFERENCE[f"stream_{norm}_{place}"]) < 1e-10
    assert max_abs_difference(backward, REFERENCE[f"back_{norm}_{place}"]) < 1e-10


@pytest.mark.parametrize("activation", list(method.ACTIVATIONS))
def test_the_jacobian_is_what_small_steps_show(activation):
    matrices, x, _ = demos.a_net(4, "He")
    J = method.jacobian(matrices, x[0], activation)
    step = np.random.default_rng(0).normal(size=64)
    ends = []
    for sign in (1, -1):
        h = x[0] + sign * 1e-6 * step
        for W in matrices:
            h = method.ACTIVATIONS[activation](W @ h)[0]
        ends.append(h)
    assert max_abs_difference(J @ step, (ends[0] - ends[1]) / 2e-6) < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_he_keeps_the_mean_square_through_relu_and_xavier_halves_it(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(32, 1000))
    for draw, kept in ((method.he_init, 1.0), (method.xavier_init, 0.5), (method.pytorch_init, 1 / 6)):
        forward, backward = method.propagate([draw(rng, 1000, 1000)], x, "ReLU", rng.normal(size=(32, 1000)))
        assert (forward[1] / forward[0]) ** 2 == pytest.approx(kept, rel=0.1)
        assert (backward[0] / backward[1]) ** 2 == pytest.approx(kept, rel=0.1)


def test_a_wide_layer_that_keeps_the_signal_doubles_the_gradient():
    """The first question: 1,024 to 4,096 and σ² = 2/1024, here at a quarter of the widths."""
    rng = np.random.default_rng(0)
    W, x, delta = method.he_init(rng, 1024, 256), rng.normal(size=(64, 256)), rng.normal(size=(64, 1024))
    forward, backward = method.propagate([W], x, "ReLU", delta)
    assert forward[1] / forward[0] == pytest.approx(1, rel=0.05)
    assert backward[0] / backward[1] == pytest.approx(2, rel=0.05)


def test_the_example_by_hand():
    assert (np.array([[1, 1], [1, -1]]) @ [3, 1]).tolist() == [4, 2]
    assert (4**2 + 2**2) / 2 == 2 * (3**2 + 1**2) / 2


@pytest.mark.parametrize("seed", range(3))
def test_behind_twenty_layers_pytorchs_default_leaves_a_hundred_millionth_and_he_nearly_all(seed):
    assert 1e-9 < demos.size_after("PyTorch's nn.Linear", seed=seed) < 1e-7
    assert 0.15 < demos.size_after("He", seed=seed) < 3
    assert demos.layer_factor("PyTorch's nn.Linear", seed=seed) == pytest.approx(1 / math.sqrt(6), rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_he_is_larger_than_xavier_behind_twenty_layers_of_tanh(seed):
    assert demos.size_after("He", "tanh", seed=seed) > 2.5 * demos.size_after("Xavier", "tanh", seed=seed)
    for activation in ("GELU", "SiLU"):  # they die slowly
        assert demos.size_after("He", activation, L=32, seed=seed) < demos.size_after("He", activation, L=16, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_few_directions_come_through_he_and_relu_most_through_orthogonal_and_tanh(seed):
    assert demos.directions("He", seed=seed) < 20 < 28 < demos.directions("orthogonal · √2", "tanh", seed=seed)


# ---- streams


@pytest.mark.parametrize("seed", range(3))
def test_streams_grow_as_the_page_says(seed):
    plain = {place: demos.stream_end(place, seed=seed) for place in method.PLACES}
    assert plain["no norm"] == pytest.approx(2**16, rel=0.9)
    assert plain["no norm"] > 1e4
    assert plain["pre-norm"] == pytest.approx(math.sqrt(33), rel=0.15)
    scaled = {place: demos.stream_end(place, "/ √(2L)", seed=seed) for place in method.PLACES}
    assert scaled["pre-norm"] == pytest.approx(math.sqrt(2), rel=0.1)
    assert scaled["no norm"] == pytest.approx(math.sqrt(math.e), rel=0.15)
    assert scaled["both ends"] == pytest.approx(plain["both ends"], rel=1e-3)  # the norm behind undoes it
    for place in ("no norm", "pre-norm", "both ends"):
        assert demos.stream_end(place, "zero", seed=seed) == 1
    assert plain["post-norm"] == pytest.approx(1, rel=0.1)


# ---- twenty layers


@pytest.mark.parametrize("seed", range(3))
def test_gradients_of_the_second_layer_lie_far_apart_at_the_start(seed):
    x, y = rings.rings(np.random.default_rng(seed), rings.RING_POINTS)
    loss_of = rings.deep_loss(np.column_stack([x, np.ones(len(x))]), y, "ReLU")
    size = {name: rings.second_gradient(rings.deep_weights(name, seed), loss_of) for name in demos.SCHEMES}
    assert size["0.02 for all"] < 1e-18 < 1e-8
    assert size["PyTorch's nn.Linear"] < 1e-8 < size["Xavier"] < 1e-4 < size["He"]


@pytest.mark.parametrize("seed", range(3))
def test_he_learns_the_rings_within_about_ten_steps(seed):
    assert learning("He", 14, seed)[-1] < rings.LEARNT


def test_with_002_the_loss_stays_until_adams_floor_is_lowered():
    assert learning("0.02 for all", 30)[-1] == pytest.approx(math.log(2), abs=1e-3)
    assert min(learning("0.02 for all", 150, eps=1e-30)) < rings.LEARNT


def test_the_recorded_steps_are_what_a_net_takes():
    assert next(t for t, loss in enumerate(learning("Xavier", 70, 2)) if loss < rings.LEARNT) == 41
    assert rings.LEARNT_AFTER["ReLU"]["Xavier"][2] == 41
    assert rings.span_of("ReLU", "He", "orthogonal · √2") == "5 to 11"


def learning(scheme, steps, seed=0, eps=1e-8):
    x, y = rings.rings(np.random.default_rng(seed), rings.RING_POINTS)
    loss_of = rings.deep_loss(np.column_stack([x, np.ones(len(x))]), y, "ReLU")
    run = train(rings.deep_weights(scheme, seed), loss_of, [None] * steps, rings.ADAM_RATE, clip=np.inf,
                betas=(0.9, 0.999), eps=eps)  # fmt: skip
    return [step.loss for step in run]


def test_the_loss_of_the_rings_is_the_cross_entropy():
    x, y = rings.rings(np.random.default_rng(0), 8)
    inputs, weights = np.column_stack([x, np.ones(8)]), rings.deep_weights("He", 0)
    total = 0.0
    for row, target in zip(inputs, y, strict=True):
        h = row
        for i in range(rings.DEPTH):
            h = weights[str(i)] @ h
            h = np.maximum(h, 0) if i < rings.DEPTH - 1 else h
        p = 1 / (1 + math.exp(-h[0]))
        total -= math.log(p if target else 1 - p) / 8
    loss = rings.deep_loss(inputs, y, "ReLU")({k: Tensor(w) for k, w in weights.items()}, None)
    assert float(loss.value) == pytest.approx(total)


# ---- symmetry


@pytest.mark.parametrize("seed", range(3))
def test_units_that_begin_alike_stay_alike_to_the_last_bit(seed):
    W, b, v, losses = demos.train_rings(300, "all the same", seed)
    for part in (W, b, v):
        assert (part == part[0]).all()
    assert min(losses) > 0.4
    assert demos.train_rings(300, "the same, and 0.001 of noise", seed)[3][-1] < 0.25
    assert demos.train_rings(300, "random", seed)[3][-1] < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_rounding_elsewhere_does_not_show(seed, monkeypatch):
    """A machine whose tanh differs in its last bit shows the same numbers."""
    here = demos.train_rings(400, "all the same", seed)
    tanh = np.tanh
    monkeypatch.setattr(np, "tanh", lambda z: tanh(z) * (1 + 1e-15))
    for a, b in zip(here[:3], demos.train_rings(400, "all the same", seed)[:3], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_the_steps_of_the_rings_are_the_gradients():
    """Against autograd, one step."""
    x, y = demos.rings(np.random.default_rng(4), demos.POINTS)
    (W, b, v, _), (W_1, b_1, v_1, _) = (demos.train_rings(steps, "random", 4) for steps in (0, 1))
    tensors = [Tensor(each) for each in (W, b, v)]
    h = np.tanh(np.einsum("pi,ui->pu", x, tensors[0]) + tensors[1])
    z = np.einsum("pu,u->p", h, tensors[2])
    loss = (np.log(1 + np.exp(z)) - z * y).mean()
    for before, after, g in zip((W, b, v), (W_1, b_1, v_1), gradients(loss, tensors), strict=True):
        assert max_abs_difference(before - demos.STEP * g, after) < 1e-12


# ---- the house model


@pytest.mark.parametrize("seed", range(3))
def test_the_house_model_begins_above_guessing_and_zero_branches_make_it_repeat_itself(seed):
    assert 7.3 < house_model.first_loss(seed=seed) < 7.6
    assert house_model.first_loss(0.0125, seed=seed) == pytest.approx(math.log(147), abs=0.05)
    assert house_model.first_loss(adds="zero", seed=seed) > 17
    few = house_model.held_out(2)
    assert house_model.looked_at(house_model.beginner(4, adds="zero", seed=seed), few)["again"] > 0.9
    assert house_model.looked_at(house_model.beginner(4, others="0.02", seed=seed), few)["scores"] < 0.06


def test_a_beginner_has_the_deviations_that_its_controls_name():
    for adds, scale in (("/ √(2L)", 1 / math.sqrt(8)), ("as large as the others", 1.0), ("zero", 0.0)):
        w = house_model.beginner(4, adds=adds).weights
        assert w["2.o"].std() == pytest.approx(scale / math.sqrt(w["2.o"].shape[1]), rel=0.03)
        assert w["2.q"].std() == pytest.approx(1 / math.sqrt(96), rel=0.03)
        w = house_model.beginner(4, others="0.02", adds=adds).weights
        assert w["1.down"].std() == pytest.approx(0.02 * scale, rel=0.03)
        assert w["1.gate"].std() == pytest.approx(0.02, rel=0.03)


def test_the_trained_stream_grows_a_hundred_times_and_the_fresh_one_three():
    trained, fresh = house_model.looked_at_trained()["stream"], house_model.looked_at(
        house_model.beginner(4), house_model.held_out(2))["stream"]  # fmt: skip
    assert trained[-1] > 100 * trained[0]
    assert fresh[-1] < 5 * fresh[0]
    assert len(trained) == lm.load("target").L + 1


# ---- widths


def test_mup_keeps_the_best_rate_and_standard_rates_lose_it():
    best = {way: [widths.best_rate(way, d) for d in widths.WIDTHS] for way in widths.WAYS}
    assert set(best["μP"]) == {0.03}
    assert best["standard"] == [0.03, 0.01, 0.01, 0.003]
    at = [widths.mean_loss("μP", d, 0.03) for d in widths.WIDTHS]
    assert at == sorted(at, reverse=True)
    for mine, others in zip(LOSSES["μP"][128][0.03], LOSSES["standard"][128][0.003], strict=True):
        assert mine < others - 0.1  # in each seed
    assert LOSSES["standard"][128][0.1] == (None, None, None)
    for d in widths.WIDTHS[1:]:  # small rates only become smaller
        assert widths.mean_loss("μP", d, 0.003) > widths.mean_loss("standard", d, 0.003)


@cache
def first_steps(way, d):
    return [loss for _, loss, _ in islice(widths.cell(d, 3e-2, way, 0), 4)]


def test_at_the_base_width_both_ways_are_one_and_wider_they_part():
    assert widths.mup(16, 16) == (1, 1)
    assert first_steps("standard", 16) == first_steps("μP", 16)
    assert first_steps("standard", 32) != first_steps("μP", 32)


def test_a_cell_repeats_the_recorded_run():
    *_, (_, _, loss) = widths.cell(16, 0.03, "standard", 0)
    assert loss == pytest.approx(LOSSES["standard"][16][0.03][0], abs=0.05)


def test_short_texts_are_short_and_never_held_out_ones():
    texts = widths.short_texts(1_000_000, 20)
    assert max(len(each.words) for each in texts) <= 40
    assert widths.HELD_OUT > 1_000_000 + 3 * 1_000_000 + 60 * 1000


def test_the_figure_of_widths_shows_the_recorded_losses():
    figures = [each for each in views_of(widths.rate_against_width, defaults(widths.rate_against_width) | {"d": 64})
               if each["view"] == "figure"]  # fmt: skip
    for figure, way in zip(figures, widths.WAYS, strict=True):
        shown = dict(zip(figure["data"][-1]["x"], figure["data"][-1]["y"], strict=True))
        for eta, loss in shown.items():
            assert loss == pytest.approx(np.mean(LOSSES[way][64][eta]))


def test_gpt2_without_its_rule_adds_five_times_as_much():
    assert math.sqrt(2 * 12) == pytest.approx(4.9, abs=0.01)
