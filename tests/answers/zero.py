"""Answers to the exercises on ZeRO: right ones, written another way, and wrong ones."""

RIGHT = {
    "count_the_bytes": [
        """
        def gigabytes(Psi, N, stage):
            share = (Psi + N - 1) // N
            kept = [share if stage >= least else Psi for least in (3, 2, 1)]
            return sum(b * n for b, n in zip((2, 4, 12), kept)) * 1e-9
        """,
        """
        def gigabytes(Psi, N, stage):
            largest = max(len(piece) for piece in np.array_split(np.arange(min(Psi, 10_000)), N))
            if Psi > 10_000:
                largest = int(np.ceil(Psi / N))
            bytes_each = {0: (18, 0), 1: (6, 12), 2: (2, 16), 3: (0, 18)}[stage]
            return (bytes_each[0] * Psi + bytes_each[1] * largest) / 10**9
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
    ],
    "count_what_is_sent": [
        """
        def sent(Psi, N, stage, m, reshard):
            scatters = m if stage >= 2 else 1
            gathers = m * (2 if reshard else 1) if stage == 3 else 1
            return (scatters + gathers) * (Psi - Psi / N)
        """,
        """
        def sent(Psi, N, stage, m, reshard):
            each = Psi * (1 - 1 / N)
            return each * [2, 2, 1 + m, m * (2 + int(reshard))][stage]
        """,
    ],
}

WRONG = {
    "count_the_bytes": {
        "divides everything at every stage": """
            def gigabytes(Psi, N, stage):
                share = -(-Psi // N) if stage else Psi
                return 18 * share / 1e9
        """,
        "leaves the parameters whole at stage 3": """
            def gigabytes(Psi, N, stage):
                share = -(-Psi // N)
                return (2 * Psi + 4 * (share if stage >= 2 else Psi) + 12 * (share if stage else Psi)) / 1e9
        """,
        "gives GiB": """
            def gigabytes(Psi, N, stage):
                share = -(-Psi // N)
                kept = [share if stage >= least else Psi for least in (3, 2, 1)]
                return sum(b * n for b, n in zip((2, 4, 12), kept)) / 2**30
        """,
        "loses the remainder": """
            def gigabytes(Psi, N, stage):
                share = Psi // N
                kept = [share if stage >= least else Psi for least in (3, 2, 1)]
                return sum(b * n for b, n in zip((2, 4, 12), kept)) / 1e9
        """,
        "shares a fraction of a parameter": """
            def gigabytes(Psi, N, stage):
                kept = [Psi / N if stage >= least else Psi for least in (3, 2, 1)]
                return sum(b * n for b, n in zip((2, 4, 12), kept)) / 1e9
        """,
        "always one more than the share": """
            def gigabytes(Psi, N, stage):
                share = Psi // N + 1
                kept = [share if stage >= least else Psi for least in (3, 2, 1)]
                return sum(b * n for b, n in zip((2, 4, 12), kept)) / 1e9
        """,
        "divides the gradients at stage 1 already": """
            def gigabytes(Psi, N, stage):
                share = -(-Psi // N)
                return (2 * (share if stage == 3 else Psi) + 16 * (share if stage else Psi)) / 1e9
        """,
        "divides the gradients at stage 2 alone": """
            def gigabytes(Psi, N, stage):
                share = -(-Psi // N)
                return (2 * (share if stage == 3 else Psi) + 4 * (share if stage == 2 else Psi)
                        + 12 * (share if stage else Psi)) / 1e9
        """,
        "counts FP16 gradients": """
            def gigabytes(Psi, N, stage):
                share = -(-Psi // N)
                kept = [share if stage >= least else Psi for least in (3, 2, 1)]
                return sum(b * n for b, n in zip((2, 2, 12), kept)) / 1e9
        """,
        "forgets the master copy": """
            def gigabytes(Psi, N, stage):
                share = -(-Psi // N)
                kept = [share if stage >= least else Psi for least in (3, 2, 1)]
                return sum(b * n for b, n in zip((2, 4, 8), kept)) / 1e9
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
    },
    "count_what_is_sent": {
        "forgets the micro-batches": """
            def sent(Psi, N, stage, m, reshard):
                return (3 if stage == 3 and reshard else 2) * Psi * (N - 1) / N
        """,
        "stage 2 sends no more than stage 1": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * (N - 1) / N * ((3 if reshard else 2) * m if stage == 3 else 2)
        """,
        "stage 2 sends more with one micro-batch": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * (N - 1) / N * [2, 2, m + 2, m * (3 if reshard else 2)][stage]
        """,
        "ignores reshard": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * (N - 1) / N * [2, 2, m + 1, 3 * m][stage]
        """,
        "reshards below stage 3": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * (N - 1) / N * [2, 2, m + 1 + reshard, (2 + reshard) * m][stage]
        """,
        "sends whole arrays": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * [2, 2, m + 1, (2 + reshard) * m][stage]
        """,
        "sends a shard": """
            def sent(Psi, N, stage, m, reshard):
                return Psi / N * [2, 2, m + 1, (2 + reshard) * m][stage]
        """,
        "an all-reduce beside the reduce-scatter": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * (N - 1) / N * [2, 3, m + 2, (2 + reshard) * m][stage]
        """,
        "gathers once a step at stage 3": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * (N - 1) / N * [2, 2, m + 1, m + 1 + reshard][stage]
        """,
        "counts micro-batches below stage 2, too": """
            def sent(Psi, N, stage, m, reshard):
                return Psi * (N - 1) / N * m * (3 if stage == 3 and reshard else 2)
        """,
    },
}
