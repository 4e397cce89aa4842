"""Shows a demo's views in a notebook: figures by Plotly, all else as HTML. Travels in each notebook, so it needs numpy,
Plotly and the kit only."""

import sys
from html import escape

COLOURS = {"query": "#1f5fbf", "key": "#a34a00", "value": "#1b7a3e", "output": "#7a2fa0", "weight": "#56606f",
           "gradient": "#0b6f82", "cost": "#8a6100", "error": "#bf1f2e", "reference": "#666666"}  # fmt: skip


def show(function, **arguments):
    """Run a demo and show its views; returns nothing, so that a cell ends quietly."""
    from topics.kit.page.demo import views_of

    if lost := missing(function.data):
        print(lost)
        return
    for view in views_of(function, arguments):
        display(view)


def display(view):
    if view["view"] == "figure":
        put(figure(view), view["alt"])
    elif view["view"] == "steps":
        for number, frame in enumerate(view["frames"], 1):
            put(Html(f"<p><b>{number}.</b> {escape(frame['caption'])}</p>"), frame["caption"])
            for each in frame["views"]:
                display(each)
    else:
        put(Html(html(view)), html(view))


def put(thing, text):
    """Into the notebook; without one, as text."""
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
        sys.modules["IPython"].display.display(thing)
    else:
        print(text)


class Html:
    def __init__(self, text):
        self.text = text

    def _repr_html_(self):
        return self.text


def figure(view):
    """The view as Plotly's Figure, its idea colours those of the site's light theme."""
    import plotly.graph_objects as go

    data = [coloured(trace) for trace in plain(view["data"])]
    layout = {"template": "plotly_white", "margin": {"t": 40, "r": 20}} | plain(view["layout"])
    for part in (*layout.get("shapes", []), *layout.get("annotations", [])):
        part.pop("meta", None)
        part.pop("ink", None)
    return go.Figure({"data": data, "layout": layout})


def coloured(trace):
    ink = COLOURS.get((trace.get("meta") or {}).get("ink"))
    if ink is None:
        return trace
    if trace["type"] == "heatmap":
        return {"colorscale": [[0, "#ffffff"], [1, ink]]} | trace
    kind = "line" if trace.get("mode") == "lines" else "marker"
    return trace | {kind: {"color": ink} | trace.get(kind, {})}


def plain(thing):
    """Lists and numbers in place of arrays."""
    if isinstance(thing, dict):
        return {key: plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [plain(each) for each in thing]
    return thing.tolist() if hasattr(thing, "tolist") else thing


# ---- all views but figures


def html(view):
    return HTML[view["view"]](plain(view))


def metrics(view):
    return "<p>" + " · ".join(metric(**item) for item in view["items"]) + "</p>"


def metric(label, value=None, unit="", formula=""):
    said = "–" if value is None else number(value)
    return f"{escape(label)}: <b>{said}</b> {escape(unit)}" + (f" ({escape(formula)})" if formula else "")


def number(value):
    if isinstance(value, float):
        return f"{value:,.5g}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def table(view):
    return grid(view["columns"], view["rows"], view["caption"])


def grid(columns, rows, caption):
    head = "".join(f"<th>{escape(str(each))}</th>" for each in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell(each)}</td>" for each in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cell(value):
    return "" if value is None else number(value)


def badge(view):
    holds = "holds" if view["value"] <= view["limit"] else "does not hold"
    return f"<p>{escape(view['label'])}: {view['value']:.2g}, at most {view['limit']:.2g}: {holds}</p>"


def note(view):
    return f"<p>{escape(view['text'])}</p>"


def listing(view):
    lines = (f"<b>{escape(line)}</b>" if i == view["at"] else escape(line) for i, line in enumerate(view["code"]))
    return f"<p>{escape(view['title'])}</p><pre>" + "\n".join(lines) + "</pre>"


def tokens(view):
    values = view["values"] or [0] * len(view["tokens"])
    shaded = (f'<span style="background:{COLOURS[view["ink"]]}{round(160 * (v or 0)):02x}">{escape(str(t))}</span>'
              for t, v in zip(view["tokens"], values, strict=True))  # fmt: skip
    return f"<p>{escape(view['caption'])}<br>{' '.join(shaded)}</p>"


def matrix(view):
    rows = [[name, *row] for name, row in zip(view["rows"], view["values"], strict=True)]
    return grid(["", *view["columns"]], rows, view["title"])


def progress(view):
    return ""


HTML = {"metrics": metrics, "table": table, "badge": badge, "note": note, "listing": listing, "tokens": tokens,
        "matrix": matrix, "progress": progress}  # fmt: skip


# ---- a notebook's own


OPEN = {}  # "names": what stands for each name now; "place", "data": where files can be had


def opened(slug, place, data):
    """{name: thing} of a topic's page."""
    from topics import kit
    from topics.kit.page.topic import names

    OPEN.update(names={name: getattr(kit, name) for name in kit.__all__} | names(slug), place=place, data=data)
    return dict(OPEN["names"])


def use(function):
    """Put a cell's function in the place of ours, wherever a demo calls it."""
    from topics.kit.page.rebind import swap

    old = OPEN["names"][function.__name__]
    vars(function).update({key: value for key, value in vars(old).items() if key not in vars(function)})
    for name, thing in vars(sys.modules[old.__module__]).items():  # what it sees at home
        function.__globals__.setdefault(name, thing)
    swap(old, function)
    OPEN["names"][function.__name__] = function


def check(exercise, answer):
    """Say whether a function answers an exercise, and if not, why."""
    import numpy as np

    try:
        for seed in range(3):
            exercise(answer, np.random.default_rng(seed))
        print("Passed.")
    except AssertionError as error:
        print(f"Not yet: {error}")
    except Exception as error:
        print(f"Not yet: {type(error).__name__}: {error}")


def missing(names):
    """What of a demo's data can't be had, in words; what can be is fetched."""
    from pathlib import Path
    from urllib.request import urlopen

    from topics.kit.model.data import data_path

    for name in names:
        path = data_path(name)
        address = OPEN["data"][path.name]
        beside = [Path(path.name), Path(address).name]
        found = next((Path(each) for each in beside if Path(each).is_file()), None)
        path.parent.mkdir(exist_ok=True)
        if path.is_file():
            continue
        try:
            path.write_bytes(found.read_bytes() if found else urlopen(OPEN["place"] + address).read())
        except (OSError, ValueError):
            return f"This demo needs {path.name}, {address} of the site: put it beside the notebook."
    return ""
