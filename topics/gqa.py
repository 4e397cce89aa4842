"""Grouped-query attention: query heads in groups, and one key head and one value head for each group.

T tokens, of which T_q ask and T_k answer   H query heads of width D   H_kv groups, each with a key and a value head
G = H/H_kv query heads to a group   d model width   L layers   b bytes per cached number   P GPUs that share the heads
q, k, v a token's query, key and value   s scores   w weights   y output
"""

from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np

from topics.kit import (
    GPUS,
    KIB,
    MODELS,
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
    exercise,
    label,
    line,
    lm,
    max_abs_difference,
    points,
    rule,
    softmax,
)
from topics.kit.caches import CACHED, ladder
from topics.kit.costs import cache_bytes
from topics.kit.losses import above_floor, guessing, quoted_texts  # noqa: F401 — guessing for the page
from topics.kit.recorded import HEADS, POOLED
from topics.kit.rotary import apply_rope
from topics.kit.text import encode, held_out
from topics.kit.words import counted

# ---- the attention itself


def repeat_kv(x, H):
    """Give each of H query heads its key or value head, neighbours sharing one (eq:group).

    x        (..., H_kv, T, D)
    returns  (..., H, T, D)

    >>> repeat_kv(np.array([[[5.0]], [[7.0]]]), 4).ravel().tolist()
    [5.0, 5.0, 7.0, 7.0]
    """
    return np.repeat(x, H // x.shape[-3], axis=-3)


def grouped_query_attention(q, k, v, causal=False):
    """Attention in which the H query heads share H_kv key/value heads, group by group (eq:gqa).

    q        (..., H, T_q, D)
    k, v     (..., H_kv, T_k, D) and (..., H_kv, T_k, D_v): all that a cache must keep
    causal   a query sees no later token; the T_q queries are those of the last T_q tokens
    returns  (..., H, T_q, D_v)

    >>> y = grouped_query_attention(np.zeros((4, 1, 1)), np.zeros((2, 1, 1)), np.array([[[5.0]], [[7.0]]]))
    >>> y.ravel().tolist()   # four query heads, two values: heads 0 and 1 read the first
    [5.0, 5.0, 7.0, 7.0]
    """
    H, T_q, D = q.shape[-3:]
    k, v = repeat_kv(k, H), repeat_kv(v, H)  # (..., H, T_k, D), (..., H, T_k, D_v)
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(D)  # (..., H, T_q, T_k)
    if causal:
        T_k = k.shape[-2]
        s = np.where(np.tri(T_q, T_k, T_k - T_q, dtype=bool), s, -np.inf)
    return softmax(s) @ v


def example():
    """The page's example by hand: four query heads, two groups, two tokens. Weights (4, 2) and outputs (4,)."""
    q = np.array([[2.0, 0], [0, 2], [2, 0], [0, 2]])[:, None]  # (4, 1, 2)
    k = np.array([[[1.0, 0], [0, 1]], [[0, 1], [1, 0]]])  # (2, 2, 2)
    v = np.array([[[10.0], [20]], [[30], [40]]])  # (2, 2, 1)
    w = softmax(q @ np.swapaxes(repeat_kv(k, 4), -1, -2) / np.sqrt(2))
    return w[:, 0], grouped_query_attention(q, k, v)[:, 0, 0]


# ---- from a trained model with many heads


def convert_mha_to_gqa(W_q, W_k, W_v, W_o, groups):
    """One layer's key/value heads pooled, each group to its mean (eq:pool).

    W_q, W_k, W_v  (H, d, D)   one projection a head
    W_o            (H, D, d)
    groups         (H_kv, G)   which heads share, by their numbers
    returns        W_q (H, d, D), W_k and W_v (H_kv, d, D), W_o (H, D, d); each group's heads side by side
    """
    order = np.concatenate(groups)  # query heads stand where repeat_kv expects them
    pooled_k, pooled_v = (np.stack([W[group].mean(0) for group in groups]) for W in (W_k, W_v))
    return W_q[order], pooled_k, pooled_v, W_o[order]


def turn_heads(W_q, W_k, W_v, W_o, groups, rounds=3):
    """Turn the heads of each group towards each other, keys and values; what the layer computes stays (eq:turn).
    Shapes as in convert_mha_to_gqa."""
    W_q, W_k, W_v, W_o = (W.copy() for W in (W_q, W_k, W_v, W_o))
    for group in [g for g in groups for _ in range(rounds)]:
        for h in group:
            others = [other for other in group if other != h]
            R = nearest_turn(W_v[h], W_v[others].sum(0))  # (D, D), orthogonal
            W_v[h], W_o[h] = W_v[h] @ R, R.T @ W_o[h]
            angles = nearest_angles(W_k[h], W_k[others].sum(0))  # (D/2,)
            W_q[h], W_k[h] = apply_rope(W_q[h], angles), apply_rope(W_k[h], angles)
    return W_q, W_k, W_v, W_o


def nearest_turn(A, B):
    """For A (d, D) and B (d, D) the orthogonal R (D, D) that brings A R nearest to B: Procrustes' problem."""
    U, _, V = np.linalg.svd(A.T @ B)
    return U @ V


def nearest_angles(A, B):
    """The same where only the pairs (x_i, x_{i+D/2}) may turn, as rotary positions turn them: angles (D/2,)."""
    return np.angle((np.conj(as_complex(A)) * as_complex(B)).sum(0))


def as_complex(A):
    """Each pair (x_i, x_{i+D/2}) as one complex number: A (..., D) to (..., D/2)."""
    half = A.shape[-1] // 2
    return A[..., :half] + 1j * A[..., half:]


def likeness(W_k, W_v, turned):
    """How alike two heads are, 1 for equal ones: the mean of the cosines of their key and of their value projections.

    W_k, W_v  (H, d, D)   turned  after the best turn of one of the two
    returns   (H, H)
    """
    parts = []
    for W, pairs in ((W_k, True), (W_v, False)):
        if not turned:
            inner = np.einsum("xdi,ydi->xy", W, W)
        elif pairs:
            z = as_complex(W)  # (H, d, D/2)
            inner = np.abs(np.einsum("xdp,ydp->xyp", z.conj(), z)).sum(-1)
        else:  # the sum of the singular values is what the best R reaches
            inner = np.linalg.svd(np.einsum("xdi,ydj->xyij", W, W), compute_uv=False).sum(-1)
        length = np.sqrt(np.einsum("xdi,xdi->x", W, W))
        parts.append(inner / length / length[:, None])
    return sum(parts) / 2


def alike(S, H_kv):
    """The partition of the heads into H_kv groups of equal size in which the likeness S (H, H) is largest: all are
    tried. returns (H_kv, G)

    >>> S = np.eye(4); S[0, 3] = S[3, 0] = 0.5
    >>> alike(S, 2).tolist()
    [[0, 3], [1, 2]]
    """
    return np.array(
        max(
            partitions(list(range(len(S))), len(S) // H_kv),
            key=lambda groups: sum(S[np.ix_(g, g)].sum() for g in groups),
        )
    )


def partitions(heads, size):
    """All ways to put heads into groups of one size, as lists of lists.

    >>> [groups[0] for groups in partitions([0, 1, 2, 3], 2)]
    [[0, 1], [0, 2], [0, 3]]
    """
    if not heads:
        yield []
        return
    for others in combinations(heads[1:], size - 1):
        for more in partitions([h for h in heads[1:] if h not in others], size):
            yield [[heads[0], *others], *more]


# ---- what it costs


def heads_on_a_gpu(H_kv, P):
    """Key/value heads that each of P GPUs must hold: whole ones, so at least one (eq:gpu)."""
    return -(-H_kv // P)


def parameters_saved(L, d, D, H, H_kv):
    """Parameters that sharing removes from the key and value projections of all layers."""
    return 2 * L * d * D * (H - H_kv)


# ---- demos on the house model

CONVERTED = (4, 2, 1)
AT_ONCE, TRAINED_ON, FROM_START = "averaged, at once", "averaged, trained on", "few from the start"
TEXTS = 4  # held-out texts to a measurement of a demo


@demo(
    "model",
    "target",
    H_kv=LogSlider("Key/value heads", 1, 8, value=4),
    seed=Seed("Texts"),
)
def loss_against_cache(H_kv, seed):
    """What fewer key/value heads cost: models trained with them, and one whose heads were averaged."""
    model = lm.load("target")
    texts = held_out(TEXTS, start=TEXTS * seed)
    at_once = [above_floor(converted(model, h, "neighbours"), texts) for h in CONVERTED]
    bytes_of = {h: cache_bytes(1, model.L, h, model.D) for h in (8, 4, 2, 1)}
    places = np.log10([bytes_of[h] for h in (1, 2, 4, 8)])
    figure = Figure(
        [
            line([bytes_of[h] for h in CONVERTED], at_once, AT_ONCE, "error", "dot", mode="lines+markers"),
            line([bytes_of[h] for h in CONVERTED], [POOLED[h]["after"] for h in CONVERTED], TRAINED_ON, "output",
                 "dash", mode="lines+markers"),
            line(list(bytes_of.values()), [trained(h) for h in bytes_of], FROM_START, "key"),
            points([x for h, x in bytes_of.items() for _ in HEADS[h]], [x for h in bytes_of for x in HEADS[h]],
                   "each run", "key"),
        ],
        x_title="Cache of a word (bytes)",
        y_title="Loss above the floor (nats a word)",
        alt=f"{counted(H_kv, 'key/value head')}, {bytes_of[H_kv]:,} bytes a word, above the floor: "
        + ("" if H_kv == 8 else f"averaged at once {at_once[CONVERTED.index(H_kv)]:.2f}, trained on "
           f"{POOLED[H_kv]['after']:.2f}, ") + f"so few from the start {trained(H_kv):.2f}.",
        height=380,
        xaxis={"type": "log", "tickvals": list(bytes_of.values()), "ticktext": [f"{x:,}" for x in bytes_of.values()],
               "range": [np.log10(220), np.log10(2500)]},
        yaxis={"type": "log", "range": [-2.2, 1.6], "tickvals": [0.01, 0.1, 1, 10]},
        showlegend=False,
        shapes=[rule(x=bytes_of[H_kv])],
        annotations=[
            *(label(x, 1.55, text, yanchor="top") for x, text in zip(places, ("1 head", "2", "4", "8"), strict=True)),
            label(places[1], np.log10(at_once[1]), AT_ONCE, yanchor="bottom", xanchor="left", yshift=4),
            label(places[3], np.log10(max(HEADS[8])), FROM_START, xanchor="right", yanchor="bottom", yshift=8),
            label(places[0], np.log10(POOLED[1]["after"]), TRAINED_ON, xanchor="left", yanchor="bottom", yshift=8),
        ],
    )  # fmt: skip
    with_8 = H_kv == 8
    return (
        figure,
        Metrics(
            ("Cache of a word", bytes_of[H_kv], "bytes", f"2 · {model.L} · {H_kv} · {model.D} · 2"),
            ("Averaged, at once", None if with_8 else at_once[CONVERTED.index(H_kv)], "" if with_8 else "nats",
             f"measured here, on {TEXTS} texts"),
            ("Averaged, trained on", None if with_8 else POOLED[H_kv]["after"], "" if with_8 else "nats",
             "one recorded run: training/results"),
            ("So few from the start", trained(H_kv), "nats", f"mean of recorded runs: {len(HEADS[H_kv])}"),
        ),
        Note("The finished model itself has 8 key/value heads: there is nothing to average." if with_8 else
             "Averaged at once: measured here, on texts that training never saw. The rest are recorded runs."),
    )  # fmt: skip


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
    """How many of the recorded runs had not learnt to look facts up: nothing else puts them so far above the floor."""
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
    layer=Slider("Layer", 1, 4, value=3),
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


# ---- demos without a model


@demo(
    H_kv=LogSlider("Key/value heads", 1, 8, value=2),
    tile=Toggle("Break it: tile whole copies"),
    seed=Seed(),
)
def repeat_or_tile(H_kv, tile, seed):
    """Eight query heads and the key/value head that each reads, by repeating or by tiling."""
    H, T, D = 8, 5, 4
    rng = np.random.default_rng(seed)
    q, k, v = rng.normal(size=(H, 1, D)), rng.normal(size=(H_kv, T, D)), rng.normal(size=(H_kv, T, D))
    heads = np.arange(H_kv)[:, None, None]  # their numbers, spread as the heads themselves
    if tile:
        copies = (H // H_kv, 1, 1)
        reads, y = np.tile(heads, copies), grouped_query_attention(q, np.tile(k, copies), np.tile(v, copies))
    else:
        reads, y = repeat_kv(heads, H), grouped_query_attention(q, k, v)
    reads = reads.ravel()  # (H,)
    right = np.array([softmax(q[h] @ k[h * H_kv // H].T / np.sqrt(D)) @ v[h * H_kv // H] for h in range(H)])
    off = np.abs(y - right).max((1, 2))  # (H,)
    good = int((reads == np.arange(H) * H_kv // H).sum())
    names = [f"q{h}" for h in range(H)]
    heads_read = (reads[:, None] == np.arange(H_kv)).astype(int)  # (H, H_kv)
    if good == H:
        note = "Tiled or repeated, it is the same here: the mistake goes unnoticed." if tile else (
            "Neighbouring query heads share a key/value head.")  # fmt: skip
    else:
        note = f"No error, the right shapes, plausible numbers: {H - good} of {H} heads read a stranger's keys."
    return (
        Matrix(heads_read, names, [f"kv{g}" for g in range(H_kv)], "Which key/value head each query head reads", "key"),
        Figure(
            [bars(names, off, "off by", "error", text=[f"{x:.2f}" for x in off])],
            x_title="Query head",
            y_title="Output off by: max|Δ|",
            alt=f"{good} of {H} query heads read the right one of {counted(H_kv, 'key/value head')}; the largest "
            f"error of an output is {off.max():.2g}.",
            height=220,
            yaxis={"range": [0, max(1.0, 1.1 * float(off.max()))]},
        ),
        Badge("Output against its definition: max|Δ|", off.max(), 1e-12),
        Note(note, "warning" if tile else "info"),
    )  # fmt: skip


@cache
def losses_of_groupings(H_kv, turned, seed):
    """Nats above the floor for each of GROUPINGS, on the texts of choose_groups: the same for every layer it shows."""
    model, texts = lm.load("target"), held_out(TEXTS, start=TEXTS * seed)
    return [above_floor(converted(model, H_kv, kind, turned, seed), texts) for kind in GROUPINGS]


SPLIT = ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B")


@demo(
    P=LogSlider("GPUs that share the heads", 1, 32, value=16, unit="GPUs"),
    name=Choice("Model", SPLIT, value="Llama-3.1-70B"),
)
def cache_of_a_gpu(P, name):
    """What a token leaves in the cache of each GPU when the heads are spread over several."""
    m = MODELS[name]
    across = 2 ** np.arange(6)  # 1 … 32
    kinds = {m.H: "MHA", 8: "GQA, 8 groups", 1: "MQA"}
    lines, texts = [], []
    for (heads, text), dash in zip(kinds.items(), ("dot", "solid", "dash"), strict=True):
        y = [on_a_gpu(m, heads, int(p)) / KIB for p in across]
        lines.append(line(across, y, text, "key" if heads == 8 else "reference", dash))
        texts.append(label(0, np.log10(y[0]), text, xanchor="left", yanchor="bottom", xshift=6, yshift=2))
    here = {heads: on_a_gpu(m, heads, P) / KIB for heads in kinds}
    held, copies = heads_on_a_gpu(8, P), max(1, P // 8)
    figure = Figure(
        [*lines, points([P], [here[8]], "now", "key", "diamond")],
        x_title="GPUs that share the heads",
        y_title="Cache per token on each GPU (KiB)",
        alt=f"{name} on {counted(P, 'GPU')}, a token on each: {here[m.H]:,.4g} KiB with {m.H} key/value heads, "
        f"{here[8]:,.4g} KiB with 8, {here[1]:,.4g} KiB with one.",
        xaxis={"type": "log", "tickvals": across, "ticktext": [str(p) for p in across], "range": [-0.05, 1.6]},
        yaxis={"type": "log", "range": [np.log10(here[1]) - 0.3, np.log10(on_a_gpu(m, m.H, 1) / KIB) + 0.4]},
        showlegend=False,
        annotations=texts,
    )
    return (
        figure,
        Metrics(
            ("8 groups: heads on each GPU", held, f"for {counted(m.H // P, 'query head')}", f"⌈8 / {P}⌉"),
            ("… cache per token there", here[8], "KiB", f"2 · {m.L} · {held} · {m.D} · 2 bytes"),
            ("… on all GPUs together", P * here[8], "KiB", f"{P} · {here[8]:.4g}"),
            ("One head instead would take", here[1], "KiB", "each GPU keeps a copy of it"),
        ),
        Note(f"More GPUs than groups: each head is stored {copies} times, and no GPU's cache gets smaller.", "warning")
        if P > 8 else Note("Query heads are split alike, so each GPU finds its keys and values at home."),
    )  # fmt: skip


def on_a_gpu(m, heads, P):
    """Bytes that a token leaves on each of P GPUs, had model m so many key/value heads."""
    return cache_bytes(1, m.L, heads_on_a_gpu(heads, P), m.D)


@demo(
    T=LogSlider("Context length", 1024, 131_072, value=32_768, unit="tokens"),
    name=Choice("Model", tuple(CACHED), value="Llama-3.1-8B"),
    gpu=Choice("GPU", ("H100", "H200", "8 × H100"), value="H100"),
)
def ways_to_share(T, name, gpu):
    """The cache of real models with groups, and what other ways would keep at the same bytes."""
    return ladder("GQA", name, T, gpu, GPUS[gpu])


# ---- exercises


class Unrepeated(np.ndarray):
    """An array that refuses to be written out for every query head."""

    def __array_function__(self, function, types, args, kwargs):
        assert function not in (np.repeat, np.tile), "no copies, please: give the queries another shape instead"
        return super().__array_function__(function, types, args, kwargs)


def _attend_in_groups(q, K, V):
    _, H_kv, D = K.shape
    asked = q.reshape(H_kv, -1, D)
    w = softmax(np.einsum("gxd,tgd->gxt", asked, K) / np.sqrt(D))
    return np.einsum("gxt,tgd->gxd", w, V).reshape(q.shape)


@exercise(
    start="""
        def attend_in_groups(q, K, V):
            # q (H, D): one token's queries      K, V (T, H_kv, D): the cache
            T, H_kv, D = K.shape
            asked = q.reshape(-1, H_kv, D)
            w = softmax(np.einsum("xgd,tgd->xgt", asked, K) / np.sqrt(D))
            return np.einsum("xgt,tgd->xgd", w, V).reshape(q.shape)
    """,
    solution=_attend_in_groups,
    hint="A reshape counts along the last axis first. Query heads 0, 1, …, G − 1 share head 0: which of the two new "
    "axes must come first?",
)
def attend_without_copies(answer, rng):
    """A fast kernel never repeats the cache: it gives the *queries* a shape with one axis more, and reads each key and
    value once for its whole group. Write `attend_in_groups(q, K, V)` that way, for one token. The starter code runs
    and has the right shapes, but pairs heads wrongly. You may use `np` and `softmax`."""
    for H_kv, G in ((1, 3), (int(rng.integers(2, 4)), int(rng.integers(2, 5))), (3, 1)):
        T, D, H = int(rng.integers(2, 7)), int(rng.integers(2, 6)), H_kv * G
        q, K, V = rng.normal(size=(H, D)), *rng.normal(size=(2, T, H_kv, D))
        got = answer(q, K.view(Unrepeated), V.view(Unrepeated))
        assert np.shape(got) == (H, D), f"one output for each query head, {(H, D)}; yours is {np.shape(got)}"
        for h in range(H):
            e = [np.exp(sum(a * b for a, b in zip(q[h], K[t, h // G], strict=True)) / D**0.5) for t in range(T)]
            expected = sum(x * V[t, h // G] for t, x in enumerate(e)) / sum(e)
            assert np.allclose(np.asarray(got)[h], expected), (
                f"{H} query heads, {H_kv} key/value heads: head {h} should read key/value head {h // G}; expected "
                f"{np.round(expected, 3)}, got {np.round(np.asarray(got)[h], 3)}"
            )


def _gpu_kib(L, H_kv, D, b, P):
    return 2 * L * max(1, H_kv // P) * D * b / 1024


@exercise(
    start="""
        def gpu_kib(L, H_kv, D, b, P):
            # L layers, H_kv key/value heads of width D, b bytes a number, P GPUs that share the heads
            return L * H_kv * D * b / P / 1000
    """,
    solution=_gpu_kib,
    hint="Three things are missing: that keys and values are two, what a KiB is, and that half a head is no head.",
)
def weigh_a_share(answer, rng):
    """Write `gpu_kib(L, H_kv, D, b, P)`: the KiB that a token leaves in the cache of *each* of P GPUs. `P` divides
    `H_kv`, or is a multiple of it. The starter code makes three mistakes."""
    llama = answer(80, 8, 128, 2, 8)
    assert abs(llama - 40) < 1e-9, f"Llama-3.1-70B on 8 GPUs: 40 KiB each; you have {llama:.4g}"
    for few in (True, False):
        L, D, P = (int(n) for n in rng.integers(2, 40, 3))
        b, more = int(rng.choice([1, 2, 4])), int(rng.integers(2, 6))
        H_kv, gpus = (P * more, P) if few else (P, P * more)
        per_gpu = [[h for h in range(max(H_kv, gpus)) if h * gpus // max(H_kv, gpus) == p] for p in range(gpus)]
        expected = 2 * L * len(per_gpu[0]) * D * b / 1024
        got = answer(L, H_kv, D, b, gpus)
        assert abs(got - expected) < 1e-9 * expected, (
            f"{H_kv} heads on {gpus} GPUs, L={L}, D={D}, b={b}: expected {expected:.6g} KiB, got {got:.6g}"
        )


def _most_groups(free, users, T, L, H, D, b):
    fitting = [g for g in range(1, H + 1) if H % g == 0 and users * T * 2 * L * g * D * b <= free]
    return max(fitting, default=0)


@exercise(
    start="""
        def most_groups(free, users, T, L, H, D, b):
            # free: bytes for caches      users with T tokens each      L layers, H query heads of width D
            return free // (users * T * 2 * L * D * b)
    """,
    solution=_most_groups,
    hint="The starter code gives the largest number whose caches fit. But groups are of equal size, and there are at "
    "most H.",
)
def choose_the_groups(answer, rng):
    """You design a model and know what it must serve. Write `most_groups(free, users, T, L, H, D, b)`: the largest
    number of groups into which `H` query heads can be divided evenly such that all users' caches fit into `free`
    bytes; 0 if not even one group fits."""
    for H, share in ((32, 0.3), (28, 0.5), (24, 3.0), (16, 0.01), (int(rng.integers(3, 12)) * 6, float(rng.random()))):
        users, T, L = (int(n) for n in rng.integers(2, 90, 3))
        D, b = int(rng.choice([64, 96, 128])), int(rng.choice([1, 2]))
        one = sum(2 * D * b for _ in range(L)) * users * T  # bytes with one group
        free = int(share * H * one) + 1
        expected = 0
        for groups in range(1, H + 1):
            if H % groups == 0 and groups * one <= free:
                expected = groups
        got = answer(free, users, T, L, H, D, b)
        assert got == expected, (
            f"{H} query heads, room for {free / one:.2f} groups: expected {expected} groups, got {got}"
        )
