"""Answers to the exercises on the KV cache: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "weigh_a_cache": [
        """
        def gib_a_user(T, L, H, H_kv, D, b):
            return np.prod([2, T, L, H_kv, D, b]) / 1024**3
        """,
        """
        def gib_a_user(T, L, H, H_kv, D, b):
            keys = T * L * H_kv * D * b
            values = keys
            return (keys + values) / (1 << 30)
        """,
    ],
    "let_it_read_itself": [
        """
        def attend_to_new(q, k, v, K, V):
            K = np.concatenate([K, k[None, :]], axis=0)
            V = np.append(V, [v], axis=0)
            s = np.einsum("td,d->t", K, q) / len(q) ** 0.5
            e = np.exp(s - s.max())
            return np.einsum("t,td->d", e / e.sum(), V), K, V
        """,
        """
        def attend_to_new(q, k, v, K, V):
            t, D = K.shape
            grown_K, grown_V = np.empty((t + 1, D)), np.empty((t + 1, D))
            grown_K[:t], grown_K[t] = K, k
            grown_V[:t], grown_V[t] = V, v
            weights = [np.exp(np.dot(q, row) / np.sqrt(D)) for row in grown_K]
            y = np.zeros(D)
            for w, row in zip(weights, grown_V):
                y += w / sum(weights) * row
            return y, grown_K, grown_V
        """,
    ],
    "share_the_heads": [
        """
        def spread_heads(K, H):
            share = H // K.shape[1]
            return np.stack([K[:, h // share] for h in range(H)], axis=1)
        """,
        """
        def spread_heads(K, H):
            return K[:, np.arange(H) * K.shape[1] // H]
        """,
        """
        def spread_heads(K, H):
            t, H_kv, D = K.shape
            return np.broadcast_to(K[:, :, None], (t, H_kv, H // H_kv, D)).reshape(t, H, D)
        """,
    ],
}

WRONG = {
    "weigh_a_cache": {
        "the one case that the prompt names": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return 1.0
        """,
        "counts query heads": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return 2 * T * L * H * D * b / 2**30
        """,
        "keys without values": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return T * L * H_kv * D * b / 2**30
        """,
        "GB for GiB": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return 2 * T * L * H_kv * D * b / 1e9
        """,
        "always two bytes": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return 4 * T * L * H_kv * D / 2**30
        """,
        "always four queries to a head": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return 2 * T * L * (H // 4) * D * b / 2**30
        """,
        "rounds": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return round(2 * T * L * H_kv * D * b / 2**30, 3)
        """,
        "whole GiB": """
            def gib_a_user(T, L, H, H_kv, D, b):
                return 2 * T * L * H_kv * D * b // 2**30
        """,
    },
    "let_it_read_itself": {
        "reads before it appends": """
            def attend_to_new(q, k, v, K, V):
                y = softmax(K @ q / np.sqrt(len(q))) @ V if len(K) else v
                return y, np.vstack([K, k]), np.vstack([V, v])
        """,
        "overwrites the last row": """
            def attend_to_new(q, k, v, K, V):
                K, V = np.vstack([K[:-1], k]), np.vstack([V[:-1], v])
                return softmax(K @ q / np.sqrt(len(q))) @ V, K, V
        """,
        "new row first": """
            def attend_to_new(q, k, v, K, V):
                K, V = np.vstack([k, K]), np.vstack([v, V])
                return softmax(K @ q / np.sqrt(len(q))) @ V, K, V
        """,
        "right output, old rows lost, length and last row right": """
            def attend_to_new(q, k, v, K, V):
                K, V = np.vstack([K, k]), np.vstack([V, v])
                y = softmax(K @ q / np.sqrt(len(q))) @ V
                return y, np.vstack([0 * K[:-1], k]), np.vstack([0 * V[:-1], v])
        """,
        "right output, old rows turned round": """
            def attend_to_new(q, k, v, K, V):
                y = softmax(np.vstack([K, k]) @ q / np.sqrt(len(q))) @ np.vstack([V, v])
                return y, np.vstack([K[::-1], k]), np.vstack([V[::-1], v])
        """,
        "right output, K grown and V not": """
            def attend_to_new(q, k, v, K, V):
                y = softmax(np.vstack([K, k]) @ q / np.sqrt(len(q))) @ np.vstack([V, v])
                return y, np.vstack([K, k]), np.vstack([V, k])
        """,
        "no root": """
            def attend_to_new(q, k, v, K, V):
                K, V = np.vstack([K, k]), np.vstack([V, v])
                return softmax(K @ q) @ V, K, V
        """,
        "the root of the tokens": """
            def attend_to_new(q, k, v, K, V):
                K, V = np.vstack([K, k]), np.vstack([V, v])
                return softmax(K @ q / np.sqrt(len(K))) @ V, K, V
        """,
        "reads only itself": """
            def attend_to_new(q, k, v, K, V):
                return v, np.vstack([K, k]), np.vstack([V, v])
        """,
        "weights that do not sum to one": """
            def attend_to_new(q, k, v, K, V):
                K, V = np.vstack([K, k]), np.vstack([V, v])
                return np.exp(K @ q / np.sqrt(len(q))) @ V, K, V
        """,
        "keys for values": """
            def attend_to_new(q, k, v, K, V):
                K, V = np.vstack([K, k]), np.vstack([V, v])
                return softmax(K @ q / np.sqrt(len(q))) @ K, K, V
        """,
    },
    "share_the_heads": {
        "repeats the rows of time": """
            def spread_heads(K, H):
                return np.repeat(K, H // K.shape[1], axis=0).reshape(len(K), H, -1)
        """,
        "all read the first head": """
            def spread_heads(K, H):
                return np.repeat(K[:, :1], H, axis=1)
        """,
        "repeats as often as there are cached heads": """
            def spread_heads(K, H):
                return np.repeat(K, K.shape[1], axis=1)[:, :H]
        """,
        "every third query starts anew": """
            def spread_heads(K, H):
                return K[:, [h % K.shape[1] for h in range(H)]]
        """,
        "the last head first": """
            def spread_heads(K, H):
                return np.repeat(K[:, ::-1], H // K.shape[1], axis=1)
        """,
        "two to a head": """
            def spread_heads(K, H):
                return K[:, [min(h // 2, K.shape[1] - 1) for h in range(H)]]
        """,
        "the mean of all": """
            def spread_heads(K, H):
                return np.repeat(K.mean(1, keepdims=True), H, axis=1)
        """,
    },
}
