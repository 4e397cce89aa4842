"""Python-Markdown as pages are written in it: without raw HTML and indented code. Knows no topic.

Reads scanned text: code, mathematics and constructs are tokens, and a token of a block construct is a block, whatever
stands around it.
"""

import re
import string
from urllib.parse import unquote

import markdown
from markdown.extensions import Extension
from markdown.extensions.toc import TocExtension
from markdown.inlinepatterns import SubstituteTagInlineProcessor
from markdown.treeprocessors import Treeprocessor
from pymdownx.betterem import BetterEmExtension
from pymdownx.tilde import DeleteSubExtension

from builder.page.blocks import LINE, PageBlocks, block_problems
from builder.page.slips import Slips, too_deep

PERMALINK = "Link to this section"
_ID = re.compile(r"\s*\{#([\w-]+)\}\s*$")
PAGE = re.compile(r"([\w-]+)\.md(#.+)?")


def reader(scan, slug_of, picture):
    """A reader of one text; it has `slips`, `hrefs` and `pictures` once it has converted it.

    slug_of  (text, separator) to the id of a heading
    picture  what an author calls a picture to its address in the site; raises ValueError with a cause
    """
    toc = TocExtension(slugify=slug_of, marker="", permalink="#", permalink_class="anchor", permalink_title=PERMALINK)
    emphasis = BetterEmExtension(smart_enable="all")  # 2*L*H is a product
    struck = DeleteSubExtension(subscript=False)
    ours = [PageBlocks(), _Pieces(picture), Slips(scan)]
    made = markdown.Markdown(extensions=["tables", "sane_lists", emphasis, struck, toc, *ours])
    made.parser.blockprocessors.deregister("code")
    made.parser.blockprocessors["hashheader"].RE = _HEADING
    made.preprocessors.deregister("html_block")
    for name in ("backtick", "html", "entity", "automail"):  # the scanner has taken code; <s> is a token's name
        made.inlinePatterns.deregister(name)
    made.inlinePatterns.register(SubstituteTagInlineProcessor(r"\\\n", "br"), "backslash", 185)
    made.ESCAPED_CHARS = list(string.punctuation)
    return made


# A space stands after the signs of a heading, and before those that close it: "#1" and "C#" keep theirs
_HEADING = re.compile(r"(?:^|\n)(?P<level>#{1,6})(?=[ ]|\n|$)(?P<header>(?:\\.|[^\\\n])*?)(?:[ ]#+)?[ ]*(?:\n|$)")


def is_block(scan):
    """(line) to whether it is a block by itself: a token of a block construct, or a /// line."""
    blocks = {c.token for c in scan.constructs if c.display}
    return lambda line: line.strip() in blocks or LINE.match(line) is not None


def isolated(scan):
    """Its text with empty lines around blocks: none of them is part of a paragraph.

    Without what takes the reader too long, and is a fault: blocks that are not closed, lines that nest without end.
    """
    alone, broken = is_block(scan), any(block_problems(scan.text))
    lines = []
    for line in scan.text.split("\n"):
        if too_deep(line) or (broken and LINE.match(line)):
            line = ""
        lines += ["", line, ""] if alone(line) else [line]
    return "\n".join(lines)


class _Pieces(Extension):
    """Takes the ids of headings off their words; gathers links in `hrefs`, in `pictures` (name, what is wrong)."""

    def __init__(self, picture):
        super().__init__()
        self.picture = picture

    def extendMarkdown(self, md):  # noqa: N802 - Markdown's name
        md.hrefs, md.pictures, md.picture = [], [], self.picture
        md.treeprocessors.register(_HeadingIds(md), "heading ids", 30)  # before inline
        md.treeprocessors.register(_Links(md), "links", 10)  # after inline, before toc's anchors


class _HeadingIds(Treeprocessor):
    def run(self, root):
        for heading in root.iter():
            if re.fullmatch("h[1-6]", heading.tag) and (found := _ID.search(heading.text or "")):
                heading.text = heading.text[: found.start()]
                heading.set("id", found[1])


class _Links(Treeprocessor):
    """Mends of links what can be mended without a site, and gives pictures their addresses."""

    def run(self, root):
        for image in root.iter("img"):
            name, cause = image.get("src"), ""
            try:
                image.set("src", self.md.picture(unquote(name)))
            except ValueError as error:
                cause = f"{unquote(name)}: {error}"
            if not image.get("alt").strip():
                cause = "an image has no text: write ![what it shows](file)"
            self.md.pictures.append((name, cause))
        for a in root.iter("a"):
            href = a.get("href", "")
            self.md.hrefs.append(href)
            if re.match(r"(https?:)?//", href):
                a.set("rel", "noopener")
            elif page := PAGE.fullmatch(href):
                a.set("href", f"{page[1]}.html{page[2] or ''}")
