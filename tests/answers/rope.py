"""Answers to the exercises on rotary position embedding: right ones, written another way, and wrong ones that look
right."""

RIGHT = {
    "score_without_turning_twice": [
        """
        def score(q, k, distance, theta):
            return apply_rope(q, distance * theta) @ k
        """,
        """
        def score(q, k, distance, theta):
            n = len(theta)
            total = 0.0
            for p in range(n):
                z = (q[p] + 1j * q[p + n]) * (k[p] - 1j * k[p + n])
                total += (z * np.exp(1j * distance * theta[p])).real
            return total
        """,
        """
        def score(q, k, distance, theta):
            r = np.hypot(*np.split(q, 2)) * np.hypot(*np.split(k, 2))
            a, b = np.split(q, 2)
            c, d = np.split(k, 2)
            return np.einsum("p,p->", r, np.cos(np.arctan2(b, a) - np.arctan2(d, c) + distance * theta))
        """,
    ],
    "convert_the_weights": [
        """
        def to_half_split(W, D):
            H = len(W) // D
            heads = W.reshape(H, D // 2, 2, -1)
            return np.concatenate([heads[:, :, 0], heads[:, :, 1]], axis=1).reshape(W.shape)
        """,
        """
        def to_half_split(W, D):
            rows = []
            for start in range(0, len(W), D):
                head = W[start : start + D]
                rows += [*head[0::2], *head[1::2]]
            return np.array(rows)
        """,
        """
        def to_half_split(W, D):
            return W.reshape(-1, D // 2, 2, W.shape[1]).swapaxes(1, 2).reshape(W.shape)
        """,
    ],
    "drop_the_beginning": [
        """
        def drop_first(K, n, theta):
            a, b = np.split(K[n:], 2, axis=1)
            z = (a + 1j * b) * np.exp(-1j * n * theta)
            return np.concatenate([z.real, z.imag], axis=1)
        """,
        """
        def drop_first(K, n, theta):
            out = K[n:].copy()
            half = len(theta)
            for row in out:
                for p, t in enumerate(theta):
                    a, b = row[p], row[p + half]
                    row[p] = a * np.cos(n * t) + b * np.sin(n * t)
                    row[p + half] = b * np.cos(n * t) - a * np.sin(n * t)
            return out
        """,
        """
        def drop_first(K, n, theta):
            for _ in range(n):
                K = apply_rope(K[1:], -theta)
            return K
        """,
    ],
}

WRONG = {
    "score_without_turning_twice": {
        "no turn at all": """
            def score(q, k, distance, theta):
                return float(q @ k)
        """,
        "pairs neighbours": """
            def score(q, k, distance, theta):
                return apply_rope(q, distance * theta, interleaved=True) @ apply_rope(k, 0 * theta, interleaved=True)
        """,
        "forgets which of the two comes first": """
            def score(q, k, distance, theta):
                return apply_rope(q, abs(distance) * theta) @ k
        """,
        "turns the key instead of the query": """
            def score(q, k, distance, theta):
                return q @ apply_rope(k, distance * theta)
        """,
        "turns both": """
            def score(q, k, distance, theta):
                return apply_rope(q, distance * theta) @ apply_rope(k, distance * theta)
        """,
        "the sign of what crosses": """
            def score(q, k, distance, theta):
                a, b = np.split(q, 2)
                c, d = np.split(k, 2)
                cos, sin = np.cos(distance * theta), np.sin(distance * theta)
                return np.sum((a * c + b * d) * cos - (a * d - b * c) * sin)
        """,
        "one speed for all pairs": """
            def score(q, k, distance, theta):
                return apply_rope(q, distance * np.full_like(theta, theta[0])) @ k
        """,
        "a score for each pair": """
            def score(q, k, distance, theta):
                return (apply_rope(q, distance * theta) * k).reshape(2, -1).sum(0)
        """,
        "divided, as attention will do later": """
            def score(q, k, distance, theta):
                return apply_rope(q, distance * theta) @ k / np.sqrt(len(q))
        """,
    },
    "convert_the_weights": {
        "leaves all where it was": """
            def to_half_split(W, D):
                return W
        """,
        "the way back": """
            def to_half_split(W, D):
                order = np.argsort(half_split_order(D))
                return W.reshape(-1, D, W.shape[1])[:, order].reshape(W.shape)
        """,
        "right for one head": """
            def to_half_split(W, D):
                return W[half_split_order(len(W))]
        """,
        "the second numbers first": """
            def to_half_split(W, D):
                heads = W.reshape(-1, D, W.shape[1])
                return np.concatenate([heads[:, 1::2], heads[:, 0::2]], axis=1).reshape(W.shape)
        """,
        "only the first head": """
            def to_half_split(W, D):
                out = W.copy()
                out[:D] = W[half_split_order(D)]
                return out
        """,
        "every head becomes the first": """
            def to_half_split(W, D):
                return np.tile(W[half_split_order(D)], (len(W) // D, 1))
        """,
        "leaves the heads apart": """
            def to_half_split(W, D):
                return W.reshape(-1, D, W.shape[1])[:, half_split_order(D)]
        """,
        "the halves swapped": """
            def to_half_split(W, D):
                return np.roll(W.reshape(-1, D, W.shape[1]), D // 2, axis=1).reshape(W.shape)
        """,
    },
    "drop_the_beginning": {
        "turns forwards": """
            def drop_first(K, n, theta):
                return apply_rope(K[n:], n * theta)
        """,
        "turns back by one step, whatever n": """
            def drop_first(K, n, theta):
                return apply_rope(K[n:], -theta)
        """,
        "turns by the place in the cache": """
            def drop_first(K, n, theta):
                return apply_rope(K[n:], -np.arange(n, len(K))[:, None] * theta)
        """,
        "drops the end": """
            def drop_first(K, n, theta):
                return apply_rope(K[: len(K) - n], -n * theta)
        """,
        "drops nothing": """
            def drop_first(K, n, theta):
                return apply_rope(K, -n * theta)
        """,
        "pairs neighbours": """
            def drop_first(K, n, theta):
                return apply_rope(K[n:], -n * theta, interleaved=True)
        """,
        "one speed for all pairs": """
            def drop_first(K, n, theta):
                return apply_rope(K[n:], -n * np.full_like(theta, theta.max()))
        """,
        "keeps one too few": """
            def drop_first(K, n, theta):
                return apply_rope(K[n + 1 :], -n * theta)
        """,
    },
}
