"""Records what the page on retrieval says of rankers, chunks, approximate search and the house model that reads.

    OPENBLAS_NUM_THREADS=1 python -m training.recorded.rag FOLDER    # ten minutes; goes on if stopped

FOLDER is that of training/word_vectors.py, which is run before, as training/site_passages.py is: MiniLM itself is one
of the rankers. The questions are in rag_questions.json: passages were drawn (random.Random(0)), and to each of the
first 125 of 150 that answers a question of its own one was written, before any ranker had been run.
"""

import json
import sys
from datetime import date
from pathlib import Path

import numpy as np

from topics.kit.model import lm
from topics.kit.model.language import ANIMALS, FOODS, WORDS
from topics.rag.everyday import PAIRS, PASSAGES
from topics.rag.house import STORES, facts_in, found, law_after, prompt_of, store
from topics.rag.method import bm25, index_of, rank_of, reciprocal_rank_fusion, returned
from topics.rag.nearest import graph_search, ivf_search
from topics.rag.search import FUSED, MOST, RANKERS, parts_of, ranked
from topics.rag.site import collection, site, site_texts, word_vectors
from topics.rag.words import terms_of, words_of
from training.recorded.kept import ROOT, kept
from training.word_vectors import COMMON, graph, k_means, read_model, vectors, word_pieces

HERE = ROOT / "topics/rag/recorded.py"
QUESTIONS = Path(__file__).with_name("rag_questions.json")
# Lucene's English stop words (EnglishAnalyzer.ENGLISH_STOP_WORDS_SET)
STOP = {
    *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of"),
    *(
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ),
}
SIZES = (16, 32, 64, 128, 256)
BUDGETS = (100, 200, 400, 800)
PROBES = (1, 2, 4, 8, 16, 32, 64, 128)
WIDTHS = (10, 20, 40, 80, 160, 320)
MODELS = ("target", "heads8-1", "heads8-3")
SEEDS = (0, 1, 2)


# ---- rankers


def asked():
    """[(question, number of its passage)]"""
    texts = site_texts(titled=False)
    return [
        (q, [text.startswith(begin) for text in texts].index(True)) for q, begin in json.loads(QUESTIONS.read_text())
    ]


def ranks(score, questions):
    return [rank_of(score(question), right) for question, right in questions]


def overlap(question, c):
    """How many different words of a question a passage has."""
    return (bm25(c.index, list(dict.fromkeys(terms_of(question)))) > 0).sum(0).astype(float)


def plain_bm25(texts, stemmed=True, stop=()):
    index = index_of([[t for t in terms_of(text, stemmed) if t not in stop] for text in texts])
    return lambda question: bm25(index, [t for t in terms_of(question, stemmed) if t not in stop]).sum(0)


class MiniLM:
    """The model itself: one vector of 384 numbers for a text."""

    def __init__(self, folder, texts):
        self.w, self.number = read_model(folder)
        self.X = self.vectors(texts)

    def vectors(self, texts):
        X = vectors(self.w, [word_pieces(self.number, text) for text in texts], 64)
        return X / np.linalg.norm(X, axis=1, keepdims=True)

    def __call__(self, question):
        return (self.X @ self.vectors([question])[0]).astype(float)


def rankings(once, done, name, texts, questions, folder):
    """once's ranks of all rankers on a collection; MiniLM's scores are kept for fusion."""
    c = collection(texts)
    once(f"{name} overlap", lambda: ranks(lambda q: overlap(q, c), questions))
    for ranker in RANKERS:
        once(f"{name} {ranker}", lambda r=ranker: ranks(lambda q: ranked(r, words_of(q), c), questions))
    for what, how in (("fused, lists of 5", {}), ("fused, lists of 5, faulty", {"faulty": True})):
        once(f"{name} {what}", lambda h=how: ranks(lambda q: ranked(FUSED, words_of(q), c, most=5, **h), questions))
    once(f"{name} BM25, without the 1", lambda: ranks(lambda q: ranked("BM25", words_of(q), c, plain=True), questions))
    once(f"{name} BM25, words as they stand", lambda: ranks(plain_bm25(texts, stemmed=False), questions))
    once(f"{name} BM25, no stop words", lambda: ranks(plain_bm25(texts, stop=STOP), questions))
    if f"{name} MiniLM + BM25" in done:
        return
    model = MiniLM(folder, texts)
    by = {q: model(q) for q, _ in questions}
    once(f"{name} MiniLM", lambda: ranks(by.get, questions))

    def both(q):
        lists = [returned(parts_of("BM25", words_of(q), c).sum(0), MOST), returned(by[q], MOST)]
        return reciprocal_rank_fusion(lists, len(texts))

    once(f"{name} MiniLM + BM25", lambda: ranks(both, questions))


# ---- chunks


def sections():
    """[(title and heading, its words, [(number of a passage, where it begins and ends in them)])]"""
    _, titles, passages = site()
    found = {}
    for i, (topic, heading, text) in enumerate(passages):
        words, places = found.setdefault((topic, heading), ([], []))
        places.append((i, len(words), len(words) + len(text.split())))
        words += text.split()
    return [(f"{titles[t]}. {head}.", words, places) for (t, head), (words, places) in found.items()]


def chunks(size, overlapping, titled):
    """(texts, [(section, begin, end)]): windows of so many words, none over the end of a section."""
    texts, places = [], []
    for s, (title, words, _) in enumerate(sections()):
        begin = 0
        while True:
            end = min(begin + size, len(words))
            texts.append((f"{title} " if titled else "") + " ".join(words[begin:end]))
            places.append((s, begin, end))
            if end == len(words):
                break
            begin += size // 2 if overlapping else size
    return texts, places


def covered(scores, places, where, budget):
    """The share of a passage's words that are among the first `budget` words of the best chunks, read in order."""
    (section, first, last), seen = where, set()
    for i in np.argsort(-scores, kind="stable"):
        s, begin, end = places[i]
        end = min(end, begin + budget)
        budget -= end - begin
        if s == section:
            seen.update(range(max(begin, first), min(end, last)))
        if budget <= 0:
            break
    return len(seen) / (last - first)


def chunked(size, overlapping, titled):
    """{ranker: [(mean share read, its standard error) for each budget]}, and how many chunks there are."""
    texts, places = chunks(size, overlapping, titled)
    where = {i: (s, a, b) for s, (_, _, held) in enumerate(sections()) for i, a, b in held}
    full = [text if words_of(text) else f"{text} 0" for text in texts]
    c = collection(tuple(full))
    out = {"chunks": len(texts)}
    for ranker in RANKERS[:2]:
        shares = []
        for question, right in asked():
            scores = parts_of(ranker, words_of(question), c).sum(0)
            shares.append([covered(scores, places, where[right], budget) for budget in BUDGETS])
        shares = np.array(shares)
        error = shares.std(0, ddof=1) / np.sqrt(len(shares))
        out[ranker] = [[round(float(m), 3), round(float(e), 3)] for m, e in zip(shares.mean(0), error, strict=True)]
    collection.cache_clear()
    return out


# ---- near enough


def near(seed):
    """{how: [(recall of the ten nearest, share of the words looked at)]}, 200 drawn words that the index lacks."""
    rng = np.random.default_rng(seed)
    _, X = word_vectors()
    X = X[:COMMON] / np.linalg.norm(X[:COMMON], axis=1, keepdims=True)
    out = rng.permutation(len(X))
    queries, X = X[out[:200]], X[out[200:]]
    truth = np.argsort(-(queries @ X.T), axis=1)[:, :10]
    centres, cell = k_means(X, 128, rng)
    neighbours, start = graph(X), int((X @ X.mean(0)).argmax())

    def tried(search):
        results = [search(q) for q in queries]
        recall = np.mean(
            [len(set(t) & set(r.tolist())) / 10 for t, (r, _) in zip(truth.tolist(), results, strict=True)]
        )
        return [round(float(recall), 3), round(float(np.mean([n for _, n in results])) / len(X), 4)]

    return {
        "lists": [tried(lambda q, p=p: ivf_search(q, X, centres, cell, p, 10)) for p in PROBES],
        "graph": [tried(lambda q, w=w: graph_search(q, X, neighbours, start, w, 10)) for w in WIDTHS],
    }


# ---- the reader


def reads(name, kind, k, stores=5):
    """12 questions to each store: (share right as told, of foods, of foods of the context; probabilities, sorted)."""
    model = lm.load(name) if name == "target" else lm.read(ROOT / f"training/runs/{name}.safetensors")
    right, food, copied, top = [], [], [], []
    for seed in range(stores):
        told = store(seed)
        for animal in ANIMALS:
            passages = found(facts_in(told, animal, "has the fact" if kind == "nothing is read" else kind), animal, k)
            passages = [] if kind == "nothing is read" else passages
            p = law_after(model, prompt_of(passages, animal))
            word = WORDS[int(p.argmax())]
            right.append(word == told[animal])
            food.append(word in FOODS)
            copied.append(any(word in passage.split() for passage in passages))
            top.append(round(float(p.max()), 4))
    means = [round(float(np.mean(each)), 3) for each in (right, food, copied)]
    return [*means, sorted(top)]


def main(folder):
    with kept("rag") as (done, once):
        rankings(once, done, "site", site_texts(), asked(), folder)
        rankings(once, done, "everyday", PASSAGES, [(q, i) for i, (q, _) in enumerate(PAIRS)], folder)
        untitled = site_texts(titled=False)
        once("site BM25, no headings", lambda: ranks(plain_bm25(untitled), asked()))
        for size in SIZES:
            for overlapping in (False, True):
                for titled in (False, True):
                    once(f"chunks {size} {overlapping} {titled}", lambda a=(size, overlapping, titled): chunked(*a))
        for seed in SEEDS:
            once(f"near {seed}", lambda s=seed: near(s))
        for name in MODELS:
            for kind in (*STORES, "nothing is read"):
                for k in (1, 4, 11):
                    once(f"reads {name} {kind} {k}", lambda a=(name, kind, k): reads(*a))
        write(done)


def write(done):
    def line(values):
        return "(" + ", ".join(f"{v:g}" for v in values) + ")"

    ranks_of = {
        where: [
            f'    "{key.removeprefix(where + " ")}": {line(r)},' for key, r in done.items() if key.startswith(where)
        ]
        for where in ("site", "everyday")
    }
    chunk_lines = []
    for size in SIZES:
        for o in (False, True):
            for t in (False, True):
                got = done[f"chunks {size} {o} {t}"]
                each = ", ".join(f'"{r}": {tuple(map(tuple, got[r]))}' for r in RANKERS[:2])
                chunk_lines.append(f"    ({size}, {o}, {t}): {{{each}}},")
    near_lines = [
        f'    "{how}": (' + ", ".join(str(tuple(map(tuple, done[f"near {s}"][how]))) for s in SEEDS) + "),"
        for how in ("lists", "graph")
    ]
    read_lines = []
    for name in MODELS:
        for kind in (*STORES, "nothing is read"):
            for k in (1, 4, 11):
                *means, top = done[f"reads {name} {kind} {k}"]
                read_lines.append(f'    ("{name}", "{kind}", {k}): ({", ".join(map(str, means))}, {tuple(top)}),')
    HERE.write_text(
        f'"""Recorded on {date.today()} by `python -m training.recorded.rag`."""\n\n'
        "# fmt: off\n# ruff: noqa: E501\n\n"
        "# {ranker: the rank of each question's passage}; equal scores share the middle of their places\n"
        "SITE = {\n"
        + "\n".join(ranks_of["site"])
        + "\n}\n\nEVERYDAY = {\n"
        + "\n".join(ranks_of["everyday"])
        + "\n}\n\n"
        f"BUDGETS = {BUDGETS}  # words read\n"
        "# {(words a chunk, half overlapping, headings in front): {ranker: (mean share of the passage read, error)}}\n"
        "CHUNKS = {\n" + "\n".join(chunk_lines) + "\n}\n\n"
        f"PROBES, WIDTHS = {PROBES}, {WIDTHS}\n"
        "# {how: for each of three seeds (recall of the ten nearest, share of the words looked at)}\n"
        "NEAR = {\n" + "\n".join(near_lines) + "\n}\n\n"
        "# {(model, the store, passages read): (right as the store was, foods, foods of the context, each question's\n"
        "# likeliest word's probability, in ascending order)}, 12 questions to each of 5 stores\n"
        "READS = {\n" + "\n".join(read_lines) + "\n}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
