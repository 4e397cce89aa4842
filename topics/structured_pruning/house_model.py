"""What the house model shows: heads that go by one score or another, and weights that go in patterns."""

from functools import cache

import numpy as np

from topics.kit import Choice, Figure, Matrix, Note, Progress, Seed, Slider, Table, Toggle, bars, demo, lm
from topics.kit.page.words import counted, short
from topics.structured_pruning.cuts import (
    RELATIVE,
    SIZE,
    WEIGHTS,
    head_scores,
    loss_of,
    seen,
    some_texts,
    to_look_at,
    without_heads,
)
from topics.structured_pruning.method import least
from topics.structured_pruning.patterns import (
    ANYWHERE,
    FOURS,
    PATTERNS,
    ROWS,
    WANDA,
    WANDA_FOURS,
    inputs_of,
    mask_of,
    matrices,
)

TEXTS, DRAWS = 6, 3


@cache
def whole_loss(seed):
    return loss_of(lm.load("target"), some_texts(TEXTS, seed))


@cache
def scores_by(kind, seed):
    """What each head of the house model is worth by a score, on texts to look at: (L, H)."""
    return head_scores(lm.load("target"), kind, to_look_at(seed=seed))


@cache
def streams(seed):
    """The mean length of what enters each layer: (L,)."""
    model = lm.load("target")
    now = seen(model, to_look_at(seed=seed))
    return [float(np.linalg.norm(now["stream", i], axis=1).mean()) for i in range(model.L)]


def dropped(n, kind, seed):
    """Which heads go, (L, H); a draw is its number."""
    model = lm.load("target")
    if isinstance(kind, int):
        return least(np.random.default_rng([seed, kind]).random((model.L, model.H)), n)
    return least(scores_by(kind, seed), n)


@cache
def added(n, kind, seed):
    """Nats a word that the loss grows by without n heads."""
    if n == 0:
        return 0.0
    return loss_of(without_heads(lm.load("target"), dropped(n, kind, seed)), some_texts(TEXTS, seed)) - whole_loss(seed)


@demo(
    "model",
    "target",
    n=Slider("Heads dropped, of 32", 0, 16, value=8, step=2),
    kind=Choice("Score that the map shows", (SIZE, RELATIVE, WEIGHTS), value=SIZE),
    seed=Seed("Texts and draws"),
)
def drop_heads(n, kind, seed):
    """The least of 32 heads by a score go. What does the house model lose, beside heads that are drawn?"""
    ways = {SIZE: SIZE, RELATIVE: RELATIVE, WEIGHTS: WEIGHTS} | {f"drawn {i}": i for i in range(1, DRAWS + 1)}
    found = {}
    for done, (name, way) in enumerate(ways.items()):
        yield Progress(done, len(ways), name)
        found[name] = added(n, way, seed)
    gone = dropped(n, kind, seed)
    yield (
        _loss_bars(found, n),
        _map(scores_by(kind, seed), gone, kind),
        _by_layer(n, seed),
        _head_note(found, n),
    )


def _loss_bars(found, n):
    names, heights = list(found), list(found.values())
    told = ", ".join(f"{name} {_nats(x)}" for name, x in found.items())
    return Figure(
        [
            bars(names[:-DRAWS], heights[:-DRAWS], "by a score", "cost", text=[_nats(x) for x in heights[:-DRAWS]]),
            bars(names[-DRAWS:], heights[-DRAWS:], "drawn", "reference", text=[_nats(x) for x in heights[-DRAWS:]]),
        ],
        y_title="Loss added (nats a word)",
        showlegend=False,
        alt=f"Without {counted(n, 'head')} of 32, the nats that the loss grows by, heads chosen by: {told}.",
        yaxis={"range": [min(0.0, 1.2 * min(heights)), 1.15 * max(0.5, *heights)]},
    )


def _nats(x):
    return f"{x:.2f}".replace("-0.00", "0.00")


def _map(S, gone, kind):
    return Matrix(
        np.where(gone, None, np.round(S, 2 if S.max() < 20 else 1)).tolist(),
        [f"layer {i + 1}" for i in range(len(S))],
        [f"{h + 1}" for h in range(S.shape[1])],
        title=f"{kind.capitalize()} of heads 1 to {S.shape[1]}; empty cells are dropped",
        ink="value",
        blank="dropped",
    )


def _by_layer(n, seed):
    by = {kind: dropped(n, kind, seed).sum(1) for kind in (SIZE, RELATIVE)}
    rows = [(i + 1, round(length), int(by[SIZE][i]), int(by[RELATIVE][i])) for i, length in enumerate(streams(seed))]
    return Table(
        ("Layer", "stream", "dropped by size", "by size over stream"),
        rows,
        "Stream: the mean length of what enters the layer, which its heads add to.",
    )


def _head_note(found, n):
    if n == 0:
        return Note("All heads are there.")
    draws = [x for name, x in found.items() if name.startswith("drawn")]
    if found[SIZE] > max(draws):
        return Note("By output size the model loses more than by any of the draws.", "warning")
    return Note("By output size the model loses no more than by the worst of the draws.")


# ---- patterns


@demo(
    "model",
    "target",
    share=Slider("Weights away, where the pattern is free", 10, 70, value=50, step=10, unit="%"),
    shown=Choice("Pattern in the map", PATTERNS, value="2:4"),
    broken=Toggle("Break it: take the fours down the columns"),
    seed=Seed("Texts"),
)
def patterns(share, shown, broken, seed):
    """A share of every matrix's weights at zero, in five patterns; 2:4 takes half, whatever the slider says."""
    found, fit = {}, {}
    for done, pattern in enumerate(PATTERNS):
        yield Progress(done, len(PATTERNS), pattern)
        found[pattern], fit[pattern] = lost_by(pattern, share, broken, seed)
    model = lm.load("target")
    W, x = model.weights["0.gate"], _inputs(seed)["0.gate"]
    yield (
        _pattern_bars(found, share),
        Table(
            ("Pattern", "squares that stay, %", "fours a kernel can take, %"),
            [(pattern, f"{fit[pattern][0]:.0f}", f"{fit[pattern][1]:.0f}") for pattern in PATTERNS],
            "A kernel for 2:4 takes four neighbours of a row of which two at most are not zero.",
        ),
        _corner(W, _mask(W, x, shown, share, broken), shown),
        _pattern_note(fit, broken),
    )


def _mask(W, x, pattern, share, broken):
    if broken and "2:4" in pattern:  # W (n, m): fours of one column, scores of the same weights
        return _fours_of_columns(W, x, pattern)
    return mask_of(W, x, pattern, share / 100)


def _fours_of_columns(W, x, pattern):
    size = np.linalg.norm(x, axis=0) if "Wanda" in pattern else np.ones(W.shape[1])
    return mask_of((np.abs(W) * size).T, None, "2:4", 0.5).T


@cache
def _inputs(seed):
    return inputs_of(lm.load("target"), to_look_at(seed=seed))


@cache
def lost_by(pattern, share, broken, seed):
    """Nats added by a pattern, and of its model the squares that stay and the fours that a kernel can take, in %."""
    if "2:4" in pattern and share != 50:
        return lost_by(pattern, 50, broken, seed)
    if "2:4" not in pattern and broken:
        return lost_by(pattern, share, False, seed)
    model, x = lm.load("target"), _inputs(seed)
    masks = {name: _mask(model.weights[name], x[name], pattern, share, broken) for name in matrices(model)}
    cut = model.with_weights({name: model.weights[name] * mask for name, mask in masks.items()})
    squares = [[float((w.weights[name] ** 2).sum()) for name in masks] for w in (model, cut)]
    fours = np.concatenate([mask.reshape(-1, 4).sum(1) for mask in masks.values()])
    grown = loss_of(cut, some_texts(TEXTS, seed)) - whole_loss(seed)
    return grown, (100 * sum(squares[1]) / sum(squares[0]), 100 * float((fours <= 2).mean()))


def _pattern_bars(found, share):
    heights = list(found.values())
    told = ", ".join(f"{name} {short(max(x, 0))}" for name, x in found.items())
    return Figure(
        [bars([SHORT[name] for name in found], heights, "loss added", "cost", text=[_nats(x) for x in heights])],
        y_title="Loss added (nats a word)",
        alt=f"With {share} % of the weights away where the pattern is free and half in 2:4, the nats that the loss "
        f"grows by: {told}.",
        yaxis={"range": [min(0.0, 1.2 * min(heights)), 1.15 * max(0.1, *heights)]},
    )


SHORT = {ANYWHERE: "anywhere", ROWS: "rows", WANDA: "rows, Wanda", FOURS: "2:4", WANDA_FOURS: "2:4, Wanda"}


def _corner(W, mask, pattern):
    rows, columns = 8, 16
    return Matrix(
        np.where(mask, np.round(np.abs(W), 3), None)[:rows, :columns].tolist(),
        [f"neuron {i + 1}" for i in range(rows)],
        [f"{j + 1}" for j in range(columns)],
        title=f"|w| in a corner of layer 1's gate, {pattern}; empty cells are zero",
        ink="weight",
        blank="zero",
    )


def _pattern_note(fit, broken):
    if broken:
        return Note(
            f"As many zeros, but {100 - fit['2:4'][1]:.0f} % of the fours in rows hold three or four weights: the "
            "kernel refuses the matrix.",
            "warning",
        )
    return Note(f"Of the free patterns, “{ANYWHERE}” leaves {fit[ANYWHERE][1]:.0f} % of the fours as 2:4 wants them: "
                "a zero where no kernel expects it saves nothing.")  # fmt: skip


@cache
def heads_added(kind, n=8, seed=0):
    """For the page's text: what the headline figure shows."""
    return added(n, kind, seed)


def draws_added(n=8, seed=0):
    """For the page's text: the draws of the headline figure."""
    return [added(n, i, seed) for i in range(1, DRAWS + 1)]


@cache
def pattern_added(pattern, share=50, seed=0):
    """For the page's text: what the figure of patterns shows."""
    return lost_by(pattern, share, False, seed)[0]


def pattern_squares(pattern, share=50, seed=0):
    """For the page's text: the squares that stay, in %."""
    return lost_by(pattern, share, False, seed)[1][0]
