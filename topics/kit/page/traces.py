"""Plotly traces and marks in the site's idea colours. Colours are names here: each theme has its own.

`meta.ink` names the colour; the page's script and the build's SVG resolve it, so that a figure follows
the theme without being computed again.
"""

INKS = ("query", "key", "value", "output", "weight", "gradient", "cost", "error", "reference")


def _ink(name):
    if name not in INKS:
        raise ValueError(f"ink {name!r} is not one of {', '.join(INKS)}")
    return {"ink": name}


def line(x, y, name, ink, dash="solid", **more):
    """A line through (x, y). dash: "solid", "dash", "dot" or "dashdot", so that colour never stands alone."""
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "meta": _ink(ink),
            "line": {"dash": dash, "width": 2.5}, **more}  # fmt: skip


def points(x, y, name, ink, symbol="circle", **more):
    """Markers at (x, y). symbol: "circle", "square", "diamond", "x" or "triangle-up"."""
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "name": name, "meta": _ink(ink),
            "marker": {"symbol": symbol, "size": 10}, **more}  # fmt: skip


def bars(x, y, name, ink, **more):
    """Vertical bars; orientation="h" swaps the axes. `text` labels each bar."""
    return {"type": "bar", "x": x, "y": y, "name": name, "meta": _ink(ink), **more}


def heatmap(z, x, y, name, ink, **more):
    """A heatmap of z (n, m), from the page's background at its smallest to the ink at its largest value."""
    return {"type": "heatmap", "z": z, "x": x, "y": y, "name": name, "meta": _ink(ink), "showscale": False, **more}


def rule(x=None, y=None, dash="dash"):
    """A reference line across the whole plot at one x or at one y: goes into layout shapes."""
    if (x is None) == (y is None):
        raise ValueError("rule: give one of x and y")
    across = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"} if y is None else \
             {"y0": y, "y1": y, "x0": 0, "x1": 1, "xref": "paper"}  # fmt: skip
    return {"type": "line", "line": {"dash": dash, "width": 1.5}, **across}


def label(x, y, text, **more):
    """A text at a point of the plot, for direct labels: goes into layout annotations.

    On a logarithmic axis Plotly wants log10 of the coordinate here (and only here).
    """
    return {"x": x, "y": y, "text": text, "showarrow": False, **more}
