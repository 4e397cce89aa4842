"""Mixture of experts: a router sends each token to a few of many feed-forward networks.

T tokens of a batch, from however many texts   d width   E experts   k of them for each token
p (T, E) the router's scores   chosen (T, k) numbers of experts   weights (T, k) of the chosen
load (E,) share of all choices   C capacity, the most choices that an expert takes   b (E,) a bias on the choice
"""

import math

import numpy as np

from topics.kit.numerics import softmax


def router_scores(logits, score="softmax"):
    """How well each expert suits each token (eq:scores).

    logits   (T, E)
    score    "softmax", as in Switch and Mixtral, "sigmoid", as in DeepSeek-V3, or "sqrtsoftplus", as in DeepSeek-V4;
             with the last two an expert's score does not depend on the others'
    returns  (T, E)

    >>> router_scores(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    if score == "softmax":
        return softmax(logits)
    if score == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    return np.sqrt(np.logaddexp(0, logits))  # softplus, without overflow


def top_k_router(p, k, renormalise=True):
    """The k experts of highest score for each token, best first, and their weights (eq:weights).

    p            (T, E)
    renormalise  divide the weights by their sum, as Mixtral and DeepSeek-V3 do; OLMoE does not
    returns      chosen (T, k), weights (T, k)

    >>> chosen, weights = top_k_router(np.array([[0.1, 0.6, 0.3]]), 2)
    >>> chosen.tolist(), weights.round(3).tolist()
    ([[1, 2]], [[0.667, 0.333]])
    """
    return bias_balanced_router(p, 0.0, k, renormalise)


def bias_balanced_router(p, b, k, renormalise=True):
    """The same, but a bias moves the choice, and only the choice: weights are of the scores as they were (eq:bias).

    p        (T, E)   b  (E,), or 0
    returns  chosen (T, k), weights (T, k)

    >>> chosen, weights = bias_balanced_router(np.array([[0.5, 0.3, 0.2]]), np.array([0.0, 0.0, 0.4]), 1, False)
    >>> chosen.tolist(), weights.tolist()   # the third expert wins with .2 + .4, and counts for .2
    ([[2]], [[0.2]])
    """
    chosen = np.argsort(-(p + b), axis=1, kind="stable")[:, :k]  # (T, k)
    weights = np.take_along_axis(p, chosen, 1)  # (T, k)
    return chosen, weights / weights.sum(1, keepdims=True) if renormalise else weights


def load_of(chosen, E):
    """The share of all choices that each expert got, 1/E if all are alike.

    chosen   (T, k)
    returns  (E,), sums to one

    >>> load_of(np.array([[0, 1], [0, 2]]), 4).tolist()
    [0.5, 0.25, 0.25, 0.0]
    """
    return np.bincount(chosen.ravel(), minlength=E) / chosen.size


def updated_bias(b, load, step):
    """The bias after a batch: down a step for experts with too many choices, up for those with too few (eq:update).

    b, load  (E,)
    returns  (E,)

    >>> updated_bias(np.zeros(3), np.array([0.5, 0.3, 0.2]), 0.001).round(3).tolist()
    [-0.001, 0.001, 0.001]
    """
    return b + step * np.sign(1 / len(load) - load)


def load_balancing_loss(p, chosen, convention="Switch"):
    """E Σ load · mean score (eq:balance): 1 if all is even.

    p           (T, E) probabilities, arrays or Tensors; the gradient goes through them alone, as counts have none
    chosen      (T, k)
    convention  "Switch" counts shares of all choices; "Hugging Face" counts choices a token, and is k times as large

    >>> even = np.full((4, 4), 0.25)
    >>> chosen = np.array([[0, 1], [2, 3], [0, 1], [2, 3]])
    >>> float(load_balancing_loss(even, chosen)), float(load_balancing_loss(even, chosen, "Hugging Face"))
    (1.0, 2.0)
    """
    E = p.shape[1]
    times = chosen.shape[1] if convention == "Hugging Face" else 1
    return times * E * np.sum(load_of(chosen, E) * np.mean(p, 0))


def expert_capacity(T, E, k, factor):
    """Choices that an expert takes of a batch: `factor` times an even share, rounded up (eq:capacity).

    >>> expert_capacity(128, 8, 2, 1.25), expert_capacity(10, 8, 2, 1.0)
    (40, 3)
    """
    return math.ceil(round(factor * k * T / E, 9))  # 1.1 · 10 is a little more than 11


def within_capacity(chosen, E, C):
    """Which choices find room: all first choices in the order of the tokens, then all second ones, as GShard does.

    chosen   (T, k)
    returns  (T, k) bool

    >>> within_capacity(np.array([[0, 1], [1, 0], [0, 1]]), 2, 2).tolist()
    [[True, True], [True, False], [True, False]]
    """
    order = chosen.T.ravel()  # (k·T,)
    one_hot = order[:, None] == np.arange(E)  # (k·T, E)
    before = (np.cumsum(one_hot, 0) - one_hot)[np.arange(order.size), order]  # (k·T,)
    return (before < C).reshape(chosen.T.shape).T


def moe_layer(x, experts, chosen, weights):
    """The output of the layer (eq:layer): of each token's experts, the weighted sum.

    x        (T, d)
    experts  E functions of some tokens' vectors, which give as many
    chosen   (T, k); a choice of −1 is one that was dropped, and adds nothing
    returns  (T, d)

    >>> double, negate = (lambda x: 2 * x), (lambda x: -x)
    >>> moe_layer(np.array([[1.0], [1.0]]), [double, negate], np.array([[0], [1]]), np.array([[1.0], [0.5]])).tolist()
    [[2.0], [-0.5]]
    """
    y = np.zeros_like(x)  # (T, d)
    for e, expert in enumerate(experts):
        token, place = np.nonzero(chosen == e)
        if len(token):  # an expert that nobody chose is not even read
            y[token] += weights[token, place, None] * expert(x[token])
    return y
