"""ZeRO: N ranks train one model on different texts, and each keeps a share of what all need.

Ψ parameters   N ranks   r = 0 … N−1 one of them   m micro-batches of a step   η rate
flat (Ψ,) all numbers of a model in one vector   shard (n,) a rank's piece of it, ⌈Ψ/N⌉ numbers at most

stage 0: copies; 1: optimiser states are shared out; 2: gradients, too; 3: parameters, too
GB is 10⁹ bytes. Rajbhandari et al. (arXiv 1910.02054) write N_d for N, and K for the optimiser's bytes a parameter.
"""

import numpy as np

from topics.kit.model.collectives import nbytes, pieces_of, reduce_scatter
from topics.kit.model.optimizers import adamw_step, orthogonalized

# ---- what a rank keeps


def zero_memory(Psi, N, stage, p=2, g=2, o=12):
    """Bytes of parameters, gradients and optimiser states on the fullest rank (eq:memory).

    p, g, o  bytes a parameter: the paper's FP16 weight and gradient, and FP32 copy and two moments of Adam

    >>> [sum(zero_memory(7_500_000_000, 64, stage)) / 1e9 for stage in (0, 1, 2, 3)]
    [120.0, 31.40625, 16.640625, 1.875]
    """
    share = -(-Psi // N)  # rounded up: no number is lost
    return tuple(each * (share if stage >= least else Psi) for each, least in ((p, 3), (g, 2), (o, 1)))


def deepspeed_memory(Psi, N, stage, largest):
    """What DeepSpeed 0.19.8's own estimator says of stages 2 and 3, nothing offloaded: 18 bytes are the paper's 16
    without the FP16 weight, FP32 gradients beside those in FP16; stage 3 adds a gathered layer and its gradients.

    largest  parameters of the largest layer

    >>> [deepspeed_memory(7_500_000_000, 64, stage, largest=50_000_000) / 1e9 for stage in (2, 3)]
    [17.109375, 2.309375]
    """
    return (2 * Psi if stage == 2 else 4 * largest) + 18 * Psi // N


def fsdp_memory(Psi, N, layer, reshard=True):
    """Bytes of shards, of gathered parameters and of gradients on their way, on a rank of FSDP2 in mixed precision.

    The shards are FP32: parameters, which are the master copy, gradients and two moments, 16 bytes. Gathered parameters
    are BF16: two layers' where they go after use, since the next comes while one computes, else all.
    layer    parameters of a layer, the largest

    >>> [sum(fsdp_memory(8_000_000_000, 64, 200_000_000, reshard)) / 1e9 for reshard in (True, False)]
    [3.2, 18.4]
    """
    return 16 * -(-Psi // N), 2 * (2 * layer if reshard else Psi), 2 * layer


# ---- what a rank sends


def communication_volume(Psi, N, stage, m=1, reshard=True):
    """Numbers that each rank sends in a step of m micro-batches (eq:volume).

    reshard  at stage 3: gathered parameters are freed after the forward pass, and gathered again for the way back

    >>> [communication_volume(1, 1_000_000, stage) for stage in (0, 1, 2, 3)]   # (N − 1)/N is nearly 1
    [1.999998, 1.999998, 1.999998, 2.999997]
    """
    gathers = {0: 1, 1: 1, 2: 1, 3: (2 if reshard else 1) * m}[stage]  # of parameters; at stage 0 of summed gradients
    scatters = {0: 1, 1: 1, 2: m, 3: m}[stage]  # of gradients: whole ones are kept and summed below stage 2
    return (gathers + scatters) * (N - 1) / N * Psi


def tokens_to_hide(flops, link, stage=3, b=2):
    """Tokens that a rank must have in a micro-batch so that its arithmetic takes as long as its sending (eq:hide).

    flops  FLOP/s that a GPU reaches   link  bytes/s that it sends   b  bytes of a number that is sent

    >>> tokens_to_hide(400e12, 50e9)   # 3Ψ numbers of 2 bytes; 6Ψ FLOP a token
    8000.0
    """
    return (3 if stage == 3 else 2) * b * flops / (6 * link)


# ---- one step


def scattered_mean(grads):
    """Rank r's piece of the mean of all ranks' gradients: a reduce-scatter. And the bytes that each rank sent.

    grads    the gradient of each rank's own texts, all Ψ numbers of it
    returns  a list of n numbers for each rank

    >>> parts, sent = scattered_mean([np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0])])
    >>> [part.tolist() for part in parts], sent
    ([[2.0, 3.0], [4.0]], [8, 16])
    """
    sums, sent = reduce_scatter(grads)
    return [part / len(grads) for part in sums], sent


def sharded_adam_step(shards, states, parts, eta):
    """One step of Adam: each rank moves its own shard, by its own moments, and nobody is asked (eq:step).

    shards, parts  each rank's n weights and their gradients: lists, one entry a rank
    states         what each rank's last step gave; None at the first
    returns        new shards and states. An all-gather of the shards gives all ranks the new weights: at once in
                   stages 1 and 2, when a layer is needed in stage 3

    >>> shards, states = sharded_adam_step([np.ones(2), np.ones(1)], [None] * 2, [np.ones(2), -np.ones(1)], eta=0.1)
    >>> [w.round(6).tolist() for w in shards]
    [[0.9, 0.9], [1.1]]
    """
    moved = [adamw_step(w, g, state, eta) for w, g, state in zip(shards, parts, states, strict=True)]
    return [w for w, _ in moved], [state for _, state in moved]


def clip_sharded(shards, limit):
    """Gradients in shards, shortened together to length `limit` if they are longer, and the length they had (eq:norm).

    Each rank knows the square of its own part; the sum of N numbers tells the rest.

    >>> clip_sharded([np.array([3.0]), np.array([4.0])], 1.0)[1]
    5.0
    """
    norm = float(np.sqrt(sum(float(np.vdot(g, g)) for g in shards)))  # an all-reduce of one number
    scale = min(1.0, limit / norm) if norm else 1.0
    return [g * np.asarray(scale, g.dtype) for g in shards], norm


def muon_sharded(rows, owner=0):
    """Muon's direction for one matrix whose momentum lies on N ranks by rows: the owner gets all, and gives back.

    rows     each rank's rows, as pieces_of cuts them
    returns  the same rows of the direction, and the bytes that each rank sent

    >>> parts, sent = muon_sharded([np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]])])
    >>> [np.abs(part).sum().round(1).item() for part in parts], sent   # both singular values near 1
    ([1.1, 1.1], [16, 16])
    """
    whole = np.concatenate(rows)  # (out, in), on the owner alone
    back = pieces_of(orthogonalized(whole), len(rows))
    sent = [nbytes(part) for part in rows]
    sent[owner] = nbytes(whole) - nbytes(rows[owner])
    return back, sent
