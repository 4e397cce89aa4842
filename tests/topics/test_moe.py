"""The claims of the page on mixtures of experts."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from topics.kit import MODELS, lm
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.model.text import encode, held_out
from topics.kit.page.demo import defaults, views_of
from topics.kit.real.costs import experts_touched
from topics.moe import demos, house_model, method, ranks, real, seeds, toy, words

pytestmark = pytest.mark.topic("moe")

REFERENCE = np.load(Path(__file__).parents[1] / "reference/moe.npz")


def scores(seed, T=7, E=6):
    return np.random.default_rng(seed).dirichlet(np.ones(E), T)


def slow_gates(p, b, k, renormalise=True):
    """The weights (T, E), token by token."""
    gates = np.zeros(p.shape)
    for t, row in enumerate(p.tolist()):
        best = sorted(range(len(row)), key=lambda e, row=row: row[e] + b[e], reverse=True)[:k]
        total = sum(row[e] for e in best) if renormalise else 1.0
        for e in best:
            gates[t, e] = row[e] / total
    return gates


def spread(chosen, weights, E):
    gates = np.zeros((len(chosen), E))
    np.put_along_axis(gates, chosen, weights, 1)
    return gates


# ---- the router


@pytest.mark.parametrize("k, renormalise", list(itertools.product((1, 2, 6), (True, False))))
def test_a_router_chooses_and_weighs_as_a_loop_does(k, renormalise):
    for seed in range(5):
        p, b = scores(seed), np.random.default_rng(seed + 9).normal(0, 0.3, 6)
        chosen, weights = method.bias_balanced_router(p, b, k, renormalise)
        assert np.abs(spread(chosen, weights, 6) - slow_gates(p, b, k, renormalise)).max() < 1e-15
        chosen, weights = method.top_k_router(p, k, renormalise)
        assert np.abs(spread(chosen, weights, 6) - slow_gates(p, np.zeros(6), k, renormalise)).max() < 1e-15
        assert (np.diff(weights) <= 0).all()


@pytest.mark.parametrize("name, score", [("v3", "sigmoid"), ("v4", "sqrtsoftplus")])
def test_biased_routers_weigh_as_transformers_do_for_deepseek(name, score):
    r = REFERENCE
    p = method.router_scores(r[f"{name}_logits"].astype(float), score)
    chosen, weights = method.bias_balanced_router(p, r[f"{name}_bias"], 3)
    theirs = spread(r[f"{name}_chosen"], r[f"{name}_weights"], 8)
    assert np.abs(spread(chosen, weights, 8) - theirs).max() < 1e-6
    assert (np.sort(chosen) != np.sort(method.top_k_router(p, 3)[0])).any()  # the bias did matter


def test_gpt_oss_divides_over_the_chosen_and_olmoe_over_all():
    r = REFERENCE
    for name, renormalise in (("gpt_oss", True), ("olmoe", False)):
        p = method.router_scores(r[f"{name}_logits"].astype(float))
        chosen, weights = method.top_k_router(p, 3, renormalise)
        assert np.abs(spread(chosen, weights, 8) - spread(r[f"{name}_chosen"], r[f"{name}_weights"], 8)).max() < 1e-6


def test_a_softmax_over_the_chosen_logits_is_the_same_as_dividing_by_the_sum():
    logits = np.random.default_rng(0).normal(0, 3, (20, 8))
    chosen, weights = method.top_k_router(method.router_scores(logits), 3)
    top = np.exp(np.take_along_axis(logits, chosen, 1))
    assert (method.top_k_router(method.router_scores(logits), 1)[1] == 1).all()  # the score itself is lost
    assert np.abs(weights - top / top.sum(1, keepdims=True)).max() < 1e-14


def test_the_layer_equals_transformers_mixtral():
    r = {name: REFERENCE[name].astype(float) for name in ("x", "router", "gate_up", "down", "mixtral")}

    def expert(e):
        def f(x):
            gate, up = np.split(x @ r["gate_up"][e].T, 2, axis=1)
            return (gate / (1 + np.exp(-gate)) * up) @ r["down"][e].T

        return f

    chosen, weights = method.top_k_router(method.router_scores(r["x"] @ r["router"].T), 3)
    y = method.moe_layer(r["x"], [expert(e) for e in range(8)], chosen, weights)
    assert np.abs(y - r["mixtral"]).max() < 1e-4 * np.abs(r["mixtral"]).max()


def test_the_pages_layer_in_the_house_mixture_gives_the_kits_logits():
    model = lm.load("mixture")
    for i in (1, 2):
        numbers = encode(held_out(1, start=i)[0].words)
        assert np.abs(house_model.through(model, numbers) - lm.forward(model, numbers)).max() < 1e-4


def test_a_dropped_choice_adds_nothing():
    x, f = np.ones((2, 3)), [lambda x: x, lambda x: 10 * x]
    y = method.moe_layer(x, f, np.array([[0, -1], [-1, -1]]), np.array([[0.7, 0.3], [0.6, 0.4]]))
    assert np.abs(y - [[0.7] * 3, [0.0] * 3]).max() < 1e-15


# ---- balance


def slow_balance(p, chosen):
    T, E = p.shape
    total = 0.0
    for e in range(E):
        share = sum(c == e for row in chosen.tolist() for c in row) / chosen.size
        total += share * sum(p[t, e] for t in range(T)) / T
    return E * total


def test_the_balance_loss_is_what_a_loop_adds_up_and_one_where_all_is_even():
    for seed in range(5):
        p = scores(seed, 9, 5)
        chosen, _ = method.top_k_router(p, 2)
        assert method.load_balancing_loss(p, chosen) == pytest.approx(slow_balance(p, chosen), abs=1e-14)
    even = np.array([[0, 1], [2, 3]])
    for skewed in (np.full((2, 4), 0.25), np.array([[0.7, 0.1, 0.1, 0.1], [0.2, 0.4, 0.3, 0.1]])):
        assert method.load_balancing_loss(skewed, even) == pytest.approx(1)  # an even load suffices


def test_the_balance_loss_lies_between_zero_and_e_over_k_and_may_be_below_one():
    p, one = np.tile([[1.0, 0, 0, 0]], (3, 1)), np.zeros((3, 1), int)
    assert method.load_balancing_loss(p, one) == pytest.approx(4)
    for E, k in ((4, 2), (8, 3)):  # all choose the same k
        p, same = np.zeros((3, E)), np.tile(np.arange(k), (3, 1))
        p[:, :k] = 1 / k
        assert method.load_balancing_loss(p, same) == pytest.approx(E / k)
    disagree = np.array([[0.4, 0.6]] * 5)
    assert method.load_balancing_loss(disagree, np.array([[0], [0], [0], [1], [1]])) == pytest.approx(0.96)
    for seed in range(20):
        p = scores(seed)
        any_choice = np.argsort(np.random.default_rng(seed).random((7, 6)), 1)[:, :2]
        assert 0 <= method.load_balancing_loss(p, any_choice) <= 6 / 2


def test_hugging_face_counts_k_times_as_much_leaves_padding_out_and_pools_layers():
    r = REFERENCE
    p = [method.router_scores(r[f"logits{i}"].astype(float)) for i in (0, 1)]
    chosen = [method.top_k_router(x, 3)[0] for x in p]
    mine = [method.load_balancing_loss(x, c, "Hugging Face") for x, c in zip(p, chosen, strict=True)]
    assert mine == pytest.approx([float(r["loss0"]), float(r["loss1"])], rel=1e-5)
    assert mine[0] == pytest.approx(3 * method.load_balancing_loss(p[0], chosen[0]))
    pooled = method.load_balancing_loss(np.concatenate(p), np.concatenate(chosen), "Hugging Face")
    assert pooled == pytest.approx(float(r["loss_both"]), rel=1e-5)
    assert abs(pooled - np.mean(mine)) > 0.01
    kept = r["mask"].ravel() > 0
    assert method.load_balancing_loss(p[0][kept], chosen[0][kept], "Hugging Face") == pytest.approx(
        float(r["loss_masked"]), rel=1e-5
    )


def test_two_layers_uneven_in_opposite_ways_look_even_when_pooled():
    p = np.array([[0.9, 0.1]] * 4), np.array([[0.1, 0.9]] * 4)
    chosen = [x.argmax(1)[:, None] for x in p]
    assert all(method.load_balancing_loss(x, c) == pytest.approx(1.8) for x, c in zip(p, chosen, strict=True))
    assert method.load_balancing_loss(np.concatenate(p), np.concatenate(chosen)) == pytest.approx(1)


def test_the_balance_losss_gradient_passes_the_scores_and_not_the_counts():
    p = scores(3)
    chosen, _ = method.top_k_router(p, 2)
    tensor = Tensor(p)
    (g,) = gradients(method.load_balancing_loss(tensor, chosen), [tensor])
    for t, e in itertools.product(range(7), range(6)):  # by finite differences, counts held
        moved = p.copy()
        moved[t, e] += 1e-6
        slope = (slow_balance(moved, chosen) - slow_balance(p, chosen)) / 1e-6
        assert g[t, e] == pytest.approx(slope, abs=1e-6)


def test_a_bias_evens_a_load_and_leaves_the_weights_alone():
    rng = np.random.default_rng(0)
    taste = rng.normal(0, 1, 8)
    b, first = np.zeros(8), None
    for _ in range(600):
        p = method.router_scores(taste + rng.normal(0, 1, (128, 8)))
        chosen, weights = method.bias_balanced_router(p, b, 2)
        assert np.abs(weights.sum(1) - 1).max() < 1e-12
        load = method.load_of(chosen, 8)
        first = load if first is None else first
        b = method.updated_bias(b, load, 0.003)
    assert first.max() > 0.2
    assert load.max() < 0.16
    taken = np.take_along_axis(p, chosen, 1)
    assert np.abs(weights - taken / taken.sum(1, keepdims=True)).max() < 1e-15


# ---- capacity


def test_who_finds_room_is_what_going_through_the_choices_one_by_one_gives():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        T, E, k = int(rng.integers(3, 20)), int(rng.integers(2, 7)), 2
        chosen = np.argsort(-rng.random((T, E)), 1)[:, :k]
        C = method.expert_capacity(T, E, k, float(rng.choice([0.5, 1, 1.25])))
        room, seats = method.within_capacity(chosen, E, C), [C] * E
        for j in range(k):
            for t in range(T):
                e = chosen[t, j]
                assert room[t, j] == (seats[e] > 0)
                seats[e] -= bool(seats[e])
        assert all(room[chosen == e].sum() <= C for e in range(E))


def test_a_capacity_is_rounded_up_and_e_over_k_always_suffices():
    for T, E, k, factor in itertools.product((1, 7, 96), (4, 8), (1, 2), (1, 1.1, 1.25)):
        share = factor * k * T / E
        assert share - 1e-9 <= method.expert_capacity(T, E, k, factor) < share + 1
    assert method.expert_capacity(80, 8, 1, 1.1) == 11
    everyone = np.zeros((9, 1), int)
    assert method.within_capacity(everyone, 4, method.expert_capacity(9, 4, 1, 4)).all()


# ---- what is touched, and what travels


def test_the_touched_formula_is_the_mean_over_all_ways_to_choose():
    for E, k, B in ((4, 1, 2), (4, 2, 2), (5, 2, 2), (3, 2, 3)):
        sets = list(itertools.combinations(range(E), k))
        counts = [len(set().union(*draw)) for draw in itertools.product(sets, repeat=B)]
        assert experts_touched(E, k, B) == pytest.approx(np.mean(counts))


def test_ranks_touched_is_the_mean_over_all_ways_to_choose():
    for E, k, N in ((8, 2, 4), (6, 3, 3), (8, 2, 8), (8, 4, 2), (4, 2, 1)):
        per = E // N
        counts = [len({e // per for e in draw}) for draw in itertools.combinations(range(E), k)]
        assert ranks.ranks_touched(E, k, N) == pytest.approx(np.mean(counts))


@pytest.mark.parametrize("N, once", list(itertools.product((1, 2, 4, 8), (True, False))))
def test_experts_over_ranks_give_the_whole_layer_and_send_what_is_counted(N, once):
    rng, d, E, k = np.random.default_rng(N), 5, 8, 3
    W = rng.normal(size=(E, d, d))
    experts = [lambda x, e=e: np.tanh(x @ W[e]) for e in range(E)]
    xs = [rng.normal(size=(int(rng.integers(0, 6)), d)) for _ in range(N)]
    routes = [method.top_k_router(rng.dirichlet(np.ones(E), len(x)), k) if len(x) else
              (np.zeros((0, k), int), np.zeros((0, k))) for x in xs]  # fmt: skip
    chosen, weights = zip(*routes, strict=True)
    ys, there, back, tokens = ranks.expert_parallel(xs, chosen, weights, experts, once)
    sent = np.zeros((N, N), int)
    for r in range(N):
        for t in range(len(xs[r])):
            y = sum(weights[r][t, j] * experts[chosen[r][t, j]](xs[r][t]) for j in range(k))
            assert np.abs(ys[r][t] - y).max() < 1e-12
            to = [e // (E // N) for e in chosen[r][t]]
            for j in set(to) if once else to:
                sent[r, j] += 1
    assert np.array_equal(tokens, sent)
    for r in range(N):
        assert there[r] == 8 * d * (sent[r].sum() - sent[r, r])
        assert back[r] == 8 * d * (sent[:, r].sum() - sent[r, r])


def test_bytes_a_token_are_what_chance_sends():
    rng, N, E, k, d = np.random.default_rng(0), 4, 8, 2, 6
    total, T = 0, 4000
    chosen = np.argsort(rng.random((T, E)), 1)[:, :k]
    parts = [a.reshape(N, T // N, -1) for a in (np.zeros((T, d)), chosen, np.full((T, k), 0.5))]
    _, there, back, _ = ranks.expert_parallel(*(list(a) for a in parts), [np.copy] * E, once=False)
    total = sum(there) + sum(back)
    assert total / T == pytest.approx(ranks.bytes_a_token(d, k, N, 8, 8), rel=0.03)
    assert 3 * 8 * 7168 == 172_032
    assert ranks.bytes_a_token(7168, 8, 10**9) == pytest.approx(172_032)


# ---- real models


def test_real_mixtures_add_up_to_what_is_published():
    mixtures = real.MIXTURES
    d, F, vocabulary = 4096, 14_336, 32_000
    attention = 2 * d * d + 2 * d * 1024
    total = 2 * vocabulary * d + d + 32 * (attention + 2 * d + 8 * d + 8 * 3 * d * F)
    m = mixtures["Mixtral-8x7B"]
    assert total == m.total == 46_702_792_704
    assert m.active == total - vocabulary * d - 32 * 6 * 3 * d * F
    assert round((m.active + vocabulary * d) / 1e9, 2) == 12.88
    routed = {"DeepSeek-V3": 653.9, "GLM-5": 724.8, "DeepSeek-V4-Flash": 277.0, "gpt-oss-120b": 114.7,
              "MiniMax-M2": 224.7, "Kimi K2": 1014.7}  # fmt: skip
    for name, billions in routed.items():
        assert round(mixtures[name].routed / 1e9, 1) == billions
    for name, m in mixtures.items():
        if name in MODELS:
            e = MODELS[name].experts
            assert (m.layers, m.E, m.k, m.F) == (e.layers, e.E, e.k, e.F)
        assert m.routed < m.total
        assert m.routed_active < m.active


def test_cutting_experts_keeps_parameters_and_arithmetic_and_multiplies_bytes_and_ways():
    m = real.MIXTURES["Mixtral-8x7B"]
    for parts in (2, 4, 8, 16):
        cut = m.cut(parts)
        assert (cut.routed, cut.routed_active) == (m.routed, m.routed_active)
        assert real.sent(cut) == pytest.approx(parts * real.sent(m))
        assert real.ways(cut) > real.ways(m)
    assert 10 ** real.ways(m) == pytest.approx(28)
    assert 29.5 < real.ways(m.cut(16)) < 30.5
    assert math.comb(128, 32) == pytest.approx(10 ** real.ways(m.cut(16)))


def test_at_a_servers_batch_most_experts_are_read():
    v3 = real.MIXTURES["DeepSeek-V3"]
    assert round(experts_touched(256, 8, 32)) == 163
    assert round(experts_touched(256, 8, 128)) == 252
    assert real.share_touched(real.MIXTURES["Mixtral-8x7B"], 16) > 0.98
    assert real.parameters_touched(v3, 1) == pytest.approx(v3.total - 58 * 248 * 3 * 7168 * 2048)
    per_token = [real.parameters_touched(v3, B) / B for B in (1, 2, 8, 64, 512)]
    assert per_token == sorted(per_token, reverse=True)


# ---- what the recorded runs say, over seeds


def test_information_is_that_of_a_table_of_pairs():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 300).tolist(), rng.integers(0, 4, 300).tolist()
    b = [x if i % 2 else y for i, (x, y) in enumerate(zip(a, b, strict=True))]
    slow = 0.0
    for x, y in set(zip(a, b, strict=True)):
        both = sum(p == (x, y) for p in zip(a, b, strict=True)) / 300
        slow += both * math.log(both / (a.count(x) / 300) / (b.count(y) / 300))
    assert words.information(a, b) == pytest.approx(slow)


def test_a_words_class_tells_more_of_its_expert_than_the_kind_of_text_in_every_layer_of_three_seeds():
    assert (seeds.told_of("class") > 1.5 * seeds.told_of("kind")).all()
    assert (seeds.told_of("word") > seeds.told_of("class")).all()
    assert (seeds.told_of("shuffled class") < 0.01).all()
    first = seeds.told_of("class", (1,)) / seeds.told_of("all", (1,))
    assert ((first > 0.35) & (first < 0.6)).all()
    kind = seeds.told_of("kind", (1,)) / seeds.told_of("all", (1,))
    assert ((kind > 0.05) & (kind < 0.2)).all()
    assert (seeds.told_of("both", (4,)) > seeds.told_of("class", (4,)) + 0.2).all()


def test_the_mixtures_loads_are_even_over_many_texts():
    assert (seeds.told_of("even") > 0.96).all()
    assert (np.abs(seeds.told_of("balance") - 1) < 0.12).all()


def test_more_experts_than_in_training_bring_hardly_anything_and_dice_cost_nats():
    two = seeds.excess_with(2)
    for k in (3, 4, 8):
        assert (np.abs(seeds.excess_with(k) - two) < 0.2 * two).all()
    assert (seeds.excess_with(1) > two).all()
    assert seeds.dice_cost().min() > 1
    assert np.median(seeds.off_cost()) > 0.1 > 5 * np.median(seeds.off_cost((2, 3, 4)))


def test_one_text_is_dropped_more_than_words_of_many():
    many = seeds.dropped_of(house_model.MANY, 1.25)
    for kind in house_model.LONG:
        assert (seeds.dropped_of(kind, 1.25) > many).all()
    assert (seeds.dropped_of("a song", 1.25) > 2 * seeds.dropped_of("a story", 1.25)).all()
    assert (seeds.lost_at(1.0) > seeds.lost_at(1.5)).all()
    assert (seeds.lost_at(1.5) > 0).all()


def test_real_batches_touch_fewer_experts_than_chance_and_neighbours_fewest():
    for B in (4, 8, 16):
        chance = experts_touched(8, 2, B)
        assert (seeds.touched_of(B, False) < chance + 0.03).all()
    for B in (8, 16, 32):
        assert (seeds.touched_of(B, True) < seeds.touched_of(B, False)).all()


def test_experts_die_alone_and_balance_revives_them_in_eight_seeds():
    for cure in ("a loss", "a bias"):
        revived = f"{cure}, middle, from 300"
        assert (seeds.toy_alive(revived, end=False) < 8).all()
        assert (seeds.toy_alive(revived) == 8).all()
        assert (seeds.toy_alive(f"{cure}, middle, from 0") == 8).all()
    assert (seeds.toy_alive("none, middle, from 0") < 8).all()
    early, none = seeds.toy_loss("a bias, middle, from 0"), seeds.toy_loss("none, middle, from 0")
    assert (early < none).sum() >= 6
    assert early.mean() < 0.75 * none.mean()
    assert abs(seeds.toy_loss("a loss, middle, from 0").mean() / none.mean() - 1) < 0.1
    assert abs(seeds.toy_loss("a bias, middle, from 300").mean() / none.mean() - 1) < 0.25


def test_the_small_mixture_does_what_was_recorded():
    steps = list(toy.train_toy(0, toy.BIAS, "middle", 300))
    assert toy.alive_of(toy.state_of(steps[:300])[1]) == seeds.toy_alive("a bias, middle, from 300", end=False)[0]
    assert toy.alive_of(toy.state_of(steps)[1]) == 8


# ---- what the page's demos show


def figure_of(demo, **changed):
    return next(v for v in views_of(demo, defaults(demo) | changed) if v["view"] == "figure")


def metric(demo, label, **changed):
    views = views_of(demo, defaults(demo) | changed)
    return next(item["value"] for v in views if v["view"] == "metrics" for item in v["items"] if item["label"] == label)


def test_in_the_first_layer_one_expert_takes_the_places_and_another_the_verbs():
    table = next(v for v in views_of(house_model.route_a_text, defaults(house_model.route_a_text))
                 if v["view"] == "table")  # fmt: skip
    lists = [set(row[1].split()) for row in table["rows"]]
    assert any({"Oslo", "Rome", "maps"} <= each for each in lists)
    assert any({"has", "visits"} <= each for each in lists)


def test_dice_in_the_routers_place_raise_the_loss_of_the_text():
    plain, dice = (metric(house_model.route_a_text, "Loss on this text", dice=d) for d in (False, True))
    assert dice > plain + 1


def test_a_song_drops_far_more_than_words_of_many_texts():
    song = metric(house_model.capacity_drops, "Dropped")
    many = metric(house_model.capacity_drops, "Dropped", batch=house_model.MANY)
    assert 14 < song < 26
    assert many < 6


def test_a_batch_of_every_demo_adds_up():
    for N in (1, 2, 8):
        figure = figure_of(house_model.over_ranks, N=N)
        assert sum(figure["data"][0]["y"]) == 2 * house_model.BATCH
    assert metric(demos.finer_experts, "Experts, and used of them", m=16) == "128 / 32"
