"""The claims of the page on scaling laws."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from topics.chinchilla import demos, house_model, method, published, recorded, runs
from topics.chinchilla.method import Law
from topics.kit import lm
from topics.kit.page.demo import defaults, views_of
from training.recorded.chinchilla import row, scaling_runs
from training.report import overall

pytestmark = pytest.mark.topic("chinchilla")

LAWS = [published.PRINTED, published.UNROUNDED, published.REPLICATION, Law(1.0, 50.0, 900.0, 0.2, 0.5)]
REFERENCE = Path(__file__).parents[1] / "reference/chinchilla.npz"


def slow_best(law, C):
    """ln N of least loss for C FLOP, by cutting the valley into thirds."""
    low, high = 0.0, math.log(C / 6)
    for _ in range(300):
        a, b = low + (high - low) / 3, high - (high - low) / 3

        def says(x):
            N = math.exp(x)
            return law.A / N**law.alpha + law.B / (C / 6 / N) ** law.beta

        low, high = (low, b) if says(a) < says(b) else (a, high)
    return (low + high) / 2


# ---- the law, and a budget


@pytest.mark.parametrize("law", LAWS)
def test_the_best_split_of_a_budget_is_the_lowest_point_of_its_valley(law):
    for C in (1e18, 5.76e23, 1e26):
        N, D = method.optimal_allocation(law, C)
        assert pytest.approx(C, rel=1e-12) == 6 * N * D
        assert math.log(N) == pytest.approx(slow_best(law, C), abs=1e-5)
        assert law.alpha * law.A / N**law.alpha == pytest.approx(law.beta * law.B / D**law.beta, rel=1e-9)
        profile = method.isoflop_profile(law, C, N * np.array([0.5, 0.99, 1.0, 1.01, 2.0]))
        assert np.argmin(profile) == 2


def test_a_law_recovers_its_constants_from_exact_points():
    for law in LAWS:
        C = np.geomspace(1e17, 1e21, 5)
        N = np.array([method.optimal_allocation(law, c)[0] for c in C])[:, None] * np.geomspace(0.2, 5, 6)
        D = C[:, None] / (6 * N)
        fit = method.fit_scaling_law(N.ravel(), D.ravel(), method.loss(law, N, D).ravel())
        assert fit.alpha == pytest.approx(law.alpha, rel=2e-3)
        assert fit.beta == pytest.approx(law.beta, rel=2e-3)
        assert pytest.approx(law.E, abs=5e-3) == fit.E
        assert np.allclose(method.loss(fit, N, D), method.loss(law, N, D), rtol=1e-4)


def slow_cost(law, N, D, L, delta=1e-3):
    """The sum of Huber losses, run by run."""
    total = 0.0
    for n, d, y in zip(N, D, L, strict=True):
        r = abs(math.log(law[0] + law[1] / n ** law[3] + law[2] / d ** law[4]) - math.log(y))
        total += r * r / 2 if r <= delta else delta * (r - delta / 2)
    return total


@pytest.mark.parametrize(
    ("name", "what", "most"), [("all", runs.ALL, 8e11), ("some", runs.ALL, 4e11), ("without", runs.NO_SONGS, 8e11)]
)
def test_the_fit_is_as_low_as_pytorchs_on_our_runs(name, what, most):
    found, seen = np.load(REFERENCE), most >= runs.C
    data = runs.N[seen], runs.D[seen], runs.losses(what)[seen]
    assert slow_cost(found[name], *data) == pytest.approx(float(found[f"{name}_cost"]), rel=1e-9)
    fit = runs.fitted(most, what)
    assert slow_cost(fit, *data) <= 1.002 * float(found[f"{name}_cost"])
    theirs, ours = Law(*found[name]), fit
    for N, D in ((42_560, 4e6), (469_632, 2.4e7)):
        assert method.loss(ours, N, D) == pytest.approx(method.loss(theirs, N, D), rel=0.01)


def test_a_run_that_counts_twice_is_as_two_runs():
    seen = runs.C <= 4e11
    N, D, L = runs.N[seen], runs.D[seen], runs.losses()[seen]
    counts = np.random.default_rng(0).integers(0, 3, len(L))
    doubled = [np.repeat(each, counts) for each in (N, D, L)]
    a, b = method.fit_scaling_law(N, D, L, counts=counts.astype(float)), method.fit_scaling_law(*doubled)
    assert np.allclose(method.loss(a, N, D), method.loss(b, N, D), rtol=1e-3)


def test_parabola_and_line_are_those_of_least_squares():
    rng = np.random.default_rng(1)
    for n in (3, 5, 9):
        x, y = rng.normal(size=n), rng.normal(size=n) ** 2
        y += 2 * x**2
        bend, tilt, _ = np.polyfit(x, y, 2)
        assert method.parabola_minimum(x, y) == pytest.approx(-tilt / (2 * bend), rel=1e-8)
        assert np.allclose(method.line_through(x, y), np.polyfit(x, y, 1), rtol=1e-9)


def test_the_interval_holds_the_middle_of_the_draws():
    values = np.random.default_rng(0).permutation(101)
    assert method.bootstrap_ci(values, 0.8) == pytest.approx((10, 90))
    assert method.bootstrap_ci(values, 0.5) == pytest.approx((25, 75))


# ---- our runs


def test_the_recorded_runs_are_those_of_training():
    runs_done = scaling_runs()
    assert len(runs_done) == len(recorded.RUNS) == 36
    assert sorted(row(run) for run in runs_done.values()) == sorted(recorded.RUNS)
    target = next(i for i in range(36) if runs.C[i] == runs.C.max())
    loss, floor = overall(runs_done["target"])
    assert runs.losses()[target] == pytest.approx(loss, abs=2e-4)
    assert runs.floor_of() == pytest.approx(floor, abs=2e-4)
    assert target == runs.LARGEST


def test_with_one_budget_neither_the_smallest_nor_the_largest_is_best():
    for budget, words in ((200e9, 109), (283e9, 155)):
        for what in (runs.ALL, runs.NO_SONGS):
            sizes, heights, _ = runs.slice_at(budget, what)
            best = int(np.argmin(heights))
            assert 0 < best < len(sizes) - 1
            assert np.argmax(heights) == len(sizes) - 1
            assert min(heights[0], heights[-1]) - heights[best] > runs.seed_spread()[1]
            assert round(budget / (6 * sizes[best] ** 2)) == words
    for budget in (400e9, 566e9, 800e9):  # the smallest with runs is the lowest, so the best is not known
        assert np.argmin(runs.slice_at(budget)[1]) == 0


def test_a_slice_lies_on_the_line_between_runs():
    size, budget = 17_472.0, 6 * 17_472 * 1.5e6
    at, heights = runs.curve_of(size)
    sizes, found, inside = runs.slice_at(budget)
    i = list(sizes).index(size)
    one, two = heights[1], heights[2]  # a million words and two
    share = (math.log(1.5e6) - at[1]) / (at[2] - at[1])
    assert found[i] == pytest.approx(one + share * (two - one))
    assert inside[i]


def test_a_floor_that_is_right_goes_with_a_prediction_that_is_wrong():
    law = runs.fitted(8e11)
    miss, seen = runs.misses(8e11)
    assert abs(law.E - runs.floor_of()) < 0.02
    assert runs.typical(miss[seen]) < 0.02
    assert miss[runs.LARGEST] > 0.25
    assert round(runs.C[runs.LARGEST] / 8e11) == 84 or round(runs.C[runs.LARGEST] / 8e11) == 85
    assert seen.sum() == 27
    floors = [runs.fitted(b).E for b in (2e11, 4e11, 8e11, 1.6e12)]
    assert max(floors) - min(floors) > 0.3  # so that it was right at one of them is luck


def test_without_songs_a_wrong_floor_goes_with_a_prediction_that_is_good():
    for most in (4e11, 8e11):
        miss, seen = runs.misses(most, runs.NO_SONGS)
        assert runs.typical(miss[~seen]) < 0.06
        assert runs.floor_of(runs.NO_SONGS) - runs.fitted(most, runs.NO_SONGS).E > 0.25
        bent, _ = runs.misses(most)
        assert runs.typical(bent[~seen]) > 3 * runs.typical(miss[~seen])


def test_copying_is_learnt_between_the_budgets():
    assert runs.COPIED[runs.C <= 8e11].max() < 0.2
    assert runs.COPIED[runs.run_of(43, 2)] < 0.1
    assert runs.COPIED[runs.run_of(43, 4)] > 0.8
    assert runs.COPIED[runs.run_of(470, 1)] < 0.1
    assert runs.COPIED[runs.run_of(470, 2)] > 0.9


def test_runs_far_above_the_floor_do_not_show_that_there_is_one():
    for most in (4e11, 8e11):
        with_floor, seen = runs.misses(most)
        without, _ = runs.misses(most, floor=False)
        assert runs.fitted(most, floor=False).E == 0
        assert abs(runs.typical(without[seen]) - runs.typical(with_floor[seen])) < 0.005


@cache
def drawn(what, n=60):
    seen = runs.C <= 8e11
    laws = []
    for seed in (0, 1, 2):
        draws = method.resampled(runs.N[seen], runs.D[seen], runs.losses(what)[seen], np.random.default_rng(seed))
        laws.append([next(draws) for _ in range(n // 3)])
    return laws


def test_resampling_does_not_see_that_the_form_is_wrong():
    for laws in drawn(runs.ALL):
        said = [method.loss(law, runs.N[runs.LARGEST], runs.D[runs.LARGEST]) for law in laws]
        assert method.bootstrap_ci(said)[0] > runs.losses()[runs.LARGEST] + 0.1
        low, high = method.bootstrap_ci([law.E for law in laws])
        assert high - low > 0.3


def test_without_songs_resampling_contains_what_was_measured():
    said = [method.loss(law, runs.N[runs.LARGEST], runs.D[runs.LARGEST])
            for laws in drawn(runs.NO_SONGS) for law in laws]  # fmt: skip
    low, high = method.bootstrap_ci(said)
    assert low < runs.losses(runs.NO_SONGS)[runs.LARGEST] < high


def test_the_best_size_grows_faster_where_embeddings_are_not_counted():
    for what in (runs.ALL, runs.NO_SONGS):
        assert runs.size_exponent(8e11, what, False) > runs.size_exponent(8e11, what) + 0.05


# ---- published laws


def test_the_published_numbers_of_tokens_a_parameter():
    ratios = [published.tokens_each(law, 5.76e23) for law in published.LAWS.values()]
    assert [round(each, 1) for each in ratios] == [92.6, 59.1, 18.4]
    rounded = published.REPLICATION._replace(alpha=0.35, beta=0.37)
    assert published.tokens_each(rounded, 5.76e23) == pytest.approx(15.7, abs=0.05)
    assert published.tokens_each(Law(1.62, 406.4, 410.7, 0.336, 0.283), 5.76e23) == pytest.approx(55, abs=0.5)
    at_the_slider = [published.tokens_each(law, 10**23.76) for law in published.LAWS.values()]
    assert np.allclose(ratios, at_the_slider, rtol=2e-3)


def test_real_models_lose_what_the_page_says():
    hoffmann, again = published.UNROUNDED, published.REPLICATION
    for name, both in {
        "Chinchilla": (0.003, 0.000),
        "GPT-3": (0.036, 0.016),
        "Llama-3.1-8B": (0.033, 0.054),
        "Llama-3.1-405B": (0.001, 0.001),
        "Qwen3-32B": (0.014, 0.029),
        "SmolLM3-3B": (0.06, 0.09),
    }.items():
        N, D, _ = published.TRAINED[name]
        lost = [published.lost(law, N, D) for law in (hoffmann, again)]
        assert lost == pytest.approx(both, abs=0.0035)
        assert min(lost) >= 0


def test_the_question_on_doubling_has_its_answer():
    law = Law(1.8, 500, 2000, 0.35, 0.37)
    more = method.loss(law, 16e9, 160e9), method.loss(law, 8e9, 320e9)
    assert more[0] < more[1]
    assert method.loss(law, 8e9, 160e9) - more[0] == pytest.approx(0.037, abs=5e-4)


def test_the_valley_is_flat():
    assert round(published.lost_by(0.5), 3) == round(published.lost_by(2.0), 3) == 0.005


def test_serving_makes_the_best_model_smaller_and_longer_trained():
    for law in LAWS[:3]:
        N_0, D_0 = method.optimal_allocation(law, 1e24)
        target, before = method.loss(law, N_0, D_0), N_0 * 1.01
        for T in (0.0, 1e12, 1e13, 1e14):
            N, D = method.cheapest_to_serve(law, target, T)
            assert method.loss(law, N, D) == pytest.approx(target, abs=1e-9)
            costs = []
            for n in N * np.linspace(0.97, 1.03, 7):
                costs.append(6 * n * method.tokens_for(law, n, target) + 2 * n * T)
            assert np.argmin(costs) == 3
            assert min(costs) == pytest.approx(method.lifetime_flops(N, D, T), rel=1e-9)
            served = 3 * D * (law.alpha * law.A / N**law.alpha / (law.beta * law.B / D**law.beta) - 1)
            assert served == pytest.approx(T, rel=1e-4, abs=1e-4 * D)  # eq:served
            assert before > N
            before = N
        assert method.cheapest_to_serve(law, target, 0.0)[0] == pytest.approx(N_0, rel=1e-6)


def test_thirteen_billion_parameters_become_seven():
    N, saved = published.sardana()
    assert pytest.approx(7e9, rel=0.03) == N
    assert saved == pytest.approx(0.17, abs=0.01)


def test_the_saw_block_on_serving():
    law = published.REPLICATION
    N_0, D_0 = method.optimal_allocation(law, 10**23.75)
    target = method.loss(law, N_0, D_0)
    N, D = method.cheapest_to_serve(law, target, 12.8e12)
    assert pytest.approx(3.2, abs=0.1) == D / D_0
    assert pytest.approx(1.4, abs=0.02) == N * D / (N_0 * D_0)
    saved = 1 - method.lifetime_flops(N, D, 12.8e12) / method.lifetime_flops(N_0, D_0, 12.8e12)
    assert saved == pytest.approx(1 / 3, abs=0.01)
    assert 2 * N_0 * 12.8e12 > 6 * N_0 * D_0
    small, long = method.cheapest_to_serve(law, target, 1280e12)
    assert long / small > 2000


# ---- parabolas


def test_wide_slices_are_biased_narrow_ones_noisy():
    clean = published.errors_of("as printed", 1.0, 0.0, 0)[:, 0]
    assert np.all(np.diff(clean) < 0)
    assert clean[published.GRID_16] == pytest.approx(0.945, abs=0.002)
    assert 0.99 < clean[0] < 1
    even = published.errors_of("both exponents 0.31", 1.0, 0.0, 0)[:, 0]
    assert np.allclose(even, 1, atol=1e-9)
    moved = published.errors_of("both exponents 0.31", 2.0, 0.0, 0)[:, 0]
    assert abs(moved[-1] - 1) > 0.01
    for seed in (0, 1, 2):
        spread = np.quantile(published.errors_of("as printed", 1.0, 0.004, seed)[:, 1:], (0.1, 0.9), axis=1)
        width = spread[1] - spread[0]
        assert width[0] > 4 * width[-1]
        assert 0.12 < width[0] < 0.25  # up to about 10 % to either side


def test_the_slopes_of_parabolas_are_right_where_their_level_is_not():
    law = published.PRINTED
    for reach in (2.0, 32.0):
        N, L = published.sampled(law, reach, 1.0)
        bottoms = [method.parabola_minimum(np.log(N[i]), L[i]) for i in range(5)]
        slope, _ = method.line_through(np.log(published.SLICES), np.array(bottoms))
        assert slope == pytest.approx(law.beta / (law.alpha + law.beta), abs=1e-6)


def test_a_law_fitted_to_the_same_points_has_no_bias_and_half_the_spread():
    found = [published.by_law("as printed", 16.0, 1.0, 0.004, seed) for seed in range(100, 116)]
    assert np.median(found) == pytest.approx(1, abs=0.01)
    narrow = [published.by_law("as printed", 2.0, 1.0, 0.004, seed) for seed in range(100, 116)]
    by_hand = published.errors_of("as printed", 1.0, 0.004, 0)[0, 1:]
    assert np.std(narrow) < 0.75 * np.std(by_hand)


# ---- six FLOP


def test_the_products_are_counted_as_they_are_done(monkeypatch):
    """Against a count of every einsum that the forward pass really does."""
    model, T = lm.load("draft"), 24
    words, counted, einsum = np.arange(T), [], np.einsum

    def counting(spec, a, b):
        inputs = spec.split("->")[0]
        one, two = inputs.split(",")
        letters = {}
        for names, array in ((one, a), (two, b)):
            names = names.replace("...", "")
            letters |= dict(zip(names, np.shape(array)[np.ndim(array) - len(names) :], strict=True))
        batch = np.shape(a)[: np.ndim(a) - len(one.replace("...", ""))] if "..." in one else ()
        counted.append(2 * math.prod(letters.values()) * math.prod(batch))
        return einsum(spec, a, b)

    expected = house_model.products(model, words)
    monkeypatch.setattr(np, "einsum", counting)
    lm.forward(model, words)
    assert sum(counted) == sum(expected.values())


def test_a_step_takes_six_flop_a_parameter_and_word_and_attention_on_top():
    model = lm.load("target")
    N = house_model.parameters(model)
    assert N == 469_632
    for T in (16, 64, 128):
        parts = house_model.products(model, np.arange(T) % model.V)
        matrices = 3 * (parts["layers"] + parts["output"]) / T / N
        assert matrices == pytest.approx(6, abs=0.02)  # norms multiply nothing here
        assert parts["attention"] == 4 * 4 * 8 * 16 * T * T
    assert house_model.steps_flops(64) == pytest.approx(6.8, abs=0.05)


# ---- what the page shows


def test_hidden_runs_stay_hidden_until_asked_for():
    views = views_of(demos.predict_the_largest, defaults(demos.predict_the_largest))
    assert "0.97" not in views[0]["alt"]
    assert {line[3] for line in views[2]["rows"]} == {"hidden"}
    assert not len(views[0]["data"][-1]["x"])
    shown = views_of(demos.predict_the_largest, defaults(demos.predict_the_largest) | {"shown": True})
    assert len(shown[0]["data"][-1]["x"]) == 9
    assert shown[2]["rows"][-1][2:] == ["1.28", "0.97"]


def test_resampling_live_ends_with_its_interval():
    *_, (progress, figure, metrics, _) = demos.resample_the_runs(800, runs.ALL, 25, 0)
    assert progress["done"] == progress["total"] == 25
    assert len(figure["data"][0]["x"]) == 25
    assert " to " in metrics["items"][0]["value"]


def test_rounding_alone_does_not_explain_llamas_tokens():
    most = max(a * 3.8e25**x for a in (0.285, 0.295) for x in (0.525, 0.535))
    assert most == pytest.approx(14.3e12, rel=0.01)
    assert most < 16.55e12 < 0.29 * 3.8e25**0.538
    assert round(0.538, 2) != 0.53


def test_models_of_today_read_far_more_than_any_of_the_laws_asks():
    for name in ("GPT-3", "Gopher"):
        N, D, _ = published.TRAINED[name]
        assert all(0.6 * published.tokens_each(law, 6 * N * D) > D / N for law in published.LAWS.values())
    for name in set(published.TRAINED) - {"GPT-3", "Gopher", "Chinchilla", "Llama-3.1-405B"}:
        N, D, _ = published.TRAINED[name]
        assert all(3 * published.tokens_each(law, 6 * N * D) < D / N for law in published.LAWS.values()), name
