"""Multi-head latent attention: cache one latent for each token; rebuild keys and values from it, or never do.

T tokens in the cache, n of them new   d model width   H heads   D width of a head's key and value   L layers
H_kv groups of GQA   d_c width of the latent   d_R width of the rotary key, one for all heads   b bytes a number
x a token's vector   c its latent   k_R its rotary key   q, q_R a head's query for the keys, and for the rotary key
Matrices are stored (out, in). A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

from collections import namedtuple
from functools import cache
from itertools import count

import numpy as np

from topics.kit import (
    GIB,  # noqa: F401 — for the page's [[value …]]
    GPUS,
    KIB,  # noqa: F401
    Badge,
    Choice,
    Figure,
    LogSlider,
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
    line,
    lm,
    max_abs_difference,
    points,
    rule,
    softmax,
)
from topics.kit.caches import elements, ladder, token_bytes, users_of  # noqa: F401
from topics.kit.costs import roofline_time
from topics.kit.hardware import times
from topics.kit.losses import above_floor, floor, quoted_texts, word_losses
from topics.kit.roofs import roofline
from topics.kit.rotary import apply_rope, rope_frequencies
from topics.kit.text import encode, held_out
from topics.kit.words import counted, short

# ---- the layer


# What a layer has learned, under the names that DeepSeek's report gives (arXiv 2405.04434):
# Q (H, D, d) and QR (H, d_R, d) make the queries, DKV (d_c, d) the latent, KR (d_R, d) the rotary key;
# UK and UV (H, D, d_c) lead up to keys and values, O (H, d, D) from each head to the output
Matrices = namedtuple("Matrices", "Q QR DKV KR UK UV O")


def rotate(x, positions):
    """Turn the pairs (x₀, x₁), (x₂, x₃), … by the positions, as rotary position embedding does.

    x  (n, ..., width), width even      positions  (n,)

    >>> rotate(np.array([[1.0, 0.0]]), np.array([np.pi / 2])).round(9).tolist()
    [[0.0, 1.0]]
    """
    angles = np.multiply.outer(positions, rope_frequencies(x.shape[-1], 10_000))  # (n, width/2)
    return apply_rope(x, angles.reshape(len(x), *[1] * (x.ndim - 2), -1), interleaved=True)


def ask_and_store(x, W, store=None):
    """The queries of n new tokens, and the cache with their rows (eq:latent, eq:decoupled).

    x        (n, d)
    store    c (t, d_c) and k_R (t, d_R) of the tokens before; None: there are none
    returns  q (n, H, D), q_R (n, H, d_R) and the grown store
    """
    c, k_R = store or (np.zeros((0, len(W.DKV))), np.zeros((0, len(W.KR))))
    positions = np.arange(len(c), len(c) + len(x))
    q = np.einsum("hDd,nd->nhD", W.Q, x)
    q_R = rotate(np.einsum("hrd,nd->nhr", W.QR, x), positions)
    return q, q_R, (np.vstack([c, x @ W.DKV.T]), np.vstack([k_R, rotate(x @ W.KR.T, positions)]))


def weigh(content, position, D, d_R):
    """Attention weights (H, n, t) from the two parts of the scores: content, position (H, n, t); no token sees a
    later one (eq:decoupled)."""
    n, t = content.shape[1:]
    s = (content + position) / np.sqrt(D + d_R)
    return softmax(np.where(np.tri(n, t, t - n, dtype=bool), s, -np.inf))


def mla_forward(x, W, store=None):
    """Rebuild every key and value from the latents, then attend as ever (eq:latent).

    x        (n, d)  new tokens
    W        Matrices
    store    the cache: c (t, d_c), k_R (t, d_R), or None
    returns  (n, d) and the grown store
    """
    q, q_R, (c, k_R) = ask_and_store(x, W, store)  # c (t+n, d_c)
    k = np.einsum("hDc,tc->thD", W.UK, c)  # (t+n, H, D)
    v = np.einsum("hDc,tc->thD", W.UV, c)  # (t+n, H, D)
    content, position = np.einsum("nhD,thD->hnt", q, k), np.einsum("nhr,tr->hnt", q_R, k_R)
    w = weigh(content, position, q.shape[-1], q_R.shape[-1])  # (H, n, t+n)
    y = np.einsum("hnt,thD->nhD", w, v)  # (n, H, D)
    return np.einsum("hdD,nhD->nd", W.O, y), (c, k_R)


def mla_absorbed(x, W, store=None):
    """The same without a key or a value: queries meet the latents, and one mixture comes up (eq:absorb).

    Arguments and results are those of mla_forward: x (n, d), to (n, d) and the grown store.
    """
    q, q_R, (c, k_R) = ask_and_store(x, W, store)  # c (t+n, d_c)
    a = np.einsum("hDc,nhD->nhc", W.UK, q)  # (n, H, d_c): the query, as a latent sees it
    content, position = np.einsum("nhc,tc->hnt", a, c), np.einsum("nhr,tr->hnt", q_R, k_R)
    w = weigh(content, position, q.shape[-1], q_R.shape[-1])  # (H, n, t+n)
    z = np.einsum("hnt,tc->nhc", w, c)  # (n, H, d_c): a mixture of latents
    y = np.einsum("hDc,nhc->nhD", W.UV, z)  # (n, H, D)
    return np.einsum("hdD,nhD->nd", W.O, y), (c, k_R)


def random_matrices(rng, d, H, D, d_c, d_R):
    """Matrices of independent numbers, scaled so that what comes out is about as large as what goes in."""
    shapes = Matrices((H, D, d), (H, d_R, d), (d_c, d), (d_R, d), (H, D, d_c), (H, D, d_c), (H, d, D))
    return Matrices(*[rng.normal(0, shape[-1] ** -0.5, shape) for shape in shapes])


# ---- what it costs


def latent_cache_bytes(T, L, d_c, d_R, b):
    """Bytes of the latents and rotary keys of T tokens (eq:bytes).

    >>> latent_cache_bytes(T=1, L=60, d_c=512, d_R=64, b=2)   # DeepSeek-V2, one token
    69120
    """
    return T * L * (d_c + d_R) * b


WAYS = ("keys and values", "latent, rebuilt", "latent, absorbed")  # what is cached, and what is made of it


def decode_work(way, T, n=1, H=128, D=128, d_c=512, d_R=64, b=2):
    """FLOP and bytes that T cached tokens cost one layer when n new ones attend to all of them (eq:intensity).

    Left out is what does not grow with T: projections, and what is done once for each new token.

    >>> flop, moved = decode_work("latent, absorbed", T=1)
    >>> flop, moved, round(flop / moved)   # DeepSeek's sizes
    (278528, 1152, 242)
    """
    expanded = 2 * D + d_R  # numbers of a head's key, rotary part included, and its value
    if way == "keys and values":
        return 2 * n * T * H * expanded, T * H * expanded * b
    if way == "latent, rebuilt":
        return 2 * n * T * H * expanded + 4 * T * H * D * d_c, T * (d_c + d_R) * b
    return 2 * n * T * H * (2 * d_c + d_R), T * (d_c + d_R) * b


def intensity(way, **sizes):
    """FLOP for each byte of decode_work (eq:intensity)."""
    flop, moved = decode_work(way, 1, **sizes)
    return flop / moved


def decode_time(way, gpu, T, **sizes):
    """Seconds at best on a GPU: the slower of computing and reading."""
    return roofline_time(decode_work(way, T, **sizes), GPUS[gpu])


# ---- low rank


def best_latent(W, d_c, root=None):
    """The two matrices whose product is nearest to W on the inputs that count (eq:best).

    W        (m, d)   keys' and values' matrices, stacked
    root     (d, d)   a square root of the inputs' second moments; None: all directions count alike
    returns  up (m, d_c) and down (d_c, d)
    """
    U = np.linalg.svd(W if root is None else W @ root, full_matrices=False)[0][:, :d_c]  # (m, d_c)
    return U, U.T @ W


def missed(W, d_c, root=None):
    """The share of the squared length of keys and values that the best latent of each width misses.

    d_c      a list of widths
    returns  a list of shares, 0 to 1
    """
    s = np.linalg.svd(W if root is None else W @ root, compute_uv=False) ** 2
    tails = np.append(np.cumsum(s[::-1])[::-1], 0)  # tails[r]: what r directions leave
    return [float(tails[min(r, len(s))] / tails[0]) for r in d_c]


def pooled(W, H, H_kv):
    """Keys and values of H heads, each replaced by the mean of its group: of all shared heads the nearest.

    W        (2·H·D, d)  keys of all heads, then values
    returns  like W
    """
    heads = W.reshape(2, H_kv, H // H_kv, -1, W.shape[-1])  # (2, H_kv, H/H_kv, D, d)
    return np.broadcast_to(heads.mean(2, keepdims=True), heads.shape).reshape(W.shape)


def missed_by_groups(W, H, H_kv, root=None):
    """The share that H_kv groups of neighbouring heads miss."""
    return _squared(W - pooled(W, H, H_kv), root) / _squared(W, root)


def _squared(W, root):
    return float(((W if root is None else W @ root) ** 2).sum())


# ---- the house model with fewer numbers

FITTED = {"the weights alone": False, "what the layers read": True}


def stacked(model, layer):
    """Keys' and values' matrices of a layer of the house model, one above the other: (2·H·D, d)."""
    return np.vstack([model.weights[f"{layer}.k"], model.weights[f"{layer}.v"]]).astype(float)


@cache
def roots():
    """For each layer of the house model a square root, (d, d) each, of the second moments of what it reads, in held-out
    texts on which no loss is measured here."""
    return [_root(x) for x, _ in layers_on_texts()]


@cache
def rotated_roots():
    """The same of its keys, rotated by their positions, and values: (m, m) each, m = 2·H·D."""
    return [_root(kv) for _, kv in layers_on_texts()]


def _root(x):
    return np.linalg.cholesky(x.T @ x + 1e-9 * len(x) * np.eye(x.shape[1]))


@cache
def layers_on_texts():
    """A list of what each layer of the house model reads (N, d), and its rotated keys beside its values (N, 2·H·D),
    in the N words of twenty held-out texts."""
    model, seen = lm.load("target"), {}

    def see(name, layer, value):
        if name in ("attention_input", "k", "v"):
            value = lm.rotate(value, turns) if name == "k" else value
            seen.setdefault((layer, name), []).append(value.reshape(len(value), -1).astype(float))

    for text in held_out(20, start=FITTING):
        words = encode(text.words)
        turns = lm.rotation(np.arange(len(words)), lm.rope_frequencies(model.D, model.base))
        lm.forward(model, words, see=see)
    rows = {step: np.concatenate(parts) for step, parts in seen.items()}
    return [(rows[i, "attention_input"], np.hstack([rows[i, "k"], rows[i, "v"]])) for i in range(model.L)]


FITTING = 2_000_000  # the first of the texts that latents are fitted to


def rebuilt(model, d_c, fitted=False):
    """The house model with its keys and values rebuilt from a latent, before they are rotated."""
    return _changed(model, lambda W, i: np.matmul(*best_latent(W, d_c, roots()[i] if fitted else None)))


def grouped(model, H_kv):
    """The house model with its heads' keys and values averaged into H_kv groups."""
    return _changed(model, lambda W, i: pooled(W, model.H, H_kv))


def _changed(model, change):
    new = {}
    for i in range(model.L):
        k, v = np.split(change(stacked(model, i), i).astype(np.float32), 2)
        new |= {f"{i}.k": k, f"{i}.v": v}
    return model.with_weights(new)


@cache
def excess(d_c=None, H_kv=None, fitted=False):
    """For the page's text: nats above the floor with a latent, with groups, or of the model as it is."""
    model = lm.load("target")
    if d_c is not None:
        model = rebuilt(model, d_c, fitted)
    return above_floor(model if H_kv is None else grouped(model, H_kv), quoted_texts())


def groups_at(d_c, model):
    """The fewest groups of the house model whose keys and values are at least d_c numbers."""
    return next(H_kv for H_kv in (1, 2, 4, 8) if 2 * H_kv * model.D >= d_c)


# ---- demos


@demo(
    "model",
    "target",
    d_c=Slider("Numbers kept of a word, of 256 a layer", 8, 96, value=64, step=8),
    fitted=Choice("Latent fitted to", tuple(FITTED), value="the weights alone"),
    seed=Seed(),
)
def keep_fewer(d_c, fitted, seed):
    """The house model with its keys and values rebuilt from a latent, beside heads that share: what each loses."""
    model, texts = lm.load("target"), short_texts(seed)
    H_kv = groups_at(d_c, model)
    n = 2 * H_kv * model.D
    changed = rebuilt(model, d_c, FITTED[fitted]), grouped(model, H_kv)
    told = [as_it_is(seed), *[_word_losses(each, texts) for each in changed]]
    losses = [float(np.concatenate(each).mean()) for each in told]
    least = floor(texts)
    shown = zip(("as it is: 256", f"latent: {d_c}", f"{counted(H_kv, 'group')}: {n}"), losses, INKS, strict=True)
    figure = Figure(
        [bars([name], [x], name, ink, text=[f"{x:.2f}"], textposition="outside") for name, x, ink in shown],
        x_title="Numbers cached for a word in a layer",
        y_title="Loss (nats a word)",
        alt=f"Loss of the next word: {losses[0]:.3f} with all 256 numbers, {losses[1]:.3f} with a latent of {d_c}, "
        f"{losses[2]:.2f} with {n} numbers of GQA; the language's own is {least:.2f}.",
        height=280,
        barmode="stack",
        showlegend=False,
        yaxis={"range": [0, 1.12 * max(*losses, 7)]},
        shapes=[rule(y=least)],
    )  # fmt: skip
    words, (_, by_latent, by_groups) = texts[0].words[1:], (np.exp(-each[0]) for each in told)
    return (
        figure,
        Tokens(
            words,
            by_latent.tolist(),
            "output",
            f"Latent of {d_c}: each word shaded by the "
            f"probability that it was given, {100 * by_latent.mean():.0f} % in the mean.",
        ),
        Tokens(
            words,
            by_groups.tolist(),
            "error",
            f"The same text, heads averaged into {counted(H_kv, 'group')}: {100 * by_groups.mean():.0f} %.",
        ),
        Metrics(
            ("Cache kept", 100 * d_c / 256, "%", f"{d_c} / (2 · {model.H} heads · {model.D})"),
            ("Loss added by the latent", round(losses[1] - losses[0], 3), "nats", f"{d_c} numbers"),
            ("… by groups", round(losses[2] - losses[0], 3), "nats", f"{n} numbers"),
            ("The language's own", round(least, 3), "nats", "dashed: no model does better in the mean"),
        ),
    )


INKS = ("reference", "key", "error")  # of the model as it is, of the latent and of groups


def short_texts(seed):
    """Held-out facts, story and song of at most 48 words, the first of each from a place that the seed gives."""
    return [short_text(kind, 100 * seed) for kind in ("facts", "story", "song")]


def short_text(kind, start):
    texts = (held_out(1, kind, start=i)[0] for i in count(start))
    return next(text for text in texts if len(text.words) <= 48)


@cache
def as_it_is(seed):
    """The losses of each word of short_texts under the house model, unchanged."""
    return _word_losses(lm.load("target"), short_texts(seed))


def _word_losses(model, texts):
    return [word_losses(model, text.words) for text in texts]


SOURCES = ("house model: weights", "house model: what it reads", "house model: keys rotated", "synthetic heads")
RANKS = list(range(0, 132, 4))


@demo(
    "model",
    "target",
    d_c=Slider("Numbers cached", 4, 128, value=32, step=4),
    source=Choice("Keys and values of", SOURCES, value="house model: what it reads"),
    layer=Slider("Layer of the house model", 1, 4, value=3),
    alike=Slider("Synthetic heads: in common", 0, 100, value=90, step=10, unit="%"),
    seed=Seed(),
)
def joint_rank(d_c, source, layer, alike, seed):
    """What the best latent misses of eight heads' keys and values, beside groups that share and latents apart."""
    H, D = 8, 16
    W, root = keys_and_values(source, layer - 1, alike / 100, seed)
    joint = 100 * np.array(missed(W, RANKS, root))
    apart = 100 * np.array(missed_apart(W, RANKS, root))
    shared = {H_kv: 100 * missed_by_groups(W, H, H_kv, root) for H_kv in (1, 2, 4, 8)}
    at, H_kv = RANKS.index(d_c), next(H_kv for H_kv in shared if 2 * H_kv * D >= d_c)
    rival = 100 * missed(W, [2 * H_kv * D], root)[0]
    figure = Figure(
        [
            line(RANKS, joint, "one latent", "key"),
            line(RANKS, apart, "K and V apart", "value", "dash"),
            points([2 * n * D for n in (1, 2, 4)], [shared[n] for n in (1, 2, 4)], "groups", "error", "square"),
            points([d_c], [joint[at]], "now", "key", "diamond"),
        ],
        x_title="Numbers cached, of 256",
        y_title="Missed (% of squared length)",
        alt=f"With {d_c} numbers one latent misses {joint[at]:.1f} % of keys and values, one for each of them with "
        f"half the numbers {apart[at]:.1f} %; {counted(H_kv, 'group')} with {2 * H_kv * D} numbers "
        f"{shared[H_kv]:.1f} %.",
        yaxis={"range": [0, 105]},
        xaxis={"range": [0, 140]},
        legend={"orientation": "h", "y": 1.14, "x": 0},
    )
    return (
        figure,
        Metrics(
            ("One latent misses", joint[at], "%", f"{d_c} numbers"),
            ("One for K, one for V", apart[at], "%", f"2 · {d_c // 2} numbers"),
            ("Groups", shared[H_kv], "%", f"{counted(H_kv, 'group')}, {2 * H_kv * D} numbers"),
        ),
        Badge(
            f"What it misses beyond {counted(H_kv, 'group')}, both of {2 * H_kv * D}",
            max(0.0, rival - shared[H_kv]),
            1e-9,
        ),
    )


def keys_and_values(source, layer, alike, seed):
    """Stacked matrices (m, d), m = 2·H·D, and a root of their inputs' second moments or None, of one of SOURCES."""
    if source == "synthetic heads":
        return synthetic(alike, seed), None
    if source == "house model: keys rotated":
        return rotated_roots()[layer], None
    return stacked(lm.load("target"), layer), roots()[layer] if source.endswith("reads") else None


def share_missed(d_c, what="latent", layer=3):
    """The share that d_c numbers miss of what a layer of the house model computes: in one "latent", in two "apart", in
    "groups", or in a latent of keys that were "rotated" before."""
    W, root = keys_and_values(SOURCES[2 if what == "rotated" else 1], layer - 1, 0, 0)
    if what == "groups":
        return missed_by_groups(W, 8, d_c // 32, root)
    return (missed_apart if what == "apart" else missed)(W, [d_c], root)[0]


def missed_apart(W, d_c, root=None):
    """The share that two latents miss, one for keys and one for values, each with half of the width."""
    whole = _squared(W, root)
    halves = [[_squared(half, root) / whole * x for x in missed(half, [r // 2 for r in d_c], root)]
              for half in np.split(W, 2)]  # fmt: skip
    return [sum(pair) for pair in zip(*halves, strict=True)]


def synthetic(alike, seed, H=8, D=16, d=96):
    """Random keys' and values' matrices (2·H·D, d); a share `alike` of each head's variance is common to all heads."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(2, 1, D, d)), rng.normal(size=(2, H, D, d))
    return (np.sqrt(alike) * common + np.sqrt(1 - alike) * own).reshape(2 * H * D, d)


SMALL = {"H": 8, "D": 8, "d_c": 32, "d_R": 4}  # DeepSeek's proportions: d_c = 4 D, d_R = D/2


@demo(
    T=LogSlider("Tokens in the cache", 4, 256, value=64),
    n=LogSlider("New tokens at once", 1, 64, value=1),
    rotated=Toggle("Break it: rotate the rebuilt keys too"),
    seed=Seed(),
)
def absorb(T, n, rotated, seed):
    """A small layer answers new tokens twice: with all keys and values rebuilt, and without any."""
    rng = np.random.default_rng(seed)
    W = random_matrices(rng, d=64, **SMALL)
    x = rng.normal(size=(T + n, 64))
    _, _, store = ask_and_store(x[:T], W)
    exact, _ = (forward_rotated if rotated else mla_forward)(x[T:], W, store)
    ours, _ = mla_absorbed(x[T:], W, store)
    steps = layer_steps(T + n, n, **SMALL)
    orders = {order: [row for row in steps if row[1] == order] for order in ("rebuilt", "absorbed")}
    totals = [sum(f for *_, f in rows) for rows in orders.values()]
    rebuild, attend, fold = steps[0][3] + steps[1][3], steps[2][3] + steps[3][3], steps[4][3] + steps[7][3]
    parts = {"up and down": ("cost", [rebuild, fold]), "attending": ("weight", [attend, totals[1] - fold])}
    figure = Figure(
        [bars(["rebuilt", "absorbed"], flops, part, ink, text=[part if f > 0.1 * max(totals) else "" for f in flops])
         for part, (ink, flops) in parts.items()],
        y_title="FLOP",
        alt=f"{counted(n, 'new token')} and {T} cached: {totals[0]:,} FLOP with keys and values rebuilt, of them "
        f"{rebuild:,} for rebuilding; {totals[1]:,} absorbed, of them {fold:,} to take queries down and mixtures up.",
        height=260,
        barmode="stack",
        showlegend=False,
        yaxis={"range": [0, 1.1 * max(totals)]},
    )  # fmt: skip
    tables = [
        Table(["step", f"shapes, {SMALL['H']} times", "FLOP"], [[step, shapes, f] for step, _, shapes, f in rows],
              f"{order.capitalize()}: {total:,} FLOP")
        for (order, rows), total in zip(orders.items(), totals, strict=True)
    ]  # fmt: skip
    note = (
        Note("The rebuilt keys are rotated by their positions now, and the absorbed query can't know them.", "warning")
        if rotated
        else Note("The same sums in another order: what differs is rounding.")
    )
    return (
        figure,
        *tables,
        Badge("Both orders, outputs compared: max|Δ|", max_abs_difference(exact, ours), 1e-10),
        note,
    )  # fmt: skip


def layer_steps(T, n, H, D, d_c, d_R):
    """The steps in which the two orders differ: n tokens attend to T.

    returns  [(step, order, shapes in each head, FLOP of all heads)], four of each order
    """
    up = f"({D}, {d_c}) · ({d_c}, {T})"
    return [
        ("keys up", "rebuilt", up, 2 * T * H * D * d_c),
        ("values up", "rebuilt", up, 2 * T * H * D * d_c),
        ("scores", "rebuilt", f"({n}, {D + d_R}) · ({D + d_R}, {T})", 2 * n * T * H * (D + d_R)),
        ("mixing", "rebuilt", f"({n}, {T}) · ({T}, {D})", 2 * n * T * H * D),
        ("queries down", "absorbed", f"({n}, {D}) · ({D}, {d_c})", 2 * n * H * D * d_c),
        ("scores", "absorbed", f"({n}, {d_c + d_R}) · ({d_c + d_R}, {T})", 2 * n * T * H * (d_c + d_R)),
        ("mixing", "absorbed", f"({n}, {T}) · ({T}, {d_c})", 2 * n * T * H * d_c),
        ("mixtures up", "absorbed", f"({n}, {d_c}) · ({d_c}, {D})", 2 * n * H * D * d_c),
    ]


def flop_ratio(T, n):
    """FLOP of the small layer with keys and values rebuilt, over those absorbed: n new tokens, T cached."""
    steps = layer_steps(T + n, n, **SMALL)
    return sum(f for _, order, _, f in steps if order == "rebuilt") / sum(
        f for _, order, _, f in steps if order == "absorbed"
    )


def forward_rotated(x, W, store):
    """mla_forward with the rebuilt keys and their queries rotated, which no absorbed query can follow."""
    q, q_R, (c, k_R) = ask_and_store(x, W, store)
    here = np.arange(len(c))
    q, k = rotate(q, here[-len(x) :]), rotate(np.einsum("hDc,tc->thD", W.UK, c), here)
    content, position = np.einsum("nhD,thD->hnt", q, k), np.einsum("nhr,tr->hnt", q_R, k_R)
    w = weigh(content, position, q.shape[-1], q_R.shape[-1])
    y = np.einsum("hnt,thD->nhD", w, np.einsum("hDc,tc->thD", W.UV, c))
    return np.einsum("hdD,nhD->nd", W.O, y), (c, k_R)


PLACES = ("on the rebuilt keys", "on a key of its own")
FAR = 32  # tokens of the demo


@demo(
    folded=Slider("Distance folded into the query", 0, FAR - 1, value=8, unit="tokens"),
    place=Choice("Position stands", PLACES, value="on the rebuilt keys"),
    seed=Seed(),
)
def one_query_for_all(folded, place, seed):
    """The last of 32 tokens asks all of them: scores of rebuilt keys, and of one absorbed query on their latents."""
    exact, ours = score_both(folded, place, seed)
    distance = np.arange(FAR)[::-1]
    right = int((np.abs(exact - ours) < 1e-9).sum())
    figure = Figure(
        [
            line(distance, exact, "rebuilt keys", "key"),
            points(distance, ours, "absorbed query", "query", "circle"),
        ],
        x_title="Distance to the earlier token",
        y_title="Score",
        alt=f"Position {place}: the absorbed query gives the right score at {right} of {FAR} distances; the largest "
        f"error is {np.abs(exact - ours).max():.2g}.",
        height=300,
        shapes=[rule(x=folded)] if place == "on the rebuilt keys" else [],
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )
    note = (
        Note(f"The rotation for distance {folded} is folded in: right there, and nowhere else.", "warning")
        if place == "on the rebuilt keys"
        else Note(
            "Nothing needs to be folded in: the keys are not rotated, and the rotary key is small enough to keep."
        )
    )
    return (
        figure,
        Metrics(
            ("Right scores", right, f"of {FAR}", "to 9 decimals"),
            ("Largest error", float(np.abs(exact - ours).max()), "", "of a score"),
            (
                "Queries to absorb",
                FAR if place == "on the rebuilt keys" else 1,
                "a head",
                "one for each distance, or one for all",
            ),
        ),
        note,
    )


def score_both(folded, place, seed, D=16, d_c=8, d_R=8):
    """Scores (FAR,) of the last token with every token, by rebuilt keys and by one absorbed query (eq:rotated)."""
    rng = np.random.default_rng(seed)
    W_UK, q, c = rng.normal(0, d_c**-0.5, (D, d_c)), rng.normal(size=D), rng.normal(size=(FAR, d_c))
    here = np.arange(FAR)
    k = c @ W_UK.T  # (FAR, D)
    if place == "on the rebuilt keys":
        exact = rotate(k, here) @ rotate(q[None], here[-1:])[0]
        a = rotate(q[None], np.array([folded]))[0] @ W_UK  # (d_c,)
        return exact / np.sqrt(D), c @ a / np.sqrt(D)
    q_R, k_R = rotate(rng.normal(size=(1, d_R)), here[-1:])[0], rotate(rng.normal(size=(FAR, d_R)), here)
    return (k @ q + k_R @ q_R) / np.sqrt(D + d_R), (c @ (q @ W_UK) + k_R @ q_R) / np.sqrt(D + d_R)


@demo(
    H=LogSlider("Heads on this GPU", 8, 128, value=128),
    n=LogSlider("New tokens at once", 1, 512, value=1),
    T=LogSlider("Tokens in the cache", 1024, 131_072, value=8192),
    gpu=Choice("GPU", ("A100", "H100", "H200"), value="H100"),
    b=Choice("Bytes of a cached number", (1, 2), value=2),
)
def decode_cost(H, n, T, gpu, b):
    """One layer with DeepSeek's sizes: what the cached tokens cost, in three ways, on a roofline."""
    sizes = {"n": n, "H": H, "b": b}
    works = {way: decode_work(way, T, **sizes) for way in WAYS}
    seconds = {way: decode_time(way, gpu, T, **sizes) for way in WAYS}
    best = min(seconds, key=seconds.get)
    table = Table(
        ["cached", "µs at best", "FLOP/byte", "MB read", "GFLOP"],
        [[way, 1e6 * seconds[way], flop / moved, moved / 1e6, flop / 1e9] for way, (flop, moved) in works.items()],
        f"One layer, {counted(H, 'head')} of width 128, {counted(n, 'new token')}, {T:,} cached",
    )
    slower = {way: t / seconds[best] for way, t in seconds.items()}
    note = Note(
        f"Fastest: “{best}”. "
        + " ".join(f"“{way.capitalize()}” takes {short(x)} times as long." for way, x in slower.items() if way != best)
    )
    looks = (("value", "square", False), ("error", "x", False), ("key", "diamond", True))
    marks = [(way.removeprefix("latent, "), flop / moved, *look)
             for (way, (flop, moved)), look in zip(works.items(), looks, strict=True)]  # fmt: skip
    return roofline(gpu, marks), table, note


MACHINES = {"8 × H100": GPUS["8 × H100"], "16 × H200": times(16, GPUS["H200"])}


@demo(
    T=LogSlider("Context length", 1024, 131_072, value=131_072, unit="tokens"),
    name=Choice("Model", ("DeepSeek-V2", "DeepSeek-V3", "Llama-3.1-8B", "Llama-3.1-70B", "GPT-3"), value="DeepSeek-V2"),
    gpus=Choice("Machine", tuple(MACHINES), value="8 × H100"),
)
def cache_of_a_token(T, name, gpus):
    """The cache of a real model as it is, and had it been built in another way."""
    return ladder("MLA", name, T, gpus, MACHINES[gpus])


# ---- exercises


def _fold(W_UQ, W_UK):
    return np.einsum("hDq,hDc->hqc", W_UQ, W_UK)


@exercise(
    start="""
        def fold(W_UQ, W_UK):
            # W_UQ (H, D, d_q), W_UK (H, D, d_c): queries and keys, each from a latent of its own
            return np.stack([(W_UK.sum(0).T @ W_UQ[h]) for h in range(len(W_UQ))])
    """,
    solution=_fold,
    hint="A score is (W_UQ[h] @ u) @ (W_UK[h] @ c). Move the brackets until one matrix stands between u and c; it has "
    "d_q rows. Whose keys does head h meet?",
)
def fold_two_matrices(answer, rng):
    """In DeepSeek's models queries come from a latent too, `u`. Write `fold(W_UQ, W_UK)`: for each head the matrix `M`
    with `u @ M[h] @ c` equal to the product of that head's query and key. Shape `(H, d_q, d_c)`."""
    for H, D in ((1, 3), (3, 2), (4, 5)):
        d_q, d_c = int(rng.integers(2, 5)), int(rng.integers(5, 8))
        W_UQ, W_UK = rng.normal(size=(H, D, d_q)), rng.normal(size=(H, D, d_c))
        u, c = rng.normal(size=d_q), rng.normal(size=d_c)
        M = answer(W_UQ.copy(), W_UK.copy())
        assert np.shape(M) == (H, d_q, d_c), f"expected the shape {(H, d_q, d_c)}, got {np.shape(M)}"
        for h in range(H):
            query = [sum(W_UQ[h, i, j] * u[j] for j in range(d_q)) for i in range(D)]
            key = [sum(W_UK[h, i, j] * c[j] for j in range(d_c)) for i in range(D)]
            expected, got = sum(a * b for a, b in zip(query, key, strict=True)), float(u @ M[h] @ c)
            assert abs(got - expected) < 1e-9, f"{H} heads, head {h}: expected {expected:.4f}, got {got:.4f}"


def _as_latent(W_K, W_V, H):
    H_kv, D, d = W_K.shape
    W_D = np.concatenate([W_K, W_V]).reshape(2 * H_kv * D, d)
    up = np.eye(2 * H_kv * D).reshape(2, H_kv, D, 2 * H_kv * D)
    of = np.arange(H) * H_kv // H
    return W_D, up[0, of], up[1, of]


@exercise(
    start="""
        def as_latent(W_K, W_V, H):
            # W_K, W_V (H_kv, D, d): the keys and values of H_kv groups; query head h reads group h // (H / H_kv)
            H_kv, D, d = W_K.shape
            W_D = np.concatenate([W_K, W_V]).reshape(2 * H_kv * D, d)
            W_UK = np.zeros((H, D, 2 * H_kv * D))
            W_UV = np.zeros((H, D, 2 * H_kv * D))
            for h in range(H):
                W_UK[h, :, :D] = np.eye(D)
                W_UV[h, :, :D] = np.eye(D)
            return W_D, W_UK, W_UV
    """,
    solution=_as_latent,
    hint="The latent is a list: the keys of group 0, of group 1, …, then the values likewise. An up-projection picks D "
    "numbers of it. Which ones for head h?",
)
def write_groups_as_a_latent(answer, rng):
    """Without rotation every GQA is an MLA. Write `as_latent(W_K, W_V, H)`: return `W_D` (2·H_kv·D, d), and
    `W_UK` and `W_UV` (H, D, 2·H_kv·D) that give each of `H` query heads exactly the key and the value of its group. In
    the starter code all heads read the same numbers."""
    for H_kv, share in ((1, 3), (2, 2), (3, 2)):
        D, d = int(rng.integers(2, 4)), int(rng.integers(3, 6))
        H = H_kv * share
        W_K, W_V = rng.normal(size=(2, H_kv, D, d))
        W_D, W_UK, W_UV = answer(W_K.copy(), W_V.copy(), H)
        assert np.shape(W_D) == (2 * H_kv * D, d), f"W_D should be {(2 * H_kv * D, d)}, it is {np.shape(W_D)}"
        for name, up, W in (("W_UK", W_UK, W_K), ("W_UV", W_UV, W_V)):
            assert np.shape(up) == (H, D, 2 * H_kv * D), (
                f"{name} should be {(H, D, 2 * H_kv * D)}, it is {np.shape(up)}"
            )
            for h in range(H):
                x = rng.normal(size=d)
                wrong = np.abs(up[h] @ (W_D @ x) - W[h // share] @ x).max()
                assert wrong < 1e-9, f"{H_kv} groups, {H} heads: {name}[{h}] does not rebuild group {h // share}"


def _shared_latent(W_K, W_V, r):
    W = np.vstack([W_K, W_V])
    U = np.linalg.svd(W, full_matrices=False)[0][:, :r]
    return U.T @ W, U


@exercise(
    start="""
        def shared_latent(W_K, W_V, r):
            # W_K, W_V (m, d)      returns W_D (r, d) and W_U (2m, r)
            half = r // 2
            U_K = np.linalg.svd(W_K)[0][:, :half]
            U_V = np.linalg.svd(W_V)[0][:, :half]
            W_D = np.vstack([U_K.T @ W_K, U_V.T @ W_V])
            W_U = np.zeros((2 * len(W_K), r))
            W_U[: len(W_K), :half] = U_K
            W_U[len(W_K) :, half : 2 * half] = U_V
            return W_D, W_U
    """,
    solution=_shared_latent,
    hint="The starter code gives half of the latent to keys, half to values. Both come from the same vector: "
    "stack the two matrices and take the singular vectors of the whole.",
)
def share_the_latent(answer, rng):
    """`W_K` and `W_V` (m, d) make the keys and values of all heads, m = H·D numbers each. Write
    `shared_latent(W_K, W_V, r)`: of all `W_D` (r, d) and `W_U` (2m, r) those whose product `W_U @ W_D` is nearest to
    the two, one above the other, in summed squares. `np.linalg.svd` helps. The starter code treats the two apart."""
    for r in (2, 3, 5):
        m, d = int(rng.integers(5, 8)), int(rng.integers(6, 9))
        W_K, W_V = rng.normal(size=(2, m, d)) * np.array([1, 3])[:, None, None]
        W_D, W_U = answer(W_K.copy(), W_V.copy(), r)
        assert np.shape(W_D) == (r, d), f"W_D should be {(r, d)}, it is {np.shape(W_D)}"
        assert np.shape(W_U) == (2 * m, r), f"W_U should be {(2 * m, r)}, it is {np.shape(W_U)}"
        W = np.vstack([W_K, W_V])
        left = np.linalg.eigvalsh(W.T @ W)[: d - r].sum()  # what no product of rank r can reach
        got = ((W - W_U @ W_D) ** 2).sum()
        assert got <= left * (1 + 1e-6), f"r = {r}: the summed squares of what is missed are {got:.3f}, not {left:.3f}"
