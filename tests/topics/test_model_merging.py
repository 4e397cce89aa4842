"""The claims of the page on model merging."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.text import decode, encode
from topics.kit.page.demo import defaults, views_of
from topics.model_merging import alignment, demos, house_model, libraries, method, skills, two_networks
from topics.model_merging.recorded import AMOUNTS, COURTEOUS_LOSS, GEOMETRY, PATHS, RULES, SOUPS, SUMS_BOTH

pytestmark = pytest.mark.topic("model_merging")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/model_merging.npz")
SEEDS = range(3)


def view(demo, kind, /, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metric(demo, label, /, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"].startswith(label))


def some_models(seed, n=3):
    rng = np.random.default_rng(seed)
    return [{"W": rng.normal(size=(4, 3)), "b": rng.normal(size=5)} for _ in range(n)]


# ---- sums


def test_a_merge_is_the_sum_of_the_changes_weight_by_weight():
    base, *tuned = some_models(0)
    lam = (0.7, -0.3)
    got = method.add_changes(base, [method.task_vector(each, base) for each in tuned], lam)
    for name, w in base.items():
        for i, x in enumerate(w.ravel().tolist()):
            wanted = x + sum(s * (each[name].flat[i] - x) for s, each in zip(lam, tuned, strict=True))
            assert abs(got[name].flat[i] - wanted) < 1e-12


def test_the_average_of_two_models_is_half_of_both_changes():
    base, *tuned = some_models(1)
    mean = method.linear_merge(tuned, (2, 2))
    half = method.add_changes(base, [method.task_vector(each, base) for each in tuned], (0.5, 0.5))
    assert all(max_abs_difference(mean[name], half[name]) < 1e-12 for name in base)
    first = method.linear_merge(tuned, (1, 0))
    assert all(max_abs_difference(first[name], tuned[0][name]) < 1e-12 for name in base)


def test_the_whole_change_of_one_model_gives_back_that_model():
    base, tuned = some_models(2, 2)
    got = method.add_changes(base, [method.task_vector(tuned, base)], (1,))
    assert all(max_abs_difference(got[name], tuned[name]) < 1e-12 for name in base)


# ---- TIES


def slow_ties(arrays, density, lam):
    kept = []
    for x in arrays:
        sizes = sorted((abs(v) for v in x.ravel().tolist()), reverse=True)
        least = sizes[max(1, int(density * len(sizes))) - 1]
        kept.append([v if abs(v) >= least else 0.0 for v in x.ravel().tolist()])
    out = []
    for values in zip(*kept, strict=True):
        sign = -1 if sum(values) < 0 else 1
        agree = [v for v in values if v * sign > 0]
        out.append(lam * sum(agree) / len(agree) if agree else 0.0)
    return np.array(out).reshape(arrays[0].shape)


@pytest.mark.parametrize("density", [0.05, 0.2, 0.5, 1.0])
def test_ties_trims_each_array_elects_a_sign_and_takes_the_mean_of_those_that_have_it(density):
    for seed in SEEDS:
        base, *changes = some_models(seed, 4)
        changes[1]["W"] *= 100  # one array is larger, and must not take the places of another
        merged = method.ties_merge(base, changes, density, 0.8)
        for name, w in base.items():
            wanted = w + slow_ties([each[name] for each in changes], density, 0.8)
            assert max_abs_difference(merged[name], wanted) < 1e-12


def test_the_sign_with_more_weight_wins_and_a_tie_is_positive():
    x = np.array([[3.0, 1.0, 2.0], [-1.0, -2.0, -2.0], [-1.0, 0.5, 0.0]])
    assert method.elect_sign(x).tolist() == [1, -1, 1]
    assert method.agreed_mean(x, method.elect_sign(x)).tolist() == [3, -2, 2]


def test_a_trimmed_zero_agrees_with_nobody():
    x = np.array([[4.0], [0.0], [2.0], [0.0]])
    assert method.agreed_mean(x, np.array([1.0])).tolist() == [3]
    assert method.agreed_mean(np.zeros((3, 1)), np.array([1.0])).tolist() == [0]


def test_ties_of_one_change_is_its_trimmed_self_and_of_equal_changes_that_change():
    base, change = some_models(3, 2)
    alone = method.ties_merge(base, [change], 1.0)
    thrice = method.ties_merge(base, [change] * 3, 1.0)
    for name, w in base.items():
        assert max_abs_difference(alone[name], w + change[name]) < 1e-12
        assert max_abs_difference(thrice[name], w + change[name]) < 1e-12


def test_ties_equals_pefts_and_mergekits():
    changes, w = REFERENCE["changes"], REFERENCE["weights"]
    for density in (0.2, 0.55, 1.0):
        ours = libraries.peft_ties(changes, w, density)
        assert max_abs_difference(ours, REFERENCE[f"peft_ties_{density}"]) < 1e-6  # its weights were FP32
        for normalize in (True, False):
            ours = libraries.mergekit_ties(changes, w, density, normalize)
            assert max_abs_difference(ours, REFERENCE[f"mergekit_ties_{density}_{normalize}"]) < 1e-12
        one = method.ties_merge({"x": REFERENCE["base"]}, [{"x": x} for x in changes], density)
        peft = REFERENCE["base"] + libraries.peft_ties(changes, np.ones(3), density)
        assert max_abs_difference(one["x"], peft) < 1e-12


def test_pefts_and_mergekits_ties_are_different_functions():
    assert max_abs_difference(REFERENCE["peft_ties_0.55"], REFERENCE["mergekit_ties_0.55_True"]) > 0.1


def test_in_mergekit_a_common_weight_cancels_and_in_peft_it_does_not():
    changes = REFERENCE["changes"]
    for rule, same in ((libraries.mergekit_ties, True), (libraries.peft_ties, False)):
        one, half = (rule(changes, w * np.ones(3), 0.5) for w in (1.0, 0.5))
        assert (max_abs_difference(one, half) < 1e-12) == same
    alike = [rule(changes, np.ones(3), 0.5) for rule in (libraries.mergekit_ties, libraries.peft_ties)]
    assert max_abs_difference(*alike) < 1e-12
    plain = [libraries.mergekit_ties(changes, w * np.ones(3), 0.5, normalize=False) for w in (1.0, 0.5)]
    assert max_abs_difference(0.5 * plain[0], plain[1]) < 1e-12


def test_task_arithmetic_equals_pefts():
    w = REFERENCE["weights"]
    got = method.add_changes({"x": np.zeros((12, 10))}, [{"x": x} for x in REFERENCE["changes"]], w)
    assert max_abs_difference(got["x"], REFERENCE["task"]) < 1e-6


# ---- DARE


def test_dare_is_right_in_the_mean_and_its_noise_is_what_the_page_says():
    x, p = np.array([0.5, -2.0, 1.0]), 0.8
    rng = np.random.default_rng(0)
    drawn = np.array([method.dare(x, p, rng) for _ in range(20_000)])
    assert np.allclose(drawn.mean(0), x, rtol=0.05)
    assert np.allclose(drawn.std(0), math.sqrt(p / (1 - p)) * np.abs(x), rtol=0.05)
    assert set(np.round(drawn[:, 0], 9)) == {0.0, 2.5}


def test_dare_drops_nothing_at_zero_and_does_not_rescale_when_told_not_to():
    x = np.random.default_rng(0).normal(size=(50, 40))
    assert np.array_equal(method.dare(x, 0.0, np.random.default_rng(1)), x)
    bare = method.dare(x, 0.9, np.random.default_rng(1), rescale=False)
    assert set(np.unique(bare == x)) == {False, True}
    assert abs(np.mean(bare != 0) - 0.1) < 0.03


def test_mergekits_and_pefts_dare_from_the_same_draw():
    x = REFERENCE["changes"][0]
    assert (
        max_abs_difference(libraries.mergekit_dare(x, 0.6, np.random.default_rng(1)), REFERENCE["mergekit_dare"]) < 1e-6
    )
    assert max_abs_difference(method.dare(x, 0.6, np.random.default_rng(1)), REFERENCE["peft_dare"]) < 1e-12


def test_mergekits_dare_keeps_the_sum_of_sizes():
    x = np.random.default_rng(0).normal(size=300)
    for seed in SEEDS:
        kept = libraries.mergekit_dare(x, 0.9, np.random.default_rng(seed))
        assert math.isclose(np.abs(kept).sum(), np.abs(x).sum(), rel_tol=1e-12)


# ---- paths


def test_slerp_meets_both_ends_and_turns_at_a_constant_rate():
    rng = np.random.default_rng(0)
    for shape, scale in (((3,), 1.0), ((2, 4), 5.0)):
        a, b = rng.normal(size=shape), scale * rng.normal(size=shape)
        assert max_abs_difference(method.slerp(0, a, b), a) < 1e-12
        assert max_abs_difference(method.slerp(1, a, b), b) < 1e-12
        unit = a / np.linalg.norm(a), b / np.linalg.norm(b)
        whole = method.angle(a, b)
        for t in (0.25, 0.6):
            at = method.slerp(t, *unit)
            assert math.isclose(np.linalg.norm(at), 1, rel_tol=1e-12)
            assert math.isclose(method.angle(unit[0], at), t * whole, rel_tol=1e-9)


def test_slerp_equals_mergekits_where_that_does_not_take_the_chord():
    for i in range(3):
        a, b = REFERENCE[f"pair_{i}"]
        ours, theirs = method.slerp(0.3, a, b), REFERENCE[f"slerp_{i}"]
        assert max_abs_difference(ours, theirs) < 1e-6, i
    assert method.cosine(*REFERENCE["pair_2"]) > 0.9995  # there mergekit took the straight line


def test_slerp_of_parallel_and_opposite_arrays_is_the_chord():
    a = np.array([1.0, -2.0, 3.0])
    for b in (a, 2 * a, a * (1 + 1e-15), -a):
        assert max_abs_difference(method.slerp(0.3, a, b), 0.7 * a + 0.3 * b) < 1e-9


@pytest.mark.parametrize("degrees", [5, 60, 90, 150])
def test_the_chord_of_equal_lengths_is_shortened_to_the_cosine_of_half_the_angle(degrees):
    omega = math.radians(degrees)
    a, b = np.array([1.0, 0.0]), np.array([math.cos(omega), math.sin(omega)])
    assert math.isclose(np.linalg.norm((a + b) / 2), math.cos(omega / 2), rel_tol=1e-12)
    assert math.isclose(metric(demos.arcs_and_chords, "Half-way, LERP", degrees=degrees), math.cos(omega / 2))
    assert math.isclose(metric(demos.arcs_and_chords, "Half-way, SLERP", degrees=degrees), 1)


def test_between_fine_tunes_slerp_is_the_chord_and_between_changes_it_is_task_arithmetic():
    assert math.cos(math.radians(GEOMETRY["degrees"] / 2)) > 0.999
    assert abs(demos.half_share(demos.changes_apart()) - 0.7) < 0.02
    a, b = np.array([1.0, 0.0]), np.array([np.cos(1.5), np.sin(1.5)])
    assert max_abs_difference(method.slerp(0.5, a, b), demos.half_share(np.degrees(1.5)) * (a + b)) < 1e-12


# ---- soups


def test_a_greedy_soup_never_scores_less_than_its_best_ingredient():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        target = rng.normal(size=4)
        models = [{"w": target + rng.normal(size=4)} for _ in range(5)]

        def score(model, target=target):
            return -float(((model["w"] - target) ** 2).sum())

        soup, taken = method.greedy_soup(models, score)
        assert score(soup) >= max(map(score, models))
        assert max_abs_difference(soup["w"], np.mean([models[i]["w"] for i in taken], 0)) < 1e-12
        assert taken[0] == max(range(5), key=lambda i: score(models[i]))


def test_soups_of_the_houses_fine_tunes_do_not_beat_the_best():
    *three, mean = SOUPS["quick"]
    assert min(three) <= mean < three[0] == max(three)
    *three, mean = SOUPS["courteous"]
    assert min(three) - 0.002 < mean < max(three)


# ---- the plane


def test_the_map_is_what_the_merged_model_says():
    for a, b in ((0.7, 0.7), (1.0, 0.0)):
        model = house_model.merged(a, b)
        courteous, _, _, *percent = skills.judged(model)
        at = AMOUNTS.index(b), AMOUNTS.index(a)
        assert abs(percent[2] - 100 / 80 * SUMS_BOTH[at[0]][at[1]]) < 1.3  # one sum of 80
        assert abs(courteous - COURTEOUS_LOSS[at[0]][at[1]] / 1000) < 1e-3


def test_a_sum_counts_as_right_only_if_the_model_writes_it_so():
    model = house_model.merged(0.7, 0.7)
    _, right, thanked, both = skills.summed(skills.answers(model))
    written = []
    for text in skills.texts_of(skills.BOTH)[:12]:
        begin = min(text.answers)
        written.append(
            tuple(decode(lm.generate(model, encode(text.words[:begin]), len(text.words) - begin))) == text.words[begin:]
        )
    hit = lm.forward(model, skills.batch_of(skills.BOTH)[0][:12]).argmax(-1) == skills.batch_of(skills.BOTH)[1][:12]
    for row, text, wrote in zip(hit, skills.texts_of(skills.BOTH), written, strict=False):
        assert row[min(text.answers) - 1 : len(text.words) - 1].all() == wrote
    assert both <= min(right, thanked)


def test_the_merge_has_more_right_and_thanked_for_than_either_parent_on_three_pairs():
    for seed in (1, 2, 3):
        merged = RULES[seed]["sum 0.7"][5]
        assert merged > RULES[seed]["courteous"][5] + 2
        assert RULES[seed]["quick"][5] < 1
        assert RULES[seed]["quick"][3] > RULES[seed]["sum 0.7"][3] + 2  # of sums alone it has more right
        assert (RULES[seed]["sum 0.5"][5] < RULES[seed]["courteous"][5]) == (seed < 3)
        assert RULES[seed]["sum 0.7"][1] < min(RULES[seed]["courteous"][1], RULES[seed]["quick"][1])


def test_manners_tip_over_at_half_of_courteous_change_and_sums_grow_with_quicks():
    both = np.array(SUMS_BOTH)
    assert both[:, AMOUNTS.index(0.4)].max() <= 1
    assert both[:, AMOUNTS.index(0.6)].min() > 40
    column = both[:, AMOUNTS.index(0.7)]
    assert column[AMOUNTS.index(1.0)] > column[AMOUNTS.index(0.7)] > column[AMOUNTS.index(0.0)]


def test_below_zero_the_loss_on_courteous_texts_rises_above_the_bases():
    row = COURTEOUS_LOSS[AMOUNTS.index(0.0)]
    assert row[AMOUNTS.index(-0.4)] > 1.4 * row[AMOUNTS.index(0.0)] > 10 * row[AMOUNTS.index(1.0)]


def test_changes_of_one_task_agree_and_of_two_are_nearly_perpendicular():
    cosines = np.array(GEOMETRY["cosines"])
    same = [cosines[i, j] for i, j in ((0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5))]
    assert min(same) > 0.7
    assert np.abs(cosines[:3, 3:]).max() < 0.06
    changes = [np.concatenate([x.ravel() for x in house_model.change(name).values()]) for name in house_model.TUNED]
    dot = float(np.dot(changes[0].astype(float), changes[1].astype(float)))
    lengths = [math.sqrt(float((x.astype(float) ** 2).sum())) for x in changes]
    assert abs(dot / lengths[0] / lengths[1] - cosines[0, 3]) < 1e-3
    assert abs(lengths[0] - GEOMETRY["lengths"][0]) < 0.01


# ---- weight by weight


def test_at_a_fifth_both_have_a_say_in_few_weights_and_half_of_those_conflict():
    for name in demos.MATRICES.values():
        both, conflict = demos.conflicts(0.2, name)
        assert 3 < both < 12, name
        assert 25 < conflict < 55, name
    both, conflict = demos.conflicts(0.2)
    pair = demos.changes_of("0.gate")
    limits = [sorted(np.abs(x).tolist(), reverse=True)[int(0.2 * x.size) - 1] for x in pair]
    kept = [np.abs(x) >= limit for x, limit in zip(pair, limits, strict=True)]
    assert math.isclose(100 * np.mean(kept[0] & kept[1]), both)
    assert 0.86 < np.mean(kept[0] ^ kept[1]) / np.mean(kept[0] | kept[1]) < 0.89  # seven in eight


def test_with_one_weight_and_density_the_libraries_make_other_models():
    says = {name: house_model.rule_says(name, 0.5, 0.5)[3] for name in house_model.FOUR_RULES}
    assert says["PEFT"] < 5
    assert says["mergekit"] > 70
    assert 40 < says["sum"] < 65


def test_ties_at_density_a_half_is_even_with_the_sums_and_elsewhere_far_behind_on_the_large_changes():
    for seed in (1, 2, 3):
        for plain in ("sum 0.7", "sum 1.0"):
            assert abs(RULES[seed]["ties 0.5"][1] - RULES[seed][plain][1]) < 0.01
    for seed in (2, 3):
        losses = [RULES[seed][f"ties {density}"][1] for density in (0.2, 0.5, 1.0)]
        assert max(losses) - min(losses) < 0.01
    for density in (0.2, 1.0):
        assert RULES[1][f"ties {density}"][1] > 3 * RULES[1]["sum 0.7"][1]


# ---- dropping


@pytest.mark.parametrize("seed", SEEDS)
def test_courteous_hardly_notices_what_ruins_quick_and_a_quarter_of_quick_survives(seed):
    assert house_model.dropped("courteous", 90, seed=seed) < house_model.dropped("courteous", 0) + 0.03
    assert house_model.dropped("quick", 90, seed=seed) > 1
    assert house_model.dropped("quick", 90, 0.25, seed=seed) < 0.12
    assert house_model.dropped("quick", 90, 0.25, seed=seed) > 2 * house_model.dropped("quick", 0, 0.25)
    assert 0.25 * house_model.rms_of("quick") < house_model.rms_of("courteous")


def test_without_rescaling_a_tenth_of_the_change_is_left():
    assert house_model.dropped("courteous", 90, 1.0, True) > 0.5
    rms = [house_model.rms_of(name) for name in house_model.TUNED]
    assert 3 < rms[1] / rms[0] < 4
    assert rms[0] > 3 * 0.002


# ---- one function twice


def test_the_order_found_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 6):
        gain = rng.normal(size=(n, n))
        best = max(itertools.permutations(range(n)), key=lambda order: sum(gain[i, j] for i, j in enumerate(order)))
        assert alignment.best_order(gain).tolist() == list(best)


def test_in_another_order_the_house_model_is_the_same_function_and_matching_finds_it_back():
    base, words = lm.load("target"), encode(house_model.PROBLEM)
    for seed in (0, 1):
        twin = house_model.shuffled_twin("both", seed)
        assert max_abs_difference(lm.forward(base, words), lm.forward(twin, words)) < 1e-3
        assert any(max_abs_difference(base.weights[key], twin.weights[key]) > 0.1 for key in base.weights)
        back = alignment.reordered(twin, alignment.aligning_order(base, twin))
        assert all(np.array_equal(base.weights[key], back.weights[key]) for key in base.weights)


def test_the_average_of_a_model_with_its_shuffled_twin_loses_nats_and_heads_do_most_of_it():
    middle = {}
    for part in house_model.PARTS:
        middle[part] = [house_model.between_twins(part, seed, False, 0.5) for seed in SEEDS]
    assert 2.5 < min(middle["both"]) < max(middle["both"]) < 6
    assert max(middle["hidden units"]) < min(middle["heads"])


def test_small_networks_meet_after_matching():
    for seed in SEEDS:
        x, y = two_networks.teacher(seed)
        ends = []
        for which in (1, 2):
            run = two_networks.train(two_networks.small_network(32, 1000 * seed + which), two_networks.error_of,
                                     ((x, y) for _ in range(300)), two_networks.RATE)  # fmt: skip
            *_, step = run
            ends.append(step.weights)
        held = two_networks.teacher(seed, held_out=True)
        plain = two_networks.path_errors(*ends, held)
        matched = two_networks.path_errors(ends[0], two_networks.matched(*ends), held)
        base = (plain[0] + plain[-1]) / 2
        assert plain[5] - base > 0.2
        assert matched[5] - base < 0.13 * (plain[5] - base)
        assert abs(matched[-1] - plain[-1]) < 1e-12


def test_in_this_pair_a_shared_start_is_worth_more_than_the_repairs_and_these_do_harm_to_it():
    shared, *repaired = [demos.barrier("one start, two trainings", way) for way in demos.WAYS]
    assert shared < min(repaired)
    for pair in list(demos.PAIR_NAMES)[1:]:
        assert demos.barrier(pair, "as they are") > 4
        assert demos.barrier(pair, "re-ordered") > 3.9
        assert 2.5 < demos.barrier(pair, "turned and re-ordered") < demos.barrier(pair, "as they are") - 0.8
        assert shared < 0.4 * demos.barrier(pair, "as they are")
        assert shared < demos.barrier(pair, "turned and re-ordered")
    assert {way for *_, way in PATHS} == set(demos.WAYS)


def test_the_recorded_ends_are_the_models_losses():
    words, targets, real = skills.padded(skills.held_out(24, start=20_000))
    least = -sum(sum(text.log_probs[1:]) for text in skills.held_out(24, start=20_000)) / real.sum()
    loss = float(skills.cross_entropy(lm.forward(lm.load("target"), words), targets, real)) - least
    assert abs(loss - PATHS["target", "heads8-1", "as they are"][0]) < 1e-3
