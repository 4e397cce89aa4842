"""What PyTorch 2.13's FSDP2 does on four processes of a CPU (gloo), and what DeepSpeed 0.19.8 estimates.

Run once, by hand: `python tests/reference/zero.py`; the tests read zero.npz. The network is computed by PyTorch itself,
in FP64; what one process without shards gives is stored beside what four give. DeepSpeed's estimators need no GPU; its
package is imported for them alone.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

N, STEPS, LIMIT, RATE = 4, 3, 0.5, 0.1


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6, bias=False), nn.Tanh(), nn.Linear(6, 3)).double()


def data():
    torch.manual_seed(1)
    return torch.randn(STEPS, 8, 5).double(), torch.randn(STEPS, 8, 3).double()


def train(model, rows, step=None):
    """The norms that clipping found, and each step's whole gradient before it."""
    x, y = data()
    params, norms, grads = list(model.parameters()), [], []
    optimizer = step or torch.optim.AdamW(params, lr=RATE, betas=(0.9, 0.95), weight_decay=0.0)
    for t in range(STEPS):
        optimizer.zero_grad()
        ((model(x[t, rows]) - y[t, rows]) ** 2).mean().backward()
        grads.append([whole(p.grad).numpy().copy() for p in params])
        norms.append(nn.utils.clip_grad_norm_(params, LIMIT).item())
        optimizer.step()
    return norms, grads


def whole(x):
    return (x.full_tensor() if hasattr(x, "full_tensor") else x).detach()


def rank(r, port, folder):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    dist.init_process_group("gloo", rank=r, world_size=N)
    model = network()
    mesh = init_device_mesh("cpu", (N,))
    for layer in model:
        if isinstance(layer, nn.Linear):
            fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    norms, _ = train(model, slice(2 * r, 2 * r + 2))
    found = {f"sharded{i}": whole(p).numpy() for i, p in enumerate(model.parameters())}
    rows = [p.to_local().shape[0] for p in model.parameters()]
    found |= {"norms": np.array(norms), "rows": np.array(rows)}
    try:
        matrices = [p for p in model.parameters() if p.ndim == 2]
        torch.optim.Muon(matrices, lr=RATE, weight_decay=0.0).step()
        found["muon"] = np.array("ran")
    except RuntimeError as error:
        found["muon"] = np.array(str(error).splitlines()[0])
    np.savez(Path(folder) / f"{r}.npz", **found)
    dist.barrier()
    dist.destroy_process_group()


def main():
    torch.set_num_threads(1)
    model = network()
    found = {f"start{i}": p.detach().numpy().copy() for i, p in enumerate(model.parameters())}
    norms, grads = train(model, slice(None))
    found |= {f"whole{i}": p.detach().numpy() for i, p in enumerate(model.parameters())}
    found |= {f"grad{t}_{i}": g for t, each in enumerate(grads) for i, g in enumerate(each)}
    found["norms"] = np.array(norms)
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(rank, args=("29583", folder), nprocs=N)
        for r in range(N):
            of_rank = np.load(Path(folder) / f"{r}.npz")
            found |= {f"rank{r}_norms": of_rank["norms"], f"rank{r}_rows": of_rank["rows"]}
            if r == 0:
                found |= {f"sharded{i}": of_rank[f"sharded{i}"] for i in range(5)}
                found["muon"] = of_rank["muon"]
    found |= estimates()
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **found)


def estimates():
    """Rows of parameters, largest layer, GPUs, and DeepSpeed's bytes on a GPU at stages 2 and 3, nothing offloaded."""
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs as stage3
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs as stage2

    rows = []
    cases = [(7_500_000_000, 50_000_000, 8), (8_030_261_248, 525_336_576, 1), (2_851_000_000, 32_000_000, 1)]
    for P, largest, nodes in cases:
        two = stage2(P, 8, nodes, cpu_offload=False)[1]
        three = stage3(P, largest, 8, nodes, cpu_offload=False, cpu_offload_params=False)[1]
        rows.append((P, largest, 8 * nodes, two, three))
    return {"deepspeed": np.array(rows, np.int64)}


if __name__ == "__main__":
    sys.exit(main())
