"""Names, shapes and counts of all parameters that transformers builds of the kit's configs, on PyTorch's meta device.

python tests/reference/model_sheet.py     (transformers 5.24.0, PyTorch 2.13.0; writes model_sheet.json)
"""

import json
import re
import sys
from pathlib import Path

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForCausalLM, T5ForConditionalGeneration

sys.path.insert(0, str(Path(__file__).parents[2]))
from topics.kit.real.sheets.configs import CONFIGS
from topics.kit.real.sheets.reader import READERS

BUILT_AS = {"kimi_k2": "deepseek_v3"}  # Moonshot's code is DeepSeek's
OUT = Path(__file__).with_suffix(".json")
# defaults alone, of every model_type that is read; what their config class leaves open is given
ALONE = {
    kind: {"model_type": kind} for kind in READERS if kind not in ("nemotron_h", "deepseek_v2")
} | {"deepseek_v2": {"model_type": "deepseek_v2", "num_experts_per_tok": 6}}  # fmt: skip
ALONE["glm4_moe"] = {"model_type": "glm4_moe", "head_dim": 128}
# small ones for what the released configs do not have
SMALL = {
    "a llama with biases": {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 8,
                            "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 100,
                            "attention_bias": True, "mlp_bias": True, "head_dim": 16, "tie_word_embeddings": True},
    "a qwen3_moe with dense layers": {"model_type": "qwen3_moe", "hidden_size": 64, "num_hidden_layers": 7,
                                      "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 96,
                                      "vocab_size": 100, "num_experts": 4, "num_experts_per_tok": 2, "head_dim": 32,
                                      "moe_intermediate_size": 24, "decoder_sparse_step": 2, "mlp_only_layers": [3]},
    "an untied gpt2": {"model_type": "gpt2", "n_embd": 60, "n_layer": 2, "n_head": 6, "n_inner": 100, "vocab_size": 50,
                       "n_positions": 32, "tie_word_embeddings": False},
    "a mamba with biases": {"model_type": "mamba", "hidden_size": 48, "num_hidden_layers": 2, "vocab_size": 60,
                            "use_bias": True, "use_conv_bias": False, "tie_word_embeddings": False},
    "an unequal t5": {"model_type": "t5", "d_model": 48, "num_layers": 2, "num_decoder_layers": 5, "num_heads": 4,
                      "d_kv": 8, "d_ff": 80, "vocab_size": 70},
    "a llama4 of two kinds": {"model_type": "llama4_text", "hidden_size": 64, "num_hidden_layers": 6,
                              "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24, "vocab_size": 90,
                              "intermediate_size": 32, "intermediate_size_mlp": 48, "num_local_experts": 4,
                              "interleave_moe_layer_step": 3},
}  # fmt: skip


def built(config):
    """{name with * for numbers: {shape: how many}} of what a config builds, and of its buffers that are kept."""
    config = dict(config)
    kind = config.pop("model_type")
    settings = CONFIG_MAPPING[BUILT_AS.get(kind, kind)](**config)
    make = {"bert": AutoModel.from_config, "roberta": AutoModel.from_config, "t5": T5ForConditionalGeneration}
    with torch.device("meta"):
        model = make.get(kind, AutoModelForCausalLM.from_config)(settings)
    return counted(model.named_parameters()), model.num_parameters()


def counted(arrays):
    counts = {}
    for name, array in arrays:
        of_name = counts.setdefault(re.sub(r"(?<=\.)\d+(?=\.)", "*", name), {})
        shape = ",".join(map(str, array.shape))
        of_name[shape] = of_name.get(shape, 0) + 1
    return counts


if __name__ == "__main__":
    out = {"versions": [transformers.__version__, torch.__version__], "configs": {}}
    released = {n: c for n, c in CONFIGS.items() if n != "Flan-T5 base"}  # 5.24 ties all of T5; its file does not
    for name, config in {**released, **{f"{k} alone": c for k, c in ALONE.items()}, **SMALL}.items():
        arrays, total = built(config)
        out["configs"][name] = {"config": config, "total": total, "arrays": arrays}
        print(f"{name}: {total:,}", flush=True)
    lines = [f'"{name}": {json.dumps(each)}' for name, each in out["configs"].items()]
    body = ",\n".join(lines)
    OUT.write_text(f'{{"versions": {json.dumps(out["versions"])}, "configs": {{\n{body}\n}}}}\n')
