"""What the page on the whole model shows first: one pass, operation by operation; and what it costs in real models."""

import inspect
from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Listing,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Text,
    Tokens,
    bars,
    demo,
    lm,
    max_abs_difference,
)
from topics.kit.model import text as words_of
from topics.kit.model.text import decode
from topics.kit.page.words import counted, short
from topics.whole_model import costs
from topics.whole_model.cells import BY_NAME, NAMES, arithmetic, layer_of, table
from topics.whole_model.costs import TOLD, bill, moved, walked, written
from topics.whole_model.method import LAYER, OPERATIONS, sizes, walk

LONGEST = 16  # words of a text
SENTENCE = "[blunt] facts : dogs eat cheese . say foods ? dogs"
TOP = 12  # words of a law
DEEP = {  # topics that go deep, and what they say of it
    "attention": "How attention mixes words",
    "rope": "Why positions are turned",
    "kv_cache": "Why values and keys are kept",
    "flash_attention": "A softmax that never stores its rows",
    "sliding_window": "Masks that forget",
    "gqa": "Keys that query heads share",
    "mqa": "One value head for all",
    "weight_init": "What keeps the stream in bounds",
    "moe": "Experts in the place of one feed-forward part",
    "structured_pruning": "Hidden numbers that can go",
    "quantization": "The same matrix in four bits",
    "tensor_pipeline_parallelism": "Where this sum waits for other GPUs",
    "gpt_pretraining": "Tokens, and how the law is learnt",
    "model_compression": "What logits teach a smaller model",
    "speculative_decoding": "Several draws in one pass",
}


@demo(
    "model",
    "target",
    step=Slider("Operation", 1, len(NAMES), value=NAMES.index("softmax") + 1, names=NAMES),
    layer=Slider("Layer", 1, 4, value=3),
    head=Slider("Head", 1, 8, value=1),
    text=Text("Text", SENTENCE, suggest=True),
    place=Slider("Word that is followed", 1, LONGEST, value=11),
    seed=Seed("Seed of the draw"),
)
def through(step, layer, head, text, place, seed):
    """A text goes through the house model: each operation's numbers, what they are made of, and what they cost."""
    words = words_of.read(text, 2, LONGEST)
    place, i, name = min(place, len(words)) - 1, layer - 1, NAMES[step - 1]
    model, op = lm.load("target"), BY_NAME[name]
    seen = walk(model, words, u=np.random.default_rng(seed).random())
    names, law = decode(words), seen["law", None]
    top = np.argsort(-law[place].round(6), kind="stable")[:TOP]
    c = sizes(model, len(words))
    x = seen[name, layer_of(name, i)]
    return (
        Tokens(NAMES, shares(model, c), "cost",
               _told(op, step, i, head, names, place, seen, top), step - 1),
        table(name, seen, i, model, names, place, head - 1, top,
              lambda at: arithmetic(name, seen, i, model, at, names), _title(op, i, head, names, place)),
        Metrics(
            ("Shape", f"({', '.join(map(str, np.shape(x)))})", "", f"({', '.join(op.shape.split())})"),
            ("FLOP a layer" if op in LAYER else "FLOP", op.flops(c), "", _share(op, c, model)),
            ("Moved", moved(op, c), "bytes", "what it reads, its matrix and its result, once each, 4 bytes a number"),
        ),
        Listing(*_running(op)),
        Badge("All tensors that lm.forward lets us see: max|Δ|", against_forward(model, words, seen), 1e-6),
        Note("More:", to=(op.topic, DEEP[op.topic])),
    )  # fmt: skip


def _told(op, step, i, head, names, place, seen, top):
    """The caption of the line of operations."""
    where = f" in layer {i + 1}" if op in LAYER else ""
    return f"{step} of {len(NAMES)}{where}: {op.equation}. {_finding(op, i, head - 1, names, place, seen, top)}"


def _finding(op, i, h, names, place, seen, top):
    """What there is to see of an operation, for the word that is followed."""
    word, p = names[place], seen["law", None][place]
    if op.name in ("softmax", "scores", "mask"):
        row = seen["softmax", i][h, place]
        best = int(row.argmax())
        return f"“{word}” looks at “{names[best]}” most, with {100 * row[best]:.2f} % of head {h + 1}'s weight."
    if op.name in ("logits", "law"):
        return f"After “{word}” the likeliest word is “{decode(top[:1])[0]}”, with {100 * p[top[0]]:.2f} %."
    if op.name == "draw":
        return f"After the last word “{decode([int(seen['draw', None])])[0]}” was drawn."
    if op.name == "token":
        return f"“{word}” is {seen['token', None][place]}."
    x = seen[op.name, layer_of(op.name, i)]
    mine = x[place] if x.ndim == 2 else x[place, h % x.shape[1]]
    return f"“{word}”: {counted(mine.size, 'number')} of length {short(float(np.sqrt((mine * mine).sum())))}."


def _title(op, i, head, names, place):
    """What rows and columns of the table are."""
    shape, layer = op.shape.split(), f"layer {i + 1}, " if op in LAYER else ""
    if not shape:
        return "A word's number"
    if shape == ["T"]:
        return "A number for each word"
    if shape[0] == "H":
        return f"{op.name}, {layer}head {head}: rows ask, columns answer"
    if shape[-1] == "V":
        return f"{op.name}: a row for each word, columns are likely next words"
    if shape[-1] == "D":
        return f"{op.name}, {layer}head {head}: a column for each word"
    return f"{op.name}, {layer}of “{names[place]}”"


def shares(model, c):
    """The FLOP of each operation, all layers together, over those of the dearest."""
    flops = bill(model, c)
    return [flops[name] / max(flops.values()) for name in NAMES]


def _share(op, c, model):
    """How much of a whole pass's FLOP an operation takes, in all layers."""
    times = model.L if op in LAYER else 1
    whole = sum(bill(model, c).values())
    return f"{counted(times, 'time')} a pass: {100 * times * op.flops(c) / whole:.2g} % of its {whole:,} FLOP"


def _running(op):
    """The code in which an operation stands, the number of its line, and the function's name."""
    function, part = op.code
    lines = body(function)
    at = [n for n, each in enumerate(lines) if part in each]
    return "\n".join(lines), at[0], f"{function.__module__.removeprefix('topics.')}.{function.__name__}"


@cache
def body(function):
    """A function's lines without its docstring."""
    source = inspect.getsource(function)
    doc = function.__doc__
    if doc:
        start = source.index('"""')
        end = source.index('"""', start + 3) + 3
        source = source[:start].rstrip() + source[end:]
    return inspect.cleandoc(source).splitlines() if not source.startswith("def") else source.rstrip().splitlines()


SEEN_AS = {  # what lm.forward's see= calls the operations' results
    "attention_input": "attention norm", "q": "query", "k": "key", "v": "value", "scores": "scores",
    "attention": "softmax", "heads": "mixing", "attention_output": "output", "feed_input": "feed norm",
    "feed_hidden": "hidden", "feed_output": "down", "residual": "residual",
}  # fmt: skip


def against_forward(model, words, seen):
    """The largest difference between a walk and lm.forward, over all that see= shows and the logits."""
    off = []
    logits = lm.forward(model, words, see=lambda name, i, x: off.append(max_abs_difference(x, seen[SEEN_AS[name], i])))
    return max(*off, max_abs_difference(logits, seen["logits", None]))


# ---- the same walk in real models


@demo(
    S=LogSlider("Words of the text so far", 1, 131_072, value=8192),
    name=Choice("Model", TOLD, value="Gemma 4 31B"),
)
def in_real_models(S, name):
    """One more word through a real model: FLOP by operation, all layers together, counted from its configuration."""
    flops, m = written(name, S), costs.MODELS[name]
    whole, (weights, kept) = sum(flops.values()), costs.read(name, S)
    shown = {op: 100 * x / whole for op, x in flops.items() if x > 0.0005 * whole}
    first = sorted(shown, key=shown.get, reverse=True)
    return (
        Figure(
            [bars([shown[op] for op in reversed(shown)], list(reversed(shown)), "share", "cost", orientation="h")],
            x_title="Share of the word's FLOP (%)",
            y_title="",
            alt=f"{name}, one word after {S - 1:,}: {short(whole / 1e9)} billion FLOP. Most: "
            + ", ".join(f"{op} {shown[op]:.1f} %" for op in first[:5])
            + f". Matrices together {matrix_share(name, S):.0f} %.",
            height=60 + 24 * len(shown),
            xaxis={"rangemode": "tozero"},
            margin={"l": 120},
        ),
        Metrics(
            ("FLOP", whole / 1e9, "billion", "summed over the operations, all layers"),
            ("Over twice the parameters passed", whole / 2 / m.active, "",
             f"{whole:,} / (2 · {m.active:,}); a multiply-add is two FLOP"),
            ("Read", (weights + kept) / 1e9, "GB", f"{weights / 1e9:.1f} of parameters, {kept / 1e9:.2g} of keys and "
             "values, 2 bytes each"),
            ("FLOP a byte read", whole / (weights + kept), "", "an H100 does 295 in the time in which it reads one"),
        ),
        Note(f"{name}, published in {m.dated}: the walk passes {walked(name):,} of its {m.parameters:,} parameters. "
             + LEFT_OVER[name]),
    )  # fmt: skip


LEFT_OVER = {  # what the walk has no operation for: tests add it up
    "Llama-3.1-8B": "That is all.",
    "Llama-3.1-70B": "That is all.",
    "Qwen3-235B-A22B": "The others are gains that norm queries and keys.",
    "gpt-oss-120b": "The others are biases of attention and of the router, and a sink for each head. The experts' "
    "biases are among those walked; its gate is clamped.",
    "MiniMax-M2": "The others are gains that norm queries and keys.",
    "Gemma 4 31B": "The others are two more norms a layer, and gains that norm queries and keys. GELU bends its gate, "
    "counted as silu is; not counted are a norm of values, a factor for each layer and the cap of logits at 30.",
}


def matrix_share(name, S):
    """Percent of a word's FLOP that are products with matrices of parameters."""
    flops = written(name, S)
    weighty = [op.name for op in OPERATIONS if op.weights and "norm" not in op.name and op.name != "embedding"]
    return 100 * sum(x for op, x in flops.items() if op in [*weighty, "router"]) / sum(flops.values())
