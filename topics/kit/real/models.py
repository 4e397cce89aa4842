"""Shapes of real models, as published. Plain data: it knows nothing of what is computed from it."""

from typing import NamedTuple


class Model(NamedTuple):
    """A dense decoder: L layers, width d, H query heads sharing H_kv key/value heads of width D, hidden width F."""

    L: int
    d: int
    H: int
    H_kv: int
    D: int
    F: int
    feeds: int  # matrices of the feed-forward layer: 2, or 3 where one is a gate
    vocabulary: int
    parameters: int  # all of them, embeddings included
    context: int  # the longest text it was made for, in tokens


# Shapes: the models' published configurations, cited in references.bib as radford2019, brown2020, zhang2022opt,
# touvron2023llama2, llama2024herd and qwen2024. Parameter counts follow from the shapes;
# tests/topics/test_kv_cache.py adds them up matrix by matrix.
MODELS = {
    "GPT-2 small": Model(12, 768, 12, 12, 64, 3072, 2, 50_257, 124_439_808, 1024),
    "GPT-3": Model(96, 12_288, 96, 96, 128, 49_152, 2, 50_257, 174_604_259_328, 2048),
    "OPT-13B": Model(40, 5120, 40, 40, 128, 20_480, 2, 50_272, 12_853_473_280, 2048),
    "Llama-2-7B": Model(32, 4096, 32, 32, 128, 11_008, 3, 32_000, 6_738_415_616, 4096),
    "Llama-3.1-8B": Model(32, 4096, 32, 8, 128, 14_336, 3, 128_256, 8_030_261_248, 131_072),
    "Qwen2.5-7B": Model(28, 3584, 28, 4, 128, 18_944, 3, 152_064, 7_615_616_512, 131_072),
    "Llama-3.1-70B": Model(80, 8192, 64, 8, 128, 28_672, 3, 128_256, 70_553_706_496, 131_072),
}
