"""Static figures: positions computed by hand, every kind of mark, and the agreement with Plotly's side."""

import json
import math
import re
import subprocess
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import numpy as np
import plotly.offline
import pytest

from builder.figure.axes import BASE_2, linear_text, log_ticks, nice_step, text_width, tick_text
from builder.figure.marks import n, read_trace, simplified
from builder.figure.miniature import miniature
from builder.figure.svg import arrange, figure_svg, make_scene
from topics.kit import Figure, bars, heatmap, label, line, points, rule
from topics.kit.page.traces import INKS

ROOT = Path(__file__).parents[2]
THEME_JS = ROOT / "templates/static/js/demo/figure-theme.js"
T = np.linspace(0, 10, 200)

FIGURES = {
    "lines": Figure([line(T, np.sin(T), "sine", "query"), line(T, T / 10, "ramp", "key", dash="dot")], "t", "a", "Alt"),
    "fills": Figure([line(T, T**2, "a", "query", fill="tozeroy"), line(T, 2 * T**2, "b", "key", fill="tonexty")]),
    "gap": Figure([line([1, 2, 3, 4], [1, None, 3, 4], "a", "query")]),
    "hv": Figure([line([1, 2, 3], [1, 2, 1], "a", "query") | {"line": {"shape": "hv"}}]),
    "texts": Figure([points([1, 2], [3, 4], "a", "query", mode="markers+text", text=["p", "q"])]),
    "text only": Figure([points([1, 2], [3, 4], "a", "query", mode="text", text=["p", "q"])]),
    **{s: Figure([points([1, 2], [3, 4], "a", "key", s)]) for s in ("circle", "square", "diamond", "x", "triangle-up")},
    "sizes": Figure([points([1, 2], [3, 4], "a", "key") | {"marker": {"size": [4, 20]}}]),
    "grouped": Figure([bars(["a", "b"], [1, -2], "u", "cost", text=["1", "−2"]), bars(["a", "b"], [3, 4], "v", "key")]),
    "stacked": Figure([bars(["a"], [9], "u", "cost", text=["9"]), bars(["a"], [3], "v", "key")], barmode="stack"),
    "relative": Figure([bars(["a"], [9], "u", "cost"), bars(["a"], [-3], "v", "key")], barmode="relative"),
    "lying": Figure([bars([1, 2], ["a", "b"], "u", "cost", orientation="h", text=["one", "two"], base=[0, 1])]),
    "log bars": Figure([bars(["a", "b"], [10, 1000], "u", "cost")], yaxis={"type": "log"}),
    "zero bars": Figure([bars(["a", "b"], [0, 0], "u", "cost")]),
    "heatmap": Figure([heatmap(np.eye(3), list("abc"), list("abc"), "w", "weight")], yaxis={"autorange": "reversed"}),
    "diverging": Figure([heatmap([[-1.0, 2.0]], [0, 1], [0], "w", "key", text=[["m", "p"]], texttemplate="%{text}")]),
    "flat heatmap": Figure([heatmap([[3, 3]], [0, 1], [0], "w", "weight")]),
    "one point": Figure([points([5], [7], "a", "query")]),
    "empty": Figure([line([], [], "a", "query")]),
    "log-log": Figure([line([1, 1000], [0.01, 1e9], "a", "cost")], xaxis={"type": "log"}, yaxis={"type": "log"}),
    "log of zero": Figure([line([1, 2, 3], [0, 10, 100], "a", "cost")], yaxis={"type": "log"}),
    "shapes": Figure([line(T, T, "a", "query")], shapes=[rule(x=3), rule(y=4, dash="dot"), {
        "type": "rect", "x0": 1, "x1": 2, "y0": 0, "y1": 1, "yref": "paper", "ink": "key", "layer": "below"}]),
    "arrow": Figure([line(T, T, "a", "query")], annotations=[label(5, 5, "two<br>rows", showarrow=True, ax=40, ay=60)]),
    "ranges": Figure([line(T, T, "a", "query")], xaxis={"range": [2, 4]}, yaxis={"range": [3, None]}),
    "edge note": Figure([line([0, 1], [0, 1], "a", "query")], xaxis={"range": [0, 1]},
                        annotations=[label(1, 0.5, "a note at the very edge")]),
    "tickvals": Figure([line(T, T, "a", "query")], xaxis={"tickvals": [0, 5], "ticktext": ["start", "half"]}),
    "hidden axis": Figure([line(T, T, "a", "query")], xaxis={"visible": False}),
}  # fmt: skip


def scene_of(figure, width=720):
    scene = make_scene(figure, width, figure["layout"]["height"])
    arrange(scene)
    return scene


def texts(svg):
    return [e.text for e in ET.fromstring(svg).iter() if e.tag.endswith("text")]


def node(script):
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [360, 720])
def test_every_kind_of_mark_is_well_formed_and_has_only_numbers_and_theme_colours(name, width):
    svg = figure_svg(FIGURES[name], width)
    ET.fromstring(svg)
    paths = " ".join(re.findall(r' (?:d|x|y|points|transform|viewBox)="([^"]*)"', svg))
    assert not re.search(r"nan|inf|None|e[-+]?\d", paths, re.I)
    assert not re.search(r"\.\d{3}", paths), "a coordinate has more than two decimals"
    assert not re.search(r"#[0-9a-f]{3}|rgb|(?:fill|stroke)=\"(?!none|currentColor)", svg)
    assert svg == figure_svg(FIGURES[name], width)


@pytest.mark.parametrize("name", FIGURES)
def test_every_text_stays_inside_the_picture(name):
    for width in (360, 720):
        svg = ET.fromstring(figure_svg(FIGURES[name], width))
        left = float(re.search(r"translate\((\S+)", svg[0].get("transform"))[1])
        for e in svg.iter():
            if e.tag.endswith("text") and e.get("transform") is None and e.text:
                wide = text_width(e.text) * 0.9  # the estimate is generous
                share = {"middle": 0.5, "end": 1}.get(e.get("text-anchor"), 0)
                start = left + float(e.get("x")) - share * wide
                assert start >= -1, e.text
                assert start + wide <= width + 1, e.text


@pytest.mark.parametrize("name", FIGURES)
def test_a_miniature_has_marks_and_no_text(name):
    svg = miniature([FIGURES[name]])
    assert "<text" not in svg
    assert 'viewBox="0 0 128 80"' in svg


def test_a_linear_range_has_plotlys_padding_and_the_pixels_follow():
    scene = scene_of(Figure([line([0, 10], [-1, 1], "a", "query")]))
    assert (scene.x.lo, scene.x.hi) == (0, 10)  # a line runs from edge to edge
    assert scene.y.hi == pytest.approx(1 + 2 * 0.05 / 0.9)  # 5 % of the length stays free on either side
    assert scene.x.px(2.5) == pytest.approx(scene.right / 4)
    assert scene.y.px(0) == pytest.approx(scene.bottom / 2)
    assert scene.y.px(1) == pytest.approx(0.05 * scene.bottom)


@pytest.mark.parametrize("width", [330, 640, 1200])
@pytest.mark.parametrize("height", [240, 600])
def test_anchored_scales_are_equal_and_a_circle_is_round(width, height):
    turn = np.linspace(0, 2 * np.pi, 50)
    axes = {"xaxis": {"range": [-1.5, 4]}, "yaxis": {"range": [-1.2, 1.2], "scaleanchor": "x"}}
    circle = Figure([line(np.cos(turn), np.sin(turn), "circle", "key")], "x", "y", height=height, **axes)
    scene = scene_of(circle, width)
    across, up = (abs(axis.px(1) - axis.px(-1)) for axis in (scene.x, scene.y))
    assert across == pytest.approx(up)
    assert across > 20
    assert scene.right + scene.margin["l"] + scene.margin["r"] == pytest.approx(width)


def test_bars_start_at_zero_and_stand_on_their_category():
    scene = scene_of(Figure([bars(["a", "b"], [50, 100], "u", "cost")]))
    assert scene.y.lo == 0
    assert (scene.x.lo, scene.x.hi) == (-0.5, 1.5)
    left, right, base, tip, _ = scene.traces[0].boxes[1]
    assert (left, right, base, tip) == (pytest.approx(0.6), pytest.approx(1.4), 0, 100)


def test_grouped_bars_share_a_slot_and_stacked_bars_a_foot():
    two = [bars(["a"], [1], "u", "cost"), bars(["a"], [2], "v", "key")]
    u, v = (t.boxes[0] for t in scene_of(Figure(two)).traces)
    assert (u[0], u[1], v[1]) == (pytest.approx(-0.4), pytest.approx(v[0]), pytest.approx(0.4))
    u, v = (t.boxes[0] for t in scene_of(Figure(two, barmode="stack")).traces)
    assert (u[2], u[3], v[2], v[3]) == (0, 1, 1, 3)


def test_a_path_lies_where_its_numbers_say():
    figure = Figure([line([0, 1, 2], [0, 10, 0], "a", "query")], xaxis={"range": [0, 2]}, yaxis={"range": [0, 10]})
    scene = scene_of(figure)
    w, h = scene.right, scene.bottom
    start, up, down = re.search(r'd="M(\S+ \S+?)l(.+?)l(.+?)" fill="none"', figure_svg(figure)).groups()
    assert [float(v) for v in start.split()] == [0, pytest.approx(h, abs=0.1)]
    assert [float(v) for v in re.findall(r"-?[\d.]+", up)] == pytest.approx([w / 2, -h], abs=0.11)
    assert [float(v) for v in re.findall(r"-?[\d.]+", down)] == pytest.approx([w / 2, h], abs=0.11)


def test_ticks_are_multiples_of_one_two_or_five():
    assert [nice_step(v) for v in (0.9, 1.5, 2.1, 4.9, 7)] == [1, 2, 5, 5, 10]
    scene = scene_of(Figure([line([0, 10], [0, 100], "a", "query")]))
    assert [text for _, text in scene.x.ticks] == ["0", "2", "4", "6", "8", "10"]
    assert [text for _, text in scene.y.ticks] == ["0", "20", "40", "60", "80", "100"]


@pytest.mark.parametrize(("value", "step", "top", "text"), [
    (1500, 500, 5000, "1,500"), (20000, 5000, 60000, "20k"), (2500, 2500, 11000, "2.5k"), (7e9, 1e9, 8e9, "7B"),
    (-0.25, 0.05, 1, "−0.25"), (3e-6, 1e-6, 5e-6, "3×10⁻⁶"), (0.1 + 0.2, 0.1, 1, "0.3"), (0, 1, 5, "0")])  # fmt: skip
def test_linear_labels_read_as_plotly_prints_them(value, step, top, text):
    assert linear_text(value, step, top) == text


def test_log_ticks_are_powers_of_ten_of_two_or_one_two_five():
    assert [v for v, _ in log_ticks(0, 6, 600, "x")] == [1, 10, 100, 1e3, 1e4, 1e5, 1e6]
    assert [round(math.log10(v)) for v, _ in log_ticks(-16, 0, 250, "y")] == [-15, -12, -9, -6, -3, 0]
    assert [v for v, _ in log_ticks(0, 1, 400, "x")] == [1, 2, 5, 10]
    assert [t for _, t in log_ticks(10 * BASE_2, 12 * BASE_2, 400, "x", BASE_2)] == ["1,024", "2,048", "4,096"]


def test_both_sides_choose_the_same_log_ticks():
    rng = np.random.default_rng(0)
    cases = [[lo, lo + span, float(length), letter, dtick]
             for lo in rng.uniform(-16, 9, 12).round(3) for span in (0.2, 0.8, 1.7, 4.1, 12.3)
             for length in (180, 290, 640) for letter in "xy" for dtick in (None, BASE_2, 2)]  # fmt: skip
    theirs = node(f"""import {{ logTicks }} from "{THEME_JS.as_uri()}";
        console.log(JSON.stringify({json.dumps(cases)}.map((c) => logTicks(...c))))""")
    for case, other in zip(cases, theirs, strict=True):
        ours = log_ticks(*case)
        assert [t for _, t in ours] == [t for _, t in other], case
        assert [v for v, _ in ours] == pytest.approx([v for v, _ in other])


def test_both_sides_print_the_same_numbers():
    values = [0, 1, 0.5, 0.001, 9.99e-4, 2e-5, 1e-16, 999, 1000, 2500, 1e4, 123456, 1e6, 7e9, 1e12, 1e15, 3e18, -20]
    theirs = node(f"""import {{ tickText }} from "{THEME_JS.as_uri()}";
        console.log(JSON.stringify({json.dumps(values)}.map(tickText)))""")
    assert [tick_text(v) for v in values] == theirs


def test_an_annotation_on_a_log_axis_stands_at_log10_of_its_value():
    figure = Figure([line([1, 100], [1, 100], "a", "query")], xaxis={"type": "log"}, yaxis={"type": "log"},
                    annotations=[label(1, 1, "ten")], shapes=[rule(x=10)])  # fmt: skip
    scene = scene_of(figure)
    (note,) = [e for e in ET.fromstring(figure_svg(figure)).iter() if e.text == "ten"]
    assert float(note.get("x")) == pytest.approx(scene.right / 2, abs=0.1)
    assert f'L{n(scene.right / 2)} 0"' in figure_svg(figure)


def test_labels_never_overlap_however_long():
    names = [f"a rather long name of category {i}" for i in range(12)]
    for width in (360, 720):
        scene = scene_of(Figure([bars(names, range(1, 13), "u", "cost")]), width)
        places = [scene.x.at(p) for p, _ in scene.x.ticks]
        assert scene.angle != 0
        apart = min(b - a for a, b in pairwise(places)) * abs(math.sin(math.radians(scene.angle)))
        assert apart >= 12, "lines of slanted text touch"
        assert scene.bottom > 100, "the labels leave no room for the marks"
        short = [bars(list("abc"), [1, 2, 3], "u", "cost")]
        lying = [bars([0.1, 0.62], ["a rather long name of a category", "b"], "u", "cost", orientation="h")]
        assert scene_of(Figure(short), width).angle == scene_of(Figure(lying), width).angle == 0
    many = scene_of(Figure([bars([f"token {i}" for i in range(300)], range(300), "u", "cost")]), 360)
    assert min(many.x.at(b[0]) - many.x.at(a[0]) for a, b in pairwise(many.x.ticks)) >= 12


def test_the_legend_names_two_traces_and_wraps():
    svg = figure_svg(FIGURES["lines"])
    assert {"sine", "ramp"} <= set(texts(svg))
    one = Figure([line(T, T, "alone", "query")])
    assert "alone" not in texts(figure_svg(one))
    assert "sine" not in texts(figure_svg(Figure(FIGURES["lines"]["data"], showlegend=False)))
    many = Figure([line(T, T * i, f"configuration number {i}", "query") for i in range(4)])
    assert scene_of(many, 360).margin["t"] > scene_of(many, 720).margin["t"]


def test_texts_are_escaped():
    nasty = "<script>\"&'"
    figure = Figure([line(T, T, nasty, "query"), line(T, T, "b", "key")], nasty, nasty, alt=nasty,
                    annotations=[label(5, 5, nasty)], xaxis={"tickvals": [1], "ticktext": [nasty]})  # fmt: skip
    svg = figure_svg(figure)
    assert "<script" not in svg
    assert texts(svg).count(nasty) == 5
    assert ET.fromstring(svg).get("aria-label") == nasty


def test_negative_cells_have_the_colour_of_errors():
    assert "var(--ink-error)" in figure_svg(FIGURES["diverging"])
    assert "var(--ink-error)" not in figure_svg(FIGURES["heatmap"])


def test_a_long_line_is_short_text_and_nowhere_off():
    x = np.linspace(0, 640, 20_000)
    curve = np.stack([x, 100 * np.sin(x / 50)], axis=1)
    kept = np.array(simplified(curve))
    assert len(kept) < 300
    assert np.abs(np.interp(x, kept[:, 0], kept[:, 1]) - curve[:, 1]).max() < 0.3


@pytest.mark.parametrize(("figure", "message"), [
    (Figure([{"type": "pie", "values": [1]}]), "'pie'"),
    (Figure([{"type": "bar", "x": [1], "y": [1]}]), "ink None"),
    (Figure([line([1, 2], [1], "a", "query")]), "x has 2 values, y has 1"),
    (Figure([line([1, 2], [1, math.nan], "a", "query")]), "nan can't be drawn"),
    (Figure([line([1, "b"], [1, 2], "a", "query")], xaxis={"type": "linear"}), "'b' is not a number"),
    (Figure([points([1], [1], "a", "query", symbol="star")]), "'star'"),
    (Figure([line([1], [1], "a", "query", dash="wavy")]), "'wavy'"),
    (Figure([line([1], [1], "a", "query", yaxis="y2")]), "only one y axis"),
    (Figure([line([1], [1], "a", "query")], shapes=[{"type": "path", "x0": 0, "x1": 1, "y0": 0, "y1": 1}]), "'path'"),
    (Figure([line([1], [1], "a", "query")], yaxis={"tickformat": "~s"}), "'~s'"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_named(figure, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        figure_svg(figure)


def test_lists_and_arrays_draw_the_same():
    a, b = [1.0, 2.0, 4.0], [2.0, 3.0, 1.0]
    assert figure_svg(Figure([line(a, b, "a", "query")])) == figure_svg(
        Figure([line(np.array(a), np.array(b), "a", "query")])
    )
    assert read_trace(line(np.array(["p", "q"]), (1, 2), "a", "query"), 0).x == ["p", "q"]


def test_plotly_gets_the_same_colours_and_its_inputs_stay_as_they_were():
    theme = {"text": "#111111", "textMuted": "#555555", "rule": "#dddddd", "surface": "#ffffff", "font": "serif",
             "ink": {ink: f"#0000{i}0" for i, ink in enumerate(INKS)}}  # fmt: skip
    data = [
        line([1, 10], [1, 2], "a", "cost"),
        bars([1, 2], [3, 4], "b", "key"),
        heatmap([[-1, 3]], [1, 2], [1], "c", "weight"),
    ]
    layout = {
        "xaxis": {"type": "log", "title": {"text": "x"}},
        "annotations": [{"x": 0, "y": 1, "text": "n", "ink": "key"}],
    }
    out = node(f"""import {{ plotlyLayout, plotlyTraces }} from "{THEME_JS.as_uri()}";
        const [data, layout, theme] = {json.dumps([data, layout, theme])};
        const before = JSON.stringify([data, layout, theme]);
        const traces = plotlyTraces(data, theme, layout);
        const made = plotlyLayout(layout, theme, {{ data, width: 720 }});
        const same = before === JSON.stringify([data, layout, theme]);
        console.log(JSON.stringify({{ traces, layout: made, same }}))""")
    cost, key, weight = (theme["ink"][ink] for ink in ("cost", "key", "weight"))
    assert out["same"]
    assert out["traces"][0]["line"] == {"color": cost, "width": 2.5, "dash": "solid"}
    assert out["traces"][1]["marker"]["color"] == key
    assert out["traces"][2]["colorscale"] == [[0, theme["ink"]["error"]], [0.5, "#ffffff"], [1, weight]]
    assert (out["traces"][2]["zmin"], out["traces"][2]["zmax"]) == (-3, 3)
    assert out["layout"]["xaxis"]["ticktext"] == ["1", "2", "5", "10"]
    assert out["layout"]["annotations"][0]["font"]["color"] == key
    assert "title" not in out["layout"]["yaxis"]  # Plotly keeps room even for an empty one


def test_the_build_and_the_browser_have_the_same_plotly():
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]["plotly.js-cartesian-dist-min"]
    assert plotly.offline.get_plotlyjs_version() == wanted
