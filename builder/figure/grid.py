"""Samples a demo's headline slider into a compact file, so that it answers before Python has started."""

import json

import numpy as np

from builder.watch import step
from topics.kit.page.demo import defaults, headline, views_of

FRAMES = 33  # enough for a smooth drag; each frame costs its differences only
DIGITS = 6  # more than any figure shows


def grid(function):
    """The precomputed frames of a demo as JSON-ready data; None when it has no slider.

    base    the views at the first stop
    frames  for each stop, what differs from base: [[path, value], ...]
    """
    control = headline(function)
    if control is None:
        return None
    stops = sampled(function.controls[control])
    args = {name: value for name, value in defaults(function).items() if name != control}
    frames = []
    for stop in stops:
        step(f"{function.__module__.replace('.', '/')}.py", function.__code__.co_firstlineno,
             f"{function.__name__} at {control} = {stop}")  # fmt: skip
        frames.append(plain(views_of(function, {**args, control: stop})))
    differences = [list(changes(frames[0], frame)) for frame in frames]
    return {"control": control, "args": args, "stops": stops, "base": frames[0], "frames": differences}


def sampled(control):
    """Up to FRAMES of a control's stops, evenly spread, with both ends and the default."""
    last = len(control.stops) - 1
    picked = {round(i * last / (FRAMES - 1)) for i in range(FRAMES)} if last >= FRAMES else set(range(last + 1))
    return [control.stops[i] for i in sorted(picked | {control.stops.index(control.value)})]


def plain(thing, digits=DIGITS):
    """Views as JSON would have them, floats rounded to `digits` significant ones (None: exact).

    >>> plain({"x": np.array([1, 2 / 3])})
    {'x': [1.0, 0.666667]}
    """
    if isinstance(thing, dict):
        return {key: plain(value, digits) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [plain(value, digits) for value in thing]
    if isinstance(thing, np.ndarray | np.generic):
        return plain(thing.tolist(), digits)
    return float(f"{thing:.{digits}g}") if isinstance(thing, float) and digits else thing


def changes(old, new, path=()):
    """What turns old into new, as (path, value) pairs; a list that changed its length is one change.

    >>> list(changes({"a": [1, 2]}, {"a": [1, 3]}))
    [(['a', 1], 3)]
    """
    alike = type(old) is type(new)
    if alike and isinstance(old, dict) and old.keys() == new.keys():
        inner = [change for key in old for change in changes(old[key], new[key], (*path, key))]
    elif alike and isinstance(old, list) and len(old) == len(new):
        inner = [change for i, pair in enumerate(zip(old, new, strict=True)) for change in changes(*pair, (*path, i))]
        if all(isinstance(x, int | float) for x in new) and 2 * len(inner) > len(new):
            inner = [(list(path), new)]  # most of its numbers moved: the list itself is shorter
    else:
        inner = [] if alike and old == new else [(list(path), new)]
    yield from inner


def grid_json(function):
    data = grid(function)
    return "" if data is None else json.dumps(data, separators=(",", ":"), allow_nan=False)
