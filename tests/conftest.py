"""What tests share: the built site, a server over it, a Chromium, and small temporary projects."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: two workers have two cores

import numpy as np
import pytest

from builder.serve import SiteServer
from tests import chromium
from tests.reader import DESKTOP, PATIENCE, complain, warm_tab, watched

REPOSITORY = Path(__file__).resolve().parent.parent
pytest_plugins = ["tests.selection"]
collect_ignore = ["reference"]  # scripts that need PyTorch, run by hand


@pytest.fixture(scope="session")
def site_dir(tmp_path_factory):
    """The real site: the one that LLM_INTERNALS_SITE names (CI tests what it deploys), or one built now."""
    if named := os.environ.get("LLM_INTERNALS_SITE"):
        return REPOSITORY / named
    return built_once(tmp_path_factory, "site", lambda out: run_build("build", "--out", out))


def built_once(tmp_path_factory, name, build):
    """A folder that the first of the workers to ask for it builds, and that all share: `build(folder)`."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if parallel else base) / name
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            build(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def server(site_dir):
    """The real site at a domain's root."""
    with serving(site_dir) as with_server:
        yield with_server


@pytest.fixture(scope="session")
def launch():
    """Starts browsers that live as long as the tests."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield lambda args: playwright.chromium.launch(executable_path=chromium.find(), args=args)


@pytest.fixture(scope="session")
def browser(launch):
    """For tests that start a Python of their own."""
    return launch(chromium.STARTS_SOONER)


@pytest.fixture
def context(browser):
    """A fresh reader: empty cache, nothing stored."""
    fresh = browser.new_context(viewport=DESKTOP)
    fresh.set_default_timeout(PATIENCE)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context):
    """A page that fails the test on any uncaught error or refusal by the content security policy."""
    page = watched(context.new_page())
    yield page
    complain(page)


@pytest.fixture(scope="session")
def reader(launch, server):
    """A reader of the real site whose Python is warm: `visit` goes from page to page."""
    yield from warm_tab(launch(chromium.ARGUMENTS), server.url + "kv_cache.html")


@contextmanager
def serving(site, **how):
    """A server over a folder. To end it takes half a second, for which no test waits."""
    server = SiteServer(site, **how).start()
    yield server
    threading.Thread(target=server.shutdown, daemon=True).start()


def run_build(*arguments, root=REPOSITORY, expect=0, **env):
    """Run build.py in a process of its own; returns what it printed."""
    command = [sys.executable, REPOSITORY / "build.py", "--root", root, *arguments]
    env = os.environ | {"LLM_INTERNALS_PATIENCE": "300"} | env  # a busy machine is no fault
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=env, cwd=root)
    assert done.returncode == expect, f"build.py {arguments} gave {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path):
    """A small project with the real kit and no topic: `project(slug, page, demos)` adds one."""
    return make_project(tmp_path / "project")


def make_project(root):
    (root / "tests").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "topics/kit", root / "topics/kit", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "topics/references.bib").write_text("")
    (root / "topics/glossary.md").write_text("## logit\n\nA score before the softmax.\n")
    order = []

    write_model(root / "topics/data/tiny.safetensors")

    def add(slug, body="", module=None, meta="title: A page\nsummary: What it is.\nminutes: 5\n"):
        order.append(slug)
        (root / "topics/__init__.py").write_text(f'"""Order."""\n\nORDER = {{"Section": {order!r}}}\n')
        folder = root / "topics" / slug
        folder.mkdir(exist_ok=True)
        (folder / "page.md").write_text(f"---\n{meta}---\n{body}")
        if module is not None:
            (folder / "demos.py").write_text(module)

    add.root = root
    return add


def write_model(path, d=64, V=600):
    """A model of one layer with small weights, in the format of safetensors, written by hand."""
    names = {"embedding": (V, d), "norm": (d,), "0.attention_norm": (d,), "0.feed_norm": (d,)}
    names |= {f"0.{name}": (d, d) for name in ("q", "k", "v", "o", "gate", "up", "down")}
    sizes = {"V": V, "d": d, "L": 1, "H": 2, "H_kv": 2, "D": d // 2, "F": d, "base": 1e4, "active": 0}
    header, data = {"__metadata__": {"shape": json.dumps(sizes)}}, b""
    for name, shape in names.items():
        half = np.random.default_rng(len(data)).normal(0, 0.1, shape).astype(np.float16).tobytes()
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [len(data), len(data) + len(half)]}
        data += half
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
