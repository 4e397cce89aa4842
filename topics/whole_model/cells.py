"""A tensor of the walk as a small table, and the arithmetic of each of its cells in words. Knows no demo.

A cell is where it stands in the tensor: (word, channel), (word, head, channel) or (head, word that asks, that answers).
"""

import numpy as np

from topics.kit import Matrix, lm
from topics.kit.model.text import decode
from topics.whole_model.method import LAYER, OPERATIONS

ROW = 12  # numbers in a row of a long vector: a table prints so many
NAMES = tuple(op.name for op in OPERATIONS)
BY_NAME = dict(zip(NAMES, OPERATIONS, strict=True))
INKS = {"query": "query", "rotated query": "query", "key": "key", "rotated key": "key", "value": "value",
        "scores": "weight", "mask": "weight", "softmax": "weight", "mixing": "output", "output": "output",
        "logits": "output", "law": "output", "draw": "output"}  # fmt: skip


def layer_of(name, i):
    """The layer under which the walk keeps an operation, of the layer i that a reader chose."""
    return i if name in [op.name for op in LAYER] else None


def made_of(name, seen, i, L):
    """The tensors that an operation read, of the finished walk."""
    at = layer_of(name, i)
    last = L - 1 if at is None else at - 1
    stream = ("embedding", None) if last < 0 else ("residual", last)
    return [seen[stream if each == "stream" else (each, layer_of(each, i))] for each in BY_NAME[name].reads]


# ---- where the cells of a table stand in the tensor


def places(name, model, words, place, head, top):
    """(rows, columns, {(row, column): index in the tensor}) of the table that shows an operation's tensor: a head's
    numbers stand under their word, a long vector of one word is broken into rows.

    words  their names   place  the word that is followed   head  of the query heads, from 0
    top    the numbers of the words that columns of logits and law are for
    """
    shape, T = BY_NAME[name].shape.split(), range(len(words))
    if not shape:
        return ["the word"], ["drawn"], {(0, 0): ()}
    if shape == ["T"]:
        return ["number"], words, {(0, j): (j,) for j in T}
    if shape[0] == "H":
        return words, words, {(i, j): (head, i, j) for i in T for j in T}
    if shape[-1] == "V":
        return words, decode(top), {(i, j): (i, int(v)) for i in T for j, v in enumerate(top)}
    if shape[-1] == "D":
        own = head if shape[1] == "H" else head * model.H_kv // model.H
        return [str(n + 1) for n in range(model.D)], words, {(n, j): (j, own, n) for n in range(model.D) for j in T}
    n = getattr(model, shape[-1])
    rows = [f"{first + 1}–{min(first + ROW, n)}" for first in range(0, n, ROW)]
    return rows, [str(k + 1) for k in range(ROW)], {divmod(k, ROW): (place, k) for k in range(n)}


def table(name, seen, i, model, words, place, head, top, why=None, title="", ink=None):
    """A tensor of a walk as a Matrix; why(index) is the arithmetic of a cell: the steepest of the followed word tells
    its own at once."""
    x = np.asarray(seen[name, layer_of(name, i)])
    rows, columns, cells = places(name, model, words, place, head, top)
    parts = ink is None and name in ("softmax", "law")  # of a whole: three decimals
    pairs = BY_NAME[name].shape.startswith("H")  # later words stay empty
    grid = [[None] * len(columns) for _ in rows]
    reasons = [[""] * len(columns) for _ in rows]
    for (r, c), at in cells.items():
        if pairs and at[2] > at[1]:
            continue
        grid[r][c] = int(x[at]) if x.dtype.kind == "i" else round(float(x[at]), 3) if parts else float(f"{x[at]:.3g}")
        reasons[r][c] = why(at) if why else ""
    blank, ink = "masked" if pairs else "none", ink or INKS.get(name, "reference")
    if why is None:
        return Matrix(grid, rows, columns, title, ink, None, blank)
    word, signed = 1 if pairs else 0, pairs or name in ("logits", "law")
    mine = {(r, c): x[at] if signed else abs(x[at]) for (r, c), at in cells.items()
            if at[word : word + 1] in ((place,), ()) and reasons[r][c]}  # fmt: skip
    return Matrix(grid, rows, columns, title, ink, reasons, blank, max(mine, key=mine.get))


# ---- the arithmetic of a cell


def number(x):
    """Three digits, and a minus sign.

    >>> number(-0.12345), number(12), number(1e-7)
    ('−0.123', '12', '1e−7')
    """
    return f"{float(x):.3g}".replace("e-0", "e-").replace("-", "−")


def spelled(x, y):
    """Σ x·y: its two largest products, and what the others come to.

    >>> spelled(np.array([1.0, 2.0, 0.1, 0.1]), np.array([3.0, -4.0, 1.0, 1.0]))
    '2·−4 + 1·3 + 0.2 (2 more)'
    """
    products = np.asarray(x, float) * np.asarray(y, float)
    first = np.argsort(-np.abs(products), kind="stable")[:2]
    told = " + ".join(f"{number(x[k])}·{number(y[k])}" for k in first)
    if len(products) > 2:
        told += f" + {number(products.sum() - products[first].sum())} ({len(products) - 2} more)"
    return told


def arithmetic(name, seen, i, model, at, words, u=0.5):
    """How a cell of an operation's tensor comes about, as `sum = number`."""
    x = seen[name, layer_of(name, i)]
    said = HOW[name](made_of(name, seen, i, model.L), _weights(name, i, model), at, model, words, x)
    return f"{said} = {number(x[at])}"


def _weights(name, i, model):
    (part,) = BY_NAME[name].weights or (None,)
    return None if part is None else model.weights[part if layer_of(name, i) is None else f"{i}.{part}"]


def _norm(made, g, at, *_):
    (x,), (t, k) = made, at
    return f"{number(x[t, k])} / {number(np.sqrt(np.mean(x[t] * x[t]) + 1e-5))} · {number(g[k])}"


def _matrix(made, W, at, *_):
    return spelled(made[0][at[0]], W[at[-1]])


def _head_matrix(made, W, at, model, *_):
    t, h, n = at
    return spelled(made[0][t], W[h * model.D + n])


def _turned(made, _, at, model, *__):
    (x,), (t, h, n), half = made, at, model.D // 2
    angle = t * float(lm.rope_frequencies(model.D, model.base)[n % half])
    one, other, sign = (n, n + half, "−") if n < half else (n, n - half, "+")
    return f"{number(x[t, h, one])}·cos {number(angle)} {sign} {number(x[t, h, other])}·sin {number(angle)}"


def _score(made, _, at, model, *__):
    (q, k), (h, t, j) = made, at
    return f"({spelled(q[t, h], k[j, h * model.H_kv // model.H])}) / √{model.D}"


def _softmax(made, _, at, *__):
    row = made[0][at[:-1]]
    top = row.max()
    return f"e^({row[at[-1]] - top:.2f}) / {number(np.exp(row - top).sum())}".replace("-", "−")


def _mixed(made, _, at, model, *__):
    (weights, v), (t, h, n) = made, at
    return spelled(weights[h, t], v[:, h * model.H_kv // model.H, n])


def _output(made, W, at, model, *_):
    return spelled(made[0][at[0]].reshape(-1), W[at[1]])


def _sum(made, _, at, *__):
    return " + ".join(number(each[at]) for each in made)


HOW = {
    "token": lambda made, W, at, model, words, x: f"“{words[at[0]]}” among {model.V} words",
    "embedding": lambda made, W, at, *_: f"E[{made[0][at[0]]}, {at[1] + 1}]",
    "attention norm": _norm,
    "query": _head_matrix,
    "key": _head_matrix,
    "value": _head_matrix,
    "rotated query": _turned,
    "rotated key": _turned,
    "scores": _score,
    "mask": lambda *_: "not later, so the score stays",
    "softmax": _softmax,
    "mixing": _mixed,
    "output": _output,
    "attention residual": _sum,
    "feed norm": _norm,
    "gate": _matrix,
    "silu": lambda made, W, at, *_: f"{number(made[0][at])} / (1 + e^({number(-made[0][at])}))",
    "up": _matrix,
    "hidden": lambda made, W, at, *_: "·".join(number(each[at]) for each in made),
    "down": _matrix,
    "residual": _sum,
    "last norm": _norm,
    "logits": _matrix,
    "law": _softmax,
    "draw": lambda made, W, at, model, words, x: "the first word at which the summed law passes u",
}
