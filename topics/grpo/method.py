"""GRPO: a group of answers to one question is its own baseline. And what became of its loss.

G answers of a group   r reward of an answer   A its advantage   N answers of a batch, groups and all   T_i words of
an answer   T words of the longest   ρ ratio π/π_old of a word   ε where it is clipped   β price of KL   p how often an
answer is right

The losses take numpy's arrays and autograd's Tensors alike, so that what is read here is what trains on the page. They
are minimised: the negatives of the objectives in papers. log_pi, log_old, log_ref are log-probabilities of words,
(N, T); mask (N, T) is true where an answer has a word; A is (N,).
"""

import numpy as np

from topics.kit.model.autograd import value

# ---- the group as a baseline


def group_advantages(r, scale="group", eps=1e-4):
    """(r − the group's mean)/(standard deviation + eps) (eq:advantage; arXiv 2402.03300).

    r        (n, G) rewards of n groups
    scale    "group" divides by each group's deviation, "batch" by that of all rewards, "none" by nothing
    returns  (n, G)

    The deviation is the sample's, over G − 1, as in TRL and verl; eps is TRL's, and verl has 1e-6.

    >>> group_advantages(np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])).round(2).tolist()[0][:2]
    [2.47, -0.35]
    """
    centred = r - r.mean(1, keepdims=True)  # (n, G)
    if scale == "none":
        return centred
    deviation = r.std(1, ddof=1, keepdims=True) if scale == "group" else r.std(ddof=1)
    return centred / (deviation + eps)


def leave_one_out(r):
    """r minus the mean of the others of its group, RLOO's advantage (eq:loo; arXiv 2402.14740).

    r        (n, G)
    returns  (n, G)

    >>> leave_one_out(np.array([[1.0, 0.0, 0.5]])).tolist()
    [[0.75, -0.75, 0.0]]
    """
    G = r.shape[1]
    others = (r.sum(1, keepdims=True) - r) / (G - 1)  # (n, G)
    return r - others


def silent(p, G):
    """How often a group has nothing to say: all of its answers right, or all wrong (eq:silent).

    >>> round(silent(0.5, 8), 4)   # 2/2⁸
    0.0078
    """
    return p**G + (1 - p) ** G


# ---- from words to one number


def aggregate(x, mask, by="token", longest=None):
    """One number of what stands at each word (eq:aggregate).

    x   (N, T)
    by  "answer": the mean over answers of the mean over their words   "token": the mean over all words
        "constant": the sum over all words, over N·longest, the same number whatever the lengths

    >>> x, mask = np.array([[1.0, 0.0], [3.0, 3.0]]), np.array([[True, False], [True, True]])
    >>> [round(float(aggregate(x, mask, by, 4)), 3) for by in ("answer", "token", "constant")]
    [2.0, 2.333, 0.875]
    """
    N = len(mask)
    if by == "answer":
        weights = mask / mask.sum(1, keepdims=True) / N  # (N, T)
    elif by == "token":
        weights = mask / mask.sum()  # (N, T)
    else:
        weights = mask / (N * longest)  # (N, T)
    return (x * weights).sum()


def clipped_gain(ratio, A, low=0.2, high=0.2):
    """min(ρA, clip(ρ, 1 − low, 1 + high)·A), as in PPO (eq:gain).

    ratio    (N, T), one for each word; a column where there is one for each answer
    A        (N,)
    returns  as ratio
    """
    A = A.reshape(-1, 1)  # (N, 1): one advantage for all words of an answer
    return np.minimum(ratio * A, np.minimum(np.maximum(ratio, 1 - low), 1 + high) * A)


def k3(log_pi, log_ref):
    """An estimate of KL(π‖π_ref) at each word, never below 0 (Schulman 2020)."""
    d = log_pi - log_ref
    return np.expm1(-d) + d  # expm1: exp(−d) − 1 has no digits left near 0


# ---- losses


def grpo_loss(log_pi, log_old, A, mask, log_ref=None, eps=0.2, beta=0.0):
    """The first paper's: PPO's clip, β times a KL in the loss, the mean over answers of their means (eq:grpo).

    >>> log_pi, log_old = np.log([[0.5, 0.5], [0.3, 1.0]]), np.log([[0.4, 0.5], [0.3, 1.0]])
    >>> mask = np.array([[True, True], [True, False]])
    >>> round(float(grpo_loss(log_pi, log_old, np.array([1.0, -1.0]), mask)), 6)   # −((1.2 + 1)/2 − 1)/2
    -0.05
    """
    gain = clipped_gain(np.exp(log_pi - log_old), A, eps, eps)
    if beta:
        gain = gain - beta * k3(log_pi, log_ref)
    return -aggregate(gain, mask, "answer")


def dr_grpo_loss(log_pi, log_old, A, mask, longest, eps=0.2):
    """Dr. GRPO: the sum over an answer's words, over a constant; A is not divided (eq:aggregate; 2503.20783)."""
    return -aggregate(clipped_gain(np.exp(log_pi - log_old), A, eps, eps), mask, "constant", longest)


def dapo_loss(log_pi, log_old, A, mask, low=0.2, high=0.28):
    """DAPO: all words weigh alike, and what is liked may rise further than it may fall (eq:aggregate; 2503.14476).

    >>> log_pi, log_old = np.log([[0.5, 0.5], [0.3, 1.0]]), np.log([[0.4, 0.5], [0.3, 1.0]])
    >>> mask = np.array([[True, True], [True, False]])
    >>> round(float(dapo_loss(log_pi, log_old, np.array([1.0, -1.0]), mask)), 6)   # −(1.25 + 1 − 1)/3
    -0.416667
    """
    return -aggregate(clipped_gain(np.exp(log_pi - log_old), A, low, high), mask, "token")


def gspo_ratio(log_pi, log_old, mask):
    """GSPO's ratio of whole answers, (π(o)/π_old(o))^(1/T_i), one for each (arXiv 2507.18071).

    returns  (N, 1)

    >>> gspo_ratio(np.log([[0.8, 0.1]]), np.log([[0.4, 0.2]]), np.array([[True, True]])).round(6).tolist()
    [[1.0]]
    """
    lengths = mask.sum(1).reshape(-1, 1)  # (N, 1)
    total = ((log_pi - log_old) * mask).sum(1)  # (N,)
    return np.exp(total.reshape(-1, 1) / lengths)


def cispo_loss(log_pi, log_old, A, mask, highest=5.0):
    """CISPO: the ratio is a weight, cut off at `highest` and not differentiated; no word loses its gradient.

    arXiv 2506.13585; 5 is ScaleRL's, arXiv 2510.13786
    """
    weight = np.minimum(np.exp(value(log_pi) - value(log_old)), highest)  # (N, T) numbers: nothing flows back
    return -aggregate(weight * A.reshape(-1, 1) * log_pi, mask, "token")
