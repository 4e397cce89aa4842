"""The walk of the house model with one operation left out, and the walk backwards."""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Text,
    Tokens,
    demo,
    lm,
    points,
)
from topics.kit.model.autograd import value
from topics.kit.model.text import decode, encode, held_out, read
from topics.kit.page.words import counted, raised, short
from topics.whole_model.cells import BY_NAME, NAMES, layer_of, table
from topics.whole_model.demos import LONGEST, SENTENCE
from topics.whole_model.method import walk, way_back

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
    where = f"in layer {layer}" if layer and broken != "last norm" else "after the layers" if layer else "in all layers"
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
            x_title="Nats a word above the floor",
            y_title="",
            alt=f"{TEXTS} texts, left out {where}. Whole: {short(losses[WHOLE])} nats above the floor. Without "
            f"{broken}: {short(losses[broken])}. Worst: {worst[0]}, {short(losses[worst[0]])}, then {worst[1]}, "
            f"{short(losses[worst[1]])}; least: {worst[-1]}, {short(losses[worst[-1]])}.",
            height=60 + 26 * len(order),
            margin={"l": 180},
            xaxis={"type": "log", "range": [-3.2, high + 0.3], "tickvals": ticks,
                   "ticktext": [f"{t:g}" if t > LEAST else "at or below" for t in ticks]},
            showlegend=False,
        ),
        Metrics(
            ("Whole", losses[WHOLE], "nats", "above the floor: what no model could know is taken off"),
            (f"Without {broken}", losses[broken], "nats", f"{where}, {counted(TEXTS, 'text')}"),
        ),
        *_below(losses),
        Tokens(decode(written_without(broken, layer)), None, caption=f"What it writes without {broken} {where}, taking "
               "the likeliest word each time, after “[blunt] facts :”."),
    )  # fmt: skip


LEAST = 0.001  # nats: the axis begins here


def _below(losses):
    """A note on what stands below the floor, if anything does."""
    under = [name for name, x in losses.items() if x < -LEAST and name != WHOLE]
    told = f"Below the floor without {', '.join(under)}: the model read next words that it should not see."
    return [Note(told)] if under == ["mask"] else []


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
        table(name, grads, i, full_target(), **shown, ink="gradient",
              title=f"Gradient of the loss by {name}{_of(name, head)}"),
        table(name, forward, i, full_target(), **shown, title=f"{name[0].upper()}{name[1:]} itself"),
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


def _of(name, head):
    """Which head or which word a table is of."""
    shape = BY_NAME[name].shape
    if "H" in shape.split() or "H_kv" in shape:
        return f", head {head}"
    return " of the last word" if shape[-1] in "dF" else ""


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
    "embedding": "The end of the way. E is used twice: these words' rows get this gradient, and all rows get "
    "theirs from the logits.",
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
