"""What goes wrong when a rank does alone what only all of them can: clip, Muon, and the order of sums."""

from functools import lru_cache

import numpy as np

from topics.kit import Badge, Choice, Figure, LogSlider, Metrics, Note, Progress, Seed, bars, demo, lm, points, rule
from topics.kit.model.collectives import pieces_of
from topics.kit.model.optimizers import adamw_step, muon_step
from topics.kit.model.training import matrices_of
from topics.zero.house_model import TEXTS, rank_gradient
from topics.zero.method import clip_sharded
from topics.zero.ranks import RATE

CLIP, MUON, ORDER = "clips by the norm of its own shard", "runs Muon on its own rows", "adds up in another order"
NOTHING = "nothing: it asks the others"
WAYS_ALONE = (CLIP, MUON, ORDER, NOTHING)
RIGHT = 2e-3  # what rounding may do at Adam's first step, in parts of the largest number


@demo(
    "model",
    "target",
    N=LogSlider("Ranks", 2, 8, value=4),
    what=Choice("What each rank does alone", WAYS_ALONE, value=CLIP),
    seed=Seed("Texts"),
)
def each_rank_alone(N, what, seed):
    """The house model's gradient in shards: each rank's update against its part of the right one."""
    for i in range(TEXTS):
        yield Progress(i, TEXTS, "Gradients")
        rank_gradient("target", TEXTS, i, seed)
    yield Progress(TEXTS, TEXTS, "Updates")
    mine, right = update(what, N, seed)
    lengths, cosines = zip(*(compared(a, b) for a, b in zip(mine, right, strict=True)), strict=True)
    length, cosine = compared(np.concatenate(mine), np.concatenate(right))
    off = max(float(np.abs(a - b).max()) for a, b in zip(mine, right, strict=True))
    off /= max(float(np.abs(b).max()) for b in right)
    ranks = [str(r) for r in range(N)]
    figure = Figure(
        [
            bars(ranks, lengths, "length", "output" if off < RIGHT else "error", text=[f"{x:.2f}" for x in lengths]),
            points(ranks, cosines, "cosine", "reference", "diamond"),
        ],
        x_title="Rank",
        y_title="Against the right one",
        alt=f"{N} ranks; each {what}. Length of each rank's update, 1 being right: "
        f"{', '.join(f'{x:.2f}' for x in lengths)}. "
        f"Cosine with the right one: {', '.join(f'{x:.2f}' for x in cosines)}. "
        f"The whole update is {length:.2f} times as long, with cosine {cosine:.3f}.",
        xaxis={"type": "category"},
        yaxis={"range": [0, 1.15 * max(*lengths, 1.2)]},
        shapes=[rule(y=1)],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    yield (
        figure,
        Metrics(
            ("Length of the update", length, "× the right one"),
            ("Cosine with the right one", cosine, "", "1: the same direction"),
            ("Ranks disagree by", max(lengths) / min(lengths), "×", "the longest part over the shortest"),
        ),
        Badge("Largest difference, in parts of the largest number", off, RIGHT, may_fail=True),
        Note(NOTES[what], "info" if off < RIGHT else "warning"),
    )


NOTES = {
    CLIP: "The limit is half the length of the whole gradient, so every number should be halved. A rank whose shard is "
    "shorter than the limit halves nothing.",
    MUON: "Newton–Schulz makes the singular values of a whole matrix alike. Those of a few rows are other numbers.",
    ORDER: "The ranks' gradients are added up from the last rank to the first: rounding differs, and Adam's first step "
    "makes it visible where a gradient is nearly zero.",
    NOTHING: "One number from each rank is enough to clip. Adam then needs nothing else.",
}


def compared(a, b):
    """How long a is in parts of b, and their cosine."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    return float(lengths[0] / lengths[1]), float(min(1.0, a @ b / (lengths[0] * lengths[1])))


def update(what, N, seed=0, name="target"):
    """Each rank's part of the update as it makes it, and of the right one: two lists [r] (n,)."""
    model = lm.load(name)
    if what == MUON:
        return muon_update(model, mean_gradient(name, seed), N)
    if what == ORDER:
        grads = [flat_gradient(name, i, seed) for i in range(TEXTS)]
        return tuple(pieces_of(first_step(summed / TEXTS), N) for summed in (sum(grads[::-1]), sum(grads)))
    shards = pieces_of(sum(flat_gradient(name, i, seed) for i in range(TEXTS)) / TEXTS, N)
    limit = clip_sharded(shards, 1.0)[1] / 2
    right = [g / 2 for g in shards]
    if what == CLIP:
        return [clip_sharded([g], limit)[0][0] for g in shards], right
    return clip_sharded(shards, limit)[0], right


def muon_update(model, mean, N):
    """Muon's first step of every matrix of the layers, on each rank's rows and on the whole, rank by rank."""
    mine, right = [[] for _ in range(N)], [[] for _ in range(N)]
    for name in sorted(matrices_of(model)):
        W = np.zeros_like(mean[name])
        whole = muon_step(W, mean[name], None, RATE)[0]
        parts = zip(pieces_of(W, N), pieces_of(mean[name], N), pieces_of(whole, N), strict=True)
        for r, (rows, g, expected) in enumerate(parts):
            mine[r].append(muon_step(rows, g, None, RATE)[0].ravel())
            right[r].append(expected.ravel())
    return [np.concatenate(each) for each in mine], [np.concatenate(each) for each in right]


def first_step(g):
    """What Adam adds at its first step."""
    return adamw_step(np.zeros_like(g), g, None, RATE)[0]


@lru_cache(maxsize=16)
def flat_gradient(name, i, seed):
    """The gradient of text i as one vector, scaled so that the mean over the texts is the gradient of the batch."""
    g = rank_gradient(name, TEXTS, i, seed)
    return np.concatenate([g[key].ravel() for key in lm.load(name).weights])


def mean_gradient(name, seed):
    """The gradient of all eight texts, {name: array}."""
    grads = [rank_gradient(name, TEXTS, i, seed) for i in range(TEXTS)]
    return {key: sum(g[key] for g in grads) / TEXTS for key in grads[0]}


def whole_update(what, N=4, seed=0, name="target"):
    """How long the update of all ranks is in parts of the right one, and their cosine."""
    mine, right = update(what, N, seed, name)
    return compared(np.concatenate(mine), np.concatenate(right))
