"""Three agents learn to balance a pole in the reader's browser."""

import numpy as np

from topics.kit import Choice, Figure, Note, Progress, Seed, Slider, Table, demo, line, rule
from topics.ppo.cart_pole import AGENTS, LIMIT, iteration, lowest_late, new_agent

INK = {"REINFORCE": ("reference", "dot"), "no clip": ("error", "dash"), "PPO": ("output", "solid")}
RATES = (0.001, 0.003, 0.01)
ITERATIONS = 60


@demo(
    "live",
    eta=Choice("Rate", RATES, value=0.01),
    eps=Choice("Clip ε", (0.1, 0.2, 0.5), value=0.2),
    epochs=Choice("Epochs on each batch", (1, 4, 10), value=10),
    iterations=Slider("Batches", 20, 60, value=60, step=20),
    seed=Seed(),
)
def three_agents(eta, eps, epochs, iterations, seed):
    """REINFORCE, several epochs without a clip, and PPO learn the same task: how long they hold it, and how far each
    update went."""
    agents = {kind: (new_agent(seed), np.random.default_rng([seed, 1])) for kind in AGENTS}
    for t in range(1, iterations + 1):
        for kind, (agent, rng) in agents.items():
            iteration(agent, kind, rng, eta, eps, epochs)
            yield Progress(3 * (t - 1) + 1 + AGENTS.index(kind), 3 * iterations, "Acting and learning")
        if t % 4 == 0 or t == iterations:
            yield Progress(3 * t, 3 * iterations, "Acting and learning"), *_shown(agents, iterations, epochs)


def _shown(agents, iterations, epochs):
    runs = {kind: agent for kind, (agent, _) in agents.items()}
    t = np.arange(1, len(runs["PPO"].returns) + 1)
    held = "; ".join(f"{kind} {run.returns[-1]:.0f} (its lowest in the second half: {lowest_late(run.returns):.0f})"
                     for kind, run in runs.items())  # fmt: skip
    far = ", ".join(f"{kind} {max(run.kls):.2g}" for kind, run in runs.items())
    legend = {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, "showlegend": True}
    return (
        Figure(
            [line(t, run.returns, kind, *INK[kind]) for kind, run in runs.items()],
            x_title="Batch",
            y_title="Steps held (mean of 20 episodes)",
            alt=f"Steps until the pole falls, after {len(t)} batches: {held}. An episode is cut off at {LIMIT}.",
            xaxis={"range": [0, iterations + 1]},
            yaxis={"range": [0, 215]},
            shapes=[rule(y=LIMIT, dash="dot")],
            **legend,
        ),
        Figure(
            [line(t, np.maximum(run.kls, 1e-6), kind, *INK[kind]) for kind, run in runs.items()],
            x_title="Batch",
            y_title="KL of the update (nats)",
            alt=f"How far each update moved the policy, KL from the old to the new one on the batch's states. "
            f"The largest: {far} nats.",
            height=240,
            xaxis={"range": [0, iterations + 1]},
            yaxis={"type": "log", "tickvals": KL_TICKS, "ticktext": [f"{x:g}" for x in KL_TICKS]},
            **legend,
        ),
        Table(
            ("Agent", "Steps held at last", "Lowest in the second half", "Policy steps a batch", "Largest KL (nats)"),
            [(kind, run.returns[-1], lowest_late(run.returns), 1 if kind == "REINFORCE" else 4 * epochs,
              max(run.kls)) for kind, run in runs.items()],
        ),
        Note("All three act in 16 carts for 64 steps, then learn from these 1,024 steps, with critics taught alike."),
    )  # fmt: skip


KL_TICKS = [0.0001, 0.001, 0.01, 0.1, 1, 10]
