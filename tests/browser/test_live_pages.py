"""Every topic's page with Python live: all its demos answer, at their defaults and at the ends of every control, and
what then stands on the page is accessible and never too wide.

A page is visited once for all its tests, by a soft link in a tab whose Python is warm (`live`). Of all files of tests
this one takes longest, so it is apart from test_pages.py, and the first to begin (tests/selection.py).
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import TOPICS
from tests.look import SCHEMES, TWICE, WIDTHS, resize, too_narrow, violations
from tests.reader import DRAWN, PATIENCE, at_rest, eventually, go_live, visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=TOPICS)
def name(request):
    return request.param


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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_once_python_is_live_and_all_is_unfolded(live, scheme):
    assert violations(live, scheme) == []


def test_no_id_stands_twice_once_python_is_live(live):
    assert live.evaluate(TWICE) == []


def test_nothing_is_wider_than_the_screen_once_python_is_live_and_all_is_unfolded(live):
    """The narrowest comes last, in the test that moves all controls: at each width all figures are drawn anew."""
    assert too_narrow(live, reversed(WIDTHS[1:])) == {}


def test_every_demo_of_a_page_goes_live(live):
    states = live.evaluate("[...document.querySelectorAll('llm-demo')].map((d) => [d.id, d.onButton, d.state])")
    assert states
    assert [id for id, on_button, state in states if state != ("static" if on_button else "live")] == []


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


def test_no_label_of_a_live_figure_is_lost_or_cut(live, name):
    no_label_is_lost_or_cut(live, name)


# Each control to both ends or to each option, in the page itself. Where the house model runs, to the first and last
# options, and of more than MANY to as many, evenly chosen, unless all is asked for. After each move the demo answers
# and says that it has painted; then nothing may be wider than the window, and no label may stand beyond its figure.
MANY = 12
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
  const asked = (demo, options, one) => {
    const last = options.length - 1, steps = demo.getAttribute("kind") === "model" ? 1 : MANY - 1;
    if (all || last <= steps) return true;
    return Array.from({ length: steps + 1 }, (_, k) => options[Math.round((last * k) / steps)]).includes(one);
  };
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
}""".replace("DRAWN", DRAWN).replace("MANY", str(MANY))


def test_every_control_moved_to_both_ends_draws_without_an_error_and_fits_a_phone(live, name, request):
    resize(live, WIDTHS[0])
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
