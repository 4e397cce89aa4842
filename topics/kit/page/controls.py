"""What a reader can move. Controls are data: one Jinja macro draws them, one JavaScript file reads them.

Every control has a `label`, a default `value`, a list of `stops` (the values it can take; None when
it is free text), and `corners`, the values that tests try.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isclose, log

STOPS = 10_000  # at most: the page holds them all


class ControlError(ValueError):
    """A control that can't be drawn: the message names the control and the remedy."""


def _member(control):
    """The default must be one of the stops, or the page would open on a value no reader can return to."""
    if control.value not in control.stops:
        if _numeric(control):
            near = min(control.stops, key=lambda stop: abs(stop - control.value))
        else:
            (near,) = get_close_matches(str(control.value), map(str, control.stops), 1, cutoff=0)
        raise ControlError(f"{control.label}: value {control.value!r} is not one of its stops. Did you mean {near!r}?")


def _count(control, steps):
    """Steps as a whole number; the reader of a page can use no more than STOPS."""
    if not steps <= STOPS:
        raise ControlError(f"{control.label}: has {steps:,.0f} steps, at most {STOPS:,} are of use")
    return round(steps)


def _numeric(control):
    return all(isinstance(stop, int | float) for stop in [*control.stops, control.value])


def _tidy(x):
    """12 significant digits: 0.1 * 3 is 0.3."""
    return float(f"{x:.12g}")


@dataclass(frozen=True)
class Slider:
    """A number from `low` to `high` in equal steps. Whole numbers in, whole numbers out.

    names  a word for each stop: shown beside the number, with ◀ ▶ to go from one to the next

    >>> Slider("Tokens", 0, 6, value=2, step=2).stops
    (0, 2, 4, 6)
    """

    label: str
    low: float
    high: float
    value: float
    step: float = 1
    unit: str = ""
    names: tuple = ()
    stops: tuple = field(init=False, repr=False)
    kind = "slider"

    def __post_init__(self):
        if not self.low < self.high or self.step <= 0:
            raise ControlError(f"{self.label}: needs low < high and step > 0, has {self.low}, {self.high}, {self.step}")
        n = _count(self, (self.high - self.low) / self.step)
        if not isclose(self.low + n * self.step, self.high, rel_tol=1e-9, abs_tol=1e-12):
            raise ControlError(f"{self.label}: {self.low} to {self.high} is not a whole number of steps of {self.step}")
        whole = all(isinstance(x, int) for x in (self.low, self.high, self.step))
        stops = (self.low + i * self.step for i in range(n + 1))
        object.__setattr__(self, "stops", tuple(stops if whole else map(_tidy, stops)))
        if self.names and len(self.names) != len(self.stops):
            raise ControlError(f"{self.label}: has {len(self.stops)} stops but {len(self.names)} names")
        _member(self)

    @property
    def corners(self):
        return tuple(dict.fromkeys((self.low, self.value, self.high)))


@dataclass(frozen=True)
class LogSlider:
    """A number from `low` to `high` in equal ratios, `per_octave` stops to a doubling.

    Whole bounds give whole stops. Stops are rounded to three significant digits, powers of two exactly.

    >>> LogSlider("Tokens", 1, 16, value=4).stops
    (1, 2, 4, 8, 16)
    """

    label: str
    low: float
    high: float
    value: float
    per_octave: int = 1
    unit: str = ""
    stops: tuple = field(init=False, repr=False)
    kind = "slider"

    def __post_init__(self):
        if not 0 < self.low < self.high:
            raise ControlError(f"{self.label}: needs 0 < low < high, has {self.low}, {self.high}")
        octaves = log(self.high / self.low, 2)
        n = _count(self, octaves * self.per_octave)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        stops = []
        for i in range(n + 1):
            octave, part = divmod(i, self.per_octave)
            x = self.low * 2**octave if part == 0 else float(f"{self.low * 2 ** (i / self.per_octave):.3g}")
            stops.append(self.high if i == n else round(x) if whole else _tidy(x))
        object.__setattr__(self, "stops", tuple(dict.fromkeys(stops)))
        _member(self)

    @property
    def corners(self):
        return tuple(dict.fromkeys((self.low, self.value, self.high)))


@dataclass(frozen=True)
class Choice:
    """One of a few named or numbered options; every option is a corner, or of many those that are `tried`."""

    label: str
    stops: tuple
    value: object
    unit: str = ""
    tried: tuple = ()
    kind = "choice"

    def __post_init__(self):
        if len(set(self.stops)) < 2:
            raise ControlError(f"{self.label}: a choice needs two different options, has {self.stops!r}")
        _member(self)
        if not set(self.tried) <= set(self.stops):
            raise ControlError(f"{self.label}: tried {self.tried!r} are not all of its options")

    @property
    def corners(self):
        return tuple(dict.fromkeys((self.value, *self.tried))) if self.tried else tuple(self.stops)


@dataclass(frozen=True)
class Toggle:
    """On or off."""

    label: str
    value: bool = False
    unit = ""
    stops = (False, True)
    kind = "toggle"

    @property
    def corners(self):
        return self.stops


@dataclass(frozen=True)
class Text:
    """The reader's own input. `examples` are tried by the tests; the empty text always is.

    suggest  the house model's words are offered as one types
    lines    how many are seen at once; with more than one, Return begins another
    """

    label: str
    value: str
    limit: int = 200
    examples: tuple = ()
    suggest: bool = False
    lines: int = 1
    unit = ""
    stops = None
    kind = "text"

    def __post_init__(self):
        if len(self.value) > self.limit:
            raise ControlError(f"{self.label}: the default has {len(self.value)} characters, the limit is {self.limit}")

    @property
    def corners(self):
        return tuple(dict.fromkeys((self.value, "", "?" * self.limit, *self.examples)))


@dataclass(frozen=True)
class Seed:
    """The seed of everything random in a demo: the same number always gives the same figure."""

    label: str = "Seed"
    value: int = 0
    unit = ""
    stops = None
    kind = "seed"
    high = 9999

    @property
    def corners(self):
        return tuple(dict.fromkeys((self.value, 1, self.high)))


CONTROLS = (Slider, LogSlider, Choice, Toggle, Text, Seed)
