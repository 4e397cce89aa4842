"""Answers to the exercises on FlashAttention: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "put_halves_together": [
        """
        def merge(y_a, lse_a, y_b, lse_b):
            m = np.maximum(lse_a, lse_b)
            a, b = np.exp(lse_a - m), np.exp(lse_b - m)
            y = (a[:, None] * y_a + b[:, None] * y_b) / (a + b)[:, None]
            return y, m + np.log(a + b)
        """,
        """
        def merge(y_a, lse_a, y_b, lse_b):
            ys, lses = [], []
            for a, l, b, k in zip(y_a, lse_a, y_b, lse_b):
                both = max(l, k) + np.log1p(np.exp(-abs(l - k)))
                ys.append(np.exp(l - both) * a + np.exp(k - both) * b)
                lses.append(both)
            return np.array(ys), np.array(lses)
        """,
        """
        def merge(y_a, lse_a, y_b, lse_b):
            w = softmax(np.stack([lse_a, lse_b]), axis=0)
            return np.einsum("hq,hqc->qc", w, np.stack([y_a, y_b])), np.logaddexp(lse_a, lse_b)
        """,
    ],
    "skip_what_is_hidden": [
        """
        def tiles(T, B_r, B_c):
            count = 0
            for i in range(0, T, B_r):
                last = min(i + B_r, T) - 1
                for j in range(0, T, B_c):
                    count += j <= last
            return count
        """,
        """
        def tiles(T, B_r, B_c):
            last = np.minimum(np.arange(B_r, T + B_r, B_r), T) - 1
            return int((last // B_c + 1).sum())
        """,
        """
        def tiles(T, B_r, B_c):
            i, j = np.tril_indices(T)
            return len(set(zip((i // B_r).tolist(), (j // B_c).tolist())))
        """,
    ],
    "turn_the_loops_around": [
        """
        def traffic_keys_first(T, D, B_c):
            moved = 0
            for j in range(0, T, B_c):
                moved += 2 * D * min(B_c, T - j)
                moved += T * (2 * D + 2) + T * (D + 2)
            return moved
        """,
        """
        def traffic_keys_first(T, D, B_c):
            passes = int(np.ceil(T / B_c))
            return 2 * np.prod([T, D]) + passes * T * (3 * D + 4)
        """,
    ],
}

WRONG = {
    "put_halves_together": {
        "exponentiates without a shift": """
            def merge(y_a, lse_a, y_b, lse_b):
                a, b = np.exp(lse_a), np.exp(lse_b)
                w = a / (a + b)
                return w[:, None] * y_a + (1 - w)[:, None] * y_b, np.log(a + b)
        """,
        "measures from the first half": """
            def merge(y_a, lse_a, y_b, lse_b):
                r = np.exp(lse_b - lse_a)
                return (y_a + r[:, None] * y_b) / (1 + r)[:, None], lse_a + np.log1p(r)
        """,
        "measures from the second half": """
            def merge(y_a, lse_a, y_b, lse_b):
                r = np.exp(lse_a - lse_b)
                return (r[:, None] * y_a + y_b) / (1 + r)[:, None], lse_b + np.log1p(r)
        """,
        "measures from the mean of the two": """
            def merge(y_a, lse_a, y_b, lse_b):
                m = (lse_a + lse_b) / 2
                a, b = np.exp(lse_a - m), np.exp(lse_b - m)
                return (a[:, None] * y_a + b[:, None] * y_b) / (a + b)[:, None], m + np.log(a + b)
        """,
        "measures from the lesser": """
            def merge(y_a, lse_a, y_b, lse_b):
                m = np.minimum(lse_a, lse_b)
                a, b = np.exp(lse_a - m), np.exp(lse_b - m)
                return (a[:, None] * y_a + b[:, None] * y_b) / (a + b)[:, None], m + np.log(a + b)
        """,
        "measures all queries from the greatest of all": """
            def merge(y_a, lse_a, y_b, lse_b):
                m = max(lse_a.max(), lse_b.max())
                a, b = np.exp(lse_a - m), np.exp(lse_b - m)
                return (a[:, None] * y_a + b[:, None] * y_b) / (a + b)[:, None], m + np.log(a + b)
        """,
        "cuts logsumexp off": """
            def merge(y_a, lse_a, y_b, lse_b):
                a, b = np.exp(np.clip(lse_a, -600, 600)), np.exp(np.clip(lse_b, -600, 600))
                return (a[:, None] * y_a + b[:, None] * y_b) / (a + b)[:, None], np.log(a + b)
        """,
        "takes the half that has more": """
            def merge(y_a, lse_a, y_b, lse_b):
                return np.where((lse_a > lse_b)[:, None], y_a, y_b), np.logaddexp(lse_a, lse_b)
        """,
        "keeps the larger logsumexp": """
            def merge(y_a, lse_a, y_b, lse_b):
                w = np.exp(lse_a - np.logaddexp(lse_a, lse_b))
                return w[:, None] * y_a + (1 - w)[:, None] * y_b, np.maximum(lse_a, lse_b)
        """,
        "adds logsumexp up": """
            def merge(y_a, lse_a, y_b, lse_b):
                w = np.exp(lse_a - np.logaddexp(lse_a, lse_b))
                return w[:, None] * y_a + (1 - w)[:, None] * y_b, lse_a + lse_b
        """,
        "takes the mean of the outputs": """
            def merge(y_a, lse_a, y_b, lse_b):
                return (y_a + y_b) / 2, np.logaddexp(lse_a, lse_b)
        """,
        "weighs by logsumexp itself": """
            def merge(y_a, lse_a, y_b, lse_b):
                w = lse_a / (lse_a + lse_b)
                return w[:, None] * y_a + (1 - w)[:, None] * y_b, np.logaddexp(lse_a, lse_b)
        """,
        "swaps the weights": """
            def merge(y_a, lse_a, y_b, lse_b):
                w = np.exp(lse_b - np.logaddexp(lse_a, lse_b))
                return w[:, None] * y_a + (1 - w)[:, None] * y_b, np.logaddexp(lse_a, lse_b)
        """,
        "returns the output only": """
            def merge(y_a, lse_a, y_b, lse_b):
                w = np.exp(lse_a - np.logaddexp(lse_a, lse_b))
                return w[:, None] * y_a + (1 - w)[:, None] * y_b
        """,
        "gives logsumexp a column": """
            def merge(y_a, lse_a, y_b, lse_b):
                lse = np.logaddexp(lse_a, lse_b)[:, None]
                return np.exp(lse_a[:, None] - lse) * y_a + np.exp(lse_b[:, None] - lse) * y_b, lse
        """,
    },
    "skip_what_is_hidden": {
        "counts all tiles": """
            def tiles(T, B_r, B_c):
                return -(-T // B_r) * -(-T // B_c)
        """,
        "takes tiles for squares": """
            def tiles(T, B_r, B_c):
                n = -(-T // B_r)
                return n * (n + 1) // 2
        """,
        "lets the last tile of queries reach beyond the text": """
            def tiles(T, B_r, B_c):
                return sum(-(-(i + B_r) // B_c) for i in range(0, T, B_r))
        """,
        "forgets the tile at the edge": """
            def tiles(T, B_r, B_c):
                return sum(min(T, i + B_r) // B_c for i in range(0, T, B_r))
        """,
        "forgets the queries that fill no tile": """
            def tiles(T, B_r, B_c):
                return sum(-(-(i + B_r) // B_c) for i in range(0, T - B_r + 1, B_r))
        """,
        "asks the first query of each tile": """
            def tiles(T, B_r, B_c):
                return sum(i // B_c + 1 for i in range(0, T, B_r))
        """,
        "one query too far": """
            def tiles(T, B_r, B_c):
                return sum(min(T, i + B_r) // B_c + 1 for i in range(0, T, B_r))
        """,
        "counts tiles of which nothing is hidden": """
            def tiles(T, B_r, B_c):
                return sum((i + 1) // B_c for i in range(0, T, B_r))
        """,
        "halves the square": """
            def tiles(T, B_r, B_c):
                n = -(-T // B_r) * -(-T // B_c)
                return (n + 1) // 2
        """,
        "swaps queries and keys": """
            def tiles(T, B_r, B_c):
                return sum(-(-min(T, i + B_c) // B_r) for i in range(0, T, B_c))
        """,
        "knows the first case": """
            def tiles(T, B_r, B_c):
                return 10
        """,
    },
    "turn_the_loops_around": {
        "floors the number of passes": """
            def traffic_keys_first(T, D, B_c):
                return 2 * T * D + T // B_c * (3 * T * D + 4 * T)
        """,
        "forgets m and ell": """
            def traffic_keys_first(T, D, B_c):
                return 2 * T * D + -(-T // B_c) * 3 * T * D
        """,
        "forgets what is written back": """
            def traffic_keys_first(T, D, B_c):
                return 2 * T * D + -(-T // B_c) * (2 * T * D + 2 * T)
        """,
        "forgets that the output comes in": """
            def traffic_keys_first(T, D, B_c):
                return 2 * T * D + -(-T // B_c) * (2 * T * D + 4 * T)
        """,
        "moves one of m and ell": """
            def traffic_keys_first(T, D, B_c):
                return 2 * T * D + -(-T // B_c) * (3 * T * D + 2 * T)
        """,
        "reads the queries once": """
            def traffic_keys_first(T, D, B_c):
                return 3 * T * D + -(-T // B_c) * (2 * T * D + 4 * T)
        """,
        "forgets the values": """
            def traffic_keys_first(T, D, B_c):
                return T * D + -(-T // B_c) * (3 * T * D + 4 * T)
        """,
        "reads full tiles of keys beyond the end": """
            def traffic_keys_first(T, D, B_c):
                n = -(-T // B_c)
                return 2 * n * B_c * D + n * (3 * T * D + 4 * T)
        """,
        "passes without rounding up": """
            def traffic_keys_first(T, D, B_c):
                return 2 * T * D + T / B_c * (3 * T * D + 4 * T)
        """,
        "takes D for 1": """
            def traffic_keys_first(T, D, B_c):
                return 2 * T + -(-T // B_c) * 7 * T
        """,
    },
}
