"""What looks like Markdown, is none here, and would stand on the page as it was typed: each is a fault with its line.

Also what Markdown drops or makes into something else without a word: cells beyond a table's head, definitions that no
link uses, lists that are indented by two. Looks at the lines of the scanned text, at what the reader takes for running
text, and at what is left of it as plain text. Knows neither topics nor what constructs mean.
"""

import re

from markdown.extensions import Extension
from markdown.extensions.tables import TableProcessor
from markdown.treeprocessors import Treeprocessor

NESTING = 20  # how deep lists and quotes may nest in one line: the reader calls itself for each
LONGEST, OPEN = 5000, 50  # characters of a paragraph, and [ that never close: they take time by their square
MEANT = "\0"

# Elements of HTML. Not s: <s> is a token of many models, and is shown as such.
_NAMES = """a abbr address article aside audio b base blockquote body br button canvas caption center cite code col
colgroup dd del details dialog div dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4
h5 h6 head header hr html i iframe img input ins kbd label legend li link main mark math menu meta nav noscript object
ol optgroup option p param picture pre progress q samp script search section select small source span strike strong
style sub summary sup svg table tbody td template textarea tfoot th thead title tr track tt u ul var video wbr"""
_TAG = re.compile(rf"</?({'|'.join(_NAMES.split())})(\s[^<>]*)?/?>", re.I)
_LINK = re.compile(r"(?:\[[^\[\]]*|^[^\[\]\0]*)\](?:\(|\s\([^()]*\)|\[[^\[\]]*\])")
_BLOCK = "this is no block: blocks are written /// name | title"
_IN_LINES = (  # seen in the lines of a paragraph
    (re.compile(r"\|[\s:|-]*-[\s:|-]*$|:?-+:?\s*\|[\s:|-]*$"),
     "a table has an empty line above it, and as many cells in its second line as in its first"),
    (re.compile(r"\|.*\|$"), "this is no table: a line |---|---| stands below its head, an empty line above it"),
    (re.compile(r"#{7,}\s|#{1,6}[^\s#\d{]"), "a heading has at most six # and a space after them"),
    (re.compile(r"#{1,6}\s"), "a heading begins at the margin"),
    (re.compile(r"\[[ xX]?\]\s"), "there are no task lists: leave the brackets out"),
    (re.compile(r"\d+\)\s"), "the items of a list are written 1. or -"),
    (re.compile(r"(!!!|\?\?\?\+?|:{3,})\s*\w|/{3}|\[!\w+\]$"), _BLOCK),
    (re.compile(r"\*\[[^\]]+\]:"), "abbreviations are not expanded: a term stands in glossary.md"),
    (re.compile(r"\[TOC\]$|\[\[TOC\]\]$|\[\[_TOC_\]\]$"), "the contents of a page are made by themselves"),
)  # fmt: skip
_BELOW = (  # seen in the lines of a paragraph after its first
    (re.compile(r"([-*+]|\d+\.)\s"), "a list, and one of another kind, needs an empty line above it"),
    (re.compile(r"[:~]\s+\S"), "there are no definition lists: write a list or a table"),
)
_IN_TEXT = (  # seen in plain text
    (_TAG, "raw HTML does not stand on a page: write it as code, or \\< for a plain sign"),
    (re.compile(r"<!--|<!DOCTYPE|<\?\w|<!\[CDATA", re.I), "a comment is not closed, or this is raw HTML"),
    (re.compile(r"\[\^[^\]\s]+\]"), "there are no footnotes: write /// note | title"),
    (re.compile(r"(?<![\w*])\*\*(?=\w)|(?<=\w)\*\*(?![\w*])"), "this ** closes nowhere; a plain one is written \\*\\*"),
    (re.compile(r"(?<![\w*])\*(?=\w)|(?<=\w)\*(?![\w*])"), "this * closes nowhere; a plain one is written \\*"),
    (re.compile(r"(?<!~)~~(?!~)"), "this ~~ closes nowhere; a plain one is written \\~\\~"),
    (re.compile(r"(?<![=\w])==(?=\w)[^=]+(?<=\w)==(?![=\w])"), "==this== marks nothing: write *this*"),
    (re.compile(r"!\[[^\]]*\]"), "this is no picture: write ![what it shows](file)"),
    (_LINK, "this is no link: write [text](topic.md), or \\[ for a bracket"),
    (re.compile(r"(?<=\w)~\w+~|\^\w+\^"), "what stands higher or lower is mathematics: $x^2$, $x_i$"),
    (re.compile(r"\{[:.#][\w.:# =\"'-]*\}"), "an id stands at the end of a heading, {#id}; classes are not given"),
    (re.compile(r"(?<!\w):[a-z]+_?[a-z]+:(?!\w)"), "names of signs are not replaced: write the sign"),
)  # fmt: skip
_ADDRESS = re.compile(r"(?<![\w/\"(<])https?://\S")
_ID = re.compile(r"\s*\{#[\w-]+\}\s*$")
_ESCAPED = re.compile("\x02\\d+\x03")  # what was written \*, as Markdown keeps it until the end
_DEFINITION = re.compile(r"^[ >]*\[([^\[\]]*)\]:", re.M)


def slips(scan, reader, is_block):
    """(line of the text from 0, cause) of each, once the reader has read it.

    is_block  whether a line of the text is a block by itself, whatever stands around it
    """
    yield from reader.slips
    yield from _in_margins(scan.text.split("\n"), is_block)
    yield from _in_definitions(scan.text, reader.references)


def too_deep(line):
    """Whether lists and quotes nest in this line as no page needs it."""
    return len(_MARKERS.findall(_OPENING.match(line)[0])) > NESTING


_MARKERS = re.compile(r"[>*+.-]")
_OPENING = re.compile(r"(?:[ \t]*(?:>|(?:[-*+]|\d+\.)(?=[ \t]|$)))*")
_QUOTES = re.compile(r"(?:[ ]{0,3}>[ ]?)*")
_ITEM = re.compile(r"(?:[-*+]|\d+\.)[ ]")


def _in_margins(lines, is_block):
    """What is indented otherwise than lists are, and what needs an empty line above it."""
    depth, quoted, free = 0, 0, True  # items around this line, its quote marks; whether a block may begin here
    for number, line in enumerate(lines):
        line = line.expandtabs(4)
        quotes = _QUOTES.match(line)[0]
        text = line[len(quotes) :]
        level, odd = divmod(len(text) - len(text.lstrip()), 4)
        item, block = _ITEM.match(text.strip()), is_block(line)
        if re.fullmatch(r"#{1,6}[ #]*", text):
            yield number, "a heading has words"
        if too_deep(line):
            yield number, f"lists and quotes nest more than {NESTING} deep here"
        if not text.strip():
            free = True
            continue
        if quotes.count(">") != quoted and free:
            depth = 0
        if not free and not block and (cause := _crowded(text, depth, quotes.count(">") > quoted)):
            yield number, f"{_brief(text)}: {cause}"
        if free or block or item:
            if odd and (depth or item):
                yield number, f"{_brief(text)}: what belongs to an item of a list is indented by four spaces"
            elif level > depth:
                yield number, f"{_brief(text)}: is indented by four: code stands between ``` fences"
            depth = level + bool(item)
        free, quoted = block, quotes.count(">")


def _crowded(text, depth, quote):
    """What a line needs that has no empty line above it."""
    if re.fullmatch(r"[ ]{0,3}(-+|=+)[ ]*", text):
        return "a heading is written ## and its words; a rule, ---, has an empty line above it"
    if depth and (quote or re.match(r"#{1,6}[ ]", text)):
        return "what follows a list needs an empty line above it"
    return ""


def _in_definitions(text, references):
    known = set()
    for found in _DEFINITION.finditer(text):
        line, label = text.count("\n", 0, found.end()), found[1].strip().lower()
        if label.startswith("^"):
            yield line, "there are no footnotes: write /// note | title"
        elif label not in references:
            continue
        elif label in known:
            yield line, f"[{label}]: is defined twice"
        elif label not in references.used:
            yield line, f"[{label}]: no link uses this definition, and nothing of it is shown"
        known.add(label)


class Slips(Extension):
    """Leaves in the reader's `slips` what it sees while it reads, and knows in `references` which were used."""

    def __init__(self, scan):
        super().__init__()
        self.scan = scan

    def extendMarkdown(self, md):  # noqa: N802 - Markdown's name
        md.slips, md.references = [], _References()
        table = _Table(md.parser, {"use_align_attribute": False})
        table.rows = _Places(self.scan.text)
        md.parser.blockprocessors.register(table, "table", 75)
        passages = _Passages(md)
        passages.places = _Places(self.scan.text)
        md.treeprocessors.register(passages, "passages", 25)  # before inline
        plain = _PlainText(md)
        plain.passages = passages
        md.treeprocessors.register(plain, "plain text", 15)  # after it


class _References(dict):
    """Definitions of links but not of footnotes, and which of them a link has used."""

    def __init__(self):
        super().__init__()
        self.used = set()

    def __getitem__(self, label):
        self.used.add(label)
        return super().__getitem__(label)

    def __setitem__(self, label, address):
        if not label.startswith("^"):
            super().__setitem__(label, address)


class _Table(TableProcessor):
    """A table that says which of its rows have another number of cells than its head."""

    def _build_row(self, row, parent, align):
        super()._build_row(row, parent, align)
        line, cells = self.rows.line(row), len(self._split_row(row))
        if cells != len(align):
            cause = f"this row has {cells} cells, the head of its table {len(align)}; | in a cell is written \\|"
            self.parser.md.slips.append((line, cause))


class _Places:
    """Finds pieces of a text, asked for in their order: the next that reads like it is at most too early."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def line(self, piece):
        """The line on which a piece of some lines begins; their indentation may be another than in the text."""
        first = None
        for line in map(str.strip, piece.split("\n")):
            found = self.text.find(line, self.at)
            if line and found >= 0:
                first = found if first is None else first
                self.at = found + len(line)
        return self.text.count("\n", 0, self.at if first is None else first)


def _texts(element, within=()):
    """(element, "text" or "tail", text, tags around it) of everything in a tree, in its order."""
    within = (*within, element.tag)
    yield element, "text", element.text or "", within
    for child in element:
        yield from _texts(child, within)
        yield child, "tail", child.tail or "", within


class _Passages(Treeprocessor):
    """Knows where each piece of running text stands that Markdown is about to read."""

    def run(self, root):
        self.lines = {}
        for element, part, text, _ in _texts(root):
            if not text.strip():
                continue
            line = self.lines[element, part] = self.places.line(text)
            if len(text) > LONGEST or text.count("[") > text.count("]") + OPEN:
                cause = f"this paragraph has {len(text):,} characters: part it, or close what is open"
                self.md.slips.append((line, cause))
                setattr(element, part, "")
            elif (element.tag in ("p", "li") and not element.get("class")) or part == "tail":
                self.md.slips += _of_paragraph(text, line)


def _of_paragraph(text, at):
    for i, line in enumerate(map(str.strip, text.split("\n"))):
        tests = _IN_LINES + (_BELOW if i else ())
        if cause := next((cause for pattern, cause in tests if pattern.match(line)), None):
            yield at + i, f"{_brief(line)}: {cause}"
            return


class _PlainText(Treeprocessor):
    """Looks at what Markdown has left as it was typed."""

    def run(self, root):
        line = 0
        for element, part, text, within in _texts(root):
            line = self.passages.lines.get((element, part), line)
            for i, piece in enumerate(text.split("\n")):
                line += bool(i) or (element.tag == "br" and part == "tail")
                self.md.slips += ((line, cause) for cause in _of_text(_ESCAPED.sub(MEANT, piece), within))
            if part == "text" and element.tag == "a" and not element.text and not len(element):
                self.md.slips.append((line, "this link has no words: write [text](topic.md)"))


def _of_text(text, within):
    for pattern, cause in _IN_TEXT:
        if found := pattern.search(text):
            yield f"{_brief(found[0])}: {cause}"
    if "a" not in within and (found := _ADDRESS.search(text)):
        yield f"{_brief(found[0])}: an address alone is no link: write [text](address) or <address>"


def _brief(text):
    text = text.strip()
    return text if len(text) <= 40 else f"{text[:39]}…"
