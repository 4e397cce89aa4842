"""Draws traces as SVG: lines, points, bars, cells. Knows the two axes, not the page around them.

Colour is `currentColor`: builder/figure/svg.py wraps each trace in its ink. Coordinates are pixels of the plot area.
"""

import math
import re
from dataclasses import dataclass, field
from html import escape, unescape
from itertools import pairwise

import numpy as np

from builder.figure.axes import text_width
from topics.kit.page.traces import INKS

FONT = 12  # px: tick labels and all other texts but the axis titles
PADDING = 0.05  # of the axis length, beyond the outermost mark: Plotly's
TOLERANCE = 0.12  # px by which a line may leave its points
BAR_TEXT = 19  # px that Plotly keeps free beyond a standing bar for its text
DASHES = {"solid": "", "dot": "3 3", "dash": "9 9", "longdash": "15 15", "dashdot": "9 3 3 3"}  # Plotly's
SYMBOLS = {  # corners as (x, y) at half-size 1, Plotly's proportions; None lifts the pen
    "circle": [(0, 0)],  # a dot with round ends
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)],
    "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0), (0, -1.3)],
    "triangle-up": [(0, -1.15), (1.15, 0.6), (-1.15, 0.6), (0, -1.15)],
    "x": [(-1, -1), (1, 1), None, (1, -1), (-1, 1)],
}


@dataclass
class Trace:
    """One trace with plain lists. Bars get their boxes from place_bars."""

    kind: str
    x: list
    y: list
    ink: str
    name: str
    spec: dict
    boxes: list = field(
        default_factory=list
    )  # bars: (from, to, base, tip, text), place on one axis, value on the other
    gap: float = 0.0  # bars: free on either side of each group
    stacked: bool = False  # bars: their texts stand inside

    @property
    def mode(self):
        return self.spec.get("mode") or ("lines+markers" if len(self.x) < 20 else "lines")

    @property
    def lying(self):
        return self.spec.get("orientation") == "h"

    @property
    def marker_size(self):
        return self.spec.get("marker", {}).get("size", 6)


def read_trace(spec, index):
    kind = spec.get("type", "scatter")
    if kind not in ("scatter", "bar", "heatmap"):
        raise ValueError(f"trace {index}: type {kind!r} can't be drawn; use scatter, bar or heatmap")
    for letter in "xy":
        if spec.get(f"{letter}axis", letter) != letter:
            raise ValueError(f"trace {index} ({kind}): only one {letter} axis can be drawn; use a second figure")
    ink = spec.get("meta", {}).get("ink")
    if ink not in INKS:
        raise ValueError(f"trace {index} ({kind}): ink {ink!r} is not one of {', '.join(INKS)}")
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
    slot = min((b - a for a, b in pairwise(at)), default=1)
    room = slot * (1 - gap)
    lanes = len(traces) if mode == "group" else 1
    tops = {}
    for i, trace in enumerate(traces):
        trace.gap, trace.stacked = (slot - room) / 2, mode != "group"
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


def trace_extents(trace, axis):
    pad = PADDING * axis.length
    if trace.kind == "heatmap":
        edges = cell_edges(trace.x if axis.letter == "x" else trace.y, axis, trace.spec)
        return [(min(edges), max(edges), 0, 0)]
    if trace.kind == "bar":
        if not trace.boxes:
            return []
        if trace.lying == (axis.letter == "y"):
            return [(min(b[0] for b in trace.boxes) - trace.gap, max(b[1] for b in trace.boxes) + trace.gap, 0, 0)]
        ends = [axis.place(v) for b in trace.boxes for v in b[2:4]]
        texts = not trace.stacked and not trace.lying and any(b[4] not in (None, "") for b in trace.boxes)
        pad += BAR_TEXT * texts
        return padded([e for e in ends if e is not None], pad, zero_is_tight=axis.kind == "linear")
    places = [p for p in map(axis.place, trace.x if axis.letter == "x" else trace.y) if p is not None]
    zero = axis.letter == "y" and axis.kind == "linear" and trace.spec.get("fill") == "tozeroy"
    if "markers" in trace.mode:
        pad += max(float(np.max(trace.marker_size)) / 1.6, 3)
    elif axis.letter == "x" and "text" not in trace.mode:
        pad = 0
    return padded(places + [0.0] * zero, pad, zero_is_tight=zero)


def padded(places, pad, zero_is_tight):
    if not places:
        return []
    lo, hi = min(places), max(places)
    below, above = (0 if zero_is_tight and lo == 0 else pad), (0 if zero_is_tight and hi == 0 else pad)
    return [(lo, hi, below, above)]


def draw_scatter(trace, x, y, before):
    """Fill, line, markers, texts. `before` is the scatter trace that "tonexty" fills to."""
    pixels = pixels_of(trace, x, y)
    out = (
        [fill(trace, pixels, y, before and pixels_of(before, x, y))] if trace.spec.get("fill", "none") != "none" else []
    )
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
        out += [mark_text(*p, texts[i], place, np.max(trace.marker_size) / 2) for i, p in points]
    return "".join(out)


def pixels_of(trace, x, y):
    return [(x.px(a), y.px(b)) for a, b in zip(trace.x, trace.y, strict=True)]


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
            corners = [(b[0], a[1]) for a, b in pairwise(run)]
            run = [p for pair in zip(run, [*corners, run[-1]], strict=True) for p in pair]
        parts.append(relative_path(simplified(run)))
    return "".join(parts)


def simplified(points):
    """Without the points that lie on the line anyway (Ramer, Douglas and Peucker): nobody can tell the two apart."""
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
        if off[far] > TOLERANCE:
            keep[a + 1 + far] = True
            todo += [(a, a + 1 + far), (a + 1 + far, b)]
    return p[keep].tolist()


def relative_path(points):
    """M and relative lines in tenths of a pixel: differences of rounded places, so that nothing drifts."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    parts = [f"M{n(tenths[0][0] / 10)} {n(tenths[0][1] / 10)}"]
    for (x0, y0), (x1, y1) in pairwise(tenths):
        if (x0, y0) != (x1, y1):
            dy = n((y1 - y0) / 10)
            parts.append(f"l{n((x1 - x0) / 10)}{'' if dy[0] == '-' else ' '}{dy}")
    return "".join(parts) + ("h0" if len(parts) == 1 else "")


def fill(trace, pixels, y, before):
    how = trace.spec["fill"]
    if how not in ("tozeroy", "tonexty"):
        raise ValueError(f"fill {how!r} can't be drawn; use tozeroy or tonexty")
    run = [p for p in pixels if None not in p]
    if not run:
        return ""
    if how == "tonexty" and before:
        back = [p for p in before if None not in p][::-1]
    else:
        zero = y.start if y.kind == "log" else y.at(0)
        back = [(run[-1][0], zero), (run[0][0], zero)]
    return f'<path d="{relative_path(simplified(run) + back)}z" fill="currentColor" fill-opacity=".2"/>'


def markers(trace, points):
    """All markers of a size in one path, from (index, (x, y)) of each."""
    marker = trace.spec.get("marker", {})
    symbol, sizes = marker.get("symbol", "circle"), each(trace.marker_size, len(trace.x))
    if symbol not in SYMBOLS:
        raise ValueError(f"marker symbol {symbol!r} is not one of {', '.join(SYMBOLS)}")
    by_size = {}
    for i, point in points:
        by_size.setdefault(float(sizes[i]), []).append(symbol_path(SYMBOLS[symbol], *point, sizes[i] / 2))
    opacity = f' opacity="{n(marker["opacity"])}"' if "opacity" in marker else ""
    out = []
    for size, paths in sorted(by_size.items()):
        look = {"circle": f'stroke="currentColor" stroke-linecap="round" stroke-width="{n(size)}"',
                "x": 'stroke="currentColor" stroke-width="2.5"'}.get(symbol, 'fill="currentColor"')  # fmt: skip
        out.append(f'<path d="{"".join(paths)}" {look}{opacity}/>')
    return "".join(out)


def symbol_path(corners, x, y, half):
    strokes = [[]]
    for corner in corners:
        if corner is None:
            strokes.append([])
        else:
            strokes[-1].append((x + corner[0] * half, y + corner[1] * half))
    return "".join(relative_path(points) for points in strokes)


def mark_text(x, y, text, place, radius):
    """The text of a point, at Plotly's textposition such as "top center"."""
    vertical, horizontal = place.split()
    y += {"top": -radius - 5, "middle": 4, "bottom": radius + 14}[vertical]
    x += {"left": -radius - 4, "center": 0, "right": radius + 4}[horizontal]
    anchor = {"left": "end", "center": "middle", "right": "start"}[horizontal]
    return text_at(x, y, text, anchor, ' style="fill:var(--text)"')


def draw_bars(trace, x, y, _before):
    path = []
    for x0, y0, x1, y1, _ in bar_pixels(trace, x, y):
        path.append(f"M{n(min(x0, x1))} {n(min(y0, y1))}h{n(abs(x1 - x0))}v{n(abs(y1 - y0))}h{n(-abs(x1 - x0))}z")
    return f'<path d="{"".join(path)}" fill="currentColor"/>'


def bar_pixels(trace, x, y):
    """(x0, y0) base corner and (x1, y1) tip corner of each bar, and its text."""
    along, value = (y, x) if trace.lying else (x, y)
    for left, right, base, tip, text in trace.boxes:
        ends = [value.start if value.place(v) is None else value.px(v) for v in (base, tip)]
        a, b = along.at(left), along.at(right)
        yield (ends[0], a, ends[1], b, text) if trace.lying else (a, ends[0], b, ends[1], text)


def bar_texts(trace, x, y):
    """Beyond the tip, where there is room; inside when bars stand on each other, if they fit."""
    out = []
    for x0, y0, x1, y1, text in bar_pixels(trace, x, y):
        middle, center = (y0 + y1) / 2 + 4, (x0 + x1) / 2
        if text in (None, ""):
            continue
        if trace.stacked:
            if abs(x1 - x0) > text_width(str(text)) and abs(y1 - y0) > FONT:
                out.append(text_at(center, middle, text, extra=' style="fill:var(--surface)"'))
        elif trace.lying:
            ahead = x1 >= x0
            out.append(text_at(x1 + (4 if ahead else -4), middle, text, "start" if ahead else "end"))
        else:
            out.append(text_at(center, y1 + (-4 if y1 <= y0 else 14), text))
    return "".join(out)


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
    inner = [(a + b) / 2 for a, b in pairwise(places)]
    return [2 * places[0] - inner[0], *inner, 2 * places[-1] - inner[-1]]


def draw_heatmap(trace, x, y, _before):
    """One path for each of 32 shades: cells of a row that share it are one box."""
    z = np.array(listed(trace.spec["z"]), dtype=float)
    if not np.isfinite(z).all():
        raise ValueError("heatmap: z holds NaN or infinity; a figure can't show them")
    xs = [round(x.at(e)) for e in cell_edges(trace.x, x, trace.spec)]
    ys = [round(y.at(e)) for e in cell_edges(trace.y, y, trace.spec)]
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
    return f'<g shape-rendering="crispEdges">{"".join(out)}</g>{cell_texts(trace, x, y, shades)}'


def shade(z, spec):
    """Whole levels −32…32: from the smallest to the largest, or from zero both ways when there are negatives."""
    lo, hi = float(spec.get("zmin", z.min())), float(spec.get("zmax", z.max()))
    if lo < 0:
        lo, hi = 0.0, max(abs(lo), abs(hi))
    return np.clip(np.round((z - lo) / ((hi - lo) or 1) * 32), -32, 32).astype(int)


def cell_texts(trace, x, y, shades):
    if "text" not in trace.spec or "texttemplate" not in trace.spec:
        return ""
    xs, ys = cell_edges(trace.x, x, trace.spec), cell_edges(trace.y, y, trace.spec)
    out = []
    for i, row in enumerate(listed(trace.spec["text"])):
        for j, text in enumerate(row):
            colour = "surface" if abs(shades[i][j]) > 16 else "text"
            center, middle = x.at((xs[j] + xs[j + 1]) / 2), y.at((ys[i] + ys[i + 1]) / 2)
            out.append(text_at(center, middle + 4, text, extra=f' style="fill:var(--{colour})"'))
    return "".join(out)


DRAW = {"scatter": draw_scatter, "bar": draw_bars, "heatmap": draw_heatmap}


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
