"""From scanned Markdown to HTML: headings, tables, blocks, code, links, pictures. Knows no topic.

What a construct becomes is handed in, and where a picture lies. Code stands in fences, so that what the scanner skips
and what Markdown shows as code are the same.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from html import escape, unescape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.util import ClassNotFound

from builder.faults import did_you_mean
from builder.page.asked import with_names
from builder.page.blocks import block_names, block_problems
from builder.page.reader import PAGE, PERMALINK, is_block, isolated, reader
from builder.page.slips import slips


@dataclass(frozen=True)
class Heading:
    """An entry of the page's contents; `html` holds no links."""

    level: int
    id: str
    html: str


@dataclass(frozen=True)
class Prose:
    """A page's body."""

    html: str
    toc: str  # HTML: a list of the headings of levels 2 and 3, "" when there is none
    headings: tuple  # of Heading
    words: int  # of prose: neither constructs nor code
    links: tuple  # of (slug, line): other pages of the site; the caller knows which exist
    anchors: tuple  # of (slug, id, line): the places in them that links name
    blocks: Counter  # how many of each name: predict, question, …
    ids: frozenset  # of everything in `html` that a link may name
    problems: tuple  # of (line, cause): all that is wrong with the text, the scanner's findings included


LITERAL = ("span", "fence", "comment")  # constructs that mean themselves


def no_picture(address):
    """Where pictures do not stand: raises ValueError."""
    raise ValueError("a picture stands on the page of a topic")


def render_prose(scan, html_of, picture=no_picture):
    """HTML of scanned text, with html_of[token] in the place of each construct.

    picture  what an author calls a picture to its address in the site; raises ValueError with a cause
    """
    html_of = {c.token: literal_html(c) for c in scan.constructs if c.kind in LITERAL} | html_of
    html = {c: html_of.get(c.token, escape(c.source)) for c in scan.constructs}
    plain = {c: c.argument if c.kind in ("math", "span") else _text(html[c]) for c in scan.constructs}

    def slug_of(text, separator):
        return slug(scan.put_back(text, plain.get))

    read = reader(scan, slug_of, picture)
    marked = read.convert(isolated(scan))
    links = list(_targets(scan, read.hrefs))
    headings = tuple(_headings(read.toc_tokens, lambda text: scan.put_back(text, html.get)))
    body = _with_constructs(scan, marked, html, plain)
    starts = [0, *(line.end() for line in re.finditer("\n", scan.text))]
    problems = (
        *scan.problems,
        *_problems(scan),
        *((scan.line_of(starts[line]), cause) for line, cause in slips(scan, read, is_block(scan))),
        *_picture_problems(scan, read.pictures),
        *_misplaced(scan, marked),
        *_title_problems(scan, headings),
        *_link_problems(links, body),
        *_repeated_ids(scan, body, headings),
    )
    return Prose(
        body,
        _toc(headings),
        headings,
        _words(scan, marked),
        tuple((page, line) for _, page, _, line in links if page),
        tuple((page, anchor, line) for _, page, anchor, line in links if page and anchor),
        Counter(block_names(scan.text)),
        frozenset(_ids(body)),
        problems,
    )


def slug(text):
    """The id of a heading.

    >>> slug("What does H_kv = 8 buy?")
    'what-does-h_kv-8-buy'
    """
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^\w]+", "-", text).strip("-") or "section"


INKED = "k kn kc ow s1 s2 sd si sa c1 ch mi mf mh nf nd nc nb bp"  # Pygments' classes that code.css gives an ink
_PLAIN = re.compile(rf'<span class="(?!(?:{INKED.replace(" ", "|")})")\w+">([^<]*)</span>')


def highlighted(code, language="python"):
    """Code as <pre> with Pygments' classes, where they have an ink. raises ClassNotFound for an unknown language"""
    lexer = get_lexer_by_name(language or "text", stripnl=False)
    inner = _PLAIN.sub(r"\1", highlight(code, lexer, HtmlFormatter(nowrap=True)))
    name = escape(language or "text")
    return f'<div class="highlight"><pre tabindex="0"><code class="language-{name}">{inner}</code></pre></div>'


def literal_html(construct):
    """A code span, a fence or a comment. An unknown language is shown plain; `render_prose` reports it."""
    if construct.kind == "comment":
        return ""
    if construct.kind == "span":
        return f"<code>{escape(construct.argument, quote=False)}</code>"
    try:
        return highlighted(construct.argument, construct.label)
    except ClassNotFound:
        return highlighted(construct.argument, "text")


TEMPLATE_IDS = ("main", "announcer", "sources", "verified", "popover")  # of templates/topic.html and base.html


def _with_constructs(scan, marked, html, plain):
    """Tokens replaced by HTML, inside tags (an image's alt) by text; no <p> around a block."""
    bare = {c.token for c in scan.constructs if c.display}
    marked = re.sub(rf"<p>({scan.mark}\d+x)</p>", lambda p: p[1] if p[1] in bare else p[0], marked)
    marked = re.sub(r"(<tr>\s*)<td([^<>]*)>(.*?)</td>", r'\1<th scope="row"\2>\3</th>', marked)  # it names its row
    marked = with_names(marked, lambda text: scan.put_back(text, lambda c: c.source))
    marked = _with_punctuation(scan, _with_head_names(scan, marked, plain))
    marked = re.sub(r"<[a-z][^<>]*>", lambda tag: scan.put_back(tag[0], lambda c: escape(plain[c])), marked)
    mute = marked.replace(f'title="{PERMALINK}"', 'aria-hidden="true" tabindex="-1"')  # or each heading would say it
    return scan.put_back(mute, html.get)


def _with_head_names(scan, marked, plain):
    """A table's head says its formulas: a browser drops MathML from the name that it makes of a cell."""

    def named(cell):
        if not any(c.kind == "math" and c.token in cell[2] for c in scan.constructs):
            return cell[0]
        name = re.sub(r"\\text|[\\{}_^~]+", " ", scan.put_back(cell[2], plain.get))
        return f'<th aria-label="{escape(" ".join(_text(name).split()))}"{cell[1]}>{cell[2]}</th>'

    return re.sub(r"<th((?:\s[^<>]*)?)>(.*?)</th>", named, marked)


def _with_punctuation(scan, marked):
    """No line begins with the comma after a formula, where browsers would break it, or with the % after a number."""
    inline = {c.token for c in scan.constructs if c.kind == "math" and not c.display}

    def together(found):
        before, token, after = found.groups()
        return f'<span class="together">{found[0]}</span>' if token in inline and before + after else found[0]

    marked = re.sub(r"(?<=[\dx]) (?=%)", "\u00a0", marked)  # a value's token ends in x
    return re.sub(rf"([(“]?)({scan.mark}\d+x)([,.;:!?)”]*)(?![^<>]*>)", together, marked)


def _ids(html):
    return re.findall(r'<[^<>]*\sid="([^"]+)"', html)


def _repeated_ids(scan, body, headings):
    """Two things of one id, the template's own included: a link could mean either."""
    for name, count in Counter([*_ids(body), *TEMPLATE_IDS]).items():
        if count > 1:
            heading = next((i for i, heading in enumerate(headings) if heading.id == name), None)
            cause = f"the id {name} stands on this page {count} times; a heading gets another with {{#id}} after it"
            yield _heading_line(scan, heading), cause


def _heading_line(scan, index):
    """The line of a page's n-th heading, or the page's first line."""
    found = [line.start() for line in re.finditer(r"^(?:#{1,6}\s|///+ real\b)", scan.text, re.M)]
    return scan.line_of(found[index]) if index is not None and index < len(found) else scan.first_line


def _text(html):
    return unescape(re.sub(r"<[^<>]*>", "", html))


def _headings(tokens, put_back):
    for token in tokens:
        html = re.sub(r"</?a\b[^<>]*>", "", put_back(token["html"]))
        yield Heading(token["level"], token["id"], html)
        yield from _headings(token["children"], put_back)


def _toc(headings):
    """Sections, each with its subsections."""
    items = []
    for heading in headings:
        link = f'<a href="#{heading.id}">{heading.html}</a>'
        if heading.level == 2:
            items.append([link])
        elif heading.level == 3 and items:
            items[-1].append(f"<li>{link}</li>")
    rows = (f"<li>{link}{f'<ol>{"".join(below)}</ol>' if below else ''}</li>" for link, *below in items)
    return f"<ol>{''.join(rows)}</ol>" if items else ""


def _words(scan, marked):
    text = _text(scan.put_back(marked, lambda construct: " "))
    return len(re.findall(r"\w[\w'’.,-]*", text))


def _targets(scan, hrefs):
    """(href, page, anchor, line) of every link; page is "" for one that leaves the site or stays on its page."""
    for href, line in _placed(scan, hrefs):
        page = PAGE.fullmatch(href)
        yield href, page[1] if page else "", (page[2] or "")[1:] if page else "", line


def _placed(scan, addresses):
    """(address, line) of addresses in the order of the text."""
    at = 0
    for address in addresses:
        at = max(scan.text.find(address, at), 0)
        yield address, scan.line_of(at)


def _picture_problems(scan, pictures):
    places = _placed(scan, [name for name, _ in pictures])
    return [(line, cause) for (_, line), (_, cause) in zip(places, pictures, strict=True) if cause]


def _link_problems(links, body):
    for href, page, _, line in links:
        if href.startswith("#") and f'id="{href[1:]}"' not in body:
            yield line, f"link to {href}: nothing on this page has that id"
        elif not page and not re.match(r"#|(https?:)?//|mailto:", href):
            yield line, f"link to {href!r}: another topic is written topic.md or topic.md#heading"


def _problems(scan):
    """What can be seen in the text: broken blocks, unknown languages of fences."""
    for offset, cause in block_problems(scan.text):
        yield scan.line_of(offset), cause
    aliases = [alias for lexer in get_all_lexers() for alias in lexer[1]]
    for c in scan.constructs:
        if c.kind == "fence" and c.label and c.label not in aliases:
            yield c.line, f"Pygments knows no language {c.label!r}.{did_you_mean(c.label, aliases)}"


def _misplaced(scan, marked):
    """Constructs that Markdown swallowed, such as those in the title of a link that nobody uses."""
    for c in scan.constructs:
        if c.token not in marked:
            yield c.line, f"{c.source} can't stand here: Markdown drops it"


def _title_problems(scan, headings):
    for heading in headings:
        if heading.level == 1:
            line = re.search(r"^(#\s|=+\s*$)", scan.text, re.M)
            cause = "the title comes from the front matter; headings begin with ##"
            yield scan.line_of(line.start() if line else 0), cause
