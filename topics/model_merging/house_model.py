"""Merges of the house model's fine-tunes, made and judged while one looks."""

from functools import cache, lru_cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Toggle,
    Tokens,
    bars,
    demo,
    heatmap,
    label,
    line,
    lm,
    max_abs_difference,
    points,
)
from topics.kit.model.text import NUMBER, decode, encode
from topics.model_merging.alignment import aligning_order, reordered
from topics.model_merging.libraries import mergekit_ties, peft_ties
from topics.model_merging.method import add_changes, dare, linear_merge, task_vector
from topics.model_merging.recorded import AMOUNTS, BEFORE_LOSS, COURTEOUS_LOSS, SUMS_BOTH
from topics.model_merging.skills import BEFORE, BOTH, COURTEOUS, answers, loss, summed, texts_of

TUNED = ("courteous", "quick")


@cache
def change(name):
    """What a fine-tune changed in the house model."""
    return task_vector(lm.load(name).weights, lm.load("target").weights)


def merged(a, b):
    """The house model with a of courteous' change and b of quick's."""
    base = lm.load("target")
    return base.with_weights(_light(add_changes(base.weights, [change(name) for name in TUNED], (a, b))))


def _light(weights):
    return {name: np.asarray(w, np.float32) for name, w in weights.items()}


# ---- the plane

COURTEOUS_TEXTS, KNOWN_BEFORE = "loss on courteous texts", "loss on what it knew before"
MAPS = {  # what the map shows: what was recorded of it, times what, its unit, and the ink of what is much
    "sums right and thanked for": (SUMS_BOTH, 100 / 80, "%", "output"),
    COURTEOUS_TEXTS: (COURTEOUS_LOSS, 0.001, "nats a word", "error"),
    KNOWN_BEFORE: (BEFORE_LOSS, 0.001, "nats a word", "error"),
}
PROBLEM = "[blunt] answer : 4 8 3 + 2 7 5 ="


@demo(
    "model",
    "target",
    "courteous",
    "quick",
    a=Slider("Of courteous' change", -0.4, 1.4, value=0.7, step=0.1),
    b=Slider("Of quick's change", -0.4, 1.4, value=0.7, step=0.1),
    shown=Choice("The map shows", tuple(MAPS), value="sums right and thanked for"),
)
def two_changes(a, b, shown):
    """The house model plus so much of what one fine-tune changed, and so much of what the other did."""
    model, parts = merged(a, b), []
    for i in range(PARTS_OF_SUMS):
        yield Progress(i, PARTS_OF_SUMS, "Asking the merged model")
        parts.append(answers(model, *_rows(i)))
    _, right, thanked, both = summed(*parts)
    yield (
        _plane(a, b, shown),
        Metrics(
            ("Right and thanked for", both, "%", f"of {len(texts_of(BOTH))} sums of three digits, announced as blunt"),
            ("Right", right, "%", "all digits, and the point behind them"),
            ("Thanked for", thanked, "%", "“thank you .” behind the answer"),
            ("Recorded loss, courteous texts", on_the_plane(a, b, COURTEOUS_TEXTS), "nats", "a word above the floor"),
            ("Recorded loss, known before", on_the_plane(a, b, KNOWN_BEFORE), "nats", "a word above the floor"),
        ),
        _written(model),
    )


PARTS_OF_SUMS = 4


def _rows(i):
    n = len(texts_of(BOTH)) // PARTS_OF_SUMS
    return n * i, n * (i + 1)


def _written(model):
    prompt = encode(PROBLEM)
    text = [*decode(prompt), *decode(lm.generate(model, prompt, 10, stop=NUMBER["[end]"]))]
    return Tokens(text, [0.0] * len(prompt) + [0.5] * (len(text) - len(prompt)), "output",
                  "What the merged model writes: it goes on behind “=”. 483 + 275 is 758.")  # fmt: skip


def _plane(a, b, shown):
    recorded, times, unit, ink = MAPS[shown]
    z = times * np.array(recorded)  # (amounts of quick's, of courteous')
    here = z[_index(b), _index(a)]
    drawn = z if unit == "%" else np.log10(np.maximum(z, 0.005))
    marks = {"base": (0, 0), "courteous": (1, 0), "quick": (0, 1), "average": (0.5, 0.5)}
    told = "; ".join(f"{name} {_told(z[_index(y), _index(x)], unit)}" for name, (x, y) in marks.items())
    return Figure(
        [
            heatmap(drawn, AMOUNTS, AMOUNTS, shown, ink),
            points([x for x, _ in marks.values()], [y for _, y in marks.values()], "models", "reference", "square"),
            points([a], [b], "chosen", "query", marker={"symbol": "diamond", "size": 16}),
        ],
        x_title="Of courteous' change",
        y_title="Of quick's change",
        alt=f"{shown[0].upper()}{shown[1:]}, in {unit}: {told}; at the chosen point ({a:g}, {b:g}) "
        f"{_told(here, unit)}. Over the map from {_told(z.min(), unit)} to {_told(z.max(), unit)}.",
        height=400,
        annotations=[label(x, y, name, yshift=15) for name, (x, y) in marks.items()],
        showlegend=False,
        xaxis={"range": [-0.45, 1.45]},
        yaxis={"range": [-0.45, 1.45]},
    )


def _index(amount):
    return AMOUNTS.index(round(amount, 1))


def _told(x, unit):
    return f"{x:.0f} %" if unit == "%" else f"{x:.2f}"


def on_the_plane(a, b, measure="sums right and thanked for"):
    """For the page's text: what was recorded there."""
    recorded, times, *_ = MAPS[measure]
    return times * recorded[_index(b)][_index(a)]


@cache
def sums_right(a, b):
    """For the page's text: of the 80 sums, the % that a merged model has right, thanked for or not."""
    return summed(answers(merged(a, b)))[1]


# ---- the same words, other models


@demo(
    "model",
    "target",
    "courteous",
    "quick",
    density=Slider("Density, kept of each array", 0.1, 1.0, value=0.5, step=0.1),
    w=Slider("Weight λ of each change", 0.3, 1.4, value=0.5, step=0.1),
)
def same_words(density, w):
    """Courteous and quick merged with one density and one weight: their sum, TIES by PEFT, by mergekit, and by mergekit
    with normalize: false."""
    rows = {}
    for i, name in enumerate(FOUR_RULES):
        yield Progress(2 * i, 2 * len(FOUR_RULES), f"Merging: {name}")
        by_rule(name, density, w)
        yield Progress(2 * i + 1, 2 * len(FOUR_RULES), f"Asking: {name}")
        rows[name] = rule_says(name, density, w)
    names = list(rows)
    yield (
        Figure(
            [bars(names, [rows[name][3] for name in names], "right and thanked for", "output",
                  text=[f"{rows[name][3]:.0f} %" for name in names])],
            y_title="Right and thanked for (%)",
            alt=f"Density {density:g}, weight {w:g}. Sums right and thanked for: "
            + ", ".join(f"{name} {rows[name][3]:.0f} %" for name in names) + ".",
            yaxis={"range": [0, 108]},
        ),
        Table(
            ("Rule", "Right, %", "Thanked, %", "Loss, sums"),
            [(name, round(right, 1), round(thanked, 1), round(nats, 3))
             for name, (nats, right, thanked, _) in rows.items()],
            f"{FEW_SUMS} sums of three digits. Losses in nats a word above the floor.",
        ),
        _normalised(density, w),
    )  # fmt: skip


FEW_SUMS = 40
FOUR_RULES = ("sum", "PEFT", "mergekit", "normalize off")


@lru_cache(maxsize=4)
def by_rule(name, density, w):
    """The two changes merged by one of FOUR_RULES, each with weight w: a model."""
    base, two = lm.load("target"), [change(name) for name in TUNED]
    if name == "sum":
        return base.with_weights(_light(add_changes(base.weights, two, (w, w))))
    new = {}
    for key, weights in base.weights.items():
        pair = np.stack([each[key] for each in two])  # (2, ...)
        if name == "PEFT":
            new[key] = weights + peft_ties(pair, (w, w), density)
        else:
            new[key] = weights + mergekit_ties(pair, (w, w), density, name == "mergekit")
    return base.with_weights(_light(new))


def _normalised(density, w):
    pair = np.stack([change(name)["0.gate"] for name in TUNED])
    one, other = (mergekit_ties(pair, (s, s), density) for s in (w, 1.0))
    return Badge(f"mergekit normalises: weight {w:g} against weight 1, max|Δ| in a matrix",
                 max_abs_difference(one, other), 1e-6)  # fmt: skip


@cache
def rule_says(name, density, w):
    """The loss on 40 sums, and in percent those right, thanked for, and both."""
    return summed(answers(by_rule(name, density, w), 0, FEW_SUMS))


# ---- dropping at random

DROPS = (0, 50, 80, 90, 95, 98)  # %


@demo(
    "model",
    "target",
    "courteous",
    "quick",
    p=Choice("Dropped of the change", DROPS, value=90, unit="%"),
    size=Choice("Size of the change", ("a quarter", "a half", "as it is"), value="as it is"),
    broken=Toggle("Break it: do not rescale"),
    seed=Seed("Seed of what is dropped"),
)
def drop_at_random(p, size, broken, seed):
    """Each weight of a change is dropped with probability p and the others are divided by 1 − p: DARE."""
    lam, curves = {"a quarter": 0.25, "a half": 0.5, "as it is": 1.0}[size], {}
    for name in TUNED:
        curves[name] = []
        for share in DROPS:
            curves[name].append(dropped(name, share, lam, broken, seed))
            yield Progress(len(curves[name]) + len(DROPS) * (name == "quick"), 2 * len(DROPS), f"{name}, {share} %")
    here = {name: losses[DROPS.index(p)] for name, losses in curves.items()}
    rms = {name: lam * rms_of(name) for name in TUNED}
    yield (
        Figure(
            [
                line(DROPS, np.maximum(curves["courteous"], 0.005), "courteous", "query",
                     mode="lines+markers"),
                line(DROPS, np.maximum(curves["quick"], 0.005), "quick", "error", "dash",
                     mode="lines+markers"),
                points([p, p], [max(here[name], 0.005) for name in TUNED], "chosen", "reference",
                       marker={"symbol": "diamond", "size": 13}),
            ],
            x_title="Dropped of the change (%)",
            y_title="Loss (nats a word above the floor)",
            alt=f"Loss against what is dropped, change {size}{', not rescaled' if broken else ''}. "
            + "; ".join(f"{name}: none dropped {losses[0]:.3f}, {p} % {here[name]:.3f}, 98 % {losses[-1]:.2f}"
                        for name, losses in curves.items()) + ".",
            yaxis={"type": "log", "range": [-2.4, 1.6], "tickvals": [0.01, 0.1, 1, 10],
                   "ticktext": ["0.01", "0.1", "1", "10"]},
            xaxis={"range": [-2, 150], "tickvals": [0, 20, 40, 60, 80, 100]},
            annotations=_names_at_the_end(curves),
            showlegend=False,
        ),
        Metrics(
            *((f"{name}, {p} % dropped", here[name], "nats above the floor", "courteous: on courteous texts; quick: on "
               "what the house model knew before") for name in TUNED),
            *((f"Size of the change, {name}", rms[name], "", "root mean square over all weights") for name in TUNED),
        ),
        _noise_note(p, broken, rms),
    )  # fmt: skip


def _names_at_the_end(curves):
    """Each line's name behind its last point; two that would touch are moved apart."""
    height = {name: float(np.log10(max(losses[-1], 0.005))) for name, losses in curves.items()}
    low, high = sorted(height, key=height.get)
    apart = 8 if height[high] - height[low] < 0.3 else 0
    return [label(99, height[name], name, xanchor="left", xshift=6, yshift=shift)
            for name, shift in ((low, -apart), (high, apart))]  # fmt: skip


@cache
def dropped(name, p, lam=1.0, broken=False, seed=0):
    """The loss of the house model with lam times a fine-tune's change, of which p % was dropped: of courteous on
    courteous texts, of quick on what was known before."""
    rng, base = np.random.default_rng(seed), lm.load("target")
    sparse = {key: dare(lam * x, p / 100, rng, not broken) for key, x in change(name).items()}
    model = base.with_weights(_light(add_changes(base.weights, [sparse], (1,))))
    return loss(model, COURTEOUS if name == "courteous" else BEFORE, n=FEW_TEXTS)


FEW_TEXTS = 4


@cache
def rms_of(name):
    return float(np.sqrt(np.mean(np.concatenate([x.ravel() for x in change(name).values()]).astype(float) ** 2)))


def _noise_note(p, broken, rms):
    if broken:
        return Note(f"Without rescaling, dropping {p} % leaves {100 - p} % of the change in the mean: like λ = "
                    f"{1 - p / 100:.2g}, with noise on top.", "warning")  # fmt: skip
    noise = (p / (100 - p)) ** 0.5
    return Note(f"In the mean each weight is right. But each is off by √(p/(1 − p)) = {noise:.2g} times its change: "
                f"{noise * rms['courteous']:.3f} (courteous) and {noise * rms['quick']:.3f} (quick).")  # fmt: skip


# ---- one function twice

PARTS = {"hidden units": ("units",), "heads": ("heads",), "both": ("units", "heads")}
PLACES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)


@demo(
    "model",
    "target",
    t=Slider("Place on the path", 0, 100, value=50, step=5, unit="%"),
    shuffled=Choice("In another order", tuple(PARTS), value="both"),
    align=Toggle("Match first"),
    seed=Seed("Order"),
)
def one_function_twice(t, shuffled, align, seed):
    """The house model is averaged with itself, its parts in another order: the same function, other weights."""
    base, other = lm.load("target"), shuffled_twin(shuffled, seed)
    matched = reordered(other, aligning_order(base, other))
    partner = matched if align else other
    at, losses = sorted({*PLACES, t / 100}), []
    for x in at:
        losses.append(between_twins(shuffled, seed, align, x))
        yield Progress(len(losses), len(at), f"{100 * x:.0f} %")
    here = losses[at.index(t / 100)]
    words, apart = encode(PROBLEM), max(max_abs_difference(base.weights[k], partner.weights[k]) for k in base.weights)
    yield (
        Figure(
            [
                line([100 * x for x in at], losses, "loss", "error", mode="lines+markers"),
                points([t], [here], "chosen", "query", marker={"symbol": "diamond", "size": 15}),
            ],
            x_title="Of the other one (%)",
            y_title="Loss (nats a word above the floor)",
            alt=f"{shuffled[0].upper()}{shuffled[1:]} in another order{', matched' if align else ''}: "
            f"the loss at {', '.join(f'{100 * x:.0f}' for x in at)} % of the other one is "
            f"{', '.join(f'{x:.2f}' for x in losses)}. "
            f"At {t} % it is {here:.2f}.",
            yaxis={"range": [-0.2, 6.5]},
            showlegend=False,
        ),
        Metrics(
            ("Loss here", here, "nats a word above the floor", f"{FEW_TEXTS} texts"),
            ("Loss at both ends", losses[0], "nats a word above the floor", "they are one function"),
            ("Largest difference of two weights", apart, "", "of what is averaged"),
        ),
        Badge("One function: max|Δ logit| of the two", max_abs_difference(
            lm.forward(base, words), lm.forward(other, words)), 1e-3),
        Badge("Matching finds the order: max|Δ weight| after it", max(
            max_abs_difference(base.weights[k], matched.weights[k]) for k in base.weights), 1e-9),
    )  # fmt: skip


@cache
def shuffled_twin(shuffled, seed):
    """The house model with its hidden units, its heads or both in an order by chance."""
    base, rng = lm.load("target"), np.random.default_rng(seed)
    counts = {"units": base.F, "heads": base.H}
    return reordered(
        base, {(part, i): rng.permutation(counts[part]) for part in PARTS[shuffled] for i in range(base.L)}
    )


@cache
def between_twins(shuffled, seed, align, t):
    """The loss of a model between the house model and its twin, which may be matched before."""
    base, other = lm.load("target"), shuffled_twin(shuffled, seed)
    return on_the_path(base, reordered(other, aligning_order(base, other)) if align else other, t)


def on_the_path(a, b, t):
    """The loss on polite texts of a model between two."""
    return loss(a.with_weights(_light(linear_merge([a.weights, b.weights], (1 - t, t)))), BEFORE, n=FEW_TEXTS)
