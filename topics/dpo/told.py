"""What the text of the page on DPO says of recorded runs, and of its figures at their defaults."""

import numpy as np

from topics.dpo.demos import CHOSEN, REFERENCE, REWARD, dpo_walk, drift, ring_walk
from topics.dpo.method import optimal_policy
from topics.dpo.recorded import BEFORE, SUMS, THANKS

LOG_CHOSEN, LOG_REJECTED, ACCURACY, LIKELIER, THANKED = range(5)
TAUGHT_BEFORE, HELD_BEFORE, TAUGHT_AFTER, HELD_AFTER, RIGHT = range(5)


def spread(x, how="{:.1f}"):
    """“1.2 to 1.5”, or one number where all are alike."""
    low, high = (how.format(y).replace("-", "−") for y in (min(x), max(x)))
    return low if low == high else f"{low} to {high}"


# ---- thanks


def thanks_at(step, what, how="{:.1f}"):
    """The least and the most of three seeds at a step."""
    return spread([run[step][what] for run in THANKS], how)


def thanks_share(step, what):
    return spread([100 * run[step][what] for run in THANKS], "{:.0f}")


# ---- sums


def right_before():
    return spread([100 * x for x in BEFORE], "{:.0f}")


def right_after(loss, eta):
    return spread([100 * run[RIGHT] for run in SUMS[loss][eta]], "{:.0f}")


def sums_log(loss, eta, when, what):
    return spread([run[when][what] for run in SUMS[loss][eta]])


def sums_margin(loss, eta, before=TAUGHT_BEFORE, after=TAUGHT_AFTER):
    """What was gained in margin since the reference."""
    return spread([run[after][0] - run[after][1] - run[before][0] + run[before][1] for run in SUMS[loss][eta]])


def sums_accuracy(loss, eta, when):
    return spread([100 * run[when][ACCURACY] for run in SUMS[loss][eta]], "{:.0f}")


# ---- eight answers


def ring_chosen(rejected, apart=False):
    """The chosen answer's probability after 400 steps at β = 0.5, in %."""
    return 100 * float(np.exp(ring_walk(rejected, 400, 0.5, apart)[-1, CHOSEN]))


def landed(beta, n=None, blind=False, seed=0):
    """KL and reward where DPO ends."""
    kl, reward = drift(dpo_walk(beta, n, blind, seed)[-1])
    return float(kl), float(reward)


def best(beta):
    """KL and reward of the optimum."""
    kl, reward = drift(np.log(optimal_policy(np.log(REFERENCE), REWARD, beta)))
    return float(kl), float(reward)


def objective(beta, n=None, blind=False, seed=0):
    kl, reward = landed(beta, n, blind, seed)
    return reward - beta * kl


def short_of_optimum(beta, n, seeds=20):
    """The middle over draws of comparisons of how far E[r] − β·KL stays below the optimum's."""
    kl, reward = best(beta)
    return float(np.median([reward - beta * kl - objective(beta, n, seed=seed) for seed in range(seeds)]))


def frontier_at(kl):
    """The most reward that any policy has so far from the reference."""
    low, high = 0.01, 1000.0  # β
    for _ in range(80):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if best(middle)[0] > kl else (low, middle)
    return best(low)[1]
