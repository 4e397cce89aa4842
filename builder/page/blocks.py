"""The blocks of the page standard, /// name | title … ///, for PyMdown's block syntax.

Says what each becomes in HTML, and finds the blocks that PyMdown would leave standing as text. Knows
nothing of what stands inside them.

    /// predict | question   what to expect before moving a slider; {right, wrong, …} in the answer are
                             the guesses: a list before the reveal, the first alone in the answer
                             the page's predict.js makes them buttons
    /// saw                  what the demo above just showed
    /// note | title         an aside to the paragraph below it: in the margin, or folded where there is none
    /// question | text      a question; the answer opens
    /// misconception | claim   a claim, struck out, and what is true instead
    /// real | title         real models and hardware, a section with its heading
"""

import re
from xml.etree import ElementTree

from pymdownx.blocks import BlocksExtension
from pymdownx.blocks.block import Block

from builder.faults import did_you_mean

_GUESSES = re.compile(r"\{(?![:#.])([^{}]+?(?:,\s[^{}]+?)+)\}")


def _child(parent, tag, text="", **attributes):
    element = ElementTree.SubElement(parent, tag, {name.rstrip("_"): value for name, value in attributes.items()})
    element.text = text
    return element


class Predict(Block):
    NAME, ARGUMENT = "predict", True

    def on_create(self, parent):
        section = _child(parent, "predict-block", class_="predict", role="group", **{"aria-label": "Predict"})
        _child(_child(section, "p", class_="ask"), "strong", "Predict", class_="block-label").tail = f" {self.argument}"
        self.answer = _child(section, "details")
        _child(self.answer, "summary", "Show the answer")
        return section

    def on_add(self, block):
        return self.answer

    def on_end(self, block):
        for element in self.answer.iter():
            if element.tag != "summary" and (found := _GUESSES.search(element.text or "")):
                guesses = re.split(r",\s+", found[1])
                element.text = f"{element.text[: found.start()]}**{guesses[0]}**{element.text[found.end() :]}"
                block.insert(1, self.list_of(guesses))
                return

    @staticmethod
    def list_of(guesses):
        """In an order, and with capitals, that do not give the first, right one away."""
        items = ElementTree.Element("ul", {"class": "guesses"})
        for guess in sorted(guesses, key=_natural):
            _child(items, "li", _capitalised(guess), **({"data-right": ""} if guess == guesses[0] else {}))
        return items


def _capitalised(text):
    """A first word in capitals; a construct's token has digits and stays."""
    return re.sub(r"^[a-z]+(?![a-z\d])", lambda word: word[0].capitalize(), text)


def _natural(text):
    number = re.match(r"[\d.,]*\d", text)
    return (0, float(number[0].replace(",", "")), text) if number else (1, 0.0, text.casefold())


class Saw(Block):
    NAME, ARGUMENT = "saw", False

    def on_create(self, parent):
        group = _child(parent, "div", class_="saw", role="group", **{"aria-label": "What you saw"})
        _child(group, "p", "What you saw", class_="block-label")
        return group


class Note(Block):
    NAME, ARGUMENT = "note", True

    def on_create(self, parent):
        details = _child(parent, "details", class_="side-note")
        _child(_child(details, "summary"), "span", self.argument)  # one piece beside the sign: it may hold mathematics
        return details


class Question(Block):
    NAME, ARGUMENT = "question", True

    def on_create(self, parent):
        question = _child(parent, "div", class_="question")
        _child(question, "p", self.argument, class_="ask")  # not in the summary: a name drops its mathematics
        self.answer = _child(question, "details")
        _child(self.answer, "summary", "Show the answer")
        return question

    def on_add(self, block):
        return self.answer


class Misconception(Block):
    NAME, ARGUMENT = "misconception", True

    def on_create(self, parent):
        group = _child(parent, "div", class_="misconception", role="group", **{"aria-label": "Misconception"})
        claim = _child(group, "p", class_="claim")
        _child(claim, "strong", "Claim", class_="block-label").tail = " "
        _child(claim, "s", self.argument)
        return group


class Real(Block):
    NAME, ARGUMENT = "real", True

    def on_create(self, parent):
        section = _child(parent, "section", class_="real")
        _child(section, "h2", self.argument)
        return section


BLOCKS = {block.NAME: block for block in (Predict, Saw, Note, Question, Misconception, Real)}
LINE = re.compile(r"^[ \t>]*(/{3,})[ \t]*(.*?)[ \t]*$", re.M)
_HEADER = re.compile(r"([\w-]+)\s*(?:\|\s*(.*))?")


class PageBlocks(BlocksExtension):
    def extendMarkdownBlocks(self, md, block_mgr):  # noqa: N802 - PyMdown's name
        for block in BLOCKS.values():
            block_mgr.register(block, {})


def block_names(text):
    """The name of each block, in order."""
    return [line[2].split("|")[0].strip() for line in LINE.finditer(text) if line[2]]


def block_problems(text):
    """(offset, cause) of every /// line that PyMdown would leave as text or close in the wrong place."""
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
    elif BLOCKS[name].ARGUMENT and not title:
        yield f"{slashes} {name} needs a title: /// {name} | title"
    elif title and not BLOCKS[name].ARGUMENT:
        yield f"{slashes} {name} takes no title"
    if any(len(slashes) >= len(outer) for outer, _, _ in open_blocks):
        outer = " ".join(open_blocks[-1][:2])
        yield f"{slashes} {name} stands inside {outer}, which is not closed yet; an outer block has more slashes"
