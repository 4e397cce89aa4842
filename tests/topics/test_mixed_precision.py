"""The claims of the page on mixed precision."""

import math
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from topics.kit import GPUS, lm, max_abs_difference
from topics.kit.model.language import WORDS
from topics.kit.model.training import loss_and_gradients, next_token_loss
from topics.kit.numerics import FORMATS, to_format
from topics.kit.page.demo import defaults, views_of
from topics.mixed_precision import demos, house_model, masters, method
from topics.mixed_precision.recorded import BEFORE, SMALL_STEPS

pytestmark = pytest.mark.topic("mixed_precision")
REFERENCE = np.load(Path(__file__).parents[1] / "reference/mixed_precision.npz")
SEEDS = range(3)


def view(demo, what, /, **arguments):
    found = [each for each in views_of(demo, defaults(demo) | arguments) if each["view"] == what]
    return found if len(found) > 1 else found[0]


def metric(demo, label, /, **arguments):
    return next(x["value"] for x in view(demo, "metrics", **arguments)["items"] if x["label"] == label)


# ---- formats


@pytest.mark.parametrize("name", ["FP16", "BF16", "E5M2"])
def test_casts_equal_pytorchs(name):
    assert np.array_equal(to_format(REFERENCE["x"], name), REFERENCE[name])


def test_casts_to_e4m3_equal_pytorchs_which_saturates():
    assert np.array_equal(to_format(REFERENCE["x"], "E4M3", saturate=True), REFERENCE["E4M3"])
    assert REFERENCE["E4M3"].max() == 448


def test_published_ends_of_the_formats():
    """FP16: 65,504, 6.10e-5, 5.96e-8; BF16: 3.39e38 and 2**-7; OCP: E4M3 448, E5M2 57,344, E2M1 6."""
    assert [FORMATS[name].largest for name in ("FP16", "E4M3", "E5M2", "E2M1")] == [65_504, 448, 57_344, 6]
    assert f"{demos.normal('FP16'):.3g}" == "6.1e-05"
    assert f"{2.0 ** FORMATS['FP16'].finest:.3g}" == "5.96e-08"
    assert f"{FORMATS['BF16'].largest:.3g}" == "3.39e+38"
    assert to_format(1 + 2.0**-7, "BF16") > 1 == to_format(1 + 2.0**-8, "BF16")


def test_65519_becomes_65504_and_65520_infinity():
    assert to_format(np.array([65_519.0, 65_520.0]), "FP16").tolist() == [65_504, math.inf]


@pytest.mark.parametrize("name", ["FP16", "BF16", "E5M2", "E4M3", "E2M1"])
def test_the_bits_shown_say_the_number_held(name):
    form, x = FORMATS[name], np.random.default_rng(0).normal(size=200) * 2.0 ** np.linspace(-30, 4, 200)
    for y in [*to_format(x, name).tolist(), form.largest, -form.largest, 0.0, 2.0**form.finest]:
        if not math.isfinite(y):
            continue
        sign, exponent, fraction = (int(each, 2) for each in demos.pattern(y, name))
        assert [len(each) for each in demos.pattern(y, name)] == [1, form.exponent, form.fraction]
        leading = Fraction(1 if exponent else 0)
        size = (leading + Fraction(fraction, 2**form.fraction)) * Fraction(2) ** (
            max(exponent, 1) - 2 ** (form.exponent - 1) + 1
        )
        assert Fraction(y) == (-1) ** sign * size


def test_the_bits_shown_are_numpys():
    for y in (0.1, 65_504.0, 2.0**-24, -3e-6, math.inf):
        held = float(to_format(y, "FP16"))
        assert int("".join(demos.pattern(held, "FP16")), 2) == int(np.float16(held).view(np.uint16))
        held = float(to_format(y, "FP32"))
        assert int("".join(demos.pattern(held, "FP32")), 2) == int(np.float32(held).view(np.uint32))


def test_at_a_tenth_bf16_errs_four_times_as_much_as_fp16_and_e2m1_has_nothing():
    rows = {row[0]: row for row in view(demos.bits_of_a_number, "table")["rows"]}
    assert [rows[name][2] for name in ("BF16", "FP16", "E5M2", "E2M1")] == ["0.098 %", "0.024 %", "6.3 %", "all of it"]


@pytest.mark.parametrize(
    ("text", "says"), [("dogs", "A number"), ("inf", "between"), ("3e400", "between"), ("", "A n")]
)
def test_what_is_no_number_is_answered_with_a_sentence(text, says):
    (note,) = views_of(demos.bits_of_a_number, defaults(demos.bits_of_a_number) | {"text": text})
    assert says in note["text"]


# ---- the loss scale


def test_the_scale_goes_as_pytorchs_scaler_does():
    S, good, trace = float(REFERENCE["scales"][0]), 0, []
    for finite in REFERENCE["good"]:
        trace.append(S)
        S, good = method.loss_scale_step(S, good, bool(finite), int(REFERENCE["interval"]))
    assert [*trace, S] == REFERENCE["scales"].tolist()
    assert REFERENCE["start"].tolist() == [65_536, 2, 0.5, 2000]


def test_without_rounding_the_gradients_on_the_way_are_the_kits_own():
    batch = house_model.two_texts(0)
    _, exact, counts = house_model.reference(0)
    _, plain = loss_and_gradients(lm.load("target").weights, next_token_loss(lm.load("target")), batch)
    n = batch[2].sum()
    for name in plain:
        assert np.allclose(exact[name], plain[name] * n, rtol=1e-3, atol=1e-5 * n)
    assert counts.sum() > 500_000


def test_a_scale_of_a_power_of_two_changes_no_gradient_in_fp32():
    batch = house_model.two_texts(1)
    _, exact, _ = house_model.reference(1)
    for S in (2**-9, 2**20):
        _, _, grads, _ = house_model.in_precision(batch, None, "FP32", S, 1)
        assert house_model.relative_error(grads, exact, S) < 1e-5


@pytest.fixture(scope="module")
def scaled():
    """For each seed {setting: (zeros, error, loss)} at half a million tokens."""
    found = {}
    for seed in SEEDS:
        fp16 = [(S, "FP16") for S in (1, 256, 4096, 2**16, 2**32, 2**33, 2**34)]
        for S, kind in [*fp16, (1, "BF16"), (2**16, "BF16")]:
            with np.errstate(all="ignore"):
                _, loss, grads, fate = house_model.in_precision(
                    house_model.two_texts(seed), kind, kind, S, house_model.TOKENS[-1]
                )
                error = house_model.relative_error(grads, house_model.reference(seed)[1], S / house_model.TOKENS[-1])
            found[seed, S, kind] = fate[0], error, loss
    return found


def test_unscaled_four_of_five_gradients_become_zero_and_half_of_the_weights_gradient_is_lost(scaled):
    for seed in SEEDS:
        zeros, error, _ = scaled[seed, 1, "FP16"]
        assert 0.75 < zeros < 0.9
        assert 0.45 < error < 0.75


def test_scaled_the_error_falls_below_half_a_percent_and_stays_for_a_million_times(scaled):
    for seed in SEEDS:
        errors = [scaled[seed, S, "FP16"][1] for S in (256, 4096, 2**16, 2**32)]
        assert 0.03 < errors[0] < 0.08
        assert max(errors[1:]) < 0.005
        assert max(errors[2:]) < 0.002
        assert 0.01 < scaled[seed, 2**16, "FP16"][0] < 0.06  # still zero, and worth little
        assert not np.isfinite(scaled[seed, 2**34, "FP16"][1])
    assert not np.isfinite(scaled[0, 2**33, "FP16"][1])


def test_bf16_errs_alike_at_every_scale_and_about_eight_times_as_much_as_fp16_at_its_best(scaled):
    for seed in SEEDS:
        error = scaled[seed, 1, "BF16"][1]
        assert error == scaled[seed, 2**16, "BF16"][1]
        assert scaled[seed, 1, "BF16"][0] < 1e-4
        assert 6 < error / scaled[seed, 2**16, "FP16"][1] < 11


def test_with_few_tokens_in_the_batch_fp16_needs_no_scale():
    for seed in SEEDS:
        said = metric(house_model.scaled_loss, "Error of the weights' gradient", N=128, seed=seed)
        assert float(said.split()[0]) < 0.5


def test_rounding_within_norms_loses_the_model_at_any_scale_in_fp16_and_not_in_bf16():
    for seed, S in ((0, 1), (1, 2**16), (2, 2**16)):
        loss = metric(house_model.scaled_loss, "Loss", whole=True, S=S, seed=seed)
        assert loss > 4.5
        right = house_model.reference(seed)[0]
        assert metric(house_model.scaled_loss, "Loss", whole=True, kind="BF16", seed=seed) < right + 0.05


def test_sums_of_squares_in_the_residual_stream_pass_the_end_of_fp16():
    sums = []

    def see(name, layer, x):
        if name == "residual":
            sums.append(float((x * x).sum(-1).max()))

    lm.forward(lm.load("target"), house_model.two_texts(0)[0], see=see)
    assert min(sums) > 65_520


def test_gradients_span_35_powers_of_two_and_fp16_forty():
    alt = view(house_model.scaled_loss, "figure")["alt"]
    assert "from 2 to the −55 to 2 to the −20" in alt
    assert math.log2(65_504) - FORMATS["FP16"].finest > 39.9


# ---- small steps


def test_rounding_at_random_gives_neighbours_whose_mean_is_the_number():
    rng, x = np.random.default_rng(0), np.array([256.5, -256.5, 0.1, -0.1, 1 + 2**-8, 3e-41, -65_000.3])
    for name in ("BF16", "FP16", "E4M3"):
        form = FORMATS[name]
        within = x[np.abs(x) < form.largest]
        drawn = np.array([method.stochastic_round(within, name, rng) for _ in range(4000)])
        for each, y in zip(within, drawn.T, strict=True):
            step = 2.0 ** max(math.floor(math.log2(abs(each))) - form.fraction, form.finest)
            low = math.floor(Fraction(each) / Fraction(step)) * step
            assert set(y.tolist()) <= {low, low + step}
            assert abs(y.mean() - each) < 4 * step * 0.5 / math.sqrt(4000)
        held = to_format(within, name)
        assert np.array_equal(method.stochastic_round(held, name, rng), held)


def total(way, s, n=3000, seed=0):
    """A weight of 1 after n steps of −s."""
    rng, kept = np.random.default_rng(seed), (np.ones(200), None)
    for _ in range(n):
        kept = method.take_step(kept, -s, way, rng)
    return kept[0]


def test_steps_below_half_a_gap_are_lost_to_nearest_and_kept_by_the_other_ways():
    s = 0.7 * method.smallest_step(1.0) / 4
    for way, allowed in (("nearest", 0), ("master", 0.01), ("Kahan", 0.01), ("stochastic", 0.05)):
        w = total(way, s)
        assert np.array_equal(to_format(w, "BF16"), w)
        if way == "nearest":
            assert (w == 1).all()
        else:
            assert abs(w.mean() - (1 + 3000 * s)) < allowed * 3000 * s + 2 * method.smallest_step(2.5)


def test_a_step_of_half_a_gap_is_lost_and_the_next_larger_is_not():
    for name in ("BF16", "FP16"):
        for w in (1.0, 0.1, 0.02):
            held, half = float(to_format(w, name)), method.smallest_step(w, name)
            assert to_format(held + 0.999 * half, name) == held
            assert to_format(held + 1.001 * half, name) > held
    assert method.smallest_step(1.0) == 0.00390625
    assert method.smallest_step(1.0, "FP16") == 0.00048828125


def test_weight_decay_alone_never_moves_a_bf16_weight():
    w = to_format(np.random.default_rng(0).normal(size=5000) * 2.0 ** np.linspace(-20, 5, 5000), "BF16")
    assert np.array_equal(to_format(w * (1 - 1e-4 * 0.1), "BF16"), w)
    assert np.array_equal(to_format(w * (1 - 0.999 * 2.0**-9), "BF16"), w)


def test_a_course_without_a_master_hardly_moves_and_with_one_learns():
    """The recorded table: three seeds, three rates."""
    for rate, most in ((3e-5, 0.02), (1e-4, 0.07)):
        assert all(0 < BEFORE - loss < most for loss, _ in SMALL_STEPS[rate, "nearest"])
    for (_, way), runs in SMALL_STEPS.items():
        if way != "nearest":
            assert max(loss for loss, _ in runs) < 0.9
    for rate in (3e-5, 1e-4, 3e-4):
        by = {way: np.array([loss for loss, _ in SMALL_STEPS[rate, way]])
              for way in ("nearest", "stochastic", "Kahan", "master")}  # fmt: skip
        assert max_abs_difference(by["Kahan"], by["master"]) < 0.002
        assert (by["nearest"] > by["master"] + 0.1).all()
    for seed in SEEDS:
        assert SMALL_STEPS[3e-5, "stochastic"][seed][0] < SMALL_STEPS[3e-5, "master"][seed][0] - 0.04
        assert 0.955 < SMALL_STEPS[1e-4, "nearest"][seed][1] < 0.97
        assert 0.92 < SMALL_STEPS[1e-4, "master"][seed][1] < 0.93
    still = [np.mean([each for _, each in SMALL_STEPS[rate, "nearest"]]) for rate in (3e-5, 1e-4, 3e-4)]
    assert still == sorted(still, reverse=True)


def test_the_recorded_runs_begin_as_the_demo_does():
    nearest, master = (islice(masters.run(1e-4, way, 0), 5) for way in ("nearest", "master"))
    first = next(nearest)[0]
    assert abs(masters.above(first) - BEFORE) < 2e-3
    assert all(np.array_equal(to_format(w, "BF16"), w) for w in first.values())
    for _ in range(4):
        (a, lost), (b, _) = next(nearest), next(master)
    assert lost > 0.9
    assert any(not np.array_equal(a[name], b[name]) for name in a)


def test_kahans_sum_owes_less_than_a_gap():
    rng, kept = np.random.default_rng(1), (np.ones(50, np.float32), None)
    for _ in range(200):
        kept = method.take_step(kept, rng.normal(0, 1e-3, 50).astype(np.float32), "Kahan", rng)
        assert (np.abs(kept[1]) <= 2 * method.smallest_step(1.0)).all()


# ---- sums


def test_a_running_sum_is_rounded_after_each_number():
    x = np.random.default_rng(0).normal(size=300).tolist()
    for f, name in ((7, "BF16"), (10, "FP16"), (23, "FP32")):
        total, sums = 0.0, []
        for each in x:
            total = float(to_format(total + each, name))
            sums.append(total)
        assert method.running_sum(x, f) == sums


def test_ones_stall_at_256_in_bf16_and_at_2048_in_fp16():
    rows = {row[0]: row[1] for row in view(demos.sums_that_stall, "table")["rows"]}
    assert rows["BF16"] == "256"
    assert rows["FP16"] == "2,048"
    assert rows["BF16, in parts of 128"] == "4,096"
    halves = np.add.accumulate(np.ones(4096, np.float16), dtype=np.float16)
    assert halves[-1] == 2048
    assert method.running_sum([1.0] * 4096, 10) == halves.tolist()


def test_rounded_at_random_the_sum_wanders_around_the_truth():
    ends = [
        method.running_sum([1.0] * 4096, 7, np.random.default_rng(seed).random(4096).tolist())[-1] for seed in range(40)
    ]
    assert abs(np.mean(ends) / 4096 - 1) < 0.06
    assert 0.02 < np.std(ends) / 4096 < 0.2


# ---- blocks


def test_eight_bits_lose_nothing_four_bits_with_one_scale_do_and_blocks_hardly():
    for seed in SEEDS:
        lost = house_model.shares(1, seed)
        for name in ("E4M3, one scale", "MXFP8"):
            assert abs(lost[name] - lost["FP32"]) < 0.01
        assert lost["E2M1, one scale"] - lost["FP32"] > 0.1
        for name in ("MXFP4", "NVFP4"):
            assert lost[name] - lost["FP32"] < 0.03


def test_one_large_channel_ruins_one_scale_and_hurts_blocks_less():
    for seed in SEEDS:
        even = math.log(len(WORDS))
        lost = house_model.shares(16, seed)
        assert lost["E2M1, one scale"] > even
        assert max(lost["MXFP4"], lost["NVFP4"]) < 0.4
        for k in (16, 256):
            lost = house_model.shares(k, seed)
            assert abs(lost["E4M3, one scale"] - lost["FP32"]) < 0.01
            assert abs(lost["MXFP8"] - lost["FP32"]) < 0.01
            assert lost["NVFP4"] < lost["MXFP4"] < lost["E2M1, one scale"]
        assert house_model.shares(256, seed)["MXFP4"] > 2.5


def test_a_larger_channel_changes_nothing_in_fp32():
    for k in (4, 256):
        assert view(house_model.shared_scales, "badge", k=k)["value"] < 1e-5
    assert sum(name[0].isdigit() and w.ndim == 2 for name, w in lm.load("target").weights.items()) == 28


# ---- memory and questions


def test_a_parameter_takes_16_bytes_in_fp32_and_mixed():
    """rajbhandari2020: 2 + 2 + 12."""
    assert [demos.per_parameter(way) for way in method.BYTES] == [16, 16, 18, 13, 8]
    assert GPUS["H100"].memory == 80 * 2**30


def test_the_answers_to_the_questions():
    assert 3e-5 < method.smallest_step(0.02) == 2.0**-14
    assert 3e-5 > method.smallest_step(0.02, "FP16") == 2.0**-17
    assert 2.0**-40 * 2**26 >= demos.normal("FP16") > 2.0**-40 * 2**25
    assert 2.0**-9 * 2**25 >= 65_520 > 2.0**-9 * 2**24
    assert 2.0 ** FORMATS["FP16"].finest == 2.0**-40 * 2**16
