"""The claims of the page on sliding window attention."""

import json
import math
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from topics.kit import GB, GIB, MODELS, lm, max_abs_difference, softmax
from topics.kit.model.language import BLUNT, POLITE, next_word, text, write
from topics.kit.model.text import held_out
from topics.kit.page.demo import defaults, views_of
from topics.kit.real.costs import text_bytes
from topics.sliding_window import demos, house_model, method, resting_head

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
    windowed, whole = (demos.cache_gib("Mistral 7B", 32_768, ratio=ratio) for ratio in ("own", "all global"))
    assert (1024 * windowed, whole) == (512, 4)  # MiB, GiB


# ---- how far the weights reach


@pytest.mark.parametrize("share", [1, 0.5, 0.05])
@pytest.mark.parametrize("kind", demos.KINDS)
def test_the_shares_are_the_last_row_of_the_matrix_product(kind, share):
    layers = demos.layer_weights(kind, 3, 10, 4, seed=1)
    whole = np.eye(10)
    for w in layers:
        whole = (share * w + (1 - share) * np.eye(10)) @ whole
    weight = method.weight_by_distance(layers, share)
    assert max_abs_difference(weight, whole[-1][::-1]) < 1e-15
    assert math.isclose(weight.sum(), 1)


def thrown(L, W, share):
    """The chances of each sum of L throws of a die with the faces 0 … W − 1, each thrown only with a chance `share`."""
    chances = np.ones(1)
    for _ in range(L):
        chances = np.convolve(chances, share / W + (1 - share) * np.eye(W)[0])
    return chances


@pytest.mark.parametrize(("L", "W", "share"), list(product((1, 2, 4), (1, 3, 8), (1, 0.5, 0.2))))
def test_the_reach_of_even_weights_is_that_of_thrown_dice(L, W, share):
    chances = thrown(L, W, share)
    expected = next(d for d in range(len(chances)) if chances[: d + 1].sum() > 0.9 - 1e-9)
    assert method.even_reach(L, W, share) == expected
    layers = demos.layer_weights("alike", L, method.receptive_field(L, W), W, seed=0)
    assert method.mass_reach(method.weight_by_distance(layers, share)) == expected


def test_the_residual_shortens_the_reach_and_only_the_far_end_fills_it():
    for seed in range(5):
        for kind in ("alike", "random"):
            shown = [metrics(demos.reach_through_layers, kind=kind, share=s, seed=seed) for s in (1.0, 0.5, 0.1)]
            within = [each["90 % of the weight within"] for each in shown]
            assert 28 > within[0] > within[1] > within[2]
            own = [each["Weight of the word itself"] for each in shown]
            assert own[0] < own[1] < own[2]
        far = metrics(demos.reach_through_layers, kind="the furthest word only", seed=seed)
        assert far["90 % of the weight within"] == far["Furthest word"] == 28


@pytest.mark.parametrize("share", [1, 0.5, 0.2])
def test_mistrals_reach_of_90_percent_agrees_with_the_normal_distribution(share):
    steps = np.arange(4096)
    mean = share * steps.mean()
    spread = math.sqrt(32 * (share * (steps**2).mean() - mean**2))
    assert abs(method.even_reach(32, 4096, share) - (32 * mean + 1.2816 * spread)) < 0.02 * 32 * mean


def test_the_reaches_of_the_page_s_table():
    assert [method.even_reach(32, 4096, s) for s in (1, 0.5, 0.2, 0.1, 0.05)] == [74_110, 42_497, 20_424, 12_040, 7_300]


def test_one_way_of_taking_steps_ends_at_a_window_and_a_half_and_all_ways_together_do_not():
    """Xiao's horizon is 1.5 windows at any depth; by his own recurrence the reach grows with the layers."""
    assert round(math.log(0.01) / math.log(0.05), 1) == 1.5
    W, within = 64, []
    for L in (16, 32, 64):
        p = np.eye(L * (W - 1) + 1)[0]
        for _ in range(L):  # P_l(d) = (1 − s) P_{l−1}(d) + s/W Σ_j P_{l−1}(d − j)
            p = 0.95 * p + 0.05 / W * np.convolve(p, np.ones(W))[: len(p)]
        within.append(np.argmax(np.cumsum(p) > 0.9) / W)
    ours = [method.even_reach(L, 4096, 0.05) / 4096 for L in (16, 32, 64)]
    assert np.allclose(within, ours, atol=0.05)  # a window of 64 is coarser than one of 4,096
    assert ours[0] < 1.2 < 1.7 < ours[1] < 2.9 < ours[2]


def test_the_first_guess_is_right():
    assert method.even_reach(4, 8) == 20


def test_the_second_question_by_hand():
    weights = demos.layer_weights("alike", 2, 5, 3, 0)
    assert math.isclose(method.weight_by_distance(weights)[2], 3 / 9)
    assert math.isclose(method.weight_by_distance(weights, 0.5)[2], 3 / 36 + 1 / 6)


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


@pytest.mark.parametrize(("W", "read", "shared"), list(product((1, 2, 4), (9, 10), range(1, 9))))
def test_a_buffer_serves_a_shared_beginning_only_if_it_has_not_rolled_on(W, read, shared):
    K = V = np.full((W, 1), -1.0)
    for t in range(read):
        K, V, _ = method.rolling_cache(np.array([t]), np.array([t]), K, V, t)
    needed = set(range(shared)) & {j for j in range(shared + 1) if method.sliding_window_mask(shared + 1, W)[-1, j]}
    assert needed <= set(K.ravel()) if shared >= read - 1 or W == 1 else not needed <= set(K.ravel())
    assert len(needed) == min(W - 1, shared)


def test_the_third_question():
    needed, held = set(range(5000 - 1023, 5000)), set(range(6500 - 1024, 6500))
    assert len(needed) == 1023
    assert not needed & held


@pytest.mark.parametrize(("L", "W"), list(product((1, 2, 4), (2, 3, 5))))
def test_rows_of_a_window_are_exact_again_from_so_many_tokens_on_and_no_fewer(L, W):
    """What the W − 1 tokens before a place need, to have their keys in all layers: followed down layer by layer."""
    T = L * W + 5
    mask = method.sliding_window_mask(T, W)
    tokens = set(range(T - (W - 1), T))
    for _ in range(L - 1):  # a row of layer l is made from the layer below, of what that token sees there
        tokens |= {j for i in tokens for j in range(T) if mask[i, j]}
    assert T - min(tokens) == L * (W - 1)


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


PATTERNS = {
    "Mistral 7B": "l" * 32,
    "Gemma 2 27B": "lg" * 23,
    "Gemma 3 27B": "lllllg" * 10 + "ll",
    "gpt-oss-20b": "lg" * 12,
    "Qwen3-Next-80B-A3B": "lllg" * 12,
    "Gemma 4 31B": "lllllg" * 10,
}
# numbers of one token in a local and in a global layer, and the window; None: linear, with so many of the whole text
ROWS = {
    "Mistral 7B": (2 * 8 * 128, 2 * 8 * 128, 4096),
    "Gemma 2 27B": (2 * 16 * 128, 2 * 16 * 128, 4096),
    "Gemma 3 27B": (2 * 16 * 128, 2 * 16 * 128, 1024),
    "gpt-oss-20b": (2 * 8 * 64, 2 * 8 * 64, 128),
    "Qwen3-Next-80B-A3B": (32 * 128 * 128 + 3 * 8192, 2 * 2 * 256, None),
    "Gemma 4 31B": (2 * 16 * 256, 2 * 4 * 512, 1024),
}


@pytest.mark.parametrize("T", [100, 5000])
@pytest.mark.parametrize("name", demos.REAL)
def test_the_cache_of_a_real_model_is_counted_layer_by_layer(name, T):
    local, everywhere, W = ROWS[name]

    def slow(pattern, W):
        kept = 0
        for layer in pattern:
            if layer == "g":
                kept += T * everywhere
            else:
                kept += local if W is None else local * sum(1 for t in range(T) if t >= T - W)
        return 2 * kept / GIB

    assert math.isclose(demos.cache_gib(name, T), slow(PATTERNS[name], W))
    assert math.isclose(demos.cache_gib(name, T, W=300), slow(PATTERNS[name], W and 300))
    L = len(PATTERNS[name])
    for ratio, each in {"all global": "g", "1 : 1": "lg", "3 : 1": "lllg", "all local": "l"}.items():
        repeated = each * (L // len(each)) + "l" * (L % len(each))
        assert math.isclose(demos.cache_gib(name, T, ratio=ratio), slow(repeated, W))


@pytest.mark.parametrize("name", demos.REAL)
def test_real_models_have_as_many_global_layers_as_their_pattern(name):
    near, far = method.near_and_far(MODELS[name])
    assert (near.n + far.n, far.n) == (len(PATTERNS[name]), PATTERNS[name].count("g"))
    ratio = demos.own_ratio(MODELS[name])
    assert demos.cache_gib(name, 10_000) == demos.cache_gib(name, 10_000, ratio=ratio)


def test_the_four_sizes_of_gemma_3_s_table_are_near_16_bits_without_windows():
    """Printed: the cache in GB at 32,768 tokens. Layers, key/value heads and widths from the configurations."""
    printed = {"1B": 2.9 - 2.0, "4B": 12.7 - 8.0, "12B": 38.9 - 24.0, "27B": 72.7 - 54.0}
    sizes = {"1B": (26, 1, 256), "4B": (34, 4, 256), "12B": (48, 8, 256), "27B": (62, 16, 128)}
    for name, (L, H_kv, D) in sizes.items():
        assert 1 < printed[name] / (L * 2 * H_kv * D * 32_768 * 2 / GB) < 1.17


def test_gemma_3_s_own_table_is_not_explained_by_the_formula():
    at_16_bits = [demos.cache_gib("Gemma 3 27B", 32_768, ratio=ratio) * GIB / GB for ratio in ("own", "all global")]
    assert [round(x, 1) for x in at_16_bits] == [3.1, 16.6]
    assert text_bytes(MODELS["Gemma 3 27B"], 32_768) == 2 * 2 * 16 * 128 * (10 * 32_768 + 52 * 1024)
    assert 1.1 * at_16_bits[1] < 72.7 - 54.0


def test_at_five_to_one_a_sixth_of_the_cache_is_left_nearly_all_in_global_layers():
    shown = metrics(demos.local_and_global)
    assert abs(shown["Of all global"] - 100 / 6) < 0.5
    assert shown["Of it in global layers"] > 95
    small = demos.cache_gib("Gemma 3 27B", 131_072, W=128)
    assert small > 0.96 * demos.cache_gib("Gemma 3 27B", 131_072)
    figure = view(demos.local_and_global, "figure", T=1024)
    assert len(set(np.add(*(trace["y"] for trace in figure["data"])).tolist())) == 1


def test_a_window_does_nothing_for_layers_of_linear_attention():
    figures = [view(demos.local_and_global, "figure", W=W, name="Qwen3-Next-80B-A3B")["data"] for W in (128, 8192)]
    for a, b in zip(*figures, strict=True):
        assert np.array_equal(a["y"], b["y"])
    near, far = method.near_and_far(MODELS["Gemma 4 31B"])
    assert near.H_kv * near.D == 2 * far.H_kv * far.D


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


def test_the_share_beyond_the_window_that_the_text_tells_first_is_the_one_on_the_screen():
    shown = metrics(house_model.ask_far_back)
    inside, beyond = house_model.answered(16, seeds=1)
    assert shown["Answered, food inside the window"] == f"{inside:.0f} %" == "100 %"
    assert shown["Answered, food further back"] == f"{beyond:.0f} %"


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


def test_what_is_lost_is_counted_where_the_fourth_word_has_left():
    texts = held_out(2, "explain")
    counts = house_model.forget(texts, 4)[2]
    first = int(counts.argmax(1)[0])  # the place that says the word after it
    assert first + 2 == 14
    assert first - 3 >= house_model.LEAVES > first - 1 - 4
    assert round(metrics(house_model.forget_the_first)["Most weight on the first word"]) == round(
        100 * house_model.before_forgetting("explain", 0)[3].max()
    )


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


def test_a_kind_of_text_without_words_of_the_register_shows_no_bar_for_them():
    arguments = defaults(house_model.forget_the_first)
    song, explain = (house_model.forget_the_first(**arguments | {"kind": kind})[0] for kind in ("song", "explain"))
    assert [name.split(" (")[0] for name in song["data"][0]["x"]] == ["all others"]
    assert [name.split(" (")[0] for name in explain["data"][0]["x"]] == ["by register", "all others"]
    assert "register" not in song["alt"]
