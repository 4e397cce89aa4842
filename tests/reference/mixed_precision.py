"""Values of PyTorch's casts and of its GradScaler, for tests/topics/test_mixed_precision.py. By hand, with
training/requirements.txt installed:

python tests/reference/mixed_precision.py

On a CPU. GradScaler's trace is of losses some of which are infinite: before each step its scale, and after the last.
"""

from pathlib import Path

import numpy as np
import torch

KINDS = {"FP16": torch.float16, "BF16": torch.bfloat16, "E4M3": torch.float8_e4m3fn, "E5M2": torch.float8_e5m2}
GOOD = [True, True, True, False, True, False, False, True, True, True, True, True, True, False, True]
INTERVAL = 3


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000) * 2.0 ** rng.uniform(-45, 20, 3000)
    small = torch.arange(256, dtype=torch.uint8)
    for kind in (torch.float8_e4m3fn, torch.float8_e5m2):  # each number, and each middle between two
        each = small.view(kind).double().numpy()
        each = np.unique(each[np.isfinite(each)])
        x = np.concatenate([x, each, (each[1:] + each[:-1]) / 2])
    ends = [2.0**-25, 1.5 * 2.0**-24, 65_519.0, 65_520.0, 61_439.0, 61_440.0, 464.0, 465.0, 1e6, np.inf, 3.4e38]
    x = np.concatenate([x, ends]).astype(np.float32)
    values = {name: torch.from_numpy(x).to(kind).float() for name, kind in KINDS.items()}
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=INTERVAL)
    w = torch.nn.Parameter(torch.ones(1))
    optimizer, scales = torch.optim.SGD([w], lr=0.1), []
    for good in GOOD:
        optimizer.zero_grad()
        scales.append(scaler.get_scale())
        scaler.scale((w * (1.0 if good else float("inf"))).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    scales.append(scaler.get_scale())
    about = f"torch {torch.__version__}, numpy {np.__version__}"
    arrays = {name: value.numpy() for name, value in values.items()}
    fresh = torch.amp.GradScaler("cpu")
    start = [fresh.get_scale(), fresh.get_growth_factor(), fresh.get_backoff_factor(), fresh.get_growth_interval()]
    arrays |= {"scales": scales, "good": GOOD, "interval": INTERVAL, "start": start}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), about=about, x=x, **arrays)
    print(about, x.shape, scales, start)


if __name__ == "__main__":
    main()
