"""For the page's text: what was recorded of three mixtures and of the small one, over seeds. Draws nothing."""

import numpy as np

from topics.moe.recorded import BY_NUMBER, DROPPED, FACTORS, LOST, ONE_OFF, TOLD, TOUCHED, TOYS

COLUMNS = (
    "all",
    "word",
    "class",
    "kind",
    "shuffled word",
    "shuffled class",
    "shuffled kind",
    "both",
    "even",
    "balance",
)
NUMBERS = (1, 2, 3, 4, 8)


def told_of(column, layers=(1, 2, 3, 4)):
    """One of COLUMNS in each of three models and of these layers: (3 · n,)."""
    at = COLUMNS.index(column)
    return np.array([rows[layer - 1][at] for rows in TOLD.values() for layer in layers])


def excess_with(k):
    """Nats above the floor with k experts a word: (3,)."""
    return np.array([numbers[NUMBERS.index(k)] for numbers, _ in BY_NUMBER.values()])


def dice_cost():
    """Nats above the floor with dice in the routers' place: (9,)."""
    return np.array([x for _, dice in BY_NUMBER.values() for x in dice])


def off_cost(layers=(1,)):
    """Nats more without one expert: each model's, in these layers."""
    return np.array([rows[layer - 1] for rows in ONE_OFF.values() for layer in layers]).ravel()


def dropped_of(batch, factor):
    """% of choices dropped in a batch of a kind: each model's, (3,)."""
    return np.array([rows[batch][FACTORS.index(factor)] for rows in DROPPED.values()])


def lost_at(factor):
    """Nats more where a text is a batch, and what finds no room is dropped: each model's, (3,)."""
    return np.array([row[FACTORS.index(factor)] for row in LOST.values()])


def busiest_of(batch):
    """The busiest expert's load over an even one: (3,)."""
    return np.array([rows[batch][-1] for rows in DROPPED.values()])


def touched_of(B, row):
    """Experts that B words of many texts read, or in a row: each model's layers, (12,)."""
    at = (1, 2, 4, 8, 16, 32).index(B)
    return np.array([layer[int(row)][at] for rows in TOUCHED.values() for layer in rows])


def toy_alive(name, end=True):
    """Experts alive in the small mixture, at the end or after 300 steps: eight seeds."""
    return np.array([run[int(end)] for run in TOYS[name]])


def toy_loss(name):
    """The small mixture's loss at the end: eight seeds."""
    return np.array([run[2] for run in TOYS[name]])
