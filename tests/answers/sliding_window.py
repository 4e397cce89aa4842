"""Answers to the exercises on sliding window attention: right ones, written another way, and wrong ones that look
right."""

RIGHT = {
    "name_the_slots": [
        """
        def in_slots(t, W):
            newest = t - (t - np.arange(W)) % W
            return [int(token) if token >= 0 else None for token in newest]
        """,
        """
        def in_slots(t, W):
            held = {}
            for token in range(max(0, t - W + 1), t + 1):
                held[token % W] = token
            return [held.get(slot) for slot in range(W)]
        """,
    ],
    "add_up_the_windows": [
        """
        def reach(windows, T):
            if any(W is None for W in windows):
                return T - 1
            return min(T - 1, int(np.sum(np.array(windows) - 1)))
        """,
        """
        def reach(windows, T):
            can = np.eye(T, dtype=int)
            i, j = np.arange(T)[:, None], np.arange(T)
            for W in windows:
                can = can @ ((j <= i) & (i - j < (T if W is None else W))).astype(int)
                can = np.minimum(can, 1)
            return T - 1 - int(np.argmax(can[-1] > 0))
        """,
    ],
    "stay_within_the_budget": [
        """
        def seen(t, slots, first):
            return [j for j in range(t + 1) if j < first or t - j < slots - first]
        """,
        """
        def seen(t, slots, first):
            j = np.arange(t + 1)
            return j[(j < first) | (j > t - (slots - first))]
        """,
    ],
}

WRONG = {
    "name_the_slots": {
        "counts below zero": """
            def in_slots(t, W):
                return [t - (t - s) % W for s in range(W)]
        """,
        "sorted by age": """
            def in_slots(t, W):
                tokens = list(range(max(0, t - W + 1), t + 1))
                return tokens + [None] * (W - len(tokens))
        """,
        "leaves empty slots out": """
            def in_slots(t, W):
                return [t - (t - s) % W for s in range(W) if t >= s]
        """,
        "one token too few": """
            def in_slots(t, W):
                held = [None] * W
                for token in range(t):
                    held[token % W] = token
                return held
        """,
        "the first tokens stay": """
            def in_slots(t, W):
                return [s if s <= t else None for s in range(W)]
        """,
        "slots counted from 1": """
            def in_slots(t, W):
                held = [None] * W
                for token in range(t + 1):
                    held[(token + 1) % W] = token
                return held
        """,
        "moves all up": """
            def in_slots(t, W):
                held = [None] * W
                for token in range(t + 1):
                    held = held[1:] + [token]
                return held
        """,
        "nothing for an empty slot": """
            def in_slots(t, W):
                held = [0] * W
                for token in range(t + 1):
                    held[token % W] = token
                return held
        """,
    },
    "add_up_the_windows": {
        "trips over a layer without a window": """
            def reach(windows, T):
                return min(T - 1, sum(W - 1 for W in windows if W))
        """,
        "counts the asking word": """
            def reach(windows, T):
                return min(T - 1, sum(W - 1 if W else T for W in windows) + 1)
        """,
        "each window reaches W back": """
            def reach(windows, T):
                return min(T - 1, sum(T if W is None else W for W in windows))
        """,
        "further than the beginning": """
            def reach(windows, T):
                return sum(T - 1 if W is None else W - 1 for W in windows)
        """,
        "beyond the beginning only with windows": """
            def reach(windows, T):
                if None in windows:
                    return T - 1
                return sum(W - 1 for W in windows)
        """,
        "the widest window alone": """
            def reach(windows, T):
                return T - 1 if None in windows else min(T - 1, max(windows) - 1)
        """,
        "all windows like the first": """
            def reach(windows, T):
                if None in windows:
                    return T - 1
                return min(T - 1, receptive_field(len(windows), windows[0]) - 1)
        """,
        "one word too far at the beginning": """
            def reach(windows, T):
                return T if None in windows else min(T, sum(W - 1 for W in windows))
        """,
    },
    "stay_within_the_budget": {
        "the first ones come on top of the budget": """
            def seen(t, slots, first):
                return [j for j in range(t + 1) if j < first or j > t - slots]
        """,
        "names tokens twice or before the beginning": """
            def seen(t, slots, first):
                return [*range(first), *range(t + 1 - slots + first, t + 1)]
        """,
        "one recent token too few": """
            def seen(t, slots, first):
                return [j for j in range(t + 1) if j < first or j > t - (slots - first) + 1]
        """,
        "without itself": """
            def seen(t, slots, first):
                return [j for j in range(t) if j < first or j > t - (slots - first)]
        """,
        "keeps no first ones": """
            def seen(t, slots, first):
                return list(range(max(0, t + 1 - slots), t + 1))
        """,
        "first ones that are not there yet": """
            def seen(t, slots, first):
                return [*range(first), *range(max(first, t + 1 - (slots - first)), t + 1)]
        """,
        "the most recent first": """
            def seen(t, slots, first):
                recent = range(max(first, t + 1 - (slots - first)), t + 1)
                return [*recent, *range(min(first, t + 1))]
        """,
        "a mask instead of a list": """
            def seen(t, slots, first):
                return [j < first or j > t - (slots - first) for j in range(t + 1)]
        """,
    },
}
