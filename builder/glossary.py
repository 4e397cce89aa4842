"""Reads topics/glossary.md: a heading `## term`, then one paragraph that defines it. Knows no other page."""

import re
from dataclasses import dataclass
from types import SimpleNamespace

from builder.constructs import resolve
from builder.faults import Fault
from builder.prose import render_prose, slug
from builder.scan import Scan, scan

_HEADING = re.compile(r"^##[ \t]+(.+?)[ \t]*$", re.M)


@dataclass(frozen=True)
class Entry:
    """A term; `text` is its definition without markup, for a tooltip."""

    term: str
    id: str
    line: int
    text: str
    definition: Scan


class Glossary:
    """Terms by name, whatever their case."""

    def __init__(self, entries, file):
        self.entries, self.file = entries, file
        self._by_name = {entry.term.casefold(): entry for entry in entries}

    @property
    def terms(self):
        return [entry.term for entry in self.entries]

    def find(self, term):
        """The entry of a term, or None."""
        return self._by_name.get(term.casefold())


def read_glossary(text, file):
    """(Glossary, faults); the definitions' constructs are resolved only by `rendered`."""
    text = text.replace("\r\n", "\n")
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    entries, faults = {}, []
    for heading, end in zip(headings, ends, strict=True):
        entry = _entry(text, heading, end)
        causes = [(entry.line, f"{entry.term} has no definition below it")] if not entry.text else []
        causes += [(entry.line, f"{entry.term} is defined twice")] if entry.id in entries else []
        entries[entry.id] = entry
        faults += [Fault(file, line, cause) for line, cause in (*causes, *entry.definition.problems)]
    return Glossary(sorted(entries.values(), key=lambda entry: entry.term.casefold()), file), faults


def _entry(text, heading, end):
    body = text[heading.end() : end]
    start = heading.end() + len(body) - len(body.lstrip())
    definition = scan(text[start:end].rstrip(), 1 + text.count("\n", 0, start))
    line = 1 + text.count("\n", 0, heading.start())
    return Entry(heading[1], slug(heading[1]), line, _plain(definition), definition)


def _plain(definition):
    """A definition without markup: the shown text of a term, the TeX of a formula."""
    text = definition.put_back(definition.text, lambda construct: construct.argument.split(" : ")[-1])
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)  # links
    return " ".join(re.sub(r"[*_]{1,2}(\S[^*]*?)[*_]{1,2}", r"\1", text).split())


def rendered(glossary, site):
    """([{term, id, html}] in alphabetical order, faults) for the glossary's page."""
    page = SimpleNamespace(slug="glossary", file=glossary.file, module=None, demos={})
    rows, faults = [], []
    for entry in glossary.entries:
        resolved = resolve(entry.definition, page, site)
        prose = render_prose(entry.definition, resolved.html_of)
        rows.append({"term": entry.term, "id": entry.id, "html": prose.html})
        faults += [*resolved.faults, *(Fault(glossary.file, line, cause) for line, cause in prose.problems)]
    return rows, faults
