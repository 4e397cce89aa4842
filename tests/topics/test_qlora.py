"""The claims of the page on QLoRA."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from topics.kit import lm, max_abs_difference
from topics.kit.model import adapters
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.numerics import NF4
from topics.kit.page.demo import defaults, views_of
from topics.qlora import house, house_model, memory, method, tables
from topics.qlora.recorded import LEARNT, REPAIRED, ROUNDED, TUNED

pytestmark = pytest.mark.topic("qlora")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/qlora.npz")
SEEDS = range(3)


def view(demo, kind, /, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metric(demo, label, /, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"] == label)


def pairs(packed, n):
    """Codes of bitsandbytes: the first of two in the high half of a byte."""
    return [code for byte in packed.tolist() for code in (byte // 16, byte % 16)][:n]


def large_and_change():
    """As tests/reference/qlora.py draws them."""
    rng = np.random.default_rng(1)
    big = rng.normal(0, 0.05, (130, 200)).astype(np.float32)
    return big, (rng.normal(size=(130, 4)) @ rng.normal(size=(4, 200)) * 0.0005).astype(np.float32)


# ---- the table


def quantile(p):
    """Of the normal law, by halving an interval."""
    low, high = -9.0, 9.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + math.erf(middle / 2**0.5)) / 2 < p else (low, middle)
    return low


def test_nf4_built_from_quantiles_is_the_librarys_table():
    last = 1 - (1 / 32 + 1 / 30) / 2
    assert abs(last - 0.9677083) < 1e-7  # the number in the library's own rule
    slow = [-quantile(0.5 + (last - 0.5) * i / 7) for i in range(7, 0, -1)] + [0.0]
    slow = np.array([*slow, *(quantile(0.5 + (last - 0.5) * i / 8) for i in range(1, 9))]) / quantile(last)
    assert max_abs_difference(method.nf4_codebook(), slow) < 1e-9
    assert max_abs_difference(method.nf4_codebook(), REFERENCE["nf4_table"].astype(float)) < 3e-7
    assert np.array_equal(REFERENCE["nf4_table"], NF4.astype(np.float32))


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_a_normal_float_has_an_exact_zero_both_ends_and_one_more_level_above(bits):
    levels = method.nf4_codebook(bits)
    assert len(levels) == 2**bits
    assert (levels[0], levels[-1], np.sum(levels == 0)) == (-1, 1, 1)
    assert np.sum(levels > 0) - np.sum(levels < 0) == 1
    assert np.all(np.diff(levels) > 0)


def test_each_half_of_the_table_has_equal_shares_of_the_normal_law():
    top = quantile(1 - (1 / 32 + 1 / 30) / 2)
    shares = [(1 + math.erf(x * top / 2**0.5)) / 2 for x in method.nf4_codebook().tolist()]
    steps = [b - a for a, b in pairwise(shares)]
    assert max(steps[:7]) - min(steps[:7]) < 1e-12
    assert max(steps[7:]) - min(steps[7:]) < 1e-12
    assert steps[0] > steps[-1]


def test_equation_4_of_the_paper_as_printed_is_another_table():
    levels = method.equation_4()
    slow = [(quantile(i / 17) + quantile((i + 1) / 17)) / 2 for i in range(1, 16)]
    assert max_abs_difference(levels, np.array(slow) / slow[-1]) < 1e-9
    assert max_abs_difference(levels, -levels[::-1]) < 1e-12
    assert len(levels) == 15
    assert [round(levels[i], 3) for i in (6, 8)] == [-0.108, 0.108]
    assert [round(method.nf4_codebook()[i], 3) for i in (6, 8)] == [-0.091, 0.080]


def test_the_table_of_absmax_and_of_fp4_are_the_librarys():
    assert max_abs_difference(method.dynamic_codebook(), REFERENCE["dynamic"].astype(float)) < 1e-7
    theirs = np.unique(REFERENCE["fp4_table"])  # +0 and −0 are two codes there
    assert max_abs_difference(tables.GRIDS["FP4, library"][0], theirs.astype(float)) < 1e-7


# ---- weights in blocks


def test_codes_and_absmax_equal_bitsandbytes_with_zeros_and_a_short_last_block():
    w = REFERENCE["w"]
    codes, absmax = method.quantize_nf4(w, 64, NF4)
    assert codes.tolist() == pairs(REFERENCE["nf4_packed"], w.size)
    assert np.array_equal(absmax[absmax > 0], REFERENCE["nf4_absmax"][absmax > 0])
    kept = method.dequantize_nf4(codes, absmax, w.shape, 64, NF4)
    assert np.allclose(kept, REFERENCE["nf4"], rtol=1e-6, atol=0)
    assert np.all(kept[5] == 0)


def test_fp4_equals_bitsandbytes():
    w = REFERENCE["w"]
    assert np.allclose(method.held_in(w, 64, tables.GRIDS["FP4, library"][0]), REFERENCE["fp4"], rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("n", [1, 5, 64, 65, 130])
def test_a_weight_gets_the_nearest_level_of_its_block(n):
    w = np.random.default_rng(n).normal(size=n)
    kept, levels = method.held_in(w), method.nf4_codebook().tolist()
    for first in range(0, n, 64):
        block = w[first : first + 64].tolist()
        top = max(abs(x) for x in block)
        for x, y in zip(block, kept[first : first + 64].tolist(), strict=True):
            assert abs(abs(x - y) - min(abs(x - top * level) for level in levels)) < 1e-12


def test_double_quantisation_equals_bitsandbytes():
    big, _ = large_and_change()
    codes, absmax = method.quantize_nf4(big, 64, NF4)
    assert codes.tolist() == pairs(REFERENCE["big_packed"], big.size)
    c8, second, mean = method.double_quantize(absmax)
    assert math.isclose(mean, REFERENCE["mean"], rel_tol=1e-6)
    assert np.allclose(second, REFERENCE["second"], rtol=1e-5)
    assert np.mean(c8 != REFERENCE["c8"]) < 0.01  # their mean is a sum in FP32
    kept = method.dequantize_nf4(codes, method.absmax_again(c8, second, mean), big.shape, 64, NF4)
    assert (
        np.abs(kept[:20] / np.where(REFERENCE["double"] == 0, 1, REFERENCE["double"]) - 1)[
            REFERENCE["double"] != 0
        ].max()
        < 0.01
    )


def test_bits_are_counted_as_the_paper_counts_them():
    assert method.bits_per_parameter() == 4 + 32 / 64
    assert round(method.bits_per_parameter(second=256), 3) == 4.127
    assert round(method.bits_per_parameter() - method.bits_per_parameter(second=256), 3) == 0.373
    absmax = method.quantize_nf4(np.ones(64 * 256 * 2))[1]
    c8, second, _ = method.double_quantize(absmax)
    assert (4 * 64 * 512 + 8 * len(c8) + 32 * len(second)) / (64 * 512) == method.bits_per_parameter(second=256)


# ---- five grids


def test_errors_of_five_grids_and_where_they_cross():
    expected = {"NF4": 0.0085, "E2M1": 0.0112, "FP4, library": 0.0149, "INT4": 0.0116, tables.MINMAX: 0.0083}
    for name, error in expected.items():
        assert abs(tables.mean_error(name, 64) / error - 1) < 0.03
    for seed in SEEDS:
        w = tables.weights_from(tables.NORMAL, seed)
        for g in tables.SIZES:
            nf4, even = (tables.error(w, name, g) for name in ("NF4", tables.MINMAX))
            assert abs(even / nf4 - 1) < 0.04 if g == 64 else (even < nf4) == (g < 64)
            assert nf4 == min(tables.error(w, name, g) for name in tables.GRIDS if name != tables.MINMAX)
        lines = {name: ([tables.bits_of(name, g) for g in (128, 64)], [tables.error(w, name, g) for g in (128, 64)])
                 for name in ("NF4", tables.MINMAX)}  # fmt: skip
        assert np.interp(4.5, *lines["NF4"]) < np.interp(4.5, *lines[tables.MINMAX])
        w = tables.weights_from(tables.UNIFORM, seed)
        assert max(tables.error(w, name, 64) for name in ("INT4", tables.MINMAX)) < 0.65 * tables.error(w, "NF4", 64)


def test_the_grid_from_min_to_max_is_even_and_has_zero():
    w = np.random.default_rng(0).normal(0.3, 1, 48)
    kept = tables.minmax(w, 16)
    for first in range(0, 48, 16):
        block = w[first : first + 16]
        s = (max(block.max(), 0) - min(block.min(), 0)) / 15
        places = kept[first : first + 16] / s
        assert np.allclose(places, np.rint(places))
        assert np.abs(kept[first : first + 16] - block).max() <= s / 2 + 1e-9 or np.abs(places).max() <= 16


def test_taking_off_the_mean_makes_absmax_three_to_four_times_as_exact():
    for seed in SEEDS:
        assert 3 < tables.absmax_error(False, seed=seed) / tables.absmax_error(seed=seed) < 4
    assert metric(tables.absmax_in_eight_bits, "Absmax is off by") < 0.3
    assert metric(tables.absmax_in_eight_bits, "Absmax is off by", broken=True) > 0.4


# ---- the layer


def test_an_adapter_beside_codes_equals_one_matrix_and_gradients_pass_through_the_codes():
    rng = np.random.default_rng(0)
    W, A, B, x = (rng.normal(size=shape) for shape in ((6, 10), (2, 10), (6, 2), (3, 10)))
    codes, absmax = method.quantize_nf4(W, 8)
    whole = method.dequantize_nf4(codes, absmax, W.shape, 8) + 2.0 * B @ A
    slow = [[sum(x[t, i] * whole[o, i] for i in range(10)) for o in range(6)] for t in range(3)]
    assert max_abs_difference(method.qlora_forward(x, codes, absmax, A, B, 2.0, 8), slow) < 1e-12
    tensors = [Tensor(each) for each in (x, A, B)]
    weights = rng.normal(size=(3, 6))
    y = method.qlora_forward(tensors[0], codes, absmax, *tensors[1:], 2.0, 8)
    dx, dA, dB = gradients((y * weights).sum(), tensors)
    for array, grad in ((x, dx), (A, dA), (B, dB)):
        for index in np.ndindex(array.shape):
            old, sides = array[index], []
            for step in (1e-5, -1e-5):
                array[index] = old + step
                sides.append((method.qlora_forward(x, codes, absmax, A, B, 2.0, 8) * weights).sum())
            array[index] = old
            assert abs((sides[0] - sides[1]) / 2e-5 - grad[index]) < 1e-6


def test_an_adapter_changes_nothing_at_the_start():
    factors = adapters.new_factors(house.base(), house.names(), 4, np.random.default_rng(0))
    words = adapters.body(house.judged(house.MANNERS, 3))[0]
    before, after = (lm.forward(each, words) for each in (house.coded(4), house.beside(house.coded(4), factors)))
    assert np.array_equal(before, after)


# ---- putting it back


def test_merging_into_codes_is_what_the_library_does():
    big, change = large_and_change()
    ours = method.merged(method.held_in(big, 64, NF4), change, 64, NF4)
    codes = np.array(pairs(REFERENCE["merged_packed"], big.size))
    theirs = method.dequantize_nf4(codes, REFERENCE["merged_absmax"].astype(float), big.shape, 64, NF4)
    assert np.mean(np.abs(ours - theirs) > 1e-6) < 1e-3


def test_numbers_on_levels_are_rounded_back_and_numbers_anywhere_keep_a_change_in_the_mean():
    rng = np.random.default_rng(0)
    W = rng.normal(size=(200, 640))
    change = 0.02 * rng.normal(size=W.shape)
    few = method.held_in(W)
    levels = method.nf4_codebook()
    back = method.merged(few, change, 64, levels) - few
    once = method.merged(W, change, 64, levels) - few
    assert method.survives(back, change) < 0.05
    assert abs(method.survives(method.held_in(W + change) - few, change) - method.survives(once, change)) < 1e-12
    assert 0.9 < method.survives(once - (few - few), change) < 1.1


def test_the_first_figure_shows_one_way_that_forgets_and_three_that_do_not():
    *_, last = house_model.put_it_back(**defaults(house_model.put_it_back))
    bars = dict(zip(house.WAYS, last[0]["data"][0]["y"], strict=True))
    none = adapters.body_excess(house.coded(4), house.judged(house.MANNERS))
    assert bars[house.INTO_CODES] > 0.85 * none
    assert all(bars[way] < 0.1 * none for way in house.WAYS if way != house.INTO_CODES)
    items = {item["label"]: item["value"] for item in last[1]["items"]}
    assert items["Size of the change"] < items["Size of the rounding error"] / 3
    assert items["Into the codes, survives"] < 6
    assert items["Into 16 bits, survives"] > 98
    said = dict(last[3]["rows"])
    assert said[house.INTO_CODES] < 0.1 < 0.9 < said[house.INTO_16]


def test_a_fifth_bit_brings_it_back():
    change, texts = house.kept_adapter(), house.judged(house.MANNERS)
    five = adapters.body_excess(house.put_back(change, 5, 64, house.INTO_CODES), texts)
    assert five < 0.1 * adapters.body_excess(house.coded(5), texts)
    assert 0.3 < house.survived(change, 5, 64, house.INTO_CODES) < 0.6


def test_what_survives_grows_with_the_change_in_all_three_seeds():
    for rate, low, high in ((0.001, 0.03, 0.07), (0.003, 0.25, 0.4), (0.01, 0.8, 1)):
        for run in TUNED[rate]:
            assert low < run[f"{house.INTO_CODES}, survives"] < high
            assert run[f"{house.INTO_16}, survives"] > 0.98
            assert (run[house.INTO_CODES] > 0.85 * run["none"]) == (rate == 0.001)
            assert run[house.BESIDE] < 0.1 * run["none"]


def test_at_three_times_the_rate_merging_into_codes_loses_nothing_and_ten_times_is_too_fast():
    slow = max(run[house.BESIDE] for run in TUNED[0.001])
    for run, small in zip(TUNED[0.003], TUNED[0.001], strict=True):
        assert run[house.INTO_CODES] < run[house.BESIDE]
        assert 1.7 < run["size"] / small["size"] < 2
    assert all(run[way] > slow for run in TUNED[0.01] for way in house.WAYS)


def test_the_original_base_is_better_than_codes_in_eight_of_nine_runs():
    assert house_model.original_wins() == 8
    for run in TUNED[0.001]:
        assert 0.065 < 1 - run[house.ON_16] / run[house.BESIDE] < 0.08


def test_more_than_a_third_of_what_survives_is_in_weights_that_are_their_blocks_absmax():
    kept = wanted_kept = 0.0
    few = house.coded(4).weights
    for name, delta in house.kept_adapter().items():
        new = few[name] + delta
        came = (method.merged(few[name], delta, 64, method.nf4_codebook()) - few[name]) * delta
        first = np.abs(new.reshape(-1, 64)).argmax(1) + 64 * np.arange(new.size // 64)
        kept += came.ravel()[first].sum()
        wanted_kept += came.sum()
    assert 0.33 < kept / wanted_kept < 0.45


def test_learning_on_codes_loses_next_to_nothing():
    for run in TUNED[0.001]:
        assert abs(run[house.BESIDE] - run["trained on 16 bits"]) < 0.004


def test_an_adapter_kept_in_four_bits_learns_and_ends_about_three_times_as_high():
    for fine, coarse in zip(LEARNT[False], LEARNT[True], strict=True):
        assert fine < 0.07
        assert 0.1 < coarse < 0.25
        assert 2.5 < coarse / fine < 4


def test_only_at_two_bits_is_there_much_to_repair_and_rank_4_repairs_more_than_rank_1():
    assert ROUNDED[4] - ROUNDED[16] < 0.004
    assert 0.01 < ROUNDED[3] - ROUNDED[16] < 0.02
    assert 2.6 < ROUNDED[2] - ROUNDED[16] < 2.8
    for bits, r in ((4, 1), (4, 4), (4, 16), (3, 1), (3, 4), (3, 16)):
        assert np.mean(REPAIRED[bits, r]) > ROUNDED[bits]  # at this rate nothing is won there
    assert max(REPAIRED[2, 4]) < min(REPAIRED[2, 1]) < 0.5 * ROUNDED[2]
    assert 0.8 < np.mean(REPAIRED[2, 16]) / np.mean(REPAIRED[2, 4]) < 1


def test_a_short_run_of_the_live_demo_learns_and_is_put_back():
    settings = defaults(house_model.learn_on_codes) | {"steps": 10, "eta": 0.003}
    *_, last = house_model.learn_on_codes(**settings)
    figure, _, table = last[0], last[1], last[2]
    before, after = figure["data"][0]["y"][0], figure["data"][0]["y"][-1]
    assert after < before
    assert [row[0] for row in table["rows"]] == ["no adapter", *house.WAYS]


# ---- memory


def test_lines_of_llama_65b_are_those_of_the_page():
    n = 80 * (4 * 8192 * 8192 + 3 * 8192 * 22016)
    assert memory.linear_weights(memory.LLAMA_65B) == n == tables.LINEAR_65B
    assert memory.LLAMA_65B.parameters == n + 2 * 32_000 * 8192 + 161 * 8192
    assert memory.adapter_size(memory.LLAMA_65B, 64) == 80 * 64 * (4 * 2 * 8192 + 3 * (8192 + 22016))
    lines = memory.lines_of(memory.LLAMA_65B, "QLoRA", 64)
    assert round(lines["frozen matrices"] / 1e9, 1) == 33.4
    assert round(lines["adapter"] / 1e9, 1) == round(lines["its gradients"] / 1e9, 1) == 1.6
    assert round(lines["Adam"] / 1e9, 1) == 6.4
    assert round(sum(memory.lines_of(memory.LLAMA_65B, "full", 64).values()) / 1e9) == 783


def test_as_peft_prepares_them_neither_fits_48_gb():
    for name, r in (("LLaMA-65B", 64), ("Llama-3.1-70B", 16)):
        model = memory.TRAINED[name]
        rest = model.parameters - memory.linear_weights(model)
        bits = memory.linear_weights(model) * (4 + 8 / 64 + 32 / (64 * 256)) / 8
        slow = bits + 4 * rest + 16 * memory.adapter_size(model, r) + memory.activations(model, 2048)
        assert math.isclose(memory.as_peft_prepares(name, r, 2048), slow)
        assert memory.fits(name, "QLoRA", r, 2048)[0]
        assert slow > 48 * 2**30


def test_counts_of_other_models_agree_with_their_parameters():
    for name in ("Llama-3.1-8B", "Llama-3.1-70B"):
        model = memory.TRAINED[name]
        rest = 2 * model.vocabulary * model.d + (2 * model.L + 1) * model.d
        assert memory.linear_weights(model) + rest == model.parameters


def test_pages_let_a_long_batch_run_and_bring_everything_back():
    out, fits = method.paged(40, 6, [1, 3, 5, 9], 48)
    assert out.tolist() == [0, 1, 3, 6]
    assert fits.tolist() == [True, True, True, False]
    for seed in SEEDS:
        assert metric(memory.paged_steps, "Steps that ran", seed=seed) == memory.STEPS
        assert metric(memory.paged_steps, "Steps that ran", pages=False, seed=seed) < memory.STEPS
    assert memory.fits("LLaMA-65B", "QLoRA", 64, memory.most_tokens(64))[0]
    assert not memory.fits("LLaMA-65B", "QLoRA", 64, memory.most_tokens(64) + 100)[0]
