"""Where 6 N D comes from: the products that the house model really does, counted from its arrays."""

import numpy as np

from topics.kit import Choice, Figure, Metrics, Slider, Table, bars, demo, lm

PARTS = ("layers", "output", "attention")  # matrices of the layers, the output matrix, scores and mixing


def products(model, words):
    """FLOP of each kind of product in one pass over words (T,): {part: FLOP}, from the shapes of what was multiplied.

    A product of (T, in) with a matrix (out, in) takes 2 · T · in · out: a multiplication and an addition for each.
    """
    counted = dict.fromkeys(PARTS, 0)

    def see(name, layer, value):
        if name == "scores":  # (H, T, T): each a product of width D; mixing does as many again
            counted[PARTS[2]] += 2 * (2 * value.size * model.D)

    lm.forward(model, words, see=see)
    for name, w in model.weights.items():
        if w.ndim == 2:  # the embedding is looked up at the bottom, which takes no product, and multiplied at the top
            counted[PARTS[1] if name == "embedding" else PARTS[0]] += 2 * len(words) * w.size
    return counted


def parameters(model):
    """All parameters of a model of the kit."""
    return sum(w.size for w in model.weights.values())


@demo(
    "model",
    "target",
    "draft",
    T=Slider("Words in a text", 16, 128, value=64, step=16),
    name=Choice("Model", ("target", "draft"), value="target"),
)
def count_the_products(T, name):
    """FLOP of a training step on one text, counted, beside 6 N D. Target is the house model, draft a smaller one."""
    model = lm.load(name)
    words = np.arange(T) % model.V
    forward, N = products(model, words), parameters(model)
    total = 3 * sum(forward.values())
    rule_says = 6 * N * T
    figure = Figure(
        [
            bars(list(PARTS), [forward[part] / T / N for part in PARTS], "forwards", "key"),
            bars(list(PARTS), [2 * forward[part] / T / N for part in PARTS], "backwards", "gradient"),
        ],
        x_title="Product",
        y_title="FLOP a word and parameter",
        alt=f"{name}, {N:,} parameters, {T} words. FLOP a word and parameter, forwards and backwards together: "
        + ", ".join(f"{part} {3 * forward[part] / T / N:.2f}" for part in PARTS)
        + f"; in all {total / T / N:.2f}, where the rule says 6.",
        barmode="stack",
        yaxis={"range": [0, 6]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    metrics = Metrics(
        ("FLOP a word and parameter", f"{total / T / N:.2f}", "", "the rule says 6"),
        ("Counted over 6 N D", f"{total / rule_says:.3f}", ""),
    )
    rows = [(part, f"{forward[part]:,}", f"{2 * forward[part]:,}") for part in PARTS]
    table = Table(
        ("Product", "forwards", "backwards"),
        rows,
        f"FLOP for {T} words: the matrices of the layers, "
        "the output matrix, and attention's scores and mixing, which meet no parameter.",
    )
    return figure, metrics, table


def steps_flops(T, name="target"):
    """FLOP of a step a word and parameter, on a text of T words."""
    model = lm.load(name)
    return 3 * sum(products(model, np.arange(T) % model.V).values()) / T / parameters(model)
