"""Shapes of real models, as published. Plain data: it knows nothing of what is computed from it."""

from typing import NamedTuple


class Model(NamedTuple):
    """A dense decoder: L layers, width d, H query heads sharing H_kv key/value heads of width D."""

    L: int
    d: int
    H: int
    H_kv: int
    D: int
    vocabulary: int
    parameters: int  # all of them, embeddings included
    context: int  # the longest text it was made for, in tokens


# Shapes: the models' published configurations, cited in references.bib as zhang2022opt, touvron2023llama2 and
# llama2024herd. Parameter counts follow from the shapes; tests/test_kv_cache.py adds them up matrix by matrix.
MODELS = {
    "OPT-13B": Model(40, 5120, 40, 40, 128, 50_272, 12_853_473_280, 2048),
    "Llama-2-7B": Model(32, 4096, 32, 32, 128, 32_000, 6_738_415_616, 4096),
    "Llama-3.1-8B": Model(32, 4096, 32, 8, 128, 128_256, 8_030_261_248, 131_072),
    "Llama-3.1-70B": Model(80, 8192, 64, 8, 128, 128_256, 70_553_706_496, 131_072),
}
