"""A topic as a Jupyter notebook: its prose, its method in cells that may be edited, its demos as plain calls.

The topic's Python and the kit travel in the first cell, so that it needs numpy and Plotly only. Knows no template.
"""

import base64
import inspect
import json
import re
from pathlib import Path

from builder.page.mathematics import filled, number_equations
from builder.page.source import source_of
from builder.places import files_in
from builder.read.scan import scan
from builder.take.alone import PLACE
from topics.kit.page.demo import defaults

SHOW = Path(__file__).with_name("show.py")
CELLS = ("demo", "code", "exercise")
SETUP = """\
# This page's Python, packed: its own and what it shares with other pages. Needs numpy and Plotly
import base64, io, sys, tempfile, zipfile

HOME = tempfile.mkdtemp()
zipfile.ZipFile(io.BytesIO(base64.b64decode("{packed}"))).extractall(HOME)
sys.path.insert(0, HOME)

import take

globals().update(take.opened("{slug}", "{place}", {data}))
from take import check, show, use
"""


def notebook(topic, scanned, written, packed, data):
    """The text of <slug>.ipynb; PLACE stands where the site's address comes in.

    topic    loaded      scanned  its page
    written  construct to the Markdown that stands for it, of all but CELLS, code and comments
    packed   zip of the Python that travels      data  {file that a demo names: its address in the site}
    """
    summary = f"# {topic.title}\n\n{topic.meta['summary']}\n\n"
    origin = (
        f"From [LLM Internals]({PLACE}/{topic.slug}.html). Code: MIT License; prose: CC BY 4.0. "
        "Run the next cell first."
    )
    cells = [markdown(summary + origin)]
    setup = SETUP.format(packed=base64.b64encode(packed).decode(), slug=topic.slug, place=f"{PLACE}/", data=data)
    cells.append(code(setup, source_hidden=True))
    by_token = {construct.token: construct for construct in scanned.constructs if construct.kind in CELLS}
    for part in re.split(rf"({scanned.mark}\d+x)", scanned.text):
        if part in by_token:
            cells += list(MADE[by_token[part].kind](topic, by_token[part].argument))
        elif part.startswith(scanned.mark) or not cells or "text" not in cells[-1]:
            cells.append({"text": part})
        else:
            cells[-1]["text"] += part
        if len(cells) > 1 and "text" in cells[-1] and "text" in cells[-2]:
            cells[-2:] = [{"text": cells[-2]["text"] + cells[-1]["text"]}]
    made = []
    for cell in cells:
        if "text" not in cell:
            made.append(cell)
        elif text := prose(cell["text"], scanned, written):
            made += [markdown(each) for each in re.split(r"\n(?=## )", text)]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
             "language_info": {"name": "python"}}  # fmt: skip
    whole = {"cells": made, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def markdown(text):
    return {"cell_type": "markdown", "id": "", "metadata": {}, "source": text.strip()}


def code(text, **hidden):
    metadata = {"jupyter": hidden, "cellView": "form"} if hidden else {}
    return {"cell_type": "code", "execution_count": None, "id": "", "metadata": metadata, "outputs": [],
            "source": text.strip()}  # fmt: skip


# ---- prose


def prose(text, scanned, written):
    """Scanned Markdown as a notebook reads it."""
    text = re.sub(r"^/// *(\w+)(?: *\| *(.*))?$", block, text, flags=re.M)
    text = re.sub(r"^///$", "", text, flags=re.M)
    text = re.sub(r"^(#+ .*?)\s*\{#[\w-]+\}\s*$", r"\1", text, flags=re.M)
    text = re.sub(r"\]\(([\w-]+)\.md(#[\w-]+)?\)", rf"]({PLACE}/\1.html\2)", text)
    return re.sub(r"\n{3,}", "\n\n", scanned.put_back(text, written)).strip()


def writer(topic, scanned, bibliography, value_of):
    """construct to the Markdown that stands for it; value_of(argument) is a number's text."""
    labels, numbers, _ = number_equations(scanned.constructs)
    figures = dict.fromkeys(c.argument for c in scanned.constructs if c.kind == "demo")
    figures = {name: number for number, name in enumerate(figures, 1)}

    def mathematics(construct):
        tex, _ = filled(construct.argument, lambda inner: value_of(inner.argument))
        tex = re.sub(r"\\ink\s*\{\w+\}", "", tex)
        return f"$${tex} \\tag{{{numbers[construct.token]}}}$$" if construct.display else f"${tex}$"

    def plain(construct):
        return (construct.argument.partition(" : ")[2] or construct.name).strip()

    kinds = {
        "math": mathematics,
        "value": lambda c: value_of(c.argument),
        "cite": lambda c: f"({'; '.join(map(bibliography.short, c.keys))})",
        "citet": lambda c: " and ".join(map(bibliography.narrative, c.keys)),
        "term": plain,
        "ink": plain,
        "eq": lambda c: f"equation {labels[c.argument]}",
        "fig": lambda c: f"figure {figures[c.argument]}",
        "comment": lambda c: "",
    }
    return lambda construct: kinds.get(construct.kind, lambda c: c.source)(construct)


BLOCKS = {"predict": "Predict.", "saw": "What you saw.", "question": "Question.", "misconception": "A misconception.",
          "real": "In real models."}  # fmt: skip


def block(found):
    return f"**{BLOCKS.get(found[1], found[1].capitalize() + '.')}** {found[2] or ''}\n"


# ---- cells of constructs


def demo(topic, name):
    function = topic.demos[name]
    call = f"show({', '.join([name, *(f'{key}={value!r}' for key, value in defaults(function).items())])})"
    doc = inspect.getdoc(function) or name
    if function.kind == "live":
        yield markdown(f"{doc} It trains, or takes time: take the `#` away to run it.")
        yield code(f"# {call}")
    else:
        yield code("\n".join(f"# {line}" for line in doc.splitlines()) + f"\n{call}")


def shown_code(topic, name):
    yield code(f"{source_of(topic.names[name]).rstrip()}\n\n\nuse({name})  # here and wherever it is called")


def exercise(topic, name):
    asked = topic.exercises[name]
    spans = scan(inspect.getdoc(asked))
    yield markdown(f"**Exercise.** {spans.put_back(spans.text, lambda construct: construct.source)}")
    yield code(f"{asked.start.rstrip()}\n\n\ncheck({name}, {asked.function})")


MADE = {"demo": demo, "code": shown_code, "exercise": exercise}


def travelling(topics, slug):
    """[(path in the zip, bytes)]: the topic's files, the kit, and what shows views."""
    paths = [Path(topics) / "__init__.py", *files_in(Path(topics) / "kit", "*.py", below=True),
             *files_in(Path(topics) / slug, "*.py")]  # fmt: skip
    files = [(f"topics/{path.relative_to(topics).as_posix()}", path.read_bytes()) for path in paths]
    recorded = files_in(Path(topics) / "recorded", f"{slug}.*")
    return [*files, *((f"topics/recorded/{path.name}", path.read_bytes()) for path in recorded if path.suffix == ".py"),
            ("take.py", SHOW.read_bytes())]  # fmt: skip
