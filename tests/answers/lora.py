"""Answers to the exercises on LoRA: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "serve_each_its_own": [
        """
        def serve(x, W, adapters, which):
            merged = [W + alpha / B.shape[1] * B @ A for A, B, alpha in adapters] + [W]
            return np.stack([x[n] @ merged[k].T for n, k in enumerate(which)])
        """,
        """
        def serve(x, W, adapters, which):
            y = np.einsum("nti,oi->nto", x, W)
            for k, (A, B, alpha) in enumerate(adapters):
                mine = (np.array(which) == k)[:, None, None]
                y = y + mine * (alpha / A.shape[0]) * np.einsum("nti,ri,or->nto", x, A, B)
            return y
        """,
    ],
    "merge_and_keep_the_base": [
        """
        def merged(W, adapters):
            return W + sum((alpha / B.shape[1]) * np.einsum("or,ri->oi", B, A) for A, B, alpha in adapters)
        """,
        """
        def merged(W, adapters):
            if not adapters:
                return W.copy()
            A = np.vstack([A * (alpha / len(A)) for A, _, alpha in adapters])
            B = np.hstack([B for _, B, _ in adapters])
            return W + B @ A
        """,
    ],
    "count_what_is_trained": [
        """
        def trained(layer, L, r, chosen):
            n = 0
            for name, (out, fan_in) in layer.items():
                if name in chosen:
                    n += r * out + r * fan_in
            return n * L
        """,
    ],
    "send_the_gradient_on": [
        """
        def gradients(G, A, B, s):
            return s * np.einsum("or,oi->ri", B, G), s * np.einsum("oi,ri->or", G, A)
        """,
        """
        def gradients(G, A, B, s):
            G = s * G
            return (G.T @ B).T, (A @ G.T).T
        """,
    ],
}

WRONG = {
    "serve_each_its_own": {
        "alpha alone": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] += alpha * (x[n] @ A.T @ B.T)
            return y
        """,
        "alpha times the root of the rank": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] += alpha * len(A) ** 0.5 * (x[n] @ A.T @ B.T)
            return y
        """,
        "alpha over the root of the rank": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] += alpha / len(A) ** 0.5 * (x[n] @ A.T @ B.T)
            return y
        """,
        "divided by the inputs, not by the rank": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] += alpha / A.shape[1] * (x[n] @ A.T @ B.T)
            return y
        """,
        "A and B in the other order": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] += alpha / len(A) * (x[n] @ B @ A)
            return y
        """,
        "only the adapter": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] = alpha / len(A) * (x[n] @ A.T @ B.T)
            return y
        """,
        "the first position only": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n, 0] += alpha / len(A) * (x[n, 0] @ A.T @ B.T)
            return y
        """,
        "the scale squared, once for each factor": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] += (alpha / len(A)) ** 2 * (x[n] @ A.T @ B.T)
            return y
        """,
        "the scale on the base, too": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    y[n] = alpha / len(A) * (y[n] + x[n] @ A.T @ B.T)
            return y
        """,
        "the last adapter where there should be none": """
        def serve(x, W, adapters, which):
            y = x @ W.T
            for n, k in enumerate(which):
                A, B, alpha = adapters[k]
                y[n] += alpha / len(A) * (x[n] @ A.T @ B.T)
            return y
        """,
        "merges into the matrix that it was given": """
        def serve(x, W, adapters, which):
            y = []
            for n, k in enumerate(which):
                if k >= 0:
                    A, B, alpha = adapters[k]
                    W += alpha / len(A) * B @ A
                y.append(x[n] @ W.T)
            return np.array(y)
        """,
        "the first adapter for all": """
        def serve(x, W, adapters, which):
            A, B, alpha = adapters[0]
            return x @ W.T + alpha / len(A) * (x @ A.T @ B.T)
        """,
        "all adapters for each": """
        def serve(x, W, adapters, which):
            return x @ W.T + sum(alpha / len(A) * (x @ A.T @ B.T) for A, B, alpha in adapters)
        """,
    },
    "merge_and_keep_the_base": {
        "the scale forgotten": """
        def merged(W, adapters):
            return W + sum(B @ A for A, B, alpha in adapters)
        """,
        "in place": """
        def merged(W, adapters):
            for A, B, alpha in adapters:
                W += alpha / len(A) * B @ A
            return W
        """,
        "in place, then given back a copy": """
        def merged(W, adapters):
            for A, B, alpha in adapters:
                W += alpha / len(A) * B @ A
            return W.copy()
        """,
        "the first adapter only": """
        def merged(W, adapters):
            if not adapters:
                return W.copy()
            A, B, alpha = adapters[0]
            return W + alpha / len(A) * B @ A
        """,
        "the last adapter only": """
        def merged(W, adapters):
            new = W.copy()
            for A, B, alpha in adapters:
                new = W + alpha / len(A) * B @ A
            return new
        """,
        "the first one's scale for all": """
        def merged(W, adapters):
            new = W.copy()
            for A, B, _ in adapters:
                new += adapters[0][2] / len(adapters[0][0]) * B @ A
            return new
        """,
        "alpha over the root of the rank": """
        def merged(W, adapters):
            return W + sum(alpha / len(A) ** 0.5 * B @ A for A, B, alpha in adapters)
        """,
        "the mean of the adapters": """
        def merged(W, adapters):
            return W + sum(alpha / len(A) * B @ A for A, B, alpha in adapters) / max(len(adapters), 1)
        """,
        "W itself where there is nothing to add": """
        def merged(W, adapters):
            new = W
            for A, B, alpha in adapters:
                new = new + alpha / len(A) * B @ A
            return new
        """,
        "remembers what it merged": """
        def merged(W, adapters, kept=[]):
            kept.extend(adapters)
            return W + sum(alpha / len(A) * B @ A for A, B, alpha in kept)
        """,
    },
    "count_what_is_trained": {
        "a fused matrix as three": """
        def trained(layer, L, r, chosen):
            n = 0
            for name in chosen:
                out, fan_in = layer[name]
                n += 3 * r * (out // 3 + fan_in) if name == "c_attn" else r * (out + fan_in)
            return n * L
        """,
        "all numbers of the matrices": """
        def trained(layer, L, r, chosen):
            return L * sum(layer[name][0] * layer[name][1] for name in chosen)
        """,
        "one layer": """
        def trained(layer, L, r, chosen):
            return sum(r * sum(layer[name]) for name in chosen)
        """,
        "every matrix, chosen or not": """
        def trained(layer, L, r, chosen):
            return L * sum(r * (out + fan_in) for out, fan_in in layer.values())
        """,
        "as if all were square": """
        def trained(layer, L, r, chosen):
            return L * sum(2 * r * layer[name][1] for name in chosen)
        """,
        "A without B": """
        def trained(layer, L, r, chosen):
            return L * sum(r * layer[name][1] for name in chosen)
        """,
        "the product of the sides, times the rank": """
        def trained(layer, L, r, chosen):
            return L * sum(r * layer[name][0] * layer[name][1] for name in chosen)
        """,
        "the rank ignored": """
        def trained(layer, L, r, chosen):
            return L * sum(8 * sum(layer[name]) for name in chosen)
        """,
        "with the frozen matrices": """
        def trained(layer, L, r, chosen):
            return L * sum(o * i + r * (o + i) for o, i in (layer[name] for name in chosen))
        """,
    },
    "send_the_gradient_on": {
        "no scale": """
        def gradients(G, A, B, s):
            return B.T @ G, G @ A.T
        """,
        "the scale on B alone": """
        def gradients(G, A, B, s):
            return B.T @ G, s * (G @ A.T)
        """,
        "the scale squared": """
        def gradients(G, A, B, s):
            return s**2 * (B.T @ G), s**2 * (G @ A.T)
        """,
        "the two swapped": """
        def gradients(G, A, B, s):
            return s * (G @ A.T), s * (B.T @ G)
        """,
        "transposed": """
        def gradients(G, A, B, s):
            return s * (G.T @ B), s * (A @ G.T)
        """,
        "right where all is square and symmetric": """
        def gradients(G, A, B, s):
            return s * (B.T @ G), s * (A @ G).T if A.shape == G.shape else s * (G @ A.T)
        """,
        "a first step that moves A": """
        def gradients(G, A, B, s):
            return s * (np.where(B == 0, 1e-3, B).T @ G), s * (G @ A.T)
        """,
        "the factor's own gradient, as if the other were one": """
        def gradients(G, A, B, s):
            return s * G.sum(0) * np.ones_like(A), s * G.sum(1, keepdims=True) * np.ones_like(B)
        """,
    },
}
