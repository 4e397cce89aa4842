"""The page's rankers, by name: each gives every passage a score, and says what each word of the question gave to it."""

from functools import cache

import numpy as np

from topics.rag.method import bm25, idf, lsa, lsa_embed, maxsim, reciprocal_rank_fusion, returned, tfidf
from topics.rag.site import collection, likeness, pooled, site_directions, site_texts, weights_of
from topics.rag.words import stem

MOST = 50  # passages that a ranker returns to be fused
SMALL = 8  # directions of LSA in a small collection
FUSED = "both, fused"
RANKERS = ("BM25", "word by word", FUSED, "LSA", "one vector")


def parts_of(ranker, question, c, plain=False):
    """(J, N): what each word of a question gives to each passage of a collection; one row where words can't be told.

    question  a list of words
    plain     BM25's idf is without its 1
    """
    stems = [stem(word) for word in question]
    if ranker == "BM25":
        return bm25(c.index, stems) * (without_one(c.index, stems) if plain else 1)
    if ranker == "LSA":
        return lsa(c.index, stems, *directions(c.texts))
    if ranker == "one vector":
        return pooled(question, c)[None]
    return maxsim(likeness(question, c), c.flat, c.starts, weights_of(question, c))


def without_one(index, stems):
    """(J, 1): by what factor each term's idf changes if the 1 in its logarithm is left out."""
    N, n = len(index.lengths), np.array([len(index.postings.get(term, [[0]])[0]) for term in stems])
    return (np.log((N - n + 0.5) / (n + 0.5)) / idf(n, N))[:, None]  # (J, 1)


def fused(question, c, most=MOST, faulty=False, plain=False):
    """(2, N): what BM25's list and the word-by-word list give to each passage (eq:rrf).

    most    how many passages each returns
    faulty  passages that a ranker did not return are ranked, too, in the order in which they are stored
    """
    N = len(c.texts)
    lists = [returned(parts_of(ranker, question, c, plain).sum(0), most) for ranker in RANKERS[:2]]
    if faulty:
        lists = [np.concatenate([ranked, np.setdiff1d(np.arange(N), ranked)]) for ranked in lists]
    return np.array([reciprocal_rank_fusion([ranked], N) for ranked in lists])


def ranked(ranker, question, c, plain=False, **how):
    """(N,): a passage's score."""
    parts = fused(question, c, plain=plain, **how) if ranker == FUSED else parts_of(ranker, question, c, plain)
    return parts.sum(0)


def directions(texts):
    """U and S of `lsa` for a collection: those of the site are shipped."""
    return site_directions() if texts == site_texts() else _directions(texts)


@cache
def _directions(texts):
    return lsa_embed(tfidf(collection(texts).index)[0], min(SMALL, len(texts)))
