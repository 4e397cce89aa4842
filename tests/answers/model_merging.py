"""Answers to the exercises on model merging: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "let_them_vote": [
        """
        def ties(changes, density, lam):
            merged = {}
            for name, first in changes[0].items():
                rows = []
                for change in changes:
                    x = change[name].ravel().copy()
                    drop = np.argsort(np.abs(x))[: x.size - int(density * x.size)]
                    x[drop] = 0
                    rows.append(x)
                rows = np.array(rows)
                total, out = rows.sum(0), np.zeros(first.size)
                for i in range(first.size):
                    side = rows[:, i][rows[:, i] > 0] if total[i] >= 0 else rows[:, i][rows[:, i] < 0]
                    if side.size:
                        out[i] = lam * side.mean()
                merged[name] = out.reshape(first.shape)
            return merged
        """,
    ],
    "drop_and_rescale": [
        """
        def dare(changes, p, rng):
            out = []
            for x in changes:
                kept = rng.binomial(1, 1 - p, size=x.shape).astype(bool)
                y = np.zeros(x.shape)
                y[kept] = x[kept] / (1 - p)
                out.append(y)
            return out
        """,
    ],
    "keep_the_length": [
        """
        def slerp(t, a, b):
            u, v = a / np.linalg.norm(a), b / np.linalg.norm(b)
            # half the angle from the lengths of difference and sum: exact for small angles, too
            omega = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
            if omega < 1e-7:
                return a + t * (b - a)
            return (np.sin(omega - t * omega) * a + np.sin(t * omega) * b) / np.sin(omega)
        """,
    ],
    "cook_a_soup": [
        """
        def soup(models, score):
            scores = np.array([score(m) for m in models])
            places = list(np.argsort(-scores, kind="stable"))
            total, taken = models[places[0]].copy(), [int(places[0])]
            best = scores[places[0]]
            for i in places[1:]:
                new = score((total + models[i]) / (len(taken) + 1))
                if new >= best:
                    total, best = total + models[i], new
                    taken.append(int(i))
            return total / len(taken), taken
        """,
    ],
    "uncover_a_merge": [
        """
        def uncover(base, parents, merged):
            T = np.array([(p - base).ravel() for p in parents])
            y = (merged - base).ravel()
            lam = np.linalg.pinv(T.T) @ y
            return lam, np.linalg.norm(y - lam @ T) / np.linalg.norm(y)
        """,
    ],
}

_TIES = """
        def ties(changes, density, lam):
            merged = {{}}
            for name in changes[0]:
                stack = np.stack([c[name] for c in changes])
                kept = np.zeros_like(stack)
                for k, x in enumerate(stack):
                    n = int(density * x.size)
                    top = np.argsort({order})[:n]
                    kept[k].flat[top] = x.flat[top]
                sign = {sign}
                agree = {agree}
                merged[name] = {merge}
            return merged
        """
_PARTS = {
    "order": "-np.abs(x).ravel()",
    "sign": "np.where(kept.sum(0) >= 0, 1, -1)",
    "agree": "kept * sign > 0",
    "merge": "lam * (kept * agree).sum(0) / np.maximum(agree.sum(0), 1)",
}


def _ties(**other):
    return _TIES.format(**(_PARTS | other))


WRONG = {
    "let_them_vote": {
        "keeps by value, not by size": _ties(order="-x.ravel()"),
        "keeps the smallest": _ties(order="np.abs(x).ravel()"),
        "the mean over all models": _ties(merge="lam * (kept * agree).sum(0) / len(changes)"),
        "the mean over all that are not trimmed": _ties(
            merge="lam * (kept * agree).sum(0) / np.maximum((kept != 0).sum(0), 1)"
        ),
        "zeros count as agreeing": _ties(agree="kept * sign >= 0"),
        "the sum of those that agree": _ties(merge="lam * (kept * agree).sum(0)"),
        "the majority by number": _ties(sign="np.where(np.sign(kept).sum(0) >= 0, 1, -1)"),
        "the sign of the untrimmed sum": _ties(sign="np.where(stack.sum(0) >= 0, 1, -1)"),
        "no scale": _ties(merge="(kept * agree).sum(0) / np.maximum(agree.sum(0), 1)"),
        "a tie is negative": _ties(sign="np.where(kept.sum(0) > 0, 1, -1)"),
        "no trimming": _ties(order="-np.abs(x).ravel()", agree="stack * sign > 0").replace(
            "kept = np.zeros_like(stack)", "kept = stack.copy()"
        ),
        "trims over all arrays of a model together": """
        def ties(changes, density, lam):
            names, merged = list(changes[0]), {}
            flat = np.stack([np.concatenate([c[n].ravel() for n in names]) for c in changes])
            for x in flat:
                x[np.argsort(-np.abs(x))[int(density * x.size):]] = 0
            sign = np.where(flat.sum(0) >= 0, 1, -1)
            agree = flat * sign > 0
            mean = lam * (flat * agree).sum(0) / np.maximum(agree.sum(0), 1)
            at = 0
            for n in names:
                size = changes[0][n].size
                merged[n] = mean[at:at + size].reshape(changes[0][n].shape)
                at += size
            return merged
        """,
        "trims the arrays that it was given": """
        def ties(changes, density, lam):
            merged = {}
            for name in changes[0]:
                for c in changes:
                    x = c[name].reshape(-1)
                    x[np.argsort(-np.abs(x), kind="stable")[int(density * x.size):]] = 0
                kept = np.stack([c[name] for c in changes])
                sign = np.where(kept.sum(0) >= 0, 1, -1)
                agree = kept * sign > 0
                merged[name] = lam * (kept * agree).sum(0) / np.maximum(agree.sum(0), 1)
            return merged
        """,
    },
    "drop_and_rescale": {
        "rescaled by 1/p": """
        def dare(changes, p, rng):
            return [np.where(rng.random(x.shape) >= p, x, 0) / (p or 1) for x in changes]
        """,
        "not rescaled": """
        def dare(changes, p, rng):
            return [np.where(rng.random(x.shape) >= p, x, 0) for x in changes]
        """,
        "keeps p, not 1 - p": """
        def dare(changes, p, rng):
            return [np.where(rng.random(x.shape) < p, x, 0) / (1 - p) for x in changes]
        """,
        "one mask for all models": """
        def dare(changes, p, rng):
            kept = rng.random(changes[0].shape) >= p
            return [x * kept / (1 - p) for x in changes]
        """,
        "drops the smallest": """
        def dare(changes, p, rng):
            return [np.where(np.abs(x) >= np.quantile(np.abs(x), p), x, 0) / (1 - p) for x in changes]
        """,
        "drops whole rows": """
        def dare(changes, p, rng):
            return [x * (rng.random(len(x)) >= p).reshape(-1, *[1] * (x.ndim - 1)) / (1 - p) for x in changes]
        """,
        "a draw of its own": """
        def dare(changes, p, rng):
            return [np.where(np.random.random(x.shape) >= p, x, 0) / (1 - p) for x in changes]
        """,
        "rescaled to the same length": """
        def dare(changes, p, rng):
            kept = [np.where(rng.random(x.shape) >= p, x, 0) for x in changes]
            return [y * np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(changes, kept)]
        """,
        "a fixed number is dropped": """
        def dare(changes, p, rng):
            out = []
            for x in changes:
                y = x.ravel() / (1 - p)
                y[rng.permutation(x.size)[: round(p * x.size)]] = 0
                out.append(y.reshape(x.shape))
            return out
        """,
        "a second mask that is the first one turned round": """
        def dare(changes, p, rng):
            u = rng.random(changes[0].shape)
            return [np.where(v >= p, x, 0) / (1 - p) for x, v in zip(changes, (u, 1 - u))]
        """,
    },
    "keep_the_length": {
        "the chord": """
        def slerp(t, a, b):
            return (1 - t) * a + t * b
        """,
        "the chord brought to the mean length": """
        def slerp(t, a, b):
            c = (1 - t) * a + t * b
            return c / np.linalg.norm(c) * ((1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b))
        """,
        "fails for parallel arrays": """
        def slerp(t, a, b):
            cos = np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))
            o = np.arccos(np.clip(cos, -1, 1))
            return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)
        """,
        "arccos past 1 is NaN": """
        def slerp(t, a, b):
            o = np.arccos(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)))
            if np.sin(o) < 1e-6:
                return (1 - t) * a + t * b
            return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)
        """,
        "a straight line below two degrees": """
        def slerp(t, a, b):
            cos = np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))
            if cos > 0.9995:
                return (1 - t) * a + t * b
            o = np.arccos(np.clip(cos, -1, 1))
            if np.sin(o) < 1e-6:
                return (1 - t) * a + t * b
            return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)
        """,
        "ignores t": """
        def slerp(t, a, b):
            o = np.arccos(np.clip(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)), -1, 1))
            if np.sin(o) < 1e-6:
                return (a + b) / 2
            return np.sin(o / 2) * (a + b) / np.sin(o)
        """,
        "from b to a": """
        def slerp(t, a, b):
            o = np.arccos(np.clip(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)), -1, 1))
            if np.sin(o) < 1e-6:
                return t * a + (1 - t) * b
            return (np.sin(t * o) * a + np.sin((1 - t) * o) * b) / np.sin(o)
        """,
        "loses the lengths": """
        def slerp(t, a, b):
            a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
            o = np.arccos(np.clip(np.sum(a * b), -1, 1))
            if np.sin(o) < 1e-6:
                return (1 - t) * a + t * b
            return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)
        """,
        "an angle from arrays that are not normed": """
        def slerp(t, a, b):
            o = np.arccos(np.clip(np.sum(a * b), -1, 1))
            if np.sin(o) < 1e-6:
                return (1 - t) * a + t * b
            return (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / np.sin(o)
        """,
        "an angle for each row": """
        def slerp(t, a, b):
            def dot(x, y):
                return (x * y).sum(-1, keepdims=True)

            cos = dot(a, b) / np.sqrt(dot(a, a) * dot(b, b))
            o = np.arccos(np.clip(cos, -1, 1))
            s = np.where(np.sin(o) < 1e-6, 1, np.sin(o))
            arc = (np.sin((1 - t) * o) * a + np.sin(t * o) * b) / s
            return np.where(np.sin(o) < 1e-6, (1 - t) * a + t * b, arc)
        """,
    },
    "cook_a_soup": {
        "all of them": """
        def soup(models, score):
            return np.mean(models, axis=0), list(range(len(models)))
        """,
        "the best alone": """
        def soup(models, score):
            best = max(range(len(models)), key=lambda i: score(models[i]))
            return models[best], [best]
        """,
        "keeps a worse mix": """
        def soup(models, score):
            order = sorted(range(len(models)), key=lambda i: -score(models[i]))
            taken = [order[0]]
            for i in order[1:]:
                tried = np.mean([models[j] for j in [*taken, i]], axis=0)
                if score(tried) >= score(models[i]):
                    taken.append(i)
            return np.mean([models[j] for j in taken], axis=0), taken
        """,
        "in the order that they came in": """
        def soup(models, score):
            taken = [0]
            for i in range(1, len(models)):
                now = np.mean([models[j] for j in taken], axis=0)
                tried = np.mean([models[j] for j in [*taken, i]], axis=0)
                if score(tried) >= score(now):
                    taken.append(i)
            return np.mean([models[j] for j in taken], axis=0), taken
        """,
        "from the worst to the best": """
        def soup(models, score):
            order = sorted(range(len(models)), key=lambda i: score(models[i]))
            taken = [order[0]]
            for i in order[1:]:
                now = np.mean([models[j] for j in taken], axis=0)
                tried = np.mean([models[j] for j in [*taken, i]], axis=0)
                if score(tried) >= score(now):
                    taken.append(i)
            return np.mean([models[j] for j in taken], axis=0), taken
        """,
        "halves at each step": """
        def soup(models, score):
            order = sorted(range(len(models)), key=lambda i: -score(models[i]))
            taken, now = [order[0]], models[order[0]]
            for i in order[1:]:
                tried = (now + models[i]) / 2
                if score(tried) >= score(now):
                    taken, now = [*taken, i], tried
            return now, taken
        """,
        "asks four times for each model": """
        def soup(models, score):
            order = sorted(range(len(models)), key=lambda i: -score(models[i]))
            taken = [order[0]]
            for i in order[1:]:
                now = np.mean([models[j] for j in taken], axis=0)
                tried = np.mean([models[j] for j in [*taken, i]], axis=0)
                if score(tried) >= score(now) and max(score(tried), score(now)) > -np.inf:
                    taken.append(i)
            return np.mean([models[j] for j in taken], axis=0), taken
        """,
        "an equal soup is refused": """
        def soup(models, score):
            order = sorted(range(len(models)), key=lambda i: -score(models[i]))
            taken = [order[0]]
            for i in order[1:]:
                now = np.mean([models[j] for j in taken], axis=0)
                tried = np.mean([models[j] for j in [*taken, i]], axis=0)
                if score(tried) > score(now):
                    taken.append(i)
            return np.mean([models[j] for j in taken], axis=0), taken
        """,
        "the best of all mixtures, found by trying all": """
        def soup(models, score):
            best, found = -np.inf, None
            for bits in range(1, 2 ** len(models)):
                taken = [i for i in range(len(models)) if bits >> i & 1]
                s = score(np.mean([models[i] for i in taken], axis=0))
                if s > best:
                    best, found = s, taken
            found = sorted(found, key=lambda i: -score(models[i]))
            return np.mean([models[i] for i in found], axis=0), found
        """,
    },
    "uncover_a_merge": {
        "cosines in the place of shares": """
        def uncover(base, parents, merged):
            y = (merged - base).ravel()
            T = np.array([(p - base).ravel() for p in parents])
            lam = T @ y / np.sqrt((T**2).sum(1) * (y @ y))
            return lam, np.linalg.norm(y - lam @ T) / np.linalg.norm(y)
        """,
        "each parent for itself": """
        def uncover(base, parents, merged):
            y = (merged - base).ravel()
            T = np.array([(p - base).ravel() for p in parents])
            lam = T @ y / (T**2).sum(1)
            return lam, np.linalg.norm(y - lam @ T) / np.linalg.norm(y)
        """,
        "forgets the base": """
        def uncover(base, parents, merged):
            T = np.array([p.ravel() for p in parents]).T
            y = merged.ravel()
            lam, *_ = np.linalg.lstsq(T, y, rcond=None)
            return lam, np.linalg.norm(y - T @ lam) / np.linalg.norm(y)
        """,
        "shares that sum to one": """
        def uncover(base, parents, merged):
            y = (merged - base).ravel()
            T = np.array([(p - base).ravel() for p in parents]).T
            lam, *_ = np.linalg.lstsq(T, y, rcond=None)
            lam = lam / lam.sum()
            return lam, np.linalg.norm(y - T @ lam) / np.linalg.norm(y)
        """,
        "no negative shares": """
        def uncover(base, parents, merged):
            y = (merged - base).ravel()
            T = np.array([(p - base).ravel() for p in parents]).T
            lam, *_ = np.linalg.lstsq(T, y, rcond=None)
            lam = np.maximum(lam, 0.1)
            return lam, np.linalg.norm(y - T @ lam) / np.linalg.norm(y)
        """,
        "what is left is squared": """
        def uncover(base, parents, merged):
            y = (merged - base).ravel()
            T = np.array([(p - base).ravel() for p in parents]).T
            lam, *_ = np.linalg.lstsq(T, y, rcond=None)
            return lam, ((y - T @ lam) ** 2).sum() / (y @ y)
        """,
        "what is left over the merged model's length": """
        def uncover(base, parents, merged):
            y = (merged - base).ravel()
            T = np.array([(p - base).ravel() for p in parents]).T
            lam, *_ = np.linalg.lstsq(T, y, rcond=None)
            return lam, np.linalg.norm(y - T @ lam) / np.linalg.norm(merged)
        """,
    },
}
