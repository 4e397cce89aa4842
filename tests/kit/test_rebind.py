"""The reader's code in the place of ours, everywhere, and back."""

import importlib
import sys

import numpy as np
import pytest

from topics import kit
from topics.kit import numerics
from topics.kit.page.demo import defaults
from topics.kit.page.exercise import ExerciseError, exercise, judge, same, solution_source, widened
from topics.kit.page.rebind import CodeError, rebind, restore
from topics.kv_cache import demos, house_model, method

UNIFORM = "def softmax(x, axis=-1):\n    return np.ones_like(x) / x.shape[axis]\n"


@pytest.fixture(autouse=True)
def _put_back():
    yield
    restore()


def test_an_edited_kit_function_reaches_every_module_that_imported_it():
    rebind("topics.kit.numerics.softmax", UNIFORM)
    for module in (numerics, kit, method):
        np.testing.assert_allclose(module.softmax(np.array([0.0, 9.0])), [0.5, 0.5])


def test_a_demo_uses_the_edited_function_through_another_module():
    before = demos.decode_by_hand(**defaults(demos.decode_by_hand))
    rebind("topics.kit.numerics.softmax", UNIFORM)
    after = demos.decode_by_hand(**defaults(demos.decode_by_hand))
    weights = after[0]["frames"][3]["views"][2]["values"]
    np.testing.assert_allclose(weights, np.full((1, 4), 0.25))
    assert not np.allclose(before[0]["frames"][3]["views"][2]["values"], weights)


def test_what_was_kept_from_the_old_code_is_forgotten_and_again_when_it_comes_back():
    gqa = importlib.import_module("topics.gqa.house_model")
    ours = gqa.losses_of_groupings(4, False, 0)
    first = "def convert_mha_to_gqa(W_q, W_k, W_v, W_o, groups):\n    one = groups[:, 0]\n"
    rebind("topics.gqa.method.convert_mha_to_gqa", first + "    return W_q, W_k[one], W_v[one], W_o\n")
    assert not np.allclose(gqa.losses_of_groupings(4, False, 0), ours)
    restore()
    np.testing.assert_allclose(gqa.losses_of_groupings(4, False, 0), ours)


def test_restore_brings_back_the_very_same_object():
    original = numerics.softmax
    rebind("topics.kit.numerics.softmax", UNIFORM)
    rebind("topics.kit.numerics.softmax", UNIFORM.replace("1e0", "1"))  # edited twice
    restore("topics.kit.numerics.softmax")
    assert numerics.softmax is kit.softmax is method.softmax is original


def test_a_module_imported_after_the_edit_is_restored_too():
    original = numerics.softmax
    rebind("topics.kit.numerics.softmax", UNIFORM)
    late = type(sys)("topics.late")
    exec("from topics.kit import softmax", vars(late))
    sys.modules["topics.late"] = late
    try:
        restore()
        assert late.softmax is original
    finally:
        del sys.modules["topics.late"]


def test_an_edited_demo_keeps_its_controls():
    rebind("topics.kv_cache.house_model.race", "def race(T, kind, seed):\n    yield None\n")
    assert house_model.race.kind == "live"
    assert list(house_model.race.controls) == ["T", "kind", "seed"]
    assert house_model.race.data == ("target",)


def test_helpers_that_the_code_defines_are_found_when_it_runs():
    rebind(
        "topics.kit.numerics.softmax", "def half():\n    return 0.5\n\ndef softmax(x, axis=-1):\n    return half()\n"
    )
    assert method.softmax(1) == 0.5


HELPED = "def helper(x):\n    return {}\n\ndef softmax(x, axis=-1):\n    return helper(x)\n"


def test_helpers_are_those_of_the_last_edit_and_leave_with_it():
    for value in (0.5, 0.25):
        rebind("topics.kit.numerics.softmax", HELPED.format(value))
        assert method.softmax(1) == value
    assert not hasattr(numerics, "helper")


def test_a_helper_with_the_name_of_one_of_ours_is_the_readers():
    rebind("topics.kit.numerics.softmax", HELPED.format("-x").replace("helper", "max_abs_difference"))
    assert method.softmax(3) == -3
    assert numerics.max_abs_difference(np.ones(2), np.zeros(2)) == 1


def test_a_function_may_call_itself_and_see_what_is_edited_later():
    rebind("topics.kit.numerics.softmax", "def softmax(x, axis=-1):\n    return softmax(x - 1) if x > 0 else x\n")
    assert method.softmax(5) == 0
    halved = "def double(x):\n    return 2 * double(x / 2) if abs(x) > 0.01 else 2 * x\n"
    assert judge(doubling, halved, 0)["passed"]


def test_code_is_a_module_of_its_own():
    imports = "from __future__ import annotations\nfrom math import *\n"
    rebind(
        "topics.kit.numerics.softmax",
        imports
        + "count = 0\n\ndef softmax(x, axis=-1):\n    global count\n    count += 1\n    return count + floor(x)\n",
    )
    assert (method.softmax(1.5), method.softmax(1.5)) == (2, 3)
    rebind("topics.kit.numerics.softmax", "global softmax\ndef softmax(x, axis=-1): return 7\n")
    assert method.softmax(1) == 7
    restore()
    assert not hasattr(numerics, "count") and method.softmax(np.zeros(1)) == 1


def test_two_edits_of_one_file_see_each_other():
    rebind("topics.kit.numerics.max_abs_difference", "def max_abs_difference(a, b):\n    return softmax(a)\n")
    rebind("topics.kit.numerics.softmax", "def softmax(x, axis=-1): return 7\n")
    assert numerics.max_abs_difference(1, 2) == 7
    restore("topics.kit.numerics.softmax")
    assert numerics.max_abs_difference(np.zeros(1), 2) == 1


def test_input_has_nobody_to_ask():
    with pytest.raises(CodeError, match="input\\(\\) has nobody to ask"):
        rebind("topics.kit.numerics.softmax", "x = input('x? ')\ndef softmax(x): return x\n")


@pytest.mark.parametrize(
    ("code", "says", "line"),
    [
        ("def softmax(x:\n    pass", "SyntaxError", 1),
        ("x = 1\ny = x / 0\ndef softmax(x): return x", "ZeroDivisionError", 2),
        ("def softmx(x):\n    return x", "must define a function named softmax", 0),
        ("", "must define a function named softmax", 0),
        ("x = 1\nreturn x", "'return' outside function", 2),
        ("def softmax(x): return x\nyield 1", "'yield' outside function", 2),
        ("softmax = 3", "must define a function named softmax", 0),
    ],
)
def test_code_that_cannot_be_used_says_why_and_where_and_changes_nothing(code, says, line):
    original = numerics.softmax
    with pytest.raises(CodeError, match=says) as caught:
        rebind("topics.kit.numerics.softmax", code)
    assert caught.value.line == line
    assert numerics.softmax is original


def double_solution(x):
    return 2 * x


@exercise("def double(x):\n    return x\n", double_solution, hint="Add x to itself.")
def doubling(answer, rng):
    """Write `double(x)`."""
    x = rng.normal()
    assert answer(x) == x + x, f"double({x:.2f}) gave {answer(x):.2f}"


def test_the_solution_passes_and_the_start_fails_with_help():
    assert judge(doubling, solution_source(doubling), 0)["passed"]
    verdict = judge(doubling, doubling.start, 0)
    assert not verdict["passed"]
    assert verdict["message"].startswith("double(0.13) gave 0.13")


def test_a_wrong_answer_that_raises_names_its_line():
    verdict = judge(doubling, "def double(x):\n    y = 1\n    return y.nope\n", 0)
    assert (verdict["line"], verdict["message"]) == (3, "AttributeError: 'int' object has no attribute 'nope'")


def test_a_wrong_answer_that_returns_nothing_is_told_so():
    assert judge(doubling, "def double(x):\n    x * 2\n", 0)["message"] == "double returned nothing"


@exercise("def count(a, b):\n    return a\n", lambda a, b: a * b, hint="Multiply.")
def counting(answer, rng):
    """Write `count(a, b)`."""
    same(answer(3, 2**30), 3 * 2**30, a=3, b=2**30)


def test_a_right_answer_passes_where_numpys_whole_numbers_are_narrow(monkeypatch):
    """32 bits in a browser: np.prod overflows there. The stand-in refuses what numpy would compute in 32 bits."""
    narrow = "def count(a, b):\n    assert isinstance(b, np.int64), 'overflow'\n    return np.prod([a, b])\n"
    assert judge(counting, narrow, 0)["message"] == "overflow"
    monkeypatch.setattr("topics.kit.page.exercise.NARROW", True)
    assert judge(counting, narrow, 0)["passed"]
    verdict = judge(counting, "def count(a, b):\n    return np.array(a + b)\n", 0)
    assert verdict["message"] == "the output: expected 3221225472, got 1073741827; for a = 3, b = 1073741824"


def test_widening_reaches_into_lists_and_leaves_what_is_no_whole_number():
    tuple_, flag, half, array = widened(((1, [2]), True, 0.5, np.arange(2, dtype=np.int32)))
    assert [type(tuple_[0]), type(tuple_[1][0]), type(flag), type(half)] == [np.int64, np.int64, bool, float]
    assert array.dtype == np.int64


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        ([1, 2], [1, 2, 3], r"the shape \(2,\), expected \(3,\); for T = 3"),
        ([1.0, np.nan], [1.0, 2.0], r"not finite: expected \[1, 2\], got \[1, nan\]; for T = 3"),
        ([1.0, 2.5], [1.0, 2.0], r"the output: expected \[1, 2\], got \[1, 2.5\]; for T = 3"),
        ([1.0, 2.0 + 3e-8], [1.0, 2.0], r"got \[1, 2\], which differ by 3e-08; for T = 3"),
        ([[1, 2], [3]], [[1, 2], [3, 4]], "no array of one shape; for T = 3"),
        ("1", 1, "should hold numbers, not str; for T = 3"),
        (np.arange(99), np.arange(99) + np.eye(99)[7], r"at \[7\] 8 was expected, 7 came; for T = 3"),
    ],
)
def test_a_check_tells_the_shape_first_then_values_and_always_the_inputs(got, expected, says):
    same(expected, expected, T=3)
    with pytest.raises(AssertionError, match=says):
        same(got, expected, T=3)


def test_an_object_equal_to_everything_is_not_the_same():
    class Yes:
        def __eq__(self, other):
            return True

    with pytest.raises(AssertionError, match="should hold numbers, not Yes"):
        same(Yes(), 3)


def test_the_solution_is_shown_under_the_readers_name():
    assert solution_source(doubling) == "def double(x):\n    return 2 * x\n"


def test_a_check_with_other_arguments_is_refused():
    with pytest.raises(ExerciseError, match=r"takes \(answer, rng\)"):
        exercise("def f(): pass", double_solution, "")(lambda x: None)
