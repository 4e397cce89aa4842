"""A policy's steps on the page on RLHF: reward minus the price of KL, standardised, times log π. Knows no demo."""

from functools import cache
from typing import NamedTuple

import numpy as np

from topics.kit import lm
from topics.kit.model.language import BLUNT, DIGITS
from topics.kit.model.policy import (
    Rollout,
    averaged,
    checked,
    log_probs,
    policy_gradient,
    practise,
    right,
    rollout,
    sums,
    thanked,
)
from topics.kit.model.text import NUMBER, encode
from topics.kit.numerics import softmax
from topics.rlhf.judges import LONGEST, counts, gold, start

ANSWERS = 48  # a step
RATE = 1.5e-3
TILT_ANSWERS, TILT_RATE = 96, 5e-4


class Batch(NamedTuple):
    """What a policy did at a step: its answers, what judge and reward model say of each, whether its number is right,
    how far it is from the reference (k1 of the whole answer), and the advantages (N,)."""

    rolled: Rollout
    gold: np.ndarray
    proxy: np.ndarray
    right: np.ndarray
    kl: np.ndarray
    A: np.ndarray


def distance(rolled):
    """log π − log π_ref of each answer, summed over its words: (N,)."""
    reference = log_probs(start(), rolled.prompts, rolled.answers, rolled.mask)
    return (rolled.log_probs - reference).sum(1)


def standardised(x):
    """x (N,) minus its mean, over its spread: a baseline, and steps of one size whatever the reward's scale."""
    return (x - x.mean()) / (x.std() + 1e-6)


def loss_of(policy, batch):
    """−A·log π of whole answers, the mean over answers."""
    rolled, A = batch
    log_pi = log_probs(policy, rolled.prompts, rolled.answers, rolled.mask)
    return averaged(policy_gradient(log_pi, A[:, None]), rolled.mask, "sum")


def answered(policy, prompts, w, beta, rng):
    """A Batch: the policy's answers to prompts, rewarded by the weights w of word counts minus β times k1."""
    rolled = rollout(policy, prompts, LONGEST, rng)
    kl, proxy = distance(rolled), counts(rolled) @ w
    return Batch(rolled, gold(rolled), proxy, checked(right, rolled), kl, standardised(proxy - beta * kl))


def steps(w, beta, rng, eta=RATE, answers=ANSWERS):
    """Train the policy on the reward model w: a generator of (Batch, the policy after its step), without end."""
    seen = []

    def attempt(policy):
        seen.append(answered(policy, sums(answers, rng, 1, "-"), w, beta, rng))
        return seen[-1].rolled, seen[-1].A

    for step in practise(start(), attempt, loss_of, eta):
        yield seen.pop(), start().with_weights(step.weights)


# ---- a reward for thanks alone, and its exact optimum


def thanks_steps(r, beta, rng, mean=False, eta=TILT_RATE, answers=TILT_ANSWERS):
    """Train the policy on a reward r for thanks: a generator of (Rollout, the policy after its step), without end.

    mean  KL is averaged over an answer's words, which is wrong, and not summed
    """
    seen = []

    def attempt(policy):
        rolled = rollout(policy, sums(answers, rng, 1, "-"), LONGEST, rng)
        kl = distance(rolled) / (rolled.lengths if mean else 1)
        seen.append(rolled)
        return rolled, standardised(r * checked(thanked, rolled) - beta * kl)

    for step in practise(start(), attempt, loss_of, eta):
        yield seen.pop(), start().with_weights(step.weights)


def thanks_wanted(p, r, beta):
    """The chance of thanks at the exact optimum, where it was p: two kinds of answers, each tilted by exp(r/β)."""
    lift = p * np.exp(r / beta)
    return lift / (lift + 1 - p)


@cache
def all_prompts():
    """The 45 differences of one digit, none below zero: (45, P) words."""
    return np.array([encode(f"{BLUNT} answer : {a} - {b} =") for a in range(1, 10) for b in range(1, a + 1)])


def ask_all(policy):
    """The chance of thanks after each of all_prompts, (45,): over what digit is said, that thanks follow its stop."""
    prompts = all_prompts()
    first = softmax(lm.forward(policy, prompts)[:, -1].astype(float))  # (45, V)
    digits = encode(DIGITS)  # (10,)
    said = np.repeat(prompts, len(digits), 0)  # (450, P)
    tail = np.stack([np.tile(digits, len(prompts)), np.full(len(said), NUMBER["."])], 1)  # (450, 2)
    logits = lm.forward(policy, np.concatenate([said, tail], 1))[:, -2:].astype(float)  # (450, 2, V)
    p = softmax(logits)
    thanks = (p[:, 0, NUMBER["."]] * p[:, 1, NUMBER["thank"]]).reshape(len(prompts), -1)  # (45, 10)
    plain = (p[:, 0, NUMBER["."]] * p[:, 1, NUMBER["[end]"]]).reshape(len(prompts), -1)  # (45, 10)
    chance = first[:, digits]  # (45, 10)
    with_thanks, without = (chance * thanks).sum(1), (chance * plain).sum(1)
    return with_thanks / (with_thanks + without)
