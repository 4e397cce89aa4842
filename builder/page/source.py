"""Shows the source of a function that really runs, as a <code-cell>. Knows nothing of pages."""

import ast
import inspect
import linecache
import re
import textwrap
from html import escape

from builder.page.asked import version
from builder.page.prose import highlighted
from topics.kit.page.demo import is_demo

EQUATION = re.compile(r"\beq:([A-Za-z][\w-]*)")


def code_html(function, equations):
    """A figure with the code, its name and its file; equation labels in it link to the page's equations.

    equations   {label: number} of the page
    """
    home = f"{function.__module__}.{function.__qualname__}"
    file = f"{function.__module__.replace('.', '/')}.py"
    source = source_of(function)
    code = EQUATION.sub(lambda found: _link(found, equations), highlighted(source))
    name = escape(function.__name__)
    caption = f"<code>{name}</code> in <code>{escape(file)}</code>"
    return (
        f'<code-cell target="{escape(home)}" of="{version(source)}"><figure class="code" id="code-{name}">'
        f"<figcaption>{caption}</figcaption>{code}</figure></code-cell>"
    )


def source_of(function):
    """The source as it stands in its home module; a demo without the decorator that declares its controls."""
    linecache.checkcache(inspect.getsourcefile(function))  # `serve` reloads modules
    source = textwrap.dedent(inspect.getsource(function))
    if not is_demo(function):
        return source
    return "".join(source.splitlines(keepends=True)[ast.parse(source).body[0].lineno - 1 :])


def _link(found, equations):
    if found[1] not in equations:
        return found[0]
    return f'<a href="#eq-{found[1]}" title="Equation {equations[found[1]]}">{found[0]}</a>'


def cited_equations(module):
    """(label, line) of each (eq:label) in a module's source."""
    linecache.checkcache(module.__file__)
    for line, text in enumerate("".join(linecache.getlines(module.__file__)).split("\n"), 1):
        for cited in re.findall(r"\(([^()]*\beq:[^()]*)\)", text):
            yield from ((label, line) for label in EQUATION.findall(cited))
