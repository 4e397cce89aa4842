"""Classes of the house language's words, and how much one thing tells about another."""

import numpy as np

from topics.kit.model.language import (
    ANIMALS,
    BLUNT,
    COLORS,
    DIGITS,
    DRINKS,
    FACTS,
    FOODS,
    NAMES,
    PLACES,
    POLITE,
    THINGS,
    VERBS,
)

CLASSES = {
    "names": NAMES,
    "animals": ANIMALS,
    "things": THINGS,
    "places": PLACES,
    "food, drink": FOODS + DRINKS,
    "colours": COLORS,
    "verbs": (*VERBS[POLITE], *VERBS[BLUNT].values(), *FACTS),
    "digits": DIGITS,
    "signs": tuple(".,:;?+-="),
}


def class_of(word):
    """The class of a word; "others" for the few that belong to none."""
    return next((name for name, words in CLASSES.items() if word in words), "others")


def information(a, b):
    """Nats that two columns tell about each other: Σ p(a, b) log p(a, b) / (p(a) p(b)) (eq:information).

    a, b  n labels each

    >>> round(information([0, 0, 1, 1], ["x", "x", "y", "y"]), 4), information([0, 0, 1, 1], ["x", "y", "x", "y"])
    (0.6931, 0.0)
    """
    _, a = np.unique(a, return_inverse=True)
    _, b = np.unique(b, return_inverse=True)
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    even = joint.sum(1, keepdims=True) * joint.sum(0)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / even[seen])).sum())
