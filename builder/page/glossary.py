"""Reads topics/glossary.md: a heading `## term`, then one paragraph that defines it. Knows no other page."""

import re
from dataclasses import dataclass, replace
from types import SimpleNamespace

from markupsafe import Markup

from builder.faults import Fault
from builder.page.constructs import resolve
from builder.page.prose import render_prose, slug
from builder.page.references import Bibliography
from builder.read.scan import Scan, scan
from builder.texts import read_text

_HEADING = re.compile(r"^##[ \t]+(.+?)[ \t]*$", re.M)


@dataclass(frozen=True)
class Entry:
    """A term and its definition."""

    term: str
    id: str
    line: int
    text: str  # without markup, for the search
    definition: Scan
    html: str = ""


class Glossary:
    """Terms in alphabetical order, found by name whatever their case."""

    def __init__(self, entries):
        self.entries = sorted(entries, key=lambda entry: entry.term.casefold())
        self._by_name = {entry.term.casefold(): entry for entry in self.entries}

    @property
    def terms(self):
        return [entry.term for entry in self.entries]

    def find(self, term):
        """The entry of a term, or None."""
        return self._by_name.get(term.casefold())


def read_glossary(path):
    """(Glossary, faults) of the file at `path`."""
    file = "/".join(path.parts[-2:])
    if not path.exists():
        return Glossary([]), [Fault(file, 0, "does not exist: it holds the terms of the glossary")]
    text, faults = read_text(path, file)
    glossary, found = parse_glossary(text, file)
    return glossary, faults or found


def parse_glossary(text, file):
    """(Glossary, faults) of its text. A definition may hold mathematics and further terms."""
    whole = scan(text)
    entries, problems = {}, list(whole.problems)
    for entry in _entries(whole):
        if not entry.text:
            problems.append((entry.line, f"{entry.term} has no definition below it"))
        if entry.id in entries:
            problems.append((entry.line, f"{entry.term} is defined twice"))
        entries[entry.id] = entry
    glossary, faults = _rendered(whole, Glossary(entries.values()), file)
    return glossary, faults + [Fault(file, line, cause) for line, cause in problems]


def _entries(whole):
    headings = list(_HEADING.finditer(whole.text))
    ends = [*(heading.start() for heading in headings[1:]), len(whole.text)]
    for heading, end in zip(headings, ends, strict=False):  # without a heading there is an end, too
        definition = whole.part(heading.end(), end)
        yield Entry(heading[1], slug(heading[1]), whole.line_of(heading.start()), _plain(definition), definition)


def _plain(definition):
    """A definition without markup: the shown text of a term, the TeX of a formula."""
    text = definition.put_back(definition.text, lambda construct: construct.argument.split(" : ")[-1])
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)  # links
    return " ".join(re.sub(r"\*+([^*\s][^*]*)\*+", r"\1", text).split())


def _rendered(whole, glossary, file):
    """(the glossary with the HTML of its definitions, faults)."""
    page = SimpleNamespace(slug="glossary", file=file, modules=[], names={}, demos={}, exercises={})
    site = SimpleNamespace(glossary=glossary, bibliography=Bibliography({}))
    html_of, faults = resolve(whole, page, site)
    entries = []
    for entry in glossary.entries:
        prose = render_prose(entry.definition, html_of)
        entries.append(replace(entry, html=Markup(prose.html)))
        faults += [Fault(file, line, cause) for line, cause in prose.problems]
    return Glossary(entries), faults
