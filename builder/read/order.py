"""Reads topics/__init__.py, which holds ORDER and PATHS and nothing else, without running it. Knows no topic."""

import ast
import keyword
import re
from dataclasses import dataclass, field

from builder.faults import Fault
from builder.texts import read_text

FILE = "topics/__init__.py"
# The site's own pages, beside the topics'
OWN = ("index", "glossary", "practice", "symbols", "corrections", "offline", "yours")
RESERVED = {*OWN, "404", "kit", "data", "recorded"}


@dataclass(frozen=True)
class Order:
    """{section: [slug]} and {path: [slug]}; the line of each slug in either, and of each path."""

    sections: dict = field(default_factory=dict)
    paths: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)  # (name of the list's owner, slug): line


def read_order(root):
    """(Order, faults). With a fault the order is empty."""
    text, faults = read_text(root / FILE, FILE)
    if faults:
        return Order(), faults
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Order(), [Fault(FILE, getattr(error, "lineno", 0) or 0, f"{type(error).__name__}: {error.args[0]}")]
    found, lines = {}, {}
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        name, value = assigned(statement)
        if name not in ("ORDER", "PATHS"):
            faults.append(Fault(FILE, statement.lineno, "this file holds ORDER and PATHS, and nothing else"))
        else:
            found[name], wrong = lists_of(name, value, lines)
            faults += wrong
    if "ORDER" not in found and not faults:
        faults.append(Fault(FILE, 0, 'has no ORDER: write ORDER = {"Section": ["slug"]}'))
    return (Order(), faults) if faults else (Order(found["ORDER"], found.get("PATHS", {}), lines), [])


def assigned(statement):
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return getattr(statement.targets[0], "id", None), statement.value
    if isinstance(statement, ast.AnnAssign):
        return getattr(statement.target, "id", None), statement.value
    return None, None


def lists_of(name, node, lines):
    """({key: [slug]}, faults) of a dict that is written out."""
    wanted = f'{name} is written {name} = {{"Name": ["slug", "slug"]}}, and nothing in it is computed'
    if not isinstance(node, ast.Dict):
        return {}, [Fault(FILE, getattr(node, "lineno", 0), wanted)]
    found, faults = {}, []
    for key, value in zip(node.keys, node.values, strict=True):
        items = value.elts if isinstance(value, ast.List | ast.Tuple) else None
        wrong = next((part for part in [key, *(items or [])] if not is_text(part)), None)
        if items is None or wrong is not None:
            faults.append(Fault(FILE, getattr(wrong, "lineno", value.lineno), wanted))
            continue
        if key.value in found:
            faults.append(Fault(FILE, key.lineno, f"{key.value} stands twice in {name}"))
        found[key.value] = [item.value for item in items]
        lines |= {(key.value, item.value): item.lineno for item in items} | {(key.value, ""): key.lineno}
    return found, faults


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isprintable()


def slug_cause(slug):
    """Why a slug can't be the name of a page, a folder and a module; "" where it can.

    >>> slug_cause("kv_cache"), slug_cause("404")[:36]
    ('', '404 is the name of a page or folder ')
    """
    if slug in RESERVED:
        return f"{slug} is the name of a page or folder of the site's own: choose another"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", slug) or keyword.iskeyword(slug):
        return f"{slug!r} is no slug: small letters, digits and _, such as flash_attention, and no word of Python"
    return ""
