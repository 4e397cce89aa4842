"""What a reader of the page on quantization is asked."""

import math

import numpy as np

from topics.kit import exercise, same

# ---- one scale for a group


def _in_groups_of(W, bits, g):
    groups = W.reshape(len(W), -1, g)
    most = 2 ** (bits - 1) - 1
    s = np.abs(groups).max(-1) / most
    s[s == 0] = 1.0
    q = np.rint(groups / s[..., None]).astype(int)
    return q.reshape(W.shape), s, bits + 16 / g


@exercise(
    start="""
        def quantize(W, bits, g):
            # W (n, m), m a multiple of g
            s = np.abs(W).max() / 2 ** (bits - 1)
            return np.rint(W / s), s, bits
    """,
    solution=_in_groups_of,
    hint="Reshape to (n, m/g, g) and take the largest |w| along the last axis. How many steps are there from 0 to the "
    "end, if −8 has no counterpart and is not used? A group of zeros divides by zero.",
)
def give_groups_their_scales(answer, rng):
    """Write `quantize(W, bits, g)`: symmetric quantisation in groups of `g` neighbours of a row. Return the codes,
    shape (n, m), whole numbers from −(2^(b−1) − 1) to 2^(b−1) − 1; the scales, shape (n, m/g), such that a group's
    largest |w| becomes ±(2^(b−1) − 1); and how many bits a weight takes, with scales of 16 bits. A group that holds
    only zeros has codes 0 and any finite scale but 0."""
    for n, groups, g, bits in ((2, 3, 4, 4), (1, 2, 2, 2), (3, 1, 8, 8), (2, 2, int(rng.integers(3, 7)), 3)):
        W = rng.normal(size=(n, groups * g)) * np.repeat(rng.choice([0.01, 1.0, 30.0], (n, groups)), g, 1)
        W[0, :g] = -np.abs(W[0, :g])  # its largest is negative
        if g == 4:
            W[1, :g] = 0
        got = answer(W.copy(), bits, g)
        assert isinstance(got, tuple | list) and len(got) == 3, "return three things: codes, scales, bits a weight"
        q, s = np.zeros((n, groups * g)), np.ones((n, groups))
        for i in range(n):
            for k in range(groups):
                part = W[i, k * g : (k + 1) * g].tolist()
                top = max(abs(x) for x in part)
                if top:
                    s[i, k] = top / (2 ** (bits - 1) - 1)
                    q[i, k * g : (k + 1) * g] = [round(x / s[i, k]) for x in part]
        given = {"W": W, "bits": bits, "g": g}
        same(got[0], q, "the codes", **given)
        scales = np.asarray(got[1], float)
        assert scales.shape == s.shape, f"the scales have the shape {scales.shape}, expected {s.shape}"
        empty = (q.reshape(n, groups, g) == 0).all(-1)
        assert np.isfinite(scales).all() and (scales[empty] != 0).all(), "a group of zeros needs a finite scale, not 0"
        same(np.where(empty, 1.0, scales), s, "the scales", **given)
        same(got[2], (bits * g + 16) / g, "the bits a weight takes", bits=bits, g=g)


# ---- a zero point


def _affine(w, bits):
    most = 2**bits - 1
    low, high = min(w.min(), 0.0), max(w.max(), 0.0)
    s = (high - low) / most or 1.0
    z = int(np.rint(-low / s))
    q = np.clip(np.rint(w / s) + z, 0, most).astype(int)
    return q, s, z, len(w) * bits + 16 + bits


@exercise(
    start="""
        def affine(w, bits):
            # w (g,), one group
            s = (w.max() - w.min()) / 2**bits
            z = -w.min() / s
            return np.rint(w / s + z), s, z, len(w) * bits
    """,
    solution=_affine,
    hint="The range that is cut into 2^b − 1 steps must contain zero, even where all weights are positive. The zero "
    "point is a code, so it is a whole number. Since it was rounded, an end may fall one beyond the last code.",
)
def keep_zero_at_zero(answer, rng):
    """Write `affine(w, bits)` for one group: a grid of 2^b levels `s · (q − z)`, q = 0 … 2^b − 1, over the range of the
    weights *and zero*. Return the codes, the scale `s`, the zero point `z` (a whole number, so that a weight of exactly
    0 stays exactly 0), and the bits that the group takes in all: its codes, a scale of 16 bits, and a zero point of
    `bits` bits. Each weight gets the level nearest to it. Of zeros alone the scale may be anything finite but 0."""
    for bits, kind in ((4, "mixed"), (3, "positive"), (2, "negative"), (4, "over the end"), (8, "mixed"), (4, "zeros")):
        most = 2**bits - 1
        w = rng.normal(size=int(rng.integers(5, 12)))
        w = {"positive": np.abs(w) + 3, "negative": -np.abs(w) - 3, "zeros": 0 * w}.get(kind, w)
        if kind == "over the end":  # low / s is half-way between whole numbers, and both ends are rounded up
            s, k = 2.0 ** int(rng.integers(-4, 3)), int(rng.choice([3, 5, 7, 9]))
            w = s * np.concatenate([[-k - 0.5, most - k - 0.5, 0], rng.uniform(-k, most - k - 1, 5)])
        w[2] = 0.0
        given = {"w": w, "bits": bits}
        got = answer(w.copy(), bits)
        assert isinstance(got, tuple | list) and len(got) == 4, "return four things: codes, scale, zero point, bits"
        q, s, z, total = got
        low, high = min(*w.tolist(), 0.0), max(*w.tolist(), 0.0)
        if kind == "zeros":
            assert np.isfinite(s) and s != 0, f"of zeros alone the scale should be finite and not 0, got {s}"
            same(float(s) * (np.asarray(q, float) - float(z)), 0 * w, "what the codes of zeros stand for")
        else:
            same(s, (high - low) / most, "the scale", **given)
            assert float(z) == round(float(z)), f"the zero point should be a whole number, got {float(z):.6g}"
            assert abs(float(z) + low / s) <= 0.5 + 1e-9, f"the zero point should be near {-low / s:.4g}, got {z}"
            _nearest_levels(np.asarray(q), float(s), float(z), most, w)
        same(total, len(w) * bits + 16 + bits, "the bits of the group", bits=bits, g=len(w))


def _nearest_levels(q, s, z, most, w):
    assert q.shape == w.shape, f"the codes have the shape {q.shape}, expected {w.shape}"
    levels = [s * (code - z) for code in range(most + 1)]
    for code, x in zip(q.tolist(), w.tolist(), strict=True):
        assert code == round(code) and 0 <= code <= most, f"codes are whole numbers from 0 to {most}, got {code}"
        off, best = abs(s * (code - z) - x), min(abs(level - x) for level in levels)
        assert off <= best + 1e-9 * s, (
            f"the weight {x:.5g} got code {code}, which stands for {s * (code - z):.5g}; another level is nearer"
        )


# ---- both sides


def _smooth(X, W, alpha):
    x, w = np.abs(X).max(0), np.abs(W).max(0)
    used = (x > 0) & (w > 0)
    s = np.ones_like(x)
    s[used] = x[used] ** alpha / w[used] ** (1 - alpha)
    return X / s, W * s


@exercise(
    start="""
        def smooth(X, W, alpha):
            # X (N, m), a row a word; W (n, m)
            s = np.abs(X).max() ** alpha / np.abs(W).max() ** (1 - alpha)
            return X / s, W
    """,
    solution=_smooth,
    hint="One number for each channel, a column of X and of W. What is divided out of one side is multiplied into the "
    "other, or it is another function.",
)
def smooth_both_sides(answer, rng):
    """Write `smooth(X, W, alpha)`: SmoothQuant for one matrix. Each channel's factor is the largest |input| to the
    power α over the largest |weight| to the power 1 − α. Return the inputs and the weights changed by it, such that
    `X Wᵀ` is what it was. A channel whose inputs, or whose weights, are all zero stays as it is. Do not change the
    arrays that you are given."""
    for N, n, m, alpha in ((4, 3, 5, 0.5), (3, 6, 4, 0.8), (5, 2, 3, 0.25), (4, 4, 4, 1.0)):
        X, W = rng.normal(size=(N, m)), 0.1 * rng.normal(size=(n, m))
        X[:, 1] *= 60
        X[0, 1] = -np.abs(X[:, 1]).max() - 1  # the largest is negative
        if m == 5:
            X[:, 3], W[:, 4] = 0, 0
        given = {"X": X.copy(), "W": W.copy(), "alpha": alpha}
        got = answer(X, W, alpha)
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: inputs and weights"
        same(X, given["X"], "the array X that you were given")
        same(W, given["W"], "the array W that you were given")
        s = []
        for j in range(m):
            x, w = (max(abs(a) for a in M[:, j].tolist()) for M in (X, W))
            s.append(x**alpha / w ** (1 - alpha) if x and w else 1.0)
        same(got[0], [[x / c for x, c in zip(row, s, strict=True)] for row in X.tolist()], "the inputs", **given)
        same(got[1], [[w * c for w, c in zip(row, s, strict=True)] for row in W.tolist()], "the weights", **given)
        same(np.asarray(got[0]) @ np.asarray(got[1]).T, X @ W.T, "the product", **given)


# ---- a block of MXFP4


def _mx_block(w):
    top = np.abs(w).max()
    exponent = int(np.frexp(top)[1]) - 3 if top else -127
    numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    size = np.abs(w) / 2.0**exponent
    distance = np.abs(size[:, None] - numbers) + 1e-12 * (np.arange(8) % 2)  # of two equally near the even code
    return exponent + 127, np.copysign(numbers[distance.argmin(1)], w) * 2.0**exponent


@exercise(
    start="""
        def mx_block(w):
            # w (32,)
            scale = 2.0 ** np.floor(np.log2(np.abs(w).max() / 6))
            return int(np.log2(scale)), np.rint(w / scale) * scale
    """,
    solution=_mx_block,
    hint="E2M1 has 0, 0.5, 1, 1.5, 2, 3, 4 and 6, numbered 0 to 7. 4 is its largest power of two: the scale takes the "
    "block's largest power of two there. What is then beyond 6 becomes 6.",
)
def scale_a_block(answer, rng):
    """Write `mx_block(w)` for 32 weights: the byte of the block's scale and the 32 numbers that are kept. The scale is
    2^(floor(log2 max|w|) − 2), the rule of OCP's specification; its byte is the exponent plus 127. Each weight over the
    scale becomes the nearest number of E2M1, of two equally near the one with the even code (0 to 7, in E2M1's
    order), and beyond 6 it is 6. A block of zeros keeps zeros, with any byte but 255."""
    cases = [2.7, 5.5, 1.2, 1.0, 8.0, 7.9, 6.5, 0.0, float(rng.uniform(0.01, 100))]
    for top in cases:
        w = top * rng.uniform(-1, 1, 32)
        w[int(rng.integers(32))] = top
        if top == 5.5:  # all are negative
            w = -np.abs(w)
        if top == 8.0:  # half-way between neighbours: scale 2
            w[:6] = [0.5, 1.5, 2.5, 3.5, 5.0, 7.0]
            w[6] = 8.0
        given = {"max|w|": float(np.abs(w).max()), "w": w}
        got = answer(w.copy())
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: the byte and the numbers"
        if top == 0:
            assert 0 <= int(got[0]) < 255, f"the byte should be 0 to 254, got {got[0]}"
            same(got[1], np.zeros(32), "what is kept of zeros")
            continue
        exponent = -200
        while 2.0 ** (exponent + 1) <= given["max|w|"]:
            exponent += 1
        exponent -= 2
        same(got[0], exponent + 127, "the byte of the scale", rtol=0, atol=0.1, **given)
        same(got[1], [_nearest(x, 2.0**exponent) for x in w.tolist()], "what is kept", **given)


def _nearest(x, scale):
    numbers = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    best = min(range(8), key=lambda code: (abs(abs(x) / scale - numbers[code]), code % 2))
    return math.copysign(numbers[best] * scale, x)
