"""The Jinja environment and the texts of controls. Knows no topic."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROW, PADDING = 27, 3  # characters that a row of buttons holds, and what a button's own padding counts


def environment(templates):
    env = Environment(
        loader=FileSystemLoader(Path(templates)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {"stops_json": stops_json, "text_of": text_of, "number_text": number_text, "fits_a_row": fits_a_row}
    return env


def stops_json(stops):
    return json.dumps(stops, ensure_ascii=False, separators=(",", ":"))


def fits_a_row(choice):
    """Whether the options, as buttons, fit the narrow column beside a figure; a list that opens is calmer else.

    >>> from topics.kit import Choice
    >>> fits_a_row(Choice("Sides", (4, 6, 20), value=6)), fits_a_row(Choice("Fault", ("none", "forget all"), "none"))
    (True, True)
    >>> fits_a_row(Choice("GPU", ("RTX 4090", "H100", "H200", "8 × H100"), "H100"))
    False
    """
    return sum(len(text_of(choice, stop)) + PADDING for stop in choice.stops) <= ROW


def number_text(x):
    """A number with thousands separated and no exponent, as numberText in controls.js writes it.

    >>> number_text(8192), number_text(0.00001), number_text(-2.0)
    ('8,192', '0.00001', '-2')
    """
    return f"{x:,}" if isinstance(x, int) else f"{x:,.12f}".rstrip("0").rstrip(".")


def text_of(control, value):
    """A control's value as a reader sees it, with its unit.

    >>> from topics.kit import Slider
    >>> text_of(Slider("Context", 1024, 131072, value=8192, step=1024, unit="tokens"), 8192)
    '8,192 tokens'
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = number_text(value) if number else str(value)
    names = getattr(control, "names", ())
    return f"{text} {names[control.stops.index(value)] if names else control.unit}".strip()
