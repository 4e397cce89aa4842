"""The walk changed: switched, with one operation left out, and walked backwards."""

from dataclasses import replace
from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Text,
    Tokens,
    bars,
    demo,
    lm,
    points,
)
from topics.kit.model.adapters import with_adapter
from topics.kit.model.autograd import value
from topics.kit.model.data import data_file, tensors
from topics.kit.model.text import decode, encode, held_out, read
from topics.kit.numerics import in_blocks, stored, to_format
from topics.kit.page.words import counted, raised, short
from topics.whole_model.cells import BY_NAME, NAMES, layer_of, table
from topics.whole_model.demos import LONGEST, SENTENCE
from topics.whole_model.method import CACHED, LAYER, OPERATIONS, numbers, sizes, walk, way_back

# ---- switches

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
            ("The law moved by", divergence(before, after), "nats", "Σ p log(p / p̂) over the next words"),
            ("Weights", weights / 1000, "kB", "parameters · bits / 8"),
            ("Cache", cached, "bytes", "2 · layers · heads · width · words kept · bits / 8"),
            ("FLOP of the next word", flops, "", "summed over the operations"),
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
    return stored(x, "BF16").astype(np.float32)


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
        "mixture. Merged into them it would cost no FLOP; here it is counted apart.",
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


# ---- one operation left out

LEFT_OUT = {  # (operations, the input that goes on in the place of the result)
    "attention norm": (("attention norm",), 0),
    "rotation": (("rotated query", "rotated key"), 0),
    "mask": (("mask",), 0),
    "attention": (("attention residual",), 0),
    "stream past attention": (("attention residual",), 1),
    "feed norm": (("feed norm",), 0),
    "silu": (("silu",), 0),
    "gate": (("hidden",), 1),
    "feed-forward": (("residual",), 0),
    "stream past feed-forward": (("residual",), 1),
    "last norm": (("last norm",), 0),
}
TEXTS, WHOLE = 4, "nothing"


@demo(
    "model",
    "target",
    layer=Slider("Layer (0: all of them)", 0, 4, value=0),
    broken=Choice("Break it: leave out", tuple(LEFT_OUT), value="rotation"),
    seed=Seed("Texts"),
)
def leave_one_out(layer, broken, seed):
    """The house model without one operation, its input going on instead: nats a word above the floor, and a text that
    it then writes."""
    losses = {}
    for n, name in enumerate((WHOLE, *LEFT_OUT)):
        yield Progress(n, len(LEFT_OUT) + 1, name)
        losses[name] = excess(name, layer, seed)
    where = f"in layer {layer}" if layer else "in all layers"
    worst = sorted(LEFT_OUT, key=losses.get, reverse=True)
    order = list(reversed(losses))
    shown = [max(losses[name], LEAST) for name in order]
    high = np.log10(max(shown))
    ticks = [10.0**k for k in range(-3, int(high) + 1)]
    yield (
        Figure(
            [
                points(shown, order, "left out", "reference", marker={"size": 9}),
                points([max(losses[broken], LEAST)], [broken], "chosen", "error", "diamond", marker={"size": 14}),
            ],
            x_title=f"Nats a word above the floor ({LEAST} or more)",
            y_title="",
            alt=f"{TEXTS} texts, left out {where}. Whole: {short(losses[WHOLE])} nats above the floor. Without "
            f"{broken}: {short(losses[broken])}. Worst: {worst[0]}, {short(losses[worst[0]])}, then {worst[1]}, "
            f"{short(losses[worst[1]])}; least: {worst[-1]}, {short(losses[worst[-1]])}.",
            height=60 + 26 * len(order),
            margin={"l": 180},
            xaxis={"type": "log", "range": [-3.2, high + 0.3], "tickvals": ticks,
                   "ticktext": [f"{t:g}" for t in ticks]},
            showlegend=False,
        ),
        Metrics(
            ("Whole", losses[WHOLE], "nats", "above the floor: what no model could know is taken off"),
            (f"Without {broken}", losses[broken], "nats", f"{where}, {counted(TEXTS, 'text')}"),
        ),
        Tokens(decode(written_without(broken, layer)), None, caption=f"What it writes without {broken} {where}, taking "
               "the likeliest word each time, after “[blunt] facts :”."),
    )  # fmt: skip


LEAST = 0.001  # nats: the axis begins here


def left_out(name, layer):
    """A change of the walk that leaves an operation out in one layer, or in all (0)."""
    if name == WHOLE:
        return None
    operations, stays = LEFT_OUT[name]

    def change(each, i, x, *made_of):
        if each in operations and (layer in (0, i if i is None else i + 1) or i is None):
            return made_of[stays]
        return None

    return change


@cache
def excess(name, layer, seed):
    """Nats a word above the floor of the target without an operation, on TEXTS short texts that no training saw."""
    return excess_of(full_target(), name, layer, seed)


def excess_of(model, name, layer, seed):
    """The same of any model in FP64: without its norms numbers grow beyond FP32."""
    loss, n = 0.0, 0
    for each in texts(seed):
        words = encode(each.words)
        with np.errstate(over="ignore"):
            seen = walk(model, words[:-1], change=left_out(name, layer))
        z = seen["logits", None]
        log_p = z - z.max(-1, keepdims=True)
        log_p = log_p - np.log(np.exp(log_p).sum(-1, keepdims=True))
        loss += sum(each.log_probs[1:]) - float(log_p[np.arange(len(words) - 1), words[1:]].sum())
        n += len(words) - 1
    return loss / n


@cache
def texts(seed):
    """Held-out texts, at most 28 words each."""
    found, start = [], 40_000 + 100 * seed
    while len(found) < TEXTS:
        found += [each for each in held_out(1, start=start) if len(each.words) <= 28]
        start += 1
    return found


@cache
def written_without(name, layer, n=12):
    words = encode("[blunt] facts :").tolist()
    for _ in range(n):
        with np.errstate(over="ignore"):
            z = walk(full_target(), words, change=left_out(name, layer))["logits", None]
        words.append(int(z[-1].argmax()))
    return words


# ---- backwards

ENDS = tuple(name for name in NAMES if name not in ("token", "draw"))


@demo(
    "model",
    "target",
    step=Slider("Operation, from the loss back", 1, len(ENDS), value=2, names=ENDS[::-1]),
    layer=Slider("Layer", 1, 4, value=3),
    head=Slider("Head", 1, 8, value=1),
    text=Text("Text", SENTENCE, suggest=True),
    true=Text("True next word", "fish", suggest=True, limit=20, examples=("cheese",)),
)
def backwards(step, layer, head, text, true):
    """The loss of one true next word, and how each number on the way would have to move: its gradient."""
    words, (target, *_) = read(text, 2, LONGEST), read(true, 1, 1)
    name, i = ENDS[::-1][step - 1], layer - 1
    loss, kept, grads = differentiated(tuple(int(word) for word in words), int(target))
    at = layer_of(name, i)
    names, place = decode(words), len(words) - 1
    law = value(kept["law", None])[-1]
    others = [k for k in np.argsort(-law.round(9), kind="stable") if k != target][:11]
    top = np.array([target, *others])
    forward = {key: value(x) for key, x in kept.items()}
    cell, slope, found = finite_difference(words, target, name, at)
    shown = {"words": names, "place": place, "head": head - 1, "top": top}
    return (
        _norms(grads, name, i, loss, true, names),
        Metrics(
            ("Loss", loss, "nats", f"−log of the probability of “{decode([target])[0]}”"),
            ("Its probability", 100 * float(law[target]), "%", ""),
            ("Norm of this gradient", float(np.linalg.norm(grads[name, at])), "", "of all words together"),
        ),
        table(name, grads, i, full_target(), **shown, ink="gradient", title=f"gradient of the loss by {name}"),
        table(name, forward, i, full_target(), **shown, title=f"{name} itself"),
        Badge(f"Steepest cell {_cell(cell)} moved a little: loss against gradient, |Δ| / |gradient|",
              abs(found - slope) / max(abs(slope), 1e-12), 1e-5),
        Note(_way_back(name)),
    )  # fmt: skip


@cache
def full_target():
    """The target in FP64, so that a finite difference says something."""
    model = lm.load("target")
    return model.with_weights({name: w.astype(float) for name, w in model.weights.items()})


@cache
def differentiated(words, true):
    return way_back(full_target(), words, true)


def finite_difference(words, true, name, i, step=1e-4):
    """(a tensor's cell with the steepest gradient, that gradient, what moving the cell by ±step does to the loss)."""
    _, kept, grads = differentiated(tuple(int(word) for word in words), int(true))
    cell = np.unravel_index(int(np.abs(grads[name, i]).argmax()), grads[name, i].shape)
    x = abs(float(value(kept[name, i])[cell]))
    step = step * (x if name == "law" else max(x, 0.1))

    def loss(by):
        def move(each, layer, x, *_):
            if (each, layer) != (name, i):
                return None
            x = x.copy()
            x[cell] += by
            return x

        return -np.log(walk(full_target(), words, change=move)["law", None][-1, true])

    return cell, float(grads[name, i][cell]), float(loss(step) - loss(-step)) / (2 * step)


def _cell(cell):
    return "(" + ", ".join(str(k + 1) for k in cell) + ")"


def _norms(grads, name, i, loss, true, words):
    norms = {each: float(np.linalg.norm(grads[each, layer_of(each, i)])) for each in ENDS[::-1]}
    shown = {each: max(x, 1e-12) for each, x in norms.items()}
    low, high = np.log10(min(shown.values())), np.log10(max(shown.values()))
    ticks = [10.0**k for k in range(int(np.floor(low)), int(np.ceil(high)) + 1)]
    ticks = ticks[:: max(1, len(ticks) // 5)]
    order = list(reversed(shown))  # the loss's end stands at the top
    return Figure(
        [
            points([shown[each] for each in order], order, "norm", "gradient", marker={"size": 8}),
            points([shown[name]], [name], "chosen", "query", "diamond", marker={"size": 14}),
        ],
        x_title="Norm of the gradient",
        y_title="",
        alt=f"True word “{true}” after “{words[-1]}”: loss {loss:.3g} nats. Norms of the gradient in layer {i + 1}: "
        + ", ".join(f"{each} {norms[each]:.2g}" for each in ("logits", "residual", "softmax", "query", "embedding"))
        + f". Chosen: {name}, {norms[name]:.2g}.",
        height=60 + 22 * len(order),
        xaxis={"type": "log", "range": [low - 0.3, high + 0.3], "tickvals": ticks,
               "ticktext": [f"{t:g}" if 1e-3 < t < 1e4 else f"10{raised(round(np.log10(t)))}" for t in ticks]},
        margin={"l": 140},
        showlegend=False,
    )  # fmt: skip


BACK = {
    "law": "−1/p at the true word, nothing elsewhere.",
    "logits": "The law, less 1 at the true word: what is too likely is pushed down by just its probability.",
    "mask": "Softmax passes w · (ḡ − Σ w ḡ) back: where the weight is near 0 or 1, hardly anything.",
    "scores": "What was masked gets no gradient.",
    "residual": "A sum hands the same gradient to both its parts: the stream has a way back past every layer.",
    "attention residual": "A sum hands the same gradient to both its parts.",
    "embedding": "The end of the way: of the embedding's matrix the rows of these words move.",
    "rotated query": "From the scores: the keys, weighted by the scores' gradients.",
    "rotated key": "From the scores: the queries of all words that look here.",
    "query": "Turned back by the same angle.",
    "key": "Turned back by the same angle.",
    "value": "From the mixing: what each word gave, it is told of.",
    "softmax": "From the mixing: how well each value fits what is wanted.",
}


def _way_back(name):
    if name in BACK:
        return BACK[name]
    if name.endswith("norm"):
        return "From the matrices that read it, all added up."
    return "The next operation's gradient, through that operation's own inputs."
