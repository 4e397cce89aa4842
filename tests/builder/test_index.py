"""The index: topics, paths, the map, and what the reader has read."""

import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from builder.index.graph import crossings, layers, reduce, rows
from builder.index.index import circle_faults, draw_map, needs_of, read_paths
from builder.read.discover import discover
from tests.conftest import REPOSITORY, run_build
from topics import ORDER, PATHS

TOPICS, _ = discover(REPOSITORY)
SLUGS = [slug for section in ORDER.values() for slug in section]
WRITTEN = [topic.slug for topic in TOPICS if not topic.planned]
NEEDS = needs_of(TOPICS)
browser_test = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def index(site_dir):
    return (site_dir / "index.html").read_text()


# ---- topics


def test_attention_comes_first_and_all_thirty_topics_stand_in_order(index):
    assert re.findall(r'<li class="entry[^"]*" id="(\w+)"', index) == SLUGS
    assert SLUGS[0] == "attention"
    assert len(SLUGS) == 30


def entry_of(index, slug):
    return re.search(rf'<li class="entry[^"]*" id="{slug}">(.*?)</li>', index, re.S)[1]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.slug)
def test_a_planned_topic_is_marked_and_has_no_link_and_a_written_one_has_its_figure(index, topic):
    entry = entry_of(index, topic.slug)
    assert ("In preparation" in entry) == topic.planned
    assert (f'href="{topic.slug}.html"' in entry) != topic.planned
    assert ("<svg" in entry) != topic.planned
    assert (f'href="{topic.slug}.html"' in index) != topic.planned


# ---- paths


def test_the_build_finds_no_fault_in_the_paths():
    paths, faults = read_paths(TOPICS)
    assert faults == []
    assert {name: [topic.slug for topic in path] for name, path in paths.items()} == PATHS


@pytest.mark.parametrize("name", PATHS)
def test_a_path_has_what_a_topic_needs_before_it(name):
    path = PATHS[name]
    assert len(set(path)) == len(path)
    late = [(slug, need) for i, slug in enumerate(path) for need in NEEDS[slug] if need in path[i:]]
    assert late == []


def test_a_path_in_the_wrong_order_and_a_mistyped_slug_are_faults(project):
    project("one", meta="title: One\nsummary: x\nminutes: 5\nneeds: [two]\n")
    project("two")
    order = project.root / "topics/__init__.py"
    order.write_text(order.read_text() + 'PATHS = {"Way": ["one", "two", "tow"]}\n')
    printed = run_build("build", root=project.root, expect=1)
    assert "topics/__init__.py: Way: one needs two, which must stand before it" in printed
    assert "PATHS names tow, which is not in ORDER. Did you mean two?" in printed


# ---- the map


def test_prerequisites_in_a_circle_are_a_fault():
    topics = [SimpleNamespace(slug=a, meta={"needs": [b]}) for a, b in (("x", "y"), ("y", "x"))]
    (fault,) = circle_faults(topics)
    assert "in a circle" in fault.cause


def test_every_topic_stands_right_of_all_that_it_needs():
    x = {node.topic.slug: node.x for node in draw_map(TOPICS).nodes}
    assert x.keys() == set(SLUGS)
    assert [(slug, need) for slug in SLUGS for need in NEEDS[slug] if x[need] >= x[slug]] == []


def test_no_two_names_on_the_map_touch():
    nodes = draw_map(TOPICS).nodes
    for i, a in enumerate(nodes):
        for b in nodes[i + 1 :]:
            apart = abs(a.y - b.y) >= 17 * (len(a.lines) + len(b.lines)) / 2
            assert apart or a.x + 18 + a.width < b.x or b.x + 18 + b.width < a.x, (a.lines, b.lines)


def test_no_edges_of_the_map_cross():
    needs = reduce(NEEDS)
    layer_of = layers(needs)
    height = rows(needs, layer_of)
    short = [(need, slug) for slug in needs for need in needs[slug] if layer_of[slug] - layer_of[need] == 1]
    assert crossings(short, height, layer_of) == 0


def test_the_order_within_layers_undoes_a_crossing():
    needs = {"a": [], "b": [], "c": ["b"], "d": ["a"]}
    layer_of = layers(needs)
    assert crossings([("b", "c"), ("a", "d")], rows(needs, layer_of), layer_of) == 0


def test_the_map_links_the_written_topics_and_names_the_others(index):
    drawn = re.search(r"<prerequisite-map.*?</prerequisite-map>", index, re.S)[0]
    assert sorted(re.findall(r'<a class="node" href="(\w+)\.html"', drawn)) == sorted(WRITTEN)
    assert len(re.findall(r'<g class="node planned"', drawn)) == len(SLUGS) - len(WRITTEN)


# ---- in the browser


class TestInTheBrowser:
    pytestmark = browser_test

    def test_without_javascript_the_figure_the_map_and_the_links_are_there(self, browser, server):
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(server.url)
        expect(page.locator(".opening-demo .tokens:visible").first).to_be_visible()
        page.locator("prerequisite-map a.node").first.click()
        expect(page.locator("article.topic h1")).to_be_visible()
        context.close()

    def test_the_openings_slider_moves_the_house_model_before_python_is_fetched(self, page, server):
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.url)
        page.mouse.move(300, 300)
        demo = page.locator(".opening-demo llm-demo")
        before = demo.locator(".tokens").get_attribute("aria-label")
        assert not [url for url in asked if "runtime-" in url], "a look at the index costs no Python"
        demo.locator("input[type=range]").first.press("Home")
        expect(demo.locator(".tokens")).not_to_have_attribute("aria-label", before)

    def test_a_focused_topic_on_the_map_shows_its_kin(self, page, server):
        page.goto(server.url)
        page.locator('a.node[data-slug="kv_cache"]').focus()
        expect(page.locator('[data-slug="attention"]')).to_have_class(re.compile(r"\bkin\b"))
        expect(page.locator('[data-slug="mla"]')).to_have_class(re.compile(r"\bkin\b"))
        expect(page.locator('[data-slug="rlhf"]')).not_to_have_class(re.compile(r"\bkin\b"))
        page.locator(".site-name").focus()
        expect(page.locator(".tracing")).to_have_count(0)

    def test_a_topic_marked_as_read_is_shown_on_the_index(self, page, server):
        page.goto(server.url + "kv_cache.html")
        button = page.locator("read-mark button")
        expect(button).to_have_attribute("aria-pressed", "false")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        page.goto(server.url)
        expect(page.locator("#kv_cache .read-note")).to_be_visible()
        expect(page.locator("#attention .read-note")).to_be_hidden()
        expect(page.locator('[data-slug="kv_cache"] .tick')).to_be_visible()
        assert page.evaluate("Object.keys(localStorage).every((key) => key.startsWith('llm-internals:'))")

    def test_where_storage_is_refused_the_mark_still_toggles(self, page, server):
        page.add_init_script("Storage.prototype.setItem = Storage.prototype.getItem = () => { throw new Error(); };")
        page.goto(server.url + "kv_cache.html")
        page.locator("read-mark button").click()
        expect(page.locator("read-mark button")).to_have_attribute("aria-pressed", "true")

    @pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
    def test_only_the_map_scrolls_sideways(self, page, server, width):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(server.url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
