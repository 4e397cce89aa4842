"""What a reader of the page on the whole model is asked."""

import math

import numpy as np

from topics.kit import exercise, same

# ---- a layer


def _layer(x, w, H):
    def norm(x, g):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * g

    T = len(x)
    h = norm(x, w["attention_norm"])
    q, k, v = ((h @ w[name].T).reshape(T, H, -1) for name in "qkv")
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1])
    scores[:, np.triu_indices(T, 1)[0], np.triu_indices(T, 1)[1]] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    x = x + np.einsum("hqk,khd->qhd", weights, v).reshape(T, -1) @ w["o"].T
    h = norm(x, w["feed_norm"])
    gate = h @ w["gate"].T
    return x + (gate / (1 + np.exp(-gate)) * (h @ w["up"].T)) @ w["down"].T


@exercise(
    start="""
        def layer(x, w, H):
            # x (T, d); w["q"], w["k"], w["v"] (H*D, d), w["o"] (d, H*D), w["gate"], w["up"] (F, d), w["down"] (d, F)
            q, k, v = x @ w["q"].T, x @ w["k"].T, x @ w["v"].T
            scores = q @ k.T
            x = np.exp(scores) / np.exp(scores).sum(-1) @ v @ w["o"].T
            return np.maximum(x @ w["gate"].T, 0) @ w["down"].T
    """,
    solution=_layer,
    hint="Follow the operations of the first figure. The stream x is never replaced: each of the two parts reads its "
    "norm and is added to it. Reshape q, k, v to (T, H, D); a word looks at itself and at earlier ones.",
)
def put_a_layer_together(answer, rng):
    """Write `layer(x, w, H)`: one layer of the house model, without rotation, for the stream `x` (T, d) of one text.
    Norms are `w["attention_norm"]` and `w["feed_norm"]`, (d,), with 1e-5 under the root; attention is causal and has
    `H` heads, the first D rows of `w["q"]` being those of head 1; the feed-forward part is SwiGLU. Return the new
    stream. Do not change what you are given."""
    for T, d, H, D, F in ((1, 4, 1, 4, 6), (4, 6, 2, 3, 5), (5, 8, 4, 3, 7), (3, 6, 3, 2, int(rng.integers(4, 9)))):
        shapes = {"attention_norm": (d,), "q": (H * D, d), "k": (H * D, d), "v": (H * D, d), "o": (d, H * D),
                  "feed_norm": (d,), "gate": (F, d), "up": (F, d), "down": (d, F)}  # fmt: skip
        w = {name: rng.normal(1.0 if "norm" in name else 0.0, 0.6, shape) for name, shape in shapes.items()}
        x = rng.normal(0.5, 1.5, (T, d))
        if T == 3:
            x = x * 0.004  # so small that what stands under the root counts
        kept = x.copy(), {name: each.copy() for name, each in w.items()}
        got = answer(x, w, H)
        same(x, kept[0], "the stream x that you were given")
        for name, each in kept[1].items():
            same(w[name], each, f'the array w["{name}"] that you were given')
        same(got, _slow_layer(x.tolist(), w, H, D), "the new stream", x=x, H=H, D=D)


def _slow_layer(x, w, H, D):
    """The oracle: word by word, number by number."""
    w = {name: each.tolist() for name, each in w.items()}

    def norm(row, g):
        root = math.sqrt(sum(a * a for a in row) / len(row) + 1e-5)
        return [a / root * b for a, b in zip(row, g, strict=True)]

    def times(W, row):
        return [sum(a * b for a, b in zip(each, row, strict=True)) for each in W]

    normed, new = [norm(row, w["attention_norm"]) for row in x], []
    q, k, v = ([times(w[name], row) for row in normed] for name in "qkv")
    for t, row in enumerate(x):
        mixed = []
        for first in range(0, H * D, D):
            own = slice(first, first + D)
            s = [sum(a * b for a, b in zip(q[t][own], k[j][own], strict=True)) / math.sqrt(D) for j in range(t + 1)]
            e = [math.exp(a) for a in s]
            mixed += [sum(e[j] * v[j][n] for j in range(t + 1)) / sum(e) for n in range(first, first + D)]
        row = [a + b for a, b in zip(row, times(w["o"], mixed), strict=True)]
        h = norm(row, w["feed_norm"])
        hidden = [g / (1 + math.exp(-g)) * u for g, u in zip(times(w["gate"], h), times(w["up"], h), strict=True)]
        new.append([a + b for a, b in zip(row, times(w["down"], hidden), strict=True)])
    return new


# ---- the bill of a word


def _bill(S, L, d, H, H_kv, D, F, V, b):
    layer = 2 * d * H * D + 2 * d * H_kv * D + 3 * d * F
    matrices = L * layer + V * d
    return 2 * matrices, 4 * L * H * D * S, b * (matrices + 2 * L * H_kv * D * (S - 1))


@exercise(
    start="""
        def bill(S, L, d, H, H_kv, D, F, V, b):
            matrices = L * (4 * d * H * D + 3 * d * F)
            return matrices, 4 * L * D * S, b * matrices
    """,
    solution=_bill,
    hint="A number of a matrix is multiplied and added once for a word: two FLOP. Scores and mixing are made by query "
    "heads, the cache holds key/value heads. The new word's own key and value need not be read from the cache.",
)
def pay_for_a_word(answer, rng):
    """Write `bill(S, L, d, H, H_kv, D, F, V, b)` for one new word that meets `S` words, itself included, the others in
    the cache. Return three numbers: the FLOP of all products with matrices (query, key, value, output, gate, up and
    down of `L` layers, and the logits), the FLOP of scores and mixing (the division by √D left out), and the bytes
    read: all these matrices and the cached keys and values of the words before, `b` bytes a number."""
    cases = [(1, 1, 4, 2, 1, 3, 5, 7, 4), (8192, 32, 4096, 32, 8, 128, 14_336, 128_256, 2)]
    for _ in range(3):
        H_kv = int(rng.integers(1, 5))
        cases.append((int(rng.integers(2, 900)), int(rng.integers(2, 9)), int(rng.integers(8, 65)),
                      H_kv * int(rng.integers(2, 4)), H_kv, int(rng.integers(2, 17)), int(rng.integers(8, 99)),
                      int(rng.integers(50, 500)), int(rng.choice([1, 2, 4]))))  # fmt: skip
    for S, L, d, H, H_kv, D, F, V, b in cases:
        given = {"S": S, "L": L, "d": d, "H": H, "H_kv": H_kv, "D": D, "F": F, "V": V, "b": b}
        got = answer(*given.values())
        assert np.shape(got) == (3,), "return three numbers: matrices, pairs, bytes"
        held = V * d
        for rows, columns in ((H * D, d), (H_kv * D, d), (H_kv * D, d), (d, H * D), (F, d), (F, d), (d, F)):
            held += L * rows * columns
        pairs = sum(2 * D + 2 * D for _ in range(H)) * S * L
        kept = sum(H_kv * D for _ in ("keys", "values")) * (S - 1) * L
        for value, right, what in zip(got, (2 * held, pairs, b * (held + kept)), WHAT, strict=True):
            same(value, right, what, **given)


WHAT = "the FLOP of matrices", "the FLOP of scores and mixing", "the bytes read"


# ---- the first step back


def _first_step_back(h, E, true):
    z = E @ h
    p = np.exp(z - z.max())
    p /= p.sum()
    loss = -(z[true] - z.max() - np.log(np.exp(z - z.max()).sum()))
    p[true] -= 1
    return loss, p, p @ E


@exercise(
    start="""
        def step_back(h, E, true):
            # h (d,), E (V, d), true a word's number
            p = np.exp(E @ h) / np.exp(E @ h).sum()
            return p[true], p, E[true]
    """,
    solution=_first_step_back,
    hint="The loss is the log of the sum of exponentials less the true logit: differentiate by each logit. A number of "
    "h takes part in every logit, so what comes back to it is a sum over all words. exp(800) is inf.",
)
def take_the_first_step_back(answer, rng):
    """Write `step_back(h, E, true)`: the logits are `E @ h`, of the last norm's output `h` (d,) and the matrix `E`
    (V, d). Return the loss −log softmax(logits)[true], in nats, its gradient by the logits, (V,), and its gradient by
    `h`, (d,). Logits may be beyond a thousand. Do not change what you are given."""
    for V, d, low, high in ((2, 1, -1, 1), (5, 3, -1, 1), (7, 4, 0, 1200), (6, 4, -2100, -1200), (5, 2, -900, 900)):
        h, E = rng.normal(size=d), rng.normal(size=(V, d))
        z = rng.uniform(low, high, V)
        if high - low > 2:  # exponentials of some are inf or all are zero; the largest is neither the true one nor at 0
            z[0], z[1 + int(rng.integers(V - 1))] = low, high
        E += np.outer(z - E @ h, h) / (h @ h)  # so that E @ h is z
        true = int(rng.integers(V)) if high - low <= 2 else 0
        kept = h.copy(), E.copy()
        got = answer(h, E, true)
        same(h, kept[0], "the array h that you were given")
        same(E, kept[1], "the array E that you were given")
        assert isinstance(got, tuple | list) and len(got) == 3, "return three things: loss, gradient by logits, by h"
        z = [sum(a * b for a, b in zip(row, h.tolist(), strict=True)) for row in E.tolist()]
        top = max(z)
        total = sum(math.exp(a - top) for a in z)
        by_logits = [math.exp(a - top) / total - (n == true) for n, a in enumerate(z)]
        by_h = [sum(by_logits[n] * E[n, j] for n in range(V)) for j in range(d)]
        given = {"h": h, "E": E, "true": true}
        same(got[0], math.log(total) + top - z[true], "the loss", **given)
        same(got[1], by_logits, "the gradient by the logits", **given)
        same(got[2], by_h, "the gradient by h", **given)
