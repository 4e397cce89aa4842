"""Two small networks that learn the same curve from different seeds, and what stands between them."""

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Progress, Seed, Slider, demo, line
from topics.kit.model.training import train
from topics.model_merging.alignment import best_order, unit_gains
from topics.model_merging.method import linear_merge

INPUTS, POINTS, STEPS, RATE = 8, 256, 300, 0.01


@demo(
    "live",
    width=Choice("Hidden units", (8, 32, 128), value=32),
    steps=Slider("Steps", 50, 300, value=300, step=50),
    seed=Seed(),
)
def two_small_networks(width, steps, seed):
    """Two networks of one hidden layer learn one function from different random starts; then they are averaged."""
    x, y = teacher(seed)
    ends = []
    for which in (1, 2):
        run = train(small_network(width, 1000 * seed + which), error_of, ((x, y) for _ in range(steps)), RATE)
        for step in run:
            if step.t % 10 == 0:
                yield Progress(step.t + steps * (which - 1), 2 * steps, f"Network {which}, error {step.loss:.4f}")
        ends.append(step.weights)
    held = teacher(seed, held_out=True)
    paths = {"as they are": path_errors(*ends, held), "re-ordered": path_errors(ends[0], matched(*ends), held)}
    yield _paths(paths, width, steps)


def teacher(seed, held_out=False):
    """Points (256, 8) and what a fixed random function gives for them (256,)."""
    rng = np.random.default_rng(seed)
    W, v = rng.normal(size=(6, INPUTS)), rng.normal(size=6)
    x = np.random.default_rng([seed, int(held_out)]).normal(size=(POINTS, INPUTS))
    y = np.tanh(x @ W.T * INPUTS**-0.5) @ v
    return x, y


def small_network(n, seed):
    """W (n, 8), b (n,), v (n,): what v · relu(W x + b) begins with."""
    rng = np.random.default_rng(seed)
    return {"W": rng.normal(0, (2 / INPUTS) ** 0.5, (n, INPUTS)), "b": np.zeros(n), "v": rng.normal(0, n**-0.5, n)}


def output(weights, x):
    """(N, 8) to (N,)."""
    hidden = np.einsum("ni,hi->nh", x, weights["W"]) + weights["b"]  # (N, n)
    return np.einsum("nh,h->n", np.maximum(hidden, 0.0), weights["v"])


def error_of(weights, batch):
    x, y = batch
    off = output(weights, x) - y
    return (off * off).mean()


def matched(a, b):
    """b with its hidden units in the order that fits a's best."""
    order = best_order(unit_gains(rows(a), rows(b)))
    return {name: w[order] for name, w in b.items()}


def rows(weights):
    """What belongs to each hidden unit, as a list of arrays (n, ·)."""
    return [weights["W"], weights["b"][:, None], weights["v"][:, None]]


def path_errors(a, b, batch):
    """The mean squared error along the straight path, in parts of the variance of what is to be learnt."""
    return [float(error_of(linear_merge([a, b], (1 - t, t)), batch) / batch[1].var()) for t in np.linspace(0, 1, 11)]


def _paths(paths, width, steps):
    at, middle = [10 * i for i in range(11)], {name: each[5] for name, each in paths.items()}
    ends = (paths["as they are"][0] + paths["as they are"][-1]) / 2
    return (
        Figure(
            [
                line(at, paths["as they are"], "as they are", "error", mode="lines+markers"),
                line(at, paths["re-ordered"], "re-ordered", "output", "dash", mode="lines+markers"),
            ],
            x_title="Of the second network (%)",
            y_title="Error (parts of the variance)",
            alt=f"Networks of {width} hidden units after {steps} steps: error at the ends {ends:.3f} in the mean, "
            f"half-way {middle['as they are']:.3f} as they are and {middle['re-ordered']:.3f} re-ordered.",
            yaxis={"range": [0, 1.15 * max(max(each) for each in paths.values())]},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(
            ("At the ends, mean", ends, "of the variance", ""),
            ("Half-way, as they are", middle["as they are"], "of the variance", ""),
            ("Half-way, re-ordered", middle["re-ordered"], "of the variance", "best_order of the units' weights"),
        ),
        Note(_left(ends, middle["as they are"], middle["re-ordered"])),
    )  # fmt: skip


def _left(ends, plain, matched):
    if plain <= ends:
        return "There is no barrier here."
    return f"Matching leaves {100 * (matched - ends) / (plain - ends):.0f} % of the barrier."
