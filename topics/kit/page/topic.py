"""A topic's folder as one room: a name of its page may stand in any of its files. Knows no topic."""

import importlib
from pathlib import Path


def modules(slug):
    """The modules of a topic, imported, in the order of their files' names."""
    folder = Path(importlib.import_module("topics").__file__).parent / slug
    files = sorted(folder.glob("[!.]*.py"))  # not what an editor leaves beside them
    return [importlib.import_module(f"topics.{slug}.{path.stem}") for path in files]


def names(slug):
    """{name: thing} of all that a topic's files define or import."""
    every = (pair for module in modules(slug) for pair in vars(module).items())
    return {name: thing for name, thing in every if not name.startswith("__")}


def find(call):
    """What "topic.name" means. raises LookupError"""
    slug, name = call.split(".")
    for module in modules(slug):
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(f"topics/{slug} has no {name}")
