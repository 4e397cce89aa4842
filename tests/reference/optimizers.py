"""Steps of PyTorch's AdamW and Muon for tests/kit/test_optimizers.py. By hand, with training/requirements.txt:

python tests/reference/optimizers.py
"""

from pathlib import Path

import numpy as np
import torch

STEPS = 6


def steps(optimizer_of, start, gradients):
    """The weights after each step that an optimizer takes with these gradients."""
    weights, after = torch.nn.Parameter(start.clone()), []
    optimizer = optimizer_of([weights])
    for g in gradients:
        weights.grad = g.clone()
        optimizer.step()
        after.append(weights.detach().clone())
    return torch.stack(after)


def main():
    torch.manual_seed(0)
    start, gradients = torch.randn(4, 3, dtype=torch.float64), torch.randn(STEPS, 4, 3, dtype=torch.float64)
    values = {"start": start, "gradients": gradients * torch.logspace(-6, 2, STEPS, dtype=torch.float64)[:, None, None]}
    for decay in (0.0, 0.1):
        values[f"adamw_{decay}"] = steps(
            lambda p, decay=decay: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=decay),
            start, values["gradients"],
        )  # fmt: skip
    for name, shape in {"wide": (6, 16), "tall": (16, 6)}.items():
        W, g = torch.randn(shape), torch.randn(STEPS, *shape)
        values |= {f"muon_{name}_start": W, f"muon_{name}_gradients": g}
        values[f"muon_{name}"] = steps(
            lambda p: torch.optim.Muon(p, lr=0.02, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
            W,
            g,
        )
    about = f"torch {torch.__version__}, numpy {np.__version__}"
    arrays = {name: value.numpy() for name, value in values.items()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), about=about, **arrays)
    print(about, {name: array.shape for name, array in arrays.items()})


if __name__ == "__main__":
    main()
