"""Who may import whom: the rules of the house, read from the sources."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPTS = REPOSITORY / "templates/static/js"
STANDARD = {
    *("ast", "collections", "contextlib", "dataclasses", "difflib", "functools", "hashlib", "heapq", "importlib"),
    *("inspect", "itertools", "json", "linecache", "marshal", "math", "pathlib", "random", "re", "string", "sys"),
    *("textwrap", "time", "tracemalloc", "types", "typing", "zlib"),
}
METHOD, FILE = 260, 430  # lines: a method is "at most about 250", any other file of a topic "about 400"

# Of each room the others that it may import. What lies in no room ("") is the ground; the top imports what it likes.
KIT = {"": set(), "model": {""}, "real": {""}, "page": {"", "model", "real"}}
BUILDER = {
    "": set(),
    "read": {""},
    "figure": {"", "read"},
    "page": {"", "read"},
    "index": {"", "read", "figure"},
    "bundle": {""},
    "take": {"", "read", "page"},
}
TOP = {"__init__", "site", "pages", "write", "serve", "new"}
SCRIPT_ROOMS = {
    "net": set(),
    "python": {"net"},
    "page": {"net"},
    "demo": {"net", "python", "page"},
    "editing": {"python", "page", "demo"},
    "offline": {"net", "page"},
}


def imports(path):
    """The dotted names of the modules that a Python file imports, and of what it takes from packages."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources(folder):
    return sorted((REPOSITORY / folder).rglob("*.py"))


def named(path):
    return path.relative_to(REPOSITORY).as_posix()


def room_of(name, package):
    """The room of a package that an import leads to: "" for its ground, None for what lies elsewhere."""
    if not f"{name}.".startswith(f"{package}."):
        return None
    folder, parts = REPOSITORY / package.replace(".", "/"), name.removeprefix(f"{package}.").split(".")
    return parts[0] if (folder / parts[0]).is_dir() else ""


@pytest.mark.parametrize("path", sources("topics/kit"), ids=named)
def test_the_kit_imports_only_numpy_itself_and_the_standard_library(path):
    for name in imports(path):
        assert name.split(".")[0] in STANDARD | {"numpy"} or name.startswith("topics.kit."), name


@pytest.mark.parametrize("path", sources("topics/kit"), ids=named)
def test_a_room_of_the_kit_imports_only_the_rooms_below_it(path):
    first = path.relative_to(REPOSITORY / "topics/kit").parts[0]  # a room may have rooms of its own
    own = first if first in KIT else ""
    if path.parent.name == "kit" and path.stem == "__init__":
        return  # it passes on what all rooms hold
    for name in imports(path):
        assert room_of(name, "topics.kit") in {None, own} | KIT[own], name


TOPIC_FILES = [path for path in sorted((REPOSITORY / "topics").glob("*/*.py")) if path.parent.name != "kit"]


@pytest.mark.parametrize("path", TOPIC_FILES, ids=named)
def test_a_topic_imports_the_kit_and_itself_and_never_another_topic(path):
    own = f"topics.{path.parent.name}."
    for name in imports(path):
        assert name.split(".")[0] in STANDARD | {"numpy"} or name.startswith(("topics.kit.", own)), name


@pytest.mark.parametrize("path", TOPIC_FILES, ids=named)
def test_a_method_knows_neither_demos_nor_pages_and_exercises_are_known_to_none(path):
    own = f"topics.{path.parent.name}"
    for name in imports(path):
        assert not name.startswith(f"{own}.exercises"), name
        if path.stem == "exercises":
            assert not name.startswith(f"{own}.demos"), name
        if path.stem == "method":
            pure = name.startswith(("topics.kit.model.", "topics.kit.real.", "topics.kit.numerics."))
            assert pure or not name.startswith("topics."), name


@pytest.mark.parametrize("path", TOPIC_FILES, ids=named)
def test_a_file_of_a_topic_holds_one_thing(path):
    lines = len(path.read_text().splitlines())
    assert lines <= (METHOD if path.stem == "method" else FILE), f"{lines} lines: split it by what it holds"


@pytest.mark.parametrize("path", sources("builder"), ids=named)
def test_a_room_of_the_builder_imports_only_the_rooms_below_it(path):
    own = path.parent.name if path.parent.name in BUILDER else ""
    for name in imports(path):
        assert name.split(".")[0] not in {"tests", "build", "bench"}, name
        if path.parent.name != "builder" or path.stem not in TOP:
            assert room_of(name, "builder") in {None, own} | BUILDER[own], name
            assert name.split(".")[1:2] != ["site"] or name.split(".")[0] != "builder", name


def code_of(path):
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", path.read_text(), flags=re.S)


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.js")), ids=named)
def test_no_arrow_between_scripts_runs_back_up(path):
    """main → editing → demo → python and page → net."""
    own = path.parent.name
    for target in re.findall(r"""(?:from|import)\s*\(?\s*"(\.[^"]+)\"""", code_of(path)):
        there = (path.parent / target).resolve()
        assert there.is_file(), target
        room = there.parent.name
        assert own == "js" or room == own or room in SCRIPT_ROOMS[own], target


def test_every_script_but_the_first_has_a_room():
    assert [path.name for path in SCRIPTS.glob("*.js")] == ["main.js"]
    assert {path.name for path in SCRIPTS.iterdir() if path.is_dir()} == set(SCRIPT_ROOMS)


def mentions(pattern):
    """The scripts whose code (comments left out) matches."""
    return {path.name for path in SCRIPTS.rglob("*.js") if re.search(pattern, code_of(path))}


def test_only_the_worker_knows_pyodide():
    assert mentions(r"loadPyodide|pyodide") == {"boot.js", "guard.js", "worker.js"}
    assert mentions(r'from "\./boot\.js"') == {"worker.js"}


def test_only_the_figure_knows_plotly():
    assert mentions(r"Plotly\.|plotly\.js") == {"figure.js"}


def test_scripts_are_loaded_later_in_one_place_which_can_ask_again():
    """Elsewhere a failed import() would be remembered for good, and a failed fetch() told without a name."""
    assert mentions(r"\bimport\(") == {"file.js"}
    assert mentions(r"(?<!\.)\bfetch\(") == {"file.js", "updated.js", "early.js", "navigate.js", "boot.js", "serve.js"}


def test_nothing_in_the_browser_evaluates_text():
    assert mentions(r"\beval\(|new Function\(") == set()


def test_no_style_asks_whether_anything_or_nothing_is_inside():
    """WebKit answers both anew for the whole document: `:has(*)` at every inserted element (485 ms on FlashAttention),
    `:not(:has(button))` at every button (250 ms on KV cache)."""
    for path in (REPOSITORY / "templates/static/css").glob("*.css"):
        for costly in (":has(*)", ":not(:has("):
            assert costly not in path.read_text(), path.name
