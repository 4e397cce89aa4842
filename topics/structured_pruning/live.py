"""What runs when a reader asks: products timed in their browser, and a cut that is repaired and healed."""

import time
from itertools import islice

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
    bars,
    demo,
    label,
    line,
    lm,
    max_abs_difference,
    rule,
)
from topics.kit.model.language import text, write
from topics.kit.model.text import padded
from topics.kit.model.training import next_token_loss, train
from topics.kit.page.words import counted, short
from topics.structured_pruning.cuts import (
    LONGEST,
    loss_of,
    neuron_scores,
    neurons_that_stay,
    repaired,
    sliced_neurons,
    some_texts,
    to_look_at,
)

# ---- masked against sliced

WORDS_IN, TIMES = 32, 15
UNCUT, MASKED, SCATTERED, SLICED = "whole", "neurons masked", "zeros anywhere", "neurons sliced"


@demo(
    "live",
    share=Slider("Neurons away", 0, 75, value=50, step=25, unit="%"),
    m=LogSlider("Width of the inputs", 64, 512, value=256),
    seed=Seed(),
)
def masked_or_sliced(share, m, seed):
    """One product, timed in this browser: a matrix of 4m neurons whole, with zeros, and with the rows away."""
    rng = np.random.default_rng(seed)
    x, W = (rng.normal(size=size).astype(np.float32) for size in ((WORDS_IN, m), (4 * m, m)))
    stay = np.sort(rng.permutation(4 * m)[: round(4 * m * (100 - share) / 100)])
    masked, scattered = np.zeros_like(W), W * (rng.random(W.shape) >= share / 100)
    masked[stay] = W[stay]
    matrices = {UNCUT: W, MASKED: masked, SCATTERED: scattered, SLICED: np.ascontiguousarray(W[stay])}
    taken, loops = {name: [] for name in matrices}, max(1, 2**18 // (m * m))  # a browser's clock is coarse
    for t in range(TIMES + 1):
        for name, each in matrices.items():  # in turn, so that a disturbance meets all alike
            began = time.perf_counter()
            for _ in range(loops):
                lm.linear(x, each)
            if t:  # the first round is slow
                taken[name].append(1000 * (time.perf_counter() - began) / loops)
        if t:
            yield Progress(t, TIMES, "Timing"), *_timed(taken, matrices, x, stay, share)
    yield _timed(taken, matrices, x, stay, share)


def _timed(taken, matrices, x, stay, share):
    middle = {name: float(np.median(times)) for name, times in taken.items()}
    flop = {name: 2 * len(x) * W.size for name, W in matrices.items()}
    rows = [(name, f"{flop[name] / 1e6:.1f}", f"{middle[name]:.2f}", f"{min(times):.2f} to {max(times):.2f}")
            for name, times in taken.items()]  # fmt: skip
    apart = max_abs_difference(lm.linear(x, matrices[MASKED])[:, stay], lm.linear(x, matrices[SLICED]))
    return (
        Figure(
            [bars(list(middle), list(middle.values()), "median", "cost", text=[f"{t:.2f}" for t in middle.values()])],
            y_title="Time of a product (ms)",
            alt=f"Measured here with {share} % of the neurons away, the median of {counted(len(taken[UNCUT]), 'round')}"
            f" in ms: " + ", ".join(f"{name} {t:.2f}" for name, t in middle.items()) + ".",
            yaxis={"range": [0, 1.2 * max(middle.values())]},
        ),
        Table(("Matrix", "10⁶ FLOP", "median, ms", "least to most, ms"), rows,
              "A zero is multiplied like any other number, so it counts as FLOP."),
        Badge("Neurons that stay, sliced against masked: max|Δ|", apart, 1e-3),
        Metrics(("Sliced over whole", 100 * middle[SLICED] / middle[UNCUT], "% of the time"),
                ("Masked over whole", 100 * middle[MASKED] / middle[UNCUT], "% of the time")),
    )  # fmt: skip


# ---- cut, repair, heal

BATCH, ON, EVERY = 8, 8, 3  # texts of a step; texts that it is judged on; steps between two judgements
BY_WEIGHTS, AT_RANDOM = "largest weights", "drawn"
NO_REPAIR, FITTED, LOOSE = "none", "least squares", "break it: 12 texts, nothing held"
FITTED_ON = {FITTED: 48, LOOSE: 12}  # texts


@demo(
    "live",
    "target",
    share=Slider("Neurons away", 25, 75, value=50, step=25, unit="%"),
    kept=Choice("Neurons that stay", (BY_WEIGHTS, AT_RANDOM), value=BY_WEIGHTS),
    repair=Choice("Repair before training", (NO_REPAIR, FITTED, LOOSE), value=FITTED),
    steps=Slider("Steps of training", 3, 30, value=15, step=3),
    seed=Seed(),
)
def cut_and_heal(share, kept, repair, steps, seed):
    """Neurons of all four layers go; the matrices behind them are fitted anew; then the smaller model trains."""
    model, judged = lm.load("target"), some_texts(ON, seed)
    yield Progress(0, steps, "Cutting")
    whole = loss_of(model, judged)
    scores = neuron_scores(model) if kept == BY_WEIGHTS else np.random.default_rng(seed).random((model.L, model.F))
    small = sliced_neurons(model, neurons_that_stay(scores, share / 100))
    marks = {"cut": loss_of(small, judged) - whole}
    if repair != NO_REPAIR:
        small = repaired(model, small, to_look_at(FITTED_ON[repair], seed), 0 if repair == LOOSE else 0.01)
        marks["repaired"] = loss_of(small, judged) - whole
    healed = [(0, list(marks.values())[-1])]
    yield Progress(0, steps, "Training"), *_healing_views(marks, healed, small, model, share)
    run = train(small.weights, next_token_loss(small), fresh(seed), 1e-3)
    for step in islice(run, steps):
        yield Progress(step.t, steps, "Training")
        if step.t % EVERY == 0:
            healed.append((step.t, loss_of(small.with_weights(step.weights), judged) - whole))
            yield Progress(step.t, steps, "Training"), *_healing_views(marks, healed, small, model, share)
    yield _healing_views(marks, healed, small, model, share)


def fresh(seed):
    """Batches for ever, each of BATCH new texts of at most LONGEST words."""
    n = 3_000_000 + 100_000 * seed
    while True:
        texts = []
        while len(texts) < BATCH:
            each = write(n, text())
            n += 1
            if len(each.words) - 1 <= LONGEST:
                texts.append(each)
        yield padded(texts)


def _healing_views(marks, healed, small, model, share):
    t, now = healed[-1]
    numbers = [sum(w.size for w in each.weights.values()) for each in (model, small)]
    notes = [label(0, x, name, xanchor="left", yanchor="bottom", xshift=6) for name, x in marks.items()]
    told = ", ".join(f"{name} {x:.3f}" for name, x in marks.items())
    return (
        Figure(
            [line([x for x, _ in healed], [y for _, y in healed], "training", "cost", mode="lines+markers")],
            x_title="Steps of training",
            y_title="Loss added (nats a word)",
            alt=f"With {share} % of the neurons away the loss has grown by: {told}; after {counted(t, 'step')} of "
            f"training {now:.3f} nats a word.",
            yaxis={"range": [min(0.0, 1.2 * min(y for _, y in healed)), 1.2 * max(0.05, *marks.values())]},
            shapes=[rule(y=x) for x in marks.values()],
            annotations=notes,
            showlegend=False,
        ),
        Metrics(
            *((f"Added, {name}", x, "nats a word") for name, x in marks.items()),
            (f"Added after {counted(t, 'step')}", now, "nats a word"),
            ("Numbers", 100 * numbers[1] / numbers[0], "% of the model", f"{numbers[1]:,} / {numbers[0]:,}"),
        ),
        Note(f"{short(small.F)} of {model.F} neurons stay in each layer, an ordinary model of another shape."),
    )
