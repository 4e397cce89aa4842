"""What the page on DPO shows of eight answers and one pair: exact, without the house model."""

from functools import cache

import numpy as np

from topics.dpo.method import (
    displacement,
    feature_gradient,
    implicit_reward,
    log_policy,
    optimal_policy,
    sigmoid,
)
from topics.kit import (
    GB,
    GPUS,
    PLAIN,
    Badge,
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
    label,
    line,
    points,
    rule,
)
from topics.kit.page.drift import reward_against_kl
from topics.kit.page.words import counted, short, typeset

N = 8
NAMES = "ABCDEFGH"
LEGEND = {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, "showlegend": True}

# ---- answers in a plane

ANGLES = np.pi / 2 - np.arange(N) * np.pi / 4  # A at the top, the others clockwise
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)  # (N, 2): two features of each answer
RATE, CHOSEN = 0.5, 0


@demo(
    rejected=Slider("Rejected answer, places from the chosen one", 1, 7, value=1),
    steps=Choice("Steps", (0, 20, 100, 400), value=400),
    beta=Choice("β", (0.1, 0.5, 2.0), value=0.5),
    apart=Toggle("A logit of its own for each answer"),
)
def eight_answers(rejected, steps, beta, apart):
    """DPO on one pair, A preferred: eight answers on a ring, of equal probability at the start."""
    walk = ring_walk(rejected, steps, beta, apart)  # (steps + 1, N) log π
    p, others = np.exp(walk[-1]), [n for n in range(N) if n not in (CHOSEN, rejected)]
    best = max(others, key=lambda n: (round(p[n], 9), n))  # two may be equal but for rounding
    t = np.unique(np.linspace(0, steps, 41).astype(int))
    chosen, beaten = NAMES[CHOSEN], NAMES[rejected]
    lines = [
        line(t, walk[t, CHOSEN], f"chosen, {chosen}", "value"),
        line(t, walk[t, best], f"best of the rest, {NAMES[best]}", "output", "dash"),
        line(t, walk[t, rejected], f"rejected, {beaten}", "error", "dot"),
    ]
    told = ", ".join(f"{NAMES[n]} {_percent(p[n])}" for n in np.argsort(-p.round(9), kind="stable")[:3])
    return (
        _plane(p, rejected, f"Eight answers on a ring after {counted(steps, 'step')}: the likeliest are {told}. "
               f"{chosen} was preferred to {beaten}, {counted(min(rejected, N - rejected), 'place')} away; "
               f"{chosen} has {_percent(p[CHOSEN])}, {beaten} {_percent(p[rejected])}; at the start each had 12.5 %."),
        Figure(
            lines,
            x_title="Steps",
            y_title="log π (nats)",
            alt=f"Log-probabilities over {counted(steps, 'step')}, all from {np.log(1 / N):.2f}: chosen to "
            f"{walk[-1][CHOSEN]:.2f}, rejected to {walk[-1][rejected]:.2f}, best of the rest to {walk[-1][best]:.2f}.",
            height=260,
            **LEGEND,
        ),
        Metrics(
            ("log π of the chosen", walk[-1][CHOSEN], "nats", typeset(f"{walk[0][CHOSEN]:.2f} at the start")),
            ("Margin", walk[-1][CHOSEN] - walk[-1][rejected], "nats", "the reference gives both the same"),
            ("The next push on the chosen", _push(p, rejected, apart), "", "(φ_chosen − φ_rejected)·(φ_chosen − μ); "
             "μ is the mean feature"),
        ),
    )  # fmt: skip


def features(apart):
    return np.eye(N) if apart else RING


def ring_walk(rejected, steps, beta, apart=False):
    """log π of the eight answers before each step and after the last: (steps + 1, N)."""
    phi, log_ref = features(apart), np.full(N, -np.log(N))
    theta, walk = np.zeros(phi.shape[1]), [log_ref]
    for _ in range(steps):
        theta = theta - RATE * feature_gradient(theta, phi, log_ref, CHOSEN, rejected, beta)
        walk.append(log_policy(theta, phi))
    return np.array(walk)


def _push(p, rejected, apart):
    return float(displacement(p, features(apart), CHOSEN, rejected)[CHOSEN])


def _plane(p, rejected, alt):
    """The ring, each answer as large as it is likely, and the push from rejected to chosen."""
    groups = [("the rest", [n for n in range(N) if n not in (CHOSEN, rejected)], "output", "circle"),
              ("chosen", [CHOSEN], "value", "diamond"), ("rejected", [rejected], "error", "x")]  # fmt: skip
    size = 7 + 40 * np.sqrt(p)
    return Figure(
        [points(RING[at, 0], RING[at, 1], name, ink, symbol, marker={"size": size[at], "symbol": symbol})
         for name, at, ink, symbol in groups],
        x_title="Feature 1",
        y_title="Feature 2",
        alt=alt,
        height=360,
        xaxis={"range": [-2.1, 2.1], "tickvals": [-1, 0, 1]},
        yaxis={"range": [-1.6, 1.6], "tickvals": [-1, 0, 1]},
        annotations=[
            label(1.36 * x, 1.4 * y, f"{NAMES[n]} {_percent(p[n])}", xanchor=_side(x)) for n, (x, y) in enumerate(RING)
        ],
        shapes=[{"type": "line", "x0": RING[rejected, 0], "y0": RING[rejected, 1], "x1": RING[CHOSEN, 0],
                 "y1": RING[CHOSEN, 1], "line": {"dash": "dot", "width": 1.5}}],
        **LEGEND,
    )  # fmt: skip


def _percent(p):
    return f"{100 * p:.0f} %" if p > 0.0995 else f"{100 * p:.1f} %"


def _side(x):
    """Where a text is anchored that stands beside a ring."""
    return "left" if x > 0.5 else "right" if x < -0.5 else "center"


# ---- the way to the optimum

REFERENCE = np.array([0.30, 0.22, 0.16, 0.12, 0.09, 0.06, 0.03, 0.02])  # of eight answers
REWARD = np.array([0.0, 0.6, -0.5, 1.0, 0.3, 1.6, 1.0, -1.0])
DATA = {"every pair, the judge's exact shares": None, "1,000 comparisons": 1000, "100 comparisons": 100,
        "30 comparisons": 30}  # fmt: skip
ROUNDS, PACE = 400, 10.0  # steps, and their rate in units of 1/β²
FRONTIER = np.geomspace(0.02, 100, 60)


@demo(
    beta=LogSlider("β", 0.0625, 4.0, value=0.5),
    data=Choice("Learns from", tuple(DATA), value="every pair, the judge's exact shares"),
    blind=Toggle("Break it: leave the reference out"),
    seed=Seed("Draw of comparisons"),
)
def on_the_frontier(beta, data, blind, seed):
    """DPO on comparisons of eight answers: the policy's way, beside the best that any policy can do."""
    log_ref, best = np.log(REFERENCE), optimal_policy(np.log(REFERENCE), REWARD, beta)
    walk = dpo_walk(beta, DATA[data], blind, seed)  # (rounds + 1, N) log π
    shown = np.unique(np.geomspace(1, len(walk), 40).astype(int)) - 1
    kl, reward = drift(walk[shown])
    ends = [drift(np.log(optimal_policy(log_ref, REWARD, b))) for b in FRONTIER[::-1]]
    far, high = (np.array(x) for x in zip(*ends, strict=True))
    spot = drift(np.log(best))
    found = implicit_reward(walk[-1], log_ref, beta)
    off = (found - REWARD) - (found - REWARD).mean()  # a constant is nobody's
    views = [
        reward_against_kl(
            [("no policy is above", far, high, "reference", "dot"), ("DPO", kl, reward, "output", "solid")],
            f"The judge's mean reward against KL from the reference, β = {beta:g}, learnt from {data}. DPO ends at "
            f"{kl[-1]:.2f} nats with reward {reward[-1]:.2f}; the optimum for this β lies at {spot[0]:.2f} nats with "
            f"{spot[1]:.2f}, and the reference at 0 with {REFERENCE @ REWARD:.2f}.",
            y_title="Mean reward",
            marks=[("optimum for this β", *spot, "key", "diamond")],
            start=3.0,
        ),
        _laws(np.exp(walk[-1]), best),
        Metrics(
            ("KL from the reference", kl[-1], "nats", f"{spot[0]:.3f} at the optimum"),
            ("Mean reward", reward[-1], "", f"{spot[1]:.3f} at the optimum"),
            ("E[r] − β·KL", reward[-1] - beta * kl[-1], "", f"{spot[1] - beta * spot[0]:.3f} at the optimum"),
        ),
    ]  # fmt: skip
    if blind:
        note = Note(
            "Without π_ref the loss is at home where π = e^(r/β)/Z: what the reference knew is gone.", "warning"
        )
    elif DATA[data] is None:
        note = Note(
            "Every pair of answers equally often, and of its comparisons as many for each as the judge's chances."
        )
    else:
        note = Note(f"{DATA[data]:,} comparisons of two answers drawn evenly, decided by the judge's chances.")
    return (*views, Badge("Reward read out of the policy, against the judge's: max|Δ|", np.abs(off).max(), 1e-6), note)


@cache
def comparisons(n, seed=0):
    """How often answer i was preferred to j, as shares of all comparisons: (N, N). None: as the judge's chances are."""
    chance = sigmoid(REWARD[:, None] - REWARD)  # Bradley–Terry
    if n is None:
        return chance * (1 - np.eye(N)) / (N * (N - 1) / 2)
    rng, won = np.random.default_rng(seed), np.zeros((N, N))
    for _ in range(n):
        i, j = rng.choice(N, 2, replace=False)
        i, j = (i, j) if rng.random() < chance[i, j] else (j, i)
        won[i, j] += 1
    return won / n


def dpo_walk(beta, n=None, blind=False, seed=0):
    """log π before each step of DPO on all comparisons at once, a logit for each answer: (ROUNDS + 1, N)."""
    log_ref, won = np.log(REFERENCE), comparisons(n, seed)
    z, walk = log_ref.copy(), [log_ref]
    for _ in range(ROUNDS):
        m = z - (0 if blind else log_ref)
        push = beta * won * sigmoid(-beta * (m[:, None] - m))  # (N, N), each pair's pull (eq:gradient)
        z = z + PACE / beta**2 * (push.sum(1) - push.sum(0))
        walk.append(z - np.log(np.exp(z - z.max()).sum()) - z.max())
    return np.array(walk)


def drift(log_pi):
    """KL from the reference and mean reward of policies (..., N)."""
    p = np.exp(log_pi)
    return (p * (log_pi - np.log(REFERENCE))).sum(-1), p @ REWARD


def _laws(p, best):
    told = "; ".join(f"{NAMES[n]} {REFERENCE[n]:.2f}, {p[n]:.2f}, {best[n]:.2f}" for n in np.argsort(-best)[:3])
    return Figure(
        [
            bars(list(NAMES), REFERENCE, "reference", "reference"),
            bars(list(NAMES), p, "DPO", "output"),
            bars(list(NAMES), best, "optimum", "key"),
        ],
        x_title="Answer",
        y_title="Probability",
        alt=f"Probability of eight answers under reference, DPO and optimum; the likeliest at the optimum: {told}.",
        height=260,
        **LEGEND,
    )


# ---- how far to push

PUSHES = 1000
KINDS = {"DPO": ("output", "solid"), "smoothed": ("value", "dash"), "robust": ("key", "dashdot"),
         "IPO": ("error", "dot")}  # fmt: skip


@demo(
    flips=Slider("Labels turned round", 0, 40, value=10, step=5, unit="%"),
    sure=Slider("The judge prefers the first answer in", 50, 100, value=100, step=5, unit="%"),
    beta=Choice("β", (0.1, 0.5), value=0.1),
)
def how_far_to_push(flips, sure, beta):
    """One pair, compared again and again: the margin that each loss drives it to."""
    q, eps = sure / 100, flips / 100
    walks = margins(q, eps, beta)
    t = np.unique(np.geomspace(1, PUSHES, 40).astype(int))
    wanted = {name: resting(name, q, eps, beta) for name in KINDS}
    told = ", ".join(f"{name} {walks[name][-1]:.1f}" for name in KINDS)
    return (
        Figure(
            [line(t, walks[name][t], name, *KINDS[name]) for name in KINDS],
            x_title="Steps",
            y_title="Margin m (nats)",
            alt=f"The margin over {PUSHES:,} steps, on a logarithmic axis, when the judge prefers the first answer in "
            f"{sure} % and {flips} % of labels are turned round, β = {beta:g}. At the end: {told} nats.",
            xaxis={"type": "log", "tickvals": [1, 10, 100, 1000], "ticktext": ["1", "10", "100", "1,000"]},
            **LEGEND,
        ),
        Table(
            ("Loss", f"margin after {PUSHES:,} steps (nats)", "where it rests (nats)"),
            [(name, walks[name][-1], wanted[name] if np.isfinite(wanted[name]) else "nowhere") for name in KINDS],
            "Each rate is such that the first step of a sure label moves the margin by half a nat.",
        ),
        Note(f"Smoothed and robust are told the true rate, {flips} %."),
    )


def observed(q, eps):
    """The share of labels that say the first, when the judge prefers it in a share q and eps of labels are flipped."""
    return q * (1 - eps) + (1 - q) * eps


def resting(name, q, eps, beta):
    """The margin at which a loss's expected gradient is zero."""
    seen = observed(q, eps)
    if name == "IPO":
        return (2 * seen - 1) / (2 * beta)
    share = {"DPO": seen, "smoothed": observed(seen, eps), "robust": q}[name]
    return float(np.log(share / (1 - share)) / beta) if share < 1 else np.inf


def margins(q, eps, beta):
    """The margin under each loss, {name: (PUSHES + 1,)}, by gradient descent on its mean over labels."""
    seen, m, walks = observed(q, eps), np.zeros(4), [np.zeros(4)]
    share = np.array([seen, observed(seen, eps), q])  # what DPO, smoothed and robust take for the judge's
    for _ in range(PUSHES):
        logistic = share - sigmoid(beta * m[:3])  # −gradient/β; at the start ½ for a sure label
        squared = 0.5 * ((2 * seen - 1) - 2 * beta * m[3])
        m = m + np.append(logistic, squared)
        walks.append(m)
    return dict(zip(KINDS, np.array(walks).T, strict=True))


# ---- what must be in memory

TRAINED, FROZEN = 16, 2  # bytes of a number: BF16 weight and gradient, FP32 copy, Adam's two means; or BF16 alone
RECIPES = {  # numbers trained and numbers only read, in models of the policy's size
    "PPO": (2, 2),  # policy and critic; reference and reward model
    "DPO": (1, 1),  # the reference beside it
    "DPO, reference kept": (1, 0),  # its log-probabilities of all pairs were written down before
    "SimPO": (1, 0),
    "DPO, adapter": (0, 1),  # the reference is the policy without its adapter
}


@demo(
    name=Choice("Model", tuple(PLAIN), value="Llama-3.1-8B"),
    gpu=Choice("GPU", tuple(GPUS), value="H100"),
)
def models_in_memory(name, gpu):
    """What must be held while a real model learns from preferences, without activations."""
    need = {recipe: recipe_bytes(name, recipe) for recipe in RECIPES}
    rows = [(recipe, trained, read, need[recipe] / GB, int(np.ceil(need[recipe] / GPUS[gpu].memory)))
            for recipe, (trained, read) in RECIPES.items()]  # fmt: skip
    told = ", ".join(f"{recipe} {short(need[recipe] / GB)}" for recipe in RECIPES)
    return (
        Figure(
            [bars([x / GB for x in need.values()], list(need), "memory", "cost", orientation="h",
                  text=[short(x / GB) for x in need.values()])],
            x_title="Memory (GB)",
            alt=f"Memory for {name} without activations, in GB: {told}. One {gpu} has "
            f"{short(GPUS[gpu].memory / GB)} GB.",
            height=260,
            yaxis={"autorange": "reversed"},
            shapes=[rule(x=GPUS[gpu].memory / GB)],
            annotations=[label(GPUS[gpu].memory / GB, 4.45, gpu, xanchor="left", yanchor="bottom")],
        ),
        Table(
            ("Recipe", "models trained", "models only read", "memory (GB)", f"{gpu}s that hold it"),
            rows,
            f"{TRAINED} bytes for a number that is trained, {FROZEN} for one that is only read; reward model and "
            "critic of the policy's size. An adapter's own numbers are left out.",
        ),
    )  # fmt: skip


def recipe_bytes(name, recipe):
    """Bytes of the models that a recipe of RECIPES holds, without activations."""
    trained, read = RECIPES[recipe]
    return PLAIN[name].parameters * (TRAINED * trained + FROZEN * read)
