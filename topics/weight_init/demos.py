"""What the page on weight initialisation shows of signals that have not learnt anything yet."""

import numpy as np

from topics.kit import Choice, Figure, Matrix, Metrics, Note, Seed, Slider, demo, label, line, rule
from topics.kit.page.words import raised, short
from topics.weight_init.method import (
    PLACES,
    he_init,
    jacobian,
    orthogonal_init,
    propagate,
    pytorch_init,
    residual_stream,
    xavier_init,
)

WIDTH, INPUTS = 64, 32  # of the nets below: numbers in every layer, and inputs at once

SCHEMES = {
    "PyTorch's nn.Linear": pytorch_init,
    "Xavier": xavier_init,
    "He": he_init,
    "orthogonal · √2": lambda rng, n_out, n_in: orthogonal_init(rng, n_out, n_in, np.sqrt(2)),
    "0.02 for all": lambda rng, n_out, n_in: rng.normal(0, 0.02, (n_out, n_in)),
}


@demo(
    L=Slider("Layers", 2, 32, value=20, step=2),
    scheme=Choice("Matrices begin as", tuple(SCHEMES), value="PyTorch's nn.Linear"),
    activation=Choice("Activation", ("ReLU", "tanh", "SiLU", "none"), value="ReLU"),
    factor=Slider("Times", 0.5, 2.0, value=1.0, step=0.1),
    seed=Seed(),
)
def signal(L, scheme, activation, factor, seed):
    """Random inputs through random layers, and a random gradient back: how large they are in each layer."""
    matrices, x, delta = a_net(L, scheme, factor, seed)
    forward, backward = propagate(matrices, x, activation, delta)
    stretch = np.linalg.svd(jacobian(matrices, x[0], activation), compute_uv=False)  # singular values, largest first
    layers = np.arange(L + 1)
    low, high = _decades([forward, backward])
    figure = Figure(
        [
            line(layers, _seen(forward), "signal", "output"),
            line(layers, _seen(backward), "gradient", "gradient", "dash"),
        ],
        x_title="Layer (0: the input)",
        y_title="Size (root mean square)",
        alt=f"{scheme}, {activation}, {L} layers of {WIDTH}. The signal begins at {_power(forward[0])} and ends at "
        f"{_power(forward[-1])}; the gradient is {_power(backward[-1])} at the last layer and {_power(backward[0])} at "
        "the input.",
        xaxis={"range": [0, 1.35 * L]},
        yaxis={"type": "log", "range": [low, high], "exponentformat": "power"},
        showlegend=False,
        annotations=_ends(L, forward, backward, low, high),
    )
    g = factor * gain_of(scheme)
    return (
        figure,
        Metrics(
            ("Gain σ√n", g, "", f"standard deviation {short(g / np.sqrt(WIDTH))}"),
            ("Signal, a layer", _factor(forward[-1] / forward[0], L), "×", f"{_power(forward[-1])} after {L}"),
            ("Gradient, a layer", _factor(backward[0] / backward[-1], L), "×", f"{_power(backward[0])} at the input"),
            ("Directions that come through", int((stretch > 0.01 * stretch[0]).sum()), f"of {WIDTH}",
             f"singular values of ∂output/∂input above a hundredth of the largest, {_power(stretch[0])}"),
        ),
        Note(_verdict(forward[-1], backward[0])),
    )  # fmt: skip


def a_net(L, scheme, factor=1.0, seed=0):
    """L matrices (WIDTH, WIDTH), inputs and a last gradient (INPUTS, WIDTH), both standard normal."""
    rng = np.random.default_rng(seed)
    x, delta = rng.normal(size=(2, INPUTS, WIDTH))
    return [factor * SCHEMES[scheme](rng, WIDTH, WIDTH) for _ in range(L)], x, delta


def gain_of(scheme):
    """σ·√n of a scheme where a matrix is square, n = WIDTH."""
    return {"PyTorch's nn.Linear": 3**-0.5, "Xavier": 1.0, "He": 2**0.5, "orthogonal · √2": 2**0.5,
            "0.02 for all": 0.02 * WIDTH**0.5}[scheme]  # fmt: skip


def _seen(sizes):
    """None where there is nothing left to draw on a logarithmic axis."""
    return [float(size) if size > 0 else None for size in sizes]


def _decades(curves):
    """The powers of ten between which all sizes lie, at least four of them."""
    sizes = np.concatenate(curves)
    low, high = (np.log10(f(sizes[sizes > 0])) for f in (np.min, np.max))
    return min(low - 0.5, -3.0), max(high + 0.5, 1.0)


def _ends(L, forward, backward, low, high):
    """The names of both lines, at their right ends, apart from each other."""
    at = [np.log10(max(curve[-1], 10.0**low)) for curve in (forward, backward)]
    apart = 0.07 * (high - low)
    if abs(at[0] - at[1]) < apart:
        at[0], at[1] = (at[0] + apart / 2, at[1] - apart / 2) if at[0] >= at[1] else (
            at[0] - apart / 2, at[1] + apart / 2)  # fmt: skip
    return [label(L, y, name, xanchor="left", xshift=5) for y, name in zip(at, ("signal", "gradient"), strict=True)]


def _factor(ratio, L):
    return float(ratio ** (1 / L)) if ratio > 0 else 0.0


def _power(x):
    """A number of any size, short: 0.02, or 3·10⁻¹²."""
    if x == 0 or 1e-3 <= x < 1e4:
        return short(float(x))
    exponent = int(np.floor(np.log10(x)))
    return f"{x / 10.0**exponent:.0f}·10{raised(exponent)}"


def _verdict(last, first):
    gone = [f"the {name} {'dies out' if size < 0.05 else 'explodes'}"
            for name, size in (("signal", last), ("gradient", first)) if not 0.05 < size < 20]  # fmt: skip
    if not gone:
        return "Both arrive about as large as they set out."
    return " and ".join(gone).capitalize() + ". No single layer does it: the same factor acts in every one."


# ---- residual streams

STREAM, TOKENS = 32, 8  # the width of the streams below, and how many tokens flow through at once
STARTS = ("as large as they come", "/ √(2L)", "zero")


@demo(
    L=Slider("Layers", 2, 32, value=16, step=2),
    start=Choice("Those that add to the stream", STARTS, value=STARTS[0]),
    norm=Choice("Norm", ("RMSNorm", "LayerNorm"), value="RMSNorm"),
    seed=Seed(),
)
def stream(L, start, norm, seed):
    """How a residual stream grows with depth, by where the norm stands: two branches a layer, random matrices."""
    branches, x, delta = a_stream(L, start, seed)
    sizes = {place: residual_stream(branches, x, place, delta, norm) for place in PLACES}
    steps = np.arange(2 * L + 1) / 2
    high = max(float(np.log10(forward.max())) for forward, _ in sizes.values())
    figures = [
        Figure(
            [line(steps, curves[i], place, *STYLES[place]) for place, curves in sizes.items()],
            x_title="Layer",
            y_title=title,
            alt=f"{L} layers, last matrices {start}: {what} "
            + ", ".join(f"{short(curves[i][-1 if i == 0 else 0])} with {_with(place)}"
                        for place, curves in sizes.items())
            + ".",
            height=height,
            xaxis={"range": [0, L]},
            yaxis={"type": "log", "range": [-1, max(high, 1) + 0.3], "exponentformat": "power"},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        )
        for i, (title, what, height) in enumerate((
            ("Size of the stream", "the stream, which begins near 1, ends at", 320),
            ("Size of the gradient", "a gradient of 1 at the end arrives as", 240),
        ))
    ]  # fmt: skip
    ends = {place: forward[-1] / forward[0] for place, (forward, _) in sizes.items()}
    return (
        *figures,
        Metrics(
            ("Pre-norm: the stream grows by", ends["pre-norm"], "×", f"√(1 + 2 · {L}) = {short((1 + 2 * L) ** 0.5)} "
             "for branches as large as the stream at its beginning"),
            ("Without a norm", ends["no norm"], "×", f"√2 for each of {2 * L} branches: {short(2.0**L)}"),
        ),
        Note(_stream_note(start)),
    )  # fmt: skip


STYLES = {"no norm": ("error", "dot"), "pre-norm": ("output", "solid"), "both ends": ("key", "dash"),
          "post-norm": ("reference", "dashdot")}  # fmt: skip


def a_stream(L, start, seed=0):
    """2L branches that keep a signal's size, if nothing scales them down; the first stream and a last gradient."""
    rng = np.random.default_rng(seed)
    x, delta = rng.normal(size=(2, TOKENS, STREAM))
    scale = {STARTS[0]: 1.0, STARTS[1]: (2 * L) ** -0.5, STARTS[2]: 0.0}[start]
    pairs = [(he_init(rng, STREAM, STREAM), scale * he_init(rng, STREAM, STREAM, 1.0)) for _ in range(2 * L)]
    return pairs, x, delta


def _with(place):
    return place if place == "no norm" else {"both ends": "a norm at both ends"}.get(place, place)


def _stream_note(start):
    if start == STARTS[0]:
        return "Every branch adds something as large as its input. A norm before it hides the stream's size from it."
    if start == STARTS[1]:
        return "A norm behind the branch undoes the scaling: there the stream grows as before."
    return "Every branch gives 0: each block begins as the identity, and the signal passes through untouched."


# ---- break it: all units alike

UNITS, POINTS, STEP = 6, 48, 1.0  # at 2.0 equal units swing to and fro, and rounding grows until it shows


@demo(
    steps=Slider("Steps of training", 0, 400, value=200, step=20),
    start=Choice("First weights", ("all the same", "the same, and 0.001 of noise", "random"), value="all the same"),
    seed=Seed(),
)
def symmetry(steps, start, seed):
    """A net with six hidden units learns two rings: what becomes of six units that began alike."""
    W, b, v, losses = train_rings(steps, start, seed)
    units = np.column_stack([W, b, v])  # (UNITS, 4)
    different = len({tuple(row) for row in units.round(3)})
    figure = Figure(
        [line(np.arange(len(losses)), losses, "loss", "error")],
        x_title="Step",
        y_title="Loss (nats)",
        alt=f"Start: {start}. After {steps} steps the loss is {losses[-1]:.2f}; guessing has 0.69. "
        f"Of {UNITS} units {different} are different.",
        height=260,
        xaxis={"range": [0, max(steps, 10)]},
        yaxis={"range": [0, 0.85]},
        shapes=[rule(y=float(np.log(2)), dash="dot")],
        annotations=[label(max(steps, 10), float(np.log(2)), "guessing", xanchor="right", yanchor="bottom")],
    )
    return (
        Matrix(units.round(3), [f"unit {i + 1}" for i in range(UNITS)], ["x₁", "x₂", "bias", "out"],
               "Each unit's weights", "weight"),
        figure,
        Metrics(("Different units", different, f"of {UNITS}", "to the three decimals shown"),
                ("Loss", losses[-1], "nats")),
        Note("Equal units get equal gradients, so they stay equal: six units do the work of one." if different == 1 else
             "Units that differ get gradients that differ."),
    )  # fmt: skip


def train_rings(steps, start, seed):
    """Gradient descent on POINTS points of two rings: W (UNITS, 2), b and v (UNITS,), and the losses before each step
    and at the end."""
    rng = np.random.default_rng(seed)
    x, y = rings(rng, POINTS)
    noise = {"all the same": 0.0, "the same, and 0.001 of noise": 1e-3, "random": 1.0}[start]
    same = 0.0 if start == "random" else 0.5
    W, b, v = (same + noise * rng.normal(size=shape) for shape in ((UNITS, 2), UNITS, UNITS))
    losses, c = [], 0.0
    for step in range(steps + 1):
        h = np.tanh(x[:, :1] * W[:, 0] + x[:, 1:] * W[:, 1] + b)  # (POINTS, UNITS): a product would round units apart
        z = (h * v).sum(1) + c
        losses.append(float(np.mean(np.logaddexp(0, z) - y * z)))
        if step == steps:
            break
        d = (1 / (1 + np.exp(-z)) - y) / POINTS  # (POINTS,)
        back = d[:, None] * v * (1 - h * h)  # (POINTS, UNITS)
        grads = (
            np.column_stack([(x[:, :1] * back).sum(0), (x[:, 1:] * back).sum(0)]),
            back.sum(0),
            (d[:, None] * h).sum(0),
        )
        W, b, v = (w - STEP * g for w, g in zip((W, b, v), grads, strict=True))
        c -= STEP * d.sum()
    return W, b, v, losses


def rings(rng, n):
    """n points (n, 2) on two rings, and which are on the outer one (n,)."""
    outer = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 0.5 + 0.8 * outer + 0.05 * rng.normal(size=n)
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), outer.astype(float)


# ---- for the page's text


def size_after(scheme, activation="ReLU", L=20, seed=0):
    """What is left of a signal of size 1 behind L layers."""
    matrices, x, delta = a_net(L, scheme, 1.0, seed)
    forward, _ = propagate(matrices, x, activation, delta)
    return forward[-1] / forward[0]


def layer_factor(scheme, activation="ReLU", L=20, seed=0):
    return size_after(scheme, activation, L, seed) ** (1 / L)


def directions(scheme, activation="ReLU", L=20, seed=0):
    """Singular values of ∂output/∂input above a hundredth of the largest, at the first input."""
    matrices, x, _ = a_net(L, scheme, 1.0, seed)
    stretch = np.linalg.svd(jacobian(matrices, x[0], activation), compute_uv=False)
    return int((stretch > 0.01 * stretch[0]).sum())


def stream_end(place, start=STARTS[0], L=16, seed=0):
    """How many times as large a stream is at its end as at its beginning."""
    branches, x, delta = a_stream(L, start, seed)
    forward, _ = residual_stream(branches, x, place, delta)
    return forward[-1] / forward[0]
