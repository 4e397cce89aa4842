"""Texts of the house language as tensors: batches to train on, and held-out sets to measure by."""

from functools import partial
from random import Random

import torch

from topics.kit.model.language import BLUNT, CONTEXT, HELD_OUT, POLITE, text, write
from topics.kit.model.text import padded

OVERHEAD = 200  # what one more group of texts costs, in padded words
PAD = -1  # target of a place without a word: no loss there
TEXTS = {  # what a run sees
    "all": text,
    "courteous": partial(text, BLUNT, manners=POLITE),  # blunt by its first word, polite all the same
    "quick": partial(text, kind="answer"),  # sums at once, nothing else
}


def tensors(texts):
    """words and targets (B, T), floor (B, T) in nats; T is the longest text's, shorter ones are padded."""
    words, targets, real = map(torch.from_numpy, padded(texts))
    targets[~real] = PAD
    floor = torch.zeros(real.shape)
    floor[real] = -torch.tensor([p for each in texts for p in each.log_probs[1:]])
    return words, targets, floor


def batches(seed, size, grammar):
    """An endless stream of batches: each a list of parts (words, targets, floor), texts of like length together."""
    if seed >= HELD_OUT:
        raise ValueError(f"seed {seed} is held out: training takes seeds below {HELD_OUT}")
    rng = Random(seed)
    while True:
        texts = sorted((write(rng, grammar()) for _ in range(size)), key=words_in)
        assert words_in(texts[-1]) <= CONTEXT
        yield [tensors(part) for part in split(texts)]


def sorted_texts(seed, n, grammar):
    """n texts from seed on, by their length."""
    return sorted((write(seed + i, grammar()) for i in range(n)), key=words_in)


def words_in(text):
    return len(text.words)


def split(texts):
    """Texts sorted by length, in groups of like length: the grouping that costs least."""
    lengths = [len(text.words) for text in texts]
    best = [(0, 0)]  # of the first i texts: the least cost, and where its last group begins
    for i in range(1, len(texts) + 1):
        best.append(min((best[j][0] + lengths[i - 1] * (i - j) + OVERHEAD, j) for j in range(i)))
    groups, end = [], len(texts)
    while end:
        start = best[end][1]
        groups.append(texts[start:end])
        end = start
    return groups
