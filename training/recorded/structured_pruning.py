"""Records what the page on structured pruning says of four house models: heads, neurons, layers and patterns cut away,
repaired and healed. numpy and the kit only, seeded; losses are those of the 80 texts on which pages quote them.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.structured_pruning    # ten minutes; goes on if stopped

Products go through a BLAS here, since this is no page: the same numbers up to rounding.
"""

import pprint
from datetime import date
from itertools import islice

import numpy as np

from topics.kit.model import lm
from topics.kit.model.autograd import Tensor
from topics.kit.model.language import text, write
from topics.kit.model.losses import floor, quoted_texts
from topics.kit.model.policy import checked, right, rollout, sums
from topics.kit.model.text import held_out, padded
from topics.kit.model.training import next_token_loss, train
from topics.kit.numerics import softmax
from topics.kit.page.demo import defaults, views_of
from topics.structured_pruning.cuts import (
    GRADIENT,
    RELATIVE,
    SIZE,
    WEIGHTS,
    head_scores,
    influences,
    loss_of,
    neuron_scores,
    neurons_that_stay,
    repaired,
    seen,
    sliced_neurons,
    to_look_at,
    without_heads,
    without_layer,
)
from topics.structured_pruning.live import FITTED, LOOSE, NO_REPAIR, cut_and_heal
from topics.structured_pruning.method import least
from topics.structured_pruning.patterns import PATTERNS, kept_energy, patterned
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/structured_pruning/recorded.py"
HOUSE_MODELS = ("target", "heads8-1", "heads8-2", "heads8-3")
COUNTS = {4: 10, 8: 20, 12: 20, 16: 10}  # heads dropped, and how many random draws of them
OF_EACH_DRAWS, CALIBRATIONS = 10, 5
SHARES, NEURON_DRAWS = (0.25, 0.5, 0.75), 3
FITS = ((24, 0), (24, 0.01), (96, 0.01))  # texts, and how strongly the old matrix is held
SEEDS, HEALING = (0, 1, 2), (10, 20, 40)


def in_parts(texts, n=4):
    """Batches of texts of about one length, and how many words each has."""
    ordered = sorted(texts, key=lambda each: len(each.words))
    batches = [padded(ordered[i : i + n]) for i in range(0, len(ordered), n)]
    return [(batch, int(batch[2].sum())) for batch in batches]


TEXTS = quoted_texts()
PARTS, FLOOR = in_parts(TEXTS), floor(TEXTS)


def excess(model):
    """Nats a word above the floor."""
    total = sum(loss_of(model, batch) * n for batch, n in PARTS) / sum(n for _, n in PARTS)
    return round(float(total - FLOOR), 4)


def working(model, n=200):
    """% of sums of three digits right, worked out first, the likeliest word each time."""
    prompts = sums(n, np.random.default_rng(7), 3, first="[blunt] explain :", last="")
    return 100 * float(checked(right, rollout(model, prompts, 44, np.random.default_rng(0), 1e-3)).mean())


FACTS = held_out(60, "facts", start=60_000)


def facts(model):
    """% of questions about told facts that are answered, the text before them given."""
    good = of = 0
    for each in FACTS:
        words, _, _ = padded([each])
        best = softmax(lm.forward(model, words)[0]).argmax(-1)
        for place in each.answers:
            good, of = good + int(best[place - 1] == _number(each, place)), of + 1
    return 100 * good / of


def _number(each, place):
    return padded([each])[1][0, place - 1]


def alone(model, batch):
    """What each head costs alone, on the texts to look at."""
    whole, cost = loss_of(model, batch), np.zeros((model.L, model.H))
    for at in np.ndindex(cost.shape):
        gone = np.zeros(cost.shape, bool)
        gone[at] = True
        cost[at] = loss_of(without_heads(model, gone), batch) - whole
    return cost


def random_heads(shape, k, draw):
    return least(np.random.default_rng(1000 + draw).random(shape), k)


def two_of_each(scores):
    """The two least of every layer."""
    return np.array([least(row, 2) for row in scores])


def heads_of(model, once, name):
    batch = to_look_at()
    scores = {kind: head_scores(model, kind, batch) for kind in (SIZE, RELATIVE, WEIGHTS, GRADIENT)}
    scores["alone"] = np.array(once(f"{name} alone", lambda: alone(model, batch).tolist()))
    for kind, S in scores.items():
        once(f"{name} scores {kind}", lambda S=S: np.round(S, 5).tolist())
        for k in COUNTS:
            once(f"{name} heads {kind} {k}", lambda S=S, k=k: excess(without_heads(model, least(S, k))))
        if kind in (SIZE, RELATIVE):
            once(f"{name} two of each {kind}", lambda S=S: excess(without_heads(model, two_of_each(S))))
    for k in COUNTS:
        once(
            f"{name} heads random {k}",
            lambda k=k: [
                excess(without_heads(model, random_heads((model.L, model.H), k, draw))) for draw in range(COUNTS[k])
            ],
        )
    once(f"{name} two of each random", lambda: [
        excess(without_heads(model, two_of_each(np.random.default_rng(2000 + draw).random((model.L, model.H)))))
        for draw in range(OF_EACH_DRAWS)])  # fmt: skip
    for kind in (SIZE, RELATIVE):
        once(f"{name} calibrated {kind}", lambda k=kind: [
            excess(without_heads(model, least(head_scores(model, k, to_look_at(seed=s)), 8)))
            for s in range(CALIBRATIONS)])  # fmt: skip
    once(f"{name} stream", lambda: _stream(model, batch))


def _stream(model, batch):
    now = seen(model, batch)
    return [round(float(np.linalg.norm(now["stream", i], axis=1).mean()), 2) for i in range(model.L + 1)]


def neurons_of(model, once, name):
    batch = to_look_at()
    ways = {"weights": "weights", SIZE: SIZE, GRADIENT: GRADIENT}
    for kind in ways:
        scores = neuron_scores(model, kind, batch)
        for share in SHARES:
            once(f"{name} neurons {kind} {share}",
                 lambda s=scores, p=share: excess(sliced_neurons(model, neurons_that_stay(s, p))))  # fmt: skip
    for share in SHARES:
        once(f"{name} neurons random {share}", lambda p=share: [
            excess(sliced_neurons(model, neurons_that_stay(neuron_scores(model, "random",
                   rng=np.random.default_rng(3000 + draw)), p))) for draw in range(NEURON_DRAWS)])  # fmt: skip
        small = sliced_neurons(model, neurons_that_stay(neuron_scores(model), share))
        for n, hold in FITS:
            once(f"{name} fitted {share} {n} {hold}",
                 lambda s=small, n=n, h=hold: excess(repaired(model, s, to_look_at(n), h)))  # fmt: skip
    half = sliced_neurons(model, neurons_that_stay(neuron_scores(model), 0.5))
    once(f"{name} skills half", lambda: [working(half), facts(half)])
    once(f"{name} skills whole", lambda: [working(model), facts(model)])


def layers_of(model, once, name):
    once(f"{name} influence", lambda: [round(float(x), 4) for x in influences(model, to_look_at())])
    for i in range(model.L):
        once(f"{name} layer {i}", lambda i=i: excess(without_layer(model, i)))


def patterns_of(model, once, name):
    for pattern in PATTERNS:
        for share in (0.5, 0.7):
            if share == 0.5 or "2:4" not in pattern:
                cut = patterned(model, pattern, share, to_look_at())
                once(f"{name} pattern {pattern} {share}", lambda c=cut: excess(c))
                if share == 0.5:
                    once(f"{name} energy {pattern}", lambda c=cut: round(kept_energy(model, c), 2))
                    once(f"{name} working {pattern}", lambda c=cut: working(c))


def fresh(seed, n=16):
    """Batches of n new texts for ever."""
    at = 5_000_000 + 100_000 * seed
    while True:
        yield padded([write(at + i, text()) for i in range(n)])
        at += n


def healing(model, once, name):
    for share in (0.5, 0.75):
        for seed in SEEDS:

            def heal(p=share, s=seed):
                small = sliced_neurons(model, neurons_that_stay(neuron_scores(model), p))
                run = train(small.weights, next_token_loss(small), fresh(s), 1e-3)
                return [excess(small.with_weights(step.weights)) for step in islice(run, max(HEALING))
                        if step.t in HEALING]  # fmt: skip

            once(f"{name} healed {share} {seed}", heal)
    half = sliced_neurons(model, neurons_that_stay(neuron_scores(model), 0.5))

    def skills():
        *_, last = islice(train(half.weights, next_token_loss(half), fresh(0), 1e-3), max(HEALING))
        return [working(half.with_weights(last.weights)), facts(half.with_weights(last.weights))]

    once(f"{name} skills healed", skills)


class BLAS:
    """numpy for lm, whose products of attention go through a BLAS where no gradient is asked for."""

    def __getattr__(self, name):
        return getattr(np, name)

    def einsum(self, subscripts, a, b):
        if isinstance(a, Tensor) or isinstance(b, Tensor):
            return np.einsum(subscripts, a, b)
        if subscripts == "...qhd,...khd->...hqk":
            return np.moveaxis(a, -2, -3) @ np.swapaxes(np.moveaxis(b, -2, -3), -1, -2)
        if subscripts == "...hqk,...khd->...qhd":
            return np.moveaxis(a @ np.moveaxis(b, -2, -3), -3, -2)
        return np.einsum(subscripts, a, b)


def live_run(repair, seed, steps):
    """What the page's own demo ends on: nats added by the cut, of these after the repair, after the training."""
    views = views_of(cut_and_heal, defaults(cut_and_heal) | {"repair": repair, "seed": seed, "steps": steps})
    found = {item["label"]: item["value"] for view in views if view["view"] == "metrics" for item in view["items"]}
    cut = found["Added, cut"]
    return [round(float(x), 4) for x in (cut, found.get("Added, repaired", cut), found[f"Added after {steps} steps"])]


def main():
    lm.linear, lm.np = lambda x, W: np.matmul(x, np.swapaxes(W, -1, -2)), BLAS()
    with kept("structured_pruning") as (done, once):
        for name in HOUSE_MODELS:
            model = lm.read(ROOT / f"training/runs/{name}.safetensors")
            once(f"{name} whole", lambda m=model: excess(m))
            for part in (heads_of, layers_of, patterns_of, neurons_of):
                part(model, once, name)
        healing(lm.read(ROOT / "training/runs/target.safetensors"), once, "target")
        for repair in (NO_REPAIR, FITTED, LOOSE):
            for seed in SEEDS:
                once(f"live {repair} {seed}", live_run, repair, seed, 3 if repair == LOOSE else 15)
        write_down(done)


def agrees(S, cost):
    """The rank correlation of a score with what each head costs alone, and how many of the eight costliest heads are
    among the eight of least score."""
    S, cost = np.ravel(S), np.ravel(cost)
    ranks = [np.argsort(np.argsort(x)) for x in (S, cost)]
    both = set(np.argsort(S)[:8].tolist()) & set(np.argsort(-cost)[:8].tolist())
    return [round(float(np.corrcoef(*ranks)[0, 1]), 2), len(both)]


def write_down(done):
    """topics/structured_pruning/recorded.py, from all that was run."""

    def of(key):
        return {name: done[f"{name} {key}"] for name in HOUSE_MODELS}

    kinds = (SIZE, RELATIVE, WEIGHTS, GRADIENT, "alone", "random")
    tables = {
        "WHOLE": ("nats above the floor of the whole models", of("whole")),
        "STREAM": ("length of the stream before each layer and behind the last", of("stream")),
        "HEADS": ("score: {heads dropped: {model: nats}}; of random draws all", {
            kind: {k: of(f"heads {kind} {k}") for k in COUNTS} for kind in kinds}),
        "TWO_OF_EACH": ("score: {model: nats}, two heads of every layer", {
            kind: of(f"two of each {kind}") for kind in (SIZE, RELATIVE, "random")}),
        "CALIBRATED": ("score: {model: nats without eight heads, by five sets of texts to look at}", {
            kind: of(f"calibrated {kind}") for kind in (SIZE, RELATIVE)}),
        "AGREES": ("score: {model: (rank correlation with each head's cost alone, costliest 8 among the least 8)}", {
            kind: {name: agrees(done[f"{name} scores {kind}"], done[f"{name} alone"]) for name in HOUSE_MODELS}
            for kind in (SIZE, RELATIVE)}),
        "HEAD_SCORES": ("score: (layers, heads) of target", {
            kind: np.round(done[f"target scores {kind}"], 4).tolist() for kind in kinds[:-1]}),
        "LAYERS": ("nats without a layer", {i: of(f"layer {i}") for i in range(4)}),
        "INFLUENCE": ("block influence of each layer", of("influence")),
        "PATTERN": ("pattern: {share away: {model: nats}}", {
            pattern: {share: of(f"pattern {pattern} {share}") for share in (0.5, 0.7)
                      if share == 0.5 or "2:4" not in pattern} for pattern in PATTERNS}),
        "ENERGY": ("% of the squares that stay at half the weights", {p: of(f"energy {p}") for p in PATTERNS}),
        "WORKING": ("% of 200 worked sums right at half the weights", {p: of(f"working {p}") for p in PATTERNS}),
        "NEURONS": ("score: {share away: {model: nats}}", {
            kind: {share: of(f"neurons {kind} {share}") for share in SHARES}
            for kind in ("weights", SIZE, GRADIENT, "random")}),
        "REPAIRED": ("(share away, texts, hold): {model: nats}", {
            (share, n, hold): of(f"fitted {share} {n} {hold}")
            for share in SHARES for n, hold in FITS}),
        "SKILLS": ("% of worked sums, of facts", {
            "whole": of("skills whole"), "half the neurons": of("skills half"),
            "healed": {"target": done["target skills healed"]}}),
        "HEALED": (f"share away: of three seeds the nats of target after {HEALING} steps of 16 texts", {
            share: [done[f"target healed {share} {seed}"] for seed in SEEDS] for share in (0.5, 0.75)}),
        "LIVE": ("repair: of three seeds of the page's demo the nats added: cut, repaired, trained", {
            repair: [done[f"live {repair} {seed}"] for seed in SEEDS] for repair in (NO_REPAIR, FITTED, LOOSE)}),
    }  # fmt: skip
    text_of = (
        f'"""Recorded on {date.today()} by `python -m training.recorded.structured_pruning`. Losses are nats a word\n'
        'above the floor, on the 80 texts on which pages quote them."""\n\n# fmt: off\n'
        f"HOUSE_MODELS = {HOUSE_MODELS!r}\nHEALING = {HEALING!r}\n"
    )
    for name, (what, table) in tables.items():
        text_of += f"\n# {what}\n{name} = {pprint.pformat(table, width=118, compact=True, sort_dicts=False)}\n"
    HERE.write_text(text_of)


if __name__ == "__main__":
    main()
