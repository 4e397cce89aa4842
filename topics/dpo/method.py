"""DPO: what a judge prefers moves the policy itself; the reward is read out of it afterwards.

π policy   π_ref reference, where it began   c the chosen answer of a pair, d the rejected one   r reward
β price of KL   m margin   σ(x) = 1/(1 + exp(−x))   N answers   n pairs
φ (N, D) features of the answers   θ (D,) parameters

`chosen` and `rejected` are log-probabilities of whole answers under the policy, sums over their words; `ref_chosen` and
`ref_rejected` are the same under the reference. Each is a number, or (n,).
"""

import numpy as np

from topics.kit.numerics import softmax

# ---- where DPO comes from


def optimal_policy(log_ref, r, beta):
    """What no policy beats at E[r] − β·KL(π‖π_ref): π_ref·exp(r/β)/Z, as probabilities (N,) (eq:optimum).

    log_ref, r  (N,)

    >>> optimal_policy(np.log([0.5, 0.5]), np.array([np.log(3.0), 0.0]), 0.5).round(3).tolist()   # 3² : 1
    [0.9, 0.1]
    """
    return softmax(log_ref + r / beta)


def implicit_reward(log_pi, log_ref, beta):
    """β·log(π/π_ref): the reward whose optimum π is, up to a constant that all answers to a prompt share (eq:implicit).

    >>> log_ref, r = np.log([0.5, 0.25, 0.25]), np.array([2.0, 1.0, 0.0])
    >>> implicit = implicit_reward(np.log(optimal_policy(log_ref, r, 0.7)), log_ref, 0.7)
    >>> (implicit[:2] - implicit[2]).round(6).tolist()
    [2.0, 1.0]
    """
    return beta * (log_pi - log_ref)


# ---- the loss


def margin(chosen, rejected, ref_chosen, ref_rejected):
    """m: by how much the policy has moved from rejected to chosen, against its reference, in nats (eq:loss)."""
    return (chosen - ref_chosen) - (rejected - ref_rejected)


def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
    """−log σ(β·m) of each pair, nats (eq:loss).

    >>> round(float(dpo_loss(-3.0, -4.0, -3.0, -4.0)), 4)   # where the policy is the reference: log 2
    0.6931
    """
    return np.logaddexp(0.0, -beta * margin(chosen, rejected, ref_chosen, ref_rejected))  # log(1 + e^x)


def sigmoid(x):
    """σ(x) = 1/(1 + exp(−x)), for any x.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, float)))


def pull(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
    """−β·σ(−β·m): the loss's gradient by `chosen`, and minus that by `rejected` (eq:gradient).

    >>> pull(-3.0, -4.0, -3.0, -4.0, beta=0.5)   # at the start β/2
    -0.25
    """
    return float(-beta * sigmoid(-beta * margin(chosen, rejected, ref_chosen, ref_rejected)))


# ---- its relatives, of a margin m


def smoothed_loss(m, beta, eps):
    """DPO where a share eps of the labels may be turned round: each label counts a little as its opposite (cDPO)."""
    return (1 - eps) * np.logaddexp(0.0, -beta * m) + eps * np.logaddexp(0.0, beta * m)


def robust_loss(m, beta, eps):
    """DPO's loss freed of flips: with labels turned round with probability eps, its mean is that of dpo_loss without
    flips (arXiv 2403.00409).

    >>> beta, eps = 0.5, 0.2
    >>> mean = 0.8 * robust_loss(3.0, beta, eps) + 0.2 * robust_loss(-3.0, beta, eps)
    >>> bool(np.isclose(mean, np.logaddexp(0.0, -1.5)))
    True
    """
    return ((1 - eps) * np.logaddexp(0.0, -beta * m) - eps * np.logaddexp(0.0, beta * m)) / (1 - 2 * eps)


def ipo_loss(m, beta):
    """(m − 1/(2β))²: a margin to reach, and not to pass (arXiv 2310.12036, where β is called τ) (eq:ipo).

    >>> ipo_loss(5.0, 0.1), ipo_loss(0.0, 0.1)
    (0.0, 25.0)
    """
    return (m - 1 / (2 * beta)) ** 2


def length_normalised_dpo(chosen, rejected, ref_chosen, ref_rejected, T_chosen, T_rejected, beta=5.0):
    """DPO with each answer's log-ratio divided by its number of words T (arXiv 2411.15124).

    >>> round(float(length_normalised_dpo(-30.0, -40.0, -40.0, -40.0, 10, 20, beta=1.0)), 4)   # log(1 + e^−1)
    0.3133
    """
    m = (chosen - ref_chosen) / T_chosen - (rejected - ref_rejected) / T_rejected
    return np.logaddexp(0.0, -beta * m)


def simpo_loss(chosen, rejected, T_chosen, T_rejected, beta=2.0, gamma=0.5):
    """−log σ(β·(log π a word, chosen − rejected) − γ): no reference at all (arXiv 2405.14734).

    >>> round(float(simpo_loss(-10.0, -40.0, 10, 20, beta=2.0, gamma=2.0)), 4)   # 2·(−1 + 2) − 2 = 0
    0.6931
    """
    return np.logaddexp(0.0, gamma - beta * (chosen / T_chosen - rejected / T_rejected))


# ---- answers that share features: p ∝ exp(θ·φ)


def feature_gradient(theta, phi, log_ref, c, d, beta):
    """dpo_loss's gradient by θ (D,) of a policy softmax(φθ), c preferred to d: −β·σ(−β·m)·(φ_c − φ_d).

    phi  (N, D)   log_ref  (N,)
    """
    log_pi = log_policy(theta, phi)
    return pull(log_pi[c], log_pi[d], log_ref[c], log_ref[d], beta) * (phi[c] - phi[d])


def log_policy(theta, phi):
    """log π of N answers whose scores are φθ: (N,).

    >>> np.exp(log_policy(np.array([np.log(3.0)]), np.array([[1.0], [0.0]]))).round(2).tolist()
    [0.75, 0.25]
    """
    z = phi @ theta  # (N,)
    z = z - z.max()  # exp(800) is inf
    return z - np.log(np.exp(z).sum())


def displacement(p, phi, c, d):
    """How log p moves, for every answer, when DPO pushes c up and d down: (φ_c − φ_d)·(φ − μ), per unit of its push
    (eq:displacement). μ is the mean feature under p. Below zero the answer falls.

    p  (N,)   phi  (N, D)

    >>> phi = np.array([[0.0], [1.0], [-3.0]])          # φ_c − φ_d = −1: whoever has less of the feature gains
    >>> displacement(np.full(3, 1 / 3), phi, 0, 1).round(2).tolist()   # the chosen one falls, and the third wins
    [-0.67, -1.67, 2.33]
    """
    return (phi - p @ phi) @ (phi[c] - phi[d])  # (N,)
