"""Reads from the tests which of them hold a topic's claims. Runs none of them."""

import ast
from dataclasses import dataclass
from pathlib import Path

from builder.faults import Fault
from builder.places import files_in
from builder.texts import read_text
from builder.watch import brief


@dataclass(frozen=True)
class Claim:
    """One test, named as the claim that it holds."""

    claim: str
    file: str


def verified_by(root):
    """({slug: [Claim]}, faults) from the marker `topic("slug")` of tests/**/test_*.py, on modules and on functions."""
    claims, faults = {}, []
    for path in files_in(Path(root) / "tests", "test_*.py", below=True):
        file = path.relative_to(root).as_posix()
        text, unread = read_text(path, file)
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            unread = [Fault(file, getattr(error, "lineno", 0) or 0, brief(error))]
        if unread:
            faults += unread
            continue
        whole = [slug for node in tree.body if marks_module(node) for slug in slugs_in(node.value)]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                own = [slug for decorator in node.decorator_list for slug in slugs_in(decorator)]
                for slug in dict.fromkeys(whole + own):
                    claims.setdefault(slug, []).append(Claim(sentence(node.name), file))
    return claims, faults


def marks_module(node):
    return isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "pytestmark" for target in node.targets)


def slugs_in(node):
    """The arguments of every `….topic("slug")` call below a node."""
    calls = (n for n in ast.walk(node) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "topic")
    return [argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant)]


def sentence(name):
    """
    >>> sentence("test_the_cache_never_changes_an_output")
    'The cache never changes an output.'
    """
    words = name.removeprefix("test_").replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}."
