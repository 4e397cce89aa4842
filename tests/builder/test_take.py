"""What a reader takes away works alone: a notebook without the repository, a method's file with numpy only."""

import ast
import json
import subprocess
import sys
from html import unescape

import pytest

from builder.places import REPOSITORY
from builder.take.flat import TwoHomesError, gather

# Every code cell, in order; what the demos' figures say is told as JSON. Data lies where `missing` looks first: beside
RUN = """
import json, sys
said = {}
for path in sys.argv[1:]:
    for module in [each for each in sys.modules if each.partition(".")[0] in ("topics", "take")]:
        del sys.modules[module]
    names, said[path] = {"__name__": "__main__"}, []
    for cell in json.load(open(path, encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], path + " " + cell["id"], "exec"), names)
            sys.modules["take"].put = lambda thing, text, into=said[path]: into.append(text)
print("\\n" + json.dumps(said))
"""


def alone(folder, *arguments):
    done = subprocess.run([sys.executable, "-I", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def apart(tmp_path):
    for path in (REPOSITORY / "topics/data").iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_notebooks_run_alone_and_their_figures_say_what_the_pages_say(site_dir, apart):
    notebooks = sorted(site_dir.glob("*.ipynb"))
    assert notebooks
    said = json.loads(alone(apart, "-c", RUN, *map(str, notebooks)).splitlines()[-1])
    for path in notebooks:
        page = unescape(path.with_suffix(".html").read_text(encoding="utf-8"))
        assert said[str(path)], path.name
        for text in said[str(path)]:
            assert text.startswith("<") or text in page, f"{path.name}: {text}"


def test_notebooks_have_cells_with_ids_of_their_own_and_no_construct_left(site_dir):
    for path in site_dir.glob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
        ids = [cell["id"] for cell in book["cells"]]
        assert len(set(ids)) == len(ids)
        for cell in book["cells"]:
            left = [mark for mark in ("[[value", "[[cite", "[[term", "@THE SITE@", "\\ink{") if mark in cell["source"]]
            assert not left or cell["cell_type"] == "code", f"{path.name} {cell['id']}: {left}"


def test_a_methods_file_runs_alone_and_keeps_its_promises(site_dir, tmp_path):
    files = sorted(site_dir.glob("*.py"))
    without = {path.stem for path in site_dir.glob("*.ipynb")} - {path.stem for path in files}
    assert without == {"whole_model"}, "its method works with the kit's model as a module"
    for path in files:
        assert alone(tmp_path, str(path)).splitlines()[-1].startswith("0 of "), path.name
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert not [each for each in tree if isinstance(each, ast.ImportFrom) and each.module.startswith("topics")]


def test_an_edited_cell_is_what_the_demos_call(site_dir, apart):
    book = json.loads((site_dir / "mla.ipynb").read_text(encoding="utf-8"))
    cells = [cell["source"] for cell in book["cells"] if cell["cell_type"] == "code"]
    (setup, *_), (method,) = cells, [cell for cell in cells if cell.startswith("def mla_absorbed(")]
    broken = method.replace("return np.einsum(", "return 2 * np.einsum(")
    (call,) = [cell for cell in cells if "show(absorb," in cell]
    for cell, fails in ((method, False), (broken, True)):
        (apart / "edited.py").write_text(f"{setup}\n{cell}\n{call}", encoding="utf-8")
        assert ("does not hold" in alone(apart, "edited.py")) == fails


def test_two_meanings_of_a_name_are_refused(tmp_path):
    topics = tmp_path / "topics"
    (topics / "kit").mkdir(parents=True)
    (topics / "kit/a.py").write_text("def scale(x):\n    return x\n\n\ndef twice(x):\n    return scale(2 * x)\n")
    (topics / "method.py").write_text(
        "from topics.kit.a import twice\n\n\ndef scale(x):\n    return 3 * x\n\n\n"
        "def f(x):\n    return twice(scale(x))\n"
    )
    with pytest.raises(TwoHomesError, match="scale is defined in"):
        gather(topics, [(topics / "method.py", "f")])
