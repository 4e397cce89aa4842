"""What the page on RLHF shows without a model: a reward fitted to comparisons, and three estimates of KL."""

import numpy as np

from topics.kit import (
    Choice,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Seed,
    Slider,
    Table,
    Toggle,
    bars,
    demo,
    line,
    points,
)
from topics.kit.numerics import softmax
from topics.kit.page.words import counted, short
from topics.rlhf.method import bradley_terry_loss, fit_reward_model, kl_estimators, kl_gradient

LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}

# ---- a reward from comparisons

FEATURES = ("right", "thanks", "short", "cheerful")
TASTE = np.array([2.0, 1.0, 0.5, 0.0])  # what the judge gives for one standard deviation of each
PAIRS = (10, 40, 160, 640)
JUDGES = 4  # drawn anew for each number of pairs


@demo(
    pairs=LogSlider("Comparisons", 10, 640, value=20),
    sure=Slider("How sure the judge is", 0.25, 2.0, value=1.0, step=0.25),
    flipped=Slider("Labels flipped by mistake", 0, 40, value=0, step=10, unit="%"),
    seed=Seed(),
)
def reward_from_pairs(pairs, sure, flipped, seed):
    """A reward of four features, fitted to a judge's comparisons: what it thinks of each, and how often it is wrong."""
    w = fitted(pairs, sure, flipped, seed)
    many = [[wrong(fitted(n, sure, flipped, seed + 1 + i)) for i in range(JUDGES)] for n in PAIRS]
    middle, low, high = (np.array([f(row) for row in many]) for f in (np.median, np.min, np.max))
    here = wrong(w)
    told = ", ".join(f"{name} {x:.2f}" for name, x in zip(FEATURES, w, strict=True))
    curve = Figure(
        [
            line(PAIRS, 100 * middle, f"middle of {JUDGES}", "output", mode="lines+markers"),
            line(PAIRS, 100 * low, "best", "reference", "dot"),
            line(PAIRS, 100 * high, "worst", "reference", "dash"),
            points([pairs], [100 * here], "the one above", "query", "diamond"),
        ],
        x_title="Comparisons",
        y_title="New pairs ranked wrongly (%)",
        alt=f"Share of new pairs that the fitted reward ranks against the judge's taste: {100 * middle[0]:.0f} % after "
        f"{PAIRS[0]} comparisons, {100 * middle[-1]:.1f} % after {PAIRS[-1]}, in the middle of {JUDGES} draws. Here, "
        f"{counted(pairs, 'comparison')}: {100 * here:.1f} %.",
        xaxis={"type": "log", "tickvals": PAIRS, "ticktext": [f"{n}" for n in PAIRS]},
        yaxis={"rangemode": "tozero"},
        height=260,
        legend=LEGEND,
        showlegend=True,
    )
    return (
        Figure(
            [
                bars(FEATURES, sure * TASTE, "the judge", "reference"),
                bars(FEATURES, w, "fitted", "output"),
            ],
            x_title="Feature",
            y_title="Weight in the reward",
            alt=f"Weights in the judge's taste, times how sure the judge is: "
            f"{', '.join(short(x) for x in sure * TASTE)}. Fitted to {counted(pairs, 'comparison')}: {told}.",
            barmode="group",
            height=260,
            legend=LEGEND,
            showlegend=True,
        ),
        Metrics(
            ("New pairs ranked wrongly", 100 * here, "%", "pairs of answers where the fitted reward and the judge's "
             "taste disagree which is better"),
            ("Loss on its own pairs", loss_of_fit(w, pairs, sure, flipped, seed), "nats",
             "log 2 = 0.693 is no opinion"),
            ("Size of the fitted reward", float(np.linalg.norm(w)), "", f"the judge's taste has "
             f"{sure * np.linalg.norm(TASTE):.2f}"),
        ),
        curve,
    )  # fmt: skip


def judged(pairs, sure, flipped, seed):
    """Features (pairs, 4) of the answers that a judge chose, and of the others."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, pairs, len(FEATURES)))
    first = rng.random(pairs) < 1 / (1 + np.exp(-sure * (a - b) @ TASTE))
    first ^= rng.random(pairs) < flipped / 100
    return np.where(first[:, None], a, b), np.where(first[:, None], b, a)


def fitted(pairs, sure, flipped, seed):
    """The weights (4,) that a reward model learns from them."""
    return fit_reward_model(*judged(pairs, sure, flipped, seed))


def loss_of_fit(w, pairs, sure, flipped, seed):
    chosen, rejected = judged(pairs, sure, flipped, seed)
    return float(bradley_terry_loss(chosen @ w, rejected @ w))


def wrong(w):
    """The share of pairs that weights w rank against TASTE: the angle between the two, over π, for normal features."""
    cosine = w @ TASTE / (np.linalg.norm(w) * np.linalg.norm(TASTE))
    return float(np.arccos(np.clip(cosine, -1, 1)) / np.pi)


# ---- three estimates of KL

EIGHT = 8
REFERENCE = np.array([0.30, 0.22, 0.15, 0.11, 0.09, 0.06, 0.04, 0.03])
PULL = np.array([-1.2, -0.3, -0.8, 0.2, 0.1, -0.4, 1.6, 0.3])  # which way the policy has moved
PLACES = {"in the loss": "loss", "in the reward": "reward"}


@demo(
    gap=Slider("How far the policy has moved", 0.0, 3.0, value=1.0, step=0.25),
    place=Choice("The estimate stands", tuple(PLACES), value="in the loss"),
    broken=Toggle("Break it: ratio upside down"),
)
def three_estimates(gap, place, broken):
    """Eight answers, all sums taken exactly: what each estimate of KL(π‖π_ref) says, and where it pushes the policy."""
    log_ref, log_pi = policies(gap)
    p = np.exp(log_pi)
    true = abs(float(p @ (log_pi - log_ref)))  # where nothing has moved, rounding can make it −0
    other = abs(float(np.exp(log_ref) @ (log_ref - log_pi)))
    values = kl_estimators(log_ref, log_pi) if broken else kl_estimators(log_pi, log_ref)
    rows, pushes = [], {}
    wanted = kl_gradient(log_pi, log_ref, "k1", "reward")
    size = float(np.abs(wanted).sum())
    for kind, x in values.items():
        mean = float(p @ x)
        pushes[kind] = kl_gradient(log_pi, log_ref, kind, PLACES[place])
        off = float(np.abs(pushes[kind] - wanted).sum())
        told_off = "exact" if off < 1e-12 else f"off by {100 * off / size:.0f} %"
        rows.append((kind, mean, float(np.sqrt(p @ (x - mean) ** 2)), told_off))
    inks = {"k1": ("key", "dash"), "k2": ("output", "solid"), "k3": ("error", "dot")}
    names = [f"{i + 1}" for i in range(EIGHT)]
    traces = [bars(names, wanted, "true gradient", "reference")]
    traces += [line(names, pushes[kind], kind, ink, dash, mode="lines+markers") for kind, (ink, dash) in inks.items()]
    told = "; ".join(f"{kind} {row[3]}" for kind, row in zip(values, rows, strict=True))
    return (
        Figure(
            traces,
            x_title="Answer",
            y_title="Slope of KL by its logit",
            alt=f"The gradient of KL by each of eight logits, and what each estimate {place} gives in the mean. "
            f"All differences, of the sum of the bars: {told}.",
            height=300,
            legend=LEGEND,
            showlegend=True,
        ),
        Table(
            ("Estimate", "mean (nats)", "standard deviation", f"gradient {place}"), rows,
            f"KL(π‖π_ref) is {true:.4f} nats; the other direction, KL(π_ref‖π), {other:.4f}.",
        ),
        Note("With π_ref and π exchanged, the means are no estimate of KL(π‖π_ref). The gradients shown are those of "
             "the right way round.", "warning") if broken else
        Note("The sums run over all eight answers, each with its probability: what a very large sample would show."),
    )  # fmt: skip


def policies(gap):
    """log π_ref and log π (8,) for a policy that has moved by `gap`."""
    log_ref = np.log(REFERENCE)
    return log_ref, np.log(softmax(log_ref + gap * PULL))
