"""What N ranks that compute together say to each other: collectives over a list of arrays, one a rank. Knows no model.

N ranks, 0 … N−1, in a ring: rank r sends to rank r+1, the last to rank 0   sent  (N,) bytes that each rank sends

Each function returns what each rank then holds, a list of N, and `sent`. Ranks that hold the same share one array,
not to be changed in place. What is summed or passed on may be arrays, or Tensors of autograd, whose gradients then
cross the ranks as their values do.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Hop(NamedTuple):
    """One step of a ring: every rank sends one piece to the next."""

    phase: str  # "reduce-scatter" or "all-gather"
    t: int  # 0 … N−2 within its phase
    pieces: list  # [r] the number of the piece that rank r sends
    sent: list  # [r] its bytes
    held: list  # [r][c] what rank r holds of piece c after this step


def pieces_of(x, N, axis=0):
    """x in N pieces along an axis, the first size % N of them one longer: a list. Some are empty where size < N.

    >>> [piece.tolist() for piece in pieces_of(np.arange(5), 3)]
    [[0, 1], [2, 3], [4]]
    """
    size, index = x.shape[axis], [slice(None)] * x.ndim
    ends = [r * (size // N) + min(r, size % N) for r in range(N + 1)]
    parts = []
    for start, end in pairwise(ends):
        index[axis] = slice(start, end)
        parts.append(x[tuple(index)])
    return parts


def all_reduce(arrays, order=None, add=np.add):
    """Every rank gets the sum of all arrays. A rank sends 2(N − 1)/N of an array's bytes: a reduce-scatter, then an
    all-gather.

    arrays  N arrays of one shape
    order   of the sum: ranks, one after the other (0, 1, … when None), or "ring", as the ring itself adds, where each
            piece of the flat array begins with another rank
    add     adds two arrays; one of few bits may round here

    >>> sums, sent = all_reduce([np.ones(4), np.full(4, 2.0)])
    >>> sums[1].tolist(), sent
    ([3.0, 3.0, 3.0, 3.0], [32, 32])
    """
    N, shape = len(arrays), arrays[0].shape
    _alike(arrays)
    flat = [x.reshape(-1) for x in arrays]
    parts, first = reduce_scatter(flat, order, add=add)
    whole, second = all_gather(parts)
    return [whole[0].reshape(shape)] * N, [a + b for a, b in zip(first, second, strict=True)]


def reduce_scatter(arrays, order=None, axis=0, add=np.add):
    """Rank r gets piece r of the sum (pieces_of, along an axis). A rank sends all but its own piece: (N − 1)/N of an
    array's bytes.

    >>> parts, sent = reduce_scatter([np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 20.0, 30.0, 40.0])])
    >>> [part.tolist() for part in parts], sent
    ([[11.0, 22.0], [33.0, 44.0]], [16, 16])
    """
    N = len(arrays)
    _alike(arrays)
    parts = [pieces_of(x, N, axis) for x in arrays]  # [rank][piece]
    sums = []
    for c in range(N):
        ranks = [(c + 1 + i) % N for i in range(N)] if order == "ring" else range(N) if order is None else order
        if sorted(ranks) != list(range(N)):
            raise ValueError(f"a sum over {N} ranks has each of them once, not {list(ranks)}")
        first, *others = (parts[r][c] for r in ranks)
        for x in others:
            first = add(first, x)
        sums.append(first)
    return sums, [nbytes(arrays[r]) - nbytes(parts[r][r]) for r in range(N)]


def all_gather(pieces, axis=0):
    """Every rank gets all pieces, put together along an axis. A rank passes on all but the next rank's own piece:
    (N − 1)/N of the whole's bytes.

    >>> whole, sent = all_gather([np.array([1.0, 2.0]), np.array([3.0])])
    >>> whole[0].tolist(), sent
    ([1.0, 2.0, 3.0], [16, 8])
    """
    N, sizes = len(pieces), [nbytes(x) for x in pieces]
    whole = np.concatenate(pieces, axis)
    return [whole] * N, [sum(sizes) - sizes[(r + 1) % N] for r in range(N)]


def all_to_all(blocks):
    """Rank j gets from each rank what it has for j: blocks[i][j], of any shapes, becomes got[j][i]. What a rank has for
    itself it does not send: (N − 1)/N of its bytes where all blocks are alike.

    >>> got, sent = all_to_all([[np.array([1.0]), np.array([2.0])], [np.array([3.0]), np.array([4.0])]])
    >>> [[float(block[0]) for block in blocks] for blocks in got], sent
    ([[1.0, 3.0], [2.0, 4.0]], [8, 8])
    """
    N = len(blocks)
    sent = [sum(nbytes(blocks[i][j]) for j in range(N) if j != i) for i in range(N)]
    return [[blocks[i][j] for i in range(N)] for j in range(N)], sent


def ring(arrays, add=np.add):
    """An all-reduce step by step: a generator of 2(N − 1) Hops. After N − 1 of them rank r holds piece r of the sum, at
    the end every rank holds all of it.

    arrays  N arrays of one shape, cut flat into N pieces

    >>> [hop.pieces for hop in ring([np.zeros(3)] * 3)]
    [[2, 0, 1], [1, 2, 0], [0, 1, 2], [2, 0, 1]]
    """
    N = len(arrays)
    _alike(arrays)
    held = [pieces_of(x.reshape(-1), N) for x in arrays]  # [rank][piece]
    for phase, ahead in ("reduce-scatter", 1), ("all-gather", 0):
        for t in range(N - 1):
            sends = [(r - t - ahead) % N for r in range(N)]
            new = [list(row) for row in held]
            for r, c in enumerate(sends):
                to = (r + 1) % N
                new[to][c] = add(held[r][c], held[to][c]) if ahead else held[r][c]
            yield Hop(phase, t, sends, [nbytes(held[r][c]) for r, c in enumerate(sends)], new)
            held = new


def nbytes(x):
    """Bytes of an array or a Tensor."""
    return x.size * x.dtype.itemsize


def _alike(arrays):
    shapes = {x.shape for x in arrays}
    if len(shapes) != 1:
        raise ValueError(f"the arrays of all ranks have one shape, not {', '.join(map(str, sorted(shapes)))}")
