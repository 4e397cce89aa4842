"""Answers to the exercises on PPO: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "clip_the_ratio": [
        """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            ratio = np.exp(log_p[mask] - log_old[mask])
            A = A[mask]
            return np.maximum(-A * ratio, -A * np.clip(ratio, 1 - low, 1 + high)).mean()
        """,
        """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            ratio = np.exp(log_p - log_old)
            up = np.where(A > 0, np.minimum(ratio, 1 + high), np.maximum(ratio, 1 - low))
            return -np.average(up * A, weights=mask)
        """,
    ],
    "end_an_episode": [
        """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            delta = r + gamma * V_next * (1 - terminated) - V
            on = 1.0 - (terminated | truncated)
            A = delta.copy()
            for t in range(len(r) - 2, -1, -1):
                A[t] += gamma * lam * on[t] * A[t + 1]
            return A
        """,
        """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            T = len(r)
            delta = r + gamma * np.where(terminated, 0, V_next) - V
            out = []
            for t in range(T):
                total, w = 0.0, 1.0
                for k in range(t, T):
                    total += w * delta[k]
                    w *= gamma * lam
                    if terminated[k] or truncated[k]:
                        break
                out.append(total)
            return np.array(out)
        """,
    ],
    "whiten_what_counts": [
        """
        def whitened(A, mask):
            n = mask.sum()
            mean = (A * mask).sum() / n
            variance = (((A - mean) * mask) ** 2).sum() / n
            return (A - mean) * mask / (variance ** 0.5 + 1e-8)
        """,
        """
        def whitened(A, mask):
            out = np.zeros_like(A)
            real = A[mask]
            out[mask] = (real - real.mean()) / (real.std() + 1e-8)
            return out
        """,
    ],
    "measure_the_step": [
        """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            k3 = np.where(abs(d) < 1e-3, d**2 / 2 + d**3 / 6 + d**4 / 24, np.expm1(d) - d)
            signed = np.sign(A) * (np.exp(d) - 1)
            return k3.mean(), np.mean(signed > eps)
        """,
    ],
}

WRONG = {
    "clip_the_ratio": {
        "max for min": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            objective = np.maximum(rho * A, np.clip(rho, 1 - low, 1 + high) * A)
            return -(objective * mask).sum() / mask.sum()
        """,
        "the product is clipped": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            objective = np.minimum(rho * A, np.clip(rho * A, 1 - low, 1 + high))
            return -(objective * mask).sum() / mask.sum()
        """,
        "right for positive advantages only": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            return -(np.minimum(rho, 1 + high) * A * mask).sum() / mask.sum()
        """,
        "always clipped": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            return -(np.clip(rho, 1 - low, 1 + high) * A * mask).sum() / mask.sum()
        """,
        "the ratio upside down": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_old - log_p)
            objective = np.minimum(rho * A, np.clip(rho, 1 - low, 1 + high) * A)
            return -(objective * mask).sum() / mask.sum()
        """,
        "averaged over padding": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            objective = np.minimum(rho * A, np.clip(rho, 1 - low, 1 + high) * A)
            return -(objective * mask).mean()
        """,
        "the mean of the answers' means": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            objective = np.minimum(rho * A, np.clip(rho, 1 - low, 1 + high) * A)
            return -((objective * mask).sum(1) / mask.sum(1)).mean()
        """,
        "one width for both sides": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            objective = np.minimum(rho * A, np.clip(rho, 1 - low, 1 + low) * A)
            return -(objective * mask).sum() / mask.sum()
        """,
        "the objective, not the loss": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            rho = np.exp(log_p - log_old)
            objective = np.minimum(rho * A, np.clip(rho, 1 - low, 1 + high) * A)
            return (objective * mask).sum() / mask.sum()
        """,
        "the log-ratio clipped": """
        def ppo_loss(log_p, log_old, A, mask, low, high):
            d = log_p - log_old
            objective = np.minimum(np.exp(d) * A, np.exp(np.clip(d, -low, high)) * A)
            return -(objective * mask).sum() / mask.sum()
        """,
    },
    "end_an_episode": {
        "carried across an episode's end": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                ahead = 0.0 if terminated[t] else V_next[t]
                A[t] = after = r[t] + gamma * ahead - V[t] + gamma * lam * after
            return A
        """,
        "carried across a time limit": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                on = 0.0 if terminated[t] else 1.0
                A[t] = after = r[t] + gamma * on * V_next[t] - V[t] + gamma * lam * on * after
            return A
        """,
        "a time limit taken for a failure": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                on = 0.0 if terminated[t] or truncated[t] else 1.0
                A[t] = after = r[t] + gamma * on * V_next[t] - V[t] + gamma * lam * on * after
            return A
        """,
        "a fall taken for a time limit": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                on = 0.0 if terminated[t] or truncated[t] else 1.0
                A[t] = after = r[t] + gamma * V_next[t] - V[t] + gamma * lam * on * after
            return A
        """,
        "no discount in the surprise": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                ahead = 0.0 if terminated[t] else V_next[t]
                on = 0.0 if terminated[t] or truncated[t] else 1.0
                A[t] = after = r[t] + ahead - V[t] + gamma * lam * on * after
            return A
        """,
        "lambda without the discount": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                ahead = 0.0 if terminated[t] else V_next[t]
                on = 0.0 if terminated[t] or truncated[t] else 1.0
                A[t] = after = r[t] + gamma * ahead - V[t] + lam * on * after
            return A
        """,
        "lambda ignored": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                ahead = 0.0 if terminated[t] else V_next[t]
                on = 0.0 if terminated[t] or truncated[t] else 1.0
                A[t] = after = r[t] + gamma * ahead - V[t] + gamma * on * after
            return A
        """,
        "the next row's value for V_next": """
        def advantages(r, V, V_next, terminated, truncated, gamma, lam):
            A, after = np.zeros(len(r)), 0.0
            for t in reversed(range(len(r))):
                ahead = 0.0 if terminated[t] or t + 1 == len(r) else V[t + 1]
                on = 0.0 if terminated[t] or truncated[t] else 1.0
                A[t] = after = r[t] + gamma * ahead - V[t] + gamma * lam * on * after
            return A
        """,
    },
    "whiten_what_counts": {
        "whitened over padding": """
        def whitened(A, mask):
            return (A - A.mean()) / (A.std() + 1e-8) * mask
        """,
        "zeros of the padding in the statistics": """
        def whitened(A, mask):
            B = A * mask
            return (B - B.mean()) / (B.std() + 1e-8) * mask
        """,
        "padding not zero": """
        def whitened(A, mask):
            return (A - A[mask].mean()) / (A[mask].std() + 1e-8)
        """,
        "the sample's deviation": """
        def whitened(A, mask):
            return (A - A[mask].mean()) / (A[mask].std(ddof=1) + 1e-8) * mask
        """,
        "no mean taken off": """
        def whitened(A, mask):
            return A / (A[mask].std() + 1e-8) * mask
        """,
        "nothing against a division by zero": """
        def whitened(A, mask):
            return np.where(mask, (A - A[mask].mean()) / A[mask].std(), 0.0)
        """,
        "row by row": """
        def whitened(A, mask):
            out = np.zeros_like(A)
            for i in range(len(A)):
                real = A[i][mask[i]]
                out[i][mask[i]] = (real - real.mean()) / (real.std() + 1e-8)
            return out
        """,
        "the variance for the deviation": """
        def whitened(A, mask):
            return (A - A[mask].mean()) / (A[mask].var() + 1e-8) * mask
        """,
        "written into what was given": """
        def whitened(A, mask):
            real = A[mask]
            A[mask] = (real - real.mean()) / (real.std() + 1e-8)
            A[~mask] = 0
            return A
        """,
    },
    "measure_the_step": {
        "k1, which can be negative": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            held = ((A > 0) & (np.exp(d) > 1 + eps)) | ((A < 0) & (np.exp(d) < 1 - eps))
            return -d.mean(), held.mean()
        """,
        "k2": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            held = ((A > 0) & (np.exp(d) > 1 + eps)) | ((A < 0) & (np.exp(d) < 1 - eps))
            return (d**2 / 2).mean(), held.mean()
        """,
        "the ratio upside down": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            held = ((A > 0) & (np.exp(d) > 1 + eps)) | ((A < 0) & (np.exp(d) < 1 - eps))
            return (np.expm1(-d) + d).mean(), held.mean()
        """,
        "no digits left near zero": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            held = ((A > 0) & (np.exp(d) > 1 + eps)) | ((A < 0) & (np.exp(d) < 1 - eps))
            return (np.exp(d) - 1 - d).mean(), held.mean()
        """,
        "all ratios outside": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            return (np.expm1(d) - d).mean(), (np.abs(np.exp(d) - 1) > eps).mean()
        """,
        "the wings exchanged": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            held = ((A < 0) & (np.exp(d) > 1 + eps)) | ((A > 0) & (np.exp(d) < 1 - eps))
            return (np.expm1(d) - d).mean(), held.mean()
        """,
        "the clip laid on the log-ratio": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            held = ((A > 0) & (d > eps)) | ((A < 0) & (d < -eps))
            return (np.expm1(d) - d).mean(), held.mean()
        """,
        "positive advantages only": """
        def measured(log_p, log_old, A, eps):
            d = log_p - log_old
            return (np.expm1(d) - d).mean(), ((A > 0) & (np.exp(d) > 1 + eps)).mean()
        """,
    },
}
