"""The claims of the page on quantization."""

import inspect
import math
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from topics.kit import GPUS, lm, max_abs_difference
from topics.kit.model.autograd import Tensor, gradients
from topics.kit.numerics import in_blocks
from topics.kit.page.demo import defaults, views_of
from topics.quantization import demos, formats, house_model, laws, learning, method, rounding
from topics.quantization.recorded import HOUSE_MODELS, ROUNDED
from topics.quantization.recorded_minilm import VECTORS_AFTER

pytestmark = pytest.mark.topic("quantization")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/quantization.npz")
SEEDS = range(3)


def view(demo, kind, /, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == kind]
    return found if len(found) > 1 else found[0]


def metric(demo, label, /, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"] == label)


# ---- grids


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_quantised_weight_is_the_nearest_level_of_its_group(bits, affine):
    W = np.random.default_rng(bits).normal(0.3, 1, (3, 24))
    kept = method.fake_quantize(W, bits, 8, affine)
    for i, k in product(range(3), range(3)):
        group = W[i, 8 * k : 8 * k + 8].tolist()
        if affine:
            low, high = min(*group, 0.0), max(*group, 0.0)
            s = (high - low) / (2**bits - 1)
            levels = [s * (code - round(-low / s)) for code in range(2**bits)]
        else:
            s = max(abs(w) for w in group) / (2 ** (bits - 1) - 1)
            levels = [s * code for code in range(1 - 2 ** (bits - 1), 2 ** (bits - 1))]
        for w, got in zip(group, kept[i, 8 * k : 8 * k + 8].tolist(), strict=True):
            assert min(abs(got - level) for level in levels) < 1e-12
            assert abs(got - w) <= min(abs(level - w) for level in levels) + 1e-12


def test_a_weight_of_zero_stays_zero():
    rng = np.random.default_rng(0)
    for shift, bits in product((-3, 0, 3), (2, 4)):
        w = rng.normal(shift, 1, (5, 16))
        w[:, 3] = 0
        for affine in (False, True):
            assert np.all(method.fake_quantize(w, bits, 16, affine)[:, 3] == 0)


def test_an_end_that_is_rounded_past_the_last_code_is_clipped():
    q, s, z = method.quantize_affine(np.array([-3.5, 0, 11.5]), 4)  # s = 1, and −3.5 and 11.5 both round outwards
    assert (s.tolist(), z.tolist()) == ([1], [4])
    assert q.tolist() == [0, 4, 15]


def test_a_group_of_zeros_stays_zero_and_has_a_scale():
    for affine in (False, True):
        q, s, z = method.quantize_groupwise(np.zeros((2, 8), np.float32), 4, 4, affine)
        assert np.all(s > 0)
        assert np.all(method.dequantize(q, s, z) == 0)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_codes_with_a_zero_point_and_their_gradient_equal_pytorchs_fake_quantisation(bits):
    x = Tensor(REFERENCE["x"])
    y = method.fake_quantize(x, bits, 16, affine=True)
    assert max_abs_difference(y.value, REFERENCE[f"affine{bits}"]) < 1e-6
    (grad,) = gradients((y * np.arange(16.0)).sum(), [x])
    assert np.array_equal(grad, REFERENCE[f"gradient{bits}"])


def test_true_bits_count_scales_and_zero_points():
    assert method.true_bits(4, 32) == 4.5
    assert method.true_bits(2, 8, zero=2) == 4.25
    model = laws.full_model()
    for group, affine in (("8", True), ("a row", False)):
        stored = 0
        for name in laws.matrices(model):
            n, m = model.weights[name].shape
            groups = n * (1 if group == "a row" else m // int(group))
            stored += 3 * n * m + groups * (16 + (3 if affine else 0))
        weights = sum(model.weights[name].size for name in laws.matrices(model))
        assert math.isclose(house_model.bits_of(3, group, affine), stored / weights)


# ---- bits and groups of the house model


@pytest.mark.parametrize("seed", SEEDS)
def test_two_bits_in_groups_of_eight_take_more_bits_than_three_in_groups_of_32_and_lose_twice_as_much(seed):
    assert house_model.bits_of(2, "8", True) > house_model.bits_of(3, "32", True) + 0.5
    small, large = (house_model.quantised(b, g, True, seed)[0] for b, g in ((2, "8"), (3, "32")))
    assert small > 2 * large


@pytest.mark.parametrize("seed", SEEDS)
def test_each_further_bit_divides_what_is_lost_by_far_more_than_four(seed):
    two, three, four, eight = (house_model.quantised(b, "32", True, seed)[0] for b in (2, 3, 4, 8))
    assert two > 10 * three
    assert three > 0.8 * four
    assert eight < 1e-5
    assert house_model.quantised(2, "32", False, seed)[0] > 2 > 5 * two
    assert house_model.quantised(4, "a row", True, seed)[0] < 0.006


def test_the_moved_law_is_the_divergence_and_the_loss_added_agrees_in_the_mean():
    rng = np.random.default_rng(0)
    full, law = (np.log(rng.dirichlet(np.ones(5), (2, 3))) for _ in range(2))
    targets, real = rng.integers(0, 5, (2, 3)), np.array([[True, True, False], [True, False, True]])
    places = [(i, t) for i, t in np.ndindex(2, 3) if real[i, t]]
    moved, added = laws.moved(law, full, (None, targets, real))
    slow = [sum(math.exp(full[i, t, v]) * (full[i, t, v] - law[i, t, v]) for v in range(5)) for i, t in places]
    assert math.isclose(moved, sum(slow) / 4)
    assert math.isclose(added, sum(full[i, t, targets[i, t]] - law[i, t, targets[i, t]] for i, t in places) / 4)


def test_the_verdict_names_a_setting_that_is_better():
    note = view(house_model.bits_and_groups, "note")
    assert note["kind"] == "warning"
    assert "fewer bits than here" in note["text"]


# ---- outliers


def test_an_outlier_a_rotation_and_smoothing_change_no_output():
    for repair in (house_model.NONE, house_model.SMOOTH, house_model.ROTATED):
        badge = view(house_model.outlier_channel, "badge", repair=repair)
        assert badge["value"] < badge["limit"]
    broken = view(house_model.outlier_channel, "badge", repair=house_model.SMOOTH, broken=True)
    assert broken["value"] > 1


@pytest.mark.parametrize("n", [1, 2, 16, 24, 96, 32])
def test_a_rotation_keeps_lengths_and_products(n):
    H = method.hadamard(n)
    assert max_abs_difference(H @ H.T, np.eye(n)) < 1e-12
    rng = np.random.default_rng(n)
    x, w = rng.normal(size=(3, 96)), rng.normal(size=(4, 96))
    assert max_abs_difference(method.rotate(x, n) @ method.rotate(w, n).T, x @ w.T) < 1e-11


def test_at_the_house_models_width_a_rotated_channel_is_a_mixture_of_nearly_all():
    assert 0.85 < np.mean(np.abs(method.hadamard(96)) > 0.05) < 1


def test_a_power_of_two_spreads_one_number_evenly():
    x = np.zeros((1, 64))
    x[0, 5] = 8
    assert np.allclose(np.abs(method.rotate(x)), 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_large_channel_breaks_int8_and_blocks_fence_it_in(seed):
    law = {name: house_model.outlier_law(name, seed=seed) for name in house_model.FORMATS_TRIED}
    assert law["INT8, a tensor"] > math.log(147)  # all that blind guessing can move it by
    assert 0.2 < law["INT8, a word"] < 2
    assert law["NVFP4"] < law["MXFP4"] < law["INT4, a word"]
    assert law["NVFP4"] < 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_rotation_saves_int8_and_ruins_formats_in_blocks(seed):
    rotated = {
        name: house_model.outlier_law(name, house_model.ROTATED, seed=seed) for name in house_model.FORMATS_TRIED
    }
    assert rotated["INT8, a tensor"] < 0.01
    assert rotated["NVFP4"] > 10 * house_model.outlier_law("NVFP4", seed=seed)
    assert rotated["MXFP4"] > 2 * house_model.outlier_law("MXFP4", seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_smoothquant_repairs_all_five(seed):
    for name in house_model.FORMATS_TRIED:
        assert house_model.outlier_law(name, house_model.SMOOTH, seed=seed) < 0.05


def test_smoothing_by_hand():
    assert method.smoothquant(np.array([64.0, 1.0]), np.array([0.25, 0.25]), 0.5).tolist() == [16, 2]


def test_alpha_is_the_inputs_power_and_one_less_alpha_the_weights():
    x, w = np.array([64.0, 1.0]), np.array([0.25, 0.0625])
    assert np.allclose(method.smoothquant(x, w, 0.75), [64**0.75 / 0.25**0.25, 2])
    assert np.allclose(method.smoothquant(x, w, 1), x)
    assert np.allclose(method.smoothquant(x, w, 0), 1 / w)


# ---- a real matrix


def test_the_largest_weight_of_the_real_matrix_is_175_standard_deviations_out():
    W, _ = demos.minilm_matrix("as it is")
    assert W.shape == (384, 1536)
    assert np.unravel_index(np.abs(W).argmax(), W.shape) == demos.OUTLIER
    assert round(demos.minilm_largest()) == 175


def test_under_one_8_bit_scale_more_than_half_of_its_weights_become_zero_and_outputs_hide_it():
    one, row = (demos.minilm_error(8, parts) for parts in ("one scale for the matrix", "a scale a row"))
    assert one["zero"] > 50
    assert one["outputs"] < 5 < 60 < one["elsewhere"]
    assert row["elsewhere"] < 3
    assert (
        demos.minilm_error(4, "a scale a row")["elsewhere"] > 1.5 * demos.minilm_error(4, "a scale for 32")["elsewhere"]
    )
    W, _ = demos.minilm_matrix("as it is")
    step = float(np.abs(W).max()) / 127
    zeros = sum(w != 0 and round(w / step) == 0 for w in W[::16].ravel().tolist())
    assert abs(100 * zeros / W[::16].size - one["zero"]) < 1


def test_one_token_and_one_output_are_nearly_all_of_the_outputs_length():
    W, X = demos.minilm_matrix("as it is")
    assert np.square(X @ W.T)[0, demos.OUTLIER[0]] > 0.95 * np.square(X @ W.T).sum()


def test_the_recorded_vectors_need_the_rows_and_not_the_outlier():
    assert VECTORS_AFTER["INT8, one scale"][0] < 0.99 < 0.999 < VECTORS_AFTER["INT8, a scale a row"][0]
    assert VECTORS_AFTER["outlier set to 0"][0] > 0.999


# ---- rounding that looks at inputs


def slow_gptq(W, X, bits, g, damp=0.01):
    """Each column rounded, and all that are to come chosen anew by least squares."""
    W, m = W.copy(), W.shape[1]
    root = np.vstack([X, math.sqrt(damp * (X**2).sum() / m) * np.eye(m)])  # damping as additional inputs
    kept = np.zeros_like(W)
    for i in range(len(W)):
        w, s = W[i], 1.0
        for j in range(m):
            if j % g == 0:
                s = max(abs(w[j : j + g])) / (2 ** (bits - 1) - 1)
            code = min(max(round(w[j] / s), 1 - 2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            kept[i, j] = s * code
            error = root[:, j] * (w[j] - kept[i, j])
            if j + 1 < m:
                w[j + 1 :] += np.linalg.lstsq(root[:, j + 1 :], error, rcond=None)[0]
    return kept


@pytest.mark.parametrize("bits", [2, 4])
def test_gptq_equals_least_squares_over_the_columns_to_come(bits):
    rng = np.random.default_rng(bits)
    W, X = rng.normal(size=(3, 12)), rng.normal(size=(30, 4)) @ rng.normal(size=(4, 12)) + rng.normal(size=(30, 12))
    assert max_abs_difference(method.gptq(W, X, bits, 4), slow_gptq(W, X, bits, 4)) < 1e-9


def test_gptq_gives_levels_of_its_groups_and_without_correlation_is_rounding_to_nearest():
    rng = np.random.default_rng(0)
    W = rng.normal(size=(4, 16))
    for affine in (False, True):
        assert np.allclose(method.gptq(W, np.eye(16), 3, 8, affine), method.fake_quantize(W, 3, 8, affine))


@pytest.mark.parametrize("seed", SEEDS)
def test_gptq_is_further_from_the_weights_and_nearer_to_the_outputs_unless_inputs_are_shuffled(seed):
    for inputs in (rounding.REAL, rounding.SHUFFLED):
        figure = view(rounding.three_roundings, "figure", inputs=inputs, seed=seed)
        weights, outputs = (dict(zip(bar["x"], bar["y"], strict=True)) for bar in figure["data"])
        if inputs == rounding.REAL:
            assert weights["GPTQ"] > 1.5 * weights["nearest"]
            assert outputs["GPTQ"] < 0.7 * outputs["nearest"]
            assert outputs["AWQ"] < outputs["nearest"]
            assert weights["AWQ"] < weights["GPTQ"]
        else:
            assert outputs["GPTQ"] > 0.95 * outputs["nearest"]


def test_awq_never_does_worse_than_nearest_on_its_own_inputs():
    W, X = laws.full_model().weights["3.down"], rounding.inputs_of("down, layer 4", 16, 0)
    s = method.awq_scale(W, X, 3, 32)
    scaled = method.fake_quantize(W * s, 3, 32) / s
    assert method.output_error(W, scaled, X) < 0.95 * method.output_error(W, method.fake_quantize(W, 3, 32), X)


def test_at_two_bits_gptqs_outputs_are_better_and_its_models_worse_in_all_four():
    assert HOUSE_MODELS == ("target", "heads8-1", "heads8-2", "heads8-3")
    for nearest, by_gptq, in_turn in zip(
        *(ROUNDED[2, way] for way in ("nearest", "GPTQ", "GPTQ in turn")), strict=True
    ):
        assert by_gptq[2] < 0.9 * nearest[2]
        assert by_gptq[0] > max(in_turn[0], nearest[0])
    worse = [turn[0] > plain[0] for turn, plain in zip(ROUNDED[2, "GPTQ in turn"], ROUNDED[2, "nearest"], strict=True)]
    assert sum(worse) == 3
    for nearest, by_gptq in zip(ROUNDED[3, "nearest"], ROUNDED[3, "GPTQ"], strict=True):
        assert by_gptq[2] < nearest[2]
        assert by_gptq[0] < nearest[0]


def test_the_recorded_errors_of_outputs_are_what_the_functions_give():
    model, (words, _, real) = laws.full_model(), laws.some_texts(16, 0)
    seen = {}

    def see(step, layer, x):
        if step in ("attention_input", "heads", "feed_input", "feed_hidden"):
            seen[step, layer] = x.reshape(*x.shape[:2], -1)[real]

    laws.log_law(model, words, see=see)
    reads = {"o": "heads", "gate": "feed_input", "up": "feed_input", "down": "feed_hidden"}
    off = []
    for name in laws.matrices(model):
        layer, part = name.split(".")
        W, X = model.weights[name], seen[reads.get(part, "attention_input"), int(layer)]
        V = method.fake_quantize(W, 3, 32)
        off.append(math.sqrt(((X @ (W - V).T) ** 2).sum() / ((X @ W.T) ** 2).sum()))
    assert abs(sum(off) / len(off) - ROUNDED[3, "nearest"][0][2]) < 1e-4


# ---- formats


@pytest.mark.parametrize("kind", ["Q4_0", "MXFP4"])
def test_packed_blocks_decode_in_ggufs_reader_and_ours_alike(kind):
    w, theirs = REFERENCE["w"], REFERENCE[f"{kind}_bytes"].reshape(-1, formats.GGUF[kind][1])
    assert np.array_equal(formats.unpacked(theirs, kind), REFERENCE[kind].ravel())
    assert np.array_equal(formats.held_as(w.ravel(), kind), REFERENCE[kind].ravel())
    mine = formats.packed(w.ravel(), kind)
    assert mine.shape == theirs.shape
    assert np.array_equal(mine[1:, 0], theirs[1:, 0])


def test_the_bytes_that_the_page_reads_are_a_scale_and_two_codes():
    w = demos.weights_drawn(1, "normal law", 0)
    first = formats.packed(w, "Q4_0")[0]
    assert bytes(first[:3]).hex() == "f41d6b"
    kept, scale = formats.held_as(w, "Q4_0"), float(np.array([0x1DF4], "<u2").view("<f2")[0])
    assert [kept[0] / scale, kept[16] / scale] == [0xB - 8, 6 - 8]


def test_blocks_of_nvfp4_decode_as_gguf_decodes_them():
    blocks = REFERENCE["NVFP4_bytes"]  # (n, 36): four scales, then the codes of four times 16
    ours = np.concatenate([blocks[:, :4, None], blocks[:, 4:].reshape(-1, 4, 8)], -1).reshape(-1, 9)
    assert max_abs_difference(formats.unpacked(ours, "NVFP4"), REFERENCE["NVFP4"].ravel()) < 1e-4


def test_bits_are_counted_from_the_bytes_of_a_block():
    assert {kind: formats.stored_bits(kind) for kind in formats.BLOCK} == {
        "Q4_0": 4.5, "NF4": 4.5, "MXFP4": 4.25, "NVFP4": 4.5,
    }  # fmt: skip
    assert list(formats.GGUF.values()) == [tuple(row) for row in REFERENCE["sizes"].tolist()]


@pytest.mark.parametrize("kind", ["MXFP4", "NVFP4"])
def test_block_formats_equal_the_kits(kind):
    w = np.random.default_rng(0).normal(size=640) * 2.0 ** np.linspace(-8, 8, 640)
    assert max_abs_difference(formats.held_as(w, kind), in_blocks(w, kind)) == 0


@pytest.mark.parametrize("kind", list(formats.BLOCK))
def test_a_formats_code_is_the_nearest_of_its_block(kind):
    g, w = formats.BLOCK[kind][0], np.random.default_rng(1).normal(size=128)
    for first in range(0, 128, g):
        block, whole = w[first : first + g], formats.nvfp4(w.reshape(-1, 16))[0] if kind == "NVFP4" else 1.0
        packed = formats.packed(w, kind)[first // g]
        got = formats.unpacked(packed[None], kind, whole)
        levels = []
        for code in range(16):
            every = np.array([code | code << 4] * (g // 2), np.uint8)
            same = np.concatenate([packed[: formats.BLOCK[kind][1]], every])
            levels.append(float(formats.unpacked(same[None], kind, whole)[0]))
        step = max(abs(a - b) for a, b in zip(sorted(levels)[1:], sorted(levels)[:-1], strict=True))
        for x, y in zip(block.tolist(), got.tolist(), strict=True):
            assert abs(y - x) <= min(abs(level - x) for level in levels) + 1e-3 * step  # Q4_0 rounds its scale last


def test_published_scales_of_mxfp4():
    """vLLM #43557: for block maxima of 2.7, 5.5 and 1.2 the scales 0.5, 1 and 0.25; from max/6 half of it."""
    for top, right in ((2.7, 0.5), (5.5, 1.0), (1.2, 0.25)):
        e, _ = formats.mxfp4(np.full((1, 32), top))
        assert 2.0 ** (int(e[0, 0]) - 127) == right
        assert 2.0 ** math.floor(math.log2(top / 6)) == right / 2
    assert formats.held_as(np.full(32, 2.7), "MXFP4")[0] == 3
    assert formats.held_as(np.full(32, 7.0), "MXFP4")[0] == 6
    assert np.isnan(formats.unpacked(np.array([[255] + [0x11] * 16], np.uint8), "MXFP4")).all()


def test_e2m1_by_hand():
    assert formats.E2M1[:8].tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    for code, x in enumerate(formats.E2M1.tolist()):
        sign, exponent, fraction = code >> 3, code >> 1 & 3, code & 1
        size = Fraction(fraction, 2) if exponent == 0 else (1 + Fraction(fraction, 2)) * Fraction(2) ** (exponent - 1)
        assert abs(x) == size
        assert math.copysign(1, x) == (-1) ** sign


def test_the_table_of_nf4_is_ascending_and_has_zero_and_both_ends():
    assert np.all(np.diff(formats.NF4) > 0)
    assert {-1.0, 0.0, 1.0} <= set(formats.NF4.tolist())
    assert [np.sum(formats.NF4 < 0), np.sum(formats.NF4 > 0)] == [7, 8]


def test_of_the_other_weights_beside_a_large_one_nvfp4_keeps_most_and_nf4_least():
    for seed in SEEDS:
        errors = {kind: demos.microscope(32, kind, seed=seed) for kind in formats.BLOCK}
        assert min(errors, key=errors.get) == "NVFP4"
        assert max(errors, key=errors.get) == "NF4"
    normal = {kind: demos.over_many(kind) for kind in formats.BLOCK}
    uniform = {kind: demos.over_many(kind, "uniform law") for kind in formats.BLOCK}
    assert max(normal, key=normal.get) == "MXFP4"
    assert min(uniform, key=uniform.get) == "Q4_0"


# ---- learning with the grid


def run(**arguments):
    *_, last = learning.learn_with_rounding(**(defaults(learning.learn_with_rounding) | arguments))
    figure, metrics, *_ = last
    return [x["value"] for x in metrics["items"]], figure


def test_training_with_rounding_regains_a_part_at_once():
    (lost, left, signs), _ = run(steps=8)
    assert 0.1 < lost < 0.5
    assert left < 0.8 * lost
    assert signs > 0


def test_without_a_gradient_past_the_rounding_no_matrix_moves():
    (lost, left, signs), _ = run(steps=8, broken=True, seed=1)
    assert left == lost
    assert signs == 0


# ---- in real models


def test_times_and_sizes_of_the_page():
    assert math.isclose(demos.token_milliseconds("Llama-3.1-8B", "BF16"), 15.01 / 3.35, rel_tol=1e-3)
    assert round(demos.gigabytes_read("Llama-3.1-8B", "BF16"), 1) == 15.0  # 8.03 billion less an embedding, two bytes
    assert round(demos.gigabytes_read("Llama-3.1-8B", "NVFP4"), 1) == 5.0
    assert GPUS["H100"].bandwidth == 3.35e12
    assert round(demos.gigabytes("gpt-oss-120b", "MXFP4") * 1e9 / 2**30, 1) == 60.8  # as its card has it


def test_the_models_are_not_changed_by_a_demo():
    before = {name: w.copy() for name, w in lm.load("target").weights.items()}
    views_of(house_model.bits_and_groups, defaults(house_model.bits_and_groups) | {"bits": 3})
    assert all(np.array_equal(before[name], w) for name, w in lm.load("target").weights.items())
    assert inspect.isgeneratorfunction(house_model.bits_and_groups)
