"""KV cache: keep every past key and value, so that a new token costs one row of attention.

T tokens in the context   L layers   H query heads   H_kv key/value heads   D head width   d model width
B users served at once    b bytes per cached number   N parameters, two bytes each
A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

import time

import numpy as np

from topics.kit import (
    GB,
    GIB,
    GPUS,
    KIB,
    MIB,  # noqa: F401 — for the page's [[value …]]
    MODELS,
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
    Text,
    Toggle,
    Tokens,
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
from topics.kit.costs import cache_bytes, roofline_time, users_that_fit
from topics.kit.language import CONTEXT
from topics.kit.numerics import position_vector
from topics.kit.roofs import roofline
from topics.kit.text import UnreadableError, decode, encode, read
from topics.kit.words import beyond, counted, products, short

# ---- the cache itself


def decode_step(q, k, v, K, V):
    """Append one token to the cache and attend to all of it (eq:decode).

    q        (H, D)         the new token's query, one row a head
    k, v     (H_kv, D)      its key and value; H/H_kv query heads share each row
    K, V     (t, H_kv, D)   the cache so far
    returns  y (H, D) and the grown K, V (t+1, H_kv, D)

    >>> q = k = np.ones((1, 4)); v = np.full((1, 4), 7.0); empty = np.empty((0, 1, 4))
    >>> y, K, V = decode_step(q, k, v, empty, empty)   # alone, a token can only read its own value
    >>> y.tolist(), K.shape
    ([[7.0, 7.0, 7.0, 7.0]], (1, 1, 4))
    """
    K = np.concatenate([K, k[None]])  # (t+1, H_kv, D)
    V = np.concatenate([V, v[None]])  # (t+1, H_kv, D)
    share = q.shape[0] // K.shape[1]  # query head h reads cached head h // share
    scores = np.einsum("hd,thd->ht", q, np.repeat(K, share, axis=1)) / np.sqrt(q.shape[1])  # (H, t+1)
    y = np.einsum("ht,thd->hd", softmax(scores), np.repeat(V, share, axis=1))  # (H, D)
    return y, K, V


def prefill(q, k, v):
    """Attend for T tokens at once, each to itself and the ones before it (eq:prefill).

    q        (T, H, D)      k, v  (T, H_kv, D)
    returns  y (T, H, D), and k, v: as they stand, they are the cache

    >>> y, K, V = prefill(np.zeros((2, 1, 1)), np.zeros((2, 1, 1)), np.array([[[2.0]], [[4.0]]]))
    >>> y.ravel().tolist()   # equal scores: the first token reads 2, the second the mean of 2 and 4
    [2.0, 3.0]
    """
    T, H, D = q.shape
    share = H // k.shape[1]
    scores = np.einsum("qhd,thd->hqt", q, np.repeat(k, share, axis=1)) / np.sqrt(D)  # (H, T, T)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)  # no token sees a later one
    y = np.einsum("hqt,thd->qhd", softmax(scores), np.repeat(v, share, axis=1))  # (T, H, D)
    return y, k, v


def forward(layers, x, caches=None):
    """A stack of attention layers: all rows of x at once, or one new row on top of its caches.

    layers   a list of W_q (d, H, D), W_k and W_v (d, H_kv, D), W_o (H, D, d)
    x        (T, d), T = 1 with caches
    returns  y like x, and each layer's K, V with the new rows
    """
    grown = []
    for i, (W_q, W_k, W_v, W_o) in enumerate(layers):
        q, k, v = (np.tensordot(x, W, 1) for W in (W_q, W_k, W_v))  # q (T, H, D), k and v (T, H_kv, D)
        if caches is None:
            y, K, V = prefill(q, k, v)  # y (T, H, D)
        else:
            y, K, V = decode_step(q[0], k[0], v[0], *caches[i])  # y (H, D)
        x = x + np.tensordot(y.reshape(len(x), *q.shape[1:]), W_o, 2)  # residual, (T, d)
        grown.append((K, V))
    return x, grown


def generate(layers, prompt, steps, cached=True):
    """Make `steps` vectors, each the stack's last output fed back as its next input.

    There is no vocabulary here: where a model would pick a token and look up its vector, this
    rescales the output to unit mean square.

    prompt   (T, d)
    returns  (steps, d)
    """
    x, caches, made = prompt, None, []
    for _ in range(steps):
        y, grown = forward(layers, x if caches is None else x[-1:], caches)  # one row, or all of them again
        caches = grown if cached else None
        made.append(y[-1] / np.sqrt(np.mean(y[-1] ** 2)))  # (d,)
        x = np.vstack([x, made[-1]])  # one row longer
    return np.array(made)


# ---- what it costs


def cache_of(name, T=1, b=2):
    """cache_bytes of a model in the kit's table, by its name."""
    model = MODELS[name]
    return cache_bytes(T, model.L, model.H_kv, model.D, b)


def weight_bytes(name):
    """Bytes of a model's weights at two bytes a parameter."""
    return 2 * MODELS[name].parameters


def layer_flops(new, T, d, H, H_kv, D):
    """FLOP of one attention layer for `new` tokens that each meet T keys (eq:work).

    With a cache new = 1; without one new = T, every row again.

    >>> layer_flops(1, 6, 4, 1, 1, 4), layer_flops(6, 6, 4, 1, 1, 4)
    (224, 1344)
    """
    projections = 2 * d * D * (2 * H + 2 * H_kv)  # q and output: H heads each; k and v: H_kv each
    attention = 4 * H * D * T  # T scores and T weighted values, D multiply-adds each
    return new * (projections + attention)


def decode_work(name, T, B, b=2):
    """FLOP and bytes of one decode step: B users, each one new token meeting T keys (eq:step)."""
    m = MODELS[name]
    flops = B * (2 * m.parameters + 4 * m.L * m.H * m.D * T)  # a multiply-add per weight, then attention
    return flops, weight_bytes(name) + B * cache_of(name, T, b)  # weights once for all users, caches one by one


def prefill_work(name, T, B):
    """FLOP and bytes of reading B prompts of T tokens; token t meets t keys, T(T+1)/2 pairs in all."""
    m = MODELS[name]
    flops = B * (2 * m.parameters * T + 2 * m.L * m.H * m.D * T * (T + 1))
    return flops, weight_bytes(name) + B * cache_of(name, T)  # weights read once, caches written once


def arithmetic_intensity(work):
    """FLOP done for each byte moved (eq:intensity).

    >>> arithmetic_intensity((20, 10))
    2.0
    """
    flops, moved = work
    return flops / moved


def decode_time(name, gpu, T, B):
    """Seconds at best for one decode step, which gives each of B users one token.

    >>> round(1000 * decode_time("Llama-3.1-8B", "H100", T=1, B=1), 1)   # 16.06 GB at 3,350 GB/s, in ms
    4.8
    """
    return roofline_time(decode_work(name, T, B), GPUS[gpu])


def crossover_batch(name, T):
    """The number of users whose caches together weigh as much as the weights (eq:crossover)."""
    return weight_bytes(name) / cache_of(name, T)


# ---- demos

BITS = {"16 bits": 2, "8 bits": 1}


@demo(
    T=LogSlider("Context length", 1024, 131_072, value=131_072, per_octave=2, unit="tokens"),
    name=Choice("Model", tuple(name for name in MODELS if name != "GPT-2 small"), value="Llama-3.1-8B"),
    B=LogSlider("Users at once", 1, 256, value=8, unit="users"),
    precision=Choice("Precision of the cache", tuple(BITS), value="16 bits"),
    gpu=Choice("GPU", ("RTX 4090", "H100", "H200", "8 × H100"), value="H100"),
    wrong=Toggle("Break it: count query heads, not key/value heads"),
)
def memory_calculator(T, name, B, precision, gpu, wrong):
    """Weights and caches of a real model against the memory of a real GPU."""
    model, b, memory = MODELS[name], BITS[precision], GPUS[gpu].memory
    heads = model.H if wrong else model.H_kv
    weights, per_user = weight_bytes(name), cache_bytes(T, model.L, heads, model.D, b)
    fit = users_that_fit(memory, weights, per_user)

    users = {"1 user": 1, f"asked for: {B}": B, f"most that fit: {fit}": fit}
    caches = [n * per_user / GIB for n in users.values()]
    top = max(*caches, 0) + weights / GIB
    figure = Figure(
        [
            bars(list(users), [weights / GIB] * 3, "weights", "weight", text=[f"weights {short(weights / GIB)}"] * 3),
            bars(list(users), caches, "KV cache", "key", text=[f"cache {short(c)}" if c else "" for c in caches]),
        ],
        y_title="GPU memory (GiB)",
        alt=f"{name} at {T:,} tokens: weights {short(weights / GIB)} GiB, cache {short(per_user / GIB)} GiB a user. "
        f"With {counted(B, 'user')} that makes {short((weights + B * per_user) / GIB)} GiB; {gpu} has "
        f"{memory // GIB} GiB and fits {fit:,}.",
        barmode="stack",
        showlegend=False,
        yaxis={"range": [0, 1.12 * max(top, memory / GIB)]},
        shapes=[rule(y=memory / GIB) | {"layer": "below"}],  # behind the bars: it would cross their texts
        annotations=[
            label(1, memory / GIB, f"{gpu}: {memory // GIB} GiB", xref="paper", xanchor="right", yanchor="bottom")
        ],
    )
    room = f"⌊({memory // GIB} − {weights / GIB:.2f}) / {per_user / GIB:.4g}⌋"
    if weights > memory:
        room = f"{weights / GIB:.2f} > {memory // GIB}"
    metrics = Metrics(
        (
            "Cache per token",
            per_user / T / KIB,
            "KiB",
            f"2 · {model.L} layers · {heads} heads · {model.D} · {counted(b, 'byte')}",
        ),
        ("Cache per user", per_user / GIB, "GiB", f"{T:,} tokens · {short(per_user / T / KIB)} KiB"),
        ("Weights", weights / GIB, "GiB", f"{model.parameters:,} parameters · 2 bytes"),
        ("Users that fit", fit, "", room),
    )
    return figure, metrics, _context_note(name, T, wrong)


def _context_note(name, T, wrong):
    """What a reader should not believe of the bars above."""
    model = MODELS[name]
    if model.context < T:
        return Note(f"{name} was made for {model.context:,} tokens. Only the bytes at {T:,} still hold.",
                    "warning")  # fmt: skip
    if wrong and model.H_kv < model.H:
        return Note(f"{name} caches {model.H_kv} heads, not {model.H}: this is {model.H // model.H_kv} times too much.",
                    "warning")  # fmt: skip
    if wrong:
        return Note(f"{name} has as many key/value heads as query heads, so here the mistake goes unnoticed.")
    return Note("Activations, the driver and the server need room too: a real GPU fits fewer.")


FAULTS = ("none", "forget to append", "drop the first token", "restart positions at 0")


@demo(
    T=Slider("Tokens", 3, 8, value=6, unit="tokens"),
    fault=Choice("Break it", FAULTS, value="none"),
    seed=Seed(),
)
def decode_by_hand(T, fault, seed):
    """One head of width 4, token by token: what the cache holds, what the new token reads, what comes out."""
    d = D = 4
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
    dots = [[f"({products(q, row)}) / {np.sqrt(D):.0f}" for row in K]]
    mixes = [[products(weights, V[:, j]) for j in range(D)], ["the same sum, every row of K and V computed again"] * D]
    parts = f"8·{D}·{D} + 4·{D}·"
    return Frame(
        f"Token {t + 1} arrives. Kept rows of K and V: {n - 1}. New rows: 1. One query meets {counted(n, 'key')}.",
        Matrix(K, [f"{name}, {'new' if i == t else 'kept'}" for name, i in zip(names, held, strict=True)], dims,
               "K, one key a token", "key"),
        Matrix(scores[None], ["q · k / √D"], names, "Scores of the new query", "query", dots),
        Matrix(weights[None], ["weight"], names, "Weights, the softmax of the scores", "weight"),
        Matrix(np.stack([y, exact]), ["cached", "recomputed"], dims, "Output, the weighted sum of V",
               "output", mixes),
        Metrics(
            ("Work with the cache", layer_flops(1, n, D, 1, 1, D), "FLOP", f"1 · ({parts}{n})"),
            ("Work without", layer_flops(t + 1, t + 1, D, 1, 1, D), "FLOP", f"{t + 1} · ({parts}{t + 1})"),
            ("max|Δ| of this token", max_abs_difference(y, exact), ""),
        ),
    )  # fmt: skip


@demo(
    T=LogSlider("Context length", 128, 131_072, value=8192, unit="tokens"),
    B=LogSlider("Users at once", 1, 512, value=32, unit="users"),
    name=Choice("Model", ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B"), value="Llama-3.1-8B"),
    gpu=Choice("GPU", tuple(GPUS), value="H100"),
    uncached=Toggle("Break it: no cache, read the whole text for every token"),
)
def prefill_against_decode(T, B, name, gpu, uncached):
    """Where the two phases stand under a GPU's roof, and what batching buys."""
    chip, work = GPUS[gpu], prefill_work if uncached else decode_work
    step, prompt = work(name, T, B), prefill_work(name, T, 1)
    intensity, seconds = arithmetic_intensity(step), roofline_time(step, chip)
    batches = 2 ** np.arange(10)  # 1 … 512 users
    total = np.array([n / roofline_time(work(name, T, int(n)), chip) for n in batches])  # (10,) tokens/s
    fit = users_that_fit(chip.memory, weight_bytes(name), cache_of(name, T))
    crossover = crossover_batch(name, T)

    metrics = Metrics(
        ("Decode", intensity, "FLOP/byte", f"{step[0] / 1e9:,.0f} GFLOP / {step[1] / GB:,.1f} GB"),
        ("Prefill of one prompt", arithmetic_intensity(prompt), "FLOP/byte",
         f"{prompt[0] / 1e12:,.3g} TFLOP / {prompt[1] / GB:,.1f} GB"),
        ("Ridge of the GPU", chip.flops / chip.bandwidth, "FLOP/byte", "peak FLOP/s over bytes/s"),
        ("All users together", B / seconds, "tokens/s", f"{B} / {1000 * seconds:,.3g} ms"),
        ("Each user", 1 / seconds, "tokens/s", "at best: no overhead counted"),
        ("Caches outweigh weights from", crossover, "users", "2N / bytes of one cache"),
    )  # fmt: skip
    if fit < B:
        note = Note(
            f"{gpu} has room for {counted(fit, 'such user')} beside the weights: {B} is arithmetic only.", "warning"
        )
    elif MODELS[name].context < T:
        note = Note(beyond(name, MODELS[name].context), "warning")
    else:
        note = Note("Both phases at their best: no launch overhead, no network between GPUs, perfect overlap.")
    return (
        roofline(
            gpu,
            [
                (
                    f"decode, {counted(B, 'user')}",
                    arithmetic_intensity(step),
                    "key",
                    "diamond",
                    arithmetic_intensity(step) > chip.flops / chip.bandwidth,
                ),
                ("prefill, 1 prompt", arithmetic_intensity(prompt), "query", "square", False),
            ],
        ),
        _throughput(batches, total, B, B / seconds, fit, gpu),
        metrics,
        note,
    )


def _throughput(batches, total, B, now, fit, gpu):
    """Tokens a second against users: all together, and each."""
    inside = batches[0] <= fit <= batches[-1]
    side = "right" if fit > 16 else "left"  # of the text: it stands where there is more room
    place = np.log10(fit) if inside else 0
    full = [label(place, 0, f" memory full: {fit} ", yref="paper", xanchor=side, yanchor="bottom")]
    return Figure(
        [
            line(batches, total, "all users", "key"),
            line(batches, total / batches, "each user", "query", "dash"),
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
            label(np.log10(32), np.log10(total[5] / 32), "each user", xanchor="left", yanchor="bottom", yshift=4),
            *(full if inside else []),
        ],
    )  # fmt: skip


@demo(
    "live",
    "target",
    T=Slider("Words to write", 16, 112, value=112, step=16, unit="words"),
    kind=Choice("Text", ("story", "facts", "song"), value="story"),
    seed=Seed(),
)
def race(T, kind, seed):
    """The house model writes a text in this browser, and every word is computed twice: with and without a cache."""
    model, rng = lm.load("target"), np.random.default_rng(seed)
    words, cache = encode(f"[polite] {kind} :").tolist(), lm.new_cache(model)
    lm.forward(model, words[:-1], cache)  # the last word is the first that is measured
    lm.forward(model, words)  # the first calls are slow: keep them out
    new, start, fast, slow, worst = words[-1:], len(words), [], [], 0.0
    for written in range(1, T + 1):
        began = time.perf_counter()
        logits = lm.forward(model, new, cache)[-1]  # one row
        between = time.perf_counter()
        again = lm.forward(model, words)[-1]  # every row once more, for the sake of the last
        ended = time.perf_counter()
        fast.append(1000 * (between - began))
        slow.append(1000 * (ended - between))
        worst = max(worst, max_abs_difference(logits, again))
        p = lm.probabilities(np.where(np.isin(np.arange(model.V), LAST_WORDS), -np.inf, logits))
        new = [int(rng.choice(model.V, p=p))]
        words += new
        if written % BLOCK == 0:
            yield Progress(written, T, "Writing"), *_race_views(model, words, start, fast, slow, worst)


def race_flops_ratio(T):
    """What the race computes without a cache over what it computes with one, for T words after a prompt of three."""
    model = lm.load("target")
    context = range(3, 3 + T)
    return sum(model_flops(model, t, t) for t in context) / sum(model_flops(model, 1, t) for t in context)


BLOCK = 8  # words to a mark: a browser's clock is too coarse for one
LAST_WORDS = encode(["please", "[end]"])  # forbidden: the text is to go on, not to turn to questions or to end


def model_flops(model, new, T):
    """FLOP of a pass of `new` tokens through the house model, each meeting T keys: weights, scores, values.

    >>> model_flops(lm.Model(V=2, d=2, L=1, H=1, H_kv=1, D=2, F=1, base=1e4, weights={}), new=1, T=3)
    76
    """
    attention = 2 * model.d * model.H * model.D + 2 * model.d * model.H_kv * model.D  # q, o and k, v
    weights = model.L * (attention + 3 * model.d * model.F) + model.V * model.d
    return new * (2 * weights + 4 * model.L * model.H * model.D * T)  # a multiply-add is two


def _race_views(model, words, start, fast, slow, worst):
    """The curves so far; at the last word they are the answer."""
    t = start + len(fast)
    marks = list(range(start + BLOCK, t + 1, BLOCK))  # the last position of each block
    with_, without = (np.reshape(times, (-1, BLOCK)).mean(1) for times in (fast, slow))
    return (
        Figure(
            [
                line(marks, without, "without a cache", "error", mode="lines+markers"),
                line(marks, with_, "with a cache", "key", "dash", mode="lines+markers"),
            ],
            x_title="Words of the text so far",
            y_title="Time for the next word (ms)",
            alt=f"Measured here: the last {BLOCK} of {t} words took {short(without[-1])} ms each without a cache, "
            f"{short(with_[-1])} ms with one.",
            xaxis={"range": [0, CONTEXT]},
            yaxis={"rangemode": "tozero"},
            showlegend=False,
            annotations=[
                label(t, float(without[-1]), "without", xanchor="right", yanchor="bottom", xshift=-8),
                label(t, float(with_[-1]), "with", xanchor="right", yanchor="bottom", xshift=-8),
            ],
        ),
        Tokens(decode(words), caption="What it wrote, each word drawn from the logits with the cache."),
        Metrics(
            ("All words without", sum(slow) / 1000, "s", "measured, one run"),
            ("All words with", sum(fast) / 1000, "s", "measured, the same run"),
            ("Ratio of times", sum(slow) / max(sum(fast), 1e-3), "×", "measured"),
            ("Ratio of FLOP", race_flops_ratio(len(fast)), "×", "computed: all rows against one, word by word"),
        ),
        Badge("Logits compared: max|Δ|", worst, 1e-3),
    )


@demo(
    "model",
    "target",
    place=Slider("Word to change (from 0)", 0, 30, value=3),
    text=Text(
        "Text",
        "[polite] story : Anna has lamps . Ben has keys . Ben visits Rome .",
        suggest=True,
    ),
    new=Text("New word", "Kate", limit=20, suggest=True),
    insert=Toggle("Insert it, and move the rest along"),
)
def edit_a_word(place, text, new, insert):
    """How far each row of the house model's cache moves when one word of the text changes."""
    words, new_words = decode(read(text, 2, CONTEXT)), decode(encode(new))
    if len(new_words) != 1:
        raise UnreadableError(f"One new word, please; these are {len(new_words)}.")
    (new_word,) = new_words
    place = min(place, len(words) - 1)
    after = words[place:] if insert else words[place + 1 :]
    old, edited = cache_rows(words), cache_rows([*words[:place], new_word, *after])
    if insert:  # the old word and its cached row, against the row of the same word in the longer text
        edited = np.delete(edited, place, axis=2)
    change = np.linalg.norm(edited - old, axis=-1) / np.linalg.norm(old, axis=-1)  # (L, 2, T)
    return _edit_views(words, place, new_word, insert, change)


def cache_rows(words):
    """What the house model's cache holds after these words: (L, 2, T, H_kv·D), K before V."""
    model = lm.load("target")
    cache = lm.new_cache(model)
    lm.forward(model, encode(words), cache)
    return np.array([[rows.reshape(len(words), -1) for rows in pair] for pair in cache])


def _edit_views(words, place, new_word, insert, change):
    """The change of each cached row as a table of words by layers, and what it means for the cache."""
    L, _, T = change.shape
    columns = [f"{name}{'₁₂₃₄₅₆₇₈'[i]}" for i in range(L) for name in "KV"]
    rows = [f"{word} → {new_word}" if t == place and not insert else word for t, word in enumerate(words)]
    kept = change < SAME
    whole = kept.all((0, 1)).cumprod().sum()  # words from the beginning on with nothing changed
    percent = 100 * change.transpose(2, 0, 1).reshape(T, 2 * L)  # (T, 2·L), a row's ‖new − old‖ over its ‖old‖
    percent = np.array([[float(f"{x:.2g}") for x in row] for row in percent])
    note = (
        "The rest stands one place further on. In layer 1 its values are what they were, but keys are rotated by their "
        "position."
        if insert
        else "In layer 1 a row depends on its own word alone; above it, on all that its word has read."
    )
    return (
        Matrix(percent, rows, columns, "Change of each cached row, in % of its length", "error"),
        Metrics(
            ("Rows that stay", int(kept.sum()), f"of {kept.size}", "change below a millionth"),
            ("Usable as a prefix", int(whole), f"of {T} words", "all rows the same, from the beginning on"),
        ),
        Badge("Before the edit: max change", change[:, :, :place].max(initial=0), SAME),
        Note(note),
    )  # fmt: skip


SAME = 1e-6  # a change that is float32's rounding

# ---- exercises


def _gib_a_user(T, L, H, H_kv, D, b):
    return 2 * T * L * H_kv * D * b / 2**30


@exercise(
    start="""
        def gib_a_user(T, L, H, H_kv, D, b):
            # T tokens, L layers, H query heads, H_kv key/value heads of width D, b bytes a number
            return T * L * H * D * b / 1e9
    """,
    solution=_gib_a_user,
    hint="Three things are wrong: how many vectors a token leaves behind, which heads are kept, and what a GiB is.",
)
def weigh_a_cache(answer, rng):
    """Write `gib_a_user(T, L, H, H_kv, D, b)`: the GiB that one user's cache takes. The starter code makes three
    mistakes."""
    llama = answer(8192, 32, 32, 8, 128, 2)
    assert abs(llama - 1.0) < 1e-9, f"Llama-3.1-8B at 8,192 tokens takes 1 GiB; you got {llama:.4g}"
    T, L, H_kv, D = (int(n) for n in rng.integers(2, 200, 4))
    H, b = H_kv * int(rng.integers(1, 9)), int(rng.choice([1, 4]))
    expected = sum(2 * D * b for _ in range(T) for _ in range(L)) * H_kv / 2**30  # K and V, row by row
    got = answer(T, L, H, H_kv, D, b)
    assert abs(got - expected) < 1e-9 * expected, (
        f"T={T}, L={L}, H={H}, H_kv={H_kv}, D={D}, b={b}: expected {expected:.6g} GiB, got {got:.6g}"
    )


def _attend_to_new(q, k, v, K, V):
    K = np.vstack([K, k])
    V = np.vstack([V, v])
    weights = softmax(K @ q / np.sqrt(len(q)))
    return weights @ V, K, V


@exercise(
    start="""
        def attend_to_new(q, k, v, K, V):
            # q, k, v (D,): the new token      K, V (t, D): the cache so far
            weights = softmax(K @ q / np.sqrt(len(q)))
            return weights @ V, K, V
    """,
    solution=_attend_to_new,
    hint="The new token may read itself: its key and value must be in the cache before the scores are taken. "
    "np.vstack([K, k]) makes a new array with one row more.",
)
def let_it_read_itself(answer, rng):
    """Write one decode step for one head: return the output `y` (D,) and the grown `K` and `V` (t+1, D). The
    starter code forgets something. You may use `np` and `softmax`."""
    D = int(rng.integers(2, 6))
    K, V = rng.normal(size=(2, int(rng.integers(1, 5)), D))
    q, k, v = rng.normal(size=(3, D))
    before = K.copy(), V.copy()
    y, K_new, V_new = answer(q, k, v, K, V)
    assert len(K_new) == len(K) + 1, f"the cache should have {len(K) + 1} rows after the step, it has {len(K_new)}"
    assert np.array_equal(K_new[-1], k) and np.array_equal(V_new[-1], v), "the last row should be the new token's"
    assert np.array_equal(K, before[0]) and np.array_equal(V, before[1]), "the given cache must not change"
    scores = [np.exp(sum(a * b for a, b in zip(q, row, strict=True)) / D**0.5) for row in [*K, k]]
    expected = sum(s * row for s, row in zip(scores, [*V, v], strict=True)) / sum(scores)
    assert np.allclose(y, expected), f"the output is off by {np.abs(y - expected).max():.3g}"


def _spread_heads(K, H):
    return np.repeat(K, H // K.shape[1], axis=1)


@exercise(
    start="""
        def spread_heads(K, H):
            # K (t, H_kv, D): the cached keys      returns (t, H, D): the key row of each query head
            return np.tile(K, (1, H // K.shape[1], 1))
    """,
    solution=_spread_heads,
    hint="Query heads 0, 1, …, H/H_kv − 1 share cached head 0, and the next ones share cached head 1: each cached "
    "head is repeated in place. np.repeat does that; np.tile lays whole copies one after the other.",
)
def share_the_heads(answer, rng):
    """Write `spread_heads(K, H)`: give each of the `H` query heads its row of the cache, which has fewer heads.
    Neighbours share: query head `h` reads cached head `h // (H / H_kv)`."""
    t, H_kv, share, D = (int(n) for n in rng.integers(2, 5, 4))
    K = rng.normal(size=(t, H_kv, D))
    spread = answer(K, H_kv * share)
    assert spread.shape == (t, H_kv * share, D), f"expected the shape {(t, H_kv * share, D)}, got {spread.shape}"
    for h in range(H_kv * share):
        found = [g for g in range(H_kv) if np.array_equal(spread[:, h], K[:, g])]
        assert found == [h // share], f"query head {h} should read cached head {h // share}, it reads {found}"
