"""Our own scaling runs: the house model's family in six sizes, each trained on several numbers of words. Draws nothing.

N parameters   D words read   L loss in nats a word, on held-out texts
"""

from functools import cache
from itertools import islice

import numpy as np

from topics.chinchilla.method import bootstrap_ci, fit_scaling_law, loss, resampled
from topics.chinchilla.recorded import FLOORS, RUNS, SHARES

_TABLE = np.array(RUNS)  # (n, 4 + kinds)
N, EMBEDDING, D = _TABLE[:, 0], _TABLE[:, 1], _TABLE[:, 2]  # (n,)
COPIED = _TABLE[:, -1]  # (n,), the share of a song's repeated words that come right
C = 6 * N * D  # (n,)
SIZES = np.unique(N)  # (6,)
LARGEST = int(np.argmax(C))  # the run with the most FLOP

ALL, NO_SONGS, SONGS = "all texts", "all but songs", "songs"
KINDS_OF = {ALL: list(SHARES), NO_SONGS: [kind for kind in SHARES if kind != "song"], SONGS: ["song"]}


def _mean(what, of):
    """The mean over the kinds of text in `what`, weighted by their words; of {kind: number or array}."""
    kinds = KINDS_OF[what]
    return sum(SHARES[kind] * of[kind] for kind in kinds) / sum(SHARES[kind] for kind in kinds)


@cache
def losses(what=ALL):
    """Each run's loss on these texts, (n,)."""
    return _mean(what, {kind: _TABLE[:, 4 + i] for i, kind in enumerate(SHARES)})


def floor_of(what=ALL):
    """The lowest loss that any model can have on these texts."""
    return float(_mean(what, FLOORS))


@cache
def curve_of(size, what=ALL):
    """ln D and losses of the runs of one size, seeds averaged, from few words to many."""
    mine = size == N
    words = np.round(D[mine] / 5e5)  # (m,), in half millions: seeds stop at slightly different words
    groups = np.unique(words)
    at = np.array([np.log(D[mine][words == g]).mean() for g in groups])
    return at, np.array([losses(what)[mine][words == g].mean() for g in groups])


STRETCH = 1.5  # how far beyond the words of its runs a size's curve may be drawn on


def slice_at(budget, what=ALL):
    """What each size reaches with exactly this many FLOP: on the straight line over ln D between its two nearest runs.

    returns  sizes (k,), their losses (k,), and whether each lies between runs, not up to STRETCH beyond them (k,)
    """
    found = []
    for size in SIZES:
        at, heights = curve_of(size, what)
        x = np.log(budget / (6 * size))
        if at[0] - np.log(STRETCH) <= x <= at[-1] + np.log(STRETCH):
            i = int(np.clip(np.searchsorted(at, x) - 1, 0, len(at) - 2))
            slope = (heights[i + 1] - heights[i]) / (at[i + 1] - at[i])
            found.append((size, heights[i] + slope * (x - at[i]), bool(at[0] - 0.01 <= x <= at[-1] + 0.01)))
    sizes, heights, inside = map(np.array, zip(*found, strict=True))
    return sizes, heights, inside


def best_size(budget, what=ALL):
    """The size that reaches the lowest loss with a budget."""
    sizes, heights, _ = slice_at(budget, what)
    return int(sizes[np.argmin(heights)])


@cache
def fitted(most, what=ALL, floor=True):
    """The law fitted to all runs of at most so many FLOP."""
    seen = most >= C
    return fit_scaling_law(N[seen], D[seen], losses(what)[seen], floor=floor)


def misses(most, what=ALL, floor=True):
    """By how much the law says more than was measured, as ln, for each run, and which runs it had seen; (n,) each."""
    return np.log(loss(fitted(most, what, floor), N, D) / losses(what)), most >= C


@cache
def intervals(what=ALL, most=8e11, n=60, seed=0):
    """80 % intervals of the floor, and of what is said of the largest run, of n fits to runs drawn from the runs."""
    seen = most >= C
    laws = list(islice(resampled(N[seen], D[seen], losses(what)[seen], np.random.default_rng(seed)), n))
    said = [loss(law, N[LARGEST], D[LARGEST]) for law in laws]
    return bootstrap_ci([law.E for law in laws]), bootstrap_ci(said)


def run_of(size, words):
    """The number of the first run of a size, in thousands of parameters, on so many millions of words."""
    return int(np.flatnonzero((np.round(N / 1000) == size) & (np.round(D / 1e5) == round(10 * words)))[0])


def size_exponent(most, what=ALL, embedding=True):
    """The power of C with which the best N grows, by the law fitted to runs of at most so many FLOP; with and without
    the embedding counted as parameters."""
    seen = most >= C
    counted = N[seen] if embedding else N[seen] - EMBEDDING[seen]
    law = fit_scaling_law(counted, D[seen], losses(what)[seen])
    return law.beta / (law.alpha + law.beta)


def typical(misses):
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(misses))))


# ---- how large the noise is


def seed_spread():
    """The standard deviation over three seeds, for each size that has them at a million words: the least and the
    largest."""
    spread = [losses()[(size == N) & (np.round(D / 5e5) == 2)] for size in SIZES]
    spread = [float(np.std(each, ddof=1)) for each in spread if len(each) > 1]
    return min(spread), max(spread)
