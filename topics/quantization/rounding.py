"""Three ways to round one matrix of the house model, judged by its weights and by its outputs."""

from functools import cache

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Seed, Slider, Table, bars, demo
from topics.quantization.laws import full_model, log_law, some_texts
from topics.quantization.method import awq_scale, fake_quantize, gptq, output_error, weight_error

MATRICES = {
    "query, layer 1": ("0.q", "attention_input", 0),
    "gate, layer 1": ("0.gate", "feed_input", 0),
    "output, layer 2": ("1.o", "heads", 1),
    "down, layer 4": ("3.down", "feed_hidden", 3),
}
REAL, SHUFFLED = "as they are", "each channel shuffled"
GROUP, CALIBRATION, JUDGED = 32, 16, 8  # weights of a group; texts
NEAREST, GPTQ, AWQ = "nearest", "GPTQ", "AWQ"


@demo(
    "model",
    "target",
    bits=Slider("Bits of a code", 2, 4, value=3),
    which=Choice("Matrix", tuple(MATRICES), value="gate, layer 1"),
    inputs=Choice("Inputs", (REAL, SHUFFLED), value=REAL),
    seed=Seed("Texts"),
)
def three_roundings(bits, which, inputs, seed):
    """One matrix in groups of 32, rounded to nearest, by GPTQ and by AWQ: errors of its weights and of its outputs."""
    W = full_model().weights[MATRICES[which][0]]
    X, fresh = inputs_of(which, CALIBRATION, seed, inputs), inputs_of(which, JUDGED, seed + 100, inputs)
    kept = {
        NEAREST: fake_quantize(W, bits, GROUP),
        GPTQ: gptq(W, X, bits, GROUP),
        AWQ: _by_awq(W, X, bits),
    }
    weights = {way: 100 * weight_error(W, V) for way, V in kept.items()}
    outputs = {way: 100 * output_error(W, V, fresh) for way, V in kept.items()}
    return (
        Figure(
            [
                bars(list(kept), list(weights.values()), "of the weights", "weight", text=_percent(weights)),
                bars(list(kept), list(outputs.values()), "of the outputs", "output", text=_percent(outputs)),
            ],
            y_title="Error (% of the length)",
            alt=f"{which}, {bits} bits, groups of 32, inputs {inputs}. Error of the weights and of the outputs: "
            + ", ".join(f"{way} {weights[way]:.1f} and {outputs[way]:.1f} %" for way in kept)
            + ".",
            barmode="group",
            yaxis={"range": [0, 1.2 * max(*weights.values(), *outputs.values())]},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(
            ("GPTQ's output error", outputs[GPTQ] / outputs[NEAREST], "× nearest's"),
            ("Its weight error", weights[GPTQ] / weights[NEAREST], "× nearest's"),
            (
                "Inputs in one direction",
                _first_direction(X),
                "% of their squares",
                "largest eigenvalue of XᵀX / their sum",
            ),
        ),
        Table(
            ("Inputs", "Words", "Used for"),
            [(f"{CALIBRATION} texts", len(X), "choosing codes"), (f"{JUDGED} other texts", len(fresh), "the bars")],
        ),
        Note(
            "Shuffled, a channel's inputs have the sizes they had, but say nothing of other channels'."
            if inputs == SHUFFLED
            else "GPTQ is judged on texts that it has not seen."
        ),
    )


def _percent(errors):
    return [f"{x:.1f}" for x in errors.values()]


def _by_awq(W, X, bits):
    s = awq_scale(W, X, bits, GROUP)
    return fake_quantize(W * s, bits, GROUP) / s


def _first_direction(X):
    """How much of the inputs' squares lies along their first principal direction, in percent."""
    values = np.linalg.eigvalsh(X.T @ X)
    return 100 * float(values[-1] / values.sum())


@cache
def inputs_of(which, texts, seed, inputs=REAL):
    """What comes into a matrix on some texts: (N, m)."""
    _, step, layer = MATRICES[which]
    words, _, real = some_texts(texts, seed)
    seen = []

    def see(name, i, x):
        if (name, i) == (step, layer):
            seen.append(x.reshape(*x.shape[:2], -1)[real])

    log_law(full_model(), words, see=see)
    if inputs == SHUFFLED:
        rng = np.random.default_rng(seed)
        return np.stack([rng.permutation(channel) for channel in seen[0].T], 1)
    return seen[0]
