"""NF4, FP4 and double quantisation as bitsandbytes makes them, and a four-bit layer merged as PEFT merges it, for
tests/topics/test_qlora.py. By hand, with PyTorch 2.13 (CPU), bitsandbytes 0.50.2 and SciPy for its own rule:

python tests/reference/qlora.py
"""

from pathlib import Path

import bitsandbytes.functional as F  # noqa: N812 — as its own tests name it
import numpy as np
import torch


def large_and_change():
    """A matrix (130, 200), and a change of rank 4 that is small beside its gaps."""
    rng = np.random.default_rng(1)
    big = rng.normal(0, 0.05, (130, 200)).astype(np.float32)
    return big, (rng.normal(size=(130, 4)) @ rng.normal(size=(4, 200)) * 0.0005).astype(np.float32)


def main():
    rng = np.random.default_rng(0)
    w = (rng.normal(size=(37, 100)) * 10.0 ** rng.uniform(-3, 1, (37, 1))).astype(np.float32)  # the last block is short
    w[5, :] = 0
    out = {"w": w, "dynamic": F.create_dynamic_map().numpy()}
    for kind in ("nf4", "fp4"):
        packed, state = F.quantize_4bit(torch.from_numpy(w), quant_type=kind)
        out |= {f"{kind}_table": state.code.numpy(), f"{kind}_packed": packed.numpy().ravel(),
                f"{kind}_absmax": state.absmax.numpy(), kind: F.dequantize_4bit(packed, state).numpy()}  # fmt: skip
    big, change = large_and_change()
    packed, state = F.quantize_4bit(torch.from_numpy(big), quant_type="nf4", compress_statistics=True)
    out |= {"c8": state.absmax.numpy(), "second": state.state2.absmax.numpy(), "mean": state.offset.numpy(),
            "big_packed": packed.numpy().ravel(), "double": F.dequantize_4bit(packed, state).numpy()[:20]}  # fmt: skip
    # what peft.tuners.lora.bnb.Linear4bit.merge does: expand, add, round again
    packed, state = F.quantize_4bit(torch.from_numpy(big), quant_type="nf4")
    again, state = F.quantize_4bit(F.dequantize_4bit(packed, state) + torch.from_numpy(change), quant_type="nf4")
    out |= {"merged_packed": again.numpy().ravel(), "merged_absmax": state.absmax.numpy()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    main()
