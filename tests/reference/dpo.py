"""Losses as Hugging Face's TRL computes them, of pairs one by one, for tests/topics/test_dpo.py: the trainers' own loss
methods, on a policy and a reference that are tables of next-token logits. By hand, with PyTorch 2.13 and trl 1.16:

python tests/reference/dpo.py
"""

from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from trl import DPOConfig, DPOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer

N, V, P, T = 6, 11, 3, 7  # pairs, words, words of a prompt, words of the longest answer
BETA, EPS = 0.3, 0.2


class Table(torch.nn.Module):
    """Logits of the next token by the last one."""

    is_gradient_checkpointing = False

    def __init__(self, generator):
        super().__init__()
        self.logits = torch.nn.Parameter(2 * torch.randn(V, V, generator=generator, dtype=torch.float64))

    def forward(self, input_ids, labels=None, **_):
        log_p = self.logits[input_ids[:, :-1]].log_softmax(-1)  # (n, S−1, V)
        wanted = labels[:, 1:]
        chosen = log_p.gather(-1, wanted.clamp(min=0)[..., None])[..., 0]
        log_probs = torch.where(wanted >= 0, chosen, 0.0)  # (n, S−1)
        zeros = torch.zeros_like(log_probs)
        return SimpleNamespace(log_probs=log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


def trl_loss(kind, policy, reference, words, mask):
    """DPOTrainer's loss of one pair: words and mask (2, S), chosen first."""
    same = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)
    trainer = SimpleNamespace(
        model=policy, ref_model=reference, accelerator=same, aux_loss_enabled=False, ld_alpha=None,
        precompute_ref_logps=False, f_divergence_type="reverse_kl", loss_types=[kind], loss_weights=[1.0], beta=BETA,
        label_smoothing=EPS, use_weighting=False, _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0, _tp_size=1,
        args=SimpleNamespace(gradient_checkpointing=False, gradient_checkpointing_kwargs=None),
    )  # fmt: skip
    inputs = {"input_ids": words, "attention_mask": torch.ones_like(words), "completion_mask": mask}
    loss = DPOTrainer._compute_loss(trainer, policy, inputs, False)
    return loss.item(), {key: x[0] for key, x in trainer._metrics["train"].items() if key.startswith("rewards")}


def main():
    generator = torch.Generator().manual_seed(0)
    policy, reference = Table(generator), Table(generator)
    lengths = torch.randint(1, T + 1, (N, 2), generator=generator)
    out, losses = defaultdict(list), defaultdict(list)
    for n in range(N):
        prompt = torch.randint(V, (P,), generator=generator)
        words = torch.cat([prompt.expand(2, P), torch.randint(V, (2, T), generator=generator)], 1)  # (2, P+T)
        mask = torch.zeros(2, P + T, dtype=torch.long)
        for row, length in enumerate(lengths[n]):
            mask[row, P : P + length] = 1
        for kind in ("sigmoid", "ipo", "robust", "sigmoid_norm", "aot"):
            loss, metrics = trl_loss(kind, policy, reference, words, mask)
            losses[kind].append(loss)
        for key, x in metrics.items():
            losses[key].append(x)
        simpo = SimpleNamespace(loss_type="simpo", beta=2.0, simpo_gamma=0.5, label_smoothing=0, alpha=0.0,
                                accelerator=SimpleNamespace(device="cpu"))  # fmt: skip
        labels = words.masked_fill(mask == 0, -100)
        for name, model in (("pi", policy), ("ref", reference)):
            out[name].append(model(words, labels=words).log_probs.detach().numpy())
        mean = policy(words, labels=labels).log_probs.sum(1) / mask.sum(1)  # CPOTrainer averages before, where simpo
        losses["simpo"].append(CPOTrainer.cpo_loss(simpo, mean[:1], mean[1:])[0].item())
        out["mask"].append(mask[:, 1:].numpy())
    default = {f.name: f.default for f in fields(DPOConfig)}
    out["defaults"] = [default["beta"], default["learning_rate"], default["max_length"], default["label_smoothing"],
                       {f.name: f.default for f in fields(CPOConfig)}["simpo_gamma"]]  # fmt: skip
    np.savez_compressed(Path(__file__).with_suffix(".npz"), beta=BETA, eps=EPS,
                        **{key: np.array(x) for key, x in (out | losses).items()})  # fmt: skip


if __name__ == "__main__":
    main()
