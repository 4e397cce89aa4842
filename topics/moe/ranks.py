"""Expert parallelism: each rank holds some of the experts, and tokens travel to them and back.

N ranks, 0 … N−1   T tokens on a rank   d width   E experts, E/N on each rank: rank 0 has the first ones
"""

import numpy as np

from topics.kit.model.collectives import all_to_all
from topics.moe.method import moe_layer


def expert_parallel(xs, chosen, weights, experts, once=True):
    """The layer over N ranks: tokens to the ranks of their experts, there the experts, and back (eq:layer).

    xs       N arrays (T, d)   chosen, weights  N arrays (T, k)
    experts  E functions, E divisible by N
    once     a token goes to a rank once, however many of its experts are there, and comes back as one sum; else once
             for each expert
    returns  N arrays (T, d), bytes that each rank sends on the way there and on the way back, and tokens[i][j], rows
             that rank i sends to rank j

    >>> xs = [np.ones((1, 2)), np.ones((1, 2))]
    >>> ys, there, back, tokens = expert_parallel(xs, [np.array([[1]])] * 2, [np.ones((1, 1))] * 2, [None, np.negative])
    >>> [y.tolist() for y in ys], there, back, tokens.tolist()   # rank 0 sends its token to rank 1, two numbers
    ([[[-1.0, -1.0]], [[-1.0, -1.0]]], [16, 0], [0, 16], [[0, 1], [0, 1]])
    """
    N, per = len(xs), len(experts) // len(xs)
    rows, blocks = [], []
    for r in range(N):
        lists = [_rows(chosen[r], to * per, per, once) for to in range(N)]
        rows.append(lists)
        blocks.append([xs[r][tokens] for tokens, _ in lists])
    got, there = all_to_all(blocks)
    for j in range(N):  # rank j: for the tokens of each rank i, its own experts
        for i in range(N):
            tokens, mine = rows[i][j]
            local = np.where(mine, chosen[i][tokens] - j * per, -1)
            got[j][i] = moe_layer(got[j][i], experts[j * per : (j + 1) * per], local, weights[i][tokens])
    parts, back = all_to_all(got)
    ys = [np.zeros_like(x) for x in xs]
    for i in range(N):
        for j in range(N):
            np.add.at(ys[i], rows[i][j][0], parts[i][j])
    return ys, there, back, np.array([[len(tokens) for tokens, _ in lists] for lists in rows])


def _rows(chosen, first, per, once):
    """Which tokens have an expert in first … first + per − 1, and which of their choices are meant: (n,), (n, k)."""
    mine = (chosen >= first) & (chosen < first + per)  # (T, k)
    if once:
        tokens = np.nonzero(mine.any(1))[0]
        return tokens, mine[tokens]
    tokens, place = np.nonzero(mine)
    return tokens, place[:, None] == np.arange(chosen.shape[1])


def bytes_a_token(d, k, N, there=1, back=2):
    """Bytes that a token costs in one layer, both ways, if its k experts lie anywhere on N ranks: a share of 1/N stays.

    there, back  bytes a number: FP8 there and BF16 back, as DeepEP sends them; scales are not counted

    >>> round(bytes_a_token(d=7168, k=8, N=64)), 3 * 8 * 7168
    (169344, 172032)
    """
    return (1 - 1 / N) * k * d * (there + back)


def ranks_touched(E, k, N):
    """Different ranks on which a token's k different experts lie, drawn by chance, E/N experts on each: the mean.

    >>> ranks_touched(8, 2, 8), ranks_touched(8, 2, 1)
    (2.0, 1.0)
    """
    per, missed = E // N, 1.0
    for i in range(k):  # the chance that none of k drawn without repetition lies on one given rank
        missed *= max(0, E - per - i) / (E - i)
    return N * (1 - missed)
