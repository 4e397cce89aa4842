"""Answers to the exercises on tensor and pipeline parallelism: right ones, written another way, and wrong ones."""

RIGHT = {
    "share_of_a_rank": [
        """
        def part(x, gate_up, down, bias, r, N):
            gate, up = np.split(gate_up, 2)
            g, u = x @ np.split(gate, N)[r].T, x @ np.split(up, N)[r].T
            return (g / (1 + np.exp(-g)) * u) @ np.split(down, N, axis=1)[r].T + bias / N
        """,
        """
        def part(x, gate_up, down, bias, r, N):
            d, F = down.shape
            own = np.arange(F) * N // F == r
            g = np.einsum("td,fd->tf", x, gate_up[:F][own])
            h = g / (1 + np.exp(-g)) * np.einsum("td,fd->tf", x, gate_up[F:][own])
            y = np.einsum("tf,df->td", h, down[:, own])
            return y + bias * (r == N - 1)
        """,
    ],
    "share_the_heads": [
        """
        def heads(r, N, H, H_kv):
            if H % N != 0:
                return [], []
            if H_kv % N != 0 and N % H_kv != 0:
                return [], []
            share = H // N
            queries = np.arange(r * share, (r + 1) * share)
            return queries.tolist(), np.unique(queries * H_kv // H).tolist()
        """,
    ],
    "gradient_of_the_gain": [
        """
        def gain_gradient(xs, gs):
            x, g = np.concatenate(xs), np.concatenate(gs)
            rms = np.sqrt((x ** 2).mean(-1) + 1e-5)
            return np.einsum("td,td,t->d", g, x, 1 / rms)
        """,
        """
        def gain_gradient(xs, gs):
            parts = [(g * (x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-5))).sum(0) for x, g in zip(xs, gs)]
            return np.sum(parts, axis=0)
        """,
    ],
    "order_of_a_rank": [
        """
        def order(r, p, m):
            jobs, f, b, held, most = [], 0, 0, 0, 0
            while b < m:
                if f < m and f - b < p - r:
                    jobs.append(("F", f))
                    f += 1
                else:
                    jobs.append(("B", b))
                    b += 1
                most = max(most, f - b)
            return jobs, most
        """,
    ],
    "send_round": [
        """
        def sends(r, t, N):
            piece = r - 1 - t
            return piece + N if piece < 0 else piece
        """,
        """
        def sends(r, t, N):
            return (r + (N - 1) * (t + 1)) % N
        """,
    ],
}

WRONG = {
    "share_of_a_rank": {
        "gate and up cut as one matrix": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(np.split(gate_up, N)[r], 2)
                g = x @ gate.T
                return (g / (1 + np.exp(-g)) * (x @ up.T)) @ np.split(down, N, axis=1)[r].T + bias * (r == 0)
        """,
        "the bias added by each rank": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(gate_up, 2)
                g, u = x @ np.split(gate, N)[r].T, x @ np.split(up, N)[r].T
                return (g / (1 + np.exp(-g)) * u) @ np.split(down, N, axis=1)[r].T + bias
        """,
        "no bias at all": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(gate_up, 2)
                g, u = x @ np.split(gate, N)[r].T, x @ np.split(up, N)[r].T
                return (g / (1 + np.exp(-g)) * u) @ np.split(down, N, axis=1)[r].T
        """,
        "the mean for the sum": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(gate_up, 2)
                g, u = x @ np.split(gate, N)[r].T, x @ np.split(up, N)[r].T
                return ((g / (1 + np.exp(-g)) * u) @ np.split(down, N, axis=1)[r].T + bias) / N
        """,
        "the second matrix by columns": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(gate_up, 2)
                g, u = x @ gate.T, x @ up.T
                rows = np.array_split(down, N)[r]
                return (g / (1 + np.exp(-g)) * u) @ rows.T + np.array_split(bias, N)[r]
        """,
        "rank 0 does all the work": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(gate_up, 2)
                g = x @ gate.T
                y = (g / (1 + np.exp(-g)) * (x @ up.T)) @ down.T + bias
                return y if r == 0 else 0 * y
        """,
        "every rank a part of the whole result": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(gate_up, 2)
                g = x @ gate.T
                return ((g / (1 + np.exp(-g)) * (x @ up.T)) @ down.T + bias) / N
        """,
        "gate and up exchanged": """
            def part(x, gate_up, down, bias, r, N):
                up, gate = np.split(gate_up, 2)
                g, u = x @ np.split(gate, N)[r].T, x @ np.split(up, N)[r].T
                return (g / (1 + np.exp(-g)) * u) @ np.split(down, N, axis=1)[r].T + bias * (r == 0)
        """,
    },
    "share_the_heads": {
        "every N-th head": """
            def heads(r, N, H, H_kv):
                if H % N or (H_kv % N and N % H_kv):
                    return [], []
                mine = list(range(r, H, N))
                return mine, sorted({h // (H // H_kv) for h in mine})
        """,
        "heads that do not divide, rounded down": """
            def heads(r, N, H, H_kv):
                share = H // N
                mine = list(range(r * share, (r + 1) * share))
                return mine, sorted({h // (H // H_kv) for h in mine})
        """,
        "only the query heads are asked to divide": """
            def heads(r, N, H, H_kv):
                if H % N:
                    return [], []
                share = H // N
                mine = list(range(r * share, (r + 1) * share))
                return mine, sorted({h // (H // H_kv) for h in mine})
        """,
        "no copies of key/value heads": """
            def heads(r, N, H, H_kv):
                if H % N or H_kv % N:
                    return [], []
                share, kv = H // N, H_kv // N
                return list(range(r * share, (r + 1) * share)), list(range(r * kv, (r + 1) * kv))
        """,
        "the copy is always head r": """
            def heads(r, N, H, H_kv):
                if H % N or (H_kv % N and N % H_kv):
                    return [], []
                share, kv = H // N, max(1, H_kv // N)
                return list(range(r * share, (r + 1) * share)), list(range(r * kv, (r + 1) * kv))
        """,
        "all key/value heads everywhere": """
            def heads(r, N, H, H_kv):
                if H % N or (H_kv % N and N % H_kv):
                    return [], []
                share = H // N
                return list(range(r * share, (r + 1) * share)), list(range(H_kv))
        """,
        "one key/value head for each query head": """
            def heads(r, N, H, H_kv):
                if H % N or (H_kv % N and N % H_kv):
                    return [], []
                mine = list(range(r * H // N, (r + 1) * H // N))
                return mine, [h // (H // H_kv) for h in mine]
        """,
    },
    "gradient_of_the_gain": {
        "the mean over ranks": """
            def gain_gradient(xs, gs):
                parts = [(g * x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)).sum(0) for x, g in zip(xs, gs)]
                return np.mean(parts, axis=0)
        """,
        "the first rank's own": """
            def gain_gradient(xs, gs):
                x, g = xs[0], gs[0]
                return (g * x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)).sum(0)
        """,
        "not divided by the root mean square": """
            def gain_gradient(xs, gs):
                return sum((g * x).sum(0) for x, g in zip(xs, gs))
        """,
        "the mean over tokens": """
            def gain_gradient(xs, gs):
                x, g = np.concatenate(xs), np.concatenate(gs)
                return (g * x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)).mean(0)
        """,
        "one root mean square for all of a rank's tokens": """
            def gain_gradient(xs, gs):
                return sum((g * x / np.sqrt((x * x).mean() + 1e-5)).sum(0) for x, g in zip(xs, gs) if len(x))
        """,
        "divided by the length, not by the root mean square": """
            def gain_gradient(xs, gs):
                x, g = np.concatenate(xs), np.concatenate(gs)
                return (g * x / np.sqrt((x * x).sum(1, keepdims=True) + 1e-5)).sum(0)
        """,
        "one number": """
            def gain_gradient(xs, gs):
                x, g = np.concatenate(xs), np.concatenate(gs)
                return (g * x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)).sum()
        """,
    },
    "order_of_a_rank": {
        "GPipe": """
            def order(r, p, m):
                return [("F", i) for i in range(m)] + [("B", i) for i in range(m)], m
        """,
        "all ranks as if last": """
            def order(r, p, m):
                jobs = []
                for i in range(m):
                    jobs += [("F", i), ("B", i)]
                return jobs, 1
        """,
        "warm-up the wrong way round: back before the next stage is": """
            def order(r, p, m):
                ahead = min(r, m)
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m):
                    if ahead + i < m:
                        jobs.append(("F", ahead + i))
                    jobs.append(("B", i))
                return jobs, min(r + 1, m)
        """,
        "one forward pass too many ahead": """
            def order(r, p, m):
                ahead = min(p - r, m)
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m):
                    jobs.append(("B", i))
                    if ahead + i < m:
                        jobs.append(("F", ahead + i))
                jobs = [("F", i) for i in range(min(p + 1 - r, m))] + [j for j in jobs if j[0] == "B" or j[1] > p - r]
                return jobs, min(p + 1 - r, m)
        """,
        "what is held is counted at the end": """
            def order(r, p, m):
                ahead = min(p - 1 - r, m)
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m):
                    if ahead + i < m:
                        jobs.append(("F", ahead + i))
                    jobs.append(("B", i))
                return jobs, sum(1 if kind == "F" else -1 for kind, i in jobs)
        """,
        "few micro-batches forgotten in what is held": """
            def order(r, p, m):
                ahead = min(p - 1 - r, m)
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m):
                    if ahead + i < m:
                        jobs.append(("F", ahead + i))
                    jobs.append(("B", i))
                return jobs, p - r
        """,
        "backward in the reverse order": """
            def order(r, p, m):
                return [("F", i) for i in range(m)] + [("B", m - 1 - i) for i in range(m)], m
        """,
        "the last micro-batches left out": """
            def order(r, p, m):
                ahead = min(p - 1 - r, m)
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m - ahead):
                    jobs += [("F", ahead + i), ("B", i)]
                return jobs, min(p - r, m)
        """,
    },
    "send_round": {
        "its own piece, always": """
            def sends(r, t, N):
                return r
        """,
        "right for two ranks only": """
            def sends(r, t, N):
                return (r + 1 + t) % N
        """,
        "rank r ends with piece r + 1": """
            def sends(r, t, N):
                return (r - t) % N
        """,
        "the same piece in every step": """
            def sends(r, t, N):
                return (r - 1) % N
        """,
        "against the ring": """
            def sends(r, t, N):
                return (r + t) % N
        """,
        "no way round the end": """
            def sends(r, t, N):
                return r - t - 1
        """,
        "right for up to three ranks": """
            def sends(r, t, N):
                return (r + 2 * t - 1) % N
        """,
    },
}
