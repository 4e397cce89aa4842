"""What the page on grouped-query attention shows."""

import numpy as np

from topics.gqa.method import grouped_query_attention, heads_on_a_gpu, repeat_kv
from topics.kit import (
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
    Toggle,
    bars,
    demo,
    label,
    line,
    points,
    softmax,
)
from topics.kit.model.losses import guessing  # noqa: F401
from topics.kit.page.words import counted
from topics.kit.real.costs import cache_bytes


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


SPLIT = ("Llama-2-7B", "Llama-3.1-8B", "Llama-3.1-70B", "Qwen3-235B-A22B")


@demo(
    P=LogSlider("GPUs that share the heads", 1, 32, value=16, unit="GPUs"),
    name=Choice("Model", SPLIT, value="Llama-3.1-70B"),
)
def cache_of_a_gpu(P, name):
    """What a token leaves in the cache of each GPU when the heads are spread over several."""
    m = MODELS[name]
    groups = m.H_kv if m.H_kv < m.H else 8  # its own, or those that it could have had
    across = 2 ** np.arange(6)  # 1 … 32
    kinds = {m.H: "MHA", groups: f"GQA, {groups} groups", 1: "MQA"}
    lines, texts = [], []
    for (heads, text), dash in zip(kinds.items(), ("dot", "solid", "dash"), strict=True):
        y = [on_a_gpu(m, heads, int(p)) / KIB for p in across]
        lines.append(line(across, y, text, "key" if heads == groups else "reference", dash))
        texts.append(label(0, np.log10(y[0]), text, xanchor="left", yanchor="bottom", xshift=6, yshift=2))
    here = {heads: on_a_gpu(m, heads, P) / KIB for heads in kinds}
    held, copies = heads_on_a_gpu(groups, P), max(1, P // groups)
    figure = Figure(
        [*lines, points([P], [here[groups]], "now", "key", "diamond")],
        x_title="GPUs that share the heads",
        y_title="Cache per token on each GPU (KiB)",
        alt=f"{name} on {counted(P, 'GPU')}, a token on each: {here[m.H]:,.4g} KiB with {m.H} key/value heads, "
        f"{here[groups]:,.4g} KiB with {groups}, {here[1]:,.4g} KiB with one.",
        xaxis={"type": "log", "tickvals": across, "ticktext": [str(p) for p in across], "range": [-0.05, 1.6]},
        yaxis={"type": "log", "range": [np.log10(here[1]) - 0.3, np.log10(on_a_gpu(m, m.H, 1) / KIB) + 0.4]},
        showlegend=False,
        annotations=texts,
    )
    return (
        figure,
        Metrics(
            (f"{groups} groups: heads on each GPU", held, f"for {counted(m.H // P, 'query head')}",
             f"⌈{groups} / {P}⌉"),
            ("… cache per token there", here[groups], "KiB", f"2 · {m.L} · {held} · {m.D} · 2 bytes"),
            ("… on all GPUs together", P * here[groups], "KiB", f"{P} · {here[groups]:.4g}"),
            ("One head instead would take", here[1], "KiB", "each GPU keeps a copy of it"),
        ),
        Note(f"More GPUs than groups: each head is stored {copies} times, and no GPU's cache gets smaller.", "warning")
        if groups < P else Note("Query heads are split alike, so each GPU finds its keys and values at home."),
    )  # fmt: skip


def on_a_gpu(m, heads, P):
    """Bytes that a token leaves on each of P GPUs, had model m so many key/value heads."""
    return cache_bytes(1, m.L, heads_on_a_gpu(heads, P), m.D)


# touvron2023llama2, table 18: models of 30 billion parameters after 150 billion tokens, on BoolQ, PIQA, SIQA,
# HellaSwag, ARC-e, ARC-c, NQ, TriviaQA, MMLU, GSM8K, HumanEval
LLAMA_2 = {
    "MHA": (71.0, 79.3, 48.2, 75.1, 71.2, 43.0, 12.4, 44.7, 28.0, 4.9, 7.9),
    "MQA": (70.6, 79.0, 47.9, 74.5, 71.6, 41.9, 14.5, 42.8, 26.5, 4.8, 7.3),
    "GQA": (69.4, 78.8, 48.6, 75.4, 72.1, 42.5, 14.0, 46.2, 26.9, 5.3, 7.9),
}


def mean_score(kind):
    """The mean of the eleven scores of a kind of attention in Llama 2's comparison."""
    return sum(LLAMA_2[kind]) / len(LLAMA_2[kind])


def apart(kind):
    """How far its scores lie from MHA's there, task by task: the least and the most."""
    differences = [x - y for x, y in zip(LLAMA_2[kind], LLAMA_2["MHA"], strict=True)]
    return min(differences), max(differences)
