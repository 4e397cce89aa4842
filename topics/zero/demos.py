"""What the page on ZeRO counts: bytes that a rank keeps and sends, for real models."""

from topics.kit import (
    GPUS,
    MODELS,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Toggle,
    bars,
    demo,
    label,
    rule,
)
from topics.kit.page.words import counted, short
from topics.zero.ledger import LINKS, SHARE_OF_PEAK, activation_bytes, held_bytes, seconds
from topics.zero.method import tokens_to_hide, zero_memory

GB = 1e9
PAPERS = "7.5 billion, as in the paper"
SIZES = {PAPERS: 7_500_000_000, **{name: MODELS[name].parameters for name in
         ("GPT-2 small", "Llama-3.1-8B", "Llama-3.1-70B", "GLM-5", "Kimi K2")}}  # fmt: skip
WAYS = {  # bytes a parameter: weight, gradient, optimiser with its master copy
    "Adam, 16 bytes": (2, 2, 12),
    "Adam, FP32 gradients": (2, 4, 12),
    "Adam, BF16 moments": (2, 4, 8),
    "Adam, 8-bit moments": (2, 4, 6),
    "Muon": (2, 4, 8),
}
KEPT = ("copies", "stage 1", "stage 2", "stage 3")


@demo(
    N=LogSlider("Ranks", 1, 1024, value=64),
    name=Choice("Model", tuple(SIZES), value=PAPERS),
    way=Choice("Optimiser", tuple(WAYS), value="Adam, 16 bytes"),
)
def who_keeps_what(N, name, way):
    """Memory of one rank for parameters, gradients and optimiser states, by stage."""
    Psi, (p, g, o) = SIZES[name], WAYS[way]
    kept = [zero_memory(Psi, N, stage, p, g, o) for stage in range(4)]
    totals = [sum(each) / GB for each in kept]
    gpu = GPUS["H100"].memory / GB
    top = 1.15 * max(totals[0], gpu if totals[0] > gpu / 4 else 0)
    figure = Figure(
        [
            *(bars(KEPT, [each[i] / GB for each in kept], kind, ink)
              for i, (kind, ink) in enumerate((("parameters", "weight"), ("gradients", "gradient"),
                                               ("optimiser", "cost")))),
        ],
        x_title="How the states are kept",
        y_title="Held by one rank (GB)",
        alt=f"{name}, {way}, {counted(N, 'rank')}. Each rank holds "
        + ", ".join(f"{short(total)} GB ({stage})" for total, stage in zip(totals, KEPT, strict=True))
        + f". An H100 has {gpu:.1f} GB.",
        barmode="stack",
        yaxis={"range": [0, top]},
        shapes=[rule(y=gpu)] if gpu < top else [],
        annotations=[
            *([label(1, gpu, "H100", xref="paper", xanchor="right", yanchor="bottom")] if gpu < top else []),
            *(label(stage, total, short(total), yanchor="bottom")
              for stage, total in zip(KEPT, totals, strict=True)),
        ],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    fits = [stage for stage, total in zip(KEPT, totals, strict=True) if total <= gpu]
    return (
        figure,
        Metrics(
            ("Bytes a parameter", p + g + o, "", f"{p} + {g} + {o}"),
            ("Stage 1", totals[1], "GB", f"({p} + {g} + {o} / {N}) · Ψ"),
            ("Stage 2", totals[2], "GB", f"({p} + {g + o} / {N}) · Ψ"),
            ("Stage 3", totals[3], "GB", f"{p + g + o} / {N} · Ψ"),
        ),
        Note(
            f"On an H100 ({gpu:.1f} GB) there is room for {', '.join(fits)}, before any activation."
            if fits
            else f"On an H100 ({gpu:.1f} GB) there is room for none of them.",
            "info" if fits else "warning",
        ),
    )


@demo(
    T=LogSlider("Tokens of a micro-batch, on each rank", 512, 65_536, value=4096, unit="tokens"),
    micro=Choice("Micro-batches in a step", (1, 4, 16), value=1),
    link=Choice("Between ranks", tuple(LINKS), value="InfiniBand, 400 Gb/s"),
    name=Choice("Model", ("Llama-3.1-8B", "Llama-3.1-70B", "GLM-5"), value="Llama-3.1-8B"),
)
def sent_and_waited_for(T, micro, link, name):
    """One step on 64 H100: seconds of sending, by stage, against seconds of arithmetic."""
    m, N = MODELS[name], 64
    arithmetic, sending = seconds(m, N, T, micro, LINKS[link])
    ways, times = list(sending), list(sending.values())
    hidden = [way for way, time in sending.items() if time <= arithmetic]
    figure = Figure(
        [bars(ways, times, "sending", "cost", text=[short(time) for time in times])],
        x_title="How the states are kept",
        y_title="Seconds a step",
        alt=f"{name}, {'one micro-batch' if micro == 1 else f'{micro} micro-batches'} of {T:,} tokens "
        f"on each of {N} ranks, {link}. Sending takes "
        + ", ".join(f"{short(time)} s ({way})" for way, time in sending.items())
        + f"; the arithmetic takes {short(arithmetic)} s.",
        yaxis={"range": [0, 1.15 * max(arithmetic, *times)]},
        shapes=[rule(y=arithmetic)],
        annotations=[label(0, arithmetic, "arithmetic", xref="paper", xanchor="left", yanchor="bottom")],
        showlegend=False,
    )
    return (
        figure,
        Metrics(
            ("Arithmetic", arithmetic, "s", f"6 · {m.active / 1e9:.3g} B · {T * micro:,} / 40 % of an H100's peak"),
            ("Sending, stage 3", sending["stage 3"], "s", f"{3 * micro} · 63/64 · Ψ numbers of 2 bytes"),
            ("Enough for stage 3", enough(name, link), "tokens", "from here on arithmetic takes longer, at any N"),
            ("Enough for stages 1 and 2", enough(name, link) * 2 / 3, "tokens", "with one micro-batch"),
        ),
        Note(f"Behind the arithmetic there is room for {', '.join(hidden)}." if hidden else
             "No way of keeping can hide its sending behind this little arithmetic.", "info" if hidden else "warning"),
    )  # fmt: skip


RANKS = (8, 16, 32, 64, 128, 256, 512, 1024)


@demo(
    T=LogSlider("Tokens on each rank", 1024, 131_072, value=8192, unit="tokens"),
    name=Choice("Model", ("Llama-3.1-8B", "Llama-3.1-70B"), value="Llama-3.1-70B"),
    again=Toggle("Compute activations again on the way back"),
    reshard=Toggle("Free gathered layers after use", value=True),
)
def what_does_not_shrink(T, name, again, reshard):
    """Fully sharded training: the memory of one rank as ranks are added, each with as many tokens as before."""
    m, gpu = MODELS[name], GPUS["H100"].memory / GB
    held = {N: [x / GB for x in held_bytes(m, N, T, again, reshard)] for N in RANKS}
    totals = {N: sum(each) for N, each in held.items()}
    kinds = (("shards", "weight"), ("gathered", "key"), ("gradients", "gradient"), ("activations", "cost"))
    fits = [N for N, total in totals.items() if total <= gpu]
    top = 1.15 * max(gpu, *totals.values())
    figure = Figure(
        [bars([str(N) for N in RANKS], [held[N][i] for N in RANKS], kind, ink)
         for i, (kind, ink) in enumerate(kinds)],
        x_title="Ranks",
        y_title="Held by one rank (GB)",
        alt=f"{name}, {T:,} tokens a rank. On 8 ranks each holds {short(totals[8])} GB, on 1,024 ranks "
        f"{short(totals[1024])} GB, of which {short(held[1024][3])} are activations. An H100 has {gpu:.1f} GB.",
        barmode="stack",
        xaxis={"type": "category"},
        yaxis={"range": [0, top]},
        shapes=[rule(y=gpu)],
        annotations=[label(1, gpu, "H100", xref="paper", xanchor="right", yanchor="bottom")],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return (
        figure,
        Metrics(
            ("Fewest ranks", fits[0] if fits else None, "of those shown", "whose memory suffices"),
            ("Shards", held[64][0], "GB on 64 ranks", "16 · Ψ / 64"),
            ("Activations", held[64][3], "GB on any number of ranks", f"{T:,} tokens"),
            ("Tokens of a batch", T * 64, "on 64 ranks", f"64 · {T:,}"),
        ),
        Note(f"From {fits[0]} ranks on it fits." if fits else
             "No number of ranks helps: what is left does not depend on it.", "info" if fits else "warning"),
    )  # fmt: skip


def enough(name, link="InfiniBand, 400 Gb/s"):
    """Tokens of a micro-batch behind whose arithmetic stage 3 hides its sending."""
    m = MODELS[name]
    return tokens_to_hide(SHARE_OF_PEAK * GPUS["H100"].flops, LINKS[link]) * m.parameters / m.active


def activations(name, T, again=False):
    """GB that T tokens leave for the way back."""
    return activation_bytes(MODELS[name], T, again) / GB
