"""The claims of the page on FlashAttention."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from topics.flash_attention import demos, floats, house_model, method
from topics.kit import GPUS, MODELS, lm, max_abs_difference, softmax
from topics.kit.model.language import SUNG
from topics.kit.model.text import encode, held_out
from topics.kit.numerics import stored
from topics.kit.page.demo import defaults, views_of

pytestmark = pytest.mark.topic("flash_attention")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/flash_attention.npz")
TILES = [(1, 1), (2, 3), (5, 4), (9, 13), (64, 1), (1, 64), (64, 64)]


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def slow_attention(q, k, v, causal):
    """By loops: q (T_q, D), k (T_k, D), v (T_k, D_v); the outputs and each row's logsumexp."""
    (T_q, D), (T_k, D_v) = q.shape, v.shape
    y, lse = np.zeros((T_q, D_v)), np.zeros(T_q)
    for i in range(T_q):
        seen = [j for j in range(T_k) if not causal or j <= i + T_k - T_q]
        e = {j: math.exp(sum(q[i, c] * k[j, c] for c in range(D)) / math.sqrt(D)) for j in seen}
        lse[i] = math.log(sum(e.values()))
        for j, c in product(seen, range(D_v)):
            y[i, c] += e[j] / sum(e.values()) * v[j, c]
    return y, lse


def view(demo, kind, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metric(demo, label, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"] == label)


# ---- forward


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("B_r", "B_c"), TILES)
@pytest.mark.parametrize(("T_q", "T_k"), [(1, 1), (7, 7), (3, 8)])
def test_tiles_of_any_size_give_attention_written_as_loops(T_q, T_k, B_r, B_c, causal):
    q, k, v = draw((T_q, 4), (T_k, 4), (T_k, 3))
    y, lse = method.flash_attention(q, k, v, causal, B_r, B_c)
    exact, exact_lse = slow_attention(q, k, v, causal)
    assert max_abs_difference(y, exact) < 1e-14
    assert max_abs_difference(lse, exact_lse) < 1e-14


@pytest.mark.parametrize(("B_r", "B_c"), TILES)
def test_outputs_and_logsumexp_equal_those_of_pytorchs_own_flash_attention(B_r, B_c):
    q, k, v = (REFERENCE[name] for name in "qkv")
    y, lse = method.flash_attention(q, k, v, False, B_r, B_c)
    assert max_abs_difference(y, REFERENCE["flash"]) < 1e-14
    assert max_abs_difference(lse, REFERENCE["lse"]) < 1e-14
    y, lse = method.flash_attention(k, k[:, ::-1], v, True, B_r, B_c)
    assert max_abs_difference(y, REFERENCE["square"]) < 1e-14
    assert max_abs_difference(lse, REFERENCE["square_lse"]) < 1e-14


def test_scores_in_the_thousands_stay_finite():
    q, k, v = draw((4, 4), (9, 4), (9, 3))
    for scale in (1e3, -1e3):
        y, lse = method.flash_attention(scale * q, 10 * k, v, B_r=2, B_c=2)
        assert np.isfinite(y).all()
        assert np.isfinite(lse).all()
        assert np.abs(lse).max() > 1000
        assert max_abs_difference(y, softmax(scale * q @ (10 * k).T / 2) @ v) < 1e-9


def test_the_precision_of_the_inputs_is_kept():
    q, k, v = (x.astype(np.float32) for x in draw((4, 4), (9, 4), (9, 3)))
    assert [x.dtype for x in method.flash_attention(q, k, v, B_c=2)] == [np.float32, np.float32]


def test_logsumexp_brings_the_weights_back():
    q, k, v = draw((5, 4), (9, 4), (9, 3))
    _, lse = method.flash_attention(q, k, v, B_r=2, B_c=4)
    s = q @ k.T / 2
    assert max_abs_difference(np.exp(s - lse[:, None]), softmax(s)) < 1e-15


def test_a_row_of_tiles_sums_what_its_scores_sum():
    (s,) = draw((3, 11))
    m, ell = np.full(3, -np.inf), np.zeros(3)
    for j in range(0, 11, 4):
        before = m
        m, ell, e, shrink = method.online_softmax(m, ell, s[:, j : j + 4])
        assert np.allclose(e, np.exp(s[:, j : j + 4] - m[:, None]))
        assert np.array_equal(shrink, np.exp(before - m))
    assert np.array_equal(m, s.max(1))
    assert np.allclose(ell, [sum(math.exp(x - max(row)) for x in row) for row in s], rtol=1e-14)


@pytest.mark.parametrize(("T", "W", "B_r", "B_c"), [(12, 3, 4, 4), (11, 2, 5, 2), (9, 4, 9, 3), (7, 1, 4, 3)])
def test_rows_whose_first_tile_a_window_hides_are_attention_within_the_window(T, W, B_r, B_c):
    """As a kernel goes: a tile of queries begins at the first tile of keys that any of its queries sees."""
    q, k, v = draw((T, 4), (T, 4), (T, 3))
    s, empty = q @ k.T, 0
    s[~(np.tri(T, dtype=bool) & ~np.tri(T, T, -W, dtype=bool))] = -np.inf
    for i in range(0, T, B_r):
        rows = s[i : i + B_r]
        m, ell, a = np.full(len(rows), -np.inf), np.zeros(len(rows)), np.zeros((len(rows), 3))
        for j in range(max(0, i - W + 1) // B_c * B_c, min(T, i + B_r), B_c):
            tile = rows[:, j : j + B_c]
            empty += int(((m == -np.inf) & (tile == -np.inf).all(1)).sum())
            m, ell, e, shrink = method.online_softmax(m, ell, tile)
            a = shrink[:, None] * a + e @ v[j : j + B_c]
        assert max_abs_difference(a / ell[:, None], softmax(rows) @ v) < 1e-14
        assert max_abs_difference(np.exp(m) * ell, np.exp(rows).sum(1)) < 1e-12
    assert empty > 0  # such rows were there


def test_a_causal_mask_hides_all_of_a_rows_first_tile_only_where_the_last_keys_come_first():
    for T, B_c in product((5, 16), (1, 3, 8)):
        assert np.tri(T, dtype=bool)[:, :B_c].any(1).all()
    seen = np.tri(512, dtype=bool)
    for i in range(0, 512, 128):  # 128 queries; of their keys the last 64 come first
        assert (~seen[i : i + 128, i + 64 : i + 128].any(1)).mean() == 0.5


def test_with_the_last_keys_first_the_guard_is_needed_and_gives_attention():
    """As the second version's kernel goes, in small: 8 queries, 4 keys."""
    (s, v), lost = draw((16, 16), (16, 3)), 0
    s = np.where(np.tri(16, dtype=bool), s, -np.inf)
    for i in range(0, 16, 8):
        rows = s[i : i + 8]
        m, ell, a = np.full(8, -np.inf), np.zeros(8), np.zeros((8, 3))
        for j in range(i + 4, -1, -4):
            tile = rows[:, j : j + 4]
            lost += sum(not np.isfinite(demos._unguarded(*row, 0)[1]) for row in zip(m, ell, tile, strict=True))
            m, ell, e, shrink = method.online_softmax(m, ell, tile)
            a = shrink[:, None] * a + e @ v[j : j + 4]
        assert max_abs_difference(a / ell[:, None], softmax(rows) @ v) < 1e-14
    assert lost == 8  # half of the rows, in their first tile


@pytest.mark.parametrize("slack", [0.0, 1.0, math.log(256)])
def test_a_maximum_that_follows_late_gives_the_same_attention(slack):
    s, v = draw((6, 40), (40, 3))
    s = 6 * s
    m, ell, a, followed = np.full(6, -np.inf), np.zeros(6), np.zeros((6, 3)), 0
    for j in range(0, 40, 4):
        before = m
        m, ell, e, shrink = method.online_softmax(m, ell, s[:, j : j + 4], slack)
        assert e.max() <= math.exp(slack) * (1 + 1e-12)
        assert ((m == before) | (m > before + slack)).all()
        followed += int((m != before).sum()) - 6 * (j == 0)
        a = shrink[:, None] * a + e @ v[j : j + 4]
    assert max_abs_difference(a / ell[:, None], softmax(s) @ v) < 1e-13
    assert np.allclose(m + np.log(ell), np.log(np.exp(s - s.max()).sum(1)) + s.max(), rtol=1e-13)
    assert (followed < 6) == (slack > 5)  # it follows seldom


def test_the_example_by_hand_is_softmax_over_2_and_4():
    by_hand = (10 * math.exp(-2) + 30) / (math.exp(-2) + 1)
    assert math.isclose(by_hand, float(softmax(np.array([2.0, 4])) @ [10, 30]))


# ---- backward


@pytest.mark.parametrize(("name", "causal"), [("plain", False), ("causal", True)])
@pytest.mark.parametrize(("B_r", "B_c"), TILES)
def test_gradients_equal_pytorchs(name, causal, B_r, B_c):
    q, k, v, dy = (REFERENCE[each] for each in ("q", "k", "v", "dy"))
    y, lse = method.flash_attention(q, k, v, causal, B_r, B_c)
    assert max_abs_difference(y, REFERENCE[name]) < 1e-14
    for back in (
        method.flash_attention_backward(q, k, v, y, lse, dy, causal, B_r, B_c),
        method.stored_backward(q, k, v, dy, causal),
    ):
        for wrt, got in zip("qkv", back, strict=True):
            assert max_abs_difference(got, REFERENCE[f"{name}_d{wrt}"]) < 1e-13


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_equal_finite_differences(causal):
    arrays, dy = draw((3, 4), (5, 4), (5, 2)), draw((3, 2), seed=1)[0]
    y, lse = method.flash_attention(*arrays, causal, 2, 2)
    back = method.flash_attention_backward(*arrays, y, lse, dy, causal, 2, 2)
    h = 1e-5
    for x, gradient in zip(arrays, back, strict=True):
        for at in np.ndindex(x.shape):
            kept, ends = x[at], []
            for x[at] in (kept + h, kept - h):
                ends.append((slow_attention(*arrays, causal)[0] * dy).sum())
            x[at] = kept
            assert abs(gradient[at] - (ends[0] - ends[1]) / (2 * h)) < 1e-8


def test_delta_is_the_sum_over_the_row_that_softmax_asks_for():
    q, k, v, dy = draw((5, 4), (9, 4), (9, 3), (5, 3))
    w = softmax(q @ k.T / 2)
    assert np.allclose((w * (dy @ v.T)).sum(1), (dy * (w @ v)).sum(1), rtol=1e-13)


def test_without_delta_only_the_values_gradients_are_right():
    for seed, causal in product(range(6), (False, True)):
        off = {
            f"d{x}": metric(demos.gradients, f"max|Δ| of d{x}", fault="leave out Δ", seed=seed, causal=causal)
            for x in "qkv"
        }
        assert off["dv"] < 1e-12
        assert min(off["dq"], off["dk"]) > 0.1


def test_with_the_maximum_in_the_place_of_logsumexp_all_gradients_are_wrong():
    for seed, causal in product(range(6), (False, True)):
        for x in "qkv":
            off = metric(demos.gradients, f"max|Δ| of d{x}", fault=demos.BACK_FAULTS[2], seed=seed, causal=causal)
            assert off > 0.1


@pytest.mark.parametrize("B", range(1, 8))
def test_in_the_demo_of_gradients_every_tile_size_is_exact(B):
    for seed in range(3):
        assert view(demos.gradients, "badge", B=B, seed=seed)["value"] < 1e-13


# ---- a row, tile by tile


def test_the_output_so_far_is_softmax_over_the_keys_read():
    for read, B_c, best, seed in product((1, 3, 5, 8), (3, 5, 24), (0, 6, 12), range(4)):
        assert view(demos.one_row, "badge", read=read, B_c=B_c, best=best, seed=seed)["value"] < 1e-14


def test_hidden_keys_and_late_rescaling_change_no_output_so_far():
    for read, B_c, fault, seed in product((1, 3, 8), (3, 5, 24), (demos.WINDOW, demos.SELDOM), range(3)):
        assert view(demos.one_row, "badge", read=read, B_c=B_c, fault=fault, seed=seed)["value"] < 1e-14


def test_without_the_guard_a_first_tile_that_is_hidden_loses_the_row():
    for B_c, seed in product((3, 5, 24), range(3)):
        rows = view(demos.one_row, "table", B_c=B_c, fault=demos.UNGUARDED, seed=seed)["rows"]
        assert (rows[-1][4] == "NaN") == (B_c <= demos.HIDDEN)


def test_past_a_factor_of_256_the_sum_is_rescaled_below_it_not():
    for seed in range(6):
        for best, follows in ((4, False), (12, True)):
            rows = view(demos.one_row, "table", best=best, fault=demos.SELDOM, seed=seed)["rows"]
            assert (rows[4][1] == best) == follows
            assert (rows[4][2] < 1) == follows


def test_the_fifth_tile_brings_a_new_maximum_and_the_output_jumps():
    for seed in range(6):
        rows = view(demos.one_row, "table", seed=seed)["rows"]
        assert [row[0] for row in rows] == [1, 2, 3, 4, 5]
        assert rows[4][1] == 6
        assert rows[4][2] < 0.1
        assert rows[4][4] - rows[3][4] > 0.3


@pytest.mark.parametrize("fault", demos.ROW_FAULTS[1:3])
def test_a_row_that_is_not_rescaled_gives_a_wrong_output_unless_one_tile_holds_it(fault):
    for B_c, seed in product((3, 5), range(6)):
        assert view(demos.one_row, "badge", read=8, B_c=B_c, fault=fault, seed=seed)["value"] > 0.2
        assert view(demos.one_row, "badge", read=8, B_c=24, fault="forget to rescale", seed=seed)["value"] < 1e-14


# ---- on the house model


def songs(n):
    for seed in range(n):
        verse = [str(word) for word in np.random.default_rng(seed).choice(SUNG, 8, replace=False)]
        yield encode(["[blunt]", "song", ":", *verse, ";", *verse])


def right(logits, words):
    return softmax(logits)[np.arange(len(words) - 1), words[1:]]


@pytest.mark.parametrize("B", [2, 5, 8, 64])
def test_the_house_model_by_tiles_gives_the_plain_logits(B):
    model = lm.load("target")
    for text in held_out(4):
        words = encode(text.words[:64])
        assert max_abs_difference(house_model.by_tiles(model, words, B), lm.forward(model, words)) < 2e-4


def test_without_rescaling_the_house_model_forgets_the_song_it_sings():
    model = lm.load("target")
    for words in songs(4):
        assert right(lm.forward(model, words), words)[-7:].mean() > 0.95
        for B in (2, 4, 8):
            assert right(house_model.by_tiles(model, words, B, forget=True), words)[-7:].mean() < 0.05
        assert right(house_model.by_tiles(model, words, 16, forget=True), words)[-7:].mean() > 0.2
        assert max_abs_difference(house_model.by_tiles(model, words, 32, forget=True), lm.forward(model, words)) < 2e-4


def test_at_the_defaults_the_repeated_words_fall_from_certain_to_a_guess():
    says = [view(house_model.in_a_model, "tokens", forget=forget)[1] for forget in (False, True)]
    assert says[0]["caption"].endswith("100 % in the mean.")
    assert np.mean(says[1]["values"][-7:]) < 2 / len(SUNG)


def test_without_rescaling_other_texts_lose_too():
    model = lm.load("target")
    losses = [
        [
            -np.log(right(logits, words)).mean()
            for logits in (lm.forward(model, words), house_model.by_tiles(model, words, 4, True))
        ]
        for words in (encode(text.words[:64]) for text in held_out(8))
    ]
    plain, forgetful = np.mean(losses, 0)
    assert forgetful > plain + 1


def test_a_forgetful_kernels_weights_still_sum_to_one():
    q, k = draw((2, 11, 4), (2, 11, 4))
    assert np.allclose(house_model.never_rescaled(q, k, np.ones((2, 11, 1)), 4), 1)
    v = draw((2, 11, 3), seed=1)[0]
    assert max_abs_difference(house_model.never_rescaled(q, k, v, 11), method.flash_attention(q, k, v, True)[0]) < 1e-14


@pytest.mark.parametrize(
    ("text", "says"), [("dogs eat pizza", "“pizza”"), ("dogs", "2 to 40 words"), ("dogs " * 41, "2 to 40 words")]
)
def test_a_line_that_can_not_be_used_is_answered_with_a_sentence(text, says):
    (note,) = views_of(house_model.in_a_model, defaults(house_model.in_a_model) | {"text": text})
    assert says in note["text"]


# ---- as safe as softmax


@pytest.mark.parametrize(("bits", "end"), [("FP16", 11.09), ("BF16", 88.72), ("FP32", 88.72)])
def test_only_softmax_without_the_maximum_is_lost_and_the_other_two_err_alike(bits, end):
    for n, seed in product((16, 64, 256), range(6)):
        lines = view(floats.three_ways, "figure", bits=bits, n=n, seed=seed)["data"]
        assert lines[0]["x"][-1] < end
        assert len(lines[1]["x"]) == len(lines[2]["x"]) == len(floats.LARGEST)
        first, online = lines[1]["y"], lines[2]["y"]
        assert 1 / 3 < online.max() / first.max() < 3
        assert max(online.max(), first.max()) < {"FP16": 1.5, "BF16": 12, "FP32": 1e-3}[bits]  # per mille


def test_their_errors_are_often_the_very_same():
    lines = [view(floats.three_ways, "figure", seed=seed)["data"] for seed in range(6)]
    assert np.mean([online["y"] == first["y"] for _, first, online in lines]) > 0.5


def test_at_a_largest_score_of_16_fp16_has_weights_two_ways():
    for seed in range(4):
        assert [row[-1] == "lost" for row in view(floats.three_ways, "table", seed=seed)["rows"]] == [
            True,
            False,
            False,
        ]


def test_in_double_precision_the_three_ways_are_softmax():
    (s,) = draw((3, 20))
    for way in (floats.no_maximum, floats.maximum_first, floats.one_pass):
        assert max_abs_difference(way(s, "FP64")[0], softmax(s)) < 1e-15


@pytest.mark.parametrize("bits", ["FP16", "BF16"])
def test_the_row_in_one_pass_is_the_running_sum_rounded_at_each_step(bits):
    (s,) = stored(draw((1, 20))[0], bits)
    m, ell = -math.inf, 0.0
    for x in s:
        new = max(m, x)
        shrink, e = (float(stored(math.exp(stored(each - new, bits)), bits)) if each > -math.inf else 0.0
                     for each in (m, x))  # fmt: skip
        m, ell = new, float(stored(stored(shrink * ell, bits) + e, bits))
    assert floats.one_pass(s[None], bits)[2][0] == ell


def test_bf16_errs_about_eight_times_as_much_as_fp16():
    worst = {bits: np.mean([view(floats.three_ways, "figure", bits=bits, seed=seed)["data"][2]["y"].max()
                            for seed in range(12)]) for bits in ("FP16", "BF16")}  # fmt: skip
    assert 5 < worst["BF16"] / worst["FP16"] < 13


# ---- what moves, what is kept


class Counted(np.ndarray):
    """An array that counts the numbers that are read from it by slices."""

    def __getitem__(self, at):
        part = np.ndarray.__getitem__(self.view(np.ndarray), at)
        self.read[0] += part.size
        return part


def counted(x):
    x = x.view(Counted)
    x.read = [0]
    return x


@pytest.mark.parametrize(("T", "D", "B_r", "B_c"), [(10, 4, 3, 2), (12, 2, 4, 4), (7, 3, 7, 2), (9, 5, 1, 4)])
def test_the_traffic_is_what_the_function_on_the_page_reads_and_writes(T, D, B_r, B_c):
    q, k, v = (counted(x) for x in draw((T, D), (T, D), (T, D)))
    y, lse = method.flash_attention(q, k, v, B_r=B_r, B_c=B_c)
    moved = q.read[0] + k.read[0] + v.read[0] + np.asarray(y).size + np.asarray(lse).size
    assert moved == method.hbm_traffic(T, D, B_r)


def test_the_plain_way_moves_every_matrix_in_and_out():
    T, D = 11, 3
    steps = [(T * D, T * D, T * T), (T * T, T * T), (T * T, T * D, T * D)]  # scores; softmax; outputs
    assert method.hbm_traffic(T, D) == sum(map(sum, steps))


@pytest.mark.parametrize("D", [16, 64, 128, 256])
@pytest.mark.parametrize("M", [4096, 65_536, 131_072])
def test_the_tiles_fit_on_the_chip(M, D):
    B_r = method.rows_that_fit(M, D)
    B_c = min(B_r, D)
    assert 2 * B_r * D + 2 * B_c * D + B_r * B_c <= M
    assert B_r + 1 > M / (5 * D) > 0


def test_traffic_follows_the_papers_law():
    """Θ(T²D²/M): twice the text or the width is about four times, half the chip twice."""
    moved = method.hbm_traffic(32_768, 64, method.rows_that_fit(65_536, 64))
    for T, D, M, factor in [(65_536, 64, 65_536, 4), (32_768, 128, 65_536, 4), (32_768, 64, 32_768, 2)]:
        assert math.isclose(method.hbm_traffic(T, D, method.rows_that_fit(M, D)) / moved, factor, rel_tol=0.05)


def test_at_the_sizes_of_the_demo_the_gain_falls_with_the_width():
    gain = [metric(demos.traffic, "Plain over tiles", D=D) for D in (64, 128, 256)]
    assert 3.9 < gain[0] < 4
    assert 1.9 < gain[1] < 2.1
    assert 1 < gain[2] < 1.1
    assert metric(demos.traffic, "Plain over tiles", one=True) < 1 / 20


def test_doubling_the_text_moves_about_four_times_as_much_by_tiles():
    short, long = (method.hbm_traffic(T, 128, 128) for T in (4096, 8192))
    assert 3.8 < long / short < 4


def test_128_queries_fit_on_the_chip_of_an_h100():
    """228 KB for two-byte numbers (nvidia2024hopper)."""
    assert 128 < method.rows_that_fit(228 * 1024 // 2, 128) < 256


def test_from_hbm_alone_an_h100_reaches_less_than_kernels_do_and_its_cache_holds_the_keys():
    """Two bytes a number at 3.35 TB/s against 989 TFLOP/s; the third version is at 85 %, and the cache has 50 MB."""
    T, D = 4096, 128
    moved = 2 * (2 * T * D + T + (T // 128) * 2 * T * D)
    share = (4 * T * T * D / 989e12) / (moved / 3.35e12)
    assert math.isclose(metric(demos.traffic, "Of the GPU's peak"), 100 * share)
    assert share < 0.5
    assert 2 * 2 * T * D < 50e6 / 10
    once = view(demos.traffic, "figure")[1]["data"][0]["x"][2]
    assert math.isclose(once, 1e6 * 2 * (4 * T * D + T) / 3.35e12)
    assert once < 1e6 * 4 * T * T * D / 989e12


def test_a_tile_of_n_queries_does_n_flop_for_each_byte():
    T, D = 2**20, 64
    for B_r in (64, 128, 256):
        assert math.isclose(4 * T * T * D / (2 * method.hbm_traffic(T, D, B_r)), B_r, rel_tol=1e-3)


def test_stored_weights_of_a_text_of_8192_tokens_are_more_than_an_h100_holds():
    m = MODELS["Llama-3.1-8B"]
    stored, kept = (method.kept_bytes(8192, m.L, m.H, way) for way in (True, False))
    assert stored == 128 * 2**30 > GPUS["H100"].memory
    assert kept == 32 * 2**20
    assert method.kept_bytes(16_384, m.L, m.H) == 4 * stored
    assert method.kept_bytes(16_384, m.L, m.H, stored=False) == 2 * kept


@pytest.mark.parametrize("name", ["GPT-2 small", "Llama-3.1-70B"])
def test_the_gpu_is_full_from_the_length_that_is_told(name):
    T = metric(demos.training_memory, "Stored attention weights alone fill the GPU from", name=name)
    m = MODELS[name]
    assert method.kept_bytes(T - 1, m.L, m.H) <= GPUS["H100"].memory < method.kept_bytes(T, m.L, m.H)


def test_the_published_rates_are_the_published_shares_of_the_peak():
    """shah2024: 840 TFLOP/s are 85 % of an H100; zadouri2026: 1,613 are 71 % of a B200 (71.7)."""
    assert round(100 * 840e12 / GPUS["H100"].flops) == 85
    assert int(100 * 1613e12 / GPUS["B200"].flops) == 71


def test_on_a_b200_exponentials_take_as_long_as_the_products_at_width_128():
    """zadouri2026: 16 exponentials and 8,192 FLOP a clock in each multiprocessor."""
    assert 4 * 128 / 8192 == 1 / 16


def test_recomputing_is_one_product_on_top_of_six():
    assert math.isclose(metric(demos.training_memory, "Price of recomputing"), 100 / 6)


@pytest.mark.parametrize("T", [256, 512, 65_536])
def test_the_curve_of_what_moves_does_not_depend_on_where_the_slider_stands(T):
    arguments = defaults(demos.traffic) | {"B_r": 512, "T": T}
    curve = demos.traffic(**arguments)[0]["data"][1]
    at = list(curve["x"]).index(65_536)
    assert curve["y"][at] == 2 * method.hbm_traffic(65_536, 128, 512) / 2**20
