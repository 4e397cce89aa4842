"""What the browser loads: names that change with what is in them, and files that any server can serve."""

import base64
import hashlib
import re
from types import SimpleNamespace

import pytest

from builder.bundle.assets import PARTS, bundle
from builder.bundle.runtime import build_pack
from builder.places import CACHE, REPOSITORY

PACK = SimpleNamespace(digest="0", files={"pyodide.js": 1})


@pytest.fixture
def two(project):
    """The topics of a project of two."""
    for slug in ("one", "two"):
        project(slug, module=f'"""Topic {slug}."""\n')
    return project.root / "topics"


def test_a_comment_in_one_topic_renames_that_topics_python_and_nothing_else(two):
    before = bundle(two, PACK)
    (two / "one/demos.py").write_text('"""Topic one."""\n# a comment\n')
    after = bundle(two, PACK)
    assert set(before.files) ^ set(after.files) == {before.topics["one"][0], after.topics["one"][0]}


def test_a_comment_in_the_kit_renames_the_kit_and_the_pages_script(two):
    before = bundle(two, PACK)
    with (two / "kit/numerics.py").open("a") as file:
        file.write("# a comment\n")
    stems = {re.sub(r"-\w+\.", ".", path) for path in set(before.files) ^ set(bundle(two, PACK).files)}
    assert stems == {"static/kit.zip", "static/main.js"}


def test_every_script_is_whole_in_itself(two):
    """A browser remembers a failed import for good, so that lost shared code could not be asked for again."""
    scripts = {path: data for path, data in bundle(two, PACK).files.items() if path.endswith(".js")}
    assert len(scripts) == len(PARTS) + 4, "the page's, a frame's, the worker and Plotly beside them"
    for path, data in scripts.items():
        assert not re.search(rb"""(\bfrom|\bimport)\s*["']\.""", data), path


def test_scripts_have_the_ending_that_every_server_knows(two):
    pack = build_pack(CACHE, REPOSITORY / "node_modules")
    assert not [name for name in [*bundle(two, pack).files, *pack.files] if name.endswith((".mjs", ".cjs", ".ts"))]


def test_the_policy_knows_the_script_that_stands_in_the_page(two):
    assets = bundle(two, PACK)
    made = base64.b64encode(hashlib.sha256(assets.early.encode()).digest()).decode()
    assert assets.early_hash == f"sha256-{made}"
    assert "</script" not in assets.early


def test_of_katexs_style_pages_get_what_their_equations_need(two):
    """Rules for a class that nothing has go, and fonts that only they ask for; what is ours stays."""
    whole, some = (bundle(two, PACK, classes=classes) for classes in (None, {"katex", "mord", "mathnormal"}))
    (before, after) = (assets.files[assets.style].decode() for assets in (whole, some))
    assert ".katex .mathnormal" in after and ".katex .mathfrak" in before and ".katex .mathfrak" not in after
    fonts = [{name for name in assets.files if "KaTeX_" in name} for assets in (whole, some)]
    assert any("Math-Italic" in name for name in fonts[1]) and not any("Fraktur" in name for name in fonts[1])
    assert all(name.split("/")[1] in after for name in fonts[1]), "no font is left that nobody asks for"
    assert after.endswith("#whole{--end:1}") and ".site-header" in after
