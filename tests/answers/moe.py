"""Answers to the exercises on mixtures of experts: right ones, written another way, and wrong ones."""

RIGHT = {
    "route_with_a_bias": [
        """
        def gates(p, b, k):
            order = np.argsort(-(p + b), axis=1)
            rank = np.argsort(order, axis=1)
            kept = np.where(rank < k, p, 0.0)
            return kept / kept.sum(1, keepdims=True)
        """,
        """
        def gates(p, b, k):
            s = p + b
            limit = np.sort(s, 1)[:, -k][:, None]
            mask = s >= limit
            return mask * p / (mask * p).sum(1)[:, None]
        """,
    ],
    "which_comes_first": [
        """
        def weights(logits, k, first):
            z = logits - logits.max()
            p = np.exp(z) / np.exp(z).sum()
            top = np.sort(p)[::-1][:k]
            if first == "softmax":
                return top
            z = np.sort(logits)[::-1][:k]
            z = np.exp(z - z.max())
            return z / z.sum()
        """,
        """
        def weights(logits, k, first):
            top = -np.sort(-logits)[:k]
            over = logits if first == "softmax" else top
            m = over.max()
            return np.exp(top - m) / np.exp(over - m).sum()
        """,
    ],
    "push_toward_balance": [
        """
        def balance(p, chosen):
            T, E = p.shape
            one_hot = (chosen[..., None] == np.arange(E)).sum((0, 1))
            f = one_hot / one_hot.sum()
            g = np.ones((T, 1)) * f * E / T
            return (g * p).sum(), g
        """,
    ],
    "find_room": [
        """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C = -(-factor * k * T // E)
            out = np.zeros((T, k), bool)
            for e in range(E):
                at = [(j, t) for j in range(k) for t in range(T) if chosen[t, j] == e]
                for j, t in at[:int(C)]:
                    out[t, j] = True
            return out
        """,
    ],
    "lose_the_sparsity": [
        """
        def batch_for(E, k, share):
            if k == E:
                return 1
            return max(1, int(np.ceil(np.log(1 - share) / np.log(1 - k / E))))
        """,
    ],
}

WRONG = {
    "route_with_a_bias": {
        "weights of the biased scores": """
        def gates(p, b, k):
            s = p + b
            rank = np.argsort(np.argsort(-s, axis=1), axis=1)
            kept = np.where(rank < k, s, 0.0)
            return kept / kept.sum(1, keepdims=True)
        """,
        "weights that do not sum to one": """
        def gates(p, b, k):
            rank = np.argsort(np.argsort(-(p + b), axis=1), axis=1)
            return np.where(rank < k, p, 0.0)
        """,
        "over the sum of all scores": """
        def gates(p, b, k):
            rank = np.argsort(np.argsort(-(p + b), axis=1), axis=1)
            return np.where(rank < k, p, 0.0) / p.sum(1, keepdims=True)
        """,
        "the choice without the bias": """
        def gates(p, b, k):
            rank = np.argsort(np.argsort(-p, axis=1), axis=1)
            kept = np.where(rank < k, p, 0.0)
            return kept / kept.sum(1, keepdims=True)
        """,
        "a softmax over the chosen": """
        def gates(p, b, k):
            rank = np.argsort(np.argsort(-(p + b), axis=1), axis=1)
            kept = np.where(rank < k, np.exp(p), 0.0)
            return kept / kept.sum(1, keepdims=True)
        """,
        "an even share for each": """
        def gates(p, b, k):
            rank = np.argsort(np.argsort(-(p + b), axis=1), axis=1)
            return np.where(rank < k, 1 / k, 0.0)
        """,
        "one expert only": """
        def gates(p, b, k):
            return np.eye(p.shape[1])[np.argmax(p + b, axis=1)]
        """,
        "the least instead of the greatest": """
        def gates(p, b, k):
            rank = np.argsort(np.argsort(p + b, axis=1), axis=1)
            kept = np.where(rank < k, p, 0.0)
            return kept / kept.sum(1, keepdims=True)
        """,
        "only biased scores above zero": """
        def gates(p, b, k):
            s = np.maximum(p + b, 0)
            limit = np.sort(s, 1)[:, -k][:, None]
            kept = np.where((s >= limit) & (s > 0), p, 0.0)
            return kept / np.maximum(kept.sum(1, keepdims=True), 1e-9)
        """,
    },
    "which_comes_first": {
        "the other way round": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z - z[0])
            return e[:k] / (e.sum() if first == "top" else e[:k].sum())
        """,
        "always renormalised": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z - z[0])
            return e[:k] / e[:k].sum()
        """,
        "never renormalised": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z - z[0])
            return e[:k] / e.sum()
        """,
        "no maximum subtracted": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z)
            return e[:k] / (e.sum() if first == "softmax" else e[:k].sum())
        """,
        "least first": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z - z[0])
            return (e[:k] / (e.sum() if first == "softmax" else e[:k].sum()))[::-1]
        """,
        "the k least": """
        def weights(logits, k, first):
            z = np.sort(logits)
            e = np.exp(z - z[-1])
            return e[:k] / (e.sum() if first == "softmax" else e[:k].sum())
        """,
    },
    "push_toward_balance": {
        "shares from probabilities instead of choices": """
        def balance(p, chosen):
            T, E = p.shape
            P = p.mean(0)
            return E * np.sum(P * P), np.tile(E * P / T, (T, 1))
        """,
        "a gradient through the count, too": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel(), minlength=E) / chosen.size
            return E * np.sum(f * p.mean(0)), np.tile(E * (f + p.mean(0)) / T, (T, 1))
        """,
        "Hugging Face's convention": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel(), minlength=E) / T
            return E * np.sum(f * p.mean(0)), np.tile(E * f / T, (T, 1))
        """,
        "the factor E left out": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel(), minlength=E) / chosen.size
            return np.sum(f * p.mean(0)), np.tile(f / T, (T, 1))
        """,
        "only first choices counted": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen[:, 0], minlength=E) / T
            return E * np.sum(f * p.mean(0)), np.tile(E * f / T, (T, 1))
        """,
        "a gradient without the mean's 1/T": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel(), minlength=E) / chosen.size
            return E * np.sum(f * p.mean(0)), np.tile(E * f, (T, 1))
        """,
        "a gradient only where chosen": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel(), minlength=E) / chosen.size
            mask = np.zeros((T, E))
            np.put_along_axis(mask, chosen, 1.0, 1)
            return E * np.sum(f * p.mean(0)), mask * E * f / T
        """,
    },
    "find_room": {
        "a capacity rounded down": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = int(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "a capacity rounded to the nearest": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = round(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "token by token, second choices too": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = np.ceil(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for t in range(T):
                for j in range(k):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "k left out of the capacity": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = np.ceil(factor * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "one seat too many": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = np.ceil(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] <= C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "each choice's seats counted apart": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, out = np.ceil(factor * k * T / E), np.zeros((T, k), bool)
            for j in range(k):
                taken = np.zeros(E, int)
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "the last come first": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = np.ceil(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in reversed(range(T)):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "all find room": """
        def room(chosen, E, factor):
            return np.ones(chosen.shape, bool)
        """,
    },
    "lose_the_sparsity": {
        "without the 1 −": """
        def batch_for(E, k, share):
            B = 1
            while (1 - k / E) ** B < share and B < 5000:
                B += 1
            return B
        """,
        "as if no two tokens met": """
        def batch_for(E, k, share):
            return max(1, int(np.ceil(share * E / k)))
        """,
        "one expert a token": """
        def batch_for(E, k, share):
            B = 1
            while 1 - (1 - 1 / E) ** B < share:
                B += 1
            return B
        """,
        "one token too many": """
        def batch_for(E, k, share):
            B = 1
            while 1 - (1 - k / E) ** B < share:
                B += 1
            return B + 1
        """,
        "rounded down": """
        def batch_for(E, k, share):
            if k == E:
                return 1
            return max(1, int(np.log(1 - share) / np.log(1 - k / E)))
        """,
        "all experts, not a share": """
        def batch_for(E, k, share):
            B = 1
            while E * (1 - (1 - k / E) ** B) < E - 0.5 and B < 5000:
                B += 1
            return B
        """,
    },
}
