"""What the house model costs where it runs: read by bench/model.py, run by Pyodide. Prints nothing; answers JSON."""

import json
import time
from itertools import repeat

import numpy as np

from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.language import CONTEXT
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import matrices_of, new_model, next_token_loss, train, windows

RANK, MATRICES = 4, ("q", "v")  # as the LoRA paper adapts GPT-3 (arXiv 2106.09685)


def milliseconds(work, repeats):
    """The median time of one call, and all of them."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return {"median": float(np.median(times)), "all": [round(t, 2) for t in times]}


def measure(repeats=7):
    model = lm.load("target")
    rng = np.random.default_rng(0)
    prompt = rng.integers(0, model.V, CONTEXT)

    def generated():  # half the context written, the other half read before
        cache = lm.new_cache(model)
        lm.forward(model, prompt[: CONTEXT // 2], cache)
        began = time.perf_counter()
        for word in prompt[CONTEXT // 2 :]:
            lm.forward(model, [word], cache)
        return 1000 * (time.perf_counter() - began) / (CONTEXT // 2)

    generated()
    tokens = [generated() for _ in range(repeats)]
    long = [text for text in held_out(300) if len(text.words) > 64][:8]
    words, targets = (each[:, :64] for each in padded(long)[:2])
    assert words.shape == (8, 64)
    adapters = {}
    for i in range(model.L):
        for name in MATRICES:
            out, into = model.weights[f"{i}.{name}"].shape
            adapters[f"{i}.{name}.A"] = rng.normal(0, 0.02, (RANK, into)).astype(np.float32)
            adapters[f"{i}.{name}.B"] = np.zeros((out, RANK), np.float32)

    def adapted_loss(tensors, batch):
        adapted = {
            f"{i}.{name}": model.weights[f"{i}.{name}"] + tensors[f"{i}.{name}.B"] @ tensors[f"{i}.{name}.A"]
            for i in range(model.L)
            for name in MATRICES
        }
        return cross_entropy(lm.forward(model.with_weights(adapted), batch), targets)

    lora = train(adapters, adapted_loss, repeat(words), 1e-3)
    small = new_model(rng, V=64, d=32, L=2, H=4, D=8, F=96)  # about what a page trains on a reader's text
    scratch = train(
        small.weights, next_token_loss(small), windows(rng.integers(0, 64, 3000), 32, 8, rng), 1e-2, matrices_of(small)
    )

    return {
        "token": {"median": float(np.median(tokens)), "all": [round(t, 2) for t in tokens]},
        "prompt": milliseconds(lambda: lm.forward(model, prompt), repeats),
        "lora": milliseconds(lambda: next(lora), 3),
        "scratch": milliseconds(lambda: next(scratch), repeats),
    }


json.dumps(measure())
