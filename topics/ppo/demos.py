"""What the page on PPO computes at once: the clipped objective and its gradient, and what λ does to an advantage."""

import numpy as np

from topics.kit import Choice, Figure, LogSlider, Metrics, Note, Slider, Toggle, demo, line, rule
from topics.kit.page.words import counted
from topics.ppo.chain import errors

# ---- the clip

VARIANTS = ("PPO", "no clip", "clip-higher", "dual clip", "CISPO")
HIGHER, CAP = 0.28, 3.0  # DAPO's upper ε, and the dual clip's c
RATIOS = np.round(np.arange(0, 4.001, 0.02), 2)


@demo(
    eps=Slider("Clip ε", 0.05, 0.5, value=0.2, step=0.05),
    variant=Choice("Loss", VARIANTS, value="PPO"),
    at=Slider("Ratio told below", 0.0, 4.0, value=1.5, step=0.1),
    broken=Toggle("Break it: max for min"),
)
def clipped_objective(eps, variant, at, broken):
    """What one action adds to the objective, and the push that it gives its own log-probability, by its ratio."""
    high = HIGHER if variant == "clip-higher" else eps
    signs = ((1.0, "A = +1", "output", "solid"), (-1.0, "A = −1", "error", "dash"))
    values = {A: objective(RATIOS, A, variant, eps, high, broken) for A, *_ in signs}
    pushes = {A: push(RATIOS, A, variant, eps, high, broken) for A, *_ in signs}
    here = {A: float(push(np.array([at]), A, variant, eps, high, broken)[0]) for A, *_ in signs}
    marks = [rule(x=1 - eps, dash="dot"), rule(x=1 + high, dash="dot")] if variant != "no clip" else []
    axis = {"xaxis": {"range": [0, 4]}, "legend": LEGEND, "showlegend": True, "shapes": marks}
    name = f"{variant}{', max for min' if broken and variant in MIN else ''}"
    return (
        Figure(
            [line(RATIOS, pushes[A], name, ink, dash) for A, name, ink, dash in signs],
            x_title="Ratio ρ = π/π_old",
            y_title="Push on log π of this action",
            alt=f"{name}, ε {eps:g}: the push on an action's own log-probability over its ratio. At ratio {at:g} it "
            f"is {here[1.0]:.2f} for A = +1 and {here[-1.0]:.2f} for A = −1. {_zeros(variant, eps, high, broken)}",
            yaxis={"range": [-4.2, 4.2]},
            **axis,
        ),
        Figure(
            [line(RATIOS, values[A], name, ink, dash) for A, name, ink, dash in signs],
            x_title="Ratio ρ = π/π_old",
            y_title="Objective",
            alt=f"{name}: the objective of one action over its ratio. At ratio 4 it is {values[1.0][-1]:.2f} for "
            f"A = +1 and {values[-1.0][-1]:.2f} for A = −1.",
            height=240,
            **axis,
        ),
        Metrics(
            (f"Push at ratio {at:g}, A = +1", here[1.0], "", "the slope of the objective by log π; "
             "A·ρ where nothing is clipped"),
            (f"Push at ratio {at:g}, A = −1", here[-1.0], ""),
        ),
        _clip_note(variant, broken),
    )  # fmt: skip


LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
MIN = ("PPO", "clip-higher", "dual clip")  # losses that take the lesser of two


def objective(rho, A, variant, eps, high, broken=False):
    """The objective of actions with ratios ρ (n,) and one advantage A.

    CISPO's is the curve whose slope by log π is its push.
    """
    if variant == "no clip":
        return rho * A
    if variant == "CISPO":
        top = 1 + high
        return A * np.where(rho < top, rho, top * (1 + np.log(np.maximum(rho, top) / top)))
    clip = np.clip(rho, 1 - eps, 1 + high) * A
    lesser = np.maximum(rho * A, clip) if broken else np.minimum(rho * A, clip)
    return np.maximum(lesser, CAP * A) if variant == "dual clip" and A < 0 else lesser


def push(rho, A, variant, eps, high, broken=False):
    """The slope of the objective by log π: A·ρ where the ratio counts, else 0; CISPO's is A times a clipped weight."""
    if variant == "no clip":
        return rho * A
    if variant == "CISPO":
        return A * np.minimum(rho, 1 + high)
    beyond = (rho > 1 + high) if (A > 0) != broken else (rho < 1 - eps)
    if variant == "dual clip" and A < 0:
        beyond = beyond | (rho > CAP)
    return np.where(beyond, 0.0, rho * A)


def _zeros(variant, eps, high, broken):
    if variant == "no clip":
        return "It is nowhere zero."
    if variant == "CISPO":
        return f"It is nowhere zero, and level beyond {1 + high:.2f}."
    up, down = (f"beyond {1 + high:.2f}", f"below {1 - eps:.2f}")
    if broken:
        up, down = down, up
    more = f", and beyond {CAP:g}" if variant == "dual clip" else ""
    return f"It is zero for A = +1 {up}, for A = −1 {down}{more}."


def _clip_note(variant, broken):
    if broken and variant in MIN:
        return Note("What has gone too far is pushed on, and what went the wrong way is left there.", "warning")
    return Note(
        {
            "PPO": "Zero only where the action has already gone far enough the way that its advantage wants.",
            "no clip": "The farther an action has gone, the harder it is pushed on.",
            "clip-higher": "DAPO: 0.28 above whatever ε is below, so that rare tokens may rise.",
            "dual clip": "Where A < 0 and the ratio is beyond 3, the push would be large, and is dropped.",
            "CISPO": "The weight is clipped, its gradient stopped: no token falls silent. Its objective is drawn as "
            "the curve with that slope.",
        }[variant]
    )


# ---- λ

PLACES = 9
LAMBDAS = np.round(np.linspace(0, 1, 41), 3)


@demo(
    lam=Slider("λ", 0.0, 1.0, value=0.8, step=0.05),
    n=LogSlider("Steps from each place", 25, 12_800, value=100, per_octave=1),
    wrong=Slider("Critic's ignorance", 0.0, 1.0, value=0.5, step=0.1),
    gamma=Choice("Discount γ", (0.9, 0.99, 1.0), value=1.0),
)
def bias_against_noise(lam, n, wrong, gamma):
    """Nine places in a row, a reward of 1 for leaving to the right: how wrong the policy's gradient is, by λ."""
    bias, noise, both = np.array([errors(PLACES, gamma, x, wrong, n) for x in LAMBDAS]).T  # (41,) each
    b, s, total = errors(PLACES, gamma, lam, wrong, n)
    best = int(np.argmin(both))
    return (
        Figure(
            [
                line(LAMBDAS, bias, "bias", "error", "dash"),
                line(LAMBDAS, noise, "noise", "cost", "dot"),
                line(LAMBDAS, both, "both", "output"),
            ],
            x_title="λ",
            y_title="Error of the gradient ÷ its size",
            alt=f"Error of the policy's gradient over λ, as a share of its size. At λ {lam:g}: bias {b:.2f}, noise "
            f"{s:.2f}, both {total:.2f}. At 0: {bias[0]:.2f}, {noise[0]:.2f}; at 1: {bias[-1]:.2f}, {noise[-1]:.2f}. "
            f"Least, {both[best]:.2f}, at λ {LAMBDAS[best]:.3g}.",
            xaxis={"range": [-0.02, 1.02]},
            yaxis={"range": [0, 1.08 * max(both.max(), 0.1)]},
            shapes=[rule(x=lam, dash="dot")],
            legend=LEGEND,
            showlegend=True,
        ),
        Metrics(
            ("Bias", 100 * b, "%", "of the true gradient's size, root mean square over the nine places"),
            (
                "Noise",
                100 * s,
                "%",
                "standard deviation of the mean of that many steps from a place, over the same size",
            ),
            ("Both", 100 * total, "%", "√(bias² + noise²)"),
            ("Least error", 100 * float(both[best]), "%", f"at λ = {LAMBDAS[best]:.3g}"),
        ),
        Note(f"Computed, not sampled, for a gradient that is the mean of {counted(n, 'step')} from each place."),
    )
