"""Shapes of real models, as published. Plain data: it knows nothing of what is computed from it."""

from typing import NamedTuple


class Layers(NamedTuple):
    """n layers alike: H query heads sharing H_kv key/value heads of width D."""

    n: int
    H: int
    H_kv: int
    D: int
    window: int | None = None  # tokens that one sees, itself included; None: all
    latent: int = 0  # numbers kept of a token instead of 2 · H_kv · D: MLA's d_c + d_R
    rotary: int = 0  # of these, the rotary key's d_R, which is scored but never mixed
    index: int = 0  # numbers kept of a token besides: the key of an indexer that picks which tokens are met
    state: int = 0  # numbers kept of the whole text, however long, instead of anything of a token: linear attention


class Experts(NamedTuple):
    """Layers whose feed-forward part is a mixture: k of E experts for a token, and `shared` ones for all."""

    layers: int
    E: int
    k: int
    shared: int
    F: int  # hidden width of an expert
    each: int  # parameters of one expert


class Model(NamedTuple):
    """A decoder of width d: its layers of attention, and its feed-forward layers of hidden width F."""

    d: int
    layers: tuple[Layers, ...]
    F: int  # of the dense feed-forward layers; 0 where all are mixtures
    feeds: int  # matrices of a feed-forward layer: 2, or 3 where one is a gate
    vocabulary: int
    parameters: int  # all of them, embeddings included, vision parts and heads that guess further tokens not
    context: int  # the longest text it was made for, in tokens
    dated: str  # month in which this version's shapes were published
    tied: bool = False  # whether the input embedding is the output matrix, too
    experts: Experts | None = None

    @property
    def L(self):
        return sum(layers.n for layers in self.layers)

    @property
    def H(self):
        return self._of_all("H")

    @property
    def H_kv(self):
        return self._of_all("H_kv")

    @property
    def D(self):
        return self._of_all("D")

    @property
    def active(self):
        """Parameters that one token passes: all but the embedding, in which it is looked up, and the experts that it
        isn't sent to. So DeepSeek and OpenAI count them.

        >>> round(MODELS["DeepSeek-V3"].active / 1e9), round(MODELS["gpt-oss-120b"].active / 1e9, 2)
        (37, 5.13)
        """
        e = self.experts
        return self.for_all + (e.layers * e.k * e.each if e else 0)

    @property
    def for_all(self):
        """Parameters that every token passes: all but the embedding and the experts that tokens are sent to."""
        e = self.experts
        return self.parameters - self.embedding - (e.layers * e.E * e.each if e else 0)

    @property
    def embedding(self):
        """Parameters that are only looked up, a row a token: none where they are the output matrix, too."""
        return 0 if self.tied else self.vocabulary * self.d

    def _of_all(self, name):
        if not alike(self):
            raise ValueError(f"layers differ: there is no one {name}; count over .layers")
        return getattr(self.layers[0], name)


def alike(model):
    """Whether all layers of a model have the same attention."""
    return len(model.layers) == 1


def plain(model):
    """Whether a model has none but full attention with keys and values: no window, latent, index or state."""
    return all(each[4:] == (None, 0, 0, 0, 0) for each in model.layers)


def _dense(L, d, H, H_kv, D, F, feeds, vocabulary, parameters, context, dated, tied=False):
    """A model whose layers are all alike, without experts."""
    return Model(d, (Layers(L, H, H_kv, D),), F, feeds, vocabulary, parameters, context, dated, tied)


def _mixture(layers, E, k, shared, d, F, bias=0):
    return Experts(layers, E, k, shared, F, 3 * d * F + bias)


# linear attention (gated DeltaNet): 32 value heads of a 128 × 128 matrix each, and the last 3 inputs of a convolution
# over queries, keys and values. vLLM keeps so many; transformers keeps 4.
_DELTA = 32 * 128 * 128 + 3 * (2 * 16 * 128 + 32 * 128)

# Shapes: published configurations, cited in references.bib as radford2019, brown2020, zhang2022opt, touvron2023llama2,
# llama2024herd, qwen2024, jiang2023mistral, gemma2024two, and those of huggingface/transformers and of the releases, as
# transformers2026configs. Parameter counts follow from the shapes; tests/kit/test_models.py adds them up, matrix by
# matrix.
MODELS = {
    "GPT-2 small": _dense(12, 768, 12, 12, 64, 3072, 2, 50_257, 124_439_808, 1024, "2019-02", tied=True),
    "GPT-3": _dense(96, 12_288, 96, 96, 128, 49_152, 2, 50_257, 174_604_259_328, 2048, "2020-05", tied=True),
    "OPT-13B": _dense(40, 5120, 40, 40, 128, 20_480, 2, 50_272, 12_853_473_280, 2048, "2022-05", tied=True),
    "Llama-2-7B": _dense(32, 4096, 32, 32, 128, 11_008, 3, 32_000, 6_738_415_616, 4096, "2023-07"),
    "Llama-3.1-8B": _dense(32, 4096, 32, 8, 128, 14_336, 3, 128_256, 8_030_261_248, 131_072, "2024-07"),
    "Qwen2.5-7B": _dense(28, 3584, 28, 4, 128, 18_944, 3, 152_064, 7_615_616_512, 131_072, "2024-09"),
    "Llama-3.1-70B": _dense(80, 8192, 64, 8, 128, 28_672, 3, 128_256, 70_553_706_496, 131_072, "2024-07"),
    "DeepSeek-V2": Model(
        5120, (Layers(60, 128, 128, 128, latent=512 + 64, rotary=64),), 12_288, 3, 102_400, 235_741_434_880, 131_072,
        "2024-05", experts=_mixture(59, 160, 6, 2, 5120, 1536),
    ),
    "DeepSeek-V3": Model(
        7168, (Layers(61, 128, 128, 128, latent=512 + 64, rotary=64),), 18_432, 3, 129_280, 671_026_404_352, 131_072,
        "2024-12", experts=_mixture(58, 256, 8, 1, 7168, 2048),
    ),
    "Gemma 3 27B": Model(
        5376, (Layers(52, 32, 16, 128, window=1024), Layers(10, 32, 16, 128)), 21_504, 3, 262_208, 27_009_346_304,
        131_072, "2025-03", tied=True,
    ),
    "Llama 4 Maverick": Model(  # chunks, not windows: a token sees from its chunk's first on, half of 8,192 on average
        5120, (Layers(36, 40, 8, 128, window=8192), Layers(12, 40, 8, 128)), 16_384, 3, 202_048, 400_711_848_960,
        1_048_576, "2025-04", experts=_mixture(24, 128, 1, 1, 5120, 8192),
    ),
    "Qwen3-235B-A22B": Model(
        # without YaRN; the release of July, 2507, was made for 262,144
        4096, (Layers(94, 64, 4, 128),), 0, 3, 151_936, 235_093_634_560, 32_768, "2025-04",
        experts=_mixture(94, 128, 8, 0, 4096, 1536),
    ),
    "Kimi K2": Model(
        7168, (Layers(61, 64, 64, 128, latent=512 + 64, rotary=64),), 18_432, 3, 163_840, 1_026_408_209_408,
        131_072, "2025-07", experts=_mixture(60, 384, 8, 1, 7168, 2048),
    ),
    "gpt-oss-20b": Model(
        2880, (Layers(12, 64, 8, 64, window=128), Layers(12, 64, 8, 64)), 0, 3, 201_088, 20_914_757_184,
        131_072, "2025-08", experts=_mixture(24, 32, 4, 0, 2880, 2880, bias=3 * 2880),
    ),
    "gpt-oss-120b": Model(
        2880, (Layers(18, 64, 8, 64, window=128), Layers(18, 64, 8, 64)), 0, 3, 201_088, 116_829_156_672,
        131_072, "2025-08", experts=_mixture(36, 128, 4, 0, 2880, 2880, bias=3 * 2880),
    ),
    "Qwen3-Next-80B-A3B": Model(
        2048, (Layers(12, 16, 2, 256), Layers(36, 32, 16, 128, state=_DELTA)), 0, 3, 151_936, 79_674_391_296,
        262_144, "2025-09", experts=_mixture(48, 512, 10, 1, 2048, 512),
    ),
    "MiniMax-M2": Model(
        3072, (Layers(62, 48, 8, 128),), 0, 3, 200_064, 228_689_748_992, 196_608, "2025-10",
        experts=_mixture(62, 256, 8, 0, 3072, 1536),
    ),
    "GLM-5": Model(
        6144, (Layers(78, 64, 64, 256, latent=512 + 64, rotary=64, index=128),), 12_288, 3, 154_880, 743_911_199_232,
        202_752, "2026-02", experts=_mixture(75, 256, 8, 1, 6144, 2048),
    ),
    "Qwen3.5-35B-A3B": Model(
        2048, (Layers(10, 16, 2, 256), Layers(30, 32, 16, 128, state=_DELTA)), 0, 3, 248_320, 34_660_610_688,
        262_144, "2026-02", experts=_mixture(40, 256, 8, 1, 2048, 512),
    ),
    "Gemma 4 31B": Model(  # in global layers one projection makes keys and values; norms differ, so both are cached
        5376, (Layers(50, 32, 16, 256, window=1024), Layers(10, 32, 4, 512)), 21_504, 3, 262_144, 30_697_345_280,
        262_144, "2026-04", tied=True,
    ),
    "Mistral 7B": Model(  # version 0.1; version 0.2 has no window
        4096, (Layers(32, 32, 8, 128, window=4096),), 14_336, 3, 32_000, 7_241_732_096, 8192, "2023-09",
    ),
    "Gemma 2 27B": Model(
        4608, (Layers(23, 32, 16, 128, window=4096), Layers(23, 32, 16, 128)), 36_864, 3, 256_000, 27_227_128_320,
        8192, "2024-06", tied=True,
    ),
}  # fmt: skip

# models about which the older pages' questions make sense: dense, full attention, layers alike
PLAIN = {name: m for name, m in MODELS.items() if alike(m) and plain(m) and not m.experts}
