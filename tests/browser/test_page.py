"""A topic's page in a real Chromium: guesses, popovers, contents, notes, the theme; and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.conftest import make_project, run_build, serving
from tests.reader import SAVES_DATA

pytestmark = pytest.mark.browser

MODULE = '''"""A topic."""
import numpy as np

from topics.kit import Figure, Slider, demo, line

x = np.arange(5)


@demo(n=Slider("N", 0, 9, value=2))
def tilt(n):
    """A line that the slider tilts."""
    return Figure([line(x, n * x, "line", "key")], "x", "y", alt=f"Slope {n}.")
'''
TEX = (r"${q}^2 \tfrac{1}{2}$", "$${k} < 1$$")
PARAGRAPH = "Words that fill the page until it is long enough to scroll. " * 30
BODY = f"""[[demo tilt]]

Between $\\ink{{query}}{{q}}^2 \\tfrac{{1}}{{2}}$ and

$$\\ink{{key}}{{k}} < 1$$ {{#eq:one}}

A [[term logit : score]] is known [[cite knuth1984]], says [[citet knuth1984]]; see [[fig tilt]].

/// predict | How steep?
It is {{twice, half, not}} as steep.
///

## First

/// note | Aside
A remark on the paragraph.
///

{PARAGRAPH}

## Second

{PARAGRAPH}

/// question | Why?
Because.
///

## Third

{PARAGRAPH}
"""
BIB = "@article{knuth1984, author={Knuth, Donald}, title={Literate Programming}, journal={The Computer Journal}, " \
      "year={1984}, doi={10.1093/comjnl/27.2.97}}"  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    add = make_project(tmp_path_factory.mktemp("page") / "project")
    (add.root / "topics/references.bib").write_text(BIB)
    (add.root / "topics/glossary.md").write_text(
        "## logit\n\nA number $z$ before the [[term softmax]].\n\n## softmax\n\nIt."
    )
    add("lines", BODY, MODULE, "title: Lines\nsummary: They are.\nminutes: 5\nreviewed: 2026-11-22\n")
    add(
        "more",
        f"[Lines](lines.md#second)\n\n{PARAGRAPH}",
        '"""More."""\n',
        "title: More\nsummary: Of it.\nminutes: 5\n",
    )
    run_build("build", root=add.root)
    with serving(add.root / "site") as server:
        yield server.url


@pytest.fixture
def context(context):
    """A fresh reader to whom Python comes when a control is moved: hardly a test here asks for it."""
    context.add_init_script(SAVES_DATA)
    return context


@pytest.fixture
def still(browser, url):
    """A page without JavaScript, on a phone."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(url + "lines.html")
    yield page
    context.close()


def popover(page):
    return page.locator("#popover:popover-open")


# ---- guesses


def guess(page, name):
    return page.locator("predict-block").get_by_role("button", name=name)


def test_a_right_guess_opens_the_answer_and_says_so(page, url):
    page.goto(url + "lines.html")
    expect(page.locator("predict-block").get_by_text("It is twice as steep")).to_be_hidden()
    guess(page, "twice").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Right.", exact=True)).to_be_visible()
    expect(page.locator("predict-block").get_by_text("It is twice as steep")).to_be_visible()
    expect(guess(page, "twice ✓")).to_have_attribute("aria-pressed", "true")
    expect(guess(page, "twice")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("Right. It is twice as steep.")


def test_a_wrong_guess_is_marked_and_counts_once(page, url):
    page.goto(url + "lines.html")
    guess(page, "half").click()
    expect(page.get_by_text("Not quite.", exact=True)).to_be_visible()
    expect(guess(page, "half ✗")).to_have_attribute("aria-pressed", "true")
    expect(guess(page, "twice ✓")).to_have_attribute("aria-pressed", "false")
    guess(page, "twice").click(force=True)
    expect(page.locator(".verdict")).to_have_count(1)


def test_the_answer_opens_without_a_guess(page, url):
    page.goto(url + "lines.html")
    page.get_by_text("Show the answer without guessing").click()
    expect(page.locator("predict-block").get_by_text("It is twice as steep")).to_be_visible()
    expect(page.locator(".verdict")).to_have_count(0)


# ---- terms and sources


def test_a_term_is_defined_on_hover_and_stays_under_the_pointer(page, url):
    page.goto(url + "lines.html")
    page.locator("a.term").first.hover()
    expect(popover(page)).to_contain_text("before the softmax")
    expect(popover(page).locator(".katex")).to_be_visible()
    popover(page).get_by_role("link", name="Glossary").hover()
    # what would close it is set for 250 ms after the pointer has left the link: a later timer ends later
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 300))")
    expect(popover(page)).to_be_visible()
    page.mouse.move(5, 5)
    expect(popover(page)).to_have_count(0)


def test_a_term_is_defined_on_focus_and_escape_closes(page, url):
    page.goto(url + "lines.html")
    page.locator(".figure-number").focus()
    for _ in range(9):
        page.keyboard.press("Tab")
        if page.locator("a.term:focus").count():
            break
    expect(popover(page)).to_contain_text("before the softmax")
    expect(page.locator("a.term").first).to_have_accessible_description("A number z before the softmax. Glossary")
    page.keyboard.press("Escape")
    expect(popover(page)).to_have_count(0)
    expect(page.locator("a.term").first).to_be_focused()


def test_tab_leads_into_the_popover_and_on(page, url):
    page.goto(url + "lines.html")
    page.locator("a.cite").first.focus()
    page.keyboard.press("Shift+Tab")
    expect(popover(page)).to_be_visible()
    page.keyboard.press("Tab")
    expect(popover(page).get_by_role("link", name="softmax")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("a.cite").first).to_be_focused()
    expect(popover(page)).to_contain_text("Literate Programming")


def test_a_tap_defines_and_the_next_one_elsewhere_closes(browser, url):
    context = browser.new_context(has_touch=True, viewport={"width": 320, "height": 700})
    page = context.new_page()
    page.goto(url + "lines.html")
    page.locator("a.term").first.tap()
    expect(popover(page)).to_be_visible()
    box = popover(page).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320
    expect(page).to_have_url(url + "lines.html")
    page.locator("h1").tap()
    expect(popover(page)).to_have_count(0)
    page.locator("a.term").first.tap()
    popover(page).get_by_role("link", name="Glossary").tap()
    expect(page).to_have_url(url + "glossary.html#logit")
    context.close()


def test_a_citation_shows_its_source_and_the_source_leads_back(page, url):
    page.goto(url + "lines.html")
    page.locator("a.cite").last.hover()
    expect(popover(page)).to_contain_text("Knuth, D. (1984). Literate Programming. The Computer Journal.")
    expect(popover(page).get_by_role("link")).to_have_attribute("href", "https://doi.org/10.1093/comjnl/27.2.97")
    assert page.locator("a.cite").last.inner_text() == "Knuth (1984)"
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Back to citation 2").click()
    expect(page).to_have_url(url + "lines.html#cite-knuth1984-2")


# ---- contents, figures, notes


def current(page):
    return page.locator(".contents [aria-current]")


def test_the_contents_follow_the_reader(page, url):
    page.goto(url + "lines.html")
    expect(current(page)).to_have_count(0)
    page.locator("#second").evaluate("heading => heading.scrollIntoView()")
    expect(current(page)).to_have_text("Second")
    page.locator("#first").evaluate("heading => heading.scrollIntoView()")
    expect(current(page)).to_have_text("First")
    expect(page.locator(".contents a").first).to_be_in_viewport()


def test_the_contents_are_folded_on_a_phone(page, url):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(url + "lines.html")
    link = page.get_by_role("navigation", name="On this page").get_by_role("link", name="Second")
    expect(link).to_be_hidden()
    page.get_by_text("On this page").click()
    link.click()
    expect(page.locator("#second")).to_be_in_viewport()


def test_a_figure_has_a_number_that_links_to_it(page, url):
    page.goto(url + "lines.html")
    assert page.get_by_role("link", name="figure 1", exact=True).get_attribute("href") == "#demo-tilt"
    expect(page.locator("#demo-tilt figcaption")).to_have_text("Figure 1 A line that the slider tilts.")


def test_a_note_stands_in_the_margin_beside_its_paragraph(page, url):
    page.goto(url + "lines.html")
    note, text = page.locator(".side-note"), page.locator(".side-note + p")
    expect(note.get_by_text("A remark")).to_be_visible()
    beside, column = note.bounding_box(), text.bounding_box()
    assert beside["x"] >= column["x"] + column["width"]
    assert abs(beside["y"] - column["y"]) < 20


def test_a_note_is_folded_where_there_is_no_margin(page, url):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(url + "lines.html")
    expect(page.get_by_text("A remark")).to_be_hidden()
    page.locator(".side-note summary").click()
    expect(page.get_by_text("A remark")).to_be_visible()


def test_a_headings_link_shows_on_hover_and_on_focus(page, url):
    page.goto(url + "lines.html")
    link = page.locator("#first .anchor")
    expect(link).to_have_css("opacity", "0")
    page.locator("#first").hover()
    expect(link).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    link.focus()
    expect(link).to_have_css("opacity", "1")


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
def test_nothing_is_wider_than_the_page(page, url, width):
    page.set_viewport_size({"width": width, "height": 900})
    for name in ("lines", "glossary"):
        page.goto(f"{url}{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# ---- the theme


def surface(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_theme_is_kept_and_set_before_the_first_paint(page, url):
    page.goto(url + "lines.html")
    light = surface(page)
    page.get_by_label("Theme").select_option("Dark")
    assert surface(page) != light
    page.route("**/main-*.js", lambda route: route.abort())  # what comes before the page's script
    page.goto(url + "more.html")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.problems.clear()  # the script that the test refused
    page.unroute("**/main-*.js")
    page.goto(url + "more.html")
    page.get_by_label("Theme").select_option("System")
    assert surface(page) == light
    page.emulate_media(color_scheme="dark")
    assert surface(page) != light


def test_a_live_figure_is_recoloured_and_not_computed_again(page, url):
    page.goto(url + "lines.html")
    page.locator("#demo-tilt input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#demo-tilt")).to_have_attribute("state", "live")
    line = page.locator("#demo-tilt .js-plotly-plot .scatterlayer path.js-line").first
    expect(line).to_have_css("stroke", "rgb(163, 74, 0)")
    page.evaluate("""() => {
      window.states = [];
      const seen = new MutationObserver((all) => states.push(...all.map(({ target }) => target.getAttribute("state"))));
      seen.observe(document.querySelector("#demo-tilt"), { attributeFilter: ["state"] });
    }""")
    page.get_by_label("Theme").select_option("Dark")
    expect(line).to_have_css("stroke", "rgb(255, 171, 107)")
    assert page.evaluate("states") == []


# ---- around the page


def test_soft_navigation_moves_the_focus_and_says_where(page, url):
    page.goto(url + "lines.html")
    page.evaluate("window.same = true")
    page.get_by_role("link", name="More").first.click()
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("More · LLM Internals")
    assert page.evaluate("window.same")
    page.get_by_role("link", name="Lines", exact=True).first.click()
    expect(page.locator("#second")).to_be_in_viewport()


def test_the_page_can_be_cited_mended_and_reported(page, url):
    page.goto(url + "lines.html")
    page.get_by_text("Cite this page").click()
    expect(page.get_by_label("BibTeX")).to_contain_text("title = {Lines},")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("copy-this").last.get_by_role("button", name="Copy").click()
    expect(page.locator("copy-this").last.get_by_role("button")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("@misc{llminternals_lines,") and copied.endswith("}") and "year = {2026}" in copied
    assert (
        page.get_by_role("link", name="Edit this page")
        .get_attribute("href")
        .endswith("/edit/main/topics/lines/page.md")
    )
    assert "title=Lines" in page.get_by_role("link", name="Report an error").get_attribute("href")
    expect(page.locator(".topic-facts time")).to_have_attribute("datetime", "2026-11-22")


@pytest.mark.parametrize("clipboard", ["undefined", "{ writeText: () => Promise.reject() }"], ids=["none", "refusing"])
def test_where_nothing_can_be_copied_the_button_says_so(page, url, clipboard):
    """On plain http a browser offers no clipboard."""
    page.add_init_script(f"Object.defineProperty(navigator, 'clipboard', {{ value: {clipboard} }})")
    page.goto(url + "lines.html")
    page.get_by_text("Cite this page").click()
    page.locator("copy-this").last.get_by_role("button", name="Copy").click()
    expect(page.locator("copy-this").last.get_by_role("button")).to_have_text("Select the text to copy it")
    expect(page.locator("#announcer")).to_have_text("Select the text to copy it")


# ---- without JavaScript


def test_without_javascript_nothing_is_lost(still):
    still.locator("predict-block summary").click()
    expect(still.get_by_text("It is twice as steep")).to_be_visible()
    still.locator(".side-note summary").click()
    expect(still.get_by_text("A remark")).to_be_visible()
    expect(still.get_by_text("Why?")).to_be_visible()
    still.locator(".question summary").click()
    expect(still.get_by_text("Because.")).to_be_visible()
    still.locator("a.term").first.click()
    expect(still.locator("#logit:target")).to_be_in_viewport()


def test_without_javascript_a_citation_leads_to_its_source(still):
    still.locator("a.cite").first.click()
    expect(still.locator("#ref-knuth1984")).to_be_in_viewport()


COPY = """(selector) => {
  const [first, last] = document.querySelectorAll(selector);
  getSelection().setBaseAndExtent(first.querySelector(".katex-html").firstChild, 0, last, last.childNodes.length);
  const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
  const before = document.querySelectorAll(".katex-html").length;
  return [event.clipboardData.getData("text/plain"), event.clipboardData.getData("text/html"), before];
}"""


def test_formulas_are_copied_as_tex_once(page, url):
    page.goto(url + "lines.html")
    drawn = page.locator(".katex-html").count()
    plain, html, left = page.evaluate(COPY, "main p:has(.katex), main .equation")
    assert plain.startswith(f"{TEX[0]} and\n") and TEX[1] in plain
    assert html.count(TEX[0]) == html.count(TEX[1].replace("<", "&lt;")) == 1
    assert "katex-html" not in html and "<math" not in html
    assert left == drawn, "the page is as it was"


def test_in_print_the_answers_are_open_and_the_navigation_is_gone(page, url):
    page.goto(url + "lines.html")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.emulate_media(media="print")
    expect(page.get_by_text("Because.")).to_be_visible()
    expect(page.locator("predict-block").get_by_text("It is twice as steep")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    assert surface(page) == "rgb(253, 252, 249)"
