"""Retrieval: find the passages that answer a question, by the words that they share, by what the words mean, by both.

N passages   n of them have a term   f how often a passage has it   u how much longer than the mean
J words of a question   V distinct words   d numbers of a vector   k passages returned   r a rank, from 1 on
"""

from typing import NamedTuple

import numpy as np

from topics.kit.numerics import softmax


class Index(NamedTuple):
    """Where each term stands: {term: (passages (n,), how often there (n,))}, and the passages' lengths (N,)."""

    postings: dict
    lengths: np.ndarray


def index_of(passages):
    """The index of N passages, each a list of terms."""
    postings = {}
    for i, terms in enumerate(passages):
        for term in terms:
            places, counts = postings.setdefault(term, ([], []))
            if places and places[-1] == i:
                counts[-1] += 1
            else:
                places.append(i)
                counts.append(1)
    postings = {term: (np.array(i), np.array(f, float)) for term, (i, f) in postings.items()}
    return Index(postings, np.array([len(terms) for terms in passages], float))


# ---- by shared words


def idf(n, N):
    """How much a term tells that n of N passages have (eq:idf): never below zero.

    >>> float(np.round(idf(1, 3), 3)), float(np.round(idf(3, 3), 3))
    (0.981, 0.134)
    """
    return np.log(1 + (N - n + 0.5) / (n + 0.5))


def bm25(index, question, k1=1.2, b=0.75):
    """What each of J terms of a question gives to each of N passages (eq:bm25): their sum down a column is the score.
    A term that stands twice in the question counts twice.

    question  a list of terms
    returns   (J, N)
    """
    N = len(index.lengths)
    stretched = 1 - b + b * index.lengths / index.lengths.mean()  # (N,)
    parts = np.zeros((len(question), N))
    for j, term in enumerate(question):
        if term in index.postings:
            i, f = index.postings[term]
            parts[j, i] = idf(len(i), N) * f / (f + k1 * stretched[i])
    return parts


# ---- by what goes together


def tfidf(index):
    """The terms' counts, damped and weighted (eq:tfidf).

    returns  (N, V), and the V terms
    """
    N, terms = len(index.lengths), list(index.postings)
    X = np.zeros((N, len(terms)))
    for column, term in enumerate(terms):
        i, f = index.postings[term]
        X[i, column] = (1 + np.log(f)) * idf(len(i), N)
    return X, terms


def lsa_embed(X, k):
    """Latent semantic analysis: the k directions in which N passages differ most (deerwester1990).

    X        (N, V)
    returns  (N, k) with orthonormal columns, (k,) their lengths: row i times these is passage i
    """
    U, S, _ = np.linalg.svd(X, full_matrices=False)
    return U[:, :k], S[:k]


def lsa(index, question, U, S):
    """What each term gives to each passage's cosine in the k directions, up to one factor for all (eq:lsa).

    A question's place there is S⁻¹UᵀXq, so neither X nor its other side is needed: the shared words' products, Xq,
    are passed through the passages' directions.

    question  a list of terms
    U         (N, k)
    S         (k,)
    returns   (J, N)
    """
    N = len(index.lengths)
    length = np.maximum(np.linalg.norm(U * S, axis=1), 1e-12)  # (N,)
    shared = np.zeros((len(question), N))
    for j, term in enumerate(question):
        if term in index.postings:
            i, f = index.postings[term]
            shared[j, i] = (1 + np.log(f)) * idf(len(i), N) ** 2
    return shared @ U @ U.T / length  # (J, N)


# ---- by meaning


def cosine_top_k(q, X, k):
    """The k rows of X nearest to q in direction, the nearest first, and their cosines. A row of zeros has cosine 0.

    q  (d,)   X  (V, d)
    """
    lengths = np.linalg.norm(X, axis=1) * np.linalg.norm(q)  # (V,)
    cosines = X @ q / np.where(lengths > 0, lengths, 1)  # (V,)
    best = np.argsort(-cosines, kind="stable")[:k]
    return best, cosines[best]


def maxsim(S, words, starts, weights):
    """Late interaction: each word of a question takes its best match in each passage (eq:maxsim).

    S        (J, V)  likeness of each of J words of the question to each of V distinct words
    words    (M,)    the passages' words, as columns of S, one passage after the other
    starts   (N,)    where each passage begins in them: none is empty
    weights  (J,)    how much each word of the question counts
    returns  (J, N)
    """
    best = np.maximum.reduceat(S[:, words], starts, axis=1)  # (J, N)
    return weights[:, None] * np.maximum(best, 0)  # (J, N)


# ---- both


def returned(scores, most):
    """Passages with a score above zero, the best first, at most so many; of equal ones the earlier.

    scores  (N,)

    >>> returned(np.array([0.0, 2.0, 1.0, 2.0]), 10).tolist()
    [1, 3, 2]
    """
    order = np.argsort(-scores, kind="stable")[:most]
    return order[scores[order] > 0]


def reciprocal_rank_fusion(lists, N, k=60):
    """Each list gives 1 / (k + rank) to what it returned, and nothing to what it did not (eq:rrf).

    lists    of passages' numbers, the best first
    returns  (N,)

    >>> reciprocal_rank_fusion([[2, 0], [2]], 3).round(4).tolist()
    [0.0161, 0.0, 0.0328]
    """
    scores = np.zeros(N)
    for ranked in lists:
        scores[np.asarray(ranked, int)] += 1 / (k + np.arange(1, len(ranked) + 1))
    return scores


# ---- how well


def rank_of(scores, right):
    """The rank, from 1 on, of a passage; those with as high a score share the middle of their places.

    >>> rank_of(np.array([0.0, 3.0, 0.0]), 0)
    2.5
    """
    above, equal = (scores > scores[right]).sum(), (scores == scores[right]).sum()
    return float(above + (equal + 1) / 2)


def recall_at(ranks, k):
    """The share of questions whose passage is among the first k; its rank is infinity where it was not returned."""
    return float((np.asarray(ranks) <= k).mean())


def mean_reciprocal_rank(ranks):
    """The mean of 1 / rank, over all questions that were asked.

    >>> mean_reciprocal_rank([1, 2, np.inf, 4])
    0.4375
    """
    return float((1 / np.asarray(ranks, float)).mean())


# ---- reading what was found


def rag_token_marginal(p_words, scores):
    """The next word's law when each passage is read apart (eq:marginal): a mixture, weighted by how likely each is.

    p_words  (k, V)  what the model says after each of k passages
    scores   (k,)    the retriever's, of which the softmax is taken
    returns  (V,)
    """
    return softmax(scores) @ p_words  # (V,)
