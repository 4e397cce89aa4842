"""What a reader of the page on QLoRA is asked."""

import math

import numpy as np

from topics.kit import exercise, same
from topics.qlora.method import quantile

# ---- the table


def _normal_float(bits):
    n = 2**bits
    last = 1 - (1 / (2 * n) + 1 / (2 * (n - 1))) / 2
    quantiles = [[quantile(p) for p in np.linspace(0.5, last, k + 1)[1:]] for k in (n // 2 - 1, n // 2)]
    levels = np.array([-x for x in quantiles[0][::-1]] + [0.0] + quantiles[1])
    return levels / levels.max()


@exercise(
    start="""
        def normal_float(bits):
            p = np.linspace(0, 1, 2**bits + 2)[1:-1]
            return np.array([quantile(each) for each in p])
    """,
    solution=_normal_float,
    hint="Both sides go from the probability ½ to the same last one, in different numbers of equal steps. The quantile "
    "of ½ is the zero that they share. Divide at the end.",
)
def build_the_table(answer, rng):
    """Write `normal_float(bits)`: the 2^b levels, ascending. `quantile(p)` is there: the number below which a normal
    law has the probability p. Above zero stand 2^(b−1) quantiles of the normal law, at
    probabilities that go in equal steps from ½ (which is the zero itself) to 1 − ½ (1/(2n) + 1/(2(n−1))), n = 2^b.
    Below stand the negatives of 2^(b−1) − 1 quantiles, in equal steps over the same range. One level is exactly 0. All
    are divided by the largest, so that the ends are −1 and 1."""
    for bits in (4, 2, 3, int(rng.integers(5, 7))):
        n, levels = 2**bits, np.asarray(answer(bits))
        assert levels.shape == (n,), f"{bits} bits number {n} levels, got the shape {levels.shape}"
        assert np.count_nonzero(levels == 0) == 1, f"one level should be exactly 0; for bits = {bits}"
        last = 1 - (1 / (2 * n) + 1 / (2 * (n - 1))) / 2
        above = [_quantile(0.5 + (last - 0.5) * i / (n // 2)) for i in range(1, n // 2 + 1)]
        below = [-_quantile(0.5 + (last - 0.5) * i / (n // 2 - 1)) for i in range(n // 2 - 1, 0, -1)]
        same(levels, [x / above[-1] for x in [*below, 0.0, *above]], "the levels", rtol=1e-7, atol=1e-9, bits=bits)


def _quantile(p):
    """The number below which a normal law has the probability p > ½, by halving an interval."""
    low, high = 0.0, 9.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + math.erf(middle / 2**0.5)) / 2 < p else (low, middle)
    return low


# ---- weights in blocks


def _store(w, g, levels):
    blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
    absmax = np.abs(blocks).max(1)
    x = blocks / np.where(absmax == 0, 1, absmax)[:, None]
    codes = np.abs(x[..., None] - levels).argmin(-1)
    return codes.ravel()[: len(w)], absmax


@exercise(
    start="""
        def store(w, g, levels):
            # w (n,), levels (16,) ascending from -1 to 1
            blocks = w.reshape(-1, g)
            absmax = blocks.max(1)
            return np.searchsorted(levels, blocks / absmax[:, None]), absmax
    """,
    solution=_store,
    hint="Fill the last block with zeros, and forget them at the end. `searchsorted` finds the level above; the "
    "nearest may be the one below: compare with the middles between levels, or measure all distances.",
)
def store_in_blocks(answer, rng):
    """Write `store(w, g, levels)` for `n` weights in blocks of `g` neighbours; the last block may be short. Return the
    codes (n,), whole numbers: of each weight over its block's absmax (the largest |w| in the block) the place of the
    nearest level, counted from 0; and absmax, one number for each block. A block of zeros has absmax 0 and codes of the
    level 0."""
    table = np.sort(np.concatenate([[-1.0, 0.0, 1.0], rng.uniform(-0.95, 0.95, 13)]))
    for n, g, levels in ((11, 4, _normal_float(4)), (12, 4, table), (5, 8, table), (70, 64, _normal_float(4))):
        w = rng.normal(size=n) * np.repeat(10.0 ** rng.uniform(-4, 2, -(-n // g)), g)[:n]
        w[:2] = -np.abs(w[:2]) - np.abs(w[:g]).max()  # the largest of the first block is negative
        if n == 12:
            w[4:8] = 0
        if n == 11:
            w[4:8] = 1e-9 * np.abs(rng.normal(size=4))  # tiny, but not zero
        got = answer(w.copy(), g, levels.copy())
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: codes and absmax"
        absmax, codes = [], []
        for first in range(0, n, g):
            block = w[first : first + g].tolist()
            top = max(abs(x) for x in block)
            absmax.append(top)
            codes += [min(range(16), key=lambda i, x=x, top=top: abs(x / (top or 1) - levels[i])) for x in block]
        given = {"w": w, "g": g, "levels": levels}
        same(got[1], absmax, "absmax", **given)
        same(got[0], codes, "the row of codes", rtol=0, atol=1e-6, **given)


# ---- from a file


def _read(packed, c8, second, mean, table, map8, shape, g, g2):
    n = int(np.prod(shape))
    codes = np.stack([packed >> 4, packed & 15], -1).ravel()[:n]
    absmax = map8[c8] * np.repeat(second, g2)[: len(c8)] + mean
    return (table[codes] * np.repeat(absmax, g)[:n]).reshape(shape)


@exercise(
    start="""
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            codes = np.concatenate([packed & 15, packed >> 4])
            absmax = map8[c8] * second
            return (table[codes] * absmax).reshape(shape)
    """,
    solution=_read,
    hint="Three tables of numbers, one in the other: `second` belongs to g2 absmax, an absmax to g weights. Repeat "
    "each so often, and cut what is too much. The mean was taken off before the second rounding.",
)
def read_a_checkpoint(answer, rng):
    """Write `read(…)`: the weights that a file of the library holds, in their `shape`. `packed` has two codes a byte,
    uint8, of neighbours the first in the high four bits; if the number of weights is odd, the last half byte is
    nothing. A code is a place in `table` (16 levels), and is multiplied by its block's absmax, `g` weights a block. Of
    absmax the file has the codes `c8`, places in `map8` (256 levels), to be multiplied by `second`, one for each `g2`
    of them, and `mean`, which was taken off before. Last blocks may be short, of weights and of absmax."""
    table, map8 = _normal_float(4), np.sort(np.append(rng.uniform(-1, 1, 255), 1.0))
    for shape, g, g2 in (((4, 8), 8, 2), ((3, 7), 4, 4), ((6, 5), 8, 3), ((2, 3, 3), 64, 256)):
        n = math.prod(shape)
        blocks = -(-n // g)
        codes, c8 = rng.integers(0, 16, n), rng.integers(0, 256, blocks)
        second, mean = rng.uniform(0.1, 0.3, -(-blocks // g2)), float(rng.uniform(0.5, 2))
        padded = [*codes.tolist(), 0]
        packed = np.array([16 * padded[i] + padded[i + 1] for i in range(0, n, 2)], np.uint8)
        expected = [table[codes[i]] * (map8[c8[i // g]] * second[i // g // g2] + mean) for i in range(n)]
        got = answer(packed, c8.astype(np.uint8), second.copy(), mean, table.copy(), map8.copy(), shape, g, g2)
        same(got, np.reshape(expected, shape), "the weights", shape=shape, g=g, g2=g2, codes=codes, c8=c8,
             second=second, mean=mean)  # fmt: skip


# ---- back through the codes


def _layer(x, W_hat, A, B, s, dy):
    y = x @ W_hat.T + s * (x @ A.T) @ B.T
    dB = s * dy.T @ (x @ A.T)
    dA = s * (dy @ B).T @ x
    dx = dy @ W_hat + s * (dy @ B) @ A
    return y, dx, dA, dB


@exercise(
    start="""
        def layer(x, W_hat, A, B, s, dy):
            # x (N, m), W_hat (n, m) from codes, A (r, m), B (n, r), dy (N, n)
            W = W_hat + s * B @ A
            y = x @ W.T
            dx = dy @ W_hat
            return y, dx, (dy @ B).T @ x, dy.T @ (x @ A.T)
    """,
    solution=_layer,
    hint="Two paths lead from x to y, so two lead back. The scale s stands in one of them, whatever one "
    "differentiates by. Count shapes: a gradient has the shape of what it belongs to.",
)
def pass_the_gradient_through(answer, rng):
    """Write `layer(x, W_hat, A, B, s, dy)`: what one QLoRA layer computes, forward and backward. `W_hat` is what the
    codes stand for; it is frozen. Return y = x W_hatᵀ + s (x Aᵀ) Bᵀ, and from `dy`, the gradient of the loss by y, its
    gradients by x, A and B: four arrays. Layers further down learn from the gradient by x. Change none of the arrays
    that you are given."""
    for N, n, m, r, s in ((3, 5, 4, 2, 2.0), (1, 2, 6, 1, 0.5), (4, 4, 4, 3, 1.5), (2, 3, 5, 2, 8.0)):
        x, W, A, B, dy = (rng.normal(size=shape) for shape in ((N, m), (n, m), (r, m), (n, r), (N, n)))
        if N == 1:
            B = 0 * B  # as at the start
        given = {"x": x.copy(), "W_hat": W.copy(), "A": A.copy(), "B": B.copy(), "s": s, "dy": dy.copy()}
        got = answer(x, W, A, B, s, dy)
        assert isinstance(got, tuple | list) and len(got) == 4, "return four things: y and the gradients by x, A and B"
        for name, array in (("x", x), ("W_hat", W), ("A", A), ("B", B), ("dy", dy)):
            same(array, given[name], f"the array {name} that you were given")
        y, dx, dA, dB = np.zeros((N, n)), np.zeros((N, m)), np.zeros((r, m)), np.zeros((n, r))
        for t, o, i in np.ndindex(N, n, m):
            whole = W[o, i] + s * sum(B[o, k] * A[k, i] for k in range(r))
            y[t, o] += x[t, i] * whole
            dx[t, i] += dy[t, o] * whole
            for k in range(r):
                dA[k, i] += dy[t, o] * x[t, i] * s * B[o, k]
                dB[o, k] += dy[t, o] * x[t, i] * s * A[k, i]
        for mine, right, what in zip(
            got, (y, dx, dA, dB), ("y", "the gradient by x", "the gradient by A", "the gradient by B"), strict=True
        ):
            same(mine, right, what, **given)
