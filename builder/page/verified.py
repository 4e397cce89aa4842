"""Reads from the tests which of them hold a topic's claims. Runs none of them."""

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Claim:
    """One test, named as the claim that it holds."""

    claim: str
    file: str


def verified_by(root):
    """{slug: [Claim]} from the marker `topic("slug")` of tests/**/test_*.py, on modules and on functions."""
    claims = {}
    for path in sorted((Path(root) / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        whole = [slug for node in tree.body if marks_module(node) for slug in slugs_in(node.value)]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                own = [slug for decorator in node.decorator_list for slug in slugs_in(decorator)]
                for slug in dict.fromkeys(whole + own):
                    claims.setdefault(slug, []).append(Claim(sentence(node.name), path.relative_to(root).as_posix()))
    return claims


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
