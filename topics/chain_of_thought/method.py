"""Chain of thought: what many steps, many tries, and many votes bring, and what they don't.

n answers drawn to a question   c of them right   k of them looked at   p how often one is right   R wrong answers,
equally likely   q how often a step is right   N steps   v how often a wrong step is caught   a how often a right one is
rejected by mistake   L layers   b bits
"""

from collections import Counter
from math import comb

import numpy as np

# ---- votes and tries


def majority_vote(answers):
    """The commonest answer; None is no vote, and of equally common answers the first given wins.

    answers  a list of answers, None where none could be read
    returns  an answer, None if there is none

    >>> majority_vote([12, 7, None, None, None, 7])
    7
    """
    votes = Counter(answer for answer in answers if answer is not None)
    return max(votes, key=votes.get) if votes else None


def pass_at_k(n, c, k):
    """The chance that of k among n drawn answers, c of which are right, at least one is right (eq:pass).

    As a product, so that nothing overflows; 1 where fewer than k are wrong (arXiv 2107.03374).

    raises  ValueError  where k > n: nothing can be said then

    >>> round(pass_at_k(10, 2, 5), 4)   # 1 − (8·7·6·5·4)/(10·9·8·7·6)
    0.7778
    """
    if k > n:
        raise ValueError(f"pass@{k} can't be estimated from {n} answers")
    if n - c < k:
        return 1.0
    return 1.0 - float(np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


def pass_from_share(n, c, k):
    """The same from the share of right answers: too low, since the k are drawn without repeats (eq:biased).

    >>> round(pass_from_share(10, 2, 5), 4)
    0.6723
    """
    return 1.0 - (1.0 - c / n) ** k


def any_right(p, k, correlation=0.0):
    """The chance that one of k answers is right, when questions differ: each has a chance of its own, drawn from a
    Beta law of mean p; the correlation is that of two answers to one question (eq:differ).

    >>> round(any_right(0.5, 3), 4), any_right(0.5, 3, 1.0)
    (0.875, 0.5)
    """
    if correlation == 1 or p in (0, 1):
        return float(p)
    if correlation == 0:
        return 1 - (1 - p) ** k
    S = 1 / correlation - 1
    i = np.arange(k)
    return 1 - float(np.prod(((1 - p) * S + i) / (S + i)))


def self_consistency_accuracy(p, k, R=1, correlation=0.0):
    """The chance that k answers vote for the right one, by plurality; a tie among m counts 1/m (eq:vote).

    p            how often an answer is right
    R            wrong answers, which share 1 − p equally
    correlation  as in any_right, with a Dirichlet law: 0 all questions are alike, 1 each is always answered the same

    >>> round(self_consistency_accuracy(0.6, 3), 3)   # .6³ + 3·.6²·.4
    0.648
    """
    if correlation == 1 or p in (0, 1):
        return float(p)
    mine, theirs = _terms(p, k, correlation), _terms((1 - p) / R, k, correlation)
    total = 0.0
    for c in range(1, k + 1):  # votes for the right answer
        fewer = theirs[:c]  # a rival's votes, if it has fewer
        for tied in range(min(R, (k - c) // c) + 1):
            left = k - c - tied * c  # votes of the rivals that are behind
            ways = _coefficient(fewer, R - tied, left)
            total += mine[c] * comb(R, tied) * theirs[c] ** tied * ways / (1 + tied)
    return float(total * _all_ways(k, correlation))


def _terms(share, k, correlation):
    """For j = 0 … k votes: share^j / j!, or where questions differ s(s+1)…(s+j−1) / j! with s = share·S and
    S = 1/correlation − 1. By products alone: they have the same last digit on every machine.
    """
    j = np.arange(k)
    steps = share / (j + 1) if correlation == 0 else (share * (1 / correlation - 1) + j) / (j + 1)
    return np.append(1.0, np.cumprod(steps))


def _all_ways(k, correlation):
    """By what the terms' products become probabilities: k!, or where questions differ k! / (S(S+1)…(S+k−1))."""
    i = np.arange(k)
    return np.prod(i + 1.0) if correlation == 0 else np.prod((i + 1) / (1 / correlation - 1 + i))


def _coefficient(terms, power, at):
    """The coefficient of x^at in (Σ_j terms[j] x^j)^power."""
    row = np.ones(1)
    for _ in range(power):
        row = np.convolve(row, terms)[: at + 1]
    return row[at] if at < len(row) else 0.0


# ---- steps in a row


def chain_accuracy(q, N):
    """The chance that all of N steps are right (eq:power)."""
    return q**N


def checked_step(q, v, a, tries):
    """A step that a verifier may reject, after which it is taken anew; the last of `tries` is taken as it is.

    returns  how often it ends right, and how many tries it takes on average

    >>> [round(x, 3) for x in checked_step(0.9, v=0.8, a=0.1, tries=2)]
    [0.963, 1.17]
    """
    rejected = q * a + (1 - q) * v
    before = sum(rejected**i for i in range(tries - 1))  # tries that the verifier decides on
    return before * q * (1 - a) + rejected ** (tries - 1) * q, before + rejected ** (tries - 1)


# ---- layers in a row


def tent(x):
    """A layer of two neurons: up from 0 at 0 to 1 at ½, and down to 0 at 1 (eq:tent)."""
    return 2 * np.maximum(x, 0) - 4 * np.maximum(x - 0.5, 0)


def parity_at_once(ones, L):
    """What L such layers make of the number of ones: 1 if it is odd, 0 if even, as long as there are at most 2^L.

    >>> parity_at_once(np.arange(6), L=2).tolist()   # 5 > 2²: wrong
    [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    """
    x = ones / 2**L
    for _ in range(L):
        x = tent(x)
    return np.maximum(x, 0)


def parity_written(bits):
    """The same by one such layer, used once a bit, when each result is written down and read again.

    bits     (b,) of 0 and 1
    returns  (b,) the parity up to each bit

    >>> parity_written(np.array([1, 0, 1, 1])).tolist()
    [1.0, 1.0, 0.0, 1.0]
    """
    said, written = 0.0, []
    for bit in bits:
        said = tent((said + bit) / 2)
        written.append(float(said))
    return np.array(written)  # (b,)
