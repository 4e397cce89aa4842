"""Values of transformers' mixtures of experts for tests/topics/test_moe.py. By hand, with PyTorch and transformers:

python tests/reference/moe.py

Its own modules compute: Mixtral's block and balance loss (also with two layers, which it pools before it multiplies),
the routers of DeepSeek-V3 (one group), DeepSeek-V4, gpt-oss and OLMoE.
"""

from pathlib import Path

import numpy as np
import torch
import transformers
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Config, DeepseekV3TopkRouter
from transformers.models.deepseek_v4.modeling_deepseek_v4 import DeepseekV4Config, DeepseekV4TopKRouter
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssConfig, GptOssTopKRouter
from transformers.models.mixtral.modeling_mixtral import (
    MixtralConfig,
    MixtralSparseMoeBlock,
    load_balancing_loss_func,
)
from transformers.models.olmoe.modeling_olmoe import OlmoeConfig, OlmoeTopKRouter

T, D, E, K, F = 12, 6, 8, 3, 5


def filled(module):
    for p in [*module.parameters(), *module.buffers()]:
        p.data.normal_(0, 0.7)
    return module


def main():
    torch.manual_seed(0)
    sizes = {"hidden_size": D, "num_experts_per_tok": K, "num_local_experts": E}
    x = torch.randn(T, D)
    block = filled(MixtralSparseMoeBlock(MixtralConfig(**sizes, intermediate_size=F)))
    routers = {
        "v3": DeepseekV3TopkRouter(DeepseekV3Config(**sizes, n_routed_experts=E, n_group=1, topk_group=1)),
        "v4": DeepseekV4TopKRouter(DeepseekV4Config(hidden_size=D, num_experts_per_tok=K, n_routed_experts=E)),
        "gpt_oss": GptOssTopKRouter(GptOssConfig(**sizes)),
        "olmoe": OlmoeTopKRouter(
            OlmoeConfig(hidden_size=D, num_experts_per_tok=K, num_experts=E, norm_topk_prob=False)
        ),
    }
    values = {
        "x": x,
        "router": block.gate.weight,
        "gate_up": block.experts.gate_up_proj,
        "down": block.experts.down_proj,
    }
    with torch.no_grad():
        y = block(x[None])
        values["mixtral"] = (y[0] if isinstance(y, tuple) else y).reshape(T, D)
        for name, router in routers.items():
            logits, weights, indices = filled(router)(x)
            values |= {f"{name}_logits": logits, f"{name}_chosen": indices}
            values[f"{name}_weights"] = weights / getattr(router, "routed_scaling_factor", 1.0)
            if hasattr(router, "e_score_correction_bias"):
                values[f"{name}_bias"] = router.e_score_correction_bias
        layers = [torch.randn(T, E) * 2 for _ in range(2)]
        mask = torch.ones(2, T // 2)
        mask[1, 3:] = 0
        values |= {
            "logits0": layers[0], "logits1": layers[1], "mask": mask,
            "loss0": load_balancing_loss_func((layers[0],), E, K),
            "loss1": load_balancing_loss_func((layers[1],), E, K),
            "loss_both": load_balancing_loss_func(tuple(layers), E, K),
            "loss_masked": load_balancing_loss_func((layers[0],), E, K, mask),
        }  # fmt: skip
    about = f"torch {torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}"
    arrays = {name: value.detach().numpy() for name, value in values.items()}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), about=about, **arrays)
    print(about)


if __name__ == "__main__":
    main()
