"""FlashAttention: attention computed tile by tile, so that the T×T matrix of weights is never written.

T tokens, of which T_q ask and T_k answer   D head width   L layers   H heads
B_r queries and B_c keys of a tile   M numbers that fit on the chip
q, k, v a token's query, key and value   s scores   w weights   y output
m running maximum of a row's scores   ell (ℓ) running sum of exponentials   lse m + ln ℓ at the end
dq, dk, dv, dy the loss's gradient by each
The papers write N for T, d for D, S for s, P for w, O for y. A FLOP is one addition or one multiplication.
"""

import numpy as np

from topics.kit import (
    GIB,
    GPUS,
    KIB,  # noqa: F401 — for the page's [[value …]]
    MIB,
    MODELS,
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Table,
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
from topics.kit.language import SUNG  # noqa: F401 — for the page's [[value …]]
from topics.kit.text import decode, read
from topics.kit.words import beyond, counted, short

# ---- forward


def online_softmax(m, ell, s):
    """Take one more tile of scores into a row's running maximum and sum (eq:online).

    m, ell   (...,)      both so far; −inf and 0 before the first tile
    s        (..., B_c)  the tile's scores
    returns  the new m and ell (...,), the tile's exponentials e (..., B_c), and the factor (...,) by which all that was
             summed before shrinks

    >>> m, ell, e, shrink = online_softmax(1.0, 2.0, np.array([1.0 + np.log(4), 1.0]))   # a new maximum, ln 4 above
    >>> float(shrink.round(3)), e.round(3).tolist(), float(ell.round(3))
    (0.25, [1.0, 0.25], 1.75)
    """
    m_new = np.maximum(m, s.max(-1))
    shrink = np.exp(m - m_new)  # 1 where the maximum stays, 0 at the first tile
    e = np.exp(s - m_new[..., None])  # (..., B_c), none above 1
    return m_new, shrink * ell + e.sum(-1), e, shrink


def flash_attention(q, k, v, causal=False, B_r=64, B_c=64):
    """Exact attention by tiles of B_r queries and B_c keys (eq:online, eq:finish).

    q        (..., T_q, D)
    k, v     (..., T_k, D) and (..., T_k, D_v)
    causal   a query sees no later token; the T_q ≤ T_k queries are those of the last T_q tokens
    returns  y (..., T_q, D_v) and each row's lse (..., T_q), all that the backward pass needs of the weights

    >>> y, lse = flash_attention(np.zeros((1, 2)), np.zeros((3, 2)), np.array([[1.0], [2.0], [6.0]]), B_c=2)
    >>> y.tolist(), np.exp(lse).round(3).tolist()   # equal scores: a mean of three; three exponentials of 0
    ([[3.0]], [3.0])
    """
    (T_q, D), T_k = q.shape[-2:], k.shape[-2]
    y = np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
    lse = np.zeros(q.shape[:-1], q.dtype)
    for i in range(0, T_q, B_r):
        q_i = q[..., i : i + B_r, :] * D**-0.5  # (..., ≤B_r, D), read once
        m = np.full(q_i.shape[:-1], -np.inf, q.dtype)  # (..., ≤B_r)
        ell, a = np.zeros_like(m), np.zeros_like(y[..., i : i + B_r, :])
        end = min(T_k, i + B_r + T_k - T_q) if causal else T_k  # later tiles are hidden as a whole
        for j in range(0, end, B_c):
            s = q_i @ np.swapaxes(k[..., j : j + B_c, :], -1, -2)  # (..., ≤B_r, ≤B_c), the only scores there are
            if causal:
                s = np.where(np.tri(*s.shape[-2:], i + T_k - T_q - j, dtype=bool), s, -np.inf)
            m, ell, e, shrink = online_softmax(m, ell, s)
            a = shrink[..., None] * a + e @ v[..., j : j + B_c, :]  # (..., ≤B_r, D_v)
        y[..., i : i + B_r, :] = a / ell[..., None]
        lse[..., i : i + B_r] = m + np.log(ell)
    return y, lse


# ---- backward


def flash_attention_backward(q, k, v, y, lse, dy, causal=False, B_r=64, B_c=64):
    """The gradients of flash_attention, each tile of weights computed again from q, k and lse (eq:backward).

    y, lse   what flash_attention gave for q, k, v
    dy       (..., T_q, D_v)
    returns  dq, dk, dv like q, k, v
    """
    T_q, T_k, scale = q.shape[-2], k.shape[-2], q.shape[-1] ** -0.5
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    delta = (dy * y).sum(-1, keepdims=True)  # (..., T_q, 1), known before the first tile
    for j in range(0, T_k, B_c):
        C = np.s_[..., j : j + B_c, :]
        for i in range(0, T_q, B_r):
            R = np.s_[..., i : i + B_r, :]
            if causal and j >= i + B_r + T_k - T_q:
                continue  # hidden as a whole
            s = q[R] @ np.swapaxes(k[C], -1, -2) * scale  # (..., ≤B_r, ≤B_c)
            if causal:
                s = np.where(np.tri(*s.shape[-2:], i + T_k - T_q - j, dtype=bool), s, -np.inf)
            w = np.exp(s - lse[..., None][R])
            ds = w * (dy[R] @ np.swapaxes(v[C], -1, -2) - delta[R])  # (..., ≤B_r, ≤B_c)
            dv[C] += np.swapaxes(w, -1, -2) @ dy[R]
            dk[C] += np.swapaxes(ds, -1, -2) @ q[R] * scale
            dq[R] += ds @ k[C] * scale
    return dq, dk, dv


def stored_backward(q, k, v, dy, causal=False):
    """The same gradients the plain way: all weights at once, kept from the forward pass."""
    scale = q.shape[-1] ** -0.5
    s = q @ np.swapaxes(k, -1, -2) * scale  # (..., T_q, T_k)
    if causal:
        s = np.where(np.tri(*s.shape[-2:], k.shape[-2] - q.shape[-2], dtype=bool), s, -np.inf)
    w = softmax(s)
    dw = dy @ np.swapaxes(v, -1, -2)  # (..., T_q, T_k)
    ds = w * (dw - (w * dw).sum(-1, keepdims=True))
    return ds @ k * scale, np.swapaxes(ds, -1, -2) @ q * scale, np.swapaxes(w, -1, -2) @ dy


# ---- what it moves, what it keeps


def rows_that_fit(M, D):
    """The most queries B_r of a tile such that tiles of q, y, k, v and of scores fit into M numbers.

    With B_c = min(B_r, D) keys: 2 B_r D + 2 B_c D + B_r B_c ≤ 5 B_r D.

    >>> rows_that_fit(M=65_536, D=64)
    204
    """
    return max(1, M // (5 * D))


def hbm_traffic(T, D, B_r=None):
    """Numbers that the forward pass of one head moves between the GPU's memory and its chip (eq:traffic).

    B_r      queries of a tile; None: the plain way, in three steps that each read and write whole matrices

    >>> hbm_traffic(T=1024, D=64), hbm_traffic(T=1024, D=64, B_r=256)
    (4456448, 656384)
    """
    if B_r is None:
        return 4 * T * D + 4 * T * T  # q, k, v in, y out; s out and in, w out and in
    passes = -(-T // B_r)  # all keys and values go by once for each tile of queries
    return 2 * T * D + T + 2 * T * D * passes  # q in, y and lse out; k and v in


def kept_bytes(T, L, H, stored=True):
    """Bytes that attention keeps of its weights for the backward pass: all at 16 bits, or one FP32 lse a row (eq:kept).

    >>> kept_bytes(T=1024, L=1, H=1), kept_bytes(T=1024, L=1, H=1, stored=False)
    (2097152, 4096)
    """
    return L * H * T * (2 * T if stored else 4)


# ---- demos

KEYS, BEST = 24, 14  # the length of the row, and the key (from 0) that scores best
ROW_FAULTS = ("none", "forget to rescale", "rescale the sum only")


@demo(
    read=Slider("Tiles read", 1, 8, value=5),
    B_c=Choice("Keys in a tile", (3, 5, 7, 24), value=3),
    best=Slider("Score of key 15", 0, 12, value=6),
    fault=Choice("Break it", ROW_FAULTS, value="none"),
    seed=Seed(),
)
def one_row(read, B_c, best, fault, seed):
    """One query's scores arrive in tiles; each tile is used and thrown away."""
    rng = np.random.default_rng(seed)
    s, v = rng.normal(size=KEYS), rng.uniform(0, 0.6, KEYS)
    s[BEST], v[BEST] = best, 1.0
    tiles = -(-KEYS // B_c)
    read = min(read, tiles)
    m, ell, a, rows, outputs = -np.inf, 0.0, 0.0, [], []
    for n in range(read):
        tile = np.s_[n * B_c : (n + 1) * B_c]
        before = ell
        m, ell, e, shrink = online_softmax(m, ell, s[tile])
        if fault == "forget to rescale":
            ell = before + e.sum()
        a = a * (shrink if fault == "none" else 1) + e @ v[tile]
        exact = softmax(s[: tile.stop]) @ v[: tile.stop]
        outputs.append(float(a / ell))
        rows.append([n + 1, float(m), float(shrink), float(ell), float(a / ell), float(exact)])
    columns = ["tile", "maximum m", "factor α", "sum ℓ", "output so far", "plain attention"]
    off = max_abs_difference([row[4] for row in rows], [row[5] for row in rows])
    note = (
        Note("The factor is 1 unless the maximum grows. It shrinks all that was summed before the tile.")
        if fault == "none"
        else Note("Nothing crashes. The output is a wrong number.", "warning")
    )
    return (
        _row_figure(s, m, B_c, read, tiles),
        _output_figure(outputs, float(softmax(s) @ v), tiles),
        Table(columns, rows),
        Badge("Output so far against plain attention to the same keys: max|Δ|", off, 1e-12),
        note,
    )


def _row_figure(s, m, B_c, read, tiles):
    """The row's scores: those thrown away and those at hand; later ones do not exist yet."""
    keys = np.arange(1, KEYS + 1)
    at = (keys - 1) // B_c + 1  # the tile of each key
    first, last = (read - 1) * B_c + 1, min(KEYS, read * B_c)
    top = max(6.0, float(s.max())) + 3
    return Figure(
        [
            bars(
                keys, [x if i < read else None for i, x in zip(at, s, strict=True)], "used and thrown away", "reference"
            ),
            bars(keys, [x if i == read else None for i, x in zip(at, s, strict=True)], "on the chip", "query"),
        ],
        x_title="Key",
        y_title="Score",
        alt=f"Tile {read} of {tiles}, keys {first} to {last}, is on the chip; its largest score is "
        f"{s[at == read].max():.2f}, the largest so far {m:.2f}. "
        + "Scores before it, in grey, are thrown away. " * (read > 1)
        + ("Those after it are not computed yet." if read < tiles else "There are no more."),
        height=240,
        barmode="stack",
        showlegend=False,
        xaxis={"tickvals": [1, 5, 10, 15, 20, 24], "range": [0.3, KEYS + 0.7]},
        yaxis={"range": [-3, top]},
        shapes=[rule(y=float(m))],
        annotations=[
            label(0, float(m), "maximum so far", xref="paper", xanchor="left", yanchor="bottom"),
            label(last + 0.5, top, f"tile {read} of {tiles}", xanchor="right", yanchor="top")
            if last == KEYS
            else label((first + last) / 2, top, f"tile {read} of {tiles}", yanchor="top"),
        ],
    )


def _output_figure(outputs, exact, tiles):
    x = list(range(1, len(outputs) + 1))
    return Figure(
        [line(x, outputs, "output so far", "output", mode="lines+markers")],
        x_title="Tiles read",
        y_title="Output",
        alt=f"After {len(outputs)} of {counted(tiles, 'tile')} the output is {outputs[-1]:.3f}; attention to the whole "
        f"row gives {exact:.3f}.",
        height=220,
        xaxis={"range": [0.7, 8.3], "dtick": 1},
        yaxis={"range": [0, max(1.15, 1.15 * max(outputs))]},
        showlegend=False,
        shapes=[rule(y=exact)],
        annotations=[label(0, exact, "attention to the whole row", xref="paper", xanchor="left", yanchor="bottom")],
    )


SONG = "[blunt] song : Rome candles wolves Mia tea lamps green Ben ; Rome candles wolves Mia tea lamps green Ben"


@demo(
    "model",
    "target",
    B=LogSlider("Tile: queries and keys", 2, 64, value=8),
    text=Text("Text", SONG, suggest=True),
    forget=Toggle("Break it: forget to rescale"),
)
def in_a_model(B, text, forget):
    """Every head of the house model runs tile by tile; the logits are compared with the plain ones."""
    words = read(text, 2, 40)
    model, T = lm.load("target"), len(words)
    plain, tiled = lm.forward(model, words), by_tiles(model, words, B, forget)
    right = [softmax(logits)[np.arange(T - 1), words[1:]] for logits in (plain, tiled)]  # (T-1,) each
    said = [decode([logits[-1].argmax()])[0] for logits in (plain, tiled)]
    computed = sum(-(-min(T, i + B) // B) for i in range(0, T, B))
    side = min(B, T)
    what = "Tiles added up without rescaling" if forget else f"In tiles of {B}"
    if not forget:
        note = Note("Only the order of additions differs, so the last digits of float32 do.")
    elif B >= T:
        note = Note("One tile holds the whole text: there is nothing to rescale.")
    else:
        note = Note("Every softmax still has weights that sum to one. They are the wrong ones.", "warning")
    return (
        _right_words(words, right[0], "Plain attention", "output"),
        _right_words(words, right[1], what, "error" if forget else "output"),
        Metrics(
            ("Scores held at once, plain", model.H * T * T, "", f"{model.H} heads · {T}²"),
            ("Scores held at once, by tiles", model.H * side**2, "", f"{model.H} heads · {side}²"),
            ("Tiles computed", computed, f"of {(-(-T // B)) ** 2}", "the others are hidden as a whole"),
            ("Next word, plain", said[0], f"{100 * softmax(plain[-1]).max():.1f} %"),
            ("Next word, by tiles", said[1], f"{100 * softmax(tiled[-1]).max():.1f} %"),
        ),
        Badge("Logits compared: max|Δ|", max_abs_difference(plain, tiled), 1e-3),
        note,
    )


def _right_words(words, p, what, ink):
    """The text, each word shaded by the probability that it had."""
    tail = -(-len(p) // 3)
    last = f"The last {counted(tail, 'word')}: {100 * p[-tail:].mean():.0f} % in the mean."
    shades = [0.0, *p.tolist()]
    return Tokens(decode(words), shades, ink, f"{what}: each word shaded by the probability that it had. {last}")


def by_tiles(model, words, B, forget=False):
    """The house model's logits (T, V), its attention replaced by ours; forget: by the one that never rescales."""
    seen, turns = {}, lm.rotation(np.arange(len(words)), lm.rope_frequencies(model.D, model.base))

    def see(name, layer, value):
        if name in ("q", "k"):  # seen before they are turned by their positions
            seen[name] = np.swapaxes(lm.rotate(value, turns), 0, 1)  # (H, T, D)
        elif name == "v":
            seen[name] = np.swapaxes(value, 0, 1)
        elif name == "heads":
            q, k, v = (seen[each] for each in "qkv")
            y = never_rescaled(q, k, v, B) if forget else flash_attention(q, k, v, True, B, B)[0]
            return np.swapaxes(y, 0, 1)  # (T, H, D)
        return None

    return lm.forward(model, words, see=see)


def never_rescaled(q, k, v, B_c):
    """Causal attention (..., T, D_v) gone wrong: each tile's exponentials stay relative to the maximum of their day."""
    T, D = q.shape[-2:]
    s = np.where(np.tri(T, dtype=bool), q @ np.swapaxes(k, -1, -2) * D**-0.5, -np.inf)  # (..., T, T)
    m = np.maximum.accumulate(np.maximum.reduceat(s, np.arange(0, T, B_c), axis=-1), -1)  # (..., T, tiles)
    e = np.exp(s - np.repeat(m, B_c, -1)[..., :T])
    return e @ v / e.sum(-1, keepdims=True)


FLOATS = {"FP16": np.float16, "FP32": np.float32}
LARGEST = 2.0 ** np.arange(0, 7.01, 0.5)  # 1 … 128: largest scores of a row


@demo(
    largest=LogSlider("Largest score of the row", 1.0, 128.0, value=16.0, per_octave=2),
    n=LogSlider("Keys", 16, 256, value=64),
    bits=Choice("Precision", tuple(FLOATS), value="FP16"),
    seed=Seed(),
)
def three_ways(largest, n, bits, seed):
    """A row of softmax, every result rounded to a precision: without the maximum, in three readings, in two."""
    u = np.random.default_rng(seed).uniform(-1, 1, n)
    s = LARGEST[:, None] * u / u.max()  # (scales, n)
    kind = FLOATS[bits]
    s = s.astype(kind).astype(float)
    exact, at = softmax(s), round(2 * np.log2(largest))
    methods = {
        "without the maximum": ("2", *no_maximum(s, kind), "error", "dash"),
        "maximum first": ("3", *maximum_first(s, kind), "weight", "dot"),
        "online": ("2", *one_pass(s, kind), "output", "solid"),
    }
    lines, rows = [], []
    for name, (readings, w, top, total, ink, dash) in methods.items():
        ok = np.isfinite(w).all(-1)  # (scales,)
        off = 1000 * np.abs(np.where(ok[:, None], w, 0) - exact).max(-1)
        off = np.array([float(f"{x:.4g}") for x in off])  # of an error further digits are noise
        lines.append(line(LARGEST[ok], off[ok], name, ink, dash, mode="lines+markers"))
        said = [f"{x:.4g}" if np.isfinite(x) else "∞" for x in (top[at], total[at])]
        rows.append([name, readings, *said, f"{off[at]:.2g} ‰" if ok[at] else "lost"])
    ends, top = lines[0]["x"][-1], max(float(each["y"].max()) for each in lines)
    return (
        Figure(
            lines,
            x_title="Largest score of the row",
            y_title="Largest error of a weight (‰)",
            alt=f"{bits}, {n} keys. At a largest score of {largest:.3g}: "
            + ", ".join(f"{row[0]} {row[-1]}" for row in rows)
            + f". Without the maximum there are weights up to a largest score of {ends:.3g}.",
            xaxis={"type": "log", "tickvals": [1, 2, 4, 8, 16, 32, 64, 128], "range": [-0.05, 2.16]},
            yaxis={"range": [0, 1.3 * top]},
            legend={"orientation": "h", "y": 1.15},
            shapes=[rule(x=largest)],
        ),
        Table(["softmax", "readings of the row", "largest exponential", "sum", "error here"], rows,
              f"Largest score {largest:.3g}, {bits}"),
        Note(f"{bits} ends at {np.finfo(kind).max:,.5g}: an exponential passes it from a score of "
             f"{np.log(float(np.finfo(kind).max)):.2f} on, a sum of many sooner."),
    )  # fmt: skip


def _rounded(x, kind):
    with np.errstate(over="ignore"):
        return np.asarray(x).astype(kind).astype(float)


def _summed(e, kind):
    """The sum along the last axis, added up one by one, each sum rounded."""
    total = np.zeros(e.shape[:-1])
    for j in range(e.shape[-1]):
        total = _rounded(total + e[..., j], kind)
    return total


def no_maximum(s, kind):
    """Softmax of each row of s (..., n) as the formula says, rounded at each step.

    returns  weights (..., n), NaN where they are lost, the largest exponential and the sum (...,)
    """
    e = _rounded(np.exp(np.minimum(s, 700)), kind)
    total = _summed(e, kind)
    ok = np.isfinite(total) & (total > 0)
    w = np.where(ok[..., None], _rounded(e / np.where(ok, total, 1)[..., None], kind), np.nan)
    return w, e.max(-1), total


def maximum_first(s, kind):
    """The same, the row read three times: for its maximum, for its sum, for its weights."""
    e = _rounded(np.exp(_rounded(s - s.max(-1, keepdims=True), kind)), kind)
    total = _summed(e, kind)
    return _rounded(e / total[..., None], kind), e.max(-1), total


def one_pass(s, kind):
    """The same, the row read twice: for maximum and sum together as in online_softmax, and for its weights."""
    m, ell = np.full(s.shape[:-1], -np.inf), np.zeros(s.shape[:-1])
    for j in range(s.shape[-1]):
        m_new = np.maximum(m, s[..., j])
        shrink, e = (_rounded(np.exp(_rounded(x - m_new, kind)), kind) for x in (m, s[..., j]))
        m, ell = m_new, _rounded(_rounded(shrink * ell, kind) + e, kind)
    e = _rounded(np.exp(_rounded(s - m[..., None], kind)), kind)
    return _rounded(e / ell[..., None], kind), e.max(-1), ell


LENGTHS = 2 ** np.arange(8, 17)  # 256 … 65,536


@demo(
    T=LogSlider("Tokens T", 256, 65_536, value=4096, unit="tokens"),
    D=Choice("Head width D", (64, 128, 256), value=64),
    M=LogSlider("Numbers that fit on the chip, M", 4096, 131_072, value=65_536),
    gpu=Choice("GPU", ("RTX 4090", "A100", "H100", "H200"), value="H100"),
    one=Toggle("Break it: one query at a time"),
)
def traffic(T, D, M, gpu, one):
    """What one head's forward pass moves, counted from the loops, and the time that takes at a GPU's bandwidth."""
    chip, fits = GPUS[gpu], 1 if one else rows_that_fit(M, D)
    B_r = min(T, fits)
    plain, tiled = (np.array([2 * hbm_traffic(int(t), D, rows) for t in LENGTHS]) / MIB for rows in (None, fits))
    moved = [2 * hbm_traffic(T, D, rows) for rows in (None, fits)]  # bytes at 16 bits
    flops = 4 * T * T * D
    times = [1e6 * moved[0] / chip.bandwidth, 1e6 * moved[1] / chip.bandwidth, 1e6 * flops / chip.flops]  # µs
    end = np.log10(LENGTHS[-1])
    (lower, below), (upper, above) = sorted(((plain, "plain"), (tiled, "by tiles")), key=lambda way: way[0][-1])
    curves = Figure(
        [
            line(LENGTHS, plain, "plain", "error", "dash"),
            line(LENGTHS, tiled, "by tiles", "output"),
            points([T, T], [x / MIB for x in moved], "now", "cost", "diamond"),
        ],
        x_title="Tokens T",
        y_title="Moved, one head (MiB)",
        alt=f"T = {T:,}, D = {D}, tiles of {B_r}: the plain way moves {short(moved[0] / MIB)} MiB, tiles move "
        f"{short(moved[1] / MIB)} MiB.",
        height=280,
        xaxis={"type": "log", "tickvals": LENGTHS[::2], "ticktext": ["256", "1 Ki", "4 Ki", "16 Ki", "64 Ki"],
               "range": [2.35, 4.95]},
        yaxis={"type": "log"},
        showlegend=False,
        annotations=[
            label(end, np.log10(upper[-1]), above, xanchor="right", yanchor="bottom", xshift=-6, yshift=4),
            label(np.log10(LENGTHS[-3]), np.log10(lower[-3]), below, xanchor="left", yanchor="top", xshift=8),
        ],
    )  # fmt: skip
    clock = Figure(
        [bars(times, ["plain: moving", "by tiles: moving", "both: arithmetic"], "time", "cost", orientation="h",
              text=[f"{short(x)} µs" for x in times])],
        x_title=f"At best on {gpu} (µs)",
        alt=f"On {gpu}: moving takes {short(times[0])} µs the plain way and {short(times[1])} µs by tiles, the "
        f"arithmetic of either {short(times[2])} µs.",
        height=200,
        xaxis={"range": [0, 1.3 * max(times)]},
        yaxis={"autorange": "reversed"},
    )  # fmt: skip
    metrics = Metrics(
        ("Queries a tile, B_r", B_r, "", "broken" if one else f"⌊{M:,} / (5 · {D})⌋, at most T"),
        ("Readings of all keys and values", -(-T // B_r), "", f"⌈{T:,} / {B_r}⌉"),
        ("Plain over tiles", moved[0] / moved[1], "×", "bytes moved"),
        ("Arithmetic by tiles", flops / moved[1], "FLOP/byte",
         f"the GPU's own ratio is {chip.flops / chip.bandwidth:.0f}"),
    )  # fmt: skip
    return curves, clock, metrics, _traffic_note(times, one)


def _traffic_note(times, one):
    plain, tiled, arithmetic = times
    if one:
        return Note("Nothing of size T×T is stored, and still more is moved: every query reads all keys and values.",
                    "warning")  # fmt: skip
    if tiled < arithmetic:
        return Note("By tiles the arithmetic takes longer than the moving: now the arithmetic units set the pace.")
    if tiled < plain:
        return Note("Moving still takes longer than the arithmetic, if every tile must come from the GPU's memory.")
    return Note("On so little memory the tiles are so small that nothing is gained.", "warning")


BACK_FAULTS = ("none", "leave out Δ", "keep m in the place of lse")


@demo(
    B=Slider("Tile: queries and keys", 1, 7, value=3),
    fault=Choice("Break it", BACK_FAULTS, value="none"),
    causal=Toggle("Causal", value=True),
    seed=Seed(),
)
def gradients(B, fault, causal, seed):
    """Every gradient of a small head, by tiles with recomputation against stored weights."""
    T, D = 7, 3
    q, k, v, dy = np.random.default_rng(seed).normal(size=(4, T, D))
    y, lse = flash_attention(q, k, v, causal, B, B)
    if fault == "keep m in the place of lse":
        s = q @ k.T * D**-0.5
        kept = np.where(np.tri(T, dtype=bool) | (not causal), s, -np.inf).max(-1)
    else:
        kept = lse
    tiled = flash_attention_backward(q, k, v, 0 * y if fault == "leave out Δ" else y, kept, dy, causal, B, B)
    stored = stored_backward(q, k, v, dy, causal)
    exact_off = [max_abs_difference(a, b) for a, b in zip(tiled, stored, strict=True)]
    off = [round(x, 12) for x in exact_off]  # the badge shows what is less
    top = 1.1 * max(float(np.abs(each).max()) for each in (*stored, *tiled))
    inks, symbols = ("query", "key", "value"), ("circle", "square", "diamond")
    marks = zip(("dq", "dk", "dv"), inks, symbols, stored, tiled, strict=True)
    return (
        Figure(
            [
                line([-top, top], [-top, top], "equal", "reference", "dash"),
                *[points(x.ravel(), y.ravel(), name, ink, symbol, marker={"symbol": symbol, "size": 8})
                  for name, ink, symbol, x, y in marks],
            ],
            x_title="Gradient, weights stored",
            y_title="Gradient, by tiles",
            alt=f"{3 * T * D} gradients. By tiles of {B} against stored weights they differ by at most {off[0]:.2g} "
            f"(dq), {off[1]:.2g} (dk) and {off[2]:.2g} (dv).",
            xaxis={"range": [-top, top]},
            yaxis={"range": [-top, top]},
            legend={"orientation": "h", "y": 1.15},
        ),
        Metrics(
            ("Kept of the weights, stored", T * T, "numbers", f"{T} · {T}"),
            ("Kept, by tiles", T, "numbers", "one lse a row; y is kept either way"),
            *[(f"max|Δ| of {name}", x, "") for name, x in zip(("dq", "dk", "dv"), off, strict=True)],
        ),
        Badge("By tiles against stored weights: max|Δ|", max(exact_off), 1e-12),
    )  # fmt: skip


LONG = 2 ** np.arange(9, 18)  # 512 … 131,072
KEEPS = ("all layers", "one layer at a time")


@demo(
    T=LogSlider("Tokens of one text, T", 512, 131_072, value=8192, unit="tokens"),
    name=Choice("Model", ("GPT-2 small", "Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B"), value="Llama-3.1-8B"),
    gpu=Choice("GPU", ("RTX 4090", "A100", "H100", "H200"), value="H100"),
    keeps=Choice("Stored weights of", KEEPS, value="all layers"),
)
def training_memory(T, name, gpu, keeps):
    """What training on one text keeps of attention's weights, stored or recomputed."""
    m, memory = MODELS[name], GPUS[gpu].memory
    L = m.L if keeps == "all layers" else 1
    stored, tiled = ([kept_bytes(int(t), layers, m.H, way) / GIB for t in LONG]
                     for layers, way in ((L, True), (m.L, False)))  # fmt: skip
    now = kept_bytes(T, L, m.H) / GIB, kept_bytes(T, m.L, m.H, stored=False) / GIB
    longest = int(np.sqrt(memory / (2 * L * m.H)))
    end = np.log10(LONG[-1])
    figure = Figure(
        [
            line(LONG, stored, "stored", "error", "dash"),
            line(LONG, tiled, "recomputed", "output"),
            points([T, T], now, "now", "cost", "diamond"),
        ],
        x_title="Tokens of one text, T",
        y_title="Kept for the backward pass (GiB)",
        alt=f"{name}, {T:,} tokens: stored weights take {short(now[0])} GiB, one lse a row {short(now[1])} GiB; {gpu} "
        f"has {memory // GIB} GiB.",
        xaxis={"type": "log", "tickvals": LONG[1::2], "ticktext": ["1 Ki", "4 Ki", "16 Ki", "64 Ki"]},
        yaxis={"type": "log"},
        showlegend=False,
        shapes=[rule(y=memory / GIB)],
        annotations=[
            label(end, np.log10(memory / GIB), f"{gpu}: {memory // GIB} GiB", xanchor="right", yanchor="top"),
            label(end, np.log10(stored[-1]), "stored", xanchor="right", yanchor="bottom", xshift=-40),
            label(end, np.log10(tiled[-1]), "recomputed", xanchor="right", yanchor="bottom", xshift=-6, yshift=8),
        ],
    )  # fmt: skip
    if m.context < T:
        note = Note(beyond(name, m.context), "warning")
    elif keeps == "all layers":
        note = Note("One text, no dropout, one 16-bit matrix of weights a head: the least that a plain version keeps.")
    else:
        note = Note("Checkpointing: a layer's forward pass is run again when its backward pass comes.")
    return (
        figure,
        Metrics(
            ("Stored", now[0], "GiB", f"{counted(L, 'layer')} · {m.H} heads · {T:,}² · 2 bytes"),
            ("Recomputed", now[1] * GIB / MIB, "MiB", f"{m.L} layers · {m.H} heads · {T:,} · 4 bytes"),
            ("Stored weights alone fill the GPU from", longest + 1, "tokens", "one text"),
            ("Price of recomputing", 100 * 14 / 12 - 100, "% more FLOP", "14 T²D against 12 T²D, forward and backward"),
        ),
        note,
    )  # fmt: skip


# ---- exercises


def _merge(y_a, lse_a, y_b, lse_b):
    lse = np.logaddexp(lse_a, lse_b)
    y = np.exp(lse_a - lse)[:, None] * y_a + np.exp(lse_b - lse)[:, None] * y_b
    return y, lse


@exercise(
    start="""
        def merge(y_a, lse_a, y_b, lse_b):
            # y_a, y_b (T_q, D_v); lse_a, lse_b (T_q,)
            y = (y_a + y_b) / 2
            return y, lse_a + lse_b
    """,
    solution=_merge,
    hint="exp(lse) is the sum of a half's exponentials, so each half counts in proportion to it. Mind the size of the "
    "exponentials: np.logaddexp does.",
)
def put_halves_together(answer, rng):
    """One GPU attended to some of the keys, another to the rest; each has its output and its logsumexp. Write
    `merge(y_a, lse_a, y_b, lse_b)`: output and logsumexp over all keys. Scores may be in the thousands."""
    T_q, T_k, D, D_v = (int(n) for n in rng.integers(2, 9, 4))
    cut = int(rng.integers(1, T_k))
    for shift in (0.0, 3000.0, -3000.0):
        q, k, v = rng.normal(size=(T_q, D)), rng.normal(size=(T_k, D)), rng.normal(size=(T_k, D_v))
        s = q @ k.T + shift
        halves = []
        for part in (slice(cut), slice(cut, None)):
            e = np.exp(s[:, part] - shift)
            halves += [e @ v[part] / e.sum(1)[:, None], np.log(e.sum(1)) + shift]
        got = answer(*halves)
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: the output and the logsumexp"
        e = np.exp(s - shift)
        whole = (e @ v / e.sum(1)[:, None], np.log(e.sum(1)) + shift)
        for name, mine, right in zip(("output", "logsumexp"), got, whole, strict=True):
            assert np.shape(mine) == right.shape, f"the {name} has shape {right.shape}; yours has {np.shape(mine)}"
            assert np.isfinite(mine).all(), f"with scores near {shift:.0f} your {name} is not finite"
            assert np.allclose(mine, right, rtol=1e-9, atol=1e-9), (
                f"{cut} keys and {T_k - cut} keys: expected the {name} {np.round(right.ravel()[:3], 4)} …, got "
                f"{np.round(np.ravel(mine)[:3], 4)} …"
            )


def _tiles(T, B_r, B_c):
    return sum(-(-min(T, i + B_r) // B_c) for i in range(0, T, B_r))


@exercise(
    start="""
        def tiles(T, B_r, B_c):
            # T queries and T keys, in tiles of B_r queries and B_c keys
            return (T // B_r) * (T // B_c) / 2
    """,
    solution=_tiles,
    hint="Go through the tiles of queries. Which is the last key that any of them may see? Mind the tiles at the edge.",
)
def skip_what_is_hidden(answer, rng):
    """A causal kernel skips every tile in which no query may see a key. Write `tiles(T, B_r, B_c)`: how many it must
    compute."""
    for T, B_r, B_c in [(8, 2, 2), *(rng.integers(1, 20, 3).tolist() for _ in range(12))]:
        expected = sum(
            any(j <= i for i in range(a, min(a + B_r, T)) for j in range(b, min(b + B_c, T)))
            for a in range(0, T, B_r)
            for b in range(0, T, B_c)
        )
        got = answer(T, B_r, B_c)
        assert got == expected, f"T = {T}, tiles of {B_r} × {B_c}: expected {expected}, got {got}"


def _traffic_keys_first(T, D, B_c):
    return 2 * T * D + -(-T // B_c) * (3 * T * D + 4 * T)


@exercise(
    start="""
        def traffic_keys_first(T, D, B_c):
            # numbers moved; each tile of keys and values is read once
            return 2 * T * D + T // B_c * T * D
    """,
    solution=_traffic_keys_first,
    hint="For each tile of keys, of every query: what must come in besides q, and what must go out again?",
)
def turn_the_loops_around(answer, rng):
    """The first FlashAttention had the loop over keys outside. Each tile of keys and values is read once and meets all
    queries. For each such tile, every query's `q` and unfinished `y`, `m` and `ell` are read, and its `y`, `m` and
    `ell` are written back. Write `traffic_keys_first(T, D, B_c)`: the numbers that one head moves."""
    for _ in range(6):
        T, D, B_c = (int(n) for n in rng.integers(1, 40, 3))
        expected = 0
        for j in range(0, T, B_c):
            expected += 2 * D * (min(j + B_c, T) - j)
            for _ in range(T):
                expected += (D + D + 1 + 1) + (D + 1 + 1)
        got = answer(T, D, B_c)
        assert got == expected, f"T = {T}, D = {D}, B_c = {B_c}: expected {expected}, got {got}"
