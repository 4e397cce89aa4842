"""Rotary position embedding: pairs of numbers turn like clock hands, so that a score knows distances and no positions.

T tokens   i the position that asks, j the one that answers   D width of queries and keys, in D/2 pairs p
θ angle that a pair turns from one position to the next   λ its wavelength, the positions of a whole turn
C positions that a model was trained on   f factor by which that is to be stretched
Half-split: pair p is (x_p, x_{p+D/2}), as in Hugging Face's Llama and the house model. Interleaved: (x_2p, x_2p+1), as
in the paper and in Meta's code.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from topics.kit import (
    Badge,
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Text,
    Tokens,
    demo,
    exercise,
    label,
    line,
    lm,
    max_abs_difference,
    points,
    rule,
    softmax,
)
from topics.kit.language import BLUNT, CONTEXT, SUNG
from topics.kit.rotary import apply_rope, rope_frequencies
from topics.kit.text import decode, encode, held_out, padded, read
from topics.kit.words import counted

# ---- the rotation


def half_split_order(D):
    """The order that takes an interleaved vector x to a half-split one, x[..., half_split_order(D)].

    >>> half_split_order(8).tolist()
    [0, 2, 4, 6, 1, 3, 5, 7]
    """
    return np.concatenate([np.arange(0, D, 2), np.arange(1, D, 2)])


def scores_by_distance(q, k, distances, theta):
    """q·k of every q at position i with its k at position j, from i − j alone (eq:relative).

    q, k       (n, D)  half-split   distances  (m,)
    returns    (m, n)
    """
    (a, b), (c, d) = np.split(q, 2, -1), np.split(k, 2, -1)  # (n, D/2)
    along, across = a * c + b * d, a * d - b * c
    turns = distances[:, None] * theta  # (m, D/2)
    return np.cos(turns) @ along.T + np.sin(turns) @ across.T


# ---- frequencies for longer texts

WAYS = ("none", "linear", "NTK-aware", "YaRN", "Llama 3.1")


def scale_frequencies(D, base, way, f, C):
    """The frequencies of a model that was trained on C positions, stretched to f times as many (eq:blend).

    way      "none", "linear", "NTK-aware", "YaRN" or "Llama 3.1"
    returns  θ (D/2,), and a factor on queries and on keys: YaRN's temperature (eq:temperature), else 1
    raises   ValueError at another way
    """
    if way not in WAYS:
        raise ValueError(f"no way to stretch is called {way!r}; there are {', '.join(WAYS)}")
    theta, pairs = rope_frequencies(D, base), np.arange(D // 2)
    turns = C * theta / (2 * np.pi)  # (D/2,) of each pair within C positions
    if way == "NTK-aware":
        return theta * f ** (-2 * pairs / (D - 2)), 1.0
    if way == "YaRN":
        fast, slow = (D * np.log(C / (2 * np.pi * n)) / (2 * np.log(base)) for n in (32, 1))  # pairs of n turns
        first, last = max(np.floor(fast), 0), min(np.ceil(slow), D - 1)
        keep = (last - pairs) / max(last - first, 0.001)
    elif way == "Llama 3.1":
        keep = (turns - 1) / (4 - 1)  # all from 4 turns on, nothing up to 1
    else:
        keep = np.full(D // 2, 1.0 if way == "none" else 0.0)
    keep = np.clip(keep, 0, 1)  # κ, (D/2,)
    return keep * theta + (1 - keep) * theta / f, 0.1 * np.log(f) + 1 if way == "YaRN" else 1.0


def wavelengths(theta):
    """Positions that each pair takes for a whole turn (eq:wavelength)."""
    return 2 * np.pi / theta


def unturned(D, base, C):
    """How many of the D/2 pairs never complete a turn within C positions.

    >>> unturned(128, 10_000, 4096), unturned(128, 500_000, 4096), unturned(128, 500_000, 8192)
    (18, 32, 29)
    """
    return int((wavelengths(rope_frequencies(D, base)) > C).sum())


class Rotary(NamedTuple):
    """How a model turns queries and keys: the width D that is turned, what it was trained on and stretched to."""

    D: int
    base: int
    C: int
    way: str = "none"
    f: int = 1


# Cited in references.bib as touvron2023llama2, roziere2023, llama2024herd, meta2024code, qwen2024, deepseek2024v3,
# openai2025; the house model's own numbers are in training/README.md.
ROTARY = {
    "house model": Rotary(16, 10_000, 128),
    "Llama-2-7B": Rotary(128, 10_000, 4096),
    "Code Llama 7B": Rotary(128, 1_000_000, 16_384),
    "Llama-3-8B": Rotary(128, 500_000, 8192),
    "Llama-3.1-8B": Rotary(128, 500_000, 8192, "Llama 3.1", 8),
    "Qwen2.5-7B": Rotary(128, 1_000_000, 32_768, "YaRN", 4),
    "DeepSeek-V3": Rotary(64, 10_000, 4096, "YaRN", 40),
    "gpt-oss-120b": Rotary(64, 150_000, 4096, "YaRN", 32),
}


def never_turn(name):
    """Of a model of ROTARY: the share of pairs that never complete a turn in training, in percent."""
    m = ROTARY[name]
    return 100 * unturned(m.D, m.base, m.C) / (m.D // 2)


def slowest(name):
    """The longest wavelength of a model of ROTARY, as it was trained, in positions."""
    m = ROTARY[name]
    return float(wavelengths(rope_frequencies(m.D, m.base))[-1])


# ---- demos

PRECISIONS = {"FP64": 53, "FP32": 24, "BF16": 8}  # bits of a number's fraction, the leading one counted
FAULTS = ("none", "add the position instead", "pair the key's numbers differently")
APART = 2.5  # between the middles of two dials of radius 1


@demo(
    place=Slider("Position of the key", 0, 60, value=20),
    distance=Slider("The query stands further on by", 0, 24, value=3),
    start=Choice("The text begins at", (0, 100_000), value=0),
    fault=Choice("Break it", FAULTS, value="none"),
    precision=Choice("Angles computed in", tuple(PRECISIONS), value="FP64"),
    seed=Seed(value=149),
)
def clock_hands(place, distance, start, fault, precision, seed):
    """A query and a key of four pairs, as clock hands at their positions, and what their dot product makes of them."""
    q, k = np.random.default_rng(seed).normal(size=(2, 8))
    j, bits, theta = start + place, PRECISIONS[precision], rope_frequencies(8, 10_000)
    at_0 = placed(q, k, distance, 0, theta, fault, bits)
    q, k = (x.reshape(2, 4).T for x in placed(q, k, distance + j, j, theta, fault, bits))  # (4, 2), a pair each
    parts, before = (q * k).sum(1), float(at_0[0] @ at_0[1])
    now, between = float(parts.sum()), _degrees(q) - _degrees(k)
    lengths = np.hypot(*q.T) * np.hypot(*k.T)
    rows = [
        [f"{p}", *_whole(*angles), *(round(float(x), 2) for x in (lengths[p], parts[p]))]
        for p, angles in enumerate(zip(_degrees(q), _degrees(k), between, strict=True))
    ]
    return (
        _dials(q, k, [row[3] for row in rows], j, distance),
        Metrics(
            ("q·k here", now, "", "the sum of the last column"),
            ("q·k with the key at 0", before, "", f"and the query at {distance}"),
        ),
        Badge("Shifted against unshifted: |Δ|", abs(now - before), 1e-9),
        Table(
            ["p", "q°", "k°", "∠°", "r r′", "adds"],
            rows,
            "Each pair adds the product of its two lengths, times the cosine of the angle ∠ between",
        ),
        _hands_note(fault, precision, abs(now - before)),
    )


def placed(q, k, i, j, theta, fault="none", bits=53):
    """q at position i and k at position j, ready for their dot product, in a precision, or with a fault of FAULTS."""
    at_i, at_j = (rounded(rounded(position, bits) * rounded(theta, bits), bits) for position in (i, j))
    if fault == "add the position instead":
        return tuple(x + np.concatenate([np.cos(a), np.sin(a)]) for x, a in ((q, at_i), (k, at_j)))
    return apply_rope(q, at_i), apply_rope(k, at_j, interleaved=fault == "pair the key's numbers differently")


def rounded(x, bits):
    """x to the nearest number with so many bits of fraction.

    >>> rounded(np.array([256.0, 257.0, 259.0]), 8).tolist()   # BF16 has no odd number beyond 256
    [256.0, 256.0, 260.0]
    """
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)


def drift(at, precision, D=128, base=10_000, n=32):
    """How far q·k moves when both go `at` positions further on: the root mean square over n random pairs of q and k,
    the query 3 positions behind its key at first."""
    rng, theta, bits = np.random.default_rng(0), rope_frequencies(D, base), PRECISIONS[precision]
    moved = []
    for q, k in rng.normal(size=(n, 2, D)):
        (a, b), (c, d) = placed(q, k, 3, 0, theta, bits=bits), placed(q, k, 3 + at, at, theta, bits=bits)
        moved.append(a @ b - c @ d)
    return float(np.sqrt(np.mean(np.square(moved))))


def _degrees(hands):
    return np.degrees(np.arctan2(hands[:, 1], hands[:, 0]))


def _whole(*angles):
    """Angles in whole degrees from 0 to 359; a computed one may lie a hair on either side of its true value."""
    return [round(float(angle) + 1e-6) % 360 for angle in angles]


def _dials(q, k, between, j, distance):
    """Four clock faces, each with the query's hand and the key's, to one scale."""
    longest = max(np.hypot(*q.T).max(), np.hypot(*k.T).max())
    at, around = APART * np.arange(4), np.radians(np.arange(0, 361, 15))
    rims = [np.append(c + np.cos(around), np.nan) for c in at], [np.append(np.sin(around), np.nan)] * 4
    hands = []
    for hand, letter, dash in ((q / longest, "query", "solid"), (k / longest, "key", "dash")):
        tips = hand * (1 + 0.24 / np.hypot(*hand.T))[:, None]  # the letter stands beyond the tip
        x, y = (np.stack([start, start + each, np.full(4, np.nan)], 1).ravel() for start, each in
                zip((at, 0 * at), hand.T, strict=True))  # fmt: skip
        hands += [
            line(_gaps(x), _gaps(y), letter, letter, dash, hoverinfo="skip"),
            points(at + tips[:, 0], tips[:, 1], "", letter, mode="text", text=[letter[0]] * 4, showlegend=False),
        ]
    return Figure(
        [line(*(_gaps(np.concatenate(rim).round(2)) for rim in rims), "", "reference", showlegend=False,
              hoverinfo="skip", line={"width": 1}), *hands],
        x_title="Pair, and the angle from k to q",
        alt=f"Query at position {j + distance:,}, key at {j:,}: the angles between their hands are "
        f"{', '.join(map(str, between[:3]))} and {between[3]} degrees.",
        height=240,
        xaxis={"range": [-1.4, APART * 3 + 1.4], "tickvals": at, "ticktext": [f"θ = {10.0**-p:g}" for p in range(4)],
               "showgrid": False, "constrain": "domain"},
        yaxis={"range": [-1.85, 1.3], "visible": False, "showgrid": False, "scaleanchor": "x", "constrain": "domain"},
        annotations=[label(c, -1.55, f"{angle}°", xanchor="center", yanchor="middle")
                     for c, angle in zip(at.tolist(), between, strict=True)],
    )  # fmt: skip


def _gaps(values):
    return [None if np.isnan(x) else float(x) for x in values]


def _hands_note(fault, precision, difference):
    if fault == "add the position instead":
        return Note("A vector of sines and cosines is added to q and to k. Their product has four parts; only one "
                    "depends on the distance alone.", "warning")  # fmt: skip
    if fault == "pair the key's numbers differently":
        return Note("The query pairs numbers 0 and 4, 1 and 5, …; the key pairs 0 and 1, 2 and 3, … The turns no "
                    "longer cancel.", "warning")  # fmt: skip
    if difference > 1e-9:
        return Note(f"{precision} rounds positions and angles: the more, the farther on the text begins.", "warning")
    return Note("Both hands of a pair turn by the same angle, so the angle between them stays.")


HABITS = NOTHING, VALUES_TOO, KEYS_ONLY, OTHER_WAY, REORDERED = (
    "nothing",
    "turn the values too",
    "turn keys, not queries",
    "pair the other way",
    "the other way, weights reordered",
)


@demo(
    "model",
    "target",
    shift=LogSlider("All positions moved on by", 1, 8192, value=1024),
    broken=Choice("Break it", HABITS, value="nothing"),
    text=Text(
        "Text",
        "[blunt] song : keys Anna lamps Rome green tea Ben owls ; keys Anna lamps Rome green tea Ben",
        suggest=True,
    ),
)
def shift_a_text(shift, broken, text):
    """The house model reads a text that begins anywhere: what it says next, and how far its logits move."""
    words = read(text, 2, CONTEXT)
    there, here = read_at(words, shift, broken), read_at(words, 0, broken)
    p, trained = softmax(there), softmax(here if broken == NOTHING else read_at(words, 0))
    places = np.arange(len(words) - 1), words[1:]
    says = [(decode([each[-1].argmax()])[0], f"{100 * each[-1].max():.1f} %") for each in (trained, p)]
    losses = [float(-np.log(np.maximum(each[places], 1e-12)).mean()) for each in (trained, p)]
    return (
        Tokens(decode(words), [0.0, *p[places].tolist()], "output",
               f"Shaded by the probability of each word, given those before, the first at position {shift:,}. "
               f"Loss {losses[1]:.2f} nats a word; as trained, {losses[0]:.2f}."),
        Metrics(("Next word, as trained", *says[0]), ("Next word here", *says[1]),
                ("Loss, as trained", losses[0], "nats a word"), ("Loss here", losses[1], "nats a word")),
        Badge(f"Positions from {shift:,} on against 0: max|Δ logit|", max_abs_difference(there, here), 1e-3),
        Note(_shift_note(broken), "info" if broken in (NOTHING, REORDERED) else "warning"),
    )  # fmt: skip


def read_at(words, shift, broken=NOTHING):
    """Logits (..., T, V) of the house model for words (..., T) at positions shift, shift + 1, …, with one of HABITS.

    The model turns q and k by their place in the text; turning them by `shift` beforehand moves the whole text.
    """
    model, places = lm.load("target"), np.arange(np.shape(words)[-1])
    theta, order = lm.rope_frequencies(model.D, model.base), half_split_order(model.D)
    by_shift, back, at_place = (lm.rotation(at, theta) for at in (0 * places + shift, -places, places + shift))
    if broken == REORDERED:
        model = reordered(model, np.argsort(order))

    def see(name, layer, value):
        if name in ("q", "k") and broken in (OTHER_WAY, REORDERED):
            value = value[..., order]  # turned half-split from here on, which is the interleaved turn, reordered
        if name == "q" and broken == KEYS_ONLY:
            return lm.rotate(value, back)  # the model's own turn undoes it
        if name in ("q", "k"):
            return lm.rotate(value, by_shift)
        return lm.rotate(value, at_place) if name == "v" and broken == VALUES_TOO else None

    return lm.forward(model, words, see=see)


def reordered(model, order):
    """The same model, the rows of its query and key matrices reordered within each head."""
    changed = {}
    for name in (f"{layer}.{part}" for layer in range(model.L) for part in "qk"):
        W = model.weights[name]
        changed[name] = W.reshape(-1, model.D, model.d)[:, order].reshape(W.shape)
    return model.with_weights(changed)


@cache
def answered(broken, shift=0, n=16):
    """The share of the words that a text determines, and its loss, over n held-out texts: (percent, nats a word)."""
    texts = held_out(n)
    words, targets, real = padded(texts)
    p = softmax(read_at(words, shift, broken))
    right = [p[row, at - 1].argmax() == targets[row, at - 1] for row, each in enumerate(texts) for at in each.answers]
    losses = -np.log(np.maximum(np.take_along_axis(p, targets[..., None], -1)[..., 0], 1e-12))
    return 100 * float(np.mean(right)), float(losses[real].mean())


def _shift_note(broken):
    return {
        NOTHING: "Scores know positions only as distances, so the whole model does: no logit moves, but for rounding.",
        VALUES_TOO: "Values are mixed, not compared: nothing cancels their turn, and the rest of the model meets "
        "vectors turned by their positions.",
        KEYS_ONLY: "One turn without its counterpart: scores depend on the key's own position.",
        OTHER_WAY: "Scores still know only distances, so the badge holds. But they are not the scores that the model "
        "was trained with, and nothing crashes.",
        REORDERED: "The rows of its query and key matrices, reordered within each head, give the trained scores back.",
    }[broken]


@demo(
    C=LogSlider("Trained on C positions", 128, 131_072, value=4096),
    base=Choice("Base", (10_000, 500_000, 1_000_000), value=10_000),
    D=Choice("Width D", (16, 64, 128), value=128),
    way=Choice("Stretched by", WAYS, value="YaRN"),
    f=LogSlider("Factor f", 1, 64, value=8),
)
def wheels(C, base, D, way, f):
    """The wavelength of every pair beside the length of the training texts, before and after stretching."""
    pairs, theta = np.arange(D // 2), rope_frequencies(D, base)
    scaled, temperature = scale_frequencies(D, base, way, f, C)
    before, after, never = wavelengths(theta), wavelengths(scaled), unturned(D, base, C)
    figure = Figure(
        [
            line(pairs, before, "as trained", "reference", "dash"),
            line(pairs, after, "stretched", "output"),
        ],
        x_title="Pair p",
        y_title="Positions for a whole turn",
        alt=f"Width {D}, base {base:,}: turns take from {before[0]:.1f} to {before[-1]:,.0f} positions. The last "
        f"{never} of {D // 2} pairs never complete one within {C:,}. "
        + ("No stretching." if way == "none" else f"{way}, f = {f}: the slowest takes {after[-1]:,.0f}."),
        height=300,
        yaxis={"type": "log"},
        shapes=[rule(y=C)],
        annotations=[
            label(0, np.log10(C), f"C = {C:,}", xanchor="left", yanchor="bottom"),
        ],
    )
    return (
        figure,
        _speeds(D, base, C, f, way),
        Metrics(
            ("Pairs that never turn in training", never, f"of {D // 2}", f"{200 * never / D:.0f} %: λ > {C:,}"),
            ("Slowest pair, as trained", float(before[-1]), "positions", "2π / θ"),
            ("Slowest pair, stretched", float(after[-1]), "positions", f"{after[-1] / before[-1]:.3g} × as long"),
            ("Scores multiplied by", temperature**2, "", f"{temperature:.3g}², on q and on k"),
        ),
    )


def _speeds(D, base, C, f, way):
    """What each way leaves of every pair's speed, all ways in one picture."""
    pairs, theta = np.arange(D // 2), rope_frequencies(D, base)
    looks = {"linear": ("error", "dot"), "NTK-aware": ("cost", "dash"), "YaRN": ("output", "solid"),
             "Llama 3.1": ("weight", "dashdot")}  # fmt: skip
    kept = {each: 100 * scale_frequencies(D, base, each, f, C)[0] / theta for each in looks}
    return Figure(
        [line(pairs, kept[each], each, *look) for each, look in looks.items()],
        x_title="Pair p",
        y_title="Speed left (%)",
        alt=f"What is left of each pair's speed at f = {f}: linear {100 / f:.3g} % everywhere. YaRN keeps all of the "
        f"speed in {counted((kept['YaRN'] > 99.9).sum(), 'pair')}, Llama 3.1 in {(kept['Llama 3.1'] > 99.9).sum()}, "
        f"NTK-aware in {(kept['NTK-aware'] > 99.9).sum()}.",
        height=280,
        yaxis={"range": [0, 108]},
    )


@demo(
    back=Slider("Query made to look back by", 0, 64, value=0, unit="positions"),
    far=LogSlider("Distances up to", 64, 16_384, value=1024, unit="positions"),
    base=Choice("Base", (10_000, 500_000, 100_000_000), value=10_000),
    D=Choice("Width D", (16, 128), value=128),
    seed=Seed(),
)
def score_by_distance(back, far, base, D, seed):
    """q·k against the distance, for queries made from their key and for queries that have nothing to do with it."""
    theta, n = rope_frequencies(D, base), 48
    k, other = np.random.default_rng(seed).normal(size=(2, n, D))
    made = apply_rope(k, -back * theta)  # at the distance `back`, the turn brings it onto k
    distances = np.unique(np.round(np.concatenate([np.arange(65), np.linspace(0, far, 65)])))  # (m,)
    coarse = np.linspace(0, far, 33)
    same = scores_by_distance(made, k, distances, theta).mean(1) / D  # (m,)
    free = scores_by_distance(other, k, coarse, theta) / D  # (33, n)
    middle, spread = free.mean(1), free.std(1)
    peak = float(distances[same.argmax()])
    return (
        Figure(
            [
                line(coarse, middle + spread, "unrelated, mean ± spread", "reference", "dot"),
                line(coarse, middle - spread, "", "reference", "dot", fill="tonexty", showlegend=False),
                line(distances, same, "query made from its key", "query"),
            ],
            x_title="Distance i − j (positions)",
            y_title="q·k / D",
            alt=f"Queries made from their keys: {same.max():.2f} at distance {peak:.0f}, "
            f"{same[-1]:.2f} at {far:,}. Unrelated ones: {middle[0]:.2f} ± {spread[0]:.2f} at 0, "
            f"{middle[-1]:.2f} ± {spread[-1]:.2f} at {far:,}.",
        ),
        Metrics(
            ("Highest at distance", peak, "", "queries made from their key"),
            ("Related, farthest", float(same[-1]), "", f"mean of {n} at distance {far:,}"),
            ("Unrelated, spread at 0", float(spread[0]), "", f"about 1/√{D} = {D**-0.5:.3f}"),
            ("Unrelated, spread farthest", float(spread[-1]), "", f"over {n} pairs, at {far:,}"),
        ),
        Note(
            f"The query is its key, turned back by {back} positions: a head can learn to look there."
            if back
            else "Query and key are the same vector: nearest fits best, and farther on the pairs fall out of step."
        ),
    )


LINE_LENGTH = 24  # words of a song's line
SONG_WAYS = (*WAYS, "YaRN, no temperature")


@demo(
    "model",
    "target",
    way=Choice("Frequencies", SONG_WAYS, value="YaRN"),
    f=Choice("Length, in contexts of 128 words", (2, 3), value=2),
    seed=Seed("Song"),
)
def beyond_the_context(way, f, seed):
    """A line of words, sung for longer than any text of the house model's training: what it still knows to follow."""
    yield Progress(0, 2, "Reading the song")
    words, found = song(f, seed), {"none": as_trained(f, seed)}
    yield Progress(1, 2, "Reading it again, stretched")
    if way != "none":
        found[way] = sing(words, *stretched(way, f))
    yield _song_views(words, found, f)


@cache
def as_trained(f, seed):
    """What sing gives for a song with the frequencies as they were trained."""
    return sing(song(f, seed), *stretched("none", f))


def song(f, seed):
    """A line of LINE_LENGTH different words, sung again and again, f · CONTEXT words at most: (T,)."""
    rng = np.random.default_rng(seed)
    verse = encode([str(word) for word in rng.choice(SUNG, LINE_LENGTH, replace=False)])
    times = (f * CONTEXT - 3) // (LINE_LENGTH + 1)
    return np.concatenate([encode([BLUNT, "song", ":"]), *[np.append(verse, encode([";"]))] * times])[:-1]


def stretched(way, f):
    """The house model's frequencies (D/2,) and the factor on its queries and on its keys, one of SONG_WAYS."""
    model = lm.load("target")
    theta, temperature = scale_frequencies(model.D, model.base, way.split(",")[0], f, CONTEXT)
    return theta, temperature if way == "YaRN" else 1.0


def sing(words, theta, temperature=1.0):
    """How the house model copies a song with these frequencies.

    words    (..., T)
    returns  the probability of the right word, and whether it was the likeliest, for each word but the first of every
             verse from the second on: (..., verses − 1, LINE_LENGTH − 1) twice
    """
    model = lm.load("target")

    def see(name, layer, value):
        return value * np.float32(temperature**2) if name == "scores" and temperature != 1 else None

    places = _verses(words.shape[-1])[1:, :-1]  # the places before the words
    p = softmax(lm.forward(model, words, frequencies=theta, see=see)[..., places, :])
    following = words[..., places + 1]
    return np.take_along_axis(p, following[..., None], -1)[..., 0], p.argmax(-1) == following


def _verses(T):
    """The places (verses, LINE_LENGTH) of a song's words, the sign between two verses left out."""
    starts = np.arange(3, T, LINE_LENGTH + 1)
    return starts[:, None] + np.arange(LINE_LENGTH)


@cache
def word_before(way, f=2, songs=3):
    """Of the two heads that do it most as trained: their mean weight on the word before, in percent, over a line sung
    once."""
    model, words = lm.load("target"), np.stack([song(f, seed)[: 3 + LINE_LENGTH] for seed in range(songs)])
    t, found = np.arange(4, words.shape[1]), {}
    for each in ("none", way):
        found[each] = np.zeros((model.L, model.H))

        def see(name, layer, value, weight=found[each]):
            if name == "attention":
                weight[layer] = value[..., t, t - 1].mean((0, 2))

        theta, _ = scale_frequencies(model.D, model.base, each, f, CONTEXT)
        lm.forward(model, words, frequencies=theta, see=see)
    best = np.argsort(-found["none"], axis=None)[:2]
    return (100 * found[way].ravel()[best]).tolist()


@cache
def copied(way, f=2, songs=3):
    """The share of words that are copied rightly in the verses within the trained context, and in the last two, in
    percent, over some songs. way: one of SONG_WAYS, or the pairs whose hands alone turn at 1/f of their speed."""
    words = np.stack([song(f, seed) for seed in range(songs)])
    how = stretched(way, f) if isinstance(way, str) else (slowed(way, f),)
    right = sing(words, *how)[1].mean((0, 2))  # (verses − 1,)
    inside = _verses(words.shape[1])[1:, -1] < CONTEXT
    return 100 * float(right[inside].mean()), 100 * float(right[-2:].mean())


def slowed(pairs, f):
    """The house model's frequencies (D/2,), those of some pairs divided by f."""
    theta, _ = stretched("none", f)
    return np.where(np.isin(np.arange(len(theta)), pairs), theta / f, theta)


def _song_views(words, found, f):
    """Two curves over the song, and the last verse word by word."""
    verses = _verses(len(words))
    middle = verses[1:].mean(1)  # (verses − 1,)
    curves = {way: (100 * right.mean(1), -np.log(np.maximum(p, 1e-12)).mean(1)) for way, (p, right) in found.items()}
    way = list(found)[-1]
    p, _ = found[way]
    names = decode(words[verses[-1]])
    last = {each: f"{curve[0][-1]:.0f} %" for each, curve in curves.items()}
    return (
        _song_figure(middle, {each: c[0] for each, c in curves.items()}, "Words copied rightly (%)", [0, 108]),
        _song_figure(middle, {each: c[1] for each, c in curves.items()}, "Loss (nats a word)", None),
        Tokens(names, [0.0, *p[-1].tolist()], "output", f"The last verse, {_called(way)}: shaded by the probability "
               "of the right word, the first apart."),
        Metrics(
            ("Last verse, frequencies as trained", last["none"], ""),
            (f"Last verse, {_called(way)}", last[way], "", f"mean loss {curves[way][1][-1]:.2f} nats"),
        ),
    )  # fmt: skip


def _called(way):
    return "as trained" if way == "none" else way


def _song_figure(x, curves, title, bounds):
    """One measure of each way against the position in the text."""
    looks = {"as trained": ("reference", "dash"), "linear": ("error", "dot"), "NTK-aware": ("cost", "dashdot")}
    most = max(float(np.max(y)) for y in curves.values())
    named = {"as trained" if way == "none" else way: y for way, y in curves.items()}
    return Figure(
        [line(x, y, name, *looks.get(name, ("output", "solid")), mode="lines+markers") for name, y in named.items()],
        x_title="Position in the text (words)",
        y_title=title,
        alt=f"{title}: " + "; ".join(f"{w} {y[0] + 0:.1f} in the second verse, {y[-1] + 0:.1f} in the last"
                                     for w, y in named.items()) + ".",
        height=250,
        xaxis={"range": [0, x[-1] + LINE_LENGTH / 2]},
        yaxis={"range": bounds or [-0.05 * max(most, 1), 1.1 * max(most, 1)]},
        shapes=[rule(x=CONTEXT)],
        annotations=[label(CONTEXT, 0.5, "training ends ", yref="paper", xanchor="right", yanchor="middle")],
    )  # fmt: skip


# ---- exercises


def _score(q, k, distance, theta):
    a, b = np.split(q, 2)
    c, d = np.split(k, 2)
    return np.sum((a * c + b * d) * np.cos(distance * theta) + (a * d - b * c) * np.sin(distance * theta))


@exercise(
    start="""
        def score(q, k, distance, theta):
            # q, k (D,), half-split: pair p is (x[p], x[p + D/2])      theta (D/2,)
            a, b = np.split(q, 2)
            c, d = np.split(k, 2)
            return np.sum((a * c + b * d) * np.cos(distance * theta))
    """,
    solution=_score,
    hint="Turn q by the distance and leave k alone: write the turned pair (a cos − b sin, a sin + b cos), multiply by "
    "(c, d), and sort by cos and sin.",
)
def score_without_turning_twice(answer, rng):
    """Write `score(q, k, distance, theta)`: the dot product of a query at position *i* and a key at position *j*,
    from `distance`, *i* − *j*, alone. The starter code forgets a part that vanishes when q and k are equal."""
    for _ in range(3):
        D = 2 * int(rng.integers(1, 6))
        q, k, theta = rng.normal(size=D), rng.normal(size=D), rng.uniform(0.01, 1, D // 2)
        i, j = (int(n) for n in rng.integers(0, 50, 2))
        expected = 0.0
        for p in range(D // 2):  # complex numbers turn by themselves
            turned = complex(q[p], q[p + D // 2]) * np.exp(1j * i * theta[p])
            other = complex(k[p], k[p + D // 2]) * np.exp(1j * j * theta[p])
            expected += (turned * other.conjugate()).real
        got = answer(q.copy(), k.copy(), i - j, theta.copy())
        assert np.shape(got) == (), f"one number, please; yours has the shape {np.shape(got)}"
        assert abs(got - expected) < 1e-9, f"i = {i}, j = {j}, D = {D}: expected {expected:.6f}, got {got:.6f}"


def _to_half_split(W, D):
    order = half_split_order(D)
    return W.reshape(-1, D, W.shape[1])[:, order].reshape(W.shape)


@exercise(
    start="""
        def to_half_split(W, D):
            # W (H·D, d): D rows for each of H heads, made for interleaved pairs
            return np.concatenate([W[0::2], W[1::2]])
    """,
    solution=_to_half_split,
    hint="The starter code is right for one head. With more, a row must stay in its head: reshape to (H, D, d) first.",
)
def convert_the_weights(answer, rng):
    """A file of weights was made for *interleaved* pairs, your program turns *half-split* ones. Write
    `to_half_split(W, D)`: the rows of a query or key matrix (H·D, d) in the order that makes up for it."""
    D = 2 * int(rng.integers(3, 6))
    for H in (1, int(rng.integers(2, 5))):
        W = rng.normal(size=(H * D, int(rng.integers(2, 5))))
        got = answer(W.copy(), D)
        assert np.shape(got) == W.shape, f"the matrix keeps its shape {W.shape}; yours has {np.shape(got)}"
        for h in range(H):
            for p in range(D // 2):  # pair p: rows 2p and 2p + 1 of the head before, p and p + D/2 after
                for old, new in ((2 * p, p), (2 * p + 1, p + D // 2)):
                    assert np.array_equal(got[h * D + new], W[h * D + old]), (
                        f"{H} heads of width {D}: row {h * D + new} should be row {h * D + old} of the old matrix"
                    )


def _drop_first(K, n, theta):
    return apply_rope(K[n:], -n * theta)


@exercise(
    start="""
        def drop_first(K, n, theta):
            # K (T, D): cached keys, half-split, turned by their positions 0 … T−1      theta (D/2,)
            return K[n:]
    """,
    solution=_drop_first,
    hint="The key that stood at position j was turned by jθ and should be turned by (j − n)θ. You may use apply_rope.",
)
def drop_the_beginning(answer, rng):
    """A chat grows too long, and its first `n` tokens are thrown away. Write `drop_first(K, n, theta)`: the cached keys
    of the others. Positions are counted from 0 again, so new queries will be turned by `n` steps less, and these keys
    must match. What the keys were before their turn is gone."""
    T, D = int(rng.integers(4, 8)), 2 * int(rng.integers(2, 5))
    raw, theta = rng.normal(size=(T, D)), rng.uniform(0.01, 1, D // 2)

    def turned(x, position):  # by loops
        y = np.zeros(D)
        for p, t in enumerate(theta):
            z = complex(x[p], x[p + D // 2]) * np.exp(1j * position * t)
            y[p], y[p + D // 2] = z.real, z.imag
        return y

    K = np.array([turned(x, j) for j, x in enumerate(raw)])
    for n in (0, 1, T - 2):
        got = answer(K.copy(), n, theta.copy())
        assert np.shape(got) == (T - n, D), f"{T - n} keys of width {D} are left; yours are {np.shape(got)}"
        expected = np.array([turned(x, j) for j, x in enumerate(raw[n:])])
        off = np.abs(got - expected).max(1)
        assert off.max() < 1e-9, f"n = {n}: the key now at position {off.argmax()} is off by {off.max():.3g}"
