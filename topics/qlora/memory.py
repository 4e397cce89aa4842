"""What fine-tuning takes of a GPU's memory, line by line, and what a paged optimiser moves out of its way."""

import numpy as np

from topics.kit import (
    GB,
    GIB,
    MODELS,
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
    rule,
)
from topics.kit.page.words import short
from topics.kit.real.models import Layers, Model
from topics.qlora.method import ledger, paged

# huggyllama2023; with 32,000 tokens, whose embedding and output differ
LLAMA_65B = Model(8192, (Layers(80, 64, 64, 128),), 22_016, 3, 32_000, 65_285_660_672, 2048, "2023-02")
TRAINED = {"LLaMA-65B": LLAMA_65B, **{name: MODELS[name] for name in
         ("Llama-3.1-8B", "Gemma 3 27B", "Llama-3.1-70B")}}  # fmt: skip
CARDS = {"24 GB": 24 * GIB, "48 GB": 48 * GIB, "80 GB": 80 * GIB, "180 GB": 180 * GIB}
METHODS = ("full", "LoRA", "QLoRA")


def matrices_of(model):
    """(outputs, inputs) of every matrix of the layers."""
    found = []
    for layers in model.layers:
        q, kv = layers.H * layers.D, layers.H_kv * layers.D
        found += layers.n * [(q, model.d), (kv, model.d), (kv, model.d), (model.d, q)]
    return found + model.L * [(model.F, model.d), (model.F, model.d), (model.d, model.F)]


def linear_weights(model):
    return sum(n * m for n, m in matrices_of(model))


def adapter_size(model, r):
    """Numbers of an adapter of rank r on all matrices of the layers."""
    return r * sum(n + m for n, m in matrices_of(model))


def activations(model, T):
    """Bytes that T tokens take with checkpoints: each layer's input at 16 bits, one layer's inner numbers while it is
    computed again, logits in FP32 and their gradient. A rough count; what kernels borrow is not in it."""
    inner = max(6 * layers.H * layers.D + 3 * model.F for layers in model.layers)
    return T * (2 * model.L * model.d + 2 * inner + 8 * model.vocabulary)


def lines_of(model, method, r):
    n = linear_weights(model)
    return ledger(n, model.parameters - n, adapter_size(model, r), method)


@demo(
    T=LogSlider("Tokens of a batch", 256, 16_384, value=2048),
    name=Choice("Model", tuple(TRAINED), value="LLaMA-65B"),
    r=Choice("Rank", (16, 64, 256), value=64),
)
def what_it_takes(T, name, r):
    """Memory to train all weights, a LoRA, or a QLoRA, line by line."""
    model = TRAINED[name]
    each = {method: lines_of(model, method, r) | {"activations": activations(model, T)} for method in METHODS}
    total = {method: sum(lines.values()) for method, lines in each.items()}
    need = {card: memory for card, memory in CARDS.items() if total["QLoRA"] <= memory}
    rows = [(line, *(round(each[method].get(line, 0) / GB, 2) for method in ("LoRA", "QLoRA")))
            for line in each["QLoRA"]]  # fmt: skip
    rows.append(("all", *(round(total[method] / GB, 2) for method in ("LoRA", "QLoRA"))))
    return (
        Figure(
            [bars(list(METHODS), [total[method] / GB for method in METHODS], "all", "cost",
                  text=[f"{total[method] / GB:,.0f}" for method in METHODS])],
            x_title="What is trained",
            y_title="Memory (GB)",
            alt=f"{name}, {T:,} tokens a batch, rank {r}: "
            + ", ".join(f"{method} {total[method] / GB:,.1f} GB" for method in METHODS)
            + ". Dashed: GPUs of 24, 48, 80 and 180 GiB.",
            yaxis={"type": "log", "range": [0.7, 3.3], "tickvals": [10, 100, 1000], "ticktext": ["10", "100", "1,000"]},
            xaxis={"range": [-0.5, 3.25]},  # room for the GPUs' names beside the bars
            shapes=[rule(y=memory / GB) for memory in CARDS.values()],
            annotations=[label(3.2, float(np.log10(memory / GB)), card, xanchor="right", yanchor="bottom")
                         for card, memory in CARDS.items()],
        ),
        Table(("Line", "LoRA, GB", "QLoRA, GB"), rows, f"{name}, an adapter of rank {r} on all matrices."),
        Metrics(
            ("Numbers that learn", adapter_size(model, r) / 1e6, "million", "r · Σ (outputs + inputs)"),
            ("Of all weights", 100 * adapter_size(model, r) / model.parameters, "%"),
            ("Frozen matrices", linear_weights(model) / 1e9, "billion weights"),
        ),
        Note(f"QLoRA needs {total['QLoRA'] / GB:,.1f} GB: "
             + (f"it fits a GPU of {next(iter(need))}." if need else "more than any of the four GPUs has."),
             "info" if need else "warning"),
    )  # fmt: skip


def fits(name, method, r, T, memory=48 * GIB):
    """Whether all lines and the activations fit, and what is left, in bytes."""
    left = memory - sum(lines_of(TRAINED[name], method, r).values()) - activations(TRAINED[name], T)
    return left >= 0, left


def as_peft_prepares(name, r, T):
    """Bytes of QLoRA where embedding, output, norms, the adapter and its gradients are FP32 (peft2026kbit)."""
    lines = lines_of(TRAINED[name], "QLoRA", r)
    doubled = ("embedding, output, norms", "adapter", "its gradients")
    return sum(lines.values()) + sum(lines[line] for line in doubled) + activations(TRAINED[name], T)


def most_tokens(r, memory=48 * GIB):
    """Tokens of a batch with which QLoRA fills a GPU with LLaMA-65B, to the hundred below."""
    left = memory - sum(lines_of(LLAMA_65B, "QLoRA", r).values())
    return int(left // activations(LLAMA_65B, 1) // 100 * 100)


def pushed_out(T, r=64):
    """GB of Adam's numbers that leave the GPU while a batch of T tokens is computed."""
    lines = lines_of(LLAMA_65B, "QLoRA", r)
    state = lines.pop("Adam")
    out, _ = paged(sum(lines.values()), state, [activations(LLAMA_65B, T)], CARDS["48 GB"])
    return float(out[0]) / GB


# ---- pages

STEPS, LINK = 24, 32 * GB  # steps drawn; bytes a second that PCIe 4.0 with 16 lanes moves each way (nvidia2021a100)


@demo(
    longest=Slider("Longest batch", 2048, 10_240, value=6144, step=1024, unit="tokens"),
    pages=Toggle("The optimiser may leave", value=True),
    r=Choice("Rank", (16, 64), value=64),
    seed=Seed("Batches"),
)
def paged_steps(longest, pages, r, seed):
    """LLaMA-65B on 48 GB: a few long batches among short ones, and where the optimiser's numbers are meanwhile."""
    lines = lines_of(LLAMA_65B, "QLoRA", r)
    state = float(lines.pop("Adam"))  # a browser's whole numbers end at 2**31
    stays = float(sum(lines.values()))
    peaks, capacity = activations(LLAMA_65B, tokens_of(longest, seed)), CARDS["48 GB"]
    out, fit = paged(stays, state if pages else 0, peaks + (0 if pages else state), capacity)
    here = np.where(fit, state - out, state)
    stopped = int(np.argmin(fit)) if not fit.all() else STEPS
    moved = 2 * float(out[:stopped].sum())  # out of the way, and back for the update
    x = np.arange(1, STEPS + 1)
    ran = x <= stopped + 1
    parts = (("stays", np.full(STEPS, stays), "weight"), ("optimiser", here, "cost"),
             ("activations", peaks, "output"))  # fmt: skip
    return (
        Figure(
            [bars(x, np.where(ran, y, 0) / GB, name, ink) for name, y, ink in parts],
            x_title="Step",
            y_title="On the GPU (GB)",
            alt=f"{STEPS} steps, the longest of {longest:,} tokens. "
            + (f"At step {stopped + 1} there is no memory left, and training ends." if stopped < STEPS else
               f"All fit; the optimiser leaves in {int((out > 0).sum())}, with at most {out.max() / GB:.1f} GB."),
            barmode="stack",
            shapes=[rule(y=capacity / GB)],
            annotations=[label(1, capacity / GB, "48 GB", yanchor="bottom", xanchor="left")],
            yaxis={"range": [0, 66]},
            bargap=0.1,
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(
            ("Stays on the GPU", stays / GB, "GB", "weights, adapter and its gradients"),
            ("Optimiser", state / GB, "GB", "two FP32 numbers for each that learns"),
            ("Steps that ran", min(stopped, STEPS), "", f"of {STEPS}"),
            ("Moved, both ways", moved / GB, "GB"),
            ("Time for that", moved / LINK, "s", "at 32 GB a second each way"),
        ),
        Note("A step did not fit: without pages, one long batch ends a run of days." if stopped < STEPS else
             f"All {STEPS} steps ran. The largest needs {short(float(peaks.max()) / GB)} GB of activations.",
             "warning" if stopped < STEPS else "info"),
    )  # fmt: skip


def tokens_of(longest, seed):
    """(STEPS,) tokens of each batch, as floats: most are short, a few are long, one is the longest."""
    rng = np.random.default_rng(seed)
    T = np.minimum(512 * np.exp(rng.normal(0, 0.6, STEPS)), longest).astype(int).astype(float)
    T[rng.permutation(np.arange(4, STEPS))[:3]] = [longest, int(0.9 * longest), int(0.8 * longest)]
    return T
