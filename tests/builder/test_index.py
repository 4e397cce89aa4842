"""The index: topics, paths, the map, and what the reader has read."""

import re
from base64 import b64encode
from dataclasses import replace
from itertools import combinations
from random import Random
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from builder.figure.miniature import miniature
from builder.index.index import circle_faults, map_of, needs_of, read_paths
from builder.pages import picture_of
from builder.places import TEMPLATES
from builder.read.discover import discover
from builder.read.frontmatter import parse
from builder.templating import environment
from tests.conftest import REPOSITORY, run_build
from topics import ORDER, PATHS
from topics.kit import Figure, Frame, Matrix, Metrics, Note, Steps, Tokens, line

TOPICS, _ = discover(REPOSITORY)
SLUGS = [slug for section in ORDER.values() for slug in section]
WRITTEN = [topic.slug for topic in TOPICS if not topic.planned]
NEEDS = needs_of(TOPICS)
browser_test = pytest.mark.browser


@pytest.fixture(scope="module")
def index(site_dir):
    return (site_dir / "index.html").read_text()


# ---- topics


def test_the_whole_comes_first_and_all_topics_stand_in_order(index):
    assert re.findall(r'<li class="entry[^"]*" id="(\w+)"', index) == SLUGS
    assert SLUGS[:3] == ["whole_model", "model_sheet", "attention"]
    assert len(SLUGS) == 2 + 30


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
    paths, faults = read_paths(TOPICS, REPOSITORY)
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
    assert "topics/__init__.py:4: Way: one needs two, which must stand before it" in printed
    assert "PATHS names tow, which is not in ORDER. Did you mean two?" in printed


# ---- the map


def test_prerequisites_in_a_circle_are_a_fault():
    topics = [SimpleNamespace(slug=a, meta={"needs": [b]}) for a, b in (("x", "y"), ("y", "x"))]
    (fault,) = circle_faults(topics)
    assert "in a circle" in fault.cause


def planted(places, depth=0, parent=None):
    """(place, depth, the topic that it hangs from) of all that is on a map."""
    for place in places:
        yield place, depth, parent
        yield from planted(place.below, depth + 1, place.topic.slug)


def grown(seed, count=30):
    """Topics that need up to three of those before them, under names of one to four words of any length."""
    random, topics = Random(seed), []
    for i in range(count):
        title = " ".join("m" * random.choice((1, 2, 3, 5, 8, 13)) for _ in range(random.randint(1, 4)))
        needs = random.sample([topic.slug for topic in topics], min(i, random.randint(0 if i > 20 else 1, 3)))
        topics.append(SimpleNamespace(slug=f"t{i}", title=title.capitalize(), planned=False, meta={"needs": needs}))
    return topics


GRAPHS = {"the thirty": [replace(topic, planned=False) for topic in TOPICS]}
GRAPHS |= {f"random {seed}": grown(seed) for seed in range(3)}


@pytest.mark.parametrize("topics", GRAPHS.values(), ids=GRAPHS)
def test_every_topic_is_on_the_map_once_and_beyond_all_that_it_needs(topics):
    depth = {place.topic.slug: depth for place, depth, _ in planted(map_of(topics))}
    assert sorted(place.topic.slug for place, *_ in planted(map_of(topics))) == sorted(topic.slug for topic in topics)
    late = [(t.slug, need) for t in topics for need in t.meta["needs"] if depth[need] >= depth[t.slug]]
    assert late == []


@pytest.mark.parametrize("topics", GRAPHS.values(), ids=GRAPHS)
def test_the_map_shows_each_need_by_a_line_or_in_words_unless_another_implies_it(topics):
    needs = needs_of(topics)

    def reaches(start, goal):
        return start == goal or any(reaches(need, goal) for need in needs[start])

    for place, _, parent in planted(map_of(topics)):
        slug = place.topic.slug
        direct = {n for n in needs[slug] if not any(reaches(other, n) for other in needs[slug] if other != n)}
        assert sorted([*([parent] if parent else []), *(topic.slug for topic in place.beside)]) == sorted(direct)
        assert set(place.needs) == {node for node in needs if node != slug and reaches(slug, node)}


def test_the_map_links_the_written_topics_and_names_the_others(index):
    drawn = re.search(r"<prerequisite-map.*?</prerequisite-map>", index, re.S)[0]
    nodes = re.findall(r'<div class="node( planned)?" data-slug="(\w+)".*?</div>', drawn, re.S)
    assert sorted(slug for planned, slug in nodes if not planned) == sorted(WRITTEN)
    assert len(nodes) == len(SLUGS)
    assert set(re.findall(r'href="(\w+)\.html"', drawn)) == set(WRITTEN)


# ---- the small pictures


def test_no_two_topics_have_pictures_of_the_same_marks_in_the_same_inks(index):
    """If this fails for a new topic, let `picture` in its front matter name another of its demos."""
    marks = r'ink-\w+|stroke-dasharray|stroke-linecap|fill="\w+"|fill-opacity="\S+"'
    made = {slug: re.findall(marks, entry_of(index, slug)) for slug in WRITTEN}
    assert [pair for pair in combinations(WRITTEN, 2) if made[pair[0]] == made[pair[1]]] == []


def test_a_matrix_is_its_own_picture_with_the_first_row_on_top_and_a_tint_where_it_holds_values():
    matrix = Matrix([[1.0, None], [0.0, -0.5]], "ab", "ab", ink="key")
    svg = miniature([Metrics(("x", 1, "")), Figure([line([0, 1], [0, 1], "a", "query")]), matrix])
    tint, shades = re.findall(r'<g style="color:var\(--ink-key\)".*?</g></g>', svg, re.S)
    assert "<text" not in svg
    assert 'viewBox="0 0 128 80"' in svg
    assert 'd="M0 74H74V37H0zM0 37H37V0H0z"' in tint, "square cells: two below, one above"
    assert 'd="M0 37H37V0H0z" style="fill:currentColor" fill-opacity="1"' in shades
    assert 'd="M37 74H74V37H37z" style="fill:var(--ink-error)" fill-opacity=".5"' in shades


def test_steps_show_their_last_frame_and_words_have_no_picture():
    def figure(ink):
        return Figure([line([0, 1], [0, 1], "a", ink)])

    assert "ink-cost" in miniature([Steps(Frame("one", figure("query")), Frame("two", figure("cost")))])
    assert miniature([Tokens(["a"]), Note("b")]) == ""


def test_the_front_matter_chooses_the_picture_and_a_wrong_choice_is_a_fault(tmp_path):
    def chosen(more):
        text = f"---\ntitle: One\nsummary: x\nminutes: 5\n{more}---\n"
        (tmp_path / "page.md").write_text(text)
        meta, *_, faults = parse(text, "page.md")
        assert faults == []
        svg, faults = picture_of(SimpleNamespace(meta=meta, file="page.md"), demos, tmp_path)
        return re.findall(r"color:var\(--ink-(\w+)", svg), [str(fault) for fault in faults]

    views = {ink: [Figure([line([0, 1], [0, 1], "a", ink)])] for ink in ("query", "cost")}
    demos = [SimpleNamespace(name=name, views=shown) for name, shown in {"words": [Note("w")], **views}.items()]
    assert chosen("") == (["query"], [])
    assert chosen("picture: cost\n") == (["cost"], [])
    missing, wordy = (f"page.md:5: picture: {cause}" for cause in (
        "costs is not a demo of this page. Did you mean cost?",
        "words shows neither a figure nor a matrix. Name another demo.",
    ))  # fmt: skip
    assert chosen("picture: costs\n") == ([], [missing])
    assert chosen("picture: words\n") == ([], [wordy])


# ---- in the browser

# The map alone, its lines red and all else transparent: what is red where a name stands has crossed it.
ONLY_LINES = """prerequisite-map { --line: 2px solid rgb(255, 0, 0) !important; } .node::before { visibility: hidden; }
  prerequisite-map * { color: transparent !important; text-decoration: none !important; }"""
NAMES = """() => [...document.querySelectorAll(".node > div > a, .node small")].flatMap((name) => {
  const range = document.createRange();
  range.selectNodeContents(name);
  return [...range.getClientRects()].map((box) => ({ name: name.textContent, ...box.toJSON() }));
})"""
REDS = """async ([png, boxes]) => {
  const picture = new Image();
  picture.src = "data:image/png;base64," + png;
  await picture.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const reds = (x, y, width, height) => {
    const { data } = context.getImageData(x, y, Math.max(1, width), Math.max(1, height));
    return data.filter((value, i) => i % 4 === 0 && value > 200 && data[i + 1] < 100).length;
  };
  const crossed = boxes.filter(({ x, y, width, height }) => reds(x, y, width, height));
  return [reds(0, 0, canvas.width, canvas.height), crossed.map((box) => box.name)];
}"""


def map_alone(topics, more=""):
    css = "".join((TEMPLATES / f"static/css/{name}.css").read_text() for name in ("theme", "page", "index"))
    source = '{% from "map.html" import prerequisite_map %}{{ prerequisite_map(map) }}'
    drawn = environment(TEMPLATES).from_string(source).render(map=map_of(topics))
    return f'<!doctype html><style>{css}{more}</style><div class="index">{drawn}</div>'


class TestInTheBrowser:
    pytestmark = browser_test

    @pytest.mark.parametrize("spacing", ["normal", "0.12em"], ids=["as it is", "as in a wide font"])
    @pytest.mark.parametrize("graph", ["the thirty", "random 0"])
    def test_no_name_on_the_map_is_cut_or_crossed_by_a_line_or_by_another(self, page, graph, spacing):
        topics = GRAPHS[graph]
        for width in (320, 820, 1024, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.set_content(map_alone(topics, f"{ONLY_LINES} prerequisite-map {{ letter-spacing: {spacing}; }}"))
            boxes = page.evaluate(NAMES)
            assert {box["name"] for box in boxes} >= {topic.title for topic in topics}
            room = page.locator("prerequisite-map").bounding_box()
            left, right = room["x"], room["x"] + room["width"]
            assert [box["name"] for box in boxes if box["left"] < left or box["right"] > right + 0.5] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for a, b in combinations(boxes, 2):
                apart = [abs(a[at] + a[size] / 2 - b[at] - b[size] / 2) - (a[size] + b[size]) / 2
                         for at, size in (("x", "width"), ("y", "height"))]  # fmt: skip
                assert max(apart) > -3 or a["name"] == b["name"], (width, a, b)
            png = b64encode(page.screenshot(full_page=True)).decode()
            reds, crossed = page.evaluate(REDS, [png, boxes])
            assert crossed == []
            assert reds > 1000, "the lines are there"

    def test_without_javascript_the_figure_the_map_and_the_links_are_there(self, browser, server):
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(server.url)
        expect(page.locator(".opening-demo .tokens:visible").first).to_be_visible()
        page.locator("prerequisite-map a").first.click()
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
        page.locator('.node[data-slug="kv_cache"] a').focus()
        expect(page.locator('[data-slug="attention"]')).to_have_class(re.compile(r"\bkin\b"))
        expect(page.locator('[data-slug="mla"]')).to_have_class(re.compile(r"\bkin\b"))
        expect(page.locator('[data-slug="rlhf"]')).not_to_have_class(re.compile(r"\bkin\b"))
        branch = """(slug) => {
          const item = document.querySelector(`li:has(> [data-slug=${slug}])`);
          return getComputedStyle(item, "::before").borderBottomColor;
        }"""
        assert page.evaluate(branch, "kv_cache") == page.evaluate(branch, "gqa") != page.evaluate(branch, "rope")
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
    def test_nothing_scrolls_sideways(self, page, server, width):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(server.url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
