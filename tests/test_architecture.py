"""Who may import whom: the rules of the house, read from the sources."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPTS = REPOSITORY / "templates/static/js"
STANDARD = {
    *("ast", "collections", "contextlib", "dataclasses", "difflib", "functools", "hashlib", "heapq", "importlib"),
    *("inspect", "itertools", "json", "linecache", "math", "pathlib", "random", "re", "string", "sys", "textwrap"),
    *("time", "typing"),
}


def imports(path):
    """The dotted names that a Python file imports, relative ones resolved as written."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def sources(folder):
    return sorted((REPOSITORY / folder).rglob("*.py"))


@pytest.mark.parametrize("path", sources("topics/kit"), ids=lambda p: p.name)
def test_the_kit_imports_only_numpy_itself_and_the_standard_library(path):
    for name in imports(path):
        assert name.split(".")[0] in STANDARD | {"numpy"} or name.startswith("topics.kit"), name


@pytest.mark.parametrize("path", sorted((REPOSITORY / "topics").glob("*.py")), ids=lambda p: p.name)
def test_a_topic_imports_the_kit_and_never_another_topic(path):
    for name in imports(path):
        ours = name == "topics.kit" or name.startswith("topics.kit.")
        assert ours or name.split(".")[0] in STANDARD | {"numpy"}, name


@pytest.mark.parametrize("path", sources("builder"), ids=lambda p: p.name)
def test_the_builder_never_imports_tests_or_build(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"tests", "build", "bench"}


def mentions(pattern):
    """The scripts whose code (comments left out) matches."""
    found = set()
    for path in SCRIPTS.glob("*.js"):
        code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", path.read_text(), flags=re.S)
        found |= {path.name} if re.search(pattern, code) else set()
    return found


def test_only_the_worker_knows_pyodide():
    assert mentions(r"loadPyodide|pyodide") == {"boot.js", "guard.js", "worker.js"}
    assert mentions(r'from "\./boot\.js"') == {"worker.js"}


def test_only_the_figure_knows_plotly():
    assert mentions(r"Plotly\.|plotly\.js") == {"figure.js"}


def test_nothing_in_the_browser_evaluates_text():
    assert mentions(r"\beval\(|new Function\(") == set()


def test_no_style_asks_whether_anything_at_all_is_inside():
    """WebKit answers `:has(*)` anew for the whole document at every inserted element: 485 ms each on FlashAttention."""
    for path in (REPOSITORY / "templates/static/css").glob("*.css"):
        assert ":has(*)" not in path.read_text(), path.name
