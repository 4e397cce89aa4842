"""Runs a live demo at its defaults and keeps its answer: what its page shows until a reader presses Run."""

import json
from datetime import UTC, datetime

from builder.faults import Fault, FaultsError, did_you_mean
from builder.figure.grid import plain
from topics.kit.page.demo import defaults, is_demo, views_of
from topics.kit.page.topic import names


def record(root, name):
    """Write topics/recorded/<slug>.<demo>.json; name is slug.demo."""
    slug, _, demo = name.partition(".")
    live = {key: thing for key, thing in names(slug).items() if is_demo(thing) and thing.kind == "live"}
    if demo not in live:
        cause = f"{name} is no live demo: only those are recorded.{did_you_mean(demo, live)}"
        raise FaultsError([Fault(f"topics/{slug}", 0, cause)])
    function = live[demo]
    views = [view for view in views_of(function, defaults(function)) if view["view"] != "progress"]
    run = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"python build.py record {name}",
        "views": plain(views),
    }
    path = root / "topics/recorded" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(run, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(f"Recorded {path.relative_to(root)}")
