"""What a reader of the page on LoRA is asked."""

import numpy as np

from topics.kit import exercise, same

# ---- many adapters, one matrix


def _served(x, W, adapters, which):
    y = x @ W.T  # (N, T, out)
    for n, k in enumerate(which):
        if k >= 0:
            A, B, alpha = adapters[k]
            y[n] += alpha / len(A) * (x[n] @ A.T @ B.T)
    return y


@exercise(
    start="""
        def serve(x, W, adapters, which):
            # x (N, T, in), W (out, in); adapters: a list of (A, B, alpha), A (r, in), B (out, r)
            A, B, alpha = adapters[0]
            return x @ W.T + alpha * (x @ B.T @ A.T)
    """,
    solution=_served,
    hint="x meets A first, which takes it to r numbers, and then B. An adapter's rank is the number of rows of its A. "
    "A list's element −1 is its last.",
)
def serve_each_its_own(answer, rng):
    """Write `serve(x, W, adapters, which)`: what a frozen matrix gives for N requests, each with an adapter of its own.
    Request n has the adapter number `which[n]`, with its own rank r and the scale α/r; −1 means none. Return
    (N, T, out), and change neither `x` nor `W`."""
    for out, fan_in, T, ranks, which in (
        (3, 7, 2, (2,), [0, -1]), (3, 7, 1, (1, 4), [1, 0, 1]), (4, 4, 3, (4, 1, 2), [2, -1, 0, 1]),
        (6, 2, 2, (3, 2), [-1, -1]),
    ):  # fmt: skip
        W, x = rng.normal(size=(out, fan_in)), rng.normal(size=(len(which), T, fan_in))
        adapters = [(rng.normal(size=(r, fan_in)), rng.normal(size=(out, r)), float(rng.choice([2.0, 8.0, 12.0])))
                    for r in ranks]  # fmt: skip
        kept, given_x = W.copy(), x.copy()
        expected = np.zeros((*x.shape[:2], out))
        for n, t, o in np.ndindex(*expected.shape):
            expected[n, t, o] = sum(W[o, i] * x[n, t, i] for i in range(fan_in))
            if which[n] >= 0:
                A, B, alpha = adapters[which[n]]
                for k in range(len(A)):
                    low = sum(A[k, i] * x[n, t, i] for i in range(fan_in))
                    expected[n, t, o] += alpha / len(A) * B[o, k] * low
        given = {"out, in": (out, fan_in), "ranks": ranks, "alphas": [a for _, _, a in adapters], "which": which}
        same(answer(x, W, adapters, list(which)), expected, **given)
        same(W, kept, "the matrix W that you were given")
        same(x, given_x, "the inputs x that you were given")


# ---- merging


def _merged(W, adapters):
    new = W.copy()
    for A, B, alpha in adapters:
        new += alpha / len(A) * (B @ A)
    return new


@exercise(
    start="""
        def merged(W, adapters):
            # W (out, in); adapters: a list of (A, B, alpha)
            for A, B, alpha in adapters:
                W += B @ A
            return W
    """,
    solution=_merged,
    hint="The scale belongs to the merge as much as to the forward pass, and each adapter has a rank of its own. "
    "`W += …` changes the array of whoever called you.",
)
def merge_and_keep_the_base(answer, rng):
    """Write `merged(W, adapters)`: a new matrix with all adapters added to `W`, each with its own scale α/r. `W` must
    be as it was, since the next customer needs it: a second call gives the same. Of an empty list the result is a
    copy."""
    for out, fan_in, ranks in ((3, 7, (2,)), (4, 3, (1, 3)), (5, 5, (2, 4, 1)), (2, 6, ())):
        W = rng.normal(size=(out, fan_in))
        adapters = [
            (rng.normal(size=(r, fan_in)), rng.normal(size=(out, r)), float(rng.choice([2.0, 6.0, 16.0])))
            for r in ranks
        ]
        kept = W.copy()
        expected = W.copy()
        for A, B, alpha in adapters:
            for o, i in np.ndindex(out, fan_in):
                expected[o, i] += alpha / len(A) * sum(B[o, k] * A[k, i] for k in range(len(A)))
        given = {"out, in": (out, fan_in), "ranks": ranks, "alphas": [alpha for _, _, alpha in adapters]}
        first = answer(W, adapters)
        same(first, expected, "the merged matrix", **given)
        same(W, kept, "the matrix W that you were given", **given)
        assert not np.shares_memory(np.asarray(first), W), "what you return must be a matrix of its own, not W itself"
        same(answer(W, adapters), expected, "the same, merged a second time", **given)


# ---- counting


def _trained(layer, L, r, chosen):
    return sum(L * r * sum(layer[name]) for name in chosen)


@exercise(
    start="""
        def trained(layer, L, r, chosen):
            # layer: {name: (out, in)}, chosen: names of it
            return sum(layer[name][0] * layer[name][1] for name in chosen)
    """,
    solution=_trained,
    hint="A has r rows of `in`, B has `out` rows of r. PEFT sees the modules that there are: a fused one is one.",
)
def count_what_is_trained(answer, rng):
    """Write `trained(layer, L, r, chosen)`: how many numbers adapters of rank `r` have in a model of `L` layers.
    `layer` has the shape (out, in) of each matrix of one layer; `chosen` names those that get an adapter. Where
    queries, keys and values are one fused matrix, as in GPT-2's `c_attn`, it gets one adapter,
    as PEFT does it (Microsoft's loralib gives queries, keys and values one each)."""
    d, wide = int(rng.integers(3, 9)), int(rng.integers(10, 20))
    gpt2 = {"c_attn": (3 * d, d), "c_proj": (d, d), "c_fc": (4 * d, d)}
    llama = {"q": (d, d), "k": (d // 3, d), "v": (d // 3, d), "o": (d, d), "gate": (wide, d), "down": (d, wide)}
    gpt3 = {"q": (12_288, 12_288), "v": (12_288, 12_288)}
    cases = (
        (gpt2, 12, 8, ["c_attn"]), (gpt2, 1, 1, ["c_attn", "c_proj", "c_fc"]), (llama, 5, 4, ["q", "v"]),
        (llama, int(rng.integers(2, 9)), int(rng.integers(2, 7)), list(llama)), (llama, 3, 2, []),
        (gpt3, 96, 4, list(gpt3)),
    )  # fmt: skip
    for layer, L, r, chosen in cases:
        expected = 0
        for name in chosen:
            out, fan_in = layer[name]
            expected += L * (r * fan_in + out * r)
        given = {"layer": dict(layer), "L": L, "r": r, "chosen": list(chosen)}
        same(float(answer(dict(layer), L, r, list(chosen))), float(expected), "the count", atol=0.1, rtol=0, **given)


# ---- gradients


def _gradients(G, A, B, s):
    return s * (B.T @ G), s * (G @ A.T)


@exercise(
    start="""
        def gradients(G, A, B, s):
            # G (out, in): the loss's gradient by the whole matrix W + s·BA
            return s * (G.T @ B), s * (A @ G.T)
    """,
    solution=_gradients,
    hint="When A moves by dA, the matrix moves by s·B·dA, and the loss by the sum of G times that, entry by entry. "
    "What stands with dA[k, i]? The results have the shapes of A and of B.",
)
def send_the_gradient_on(answer, rng):
    """Write `gradients(G, A, B, s)`: the loss's gradients by A (r, in) and by B (out, r), where `G` (out, in) is its
    gradient by the matrix `W + s·BA`. While B is zero, A gets exactly zero."""
    for out, fan_in, r, zero in ((3, 7, 2, False), (4, 4, 1, False), (5, 3, 3, True), (4, 4, 4, False)):
        G, A = rng.normal(size=(out, fan_in)), rng.normal(size=(r, fan_in))
        B, s = np.zeros((out, r)) if zero else rng.normal(size=(out, r)), float(rng.choice([0.5, 2.0, 3.0]))
        by_A = [[s * sum(B[o, k] * G[o, i] for o in range(out)) for i in range(fan_in)] for k in range(r)]
        by_B = [[s * sum(G[o, i] * A[k, i] for i in range(fan_in)) for k in range(r)] for o in range(out)]
        got = answer(G.copy(), A.copy(), B.copy(), s)
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: the gradients by A and by B"
        given = {"out, in, r": (out, fan_in, r), "s": s, "B": B}
        same(got[0], by_A, "the gradient by A", **given)
        same(got[1], by_B, "the gradient by B", **given)
