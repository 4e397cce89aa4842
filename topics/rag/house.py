"""A store of facts that the house model never saw, the passages that BM25 finds in it, what the model makes of them.

A passage is a told fact, as "foxes eat honey ."; the model is asked in its own language, "say foods ? foxes".
"""

import numpy as np

from topics.kit.model import lm
from topics.kit.model.language import ANIMALS, FOODS
from topics.kit.model.text import encode
from topics.kit.numerics import softmax
from topics.rag.method import bm25, index_of, returned
from topics.rag.words import terms_of

STORES = ("has the fact", "lacks the fact", "has it wrong")


def store(seed):
    """Twelve facts: what each animal eats, drawn; {animal: food}."""
    foods = np.random.default_rng(seed).choice(FOODS, len(ANIMALS))
    return dict(zip(ANIMALS, foods.tolist(), strict=True))


def facts_in(told, animal, kind):
    """The store's passages: all facts, all but one, or one of them changed to the next food."""
    told = dict(told)
    if kind == "lacks the fact":
        del told[animal]
    elif kind == "has it wrong":
        told[animal] = FOODS[(FOODS.index(told[animal]) + 1) % len(FOODS)]
    return [f"{who} eat {food} ." for who, food in told.items()]


def scored(passages, animal):
    """(N,): BM25's scores of passages for "what do ANIMAL eat ?"."""
    return bm25(index_of([terms_of(p) for p in passages]), terms_of(f"what do {animal} eat ?")).sum(0)


def found(passages, animal, k):
    """The k passages with the highest scores."""
    return [passages[i] for i in returned(scored(passages, animal), k)]


def prompt_of(passages, animal):
    """The passages as the model reads them, the best last, next to the question."""
    return " ".join(["[blunt] facts :", *reversed(passages), f"say foods ? {animal}"])


def law_after(model, prompt):
    """(V,): the model's law of the next word, in float64."""
    return softmax(lm.forward(model, encode(prompt))[-1].astype(float))
