"""Tensor and sequence parallelism of a SwiGLU layer by torch.distributed (PyTorch 2.13, gloo, four processes), its
collectives counted by PyTorch, and the orders of its pipeline schedules, for tests of tensor and pipeline parallelism.

Run once, by hand: `python tests/reference/tensor_pipeline_parallelism.py`; the tests read the .npz beside it.
Names of jobs are PyTorch's: stage, F, B, I or W, micro-batch. Its table of 1F1B counts the last rank's forward passes
from 1 (3F1 … 3F8 for eight micro-batches), which is not what its 1F1B runs: that row is stored as it stands.
"""

import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.pipelining._schedule_visualizer import get_schedule_ops
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

N, T, D, F = 4, 8, 6, 12
FILE = Path(__file__).with_suffix(".npz")


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.up = nn.Linear(D, F, bias=False), nn.Linear(D, F, bias=False)
        self.down = nn.Linear(F, D, bias=False)

    def forward(self, x):
        return self.down(nn.functional.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.feed = nn.RMSNorm(D, eps=1e-5), FeedForward()

    def forward(self, x):
        return x + self.feed(self.norm(x))


def whole(t):
    return (t.full_tensor() if hasattr(t, "full_tensor") else t).detach().numpy().copy()


def work(rank, out):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29533", "RANK": str(rank), "WORLD_SIZE": str(N)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    mesh = init_device_mesh("cpu", (N,))
    found = {}
    for sequence in (False, True):
        torch.manual_seed(0)
        block = Block().double()
        with torch.no_grad():
            block.norm.weight.copy_(torch.randn(D, dtype=torch.float64))
        x, slope = torch.randn(T, D, dtype=torch.float64), torch.randn(T, D, dtype=torch.float64)
        for name, w in block.named_parameters():
            found[name] = w.detach().numpy().copy()
        plan = {"feed.gate": ColwiseParallel(), "feed.up": ColwiseParallel(), "feed.down": RowwiseParallel()}
        if sequence:
            plan |= {
                "norm": SequenceParallel(sequence_dim=0),
                "feed": PrepareModuleInput(input_layouts=(Shard(0),), desired_input_layouts=(Replicate(),)),
                "feed.down": RowwiseParallel(output_layouts=Shard(0), use_local_output=False),
            }
        block = parallelize_module(block, mesh, plan)
        mine = distribute_tensor(x, mesh, [Shard(0)]) if sequence else x.clone()
        mine = mine.detach().requires_grad_()
        forward, backward = CommDebugMode(), CommDebugMode()
        with forward:
            y = block(mine)
        with backward:
            target = distribute_tensor(slope, mesh, [Shard(0)]) if sequence else slope
            (y * target).sum().backward()
        kind = "sequence" if sequence else "tensor"
        found |= {"x": x.numpy(), "slope": slope.numpy(), f"{kind}_y": whole(y), f"{kind}_x_grad": whole(mine.grad)}
        for name, w in block.named_parameters():
            found[f"{kind}_{name}_grad"] = whole(w.grad)
        for when, counted in (("forward", forward), ("backward", backward)):
            told = {str(op).split(".")[-1]: n for op, n in counted.get_comm_counts().items()}
            found[f"{kind}_{when}"] = np.array([f"{op} {n}" for op, n in sorted(told.items())])
        if sequence:
            own = block.norm.weight.grad
            found["norm_placement"] = np.array(str(own.placements))
            parts = [torch.zeros(D, dtype=torch.float64) for _ in range(N)]
            dist.all_gather(parts, own.to_local().contiguous())
            found["norm_parts"] = torch.stack(parts).numpy()
    if rank == 0:
        for name, stages in (("GPipe", None), ("1F1B", None), ("Interleaved1F1B", 2), ("Interleaved1F1B", 4)):
            more = {} if stages is None else {"num_stages_per_rank": stages}
            for p, m in ((2, 4), (4, 8), (4, 4)):
                ops = get_schedule_ops(name, p, m, **more)
                rows = [" ".join(str(op) for op in row if op and "REDUCE" not in str(op)) for row in ops]
                found[f"{name}_{stages or 1}_{p}_{m}"] = np.array(rows)
        np.savez_compressed(out, **found)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(work, (FILE,), N)
