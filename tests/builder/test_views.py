"""Views as HTML: the browser's own views.js, run in Node as the build runs it."""

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from builder.node import ask
from topics.kit import (
    Badge,
    Figure,
    Frame,
    Listing,
    Matrix,
    Metrics,
    Note,
    Scores,
    Steps,
    Table,
    Tokens,
    bars,
    heatmap,
    line,
)

ROOT = Path(__file__).parents[2]
VIEWS_JS = ROOT / "templates/static/js/demo/views.js"
NASTY = "<script>alert(\"1\")</script> & 'x'"


def html(*views):
    (answer,) = ask([{"do": "views", "views": list(views)}])
    assert "error" not in answer, answer
    return answer["html"]


def tree(*views):
    """The HTML as XML: it is written so that it is both."""
    return ET.fromstring(f"<div>{re.sub(r'<(input[^>]*)>', r'<\1/>', html(*views))}</div>")


def js(expression):
    """The value of an expression that uses views.js as V."""
    script = f'import * as V from "{VIEWS_JS.as_uri()}"; console.log(JSON.stringify({expression}))'
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def words(element):
    return " ".join("".join(element.itertext()).split())


def by_class(root, name):
    return [e for e in root.iter() if name in (e.get("class") or "").split()]


SMALL = Figure([line([1, 2], [3, 4], "a", "query")], "Step", "Loss (nats)", alt="Falls from 3 to 4.")
ALL = [
    SMALL,
    Metrics(("Cache", 1.5, "GiB", "2·T·L")),
    Table(["name", "GiB"], [["fp16", 2.5]], "Sizes"),
    Badge("d", 1, 2),
    Listing("a = 1\nb = a", 0, "two lines"),
    Note("n"),
    Tokens(["a"], [0.5]),
    Matrix([[1, -2]], ["r"], ["p", "q"], why=[["1·1", None]]),
    Steps(Frame("first", Note("one")), Frame("second", SMALL)),
    {"view": "progress", "done": 1, "total": 3, "label": "L"},
]


@pytest.mark.parametrize("view", ALL, ids=lambda view: view["view"])
def test_each_view_is_one_element_of_its_kind(view):
    (root,) = list(tree(view))
    assert root.get("class") == f"view view-{view['view']}"
    assert root.get("data-view") == view["view"]


def test_an_unknown_view_is_named():
    (answer,) = ask([{"do": "views", "views": [{"view": "pie"}]}])
    assert '"pie" is not one of figure, metrics' in answer["error"]


def test_no_text_can_smuggle_in_a_script():
    figure = Figure([line([1], [2], NASTY, "query"), bars([NASTY], [1], NASTY, "key")], NASTY, NASTY, alt=NASTY)
    views = [figure, Figure([heatmap([[1]], [NASTY], [NASTY], NASTY, "key")]), Metrics((NASTY, NASTY, NASTY, NASTY)),
             Table([NASTY], [[NASTY]], NASTY), Badge(NASTY, 1, 2), Note(NASTY, NASTY),
             Tokens([NASTY], [1], NASTY, NASTY),
             Matrix([[1]], [NASTY], [NASTY], NASTY, NASTY, [[NASTY]]), Steps(Frame(NASTY, Note(NASTY))),
             {"view": "progress", "done": NASTY, "total": NASTY, "label": NASTY}]  # fmt: skip
    out = html(*views)
    assert "<script" not in out
    assert "&lt;script&gt;" in out
    tree(*views)  # an unescaped quote or ampersand would not parse


@pytest.mark.parametrize(("number", "text"), [
    (0, "0"), (-0.0, "0"), (1234, "1,234"), (9999, "9,999"), (10_000, "10,000"), (131_072, "131,072"),
    (-131_072, "−131,072"), (999_999_999_999_999, "999,999,999,999,999"), (1e15, "10¹⁵"), (2.5e18, "2.5×10¹⁸"),
    (0.1 + 0.2, "0.3"),
    (3.14159, "3.142"), (1234.567, "1,235"), (12345.678, "12,346"), (9999.7, "10,000"), (0.00123456, "0.001235"),
    (2.220446e-16, "2.22×10⁻¹⁶"), (1e-12, "10⁻¹²"), (-0.5, "−0.5"), ("fp16", "fp16"), (None, "–"),
    (True, "yes")])  # fmt: skip
def test_numbers_read_as_people_write_them(number, text):
    assert js(f"V.formatNumber({json.dumps(number)})") == text


def test_numbers_without_a_value_have_a_name():
    assert js("[NaN, Infinity, -Infinity].map(V.formatNumber)") == ["not a number", "∞", "−∞"]


def test_a_badge_says_in_words_and_signs_whether_it_holds():
    assert words(tree(Badge("max|Δ|", 2.2e-16, 1e-12))) == "✓ Holds: max|Δ| = 2.2×10⁻¹⁶ ≤ 10⁻¹²"
    assert words(tree(Badge("max|Δ|", 1e-3, 1e-12))) == "✗ Fails: max|Δ| = 0.001 > 10⁻¹²"
    assert "✓" in html(Badge("d", 1, 1))


def test_metrics_show_value_unit_and_formula():
    root = tree(Metrics(("KV cache", 131072, "GiB", "2·T·L"), ("Speed", 5, "tokens/s")))
    assert [words(e) for e in by_class(root, "metric-value")] == ["131,072", "5"]
    assert [words(e) for e in by_class(root, "metric-unit")] == ["GiB", "tokens/s"]
    assert [words(e) for e in root.iter("details")] == ["How: KV cache2·T·L"]


def test_tables_have_headers_scroll_by_keyboard_and_align_numbers():
    root = tree(Table(["name", "GiB"], [["fp16", 2.5], ["int8", 1]], "Sizes"))
    (region,) = by_class(root, "scroll")
    assert (region.get("tabindex"), region.get("role"), region.get("aria-label")) == ("0", "group", "Sizes")
    assert [(e.get("scope"), e.text) for e in root.iter("th")] == [
        ("col", "name"),
        ("col", "GiB"),
        ("row", "fp16"),
        ("row", "int8"),
    ]
    assert [(e.text, e.get("class")) for e in root.iter("td")] == [("2.5", "number"), ("1", "number")]


def test_a_matrix_shades_by_size_marks_negatives_and_tells_why():
    root = tree(Matrix([[1, -2], [0, 0.5]], ["r", "s"], ["p", "q"], why=[["1·1 = 1", None], [None, None]]))
    cells = [e for e in root.iter("td") if e.get("style")]
    assert [e.get("style") for e in cells] == ["--shade:0.5", "--shade:1", "--shade:0", "--shade:0.25"]
    assert [e.get("class") for e in cells] == [None, "negative", None, None]
    assert [(e.get("data-why"), e.get("tabindex")) for e in cells][:2] == [("1·1 = 1", "0"), (None, None)]
    assert [e.text for e in root.iter("th")] == ["p", "q", "r", "s"]
    assert "NaN" not in html(Matrix([[0.0]], ["r"], ["p"]))  # all zero: nothing to divide by


def test_a_cell_without_a_value_stays_empty_and_scores_are_packed_for_the_page():
    q, k = [[1.0, 0.12345], [0.0, 2.0]], [[3.0, -1.0], [0.5, 0.0]]
    root = tree(Matrix([[1.0, None], [0.25, 0.75]], ["r", "s"], ["p", "q"], why=Scores(q, k)))
    cells = [e for row in root.iter("tbody") for e in row.iter("td")]
    assert [words(e) for e in cells] == ["1", "masked", "0.25", "0.75"]
    assert [e.get("tabindex") for e in cells] == ["0", None, "-1", "-1"]
    (table,) = root.iter("table")
    assert (table.get("data-q"), table.get("data-k")) == ("1,0.123;0,2", "3,-1;0.5,0")


def test_a_matrix_of_many_columns_is_dense_and_its_names_stand_upright():
    names = [f"c{i}" for i in range(13)]
    root = tree(Matrix([list(range(13))], ["r"], names))
    assert root.find(".//table").get("class") == "matrix dense"
    assert [e.text for e in root.findall(".//thead//span")] == names
    assert root.findall(".//td")[-1].text == "12"  # still told to those who listen
    assert "dense" not in html(Matrix([list(range(12))], ["r"], names[:12]))


def test_tokens_keep_their_spaces_and_say_their_values():
    root = tree(Tokens([" the", "\n"], [0.25, 1], ink="key"))
    assert [e.find("span").text for e in root.iter("li")] == [" the", "↵"]
    assert [words(e) for e in by_class(root, "visually-hidden")] == ["(0.25)", "(1)"]
    assert root.find(".//ul").get("style") == "--ink:var(--ink-key)"
    marked = tree(Tokens(["a", "b"], [0.0001, 0.5], caption="Words", at=1))
    assert [e.get("aria-current") for e in marked.iter("li")] == [None, "true"]
    assert marked.find(".//ul").get("aria-label") == "Words"
    assert words(by_class(marked, "visually-hidden")[0]) == "(0)"
    assert "--shade" not in html(Tokens(["a"]))


def test_a_listing_lights_one_line_for_eyes_and_ears():
    root = tree(Listing("def f(x):\n    y = x < 2\n\n    return y\n", 1, "kit.f"))
    lines = list(root.iter("span"))
    assert ["".join(line.itertext()) for line in lines] == ["def f(x):\n", "    y = x < 2\n", " \n", "    return y\n"]
    assert [line.get("aria-current") for line in lines] == [None, "true", None, None]
    assert [line.get("class") for line in lines] == [None, "lit", None, None]
    (scroll,) = by_class(root, "scroll")
    assert (scroll.get("tabindex"), scroll.get("aria-label")) == ("0", "kit.f")
    assert words(by_class(root, "view-caption")[0]) == "kit.f"


def test_a_note_may_end_in_a_link_to_a_topic():
    root = tree(Note("More:", to=("rope", "Why <it> turns")))
    (link,) = root.iter("a")
    assert (link.get("href"), link.text) == ("rope.html", "Why <it> turns")
    assert not list(tree(Note("No more.")).iter("a"))


def test_steps_show_every_frame_without_a_script():
    root = tree(Steps(Frame("first", Note("one")), Frame("second", Note("two"))))
    assert [words(e) for e in root.iter("li")] == ["firstone", "secondtwo"]


def test_a_figure_holds_its_drawings_its_words_and_its_numbers():
    root = tree(SMALL | {"svg": "<svg id='a'/>", "svgNarrow": "<svg id='b'/>"})
    assert [e.get("id") for e in root.iter("svg")] == ["a", "b"]
    assert words(by_class(root, "figure-alt")[0]) == "Falls from 3 to 4."
    assert [e.text for e in root.iter("th")] == ["Step", "a: Loss (nats)", "1", "2"]
    assert not by_class(tree(SMALL), "figure-static")  # in the browser Plotly draws


def test_traces_over_the_same_places_share_a_table():
    shared = Figure([line([1, 2], [3, 4], "a", "query"), line([1, 2], [5, 6], "b", "key")], "x", "y")
    assert len(list(tree(shared).iter("table"))) == 1
    assert [e.text for e in tree(shared).iter("td")] == ["3", "5", "4", "6"]
    apart = Figure([line([1, 2], [3, 4], "a", "query"), line([1, 3], [5, 6], "b", "key")], "x", "y")
    assert len(list(tree(apart).iter("table"))) == 2


def test_lying_bars_are_listed_by_their_names():
    root = tree(Figure([bars([7], ["name"], "", "query", orientation="h")], "Share", "Token"))
    assert [e.text for e in root.iter("th")] == ["Token", "Share", "name"]


def test_a_long_curve_is_sampled_evenly_with_both_ends_and_says_so():
    root = tree(Figure([line(list(range(1001)), list(range(1001)), "a", "query")], "x", "y"))
    rows = [int(e.text.replace(",", "")) for e in root.iter("td")]
    assert (len(rows), rows[0], rows[1], rows[-1]) == (25, 0, 42, 1000)
    assert next(root.iter("caption")).text == "25 of 1,001 rows, evenly chosen"


def test_typed_arrays_read_like_lists():
    views = """[{view: "figure", data: [{x: A([1, 2]), y: A([3, 4]), name: "a"},
                 {type: "heatmap", z: [A([1, 2]), A([3, 4])], x: A([0, 1]), y: A([0, 1])}], layout: {}, alt: ""},
                {view: "matrix", values: [A([1, -0.5])], rows: ["r"], columns: ["p", "q"]},
                {view: "tokens", tokens: ["a", "b"], values: A([0, 1])}]"""
    plain, doubles, floats = js(
        f"[Array.from, (a) => Float64Array.from(a), (a) => Float32Array.from(a)].map((A) => V.viewsHtml({views}))"
    )
    assert plain == doubles == floats
    assert "−0.5" in plain
