"""What a reader of the page on attention is asked."""

import numpy as np

from topics.kit import exercise


def _may_see(T, empty):
    keys = np.arange(T)
    return (np.tri(T, dtype=bool) & (keys >= empty)) | np.eye(T, dtype=bool)


@exercise(
    start="""
        def may_see(T, empty):
            # (T, T): the causal mask of a text without padding
            return np.tri(T, dtype=bool)
    """,
    solution=_may_see,
    hint="No real token may see an empty place. But a row with nothing to see would be 0 / 0: what harmless thing can "
    "an empty place look at?",
)
def mask_the_padding(answer, rng):
    """Texts of a batch are filled up to T places with `empty` places at the *beginning*. Write `may_see(T, empty)`:
    true where a query may see a key. No token sees a later one or an empty place, but an empty place sees itself, and
    only itself, so that no softmax is 0 / 0."""
    T = int(rng.integers(3, 9))
    for empty in (0, int(rng.integers(1, T))):
        expected = [[i == j if i < empty else empty <= j <= i for j in range(T)] for i in range(T)]
        got = answer(T, empty)
        assert np.shape(got) == (T, T), f"the mask has shape {(T, T)}; yours has {np.shape(got)}"
        wrong = np.argwhere(np.array(got, bool) != expected)
        assert not len(wrong), (
            f"T = {T}, empty = {empty}: query {wrong[0][0]}, key {wrong[0][1]} should be "
            f"{expected[wrong[0][0]][wrong[0][1]]}"
        )


def _attend(q, K, V):
    s = K @ q / np.sqrt(len(q))
    e = np.exp(s - s.max())
    return e / e.sum() @ V


@exercise(
    start="""
        def attend(q, K, V):
            # q (D,), K (T, D), V (T, D_v)
            s = K @ q / len(q)
            w = np.exp(s) / np.exp(s).max()
            return w @ K
    """,
    solution=_attend,
    hint="What is divided by, what do the weights sum to, and what is mixed?",
)
def answer_one_query(answer, rng):
    """Write `attend(q, K, V)`: one query's output, with weights that stay finite for scores in the thousands. The
    starter code makes four mistakes."""
    T, D, D_v = (int(n) for n in rng.integers(2, 9, 3))
    q, K, V = rng.normal(size=D), rng.normal(size=(T, D)), rng.normal(size=(T, D_v))
    got = answer(q, K, V)
    assert np.shape(got) == (D_v,), f"the output has the width of the values, ({D_v},); yours has {np.shape(got)}"
    e = [np.exp(sum(a * b for a, b in zip(q, key, strict=True)) / D**0.5) for key in K]
    expected = [sum(x * value[j] for x, value in zip(e, V, strict=True)) / sum(e) for j in range(D_v)]
    assert np.allclose(got, expected, rtol=1e-9), f"expected {np.round(expected, 3)}, got {np.round(got, 3)}"
    for shift in (4000, -4000):  # a constant added to every score changes no weight
        moved = answer(q, K + shift * np.sqrt(D) * q / (q @ q), V)
        assert np.isfinite(moved).all(), f"with scores near {shift} your weights are lost"
        assert np.allclose(moved, expected, rtol=1e-6), f"{shift} added to every score should change nothing"


def _score(w, n):
    return np.mean([w[t, t - n] for t in range(len(w) - n, len(w) - 1)])


@exercise(
    start="""
        def score(w, n):
            # w (T, T): weights over a text that ends with  line ; line , each line n words long
            T = len(w)
            return np.mean([w[t, t - n - 1] for t in range(T - n, T - 1)])
    """,
    solution=_score,
    hint="The starter code measures how much a word looks at its own first copy. What should it look at to know what "
    "follows?",
)
def score_a_copier(answer, rng):
    """Write `score(w, n)`: the mean weight that the words of the second line, but the last, put on the word that
    *followed* their first copy."""
    n = int(rng.integers(3, 8))
    T = 2 * n + 1 + int(rng.integers(0, 4))
    w = np.tril(rng.random((T, T)))
    w /= w.sum(1, keepdims=True)
    first = list(range(T - 2 * n - 1, T - n - 1))  # places of the first line
    expected = sum(w[T - n + i, first[i + 1]] for i in range(n - 1)) / (n - 1)
    got = answer(w, n)
    assert abs(got - expected) < 1e-12, f"expected {expected:.6f}, got {got:.6f}"
