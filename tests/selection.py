"""Options of pytest: --topic=SLUG takes the tests that hold one topic, --all tries the full product of corners,
--engines also takes Firefox and WebKit."""

import re

import pytest

from builder.faults import did_you_mean
from topics import ORDER

# Of all files: begun last, it would be waited for while other workers have nothing to do
LONGEST = "test_live_pages.py"


def pytest_addoption(parser):
    parser.addoption("--topic", metavar="SLUG", help="only what holds this topic: its mathematics, demos, and page")
    parser.addoption("--all", action="store_true", help="every corner of every demo's controls, not pairs of them")
    parser.addoption("--engines", action="store_true", help="also tests/engines, in Firefox and WebKit")


def pytest_ignore_collect(collection_path, config):
    """What can't hold the topic is not even imported: rooms without a test marked with it, other topics' folders."""
    slug, path = config.getoption("--topic"), collection_path
    if "engines" in (path.name, path.parent.name) and not config.getoption("--engines"):
        return True
    if not slug or path.suffix != ".py":
        return None
    if path.parent.parent.name == "topics" and path.parent.parent.parent.name != "tests":
        return path.parent.name != slug or None
    every = {"test_content.py", "test_exercises.py", "test_shapes.py", "test_index.py"}  # they hold all topics
    if path.parent.name in ("kit", "builder", "topics") and path.name.startswith("test_") and path.name not in every:
        return f'topic("{slug}")' not in path.read_text() or None
    return None


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.path.name != LONGEST)
    slug = config.getoption("--topic")
    if not slug:
        return
    slugs = [slug for members in ORDER.values() for slug in members]
    if slug not in slugs:
        raise pytest.UsageError(f"{slug} is no topic.{did_you_mean(slug, slugs)}")
    mine = [item for item in items if holds(item, slug)]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine


def holds(item, slug):
    """Whether a test is marked with the topic, lies in its folder, or has it in its parameters: [mla], [mla.absorb]."""
    marked = any(slug in mark.args for mark in item.iter_markers("topic"))
    return marked or re.search(rf"(^topics/|[\[-]|topics/){slug}(?=[/\].-])", item.nodeid) is not None
