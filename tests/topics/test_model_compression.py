"""The claims of the page on model compression."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from topics.kit import GPUS, MODELS, lm, max_abs_difference
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.model.language import END
from topics.kit.model.losses import guessing, quoted_texts
from topics.kit.model.text import NUMBER, encode
from topics.kit.page.demo import defaults, views_of
from topics.model_compression import demos, distil, house_model, live, method, skills
from topics.model_compression.recorded import BITS, LOSS, ORDER, SKILL, STUDENTS, WORDS_OF

pytestmark = pytest.mark.topic("model_compression")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/model_compression.npz")
HOUSE_MODELS = ("target", "heads8-1", "heads8-2", "heads8-3")
SEEDS = range(3)


def view(demo, kind, /, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metric(demo, label, /, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"] == label)


# ---- fewer numbers


@pytest.mark.parametrize("seed", SEEDS)
def test_pruning_removes_the_smallest_and_never_more_than_asked(seed):
    rng = np.random.default_rng(seed)
    W = rng.integers(-3, 4, (5, 7)) / 2 + 10.0  # many of equal size
    for share in (0, 0.1, 0.5, 0.99, 1):
        kept = method.magnitude_prune(W, share)
        gone = round(share * 35)
        assert np.count_nonzero(kept) == 35 - gone
        assert sorted(np.abs(kept[kept != 0])) == sorted(np.abs(W).ravel())[gone:]
    assert W.all()


def test_bits_of_places_are_counted_and_not_estimated():
    rng = np.random.default_rng(0)
    for density, b, g in ((0.5, 16, 2), (0.2, 4, 3), (0.05, 4, 5), (0.02, 8, 4)):
        there = rng.random(400_000) < density
        assert abs(1 + there.mean() * b - method.bitmap_bits(density, b)) < 0.05
        bits = zeros = 0
        for value in there.tolist():
            if not value:
                zeros += 1
                if zeros == 2**g:
                    bits, zeros = bits + b + g, 0
            else:
                bits, zeros = bits + b + g, 0
        assert abs(bits / 400_000 / method.gap_bits(density, b, g) - 1) < 0.02


def test_the_crossovers_of_the_page_are_where_both_ways_cost_the_same():
    for b, low, high in ((4, 71, 72), (16, 76, 77)):
        zeros = demos.gaps_win_from(b)
        assert low < zeros < high
        for step, better in ((-0.5, False), (0.5, True)):
            density = 1 - (zeros + step) / 100
            gaps = min(method.gap_bits(density, b, g) for g in range(1, 9))
            assert (gaps < 1 + density * b) == better
    assert demos.pruning_pays_from(4) == 25
    assert 1 + 0.75 * 4 == 4


@pytest.mark.parametrize("r", [1, 3, 8])
def test_no_matrix_of_a_rank_is_nearer_than_the_cut_svd(r):
    rng = np.random.default_rng(r)
    W = rng.normal(size=(12, 8))
    B, A = method.svd_compress(W, r)
    assert (B.shape, A.shape) == ((12, r), (r, 8))
    best = np.linalg.norm(W - B @ A)
    assert math.isclose(best, math.sqrt((np.linalg.svd(W)[1][r:] ** 2).sum()), abs_tol=1e-10)
    for _ in range(20):
        other, _, _, _ = np.linalg.lstsq(Q := rng.normal(size=(12, r)), W, rcond=None)
        assert np.linalg.norm(W - Q @ other) >= best - 1e-9


def test_a_cut_fitted_to_inputs_errs_least_on_them():
    rng = np.random.default_rng(0)
    W, X = rng.normal(size=(9, 6)), rng.normal(size=(200, 6)) * np.array([9, 5, 1, 1, 0.3, 0.1])
    for r in (1, 3):
        B, A = method.svd_for_inputs(W, X, r, damp=1e-12)
        s = np.linalg.svd(X @ W.T, compute_uv=False)
        assert math.isclose(np.linalg.norm(X @ (W - B @ A).T), math.sqrt((s[r:] ** 2).sum()), rel_tol=1e-6)
        plain = np.matmul(*method.svd_compress(W, r))
        assert np.linalg.norm(X @ (W - B @ A).T) < np.linalg.norm(X @ (W - plain).T)


def test_the_largest_rank_that_fits_fits_and_the_next_does_not():
    for (n, m), b in product(((96, 96), (224, 96), (128, 96)), skills.SIZES):
        r = method.rank_for(n, m, b)
        assert 16 * r * (n + m) <= b * n * m < 16 * (r + 1) * (n + m)


# ---- shared numbers and names


@pytest.mark.parametrize("seed", SEEDS)
def test_k_means_gives_each_weight_its_nearest_level_and_each_level_its_mean(seed):
    w = np.random.default_rng(seed).normal(size=300)
    levels, codes = method.kmeans_quantize(w, 6, rounds=200)
    for x, code in zip(w, codes, strict=True):
        assert abs(x - levels[code]) <= min(abs(x - level) for level in levels) + 1e-12
    for i, level in enumerate(levels):
        assert math.isclose(level, w[codes == i].mean(), abs_tol=1e-9)
    spread = [((w - levels[codes]) ** 2).sum()]
    for rounds in (0, 1, 5):
        levels, codes = method.kmeans_quantize(w, 6, rounds)
        spread.append(((w - levels[codes]) ** 2).sum())
    assert spread[1] >= spread[2] >= spread[3] >= spread[0]


def test_a_level_that_nobody_is_near_to_stays():
    levels, codes = method.kmeans_quantize(np.array([0.0, 0.1, 10.0]), 4)
    assert np.isfinite(levels).all()
    assert set(codes.tolist()) == {0, 3}


@pytest.mark.parametrize("seed", SEEDS)
def test_huffmans_code_is_the_best_of_all_and_decodes_what_was_written(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, 5)
    lengths = method.huffman_lengths(counts)
    best = min(
        sum(n * x for n, x in zip(counts, each, strict=True))
        for each in product(range(1, 5), repeat=5)
        if sum(2.0**-x for x in each) <= 1
    )
    assert (counts * lengths).sum() == best
    assert method.entropy(counts) <= method.huffman_bits(counts) < method.entropy(counts) + 1
    names = method.canonical_codes(lengths)
    for a, b in product(names.values(), repeat=2):
        assert a == b or not b.startswith(a)
    symbols = rng.integers(0, 5, 200).tolist()
    assert method.decoded("".join(names[s] for s in symbols), names, 200) == symbols


def test_a_symbol_alone_takes_a_bit_and_one_that_never_comes_none():
    assert method.huffman_lengths(np.array([0, 9, 0])).tolist() == [0, 1, 0]
    assert method.canonical_codes(np.array([0, 1, 0])) == {1: "0"}


@pytest.mark.parametrize("places", [demos.BITMAP, demos.GAPS])
@pytest.mark.parametrize("pruned", [0, 50, 95])
def test_what_is_written_as_bits_is_read_again_but_not_without_places(pruned, places):
    badge = view(demos.shared_and_named, "badge", pruned=pruned, places=places)
    assert badge["value"] == 0
    broken = view(demos.shared_and_named, "badge", pruned=pruned, places=places, broken=True)
    assert (broken["value"] > 0.1) == (pruned > 0)


def test_the_numbers_said_of_names_are_those_of_the_demo():
    said = demos.named(16, 50)
    assert 3.3 < said["entropy"] < said["Huffman"] < 3.5
    assert demos.named(16, 90, demos.GAPS)["places"] < demos.named(16, 90, demos.BITMAP)["places"] == 1
    W, kept, levels, codes = demos._shared(16, 90)
    at, bits = np.flatnonzero(kept), 0
    g, padding = demos.gap_width(at)
    for zeros in np.diff(at, prepend=-1) - 1:
        bits += g * (1 + zeros // 2**g)
    assert math.isclose(demos.named(16, 90, demos.GAPS)["places"], bits / len(W))
    assert len(set(codes.tolist())) == demos.named(16, 90)["used"] < len(levels) == 16
    assert padding == sum(int(z) // 2**g for z in np.diff(at, prepend=-1) - 1)


# ---- which skill breaks


@pytest.mark.parametrize("way", skills.WAYS)
def test_a_compressed_model_takes_no_more_bits_than_it_says_and_is_nearer_with_more(way):
    W = lm.load("target").weights["1.v"].astype(float)
    X = skills.inputs_of(lm.load("target"))["1.v"] if way == skills.FITTED else None
    off = []
    for size in (2.5, 4.5, 8.5):
        kept, bits = skills.fit(W, way, size, X)
        assert bits <= size + 1e-9
        off.append(np.linalg.norm((W - kept) @ (np.eye(96) if X is None else X.T)))
    assert off[0] > off[1] >= off[2]


def test_pruned_and_rounded_weights_are_those_of_pruning_on_few_levels():
    W = lm.load("target").weights["0.q"].astype(float)
    kept = skills.pruned_and_rounded(W, 0.4)
    pruned = method.magnitude_prune(W, 0.4)
    assert not kept[pruned == 0].any()
    assert np.abs(kept - pruned).max() < np.abs(W).max() / 14 + 1e-9
    values = pruned[pruned != 0]
    first = values[:32]
    s = np.abs(first).max() / 7
    assert np.allclose(kept[pruned != 0][:32], s * np.rint(first / s))


def test_all_words_right_after_right_words_is_the_whole_working_written_by_the_model_itself():
    model, _ = skills.smaller(lm.load("target"), skills.PRUNE, 8.5)
    texts, right = skills.texts_of("explain", 24)[:8], skills.answered(model, "explain", 24)
    seen = set()
    for row, each in enumerate(texts):
        start = each.words.index(";") + 1
        new = list(lm.generate(model, encode(each.words[:start]), len(each.words) - start, stop=NUMBER[END]))
        whole = new == encode(each.words[start:]).tolist()
        assert whole == all(right[row, place - 1] for place in skills.answers_in(each, skills.WORKED))
        seen.add(whole)
    assert seen == {True, False}


def test_the_recorded_numbers_are_what_the_functions_give():
    model, bits = skills.smaller(lm.load("target"), skills.PRUNE, 8.5)
    p, whole, n = skills.judged(model, "explain", skills.KEPT["explain"])[skills.WORKED]
    assert abs(p - SKILL["target", "pruning"][skills.WORKED][-1][0] / 1000) < 0.002
    assert abs(whole - SKILL["target", "pruning"][skills.WORKED][-1][1] / 1000) < 0.02
    assert abs(n - WORDS_OF[skills.WORKED]) < 0.06
    assert math.isclose(bits, BITS["pruning"][-1], abs_tol=0.01)


def test_pruned_to_half_the_bits_all_four_models_lose_more_than_rounded_to_a_quarter():
    assert tuple(LOSS) == HOUSE_MODELS
    half, quarter = skills.SIZES.index(8.5), skills.SIZES.index(4.5)
    for name in HOUSE_MODELS:
        assert LOSS[name]["pruning"][half] > LOSS[name]["rounding"][quarter] + 0.03
        whole = [SKILL[name, way][skills.WORKED][i][1] for way, i in (("pruning", half), ("rounding", quarter))]
        assert whole[0] < 0.6 * whole[1]


def test_of_the_target_words_stay_right_while_workings_break():
    assert house_model.word_right(skills.PRUNE) > 95
    assert house_model.whole_right(skills.PRUNE) < 50
    assert abs(house_model.scattered(skills.PRUNE) - house_model.whole_right(skills.PRUNE)) < 8
    assert house_model.word_right(skills.PRUNE, 8.5, "facts") > 95
    assert house_model.whole_right(skills.PRUNE, 8.5, "songs") > 90
    assert house_model.whole_right(skills.ROUND, 3.5) > 90
    assert house_model.loss_at(skills.ROUND, 3.5) < 0.05
    assert house_model.whole_right(skills.ROUND, 3.5, "sums at once") < 90


def test_the_power_of_a_words_share_tells_whole_workings_in_all_models_ways_and_sizes():
    for (name, _), found in SKILL.items():
        assert name in HOUSE_MODELS
        for word, whole in found[skills.WORKED]:
            assert abs((word / 1000) ** WORDS_OF[skills.WORKED] - whole / 1000) < 0.06
    assert house_model.worst_power(house_model.WORKED) < 6.01
    assert house_model.worst_power("facts", "songs") > 30


def test_a_small_rise_of_the_loss_can_cost_half_of_the_workings():
    i = skills.SIZES.index(3.5)
    for name in HOUSE_MODELS[1:]:
        assert LOSS[name]["rounding"][i] < LOSS[name]["as it is"][0] + 0.05
        before, after = (SKILL[name, way][skills.WORKED][at][1] for way, at in (("as it is", 0), ("rounding", i)))
        assert after < before / 2


def test_shared_levels_lose_less_than_rounding_at_three_and_a_half_bits_in_all_four():
    i = skills.SIZES.index(3.5)
    for name in HOUSE_MODELS:
        assert LOSS[name]["shared levels"][i] < LOSS[name]["rounding"][i]
    assert BITS["shared levels"][i] < BITS["rounding"][i]


def test_low_rank_leaves_no_whole_working_in_any_of_the_four_but_fitted_loses_less():
    for name in HOUSE_MODELS:
        for way in ("low rank", "low rank, fitted to inputs"):
            assert all(whole == 0 for _, whole in SKILL[name, way][skills.WORKED])
        assert LOSS[name]["low rank, fitted to inputs"][-1] < LOSS[name]["low rank"][-1]


def test_the_order_of_pruning_and_rounding_hardly_matters_here_and_in_both_directions():
    gaps = [first - second for first, second in ORDER.values()]
    assert tuple(ORDER) == HOUSE_MODELS
    assert max(map(abs, gaps)) < 0.006
    assert min(gaps) < 0 < max(gaps)


def test_the_shaded_words_of_the_figure_are_wrong_and_follow_the_way():
    strip = view(house_model.which_skill_breaks, "tokens")
    assert sum(strip["values"]) >= 1
    whole = view(house_model.which_skill_breaks, "tokens", way=skills.ROUND)
    assert sum(whole["values"]) == 0


# ---- low rank


def test_half_of_the_numbers_ruin_the_matrices_and_not_what_a_fine_tune_added():
    loss = house_model.excess(house_model.cut_model(50)[0])
    assert loss > guessing(quoted_texts()) > 4
    whole = house_model.manners(lm.load("courteous"))
    for share in (10, 50):
        assert house_model.manners(house_model.cut_change(share)) < whole + 0.03
    assert house_model.manners(lm.load("target")) > 10 * whole
    for name in house_model.CUTS.values():
        assert house_model.energy(name, 50) < 75 < 80 < house_model.energy(name, 50, 1)


# ---- soft targets


@pytest.mark.parametrize("T", [1.0, 2.0, 5.0])
def test_the_loss_and_its_slope_equal_pytorchs(T):
    student, teacher, labels = (REFERENCE[name] for name in ("student", "teacher", "labels"))
    assert math.isclose(method.distillation_loss(student, teacher, labels, T, 0.3), REFERENCE[f"loss{T:g}"])
    slope = method.soft_gradient(student, teacher, T) / len(student)
    assert max_abs_difference(slope, REFERENCE[f"slope{T:g}"]) < 1e-12
    assert max_abs_difference(method.soft_gradient(student, teacher, T, False) * T**2, slope * len(student)) < 1e-12


def test_the_soft_loss_and_its_slope_equal_pytorchs_with_padding():
    student = Tensor(REFERENCE["student"])
    teacher, real = REFERENCE["teacher"], REFERENCE["real"]
    law = np.exp(teacher) / np.exp(teacher).sum(-1, keepdims=True)
    loss = distil.soft_loss(student, law, real)
    assert math.isclose(float(loss.value), REFERENCE["soft"])
    (slope,) = gradients(loss, [student])
    assert max_abs_difference(slope, REFERENCE["soft_slope"]) < 1e-12


@pytest.mark.parametrize("lam", [0.1, 0.5, 0.9])
def test_the_mixed_divergence_equals_pytorchs_and_vanishes_at_both_ends(lam):
    laws = [np.exp(z) / np.exp(z).sum(-1, keepdims=True) for z in (REFERENCE["teacher"], REFERENCE["student"])]
    assert max_abs_difference(method.generalised_jsd(*laws, lam), REFERENCE[f"jsd{lam:g}"]) < 1e-12
    assert max(method.generalised_jsd(*laws, end).max() for end in (1e-6, 1 - 1e-6)) < 1e-4
    assert 0.009 < demos.jsd_part(0.01) < 0.011


def test_the_pull_without_the_square_dies_and_with_it_keeps_its_order():
    for T in demos.TEMPERATURES:
        assert 0.5 < demos.pull(T, "untrained", True) < 2.5
        assert math.isclose(demos.pull(T, "untrained", False), demos.pull(T, "untrained", True) / T**2)
    assert demos.pull(4, "untrained", False) < 0.15
    assert demos.pull(4, "draft", True) > 10
    figure = view(demos.soft_targets, "figure")[0]
    teacher = dict(zip(figure["data"][0]["x"], figure["data"][0]["y"], strict=True))
    assert min(teacher["has"], teacher["visits"]) > 4 * max(teacher["gives"], teacher["takes"])


# ---- two students


def runs(how, texts):
    return [STUDENTS[f"{how}, {texts}, {seed}"] for seed in SEEDS]


def test_labels_stopped_in_time_are_as_good_in_loss_but_are_learnt_by_heart():
    for (labels, said), (laws, taught) in zip(
        runs(distil.LABELS, distil.AGAIN), runs(distil.LAWS, distil.AGAIN), strict=True
    ):
        assert abs(min(labels) - min(laws)) < 6
        assert labels[-1] > min(labels) + 30
        assert labels[-1] > laws[-1] + 20
        assert taught[-1] > said[-1] + 40
        assert taught[laws.index(min(laws))] > said[labels.index(min(labels))]


def test_on_new_texts_both_losses_stay_low_and_the_laws_student_is_accepted_more():
    for (labels, said), (laws, taught) in zip(
        runs(distil.LABELS, distil.NEW), runs(distil.LAWS, distil.NEW), strict=True
    ):
        assert labels[-1] < min(labels) + 25
        assert laws[-1] < min(laws) + 25
        assert taught[-1] > said[-1] + 15


def test_a_student_learns_as_recorded():
    *_, student = distil.runs(distil.LAWS, distil.AGAIN, 0, 2)
    loss, accepted = distil.judged_student(student)
    losses, shares = STUDENTS[f"{distil.LAWS}, {distil.AGAIN}, 0"]
    assert abs(loss - losses[1] / 1000) < 0.003
    assert abs(accepted - shares[1] / 1000) < 0.003


def test_accepted_is_the_overlap_of_two_laws_and_whole_for_the_teacher_itself():
    assert math.isclose(distil.judged_student(lm.load(distil.TEACHER))[1], 1, abs_tol=1e-6)
    assert distil.judged_student(lm.load(distil.STUDENT))[1] < 0.95
    assert live.best([(0, 3.0, 0.1), (2, 1.0, 0.2), (4, 2.0, 0.3)]) == (2, 1.0, 0.2)


# ---- in real models


def test_the_machines_that_hold_a_model_are_the_smallest_that_do():
    for name, kind in product(("Llama-3.1-8B", "Llama-3.1-70B", "gpt-oss-120b", "DeepSeek-V3"), ("BF16", "NVFP4")):
        chosen, need = demos.smallest(name, kind), demos.gigabytes(name, kind) * 1e9
        assert GPUS[chosen].memory >= need
        assert all(gpu.memory < need for gpu in GPUS.values() if gpu.memory < GPUS[chosen].memory)
    assert demos.smallest("Llama-3.1-70B", "BF16") == "H200"
    assert round(demos.gigabytes("Llama-3.1-70B")) == round(2 * MODELS["Llama-3.1-70B"].parameters / 1e9)


def test_published_sizes_make_less_than_a_bit_a_weight():
    assert 0.9 < 32 * 6.9 / 240 < 0.93  # AlexNet, from 240 MB of 32-bit weights to 6.9 MB
