"""What experts do, over seeds: `python -m training.recorded.moe` (ten minutes).

Three mixtures of the family, alike but for the seed: what a word's first expert tells about the word, its class and its
kind of text, how even the load is, what other numbers of experts, dice in the router's place and an expert switched off
cost, what is dropped, and how many experts a batch touches. Then the small mixture of the page, by balancing and seed.
Writes topics/moe/recorded.py.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from topics.kit.model import lm
from topics.kit.model.losses import floor, quoted_texts, word_losses
from topics.kit.model.text import encode, held_out
from topics.moe import house_model
from topics.moe.method import expert_capacity, load_balancing_loss, load_of, top_k_router, within_capacity
from topics.moe.toy import BIAS, LOSS, NONE, alive_of, state_of, train_toy
from topics.moe.words import class_of, information
from training.recorded.kept import kept

MODELS = ("mixture", "mixture-2", "mixture-3")
RUNS, TO = Path("training/runs"), Path("topics/moe/recorded.py")
FACTORS = (1.0, 1.25, 1.5, 2.0)
TOYS = ((NONE, "middle", 0), (LOSS, "middle", 0), (BIAS, "middle", 0), (LOSS, "middle", 300), (BIAS, "middle", 300),
        (LOSS, "weak", 300), (BIAS, "weak", 300))  # fmt: skip


def mixture(name):
    return lm.read(RUNS / f"{name}.safetensors")


def routes_of(model, texts):
    """The routers' probabilities of texts: a list of (L, T, E)."""
    found = []
    for text in texts:
        layers = []

        def see(step, _, p, layers=layers):
            if step == "router":
                layers.append(p)

        lm.forward(model, encode(text.words), see=see)
        found.append(np.array(layers, float))
    return found


def told(name):
    """By layer: nats of uncertainty of the first expert, and how much of it word, class, kind of text, a shuffled word,
    a shuffled class and a shuffled kind tell, of 200 texts; then class and kind together; then entropy of the load over
    ln 8, and the balance loss."""
    texts = held_out(200, start=2000)
    routes, rng = routes_of(mixture(name), texts), np.random.default_rng(0)
    words = [w for t in texts for w in t.words]
    classes, kinds = [class_of(w) for w in words], [t.words[1] for t in texts for _ in t.words]
    mixed, rows = rng.permutation(len(words)), []
    for layer in range(4):
        p = np.concatenate([r[layer] for r in routes])
        first, (chosen, _) = p.argmax(1), top_k_router(p, 2)
        load = load_of(chosen, 8)
        both = [f"{a} {b}" for a, b in zip(classes, kinds, strict=True)]
        columns = [
            first,
            words,
            classes,
            kinds,
            *([column[i] for i in mixed] for column in (words, classes, kinds)),
            both,
        ]
        even = float(-(load * np.log(load)).sum() / np.log(8))
        rows.append([round(x, 3) for x in (*(information(first, c) for c in columns), even,
                                           float(load_balancing_loss(p, chosen)))])  # fmt: skip
    return rows


def excess(model, texts, see=None):
    return float(np.concatenate([word_losses(model, t.words, see=see) for t in texts]).mean()) - floor(texts)


def by_number(name):
    """Nats above the floor with 1, 2, 3, 4 and 8 experts for a word, 80 texts; and with dice, three draws, 20 texts."""
    model, texts = mixture(name), quoted_texts()
    numbers = [round(excess(replace(model, active=k), texts), 4) for k in (1, 2, 3, 4, 8)]
    dice = []
    for seed in range(3):
        rng = np.random.default_rng(seed)

        def see(step, _, p, rng=rng):
            return rng.random(p.shape).astype(p.dtype) if step == "router" else None

        dice.append(round(excess(model, texts[:20], see), 3))
    return numbers, dice


def one_off(name):
    """[layer][expert]: nats more without it, 20 texts."""
    model, texts = mixture(name), quoted_texts()[:20]
    base, rows = excess(model, texts), []
    for layer in range(4):
        row = []
        for e in range(8):

            def see(step, i, p, layer=layer, e=e):
                return np.where(np.arange(8) == e, 0, p) if step == "router" and i == layer else None

            row.append(round(excess(model, texts, see) - base, 3))
        rows.append(row)
    return rows


def dropped(name):
    """% of choices dropped by FACTORS in batches of 96 words, mean of the layers, and the busiest expert's load over an
    even one: 20 batches of words of 24 texts, and five texts of each kind in house_model.LONG."""
    model, rows = mixture(name), {}
    pool, rng = np.concatenate(routes_of(model, held_out(24)), 1), np.random.default_rng(0)
    draws = [pool[:, rng.integers(0, pool.shape[1], 96)] for _ in range(20)]
    batches = {house_model.MANY: draws}
    for kind, numbers in house_model.LONG.items():
        batches[kind] = [p[:, :96] for i in numbers for p in routes_of(model, held_out(1, start=i))]
    for kind, each in batches.items():
        found = []
        for p in each:
            for layer in range(4):
                chosen, _ = top_k_router(p[layer], 2)
                lost = [
                    100 * float(np.mean(~within_capacity(chosen, 8, expert_capacity(96, 8, 2, f)))) for f in FACTORS
                ]
                found.append([*lost, 8 * float(load_of(chosen, 8).max())])
        rows[kind] = np.mean(found, 0).round(2).tolist()
    return rows


def lost(name):
    """Nats more on 40 texts if each text is a batch and choices beyond the capacity at FACTORS are dropped."""
    model, texts = mixture(name), quoted_texts()[:40]
    found = []
    for factor in (None, *FACTORS):
        losses = []
        for text in texts:
            words = encode(text.words)
            logits = house_model.through(model, words[:-1], factor)
            losses += [house_model.loss_of(logits, words[1:])] * (len(words) - 1)
        found.append(float(np.mean(losses)))
    return [round(x - found[0], 4) for x in found[1:]]


def touches(name):
    """[layer] (words of many texts, words in a row), by house_model.BATCHES."""
    texts = held_out(house_model.TEXTS)
    routes, rng, rows = routes_of(mixture(name), texts), np.random.default_rng(0), []
    for layer in range(4):
        marks = [(top_k_router(r[layer], 2)[0][:, :, None] == np.arange(8)).any(1) for r in routes]
        rows.append([x.round(2).tolist() for x in map(np.array, house_model.counts_of(marks, rng))])
    return rows


def toy(balancing, strength, start):
    """Eight seeds: (alive after 300 steps, alive at the end, loss at the end)."""
    found = []
    for seed in range(8):
        steps = list(train_toy(seed, balancing, strength, start))
        loss, load = state_of(steps)
        found.append((alive_of(state_of(steps[:300])[1]), alive_of(load), round(loss, 4)))
    return found


def main():
    with kept("moe") as (_, once):
        toys = {f"{b}, {s}, from {t}": once(f"toy {b} {s} {t}", toy, b, s, t) for b, s, t in TOYS}
        parts = {
            "TOLD": (told, "model: [layer] first expert's uncertainty, told by word, class, kind, shuffled word,\n"
                           "# class, kind, by class and kind together (nats); load's entropy / ln 8, balance loss"),
            "BY_NUMBER": (by_number, "model: nats above the floor with 1, 2, 3, 4, 8 experts a word, and with dice"),
            "ONE_OFF": (one_off, "model: [layer][expert] nats more without that expert"),
            "DROPPED": (dropped, "model: % of choices dropped at the factors, and the busiest load over an even one"),
            "LOST": (lost, "model: nats more with what is dropped at the factors, each text a batch"),
            "TOUCHED": (touches, "model: [layer] experts touched by 1, 2, 4, … 32 words of many texts, in a row"),
        }  # fmt: skip
        text = ['"""What experts do, over seeds.', "", f"Made on {date.today()} by `python -m training.recorded.moe`.",
                '"""', "", f"FACTORS = {FACTORS}", ""]  # fmt: skip
        for name, (work, about) in parts.items():
            text += [f"# {about}", f"{name} = {{"]
            text += [f"    {m!r}: {once(f'{name} {m}', work, m)!r}," for m in MODELS] + ["}", ""]
        text += ["# balancing: eight seeds, (experts alive after 300 steps, at the end, loss at the end)", "TOYS = {"]
        text += [f"    {name!r}: {[tuple(x) for x in runs]!r}," for name, runs in toys.items()] + ["}", ""]
        TO.write_text("\n".join(text))


if __name__ == "__main__":
    main()
