"""Sliding window attention: each layer looks a fixed number of words back, and depth carries what it sees further.

T tokens   W window, the number of tokens that one sees, itself included   L layers, of which L_g see everything
i asks, j answers   D head width   H_kv key/value heads   b bytes per cached number
q, k, v a token's query, key and value   w weights   y output
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from topics.kit import (
    GIB,
    Badge,
    Choice,
    Figure,
    Frame,
    LogSlider,
    Matrix,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Steps,
    Toggle,
    Tokens,
    bars,
    demo,
    exercise,
    label,
    line,
    lm,
    max_abs_difference,
    rule,
    softmax,
)
from topics.kit.autograd import Tensor, adam, cross_entropy, gradients
from topics.kit.language import ANIMALS, ASK, BLUNT, END, FOODS, POLITE, VERBS, law
from topics.kit.language import text as grammar
from topics.kit.numerics import position_vector
from topics.kit.text import NUMBER, decode, encode, held_out, padded
from topics.kit.words import beyond, counted

# ---- the window


def sliding_window_mask(T, W, keep=0):
    """Which tokens each of T may attend to: itself and the W − 1 before it (eq:window).

    keep     the first tokens of the text that stay visible from everywhere
    returns  (T, T) bool; row i has min(i + 1, W) true entries when keep is 0

    >>> sliding_window_mask(4, 2).astype(int).tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    """
    if W < 1:
        raise ValueError(f"a window counts the token itself, so W is at least 1, not {W}: a row without keys is 0 / 0")
    i, j = np.arange(T)[:, None], np.arange(T)
    return (j <= i) & ((i - j < W) | (j < keep))


def receptive_field(L, W):
    """The most tokens that can reach one token through L layers, itself included (eq:reach).

    >>> receptive_field(L=32, W=4096)   # Mistral 7B
    131041
    """
    return L * (W - 1) + 1


def weight_by_distance(layers, residual=False):
    """How much of each input word is in the last token, if all that layers did were to mix (eq:product).

    layers    (L, T, T) weights, the first layer first
    residual  count the stream that passes each layer by as half of its output
    returns   (T,) by words back, 0 being the token itself; sums to one
    """
    row = np.eye(layers.shape[-1])[-1]  # all of the last token, at the top
    for w in layers[::-1]:
        row = (row + row @ w) / 2 if residual else row @ w
    return row[::-1]


def mass_reach(weight, share=0.9):
    """The fewest words back within which that share of the weight lies.

    >>> mass_reach(np.array([0.5, 0.3, 0.15, 0.05]))
    2
    """
    return int(np.argmax(np.cumsum(weight) > share - 1e-9))


def even_reach(L, W, residual=False):
    """mass_reach where every token of every window counts alike: the steps back add up as L throws of one die, which
    are products of its generating function."""
    n = receptive_field(L, W)
    die = np.fft.rfft(np.full(W, 1 / W), n)
    return mass_reach(np.fft.irfft(((1 + die) / 2 if residual else die) ** L, n))


# ---- the cache that rolls


def rolling_cache(k, v, K, V, t):
    """Store token t, counted from 0, in the slot of the token that has just left the window (eq:slot).

    k, v     (D,)    its key and value
    K, V     (W, D)  the buffers
    returns  K, V with token t, and how many slots hold a token
    """
    K, V, W = K.copy(), V.copy(), len(K)
    K[t % W], V[t % W] = k, v
    return K, V, min(t + 1, W)


def window_cache_bytes(T, W, L, L_g, H_kv, D, b=2):
    """Bytes of one text of T tokens, where L_g of L layers see everything and the others a window (eq:bytes).

    >>> window_cache_bytes(32_768, 4096, L=32, L_g=0, H_kv=8, D=128) / 2**20   # Mistral 7B, in MiB
    512.0
    """
    return 2 * H_kv * D * b * (L_g * T + (L - L_g) * min(T, W))


# ---- the house model behind windows

N_FACTS, TEXTS = 12, 4
QUESTION = encode([ASK[BLUNT], "foods", "?"])


def facts_about_all(seed):
    """TEXTS texts that tell what each of the 12 animals eats, then begin to ask: words (TEXTS, 54), the animals and
    the foods (TEXTS, 12)."""
    rng = np.random.default_rng(seed)
    animals = np.array([rng.permutation(encode(ANIMALS)) for _ in range(TEXTS)])
    foods = rng.choice(encode(FOODS), (TEXTS, N_FACTS))
    told = np.stack([animals, np.full_like(foods, NUMBER["eat"]), foods, np.full_like(foods, NUMBER["."])], -1)
    start = np.tile(encode([BLUNT, "facts", ":"]), (TEXTS, 1))
    return np.hstack([start, told.reshape(TEXTS, -1), np.tile(QUESTION, (TEXTS, 1))]), animals, foods


def ask_all(seed, W, whole=None):
    """Ask the house model for each fact, with a window in every layer but `whole` (1 … L, or None).

    returns  words back from the question's last word to the food (12,), and the probability of the right food and
             whether it is the likeliest word (TEXTS, 12) each
    """
    model, (told, animals, foods) = lm.load("target"), facts_about_all(seed)
    t = told.shape[1]
    window = sliding_window_mask(t + 1, W)

    def see(name, layer, value):
        if name == "scores" and layer + 1 != whole:
            T, seen = value.shape[-2:]
            return np.where(window[seen - T : seen, :seen], value, -np.inf)
        return None

    cache = [tuple(np.repeat(rows[None], TEXTS, 0) for rows in pair) for pair in lm.new_cache(model)]
    lm.forward(model, told, cache, see=see)
    cache = [tuple(np.repeat(rows, N_FACTS, 0) for rows in pair) for pair in cache]  # a copy for each question
    p = softmax(lm.forward(model, animals.reshape(-1, 1), cache, see=see)[:, -1])  # (TEXTS · 12, V)
    right = foods.ravel()
    p_right, said = p[np.arange(len(p)), right], p.argmax(-1) == right
    return t - (5 + 4 * np.arange(N_FACTS)), p_right.reshape(foods.shape), said.reshape(foods.shape)


def answered(W, whole=None, seeds=4):
    """Percent of the facts that are answered: those whose food stands in the window of the question's last word, and
    those further back (None where there are none)."""
    runs = [ask_all(seed, W, whole) for seed in range(seeds)]
    back, said = runs[0][0], np.concatenate([run[2] for run in runs])
    return [100 * float(said[:, part].mean()) if part.any() else None for part in (back < W, back >= W)]


LAYERS = ("none", "1", "2", "3", "4")


@demo(
    "model",
    "target",
    W=Slider("Window W", 2, 64, value=16, step=2, unit="words"),
    whole=Choice("Layer without a window", LAYERS, value="none"),
    seed=Seed(),
)
def ask_far_back(W, whole, seed):
    """The house model is asked for facts that stand nearer and further back, while its layers see only a window."""
    back, p, said = ask_all(seed, W, None if whole == "none" else int(whole))
    L, near = lm.load("target").L, back < W
    reach = receptive_field(L, W)
    told, animals, _ = facts_about_all(seed)
    words = [*decode(told[0]), decode(animals[0, :1])[0]]
    T = len(words)
    inside, beyond = [100 * float(said[:, part].mean()) if part.any() else None for part in (near, ~near)]
    ends = [(W, "window ends", 117, "dash"), (reach, f"reach of {L} layers ends", 107, "dot")]
    ends = [end for end in ends if end[0] < 66 and (end[0] == W or whole == "none")]
    figure = Figure(
        [bars(back, 100 * p.mean(0), "right food", "output", width=2.4)],
        x_title="Words back to the food",
        y_title="Probability of the right food (%)",
        alt=f"W = {W}, layer without a window: {whole}. Mean probability of the right food: "
        + ", ".join(f"{100 * p[:, part].mean():.0f} % for foods {where}, up to {back[part].max()} words back"
                    for part, where in ((near, "inside the window"), (~near, "further back")) if part.any()) + ".",
        xaxis={"range": [0, 66]},
        yaxis={"range": [0, 118], "tickvals": [0, 25, 50, 75, 100]},
        shapes=[rule(x=at - 0.5, dash=dash) for at, _, _, dash in ends],
        annotations=[
            label(at - 0.5, y, f" {text} ", xanchor="left" if at < 36 else "right", yanchor="top")
            for at, text, y, _ in ends
        ],
        showlegend=False,
    )  # fmt: skip
    share = [f"{x:.0f} %" if x is not None else "none asked" for x in (inside, beyond)]
    return (
        figure,
        Metrics(
            ("Answered, food inside the window", share[0], "", f"{near.sum() * TEXTS} questions"),
            ("Answered, food further back", share[1], "", f"{(~near).sum() * TEXTS} questions; a guess is 1 of 8"),
            (f"{L} layers could carry", reach - 1, "words back", f"{L} · ({W} − 1)")
            if whole == "none"
            else (f"{L} layers could carry", "all", f"{T - 1} words back", f"layer {whole} sees all {T} words"),
        ),
        Tokens(
            words,
            [float(T - 1 - j < W) for j in range(T)],
            "key",
            f"The first of {TEXTS} texts, with one of its {N_FACTS} questions. Shaded: what the last word sees.",
            T - 1,
        ),
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
    residual=Toggle("Count the residual stream as half"),
    seed=Seed(),
)
def reach_through_layers(W, L, kind, residual, seed):
    """How much of a word that stands further back is left in the last word, after every layer has mixed."""
    n = receptive_field(L, W)
    weight = weight_by_distance(layer_weights(kind, L, n, W, seed), residual)
    most = mass_reach(weight)
    mask = [[1 if seen else None for seen in row] for row in sliding_window_mask(12, W)]
    names = [str(i + 1) for i in range(12)]
    top = 110 * float(weight.max())
    figure = Figure(
        [bars(np.arange(n), 100 * weight, "weight", "weight")],
        x_title="Words back",
        y_title="Share in the last word (%)",
        alt=f"W = {W}, {counted(L, 'layer')}, weights: {kind}, residual {'counted' if residual else 'left out'}. The "
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


class Windowed(NamedTuple):
    """A real model with `local` windowed layers before each that sees everything (None: all are windowed)."""

    L: int
    local: int | None
    H_kv: int
    D: int
    W: int
    context: int

    @property
    def L_g(self):
        return global_layers(self.L, self.local)


def global_layers(L, local):
    """How many of L layers see everything when `local` windowed ones stand before each of them; None: no layer does.

    >>> global_layers(62, 5)   # Gemma 3 27B
    10
    """
    return 0 if local is None else L // (local + 1)


# As published: jiang2023mistral, gemma2024two, gemma2025 and openai2025gptoss in references.bib.
REAL = {
    "Mistral 7B": Windowed(32, None, 8, 128, 4096, 8192),
    "Gemma 2 27B": Windowed(46, 1, 16, 128, 4096, 8192),
    "Gemma 3 27B": Windowed(62, 5, 16, 128, 1024, 131_072),
    "gpt-oss-20b": Windowed(24, 1, 8, 64, 128, 131_072),
}
RATIOS = {"all global": 0, "1 : 1": 1, "3 : 1": 3, "5 : 1": 5, "11 : 1": 11, "all local": None}


def cache_gib(name, T, W=None, ratio="own"):
    """GiB of one text's cache at 16 bits: of a real model as it is, or with another window or ratio."""
    m = REAL[name]
    L_g = m.L_g if ratio == "own" else global_layers(m.L, RATIOS[ratio])
    return window_cache_bytes(T, W or m.W, m.L, L_g, m.H_kv, m.D) / GIB


@demo(
    W=LogSlider("Window W of a local layer", 128, 8192, value=1024, unit="tokens"),
    T=LogSlider("Context length", 1024, 131_072, value=131_072, unit="tokens"),
    name=Choice("Model", tuple(REAL), value="Gemma 3 27B"),
)
def local_and_global(W, T, name):
    """The cache of one text, by how many windowed layers stand before each layer that sees everything."""
    m = REAL[name]
    kinds = {text: global_layers(m.L, local) for text, local in RATIOS.items()}
    one = window_cache_bytes(T, T, 1, 1, m.H_kv, m.D) / GIB  # a layer that sees everything
    whole = np.array([one * L_g for L_g in kinds.values()])
    total = np.array([window_cache_bytes(T, W, m.L, L_g, m.H_kv, m.D) / GIB for L_g in kinds.values()])
    own = next(text for text, local in RATIOS.items() if local == m.local)
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
        yaxis={"range": [0, 1.18 * total[0]]},
    )  # fmt: skip
    share = 100 * float(whole[at] / total[at])
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
            ("Of it in global layers", round(share, 1), "%", f"{kinds[own]} · {T:,} tokens"),
        ),
        Note(f"{name} as published: {own}, W = {m.W:,}." + (f" {beyond('It', m.context)}" if m.context < T else "")),
    )


# ---- forgetting the first words

MARKS = frozenset([*VERBS[POLITE].values(), *VERBS[BLUNT].values(), *ASK.values(), "thank"])
LEAVES = 8  # a forgotten word is seen for this many words more
PLACED = {"its own word": None, "a full stop": ".", "the other register": ""}
SAMPLE = 6  # texts of the demo


def tells_register(each):
    """Which words of a text, its first apart, the language picks by the register: those at whose place it may say a
    verb, a question's or a thanks' first word, or, after those, the end. (T − 1,) bool."""
    walk, places = grammar(), []
    options = next(walk)
    for word in each.words:
        offered = law(options)
        ends = END in offered and each.words[1] != "song"
        places.append(ends or not MARKS.isdisjoint(offered))
        if word != END:
            options = walk.send(word)
    return np.array(places[1:])


def forget(texts, n, placed="its own word"):
    """The house model reads texts while their first n words are forgotten after LEAVES words, or stand changed.

    returns  what each word loses above the floor, in nats (B, T), whether the register picks it and whether it counts
             (B, T) each, and the mean weight (L, H) that later words put on the first
    """
    model = lm.load("target")
    words, targets, real = padded(texts)
    if PLACED[placed] is not None:
        other = {POLITE: BLUNT, BLUNT: POLITE}
        words[:, 0] = [NUMBER[PLACED[placed] or other[each.words[0]]] for each in texts]
    B, T = words.shape
    late, on_first = np.arange(T) >= 12, np.zeros((model.L, model.H))
    i, j = np.arange(T)[:, None], np.arange(T)
    mask = (j <= i) & ((j >= n) | (i - j < LEAVES))

    def see(name, layer, value):
        if name == "attention":
            on_first[layer] = np.moveaxis(value[..., 0], 1, 2)[real & late].mean(0)

    p = softmax(lm.forward(model, words, mask=mask, see=see).astype(float))
    loss = -np.log(np.take_along_axis(p, targets[..., None], -1)[..., 0])
    marked = np.zeros((B, T), bool)
    for row, each in enumerate(texts):
        size = len(each.words) - 1
        loss[row, :size] += each.log_probs[1:]
        marked[row, :size] = tells_register(each)
    return loss, marked, real & late, on_first


def forgetting(kind, n, placed="its own word"):
    """Nats above the floor over 24 texts: of the words that the register picks (None in songs), and of all others."""
    loss, marked, counts, _ = forget(held_out(24, kind), n, placed)
    return [float(loss[part].mean()) if part.any() else None for part in (counts & marked, counts & ~marked)]


@demo(
    "model",
    "target",
    n=Slider("First words forgotten", 0, 4, value=1),
    kind=Choice("Kind of text", ("explain", "facts", "story", "song"), value="explain"),
    placed=Choice("In the first word's place", tuple(PLACED), value="its own word"),
    seed=Seed(),
)
def forget_the_first(n, kind, placed, seed):
    """What the house model loses when the first words leave its sight, on the words that the first one decides and on
    all others."""
    texts = held_out(SAMPLE, kind, start=SAMPLE * seed)
    full, marked, counts, on_first = before_forgetting(kind, seed)
    now, _, _, _ = forget(texts, n, placed)
    parts = {"by register": counts & marked, "all others": counts & ~marked}
    parts = {f"{name} ({part.sum()})": part for name, part in parts.items() if part.any()}
    before, after = ([float(x[part].mean()) for part in parts.values()] for x in (full, now))
    layer, head = np.unravel_index(on_first.argmax(), on_first.shape)
    one = texts[0].words
    shade = np.clip(now[0, : len(one) - 1] / 3, 0, 1) * counts[0, : len(one) - 1]
    told = [word for word, is_told in zip(one[1:], (counts & marked)[0], strict=False) if is_told]
    changes = [f"{name} {b:.2f} before, {a:.2f} now" for name, b, a in zip(parts, before, after, strict=True)]
    lowest = min(*before, *after)
    tops = [max(pair) for pair in zip(before, after, strict=True)]
    return (
        Figure(
            [
                bars(list(parts), before, "text as it is", "reference", text=[f"{x:.2f}" for x in before],
                     textposition="outside"),
                bars(list(parts), after, "changed", "error", text=[f"{x:.2f}" for x in after], textposition="outside"),
            ],
            x_title="Words, from the 13th on",
            y_title="Loss above the floor (nats)",
            alt=f"{kind}, {counted(n, 'first word')} forgotten, in the first word's place: {placed}. Loss above the "
            f"floor: {'; '.join(changes)}.",
            xaxis={"tickangle": 0},
            yaxis={"range": [min(lowest, 0) if lowest < -0.01 else 0, 1.2 * max(1, *tops)]},
        ),
        Tokens(one, [0.0, *shade.tolist()], "error", "The first of the texts, shaded where it now loses more than the "
               "floor (from the 13th word on)."),
        Metrics(
            ("Most weight on the first word", round(100 * float(on_first.max())), "%",
             f"layer {layer + 1}, head {head + 1}, text as it is"),
            ("Mean of all heads", round(100 * float(on_first.mean())), "%", f"{on_first.size} heads"),
        ),
        Note(f"Told by the register in this text: {', '.join(told)}." if told else
             "A song is the same in both registers: its first word decides nothing."),
    )  # fmt: skip


@cache
def before_forgetting(kind, seed):
    """What forget gives for the demo's texts as they are."""
    return forget(held_out(SAMPLE, kind, start=SAMPLE * seed), 0)


# ---- a head that must rest

V_TOY, ECHOES, D_TOY, T_TOY = 12, 2, 8, 32  # words, those that call for an echo, width, length of a text
BEGIN = V_TOY  # the number of the sign that begins each text


def echo_texts(rng, table, n):
    """n texts (n, T_TOY): after a word of ECHOES the word before it comes again, after any other one of its row of
    the table (V_TOY, V_TOY)."""
    x = np.full((n, T_TOY), BEGIN)
    x[:, 1] = rng.integers(0, V_TOY, n)
    up_to = table.cumsum(1)
    for t in range(2, T_TOY):
        last = x[:, t - 1]
        drawn = (rng.random((n, 1)) > up_to[last]).sum(1).clip(0, V_TOY - 1)
        x[:, t] = np.where((last < ECHOES) & (t > 2), x[:, t - 2], drawn)
    return x


def resting_head(p, x, mask):
    """One head over a table of next words; returns logits (n, T, V) and weights (n, T, T).

    p  q, k (V+1, D) and v, next (V+1, V): one row a word; near (D, 3): a key for the word itself, the one before, and
       any further back
    """
    X, i = np.eye(V_TOY + 1, dtype=np.float32)[x], np.arange(x.shape[1])
    back = np.eye(3, dtype=np.float32)[np.clip(i[:, None] - i, 0, 2)]  # (T, T, 3)
    q = X @ p["q"]
    scores = q @ np.swapaxes(X @ p["k"], -1, -2) + np.einsum("ntc,tjc->ntj", q @ p["near"], back)
    w = softmax(np.where(mask, scores * D_TOY**-0.5, -np.inf))
    return X @ p["next"] + w @ (X @ p["v"]), w


def teach_to_rest(W, windowed, seed, steps=300, every=20):
    """Train the head on fresh texts, and test it as it goes.

    yields  step, and measured(…) on 64 texts that it did not see
    """
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.full(V_TOY, 0.3), V_TOY)
    V, D = V_TOY, D_TOY
    shapes = {"q": (V + 1, D), "k": (V + 1, D), "near": (D, 3), "v": (V + 1, V), "next": (V + 1, V)}
    p = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    test, state = echo_texts(rng, table, 64), None
    mask = sliding_window_mask(T_TOY - 1, W if windowed else T_TOY)
    for step in range(1, steps + 1):
        x = echo_texts(rng, table, 16)
        tensors = {name: Tensor(w) for name, w in p.items()}
        logits, _ = resting_head(tensors, x[:, :-1], mask)
        grads = gradients(cross_entropy(logits, x[:, 1:]), list(tensors.values()))
        rate = 0.05 * min(1, 2 * (1 - step / steps) + 0.05)
        p, state = adam(p, dict(zip(p, grads, strict=True)), state, rate, betas=(0.9, 0.99))
        if step % every == 0:
            yield step, measured(p, test, table, W)


def measured(p, x, table, W):
    """Mean losses (nats) in texts x (n, T_TOY), of the words after idle ones and of echoes; and idle words' weights.

    returns  {"floor": that of idle words; "all", "window", "kept" (the window and the first sign): (idle, echo);
             "on first", "on itself": weights when all is seen}
    """
    T = T_TOY - 1
    asks, follows, late = x[:, :-1], x[:, 1:], np.arange(T) >= W
    idle, echo = (asks >= ECHOES) & late, (asks < ECHOES) & late
    found = {"floor": float(-np.log(table[asks[idle], follows[idle]]).mean())}
    masks = {"all": (T_TOY, 0), "window": (W, 0), "kept": (W, 1)}
    for name, (size, keep) in masks.items():
        logits, w = resting_head(p, asks, sliding_window_mask(T, size, keep))
        loss = -np.log(np.take_along_axis(softmax(logits), follows[..., None], -1)[..., 0])
        found[name] = float(loss[idle].mean()), float(loss[echo].mean())
        if name == "all":
            i = np.arange(T)
            found |= {"on first": float(w[:, :, 0][idle].mean()), "on itself": float(w[:, i, i][idle].mean())}
    return found


@demo(
    "live",
    W=Slider("Window W, when tested", 3, 12, value=8, unit="words"),
    windowed=Toggle("Train with the window, too"),
    seed=Seed(),
)
def a_head_that_rests(W, windowed, seed):
    """A head learns, here and now, a task that leaves it nothing to do at most words; then its first word is taken."""
    steps, found = [], []
    for step, now in teach_to_rest(W, windowed, seed):
        steps.append(step)
        found.append(now)
        yield Progress(step, 300, "Training"), *_rest_views(steps, found, W, windowed)


def _rest_views(steps, found, W, windowed):
    now = found[-1]
    curves = {
        "window only": ([each["window"][0] for each in found], "error", "solid"),
        "all is seen": ([each["all"][0] for each in found], "reference", "solid"),
        "window and first": ([each["kept"][0] for each in found], "key", "dot"),
    }
    lines = [line(steps, y, name, ink, dash) for name, (y, ink, dash) in curves.items()]
    weights = [line(steps, [100 * each[key] for each in found], text, ink, dash)
               for key, text, ink, dash in (("on first", "first word", "weight", "solid"),
                                            ("on itself", "itself", "query", "dash"))]  # fmt: skip
    return (
        Figure(
            lines,
            x_title="Step of training",
            y_title="Loss of idle words (nats)",
            alt=f"Idle words after {steps[-1]} steps: {now['all'][0]:.2f} nats when all is seen, "
            f"{now['window'][0]:.2f} with a window of {W}, {now['kept'][0]:.2f} with the window and the first word; "
            f"the floor is {now['floor']:.2f}.",
            xaxis={"range": [0, 310]},
            shapes=[rule(y=now["floor"], dash="dot")],
        ),
        Figure(
            weights,
            x_title="Step of training",
            y_title="Weight of idle words (%)",
            alt=f"After {steps[-1]} steps idle words put {100 * now['on first']:.0f} % of their weight on the first "
            f"word and {100 * now['on itself']:.0f} % on themselves.",
            height=240,
            xaxis={"range": [0, 310]},
            yaxis={"range": [0, 105]},
        ),
        Metrics(
            ("Idle words, window only", round(now["window"][0] - now["floor"], 3), "nats", "above the floor"),
            ("Idle words, window and first", round(now["kept"][0] - now["floor"], 3), "nats", "above the floor"),
            ("Echoes, window only", round(now["window"][1], 3), "nats", "the floor is 0: they are certain"),
        ),
        Note("Trained with the window: it learnt to rest on what it still sees." if windowed else
             "Trained with every earlier word in sight; the window comes with the test."),
    )  # fmt: skip


# ---- exercises


def _in_slots(t, W):
    held = [None] * W
    for token in range(t + 1):
        held[token % W] = token
    return held


@exercise(
    start="""
        def in_slots(t, W):
            # the token in each of W slots after token t was stored, counted from 0; None where there is none
            return list(range(t - W + 1, t + 1))
    """,
    solution=_in_slots,
    hint="Token t goes to slot t mod W, and nothing else moves. The starter code sorts the tokens, and counts below "
    "zero.",
)
def name_the_slots(answer, rng):
    """Write `in_slots(t, W)`: a list of the W tokens that a rolling cache holds, slot by slot, right after token `t`
    was stored; `None` where a slot is still empty."""
    for W, t in ((3, 1), (3, 7), (1, 4), *((int(rng.integers(2, 9)), int(rng.integers(0, 40))) for _ in range(3))):
        expected = [max((j for j in range(t + 1) if j % W == slot), default=None) for slot in range(W)]
        got = answer(t, W)
        assert list(got) == expected, f"t = {t}, W = {W}: expected {expected}, got {list(got)}"


def _reach(windows, T):
    back = 0
    for W in windows:
        back = T - 1 if W is None else back + W - 1
    return min(back, T - 1)


@exercise(
    start="""
        def reach(windows, T):
            # windows: one W for each layer, None for a layer that sees everything
            return sum(W for W in windows)
    """,
    solution=_reach,
    hint="Each local layer adds W − 1 steps back. One layer that sees everything reaches the beginning, wherever it "
    "stands, and no one gets further than that.",
)
def add_up_the_windows(answer, rng):
    """Layers may have windows of their own, or none (`None`). Write `reach(windows, T)`: how many words *back* from the
    last of `T` words the furthest one stands that can influence it."""
    cases = [([4, 4], 100), ([1, 1, 1], 10), ([3, None, 3], 50), ([8, 8], 6)]
    for _ in range(3):
        cases.append(([int(n) for n in rng.integers(1, 9, rng.integers(1, 6))], int(rng.integers(2, 40))))
    cases.append(([None, *(int(n) for n in rng.integers(1, 5, 3))], int(rng.integers(20, 60))))
    for windows, T in cases:
        seen = {T - 1}
        for W in windows:
            seen |= {j for i in seen for j in range(0 if W is None else max(0, i - W + 1), i)}
        got = answer(list(windows), T)
        assert got == T - 1 - min(seen), f"windows {windows}, T = {T}: expected {T - 1 - min(seen)}, got {got}"


def _seen(t, slots, first):
    recent = range(max(first, t + 1 - (slots - first)), t + 1)
    return [*range(min(first, t + 1)), *recent]


@exercise(
    start="""
        def seen(t, slots, first):
            # the tokens that token t sees, counted from 0, in order
            return [*range(first), *range(t + 1 - slots, t + 1)]
    """,
    solution=_seen,
    hint="The first tokens take slots of the budget, no token is listed twice, and none is later than t.",
)
def stay_within_the_budget(answer, rng):
    """A streaming cache has `slots` places in all, more than `first`. Its `first` places keep the first tokens for
    good; the others hold the most recent ones. Write `seen(t, slots, first)`: the tokens that token `t` attends to,
    itself included, in order."""
    cases = [(20, 6, 2), (0, 6, 2), (5, 6, 2), (9, 4, 0)]
    cases += [(int(rng.integers(0, 40)), int(rng.integers(5, 10)), int(rng.integers(0, 5))) for _ in range(4)]
    for t, slots, first in cases:
        kept, rolling = [], []
        for token in range(t + 1):
            if token < first:
                kept.append(token)
            else:
                rolling = [*rolling, token][-(slots - first) :]
        got = answer(t, slots, first)
        assert list(got) == kept + rolling, (
            f"t = {t}, {slots} slots, {first} for the first: expected {kept + rolling}, got {list(got)}"
        )
