"""What looks like Markdown, is none here, and would stand on the page as it was typed: each is a fault with its line.

Also what Markdown drops without a word: cells beyond a table's head, definitions that no link uses, what nests too
deep. Knows neither topics nor what constructs mean.
"""

import re
from itertools import pairwise

from markdown_it.common.html_blocks import block_names
from markdown_it.rules_block.table import escapedSplit

from builder.page.reader import NESTING, inlines, placed

MEANT = "\0"

# Elements that stand in running text. Not s: <s> is a token of many models, and is shown as such.
_INLINE = "a abbr b br cite code del em font i img ins kbd mark q small span strike strong sub sup tt u var video wbr"
_NAMES = [*block_names, *_INLINE.split(), "pre", "script", "style", "svg", "textarea"]
_TAG = re.compile(rf"</?({'|'.join(_NAMES)})(\s[^<>]*)?/?>", re.I)
_LINK = re.compile(r"(?:\[[^\[\]]*|^[^\[\]\0]*)\](?:\s?\([^()]*\)|\[[^\[\]]*\])")
_IN_LINES = (  # seen in the lines of a paragraph
    (re.compile(r"\|[\s:|-]*-[\s:|-]*$|:?-+:?\s*\|[\s:|-]*$"), "a table's second line has as many cells as its head"),
    (re.compile(r"\|.*\|\s*$"), "this is no table: a line |---|---| stands below its head, an empty line above it"),
    (re.compile(r"#{7,}\s|#{1,6}[^\s#\d{]"), "a heading has at most six # and a space after them"),
    (re.compile(r"(!!!|\?\?\?\+?|:{3,})\s*\w"), "this is no block: blocks are written /// name | title"),
    (re.compile(r"\[!\w+\]\s*$"), "this is no block: blocks are written /// name | title"),
    (re.compile(r"\*\[[^\]]+\]:"), "abbreviations are not expanded: a term stands in glossary.md"),
    (re.compile(r"\[TOC\]\s*$|\[\[TOC\]\]\s*$|\[\[_TOC_\]\]\s*$"), "the contents of a page are made by themselves"),
)  # fmt: skip
_BELOW = (  # seen in the lines of a paragraph after its first
    (re.compile(r"\d{1,9}[.)]\s"), "a list that does not begin with 1 needs an empty line above it"),
    (re.compile(r"[:~]\s+\S"), "there are no definition lists: write a list or a table"),
)
_IN_TEXT = (  # seen in running text, code and mathematics left out
    (_TAG, "raw HTML does not stand on a page: write it as code, or \\< for a plain sign"),
    (re.compile(r"<!--|<!DOCTYPE|<\?\w|<!\[CDATA", re.I), "a comment is not closed, or this is raw HTML"),
    (re.compile(r"\[\^[^\]\s]+\]"), "there are no footnotes: write /// note | title"),
    (re.compile(r"(?<![\w*])\*\*(?=\w)|(?<=\w)\*\*(?![\w*])"), "this ** closes nowhere; a plain one is written \\*\\*"),
    (re.compile(r"(?<![\w*])\*(?=\w)|(?<=\w)\*(?![\w*])"), "this * closes nowhere; a plain one is written \\*"),
    (re.compile(r"(?<!~)~~(?!~)"), "this ~~ closes nowhere; a plain one is written \\~\\~"),
    (re.compile(r"(?<![=\w])==(?=\w)[^=]+(?<=\w)==(?![=\w])"), "==this== marks nothing: write *this*"),
    (_LINK, "this is no link: write [text](topic.md), or \\[ for a bracket"),
    (re.compile(r"!\[[^\]]*\]"), "this is no picture: write ![what it shows](file)"),
    (re.compile(r"(?<=\w)~\w+~|\^\w+\^"), "what stands higher or lower is mathematics: $x^2$, $x_i$"),
    (re.compile(r"\{[:.#][\w.:# =\"'-]*\}"), "an id stands at the end of a heading, {#id}; classes are not given"),
    (re.compile(r"(?<![\w/\"(<])https?://\S"), "an address alone is no link: write [text](address) or <address>"),
    (re.compile(r"(?<!\w):[a-z]+_?[a-z]+:(?!\w)"), "names of signs are not replaced: write the sign"),
)  # fmt: skip


def slips(scan, tokens, environment):
    """(line of the text from 0, cause) of each."""
    yield from _in_lines(tokens)
    yield from _in_text(tokens)
    yield from _of_blocks(scan, tokens)
    yield from _unused(tokens, environment)


def _in_lines(tokens):
    for before, token in pairwise(tokens):
        if token.type != "inline" or before.type != "paragraph_open":
            continue
        for i, text in enumerate(token.content.split("\n")):
            tests = _IN_LINES + (_BELOW if i else ())
            cause = next((cause for pattern, cause in tests if pattern.match(text.lstrip())), None)
            if cause:
                yield token.map[0] + i, f"{_brief(text)}: {cause}"
                break


def _in_text(tokens):
    for text, line in _texts(tokens):
        for pattern, cause in _IN_TEXT:
            if found := pattern.search(text):
                yield line, f"{_brief(found[0])}: {cause}"


def _texts(tokens):
    """(text, line) of each stretch of plain text; what was written \\< or &lt; is meant, and stands in it as MEANT."""
    for token in inlines(tokens):
        text, at, in_link = "", 0, False
        for child, line in placed([token]):
            if child.type in ("text", "text_special"):
                plain = child.content if child.type == "text" else MEANT
                text, at = text + (plain.replace("://", MEANT) if in_link else plain), line
                continue
            yield text, at
            text, in_link = "", child.type != "link_close" and (in_link or child.type == "link_open")
        yield text, at


def _of_blocks(scan, tokens):
    lines, depth, columns = scan.text.split("\n"), 0, 0
    for i, token in enumerate(tokens):
        depth += token.nesting
        if depth == NESTING - 2 and token.nesting == 1 and token.map:
            yield token.map[0], f"lists and quotes nest {depth} deep here: what lies deeper is lost"
        if token.type == "code_block":
            yield token.map[0], "a line that is indented by four stands for code: put code between ``` fences"
        elif token.type == "list_item_open" and (text := _first_text(tokens, i)) and re.match(r"\[[ xX]?\]\s", text):
            yield token.map[0], f"{_brief(text)}: there are no task lists: leave the brackets out"
        elif token.type == "thead_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and tokens[i + 1].type == "td_open" and _cells(lines[token.map[0]]) != columns:
            row = f"this row has {_cells(lines[token.map[0]])} cells, the head of its table {columns}"
            yield token.map[0], f"{row}; | in a cell is written \\|"


def _first_text(tokens, at):
    return next((token.content for token in tokens[at : at + 3] if token.type == "inline"), "")


def _cells(line):
    cells = escapedSplit(re.sub(r"^[\s>]*", "", line).strip())
    return len(cells) - (cells[0] == "") - (len(cells) > 1 and cells[-1] == "")


def _unused(tokens, environment):
    for child, line in placed(tokens):
        if child.type == "link_open" and str(child.meta.get("label", "")).startswith("^"):
            yield line, "there are no footnotes: write /// note | title"
    used = {child.meta.get("label") for child, _ in placed(tokens) if child.type in ("link_open", "image")}
    for label, reference in environment.get("references", {}).items():
        if label not in used:
            yield reference["map"][0], f"[{label.lower()}]: no link uses this definition, and nothing of it is shown"
    for reference in environment.get("duplicate_refs", []):
        yield reference["map"][0], f"[{reference['label'].lower()}]: is defined twice"


def _brief(text):
    text = text.strip()
    return text if len(text) <= 40 else f"{text[:39]}…"
