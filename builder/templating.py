"""The Jinja environment and the texts of controls. Knows no topic."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(templates):
    env = Environment(
        loader=FileSystemLoader(Path(templates)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {"stops_json": json.dumps, "texts_json": texts_json, "text_of": text_of}
    return env


def texts_json(control):
    return json.dumps([text_of(control, stop) for stop in control.stops], ensure_ascii=False)


def text_of(control, value):
    """A control's value as a reader sees it, with its unit.

    >>> from topics.kit import Slider
    >>> text_of(Slider("Context", 1024, 131072, value=8192, step=1024, unit="tokens"), 8192)
    '8,192 tokens'
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = f"{value:,}" if number else str(value)
    return f"{text} {control.unit}".strip()
