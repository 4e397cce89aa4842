"""What fine-tuning takes of a GPU's memory, and an adapter of a disk: counted from published shapes."""

from topics.kit.model.adapters import PARTS
from topics.kit.real.models import PLAIN
from topics.lora.method import trainable_parameters

STATE = 16  # bytes of a trained number: BF16 weight 2, its gradient 2, FP32 copy 4, Adam's two means 8
FROZEN = 2  # bytes of a frozen one, BF16


def shapes_of(name, parts):
    """The shapes (out, in) of the matrices of a model of PLAIN that get adapters, in all layers."""
    m = PLAIN[name]
    layer = {"q": (m.H * m.D, m.d), "k": (m.H_kv * m.D, m.d), "v": (m.H_kv * m.D, m.d), "o": (m.d, m.H * m.D),
             "gate": (m.F, m.d), "up": (m.F, m.d), "down": (m.d, m.F)}  # fmt: skip
    if m.feeds == 2:
        del layer["gate"]
    return [shape for part, shape in layer.items() if part in PARTS[parts]] * m.L


def adapter_numbers(name, r, parts):
    """How many numbers an adapter of rank r has on a model.

    >>> adapter_numbers("GPT-3", 4, "q and v")
    18874368
    """
    return trainable_parameters(shapes_of(name, parts), r)


def whole_bytes(name):
    """Memory for training all of a model with Adam, without activations."""
    return STATE * PLAIN[name].parameters


def lora_bytes(name, r, parts):
    """The same with a frozen model and an adapter."""
    return FROZEN * PLAIN[name].parameters + STATE * adapter_numbers(name, r, parts)


def adapters_beside(name, r, parts, gpu):
    """How many adapters in BF16 fit on a GPU beside the model, if nothing else is kept there; 0 if it doesn't fit."""
    left = gpu.memory - FROZEN * PLAIN[name].parameters
    return max(0, int(left // (FROZEN * adapter_numbers(name, r, parts))))


def megabytes(name, r, parts):
    """An adapter in BF16, in 10**6 bytes."""
    return FROZEN * adapter_numbers(name, r, parts) / 1e6


def share(name, r, parts):
    """Of all numbers of the model, what an adapter has, in %."""
    return 100 * adapter_numbers(name, r, parts) / PLAIN[name].parameters
