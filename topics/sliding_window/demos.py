"""What the page on sliding-window attention shows."""

import numpy as np

from topics.kit import (
    GIB,
    MODELS,
    Badge,
    Choice,
    Figure,
    Frame,
    LogSlider,
    Matrix,
    Metrics,
    Note,
    Seed,
    Slider,
    Steps,
    bars,
    demo,
    label,
    max_abs_difference,
    rule,
    softmax,
)
from topics.kit.numerics import position_vector
from topics.kit.page.words import beyond, counted
from topics.kit.real.costs import kept, text_bytes
from topics.sliding_window.method import (
    global_layers,
    mass_reach,
    near_and_far,
    receptive_field,
    respaced,
    rolling_cache,
    sliding_window_mask,
    weight_by_distance,
)

# ---- how far the weights really reach

KINDS = {"alike": 0.0, "random": 1.5, "the furthest word only": None}


def layer_weights(kind, L, T, W, seed):
    """Weights (L, T, T) of L windowed layers: even, of random queries and keys, or all on the window's far end."""
    mask = sliding_window_mask(T, W)
    if KINDS[kind] is None:
        far = np.maximum(np.arange(T) - W + 1, 0)
        return np.tile(np.eye(T)[far], (L, 1, 1))
    q, k = np.random.default_rng(seed).normal(size=(2, L, T, 8))
    scores = KINDS[kind] * q @ k.transpose(0, 2, 1) / np.sqrt(8)
    return softmax(np.where(mask, scores, -np.inf))


@demo(
    W=Slider("Window W", 1, 12, value=8, unit="words"),
    L=Slider("Layers L", 1, 8, value=4),
    kind=Choice("A word's weights", tuple(KINDS), value="alike"),
    share=Slider("A layer's share of its output", 0.05, 1.0, value=1.0, step=0.05),
    seed=Seed(),
)
def reach_through_layers(W, L, kind, share, seed):
    """How much of a word that stands further back is left in the last word, after every layer has mixed."""
    n = receptive_field(L, W)
    weight = weight_by_distance(layer_weights(kind, L, n, W, seed), share)
    most = mass_reach(weight)
    mask = [[1 if seen else None for seen in row] for row in sliding_window_mask(12, W)]
    names = [str(i + 1) for i in range(12)]
    top = 110 * float(weight.max())
    figure = Figure(
        [bars(np.arange(n), 100 * weight, "weight", "weight")],
        x_title="Words back",
        y_title="Share in the last word (%)",
        alt=f"W = {W}, {counted(L, 'layer')}, weights: {kind}, a layer's share of its output {share:g}. The "
        f"furthest of {counted(n, 'word')} is {n - 1} back; 90 % of the weight lies within {most} words back.",
        xaxis={"range": [-1, n + 0.5]},
        yaxis={"range": [0, 1.12 * top]},
        shapes=[rule(x=most + 0.5)],
        annotations=[
            label(most + 0.5, 1.1 * top, " 90 % " if n > 1 else "", yanchor="top",
                  xanchor="left" if most < 0.6 * n else "right")
        ],
        showlegend=False,
    )  # fmt: skip
    return (
        figure,
        Metrics(
            ("Furthest word", n - 1, "back", f"{L} · ({W} − 1)"),
            ("Receptive field", n, "words", "and itself"),
            ("90 % of the weight within", most, "back", f"{100 * most / max(n - 1, 1):.0f} % of the way"),
            ("Weight of the word itself", round(100 * float(weight[0]), 1), "%", "that of 0 words back"),
        ),
        Matrix(mask, names, names, "One layer's mask: rows ask, columns answer", "key"),
    )


# ---- the rolling cache, step by step

FAULTS = ("none", "the mask counts W + 1 words", "take the slot for the position")


SHOWN = 7


@demo(
    W=Slider("Slots W", 1, 5, value=3),
    fault=Choice("Break it", FAULTS, value="none"),
    seed=Seed(),
)
def roll(W, fault, seed):
    """One head of width 4 reads seven tokens with W slots for keys and values, against the window mask."""
    D = 4
    rng = np.random.default_rng(seed)
    W_q, W_k, W_v = rng.normal(0, 1, (3, D, D))
    tokens = rng.normal(size=(SHOWN, D))
    q, k, v = (np.array([x + position_vector(t, D) for t, x in enumerate(tokens)]) @ M for M in (W_q, W_k, W_v))
    mask = sliding_window_mask(SHOWN, W + 1 if fault == "the mask counts W + 1 words" else W)
    exact = softmax(np.where(mask, q @ k.T / np.sqrt(D), -np.inf)) @ v  # (T, D), all rows kept
    K, V, held, frames, off = np.zeros((W, D)), np.zeros((W, D)), [None] * W, [], []
    for t in range(SHOWN):
        row = q[t], k[t], v[t]
        if fault == "take the slot for the position":
            row = tuple((tokens[t] + position_vector(t % W, D)) @ M for M in (W_q, W_k, W_v))
        K, V, n = rolling_cache(row[1], row[2], K, V, t)
        gone, held[t % W] = held[t % W], t
        w = softmax(K[:n] @ row[0] / np.sqrt(D))
        off.append(max_abs_difference(w @ V[:n], exact[t]))
        frames.append(_roll_frame(t, held, gone, K, w))
    wrong = ", ".join(str(t) for t, x in enumerate(off) if x > 1e-12)
    note = Note(f"Outputs differ at tokens {wrong}.", "warning") if wrong else Note("No output differs.")
    return Steps(*frames), Badge("Rolled against masked, all tokens: max|Δ|", max(off), 1e-12), note


def _roll_frame(t, held, gone, K, w):
    """A step of `roll`: held names the token in each slot, gone the one that was overwritten."""
    W, n = len(K), len(w)
    slots = [f"slot {s}: " + ("empty" if token is None else f"token {token}")
             for s, token in enumerate(held)]  # fmt: skip
    over = "was empty" if gone is None else f"held token {gone}"
    return Frame(
        f"Token {t} goes to slot {t} mod {W} = {t % W}. The slot {over}.",
        Matrix([[float(f"{x:.1f}") if s < n else None for x in row] for s, row in enumerate(K)],
               slots, ["1", "2", "3", "4"], "Keys in the buffer", "key", blank="empty"),
        Matrix(w[None].round(3), [f"token {t} asks"], [f"token {held[s]}" for s in range(n)], "Weights", "weight"),
    )  # fmt: skip


# ---- local and global layers


REAL = ("Mistral 7B", "Gemma 2 27B", "Gemma 3 27B", "gpt-oss-20b", "Qwen3-Next-80B-A3B", "Gemma 4 31B")

RATIOS = {"all global": 0, "1 : 1": 1, "3 : 1": 3, "5 : 1": 5, "11 : 1": 11, "all local": None}


def own_ratio(model):
    """A model's own of RATIOS."""
    n = near_and_far(model)[1].n
    return next(text for text, local in RATIOS.items() if global_layers(model.L, local) == n)


def rewindowed(name, W):
    """A model of the kit, with another window in those of its layers that have one."""
    m = MODELS[name]
    return m._replace(layers=tuple(layers._replace(window=layers.window and W) for layers in m.layers))


def cache_gib(name, T, W=None, ratio="own"):
    """GiB of one text's cache at 16 bits: of a real model as it is, or with another window or ratio."""
    m = rewindowed(name, W) if W else MODELS[name]
    return text_bytes(m if ratio == "own" else respaced(m, RATIOS[ratio]), T) / GIB


@demo(
    W=LogSlider("Window W of a local layer", 128, 8192, value=1024, unit="tokens"),
    T=LogSlider("Context length", 1024, 262_144, value=131_072, unit="tokens"),
    name=Choice("Model", REAL, value="Gemma 3 27B"),
)
def local_and_global(W, T, name):
    """The cache of one text, by how many layers that forget stand before each layer that sees everything."""
    m, own = MODELS[name], own_ratio(MODELS[name])
    kinds = {text: global_layers(m.L, local) for text, local in RATIOS.items()}
    whole = np.array([n * kept(near_and_far(m)[1], T) * 2 / GIB for n in kinds.values()])
    total = np.array([cache_gib(name, T, W, text) for text in kinds])
    at = list(RATIOS).index(own)
    figure = Figure(
        [
            bars(list(kinds), whole, "global layers", "key"),
            bars(list(kinds), total - whole, "local layers", "reference",
                 text=[f"{x / total[0]:.0%}" if x < total[0] else f"{x:.3g}" for x in total],
                 textposition="outside", constraintext="none"),
        ],
        x_title="Local to global layers",
        y_title="Cache of one text (GiB)",
        alt=f"{name}, T = {T:,}, W = {W:,}: " + ", ".join(
            f"{text} {x:.3g} GiB" for text, x in zip(kinds, total, strict=True)) + ".",
        barmode="stack",
        yaxis={"range": [0, 1.18 * total.max()]},
    )  # fmt: skip
    return (
        figure,
        Metrics(
            (f"Cache, {own}", float(total[at]), "GiB", f"{kinds[own]} of {m.L} layers see everything"),
            (
                "Of all global",
                round(100 * float(total[at] / total[0]), 1),
                "%",
                f"{total[at]:.3g} / {total[0]:.3g} GiB",
            ),
            (
                "Of it in global layers",
                round(100 * float(whole[at] / total[at]), 1),
                "%",
                f"{kinds[own]} · {T:,} tokens",
            ),
        ),
        _layers_note(name, own, T),
    )


def _layers_note(name, own, T):
    """What a model's layers keep, and whether it was made for so long a text."""
    m = MODELS[name]
    near, far = near_and_far(m)
    forget = (
        f"W = {near.window:,}" if near.window else f"local is linear attention: {near.state:,} numbers a layer, any W"
    )
    rows = [2 * layers.H_kv * layers.D for layers in (near, far)]
    differ = f" A token leaves {rows[0]:,} numbers in a local layer, {rows[1]:,} in a global one."
    return Note(
        f"{name} as published: {own}, {forget}."
        + (differ if near.window and rows[0] != rows[1] else "")
        + (f" {beyond('It', m.context)}" if m.context < T else "")
    )
