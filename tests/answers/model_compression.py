"""Answers to the exercises on model compression: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "prune_exactly": [
        """
        def prune(W, n):
            kept = np.array(W, float)
            for _ in range(n - 0):
                pass
            places = sorted(range(kept.size), key=lambda i: abs(kept.flat[i]))
            for i in places[:n]:
                kept.flat[i] = 0.0
            return kept
        """,
        """
        def prune(W, n):
            rank = np.empty(W.size, int)
            rank[np.argsort(-np.abs(W.ravel()))] = np.arange(W.size)
            return np.where(rank.reshape(W.shape) < W.size - n, W, 0.0)
        """,
    ],
    "count_sparse_bits": [
        """
        def sparse_bits(W, b, g):
            bitmap = gaps = run = 0
            for w in W.flat:
                bitmap += 1 + b * (w != 0)
                run += 1
                if w != 0:
                    gaps, run = gaps + (b + g) * (1 + (run - 1 >> g)), 0
            return bitmap, gaps
        """,
        """
        def sparse_bits(W, b, g):
            at = np.nonzero(W.reshape(-1))[0]
            before = np.append(-1, at[:-1])[: at.size]
            steps = -(-(at - before) // 2**g)
            return W.size + b * at.size, int(steps.sum()) * (b + g)
        """,
    ],
    "name_the_levels": [
        """
        def code_lengths(counts):
            import heapq
            n = len(counts)
            heap = [(int(c), i) for i, c in enumerate(counts) if c > 0]
            if len(heap) == 1:
                return np.eye(n, dtype=int)[heap[0][1]]
            heapq.heapify(heap)
            parent, new = {}, n
            while len(heap) > 1:
                (a, i), (b, j) = heapq.heappop(heap), heapq.heappop(heap)
                parent[i] = parent[j] = new
                heapq.heappush(heap, (a + b, new))
                new += 1
            lengths = np.zeros(n, int)
            for i in range(n):
                node = i
                while node in parent:
                    node = parent[node]
                    lengths[i] += 1
            return lengths
        """,
    ],
    "learn_from_two": [
        """
        def distil_loss(student, teacher, labels, real, T, alpha):
            total = 0.0
            for s, t, y in zip(student[real], teacher[real], labels[real]):
                s0 = s - s.max()
                total += alpha * (np.log(np.exp(s0).sum()) - s0[y])
                u, v = (t - t.max()) / T, (s - s.max()) / T
                p = np.exp(u) / np.exp(u).sum()
                kl = p @ (u - v) - np.log(np.exp(u).sum()) + np.log(np.exp(v).sum())
                total += (1 - alpha) * T * T * kl
            return total / np.count_nonzero(real)
        """,
    ],
}

WRONG = {
    "prune_exactly": {
        "ties broken by a little of the place": """
        def prune(W, n):
            sizes = np.abs(W).ravel() + 1e-3 * np.arange(W.size)
            kept = W.copy().ravel()
            kept[np.argsort(sizes)[:n]] = 0
            return kept.reshape(W.shape)
        """,
        "the array itself where nothing goes": """
        def prune(W, n):
            if n == 0:
                return W
            kept = W.copy().ravel()
            kept[np.argsort(np.abs(kept), kind="stable")[:n]] = 0
            return kept.reshape(W.shape)
        """,
        "all of the size at the limit go": """
        def prune(W, n):
            if n == 0:
                return W.copy()
            sizes = np.sort(np.abs(W).ravel())
            return np.where(np.abs(W) <= sizes[n - 1], 0.0, W)
        """,
        "none of the size at the limit goes": """
        def prune(W, n):
            if n == 0:
                return W.copy()
            sizes = np.sort(np.abs(W).ravel())
            return np.where(np.abs(W) < sizes[n - 1], 0.0, W)
        """,
        "the largest go": """
        def prune(W, n):
            kept = W.copy().ravel()
            kept[np.argsort(-np.abs(kept))[:n]] = 0
            return kept.reshape(W.shape)
        """,
        "by value and not by size": """
        def prune(W, n):
            kept = W.copy().ravel()
            kept[np.argsort(kept)[:n]] = 0
            return kept.reshape(W.shape)
        """,
        "n stay": """
        def prune(W, n):
            kept = W.copy().ravel()
            kept[np.argsort(np.abs(kept))[: kept.size - n]] = 0
            return kept.reshape(W.shape)
        """,
        "in place": """
        def prune(W, n):
            flat = W.reshape(-1)
            flat[np.argsort(np.abs(flat), kind="stable")[:n]] = 0
            return W
        """,
        "one too many": """
        def prune(W, n):
            kept = W.copy().ravel()
            kept[np.argsort(np.abs(kept))[: n + 1]] = 0
            return kept.reshape(W.shape)
        """,
        "one too few": """
        def prune(W, n):
            kept = W.copy().ravel()
            kept[np.argsort(np.abs(kept))[: max(n - 1, 0)]] = 0
            return kept.reshape(W.shape)
        """,
        "flat": """
        def prune(W, n):
            kept = W.copy().ravel()
            kept[np.argsort(np.abs(kept))[:n]] = 0
            return kept
        """,
        "n besides those that are zero already": """
        def prune(W, n):
            kept = W.copy().ravel()
            at = np.flatnonzero(kept)
            kept[at[np.argsort(np.abs(kept[at]))[:n]]] = 0
            return kept.reshape(W.shape)
        """,
        "n = 0 takes all": """
        def prune(W, n):
            kept = W.copy().ravel()
            order = np.argsort(-np.abs(kept), kind="stable")
            kept[order[-n:]] = 0
            return kept.reshape(W.shape)
        """,
        "as many of every row": """
        def prune(W, n):
            kept = np.atleast_2d(W.copy())
            rows = kept.reshape(len(kept), -1)
            for row in rows:
                row[np.argsort(np.abs(row))[: round(n / len(rows))]] = 0
            return rows.reshape(W.shape)
        """,
        "shrunk by the limit": """
        def prune(W, n):
            if n == 0:
                return W.copy()
            sizes = np.sort(np.abs(W).ravel())
            kept = np.sign(W) * np.maximum(np.abs(W) - sizes[n - 1], 0)
            return kept
        """,
        "the first n": """
        def prune(W, n):
            kept = W.copy().ravel()
            kept[:n] = 0
            return kept.reshape(W.shape)
        """,
        "a quantile for limit": """
        def prune(W, n):
            if n == 0:
                return W.copy()
            return np.where(np.abs(W) <= np.quantile(np.abs(W), n / W.size), 0.0, W)
        """,
        "sizes without signs": """
        def prune(W, n):
            kept = np.abs(W).ravel()
            kept[np.argsort(kept)[:n]] = 0
            return kept.reshape(W.shape)
        """,
    },
    "count_sparse_bits": {
        "no bit for the places": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return b * len(at), (len(at) + (zeros // 2**g).sum()) * (g + b)
        """,
        "the map only for values": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return (1 + b) * len(at), (len(at) + (zeros // 2**g).sum()) * (g + b)
        """,
        "values of the pruned, too": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return (1 + b) * W.size, (len(at) + (zeros // 2**g).sum()) * (g + b)
        """,
        "gaps without padding": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return W.size + b * len(at), (len(at) + 0) * (g + b)
        """,
        "padding from 2^g − 1 zeros on": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return W.size + b * len(at), (len(at) + (zeros // (2**g - 1)).sum()) * (g + b)
        """,
        "padding from more than 2^g zeros on": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return W.size + b * len(at), (len(at) + (np.maximum(zeros - 1, 0) // 2**g).sum()) * (g + b)
        """,
        "one padding at most": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return W.size + b * len(at), (len(at) + (zeros >= 2**g).sum()) * (g + b)
        """,
        "padding without its value": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W)
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return W.size + b * len(at), len(at) * (g + b) + int((zeros // 2**g).sum()) * g
        """,
        "distances in place of zeros": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at]))
            return W.size + b * len(at), (len(at) + (zeros // 2**g).sum()) * (g + b)
        """,
        "the first gap is left out": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(at) - 1
            return W.size + b * len(at), (len(at) + (zeros // 2**g).sum()) * (g + b)
        """,
        "the first gap one short": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[0], at])) - 1
            return W.size + b * len(at), (len(at) + (np.maximum(zeros, 0) // 2**g).sum()) * (g + b)
        """,
        "zeros behind the last count": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at, [W.size]])) - 1
            return W.size + b * len(at), (len(at) + (zeros // 2**g).sum()) * (g + b)
        """,
        "row by row": """
        def sparse_bits(W, b, g):
            rows, gaps = np.atleast_2d(W), 0
            for row in rows:
                at = np.flatnonzero(row)
                zeros = np.diff(np.concatenate([[-1], at])) - 1
                gaps += (len(at) + int((zeros // 2**g).sum())) * (g + b)
            return W.size + b * np.count_nonzero(W), gaps
        """,
        "column by column": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.T.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return W.size + b * len(at), (len(at) + (zeros // 2**g).sum()) * (g + b)
        """,
        "gaps without values": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W.ravel())
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return W.size + b * len(at), (len(at) + (zeros // 2**g).sum()) * (g)
        """,
        "places as whole numbers": """
        def sparse_bits(W, b, g):
            n = np.count_nonzero(W)
            return W.size + b * n, n * (b + int(np.ceil(np.log2(W.size))))
        """,
        "a longer field in place of padding": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W)
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            most = zeros.max() if len(at) else 0
            width = max(g, int(np.ceil(np.log2(most + 1))))
            return W.size + b * len(at), len(at) * (b + width)
        """,
        "the other way round": """
        def sparse_bits(W, b, g):
            at = np.flatnonzero(W)
            zeros = np.diff(np.concatenate([[-1], at])) - 1
            return (len(at) + int((zeros // 2**g).sum())) * (g + b), W.size + b * len(at)
        """,
    },
    "name_the_levels": {
        "Shannon's lengths, rounded up": """
        def code_lengths(counts):
            p = counts / counts.sum()
            return np.where(counts > 0, np.maximum(np.ceil(-np.log2(np.maximum(p, 1e-12))), 1), 0).astype(int)
        """,
        "Shannon's lengths, rounded": """
        def code_lengths(counts):
            p = counts / counts.sum()
            return np.where(counts > 0, np.maximum(np.rint(-np.log2(np.maximum(p, 1e-12))), 1), 0).astype(int)
        """,
        "Shannon's lengths, rounded down": """
        def code_lengths(counts):
            p = counts / counts.sum()
            return np.where(counts > 0, np.maximum(np.floor(-np.log2(np.maximum(p, 1e-12))), 1), 0).astype(int)
        """,
        "the entropy of each, not whole": """
        def code_lengths(counts):
            p = counts / counts.sum()
            return np.where(counts > 0, -np.log2(np.maximum(p, 1e-12)), 0.0)
        """,
        "one length for all": """
        def code_lengths(counts):
            used = int((counts > 0).sum())
            return np.where(counts > 0, max(1, int(np.ceil(np.log2(used)))), 0)
        """,
        "unary, by rank": """
        def code_lengths(counts):
            order, lengths = np.argsort(-counts, kind="stable"), np.zeros(len(counts), int)
            used = int((counts > 0).sum())
            lengths[order[:used]] = np.minimum(np.arange(used) + 1, max(used - 1, 1))
            return lengths
        """,
        "no bits for one alone": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                pass
            while len(groups) > 1:
                groups.sort(key=lambda x: x[0])
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "names for what never comes": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) ]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: x[0])
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "the two largest are joined": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: -x[0])
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "the smallest and the largest are joined": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: x[0]); groups.insert(1, groups.pop())
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "sorted once": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups = sorted(groups, key=lambda x: x[0]) if len(groups) == int((counts > 0).sum()) else groups
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "joined by the larger": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: x[0])
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(max(n, more), some + others)]
            return lengths
        """,
        "joined by the product": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: x[0])
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n * more, some + others)]
            return lengths
        """,
        "one bit for one of the two": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: x[0])
                (n, some), (more, others) = groups[:2]
                lengths[others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "all one too long": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = (counts > 0).astype(int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: x[0])
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "as text sorts": """
        def code_lengths(counts):
            groups = [(int(c), [i]) for i, c in enumerate(counts) if c > 0]
            lengths = np.zeros(len(counts), int)
            if len(groups) == 1:
                lengths[groups[0][1]] = 1
            while len(groups) > 1:
                groups.sort(key=lambda x: str(x[0]))
                (n, some), (more, others) = groups[:2]
                lengths[some + others] += 1
                groups = groups[2:] + [(n + more, some + others)]
            return lengths
        """,
        "halves of equal weight": """
        def code_lengths(counts):
            lengths = np.zeros(len(counts), int)
            def cut(symbols):
                if len(symbols) < 2:
                    return
                lengths[symbols] += 1
                total = np.cumsum(counts[symbols])
                at = int(np.abs(2 * total[:-1] - total[-1]).argmin()) + 1
                cut(symbols[:at])
                cut(symbols[at:])
            used = np.array([i for i in np.argsort(-counts, kind="stable") if counts[i] > 0])
            if len(used) == 1:
                lengths[used] = 1
            cut(used)
            return lengths
        """,
    },
    "learn_from_two": {
        "a little inside the logs": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def law(z):
                e = np.exp(z - z.max(-1, keepdims=True))
                return e / e.sum(-1, keepdims=True)
            p, q = law(teacher / T), law(student / T)
            hard = -np.log(law(student)[np.arange(len(labels)), labels] + 1e-12)
            soft = (p * (np.log(p + 1e-12) - np.log(q + 1e-12))).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "without T²": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * soft)[real].mean()
        """,
        "T in place of T²": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T * soft)[real].mean()
        """,
        "T² on the labels, too": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return T**2 * (alpha * hard + (1 - alpha) * soft)[real].mean()
        """,
        "divided by T²": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * soft / T**2)[real].mean()
        """,
        "labels at the temperature": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student / T)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "the divergence the wrong way round": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_q) * (log_q - log_p)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "the teacher at T = 1": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "the student at T = 1": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "logits times T": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher * T), log_law(student * T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "cross-entropy in place of KL": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = -(np.exp(log_p) * log_q).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "the mean over words": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).mean(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "α and 1 − α exchanged": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return ((1 - alpha) * hard + alpha * T**2 * soft)[real].mean()
        """,
        "padding counts": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft).mean()
        """,
        "padding is zero but in the mean": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return ((alpha * hard + (1 - alpha) * T**2 * soft) * real).mean()
        """,
        "the sum": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].sum()
        """,
        "padding only left out of the labels": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return alpha * hard[real].mean() + (1 - alpha) * T**2 * soft.mean()
        """,
        "no largest subtracted": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "the largest label of the teacher": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), teacher.argmax(-1)]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "the largest of all subtracted": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                p = np.exp(z - z.max()) / np.exp(z - z.max()).sum(-1, keepdims=True)
                return np.log(p)
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return (alpha * hard + (1 - alpha) * T**2 * soft)[real].mean()
        """,
        "labels alone": """
        def distil_loss(student, teacher, labels, real, T, alpha):
            def log_law(z):
                z = z - z.max(-1, keepdims=True)
                return z - np.log(np.exp(z).sum(-1, keepdims=True))
            hard = -log_law(student)[np.arange(len(labels)), labels]
            log_p, log_q = log_law(teacher / T), log_law(student / T)
            soft = (np.exp(log_p) * (log_p - log_q)).sum(-1)
            return hard[real].mean()
        """,
    },
}
