"""Answers to the exercises on structured pruning: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "keep_two_of_four": [
        """
        def two_of_four(S):
            fours = S.reshape(len(S), -1, 4)
            rank = np.argsort(np.argsort(-fours, -1, kind="stable"), -1)
            return (rank < 2).reshape(S.shape)
        """,
        """
        def two_of_four(S):
            mask = np.zeros(S.shape, dtype=bool)
            for i, row in enumerate(S):
                for j in range(0, len(row), 4):
                    for k in range(4):
                        ahead = sum(row[j + l] > row[j + k] or (row[j + l] == row[j + k] and l < k) for l in range(4))
                        mask[i, j + k] = ahead < 2
            return mask
        """,
    ],
    "cut_whole_groups": [
        """
        def cut_groups(q, k, v, o, scores, keep, D):
            H, H_kv = q.shape[0] // D, k.shape[0] // D
            worth = [scores[g * H // H_kv : (g + 1) * H // H_kv].sum() for g in range(H_kv)]
            best = sorted(sorted(range(H_kv), key=lambda g: -worth[g])[:keep])
            d = q.shape[1]
            q4, o4 = q.reshape(H_kv, -1, d)[best], o.reshape(d, H_kv, -1)[:, best]
            k3, v3 = (x.reshape(H_kv, D, d)[best] for x in (k, v))
            return q4.reshape(-1, d), k3.reshape(-1, d), v3.reshape(-1, d), o4.reshape(d, -1)
        """,
        """
        def cut_groups(q, k, v, o, scores, keep, D):
            n = len(q) // len(k)
            worth = np.add.reduceat(scores, np.arange(0, len(scores), n))
            stay = np.zeros(len(worth), bool)
            stay[np.argsort(-worth, kind="stable")[:keep]] = True
            small, large = np.repeat(stay, D), np.repeat(stay, D * n)
            return q[large], k[small], v[small], o[:, large]
        """,
    ],
    "drop_by_a_common_scale": [
        """
        def to_drop(added, streams, n):
            worth = []
            for i in range(len(added)):
                for h in range(added[i].shape[1]):
                    size = np.sqrt((added[i][:, h] ** 2).sum(1)) / np.sqrt((streams[i] ** 2).sum(1))
                    worth.append((size.mean(), i, h))
            return [(i, h) for _, i, h in sorted(worth)[:n]]
        """,
    ],
    "repair_what_is_left": [
        """
        def repair(W, keep, H_whole, H_small):
            Y = H_whole @ W.T
            return np.linalg.solve(H_small.T @ H_small, H_small.T @ Y).T
        """,
        """
        def repair(W, keep, H_whole, H_small):
            return W @ H_whole.T @ np.linalg.pinv(H_small).T
        """,
    ],
}

WRONG = {
    "keep_two_of_four": {
        "half of the whole matrix": """
        def two_of_four(S):
            mask = np.zeros(S.size, bool)
            mask[np.argsort(-S.ravel(), kind="stable")[: S.size // 2]] = True
            return mask.reshape(S.shape)
        """,
        "half of each row": """
        def two_of_four(S):
            mask = np.zeros(S.shape, bool)
            best = np.argsort(-S, 1, kind="stable")[:, : S.shape[1] // 2]
            np.put_along_axis(mask, best, True, 1)
            return mask
        """,
        "a threshold, so ties keep three": """
        def two_of_four(S):
            fours = S.reshape(len(S), -1, 4)
            second = np.sort(fours, -1)[..., -2:-1]
            return (fours >= second).reshape(S.shape)
        """,
        "a strict threshold, so ties keep fewer": """
        def two_of_four(S):
            fours = S.reshape(len(S), -1, 4)
            third = np.sort(fours, -1)[..., 1:2]
            return (fours > third).reshape(S.shape)
        """,
        "the smallest two": """
        def two_of_four(S):
            fours = S.reshape(len(S), -1, 4)
            mask = np.zeros(fours.shape, bool)
            np.put_along_axis(mask, np.argsort(fours, -1, kind="stable")[..., :2], True, -1)
            return mask.reshape(S.shape)
        """,
        "of equal scores the last": """
        def two_of_four(S):
            fours = S.reshape(len(S), -1, 4)
            mask = np.zeros(fours.shape, bool)
            np.put_along_axis(mask, np.argsort(fours, -1, kind="stable")[..., 2:], True, -1)
            return mask.reshape(S.shape)
        """,
        "fours down the columns": """
        def two_of_four(S):
            T = S.T
            flat = np.resize(T.ravel(), (T.size // 4, 4))
            mask = np.zeros(flat.shape, bool)
            np.put_along_axis(mask, np.argsort(-flat, -1, kind="stable")[..., :2], True, -1)
            return mask.reshape(T.shape).T
        """,
        "every other column": """
        def two_of_four(S):
            mask = np.zeros(S.shape, bool)
            mask[:, ::2] = True
            return mask
        """,
        "one of every two": """
        def two_of_four(S):
            twos = S.reshape(len(S), -1, 2)
            mask = np.zeros(twos.shape, bool)
            np.put_along_axis(mask, np.argsort(-twos, -1, kind="stable")[..., :1], True, -1)
            return mask.reshape(S.shape)
        """,
        "four of eight": """
        def two_of_four(S):
            g = 8 if S.shape[1] % 8 == 0 else 4
            groups = S.reshape(len(S), -1, g)
            mask = np.zeros(groups.shape, bool)
            np.put_along_axis(mask, np.argsort(-groups, -1, kind="stable")[..., : g // 2], True, -1)
            return mask.reshape(S.shape)
        """,
        "by size, though scores may be negative": """
        def two_of_four(S):
            fours = np.abs(S).reshape(len(S), -1, 4)
            mask = np.zeros(fours.shape, bool)
            np.put_along_axis(mask, np.argsort(-fours, -1, kind="stable")[..., :2], True, -1)
            return mask.reshape(S.shape)
        """,
        "the first four of a row only": """
        def two_of_four(S):
            mask = np.ones(S.shape, bool)
            for i in range(len(S)):
                mask[i, np.argsort(-S[i, :4], kind="stable")[2:]] = False
            return mask
        """,
        "the pattern of the first row for all": """
        def two_of_four(S):
            fours = S[0].reshape(-1, 4)
            mask = np.zeros(fours.shape, bool)
            np.put_along_axis(mask, np.argsort(-fours, -1, kind="stable")[:, :2], True, -1)
            return np.tile(mask.ravel(), (len(S), 1))
        """,
        "the scores, not a mask": """
        def two_of_four(S):
            fours = S.reshape(len(S), -1, 4)
            mask = np.zeros(fours.shape)
            np.put_along_axis(mask, np.argsort(-fours, -1, kind="stable")[..., :2], 1, -1)
            return (mask * fours).reshape(S.shape)
        """,
    },
    "cut_whole_groups": {},
    "drop_by_a_common_scale": {
        "sizes summed": """
        def to_drop(added, streams, n):
            worth = {}
            for i, (a, x) in enumerate(zip(added, streams)):
                ratios = np.abs(a).sum(-1) / np.abs(x).sum(-1)[:, None]
                worth |= {(i, h): v for h, v in enumerate(ratios.mean(0))}
            return sorted(worth, key=worth.get)[:n]
        """,
        "a stream's spread for its length": """
        def to_drop(added, streams, n):
            worth = {}
            for i, (a, x) in enumerate(zip(added, streams)):
                ratios = np.linalg.norm(a, axis=-1) / (x.std(-1) * x.shape[-1] ** 0.5 + 1e-12)[:, None]
                worth |= {(i, h): v for h, v in enumerate(ratios.mean(0))}
            return sorted(worth, key=worth.get)[:n]
        """,
    },
    "repair_what_is_left": {},
}


def _by(worth, order="np.sort(np.argsort(-worth, kind='stable')[:keep])", rows=None, columns="o[:, rows]"):
    rows = rows or "(heads[:, None] * D + np.arange(D)).ravel()"
    return f"""
def cut_groups(q, k, v, o, scores, keep, D):
    H, H_kv = len(q) // D, len(k) // D
    share = H // H_kv
    S = np.reshape(scores, (H_kv, share))
    worth = {worth}
    groups = {order}
    heads = (groups[:, None] * share + np.arange(share)).ravel()
    rows = {rows}
    small = (groups[:, None] * D + np.arange(D)).ravel()
    return q[rows], k[small], v[small], {columns}
"""


WRONG["cut_whole_groups"] = {
    "by the largest head": _by("S.max(1)"),
    "by the smallest head": _by("S.min(1)"),
    "by the first head": _by("S[:, 0]"),
    "by the last head": _by("S[:, -1]"),
    "by the median head": _by("np.median(S, 1) if share > 2 else S.max(1)"),
    "by the product": _by("S.prod(1)"),
    "by the length": _by("(S ** 2).sum(1)"),
    "by the sum of sizes": _by("np.abs(S).sum(1)"),
    "by the spread": _by("S.std(1)"),
    "the least groups": _by("-S.sum(1)"),
    "the groups best first": _by("S.sum(1)", "np.argsort(-worth, kind='stable')[:keep]"),
    "of equal ones the last": _by("S.sum(1)", "np.sort(np.argsort(worth, kind='stable')[-keep:])"),
    "the first groups, whatever the scores": _by("S.sum(1)", "np.arange(keep)"),
    "one group too many": _by("S.sum(1)", "np.sort(np.argsort(-worth, kind='stable')[:keep + 1])"),
    "the columns of o are the first": _by("S.sum(1)", columns="o[:, :len(rows)]"),
    "o keeps all its columns": _by("S.sum(1)", columns="o"),
    "rows of o instead of columns": _by("S.sum(1)", columns="o[rows % len(o)]"),
    "heads of a group are every other": _by("np.reshape(scores, (share, H_kv)).sum(0)"),
    "single query heads by their own score": """
        def cut_groups(q, k, v, o, scores, keep, D):
            H, H_kv = len(q) // D, len(k) // D
            heads = np.sort(np.argsort(-scores, kind="stable")[: keep * H // H_kv])
            rows = (heads[:, None] * D + np.arange(D)).ravel()
            groups = np.unique(heads // (H // H_kv))[:keep]
            small = (groups[:, None] * D + np.arange(D)).ravel()
            return q[rows], k[small], v[small], o[:, rows]
        """,
    "a head is one row": """
        def cut_groups(q, k, v, o, scores, keep, D):
            H, H_kv = len(q) // D, len(k) // D
            worth = np.reshape(scores, (H_kv, -1)).sum(1)
            groups = np.sort(np.argsort(-worth, kind="stable")[:keep])
            heads = (groups[:, None] * (H // H_kv) + np.arange(H // H_kv)).ravel()
            return q[heads], k[groups], v[groups], o[:, heads]
        """,
    "keys and values stay whole": _by("S.sum(1)").replace("k[small], v[small]", "k, v"),
    "numbers set to zero": """
        def cut_groups(q, k, v, o, scores, keep, D):
            H, H_kv = len(q) // D, len(k) // D
            worth = np.reshape(scores, (H_kv, -1)).sum(1)
            stay = np.zeros(H_kv, bool)
            stay[np.argsort(-worth, kind="stable")[:keep]] = True
            large, small = np.repeat(stay, D * H // H_kv), np.repeat(stay, D)
            return q * large[:, None], k * small[:, None], v * small[:, None], o * large
        """,
}


def _drop(worth, end=""):
    return f"""
def to_drop(added, streams, n):
    found = []
    for a, x in zip(added, streams):
        size, length = np.linalg.norm(a, axis=-1), np.linalg.norm(x, axis=-1)
        found.append({worth})
    worth = np.array(found)
    {end or "gone = np.argsort(worth, axis=None, kind='stable')[:n]"}
    return [(int(g) // worth.shape[1], int(g) % worth.shape[1]) for g in gone]
"""


WRONG["drop_by_a_common_scale"] = {
    "by size alone": _drop("size.mean(0)"),
    "a ratio of means": _drop("size.mean(0) / length.mean()"),
    "a ratio of root mean squares": _drop("np.sqrt((size ** 2).mean(0) / (length ** 2).mean())"),
    "the root mean square of ratios": _drop("np.sqrt(((size / length[:, None]) ** 2).mean(0))"),
    "the largest ratio": _drop("(size / length[:, None]).max(0)"),
    "the smallest ratio": _drop("(size / length[:, None]).min(0)"),
    "the median ratio": _drop("np.median(size / length[:, None], 0)"),
    "at the first word": _drop("(size / length[:, None])[0]"),
    "at the last word": _drop("(size / length[:, None])[-1]"),
    "times the stream": _drop("(size * length[:, None]).mean(0)"),
    "over the layer's mean head": _drop("size.mean(0) / size.mean()"),
    "over the layer's largest head": _drop("size.mean(0) / size.mean(0).max()"),
    "the most instead of the least": _drop(
        "(size / length[:, None]).mean(0)", "gone = np.argsort(-worth, axis=None)[:n]"
    ),
    "the least last": _drop("(size / length[:, None]).mean(0)", "gone = np.argsort(worth, axis=None)[:n][::-1]"),
    "one too few": _drop("(size / length[:, None]).mean(0)", "gone = np.argsort(worth, axis=None)[: max(n - 1, 0)]"),
    "the first layer's stream for all": """
        def to_drop(added, streams, n):
            x = np.linalg.norm(streams[0], axis=-1)
            worth = np.array([(np.linalg.norm(a, axis=-1) / x[:, None]).mean(0) for a in added])
            gone = np.argsort(worth, axis=None)[:n]
            return [(int(g) // worth.shape[1], int(g) % worth.shape[1]) for g in gone]
        """,
    "head before layer": """
        def to_drop(added, streams, n):
            worth = np.array([(np.linalg.norm(a, axis=-1) / np.linalg.norm(x, axis=-1)[:, None]).mean(0)
                              for a, x in zip(added, streams)])
            gone = np.argsort(worth, axis=None)[:n]
            return [(int(g) % worth.shape[1], int(g) // worth.shape[1]) for g in gone]
        """,
    "as many from each layer": """
        def to_drop(added, streams, n):
            gone = []
            for i, (a, x) in enumerate(zip(added, streams)):
                worth = (np.linalg.norm(a, axis=-1) / np.linalg.norm(x, axis=-1)[:, None]).mean(0)
                gone += [(worth[h], i, int(h)) for h in np.argsort(worth)[: -(-n // len(added))]]
            return [(i, h) for _, i, h in sorted(gone)[:n]]
        """,
    "the length of the mean": """
        def to_drop(added, streams, n):
            worth = np.array([np.linalg.norm((a / np.linalg.norm(x, axis=-1)[:, None, None]).mean(0), axis=-1)
                              for a, x in zip(added, streams)])
            gone = np.argsort(worth, axis=None)[:n]
            return [(int(g) // worth.shape[1], int(g) % worth.shape[1]) for g in gone]
        """,
}


def _fit(result, first="Y = H_whole @ W.T"):
    return f"""
def repair(W, keep, H_whole, H_small):
    {first}
    return {result}
"""


WRONG["repair_what_is_left"] = {
    "the columns as they were": _fit("W[:, keep]"),
    "fitted to the whole model's neurons": _fit("np.linalg.lstsq(H_whole[:, keep], Y, rcond=None)[0].T"),
    "what the neurons that stayed said is the target": _fit(
        "np.linalg.lstsq(H_small, Y, rcond=None)[0].T", "Y = H_whole[:, keep] @ W[:, keep].T"
    ),
    "what the cut layer says is the target": _fit(
        "np.linalg.lstsq(H_small, Y, rcond=None)[0].T", "Y = H_small @ W[:, keep].T"
    ),
    "not transposed": _fit("np.linalg.lstsq(H_small, Y, rcond=None)[0]"),
    "scaled by how many stayed": _fit("W[:, keep] * (W.shape[1] / len(keep))"),
    "scaled to the output's length": _fit("W[:, keep] * np.linalg.norm(Y) / np.linalg.norm(H_small @ W[:, keep].T)"),
    "a strong ridge": _fit("np.linalg.solve(H_small.T @ H_small + np.eye(len(keep)), H_small.T @ Y).T"),
    "means taken off": _fit("np.linalg.lstsq(H_small - H_small.mean(0), Y - Y.mean(0), rcond=None)[0].T"),
    "each neuron alone": _fit("((H_small.T @ Y) / (H_small ** 2).sum(0)[:, None]).T"),
    "without the inverse": _fit("(H_small.T @ Y).T"),
    "the first word only": _fit("np.linalg.lstsq(H_small[:1], Y[:1], rcond=None)[0].T"),
    "half of the words": _fit("np.linalg.lstsq(H_small[::2], Y[::2], rcond=None)[0].T"),
    "the first neurons": _fit("np.linalg.lstsq(H_small, H_whole[:, :len(keep)] @ W[:, :len(keep)].T, rcond=None)[0].T"),
    "a correction that is not added": _fit("np.linalg.lstsq(H_small, Y - H_small @ W[:, keep].T, rcond=None)[0].T"),
    "all columns": _fit("np.linalg.lstsq(H_whole, Y, rcond=None)[0].T"),
}
