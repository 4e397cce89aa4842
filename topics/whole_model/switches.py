"""The walk switched: cache, window, groups, rotary base, precision, adapter, experts and draft, each told with its law,
its memory and its FLOP."""

from dataclasses import replace
from functools import cache

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Slider,
    Table,
    Text,
    bars,
    demo,
    lm,
)
from topics.kit.model.adapters import with_adapter
from topics.kit.model.data import data_file, tensors
from topics.kit.model.text import decode, read
from topics.kit.numerics import in_blocks, stored, to_format
from topics.kit.page.words import counted
from topics.whole_model.cells import BY_NAME
from topics.whole_model.demos import LONGEST, SENTENCE
from topics.whole_model.method import CACHED, LAYER, OPERATIONS, numbers, sizes, walk

AS_IS, BF16, WEIGHTS, CACHE, BOTH = "FP32", "all in BF16", "weights in NVFP4", "cache in E4M3", "NVFP4 and E4M3"
TARGET, ADAPTED, MIXTURE, DRAFTED = "as trained", "with an adapter", "of experts", "with a draft"
GUESSES = 3  # words that the draft guesses before a pass
RANK = 4
BITS = {"FP32": 32, "BF16": 16, "NVFP4": 4.5, "E4M3": 8}


@demo(
    "model",
    "target",
    "draft",
    "mixture",
    "changes",
    kept=Slider("Words that the cache keeps (0: no cache)", 0, LONGEST, value=LONGEST),
    H_kv=LogSlider("Key/value heads", 1, 8, value=8),
    base=LogSlider("Rotary base", 10, 10_000, value=10_000, per_octave=1),
    kind=Choice("Numbers", (AS_IS, BF16, WEIGHTS, CACHE, BOTH), value=BOTH),
    model=Choice("Model", (TARGET, ADAPTED, MIXTURE, DRAFTED), value=TARGET),
    text=Text("Text", SENTENCE, suggest=True),
)
def switches(kept, H_kv, base, kind, model, text):
    """The last word of a text, with the words before it in the cache: what each switch does to the law of the next
    word, to memory and to FLOP."""
    words = read(text, 2, LONGEST)
    chosen = {"kept": kept, "H_kv": H_kv, "base": base, "kind": kind, "model": model}
    before, after = switched(words, **UNCHANGED), switched(words, **chosen)
    rows = [_row("nothing", words, UNCHANGED)]
    for name, setting in chosen.items():
        if setting != UNCHANGED[name]:
            rows.append(_row(LABELS[name](setting), words, UNCHANGED | {name: setting}))
    if len(rows) > 2:
        rows.append(_row("all of them", words, chosen))
    weights, cached, flops = costs_of(words, **chosen)
    return (
        _two_laws(before, after, words),
        Metrics(
            (
                "The law moved by",
                divergence(before, after),
                "nats",
                "Σ p log(p / p of the switched model), over all next words",
            ),
            ("Weights", weights / 1000, "kB", "parameters · bits / 8"),
            ("Cache", cached, "bytes", "2 · layers · heads · width · words kept · bits / 8"),
            (
                "FLOP of the next word" if model != DRAFTED else "FLOP of a pass with guesses",
                flops,
                "",
                "summed over the operations; fewer bits leave them as they are",
            ),
        ),
        Table(("switched", "law moved by (nats)", "weights (kB)", "cache (bytes)", "FLOP"), rows),
        Note(_compatible(chosen, words)),
    )


UNCHANGED = {"kept": LONGEST, "H_kv": 8, "base": 10_000, "kind": AS_IS, "model": TARGET}
LABELS = {
    "kept": lambda n: f"window of {counted(n, 'word')}" if n else "no cache",
    "H_kv": lambda n: counted(n, "key/value head"),
    "base": lambda b: f"rotary base {b:,}",
    "kind": lambda kind: kind,
    "model": lambda name: f"model {name}",
}


def _row(label, words, setting):
    weights, cached, flops = costs_of(words, **setting)
    moved = divergence(switched(words, **UNCHANGED), switched(words, **setting))
    return label, float(f"{moved:.3g}"), weights / 1000, cached, flops


def switched(words, kept, H_kv, base, kind, model):
    """The law (V,) of the word after these, each word but the last having gone through the cache."""
    words = tuple(int(word) for word in words)
    return _switched(words, kept, H_kv, base, kind, model)


@cache
def _switched(words, kept, H_kv, base, kind, model):
    network, change = prepared(model, H_kv, base, kind), in_numbers(kind)
    if not kept:
        return walk(network, words, change=change)["law", None][-1].astype(float)
    before = walk(network, words[:-1], change=change, window=kept)
    return walk(network, words[-1:], before, change, kept)["law", None][-1].astype(float)


@cache
def prepared(model, H_kv, base, kind):
    """The network of a setting: its keys and values averaged over groups, not trained for it; its base; its weights."""
    network = lm.load("mixture" if model == MIXTURE else "target")
    if model == ADAPTED:
        network = with_adapter(network, adapter(), 1.0)
    few = {f"{i}.{part}": pooled(network.weights[f"{i}.{part}"], network.H, H_kv)
           for i in range(network.L) for part in "kv"}  # fmt: skip
    network = replace(network.with_weights(few), H_kv=H_kv, base=float(base))
    if kind in (WEIGHTS, BOTH):
        w = {name: in_blocks(x, "NVFP4") for name, x in network.weights.items() if narrow(name, x)}
        return network.with_weights(w)
    if kind == BF16:
        return network.with_weights({name: in_bf16(x) for name, x in network.weights.items()})
    return network


def narrow(name, x):
    """Whether a weight is a matrix of a layer: what is kept in four bits. Embedding, norms and routers are not."""
    return name[0].isdigit() and x.ndim > 1 and not name.endswith("router")


def in_bf16(x):
    return stored(np.asarray(x, float), "BF16").astype(np.float32)  # 2¹²⁸, where its numbers end, is none of FP32


@cache
def adapter():
    """A fine-tune to courtesy at rank RANK, {name: factor}: what training/changes.py ships, cut."""
    arrays, _ = tensors(data_file("changes"))
    mine = {key.removeprefix("manners."): x for key, x in arrays.items() if key.startswith("manners.")}
    return {key: x[:RANK] if key.endswith(".A") else x[:, :RANK] for key, x in mine.items() if key[-2:] in (".A", ".B")}


def pooled(W, H, H_kv):
    """The matrix of H heads as one of H_kv: the mean of each group.

    >>> pooled(np.array([[1.0], [3.0], [5.0], [7.0]]), 4, 2).ravel().tolist()
    [2.0, 6.0]
    """
    return W.reshape(H_kv, H // H_kv, -1, W.shape[-1]).mean(1).reshape(-1, W.shape[-1])


def in_numbers(kind):
    """What happens to results: all of them rounded to BF16, or what goes into the cache to E4M3."""
    if kind == BF16:
        return lambda name, i, x, *_: None if name in ("token", "law", "draw") else in_bf16(x)
    if kind in (CACHE, BOTH):
        return lambda name, i, x, *_: to_format(x, "E4M3", saturate=True) if name in CACHED else None
    return None


def divergence(p, q):
    """Σ p log(p / q), nats (eq:moved)."""
    p, q = (np.maximum(law / law.sum(), 1e-45) for law in (p, q))
    return max(0.0, float(np.sum(p * np.log(p / q))))


def costs_of(words, kept, H_kv, base, kind, model):
    """(bytes of weights, bytes in the cache, FLOP of the next word) of a setting."""
    network = prepared(model, H_kv, base, AS_IS)
    number = BITS["BF16"] if kind == BF16 else BITS["FP32"]
    wide = BITS["NVFP4"] if kind in (WEIGHTS, BOTH) else number
    weights = sum(x.size * (wide if narrow(name, x) else number) for name, x in network.weights.items()) / 8
    c = sizes(network, 1, min(len(words), kept) - 1) if kept else sizes(network, len(words))
    held = min(len(words), kept) * numbers("H_kv D", c) * 2 * network.L
    held = held * (BITS["E4M3"] if kind in (CACHE, BOTH) else number) / 8
    flops = pass_flops(network, c)
    if model == ADAPTED:  # its factors, applied beside the matrices
        extra = sum(x.size for x in adapter().values())
        weights, flops = weights + extra * number / 8, flops + 2 * c.T * extra
    if model == DRAFTED:
        draft = lm.load("draft")
        weights += sum(x.size for x in draft.weights.values()) * number / 8
        held += min(len(words), kept) * numbers("H_kv D", sizes(draft, 1)) * 2 * draft.L * number / 8
        guess = sizes(draft, 1, min(len(words), kept) - 1) if kept else sizes(draft, len(words))
        check = sizes(network, GUESSES + 1, c.S - 1) if kept else sizes(network, len(words) + GUESSES)
        flops = GUESSES * pass_flops(draft, guess) + pass_flops(network, check)
    return weights, held, int(flops)


def pass_flops(network, c):
    """FLOP of a pass; a mixture's experts and router take the place of its gate, silu, up, hidden and down."""
    total = sum(op.flops(c) * (network.L if op in LAYER else 1) for op in OPERATIONS)
    if "0.router" not in network.weights:
        return total
    feed = [BY_NAME[name] for name in ("gate", "silu", "up", "hidden", "down")]
    E, F, _ = network.weights["0.gate"].shape
    active = c._replace(F=network.active * F)
    inside = sum(op.flops(active) - op.flops(c) for op in feed)
    return total + network.L * (inside + c.T * (2 * E * c.d + 5 * E))


SHOWN = 8


def plain(x):
    """Two digits that count, without an exponent.

    >>> plain(5.449e-5), plain(6.67)
    ('0.000054', '6.7')
    """
    return np.format_float_positional(x, precision=2, fractional=False, trim="-")


def _two_laws(before, after, words):
    top = np.argsort(-np.maximum(before, after).round(6), kind="stable")[:SHOWN]
    names, last = decode(top), decode(words[-1:])[0]
    return Figure(
        [bars(names, before[top], "before", "reference"), bars(names, after[top], "switched", "output")],
        x_title="Next word",
        y_title="Probability",
        alt=f"After “{last}”, before and switched: "
        + "; ".join(f"{w} {before[k]:.3f}, {after[k]:.3f}" for w, k in list(zip(names, top, strict=True))[:4])
        + f". The law moved by {plain(divergence(before, after))} nats.",
        barmode="group",
        yaxis={"range": [0, 1.05]},
        legend={"orientation": "h", "y": 1.15},
    )


def _compatible(chosen, words):
    """What a reader should know of the model that is chosen, and of what does not go together."""
    told = {
        TARGET: "All switches go together.",
        ADAPTED: f"The adapter (rank {RANK}) learnt courtesy on the target's own matrices, so it can't sit on the "
        "mixture. The law is of a merged one, rounded with them; memory and FLOP are of one kept apart in FP32.",
        MIXTURE: "The mixture is another model, trained alike: it has its own law, no adapter was made for it, and "
        "a word passes two of eight experts.",
        DRAFTED: "A draft never moves the law: the target checks its guesses, all in one pass.",
    }[chosen["model"]]
    if chosen["model"] == DRAFTED:
        words = tuple(int(word) for word in words)
        target, draft = (_law_of(name, words) for name in ("target", "draft"))
        told += (f" It guesses {GUESSES} words, and its guess for this one is accepted with "
                 f"{100 * float(np.minimum(target, draft).sum()):.0f} %; the FLOP are those of a pass, in which up to "
                 f"{GUESSES + 1} words are won.")  # fmt: skip
    few = chosen["H_kv"] < 8
    return told + (" Key/value heads are averaged here without training: models are trained with few." if few else "")


@cache
def _law_of(name, words):
    return walk(lm.load(name), words)["law", None][-1].astype(float)
