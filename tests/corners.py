"""The corners of a demo's controls that tests try: all, or enough for every pair of values, or a few."""

from itertools import combinations

from topics.kit.page.demo import corners

MANY = 60


def tried(function, everything=False):
    """Settings of a demo's controls, as dicts: its whole product of corners, or pairs where that has more than MANY."""
    every = list(corners(function))
    return every if everything or len(every) <= MANY else paired(every)


def paired(every):
    """The fewest settings (nearly) in which any two values that meet somewhere in `every` meet: greedily chosen."""
    missing, chosen = {pair for setting in every for pair in pairs(setting)}, []
    while missing:
        best = max(every, key=lambda setting: len(missing & pairs(setting)))
        chosen.append(best)
        missing -= pairs(best)
    return chosen


def pairs(setting):
    return set(combinations(setting.items(), 2))


def spread(every, count):
    """As many of them, the first and the last, which are all controls at one end and at the other, among them."""
    last = len(every) - 1
    return [every[i] for i in sorted({last * k // (count - 1) for k in range(count)})]
