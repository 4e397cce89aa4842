"""Answers to the exercises on retrieval: right ones, written another way, and wrong ones that look right."""


def _bm25(idf="np.log(1 + (N - n + 0.5) / (n + 0.5))", n="sum(t in p for p in passages)", part="f / (f + k1 * stretch)",
          mean="sum(len(p) for p in passages) / N", terms="question", stretch="1 - b + b * len(words) / mean",
          f="words.count(t)", after="scores"):  # fmt: skip
    return f"""
        def bm25_scores(passages, question, k1, b):
            N = len(passages)
            mean = {mean}
            scores = np.zeros(N)
            for i, words in enumerate(passages):
                stretch = {stretch}
                for t in {terms}:
                    n, f = {n}, {f}
                    scores[i] += {idf} * {part}
            return {after}
        """


def _fuse(rank="ranked.index(i) + 1", lacking="0", head="for ranked in lists:", give="1 / (k + r)", after="scores"):
    return f"""
        def fuse(lists, N, k):
            scores = np.zeros(N)
            {head}
                for i in range(N):
                    if i in ranked:
                        r = {rank}
                        scores[i] += {give}
                    else:
                        scores[i] += {lacking}
            return {after}
        """


def _judge(
    top="ranked[:k]",
    over="len(wanted)",
    missing="0",
    first="places[0]",
    looked="ranked",
    n="len(found)",
    m="len(found)",
):
    return f"""
        def recall_and_mrr(found, right, k):
            recall = mrr = 0
            for ranked, wanted in zip(found, right):
                recall += len(set({top}) & wanted) / {over}
                places = [p + 1 for p, i in enumerate({looked}) if i in wanted]
                mrr += 1 / {first} if places else {missing}
            return recall / ({n}), mrr / ({m})
        """


RIGHT = {
    "score_by_shared_words": [
        _bm25(),
        """
        def bm25_scores(passages, question, k1, b):
            lengths = np.array([len(p) for p in passages], float)
            total = np.zeros(len(passages))
            for term in set(question):
                f = np.array([p.count(term) for p in passages], float)
                n = np.count_nonzero(f)
                weight = np.log((len(passages) + 1) / (n + 0.5))
                total += question.count(term) * weight * f / (f + k1 * (1 - b + b * lengths / lengths.mean()) + 1e-300)
            return total
        """,
    ],
    "fuse_what_was_returned": [
        _fuse(),
        """
        def fuse(lists, N, k):
            scores = np.zeros(N)
            for ranked in lists:
                if ranked:
                    np.add.at(scores, ranked, 1 / (k + 1 + np.arange(len(ranked))))
            return scores
        """,
    ],
    "judge_a_retriever": [
        _judge(),
        """
        def recall_and_mrr(found, right, k):
            recall = np.mean([sum(i in w for i in r[:k]) / len(w) for r, w in zip(found, right)])
            places = [[p + 1 for p, i in enumerate(r) if i in w] for r, w in zip(found, right)]
            mrr = np.mean([1 / min(p) if p else 0 for p in places])
            return recall, mrr
        """,
    ],
}

WRONG = {
    "score_by_shared_words": {
        "no 1 in the logarithm": _bm25(idf="np.log((N - n + 0.5) / (n + 0.5))"),
        "no 1, negative ones set to 0": _bm25(idf="max(0, np.log((N - n + 0.5) / (n + 0.5)))"),
        "the plain inverse frequency": _bm25(idf="np.log(N / max(n, 1))"),
        "occurrences for passages": _bm25(n="sum(p.count(t) for p in passages)"),
        "the factor k1 + 1": _bm25(part="f * (k1 + 1) / (f + k1 * stretch)"),
        "no saturation": _bm25(part="f / stretch"),
        "presence for count": _bm25(f="float(t in words)"),
        "lengths ignored": _bm25(stretch="1"),
        "full correction for length": _bm25(stretch="len(words) / mean"),
        "b on the wrong side": _bm25(stretch="b + (1 - b) * len(words) / mean"),
        "the mean over passages that are not empty": _bm25(mean="np.mean([len(p) for p in passages if p])"),
        "a repeated term once": _bm25(terms="set(question)"),
        "a repeated term twice more": _bm25(terms="question + question"),
        "defaults in place of k1 and b": _bm25(part="f / (f + 1.2 * (0.25 + 0.75 * len(words) / mean))"),
        "the logarithm to the base 10": _bm25(idf="np.log10(1 + (N - n + 0.5) / (n + 0.5))"),
        "the median length": _bm25(mean="np.median([len(p) for p in passages])"),
        "divided by the best": _bm25(after="scores / max(scores.max(), 1e-9)"),
        "a mean over the question": _bm25(after="scores / len(question)"),
    },
    "fuse_what_was_returned": {
        "ranks from 0": _fuse(rank="ranked.index(i)"),
        "what is lacking as the next rank": _fuse(lacking="1 / (k + len(ranked) + 1)"),
        "what is lacking as rank N": _fuse(lacking="1 / (k + N)"),
        "what is lacking in a list ignored by the first only": _fuse(
            lacking="0 if ranked is lists[0] else 1 / (k + N)"
        ),
        "60 for k": _fuse(give="1 / (60 + r)"),
        "no k": _fuse(give="1 / r"),
        "the mean over lists": _fuse(after="scores / max(len(lists), 1)"),
        "the first two lists": _fuse(head="for ranked in lists[:2]:"),
        "the first list": _fuse(head="for ranked in lists[:1]:"),
        "all but the first": _fuse(head="for ranked in lists[1:]:"),
        "the worst first": _fuse(rank="len(ranked) - ranked.index(i)"),
        "the rank itself": _fuse(give="r"),
        "squared": _fuse(give="1 / (k + r) ** 2"),
        "the best list alone": """
        def fuse(lists, N, k):
            scores = np.zeros(N)
            for ranked in lists:
                for rank, i in enumerate(ranked, 1):
                    scores[i] = max(scores[i], 1 / (k + rank))
            return scores
        """,
        "the last list to have it": """
        def fuse(lists, N, k):
            scores = np.zeros(N)
            for ranked in lists:
                for rank, i in enumerate(ranked, 1):
                    scores[i] = 1 / (k + rank)
            return scores
        """,
        "sorted": _fuse(after="np.sort(scores)[::-1]"),
        "the mean over the lists that have it": """
        def fuse(lists, N, k):
            return np.array([np.mean([1 / (k + r.index(i) + 1) for r in lists if i in r] or [0]) for i in range(N)])
        """,
    },
    "judge_a_retriever": {
        "precision": _judge(over="k"),
        "divided by what was returned": _judge(over="max(len(ranked[:k]), 1)"),
        "divided by the smaller of k and the right ones": _judge(over="min(k, len(wanted))"),
        "a hit is a hit": _judge(over="max(len(set(ranked[:k]) & wanted), 1)"),
        "recall over the whole list": _judge(top="ranked"),
        "one more than k": _judge(top="ranked[:k + 1]"),
        "one fewer than k": _judge(top="ranked[:k - 1]"),
        "the reciprocal rank among the first k only": _judge(looked="ranked[:k]"),
        "places from 0": _judge(first="max(places[0] - 1, 1)"),
        "the last right one": _judge(first="places[-1]"),
        "the mean place of the right ones": _judge(first="np.mean(places)"),
        "not found as one after the end": _judge(missing="1 / (len(ranked) + 1)"),
        "questions that were not answered left out": _judge(
            m="max(1, sum(bool(set(r) & w) for r, w in zip(found, right)))"
        ),
        "sums for means": _judge(n="1", m="1"),
        "one over the mean place": """
        def recall_and_mrr(found, right, k):
            recall, places = 0, []
            for r, w in zip(found, right):
                recall += len(set(r[:k]) & w) / len(w) / len(found)
                places += [next((p + 1 for p, i in enumerate(r) if i in w), 1e9)]
            return recall, 1 / np.mean(places)
        """,
        "all right ones pooled": """
        def recall_and_mrr(found, right, k):
            hits = sum(len(set(r[:k]) & w) for r, w in zip(found, right))
            places = [[p + 1 for p, i in enumerate(r) if i in w] for r, w in zip(found, right)]
            mrr = np.mean([1 / min(p) if p else 0 for p in places])
            return hits / sum(map(len, right)), mrr
        """,
    },
}
