"""Runs demos at their defaults and draws them as HTML. Knows neither Markdown nor the browser."""

import inspect
import json
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from builder.cache import digest
from builder.faults import BuildError, Fault
from builder.figure.grid import grid_json, plain
from builder.figure.svg import figure_svg
from builder.node import ask
from builder.read.discover import file_of
from builder.watch import brief, place_of, step
from topics.kit.page.demo import defaults, views_of

GRID = Path(__file__).with_name("grid.py")  # how a demo is sampled
WIDE, NARROW = 640, 330  # px: the column beside the controls on a desktop, and a phone's
GRID_LIMIT = 400_000  # bytes before compression: a grid is meant to arrive before Python


@dataclass(frozen=True)
class Drawn:
    """A demo at its defaults: its views, their HTML, its grid as JSON text ("" when it has none)."""

    name: str
    function: object
    views: list
    html: Markup
    grid: str

    @property
    def caption(self):
        return inspect.getdoc(self.function).split("\n\n")[0].replace("\n", " ")

    @property
    def kind(self):
        return self.function.kind

    @property
    def controls(self):
        return self.function.controls


def draw_demos(topic, root, sources, memory):
    """All demos of a topic; returns ({name: Drawn}, faults).

    sources  the topic's dependencies.Sources   memory  keeps results from build to build
    """
    found, faults = {}, []
    for name, function in topic.demos.items():
        step(*declared(function), f"{name} at its defaults")
        try:
            if not inspect.getdoc(function):
                raise ValueError("has no docstring: its first paragraph is the caption of the demo")
            views, grid = results(topic, name, root, sources, memory)
            found[name] = (views, grid, with_svg(views))
        except BuildError:
            raise
        except BaseException as error:  # an exit, too
            faults.append(at_defaults(topic, name, root, error))
    step(topic.file, 0, "the drawing of its views")
    answers = ask([{"do": "views", "views": shown} for *_, shown in found.values()])  # in one go: Node takes 0.1 s
    drawn = {}
    for (name, (views, grid, _)), answer in zip(found.items(), answers, strict=True):
        if "error" in answer:
            faults.append(at_defaults(topic, name, root, ValueError(answer["error"])))
        else:
            drawn[name] = Drawn(name, topic.demos[name], views, Markup(answer["html"]), grid)
    return drawn, faults


def at_defaults(topic, name, root, error):
    """The fault that a demo has at its defaults, at the author's line that raised it or at the demo's own."""
    demo = topic.demos[name]
    place = place_of(error, Path(root), file_of(demo))
    if place[1] == 0:
        place = declared(demo)
    return Fault(*place, f"{name} at its defaults: {brief(error)}")


def declared(demo):
    """(file, line) of a demo."""
    return file_of(demo), demo.__code__.co_firstlineno


def results(topic, name, root, sources, memory):
    """(views, grid JSON) of a demo at its defaults, remembered by the hash of all that they depend on."""
    function = topic.demos[name]
    if function.kind == "live":
        return recorded(topic, name, root), ""
    key = f"demo {name} {digest(sources.key([name]), GRID.read_bytes())}"
    views, grid = json.loads(memory.get(key, lambda: compute(function)))
    for badge in badges(views):
        if not (badge["value"] <= badge["limit"] or badge["may_fail"]):
            what = f"the badge “{badge['label']}” does not hold: {badge['value']} is not ≤ {badge['limit']}"
            raise ValueError(f"{what}; if it is meant to fail, it says may_fail=True")
    if len(grid) > GRID_LIMIT:
        raise ValueError(f"its grid has {len(grid):,} bytes, more than {GRID_LIMIT:,}: show fewer points")
    return views, grid


def compute(function):
    views = plain(views_of(function, defaults(function)), digits=None)
    made = [views, grid_json(function)]
    json.dumps(made, ensure_ascii=False).encode()  # half a sign, such as "\ud800", can stand in no page
    return json.dumps(made, allow_nan=False)


def badges(views):
    for view in views:
        if view["view"] == "badge":
            yield view
        elif view["view"] == "steps":
            yield from badges([inner for frame in view["frames"] for inner in frame["views"]])


def recorded(topic, name, root):
    """A live demo is never run by the build: its committed run, marked as such, or a frame that says what comes."""
    path = Path(root) / "topics" / "recorded" / f"{topic.slug}.{name}.json"
    if not path.exists():
        what = inspect.getdoc(topic.demos[name]).split("\n\n")[0].replace("\n", " ")
        return [{"view": "note", "kind": "empty", "text": f"Press Run. {what}"}]
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        run["date"], run["command"], run["views"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"topics/recorded/{path.name} is no recorded run ({brief(error)}): record it again") from None
    note = f"Recorded on {run['date']} with: {run['command']}. Press Run to have it done on this device."
    return [*run["views"], {"view": "note", "kind": "recorded", "text": note}]


def with_svg(views):
    """Each figure gets its static drawings, for wide and for narrow screens; frames of steps alike."""
    return [with_drawing(view) for view in views]


def with_drawing(view):
    if view["view"] == "figure":
        mute = view | {"alt": None}  # the page says it beside the drawing
        return view | {"svg": figure_svg(mute, width=WIDE), "svgNarrow": figure_svg(mute, width=NARROW)}
    if view["view"] == "steps":
        return view | {"frames": [frame | {"views": with_svg(frame["views"])} for frame in view["frames"]]}
    return view
