"""Records what the page on model merging shows of many merges of the house's fine-tunes, and of models that share only
a beginning, or nothing. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.model_merging    # half an hour; goes on if stopped

Reads training/runs: target, courteous, courteous-2, courteous-3, quick, quick-2, quick-3, heads8-1, heads8-2, heads8-3.
"""

from datetime import date
from functools import cache

import numpy as np

from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.losses import floor
from topics.kit.model.text import held_out, padded
from topics.model_merging.alignment import aligning_order, reordered
from topics.model_merging.method import add_changes, angle, cosine, linear_merge, task_vector, ties_merge
from topics.model_merging.skills import judged
from training.recorded.kept import ROOT, kept

RUNS, HERE = ROOT / "training/runs", ROOT / "topics/model_merging/recorded.py"
AMOUNTS = [round(-0.4 + 0.1 * i, 1) for i in range(19)]  # of each change, on the plane


@cache
def model(name):
    return lm.read(RUNS / f"{name}.safetensors")


@cache
def change(name):
    return task_vector(model(name).weights, model("target").weights)


def merged(names, amounts):
    """The target with so much of each fine-tune's change."""
    return model("target").with_weights(add_changes(model("target").weights, [change(n) for n in names], amounts))


# ---- models that share a beginning, or nothing

PAIRS = (("target", "heads8-1"), ("heads8-1", "heads8-2"), ("heads8-1", "heads8-3"), ("heads8-2", "heads8-3"))
PATH = [round(0.1 * i, 1) for i in range(11)]


def path_losses(pair):
    """The loss along the straight path of a pair, in nats a word above the floor: as they are, with the second one's
    units and heads in the order that fits best, and with its residual stream turned first."""
    a, b = (model(name) for name in pair)
    found = {"as they are": [judge(*folded(between(a, b, t))) for t in PATH]}
    ordered = reordered(b, aligning_order(a, b))
    found["re-ordered"] = [judge(*folded(between(a, ordered, t))) for t in PATH]
    (a, out_a), (b, out_b) = folded(a), folded(b)
    R = turning(a.weights["embedding"], b.weights["embedding"])  # (d, d)
    b, out_b = turned(b, R), out_b @ R
    b = reordered(b, aligning_order(a, b))
    found["turned and re-ordered"] = [judge(between(a, b, t), (1 - t) * out_a + t * out_b) for t in PATH]
    return found


def between(a, b, t):
    return a.with_weights(linear_merge([a.weights, b.weights], (1 - t, t)))


def folded(m):
    """The same function with all gains of norms in the matrices that read them, and its output matrix (V, d), which is
    then no longer the embedding: so the residual stream can be turned."""
    w, new = m.weights, {}
    for i in range(m.L):
        new |= {f"{i}.{part}": w[f"{i}.{part}"] * w[f"{i}.attention_norm"] for part in "qkv"}
        new |= {f"{i}.{part}": w[f"{i}.{part}"] * w[f"{i}.feed_norm"] for part in ("gate", "up")}
        new |= {f"{i}.{part}_norm": np.ones(m.d, np.float32) for part in ("attention", "feed")}
    return m.with_weights(new | {"norm": np.ones(m.d, np.float32)}), w["embedding"] * w["norm"]


def turning(to, this):
    """The orthogonal R (d, d) with which this @ R is nearest to `to`."""
    u, _, v = np.linalg.svd(this.T @ to)
    return u @ v


def turned(m, R):
    """The same function of a folded model, its residual stream turned by R."""
    w, new = m.weights, {"embedding": m.weights["embedding"] @ R}
    for i in range(m.L):
        new |= {f"{i}.{part}": w[f"{i}.{part}"] @ R for part in ("q", "k", "v", "gate", "up")}
        new |= {f"{i}.{part}": R.T @ w[f"{i}.{part}"] for part in ("o", "down")}
    return m.with_weights(new)


@cache
def path_texts():
    texts = held_out(24, start=20_000)
    return padded(texts), floor(texts)


def judge(m, output):
    """The loss above the floor, with an output matrix of its own."""
    (words, targets, real), least = path_texts()
    last = []

    def see(name, layer, x):
        if name == "residual" and layer == m.L - 1:
            last.append(x)

    lm.forward(m, words, see=see)
    return float(cross_entropy(lm.linear(lm.rms_norm(last[0], 1.0), output), targets, real)) - least


# ---- other seeds, and soups


def rules_of(seed):
    """Judged on the two fine-tunes of a seed: the two, and ways to merge them."""
    names = [f"{name}{f'-{seed}' if seed > 1 else ''}" for name in ("courteous", "quick")]
    both, base = [change(name) for name in names], model("target").weights

    def of(weights):
        return widely(model("target").with_weights(weights))

    found = {"courteous": of(model(names[0]).weights), "quick": of(model(names[1]).weights)}
    for lam in (0.5, 0.7, 1.0):
        found[f"sum {lam}"] = of(add_changes(base, both, (lam, lam)))
    for density in (0.2, 0.5, 1.0):
        found[f"ties {density}"] = of(ties_merge(base, both, density))
    return found


def widely(m):
    """What `judged` says, the mean over five sets of texts: 40 of each kind, 400 sums."""
    return [round(float(x), 4) for x in np.mean([judged(m, seed) for seed in range(5)], 0)]


def geometry():
    """Of the six changes: cosines, lengths, sizes; the angle between the two fine-tunes; cosines of the pairs."""
    flat = {name: np.concatenate([x.ravel() for x in change(name).values()]) for name in TUNED}
    whole = {name: np.concatenate([x.ravel() for x in model(name).weights.values()])
             for name in ("target", "courteous", "quick", "heads8-1", "heads8-2", "heads8-3")}  # fmt: skip
    return {
        "cosines": [[round(cosine(flat[a], flat[b]), 3) for b in TUNED] for a in TUNED],
        "lengths": [round(float(np.linalg.norm(x)), 2) for x in flat.values()],
        "target": round(float(np.linalg.norm(whole["target"])), 1),
        "degrees": round(float(np.degrees(angle(whole["courteous"], whole["quick"]))), 2),
        "pairs": [round(cosine(whole[a], whole[b]), 3) for a, b in PAIRS],
        "size": [round(float(np.sqrt(np.mean(x**2))), 4) for x in flat.values()],
    }


TUNED = ("courteous", "courteous-2", "courteous-3", "quick", "quick-2", "quick-3")


def soups():
    """Each fine-tune of a task and the mean of the three: the loss on courteous texts, and % of sums right."""
    found = {}
    for task, at in (("courteous", 0), ("quick", 3)):
        names = [name for name in TUNED if name.startswith(task)]
        mean = linear_merge([model(name).weights for name in names], (1, 1, 1))
        models = [*map(model, names), model("target").with_weights(mean)]
        found[task] = [widely(each)[at] for each in models]
    return found


def main():
    with kept("model_merging") as (done, once):
        for b in AMOUNTS:
            once(f"plane {b}", lambda b=b: [judged(merged(("courteous", "quick"), (a, b))) for a in AMOUNTS])
        for pair in PAIRS:
            once(f"path {pair[0]} {pair[1]}", lambda pair=pair: path_losses(pair))
        for seed in (1, 2, 3):
            once(f"widely {seed}", lambda seed=seed: rules_of(seed))
        once("geometry", geometry)
        once("three of a task", soups)
        write(done)


def write(done):
    """topics/model_merging/recorded.py, from all that was run."""
    text = [f'"""Recorded on {date.today()} by `python -m training.recorded.model_merging`."""\n',
            "# of a change", f"AMOUNTS = {AMOUNTS}\n",
            "# on the plane, a row for each amount of quick's change: of 80 sums those right and thanked for, and",
            "# losses in thousandths of a nat above the floor", "# fmt: off", "SUMS_BOTH = ["]  # fmt: skip
    rows = [done[f"plane {b}"] for b in AMOUNTS]
    text += [f"    {[round(each[5] * 0.8) for each in row]}," for row in rows]
    for name, at in (("COURTEOUS_LOSS", 0), ("BEFORE_LOSS", 2)):
        text += ["]", f"{name} = [", *(f"    {[round(1000 * each[at]) for each in row]}," for row in rows)]
    text += ["]", "# along the straight path of two models, at 0, 0.1, … 1: nats a word above the floor", "PATHS = {"]
    for pair in PAIRS:
        for way, losses in done[f"path {pair[0]} {pair[1]}"].items():
            text.append(f'    ("{pair[0]}", "{pair[1]}", "{way}"):\n        {[round(x, 3) for x in losses]},')
    text += [
        "}",
        "# {seed: {a fine-tune or a merge: what `skills.judged` says, the mean of five sets of texts}}",
        "RULES = {",
    ]
    for seed in (1, 2, 3):
        text += [
            f"    {seed}: {{",
            *(f'        "{name}": {tuple(found)},' for name, found in done[f"widely {seed}"].items()),
            "    },",
        ]
    text += ["}"]
    for name, key in (("GEOMETRY", "geometry"), ("SOUPS", "three of a task")):
        text += [f"{name} = {{", *(f'    "{what}": {_told(x)},' for what, x in done[key].items()), "}"]
    HERE.write_text("\n".join([*text, "# fmt: on", ""]))


def _told(x):
    if isinstance(x, list) and isinstance(x[0], list):
        return "[\n" + "".join(f"        {row},\n" for row in x) + "    ]"
    return [round(each, 4) for each in x] if isinstance(x, list) else x


if __name__ == "__main__":
    main()
