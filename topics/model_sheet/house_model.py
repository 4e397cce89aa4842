"""The house model's own sheet, and its FLOP, counted while numpy computes them."""

import numpy as np

from topics.kit import Badge, Figure, LogSlider, Metrics, Table, Toggle, bars, demo, lm
from topics.kit.model.autograd import Tensor, cross_entropy, gradients
from topics.kit.page.words import counted
from topics.kit.real.sheets.reader import read
from topics.kit.real.sheets.sheet import met_flops, product_flops
from topics.model_sheet.method import counted_flops


def config_of(model):
    """What a config.json of the house model would say."""
    return {
        "model_type": "llama",
        "hidden_size": model.d,
        "num_hidden_layers": model.L,
        "num_attention_heads": model.H,
        "num_key_value_heads": model.H_kv,
        "head_dim": model.D,
        "intermediate_size": model.F,
        "vocab_size": model.V,
        "max_position_embeddings": 128,
        "tie_word_embeddings": True,
    }


@demo(
    "model",
    "target",
    T=LogSlider("Words", 8, 128, value=64),
    cached=Toggle("One word after the other, with a cache"),
)
def counted_while_it_runs(T, cached):
    """The FLOP of the house model's products, counted in numpy, beside what its sheet says."""
    model = lm.load("target")
    s = read(config_of(model))
    words = np.arange(T) % model.V
    forward, _ = counted_flops(lambda: _write(model, words) if cached else lm.forward(model, words))
    matrices = T * sum(product_flops(s).values())
    pairs = sum(met_flops(s, t if cached else T) for t in range(1, T + 1))
    back = 0 if cached else counted_flops(lambda: _learn(model, words))[0] - forward
    rows = [
        ("matrices", matrices / 1e6),
        ("scores and mixing", pairs / 1e6),
        ("together", (matrices + pairs) / 1e6),
        ("counted, forwards", forward / 1e6),
        ("counted, backwards", back / 1e6 if back else "–"),
    ]
    six = 6 * s.active * T / 1e6
    told = f"Forwards {forward / 1e6:.1f} MFLOP" + (f", backwards {back / 1e6:.1f}" if back else "")
    figure = Figure(
        [
            bars(["by the sheet", "counted"], [matrices / 1e6, 0], "matrices", "weight", text=["matrices", ""]),
            bars(
                ["by the sheet", "counted"],
                [pairs / 1e6, 0],
                "scores and mixing",
                "cost",
                text=["scores and mixing", ""],
            ),
            bars(["by the sheet", "counted"], [0, forward / 1e6], "counted forwards", "output", text=["", "forwards"]),
            bars(
                ["by the sheet", "counted"],
                [0, back / 1e6],
                "counted backwards",
                "gradient",
                text=["", "backwards" if back else ""],
            ),
        ],
        y_title="MFLOP",
        alt=f"{counted(T, 'word')} through the house model. By the sheet: matrices {matrices / 1e6:.1f} MFLOP, scores "
        f"and mixing {pairs / 1e6:.1f}. Counted while numpy computed: {told}.",
        barmode="stack",
        showlegend=False,
    )
    stored = sum(w.size for w in model.weights.values())
    return (
        figure,
        Metrics(
            ("Parameters, by the sheet", s.parameters, "", "from the sizes alone"),
            ("Numbers in the weights", stored, "", "the arrays' lengths, added up"),
            ("Forwards and backwards", (forward + back) / 1e6, "MFLOP", f"6 a parameter and word would be {six:.1f}"),
        ),
        Table(("", "MFLOP"), rows, f"{counted(T, 'word')}, " + ("with a cache." if cached else "all at once.")),
        Badge("Counted forwards, less the sheet's", abs(forward - matrices - pairs), 0),
    )


def _write(model, words):
    """Passes word after word, each on top of the cache."""
    cache = lm.new_cache(model)
    for word in words:
        lm.forward(model, [word], cache)


def _learn(model, words):
    """The gradients of one text."""
    weights = {name: Tensor(w) for name, w in model.weights.items()}
    loss = cross_entropy(lm.forward(model.with_weights(weights), words), words, np.ones(len(words)))
    gradients(loss, list(weights.values()))


def counted_over_six(T):
    """For the page's text: FLOP counted forwards and backwards over 6 a parameter and word; backwards over forwards."""
    model = lm.load("target")
    words = np.arange(T) % model.V
    forward, _ = counted_flops(lambda: lm.forward(model, words))
    both, _ = counted_flops(lambda: _learn(model, words))
    return both / (6 * read(config_of(model)).active * T), (both - forward) / forward
