"""Records what the page on PPO tells of many seeds: three agents on the cart-pole, and epochs on one batch of the house
model's answers. numpy and the kit only, seeded.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.ppo    # five minutes; goes on if stopped
"""

from datetime import date

import numpy as np

from topics.ppo.cart_pole import AGENTS, iteration, lowest_late, new_agent
from topics.ppo.house_model import WAYS, epochs_of, policy, share_right
from training.recorded.kept import ROOT, kept

HERE = ROOT / "topics/ppo/recorded.py"
CONTROL_SEEDS, CONTROL_RATES, BATCHES = range(6), (0.003, 0.01), 60
EPOCH_SEEDS, EPOCH_RATES, EPOCHS = range(3), (0.0003, 0.001), 8


def main():
    with kept("ppo") as (done, once):
        once("before", lambda: round(share_right(policy(), 256), 3))
        for eta in CONTROL_RATES:
            for kind in AGENTS:
                for seed in CONTROL_SEEDS:
                    once(f"control {eta} {kind} {seed}", lambda k=kind, e=eta, s=seed: control(k, e, s))
        for eta in EPOCH_RATES:
            for way in WAYS:
                for seed in EPOCH_SEEDS:
                    once(f"epochs {eta} {way} {seed}", lambda w=way, e=eta, s=seed: drift(w, e, s))
        write(done)


def control(kind, eta, seed):
    """Steps held at last, the lowest in the second half, the largest KL of an update, steps held after 15 batches."""
    agent, rng = new_agent(seed), np.random.default_rng([seed, 1])
    for _ in range(BATCHES):
        iteration(agent, kind, rng, eta)
    returns = agent.returns
    return round(returns[-1], 1), round(lowest_late(returns), 1), float(f"{max(agent.kls):.3g}"), round(returns[14], 1)


def drift(way, eta, seed):
    """KL after the first epoch and after the last, the share of words held then, and of right answers."""
    run = list(epochs_of(seed, eta, 0.2 if way == "clip" else None, EPOCHS))
    return round(run[1][0], 3), round(run[-1][0], 2), round(run[-1][1], 4), round(share_right(run[-1][2], 256), 3)


def write(done):
    """topics/ppo/recorded.py, from all that was run."""

    def table(name, rates, kinds, seeds):
        text = "{\n"
        for eta in rates:
            text += f"    {eta}: {{\n"
            for kind in kinds:
                runs = "".join(f"            {tuple(done[f'{name} {eta} {kind} {seed}'])},\n" for seed in seeds)
                text += f'        "{kind}": (\n{runs}        ),\n'
            text += "    },\n"
        return text + "}\n"

    HERE.write_text(
        f'"""Recorded on {date.today()} by `python -m training.recorded.ppo`: many seeds for the page\'s text."""\n\n'
        "# {rate: {agent: for each seed (steps held at last, lowest in the second half, largest KL,\n"
        "# steps held after 15 batches)}}\n"
        f"CONTROL = {table('control', CONTROL_RATES, AGENTS, CONTROL_SEEDS)}\n"
        f"# {{rate: {{way: for each seed (KL after one epoch, after {EPOCHS}, share of words held, right answers)}}}}\n"
        f"EPOCHS = {table('epochs', EPOCH_RATES, WAYS, EPOCH_SEEDS)}\n"
        f"BEFORE = {done['before']}  # right answers before any step\n"
    )


if __name__ == "__main__":
    main()
