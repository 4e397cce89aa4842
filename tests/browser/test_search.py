"""The search: what the build puts into its index, and the dialog in a real browser."""

import json
import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from builder.index.search import sections
from builder.page.exercises import exercise_html
from builder.templating import environment
from tests.conftest import REPOSITORY, serving
from tests.reader import SAVES_DATA
from topics.attention.exercises import answer_one_query

FIELD = "dialog.search [role=combobox]"
OPTION = "dialog.search [role=option]"
browser_test = pytest.mark.browser


@pytest.fixture(scope="module")
def places(site_dir):
    (file,) = (site_dir / "data").glob("search-*.json")
    return json.loads(file.read_text())


# ---- the index


def test_every_place_of_the_index_exists(places, site_dir):
    pages = {path.name: path.read_text() for path in site_dir.glob("*.html")}
    for place in places:
        page, _, anchor = place["url"].partition("#")
        assert not anchor or f'id="{anchor}"' in pages[page], place["url"]


def test_sections_of_pages_terms_and_planned_topics_can_be_found(places):
    urls = {place["url"] for place in places}
    assert {"kv_cache.html", "kv_cache.html#the-problem", "glossary.html#decode"} <= urls
    assert all(place["text"] or place["heading"] for place in places)


def test_what_is_operated_drawn_or_listed_is_no_text():
    html = (
        '<p>Kept<br>words</p><llm-demo><form><label>Slider</label><input></form><div class="demo-views"><p>1</p></div>'
        "<figcaption>Caption.</figcaption></llm-demo><pre>code()</pre><svg><text>tick</text></svg>"
        '<h3 id="x"><em>In</em>side <a class="anchor" href="#x">#</a></h3><table><tr><td>a</td><td>b</td></tr></table>'
    )
    assert sections(html) == [("", "", "Keptwords Caption."), ("x", "Inside", "a b")]


def test_a_formula_is_read_once():
    katex = (
        '<span class="katex"><span class="katex-mathml"><math><mi>H</mi></math></span>'
        '<span class="katex-html" aria-hidden="true"><span>H</span></span></span>'
    )
    assert sections(f"<p>Width {katex}.</p>") == [("", "", "Width H.")]


def test_no_solution_of_an_exercise_is_in_the_index():
    topic = SimpleNamespace(slug="attention", exercises={"answer_one_query": answer_one_query})
    drawn = exercise_html(environment(REPOSITORY / "templates"), topic, "answer_one_query")
    found = str(sections(drawn))
    assert "Write attend(q, K, V)" in found
    assert "np.exp" in drawn
    assert "np.exp" not in found


# ---- the dialog


@pytest.fixture(scope="module")
def url(request, site_dir):
    with serving(site_dir, prefix=getattr(request, "param", "/")) as server:
        yield server.url


@pytest.fixture
def context(context):
    """A fresh reader to whom Python comes when a control is moved: a search needs none."""
    context.add_init_script(SAVES_DATA)
    return context


class TestInTheBrowser:
    pytestmark = browser_test

    def search(self, page, text):
        page.keyboard.press("/")
        field = page.get_by_role("combobox", name="Search all pages")
        expect(field).to_be_focused()
        page.keyboard.type(text)
        expect(page.locator(OPTION).first).to_be_visible()

    @pytest.mark.parametrize("url", ["/", "/llm-internals/"], indirect=True)
    def test_a_section_is_found_and_enter_goes_there(self, page, url):
        page.goto(url)
        self.search(page, "bandwidth roofline ridge")
        option = page.locator(OPTION).filter(has_text="KV cache").first
        expect(option.locator("mark").first).to_be_visible()
        href = option.get_attribute("href")
        assert re.search(r"/kv_cache\.html#[\w-]+$", href)
        while option.get_attribute("aria-selected") == "false":
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(href)
        expect(page.locator("dialog.search")).to_have_count(0)
        expect(page.locator(f"[id='{href.split('#')[1]}']")).to_be_in_viewport()

    @pytest.mark.parametrize("key", ["{ isComposing: true }", "{ keyCode: 229 }"], ids=["before", "after, in Safari"])
    def test_the_enter_that_ends_a_composition_opens_nothing(self, page, url, key):
        page.goto(url)
        self.search(page, "cache")
        page.locator(FIELD).evaluate(
            f"""(field) => field.dispatchEvent(new KeyboardEvent("keydown",
            Object.assign({{ key: "Enter", bubbles: true, cancelable: true }}, {key})))"""
        )
        expect(page.locator("dialog.search")).to_be_visible()
        assert page.url == url

    def test_escape_closes_and_focus_returns(self, page, url):
        page.goto(url)
        page.locator(".site-name").focus()
        self.search(page, "cache")
        page.keyboard.press("Escape")
        expect(page.locator("dialog.search")).to_have_count(0)
        expect(page.locator(".site-name")).to_be_focused()

    def test_the_button_and_control_k_open_it_too(self, page, url):
        page.goto(url)
        page.get_by_role("button", name="Search").click()
        expect(page.locator("dialog.search")).to_be_visible()
        page.get_by_role("button", name="Close").click()
        page.keyboard.press("Control+k")
        expect(page.locator("dialog.search")).to_be_visible()

    def test_it_forgives_a_letter_and_finds_beginnings(self, page, url):
        page.goto(url)
        self.search(page, "quantizaton")
        expect(page.locator(OPTION).first).to_contain_text("Quantization")
        page.locator(FIELD).fill("specul")
        expect(page.locator(OPTION).first).to_contain_text("Speculative decoding")
        page.locator(FIELD).fill("zzzzqqq")
        expect(page.locator(".search-status")).to_have_text("Nothing found for “zzzzqqq”.")

    def test_once_opened_it_works_without_a_network(self, page, url):
        page.goto(url)
        self.search(page, "cache")
        page.keyboard.press("Escape")
        page.context.set_offline(True)
        self.search(page, "prefill")

    def test_without_a_network_it_says_so_and_tries_again(self, context, url):
        page = context.new_page()  # a refused request is a console error: none of the page's own
        page.goto(url)
        page.route("**/data/search-*", lambda route: route.abort())
        page.keyboard.press("/")
        expect(page.locator(".search-status")).to_contain_text("could not be loaded")
        page.unroute("**/data/search-*")
        page.keyboard.type("cache")
        expect(page.locator(OPTION).first).to_be_visible()

    def test_nothing_of_it_is_loaded_before_it_is_opened(self, page, url):
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.wait_for_load_state("networkidle")
        assert not [address for address in asked if "search" in address]
        self.search(page, "cache")
        assert [address for address in asked if "/data/search-" in address]

    def test_a_slash_that_is_typed_into_a_field_is_a_slash(self, page, url):
        page.goto(url)
        self.search(page, "cache")
        page.keyboard.type("/")
        expect(page.locator(FIELD)).to_have_value("cache/")


def test_the_library_is_pinned():
    assert json.loads((REPOSITORY / "package.json").read_text())["dependencies"]["minisearch"] == "7.2.0"
