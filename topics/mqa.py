"""Multi-query attention: many heads ask, one key head and one value head answer them all.

T tokens in the context   n new tokens of a user at once   B users   b bytes per cached number
H query heads of width D   H_kv key/value heads   d model width   F feed-forward width   L layers
q, k, v a token's query, key and value   s scores   w weights   y output
A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

from dataclasses import replace
from functools import cache

import numpy as np

from topics.kit import (
    GB,
    GIB,
    GPUS,
    KIB,  # noqa: F401 — for the page's [[value …]]
    MIB,
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
from topics.kit.caches import CACHED, WAYS, ladder, token_bytes, users_of
from topics.kit.costs import cache_bytes, roofline_time
from topics.kit.losses import above_floor, guessing, quoted_texts, word_losses
from topics.kit.recorded import HEADS as TRAINED  # noqa: F401 — for the page
from topics.kit.recorded import POOLED
from topics.kit.roofs import roofline
from topics.kit.rotary import apply_rope
from topics.kit.text import encode, held_out
from topics.kit.words import beyond, counted, products, short

# ---- the attention itself


def multi_query_attention(x, W_q, W_k, W_v, W_o):
    """Causal attention of H query heads to one key head and one value head (eq:mqa).

    x         (T, d)
    W_q       (H, d, D)
    W_k, W_v  (d, D)     no head axis: these two are all that a cache must keep of a token
    W_o       (H, D, d)
    returns   (T, d)
    """
    T, D = len(x), W_k.shape[1]
    q, k, v = x @ W_q, x @ W_k, x @ W_v  # (H, T, D), (T, D), (T, D)
    s = q @ k.T / np.sqrt(D)  # (H, T, T): every head's queries meet the same keys
    w = softmax(np.where(np.tri(T, dtype=bool), s, -np.inf))
    return (w @ v @ W_o).sum(0)


def example():
    """The page's example by hand: two query heads, two tokens. Weights (2, 2), a row a head, and outputs (2,)."""
    q, k, v = np.array([[2.0, 0], [0, 2]]), np.array([[1.0, 0], [0, 1]]), np.array([10.0, 20])
    w = softmax(q @ k.T / np.sqrt(2))
    return w, w @ v


def mean_pool_heads(W, H_kv):
    """Average neighbouring heads, so that H_kv are left (eq:pool).

    W        (H, ...)     one projection matrix a head
    returns  (H_kv, ...)

    >>> mean_pool_heads(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist()
    [2.0, 6.0]
    """
    return W.reshape(H_kv, len(W) // H_kv, *W.shape[1:]).mean(1)


# ---- what it costs


def decode_intensity(H, H_kv, b=2, n=1):
    """FLOP of scores and mixing for each byte of keys and values that is read (eq:intensity).

    >>> decode_intensity(H=32, H_kv=32), decode_intensity(H=32, H_kv=1)
    (1.0, 32.0)
    """
    return 2 * n * H / (b * H_kv)


def layer_parameters(m, H_kv):
    """Parameters of one layer of a model of the kit, had it H_kv key/value heads (eq:layer): queries and output, keys
    and values, feed-forward."""
    return 2 * m.d * m.D * m.H, 2 * m.d * m.D * H_kv, m.feeds * m.d * m.F


def parameters(name, H_kv):
    """Parameters of a whole model, had it H_kv key/value heads.

    >>> parameters("Llama-2-7B", 32) == MODELS["Llama-2-7B"].parameters
    True
    """
    m = MODELS[name]
    return m.parameters - m.L * (layer_parameters(m, m.H_kv)[1] - layer_parameters(m, H_kv)[1])


def cache_of(name, H_kv):
    """cache_bytes of a model of the kit, had it H_kv key/value heads."""
    m = MODELS[name]
    return cache_bytes(1, m.L, H_kv, m.D)


def step_work(name, T, B, H_kv):
    """FLOP, bytes of weights and bytes of caches of one decode step of B users with T tokens each (eq:step)."""
    m, N = MODELS[name], parameters(name, H_kv)
    return B * (2 * N + 4 * m.L * m.H * m.D * T), 2 * N, B * T * cache_of(name, H_kv)


def step_ms(name, gpu, T, B, H_kv):
    """Milliseconds of that step at best: the slower of computing and reading."""
    flops, weights, caches = step_work(name, T, B, H_kv)
    return 1000 * roofline_time((flops, weights + caches), GPUS[gpu])


# ---- demos


@demo(
    T=LogSlider("Context length", 256, 131_072, value=4096, unit="tokens"),
    B=LogSlider("Users at once", 1, 256, value=32, unit="users"),
    name=Choice("Model", ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B"), value="Llama-2-7B"),
    gpu=Choice("GPU", ("A100", "H100", "H200", "8 × H100"), value="H100"),
)
def step_time(T, B, name, gpu):
    """Where the time of one decode step goes, by the number of key/value heads."""
    m, chip = MODELS[name], GPUS[gpu]
    heads = [m.H >> i for i in range(m.H.bit_length())]  # H, H/2, …, 1
    works = [step_work(name, T, B, H_kv) for H_kv in heads]
    compute = [1000 * flops / chip.flops for flops, _, _ in works]
    weights, caches = ([1000 * work[part] / chip.bandwidth for work in works] for part in (1, 2))
    total = [step_ms(name, gpu, T, B, H_kv) for H_kv in heads]
    names = [str(H_kv) for H_kv in heads]
    figure = Figure(
        [
            bars(names, weights, "weights", "weight"),
            bars(names, caches, "caches", "key"),
            line(names, compute, "arithmetic", "cost", mode="lines+markers"),
        ],
        x_title="Key/value heads",
        y_title="Time of one step (ms)",
        alt=f"{name} on {gpu}, {counted(B, 'user')} with {T:,} tokens: a step takes {short(total[0])} ms with "
        f"{heads[0]} key/value heads, {short(weights[0])} for weights and {short(caches[0])} for caches; with one "
        f"{short(total[-1])}, {short(weights[-1])} and {short(caches[-1])}. Arithmetic: {short(compute[0])} and "
        f"{short(compute[-1])} ms.",
        barmode="stack",
        xaxis={"type": "category"},
        yaxis={"range": [0, 1.15 * max(total)]},
        annotations=[label(i, ms, short(ms), yanchor="bottom", yshift=4) for i, ms in enumerate(total)],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    one = works[-1]
    return (
        figure,
        Metrics(
            (f"{heads[0]} heads", total[0], "ms", f"{works[0][1] / GB:,.1f} + {works[0][2] / GB:,.1f} GB read"),
            ("One head", total[-1], "ms", f"{one[1] / GB:,.1f} + {one[2] / GB:,.2f} GB read"),
            ("So it is faster by", total[0] / total[-1], "×"),
            ("FLOP fall by", 100 * (1 - one[0] / works[0][0]), "%", "all of it projections"),
        ),
        _step_note(name, gpu, T, sum(works[0][1:]), sum(one[1:])),
    )


def _step_note(name, gpu, T, most, least):
    """What of the figure would not fit into the GPU's memory."""
    m, memory = MODELS[name], GPUS[gpu].memory
    if least > memory:
        return Note(f"Weights and caches do not fit into {gpu}, not even with one head: arithmetic only.", "warning")
    if most > memory:
        return Note(f"With {m.H} heads the caches do not fit into {gpu}; with one head they do.", "warning")
    if m.context < T:
        return Note(beyond(name, m.context), "warning")
    own = "" if m.H_kv == m.H else f" {name} itself has {m.H_kv}."
    return Note(f"Reading and arithmetic run side by side, so the slower one sets the time.{own}")


HEADS, WIDTH = 4, 2  # of the demo by hand


@demo(
    T=Slider("Tokens", 2, 8, value=5),
    H_kv=Choice("Key/value heads", (1, 2, 4), value=1),
    shared=Toggle("Break it: share the query as well"),
    seed=Seed(),
)
def share_by_hand(T, H_kv, shared, seed):
    """Four query heads, q1 to q4, and the key heads that they share: whom the last token looks at."""
    x, W_q, W_k, W_v, W_o = small_layer(T, seed)
    if shared:
        W_q = np.repeat(W_q[:1], HEADS, 0)
    q, k = x[-1] @ W_q, x @ W_k[:H_kv]  # (H, D) and (H_kv, T, D)
    k = np.repeat(k, HEADS // H_kv, 0)  # (H, T, D)
    w = softmax(np.einsum("hd,htd->ht", q, k) / np.sqrt(WIDTH))
    why = [[f"softmax of ({products(q[h], k[h, j])}) / √{WIDTH}" for j in range(T)] for h in range(HEADS)]
    one = multi_query_attention(x, W_q, W_k[0], W_v[0], W_o)
    copies = many_heads(x, W_q, np.repeat(W_k[:1], HEADS, 0), np.repeat(W_v[:1], HEADS, 0), W_o)
    rows = [f"q{h + 1}, k{h * H_kv // HEADS + 1}" for h in range(HEADS)]
    different = len({tuple(row.round(9)) for row in w})
    if shared and H_kv == 1:
        note = Note("Same question, same keys: four rows, one answer. This is a single head.", "warning")
    else:
        note = Note("Rows differ where the query or the key differs. Point at a cell for its dot product.")
    return (
        Matrix(
            w.round(3),
            rows,
            [str(j + 1) for j in range(T)],
            f"Weights of token {T} on tokens 1 to {T}",
            "weight",
            why,
        ),
        Metrics(
            ("Different rows", different, f"of {HEADS}"),
            ("Cached for each token", 2 * H_kv * WIDTH, "numbers", f"2 · {H_kv} · {WIDTH}"),
            ("With a key and value a query", 2 * HEADS * WIDTH, "numbers", f"2 · {HEADS} · {WIDTH}"),
        ),
        Badge("One key/value head against four equal ones: max|Δ|", max_abs_difference(one, copies), 1e-12),
        note,
    )


def small_layer(T, seed, d=8):
    """Random tokens (T, d) and a layer: W_q, W_k, W_v (H, d, D) and W_o (H, D, d)."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(3, HEADS, d, WIDTH)) * d**-0.5
    return rng.normal(size=(T, d)), *W, rng.normal(size=(HEADS, WIDTH, d))


def many_heads(x, W_q, W_k, W_v, W_o):
    """Causal attention with a key head and a value head for each query head: W_q, W_k, W_v (H, d, D), W_o (H, D, d)."""
    q, k, v = (np.einsum("td,hde->hte", x, W) for W in (W_q, W_k, W_v))  # (H, T, D)
    s = np.einsum("hqe,hke->hqk", q, k) / np.sqrt(W_k.shape[2])
    w = softmax(np.where(np.tri(len(x), dtype=bool), s, -np.inf))
    return np.einsum("hqk,hke,hed->qd", w, v, W_o)


@demo(
    H_kv=LogSlider("Key/value heads", 1, 32, value=1),
    B=LogSlider("Users at once", 1, 256, value=128, unit="users"),
    n=LogSlider("New tokens of each user", 1, 64, value=1, unit="tokens"),
    H=Choice("Query heads", (32, 96), value=32),
    gpu=Choice("GPU", ("A100", "H100", "H200"), value="H100"),
    bits=Choice("Cache", ("16 bits", "8 bits"), value="16 bits"),
    copied=Toggle("Break it: write the shared heads out, one for each query head"),
)
def decode_roofline(H_kv, B, n, H, gpu, bits, copied):
    """How many FLOP a decode step does for each byte that it reads: in the matrices, and in scores and mixing."""
    chip, b = GPUS[gpu], {"16 bits": 2, "8 bits": 1}[bits]
    ridge = chip.flops / chip.bandwidth
    pairs, matrices = decode_intensity(H, H if copied else H_kv, b, n), float(B * n)
    figure = roofline(gpu, [("scores, mixing", pairs, "key", "diamond", False),
                            ("matrices", matrices, "weight", "square", True)])  # fmt: skip
    reached = [100 * min(value / ridge, 1) for value in (pairs, matrices)]
    return (
        figure,
        Metrics(
            ("Scores and mixing", pairs, "FLOP/byte", f"2 · {n} · {H} / ({b} · {H if copied else H_kv})"),
            ("Matrices", matrices, "FLOP/byte", f"2 · {B} · {n} / 2: each parameter is read once for all"),
            ("Scores and mixing reach", reached[0], "% of peak", f"at most {short(pairs)} / {ridge:.0f}"),
            ("Matrices reach", reached[1], "% of peak", f"at most {short(matrices)} / {ridge:.0f}"),
        ),
        _roofline_note(H_kv, H, copied),
    )


def _roofline_note(H_kv, H, copied):
    if copied and H_kv < H:
        return Note(f"Stored {H_kv} and read {H}: the copies are written and read like heads of their own.", "warning")
    if copied:
        return Note("Every query head has its own: there is nothing to write out.")
    return Note("Masks, softmax and activations are left out: they are small beside keys, values and parameters.")


@demo(
    H_kv=LogSlider("Key/value heads", 1, 32, value=1),
    T=LogSlider("Context length", 256, 131_072, value=4096, unit="tokens"),
    name=Choice("Model", ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B", "GPT-3"), value="Llama-2-7B"),
)
def what_shrinks(H_kv, T, name):
    """One layer and one new token: what of it shrinks with the key/value heads, and what stays."""
    m = MODELS[name]
    (asks, full, feed), (_, kept, _) = layer_parameters(m, m.H), layer_parameters(m, H_kv)
    pairs = 4 * m.H * m.D * T
    rows = [
        ["K and V matrices, million parameters", full / 1e6, kept / 1e6],
        ["all matrices, million parameters", (asks + full + feed) / 1e6, (asks + kept + feed) / 1e6],
        ["all matrices, MFLOP", 2 * (asks + full + feed) / 1e6, 2 * (asks + kept + feed) / 1e6],
        ["scores and mixing, MFLOP", pairs / 1e6, pairs / 1e6],
        [f"cache of {T:,} tokens, MiB", *(cache_bytes(T, 1, heads, m.D) / MIB for heads in (m.H, H_kv))],
    ]
    shares = [100 * now / before for _, before, now in (rows[0], rows[4], rows[1], rows[3])]
    names = ["K, V matrices", "cache", "all matrices", "scores, mixing"]
    figure = Figure(
        [bars(shares, names, "left", "cost", orientation="h", text=[f"{x:.3g} %" for x in shares])],
        x_title=f"Left, in % of {m.H} heads",
        alt=f"{name} with {H_kv} of {m.H} key/value heads. What is left: " + "; ".join(
            f"{what} {x:.3g} %" for x, what in zip(shares, names, strict=True))
        + f". At {T:,} tokens the cache of a layer takes {short(rows[4][2])} MiB.",
        height=260,
        xaxis={"range": [0, 118]},
        yaxis={"autorange": "reversed"},
    )  # fmt: skip
    own = "" if m.H_kv == m.H else f" {name} itself has {m.H_kv}."
    return (
        figure,
        Table(
            ["one layer, one new token", f"{m.H} heads", "1 head" if H_kv == 1 else f"{H_kv} heads"],
            rows,
            f"{name}, {T:,} tokens in the context",
        ),
        Note(f"Sharing heads removes {100 - shares[2]:.1f} % of a layer's parameters here.{own}"),
    )


SERVED = ("Llama-2-7B", "Llama-3.1-8B", "Qwen2.5-7B", "Llama-3.1-70B", "GPT-3", "DeepSeek-V2")
CONTEXTS = 2.0 ** np.arange(10, 18)  # 1,024 … 131,072; floats, for integers have 32 bits in a browser


@demo(
    T=LogSlider("Context length", 1024, 131_072, value=32_768, unit="tokens"),
    name=Choice("Model", SERVED, value="Llama-3.1-8B"),
    gpu=Choice("GPU", ("H100", "H200", "8 × H100"), value="H100"),
)
def users_against_context(T, name, gpu):
    """How many users fit beside a model's weights, under each way to build its attention."""
    m = CACHED[name]
    free = max(GPUS[gpu].memory - 2 * m.parameters, 0)
    lines, texts = [], []
    for way, dash in zip(WAYS, ("dot", "dash", "solid", "dash"), strict=True):
        fit = free / (CONTEXTS * token_bytes(name, way)) if free else []
        lines.append(line(CONTEXTS if free else [], fit, way, "key" if way == "MQA" else "reference", dash))
        if free:
            texts.append(label(np.log10(CONTEXTS[-1]), np.log10(fit[-1]), way, xanchor="left", xshift=4))
    fits = [f"{counted(users_of(name, way, T, GPUS[gpu]), 'user')} under {way}" for way in WAYS]
    most = free / (1024 * token_bytes(name, "MQA"))
    figure = Figure(
        lines,
        x_title="Context length (tokens)",
        y_title="Users that fit",
        alt=f"{name} on {gpu} at {T:,} tokens: {', '.join(fits)}.",
        xaxis={"type": "log", "tickvals": CONTEXTS[::2], "ticktext": [f"{t:,.0f}" for t in CONTEXTS[::2]],
               "range": [2.95, 5.5]},
        yaxis={"type": "log", "range": [-1, np.log10(max(most, 10)) + 0.3]},
        showlegend=False,
        shapes=[rule(x=T)],
        annotations=texts,
    )  # fmt: skip
    return figure, *ladder("MQA", name, T, gpu, GPUS[gpu])


def longest_context(heads, D, copies=1):
    """Tokens of each of 128 users that 30 % of the memory of 64 TPU v4 chips holds for PaLM 540B, as pope2023 counts:
    with that many key/value heads, each stored on so many chips."""
    return 0.3 * 64 * 32 * GIB / (128 * copies * cache_bytes(1, 118, heads, D))


# ---- on the house model

MADE = ("mean of its group", "first of its group", "random")
TEXTS = 6  # held-out texts to a measurement of the demo


@demo(
    "model",
    "target",
    H_kv=LogSlider("Key/value heads", 1, 8, value=1),
    made=Choice("Each new head is", MADE, value="mean of its group"),
    turned=Toggle("First turn the coordinates of every head"),
    seed=Seed("Texts"),
)
def pool_heads(H_kv, made, turned, seed):
    """The house model with fewer key/value heads, made from its own: what it loses at once."""
    model = turned_at_random(lm.load("target"), seed) if turned else lm.load("target")
    few, texts = pooled(model, H_kv, made, seed), held_out(TEXTS, start=TEXTS * seed)
    even, first = guessing(texts), texts[0].words
    plain = made == MADE[0] and not turned  # as in the recorded runs
    after = POOLED[H_kv]["after"] if plain and H_kv in POOLED else None
    names = ["8 heads", f"{H_kv}, at once", f"{H_kv}, trained on"]
    shown = [as_it_is(seed), above_floor(few, texts), after or 0.0]
    known = [*(f"{x:.2f}" for x in shown[:2]), f"{after:.2f}" if after else "?"]
    figure = Figure(
        [bars(names, shown, "above the floor", "error", text=known)],
        y_title="Loss above the floor (nats a word)",
        alt=f"Above the floor of the language: {shown[0]:.2f} nats a word with all 8 key/value heads, {shown[1]:.2f} "
        f"with {H_kv} ({made}), at once{f', {after:.2f} after training on' if after else ''}; "
        f"guessing stands at {even:.2f}.",
        yaxis={"range": [min(0, 1.1 * min(shown)), 1.2 * max(*shown, even)]},
        shapes=[rule(y=even)],
        annotations=[label(-0.48, even, "guessing", xanchor="left", yanchor="bottom")],
    )
    p = [np.exp(-word_losses(each, first)) for each in (lm.load("target"), few)]
    same = max_abs_difference(*(lm.forward(each, encode(first)) for each in (model, lm.load("target"))))
    return (
        figure,
        Tokens(first, [0.0, *p[0].tolist()], "output",
               "All 8 heads: each word shaded by the probability that it was given, "
               f"{100 * p[0].mean():.0f} % in the mean."),
        Tokens(first, [0.0, *p[1].tolist()], "error", f"The same with {_heads(H_kv)}: {100 * p[1].mean():.0f} %."),
        Metrics(
            ("Cache of a word", 2 * model.L * H_kv * model.D * 2, "bytes", f"2 · {model.L} · {H_kv} · {model.D} · 2"),
            ("New key heads", length_kept(few, model), "of the old length", f"1/√{8 // H_kv} = "
             f"{(H_kv / 8) ** 0.5:.2f} for the mean of {8 // H_kv} unrelated ones"),
        ),
        Badge("8 heads, turned or not: max|Δ| of the logits", same, 1e-3),
        Note(f"“8 heads” and “at once” are measured here, on {TEXTS} texts that training never saw; “trained on”: "
             f"{_recorded(H_kv, after)}"),
    )  # fmt: skip


def _heads(n):
    return f"{n} key/value head{'s' * (n != 1)}"


def _recorded(H_kv, after):
    """What the right bar of pool_heads is, or why there is none."""
    if after is not None:
        return "a recorded run, on other texts."
    if H_kv == 8:
        return "with all heads there is nothing to mend."
    return "no run was recorded for these heads."


def pooled(model, H_kv, made=MADE[0], seed=0):
    """The house model with H_kv key/value heads made from its H: their mean, the first of each group, or random."""
    rng, changed = np.random.default_rng(seed), {}
    for i in range(model.L):
        for part in "kv":
            W = model.weights[f"{i}.{part}"].reshape(model.H, model.D, model.d)
            heads = {
                "mean of its group": mean_pool_heads(W, H_kv),
                "first of its group": W[:: model.H // H_kv],
                "random": rng.normal(0, W.std(), (H_kv, model.D, model.d)),
            }[made]
            changed[f"{i}.{part}"] = heads.reshape(H_kv * model.D, model.d).astype(np.float32)
    return replace(model.with_weights(changed), H_kv=H_kv)


@cache
def as_it_is(seed):
    """Nats above the floor of the house model with all its heads, on the texts of pool_heads."""
    return above_floor(lm.load("target"), held_out(TEXTS, start=TEXTS * seed))


def turned_at_random(model, seed):
    """The same function in other coordinates: in each head, queries and keys turn by the same random angles, pair by
    pair as rotary positions do, and so do values and the columns of the output matrix that read them."""
    rng, changed = np.random.default_rng(seed), {}
    for i in range(model.L):
        for pair in (("q", "k"), ("v", "o")):
            angles = rng.uniform(0, 2 * np.pi, (model.H, 1, model.D // 2))
            for part in pair:
                W = model.weights[f"{i}.{part}"]
                heads = (W.T if part == "o" else W).reshape(model.H, model.D, model.d)
                turned = np.swapaxes(apply_rope(np.swapaxes(heads, 1, 2), angles), 1, 2)
                flat = turned.reshape(-1, model.d).astype(np.float32)
                changed[f"{i}.{part}"] = flat.T.copy() if part == "o" else flat
    return model.with_weights(changed)


def length_kept(few, model):
    """The mean length of a model's key heads, as vectors of all their numbers, over that of another's."""
    lengths = [np.mean([np.linalg.norm(W) for i in range(each.L)
                        for W in each.weights[f"{i}.k"].reshape(each.H_kv, -1)]) for each in (few, model)]  # fmt: skip
    return float(lengths[0] / lengths[1])


@cache
def excess(H_kv, made=MADE[0], turned=False, seed=0):
    """For the page's text: nats above the floor of the house model with H_kv key/value heads."""
    model = turned_at_random(lm.load("target"), seed) if turned else lm.load("target")
    return above_floor(pooled(model, H_kv, made, seed), quoted_texts())


# ---- exercises


def _step(q, k, v, K, V):
    K, V = np.vstack([K, k]), np.vstack([V, v])
    return softmax(q @ K.T / np.sqrt(len(k))) @ V, K, V


@exercise(
    start="""
        def step(q, k, v, K, V):
            # q (H, D): the new token's queries      k, v (D,): its key and value      K, V (t, D): the cache
            K, V = np.vstack([K, np.tile(k, (len(q), 1))]), np.vstack([V, np.tile(v, (len(q), 1))])
            return softmax(q @ K.T / np.sqrt(len(q)), axis=0) @ V, K, V
    """,
    solution=_step,
    hint="How many rows does one token leave behind, however many heads ask? What does the root hold? And a row of "
    "the scores is one head's question: along which axis do its weights sum to one?",
)
def decode_one_token(answer, rng):
    """Write `step(q, k, v, K, V)`: one token's decode step of multi-query attention. Return the outputs `y` (H, D) and
    the grown cache `K` and `V` (t+1, D). The starter code makes three mistakes. You may use `np` and `softmax`."""
    H, D, t = (int(n) for n in rng.integers(2, 6, 3))
    D += D == H  # so that one can't pass for the other
    K, V = rng.normal(size=(2, t, D))
    q, k, v = rng.normal(size=(H, D)), *rng.normal(size=(2, D))
    before = K.copy(), V.copy()
    got = answer(q, k, v, K, V)
    y, K_new, V_new = got
    assert np.shape(K_new) == (t + 1, D), f"the cache grows by one row to {(t + 1, D)}; yours is {np.shape(K_new)}"
    assert np.array_equal(K_new, [*K, k]), "the new key stands in the last row of K, the old rows stay"
    assert np.array_equal(V_new, [*V, v]), "the new value stands in the last row of V, the old rows stay"
    assert np.array_equal(K, before[0]) and np.array_equal(V, before[1]), "the given cache must not change"
    assert np.shape(y) == (H, D), f"one output for each query head, {(H, D)}; yours is {np.shape(y)}"
    for h in range(H):
        e = [np.exp(sum(a * b for a, b in zip(q[h], row, strict=True)) / D**0.5) for row in [*K, k]]
        expected = sum(x * row for x, row in zip(e, [*V, v], strict=True)) / sum(e)
        assert np.allclose(y[h], expected), f"head {h}: expected {np.round(expected, 3)}, got {np.round(y[h], 3)}"


def _widened(d, D, H, H_kv, F, n_F, attentions, feeds):
    return F + attentions * 2 * D * (H - H_kv) // (feeds * n_F)


@exercise(
    start="""
        def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
            # d: the model's width     H heads of width D become H_kv key/value heads
            # feeds feed-forward layers of n_F matrices, d by F each     attentions: how many attention layers there are
            return F + d * D * (H - H_kv) // (n_F * F)
    """,
    solution=_widened,
    hint="Each attention layer gives up 2 · d · D · (H − H_kv) parameters. One column more in every feed-forward layer "
    "takes n_F · d of each.",
)
def spend_what_is_saved(answer, rng):
    """Shazeer compared models of equal size: what key and value matrices gave up, feed-forward layers got. Write
    `widened(d, D, H, H_kv, F, n_F, attentions, feeds)`: the new feed-forward width at which the parameters are the
    same, rounded down. A translation model has more attention layers than feed-forward ones."""
    shazeer = answer(1024, 128, 8, 1, 4096, 2, 18, 12)
    assert shazeer == 5440, f"6 + 6 layers, 18 of attention and 12 feed-forward: the paper has 5440, you have {shazeer}"
    for n_F in (2, 3):
        d, D, H_kv, feeds = (int(n) for n in rng.integers([64, 8, 2, 2], [512, 64, 6, 9]))
        H, F, attentions = H_kv * int(rng.integers(2, 9)), 4 * d, feeds + int(rng.integers(1, 9))
        got = answer(d, D, H, H_kv, F, n_F, attentions, feeds)
        spare = attentions * 2 * d * D * (H - H_kv) - feeds * n_F * d * (got - F)  # parameters saved and not yet spent

        case = f"d={d}, D={D}, H={H}, H_kv={H_kv}, F={F}, n_F={n_F}, {attentions} attention and {feeds} feed layers"
        assert got == int(got), f"{case}: a width is a whole number, you gave {got}"
        assert spare >= 0, f"{case}: with F={got} the model is larger than before"
        assert spare < feeds * n_F * d, f"{case}: F={got} can still grow"
