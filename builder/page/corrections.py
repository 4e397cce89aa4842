"""Reads topics/corrections.md: what stood wrong on a page, and since when it is right. Knows no other page.

    ## rope, 2026-11-30

    Stood there: …

    Right: …

    Found: …

Each part is one paragraph, and may hold mathematics and links.
"""

import re
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace

from markupsafe import Markup

from builder.faults import Fault, did_you_mean
from builder.page.constructs import MEANINGS, resolve
from builder.page.prose import render_prose
from builder.read.scan import scan
from builder.texts import read_text

FILE = "topics/corrections.md"
PARTS = ("Stood there", "Right", "Found")
_HEADING = re.compile(r"^##[ \t]+(.+?)[ \t]*$", re.M)
_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")


@dataclass(frozen=True)
class Correction:
    """One mended error of a page."""

    slug: str
    day: date
    parts: dict  # of PARTS, each as HTML


def read_corrections(path, topics, site):
    """([Correction], faults) of the file at `path`, the newest first; without a file there are none.

    site  what mathematics needs: a bibliography and a glossary
    """
    if not path.exists():
        return [], []
    text, unread = read_text(path, FILE)
    corrections, faults = parse_corrections(text, topics, site)
    return corrections, unread or faults


def parse_corrections(text, topics, site):
    whole, slugs = scan(text), [topic.slug for topic in topics if not topic.planned]
    page = SimpleNamespace(slug="corrections", file=FILE, modules=[], names={}, demos={}, exercises={})
    html_of, faults = resolve(whole, page, site)
    problems = [(c.line, f"{c.source}: a correction has text, links and mathematics only") for c in whole.constructs
                if c.kind in MEANINGS]  # fmt: skip
    made, headings = [], list(_HEADING.finditer(whole.text))
    for heading, end in zip(headings, [*(h.start() for h in headings[1:]), len(whole.text)], strict=False):
        day, slug, cause = head(heading[1], slugs)
        parts, found = body(whole.part(heading.end(), end), html_of)
        problems += [(whole.line_of(heading.start()), cause)] * bool(cause) + found
        made.append(Correction(slug, day, parts))
    faults += [Fault(FILE, line, cause) for line, cause in [*whole.problems, *problems]]
    return sorted(made, key=lambda each: each.day, reverse=True), faults


def head(text, slugs):
    """(day, slug, what is wrong or "") of a heading.

    >>> head("rope, 2026-11-30", ["rope"])
    (datetime.date(2026, 11, 30), 'rope', '')
    """
    slug, _, written = (part.strip() for part in text.partition(","))
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return date.min, slug, f"“{text}” is not a page and a day, such as “## rope, 2026-11-30”"
    return day, slug, "" if slug in slugs else f"{slug} is no written page.{did_you_mean(slug, slugs)}"


def body(scanned, html_of):
    """({part: HTML}, [(line, cause)]): one paragraph for each of PARTS, in their order."""
    paragraphs = list(_PARAGRAPH.finditer(scanned.text))
    told = [paragraph[0].partition(": ")[0] for paragraph in paragraphs]
    if tuple(told) != PARTS:
        wanted = ", ".join(f"“{part}: …”" for part in PARTS)
        return {}, [(scanned.first_line, f"a correction has three paragraphs, {wanted}; here are {told}")]
    parts, problems = {}, []
    for part, paragraph in zip(PARTS, paragraphs, strict=True):
        prose = render_prose(scanned.part(paragraph.start() + len(part) + 2, paragraph.end()), html_of)
        parts[part], problems = Markup(prose.html), [*problems, *prose.problems]
    return parts, problems
