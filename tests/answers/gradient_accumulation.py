"""Answers to the exercises on gradient accumulation: right ones, written another way, and wrong ones."""

RIGHT = {
    "add_up_the_pieces": [
        """
        def batch_gradient(ranks, limit):
            pieces = [piece for rank in ranks for piece in rank]
            N = sum((labels[:, 1:] != -100).sum() for g, labels in pieces)
            G = sum(np.einsum("ntp,nt->p", g, (labels[:, 1:] != -100) / N) for g, labels in pieces)
            length = np.linalg.norm(G)
            return G if length <= limit else G / length * limit
        """,
        """
        def batch_gradient(ranks, limit):
            rows = [g[i, t] for rank in ranks for g, labels in rank
                    for i in range(len(g)) for t in range(g.shape[1]) if labels[i, t + 1] >= 0]
            G = np.mean(rows, axis=0)
            return G / max(1.0, np.sqrt((G ** 2).sum()) / limit)
        """,
    ],
    "noise_from_pieces": [
        """
        def noise_scale(g, b):
            k = len(g)
            small, big = (g ** 2).sum(1).mean(), (g.mean(0) ** 2).sum()
            G2 = (k * big - small) / (k - 1)
            S = (small - big) / (1 / b - 1 / (k * b))
            return S / G2
        """,
        """
        def noise_scale(g, b):
            S = b * np.var(g, axis=0, ddof=1).sum()
            G2 = np.sum(g.mean(0) ** 2) - np.var(g, axis=0, ddof=1).sum() / len(g)
            return S / G2
        """,
        """
        def noise_scale(g, b):
            k = len(g)
            dots = g @ g.T
            G2 = (dots.sum() - np.trace(dots)) / (k * (k - 1))
            return b * (np.trace(dots) / k - G2) / G2
        """,
    ],
}

WRONG = {
    "add_up_the_pieces": {
        "averages each piece, then the pieces": """
            def batch_gradient(ranks, limit):
                means = [g[labels[:, 1:] != -100].mean(0) for rank in ranks for g, labels in rank
                         if (labels[:, 1:] != -100).any()]
                G = np.mean(means, axis=0)
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "averages GPUs that had different counts": """
            def batch_gradient(ranks, limit):
                means = []
                for rank in ranks:
                    rows = np.concatenate([g[labels[:, 1:] != -100] for g, labels in rank])
                    means.append(rows.mean(0))
                G = np.mean(means, axis=0)
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "counts padding and prompts": """
            def batch_gradient(ranks, limit):
                rows = np.concatenate([g.reshape(-1, g.shape[-1]) for rank in ranks for g, labels in rank])
                G = rows.mean(0)
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "leaves padding out of the sum but not of the count": """
            def batch_gradient(ranks, limit):
                total, n = 0, 0
                for rank in ranks:
                    for g, labels in rank:
                        total = total + g[labels[:, 1:] != -100].sum(0)
                        n += g.shape[0] * g.shape[1]
                G = total / n
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "counts the first word": """
            def batch_gradient(ranks, limit):
                total, n = 0, 0
                for rank in ranks:
                    for g, labels in rank:
                        total = total + g[labels[:, 1:] != -100].sum(0)
                        n += (labels != -100).sum()
                G = total / n
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "shifts the labels the wrong way": """
            def batch_gradient(ranks, limit):
                rows = np.concatenate([g[labels[:, :-1] != -100] for rank in ranks for g, labels in rank])
                G = rows.mean(0)
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "forgets an incomplete last piece": """
            def batch_gradient(ranks, limit):
                full = max(len(g) for rank in ranks for g, labels in rank)
                rows = [g[labels[:, 1:] != -100] for rank in ranks for g, labels in rank if len(g) == full]
                G = np.concatenate(rows).mean(0)
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "clips each piece's share before adding": """
            def batch_gradient(ranks, limit):
                pieces = [piece for rank in ranks for piece in rank]
                N = sum((labels[:, 1:] != -100).sum() for g, labels in pieces)
                total = 0
                for g, labels in pieces:
                    share = g[labels[:, 1:] != -100].sum(0) / N
                    total = total + share * min(1, limit / max(np.linalg.norm(share), 1e-12))
                return total
        """,
        "clips each number by itself": """
            def batch_gradient(ranks, limit):
                G = np.concatenate([g[labels[:, 1:] != -100] for rank in ranks for g, labels in rank]).mean(0)
                return np.clip(G, -limit, limit)
        """,
        "never clips": """
            def batch_gradient(ranks, limit):
                return np.concatenate([g[labels[:, 1:] != -100] for rank in ranks for g, labels in rank]).mean(0)
        """,
        "always stretches to the limit": """
            def batch_gradient(ranks, limit):
                G = np.concatenate([g[labels[:, 1:] != -100] for rank in ranks for g, labels in rank]).mean(0)
                return G / np.linalg.norm(G) * limit
        """,
        "clips the sum before it is divided": """
            def batch_gradient(ranks, limit):
                rows = np.concatenate([g[labels[:, 1:] != -100] for rank in ranks for g, labels in rank])
                total = rows.sum(0)
                return total * min(1, limit / np.linalg.norm(total)) / len(rows)
        """,
        "looks at the first GPU only": """
            def batch_gradient(ranks, limit):
                G = np.concatenate([g[labels[:, 1:] != -100] for g, labels in ranks[0]]).mean(0)
                return G * min(1, limit / np.linalg.norm(G))
        """,
        "weighs each text alike": """
            def batch_gradient(ranks, limit):
                means = [g[i][labels[i, 1:] != -100].mean(0) for rank in ranks for g, labels in rank
                         for i in range(len(g)) if (labels[i, 1:] != -100).any()]
                G = np.mean(means, axis=0)
                return G * min(1, limit / np.linalg.norm(G))
        """,
    },
    "noise_from_pieces": {
        "leaves the noise in the squared length": """
            def noise_scale(g, b):
                k, G = len(g), g.mean(0)
                return b * ((g - G) ** 2).sum() / (k - 1) / (G @ G)
        """,
        "takes the noise of one text off, not of the batch": """
            def noise_scale(g, b):
                k, G = len(g), g.mean(0)
                S = b * ((g - G) ** 2).sum() / (k - 1)
                return S / (G @ G - S / b)
        """,
        "divides the scatter by k": """
            def noise_scale(g, b):
                k, G = len(g), g.mean(0)
                S = b * ((g - G) ** 2).sum() / k
                return S / (G @ G - S / (k * b))
        """,
        "gives pieces, not texts": """
            def noise_scale(g, b):
                k, G = len(g), g.mean(0)
                S = ((g - G) ** 2).sum() / (k - 1)
                return S / (G @ G - S / k)
        """,
        "divides by the texts of a piece": """
            def noise_scale(g, b):
                k, G = len(g), g.mean(0)
                S = ((g - G) ** 2).sum() / (k - 1) / b
                return S / (G @ G - S / k)
        """,
        "knows one batch size only": """
            def noise_scale(g, b):
                small, big = (g ** 2).sum(1).mean(), (g.mean(0) ** 2).sum()
                return b * (small - big) / big
        """,
        "the mean of the numbers' own ratios": """
            def noise_scale(g, b):
                k, G = len(g), g.mean(0)
                S = b * ((g - G) ** 2).sum(0) / (k - 1)
                return np.mean(S / (G ** 2 - S / (k * b)))
        """,
        "upside down": """
            def noise_scale(g, b):
                k, G = len(g), g.mean(0)
                S = b * ((g - G) ** 2).sum() / (k - 1)
                return (G @ G - S / (k * b)) / S
        """,
    },
}
