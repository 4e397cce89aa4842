"""Answers to the exercises on multi-query attention: right ones, written another way, and wrong ones that look
right."""

RIGHT = {
    "decode_one_token": [
        """
        def step(q, k, v, K, V):
            K = np.concatenate([K, k[None]])
            V = np.append(V, v[None], axis=0)
            s = np.einsum("hd,td->ht", q, K) / K.shape[1] ** 0.5
            e = np.exp(s - s.max(axis=1, keepdims=True))
            return np.einsum("ht,td->hd", e / e.sum(axis=1, keepdims=True), V), K, V
        """,
        """
        def step(q, k, v, K, V):
            K = np.array(list(K) + [k])
            V = np.array(list(V) + [v])
            y = []
            for row in q:
                w = softmax(np.array([row @ key for key in K]) / np.sqrt(len(row)))
                y.append(sum(a * b for a, b in zip(w, V)))
            return y, K, V
        """,
    ],
    "spend_what_is_saved": [
        """
        def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
            saved = np.prod([attentions, 2, d, D, H - H_kv])
            return F + saved // np.prod([feeds, n_F, d])
        """,
        """
        def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
            before = attentions * 2 * d * D * H + feeds * n_F * d * F
            left = before - attentions * 2 * d * D * H_kv
            return int(left / (feeds * n_F * d) + 1e-9)
        """,
        """
        def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
            saved = attentions * 2 * d * D * (H - H_kv)
            while saved >= feeds * n_F * d:
                saved -= feeds * n_F * d
                F += 1
            return F
        """,
    ],
}

_APPEND = "K, V = np.vstack([K, k]), np.vstack([V, v])"

WRONG = {
    "decode_one_token": {
        "the root of the heads": f"""
            def step(q, k, v, K, V):
                {_APPEND}
                return softmax(q @ K.T / np.sqrt(len(q))) @ V, K, V
        """,
        "weights over the heads": f"""
            def step(q, k, v, K, V):
                {_APPEND}
                return softmax(q @ K.T / np.sqrt(len(k)), 0) @ V, K, V
        """,
        "reads before it appends": """
            def step(q, k, v, K, V):
                y = softmax(q @ K.T / np.sqrt(len(k))) @ V if len(K) else np.tile(v, (len(q), 1))
                return y, np.vstack([K, k]), np.vstack([V, v])
        """,
        "mixes keys": f"""
            def step(q, k, v, K, V):
                {_APPEND}
                return softmax(q @ K.T / np.sqrt(len(k))) @ K, K, V
        """,
        "one query for all heads": f"""
            def step(q, k, v, K, V):
                {_APPEND}
                return softmax(q[:1] @ K.T / np.sqrt(len(k))).repeat(len(q), 0) @ V, K, V
        """,
        "the mean of the heads": f"""
            def step(q, k, v, K, V):
                {_APPEND}
                y = softmax(q.mean(0, keepdims=True) @ K.T / np.sqrt(len(k))) @ V
                return np.repeat(y, len(q), 0), K, V
        """,
        "a row for each head": """
            def step(q, k, v, K, V):
                y = softmax(q @ np.vstack([K, k]).T / np.sqrt(len(k))) @ np.vstack([V, v])
                return y, np.vstack([K, np.tile(k, (len(q), 1))]), np.vstack([V, np.tile(v, (len(q), 1))])
        """,
        "the new row first": """
            def step(q, k, v, K, V):
                K, V = np.vstack([k, K]), np.vstack([v, V])
                return softmax(q @ K.T / np.sqrt(len(k))) @ V, K, V
        """,
        "no root": f"""
            def step(q, k, v, K, V):
                {_APPEND}
                return softmax(q @ K.T) @ V, K, V
        """,
    },
    "spend_what_is_saved": {
        "the one case that the prompt names": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return 5440
        """,
        "rounds to the nearest": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + round(attentions * 2 * D * (H - H_kv) / (feeds * n_F))
        """,
        "rounds up": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F - (-attentions * 2 * D * (H - H_kv) // (feeds * n_F))
        """,
        "does not round": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + attentions * 2 * D * (H - H_kv) / (feeds * n_F)
        """,
        "rounds down layer by layer": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + attentions * (2 * D * (H - H_kv) // (feeds * n_F))
        """,
        "divides by the old width": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + attentions * 2 * d * D * (H - H_kv) // (feeds * n_F * F)
        """,
        "as many attention layers as others": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + 2 * D * (H - H_kv) // n_F
        """,
        "always one key/value head": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + attentions * 2 * D * (H - 1) // (feeds * n_F)
        """,
        "always two matrices": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + attentions * 2 * D * (H - H_kv) // (feeds * 2)
        """,
        "queries and outputs saved, too": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + attentions * 4 * D * (H - H_kv) // (feeds * n_F)
        """,
        "keys only": """
            def widened(d, D, H, H_kv, F, n_F, attentions, feeds):
                return F + attentions * D * (H - H_kv) // (feeds * n_F)
        """,
    },
}
