"""Answers to the exercises on attention: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "mask_the_padding": [
        """
        def may_see(T, empty):
            i, j = np.indices((T, T))
            return np.where(i < empty, i == j, (empty <= j) & (j <= i))
        """,
        """
        def may_see(T, empty):
            mask = np.eye(T, dtype=bool)
            for i in range(empty, T):
                mask[i, empty : i + 1] = True
            return mask
        """,
        """
        def may_see(T, empty):  # ones and zeros
            real = np.arange(T) >= empty
            return np.maximum(np.tril(np.outer(real, real)), np.eye(T, dtype=int))
        """,
    ],
    "answer_one_query": [
        """
        def attend(q, K, V):
            s = np.einsum("d,td->t", q, K) * q.size**-0.5
            e = np.exp(s - np.max(s))
            return np.einsum("t,tc->c", e, V) / np.sum(e)
        """,
        """
        def attend(q, K, V):
            y, _ = scaled_dot_product_attention(q[None], K, V)
            return y[0]
        """,
        """
        def attend(q, K, V):
            m, total, y = -np.inf, 0.0, np.zeros(V.shape[1])
            for key, value in zip(K, V):
                s = q @ key / np.sqrt(len(q))
                top = max(m, s)
                total = total * np.exp(m - top) + np.exp(s - top)
                y = y * np.exp(m - top) + np.exp(s - top) * value
                m = top
            return y / total
        """,
    ],
    "score_a_copier": [
        """
        def score(w, n):
            T = len(w)
            return sum(w[t, t - n] for t in range(T - n, T - 1)) / (n - 1)
        """,
        """
        def score(w, n):
            return np.diagonal(w, -n)[-n:-1].mean()
        """,
        """
        def score(w, n):
            return induction_score(w, n)
        """,
    ],
}

WRONG = {
    "mask_the_padding": {
        "leaves the empty places nothing to see": """
            def may_see(T, empty):
                return np.tri(T, dtype=bool) & (np.arange(T) >= empty)
        """,
        "hides the empty places' columns, their own too, but lets them see": """
            def may_see(T, empty):
                i, j = np.indices((T, T))
                return (j <= i) & ((j >= empty) | (i < empty))
        """,
        "ignores the padding": """
            def may_see(T, empty):
                return np.tri(T, dtype=bool)
        """,
        "pads at the end": """
            def may_see(T, empty):
                return (np.tri(T, dtype=bool) & (np.arange(T) < T - empty)) | np.eye(T, dtype=bool)
        """,
        "one place too many is empty": """
            def may_see(T, empty):
                return (np.tri(T, dtype=bool) & (np.arange(T) > empty)) | np.eye(T, dtype=bool)
        """,
        "one place too few is empty": """
            def may_see(T, empty):
                return (np.tri(T, dtype=bool) & (np.arange(T) >= empty - 1)) | np.eye(T, dtype=bool)
        """,
        "no token sees itself": """
            def may_see(T, empty):
                keys = np.arange(T)
                return np.tri(T, T, -1, dtype=bool) & (keys >= empty) | np.diag(keys < empty)
        """,
        "is turned over": """
            def may_see(T, empty):
                return ((np.tri(T, dtype=bool) & (np.arange(T) >= empty)) | np.eye(T, dtype=bool)).T
        """,
        "sees later tokens": """
            def may_see(T, empty):
                return np.tile(np.arange(T) >= empty, (T, 1)) | np.eye(T, dtype=bool)
        """,
        "is what is added to scores": """
            def may_see(T, empty):
                seen = (np.tri(T, dtype=bool) & (np.arange(T) >= empty)) | np.eye(T, dtype=bool)
                return np.where(seen, 0.0, -np.inf)
        """,
    },
    "answer_one_query": {
        "subtracts nothing": """
            def attend(q, K, V):
                e = np.exp(K @ q / np.sqrt(len(q)))
                return e / e.sum() @ V
        """,
        "subtracts the mean, not the largest score": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - s.mean())
                return e / e.sum() @ V
        """,
        "subtracts the first score": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - s[0])
                return e / e.sum() @ V
        """,
        "subtracts the last score": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - s[-1])
                return e / e.sum() @ V
        """,
        "subtracts the least score": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - s.min())
                return e / e.sum() @ V
        """,
        "subtracts the middle of the range": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - (s.max() + s.min()) / 2)
                return e / e.sum() @ V
        """,
        "subtracts the score of the greatest size": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - np.abs(s).max())
                return e / e.sum() @ V
        """,
        "cuts scores off: finite, and equal where they were not": """
            def attend(q, K, V):
                e = np.exp(np.clip(K @ q / np.sqrt(len(q)), -600, 600))
                return e / e.sum() @ V
        """,
        "calls what is lost zero": """
            def attend(q, K, V):
                with np.errstate(all="ignore"):
                    e = np.exp(K @ q / np.sqrt(len(q)))
                    return np.nan_to_num(e / e.sum()) @ V
        """,
        "takes the best key alone": """
            def attend(q, K, V):
                return V[np.argmax(K @ q)]
        """,
        "divides by D": """
            def attend(q, K, V):
                s = K @ q / len(q)
                e = np.exp(s - s.max())
                return e / e.sum() @ V
        """,
        "divides by the root of T": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(K))
                e = np.exp(s - s.max())
                return e / e.sum() @ V
        """,
        "has weights that do not sum to one": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                return np.exp(s - s.max()) @ V
        """,
        "mixes keys": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - s.max())
                return e / e.sum() @ K
        """,
        "returns the weights": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - s.max())
                return e / e.sum()
        """,
        "returns one number": """
            def attend(q, K, V):
                s = K @ q / np.sqrt(len(q))
                e = np.exp(s - s.max())
                return (e / e.sum() @ V).sum()
        """,
    },
    "score_a_copier": {
        "looks at its own first copy": """
            def score(w, n):
                T = len(w)
                return np.mean([w[t, t - n - 1] for t in range(T - n, T - 1)])
        """,
        "one place too far on": """
            def score(w, n):
                T = len(w)
                return np.mean([w[t, t - n + 1] for t in range(T - n, T - 1)])
        """,
        "counts the last word": """
            def score(w, n):
                T = len(w)
                return np.mean([w[t, t - n] for t in range(T - n, T)])
        """,
        "leaves out the first word": """
            def score(w, n):
                T = len(w)
                return np.mean([w[t, t - n] for t in range(T - n + 1, T - 1)])
        """,
        "begins with the word between the lines": """
            def score(w, n):
                T = len(w)
                return np.mean([w[t, t - n] for t in range(T - n - 1, T - 1)])
        """,
        "thinks that the text begins with the line": """
            def score(w, n):
                return np.mean([w[n + 1 + i, i + 1] for i in range(n - 1)])
        """,
        "divides by n": """
            def score(w, n):
                T = len(w)
                return sum(w[t, t - n] for t in range(T - n, T - 1)) / n
        """,
        "columns ask": """
            def score(w, n):
                T = len(w)
                return np.mean([w[t - n, t] for t in range(T - n, T - 1)])
        """,
        "takes the best word alone": """
            def score(w, n):
                T = len(w)
                return max(w[t, t - n] for t in range(T - n, T - 1))
        """,
        "gives one number a word": """
            def score(w, n):
                T = len(w)
                return [w[t, t - n] for t in range(T - n, T - 1)]
        """,
    },
}
