"""What a merged house model is judged by: two skills, each alone and both at once, and what it knew before.

Only the bodies of texts count, the words after the colon: a fine-tune that saw one kind of text is certain of the first
two, and on others that alone would cost it most of what is measured.
"""

from functools import cache
from itertools import count, islice

import numpy as np

from topics.kit import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.language import BLUNT, POLITE
from topics.kit.model.text import held_out, padded

COURTEOUS, BOTH, BEFORE = "courteous", "both", "before"
LONGEST = 64  # words of a text
TESTS = {  # what a measure reads: the number of texts, and what they are
    COURTEOUS: (8, {"register": BLUNT, "manners": POLITE}),  # announced as blunt, polite all the same
    BOTH: (80, {"register": BLUNT, "manners": POLITE, "kind": "answer"}),  # sums of three digits, polite all the same
    BEFORE: (8, {"register": POLITE}),  # what the base was good at
}


@cache
def texts_of(measure, seed=0):
    """The texts of a measure, none of which any model has seen."""
    n, how = TESTS[measure]
    each = (text for i in count(20_000 + 1000 * seed) for text in held_out(1, start=i, **how))
    return list(islice((text for text in each if _fits(text, measure)), n))


def _fits(text, measure):
    digits = [answer.distance for answer in text.answers.values()]
    return digits[0] == 3 if measure == BOTH else len(text.words) <= LONGEST


@cache
def batch_of(measure, seed=0, first=0, last=None):
    """words, targets and which of them count, (B, T) each, and the floor of what counts, in nats a word: of a measure's
    texts those from first to last."""
    texts = texts_of(measure, seed)[first:last]
    words, targets, real = padded(texts)
    real[:, :2] = False
    return words, targets, real, -sum(sum(text.log_probs[3:]) for text in texts) / float(real.sum())


def loss(model, measure, seed=0, n=None):
    """Nats a word above the floor, on the bodies of a measure's texts, or of the first n."""
    words, targets, real, floor = batch_of(measure, seed, 0, n)
    return float(cross_entropy(lm.forward(model, words), targets, real)) - floor


def answers(model, first=0, last=None, seed=0):
    """Of the sums from first to last, a row each: nats above the floor, words that count, answered right, thanked for.

    Whether a model that takes the likeliest word each time writes an answer needs no writing: it does if each word of
    it is the likeliest after those before it.
    returns  (B, 4)
    """
    words, targets, real, _ = batch_of(BOTH, seed, first, last)
    texts, logits = texts_of(BOTH, seed)[first:last], lm.forward(model, words)  # (B, T, V)
    hit = logits.argmax(-1) == targets  # (B, T)
    rows = []
    for i, text in enumerate(texts):
        begin, end = min(text.answers) - 1, max(text.answers) + 1  # the digits and the point behind them
        nats = float(cross_entropy(logits[i], targets[i], real[i])) * real[i].sum() + sum(text.log_probs[3:])
        rows.append((nats, real[i].sum(), hit[i, begin:end].all(), (hit[i] | ~real[i])[end:].all()))
    return np.array(rows, float)


def summed(*parts):
    """Of what `answers` gave: the loss in nats a word, and in percent the sums right, thanked for, and both."""
    nats, words, right, thanked = np.concatenate(parts).T
    return float(nats.sum() / words.sum()), *(100 * float(x.mean()) for x in (right, thanked, right * thanked))


def judged(model, seed=0):
    """Of a model: loss on courteous texts, on sums, on what it knew before; % of sums right, thanked for, and both."""
    both, *percent = summed(answers(model, seed=seed))
    return loss(model, COURTEOUS, seed), both, loss(model, BEFORE, seed), *percent
