"""What the page on PagedAttention shows of a server: one budget a step, and layers that keep different things."""

import numpy as np

from topics.kit import (
    GIB,
    GPUS,
    KIB,
    MODELS,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Table,
    bars,
    demo,
    label,
    line,
)
from topics.kit.page.words import beyond, counted, short
from topics.kit.real.costs import kept, matrices_works, pairs_flops, prompt_flops, text_bytes, time_of
from topics.paged_attention.method import Pool, blocks_for
from topics.paged_attention.scheduler import Request, compute, grow, schedule_step

# ---- one budget a step

SERVED, CHIP, WRITTEN, CALM = "Llama-3.1-8B", "H100", 2048, 4  # tokens of a writer's text; steps before and after


def step_seconds(plan):
    """Seconds at best of a step of Llama-3.1-8B on an H100: (tokens before, new tokens) of each text."""
    model = MODELS[SERVED]
    flops = sum(prompt_flops(model, t + new) - prompt_flops(model, t) if new > 1 else pairs_flops(model, t + 1)
                for t, new in plan)  # fmt: skip
    read = text_bytes(model, sum(t + new for t, new in plan))
    return time_of((*matrices_works(model, sum(new for _, new in plan)), (flops, read)), GPUS[CHIP])


def arrival(prompt, budget, writers, chunks=True):
    """A prompt comes while others write.

    returns (seconds of each step, step after which the prompt has its first token)
    """
    b = 128
    pool = Pool(blocks_for(WRITTEN + 1024, b) * writers + blocks_for(prompt + 1024, b), b)
    running, waiting, seconds, first = [], [], [], None
    for name in range(writers):
        running.append(Request(name, WRITTEN, 10**6))
        grow(pool, running[-1], WRITTEN - 1)
        running[-1].computed = WRITTEN - 1
    new = Request(writers, prompt, 10**6)
    while first is None or len(seconds) < first + CALM:
        if len(seconds) == CALM:
            waiting.append(new)
        plan = schedule_step(running, waiting, pool, budget, chunks)
        seconds.append(step_seconds([(request.computed, count) for request, count in plan]))
        compute(plan, running, pool)
        if first is None and new.known > prompt:
            first = len(seconds)
    return seconds, first


@demo(
    budget=LogSlider("Tokens a step, at most", 512, 16_384, value=2048, unit="tokens"),
    prompt=LogSlider("New prompt", 2048, 32_768, value=16_384, unit="tokens"),
    writers=Choice("Others who write", (8, 32, 64), value=32),
)
def one_budget(budget, prompt, writers):
    """A long prompt comes while others write: how long they wait for their next word, in chunks and at one go."""
    ways = {"in chunks": arrival(prompt, budget, writers), "at one go": arrival(prompt, budget, writers, chunks=False)}
    traces, longest, wait, written = [], {}, {}, {}
    for (name, (seconds, first)), ink, dash in zip(ways.items(), ("key", "error"), ("solid", "dash"), strict=True):
        ms = 1000 * np.array(seconds)
        ends = np.concatenate([[0], np.cumsum(ms)]) - ms[:CALM].sum()  # ms since the prompt came
        x = np.stack([ends[:-1], ends[1:]], 1).ravel() / 1000  # a step is a level line from its begin to its end
        traces.append(line(x, np.repeat(ms, 2), name, ink, dash))
        longest[name], wait[name] = float(ms.max()), float(ms[CALM:first].sum()) / 1000
        written[name] = (first - CALM) * writers
    figure = Figure(
        traces,
        x_title="Time since the prompt came (s)",
        y_title="Time for one more word (ms)",
        alt=f"{SERVED} on an {CHIP}, {writers} texts being written, a prompt of {prompt:,} tokens comes. In chunks of "
        f"at most {budget:,} tokens nobody waits longer than {short(longest['in chunks'])} ms for a word; at one go "
        f"{short(longest['at one go'])} ms.",
        yaxis={"type": "log"},
        showlegend=False,
        annotations=[
            label(0, np.log10(longest["at one go"]), "at one go", xanchor="left", yanchor="bottom", yshift=4),
            label(0, np.log10(traces[0]["y"][2 * CALM]), "in chunks", xanchor="left", yanchor="bottom", xshift=6,
                  yshift=8),
        ],
    )  # fmt: skip
    rows = [(name, round(longest[name], 1), round(wait[name], 3), written[name]) for name in ways]
    return (
        figure,
        Table(("the prompt is read", "longest wait for a word (ms)", "its first word after (s)",
               "words written meanwhile"), rows),
        Note("Times at their best, by two rooflines: no launch overhead, no network."),
    )  # fmt: skip


# ---- layers that keep different things

LAYERED = ("Llama-3.1-8B", "gpt-oss-120b", "Gemma 3 27B", "Qwen3-Next-80B-A3B", "Qwen3.5-35B-A3B")
PAGE = 16  # tokens: vLLM's default
FP32_STATES = ("Qwen3.5-35B-A3B",)  # whose matrices vLLM keeps in FP32 (vllm2026states); the convolution stays at BF16
CONVOLUTION = 3 * (2 * 16 * 128 + 32 * 128)  # numbers of a state that are no matrix


def window_pages(T, W, b):
    """Pages of b that a layer with a window of W holds of T tokens, once those that no later token sees are given back.

    >>> blocks_for(112, 16) + 2 * window_pages(112, W=32, b=16)   # the example of vLLM's guide: 7 + 2 + 2
    11
    """
    return blocks_for(T, b) - max(0, T - W + 1) // b


def state_bytes(name):
    """Bytes of one layer's state of linear attention; 0 where a model has none."""
    numbers = max(layers.state for layers in MODELS[name].layers)
    return 4 * (numbers - CONVOLUTION) + 2 * CONVOLUTION if name in FP32_STATES else 2 * numbers


def row_bytes(name):
    """Bytes that a token leaves in one layer that keeps tokens."""
    return 2 * next(kept(layers._replace(window=None), 1) for layers in MODELS[name].layers if not layers.state)


def page_tokens(name):
    """Tokens to a page, so that a state fits into one: the least multiple of 16 (eq:page).

    >>> [page_tokens(name) for name in LAYERED]
    [16, 16, 16, 544, 1056]
    """
    return PAGE * max(1, blocks_for(state_bytes(name), PAGE * row_bytes(name)))


def pages_by_kind(name, T):
    """{kind of layers: (layers, pages of one layer)} for a text of T tokens."""
    b, pages = page_tokens(name), {}
    for layers in MODELS[name].layers:
        kind = "a state" if layers.state else f"a window of {layers.window:,}" if layers.window else "all tokens"
        each = 1 if layers.state else window_pages(T, layers.window, b) if layers.window else blocks_for(T, b)
        pages[kind] = (layers.n, each)
    return pages


@demo(
    T=LogSlider("Text", 256, 131_072, value=8192, unit="tokens"),
    name=Choice("Model", LAYERED, value="gpt-oss-120b"),
)
def kinds_of_layers(T, name):
    """Pages of one text in a model whose layers keep all tokens, a window, or a state."""
    b, page, m = page_tokens(name), page_tokens(name) * row_bytes(name), MODELS[name]
    kinds = pages_by_kind(name, T)
    gib = {kind: n * each * page / GIB for kind, (n, each) in kinds.items()}
    full = m.L * blocks_for(T, b) * page / GIB
    order = sorted(kinds, key=lambda kind: kind != "all tokens")
    inks = {"all tokens": "key", "a state": "value"}
    names = ["as it is", "were all layers full"]
    figure = Figure(
        [bars(names, [gib[kind], full if kind == "all tokens" else 0], kind, inks.get(kind, "reference"),
              text=[short(gib[kind]), short(full) if kind == "all tokens" else ""]) for kind in order],
        y_title="Pages of one text (GiB)",
        alt=f"{name}, {T:,} tokens: " + ", ".join(f"layers that keep {kind} {short(gib[kind])} GiB" for kind in order)
        + f"; were all layers full, {short(full)} GiB. A page holds {b:,} tokens.",
        barmode="stack",
    )  # fmt: skip
    total, needed = sum(gib.values()), text_bytes(m, T) / GIB
    if name in FP32_STATES:
        needed += sum(layers.n for layers in m.layers if layers.state) * 2 * (layers_state(m) - CONVOLUTION) / GIB
    return (
        figure,
        Table(("layers that keep", "how many", "pages of one layer"),
              [(kind, kinds[kind][0], kinds[kind][1]) for kind in order]),
        Metrics(
            ("Tokens to a page", b, "", f"a page of one layer is {page // KIB:,} KiB"),
            ("Held in all", round(total, 3), "GiB", f"of which {100 * (1 - needed / total):.1f} % holds nothing"),
            ("Of all full", round(100 * total / full, 1), "%"),
            ("A beginning is found from", b, "tokens", "whole pages only"),
        ),
        Note(beyond(name, m.context), "warning") if m.context < T else
        Note(f"{counted(m.L, 'layer')} at 16 bits" + (", states in FP32" if name in FP32_STATES else "") + "."),
    )  # fmt: skip


def layers_state(model):
    """Numbers of one layer's state."""
    return max(layers.state for layers in model.layers)
