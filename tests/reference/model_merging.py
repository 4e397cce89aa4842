"""Merges by mergekit and PEFT, for tests/topics/test_model_merging.py. By hand, with PyTorch 2.13, mergekit 0.1.5 and
PEFT 0.21.2:

python tests/reference/model_merging.py
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from mergekit.merge_methods import registry
from mergekit.merge_methods.base import TensorGroup
from mergekit.merge_methods.slerp import slerp
from mergekit.sparsify import RescaleNorm, rescaled_masked_tensor


def peft_rules():
    """peft.utils.merge_utils by its path: the package itself asks for more than is needed here."""
    (folder,) = importlib.util.find_spec("peft").submodule_search_locations
    spec = importlib.util.spec_from_file_location("merge_utils", Path(folder) / "utils/merge_utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    rng = np.random.default_rng(0)
    base, changes = rng.normal(size=(12, 10)), rng.normal(size=(3, 12, 10)) * [[[1.0]], [[0.7]], [[2.0]]]
    base, changes = torch.tensor(base), torch.tensor(changes)
    weights = (0.5, 1.0, 0.3)
    out = {"base": base.numpy(), "changes": changes.numpy(), "weights": np.array(weights)}
    rules = peft_rules()
    group = TensorGroup.from_tensors([base, *(base + x for x in changes)], ids=[0, 1, 2, 3], base_index=0)
    for density in (0.2, 0.55, 1.0):
        out[f"peft_ties_{density}"] = rules.ties(list(changes), torch.tensor(weights), density).numpy()
        for normalize in (True, False):
            merged = registry.get("ties").merge_group(
                group, weight=dict(enumerate(weights, 1)), density=dict.fromkeys((1, 2, 3), density),
                normalize=normalize, rescale=False, int8_mask=False, **{"lambda": 1.0},
            )  # fmt: skip
            out[f"mergekit_ties_{density}_{normalize}"] = (merged - base).numpy()
    out["task"] = rules.task_arithmetic(list(changes), torch.tensor(weights)).numpy()
    mask = torch.tensor(np.random.default_rng(1).random((12, 10)) >= 0.6)  # as the topic draws it
    out["mergekit_dare"] = rescaled_masked_tensor(changes[0], mask, RescaleNorm.l1).numpy()
    out["peft_dare"] = (changes[0] * mask / 0.4).numpy()  # random_pruning with this mask in the place of its own
    for i, (a, b) in enumerate(((changes[0], changes[1]), (base, base + 0.1 * changes[0]), (base, base * 1.5))):
        t = torch.tensor([0.3], dtype=torch.float64)
        out[f"pair_{i}"] = torch.stack([a, b]).numpy()
        out[f"slerp_{i}"] = slerp(t, a[None], b[None])[0].numpy()
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    main()
