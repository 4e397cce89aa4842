"""What each construct of a page means, given its topic and the site. Knows neither Markdown nor templates."""

import inspect
import re
from dataclasses import dataclass, field
from html import escape

from builder.faults import Fault, did_you_mean
from builder.mathematics import number_equations, render_mathematics
from builder.source import cited_equations, code_html
from builder.values import NumberError, value_text
from topics.kit.traces import INKS


class ConstructError(ValueError):
    """What is wrong with one construct: the words that follow it in the fault."""


@dataclass
class _Page:
    """What the constructs of one page share."""

    topic: object
    site: object
    equations: dict  # label: number
    shown: set = field(default_factory=set)  # demos and code already on the page

    @property
    def script(self):
        return re.sub(r"\.md$", ".py", self.topic.file)

    def namespace(self):
        return vars(self.topic.module) if self.topic.module else {}

    def once(self, kind, name):
        if (kind, name) in self.shown:
            raise ConstructError(f" stands on this page twice; a {kind} has one place")
        self.shown.add((kind, name))


def resolve(scan, topic, site):
    """({token: html}, faults) of a scanned page; code spans and fences are left, they mean themselves.

    topic   .slug, .file (as faults name it), .module (or None), .demos {name: function}
    site    .bibliography, .glossary, .demo_html(topic, name)
    """
    labels, numbers, problems = number_equations(scan.constructs)
    page = _Page(topic, site, labels)
    html_of, more = render_mathematics(scan.constructs, numbers, lambda inner: _number(inner, page))
    problems += [(construct, f": {cause}") for construct, cause in more]
    for construct in scan.constructs:
        if construct.kind in MEANINGS:
            try:
                html_of[construct.token] = MEANINGS[construct.kind](construct, page)
            except ConstructError as error:
                problems.append((construct, str(error)))
    faults = [Fault(topic.file, c.line, " ".join(c.source.split()) + cause) for c, cause in problems]
    return html_of, faults + list(_missing_equations(page))


def _missing_equations(page):
    """Equations that the topic's code cites and its page does not have."""
    if page.topic.module is None:
        return
    for label, line in cited_equations(page.topic.module):
        if label not in page.equations:
            near = did_you_mean(label, page.equations)
            cause = f"(eq:{label}) is not the label of an equation in {_base(page.topic.file)}.{near}"
            yield Fault(page.script, line, cause)


def demo(construct, page):
    name = construct.argument
    if name not in page.topic.demos:
        raise ConstructError(f" is not in {_base(page.script)}.{did_you_mean(name, page.topic.demos)}")
    page.once("demo", name)
    return page.site.demo_html(page.topic, name)


def code(construct, page):
    name = construct.argument
    functions = {key: thing for key, thing in page.namespace().items() if _is_ours(thing, page.topic.module)}
    if name not in functions:
        raise ConstructError(f" is not a function in {_base(page.script)}.{did_you_mean(name, functions)}")
    page.once("code", name)
    return code_html(functions[name], page.equations)


def _is_ours(thing, module):
    """A function or class of the topic or of the kit, not one of Python or numpy."""
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return False
    return thing.__module__ == module.__name__ or thing.__module__.startswith("topics.")


def _base(file):
    return file.rsplit("/", 1)[-1]


def value(construct, page):
    try:
        text = _number(construct, page)
    except NumberError as error:
        raise ConstructError(f": {error}") from None
    return f'<span class="value" title="{escape(construct.argument)}">{escape(text)}</span>'


def _number(construct, page):
    return value_text(construct.argument, page.namespace())


def cite(construct, page):
    """[[cite a b]] or [[cite a, b]]: (Author, year; Author, year), each linked to the list of sources."""
    sources, links, unknown = page.site.bibliography, [], []
    for key in construct.keys:
        if key not in sources:
            unknown.append(f"{key} is not in references.bib.{did_you_mean(key, sources.keys)}")
            continue
        title = escape(sources.title(key))
        links.append(f'<a class="cite" href="#ref-{escape(key)}" title="{title}">{escape(sources.short(key))}</a>')
    if unknown:
        raise ConstructError(f": {' '.join(unknown)}")
    return f"({'; '.join(links)})"


def term(construct, page):
    """[[term logit]] or [[term logit : logits]]: a link to the glossary with the definition as its title."""
    name, shown = _named(construct.argument)
    entry = page.site.glossary.find(name)
    if entry is None:
        raise ConstructError(f": {name} is not in glossary.md.{did_you_mean(name, page.site.glossary.terms)}")
    return f'<a class="term" href="glossary.html#{entry.id}" title="{escape(entry.text)}">{escape(shown)}</a>'


def ink(construct, page):
    """[[ink query : the query]] or [[ink query]]: words in the colour of an idea."""
    name, shown = _named(construct.argument)
    if name not in INKS:
        raise ConstructError(f": {name} is not an idea colour.{did_you_mean(name, INKS)}")
    return f'<span class="ink-{name}">{escape(shown)}</span>'


def _named(argument):
    """(name, shown text): what follows " : ", or else the name itself."""
    name, _, shown = argument.partition(" : ")
    if re.search(r"\$|`|\[\[", shown):
        raise ConstructError(": the shown text is plain words; write mathematics beside it, or \\ink{query}{q} in it")
    return name.strip(), shown.strip() or name.strip()


def eq(construct, page):
    """[[eq bytes]]: "equation 3", linked."""
    label = construct.argument
    if label not in page.equations:
        near = did_you_mean(label, page.equations)
        raise ConstructError(f": no equation of this page has the label {{#eq:{label}}}.{near}")
    return f'<a class="eq" href="#eq-{label}">equation {page.equations[label]}</a>'


def exercise(construct, page):
    name = construct.argument
    if name not in page.topic.exercises:
        raise ConstructError(f" is not in {_base(page.script)}.{did_you_mean(name, page.topic.exercises)}")
    page.once("exercise", name)
    return page.site.exercise_html(page.topic, name)


MEANINGS = {"demo": demo, "code": code, "value": value, "cite": cite, "term": term, "ink": ink, "eq": eq,
            "exercise": exercise}  # fmt: skip
