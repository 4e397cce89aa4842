"""The blocks of the page standard, /// name | title … ///, as a rule of the Markdown reader.

Says what each becomes in HTML, and finds the blocks that are not opened or closed as they should be. Knows nothing of
what stands inside them.

    /// predict | question   what to expect before moving a slider; {right, wrong, …} in the answer are
                             the guesses: a list before the reveal, the first alone in the answer
                             the page's predict.js makes them buttons
    /// saw                  what the demo above just showed
    /// note | title         an aside to the paragraph below it: in the margin, or folded where there is none
    /// question | text      a question; the answer opens
    /// misconception | claim   a claim, struck out, and what is true instead
    /// real | title         real models and hardware, a section with its heading

{title} and {guesses} stand where they go; the question is no part of a summary, whose name would drop its mathematics.
"""

import re
from dataclasses import dataclass

from markdown_it.token import Token

from builder.faults import did_you_mean


@dataclass(frozen=True)
class Block:
    """What a block is written as, around what stands in it."""

    opening: str
    closing: str

    @property
    def titled(self):
        return "{title}" in self.opening


_REVEAL = "<details><summary>Show the answer</summary>"
BLOCKS = {
    "predict": Block(
        '<predict-block aria-label="Predict" class="predict" role="group"><p class="ask">'
        f'<strong class="block-label">Predict</strong> {{title}}</p>{{guesses}}{_REVEAL}',
        "</details></predict-block>",
    ),
    "saw": Block(
        '<div aria-label="What you saw" class="saw" role="group"><p class="block-label">What you saw</p>\n', "</div>"
    ),
    "note": Block('<details class="side-note"><summary><span>{title}</span></summary>\n', "</details>"),
    "question": Block(f'<div class="question"><p class="ask">{{title}}</p>{_REVEAL}', "</details></div>"),
    "misconception": Block(
        '<div aria-label="Misconception" class="misconception" role="group"><p class="claim">'
        '<strong class="block-label">Claim</strong> <s>{title}</s></p>\n',
        "</div>",
    ),
    "real": Block('<section class="real">\n{heading}{title}{/heading}', "</section>"),
}
LINE = re.compile(r"^[ \t>]*(/{3,})[ \t]*(.*?)[ \t]*$", re.M)
_HEADER = re.compile(r"([\w-]+)\s*(?:\|\s*(.*))?")
_PIECES = re.compile(r"(\{/?\w+\})")
_GUESSES = re.compile(r"\{(?![:#.])([^{}]+?(?:,\s[^{}]+?)+)\}")


def add_blocks(reader):
    """Teach a Markdown reader the blocks; each ends the paragraph above it."""
    reader.block.ruler.before(
        "blockquote", "page_block", _rule, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _rule(state, start, end, silent):
    slashes, name, title = _header(text_of(state, start))
    if name not in BLOCKS:
        return False
    if silent:
        return True
    last = next((line for line in range(start + 1, end) if text_of(state, line).rstrip() == slashes), end)
    guesses = _open(state, BLOCKS[name], title, start)
    outer, state.lineMax = (state.parentType, state.lineMax), last
    state.parentType = "container"
    state.md.block.tokenize(state, start + 1, last)
    state.parentType, state.lineMax = outer
    if guesses is not None:
        _take_guesses(state.tokens, guesses)
    html(state.tokens, BLOCKS[name].closing + "\n")
    state.line = last + 1
    return True


def text_of(state, line):
    """A line of the text without its indentation, and without the marks of the quote or list around it."""
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _header(text):
    """(slashes, name, title) of a line that opens a block; the name is "" where it opens none."""
    line = LINE.fullmatch(text)
    parts = line and _HEADER.fullmatch(line[2])
    return (line[1], parts[1], parts[2] or "") if parts else ("", "", "")


def _open(state, block, title, line):
    """Write a block's opening; returns where its guesses go."""
    guesses = None
    for piece in _PIECES.split(block.opening):
        if piece == "{title}":
            inline(state.tokens, title, line)
        elif piece == "{guesses}":
            guesses = len(state.tokens)
        elif piece == "{heading}":
            state.push("heading_open", "h2", 1).map = [line, line + 1]
        elif piece == "{/heading}":
            state.push("heading_close", "h2", -1)
        elif piece:
            html(state.tokens, piece)
    return guesses


def html(tokens, text):
    tokens.append(Token("html_block", "", 0, content=text, block=True))


def inline(tokens, text, line):
    tokens.append(Token("inline", "", 0, content=text, map=[line, line + 1], children=[], block=True))


def _take_guesses(tokens, at):
    """The guesses of a predict block become a list at this place; the right one stays in the answer."""
    for token in tokens[at:]:
        if token.type == "inline" and (found := _GUESSES.search(token.content)):
            guesses = re.split(r",\s+", found[1])
            token.content = f"{token.content[: found.start()]}**{guesses[0]}**{token.content[found.end() :]}"
            tokens[at:at] = _list_of(guesses, token.map[0])
            return


def _list_of(guesses, line):
    """In an order, and with capitals, that do not give the first, right one away."""
    items = []
    html(items, '<ul class="guesses">')
    for guess in sorted(guesses, key=_natural):
        html(items, '<li data-right="">' if guess == guesses[0] else "<li>")
        inline(items, _capitalised(guess), line)
        html(items, "</li>")
    html(items, "</ul>")
    return items


def _capitalised(text):
    """A first word in capitals; a construct's token has digits and stays."""
    return re.sub(r"^[a-z]+(?![a-z\d])", lambda word: word[0].capitalize(), text)


def _natural(text):
    number = re.match(r"\d[\d.,]*", text)
    number = number and re.sub(r"[,.]+$|,", "", number[0])
    return (0, float(number), text) if number and number.count(".") < 2 else (1, 0.0, text.casefold())


def block_names(text):
    """The name of each block, in order."""
    return [line[2].split("|")[0].strip() for line in LINE.finditer(text) if line[2]]


def block_problems(text):
    """(offset, cause) of every /// line that opens or closes no block as it should."""
    problems, open_blocks = [], []  # open: (slashes, name, offset)
    for line in LINE.finditer(text):
        slashes, header = line[1], line[2]
        offset = line.start(1)
        if header:
            problems += [(offset, cause) for cause in _header_causes(header, slashes, open_blocks)]
            open_blocks.append((slashes, header.split("|")[0].strip(), offset))
        elif open_blocks and open_blocks[-1][0] == slashes:
            open_blocks.pop()
        else:
            problems.append((offset, f"{slashes} closes no block that was opened with {len(slashes)} slashes"))
    return problems + [(at, f"{slashes} {name} is not closed by {slashes}") for slashes, name, at in open_blocks]


def _header_causes(header, slashes, open_blocks):
    parts = _HEADER.fullmatch(header)
    if not parts:
        yield f"{slashes} {header}: a block is written /// name | title"
        return
    name, title = parts[1], parts[2] or ""
    if name not in BLOCKS:
        yield f"{slashes} {name} is not a block.{did_you_mean(name, BLOCKS)}"
    elif BLOCKS[name].titled and not title:
        yield f"{slashes} {name} needs a title: /// {name} | title"
    elif title and not BLOCKS[name].titled:
        yield f"{slashes} {name} takes no title"
    if any(len(slashes) >= len(outer) for outer, _, _ in open_blocks):
        outer = " ".join(open_blocks[-1][:2])
        yield f"{slashes} {name} stands inside {outer}, which is not closed yet; an outer block has more slashes"
