"""What a reader of the page on mixed precision is asked."""

import math

import numpy as np

from topics.kit import exercise, same

# ---- from a number to its bits


def _pattern(x, e, f):
    bias = 2 ** (e - 1) - 1
    size, sign = abs(x), int(math.copysign(1, x) < 0)
    at = max(math.frexp(size)[1] - 1, 1 - bias) if size else 1 - bias  # subnormal numbers share the smallest exponent
    whole = round(math.ldexp(size, f - at))  # Python rounds halves to even; 2^f is the leading one
    code = (at + bias - 1) * 2**f + whole  # a fraction that rounds up to 2 carries into the exponent
    infinity = (2**e - 1) * 2**f
    return sign << (e + f) | min(code, infinity)


@exercise(
    start="""
        def pattern(x, e, f):
            # a sign, e bits of exponent, f bits of fraction
            bias = 2 ** (e - 1) - 1
            at = int(np.frexp(x)[1]) - 1
            whole = int(abs(x) / 2.0 ** (at - f)) - 2**f
            return (at + bias) * 2**f + whole
    """,
    solution=_pattern,
    hint="Let n be |x| over the step at x, rounded to nearest even. The patterns of positive numbers count up as the "
    "numbers do, so one more in the fraction may carry into the exponent, and that is right. `round` rounds halves to "
    "even. Test with 0, with the largest number and half a step more, and with half of the smallest.",
)
def write_the_bits(answer, rng):
    """A format has a sign, `e` bits of exponent and `f` bits of fraction, as IEEE has it: the exponent's bias is
    2^(e−1) − 1, exponent 0 is for zero and subnormal numbers, and all ones with fraction 0 is infinity. Write
    `pattern(x, e, f)`: the bits of the number nearest to the finite `x`, as a whole number; of two equally near the
    even one; infinity where the rounded number is too large. −0.0 keeps its sign."""
    for e, f in ((5, 10), (5, 2), (3, int(rng.integers(3, 6)))):
        bias, infinity = 2 ** (e - 1) - 1, (2**e - 1) * 2**f
        least, largest = 2.0 ** (1 - bias - f), (2 - 2.0**-f) * 2.0**bias
        half = 2.0 ** (bias - f - 1)  # of the largest number's step
        cases = [0.0, least, least / 2, 1.5 * least, 2.0 ** (1 - bias), 2.0 ** (1 - bias) - least, largest]
        cases += [largest + half, largest + half * (1 - 2**-20), 4 * largest]
        for code in rng.integers(1, infinity - 1, 4).tolist():
            low, high = _said_by(code, e, f), _said_by(code + 1, e, f)
            middle, gap = (low + high) / 2, high - low
            cases += [low, middle, low + gap * float(rng.uniform(0.02, 0.48)),
                      low + gap * float(rng.uniform(0.52, 0.98)), middle * (1 + 2**-40)]  # fmt: skip
        for x in [sign * x for x in cases for sign in (1.0, -1.0)]:
            same(answer(x, e, f), _by_search(x, e, f), "the bits, as a whole number", rtol=0, atol=0.1, x=x, e=e, f=f)


def _said_by(code, e, f):
    """What the bits of a positive number say; of infinity, what would come after the largest number."""
    exponent, fraction = divmod(code, 2**f)
    return ((exponent > 0) + fraction / 2**f) * 2.0 ** (max(exponent, 1) - (2 ** (e - 1) - 1))


def _by_search(x, e, f):
    """The nearest by distance, two neighbours compared; what comes after the last is infinity."""
    size, below, above = abs(x), 0, (2**e - 1) * 2**f
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if _said_by(middle, e, f) <= size else (below, middle)
    left, right = (
        size - _said_by(below, e, f),
        _said_by(below + 1, e, f) - size,
    )  # exact: all lie within a factor of two
    code = below + 1 if right < left or (right == left and below % 2 == 1) else below
    return (math.copysign(1, x) < 0) * 2 ** (e + f) + code


# ---- the scaler


def _scaled_step(w, g, S, good, eta, limit, interval):
    if not np.isfinite(g).all():
        return w, S / 2, 0
    g = g / S
    norm = np.sqrt((g * g).sum())
    w = w - eta * g * min(1.0, limit / norm if norm else 1.0)
    return (w, 2 * S, 0) if good + 1 == interval else (w, S, good + 1)


@exercise(
    start="""
        def scaled_step(w, g, S, good, eta, limit, interval):
            # w (n,) FP32 weights; g (n,) their gradient, S times too large
            w = w - eta * g / S
            return w, S, good + 1
    """,
    solution=_scaled_step,
    hint="In this order: look for infinities and NaN, divide by S, clip, step, and only then count.",
)
def keep_the_scale(answer, rng):
    """Write `scaled_step(w, g, S, good, eta, limit, interval)`: one step of gradient descent with a dynamic loss scale.
    `g` is the gradient of the scaled loss. If any of it is infinite or NaN, the weights stay, the scale is halved and
    the count of `good` steps begins anew at 0. Else the true gradient, shortened to length `limit` if it is longer, is
    taken `eta` times off `w`; and if that makes `interval` good steps in a row, the scale doubles and the count begins
    anew. Return `w`, `S` and `good`. Do not change the arrays that you are given."""
    for interval, bad in ((3, (4,)), (2, (0, 3)), (4, (2, 3)), (1, ()), (3, ())):
        S, good, w = 2.0 ** int(rng.integers(4, 17)), 0, rng.normal(size=4)
        eta, limit = float(rng.uniform(0.01, 0.3)), float(rng.uniform(0.5, 3))
        for t in range(9):
            g = S * rng.normal(size=4) * float(rng.choice([0.05, 5.0]))
            if t == 6:
                g = 0 * g
            if t in bad:
                g[int(rng.integers(4))] = [np.inf, -np.inf, np.nan][t % 3]
            given = {
                "w": w.copy(),
                "g": g.copy(),
                "S": S,
                "good": good,
                "eta": eta,
                "limit": limit,
                "interval": interval,
            }
            got = answer(w, g, S, good, eta, limit, interval)
            assert isinstance(got, tuple | list) and len(got) == 3, "return three things: w, S and good"
            same(w, given["w"], "the array w that you were given", **{"w before": given["w"]})
            same(np.nan_to_num(g), np.nan_to_num(given["g"]), "the array g that you were given")
            w, S, good = _slowly(given)
            for name, mine, right in zip(("the weights", "the scale", "the count"), got, (w, S, good), strict=True):
                same(mine, right, name, **given)


def _slowly(given):
    w, g, S, good = [float(x) for x in given["w"]], [float(x) for x in given["g"]], given["S"], given["good"]
    if any(math.isinf(x) or math.isnan(x) for x in g):
        return np.array(w), S / 2, 0
    true = [x / S for x in g]
    length = math.sqrt(sum(x * x for x in true))
    if length > given["limit"]:
        true = [x * given["limit"] / length for x in true]
    w, good = [a - given["eta"] * b for a, b in zip(w, true, strict=True)], good + 1
    return (np.array(w), 2 * S, 0) if good == given["interval"] else (np.array(w), S, good)


# ---- rounding at random


def _at_random(x, bits, u):
    step = 2.0 ** (np.frexp(x)[1] - bits)
    return np.floor(x / step + u) * step


@exercise(
    start="""
        def at_random(x, bits, u):
            # x (n,) numbers; u (n,) from 0 to 1, below 1
            step = 2.0 ** (np.frexp(x)[1] - bits)
            return np.rint(x / step) * step
    """,
    solution=_at_random,
    hint="Only one of two neighbours may come out. How large a part of all u must lead to the upper one?",
)
def round_at_random(answer, rng):
    """Write `at_random(x, bits, u)`: each `x` rounded to `bits` bits, the leading one counted, up or down by chance.
    Whatever lies between two neighbours must go to the larger of them (for negative numbers the one nearer to zero)
    for a part of all `u` that makes the mean `x`; which part of the `u` you take is yours. What has no more than
    `bits` bits stays as it is. There is no end and no smallest number. `x` may be 0."""
    for bits in (8, 11, int(rng.integers(2, 8))):
        x = rng.normal(size=6) * 2.0 ** rng.integers(-9, 9, 6)
        x = np.concatenate([x, -np.abs(x[:2]), [0.0, 1.0, -3.0, 2.0 ** (1 - bits) / 4 + 1, -(1 + 2.0**-bits)]])
        u = (np.arange(100) + 0.5) / 100
        got = np.array(
            [np.asarray(answer(x.copy(), bits, np.full(len(x), each)), float) for each in rng.permutation(u)]
        )
        assert got.shape == (100, len(x)), f"the output should have the shape {x.shape}, as x, not {got.shape[1:]}"
        for i, each in enumerate(x.tolist()):
            low, high = _neighbours(each, bits)
            found = sorted(set(got[:, i].tolist()))
            allowed = [low] if low == high else [low, high]
            assert set(found) <= set(allowed), (
                f"for x = {each:.8g}, bits = {bits}: only {allowed} may come out, got {found[:4]}"
            )
            mean = float(got[:, i].mean())
            assert abs(mean - each) <= (high - low) / 100, (
                f"for x = {each:.8g}, bits = {bits}: the mean over all u should be x, it is {mean:.8g}"
            )


def _neighbours(x, bits):
    """The numbers of so many bits at x and below, and at x and above."""
    if x == 0:
        return 0.0, 0.0
    step = 2.0 ** (math.frexp(x)[1] - bits)
    return math.floor(x / step) * step, math.ceil(x / step) * step
