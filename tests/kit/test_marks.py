"""What a reader's code can change that outlives it is told before it runs, or found after."""

import importlib
import pkgutil

import numpy as np
import pytest

from tests import answers
from topics.kit import MODELS, numerics
from topics.kit.model import lm
from topics.kit.page import bridge, marks
from topics.kit.page.rebind import restore

NAMES = {"np": np, "lm": lm, "softmax": numerics.softmax, "MODELS": MODELS}

REACHING = r"""np.exp = lambda z, **k: np.ones_like(z)
lm.softmax = None
del np.exp
np.exp: int = 3
for np.exp in [len]: pass
with open("x") as np.exp: pass
m = np; m.exp = len
m = [np]
f(np)
import builtins
import builtins as b; b.sum = len
import sys
import js
import asyncio
import numpy.lib
import os.path
from os import remove
from numpy import seterr
from numpy import lib; lib.os
from numpy import *
from . import method
from topics.kit import numerics
np.seterr(all="raise")
np.set_printoptions(precision=1)
np.save("x", 1)
np.lib.os
np.linalg
np.typecodes["All"] = ""
from numpy import typecodes
def f():\n    import math as np\nnp.lib.os
lm.np.exp = len
lm.json.codecs.open
setattr(np, "exp", len)
getattr(np, "__dict__")["exp"] = len
vars(np)["exp"] = len
np.__dict__["exp"] = len
softmax.__code__ = None
softmax.kind = 1
softmax.__globals__.clear()
globals()
__builtins__["sum"] = len
__import__("os")
eval("1")
exec("1")
open("/lib/x", "w")
lm.data_file("target").unlink()
(i for i in ()).gi_frame.f_globals
try: np.zzz\nexcept AttributeError as e: e.obj.exp = len
async def f(): pass
def f():\n    def __del__(self): pass
class A:\n    __del__ = len
object.__setattr__(MODELS["x"], "L", 1)
np.zeros(2).tofile("x")
np.zeros(2).ctypes
x.setflags(write=False)
type(np)"""

HARMLESS = [
    "x[0] = 1; x += 1; x.append(2); x.sort()",
    "import numpy as np\nimport math\nfrom math import *\nfrom functools import reduce, partial",
    "from __future__ import annotations\nfrom collections import Counter, defaultdict\nimport itertools as it",
    "def f(x, np=None): return x.copy()",
    "global count\ncount = 1\ndef f():\n    global count\n    count += 1",
    "np.linalg.norm(np.random.default_rng(0).normal(size=3)) + np.fft.fft(np.pi).real",
    "def f(x):\n    yield from (softmax(row) for row in x)",
    "lm.load('target').weights['embedding'] @ np.ones(3)",
    "class Pair:\n    def __init__(self, a): pass\n    def __call__(self): return 1",
    "m._replace(a=1)",
    "if __name__ == '__main__': print('x', end='')",
    "this is no Python",
]


@pytest.mark.parametrize("code", [line.replace("\\n", "\n") for line in REACHING.splitlines()])
def test_code_that_could_change_what_outlives_it_is_known_before_it_runs(code):
    assert marks.reach(code, NAMES) > 0
    assert marks.reach(f"y = 1\ndef f(x):\n    return x\n\n{code}", NAMES) >= 5


@pytest.mark.parametrize("code", HARMLESS)
def test_code_that_only_computes_is_told_from_it(code):
    assert marks.reach(code, NAMES) == 0


def test_no_answer_of_an_exercise_reaches_out():
    for module in pkgutil.iter_modules(answers.__path__):
        held = importlib.import_module(f"tests.answers.{module.name}")
        for exercise, codes in [*held.RIGHT.items(), *((name, wrong.values()) for name, wrong in held.WRONG.items())]:
            for code in codes:
                assert bridge.reach(f"{module.name}.{exercise}", code) == 0, code


def spoiling(table):
    return f"def softmax(x, axis=-1):\n    {table}\n    return x\n"


@pytest.mark.parametrize(
    "line", ["HALF[0] = 2", "TABLE['a']['b'].append(1)", "TABLE.clear()", "TABLE.update(c=1)", "ARRAY[...] = 0"]
)
def test_a_table_of_ours_that_an_edit_changed_is_found_when_it_leaves(line, monkeypatch):
    monkeypatch.setattr(numerics, "HALF", [0.5], raising=False)
    monkeypatch.setattr(numerics, "TABLE", {"a": {"b": [len]}}, raising=False)
    monkeypatch.setattr(numerics, "ARRAY", np.ones((2, 2)), raising=False)
    code = spoiling(line)
    assert bridge.reach("topics.kit.numerics.softmax", code) == 0
    try:
        bridge.edit("topics.kit.numerics.softmax", code)
        numerics.softmax(np.ones(2))
    finally:
        left = bridge.unedit("")
    assert left == '{"marked": true}'
    bridge.edit("topics.kit.numerics.softmax", spoiling("x = x + 1"))
    numerics.softmax(np.ones(2))
    assert bridge.unedit("") == '{"marked": false}'


def test_another_of_our_functions_under_the_readers_name_stays_itself():
    shown, before = numerics.max_abs_difference, dict(vars(numerics.max_abs_difference))
    bridge.edit("topics.kit.numerics.softmax", "softmax = max_abs_difference")
    assert numerics.softmax is not shown
    restore()
    assert numerics.max_abs_difference is shown and vars(shown) == before and numerics.softmax is not shown
    bridge.edit("topics.kit.numerics.softmax", "softmax = np.exp")
    assert numerics.softmax(0.0) == 1
    restore()
