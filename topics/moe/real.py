"""Mixtures of real models: what is stored, what a token uses, what travels. Plain arithmetic on published shapes."""

from math import comb, log10
from typing import NamedTuple

from topics.kit.real.costs import experts_touched
from topics.kit.real.models import MODELS
from topics.moe.ranks import bytes_a_token


class Mixture(NamedTuple):
    """A model's layers with experts: E routed ones of hidden width F on tokens of width d, k of them and `shared` for a
    token; and the parameters of the whole model, as published or counted, in all and for a token."""

    layers: int
    E: int
    k: int
    shared: int
    d: int
    F: int
    total: float
    active: float
    dated: str

    @property
    def routed(self):
        """Parameters of all routed experts: three matrices of d · F each."""
        return self.layers * self.E * 3 * self.d * self.F

    @property
    def routed_active(self):
        """Of these, what one token uses."""
        return self.layers * self.k * 3 * self.d * self.F

    def cut(self, m):
        """The same parameters and arithmetic in experts of an m-th the width: m times as many, m times as many used."""
        return self._replace(E=m * self.E, k=m * self.k, F=self.F // m)


def _of(name):
    """What the kit knows of a model."""
    model, e = MODELS[name], MODELS[name].experts
    return Mixture(e.layers, e.E, e.k, e.shared, model.d, e.F, model.parameters, model.active, model.dated)


# shapes: jiang2024 and its configuration; transformers2026configs; kimi2026k3, whose experts work on a latent of half
# the model's width; totals of the last three as published
MIXTURES = {
    "Mixtral-8x7B": Mixture(32, 8, 2, 0, 4096, 14_336, 46_702_792_704, 12_748_853_248, "2023-12"),
    "DeepSeek-V3": _of("DeepSeek-V3"),
    "Qwen3-235B-A22B": _of("Qwen3-235B-A22B"),
    "Kimi K2": _of("Kimi K2"),
    "gpt-oss-120b": _of("gpt-oss-120b"),
    "MiniMax-M2": _of("MiniMax-M2"),
    "GLM-5": _of("GLM-5"),
    "DeepSeek-V4-Flash": Mixture(43, 256, 6, 1, 4096, 2048, 284e9, 13e9, "2026-04"),
    "DeepSeek-V4-Pro": Mixture(61, 384, 6, 1, 7168, 3072, 1.6e12, 49e9, "2026-04"),
    "Kimi K3": Mixture(92, 896, 16, 2, 3584, 3072, 2.8e12, 104e9, "2026-07"),
}


def share_touched(mixture, B):
    """The share of a layer's experts that B tokens read, chosen by chance."""
    return experts_touched(mixture.E, mixture.k, B) / mixture.E


def parameters_touched(mixture, B):
    """Parameters that a step of B tokens reads: those of every token, and the experts touched."""
    return mixture.total - mixture.routed * (1 - share_touched(mixture, B))


def ways(mixture):
    """The number of different sets of experts that a token can be sent to, as a power of ten."""
    return log10(comb(mixture.E, mixture.k))


def sent(mixture, N=64):
    """Bytes a token and layer, there in FP8 and back in BF16, once for each expert, on N ranks."""
    return bytes_a_token(mixture.d, mixture.k, N)
