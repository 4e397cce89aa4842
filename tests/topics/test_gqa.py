"""The claims of the page on grouped-query attention."""

import json
import math
from itertools import chain, pairwise, product
from pathlib import Path

import numpy as np
import pytest

from topics.gqa import demos, house_model, method
from topics.kit import MODELS, lm, max_abs_difference
from topics.kit.model import losses
from topics.kit.model.language import KINDS
from topics.kit.model.recorded import HEADS, POOLED
from topics.kit.model.text import encode, held_out
from topics.kit.page.demo import defaults, views_of
from topics.kit.real.caches import CACHED
from topics.kit.real.caches import token_bytes as cached_bytes

pytestmark = pytest.mark.topic("gqa")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/gqa.npz")
RESULTS = Path(__file__).parents[2] / "training/results"
PAGE = (Path(__file__).parents[2] / "topics/gqa/page.md").read_text()
TEXT = "[blunt] facts : dogs eat cheese . ducks eat apples . say foods ? ducks apples"


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def slow_attention(q, k, v, causal):
    """By loops: q (H, T_q, D), k (H_kv, T_k, D), v (H_kv, T_k, D_v)."""
    (H, T_q, D), (H_kv, T_k, D_v) = q.shape, v.shape
    y = np.zeros((H, T_q, D_v))
    for h, i in product(range(H), range(T_q)):
        g = 0
        while (g + 1) * (H // H_kv) <= h:  # the group in which h lies
            g += 1
        seen = [j for j in range(T_k) if not causal or j <= i + T_k - T_q]
        e = {j: math.exp(sum(q[h, i, c] * k[g, j, c] for c in range(D)) / math.sqrt(D)) for j in seen}
        for j, c in product(seen, range(D_v)):
            y[h, i, c] += e[j] / sum(e.values()) * v[g, j, c]
    return y


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


# ---- the functions


@pytest.mark.parametrize("H_kv", [1, 2, 3, 6])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("T_q", [1, 3, 5])
def test_grouped_attention_equals_its_definition_written_as_loops(H_kv, causal, T_q):
    q, k, v = draw((6, T_q, 4), (H_kv, 5, 4), (H_kv, 5, 3))
    assert max_abs_difference(method.grouped_query_attention(q, k, v, causal), slow_attention(q, k, v, causal)) < 1e-14


@pytest.mark.parametrize("H_kv", [1, 2, 4, 8])
def test_grouped_attention_equals_pytorch(H_kv):
    q, k, v = REFERENCE["q"], REFERENCE[f"k{H_kv}"], REFERENCE[f"v{H_kv}"]
    T_q = q.shape[-2]
    for name, y in {
        "plain": method.grouped_query_attention(q, k, v),
        "causal": method.grouped_query_attention(q, k, v, causal=True),
        "square": method.grouped_query_attention(q, k[..., :T_q, :], v[..., :T_q, :], causal=True),
    }.items():
        assert max_abs_difference(y, REFERENCE[f"{name}{H_kv}"]) < 1e-14
    assert np.array_equal(method.repeat_kv(k, 8), REFERENCE[f"spread{H_kv}"])


def test_as_many_groups_as_heads_is_multi_head_attention():
    from topics.attention.method import scaled_dot_product_attention

    q, k, v = draw((6, 5, 4), (6, 5, 4), (6, 5, 4))
    expected, _ = scaled_dot_product_attention(q, k, v, causal=True)
    assert max_abs_difference(method.grouped_query_attention(q, k, v, causal=True), expected) < 1e-15


def test_one_group_is_multi_query_attention():
    q, k, v = draw((6, 5, 4), (5, 4), (5, 4))
    each = [slow_attention(q[h : h + 1], k[None], v[None], causal=True)[0] for h in range(6)]
    assert max_abs_difference(method.grouped_query_attention(q, k[None], v[None], causal=True), each) < 1e-14


def test_groups_are_a_model_with_equal_heads():
    q, k, v = draw((6, 5, 4), (2, 5, 4), (2, 5, 4))
    many = method.grouped_query_attention(q, k[[0, 0, 0, 1, 1, 1]], v[[0, 0, 0, 1, 1, 1]])
    assert np.array_equal(method.grouped_query_attention(q, k, v), many)


def test_a_head_hears_only_of_its_own_group():
    q, k, v = draw((6, 5, 4), (2, 5, 4), (2, 5, 4))
    before = method.grouped_query_attention(q, k, v)
    k[1], v[1] = draw((5, 4), (5, 4), seed=1)
    after = method.grouped_query_attention(q, k, v)
    assert np.array_equal(before[:3], after[:3])
    assert (np.abs(before[3:] - after[3:]).max((1, 2)) > 0.01).all()


def test_the_house_models_own_attention_shares_heads_alike():
    """lm.forward has its own line for groups; a pooled model must run through both alike."""
    model = house_model.converted(lm.load("target"), 2, "neighbours")
    seen, words = {}, encode(TEXT)

    def see(name, i, value):
        if i == 1:
            seen[name] = value

    lm.forward(model, words, see=see)
    turns = lm.rotation(np.arange(len(words)), lm.rope_frequencies(model.D, model.base))
    q, k, v = (np.swapaxes(x, 0, 1) for x in (lm.rotate(seen["q"], turns), lm.rotate(seen["k"], turns), seen["v"]))
    y = method.grouped_query_attention(q, k, v, causal=True)
    assert k.shape[0] == 2
    assert max_abs_difference(y, np.swapaxes(seen["heads"], 0, 1)) < 1e-4


def test_the_example_by_hand():
    w, y = method.example()
    e = math.exp(math.sqrt(2))
    first, second = e / (e + 1), 1 / (e + 1)
    assert np.allclose(w, [[first, second], [second, first], [second, first], [first, second]])
    assert np.allclose(y, [10 * first + 20 * second, 10 * second + 20 * first, 30 * second + 40 * first,
                           30 * first + 40 * second])  # fmt: skip
    assert len(set(y.round(6))) == 4


# ---- conversion


def test_each_new_head_is_the_mean_of_its_group():
    W = draw((6, 5, 4), (6, 5, 4), (6, 5, 4), (6, 4, 5))
    groups = [[4, 0, 3], [1, 5, 2]]
    W_q, W_k, W_v, W_o = method.convert_mha_to_gqa(*W, groups)
    for g, heads in enumerate(groups):
        for new, old in ((W_k, W[1]), (W_v, W[2])):
            slow = [[sum(old[h, a, b] for h in heads) / 3 for b in range(4)] for a in range(5)]
            assert max_abs_difference(new[g], slow) < 1e-15
        for place, h in enumerate(heads):
            assert np.array_equal(W_q[3 * g + place], W[0][h])
            assert np.array_equal(W_o[3 * g + place], W[3][h])


@pytest.mark.parametrize("kind", house_model.GROUPINGS)
def test_with_a_group_for_each_head_conversion_changes_nothing(kind):
    model, words = lm.load("target"), encode(TEXT)
    same = house_model.converted(model, 8, kind, seed=3)
    assert same.H_kv == 8
    assert max_abs_difference(lm.forward(same, words), lm.forward(model, words)) < 1e-4


def test_heads_that_are_equal_can_be_pooled_without_loss():
    """If a group's heads are copies, their mean is each of them: conversion undoes repeating, in any order."""
    model, words, rng = lm.load("target"), encode(TEXT), np.random.default_rng(0)
    few = house_model.converted(model, 4, "neighbours")
    layers, groups = [], []
    for i in range(model.L):
        W_q, W_k, W_v, W_o = house_model.heads_of(few, i)
        order = rng.permutation(8)
        layers.append([np.repeat(W, 8 // len(W), 0)[order] for W in (W_q, W_k, W_v, W_o)])
        groups.append([[list(order).index(2 * g), list(order).index(2 * g + 1)] for g in range(4)])
    many = house_model.with_heads(model, layers)
    back = house_model.with_heads(many, [method.convert_mha_to_gqa(*W, g) for W, g in zip(layers, groups, strict=True)])
    assert (many.H_kv, back.H_kv) == (8, 4)
    expected = lm.forward(few, words)
    for each in (many, back):
        assert max_abs_difference(lm.forward(each, words), expected) < 1e-4


def test_heads_can_be_taken_out_and_put_back():
    model = lm.load("target")
    same = house_model.with_heads(model, [house_model.heads_of(model, i) for i in range(model.L)])
    assert all(np.array_equal(same.weights[name], model.weights[name]) for name in model.weights)


# ---- turning


def test_turned_heads_compute_what_they_did():
    model, words = lm.load("target"), encode(TEXT)
    for seed in range(3):
        groups = [house_model.groups_of(model, i, "drawn", 2, seed=seed) for i in range(model.L)]
        turned = house_model.turned_heads(model, groups)
        assert max_abs_difference(lm.forward(turned, words), lm.forward(model, words)) < 1e-4
        assert max_abs_difference(turned.weights["0.k"], model.weights["0.k"]) > 0.01


def test_turning_brings_the_heads_of_a_group_nearer_to_each_other():
    for seed in range(3):
        W = draw((4, 12, 6), (4, 12, 6), (4, 12, 6), (4, 6, 12), seed=seed)
        turned = method.turn_heads(*W, [[0, 2], [1, 3]])
        for part, (a, b) in product((1, 2), ((0, 2), (1, 3))):
            before, after = (np.linalg.norm(each[part][a] - each[part][b]) for each in (W, turned))
            assert after < before


def test_the_nearest_turn_is_an_orthogonal_matrix_and_none_is_nearer():
    A, B = draw((9, 5), (9, 5))
    R = method.nearest_turn(A, B)
    assert max_abs_difference(R @ R.T, np.eye(5)) < 1e-14
    best = np.linalg.norm(A @ R - B)
    for seed in range(200):
        other = R @ np.linalg.qr(np.eye(5) + 0.3 * draw((5, 5), seed=seed)[0])[0]
        assert np.linalg.norm(A @ other - B) >= best
        assert np.linalg.norm(A @ -other - B) >= best


def test_the_nearest_angles_are_nearest_pair_by_pair():
    A, B = draw((9, 6), (9, 6))
    angles = method.nearest_angles(A, B)
    best = np.linalg.norm(method.apply_rope(A, angles) - B)
    for pair, step in product(range(3), np.linspace(0.1, 6.2, 40)):
        moved = angles.copy()
        moved[pair] += step
        assert np.linalg.norm(method.apply_rope(A, moved) - B) > best


def test_a_turn_of_the_pairs_and_a_rotary_turn_can_change_places():
    (x,) = draw((7, 1, 6))
    turns = lm.rotation(np.arange(7), lm.rope_frequencies(6, 1e4))
    angles = np.array([0.3, 1.7, -2.0])
    both = method.apply_rope(lm.rotate(x, turns), angles), lm.rotate(method.apply_rope(x, angles), turns)
    assert max_abs_difference(*both) < 1e-6  # the kit's turns are float32


def test_a_head_turned_away_is_found_again():
    A, X = draw((9, 5), (5, 5))
    R = np.linalg.qr(X)[0]
    assert max_abs_difference(method.nearest_turn(A @ R, A), R.T) < 1e-13
    W = draw((9, 6))[0]
    both = np.stack([W, method.apply_rope(W, np.array([0.5, -1.0, 3.0]))])
    assert method.likeness(both, both, turned=True)[0, 1] == pytest.approx(1)
    assert method.likeness(both, both, turned=False)[0, 1] < 0.8


def test_likeness_is_what_the_best_turn_reaches():
    W_k, W_v = draw((3, 9, 6), (3, 9, 6))
    S, plain = method.likeness(W_k, W_v, True), method.likeness(W_k, W_v, False)
    for x, y in product(range(3), repeat=2):
        k = method.apply_rope(W_k[x], method.nearest_angles(W_k[x], W_k[y]))
        v = W_v[x] @ method.nearest_turn(W_v[x], W_v[y])
        cosines = [(a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b) for a, b in ((k, W_k[y]), (v, W_v[y]))]
        assert S[x, y] == pytest.approx(np.mean(cosines))
        assert plain[x, y] <= S[x, y] + 1e-12


@pytest.mark.parametrize(("n", "size", "count"), [(8, 2, 105), (8, 4, 35), (8, 8, 1), (6, 3, 10)])
def test_partitions_are_all_there_and_none_twice(n, size, count):
    """n! / (size!^groups · groups!)"""
    every = list(method.partitions(list(range(n)), size))
    assert len({frozenset(map(frozenset, groups)) for groups in every}) == len(every) == count
    assert all(sorted(chain(*groups)) == list(range(n)) for groups in every)


def test_alike_finds_groups_that_were_hidden():
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(8)
        S = np.eye(8)
        for a, b in order.reshape(4, 2):
            S[a, b] = S[b, a] = 0.3
        assert {frozenset(map(int, g)) for g in method.alike(S, 4)} == {
            frozenset(map(int, g)) for g in order.reshape(4, 2)
        }


# ---- what the page says of the house model


def test_averaged_heads_are_useless_at_once():
    """Over three sets of texts: four heads lose nats, two as much as guessing, one more."""
    assert 1.5 < house_model.measured(4) < 3
    assert 3 < house_model.measured(2) < losses.guessing(losses.quoted_texts()) + 1
    assert house_model.measured(1) > losses.guessing(losses.quoted_texts())
    model = lm.load("target")
    for start in (20_000, 30_000):
        texts = held_out(20, start=start)
        models = [house_model.converted(model, H_kv, "neighbours") for H_kv in (4, 2, 1)]
        lost = [losses.above_floor(each, texts) for each in models]
        assert 1.5 < lost[0] < 3.5 < lost[1] < lost[2]


def test_models_trained_with_few_heads_lose_far_less_than_averaged_ones():
    """As recorded: every run, whatever its heads and seed, is more than ten times nearer to the floor."""
    assert all(HEADS.values())
    for H_kv in house_model.CONVERTED:
        assert 10 * max(HEADS[H_kv]) < house_model.measured(H_kv)


def test_seeds_matter_more_than_how_many_heads_a_model_has_from_the_start():
    means = [house_model.trained(H_kv) for H_kv in (8, 4, 2, 1)]
    assert max(means) - min(means) < house_model.seeds_apart()


def recorded():
    """Every run of models with few heads from the start: (whether it is late, its result)."""
    for H_kv, losses_found in HEADS.items():
        for seed, loss in enumerate(losses_found, 1):
            yield loss > 0.07, json.loads((RESULTS / f"heads{H_kv}-{seed}.json").read_text())


def test_runs_that_are_late_are_those_that_can_not_look_up_what_was_said_in_stories_or_facts():
    for late, result in recorded():
        for skill in ("fact", "where", "who"):  # of facts, and of places and owners in stories
            right, of = map(sum, zip(*result["skills"][skill].values(), strict=True))
            assert right / of < 0.85 if late else right / of > 0.9
    assert sum(late for late, _ in recorded()) == sum(map(house_model.late, HEADS)) == 6


def test_stories_and_facts_both_make_late_runs_late_and_hardly_anything_else_does():
    """The share of each kind of text in the difference between the mean late and the mean early run."""

    def excess(late, kind):
        cells = [result["kinds"][kind] for is_late, result in recorded() if is_late == late]
        return sum(cell["loss"] - cell["floor"] for cell in cells) / len(cells)

    words = {kind: KINDS[kind] * cell["words"] for kind, cell in next(recorded())[1]["kinds"].items()}
    adds = {kind: words[kind] * (excess(True, kind) - excess(False, kind)) for kind in words}
    share = {kind: x / sum(adds.values()) for kind, x in adds.items()}
    assert share["story"] > 0.4 and share["facts"] > 0.4
    assert share["story"] + share["facts"] > 0.9
    assert sum(adds.values()) / sum(words.values()) == pytest.approx(0.049, abs=5e-4)


def test_training_on_brings_the_averaged_model_back_the_less_the_fewer_heads_are_left():
    for H_kv, found in POOLED.items():
        assert found["after"] < 0.2 * found["before"]
        assert found["before"] == pytest.approx(house_model.measured(H_kv), rel=0.25)  # torch and other texts agree
    assert POOLED[4]["after"] < min(HEADS[4]) < POOLED[2]["after"] < 0.2 * POOLED[1]["after"]


def test_turning_helps_however_the_groups_are_made():
    """By nats, so that 16 of the 80 texts tell it; but drawn groups of four heads gain less, and need them all."""

    def lost(*how):
        return losses.above_floor(house_model.converted(lm.load("target"), *how), losses.quoted_texts()[:16])

    for H_kv, kind in [(4, "neighbours"), (4, "alike"), *product([2], house_model.GROUPINGS), (1, "neighbours")]:
        assert lost(H_kv, kind, True) < lost(H_kv, kind) - 0.4
    for seed in range(3):
        assert house_model.measured(4, "drawn", True, seed) < house_model.measured(4, "drawn", False, seed) - 0.4


def test_choosing_alone_helps_less_than_turning_alone():
    draws, measured = house_model.draws, house_model.measured
    assert draws(4) - measured(4, "alike") < 0.3 < draws(4) - draws(4, True)
    assert measured(4) - measured(4, "alike") < measured(4) - measured(4, "neighbours", True)


def test_four_texts_are_few_seeds_move_the_bar_of_neighbours_by_nats():
    bars = house_model.over_seeds()
    assert [round(bar, 1) for bar in bars] == [2.2, 1.8, 1.8, 2.4, 1.4, 5.2]
    shown = view(house_model.choose_groups, "figure", seed=5)["data"][0]["y"]
    assert shown[0] == bars[5] and max(shown) - min(shown) > 2
    first = view(house_model.choose_groups, "figure")["data"][0]["y"]
    assert max(first) - min(first) < 0.15  # at the defaults they hardly differ


def test_turned_and_alike_is_better_than_each_draw_with_four_heads_but_not_clearly_with_two():
    best = house_model.measured(4, "alike", True)
    assert best < house_model.measured(4, "neighbours", True)
    assert all(best < house_model.measured(4, "drawn", True, seed) for seed in range(5))
    assert abs(house_model.measured(2, "alike", True) - house_model.draws(2, True)) < 1


def test_heads_as_they_are_have_nothing_in_common():
    model = lm.load("target")
    for i in range(model.L):
        S = method.likeness(*house_model.heads_of(model, i)[1:3], turned=False)
        assert np.abs(S - np.eye(8)).max() < 0.1
    assert abs(house_model.mean_likeness(False)) < 0.01
    assert house_model.unrelated() < house_model.mean_likeness(True) < house_model.unrelated() + 0.05
    assert house_model.best_likeness() > house_model.unrelated() + 0.1


# ---- who reads whom


@pytest.mark.parametrize(("H_kv", "good"), [(1, 8), (2, 4), (4, 2), (8, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_tiling_gives_heads_strangers_unless_there_is_one_head_or_one_for_each(H_kv, good, seed):
    figure = view(demos.repeat_or_tile, "figure", H_kv=H_kv, tile=True, seed=seed)
    off = figure["data"][0]["y"]
    assert (off < 1e-12).sum() == good == sum(h % H_kv == h * H_kv // 8 for h in range(8))
    assert off.max() > 0.1 or good == 8
    assert view(demos.repeat_or_tile, "badge", H_kv=H_kv, seed=seed)["value"] < 1e-12


# ---- what it costs


@pytest.mark.parametrize("name", [name for name, cached in CACHED.items() if cached.way != "MLA"])
def test_bytes_of_a_token_are_those_of_the_shared_calculator(name):
    m = MODELS[name]
    assert demos.cache_bytes(1, m.L, m.H_kv, m.D) == cached_bytes(name)
    assert cached_bytes(name) == sum(2 * m.D * 2 for _ in range(m.L) for _ in range(m.H_kv))


@pytest.mark.parametrize(("H_kv", "P"), [(8, 1), (8, 2), (8, 8), (8, 16), (1, 4), (4, 32), (64, 8)])
def test_a_gpu_holds_what_its_query_heads_read(H_kv, P):
    H = 64
    needed = [{h * H_kv // H for h in range(p * H // P, (p + 1) * H // P)} for p in range(P)]
    assert {len(each) for each in needed} == {method.heads_on_a_gpu(H_kv, P)}


def test_the_cache_of_a_gpu_stops_shrinking_at_as_many_gpus_as_groups():
    m = MODELS["Llama-3.1-70B"]
    eight = [demos.on_a_gpu(m, 8, P) for P in (1, 2, 4, 8, 16, 32)]
    assert [a // b for a, b in pairwise(eight)] == [2, 2, 2, 1, 1]
    assert all(demos.on_a_gpu(m, 8, P) == demos.on_a_gpu(m, 1, P) for P in (8, 16, 32))
    assert {demos.on_a_gpu(m, 1, P) for P in (1, 4, 32)} == {demos.on_a_gpu(m, 1, 1)}


@pytest.mark.parametrize(("name", "groups"), [("Qwen3-235B-A22B", 4), ("Llama-3.1-8B", 8), ("Llama-2-7B", 8)])
def test_the_demo_splits_the_groups_that_a_model_has_or_eight(name, groups):
    m = MODELS[name]
    for P in (1, groups, 2 * groups):
        shown = [item["value"] for item in view(demos.cache_of_a_gpu, "metrics", P=P, name=name)["items"]]
        held = max(1, groups // P)
        assert shown[:2] == [held, 2 * m.L * held * m.D * 2 / 1024]
    assert f"{2 * groups // groups} times" in view(demos.cache_of_a_gpu, "note", P=2 * groups, name=name)["text"]


@pytest.mark.parametrize(
    ("name", "table"), [("Llama-3.1-8B", (32, 4096, 32, 8)), ("Qwen3-235B-A22B", (94, 4096, 64, 4)),
                        ("MiniMax-M2", (62, 3072, 48, 8))]
)  # fmt: skip
def test_shapes_in_the_pages_table_are_those_of_the_kit(name, table):
    m = MODELS[name]
    assert (m.L, m.d, m.H, m.H_kv) == table and m.D == 128
    assert f"| {name} " in PAGE and "({}, {}, 128, {}, {})".format(*table) in PAGE


def test_layers_of_newer_models_differ_as_the_page_says():
    gemma, following = (MODELS[name].layers for name in ("Gemma 4 31B", "Qwen3-Next-80B-A3B"))
    assert [(x.n, x.H_kv, x.D, bool(x.window)) for x in gemma] == [(50, 16, 256, True), (10, 4, 512, False)]
    assert [(x.n, x.H_kv, bool(x.state)) for x in following] == [(12, 2, False), (36, 16, True)]
    later = MODELS["Qwen3.5-35B-A3B"].layers
    assert [(x.n, x.H_kv, bool(x.state)) for x in later] == [(10, 2, False), (30, 16, True)]


def test_llama_2s_comparison_found_groups_and_mha_about_equal():
    mmlu, trivia, gsm = 8, 7, 9
    for at, mha, gqa in ((mmlu, 28.0, 26.9), (trivia, 44.7, 46.2), (gsm, 4.9, 5.3)):
        assert (demos.LLAMA_2["MHA"][at], demos.LLAMA_2["GQA"][at]) == (mha, gqa)
    for kind, mean in (("MHA", 44.15), ("MQA", 43.76), ("GQA", 44.28)):  # added up by hand
        assert len(demos.LLAMA_2[kind]) == 11 and demos.mean_score(kind) == pytest.approx(mean, abs=0.006)
    assert [round(x, 1) for x in demos.apart("GQA")] == [-1.6, 1.6]


@pytest.mark.parametrize(
    ("name", "published"), [("Llama-3.1-8B", 8_030_261_248), ("Llama-3.1-70B", 70_553_706_496),
                            ("Qwen2.5-7B", 7_615_616_512)]
)  # fmt: skip
def test_saved_parameters_are_those_of_the_missing_projections(name, published):
    m = MODELS[name]
    projections = sum(2 * m.d * m.D for _ in range(m.L) for _ in range(m.H - m.H_kv))
    assert method.parameters_saved(m.L, m.d, m.D, m.H, m.H_kv) == projections
    assert m.parameters == published


def test_the_headline_begins_at_the_finished_model_and_shows_recorded_runs_as_they_are():
    def traces(**how):
        return {trace["name"]: trace for trace in view(house_model.loss_against_cache, "figure", **how)["data"]}

    shown = traces()
    assert house_model.FROM_START not in shown and "each run" not in shown
    assert list(shown[house_model.TRAINED_ON]["x"]) == [2048, 1024, 512, 256]
    assert list(shown[house_model.TRAINED_ON]["y"])[1:] == [POOLED[h]["after"] for h in (4, 2, 1)]
    few = traces(few=True)
    assert sorted(few["each run"]["y"]) == sorted(chain(*HEADS.values()))
    assert list(few[house_model.FROM_START]["y"]) == [house_model.trained(h) for h in (8, 4, 2, 1)]
    for seed in range(4):
        at_once = traces(seed=seed)[house_model.AT_ONCE]["y"]
        own = losses.above_floor(lm.load("target"), held_out(house_model.TEXTS, start=house_model.TEXTS * seed))
        assert at_once[0] == pytest.approx(own, abs=1e-4) and own < 0.05
        assert 1 < at_once[1] < at_once[2] < at_once[3]


def test_a_quarter_turn_changes_a_mean_and_not_what_a_head_writes():
    """The page's example: M turns (3, 4) into (-4, 3)."""
    M, x = np.array([[0.0, 1], [-1, 0]]), np.array([3.0, 4])
    (W_o,) = draw((2, 5))
    assert (x @ M).tolist() == [-4, 3] and np.array_equal(M @ M.T, np.eye(2))
    assert max_abs_difference((x @ M) @ (M.T @ W_o), x @ W_o) < 1e-15
    assert ((x @ M + x) / 2).tolist() == [-0.5, 3.5]


def test_the_layer_that_is_shown_first_has_other_pairs_alike_than_neighbours():
    rows = dict(view(house_model.choose_groups, "table")["rows"])
    assert rows["neighbours"] == "1+2, 3+4, 5+6, 7+8"
    assert not set(rows["alike"].split(", ")) & set(rows["neighbours"].split(", "))


def test_the_best_pair_of_all_is_in_layer_4():
    model = lm.load("target")
    best = [(method.likeness(*house_model.heads_of(model, i)[1:3], True) - np.eye(8)).max() for i in range(model.L)]
    assert np.argmax(best) == 3 and best[3] == pytest.approx(house_model.best_likeness())
