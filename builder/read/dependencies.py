"""What a topic's results are made from: of a name, all that it reaches, hashed; of a page, all its files. Runs nothing.

In a topic's files a name reaches the definitions whose names its own definition holds, and what these reach; from there
it reaches whole files of the kit. What is found by a text (getattr, globals) is not seen: topics don't do that.
"""

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from builder.cache import digest

# The kit's files through which every result passes
ALWAYS = ("topics.kit.page.demo", "topics.kit.page.exercise", "topics.kit.page.topic", "topics.kit.page.traces")


@dataclass
class Read:
    """A Python file, read."""

    imports: dict = field(default_factory=dict)  # name: (module, its name there, or None for the module itself)
    definitions: dict = field(default_factory=dict)  # name: [statements that bind it]
    loose: list = field(default_factory=list)  # statements that bind no name: they may change anything here


@cache
def parsed(path, _changed):
    read = Read()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Import):
            read.imports |= {a.asname or a.name.split(".")[0]: (a.name, None) for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            read.imports |= {a.asname or a.name: (node.module, a.name) for a in node.names}
        elif names := bound(node):
            for name in names:
                read.definitions.setdefault(name, []).append(node)
        elif not is_text(node):
            read.loose.append(node)
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
    except (SyntaxError, ValueError):
        return Read()


def used(node):
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


class Sources:
    """The Python of one topic, and of the kit below it."""

    def __init__(self, root, slug):
        self.topics = Path(root) / "topics"
        self.slug = slug
        self.files = {path.stem: path for path in sorted((self.topics / slug).glob("*.py"))}
        self.read = {stem: read_file(path) for stem, path in self.files.items()}

    def defined(self):
        """(file, name, line) of everything that the topic's files define."""
        for stem, read in self.read.items():
            for name, nodes in read.definitions.items():
                yield f"topics/{self.slug}/{stem}.py", name, nodes[0].lineno

    def key(self, names):
        """A hash of all that these names of the topic reach."""
        todo, seen, parts, kit = [(None, name) for name in sorted(names)], set(), [], set()
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            home, name = self.home(*at)
            if home in self.read:
                nodes = [*self.read[home].definitions[name], *self.read[home].loose]
                parts += [f"{home}.{name}", *map(ast.dump, nodes)]
                todo += [(home, each) for node in nodes for each in sorted(used(node))]
            elif home:
                kit |= reached(self.topics, home, name)
        return digest(*parts, *contents(sorted(kit)), surroundings(self.topics))

    def home(self, stem, name):
        """(file of the topic, name) where a name is defined, as seen from a file (None: from the page); (module of the
        kit, name) when it comes from there; (None, name) for all else."""
        places = [self.read[stem]] if stem else [*self.read.values()]
        for place, read in zip([stem] if stem else [*self.read], places, strict=True):
            if name in read.definitions:
                return place, name
        for read in places:
            if name in read.imports:
                module, original = read.imports[name]
                own = module.removeprefix(f"topics.{self.slug}.") if module else ""
                if own in self.read and original in self.read[own].definitions:
                    return own, original
                return (module, original) if module and module.startswith("topics.") else (None, name)
        return ("topics.kit", name) if stem is None else (None, name)  # a page sees the kit's names too

    def whole(self):
        """The paths of everything that the topic is made from: its folder, and the kit files that it uses."""
        kit = set()
        for read in self.read.values():
            for module, name in read.imports.values():
                kit |= reached(self.topics, module, name) if module and module.startswith("topics.") else set()
        for module in ALWAYS:
            kit |= reached(self.topics, module, None)
        return [*sorted(path for path in (self.topics / self.slug).iterdir() if path.is_file()), *sorted(kit)]


@cache
def surroundings(topics):
    """What every result depends on beside the code that it reaches: numpy and the models."""
    return digest(np.__version__, *contents(sorted((topics / "data").glob("*"))))


def reached(topics, module, name):
    """The kit's files that `from module import name` reaches, their own imports included."""
    found, todo = set(), [kit_file(topics, module, name)]
    while todo:
        path = todo.pop()
        if path is None or path in found:
            continue
        found.add(path)
        imports = read_file(path).imports.values()
        todo += [kit_file(topics, *each) for each in imports if each[0] and each[0].startswith("topics.")]
    return found


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
