"""What the page on multi-query attention shows."""

import numpy as np

from topics.kit import (
    GB,
    GIB,
    GPUS,
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
    bars,
    demo,
    label,
    line,
    max_abs_difference,
    rule,
    softmax,
)
from topics.kit.model.recorded import HEADS as TRAINED  # noqa: F401
from topics.kit.page.ladder import ladder
from topics.kit.page.roofs import roofline
from topics.kit.page.words import beyond, counted, products, short
from topics.kit.real.caches import CACHED, WAYS, token_bytes, users_of
from topics.kit.real.costs import cache_bytes, held, time_of, weights_bytes
from topics.mqa.method import (
    cache_of,
    decode_intensity,
    layer_parameters,
    multi_query_attention,
    step_ms,
    step_works,
    with_heads,
)


@demo(
    T=LogSlider("Context length", 256, 131_072, value=4096, unit="tokens"),
    B=LogSlider("Users at once", 1, 256, value=32, unit="users"),
    name=Choice("Model", ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B", "Qwen3-235B-A22B"), value="Llama-2-7B"),
    kind=Choice("Weights", ("BF16", "FP8", "MXFP4"), value="BF16"),
    gpu=Choice("GPU", ("H100", "H200", "B200", "8 × H100", "8 × B200"), value="H100"),
)
def step_time(T, B, name, kind, gpu):
    """Where the time of one decode step goes, by the number of key/value heads."""
    m, chip = MODELS[name], GPUS[gpu]
    heads = [m.H >> i for i in range(m.H.bit_length())]  # H, H/2, …, 1
    works = [step_works(name, T, B, H_kv, kind, chip.n) for H_kv in heads]  # of matrices, last of scores and mixing
    compute = [1000 * sum(flops for flops, _ in step) / chip.flops for step in works]
    matrices = [1000 * time_of(step[:-1], chip) for step in works]
    pairs = [1000 * time_of(step[-1:], chip) for step in works]
    total = [step_ms(name, gpu, T, B, H_kv, kind) for H_kv in heads]
    names = [str(H_kv) for H_kv in heads]
    figure = Figure(
        [
            bars(names, matrices, "matrices", "weight"),
            bars(names, pairs, "scores, mixing", "key"),
            line(names, compute, "arithmetic of both", "cost", mode="lines+markers"),
        ],
        x_title="Key/value heads",
        y_title="Time of one step (ms)",
        alt=f"{name} on {gpu}, {counted(B, 'user')} with {T:,} tokens: a step takes {short(total[0])} ms with "
        f"{heads[0]} key/value heads, {short(matrices[0])} for matrices, {short(pairs[0])} for scores and mixing; "
        f"with one {short(total[-1])}, {short(matrices[-1])} and {short(pairs[-1])}. Arithmetic: {short(compute[0])} "
        f"and {short(compute[-1])} ms.",
        barmode="stack",
        xaxis={"type": "category"},
        yaxis={"range": [0, 1.15 * max(total)]},
        annotations=[label(i, ms, short(ms), yanchor="bottom", yshift=4) for i, ms in enumerate(total)],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    (flops, few_flops), (read, few_read) = (
        [sum(work[part] for work in step) for step in (works[0], works[-1])] for part in (0, 1)
    )
    return (
        figure,
        Metrics(
            (f"{heads[0]} heads", total[0], "ms", _read(works[0])),
            ("One head", total[-1], "ms", _read(works[-1])),
            ("So it is faster by", total[0] / total[-1], "×", f"reads {short(read / few_read)} times less"),
            ("FLOP fall by", 100 * (1 - few_flops / flops), "%", "all of it projections"),
        ),
        _step_note(name, kind, gpu, T, B),
    )


def _read(works):
    """What a step reads, for its formula."""
    *weights, (_, caches) = works
    return f"{sum(read for _, read in weights) / GB:,.1f} + {caches / GB:,.3g} GB read"


def _step_note(name, kind, gpu, T, B):
    """What of the figure would not fit into the GPU's memory, or needs an explanation."""
    m, memory, n = MODELS[name], GPUS[gpu].memory, GPUS[gpu].n
    most, least = (
        weights_bytes(with_heads(name, H_kv), kind) + B * T * cache_of(name, held(H_kv, n)) for H_kv in (m.H, 1)
    )  # fmt: skip
    if least > memory:
        return Note(f"Weights and caches do not fit into {gpu}, not even with one head: arithmetic only.", "warning")
    if most > memory:
        return Note(f"With {m.H} heads the caches do not fit into {gpu}; with one head they do.", "warning")
    if m.context < T:
        return Note(beyond(name, m.context), "warning")
    own = "" if m.H_kv == m.H else f" {name} itself has {m.H_kv}."
    split = f" {n} GPUs split the heads, and each keeps at least one: below {n} the caches shrink no more." * (n > 1)
    return Note(f"Each part takes the longer of reading and arithmetic; then the two times are added.{split}{own}")


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
    gpu=Choice("GPU", ("H100", "H200", "B200"), value="H100"),
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


SERVED = ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B", "GPT-3", "Qwen3-235B-A22B", "MiniMax-M2", "DeepSeek-V3")


CONTEXTS = 2.0 ** np.arange(10, 18)  # 1,024 … 131,072; floats, for integers have 32 bits in a browser


@demo(
    T=LogSlider("Context length", 1024, 131_072, value=32_768, unit="tokens"),
    name=Choice("Model", SERVED, value="Llama-3.1-8B"),
    gpu=Choice("GPU", ("H100", "H200", "B200", "8 × H100", "8 × B200"), value="H100"),
)
def users_against_context(T, name, gpu):
    """How many users fit beside a model's weights, under each way to build its attention."""
    m = CACHED[name]
    free = max(GPUS[gpu].memory - 2 * m.parameters, 0)
    lines, texts = [], []
    one_line = token_bytes(name, "GQA", n=GPUS[gpu].n) == token_bytes(name, "MQA", n=GPUS[gpu].n)
    said = {way: way for way in WAYS} | ({"GQA": "", "MQA": "GQA,<br>MQA"} if one_line else {})
    for way, dash in zip(WAYS, ("dot", "dash", "solid", "dash"), strict=True):
        fit = free / (CONTEXTS * token_bytes(name, way, n=GPUS[gpu].n)) if free else []
        lines.append(line(CONTEXTS if free else [], fit, way, "key" if way == "MQA" else "reference", dash))
        if free and said[way]:
            up = {"yanchor": "bottom", "yshift": -8} if "<br>" in said[way] else {}  # others stand close below
            texts.append(label(np.log10(CONTEXTS[-1]), np.log10(fit[-1]), said[way], xanchor="left", xshift=4, **up))
    fits = [f"{counted(users_of(name, way, T, GPUS[gpu]), 'user')} under {way}" for way in WAYS]
    most = free / (1024 * token_bytes(name, "MQA", n=GPUS[gpu].n))
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
