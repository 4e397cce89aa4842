"""Each file of a site, failing in each way that files fail: what does a reader see?

    python -m tests.failures [a part of a file's name] [a way of failing]

A file survives a failure when what needs it works all the same, or when the page says within ten seconds, by the file's
name or the site's own words, what does not work, and then, once the file is whole again, does what was asked at the
reader's next press: Retry, Reload, or the same button again. `test_loading.py` tries some of each kind; all of them
take about a quarter of an hour.
"""

import re
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error, expect, sync_playwright

from builder.serve import Handler, SiteServer, media_type
from tests import chromium
from tests.conftest import make_project, run_build

SAYS = 10_000  # ms until the page must have said what does not work
KINDS = ("404", "cut", "half", "damaged", "type", "html", "slow", "never")
OCTETS = "application/octet-stream"

LAB = '''"""A demo, a model, words to type, code and an exercise."""
import numpy as np

from topics.kit import Figure, Metrics, Slider, Text, demo, exercise, line, lm

x = np.arange(5)


@demo(n=Slider("N", 0, 9, value=2))
def good(n):
    """A line that the slider tilts."""
    return Figure([line(x, twice(n) * x / 2, "line", "key")], "x", "y", alt=f"Slope {n}."), Metrics(("slope", n, ""))


@demo("model", "tiny", n=Slider("N", 1, 9, value=2))
def model(n):
    """Runs the house model."""
    return Metrics(("logits", lm.forward(lm.load("tiny"), [n]).shape[1], ""))


@demo(text=Text("Text", "the sun", suggest=True))
def words(text):
    """Counts words."""
    return Metrics(("words", len(text.split()), ""))


def twice(n):
    """Twice a number."""
    return 2 * n
'''
PAGE = "[[demo good]]\n\n[[demo model]]\n\n[[demo words]]\n\n[[code twice]]\n\n[Other](other.md)\n"


def build_lab(root):
    """A small site that needs every kind of file; returns its folder."""
    add = make_project(root)
    add("lab", PAGE, LAB)
    add("other", "Words.\n", LAB, meta="title: Other\nsummary: What it is.\nminutes: 5\nneeds: [lab]\n")
    run_build("build", root=root)
    return root / "site"


class Failing(Handler):
    """Serves as the host does, but for what `server.failing` names: a regular expression and a way of failing."""

    def send_file(self, status, file):
        pattern, kind = self.server.failing
        if not pattern or not re.search(pattern, self.path):
            return super().send_file(status, file)
        self.server.met += 1
        ways = {"cut": self.cut, "slow": self.slow, "never": self.never}
        if kind in ways:
            return ways[kind](file.read_bytes(), media_type(file))
        self.answer(*self.wrong(kind, file.read_bytes(), media_type(file)))

    def wrong(self, kind, data, called):
        """A whole answer, for every cache, that is not the file."""
        return {
            "404": (404, b"not found", "text/plain"),
            "half": (200, data[: len(data) // 2], called),
            "damaged": (200, b"<" * len(data), called),
            "type": (200, data, OCTETS),
            "html": (200, b"<!doctype html><title>Log in</title><p>Log in to this network.", "text/html"),
        }[kind]

    def cut(self, data, called):
        """Broken off on the way: more had been promised."""
        self.begin(data, called)
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def slow(self, data, called):
        self.begin(data, called)
        step = len(data) // 8 + 1
        for start in range(0, len(data), step):
            time.sleep(0.3)
            self.wfile.write(data[start : start + step])

    def never(self, *_):
        self.server.over.wait(60)
        self.close_connection = True

    def begin(self, data, called):
        self.send_response(200)
        self.send_header("Content-Type", called)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()

    def end_headers(self):
        self.send_header("X-Content-Type-Options", "nosniff")  # what a file is called counts
        super().end_headers()


@contextmanager
def failing_server(site, prefix="/"):
    server = SiteServer(site, prefix)
    server.RequestHandlerClass = Failing
    server.failing, server.met, server.over = (None, None), 0, threading.Event()
    yield server.start()
    server.over.set()
    threading.Thread(target=server.shutdown, daemon=True).start()


def fail(server, pattern, kind):
    server.failing, server.met = (pattern, kind), 0


def heal(server):
    server.failing = (None, None)


# ---- what a reader does, where it is said, and how they know that it works


def open_page(page, url, name="lab.html"):
    page.goto(url + name, wait_until="commit")


def move(page, name="good"):
    slider = page.locator(f"#demo-{name} input[type=range]").first
    expect(slider).to_be_enabled()
    slider.focus()
    page.keyboard.press("End")


def live(page, name="good"):
    expect(page.locator(f"#demo-{name}")).to_have_attribute("state", "live")
    if name == "good":
        expect(page.locator("#demo-good .js-plotly-plot")).to_be_visible()


class Demo:
    """A demo that is moved."""

    def __init__(self, name="good"):
        self.name, self.page = name, "lab.html"

    def do(self, page):
        move(page, self.name)

    def said(self, page):
        bar = page.locator(f"#demo-{self.name} .demo-status")
        return bar.filter(has=page.locator("[data-retry], [data-reload]"))

    def again(self, page):
        bar = page.locator(f"#demo-{self.name} .demo-status")
        bar.locator("[data-retry], [data-reload]").first.click()

    def works(self, page):
        live(page, self.name)


class Whole:
    """The page itself: its script, its style."""

    def __init__(self, page="lab.html"):
        self.page = page

    def do(self, page):
        pass

    def said(self, page):
        return page.locator("#notice")

    def again(self, page):
        page.locator("#notice [data-reload]").click()

    def works(self, page):
        expect(page.locator("html[data-script]")).to_be_attached()
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator(".site-header")).to_have_css("display", "flex")
        expect(page.locator("#demo-good input[type=range]")).to_be_enabled()


class Editor:
    page = "lab.html"

    def do(self, page):
        button = page.locator("code-cell [data-run]")
        button.click()

    again = do

    def said(self, page):
        return page.locator("#notice", has_text="could not be loaded")

    def works(self, page):
        expect(page.locator(".cm-content")).to_be_visible()


class Search:
    page = "lab.html"

    def do(self, page):
        page.get_by_role("button", name="Search").click()

    def said(self, page):
        return page.locator("#notice, .search-status", has_text="could not be loaded")

    def again(self, page):
        if page.locator("dialog.search").count():
            page.locator("dialog.search input").fill("wor")
        else:
            self.do(page)

    def works(self, page):
        field = page.locator("dialog.search input")
        expect(field).to_be_visible()
        if field.input_value() == "":
            field.fill("word")
        expect(page.locator("#search-results a").first).to_be_visible()


class Words(Demo):
    """A field that offers words as one types."""

    def __init__(self):
        super().__init__("words")

    def do(self, page):
        field = page.locator("#demo-words input[type=text]").first
        expect(field).to_be_enabled()
        field.focus()
        field.fill("the sun is")


class Map(Whole):
    def works(self, page):
        expect(page.locator("html[data-script]")).to_be_attached()
        page.locator("prerequisite-map a").first.hover()


ROLES = [
    (r"/main-", Whole()),
    (r"/site-\w+\.css", Whole()),
    (r"/index-\w+\.css", Whole("index.html")),
    (r"/live-", Demo()),
    (r"/plotly", Demo()),
    (r"/worker-", Demo()),
    (r"/kit-", Demo()),
    (r"/static/lab-", Demo()),
    (r"/pyodide\.js", Demo()),
    (r"/pyodide\.asm\.js", Demo()),
    (r"/pyodide\.asm\.wasm", Demo()),
    (r"/python_stdlib\.zip", Demo()),
    (r"/pyodide-lock\.json", Demo()),
    (r"\.whl", Demo()),
    (r"\.safetensors", Demo("model")),
    (r"/editor-", Editor()),
    (r"/search-dialog-", Search()),
    (r"/data/search-", Search()),
    (r"/suggest-", Words()),
    (r"/map-", Map("index.html")),
    (r"/data/(?!search-)", Demo()),
    (r"\.woff2", Demo()),
    (r"/icon-", Demo()),
]


def tried(browser, server, pattern, role, kind, patience=SAYS):
    """(survived, what was seen, seconds until it was) for one file and one way of failing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    fail(server, pattern, kind)
    try:
        open_page(page, server.url, role.page)
        began = time.monotonic()
        role.do(page)
        seen = first_of(page, role, patience)
        took = time.monotonic() - began
        if not seen:
            return False, f"nothing: {state(page)}", took
        heal(server)
        if seen != "works":
            role.again(page)
            role.works(page)
        return seen == "works" or names(pattern, seen), seen, took
    except (AssertionError, Error) as problem:
        return False, f"{type(problem).__name__}: {str(problem).splitlines()[0]}; {state(page)}", 0
    finally:
        heal(server)
        context.close()


def names(pattern, said):
    """Whether the file is named, or Python, which is all that a reader knows of a damaged part of it."""
    stem = re.search(r"\w{3,}", pattern.split("/")[-1].replace("\\", ""))
    return stem[0] in said or "Python does not start" in said


def first_of(page, role, patience):
    """ "works", or what is said, or None when neither happens in time."""
    end = time.monotonic() + patience / 1000
    expect.set_options(timeout=50)
    try:
        while time.monotonic() < end:
            said = role.said(page)
            if said.count() and said.first.is_visible():
                return said.first.inner_text()
            try:
                role.works(page)
                return "works"
            except AssertionError:
                page.wait_for_timeout(100)
        return None
    finally:
        expect.set_options(timeout=60_000)


def state(page):
    """What the page shows of itself, for a failure of ours."""
    return page.evaluate(STATE)


STATE = """() => {
  const demo = (each) => `${each.id} ${each.getAttribute("state")} ${each.querySelector(".demo-status").innerText}`;
  const notice = document.getElementById("notice")?.innerText;
  const demos = [...document.querySelectorAll("llm-demo")].map(demo);
  return [document.documentElement.dataset.python, notice, ...demos].join(" | ");
}"""


def main():
    part, only = [*sys.argv[1:], "", ""][:2]
    expect.set_options(timeout=60_000)
    cases = [(*each, kind) for each in ROLES for kind in KINDS if part in each[0] and only in ("", kind)]
    with (
        tempfile.TemporaryDirectory() as work,
        failing_server(build_lab(Path(work) / "project")) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.STARTS_SOONER)
        survived = 0
        for pattern, role, kind in cases:
            good, seen, took = tried(browser, server, pattern, role, kind)
            survived += good
            line = f"{'ok  ' if good else 'LOST'} {pattern:24} {kind:8} {took:5.1f} s  {seen}"
            print(line.replace("\n", " "), flush=True)
        print(f"{survived} of {len(cases)} survived")
        browser.close()
    return survived < len(cases)


if __name__ == "__main__":
    sys.exit(main())
