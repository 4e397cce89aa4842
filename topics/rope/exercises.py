"""What a reader of the page on RoPE is asked."""

import numpy as np

from topics.kit import exercise, same
from topics.kit.model.rotary import apply_rope
from topics.kit.page.words import counted
from topics.rope.method import half_split_order


def _score(q, k, distance, theta):
    a, b = np.split(q, 2)
    c, d = np.split(k, 2)
    return np.sum((a * c + b * d) * np.cos(distance * theta) + (a * d - b * c) * np.sin(distance * theta))


@exercise(
    start="""
        def score(q, k, distance, theta):
            # q, k (D,), half-split: pair p is (x[p], x[p + D/2])      theta (D/2,)
            a, b = np.split(q, 2)
            c, d = np.split(k, 2)
            return np.sum((a * c + b * d) * np.cos(distance * theta))
    """,
    solution=_score,
    hint="Turn q by the distance and leave k alone: write the turned pair (a cos − b sin, a sin + b cos), multiply by "
    "(c, d), and sort by cos and sin.",
)
def score_without_turning_twice(answer, rng):
    """Write `score(q, k, distance, theta)`: the dot product of a query at position *i* and a key at position *j*,
    from `distance`, *i* − *j*, alone. The starter code forgets a part that vanishes when q and k are equal."""
    drawn = 2 * int(rng.integers(3, 6)), *(int(n) for n in rng.integers(0, 50, 2))
    for D, i, j in ((2, 0, 0), (4, 9, 12), (8, 31, 4), drawn):
        q, k, theta = rng.normal(size=D), rng.normal(size=D), rng.uniform(0.01, 1, D // 2)
        expected = 0.0
        for p in range(D // 2):  # complex numbers turn by themselves
            turned = complex(q[p], q[p + D // 2]) * np.exp(1j * i * theta[p])
            other = complex(k[p], k[p + D // 2]) * np.exp(1j * j * theta[p])
            expected += (turned * other.conjugate()).real
        got = answer(q.copy(), k.copy(), i - j, theta.copy())
        same(got, expected, "the score", q=q, k=k, distance=i - j, theta=theta)


def _to_half_split(W, D):
    order = half_split_order(D)
    return W.reshape(-1, D, W.shape[1])[:, order].reshape(W.shape)


@exercise(
    start="""
        def to_half_split(W, D):
            # W (H·D, d): D rows for each of H heads, made for interleaved pairs
            return np.concatenate([W[0::2], W[1::2]])
    """,
    solution=_to_half_split,
    hint="The starter code is right for one head. With more, a row must stay in its head: reshape to (H, D, d) first.",
)
def convert_the_weights(answer, rng):
    """A file of weights was made for *interleaved* pairs, your program turns *half-split* ones. Write
    `to_half_split(W, D)`: the rows of a query or key matrix (H·D, d) in the order that makes up for it."""
    D = 2 * int(rng.integers(3, 6))
    for H in (1, int(rng.integers(2, 5))):
        W = rng.normal(size=(H * D, int(rng.integers(2, 5))))
        W[:, 0] = np.arange(H * D)  # so that a message names rows
        expected = np.empty_like(W)
        for h in range(H):
            for p in range(D // 2):  # pair p: rows 2p and 2p + 1 of the head before, p and p + D/2 after
                expected[h * D + p], expected[h * D + p + D // 2] = W[h * D + 2 * p], W[h * D + 2 * p + 1]
        same(
            answer(W.copy(), D),
            expected,
            f"the matrix of {counted(H, 'head')} (its first column numbers the rows)",
            W=W,
            D=D,
        )


def _drop_first(K, n, theta):
    return apply_rope(K[n:], -n * theta)


@exercise(
    start="""
        def drop_first(K, n, theta):
            # K (T, D): cached keys, half-split, turned by their positions 0 … T−1      theta (D/2,)
            return K[n:]
    """,
    solution=_drop_first,
    hint="The key that stood at position j was turned by jθ and should be turned by (j − n)θ. You may use apply_rope.",
)
def drop_the_beginning(answer, rng):
    """A chat grows too long, and its first `n` tokens are thrown away. Write `drop_first(K, n, theta)`: the cached keys
    of the others. Positions are counted from 0 again, so new queries will be turned by `n` steps less, and these keys
    must match. What the keys were before their turn is gone. (Above the first layer, they go on holding what they read
    of the tokens thrown away; a model that never saw those has other keys. A real chat keeps its first tokens.)"""
    T, D = int(rng.integers(4, 8)), 2 * int(rng.integers(2, 5))
    raw, theta = rng.normal(size=(T, D)), rng.uniform(0.01, 1, D // 2)

    def turned(x, position):  # by loops
        y = np.zeros(D)
        for p, t in enumerate(theta):
            z = complex(x[p], x[p + D // 2]) * np.exp(1j * position * t)
            y[p], y[p + D // 2] = z.real, z.imag
        return y

    K = np.array([turned(x, j) for j, x in enumerate(raw)])
    for n in (0, 1, T - 2):
        expected = np.array([turned(x, j) for j, x in enumerate(raw[n:])])
        same(answer(K.copy(), n, theta.copy()), expected, "what is left of K", K=K, n=n, theta=theta)
