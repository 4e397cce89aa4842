"""Real models on real machines: bytes and seconds of tensor, pipeline and data parallelism, by arithmetic alone.

t ranks that split matrices   p that split layers, v stages each   D copies of the model   m micro-batches of s tokens a
copy   L layers   d width   P parameters
"""

from dataclasses import dataclass
from typing import NamedTuple

from topics.kit import GPUS, MODELS
from topics.kit.real.hardware import GPU
from topics.kit.real.models import Layers, Model
from topics.tensor_pipeline_parallelism.method import ring_bytes


class Machine(NamedTuple):
    """GPUs of one kind: how many are linked closely, and bytes/s that one can send, inside and to others."""

    gpu: GPU
    inside: int
    link: float
    network: float


# NVLink's sheets count both ways: 900 GB/s are 450 to send (nvidia2023h100), 1,800 are 900 (nvidia2025blackwell). The
# network is taken as 400 Gb/s a GPU, as in Llama 3's clusters (llama2024herd).
MACHINES = {
    "H100, 8 a node": Machine(GPUS["H100"], 8, 450e9, 50e9),
    "B200, 8 a node": Machine(GPUS["B200"], 8, 900e9, 50e9),
    "GB200, 72 a rack": Machine(GPUS["B200"], 72, 900e9, 50e9),
}
MODELS_HERE = {name: MODELS[name] for name in ("Llama-3.1-8B", "Llama-3.1-70B")} | {
    # llama2024herd; 128 · 128 query and 8 · 128 key/value numbers a layer
    "Llama-3.1-405B": Model(
        16_384, (Layers(126, 128, 8, 128),), 53_248, 3, 128_256, 405_853_388_800, 131_072, "2024-07"
    )
}
PEAK = 0.6  # the share of a GPU's peak that a rank reaches while it computes: an assumption
ACTIVATION = 34  # bytes a token, layer and unit of width (korthikanti2022), of a GPT; no attention weights kept


def flops(model, tokens, s):
    """FLOP of a training step on tokens in windows of s: 6 a parameter and token, and those of causal attention."""
    return (6 * (model.parameters - model.embedding) + 6 * model.L * model.H * model.D * s) * tokens


def tensor_bytes(model, t, s):
    """Bytes that each of t ranks sends for one layer and one micro-batch: two all-reduces forward, two backward."""
    return 4 * ring_bytes(2 * s * model.d, t)


@dataclass(frozen=True)
class Plan:
    """How a model is split over machines, and what follows, in seconds a step and bytes a GPU."""

    machine: Machine
    model: Model
    t: int
    p: int
    D: int
    m: int
    v: int
    s: int

    @property
    def compute(self):
        n = self.t * self.p * self.D
        return flops(self.model, self.m * self.D * self.s, self.s) / (n * PEAK * self.machine.gpu.flops)

    @property
    def bubble(self):
        """Idle, as long as (p − 1)/(v m) of the rest of the pipeline's work (eq:bubble)."""
        return (self.compute + self.tensor) * (self.p - 1) / (self.v * self.m)

    @property
    def tensor(self):
        speed = self.machine.link if self.t <= self.machine.inside else self.machine.network
        return self.m * self.model.L / self.p * tensor_bytes(self.model, self.t, self.s) / speed

    @property
    def sends(self):
        """Each stage hands on a share 1/t of the stream, forward and backward; the last one nothing forward."""
        if self.p == 1:
            return 0.0
        inside = self.t * self.p <= self.machine.inside
        return 2 * self.m * self.v * 2 * self.s * self.model.d / self.t / self._speed(inside)

    @property
    def data(self):
        """One all-reduce of gradients, two bytes each, over the D copies."""
        inside = self.t * self.p * self.D <= self.machine.inside
        return ring_bytes(2 * self.model.parameters / (self.t * self.p), self.D) / self._speed(inside)

    def _speed(self, inside):
        return self.machine.link if inside else self.machine.network

    @property
    def seconds(self):
        return self.compute + self.bubble + self.tensor + self.sends + self.data

    @property
    def states(self):
        """Parameters and gradients in BF16, and FP32 master and Adam's two means, of which a copy keeps 1/D."""
        return (2 + 2 + 12 / self.D) * self.model.parameters / (self.t * self.p)

    @property
    def activations(self):
        """Of 1F1B's first rank: p micro-batches at most, more if interleaved; split over t with the tokens."""
        alive = min(self.m, self.p * (1 + (self.p - 1) / (self.p * self.v)) if self.v > 1 else self.p)
        return alive * ACTIVATION * self.s * self.model.d * self.model.L / self.p / self.t

    @property
    def memory(self):
        return self.states + self.activations

    @property
    def fits(self):
        return self.memory <= self.machine.gpu.memory


def plan(machine, model, n, sequences, t, p, v=1, s=8192):
    """A Plan for n GPUs and so many windows of s tokens a step, a window in a micro-batch; None where that does not
    come out even: heads, layers, copies or micro-batches."""
    D, uneven = divmod(n, t * p)
    if not D or uneven or model.H % t or p * v > model.L or sequences % D or (v > 1 and (p == 1 or sequences // D % p)):
        return None
    return Plan(machine, model, t, p, D, sequences // D, v, s)


def times_ideal(model, machine_gpu, N, m, s, bandwidth):
    """The time of m micro-batches on N ranks over that of the arithmetic alone: split by matrices, and by layers in
    1F1B. A pair."""
    compute = flops(model, m * s, s) / (N * PEAK * machine_gpu.flops)
    tensor = m * model.L * tensor_bytes(model, N, s) / bandwidth
    sends = 2 * m * 2 * s * model.d / bandwidth if N > 1 else 0.0
    return 1 + tensor / compute, 1 + (N - 1) / m + sends / compute
