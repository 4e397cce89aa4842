"""Answers to the exercises on the whole model: right ones, written another way, and wrong ones that look right."""

RIGHT_LAYER = """
def layer(x, w, H):
    T = len(x)
    D = len(w["q"]) // H
    def norm(x, g):
        return g * x / np.sqrt(np.mean(x ** 2, axis=1, keepdims=True) + 1e-5)
    h = norm(x, w["attention_norm"])
    parts = []
    for i in range(H):
        own = slice(i * D, (i + 1) * D)
        q, k, v = h @ w["q"][own].T, h @ w["k"][own].T, h @ w["v"][own].T
        s = np.where(np.tri(T, dtype=bool), q @ k.T / D ** 0.5, -1e30)
        e = np.exp(s - s.max(1, keepdims=True))
        parts.append(e / e.sum(1, keepdims=True) @ v)
    x = x + np.concatenate(parts, 1) @ w["o"].T
    h = norm(x, w["feed_norm"])
    gate, up = h @ w["gate"].T, h @ w["up"].T
    return x + (gate / (1 + np.exp(-gate)) * up) @ w["down"].T
"""


def _changed(*pairs):
    code = RIGHT_LAYER
    for old, new in pairs:
        assert old in code, old
        code = code.replace(old, new)
    return code


RIGHT_BILL = """
def bill(S, L, d, H, H_kv, D, F, V, b):
    attention = d * D * (2 * H + 2 * H_kv)
    weights = L * attention + L * 3 * d * F + V * d
    return 2 * weights, L * H * S * 4 * D, weights * b + (S - 1) * 2 * L * H_kv * D * b
"""


def _billed(*pairs):
    code = RIGHT_BILL
    for old, new in pairs:
        assert old in code, old
        code = code.replace(old, new)
    return code


RIGHT_BACK = """
def step_back(h, E, true):
    z = E @ h
    z = z - z.max()
    log_p = z - np.log(np.exp(z).sum())
    g = np.exp(log_p) - np.eye(len(z))[true]
    return -log_p[true], g, E.T @ g
"""


def _backed(*pairs):
    code = RIGHT_BACK
    for old, new in pairs:
        assert old in code, old
        code = code.replace(old, new)
    return code


RIGHT = {
    "put_a_layer_together": [RIGHT_LAYER],
    "pay_for_a_word": [RIGHT_BILL],
    "take_the_first_step_back": [RIGHT_BACK],
}

WRONG = {
    "put_a_layer_together": {
        "no mask": _changed(("np.tri(T, dtype=bool)", "np.ones((T, T), bool)")),
        "a word does not see itself": _changed(
            ("np.tri(T, dtype=bool)", "np.tri(T, k=-1, dtype=bool) | (np.arange(T) == 0)")
        ),
        "the mask looks forward": _changed(("np.tri(T, dtype=bool)", "np.tri(T, dtype=bool).T")),
        "scores not divided": _changed((" / D ** 0.5", "")),
        "divided by the root of d": _changed(("/ D ** 0.5", "/ x.shape[1] ** 0.5")),
        "divided by D": _changed(("/ D ** 0.5", "/ D")),
        "the stream is replaced by attention": _changed(("x = x + np.concatenate", "x = np.concatenate")),
        "the stream is replaced by the feed-forward part": _changed(("return x + (gate", "return (gate")),
        "the norm goes on in the stream's place": _changed(("return x + (gate", "return h + (gate")),
        "the feed-forward part reads no norm": _changed(('h = norm(x, w["feed_norm"])', "h = x")),
        "attention reads no norm": _changed(('h = norm(x, w["attention_norm"])', "h = x")),
        "both parts read the first norm": _changed(('h = norm(x, w["feed_norm"])', "pass")),
        "one norm for both": _changed(('w["feed_norm"]', 'w["attention_norm"]')),
        "the mean is taken off": _changed(("return g * x /", "x = x - x.mean(1, keepdims=True); return g * x /")),
        "the gains are left out": _changed(("return g * x", "return x")),
        "nothing under the root": _changed((" + 1e-5", "")),
        "a smaller number under the root": _changed(("1e-5", "1e-8")),
        "no gate": _changed(("gate / (1 + np.exp(-gate)) * up", "up")),
        "the gate is not bent": _changed(("gate / (1 + np.exp(-gate)) * up", "gate * up")),
        "the sigmoid alone": _changed(("gate / (1 + np.exp(-gate)) * up", "up / (1 + np.exp(-gate))")),
        "up is bent": _changed(("gate / (1 + np.exp(-gate)) * up", "up / (1 + np.exp(-up)) * gate")),
        "relu": _changed(("gate / (1 + np.exp(-gate)) * up", "np.maximum(gate, 0) * up")),
        "softmax over the words that ask": _changed(("e.sum(1, keepdims=True)", "e.sum(0, keepdims=True)")),
        "one head": _changed(('D = len(w["q"]) // H', 'H, D = 1, len(w["q"])')),
        "heads interleaved": _changed(("slice(i * D, (i + 1) * D)", "slice(i, None, H)")),
        "the output's matrix is left out": _changed((' @ w["o"].T', ' @ w["v"]')),
        "the stream is changed in place": _changed(
            ("x = x + np.concatenate(parts, 1)", "x += np.concatenate(parts, 1)")
        ),
        "for a single word only": _changed(
            (
                "s = np.where(np.tri(T, dtype=bool), q @ k.T / D ** 0.5, -1e30)",
                "s = np.where(np.eye(T, dtype=bool), 0.0, -1e30)",
            )
        ),
    },
    "pay_for_a_word": {
        "a multiply-add is one": _billed(("return 2 * weights", "return weights")),
        "no logits": _billed((" + V * d", "")),
        "the embedding is multiplied, too": _billed(("V * d", "2 * V * d")),
        "all heads have keys": _billed(("2 * H + 2 * H_kv", "4 * H")),
        "keys but no values": _billed(("2 * H + 2 * H_kv", "2 * H + H_kv")),
        "no output matrix": _billed(("2 * H + 2 * H_kv", "H + 2 * H_kv")),
        "two feed-forward matrices": _billed(("3 * d * F", "2 * d * F")),
        "F is four d": _billed(("3 * d * F", "3 * d * 4 * d")),
        "d is H times D": _billed(("L * H * S * 4 * D", "4 * L * d * S")),
        "scores without mixing": _billed(("4 * D", "2 * D")),
        "pairs of key/value heads": _billed(("L * H * S", "L * H_kv * S")),
        "pairs of one layer": _billed(("L * H * S", "H * S")),
        "itself left out": _billed(("L * H * S", "L * H * (S - 1)")),
        "a square of pairs": _billed(("L * H * S", "L * H * S * S")),
        "the whole cache, itself included": _billed(("(S - 1)", "S")),
        "keys without values": _billed(("(S - 1) * 2", "(S - 1)")),
        "the cache of query heads": _billed(("L * H_kv * D * b", "L * H * D * b")),
        "the cache of one layer": _billed(("2 * L * H_kv * D * b", "2 * H_kv * D * b")),
        "bytes of the matrices alone": _billed((" + (S - 1) * 2 * L * H_kv * D * b", "")),
        "two bytes always": _billed(("weights * b", "weights * 2")),
        "the cache in two bytes": _billed(("D * b\n", "D * 2\n")),
        "for the matrices of one layer": _billed(("L * attention + L * 3 * d * F", "attention + 3 * d * F")),
    },
    "take_the_first_step_back": {
        "the largest logit is not taken off": _backed(("z = z - z.max()", "pass")),
        "the largest in size is taken off": _backed(("z - z.max()", "z - np.abs(z).max()")),
        "the first is taken off": _backed(("z - z.max()", "z - z[0]")),
        "the log of a probability": _backed(("return -log_p[true]", "return -np.log(np.exp(log_p[true]))")),
        "the true probability as the loss": _backed(("return -log_p[true]", "return np.exp(log_p[true])")),
        "the wrong sign of the loss": _backed(("return -log_p[true]", "return log_p[true]")),
        "bits": _backed(("return -log_p[true]", "return -log_p[true] / np.log(2)")),
        "a mean over words": _backed(("return -log_p[true]", "return -log_p[true] / len(z)")),
        "the law without the one": _backed((" - np.eye(len(z))[true]", "")),
        "turned round": _backed(
            ("g = np.exp(log_p) - np.eye(len(z))[true]", "g = np.eye(len(z))[true] - np.exp(log_p)")
        ),
        "only the true word": _backed(
            ("g = np.exp(log_p) - np.eye(len(z))[true]", "g = (np.exp(log_p) - 1) * np.eye(len(z))[true]")
        ),
        "−1/p at the true word": _backed(
            ("g = np.exp(log_p) - np.eye(len(z))[true]", "g = -np.eye(len(z))[true] / np.exp(log_p[true])")
        ),
        "less one at the likeliest": _backed(("np.eye(len(z))[true]", "np.eye(len(z))[z.argmax()]")),
        "less one at the first": _backed(("np.eye(len(z))[true]", "np.eye(len(z))[0]")),
        "a mean of gradients": _backed(("E.T @ g", "E.T @ g / len(z)")),
        "the true row alone": _backed(("E.T @ g", "-E[true]")),
        "the expected row alone": _backed(("E.T @ g", "E.T @ np.exp(log_p)")),
        "the slope of softmax twice": _backed(("E.T @ g", "E.T @ (np.exp(log_p) * g)")),
        "the gradient by E": _backed(("E.T @ g", "np.outer(g, h)")),
        "h times the sum": _backed(("E.T @ g", "h * g.sum()")),
        "the matrix is changed in place": _backed(("z = E @ h", "z = E @ h\n    E -= E.mean(0)")),
    },
}
