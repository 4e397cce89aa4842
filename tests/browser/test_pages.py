"""Every page of the site as it comes, before anything has moved: accessible, never too wide, its links whole, its
figures printed. With Python live: test_live_pages.py.

Parametrised over all pages, so that a new topic is held to this before its author writes a test. A page is opened once
for all its tests together (`still`). Each test sets the width and the theme that it needs.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.look import SCHEMES, TWICE, WIDTHS, too_narrow, violations
from tests.reader import DESKTOP, SAVES_DATA, at_rest, watched
from topics import ORDER

pytestmark = pytest.mark.browser

TOPICS = [s for members in ORDER.values() for s in members if (REPOSITORY / f"topics/{s}/method.py").exists()]
PAGES = [*TOPICS, "index", "glossary", "practice", "symbols", "yours", "corrections", "offline", "404"]
of_topics = pytest.mark.parametrize("name", TOPICS, indirect=True)  # the same fixture: a page's tests stay together


@pytest.fixture(scope="module", params=PAGES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def opened(browser, server, name):
    context = browser.new_context(viewport=DESKTOP)
    context.add_init_script(SAVES_DATA)  # axe and the printer scroll
    page = watched(context.new_page())
    page.goto(f"{server.url}{name}.html")
    yield page
    context.close()


@pytest.fixture
def still(opened):
    """A page as it came: without a sign of life, so without Python."""
    yield opened
    assert not opened.locator("html[data-python]").count(), "Python has been started"
    at_rest(opened)


# ---- accessible


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(still, scheme, name):
    """A topic's demos, which change when they are live: all else on its page is looked at then."""
    assert violations(still, scheme, "llm-demo" if name in TOPICS else "html") == []


SMALL = """() => [...document.querySelectorAll("button, select, summary, input, [role=button], nav a")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => !element.closest(".visually-hidden, .skip"))
  .map((element) => [element, (element.closest("label") ?? element).getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
  .map(([element, box]) => `${element.outerHTML.slice(0, 120)} ${Math.round(box.width)}×${Math.round(box.height)}`)"""


# Fields of smaller type, into which an iPhone zooms.
ZOOMS = """() => [...document.querySelectorAll("input, select, textarea")]
  .filter((field) => parseFloat(getComputedStyle(field).fontSize) < 16).map((field) => field.outerHTML.slice(0, 120))"""


def test_targets_are_large_enough_for_a_finger(browser, server, name):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{server.url}{name}.html")
    assert page.evaluate(SMALL) == []
    assert page.evaluate(ZOOMS) == []
    context.close()


def test_no_id_stands_twice(still):
    assert still.evaluate(TWICE) == []


def test_a_page_says_what_it_is(still):
    assert still.title()
    assert still.locator("h1").count() == 1
    assert still.locator("html[lang=en]").count() == 1
    levels = still.evaluate("[...document.querySelectorAll('main :is(h1,h2,h3,h4)')].map((h) => Number(h.tagName[1]))")
    assert all(b - a <= 1 for a, b in pairwise(levels)), levels


def test_every_internal_link_and_anchor_resolves(site_dir, name):
    pages = {path.name: path.read_text() for path in Path(site_dir).glob("*.html")}
    html = pages[f"{name}.html"]
    for href in re.findall(r'<a\b[^>]*?\bhref="([^"]+)"', html):
        target, _, anchor = href.partition("#")
        if re.match(r"[a-z]+:", href):
            continue
        target = target.removeprefix("/") or f"{name}.html"
        assert target in pages or (Path(site_dir) / target).is_file(), href
        assert not anchor or f'id="{anchor}"' in pages[target], href


# ---- on every screen, and on paper


def test_nothing_is_wider_than_the_screen(still):
    assert too_narrow(still, WIDTHS) == {}


PAPER = 718  # CSS pixels between the margins of A4

# What ends beyond the paper, or in a box that does not show it: sheets do not scroll.
CUT = """() => [...document.querySelectorAll("main *")]
  .filter((element) => element.checkVisibility() && !element.closest("svg, .katex, .visually-hidden"))
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1
    || (getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1))
  .map((element) => `${element.className || element.tagName}: ${element.textContent.trim().slice(0, 60)}`)"""


@of_topics
def test_print_has_the_figures(still, tmp_path):
    figures = still.locator("llm-demo .view-figure").count()
    still.emulate_media(media="print")
    still.set_viewport_size({"width": PAPER, "height": 1000})
    assert still.evaluate(CUT) == []
    assert still.locator("button:visible:not(.guess), site-search:visible, theme-switch:visible").count() == 0
    seen = still.locator("llm-demo .view-figure svg:visible").count()
    assert seen >= figures > 0
    still.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 50_000
