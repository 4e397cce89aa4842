"""What a reader of the page on DPO is asked."""

import numpy as np

from topics.kit import exercise, same

# ---- the loss of a pair


def _pair_loss(pi, ref, answer, beta):
    gained = ((pi - ref) * answer).sum(1)  # (2,) log-ratio of each whole answer
    return np.logaddexp(0.0, -beta * (gained[0] - gained[1]))


@exercise(
    start="""
        def pair_loss(pi, ref, answer, beta):
            # pi, ref (2, T): log-probabilities of each token under policy and reference, chosen first
            # answer (2, T): True where a token belongs to the answer
            chosen, rejected = pi.mean(1)
            return -np.log(1 / (1 + np.exp(-beta * (chosen - rejected))))
    """,
    solution=_pair_loss,
    hint="−log σ(x) = log(1 + exp(−x)), and np.logaddexp(a, b) is log(exp(a) + exp(b)) without overflow.",
)
def lose_a_pair(answer, rng):
    """Write `pair_loss(pi, ref, answer, beta)`: DPO's loss of one pair, of token log-probabilities. Both rows begin
    with the same prompt, which does not count; the answers have different lengths, and behind its answer a row is
    padding, which does not count either. Margins of ±10,000 nats must give a finite loss."""
    for P, lengths, size in ((3, (4, 9), 1.0), (1, (7, 2), 1.0), (5, (1, 1), 1.0), (2, (6, 11), 1.0),
                             (2, (5, 8), 1000.0), (2, (8, 5), -1000.0), (4, (3, 12), 0.1)):  # fmt: skip
        T, beta = P + max(lengths) + 2, float(rng.choice([0.1, 0.3, 2.0]))
        pi, ref = -rng.exponential(1.0, (2, T)), -rng.exponential(2.0, (2, T))
        counted = np.zeros((2, T), bool)
        for row, length in enumerate(lengths):
            counted[row, P : P + length] = True
        pi[1] -= abs(size) * (size > 1)  # one answer becomes all but impossible
        pi[0] -= abs(size) * (size < 0)
        m = 0.0
        for t in range(T):
            m += (pi[0, t] - ref[0, t]) * counted[0, t] - (pi[1, t] - ref[1, t]) * counted[1, t]
        x = -beta * m
        expected = x + np.log1p(np.exp(-x)) if x > 0 else np.log1p(np.exp(x))
        with np.errstate(all="ignore"):
            got = answer(pi.copy(), ref.copy(), counted.copy(), beta)
        same(got, expected, "the loss", prompt=P, lengths=lengths, beta=beta, margin=m)


# ---- its gradient


def _pair_push(theta, phi, log_ref, c, d, beta):
    scores = phi @ theta  # log π but for a constant, which the margin does not see
    m = scores[c] - scores[d] - log_ref[c] + log_ref[d]
    return -beta / (1 + np.exp(beta * m)) * (phi[c] - phi[d])


@exercise(
    start="""
        def pair_push(theta, phi, log_ref, c, d, beta):
            # phi (N, D): features of N answers; the policy is softmax(phi @ theta)
            # log_ref (N,): the reference; c was chosen, d rejected
            return phi[d] - phi[c]
    """,
    solution=_pair_push,
    hint="The slope by ln π(c) stands in the text. In the difference of two ln π the softmax's sum cancels.",
)
def push_a_pair(answer, rng):
    """Write `pair_push(theta, phi, log_ref, c, d, beta)`: the gradient, by `theta`, of DPO's loss for one pair, when π
    is the softmax of `phi @ theta`. Not a numerical one: it is held to nine digits."""
    for N, D, beta in ((4, 2, 0.1), (8, 3, 0.5), (3, 5, 2.0), (6, 1, 0.3)):
        theta, phi = rng.normal(size=D), rng.normal(size=(N, D))
        log_ref = np.log(rng.dirichlet(np.ones(N)))
        c, d = (int(n) for n in rng.choice(N, 2, replace=False))

        def log_pi(n, theta=theta, phi=phi):
            scores = [float(row @ theta) for row in phi]
            return scores[n] - np.log(sum(np.exp(s) for s in scores))

        m = log_pi(c) - log_ref[c] - log_pi(d) + log_ref[d]
        slope = -beta / (1 + np.exp(beta * m))
        expected = [slope * (phi[c, k] - phi[d, k]) for k in range(D)]
        got = answer(theta.copy(), phi.copy(), log_ref.copy(), c, d, beta)
        same(got, expected, "the gradient", theta=theta, log_ref=log_ref, c=c, d=d, beta=beta)


# ---- two shares


def _accuracies(chosen, rejected, ref_chosen, ref_rejected):
    moved = chosen - ref_chosen > rejected - ref_rejected
    return float(np.mean(moved)), float(np.mean(chosen > rejected))


@exercise(
    start="""
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            # (n,) each: log-probabilities of whole answers
            share = np.mean(chosen > rejected)
            return share, share
    """,
    solution=_accuracies,
    hint="One asks what has changed since the reference, the other what the policy would rather say.",
)
def two_accuracies(answer, rng):
    """Write `accuracies(chosen, rejected, ref_chosen, ref_rejected)`: two shares of n pairs. First the *reward
    accuracy*, of pairs whose implicit reward is higher for the chosen answer; then the *ranking accuracy*, of pairs
    whose chosen answer is the likelier one. A tie is no success, in either."""
    for n, gap in ((7, 0.0), (40, 3.0), (25, -3.0), (12, 0.0), (1, 5.0)):
        chosen, rejected, ref_chosen, ref_rejected = -rng.integers(1, 12, (4, n)).astype(float)
        rejected = rejected + gap  # such a gap was there before training, too
        ref_rejected = ref_rejected + gap
        if n == 12:  # nothing has moved
            ref_chosen, ref_rejected = chosen.copy(), rejected.copy()
        moved = ranked = 0
        for k in range(n):
            moved += chosen[k] - ref_chosen[k] > rejected[k] - ref_rejected[k]
            ranked += chosen[k] > rejected[k]
        got = answer(chosen.copy(), rejected.copy(), ref_chosen.copy(), ref_rejected.copy())
        given = {"chosen": chosen, "rejected": rejected, "ref_chosen": ref_chosen, "ref_rejected": ref_rejected}
        same(got, (moved / n, ranked / n), "reward and ranking accuracy", **given)
