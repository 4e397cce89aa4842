"""What the operations cost: bytes moved by each, and the same walk through real models, from the table of method.py.

T words that go in   S words that they meet   E experts of a layer, k of them for a word   b bytes a number
"""

from topics.kit import MODELS
from topics.whole_model.method import CACHED, LAYER, OPERATIONS, Sizes, numbers

STREAM = "T d"  # the shape of embeddings and residuals
FEED = ("gate", "silu", "up", "hidden", "down")
# models whose layers the walk describes: keys and values of their own, no latents, no states
TOLD = ("Llama-3.1-8B", "Llama-3.1-70B", "Qwen3-235B-A22B", "gpt-oss-120b", "MiniMax-M2", "Gemma 4 31B")


def letters(name):
    """The shape of an operation's result."""
    return next((op.shape for op in OPERATIONS if op.name == name), STREAM)


def moved(op, c, b=4):
    """Bytes that an operation reads and writes if nothing stays in between: inputs, matrix, result (eq:bytes).

    Of the embedding's matrix it reads a row a word; scores and mixing read keys and values of all words met.
    """
    reads = sum(numbers(_met(name, op), c) for name in op.reads)
    matrix = c.T * c.d if op.name == "embedding" else parameters(op, c)
    return b * (reads + matrix + numbers(op.shape, c))


def _met(name, op):
    shape = letters(name)
    return shape.replace("T", "S") if name in CACHED and op.name in ("scores", "mixing") else shape


def parameters(op, c):
    """Numbers of its matrix or gains."""
    return sum(numbers(shape, c) for shape in op.weights.values())


def bill(model, c):
    """{operation: FLOP of all layers together} of a pass of the house model (eq:flops)."""
    return {op.name: op.flops(c) * (model.L if op in LAYER else 1) for op in OPERATIONS}


# ---- real models


def groups(m, S):
    """[(layers, Sizes)] for one word of a real model that meets S, itself included: layers of one kind together.

    F is what one word passes: of a mixture its k experts and the shared ones.
    """
    e = m.experts
    mixed = (e.k + e.shared) * e.F if e else 0
    found = []
    for each in m.layers:
        seen = min(S, each.window or S)
        c = Sizes(1, seen, m.d, each.H, each.H_kv, each.D, mixed or m.F, m.vocabulary)
        found.append((each.n, c))
    return found


def written(name, S):
    """{operation: FLOP} of one more word of a real model, with S words met: the walk of method.py, layer by layer."""
    m, found = MODELS[name], dict.fromkeys([op.name for op in OPERATIONS], 0)
    for n, c in groups(m, S):
        for op in LAYER:
            found[op.name] += n * op.flops(c) * (not _without(op.name, name, c))
    for op in OPERATIONS:
        if op not in LAYER:
            found[op.name] = op.flops(c)
    return found | {"router": 2 * m.d * m.experts.E * m.experts.layers} if m.experts else found


def _without(op, name, c):
    """Gemma 4's global layers make their values of the keys' matrix."""
    return op == "value" and name == "Gemma 4 31B" and c.D == 512


def walked(name):
    """Parameters of a real model that the walk passes, of a mixture all experts."""
    m = MODELS[name]
    e, total = m.experts, m.vocabulary * m.d * (1 if m.tied else 2) + m.d
    for n, c in groups(m, 1):
        for op in LAYER:
            if op.name in FEED and e:
                continue
            total += n * parameters(op, c) * (not _without(op.name, name, c))
    return total + (e.layers * (e.E * e.each + e.shared * e.each + e.E * m.d) if e else 0)


def read(name, S, b=2):
    """Bytes that one more word reads at least: parameters that it passes, and keys and values of the words before."""
    m = MODELS[name]
    kept = sum(2 * n * (c.S - 1) * c.H_kv * c.D for n, c in groups(m, S))
    return b * m.active, b * kept
