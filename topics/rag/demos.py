"""What the page on retrieval shows beside the search itself: how often it finds, chunks, few of many vectors, and how
few numbers a vector needs."""

from functools import cache

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Table,
    Text,
    Toggle,
    demo,
    line,
    points,
)
from topics.kit.model.data import data_file, tensors
from topics.kit.numerics import stored
from topics.kit.page.words import counted
from topics.rag.method import cosine_top_k, mean_reciprocal_rank, recall_at
from topics.rag.nearest import graph_search, ivf_search, moment_curve, pair_question, pairs_found
from topics.rag.recorded import BUDGETS, CHUNKS, EVERYDAY, NEAR, PROBES, SITE, WIDTHS
from topics.rag.site import word_vectors

# ---- how often it is found

SHOWN = {
    "overlap": "shared words, counted",
    "BM25": "BM25",
    "LSA": "LSA",
    "one vector": "one vector",
    "word by word": "word by word",
    "both, fused": "both, fused",
    "BM25, without the 1": "BM25 with plain IDF",
    "MiniLM": "MiniLM",
    "MiniLM + BM25": "MiniLM + BM25",
}
SETS = {"this site": SITE, "everyday": EVERYDAY}


@demo(k=Slider("Passages looked at", 1, 20, value=5), which=Choice("Questions", tuple(SETS), value="this site"))
def how_often(k, which):
    """Recorded: the share of questions whose passage is among the first k, with one standard error."""
    ranks = {name: SETS[which][name] for name in SHOWN}
    share = {name: recall_at(r, k) for name, r in ranks.items()}
    at = range(len(SHOWN) - 1, -1, -1)
    whiskers = []
    for y, (name, r) in zip(at, ranks.items(), strict=True):
        off = error_of(share[name], len(r))
        ends = [100 * max(share[name] - off, 0), 100 * min(share[name] + off, 1)]
        whiskers.append(line(ends, [y, y], SHOWN[name], "reference", showlegend=False))
    n = len(ranks["BM25"])
    return (
        Figure(
            [*whiskers, points([100 * x for x in share.values()], list(at), "found", "output")],
            x_title=f"Found among the first {k} (%)" if k > 1 else "Found at the first place (%)",
            y_title="Ranker",
            alt=f"Found among the first {k} of {counted(n, 'question')}: "
            + ", ".join(f"{SHOWN[name]} {100 * x:.0f} %" for name, x in share.items()) + ".",
            height=380,
            showlegend=False,
            xaxis={"range": [-2, 102]},
            yaxis={"tickvals": list(at), "ticktext": list(SHOWN.values()), "range": [-0.6, len(SHOWN) - 0.4]},
        ),
        Table(
            ("Ranker", "first (%)", f"in {k} (%)", "MRR"),
            [(SHOWN[name], percent(recall_at(r, 1)), percent(share[name]), f"{mean_reciprocal_rank(r):.2f}")
             for name, r in ranks.items()],
        ),
        Note(f"The bars are one standard error: {n} questions, of which each has one passage that counts as right."),
    )  # fmt: skip


def error_of(share, n):
    """The standard error of a share of n questions."""
    return float(np.sqrt(share * (1 - share) / n))


def percent(x):
    return f"{100 * x:.0f}"


def share_found(name, k, which="this site"):
    """For the page's text: percent found among the first k."""
    return 100 * recall_at(SETS[which][name], k)


def apart(one, other, k, which="this site"):
    """(questions that only the first found among k, only the second): what a difference rests on."""
    a, b = (np.asarray(SETS[which][name]) <= k for name in (one, other))
    return int((a & ~b).sum()), int((b & ~a).sum())


# ---- chunks

SIZES = tuple(sorted({size for size, _, _ in CHUNKS}))


@demo(
    budget=LogSlider("Words that may be read", 100, 800, value=400),
    overlapping=Toggle("Chunks overlap by half", value=False),
    titled=Toggle("Title and heading in front", value=True),
)
def cut_in_chunks(budget, overlapping, titled):
    """Recorded: how much of the right paragraph is read, by the size of chunks, if only so many words may be."""
    at, traces, told = BUDGETS.index(budget), [], []
    for ranker, ink, dash in (("BM25", "key", "solid"), ("word by word", "value", "dash")):
        means, errors = zip(*[CHUNKS[size, overlapping, titled][ranker][at] for size in SIZES], strict=True)
        traces.append(line(SIZES, [100 * m for m in means], ranker, ink, dash, mode="lines+markers"))
        traces += [line([size, size], [100 * (m - e), 100 * (m + e)], ranker, ink, showlegend=False)
                   for size, m, e in zip(SIZES, means, errors, strict=True)]  # fmt: skip
        told.append(f"{ranker} " + ", ".join(f"{100 * m:.0f}" for m in means))
    return (
        Figure(
            traces,
            x_title="Words in a chunk",
            y_title="Of the right paragraph, read (%)",
            alt=f"With {budget} words read, chunks of {', '.join(map(str, SIZES))} words: {'; '.join(told)} percent of "
            "the right paragraph are read, in the mean.",
            xaxis={"type": "log", "tickvals": SIZES, "ticktext": [str(s) for s in SIZES]},
            yaxis={"range": [0, 60]},
            showlegend=True,
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Table(
            ("Words in a chunk", "BM25 (%)", "word by word (%)"),
            [(size, *(f"{100 * m:.0f} ± {100 * e:.0f}" for m, e in
                      (CHUNKS[size, overlapping, titled][r][at] for r in ("BM25", "word by word")))) for size in SIZES],
        ),
    )  # fmt: skip


def read_share(size, budget, ranker="BM25", overlapping=False, titled=True):
    """For the page's text, in percent."""
    return 100 * CHUNKS[size, overlapping, titled][ranker][BUDGETS.index(budget)][0]


# ---- near enough


@cache
def nearest_data():
    """(words, X (V, 64), centres (C, 64), cell (V,), neighbours (V, M), where a walk starts)"""
    arrays, metadata = tensors(data_file("nearest"))
    number, vectors = word_vectors()
    V = int(metadata["words"])
    X = vectors[:V] / np.linalg.norm(vectors[:V], axis=1, keepdims=True)
    centres = arrays["centres"].astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return tuple(number)[:V], X, centres, arrays["cell"], arrays["neighbours"], int((X @ X.mean(0)).argmax())


@demo(
    "model",
    "words",
    "nearest",
    probes=LogSlider("Cells looked into", 1, 128, value=4),
    width=LogSlider("Width of the walk", 10, 320, value=20),
    word=Text("Word", "doctor", limit=20, examples=("paris", "softmaxing")),
)
def near_enough(probes, width, word):
    """The ten words nearest to a word, by all products, by few cells and by a walk on a graph."""
    words, X, centres, cell, neighbours, start = nearest_data()
    known = word.strip().lower() in words
    i = words.index(word.strip().lower()) if known else words.index("doctor")
    q = X[i]
    best, _ = cosine_top_k(q, X, 11)
    true = [n for n in best.tolist() if n != i][:10]
    by_cells, looked = ivf_search(q, X, centres, cell, probes, 11)
    by_walk, walked = graph_search(q, X, neighbours, start, width, 11)
    whole, _ = ivf_search(q, X, centres, cell, len(centres), 11)
    both = by_cells, by_walk
    lists = [spread(how) for how in ("lists", "graph")]
    here = [at_setting(PROBES, lists[0], probes), at_setting(WIDTHS, lists[1], width)]
    return (
        Figure(
            [line([100 * s for _, s in curve], [100 * r for r, _ in curve], *look, mode="lines+markers")
             for curve, look in zip(lists, (("cells", "key", "solid"), ("graph", "output", "dash")), strict=True)]
            + [points([100 * s for _, s in here], [100 * r for r, _ in here], "set here", "error", "diamond")],
            x_title="Of all products, computed (%)",
            y_title="Of the ten nearest, found (%)",
            alt=f"Recorded, 200 words in each of three seeds: {counted(probes, 'cell')} find {100 * here[0][0]:.0f} % "
            f"of the ten nearest with {100 * here[0][1]:.1f} % of the products, a walk of width {width} "
            f"{100 * here[1][0]:.0f} % with {100 * here[1][1]:.1f} %.",
            xaxis={"type": "log", "tickvals": [3, 10, 30, 100], "ticktext": ["3", "10", "30", "100"]},
            yaxis={"range": [0, 105]},
            showlegend=True,
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Table(
            ("Nearest", "cosine", "cells", "graph"),
            [(words[n], f"{float(X[n] @ q):.2f}", *("found" if n in some.tolist() else "missed" for some in both))
             for n in true],
        ),
        Metrics(
            ("Products, all words", len(X), ""),
            ("Products, cells", looked, ""),
            ("Products, graph", walked, ""),
        ),
        Badge("All cells against a full search: words that differ", len(set(whole.tolist()) ^ set(best.tolist())), 0),
        Note(f"“{words[i]}” among the {len(X):,} commonest words of MiniLM's vocabulary." if known else
             f"“{word.strip()}” is not among the {len(X):,} words; here is “doctor”.", "info" if known else "warning"),
    )  # fmt: skip


def spread(how):
    """[(recall, share looked at)], the mean over three seeds."""
    return np.mean(NEAR[how], axis=0).tolist()


def at_setting(stops, curve, value):
    """The recorded point of a slider's stop."""
    return curve[min(range(len(stops)), key=lambda n: abs(stops[n] - value))]


# ---- four numbers

HELD = {
    "FP64": lambda x: x,
    "FP32": lambda x: stored(x, "FP32"),
    "FP16": lambda x: stored(x, "FP16"),
    "INT8": lambda x: np.rint(x / (np.abs(x).max() / 127)),  # a scale for all changes no order
}


@demo(
    n=Slider("Passages", 5, 80, value=20, step=5),
    form=Choice("Numbers kept in", tuple(HELD), value="FP16"),
    seed=Seed("Pair"),
)
def four_numbers(n, form, seed):
    """Each passage is four numbers. One question of four numbers for every pair of them: which of these work?"""
    a, b = np.sort(np.random.default_rng(seed).choice(n, 2, replace=False))
    t, X = np.linspace(-1, 1, n), moment_curve(n)
    scores = HELD[form](pair_question(t[a], t[b])[None]) @ HELD[form](X).T
    scores = scores[0] / max(np.abs(scores).max(), 1e-12)
    share, _ = pairs_found(n, HELD[form])
    exact, margin = pairs_found(n, HELD["FP64"])
    two = np.argsort(-scores, kind="stable")[:2]
    return (
        Figure(
            [points(t, scores, "passages", "key"),
             points(t[two], scores[two], "two highest", "output", "square"),
             points(t[[a, b]], [1.12, 1.12], "asked for", "error", "triangle-up")],
            x_title="Place t of a passage",
            y_title="Score, largest 1",
            alt=f"{counted(n, 'passage')} on a curve; asked for are those at {t[a]:.2f} and {t[b]:.2f}, highest are "
            f"those at {t[two.min()]:.2f} and {t[two.max()]:.2f}. In {form} {100 * share:.0f} % of "
            f"{n * (n - 1) // 2:,} pairs come out.",
            yaxis={"range": [-1.15, 1.3]},
            showlegend=True,
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(
            (f"Pairs that come out in {form}", 100 * share, "%", "whose two passages have the two highest scores"),
            ("In FP64", 100 * exact, "%"),
            ("Smallest lead in FP64", f"{margin:.1e}".replace("e-0", "e-"), "", "of the second over the third"),
        ),
    )  # fmt: skip
