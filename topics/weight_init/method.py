"""Weight initialisation: how large the first matrices must be for a signal to keep its size, there and back.

L layers   n_in, n_out numbers that a matrix takes and gives   d width, where they are alike   W (n_out, n_in) a matrix
σ the standard deviation of its entries   g gain: σ·√n_in   φ activation, φ' its slope   h a layer's output
δ the gradient by it   x the residual stream, to which branches f are added, two in a layer   B inputs at once
"""

import numpy as np

# ---- drawing a matrix


def xavier_init(rng, n_out, n_in, gain=1.0):
    """A matrix (n_out, n_in), uniform, whose variance is gain² · 2 / (n_in + n_out) (eq:xavier; Glorot, Bengio 2010).

    >>> W = xavier_init(np.random.default_rng(0), 1000, 500)
    >>> round(float(W.var() * 750), 2)
    1.0
    """
    bound = gain * np.sqrt(6 / (n_in + n_out))  # a uniform law on ±b has the variance b²/3
    return rng.uniform(-bound, bound, (n_out, n_in))


def he_init(rng, n_out, n_in, gain=2**0.5):
    """A matrix (n_out, n_in), Gaussian, whose variance is gain² / n_in (eq:he; He et al. 2015).

    >>> W = he_init(np.random.default_rng(0), 1000, 500)
    >>> round(float(W.var() * 500), 1)
    2.0
    """
    return rng.normal(0, gain / np.sqrt(n_in), (n_out, n_in))


def pytorch_init(rng, n_out, n_in):
    """What torch.nn.Linear begins with: uniform on ±1/√n_in, so a standard deviation of 1/√(3·n_in)."""
    return rng.uniform(-1, 1, (n_out, n_in)) / np.sqrt(n_in)


def orthogonal_init(rng, n_out, n_in, gain=1.0):
    """A matrix (n_out, n_in) with rows or columns, whichever are fewer, orthogonal and of length gain: every such
    matrix is equally likely (Saxe et al. 2013).

    >>> W = orthogonal_init(np.random.default_rng(0), 2, 5)
    >>> abs(W @ W.T).round(12).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    A = rng.normal(size=(n_out, n_in))
    Q, R = np.linalg.qr(A if n_out >= n_in else A.T)  # the shorter side is orthogonal
    Q = Q * np.where(np.diag(R) < 0, -1.0, 1.0)  # QR chooses signs by its own habit: without this not all are alike
    return gain * (Q if n_out >= n_in else Q.T)


def gpt2_init(rng, n_out, n_in, L, adds=False):
    """A matrix (n_out, n_in) of GPT-2: standard deviation 0.02, and 0.02/√(2L) where its product is added to the
    residual stream of L layers, each of which adds twice (eq:depth; Radford et al. 2019).

    >>> W = gpt2_init(np.random.default_rng(0), 300, 1000, L=8, adds=True)
    >>> round(float(W.std()), 4)
    0.005
    """
    return rng.normal(0, 0.02 / np.sqrt(2 * L if adds else 1), (n_out, n_in))


# ---- activations: φ and its slope


def _gelu(x):
    u = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    return x * (1 + u) / 2, (1 + u) / 2 + x * (1 - u * u) * slope / 2


def _silu(x):
    s = 1 / (1 + np.exp(-np.clip(x, -500, 500)))  # exp(710) is inf
    return x * s, s + x * s * (1 - s)


ACTIVATIONS = {
    "ReLU": lambda x: (np.maximum(x, 0), (x > 0).astype(float)),
    "tanh": lambda x: (np.tanh(x), 1 - np.tanh(x) ** 2),
    "GELU": _gelu,  # in the form with tanh, as in GPT-2
    "SiLU": _silu,
    "none": lambda x: (x, np.ones_like(x)),
}


# ---- a signal's way through the layers, and back


def propagate(matrices, h, activation, delta):
    """Sizes on the way: h_l = φ(W_l h_(l−1)) forwards (eq:layer), then δ backwards (eq:backward).

    matrices    L of them, (n_out, n_in) each
    h           (B, n) inputs
    activation  a name of ACTIVATIONS
    delta       (B, n) the gradient by the last output
    returns     root mean squares: of h_0 … h_L (L+1,), and of the gradients by them (L+1,)
    """
    slopes, forward = [], [rms(h)]
    for W in matrices:
        h, slope = ACTIVATIONS[activation](h @ W.T)
        slopes.append(slope)
        forward.append(rms(h))
    backward = [rms(delta)]
    for W, slope in zip(reversed(matrices), reversed(slopes), strict=True):
        delta = (delta * slope) @ W  # the same matrix, the other way round
        backward.append(rms(delta))
    return np.array(forward), np.array(backward[::-1])


def rms(x):
    """The root of the mean square: the size of a typical entry."""
    return float(np.sqrt(np.mean(x * x)))


def jacobian(matrices, x, activation):
    """∂h_L/∂h_0 at one input x (n,): (n_L, n)."""
    J = np.eye(len(x))
    for W in matrices:
        x, slope = ACTIVATIONS[activation](W @ x)
        J = slope[:, None] * (W @ J)
    return J


# ---- a residual stream: x + f(x), 2L times

PLACES = {  # where a norm stands: before a branch, behind it, on the stream
    "no norm": (False, False, False),
    "pre-norm": (True, False, False),
    "both ends": (True, True, False),
    "post-norm": (False, False, True),
}


def residual_stream(branches, x, place, delta, norm="RMSNorm"):
    """Sizes of the stream forwards, x ← x + f(x) (eq:stream), and of the gradients by it backwards.

    branches  2L pairs of matrices, as branch takes them
    x         (B, d) the stream at the beginning
    place     a name of PLACES
    delta     (B, d) the gradient by the stream at the end
    norm      "RMSNorm" or "LayerNorm"
    returns   root mean squares: before, between and behind the branches (2L+1,), and of the gradients there (2L+1,)
    """
    before, behind, on_stream = (norm if there else None for there in PLACES[place])
    ways_back, forward = [], [rms(x)]
    for W_1, W_2 in branches:
        u, back_u = normed(x, before)
        f, back_f = branch(u, W_1, W_2)
        f, back_behind = normed(f, behind)
        x, back_x = normed(x + f, on_stream)
        ways_back.append((back_u, back_f, back_behind, back_x))
        forward.append(rms(x))
    backward = [rms(delta)]
    for back_u, back_f, back_behind, back_x in reversed(ways_back):
        delta = back_x(delta)
        delta = delta + back_u(back_f(back_behind(delta)))  # the sum's gradient goes both ways
        backward.append(rms(delta))
    return np.array(forward), np.array(backward[::-1])


def branch(x, W_1, W_2):
    """f(x) = W_2 ReLU(W_1 x), and the way back of a gradient.

    x    (B, d)
    W_1  (F, d)
    W_2  (d, F)
    """
    h = x @ W_1.T  # (B, F)
    return np.maximum(h, 0) @ W_2.T, lambda delta: ((delta @ W_2) * (h > 0)) @ W_1


def normed(x, norm):
    """x (B, d) normed along its last axis, and the way back of a gradient; without a norm, as it is."""
    if norm is None:
        return x, lambda delta: delta
    centred = x - x.mean(-1, keepdims=True) if norm == "LayerNorm" else x
    size = np.sqrt(np.mean(centred * centred, -1, keepdims=True) + 1e-5)
    y = centred / size  # (B, d)

    def back(delta):
        delta = (delta - y * np.mean(delta * y, -1, keepdims=True)) / size
        return delta - delta.mean(-1, keepdims=True) if norm == "LayerNorm" else delta

    return y, back
