"""What the page on structured pruning shows beside the house model: what goes together, and what a cut saves."""

import numpy as np

from topics.kit import (
    GB,
    GPUS,
    Badge,
    Choice,
    Figure,
    Metrics,
    Note,
    Slider,
    Table,
    Toggle,
    bars,
    demo,
    max_abs_difference,
    softmax,
)
from topics.kit.page.words import counted, short
from topics.kit.real.models import PLAIN

# ---- one block


WIDTH, BLOCK_HEADS, EACH, BLOCK_NEURONS, WORDS = 8, 4, 4, 12, 5
NEURON, ONE_OF_EACH, GROUP, CHANNEL = "neurons", "a query head of each group", "whole groups", "channels of the stream"
# of each part its matrices, and which axis of them is cut; the last is what "Break it" forgets to cut as the others
TOGETHER = {
    NEURON: {"gate": 0, "up": 0, "down": 1},
    ONE_OF_EACH: {"q": 0, "o": 1},
    GROUP: {"q": 0, "k": 0, "v": 0, "o": 1},
    CHANNEL: {"q": 1, "k": 1, "v": 1, "o": 0, "gate": 1, "up": 1, "down": 0, "embedding": 1},
}
SIZES = {
    "q": (BLOCK_HEADS * EACH, WIDTH),
    "o": (WIDTH, BLOCK_HEADS * EACH),
    "gate": (BLOCK_NEURONS, WIDTH),
    "up": (BLOCK_NEURONS, WIDTH),
    "down": (WIDTH, BLOCK_NEURONS),
    "embedding": (20, WIDTH),
}


@demo(
    k=Slider("How many go", 1, 3, value=1),
    part=Choice("What goes", tuple(TOGETHER), value=NEURON),
    H_kv=Choice("Key/value heads", (4, 2), value=2),
    broken=Toggle("Break it: cut the wrong end of one matrix"),
)
def what_goes_together(k, part, H_kv, broken):
    """A small block, some of it away: which matrices lose rows or columns, and does it say what it said masked?"""
    block = _block(H_kv)
    gone = _gone(part, k, H_kv)
    small, masked = sliced(block, part, gone, H_kv, broken), silenced(block, part, gone, H_kv)
    before, after = (sum(w.size for w in each.values()) for each in (block, small))
    words = np.random.default_rng(1).integers(0, len(block["embedding"]), WORDS)
    apart = max_abs_difference(_says(small, words), _says(masked, words)[:, _left(part, gone)])
    last = list(TOGETHER[part])[-1]
    rows = [(name, "×".join(map(str, block[name].shape)), "×".join(map(str, small[name].shape)),
             ("rows", "columns")[axis] if not (broken and name == last) else "the wrong end")
            for name, axis in TOGETHER[part].items()]  # fmt: skip
    return (
        Figure(
            [
                bars(list(block), [w.size for w in block.values()], "before", "reference"),
                bars(list(block), [small[name].size for name in block], "after", "weight"),
            ],
            y_title="Numbers",
            alt=f"Without {_counted(part, gone)} the block has {after} numbers of {before}; cut are "
            f"{', '.join(TOGETHER[part])}.",
            barmode="group",
            height=250,
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Table(("Matrix", "before", "after", "loses"), rows),
        Metrics(("Numbers left", 100 * after / before, "%", f"{after} / {before}")),
        Badge("Sliced against masked: max|Δ|", apart, 1e-12, may_fail=True),
        _together_note(part, gone, H_kv, broken, last),
    )


def _gone(part, k, H_kv):
    """The places that go, counted in the part's own units; at least one stays."""
    if part == ONE_OF_EACH:
        return np.arange(min(k, BLOCK_HEADS // H_kv - 1))  # of each group
    return np.arange(min(k, {NEURON: BLOCK_NEURONS, GROUP: H_kv, CHANNEL: WIDTH}[part] - 1))


def _counted(part, gone):
    if part == ONE_OF_EACH:
        return f"{counted(len(gone), 'query head')} of each group"
    return counted(len(gone), {NEURON: "neuron", GROUP: "group", CHANNEL: "channel"}[part])


def _block(H_kv):
    rng = np.random.default_rng(0)
    sizes = SIZES | {"k": (H_kv * EACH, WIDTH), "v": (H_kv * EACH, WIDTH)}
    return {
        name: 0.3 * rng.normal(size=sizes[name]) for name in ("embedding", "q", "k", "v", "o", "gate", "up", "down")
    }


def _places(name, part, gone, H_kv):
    """Which rows or columns of a matrix belong to what goes."""
    if part in (NEURON, CHANNEL):
        return gone
    share = BLOCK_HEADS // H_kv
    if part == ONE_OF_EACH:
        heads = (np.arange(H_kv)[:, None] * share + gone).ravel()
    else:
        heads = gone if name in "kv" else (gone[:, None] * share + np.arange(share)).ravel()
    return (heads[:, None] * EACH + np.arange(EACH)).ravel()


def sliced(block, part, gone, H_kv, broken=False):
    """The block with rows and columns away.

    broken  of the last matrix the same number, but from the wrong end
    """
    small, last = dict(block), list(TOGETHER[part])[-1]
    for name, axis in TOGETHER[part].items():
        places = _places(name, part, gone, H_kv)
        if broken and name == last:
            places = block[name].shape[axis] - 1 - places
        small[name] = np.delete(block[name], places, axis)
    return small


def silenced(block, part, gone, H_kv):
    """The whole block in which what goes says nothing: zeros where it would be added, or read."""
    masked = {name: w.copy() for name, w in block.items()}
    for name in {NEURON: ["down"], ONE_OF_EACH: ["o"], GROUP: ["o"], CHANNEL: list(TOGETHER[CHANNEL])}[part]:
        places = _places(name, part, gone, H_kv)
        masked[name][(places,) if TOGETHER[part][name] == 0 else (slice(None), places)] = 0
    return masked


def _left(part, gone):
    return np.setdiff1d(np.arange(WIDTH), gone) if part == CHANNEL else np.arange(WIDTH)


def _says(w, words):
    """Words through the block, without norms: (T, d)."""
    x = w["embedding"][words]  # (T, d)
    share = len(w["q"]) // len(w["k"])
    q, k, v = ((x @ w[name].T).reshape(len(x), -1, EACH) for name in "qkv")
    heads = [softmax(q[:, h] @ k[:, h // share].T / EACH**0.5) @ v[:, h // share] for h in range(q.shape[1])]
    x = x + np.concatenate(heads, 1) @ w["o"].T
    gate = x @ w["gate"].T
    return x + (gate / (1 + np.exp(-gate)) * (x @ w["up"].T)) @ w["down"].T


def _together_note(part, gone, H_kv, broken, last):
    if not len(gone):
        return Note("With four key/value heads each group is one query head: none can go without its group.")
    if broken:
        return Note(f"All shapes fit and nothing fails aloud, but {last} keeps numbers that belong to what went.",
                    "warning")  # fmt: skip
    if part == GROUP and H_kv < BLOCK_HEADS:
        return Note("A key/value head goes with all queries that read it, so H over H_kv stays what it was.")
    if part == CHANNEL:
        return Note("The stream runs through everything: one channel is cut out of every matrix, of the norms and of "
                    "the embedding, in all layers at once. The block here has no norms.")  # fmt: skip
    return Note("What goes takes its rows where it is computed and its columns where it is read.")


# ---- real models

TOKENS = 8192


@demo(
    F=Slider("Neurons kept", 25, 100, value=64, step=1, unit="%"),
    d=Slider("Width kept", 50, 100, value=75, step=25, unit="%"),
    L=Slider("Layers kept", 25, 100, value=100, step=25, unit="%"),
    name=Choice("Model", ("Llama-3.1-8B", "Llama-2-7B", "Llama-3.1-70B"), value="Llama-3.1-8B"),
    gpu=Choice("GPU", ("A100", "H100", "H200", "B200"), value="H100"),
)
def cut_a_real_model(F, d, L, name, gpu):
    """Parameters, cache and time for a token of a real model whose layers, width or neurons are cut."""
    model, kept = PLAIN[name], shapes(name, F, d, L)
    before, after = parameters(model, shapes(name, 100, 100, 100)), parameters(model, kept)
    caches = [cache_of(model, layers) for layers in (model.L, kept[0])]
    times = [1000 * (2 * (n - lookups) + cached) / GPUS[gpu].bandwidth
             for (n, lookups), cached in zip((before, after), caches, strict=True)]  # fmt: skip
    left = [100 * after[0] / before[0], 100 * caches[1] / caches[0], 100 * times[1] / times[0]]
    return (
        Figure(
            [bars(["parameters", "cache", "time a token"], left, "left", "weight", text=[f"{x:.0f} %" for x in left])],
            y_title="Left of the whole model (%)",
            alt=f"{name} with {kept[0]} layers, width {kept[1]:,} and {kept[2]:,} neurons a layer: left are "
            f"{left[0]:.0f} % of the parameters, {left[1]:.0f} % of the cache, {left[2]:.0f} % of the time a token.",
            yaxis={"range": [0, 118]},
            height=270,
        ),
        Metrics(
            ("Parameters", after[0] / 1e9, "10⁹", "embeddings + L · (d · D · (2H + 2H_kv) + 3dF + 2d) + d"),
            ("Shape", f"{kept[0]} layers, d {kept[1]:,}, F {kept[2]:,}", ""),
            (f"Cache of {TOKENS:,} tokens", caches[1] / GB, "GB", "2 · L · H_kv · D · 2 bytes a token"),
            ("Time a token, one user", times[1], "ms", "weights and cache in BF16, read once"),
        ),
        Note(_real_note(L, F, d) + _does_it_fit(2 * after[0] + caches[1], GPUS[gpu], gpu)),
    )


def shapes(name, F, d, L):
    """Layers, width and neurons that stay, of percentages; neurons in multiples of 512."""
    model = PLAIN[name]
    neurons = model.F if F == 100 else 512 * round(model.F * F / 51_200)
    return round(model.L * L / 100), model.d * d // 100, neurons


def parameters(model, kept):
    """All parameters of a cut Llama, and those that are only looked up."""
    L, d, F = kept
    attention = d * model.D * (2 * model.H + 2 * model.H_kv)
    return 2 * model.vocabulary * d + L * (attention + 3 * d * F + 2 * d) + d, model.vocabulary * d


def cache_of(model, L):
    return 2 * L * model.H_kv * model.D * 2 * TOKENS


def _real_note(L, F, d):
    if L < 100 and (F < 100 or d < 100):
        return "Layers take their cache along; neurons and width leave it as it is."
    if L < 100:
        return "A layer takes its cache along, and all that stands in it must be done one after the other."
    return "Heads are whole, so the cache is as it was. To shrink it, cut groups of heads or layers."


def _does_it_fit(bytes_needed, gpu, name):
    if bytes_needed <= gpu.memory:
        return ""
    return f" Weights and cache are {bytes_needed / GB:.0f} GB: more than one {name} holds; the time is as if it did."


def billions(name, F=100, d=100, L=100):
    """For the page's text."""
    return parameters(PLAIN[name], shapes(name, F, d, L))[0] / 1e9


def percent(x):
    return short(100 * x)
