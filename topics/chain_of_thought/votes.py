"""Votes on answers that were drawn."""

import numpy as np

ORDERS = 24  # random orders of the same answers over which a vote is averaged


def voted(answers, true, k, seed=0):
    """How often k of the answers, drawn without repeats, vote for the true one: a tie among m counts 1/m, and an
    answer of -1 (none could be read) is no vote."""
    rng, credit = np.random.default_rng(seed), 0.0
    for _ in range(ORDERS if k < len(answers) else 1):
        some = [answers[i] for i in rng.permutation(len(answers))[:k] if answers[i] != -1]
        counts = {x: some.count(x) for x in set(some)}
        most = max(counts.values(), default=0)
        best = [x for x, times in counts.items() if times == most]
        credit += (true in best) / max(1, len(best))
    return credit / (ORDERS if k < len(answers) else 1)
