"""The claims of the page on attention."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from topics.attention import costs, demos, method
from topics.kit import MODELS, lm, max_abs_difference, softmax
from topics.kit.model.language import SUNG
from topics.kit.model.lm import rms_norm
from topics.kit.model.text import decode, encode
from topics.kit.page.demo import defaults, views_of
from topics.kit.real.costs import prompt_flops

pytestmark = pytest.mark.topic("attention")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/attention.npz")


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def slow_attention(q, k, v, causal, bias):
    """By loops: q (T_q, D), k (T_k, D), v (T_k, D_v), bias (T_q, T_k)."""
    (T_q, D), (T_k, D_v) = q.shape, v.shape
    y = np.zeros((T_q, D_v))
    for i in range(T_q):
        seen = [j for j in range(T_k) if not causal or j <= i + T_k - T_q]
        e = {j: math.exp(sum(q[i, c] * k[j, c] for c in range(D)) / math.sqrt(D) + bias[i, j]) for j in seen}
        for j, c in product(seen, range(D_v)):
            y[i, c] += e[j] / sum(e.values()) * v[j, c]
    return y


# ---- the functions


@pytest.mark.parametrize(("T_q", "T_k"), [(1, 1), (5, 5), (1, 6), (3, 6)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_attention_equals_its_definition_written_as_loops(T_q, T_k, causal, biased):
    q, k, v, bias = draw((T_q, 4), (T_k, 4), (T_k, 3), (T_q, T_k))
    y, _ = method.scaled_dot_product_attention(q, k, v, causal, bias if biased else None)
    assert max_abs_difference(y, slow_attention(q, k, v, causal, bias * biased)) < 1e-14


@pytest.mark.parametrize(
    ("name", "options"), [("plain", {}), ("causal", {"causal": True}), ("biased", {"bias": REFERENCE["bias"]})]
)
def test_attention_equals_pytorch(name, options):
    y, _ = method.scaled_dot_product_attention(*(REFERENCE[each] for each in "qkv"), **options)
    assert max_abs_difference(y, REFERENCE[name]) < 1e-14


def test_attention_of_a_whole_text_equals_pytorch():
    y, _ = method.scaled_dot_product_attention(REFERENCE["k"], REFERENCE["k"], REFERENCE["v"], causal=True)
    assert max_abs_difference(y, REFERENCE["square"]) < 1e-14


@pytest.mark.parametrize(("name", "causal"), [("heads_causal", True), ("heads_both", False)])
def test_many_heads_equal_pytorch(name, causal):
    """PyTorch stacks the projections of all heads in rows: (3·H·D, d), and joins outputs before one matrix (d, H·D)."""
    x, W_in, W_out = (REFERENCE[each] for each in ("x", "W_in", "W_out"))
    H, d = len(REFERENCE["q"]), x.shape[1]
    W_q, W_k, W_v = (W.reshape(H, d // H, d).transpose(0, 2, 1) for W in np.split(W_in, 3))
    W_o = W_out.T.reshape(H, d // H, d)
    y = method.multi_head_attention(x, W_q, W_k, W_v, W_o, causal)
    assert max_abs_difference(y, REFERENCE[name]) < 1e-13


def test_each_row_of_weights_sums_to_one_and_masked_weights_are_zero():
    q, k, v = draw((3, 5, 4), (3, 8, 4), (3, 8, 4))
    _, w = method.scaled_dot_product_attention(q, k, v, causal=True)
    assert np.allclose(w.sum(-1), 1, atol=1e-15)
    assert (w[:, ~np.tri(5, 8, 3, dtype=bool)] == 0).all()
    assert (w[:, np.tri(5, 8, 3, dtype=bool)] > 0).all()


def test_later_tokens_change_nothing():
    x, *W = draw((7, 6), (2, 6, 3), (2, 6, 3), (2, 6, 3), (2, 3, 6))
    before = method.multi_head_attention(x, *W)
    x[4:] = 100
    after = method.multi_head_attention(x, *W)
    assert np.array_equal(before[:4], after[:4])
    assert not np.allclose(before[4:], after[4:])


def test_without_a_mask_shuffling_the_tokens_shuffles_the_outputs():
    x, *W = draw((7, 6), (2, 6, 3), (2, 6, 3), (2, 6, 3), (2, 3, 6))
    order = np.random.default_rng(1).permutation(7)
    both = [method.multi_head_attention(each, *W, causal=False) for each in (x, x[order])]
    assert max_abs_difference(both[0][order], both[1]) < 1e-14


def test_shuffling_the_earlier_tokens_leaves_the_last_output():
    x, *W = draw((7, 6), (2, 6, 3), (2, 6, 3), (2, 6, 3), (2, 3, 6))
    order = [3, 0, 5, 1, 4, 2, 6]
    both = [method.multi_head_attention(each, *W)[-1] for each in (x, x[order])]
    assert max_abs_difference(*both) < 1e-14


def test_a_bias_of_minus_infinity_hides_a_pair():
    q, k, v = draw((2, 4), (5, 4), (5, 4))
    bias = np.zeros((2, 5))
    bias[:, 3] = -np.inf
    y, w = method.scaled_dot_product_attention(q, k, v, bias=bias)
    assert (w[:, 3] == 0).all()
    rest = [0, 1, 2, 4]
    assert max_abs_difference(y, method.scaled_dot_product_attention(q, k[rest], v[rest])[0]) < 1e-15


def test_scores_in_the_thousands_stay_finite():
    q, k, v = draw((3, 4), (5, 4), (5, 4))
    y, w = method.scaled_dot_product_attention(1e5 * q, k, v)
    assert np.isfinite(y).all()
    assert w.max() == 1


def test_the_example_by_hand():
    y, w = method.example()
    e = math.exp(math.sqrt(2))
    assert math.isclose(w[0, 0], e / (e + 1))
    assert math.isclose(y[0, 0], (10 * e + 20) / (e + 1))


# ---- softmax


def test_the_jacobians_norm_is_that_of_the_matrix():
    (s,) = draw((6,))
    w = softmax(s)
    J = np.array([[w[j] * ((j == m) - w[m]) for m in range(6)] for j in range(6)])
    assert math.isclose(method.jacobian_norm(w), np.linalg.norm(J))
    h = 1e-6
    slopes = np.array([(softmax(s + h * (np.arange(6) == m)) - softmax(s - h * (np.arange(6) == m))) / (2 * h)
                       for m in range(6)]).T  # fmt: skip
    assert max_abs_difference(J, slopes) < 1e-9


def test_entropy_counts_the_keys_that_share():
    assert method.entropy_bits(np.array([1.0, 0, 0, 0])) == 0
    assert method.entropy_bits(np.full(8, 1 / 8)) == 3


def test_a_score_without_the_root_spreads_as_the_root_of_the_width():
    q, k = draw((400, 128), (400, 128))
    assert math.isclose((q @ k.T).std(), math.sqrt(128), rel_tol=0.03)


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def test_without_the_root_the_heaviest_of_16_keys_has_more_than_80_percent():
    """The prediction: in the mean of 32 queries, for any seed."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        q, k = rng.normal(size=(32, 128)), rng.normal(size=(16, 128))
        assert softmax(q @ k.T).max(-1).mean() > 0.8
        assert softmax(q @ k.T / math.sqrt(128)).max(-1).mean() < 0.4


def test_growth_begins_with_the_queries_and_keys_of_the_figure_before_it():
    """At 1× held by nothing: the heaviest key that the readout of `scale` tells at 16 keys and a width of 128."""
    for seed in range(2):
        items = view(demos.scale, "metrics", D=128, n=16, seed=seed)["items"]
        told = next(item["value"] for item in items if item["label"] == "Heaviest key")
        assert math.isclose(told, 100 * demos.held(1, seed=seed)[1][0])
    assert math.isclose(demos.heaviest(128, True), demos.held(1)[1][0])


def test_without_the_root_the_jacobian_begins_no_smaller_and_ends_at_nothing():
    _, _, jacobian = view(demos.scale, "figure")
    with_root, without, _ = (np.array(trace["y"]) for trace in jacobian["data"])
    small = demos.WIDTHS <= 16
    assert (without[small] >= with_root[small]).all()
    assert (without[demos.WIDTHS > 16] < with_root[demos.WIDTHS > 16]).all()
    assert without[-1] < 1e-3
    assert (np.diff(without) > 0).any()  # unevenly


def test_with_the_root_entropy_and_jacobian_hardly_depend_on_the_width():
    for seed in range(5):
        _, entropy, jacobian = view(demos.scale, "figure", seed=seed)
        for figure, swing, end in ((entropy, 0.15, 0.1), (jacobian, 0.3, 0.15)):
            with_root, without, _ = (np.array(trace["y"]) for trace in figure["data"])
            assert np.ptp(with_root) / with_root.mean() < swing
            assert without[-1] < end * with_root[-1]
        assert 0.8 < jacobian["data"][1]["y"][0] / jacobian["data"][0]["y"][0] < 1.25  # at D = 4


def test_a_constant_added_to_all_scores_changes_no_weight():
    tables = [view(demos.softmax_by_hand, "table", shift=shift) for shift in (0, 100)]
    weights = [[row[-1] for row in table["rows"]] for table in tables]
    assert np.allclose(*weights, atol=1e-6)  # FP32
    assert math.isclose(weights[0][0] / weights[0][1], math.exp(2), rel_tol=1e-6)


@pytest.mark.parametrize(
    ("bits", "safe", "lost"), [("FP16", 0, 10), ("BF16", 80, 90), ("FP32", 80, 90), ("FP64", 700, 710)]
)
def test_unsafe_softmax_is_lost_where_the_precision_ends(bits, safe, lost):
    """Key 1 has score 3, so the exponent is the shift plus 3: 11.09, 88.72 and 709.78 are the ends."""
    for shift, ok in ((safe, True), (lost, False)):
        rows = view(demos.softmax_by_hand, "table", shift=shift, bits=bits, unsafe=True)["rows"]
        assert all(isinstance(row[-1], float) for row in rows) == ok
    kept = view(demos.softmax_by_hand, "table", shift=lost, bits=bits)["rows"]
    assert math.isclose(sum(row[-1] for row in kept), 1, rel_tol=8e-3)


def test_a_thousand_ones_stop_at_256_in_bf16():
    """257 lies halfway between 256 and 258 and goes to the even one; FP16 goes on to 2,048."""
    total = np.float32(0)
    for _ in range(1000):
        bits = np.array(total + np.float32(1), np.float32).view(np.uint32)  # BF16 is the upper half of FP32
        total = ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)
    assert demos.added_up(np.ones(1000), "BF16") == total == 256
    assert demos.added_up(np.ones(1000), "FP16") == 1000
    assert demos.added_up(np.ones(3000), "FP16") == 2048


def test_the_largest_number_of_a_precision_is_numpys():
    for bits, kind in (("FP16", np.float16), ("FP32", np.float32), ("FP64", np.float64)):
        assert demos.largest(bits) == np.finfo(kind).max
    assert demos.largest("BF16") == np.array(0x7F7F0000, np.uint32).view(np.float32)


# ---- what keeps scores down


def test_scores_that_nothing_holds_grow_with_the_square_of_queries_and_keys():
    for seed in range(3):
        tops = [demos.held(g, seed=seed)[0][0] for g in (1, 8, 64)]
        assert np.allclose(np.array(tops) / tops[0], [1, 64, 4096])
        assert tops[1] > 150


def test_the_cap_holds_every_score_and_then_keys_tie_at_it():
    for seed, c in product(range(5), (20, 50, 100)):
        tops, shares = zip(*[(held[0][1], held[1][1]) for held in (demos.held(g, c, seed) for g in demos.GROWTHS)],
                           strict=True)  # fmt: skip
        assert max(tops) <= c
        assert shares[-1] < 0.2  # the heaviest of 16, at 64 times
        assert max(shares) > 0.7  # before
    small = np.linspace(-3, 3, 7)
    assert max_abs_difference(method.soft_cap(small, 50), small) < 0.005
    assert math.isclose(method.soft_cap(50.0, 50), 50 * (math.e**2 - 1) / (math.e**2 + 1))  # bent, not cut


def test_the_cap_passes_no_gradient_where_it_is_flat():
    h = 1e-3
    slope = [float(method.soft_cap(s + h, 50) - method.soft_cap(s - h, 50)) / (2 * h) for s in (0, 203)]
    assert math.isclose(slope[0], 1, rel_tol=1e-6)
    assert slope[1] < 2e-3


def test_qk_norm_divides_growth_out_and_bounds_scores_by_the_root_of_the_width():
    for seed in range(3):
        tops, shares = zip(*[(held[0][2], held[1][2]) for held in (demos.held(g, seed=seed) for g in demos.GROWTHS)],
                           strict=True)  # fmt: skip
        assert np.ptp(tops) < 1e-3
        assert np.ptp(shares) < 1e-4
        (q,) = draw((8, 128), seed=seed)
        same_way = rms_norm(q, 1) @ rms_norm(5 * q, 1).T / math.sqrt(128)
        assert math.isclose(same_way.max(), math.sqrt(128), rel_tol=1e-4)  # equal directions: the most there can be
    assert softmax(np.array([math.sqrt(128), *[0] * 15])).max() > 0.999
    gains = np.abs(draw((2, 128))[0]) + 0.1
    bound = math.sqrt(128) * gains[0].max() * gains[1].max()
    ways = [(100.0 * (np.arange(128) == gain.argmax()), gain) for gain in gains]  # all in the number of largest gain
    q, k = (gain * rms_norm(x, 1) for x, gain in ways)
    turned = k[gains[1].argmax()] * np.sign(q)  # by its position, into the query's direction
    assert math.isclose(q @ turned / math.sqrt(128), bound, rel_tol=1e-3)
    q, k = (gain * rms_norm(x, 1) for gain, x in zip(gains, draw((500, 128), (500, 128)), strict=True))
    assert np.abs((q * k).sum(-1)).max() / math.sqrt(128) < bound / 3


def test_with_a_cache_the_top_left_corner_hides_what_new_tokens_may_see():
    """The page's two rows of five, and PyTorch's is_causal beside them."""
    q, k, v = draw((2, 4), (5, 4), (5, 3))
    _, w = method.scaled_dot_product_attention(q, k, v, causal=True)
    assert (w > 0).astype(int).tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert np.tri(2, 5, dtype=int).tolist() == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0]]


# ---- on the house model


def test_the_shown_head_looks_from_the_question_to_the_answer_and_the_model_says_it():
    tokens, metrics, _ = views_of(demos.read_along, defaults(demos.read_along))
    assert "at “apples”" in tokens["caption"]
    assert tokens["values"][tokens["tokens"].index("apples")] > 0.9
    assert metrics["items"][0]["value"] == "apples"
    text = defaults(demos.read_along)["text"].removesuffix("ducks") + "bears"
    tokens, metrics, _ = views_of(demos.read_along, defaults(demos.read_along) | {"text": text})
    assert "at “fish”" in tokens["caption"]
    assert metrics["items"][0]["value"] == "fish"


def test_past_the_end_of_a_text_the_model_writes_on_word_by_word_until_it_ends():
    typed = encode(defaults(demos.read_along)["text"])
    shown = [views_of(demos.read_along, defaults(demos.read_along) | {"place": place}) for place in (18, 19, 23, 27)]
    texts = [tokens["tokens"] for tokens, _, _ in shown]
    assert [len(text) for text in texts] == [19, 20, 24, 28]
    assert all(text[:19] == decode(typed) for text in texts)
    assert texts[-1][19:] == ["apples", ",", "dogs", "cheese", ",", "bears", "fish", ".", "[end]"]
    for (_, metrics, _), text in zip(shown[:-1], texts[:-1], strict=True):
        assert metrics["items"][0]["value"] == texts[-1][len(text)]
    assert "from “apples” on" in shown[1][0]["caption"]
    assert "wrote" not in shown[0][0]["caption"]
    shorter = "[blunt] facts : dogs eat cheese . ducks eat apples . say foods ? ducks"
    tokens = views_of(demos.read_along, {"place": 27, "layer": 3, "head": 1, "text": shorter})[0]["tokens"]
    assert len(tokens) < 28 and tokens[-1] == "[end]"


def test_the_arithmetic_of_a_cell_gives_its_weight():
    words = encode(defaults(demos.read_along)["text"])
    q, k, w, p = demos.head_at(words, layer=2, head=0)
    _, ours = method.scaled_dot_product_attention(q, k, k, causal=True)
    assert max_abs_difference(ours, w) < 1e-5
    assert np.allclose(p.sum(-1), 1, atol=1e-5)


def test_the_induction_score_is_the_weight_on_what_followed():
    n = 4
    w = np.zeros((11, 11))  # two words, a line of 4, one word, the line again
    for i in range(n - 1):
        w[7 + i, 2 + i + 1] = (i + 1) / 10
    assert math.isclose(method.induction_score(w, n), 0.2)
    assert method.induction_score(np.eye(11), n) == 0


def test_the_best_four_heads_are_needed_for_copying_and_the_others_of_their_layers_are_not():
    assert demos.copied() > 0.95
    assert demos.copied("copy", 1) > 0.9
    assert demos.copied("copy", 4) < 0.2
    assert demos.copied("other", 12) > 0.9
    assert demos.copied("before", 2) < 0.5
    _, copy, _ = demos.sing_again(lm.load("target"), encode(demos.LINE))
    assert sorted(copy.ravel())[-4] > 0.9 > 0.2 > sorted(copy.ravel())[-5]


def test_so_it_is_on_other_lines():
    model, rng = lm.load("target"), np.random.default_rng(0)
    for n in (8, 16, 32):
        verse = encode([str(word) for word in rng.choice(SUNG, n, replace=False)])
        full, copy, before = demos.sing_again(model, verse)
        left = [demos.sing_again(model, verse, demos.heads_of(group, copy, before)[:off])[0][1:].mean()
                for group, off in (("copy", 4), ("other", 12))]  # fmt: skip
        assert full[1:].mean() > 0.95
        assert left[0] < 0.2
        assert left[1] > 0.8


def test_the_copiers_also_look_at_the_fact_that_is_asked_for():
    words = encode(defaults(demos.read_along)["text"])
    _, copy, before = demos.sing_again(lm.load("target"), encode(demos.LINE))
    assert {layer for layer, _ in demos.heads_of("before", copy, before)[:2]} == {1}  # both in layer 2, counted from 1
    for layer, head in demos.heads_of("copy", copy, before)[:4]:
        _, _, w, _ = demos.head_at(words, layer, head)
        assert w[-1].argmax() == 9
        assert w[-1, 9] > 0.9


def test_layer_2_notes_what_the_copiers_match():
    words = encode(defaults(demos.read_along)["text"])
    weights = {(layer, head): demos.head_at(words, layer - 1, head - 1)[2] for layer, head in ((2, 4), (2, 6))}
    assert weights[2, 4][9, 7] > 0.9  # apples at ducks
    assert weights[2, 6][9, 8] > 0.9  # apples at eat
    at_foods = [head + 1 for head in range(8) if demos.head_at(words, 1, head)[2][18, 16] > 0.9]
    assert at_foods == [2, 3, 6]


def test_a_head_that_is_switched_off_writes_nothing():
    """Against weights: without its slice of the output matrix a head has no way to write."""
    model, verse, (layer, head) = lm.load("target"), encode(demos.LINE), (2, 0)
    o = model.weights[f"{layer}.o"].copy()
    o[:, head * model.D : (head + 1) * model.D] = 0
    cut = model.with_weights({f"{layer}.o": o})
    assert (
        max_abs_difference(demos.sing_again(cut, verse)[0], demos.sing_again(model, verse, {(layer, head)})[0]) < 1e-6
    )


@pytest.mark.parametrize(
    ("demo", "arguments", "says"),
    [
        (demos.read_along, {"text": "dogs eat pizza"}, "“pizza”"),
        (demos.read_along, {"text": "dogs"}, "2 to 28 words"),
        (demos.find_the_copiers, {"text": "dogs cats"}, "3 to 40 words"),
        (demos.find_the_copiers, {"text": "dogs cats dogs"}, "different words"),
        (demos.find_the_copiers, {"text": "dogs eat fish"}, "Songs are made of"),
        (demos.find_the_copiers, {"text": "dogs pizza"}, "“pizza”"),
    ],
)
def test_a_line_that_can_not_be_used_is_answered_with_a_sentence(demo, arguments, says):
    (note,) = views_of(demo, defaults(demo) | arguments)
    assert note["view"] == "note"
    assert says in note["text"]


# ---- what it costs


@pytest.mark.parametrize("name", costs.LEDGERS)
def test_a_block_costs_what_its_matrix_products_cost(name):
    m, T_q, T_k = MODELS[name], 3, 11
    products = [(T_q, m.d, m.H * m.D), (T_q, m.d, m.H_kv * m.D), (T_q, m.d, m.H_kv * m.D), (T_q, m.H * m.D, m.d)]
    mix = m.experts
    products += [(T_q, m.d, mix.F)] * (m.feeds * (mix.k + mix.shared)) if mix else [(T_q, m.d, m.F)] * m.feeds
    products += [(T_q, m.D, T_k), (T_q, T_k, m.D)] * m.H
    steps = method.block_steps(name, T_q, T_k, square=True)
    assert sum(f for *_, f, _ in steps) == sum(2 * a * b * c for a, b, c in products)


@pytest.mark.parametrize("name", costs.LEDGERS)
def test_at_the_crossover_half_of_the_flop_are_scores_and_mixing(name):
    T = method.crossover(name)
    assert int(T) == T
    assert method.pair_share(name, int(T)) == 0.5


def test_the_crossover_of_gpt_3_is_twelve_times_its_width_less_one():
    assert method.crossover("GPT-3") == 12 * MODELS["GPT-3"].d - 1


def test_mixtures_cross_over_sooner_and_within_their_context():
    for name in ("Qwen3-235B-A22B", "MiniMax-M2"):
        assert 25_000 < method.crossover(name) < 28_000 < method.crossover("Llama-3.1-8B")
    assert method.crossover("MiniMax-M2") < MODELS["MiniMax-M2"].context / 5


def test_early_models_stay_far_below_their_crossover():
    for name in ("GPT-2 small", "GPT-3"):
        assert MODELS[name].context < method.crossover(name) / 8


@pytest.mark.parametrize(("T_q", "T_k"), [(1, 1), (1, 9), (3, 9), (7, 7)])
def test_only_the_pairs_that_the_mask_leaves_are_counted(T_q, T_k):
    m = MODELS["Llama-3.1-8B"]
    seen = sum(j <= i for i in range(T_k - T_q, T_k) for j in range(T_k))
    steps = method.block_steps("Llama-3.1-8B", T_q, T_k)
    assert sum(f for *_, f, grows in steps if grows == "T²") == 4 * m.H * m.D * seen


def test_a_prompts_flop_are_those_of_the_page_on_the_cache():
    """prompt_flops and matrices, as that page counts them for Llama-3.1-8B and 8,192 tokens."""
    m = MODELS["Llama-3.1-8B"]
    items = view(costs.ledger, "metrics", name="Llama-3.1-8B", T=8192)["items"]
    told = next(item["value"] for item in items if item["label"] == "All blocks")
    matrices = 2 * 8192 * m.L * (2 * m.d * m.D * (m.H + m.H_kv) + m.feeds * m.d * m.F)
    assert math.isclose(told * 1e12, matrices + prompt_flops(m, 8192))


def test_of_a_prompt_of_8192_tokens_an_eighth_of_the_flop_are_pairs_and_a_quarter_with_the_masked_half():
    assert 0.12 < method.pair_share("Llama-3.1-8B", 8192) < 0.14
    assert 0.22 < method.pair_share("Llama-3.1-8B", 8192, square=True) < 0.25


def test_training_costs_three_times_reading_and_the_shares_stay():
    read, train = (view(costs.ledger, "table", phase=phase)["rows"] for phase in ("read a prompt", "train"))
    assert all(math.isclose(b[2], 3 * a[2]) for a, b in zip(read, train, strict=True))


@pytest.mark.parametrize(("square", "phase"), [*product((False, True), ("read a prompt", "train")),
                                               (False, "write one token")])  # fmt: skip
def test_the_crossover_that_the_ledger_tells_is_one_number_and_true(square, phase):
    """Where tokens that each meet those before them, or all T, spend as much on pairs as on all else."""
    m, told = MODELS["Llama-3.1-8B"], set()
    for T in costs.ledger.controls["T"].stops:
        items = view(costs.ledger, "metrics", name="Llama-3.1-8B", T=T, square=square, phase=phase)["items"]
        told.add(next(item["value"] for item in items if item["label"] == "They cost half from"))
    (T_star,) = told
    met = T_star if square or phase == "write one token" else (T_star + 1) / 2
    rest = 4 * m.d * m.D * (m.H + m.H_kv) + 2 * m.feeds * m.d * m.F
    assert math.isclose(4 * m.H * m.D * met, rest)
