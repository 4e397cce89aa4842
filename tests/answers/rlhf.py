"""Answers to the exercises on RLHF: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "learn_from_comparisons": [
        """
        def pair_loss(r_chosen, r_rejected):
            x = r_chosen - r_rejected
            return (np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x)))).mean()
        """,
        """
        def pair_loss(r_chosen, r_rejected):
            high, low = np.maximum(r_chosen, r_rejected), np.minimum(r_chosen, r_rejected)
            return np.mean(high - r_chosen + np.log1p(np.exp(low - high)))
        """,
        """
        def pair_loss(r_chosen, r_rejected):
            x = r_chosen - r_rejected
            return np.mean(np.maximum(0, -x) + np.log(1 + np.exp(-np.abs(x))))
        """,
    ],
    "measure_the_distance": [
        """
        def far_from(log_pi, log_ref, mask):
            total = 0.0
            for a, b, real in zip(log_pi, log_ref, mask):
                x = (b - a)[real]
                total += np.sum(np.expm1(x) - x)
            return total / len(mask)
        """,
        """
        def far_from(log_pi, log_ref, mask):
            x = (log_ref - log_pi)[mask]
            near = np.abs(x) < 1e-3
            k3 = np.where(near, x**2 / 2 + x**3 / 6 + x**4 / 24, np.exp(x) - 1 - x)
            return k3.sum() / mask.shape[0]
        """,
    ],
    "law_of_the_best": [
        """
        def best_law(p, r, n):
            levels = np.unique(r)
            law, below = np.zeros(len(p)), 0.0
            for level in levels:
                on = r == level
                up = below + p[on].sum()
                law[on] = (up**n - below**n) * p[on] / p[on].sum()
                below = up
            return law
        """,
        """
        def best_law(p, r, n):
            # the first of the best at draw k: k draws below it, then it, then n − 1 − k that are no better
            below = (p * (r[None] < r[:, None])).sum(1)
            upto = (p * (r[None] <= r[:, None])).sum(1)
            return sum(below**k * p * upto**(n - 1 - k) for k in range(n))
        """,
    ],
}

WRONG = {
    "learn_from_comparisons": {
        "without the log": """
        def pair_loss(r_chosen, r_rejected):
            return np.mean(1 - 1 / (1 + np.exp(np.clip(r_rejected - r_chosen, -700, 700))))
        """,
        "the log of the mean": """
        def pair_loss(r_chosen, r_rejected):
            x = np.clip(r_chosen - r_rejected, -700, 700)
            return -np.log(np.mean(1 / (1 + np.exp(-x))))
        """,
        "rewards for their difference": """
        def pair_loss(r_chosen, r_rejected):
            return np.mean(np.logaddexp(0, -r_chosen) + np.logaddexp(0, r_rejected))
        """,
        "the wrong way round": """
        def pair_loss(r_chosen, r_rejected):
            return np.mean(np.logaddexp(0, r_chosen - r_rejected))
        """,
        "overflows": """
        def pair_loss(r_chosen, r_rejected):
            return np.mean(np.log(1 + np.exp(r_rejected - r_chosen)))
        """,
        "clipped": """
        def pair_loss(r_chosen, r_rejected):
            return np.mean(np.log(1 + np.exp(np.clip(r_rejected - r_chosen, -700, 700))))
        """,
        "the sum": """
        def pair_loss(r_chosen, r_rejected):
            return np.sum(np.logaddexp(0, r_rejected - r_chosen))
        """,
        "in bits": """
        def pair_loss(r_chosen, r_rejected):
            return np.mean(np.logaddexp(0, r_rejected - r_chosen)) / np.log(2)
        """,
        "the share that is ranked wrongly": """
        def pair_loss(r_chosen, r_rejected):
            return np.mean(r_chosen <= r_rejected) * 1.0
        """,
    },
    "measure_the_distance": {
        "the ratio upside down": """
        def far_from(log_pi, log_ref, mask):
            d = np.where(mask, log_pi - log_ref, 0.0)
            return (np.expm1(d) - d).sum(1).mean()
        """,
        "averaged over words": """
        def far_from(log_pi, log_ref, mask):
            d = np.where(mask, log_pi - log_ref, 0.0)
            return (np.expm1(-d) + d).sum() / mask.sum()
        """,
        "the mean of each answer's mean": """
        def far_from(log_pi, log_ref, mask):
            d = np.where(mask, log_pi - log_ref, 0.0)
            return ((np.expm1(-d) + d).sum(1) / mask.sum(1)).mean()
        """,
        "padding counted": """
        def far_from(log_pi, log_ref, mask):
            d = log_pi - log_ref
            return (np.expm1(-d) + d).sum(1).mean()
        """,
        "k1": """
        def far_from(log_pi, log_ref, mask):
            return np.where(mask, log_pi - log_ref, 0.0).sum(1).mean()
        """,
        "k2": """
        def far_from(log_pi, log_ref, mask):
            return (np.where(mask, log_pi - log_ref, 0.0) ** 2 / 2).sum(1).mean()
        """,
        "k3 of the whole answer": """
        def far_from(log_pi, log_ref, mask):
            d = np.where(mask, log_pi - log_ref, 0.0).sum(1)
            return (np.expm1(-d) + d).mean()
        """,
        "padding taken times zero": """
        def far_from(log_pi, log_ref, mask):
            d = (log_pi - log_ref) * mask
            return (np.expm1(-d) + d).sum(1).mean()
        """,
        "without expm1": """
        def far_from(log_pi, log_ref, mask):
            d = np.where(mask, log_pi - log_ref, 0.0)
            return (np.exp(-d) - 1 + d).sum(1).mean()
        """,
    },
    "law_of_the_best": {
        "ties ignored: the later one wins": """
        def best_law(p, r, n):
            law = np.zeros(len(p))
            order = np.argsort(r, kind="stable")
            reached = np.cumsum(p[order])
            law[order] = reached**n - (reached - p[order])**n
            return law
        """,
        "ties share alike": """
        def best_law(p, r, n):
            law = np.zeros(len(p))
            for i in range(len(p)):
                below, level = p[r < r[i]].sum(), p[r == r[i]].sum()
                law[i] = ((below + level) ** n - below**n) / (r == r[i]).sum()
            return law
        """,
        "ties get all of their level": """
        def best_law(p, r, n):
            law = np.zeros(len(p))
            for i in range(len(p)):
                below, level = p[r < r[i]].sum(), p[r == r[i]].sum()
                law[i] = (below + level) ** n - below**n
            return law
        """,
        "an answer comes once only": """
        def best_law(p, r, n):
            from itertools import permutations
            law = np.zeros(len(p))
            for draws in permutations(range(len(p)), min(n, len(p))):
                chance, left = 1.0, 1.0
                for i in draws:
                    chance, left = chance * p[i] / max(left, 1e-12), left - p[i]
                law[max(draws, key=lambda i: (r[i], -draws.index(i)))] += chance
            return law
        """,
        "n times p of the best": """
        def best_law(p, r, n):
            q = 1 - (1 - p) ** n
            return q / q.sum()
        """,
        "the tilt": """
        def best_law(p, r, n):
            q = p * np.exp((r - r.max()) * np.log(n))
            return q / q.sum()
        """,
        "the lowest reward": """
        def best_law(p, r, n):
            law = np.zeros(len(p))
            for i in range(len(p)):
                above, level = p[r > r[i]].sum(), p[r == r[i]].sum()
                law[i] = ((above + level) ** n - above**n) * p[i] / level
            return law
        """,
        "two draws, whatever n": """
        def best_law(p, r, n):
            law = np.zeros(len(p))
            for i in range(len(p)):
                below, level = p[r < r[i]].sum(), p[r == r[i]].sum()
                law[i] = ((below + level) ** 2 - below**2) * p[i] / level
            return law
        """,
    },
}
