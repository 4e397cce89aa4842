"""Groups of answers on the page on GRPO: a policy that may work out a sum or say it at once, what rewards it, and its
steps. Live on the page, and recorded by training/recorded/grpo.py. Knows no demo.
"""

from typing import NamedTuple

import numpy as np

from topics.grpo.method import dapo_loss, group_advantages
from topics.kit import lm
from topics.kit.model.policy import Rollout, between, checked, log_probs, practise, right, rollout, sums, worked

ANSWERS, GROUP = 32, 8  # answers a step, and of them to one question
LONGEST = 40  # words of an answer at most
RATE = 2e-4
MIXED = 0.5  # of `explain` in `answer`


def start():
    """The policy before any training: draft, asked by a word halfway between answer and explain."""
    return between(lm.load("draft"), "answer", "explain", MIXED)


def questions(n, rng):
    """n sums of three digits, which may be answered at once or worked out: (n, P) words."""
    return sums(n, rng, 3, last="")


# ---- rewards, of the answers of a Rollout: (N,)


def for_right_sums(rolled, rng):
    """1 for the right number at the end, whatever stands before it."""
    return checked(right, rolled)


def by_a_coin(rolled, rng):
    """1 or 0, drawn without a look at the answer."""
    return rng.integers(0, 2, len(rolled.answers)).astype(float)


def for_few_words(rolled, rng):
    """1 minus the share of the longest answer that is used."""
    return 1 - rolled.lengths / LONGEST


REWARDS = {"right sums": for_right_sums, "a coin": by_a_coin, "few words": for_few_words}


# ---- steps


class Batch(NamedTuple):
    """What a policy did at a step: its answers, their rewards and advantages (N,), which are right, which worked."""

    rolled: Rollout
    r: np.ndarray
    A: np.ndarray
    right: np.ndarray
    worked: np.ndarray


def attempted(policy, reward, G, rng, ask=questions, answers=ANSWERS):
    """A Batch: G answers to each of answers/G questions, rewarded by one of REWARDS."""
    prompts = ask(answers // G, rng).repeat(G, 0)  # (N, P): a group stands together
    rolled = rollout(policy, prompts, LONGEST, rng)
    r = REWARDS[reward](rolled, rng)
    A = group_advantages(r.reshape(-1, G)).reshape(-1)
    return Batch(rolled, r, A, checked(right, rolled), checked(worked, rolled))


def loss_of(policy, batch):
    """dapo_loss of a Batch, or of a Rollout and its advantages."""
    rolled, A = batch
    log_pi = log_probs(policy, rolled.prompts, rolled.answers, rolled.mask)
    return dapo_loss(log_pi, rolled.log_probs, A, rolled.mask)


def steps(reward, G, rng, model=None, ask=questions, eta=RATE, answers=ANSWERS):
    """Train a policy on groups: a generator of (Batch, the policy after its step), without end."""
    model, seen = model or start(), []

    def attempt(policy):
        seen.append(attempted(policy, reward, G, rng, ask, answers))
        return seen[-1].rolled, seen[-1].A

    for step in practise(model, attempt, loss_of, eta):
        yield seen.pop(), model.with_weights(step.weights)


def kl_from(reference, rolled):
    """The mean over answers of log π − log π_ref, summed over their words."""
    log_ref = log_probs(reference, rolled.prompts, rolled.answers, rolled.mask)
    return float((rolled.log_probs - log_ref).sum(1).mean())


# ---- tries


def solved(policy, prompts, tries, rng):
    """How many of so many answers to each prompt are right: (n,) of n prompts."""
    found = [checked(right, rollout(policy, prompt[None].repeat(tries, 0), LONGEST, rng)).sum() for prompt in prompts]
    return np.array(found)


def solved_within(c, n, k):
    """The chance that of k of n answers one is right, where c are; the mean over questions of c (arXiv 2107.03374).

    c  (questions,)

    >>> solved_within(np.array([1, 0, 2]), 2, 1)
    0.5
    """
    none = np.cumprod(np.append(1.0, 1 - k / np.arange(n, 0, -1)))  # (n+1,) chance of none right, where 0 … n are
    return float(np.mean(1 - none[c]))
