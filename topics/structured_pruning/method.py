"""Structured pruning: heads, neurons and layers that go whole, and weights that go in patterns.

N words   d width of the stream   H heads   D width of a head   F neurons   n, m outputs and inputs of a matrix
A (N, H, D) what the heads say   X (N, d) stream that they add to   W_O (d, H·D) output matrix
W (n, m) a matrix, x (N, m) its inputs   S scores, the least of which go   keep the places that stay, in order
"""

import numpy as np


def head_importance(A, W_O, X=None):
    """How much each head adds to the stream, in the mean over words (eq:size); as a part of the stream's own length
    where that is given (eq:relative).

    A        (N, H, D)
    W_O      (d, H·D)
    X        (N, d), or None
    returns  (H,)

    >>> A, W_O = np.ones((1, 2, 1)), np.array([[3.0, 0.0], [4.0, 1.0]])   # one word, two heads of width 1
    >>> head_importance(A, W_O).tolist(), head_importance(A, W_O, np.array([[6.0, 8.0]])).tolist()
    ([5.0, 1.0], [0.5, 0.1])
    """
    H, D = A.shape[1:]
    added = np.einsum("nhk,dhk->nhd", A, W_O.reshape(-1, H, D))  # (N, H, d)
    size = np.sqrt((added**2).sum(-1))  # (N, H)
    if X is not None:
        size = size / np.sqrt((X**2).sum(-1))[:, None]  # the one division
    return size.mean(0)  # (H,)


def least(S, k):
    """Which k places have the least scores, over all layers together; of equal ones the first.

    S        any shape
    returns  bool, the same shape

    >>> least(np.array([[3.0, 1.0], [2.0, 1.0]]), 2).tolist()
    [[False, True], [False, True]]
    """
    gone = np.zeros(S.size, bool)
    gone[np.argsort(S, axis=None, kind="stable")[:k]] = True
    return gone.reshape(S.shape)


def block_influence(X, Y):
    """One less the cosine of what enters a layer and what leaves it, the mean over words (eq:influence); ShortGPT,
    arXiv 2403.03853.

    X, Y     (N, d)
    """
    cosine = (X * Y).sum(-1) / np.sqrt((X**2).sum(-1) * (Y**2).sum(-1))  # (N,)
    return float(np.mean(1 - cosine))


# ---- slicing


def prune_heads(q, k, v, o, keep, D):
    """Matrices of an attention without some of its heads: rows of three, columns of the fourth (eq:slice).

    q        (H·D, d), and k and v in which every head has its own keys and values
    o        (d, H·D)
    keep     (K,) heads that stay
    returns  q, k, v (K·D, d) and o (d, K·D)
    """
    rows = (np.asarray(keep)[:, None] * D + np.arange(D)).ravel()  # (K·D,)
    return q[rows], k[rows], v[rows], o[:, rows]


def neuron_importance(gate, up, down):
    """The product of the lengths of a neuron's three weight vectors.

    gate, up (F, d)   down (d, F)   returns (F,)
    """
    return np.sqrt((gate**2).sum(1) * (up**2).sum(1) * (down**2).sum(0))


def prune_neurons(gate, up, down, keep):
    """A feed-forward layer without some of its neurons: the same ones in all three matrices (eq:slice).

    >>> gate, up, down = np.arange(6.0).reshape(3, 2), np.ones((3, 2)), np.arange(6.0).reshape(2, 3)
    >>> [w.shape for w in prune_neurons(gate, up, down, [0, 2])]
    [(2, 2), (2, 2), (2, 2)]
    """
    return gate[keep], up[keep], down[:, keep]


def repair_least_squares(H, Y, W, hold=0.01):
    """W changed such that the neurons that stayed say what the whole layer said, as nearly as can be (eq:repair).

    H        (N, K)  the neurons that stayed, in the model as it is now
    Y        (N, d)  what the layer said before
    W        (d, K)  the matrix behind them, its columns cut
    hold     λ, over the mean square of a neuron: what few words show badly stays as it was
    returns  (d, K)

    >>> H, W = np.array([[1.0], [3.0]]), np.array([[1.0]])
    >>> repair_least_squares(H, 2 * H, W, 0).tolist(), repair_least_squares(H, 2 * H, W, 1).tolist()
    ([[2.0]], [[1.5]])
    """
    G = np.einsum("na,nb->ab", H, H)  # (K, K)
    missing = np.einsum("na,nd->ad", H, Y - np.einsum("na,da->nd", H, W))  # (K, d)
    return W + np.linalg.solve(G + hold * np.mean(np.diag(G)) * np.eye(len(G)), missing).T  # (d, K)


# ---- patterns


def wanda_scores(W, x):
    """|w| times the length of its input over all words (eq:wanda), arXiv 2306.11695; compared within a row.

    >>> wanda_scores(np.array([[1.0, -2.0]]), np.array([[3.0, 0.0], [4.0, 1.0]])).tolist()
    [[5.0, 2.0]]
    """
    return np.abs(W) * np.sqrt((x**2).sum(0))  # (n, m)


def row_mask(S, share):
    """True for the weights that stay when each row loses the given share of its least scores.

    >>> row_mask(np.array([[1.0, 4.0, 2.0, 3.0]]), 0.5).tolist()
    [[False, True, False, True]]
    """
    mask = np.ones(S.shape, bool)
    gone = np.argsort(S, 1, kind="stable")[:, : round(share * S.shape[1])]
    np.put_along_axis(mask, gone, False, 1)
    return mask


def two_four_mask(S):
    """True for the two largest scores of every four neighbours of a row: exactly two, whatever ties.

    S        (n, m), m a multiple of four

    >>> two_four_mask(np.array([[1.0, 4.0, 2.0, 3.0, 9.0, 9.0, 9.0, 0.0]])).astype(int).tolist()
    [[0, 1, 0, 1, 1, 1, 0, 0]]
    """
    fours = S.reshape(len(S), -1, 4)  # (n, m/4, 4)
    mask = np.zeros(fours.shape, bool)
    np.put_along_axis(mask, np.argsort(-fours, -1, kind="stable")[..., :2], True, -1)
    return mask.reshape(S.shape)
