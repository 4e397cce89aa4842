"""What a reader of the page on FlashAttention is asked."""

import math

import numpy as np

from topics.kit import exercise, same

# about where the scores of each of three queries lie, in one half of the keys and in the other
HALVES = (
    [[0, 0], [0, 0], [0, 0]],
    [[3000, 3000], [-3000, -3000], [0, 0]],
    [[0, 2000], [2000, 0], [0, 0]],
    [[-3000, -5000], [-3000, -1000], [1000, 3000]],
)


def _merge(y_a, lse_a, y_b, lse_b):
    lse = np.logaddexp(lse_a, lse_b)
    y = np.exp(lse_a - lse)[:, None] * y_a + np.exp(lse_b - lse)[:, None] * y_b
    return y, lse


@exercise(
    start="""
        def merge(y_a, lse_a, y_b, lse_b):
            # y_a, y_b (T_q, D_v); lse_a, lse_b (T_q,)
            y = (y_a + y_b) / 2
            return y, lse_a + lse_b
    """,
    solution=_merge,
    hint="exp(lse) is the sum of a half's exponentials, so each half counts in proportion to it. Mind the size of the "
    "exponentials: np.logaddexp does.",
)
def put_halves_together(answer, rng):
    """One GPU attended to some of the keys, another to the rest; each has its output and its logsumexp. Write
    `merge(y_a, lse_a, y_b, lse_b)`: output and logsumexp over all keys. Scores may be in the thousands."""
    for levels in HALVES:
        D_v, left, right = (int(n) for n in rng.integers([4, 1, 1], [8, 6, 6]))
        s = rng.normal(size=(3, left + right)) + np.repeat(levels, [left, right], axis=1)
        v = rng.normal(size=(left + right, D_v))
        halves = [*_attended(s[:, :left], v[:left]), *_attended(s[:, left:], v[left:])]
        got = answer(*halves)
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: the output and the logsumexp"
        given = dict(zip(("y_a", "lse_a", "y_b", "lse_b"), halves, strict=True))
        for name, mine, whole in zip(("the output", "the logsumexp"), got, _attended(s, v), strict=True):
            same(mine, whole, name, rtol=1e-9, atol=1e-9, **given)


def _attended(s, v):
    """Output (T_q, D_v) and logsumexp (T_q,) for scores s (T_q, n) and values v (n, D_v), row by row."""
    top = [max(row) for row in s.tolist()]
    e = [[math.exp(x - m) for x in row] for row, m in zip(s.tolist(), top, strict=True)]
    y = [[sum(w * x for w, x in zip(row, column, strict=True)) / sum(row) for column in v.T.tolist()] for row in e]
    return np.array(y), np.array([m + math.log(sum(row)) for row, m in zip(e, top, strict=True)])


def _tiles(T, B_r, B_c):
    return sum(-(-min(T, i + B_r) // B_c) for i in range(0, T, B_r))


@exercise(
    start="""
        def tiles(T, B_r, B_c):
            # T queries and T keys, in tiles of B_r queries and B_c keys
            return (T // B_r) * (T // B_c) / 2
    """,
    solution=_tiles,
    hint="Go through the tiles of queries. Which is the last key that any of them may see? Mind the tiles at the edge.",
)
def skip_what_is_hidden(answer, rng):
    """A causal kernel skips every tile in which no query may see a key. Write `tiles(T, B_r, B_c)`: how many it must
    compute."""
    drawn = [rng.integers([2, 1, 1], [20, n, 24 - n]).tolist() for n in (4, 10, 20)]
    for T, B_r, B_c in [(8, 2, 2), (1, 1, 1), (7, 2, 3), (7, 3, 2), (5, 8, 3), (5, 3, 8), (12, 4, 6), *drawn]:
        expected = sum(
            any(j <= i for i in range(a, min(a + B_r, T)) for j in range(b, min(b + B_c, T)))
            for a in range(0, T, B_r)
            for b in range(0, T, B_c)
        )
        same(answer(T, B_r, B_c), expected, "the number of tiles", T=T, B_r=B_r, B_c=B_c)


def _traffic_keys_first(T, D, B_c):
    return 2 * T * D + -(-T // B_c) * (3 * T * D + 4 * T)


@exercise(
    start="""
        def traffic_keys_first(T, D, B_c):
            # numbers moved; each tile of keys and values is read once
            return 2 * T * D + T // B_c * T * D
    """,
    solution=_traffic_keys_first,
    hint="For each tile of keys, of every query: what must come in besides q, and what must go out again?",
)
def turn_the_loops_around(answer, rng):
    """The first FlashAttention had the loop over keys outside. Each tile of keys and values is read once and meets all
    queries. For each such tile, every query's `q` and unfinished `y`, `m` and `ell` are read, and its `y`, `m` and
    `ell` are written back. Write `traffic_keys_first(T, D, B_c)`: the numbers that one head moves."""
    for T, D, B_c in [(4, 1, 2), (5, 3, 2), (3, 7, 5), *rng.integers(2, 40, (3, 3)).tolist()]:
        expected = 0
        for j in range(0, T, B_c):
            expected += 2 * D * (min(j + B_c, T) - j)
            for _ in range(T):
                expected += (D + D + 1 + 1) + (D + 1 + 1)
        same(answer(T, D, B_c), expected, "the numbers moved", T=T, D=D, B_c=B_c)
