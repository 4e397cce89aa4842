"""Evaluates [[value expression : format]] in a topic's namespace. Knows nothing of pages."""

import ast
import builtins
import math
import warnings

from builder.faults import did_you_mean, shown
from builder.watch import brief

LONGEST = 200  # characters of a number


class NumberError(ValueError):
    """Why there is no number to show, in words."""


def value_text(argument, namespace):
    """The number that an author's expression gives, as text with a true minus sign.

    >>> value_text("2**17", {})
    '131,072'
    >>> value_text("x[1 : 2][0] / 3 : .2f", {"x": (1, -2)})
    '−0.67'
    """
    expression, form = split_format(argument)
    value = _number(evaluate(expression, namespace), expression)
    if form is None and isinstance(value, float):
        raise NumberError(f"the result is {value!r}; say how to write it: [[value {expression} : .1f]]")
    try:
        text = format(value, form if form is not None else "" if isinstance(value, str) else ",")
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        fit = "" if form is None else f"; the format {form!r} does not fit {shown(value)}"
        raise NumberError(f"{error}{fit}") from None
    if not text.isprintable():
        raise NumberError("holds signs that can't be shown")
    if len(text) > LONGEST:
        raise NumberError(f"has {len(text):,} characters: at most {LONGEST} fit into a sentence")
    return text if isinstance(value, str) else text.replace("-", "−")


def split_format(argument):
    """(expression, format): the format follows the last " : " whose left side parses, and may be None."""
    at = argument.rfind(" : ")
    while at >= 0:
        if _parses(argument[:at]):
            return argument[:at], argument[at + 3 :].strip()
        at = argument.rfind(" : ", 0, at)
    return argument, None


def names_in(argument):
    """The names that an author's expression holds.

    >>> sorted(names_in("f(x.T) + 1 : .2f"))
    ['f', 'x']
    """
    expression, _ = split_format(argument)
    parsed = _parses(expression)
    return {node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)} if parsed else set()


def _parses(expression):
    try:
        return ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def evaluate(expression, namespace):
    """Any failure of the author's expression becomes a NumberError with its cause."""
    try:
        with warnings.catch_warnings(action="ignore"):  # a division by zero shows as inf, and that is refused
            return eval(compile(expression.strip(), "<value>", "eval"), dict(namespace))
    except SyntaxError as error:
        raise NumberError(f"{error.msg}; a format follows ' : '") from None
    except NameError as error:
        names = [name for name in [*namespace, *dir(builtins)] if not name.startswith("_")]
        near = did_you_mean(error.name, names)
        raise NumberError(f"{error}.{near if near.startswith(' Did') else ''}") from None
    except BaseException as error:  # an exit, too
        raise NumberError(brief(error)) from None


def _number(value, expression):
    """A Python int, float or str; numpy scalars and arrays of one number count."""
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        shape = getattr(value, "shape", None)
        what = f"an array of shape {shape}" if shape is not None else type(value).__name__
        raise NumberError(f"gives {what}, not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise NumberError(f"gives {value}")
    return value
