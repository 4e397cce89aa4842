"""Writes the files of a new topic, its test and its answers, that already build and pass.

The author replaces every sentence.
"""

import ast
from pathlib import Path

from builder.faults import Fault, FaultsError
from builder.read.order import FILE, assigned, read_order, slug_cause

METHOD = '''"""{title}: say in one sentence what it is.

n samples   x their values
"""

import numpy as np


def running_mean(x):
    """The mean of the first 1, 2, …, n numbers (eq:mean).

    x        (n,)
    returns  (n,)

    >>> running_mean(np.array([1.0, 3.0])).tolist()
    [1.0, 2.0]
    """
    return np.cumsum(x) / np.arange(1, len(x) + 1)  # (n,)
'''

DEMOS = '''"""What the page on {title_lower} shows."""

import numpy as np

from topics.kit import Figure, Metrics, Seed, Slider, demo, line
from topics.{slug}.method import running_mean


@demo(n=Slider("Samples", 10, 500, value=100, step=10), seed=Seed())
def settling(n, seed):
    """A running mean of dice settles near 3.5."""
    mean = running_mean(np.random.default_rng(seed).integers(1, 7, n))
    figure = Figure(
        [line(np.arange(1, n + 1), mean, "running mean", "output")],
        x_title="samples",
        y_title="mean",
        alt=f"After {{n}} throws the mean is {{mean[-1]:.2f}}.",
    )
    return figure, Metrics(("Mean", mean[-1], ""))
'''

EXERCISES = '''"""What a reader of the page on {title_lower} is asked."""

from topics.kit import exercise, same


def _middle(sides):
    return (1 + sides) / 2


@exercise(
    start="""
        def middle(sides):
            return sides / 2
    """,
    solution=_middle,
    hint="A die begins at 1.",
)
def find_the_middle(answer, rng):
    """Write `middle(sides)`: the mean of a fair die with that many sides."""
    for sides in (6, 7, int(rng.integers(8, 100))):
        expected = sum(range(1, sides + 1)) / sides  # the oracle: slow and obvious
        same(answer(sides), expected, "the mean", sides=sides)
'''

ANSWERS = '''"""Answers to the exercises on {title_lower}: right ones, written another way, and wrong ones."""

RIGHT = {{
    "find_the_middle": [
        """
        def middle(sides):
            return np.mean(np.arange(1, sides + 1))
        """
    ]
}}

WRONG = {{
    "find_the_middle": {{
        "begins at 0": """
        def middle(sides):
            return np.mean(np.arange(sides))
        """,
        "ends one side late": """
        def middle(sides):
            return (sides + 2) / 2
        """,
        "rounds down": """
        def middle(sides):
            return (sides + 1) // 2
        """,
        "ignores the sides": """
        def middle(sides):
            return 3.5
        """,
        "the largest, not the mean": """
        def middle(sides):
            return sides
        """,
    }}
}}
'''

PAGE = """---
title: {title}
summary: Say in one sentence what a reader can do after this page.
needs: []
minutes: 15
---
[[demo settling]]

The [[ink output : line]] is a running mean. Move the slider and watch it settle.

## The idea

$$m_n = \\frac{{1}}{{n}} \\sum_{{i=1}}^{{n}} x_i$$ {{#eq:mean}}

[[code running_mean]]

The mean of 1 and 3 is [[value running_mean(np.array([1.0, 3.0]))[-1] : .1f]].

[[exercise find_the_middle]]
"""

TEST = '''"""The claims of the page on {title_lower}."""

import numpy as np
import pytest

from topics.{slug}.method import running_mean

pytestmark = pytest.mark.topic("{slug}")


def test_the_running_mean_ends_at_the_mean():
    x = np.random.default_rng(0).normal(size=50)
    expected = sum(x) / 50  # the oracle: slow and obvious
    np.testing.assert_allclose(running_mean(x)[-1], expected)
'''


def new_topic(root, slug, say=print):
    """Write the folder topics/<slug>, its test and its answers, and put the slug into ORDER."""
    root = Path(root)
    if cause := slug_cause(slug):
        raise FaultsError([Fault(f"topics/{slug}", 0, cause)])
    title = slug.replace("_", " ").capitalize()
    folder = f"topics/{slug}"
    texts = {f"{folder}/method.py": METHOD, f"{folder}/demos.py": DEMOS, f"{folder}/exercises.py": EXERCISES,
             f"{folder}/page.md": PAGE, f"tests/topics/test_{slug}.py": TEST,
             f"tests/answers/{slug}.py": ANSWERS}  # fmt: skip
    standing = [Fault(file, 0, "exists already; nothing was written") for file in texts if written(root / file)]
    if standing:
        raise FaultsError(standing)
    add_to_order(root / "topics/__init__.py", slug)
    for file, text in texts.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text.format(title=title, title_lower=title.lower(), slug=slug), encoding="utf-8")
        say(f"Wrote {file}")
    say("Next: make serve, then replace every sentence.")


def written(path):
    """A page that is only front matter is planned: it may be overwritten by the real one."""
    return path.exists() and (
        path.suffix != ".md" or bool(path.read_text(encoding="utf-8").split("---\n", 2)[-1].strip())
    )


def add_to_order(path, slug):
    """Append the slug to the last section, unless ORDER has it; the author moves it where it belongs."""
    order, faults = read_order(path.parent.parent)
    if faults or not order.sections:
        raise FaultsError(faults or [Fault(FILE, 0, "ORDER has no section yet: write one")])
    if any(slug in members for members in order.sections.values()):
        return
    text = path.read_text(encoding="utf-8")
    end = end_of_last_list(text)
    before = text[:end].rstrip()
    comma = "" if before.endswith((",", "[")) else ","
    path.write_text(f'{before}{comma} "{slug}"{text[end:]}', encoding="utf-8")


def end_of_last_list(text):
    """Where the bracket stands that closes ORDER's last section."""
    (value,) = (value for name, value in map(assigned, ast.parse(text).body) if name == "ORDER")
    last = value.values[-1]
    lines = text.encode().split(b"\n")  # columns count bytes
    before = b"\n".join([*lines[: last.end_lineno - 1], lines[last.end_lineno - 1][: last.end_col_offset - 1]])
    return len(before.decode())
