"""Speculative decoding: a cheap guess, checked by the large model in one pass, leaves the law of its words as it is.

p the target's law of the next word   q the draft's   x the guesses, each drawn from its q   γ how many
α the probability that a guess is accepted   c a draft's pass, in parts of the target's   V words
Leviathan et al. (arXiv 2211.17192) write p and q as here; Chen et al. (arXiv 2302.01318) the other way round.
"""

import numpy as np

from topics.kit.real.costs import experts_touched, matrices_works, pairs_work, time_of

# ---- the rule


def acceptance_rate(p, q):
    """The probability that a guess drawn from q is accepted: what the two laws have in common (eq:alpha).

    p, q     (..., V)
    returns  a number for each pair of laws

    >>> round(float(acceptance_rate(np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.1, 0.5]))), 3)
    0.6
    """
    return np.minimum(p, q).sum(-1)


def residual_distribution(p, q):
    """The law of the word in place of a rejected guess: what p has more than q, over its sum (eq:residual).

    p, q     (V,)
    returns  (V,); p itself where both are equal, as nothing can be rejected then

    >>> residual_distribution(np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.1, 0.5])).round(3).tolist()
    [0.5, 0.5, 0.0]
    """
    more = np.maximum(p - q, 0)  # (V,)
    total = more.sum()
    return more / total if total > 0 else p


def speculative_step(p, q, x, rng):
    """The words that one pass of the target gives: the guesses that it accepts, and one word of its own (eq:accept).

    p        (γ+1, V)  the target's law after the text, after the first guess, … after the last
    q        (γ, V)    the laws that the guesses were drawn from
    x        (γ,)      the guesses
    rng      numpy's Generator
    returns  a list of 1 to γ+1 words

    >>> p = q = np.full((2, 4), 0.25)
    >>> len(speculative_step(p, q[:1], [3], np.random.default_rng(0)))   # equal laws: accepted, and a word on top
    2
    """
    for i, guess in enumerate(x):
        if rng.random() * q[i, guess] >= p[i, guess]:  # rejected; no division, and p = 0 is refused for certain
            return [*x[:i], draw(residual_distribution(p[i], q[i]), rng)]
    return [*x, draw(p[-1], rng)]  # nothing was rejected: the last law is p's own, not a residual


def draw(law, rng):
    """A word drawn from a law (V,)."""
    return int(rng.choice(len(law), p=law / law.sum()))


def law_of_step(p, q, likeliest=False, equal=False, again=False):
    """The exact law of the first word of a step, and how often the guess is accepted.

    p, q       (V,)
    likeliest  the draft guesses its likeliest word, and the rule takes q as if it had been drawn
    equal      a guess is accepted where it equals a word drawn from p, else that word is taken (eq:equal)
    again      after a rejection, the word is drawn anew from p
    returns    law (V,), accepted

    >>> p, q = np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.1, 0.5])
    >>> law, accepted = law_of_step(p, q)
    >>> law.round(3).tolist(), round(float(accepted), 3)
    ([0.6, 0.3, 0.1], 0.6)
    """
    guess = (np.arange(len(q)) == np.argmax(q)) * 1.0 if likeliest else q  # (V,), the law of the guess
    ratio = np.minimum(1, np.divide(p, q, out=np.ones_like(p), where=q > 0))  # (V,)
    taken = guess * (p if equal else ratio)  # (V,), guessed and accepted
    rejected = 1 - taken.sum()
    if again:
        return taken + rejected * p, taken.sum()
    if equal:
        return taken + p * (1 - guess), taken.sum()  # drawn, and not what was guessed
    return taken + rejected * residual_distribution(p, q), taken.sum()


def distance(p, q):
    """Total variation: the most by which the probabilities of any event differ, half of Σ |p − q|.

    >>> round(distance(np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.1, 0.5])), 3)   # 1 − their acceptance rate
    0.4
    """
    return float(np.abs(p - q).sum() / 2)


# ---- several candidates for one place


def tree_accept(p, q, candidates, rng):
    """A word of the law p, and whether it is one of the candidates, which were drawn from q one by one.

    Each is tried by the rule; where it is rejected, the residual takes p's place for the next (arXiv 2305.09781).

    p, q        (V,)      candidates  a list of words
    returns     word, number of the accepted candidate or None
    """
    for i, guess in enumerate(candidates):
        if rng.random() * q[guess] < p[guess]:
            return guess, i
        p = residual_distribution(p, q)  # (V,)
    return draw(p, rng), None


def tree_acceptance(p, q, k):
    """The probability that one of k candidates drawn from q is accepted by tree_accept.

    >>> p, q = np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.1, 0.5])
    >>> [round(float(tree_acceptance(p, q, k)), 3) for k in (1, 2)]   # 0.6, then half of the rest
    [0.6, 0.8]
    """
    missed = 1.0
    for _ in range(k):
        missed *= 1 - acceptance_rate(p, q)
        p = residual_distribution(p, q)  # (V,)
    return float(1 - missed)


def tree_mask(parents, t):
    """Which words each guess of a tree may attend to: the t words before the tree, its ancestors and itself.

    parents  (n,) numbers of guesses that come before, -1 for a root
    returns  (n, t+n) bool, and the depths (n,), 0 for a root

    >>> mask, depths = tree_mask([-1, 0, 0], 0)   # a root and two guesses for the place after it
    >>> mask.astype(int).tolist(), depths.tolist()
    ([[1, 0, 0], [1, 1, 0], [1, 0, 1]], [0, 1, 1])
    """
    n = len(parents)
    mask, depths = np.zeros((n, t + n), bool), np.zeros(n, int)  # (n, t+n), (n,)
    mask[:, :t] = True
    for i, parent in enumerate(parents):
        if parent >= 0:
            mask[i], depths[i] = mask[parent], depths[parent] + 1
        mask[i, t + i] = True
    return mask, depths


# ---- guesses without a model


def ngram_draft(words, gamma, longest=3):
    """What followed the last time that the text ended as it does now: up to γ guesses, none where it never did.

    words    a sequence     longest  words of the ending that are looked for first, then fewer
    returns  a list

    >>> ngram_draft("keys bells ; keys".split(), 4), ngram_draft("keys bells".split(), 4)
    (['bells', ';', 'keys'], [])
    """
    words = list(words)
    for n in range(min(longest, len(words) - 1), 0, -1):
        for start in range(len(words) - n - 1, -1, -1):  # the latest place first
            if words[start : start + n] == words[-n:]:
                return words[start + n : start + n + gamma]
    return []


# ---- what it brings


def expected_tokens(alpha, gamma):
    """Words that a pass of the target gives on average, if each guess is accepted with probability α (eq:tokens).

    >>> round(expected_tokens(0.8, 4), 2), expected_tokens(1.0, 4)
    (3.36, 5.0)
    """
    return float(sum(alpha**i for i in range(gamma + 1)))


def speedup(alpha, gamma, c):
    """How many times as fast as a word a pass: eq:tokens over the time of γ guesses and a check (eq:speedup).

    >>> round(speedup(0.8, 4, 0.05), 2)
    2.8
    """
    return expected_tokens(alpha, gamma) / (gamma * c + 1)


def best_gamma(alpha, c, most=32):
    """The number of guesses, 0 to most, with the greatest speed-up.

    >>> best_gamma(0.8, 0.05)
    8
    """
    return max(range(most + 1), key=lambda gamma: speedup(alpha, gamma, c))


def expert_cost(E, k, n, share):
    """Bytes that a pass of n tokens reads, in parts of one of a single token, in a mixture (eq:experts).

    E, k     experts in a layer, and those for a token, chosen by chance
    share    of the bytes of a single token's pass, those in routed experts

    >>> round(expert_cost(256, 8, 4, 0.9), 2), expert_cost(256, 8, 4, 0.0)
    (3.53, 1.0)
    """
    return 1 - share + share * experts_touched(E, k, n) / k


def works(model, T, B, n, kind="BF16", gpus=1):
    """FLOP and bytes, in pairs, of a pass in which B users check n tokens each, after texts of T tokens.

    Matrices meet B·n tokens. A cache is read once, whatever n is; each of the n queries is scored with all of it.
    """
    flops, moved = pairs_work(model, T, B, n=gpus)
    return *matrices_works(model, B * n, kind), (n * flops, moved)


def gain(model, gpu, T, B, gamma, alpha, c=0.0, kind="BF16"):
    """Speed-up of B users on a GPU of the kit, by its rooflines; a draft's pass takes c of the target's plain one."""
    plain, check = (time_of(works(model, T, B, n, kind, gpu.n), gpu) for n in (1, gamma + 1))
    return expected_tokens(alpha, gamma) * plain / (check + gamma * c * plain)
