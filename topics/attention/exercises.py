"""What a reader of the page on attention is asked."""

import numpy as np

from topics.kit import exercise, same


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
    """Texts of a batch are filled up to T places. `empty` is how many places of one text are empty, all at its
    *beginning*. (Today's servers rather join texts end to end, and tell the kernel where each begins.) Write
    `may_see(T, empty)`: true where a query may see a key. No token sees a later one or an empty place, but an empty
    place sees itself, and only itself, so that no softmax is 0 / 0."""
    T = int(rng.integers(4, 9))
    for empty in (0, 1, T - 1, int(rng.integers(2, T - 1))):
        expected = [[i == j if i < empty else empty <= j <= i for j in range(T)] for i in range(T)]
        same(answer(T, empty), expected, "the mask", T=T, empty=empty)


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
    T, D, D_v = (int(n) for n in rng.permutation(np.arange(3, 10))[:3])
    q, K, V = rng.normal(size=D), rng.normal(size=(T, D)), rng.normal(size=(T, D_v))
    same(answer(q, K, V), _mixture(q, K, V), q=q, K=K, V=V)
    for scores in ([0, 3000], [3000, 0], [-4000, -4001, -1000], [-1, 2999, 0, 3000], [-5000, -5002], [4000, 4001]):
        n = len(scores)
        K = rng.normal(size=(n, D))
        K += np.outer(np.sqrt(D) * np.array(scores) - K @ q, q / (q @ q))  # so that the scores are these
        V = rng.normal(size=(n, D_v))
        same(answer(q, K, V), _mixture(q, K, V), f"with the scores {scores} the output", rtol=1e-6, V=V)


def _mixture(q, K, V):
    """The output in Python's own numbers, weights relative to the best key's."""
    s = [float(key @ q) / len(q) ** 0.5 for key in K]
    e = [float(np.exp(x - max(s))) for x in s]
    return [sum(x * float(value[c]) for x, value in zip(e, V, strict=True)) / sum(e) for c in range(V.shape[1])]


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
    for extra in (0, 1, int(rng.integers(2, 5))):
        n = int(rng.integers(3, 8))
        T = 2 * n + 1 + extra
        w = np.tril(rng.random((T, T)))
        w /= w.sum(1, keepdims=True)
        first = list(range(extra, extra + n))  # the places of the first line
        expected = sum(w[T - n + i, first[i + 1]] for i in range(n - 1)) / (n - 1)
        same(answer(w, n), expected, "the score", n=n, w=w)
