"""What a reader of the page on weight initialisation is asked."""

import numpy as np

from topics.kit import exercise, same


def _begin(rng, n_out, n_in, gain):
    b = gain * np.sqrt(3 / n_in)
    return rng.uniform(-b, b, (n_out, n_in))


@exercise(
    start="""
        def begin(rng, n_out, n_in, gain):
            b = gain / np.sqrt(n_in)
            return rng.uniform(-b, b, (n_out, n_in))
    """,
    solution=_begin,
    hint="A uniform law on −b to b has the standard deviation b/√3. Which b gives gain/√n_in?",
)
def draw_a_matrix(answer, rng):
    """Write `begin(rng, n_out, n_in, gain)`: a matrix (n_out, n_in) drawn from a **uniform** law around 0, whose
    products keep a signal's size times `gain`: its standard deviation is gain/√fan-in. `rng` is one of numpy's
    generators. You may use `np`."""
    for n_out, n_in, gain in (
        (60, 420, 2**0.5),
        (420, 60, 1.0),
        (90, 160, float(rng.uniform(0.3, 0.7))),
        (1, 9000, 3.0),
    ):
        seed = int(rng.integers(1000))
        W, again, other = (
            np.asarray(answer(np.random.default_rng(i), n_out, n_in, gain)) for i in (seed, seed, seed + 1)
        )
        case = f"n_out = {n_out}, n_in = {n_in}, gain = {gain:.3f}"
        assert W.shape == (n_out, n_in), f"the shape is {W.shape}, expected {(n_out, n_in)}; {case}"
        assert np.isfinite(W).all(), f"the matrix is not finite; {case}"
        drawn = (again == W).all() and not (other == W).all()
        assert drawn, f"draw from `rng`: one seed must give one matrix, and another seed another; {case}"
        std = gain / n_in**0.5  # the oracle
        assert abs(W.std() / std - 1) < 0.03, f"the standard deviation is {W.std():.4f}, expected {std:.4f}; {case}"
        assert abs(W.mean()) < 0.05 * std, f"the mean is {W.mean():.4f}, expected about 0; {case}"
        most = np.abs(W).max() / std
        assert 1.70 < most <= 3**0.5 + 1e-9, (
            f"the largest entry is {most:.2f} standard deviations from 0; a uniform law ends at √3 = 1.73; {case}"
        )


def _orthogonal(A):
    tall = A if A.shape[0] >= A.shape[1] else A.T
    Q, R = np.linalg.qr(tall)
    Q = Q * np.sign(np.diag(R))
    return Q if A.shape[0] >= A.shape[1] else Q.T


@exercise(
    start="""
        def orthogonal(A):
            return np.linalg.qr(A)[0]
    """,
    solution=_orthogonal,
    hint="QR of a wide matrix makes a square Q: turn the matrix on its side first. And A = QR stays true if a column "
    "of Q and the same row of R change sign. Which signs are unique?",
)
def make_it_orthogonal(answer, rng):
    """Write `orthogonal(A)`, the heart of orthogonal initialisation: from Gaussian numbers `A` (n, m) make a matrix of
    the same shape whose shorter side is orthonormal: its columns if it is tall, its rows if it is wide. Choose the
    signs so that the diagonal of R in A = QR (wide: in Aᵀ = QR) is positive; without that, not every matrix is equally
    likely. `np.linalg.qr` may be used."""
    for n, m in ((5, 3), (3, 6), (4, 4), (1, 3), (2, 1)):
        A = rng.normal(size=(n, m))
        given = A.copy()
        same(answer(A), _gram_schmidt(given), "the matrix", rtol=1e-7, atol=1e-9, A=given)
        assert np.array_equal(A, given), "the given A must not change"


def _gram_schmidt(A):
    """The oracle: from each vector of the shorter side, take away its shadows on those before; then make it as long
    as 1."""
    rows = [list(row) for row in (A if A.shape[0] < A.shape[1] else A.T)]
    done = []
    for row in rows:
        for other in done:
            shadow = sum(a * b for a, b in zip(row, other, strict=True))
            row = [a - shadow * b for a, b in zip(row, other, strict=True)]
        length = sum(a * a for a in row) ** 0.5
        done.append([a / length for a in row])
    return np.array(done) if A.shape[0] < A.shape[1] else np.array(done).T


def _deviations(names, L):
    return [0.02 / np.sqrt(2 * L) if name.endswith(".c_proj.weight") else 0.02 for name in names]


@exercise(
    start="""
        def deviations(names, L):
            return [0.02 / np.sqrt(L) if name == "c_proj.weight" else 0.02 for name in names]
    """,
    solution=_deviations,
    hint="Print one of the names. And how many branches does a layer add to the stream?",
)
def mend_the_scaling(answer, rng):
    """Write `deviations(names, L)`: for each weight matrix of a GPT-2 of L layers its initial standard deviation, 0.02,
    and 0.02/√(2L) where its product is added to the residual stream. These are called `c_proj`; `names` holds whole
    names such as `h.3.attn.c_proj.weight`. The starter code has the fault that a library shipped, and one more."""
    for L in (int(rng.integers(2, 40)), 12, 1):
        i = int(rng.integers(L))
        parts = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
        names = [f"{start}h.{i}.{part}.weight" for start in ("", "transformer.") for part in parts]
        names += ["wte.weight", "transformer.wpe.weight"]
        rng.shuffle(names)
        expected = [0.02 / (L + L) ** 0.5 if "c_proj" in name.split(".") else 0.02 for name in names]
        same(answer(list(names), L), expected, "the deviations", names=names, L=L)
