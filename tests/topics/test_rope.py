"""The claims of the page on rotary position embedding."""

import cmath
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model.language import CONTEXT
from topics.kit.model.text import held_out, padded
from topics.kit.page.demo import defaults, views_of
from topics.rope import demos, house_model, method

pytestmark = pytest.mark.topic("rope")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/rope.npz")
KINDS = {"linear": "linear", "dynamic": "NTK-aware", "yarn": "YaRN", "yarn_exact": "YaRN", "llama3": "Llama 3.1"}


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def slow_rope(x, position, theta, interleaved):
    """By complex numbers, one pair at a time: x (D,)."""
    D, y = len(x), np.zeros(len(x))
    for p in range(D // 2):
        a, b = (2 * p, 2 * p + 1) if interleaved else (p, p + D // 2)
        turned = complex(x[a], x[b]) * cmath.exp(1j * position * theta[p])
        y[a], y[b] = turned.real, turned.imag
    return y


# ---- the rotation


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("D", [2, 8, 16])
def test_rope_equals_complex_numbers_turned_one_by_one(D, interleaved):
    (x,) = draw((5, D))
    theta = [10_000 ** (-2 * p / D) for p in range(D // 2)]
    ours = demos.apply_rope(x, np.arange(5)[:, None] * demos.rope_frequencies(D, 10_000), interleaved)
    assert max_abs_difference(ours, [slow_rope(row, i, theta, interleaved) for i, row in enumerate(x)]) < 1e-14


@pytest.mark.parametrize(
    ("x", "turned", "interleaved"),
    [
        ("q", "half_q", False),
        ("k", "half_k", False),
        ("q", "interleaved_q", True),
        ("k", "interleaved_k", True),
        ("q", "complex_q", True),
    ],
)
def test_both_pairings_equal_the_libraries_that_use_them(x, turned, interleaved):
    ours = demos.apply_rope(REFERENCE[x], REFERENCE["angles"], interleaved)
    assert max_abs_difference(ours, REFERENCE[turned]) < 1e-14


def test_angles_equal_those_of_the_library():
    angles = np.arange(6)[:, None] * demos.rope_frequencies(16, 10_000)
    for name, function in (("cos", np.cos), ("sin", np.sin)):
        assert max_abs_difference(np.tile(function(angles), 2)[None], REFERENCE[name]) < 1e-6


def test_the_house_model_turns_as_this_page_does():
    (x,) = draw((7, 2, 16))
    theta = demos.rope_frequencies(16, 10_000)
    assert max_abs_difference(theta, lm.rope_frequencies(16, 10_000)) == 0
    ours = demos.apply_rope(x, np.arange(7)[:, None, None] * theta)
    assert max_abs_difference(ours, lm.rotate(x, lm.rotation(np.arange(7), theta))) < 1e-6


@pytest.mark.parametrize("interleaved", [False, True])
def test_a_score_depends_on_the_distance_alone(interleaved):
    q, k = draw((32,), (32,))
    theta = demos.rope_frequencies(32, 10_000)
    for distance in (-5, 0, 1, 40):
        scores = [demos.apply_rope(q, (j + distance) * theta, interleaved) @ demos.apply_rope(k, j * theta, interleaved)
                  for j in (5, 77, 1000, 131_072)]  # fmt: skip
        assert np.ptp(scores) < 1e-9
    assert abs(demos.apply_rope(q, 3 * theta) @ k - demos.apply_rope(q, 4 * theta) @ k) > 1e-3


def test_lengths_are_kept_pair_by_pair():
    (x,) = draw((9, 16))
    y = demos.apply_rope(x, np.arange(9)[:, None] * demos.rope_frequencies(16, 500_000))
    assert max_abs_difference(np.hypot(*np.split(x, 2, -1)), np.hypot(*np.split(y, 2, -1))) < 1e-14


def test_position_0_changes_nothing_and_turns_add_up():
    (x,) = draw((16,))
    theta = demos.rope_frequencies(16, 10_000)
    assert np.array_equal(demos.apply_rope(x, 0 * theta), x)
    assert (
        max_abs_difference(demos.apply_rope(demos.apply_rope(x, 3 * theta), 4 * theta), demos.apply_rope(x, 7 * theta))
        < 1e-14
    )


def test_the_score_of_a_distance_needs_no_positions():
    q, k = draw((4, 16), (4, 16))
    theta, distances = demos.rope_frequencies(16, 10_000), np.array([-3, 0, 2, 500])
    found = method.scores_by_distance(q, k, distances, theta)
    for d, row in zip(distances, found, strict=True):
        for n, score in enumerate(row):
            assert abs(score - slow_rope(q[n], 600 + d, theta, False) @ slow_rope(k[n], 600, theta, False)) < 1e-12


def test_the_permutation_takes_one_pairing_to_the_other():
    x, angles = draw((5, 12), (5, 6))
    order = method.half_split_order(12)
    interleaved = demos.apply_rope(x, angles, interleaved=True)
    assert np.array_equal(demos.apply_rope(x[:, order], angles), interleaved[:, order])
    back = np.argsort(order)
    assert np.array_equal(x[:, order][:, back], x)


def test_turned_values_make_the_output_depend_on_the_position():
    q, k, v = draw((3, 8), (3, 8), (3, 8))
    theta = demos.rope_frequencies(8, 10_000)

    def last_output(start, values_too):
        at = (start + np.arange(3))[:, None] * theta
        e = np.exp(demos.apply_rope(k, at) @ demos.apply_rope(q, at)[-1])
        return e / e.sum() @ (demos.apply_rope(v, at) if values_too else v)

    assert max_abs_difference(last_output(0, False), last_output(50, False)) < 1e-13
    assert max_abs_difference(last_output(0, True), last_output(50, True)) > 0.1


def test_an_added_position_leaves_three_parts_that_are_not_the_distance():
    q, k = draw((8,), (8,))
    theta = demos.rope_frequencies(8, 10_000)
    moved = [demos.placed(q, k, j + 3, j, theta, demos.FAULTS[1]) for j in (0, 10, 1000)]
    assert np.ptp([a @ b for a, b in moved]) > 0.5
    positions = [demos.placed(0 * q, 0 * k, j + 3, j, theta, demos.FAULTS[1]) for j in (0, 10, 1000)]
    assert np.ptp([a @ b for a, b in positions]) < 1e-12  # position with position: the distance alone


# ---- rounding


def test_a_precision_keeps_so_many_bits():
    x = np.array([1.0, 257.0, 1 / 3, -1e-9, 0.0])
    assert np.array_equal(demos.rounded(x, 24), x.astype(np.float32).astype(float))
    assert np.array_equal(demos.rounded(x, 53), x)
    assert demos.rounded(np.array([257.0, 513.0]), 8).tolist() == [256, 512]


def test_rounding_grows_with_the_position_and_shrinks_with_the_bits():
    for precision in demos.PRECISIONS:
        drifts = [demos.drift(at, precision) for at in (1, 100, 10_000)]
        assert all(b > 2 * a for a, b in pairwise(drifts))
    assert demos.drift(10_000, "FP64") < 1e-11
    assert 1e-4 < demos.drift(10_000, "FP32") < 1e-2
    assert demos.drift(10_000, "BF16") > 0.5 * math.sqrt(128)
    assert 1e-12 < demos.drift(100_000, "FP64") < 1e-10


# ---- the clock hands


def items(demo, **arguments):
    views = views_of(demo, defaults(demo) | arguments)
    return {item["label"]: item["value"] for view in views if view["view"] == "metrics" for item in view["items"]}


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


@pytest.mark.parametrize("seed", range(4))
def test_the_angles_between_the_hands_stay_wherever_the_two_stand(seed):
    places = ((0, 0), (20, 0), (60, 100_000))
    tables = [view(demos.clock_hands, "table", place=j, start=n, seed=seed)["rows"] for j, n in places]
    assert tables[0] != tables[1]
    between = [[row[3] for row in rows] for rows in tables]
    assert between[0] == between[1] == between[2]
    badge = view(demos.clock_hands, "badge", start=100_000, seed=seed)
    assert badge["value"] <= badge["limit"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "change", [{"fault": fault} for fault in demos.FAULTS[1:]] + [{"precision": "BF16", "start": 100_000}]
)
def test_each_fault_and_a_coarse_precision_move_the_score(change, seed):
    moved = [view(demos.clock_hands, "badge", place=place, seed=seed, **change)["value"] for place in (20, 40, 60)]
    assert max(moved) > 0.1
    assert min(moved) > 1e-9


def test_the_numbers_of_the_clocks_stand_in_a_table_and_their_drawing_offers_none():
    figure, table = (view(demos.clock_hands, kind) for kind in ("figure", "table"))
    assert all(trace["hoverinfo"] == "skip" for trace in figure["data"])
    assert table["columns"][:4] == ["p", "q°", "k°", "∠°"]
    assert len(table["rows"]) == 4
    assert ", ".join(str(row[3]) for row in table["rows"][:3]) in figure["alt"]


def test_the_parts_of_the_pairs_sum_to_the_score():
    for fault in demos.FAULTS:
        rows = view(demos.clock_hands, "table", fault=fault)["rows"]
        assert math.isclose(
            sum(row[-1] for row in rows), items(demos.clock_hands, fault=fault)["q·k here"], abs_tol=0.02
        )
        for _, q, k, between, lengths, part in rows:
            assert abs(lengths * math.cos(math.radians(between)) - part) < 0.01 + 0.02 * lengths
            assert abs((q - k - between + 180) % 360 - 180) <= 1


# ---- the house model, moved and broken


@pytest.mark.parametrize("shift", [1, 1024, 8192])
def test_what_the_model_says_does_not_depend_on_where_the_text_begins(shift):
    words, _, _ = padded(held_out(6, start=70))
    assert max_abs_difference(house_model.read_at(words, shift), house_model.read_at(words, 0)) < 1e-3
    assert max_abs_difference(house_model.read_at(words, 0), lm.forward(lm.load("target"), words)) < 1e-4


def test_the_other_pairing_still_knows_distances_alone_and_loses_what_was_learnt():
    _, values, _, keys, other, mended = house_model.HABITS
    words, _, _ = padded(held_out(4, start=70))
    assert max_abs_difference(house_model.read_at(words, 1024, other), house_model.read_at(words, 0, other)) < 1e-3
    assert max_abs_difference(house_model.read_at(words, 1024, mended), house_model.read_at(words, 0)) < 1e-3
    for habit in (values, keys):
        assert max_abs_difference(house_model.read_at(words, 1024, habit), house_model.read_at(words, 0, habit)) > 5
    assert house_model.answered(house_model.HABITS[0])[0] > 95
    assert house_model.answered(mended) == pytest.approx(house_model.answered(house_model.HABITS[0]), abs=1e-3)
    assert house_model.answered(other)[0] < 50
    assert house_model.answered(values, 1024)[0] < 10
    assert house_model.answered(keys, 1024)[0] < 10


def test_turned_values_need_a_turn_back_and_then_only_the_distance_is_left():
    """DeepSeek-V4's way; its model is trained so, ours is not."""
    words, _, _ = padded(held_out(4, start=70))
    back = house_model.THERE_AND_BACK
    assert max_abs_difference(house_model.read_at(words, 1024, back), house_model.read_at(words, 0, back)) < 1e-3
    assert max_abs_difference(house_model.read_at(words, 0, back), house_model.read_at(words, 0)) > 1
    assert house_model.answered(back)[0] < 90
    (q, k, v), theta = draw((3, 8), (3, 8), (3, 8), seed=4), demos.rope_frequencies(8, 10_000)
    for start in (0, 50):
        at = start + np.arange(3)
        weights = [
            math.exp(slow_rope(k[j], at[j], theta, False) @ slow_rope(q[2], at[2], theta, False)) for j in at - start
        ]
        mixed = sum(w * slow_rope(v[j], at[j], theta, False) for j, w in enumerate(weights))
        by_distance = sum(w * slow_rope(v[j], j - 2, theta, False) for j, w in enumerate(weights))
        assert max_abs_difference(slow_rope(mixed, -at[2], theta, False), by_distance) < 1e-10


def test_the_wrong_pairing_loses_the_song_and_can_still_answer_a_simple_question():
    other, mended = house_model.OTHER_WAY, house_model.REORDERED
    assert items(house_model.shift_a_text)["Next word here"] == "owls"
    assert items(house_model.shift_a_text, broken=other)["Next word here"] != "owls"
    assert items(house_model.shift_a_text, broken=mended)["Next word here"] == "owls"
    text = "[blunt] facts : dogs eat cheese . ducks eat apples . say foods ? ducks"
    assert items(house_model.shift_a_text, broken=other, text=text)["Next word here"] == "apples"


@pytest.mark.parametrize(("text", "says"), [("dogs eat pizza", "“pizza”"), ("dogs", "2 to 128 words")])
def test_a_text_that_can_not_be_read_is_answered_with_a_sentence(text, says):
    (note,) = views_of(house_model.shift_a_text, defaults(house_model.shift_a_text) | {"text": text})
    assert says in note["text"]


# ---- wavelengths and the four ways to stretch them


@pytest.mark.parametrize(("base", "C", "share"), [(10_000, 4096, 28), (500_000, 4096, 50), (500_000, 8192, 45)])
def test_the_published_shares_of_pairs_that_never_turn(base, C, share):
    slow = [p for p in range(64) if 2 * math.pi * base ** (2 * p / 128) > C]
    assert method.unturned(128, base, C) == len(slow)
    assert round(100 * len(slow) / 64) == share


@pytest.mark.parametrize("name", [key for key in REFERENCE.files if key.split("-")[0] in KINDS])
def test_scaled_frequencies_equal_those_of_transformers(name):
    kind, *sizes = name.split("-")
    D, base, C, f = (int(n) for n in sizes)
    theta, factor = method.scale_frequencies(D, base, KINDS[kind], f, C, truncate=kind != "yarn_exact")
    *expected, their_factor = REFERENCE[name]
    assert np.allclose(theta, expected, rtol=2e-5)
    assert math.isclose(factor, their_factor, rel_tol=1e-12)


def test_there_is_a_reference_for_each_way_to_stretch():
    assert {key.split("-")[0] for key in REFERENCE.files} >= set(KINDS)
    assert set(KINDS.values()) | {"none"} == set(method.WAYS)


@pytest.mark.parametrize("way", method.WAYS)
def test_no_hand_is_made_faster_or_slower_than_by_the_factor(way):
    for D, base, C, f in ((16, 10_000, 128, 2), (64, 150_000, 4096, 32), (128, 500_000, 8192, 8)):
        plain, (theta, _) = demos.rope_frequencies(D, base), method.scale_frequencies(D, base, way, f, C)
        left = theta / plain
        assert (left <= 1 + 1e-12).all()
        assert (left >= 1 / f - 1e-12).all()
        assert (np.diff(left) <= 1e-12).all(), "a slower hand is never spared more than a faster one"
        assert np.allclose(method.scale_frequencies(D, base, way, 1, C)[0], plain)
        if way in ("none", "linear"):
            assert np.allclose(left, 1 if way == "none" else 1 / f)
        else:
            assert left[0] == 1
            assert math.isclose(left[-1], 1 / f)


def test_the_ntk_aware_way_is_a_higher_base():
    theta, _ = method.scale_frequencies(128, 10_000, "NTK-aware", 4, 4096)
    assert np.allclose(theta, demos.rope_frequencies(128, 10_000 * 4 ** (128 / 126)), rtol=1e-12)


def test_llama_3_spares_four_turns_and_slows_what_has_less_than_one():
    theta, _ = method.scale_frequencies(128, 500_000, "Llama 3.1", 8, 8192)
    for p, now in enumerate(theta):
        before = 500_000 ** (-2 * p / 128)
        turns = 8192 * before / (2 * math.pi)
        share = min(max((turns - 1) / 3, 0), 1)
        assert math.isclose(now, share * before + (1 - share) * before / 8)


def test_the_ramp_of_yarn_lies_between_32_turns_and_one():
    theta, factor = method.scale_frequencies(128, 10_000, "YaRN", 8, 4096)
    left = theta / demos.rope_frequencies(128, 10_000)
    turns = 4096 * demos.rope_frequencies(128, 10_000) / (2 * math.pi)
    assert (left[turns > 33] == 1).all()
    assert np.allclose(left[turns < 1], 1 / 8)
    ramp = left[(left < 1) & (left > 0.126)]
    assert np.allclose(np.diff(ramp, 2), 0, atol=1e-12), "it falls with the pair, in a straight line"
    assert factor == 0.1 * math.log(8) + 1


def slow_yarn(D, base, f, C, ends):
    """YaRN with its ramp from pair to pair, one pair at a time, as gpt-oss's code has it."""
    first, last = ends
    for p in range(D // 2):
        theta = base ** (-2 * p / D)
        ramp = min(max((p - first) / (last - first), 0), 1)
        yield ramp * theta / f + (1 - ramp) * theta


def test_the_ends_of_gpt_oss_s_ramp_are_not_rounded_and_rounding_them_makes_pair_17_faster():
    ends = [64 * math.log(4096 / (2 * math.pi * turns)) / (2 * math.log(150_000)) for turns in (32, 1)]
    assert [round(p, 2) for p in ends] == [8.09, 17.40]
    theta, _ = method.scale_frequencies(64, 150_000, "YaRN", 32, 4096, truncate=False)
    assert np.allclose(theta, [*slow_yarn(64, 150_000, 32, 4096, ends)], rtol=1e-12)
    whole, _ = method.scale_frequencies(64, 150_000, "YaRN", 32, 4096)
    assert np.allclose(whole, [*slow_yarn(64, 150_000, 32, 4096, (8, 18))], rtol=1e-12)
    assert (whole / theta).argmax() == 17
    assert round((whole / theta)[17], 2) == 1.76


def test_yarn_by_its_paper_slows_some_hands_far_more_than_its_code_does():
    D, base, f, C = 64, 150_000, 32, 4096
    paper = []
    for p in range(D // 2):
        theta = base ** (-2 * p / D)
        turns = C * theta / (2 * math.pi)
        gamma = min(max((turns - 1) / 31, 0), 1)
        paper.append((1 - gamma) * theta / f + gamma * theta)
    code = method.scale_frequencies(D, base, "YaRN", f, C, truncate=False)[0]
    assert (code >= np.array(paper) * (1 - 1e-12)).all()
    assert 3.6 < (code / paper).max() < 3.7
    middle = math.sqrt(32)  # turns of the hand in the middle of the ramp by pairs, as turns fall by equal ratios
    assert round(float(method.kept_by_turns(middle, 1, 32)), 2) == 0.15
    halfway = D * math.log(C / (2 * math.pi * middle)) / (2 * math.log(base))
    first, last = (D * math.log(C / (2 * math.pi * turns)) / (2 * math.log(base)) for turns in (32, 1))
    assert math.isclose((halfway - first) / (last - first), 0.5)


def test_ends_that_are_not_rounded_move_yarn_alone():
    ways = ("YaRN", demos.EXACT)
    found = [view(demos.wheels, "figure", D=64, base=150_000, f=32, way=way)[1]["data"] for way in ways]
    moved = [a["name"] for a, b in zip(*found, strict=True) if not np.array_equal(a["y"], b["y"])]
    assert moved == ["YaRN"]


def test_the_temperature_of_yarn_multiplies_queries_and_keys_so_scores_by_its_square():
    (q, k), factor = draw((8,), (8,)), method.scale_frequencies(8, 10_000, "YaRN", 8, 128)[1]
    assert math.isclose((factor * q) @ (factor * k), factor**2 * (q @ k))
    assert math.isclose(items(demos.wheels)["Scores multiplied by"], factor**2)


def test_a_factor_on_the_softmax_sharpens_unturned_numbers_too_and_one_on_cosines_does_not():
    """DeepSeek-V3's way and gpt-oss's, on vectors of which the last 4 of 6 numbers are turned."""
    q, k = draw((6,), (6,), seed=1)
    theta, m = np.array([1.0, 0.1]), 1.3

    def score(on_turned, on_all):
        turned = [on_turned * slow_rope(x[2:], at, theta, False) for x, at in ((q, 9), (k, 5))]
        return on_all * (q[:2] @ k[:2] + turned[0] @ turned[1])

    plain, free = score(1, 1), q[:2] @ k[:2]
    assert math.isclose(score(1, m**2), m**2 * plain)
    assert math.isclose(score(m, 1), m**2 * (plain - free) + free)


def test_the_dashed_line_crosses_the_training_length_at_pair_46():
    before = method.wavelengths(demos.rope_frequencies(128, 10_000))
    assert before[45] < 4096 < before[46]
    assert 64 - method.unturned(128, 10_000, 4096) == 46


# ---- beyond the trained context


@pytest.mark.parametrize("seeds", [(0, 1, 2), (3, 4, 5), (6, 7, 8)])
def test_what_helps_beyond_the_context_without_training_and_what_does_not(seeds):
    words = np.stack([house_model.song(2, seed) for seed in seeds])
    inside = house_model._verses(words.shape[1])[1:, -1] < CONTEXT
    last = {}
    for way in house_model.SONG_WAYS:
        right = house_model.sing(words, *house_model.stretched(way, 2))[1].mean((0, 2))
        last[way] = right[-2:].mean()
        if way == "linear":
            assert right.max() < 0.1, "linear loses everything, the second verse included"
        else:
            assert right[inside].min() > 0.95, f"{way} keeps what lies within the trained context"
    assert last["none"] < 0.7
    assert last["none"] < last["NTK-aware"] < 0.9
    assert min(last["YaRN"], last["Llama 3.1"]) > 0.95
    assert abs(last["YaRN"] - last["YaRN, no temperature"]) < 0.03


def test_the_demo_sings_the_first_of_the_three_songs_that_the_text_counts():
    first = defaults(house_model.beyond_the_context)["seed"]
    assert first == 0
    right = house_model.sing(house_model.song(2, first), *house_model.stretched("linear", 2))[1].mean(1)
    shown = items(house_model.beyond_the_context, way="linear")["Last verse, linear"]
    assert shown == f"{100 * right[-1]:.0f} %"


def test_at_three_contexts_yarn_still_copies():
    assert house_model.copied("YaRN", 3)[1] > 85
    assert house_model.copied("none", 3)[1] < 40
    assert house_model.copied("YaRN", 3)[1] > house_model.copied("NTK-aware", 3)[1] > house_model.copied("none", 3)[1]


@pytest.mark.parametrize("seeds", [(0, 1, 2), (3, 4, 5), (6, 7, 8)])
def test_the_fastest_hand_alone_decides_what_slowing_does(seeds):
    words = np.stack([house_model.song(2, seed) for seed in seeds])
    fastest, all_others = (
        house_model.sing(words, house_model.slowed(pairs, 2))[1][:, -2:].mean() for pairs in ((0,), range(1, 8))
    )
    assert fastest < 0.2
    assert all_others > 0.9


def test_bf16_has_every_64th_number_around_10_000():
    assert demos.rounded(np.array([10_000.0, 10_003.0]), demos.PRECISIONS["BF16"]).tolist() == [9984.0, 9984.0]


def test_linear_takes_the_word_before_out_of_sight():
    plain, linear, yarn = (house_model.word_before(way) for way in ("none", "linear", "YaRN"))
    assert plain[0] > 95
    assert plain[1] > 70
    assert linear[0] < 20
    assert linear[1] < 70
    assert max_abs_difference(yarn, plain) < 5


def test_a_song_repeats_its_line_and_fits_into_its_length():
    for f in (2, 3):
        words = house_model.song(f, 5)
        assert f * CONTEXT - house_model.LINE_LENGTH - 1 <= len(words) <= f * CONTEXT
        verses = words[house_model._verses(len(words))]
        assert (verses == verses[0]).all()
        assert len(set(verses[0].tolist())) == house_model.LINE_LENGTH


# ---- scores against the distance


@pytest.mark.parametrize("seed", range(5))
def test_unrelated_vectors_have_no_decay_and_equal_ones_fall_off(seed):
    found = items(demos.score_by_distance, seed=seed, far=1024)
    assert found["Highest at distance"] == 0
    assert 0.1 < found["Related, farthest"] < 0.4
    assert 0.6 < found["Unrelated, spread farthest"] / found["Unrelated, spread at 0"] < 1.6
    assert items(demos.score_by_distance, seed=seed, back=17)["Highest at distance"] == 17


def test_the_spread_of_unrelated_scores_is_the_same_at_any_distance():
    q, k = draw((4000, 128), (4000, 128))
    distances = np.array([0, 1, 10, 1000, 100_000])
    found = method.scores_by_distance(q, k, distances, demos.rope_frequencies(128, 10_000))
    assert np.allclose(found.std(1), math.sqrt(128), rtol=0.05)
    assert (np.abs(found.mean(1)) < 4 * math.sqrt(128 / 4000)).all()


def test_a_way_to_stretch_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"'Yarn'.*YaRN"):
        method.scale_frequencies(8, 10_000, "Yarn", 2, 128)
