"""What the READMEs tell is so: the topic of topics/README.md is built as it stands there, and what is named exists."""

import os
import re
import subprocess
import sys

import pytest

from builder.page.blocks import BLOCKS
from builder.read.order import OWN
from builder.read.scan import KINDS
from tests.conftest import REPOSITORY, make_project, run_build

SKIPPED = {"node_modules", "site"}  # and what begins with a point: neither is ours
FENCE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$", re.S | re.M)
# A path: it has a folder in it, or an ending of ours
PATH = re.compile(r"(?:[\w.*-]+/)+[\w.*-]*|[\w*-]+\.(?:bib|cff|css|html|js|json|md|mjs|py|safetensors|sh|toml|txt)")
# Made by a build or a bench, installed, or only an example: the tree has none of these
PAGES = "|".join(["kv_cache", *OWN])
MADE = re.compile(rf"site/|bench/results/|topics/dice/|(?:/project/|(?:{PAGES})\.html|offline\.json)$")


def readmes():
    """The READMEs of the tree, as paths from its root."""
    for folder, below, files in os.walk(REPOSITORY):
        below[:] = sorted(name for name in below if name not in SKIPPED and not name.startswith("."))
        if "README.md" in files:
            yield os.path.relpath(os.path.join(folder, "README.md"), REPOSITORY)


READMES = list(readmes())
TEXTS = {name: (REPOSITORY / name).read_text() for name in READMES}
WRITING = TEXTS["topics/README.md"]
TOPIC = {
    name: text
    for name, _, text in re.findall(r"^`topics/dice/([\w.]+)`[^\n]*\n\n(`{3,})\w+\n(.*?)^\2$", WRITING, re.S | re.M)
}
BIB = """@book{bernoulli1713, author = {Bernoulli, Jacob}, title = {Ars Conjectandi}, year = {1713}}"""


def prose(name):
    """A README without its fenced blocks."""
    return FENCE.sub("", TEXTS[name])


def test_the_topic_of_the_readme_has_its_four_files():
    assert sorted(TOPIC) == ["demos.py", "exercises.py", "method.py", "page.md"]


def test_the_topic_of_the_readme_builds(tmp_path):
    add = make_project(tmp_path / "project")
    front, body = TOPIC["page.md"].removeprefix("---\n").split("---\n", 1)
    add("dice", body, meta=front)
    for name in TOPIC.keys() - {"page.md"}:
        (add.root / "topics/dice" / name).write_text(TOPIC[name])
    (add.root / "topics/references.bib").write_text(BIB)
    (add.root / "topics/glossary.md").write_text("## token\n\nA piece of text.\n")
    run_build("build", root=add.root)
    page = (add.root / "site/dice.html").read_text()
    for part in ('id="demo-settling"', 'id="demo-throwing"', 'id="eq-mean"', "ink-output", "Bernoulli, 1713", ">2.0<"):
        assert part in page, part


def test_the_doctest_of_the_readme_holds(tmp_path):
    (tmp_path / "method.py").write_text(TOPIC["method.py"])
    command = [sys.executable, "-m", "doctest", "-v", tmp_path / "method.py"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env={"PYTHONPATH": str(REPOSITORY)})
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_every_construct_and_every_block_is_shown():
    assert set(re.findall(r"\[\[(\w+) ", TOPIC["page.md"])) == set(KINDS)
    assert set(re.findall(r"^/// (\w+)", TOPIC["page.md"], re.M)) == set(BLOCKS)


@pytest.mark.parametrize("name", READMES)
def test_the_commands_of_a_readme_exist(name):
    targets = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:^|`)make ([\w-]+)", TEXTS[name], re.M)) - targets == set()


@pytest.mark.parametrize("name", READMES)
def test_the_links_of_a_readme_lead_somewhere(name):
    folder = (REPOSITORY / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(name))):
        if target.startswith(("https:", "mailto:")):
            continue
        file, _, place = target.partition("#")
        path = folder / file if file else REPOSITORY / name
        assert path.exists(), target
        assert not place or place in headings(path.read_text()), target


def headings(text):
    """The addresses of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", READMES)
def test_the_files_that_a_readme_names_exist(name):
    """Seen from its folder or from the root; a name alone may stand anywhere below its folder."""
    folder = (REPOSITORY / name).parent
    spans = re.findall(r"`([^`\n]+)`", prose(name))
    for span in (span for span in spans if PATH.fullmatch(span) and not MADE.match(span)):
        found = any(any(place.glob(span.rstrip("/"))) for place in (folder, REPOSITORY))
        alone = "/" not in span and name != "README.md" and any(folder.rglob(span))
        assert found or alone, f"{name} names {span}"


@pytest.mark.parametrize("name", READMES)
def test_the_maps_of_a_readme_show_what_is_there(name):
    """A block without a language is a map: rooms begin its lines, files are named by their endings."""
    folder = (REPOSITORY / name).parent
    for block in re.findall(r"^```\n(.*?)^```$", TEXTS[name], re.S | re.M):
        for room in re.findall(r"^(\w+)/ ", block, re.M):
            assert (folder / room).is_dir(), room
        for file in re.findall(r"(?<![/\w.-])[\w-]+\.(?:py|js)\b(?= |$|[,;)])", block, re.M):
            assert any(folder.rglob(file)), file


def test_the_readmes_name_files_and_link_to_each_other():
    """The tests above would hold of nothing if nothing were found."""
    linked = set(re.findall(r"\]\(([\w/]+README\.md)\)", TEXTS["README.md"]))
    assert linked == set(READMES) - {"README.md"}
