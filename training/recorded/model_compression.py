"""Four house models in six ways of compression, judged by loss and six skills, and the draft taught by labels or by a
teacher: `python -m training.recorded.model_compression` (half an hour).

Writes topics/model_compression/recorded.py.
"""

from datetime import date
from itertools import product
from pathlib import Path

import numpy as np

from topics.kit.model import lm
from topics.kit.model.losses import floor, quoted_texts
from topics.kit.model.text import padded
from topics.model_compression import distil
from topics.model_compression.method import magnitude_prune
from topics.model_compression.skills import KEPT, SIZES, WAYS, inputs_of, judged, matrices, rounded, smaller
from training.recorded.kept import kept

HOUSE_MODELS = ("target", "heads8-1", "heads8-2", "heads8-3")
RUNS = Path("training/runs")
STEPS = 40  # of a student
TO = Path("topics/model_compression/recorded.py")


def by_blas(x, W):
    """lm.linear with a BLAS, which the pages do not have: the same up to rounding, and quicker here."""
    return x @ W.T


def above(model):
    """Nats a word above the floor on the 80 quoted texts, ten at a time, of about one length."""
    texts = sorted(quoted_texts(), key=lambda each: len(each.words))
    total = words = 0
    for start in range(0, len(texts), 10):
        numbers, targets, real = padded(texts[start : start + 10])
        z = lm.forward(model, numbers).astype(float)
        z -= z.max(-1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
        total -= float(np.take_along_axis(log_p, targets[..., None], -1)[..., 0][real].sum())
        words += int(real.sum())
    return total / words - floor(texts)


def measured(model):
    """[loss above the floor, {skill: (a word, whole texts, words)}]."""
    skills = {}
    for kind, n in KEPT.items():
        skills |= {skill: tuple(round(x, 4) for x in each) for skill, each in judged(model, kind, n).items()}
    return [round(above(model), 4), skills]


def compressed(name, way, size):
    model = lm.read(RUNS / f"{name}.safetensors")
    if way == "as it is":
        return [16.0, *measured(model)]
    inputs = inputs_of(model) if "fitted" in way else None
    small, bits = smaller(model, way, size, inputs)
    return [round(bits, 3), *measured(small)]


def taught(name, texts, seed):
    """[(step, loss above the floor, words accepted)] of a student."""
    marks = [(0, *distil.judged_student(lm.load(distil.STUDENT)))]
    for t, student in enumerate(distil.runs(name, texts, seed, STEPS), 1):
        if t % distil.EVERY == 0:
            marks.append((t, *distil.judged_student(student)))
    return [(t, round(loss, 4), round(accepted, 4)) for t, loss, accepted in marks]


def both_orders(name, share=0.3):
    """The loss above the floor of a model pruned, then rounded to 4 bits; and rounded, then pruned."""
    model = lm.read(RUNS / f"{name}.safetensors")
    exact = {key: model.weights[key].astype(float) for key in matrices(model)}
    kept = (
        {key: rounded(magnitude_prune(W, share), 4) for key, W in exact.items()},
        {key: magnitude_prune(rounded(W, 4), share) for key, W in exact.items()},
    )
    return [round(above(model.with_weights({key: W.astype(np.float32) for key, W in each.items()})), 4)
            for each in kept]  # fmt: skip


def settings():
    return [("as it is", 16.0), *((way, size) for way in WAYS for size in SIZES)]


def ways_of(name):
    """{(way, size): [bits, loss, skills]} of a model."""
    plain, lm.linear = lm.linear, by_blas
    try:
        with kept(f"model_compression-{name}") as (_, once):
            return {each: once(f"{each[0]} {each[1]}", compressed, name, *each) for each in settings()}
    finally:
        lm.linear = plain


def students():
    """{"how, texts, seed": marks}."""
    ways = product((distil.LABELS, distil.LAWS), (distil.AGAIN, distil.NEW), range(3))
    return {f"{how}, {texts}, {seed}": taught(how, texts, seed) for how, texts, seed in ways}


def write(found, learnt, orders):
    """found: {model: ways_of(model)}; learnt: students(); orders: {model: both_orders(model)}."""
    ways, first = ["as it is", *WAYS], found[HOUSE_MODELS[0]]
    at = {way: [size for each, size in settings() if each == way] for way in ways}
    lines = [
        f'"""Made on {date.today()} by `python -m training.recorded.model_compression`: see there."""\n',
        "# bits that a weight takes, by way and size",
        "BITS = {",
        *(f'    "{way}": {[round(first[way, size][0], 2) for size in at[way]]},' for way in ways),
        "}",
        "# {model: {way: loss above the floor at each size}}, nats a word, 80 texts",
        "LOSS = {",
    ]
    for name in found:
        lines += [f'    "{name}": {{']
        lines += [f'        "{way}": {[found[name][way, size][1] for size in at[way]]},' for way in ways]
        lines += ["    },"]
    lines += ["}", "# words of an answer, by skill", "WORDS_OF = {"]
    lines += [f'    "{skill}": {n:.1f},' for skill, (_, _, n) in first[ways[0], 16.0][2].items()]
    lines += ["}", "# {(model, way): {skill: [(words right, whole texts right) at each size]}}, of 1,000", "SKILL = {"]
    for name in found:
        for way in ways:
            lines += [f'    ("{name}", "{way}"): {{']
            for skill in first[ways[0], 16.0][2]:
                of = (found[name][way, size][2][skill] for size in at[way])
                lines += [f'        "{skill}": [{", ".join(f"({1000 * p:.0f}, {1000 * w:.0f})" for p, w, _ in of)}],']
            lines += ["    },"]
    lines += ["}", f"# {{how, texts, seed: (losses above the floor, words accepted)}}, of 1,000, every {distil.EVERY} "
              "steps", "STUDENTS = {"]  # fmt: skip
    for run, marks in learnt.items():
        lines += [f'    "{run}": (']
        lines += [f"        {[round(1000 * mark[i]) for mark in marks]}," for i in (1, 2)]
        lines += ["    ),"]
    lines += ["}", "# {model: loss above the floor, pruned by 30 % then rounded to 4 bits; rounded, then pruned}"]
    lines += ["ORDER = {", *(f'    "{name}": {pair},' for name, pair in orders.items()), "}", ""]
    TO.write_text("\n".join(lines))


if __name__ == "__main__":
    write(
        {name: ways_of(name) for name in HOUSE_MODELS}, students(), {name: both_orders(name) for name in HOUSE_MODELS}
    )
