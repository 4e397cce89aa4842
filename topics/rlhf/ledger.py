"""What the text of the page on RLHF says of recorded runs, and of the stories at their defaults."""

from functools import cache

import numpy as np

from topics.rlhf.demos import policies
from topics.rlhf.house_model import STORIES, judged_stories, told
from topics.rlhf.judges import start
from topics.rlhf.method import best_of_n, kl_estimators, kl_gradient
from topics.rlhf.practice import ask_all
from topics.rlhf.recorded import BROKEN, LANDED, WALKS

KL, JUDGE, MODEL, RIGHT = range(4)
EVERY = 4  # steps between two that were recorded


def at_end(beta, what, pairs=100):
    """The least and the most of three seeds, after the last step."""
    return spread([walk[-1][what] for walk in WALKS[beta, pairs]])


def at_start(what):
    return spread([walk[0][what] for walk in WALKS[0.0, 100]])


def at_four(what, beta=0.0):
    """After four steps."""
    return spread([walk[4 // EVERY][what] for walk in WALKS[beta, 100]])


def right_at(step, beta=0.0):
    """The share of right numbers at a step, in %, three seeds."""
    return percents([walk[step // EVERY][RIGHT] for walk in WALKS[beta, 100]])


def landed(beta):
    """The mean chance of thanks where the policy landed, three seeds."""
    return percents([mean for mean, _ in LANDED[beta]])


def broken():
    return percents([mean for mean, _ in BROKEN])


def spread(x):
    """“1.2 to 1.5”, or one number where all are alike."""
    low, high = (f"{y:.1f}".replace("-", "−") for y in (min(x), max(x)))
    return low if low == high else f"{low} to {high}"


def percents(x):
    """“from 40 to 43”, or one number where all are alike."""
    low, high = (f"{100 * y:.0f}" for y in (min(x), max(x)))
    return low if low == high else f"from {low} to {high}"


@cache
def thanks_before():
    """The chance of thanks at each of the 45 prompts before any training."""
    return ask_all(start())


# ---- stories, policies


@cache
def stories():
    """Those of the demo's first seed."""
    return [story for chunk in told(0) for story in chunk]


def story_law(n):
    """At the demo's defaults: the law of the best of n, what the judge thinks of each story, and their words."""
    gold, proxy = judged_stories(stories(), 50, 0)
    return best_of_n(np.full(STORIES, 1 / STORIES), proxy, n), gold, np.array([len(story) for story in stories()])


def story_gold(n):
    law, gold, _ = story_law(n)
    return float(law @ gold)


def story_words(n):
    law, _, words = story_law(n)
    return float(law @ words)


def story_mean():
    return float(story_law(1)[2].mean())


def deviations(gap):
    """The standard deviation of each estimate of KL, of a policy that has moved so far."""
    log_ref, log_pi = policies(gap)
    p = np.exp(log_pi)
    return {kind: float(np.sqrt(p @ (x - p @ x) ** 2)) for kind, x in kl_estimators(log_pi, log_ref).items()}


def off(kind, place, gap):
    """How far the gradient of an estimate is from that of KL, in % of the latter: sums over logits."""
    log_ref, log_pi = policies(gap)
    wanted = kl_gradient(log_pi, log_ref, "k1", "reward")
    return float(100 * np.abs(kl_gradient(log_pi, log_ref, kind, place) - wanted).sum() / np.abs(wanted).sum())


def said(p):
    return ", ".join(f"{x:.2f}" for x in p)


def kl_of(p, q):
    return float(p @ np.log(p / q))
