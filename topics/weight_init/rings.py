"""Twenty layers learn two rings, from five beginnings at once."""

from itertools import pairwise

import numpy as np

from topics.kit import Choice, Figure, Metrics, Note, Progress, Seed, Table, Toggle, demo, line, rule
from topics.kit.model.training import loss_and_gradients, train
from topics.weight_init.demos import SCHEMES, WIDTH, rings
from topics.weight_init.recorded_rings import LEARNT_AFTER

DEPTH, RING_STEPS, ADAM_RATE, RING_POINTS = 20, 150, 1e-3, 32
LEARNT = 0.3  # nats: from here on a net counts as having learnt


@demo(
    "live",
    activation=Choice("Activation", ("ReLU", "tanh"), value="ReLU"),
    tiny=Toggle("Break Adam's ε: 1e-30 in the place of 1e-8"),
    seed=Seed(),
)
def twenty_layers(activation, tiny, seed):
    """Adam trains five nets of twenty layers that differ in their first matrices alone."""
    x, y = rings(np.random.default_rng(seed), RING_POINTS)
    inputs = np.column_stack(
        [x, np.ones(len(x))]
    )  # (RING_POINTS, 3): a constant, or a ReLU net could not tell radii apart
    loss_of, seen = deep_loss(inputs, y, activation), {name: [] for name in SCHEMES}
    starts = {name: deep_weights(name, seed) for name in SCHEMES}
    first = {name: second_gradient(weights, loss_of) for name, weights in starts.items()}
    eps = 1e-30 if tiny else 1e-8
    runs = {name: train(weights, loss_of, [None] * RING_STEPS, ADAM_RATE, clip=np.inf, betas=(0.9, 0.999), eps=eps)
            for name, weights in starts.items()}  # fmt: skip
    for t in range(1, RING_STEPS + 1):
        for name, run in runs.items():
            seen[name].append(next(run).loss)
        if t % 3 == 0:
            yield Progress(t, RING_STEPS, "Training"), *_views(seen, first, activation, tiny)


def deep_weights(scheme, seed):
    """DEPTH matrices of a net (WIDTH wide) that reads 3 numbers and gives 1, {number: array}."""
    rng, sizes = np.random.default_rng(seed), [3, *[WIDTH] * (DEPTH - 1), 1]
    return {str(i): SCHEMES[scheme](rng, n_out, n_in) for i, (n_in, n_out) in enumerate(pairwise(sizes))}


def deep_loss(inputs, y, activation):
    """What train takes as loss_of: the cross-entropy of two classes."""

    def loss_of(weights, _):
        h = inputs
        for i in range(DEPTH):
            h = np.einsum("bi,oi->bo", h, weights[str(i)])
            if i < DEPTH - 1:
                h = np.maximum(h, 0.0) if activation == "ReLU" else np.tanh(h)
        z = h[:, 0]
        return (np.maximum(z, 0.0) - z * y + np.log(1 + np.exp(-np.abs(z)))).mean()

    return loss_of


def second_gradient(weights, loss_of):
    """The root mean square of the gradient by the second layer's matrix."""
    return float(np.sqrt(np.mean(loss_and_gradients(weights, loss_of, None)[1]["1"] ** 2)))


def learnt_after(losses):
    """The step whose loss is the first below LEARNT, or None."""
    return next((t for t, loss in enumerate(losses) if loss < LEARNT), None)


def span_of(net, *schemes):
    """From the first to the last step after which recorded nets had learnt, in words (recorded_rings.py)."""
    steps = [step for scheme in schemes for step in LEARNT_AFTER[net][scheme]]
    return f"{min(steps)} to {max(steps)}"


RING_STYLES = (("error", "dashdot"), ("key", "dash"), ("output", "solid"), ("value", "dot"), ("reference", "solid"))


def _views(seen, first, activation, tiny):
    done = len(seen["He"])
    after = {name: learnt_after(losses) for name, losses in seen.items()}
    return (
        Figure(
            [line(np.arange(done), losses, name, *style)
             for (name, losses), style in zip(seen.items(), RING_STYLES, strict=True)],
            x_title="Step",
            y_title="Loss (nats)",
            alt=f"{activation}, {done} steps. "
            + ", ".join(f"{name}: {losses[-1]:.2f}" for name, losses in seen.items())
            + ". Guessing has 0.69.",
            xaxis={"range": [0, RING_STEPS]},
            yaxis={"range": [0, 1]},
            shapes=[rule(y=float(np.log(2)), dash="dot")],
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Table(
            ["first matrices", "gradient of layer 2 at the start", f"loss below {LEARNT} after", "loss now"],
            [[name, f"{first[name]:.0e}", "not yet" if after[name] is None else f"{after[name]} steps",
              f"{losses[-1]:.3f}"] for name, losses in seen.items()],
            f"Twenty layers of {WIDTH}, {activation}, {RING_POINTS} points",
        ),
        Metrics(("Guessing", float(np.log(2)), "nats"), ("Adam's ε", "1e-30" if tiny else "1e-8", "")),
        Note("Adam divides a gradient by its own size, √v̂ + ε: what is far below ε stays small." if not tiny else
             "With a smaller ε Adam sees the tiny gradients as large as any."),
    )  # fmt: skip
