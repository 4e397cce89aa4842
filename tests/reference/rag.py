"""Other libraries' numbers for the page on retrieval: BM25, stems, LSA, and nearest neighbours.

python -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scikit-learn rank-bm25 bm25s nltk faiss-cpu
/tmp/venv/bin/python tests/reference/rag.py   # writes rag.npz beside it
"""

from pathlib import Path

import bm25s
import faiss
import numpy as np
from nltk.stem import PorterStemmer
from rank_bm25 import BM25Okapi
from sklearn.decomposition import TruncatedSVD

WORDS = ("cache", "key", "value", "head", "token", "page", "model", "layer", "gate", "expert", "rank", "loss")
LISTED = """caresses ponies ties caress cats feed agreed plastered bled motoring sing conflated troubled sized hopping
tanned falling hissing fizzed failing filing happy sky queries caches cached caching trained training rates rated passes
passing weights weighed mixes mixing heads heading routed routing sharing layers copies copied"""


def main():
    rng = np.random.default_rng(0)
    passages = [[WORDS[i] for i in rng.zipf(1.5, n) % len(WORDS)] for n in (3, 9, 5, 14, 7, 4, 11)]
    questions = [["key", "rank"], ["head", "head", "loss"], ["cache", "token", "gate"], ["key", "value", "model"]]
    ours = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    ours.index(passages, show_progress=False)
    okapi = BM25Okapi(passages, k1=1.2, b=0.75)
    stemmer = PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
    first = lambda word: stemmer._step1c(stemmer._step1b(stemmer._step1a(word)))  # noqa: E731
    listed = LISTED.split()
    X = rng.random((9, 14)) * (rng.random((9, 14)) < 0.4)
    svd = TruncatedSVD(3, algorithm="arpack", random_state=0).fit(X)
    q = rng.random(14)
    at, asked = svd.transform(X), svd.transform(q[None])[0]
    V = rng.normal(size=(300, 8)).astype(np.float32)
    V /= np.linalg.norm(V, axis=1, keepdims=True)
    quantizer = faiss.IndexFlatIP(8)
    ivf = faiss.IndexIVFFlat(quantizer, 8, 12, faiss.METRIC_INNER_PRODUCT)
    ivf.train(V)
    ivf.add(V)
    centres = quantizer.reconstruct_n(0, 12)
    cell = quantizer.search(V, 1)[1][:, 0]
    found = []
    for probes in (1, 3, 12):
        ivf.nprobe = probes
        found.append(ivf.search(V[:20], 5)[1])
    np.savez_compressed(
        Path(__file__).with_suffix(".npz"),
        passages=np.array([" ".join(p) for p in passages]), questions=np.array([" ".join(q) for q in questions]),
        lucene=np.array([ours.get_scores(q) for q in questions]),
        okapi=np.array([okapi.get_scores(q) for q in questions]),
        listed=np.array(listed), stems=np.array([first(word) for word in listed]),
        X=X, q=q, cosines=at @ asked / np.linalg.norm(at, axis=1) / np.linalg.norm(asked), lengths=svd.singular_values_,
        V=V, centres=centres, cell=cell, found=np.array(found),
    )  # fmt: skip


if __name__ == "__main__":
    main()
