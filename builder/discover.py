"""Finds the topics: reads ORDER, each page's front matter, and imports each module. Renders nothing."""

import importlib
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from builder.faults import Fault, did_you_mean
from builder.frontmatter import parse


@dataclass
class Topic:
    """One topic as its author wrote it. `module` is None while the page is only planned."""

    slug: str
    section: str
    file: str  # as faults name it: topics/kv_cache.md
    meta: dict
    body: str
    body_line: int
    module: ModuleType | None = None
    demos: dict = field(default_factory=dict)
    exercises: dict = field(default_factory=dict)

    @property
    def planned(self):
        return self.module is None

    @property
    def title(self):
        return self.meta.get("title", self.slug)


def discover(root):
    """All topics in ORDER, and every fault of their files.

    A page that is only front matter, with no module beside it, is a planned topic.
    """
    root = Path(root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    order = importlib.import_module("topics").ORDER
    topics, faults = [], stray_files(root, order)
    slugs = [slug for section in order.values() for slug in section]
    for slug in {slug for slug in slugs if slugs.count(slug) > 1}:
        faults.append(Fault("topics/__init__.py", 0, f"{slug} stands twice in ORDER"))
    for section, members in order.items():
        for slug in members:
            topic, found = read_topic(root, slug, section, slugs)
            faults += found
            topics += [topic] if topic else []
    return topics, faults


def stray_files(root, order):
    """Pages that ORDER forgot would silently never be built."""
    listed = {slug for members in order.values() for slug in members} | {"glossary"}
    pages = sorted(path.stem for path in (root / "topics").glob("*.md"))
    return [
        Fault(f"topics/{slug}.md", 0, "is not in ORDER of topics/__init__.py. Add it to its section there.")
        for slug in pages
        if slug not in listed
    ]


def read_topic(root, slug, section, slugs):
    page, script = (root / "topics" / f"{slug}.{end}" for end in ("md", "py"))
    file = f"topics/{slug}.md"
    if not page.exists():
        stems = [path.stem for path in page.parent.glob("*.md")]
        return None, [
            Fault("topics/__init__.py", 0, f"ORDER names {slug}, but {file} does not exist.{did_you_mean(slug, stems)}")
        ]
    meta, body, line, faults = parse(page.read_text(), file, slugs)
    topic = Topic(slug, section, file, meta, body, line)
    if script.exists():
        faults += load(topic, root)
    elif body.strip():
        faults.append(
            Fault(f"topics/{slug}.py", 0, f"does not exist, but {file} has a page. Write it, or run: build.py new")
        )
    return topic, faults


def load(topic, root):
    """Import the topic's module; a fault names the line in our own files where it broke."""
    from topics.kit.demo import is_demo
    from topics.kit.exercise import is_exercise

    try:
        topic.module = importlib.import_module(f"topics.{topic.slug}")
    except SyntaxError as error:
        return [
            Fault(f"topics/{Path(error.filename or topic.slug).name}", error.lineno or 0, f"SyntaxError: {error.msg}")
        ]
    except Exception as error:
        return [Fault(*place_of(error, root, f"topics/{topic.slug}.py"), f"{type(error).__name__}: {error}")]
    own = {name: thing for name, thing in vars(topic.module).items() if is_ours(thing, topic.module)}
    topic.demos = {name: thing for name, thing in own.items() if is_demo(thing)}
    topic.exercises = {name: thing for name, thing in own.items() if is_exercise(thing)}
    return data_faults(topic, root)


def data_faults(topic, root):
    """A demo may only name models that are there."""
    there = [path.stem for path in (Path(root) / "topics/data").glob("*.safetensors")]
    return [
        Fault(f"topics/{topic.slug}.py", demo.__code__.co_firstlineno,
              f"{name} runs the model {each!r}, but topics/data has no {each}.safetensors.{did_you_mean(each, there)}")
        for name, demo in topic.demos.items() for each in demo.data if each not in there
    ]  # fmt: skip


def is_ours(thing, module):
    return getattr(thing, "__module__", None) == module.__name__


def place_of(error, root, default):
    """(file, line) of the innermost frame that lies in a topic's own file; the kit's frames name no author's line."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [
        (Path(f.filename).relative_to(root), f.lineno)
        for f in frames
        if Path(f.filename).is_relative_to(root / "topics")
    ]
    own = [place for place in inside if "kit" not in place[0].parts]
    return (str(own[-1][0]), own[-1][1]) if own else (default, 0)
