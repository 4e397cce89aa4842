"""What is computed again when something changes, and what is not: stale numbers would be wrong without a word."""

import re
from types import SimpleNamespace

import pytest

from builder.pages import key_of, read_shared
from builder.read import dependencies
from builder.read.dependencies import Sources
from tests.conftest import run_build

METHOD = '''"""A method."""
import numpy as np

from topics.kit.numerics import softmax as weigh

SCALE = 2
FAULTS = {"none": 0}


def inner(x):
    return x * SCALE


def outer(x):
    return weigh(inner(x))


def apart(x):
    return np.cos(x)
'''
DEMOS = '''"""Demos."""
import numpy as np

from topics.kit import Metrics, Slider, demo
from topics.dice.method import apart, outer


@demo(n=Slider("N", 1, 5, value=2))
def far(n):
    """Far."""
    return Metrics(("n", float(outer(np.array([n * 1.0]))[0]), ""))


@demo(n=Slider("N", 1, 5, value=2))
def near(n):
    """Near."""
    return Metrics(("n", float(apart(n)), ""))
'''


@pytest.fixture
def dice(project):
    project("dice", "[[demo far]]\n\n[[demo near]]\n\nIt is [[value SCALE]].\n", DEMOS)
    project.root.joinpath("topics/dice/method.py").write_text(METHOD)
    return project


def keys(root):
    dependencies.reached.cache_clear()  # the kit of one process does not change under it
    sources = Sources(root, "dice")
    return {name: sources.key([name]) for name in ("far", "near", "SCALE")}


def changed(root, file, was, now):
    """The names whose keys change when a file of the project does."""
    before, path = keys(root), root / "topics" / file
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, now))
    return {name for name, key in keys(root).items() if key != before[name]}


@pytest.mark.parametrize(
    ("file", "was", "now", "reaches"),
    [
        ("dice/method.py", "x * SCALE", "SCALE * x", {"far"}),
        ("dice/method.py", "SCALE = 2", "SCALE = 3", {"far", "SCALE"}),
        ("dice/method.py", "np.cos", "np.sin", {"near"}),
        ("dice/method.py", "    return x * SCALE", "    return x * SCALE  # a comment", set()),
        ("dice/method.py", '"""A method."""', '"""The method."""', set()),
        ("dice/method.py", '{"none": 0}', '{"none": 1}', set()),
        ("dice/method.py", "\n\ndef apart", '\n\nFAULTS["new"] = 1\n\n\ndef apart', {"far", "near", "SCALE"}),
        ("dice/method.py", "SCALE = 2", "SCALE = 2\nSCALE += 1", {"far", "SCALE"}),
        ("dice/method.py", "import softmax as weigh", "import max_abs_difference as weigh", {"far"}),
        ("dice/method.py", "import numpy as np", "import math as np", {"near"}),
        ("dice/demos.py", "n * 1.0", "n * 1.5", {"far"}),
        ("dice/demos.py", '"N", 1, 5, value=2))\ndef near', '"N", 1, 6, value=2))\ndef near', {"near"}),
        ("kit/numerics.py", "subtract the max", "subtract the largest", {"far"}),
        ("kit/page/views.py", "import typeset\n", "import typeset\n\n", {"far", "near"}),
        ("kit/model/lm.py", "import numpy as np\n", "import numpy as np\n\n", set()),
    ],
)
def test_a_change_reaches_what_is_made_from_it_and_nothing_else(dice, file, was, now, reaches):
    assert changed(dice.root, file, was, now) == reaches


def test_a_name_may_be_defined_in_any_file_and_is_found_through_those_that_pass_it_on(dice):
    demos = dice.root / "topics/dice/demos.py"
    demos.write_text(DEMOS.replace("from topics.dice.method import", "from topics.dice.between import"))
    (demos.parent / "between.py").write_text("from topics.dice.method import apart, outer\n")
    assert changed(dice.root, "dice/method.py", "x * SCALE", "SCALE * x") == {"far"}


def test_another_model_reaches_all(dice):
    before = keys(dice.root)
    (dice.root / "topics/data/small.safetensors").write_bytes(b"x")
    dependencies.surroundings.cache_clear()
    assert not set(before.values()) & set(keys(dice.root).values())


# ---- pages


@pytest.fixture
def two(project):
    """Two topics of one form."""
    for slug in ("dice", "other"):
        project(slug, "[[demo far]]\n\nA [[term logit]].\n", DEMOS.replace("topics.dice", f"topics.{slug}"))
        (project.root / "topics" / slug / "method.py").write_text(METHOD)
    return project.root


def page_keys(root):
    dependencies.reached.cache_clear()
    shared, _ = read_shared(root)
    return {slug: key_of(SimpleNamespace(slug=slug), shared) for slug in ("dice", "other")}


@pytest.mark.parametrize(
    ("file", "pages"),
    [
        ("dice/page.md", {"dice"}),
        ("other/method.py", {"other"}),
        ("dice/notes.txt", {"dice"}),
        ("recorded/dice.far.json", {"dice"}),
        ("kit/model/lm.py", set()),  # neither page runs the house model
        ("kit/numerics.py", {"dice", "other"}),
        ("kit/page/exercise.py", {"dice", "other"}),
        ("glossary.md", {"dice", "other"}),
        ("references.bib", {"dice", "other"}),
    ],
)
def test_a_page_is_made_anew_when_a_file_that_it_uses_changes(two, file, pages):
    before, path = page_keys(two), two / "topics" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    assert {slug for slug, key in page_keys(two).items() if key != before[slug]} == pages


def rendered(root, expect=0):
    printed = run_build("build", root=root, expect=expect)
    return set(re.findall(r"^Rendered (\w+)", printed, re.M)), printed


def test_only_what_changed_is_rendered_and_a_fault_is_told_until_it_is_mended(two):
    page = two / "topics/dice/page.md"
    assert rendered(two)[0] == {"dice", "other"}
    assert rendered(two)[0] == set()
    page.write_text(page.read_text().replace("title: A page", "title: All dice") + "\n[[demo fra]]\n")
    for _ in range(2):
        pages, printed = rendered(two, expect=1)
        assert pages == {"dice"}
        assert "[[demo fra]] is not in topics/dice. Did you mean far?" in printed
    page.write_text(page.read_text().replace("[[demo fra]]", "[[demo near]]"))
    assert rendered(two)[0] == {"dice"}
    assert 'id="demo-near"' in (two / "site/dice.html").read_text()
    assert "All dice" in (two / "site/other.html").read_text()  # a kept page, with a neighbour that has changed
