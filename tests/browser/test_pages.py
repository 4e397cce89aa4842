"""Every page of the site, as every reader meets it: accessible, never too wide, its links whole, its figures printed.

Parametrised over all pages, so that a new topic is held to this before its author writes a test.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import REPOSITORY
from topics import ORDER

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

AXE = (REPOSITORY / "node_modules/axe-core/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOPICS = [s for members in ORDER.values() for s in members if (REPOSITORY / f"topics/{s}/method.py").exists()]
PAGES = ["index", "glossary", "404", *TOPICS]
WIDTHS = (320, 768, 1280)
READY = 'html[data-python="ready"]'


def open_page(browser, server, name, live=False, **options):
    page = browser.new_context(**options).new_page()
    page.goto(f"{server.url}{name}.html")
    if live:
        go_live(page)
    return page


def go_live(page):
    """Python ready, and every demo that answers by itself has answered."""
    page.mouse.move(9, 9)
    page.mouse.move(10, 10)
    expect(page.locator(READY)).to_be_attached(timeout=60_000)
    for demo in page.locator('llm-demo:not([kind="live"])').all():
        demo.scroll_into_view_if_needed()
        expect(demo).to_have_attribute("state", "live", timeout=20_000)
    page.evaluate("scrollTo(0, 0)")


def violations(page):
    """What axe finds, in words: rule, element, and what is wrong."""
    page.evaluate(AXE)
    found = page.evaluate("tags => axe.run(document, { runOnly: tags })", TAGS)["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser, server, name, scheme):
    page = open_page(browser, server, name, color_scheme=scheme)
    assert violations(page) == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", TOPICS)
def test_axe_finds_nothing_once_python_is_live_and_all_is_unfolded(browser, server, name, scheme):
    page = open_page(browser, server, name, live=True, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('main details').forEach((details) => (details.open = true))")
    page.wait_for_timeout(300)
    assert violations(page) == []
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_screen(browser, server, name, width):
    live = name in TOPICS
    page = open_page(browser, server, name, live=live, viewport={"width": width, "height": 800})
    if live:
        page.evaluate("document.querySelectorAll('main details').forEach((details) => (details.open = true))")
        page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.context.close()


SMALL = """() => [...document.querySelectorAll("button, select, summary, input, [role=button], nav a")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => !element.closest(".visually-hidden, .skip"))
  .map((element) => [element, (element.closest("label") ?? element).getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
  .map(([element, box]) => `${element.outerHTML.slice(0, 120)} ${Math.round(box.width)}×${Math.round(box.height)}`)"""


@pytest.mark.parametrize("name", PAGES)
def test_targets_are_large_enough_for_a_finger(browser, server, name):
    page = open_page(browser, server, name, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate(SMALL) == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_internal_link_and_anchor_resolves(site_dir, name):
    pages = {path.name: path.read_text() for path in Path(site_dir).glob("*.html")}
    html = pages[f"{name}.html"]
    for href in re.findall(r'<a\b[^>]*?\bhref="([^"]+)"', html):
        target, _, anchor = href.partition("#")
        if re.match(r"[a-z]+:", href):
            continue
        target = target.removeprefix("/") or f"{name}.html"
        assert target in pages, href
        assert not anchor or f'id="{anchor}"' in pages[target], href


@pytest.mark.parametrize("name", PAGES)
def test_no_id_stands_twice(browser, server, name):
    page = open_page(browser, server, name, live=name in TOPICS)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert sorted({i for i in ids if ids.count(i) > 1}) == []
    page.context.close()


@pytest.mark.parametrize("name", TOPICS)
def test_a_journey_by_keyboard_from_the_index_to_a_moved_slider_and_back(page, server, name):
    page.goto(server.url + "index.html")
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('href')") == f"{name}.html":
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}{name}.html")
    expect(page.locator("#main")).to_be_focused()  # the address is the next page's before its content is
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('llm-demo input[type=range]')"):
            break
    demo = page.locator("llm-demo:focus-within")
    told = demo.locator(".figure-alt, .tokens").first  # in words, for who does not see it
    before = told.evaluate("element => element.ariaLabel ?? element.textContent")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(demo).to_have_attribute("state", "live", timeout=60_000)
    assert told.evaluate("element => element.ariaLabel ?? element.textContent") != before
    page.go_back()
    while not page.url.split("#")[0].endswith("index.html"):
        page.go_back()
    expect(page.locator("h1")).to_have_text("LLM Internals")


@pytest.mark.parametrize("name", TOPICS)
def test_every_control_moved_to_both_ends_draws_without_an_error_and_fits_a_phone(page, server, name):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{server.url}{name}.html")
    go_live(page)
    for demo in page.locator('llm-demo:not([kind="live"])').all():
        demo.scroll_into_view_if_needed()
        for slider in demo.locator("[data-control] input[type=range]").all():
            for end in ("Home", "End"):
                slider.press(end)
                settled(demo)
        for choice in demo.locator("[data-control] input[type=radio]").all():
            choice.check(force=True)
            settled(demo)
        for select in demo.locator("[data-control] select").all():
            for option in range(select.locator("option").count()):
                select.select_option(index=option)
                settled(demo)
        for toggle in demo.locator("[data-control] input[type=checkbox]").all():
            for _ in range(2):
                toggle.press("Space")
                settled(demo)


# How far the page is wider than its window, and which labels of a live figure stand beyond its edges.
BEYOND = """() => [document.documentElement.scrollWidth - innerWidth,
  ...[...document.querySelectorAll(".js-plotly-plot .annotation")].filter((label) => {
    const [inner, outer] = [label, label.closest(".main-svg")].map((e) => e.getBoundingClientRect());
    return inner.width && (inner.left < outer.left - 1 || inner.right > outer.right + 1);
  }).map((label) => label.textContent)]"""


def settled(demo):
    demo.page.wait_for_timeout(60)
    expect(demo).to_have_attribute("state", "live", timeout=10_000)
    assert demo.page.evaluate(BEYOND) == [0]


@pytest.mark.parametrize("name", TOPICS)
def test_a_live_figure_follows_the_theme(browser, server, name):
    page = open_page(browser, server, name, live=True, color_scheme="light")
    label = page.locator(".js-plotly-plot .ytitle, .js-plotly-plot .xtick text").first
    light = label.evaluate("label => getComputedStyle(label).fill")
    page.emulate_media(color_scheme="dark")
    expect(label).not_to_have_css("fill", light)
    page.context.close()


@pytest.mark.parametrize("name", TOPICS)
def test_print_has_the_figures(browser, server, name, tmp_path):
    page = open_page(browser, server, name)
    figures = page.locator("llm-demo .view-figure").count()
    page.emulate_media(media="print")
    seen = page.locator("llm-demo .view-figure svg:visible").count()
    assert seen >= figures > 0
    page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 50_000
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_it_is(browser, server, name):
    page = open_page(browser, server, name)
    assert page.title()
    assert page.locator("h1").count() == 1
    assert page.locator("html[lang=en]").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('main :is(h1,h2,h3,h4)')].map((h) => Number(h.tagName[1]))")
    assert all(b - a <= 1 for a, b in pairwise(levels)), levels
    page.context.close()
