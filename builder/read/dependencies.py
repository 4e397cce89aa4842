"""What a topic's results are made from: of a name, all that it reaches, hashed; of a page, all its files. Runs nothing.

In a topic's files a name reaches the definitions whose names its own definition holds, and what these reach; from there
it reaches whole files of the kit. What is found by a text (getattr, globals) is not seen: topics don't do that.
"""

import ast
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from builder.cache import digest
from builder.places import files_in

# The kit's files through which every result passes
ALWAYS = ("topics.kit.page.demo", "topics.kit.page.exercise", "topics.kit.page.topic", "topics.kit.page.traces")


class Statement:
    """A statement at the top of a file."""

    def __init__(self, node):
        self.node, self.line = node, node.lineno

    @cached_property
    def text(self):
        """What it says, without comments and places."""
        try:
            return ast.dump(self.node)
        except RecursionError:  # importing it tells the fault
            return ""

    @cached_property
    def used(self):
        """The names that it holds."""
        return frozenset(each.id for each in ast.walk(self.node) if isinstance(each, ast.Name))


@dataclass
class Read:
    """A Python file, read."""

    data: bytes = b""
    imports: dict = field(default_factory=dict)  # name: (module, its name there, or None for the module itself)
    definitions: dict = field(default_factory=dict)  # name: [Statement that binds it]
    loose: list = field(default_factory=list)  # Statements that bind no name: they may change anything here


@cache
def parsed(path, _changed):
    read = Read(path.read_bytes())
    for node in ast.parse(read.data).body:
        if isinstance(node, ast.Import):
            read.imports |= {a.asname or a.name.split(".")[0]: (a.name, None) for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            read.imports |= {a.asname or a.name: (node.module, a.name) for a in node.names}
        elif names := bound(node):
            for name in names:
                read.definitions.setdefault(name, []).append(Statement(node))
        elif not is_text(node):
            read.loose.append(Statement(node))
    return read


def bound(node):
    """The names that a statement at the top of a module binds; none where it does something else."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    parts = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [part.id for part in parts] if all(isinstance(part, ast.Name) for part in parts) else []


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def read_file(path):
    """The file as Read; one that can't be parsed binds nothing: importing it tells its fault."""
    try:
        return parsed(path, path.stat().st_mtime_ns)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Read()


class Sources:
    """The Python of one topic, and of the kit below it."""

    def __init__(self, root, slug):
        self.topics = Path(root) / "topics"
        self.slug = slug
        self.files = {path.stem: path for path in files_in(self.topics / slug, "*.py")}
        self.read = {stem: read_file(path) for stem, path in self.files.items()}

    def defined(self):
        """(file, name, line) of everything that the topic's files define."""
        for stem, read in self.read.items():
            for name, statements in read.definitions.items():
                yield f"topics/{self.slug}/{stem}.py", name, statements[0].line

    def key(self, names):
        """A hash of all that these names of the page reach."""
        todo, seen, parts, kit = [self.seen_by_the_page(name) for name in sorted(names)], set(), [], set()
        while todo:
            stem, name = at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            if stem not in self.read:
                parts.append(f"{stem} {name}")
                kit |= reached(self.topics, stem, name) if stem.startswith("topics.") else set()
                continue
            read = self.read[stem]
            statements = [*read.definitions.get(name, []), *read.loose]
            parts += [f"{stem}.{name}", *(each.text for each in statements)]
            todo += [self.home(stem, used) for each in statements for used in sorted(each.used)]
            todo += [self.home(stem, name)]
        kit_files = (part for path in sorted(kit) for part in (path.name, read_file(path).data))
        return digest(*sorted(parts), *kit_files, surroundings(self.topics))

    def home(self, stem, name):
        """Where a name of a file comes from: (file of the topic, name), or (other module, its name there)."""
        read = self.read[stem]
        if name in read.definitions or name not in read.imports:
            return stem, name
        module, original = read.imports[name]
        own = module.removeprefix(f"topics.{self.slug}.")
        return (own, original) if own in self.read else (module, original or "")

    def seen_by_the_page(self, name):
        """The same of a name of the page: it sees all of its topic's files, and the kit."""
        for known in ("definitions", "imports"):
            for stem, read in self.read.items():
                if name in getattr(read, known):
                    return self.home(stem, name)
        return "topics.kit", name

    def whole(self):
        """The paths of everything that the topic is made from: its folder, and the kit files that it uses."""
        kit = set()
        for read in self.read.values():
            for module, name in read.imports.values():
                kit |= reached(self.topics, module, name) if module and module.startswith("topics.") else set()
        for module in ALWAYS:
            kit |= reached(self.topics, module, None)
        return [*files_in(self.topics / self.slug, "*"), *sorted(kit)]


@cache
def surroundings(topics):
    """What every result depends on beside the code that it reaches: numpy and the models."""
    return digest(np.__version__, *contents(files_in(topics / "data", "*")))


@cache
def reached(topics, module, name):
    """The files that `from module import name` reaches, their own imports included; of the kit, as topics write it."""
    found, todo = set(), [kit_file(topics, module, name)]
    while todo:
        path = todo.pop()
        if path is None or path in found:
            continue
        found.add(path)
        imports = read_file(path).imports.values()
        todo += [kit_file(topics, *each) for each in imports if each[0] and each[0].startswith("topics.")]
    return frozenset(found)


def kit_file(topics, module, name):
    """The file that defines what is imported; what a package only passes on is looked up where it comes from."""
    folder = topics.parent.joinpath(*module.split("."))
    if name and (folder / f"{name}.py").is_file():
        return folder / f"{name}.py"
    if folder.with_suffix(".py").is_file():
        return folder.with_suffix(".py")
    init = folder / "__init__.py"
    passed_on = read_file(init).imports.get(name) if init.is_file() else None
    return kit_file(topics, *passed_on) if passed_on else None


def contents(paths):
    """Names and bytes of files, for a hash."""
    return [part for path in paths for part in (path.name, path.read_bytes())]
