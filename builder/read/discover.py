"""Finds the topics: reads ORDER and each page's front matter; `load` imports a topic's modules. Renders nothing."""

import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path

from builder.faults import Fault, did_you_mean
from builder.places import data_files, files_in
from builder.read.dependencies import Sources
from builder.read.frontmatter import parse
from builder.read.order import FILE as ORDER
from builder.read.order import read_order, slug_cause
from builder.texts import read_text
from builder.watch import brief, place_of, step

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
    order, faults = read_order(root)
    if faults:
        return [], faults
    topics, faults = [], list(stray_files(root, order))
    slugs = [slug for section in order.sections.values() for slug in section]
    for section, members in order.sections.items():
        for slug in members:
            line = order.lines[section, slug]
            if cause := slug_cause(slug):
                faults.append(Fault(ORDER, line, cause))
                continue
            if slugs.count(slug) > 1:
                faults.append(Fault(ORDER, line, f"{slug} stands twice in ORDER"))
            step(f"topics/{slug}/page.md", 0, "its front matter")
            topic, found = read_topic(root, slug, section, slugs, line)
            faults += found
            topics += [topic] if topic else []
    return topics, faults


def stray_files(root, order):
    """Pages that ORDER forgot, or that stand outside a folder, would silently never be built."""
    listed = {slug for members in order.sections.values() for slug in members}
    for page in files_in(root / "topics", "*/page.md"):
        if page.parent.name not in listed:
            yield Fault(f"topics/{page.parent.name}/page.md", 0, f"is not in ORDER of {ORDER}. Add it to its section.")
    for page in files_in(root / "topics", "*.md"):
        if page.name not in LOOSE:
            yield Fault(f"topics/{page.name}", 0, f"is no place for a page. Move it to topics/{page.stem}/page.md.")


def read_topic(root, slug, section, slugs, line):
    folder, file = root / "topics" / slug, f"topics/{slug}/page.md"
    if not (folder / "page.md").exists():
        near = did_you_mean(slug, [path.parent.name for path in folder.parent.glob("*/page.md")])
        return None, [Fault(ORDER, line, f"ORDER names {slug}, but {file} does not exist.{near}")]
    text, unread = read_text(folder / "page.md", file)
    meta, body, body_line, faults = ({"needs": []}, "", 1, unread) if unread else parse(text, file, slugs)
    topic = Topic(slug, section, file, meta, body, body_line, planned=not files_in(folder, "*.py"))
    if topic.planned and body.strip():
        cause = f"does not exist, but {file} has a page. Write it, or run: build.py new {slug}"
        faults.append(Fault(f"topics/{slug}/method.py", 0, cause))
    return topic, faults


def load(topic, root):
    """Import a topic's modules; the faults name the lines of our own files where that broke."""
    from topics import kit
    from topics.kit.page.demo import is_demo
    from topics.kit.page.exercise import is_exercise

    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    faults = list(same_names(topic.slug, root))
    for path in files_in(Path(root) / "topics" / topic.slug, "*.py"):
        file = f"topics/{topic.slug}/{path.name}"
        step(file, 0, "its import")
        _, unread = read_text(path, file)
        if unread or not path.stem.isidentifier():
            faults += unread or [Fault(file, 0, "is no name of a module: letters, digits and _")]
            continue
        try:
            topic.modules.append(importlib.import_module(f"topics.{topic.slug}.{path.stem}"))
        except SyntaxError as error:
            where = Path(error.filename or path)
            file = str(where.relative_to(root)) if where.is_relative_to(root) else file
            faults.append(Fault(file, error.lineno or 0, f"SyntaxError: {error.msg}"))
        except BaseException as error:  # an exit, too
            faults.append(Fault(*place_of(error, root, file), brief(error)))
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
