"""Everything a topic may use. Pure numpy: it runs alike in CPython and in the reader's browser."""

from topics.kit import lm
from topics.kit.controls import Choice, LogSlider, Seed, Slider, Text, Toggle
from topics.kit.demo import demo
from topics.kit.exercise import exercise
from topics.kit.hardware import GPUS
from topics.kit.models import MODELS
from topics.kit.numerics import GB, GIB, KIB, MIB, max_abs_difference, softmax
from topics.kit.traces import bars, heatmap, label, line, points, rule
from topics.kit.views import Badge, Figure, Frame, Matrix, Metrics, Note, Progress, Scores, Steps, Table, Tokens

__all__ = [
    "GB",
    "GIB",
    "GPUS",
    "KIB",
    "MIB",
    "MODELS",
    "Badge",
    "Choice",
    "Figure",
    "Frame",
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
    "softmax",
]
