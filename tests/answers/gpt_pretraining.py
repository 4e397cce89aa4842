"""Answers to the exercises on GPT pretraining: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "shift_the_labels": [
        """
        def loss(logits, tokens, real):
            losses = []
            for x, row, there in zip(logits, tokens, real):
                for t in range(len(row) - 1):
                    if there[t + 1]:
                        most = x[t].max()
                        losses.append(most + np.log(np.exp(x[t] - most).sum()) - x[t, row[t + 1]])
            return sum(losses) / len(losses)
        """,
        """
        def loss(logits, tokens, real):
            x = np.asarray(logits[:, :-1], float)
            onehot = np.eye(x.shape[-1])[tokens[:, 1:]]
            most = x.max(axis=2)
            total = most + np.log(np.exp(x - most[..., None]).sum(axis=2)) - (x * onehot).sum(axis=2)
            weight = real[:, 1:].astype(float)
            return (total * weight).sum() / weight.sum()
        """,
    ],
    "learn_one_merge": [
        """
        def merge_once(words, new):
            def merge(word, pair):
                out, i = [], 0
                while i < len(word):
                    if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
                        out.append(new)
                        i += 2
                    else:
                        out.append(word[i])
                        i += 1
                return out

            pairs = []
            for word in words:
                for i in range(len(word) - 1):
                    if (word[i], word[i + 1]) not in pairs:
                        pairs.append((word[i], word[i + 1]))
            saved = [sum(len(w) - len(merge(w, pair)) for w in words) for pair in pairs]
            best = pairs[int(np.argmax(saved))]
            return best, [merge(w, best) for w in words]
        """,
        """
        def merge_once(words, new):
            counts = {}
            for word in words:
                i = 0
                while i + 1 < len(word):
                    pair = (word[i], word[i + 1])
                    run = 1
                    while i + run + 1 < len(word) and pair[0] == pair[1] == word[i + run + 1]:
                        run += 1
                    counts[pair] = counts.get(pair, 0) + (run + 1) // 2
                    i += run
            best = None
            for pair in counts:
                if best is None or counts[pair] > counts[best]:
                    best = pair
            out = []
            for word in words:
                word, i = list(word), 0
                while i + 1 < len(word):
                    if (word[i], word[i + 1]) == best:
                        word[i : i + 2] = [new]
                    i += 1
                out.append(word)
            return best, out
        """,
    ],
    "cut_the_tail": [
        """
        def cut(logits, temperature, top_p):
            x = np.asarray(logits) / temperature
            p = np.exp(x - x.max())
            p /= p.sum()
            kept = [i for i in range(len(p)) if p[p > p[i]].sum() < top_p]
            out = np.zeros(len(p))
            out[kept] = p[kept]
            return out / out.sum()
        """,
        """
        def cut(logits, temperature, top_p):
            p = np.exp((logits - logits.max()) / temperature)
            p = p / p.sum()
            order = np.argsort(p)[::-1]
            n = min(int(np.searchsorted(np.cumsum(p[order]), top_p)) + 1, len(p))
            q = np.zeros_like(p)
            q[order[:n]] = p[order[:n]] / p[order[:n]].sum()
            return q
        """,
    ],
    "check_a_gradient": [
        """
        def slopes(f, x):
            h, flat = 3e-6, x.ravel()
            g = []
            for i in range(flat.size):
                e = np.zeros(flat.size)
                e[i] = h
                e = e.reshape(x.shape)
                g.append((f(x + e) - f(x - e)) / (2 * h))
            return np.array(g).reshape(x.shape)
        """,
        """
        def slopes(f, x):
            x = x.astype(float)
            g = np.empty(x.shape)
            for i in np.ndindex(x.shape):
                old = x[i]
                x[i] = old + 1e-4
                a = f(x)
                x[i] = old - 1e-4
                b = f(x)
                x[i] = old + 2e-4
                c = f(x)
                x[i] = old - 2e-4
                d = f(x)
                x[i] = old
                g[i] = (8 * (a - b) - (c - d)) / 12e-4
            return g
        """,
    ],
}

_LOG_P = "x = logits - logits.max(-1, keepdims=True); log_p = x - np.log(np.exp(x).sum(-1, keepdims=True))"

_COUNT = """
                counts = {}
                for word in words:
                    last = None
                    for pair in zip(word, word[1:]):
                        if pair == last and pair[0] == pair[1]:
                            last = None
                            continue
                        last = pair
                        counts[pair] = counts.get(pair, 0) + 1"""

_MERGE = """
                def merge(word, pair):
                    out = []
                    for token in word:
                        if out and (out[-1], token) == pair:
                            out[-1] = new
                        else:
                            out.append(token)
                    return out"""

_P = "x = logits / temperature; e = np.exp(x - x.max()); p = e / e.sum(); order = np.argsort(-p)"


WRONG = {
    "shift_the_labels": {
        "not shifted": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(log_p, tokens[..., None], -1)[..., 0]
                return -right[real].mean()
        """,
        "shifted twice": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(log_p[:, :-2], tokens[:, 2:, None], -1)[..., 0]
                return -right[real[:, 2:]].mean()
        """,
        "shifted the other way": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(log_p[:, 1:], tokens[:, :-1, None], -1)[..., 0]
                return -right[real[:, 1:]].mean()
        """,
        "padding counts": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                return -np.take_along_axis(log_p[:, :-1], tokens[:, 1:, None], -1).mean()
        """,
        "divided by all places": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(log_p[:, :-1], tokens[:, 1:, None], -1)[..., 0]
                return -(right * real[:, 1:]).sum() / right.size
        """,
        "the mask of the place that predicts": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(log_p[:, :-1], tokens[:, 1:, None], -1)[..., 0]
                return -right[real[:, :-1]].mean()
        """,
        "a mean of the rows' means": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(log_p[:, :-1], tokens[:, 1:, None], -1)[..., 0]
                return np.mean([-row[there].mean() for row, there in zip(right, real[:, 1:])])
        """,
        "infinite at large logits": """
            def loss(logits, tokens, real):
                p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
                right = np.take_along_axis(p[:, :-1], tokens[:, 1:, None], -1)[..., 0]
                return -np.log(right[real[:, 1:]]).mean()
        """,
        "made finite by a small number": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(np.exp(log_p[:, :-1]), tokens[:, 1:, None], -1)[..., 0]
                return -np.log(right[real[:, 1:]] + 1e-9).mean()
        """,
        "bits for nats": f"""
            def loss(logits, tokens, real):
                {_LOG_P}
                right = np.take_along_axis(log_p[:, :-1], tokens[:, 1:, None], -1)[..., 0]
                return -right[real[:, 1:]].mean() / np.log(2)
        """,
    },
    "learn_one_merge": {
        "overlapping pairs are counted": f"""
            def merge_once(words, new):{_MERGE}
                counts = {{}}
                for word in words:
                    for pair in zip(word, word[1:]):
                        counts[pair] = counts.get(pair, 0) + 1
                best = max(counts, key=counts.get)
                return best, [merge(word, best) for word in words]
        """,
        "the smallest of equals": f"""
            def merge_once(words, new):{_MERGE}{_COUNT}
                best = min(counts, key=lambda pair: (-counts[pair], pair))
                return best, [merge(word, best) for word in words]
        """,
        "the largest of equals": f"""
            def merge_once(words, new):{_MERGE}{_COUNT}
                best = max(counts, key=lambda pair: (counts[pair], pair))
                return best, [merge(word, best) for word in words]
        """,
        "the last of equals": f"""
            def merge_once(words, new):{_MERGE}{_COUNT}
                best = max(reversed(list(counts)), key=counts.get)
                return best, [merge(word, best) for word in words]
        """,
        "equals in the order of a set": f"""
            def merge_once(words, new):{_MERGE}{_COUNT}
                best = max(set(counts), key=counts.get)
                return best, [merge(word, best) for word in words]
        """,
        "merged from the right": f"""
            def merge_once(words, new):{_MERGE}{_COUNT}
                best = max(counts, key=counts.get)
                back = best[::-1]
                return best, [merge(word[::-1], back)[::-1] for word in words]
        """,
        "merged across the words": f"""
            def merge_once(words, new):{_MERGE}
                whole, counts, last = sum(words, []), {{}}, None
                for pair in zip(whole, whole[1:]):
                    if pair == last and pair[0] == pair[1]:
                        last = None
                        continue
                    last = pair
                    counts[pair] = counts.get(pair, 0) + 1
                best = max(counts, key=counts.get)
                return best, [merge(word, best) for word in words]
        """,
        "a word counts once": f"""
            def merge_once(words, new):{_MERGE}
                counts = {{}}
                for word in words:
                    for pair in dict.fromkeys(zip(word, word[1:])):
                        counts[pair] = counts.get(pair, 0) + 1
                best = max(counts, key=counts.get)
                return best, [merge(word, best) for word in words]
        """,
        "only the first place in a word": f"""
            def merge_once(words, new):{_COUNT}
                best = max(counts, key=counts.get)
                out = []
                for word in words:
                    word = list(word)
                    for i in range(len(word) - 1):
                        if (word[i], word[i + 1]) == best:
                            word[i : i + 2] = [new]
                            break
                    out.append(word)
                return best, out
        """,
        "left and right taken for the same": f"""
            def merge_once(words, new):{_MERGE}
                counts = {{}}
                for word in words:
                    for pair in zip(word, word[1:]):
                        pair = tuple(sorted(pair))
                        counts[pair] = counts.get(pair, 0) + 1
                best = max(counts, key=counts.get)
                return best, [merge(word, best) for word in words]
        """,
        "nothing is merged": f"""
            def merge_once(words, new):{_COUNT}
                return max(counts, key=counts.get), words
        """,
    },
    "cut_the_tail": {
        "without the token that crosses": f"""
            def cut(logits, temperature, top_p):
                {_P}
                kept = order[np.cumsum(p[order]) <= top_p]
                q = np.where(np.isin(np.arange(len(p)), kept), p, 0)
                return q / q.sum() if q.sum() else np.eye(len(p))[order[0]]
        """,
        "one token too many": f"""
            def cut(logits, temperature, top_p):
                {_P}
                n = int((np.cumsum(p[order]) < top_p).sum()) + 2
                q = np.where(np.isin(np.arange(len(p)), order[:n]), p, 0)
                return q / q.sum()
        """,
        "cut before the temperature": """
            def cut(logits, temperature, top_p):
                e = np.exp(logits - logits.max()); p = e / e.sum(); order = np.argsort(-p)
                kept = order[np.cumsum(p[order]) - p[order] < top_p]
                x = np.where(np.isin(np.arange(len(p)), kept), logits / temperature, -np.inf)
                e = np.exp(x - x.max())
                return e / e.sum()
        """,
        "no temperature": """
            def cut(logits, temperature, top_p):
                e = np.exp(logits - logits.max()); p = e / e.sum(); order = np.argsort(-p)
                kept = order[np.cumsum(p[order]) - p[order] < top_p]
                q = np.where(np.isin(np.arange(len(p)), kept), p, 0)
                return q / q.sum()
        """,
        "times the temperature": """
            def cut(logits, temperature, top_p):
                x = logits * temperature; e = np.exp(x - x.max()); p = e / e.sum(); order = np.argsort(-p)
                kept = order[np.cumsum(p[order]) - p[order] < top_p]
                q = np.where(np.isin(np.arange(len(p)), kept), p, 0)
                return q / q.sum()
        """,
        "does not sum to one": f"""
            def cut(logits, temperature, top_p):
                {_P}
                kept = order[np.cumsum(p[order]) - p[order] < top_p]
                return np.where(np.isin(np.arange(len(p)), kept), p, 0)
        """,
        "in the order of the probabilities": f"""
            def cut(logits, temperature, top_p):
                {_P}
                q = np.where(np.cumsum(p[order]) - p[order] < top_p, p[order], 0)
                return q / q.sum()
        """,
        "overflows": """
            def cut(logits, temperature, top_p):
                e = np.exp(logits / temperature); p = e / e.sum(); order = np.argsort(-p)
                kept = order[np.cumsum(p[order]) - p[order] < top_p]
                q = np.where(np.isin(np.arange(len(p)), kept), p, 0)
                return q / q.sum()
        """,
        "tokens above a share of the likeliest": f"""
            def cut(logits, temperature, top_p):
                {_P}
                q = np.where(p >= (1 - top_p) * p.max(), p, 0)
                return q / q.sum()
        """,
    },
    "check_a_gradient": {
        "forward differences": """
            def slopes(f, x):
                g = np.zeros_like(x)
                for i in np.ndindex(x.shape):
                    up = x.copy()
                    up[i] += 1e-5
                    g[i] = (f(up) - f(x)) / 1e-5
                return g
        """,
        "forward differences with the best step": """
            def slopes(f, x):
                g = np.zeros_like(x)
                for i in np.ndindex(x.shape):
                    up = x.copy()
                    up[i] += 1e-8
                    g[i] = (f(up) - f(x)) / 1e-8
                return g
        """,
        "a step that drowns": """
            def slopes(f, x):
                g = np.zeros_like(x)
                for i in np.ndindex(x.shape):
                    up, down = x.copy(), x.copy()
                    up[i] += 1e-12
                    down[i] -= 1e-12
                    g[i] = (f(up) - f(down)) / 2e-12
                return g
        """,
        "a step that bends": """
            def slopes(f, x):
                g = np.zeros_like(x)
                for i in np.ndindex(x.shape):
                    up, down = x.copy(), x.copy()
                    up[i] += 1e-2
                    down[i] -= 1e-2
                    g[i] = (f(up) - f(down)) / 2e-2
                return g
        """,
        "x is left changed": """
            def slopes(f, x):
                g = np.zeros_like(x)
                for i in np.ndindex(x.shape):
                    x[i] += 1e-5
                    up = f(x)
                    x[i] -= 2e-5
                    g[i] = (up - f(x)) / 2e-5
                return g
        """,
        "divided by half the way": """
            def slopes(f, x):
                g = np.zeros_like(x)
                for i in np.ndindex(x.shape):
                    up, down = x.copy(), x.copy()
                    up[i] += 1e-5
                    down[i] -= 1e-5
                    g[i] = (f(up) - f(down)) / 1e-5
                return g
        """,
        "all numbers moved together": """
            def slopes(f, x):
                return np.full(x.shape, (f(x + 1e-5) - f(x - 1e-5)) / 2e-5)
        """,
        "only the first axis": """
            def slopes(f, x):
                g = np.zeros_like(x)
                for i in range(len(x)):
                    up, down = x.copy(), x.copy()
                    up[i] += 1e-5
                    down[i] -= 1e-5
                    g[i] = (f(up) - f(down)) / 2e-5
                return g
        """,
        "a flat answer": """
            def slopes(f, x):
                g = []
                for i in np.ndindex(x.shape):
                    up, down = x.copy(), x.copy()
                    up[i] += 1e-5
                    down[i] -= 1e-5
                    g.append((f(up) - f(down)) / 2e-5)
                return np.array(g)
        """,
    },
}
