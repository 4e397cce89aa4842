"""What tests share: the built site, a server over it, a Chromium, and small temporary projects."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from builder.serve import SiteServer
from tests import chromium

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def site_dir(tmp_path_factory):
    """The real site: the one that LLM_INTERNALS_SITE names (CI tests what it deploys), or one built now."""
    if named := os.environ.get("LLM_INTERNALS_SITE"):
        return REPOSITORY / named
    out = tmp_path_factory.mktemp("site")
    run_build("build", "--out", out)
    return out


@pytest.fixture(scope="session")
def server(site_dir):
    """The real site at a domain's root."""
    with_server = SiteServer(site_dir).start()
    yield with_server
    with_server.shutdown()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def context(browser):
    """A fresh reader: empty cache, nothing stored."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 900})
    fresh.set_default_timeout(30_000)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context):
    """A page that fails the test on any uncaught error or refusal by the content security policy."""
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.problems = problems
    yield page
    assert not problems, f"the page reported: {problems}"


def run_build(*arguments, root=REPOSITORY, expect=0, **env):
    """Run build.py in a process of its own; returns what it printed."""
    command = [sys.executable, REPOSITORY / "build.py", "--root", root, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | env, cwd=root)
    assert done.returncode == expect, f"build.py {arguments} gave {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path):
    """A small project with the real kit and no topic: `project(slug, page, module)` adds one."""
    return make_project(tmp_path / "project")


def make_project(root):
    (root / "tests").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "topics/kit", root / "topics/kit", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "topics/references.bib").write_text("")
    (root / "topics/glossary.md").write_text("## logit\n\nA score before the softmax.\n")
    order = []

    def add(slug, body="", module=None, meta="title: A page\nsummary: What it is.\nminutes: 5\n"):
        order.append(slug)
        (root / "topics/__init__.py").write_text(f'"""Order."""\n\nORDER = {{"Section": {order!r}}}\n')
        (root / f"topics/{slug}.md").write_text(f"---\n{meta}---\n{body}")
        if module is not None:
            (root / f"topics/{slug}.py").write_text(module)

    add.root = root
    return add
