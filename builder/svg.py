"""Draws a `Figure` view as static SVG, close to what Plotly draws with the site's layout. Knows no page and no theme.

Every colour is a CSS custom property (--ink-*, --text, --text-muted, --rule), so that the theme recolours a
figure without drawing it again. builder/axes.py chooses ranges and ticks; templates/static/js/figure-theme.js
gives Plotly the same look, so that the swap from this picture to the live one is calm.

    figure_svg(figure)             720 px wide, for a column of 480 px and more
    figure_svg(figure, width=360)  the same for a phone: texts keep their size, ticks and legend are set anew
    miniature(figure)              240 × 120, only the marks

The page puts the first two side by side (`svg` and `svgNarrow` of the view); templates/static/css/views.css shows
the one that fits. Trace types: scatter, bar, heatmap. An annotation or a shape may carry an `ink` of its own.
"""

import math
import re
from dataclasses import dataclass, field
from html import escape, unescape

import numpy as np

from builder.axes import Axis, fit, make_axis, set_ticks, text_width
from topics.kit.traces import INKS

FONT, TITLE_FONT, LINE = 12, 13, 15  # px: ticks and labels, axis titles, line height of the former
PADDING = 0.05  # of the axis length, beyond the outermost mark: Plotly's
DASHES = {"solid": "", "dot": "2 3", "dash": "8 5", "longdash": "12 6", "dashdot": "8 4 2 4"}
SYMBOLS = {  # paths of half-size 1
    "square": "-.9-.9h1.8v1.8h-1.8z",
    "diamond": "0-1.25l1.25 1.25-1.25 1.25-1.25-1.25z",
    "triangle-up": "0-1.15l1.1 1.75h-2.2z",
    "x": "-.9-.9l1.8 1.8m0-1.8l-1.8 1.8",
}


@dataclass
class Trace:
    """One trace with plain lists; x and y are swapped back by the drawing code when a bar lies on its side."""

    kind: str
    x: list
    y: list
    ink: str
    name: str
    spec: dict
    boxes: list = field(default_factory=list)  # bars: (from, to, base, tip, text), position and value space

    @property
    def mode(self):
        return self.spec.get("mode") or ("lines+markers" if len(self.x) < 20 else "lines")

    @property
    def lying(self):
        return self.spec.get("orientation") == "h"

    @property
    def marker_size(self):
        return self.spec.get("marker", {}).get("size", 6)


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
    """The figure as an SVG string, `width` px wide and layout.height px high. Raises ValueError on what it can't draw."""
    scene = make_scene(figure, width, figure["layout"].get("height", 320))
    arrange(scene)
    body = [grid(scene), clipped(scene, marks(scene)), axis_lines(scene), bar_texts(scene), tick_labels(scene),
            titles(scene), annotations(scene), legend(scene)]  # fmt: skip
    return wrap(scene, body, figure.get("alt", ""))


def miniature(figure):
    """The marks alone, 240 × 120, for the index."""
    scene = make_scene(figure, 240, 120)
    scene.margin = {"l": 4, "r": 4, "t": 4, "b": 4}
    arrange(scene, texts=False)
    return wrap(scene, [clipped(scene, marks(scene)), axis_lines(scene)], figure.get("alt", ""))


def wrap(scene, parts, alt):
    at = f"translate({n(scene.margin['l'])} {n(scene.margin['t'])})"
    return (f'<svg class="figure-svg" role="img" aria-label="{escape(alt or fallback_alt(scene))}" '
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


def read_trace(spec, index):
    kind = spec.get("type", "scatter")
    if kind not in ("scatter", "bar", "heatmap"):
        raise ValueError(f"trace {index}: type {kind!r} can't be drawn; use scatter, bar or heatmap")
    for letter in "xy":
        if spec.get(f"{letter}axis", letter) != letter:
            raise ValueError(f"trace {index} ({kind}): only one {letter} axis can be drawn; use a second figure")
    ink = spec.get("meta", {}).get("ink", INKS[index % len(INKS)])
    x, y = listed(spec.get("x")), listed(spec.get("y"))
    if kind == "heatmap":
        z = listed(spec["z"])
        x, y = x or list(range(len(z[0]))), y or list(range(len(z)))
    x, y = x or list(range(len(y))), y or list(range(len(x)))
    if kind != "heatmap" and len(x) != len(y):
        raise ValueError(f"trace {index} ({kind}): x has {len(x)} values, y has {len(y)}; they must match")
    return Trace(kind, x, y, ink, str(spec.get("name") or ""), spec)


def listed(values):
    """A plain list from a list, a tuple or a numpy array; [] from None."""
    return [] if values is None else np.asarray(values, dtype=object).tolist()


def each(value, count):
    """A value for each mark: a list as it is, anything else repeated."""
    many = isinstance(value, list | tuple | np.ndarray)
    return listed(value) if many else [value] * count


def place_bars(traces, x, y, layout):
    """Give each bar its box: side by side, or on top of each other for barmode stack and relative."""
    if not traces:
        return
    along = y if traces[0].lying else x
    mode, gap = layout.get("barmode", "group"), layout.get("bargap", 0.2)
    at = sorted({along.place(v) for t in traces for v in (t.y if t.lying else t.x)})
    room = min((b - a for a, b in zip(at, at[1:], strict=False)), default=1) * (1 - gap)
    lanes = len(traces) if mode == "group" else 1
    tops = {}
    for i, trace in enumerate(traces):
        left = -room / 2 + (i % lanes) * room / lanes
        places, values = (trace.y, trace.x) if trace.lying else (trace.x, trace.y)
        rows = zip(places, values, each(trace.spec.get("base"), len(places)), each(trace.spec.get("text"), len(places)),
                   strict=True)  # fmt: skip
        for place, value, base, text in rows:
            if value is None:
                continue
            center, key = along.place(place), (place, mode == "relative" and value < 0)
            start = base if base is not None else tops.get(key, 0) if mode in ("stack", "relative") else 0
            tops[key] = start + value
            trace.boxes.append((center + left, center + left + room / lanes, start, start + value, text))


# ------------------------------------------------------------------ room for everything


def arrange(scene, texts=True):
    """Set margins, ranges and ticks. Margins depend on tick labels and these on the room left: two rounds suffice."""
    for _ in range(2):
        scene.x.start, scene.x.end = 0, scene.right
        scene.y.start, scene.y.end = scene.bottom, 0
        for axis in (scene.x, scene.y):
            fit(axis, extents(scene, axis))
            set_ticks(axis)
        if texts:
            set_margins(scene)
    scene.x.end, scene.y.start = scene.right, scene.bottom


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


def trace_extents(trace, axis):
    pad = PADDING * axis.length
    if trace.kind == "heatmap":
        edges = cell_edges(trace.x if axis.letter == "x" else trace.y, axis, trace.spec)
        return [(min(edges), max(edges), 0, 0)]
    if trace.kind == "bar":
        if not trace.boxes:
            return []
        if trace.lying == (axis.letter == "y"):
            return [(min(b[0] for b in trace.boxes), max(b[1] for b in trace.boxes), 0, 0)]
        ends = [axis.place(v) for b in trace.boxes for v in b[2:4]]
        return padded([e for e in ends if e is not None], pad, zero_is_tight=axis.kind == "linear")
    places = [p for p in map(axis.place, trace.x if axis.letter == "x" else trace.y) if p is not None]
    zero = axis.letter == "y" and axis.kind == "linear" and trace.spec.get("fill") == "tozeroy"
    if "markers" in trace.mode:
        pad += max(np.max(trace.marker_size) / 1.6, 3)
    elif axis.letter == "x" and "text" not in trace.mode:
        pad = 0
    return padded(places + [0.0] * zero, pad, zero_is_tight=zero)


def padded(places, pad, zero_is_tight):
    if not places:
        return []
    lo, hi = min(places), max(places)
    below, above = (0 if zero_is_tight and lo == 0 else pad), (0 if zero_is_tight and hi == 0 else pad)
    return [(lo, hi, below, above)]


def set_margins(scene):
    """Tick labels and titles outside the plot, the legend above it, and room for whatever hangs over the edges."""
    x, y, margin = scene.x, scene.y, scene.margin
    labels = [text for _, text in y.ticks]
    wide = max((text_width(text, FONT) for text in labels), default=0)
    titles_at = scene.titles_at
    titles_at["y"] = -(wide + 6 + 12 if labels else 10)
    margin["l"] = max(12, -titles_at["y"] + (16 if axis_title(y) else -4))
    scene.angle, low = x_label_angle(scene)
    titles_at["x"] = low + 20
    margin["b"] = max(12, low + (30 if axis_title(x) else 6))
    margin["t"] = 10 + 20 * len(legend_rows(scene))
    margin["r"] = max([12, *overhang(scene)])
    if scene.angle == 0 and x.ticks:
        position, text = min(x.ticks)
        margin["l"] = max(margin["l"], text_width(text) / 2 - x.at(position))


def overhang(scene):
    """Pixels by which the last tick label and the texts of lying bars stand out to the right."""
    x = scene.x
    out = [] if scene.angle else [x.at(p) + text_width(text) / 2 - scene.right for p, text in x.ticks]
    bars = [t for t in scene.traces if t.kind == "bar" and t.lying and texts_outside(scene)]
    room = PADDING * scene.right
    return out + [text_width(str(b[4])) + 8 - room for t in bars for b in t.boxes if b[4] is not None]


def x_label_angle(scene):
    """(angle, height) of the x labels: flat, slanted or upright; upright ones that would still touch are thinned."""
    x, labels = scene.x, [text for _, text in scene.x.ticks]
    if not labels:
        return 0, 0
    places = [x.at(p) for p, _ in x.ticks]
    steps = [abs(b - a) for a, b in zip(places, places[1:], strict=False)]
    widths = [text_width(text) for text in labels]
    flat = all(s >= (a + b) / 2 + 4 for s, a, b in zip(steps, widths, widths[1:], strict=False))
    angle = x.spec.get("tickangle", 0 if flat else -40 if min(steps) >= 24 else -90)
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
    """The line of the axis that carries the marks, and zero where it lies inside the plot."""
    path = []
    for axis in value_axes(scene):
        lo, hi = sorted((axis.lo, axis.hi))
        if axis.kind == "linear" and lo <= 0 <= hi:
            at = n(axis.at(0))
            path.append(f"M{at} 0V{n(scene.bottom)}" if axis.letter == "x" else f"M0 {at}H{n(scene.right)}")
        elif axis.letter == "y":
            path.append(f"M0 {n(scene.bottom)}H{n(scene.right)}")
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
        body = DRAW[trace.kind](scene, trace, before)
        opacity = f' opacity="{n(trace.spec["opacity"])}"' if "opacity" in trace.spec else ""
        drawn.append(f'<g style="color:var(--ink-{trace.ink})"{opacity}>{body}</g>')
    return "".join(below + drawn + above)


def clipped(scene, body):
    """Cut at the plot's edge where the author fixed a range: an inner svg clips without needing an id."""
    if "range" not in scene.x.spec and "range" not in scene.y.spec:
        return body
    return f'<svg class="figure-clip" width="{n(scene.right)}" height="{n(scene.bottom)}">{body}</svg>'


def draw_scatter(scene, trace, before):
    pixels = [(scene.x.px(x), scene.y.px(y)) for x, y in zip(trace.x, trace.y, strict=True)]
    out = [fill(scene, trace, pixels, before)] if trace.spec.get("fill", "none") != "none" else []
    if "lines" in trace.mode:
        line = trace.spec.get("line", {})
        out.append(f'<path d="{line_path(pixels, line.get("shape", "linear"))}" fill="none" '
                   f'stroke="currentColor" stroke-linejoin="round"{stroke(line, 2)}/>')  # fmt: skip
    points = [(i, p) for i, p in enumerate(pixels) if None not in p]
    if "markers" in trace.mode:
        out.append(markers(trace, points))
    if "text" in trace.mode:
        texts = each(trace.spec.get("text", ""), len(pixels))
        place = trace.spec.get("textposition", "middle center")
        out += [mark_text(x, y, texts[i], place, np.max(trace.marker_size) / 2) for i, (x, y) in points]
    return "".join(out)


def stroke(line, width):
    dash = DASHES.get(line.get("dash", "solid"))
    if dash is None:
        raise ValueError(f"line dash {line['dash']!r} is not one of {', '.join(DASHES)}")
    return f' stroke-width="{n(line.get("width", width))}"' + (f' stroke-dasharray="{dash}"' if dash else "")


def runs(pixels):
    """The points between the gaps."""
    run = []
    for point in [*pixels, (None, None)]:
        if None not in point:
            run.append(point)
        elif run:
            yield run
            run = []


def line_path(pixels, shape="linear"):
    if shape not in ("linear", "hv"):
        raise ValueError(f"line shape {shape!r} can't be drawn; use linear or hv")
    parts = []
    for run in runs(pixels):
        if shape == "hv":
            corners = [(b[0], a[1]) for a, b in zip(run, run[1:], strict=False)]
            run = [p for pair in zip(run, [*corners, run[-1]], strict=True) for p in pair]
        parts.append(relative_path(simplified(run)))
    return "".join(parts)


def simplified(points, tolerance=0.12):
    """Without the points that lie on the line anyway (Ramer, Douglas and Peucker): a path that nobody can tell apart."""
    p = np.array(points, dtype=float)
    keep, todo = np.zeros(len(p), dtype=bool), [(0, len(p) - 1)]
    keep[[0, -1]] = True
    while todo:
        a, b = todo.pop()
        if b - a < 2:
            continue
        (dx, dy), inner = p[b] - p[a], p[a + 1 : b] - p[a]
        length = math.hypot(dx, dy)
        off = np.abs(inner[:, 0] * dy - inner[:, 1] * dx) / length if length else np.hypot(inner[:, 0], inner[:, 1])
        far = int(off.argmax())
        if off[far] > tolerance:
            keep[a + 1 + far] = True
            todo += [(a, a + 1 + far), (a + 1 + far, b)]
    return p[keep].tolist()


def relative_path(points):
    """M and relative lines in tenths of a pixel: differences of rounded places, so that nothing drifts."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    parts = [f"M{n(tenths[0][0] / 10)} {n(tenths[0][1] / 10)}"]
    for (x0, y0), (x1, y1) in zip(tenths, tenths[1:], strict=False):
        if (x0, y0) != (x1, y1):
            dy = n((y1 - y0) / 10)
            parts.append(f"l{n((x1 - x0) / 10)}{'' if dy[0] == '-' else ' '}{dy}")
    return "".join(parts) + ("h0" if len(parts) == 1 else "")


def fill(scene, trace, pixels, before):
    how = trace.spec["fill"]
    if how not in ("tozeroy", "tonexty"):
        raise ValueError(f"fill {how!r} can't be drawn; use tozeroy or tonexty")
    run = [p for p in pixels if None not in p]
    if not run:
        return ""
    if how == "tonexty" and before:
        back = [(scene.x.px(x), scene.y.px(y)) for x, y in zip(before.x, before.y, strict=True)]
        back = [p for p in back if None not in p][::-1]
    else:
        zero = scene.bottom if scene.y.kind == "log" else scene.y.at(0)
        back = [(run[-1][0], zero), (run[0][0], zero)]
    return f'<path d="{relative_path(simplified(run) + back)}z" fill="currentColor" fill-opacity=".2"/>'


def markers(trace, points):
    marker = trace.spec.get("marker", {})
    symbol, sizes = marker.get("symbol", "circle"), each(trace.marker_size, len(trace.x))
    if symbol == "circle":
        out = [f'<circle cx="{n(x)}" cy="{n(y)}" r="{n(sizes[i] / 2)}"/>' for i, (x, y) in points]
    elif symbol in SYMBOLS:
        shape = f'<path d="M{SYMBOLS[symbol]}" vector-effect="non-scaling-stroke" transform="translate('
        out = [f'{shape}{n(x)} {n(y)})scale({n(sizes[i] / 2)})"/>' for i, (x, y) in points]
    else:
        raise ValueError(f"marker symbol {symbol!r} is not one of circle, {', '.join(SYMBOLS)}")
    look = 'stroke="currentColor" stroke-width="2.5"' if symbol == "x" else 'fill="currentColor"'
    opacity = f' opacity="{n(marker["opacity"])}"' if "opacity" in marker else ""
    return f'<g {look}{opacity}>{"".join(out)}</g>'


def mark_text(x, y, text, place, radius):
    """The text of a point, at Plotly's textposition such as "top center"."""
    vertical, horizontal = place.split()
    y += {"top": -radius - 5, "middle": 4, "bottom": radius + 14}[vertical]
    x += {"left": -radius - 4, "center": 0, "right": radius + 4}[horizontal]
    anchor = {"left": "end", "center": "middle", "right": "start"}[horizontal]
    return text_at(x, y, text, anchor, ' style="fill:var(--text)"')


def draw_bars(scene, trace, _before):
    path = []
    for x0, y0, x1, y1, _ in bar_pixels(scene, trace):
        path.append(f"M{n(min(x0, x1))} {n(min(y0, y1))}h{n(abs(x1 - x0))}v{n(abs(y1 - y0))}h{n(-abs(x1 - x0))}z")
    return f'<path d="{"".join(path)}" fill="currentColor"/>'


def bar_pixels(scene, trace):
    """(x0, y0) base corner and (x1, y1) tip corner of each bar, and its text."""
    along, value = (scene.y, scene.x) if trace.lying else (scene.x, scene.y)
    for left, right, base, tip, text in trace.boxes:
        ends = [value.start if value.place(v) is None else value.px(v) for v in (base, tip)]
        a, b = along.at(left), along.at(right)
        yield (ends[0], a, ends[1], b, text) if trace.lying else (a, ends[0], b, ends[1], text)


def texts_outside(scene):
    """Beyond the tip, where there is room; within the bar when bars stand on each other."""
    return scene.layout.get("barmode", "group") == "group"


def bar_texts(scene):
    out = []
    for trace in (t for t in scene.traces if t.kind == "bar"):
        for x0, y0, x1, y1, text in bar_pixels(scene, trace):
            if text in (None, ""):
                continue
            if not texts_outside(scene):
                if abs(x1 - x0) > text_width(str(text)) and abs(y1 - y0) > FONT:
                    out.append(text_at((x0 + x1) / 2, (y0 + y1) / 2 + 4, text, extra=' style="fill:var(--surface)"'))
            elif trace.lying:
                out.append(text_at(x1 + (4 if x1 >= x0 else -4), (y0 + y1) / 2 + 4, text, "start" if x1 >= x0 else "end"))
            else:
                out.append(text_at((x0 + x1) / 2, y1 + (-4 if y1 <= y0 else 14), text))
    return f'<g style="fill:var(--text)">{"".join(out)}</g>' if out else ""


def cell_edges(centers, axis, spec):
    """n+1 edges in the axis' own space: halfway between the centers, or given as they are."""
    places = [axis.place(v) for v in centers]
    count = len(spec["z"]) if axis.letter == "y" else len(spec["z"][0])
    if len(places) == count + 1:
        return places
    if len(places) != count:
        raise ValueError(f"heatmap: {axis.letter} has {len(places)} values for {count} cells")
    if count == 1:
        return [places[0] - 0.5, places[0] + 0.5]
    inner = [(a + b) / 2 for a, b in zip(places, places[1:], strict=False)]
    return [2 * places[0] - inner[0], *inner, 2 * places[-1] - inner[-1]]


def draw_heatmap(scene, trace, _before):
    """One path for each of 32 shades: cells of a row that share it are one box."""
    z = np.array(listed(trace.spec["z"]), dtype=float)
    if not np.isfinite(z).all():
        raise ValueError("heatmap: z holds NaN or infinity; a figure can't show them")
    xs = [round(scene.x.at(e)) for e in cell_edges(trace.x, scene.x, trace.spec)]
    ys = [round(scene.y.at(e)) for e in cell_edges(trace.y, scene.y, trace.spec)]
    shades, paths = shade(z, trace.spec), {}
    for row, y0, y1 in zip(shades, ys, ys[1:], strict=False):
        start = 0
        for j in range(1, len(row) + 1):
            if j == len(row) or row[j] != row[start]:
                box = f"M{xs[start]} {y0}H{xs[j]}V{y1}H{xs[start]}z"
                paths.setdefault(int(row[start]), []).append(box)
                start = j
    out = []
    for level, boxes in sorted(paths.items()):
        if level:
            colour = "currentColor" if level > 0 else "var(--ink-error)"
            out.append(f'<path d="{"".join(boxes)}" style="fill:{colour}" fill-opacity="{n(abs(level) / 32)}"/>')
    return f'<g shape-rendering="crispEdges">{"".join(out)}</g>{cell_texts(scene, trace, shades)}'


def shade(z, spec):
    """Whole levels −32…32: from the smallest to the largest, or from zero both ways when there are negatives."""
    lo, hi = float(spec.get("zmin", z.min())), float(spec.get("zmax", z.max()))
    if lo < 0:
        lo, hi = 0.0, max(abs(lo), abs(hi))
    return np.clip(np.round((z - lo) / ((hi - lo) or 1) * 32), -32, 32).astype(int)


def cell_texts(scene, trace, shades):
    if "text" not in trace.spec or "texttemplate" not in trace.spec:
        return ""
    xs, ys = cell_edges(trace.x, scene.x, trace.spec), cell_edges(trace.y, scene.y, trace.spec)
    out = []
    for i, row in enumerate(listed(trace.spec["text"])):
        for j, text in enumerate(row):
            colour = "surface" if abs(shades[i][j]) > 16 else "text"
            x, y = scene.x.at((xs[j] + xs[j + 1]) / 2), scene.y.at((ys[i] + ys[i + 1]) / 2)
            out.append(text_at(x, y + 4, text, extra=f' style="fill:var(--{colour})"'))
    return "".join(out)


DRAW = {"scatter": draw_scatter, "bar": draw_bars, "heatmap": draw_heatmap}

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
    return f'<path d="{d}" style="fill:{colour}{edge}" fill-opacity="{n(shape.get("opacity", 0.12))}"{stroke(line, 0)}/>'


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
        out.append(f'<g style="fill:{colour}">{"".join(texts)}</g>')
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
    return f'<path d="M{n(tx + ux * skip)} {n(ty + uy * skip)}L{n(x)} {n(y)}{head}" style="stroke:{colour}" fill="none"/>'


def legend_rows(scene):
    """Rows of (trace, x): those with a name, when there are two or more."""
    named = [t for t in scene.traces if t.name and t.kind != "heatmap" and t.spec.get("showlegend") is not False]
    if scene.layout.get("showlegend", len(named) > 1) is False or not named:
        return []
    rows, x = [[]], 0.0
    for trace in named:
        wide = 40 + text_width(trace.name) + 10
        if rows[-1] and x + wide > scene.right:
            rows.append([])
            x = 0.0
        rows[-1].append((trace, x))
        x += wide
    return rows


def legend(scene):
    out, rows = [], legend_rows(scene)
    for r, row in enumerate(rows):
        y = -20 * (len(rows) - r) + 6
        for trace, x in row:
            mark = legend_mark(trace, x, y)
            out.append(f'<g style="color:var(--ink-{trace.ink})">{mark}</g>' + text_at(x + 40, y + 4, trace.name, "start"))
    return f'<g style="fill:var(--text)">{"".join(out)}</g>' if out else ""


def legend_mark(trace, x, y):
    if trace.kind == "bar":
        return f'<path d="M{n(x + 14)} {n(y - 6)}h12v12h-12z" fill="currentColor"/>'
    line = f'<path d="M{n(x + 5)} {n(y)}h30" stroke="currentColor"{stroke(trace.spec.get("line", {}), 2)}/>'
    dot = Trace("scatter", [0], [0], trace.ink, "", {"marker": trace.spec.get("marker", {}) | {"size": 8}})
    return (line if "lines" in trace.mode else "") + (markers(dot, [(0, (x + 20, y))]) if "markers" in trace.mode else "")


# ------------------------------------------------------------------ texts and numbers


def n(value):
    """A coordinate: at most two decimals, no trailing zeros, no minus zero.

    >>> n(12.0), n(0.123), n(-0.001)
    ('12', '.12', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    text = "0" if text in ("-0", "") else text
    return re.sub(r"^(-?)0\.", r"\1.", text)


def plain(text):
    """Lines without Plotly's small HTML: <br> parts them, other tags go.

    >>> plain("a<br><b>b</b> &lt; c")
    ['a', 'b < c']
    """
    lines = re.split(r"<br\s*/?>", str(text))
    return [unescape(re.sub(r"</?(?:b|i|em|strong|sub|sup|span)(?:\s[^>]*)?>", "", line)) for line in lines]


def text_at(x, y, text, anchor="middle", extra="", drop=0):
    words = escape(" ".join(plain(text)), quote=False)
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{n(x)}" y="{n(y + drop)}"{where}{extra}>{words}</text>'
