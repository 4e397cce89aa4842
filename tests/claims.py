"""Reads the shapes that a source claims, in comments and in docstrings. Knows nothing of running it.

    s = q @ k.T  # (H, T_q, T_k)              an assignment's target; of several targets, every one
    y, K, V = prefill(q, k, v)  # y (T, D)    the target of that name; or all by place: (T, D), (t, D), (t, D)
    made.append(y)  # (D,)                    what was appended
    return w  # (T, T)                        what is returned
    right = [f(x) for x in xs]  # (T,) each   each member
    q, k     (T, D)                           a docstring's line about arguments; of a list: a list of W (d, D) ...
    returns  y (T, D) and the rest            what comes back, by place
    The sum (T,) of x (T, D). x (T, D) to (T,)  in a docstring's prose: an argument's, else what comes back

`...` stands for any axes; an axis is a number, a letter or word, or a sum or product of them: H_kv, D/2, t+1, 2·H·D;
≤B_r is at most B_r long.

A comment is a shape's when it begins with "(", or with a target's name and "(": then a misspelt one is a problem, and
never words. Further on in a comment a whole shape counts, and all else is words. So it is in a docstring's lines. Its
prose tells what comes back only where no line does, and there a shape needs a number, a letter or a capital: (layer,
head) is a pair.
"""

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LEFT_OUT = {"demo", "exercise"}  # functions with these decorators


class Problem(NamedTuple):
    file: str
    line: int
    expected: str
    found: str

    def __str__(self):
        return f"{self.file}:{self.line}: expected {self.expected}, found {self.found}"


# ---- shapes as they are written

NAME = r"[^\W\d]\w*"
DIM = rf"(?:{NAME}|\d+)(?:\s*[-−+·*/]\s*(?:{NAME}|\d+))*"
AXIS = rf"(?:\.\.\.|≤?{DIM})"
SHAPE = re.compile(rf"(?<![\w(])\((?:{AXIS},|{AXIS}(?:, {AXIS})+)?\)")
SIZE = r"\.\.\.|[A-Z\d]|\b[a-z]\b"  # in prose (layer, head) is a pair
STRUCTURE = r"\[.*?\]|\{.*?\}|called as .*"  # outlines of lists and dicts, and what a function is given
RUN = re.compile(rf"((?:{NAME}(?:, | and ))*{NAME}) $")


class Shape(NamedTuple):
    """text as written; axes; the names right before it; how many values it is said of (None: all that are left)."""

    text: str
    axes: list
    names: list
    times: int | None


def shapes_in(text, one_like=""):
    """The shapes in a comment or a docstring's line. one_like: what one axis at least must look like"""
    found, before = [], 0
    for match in SHAPE.finditer(text):
        run = RUN.search(text[before : match.start()])
        names = re.split(", | and ", run[1]) if run else []
        word = re.match(r" (each|twice)\b", text[match.end() :])
        times = {"each": None, "twice": 2}[word[1]] if word else max(1, len(names))
        if re.search(one_like, match[0]):
            found.append(Shape(match[0], re.findall(AXIS, match[0]), names, times))
        before = match.end()
    return found


# ---- what a source claims


@dataclass(eq=False)
class Claim:
    """Shapes claimed in one place. names: the expressions that they are said of; none of what a function returns."""

    file: str
    line: int
    shapes: list
    names: list
    members: bool = False  # said of each member of a list
    prose: bool = False  # not of a line of its own
    checked: bool = False

    def text(self):
        return " and ".join(shape.text for shape in self.shapes)


@dataclass(eq=False)
class Statement:
    returns: bool
    claim: Claim | None = None


@dataclass
class Function:
    """What a docstring claims of arguments and of the result, and the statement that each line is part of."""

    arguments: list
    results: list
    statements: dict
    calls: int = 0

    def claims(self):
        return [*self.arguments, *self.results, *{each.claim for each in self.statements.values() if each.claim}]


def read(path):
    """A source's functions by (first line, name), and the shapes in it that can't be understood, as Problems."""
    source = Source(path)
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.FunctionDef):
            source.function(node)
    return source.functions, source.problems + source.strays()


class Source:
    """One file while it is read."""

    def __init__(self, path):
        self.file, self.text = str(path), Path(path).read_text()
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        self.comments = {t.start[0]: t.string.lstrip("# ") for t in tokens
                         if t.type == tokenize.COMMENT and t.line[: t.start[1]].strip()}  # fmt: skip
        self.functions, self.problems, self.done = {}, [], set()

    def strays(self):
        """Shapes in comments that no claim has taken up."""
        left = [(line, text) for line, text in self.comments.items() if line not in self.done]
        where = "a shape behind an assignment, an append or a return of a function"
        return [Problem(self.file, line, where, text) for line, text in left if text.startswith("(") or shapes_in(text)]

    def function(self, node):
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        if any(called(each) in LEFT_OUT for each in node.decorator_list):
            self.done |= set(range(first, node.end_lineno + 1))
            return
        lines = {}
        for part in simple_statements(node.body):
            statement = Statement(isinstance(part, ast.Return), self.claim(part))
            lines |= dict.fromkeys(range(part.lineno, part.end_lineno + 1), statement)
        self.functions[first, node.name] = Function(*self.documented(node), lines)

    def claim(self, statement):
        """The claim of the comment behind a statement, or None."""
        names = targets(statement)
        for line in range(statement.lineno, statement.end_lineno + 1) if names is not None else ():
            self.done.add(line)
            if shapes := self.shapes(line, self.comments.get(line, ""), names):
                if len(names) > 1 and len(shapes) == 1 and not set(shapes[0].names) & set(names):
                    shapes, names = [shapes[0]._replace(times=None)], [name for name in names if name != "_"]
                return Claim(self.file, line, shapes, names)
        return None

    def shapes(self, line, text, names=()):
        """The shapes in a text; a problem where it begins as one, or with a name and one, and is none."""
        before, shapes = text.partition("(")[0], shapes_in(text)
        begins = "(" in text and set(re.split(", | and ", before.strip())) <= {"", *names}
        if begins and not (shapes and text.startswith(shapes[0].text, len(before))):
            self.problems.append(Problem(self.file, line, "a shape such as (T, D) or (T,)", text))
        return shapes

    def documented(self, node):
        """A docstring's claims: of the arguments, and of the result."""
        known = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        arguments, results, prose = [], [], []
        for line, names, text in entries(node, known):
            text = re.sub(STRUCTURE, "", text)
            if not names:
                prose.append((line, text))
            elif shapes := self.shapes(line, text):
                if len(shapes) == 1 and len(names) > 1:
                    shapes = [shapes[0]._replace(times=None)]
                claim = Claim(self.file, line, shapes, [] if names == ["returns"] else names, "list of" in text)
                (arguments if claim.names else results).append(claim)
        for line, said, shape in [(*entry, shape) for entry in prose for shape in shapes_in(entry[1], SIZE)]:
            if shape.names and set(shape.names) <= known:
                arguments.append(Claim(self.file, line, [shape], shape.names))
            elif not results or (results[0].prose and shape.names[-1:] == ["to"]):
                results = [Claim(self.file, line, [shape], [], "list of" in said, prose=True)]
            elif results[0].prose:
                results[0].shapes.append(shape)
        return arguments, results


def called(decorator):
    """The name of a decorator."""
    return getattr(decorator.func if isinstance(decorator, ast.Call) else decorator, "id", None)


def simple_statements(body):
    """The statements of a function's own, those in loops and branches too, that hold no others."""
    for each in body:
        inner = [part for field in ("body", "orelse", "finalbody", "handlers", "cases")
                 for part in getattr(each, field, [])]  # fmt: skip
        if not isinstance(each, ast.FunctionDef | ast.ClassDef):
            yield from simple_statements(inner) if inner else [each]


def targets(statement):
    """The expressions that have a value once a statement was executed; None of one that is no assignment."""
    match statement:
        case ast.Return():
            parts = [statement.value or ast.Constant(None)]
        case ast.Assign(targets=[*_, target]) | ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            parts = [target]
        case ast.Expr(ast.Call(ast.Attribute(grown, "append"))):
            return [f"{ast.unparse(grown)}[-1]"]
        case _:
            return None
    return [ast.unparse(leaf) for part in parts for leaf in leaves(part)]


def leaves(target):
    """The single targets of (a, b), c = ..."""
    return [leaf for part in target.elts for leaf in leaves(part)] if isinstance(target, ast.Tuple) else [target]


def entries(node, known):
    """A docstring line by line as [line, names, text]: names are arguments or "returns", [] in prose."""
    found, indent, words = [], None, "|".join(sorted(known | {"returns"}, key=len, reverse=True))
    label = re.compile(rf"(?:^ *|  )((?:{words})(?:, (?:{words}))*)  +(?=\S)")
    lines = node.body[0].value.value.split(">>>")[0].splitlines() if ast.get_docstring(node) else []
    for line, raw in enumerate(lines, node.body[0].lineno):
        deep = len(raw) - len(raw.lstrip())
        if marks := list(label.finditer(raw)):
            indent, ends = deep, [mark.start() for mark in marks[1:]] + [len(raw)]
            found += [[line, m[1].split(", "), raw[m.end() : end].strip()] for m, end in zip(marks, ends, strict=True)]
        elif indent is not None and deep > indent and raw.strip():
            found[-1][2] += " " + raw.strip()
        else:
            indent = None
            found.append([line, [], raw.strip()])
    return found
