"""Grouped-query attention in the house model: trained with groups, or converted to them."""

from dataclasses import replace
from functools import cache

import numpy as np

from topics.gqa.method import alike, convert_mha_to_gqa, likeness, turn_heads
from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Matrix,
    Metrics,
    Note,
    Seed,
    Slider,
    Table,
    Toggle,
    bars,
    demo,
    label,
    line,
    lm,
    max_abs_difference,
    points,
    rule,
)
from topics.kit.model.losses import above_floor, quoted_texts
from topics.kit.model.recorded import HEADS, POOLED
from topics.kit.model.text import encode, held_out
from topics.kit.page.words import counted
from topics.kit.real.costs import cache_bytes

CONVERTED = (4, 2, 1)


AT_ONCE, TRAINED_ON, FROM_START = "averaged, at once", "averaged, trained on", "few from the start"
FINISHED = "finished model"


TEXTS = 4  # held-out texts to a measurement of a demo


@demo(
    "model",
    "target",
    H_kv=LogSlider("Key/value heads", 1, 8, value=4),
    few=Toggle("Show models with few heads from the start"),
    seed=Seed("Texts"),
)
def loss_against_cache(H_kv, few, seed):
    """What fewer key/value heads cost a model whose heads were averaged, and models that never had more."""
    model, at_once = lm.load("target"), averaged(seed)
    bytes_of, whole = {h: cache_bytes(1, model.L, h, model.D) for h in at_once}, at_once[8]
    after = {8: whole} | {h: POOLED[h]["after"] for h in CONVERTED}
    x, places = list(bytes_of.values()), {h: np.log10(n) for h, n in bytes_of.items()}
    top = max(8, 1.2 * max(at_once.values()))
    traces = [
        line(x, list(at_once.values()), AT_ONCE, "error", "dot", mode="lines+markers"),
        line(x, list(after.values()), TRAINED_ON, "output", "dash", mode="lines+markers"),
        points([bytes_of[8]], [whole], FINISHED, "reference", "diamond"),
    ]
    texts_beside = [
        *(
            label(places[h], 0.97 * top, text, yanchor="top", xanchor="left", xshift=5)
            for h, text in zip(places, ("8", "4", "2", "1 head"), strict=True)
        ),
        label(places[2], at_once[2], AT_ONCE, yanchor="bottom", xanchor="left", yshift=6),
        label(places[1], after[1], TRAINED_ON, xanchor="left", yanchor="bottom", yshift=8),
        label(places[8], 0, FINISHED, xanchor="right", yanchor="top", xshift=8, yshift=-8),
    ]
    if few:
        traces += [
            line(x, [trained(h) for h in bytes_of], FROM_START, "key"),
            points([n for h, n in bytes_of.items() for _ in HEADS[h]], [y for h in bytes_of for y in HEADS[h]],
                   "each run", "key"),
        ]  # fmt: skip
        texts_beside += [label(places[2], 0, FROM_START, yanchor="top", yshift=-8)]
    told = "the finished model " + f"{whole:.2f}" if H_kv == 8 else (
        f"averaged at once {at_once[H_kv]:.2f}, trained on {after[H_kv]:.2f}")  # fmt: skip
    figure = Figure(
        traces,
        x_title="Cache of a word (bytes)",
        y_title="Loss above the floor (nats a word)",
        alt=f"{counted(H_kv, 'key/value head')}, {bytes_of[H_kv]:,} bytes a word, above the floor: {told}"
        + (f", so few from the start {trained(H_kv):.2f}" if few else "") + ".",
        height=380,
        xaxis={"type": "log", "tickvals": x, "ticktext": [f"{n:,}" for n in x],
               "range": [np.log10(220), np.log10(2500)]},
        yaxis={"range": [-0.1 * top, top]},
        showlegend=False,
        shapes=[rule(x=bytes_of[H_kv])],
        annotations=texts_beside,
    )  # fmt: skip
    rows = [
        ("Cache of a word", bytes_of[H_kv], "bytes", f"2 · {model.L} · {H_kv} · {model.D} · 2"),
        ("Averaged, at once", at_once[H_kv], "nats", f"measured here, on {TEXTS} texts"),
        ("Averaged, trained on", after[H_kv], "nats",
         "the finished model" if H_kv == 8 else "one recorded run: training/results"),
    ]  # fmt: skip
    if few:
        rows.append(("So few from the start", trained(H_kv), "nats", f"mean of recorded runs: {len(HEADS[H_kv])}"))
    return (
        figure,
        Metrics(*rows),
        Note("The finished model itself has 8 key/value heads: there is nothing to average." if H_kv == 8 else
             "Averaged at once: measured here, on texts that training never saw. The rest are recorded runs."),
    )  # fmt: skip


@cache
def averaged(seed):
    """Nats above the floor on the headline's texts: of the finished model (8 heads), and with its heads averaged."""
    model, texts = lm.load("target"), held_out(TEXTS, start=TEXTS * seed)
    return {H_kv: above_floor(converted(model, H_kv, "neighbours"), texts) for H_kv in (8, *CONVERTED)}


def trained(H_kv):
    """The mean recorded loss above the floor of models trained with H_kv key/value heads."""
    return sum(HEADS[H_kv]) / len(HEADS[H_kv])


def runs_told():
    """How many runs a number of key/value heads has, in words."""
    counts = sorted({len(runs) for runs in HEADS.values()})
    return " to ".join(("no", "one", "two", "three")[n] for n in dict.fromkeys((counts[0], counts[-1])))


def seeds_apart():
    """How far apart runs are, at most, that differ in their seed alone."""
    return max(max(runs) - min(runs) for runs in HEADS.values())


def late(H_kv):
    """How many of the recorded runs had not learnt to look up what was said: it puts them so far above the floor."""
    return sum(loss > 0.07 for loss in HEADS[H_kv])


def heads_of(model, i):
    """Layer i of the house model head by head: W_q, W_k, W_v (H, d, D) and W_o (H, D, d)."""
    q, k, v = (model.weights[f"{i}.{part}"].reshape(-1, model.D, model.d).swapaxes(1, 2) for part in "qkv")
    return *(W.astype(float) for W in (q, k, v)), model.weights[f"{i}.o"].T.reshape(-1, model.D, model.d).astype(float)


def with_heads(model, layers):
    """The house model with other heads: layers is a list of what heads_of gives."""
    changed = {}
    for i, (*qkv, W_o) in enumerate(layers):
        flat = {part: W.swapaxes(1, 2).reshape(-1, model.d) for part, W in zip("qkv", qkv, strict=True)}
        flat["o"] = W_o.reshape(-1, model.d).T
        changed |= {f"{i}.{part}": np.ascontiguousarray(W, np.float32) for part, W in flat.items()}
    return replace(model.with_weights(changed), H_kv=len(layers[0][1]))


GROUPINGS = ("neighbours", "drawn", "alike")


SHORT = "[blunt] facts : dogs eat cheese . ducks eat apples ."


def groups_of(model, i, kind, H_kv, turned=False, seed=0):
    """Which heads of layer i share: neighbours, drawn at random, or alike (as they are, or once turned). (H_kv, G)"""
    if kind == "alike":
        _, W_k, W_v, _ = heads_of(model, i)
        return alike(likeness(W_k, W_v, turned), H_kv)
    heads = np.arange(model.H) if kind == "neighbours" else np.random.default_rng((seed, i)).permutation(model.H)
    return heads.reshape(H_kv, -1)


def turned_heads(model, groups):
    """The house model with the heads of each layer turned: groups has an array for each layer."""
    return with_heads(model, [turn_heads(*heads_of(model, i), groups[i]) for i in range(model.L)])


def converted(model, H_kv, kind, turned=False, seed=0):
    """The house model with its key/value heads pooled to H_kv in each layer."""
    groups = [groups_of(model, i, kind, H_kv, turned, seed) for i in range(model.L)]
    if turned:
        model = turned_heads(model, groups)
    return with_heads(model, [convert_mha_to_gqa(*heads_of(model, i), groups[i]) for i in range(model.L)])


@cache
def measured(H_kv, kind="neighbours", turned=False, seed=0):
    """For the page's text: nats above the floor of the converted house model."""
    return above_floor(converted(lm.load("target"), H_kv, kind, turned, seed), quoted_texts())


def mean_likeness(turned):
    """The mean likeness of two heads of one layer of the house model."""
    model = lm.load("target")
    return float(np.mean([_pairs(likeness(*heads_of(model, i)[1:3], turned)) for i in range(model.L)]))


def best_likeness():
    """The likeness of the two heads of the house model that are most alike when turned."""
    model = lm.load("target")
    return float(max(_pairs(likeness(*heads_of(model, i)[1:3], True)).max() for i in range(model.L)))


def unrelated():
    """The mean likeness, turned, of random projections of the house model's shape."""
    model, rng = lm.load("target"), np.random.default_rng(0)
    return float(_pairs(likeness(*rng.normal(size=(2, model.H, model.d, model.D)), True)).mean())


def _pairs(S):
    return S[~np.eye(len(S), dtype=bool)]


def draws(H_kv, turned=False, n=5):
    """`measured` of n random groupings: their mean."""
    return float(np.mean([measured(H_kv, "drawn", turned, seed) for seed in range(n)]))


@demo(
    "model",
    "target",
    layer=Slider("Layer shown", 1, 4, value=1),
    H_kv=Choice("Key/value heads", CONVERTED, value=4),
    turned=Toggle("Turn heads towards each other first"),
    seed=Seed("Texts and draw"),
)
def choose_groups(layer, H_kv, turned, seed):
    """Which heads to pool: the likeness of the house model's heads, and the loss after pooling."""
    model, losses = lm.load("target"), losses_of_groupings(H_kv, turned, seed)
    groups = {kind: groups_of(model, layer - 1, kind, H_kv, turned, seed) for kind in GROUPINGS}
    S = likeness(*heads_of(model, layer - 1)[1:3], turned)
    order = np.concatenate(groups["alike"])
    names = [str(h + 1) for h in order]
    cells = [[None if i == j else round(float(S[i, j]), 2) for j in order] for i in order]
    how = "turned first" if turned else "as they are"
    figure = Figure(
        [bars(GROUPINGS, losses, how, "key" if turned else "error", text=[f"{x:.2f}" for x in losses])],
        x_title="Groups",
        y_title="Above the floor (nats a word)",
        alt=f"8 heads pooled to {H_kv}, {how}, above the floor: " + ", ".join(
            f"{x:.2f} for {kind}" for kind, x in zip(GROUPINGS, losses, strict=True))
        + f". Likeness in layer {layer}: {_pairs(S).min():.2f} to {_pairs(S).max():.2f}.",
        height=260,
        yaxis={"range": [0, max(4.5, 1.15 * max(losses))]},
    )  # fmt: skip
    same = turned_heads(model, [groups_of(model, i, "neighbours", H_kv) for i in range(model.L)]) if turned else model
    few = encode(SHORT)
    return (
        figure,
        Matrix(cells, names, names, f"Layer {layer}: likeness of heads, {how}; those pooled as alike side by side",
               "key", blank="itself"),
        Table(["groups", f"which heads share, layer {layer}"],
              [[kind, ", ".join("+".join(str(h + 1) for h in sorted(each)) for each in groups[kind])]
               for kind in GROUPINGS]),
        Badge("Before pooling, against the model: max|Δ| of the logits",
              max_abs_difference(lm.forward(same, few), lm.forward(model, few)), 1e-3),
    )  # fmt: skip


def over_seeds(n=6):
    """For the page's text: the bar of neighbours, four heads, not turned, for the demo's first n seeds."""
    return [losses_of_groupings(4, False, seed)[0] for seed in range(n)]


@cache
def losses_of_groupings(H_kv, turned, seed):
    """Nats above the floor for each of GROUPINGS, on the texts of choose_groups: the same for every layer it shows."""
    model, texts = lm.load("target"), held_out(TEXTS, start=TEXTS * seed)
    return [above_floor(converted(model, H_kv, kind, turned, seed), texts) for kind in GROUPINGS]
