"""PPO: improve a policy with the answers it gave, several steps to a batch, and not step too far.

π the policy   π_old the one that acted   ρ the ratio of their probabilities of one action   A its advantage
r a reward   V the critic: what a state is worth   γ discount   λ how far GAE looks   ε where the ratio is clipped
β weight of a KL penalty   t steps, or tokens of an answer

The losses also take autograd's Tensors, so that what is read here is what trains on the page. Losses are minimised, so
they are the negatives of the objectives in papers.
"""

import numpy as np

# ---- how good was that action?


def gae(r, V, V_next, terminated, ended, gamma, lam):
    """Advantages by generalised advantage estimation (eq:gae; arXiv 1506.02438, eq. 16).

    r           (T, ...) reward of step t
    V, V_next   (T, ...) the critic on the state before the step, and on the one that it led to
    terminated  (T, ...) bool: there is nothing more to come, so V_next does not count
    ended       (T, ...) bool: the episode's last step here, terminated or cut off by a time limit
    returns     (T, ...)

    >>> gae(np.array([0.0, 1.0]), np.array([0.5, 0.6]), np.array([0.6, 0.0]), [False, True], [False, True], 1, 1)
    array([0.5, 0.4])
    """
    delta = r + gamma * np.where(terminated, 0.0, V_next) - V  # (T, ...)
    A, after = np.empty_like(delta), np.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        after = delta[t] + gamma * lam * np.where(ended[t], 0.0, after)  # nothing comes over from the next episode
        A[t] = after
    return A


def whitened(A, mask=None):
    """Advantages with mean 0 and standard deviation 1 over the places that count; elsewhere 0.

    >>> whitened(np.array([1.0, 3.0, 99.0]), np.array([True, True, False])).round(6).tolist()
    [-1.0, 1.0, 0.0]
    """
    mask = np.ones(np.shape(A), bool) if mask is None else mask
    return np.where(mask, (A - A[mask].mean()) / (A[mask].std() + 1e-8), 0.0)


# ---- the step


def policy_gradient(logits, actions, A):
    """The gradient of the mean of A·log π(action) by the logits of a softmax policy (eq:gradient).

    logits   (N, K)
    actions  (N,) whole numbers below K
    A        (N,)
    returns  (N, K)

    >>> policy_gradient(np.zeros((1, 2)), np.array([1]), np.array([3.0])).tolist()
    [[-1.5, 1.5]]
    """
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)  # (N, K)
    taken = np.arange(logits.shape[-1]) == actions[:, None]  # (N, K)
    return A[:, None] * (taken - p) / len(A)


def policy_loss(log_p, log_p_old, A, mask=None):
    """Minus the mean of ratio times advantage: no clip (eq:surrogate).

    log_p, log_p_old, A  one for each action or token; mask says which count
    """
    return -masked_mean(np.exp(log_p - log_p_old) * A, mask)


def ppo_loss(log_p, log_p_old, A, eps=0.2, mask=None, eps_high=None):
    """Minus the mean of min(ρA, clip(ρ)·A) (eq:clip; arXiv 1707.06347, eq. 7).

    log_p, log_p_old, A  one for each action or token; mask says which count
    eps, eps_high        the ratio is clipped to 1 − eps … 1 + eps_high; eps_high is eps when None

    >>> round(float(ppo_loss(np.log([1.5, 1.5]), np.zeros(2), np.array([1.0, -1.0]))), 6)   # −(1.2 − 1.5)/2
    0.15
    """
    rho = np.exp(log_p - log_p_old)
    clipped = np.minimum(np.maximum(rho, 1 - eps), 1 + (eps if eps_high is None else eps_high))
    return -masked_mean(np.minimum(rho * A, clipped * A), mask)


def dual_clip_loss(log_p, log_p_old, A, eps=0.2, c=3.0, mask=None):
    """The same, and where A < 0 the objective is never below c·A (eq:dual; arXiv 1912.09729).

    >>> float(dual_clip_loss(np.log([10.0]), np.log([1.0]), np.array([-1.0])))
    3.0
    """
    rho = np.exp(log_p - log_p_old)
    clipped = np.minimum(np.maximum(rho, 1 - eps), 1 + eps)
    objective = np.minimum(rho * A, clipped * A)
    return -masked_mean(np.where(A < 0, np.maximum(objective, c * A), objective), mask)


def masked_mean(x, mask=None):
    """The mean over the places that count."""
    return x.mean() if mask is None else (x * mask).sum() / mask.sum()


# ---- how far was that?


def clip_fraction(log_p, log_p_old, A, eps=0.2, mask=None):
    """The share of actions that get no gradient: already beyond the clip on the side that their advantage wants.

    Some libraries log all ratios outside 1 ± eps in its place.

    >>> float(clip_fraction(np.log([1.3, 1.3, 0.7, 1.1]), np.zeros(4), np.array([1.0, -1.0, -1.0, 1.0])))
    0.5
    """
    rho = np.exp(log_p - log_p_old)
    return masked_mean(((A > 0) & (rho > 1 + eps)) | ((A < 0) & (rho < 1 - eps)), mask)


def adaptive_kl(beta, kl, target):
    """The weight of a KL penalty for the next batch (eq:adaptive; arXiv 1707.06347, section 4).

    >>> adaptive_kl(1.0, 0.02, 0.01), adaptive_kl(1.0, 0.012, 0.01), adaptive_kl(1.0, 0.001, 0.01)
    (2.0, 1.0, 0.5)
    """
    if kl > 1.5 * target:
        return beta * 2
    return beta / 2 if kl < target / 1.5 else beta


def truncated_weight(log_p_old, log_p_sampler, C=2.0):
    """The weight of a token that another engine drew: π_old/π_sampler, C at most (eq:sampler).

    >>> truncated_weight(np.log([0.5, 0.9]), np.log([0.4, 0.1])).round(2).tolist()
    [1.25, 2.0]
    """
    return np.minimum(np.exp(log_p_old - log_p_sampler), C)
