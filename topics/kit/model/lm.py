"""The house model in numpy: the network that every page runs. Knows neither the language nor the browser.

V words   T new tokens   t tokens already cached   d width   L layers   H query heads   H_kv key/value heads
D head width   F hidden width of the feed-forward layer   ... any batch dimensions

A model is a Model: a shape and a dict of arrays, each matrix stored (out, in) so that the inner axis of every product
is contiguous. `forward` is written in ufuncs and einsum only, so that autograd.Tensor can stand in for any
weight of a model without experts.
"""

import json
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from topics.kit.model.data import data_file, tensors
from topics.kit.model.rotary import rope_frequencies
from topics.kit.numerics import softmax


@dataclass(frozen=True)
class Model:
    """A decoder like Llama's (arXiv 2302.13971): its sizes, and weights {name: array}.

    embedding (V, d), also the output matrix; norm (d,); and for each layer i
    i.attention_norm (d,)   i.q (H·D, d)   i.k, i.v (H_kv·D, d)   i.o (d, H·D)
    i.feed_norm (d,)        i.gate, i.up (F, d)   i.down (d, F)
    A mixture of E experts has i.router (E, d) and i.gate, i.up (E, F, d), i.down (E, d, F); each word uses `active`.
    """

    V: int
    d: int
    L: int
    H: int
    H_kv: int
    D: int
    F: int
    base: float
    weights: dict
    active: int = 0

    def with_weights(self, changed):
        """The same model with some weights replaced, as {name: array}."""
        unknown = changed.keys() - self.weights.keys()
        if unknown:
            raise KeyError(f"no weights are called {', '.join(sorted(unknown))}; there are {', '.join(self.weights)}")
        return replace(self, weights=self.weights | changed)


@cache
def load(name):
    """A model of the family, in float32, from topics/data/<name>.safetensors (stored there in float16).

    raises FileNotFoundError where a demo did not name the model that it runs
    """
    return read(data_file(name))


def read(path):
    """A model from a file in the format of safetensors, whose metadata holds its shape as JSON."""
    weights, metadata = tensors(path)
    return Model(**json.loads(metadata["shape"]), weights=weights)


# ---- the network


def forward(model, words, cache=None, *, mask=None, positions=None, frequencies=None, see=None):
    """The logits (..., T, V) of the word after each word.

    words        (..., T) ints
    cache        what new_cache gave: the T words follow those that it holds, and it grows by them, in place
    mask         (..., T, t+T) bool, which words each may attend to; itself and all before it when None. One for each
                 text has an axis of 1 for the heads
    positions    (T,) ints, where in the text each word stands; one after the other behind the cached when None
    frequencies  (D/2,) radians a position, in the place of rope_frequencies(D, base)
    see          called as see(name, layer, value) at each step named below; what it returns, unless None, is used
                 in the value's place. The steps of a layer, in order: "attention_input" (..., T, d),
                 "q" (..., T, H, D), "k" and "v" (..., T, H_kv, D), "scores" and "attention" (..., H, T, t+T),
                 "heads" (..., T, H, D), "attention_output" and "feed_input" (..., T, d),
                 "feed_hidden" (..., T, F), or with experts "router" (N, E) of all N words, "feed_output"
                 and "residual" (..., T, d)
    """
    w, start, T = model.weights, length(cache), np.shape(words)[-1]
    if mask is None:
        mask = np.arange(start + T) <= np.arange(start, start + T)[:, None]  # (T, t+T)
    if positions is None:
        positions = np.arange(start, start + T)
    turns = rotation(positions, rope_frequencies(model.D, model.base) if frequencies is None else frequencies)
    look = see_all if see is None else lambda *step: _replaced(see(*step), step[-1])
    x = w["embedding"][np.asarray(words)]  # (..., T, d)
    for i in range(model.L):
        h = look("attention_input", i, rms_norm(x, w[f"{i}.attention_norm"]))
        h = attention(model, i, h, turns, mask, cache, look)
        x = x + look("attention_output", i, h)
        h = look("feed_input", i, rms_norm(x, w[f"{i}.feed_norm"]))
        feed = experts if f"{i}.router" in w else feed_forward
        x = look("residual", i, x + look("feed_output", i, feed(model, i, h, look)))
    return linear(rms_norm(x, w["norm"]), w["embedding"])


def attention(model, i, x, turns, mask, cache, look):
    """Layer i's attention of T words to themselves and to those in the cache, of x (..., T, d) to (..., T, d).

    turns  what rotation gives for their positions   mask, cache  as in forward   look  see, or see_all
    """
    w, shape = model.weights, np.shape(x)[:-1]
    q = look("q", i, np.reshape(linear(x, w[f"{i}.q"]), (*shape, model.H, model.D)))  # (..., T, H, D)
    k = look("k", i, np.reshape(linear(x, w[f"{i}.k"]), (*shape, model.H_kv, model.D)))  # (..., T, H_kv, D)
    v = look("v", i, np.reshape(linear(x, w[f"{i}.v"]), (*shape, model.H_kv, model.D)))  # (..., T, H_kv, D)
    q, K, V = rotate(q, turns), rotate(k, turns), v
    if cache is not None:
        K, V = cache[i] = np.concatenate([cache[i][0], K], -3), np.concatenate([cache[i][1], V], -3)
    share = model.H // model.H_kv  # query head h reads key/value head h // share
    if share > 1:
        K, V = np.repeat(K, share, -2), np.repeat(V, share, -2)
    scores = look("scores", i, np.einsum("...qhd,...khd->...hqk", q, K) * model.D**-0.5)  # (..., H, T, t+T)
    weights = look("attention", i, softmax(np.where(mask, scores, -np.inf)))  # (..., H, T, t+T)
    heads = look("heads", i, np.einsum("...hqk,...khd->...qhd", weights, V))  # (..., T, H, D)
    return linear(np.reshape(heads, (*shape, model.H * model.D)), w[f"{i}.o"])


def feed_forward(model, i, x, look):
    """SwiGLU: down(silu(gate x) · up x), of x (..., T, d) to (..., T, d) (arXiv 2002.05202)."""
    w = model.weights
    hidden = look("feed_hidden", i, silu(linear(x, w[f"{i}.gate"])) * linear(x, w[f"{i}.up"]))  # (..., T, F)
    return linear(hidden, w[f"{i}.down"])


def experts(model, i, x, look):
    """The same by E small networks, of which each word uses `active`, weighted by the router (arXiv 2401.04088)."""
    w, flat = model.weights, np.reshape(x, (-1, model.d))  # (N, d)
    p = look("router", i, softmax(linear(flat, w[f"{i}.router"])))  # (N, E)
    chosen = np.argsort(-p, -1, kind="stable")[:, : model.active]  # (N, active)
    top = np.take_along_axis(p, chosen, -1)
    top = top / top.sum(-1, keepdims=True)
    y = np.zeros_like(flat)
    for e in np.unique(chosen):
        row, rank = np.nonzero(chosen == e)
        gate, up, down = (w[f"{i}.{part}"][e] for part in ("gate", "up", "down"))
        y[row] += top[row, rank, None] * linear(silu(linear(flat[row], gate)) * linear(flat[row], up), down)
    return np.reshape(y, np.shape(x))


def see_all(name, layer, value):
    """Looks at nothing and changes nothing."""
    return value


def _replaced(new, old):
    return old if new is None else new


def linear(x, W):
    """x (..., in), W (out, in): x Wᵀ (..., out). By einsum: without a BLAS it is 2 to 3 times as fast as @ there."""
    return np.einsum("...i,oi->...o", x, W)


def rms_norm(x, g):
    """x over its root mean square along the last axis, times g (arXiv 1910.07467)."""
    return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-5) * g


def silu(x):
    """x · sigmoid(x)."""
    return x / (1 + np.exp(-x))


def rotation(positions, frequencies):
    """cos and sin of each position's angles, (T, 1, D/2) each, in float32."""
    angle = positions[:, None, None] * frequencies
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def rotate(x, turns):
    """Turn the pairs (x_i, x_{i+D/2}) of x (..., T, H, D) to (..., T, H, D): half-split, as Hugging Face's Llama."""
    cos, sin = turns
    half = np.shape(x)[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


# ---- the cache


def new_cache(model):
    """An empty cache: a list of a pair K, V (t, H_kv, D) for each layer, here with t = 0. K is stored rotated."""
    empty = np.zeros((0, model.H_kv, model.D), np.float32)
    return [(empty, empty)] * model.L


def length(cache):
    """The number of words t that a cache holds."""
    return 0 if cache is None else cache[0][0].shape[-3]


# ---- text from logits


def probabilities(logits, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
    """The law from which a word is drawn: logits (V,) to (V,) probabilities.

    temperature  divides the logits, 0 or more; at 0 the likeliest word is certain
    top_k        keep the k likeliest words (0: all)
    top_p        then keep the fewest likeliest words whose probabilities, before this cut, reach p
    min_p        then keep the words at least so many times as likely as the likeliest (arXiv 2407.01082)

    >>> probabilities(np.log([0.5, 0.3, 0.2]), top_k=2).round(3).tolist()
    [0.625, 0.375, 0.0]
    """
    order = np.argsort(-logits, kind="stable")
    if temperature == 0:
        return (np.arange(len(logits)) == order[0]).astype(float)
    p = softmax(np.asarray(logits, float) / temperature)
    keep = np.zeros(len(p), bool)
    keep[order[: top_k or None]] = True
    p = np.where(keep, p, 0) / p[keep].sum()
    reached = np.cumsum(p[order]) - p[order] < top_p  # what stood before a word had not reached p yet
    p = np.where(reached[np.argsort(order)], p, 0)
    p = np.where(p >= min_p * p.max(), p, 0)
    return p / p.sum()


def generate(model, words, steps, rng=None, stop=None, **law):
    """Go on from words with a cache, one word at a time: a generator of word numbers, at most `steps`.

    rng   numpy's Generator; None takes the likeliest word each time
    stop  a word number that ends the text (it is still given)
    law   temperature, top_k, top_p, min_p: see probabilities
    """
    cache, new = new_cache(model), list(words)
    for _ in range(steps):
        logits = forward(model, new, cache)[-1]  # (V,)
        word = int(logits.argmax() if rng is None else rng.choice(len(logits), p=probabilities(logits, **law)))
        yield word
        if word == stop:
            return
        new = [word]
