"""One word through the whole model: every operation of lm.forward in its order, and what each costs. Knows no page.

T words that go in   S words that they meet, the cached ones and themselves   d width   L layers   H query heads
H_kv key/value heads   D head width   F hidden width   V words that there are

OPERATIONS is the one table of it all: what is shown, counted, left out and differentiated is derived from it.
A FLOP is one addition, multiplication, division, comparison, root or exponential.
"""

import math
from typing import NamedTuple

import numpy as np

from topics.kit.model import lm, text
from topics.kit.model.autograd import Tensor, gradients, value
from topics.kit.numerics import softmax


class Sizes(NamedTuple):
    """What an operation's shape and cost depend on."""

    T: int
    S: int
    d: int
    H: int
    H_kv: int
    D: int
    F: int
    V: int


def sizes(model, T, t=0):
    """The Sizes of T words through a model that has t in its cache."""
    return Sizes(T, t + T, model.d, model.H, model.H_kv, model.D, model.F, model.V)


def numbers(letters, c):
    """How many numbers an array has whose shape is written in letters.

    >>> numbers("T H D", Sizes(T=10, S=10, d=96, H=8, H_kv=8, D=16, F=224, V=147))
    1280
    """
    return math.prod(getattr(c, letter) for letter in letters.split())


class Pass(NamedTuple):
    """What operations know beside their inputs: the model, the layer (None: before or after them), the words' numbers,
    cos and sin of their positions, who may look at whom (T, S), and a number from 0 to 1 for the draw."""

    model: lm.Model
    i: int | None
    words: object
    turns: tuple
    allowed: object
    u: float

    def w(self, part):
        return self.model.weights[part if self.i is None else f"{self.i}.{part}"]

    def heads(self, x, part, n):
        return np.reshape(lm.linear(x, self.w(part)), (len(self.words), n, self.model.D))

    def flat(self, x):
        return np.reshape(x, (len(self.words), self.model.H * self.model.D))

    def shared(self, x):
        """A key or value head for each query head."""
        return x if self.model.H_kv == self.model.H else np.repeat(x, self.model.H // self.model.H_kv, -2)

    def draw(self, law):
        """The first word at which the summed-up law of the last word passes u (eq:draw)."""
        up_to = np.cumsum(value(law)[-1], dtype=float)  # (V,)
        return np.searchsorted(up_to / up_to[-1], self.u, side="right")


class Operation(NamedTuple):
    """One step of the pass.

    name      of the operation and of its result; `stream` is the last embedding or residual
    equation  in the names of the operations
    reads     the operations whose results go in
    weights   {part: its shape in letters}
    shape     of the result, in letters
    flops     of Sizes
    code      a function of the kit and a text that stands in the one line of it that computes this
    topic     the page that goes deep
    compute   of a Pass and what it reads
    """

    name: str
    equation: str
    reads: tuple
    weights: dict
    shape: str
    flops: object
    code: tuple
    topic: str
    compute: object


def _normed(name, part, source, code, topic="weight_init"):
    return Operation(name, f"{name} = x / √mean(x²) · g, where x = {source}", (source,), {part: "d"}, "T d",
                     lambda c: c.T * (4 * c.d + 3), code, topic, lambda p, x: lm.rms_norm(x, p.w(part)))  # fmt: skip


def _projected(name, part, source, width, code, topic, into):
    """A matrix: each number of its result is a sum of products."""
    return Operation(name, f"{name} = {source} · {'E' if part == 'embedding' else f'W_{part}'}ᵀ", (source,),
                     {part: f"{width} d"}, f"T {width}",
                     lambda c: 2 * c.T * numbers(width, c) * c.d, code, topic, into)  # fmt: skip


_HIDDEN = (lm.feed_forward, 'look("feed_hidden"')
_TURN = (lm.attention, "q, K, V = rotate(")
_LAST = (lm.forward, 'return linear(rms_norm(x, w["norm"])')
_SOFTMAX = (lm.attention, 'look("attention"')

START = (
    Operation("token", "token = a word's number", (), {}, "T", lambda c: 0, (text.encode, "return np.array("),
              "gpt_pretraining", lambda p: p.words),
    Operation("embedding", "embedding = row `token` of E", ("token",), {"embedding": "V d"}, "T d", lambda c: 0,
              (lm.forward, 'x = w["embedding"]'), "gpt_pretraining", lambda p, words: p.w("embedding")[words]),
)  # fmt: skip
LAYER = (
    _normed("attention norm", "attention_norm", "stream", (lm.forward, 'look("attention_input"')),
    _projected("query", "q", "attention norm", "H D", (lm.attention, 'look("q"'), "attention",
               lambda p, x: p.heads(x, "q", p.model.H)),
    _projected("key", "k", "attention norm", "H_kv D", (lm.attention, 'look("k"'), "gqa",
               lambda p, x: p.heads(x, "k", p.model.H_kv)),
    _projected("value", "v", "attention norm", "H_kv D", (lm.attention, 'look("v"'), "kv_cache",
               lambda p, x: p.heads(x, "v", p.model.H_kv)),
    Operation("rotated query", "pairs of query turned by position · frequency", ("query",), {}, "T H D",
              lambda c: 3 * c.T * c.H * c.D, _TURN, "rope", lambda p, q: lm.rotate(q, p.turns)),
    Operation("rotated key", "pairs of key turned by position · frequency", ("key",), {}, "T H_kv D",
              lambda c: 3 * c.T * c.H_kv * c.D, _TURN, "rope", lambda p, k: lm.rotate(k, p.turns)),
    Operation("scores", "scores = rotated query · rotated key / √D", ("rotated query", "rotated key"), {}, "H T S",
              lambda c: c.H * c.T * c.S * (2 * c.D + 1), (lm.attention, 'look("scores"'), "attention",
              lambda p, q, k: np.einsum("qhd,khd->hqk", q, p.shared(k)) * p.model.D**-0.5),
    Operation("mask", "mask = scores, −∞ for later words", ("scores",), {}, "H T S", lambda c: 0, _SOFTMAX,
              "sliding_window", lambda p, s: np.where(p.allowed, s, -np.inf)),
    Operation("softmax", "softmax = exp(mask) / row sum of exp(mask)", ("mask",), {}, "H T S",
              lambda c: 5 * c.H * c.T * c.S, _SOFTMAX, "flash_attention", lambda p, s: softmax(s)),
    Operation("mixing", "mixing = Σ softmax · value", ("softmax", "value"), {}, "T H D",
              lambda c: 2 * c.H * c.T * c.S * c.D, (lm.attention, 'look("heads"'), "mqa",
              lambda p, weights, v: np.einsum("hqk,khd->qhd", weights, p.shared(v))),
    Operation("output", "output = mixing · W_oᵀ", ("mixing",), {"o": "d H D"}, "T d",
              lambda c: 2 * c.T * c.d * c.H * c.D, (lm.attention, "return linear(np.reshape(heads"), "attention",
              lambda p, x: lm.linear(p.flat(x), p.w("o"))),
    Operation("attention residual", "attention residual = stream + output", ("stream", "output"), {}, "T d",
              lambda c: c.T * c.d, (lm.forward, 'x = x + look("attention_output"'), "weight_init",
              lambda p, x, part: x + part),
    _normed("feed norm", "feed_norm", "attention residual", (lm.forward, 'look("feed_input"')),
    _projected("gate", "gate", "feed norm", "F", _HIDDEN, "moe", lambda p, x: lm.linear(x, p.w("gate"))),
    Operation("silu", "silu = gate / (1 + exp(−gate))", ("gate",), {}, "T F", lambda c: 4 * c.T * c.F, _HIDDEN, "moe",
              lambda p, x: lm.silu(x)),
    _projected("up", "up", "feed norm", "F", _HIDDEN, "moe", lambda p, x: lm.linear(x, p.w("up"))),
    Operation("hidden", "hidden = silu · up, number by number", ("silu", "up"), {}, "T F", lambda c: c.T * c.F, _HIDDEN,
              "structured_pruning", lambda p, bent, x: bent * x),
    Operation("down", "down = hidden · W_downᵀ", ("hidden",), {"down": "d F"}, "T d",
              lambda c: 2 * c.T * c.d * c.F, (lm.feed_forward, "return linear(hidden"), "quantization",
              lambda p, x: lm.linear(x, p.w("down"))),
    Operation("residual", "residual = attention residual + down", ("attention residual", "down"), {}, "T d",
              lambda c: c.T * c.d, (lm.forward, 'look("residual"'), "tensor_pipeline_parallelism",
              lambda p, x, part: x + part),
)  # fmt: skip
END = (
    _normed("last norm", "norm", "stream", _LAST),
    _projected("logits", "embedding", "last norm", "V", _LAST, "model_compression",
               lambda p, x: lm.linear(x, p.w("embedding"))),
    Operation("law", "law = softmax(logits)", ("logits",), {}, "T V", lambda c: 5 * c.T * c.V,
              (lm.probabilities, "p = softmax("), "gpt_pretraining", lambda p, z: softmax(z)),
    Operation("draw", "draw = the first word at which the summed law passes u", ("law",), {}, "",
              lambda c: 2 * c.V, (lm.generate, "rng.choice("), "speculative_decoding", lambda p, law: p.draw(law)),
)  # fmt: skip
OPERATIONS = START + LAYER + END
CACHED = ("rotated key", "value")  # what a later word reads of an earlier one
IN_EXPERTS = ("gate", "silu", "up", "hidden")  # what a mixture does inside its experts


def steps(L):
    """Every (operation, layer) of a pass through L layers; outside layers the layer is None."""
    yield from ((op, None) for op in START)
    yield from ((op, i) for i in range(L) for op in LAYER)
    yield from ((op, None) for op in END)


def walk(model, words, before=None, change=None, window=None, u=0.5):
    """Every tensor of a pass, {(operation, layer): array}.

    words   their numbers, T of them
    before  the walk over the words that stand in the cache
    change  called as change(name, layer, result, *what it was made of); what it returns, unless None, goes on instead
    window  words that one sees, itself included; all when None
    """
    words, t = np.asarray(words), 0 if before is None else len(before["token", None])
    places = np.arange(t, t + len(words))
    turns = lm.rotation(places, lm.rope_frequencies(model.D, model.base))
    far = places[:, None] - np.arange(t + len(words))  # (T, S), how far back each lies
    allowed = (far >= 0) & (far < (window or t + len(words)))  # (T, S)
    seen, now = {}, {}
    for op, i in steps(model.L):
        mixture = f"{i}.router" in model.weights
        if mixture and op.name in IN_EXPERTS:
            continue
        made_of = [now["feed norm"]] if mixture and op.name == "down" else [now[name] for name in op.reads]
        if before is not None:
            made_of = [np.concatenate([before[name, i], x]) if name in CACHED and op.name in ("scores", "mixing") else x
                       for name, x in zip(op.reads, made_of, strict=False)]  # fmt: skip
        compute = _experts if mixture and op.name == "down" else op.compute
        x = compute(Pass(model, i, words, turns, allowed, u), *made_of)
        new = change and change(op.name, i, x, *made_of)
        now[op.name] = seen[op.name, i] = x if new is None else new
        if op.name in ("embedding", "residual"):
            now["stream"] = now[op.name]
    return seen


def _experts(p, x):
    return lm.experts(p.model, p.i, x, lm.see_all)


def way_back(model, words, true, change=None):
    """The walk, and the gradients of −log law[last word, true] (eq:loss) by every tensor but token and draw.

    returns  the loss, every operation's Tensor as walk has them, and the gradients in the same order
    """

    def begin(name, i, x, *made_of):
        new = change and change(name, i, x, *made_of)
        x = x if new is None else new
        return Tensor(x) if name == "embedding" else x

    seen = walk(model, words, change=begin)
    kept = {at: x for at, x in seen.items() if isinstance(x, Tensor)}
    loss = np.negative(np.log(seen["law", None][len(words) - 1, true]))
    return float(loss.value), kept, dict(zip(kept, gradients(loss, list(kept.values())), strict=True))
