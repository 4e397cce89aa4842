"""Coding exercises: a prompt, a start, a hint, a solution, and a check that any correct answer passes."""

import inspect
import re
import textwrap

import numpy as np

from topics.kit.page.rebind import CodeError, define, filename, line_in
from topics.kit.page.topic import names


class ExerciseError(TypeError):
    """An exercise whose parts contradict each other."""


def exercise(start, solution, hint):
    """Make a check function an exercise; its docstring is the prompt.

    start     source of the function that the reader completes, as text
    solution  a function that passes; its source is shown behind a button, under the name that start uses
    hint      one or two sentences
    The decorated function takes (answer, rng): the reader's function and a seeded generator. It asserts, with
    messages that help, on fresh inputs against an oracle of its own.
    """

    def attach(check):
        name = f"{check.__module__}.{check.__name__}"
        if list(inspect.signature(check).parameters) != ["answer", "rng"]:
            raise ExerciseError(f"{name}: a check takes (answer, rng), not {inspect.signature(check)}")
        if not inspect.getdoc(check):
            raise ExerciseError(f"{name}: has no docstring: it is the prompt that the reader sees")
        if not inspect.isfunction(solution):
            raise ExerciseError(f"{name}: solution is a function that passes its check, not {solution!r:.80}")
        check.start = textwrap.dedent(start).strip() + "\n"
        check.function = function_name(check.start, name)
        check.solution = solution
        check.hint = hint
        return check

    return attach


def function_name(code, where):
    names = re.findall(r"^def (\w+)\(", code, re.M)
    if len(names) != 1:
        raise ExerciseError(f"{where}: start must define one function, it defines {names or 'none'}")
    return names[0]


def is_exercise(thing):
    return callable(thing) and hasattr(thing, "solution")


def solution_source(check):
    """The source of the solution, under the name that the reader's function has."""
    source = textwrap.dedent(inspect.getsource(check.solution))
    return re.sub(rf"\bdef {check.solution.__name__}\(", f"def {check.function}(", source, count=1)


def judge(check, code, seed):
    """Run a reader's code against an exercise's check.

    A browser's numpy has whole numbers of 32 bits, so np.prod of a check's counts may overflow there where it does not
    on the reader's machine. An answer that fails is tried again with counts that numpy keeps in 64 bits.

    returns  {"passed": bool, "message": what to mend or "", "line": line of the reader's code or 0}
    """
    verdict = _judge(check, code, seed, lambda inputs: inputs)
    if NARROW and not verdict["passed"] and _judge(check, code, seed, widened)["passed"]:
        return PASSED
    return verdict


PASSED = {"passed": True, "message": "", "line": 0}
NARROW = np.intp(0).itemsize < 8  # numpy's own whole numbers here have 32 bits


def _judge(check, code, seed, handed):
    target = f"{check.__module__}.{check.function}"
    try:
        answer, _ = define(target, code, names_seen(check))
        check(returning(answer, handed), np.random.default_rng(seed))
    except CodeError as error:
        return {"passed": False, "message": str(error), "line": error.line}
    except AssertionError as error:
        return {"passed": False, "message": str(error) or "The check failed.", "line": line_in(error, filename(target))}
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return {"passed": False, "message": message, "line": line_in(error, filename(target))}
    return PASSED


def widened(thing):
    """The same input, its whole numbers in 64 bits: what numpy makes of them then has 64 as well.

    >>> np.prod([2**20, widened(2**20)]).dtype.name
    'int64'
    """
    if isinstance(thing, tuple | list):
        return type(thing)(map(widened, thing))
    if isinstance(thing, np.ndarray):
        return thing.astype(np.int64, copy=False) if thing.dtype.kind == "i" else thing
    return np.int64(thing) if type(thing) is int else thing


def names_seen(check):
    """The globals of a reader's answer: all that stands in the topic's files, as on its page."""
    home = check.__module__.split(".")
    return {**(names(home[1]) if home[0] == "topics" else {}), **check.__globals__}


def returning(function, handed):
    """The function, refused where it returns nothing: the commonest mistake, said once for all checks. `handed` makes
    its tuple of inputs from the check's."""

    def answer(*inputs):
        result = function(*handed(inputs))
        assert result is not None, f"{function.__name__} returned nothing"
        return result

    return answer


# ---- what a check says


def same(got, expected, what="the output", rtol=1e-9, atol=1e-12, **given):
    """Refuse what an answer gave unless it is what was expected, up to rounding.

    given   the inputs, by name: the message shows them
    raises  AssertionError: the shape first, then what is not a number, then both values
    """
    right, case = np.asarray(expected), shown(given)
    try:
        mine = np.asarray(got)
    except ValueError:  # rows of several lengths
        raise AssertionError(f"{what} is no array of one shape{case}") from None
    assert mine.dtype.kind in "biuf", f"{what} should hold numbers, not {type(got).__name__}{case}"
    assert mine.shape == right.shape, f"{what} has the shape {mine.shape}, expected {right.shape}{case}"
    both = f"expected {brief(right)}, got {brief(mine)}"
    assert np.isfinite(mine).all() or not np.isfinite(right).all(), f"{what} is not finite: {both}{case}"
    close = np.isclose(mine, right, rtol, atol, equal_nan=True)
    assert close.all(), f"{what}: {both}{first_apart(close, mine, right)}{case}"


def shown(given):
    """The inputs of a check as the end of a message.

    >>> shown({"T": 3, "K": np.eye(2)})
    '; for T = 3, K = [[1, 0], [0, 1]]'
    """
    return "; for " + ", ".join(f"{name} = {brief(value)}" for name, value in given.items()) if given else ""


def brief(value):
    """A value in few characters: five digits, and of a large array its shape and its first numbers."""
    a = np.asarray(value)
    if a.dtype.kind not in "biuf":
        return repr(value)
    if a.size > 12:
        return f"{a.shape} array [{', '.join(digits(x) for x in a.ravel()[:4])}, …]"
    return digits(a) if a.ndim == 0 else f"[{', '.join(map(brief, a))}]"


def digits(x):
    return str(x) if x.dtype.kind in "biu" else f"{x:.5g}"


def first_apart(close, mine, right):
    """Where two arrays too large to be read first differ, and by how much if their digits don't tell."""
    at = tuple(int(i) for i in np.argwhere(~close)[0])
    alike = digits(mine[at]) == digits(right[at])
    by = f", which differ by {abs(float(mine[at]) - float(right[at])):.0e}" if alike else ""
    if close.size <= 12:
        return by
    return f"; at {list(at)} {digits(right[at])} was expected, {digits(mine[at])} came{by}"
