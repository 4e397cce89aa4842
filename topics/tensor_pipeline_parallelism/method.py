"""Tensor parallelism: one layer on N ranks. Each function is what the ranks do together, one list item a rank.

N ranks   r one of them, 0 … N−1   T tokens   d width   F hidden width   H heads of width D
sent (N,) bytes that each rank sends

A matrix W is stored (out, in), as in PyTorch: y = W x. The columns of Megatron's A, in Y = XA, are rows of W here.
"""

import numpy as np

from topics.kit.model.collectives import all_gather, all_reduce, all_to_all, pieces_of, reduce_scatter, ring
from topics.kit.model.lm import linear, rms_norm, silu


def column_parallel(xs, Ws):
    """Each rank has all of the input and some of the outputs (eq:column). Nothing is sent.

    xs       (N, T, d), on each rank the same
    Ws       (N, F/N, d), pieces of a matrix: some of its outputs
    returns  (N, T, F/N)

    >>> x, W = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> [y.tolist() for y in column_parallel([x, x], pieces_of(W, 2))]
    [[[1.0]], [[2.0]]]
    """
    return [linear(x, W) for x, W in zip(xs, Ws, strict=True)]


def row_parallel(xs, Ws, order=None, add=np.add):
    """Each rank has some of the inputs, and makes a part of every output: the parts are summed (eq:row).

    xs       (N, T, F/N), what column_parallel gave
    Ws       (N, d, F/N), pieces of a matrix: some of its inputs
    returns  (N, T, d), on each rank the same, and sent (N,)

    >>> x, W = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    >>> ys, sent = row_parallel(pieces_of(x, 2, axis=1), pieces_of(W, 2, axis=1))
    >>> [y.tolist() for y in ys]
    [[[11.0]], [[11.0]]]
    """
    parts = [linear(x, W) for x, W in zip(xs, Ws, strict=True)]  # (N, T, d)
    return all_reduce(parts, order, add)


def feed_forward(x, gate, up, down, N):
    """A SwiGLU layer on N ranks: gate and up by columns, down by rows, one all-reduce.

    x         (T, d)
    gate, up  (F, d)
    down      (d, F)
    returns   (N, T, d), on each rank the same, and sent (N,)
    """
    xs = [x] * N
    gates = column_parallel(xs, pieces_of(gate, N))  # (N, T, F/N)
    ups = column_parallel(xs, pieces_of(up, N))  # (N, T, F/N)
    hidden = [silu(g) * u for g, u in zip(gates, ups, strict=True)]  # (N, T, F/N)
    return row_parallel(hidden, pieces_of(down, N, axis=1))


def sequence_parallel(xs, gain, gate, up, down):
    """The same with the norm before it and the sum after it split over tokens: an all-gather and a reduce-scatter in
    the place of the all-reduce (eq:sequence).

    xs        (N, T/N, d), the tokens of each rank
    gain      (d,) of the norm
    gate, up  (F, d)
    down      (d, F)
    returns   (N, T/N, d), and sent (N,)
    """
    N = len(xs)
    normed = [rms_norm(x, gain) for x in xs]  # (N, T/N, d)
    whole, gathered = all_gather(normed)  # (N, T, d), (N,)
    gates, ups = column_parallel(whole, pieces_of(gate, N)), column_parallel(whole, pieces_of(up, N))
    parts = [linear(silu(g) * u, W) for g, u, W in zip(gates, ups, pieces_of(down, N, axis=1), strict=True)]
    sums, scattered = reduce_scatter(parts)  # (N, T/N, d), (N,)
    return [x + y for x, y in zip(xs, sums, strict=True)], [a + b for a, b in zip(gathered, scattered, strict=True)]


def norm_gain_gradient(x, g):
    """The gradient of an RMSNorm's gain: a sum over tokens (eq:gain).

    x        (T, d) what came in
    g        (T, d) the gradient of what went out
    returns  (d,)
    """
    return (g * rms_norm(x, np.ones_like(x[0]))).sum(0)


def exchange_heads(xs, N):
    """From some tokens of all heads to all tokens of some heads: an all-to-all.

    xs       (N, T/N, H, D)
    returns  (N, T, H/N, D), and sent (N,)
    """
    got, sent = all_to_all([pieces_of(x, N, axis=1) for x in xs])
    return [np.concatenate(blocks) for blocks in got], sent


def exchange_tokens(xs, N):
    """And back: from all tokens of some heads to some tokens of all heads.

    xs       (N, T, H/N, D)
    returns  (N, T/N, H, D), and sent (N,)
    """
    got, sent = all_to_all([pieces_of(x, N) for x in xs])
    return [np.concatenate(blocks, 1) for blocks in got], sent


def ring_all_reduce(arrays, add=np.add):
    """An all-reduce as a ring does it: in each of 2(N − 1) steps every rank sends one piece to the next (eq:ring).

    arrays   N arrays of one shape
    returns  N arrays, all the same, and sent

    >>> sums, sent = ring_all_reduce([np.ones(6), np.full(6, 2.0), np.full(6, 4.0)])
    >>> sums[2].tolist(), sent   # 2 · 2/3 of 48 bytes
    ([7.0, 7.0, 7.0, 7.0, 7.0, 7.0], [64, 64, 64])
    """
    held, sent = [pieces_of(x.reshape(-1), len(arrays)) for x in arrays], [0] * len(arrays)
    for hop in ring(arrays, add):
        held, sent = hop.held, [a + b for a, b in zip(sent, hop.sent, strict=True)]
    return [np.concatenate(pieces).reshape(arrays[0].shape) for pieces in held], sent


def ring_bytes(size, N, collective="all-reduce"):
    """Bytes that each rank sends of an array of `size` bytes, where N divides it (eq:ring).

    >>> ring_bytes(48, 3), ring_bytes(48, 3, "all-gather")
    (64.0, 32.0)
    """
    return {"all-reduce": 2, "all-gather": 1, "reduce-scatter": 1, "all-to-all": 1}[collective] * (N - 1) / N * size


def heads_of(r, N, H, H_kv):
    """The query heads of rank r, and the key/value heads that they read: two ranges. Where there are fewer key/value
    heads than ranks, several ranks keep the same one.

    raises ValueError where N does not divide H, or neither of N and H_kv divides the other

    >>> heads_of(1, 4, H=8, H_kv=2)
    (range(2, 4), range(0, 1))
    """
    if H % N or (H_kv % N and N % H_kv):
        raise ValueError(f"{H} query and {H_kv} key/value heads can't be split over {N} ranks")
    share, group = H // N, H // H_kv  # query heads of a rank, and of one key/value head
    first, last = r * share // group, ((r + 1) * share - 1) // group
    return range(r * share, (r + 1) * share), range(first, last + 1)
