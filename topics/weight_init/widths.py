"""A rate for every width: small models of the house's form, trained with standard rates and by μP."""

import numpy as np

from topics.kit import Choice, Figure, LogSlider, Metrics, Note, Progress, Seed, Table, Toggle, demo, label, line, rule
from topics.kit.model import lm
from topics.kit.model.autograd import cross_entropy
from topics.kit.model.language import HELD_OUT, text, write
from topics.kit.model.optimizers import adamw_step, clip_by_global_norm
from topics.kit.model.text import padded
from topics.kit.model.training import loss_and_gradients, matrices_of, new_model
from topics.weight_init.recorded import LOSSES

BASE = 16  # the width at which both ways are the same
WIDTHS = (16, 32, 64, 128)
RATES = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
WAYS = ("standard", "μP")
STEPS = 60


def mup(d, base):
    """Yang et al. 2022 for Adam: the factors, at width d, of a rate and of logits that were tuned at a base width
    (eq:mup). Initial weights are 1/√fan-in in both.

    returns  the factor of the rate of the layers' matrices, and that of the logits

    >>> mup(64, 16)
    (0.25, 0.25)
    """
    return base / d, base / d


def cell(d, eta, scheme, seed, steps=STEPS, every=STEPS):
    """Train a model of width d, 2 layers, heads of 8: yields each step's number t and loss, and the held-out loss after
    it, None but every so many steps. Ends early where the loss is no number any more.
    """
    rng = np.random.default_rng(seed)
    model = new_model(rng, 147, d, 2, d // 8, 8, 2 * d)
    of_matrices, of_logits = mup(d, BASE) if scheme == "μP" else (1.0, 1.0)
    hidden, states, held = matrices_of(model), dict.fromkeys(model.weights), padded(short_texts(HELD_OUT, 40))

    def loss_of(weights, batch):
        tokens, targets, real = batch
        return cross_entropy(lm.forward(model.with_weights(weights), tokens) * np.float32(of_logits), targets, real)

    weights, seen = model.weights, 1_000_000 * (seed + 1)
    for t in range(1, steps + 1):
        texts = short_texts(seen, 8)
        seen += 1000
        loss, grads = loss_and_gradients(weights, loss_of, padded(texts))
        grads, _ = clip_by_global_norm(grads, 1.0)
        new = {}
        for name, w in weights.items():
            rate = eta * (of_matrices if name in hidden else 1.0)
            new[name], states[name] = adamw_step(w, grads[name], states[name], rate)
        weights = new
        yield t, loss, float(loss_of(weights, held)) if t % every == 0 else None
        if not np.isfinite(loss):
            yield steps, loss, np.nan
            return


def short_texts(seed, n, longest=40):
    """The next n texts of the house language with at most so many words, from a seed on."""
    found = []
    while len(found) < n:
        each = write(seed, text())
        seed += 1
        if len(each.words) <= longest:
            found.append(each)
    return found


# ---- what the page shows of them


@demo(
    d=LogSlider("Width", 16, 128, value=128),
    all_widths=Toggle("The other widths, too", value=True),
)
def rate_against_width(d, all_widths):
    """Recorded: the loss after 60 steps by the rate, standard beside μP, at four widths."""
    top = 4.2
    figures = []
    for scheme, ink in zip(WAYS, ("error", "output"), strict=True):
        others = [line(*_curve(scheme, width), f"width {width}", "reference", "dot")
                  for width in WIDTHS if width != d and all_widths]  # fmt: skip
        rates, losses = _curve(scheme, d)
        best = best_rate(scheme, d)
        figures.append(
            Figure(
                [*others, line(rates, losses, f"width {d}", ink, mode="lines+markers")],
                x_title=f"Rate η, {scheme}",
                y_title="Loss (nats a word)",
                alt=f"{scheme}, width {d}: the loss is "
                + ", ".join(f"{loss:.2f} at {rate:g}" for rate, loss in zip(rates, losses, strict=True))
                + f"; larger rates end in no number. Best of those tried: {best:g}.",
                height=270,
                xaxis={"type": "log", "range": [-2.7, -0.4], "tickvals": list(RATES),
                       "ticktext": [f"{x:g}" for x in RATES]},
                yaxis={"range": [2.1, top]},
                showlegend=False,
                shapes=[rule(x=best)],
                annotations=_names(scheme, d, all_widths),
            )
        )  # fmt: skip
    at = {scheme: (best_rate(scheme, d), mean_loss(scheme, d, best_rate(scheme, d))) for scheme in WAYS}
    kept = best_rate("standard", BASE)
    return (
        *figures,
        Metrics(
            ("Best rate, standard", at["standard"][0], "", f"loss {at['standard'][1]:.2f}"),
            ("Best rate, μP", at["μP"][0], "", f"loss {at['μP'][1]:.2f}"),
            ("Spread of three seeds", _spread(d), "nats", "at most, at the two best rates"),
        ),
        Table(
            ["rate", *(f"{scheme}, seed {seed}" for scheme in WAYS for seed in range(3))],
            [[f"{eta:g}", *(_loss_said(x) for scheme in WAYS for x in LOSSES[scheme][d][eta])] for eta in RATES],
            f"Width {d}: loss of each run; at width {BASE} both ways are the same, and {kept:g} is best",
        ),
    )


def mean_loss(scheme, d, eta):
    """The mean of the recorded losses; None where a run ended in no number."""
    found = LOSSES[scheme][d][eta]
    return None if None in found else float(np.mean(found))


def best_rate(scheme, d):
    """The rate of those tried with the least mean loss."""
    return min(
        (eta for eta in RATES if mean_loss(scheme, d, eta) is not None), key=lambda eta: mean_loss(scheme, d, eta)
    )


def _curve(scheme, d):
    """Rates that ended in a number, and their mean losses."""
    rates = [eta for eta in RATES if mean_loss(scheme, d, eta) is not None]
    return rates, [mean_loss(scheme, d, eta) for eta in rates]


def _names(scheme, d, all_widths):
    """The widths, at the left ends of their lines, apart from each other."""
    heights, names = [], []
    for width in sorted((width for width in WIDTHS if width == d or all_widths), reverse=True):
        y = mean_loss(scheme, width, RATES[0])
        heights.append(max(y, heights[-1] + 0.14) if heights else y)
        names.append(label(np.log10(RATES[0]), heights[-1], str(width), xanchor="right", xshift=-4))
    return names


def _spread(d):
    return float(max(np.ptp(LOSSES[scheme][d][best_rate(scheme, d)]) for scheme in WAYS))


def _loss_said(loss):
    return "no number" if loss is None else f"{loss:.2f}"


@demo(
    "live",
    d=LogSlider("Width", 16, 128, value=64),
    eta=Choice("Rate η", RATES, value=1e-1),
    seed=Seed("Seed", 3),
)
def one_cell(d, eta, seed):
    """Trains two small language models of one width at one rate, here and now: standard, and by μP."""
    curves = {scheme: [] for scheme in WAYS}
    runs = {scheme: cell(d, eta, scheme, seed) for scheme in WAYS}
    ends = dict.fromkeys(WAYS)
    for t in range(1, STEPS + 1):
        for scheme, run in runs.items():
            step = next(run, None)
            if step is not None:
                curves[scheme].append(step[1])
                ends[scheme] = step[2] if step[2] is not None else ends[scheme]
        yield Progress(t, STEPS, "Training"), *_cell_views(curves, ends, d, eta, seed)


def _cell_views(curves, ends, d, eta, seed):
    shown = {scheme: [x if np.isfinite(x) else None for x in losses] for scheme, losses in curves.items()}
    last = {
        scheme: next((x for x in reversed(losses) if x is not None), np.log(147)) for scheme, losses in shown.items()
    }
    done = all(end is not None for end in ends.values())
    return (
        Figure(
            [line(np.arange(1, len(y) + 1), y, scheme, ink, dash) for (scheme, y), ink, dash in
             zip(shown.items(), ("error", "output"), ("dash", "solid"), strict=True)],
            x_title="Step",
            y_title="Loss of the batch (nats a word)",
            alt=f"Width {d}, rate {eta:g}, after {len(curves['μP'])} steps: the loss of the batch is "
            f"{last['standard']:.2f} with standard rates and {last['μP']:.2f} by μP.",
            xaxis={"range": [0, STEPS + 2]},
            yaxis={"range": [1.5, 8]},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        ),
        Metrics(*((f"Held-out loss, {scheme}", None if end is None else "no number" if not np.isfinite(end) else
                   round(end, 2), "nats a word") for scheme, end in ends.items())),
        Note(f"The same first weights, the same {8 * STEPS} texts, in both."
             + (" At the width of 16 the two are one." if done and d == BASE else "")),
    )  # fmt: skip
