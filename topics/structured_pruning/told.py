"""What the page's text tells of the recorded runs: ranges over four house models. Losses are nats above the floor."""

import numpy as np

from topics.structured_pruning.recorded import (
    AGREES,
    CALIBRATED,
    ENERGY,
    HEADS,
    HEALED,
    HOUSE_MODELS,
    INFLUENCE,
    LAYERS,
    LIVE,
    NEURONS,
    PATTERN,
    REPAIRED,
    SKILLS,
    TWO_OF_EACH,
    WHOLE,
    WORKING,
)


def span(numbers, digits=2):
    """The least and the most of some numbers, or the one that both are.

    >>> span([0.126, 0.5, 0.3]), span([3, 3], 0)
    ('0.13 to 0.50', '3')
    """
    low, high = (f"{x:.{digits}f}" for x in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"


def whole(digits=2):
    return span(WHOLE.values(), digits)


def heads(kind, k, digits=2):
    """Without k heads by a score; of draws, each model's mean."""
    return span([float(np.mean(x)) for x in HEADS[kind][k].values()], digits)


def draws_as_bad(k):
    """Of all draws of k heads in four models, how many lose as much as the k of least output size, or more."""
    return sum(x >= HEADS["output size"][k][name] for name in HOUSE_MODELS for x in HEADS["random"][k][name])


def draws(k):
    """How many draws of k heads there are, in four models."""
    return sum(len(HEADS["random"][k][name]) for name in HOUSE_MODELS)


def all_draws(k, digits=2):
    return span([x for name in HOUSE_MODELS for x in HEADS["random"][k][name]], digits)


def calibrated(kind, digits=2):
    """Without eight heads by a score, over five sets of texts that it looks at and four models."""
    return span([x for runs in CALIBRATED[kind].values() for x in runs], digits)


def agreement(kind, digits=2):
    """The rank correlation of a score with what each head costs alone, over four models."""
    return span([x for x, _ in AGREES[kind].values()], digits).replace("-", "−")


def costliest(kind):
    """How many of the eight costliest heads are among the eight of least score."""
    return span([n for _, n in AGREES[kind].values()], 0)


def calibrated_as_bad():
    """Of all draws of eight heads, the share, in %, that lose as much as eight of least output size, over all sets."""
    pairs = [(x, y) for name in HOUSE_MODELS for x in HEADS["random"][8][name] for y in CALIBRATED["output size"][name]]
    return 100 * sum(x >= y for x, y in pairs) / len(pairs)


def wanda_gain(pattern):
    """By how much less Wanda adds to the loss than the size of weights does, in %, over the models."""
    return span([100 * (1 - (PATTERN[f"{pattern}, Wanda"][0.5][name] - WHOLE[name])
                        / (PATTERN[pattern][0.5][name] - WHOLE[name])) for name in HOUSE_MODELS], 0)  # fmt: skip


def two_of_each(kind, digits=2):
    return span([float(np.mean(x)) for x in TWO_OF_EACH[kind].values()], digits)


def neurons(kind, share, digits=2):
    return span([float(np.mean(x)) for x in NEURONS[kind][share].values()], digits)


def fitted(share, n=96, hold=0.01, digits=2):
    return span(REPAIRED[share, n, hold].values(), digits)


def pattern(name, share=0.5, digits=2):
    return span(PATTERN[name][share].values(), digits)


def energy(name):
    return span(ENERGY[name].values(), 0)


def working(name):
    return span(WORKING[name].values(), 1)


def skill(which, at):
    """% of worked sums (at = 0) or of facts (at = 1)."""
    return span([x[at] for x in SKILLS[which].values()], 0)


def healed(share, at, digits=2):
    """target after the at-th of the recorded numbers of steps, three seeds."""
    return span([run[at] for run in HEALED[share]], digits)


def live_left(repair, at):
    """Of the harm of a cut, what is left after the repair (at = 1) or after the training (2), in %, three seeds."""
    return span([100 * run[at] / run[0] for run in LIVE[repair]], 0)


def layer(i, digits=1):
    return span(LAYERS[i].values(), digits)


def influence(i):
    return span([x[i] for x in INFLUENCE.values()])


def ranked_right():
    """Models in which block influence puts the layers behind the first in the order of what they cost."""
    return [name for name in HOUSE_MODELS if _order(name, 1) == _by_influence(name)]


def ranked_backwards():
    """Models in which it puts them in the opposite order."""
    return [name for name in HOUSE_MODELS if _order(name, -1) == _by_influence(name)]


def _order(name, sign):
    return np.argsort([sign * LAYERS[i][name] for i in (1, 2, 3)]).tolist()


def _by_influence(name):
    return np.argsort(INFLUENCE[name][1:]).tolist()
