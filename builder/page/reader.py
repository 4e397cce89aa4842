"""The Markdown that pages are written in: CommonMark with tables and ~~struck~~ words, without raw HTML.

Reads scanned text: a token of a block construct is a block, whatever stands around it. Knows no topic.
"""

import re
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.rules_inline import emphasis

from builder.page.blocks import add_blocks, html, text_of

NESTING = 20  # how deep lists and quotes may nest: what lies deeper, the reader drops
LONGEST = 5000  # characters of a paragraph: of what opens and never closes the reader takes time by their square
_ENDS = ["paragraph", "reference", "blockquote", "list"]  # what a block of ours ends by itself


def markdown(scan, look):
    """(reader, tokens, what `look` found) of scanned text.

    look  (scan, tokens, environment) to things found, while what was escaped can still be told from what was not
    """
    reader = MarkdownIt("commonmark", {"html": False, "xhtmlOut": False, "store_labels": True, "maxNesting": NESTING})
    reader.enable(["table", "strikethrough"]).disable(["backticks", "fence"])  # the scanner has taken code
    reader.inline.ruler.at("emphasis", _whole_words)
    blocks = {construct.token for construct in scan.constructs if construct.display}
    reader.block.ruler.before("blockquote", "construct", _construct_rule(blocks), {"alt": _ENDS})
    add_blocks(reader)
    reader.core.ruler.before("text_join", "heading_ids", _heading_ids)
    found = []
    reader.core.ruler.before("inline", "lengths", lambda state: found.extend(_too_long(state.tokens)))
    reader.core.ruler.before("text_join", "look", lambda state: found.extend(look(scan, state.tokens, state.env)))
    return reader, reader.parse(scan.text), found


def _whole_words(state, silent):
    """Stars inside a word are no emphasis, as underscores are none in CommonMark: 2*L*H is a product."""
    marks = state.scanDelims(state.pos, False)
    if state.src[state.pos] != "*" or silent or marks.can_open or marks.can_close:
        return emphasis.tokenize(state, silent)
    state.pending += "*" * marks.length
    state.pos += marks.length
    return True


def _construct_rule(blocks):
    def construct(state, line, _end, silent):
        text = text_of(state, line).strip()
        if text not in blocks:
            return False
        if not silent:
            html(state.tokens, text)
            state.line = line + 1
        return True

    return construct


def _too_long(tokens):
    """What is no paragraph that anybody would read is a fault, and is not read here either."""
    for token in inlines(tokens):
        if len(token.content) > LONGEST:
            yield token.map[0], f"this paragraph has {len(token.content):,} characters: part it, or close what is open"
            token.content = ""


def inlines(tokens):
    """The tokens of running text: of paragraphs, headings, cells and titles."""
    return [token for token in tokens if token.type == "inline"]


def placed(tokens):
    """(token, line of the text) of everything in running text; lines are counted from 0."""
    for token in inlines(tokens):
        line = token.map[0] if token.map else 0
        for child in token.children:
            yield child, line
            line += child.type in ("softbreak", "hardbreak")


def _heading_ids(state):
    """The id that an author gives a heading, {#id} at its end, taken off."""
    for opening, token in pairwise(state.tokens):
        last = token.children[-1] if opening.type == "heading_open" and token.children else None
        if last and last.type == "text" and (found := re.search(r"\s*\{#([\w-]+)\}\s*$", last.content)):
            last.content = last.content[: found.start()]
            opening.attrSet("id", found[1])
