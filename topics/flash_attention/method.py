"""FlashAttention: attention computed tile by tile, so that the T×T matrix of weights is never written.

T tokens, of which T_q ask and T_k answer   D head width   L layers   H heads
B_r queries and B_c keys of a tile   M numbers that fit on the chip
q, k, v a token's query, key and value   s scores   w weights   y output
m running maximum of a row's scores   ell (ℓ) running sum of exponentials   lse m + ln ℓ at the end
dq, dk, dv, dy the loss's gradient by each
The papers write N for T, d for D, S for s, P for w, O for y. A FLOP is one addition or one multiplication.
"""

import numpy as np

from topics.kit.numerics import softmax

# ---- forward


def online_softmax(m, ell, s, slack=0.0):
    """Take one more tile of scores into a row's running maximum and sum (eq:online).

    m, ell   (...,)      both so far; −inf and 0 before the first tile
    s        (..., B_c)  the tile's scores; −inf hides one, or all of a row
    slack    how far scores may rise above m before m follows
    returns  the new m and ell (...,), the tile's exponentials e (..., B_c), and the factor (...,) by which all that was
             summed before shrinks

    >>> m, ell, e, shrink = online_softmax(1.0, 2.0, np.array([1.0 + np.log(4), 1.0]))   # a new maximum, ln 4 above
    >>> float(shrink.round(3)), e.round(3).tolist(), float(ell.round(3))
    (0.25, [1.0, 0.25], 1.75)
    """
    top = s.max(-1)
    m_new = np.where(top > m + slack, top, m)
    base = np.where(m_new == -np.inf, 0, m_new)  # nothing seen yet: −inf − (−inf) would be no number
    shrink = np.exp(m - base)  # 1 where m stays, 0 at the first tile
    e = np.exp(s - base[..., None])  # (..., B_c), none above exp(slack)
    return m_new, shrink * ell + e.sum(-1), e, shrink


def flash_attention(q, k, v, causal=False, B_r=64, B_c=64):
    """Exact attention by tiles of B_r queries and B_c keys (eq:online, eq:finish).

    q        (..., T_q, D)
    k, v     (..., T_k, D) and (..., T_k, D_v)
    causal   a query sees no later token; the T_q ≤ T_k queries are those of the last T_q tokens
    returns  y (..., T_q, D_v) and each row's lse (..., T_q), all that the backward pass needs of the weights

    >>> y, lse = flash_attention(np.zeros((1, 2)), np.zeros((3, 2)), np.array([[1.0], [2.0], [6.0]]), B_c=2)
    >>> y.tolist(), np.exp(lse).round(3).tolist()   # equal scores: a mean of three; three exponentials of 0
    ([[3.0]], [3.0])
    """
    (T_q, D), T_k = q.shape[-2:], k.shape[-2]
    y = np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
    lse = np.zeros(q.shape[:-1], q.dtype)
    for i in range(0, T_q, B_r):
        q_i = q[..., i : i + B_r, :] * D**-0.5  # (..., ≤B_r, D), read once
        m = np.full(q_i.shape[:-1], -np.inf, q.dtype)  # (..., ≤B_r)
        ell, a = np.zeros_like(m), np.zeros_like(y[..., i : i + B_r, :])
        end = min(T_k, i + B_r + T_k - T_q) if causal else T_k  # later tiles are hidden as a whole
        for j in range(0, end, B_c):
            s = q_i @ np.swapaxes(k[..., j : j + B_c, :], -1, -2)  # (..., ≤B_r, ≤B_c), the only scores there are
            if causal:
                s = np.where(np.tri(*s.shape[-2:], i + T_k - T_q - j, dtype=bool), s, -np.inf)
            m, ell, e, shrink = online_softmax(m, ell, s)
            a = shrink[..., None] * a + e @ v[..., j : j + B_c, :]  # (..., ≤B_r, D_v)
        y[..., i : i + B_r, :] = a / ell[..., None]
        lse[..., i : i + B_r] = m + np.log(ell)
    return y, lse


# ---- backward


def flash_attention_backward(q, k, v, y, lse, dy, causal=False, B_r=64, B_c=64):
    """The gradients of flash_attention, each tile of weights computed again from q, k and lse (eq:backward).

    y, lse   what flash_attention gave for q, k, v
    dy       (..., T_q, D_v)
    returns  dq, dk, dv like q, k, v
    """
    T_q, T_k, scale = q.shape[-2], k.shape[-2], q.shape[-1] ** -0.5
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    delta = (dy * y).sum(-1, keepdims=True)  # (..., T_q, 1), known before the first tile
    for j in range(0, T_k, B_c):
        C = np.s_[..., j : j + B_c, :]
        for i in range(0, T_q, B_r):
            R = np.s_[..., i : i + B_r, :]
            if causal and j >= i + B_r + T_k - T_q:
                continue  # hidden as a whole
            s = q[R] @ np.swapaxes(k[C], -1, -2) * scale  # (..., ≤B_r, ≤B_c)
            if causal:
                s = np.where(np.tri(*s.shape[-2:], i + T_k - T_q - j, dtype=bool), s, -np.inf)
            w = np.exp(s - lse[..., None][R])
            ds = w * (dy[R] @ np.swapaxes(v[C], -1, -2) - delta[R])  # (..., ≤B_r, ≤B_c)
            dv[C] += np.swapaxes(w, -1, -2) @ dy[R]
            dk[C] += np.swapaxes(ds, -1, -2) @ q[R] * scale
            dq[R] += ds @ k[C] * scale
    return dq, dk, dv


def stored_backward(q, k, v, dy, causal=False):
    """The same gradients the plain way: all weights at once, kept from the forward pass."""
    scale = q.shape[-1] ** -0.5
    s = q @ np.swapaxes(k, -1, -2) * scale  # (..., T_q, T_k)
    if causal:
        s = np.where(np.tri(*s.shape[-2:], k.shape[-2] - q.shape[-2], dtype=bool), s, -np.inf)
    w = softmax(s)
    dw = dy @ np.swapaxes(v, -1, -2)  # (..., T_q, T_k)
    ds = w * (dw - (w * dw).sum(-1, keepdims=True))
    return ds @ k * scale, np.swapaxes(ds, -1, -2) @ q * scale, np.swapaxes(w, -1, -2) @ dy


# ---- what it moves, what it keeps


def rows_that_fit(M, D):
    """The most queries B_r of a tile such that tiles of q, y, k, v and of scores fit into M numbers.

    With B_c = min(B_r, D) keys: 2 B_r D + 2 B_c D + B_r B_c ≤ 5 B_r D.

    >>> rows_that_fit(M=65_536, D=64)
    204
    """
    return max(1, M // (5 * D))


def hbm_traffic(T, D, B_r=None):
    """Numbers that the forward pass of one head moves between the GPU's memory and its chip (eq:traffic).

    B_r      queries of a tile; None: the plain way, in three steps that each read and write whole matrices

    >>> hbm_traffic(T=1024, D=64), hbm_traffic(T=1024, D=64, B_r=256)
    (4456448, 656384)
    """
    if B_r is None:
        return 4 * T * D + 4 * T * T  # q, k, v in, y out; s out and in, w out and in
    passes = -(-T // B_r)  # all keys and values go by once for each tile of queries
    return 2 * T * D + T + 2 * T * D * passes  # q in, y and lse out; k and v in


def kept_bytes(T, L, H, stored=True):
    """Bytes that attention keeps of its weights for the backward pass: all at 16 bits, or one FP32 lse a row (eq:kept).

    >>> kept_bytes(T=1024, L=1, H=1), kept_bytes(T=1024, L=1, H=1, stored=False)
    (2097152, 4096)
    """
    return L * H * T * (2 * T if stored else 4)
