"""What the page on the KV cache shows."""

import numpy as np

from topics.kit import (
    GB,
    GIB,
    GPUS,
    KIB,
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
    Toggle,
    bars,
    demo,
    label,
    line,
    max_abs_difference,
    points,
    rule,
    softmax,
)
from topics.kit.numerics import position_vector
from topics.kit.page.roofs import roofline
from topics.kit.page.words import beyond, counted, products, short
from topics.kit.real.costs import (
    WEIGHTS,
    held,
    roofline_time,
    text_bytes,
    time_of,
    users_that_fit,
)
from topics.kv_cache.method import (
    arithmetic_intensity,
    crossover_batch,
    decode_step,
    decode_works,
    layer_flops,  # noqa: F401
    prefill,
    prefill_works,
    ridge,
    ridge_batch,
    weight_bytes,
)

# of weights, and bytes of a cached number
PRECISIONS = {"16 and 16": ("BF16", 2), "8 and 16": ("FP8", 2), "4 and 16": ("MXFP4", 2), "4 and 8": ("MXFP4", 1)}
CALCULATED = (
    "Llama-2-7B",
    "Llama-3.1-8B",
    "Llama-3.1-70B",
    "DeepSeek-V3",
    "Qwen3-235B-A22B",
    "gpt-oss-120b",
    "Qwen3-Next-80B-A3B",
    "GLM-5",
    "Gemma 4 31B",
)


@demo(
    T=LogSlider("Context length", 1024, 131_072, value=131_072, per_octave=2, unit="tokens"),
    name=Choice("Model", CALCULATED, value="Llama-3.1-8B"),
    precision=Choice("Bits of weights and cache", tuple(PRECISIONS), value="16 and 16"),
    gpu=Choice("GPU", ("RTX 4090", "H100", "B200", "8 × B200"), value="H100"),
    wrong=Toggle("Break it: count query heads, not key/value heads"),
)
def memory_calculator(T, name, precision, gpu, wrong):
    """Weights and caches of a real model against the memory of a real GPU."""
    model, (kind, b), memory, n = MODELS[name], PRECISIONS[precision], GPUS[gpu].memory, GPUS[gpu].n
    counted_as = _by_query_heads(model) if wrong else model
    weights, per_user = weight_bytes(name, kind), text_bytes(counted_as, T, b, n)
    fit = users_that_fit(memory, weights, per_user)

    users = {"1 user": 1, "8 users": 8, f"most that fit: {fit}": fit}
    caches = [B * per_user / GIB for B in users.values()]
    top = max(*caches, 0) + weights / GIB
    figure = Figure(
        [
            bars(list(users), [weights / GIB] * 3, "weights", "weight", text=[f"weights {short(weights / GIB)}"] * 3),
            bars(list(users), caches, "KV cache", "key", text=[f"cache {short(c)}" if c else "" for c in caches]),
        ],
        y_title="GPU memory (GiB)",
        alt=f"{name} at {T:,} tokens: weights {short(weights / GIB)} GiB, cache {short(per_user / GIB)} GiB a user. "
        f"With 8 users that makes {short((weights + 8 * per_user) / GIB)} GiB; {gpu} has {memory // GIB:,} GiB and "
        f"fits {fit:,}.",
        barmode="stack",
        showlegend=False,
        yaxis={"range": [0, 1.12 * max(top, memory / GIB)]},
        shapes=[rule(y=memory / GIB) | {"layer": "below"}],  # behind the bars: it would cross their texts
        annotations=[
            label(1, memory / GIB, f"{gpu}: {memory // GIB:,} GiB", xref="paper", xanchor="right", yanchor="bottom")
        ],
    )
    room = f"⌊({memory // GIB:,} − {weights / GIB:.2f}) / {per_user / GIB:.4g}⌋"
    if weights > memory:
        room = f"{weights / GIB:.2f} > {memory // GIB:,}"
    grows = (text_bytes(counted_as, T + 1, b, n) - per_user) / KIB
    metrics = Metrics(
        ("A further token", grows, "KiB", f"{_what_grows(counted_as, T, n)} · {counted(b, 'byte')}"),
        ("Cache per user", per_user / GIB, "GiB", _what_is_kept(counted_as, T)),
        ("Weights", weights / GIB, "GiB", f"{model.parameters:,} parameters; most at {WEIGHTS[kind]:.4g} bits"),
        ("Users that fit", fit, "", room),
    )
    kept_free = users_that_fit(USED * memory, weights, per_user)
    return figure, metrics, _context_note(name, T, wrong, n, kept_free)


USED = 0.92  # of a GPU's memory: what vLLM takes by default (vllm2026serving)


def _by_query_heads(model):
    """A model as one counts it who takes the number of query heads, in all layers that keep something of a token."""
    return model._replace(layers=tuple(
        each if each.state else each._replace(H_kv=each.H, latent=0, rotary=0, index=0) for each in model.layers
    ))  # fmt: skip


def _numbers(each, n):
    """What a layer of a group keeps of one token on n GPUs, as a product."""
    if each.latent:
        kept = f"({each.latent} + {each.index})" if each.index else str(each.latent)
        return kept if n == 1 else f"{n} · {kept}"
    return f"2 · {counted(held(each.H_kv, n), 'head')} · {each.D}"


def _what_grows(model, T, n):
    """The layers whose caches still grow beyond T tokens."""
    growing = [each for each in model.layers if not each.state and (each.window is None or each.window > T)]
    return " + ".join(f"{counted(each.n, 'layer')} · {_numbers(each, n)}" for each in growing) or "no layer"


def _what_is_kept(model, T):
    """How many tokens the layers of a model keep."""
    parts = []
    for each in model.layers:
        tokens = T if each.window is None else min(T, each.window)
        parts.append(f"{counted(each.n, 'layer')}: " + ("a state" if each.state else f"{tokens:,} tokens"))
    return "; ".join(parts)


def _copied(name, n):
    """What to say where n GPUs keep more than one copy of a text's cache."""
    if text_bytes(MODELS[name], 1, n=n) == text_bytes(MODELS[name], 1):
        return ""
    what = "a whole latent of every token" if MODELS[name].layers[0].latent else "at least one key/value head"
    return f" {n} GPUs split the heads, and each keeps {what}."


def _context_note(name, T, wrong, n, kept_free):
    """What a reader should not believe of the bars above."""
    model = MODELS[name]
    if model.context < T:
        return Note(f"{name} was made for {model.context:,} tokens. Only the bytes at {T:,} still hold.",
                    "warning")  # fmt: skip
    right, counted_so = text_bytes(model, T, n=n), text_bytes(_by_query_heads(model), T, n=n)
    if wrong and counted_so > right:
        return Note(f"{name} does not cache its query heads: this is {counted_so / right:.3g} times too much.",
                    "warning")  # fmt: skip
    if wrong:
        return Note(f"{name} has as many key/value heads as query heads, so here the mistake goes unnoticed.")
    return Note(f"With the {100 * USED:.0f} % of memory that vLLM takes by default, {counted(kept_free, 'user')} would "
                f"fit; activations need some of that, too.{_copied(name, n)}")  # fmt: skip


FAULTS = ("none", "forget to append", "drop the first token", "restart positions at 0")


@demo(
    T=Slider("Tokens", 3, 8, value=6, unit="tokens"),
    fault=Choice("Break it", FAULTS, value="none"),
    seed=Seed(),
)
def decode_by_hand(T, fault, seed):
    """One head of width 2, token by token: what the cache holds, what the new token reads, what comes out."""
    d = D = 2
    rng = np.random.default_rng(seed)
    W_q, W_k, W_v = rng.normal(0, d**-0.5, (3, d, 1, D))
    tokens = rng.normal(0, 1, (T, d))
    x = tokens + [position_vector(t, d) for t in range(T)]  # (T, d)
    exact, _, _ = prefill(*(np.tensordot(x, W, 1) for W in (W_q, W_k, W_v)))  # (T, 1, D), nothing cached

    K = V = np.empty((0, 1, D))
    held, frames, outputs = [], [], []
    for t in range(T):
        row = tokens[t] + position_vector(0, d) if fault == "restart positions at 0" else x[t]
        q, k, v = (np.tensordot(row, W, 1) for W in (W_q, W_k, W_v))  # (1, D) each
        if fault == "forget to append":
            K, V, held = K[:0], V[:0], []
        if fault == "drop the first token" and t == 1:
            K, V, held = K[1:], V[1:], []
        y, K, V = decode_step(q, k, v, K, V)
        held = [*held, t]
        outputs.append(y)
        frames.append(_frame(t, held, q[0], K[:, 0], V[:, 0], y[0], exact[t, 0]))
    return Steps(*frames), Badge(
        "Cached against recomputed, all tokens: max|Δ|", max_abs_difference(outputs, exact), 1e-12
    )


def _frame(t, held, q, K, V, y, exact):
    """One token's step: q, y, exact (D,), K, V (n, D); `held` names the n tokens in the cache."""
    D, n = len(q), len(held)
    dims = [str(j + 1) for j in range(D)]
    names = [f"token {i + 1}" for i in held]
    scores = K @ q / np.sqrt(D)  # (n,)
    weights = softmax(scores)  # (n,)
    dots = [[f"({products(q, row)}) / √{D}" for row in K]]
    mixes = [[products(weights, V[:, j]) for j in range(D)], ["the same sum, every row of K and V computed again"] * D]
    parts = f"6·{D}·{D} + 4·{D}·"  # queries, keys and values are projected, outputs are not
    return Frame(
        f"Token {t + 1} arrives. Kept rows of K and V: {n - 1}. New rows: 1. One query meets {counted(n, 'key')}.",
        Matrix(K, [f"{name}, {'new' if i == t else 'kept'}" for name, i in zip(names, held, strict=True)], dims,
               "K, one key a token", "key"),
        Matrix(scores[None], ["q · k / √D"], names, "Scores of the new query", "query", dots),
        Matrix(weights[None], ["weight"], names, "Weights, the softmax of the scores", "weight"),
        Matrix(np.stack([y, exact]), ["cached", "recomputed"], dims, "Output, the weighted sum of V",
               "output", mixes),
        Metrics(
            ("Work with the cache", head_flops(1, n, D), "FLOP", f"1 · ({parts}{n})"),
            ("Work without", head_flops(t + 1, t + 1, D), "FLOP", f"{t + 1} · ({parts}{t + 1})"),
            ("max|Δ| of this token", max_abs_difference(y, exact), ""),
        ),
    )  # fmt: skip


def head_flops(new, T, D):
    """FLOP of the head above for `new` tokens of width D that each meet T keys: no output projection."""
    return new * (6 * D * D + 4 * D * T)


SERVED = ("Llama-3.1-8B", "gpt-oss-120b", "DeepSeek-V3")
RELEASED = {"gpt-oss-120b": "MXFP4", "DeepSeek-V3": "FP8"}  # the others in 16 bits


@demo(
    T=LogSlider("Context length", 128, 131_072, value=8192, unit="tokens"),
    B=LogSlider("Users at once", 1, 512, value=32, unit="users"),
    name=Choice("Model", SERVED, value="Llama-3.1-8B"),
    kind=Choice("Weights", ("BF16", "FP8", "MXFP4"), value="BF16"),
    gpu=Choice("GPU", ("H100", "H200", "8 × B200"), value="H100"),
    uncached=Toggle("Break it: no cache, read the whole text for every token"),
)
def prefill_against_decode(T, B, name, kind, gpu, uncached):
    """Where the two phases stand under a GPU's roof, and what batching buys."""
    chip, works = GPUS[gpu], prefill_works if uncached else decode_works
    *matrices, pairs = works(name, T, B, kind, chip.n)
    prompt = prefill_works(name, T, 1, kind, chip.n)
    seconds = [roofline_time(work, chip) for work in (*matrices, pairs)]
    fit = users_that_fit(chip.memory, weight_bytes(name, kind), text_bytes(MODELS[name], T, n=chip.n))
    batches = np.array(sorted({*(2 ** np.arange(10)).tolist(), min(max(fit, 1), 512)}))  # 1 … 512 users
    total = np.array([n / time_of(works(name, T, int(n), kind, chip.n), chip) for n in batches])  # tokens/s
    parts = ("Decode, matrices", "Decode, experts")

    metrics = Metrics(
        *((part, arithmetic_intensity(work), "FLOP/byte", _divided(work))
          for part, work in zip(parts, matrices, strict=False)),
        ("Decode, scores and mixing", arithmetic_intensity(pairs), "FLOP/byte", _divided(pairs)),
        ("Ridge of the GPU", ridge(gpu), "FLOP/byte", "peak FLOP/s over bytes/s"),
        ("All users together", B / sum(seconds), "tokens/s",
         f"{B} / ({' + '.join(f'{1000 * each:,.3g}' for each in seconds)} ms)"),
        ("Prefill of one prompt", time_of(prompt, chip), "s", "matrices, then scores and mixing"),
        ("Caches outweigh weights from", crossover_batch(name, T, kind, chip.n), "users",
         "weights read / bytes of one cache"),
        ("Matrices reach the ridge from", ridge_batch(name, gpu, kind), "users", "arithmetic sets their pace"),
        *((("… experts from", ridge_batch(name, gpu, kind, 1), "users", "each meets few of the tokens"),)
          if MODELS[name].experts else ()),
    )  # fmt: skip
    marks = [
        (f"matrices, {counted(B, 'user')}", arithmetic_intensity(matrices[0]), "weight", "square", True),
        ("scores, mixing", arithmetic_intensity(pairs), "key", "diamond", False),
        ("prefill, matrices", arithmetic_intensity(prompt[0]), "query", "circle", False),
        *(("experts", arithmetic_intensity(work), "weight", "square", False) for work in matrices[1:]),
    ]
    note = _served_note(name, T, B, kind, gpu, fit, sum(seconds))
    return roofline(gpu, marks), _throughput(batches, total, B, B / sum(seconds), fit, gpu), metrics, note


def _served_note(name, T, B, kind, gpu, fit, seconds):
    """What a reader should not believe of the figures above."""
    if fit < B:
        text = f"{gpu} has room for {counted(fit, 'such user')} beside the weights: {B} is arithmetic only."
        return Note(text, "warning")
    if MODELS[name].context < T:
        return Note(beyond(name, MODELS[name].context), "warning")
    text = "Times at their best: no launch overhead, no network, perfect overlap."
    if seconds < 0.002:
        text = "A step this short takes longer: starting its programs, and the network, are not counted."
    if kind != "BF16":
        text += " Narrow weights are read faster; arithmetic, so prefill, is counted at the BF16 rate."
    released = RELEASED.get(name, kind)
    return Note(
        text + (f" {name} was released in {released}." if released != kind else "") + _copied(name, GPUS[gpu].n)
    )


def _divided(work):
    flops, moved = work
    return f"{flops / 1e9:,.3g} GFLOP / {moved / GB:,.3g} GB"


def _throughput(batches, total, B, now, fit, gpu):
    """Tokens a second against users: all together, and each."""
    inside = batches[0] <= fit <= batches[-1]
    side = "right" if fit > 16 else "left"  # of the text: it stands where there is more room
    place = np.log10(fit) if inside else 0
    full = [label(place, 0, f" memory full: {fit} ", yref="paper", xanchor=side, yanchor="bottom")]
    fits, beyond_it = batches <= fit, batches >= fit
    each = total / batches
    return Figure(
        [
            line(batches[beyond_it], total[beyond_it], "all, if they fitted", "reference", "dot"),
            line(batches[beyond_it], each[beyond_it], "each, if they fitted", "reference", "dot"),
            line(batches[fits], total[fits], "all users", "key"),
            line(batches[fits], each[fits], "each user", "query", "dash"),
            points([B], [now], "now", "key", "diamond"),
        ],
        x_title="Users at once",
        y_title="Tokens per second",
        alt=f"{counted(B, 'user')}: {short(now)} tokens/s together, {short(now / B)} each; one user alone gets "
        f"{short(total[0])}, 512 together {short(total[-1])}. {gpu} has memory for {fit:,}.",
        xaxis={"type": "log", "dtick": np.log10(2)},
        yaxis={"type": "log"},
        showlegend=False,
        shapes=[rule(x=fit)] if inside else [],
        annotations=[
            label(np.log10(batches[-1]), np.log10(total[-1]), "all users", xanchor="right", yanchor="bottom", yshift=8),
            label(np.log10(8), np.log10(each[batches == 8][0]), "each user",
                  xanchor="left", yanchor="bottom", yshift=4),
            *(full if inside else []),
        ],
    )  # fmt: skip
