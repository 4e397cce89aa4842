"""What each construct of a page means, given its topic and the site. Knows neither Markdown nor templates."""

import inspect
import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape

from builder.faults import BuildError, Fault, did_you_mean
from builder.page.mathematics import number_equations, render_mathematics
from builder.page.source import cited_equations, code_html
from builder.page.values import NumberError, value_text
from builder.watch import brief, step
from topics.kit.page.traces import INKS


class ConstructError(ValueError):
    """What is wrong with one construct: the words that follow it in the fault."""


@dataclass
class _Page:
    """What the constructs of one page share."""

    topic: object
    site: object
    equations: dict  # label: number
    figures: dict  # demo: number
    value_text: object  # (argument, namespace) to the text of a value
    shown: set = field(default_factory=set)  # demos and code already on the page
    cited: Counter = field(default_factory=Counter)  # how often each source was, so far

    @property
    def folder(self):
        return self.topic.file.rpartition("/")[0]

    def once(self, kind, name):
        if (kind, name) in self.shown:
            raise ConstructError(f" stands on this page twice; a {kind} has one place")
        self.shown.add((kind, name))


def resolve(scan, topic, site, value_text=value_text):
    """({token: html}, faults) of a scanned page; code spans and fences are left, they mean themselves.

    topic   .slug, .file (as faults name it), .modules, .names of all of them, .demos and .exercises {name: function}
    site    .bibliography, .glossary, .demo_html(topic, name, number of the figure)
    value_text   (argument, namespace) to the text of a value
    """
    labels, numbers, problems = number_equations(scan.constructs)

    def begin(construct):
        step(topic.file, construct.line, construct.source)

    page = _Page(topic, site, labels, _number_figures(scan.constructs), value_text)
    html_of, more = render_mathematics(scan.constructs, numbers, lambda inner: _number(inner, page), begin)
    problems += [(construct, f": {cause}") for construct, cause in more]
    for construct in scan.constructs:
        if construct.kind in MEANINGS:
            begin(construct)
            try:
                html_of[construct.token] = MEANINGS[construct.kind](construct, page)
            except ConstructError as error:
                problems.append((construct, str(error)))
            except BuildError:
                raise
            except Exception as error:
                problems.append((construct, f": {brief(error)}"))
    faults = [Fault(topic.file, c.line, c.source + cause) for c, cause in problems]
    return html_of, faults + list(_missing_equations(page))


def _number_figures(constructs):
    """{demo: number}: every demo is a figure, counted down the page."""
    demos = dict.fromkeys(c.argument for c in constructs if c.kind == "demo")
    return {name: number for number, name in enumerate(demos, 1)}


def _missing_equations(page):
    """Equations that the topic's code cites and its page does not have."""
    for module in page.topic.modules:
        for label, line in cited_equations(module):
            if label not in page.equations:
                near = did_you_mean(label, page.equations)
                cause = f"(eq:{label}) is not the label of an equation in {page.topic.file}.{near}"
                yield Fault(f"{module.__name__.replace('.', '/')}.py", line, cause)


def demo(construct, page):
    name = construct.argument
    if name not in page.topic.demos:
        raise ConstructError(f" is not in {page.folder}.{did_you_mean(name, page.topic.demos)}")
    page.once("demo", name)
    return page.site.demo_html(page.topic, name, page.figures[name])


def code(construct, page):
    name = construct.argument
    functions = {key: thing for key, thing in page.topic.names.items() if _is_ours(thing, page.topic.modules)}
    if name not in functions:
        raise ConstructError(f" is not a function in {page.folder}.{did_you_mean(name, functions)}")
    page.once("code", name)
    try:
        return code_html(functions[name], page.equations)
    except OSError:
        raise ConstructError(" has no source: it is not written in a file") from None


def _is_ours(thing, modules):
    """A function or class of the topic or of the kit, not one of Python or numpy."""
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return False
    return thing.__module__.startswith("topics.") or thing.__module__ in {module.__name__ for module in modules}


def value(construct, page):
    try:
        text = _number(construct, page)
    except NumberError as error:
        raise ConstructError(f": {error}") from None
    return f'<span class="value" title="{escape(construct.argument)}">{escape(text)}</span>'


def _number(construct, page):
    return page.value_text(construct.argument, page.topic.names)


def cite(construct, page):
    """[[cite a b]] or [[cite a, b]]: (Author, year; Author, year), each linked to the list of sources."""
    return f"({'; '.join(_citations(construct, page, page.site.bibliography.short))})"


def citet(construct, page):
    """[[citet a]]: Author (year), as a part of the sentence."""
    return " and ".join(_citations(construct, page, page.site.bibliography.narrative))


def _citations(construct, page, text_of):
    """A link for each source; its id is where the list of sources leads back to."""
    sources = page.site.bibliography
    unknown = [f"{key} is not in references.bib.{did_you_mean(key, sources.keys)}" for key in construct.keys
               if key not in sources]  # fmt: skip
    if unknown:
        raise ConstructError(f": {' '.join(unknown)}")
    for key in construct.keys:
        page.cited[key] += 1
        place = f"cite-{escape(key)}-{page.cited[key]}"
        yield f'<a class="cite" id="{place}" href="#ref-{escape(key)}">{escape(text_of(key))}</a>'


def term(construct, page):
    """[[term logit]] or [[term logit : logits]]: a link to the glossary; popover.js shows the definition."""
    name, shown = _named(construct.argument)
    entry = page.site.glossary.find(name)
    if entry is None:
        raise ConstructError(f": {name} is not in glossary.md.{did_you_mean(name, page.site.glossary.terms)}")
    return f'<a class="term" href="glossary.html#{entry.id}">{escape(shown)}</a>'


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


def fig(construct, page):
    """[[fig cache_growth]]: "figure 2", linked to the demo of that name."""
    name = construct.argument
    if name not in page.figures:
        raise ConstructError(f": no [[demo {name}]] stands here.{did_you_mean(name, page.figures)}")
    return f'<a class="fig" href="#demo-{name}">figure {page.figures[name]}</a>'


def exercise(construct, page):
    name = construct.argument
    if name not in page.topic.exercises:
        raise ConstructError(f" is not in {page.folder}.{did_you_mean(name, page.topic.exercises)}")
    page.once("exercise", name)
    return page.site.exercise_html(page.topic, name)


MEANINGS = {"demo": demo, "code": code, "value": value, "cite": cite, "citet": citet, "term": term, "ink": ink,
            "eq": eq, "fig": fig, "exercise": exercise}  # fmt: skip
