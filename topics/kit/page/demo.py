"""The `demo` decorator: attaches controls to a function and leaves the function as it was."""

import inspect
from collections import deque
from itertools import product

from topics.kit.errors import UnreadableError
from topics.kit.page.controls import CONTROLS
from topics.kit.page.views import Note

KINDS = ("instant", "model", "live")


class DemoError(TypeError):
    """A demo whose declaration contradicts its function."""


def demo(kind="instant", /, *data, **controls):
    """Attach `kind`, `data` and `controls` to a demo function; its arguments are its controls, by name.

    kind      "instant"  a pure function of its controls, within 60 MFLOP: built, gridded, compared
              "model"    runs the house model in float32: built through a cache, compared to 1e-4
              "live"     trains or measures time: only ever run by a reader, on a button
    data      the models of topics/data/ that it runs: a browser fetches them when the demo first runs
    raises    DemoError  when arguments and controls differ, or a control is not one
    """

    def attach(function):
        name = f"{function.__module__}.{function.__name__}"
        if kind not in KINDS:
            raise DemoError(f"{name}: kind {kind!r} is not one of {', '.join(KINDS)}")
        arguments = list(inspect.signature(function).parameters)
        if arguments != list(controls):
            raise DemoError(f"{name}: arguments {arguments} but controls {list(controls)}; the two lists must match")
        for argument, control in controls.items():
            if not isinstance(control, CONTROLS):
                raise DemoError(f"{name}: {argument} is {control!r}, not a control such as Slider or Choice")
            if not str(control.label).strip():
                raise DemoError(f"{name}: {argument} has no label: a reader must know what it moves")
        if kind == "model" and not data:
            raise DemoError(
                f'{name}: a demo of kind "model" names the models that it runs: @demo("model", "target", …)'
            )
        function.kind = kind
        function.data = data
        function.controls = controls
        return function

    return attach


def is_demo(thing):
    return callable(thing) and hasattr(thing, "controls")


def defaults(function):
    """The arguments with which a page opens."""
    return {name: control.value for name, control in function.controls.items()}


def corners(function):
    """Every combination of the controls' extreme and default values."""
    names = list(function.controls)
    for values in product(*(function.controls[name].corners for name in names)):
        yield dict(zip(names, values, strict=True))


def headline(function):
    """The name of the control that is sampled into the grid: the first slider, or None."""
    return next((name for name, control in function.controls.items() if control.kind == "slider"), None)


def answer(function, arguments):
    """What a demo returns; a warning where it can't use what was typed."""
    try:
        return function(**arguments)
    except UnreadableError as error:
        return Note(str(error), "warning")


def views_of(function, arguments):
    """Run a demo to its end and return its views as a list, whatever it returned them in."""
    result = answer(function, arguments)
    if inspect.isgenerator(result):
        (result,) = deque(result, maxlen=1)  # the last yield is the answer
    return as_views(result)


def as_views(result):
    """One view, or a tuple or list of views, as a list of views."""
    views = list(result) if isinstance(result, tuple | list) else [result]
    for view in views:
        if not (isinstance(view, dict) and "view" in view):
            raise DemoError(f"a demo returns views such as Figure or Metrics, not {type(view).__name__}: {view!r:.80}")
    return views
