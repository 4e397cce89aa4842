"""The loss by which TRL trains reward models, and its estimates of KL, for tests/topics/test_rlhf.py. By hand, with
PyTorch 2.13 and the sources of trl 1.16:

python tests/reference/rlhf.py

The loss is RewardTrainer.compute_loss, cut out of trl's source and run on scores that a stand-in for a model gives, so
that nothing but torch is needed. Conventions: the mean over pairs of −logsigmoid(chosen − rejected);
center_rewards_coefficient, None by default, adds its multiple of the mean of (chosen + rejected)². The estimates are by
formula, not by code: k3 as GRPOTrainer writes it, exp(ref − logp) − (ref − logp) − 1, and k1 as RLOOTrainer does.
"""

import ast
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn


def compute_loss():
    """trl's own function, without the package."""
    source = Path(find_spec("trl").origin).with_name("trainer") / "reward_trainer.py"
    whole = ast.parse(source.read_text())
    found = next(x for x in ast.walk(whole) if isinstance(x, ast.FunctionDef) and x.name == "compute_loss")
    space = {"torch": torch, "nn": nn}
    exec(compile(ast.Module([found], []), str(source), "exec"), space)
    return space["compute_loss"]


class Scores:
    """A model that says what it is given."""

    training = False

    def __init__(self, scores):
        self.scores = scores

    def __call__(self, **inputs):
        return SimpleNamespace(logits=self.scores[:, None])


def loss(chosen, rejected, coefficient):
    model = Scores(torch.cat([chosen, rejected]))
    trainer = SimpleNamespace(
        model=model, args=SimpleNamespace(center_rewards_coefficient=coefficient), _total_train_tokens=0,
        accelerator=SimpleNamespace(gather=lambda x: x, gather_for_metrics=lambda x: x),
        _metrics=defaultdict(lambda: defaultdict(list)),
    )  # fmt: skip
    return compute_loss()(trainer, model, {}).item()


def main():
    torch.manual_seed(0)
    chosen, rejected = torch.randn(2, 12, dtype=torch.float64) * 3
    log_pi, log_ref = -torch.rand(2, 5, 7, dtype=torch.float64) * 4
    k3 = torch.exp(log_ref - log_pi) - (log_ref - log_pi) - 1
    np.savez_compressed(
        Path(__file__).with_suffix(".npz"), chosen=chosen.numpy(), rejected=rejected.numpy(),
        loss=loss(chosen, rejected, None), centred=loss(chosen, rejected, 0.01), log_pi=log_pi.numpy(),
        log_ref=log_ref.numpy(), k1=(log_pi - log_ref).numpy(), k3=k3.numpy(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
