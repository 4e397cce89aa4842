"""What guessing brings: the speed-up over the number of guesses, and over load, context and experts."""

import numpy as np

from topics.kit import (
    GPUS,
    MODELS,
    Figure,
    LogSlider,
    Metrics,
    Note,
    Slider,
    Table,
    demo,
    label,
    line,
    points,
    rule,
)
from topics.kit.page.words import counted
from topics.kit.real.costs import (
    experts_touched,  # noqa: F401
    matrices_works,  # noqa: F401
    step_time,  # noqa: F401
    text_bytes,
    users_that_fit,
    weights_bytes,
    weights_read,  # noqa: F401
)
from topics.speculative_decoding.method import best_gamma, expected_tokens, gain, speedup

# ---- guesses in a row


@demo(
    alpha=Slider("Accepted with probability α", 0.5, 0.98, value=0.8, step=0.02),
    c=LogSlider("A draft's pass c, in parts of the target's", 0.01, 0.64, value=0.04, per_octave=2),
)
def speedup_of_guesses(alpha, c):
    """Speed-up over the number of guesses, when checking them costs no more than one word."""
    gammas = np.arange(0, 17)
    gained = [speedup(alpha, g, c) for g in gammas]
    words = [expected_tokens(alpha, g) for g in gammas]
    best = best_gamma(alpha, c, 16)
    figure = Figure(
        [
            line(gammas, words, "words a pass", "reference", "dash"),
            line(gammas, gained, "times as fast", "key"),
            points([best], [gained[best]], "the best", "key", "diamond"),
        ],
        x_title="Guesses a pass (γ)",
        y_title="Words a pass; times as fast",
        alt=f"α = {alpha}, c = {c}: four guesses give {words[4]:.2f} words a pass and are {gained[4]:.2f} times as "
        f"fast; the best is γ = {best}, {gained[best]:.2f} times; 16 guesses {gained[16]:.2f} times.",
        yaxis={"range": [0, 1.12 * max(words)]},
        showlegend=False,
        shapes=[rule(y=1)],
        annotations=[
            label(16, words[16], "words a pass", xanchor="right", yanchor="bottom", yshift=6),
            label(16, gained[16], "times as fast", xanchor="right", yanchor="top", yshift=-8),
        ],
    )
    metrics = Metrics(
        ("Best number of guesses", best, "", "of 0 to 16"),
        ("Times as fast with it", gained[best], "×", f"{words[best]:.2f} / ({best} · {c} + 1)"),
        ("Words a pass with it", words[best], "", f"at most 1 / (1 − α) = {1 / (1 - alpha):.2f}, with endless guesses"),
    )
    return figure, metrics


# ---- load, context, experts

SERVED = {  # model: GPU, weights, colour, dash
    "Llama-3.1-8B": ("H100", "BF16", "key", "solid"),
    "gpt-oss-120b": ("H100", "MXFP4", "value", "dash"),
    "DeepSeek-V3": ("8 × B200", "FP8", "output", "dot"),
}
USERS = 2 ** np.arange(10)


@demo(
    T=LogSlider("Context of each user", 128, 131_072, value=2048, unit="tokens"),
    gamma=Slider("Guesses a pass (γ)", 1, 8, value=3),
    alpha=Slider("Accepted with probability α", 0.5, 0.95, value=0.8, step=0.05),
)
def under_load(T, gamma, alpha):
    """Speed-up over users at once, for a dense model and two mixtures of experts, by the rooflines of their GPUs."""
    curves = {name: [gain_of(name, T, int(B), gamma, alpha) for B in USERS] for name in SERVED}
    fit = {name: users_of(name, T) for name in SERVED}
    most = expected_tokens(alpha, gamma) / (1 + gamma * DRAFT_COST)
    figure = Figure(
        [line(USERS, curves[name], name, ink, dash) for name, (_, _, ink, dash) in SERVED.items()],
        x_title="Users at once",
        y_title="Times as fast",
        alt=f"{T:,} tokens of context, γ = {gamma}, α = {alpha}. Times as fast with 1, 4, 32, 512 users: "
        + "; ".join(f"{name} {', '.join(f'{curve[i]:.2f}' for i in (0, 2, 5, 9))}" for name, curve in curves.items())
        + ".",
        xaxis={"type": "log", "tickvals": [int(B) for B in USERS[::2]] + [512]},
        yaxis={"range": [0, 1.15 * max(most, 1.0)]},
        legend={"orientation": "h", "y": 1.15},
        shapes=[rule(y=1)],
        annotations=[label(0, 1, "no gain", xanchor="left", yanchor="top")],
    )
    rows = [(name, f"{SERVED[name][0]}, {SERVED[name][1]}", fit[name], *(curves[name][i] for i in (0, 2, 5, 7, 9)))
            for name in SERVED]  # fmt: skip
    table = Table(("model", "on", "users that fit", *(f"{counted(int(USERS[i]), 'user')}" for i in (0, 2, 5, 7, 9))),
                  rows, "Times as fast.")  # fmt: skip
    return (
        figure,
        table,
        Note(
            f"A draft's pass is taken as {100 * DRAFT_COST:.0f} % of the target's, whatever the load, and experts as "
            "chosen by chance. More users than fit are arithmetic only."
        ),
    )


DRAFT_COST = 0.03


def gain_of(name, T, B, gamma=3, alpha=0.8):
    """Speed-up of B users of a model served here."""
    gpu, kind, *_ = SERVED[name]
    return gain(MODELS[name], GPUS[gpu], T, B, gamma, alpha, DRAFT_COST, kind)


def users_of(name, T):
    """Users with T tokens each that fit beside a served model's weights."""
    gpu, kind, *_ = SERVED[name]
    model, chip = MODELS[name], GPUS[gpu]
    return users_that_fit(chip.memory, weights_bytes(model, kind), text_bytes(model, T, n=chip.n))
