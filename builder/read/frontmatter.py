"""Reads the YAML between --- and --- at the top of a page, key by key with its line. Knows no Markdown."""

import re
from datetime import date

import yaml

from builder.faults import Fault, did_you_mean, shown
from builder.watch import brief

REQUIRED = ("title", "summary", "minutes")
KEYS = (*REQUIRED, "needs", "reviewed", "picture")
_FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.S | re.M)


def parse(text, file, slugs=()):
    """Split a page into its front matter and its body.

    slugs     the names that `needs` may use; empty: any
    returns   (meta, body, line of the body's first line, faults); meta holds what is right, and `needs` always
    """
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    front = _FRONT.match(text)
    if not front:
        cause = "the front matter is not closed by ---"
        if not text.startswith("---"):
            cause = "begins without front matter: lines such as title: KV cache between --- and ---"
        return {"needs": []}, text, 1, [Fault(file, 1, cause)]
    entries, problems = _entries(front[1])
    meta = {"needs": []}
    unread = {line for line, _ in problems}
    for key, value, line in entries:
        causes = [] if line in unread else list(_causes(key, value, slugs))
        problems += [(line, cause) for cause in causes]
        if key in meta and key != "needs":
            problems.append((line, f"{key} stands twice"))
        if not causes and line not in unread:
            meta[key] = value
    given = {key for key, _, _ in entries}
    if entries or not problems:
        problems += [(1, f"{key} is missing from the front matter") for key in REQUIRED if key not in given]
    faults = [Fault(file, line, cause) for line, cause in problems]
    return meta, text[front.end() :], 1 + text.count("\n", 0, front.end()), faults


def _entries(text):
    """[(key, value, line)] and [(line, cause)]; the first line of `text` is the second of the file."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            return [], [(2, "the front matter holds lines such as title: KV cache")] if node else []
    except RecursionError:
        return [], [(2, "YAML: lists nest too deep here")]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        return [], [(2 + (mark.line if mark else 0), f"YAML: {problem}. A text that holds ': ' or '#' needs quotes.")]
    entries, problems = [], []
    for key, value in node.value:
        name, line = key.value if isinstance(key, yaml.ScalarNode) else "[…]", key.start_mark.line + 2
        try:
            entries.append((name, yaml.safe_load(yaml.serialize(value)), line))
        except Exception as error:  # an impossible day, a number of thousands of digits, a tag that does not fit
            entries.append((name, None, line))
            problems.append((line, f"{name}: {brief(error)}"))
    return entries, problems


def _causes(key, value, slugs):
    """What is wrong with one entry, in words."""
    if key not in KEYS:
        yield f"unknown key {key}.{did_you_mean(key, KEYS)}"
    elif key == "minutes":
        if type(value) is not int or not 0 < value <= 120:
            yield f"minutes is a whole number from 1 to 120, not {shown(value)}"
    elif key == "reviewed":
        if type(value) is not date:
            yield f"reviewed is the day of the last review, such as 2026-11-22, not {shown(value)}"
    elif key == "needs":
        yield from _causes_of_needs(value, slugs)
    elif not isinstance(value, str) or not value.strip():
        yield f"{key} is a text, not {shown(value)}; put it in quotes"
    elif not value.isprintable():
        yield f"{key} is one line of text, not {shown(value)}"


def _causes_of_needs(value, slugs):
    if not (isinstance(value, list) and all(isinstance(slug, str) for slug in value)):
        yield f"needs is a list of topics such as [attention], not {shown(value)}"
    elif slugs:
        for slug in [slug for slug in value if slug not in slugs]:
            yield f"needs {slug:.80}, which is not a topic.{did_you_mean(slug, slugs)}"
