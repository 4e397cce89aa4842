"""What the page shows of our own runs: slices of equal budget, and a law that is fitted to the small ones."""

from itertools import islice

import numpy as np

from topics.chinchilla import runs
from topics.chinchilla.method import Law, bootstrap_ci, loss, resampled  # noqa: F401
from topics.chinchilla.runs import ALL, NO_SONGS, SONGS
from topics.kit import (
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Progress,
    Seed,
    Slider,
    Table,
    Toggle,
    demo,
    label,
    line,
    points,
    rule,
)
from topics.kit.page.words import counted

BILLION = 1e9
WHAT = Choice("Loss of", (ALL, NO_SONGS, SONGS), value=ALL)


def thousands(n):
    """A size in thousands of parameters.

    >>> thousands(17_472)
    '17 k'
    """
    return f"{n / 1000:.0f} k"


# ---- one budget, several sizes


@demo(
    budget=LogSlider("Budget", 50, 800, value=283, per_octave=2, unit="billion FLOP"),
    what=WHAT,
)
def one_budget(budget, what):
    """What models of several sizes reach with the same FLOP: our own runs, and the lines between them."""
    flop = budget * BILLION
    sizes, heights, inside = runs.slice_at(flop, what)
    words = flop / (6 * sizes)  # (k,)
    best = int(np.argmin(heights))
    found = 0 < best < len(sizes) - 1  # else sizes beyond that end have no runs
    lowest = f"{thousands(sizes[best])}, with {words[best] / sizes[best]:.0f} words a parameter"
    traces = [line(sizes, heights.round(4), "this budget", "cost", "solid")]
    for between, name, symbol in ((True, "between runs", "circle"), (False, "just beyond runs", "diamond")):
        mine = inside == between
        traces.append(points(sizes[mine], heights[mine].round(4), name, "cost", symbol))
    others = [b for b in (71, 141, 283, 566) if b != budget]
    grey = []
    for b in others:
        x, y, _ = runs.slice_at(b * BILLION, what)
        traces.append(line(x, y.round(4), f"{b} billion", "reference", "dot"))
        grey.append(label(np.log10(x[-1]), round(float(y[-1]), 4), f"{b}", xanchor="left", xshift=4))
    low, high = (float(f(runs.losses(what))) for f in (np.min, np.max))
    grey.append(label(np.log10(sizes[-1]), round(float(heights[-1]), 4), f"{budget:.0f}", xanchor="left", xshift=4))
    figure = Figure(
        traces,
        x_title="Parameters N",
        y_title="Loss (nats a word)",
        alt=f"Loss on {what} with {budget} billion FLOP: "
        + "; ".join(f"{thousands(n)} parameters {y:.3f}" for n, y in zip(sizes, heights, strict=True))
        + f". The {'best' if found else 'lowest'} of them is {lowest}"
        + ("." if found else ", at the end of those that have runs."),
        height=340,
        xaxis={"type": "log", "tickvals": [int(n) for n in runs.SIZES[:-1]], "range": [3.4, 5.3],
               "ticktext": [thousands(n) for n in runs.SIZES[:-1]]},
        yaxis={"range": [round(low, 1) + (0.3 if what == ALL else 0), round(high, 1) + 0.1]},
        showlegend=False,
        annotations=[
            *grey,
            label(np.log10(sizes[best]), round(float(heights[best]), 4), "best" if found else "lowest drawn",
                  yanchor="top", yshift=-8),
        ],
    )  # fmt: skip
    table = Table(
        ("Parameters", "words (millions)", "words a parameter", "loss"),
        [
            (f"{int(n):,}", f"{d / 1e6:.2f}", f"{d / n:.0f}", f"{y:.3f}")
            for n, d, y in zip(sizes, words, heights, strict=True)
        ],
        f"All with {budget} billion FLOP, as 6 · parameters · words.",
    )
    return figure, table


# ---- a law from the small runs, and what it says of the large ones

LARGE = ((42_560, 4_000_112), (469_632, 2_000_697), (469_632, 5_000_023), (469_632, 24_000_346))
LIMIT = LogSlider("Fit runs up to", 100, 102_400, value=800, unit="billion FLOP")


@demo(
    most=LIMIT,
    what=WHAT,
    floor=Toggle("With a floor E", True),
    shown=Toggle("Show the runs it has not seen", False),
)
def predict_the_largest(most, what, floor, shown):
    """The law is fitted to runs of small budgets; what does it say of the others? Dots: fitted; crosses: not seen."""
    law, L = runs.fitted(most * BILLION, what, floor), runs.losses(what)
    miss, seen = runs.misses(most * BILLION, what, floor)
    truth = runs.floor_of(what)
    grid = np.geomspace(5e5, 2.4e7, 25)  # (25,)
    says = [loss(law, size, grid) for size in runs.SIZES]
    traces = [line((grid / 1e6).round(3), y.round(3), thousands(size), "key", "solid")
              for size, y in zip(runs.SIZES, says, strict=True)]  # fmt: skip
    traces.append(points((runs.D[seen] / 1e6).round(2), L[seen].round(3), "fitted", "value", "circle"))
    hidden = ~seen & shown
    traces.append(points((runs.D[hidden] / 1e6).round(2), L[hidden].round(3), "not seen", "error", "x"))
    at_end = float(loss(law, runs.N[runs.LARGEST], runs.D[runs.LARGEST]))
    figure = Figure(
        traces,
        x_title="Words read (millions)",
        y_title="Loss (nats a word)",
        alt=f"A law fitted to {counted(int(seen.sum()), 'run')} of at most {most:,} billion FLOP, loss on {what}: "
        f"floor E = {law.E:.2f}, where the language has {truth:.2f}. For the largest run, {thousands(469_632)} "
        f"parameters and 24 million words, it says {at_end:.2f}; "
        + (f"measured are {L[runs.LARGEST]:.2f}." if shown or seen.all() else "what was measured is hidden."),
        height=380,
        xaxis={"type": "log", "tickvals": [0.5, 1, 2, 4, 8, 24], "ticktext": ["0.5", "1", "2", "4", "8", "24"],
               "range": [-0.38, 1.75]},
        yaxis={"range": [0, 1.1 * float(L.max())] if what == SONGS else [0.6, 2.6]},
        showlegend=False,
        shapes=[rule(y=round(truth, 4), dash="dash")],
        annotations=[
            *_names_of_lines(says, (0, 1.1 * float(L.max())) if what == SONGS else (0.6, 2.6)),
            label(np.log10(0.5), round(truth, 4), "floor of the language", xanchor="left", yanchor="top"),
        ],
    )  # fmt: skip
    rows = []
    for n, d in LARGE:
        i = runs.run_of(round(n / 1000), d / 1e6)
        state = "fitted" if seen[i] else f"{L[i]:.2f}" if shown else "hidden"
        rows.append((thousands(n), f"{d / 1e6:.0f} M", f"{loss(law, n, d):.2f}", state))
    rest = miss[~seen]
    metrics = Metrics(
        ("Floor E of the law", f"{law.E:.2f}", "nats", f"the language's is {truth:.3f}"),
        ("Exponents α, β", f"{law.alpha:.2f}, {law.beta:.2f}", ""),
        ("Typical miss, runs fitted", f"{100 * runs.typical(miss[seen]):.1f} %", "", "root mean square of ln"),
        ("Typical miss, the others", f"{100 * runs.typical(rest):.0f} %" if shown and len(rest) else "hidden"
         if len(rest) else "none", ""),
    )  # fmt: skip
    return figure, metrics, Table(("Parameters", "words", "the law says", "measured"), rows, "The largest runs.")


def _names_of_lines(says, span):
    """The sizes at the right ends of their lines; of names that would overlap, the upper ones are left out."""
    named, last = [], -np.inf
    for size, y in reversed(list(zip(runs.SIZES, says, strict=True))):
        if y[-1] - last > 0.045 * (span[1] - span[0]):
            named.append(label(np.log10(24), round(float(y[-1]), 3), thousands(size), xanchor="left", xshift=4))
            last = y[-1]
    return named


# ---- how sure


@demo("live", most=LIMIT, what=WHAT, n=Slider("Resamples", 20, 120, value=60, step=20), seed=Seed())
def resample_the_runs(most, what, n, seed):
    """The same fit to runs drawn from the runs: the spread of its floor, and of what it says of the largest
    run. Dots at E = 0: fits that want no floor."""
    seen, L = most * BILLION >= runs.C, runs.losses(what)
    laws = []
    draws = resampled(runs.N[seen], runs.D[seen], L[seen], np.random.default_rng(seed))
    for i, law in enumerate(islice(draws, n), 1):
        laws.append(law)
        if i % 2 == 0 or i == n:
            yield Progress(i, n, "Fitting"), *_cloud(laws, what)


def _cloud(laws, what):
    floors = np.array([law.E for law in laws])
    said = np.array([loss(law, runs.N[runs.LARGEST], runs.D[runs.LARGEST]) for law in laws])
    truth, measured = runs.floor_of(what), float(runs.losses(what)[runs.LARGEST])
    (low, high), (least, most) = bootstrap_ci(floors), bootstrap_ci(said)
    figure = Figure(
        [
            points(floors.round(3), said.round(3), "resampled fits", "key", "circle", opacity=0.6),
            points([round(truth, 3)], [round(measured, 3)], "the truth", "error", "x"),
        ],
        x_title="Floor E of the law (nats a word)",
        y_title="Largest run, predicted (nats)",
        alt=f"{counted(len(laws), 'resampled fit')}: 80 % of the floors lie between {low:.2f} and {high:.2f}, the "
        f"language's is {truth:.2f}; 80 % of the predictions between {least:.2f} and {most:.2f}, measured are "
        f"{measured:.2f}.",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return (
        figure,
        Metrics(
            ("Floor E, 80 %", f"{low:.2f} to {high:.2f}", "nats", f"the language's is {truth:.3f}"),
            ("Largest run, 80 %", f"{least:.2f} to {most:.2f}", "nats", f"measured: {measured:.3f}"),
        ),
        Note(f"{counted(len(laws), 'fit')}, each to as many runs as there are, drawn with repetition."),
    )
