"""Shapes that can't lie: comments and docstrings of methods and of the kit against the arrays that really pass."""

import doctest
import importlib
import importlib.util
import inspect
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.shapes import CALLS, PATIENCE, tracing
from tests.topics.test_content import run
from topics.kit.page import topic
from topics.kit.page.demo import defaults, is_demo
from topics.kit.page.exercise import is_exercise

TESTS = Path(__file__).resolve().parents[1]
TOPICS = TESTS.parent / "topics"


def kit():
    return [path for path in sorted(TOPICS.glob("kit/model/*.py")) if path.stem != "__init__"]


def methods():
    """The files of topics whose shapes are held: here, in `kit` and in `beside` it is said where they are."""
    return sorted(TOPICS.glob("*/method.py"))


def beside(path):
    """What runs a file: its name among the tests, and the modules with its doctests, demos and exercises."""
    if path.stem == "method":
        return path.parent.name, topic.modules(path.parent.name)
    return path.stem, [importlib.import_module(f"topics.kit.model.{path.stem}")]


def named(path):
    return path.parent.name if path.stem == "method" else path.stem


def with_new_caches(modules, monkeypatch):
    """What is in a cache since earlier tests would not be run."""
    new, homes = {}, {module.__name__ for module in modules}
    for module in modules:
        for name, thing in list(vars(module).items()):
            if hasattr(thing, "cache_clear") and thing.__module__ in homes:
                monkeypatch.setattr(module, name, new.setdefault(thing, cache(thing.__wrapped__)))


def exercise(module):
    """Run a module's doctests, its demos at their defaults, and its solutions."""
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
    own = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
    for demo in filter(is_demo, own):
        run(demo, defaults(demo))
    for check in filter(is_exercise, own):
        check(check.solution, np.random.default_rng(0))


class UntilAllIsShown:
    """Runs tests until no claim is left unchecked, those first that name a function with such a claim."""

    def __init__(self, left):
        self.left = left

    def pytest_collection_modifyitems(self, items):
        names = re.compile("|".join(rf"\b{name}\b" for name in self.left().values()))
        items.sort(key=lambda item: not names.search(inspect.getsource(item.function)))

    def pytest_runtest_logfinish(self):
        if not self.left():
            pytest.exit("there is no more to show", 0)


@pytest.mark.parametrize("path", [*methods(), *kit()], ids=named)
def test_every_shape_that_is_claimed_is_what_passes(path, monkeypatch):
    """Claims that no doctest, demo or solution reaches are shown by the file's own tests, as many as it takes."""
    name, modules = beside(path)
    with_new_caches(modules, monkeypatch)
    with tracing({path, *kit()}) as tracer:
        for module in modules:
            exercise(module)
        plugin = UntilAllIsShown(lambda: {} if tracer.problems else tracer.unchecked(path))
        if plugin.left():
            own = str(TESTS / ("topics" if path.stem == "method" else "kit") / f"test_{name}.py")
            pytest.main([own, "-q", "-p", "no:cacheprovider", "-p", "no:randomly"], [plugin])  # the order is ours
    told = "\n".join(map(str, tracer.problems or tracer.unchecked(path)))
    assert not told, told


# ---- the tracer


GOOD = '''
import numpy as np
SIDE = 2


def head(x, W, D, store=None, causal=False):
    """One head of x (T, d): to (T, D).

    W       (d, D)   all of them;   store  K (t, D) and V (t, D), or None
    causal  words (of a sort, in brackets)
    """
    y = x @ W  # (T, D)
    K, V = store or (np.zeros((0, D)), np.zeros((0, D)))
    K, V = np.vstack([K, y]), np.vstack([V, y])  # (t+T, D)
    w, _ = (
        y @ K.T,
        None,
    )  # w (T, t+T): a score for each pair
    for n in range(3):
        grown = np.zeros((n, D // 2))  # (n, D/2), longer each time
    T, pair = len(x), [y, y]  # pair (T, D) each
    made = []
    made.append(w[:SIDE])  # (≤SIDE, T + t)
    with np.errstate():
        return w @ V  # (T, D)


def outer(x):
    """The squares (n, n) and lengths (n,) of x (n, ...)."""
    return [row for row in np.outer(x, x).tolist()], [0] * len(x)
'''


def trace(tmp_path, source, run):
    """The tracer of a made-up module after run(module)."""
    path = tmp_path / "made_up.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("made_up", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with tracing([path]) as tracer:
        run(module)
    return tracer


def run_good(module, T=3):
    module.head(np.ones((T, 5)), np.ones((5, 4)), 4)
    module.head(np.ones((T, 5)), np.ones((5, 4)), 4, (np.ones((7, 4)), np.ones((7, 4))))
    module.outer(np.ones(T))


def test_right_shapes_pass_and_every_one_is_checked(tmp_path):
    tracer = trace(tmp_path, GOOD, run_good)
    assert tracer.problems == []
    assert list(tracer.unchecked(tmp_path / "made_up.py")) == []


BY_TWO = "(3, 4): T = 3 by an earlier shape, and a local variable T = 9"
STRAY = "a shape behind an assignment, an append or a return of a function"
NO_SHAPE = "a shape such as (T, D) or (T,)"
WRONG = {
    "a letter in an assignment": ("@ W  # (T, D)", "@ W  # (T, d)", "(T, d)", "(3, 4): d is not 4 where d = 5"),
    "a rank": ("@ W  # (T, D)", "@ W  # (H, T, D)", "(H, T, D)", "(3, 4)"),
    "two open letters": ("@ W  # (T, D)", "@ W  # (T, E/F)", "(T, E/F)", "(3, 4): E/F = 4 can't bind E and F"),
    "no whole solution": ("@ W  # (T, D)", "@ W  # (T, 3·E)", "(T, 3·E)", "(3, 4): 3·E = 4 can't bind E"),
    "no linear one": ("@ W  # (T, D)", "@ W  # (T, E·E)", "(T, E·E)", "(3, 4): E·E = 4 can't bind E"),
    "axes in another order": ("# (t+T, D)", "# (D, t+T)", "(D, t+T)", "(3, 4): D is not 3 where D = 4"),
    "a letter bound twice": ("# (t+T, D)", "# (t, D)", "(t, D)", "(10, 4): t is not 10 where t = 7"),
    "more shapes than values": ("# (t+T, D)", "# (T, D), (D,) twice", "(T, D) and (D,)", "2 values for 3 shapes"),
    "a named target": ("# w (T, t+T)", "# w (T, T+1)", "(T, T+1)", "(3, 3): T+1 is not 3 where T = 3"),
    "a letter that grows": ("# (n, D/2)", "# (n+1, D/2)", "(n+1, D/2)", "(0, 2): n+1 is not 0 where n = 0"),
    "a fraction": ("# (n, D/2)", "# (n, D/3)", "(n, D/3)", "(0, 2): D/3 is not 2 where D = 4"),
    "members": ("# pair (T, D) each", "# pair (D, T) each", "(D, T)", "(3, 4): D is not 3 where D = 4"),
    "a local variable": ("T, pair = len(x)", "T, pair = 9", "(T, D)", BY_TWO),
    "an append": ("# (≤SIDE, T + t)", "# (≤SIDE, T)", "(≤SIDE, T)", "(2, 10): T is not 10 where T = 3"),
    "at most": ("# (≤SIDE, T + t)", "# (≤1, T + t)", "(≤1, T + t)", "(2, 3): ≤1 is not 2"),
    "a return": ("w @ V  # (T, D)", "w @ V  # (D, T)", "(D, T)", "(3, 4): D is not 3 where D = 4"),
    "an argument": ("(d, D)   all", "(D, d)   all", "(D, d)", "(5, 4): D is not 5 where D = 4"),
    "an argument of two": ("V (t, D), or", "V (D, t), or", "(D, t)", "(7, 4): D is not 7 where D = 4"),
    "an argument in prose": ("of x (T, d)", "of x (T, d, 1)", "(T, d, 1)", "(3, 5)"),
    "a result in prose": ("to (T, D)", "to (T, d)", "(T, d)", "(3, 4): d is not 4 where d = 5"),
    "a result by place": ("lengths (n,)", "lengths (n, n)", "(n, n)", "(3,)"),
    "a missing comma": ("@ W  # (T, D)", "@ W  # (T D)", NO_SHAPE, "(T D)"),
    "an open bracket": ("# (t+T, D)", "# (t+T, D", NO_SHAPE, "(t+T, D"),
    "a named one": ("# w (T, t+T): a score", "# w (T; t+T): a score", NO_SHAPE, "w (T; t+T): a score for each pair"),
    "no tuple": ("(d, D)   all", "(d·D)   all", NO_SHAPE, "(d·D)   all of them;"),
    "no assignment": ("errstate():", "errstate():  # (T, D)", STRAY, "(T, D)"),
}  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "expected", "found"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_shape_is_told_with_its_line(tmp_path, right, wrong, expected, found):
    assert GOOD.count(right) == 1
    source = GOOD.replace(right, wrong)
    line = source[: source.index(wrong)].count("\n") + 1
    told = [problem[1:] for problem in trace(tmp_path, source, run_good).problems]
    assert (line, expected, found) in told


def test_what_no_call_has_shown_is_told(tmp_path):
    tracer = trace(tmp_path, GOOD, lambda module: module.head(np.ones((3, 5)), np.ones((5, 4)), 4))
    told = {(problem.expected, name) for problem, name in tracer.unchecked(tmp_path / "made_up.py").items()}
    assert told == {("(t, D) and (t, D)", "head"), ("(n, ...)", "outer"), ("(n, n) and (n,)", "outer")}


def test_a_function_is_watched_for_its_first_calls_and_until_all_of_it_was_reached(tmp_path):
    source = "def f(x, late=False):\n    if late:\n        y = x  # (1,)\n    z = x  # (T, D)\n"
    calls = {"first": CALLS - 1, "last": CALLS, "late": PATIENCE // 2}
    told = {}
    for name, n in calls.items():

        def run(module, n=n, late=name == "late"):
            for _ in range(n):
                module.f(np.ones((1, 1)))
            module.f(np.ones(2), late)

        told[name] = [problem.line for problem in trace(tmp_path, source, run).problems]
    assert told == {"first": [4], "last": [4], "late": [3, 4]}
