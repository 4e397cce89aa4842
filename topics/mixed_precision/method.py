"""Mixed precision: few bits where numbers are multiplied, more where small ones are added to large ones.

w a weight   s a step   g a gradient   S the loss scale   η the rate
f bits of a format's fraction   u a random number from 0 to 1
BF16, FP16 and so on are the formats of the kit's numerics (to_format); arithmetic here is in FP64 or FP32, and what a
format would hold is rounded to it afterwards.
"""

from math import floor, frexp, ldexp

import numpy as np

from topics.kit.numerics import FORMATS, step_at, to_format

# ---- the loss scale


def loss_scale_step(S, good, finite, interval=2000):
    """The next loss scale, and how many steps in a row went well: as PyTorch's GradScaler has it.

    good      steps since the scale last changed
    finite    whether the gradients of this step are all finite; if not, the step must be skipped
    interval  after so many good steps the scale doubles

    >>> loss_scale_step(65_536.0, 1_999, True), loss_scale_step(65_536.0, 1_999, False)
    ((131072.0, 0), (32768.0, 0))
    """
    if not finite:
        return S / 2, 0
    return (2 * S, 0) if good + 1 == interval else (S, good + 1)


# ---- weights that small steps must move


def stochastic_round(x, name, rng):
    """x in a format, up or down at random, with chances that make the mean x (eq:stochastic).

    rng      numpy's Generator
    returns  like x; what the format holds stays as it is

    >>> y = stochastic_round(np.full(8000, 256.5), "BF16", np.random.default_rng(0))
    >>> sorted(set(y.tolist())), round(float((y == 258).mean()), 2)   # a quarter of the way from 256 to 258
    ([256.0, 258.0], 0.25)
    """
    form = FORMATS[name]
    step = step_at(x, form.fraction + 1, form.finest)
    y = np.floor(x / step + rng.random(np.shape(x))) * step
    return to_format(y.astype(step.dtype), name)


def take_step(kept, s, way, rng):
    """Move a BF16 weight by −s (eq:kept).

    kept     a pair: the weight w, and what else is kept of it: its FP32 master, or what is still owed; None at first
    s        the step, in FP32
    way      "nearest", "stochastic", "Kahan" or "master"
    returns  the new pair
    """
    w, more = kept
    if way == "master":
        more = (w if more is None else more) - s
        return to_format(more, "BF16"), more
    if way == "stochastic":
        return stochastic_round(w - s, "BF16", rng), None
    if way == "Kahan":
        owed = (0 if more is None else more) - s
        new = to_format(w + owed, "BF16")
        return new, to_format(owed - (new - w), "BF16")
    return to_format(w - s, "BF16"), None


def smallest_step(w, name="BF16"):
    """Half of the gap between w and its neighbour: a step below it is lost when the sum is rounded to nearest.

    >>> smallest_step(1.0)
    0.00390625
    """
    form = FORMATS[name]
    return float(step_at(w, form.fraction + 1, form.finest)) / 2


# ---- sums


def running_sum(x, f, u=None):
    """The sums of the first 1, 2, …, n numbers, each rounded to f bits after the leading one before the next is added.

    x        n floats
    u        n numbers from 0 to 1: round at random instead of to nearest
    returns  a list of n

    >>> running_sum([1.0] * 300, 7)[-1], running_sum([1.0] * 300, 10)[-1]   # BF16 and FP16
    (256.0, 300.0)
    """
    total, sums = 0.0, []
    for i, each in enumerate(x):
        mantissa, exponent = frexp(total + each)  # from 1/2 to 1
        scaled = ldexp(mantissa, f + 1)
        whole = round(scaled) if u is None else floor(scaled + u[i])  # Python rounds halves to even, too
        total = ldexp(whole, exponent - f - 1)
        sums.append(total)
    return sums


def sum_in_parts(x, f, part):
    """The same, in parts that begin anew at 0; what the finished parts came to is kept apart, unrounded.

    >>> sum_in_parts([1.0] * 300, 7, 128)[-1]
    300.0
    """
    sums, done = [], 0.0
    for i in range(0, len(x), part):
        sums += [done + each for each in running_sum(x[i : i + part], f)]
        done = sums[-1]
    return sums


# ---- memory


BYTES = {  # of each parameter: weight, gradient, master, Adam's two moments
    "all FP32": (4, 4, 0, 8),
    "mixed, 2 + 2 + 12": (2, 2, 4, 8),
    "mixed, FP32 gradients": (2, 4, 4, 8),
    "DeepSeek-V3's": (1, 4, 4, 4),
    "pure BF16": (2, 2, 0, 4),
}
