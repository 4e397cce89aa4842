"""Ranges, ticks and tick labels, as Plotly chooses them with the site's layout. Draws nothing, knows no colour.

Positions: `place` takes a value to the axis' own space (log10 on a log axis, the index on a category axis),
`px` takes it on to pixels. Linear ticks follow Plotly's own rules (`exponentformat: "B"`, `separatethousands`);
log ticks are the site's own and are handed to Plotly as tickvals and ticktext by
templates/static/js/demo/figure-theme.js, whose logTicks and tickText are the twins of log_ticks and tick_text here
(tests/builder/test_figures.py holds them equal).
"""

import math
import re
from dataclasses import dataclass, field

BASE_2 = math.log10(2)
NARROW, WIDE = set("ijlftrI.,:;'|!()[]{} ·`-⁰¹²³⁴⁵⁶⁷⁸⁹⁻"), set("mwMW@%—×")
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def text_width(text, size=12):
    """Pixels that a text takes in a sans-serif; measured on DejaVu Sans, so rather too wide than too narrow."""
    ems = sum(0.36 if c in NARROW else 0.95 if c in WIDE else 0.7 if c.isupper() else 0.61 for c in text)
    return ems * size


@dataclass
class Axis:
    """One axis: lo..hi in its own space lies on start..end in pixels (start > end for an upward y)."""

    letter: str
    kind: str  # "linear", "log" or "category"
    spec: dict  # layout.xaxis or layout.yaxis
    categories: list = field(default_factory=list)
    lo: float = 0.0
    hi: float = 1.0
    start: float = 0.0
    end: float = 1.0
    ticks: list = field(default_factory=list)  # (position in the axis' own space, label)

    @property
    def length(self):
        return abs(self.end - self.start)

    def place(self, value):
        """Into the axis' own space; None where nothing can be drawn (a gap, or log of 0)."""
        if value is None:
            return None
        if self.kind == "category":
            return float(self.categories.index(value)) if value in self.categories else number(value, self.letter)
        value = number(value, self.letter)
        if self.kind == "log":
            return math.log10(value) if value > 0 else None
        return value

    def at(self, position):
        """Pixels of a position in the axis' own space."""
        return self.start + (position - self.lo) / (self.hi - self.lo) * (self.end - self.start)

    def px(self, value):
        place = self.place(value)
        return None if place is None else self.at(place)


def number(value, letter):
    """A float, or a ValueError that names the axis."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{letter} axis: {value!r} is not a number, but the axis has numbers elsewhere") from None
    if not math.isfinite(value):
        raise ValueError(f"{letter} axis: {value} can't be drawn; use None for a gap")
    return value


def make_axis(letter, spec, values):
    """The axis for these values: its kind from layout `type`, or category when a value is a text."""
    texts = any(isinstance(value, str) for value in values)
    kind = spec.get("type", "category" if texts else "linear")
    if kind not in ("linear", "log", "category"):
        raise ValueError(f"{letter} axis: type {kind!r} is not one of linear, log, category")
    categories = list(dict.fromkeys(v for v in values if v is not None)) if kind == "category" else []
    return Axis(letter, kind, spec, categories)


def fit(axis, extents):
    """Set lo and hi from layout `range`, or from the data.

    extents  (lo, hi, pixels kept free below lo, above hi) in the axis' own space
    """
    lo, hi = auto_range(axis, extents)
    fixed = list(axis.spec.get("range") or (None, None))
    lo, hi = (lo if fixed[0] is None else float(fixed[0])), (hi if fixed[1] is None else float(fixed[1]))
    if axis.spec.get("autorange") == "reversed" and fixed == [None, None]:
        lo, hi = hi, lo
    axis.lo, axis.hi = lo, hi if hi != lo else lo + 1


def auto_range(axis, extents):
    """Plotly's: the steepest scale at which every point keeps its padding."""
    if not extents:
        return 0.0, 1.0
    lows = [(lo, below) for lo, _, below, _ in extents]
    highs = [(hi, above) for _, hi, _, above in extents]
    if axis.spec.get("rangemode") == "tozero" and axis.kind == "linear":
        lows, highs = [*lows, (0.0, 0.0)], [*highs, (0.0, 0.0)]
    lo, hi = min(v for v, _ in lows), max(v for v, _ in highs)
    if lo == hi:
        return lo - 1, hi + 1
    pairs = [(low, high) for low in lows for high in highs if high[0] > low[0]]

    def units_per_pixel(pair):
        (low, below), (high, above) = pair
        return (high - low) / max(axis.length - below - above, 0.1 * axis.length)

    best = max(pairs, key=units_per_pixel)
    unit, ((low, below), (high, above)) = units_per_pixel(best), best
    return min(lo, low - unit * below), max(hi, high + unit * above)


def set_ticks(axis):
    """Fill in axis.ticks: the author's tickvals, or those that Plotly would choose."""
    spec = axis.spec
    if spec.get("showticklabels") is False or spec.get("visible") is False:
        axis.ticks = []
    elif spec.get("tickvals") is not None:
        texts = spec.get("ticktext")
        texts = map(str, texts) if texts is not None else (tick_text(v) for v in spec["tickvals"])
        axis.ticks = [(axis.place(v), text) for v, text in zip(spec["tickvals"], texts, strict=True)]
    elif axis.kind == "category":
        axis.ticks = [(float(i), str(name)) for i, name in enumerate(axis.categories)]
    elif axis.kind == "log":
        lo, hi = sorted((axis.lo, axis.hi))
        axis.ticks = [(math.log10(v), decorated(axis, v, text)) for v, text in
                      log_ticks(lo, hi, axis.length, axis.letter, spec.get("dtick"))]  # fmt: skip
    else:
        axis.ticks = [(v, decorated(axis, v, text)) for v, text in linear_ticks(axis)]
    lo, hi = sorted((axis.lo, axis.hi))
    slack = 1e-6 * (hi - lo)
    axis.ticks = [(p, text) for p, text in axis.ticks if p is not None and lo - slack <= p <= hi + slack]


def decorated(axis, value, text):
    """The label with the author's tickformat, tickprefix and ticksuffix."""
    spec = axis.spec.get("tickformat")
    if spec:
        if not re.fullmatch(r",?(\.\d+)?[f%d]", spec):
            raise ValueError(f"{axis.letter} axis: tickformat {spec!r} is not one of the kind ',.2f', '.0%', ',d'")
        text = format(round(value) if spec.endswith("d") else value, spec).replace("-", "−")
    return f"{axis.spec.get('tickprefix', '')}{text}{axis.spec.get('ticksuffix', '')}"


def linear_ticks(axis):
    """(value, label) at multiples of 1, 2 or 5 times a power of ten, about 80 px apart (y: 40 px)."""
    lo, hi = sorted((axis.lo, axis.hi))
    step = axis.spec.get("dtick")
    if step is None:
        wanted = axis.spec.get("nticks") or min(9, max(4, axis.length / (40 if axis.letter == "y" else 80))) + 1
        step = nice_step((hi - lo) / wanted)
    first = axis.spec.get("tick0", 0)
    from_, to = math.ceil((lo - first) / step - 1e-6), math.floor((hi - first) / step + 1e-6)
    if to - from_ > 200:
        raise ValueError(f"{axis.letter} axis: dtick {step} makes {to - from_} ticks")
    values = [first + i * step for i in range(from_, to + 1)]
    top = max(abs(lo), abs(hi))
    return [(value, linear_text(value, step, top)) for value in values]


def nice_step(rough):
    """The next of 1, 2, 5, 10, … above a rough step: strictly, as Plotly does it.

    >>> nice_step(0.13), nice_step(2.0)
    (0.2, 5.0)
    """
    exponent = math.floor(math.log10(rough))
    mantissa = next((m for m in (2, 5) if rough < m * 10.0**exponent * (1 - 1e-9)), 10)
    return float(f"{mantissa}e{exponent}")


def linear_text(value, step, top):
    """As Plotly prints it: one prefix for the whole axis, taken from its largest number.

    >>> linear_text(20_000, 5_000, 52_000), linear_text(2_000, 500, 3_000), linear_text(-0.5, 0.1, 1)
    ('20k', '2,000', '−0.5')
    >>> linear_text(0.0002, 0.0001, 0.0004)   # too small for a prefix that everybody knows
    '2×10⁻⁴'
    """
    exponent = math.floor(math.log10(top) + 0.01) if top else 0
    digits = max(0, 2 - math.floor(math.log10(step) + 0.01))
    if abs(value) < step * 1e-6:
        return "0"
    if exponent < -3:
        return f"{trimmed(value / 10.0**exponent, digits + exponent)}×10{str(exponent).translate(SUPERSCRIPT)}"
    prefix = 3 * round((exponent - 1) / 3) if 3 < exponent < 15 else 0
    return trimmed(value / 10.0**prefix, digits + prefix) + {0: "", 3: "k", 6: "M", 9: "B", 12: "T", 15: "P"}[prefix]


def trimmed(value, digits):
    """Digits after the point without trailing zeros, thousands by commas, a true minus sign."""
    text = f"{value:,.{max(0, min(digits, 12))}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def tick_text(value):
    """A number on its own, as on a log axis.

    >>> [tick_text(v) for v in (0.001, 0.5, 200, 2_000, 10_000, 1e9, 1e-8, 2e-5, 1e18)]
    ['0.001', '0.5', '200', '2k', '10k', '1B', '10⁻⁸', '2×10⁻⁵', '10¹⁸']
    """
    value = float(value)
    size = abs(value)
    if size and not 0.9999e-3 <= size < 0.9999e15:
        mantissa, exponent = f"{value:.2e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
        power = "10" + str(int(exponent)).translate(SUPERSCRIPT)
        return power if mantissa == "1" else f"{mantissa}×{power}"
    for scale, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= scale * 0.9999:
            return trimmed(value / scale, 2) + unit
    return trimmed(value, 5)


def power_of_two_text(exponent):
    """Powers of two stay exact: 131,072 is not 131k. Beyond 2²⁰ as a power.

    >>> power_of_two_text(17), power_of_two_text(30), power_of_two_text(-2)
    ('131,072', '2³⁰', '0.25')
    """
    return trimmed(2.0**exponent, 4) if -4 <= exponent <= 20 else "2" + str(exponent).translate(SUPERSCRIPT)


def log_ticks(lo, hi, length, letter, dtick=None):
    """(value, label) on a log axis from 10**lo to 10**hi, `length` px long.

    dtick  None: powers of ten, with 2 and 5 between where the span is short; n: every n-th power of ten;
           log10(2): powers of two. Every second, third, … power where they would stand too close.

    >>> [text for _, text in log_ticks(0, 4, 600, "x")]
    ['1', '10', '100', '1k', '10k']
    >>> [text for _, text in log_ticks(1, 2, 600, "x")]
    ['10', '20', '50', '100']
    >>> [text for _, text in log_ticks(10 * BASE_2, 13 * BASE_2, 600, "x", BASE_2)]
    ['1,024', '2,048', '4,096', '8,192']
    """
    room = max(2, math.floor(length / (28 if letter == "y" else 56)))
    per_unit = length / (hi - lo)
    if dtick is not None and abs(dtick - BASE_2) < 1e-3:
        powers = every_nth(math.ceil(lo / BASE_2 - 1e-6), math.floor(hi / BASE_2 + 1e-6), room, 1)
        return [(2.0**e, power_of_two_text(e)) for e in powers]
    if dtick is not None or hi - lo >= 3 or per_unit * 0.301 < (24 if letter == "y" else 40):
        powers = every_nth(math.ceil(lo - 1e-6), math.floor(hi + 1e-6), room, max(1, math.ceil(dtick or 1)))
        values = [float(f"1e{e}") for e in powers]
    else:
        values = [float(f"{m}e{e}") for e in range(math.floor(lo), math.floor(hi) + 1) for m in (1, 2, 5)]
        values = [v for v in values if lo - 1e-6 <= math.log10(v) <= hi + 1e-6]
    if len(values) < 3 and hi - lo < 1:  # not even 1, 2 and 5 fit: steps of the number itself
        step = nice_step((10**hi - 10**lo) / min(6, room))
        values = [i * step for i in range(math.ceil(10**lo / step - 1e-6), math.floor(10**hi / step + 1e-6) + 1)]
    return [(value, tick_text(value)) for value in values]


def every_nth(first, last, room, stride):
    """Multiples of a stride in first..last, not more than there is room for."""
    while (last - first) // stride + 1 > room:
        stride += 1
    return [e for e in range(first, last + 1) if e % stride == 0]
