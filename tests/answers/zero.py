"""Answers to the exercises on ZeRO: right ones, written another way, and wrong ones."""

RIGHT = {
    "find_the_fewest_ranks": [
        """
        def fewest_ranks(Psi, stage, memory):
            bytes_each = (2, 4, 12)
            for N in range(1, 1001):
                if sum(zero_memory(Psi, N, stage, *bytes_each)) <= memory * 1e9:
                    return N
            return 0
        """,
        """
        def fewest_ranks(Psi, stage, memory):
            per_shard = [0, 12, 16, 18][stage]
            left = memory * 1_000_000_000 - (18 - per_shard) * Psi
            if stage == 0:
                return int(left >= 0)
            if left < per_shard:
                return 0
            return int(np.ceil(Psi / (left // per_shard)))
        """,
        """
        def fewest_ranks(Psi, stage, memory):
            def held(N):
                one = (Psi + N - 1) // N
                return sum(b * (one if stage >= s else Psi) for b, s in ((2, 3), (4, 2), (12, 1)))
            if held(1000) > memory * 10**9:
                return 0
            low, high = 0, 1000
            while high - low > 1:
                mid = (low + high) // 2
                if held(mid) <= memory * 10**9:
                    high = mid
                else:
                    low = mid
            return high
        """,
        """
        def fewest_ranks(Psi, stage, memory):
            whole = {0: 18, 1: 6, 2: 2, 3: 0}[stage]
            cut = 18 - whole
            free = memory * 1e9 - whole * Psi
            if cut == 0:
                return int(free >= 0)
            if free < cut:
                return 0
            return math.ceil(Psi / math.floor(free / cut))
        """,
    ],
    "clip_and_step": [
        """
        def sharded_step(shards, states, grads, eta, limit):
            sizes = [len(w) for w in shards]
            starts = np.concatenate([[0], np.cumsum(sizes)])
            mine = [np.mean([g[a:b] for g in grads], axis=0) for a, b in zip(starts, starts[1:])]
            norm = sum((g ** 2).sum() for g in mine) ** 0.5
            if norm > limit:
                mine = [g * (limit / norm) for g in mine]
            pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, mine, states)]
            return [w for w, s in pairs], [s for w, s in pairs]
        """,
        """
        def sharded_step(shards, states, grads, eta, limit):
            g = np.stack(grads).mean(0)
            g = g / max(1.0, np.linalg.norm(g) / limit)
            new, kept, at = [], [], 0
            for w, (m, v, t) in zip(shards, [s or (0.0, 0.0, 0) for s in states]):
                part = g[at : at + len(w)]
                at += len(w)
                m, v, t = 0.9 * m + 0.1 * part, 0.95 * v + 0.05 * part**2, t + 1
                new.append(w - eta * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-8))
                kept.append((m, v, t))
            return new, kept
        """,
        """
        def sharded_step(shards, states, grads, eta, limit):
            total = grads[0]
            for g in grads[1:]:
                total += g
            total /= len(grads)
            norm = np.linalg.norm(total)
            if norm > limit:
                total *= limit / norm
            new, moments, a = [], [], 0
            for w, s in zip(shards, states):
                w2, s2 = adamw_step(w, total[a:a + len(w)], s, eta)
                a += len(w)
                new.append(w2)
                moments.append(s2)
            return new, moments
        """,
        """
        def sharded_step(shards, states, grads, eta, limit):
            mean = np.mean(grads, axis=0)
            norm = np.linalg.norm(mean)
            mean = mean * min(1.0, limit / (norm + 1e-6))
            parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
            pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
            return [w for w, s in pairs], [s for w, s in pairs]
        """,
        """
        def sharded_step(shards, states, grads, eta, limit):
            mean = np.mean(grads, axis=0)
            mean = mean * min(1.0, limit / np.linalg.norm(mean))
            a = 0
            new, kept = [], []
            for w, s in zip(shards, states):
                m, v, t = s if s else (np.zeros(len(w)), np.zeros(len(w)), 0)
                g = mean[a:a + len(w)]
                a += len(w)
                t += 1
                m *= 0.9
                m += 0.1 * g
                v *= 0.95
                v += 0.05 * g * g
                w -= eta * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-8)
                new.append(w)
                kept.append([m, v, t])
            return new, kept
        """,
    ],
    "count_hybrid_traffic": [
        """
        def hybrid_sent(Psi, n, nodes, m):
            gathers = scatters = Psi - Psi / n
            shard = Psi / n
            return [m * (2 * gathers + scatters), 2 * (shard - shard / nodes)]
        """,
        """
        def hybrid_sent(Psi, n, nodes, m):
            return np.array([communication_volume(Psi, n, 3, m), communication_volume(Psi / n, nodes, 0)])
        """,
        """
        def hybrid_sent(Psi, n, nodes, m):
            return 3 * m * (n - 1) * Psi // n, 2 * (nodes - 1) * Psi // (n * nodes)
        """,
        """
        def hybrid_sent(Psi, n, nodes, m):
            inside = 0
            for _ in range(m):
                for what in ("forward", "backward", "scatter"):
                    inside += Psi // n * (n - 1)
            piece = Psi // n // nodes
            return [inside, piece * (nodes - 1) + piece * (nodes - 1)]
        """,
    ],
}

WRONG = {
    "find_the_fewest_ranks": {
        "divides everything at every stage": """
            def fewest_ranks(Psi, stage, memory):
                whole = [18 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "leaves the parameters whole at stage 3": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2, 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "divides the gradients at stage 1 already": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 16 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "counts GiB": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 2**30 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "loses the remainder": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return Psi // most if most >= 1 else 0
        """,
        "always one more": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return Psi // most + 1 if most >= 1 else 0
        """,
        "shares fractions of a parameter": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room / shared
                return max(1, round(Psi / most)) if most > 0 else 0
        """,
        "needs strictly less than the memory": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi - 1
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "counts FP16 gradients": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 2 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 16 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "forgets the master copy": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 8 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 14 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "gives a number where none is enough": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 1 if room >= 0 else 0
                most = room // shared
                return -(-Psi // max(1, most))
        """,
        "copies never fit": """
            def fewest_ranks(Psi, stage, memory):
                whole = [2 * (stage < 3), 4 * (stage < 2), 12 * (stage < 1)]
                room = memory * 10**9 - sum(whole) * Psi
                shared = 18 - sum(whole)
                if not shared:
                    return 0
                most = room // shared
                return -(-Psi // most) if most >= 1 else 0
        """,
        "tries up to 512 ranks": """
            def fewest_ranks(Psi, stage, memory):
                for N in range(1, 513):
                    one = -(-Psi // N)
                    if sum(b * (one if stage >= s else Psi) for b, s in ((2, 3), (4, 2), (12, 1))) <= memory * 10**9:
                        return N
                return 0
        """,
        "tries 999 ranks at most": """
            def fewest_ranks(Psi, stage, memory):
                for N in range(1, 1000):
                    one = -(-Psi // N)
                    if sum(b * (one if stage >= s else Psi) for b, s in ((2, 3), (4, 2), (12, 1))) <= memory * 10**9:
                        return N
                return 0
        """,
        "powers of two": """
            def fewest_ranks(Psi, stage, memory):
                for N in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
                    one = -(-Psi // N)
                    if sum(b * (one if stage >= s else Psi) for b, s in ((2, 3), (4, 2), (12, 1))) <= memory * 10**9:
                        return N
                return 0
        """,
        "only ranks that divide": """
            def fewest_ranks(Psi, stage, memory):
                for N in [n for n in range(1, 1001) if Psi % n == 0]:
                    one = Psi // N
                    if sum(b * (one if stage >= s else Psi) for b, s in ((2, 3), (4, 2), (12, 1))) <= memory * 10**9:
                        return N
                return 0
        """,
    },
    "clip_and_step": {
        "clips each shard by its own length": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                parts = [g * min(1.0, limit / np.sqrt(g @ g)) for g in parts]
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "clips each rank's gradient before the mean": """
            def sharded_step(shards, states, grads, eta, limit):
                grads = [g * min(1.0, limit / np.linalg.norm(g)) for g in grads]
                parts = np.split(np.mean(grads, axis=0), np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "begins with new moments at each step": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * min(1.0, limit / np.linalg.norm(mean))
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, None, eta) for w, g in zip(shards, parts)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "adds up the ranks' gradients": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.sum(grads, axis=0)
                mean = mean * min(1.0, limit / np.linalg.norm(mean))
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "takes rank r's own gradient for its shard": """
            def sharded_step(shards, states, grads, eta, limit):
                ends = np.cumsum([len(w) for w in shards])[:-1]
                parts = [np.split(g, ends)[r] for r, g in enumerate(grads)]
                norm = np.sqrt(sum(g @ g for g in parts))
                parts = [g * min(1.0, limit / norm) for g in parts]
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "is right for one rank only": """
            def sharded_step(shards, states, grads, eta, limit):
                g = grads[0] * min(1.0, limit / np.linalg.norm(grads[0]))
                parts = np.split(g, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "cuts equal pieces and loses the remainder": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * min(1.0, limit / np.linalg.norm(mean))
                n = len(mean) // len(shards)
                new, kept = [], []
                for r, w in enumerate(shards):
                    a, s = adamw_step(w[:n], mean[r * n : (r + 1) * n], states[r], eta)
                    new.append(np.concatenate([a, w[n:]]))
                    kept.append(s)
                return new, kept
        """,
        "never clips": """
            def sharded_step(shards, states, grads, eta, limit):
                parts = np.split(np.mean(grads, axis=0), np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "stretches short gradients to the limit": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * (limit / np.linalg.norm(mean))
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "adds up lengths instead of squares": """
            def sharded_step(shards, states, grads, eta, limit):
                parts = np.split(np.mean(grads, axis=0), np.cumsum([len(w) for w in shards])[:-1])
                norm = sum(np.linalg.norm(g) for g in parts)
                parts = [g * min(1.0, limit / norm) for g in parts]
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "keeps the moments of all weights on each rank": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * min(1.0, limit / np.linalg.norm(mean))
                w, state = adamw_step(np.concatenate(shards), mean, states[0], eta)
                return np.split(w, np.cumsum([len(w) for w in shards])[:-1]), [state] * len(shards)
        """,
        "eta fixed": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * min(1.0, limit / np.linalg.norm(mean))
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, 0.1) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "clips twice": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * min(1.0, limit / np.linalg.norm(mean)) ** 2
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "clips to the limit over N": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * min(1.0, limit / len(shards) / np.linalg.norm(mean))
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return [w for w, s in pairs], [s for w, s in pairs]
        """,
        "clips the step in place of the gradient": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                step = np.concatenate([p[0] - w for p, w in zip(pairs, shards)])
                f = min(1.0, limit / np.linalg.norm(step))
                return [w + f * (p[0] - w) for p, w in zip(pairs, shards)], [s for w, s in pairs]
        """,
        "pairs of weights and state": """
            def sharded_step(shards, states, grads, eta, limit):
                mean = np.mean(grads, axis=0)
                mean = mean * min(1.0, limit / np.linalg.norm(mean))
                parts = np.split(mean, np.cumsum([len(w) for w in shards])[:-1])
                pairs = [adamw_step(w, g, s, eta) for w, g, s in zip(shards, parts, states)]
                return pairs
        """,
    },
    "count_hybrid_traffic": {
        "all-reduces all parameters' gradients across nodes": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (n - 1) / n * Psi, 2 * (nodes - 1) / nodes * Psi
        """,
        "all-reduces after each micro-batch": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (n - 1) / n * Psi, 2 * m * (nodes - 1) / nodes * Psi / n
        """,
        "counts one micro-batch": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * (n - 1) / n * Psi, 2 * (nodes - 1) / nodes * Psi / n
        """,
        "a reduce-scatter only across nodes": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (n - 1) / n * Psi, (nodes - 1) / nodes * Psi / n
        """,
        "shards over all ranks": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (n * nodes - 1) / (n * nodes) * Psi, 2 * (nodes - 1) / nodes * Psi / n
        """,
        "gathers once": """
            def hybrid_sent(Psi, n, nodes, m):
                return 2 * m * (n - 1) / n * Psi, 2 * (nodes - 1) / nodes * Psi / n
        """,
        "gathers once a step": """
            def hybrid_sent(Psi, n, nodes, m):
                return (m + 2) * (n - 1) / n * Psi, 2 * (nodes - 1) / nodes * Psi / n
        """,
        "sends whole arrays": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * Psi, 2 * Psi / n
        """,
        "takes nodes for ranks": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (nodes - 1) / nodes * Psi, 2 * (n - 1) / n * Psi / nodes
        """,
        "the pair the other way round": """
            def hybrid_sent(Psi, n, nodes, m):
                return 2 * (nodes - 1) / nodes * Psi / n, 3 * m * (n - 1) / n * Psi
        """,
        "divides the shard by all ranks": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (n - 1) / n * Psi, 2 * (nodes - 1) / nodes * Psi / (n * nodes)
        """,
        "averages over all ranks, not over nodes": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (n - 1) / n * Psi, 2 * (n * nodes - 1) / (n * nodes) * Psi / n
        """,
        "scatters once a step": """
            def hybrid_sent(Psi, n, nodes, m):
                return (2 * m + 1) * (n - 1) / n * Psi, 2 * (nodes - 1) / nodes * Psi / n
        """,
        "sends whole shards across": """
            def hybrid_sent(Psi, n, nodes, m):
                return 3 * m * (n - 1) / n * Psi, 2 * (nodes - 1) * Psi / n
        """,
    },
}
