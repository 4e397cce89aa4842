"""The claims of the page on multi-query attention."""

import math
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from topics.attention.method import block_steps, multi_head_attention
from topics.kit import GPUS, MODELS, PLAIN, lm, max_abs_difference
from topics.kit.model.losses import above_floor
from topics.kit.model.recorded import HEADS, POOLED
from topics.kit.model.text import encode, held_out
from topics.kit.page.demo import defaults, views_of
from topics.kv_cache.method import cache_of, decode_step, decode_works
from topics.mqa import demos, house_model, method

pytestmark = pytest.mark.topic("mqa")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/mqa.npz")
H100 = GPUS["H100"].flops / GPUS["H100"].bandwidth


def layer(T=6, d=5, H=3, D=2, seed=0):
    """x (T, d), W_q (H, d, D), W_k and W_v (d, D), W_o (H, D, d)."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((T, d), (H, d, D), (d, D), (d, D), (H, D, d))]


def slow_layer(x, W_q, W_k, W_v, W_o):
    """By loops over heads, tokens and numbers; one key and one value a token."""
    (T, d), (H, _, D) = x.shape, W_q.shape
    k = [[sum(x[t, a] * W_k[a, c] for a in range(d)) for c in range(D)] for t in range(T)]
    v = [[sum(x[t, a] * W_v[a, c] for a in range(d)) for c in range(D)] for t in range(T)]
    z = np.zeros((T, d))
    for h, i in product(range(H), range(T)):
        q = [sum(x[i, a] * W_q[h, a, c] for a in range(d)) for c in range(D)]
        e = [math.exp(sum(q[c] * k[j][c] for c in range(D)) / math.sqrt(D)) for j in range(i + 1)]
        y = [sum(e[j] / sum(e) * v[j][c] for j in range(i + 1)) for c in range(D)]
        for a, c in product(range(d), range(D)):
            z[i, a] += y[c] * W_o[h, c, a]
    return z


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metrics(demo, **arguments):
    return {item["label"]: item["value"] for item in view(demo, "metrics", **arguments)["items"]}


# ---- the functions


@pytest.mark.parametrize("H", [1, 3])
def test_multi_query_attention_equals_its_definition_written_as_loops(H):
    parts = layer(H=H)
    assert max_abs_difference(method.multi_query_attention(*parts), slow_layer(*parts)) < 1e-13


def test_multi_query_attention_equals_pytorch():
    parts = [REFERENCE[name] for name in ("x", "W_q", "W_k", "W_v", "W_o")]
    assert max_abs_difference(method.multi_query_attention(*parts), REFERENCE["layer"]) < 1e-13


def test_it_is_many_heads_that_hold_the_same_keys_and_values():
    x, W_q, W_k, W_v, W_o = layer(H=4)
    copies = [np.broadcast_to(W, (4, *W.shape)) for W in (W_k, W_v)]
    for many in (demos.many_heads, multi_head_attention):
        assert (
            max_abs_difference(method.multi_query_attention(x, W_q, W_k, W_v, W_o), many(x, W_q, *copies, W_o)) < 1e-13
        )


def test_it_equals_the_kv_cache_page_with_one_key_value_head():
    x, W_q, W_k, W_v, W_o = layer(H=4)
    q, k, v = np.einsum("td,hde->the", x, W_q), (x @ W_k)[:, None], (x @ W_v)[:, None]
    K = V = np.empty((0, 1, 2))
    for t, expected in enumerate(method.multi_query_attention(x, W_q, W_k, W_v, W_o)):
        y, K, V = decode_step(q[t], k[t], v[t], K, V)
        assert max_abs_difference(np.einsum("hd,hde->e", y, W_o), expected) < 1e-13


def test_later_tokens_change_nothing():
    x, *W = layer()
    before = method.multi_query_attention(x, *W)
    x[4:] = 10
    after = method.multi_query_attention(x, *W)
    assert np.array_equal(before[:4], after[:4])
    assert not np.allclose(before[4:], after[4:])


def test_all_queries_together_see_a_token_through_one_key():
    """What the key's projection does not see of a token moves no score of any head."""
    x, W_q, W_k, W_v, W_o = layer(d=5, D=2)
    unseen = np.linalg.svd(np.hstack([W_k, W_v]).T)[2][-1]  # orthogonal to both projections
    moved = x.copy()
    moved[2] += 5 * unseen
    before, after = (method.multi_query_attention(each, W_q, W_k, W_v, W_o) for each in (x, moved))
    others = [0, 1, 3, 4, 5]
    assert max_abs_difference(before[others], after[others]) < 1e-12
    assert max_abs_difference(before[2], after[2]) > 1e-3  # its own queries do see it


def test_the_example_by_hand():
    w, y = method.example()
    e = math.exp(math.sqrt(2))
    assert math.isclose(w[0, 0], e / (e + 1))
    assert math.isclose(w[1, 0], 1 / (e + 1))
    assert math.isclose(y[0], (10 * e + 20) / (e + 1))
    assert math.isclose(y.sum(), 30)


def test_pooling_is_the_mean_of_neighbours():
    W = np.random.default_rng(0).normal(size=(6, 3, 2))
    for H_kv in (1, 2, 3, 6):
        G = 6 // H_kv
        slow = [sum(W[h] for h in range(6) if h // G == g) / G for g in range(H_kv)]
        assert max_abs_difference(method.mean_pool_heads(W, H_kv), slow) < 1e-15
    assert max_abs_difference(method.mean_pool_heads(REFERENCE["W_q"], 2), REFERENCE["pooled"]) < 1e-15


def test_pooled_projections_make_the_mean_of_the_keys_rotated_or_not():
    rng = np.random.default_rng(0)
    W, x = rng.normal(size=(4, 6, 8)), rng.normal(size=(5, 8))  # (H, D, d), (T, d)
    turns = lm.rotation(np.arange(5), lm.rope_frequencies(6, 1e4))
    keys = lm.rotate(np.einsum("td,hed->the", x, W), turns)  # (T, H, D)
    pooled = lm.rotate(np.einsum("td,hed->the", x, method.mean_pool_heads(W, 2)), turns)
    assert max_abs_difference(keys.reshape(5, 2, 2, 6).mean(2), pooled) < 1e-6  # rotation gives float32 angles


# ---- what it costs


@pytest.mark.parametrize(("H", "H_kv", "b", "n"), [(32, 32, 2, 1), (32, 1, 2, 1), (64, 8, 1, 4), (71, 1, 2, 3)])
def test_the_intensity_counts_the_products_and_the_bytes(H, H_kv, b, n):
    """By counting: each of n·H queries meets T keys, and each of H_kv heads holds T keys and values."""
    T, D, flops, moved = 5, 3, 0, 0
    for _ in product(range(n * H), range(T)):
        flops += 2 * D + 2 * D  # a score, and its share of the mixture
    for _ in product(range(H_kv), range(T), "KV"):
        moved += D * b
    assert math.isclose(method.decode_intensity(H, H_kv, b, n), flops / moved)


def test_at_16_bit_and_one_token_the_intensity_is_the_query_heads_to_a_key_value_head():
    assert method.decode_intensity(96, 1) == 96
    assert method.decode_intensity(64, 8) == 8
    assert method.decode_intensity(40, 40) == 1


@pytest.mark.parametrize("name", [*PLAIN, "Qwen3-235B-A22B"])
def test_a_model_as_it_is_costs_what_the_kv_cache_page_says(name):
    m = MODELS[name]
    for kind in ("BF16", "MXFP4"):
        assert method.step_works(name, 1000, 3, m.H_kv, kind) == decode_works(name, 1000, 3, kind)
    assert method.cache_of(name, m.H_kv) == cache_of(name)


@pytest.mark.parametrize("name", PLAIN)
def test_a_layers_parameters_are_half_the_flop_of_its_matrices(name):
    steps = {step: f for step, _, f, _ in block_steps(name, 1, 1)}
    asks, kept, feed = method.layer_parameters(MODELS[name], MODELS[name].H_kv)
    assert 2 * asks == steps["queries"] + steps["output"]
    assert 2 * kept == steps["keys and values"]
    assert 2 * feed == steps["feed-forward"]


def test_one_head_takes_16_percent_off_a_layer_of_llama_2_7b():
    m = MODELS["Llama-2-7B"]
    before, after = (sum(method.layer_parameters(m, H_kv)) for H_kv in (32, 1))
    assert before == 4 * 4096**2 + 3 * 4096 * 11_008
    assert math.isclose(1 - after / before, 0.16, abs_tol=0.005)
    whole = 1 - method.parameters("Llama-2-7B", 1) / m.parameters
    assert math.isclose(whole, 2 * 32 * 4096 * 31 * 128 / m.parameters)


def test_the_headline_step_is_bound_by_reading_and_six_times_as_fast_with_one_head():
    many, one = (method.step_ms("Llama-2-7B", "H100", 4096, 32, H_kv) for H_kv in (32, 1))
    assert round(many / one, 1) == 6.2
    for H_kv in (32, 1):
        for flops, moved in method.step_works("Llama-2-7B", 4096, 32, H_kv):
            assert flops / GPUS["H100"].flops < 0.15 * moved / GPUS["H100"].bandwidth
    (_, weights), (_, caches) = method.step_works("Llama-2-7B", 4096, 32, 32)
    assert caches > 0.8 * (weights + caches)  # "most of it"
    assert view(demos.step_time, "note")["kind"] == "info"  # and all of it fits


def test_where_heads_are_shared_already_one_head_gains_far_less():
    eight, one = (method.step_ms("Llama-3.1-8B", "H100", 4096, 32, H_kv) for H_kv in (8, 1))
    assert 1 < eight / one < 2.5 < 6


def test_a_step_takes_the_sum_of_two_times_each_the_slower_of_reading_and_arithmetic():
    """256 users: arithmetic sets the pace of an A100's matrices, reading that of scores and mixing."""
    name, gpu, T, B = "Llama-2-7B", GPUS["A100"], 256, 256
    for H_kv in (32, 1):
        N = method.parameters(name, H_kv) - 32_000 * 4096
        matrices = max(2 * N * B / gpu.flops, 2 * N / gpu.bandwidth)
        pairs = max(4 * 32 * 32 * 128 * T * B / gpu.flops, 2 * 32 * H_kv * 128 * 2 * T * B / gpu.bandwidth)
        assert matrices == 2 * N * B / gpu.flops
        assert method.step_ms(name, "A100", T, B, H_kv) == pytest.approx(1000 * (matrices + pairs))
    bars = view(demos.step_time, "figure", T=T, B=B, gpu="A100")["data"][:2]
    assert bars[0]["y"][-1] + bars[1]["y"][-1] == pytest.approx(method.step_ms(name, "A100", T, B, 1))


def test_in_short_contexts_one_head_gains_little():
    many, one = (method.step_ms("Llama-2-7B", "H100", 256, 32, H_kv) for H_kv in (32, 1))
    assert many / one < 1.6
    (_, weights), (_, caches) = method.step_works("Llama-2-7B", 256, 32, 32)
    assert weights > 2 * caches


def test_narrow_weights_make_one_head_gain_more():
    def gain(kind):
        return method.step_ms("Llama-3.1-70B", "8 × H100", 4096, 32, 64, kind) / method.step_ms(
            "Llama-3.1-70B", "8 × H100", 4096, 32, 1, kind
        )

    assert round(gain("BF16"), 1) == 2.8
    assert round(gain("MXFP4"), 1) == 4.8


def test_where_eight_gpus_split_the_heads_one_head_saves_nothing_over_eight():
    eight, one = (method.step_works("Llama-3.1-70B", 4096, 32, H_kv, n=8) for H_kv in (8, 1))
    assert eight[1] == one[1]
    (_, few), (_, many) = eight[0], one[0]
    assert 0.98 < many / few < 1  # the weights alone
    rows = view(demos.users_against_context, "table", name="Llama-3.1-70B", gpu="8 × H100")["rows"]
    users = {row[0].split()[0]: row[-1] for row in rows}
    assert users["GQA-8"] == users["MQA"] == 50
    assert "each keeps at least one" in view(demos.step_time, "note", name="Llama-3.1-70B", gpu="8 × H100")["text"]


def test_for_one_user_nearly_all_of_the_gain_is_the_smaller_model():
    ((_, weights), (_, caches)), ((_, few), (_, cached)) = (
        method.step_works("Llama-2-7B", 512, 1, H_kv) for H_kv in (32, 1)
    )
    assert weights - few > 0.85 * (weights + caches - few - cached)
    assert (round(weights / 1e9, 2), round(few / 1e9, 2)) == (13.21, 11.13)  # as the question gives them


def test_scores_and_mixing_reach_a_tenth_of_an_h100_with_one_head_for_32():
    assert math.isclose(32 / H100, 0.108, abs_tol=0.001)
    assert metrics(demos.decode_roofline)["Scores and mixing"] == 32
    assert metrics(demos.decode_roofline, H_kv=32)["Scores and mixing"] == 1


def test_users_move_the_matrices_only_new_tokens_move_both_and_copies_undo_it():
    at = metrics(demos.decode_roofline)
    users, tokens = metrics(demos.decode_roofline, B=256), metrics(demos.decode_roofline, n=4)
    assert (users["Scores and mixing"], users["Matrices"]) == (at["Scores and mixing"], 2 * at["Matrices"])
    assert (tokens["Scores and mixing"], tokens["Matrices"]) == (4 * at["Scores and mixing"], 4 * at["Matrices"])
    assert metrics(demos.decode_roofline, copied=True)["Scores and mixing"] == 1


def test_scores_and_mixing_do_not_shrink():
    for H_kv, T in product((1, 8, 32), (256, 4096)):
        rows = {row[0]: row[1:] for row in view(demos.what_shrinks, "table", H_kv=H_kv, T=T)["rows"]}
        assert rows["scores and mixing, MFLOP"][0] == rows["scores and mixing, MFLOP"][1] == 4 * 4096 * T / 1e6
        full, kept = rows["K and V matrices, million parameters"]
        assert math.isclose(kept / full, H_kv / 32)


def test_one_head_fits_8_times_the_users_of_llama_3_1_8b_and_32_times_those_of_separate_heads():
    mha, gqa, mqa = (demos.users_of("Llama-3.1-8B", way, 32_768, GPUS["H100"]) for way in ("MHA", "GQA", "MQA"))
    assert (mha, gqa, mqa) == (4, 16, 130)
    _, table, *_ = [each for each in views_of(demos.users_against_context, defaults(demos.users_against_context))
                    if each["view"] in ("figure", "table")][1:]  # fmt: skip
    assert [row[-1] for row in table["rows"]] == [
        mha,
        gqa,
        mqa,
        demos.users_of("Llama-3.1-8B", "MLA", 32_768, GPUS["H100"]),
    ]


def test_the_lines_of_users_hold_the_numbers_of_the_table():
    for name, gpu in (("Llama-2-7B", "H200"), ("GPT-3", "8 × H100")):
        figure = view(demos.users_against_context, "figure", name=name, gpu=gpu)[0]
        for trace in figure["data"]:
            for T, fit in zip(trace["x"], trace["y"], strict=True):
                assert math.floor(fit) == demos.users_of(name, trace["name"], int(T), GPUS[gpu])


# ---- what papers print


def test_counts_agree_with_the_contexts_that_pope_et_al_print():
    """Table 1 of arXiv 2211.05102, 128 and 512 users: rounded there."""
    for ours, printed in (((64, 128, 1), (1320, 330)), ((1, 256, 64), (660, 165)), ((1, 256, 1), (43_000, 10_700))):
        assert math.isclose(demos.longest_context(*ours), printed[0], rel_tol=0.015)
        assert math.isclose(demos.longest_context(*ours) / 4, printed[1], rel_tol=0.015)


def test_the_parameters_saved_widen_the_feed_forward_part_as_shazeer_prints():
    """d 1024, 8 heads of 128, 6 + 6 layers: 18 of attention, 12 feed-forward. One head alone gives up q and o, too."""
    saved = 18 * 2 * 1024 * 128 * 7
    assert 4096 + saved / (12 * 2 * 1024) == 5440
    assert 4096 + 2 * saved / (12 * 2 * 1024) == 6784


def test_a_token_of_palm_leaves_less_than_a_quarter_of_one_of_llama_2_7b():
    assert demos.cache_bytes(1, 118, 1, 256) < method.cache_of("Llama-2-7B", 32) / 4


# ---- the demo by hand


def test_heads_that_share_a_key_differ_by_their_queries_and_only_by_them():
    for seed in range(5):
        assert metrics(demos.share_by_hand, seed=seed)["Different rows"] == 4
        assert metrics(demos.share_by_hand, seed=seed, shared=True)["Different rows"] == 1
        assert metrics(demos.share_by_hand, seed=seed, shared=True, H_kv=4)["Different rows"] == 4
        badge = view(demos.share_by_hand, "badge", seed=seed, T=8)
        assert badge["value"] <= badge["limit"]


def test_the_weights_shown_are_those_of_the_layer():
    """Mixed and projected they give the last row of what multi_query_attention returns."""
    x, W_q, W_k, W_v, W_o = demos.small_layer(5, 0)
    w = np.array(view(demos.share_by_hand, "matrix")["values"])
    z = np.einsum("ht,te,hed->d", w, x @ W_v[0], W_o)
    assert max_abs_difference(z, method.multi_query_attention(x, W_q, W_k[0], W_v[0], W_o)[-1]) < 0.02  # 3 decimals


# ---- on the house model


def texts_of(seed):
    return held_out(house_model.TEXTS, start=house_model.TEXTS * seed)


@cache
def excess(H_kv, seed, made=house_model.MADE[0], turned=False):
    """Nats above the floor over the texts of the demo."""
    model = house_model.turned_at_random(lm.load("target"), seed) if turned else lm.load("target")
    return above_floor(house_model.pooled(model, H_kv, made, seed), texts_of(seed))


@pytest.mark.parametrize("seed", range(3))
def test_pooled_to_one_head_the_house_model_is_worse_than_guessing_until_it_is_trained(seed):
    assert excess(8, seed) < 0.1
    four, two, one = (excess(H_kv, seed) for H_kv in (4, 2, 1))
    assert 1 < four < two < one
    assert one > house_model.guessing(texts_of(seed)) > four


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_is_a_better_start_than_the_first_head_and_that_than_random_ones(seed):
    for H_kv in (4, 2):
        mean, first, drawn = (excess(H_kv, seed, made) for made in house_model.MADE)
        assert mean < first < drawn
    assert excess(1, seed) < min(excess(1, seed, made) for made in house_model.MADE[1:])


@pytest.mark.parametrize("seed", range(3))
def test_turning_coordinates_changes_nothing_but_what_a_mean_makes_of_the_heads(seed):
    model = lm.load("target")
    turned, words = house_model.turned_at_random(model, seed), encode(texts_of(seed)[0].words)
    assert max_abs_difference(lm.forward(turned, words), lm.forward(model, words)) < 1e-3
    assert abs(excess(8, seed, turned=True) - excess(8, seed)) < 1e-4
    assert abs(excess(1, seed, turned=True) - excess(1, seed)) > 0.1
    assert excess(1, seed, turned=True) > 3  # no better a start


def test_heads_are_as_unrelated_as_vectors_can_be():
    model = lm.load("target")
    for H_kv in (4, 2, 1):
        kept = house_model.length_kept(house_model.pooled(model, H_kv), model)
        assert math.isclose(kept, math.sqrt(H_kv / 8), rel_tol=0.1)


def test_eight_pooled_heads_are_the_model_itself_and_one_is_stored_once():
    model, words = lm.load("target"), encode(texts_of(0)[0].words)
    assert np.array_equal(lm.forward(house_model.pooled(model, 8), words), lm.forward(model, words))
    one = house_model.pooled(model, 1)
    cache = lm.new_cache(one)
    lm.forward(one, words, cache)
    assert cache[0][0].nbytes == len(words) * model.D * 4
    assert one.weights["0.k"].shape == (16, 96)


def test_random_heads_are_as_large_as_those_that_they_replace_and_first_ones_are_copies():
    model = lm.load("target")
    drawn, first = (house_model.pooled(model, 2, made, seed=1).weights for made in house_model.MADE[2:0:-1])
    for name in ("0.k", "3.v"):
        assert math.isclose(drawn[name].std(), model.weights[name].std(), rel_tol=0.1)
        assert np.array_equal(first[name], np.vstack([model.weights[name][:16], model.weights[name][64:80]]))


def test_recorded_runs_begin_where_pooling_leaves_off_and_end_near_the_floor():
    for H_kv, run in POOLED.items():
        assert math.isclose(run["before"], house_model.excess(H_kv), rel_tol=0.1)
        assert run["after"] < 0.2 * run["before"]
    remains = [POOLED[H_kv]["after"] for H_kv in (4, 2, 1)]
    assert remains == sorted(remains)


def test_one_head_from_the_start_comes_closer_to_the_floor_than_a_converted_one():
    assert max(HEADS[1]) < 0.5 * POOLED[1]["after"]


def test_a_recorded_run_is_shown_only_for_the_heads_that_it_had():
    figure = view(house_model.pool_heads, "figure")
    assert figure["data"][0]["y"][2] == POOLED[1]["after"]
    assert "no run was recorded" in view(house_model.pool_heads, "note", made="random")["text"]
    assert "no run was recorded" in view(house_model.pool_heads, "note", turned=True)["text"]
