"""Finds the topics: reads ORDER and each page's front matter; `load` imports a topic's modules. Renders nothing."""

import importlib
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from builder.faults import Fault, did_you_mean
from builder.places import data_files
from builder.read.dependencies import Sources
from builder.read.frontmatter import parse

ORDER = "topics/__init__.py"
LOOSE = {"README.md", "corrections.md", "glossary.md"}  # the texts of topics/ that are no pages of topics


@dataclass
class Topic:
    """One topic as its author wrote it. What its Python says is there once it is loaded."""

    slug: str
    section: str
    file: str  # as faults name it: topics/kv_cache/page.md
    meta: dict
    body: str
    body_line: int
    planned: bool  # there is a page, but nothing beside it
    modules: list = field(default_factory=list)
    names: dict = field(default_factory=dict)  # of all its files, and the kit's: what [[value …]] sees
    demos: dict = field(default_factory=dict)
    exercises: dict = field(default_factory=dict)

    @property
    def title(self):
        return self.meta.get("title", self.slug)


def discover(root):
    """All topics in ORDER, and every fault of their front matter and places. Imports none of them.

    A page that is only front matter, with no Python beside it, is a planned topic.
    """
    root = Path(root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    order = importlib.import_module("topics").ORDER
    topics, faults = [], list(stray_files(root, order))
    slugs = [slug for section in order.values() for slug in section]
    for slug in {slug for slug in slugs if slugs.count(slug) > 1}:
        faults.append(Fault(ORDER, 0, f"{slug} stands twice in ORDER"))
    for section, members in order.items():
        for slug in members:
            topic, found = read_topic(root, slug, section, slugs)
            faults += found
            topics += [topic] if topic else []
    return topics, faults


def stray_files(root, order):
    """Pages that ORDER forgot, or that stand outside a folder, would silently never be built."""
    listed = {slug for members in order.values() for slug in members}
    for page in sorted((root / "topics").glob("*/page.md")):
        if page.parent.name not in listed:
            yield Fault(f"topics/{page.parent.name}/page.md", 0, f"is not in ORDER of {ORDER}. Add it to its section.")
    for page in sorted((root / "topics").glob("*.md")):
        if page.name not in LOOSE:
            yield Fault(f"topics/{page.name}", 0, f"is no place for a page. Move it to topics/{page.stem}/page.md.")


def read_topic(root, slug, section, slugs):
    folder, file = root / "topics" / slug, f"topics/{slug}/page.md"
    if not (folder / "page.md").exists():
        near = did_you_mean(slug, [path.parent.name for path in folder.parent.glob("*/page.md")])
        return None, [Fault(ORDER, 0, f"ORDER names {slug}, but {file} does not exist.{near}")]
    meta, body, line, faults = parse((folder / "page.md").read_text(), file, slugs)
    topic = Topic(slug, section, file, meta, body, line, planned=not any(folder.glob("*.py")))
    if topic.planned and body.strip():
        cause = f"does not exist, but {file} has a page. Write it, or run: build.py new {slug}"
        faults.append(Fault(f"topics/{slug}/method.py", 0, cause))
    return topic, faults


def load(topic, root):
    """Import a topic's modules; the faults name the lines of our own files where that broke."""
    from topics import kit
    from topics.kit.page.demo import is_demo
    from topics.kit.page.exercise import is_exercise

    faults = list(same_names(topic.slug, root))
    for path in sorted((Path(root) / "topics" / topic.slug).glob("*.py")):
        file = f"topics/{topic.slug}/{path.name}"
        try:
            topic.modules.append(importlib.import_module(f"topics.{topic.slug}.{path.stem}"))
        except SyntaxError as error:
            where = Path(error.filename or path)
            file = str(where.relative_to(root)) if where.is_relative_to(root) else file
            faults.append(Fault(file, error.lineno or 0, f"SyntaxError: {error.msg}"))
        except Exception as error:
            faults.append(Fault(*place_of(error, root, file), f"{type(error).__name__}: {error}"))
    topic.names = {name: getattr(kit, name) for name in kit.__all__}
    topic.names |= {name: thing for module in topic.modules for name, thing in vars(module).items()}
    own = {name: thing for name, thing in topic.names.items() if is_ours(thing, topic)}
    topic.demos = {name: thing for name, thing in own.items() if is_demo(thing)}
    topic.exercises = {name: thing for name, thing in own.items() if is_exercise(thing)}
    return faults + data_faults(topic, root)


def same_names(slug, root):
    """A name that is defined in two files would mean either of them on the page."""
    seen = {}
    for file, name, line in Sources(root, slug).defined():
        if seen.setdefault(name, file) != file:
            yield Fault(file, line, f"{name} is defined in {seen[name]} too: on the page, a name has one meaning")


def data_faults(topic, root):
    """A demo may only name files that are there: models by their stem."""
    there = [path.name.removesuffix(".safetensors") for path in data_files(Path(root) / "topics")]
    return [
        Fault(file_of(demo), demo.__code__.co_firstlineno,
              f"{name} needs {each!r}, but topics/data has no {file_name(each)}.{did_you_mean(each, there)}")
        for name, demo in topic.demos.items() for each in demo.data if each not in there
    ]  # fmt: skip


def file_name(each):
    return each if "." in each else f"{each}.safetensors"


def is_ours(thing, topic):
    return str(getattr(thing, "__module__", "")).startswith(f"topics.{topic.slug}.")


def file_of(function):
    """The file of a topic's function, as faults name it."""
    return f"{function.__module__.replace('.', '/')}.py"


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
