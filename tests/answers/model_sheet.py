"""Answers to the exercises on model sheets: right ones, written another way, and wrong ones."""

RIGHT = {
    "count_a_llama": [
        """
        def count(config):
            c = dict(config)
            H = c["num_attention_heads"]
            D = c.get("head_dim") or c["hidden_size"] // H
            rows = (2 * H + 2 * c.get("num_key_value_heads", H)) * D + 3 * c["intermediate_size"] + 2
            words = c["vocab_size"] * (2 - bool(c.get("tie_word_embeddings")))
            return c["hidden_size"] * (rows * c["num_hidden_layers"] + words + 1)
        """,
        """
        def count(config):
            d, H = config["hidden_size"], config["num_attention_heads"]
            D = config.get("head_dim", d // H)
            q, kv = H * D, config.get("num_key_value_heads", H) * D
            shapes = [(q, d), (kv, d), (kv, d), (d, q)] + [(config["intermediate_size"], d)] * 3 + [(1, d)] * 2
            one = int(sum(np.prod(s) for s in shapes))
            ends = [config["vocab_size"] * d] * (1 if config.get("tie_word_embeddings") else 2)
            return one * config["num_hidden_layers"] + sum(ends) + d
        """,
    ],
    "what_a_token_passes": [
        """
        def passed(arrays):
            part = {"all": lambda s, k: s[0], "experts": lambda s, k: k, "lookup": lambda s, k: 0}
            return sum(int(np.prod(s[1:], dtype=np.int64)) * n * part[use](s, k) for s, n, use, k in arrays)
        """,
        """
        def passed(arrays):
            total = 0
            for shape, layers, use, k in arrays:
                if use == "lookup":
                    continue
                if use == "experts":
                    shape = (k, *shape[1:])
                n = 1
                for length in shape:
                    n *= length
                total += n * layers
            return total
        """,
    ],
    "what_a_text_keeps": [
        """
        def kept(T, layers, b):
            return sum(n * size * (2 if kind == "text" else b * min(T, T if window is None else window))
                       for n, kind, size, window in layers)
        """,
        """
        def kept(T, layers, b):
            total = 0
            for n, kind, size, window in layers:
                tokens, bytes_each = (1, 2) if kind == "text" else (min(T, window or T), b)
                total += n * size * tokens * bytes_each
            return total
        """,
    ],
}

_COUNT = """
        def count(config):
            d, L, V, F = (config[n] for n in ("hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size"))
            H = config["num_attention_heads"]
            H_kv = {kv}
            D = {D}
            layer = {attention} + {feed} + {norms}
            return {layers} * layer + V * d * {ends} + {last}
        """
_PARTS = {
    "kv": 'config.get("num_key_value_heads", H)',
    "D": 'config.get("head_dim", d // H)',
    "attention": "2 * H * D * d + 2 * H_kv * D * d",
    "feed": "3 * d * F",
    "norms": "2 * d",
    "layers": "L",
    "ends": '(1 if config.get("tie_word_embeddings") else 2)',
    "last": "d",
}


def _but(**changed):
    return _COUNT.format(**{**_PARTS, **changed})


_PASSED = """
        def passed(arrays):
            total = 0
            for shape, layers, use, k in arrays:
                n = {numbers}
                {then}
            return total
        """
_PROD = "int(np.prod(shape, dtype=np.int64)) * layers"
_THEN = 'total += 0 if use == "lookup" else n * k // shape[0] if use == "experts" else n'


def _passing(numbers=_PROD, then=_THEN):
    return _PASSED.format(numbers=numbers, then=then)


_KEPT = """
        def kept(T, layers, b):
            total = 0
            for n, kind, size, window in layers:
                if kind == "text":
                    total += {state}
                else:
                    total += {token}
            return total
        """
_TOKEN = "n * size * b * (T if window is None else min(T, window))"


def _keeping(state="n * size * 2", token=_TOKEN):
    return _KEPT.format(state=state, token=token)


WRONG = {
    "count_a_llama": {
        "keys and values as wide as queries": _but(kv="H"),
        "head_dim ignored": _but(D="d // H"),
        "the output tied always": _but(ends="1"),
        "the output never tied": _but(ends="2"),
        "tied where the field is there": _but(ends='(1 if "tie_word_embeddings" in config else 2)'),
        "two matrices in the feed-forward part": _but(feed="2 * d * F"),
        "no norms": _but(norms="0", last="0"),
        "no last norm": _but(last="0"),
        "one norm a layer": _but(norms="d"),
        "the output matrix of attention is d times d": _but(attention="H * D * d + d * d + 2 * H_kv * D * d"),
        "values forgotten": _but(attention="2 * H * D * d + H_kv * D * d"),
        "one layer": _but(layers="1"),
        "key/value heads needed": _but(kv='config["num_key_value_heads"]'),
        "head_dim needed": _but(D='config["head_dim"]'),
        "the width divided by key/value heads": _but(D='config.get("head_dim", d // H_kv)'),
        "in billions": "def count(config):\n    return 8.03e9",
        "one model known": "def count(config):\n    return 8_030_261_248",
    },
    "what_a_token_passes": {
        "all experts": _passing(then='total += 0 if use == "lookup" else n'),
        "one expert": _passing(then='total += 0 if use == "lookup" else n // shape[0] if use == "experts" else n'),
        "lookups passed": _passing(then='total += n * k // shape[0] if use == "experts" else n'),
        "a row of a lookup": _passing(
            then='total += shape[1] if use == "lookup" else n * k // shape[0] if use == "experts" else n'
        ),
        "experts by the layers": _passing(
            then='total += 0 if use == "lookup" else n * k // layers if use == "experts" else n'
        ),
        "two lengths only": _passing(numbers="shape[0] * shape[-1] * layers"),
        "layers forgotten": _passing(numbers="int(np.prod(shape, dtype=np.int64))"),
        "vectors left out": _passing(then="if len(shape) > 1: " + _THEN),
        "no experts": _passing(then='total += n if use == "all" else 0'),
        "three lengths are experts": _passing(
            then='total += 0 if use == "lookup" else n * k // shape[0] if len(shape) == 3 else n'
        ),
        "k squared": _passing(
            then='total += 0 if use == "lookup" else n * k * k // shape[0] if use == "experts" else n'
        ),
        "the last only": _passing(
            then='total = 0 if use == "lookup" else n * k // shape[0] if use == "experts" else n'
        ),
        "the rest of the experts": _passing(
            then='total += 0 if use == "lookup" else n - n * k // shape[0] if use == "experts" else n'
        ),
        "k of the last length": _passing(
            then='total += 0 if use == "lookup" else n * k // shape[-1] if use == "experts" else n'
        ),
    },
    "what_a_text_keeps": {
        "windows ignored": _keeping(token="n * size * b * T"),
        "a window always full": _keeping(token="n * size * b * (T if window is None else window)"),
        "no window keeps none": _keeping(token="n * size * b * min(T, window or 0)"),
        "states at b bytes": _keeping(state="n * size * b"),
        "states grow": _keeping(state="n * size * 2 * T"),
        "states forgotten": _keeping(state="0"),
        "one state for all layers": _keeping(state="size * 2"),
        "one layer each": _keeping(state="size * 2", token="size * b * (T if window is None else min(T, window))"),
        "always two bytes": _keeping(token="n * size * 2 * (T if window is None else min(T, window))"),
        "keys and values twice": _keeping(token="2 * " + _TOKEN),
        "a window without the token itself": _keeping(
            token="n * size * b * (T if window is None else min(T, window - 1))"
        ),
        "one token more": _keeping(token="n * size * b * (T + 1 if window is None else min(T + 1, window))"),
        "the token to come": _keeping(token="n * size * b * (T - 1 if window is None else min(T - 1, window))"),
        "the first window for all": """
        def kept(T, layers, b):
            window = layers[0][3]
            return sum(n * s * (2 if kind == "text" else b * min(T, window or T)) for n, kind, s, _ in layers)
        """,
        "numbers, not bytes": _keeping(state="n * size", token="n * size * (T if window is None else min(T, window))"),
    },
}
