"""Rounding to a precision: against numpy's own types, and against every number of BF16."""

import numpy as np
import pytest

from topics.kit.numerics import FORMATS, NF4, in_blocks, nearest_level, rounded, scaled_to, step_at, stored, to_format

EDGES = [0.0, -0.0, np.inf, -np.inf, 65_519.0, 65_520.0, 3.3961775e38, 3.4028235e38, 1e-45, 7e-46, 1e-41, 4.6e-41, 6e-8]


def numbers(seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(size=4000) * 10.0 ** rng.uniform(-50, 39, 4000), EDGES])


@pytest.mark.parametrize(("precision", "kind"), [("FP16", np.float16), ("FP32", np.float32), ("FP64", np.float64)])
def test_what_is_stored_is_what_numpys_type_holds(precision, kind):
    x = numbers()
    with np.errstate(over="ignore"):
        assert np.array_equal(stored(x, precision), x.astype(kind).astype(float))


def test_bf16_holds_the_nearest_of_its_numbers_and_of_two_the_even_one():
    """Its numbers are the upper halves of FP32's; those with an even last bit are every second one."""
    halves = np.arange(0x7F80, dtype=np.uint32)  # 0 and up, all that are finite
    values = (halves << 16).view(np.float32).astype(float)
    middles = (values[:-1] + values[1:]) / 2
    x = np.abs(numbers())
    x = np.concatenate([x[x < values[-1]], middles])
    below = np.searchsorted(values, x, side="right") - 1
    above = np.minimum(below + 1, len(values) - 1)
    left, right = x - values[below], values[above] - x
    nearest = np.where((left < right) | ((left == right) & (halves[below] % 2 == 0)), values[below], values[above])
    assert np.array_equal(stored(x, "BF16"), nearest)
    assert np.array_equal(stored(-x, "BF16"), -nearest)


def test_bf16_ends_where_fp32_does():
    half_a_step = 2.0**119
    largest = 2.0**128 - 2.0**120
    assert stored(np.array([largest, largest + 0.99 * half_a_step]), "BF16").tolist() == [largest, largest]
    assert stored(np.array([largest + half_a_step, -np.inf]), "BF16").tolist() == [np.inf, -np.inf]


def test_no_number_stays_none():
    assert np.isnan(stored(np.array([np.nan]), "BF16")).all()


def test_rounding_to_all_bits_changes_nothing():
    x = numbers(1)[:4000]
    assert np.array_equal(rounded(x, 53), x)


# ---- formats of few bits


def numbers_of(name):
    """Every finite number of a small format from 0 up, by its bits: exponent and fraction counted through."""
    e, f = {"E5M2": (5, 2), "E4M3": (4, 3), "E2M1": (2, 1), "FP16": (5, 10)}[name]
    bias, found = 2 ** (e - 1) - 1, []
    for exponent in range(2**e):
        for fraction in range(2**f):
            leading = 1 if exponent else 0
            found.append((leading + fraction / 2**f) * 2.0 ** (max(exponent, 1) - bias))
    taken = {"E5M2": 4, "FP16": 1024, "E4M3": 1, "E2M1": 0}[name]  # patterns of infinity and NaN
    return np.array(found[: len(found) - taken])


@pytest.mark.parametrize("name", ["E5M2", "E4M3", "E2M1", "FP16"])
def test_a_format_holds_each_of_its_numbers_and_of_two_equally_near_the_even_one(name):
    values = numbers_of(name)
    assert FORMATS[name].largest == values[-1]
    assert 2.0 ** FORMATS[name].finest == values[1]
    assert np.array_equal(to_format(values, name), values)
    even = np.where(np.arange(len(values) - 1) % 2 == 0, values[:-1], values[1:])
    middles = (values[:-1] + values[1:]) / 2
    for sign in (1, -1):
        assert np.array_equal(to_format(sign * middles, name), sign * even)
        assert np.array_equal(to_format(sign * middles * (1 + 1e-12), name), sign * values[1:])
        assert np.array_equal(to_format(sign * middles * (1 - 1e-12), name), sign * values[:-1])


@pytest.mark.parametrize("name", ["FP32", "BF16", "FP16"])
def test_formats_and_precisions_agree_in_float64_and_in_float32(name):
    x = numbers()
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float32)
    assert np.array_equal(to_format(x, name), stored(x, name))
    assert to_format(narrow, name).dtype == np.float32
    assert np.array_equal(to_format(narrow, name).astype(float), stored(narrow.astype(float), name))


def test_tf32_has_the_range_of_fp32_and_the_fraction_of_fp16():
    assert to_format(np.array([1 + 2.0**-10, 1 + 2.0**-11, 1e38, 2.0**-126]), "TF32").tolist()[:2] == [1 + 2**-10, 1.0]
    assert np.isfinite(to_format(3.4e38, "TF32"))
    assert to_format(2.0**-136, "TF32") == 2.0**-136
    assert to_format(2.0**-137, "TF32") == 0


def test_beyond_the_end_stand_infinity_nan_or_the_largest_number():
    for name, beyond in (("FP16", np.inf), ("E5M2", np.inf), ("E4M3", np.nan), ("E2M1", 6.0)):
        x = np.array([1e6, -1e6, np.inf])
        assert np.array_equal(to_format(x, name), np.array([beyond, -beyond, beyond]), equal_nan=True)
        largest = FORMATS[name].largest
        assert to_format(x, name, saturate=True).tolist() == [largest, -largest, largest]
        assert np.isnan(to_format(np.nan, name))


def test_zero_keeps_its_sign_and_no_step_is_zero():
    for kind in (float, np.float32):
        y = to_format(np.array([0.0, -0.0, 1e-44], kind), "FP16")
        assert np.array_equal(np.signbit(y), [False, True, False])
        assert (step_at(np.zeros(2, kind), 8) > 0).all()
        assert np.array_equal(rounded(np.zeros(2, kind), 8), [0, 0])


def by_loops(x, kind):
    """A row in blocks, number by number, the nearest of the format's found by trying all."""
    values, n = {"MXFP8": (numbers_of("E4M3"), 32), "MXFP4": (numbers_of("E2M1"), 32),
                 "NVFP4": (numbers_of("E2M1"), 16)}[kind]  # fmt: skip
    scales, y = numbers_of("E4M3"), []
    whole = max(abs(each) for each in x) / (6 * 448)
    for i in range(0, len(x), n):
        top = max(abs(each) for each in x[i : i + n])
        if kind == "NVFP4":
            scale = whole * nearest(top / 6 / whole, scales)
        else:
            scale = 2.0 ** (np.floor(np.log2(top)) - np.floor(np.log2(values[-1])))
        y += [np.copysign(scale * nearest(abs(each) / scale, values), each) for each in x[i : i + n]]
    return np.array(y)


def nearest(x, values):
    return min(values, key=lambda each: abs(each - x))


@pytest.mark.parametrize("kind", ["MXFP8", "MXFP4", "NVFP4"])
def test_numbers_in_blocks_are_those_of_a_loop_over_blocks(kind):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 70)) * 2.0 ** rng.integers(-6, 6, (3, 70))
    if kind == "NVFP4":  # one scale for the whole array: row by row in the loop
        for row in x:
            assert np.allclose(in_blocks(row, kind), by_loops(row, kind), rtol=1e-12)
    else:
        assert np.allclose(in_blocks(x, kind), [by_loops(row, kind) for row in x], rtol=1e-12)


@pytest.mark.parametrize("kind", ["MXFP8", "MXFP4", "NVFP4"])
def test_blocks_of_zeros_stay_zero_and_scaling_by_a_power_of_two_changes_nothing_else(kind):
    x = np.random.default_rng(2).normal(size=(2, 64)).astype(np.float32)
    x[0, :32] = 0
    y = in_blocks(x, kind)
    assert y.dtype == np.float32
    assert (y[0, :32] == 0).all()
    assert np.array_equal(in_blocks(8 * x, kind), 8 * y)
    assert (in_blocks(0 * x, kind) == 0).all()


def test_one_scale_takes_the_largest_number_to_the_formats_largest():
    x = np.random.default_rng(3).normal(size=50)
    for name in ("E4M3", "E2M1", "E5M2"):
        y = scaled_to(x, name)
        at = np.abs(x).argmax()
        assert np.isclose(y[at], x[at], rtol=1e-12)
        values = numbers_of(name) * np.abs(x).max() / FORMATS[name].largest
        assert np.allclose(np.abs(y), [nearest(abs(each), values) for each in x], rtol=1e-12)
        assert (scaled_to(0 * x, name) == 0).all()


# ---- tables of levels


def test_the_nearest_level_is_the_nearest():
    rng = np.random.default_rng(0)
    levels, x = np.sort(rng.normal(size=9)), rng.normal(size=200)
    slow = [min(range(9), key=lambda i, v=v: abs(v - levels[i])) for v in x.tolist()]
    assert nearest_level(x, levels).tolist() == slow


def test_half_way_between_two_levels_it_is_the_lower():
    assert nearest_level(np.array([0.5, 1.5]), np.array([0.0, 1.0, 2.0])).tolist() == [0, 1]


def test_nf4_has_seven_levels_below_zero_and_eight_above():
    assert np.all(np.diff(NF4) > 0)
    assert [np.sum(NF4 < 0), np.sum(NF4 == 0), np.sum(NF4 > 0)] == [7, 1, 8]
    assert (NF4[0], NF4[-1]) == (-1, 1)
