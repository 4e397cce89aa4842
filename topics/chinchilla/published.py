"""What published laws say: how to spend a budget, where real models sit, what serving changes, and what a parabola
through noisy slices makes of a law that is known."""

from functools import cache

import numpy as np

from topics.chinchilla.method import (
    Law,
    cheapest_to_serve,
    fit_scaling_law,
    isoflop_profile,
    lifetime_flops,
    line_through,
    loss,
    optimal_allocation,
    parabola_minimum,
    tokens_for,
)
from topics.kit import MODELS, Choice, Figure, LogSlider, Metrics, Seed, Slider, Table, demo, label, line, points, rule
from topics.kit.page.words import short

# the fit of Hoffmann et al. as their paper prints it and as its source has it, and the fit to the same runs by
# Besiroglu et al.
PRINTED = Law(1.69, 406.4, 410.7, 0.34, 0.28)
UNROUNDED = Law(1.6934, 406.4, 410.7, 0.3392, 0.2849)
REPLICATION = Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
LAWS = {"as printed": PRINTED, "unrounded": UNROUNDED, "replication": REPLICATION}
INKS = {"as printed": ("reference", "dot"), "unrounded": ("key", "dash"), "replication": ("output", "solid")}
GOPHER = 5.76e23  # FLOP, the budget that Chinchilla was planned for


def tokens_each(law, C):
    """Tokens a parameter at the optimum of a budget."""
    N, D = optimal_allocation(law, C)
    return D / N


def big(x):
    """A large number in words of three figures.

    >>> big(70e9), big(1.4e12), big(2.5e6), big(3e15)
    ('70 B', '1.4 T', '2.5 M', '3,000 T')
    """
    for size, name in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if x >= size:
            return f"{short(x / size)} {name}"
    return short(x)


def power(x, digits=1):
    """A number as a power of ten in plain signs.

    >>> power(5.76e23, 2)
    '5.76e23'
    """
    return f"{x:.{digits}e}".replace("e+", "e")


# ---- three versions of one law


@demo(exponent=Slider("Budget: 10 to the power of", 19, 27, value=23.76, step=0.02, unit="FLOP"))
def three_laws(exponent):
    """What each version says is lost by another size than its best, for one budget; below, tokens a parameter."""
    C = 10**exponent
    best = {name: optimal_allocation(law, C) for name, law in LAWS.items()}
    middle = best["unrounded"][0]
    sizes = middle * np.geomspace(1 / 16, 16, 41)  # (41,)
    traces, marks = [], []
    for i, (name, law) in enumerate(LAWS.items()):
        N, D = best[name]
        lost = isoflop_profile(law, C, sizes) - loss(law, N, D)
        traces.append(line((sizes / 1e9).round(6), lost.round(5), name, *INKS[name]))
        traces.append(points([round(N / 1e9, 6)], [0.0], name, INKS[name][0], "diamond", showlegend=False))
        marks.append(label(np.log10(N / 1e9), 0, f"{D / N:.0f}", yanchor="top", yshift=-8 - 15 * (i % 2)))
    figure = Figure(
        traces,
        x_title="Parameters (billions)",
        y_title="Nats above the law's own best",
        alt=f"For {power(C, 2)} FLOP: "
        + "; ".join(
            f"{name} {big(N)} parameters and {big(D)} tokens, {D / N:.0f} a parameter" for name, (N, D) in best.items()
        )
        + ".",
        height=340,
        xaxis={"type": "log", "range": [round(float(np.log10(x / 1e9)), 4) for x in (sizes[0], sizes[-1])]},
        yaxis={"range": [-0.045, 0.2]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        annotations=marks,
    )
    table = Table(
        ("Version", "N", "D", "D / N", "loss"),
        [(name, big(N), big(D), f"{D / N:.1f}", f"{loss(LAWS[name], N, D):.3f}") for name, (N, D) in best.items()],
        f"The best use of {power(C, 2)} FLOP: parameters N, tokens D, tokens a parameter, and the loss in nats.",
    )
    return figure, table


# ---- real models

# name: (parameters, of a mixture the active ones; tokens of pretraining; dense?)
TRAINED = {
    "GPT-3": (MODELS["GPT-3"].parameters, 300e9, True),
    "Gopher": (280e9, 300e9, True),
    "Chinchilla": (70e9, 1.4e12, True),
    "Llama-3.1-405B": (405e9, 15.6e12, True),
    "Llama-3.1-8B": (MODELS["Llama-3.1-8B"].parameters, 15e12, True),
    "Qwen3-32B": (32.8e9, 36e12, True),
    "SmolLM3-3B": (3.08e9, 11.2e12, True),
    "DeepSeek-V3": (37e9, 14.8e12, False),
    "Kimi K2": (32e9, 15.5e12, False),
    "GLM-5": (40e9, 28.5e12, False),
    "DeepSeek-V4-Pro": (49e9, 33e12, False),
}


def lost(law, N, D):
    """Nats by which N parameters and D tokens are above the best use of the same FLOP."""
    return loss(law, N, D) - loss(law, *optimal_allocation(law, 6 * N * D))


@demo(
    law=Choice("Version of the law", tuple(LAWS), value="replication"),
    exponent=Slider("Show a budget: 10 to the power of", 22, 26, value=24, step=0.25, unit="FLOP"),
)
def real_models(law, exponent):
    """Parameters and tokens of real models, and the line on which a law would have spent their budgets."""
    chosen = LAWS[law]
    budgets = np.geomspace(1e21, 1e27, 25)  # (25,)
    N, D = np.array([optimal_allocation(chosen, C) for C in budgets]).T
    one = 10**exponent
    same = np.geomspace(1e9, 1e12, 2)  # (2,)
    dense = np.array([(n, d) for n, d, plain in TRAINED.values() if plain])
    sparse = np.array([(n, d) for n, d, plain in TRAINED.values() if not plain])
    named = {"GPT-3": ("right", "middle", -8, 0), "Gopher": ("left", "middle", 8, 0),
             "Chinchilla": ("left", "middle", 8, 0), "Llama-3.1-405B": ("center", "top", 0, -8),
             "Llama-3.1-8B": ("center", "bottom", 0, 8), "Qwen3-32B": ("right", "bottom", 0, 8),
             "SmolLM3-3B": ("center", "top", 0, -8)}  # fmt: skip
    figure = Figure(
        [
            line((N / 1e9).round(6), (D / 1e12).round(6), "best by this law", "output"),
            line((same / 1e9).round(6), (one / (6 * same) / 1e12).round(6), f"{power(one, 1)} FLOP", "cost", "dot"),
            points(dense[:, 0] / 1e9, dense[:, 1] / 1e12, "dense", "key", "circle"),
            points(sparse[:, 0] / 1e9, sparse[:, 1] / 1e12, "mixtures (active)", "value", "square"),
        ],
        x_title="Parameters (billions)",
        y_title="Tokens (trillions)",
        alt=f"Real models beside the best line of the law, {law}. Nats lost against the best use of the same FLOP: "
        + ", ".join(f"{name} {lost(chosen, *TRAINED[name][:2]):.3f}" for name in named)
        + ".",
        height=380,
        xaxis={
            "type": "log",
            "range": [0, 3.4],
            "tickvals": [1, 10, 100, 1000],
            "ticktext": ["1", "10", "100", "1000"],
        },
        yaxis={"type": "log", "range": [-1.3, 2], "tickvals": [0.1, 1, 10, 100], "ticktext": ["0.1", "1", "10", "100"]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        annotations=[
            label(
                np.log10(TRAINED[name][0] / 1e9),
                np.log10(TRAINED[name][1] / 1e12),
                name,
                xanchor=side,
                yanchor=end,
                xshift=right,
                yshift=up,
            )
            for name, (side, end, right, up) in named.items()
        ],
    )
    rows = [
        (name, f"{n / 1e9:.3g}", f"{d / 1e12:.3g}", f"{d / n:,.0f}" if d / n > 10 else f"{d / n:.1f}",
         f"{lost(chosen, n, d):.3f}")
        for name, (n, d, _) in TRAINED.items()
    ]  # fmt: skip
    columns = ("Model", "N (B)", "D (T)", "D / N", "nats lost")
    return figure, Table(columns, rows, "Nats lost against the best use of the same FLOP, by this version. The laws "
                         "are of dense models; of mixtures N is the active part.")  # fmt: skip


# ---- serving


@demo(
    served=LogSlider("Tokens served in its life", 0.1, 1638.4, value=12.8, unit="trillion"),
    exponent=Slider("As good as the best of 10 to the power of", 21, 26, value=23.75, step=0.25, unit="FLOP"),
    law=Choice("Version of the law", tuple(LAWS), value="replication"),
)
def train_and_serve(served, exponent, law):
    """FLOP of training and of serving, for models that all reach one loss."""
    chosen, T = LAWS[law], served * 1e12
    N_0, D_0 = optimal_allocation(chosen, 10**exponent)
    target = loss(chosen, N_0, D_0)
    N_1, D_1 = cheapest_to_serve(chosen, target, T)
    least = (chosen.A / (target - chosen.E)) ** (1 / chosen.alpha)
    sizes = np.geomspace(1.02 * least, 3 * N_0, 60)  # (60,)
    tokens = np.array([tokens_for(chosen, N, target) for N in sizes])
    train, serve = 6 * sizes * tokens, 2 * sizes * T
    total = train + serve
    unit = 10.0 ** np.floor(np.log10(lifetime_flops(N_0, D_0, T)))
    before, after = lifetime_flops(N_0, D_0, T), lifetime_flops(N_1, D_1, T)
    figure = Figure(
        [
            line((sizes / 1e9).round(6), (train / unit).round(4), "training", "reference", "dash"),
            line((sizes / 1e9).round(6), (serve / unit).round(4), "serving", "value", "dot"),
            line((sizes / 1e9).round(6), (total / unit).round(4), "both", "cost"),
            points([round(N_0 / 1e9, 6)], [round(before / unit, 4)], "cheapest to train", "reference", "square"),
            points([round(N_1 / 1e9, 6)], [round(after / unit, 4)], "cheapest in all", "cost", "diamond"),
        ],
        x_title="Parameters (billions)",
        y_title=f"FLOP ({power(unit, 0)})",
        alt=f"All reach {target:.3f} nats and serve {big(T)} tokens. Cheapest to train: {big(N_0)} parameters, "
        f"{big(D_0)} tokens, {D_0 / N_0:.0f} a parameter, {power(before, 2)} FLOP with serving. Cheapest in all: "
        f"{big(N_1)}, {big(D_1)} tokens, {D_1 / N_1:.0f} a parameter, {power(after, 2)} FLOP.",
        height=360,
        xaxis={"type": "log"},
        yaxis={"range": [0, round(2.2 * after / unit + 1, 2)]},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    metrics = Metrics(
        ("Parameters", big(N_1), "", f"cheapest to train: {big(N_0)}"),
        ("Tokens a parameter", f"{D_1 / N_1:,.0f}", "", f"cheapest to train: {D_0 / N_0:.0f}"),
        ("Training FLOP, times", f"{N_1 * D_1 / (N_0 * D_0):.2f}", ""),
        ("FLOP saved in all", f"{100 * (1 - after / before):.0f} %", ""),
    )
    return figure, metrics


# ---- parabolas

SLICES = np.geomspace(1e17, 1e21, 5)  # (5,), FLOP
FAR = 1e24  # FLOP at which the tokens are asked for
ON_A_SLICE, DRAWS = 9, 100
GRIDS = np.array([2.0, 2.83, 4.0, 5.66, 8.0, 11.3, 16.0, 22.6, 32.0])
SHAPES = {"as printed": PRINTED, "replication": REPLICATION, "both exponents 0.31": Law(1.69, 406.4, 410.7, 0.31, 0.31)}


def sampled(law, reach, centre):
    """Sizes on slices of equal budget, from centre · best / reach to centre · best · reach, and their losses. (5, 9)"""
    best = np.array([optimal_allocation(law, C)[0] for C in SLICES])  # (5,)
    N = best[:, None] * centre * np.geomspace(1 / reach, reach, ON_A_SLICE)  # (5, 9)
    return N, isoflop_profile(law, SLICES[:, None], N)


def by_parabolas(N, L):
    """Tokens at FAR by a parabola over ln N through each slice and a line through their bottoms.

    N (5, 9)   L (..., 5, 9)   returns (...)
    """
    bottoms = np.stack([parabola_minimum(np.log(N[i]), L[..., i, :]) for i in range(len(N))], -1)  # (..., 5)
    slope, height = line_through(np.log(SLICES), bottoms)
    return FAR / (6 * np.exp(height + slope * np.log(FAR)))


@cache
def errors_of(shape, centre, noise, seed):
    """For each of GRIDS the tokens by parabolas over the true ones: without noise, and of DRAWS with it. (9, 201)"""
    law, rng = SHAPES[shape], np.random.default_rng(seed)
    true, kicks = optimal_allocation(law, FAR)[1], rng.normal(size=(DRAWS, len(SLICES), ON_A_SLICE))
    found = []
    for reach in GRIDS:
        N, L = sampled(law, reach, centre)
        found.append(np.r_[by_parabolas(N, L), by_parabolas(N, L + noise * kicks)] / true)
    return np.array(found)


@cache
def by_law(shape, reach, centre, noise, seed):
    """The same from a law fitted to all points of one draw."""
    law = SHAPES[shape]
    N, L = sampled(law, reach, centre)
    L = L + noise * np.random.default_rng(seed).normal(size=(DRAWS, *N.shape))[0]
    fit = fit_scaling_law(N.ravel(), (SLICES[:, None] / (6 * N)).ravel(), L.ravel())
    return optimal_allocation(fit, FAR)[1] / optimal_allocation(law, FAR)[1]


@demo(
    reach=LogSlider("Reach of the sizes, either way", 2.0, 32.0, value=16.0, per_octave=2, unit="times the best"),
    centre=LogSlider("Middle of the sizes, over the best", 0.5, 2.0, value=1.0, per_octave=2),
    noise=Choice("Noise of a loss", (0.0, 0.002, 0.004, 0.008), value=0.004, unit="nats"),
    shape=Choice("The true law", tuple(SHAPES), value="as printed"),
    seed=Seed(),
)
def parabolas(reach, centre, noise, shape, seed):
    """Slices of equal budget from a known law, a parabola through each, and the tokens that follow for 1e24 FLOP.
    Solid: the median of noisy draws; dotted: 10 and 90 % of them."""
    errors = errors_of(shape, centre, noise, seed)
    at = int(np.argmin(np.abs(GRIDS - reach)))
    low, middle, high = np.quantile(errors[:, 1:], (0.1, 0.5, 0.9), axis=1)  # (9,) each
    figure = Figure(
        [
            line(GRIDS, low.round(4), "10 % of draws", "cost", "dot"),
            line(GRIDS, middle.round(4), "median of draws", "cost"),
            line(GRIDS, high.round(4), "90 % of draws", "cost", "dot"),
            points([float(GRIDS[at])], [round(float(middle[at]), 4)], "chosen", "cost", "diamond"),
        ],
        x_title="Reach of the sizes, either way (times the best)",
        y_title="Tokens for 1e24 FLOP, over the true",
        alt=f"Parabolas, sizes from a {reach:g}th to {reach:g} times the best, noise {noise:g} nats: tokens are "
        f"{errors[at, 0]:.3f} of the true ones without noise; with it 80 % of draws are between {low[at]:.3f} and "
        f"{high[at]:.3f}.",
        height=320,
        xaxis={"type": "log", "tickvals": [2, 4, 8, 16, 32], "ticktext": ["2", "4", "8", "16", "32"]},
        yaxis={"range": [round(min(0.85, float(low.min()) - 0.02), 2), round(max(1.15, float(high.max()) + 0.02), 2)]},
        showlegend=False,
        shapes=[rule(y=1)],
    )
    fitted_one = by_law(shape, float(GRIDS[at]), centre, noise, seed)
    metrics = Metrics(
        ("Parabolas, no noise", f"{errors[at, 0]:.3f}", "× the true tokens"),
        ("Parabolas, 80 % of draws", f"{low[at]:.3f} to {high[at]:.3f}", ""),
        ("The law fitted to one draw", f"{fitted_one:.3f}", "× the true tokens"),
    )
    return figure, metrics


# ---- numbers that the page tells

GRID_16 = int(np.argmin(np.abs(GRIDS - 16)))


def lost_by(times, law=REPLICATION, C=GOPHER):
    """Nats lost by a size that is so many times the best one of a budget."""
    N, D = optimal_allocation(law, C)
    return loss(law, times * N, D / times) - loss(law, N, D)


def sardana(law=UNROUNDED):
    """13 billion parameters, trained as the law says, that serve 2 trillion tokens: the parameters that take the fewest
    FLOP at the same loss, and the share of FLOP saved."""
    G, _ = optimal_allocation(law, 6.0)  # N at C/6 = 1
    D = (13e9 / G) ** ((law.alpha + law.beta) / law.beta) / 13e9
    N_1, D_1 = cheapest_to_serve(law, loss(law, 13e9, D), 2e12)
    return N_1, 1 - lifetime_flops(N_1, D_1, 2e12) / lifetime_flops(13e9, D, 2e12)
