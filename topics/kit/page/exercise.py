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

    returns  {"passed": bool, "message": what to mend or "", "line": line of the reader's code or 0}
    """
    target = f"{check.__module__}.{check.function}"
    try:
        check(returning(define(target, code, names_seen(check))), np.random.default_rng(seed))
    except CodeError as error:
        return {"passed": False, "message": str(error), "line": error.line}
    except AssertionError as error:
        return {"passed": False, "message": str(error) or "The check failed.", "line": line_in(error, filename(target))}
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return {"passed": False, "message": message, "line": line_in(error, filename(target))}
    return {"passed": True, "message": "", "line": 0}


def names_seen(check):
    """The globals of a reader's answer: all that stands in the topic's files, as on its page."""
    home = check.__module__.split(".")
    return {**(names(home[1]) if home[0] == "topics" else {}), **check.__globals__}


def returning(function):
    """The function, refused where it returns nothing: the commonest mistake, said once for all checks."""

    def answer(*inputs):
        result = function(*inputs)
        assert result is not None, f"{function.__name__} returned nothing"
        return result

    return answer
