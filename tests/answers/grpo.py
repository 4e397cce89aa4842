"""Answers to the exercises on GRPO: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "judge_each_by_its_group": [
        """
        def advantages(r, question, eps):
            same = question[:, None] == question[None]
            G = same.sum(1)
            mean = same @ r / G
            square = (same * (r[None] - mean[:, None]) ** 2).sum(1)
            return (r - mean) / (np.sqrt(square / (G - 1)) + eps)
        """,
        """
        def advantages(r, question, eps):
            names = sorted(set(question.tolist()))
            at = np.array([names.index(q) for q in question.tolist()])
            belongs = np.eye(len(names))[at]
            G = belongs.sum(0)
            centred = r - (r @ belongs / G)[at]
            deviation = np.sqrt(centred**2 @ belongs / (G - 1))
            return centred / (deviation[at] + eps)
        """,
    ],
    "leave_yourself_out": [
        """
        def leave_one_out(r):
            return r - (r.sum() - r) / (len(r) - 1)
        """,
        """
        def leave_one_out(r):
            return np.array([r[i] - np.delete(r, i).mean() for i in range(len(r))])
        """,
    ],
    "weigh_all_words_alike": [
        """
        def loss(parts, low, high):
            gains = []
            for log_pi, log_old, A, mask in parts:
                for i in range(len(A)):
                    ratio = np.exp(log_pi[i] - log_old[i])[mask[i]]
                    held = np.minimum(ratio, 1 + high) if A[i] > 0 else np.maximum(ratio, 1 - low)
                    gains.extend(held * A[i])
            return -np.mean(gains)
        """,
        """
        def loss(parts, low, high):
            words = sum(mask.sum() for *_, mask in parts)
            total = 0.0
            for log_pi, log_old, A, mask in parts:
                ratio = np.where(mask, np.exp(np.where(mask, log_pi - log_old, 0)), 0)
                A = A.reshape(-1, 1)
                worse = np.maximum(-ratio * A, -np.clip(ratio, 1 - low, 1 + high) * A)
                total += (worse * mask).sum() / words
            return total
        """,
        """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                total, words = total + (gain * mask).sum(), words + mask.sum()
            return -total / words
        """,
    ],
}

WRONG = {
    "judge_each_by_its_group": {
        "the population's deviation": """
        def advantages(r, question, eps):
            A = np.zeros(len(r))
            for q in set(question.tolist()):
                mine = question == q
                A[mine] = (r[mine] - r[mine].mean()) / (r[mine].std() + eps)
            return A
        """,
        "no eps: a silent group is 0/0": """
        def advantages(r, question, eps):
            A = np.zeros(len(r))
            for q in set(question.tolist()):
                mine = question == q
                with np.errstate(all="ignore"):
                    A[mine] = (r[mine] - r[mine].mean()) / r[mine].std(ddof=1)
            return A
        """,
        "eps only where the deviation is zero": """
        def advantages(r, question, eps):
            A = np.zeros(len(r))
            for q in set(question.tolist()):
                mine = question == q
                A[mine] = (r[mine] - r[mine].mean()) / max(r[mine].std(ddof=1), eps)
            return A
        """,
        "eps below the root": """
        def advantages(r, question, eps):
            A = np.zeros(len(r))
            for q in set(question.tolist()):
                mine = question == q
                A[mine] = (r[mine] - r[mine].mean()) / np.sqrt(r[mine].var(ddof=1) + eps)
            return A
        """,
        "eps of its own": """
        def advantages(r, question, eps):
            A = np.zeros(len(r))
            for q in set(question.tolist()):
                mine = question == q
                A[mine] = (r[mine] - r[mine].mean()) / (r[mine].std(ddof=1) + 1e-4)
            return A
        """,
        "the batch's deviation": """
        def advantages(r, question, eps):
            A = np.zeros(len(r))
            for q in set(question.tolist()):
                mine = question == q
                A[mine] = (r[mine] - r[mine].mean()) / (r.std(ddof=1) + eps)
            return A
        """,
        "the batch's mean": """
        def advantages(r, question, eps):
            A = np.zeros(len(r))
            for q in set(question.tolist()):
                mine = question == q
                A[mine] = (r[mine] - r.mean()) / (r[mine].std(ddof=1) + eps)
            return A
        """,
        "one group": """
        def advantages(r, question, eps):
            return (r - r.mean()) / (r.std(ddof=1) + eps)
        """,
        "as if groups stood together, and were of one size": """
        def advantages(r, question, eps):
            n = len(set(question.tolist()))
            groups = r[: len(r) // n * n].reshape(n, -1)
            A = (groups - groups.mean(1, keepdims=True)) / (groups.std(1, ddof=1, keepdims=True) + eps)
            return np.concatenate([A.ravel(), np.zeros(len(r) - A.size)])
        """,
        "in the order of the questions, not of the answers": """
        def advantages(r, question, eps):
            A = []
            for q in sorted(set(question.tolist())):
                group = r[question == q]
                A.extend((group - group.mean()) / (group.std(ddof=1) + eps))
            return np.array(A)
        """,
        "not divided": """
        def advantages(r, question, eps):
            return np.array([r[i] - r[question == question[i]].mean() for i in range(len(r))])
        """,
    },
    "leave_yourself_out": {
        "itself included": """
        def leave_one_out(r):
            return r - r.mean()
        """,
        "the sum of the others over all": """
        def leave_one_out(r):
            return r - (r.sum() - r) / len(r)
        """,
        "the mean of all, over one fewer": """
        def leave_one_out(r):
            return r - r.sum() / (len(r) - 1)
        """,
        "stretched the wrong way": """
        def leave_one_out(r):
            return (len(r) - 1) / len(r) * (r - r.mean())
        """,
        "right for two answers only": """
        def leave_one_out(r):
            return 2 * (r - r.mean())
        """,
        "divided by the deviation": """
        def leave_one_out(r):
            others = (r.sum() - r) / (len(r) - 1)
            return (r - others) / (r.std(ddof=1) + 1e-4)
        """,
        "the best of the others": """
        def leave_one_out(r):
            return np.array([r[i] - np.delete(r, i).max() for i in range(len(r))])
        """,
    },
    "weigh_all_words_alike": {
        "the mean of the parts' means": """
        def loss(parts, low, high):
            losses = []
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                losses.append(-gain[mask].mean())
            return np.mean(losses)
        """,
        "each answer's mean first": """
        def loss(parts, low, high):
            means = []
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                means += [gain[i][mask[i]].mean() for i in range(len(A))]
            return -np.mean(means)
        """,
        "over answers, not words": """
        def loss(parts, low, high):
            total = answers = 0
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                total, answers = total + gain[mask].sum(), answers + len(A)
            return -total / answers
        """,
        "padding counted": """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                total, words = total + gain[mask].sum(), words + mask.size
            return -total / words
        """,
        "clipped whatever the sign": """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                gain = np.clip(np.exp(log_pi - log_old), 1 - low, 1 + high) * A[:, None]
                total, words = total + gain[mask].sum(), words + mask.sum()
            return -total / words
        """,
        "the larger of the two": """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.maximum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                total, words = total + gain[mask].sum(), words + mask.sum()
            return -total / words
        """,
        "right for A > 0 only": """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                gain = np.minimum(np.exp(log_pi - log_old), 1 + high) * A[:, None]
                total, words = total + gain[mask].sum(), words + mask.sum()
            return -total / words
        """,
        "low on both sides": """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + low) * A[:, None])
                total, words = total + gain[mask].sum(), words + mask.sum()
            return -total / words
        """,
        "the ratio upside down": """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_old - log_pi)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                total, words = total + gain[mask].sum(), words + mask.sum()
            return -total / words
        """,
        "the objective, not the loss": """
        def loss(parts, low, high):
            total = words = 0
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                total, words = total + gain[mask].sum(), words + mask.sum()
            return total / words
        """,
        "the last part only": """
        def loss(parts, low, high):
            for log_pi, log_old, A, mask in parts:
                ratio = np.exp(log_pi - log_old)
                gain = np.minimum(ratio * A[:, None], np.clip(ratio, 1 - low, 1 + high) * A[:, None])
                value = -gain[mask].mean()
            return value
        """,
    },
}
