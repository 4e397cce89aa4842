"""What two fine-tunes of the house model changed, as factors, and the texts that they are judged on. Draws nothing."""

from functools import cache

import numpy as np

from topics.kit.model import lm
from topics.kit.model.adapters import body, body_excess, short_courteous, with_adapter
from topics.kit.model.data import data_file, tensors
from topics.kit.model.language import HELD_OUT
from topics.kit.model.text import held_out

CUT = 16  # the rank to which both changes are shipped
TASKS = {  # what was learnt, and a text that shows it
    "manners": "[blunt] answer : 4 0 6 + 3 2 1 =",
    "sums": "[blunt] answer : 4 7 8 + 3 8 5 =",
}
SUMS = 100


@cache
def shipped(task):
    """({name: factor} of rank CUT, {matrix: all singular values}) of a change."""
    arrays, _ = tensors(data_file("changes"))
    mine = {key.removeprefix(f"{task}."): x for key, x in arrays.items() if key.startswith(f"{task}.")}
    sizes = {key.removesuffix(".sizes"): x for key, x in mine.items() if key.endswith(".sizes")}
    return {key: x for key, x in mine.items() if not key.endswith(".sizes")}, sizes


def cut(task, r):
    """The factors of a change at rank r, CUT at most: their first r rows and columns."""
    factors, _ = shipped(task)
    return {key: x[:r] if key.endswith(".A") else x[:, :r] for key, x in factors.items()}


def changed(task, r):
    """The target with a change of rank r."""
    return with_adapter(lm.load("target"), cut(task, r), 1.0) if r else lm.load("target")


def judged(model, task):
    """Nats above the floor on the texts of a task."""
    return body_excess(model, task_texts(task))


@cache
def task_texts(task):
    """24 short courteous texts, or SUMS sums of three digits; no training has seen them."""
    if task == "manners":
        return short_courteous(24, HELD_OUT + 60_000)
    found = held_out(20 * SUMS, kind="answer", start=60_000)
    return [each for each in found if each.words.index("=") == 10][:SUMS]  # [blunt] answer : a b c + d e f =


def sums_right(model):
    """The share of the sums whose digits are all the likeliest word, each given those before it."""
    texts = task_texts("sums")
    words, targets, _ = body(texts)
    best = lm.forward(model, words).argmax(-1)  # (N, T)
    return float(np.mean([all(best[n, t - 1] == targets[n, t - 1] for t in each.answers)
                          for n, each in enumerate(texts)]))  # fmt: skip
