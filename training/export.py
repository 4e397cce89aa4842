"""Weights between PyTorch's names and the kit's, stored in float16."""

import json
import re

import numpy as np
import torch
from safetensors.numpy import save_file

NAMES = {"attention.q": "q", "attention.k": "k", "attention.v": "v", "attention.o": "o", "feed.gate": "gate",
         "feed.up": "up", "feed.down": "down", "feed.router": "router", "attention_norm": "attention_norm",
         "feed_norm": "feed_norm"}  # fmt: skip


def arrays(state):
    """{kit's name: float32 array} of a state dict; the experts of a layer are stacked."""
    out = {"embedding": state["embedding.weight"].numpy(), "norm": state["norm.weight"].numpy()}
    for name, tensor in state.items():
        if found := re.fullmatch(r"layers\.(\d+)\.(\w+(?:\.\w+)?)\.weight", name):
            out[f"{found[1]}.{NAMES[found[2]]}"] = tensor.numpy()
        elif found := re.fullmatch(r"layers\.(\d+)\.feed\.experts\.0\.(\w+)\.weight", name):
            several = [
                k for k in state if re.fullmatch(rf"layers\.{found[1]}\.feed\.experts\.\d+\.{found[2]}\.weight", k)
            ]
            out[f"{found[1]}.{found[2]}"] = torch.stack([state[k] for k in several]).numpy()
    return out


def export(state, shape, path):
    """Write a model for the kit. raises OverflowError where float16 can't hold a weight."""
    halves = {name: array.astype(np.float16) for name, array in arrays(state).items()}
    for name, half in halves.items():
        if not np.isfinite(half).all():
            raise OverflowError(f"{path.name}: {name} does not fit into float16")
    known = {key: getattr(shape, key) for key in ("V", "d", "L", "H", "H_kv", "D", "F", "base", "active")}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(halves, path, {"shape": json.dumps(known)})


def unflattened(halves):
    """The state dict, in float32, of the kit's names and float16 tensors: the way back."""
    inside, state = {kit: torch_name for torch_name, kit in NAMES.items()}, {}
    for name, half in halves.items():
        layer, _, part = name.rpartition(".")
        if not layer:
            state[f"{name}.weight"] = half.float()
        elif half.ndim == 3:
            state |= {f"layers.{layer}.feed.experts.{e}.{part}.weight": w.float() for e, w in enumerate(half)}
        else:
            state[f"layers.{layer}.{inside[part]}.weight"] = half.float()
    return state
