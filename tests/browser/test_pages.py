"""Every page of the site, as every reader meets it: accessible, never too wide, its links whole, its figures printed.

Parametrised over all pages, so that a new topic is held to this before its author writes a test. A page is opened twice
for all its tests together: once as it came, where nothing has moved (`still`), and once by a soft link in a tab whose
Python is warm, with every demo live (`live`). Each test sets the width and the theme that it needs.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import REPOSITORY
from tests.reader import DESKTOP, DRAWN, PATIENCE, SAVES_DATA, at_rest, eventually, go_live, visit, watched
from topics import ORDER

pytestmark = pytest.mark.browser

AXE = (REPOSITORY / "node_modules/axe-core/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TOPICS = [s for members in ORDER.values() for s in members if (REPOSITORY / f"topics/{s}/method.py").exists()]
PAGES = [*TOPICS, "index", "glossary", "corrections", "offline", "404"]
of_topics = pytest.mark.parametrize("name", TOPICS, indirect=True)  # the same fixture: a page's tests stay together
WIDTHS = (320, 768, 1280)
PHONE = 360


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


@pytest.fixture
def live(reader, server, name):
    """A topic's page with every demo live, at its defaults, all unfolded; the same body until a test disturbs it."""
    if reader.locator("body").get_attribute("data-visit") != name:
        visit(reader, f"{server.url}{name}.html")
        go_live(reader)
        reader.evaluate(UNFOLD, name)
    yield reader
    at_rest(reader)


UNFOLD = """(name) => {
  document.body.dataset.visit = name;
  document.querySelectorAll("main details").forEach((details) => (details.open = true));
}"""


# ---- accessible


SCHEMES = ("light", "dark")

# A theme changes colours alone. So in the second one axe's rules about colours are asked of one of all elements that
# look alike: of the same colours, their own and behind them, and the same size of type.
ALIKE = """(places) => {
  const seen = new Map();
  const behind = (element) => {
    if (!element) return "";
    if (!seen.has(element)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
      const own = `${backgroundColor} ${backgroundImage} ${opacity}`;
      seen.set(element, behind(element.parentElement) + (own === "rgba(0, 0, 0, 0) none 1" ? "" : `/${own}`));
    }
    return seen.get(element);
  };
  const looks = new Map();
  for (const element of document.querySelectorAll(places.split(",").map((place) => `${place} *`).join())) {
    const spoken = element.matches("input, textarea, select") ||
      [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!spoken || !element.checkVisibility()) continue;
    const { color, fill, fontSize, fontWeight } = getComputedStyle(element);
    const look = [color, element.closest("svg") && fill, fontSize, fontWeight, behind(element)].join();
    if (!looks.has(look)) looks.set(look, element);
  }
  return [...looks.values()];
}"""

# The words are made in the page: all that axe knows is megabytes, and slow to come over.
RUN_AXE = f"""async ([tags, places, colours]) => {{
  const some = axe.getRules(tags).filter((rule) => rule.tags.includes("cat.color")).map((rule) => rule.ruleId);
  const where = colours ? ({ALIKE})(places) : places;
  const ran = await axe.run(where, {{ runOnly: colours ? some : tags, resultTypes: ["violations"] }});
  const told = ({{ id, nodes }}) => nodes.map((node) => `${{id}}: ${{node.target}} ${{node.failureSummary}}`);
  return [ran.passes.map((rule) => rule.id), ran.violations.flatMap(told)];
}}"""


def violations(page, scheme, places="html"):
    """What axe finds in places of the page and in a theme, in words: rule, element, and what is wrong."""
    page.emulate_media(color_scheme=scheme)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    passed, found = page.evaluate(RUN_AXE, [TAGS, places, scheme != SCHEMES[0]])
    assert found or "color-contrast" in passed, "axe has looked at nothing"
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(still, scheme, name):
    """A topic's demos, which change when they are live: all else on its page is looked at then."""
    assert violations(still, scheme, "llm-demo" if name in TOPICS else "html") == []


@of_topics
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_once_python_is_live_and_all_is_unfolded(live, scheme):
    assert violations(live, scheme) == []


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


TWICE = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.filter((id, i) => ids.indexOf(id) !== i);
}"""


def test_no_id_stands_twice(still):
    assert still.evaluate(TWICE) == []


@of_topics
def test_no_id_stands_twice_once_python_is_live(live):
    assert live.evaluate(TWICE) == []


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


# Plotly follows a change of the window after a while: a figure that is as wide as its place has followed.
FITTED = """() => [...document.querySelectorAll(".js-plotly-plot")].filter((plot) => plot.clientWidth)
  .every((plot) => Math.abs(plot.querySelector(".main-svg")?.getAttribute("width") - plot.clientWidth) < 1)"""
WIDER = "document.documentElement.scrollWidth - innerWidth"


def resize(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    eventually(page, lambda: page.evaluate(FITTED))


def too_narrow(page):
    """The widths of screens that the page is wider than: how much."""
    wider = {}
    for width in WIDTHS:  # in one test, since figures are drawn anew at each change
        resize(page, width)
        wider[width] = page.evaluate(WIDER)
    return {width: pixels for width, pixels in wider.items() if pixels > 0}


def test_nothing_is_wider_than_the_screen(still):
    assert too_narrow(still) == {}


@of_topics
def test_nothing_is_wider_than_the_screen_once_python_is_live_and_all_is_unfolded(live):
    assert too_narrow(live) == {}


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


# ---- live


@of_topics
def test_every_demo_of_a_page_goes_live(live):
    states = live.evaluate("[...document.querySelectorAll('llm-demo')].map((d) => [d.id, d.onButton, d.state])")
    assert states
    assert [id for id, on_button, state in states if state != ("static" if on_button else "live")] == []


@of_topics
def test_a_live_figure_follows_the_theme(live):
    label = live.locator(".js-plotly-plot .ytitle, .js-plotly-plot .xtick text").first
    light = label.evaluate("label => getComputedStyle(label).fill")
    live.emulate_media(color_scheme="dark")
    expect(label).not_to_have_css("fill", light)


# The labels in the figures that are seen: text, width, and how far they stand beyond their figure on either side.
LABELS = """() => [...document.querySelectorAll(".js-plotly-plot .annotation")]
  .filter((label) => label.closest(".js-plotly-plot").checkVisibility()).map((label) => {
    const [inner, outer] = [label, label.closest(".main-svg")].map((e) => e.getBoundingClientRect());
    return [label.textContent, inner.width, outer.left - inner.left, inner.right - outer.right];
  })"""


def no_label_is_lost_or_cut(page, name):
    labels = page.evaluate(LABELS)
    assert len(labels) > 4 or name != "kv_cache", "a figure with labels shows none"
    assert [text for text, wide, left, right in labels if wide <= 5 or max(left, right) > 1] == []


@of_topics
def test_no_label_of_a_live_figure_is_lost_or_cut(live, name):
    no_label_is_lost_or_cut(live, name)


# Each control to both ends or to each option, in the page itself (where the house model runs, to the first and last
# ones, unless all is asked for). After each move the demo answers and says that it has painted; then nothing may be
# wider than the window, and no label may stand beyond its figure.
SWEEP = """async ([patience, all]) => {
  const findings = [];
  const drawn = DRAWN;
  const beyond = (place) => [...place.querySelectorAll(".js-plotly-plot .annotation")].filter((label) => {
    const [inner, outer] = [label, label.closest(".main-svg")].map((e) => e.getBoundingClientRect());
    return inner.width && (inner.left < outer.left - 1 || inner.right > outer.right + 1);
  }).map((label) => `“${label.textContent}” stands beyond its figure`);
  const look = (place, when) => {
    const wide = document.documentElement.scrollWidth - innerWidth;
    const found = [...(wide > 0 ? [`${wide} px wider than the window`] : []), ...beyond(place)];
    findings.push(...found.map((what) => `${when}: ${what}`));
  };
  const answer = (demo) => new Promise((resolve) => {
    const timer = setTimeout(() => resolve("no answer"), patience);
    const done = (what) => (clearTimeout(timer), resolve(what));
    demo.addEventListener("painted", () => done(""), { once: true });
    demo.addEventListener("demo-failed", ({ detail }) => done(detail.message), { once: true });
  });
  const asked = (demo, options, one) =>
    all || demo.getAttribute("kind") !== "model" || one === options[0] || one === options[options.length - 1];
  const input = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));
  function* moves(demo) {
    for (const slider of demo.querySelectorAll("[data-control] input[type=range]"))
      for (const end of [slider.min, slider.max])
        if (slider.value !== end) yield [slider, end, () => ((slider.value = end), input(slider))];
    for (const choice of demo.querySelectorAll("[data-control] input[type=radio]"))
      if (!choice.checked && asked(demo, demo.querySelectorAll(`[name="${choice.name}"]`), choice))
        yield [choice, choice.value, () => choice.click()];
    for (const select of demo.querySelectorAll("[data-control] select"))
      for (const option of select.options)
        if (!option.selected && asked(demo, select.options, option))
          yield [select, option.text, () => ((option.selected = true), input(select))];
    for (const toggle of demo.querySelectorAll("[data-control] input[type=checkbox]"))
      for (const way of ["over", "back"]) yield [toggle, way, () => toggle.click()];
  }
  let moved = 0;
  look(document, "at the defaults");
  for (const demo of document.querySelectorAll('llm-demo:not([kind="live"])')) {
    demo.scrollIntoView();
    for (const [element, to, move] of moves(demo)) {
      const when = `${demo.id}, ${element.closest("[data-control]").dataset.control} = ${to}`;
      const answered = answer(demo);
      move();
      const failure = await answered;
      if (failure) findings.push(`${when}: ${failure}`);
      const end = performance.now() + patience;
      while (!failure && !drawn(demo) && performance.now() < end) await new Promise((go) => setTimeout(go, 5));
      look(demo, when);
      moved += 1;
    }
  }
  return [moved, findings];
}""".replace("DRAWN", DRAWN)


@of_topics
def test_every_control_moved_to_both_ends_draws_without_an_error_and_fits_a_phone(live, name, request):
    resize(live, PHONE)
    no_label_is_lost_or_cut(live, name)
    live.evaluate("delete document.body.dataset.visit")  # from here on it is not at its defaults
    moved, findings = live.evaluate(SWEEP, [PATIENCE, request.config.getoption("--all")])
    assert findings == []
    assert moved > 0


@pytest.fixture(scope="module")
def tab_stops(reader, server):
    """Where Tab leads on the index: the addresses of the links that it comes to."""
    visit(reader, server.url + "index.html")
    reader.evaluate(
        """() => { window.stops = [];
        document.body.addEventListener("focusin", ({ target }) => stops.push(target.getAttribute("href"))); }"""
    )
    for _ in range(200):
        reader.keyboard.press("Tab")
    return reader.evaluate("stops")


def words(told):
    """What a view tells who does not see it."""
    return told.evaluate("element => element.ariaLabel ?? element.textContent")


@of_topics
def test_a_journey_by_keyboard_from_the_index_to_a_moved_slider_and_back(reader, server, name, tab_stops):
    assert f"{name}.html" in tab_stops
    visit(reader, server.url + "index.html")
    reader.locator(f'a[href="{name}.html"]:visible').first.focus()
    reader.keyboard.press("Enter")
    expect(reader).to_have_url(f"{server.url}{name}.html")
    expect(reader.locator("#main")).to_be_focused()  # the address is the next page's before its content is
    for _ in range(120):  # what is on a button waits for it
        reader.keyboard.press("Tab")
        if reader.evaluate("document.activeElement.matches('llm-demo:not([kind=live]) input[type=range]')"):
            break
    demo = reader.locator("llm-demo:focus-within")
    told = demo.locator(".figure-alt, .tokens").first
    before = words(told)
    way = "ArrowLeft" if reader.evaluate("Number(document.activeElement.value)") else "ArrowRight"
    reader.keyboard.press(way)
    reader.keyboard.press(way)
    eventually(reader, lambda: words(told) != before)
    expect(demo).to_have_attribute("state", "live")
    expect(reader).to_have_url(re.compile(re.escape(f"#{demo.get_attribute('id').removeprefix('demo-')}:")))
    reader.go_back()
    expect(reader).to_have_url(server.url + "index.html")
    expect(reader.locator("h1")).to_have_text("LLM Internals")
    at_rest(reader)
