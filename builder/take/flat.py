"""Gathers what a topic's names need, its own code and the kit's, so that it can stand in one namespace without the kit.

Reads sources; runs nothing. A name is found as in dependencies.py: by the names that its definition holds. Two homes
of one name are a fault (TwoHomesError), told where the page is built.
"""

import ast
import doctest
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from builder.read.dependencies import bound, is_text, kit_file

OURS = ("# fmt: skip", ">>> from topics.")  # lines that say nothing in a file of its own
MARKS = ("  # " + "noqa", "  # fmt: skip")  # what speaks to our linter and formatter
BARE = ("demo", "exercise")  # decorators that only a page needs: controls, and the proof of an exercise


class TwoHomesError(ValueError):
    """A name means two things, which one namespace can't hold."""


@dataclass(frozen=True)
class Piece:
    """A statement at the top of a file, as its author wrote it, with the comment above it."""

    home: Path
    line: int
    names: tuple
    text: str
    used: frozenset


@dataclass(frozen=True)
class Module:
    """A file: its pieces, what its imports from topics mean, and its other imports by the name that they bind."""

    pieces: tuple
    ours: dict  # name: (module, name there)
    others: dict  # name: source of the import


@cache
def module(path, _changed):
    text = path.read_text(encoding="utf-8")
    lines, pieces, ours, others = text.splitlines(), [], {}, {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            others |= {a.asname or a.name.split(".")[0]: f"import {written(a)}" for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "topics":
            ours |= {a.asname or a.name: (node.module, a.name) for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            others |= {a.asname or a.name: f"from {node.module} import {written(a)}" for a in node.names}
        elif not is_text(node):
            within = [each for tree in examples(node) for each in tree.body if isinstance(each, ast.ImportFrom)]
            ours |= {a.asname or a.name: (each.module, a.name) for each in within for a in each.names}
            pieces.append(piece(path, lines, node))
    return Module(tuple(pieces), ours, others)


def written(alias):
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def piece(path, lines, node):
    kept = [each for each in getattr(node, "decorator_list", []) if decorator(each) not in BARE]
    if len(kept) < len(getattr(node, "decorator_list", [])):
        node.decorator_list, first = kept, kept[0].lineno if kept else node.lineno
    else:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        while first > 1 and lines[first - 2].startswith("#") and not lines[first - 2].startswith("# ----"):
            first -= 1
    trees = (node, *examples(node))
    used = frozenset(each.id for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Name))
    kept = [untooled(line) for line in lines[first - 1 : node.end_lineno] if not line.strip().startswith(OURS)]
    text = "\n".join(kept)
    return Piece(path, first, tuple(bound(node)), text, used)


def examples(node):
    """The doctests of a function or class: what they call has to be there, too."""
    documented = isinstance(node, ast.FunctionDef | ast.ClassDef)
    for example in doctest.DocTestParser().get_examples((documented and ast.get_docstring(node)) or ""):
        yield ast.parse(example.source)


def untooled(line):
    for mark in MARKS:
        line = line.partition(mark)[0]
    return line


def decorator(node):
    called = node.func if isinstance(node, ast.Call) else node
    return getattr(called, "id", "")


def read(path):
    return module(path, path.stat().st_mtime_ns)


def home_of(topics, path, name):
    """(path, name) where a name of a file comes from; None for one of Python's or numpy's, or of a function's own."""
    while True:
        here = read(path)
        if any(name in each.names for each in here.pieces):
            return path, name
        if name not in here.ours:
            return None
        where, original = here.ours[name]
        path, name = kit_file(topics, where, original), original
        if path is None or path.stem == name:
            return (path, None) if path else None


def gather(topics, roots):
    """(imports, pieces, aliases) that the roots need: pieces in an order in which each finds what it needs.

    roots    [(path, name)]
    aliases  {name: name at home}, from `import x as y`
    raises   TwoHomesError
    """
    todo, seen, found, imports, aliases = list(roots), set(), {}, set(), {}
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        path, name = at
        here = read(path)
        for each in [each for each in here.pieces if name in each.names or not each.names]:
            found[path, each.line] = each
            imports |= {here.others[used] for used in each.used & here.others.keys()}
            origins = {used: home_of(topics, path, used) for used in sorted(each.used)}
            todo += [origin for origin in origins.values() if origin and origin[1]]
            aliases |= {used: origin[1] for used, origin in origins.items() if origin and origin[1] != used}
    refuse_two_homes(found.values(), aliases)
    return sorted(imports), in_order(topics, found.values()), aliases


def refuse_two_homes(pieces, aliases):
    homes = {}
    for each in pieces:
        for name in each.names:
            if homes.setdefault(name, each.home) != each.home:
                raise TwoHomesError(f"{name} is defined in {homes[name].name} and in {each.home.name}")
    for name, of in aliases.items():
        if of is None or name in homes:
            raise TwoHomesError(f"{name} is a module, or another name of {of}")


def in_order(topics, pieces):
    """Files after those that they import, and within a file as its author ordered it."""
    by_file = {}
    for each in sorted(pieces, key=lambda each: (str(each.home), each.line)):
        by_file.setdefault(each.home, []).append(each)
    done, result = set(), []

    def put(path):
        if path in done:
            return
        done.add(path)
        for name in read(path).ours:
            if (origin := home_of(topics, path, name)) and origin[0] in by_file:
                put(origin[0])
        result.extend(by_file.get(path, []))

    for path in by_file:
        put(path)
    return result
