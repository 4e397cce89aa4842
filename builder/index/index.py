"""What the index shows beside the topics themselves: paths through them, and the map of what each builds on.

Knows the topics' front matter and how wide a text is; the drawing's markup is in templates/map.html.
"""

import importlib
from dataclasses import dataclass
from graphlib import CycleError
from itertools import pairwise
from textwrap import wrap

from builder.faults import Fault, did_you_mean
from builder.figure.axes import text_width
from builder.index.graph import ancestors, chain, layers, reduce, rows

FILE = "topics/__init__.py"
FONT, LINE = 14, 17  # px: the map's texts
ROW, GAP, DOT = 40, 52, 18  # px: between two rows, between two columns, from a node's dot to its text
WORDS = 19  # letters after which a title goes on in a second line


@dataclass(frozen=True)
class Node:
    """A topic on the map; `needs` names all that it builds on, near and far."""

    topic: object
    lines: list
    x: float
    y: float
    width: float
    needs: list


@dataclass(frozen=True)
class Edge:
    """From what is needed to what needs it."""

    source: str
    target: str
    path: str


@dataclass(frozen=True)
class Map:
    nodes: list  # in reading order: by layer, then from above
    edges: list
    width: float
    height: float


def read_paths(topics):
    """({name: [Topic]}, faults) of PATHS: every slug exists, and what it needs of the path stands before it."""
    by_slug = {topic.slug: topic for topic in topics}
    paths = getattr(importlib.import_module("topics"), "PATHS", {})
    faults = []
    for name, slugs in paths.items():
        for i, slug in enumerate(slugs):
            if slug not in by_slug:
                cause = f"PATHS names {slug}, which is not in ORDER.{did_you_mean(slug, by_slug)}"
                faults.append(Fault(FILE, 0, cause))
            elif late := [need for need in by_slug[slug].meta["needs"] if need in slugs[i:]]:
                faults.append(Fault(FILE, 0, f"{name}: {slug} needs {late[0]}, which must stand before it"))
    return {name: [by_slug[s] for s in slugs if s in by_slug] for name, slugs in paths.items()}, faults


def circle_faults(topics):
    """Prerequisites that go round in a circle: nobody could begin."""
    try:
        ancestors(needs_of(topics))
    except CycleError as error:
        circle = error.args[1]
        return [Fault(f"topics/{circle[0]}/page.md", 0, f"needs go round in a circle: {' → '.join(circle)}")]
    return []


def needs_of(topics):
    return {topic.slug: topic.meta["needs"] for topic in topics}


def draw_map(topics):
    """The map in pixels. Columns are as wide as their longest title."""
    needs = reduce(needs_of(topics))
    layer_of, far = layers(needs), ancestors(needs)
    height = rows(needs, layer_of)
    top = min(height.values(), default=0)
    at = {node: ROW * (0.5 + row - top) for node, row in height.items()}
    lines = {topic.slug: wrap(topic.title, WORDS, break_on_hyphens=False) for topic in topics}
    widths = {slug: max(text_width(line, FONT) for line in mine) for slug, mine in lines.items()}
    columns = column_edges(widths, layer_of)

    def node(topic):
        slug = topic.slug
        return Node(topic, lines[slug], columns[layer_of[slug]][0], at[slug], widths[slug], sorted(far[slug]))

    def edge(source, target):
        return Edge(source, target, curve(chain(source, target, layer_of), at, widths, layer_of, columns))

    nodes = sorted(map(node, topics), key=lambda node: (node.x, node.y))
    edges = [edge(need, slug) for slug in needs for need in needs[slug]]
    return Map(nodes, edges, columns[-1][1] if columns else 0, max(at.values(), default=0) + ROW / 2)


def column_edges(widths, layer_of):
    """[(left, right)] of the layers."""
    columns, left = [], 8
    for layer in range(1 + max(layer_of.values(), default=-1)):
        right = left + DOT + max(width for slug, width in widths.items() if layer_of[slug] == layer)
        columns.append((left, right))
        left = right + GAP
    return columns


def curve(stations, at, widths, layer_of, columns):
    """Level past a column's texts, bent between the columns."""
    start = stations[0]
    path = [f"M{columns[layer_of[start]][0] + DOT + widths[start] + 8:.0f} {at[start]:.0f}"]
    for layer, (here, there) in enumerate(pairwise(stations), layer_of[start]):
        right, left = columns[layer][1], columns[layer + 1][0] - 8
        middle = (right + left) / 2
        path.append(f"H{right:.0f}C{middle:.0f} {at[here]:.0f} {middle:.0f} {at[there]:.0f} {left:.0f} {at[there]:.0f}")
    return "".join(path)
