"""Whole models rounded in three ways: `python -m training.recorded.quantization` (five minutes).

All 28 matrices of four house models that differ in their seeds, or in how long they learnt, are rounded in groups of 32
to nearest, by GPTQ and by AWQ, calibrated on 16 texts; judged on the 80 texts on which pages quote losses. Inputs are
those of the model at full precision, but for GPTQ in turn. Writes topics/quantization/recorded.py.
"""

from datetime import date
from pathlib import Path

import numpy as np

from topics.kit.model import lm
from topics.kit.model.losses import quoted_texts
from topics.kit.model.text import padded
from topics.quantization.laws import log_law, matrices, moved, some_texts
from topics.quantization.method import awq_scale, fake_quantize, gptq, output_error

HOUSE_MODELS = ("target", "heads8-1", "heads8-2", "heads8-3")
GROUP, CALIBRATION, SEED = 32, 16, 0
READ = {"q": "attention_input", "k": "attention_input", "v": "attention_input", "o": "heads", "gate": "feed_input",
        "up": "feed_input", "down": "feed_hidden"}  # fmt: skip
RUNS = Path("training/runs")
TO = Path("topics/quantization/recorded.py")


def exact(name):
    model = lm.read(RUNS / f"{name}.safetensors")
    return model.with_weights({key: w.astype(float) for key, w in model.weights.items()})


def inputs_of(model):
    """{(step, layer): (N, m)} on the texts to calibrate on."""
    words, _, real = some_texts(CALIBRATION, SEED)
    seen = {}

    def see(step, layer, x):
        if step in READ.values():
            seen[step, layer] = x.reshape(*x.shape[:2], -1)[real]

    log_law(model, words, see=see)
    return seen


def nearest(W, X, bits):
    return fake_quantize(W, bits, GROUP)


def by_gptq(W, X, bits):
    return gptq(W, X, bits, GROUP)


def by_awq(W, X, bits):
    s = awq_scale(W, X, bits, GROUP)
    return fake_quantize(W * s, bits, GROUP) / s


WAYS = {"nearest": nearest, "GPTQ": by_gptq, "AWQ": by_awq}
IN_TURN = "GPTQ in turn"


def in_turn(model, bits):
    """All matrices by GPTQ, each on the inputs that come through those before it, which are rounded already."""
    now = model
    for layer in range(model.L):
        for parts in (("q", "k", "v"), ("o",), ("gate", "up"), ("down",)):
            X = inputs_of(now)
            names = [f"{layer}.{part}" for part in parts]
            now = now.with_weights({name: by_gptq(model.weights[name], read_by(name, X), bits) for name in names})
    return {name: now.weights[name] for name in matrices(model)}


def measured(model, batch, full):
    """{(bits, way): (the law moved, the loss added, the mean error of outputs)}."""
    X, found = inputs_of(model), {}
    for bits in (4, 3, 2):
        for way in (*WAYS, IN_TURN):
            if way == IN_TURN:
                kept = in_turn(model, bits)
            else:
                kept = {name: WAYS[way](model.weights[name], read_by(name, X), bits) for name in matrices(model)}
            off = [output_error(model.weights[name], W, read_by(name, X)) for name, W in kept.items()]
            law, added = moved(log_law(model.with_weights(kept), batch[0]), full, batch)
            found[bits, way] = (round(law, 4), round(added, 4), round(float(np.mean(off)), 4))
            print(bits, way, found[bits, way], flush=True)
    return found


def read_by(name, X):
    """The inputs (N, m) of a matrix, of those that inputs_of gave."""
    layer, part = name.split(".")
    return X[READ[part], int(layer)]


def main():
    batch, rows = padded(quoted_texts()), {}
    for name in HOUSE_MODELS:
        model = exact(name)
        print(name, flush=True)
        rows[name] = measured(model, batch, log_law(model, batch[0]))
    lines = [
        f'    ({bits}, "{way}"): [{", ".join(str(rows[name][bits, way]) for name in HOUSE_MODELS)}],'
        for bits, way in rows[HOUSE_MODELS[0]]
    ]
    names = ", ".join(f'"{name}"' for name in HOUSE_MODELS)
    TO.write_text(
        f'"""Four house models, all matrices rounded in groups of {GROUP} in three ways.\n\n'
        f'Made on {date.today()} by `python -m training.recorded.quantization`.\n"""\n\n'
        f"HOUSE_MODELS = ({names})\n\n"
        "# (bits, way): of each model the law moved, the loss added (nats a word, 80 texts), mean error of outputs\n"
        "ROUNDED = {\n" + "\n".join(lines) + "\n}\n"
    )


if __name__ == "__main__":
    main()
