"""Takes out of a page whatever Markdown would mangle, and leaves a plain alphanumeric token in its place.

Constructs, mathematics, code spans and fences. Pure text: knows no topic, no HTML and no meaning; who
renders a construct puts the result back with `Scan.put_back`.
"""

import re
from dataclasses import dataclass, replace

from builder.faults import did_you_mean

BLOCK_KINDS = ("demo", "code", "exercise")
INLINE_KINDS = ("value", "cite", "citet", "term", "ink", "eq", "fig")
LONGEST = 2000  # characters of a construct
KINDS = BLOCK_KINDS + INLINE_KINDS  # what an author may write after [[


@dataclass(frozen=True)
class Construct:
    """One thing that was taken out, and where it stood in the file."""

    token: str  # what stands in its place
    kind: str  # one of KINDS, or "math", "span" (inline code), "fence", "comment"
    argument: str  # what follows the kind; the TeX; the code
    line: int
    display: bool = False  # a paragraph of its own, or inside one?
    label: str = ""  # the "bytes" of {#eq:bytes}; the language of a fence
    source: str = ""  # as the author wrote it

    @property
    def name(self):
        """What is meant, without the text to show: the "logit" of [[term logit : logits]]."""
        return self.argument.partition(" : ")[0].strip()

    @property
    def keys(self):
        """The sources of a citation: [[cite a b]] or [[cite a, b]]."""
        return re.findall(r"[^,\s]+", self.argument) if self.kind in ("cite", "citet") else []


@dataclass(frozen=True)
class Scan:
    """A page as plain Markdown with tokens, what they stand for, and what was wrong: (line, cause)."""

    text: str
    constructs: tuple
    problems: tuple
    first_line: int
    mark: str

    def put_back(self, text, replacement):
        """`text` with each token replaced by replacement(construct)."""
        by_token = {construct.token: construct for construct in self.constructs}
        return re.sub(rf"{self.mark}\d+x", lambda found: replacement(by_token[found[0]]), text)

    def line_of(self, offset):
        """The line in the author's file of a position in `text`."""
        before = self.put_back(self.text[:offset], lambda construct: construct.source)
        return self.first_line + before.count("\n")

    def part(self, start, end):
        """A stretch of it as a scan of its own; the whole one keeps the problems."""
        text = self.text[start:end]
        inside = tuple(construct for construct in self.constructs if construct.token in text)
        return replace(self, text=text, constructs=inside, problems=(), first_line=self.line_of(start))


@dataclass(frozen=True)
class _Taken:
    """What a reader found: text up to `end` is a construct, or stays as it is when it has no kind."""

    end: int
    kind: str = ""
    argument: str = ""
    display: bool = False
    label: str = ""
    causes: tuple = ()


def scan(text, first_line=1):
    """Take the constructs out of Markdown text whose first line is `first_line` of its file.

    >>> found = scan("At [[value 2 * 3 : d]] GiB, $x^2$.")
    >>> found.text
    'At zq0x GiB, zq1x.'
    >>> [(c.kind, c.argument) for c in found.constructs]
    [('value', '2 * 3 : d'), ('math', 'x^2')]
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    mark = _mark(text)
    pieces, constructs, problems, at = [], [], [], 0
    while match := _START.search(text, at):
        begin = match.start(match.lastgroup)
        line = first_line + text.count("\n", 0, begin)
        taken = _READERS[match.lastgroup](text, match)
        source = text[begin : taken.end]
        pieces += [text[at:begin], source]
        if taken.kind:
            pieces[-1] = f"{mark}{len(constructs)}x"
            parts = (taken.kind, taken.argument, line, taken.display, taken.label, source)
            constructs.append(Construct(pieces[-1], *parts))
            if taken.display and not _alone(text, begin, taken.end):
                problems.append((line, f"{_brief(source)} must stand on a line of its own"))
        problems += [(line, cause) for cause in taken.causes]
        at = taken.end
    return Scan("".join([*pieces, text[at:]]), tuple(constructs), tuple(problems), first_line, mark)


def _mark(text):
    """Letters that begin every token: not in the text, and no end of them is a beginning of them."""
    mark = "zq"
    while mark in text:
        mark += "q"
    return mark


def _alone(text, begin, end):
    """Only indentation, a quote mark or a list bullet before, and nothing after, on its line."""
    before = text[text.rfind("\n", 0, begin) + 1 : begin]
    after = text[end:].split("\n", 1)[0]
    return not after.strip() and re.fullmatch(r"[ \t>]*(?:(?:[-*+]|\d+\.)[ \t]+)?", before)


def _brief(source):
    source = " ".join(source.split())
    return source if len(source) <= 60 else f"{source[:57]}…"


def _plain(text, match):
    """Backslash escapes stay as they are, and nothing in them begins a construct."""
    return _Taken(match.end())


def _comment(text, match):
    """HTML comments are for authors: pages don't have them."""
    end = text.find("-->", match.end()) + 3
    if end < 3:
        return _Taken(match.end(), causes=("this comment is not closed by -->",))
    return _Taken(end, "comment", text[match.start() : end], bool(_alone(text, match.start(), end)))


def _fence(text, match):
    """A fence closes with at least as many of its own characters, or else it runs to the end."""
    fence = match["fence"]
    indentation = len(match[0]) - len(fence)
    info_end = _line_end(text, match.end())
    closing = re.compile(rf"^[ \t]*{fence[0]}{{{len(fence)},}}[ \t]*$", re.M).search(text, info_end)
    causes = () if closing else (f"the fence {fence} is not closed",)
    end = closing.end() if closing else len(text)
    code = text[info_end + 1 : closing.start() if closing else end]
    code = re.sub(rf"^[ \t]{{1,{indentation}}}", "", code, flags=re.M) if indentation else code
    return _Taken(end, "fence", code, True, text[match.end() : info_end].strip(), causes)


def _line_end(text, at):
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _span(text, match):
    """A code span closes with a run of exactly as many backticks, in the same paragraph."""
    run = match["span"]
    closing = re.compile(rf"(?<!`){run}(?!`)").search(text, match.end())
    if not closing or _BLANK.search(text, match.end(), closing.start()):
        return _Taken(match.end())
    code = text[match.end() : closing.start()].replace("\n", " ")
    padded = code.startswith(" ") and code.endswith(" ") and code.strip()
    return _Taken(closing.end(), "span", code[1:-1] if padded else code)


def _display(text, match):
    body = _DISPLAY_BODY.match(text, match.end())
    if not body or _BLANK.search(body[1]):
        return _Taken(match.end(), causes=("$$ is not closed before the end of its paragraph",))
    braces = _BRACES.match(text, body.end())
    end, written = (braces.end(), braces[1]) if braces else (body.end(), "")
    label = _LABEL.fullmatch(written)
    causes = [] if label or not braces else [f"{{{written}}}: the label of an equation is written {{#eq:name}}"]
    causes += [] if body[1].strip() else ["the equation is empty"]
    return _Taken(end, "math", body[1].strip(), True, label[1] if label else "", tuple(causes))


def _dollar(text, match):
    """Pandoc's rule: no space inside either $, no digit after the second, no empty line between."""
    body = _INLINE_BODY.match(text, match.end())
    if body and not _BLANK.search(body[1]):
        return _Taken(body.end(), "math", body[1])
    if re.match(r"[A-Za-z\\]", text[match.end() : match.end() + 1]):  # $5 is money
        return _Taken(match.end(), causes=("this $ closes nowhere in its paragraph; a dollar is written \\$",))
    return _Taken(match.end())


def _brackets(text, match):
    kind = re.match(r"[\w-]+", text[match.end() :])[0]
    close = _closing(text, match.end(), _QUOTED_PIECES if kind == "value" else _PIECES)
    if close is None:
        return _Taken(match.end(), causes=(f"[[{kind} … is not closed by ]]; plain brackets are written \\[[",))
    if kind not in KINDS:
        cause = f"[[{kind} …]] is not a construct.{did_you_mean(kind, KINDS)} Plain brackets are written \\[["
        return _Taken(match.end(), causes=(cause,))
    argument = re.sub(r"\s*\n\s*", " ", text[match.end() + len(kind) : close].strip())
    causes = () if argument else (f"[[{kind}]] says not which: write [[{kind} name]]",)
    return _Taken(close + 2, kind, argument, kind in BLOCK_KINDS, causes=causes)


def _closing(text, at, pieces):
    """Where the ]] is that balances a [[ before `at`, or None."""
    depth = 0
    for piece in pieces.finditer(text, at, at + LONGEST):
        if piece[0] == "[":
            depth += 1
        elif piece[0] == "]" and depth:
            depth -= 1
        elif piece[0] == "]":
            return piece.start() if text.startswith("]]", piece.start()) else None
        elif piece[0].isspace():  # an empty line ends the paragraph
            return None
    return None


_BLANK = re.compile(r"\n[ \t]*\n")
_PIECES = re.compile(r"[\[\]]|\n[ \t]*\n")
_QUOTED_PIECES = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|[\[\]]|\n[ \t]*\n")  # brackets in a string count not
_DISPLAY_BODY = re.compile(r"((?:\\.|[^\\])*?)\$\$", re.S)
_INLINE_BODY = re.compile(r"(?!\s)((?:\\.|[^\\$])+)(?<!\s)\$(?!\d)", re.S)
_BRACES = re.compile(r"[ \t]*\{([^{}\n]*)\}")
_LABEL = re.compile(r"#eq:([A-Za-z][\w-]*)")
_START = re.compile(
    r"""(?P<escape>\\.)
      | (?P<comment><!--)
      | ^[ \t]*(?P<fence>`{3,}(?![^\n]*`)|~{3,})
      | (?P<span>`+)
      | (?P<display>\$\$)
      | (?P<dollar>\$)
      | (?P<brackets>\[\[(?=[a-z]))""",
    re.M | re.S | re.X,
)
_READERS = {
    "escape": _plain,
    "comment": _comment,
    "fence": _fence,
    "span": _span,
    "display": _display,
    "dollar": _dollar,
    "brackets": _brackets,
}
