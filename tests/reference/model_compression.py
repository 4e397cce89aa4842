"""Distillation losses and their slopes by PyTorch, for tests/topics/test_model_compression.py. By hand, with PyTorch
2.13:

python tests/reference/model_compression.py
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

TEMPERATURES = (1.0, 2.0, 5.0)


def main():
    rng = np.random.default_rng(0)
    student, teacher = (torch.tensor(rng.normal(0, 3, (6, 9)), requires_grad=True) for _ in range(2))
    labels = torch.tensor(rng.integers(0, 9, 6))
    out = {"student": student.detach().numpy(), "teacher": teacher.detach().numpy(), "labels": labels.numpy()}
    for T in TEMPERATURES:
        kl = functional.kl_div(
            functional.log_softmax(student / T, -1), functional.log_softmax(teacher / T, -1).detach(),
            reduction="batchmean", log_target=True,
        )  # fmt: skip
        loss = 0.3 * functional.cross_entropy(student, labels) + 0.7 * T**2 * kl
        (slope,) = torch.autograd.grad(T**2 * kl, student, retain_graph=True)
        out[f"loss{T:g}"], out[f"slope{T:g}"] = loss.detach().numpy(), slope.numpy()
    real = torch.tensor([True, True, False, True, False, True])
    law = functional.softmax(teacher, -1).detach()
    soft = functional.cross_entropy(student[real], law[real])  # targets that are probabilities
    (slope,) = torch.autograd.grad(soft, student)
    out |= {"real": real.numpy(), "soft": soft.detach().numpy(), "soft_slope": slope.numpy()}
    p, q = law, functional.softmax(student, -1).detach()
    for lam in (0.1, 0.5, 0.9):
        m = (lam * p + (1 - lam) * q).log()
        both = lam * functional.kl_div(m, p.log(), reduction="none", log_target=True).sum(-1)
        both = both + (1 - lam) * functional.kl_div(m, q.log(), reduction="none", log_target=True).sum(-1)
        out[f"jsd{lam:g}"] = both.numpy()
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    main()
