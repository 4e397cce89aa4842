"""What the README tells an author is built here, as it stands there."""

import re
import subprocess
import sys

from builder.page.blocks import BLOCKS
from builder.read.scan import KINDS
from tests.conftest import REPOSITORY, make_project, run_build

README = (REPOSITORY / "README.md").read_text()
WRITING = README.split("## Writing a topic")[1].split("## Where things are")[0]
MODULE = re.search(r"^```python\n(.*?)^```$", WRITING, re.S | re.M)[1]
PAGE = re.search(r"^````markdown\n(.*?)^````$", WRITING, re.S | re.M)[1]
BIB = """@book{bernoulli1713, author = {Bernoulli, Jacob}, title = {Ars Conjectandi}, year = {1713}}"""


def test_the_topic_of_the_readme_builds(tmp_path):
    add = make_project(tmp_path / "project")
    front, body = PAGE.removeprefix("---\n").split("---\n", 1)
    add("dice", body, MODULE, front)
    (add.root / "topics/references.bib").write_text(BIB)
    (add.root / "topics/glossary.md").write_text("## token\n\nA piece of text.\n")
    run_build("build", root=add.root)
    page = (add.root / "site/dice.html").read_text()
    for part in ('id="demo-settling"', 'id="demo-throwing"', 'id="eq-mean"', "ink-output", "Bernoulli, 1713", ">2.0<"):
        assert part in page, part


def test_the_doctest_of_the_readme_holds(tmp_path):
    (tmp_path / "dice.py").write_text(MODULE)
    command = [sys.executable, "-m", "doctest", tmp_path / "dice.py"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env={"PYTHONPATH": str(REPOSITORY)})
    assert (done.returncode, done.stdout) == (0, "")


def test_every_construct_and_every_block_is_shown_once():
    shown = set(re.findall(r"\[\[(\w+) ", PAGE))
    assert shown == set(KINDS)
    assert set(re.findall(r"^/// (\w+)", PAGE, re.M)) == set(BLOCKS)


def test_the_commands_of_the_readme_exist():
    targets = set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`?make (\w+)", README)) <= targets
