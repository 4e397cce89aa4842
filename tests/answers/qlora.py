"""Answers to the exercises on QLoRA: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "build_the_table": [
        """
        def normal_float(bits):
            n = 2**bits
            end = 1 - 1 / (4 * n) - 1 / (4 * n - 4)
            out = []
            for i in range(1 - n // 2, n // 2 + 1):
                steps = n // 2 if i > 0 else n // 2 - 1
                size = quantile(0.5 + abs(i) / steps * (end - 0.5)) if i else 0.0
                out.append(size if i > 0 else -size)
            return np.array(out) / out[-1]
        """,
    ],
    "store_in_blocks": [
        """
        def store(w, g, levels):
            codes, absmax = [], []
            for first in range(0, len(w), g):
                block = w[first:first + g]
                top = float(np.max(np.abs(block)))
                absmax.append(top)
                x = block / top if top > 0 else block
                codes.append(np.searchsorted((levels[:-1] + levels[1:]) / 2, x))
            return np.concatenate(codes), np.array(absmax)
        """,
    ],
    "read_a_checkpoint": [
        """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            w = np.empty(int(np.prod(shape)))
            for i in range(len(w)):
                byte = int(packed[i // 2])
                code = byte // 16 if i % 2 == 0 else byte % 16
                block = i // g
                w[i] = table[code] * (map8[int(c8[block])] * second[block // g2] + mean)
            return w.reshape(shape)
        """,
    ],
    "pass_the_gradient_through": [
        """
        def layer(x, W_hat, A, B, s, dy):
            W = W_hat + s * np.einsum("or,ri->oi", B, A)
            dW = np.einsum("to,ti->oi", dy, x)
            return x @ W.T, dy @ W, s * B.T @ dW, s * dW @ A.T
        """,
    ],
}

WRONG = {
    "build_the_table": {
        "no exact zero": """
        def normal_float(bits):
            p = (np.arange(2**bits) + 0.5) / 2**bits
            x = np.array([quantile(each) for each in p])
            return x / x.max()
        """,
        "eight below and seven above": """
        def normal_float(bits):
            n = 2**bits
            last = 1 - (1 / (2 * n) + 1 / (2 * n - 2)) / 2
            q = [[quantile(p) for p in np.linspace(0.5, last, k + 1)[1:]] for k in (n // 2, n // 2 - 1)]
            return np.array([-x for x in q[0][::-1]] + [0.0] + q[1]) / q[1][-1]
        """,
        "not divided by the largest": """
        def normal_float(bits):
            n = 2**bits
            last = 1 - (1 / (2 * n) + 1 / (2 * n - 2)) / 2
            q = [[quantile(p) for p in np.linspace(0.5, last, k + 1)[1:]] for k in (n // 2 - 1, n // 2)]
            return np.array([-x for x in q[0][::-1]] + [0.0] + q[1])
        """,
        "the same levels on both sides, zero twice": """
        def normal_float(bits):
            n = 2**bits
            last = 1 - (1 / (2 * n) + 1 / (2 * n - 2)) / 2
            q = [quantile(p) for p in np.linspace(0.5, last, n // 2)]
            return np.array([-x for x in q[::-1]] + q) / q[-1]
        """,
        "the library's constant for four bits at all bits": """
        def normal_float(bits):
            n = 2**bits
            last = 0.9677083
            q = [[quantile(p) for p in np.linspace(0.5, last, k + 1)[1:]] for k in (n // 2 - 1, n // 2)]
            return np.array([-x for x in q[0][::-1]] + [0.0] + q[1]) / q[1][-1]
        """,
        "four bits only": """
        def normal_float(bits):
            last = 1 - (1 / 32 + 1 / 30) / 2
            q = [[quantile(p) for p in np.linspace(0.5, last, k + 1)[1:]] for k in (7, 8)]
            return np.array([-x for x in q[0][::-1]] + [0.0] + q[1]) / q[1][-1]
        """,
        "equation 4 of the paper": """
        def normal_float(bits):
            n = 2**bits
            Q = quantile
            x = [(Q(i / (n + 1)) + Q((i + 1) / (n + 1))) / 2 for i in range(1, n)]
            return np.array([-1.0] + [each / x[-1] for each in x])
        """,
    },
    "store_in_blocks": {
        "the level below, not the nearest": """
        def store(w, g, levels):
            blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
            absmax = np.abs(blocks).max(1)
            x = blocks / np.where(absmax == 0, 1, absmax)[:, None]
            codes = np.searchsorted(levels, x, side="right") - 1
            return codes.ravel()[:len(w)], absmax
        """,
        "the level above": """
        def store(w, g, levels):
            blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
            absmax = np.abs(blocks).max(1)
            x = blocks / np.where(absmax == 0, 1, absmax)[:, None]
            return np.searchsorted(levels, x).ravel()[:len(w)], absmax
        """,
        "a block of zeros has no number": """
        def store(w, g, levels):
            blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
            absmax = np.abs(blocks).max(1)
            with np.errstate(all="ignore"):
                x = blocks / absmax[:, None]
            codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, x)
            return codes.ravel()[:len(w)], absmax
        """,
        "a tiny number added to absmax, as if no block were tiny": """
        def store(w, g, levels):
            blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
            absmax = np.abs(blocks).max(1)
            x = blocks / (absmax[:, None] + 1e-8)
            return np.abs(x[..., None] - levels).argmin(-1).ravel()[:len(w)], absmax
        """,
        "a short block is left out": """
        def store(w, g, levels):
            blocks = w[:len(w) // g * g].reshape(-1, g)
            absmax = np.abs(blocks).max(1)
            x = blocks / np.where(absmax == 0, 1, absmax)[:, None]
            return np.abs(x[..., None] - levels).argmin(-1).ravel(), absmax
        """,
        "the codes of the filling are kept": """
        def store(w, g, levels):
            blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
            absmax = np.abs(blocks).max(1)
            x = blocks / np.where(absmax == 0, 1, absmax)[:, None]
            return np.abs(x[..., None] - levels).argmin(-1).ravel(), absmax
        """,
        "the largest weight, not the largest size": """
        def store(w, g, levels):
            blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
            absmax = blocks.max(1)
            x = blocks / np.where(absmax == 0, 1, absmax)[:, None]
            return np.abs(x[..., None] - levels).argmin(-1).ravel()[:len(w)], absmax
        """,
        "one absmax for all": """
        def store(w, g, levels):
            k = -(-len(w) // g)
            top = np.abs(w).max()
            return np.abs(w[:, None] / top - levels).argmin(-1), np.full(k, top)
        """,
        "even levels, whatever the table": """
        def store(w, g, levels):
            blocks = np.pad(w, (0, -len(w) % g)).reshape(-1, g)
            absmax = np.abs(blocks).max(1)
            x = blocks / np.where(absmax == 0, 1, absmax)[:, None]
            return np.rint((x + 1) * 7.5).astype(int).ravel()[:len(w)], absmax
        """,
    },
    "read_a_checkpoint": {
        "without the mean": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            n = int(np.prod(shape))
            codes = np.stack([packed >> 4, packed & 15], -1).ravel()[:n]
            absmax = map8[c8] * np.repeat(second, g2)[:len(c8)]
            return (table[codes] * np.repeat(absmax, g)[:n]).reshape(shape)
        """,
        "the mean added to the weights": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            n = int(np.prod(shape))
            codes = np.stack([packed >> 4, packed & 15], -1).ravel()[:n]
            absmax = map8[c8] * np.repeat(second, g2)[:len(c8)]
            return (table[codes] * np.repeat(absmax, g)[:n]).reshape(shape) + mean
        """,
        "the low half first": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            n = int(np.prod(shape))
            codes = np.stack([packed & 15, packed >> 4], -1).ravel()[:n]
            absmax = map8[c8] * np.repeat(second, g2)[:len(c8)] + mean
            return (table[codes] * np.repeat(absmax, g)[:n]).reshape(shape)
        """,
        "high halves, then low halves": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            n = int(np.prod(shape))
            codes = np.concatenate([packed >> 4, packed & 15])[:n]
            absmax = map8[c8] * np.repeat(second, g2)[:len(c8)] + mean
            return (table[codes] * np.repeat(absmax, g)[:n]).reshape(shape)
        """,
        "blocks of 64 and 256, whatever g and g2": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            n = int(np.prod(shape))
            codes = np.stack([packed >> 4, packed & 15], -1).ravel()[:n]
            absmax = map8[c8] * np.repeat(second, 256)[:len(c8)] + mean
            return (table[codes] * np.repeat(absmax, 64)[:n]).reshape(shape)
        """,
        "one second scale for all": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            n = int(np.prod(shape))
            codes = np.stack([packed >> 4, packed & 15], -1).ravel()[:n]
            absmax = map8[c8] * second[0] + mean
            return (table[codes] * np.repeat(absmax, g)[:n]).reshape(shape)
        """,
        "no short last block": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            codes = np.stack([packed >> 4, packed & 15], -1).ravel()
            absmax = map8[c8].reshape(-1, g2) * second[:, None] + mean
            return (table[codes].reshape(-1, g) * absmax.reshape(-1, 1)).reshape(shape)
        """,
        "the mean is multiplied, too": """
        def read(packed, c8, second, mean, table, map8, shape, g, g2):
            n = int(np.prod(shape))
            codes = np.stack([packed >> 4, packed & 15], -1).ravel()[:n]
            absmax = (map8[c8] + mean) * np.repeat(second, g2)[:len(c8)]
            return (table[codes] * np.repeat(absmax, g)[:n]).reshape(shape)
        """,
    },
    "pass_the_gradient_through": {
        "no gradient passes the frozen weights": """
        def layer(x, W_hat, A, B, s, dy):
            y = x @ W_hat.T + s * x @ A.T @ B.T
            return y, s * dy @ B @ A, s * (dy @ B).T @ x, s * dy.T @ (x @ A.T)
        """,
        "no gradient passes the adapter": """
        def layer(x, W_hat, A, B, s, dy):
            y = x @ W_hat.T + s * x @ A.T @ B.T
            return y, dy @ W_hat, s * (dy @ B).T @ x, s * dy.T @ (x @ A.T)
        """,
        "the scale is missing in the gradients": """
        def layer(x, W_hat, A, B, s, dy):
            y = x @ W_hat.T + s * x @ A.T @ B.T
            return y, dy @ (W_hat + s * B @ A), (dy @ B).T @ x, dy.T @ (x @ A.T)
        """,
        "the scale is missing in y": """
        def layer(x, W_hat, A, B, s, dy):
            y = x @ W_hat.T + x @ A.T @ B.T
            return y, dy @ (W_hat + s * B @ A), s * (dy @ B).T @ x, s * dy.T @ (x @ A.T)
        """,
        "gradients by A and B are exchanged": """
        def layer(x, W_hat, A, B, s, dy):
            y = x @ W_hat.T + s * x @ A.T @ B.T
            return y, dy @ (W_hat + s * B @ A), s * dy.T @ (x @ A.T), s * (dy @ B).T @ x
        """,
        "the adapter is merged and rounded to codes": """
        def layer(x, W_hat, A, B, s, dy):
            W = held_in(W_hat + s * B @ A)
            return x @ W.T, dy @ W, s * (dy @ B).T @ x, s * dy.T @ (x @ A.T)
        """,
        "the base moves, too": """
        def layer(x, W_hat, A, B, s, dy):
            y = x @ W_hat.T + s * x @ A.T @ B.T
            dx = dy @ (W_hat + s * B @ A)
            W_hat -= 0.01 * dy.T @ x
            return y, dx, s * (dy @ B).T @ x, s * dy.T @ (x @ A.T)
        """,
    },
}
