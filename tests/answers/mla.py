"""Answers to the exercises on multi-head latent attention: right ones, written another way, and wrong ones that look
right."""

RIGHT = {
    "fold_two_matrices": [
        """
        def fold(W_UQ, W_UK):
            return np.stack([Q.T @ K for Q, K in zip(W_UQ, W_UK)])
        """,
        """
        def fold(W_UQ, W_UK):
            return np.swapaxes(W_UQ, 1, 2) @ W_UK
        """,
        """
        def fold(W_UQ, W_UK):
            H, D, d_q = W_UQ.shape
            M = np.zeros((H, d_q, W_UK.shape[2]))
            for h in range(H):
                for i in range(D):
                    M[h] += np.outer(W_UQ[h, i], W_UK[h, i])
            return M
        """,
    ],
    "write_groups_as_a_latent": [
        """
        def as_latent(W_K, W_V, H):
            H_kv, D, d = W_K.shape
            W_D = np.concatenate([W_K, W_V]).reshape(-1, d)
            W_UK, W_UV = np.zeros((2, H, D, len(W_D)))
            for h in range(H):
                g = h // (H // H_kv)
                for i in range(D):
                    W_UK[h, i, g * D + i] = 1
                    W_UV[h, i, (H_kv + g) * D + i] = 1
            return W_D, W_UK, W_UV
        """,
        """
        def as_latent(W_K, W_V, H):
            # each group's value beside its key: another order of the list, which the ways up undo
            H_kv, D, d = W_K.shape
            W_D = np.stack([W_K, W_V], 1).reshape(2 * H_kv * D, d)
            up = np.repeat(np.eye(len(W_D)).reshape(H_kv, 2, D, -1), H // H_kv, 0)
            return W_D, up[:, 0], up[:, 1]
        """,
    ],
    "share_the_latent": [
        """
        def shared_latent(W_K, W_V, r):
            W = np.concatenate([W_K, W_V])
            V = np.linalg.eigh(W.T @ W)[1][:, ::-1][:, :r]
            return V.T, W @ V
        """,
        """
        def shared_latent(W_K, W_V, r):
            U, s, Vt = np.linalg.svd(np.vstack([W_K, W_V]), full_matrices=False)
            return np.sqrt(s[:r])[:, None] * Vt[:r], U[:, :r] * np.sqrt(s[:r])
        """,
    ],
}

_LATENT = """
    def as_latent(W_K, W_V, H):
        H_kv, D, d = W_K.shape
        W_D = np.concatenate([W_K, W_V]).reshape(2 * H_kv * D, d)
        W_UK, W_UV = np.zeros((2, H, D, 2 * H_kv * D))
        for h in range(H):
            k, v = {key}, {value}
            W_UK[h, :, k * D : (k + 1) * D] = np.eye(D)
            W_UV[h, :, v * D : (v + 1) * D] = np.eye(D)
        return W_D, W_UK, W_UV
"""

_SHARED = """
    def shared_latent(W_K, W_V, r):
        W = np.vstack([W_K, W_V])
        U, s, Vt = np.linalg.svd({of}, full_matrices=False)
        return {down}, {up}
"""


def _latent(key="h // (H // H_kv)", value="H_kv + h // (H // H_kv)"):
    return _LATENT.format(key=key, value=value)


def _shared(down="U[:, :r].T @ W", up="U[:, :r]", of="W"):
    return _SHARED.format(down=down, up=up, of=of)


WRONG = {
    "fold_two_matrices": {
        "turned over": """
            def fold(W_UQ, W_UK):
                return np.einsum("hDq,hDc->hcq", W_UQ, W_UK)
        """,
        "all heads as the first": """
            def fold(W_UQ, W_UK):
                H, _, d_q = W_UQ.shape
                return np.broadcast_to(W_UQ[0].T @ W_UK[0], (H, d_q, W_UK.shape[2]))
        """,
        "zeros": """
            def fold(W_UQ, W_UK):
                return np.zeros((len(W_UQ), W_UQ.shape[2], W_UK.shape[2]))
        """,
        "each query meets all heads' keys": """
            def fold(W_UQ, W_UK):
                return np.einsum("hDq,gDc->hqc", W_UQ, W_UK)
        """,
        "each query meets the next head's keys": """
            def fold(W_UQ, W_UK):
                return np.einsum("hDq,hDc->hqc", W_UQ, np.roll(W_UK, 1, 0))
        """,
        "scaled as a score": """
            def fold(W_UQ, W_UK):
                return np.einsum("hDq,hDc->hqc", W_UQ, W_UK) / np.sqrt(W_UQ.shape[1])
        """,
        "one matrix for all heads": """
            def fold(W_UQ, W_UK):
                return np.einsum("hDq,hDc->qc", W_UQ, W_UK)
        """,
        "the first number of a key only": """
            def fold(W_UQ, W_UK):
                return np.einsum("hq,hc->hqc", W_UQ[:, 0], W_UK[:, 0])
        """,
        "in 16 bits": """
            def fold(W_UQ, W_UK):
                return np.einsum("hDq,hDc->hqc", W_UQ.astype(np.float16), W_UK.astype(np.float16))
        """,
    },
    "write_groups_as_a_latent": {
        "tiled": _latent("h % H_kv", "H_kv + h % H_kv"),
        "keys and values exchanged": _latent("H_kv + h // (H // H_kv)", "h // (H // H_kv)"),
        "values read from the keys": _latent(value="h // (H // H_kv)"),
        "values behind the first group's keys": _latent(value="1 + h // (H // H_kv)"),
        "all read the first group": _latent("0", "H_kv"),
        "groups counted from the end": _latent("H_kv - 1 - h // (H // H_kv)", "2 * H_kv - 1 - h // (H // H_kv)"),
        "keys by pairs of heads": _latent("min(h // 2, H_kv - 1)"),
        "as if each head had a group": _latent("min(h, H_kv - 1)", "H_kv + min(h, H_kv - 1)"),
        "the list in one order, the ways up for another": """
            def as_latent(W_K, W_V, H):
                H_kv, D, d = W_K.shape
                W_D = np.stack([W_K, W_V], 1).reshape(2 * H_kv * D, d)
                up = np.eye(2 * H_kv * D).reshape(2, H_kv, D, 2 * H_kv * D)
                of = np.arange(H) * H_kv // H
                return W_D, up[0, of], up[1, of]
        """,
        "a way up for each group only": """
            def as_latent(W_K, W_V, H):
                H_kv, D, d = W_K.shape
                W_D = np.concatenate([W_K, W_V]).reshape(2 * H_kv * D, d)
                up = np.eye(2 * H_kv * D).reshape(2, H_kv, D, 2 * H_kv * D)
                return W_D, up[0], up[1]
        """,
    },
    "share_the_latent": {
        "directions of the keys": """
            def shared_latent(W_K, W_V, r):
                V = np.linalg.svd(W_K)[2][:r]
                return V, np.vstack([W_K, W_V]) @ V.T
        """,
        "directions of the values, the larger": """
            def shared_latent(W_K, W_V, r):
                V = np.linalg.svd(W_V)[2][:r]
                return V, np.vstack([W_K, W_V]) @ V.T
        """,
        "zeros": """
            def shared_latent(W_K, W_V, r):
                return np.zeros((r, W_K.shape[1])), np.zeros((2 * len(W_K), r))
        """,
        "one direction too few": _shared(up="U[:, :r] * (np.arange(r) < max(r - 1, 0))"),
        "the weakest directions": _shared(down="U[:, ::-1][:, :r].T @ W", up="U[:, ::-1][:, :r]"),
        "the singular values on neither side": _shared(down="Vt[:r]"),
        "the singular values on both sides": _shared(down="s[:r, None] * Vt[:r]", up="U[:, :r] * s[:r]"),
        "mean removed first": _shared(of="W - W.mean(0)"),
        "keys and values made equally long first": _shared(
            of="np.vstack([W_K / np.linalg.norm(W_K), W_V / np.linalg.norm(W_V)])"
        ),
        "directions of their sum": """
            def shared_latent(W_K, W_V, r):
                V = np.linalg.svd(W_K + W_V)[2][:r]
                return V, np.vstack([W_K, W_V]) @ V.T
        """,
        "the first rows": """
            def shared_latent(W_K, W_V, r):
                W = np.vstack([W_K, W_V])
                V = np.linalg.qr(W[:r].T)[0]
                return V.T, W @ V
        """,
        "up and down exchanged": """
            def shared_latent(W_K, W_V, r):
                U = np.linalg.svd(np.vstack([W_K, W_V]), full_matrices=False)[0][:, :r]
                return U, U.T @ np.vstack([W_K, W_V])
        """,
        "side by side": """
            def shared_latent(W_K, W_V, r):
                W = np.hstack([W_K, W_V])
                U = np.linalg.svd(W, full_matrices=False)[0][:, :r]
                return U.T @ W, U
        """,
    },
}
