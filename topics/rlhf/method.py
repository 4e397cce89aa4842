"""RLHF: comparisons become a reward, and a policy is moved towards it at a price.

N answers   F features of an answer   r reward   σ(x) = 1/(1 + exp(−x))   π policy, here as probabilities p (N,) of N
answers or their logarithms   π_ref reference, where it began   β price of a nat of KL   n answers drawn, the best kept
"""

import numpy as np

from topics.kit.numerics import softmax


def bradley_terry_loss(r_chosen, r_rejected):
    """The mean of −log σ(r_chosen − r_rejected) over pairs, nats (eq:pairs).

    r_chosen, r_rejected  (n,) rewards of the answers that a judge preferred, and of the others

    >>> round(float(bradley_terry_loss(np.array([2.0]), np.array([2.0]))), 3)   # no opinion: log 2
    0.693
    """
    return np.logaddexp(0.0, r_rejected - r_chosen).mean()  # log(1 + exp(x)), that never overflows


def fit_reward_model(chosen, rejected, decay=0.01, steps=10):
    """The weights w (F,) of a reward w·features with the least bradley_terry_loss + decay·|w|²/2, by Newton's steps.

    chosen, rejected  (n, F) features of the answers of each pair

    >>> w = fit_reward_model(np.eye(2)[[0, 0, 0, 1]], np.eye(2)[[1, 1, 1, 0]], decay=1e-9)
    >>> round(float(np.exp(w[0] - w[1])), 3)   # preferred three times to one
    3.0
    """
    difference = chosen - rejected  # (n, F): all that a comparison sees
    n, F = difference.shape
    w = np.zeros(F)
    for _ in range(steps):
        wrong = 1 / (1 + np.exp(difference @ w))  # (n,) the probability that it gives to the other choice
        gradient = decay * w - difference.T @ wrong / n
        curvature = decay * np.eye(F) + (difference.T * (wrong * (1 - wrong))) @ difference / n  # (F, F)
        w = w - np.linalg.solve(curvature, gradient)
    return w


def rlhf_objective(log_pi, log_ref, r, beta):
    """E[r] − β·KL(π‖π_ref) over a finite set of answers (eq:objective).

    log_pi, log_ref, r  (N,)   beta  the price of a nat

    >>> rlhf_objective(np.log([0.5, 0.5]), np.log([0.5, 0.5]), np.array([1.0, 0.0]), 1.0)
    0.5
    """
    p = np.exp(log_pi)
    return float(p @ r - beta * p @ (log_pi - log_ref))


def tilted_policy(log_ref, r, beta):
    """The policy that no other beats at rlhf_objective, π_ref·exp(r/β)/Z, as probabilities (N,) (eq:tilt).

    >>> tilted_policy(np.log([0.5, 0.5]), np.array([np.log(9.0), 0.0]), 1.0).round(3).tolist()
    [0.9, 0.1]
    """
    return softmax(log_ref + r / beta)


# ---- best of n


def best_of_n(p, r, n):
    """The law (N,) of the best of n draws from p; of equal rewards the first drawn wins (eq:best).

    p, r  (N,) probabilities and rewards

    >>> best_of_n(np.array([0.5, 0.25, 0.25]), np.array([0.0, 1.0, 1.0]), 2).tolist()
    [0.25, 0.375, 0.375]
    """
    level = np.unique(r, return_inverse=True)[1]  # (N,): equal rewards are on one level
    mass = np.bincount(level, p)  # of each level
    reached = np.cumsum(mass)  # the probability of a draw at this level or below
    top = reached**n - (reached - mass) ** n  # all n here or below, but not all below
    return (top / mass)[level] * p


def best_of_n_kl(p, r, n):
    """KL in nats of the law of best_of_n from p, exactly.

    >>> round(best_of_n_kl(np.full(8, 1 / 8), np.arange(8.0), 16), 3)
    1.68
    """
    q = best_of_n(p, r, n)
    kept = q > 0
    return float(q[kept] @ np.log(q[kept] / p[kept]))


def best_of_n_kl_bound(n):
    """log n − (n − 1)/n: no set of answers gives more, and only one without ties gives as much.

    >>> round(best_of_n_kl_bound(16), 3)
    1.835
    """
    return float(np.log(n) - (n - 1) / n)


# ---- estimates of KL(π‖π_ref) from π's own samples


def kl_estimators(log_pi, log_ref):
    """k1, k2 and k3 at samples of π: {name: array like log_pi} (eq:estimates).

    >>> {k: round(float(x), 3) for k, x in kl_estimators(np.log(0.5), np.log(0.25)).items()}
    {'k1': 0.693, 'k2': 0.24, 'k3': 0.193}
    """
    d = log_pi - log_ref
    return {"k1": d, "k2": d**2 / 2, "k3": np.expm1(-d) + d}  # expm1: exp(−d) − 1 has no digits left near 0


def kl_gradient(log_pi, log_ref, kind, place):
    """Where an estimate pushes π's logits, (N,): the exact mean over π's samples.

    place  "loss": the estimate at each sample is differentiated
           "reward": it is a cost, by which the gradient of log π is multiplied
    """
    p, d = np.exp(log_pi), log_pi - log_ref
    if place == "reward":
        weight = kl_estimators(log_pi, log_ref)[kind]
    else:  # how the estimate changes with log π
        weight = {"k1": np.ones_like(d), "k2": d, "k3": -np.expm1(-d)}[kind]
    return p * (weight - p @ weight)  # by the logits, log p_i has the gradient 1 at i, minus p
