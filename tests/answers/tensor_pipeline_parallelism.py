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
        """
        def part(x, gate_up, down, bias, r, N):
            import math
            d, F = down.shape
            out = []
            for row in x.tolist():
                y = [float(b) if r == 0 else 0.0 for b in bias]
                for f in range(r * F // N, (r + 1) * F // N):
                    g = sum(w * v for w, v in zip(gate_up[f], row))
                    u = sum(w * v for w, v in zip(gate_up[F + f], row))
                    h = g / (1 + math.exp(-g)) * u
                    for i in range(d):
                        y[i] += h * down[i, f]
                out.append(y)
            return out
        """,
        """
        def part(x, gate_up, down, bias, r, N):
            d, F = down.shape
            W = gate_up.reshape(2, N, F // N, d)[:, r]
            g, u = np.einsum("gfd,td->gtf", W, x)
            x = g / (1 + np.exp(-g)) * u @ down.reshape(d, N, -1)[:, r].T
            x += bias / N
            return x
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
        """
        def heads(r, N, H, H_kv):
            if H % N or (max(N, H_kv) % min(N, H_kv)):
                return [[], []]
            n, group = H // N, H // H_kv
            q = range(r * n, r * n + n)
            return q, range(q[0] // group, q[-1] // group + 1)
        """,
        """
        def heads(r, N, H, H_kv):
            if H % N != 0 or not (N % H_kv == 0 or H_kv % N == 0):
                return (), ()
            q = tuple(np.split(np.arange(H), N)[r])
            return q, {int(h) // (H // H_kv) for h in q}
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
        """
        def gain_gradient(xs, gs):
            import math
            d = xs[0].shape[1]
            total = [0.0] * d
            for x, g in zip(xs, gs):
                for row, s in zip(x.tolist(), g.tolist()):
                    rms = math.sqrt(sum(v * v for v in row) / d + 1e-5)
                    for i in range(d):
                        total[i] += s[i] * row[i] / rms
            return total
        """,
        """
        def gain_gradient(xs, gs):
            out = np.zeros(xs[0].shape[-1])
            for x, g in zip(xs, gs):
                x /= np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-5)
                g *= x
                out += g.sum(axis=0)
            return out
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
        """
        def order(r, p, m):
            w = min(p - r, m)
            jobs = [["F", i] for i in range(w)]
            for i in range(m):
                jobs.append(["B", i])
                if w + i < m:
                    jobs.append(["F", w + i])
            return [jobs, w]
        """,
        """
        def order(r, p, m):
            ahead = min(p - 1 - r, m)
            jobs = [("F", i) for i in range(ahead)]
            for i in range(ahead, m):
                jobs += [("F", i), ("B", i - ahead)]
            jobs += [("B", i) for i in range(m - ahead, m)]
            return tuple(jobs), float(min(p - r, m))
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
        """
        def sends(r, t, N):
            return int(np.roll(np.arange(N), t + 1)[r])
        """,
        """
        def sends(r, t, N):
            # piece c begins at rank c + 1 and moves on by one each step
            return next(c for c in range(N) if (c + 1 + t) % N == r)
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
        "every N-th hidden number": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = np.split(gate_up, 2)
                g, u = x @ gate[r::N].T, x @ up[r::N].T
                return (g / (1 + np.exp(-g)) * u) @ down[:, r::N].T + bias / N
        """,
        "a bias weighted by the rank": """
            def part(x, gate_up, down, bias, r, N):
                F = down.shape[1]
                gate, up = gate_up[:F], gate_up[F:]
                a, b = r * F // N, (r + 1) * F // N
                g = x @ gate[a:b].T
                y = (g / (1 + np.exp(-g)) * (x @ up[a:b].T)) @ down[:, a:b].T
                return y + bias * r / N
        """,
        "gate and up taken as interleaved": """
            def part(x, gate_up, down, bias, r, N):
                gate, up = gate_up[::2], gate_up[1::2]
                g, u = x @ np.split(gate, N)[r].T, x @ np.split(up, N)[r].T
                return (g / (1 + np.exp(-g)) * u) @ np.split(down, N, axis=1)[r].T + bias / N
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
        "only more ranks than heads are refused": """
            def heads(r, N, H, H_kv):
                if N > H or (H_kv % N and N % H_kv):
                    return [], []
                mine = list(range(r * H // N, (r + 1) * H // N))
                return mine, sorted({h // (H // H_kv) for h in mine})
        """,
        "the copy is head r mod H_kv": """
            def heads(r, N, H, H_kv):
                if H % N or (H_kv % N and N % H_kv):
                    return [], []
                mine = list(range(r * H // N, (r + 1) * H // N))
                return mine, [r % H_kv] if N > H_kv else list(range(r * H_kv // N, (r + 1) * H_kv // N))
        """,
        "heads as floats": """
            def heads(r, N, H, H_kv):
                if H % N or (H_kv % N and N % H_kv):
                    return [], []
                mine = list(range(r * H // N, (r + 1) * H // N))
                return [float(h) for h in mine], sorted({float(h // (H // H_kv)) for h in mine})
        """,
        "refuses only where neither divides": """
            def heads(r, N, H, H_kv):
                if H % N and (H_kv % N and N % H_kv):
                    return [], []
                mine = list(range(r * H // N, (r + 1) * H // N))
                return mine, sorted({h // (H // H_kv) for h in mine})
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
        "ends at a rank without tokens": """
            def gain_gradient(xs, gs):
                total = np.zeros(xs[0].shape[1])
                for x, g in zip(xs, gs):
                    if len(x) == 0:
                        break
                    total += (g * x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)).sum(0)
                return total
        """,
        "as many tokens of each rank": """
            def gain_gradient(xs, gs):
                n = min(len(x) for x in xs)
                x, g = np.concatenate([x[:n] for x in xs]), np.concatenate([g[:n] for g in gs])
                return (g * x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)).sum(0)
        """,
        "without the 1e-5": """
            def gain_gradient(xs, gs):
                total = 0
                for x, g in zip(xs, gs):
                    n = x / np.sqrt((x * x).mean(1, keepdims=True) + 0)
                    total = total + (g * n).sum(0)
                return total
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
        "jobs as texts": """
            def order(r, p, m):
                ahead = min(p - 1 - r, m)
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m):
                    if ahead + i < m:
                        jobs.append(("F", ahead + i))
                    jobs.append(("B", i))
                return [f'{k}{i}' for k, i in jobs], min(p - r, m)
        """,
        "GPipe, p micro-batches at a time": """
            def order(r, p, m):
                jobs = []
                for a in range(0, m, p):
                    b = min(a + p, m)
                    jobs += [("F", i) for i in range(a, b)] + [("B", i) for i in range(a, b)]
                return jobs, min(p, m)
        """,
        "what is held before the steady part": """
            def order(r, p, m):
                ahead = min(p - 1 - r, m)
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m):
                    if ahead + i < m:
                        jobs.append(("F", ahead + i))
                    jobs.append(("B", i))
                return jobs, ahead
        """,
        "one forward pass too few ahead": """
            def order(r, p, m):
                ahead = max(0, min(p - 2 - r, m))
                jobs = [("F", i) for i in range(ahead)]
                for i in range(m):
                    if ahead + i < m:
                        jobs.append(("F", ahead + i))
                    jobs.append(("B", i))
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
        "right for up to four ranks": """
            def sends(r, t, N):
                return (r - t - 1) % N if N < 5 else (r - t) % N
        """,
        "right for up to five ranks": """
            def sends(r, t, N):
                return (r - t - 1) % N if N < 6 else (r - 2 * t - 1) % N
        """,
        "an array of one number": """
            def sends(r, t, N):
                return np.array([(r - t - 1) % N])
        """,
        "a float": """
            def sends(r, t, N):
                return float((r - t - 1) % N)
        """,
        "the sign dropped": """
            def sends(r, t, N):
                return abs(r - t - 1) % N
        """,
    },
}
