"""Answers to the exercises on quantization: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "give_groups_their_scales": [
        """
        def quantize(W, bits, g):
            q, s = np.zeros(W.shape), np.ones((W.shape[0], W.shape[1] // g))
            last = (2**bits - 2) / 2
            for i in range(s.shape[0]):
                for k in range(s.shape[1]):
                    part = W[i, k * g:(k + 1) * g]
                    if part.any():
                        s[i, k] = max(part.max(), -part.min()) / last
                    q[i, k * g:(k + 1) * g] = np.round(part / s[i, k])
            return q, s, (g * bits + 16) / g
        """,
    ],
    "keep_zero_at_zero": [
        """
        def affine(w, bits):
            low, high = np.minimum(w, 0).min(), np.maximum(w, 0).max()
            last = 2**bits - 1
            s = (high - low) / last if high > low else 1.0
            z = np.round(-low / s)
            levels = s * (np.arange(last + 1) - z)
            q = np.abs(levels[None] - w[:, None]).argmin(1)
            return q, s, z, 16 + bits * (len(w) + 1)
        """,
        """
        def affine(w, bits):
            both = np.append(w, 0.0)
            s = np.ptp(both) / (2**bits - 1)
            if s == 0:
                return np.zeros(len(w), int), 1.0, 0, 16 + bits + bits * w.size
            z = int(round(float(-both.min() / s)))
            q = [int(min(max(round(float(x / s)) + z, 0), 2**bits - 1)) for x in w]
            return np.array(q), s, z, 16 + bits + bits * w.size
        """,
    ],
    "smooth_both_sides": [
        """
        def smooth(X, W, alpha):
            X2, W2 = X.copy(), W.copy()
            for j in range(X.shape[1]):
                x, w = np.abs(X[:, j]).max(), np.abs(W[:, j]).max()
                if x > 0 and w > 0:
                    s = np.exp(alpha * np.log(x) - (1 - alpha) * np.log(w))
                    X2[:, j] /= s
                    W2[:, j] *= s
            return X2, W2
        """,
    ],
    "scale_a_block": [
        """
        def mx_block(w):
            top = np.abs(w).max()
            if top == 0:
                return 0, np.zeros(32)
            e = int(np.floor(np.log2(top))) - 2
            x = np.minimum(np.abs(w) / 2.0**e, 6.0)
            step = np.where(x < 2, 0.5, np.where(x < 4, 1.0, 2.0))
            kept = np.minimum(np.rint(x / step) * step, 6.0)
            return e + 127, np.sign(w) * kept * 2.0**e
        """,
    ],
}

WRONG = {
    "give_groups_their_scales": {
        "the end of the grid is 2^(b-1), which has no code": """
        def quantize(W, bits, g):
            G = W.reshape(len(W), -1, g)
            s = np.abs(G).max(-1) / 2 ** (bits - 1)
            s[s == 0] = 1
            return np.rint(G / s[..., None]).reshape(W.shape), s, bits + 16 / g
        """,
        "bits without the scales": """
        def quantize(W, bits, g):
            G = W.reshape(len(W), -1, g)
            s = np.abs(G).max(-1) / (2 ** (bits - 1) - 1)
            s[s == 0] = 1
            return np.rint(G / s[..., None]).reshape(W.shape), s, bits
        """,
        "one scale for all groups": """
        def quantize(W, bits, g):
            top = np.abs(W).max() / (2 ** (bits - 1) - 1)
            s = np.full((W.shape[0], W.shape[1] // g), top)
            return np.rint(W / top), s, bits + 16 / g
        """,
        "one scale for a row": """
        def quantize(W, bits, g):
            top = np.abs(W).max(1, keepdims=True) / (2 ** (bits - 1) - 1)
            s = np.repeat(top, W.shape[1] // g, 1)
            return np.rint(W / top), s, bits + 16 / g
        """,
        "the largest weight, not the largest size": """
        def quantize(W, bits, g):
            G = W.reshape(len(W), -1, g)
            s = G.max(-1) / (2 ** (bits - 1) - 1)
            s[s == 0] = 1
            return np.rint(G / s[..., None]).reshape(W.shape), s, bits + 16 / g
        """,
        "cut off instead of rounded": """
        def quantize(W, bits, g):
            G = W.reshape(len(W), -1, g)
            s = np.abs(G).max(-1) / (2 ** (bits - 1) - 1)
            s[s == 0] = 1
            return np.trunc(G / s[..., None]).reshape(W.shape), s, bits + 16 / g
        """,
        "a group of zeros has no number": """
        def quantize(W, bits, g):
            G = W.reshape(len(W), -1, g)
            s = np.abs(G).max(-1) / (2 ** (bits - 1) - 1)
            return np.rint(G / s[..., None]).reshape(W.shape), s, bits + 16 / g
        """,
        "groups go down the columns": """
        def quantize(W, bits, g):
            G = W.T.reshape(len(W), -1, g)
            s = np.abs(G).max(-1) / (2 ** (bits - 1) - 1)
            s[s == 0] = 1
            return np.rint(G / s[..., None]).reshape(W.shape), s, bits + 16 / g
        """,
        "weights, not codes": """
        def quantize(W, bits, g):
            G = W.reshape(len(W), -1, g)
            s = np.abs(G).max(-1) / (2 ** (bits - 1) - 1)
            s[s == 0] = 1
            return (np.rint(G / s[..., None]) * s[..., None]).reshape(W.shape), s, bits + 16 / g
        """,
    },
    "keep_zero_at_zero": {
        "the zero point is not rounded: zero is off zero": """
        def affine(w, bits):
            low, high = min(w.min(), 0), max(w.max(), 0)
            s = (high - low) / (2**bits - 1) or 1.0
            z = -low / s
            return np.clip(np.rint(w / s + z), 0, 2**bits - 1), s, z, len(w) * bits + 16 + bits
        """,
        "the range goes without zero": """
        def affine(w, bits):
            s = (w[w != 0].max() - w[w != 0].min()) / (2**bits - 1) if w.any() else 1.0
            z = np.rint(-(w[w != 0].min() if w.any() else 0) / s)
            return np.clip(np.rint(w / s) + z, 0, 2**bits - 1), s, z, len(w) * bits + 16 + bits
        """,
        "clipping forgotten": """
        def affine(w, bits):
            low, high = min(w.min(), 0), max(w.max(), 0)
            s = (high - low) / (2**bits - 1) or 1.0
            z = np.rint(-low / s)
            return np.rint(w / s) + z, s, z, len(w) * bits + 16 + bits
        """,
        "2^b steps instead of 2^b - 1": """
        def affine(w, bits):
            low, high = min(w.min(), 0), max(w.max(), 0)
            s = (high - low) / 2**bits or 1.0
            z = np.rint(-low / s)
            return np.clip(np.rint(w / s) + z, 0, 2**bits - 1), s, z, len(w) * bits + 16 + bits
        """,
        "bits without the zero point": """
        def affine(w, bits):
            low, high = min(w.min(), 0), max(w.max(), 0)
            s = (high - low) / (2**bits - 1) or 1.0
            z = np.rint(-low / s)
            return np.clip(np.rint(w / s) + z, 0, 2**bits - 1), s, z, len(w) * bits + 16
        """,
        "bits without scale and zero point": """
        def affine(w, bits):
            low, high = min(w.min(), 0), max(w.max(), 0)
            s = (high - low) / (2**bits - 1) or 1.0
            z = np.rint(-low / s)
            return np.clip(np.rint(w / s) + z, 0, 2**bits - 1), s, z, len(w) * bits
        """,
        "symmetric": """
        def affine(w, bits):
            s = 2 * np.abs(w).max() / (2**bits - 1) or 1.0
            z = 2 ** (bits - 1)
            return np.clip(np.rint(w / s) + z, 0, 2**bits - 1), s, z, len(w) * bits + 16 + bits
        """,
        "zeros have no scale": """
        def affine(w, bits):
            low, high = min(w.min(), 0), max(w.max(), 0)
            s = (high - low) / (2**bits - 1)
            z = np.rint(-low / s)
            return np.clip(np.rint(w / s) + z, 0, 2**bits - 1), s, z, len(w) * bits + 16 + bits
        """,
        "the zero point is cut off": """
        def affine(w, bits):
            low, high = min(w.min(), 0), max(w.max(), 0)
            s = (high - low) / (2**bits - 1) or 1.0
            z = np.floor(-low / s)
            return np.clip(np.rint((w - low) / s), 0, 2**bits - 1), s, z, len(w) * bits + 16 + bits
        """,
    },
    "smooth_both_sides": {
        "only the inputs": """
        def smooth(X, W, alpha):
            x, w = np.abs(X).max(0), np.abs(W).max(0)
            s = np.where((x > 0) & (w > 0), x**alpha / np.maximum(w, 1e-30) ** (1 - alpha), 1.0)
            return X / s, W
        """,
        "only the weights": """
        def smooth(X, W, alpha):
            x, w = np.abs(X).max(0), np.abs(W).max(0)
            s = np.where((x > 0) & (w > 0), x**alpha / np.maximum(w, 1e-30) ** (1 - alpha), 1.0)
            return X.copy(), W * s
        """,
        "both sides divided": """
        def smooth(X, W, alpha):
            x, w = np.abs(X).max(0), np.abs(W).max(0)
            s = np.where((x > 0) & (w > 0), x**alpha / np.maximum(w, 1e-30) ** (1 - alpha), 1.0)
            return X / s, W / s
        """,
        "the exponents change places": """
        def smooth(X, W, alpha):
            x, w = np.abs(X).max(0), np.abs(W).max(0)
            s = np.where((x > 0) & (w > 0), x ** (1 - alpha) / np.maximum(w, 1e-30) ** alpha, 1.0)
            return X / s, W * s
        """,
        "one number for all channels": """
        def smooth(X, W, alpha):
            s = np.abs(X).max() ** alpha / np.abs(W).max() ** (1 - alpha)
            return X / s, W * s
        """,
        "the largest input, not the largest size": """
        def smooth(X, W, alpha):
            x, w = np.maximum(X.max(0), 0), np.abs(W).max(0)
            s = np.where((x > 0) & (w > 0), x**alpha / np.maximum(w, 1e-30) ** (1 - alpha), 1.0)
            return X / s, W * s
        """,
        "a channel of zeros divides by zero": """
        def smooth(X, W, alpha):
            s = np.abs(X).max(0) ** alpha / np.abs(W).max(0) ** (1 - alpha)
            return X / s, W * s
        """,
        "the inputs are changed in place": """
        def smooth(X, W, alpha):
            x, w = np.abs(X).max(0), np.abs(W).max(0)
            s = np.where((x > 0) & (w > 0), x**alpha / np.maximum(w, 1e-30) ** (1 - alpha), 1.0)
            X /= s
            W *= s
            return X, W
        """,
        "alpha ignored": """
        def smooth(X, W, alpha):
            x, w = np.abs(X).max(0), np.abs(W).max(0)
            s = np.where((x > 0) & (w > 0), np.sqrt(x / np.maximum(w, 1e-30)), 1.0)
            return X / s, W * s
        """,
    },
    "scale_a_block": {
        "the scale from max/6": """
        def mx_block(w):
            top = np.abs(w).max()
            if top == 0:
                return 0, np.zeros(32)
            e = int(np.floor(np.log2(top / 6)))
            numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
            d = np.abs(np.abs(w)[:, None] / 2.0**e - numbers) + 1e-12 * (np.arange(8) % 2)
            return e + 127, np.sign(w) * numbers[d.argmin(1)] * 2.0**e
        """,
        "the scale rounded up": """
        def mx_block(w):
            top = np.abs(w).max()
            if top == 0:
                return 0, np.zeros(32)
            e = int(np.ceil(np.log2(top / 6)))
            numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
            d = np.abs(np.abs(w)[:, None] / 2.0**e - numbers) + 1e-12 * (np.arange(8) % 2)
            return e + 127, np.sign(w) * numbers[d.argmin(1)] * 2.0**e
        """,
        "the byte without 127": """
        def mx_block(w):
            top = np.abs(w).max()
            if top == 0:
                return 0, np.zeros(32)
            e = int(np.floor(np.log2(top))) - 2
            numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
            d = np.abs(np.abs(w)[:, None] / 2.0**e - numbers) + 1e-12 * (np.arange(8) % 2)
            return max(e, 0), np.sign(w) * numbers[d.argmin(1)] * 2.0**e
        """,
        "whole numbers, not E2M1": """
        def mx_block(w):
            top = np.abs(w).max()
            if top == 0:
                return 0, np.zeros(32)
            e = int(np.floor(np.log2(top))) - 2
            return e + 127, np.clip(np.rint(w / 2.0**e), -6, 6) * 2.0**e
        """,
        "beyond 6 goes on": """
        def mx_block(w):
            top = np.abs(w).max()
            if top == 0:
                return 0, np.zeros(32)
            e = int(np.floor(np.log2(top))) - 2
            numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 8])
            d = np.abs(np.abs(w)[:, None] / 2.0**e - numbers) + 1e-12 * (np.arange(9) % 2)
            return e + 127, np.sign(w) * numbers[d.argmin(1)] * 2.0**e
        """,
        "ties to the smaller": """
        def mx_block(w):
            top = np.abs(w).max()
            if top == 0:
                return 0, np.zeros(32)
            e = int(np.floor(np.log2(top))) - 2
            numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
            d = np.abs(np.abs(w)[:, None] / 2.0**e - numbers)
            return e + 127, np.sign(w) * numbers[d.argmin(1)] * 2.0**e
        """,
        "the largest weight, not the largest size": """
        def mx_block(w):
            top = w.max()
            if top <= 0:
                return 0, np.zeros(32)
            e = int(np.floor(np.log2(top))) - 2
            numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
            d = np.abs(np.abs(w)[:, None] / 2.0**e - numbers) + 1e-12 * (np.arange(8) % 2)
            return e + 127, np.sign(w) * numbers[d.argmin(1)] * 2.0**e
        """,
        "a block of zeros is no number": """
        def mx_block(w):
            e = np.floor(np.log2(np.abs(w).max())) - 2
            numbers = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
            d = np.abs(np.abs(w)[:, None] / 2.0**e - numbers) + 1e-12 * (np.arange(8) % 2)
            return e + 127, np.sign(w) * numbers[d.argmin(1)] * 2.0**e
        """,
    },
}
