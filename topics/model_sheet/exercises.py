"""What a reader of the page on model sheets is asked."""

from topics.kit import exercise, same


def _count(config):
    d, L, V, F = (config[name] for name in ("hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size"))
    H = config["num_attention_heads"]
    H_kv = config.get("num_key_value_heads", H)
    D = config.get("head_dim", d // H)
    layer = 2 * H * D * d + 2 * H_kv * D * d + 3 * d * F + 2 * d
    ends = V * d * (1 if config.get("tie_word_embeddings") else 2) + d
    return L * layer + ends


def _file(rng, **more):
    """A small config like LLaMA's, with some fields left out."""
    H_kv, D = int(rng.integers(1, 5)), 2 * int(rng.integers(2, 9))
    H = H_kv * int(rng.integers(2, 5))
    config = {
        "model_type": "llama",
        "hidden_size": H * D,
        "num_hidden_layers": int(rng.integers(2, 9)),
        "num_attention_heads": H,
        "num_key_value_heads": H_kv,
        "intermediate_size": int(rng.integers(30, 300)),
        "vocab_size": int(rng.integers(100, 999)),
    } | more
    return {name: value for name, value in config.items() if value is not None}


def _entries(config):
    """The oracle: entry by entry, array by array."""
    d, H = config["hidden_size"], config["num_attention_heads"]
    D = config["head_dim"] if "head_dim" in config else d // H
    groups = config.get("num_key_value_heads", H)
    total = d  # the last norm
    for _ in range(config["num_hidden_layers"]):
        total += d + d  # two norms
        for heads in (H, groups, groups):  # queries, keys, values
            total += heads * D * d
        total += d * (H * D)  # output
        for _ in range(3):
            total += config["intermediate_size"] * d
    for _ in range(1 if config.get("tie_word_embeddings", False) else 2):
        total += config["vocab_size"] * d
    return total


@exercise(
    start="""
        def count(config):
            d, L = config["hidden_size"], config["num_hidden_layers"]
            return 12 * L * d**2  # the rule of thumb for GPT
    """,
    solution=_count,
    hint="Seven matrices and two norms a layer, a last norm, the embedding, and the output matrix unless it is tied. "
    "Queries make H · D numbers, keys and values H_kv · D each. A missing head_dim is hidden_size // heads, missing "
    "key/value heads are as many as heads.",
)
def count_a_llama(answer, rng):
    """Write `count(config)`: all parameters of a model like LLaMA's, from its config.json as a dict. `head_dim`,
    `num_key_value_heads` and `tie_word_embeddings` may be missing; there are no biases."""
    real = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
            "intermediate_size": 14_336, "vocab_size": 128_256}  # fmt: skip
    cases = [
        _file(rng),
        _file(rng, num_key_value_heads=None),
        _file(rng, tie_word_embeddings=True),
        _file(rng, tie_word_embeddings=False),
        _file(rng, head_dim=int(rng.integers(20, 40))),
        _file(rng, head_dim=int(rng.integers(20, 40)), num_key_value_heads=None, tie_word_embeddings=True),
        real,
    ]
    for config in cases:
        same(answer(dict(config)), _entries(config), "the parameters", rtol=0, config=config)


def _passed(arrays):
    total = 0
    for shape, layers, use, k in arrays:
        numbers = layers
        for length in shape:
            numbers *= length
        if use == "experts":
            numbers = numbers * k // shape[0]
        total += 0 if use == "lookup" else numbers
    return total


@exercise(
    start="""
        def passed(arrays):
            # arrays: a list of (shape, layers, use, k)
            total = 0
            for shape, layers, use, k in arrays:
                total += layers * shape[0] * shape[1]
            return total
    """,
    solution=_passed,
    hint="A shape has one, two or three lengths. Of experts the first is E, and a token passes k of the E slices. "
    "In a lookup it passes nothing.",
)
def what_a_token_passes(answer, rng):
    """Write `passed(arrays)`: the parameters that one token passes. Each entry is (shape, layers, use, k): `use` is
    "all", "experts" (the first length counts experts, of which a token passes `k`) or "lookup" (a row is picked,
    none is passed). `k` is 0 where it says nothing."""

    def size(least, most):
        return int(rng.integers(least, most))

    def mixture():
        E = size(3, 9)
        return ((E, size(2, 20), size(2, 20)), size(1, 6), "experts", size(1, E))

    def plain():
        return ((size(2, 30), size(2, 30)), size(1, 6), "all", 0)

    cases = [
        [plain()],
        [((size(2, 30),), size(2, 6), "all", 0)],
        [((size(50, 90), size(2, 30)), 1, "lookup", 0), plain()],
        [mixture()],
        [((size(50, 90), size(2, 30)), 1, "lookup", 0), plain(), mixture(), mixture(), ((size(2, 9), size(9, 30)), 3,
         "all", 0), ((size(2, 30),), size(2, 6), "all", 0)],
        [((4, 5, 6), 2, "all", 0), ((7, 3), 2, "experts", 2)],
    ]  # fmt: skip
    for arrays in cases:
        expected = 0
        for shape, layers, use, k in arrays:  # the oracle: a number at a time would do, a slice at a time does
            inner = 1
            for length in shape[1:]:
                inner *= length
            slices = {"all": shape[0], "experts": k, "lookup": 0}[use]
            expected += sum(inner for _ in range(slices)) * layers
        same(answer(list(arrays)), expected, "the parameters passed", rtol=0, arrays=str(arrays))


def _kept(T, layers, b):
    total = 0
    for n, kind, size, window in layers:
        if kind == "text":
            total += n * size * 2
        else:
            total += n * size * b * (T if window is None else min(T, window))
    return total


@exercise(
    start="""
        def kept(T, layers, b):
            # layers: a list of (how many, kind, size, window)
            return sum(n * size * T * b for n, kind, size, window in layers)
    """,
    solution=_kept,
    hint="A window keeps at most the last `window` tokens, and None all. A state keeps `size` numbers however long "
    "the text is, at two bytes each.",
)
def what_a_text_keeps(answer, rng):
    """Write `kept(T, layers, b)`: the bytes kept of one text of `T` tokens. Each entry is (how many layers, kind, size,
    window). Kind "token" keeps `size` numbers of `b` bytes of each token, of the last `window` only, or of all if
    `window` is None. Kind "text" keeps `size` numbers in all, of 2 bytes whatever `b` is."""

    def size(least, most):
        return int(rng.integers(least, most))

    full = [(size(2, 9), "token", size(8, 99), None)]
    window = [(size(2, 9), "token", size(8, 99), size(100, 200))]
    state = [(size(2, 9), "text", size(500, 900), None)]
    cases = [(size(5, 400), full, 2), (size(5, 90), window, 2), (size(300, 900), window, 1), (size(5, 400), state, 1)]
    cases += [(size(300, 900), full + window + state, b) for b in (1, 2, 4)] + [(150, state + window + full, 1)]
    cases += [(1, full + window + state, 2), (700, [(3, "token", 5, 700), (2, "token", 7, 699)], 2)]
    for T, layers, b in cases:
        expected = 0
        for n, kind, numbers, last in layers:
            for t in range(T if kind == "token" else 1):
                if kind == "text":
                    expected += n * numbers * 2
                elif last is None or t >= T - last:
                    expected += n * numbers * b
        same(answer(T, list(layers), b), expected, "the bytes", rtol=0, T=T, layers=layers, b=b)
