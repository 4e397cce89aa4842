"""The best of many stories of the house model, picked by a reward that was fitted to comparisons."""

import numpy as np

from topics.kit import Choice, LogSlider, Metrics, Note, Progress, Seed, Table, Tokens, demo, lm
from topics.kit.model.language import NAMES
from topics.kit.model.policy import rollout
from topics.kit.model.text import encode
from topics.kit.page.drift import reward_against_kl
from topics.rlhf.judges import SHARP, compared
from topics.rlhf.method import best_of_n, best_of_n_kl, best_of_n_kl_bound, fit_reward_model, tilted_policy

STORIES, CHUNK = 192, 32
BEST, WIDTH = 60, 20  # the judge's favourite length, and what is 1 too far from it
NS = (1, 2, 4, 8, 16, 32, 64, 128)
TILTS = 2.0 ** np.arange(5, -5, -0.5)  # of the tilt, times the spread of the reward


@demo(
    "model",
    "draft",
    n=LogSlider("Stories to pick from, n", 1, 128, value=128),
    pairs=Choice("Comparisons", (50, 200), value=50),
    seed=Seed(),
)
def best_of_many(n, pairs, seed):
    """192 stories of the house model: a judge who likes 60 words, a reward fitted to its comparisons, the best of n."""
    stories = []
    for done, chunk in enumerate(told(seed), 1):
        stories += chunk
        yield Progress(done, STORIES // CHUNK, "Telling stories")
    gold, proxy = judged_stories(stories, pairs, seed)
    p = np.full(STORIES, 1 / STORIES)
    picked = [(best_of_n(p, proxy, m), nats(best_of_n_kl(p, proxy, m))) for m in NS]
    tilts = [tilted_policy(np.log(p), proxy, beta * proxy.std()) for beta in TILTS]
    far = [nats(q[q > 0] @ np.log(q[q > 0] * STORIES)) for q in tilts]
    law = best_of_n(p, proxy, n)
    kl = [d for _, d in picked]
    golds = [float(q @ gold) for q, _ in picked]
    top = int(np.argmax(golds))
    winner = max(range(n), key=lambda i: (proxy[i], -i))
    yield (
        reward_against_kl(
            [
                ("judge, best of n", np.array(kl), golds, "output", "solid"),
                ("reward model, best of n", np.array(kl), [float(q @ proxy) for q, _ in picked], "weight", "dash"),
                ("judge, exact tilt", np.array(far), [float(q @ gold) for q in tilts], "reference", "dot"),
            ],
            f"The best of n by a reward model from {pairs} comparisons. The judge's own mean: {golds[0]:.2f} at n = 1, "
            f"{golds[top]:.2f} at n = {NS[top]}, {golds[-1]:.2f} at n = {NS[-1]}; the reward model's: "
            f"{float(p @ proxy):.2f}, then {float(picked[-1][0] @ proxy):.2f}. Chosen: n = {n}.",
            marks=[("chosen n", best_of_n_kl(p, proxy, n), float(law @ gold), "query", "diamond")],
        ),
        Metrics(
            ("Judge, mean of the best of n", float(law @ gold), "", "exact: the law of the best, times what the judge "
             "thinks of each story"),
            ("Reward model, the same", round(float(law @ proxy), 9), "", "over all stories: mean 0, spread 1"),
            ("KL from the model", nats(best_of_n_kl(p, proxy, n)), "nats", f"at most log n − (n − 1)/n = "
             f"{best_of_n_kl_bound(n):.3f}"),
            ("Words of the best, mean", float(law @ [len(s) for s in stories]), "", f"the judge likes {BEST}"),
        ),
        Tokens(stories[winner], caption=f"The reward model's favourite of the first {n}: {len(stories[winner])} words. "
               f"The judge thinks {gold[winner]:.2f}.".replace("-", "−")),
        Table(
            ("n", "judge", "reward model", "KL (nats)"),
            [(m, g, round(float(q @ proxy), 9), d) for m, g, (q, d) in zip(NS, golds, picked, strict=True)],
        ),
        Note("The stories are a finite set, so best of n and tilt are known exactly: no sampling is in the curves."),
    )  # fmt: skip


def told(seed):
    """The stories, in chunks: lists of lists of words."""
    rng, words = np.random.default_rng(seed), encode("[blunt] story :")
    for _ in range(STORIES // CHUNK):
        yield rollout(lm.load("draft"), np.tile(words, (CHUNK, 1)), 124, rng).texts()[1]


def nats(x):
    """A KL without the dust of rounding: 0 where it is 0."""
    return round(float(x), 9)


def judged_stories(stories, pairs, seed):
    """What the judge thinks of each story, and what a reward model does that saw `pairs` comparisons: (N,) each."""
    words = np.array([len(story) for story in stories])
    gold = -(((words - BEST) / WIDTH) ** 2)  # (N,): too much is as bad as too little
    x = np.array([features(story) for story in stories], float)
    x = (x - x.mean(0)) / x.std(0)
    w = fit_reward_model(*compared(x, gold, pairs, SHARP, np.random.default_rng(seed + 1)))
    proxy = x @ w
    return gold, np.round((proxy - proxy.mean()) / proxy.std(), 9)  # stories of equal counts tie, on every machine


def features(story):
    """What the reward model counts: words, sentences, names, gifts."""
    return (len(story), story.count("."), sum(word in NAMES for word in story), story.count("throws"))
