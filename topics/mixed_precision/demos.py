"""What the page on mixed precision shows besides the house model: a number's bits, and sums that stall."""

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    LogSlider,
    Note,
    Seed,
    Slider,
    Table,
    Text,
    UnreadableError,
    demo,
    line,
    points,
)
from topics.kit.numerics import FORMATS, step_at, to_format
from topics.mixed_precision.method import BYTES, running_sum, sum_in_parts

# ---- a number's bits


@demo(
    power=Slider("Times a power of two", -30, 30, value=0),
    text=Text("A number", "0.1", limit=30, examples=("65520", "-1e-7", "inf", "3e400")),
)
def bits_of_a_number(power, text):
    """One number in seven formats: its bits, what they say, and how far that is from the number."""
    x = number_of(text) * 2.0**power
    held = {name: float(to_format(x, name)) for name in FORMATS}
    rows = [[name, _said(y), _off(x, y), _said(_gap(y, name)), _said(form.largest), _smallest(form)]
            for (name, form), y in zip(FORMATS.items(), held.values(), strict=True)]  # fmt: skip
    return (
        _bits_drawn(x, held),
        Table(["format", "holds", "off by", "next number is", "largest", "smallest above 0"], rows,
              f"{_said(x)} as each format holds it"),
        Note(_remark(x, held)),
    )  # fmt: skip


def number_of(text):
    """A reader's number. raises UnreadableError"""
    try:
        x = float(text.replace(",", "").replace("−", "-"))
    except ValueError:
        raise UnreadableError("A number, please, such as 0.1, -2048 or 3e-5.") from None
    if not np.isfinite(x) or not (x == 0 or 1e-60 < abs(x) < 1e60):
        raise UnreadableError("A number between 1e-60 and 1e60, please, or 0.")
    return x


def pattern(y, name):
    """The bits of a number that a format holds: sign, exponent and fraction, as text."""
    form = FORMATS[name]
    bias, sign = 2 ** (form.exponent - 1) - 1, int(np.signbit(y))
    if np.isnan(y):
        exponent, fraction = 2**form.exponent - 1, 2**form.fraction - 1
    elif np.isinf(y):
        exponent, fraction = 2**form.exponent - 1, 0
    else:
        at = max(int(np.frexp(y)[1]) - 1, 1 - bias) if y else 1 - bias  # subnormal numbers: the smallest, no leading 1
        whole = int(abs(y) / 2.0 ** (at - form.fraction))
        exponent, fraction = divmod(whole + (at + bias - 1) * 2**form.fraction, 2**form.fraction)
    return str(sign), f"{exponent:0{form.exponent}b}", f"{fraction:0{form.fraction}b}"


def _bits_drawn(x, held):
    names, found = list(FORMATS), {}
    for row, (name, y) in enumerate(held.items()):
        column = 0
        for part, bits in zip(("sign", "exponent", "fraction"), pattern(y, name), strict=True):
            for bit in bits:
                found.setdefault((part, bit), []).append((column, -row))
                column += 1
    inks, marks = {"sign": "reference", "exponent": "key", "fraction": "value"}, []
    for (part, bit), at in sorted(found.items(), key=lambda each: (list(inks).index(each[0][0]), each[0][1] == "0")):
        marker = {"symbol": "square" if bit == "1" else "circle", "size": 9 if bit == "1" else 4}
        columns, rows = zip(*at, strict=True)
        marks.append(
            points(columns, rows, part, inks[part], showlegend=bit == "1" or (part, "1") not in found)
            | {"marker": marker}
        )
    return Figure(
        marks,
        x_title="Bit",
        y_title="Format",
        alt=f"The bits of {_said(x)}; squares are ones, dots are zeros. "
        + "; ".join(f"{name} {_in_fours(pattern(held[name], name))}" for name in ("FP32", "BF16", "FP16", "E4M3"))
        + ".",
        height=330,
        xaxis={"range": [-0.8, 31.8], "tickvals": [0, 8, 16, 24, 31]},
        yaxis={"range": [-6.6, 0.6], "tickvals": [-i for i in range(len(names))], "ticktext": names},
        legend={"orientation": "h", "y": 1.2},
    )


def _in_fours(parts):
    return ", ".join(" ".join(part[i : i + 4] for i in range(0, len(part), 4)) for part in parts)


def _said(x):
    return "∞" if x == np.inf else "−∞" if x == -np.inf else "NaN" if np.isnan(x) else f"{x:,.6g}".replace("-", "−")


def _off(x, y):
    if not np.isfinite(y):
        return "lost"
    return "0" if x == y else "all of it" if y == 0 else f"{100 * abs(y - x) / abs(x):.2g} %".replace("-", "−")


def _gap(y, name):
    """What stands next to y, away from zero, in a format."""
    form = FORMATS[name]
    if not np.isfinite(y):
        return y
    step = float(step_at(y, form.fraction + 1, form.finest))
    return float(to_format(y + (-step if np.signbit(y) else step), name))


def _smallest(form):
    return f"{2.0**form.finest:.3g}".replace("-", "−")


def _remark(x, held):
    if x == 0:
        return "Zero is a pattern of its own in every format."
    said = []
    for what, these in (
        ("can't tell it from zero", [name for name, y in held.items() if y == 0]),
        (
            "held as a subnormal number, with fewer bits",
            [name for name, y in held.items() if 0 < abs(y) < normal(name)],
        ),
        ("ends before it", [name for name in held if abs(x) > FORMATS[name].largest]),
    ):
        if these:
            said.append(f"{', '.join(these)}: {what}.")
    return " ".join(said) or "All seven formats have it among their normal numbers."


def normal(name):
    """The smallest normal number of a format."""
    return 2.0 ** (FORMATS[name].finest + FORMATS[name].fraction)


# ---- sums

ADDED = ("ones", "0.01 each", "random, 0 to 1")


@demo(
    n=LogSlider("How many numbers", 128, 4096, value=4096),
    what=Choice("What is added", ADDED, value="ones"),
    part=Choice("Parts of", (16, 128, 512), value=128),
    seed=Seed(),
)
def sums_that_stall(n, what, part, seed):
    """A sum added up one by one: when the sum is large enough, the next number rounds away."""
    rng = np.random.default_rng(seed)
    x = {"ones": np.ones(n), "0.01 each": np.full(n, 0.01), "random, 0 to 1": rng.random(n)}[what].tolist()
    exact = np.cumsum(x)
    sums = {
        "BF16": (running_sum(x, 7), "error", "solid"),
        "FP16": (running_sum(x, 10), "cost", "dash"),
        "BF16, rounded at random": (running_sum(x, 7, rng.random(n).tolist()), "value", "dot"),
        f"BF16, in parts of {part}": (sum_in_parts(x, 7, part), "output", "dashdot"),
    }
    at = np.unique(np.linspace(0, n - 1, 129).round().astype(int))
    return (
        Figure(
            [line(at + 1, exact[at], "exact", "reference"),
             *(line(at + 1, np.array(y)[at], name, ink, dash) for name, (y, ink, dash) in sums.items())],
            x_title="Numbers added",
            y_title="Sum so far",
            alt=f"{n:,} numbers ({what}), exact sum {exact[-1]:,.5g}. "
            + ", ".join(f"{name} {y[-1]:,.5g}" for name, (y, _, _) in sums.items()) + ".",
            xaxis={"range": [0, n]},
            yaxis={"range": [0, 1.15 * exact[-1]]},
            legend={"orientation": "h", "y": 1.25},
        ),
        Table(["sum kept in", "comes to", "off by"],
              [[name, f"{y[-1]:,.5g}", f"{100 * abs(y[-1] / exact[-1] - 1):.2g} %"]
               for name, (y, _, _) in sums.items()],
              f"{n:,} numbers, exact sum {exact[-1]:,.5g}"),
    )  # fmt: skip


# ---- memory


def per_parameter(way):
    """Bytes of training state for each parameter.

    >>> per_parameter("all FP32"), per_parameter("mixed, 2 + 2 + 12")
    (16, 16)
    """
    return sum(BYTES[way])
