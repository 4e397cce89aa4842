"""Re-aligning two networks before they are averaged: which hidden unit of one is which of the other.

A unit is a row of numbers: all weights that go into it and come out of it. n units   m numbers each
The same units in another order are the same function, so an order can be chosen before weights are averaged.
"""

import numpy as np


def best_order(gain):
    """The order of units in which the gains sum to the most: unit i is paired with unit order[i] (the Hungarian
    method).

    gain     (n, n), what pairing i with j is worth
    returns  (n,) ints

    >>> best_order(np.array([[3.0, 2.0], [2.0, 0.0]])).tolist()   # 2 + 2, not 3 + 0
    [1, 0]
    """
    n, cost = len(gain), -np.asarray(gain, float)
    u, v = np.zeros(n + 1), np.zeros(n + 1)  # what a row and a column are charged; column 0 is where a search starts
    row_of = np.zeros(n + 1, int)  # the row that each column has, counted from 1; 0 where it is free
    for row in range(1, n + 1):
        row_of[0], column = row, 0
        least, before, done = np.full(n + 1, np.inf), np.zeros(n + 1, int), np.zeros(n + 1, bool)
        while row_of[column]:
            done[column] = True
            i = row_of[column]
            over = cost[i - 1] - u[i] - v[1:]  # (n,)
            better = ~done[1:] & (over < least[1:])
            least[1:][better], before[1:][better] = over[better], column
            column_next = int(np.where(done, np.inf, least).argmin())
            step = least[column_next]
            u[row_of[done]] += step
            v[done] -= step
            least[~done] -= step
            column = column_next
        while column:
            row_of[column] = row_of[before[column]]
            column = before[column]
    order = np.empty(n, int)
    order[row_of[1:] - 1] = np.arange(n)
    return order


def unit_gains(a, b):
    """What pairing each unit of a with each of b is worth: the products of all their weights (eq:match).

    a, b  lists of arrays (n, m), what belongs to the units
    returns  (n, n)
    """
    return sum(np.einsum("im,jm->ij", x, y) for x, y in zip(a, b, strict=True))


# ---- the house model: hidden units of its feed-forward layers, and heads


def units(model, i):
    """Layer i's hidden units as a list of arrays (F, d): what each reads, twice, and what it writes."""
    w = model.weights
    return [w[f"{i}.gate"], w[f"{i}.up"], w[f"{i}.down"].T]


def heads(model, i):
    """Layer i's heads as a list of arrays (H, D·d): queries, keys, values, output."""
    w, H = model.weights, model.H
    o = w[f"{i}.o"].reshape(model.d, H, model.D)  # (d, H, D)
    return [w[f"{i}.{part}"].reshape(H, -1) for part in "qkv"] + [o.transpose(1, 2, 0).reshape(H, -1)]


def reordered(model, order):
    """The same function with its hidden units, and its heads, in another order: a model.

    order  {("units", i): (F,), ("heads", i): (H,)} ints, new place j has what stood at order[j]
    """
    changed, w = {}, model.weights
    for (what, i), at in order.items():
        if what == "units":
            changed |= {
                f"{i}.gate": w[f"{i}.gate"][at],
                f"{i}.up": w[f"{i}.up"][at],
                f"{i}.down": w[f"{i}.down"][:, at],
            }
        else:
            rows = (np.asarray(at)[:, None] * model.D + np.arange(model.D)).ravel()  # (H·D,)
            changed |= {f"{i}.{part}": w[f"{i}.{part}"][rows] for part in "qkv"}
            changed[f"{i}.o"] = w[f"{i}.o"][:, rows]
    return model.with_weights(changed)


def aligning_order(a, b):
    """The order in which b's units and heads resemble a's most, for `reordered`."""
    order = {}
    for i in range(a.L):
        order["units", i] = best_order(unit_gains(units(a, i), units(b, i)))
        order["heads", i] = best_order(unit_gains(heads(a, i), heads(b, i)))
    return order
