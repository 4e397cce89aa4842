"""Answers to the exercises on grouped-query attention: right ones, written another way, and wrong ones that look
right."""

RIGHT = {
    "attend_without_copies": [
        """
        def attend_in_groups(q, K, V):
            T, H_kv, D = K.shape
            out = np.empty_like(q)
            G = len(q) // H_kv
            for g in range(H_kv):
                asked = q[g * G : (g + 1) * G]
                s = asked @ K[:, g].T / D**0.5
                e = np.exp(s - s.max(-1, keepdims=True))
                out[g * G : (g + 1) * G] = e / e.sum(-1, keepdims=True) @ V[:, g]
            return out
        """,
        """
        def attend_in_groups(q, K, V):
            H_kv, D = K.shape[1:]
            asked = q.reshape(H_kv, -1, D)
            s = asked @ K.transpose(1, 2, 0) / np.sqrt(D)
            return (softmax(s) @ V.swapaxes(0, 1)).reshape(q.shape)
        """,
        """
        def attend_in_groups(q, K, V):
            H, D = q.shape
            G = H // K.shape[1]
            out = []
            for h in range(H):
                w = softmax(np.array([q[h] @ k[h // G] for k in K]) / D**0.5)
                out.append(np.tensordot(w, V[:, h // G], 1))
            return out
        """,
    ],
    "weigh_a_share": [
        """
        def gpu_kib(L, H_kv, D, b, P):
            return np.prod([2, L, -(-H_kv // P), D, b]) / 2**10
        """,
        """
        def gpu_kib(L, H_kv, D, b, P):
            heads = H_kv / P if P < H_kv else 1
            return L * heads * D * b / 512
        """,
    ],
    "choose_the_groups": [
        """
        def most_groups(free, users, T, L, H, D, b):
            g = min(H, free // np.prod([users, T, 2, L, D, b]))
            while g > 0 and H % g:
                g -= 1
            return g
        """,
        """
        def most_groups(free, users, T, L, H, D, b):
            for G in range(1, H + 1):
                if H % G == 0 and users * T * 2 * L * (H // G) * D * b <= free:
                    return H // G
            return 0
        """,
    ],
}

_ATTEND = """
    def attend_in_groups(q, K, V):
        H_kv, D = K.shape[1:]
        G = len(q) // H_kv
        {copy}
        return np.einsum("ht,thd->hd", softmax(np.einsum("hd,thd->ht", q, K) / np.sqrt(D)), V)
"""

_GROUPS = """
    def most_groups(free, users, T, L, H, D, b):
        return max((g for g in {numbers} if H % g == 0 and {bytes} {fits} free), default={default})
"""


def _groups(numbers="range(1, H + 1)", bytes="users * T * 2 * L * g * D * b", fits="<=", default=0):
    return _GROUPS.format(numbers=numbers, bytes=bytes, fits=fits, default=default)


WRONG = {
    "attend_without_copies": {
        "copies with np.repeat": _ATTEND.format(copy="K, V = (np.repeat(x, G, 1) for x in (K, V))"),
        "copies with the method repeat": _ATTEND.format(copy="K, V = K.repeat(G, 1), V.repeat(G, 1)"),
        "copies by indexing": _ATTEND.format(copy="K, V = (x[:, np.arange(len(q)) // G] for x in (K, V))"),
        "copies with np.take": _ATTEND.format(copy="K, V = (np.take(x, np.arange(len(q)) // G, 1) for x in (K, V))"),
        "copies the keys alone": """
            def attend_in_groups(q, K, V):
                H_kv, D = K.shape[1:]
                K = np.repeat(np.asarray(K), len(q) // H_kv, 1)
                w = softmax(np.einsum("hd,thd->ht", q, K) / np.sqrt(D))
                return np.einsum("gxt,tgd->gxd", w.reshape(H_kv, -1, len(K)), V).reshape(q.shape)
        """,
        "copies a broadcast view": _ATTEND.format(
            copy="K, V = (np.broadcast_to(x[:, :, None], (len(x), H_kv, G, D)).reshape(len(x), -1, D) for x in (K, V))"
        ),
        "copies head by head": _ATTEND.format(
            copy="K, V = (np.stack([x[:, h // G] for h in range(len(q))], 1) for x in (K, V))"
        ),
        "copies into an array of its own": _ATTEND.format(
            copy="wide = np.zeros((2, len(K), len(q), D))\n"
            "        for h in range(len(q)):\n"
            "            wide[0, :, h], wide[1, :, h] = K[:, h // G], V[:, h // G]\n"
            "        K, V = wide"
        ),
        "multiplies out for every head": """
            def attend_in_groups(q, K, V):
                H_kv, D = K.shape[1:]
                asked = q.reshape(H_kv, -1, D)
                s = (asked * K[:, :, None]).sum(-1)  # (T, H_kv, G)
                w = softmax(np.moveaxis(s, 0, -1) / np.sqrt(D))
                return np.einsum("gxt,tgd->gxd", w, V).reshape(q.shape)
        """,
        "tiles": _ATTEND.format(copy="K, V = (np.tile(x, (1, G, 1)) for x in (K, V))"),
        "does not scale": """
            def attend_in_groups(q, K, V):
                asked = q.reshape(K.shape[1], -1, K.shape[2])
                w = softmax(np.einsum("gxd,tgd->gxt", asked, K))
                return np.einsum("gxt,tgd->gxd", w, V).reshape(q.shape)
        """,
        "scales by the root of the heads": """
            def attend_in_groups(q, K, V):
                asked = q.reshape(K.shape[1], -1, K.shape[2])
                w = softmax(np.einsum("gxd,tgd->gxt", asked, K) / np.sqrt(len(q)))
                return np.einsum("gxt,tgd->gxd", w, V).reshape(q.shape)
        """,
        "reads the first head only": """
            def attend_in_groups(q, K, V):
                return softmax(q @ K[:, 0].T / len(q[0]) ** 0.5) @ V[:, 0]
        """,
        "weighs over the group, not over the tokens": """
            def attend_in_groups(q, K, V):
                asked = q.reshape(K.shape[1], -1, K.shape[2])
                w = softmax(np.einsum("gxd,tgd->gtx", asked, K) / np.sqrt(K.shape[2]))
                return np.einsum("gtx,tgd->gxd", w, V).reshape(q.shape)
        """,
        "leaves the groups apart": """
            def attend_in_groups(q, K, V):
                asked = q.reshape(K.shape[1], -1, K.shape[2])
                w = softmax(np.einsum("gxd,tgd->gxt", asked, K) / np.sqrt(K.shape[2]))
                return np.einsum("gxt,tgd->gxd", w, V)
        """,
        "rounds to 32 bits": """
            def attend_in_groups(q, K, V):
                q, K, V = (x.astype(np.float32) for x in (q, K, V))
                asked = q.reshape(K.shape[1], -1, K.shape[2])
                w = softmax(np.einsum("gxd,tgd->gxt", asked, K) / np.sqrt(K.shape[2]))
                return np.einsum("gxt,tgd->gxd", w, V).reshape(q.shape)
        """,
    },
    "weigh_a_share": {
        "cuts heads in parts": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * H_kv * D * b / P / 1024
        """,
        "always one head": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * D * b / 1024
        """,
        "all heads on each": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * H_kv * D * b / 1024
        """,
        "the example's number": """
            def gpu_kib(L, H_kv, D, b, P):
                return 40.0
        """,
        "16 bits whatever b": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * max(1, H_kv // P) * D * 2 / 1024
        """,
        "no head where there are more GPUs": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * (H_kv // P) * D * b / 1024
        """,
        "keys without values": """
            def gpu_kib(L, H_kv, D, b, P):
                return L * max(1, H_kv // P) * D * b / 1024
        """,
        "a KiB of a thousand bytes": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * max(1, H_kv // P) * D * b / 1000
        """,
        "one head more where it comes out even": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * (H_kv // P + 1) * D * b / 1024
        """,
        "rounds to whole KiB": """
            def gpu_kib(L, H_kv, D, b, P):
                return 2 * L * max(1, H_kv // P) * D * b // 1024
        """,
    },
    "choose_the_groups": {
        "an exact fit does not fit": _groups(fits="<"),
        "at most H, but not evenly": """
            def most_groups(free, users, T, L, H, D, b):
                return min(H, free // (users * T * 2 * L * D * b))
        """,
        "powers of two only": _groups(numbers="(1, 2, 4, 8, 16, 32, 64)"),
        "at least one group": _groups(default=1),
        "never as many as heads": _groups(numbers="range(1, H)"),
        "never one": _groups(numbers="range(2, H + 1)"),
        "keys without values": _groups(bytes="users * T * L * g * D * b"),
        "one user": _groups(bytes="T * 2 * L * g * D * b"),
        "16 bits whatever b": _groups(bytes="users * T * 2 * L * g * D * 2"),
        "queries to a group, not groups": """
            def most_groups(free, users, T, L, H, D, b):
                g = max((g for g in range(1, H + 1) if H % g == 0 and users * T * 2 * L * g * D * b <= free), default=0)
                return H // g if g else 0
        """,
        "only numbers that divide the room, too": """
            def most_groups(free, users, T, L, H, D, b):
                room = free // (users * T * 2 * L * D * b)
                return max((g for g in range(1, H + 1) if H % g == 0 and room and room % g == 0), default=0)
        """,
        "rounds the room to the nearest": """
            def most_groups(free, users, T, L, H, D, b):
                room = round(free / (users * T * 2 * L * D * b))
                return max((g for g in range(1, H + 1) if H % g == 0 and g <= room), default=0)
        """,
    },
}
