"""The claims of the page on structured pruning."""

from pathlib import Path

import numpy as np
import pytest

from topics.kit import PLAIN, lm, max_abs_difference
from topics.kit.model.losses import above_floor, floor, guessing, quoted_texts
from topics.kit.page.demo import defaults, views_of
from topics.structured_pruning import cuts, demos, house_model, live, method, patterns, told
from topics.structured_pruning.recorded import (
    AGREES,
    CALIBRATED,
    ENERGY,
    HEAD_SCORES,
    HEADS,
    HEALED,
    HOUSE_MODELS,
    INFLUENCE,
    LAYERS,
    LIVE,
    NEURONS,
    PATTERN,
    REPAIRED,
    SKILLS,
    STREAM,
    TWO_OF_EACH,
    WHOLE,
    WORKING,
)

pytestmark = pytest.mark.topic("structured_pruning")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/structured_pruning.npz")
SEEDS = (0, 1, 2)
TARGET = "target"


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


# ---- scores


@pytest.mark.parametrize("relative", [False, True])
def test_a_heads_importance_is_the_mean_length_of_what_it_adds(relative):
    rng = np.random.default_rng(0)
    A, W_O, X = rng.normal(size=(7, 3, 2)), rng.normal(size=(5, 6)), rng.normal(size=(7, 5))
    for h in range(3):
        total = 0.0
        for n in range(7):
            added = [sum(W_O[i, 2 * h + k] * A[n, h, k] for k in range(2)) for i in range(5)]
            size = sum(y * y for y in added) ** 0.5
            total += size / sum(y * y for y in X[n]) ** 0.5 if relative else size
        got = method.head_importance(A, W_O, X if relative else None)[h]
        assert got == pytest.approx(total / 7)


def test_what_all_heads_add_is_the_layers_output():
    model, batch = lm.load(TARGET), cuts.some_texts(2, 0)
    now = cuts.seen(model, batch)
    heads, W_O = now["heads", 1], model.weights["1.o"]
    whole = heads.reshape(len(heads), -1) @ W_O.T
    one = [heads[:, h] @ W_O[:, h * model.D : (h + 1) * model.D].T for h in range(model.H)]
    assert max_abs_difference(sum(one), whole) < 1e-4
    assert method.head_importance(heads, W_O)[3] == pytest.approx(np.linalg.norm(one[3], axis=1).mean(), rel=1e-5)


def test_the_least_are_compared_over_all_layers_and_ties_go_to_the_first():
    S = np.array([[5.0, 1.0, 1.0], [1.0, 0.5, 9.0]])
    assert method.least(S, 0).sum() == 0 and method.least(S, 6).all()
    assert method.least(S, 2).tolist() == [[False, True, False], [False, True, False]]


def test_block_influence_is_one_less_pytorchs_cosine():
    got = method.block_influence(REFERENCE["a"], REFERENCE["b"])
    assert got == pytest.approx(float(REFERENCE["influence"]), abs=1e-12)
    assert method.block_influence(REFERENCE["a"], 3 * REFERENCE["a"]) == pytest.approx(0, abs=1e-12)


# ---- slices


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sliced_model_says_what_the_masked_one_says(seed):
    model, (words, _, _) = lm.load(TARGET), cuts.some_texts(2, seed)
    rng = np.random.default_rng(seed)
    gone = np.array([method.least(rng.random(model.H), 3) for _ in range(model.L)])
    small = cuts.sliced_heads(model, gone)
    assert small.H == small.H_kv == 5 and small.weights["0.q"].shape == (5 * model.D, model.d)
    masked = lm.forward(cuts.without_heads(model, gone), words)
    assert max_abs_difference(lm.forward(small, words), masked) < 1e-3

    keep = cuts.neurons_that_stay(rng.random((model.L, model.F)), 0.25)
    small, stay = cuts.sliced_neurons(model, keep), np.zeros((model.L, model.F))
    np.put_along_axis(stay, keep, 1, 1)
    masked = model.with_weights({f"{i}.down": model.weights[f"{i}.down"] * stay[i] for i in range(model.L)})
    assert small.F == 168
    assert max_abs_difference(lm.forward(small, words), lm.forward(masked.with_weights(
        {name: w.astype(np.float32) for name, w in masked.weights.items()}), words)) < 1e-3  # fmt: skip


def test_a_model_without_a_layer_runs_the_others_in_their_order():
    model, (words, _, _) = lm.load(TARGET), cuts.some_texts(2, 0)
    shallow = cuts.without_layer(model, 1)
    assert shallow.L == 3 and (shallow.weights["1.q"] == model.weights["2.q"]).all()
    silent = model.with_weights({"1.o": 0 * model.weights["1.o"], "1.down": 0 * model.weights["1.down"]})
    assert max_abs_difference(lm.forward(shallow, words), lm.forward(silent, words)) < 1e-3


@pytest.mark.parametrize("part", list(demos.TOGETHER))
@pytest.mark.parametrize("H_kv", [4, 2])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_block_without_a_part_says_what_it_says_when_the_part_is_silent(part, H_kv, k):
    badge = view(demos.what_goes_together, "badge", part=part, H_kv=H_kv, k=k)
    assert badge["value"] <= badge["limit"]
    broken = view(demos.what_goes_together, "badge", part=part, H_kv=H_kv, k=k, broken=True)
    if len(demos._gone(part, k, H_kv)):
        assert broken["value"] > 0.01


def test_a_head_in_the_block_is_the_kits_attention_without_positions():
    w = demos._block(2)
    x = w["embedding"][[3, 1, 4]]
    q, k, v = x @ w["q"].T, x @ w["k"].T, x @ w["v"].T
    total = x.copy()
    for h in range(4):
        g = h // 2
        for n in range(3):
            scores = [q[n, 4 * h : 4 * h + 4] @ k[m, 4 * g : 4 * g + 4] / 2 for m in range(3)]
            mix = np.exp(scores) / np.exp(scores).sum()
            said = sum(mix[m] * v[m, 4 * g : 4 * g + 4] for m in range(3))
            total[n] += w["o"][:, 4 * h : 4 * h + 4] @ said
    gate = total @ w["gate"].T
    total = total + (gate / (1 + np.exp(-gate)) * (total @ w["up"].T)) @ w["down"].T
    assert max_abs_difference(demos._says(w, np.array([3, 1, 4])), total) < 1e-12


# ---- patterns


def test_two_of_four_are_those_that_pytorchs_sparsifier_keeps():
    W, x = REFERENCE["W"], REFERENCE["x"]
    assert (method.two_four_mask(np.abs(W)) == REFERENCE["two_four_magnitude"]).all()
    assert (method.two_four_mask(method.wanda_scores(W, x)) == REFERENCE["two_four_wanda"]).all()


def test_masks_of_rows_and_of_single_weights_are_those_of_pytorch():
    W = REFERENCE["W"]
    assert (patterns.mask_of(W, None, patterns.ANYWHERE, 0.5) == REFERENCE["anywhere"]).all()
    assert (~method.least((W**2).sum(1), 5) == REFERENCE["rows_left"]).all()


@pytest.mark.parametrize("S", [np.ones((2, 8)), np.zeros((1, 4)), np.array([[1.0, 1, 1, 2, -1, -2, -3, -4]])])
def test_exactly_two_of_four_stay_whatever_ties(S):
    assert (method.two_four_mask(S).reshape(-1, 4).sum(1) == 2).all()


def test_wanda_compares_within_a_row_and_looks_at_inputs():
    W, x = np.array([[1.0, 2.0], [10.0, 20.0]]), np.array([[9.0, 1.0], [9.0, 1.0]])
    mask = method.row_mask(method.wanda_scores(W, x), 0.5)
    assert mask.tolist() == [[True, False], [True, False]]
    assert method.row_mask(np.abs(W), 0.5).tolist() == [[False, True], [False, True]]


def test_only_two_four_fits_the_kernel_and_down_the_columns_it_does_not():
    rows = {row[0]: float(row[2]) for row in view(house_model.patterns, "table")["rows"]}
    assert rows["2:4"] == rows["2:4, Wanda"] == 100 and max(rows[p] for p in patterns.PATTERNS[:3]) < 75
    broken = {row[0]: float(row[2]) for row in view(house_model.patterns, "table", broken=True)["rows"]}
    assert broken["2:4"] < 75 and broken["2:4, Wanda"] < 75


@pytest.mark.parametrize("seed", SEEDS)
def test_fours_down_the_columns_lose_more(seed):
    for pattern in ("2:4", "2:4, Wanda"):
        down, across = (house_model.lost_by(pattern, 50, broken, seed)[0] for broken in (True, False))
        assert down > across > 4 * max(house_model.lost_by(patterns.ANYWHERE, 50, False, seed)[0], 0.01)


# ---- repair


def test_the_repair_is_pytorchs_least_squares_and_held_it_stays_nearer_to_the_old_matrix():
    H, Y, W = REFERENCE["H"], REFERENCE["Y"], np.ones((5, 6))
    assert max_abs_difference(method.repair_least_squares(H, Y, W, 0), REFERENCE["fit"]) < 1e-10
    away = [np.linalg.norm(method.repair_least_squares(H, Y, W, hold) - W) for hold in (0, 0.1, 1, 100)]
    assert away == sorted(away, reverse=True) and away[3] < away[0] / 20


def test_a_repair_of_nothing_changes_nothing_that_texts_show():
    model, batch = lm.load(TARGET), cuts.to_look_at()
    same = cuts.repaired(model, cuts.sliced_neurons(model, cuts.neurons_that_stay(cuts.neuron_scores(model), 0)), batch)
    assert cuts.loss_of(same, batch) == pytest.approx(cuts.loss_of(model, batch), abs=3e-3)


# ---- the headline


@pytest.mark.parametrize("seed", SEEDS)
def test_the_least_outputs_are_the_worst_heads_to_drop_and_one_division_repairs_it(seed):
    size, relative = (house_model.added(8, kind, seed) for kind in (cuts.SIZE, cuts.RELATIVE))
    assert size > 1.5 and relative < 0.35 and size > 7 * relative
    assert house_model.dropped(8, cuts.SIZE, seed)[0].sum() >= 3
    assert house_model.dropped(8, cuts.RELATIVE, seed)[0].sum() == 0
    assert house_model.streams(seed)[0] < house_model.streams(seed)[3] / 30


def test_at_its_defaults_the_least_outputs_cost_about_as_much_as_blind_guessing():
    texts = quoted_texts()
    assert 3.9 < guessing(texts) < 4.2 and floor(texts) > 0
    assert house_model.heads_added(cuts.SIZE) > 3.9 and max(house_model.draws_added()) < house_model.heads_added(
        cuts.SIZE
    )


def test_the_figures_text_follows_its_controls():
    figure = view(house_model.drop_heads, "figure", n=2)
    assert "Without 2 heads" in figure["alt"]
    told_ = view(house_model.drop_heads, "figure", n=0)
    assert "Without 0 heads" in told_["alt"]
    assert view(house_model.drop_heads, "note", n=0)["text"] == "All heads are there."


# ---- what was recorded


def test_the_recorded_losses_are_those_of_the_quoted_texts():
    model = lm.load(TARGET)
    assert above_floor(model, quoted_texts()) == pytest.approx(WHOLE[TARGET], abs=2e-4)
    now = cuts.head_scores(model, cuts.RELATIVE, cuts.to_look_at())
    assert (method.least(np.array(HEAD_SCORES[cuts.RELATIVE]), 8) == method.least(now, 8)).all()


@pytest.mark.parametrize("name", HOUSE_MODELS)
def test_eight_or_twelve_heads_of_least_output_cost_more_than_any_of_twenty_draws(name):
    for k in (8, 12):
        assert len(HEADS["random"][k][name]) == 20
        assert HEADS[cuts.SIZE][k][name] > max(HEADS["random"][k][name])
        assert HEADS[cuts.RELATIVE][k][name] < min(HEADS["random"][k][name])
    assert HEADS[cuts.RELATIVE][8][name] < 2.2 * HEADS["alone"][8][name]
    assert all(HEADS["alone"][k][name] <= HEADS[cuts.GRADIENT][k][name] for k in (4, 8, 12))


@pytest.mark.parametrize("name", HOUSE_MODELS)
def test_output_size_ranks_heads_against_their_cost_and_size_over_stream_with_it(name):
    assert AGREES[cuts.SIZE][name][0] < -0.2 and AGREES[cuts.SIZE][name][1] >= 4
    assert AGREES[cuts.RELATIVE][name][0] > 0.65 and AGREES[cuts.RELATIVE][name][1] == 0


def test_of_four_heads_the_least_outputs_are_not_always_worse_than_chance():
    assert told.draws_as_bad(8) == told.draws_as_bad(12) == 0 < told.draws_as_bad(4) < told.draws(4)


@pytest.mark.parametrize("name", HOUSE_MODELS)
def test_the_division_repairs_the_score_whatever_texts_it_looked_at(name):
    for size, relative in zip(CALIBRATED[cuts.SIZE][name], CALIBRATED[cuts.RELATIVE][name], strict=True):
        assert size > 6 * relative and relative < 0.35
    assert len(CALIBRATED[cuts.SIZE][name]) == 5 and 0 < told.calibrated_as_bad() < 5


@pytest.mark.parametrize("name", HOUSE_MODELS)
def test_within_layers_the_division_hardly_matters(name):
    assert abs(TWO_OF_EACH[cuts.SIZE][name] - TWO_OF_EACH[cuts.RELATIVE][name]) < 0.06
    assert STREAM[name][3] > 30 * STREAM[name][0]


def test_block_influence_ranks_the_later_layers_backwards_in_two_models_and_rightly_in_none():
    assert told.ranked_backwards() == ["target", "heads8-2"] and told.ranked_right() == []
    for name in HOUSE_MODELS:
        assert INFLUENCE[name][0] == max(INFLUENCE[name]) and LAYERS[0][name] == max(x[name] for x in LAYERS.values())
        assert LAYERS[3][name] == min(x[name] for x in LAYERS.values())


@pytest.mark.parametrize("name", HOUSE_MODELS)
def test_two_four_costs_more_than_free_patterns_of_as_many_weights_and_wanda_less_than_size(name):
    for pattern in ("2:4", "2:4, Wanda"):
        assert PATTERN[pattern][0.5][name] > 1.5 * max(PATTERN[free][0.5][name] for free in patterns.PATTERNS[:3])
        assert WORKING[pattern][name] <= 4 and ENERGY[pattern][name] > 84
    for pattern in ("within rows", "2:4"):
        assert PATTERN[f"{pattern}, Wanda"][0.5][name] < PATTERN[pattern][0.5][name]
        assert ENERGY[f"{pattern}, Wanda"][name] < ENERGY[pattern][name]
    assert SKILLS["half the neurons"][name][0] < 0.8 * SKILLS["whole"][name][0]


@pytest.mark.parametrize("name", HOUSE_MODELS)
def test_half_of_the_neurons_cost_little_by_their_weights_and_a_held_fit_never_harms(name):
    assert 4 * NEURONS["weights"][0.5][name] < min(NEURONS["random"][0.5][name])
    for share in (0.5, 0.75):
        assert REPAIRED[share, 96, 0.01][name] < REPAIRED[share, 24, 0.01][name] < REPAIRED[share, 24, 0][name]
        assert REPAIRED[share, 96, 0.01][name] < NEURONS["weights"][share][name]
    assert REPAIRED[0.75, 24, 0][TARGET] > NEURONS["weights"][0.75][TARGET]


def test_training_heals_further_and_a_loose_fit_on_few_texts_harms():
    for runs in HEALED.values():
        assert all(run[0] > run[1] > run[2] for run in runs) and len(runs) == 3
    assert all(end < cut / 3 and fit < 0.75 * cut for cut, fit, end in LIVE[live.FITTED])
    assert all(fit > cut for cut, fit, _ in LIVE[live.LOOSE])
    assert all(end < 0.4 * cut for cut, _, end in LIVE[live.NO_REPAIR])


# ---- real models


@pytest.mark.parametrize("name", ["Llama-3.1-8B", "Llama-2-7B", "Llama-3.1-70B"])
def test_an_uncut_model_has_all_its_parameters_and_minitrons_two_shapes_are_counted(name):
    assert demos.parameters(PLAIN[name], demos.shapes(name, 100, 100, 100))[0] == PLAIN[name].parameters
    assert demos.shapes("Llama-3.1-8B", 64, 75, 100) == (32, 3072, 9216)  # nvidia2026pruning
    assert round(demos.billions("Llama-3.1-8B", 64, 75), 1) == round(demos.billions("Llama-3.1-8B", L=50), 1) == 4.5


def test_half_of_the_layers_leave_half_of_the_cache_and_half_of_the_width_all_of_it():
    half = view(demos.cut_a_real_model, "figure", F=100, d=100, L=50)["data"][0]["y"]
    narrow = view(demos.cut_a_real_model, "figure", F=100, d=50, L=100)["data"][0]["y"]
    assert half[1] == 50 and narrow[1] == 100 and narrow[0] < 100


def test_a_masked_product_takes_as_many_flop_and_a_sliced_one_its_share():
    found = view(live.masked_or_sliced, "table", m=64)
    flop = {row[0]: float(row[1]) for row in found["rows"]}
    assert flop["whole"] == flop["neurons masked"] == flop["zeros anywhere"] == 2 * flop["neurons sliced"]
