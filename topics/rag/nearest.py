"""Near enough: search that looks at few of many vectors; and how few numbers a vector needs.

V vectors of d numbers, each of length 1   C cells with a centre each   M neighbours of a vector in a graph
"""

import heapq

import numpy as np


def ivf_search(q, X, centres, cell, probes, k):
    """The k nearest to q among the vectors of the nearest cells; equal to a full search if all cells are probed.

    q (d,), X (V, d), centres (C, d), cell (V,) the cell of each vector
    returns  their numbers, the nearest first, and how many products were computed
    """
    near = np.argsort(-(centres @ q), kind="stable")[:probes]
    few = np.flatnonzero(np.isin(cell, near))
    order = np.argsort(-(X[few] @ q), kind="stable")[:k]
    return few[order], len(centres) + len(few)


def graph_search(q, X, neighbours, start, width, k):
    """The k nearest to q that a walk finds: from the best vector not yet left, to its neighbours, until the `width`
    best found are all left. It is the lowest layer of HNSW (malkov2016).

    q (d,), X (V, d), neighbours (V, M) their numbers, start the number of a vector
    returns  their numbers, the nearest first, and how many products were computed
    """
    seen, like = {start}, float(X[start] @ q)
    to_leave, best = [(-like, start)], [(like, start)]
    while to_leave:
        like, here = heapq.heappop(to_leave)
        if len(best) == width and -like < best[0][0]:
            break
        new = [int(n) for n in neighbours[here] if n not in seen]
        seen.update(new)
        for like, n in zip((X[new] @ q).tolist() if new else [], new, strict=True):
            if len(best) < width or like > best[0][0]:
                heapq.heappush(to_leave, (-like, n))
                heapq.heappush(best, (like, n))
                best = best if len(best) <= width else (heapq.heappop(best), best)[1]
    return np.array([n for _, n in sorted(best, reverse=True)[:k]]), len(seen)


# ---- all pairs with four numbers


def moment_curve(n):
    """Passage i of n as four numbers: t, t², t³, t⁴ at its place t between −1 and 1.

    returns  (n, 4)
    """
    t = np.linspace(-1, 1, n)
    return np.stack([t, t**2, t**3, t**4], 1)  # (n, 4)


def pair_question(a, b):
    """The four numbers whose product with a passage's is highest at the places a and b (eq:four): those of
    −(t − a)²(t − b)², without its constant, which is the same for all.

    >>> pair_question(0.0, 1.0).tolist()
    [0.0, -1.0, 2.0, -1.0]
    """
    s, p = a + b, a * b
    return np.array([2 * s * p, -(s * s + 2 * p), 2 * s, -1.0]) + 0.0  # no −0


def pairs_found(n, held):
    """The share of all pairs of n passages whose two products are the two highest, and the least lead over the third.

    held  a function that stores an array in few bits
    """
    t, X = np.linspace(-1, 1, n), held(moment_curve(n))
    i, j = np.triu_indices(n, 1)
    Q = held(np.stack([pair_question(t[a], t[b]) for a, b in zip(i, j, strict=True)]))  # (n(n−1)/2, 4)
    S = Q @ X.T  # (n(n−1)/2, n)
    rows = np.arange(len(i))
    own = np.minimum(S[rows, i], S[rows, j])
    S[rows, i] = S[rows, j] = -np.inf
    lead = own - S.max(1)
    return float((lead > 0).mean()), float(lead.min())
