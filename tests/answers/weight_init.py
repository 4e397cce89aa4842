"""Answers to the exercises on weight initialisation: right ones, written another way, and wrong ones that look
right."""

RIGHT = {
    "draw_a_matrix": [
        """
        def begin(rng, n_out, n_in, gain):
            return gain * np.sqrt(12 / n_in) * (rng.random((n_out, n_in)) - 0.5)
        """,
        """
        def begin(rng, n_out, n_in, gain):
            sigma = gain * n_in ** -0.5
            return rng.uniform(-1, 1, size=(n_out, n_in)) * sigma * 3 ** 0.5
        """,
    ],
    "make_it_orthogonal": [
        """
        def orthogonal(A):
            if A.shape[0] < A.shape[1]:
                return orthogonal(A.T).T
            R = np.linalg.cholesky(A.T @ A).T
            return np.linalg.solve(R.T, A.T).T
        """,
        """
        def orthogonal(A):
            wide = len(A) < A.shape[1]
            Q, R = np.linalg.qr(A.T if wide else A)
            for j in range(R.shape[0]):
                if R[j, j] < 0:
                    Q[:, j] = -Q[:, j]
            return Q.T if wide else Q
        """,
    ],
    "mend_the_scaling": [
        """
        def deviations(names, L):
            found = []
            for name in names:
                found.append(0.02 * (2 * L) ** -0.5 if "c_proj" in name else 0.02)
            return np.array(found)
        """,
        """
        def deviations(names, L):
            adds = np.array([name.split(".")[-2] == "c_proj" for name in names])
            return np.where(adds, 0.02 / np.sqrt(L + L), 0.02)
        """,
    ],
}

_TALL = "Q, R = np.linalg.qr(A if len(A) >= A.shape[1] else A.T)"

WRONG = {
    "draw_a_matrix": {
        "draws from a generator of its own": """
        def begin(rng, n_out, n_in, gain):
            bound = gain * np.sqrt(3 / n_in)
            return np.random.uniform(-bound, bound, (n_out, n_in))
        """,
        "has one matrix for all": """
        def begin(rng, n_out, n_in, gain):
            bound = gain * np.sqrt(3 / n_in)
            return np.random.default_rng(0).uniform(-bound, bound, (n_out, n_in))
        """,
        "fan-out in the place of fan-in": """
            def begin(rng, n_out, n_in, gain):
                b = gain * np.sqrt(3 / n_out)
                return rng.uniform(-b, b, (n_out, n_in))
        """,
        "the variance in the place of the standard deviation": """
            def begin(rng, n_out, n_in, gain):
                b = np.sqrt(3) * gain ** 2 / n_in
                return rng.uniform(-b, b, (n_out, n_in))
        """,
        "no root of 3": """
            def begin(rng, n_out, n_in, gain):
                b = gain / np.sqrt(n_in)
                return rng.uniform(-b, b, (n_out, n_in))
        """,
        "the gain squared": """
            def begin(rng, n_out, n_in, gain):
                b = gain ** 2 * np.sqrt(3 / n_in)
                return rng.uniform(-b, b, (n_out, n_in))
        """,
        "a Gaussian law": """
            def begin(rng, n_out, n_in, gain):
                return rng.normal(0, gain / np.sqrt(n_in), (n_out, n_in))
        """,
        "Xavier's mean of both fans": """
            def begin(rng, n_out, n_in, gain):
                b = gain * np.sqrt(6 / (n_in + n_out))
                return rng.uniform(-b, b, (n_out, n_in))
        """,
        "turned on its side": """
            def begin(rng, n_out, n_in, gain):
                b = gain * np.sqrt(3 / n_in)
                return rng.uniform(-b, b, (n_in, n_out))
        """,
        "He's gain whatever is asked": """
            def begin(rng, n_out, n_in, gain):
                b = np.sqrt(6 / n_in)
                return rng.uniform(-b, b, (n_out, n_in))
        """,
        "only positive": """
            def begin(rng, n_out, n_in, gain):
                b = gain * np.sqrt(12 / n_in)
                return rng.uniform(0, b, (n_out, n_in))
        """,
        "two values": """
            def begin(rng, n_out, n_in, gain):
                return rng.choice([-1, 1], (n_out, n_in)) * gain / np.sqrt(n_in)
        """,
    },
    "make_it_orthogonal": {
        "QR without its signs": f"""
            def orthogonal(A):
                {_TALL}
                return Q if len(A) >= A.shape[1] else Q.T
        """,
        "tall matrices only": """
            def orthogonal(A):
                Q, R = np.linalg.qr(A)
                return Q * np.sign(np.diag(R)[:Q.shape[1]])
        """,
        "signs on rows": f"""
            def orthogonal(A):
                {_TALL}
                Q = Q.T * np.sign(np.diag(R))
                return Q.T if len(A) >= A.shape[1] else Q
        """,
        "columns of length 1, not orthogonal": """
            def orthogonal(A):
                return A / np.linalg.norm(A, axis=0 if len(A) >= A.shape[1] else 1, keepdims=True)
        """,
        "the nearest orthogonal matrix": """
            def orthogonal(A):
                U, s, V = np.linalg.svd(A, full_matrices=False)
                return U @ V
        """,
        "all diagonals negative": f"""
            def orthogonal(A):
                {_TALL}
                Q = -Q * np.sign(np.diag(R))
                return Q if len(A) >= A.shape[1] else Q.T
        """,
        "a part of the identity": """
            def orthogonal(A):
                return np.eye(*A.shape)
        """,
    },
    "mend_the_scaling": {
        "layers counted once": """
            def deviations(names, L):
                return [0.02 / np.sqrt(L) if name.endswith("c_proj.weight") else 0.02 for name in names]
        """,
        "the whole name compared": """
            def deviations(names, L):
                return [0.02 / np.sqrt(2 * L) if name == "c_proj.weight" else 0.02 for name in names]
        """,
        "no root": """
            def deviations(names, L):
                return [0.02 / (2 * L) if name.endswith("c_proj.weight") else 0.02 for name in names]
        """,
        "attention only": """
            def deviations(names, L):
                return [0.02 / np.sqrt(2 * L) if name.endswith("attn.c_proj.weight") else 0.02 for name in names]
        """,
        "all of attention and the feed-forward part": """
            def deviations(names, L):
                return [0.02 / np.sqrt(2 * L) if ".c_" in name else 0.02 for name in names]
        """,
        "the number of the layer in the place of how many there are": """
            def deviations(names, L):
                found = []
                for name in names:
                    layer = [int(part) for part in name.split(".") if part.isdigit()]
                    found.append(0.02 / np.sqrt(2 * (layer[0] + 1)) if "c_proj" in name else 0.02)
                return found
        """,
        "12 layers always": """
            def deviations(names, L):
                return [0.02 / np.sqrt(24) if name.endswith("c_proj.weight") else 0.02 for name in names]
        """,
        "names that begin with h": """
            def deviations(names, L):
                return [0.02 / np.sqrt(2 * L) if name.startswith("h.") and "c_proj" in name else 0.02 for name in names]
        """,
    },
}
