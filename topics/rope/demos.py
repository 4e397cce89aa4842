"""What the page on RoPE shows."""

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
    demo,
    label,
    line,
    points,
    rule,
)
from topics.kit.model.rotary import apply_rope, rope_frequencies
from topics.kit.numerics import rounded
from topics.kit.page.words import counted
from topics.rope.method import WAYS, scale_frequencies, scores_by_distance, unturned, wavelengths

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


def drift(at, precision, D=128, base=10_000, n=32):
    """How far q·k moves when both go `at` positions further on: the root mean square over n random pairs of q and k,
    the query 3 positions ahead of its key."""
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
            points(
                at + tips[:, 0],
                tips[:, 1],
                "",
                letter,
                mode="text",
                text=[letter[0]] * 4,
                showlegend=False,
                hoverinfo="skip",
            ),
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


EXACT = "YaRN, ends not rounded"


@demo(
    C=LogSlider("Trained on C positions", 128, 131_072, value=4096),
    base=Choice("Base", (10_000, 150_000, 500_000), value=10_000),
    D=Choice("Width D", (16, 64, 128), value=128),
    way=Choice("Stretched by", (*WAYS[:-1], EXACT, WAYS[-1]), value="YaRN"),
    f=LogSlider("Factor f", 1, 64, value=8),
)
def wheels(C, base, D, way, f):
    """The wavelength of every pair beside the length of the training texts, before and after stretching."""
    pairs, theta, truncate = np.arange(D // 2), rope_frequencies(D, base), way != EXACT
    scaled, temperature = scale_frequencies(D, base, way.split(",")[0], f, C, truncate)
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
        _speeds(D, base, C, f, truncate),
        Metrics(
            ("Pairs that never turn in training", never, f"of {D // 2}", f"{200 * never / D:.0f} %: λ > {C:,}"),
            ("Slowest pair, as trained", float(before[-1]), "positions", "2π / θ"),
            ("Slowest pair, stretched", float(after[-1]), "positions", f"{after[-1] / before[-1]:.3g} × as long"),
            ("Scores multiplied by", temperature**2, "", f"{temperature:.3g}², on q and on k"),
        ),
    )


def _speeds(D, base, C, f, truncate):
    """What each way leaves of every pair's speed, all ways in one picture."""
    pairs, theta = np.arange(D // 2), rope_frequencies(D, base)
    looks = {"linear": ("error", "dot"), "NTK-aware": ("cost", "dash"), "YaRN": ("output", "solid"),
             "Llama 3.1": ("weight", "dashdot")}  # fmt: skip
    kept = {each: 100 * scale_frequencies(D, base, each, f, C, truncate)[0] / theta for each in looks}
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
