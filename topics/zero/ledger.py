"""What a rank of fully sharded training holds and waits for, counted for dense models of Llama's kind.

Ψ parameters   N ranks   T tokens of a micro-batch on one rank   m micro-batches   d width   F feed-forward width
H query heads and H_kv key/value heads of width D   L layers   V vocabulary
"""

from topics.kit import GPUS
from topics.zero.method import communication_volume, fsdp_memory

LINKS = {"NVLink, 450 GB/s": 450e9, "InfiniBand, 400 Gb/s": 50e9, "Ethernet, 100 Gb/s": 12.5e9}  # that a GPU sends
SHARE_OF_PEAK = 0.4  # of the arithmetic that a GPU's sheet promises: an assumption


def layer_numbers(m):
    """Numbers that one layer keeps of a token for the way back: the inputs of its two norms and what these give (4d),
    queries, keys, values and attention's output, and of SwiGLU gate, up and their product. FlashAttention keeps no
    matrix of weights, and nothing is dropped at random.

    >>> from topics.kit import MODELS
    >>> layer_numbers(MODELS["Llama-3.1-8B"])
    69632
    """
    return 4 * m.d + 2 * m.H * m.D + 2 * m.H_kv * m.D + 3 * m.F


def activation_bytes(m, T, again=False):
    """Bytes that T tokens keep for the way back, in BF16, and FP32 logits.

    again  only each layer's input is kept, and one layer at a time is computed again

    >>> from topics.kit import MODELS
    >>> [round(activation_bytes(MODELS["Llama-3.1-8B"], 8192, again) / 1e9, 1) for again in (False, True)]
    [40.7, 7.5]
    """
    layers = m.L * m.d + layer_numbers(m) if again else m.L * layer_numbers(m)
    return T * (2 * layers + 4 * m.vocabulary)


def largest_unit(m):
    """Parameters of the largest piece that is gathered at once: a layer, or the embedding."""
    layer = m.d * (2 * m.H * m.D + 2 * m.H_kv * m.D) + 3 * m.d * m.F + 2 * m.d
    return max(layer, m.vocabulary * m.d)


def held_bytes(m, N, T, again, reshard):
    """Bytes on one rank: shards, gathered parameters, gradients on their way, activations."""
    return (*fsdp_memory(m.parameters, N, largest_unit(m), reshard), activation_bytes(m, T, again))


def seconds(m, N, T, micro, link, gpu=GPUS["H100"]):
    """Seconds of a step's arithmetic on one rank, 6 FLOP a token and active parameter; and for each way of keeping the
    seconds of sending, in BF16, as if nothing else went on (eq:volume)."""
    arithmetic = 6 * m.active * T * micro / (SHARE_OF_PEAK * gpu.flops)
    ways = {"copies": (0, True), "stage 1": (1, True), "stage 2": (2, True), "3 kept": (3, False),
            "stage 3": (3, True)}  # fmt: skip
    return arithmetic, {
        way: 2 * communication_volume(m.parameters, N, stage, micro, reshard) / link
        for way, (stage, reshard) in ways.items()
    }
