"""The claims of the page on sliding window attention."""

import json
import math
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference, softmax
from topics.kit.model.language import BLUNT, POLITE, next_word, text, write
from topics.kit.model.text import held_out
from topics.kit.page.demo import defaults, views_of
from topics.kit.page.exercise import judge
from topics.sliding_window import demos, exercises, house_model, method, resting_head

pytestmark = pytest.mark.topic("sliding_window")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/sliding_window.npz")


forgetting = cache(house_model.forgetting)


def view(demo, which, /, **changed):
    (found,) = [each for each in views_of(demo, defaults(demo) | changed) if each["view"] == which]
    return found


def metrics(demo, **changed):
    return {item["label"]: item["value"] for item in view(demo, "metrics", **changed)["items"]}


# ---- the window


@pytest.mark.parametrize(("T", "W", "keep"), list(product((1, 2, 7), (1, 2, 3, 7, 20), (0, 1, 4))))
def test_the_mask_equals_its_definition_written_as_loops(T, W, keep):
    expected = [[j <= i and (j > i - W or j < keep) for j in range(T)] for i in range(T)]
    assert method.sliding_window_mask(T, W, keep).tolist() == expected


@pytest.mark.parametrize("W", [1, 2, 5, 8, 9, 100])
def test_row_i_sees_as_many_tokens_as_the_window_and_the_text_allow(W):
    mask = method.sliding_window_mask(8, W)
    assert mask.sum(1).tolist() == [min(i + 1, W) for i in range(8)]
    assert mask.diagonal().all()


def test_a_window_of_one_sees_itself_and_one_longer_than_the_text_is_causal():
    assert np.array_equal(method.sliding_window_mask(6, 1), np.eye(6, dtype=bool))
    assert np.array_equal(method.sliding_window_mask(6, 7), np.tri(6, dtype=bool))


@pytest.mark.parametrize("W", [0, -3])
def test_a_window_that_sees_nothing_is_refused(W):
    with pytest.raises(ValueError, match="at least 1"):
        method.sliding_window_mask(6, W)


@pytest.mark.parametrize("W", [1, 4, 9])
def test_the_mask_equals_pytorch(W):
    assert np.array_equal(method.sliding_window_mask(9, W), REFERENCE[f"mask_{W}"])


@pytest.mark.parametrize("name", ["sdpa", "flex"])
def test_attention_through_the_window_equals_pytorch(name):
    q, k, v = (REFERENCE[each] for each in "qkv")
    w = softmax(np.where(method.sliding_window_mask(9, 4), q @ k.transpose(0, 2, 1) / math.sqrt(8), -np.inf))
    assert max_abs_difference(w @ v, REFERENCE[name]) < 1e-14


@pytest.mark.parametrize(("L", "W"), list(product((1, 2, 3, 5), (1, 2, 4))))
def test_the_receptive_field_is_what_a_stack_of_masks_can_reach(L, W):
    T = L * W + 3
    reach = np.linalg.matrix_power(method.sliding_window_mask(T, W).astype(int), L)[-1] > 0
    assert reach.sum() == method.receptive_field(L, W)


def test_the_numbers_of_mistral_7b():
    assert method.receptive_field(32, 4096) == 131_041
    whole = method.window_cache_bytes(32_768, 32_768, 32, 32, 8, 128)
    assert whole == 8 * method.window_cache_bytes(32_768, 4096, 32, 0, 8, 128)
    assert method.sliding_window_mask(9, 4).sum() == 4 * 5 // 2 + (9 - 4) * 4  # the pairs of the third question


# ---- how far the weights reach


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("kind", demos.KINDS)
def test_the_shares_are_the_last_row_of_the_matrix_product(kind, residual):
    layers = demos.layer_weights(kind, 3, 10, 4, seed=1)
    whole = np.eye(10)
    for w in layers:
        whole = ((w + np.eye(10)) / 2 if residual else w) @ whole
    weight = method.weight_by_distance(layers, residual)
    assert max_abs_difference(weight, whole[-1][::-1]) < 1e-15
    assert math.isclose(weight.sum(), 1)


@pytest.mark.parametrize(("L", "W", "residual"), list(product((1, 2, 4), (1, 3, 8), (False, True))))
def test_the_reach_of_even_weights_is_that_of_thrown_dice(L, W, residual):
    chances = np.ones(1)
    for _ in range(L):
        die = np.full(W, 1 / W)
        chances = np.convolve(chances, (die + np.eye(W)[0]) / 2 if residual else die)
    expected = next(d for d in range(len(chances)) if chances[: d + 1].sum() > 0.9 - 1e-9)
    assert method.even_reach(L, W, residual=residual) == expected
    layers = demos.layer_weights("alike", L, method.receptive_field(L, W), W, seed=0)
    assert method.mass_reach(method.weight_by_distance(layers, residual)) == expected


def test_the_residual_shortens_the_reach_and_only_the_far_end_fills_it():
    for seed in range(5):
        for kind in ("alike", "random"):
            shown = [metrics(demos.reach_through_layers, kind=kind, residual=on, seed=seed) for on in (False, True)]
            assert shown[1]["90 % of the weight within"] < shown[0]["90 % of the weight within"] < 28
        far = metrics(demos.reach_through_layers, kind="the furthest word only", seed=seed)
        assert far["90 % of the weight within"] == far["Furthest word"] == 28


def test_mistrals_reach_of_90_percent_agrees_with_the_normal_distribution():
    for residual in (False, True):
        steps = np.arange(4096)
        half = 0.5 if residual else 1
        mean = half * steps.mean()
        spread = math.sqrt(32 * (half * (steps**2).mean() - mean**2))
        assert abs(method.even_reach(32, 4096, residual=residual) - (32 * mean + 1.2816 * spread)) < 0.005 * 32 * mean


def test_the_first_guess_is_right():
    assert method.even_reach(4, 8) == 20


def test_the_second_question_by_hand():
    weights = demos.layer_weights("alike", 2, 5, 3, 0)
    assert math.isclose(method.weight_by_distance(weights)[2], 3 / 9)
    assert math.isclose(method.weight_by_distance(weights, True)[2], 3 / 36 + 1 / 6)


# ---- the rolling cache


@pytest.mark.parametrize("W", [1, 2, 3, 5, 12])
def test_a_rolling_cache_gives_what_the_window_mask_gives(W):
    T, D = 12, 4
    q, k, v = np.random.default_rng(W).normal(size=(3, T, D))
    masked = softmax(np.where(method.sliding_window_mask(T, W), q @ k.T / 2, -np.inf)) @ v
    K = V = np.full((W, D), np.nan)  # what is not filled must not be read
    for t in range(T):
        before = K
        K, V, n = method.rolling_cache(k[t], v[t], K, V, t)
        assert K is not before
        assert n == min(t + 1, W)
        assert max_abs_difference(softmax(K[:n] @ q[t] / 2) @ V[:n], masked[t]) < 1e-14


def test_a_token_overwrites_the_one_that_left_the_window():
    K = V = np.zeros((3, 1))
    for t in range(7):
        K, V, _ = method.rolling_cache(np.array([t]), np.array([10 * t]), K, V, t)
    assert K.ravel().tolist() == [6, 4, 5]  # the prediction
    assert V.ravel().tolist() == [60, 40, 50]


def test_the_badge_of_the_rolling_cache_holds_only_without_a_fault():
    for seed, W in product(range(3), range(1, 6)):
        right, *wrong = (view(demos.roll, "badge", W=W, seed=seed, fault=fault) for fault in demos.FAULTS)
        assert right["value"] <= right["limit"]
        assert all(each["value"] > 1e-3 for each in wrong)


def test_taking_the_slot_for_the_position_errs_from_token_w_on():
    W, D, rng = 3, 4, np.random.default_rng(0)
    M, tokens = rng.normal(size=(D, D)), rng.normal(size=(7, D))
    right, wrong = ([(x + demos.position_vector(at, D)) @ M for x, at in zip(tokens, places, strict=True)]
                    for places in (range(7), [t % W for t in range(7)]))  # fmt: skip
    assert [np.allclose(a, b) for a, b in zip(right, wrong, strict=True)] == [True] * 3 + [False] * 4


# ---- local and global layers


@pytest.mark.parametrize(("T", "W", "L", "L_g"), [(10, 4, 6, 1), (10, 4, 6, 0), (3, 4, 6, 2), (10, 10, 6, 6)])
def test_the_cache_is_the_sum_of_its_layers(T, W, L, L_g):
    rows = sum(1 for layer in range(L) for t in range(T) if layer < L_g or t >= T - W)
    assert method.window_cache_bytes(T, W, L, L_g, H_kv=3, D=5, b=2) == rows * 2 * 3 * 5 * 2


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("Mistral 7B", "l" * 32),
        ("Gemma 2 27B", "lg" * 23),
        ("Gemma 3 27B", "lllllg" * 10 + "ll"),
        ("gpt-oss-20b", "lg" * 12),
    ],
)
def test_real_models_have_as_many_global_layers_as_their_pattern(name, pattern):
    assert (len(pattern), pattern.count("g")) == (demos.REAL[name].L, demos.REAL[name].L_g)


def test_at_five_to_one_a_sixth_of_the_cache_is_left_nearly_all_in_global_layers():
    shown = metrics(demos.local_and_global)
    assert abs(shown["Of all global"] - 100 / 6) < 0.5
    assert shown["Of it in global layers"] > 95
    small = demos.cache_gib("Gemma 3 27B", 131_072, W=128)
    assert small > 0.96 * demos.cache_gib("Gemma 3 27B", 131_072)
    figure = view(demos.local_and_global, "figure", T=1024)
    assert len(set(np.add(*(trace["y"] for trace in figure["data"])).tolist())) == 1


# ---- the house model behind windows


@pytest.mark.parametrize("W", [8, 16, 32])
def test_facts_inside_the_window_are_answered_and_others_are_guessed(W):
    inside, beyond = house_model.answered(W, seeds=5)
    assert inside == 100
    assert beyond < 20  # a guess: 12.5
    assert method.receptive_field(4, W) > 55 or W == 8  # and four layers could carry them, from 16 on


@pytest.mark.parametrize(("layer", "better"), [(1, False), (2, False), (3, True), (4, False)])
def test_one_layer_without_a_window_is_enough_and_it_is_the_third(layer, better):
    _, beyond = house_model.answered(8, layer, seeds=4)
    assert beyond > 95 if better else beyond < 20


def test_the_step_is_where_the_window_ends():
    back, p, _ = house_model.ask_all(0, 14)
    assert back.tolist() == list(range(49, 4, -4))
    assert p[:, back <= 13].min() > 0.9
    p_less = house_model.ask_all(0, 13)[1]
    assert p_less[:, back == 13].max() < p[:, back == 13].min()


def test_questions_asked_with_copies_of_a_cache_equal_whole_texts():
    model, (told, animals, foods) = lm.load("target"), house_model.facts_about_all(1)
    words = np.append(told[0], animals[0, 3])
    p = softmax(lm.forward(model, words, mask=method.sliding_window_mask(len(words), 20))[-1])
    assert abs(p[foods[0, 3]] - house_model.ask_all(1, 20)[1][0, 3]) < 1e-4


def test_the_facts_are_texts_of_the_language():
    for words in house_model.facts_about_all(2)[0]:
        assert next_word(house_model.decode(words))


# ---- the first words


def test_the_register_tells_verbs_and_the_words_of_asking_and_ending_and_nothing_in_songs():
    for kind, register in product(("facts", "answer", "explain"), (POLITE, BLUNT)):
        each = write(10**9 + 7, text(register, kind))
        told = [word for word, is_told in zip(each.words[1:], house_model.tells_register(each), strict=True) if is_told]
        assert {"thank", "please"} & set(told) or register == BLUNT
        assert {"say", "[end]"} & set(told) or register == POLITE
    story = write(10**9 + 1, text(BLUNT, "story"))
    told = {word for word, is_told in zip(story.words[1:], house_model.tells_register(story), strict=True) if is_told}
    assert {"got", "say"} <= told
    assert not told & {"are", "things", "places", "."}
    assert not house_model.tells_register(write(10**9, text(POLITE, "song"))).any()


@pytest.mark.parametrize("kind", ["explain", "facts", "story", "song"])
def test_forgetting_the_first_word_costs_only_what_it_decides(kind):
    told, others = forgetting(kind, 1)
    full_told, full_others = forgetting(kind, 0)
    assert others - full_others < 0.03
    if kind == "explain":
        assert told - full_told > 2
    elif kind != "song":
        assert told - full_told < 0.1  # the second word has it, too
        assert forgetting(kind, 2)[0] > 0.5


def test_a_full_stop_in_its_place_is_a_place_to_rest_and_no_help():
    told, others = forgetting("explain", 0, "a full stop")
    assert told > 0.8 * forgetting("explain", 1)[0]
    assert others < 0.03
    assert forgetting("explain", 0, "the other register")[0] > told


@pytest.mark.parametrize("kind", ["explain", "facts", "story", "song"])
def test_the_fourth_word_is_content(kind):
    three, four = (forgetting(kind, n)[1] for n in (3, 4))
    assert three - forgetting(kind, 0)[1] < 0.12
    assert four > three + 0.1


def test_in_songs_head_8_of_layer_4_rests_on_the_first_word_though_it_says_nothing_there():
    for start in (0, 24, 48):
        on_first = house_model.forget(held_out(24, "song", start=start), 0)[3]
        assert on_first[3, 7] > 0.5
        assert on_first[3].argmax() == 7


# ---- a head that must rest


def trained(seed, windowed=False, W=8):
    ((_, found),) = resting_head.teach_to_rest(W, windowed, seed, every=300)
    return found


def test_a_head_that_learnt_to_rest_on_the_first_word_misses_it_and_only_where_it_rests():
    costs = []
    for seed in range(6):
        found = trained(seed)
        costs.append(found["window"][0] - found["floor"])
        assert found["all"][0] - found["floor"] < 0.02
        assert found["kept"][0] - found["floor"] < 0.01
        assert abs(found["window"][1] - found["all"][1]) < 0.02  # the echoes
        assert found["all"][1] < 0.15
        assert found["on first"] > 0.1
        assert found["on first"] + found["on itself"] > 0.85
    assert 0.05 < min(costs) < max(costs) < 0.5  # the numbers of the page


def test_a_head_trained_with_the_window_does_not_miss_it():
    for seed in range(3):
        found = trained(seed, windowed=True)
        assert found["window"][0] - found["floor"] < 0.02
        assert found["on first"] < 0.1


def test_echo_texts_follow_their_law():
    rng = np.random.default_rng(0)
    x = resting_head.echo_texts(rng, np.full((12, 12), 1 / 12), 50)
    assert (x[:, 0] == resting_head.BEGIN).all()
    for row in x:
        for t in range(3, len(row)):
            assert row[t - 1] >= resting_head.ECHOES or row[t] == row[t - 2]
    assert x[:, 1:].max() < 12


def test_the_recorded_run_is_what_the_demo_gives():
    recorded = json.loads(Path("topics/recorded/sliding_window.a_head_that_rests.json").read_text())
    now = [
        v
        for v in views_of(resting_head.a_head_that_rests, defaults(resting_head.a_head_that_rests))
        if v["view"] != "progress"
    ]
    assert [v["view"] for v in now] == [v["view"] for v in recorded["views"]]
    for new, old in zip(now, recorded["views"], strict=True):
        if new["view"] == "figure":
            for trace, kept in zip(new["data"], old["data"], strict=True):
                assert np.allclose(trace["y"], kept["y"], rtol=0.02), trace["name"]


# ---- exercises


NEARLY_RIGHT = [
    (exercises.name_the_slots, "in_slots(t, W)", "[t - (t - s) % W for s in range(W)]"),
    (exercises.name_the_slots, "in_slots(t, W)", "sorted(range(max(0, t - W + 1), t + 1))"),
    (exercises.add_up_the_windows, "reach(windows, T)", "sum(W - 1 for W in windows if W)"),
    (exercises.add_up_the_windows, "reach(windows, T)", "min(T - 1, sum(W - 1 if W else T for W in windows) + 1)"),
    (exercises.add_up_the_windows, "reach(windows, T)", "min(T - 1, sum(T if W is None else W for W in windows))"),
    (
        exercises.stay_within_the_budget,
        "seen(t, slots, first)",
        "[j for j in range(t + 1) if j < first or j > t - slots]",
    ),
    (
        exercises.stay_within_the_budget,
        "seen(t, slots, first)",
        "[*range(first), *range(t + 1 - slots + first, t + 1)]",
    ),
]


@pytest.mark.parametrize(("exercise", "head", "wrong"), NEARLY_RIGHT)
def test_an_exercise_refuses_what_is_nearly_right(exercise, head, wrong):
    code = f"def {head}:\n    return {wrong}\n"
    assert not any(judge(exercise, code, seed)["passed"] for seed in range(3))


def test_a_kind_of_text_without_words_of_the_register_shows_no_bar_for_them():
    arguments = defaults(house_model.forget_the_first)
    song, explain = (house_model.forget_the_first(**arguments | {"kind": kind})[0] for kind in ("song", "explain"))
    assert [name.split(" (")[0] for name in song["data"][0]["x"]] == ["all others"]
    assert [name.split(" (")[0] for name in explain["data"][0]["x"]] == ["by register", "all others"]
    assert "register" not in song["alt"]
