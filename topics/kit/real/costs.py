"""What a model costs in memory and time, as several pages count it. Knows no page.

T tokens   L layers   H query heads   H_kv key/value heads of width D   B users   b bytes a cached number
E experts in a layer, k of them for a token
A FLOP is one addition or one multiplication, so a multiply-add is two.
"""

import math


def cache_bytes(T, L, H_kv, D, b=2):
    """Bytes for the keys and values of one sequence of T tokens (eq:bytes).

    >>> cache_bytes(T=1, L=32, H_kv=8, D=128, b=2)   # Llama-3.1-8B, one token: 128 KiB
    131072
    """
    return 2 * T * L * H_kv * D * b  # the 2 is K and V


def held(heads, n):
    """Heads that n GPUs hold together when they split them: whole ones, so each at least one.

    >>> held(8, 4), held(8, 16), held(1, 8)
    (8, 16, 8)
    """
    return n * -(-heads // n)


def kept(layers, T):
    """Numbers that one layer of a group of Layers keeps of a text of T tokens."""
    if layers.state:  # the whole text in one matrix
        return layers.state
    tokens = T if layers.window is None else min(T, layers.window)
    return tokens * ((layers.latent or 2 * layers.H_kv * layers.D) + layers.index)


def text_bytes(model, T, b=2, n=1):
    """Bytes that a model of the kit keeps of one text of T tokens, whatever its layers: its cache, on n GPUs together
    that split heads. Of latents and indexers' keys each keeps all. States take 16 bits, whatever b is.

    >>> from topics.kit.real.models import MODELS
    >>> text_bytes(MODELS["Llama-3.1-8B"], 1)
    131072
    >>> text_bytes(MODELS["gpt-oss-120b"], 1128) - text_bytes(MODELS["gpt-oss-120b"], 128)   # half of its layers grow
    36864000
    >>> text_bytes(MODELS["Llama-3.1-8B"], 1, n=8), text_bytes(MODELS["Llama-3.1-8B"], 1, n=16)
    (131072, 262144)
    """
    return sum(layers.n * kept(layers, T) * _copies(layers, n) * (STATE if layers.state else b)
               for layers in model.layers)  # fmt: skip


# bytes of a number of a state: BF16, as vLLM keeps those of Qwen3-Next by default. Matrices of Qwen3.5's it keeps in
# FP32, as SGLang and transformers do for both (vllm2026states).
STATE = 2


def _copies(layers, n):
    """How many times n GPUs that split heads keep what a layer keeps. A group of heads has a state of its own."""
    return n if layers.latent else held(layers.H_kv, n) // layers.H_kv


def pairs_flops(model, T):
    """FLOP of scoring and mixing, in all layers, for one new token that meets T.

    Latents are scored and mixed as they stand (absorbed), by H heads; linear attention decays its matrix, reads it,
    writes to it and reads it again: 7 FLOP a number.

    >>> from topics.kit.real.models import MODELS
    >>> pairs_flops(MODELS["Llama-3.1-8B"], 1) == 4 * 32 * 32 * 128
    True
    """
    return sum(layers.n * _pairs(layers, T) for layers in model.layers)


def _pairs(layers, T):
    """pairs_flops of one layer of a group."""
    if layers.index:
        raise ValueError("an indexer picks which tokens are met: that is not counted here")
    if layers.state:
        return 7 * layers.state
    tokens = T if layers.window is None else min(T, layers.window)
    if layers.latent:
        return 2 * layers.H * (2 * layers.latent - layers.rotary) * tokens
    return 4 * layers.H * layers.D * tokens


def prompt_flops(model, T):
    """FLOP of scoring and mixing, in all layers, for a prompt of T tokens, of which token t meets t.

    Where latents are kept, a prompt's keys and values are made of them first, as wide as the heads: that takes less.

    >>> from topics.kit.real.models import MODELS
    >>> m = MODELS["gpt-oss-20b"]
    >>> prompt_flops(m, 300) == sum(pairs_flops(m, t) for t in range(1, 301))
    True
    """
    return sum(layers.n * _prompt(layers, T) for layers in model.layers)


def _prompt(layers, T):
    """prompt_flops of one layer of a group. A query of width D is scored with D + d_R numbers, and mixes D."""
    if layers.index:  # GLM-5's queries would also be narrower: 192 + 64 numbers, for values of 256
        raise ValueError("an indexer picks which tokens are met: that is not counted here")
    if layers.state:
        return 7 * layers.state * T
    W = T if layers.window is None else min(T, layers.window)
    pairs = W * (W + 1) // 2 + (T - W) * W
    return 2 * layers.H * (2 * layers.D + layers.rotary) * pairs


def experts_touched(E, k, B):
    """Different experts of a layer that B tokens are sent to, if each draws k of E by chance: the mean.

    Real routers prefer some experts, and neighbours resemble each other: real batches touch fewer.

    >>> experts_touched(8, 2, 1), experts_touched(8, 2, 2)
    (2.0, 3.5)
    """
    return E * (1 - (1 - k / E) ** B)


def parameters_read(model, B):
    """Parameters that a step of B tokens reads: all but the looked-up embedding; of a mixture the experts touched.

    >>> from topics.kit.real.models import MODELS
    >>> parameters_read(MODELS["Llama-3.1-8B"], 32) == 8_030_261_248 - 128_256 * 4096
    True
    """
    e = model.experts
    return model.for_all + (e.layers * experts_touched(e.E, e.k, B) * e.each if e else 0)


# bits a parameter, scales included
WEIGHTS = {
    "BF16": 16,
    "FP8": 8 + 32 / 128**2,  # deepseek2024v3: blocks of 128 × 128 share an FP32 scale
    "NVFP4": 4 + 8 / 16,  # nvidia2026nvfp4: 16 weights share an FP8 scale; the one FP32 a matrix is nothing
    "MXFP4": 4 + 8 / 32,  # openai2025gptoss: 4.25 bits, as 32 weights share an 8-bit power of two
}
# whether of a mixture only the experts are narrow, as gpt-oss was released (openai2025gptoss), or all matrices but the
# router's, as DeepSeek-V3 (deepseek2024v3) and Qwen3's FP8 releases. Embedding, output and norms stay at 16 bits.
EXPERTS_ONLY = {"BF16": False, "FP8": False, "NVFP4": True, "MXFP4": True}


def _stored(parameters, narrow, kind):
    """Bytes of parameters of which some are narrow, the others 16 bits wide."""
    return 2 * (parameters - narrow) + narrow * WEIGHTS[kind] / 8


def _bytes_for_all(model, kind):
    """Bytes of the parameters that every token passes."""
    e, narrow = model.experts, model.for_all - model.vocabulary * model.d
    if e:
        narrow = 0 if EXPERTS_ONLY[kind] else narrow - e.layers * e.E * model.d
    return _stored(model.for_all, narrow, kind)


def _bytes_of_experts(model, kind, experts):
    """Bytes of so many experts a layer. Their biases, where they have any, stay at 16 bits."""
    e = model.experts
    return e.layers * experts * _stored(e.each, model.feeds * model.d * e.F, kind)


def weights_bytes(model, kind="BF16"):
    """Bytes of all weights of a model.

    >>> from topics.kit.real.models import MODELS
    >>> round(weights_bytes(MODELS["gpt-oss-120b"], "MXFP4") / 2**30, 1)   # GiB, as its model card has it
    60.8
    """
    return 2 * model.embedding + weights_read(model, math.inf, kind)


def weights_read(model, B, kind="BF16"):
    """Bytes of weights that a step of B tokens reads."""
    return sum(read for _, read in matrices_works(model, B, kind))


def matrices_works(model, B, kind="BF16"):
    """FLOP and bytes of one step of B tokens in a model's matrices: a list of one work, of a mixture two. First those
    that all tokens pass, then the experts: they run one after the other, so each has a bound of its own."""
    works, e = [(2 * B * model.for_all, _bytes_for_all(model, kind))], model.experts
    if e:
        touched = experts_touched(e.E, e.k, B)
        works.append((2 * B * e.layers * e.k * e.each, _bytes_of_experts(model, kind, touched)))
    return works


def pairs_work(model, T, B, b=2, n=1):
    """FLOP and bytes of one step of B users' scoring and mixing on n GPUs, each one new token that meets T.

    Caches are read, the state of linear attention is written back as well.
    """
    states = sum(STATE * layers.n * layers.state * _copies(layers, n) for layers in model.layers)
    return B * pairs_flops(model, T), B * (text_bytes(model, T, b, n) + states)


def users_that_fit(memory, weights, per_user):
    """Whole caches that fit beside the weights, all in bytes; zero when even the weights do not.

    >>> users_that_fit(memory=80, weights=16, per_user=20)
    3
    """
    return max(0, int((memory - weights) // per_user))


def roofline_time(work, gpu):
    """Seconds at best of one work: the slower of computing and moving, as in Williams et al. 2009.

    work  (FLOP, bytes moved)   gpu  a GPU of topics.kit.real.hardware
    """
    flops, moved = work
    return max(flops / gpu.flops, moved / gpu.bandwidth)


def time_of(works, gpu):
    """Seconds at best of works that run one after the other (eq:time)."""
    return sum(roofline_time(work, gpu) for work in works)


def step_time(model, gpu, T, B, kind="BF16", b=2):
    """Seconds at best of one decode step: matrices, then attention, as the second waits for the first. Several GPUs
    split heads.

    Arithmetic is counted at the BF16 rate, whatever the weights are stored in.

    >>> from topics.kit.real.hardware import GPUS
    >>> from topics.kit.real.models import MODELS
    >>> round(1000 * step_time(MODELS["Llama-3.1-8B"], GPUS["H100"], T=1, B=1), 1)   # 15.01 GB at 3,350 GB/s, in ms
    4.5
    """
    return time_of((*matrices_works(model, B, kind), pairs_work(model, T, B, b, gpu.n)), gpu)
