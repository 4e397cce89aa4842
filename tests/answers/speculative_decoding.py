"""Answers to the exercises on speculative decoding: right ones, written another way, and wrong ones."""

RIGHT = {
    "check_the_guesses": [
        """
        def verify(p, q, x, u):
            n = len(x)
            rows = np.arange(n)
            ok = u * q[rows, x] < p[rows, x]
            count = int(np.cumprod(ok).sum())
            law = p[count].copy()
            if count < n:
                law = np.clip(law - q[count], 0, None)
            return count, law / law.sum()
        """,
        """
        def verify(p, q, x, u):
            i = 0
            while i < len(x) and u[i] < min(1.0, p[i][x[i]] / q[i][x[i]]):
                i += 1
            if i == len(x):
                return i, p[i]
            common = np.minimum(p[i], q[i])
            return i, (p[i] - common) / (1 - common.sum())
        """,
    ],
    "how_many_guesses": [
        """
        def best_draft(a, c):
            words = 1 + np.concatenate([[0.0], np.cumsum(np.cumprod(a))])
            return np.argmax(words / (1 + c * np.arange(len(a) + 1)))
        """,
        """
        def best_draft(a, c):
            best, most, words, alive = 0, 1.0, 1.0, 1.0
            for n, chance in enumerate(a, 1):
                alive *= chance
                words += alive
                if words / (1 + n * c) > most:
                    best, most = n, words / (1 + n * c)
            return best
        """,
        """
        def best_draft(a, c):  # the words grow ever more slowly, so the first guess that does not pay ends it
            words, alive, n = 1.0, 1.0, 0
            for chance in a:
                alive *= chance
                if (words + alive) / (1 + (n + 1) * c) <= words / (1 + n * c):
                    break
                words, n = words + alive, n + 1
            return n
        """,
    ],
    "spend_the_budget": [
        """
        def share_the_budget(a, budget):
            taken, next_ = [0] * len(a), [float(row[0]) if len(row) else -1.0 for row in a]
            for _ in range(budget):
                r = int(np.argmax(next_))
                if next_[r] < 0:
                    break
                taken[r] += 1
                next_[r] = float(np.prod(a[r][: taken[r] + 1])) if taken[r] < len(a[r]) else -1.0
            return taken
        """,
        """
        def share_the_budget(a, budget):
            worth = [np.cumprod(row) for row in a]
            slots = np.sort(np.concatenate(worth))[::-1][:budget]
            if budget == 0 or len(slots) == 0:
                return [0] * len(a)
            return [int((row >= slots[-1]).sum()) for row in worth]
        """,
    ],
}

WRONG = {
    "check_the_guesses": {
        "the laws swapped": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * p[i, x[i]] >= q[i, x[i]]:
                        more = np.maximum(q[i] - p[i], 0)
                        return i, more / more.sum()
                return len(x), p[len(x)]
        """,
        "the ratio upside down, the residual right": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] >= min(1, q[i, x[i]] / max(p[i, x[i]], 1e-9)):
                        more = np.maximum(p[i] - q[i], 0)
                        return i, more / more.sum()
                return len(x), p[len(x)]
        """,
        "a residual that does not sum to one": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * q[i, x[i]] >= p[i, x[i]]:
                        return i, np.maximum(p[i] - q[i], 0)
                return len(x), p[len(x)]
        """,
        "the absolute difference": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * q[i, x[i]] >= p[i, x[i]]:
                        more = np.abs(p[i] - q[i])
                        return i, more / more.sum()
                return len(x), p[len(x)]
        """,
        "draws anew from p": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * q[i, x[i]] >= p[i, x[i]]:
                        return i, p[i]
                return len(x), p[len(x)]
        """,
        "p without the rejected word": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * q[i, x[i]] >= p[i, x[i]]:
                        law = p[i].copy()
                        law[x[i]] = 0
                        return i, law / law.sum()
                return len(x), p[len(x)]
        """,
        "no word on top": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * q[i, x[i]] >= p[i, x[i]]:
                        more = np.maximum(p[i] - q[i], 0)
                        return i, more / more.sum()
                return len(x), np.zeros(p.shape[1])
        """,
        "a residual though nothing was rejected": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * q[i, x[i]] >= p[i, x[i]]:
                        more = np.maximum(p[i] - q[i], 0)
                        return i, more / more.sum()
                more = np.maximum(p[-1] - q[-1], 0) if len(x) else p[-1]
                return len(x), more / more.sum()
        """,
        "the last law is that of the last guess": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] * q[i, x[i]] >= p[i, x[i]]:
                        more = np.maximum(p[i] - q[i], 0)
                        return i, more / more.sum()
                return len(x), p[max(len(x) - 1, 0)]
        """,
        "accepts only where p is at least q": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if p[i, x[i]] < q[i, x[i]]:
                        more = np.maximum(p[i] - q[i], 0)
                        return i, more / more.sum()
                return len(x), p[len(x)]
        """,
        "accepts with the target's probability": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    if u[i] >= p[i, x[i]]:
                        more = np.maximum(p[i] - q[i], 0)
                        return i, more / more.sum()
                return len(x), p[len(x)]
        """,
        "goes on after a rejection": """
            def verify(p, q, x, u):
                ok = [u[i] * q[i, x[i]] < p[i, x[i]] for i in range(len(x))]
                if all(ok):
                    return len(x), p[len(x)]
                i = ok.index(False)
                more = np.maximum(p[i] - q[i], 0)
                return sum(ok), more / more.sum()
        """,
        "fails where the target gives no chance": """
            def verify(p, q, x, u):
                for i in range(len(x)):
                    with np.errstate(all="raise"):
                        accept = np.exp(min(0, np.log(p[i, x[i]]) - np.log(q[i, x[i]])))
                    if u[i] >= accept:
                        more = np.maximum(p[i] - q[i], 0)
                        return i, more / more.sum()
                return len(x), p[len(x)]
        """,
        "only the first guess": """
            def verify(p, q, x, u):
                if len(x) and u[0] * q[0, x[0]] >= p[0, x[0]]:
                    more = np.maximum(p[0] - q[0], 0)
                    return 0, more / more.sum()
                return len(x), p[len(x)]
        """,
    },
    "how_many_guesses": {
        "no word on top": """
            def best_draft(a, c):
                gained = [0.0] + [np.cumprod(a)[:n].sum() / (1 + n * c) for n in range(1, len(a) + 1)]
                return int(np.argmax(gained))
        """,
        "adds chances": """
            def best_draft(a, c):
                return int(np.argmax([(1 + sum(a[:n])) / (1 + n * c) for n in range(len(a) + 1)]))
        """,
        "at least one": """
            def best_draft(a, c):
                if len(a) == 0:
                    return 0
                words = 1 + np.cumsum(np.cumprod(a))
                return 1 + int(np.argmax(words / (1 + c * np.arange(1, len(a) + 1))))
        """,
        "guesses cost nothing": """
            def best_draft(a, c):
                return len(a)
        """,
        "the mean chance at every place": """
            def best_draft(a, c):
                m = a.mean() if len(a) else 0
                return int(np.argmax([sum(m ** i for i in range(n + 1)) / (1 + n * c) for n in range(len(a) + 1)]))
        """,
        "the words, whatever they cost": """
            def best_draft(a, c):
                return int(np.argmax(1 + np.concatenate([[0.0], np.cumsum(np.cumprod(a))])))
        """,
        "the check is charged for every guess": """
            def best_draft(a, c):
                words = 1 + np.concatenate([[0.0], np.cumsum(np.cumprod(a))])
                return int(np.argmax(words / (1 + np.arange(len(a) + 1))))
        """,
        "while guesses are likelier than not": """
            def best_draft(a, c):
                return int((np.cumprod(a) > 0.5).sum())
        """,
    },
    "spend_the_budget": {
        "the surest guesses, wherever they stand": """
            def share_the_budget(a, budget):
                slots = [(-chance, r) for r, row in enumerate(a) for chance in row]
                chosen = [r for _, r in sorted(slots)[:budget]]
                return [chosen.count(r) for r in range(len(a))]
        """,
        "in turn": """
            def share_the_budget(a, budget):
                taken = [0] * len(a)
                while budget > 0 and any(t < len(row) for t, row in zip(taken, a)):
                    for r, row in enumerate(a):
                        if budget > 0 and taken[r] < len(row):
                            taken[r] += 1
                            budget -= 1
                return taken
        """,
        "the first user first": """
            def share_the_budget(a, budget):
                taken = []
                for row in a:
                    taken.append(min(len(row), budget))
                    budget -= taken[-1]
                return taken
        """,
        "stops where the next guess is unsure": """
            def share_the_budget(a, budget):
                slots = [(-np.prod(row[: i + 1]), r) for r, row in enumerate(a) for i in range(len(row))
                         if np.prod(row[: i + 1]) > 0.3]
                chosen = [r for _, r in sorted(slots)[:budget]]
                return [chosen.count(r) for r in range(len(a))]
        """,
        "the mean of the row so far": """
            def share_the_budget(a, budget):
                slots = [(-np.mean(row[: i + 1]), r) for r, row in enumerate(a) for i in range(len(row))]
                chosen = [r for _, r in sorted(slots)[:budget]]
                return [chosen.count(r) for r in range(len(a))]
        """,
        "a chain as strong as its weakest link": """
            def share_the_budget(a, budget):
                slots = [(-np.min(row[: i + 1]), r) for r, row in enumerate(a) for i in range(len(row))]
                chosen = [r for _, r in sorted(slots)[:budget]]
                return [chosen.count(r) for r in range(len(a))]
        """,
        "the product without its own chance": """
            def share_the_budget(a, budget):
                slots = [(-np.prod(row[:i]), r) for r, row in enumerate(a) for i in range(len(row))]
                chosen = [r for _, r in sorted(slots)[:budget]]
                return [chosen.count(r) for r in range(len(a))]
        """,
        "counts accepted in place of checked": """
            def share_the_budget(a, budget):
                slots = sorted((-np.prod(row[: i + 1]), r) for r, row in enumerate(a) for i in range(len(row)))
                return [-sum(v for v, r in slots[:budget] if r == k) for k in range(len(a))]
        """,
    },
}
