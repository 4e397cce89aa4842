"""Prerequisites as a graph: what implies what, and from which of its needs each topic hangs. Knows only names.

Everywhere `needs` is {node: what it needs}.
"""

from graphlib import TopologicalSorter


def ancestors(needs):
    """{node: everything that it needs, near and far}."""
    found = {}
    for node in TopologicalSorter(needs).static_order():
        found[node] = set(needs[node]).union(*(found[need] for need in needs[node]))
    return found


def reduce(needs):
    """Without the edges that others imply.

    >>> reduce({"a": [], "b": ["a"], "c": ["a", "b"]})
    {'a': [], 'b': ['a'], 'c': ['b']}
    """
    far = ancestors(needs)
    return {node: [n for n in mine if not any(n in far[other] for other in mine)] for node, mine in needs.items()}


def depths(needs):
    """How many stand in a row before each: the longest path decides.

    >>> depths({"a": [], "b": ["a"], "c": ["a", "b"]})
    {'a': 0, 'b': 1, 'c': 2}
    """
    found = {}
    for node in TopologicalSorter(needs).static_order():
        found[node] = 1 + max((found[need] for need in needs[node]), default=-1)
    return {node: found[node] for node in needs}


def tree(needs):
    """{node: those that hang from it}, each from the deepest of its needs: so it stands beyond them all. Those that
    need nothing are under None.

    >>> tree({"a": [], "b": ["a"], "c": ["a", "b"]})
    {None: ['a'], 'a': ['b'], 'b': ['c'], 'c': []}
    """
    depth, below = depths(needs), {node: [] for node in [None, *needs]}
    for node, mine in needs.items():
        below[max(mine, key=depth.get, default=None)].append(node)
    return below
