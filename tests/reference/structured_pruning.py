"""Masks, fits and cosines as PyTorch makes them, for tests/topics/test_structured_pruning.py.

By hand, with PyTorch 2.13:

python tests/reference/structured_pruning.py
"""

from pathlib import Path

import numpy as np
import torch
from torch.ao.pruning import WeightNormSparsifier
from torch.nn.utils import prune


def main():
    rng = np.random.default_rng(0)
    W, x = rng.normal(size=(12, 16)), rng.normal(size=(40, 16)) * rng.uniform(0.2, 4, 16)
    out = {"W": W, "x": x}

    def linear(w):
        layer = torch.nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=torch.float64)
        layer.weight.data = torch.tensor(w)
        return layer

    for name, scores in (("magnitude", W), ("wanda", np.abs(W) * np.linalg.norm(x, axis=0))):
        model = torch.nn.Sequential(linear(scores))
        sparsifier = WeightNormSparsifier(sparsity_level=1.0, sparse_block_shape=(1, 4), zeros_per_block=2)
        sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
        sparsifier.step()
        out[f"two_four_{name}"] = model[0].parametrizations.weight[0].mask.numpy().astype(bool)

    layer = linear(W)
    prune.ln_structured(layer, "weight", amount=5, n=2, dim=0)  # whole rows, the shortest five
    out["rows_left"] = layer.weight_mask.numpy()[:, 0].astype(bool)
    layer = linear(W)
    prune.l1_unstructured(layer, "weight", amount=0.5)
    out["anywhere"] = layer.weight_mask.numpy().astype(bool)

    H, Y = rng.normal(size=(40, 6)), rng.normal(size=(40, 5))
    fit = torch.linalg.lstsq(torch.tensor(H), torch.tensor(Y)).solution.T
    out |= {"H": H, "Y": Y, "fit": fit.numpy()}

    a, b = rng.normal(size=(2, 30, 7))
    influence = 1 - torch.nn.functional.cosine_similarity(torch.tensor(a), torch.tensor(b)).mean()
    out |= {"a": a, "b": b, "influence": influence.numpy()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    main()
