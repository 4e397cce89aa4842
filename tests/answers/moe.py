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
        """
        def gates(p, b, k):
            out = []
            for row in p.tolist():
                free = list(range(len(row)))
                best = []
                for _ in range(k):
                    e = max(free, key=lambda i: row[i] + b[i])
                    free.remove(e)
                    best.append(e)
                total = sum(row[e] for e in best)
                out.append([row[e] / total if e in best else 0 for e in range(len(row))])
            return out
        """,
        """
        def gates(p, b, k):
            p_b = p + b
            out = np.zeros_like(p)
            for _ in range(k):
                e = p_b.argmax(1)
                rows = np.arange(len(p))
                out[rows, e] = p[rows, e]
                p_b[rows, e] = -np.inf
            out /= out.sum(1, keepdims=True)
            return out
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
        """
        def weights(logits, k, first):
            logits.sort()
            z = logits[::-1]
            if first == "top":
                z = z[:k]
            lse = np.logaddexp.reduce(z)
            return np.exp(z - lse)[:k]
        """,
        """
        def weights(logits, k, first):
            i = np.argpartition(-logits, k - 1)[:k]
            i = i[np.argsort(-logits[i])]
            if first == "top":
                e = np.exp(logits[i] - np.max(logits[i]))
                return e / e.sum()
            e = np.exp(logits - np.max(logits))
            return (e / e.sum())[i]
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
        """
        def balance(p, chosen):
            T, E = len(p), len(p[0])
            count = [0] * E
            for row in chosen:
                for e in row:
                    count[e] += 1
            n = sum(count)
            P = [sum(row[e] for row in p) / T for e in range(E)]
            return E * sum(c / n * q for c, q in zip(count, P)), [[E * c / n / T for c in count] for _ in range(T)]
        """,
        """
        def balance(p, chosen):
            T, E = p.shape
            f = np.eye(E)[chosen].sum((0, 1))
            f /= f.sum()
            loss = lambda q: E * (f * q.mean(0)).sum()
            g = np.zeros_like(p)
            for t in range(T):
                for e in range(E):
                    q = np.zeros_like(p)
                    q[t, e] = 1
                    g[t, e] = loss(q)
            return [loss(p), g]
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
        """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C = math.ceil(factor * T * k / E)
            flat = chosen.T.ravel()
            hot = flat[:, None] == np.arange(E)
            place = (hot.cumsum(0) * hot).sum(1)
            return (place <= C).reshape(k, T).T
        """,
        """
        def room(chosen, E, factor):
            T, k = len(chosen), len(chosen[0])
            C = math.ceil(factor * k * T / E)
            left = {e: C for e in range(E)}
            out = [[False] * k for _ in range(T)]
            for j in range(k):
                for t in range(T):
                    e = int(chosen[t][j])
                    if left[e] > 0:
                        out[t][j] = True
                        left[e] -= 1
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
        """
        def batch_for(E, k, share):
            read, B = 0.0, 0
            while read < share * E:
                read += (E - read) * k / E
                B += 1
            return B
        """,
        """
        def batch_for(E, k, share):
            low, high = 0, 1
            f = lambda B: 1 - (1 - k / E) ** B
            while f(high) < share:
                high *= 2
            while high - low > 1:
                mid = (low + high) // 2
                if f(mid) >= share:
                    high = mid
                else:
                    low = mid
            return high
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
        "marks who is taken by -1": """
        def gates(p, b, k):
            s, out = p + b, np.zeros(p.shape)
            for t in range(len(p)):
                for _ in range(k):
                    e = s[t].argmax()
                    out[t, e] = p[t, e]
                    s[t, e] = -1
            return out / out.sum(1, keepdims=True)
        """,
        "marks who is taken by -10": """
        def gates(p, b, k):
            s, out = p + b, np.zeros(p.shape)
            for t in range(len(p)):
                for _ in range(k):
                    e = s[t].argmax()
                    out[t, e] = p[t, e]
                    s[t, e] = -10
            return out / out.sum(1, keepdims=True)
        """,
        "the first token's experts for all": """
        def gates(p, b, k):
            top = np.argsort(-(p[0] + b))[:k]
            out = np.zeros(p.shape)
            out[:, top] = p[:, top]
            return out / out.sum(1, keepdims=True)
        """,
        "the experts that are best in the mean over tokens": """
        def gates(p, b, k):
            top = np.argsort(-(p.mean(0) + b))[:k]
            out = np.zeros(p.shape)
            out[:, top] = p[:, top]
            return out / out.sum(1, keepdims=True)
        """,
        "scores made to sum to one before the choice": """
        def gates(p, b, k):
            q = p / p.sum(1, keepdims=True)
            rank = np.argsort(np.argsort(-(q + b), axis=1), axis=1)
            kept = np.where(rank < k, q, 0.0)
            return kept / kept.sum(1, keepdims=True)
        """,
        "above zero where all are chosen": """
        def gates(p, b, k):
            s = p + b
            order = np.sort(s, 1)[:, ::-1]
            limit = order[:, k][:, None] if k < p.shape[1] else np.zeros((len(p), 1))
            kept = np.where(s > limit, p, 0)
            return kept / np.maximum(kept.sum(1, keepdims=True), 1e-300)
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
        "the mean subtracted": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z - z.mean())
            return e[:k] / (e.sum() if first == "softmax" else e[:k].sum())
        """,
        "the least logit subtracted": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z - z.min())
            return e[:k] / (e.sum() if first == "softmax" else e[:k].sum())
        """,
        "the first logit subtracted": """
        def weights(logits, k, first):
            e = np.sort(np.exp(logits - logits[0]))[::-1]
            return e[:k] / (e.sum() if first == "softmax" else e[:k].sum())
        """,
        "equal logits beyond the k-th counted, too": """
        def weights(logits, k, first):
            z = np.sort(logits)[::-1]
            e = np.exp(z - z[0])
            over = e if first == "softmax" else e[z >= z[k - 1]]
            return e[:k] / over.sum()
        """,
        "equal logits counted once": """
        def weights(logits, k, first):
            z = np.unique(logits)[::-1]
            e = np.exp(z - z[0])
            return e[:k] / (e.sum() if first == "softmax" else e[:k].sum())
        """,
        "the greatest by size": """
        def weights(logits, k, first):
            z = logits[np.argsort(-np.abs(logits))]
            e = np.exp(z - z.max())
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
        "choices made anew from p": """
        def balance(p, chosen):
            T, E = p.shape
            k = chosen.shape[1]
            mine = np.argsort(-p)[:, :k]
            f = np.bincount(mine.ravel(), minlength=E) / mine.size
            return E * np.sum(f * p.mean(0)), np.tile(E * f / T, (T, 1))
        """,
        "experts beyond the last chosen forgotten": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel()) / chosen.size
            f = np.concatenate([f, np.zeros(E - len(f))]) if False else f
            return len(f) * np.sum(f * p.mean(0)), np.tile(len(f) * f / T, (T, 1))
        """,
        "E counts the experts that were chosen": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel(), minlength=E) / chosen.size
            E = len(np.unique(chosen))
            return E * np.sum(f * p.mean(0)), np.tile(E * f / T, (T, 1))
        """,
        "a gradient of one row": """
        def balance(p, chosen):
            T, E = p.shape
            f = np.bincount(chosen.ravel(), minlength=E) / chosen.size
            return E * np.sum(f * p.mean(0)), E * f / T
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
        "no more than two choices": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = math.ceil(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(min(k, 2)):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "third choices before later tokens' second ones": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = math.ceil(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for t in range(T):
                out[t, 0] = taken[chosen[t, 0]] < C
                taken[chosen[t, 0]] += 1
            for t in range(T):
                for j in range(1, k):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "an even share of tokens rounded up before k": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C = math.ceil(factor * T / E) * k
            taken, out = np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "an even share rounded up before the factor": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C = math.ceil(k * T / E) * factor
            taken, out = np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "a factor of one at most": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C = math.ceil(min(1, factor) * k * T / E)
            taken, out = np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "two seats at least": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C = max(2, math.ceil(factor * k * T / E))
            taken, out = np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "half of the tokens at most": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C = min(math.ceil(T / 2), math.ceil(factor * k * T / E))
            taken, out = np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "who lost the first choice loses the second": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = math.ceil(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), bool)
            for j in range(k):
                for t in range(T):
                    if j and not out[t, j - 1]:
                        continue
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
        """,
        "0 and 1 for a mask": """
        def room(chosen, E, factor):
            T, k = chosen.shape
            C, taken, out = math.ceil(factor * k * T / E), np.zeros(E, int), np.zeros((T, k), int)
            for j in range(k):
                for t in range(T):
                    out[t, j] = taken[chosen[t, j]] < C
                    taken[chosen[t, j]] += 1
            return out
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
        "more than the share": """
        def batch_for(E, k, share):
            B = 1
            while 1 - (1 - k / E) ** B <= share:
                B += 1
            return B
        """,
        "more than the share, by logarithms": """
        def batch_for(E, k, share):
            if k == E:
                return 1
            return int(np.log(1 - share) / np.log(1 - k / E)) + 1
        """,
        "200 tokens at most": """
        def batch_for(E, k, share):
            B = 1
            while 1 - (1 - k / E) ** B < share and B < 200:
                B += 1
            return B
        """,
        "experts drawn with repetition": """
        def batch_for(E, k, share):
            B = 1
            while 1 - (1 - 1 / E) ** (B * k) < share:
                B += 1
            return B
        """,
    },
}
