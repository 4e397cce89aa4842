"""Losses and advantages as TRL's GRPOTrainer computes them, for tests/topics/test_grpo.py. By hand, with PyTorch 2.13
and trl 1.16, of which only the source is needed: the method _compute_loss is cut out of the trainer's file and run as
it stands, and so is nanstd; that advantages are the difference over it plus 1e-4 was read there.

python tests/reference/grpo.py

TRL's conventions: loss_type "grpo", "dapo", "dr_grpo" (over max_completion_length) and "cispo" (the ratio capped at
epsilon_high itself); KL in the loss by k3; the deviation of the group over G − 1, and 1e-4 added to it.
"""

import ast
import importlib.util
import textwrap
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

SOURCE = Path(importlib.util.find_spec("trl").origin).parent / "trainer"
LONGEST = 12


def cut(file, name):
    """A function of one of the trainer's files, run as it stands."""
    text = (SOURCE / file).read_text()
    found = next(node for node in ast.walk(ast.parse(text)) if getattr(node, "name", "") == name)
    space = {"torch": torch, "nanmin": torch.min, "nanmax": torch.max}
    exec(textwrap.dedent("\n".join(text.splitlines()[found.lineno - 1 : found.end_lineno])), space)
    return space[name]


def trainer(log_pi, loss_type, beta=0.0, level="token", low=0.2, high=0.2):
    """What _compute_loss asks of a trainer, and no more."""
    same = SimpleNamespace(gather=lambda x: x, reduce=lambda x, reduction: x, num_processes=1)
    return SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *a, **k: (log_pi, torch.zeros_like(log_pi), None),
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
        model=SimpleNamespace(training=True), accelerator=same, _metrics=defaultdict(lambda: defaultdict(list)),
        loss_type=loss_type, beta=beta, importance_sampling_level=level, epsilon_low=low, epsilon_high=high,
        max_completion_length=LONGEST, current_gradient_accumulation_steps=1, top_entropy_quantile=1.0,
        off_policy_mask_threshold=None, use_vllm=False, vllm_importance_sampling_correction=False,
        aux_loss_enabled=False, _entropy_bonus_enabled=False)  # fmt: skip


def main():
    torch.manual_seed(0)
    N, T, out = 6, 9, {}
    log_old = -torch.rand(N, T, dtype=torch.float64) * 2
    log_ref = log_old - 0.3 * torch.randn(N, T, dtype=torch.float64)
    start = log_old + 0.4 * torch.randn(N, T, dtype=torch.float64)
    A = torch.randn(N, dtype=torch.float64)
    mask = torch.arange(T) < torch.tensor([1, 9, 4, 7, 2, 9])[:, None]
    compute = cut("grpo_trainer.py", "_compute_loss")
    for name, how in {
        "grpo": {"loss_type": "grpo"}, "grpo_kl": {"loss_type": "grpo", "beta": 0.04},
        "dapo": {"loss_type": "dapo", "high": 0.28}, "dr_grpo": {"loss_type": "dr_grpo"},
        "cispo": {"loss_type": "cispo", "high": 1.5},
        "gspo": {"loss_type": "grpo", "level": "sequence", "low": 0.03, "high": 0.04},
    }.items():  # fmt: skip
        log_pi = start.clone().requires_grad_()
        ids = torch.zeros(N, T, dtype=torch.long)
        inputs = {"prompt_ids": ids, "prompt_mask": mask, "completion_ids": ids, "completion_mask": mask.double(),
                  "advantages": A, "old_per_token_logps": log_old, "ref_per_token_logps": log_ref,
                  "num_items_in_batch": mask.sum()}  # fmt: skip
        loss = compute(trainer(log_pi, **how), None, inputs)
        loss.backward()
        out |= {f"{name}_loss": loss.detach().numpy(), f"{name}_gradient": log_pi.grad.numpy()}
    rows = [[1.0] + [0.0] * 7, [1.0] * 4 + [0.0] * 4, [0.0] * 8, [0.2, 0.5, 1, 3, 0, 0, 1, 2]]
    rewards = torch.tensor(rows, dtype=torch.float64)
    nanstd = cut("utils.py", "nanstd")
    for scale, deviation in (("group", nanstd(rewards, dim=1)[:, None]), ("batch", nanstd(rewards).expand_as(rewards))):
        out[f"advantages_{scale}"] = ((rewards - torch.nanmean(rewards, dim=1)[:, None]) / (deviation + 1e-4)).numpy()
    np.savez_compressed(
        Path(__file__).with_suffix(".npz"), log_pi=start.numpy(), log_old=log_old.numpy(), log_ref=log_ref.numpy(),
        A=A.numpy(), mask=mask.numpy(), rewards=rewards.numpy(), longest=LONGEST, **out)  # fmt: skip


if __name__ == "__main__":
    main()
