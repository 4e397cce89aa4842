"""What the index shows beside the topics themselves: paths through them, and the map of what each builds on.

Knows the topics' front matter, no drawing: the map is a tree in nested lists (templates/map.html), and
templates/static/css/index.css gives it its lines.
"""

from dataclasses import dataclass
from graphlib import CycleError

from builder.faults import Fault, did_you_mean
from builder.index.graph import ancestors, reduce, tree
from builder.read.order import FILE, read_order


@dataclass(frozen=True)
class Place:
    """A topic on the map, with those that hang from it."""

    topic: object
    needs: list  # slugs of all that it builds on, near and far
    beside: list  # Topics that it needs beside the one that it hangs from: words show them, no line
    below: list  # Places

    @property
    def columns(self):
        return 1 + max((place.columns for place in self.below), default=0)


def read_paths(topics, root):
    """({name: [Topic]}, faults) of PATHS: every slug exists, and what it needs of the path stands before it."""
    by_slug = {topic.slug: topic for topic in topics}
    order, _ = read_order(root)
    paths, faults = order.paths, []
    for name, slugs in paths.items():
        for i, slug in enumerate(slugs):
            if slug not in by_slug:
                cause = f"PATHS names {slug}, which is not in ORDER.{did_you_mean(slug, by_slug)}"
                faults.append(Fault(FILE, order.lines[name, slug], cause))
            elif late := [need for need in by_slug[slug].meta["needs"] if need in slugs[i:]]:
                cause = f"{name}: {slug} needs {late[0]}, which must stand before it"
                faults.append(Fault(FILE, order.lines[name, slug], cause))
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


def map_of(topics):
    """The Places of the topics that need nothing; all others hang from them."""
    needs, by_slug = reduce(needs_of(topics)), {topic.slug: topic for topic in topics}
    far, below = ancestors(needs), tree(needs)

    def place(slug, parent=None):
        beside = [by_slug[need] for need in needs[slug] if need != parent]
        return Place(by_slug[slug], sorted(far[slug]), beside, [place(child, slug) for child in below[slug]])

    return [place(slug) for slug in below[None]]
