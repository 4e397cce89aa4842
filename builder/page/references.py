"""Reads topics/references.bib and writes its entries as HTML. Knows no page."""

import re
from collections import Counter
from html import escape

from pybtex.database import Person
from pybtex.database.input.bibtex import Parser
from pybtex.errors import capture
from pybtex.richtext import Text

from builder.faults import Fault
from builder.texts import read_text
from builder.watch import brief

REQUIRED = ("author", "title", "year")
VENUES = ("journal", "booktitle", "publisher", "institution", "howpublished")
AUTHORS = 6  # that are named; of more, the first six
LINKS = {"eprint": "https://arxiv.org/abs/{}", "doi": "https://doi.org/{}", "url": "{}"}


class Bibliography:
    """Every source that a page may cite, by key."""

    def __init__(self, entries):
        self._entries = entries
        self._short = _distinct({key: _author_year(entry) for key, entry in entries.items()})

    @property
    def keys(self):
        return list(self._entries)

    def __contains__(self, key):
        return key in self._entries

    def short(self, key):
        """As in running text: "Dao et al., 2022"."""
        return self._short[key]

    def narrative(self, key):
        """As part of a sentence: "Dao et al. (2022)"."""
        return "{} ({})".format(*self._short[key].rsplit(", ", 1))

    def title(self, key):
        return _text(self._entries[key].fields["title"])

    def entry_html(self, key):
        """As in the list of sources: authors, year, linked title, venue."""
        entry = self._entries[key]
        title = escape(self.title(key))
        if link := _link(entry):
            title = f'<a href="{escape(link)}" rel="noopener">{title}</a>'
        venue = next((_text(entry.fields[name]) for name in VENUES if name in entry.fields), "")
        venue = f" <em>{escape(venue)}</em>." if venue else ""
        year = self._short[key].rsplit(", ", 1)[1]  # with the letter that tells two papers of a year apart
        return f"{escape(_authors(entry))} ({year}). {title}.{venue}"


def read_bibliography(path):
    """(Bibliography, faults) of a BibTeX file; an entry with a fault is left out."""
    file = "/".join(path.parts[-2:])
    if not path.exists():
        return Bibliography({}), [Fault(file, 0, "does not exist: it holds every source that a page cites")]
    text, faults = read_text(path, file)
    bibliography, found = parse_bibliography(text, file)
    return bibliography, faults or found


def parse_bibliography(text, file):
    """(Bibliography, faults) of BibTeX text."""
    with capture() as errors:
        parsed = Parser().parse_string(text).entries
    faults = [Fault(file, *_error(error, text)) for error in errors]
    entries = {}
    for key, entry in parsed.items():
        missing = [name for name in REQUIRED if not (entry.fields.get(name) or entry.persons.get(name))]
        if missing:
            faults.append(Fault(file, _line(text, key), f"{key} has no {' and no '.join(missing)}"))
            continue
        try:
            Bibliography({key: entry}).entry_html(key)
        except Exception as error:  # a name without letters, LaTeX that nobody can read
            faults.append(Fault(file, _line(text, key), f"{key}: {brief(error)}"))
        else:
            entries[key] = entry
    return Bibliography(entries), faults


def _error(error, text):
    """(line, cause) of one of pybtex's complaints."""
    repeated = re.fullmatch(r"repeated bibliography entry: (.+)", str(error))
    if repeated:
        return _line(text, repeated[1], which=-1), f"{repeated[1]} stands twice"
    return getattr(error, "lineno", None) or 0, re.sub(r"syntax error in line \d+", "BibTeX", str(error))


def _line(text, key, which=0):
    found = list(re.finditer(rf"@\w+\s*[{{(]\s*{re.escape(key)}\s*,", text, re.I))
    return 1 + text.count("\n", 0, found[which].start()) if found else 0


def _text(latex):
    return str(Text.from_latex(latex))


def _last(person):
    return _text(" ".join([*person.prelast_names, *person.last_names]))


def _people(entry):
    """(persons, whether there are others besides)."""
    people = entry.persons["author"]
    return [p for p in people if p != Person("others")], Person("others") in people


def _author_year(entry):
    people, others = _people(entry)
    names = [_last(person) for person in people]
    if others or len(names) > 2:
        names = [f"{names[0]} et al."]
    return f"{' & '.join(names)}, {entry.fields['year']}"


def _authors(entry):
    """ "Dao, T., Fu, D. Y. & Ermon, S.", shortened after AUTHORS."""
    people, others = _people(entry)
    names = [_with_initials(person) for person in people]
    if others or len(names) > AUTHORS:
        return ", ".join(names[:AUTHORS]) + " et al."
    return " & ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _with_initials(person):
    firsts = [_text(name) for name in [*person.first_names, *person.middle_names]]
    initials = " ".join(name if name.endswith(".") else f"{name[0]}." for name in firsts if name)
    return ", ".join(filter(None, [_last(person), initials]))


def _distinct(shorts):
    """Two papers by the same people in one year become 2022a and 2022b, in the order of the file."""
    count, seen = Counter(shorts.values()), Counter()
    for key, short in shorts.items():
        if count[short] > 1:
            shorts[key] = f"{short}{chr(ord('a') + seen[short])}"
            seen[short] += 1
    return shorts


def _link(entry):
    return next((form.format(entry.fields[name]) for name, form in LINKS.items() if name in entry.fields), "")
