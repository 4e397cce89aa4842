"""What PyTorch computes, for tests/topics/test_weight_init.py: initialisations, a signal's way there and back, norms.

python tests/reference/weight_init.py    # PyTorch; writes weight_init.npz
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
out = {}

# orthogonal_: the same normal numbers go in that torch.nn.init.orthogonal_ draws
for name, shape in (("tall", (5, 3)), ("wide", (3, 6)), ("square", (4, 4))):
    torch.manual_seed(7)
    flat = torch.empty(shape).new(*shape).normal_(0, 1)
    torch.manual_seed(7)
    out[f"gaussian_{name}"], out[f"orthogonal_{name}"] = flat, nn.init.orthogonal_(torch.empty(shape), gain=1.5)

# the standard deviations that PyTorch draws with
layer = nn.Linear(400, 600)
out["linear"] = np.array([layer.weight.std(unbiased=False).item(), layer.weight.abs().max().item()])
kaiming = nn.init.kaiming_normal_(torch.empty(600, 400), nonlinearity="relu")
xavier = nn.init.xavier_uniform_(torch.empty(600, 400))
out["kaiming"] = np.array([kaiming.std(unbiased=False).item()])
out["xavier"] = np.array([xavier.std(unbiased=False).item(), xavier.abs().max().item()])
out["gain_tanh"] = np.array([nn.init.calculate_gain("tanh"), nn.init.calculate_gain("relu")])

# a chain of 6 layers, each activation: sizes there and back
W, x, delta = torch.randn(6, 8, 8) / 8**0.5, torch.randn(5, 8), torch.randn(5, 8)
out |= {"W": W, "x": x, "delta": delta}
for name, phi in (("ReLU", torch.relu), ("tanh", torch.tanh), ("SiLU", nn.functional.silu), ("none", lambda h: h),
                  ("GELU", lambda h: nn.functional.gelu(h, approximate="tanh"))):  # fmt: skip
    h = x.clone().requires_grad_()
    kept = [h]
    for matrix in W:
        kept.append(phi(kept[-1] @ matrix.T))
        kept[-1].retain_grad()
    kept[-1].backward(delta)
    out[f"forward_{name}"] = torch.stack([k.detach().square().mean().sqrt() for k in kept])
    out[f"backward_{name}"] = torch.stack([k.grad.square().mean().sqrt() for k in kept])

# a residual stream of 3 layers, by where the norm stands
V = torch.randn(6, 8, 8) / 8**0.5
out["V"] = V
norms = {"RMSNorm": lambda h: nn.functional.rms_norm(h, (8,), eps=1e-5),
         "LayerNorm": lambda h: nn.functional.layer_norm(h, (8,), eps=1e-5)}  # fmt: skip
for kind, norm in norms.items():
    for place, (before, behind, on) in {"no norm": (0, 0, 0), "pre-norm": (1, 0, 0), "both ends": (1, 1, 0),
                                        "post-norm": (0, 0, 1)}.items():  # fmt: skip
        kept = [x.clone().requires_grad_()]
        for W_1, W_2 in zip(W, V, strict=True):
            u = norm(kept[-1]) if before else kept[-1]
            f = torch.relu(u @ W_1.T) @ W_2.T
            h = kept[-1] + (norm(f) if behind else f)
            kept.append(norm(h) if on else h)
            kept[-1].retain_grad()
        kept[-1].backward(delta)
        out[f"stream_{kind}_{place}"] = torch.stack([k.detach().square().mean().sqrt() for k in kept])
        out[f"back_{kind}_{place}"] = torch.stack([k.grad.square().mean().sqrt() for k in kept])

arrays = {name: value.detach().numpy() if torch.is_tensor(value) else value for name, value in out.items()}
np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)
