"""Adapters as Hugging Face's PEFT makes, runs and merges them, for tests/topics/test_lora.py. By hand, with PyTorch
2.13 and peft 0.21:

python tests/reference/lora.py
"""

from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

ALPHA = 6


class Net(nn.Module):
    """A matrix of its own, and queries, keys and values fused in one."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(7, 3, bias=False)
        self.qkv = nn.Linear(8, 24, bias=False)

    def forward(self, x):
        return self.one(x)


def main():
    torch.manual_seed(0)
    x, out = torch.randn(5, 7), {}
    for r in (1, 2, 4):
        for stabilised in (False, True):
            net = get_peft_model(
                Net(), LoraConfig(r=r, lora_alpha=ALPHA, target_modules=["one"], use_rslora=stabilised)
            )
            layer = net.base_model.model.one
            name = f"r{r}_{'rs' if stabilised else 'plain'}"
            out[f"{name}_start"] = layer.lora_A["default"].weight.detach().numpy().copy()
            assert not layer.lora_B["default"].weight.any()
            nn.init.normal_(layer.lora_B["default"].weight)
            out |= {f"{name}_{key}": w.detach().numpy().copy() for key, w in (
                ("W", layer.base_layer.weight), ("A", layer.lora_A["default"].weight),
                ("B", layer.lora_B["default"].weight), ("y", net(x)))}  # fmt: skip
            layer.merge()
            out[f"{name}_merged"] = layer.base_layer.weight.detach().numpy().copy()
    fused = get_peft_model(Net(), LoraConfig(r=2, target_modules=["qkv", "one"]))
    out["trained"] = np.array(fused.get_nb_trainable_parameters()[0])
    out["defaults"] = np.array([LoraConfig().r, LoraConfig().lora_alpha])
    np.savez_compressed(Path(__file__).with_suffix(".npz"), x=x.numpy(), **out)


if __name__ == "__main__":
    main()
