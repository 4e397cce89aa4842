"""What the page shows without training: shared and shortly named weights, and soft targets."""

from functools import cache

import numpy as np

from topics.kit import (
    GIB,
    GPUS,
    MODELS,
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Slider,
    Table,
    Toggle,
    bars,
    demo,
    label,
    line,
    lm,
    max_abs_difference,
    points,
    rule,
    softmax,
)
from topics.kit.model.text import NUMBER, encode, held_out, padded
from topics.kit.page.words import counted
from topics.kit.real.costs import weights_bytes
from topics.model_compression.method import (
    best_gap_bits,
    bitmap_bits,
    canonical_codes,
    crossover,
    decoded,
    entropy,
    generalised_jsd,
    huffman_lengths,
    kmeans_quantize,
    magnitude_prune,
    soft_gradient,
)

LEGEND_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}

# ---- shared levels with short names

MATRIX, CODED = "1.v", 1024  # whose weights; how many of them are written as bits and read again
BITMAP, GAPS = "a bit for each weight", "gaps between values"


@demo(
    "instant",
    "target",
    k=LogSlider("Levels", 2, 64, value=16),
    pruned=Slider("Weights that are pruned", 0, 95, value=50, step=5, unit="%"),
    places=Choice("Where the others are", (BITMAP, GAPS), value=BITMAP),
    broken=Toggle("Break it: don't store where they are"),
)
def shared_and_named(k, pruned, places, broken):
    """One matrix of the house model, pruned, the others on a few shared levels, which Huffman's code names."""
    W, kept, levels, codes = _shared(k, pruned)
    at = np.flatnonzero(kept)
    counts = np.bincount(codes, minlength=k)
    lengths = huffman_lengths(counts)
    names = canonical_codes(lengths)
    parts = _bits(counts, lengths, at, W.size, k, places, broken)
    read = read_again(kept, names, levels, codes, at, places, broken)
    off = max_abs_difference(read, kept[:CODED])
    h = entropy(counts)
    return (
        _levels(W, at, levels, k, pruned),
        _where_bits_go(parts, places),
        Metrics(
            ("Bits a weight", sum(parts["Huffman's code"]), "", "values + places + levels"),
            ("Levels in use", int((counts > 0).sum()), "", f"of {k}, evenly spaced before the first round"),
            ("Bits a value, fixed length", int(np.ceil(np.log2(k))), "", f"log₂ {k}, rounded up"),
            ("Bits a value, Huffman", float((counts * lengths).sum() / counts.sum()), ""),
            ("Entropy of the levels", h, "bits a value", "no code for single values does better"),
        ),
        Badge(f"{CODED:,} weights written as bits and read again: max|Δ|", off, 0.0),
        _names(counts, names, levels),
        Note("Values without places: they are read as if none were missing, and all slide to wrong weights.", "warning")
        if broken and pruned
        else Note(_advice(1 - pruned / 100, np.ceil(np.log2(k)))),
    )  # fmt: skip


@cache
def _weights():
    return lm.load("target").weights[MATRIX].astype(float).ravel()


def _shared(k, pruned):
    """The weights, what is kept of them on shared levels, the levels, and the codes of those that are kept."""
    W = _weights()
    kept = magnitude_prune(W, pruned / 100)
    at = np.flatnonzero(kept)
    levels, codes = kmeans_quantize(kept[at], k)
    kept[at] = levels[codes]
    return W, kept, levels, codes


def gap_width(at):
    """The width of gaps that takes the least bits for these places (n,), by trying, and its padding zeros."""
    zeros = np.diff(at, prepend=-1) - 1  # before each value
    padding = {g: int((zeros >> g).sum()) for g in range(1, 9)}
    g = min(padding, key=lambda g: (len(at) + padding[g]) * (g + 4))
    return g, padding[g]


def _bits(counts, lengths, at, N, k, places, broken):
    """{code: (values, places, levels)} in bits a weight."""
    g, padding = gap_width(at)
    full = len(at) == N
    where = 0.0 if broken or full else 1.0 if places == BITMAP else g * (len(at) + padding) / N
    more = 0 if places == BITMAP or broken or full else padding
    fixed, huffman = int(np.ceil(np.log2(k))), float((counts * lengths).sum())
    book = 16 * k / N
    return {
        "fixed length": ((len(at) + more) * fixed / N, where, book),
        "Huffman's code": ((huffman + more * lengths.max()) / N, where, book),
        "entropy": ((len(at) * entropy(counts) + more * lengths.max()) / N, where, book),
    }


def read_again(kept, names, levels, codes, at, places, broken):
    """The first CODED weights, written as one text of bits and read from it: (CODED,)."""
    n = int(np.searchsorted(at, CODED))
    bits = "".join(names[int(code)] for code in codes[:n])
    values = levels[decoded(bits, names, n)] if n else np.zeros(0)
    read = np.zeros(CODED)
    if broken:
        read[:n] = values
        return read
    if places == BITMAP:
        there = "".join("1" if w else "0" for w in kept[:CODED])
        read[[i for i, bit in enumerate(there) if bit == "1"]] = values
    else:
        zeros = np.diff(at[:n], prepend=-1) - 1
        read[np.cumsum(zeros + 1) - 1] = values
    return read


def _advice(density, b):
    gaps, g = best_gap_bits(density, b)
    least = "gaps" if gaps < bitmap_bits(density, b) else "a bit for each weight"
    if density == 1:
        return "Nothing is pruned, so nothing needs a place."
    return f"Values of {counted(int(b), 'bit')}, {100 * density:.0f} % kept by chance: cheaper is {least}" + (
        f", in {counted(g, 'bit')} each." if least == "gaps" else "."
    )


def _levels(W, at, levels, k, pruned):
    edges = np.linspace(-np.abs(W).max(), np.abs(W).max(), 61)
    middle = (edges[1:] + edges[:-1]) / 2
    both = [np.histogram(w, edges)[0] for w in (W[at], np.delete(W, at))]
    return Figure(
        [bars(middle, both[0], "kept", "output"), bars(middle, both[1], "pruned", "reference")],
        x_title=f"Weight of value, layer 2 ({len(W):,} weights)",
        y_title="How many",
        alt=f"{len(W):,} weights, the largest {np.abs(W).max():.2f}. {pruned} %, the smallest, are pruned; the others "
        f"share {k} levels from {levels[0]:.2f} to {levels[-1]:.2f}.",
        height=260,
        barmode="stack",
        bargap=0.05,
        shapes=[rule(x=float(x), dash="dot") for x in levels],
        legend=LEGEND_ABOVE,
        showlegend=True,
    )


def _where_bits_go(parts, places):
    names = list(parts)
    inks = (("values", "output"), ("places", "cost"), ("levels", "reference"))
    told = "; ".join(f"{name} {v:.2f} for values, {p:.2f} for places, {b:.3f} for levels"
                     for name, (v, p, b) in parts.items())  # fmt: skip
    return Figure(
        [bars(names, [parts[name][i] for name in names], what, ink) for i, (what, ink) in enumerate(inks)],
        x_title=f"Code of the values; places: {places}",
        y_title="Bits a weight",
        alt=f"Bits a weight, pruned ones counted too: {told}.",
        height=280,
        barmode="stack",
        legend=LEGEND_ABOVE,
        showlegend=True,
    )


def _names(counts, names, levels):
    order = sorted(names, key=lambda i: (-counts[i], i))[:6]
    return Table(
        ("Level", "Of the values, %", "Its name"),
        [(f"{levels[i]:.3f}".replace("-", "−"), round(100 * float(counts[i] / counts.sum()), 1), _in_fours(names[i]))
         for i in order],
        "The commonest levels. No name is the beginning of another, so nothing stands between them.",
    )  # fmt: skip


def _in_fours(bits):
    return " ".join(bits[i : i + 4] for i in range(0, len(bits), 4))


def gaps_win_from(b):
    """Above which share of zeros, in %, gaps take fewer bits than one bit for each weight; values of b bits."""
    return 100 - 100 * crossover(lambda x: best_gap_bits(x, b)[0] > bitmap_bits(x, b), 0.01, 0.9)


def pruning_pays_from(b):
    """From which share of zeros, in %, a bit for each weight and values of b bits take less than b bits each."""
    return 100 / b


# ---- soft targets

LARGE, LEARNERS = "target", ("untrained", "draft")
SAID = "[blunt] story : Anna got coins . Ben"
TEMPERATURES = (1, 1.5, 2, 3, 4, 6, 8)
WORDS_SHOWN = ("got", "hits", "grabs", "throws", "has", "visits", "takes", "gives")
TEXTS = 8


@demo(
    "model",
    "target",
    "draft",
    T=Choice("Temperature T", TEMPERATURES, value=4),
    student=Choice("Student", LEARNERS, value="untrained"),
    plain=Toggle("Break it: leave out T²"),
)
def soft_targets(T, student, plain):
    """The next word by a teacher and a student at a temperature, and how strongly the student is pulled."""
    squared, unsquared = (pull(T, student, each) for each in (True, False))
    law = softmax(_next(LARGE) / T)
    return (
        _two_laws(T, student),
        _pulls(T, student, plain),
        Metrics(
            ("Pull of the teacher", unsquared if plain else squared, "times that at T = 1", "mean length of the slope "
             f"over the words of {TEXTS} texts"),
            ("Pull of the labels", 1.0, "times that at T = 1", "labels know no temperature"),
            ("Words with 1 % or more", int((law >= 0.01).sum()), "", f"of {len(law)}, in the teacher's law"),
        ),
        _pull_note(T, student, plain, unsquared if plain else squared),
    )  # fmt: skip


def _pull_note(T, student, plain, now):
    if T == 1:
        return Note("At T = 1 both are the same. Choose a higher temperature.")
    if plain:
        lost = "what was mixed half and half no longer is" if now < 0.5 else "this student is near its teacher already"
        return Note(
            f"Without T² the teacher pulls {now:.2f} times as hard as at 1, and labels as ever: {lost}.", "warning"
        )
    if student == "draft":
        return Note("The draft agrees with the teacher on likely words. A high temperature asks about the others, "
                    f"of which no training told it anything: the pull is {now:.1f} times that at 1.")  # fmt: skip
    return Note(f"With T² the pull is {now:.2f} times that at 1: of the same order, so labels still count.")


@cache
def _logits(name):
    """A model's logits on the words of TEXTS texts, (N, V); the untrained one's are all 0."""
    words, _, real = padded(held_out(TEXTS, start=55_000))
    z = lm.forward(lm.load(LARGE if name == "untrained" else name), words)[real].astype(float)
    return 0 * z if name == "untrained" else z


@cache
def _next(name):
    """The same of the word after SAID, (V,)."""
    z = lm.forward(lm.load(LARGE if name == "untrained" else name), encode(SAID))[-1].astype(float)
    return 0 * z if name == "untrained" else z


@cache
def pull(T, student, squared):
    """The mean length of the slope over all words, in parts of that at T = 1."""
    here, one = (np.linalg.norm(soft_gradient(_logits(student), _logits(LARGE), t, squared), axis=-1).mean()
                 for t in (T, 1))  # fmt: skip
    return float(here / one)


def _two_laws(T, student):
    at = [NUMBER[word] for word in WORDS_SHOWN]
    p, q = (100 * softmax(_next(name) / T)[at] for name in (LARGE, student))
    return Figure(
        [bars(WORDS_SHOWN, p, "teacher", "output"), bars(WORDS_SHOWN, q, f"student, {student}", "error")],
        x_title="Next word after “Anna got coins . Ben”",
        y_title="Probability (%)",
        alt=f"At T = {T:g}, by the teacher and by the student ({student}): "
        + "; ".join(f"{word} {a:.1f} and {b:.1f} %" for word, a, b in zip(WORDS_SHOWN, p, q, strict=True))
        + ".",
        height=290,
        legend=LEGEND_ABOVE,
        showlegend=True,
    )


def _pulls(T, student, plain):
    both = [[pull(t, student, squared) for t in TEMPERATURES] for squared in (True, False)]
    top = max(1.0, *both[0], *both[1])
    names = ("T² · KL", "KL alone")
    return Figure(
        [
            line(TEMPERATURES, both[0], names[0], "output", mode="lines+markers"),
            line(TEMPERATURES, both[1], names[1], "error", "dash", mode="lines+markers"),
            points([T], [both[plain][TEMPERATURES.index(T)]], "chosen", "query",
                   marker={"symbol": "diamond", "size": 13}),
        ],
        x_title="Temperature T",
        y_title="Pull (times that at T = 1)",
        alt="How strongly the teacher pulls the student, at T = "
        + "; ".join(
            f"{t:g}: {x:.2f} with T², {y:.2f} without" for t, x, y in zip(TEMPERATURES, *both, strict=True)
        )
        + ".",
        height=280,
        xaxis={"range": [0.7, 8.3]},
        yaxis={"range": [0, 1.2 * top]},
        annotations=[label(8, both[i][-1], names[i], xanchor="right", yanchor="bottom", yshift=7) for i in (0, 1)],
        showlegend=False,
    )  # fmt: skip


# ---- for the page's text


def named(k, pruned, places=BITMAP):
    """What shared_and_named says, in bits."""
    W, kept, _, codes = _shared(k, pruned)
    counts = np.bincount(codes, minlength=k)
    lengths = huffman_lengths(counts)
    parts = _bits(counts, lengths, np.flatnonzero(kept), W.size, k, places, False)["Huffman's code"]
    return {
        "Huffman": float((counts * lengths).sum() / counts.sum()),
        "entropy": entropy(counts),
        "places": float(parts[1]),
        "all": float(sum(parts)),
        "used": int((counts > 0).sum()),
    }


def jsd_part(lam):
    """The generalised Jensen–Shannon divergence over KL(p ‖ q), of two laws of four words."""
    p, q = np.array([0.7, 0.2, 0.05, 0.05]), np.array([0.4, 0.3, 0.2, 0.1])
    return float(generalised_jsd(p, q, lam) / (p * np.log(p / q)).sum())


def gigabytes(name, kind="BF16"):
    """Weights of a real model, in GB."""
    return weights_bytes(MODELS[name], kind) / 1e9


def printed_gb(name):
    """A GPU's memory as its sheet prints it: a printed GB is a GiB."""
    return GPUS[name].memory / GIB


def smallest(name, kind):
    """The machine of least memory that holds a real model's weights."""
    fit = [gpu for gpu in GPUS if GPUS[gpu].memory >= weights_bytes(MODELS[name], kind)]
    return min(fit, key=lambda gpu: GPUS[gpu].memory) if fit else "none of these"
