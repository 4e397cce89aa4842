"""What a reader of the page on retrieval is asked."""

import math

import numpy as np

from topics.kit import exercise, same

WORDS = ["a", "cache", "holds", "keys", "of", "many", "tokens", "and", "values", "too"]

# ---- BM25


def _bm25_scores(passages, question, k1, b):
    N, mean = len(passages), sum(map(len, passages)) / len(passages)
    scores = []
    for words in passages:
        score = 0.0
        for term in question:
            n, f = sum(term in other for other in passages), words.count(term)
            score += math.log(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * len(words) / mean))
        scores.append(score)
    return np.array(scores)


@exercise(
    start="""
        def bm25_scores(passages, question, k1, b):
            # passages: lists of words; question: a list of words
            scores = []
            for words in passages:
                scores.append(float(sum(words.count(term) for term in question)))
            return np.array(scores)
    """,
    solution=_bm25_scores,
    hint="n counts passages, not occurrences. A passage without words has a length, too, and gets 0. Take the "
    "logarithm of 1 + (N − n + ½)/(n + ½).",
)
def score_by_shared_words(answer, rng):
    """Write `bm25_scores(passages, question, k1, b)`: the BM25 score of each passage for a question, as on this page,
    without the factor k₁ + 1. Passages are lists of words, at least one of them not empty; the mean length is over all
    passages. A term that stands twice in the question counts twice; one that no passage has adds nothing."""
    common = [["a", "cache"], ["a", "a", "key", "a"], ["a", "b", "c", "d", "e"], []]
    cases = [(common, ["a"], 1.2, 0.75), (common, ["cache", "a", "cache"], 1.2, 0.75),
             (common, ["key", "nowhere"], 1.5, 0.4), (common, ["a", "b"], 0.9, 0.0),
             (common[:3], ["a", "key"], 2.0, 1.0), ([["x", "x", "y"]], ["x"], 1.2, 0.75)]  # fmt: skip
    for _ in range(3):
        passages = [[WORDS[i] for i in rng.integers(0, len(WORDS), rng.integers(1, 9))] for _ in range(6)]
        question = [WORDS[i] for i in rng.integers(0, len(WORDS), 3)]
        cases.append((passages, [*question, question[0]], float(rng.uniform(0.8, 2)), float(rng.uniform(0.3, 0.9))))
    for passages, question, k1, b in cases:
        N, lengths = len(passages), [len(words) for words in passages]
        expected = np.zeros(N)
        for i, words in enumerate(passages):
            for term in question:
                having = len([1 for other in passages if term in other])
                f = len([1 for word in words if word == term])
                if f:
                    stretched = k1 * (1 - b + b * lengths[i] / (sum(lengths) / N))
                    expected[i] += math.log(1 + (N - having + 0.5) / (having + 0.5)) * f / (f + stretched)
        given = {"passages": str(passages), "question": " ".join(question), "k1": k1, "b": b}
        same(answer([list(p) for p in passages], list(question), k1, b), expected, **given)


# ---- fusion


def _fuse(lists, N, k):
    scores = np.zeros(N)
    for ranked in lists:
        for rank, i in enumerate(ranked, 1):
            scores[i] += 1 / (k + rank)
    return scores


@exercise(
    start="""
        def fuse(lists, N, k):
            # lists of passages' numbers, the best first
            scores = np.zeros(N)
            for ranked in lists:
                for i in range(N):
                    rank = ranked.index(i) if i in ranked else len(ranked)
                    scores[i] += 1 / (k + rank)
            return scores
    """,
    solution=_fuse,
    hint="The first rank is 1. What a list does not have gets nothing from it.",
)
def fuse_what_was_returned(answer, rng):
    """Write `fuse(lists, N, k)`: the reciprocal rank fusion of some lists of passages' numbers, each the best first.
    Return the N scores. The lists may have different lengths, be empty, and lack passages. The start counts from 0
    and ranks what was not returned, as libraries have done."""
    cases = [
        ([[2, 0], [2, 1, 0]], 4, 60),
        ([[0]], 3, 60),
        ([[], [1]], 2, 10),
        ([[3, 1], [0, 2], [1, 3, 2]], 5, 1),
        ([], 3, 60),
    ]
    for _ in range(3):
        N = int(rng.integers(4, 9))
        lists = [rng.permutation(N)[: rng.integers(0, N + 1)].tolist() for _ in range(int(rng.integers(2, 5)))]
        cases.append((lists, N, int(rng.integers(1, 80))))
    for lists, N, k in cases:
        expected = np.zeros(N)
        for i in range(N):
            expected[i] = sum(1 / (k + ranked.index(i) + 1) for ranked in lists if i in ranked)
        same(answer([list(ranked) for ranked in lists], N, k), expected, lists=str(lists), N=N, k=k)


# ---- how well


def _recall_and_mrr(found, right, k):
    recalls, reciprocal = [], []
    for ranked, wanted in zip(found, right, strict=True):
        recalls.append(len(set(ranked[:k]) & wanted) / len(wanted))
        places = [place for place, i in enumerate(ranked, 1) if i in wanted]
        reciprocal.append(1 / places[0] if places else 0.0)
    return sum(recalls) / len(recalls), sum(reciprocal) / len(reciprocal)


@exercise(
    start="""
        def recall_and_mrr(found, right, k):
            # found: for each question a list of passages, the best first; right: for each a set of passages
            hits = [len(set(ranked[:k]) & wanted) / k for ranked, wanted in zip(found, right)]
            first = [1 / (ranked.index(min(wanted)) + 1) for ranked, wanted in zip(found, right)]
            return np.mean(hits), np.mean(first)
    """,
    solution=_recall_and_mrr,
    hint="Recall divides by how many are right, precision by k. A question whose passage was not found counts: with 0.",
)
def judge_a_retriever(answer, rng):
    """Write `recall_and_mrr(found, right, k)`: recall@k, the mean over questions of the share of a question's right
    passages among the first k found; and the mean reciprocal rank, the mean of 1 over the place of the first right
    one, wherever in the list it stands, and 0 if none is there. Return both. A list may be shorter than k, or empty;
    each question has a right passage at least."""
    cases = [([[4, 2, 7], [1, 5, 3]], [{2}, {3, 9}], 2), ([[1], []], [{1}, {2}], 3), ([[5, 6, 7, 8]], [{8, 6, 1}], 2),
             ([[3, 0], [0, 3], [9]], [{0}, {0}, {0}], 1)]  # fmt: skip
    for _ in range(3):
        Q = int(rng.integers(2, 5))
        found = [rng.permutation(10)[: rng.integers(3, 9)].tolist() for _ in range(Q)]
        right = [set(rng.permutation(10)[: rng.integers(1, 4)].tolist()) for _ in range(Q)]
        cases.append((found, right, int(rng.integers(2, 6))))
    for found, right, k in cases:
        recall = mrr = 0.0
        for ranked, wanted in zip(found, right, strict=True):
            recall += sum(i in ranked[:k] for i in wanted) / len(wanted) / len(found)
            best = next((place for place in range(len(ranked)) if ranked[place] in wanted), None)
            mrr += 0 if best is None else 1 / (best + 1) / len(found)
        given = {"found": str(found), "right": str(right), "k": k}
        both = answer([list(ranked) for ranked in found], [set(wanted) for wanted in right], k)
        same(both, np.array([recall, mrr]), "recall@k and MRR", **given)
