"""What a demo shows: plain dicts of numbers, texts and numpy arrays. Knows neither HTML nor Plotly.

`templates/static/js/demo/views.js` turns them into HTML, for the build and for the browser alike; figures are
drawn by `builder/figure/svg.py` in the page and by Plotly once the reader moves something.
"""

from topics.kit.page.words import typeset


def Figure(data, x_title="", y_title="", alt="", height=320, **layout):
    """A Plotly figure: traces (see traces.py), axis titles with their units, and a text alternative.

    alt     what the figure shows now, with its numbers, in one or two sentences
    layout  further Plotly layout, merged over the axes: xaxis={"type": "log"}, shapes=[...], annotations=[...]
    """
    axes = {"xaxis": {"title": {"text": x_title}}, "yaxis": {"title": {"text": y_title}}, "height": height}
    return {"view": "figure", "data": list(data), "layout": _merge(axes, layout), "alt": typeset(alt)}


def _merge(base, extra):
    both = {key: _merge(base[key], extra[key]) for key in base.keys() & extra.keys() if isinstance(base[key], dict)}
    return base | extra | both


def Metrics(*items):
    """A row of readouts. Each item is (label, value, unit) or (label, value, unit, formula).

    value  a number, a text, or None where there is none
    """
    rows = [dict(zip(("label", "value", "unit", "formula"), item, strict=False)) for item in items]
    return {"view": "metrics", "items": rows}


def Table(columns, rows, caption=""):
    """A table; a cell is a number or a text. Units belong into the column names."""
    rows = [list(row) for row in rows]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"Table: a row has {len(row)} cells but there are {len(columns)} columns: {row!r}")
    return {"view": "table", "columns": list(columns), "rows": rows, "caption": caption}


def Badge(label, value, limit, may_fail=False):
    """An exactness claim computed live: holds when value <= limit.

    may_fail  the demo opens on what breaks; else the build refuses a claim that does not hold at the defaults
    """
    return {"view": "badge", "label": label, "value": float(value), "limit": float(limit), "may_fail": may_fail}


def Note(text, kind="info", to=None):
    """A sentence beside the figure. kind is "info" or "warning".

    to  (slug, words): a link to another topic, behind the sentence
    """
    return {"view": "note", "text": typeset(text), "kind": kind} | ({"to": list(to)} if to else {})


def Listing(code, at, title=""):
    """Lines of code, of which line number `at` (from 0) is lit: it computes what is shown beside it."""
    return {"view": "listing", "code": code.rstrip().splitlines(), "at": at, "title": title}


def Progress(done, total, label="Computing"):
    """How far a generator demo has come: yielded among its views, shown as a bar beside Stop."""
    return {"view": "progress", "done": done, "total": total, "label": label}


def Tokens(tokens, values=None, ink="key", caption="", at=None):
    """A strip of tokens, shaded by values in [0, 1] (None: unshaded) in an idea colour; token number `at` is marked."""
    return {"view": "tokens", "tokens": list(tokens), "values": values, "ink": ink, "caption": caption, "at": at}


def Matrix(values, rows, columns, title="", ink="weight", why=None, blank="masked", at=None):
    """A small heatmap with its numbers; one of many columns shows them in words only where a reader points.

    values   (n, m)  shaded from 0 to the largest |value|; negative cells in the error colour; None leaves one empty
    rows     n labels       columns  m labels
    why      [i][j], the arithmetic of a cell in words; or Scores
    blank    what a cell of None is, for who does not see that it is empty
    at       (i, j), the cell that tells its arithmetic before a reader points at one
    """
    return {"view": "matrix", "values": values, "rows": list(rows), "columns": list(columns),
            "title": title, "ink": ink, "why": why, "blank": blank, "at": at}  # fmt: skip


def Scores(q, k):
    """The arithmetic of a Matrix of attention weights: each row i is the softmax of q_i·k_j/√D over its cells j that
    are not None. The page spells it out for the cell that a reader points at.

    q  (n, D)   k  (m, D)
    """
    return {"q": q, "k": k}


def Frame(caption, *views):
    """One step of `Steps`: what happens, and what there is to see."""
    return {"caption": caption, "views": list(views)}


def Steps(*frames):
    """Frames that a reader steps through with a scrubber."""
    return {"view": "steps", "frames": list(frames)}
