"""What the page on model merging shows without running a language model: weights, angles, and recorded paths."""

from functools import cache

import numpy as np

from topics.kit import MODELS, Badge, Choice, Figure, Metrics, Note, Seed, Slider, Table, demo, line, lm, points, rule
from topics.kit.real.costs import weights_bytes
from topics.model_merging.method import agreed_mean, elect_sign, slerp, task_vector, trim
from topics.model_merging.recorded import GEOMETRY, PATHS, RULES, SOUPS

# ---- two changes, weight by weight

MATRICES = {"queries, layer 1": "0.q", "gate, layer 1": "0.gate", "down, layer 4": "3.down", "embedding": "embedding"}
SEEN = 300  # weights drawn


@demo(
    "instant",
    "target",
    "courteous",
    "quick",
    density=Slider("Density, kept of each change", 0.05, 1.0, value=0.2, step=0.05),
    matrix=Choice("Weights of", tuple(MATRICES), value="gate, layer 1"),
    seed=Seed("Which weights are drawn"),
)
def weight_by_weight(density, matrix, seed):
    """Each point is a weight: what courteous changed in it, and what quick did. TIES trims, and lets signs vote."""
    pair = changes_of(MATRICES[matrix])  # (2, N)
    kept = np.stack([trim(x, density) for x in pair])  # (2, N)
    drawn = np.random.default_rng(seed).choice(pair.shape[1], SEEN, replace=False)
    kinds = _kinds(kept)
    figure = _scatter(pair[:, drawn] * 1000, {name: which[drawn] for name, which in kinds.items()}, kept, density)
    counts = {name: 100 * float(which.mean()) for name, which in kinds.items()}
    both = counts["agree"] + counts["conflict"]
    return (
        figure,
        Metrics(
            ("Trimmed in both", counts["trimmed"], "% of the weights", "too small in either change"),
            ("Kept of one alone", counts["one alone"], "%", "no vote is needed"),
            ("Kept of both", both, "%", f"with equal chances {100 * density**2:.1f} %"),
            ("Of these with opposite signs", 100 * counts["conflict"] / both if both else None, "%", ""),
        ),
        _voted(pair, kept, kinds, drawn),
    )


@cache
def changes_of(name):
    """What the two fine-tunes changed in one array of the house model, (2, N), in FP64."""
    base = {name: lm.load("target").weights[name].astype(float)}
    tuned = [{name: lm.load(each).weights[name].astype(float)} for each in ("courteous", "quick")]
    return np.stack([task_vector(each, base)[name].ravel() for each in tuned])  # (2, N)


def _kinds(kept):
    """Of each weight, which of four things became of it: name to (N,) bool."""
    alive = kept != 0  # (2, N)
    both = alive.all(0)
    return {"trimmed": ~alive.any(0), "one alone": alive.any(0) & ~both,
            "agree": both & (kept[0] * kept[1] > 0), "conflict": both & (kept[0] * kept[1] < 0)}  # fmt: skip


LOOKS = {"trimmed": ("reference", "circle", 4), "one alone": ("weight", "circle", 7), "agree": ("output", "square", 9),
         "conflict": ("error", "x", 9)}  # fmt: skip


def _scatter(drawn, kinds, kept, density):
    x, y = drawn
    end_x, end_y = (1.15 * float(np.abs(each).max()) for each in drawn)
    edges = [1000 * float(np.abs(each[each != 0]).min()) for each in kept]
    said = ", ".join(f"{int(which.sum())} {name}" for name, which in kinds.items())
    return Figure(
        [points(x[which], y[which], name, LOOKS[name][0], LOOKS[name][1], marker={"size": LOOKS[name][2]})
         for name, which in kinds.items() if which.any()],
        x_title="Courteous' change (thousandths)",
        y_title="Quick's change (thousandths)",
        alt=f"{SEEN} weights by their two changes, density {density:g}: {said}. Courteous' changes reach "
        f"{end_x / 1.15:.0f} thousandths, quick's {end_y / 1.15:.0f}; trimmed below {edges[0]:.1f} and {edges[1]:.1f}.",
        height=380,
        xaxis={"range": [-end_x, end_x]},
        yaxis={"range": [-end_y, end_y]},
        shapes=[rule(**{axis: s * edge}, dash="dot") for axis, edge in zip("xy", edges, strict=True) for s in (-1, 1)],
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip


def _voted(pair, kept, kinds, drawn):
    """One drawn weight of each kind, and what three rules make of it."""
    sign = elect_sign(kept)
    ties, rows = agreed_mean(kept, sign), []
    for name, which in kinds.items():
        found = drawn[which[drawn]]
        if len(found):
            i = int(found[0])
            a, b = 1000 * pair[:, i]
            rows.append((name, round(float(a), 2), round(float(b), 2), round(float(a + b) / 2, 2),
                         "none" if name == "trimmed" else "+" if sign[i] > 0 else "−",
                         round(float(1000 * ties[i]), 2)))  # fmt: skip
    return Table(("A weight that is", "Courteous", "Quick", "Mean", "Sign", "TIES"), rows,
                 "Changes in thousandths; TIES with λ = 1.")  # fmt: skip


def conflicts(density, name="0.gate"):
    """For the page's text: of the weights of an array, the % kept of both changes, and of these the % in conflict."""
    kinds = _kinds(np.stack([trim(x, density) for x in changes_of(name)]))
    both = kinds["agree"] | kinds["conflict"]
    return 100 * float(both.mean()), 100 * float(kinds["conflict"].sum() / both.sum())


# ---- arcs and chords


@demo(
    degrees=Slider("Angle between the two", 0, 175, value=90, step=5, unit="°"),
    ratio=Slider("Length of the second", 0.5, 2.0, value=1.0, step=0.1),
)
def arcs_and_chords(degrees, ratio):
    """From one vector to another: along the arc and along the chord, and how long the vector is on the way."""
    omega = np.deg2rad(degrees)
    a, b = np.array([1.0, 0.0]), ratio * np.array([np.cos(omega), np.sin(omega)])
    t = np.linspace(0, 1, 51)
    arc, chord = np.array([slerp(x, a, b) for x in t]), np.array([(1 - x) * a + x * b for x in t])  # (51, 2) each
    lengths = {name: np.linalg.norm(path, axis=1) for name, path in (("SLERP", arc), ("LERP", chord))}
    middle = {name: float(each[25]) for name, each in lengths.items()}
    return (
        Figure(
            [
                line(100 * t, lengths["SLERP"], "SLERP", "query"),
                line(100 * t, lengths["LERP"], "LERP", "error", "dash"),
            ],
            x_title="Place on the path (%)",
            y_title="Length of the vector",
            alt=f"Vectors {degrees}° apart, of length 1 and {ratio:g}. Half-way SLERP is {middle['SLERP']:.3f} long, "
            f"LERP {middle['LERP']:.3f}.",
            yaxis={"range": [0, 2.1]},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(
            ("Half-way, SLERP", middle["SLERP"], "long", "the same as both ends where these are equal"),
            ("Half-way, LERP", middle["LERP"], "long", "√(1 + r² + 2 r cos Ω) / 2"),
            ("SLERP takes of each", half_share(degrees), "", "sin(Ω/2) / sin Ω"),
        ),
        Badge("LERP's middle against cos(Ω/2), equal lengths", abs(
            float(np.linalg.norm(a + b / ratio)) / 2 - float(np.cos(omega / 2))), 1e-12),
        Note(f"The house model's courteous and quick are {GEOMETRY['degrees']:.1f}° apart, their changes "
             f"{changes_apart():.0f}°, two unrelated models {unrelated():.0f}°."),
    )  # fmt: skip


def half_share(degrees):
    """What SLERP takes of each of two vectors half-way."""
    half = np.deg2rad(degrees) / 2
    return float(1 / (2 * np.cos(half)))


def changes_apart():
    return apart_by(0, 3)


def apart_by(i, j):
    """The angle between two of the recorded changes, in degrees."""
    return float(np.degrees(np.arccos(GEOMETRY["cosines"][i][j])))


def unrelated():
    """The angle between two house models of other seeds."""
    return float(np.degrees(np.arccos(GEOMETRY["pairs"][1])))


# ---- recorded paths between models

WAYS = ("as they are", "re-ordered", "turned and re-ordered")
PAIR_NAMES = {
    "one start, two trainings": ("target", "heads8-1"),
    "starts 1 and 2": ("heads8-1", "heads8-2"),
    "starts 1 and 3": ("heads8-1", "heads8-3"),
    "starts 2 and 3": ("heads8-2", "heads8-3"),
}


@demo(
    pair=Choice("Two models", tuple(PAIR_NAMES), value="starts 1 and 2"),
    t=Slider("Place on the path", 0, 100, value=50, step=10, unit="%"),
)
def between_models(pair, t):
    """The recorded loss along the straight path between two house models that were trained apart."""
    names = PAIR_NAMES[pair]
    losses = {way: PATHS[(*names, way)] for way in WAYS}
    at = [10 * i for i in range(11)]
    inks = (("error", "solid"), ("weight", "dash"), ("output", "dashdot"))
    return (
        Figure(
            [line(at, losses[way], way, ink, dash, mode="lines+markers")
             for way, (ink, dash) in zip(WAYS, inks, strict=True)]
            + [points([t] * 3, [losses[way][t // 10] for way in WAYS], "chosen", "query",
                      marker={"symbol": "diamond", "size": 12})],
            x_title="Of the second model (%)",
            y_title="Loss (nats a word above the floor)",
            alt=f"{pair[0].upper()}{pair[1:]}: half-way "
            + ", ".join(f"{way} {losses[way][5]:.2f}" for way in WAYS)
            + f" nats; at the ends {losses[WAYS[0]][0]:.2f} and {losses[WAYS[0]][-1]:.2f}.",
            yaxis={"range": [-0.2, 6.2]},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(
            *((f"At {t} %, {way}", losses[way][t // 10], "nats a word above the floor", "") for way in WAYS),
        ),
    )  # fmt: skip


def barrier(pair, way):
    """For the page's text: by how much a recorded path rises above the straight line between its ends."""
    losses = PATHS[(*PAIR_NAMES[pair], way)]
    return max(x - (1 - i / 10) * losses[0] - i / 10 * losses[-1] for i, x in enumerate(losses))


def barriers(way):
    """The least and the most of the three pairs of different starts, in words."""
    found = [barrier(pair, way) for pair in list(PAIR_NAMES)[1:]]
    return f"{min(found):.1f} to {max(found):.1f}"


# ---- what the page's text and tables say


def gigabytes(name):
    """The weights of a real model in BF16, in GB."""
    return weights_bytes(MODELS[name], "BF16") / 1e9


def told(seed, what, at, form=".3f"):
    """What was recorded of a merge for one seed of fine-tunes: 0 loss on courteous texts, 1 on sums, 2 on what was
    known before, 3 % right, 4 % thanked, 5 % both."""
    return format(RULES[seed][what][at], form)


def over_seeds(what, at, form=".3f"):
    """The same for all three, as a table's cell."""
    return " · ".join(told(seed, what, at, form) for seed in (1, 2, 3))


def souped(task):
    """Three fine-tunes of a task, and their mean."""
    return SOUPS[task]
