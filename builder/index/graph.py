"""Lays out the map of prerequisites: layers, order within them, places. Knows names and lengths, no page.

    reduce(needs)          without the edges that others imply: mqa needs attention, but kv_cache needs it already
    layers(needs)          the longest path decides: each node stands right of all that it needs
    rows(needs, layer_of)  {node: height} with few crossings and short edges, in units of one row

An edge that passes layers gets a bend in each, which takes part in the ordering like a node: (source, target, layer).
"""

from graphlib import TopologicalSorter
from itertools import combinations, pairwise

SWEEPS = 24  # the heights settle within a dozen


def ancestors(needs):
    """{node: everything that it needs, near and far}."""
    found = {}
    for node in TopologicalSorter(needs).static_order():
        found[node] = set(needs[node]).union(*(found[need] for need in needs[node]))
    return found


def reduce(needs):
    """
    >>> reduce({"a": [], "b": ["a"], "c": ["a", "b"]})
    {'a': [], 'b': ['a'], 'c': ['b']}
    """
    far = ancestors(needs)
    return {node: [n for n in mine if not any(n in far[other] for other in mine)] for node, mine in needs.items()}


def layers(needs):
    """
    >>> layers({"a": [], "b": ["a"], "c": ["a", "b"]})
    {'a': 0, 'b': 1, 'c': 2}
    """
    found = {}
    for node in TopologicalSorter(needs).static_order():
        found[node] = 1 + max((found[need] for need in needs[node]), default=-1)
    return {node: found[node] for node in needs}


def chain(source, target, layer_of):
    """The stations of an edge: its ends, and a bend in every layer between them."""
    between = range(layer_of[source] + 1, layer_of[target])
    return [source, *((source, target, layer) for layer in between), target]


def rows(needs, layer_of):
    """Heights from sweeps to and fro; the best order that was met, by its crossings, then by its edges' length."""
    steps = [step for node in needs for need in needs[node] for step in pairwise(chain(need, node, layer_of))]
    columns = {}
    for node in dict.fromkeys([*needs, *(end for step in steps for end in step)]):
        columns.setdefault(layer_of[node] if node in layer_of else node[2], []).append(node)
    height = {node: float(i) for column in columns.values() for i, node in enumerate(column)}
    best = None
    for sweep in range(SWEEPS):
        for layer in sorted(columns, reverse=sweep % 2 == 0):
            settle(columns[layer], steps, height)
        cost = (crossings(steps, height, layer_of), sum(abs(height[a] - height[b]) for a, b in steps))
        best = min(best or (cost, dict(height)), (cost, dict(height)), key=lambda found: found[0])
    height = {node: round(2 * row) / 2 for node, row in best[1].items()}  # nearly level edges become level
    if columns:
        settle(columns[max(columns)], steps, height)  # the last layer has no other wish than to be level
    return height


def settle(column, steps, height):
    """Put each node of a layer as near as can be to the mean of its neighbours, one row apart."""
    wish = {}
    for node in column:
        near = [height[b if a == node else a] for a, b in steps if node in (a, b)]
        wish[node] = sum(near) / len(near) if near else height[node]
    column.sort(key=lambda node: (wish[node], height[node]))
    height.update(zip(column, spaced([wish[node] for node in column]), strict=True))


def spaced(wishes):
    """The heights nearest to rising wishes (least squares) that are one apart: pools of touching nodes share a mean.

    >>> spaced([0.0, 0.0, 5.0])
    [-0.5, 0.5, 5.0]
    """
    pools = []  # [mean, size] of wish − index
    for i, wish in enumerate(wishes):
        pools.append([wish - i, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean, size), (other, more) = pools[-2], pools.pop()
            pools[-1] = [(mean * size + other * more) / (size + more), size + more]
    return [mean + i for i, mean in enumerate(mean for mean, size in pools for _ in range(size))]


def crossings(steps, height, layer_of):
    """How many pairs of edges between the same two layers cross."""
    start = [(layer_of[a] if a in layer_of else a[2], height[a], height[b]) for a, b in steps]
    return sum(one[0] == two[0] and (one[1] - two[1]) * (one[2] - two[2]) < 0 for one, two in combinations(start, 2))
