"""The house model in PyTorch: a decoder like Llama's, small enough to train on two cores. Knows no data and no files.

V words   T positions   d width   L layers   H query heads   H_kv key/value heads   D head width   F hidden width
E experts, of which each word uses `active`
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """What a model's size is made of. E = 0 is an ordinary feed-forward layer."""

    V: int
    d: int = 96
    L: int = 4
    H: int = 8
    H_kv: int = 8
    D: int = 16
    F: int = 224
    E: int = 0
    active: int = 0
    base: float = 10_000.0


class House(nn.Module):
    """Words (B, T) to logits (B, T, V). The embedding is also the output matrix."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.V, shape.d)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.L))
        self.norm = nn.RMSNorm(shape.d, eps=1e-5)
        self.apply(self._start)

    def _start(self, module):
        """1/√fan-in, less where a layer adds to the residual stream (as GPT-2), and 0.2 for the embedding.

        With 0.02 for all, attention stayed even for thousands of steps: at this width its scores begin near zero.
        """
        if isinstance(module, nn.Linear):
            fan_in, adds = module.weight.shape[1], getattr(module, "adds", False)
            nn.init.normal_(module.weight, std=(fan_in * (2 * self.shape.L if adds else 1)) ** -0.5)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.2)

    def forward(self, words):
        x = self.embedding(words)  # (B, T, d)
        cos, sin = rotation(words.shape[1], self.shape.D, self.shape.base)
        balance = 0.0
        for layer in self.layers:
            x, unevenness = layer(x, cos, sin)
            balance = balance + unevenness
        return functional.linear(self.norm(x), self.embedding.weight), balance


class Layer(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, shape):
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.d, eps=1e-5)
        self.attention = Attention(shape)
        self.feed_norm = nn.RMSNorm(shape.d, eps=1e-5)
        self.feed = Experts(shape) if shape.E else FeedForward(shape)

    def forward(self, x, cos, sin):
        x = x + self.attention(self.attention_norm(x), cos, sin)
        fed, balance = self.feed(self.feed_norm(x))
        return x + fed, balance


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        s = shape
        self.q = nn.Linear(s.d, s.H * s.D, bias=False)
        self.k = nn.Linear(s.d, s.H_kv * s.D, bias=False)
        self.v = nn.Linear(s.d, s.H_kv * s.D, bias=False)
        self.o = nn.Linear(s.H * s.D, s.d, bias=False)
        self.o.adds = True

    def forward(self, x, cos, sin):
        s, (B, T, _) = self.shape, x.shape
        q, k, v = functional.linear(x, torch.cat([self.q.weight, self.k.weight, self.v.weight])).split(
            [s.H * s.D, s.H_kv * s.D, s.H_kv * s.D], -1
        )
        q = rotate(q.view(B, T, s.H, s.D).transpose(1, 2), cos, sin)  # (B, H, T, D)
        k = rotate(k.view(B, T, s.H_kv, s.D).transpose(1, 2), cos, sin)
        v = v.view(B, T, s.H_kv, s.D).transpose(1, 2)
        if s.H_kv < s.H:
            k, v = (t.repeat_interleave(s.H // s.H_kv, 1) for t in (k, v))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(B, T, s.H * s.D))


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) · up(x))."""

    def __init__(self, shape):
        super().__init__()
        self.gate = nn.Linear(shape.d, shape.F, bias=False)
        self.up = nn.Linear(shape.d, shape.F, bias=False)
        self.down = nn.Linear(shape.F, shape.d, bias=False)
        self.down.adds = True

    def forward(self, x):
        return self.down(functional.silu(self.gate(x)) * self.up(x)), 0.0


class Experts(nn.Module):
    """E feed-forward layers of width F; each word goes to `active` of them, weighted by the router (Mixtral's form)."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.router = nn.Linear(shape.d, shape.E, bias=False)
        self.experts = nn.ModuleList(FeedForward(shape) for _ in range(shape.E))

    def forward(self, x):
        s, flat = self.shape, x.reshape(-1, x.shape[-1])  # (N, d)
        p = torch.softmax(self.router(flat), -1)  # (N, E)
        top, chosen = p.topk(s.active)  # (N, active)
        top = top / top.sum(-1, keepdim=True)
        y = torch.zeros_like(flat)
        for e, expert in enumerate(self.experts):
            row, rank = (chosen == e).nonzero(as_tuple=True)
            y = y.index_add(0, row, expert(flat[row])[0] * top[row, rank, None])
        share = functional.one_hot(chosen, s.E).float().mean((0, 1))  # (E,) of all choices
        return y.view_as(x), s.E * (share * p.mean(0)).sum()  # 1 when even (Switch, arXiv 2101.03961, eq. 4)


def rotation(T, D, base):
    """cos, sin (T, D/2) of the rotary angles t · base^(−2i/D) (arXiv 2104.09864)."""
    t, i = torch.arange(T, dtype=torch.float64), torch.arange(0, D, 2, dtype=torch.float64)
    angle = t[:, None] * base ** (-i / D)  # in float32 the angles would be off by more than the rest of the network
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """Half-split pairs: number i turns with number i + D/2, as in Hugging Face's Llama."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
