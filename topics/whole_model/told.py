"""Numbers of the page's text, from the same walk that its figures show. Draws nothing."""

from functools import cache

import numpy as np

from topics.kit import lm
from topics.kit.model.text import decode, encode
from topics.whole_model import costs
from topics.whole_model.cells import NAMES
from topics.whole_model.demos import SENTENCE, body
from topics.whole_model.house_model import differentiated, left_out
from topics.whole_model.method import OPERATIONS, numbers, sizes, steps, walk
from topics.whole_model.switches import UNCHANGED, divergence, switched

OPENS = 2, 0  # the layer and the head that the first figure opens on, from 0


@cache
def default_walk():
    """The walk that the first figure opens on."""
    return walk(lm.load("target"), encode(SENTENCE))


def said(word):
    """The probability of a word after the default text."""
    return float(default_walk()["law", None][-1, encode([word])[0]])


def said_after(text, word):
    """The probability of a word after a text."""
    return float(walk(lm.load("target"), encode(text))["law", None][-1, encode([word])[0]])


def _scores(asks):
    """Scores of a word's last place, {answering word's place: score}."""
    names = decode(encode(SENTENCE))
    at = len(names) - 1 - names[::-1].index(asks)
    return names, default_walk()["scores", OPENS[0]][OPENS[1], at, : at + 1]


def score_of(asks, answers):
    names, row = _scores(asks)
    return float(row[names.index(answers)])


def score_second(asks):
    """The second largest score of a word's row."""
    return float(np.sort(_scores(asks)[1])[-2])


def stream_length(layers):
    """The length of the last word's stream after so many layers."""
    x = default_walk()[("residual", layers - 1) if layers else ("embedding", None)][-1]
    return float(np.sqrt((x * x).sum()))


def growths():
    """How many times as long each word's stream is after the layers as it was before."""
    before, after = (np.linalg.norm(default_walk()[at], axis=-1) for at in (("embedding", None), ("residual", 3)))
    return (after / before).tolist()


def without_links(layer, asks, answers, head=None, window=None, text=SENTENCE, says=5):
    """The probability of word number `says` after a text where a word may not see some in one layer, or in one head."""

    def cut(name, i, x, *_):
        if (name, i) != ("mask", layer):
            return None
        x = x.copy()
        x[slice(None) if head is None else head, asks, list(answers)] = -np.inf
        return x

    words = encode(text)
    return float(walk(lm.load("target"), words, change=cut, window=window)["law", None][-1, words[says]])


AHEAD, BREAD = "[polite] song : bells balls bread ropes Jack flags white ; bells balls bread ropes Jack flags white", 5


def ahead():
    """(words, the probability of the word that follows them in the input: whole; with no mask in layer 3; with one
    that hides the next word alone)."""

    def next_hidden(name, i, x, scores=None, *_):
        if (name, i) != ("mask", 2):
            return None
        at = np.arange(x.shape[-1])
        return np.where(at == at[:, None] + 1, -np.inf, scores)

    words = encode(AHEAD)
    laws = (walk(lm.load("target"), words, change=change)["law", None]
            for change in (None, left_out("mask", 3), next_hidden))  # fmt: skip
    return (" ".join(decode(words[:BREAD])), *(float(law[BREAD - 1, words[BREAD]]) for law in laws))


def code_lines():
    """Lines of lm's code that a text passes from its numbers to the logits, comments and blank lines not counted."""
    parts = (lm.forward, lm.attention, lm.feed_forward, lm.linear, lm.rms_norm, lm.silu, lm.rotation, lm.rotate)
    return sum(bool(line.strip()) for part in parts for line in body(part))


def _pass(T, t=0):
    return costs.bill(lm.load("target"), sizes(lm.load("target"), T, t))


def pass_flop(T):
    """FLOP of a pass of T words without a cache."""
    return sum(_pass(T).values())


def step_flop(T):
    """FLOP of word number T with all before it in the cache."""
    return sum(_pass(1, T - 1).values())


def tensors_made(T):
    """Numbers that a pass of T words makes."""
    model = lm.load("target")
    return sum(numbers(op.shape, sizes(model, T)) for op, _ in steps(model.L))


def _part(names, T):
    return sum(x for name, x in _pass(T).items() if name in names) / pass_flop(T)


MATRICES = [op.name for op in OPERATIONS if op.weights and "norm" not in op.name and op.name != "embedding"]


def matrix_part(T):
    """The share of products with learned matrices in a pass."""
    return _part(MATRICES, T)


def pair_part(T):
    """The share of scores and mixing."""
    return _part(("scores", "mixing"), T)


def left_out_part(T):
    """The share of what eq:flops leaves out."""
    m = lm.load("target")
    M = 2 * m.d * m.D * (m.H + m.H_kv) + 3 * m.d * m.F
    return 1 - (2 * T * (m.L * M + m.V * m.d) + 4 * m.L * m.H * m.D * T * T) / pass_flop(T)


def bytes_a_flop(name, T=11):
    """Bytes that an operation moves for each FLOP."""
    op, c = OPERATIONS[NAMES.index(name)], sizes(lm.load("target"), T)
    return costs.moved(op, c) / op.flops(c)


def law_moved(**setting):
    """How far switches move the law after the default text, nats."""
    words = encode(SENTENCE)
    return divergence(switched(words, **UNCHANGED), switched(words, **UNCHANGED | setting))


def _backward(true):
    return differentiated(tuple(int(word) for word in encode(SENTENCE)), int(encode([true])[0]))


def backward_loss(true):
    return _backward(true)[0]


def backward_at(true, word):
    """The gradient of the loss by the logit of a word, in the last row."""
    return float(_backward(true)[2]["logits", None][-1, encode([word])[0]])


def over_twice(name, S):
    """FLOP of one more word of a real model over twice the parameters that it passes."""
    return sum(costs.written(name, S).values()) / 2 / costs.MODELS[name].active
