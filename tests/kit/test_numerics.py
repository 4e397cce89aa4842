"""Rounding to a precision: against numpy's own types, and against every number of BF16."""

import numpy as np
import pytest

from topics.kit.numerics import rounded, stored

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
