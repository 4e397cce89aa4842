"""Everything a topic may use. Pure numpy: it runs alike in CPython and in the reader's browser."""

from topics.kit.errors import UnreadableError
from topics.kit.model import lm
from topics.kit.numerics import GB, GIB, KIB, MIB, max_abs_difference, softmax
from topics.kit.page.controls import Choice, LogSlider, Seed, Slider, Text, Toggle
from topics.kit.page.demo import demo
from topics.kit.page.exercise import exercise, same
from topics.kit.page.traces import bars, heatmap, label, line, points, rule
from topics.kit.page.views import (
    Badge,
    Figure,
    Frame,
    Listing,
    Matrix,
    Metrics,
    Note,
    Progress,
    Scores,
    Steps,
    Table,
    Tokens,
)
from topics.kit.real.hardware import GPUS
from topics.kit.real.models import MODELS, PLAIN

__all__ = [
    "GB",
    "GIB",
    "GPUS",
    "KIB",
    "MIB",
    "MODELS",
    "PLAIN",
    "Badge",
    "Choice",
    "Figure",
    "Frame",
    "Listing",
    "LogSlider",
    "Matrix",
    "Metrics",
    "Note",
    "Progress",
    "Scores",
    "Seed",
    "Slider",
    "Steps",
    "Table",
    "Text",
    "Toggle",
    "Tokens",
    "UnreadableError",
    "bars",
    "demo",
    "exercise",
    "heatmap",
    "label",
    "line",
    "lm",
    "max_abs_difference",
    "points",
    "rule",
    "same",
    "softmax",
]
