"""PPO's losses and advantages as verl computes them, for tests/topics/test_ppo.py. By hand, with PyTorch 2.13 and verl
0.9.1, whose core_algos.py is loaded without the packages that train (they are stubs here):

python tests/reference/ppo.py
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch
import torch.distributed  # before the stubs

STUBS = ("ray", "tensordict", "omegaconf", "transformers", "verl.trainer.config", "verl.workers", "verl.utils")


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name != "verl.utils.torch_functional" and any(name == s or name.startswith(s + ".") for s in STUBS):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        module.deprecated = lambda *a, **k: lambda function: function  # a decorator
        return module

    def exec_module(self, module):
        pass


def loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main():
    home = Path(importlib.util.find_spec("verl").submodule_search_locations[0])
    for name in ("verl", "verl.trainer", "verl.trainer.ppo"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(home / name[5:].replace(".", "/"))]
    sys.meta_path.insert(0, Stubs())
    import verl.utils

    verl.utils.torch_functional = loaded("verl.utils.torch_functional", home / "utils/torch_functional.py")
    algos = loaded("verl.trainer.ppo.core_algos", home / "trainer/ppo/core_algos.py")

    torch.manual_seed(0)
    N, T = 4, 6
    mask = (torch.arange(T) < torch.tensor([6, 4, 5, 2])[:, None]).float()
    old = -torch.rand(N, T) * 2
    new = old + torch.randn(N, T)
    A = torch.randn(N, T)
    new[0, 0], A[0, 0] = old[0, 0] + 1.8, -1.0  # what the dual clip is for
    V, reward = torch.rand(N, T), torch.zeros(N, T)
    reward[torch.arange(N), mask.sum(1).long() - 1] = torch.tensor([1.0, 0.0, 1.0, 0.5])  # at the last word
    how = {"cliprange": 0.2, "cliprange_high": 0.28, "loss_agg_mode": "token-mean"}
    clipped = algos.compute_policy_loss(old, new, A, mask, clip_ratio_c=1e9, **how)[0]
    dual = algos.compute_policy_loss(old, new, A, mask, cliprange=0.2, clip_ratio_c=3.0, loss_agg_mode="token-mean")[0]
    whitened, returns = algos.compute_gae_advantage_return(reward, V, mask, 1.0, 0.95)
    out = dict(mask=mask, old=old, new=new, A=A, V=V, reward=reward, clipped=clipped, dual=dual, whitened=whitened,
               returns=returns)  # fmt: skip
    np.savez(Path(__file__).with_suffix(".npz"), **{name: x.numpy() for name, x in out.items()})
    print({name: x for name, x in out.items() if x.numel() == 1})


if __name__ == "__main__":
    main()
