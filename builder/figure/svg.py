"""Draws a `Figure` view as static SVG, close to what Plotly draws with the site's layout. Knows no page and no theme.

builder/figure/marks.py draws the traces, builder/figure/axes.py chooses ranges and ticks.

Every colour is a CSS custom property (--ink-*, --text, --text-muted, --rule), so that the theme recolours a
figure without drawing it again. templates/static/js/demo/figure-theme.js gives Plotly the same look, so that the swap
from this picture to the live one is calm.

    figure_svg(figure)             720 px wide, for a column of 480 px and more
    figure_svg(figure, width=360)  the same for a phone: texts keep their size, ticks and legend are set anew

The page puts the first two side by side (`svg` and `svgNarrow` of the view); templates/static/css/views.css shows
the one that fits. Trace types: scatter, bar, heatmap. An annotation or a shape may carry an `ink` of its own.
"""

import math
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

import numpy as np

from builder.figure.axes import Axis, fit, make_axis, set_ticks, text_width
from builder.figure.marks import (
    DRAW,
    FONT,
    Trace,
    bar_texts,
    markers,
    n,
    place_bars,
    plain,
    read_trace,
    stroke,
    text_at,
    trace_extents,
)
from topics.kit.page.traces import INKS

TITLE_FONT, LINE = 13, 15  # px: axis titles; line height of the other texts
LEGEND_ROW, LEGEND_FIRST = 19, 31  # px that Plotly gives each row of the legend, and the first


@dataclass
class Scene:
    """A figure in the making: what to draw, on which axes, and how much room there is."""

    traces: list
    layout: dict
    x: Axis
    y: Axis
    width: float
    height: float
    margin: dict = field(default_factory=lambda: {"l": 12, "r": 12, "t": 8, "b": 12})
    angle: float = 0  # of the x axis' tick labels
    titles_at: dict = field(default_factory=dict)

    @property
    def right(self):
        return self.width - self.margin["l"] - self.margin["r"]

    @property
    def bottom(self):
        return self.height - self.margin["t"] - self.margin["b"]


def figure_svg(figure, width=720):
    """The figure as an SVG string, `width` × layout.height px; mute where its `alt` is None. Raises ValueError on what
    it can't draw."""
    scene = make_scene(figure, width, figure["layout"].get("height", 320))
    arrange(scene)
    body = [grid(scene), clipped(scene, marks(scene)), axis_lines(scene), texts_of_bars(scene), tick_labels(scene),
            titles(scene), annotations(scene), legend(scene)]  # fmt: skip
    return wrap(scene, body, figure.get("alt", ""))


def wrap(scene, parts, alt):
    at = f"translate({n(scene.margin['l'])} {n(scene.margin['t'])})"
    said = "" if alt is None else f'role="img" aria-label="{escape(alt or fallback_alt(scene))}" '
    return (f'<svg class="figure-svg" {said}'
            f'viewBox="0 0 {n(scene.width)} {n(scene.height)}" width="100%" height="{n(scene.height)}" '
            f'font-size="{FONT}"><g transform="{at}">{"".join(parts)}</g></svg>')  # fmt: skip


def fallback_alt(scene):
    names = ", ".join(trace.name for trace in scene.traces if trace.name)
    return " ".join(filter(None, ["Figure", axis_title(scene.y), "against", axis_title(scene.x), names]))


# ------------------------------------------------------------------ reading the figure


def make_scene(figure, width, height):
    layout = figure["layout"]
    traces = [read_trace(spec, i) for i, spec in enumerate(figure["data"])]
    x = make_axis("x", layout.get("xaxis", {}), [v for t in traces for v in t.x])
    y = make_axis("y", layout.get("yaxis", {}), [v for t in traces for v in t.y])
    place_bars([t for t in traces if t.kind == "bar"], x, y, layout)
    return Scene(traces, layout, x, y, width, height)


# ------------------------------------------------------------------ room for everything


def arrange(scene, texts=True):
    """Set margins, ranges and ticks. Tick labels need room and room decides on ticks: three rounds settle it."""
    for _ in range(3):
        scene.x.start, scene.x.end = 0, scene.right
        scene.y.start, scene.y.end = scene.bottom, 0
        for axis in (scene.x, scene.y):
            fit(axis, extents(scene, axis))
            set_ticks(axis)
        if texts:
            set_margins(scene)
    scene.x.end, scene.y.start = scene.right, scene.bottom
    if scene.y.spec.get("scaleanchor") == "x":
        equal_scales(scene)


def equal_scales(scene):
    """A unit as long on y as on x: the axis that has too much room gives it to its margins (constrain: domain)."""
    x, y = scene.x, scene.y
    a, b = x.length / (x.hi - x.lo), y.length / (y.hi - y.lo)
    sides, spare = ("tb", y.length * (1 - a / b)) if b > a else ("lr", x.length * (1 - b / a))
    for side in sides:
        scene.margin[side] += spare / 2
    x.end, y.start = scene.right, scene.bottom


def extents(scene, axis):
    """(lo, hi, pixels below, pixels above) of everything that stands on the axis, in its own space."""
    found = [e for trace in scene.traces for e in trace_extents(trace, axis)]
    for thing in scene.layout.get("shapes", ()):
        if thing.get(f"{axis.letter}ref", axis.letter) == axis.letter:
            ends = [axis.place(thing[axis.letter + end]) for end in "01"]
            found += [(end, end, 1, 1) for end in ends if end is not None]
    for note in scene.layout.get("annotations", ()):
        if note.get(f"{axis.letter}ref", axis.letter) == axis.letter:
            at = annotation_place(note, axis)
            x0, x1, y0, y1 = annotation_box(note, 0, 0, True, True)
            found.append((at, at, -x0, x1) if axis.letter == "x" else (at, at, y1, -y0))
    return [(lo, hi, max(below, 0), max(above, 0)) for lo, hi, below, above in found]


def set_margins(scene):
    """Tick labels and titles outside the plot, the legend above it, and room for whatever hangs over the edges."""
    x, y, margin = scene.x, scene.y, scene.margin
    y.ticks = [(p, shortened(text, 0.4 * scene.width)) for p, text in y.ticks]
    labels = [text for _, text in y.ticks]
    wide = max((text_width(text, FONT) for text in labels), default=0)
    titles_at = scene.titles_at
    titles_at["y"] = -(wide + 6 + 12 if labels else 10)
    margin["l"] = max(12, -titles_at["y"] + (16 if axis_title(y) else -4))
    scene.angle, low = x_label_angle(scene)
    titles_at["x"] = low + 20
    margin["b"] = max(12, low + (30 if axis_title(x) else 6))
    margin["r"] = max([12, *overhang(scene)])
    share = math.cos(math.radians(scene.angle)) if scene.angle else 0.5  # of a label that lies left of its tick
    margin["l"] = max([margin["l"], *(text_width(text) * share - x.at(position) for position, text in x.ticks)])
    rows = len(legend_rows(scene))
    margin["t"] = 10 + (LEGEND_FIRST + LEGEND_ROW * (rows - 1)) * (rows > 0)


def overhang(scene):
    """Pixels by which the last tick label and the texts of lying bars stand out to the right."""
    x = scene.x
    out = [] if scene.angle else [x.at(p) + text_width(text) / 2 - x.end + 10 for p, text in x.ticks]
    bars = [t for t in scene.traces if t.kind == "bar" and t.lying and not t.stacked]
    return out + [text_width(str(b[4])) + 2 for t in bars for b in t.boxes if b[4] is not None]


def x_label_angle(scene):
    """(angle, height) of the x labels: flat, slanted or upright; upright ones that would still touch are thinned."""
    x, labels = scene.x, [text for _, text in scene.x.ticks]
    if not labels:
        return 0, 0
    places = [x.at(p) for p, _ in x.ticks]
    steps = [abs(b - a) for a, b in pairwise(places)]
    widths = [text_width(text) for text in labels]
    flat = all(s >= (a + b) / 2 + 2 for s, a, b in zip(steps, widths, widths[1:], strict=False))
    angle = 0 if flat else -40 if min(steps) >= 24 else -90
    angle = x.spec.get("tickangle", min(angle, scene.angle))  # never back from a steeper one: it would swing for ever
    if angle == 0:
        return 0, 18
    nth = math.ceil(14 / max(min(steps, default=14), 1))
    limit = scene.height / 2 / math.sin(math.radians(abs(angle)))  # a label may take half of the height, no more
    x.ticks = [(p, shortened(text, limit)) for p, text in x.ticks[::nth]]
    longest = max(text_width(text) for _, text in x.ticks)
    return angle, 8 + longest * math.sin(math.radians(abs(angle))) + FONT * math.cos(math.radians(angle)) * 0.8


def shortened(text, limit):
    while text_width(text) > limit and len(text) > 2:
        text = text[:-2] + "…"
    return text


# ------------------------------------------------------------------ axes


def axis_title(axis):
    title = axis.spec.get("title") or ""
    return title.get("text", "") if isinstance(title, dict) else title


def value_axes(scene):
    """The axes with grid lines: that of the values. A heatmap has none."""
    kinds = {(t.kind, t.lying) for t in scene.traces}
    letters = "" if ("heatmap", False) in kinds else "x" if ("bar", True) in kinds else "y"
    return [a for a in (scene.x, scene.y) if a.spec.get("showgrid", a.letter in letters)]


def grid(scene):
    path = []
    for axis in value_axes(scene):
        for position, _ in axis.ticks:
            at = n(axis.at(position))
            path.append(f"M{at} 0V{n(scene.bottom)}" if axis.letter == "x" else f"M0 {at}H{n(scene.right)}")
    return f'<path d="{"".join(path)}" style="stroke:var(--rule)"/>' if path else ""


def axis_lines(scene):
    """The line that the marks stand on, and zero where it lies inside the plot."""
    path = []
    for axis in value_axes(scene):
        lo, hi = sorted((axis.lo, axis.hi))
        ends = [0, scene.right] if axis.letter == "y" else [0, scene.bottom]
        at = [scene.bottom if axis.letter == "y" else 0] + [axis.at(0)] * (axis.kind == "linear" and lo < 0 < hi)
        for place in at:
            path.append(f"M{ends[0]} {n(place)}H{n(ends[1])}" if axis.letter == "y" else f"M{n(place)} 0V{n(ends[1])}")
    return f'<path d="{"".join(path)}" style="stroke:var(--text-muted)" stroke-opacity=".6"/>' if path else ""


def tick_labels(scene):
    out = []
    for position, text in scene.x.ticks:
        at = scene.x.at(position)
        if scene.angle == 0:
            out.append(text_at(at, scene.bottom + 16, text))
        else:
            turn = f' transform="rotate({scene.angle} {n(at)} {n(scene.bottom + 12)})"'
            anchor = "end" if scene.angle < 0 else "start"
            out.append(text_at(at, scene.bottom + 12, text, anchor, turn, drop=4 if scene.angle == -90 else 2))
    out += [text_at(-6, scene.y.at(position), text, "end", drop=4) for position, text in scene.y.ticks]
    return f'<g style="fill:var(--text-muted)">{"".join(out)}</g>'


def titles(scene):
    out, size = [], f' font-size="{TITLE_FONT}"'
    if axis_title(scene.x):
        out.append(text_at(scene.right / 2, scene.bottom + scene.titles_at["x"], axis_title(scene.x), extra=size))
    if axis_title(scene.y):
        left, middle = scene.titles_at["y"], scene.bottom / 2
        turn = f' transform="rotate(-90 {n(left)} {n(middle)})"'
        out.append(text_at(left, middle, axis_title(scene.y), extra=size + turn))
    return f'<g style="fill:var(--text)">{"".join(out)}</g>' if out else ""


# ------------------------------------------------------------------ marks


def marks(scene):
    """Shapes below, traces in order, shapes above."""
    shapes = scene.layout.get("shapes", ())
    below = [shape_path(scene, s) for s in shapes if s.get("layer") in ("below", "between")]
    above = [shape_path(scene, s) for s in shapes if s.get("layer") not in ("below", "between")]
    drawn, under = [], {"heatmap": 0, "bar": 1, "scatter": 2}
    for i, trace in sorted(enumerate(scene.traces), key=lambda pair: (under[pair[1].kind], pair[0])):
        before = next((t for t in scene.traces[:i][::-1] if t.kind == "scatter"), None)
        body = DRAW[trace.kind](trace, scene.x, scene.y, before)
        opacity = f' opacity="{n(trace.spec["opacity"])}"' if "opacity" in trace.spec else ""
        drawn.append(f'<g style="color:var(--ink-{trace.ink})"{opacity}>{body}</g>')
    return "".join(below + drawn + above)


def clipped(scene, body):
    """Cut at the plot's edge where the author fixed a range: an inner svg clips without needing an id."""
    if "range" not in scene.x.spec and "range" not in scene.y.spec:
        return body
    return f'<svg class="figure-clip" width="{n(scene.right)}" height="{n(scene.bottom)}">{body}</svg>'


def texts_of_bars(scene):
    """Beside the bars, over the edge of the plot if need be."""
    out = [bar_texts(trace, scene.x, scene.y) for trace in scene.traces if trace.kind == "bar"]
    return f'<g style="fill:var(--text)">{"".join(out)}</g>' if any(out) else ""


# ------------------------------------------------------------------ shapes, annotations, legend


def shape_path(scene, shape):
    kind = shape.get("type", "rect")
    if kind not in ("line", "rect"):
        raise ValueError(f"shape type {kind!r} can't be drawn; use line or rect")
    x0, x1 = (spot(scene, shape[end], "x", shape.get("xref", "x")) for end in ("x0", "x1"))
    y0, y1 = (spot(scene, shape[end], "y", shape.get("yref", "y")) for end in ("y0", "y1"))
    colour, line = colour_of(shape, "text-muted"), shape.get("line", {})
    if kind == "line":
        d = f"M{n(x0)} {n(y0)}L{n(x1)} {n(y1)}"
        return f'<path d="{d}" style="stroke:{colour}" fill="none"{stroke(line, 2)}/>'
    d = f"M{n(x0)} {n(y0)}H{n(x1)}V{n(y1)}H{n(x0)}z"
    edge = f";stroke:{colour}" if line.get("width") else ""
    return (
        f'<path d="{d}" style="fill:{colour}{edge}" fill-opacity="{n(shape.get("opacity", 0.12))}"{stroke(line, 0)}/>'
    )


def spot(scene, value, letter, ref):
    """Pixels of a coordinate in data or in "paper" units; beyond a log axis' end where a log has none."""
    if ref == "paper":
        return float(value) * scene.right if letter == "x" else (1 - float(value)) * scene.bottom
    axis = scene.x if letter == "x" else scene.y
    at = axis.px(value)
    return axis.start if at is None else at


def colour_of(thing, otherwise):
    ink = thing.get("ink")
    if ink is not None and ink not in INKS:
        raise ValueError(f"ink {ink!r} is not one of {', '.join(INKS)}")
    return f"var(--ink-{ink})" if ink else f"var(--{otherwise})"


def annotation_place(note, axis):
    """In the axis' own space. On a log axis Plotly takes log10 of an annotation's coordinate, and so do we."""
    value = note[axis.letter]
    return axis.place(value) if axis.kind == "category" else float(value)


def annotation_box(note, x, y, in_x, in_y):
    """x0, x1, y0, y1 of an annotation's text at (x, y), by Plotly's anchors."""
    lines = plain(note["text"])
    wide, high = max(map(text_width, lines)) + 4, LINE * len(lines) + 4
    if note.get("showarrow", True):
        x, y = x + note.get("ax", -10), y + note.get("ay", -30)
        in_x = in_y = True  # an arrow's text is centered at its tail
    left = shift(note.get("xanchor", "auto"), ("left", "center", "right"), note["x"], in_x)
    top = shift(note.get("yanchor", "auto"), ("top", "middle", "bottom"), 1 - note["y"] if not in_y else 0, in_y)
    x, y = x + note.get("xshift", 0), y - note.get("yshift", 0)
    return x - left * wide, x + (1 - left) * wide, y - top * high, y + (1 - top) * high


def shift(anchor, names, fraction, in_data):
    """The share of the text that lies before its point. "auto": the middle, or by thirds of the paper."""
    if anchor in names:
        return names.index(anchor) / 2
    return 0.5 if in_data or 1 / 3 <= fraction <= 2 / 3 else 0.0 if fraction < 1 / 3 else 1.0


def annotations(scene):
    out = []
    for note in scene.layout.get("annotations", ()):
        in_x, in_y = (note.get(f"{c}ref", c) == c for c in "xy")
        x = scene.x.at(annotation_place(note, scene.x)) if in_x else float(note["x"]) * scene.right
        y = scene.y.at(annotation_place(note, scene.y)) if in_y else (1 - float(note["y"])) * scene.bottom
        x0, x1, y0, y1 = annotation_box(note, x, y, in_x, in_y)
        push = max(0, -scene.margin["l"] - x0) - max(0, x1 - scene.right - scene.margin["r"])  # stay in the picture
        colour = colour_of(note, "text")
        texts = [text_at((x0 + x1) / 2 + push, y0 + 13 + LINE * i, line) for i, line in enumerate(plain(note["text"]))]
        out.append(f'<g class="figure-label" style="fill:{colour}">{"".join(texts)}</g>')
        if note.get("showarrow", True):
            out.append(arrow(x + note.get("ax", -10), y + note.get("ay", -30), x, y, (x0, x1, y0, y1), colour))
    return "".join(out)


def arrow(tx, ty, x, y, box, colour):
    """From the edge of the text's box to the point."""
    x0, x1, y0, y1 = box
    length = math.hypot(x - tx, y - ty) or 1
    ux, uy = (x - tx) / length, (y - ty) / length
    skip = min((x1 - x0) / 2 / abs(ux) if ux else math.inf, (y1 - y0) / 2 / abs(uy) if uy else math.inf)
    if skip >= length - 4:
        return ""
    head = "".join(f"M{n(x - 6 * ux + s * 3 * uy)} {n(y - 6 * uy - s * 3 * ux)}L{n(x)} {n(y)}" for s in (-1, 1))
    return (
        f'<path d="M{n(tx + ux * skip)} {n(ty + uy * skip)}L{n(x)} {n(y)}{head}" style="stroke:{colour}" fill="none"/>'
    )


def legend_rows(scene):
    """Rows of (trace, x): those with a name, when there are two or more."""
    named = [t for t in scene.traces if t.name and t.kind != "heatmap" and t.spec.get("showlegend") is not False]
    if scene.layout.get("showlegend", len(named) > 1) is False or not named:
        return []
    rows, x = [[]], 0.0
    for trace in named:
        wide = 40 + text_width(trace.name)
        if rows[-1] and x + wide > scene.right + scene.margin["r"]:
            rows.append([])
            x = 0.0
        rows[-1].append((trace, x))
        x += wide + 10
    return rows


def legend(scene):
    out, rows = [], legend_rows(scene)
    for r, row in enumerate(rows):
        y = -LEGEND_ROW * (len(rows) - r) + 3
        for trace, x in row:
            mark = legend_mark(trace, x, y)
            out.append(
                f'<g style="color:var(--ink-{trace.ink})">{mark}</g>' + text_at(x + 40, y + 4, trace.name, "start")
            )
    return f'<g style="fill:var(--text)">{"".join(out)}</g>' if out else ""


def legend_mark(trace, x, y):
    if trace.kind == "bar":
        return f'<path d="M{n(x + 14)} {n(y - 6)}h12v12h-12z" fill="currentColor"/>'
    line = f'<path d="M{n(x + 5)} {n(y)}h30" stroke="currentColor"{stroke(trace.spec.get("line", {}), 2)}/>'
    dot = Trace(
        "scatter",
        [0],
        [0],
        trace.ink,
        "",
        {"marker": trace.spec.get("marker", {}) | {"size": min(float(np.max(trace.marker_size)), 16)}},
    )
    return (line if "lines" in trace.mode else "") + (
        markers(dot, [(0, (x + 20, y))]) if "markers" in trace.mode else ""
    )
