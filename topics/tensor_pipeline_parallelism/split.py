"""The house model on N ranks, split in four ways. What is said between ranks is counted; nothing else crosses.

N ranks   r one of them   T words   d width   L layers   H heads
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from topics.kit.model import lm
from topics.kit.model.collectives import all_gather, all_reduce, nbytes, pieces_of, reduce_scatter
from topics.kit.numerics import softmax
from topics.tensor_pipeline_parallelism.method import exchange_heads, exchange_tokens


class Said(NamedTuple):
    """One communication: its name, and the bytes that each rank sends."""

    what: str
    sent: list


def rank_of(model, r, N, cut_fused=False):
    """Rank r's share: a Model with H/N heads and a hidden width of F/N. Norms and embedding are whole everywhere.

    cut_fused  gate and up, one behind the other, are cut as one matrix: the fault of Megatron-LM#360
    """
    share = {}
    for i in range(model.L):
        for name in ("q", "k", "v", "gate", "up"):
            share[f"{i}.{name}"] = pieces_of(model.weights[f"{i}.{name}"], N)[r]
        for name in ("o", "down"):
            share[f"{i}.{name}"] = pieces_of(model.weights[f"{i}.{name}"], N, axis=1)[r]
        if cut_fused:
            fused = np.concatenate([model.weights[f"{i}.gate"], model.weights[f"{i}.up"]])  # (2F, d)
            share[f"{i}.gate"], share[f"{i}.up"] = pieces_of(pieces_of(fused, N)[r], 2)
    return replace(model, H=model.H // N, H_kv=model.H_kv // N, F=model.F // N, weights=model.weights | share)


def by_heads(model, words, N, said, combine=all_reduce, cut_fused=False):
    """Tensor parallelism: each rank has H/N heads and F/N of the feed-forward layer, and all words. Two all-reduces a
    layer.

    words    (T,)   said  a list that gets what was Said   combine  what is done with N parts, as all_reduce
    returns  N arrays of logits (T, V): all the same, if combine makes them so
    """
    ranks = [rank_of(model, r, N, cut_fused) for r in range(N)]
    mask, turns = _places(model, words)
    xs = [model.weights["embedding"][words]] * N  # (N, T, d)
    for i in range(model.L):
        for part in ("attention", "feed"):
            hs = [lm.rms_norm(x, model.weights[f"{i}.{part}_norm"]) for x in xs]
            parts = [_part(rank, i, part, h, turns, mask) for rank, h in zip(ranks, hs, strict=True)]
            sums, sent = combine(parts)
            said.append(Said("all-reduce", sent))
            xs = [x + y for x, y in zip(xs, sums, strict=True)]
    return [_logits(model, x) for x in xs]


def by_heads_and_tokens(model, words, N, said):
    """The same with sequence parallelism: between the layers each rank has its own words. An all-gather before each
    half of a layer, a reduce-scatter behind it."""
    ranks = [rank_of(model, r, N) for r in range(N)]
    mask, turns = _places(model, words)
    xs = pieces_of(model.weights["embedding"][words], N)  # (N, T/N, d)
    for i in range(model.L):
        for part in ("attention", "feed"):
            hs = [lm.rms_norm(x, model.weights[f"{i}.{part}_norm"]) for x in xs]
            whole, sent = all_gather(hs)
            said.append(Said("all-gather", sent))
            parts = [_part(rank, i, part, h, turns, mask) for rank, h in zip(ranks, whole, strict=True)]
            sums, sent = reduce_scatter(parts)
            said.append(Said("reduce-scatter", sent))
            xs = [x + y for x, y in zip(xs, sums, strict=True)]
    return [_logits(model, x) for x in xs]


def by_tokens(model, words, N, said):
    """Context parallelism by exchange of heads: every rank has the whole model and its own words. Four all-to-alls a
    layer: queries, keys and values there, what the heads make of them back."""
    w, (mask, turns) = model.weights, _places(model, words)
    xs, places = pieces_of(w["embedding"][words], N), [pieces_of(turn, N) for turn in turns]
    for i in range(model.L):
        hs = [lm.rms_norm(x, w[f"{i}.attention_norm"]) for x in xs]
        exchanged = []
        for name in ("q", "k", "v"):
            heads = [np.reshape(lm.linear(h, w[f"{i}.{name}"]), (len(h), model.H, model.D)) for h in hs]
            if name != "v":
                heads = [lm.rotate(x, (places[0][r], places[1][r])) for r, x in enumerate(heads)]
            got, sent = exchange_heads(heads, N)
            said.append(Said("all-to-all", sent))
            exchanged.append(got)
        mixed = [_attend(*qkv, mask) for qkv in zip(*exchanged, strict=True)]  # (N, T, H/N, D)
        back, sent = exchange_tokens(mixed, N)
        said.append(Said("all-to-all", sent))
        outs = [lm.linear(np.reshape(x, (len(x), -1)), w[f"{i}.o"]) for x in back]
        xs = [x + y for x, y in zip(xs, outs, strict=True)]
        hs = [lm.rms_norm(x, w[f"{i}.feed_norm"]) for x in xs]
        xs = [x + lm.feed_forward(model, i, h, lm.see_all) for x, h in zip(xs, hs, strict=True)]
    return [_logits(model, x) for x in xs]


def by_layers(model, words, N, said):
    """Pipeline parallelism: each rank has some of the 2L half layers, and hands the residual stream on."""
    mask, turns = _places(model, words)
    halves = [(i, part) for i in range(model.L) for part in ("attention", "feed")]
    x = model.weights["embedding"][words]  # (T, d)
    for r in range(N):
        for i, part in halves[r * len(halves) // N : (r + 1) * len(halves) // N]:
            x = x + _part(model, i, part, lm.rms_norm(x, model.weights[f"{i}.{part}_norm"]), turns, mask)
        if r < N - 1:
            said.append(Said("send to the next", [nbytes(x) if rank == r else 0 for rank in range(N)]))
    return [_logits(model, x)]


def _part(rank, i, part, h, turns, mask):
    """What a rank's heads, or its part of the feed-forward layer, add: (T, d)."""
    if part == "attention":
        return lm.attention(rank, i, h, turns, mask, None, lm.see_all)
    return lm.feed_forward(rank, i, h, lm.see_all)


def _attend(q, k, v, mask):
    """Attention of some heads: q, k, v (T, H/N, D), already rotated, to (T, H/N, D)."""
    scores = np.einsum("qhd,khd->hqk", q, k) * q.shape[-1] ** -0.5  # (H/N, T, T)
    return np.einsum("hqk,khd->qhd", softmax(np.where(mask, scores, -np.inf)), v)


def _places(model, words):
    positions = np.arange(len(words))
    return positions <= positions[:, None], lm.rotation(positions, lm.rope_frequencies(model.D, model.base))


def _logits(model, x):
    return lm.linear(lm.rms_norm(x, model.weights["norm"]), model.weights["embedding"])
