"""What a reader of the page on FlashAttention is asked."""

import numpy as np

from topics.kit import exercise


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
    T_q, T_k, D, D_v = (int(n) for n in rng.integers(2, 9, 4))
    cut = int(rng.integers(1, T_k))
    for shift in (0.0, 3000.0, -3000.0):
        q, k, v = rng.normal(size=(T_q, D)), rng.normal(size=(T_k, D)), rng.normal(size=(T_k, D_v))
        s = q @ k.T + shift
        halves = []
        for part in (slice(cut), slice(cut, None)):
            e = np.exp(s[:, part] - shift)
            halves += [e @ v[part] / e.sum(1)[:, None], np.log(e.sum(1)) + shift]
        got = answer(*halves)
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: the output and the logsumexp"
        e = np.exp(s - shift)
        whole = (e @ v / e.sum(1)[:, None], np.log(e.sum(1)) + shift)
        for name, mine, right in zip(("output", "logsumexp"), got, whole, strict=True):
            assert np.shape(mine) == right.shape, f"the {name} has shape {right.shape}; yours has {np.shape(mine)}"
            assert np.isfinite(mine).all(), f"with scores near {shift:.0f} your {name} is not finite"
            assert np.allclose(mine, right, rtol=1e-9, atol=1e-9), (
                f"{cut} keys and {T_k - cut} keys: expected the {name} {np.round(right.ravel()[:3], 4)} …, got "
                f"{np.round(np.ravel(mine)[:3], 4)} …"
            )


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
    for T, B_r, B_c in [(8, 2, 2), *(rng.integers(1, 20, 3).tolist() for _ in range(12))]:
        expected = sum(
            any(j <= i for i in range(a, min(a + B_r, T)) for j in range(b, min(b + B_c, T)))
            for a in range(0, T, B_r)
            for b in range(0, T, B_c)
        )
        got = answer(T, B_r, B_c)
        assert got == expected, f"T = {T}, tiles of {B_r} × {B_c}: expected {expected}, got {got}"


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
    for _ in range(6):
        T, D, B_c = (int(n) for n in rng.integers(1, 40, 3))
        expected = 0
        for j in range(0, T, B_c):
            expected += 2 * D * (min(j + B_c, T) - j)
            for _ in range(T):
                expected += (D + D + 1 + 1) + (D + 1 + 1)
        got = answer(T, D, B_c)
        assert got == expected, f"T = {T}, D = {D}, B_c = {B_c}: expected {expected}, got {got}"
