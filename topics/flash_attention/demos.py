"""What the page on FlashAttention shows."""

import numpy as np

from topics.flash_attention.method import (
    flash_attention,
    flash_attention_backward,
    hbm_traffic,
    kept_bytes,
    online_softmax,
    stored_backward,
)
from topics.kit import (
    GIB,
    GPUS,
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
from topics.kit.model.language import SUNG  # noqa: F401
from topics.kit.page.words import beyond, counted, short

KEYS, BEST = 24, 14  # the length of the row, and the key (from 0) that scores best


HIDDEN = 5  # keys that a window hides, where it does
LAZY = float(np.log(256))  # how far scores rise above m before FlashAttention-4 rescales
ROW_FAULTS = ("none", "forget to rescale", "rescale the sum only", "rescale past 256× only",
              f"hide the first {HIDDEN} keys", "hide them, no guard")  # fmt: skip
_, FORGET, SUM_ONLY, SELDOM, WINDOW, UNGUARDED = ROW_FAULTS


@demo(
    read=Slider("Tiles read", 1, 8, value=5),
    B_c=Choice("Keys in a tile", (3, 5, 24), value=3),
    best=Slider("Score of key 15", 0, 12, value=6),
    fault=Choice("Change it or break it", ROW_FAULTS, value="none"),
    seed=Seed(),
)
def one_row(read, B_c, best, fault, seed):
    """One query's scores arrive in tiles; each tile is used and thrown away."""
    rng = np.random.default_rng(seed)
    s, v = rng.normal(size=KEYS), rng.uniform(0, 0.6, KEYS)
    s[BEST], v[BEST] = best, 1.0
    hidden = HIDDEN if fault in (WINDOW, UNGUARDED) else 0
    s[:hidden] = -np.inf
    tiles = -(-KEYS // B_c)
    read = min(read, tiles)
    step, slack = _unguarded if fault == UNGUARDED else online_softmax, LAZY if fault == SELDOM else 0.0
    m, ell, a, rows, outputs, exact = -np.inf, 0.0, 0.0, [], [], []
    for n in range(read):
        tile = np.s_[n * B_c : (n + 1) * B_c]
        before = ell
        m, ell, e, shrink = step(m, ell, s[tile], slack)
        if fault == FORGET:
            ell = before + e.sum()
        a = a * (1 if fault in (FORGET, SUM_ONLY) else shrink) + e @ v[tile]
        seen = tile.stop > hidden
        outputs.append(float(a / ell) if ell else None)
        exact.append(float(softmax(s[: tile.stop]) @ v[: tile.stop]) if seen else None)
        rows.append([n + 1, *map(_told, (m, shrink, ell, outputs[-1], exact[-1]))])
    lost = outputs[-1] is not None and not np.isfinite(outputs[-1])
    columns = ["tile", "maximum m", "factor α", "sum ℓ", "output so far", "plain attention"]
    off = max((abs(x - y) for x, y in zip(outputs, exact, strict=True) if y is not None), default=0.0)
    return (
        _row_figure(s, m, B_c, read, tiles, hidden, fault == SELDOM),
        _output_figure([None if lost else x for x in outputs], float(softmax(s) @ v), tiles),
        Table(columns, rows),
        *([] if lost else [Badge("Output so far against plain attention to the same keys: max|Δ|", off, 1e-12)]),
        _row_note(fault, lost, rows[-1]),
    )  # fmt: skip


def _unguarded(m, ell, s, slack):
    """online_softmax without its guard: a row that has seen nothing gives −∞ − (−∞)."""
    m_new = s.max() if s.max() > m + slack else m
    with np.errstate(invalid="ignore"):
        shrink, e = np.exp(m - m_new), np.exp(s - m_new)
    return m_new, shrink * ell + e.sum(), e, shrink


def _told(x):
    """A number of the table, or what stands there in the place of one."""
    if x is None:
        return "–"
    return float(x) if np.isfinite(x) else "−∞" if x == -np.inf else "NaN"


def _row_note(fault, lost, row):
    if lost:
        return Note("−∞ − (−∞) is not a number, NaN, and no later tile brings the output back.", "warning")
    if fault == UNGUARDED:
        return Note("The first tile shows a key that is not hidden, so nothing happens. Take tiles of 3 or of 5.")
    if fault in (FORGET, SUM_ONLY):
        return Note("Nothing crashes. The output is a wrong number.", "warning")
    if row[4] == "–":
        return Note("The window hides all that was read: m is −∞ still, and there is no output yet.")
    if fault == SELDOM:
        return Note(f"m follows only a score that is more than ln 256 = {LAZY:.2f} above it; till then α is 1.")
    return Note("The factor is 1 unless the maximum grows (0 at the first tile: there is nothing to shrink).")


def _row_figure(s, m, B_c, read, tiles, hidden, seldom):
    """The row's scores: those thrown away and those at hand; later ones do not exist yet."""
    keys = np.arange(1, KEYS + 1)
    at = (keys - 1) // B_c + 1  # the tile of each key
    first, last = (read - 1) * B_c + 1, min(KEYS, read * B_c)
    top = max(6.0, float(s.max())) + 3
    seen, best = s > -np.inf, float(s[at == read].max())
    here = f"its largest score is {best:.2f}, m is {m:.2f}. " if best > -np.inf else "the window hides all of it. "
    marks = [
        label(last + 0.5, top, f"tile {read} of {tiles}", xanchor="right", yanchor="top")
        if last == KEYS
        else label((first + last) / 2, top, f"tile {read} of {tiles}", yanchor="top")
    ]
    if np.isfinite(m):
        said = "m" if seldom else "maximum so far"
        marks.append(label(0, float(m), said, xref="paper", xanchor="left", yanchor="bottom"))
    if hidden:
        marks.append(label((1 + hidden) / 2, -2.9, "hidden", yanchor="bottom"))
    drawn = [(at < read, "used and thrown away", "reference"), (at == read, "on the chip", "query")]
    return Figure(
        [bars(keys, [x if there else None for x, there in zip(s, part & seen, strict=True)], name, ink)
         for part, name, ink in drawn],
        x_title="Key",
        y_title="Score",
        alt=f"Tile {read} of {tiles}, keys {first} to {last}, is on the chip; {here}"
        + f"A window hides the first {counted(hidden, 'key')}. " * (hidden > 0)
        + "Scores before it, in grey, are thrown away. " * (read > 1)
        + ("Those after it are not computed yet." if read < tiles else "There are no more."),
        height=240,
        barmode="stack",
        showlegend=False,
        xaxis={"tickvals": [1, 5, 10, 15, 20, 24], "range": [0.3, KEYS + 0.7]},
        yaxis={"range": [-3, top]},
        shapes=[rule(y=float(m))] if np.isfinite(m) else [],
        annotations=marks,
    )  # fmt: skip


def _output_figure(outputs, exact, tiles):
    x = list(range(1, len(outputs) + 1))
    return Figure(
        [line(x, outputs, "output so far", "output", mode="lines+markers")],
        x_title="Tiles read",
        y_title="Output",
        alt=f"After {len(outputs)} of {counted(tiles, 'tile')} "
        + ("there is no output" if outputs[-1] is None else f"the output is {outputs[-1]:.3f}")
        + f"; attention to the whole row gives {exact:.3f}.",
        height=220,
        xaxis={"range": [0.7, 8.3], "dtick": 1},
        yaxis={"range": [0, 1.15 * max([1, *(y for y in outputs if y is not None)])]},
        showlegend=False,
        shapes=[rule(y=exact)],
        annotations=[label(0, exact, "attention to the whole row", xref="paper", xanchor="left", yanchor="bottom")],
    )


CHIPS = ("RTX 4090", "A100", "H100", "H200", "B200")
LENGTHS = 2 ** np.arange(8, 17)  # 256 … 65,536


@demo(
    T=LogSlider("Tokens T", 256, 65_536, value=4096, unit="tokens"),
    D=Choice("Head width D", (64, 128, 256), value=128),
    B_r=LogSlider("Queries in a tile, B_r", 16, 512, value=128),
    gpu=Choice("GPU", CHIPS, value="H100"),
    one=Toggle("Break it: one query at a time"),
)
def traffic(T, D, B_r, gpu, one):
    """What one head's forward pass moves, counted from the loops, and the time that takes at a GPU's bandwidth."""
    chip = GPUS[gpu]
    B_r = 1 if one else B_r
    plain, tiled = (np.array([2 * hbm_traffic(int(t), D, rows) for t in LENGTHS]) / MIB for rows in (None, B_r))
    moved = [2 * hbm_traffic(T, D, rows) for rows in (None, B_r, T)]  # bytes at 16 bits; in one tile: every key once
    flops = 4 * T * T * D
    times = [*(1e6 * x / chip.bandwidth for x in moved), 1e6 * flops / chip.flops]  # µs
    end = np.log10(LENGTHS[-1])
    (lower, below), (upper, above) = sorted(((plain, "plain"), (tiled, "by tiles")), key=lambda way: way[0][-1])
    curves = Figure(
        [
            line(LENGTHS, plain, "plain", "error", "dash"),
            line(LENGTHS, tiled, "by tiles", "output"),
            points([T, T], [x / MIB for x in moved[:2]], "now", "cost", "diamond"),
        ],
        x_title="Tokens T",
        y_title="Moved, one head (MiB)",
        alt=f"T = {T:,}, D = {D}, {B_r} {'query' if one else 'queries'} in a tile: the plain way moves "
        f"{short(moved[0] / MIB)} MiB, tiles move {short(moved[1] / MIB)} MiB.",
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
        [bars(times, ["plain: moving", "tiles: moving", "if cached", "arithmetic"], "time", "cost", orientation="h",
              text=[f"{short(x)} µs" for x in times])],
        x_title=f"At best on {gpu} (µs)",
        alt=f"On {gpu}: moving takes {short(times[0])} µs the plain way and {short(times[1])} µs by tiles, or "
        f"{short(times[2])} µs if a cache serves every reading of a key but the first; the arithmetic takes "
        f"{short(times[3])} µs.",
        height=230,
        xaxis={"range": [0, 1.3 * max(times)]},
        yaxis={"autorange": "reversed"},
    )  # fmt: skip
    metrics = Metrics(
        ("Readings of all keys and values", -(-T // B_r), "", f"⌈{T:,} / {B_r}⌉"),
        ("Plain over tiles", moved[0] / moved[1], "×", "bytes moved"),
        ("Arithmetic by tiles", flops / moved[1], "FLOP/byte",
         f"the GPU's own ratio is {chip.flops / chip.bandwidth:.0f}"),
        ("Of the GPU's peak", 100 * at_best(T, D, B_r, gpu), "% at best", "if every tile comes from HBM"),
    )  # fmt: skip
    return curves, clock, metrics, _traffic_note(times, one)


def at_best(T, D, B_r, gpu):
    """The share of a GPU's peak that one head's forward pass can reach, if all that it moves comes from HBM."""
    chip = GPUS[gpu]
    arithmetic, moving = 4 * T * T * D / chip.flops, 2 * hbm_traffic(T, D, B_r) / chip.bandwidth
    return min(1.0, arithmetic / moving)


def _traffic_note(times, one):
    plain, tiled, _, arithmetic = times
    if one:
        return Note("Nothing of size T×T is stored, and still more is moved: every query reads all keys and values.",
                    "warning")  # fmt: skip
    if tiled < arithmetic:
        return Note("The arithmetic takes longer than the moving, even if every tile comes from the GPU's memory.")
    if tiled < plain:
        return Note("If every tile came from HBM, moving would take longer. A cache can serve most readings.")
    return Note("With so few queries in a tile, all keys go by so often that nothing is gained.", "warning")


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
    off = [max_abs_difference(a, b) for a, b in zip(tiled, stored, strict=True)]
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
            alt=f"{3 * T * D} gradients, by tiles of {B} against stored weights. The largest differences: "
            + ", ".join(f"{name} {x:.2g}" if x > 1e-12 else f"{name} below 10⁻¹²"
                        for name, x in zip(("dq", "dk", "dv"), off, strict=True)) + ".",
            xaxis={"range": [-top, top]},
            yaxis={"range": [-top, top]},
            legend={"orientation": "h", "y": 1.15},
        ),
        Metrics(
            ("Kept of the weights, stored", T * T, "numbers", f"{T} · {T}"),
            ("Kept, by tiles", T, "numbers", "one lse a row; y is kept either way"),
            *[(f"max|Δ| of {name}", x, "") for name, x in zip(("dq", "dk", "dv"), off, strict=True)],
        ),
        Badge("By tiles against stored weights: max|Δ|", max(off), 1e-12),
    )  # fmt: skip


LONG = 2 ** np.arange(9, 18)  # 512 … 131,072


KEEPS = ("all layers", "one layer at a time")


@demo(
    T=LogSlider("Tokens of one text, T", 512, 131_072, value=8192, unit="tokens"),
    name=Choice("Model", ("GPT-2 small", "Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B"), value="Llama-3.1-8B"),
    gpu=Choice("GPU", CHIPS, value="H100"),
    keeps=Choice("Attention weights stored of", KEEPS, value="all layers"),
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
        alt=f"{name}, {T:,} tokens: stored attention weights take {short(now[0])} GiB, one lse a row {short(now[1])} "
        f"GiB; {gpu} has {memory // GIB} GiB.",
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
        note = Note(
            "One text, no dropout, one matrix of attention weights a head, at 16 bits: the least that is stored."
        )
    else:
        note = Note("Checkpointing: a layer's forward pass is run again when its backward pass comes.")
    return (
        figure,
        Metrics(
            ("Attention weights, stored", now[0], "GiB", f"{counted(L, 'layer')} · {m.H} heads · {T:,}² · 2 bytes"),
            ("Recomputed", now[1] * GIB / MIB, "MiB", f"{m.L} layers · {m.H} heads · {T:,} · 4 bytes"),
            ("Stored attention weights alone fill the GPU from", longest + 1, "tokens", "one text"),
            ("Price of recomputing", 100 * 14 / 12 - 100, "% more FLOP", "14 T²D against 12 T²D, forward and backward"),
        ),
        note,
    )  # fmt: skip
