"""Answers to the exercises on DPO: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "lose_a_pair": [
        """
        def pair_loss(pi, ref, answer, beta):
            x = 0.0
            for t in range(pi.shape[1]):
                if answer[0, t]:
                    x += pi[0, t] - ref[0, t]
                if answer[1, t]:
                    x -= pi[1, t] - ref[1, t]
            x *= beta
            return max(-x, 0.0) + np.log1p(np.exp(-abs(x)))
        """,
        """
        def pair_loss(pi, ref, answer, beta):
            c, d = np.where(answer, pi, 0).sum(1) - np.where(answer, ref, 0).sum(1)
            return -(-np.logaddexp(0, beta * (d - c)))
        """,
    ],
    "push_a_pair": [
        """
        def pair_push(theta, phi, log_ref, c, d, beta):
            z = phi @ theta
            p = np.exp(z - z.max())
            p /= p.sum()
            m = np.log(p[c]) - log_ref[c] - np.log(p[d]) + log_ref[d]
            weight = np.exp(-np.logaddexp(0, beta * m))
            by_c, by_d = phi[c] - p @ phi, phi[d] - p @ phi
            return -beta * weight * (by_c - by_d)
        """,
    ],
    "two_accuracies": [
        """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            n = len(chosen)
            a = sum((chosen[k] - rejected[k]) - (ref_chosen[k] - ref_rejected[k]) > 0 for k in range(n))
            return np.array([a, np.count_nonzero(rejected < chosen)]) / n
        """,
    ],
}

WRONG = {
    "lose_a_pair": {
        "averages over the answer's tokens": """
        def pair_loss(pi, ref, answer, beta):
            c, d = ((pi - ref) * answer).sum(1) / answer.sum(1)
            return np.logaddexp(0, -beta * (c - d))
        """,
        "averages over the row": """
        def pair_loss(pi, ref, answer, beta):
            c, d = ((pi - ref) * answer).mean(1)
            return np.logaddexp(0, -beta * (c - d))
        """,
        "the prompt counts": """
        def pair_loss(pi, ref, answer, beta):
            end = [np.flatnonzero(row)[-1] + 1 for row in answer]
            c, d = ((pi - ref)[k, :end[k]].sum() for k in range(2))
            return np.logaddexp(0, -beta * (c - d))
        """,
        "padding counts": """
        def pair_loss(pi, ref, answer, beta):
            first = np.flatnonzero(answer[0])[0]
            c, d = (pi - ref)[:, first:].sum(1)
            return np.logaddexp(0, -beta * (c - d))
        """,
        "everything counts": """
        def pair_loss(pi, ref, answer, beta):
            c, d = (pi - ref).sum(1)
            return np.logaddexp(0, -beta * (c - d))
        """,
        "the end of the answer does not count": """
        def pair_loss(pi, ref, answer, beta):
            answer = answer.copy()
            for row in answer:
                row[np.flatnonzero(row)[-1]] = False
            c, d = ((pi - ref) * answer).sum(1)
            return np.logaddexp(0, -beta * (c - d))
        """,
        "no reference": """
        def pair_loss(pi, ref, answer, beta):
            c, d = (pi * answer).sum(1)
            return np.logaddexp(0, -beta * (c - d))
        """,
        "the sigmoid overflows": """
        def pair_loss(pi, ref, answer, beta):
            c, d = ((pi - ref) * answer).sum(1)
            return -np.log(1 / (1 + np.exp(-beta * (c - d))))
        """,
        "clipped so that it stays finite": """
        def pair_loss(pi, ref, answer, beta):
            c, d = ((pi - ref) * answer).sum(1)
            x = np.clip(beta * (c - d), -500, 500)
            return np.log1p(np.exp(-x))
        """,
        "no beta": """
        def pair_loss(pi, ref, answer, beta):
            c, d = ((pi - ref) * answer).sum(1)
            return np.logaddexp(0, -(c - d))
        """,
        "beta outside the sigmoid": """
        def pair_loss(pi, ref, answer, beta):
            c, d = ((pi - ref) * answer).sum(1)
            return beta * np.logaddexp(0, -(c - d))
        """,
        "rejected first": """
        def pair_loss(pi, ref, answer, beta):
            d, c = ((pi - ref) * answer).sum(1)
            return np.logaddexp(0, -beta * (c - d))
        """,
    },
    "push_a_pair": {
        "no beta": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            z = phi @ theta
            m = z[c] - z[d] - log_ref[c] + log_ref[d]
            return -1 / (1 + np.exp(beta * m)) * (phi[c] - phi[d])
        """,
        "beta only in front": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            z = phi @ theta
            m = z[c] - z[d] - log_ref[c] + log_ref[d]
            return -beta / (1 + np.exp(m)) * (phi[c] - phi[d])
        """,
        "weight of the right side": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            z = phi @ theta
            m = z[c] - z[d] - log_ref[c] + log_ref[d]
            return -beta / (1 + np.exp(-beta * m)) * (phi[c] - phi[d])
        """,
        "no weight": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            return -beta * (phi[c] - phi[d])
        """,
        "the weight of the start": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            return -beta / 2 * (phi[c] - phi[d])
        """,
        "no reference": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            z = phi @ theta
            return -beta / (1 + np.exp(beta * (z[c] - z[d]))) * (phi[c] - phi[d])
        """,
        "the way of a step, not the gradient": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            z = phi @ theta
            m = z[c] - z[d] - log_ref[c] + log_ref[d]
            return beta / (1 + np.exp(beta * m)) * (phi[c] - phi[d])
        """,
        "lifts the chosen one only": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            z = phi @ theta
            p = np.exp(z) / np.exp(z).sum()
            m = z[c] - z[d] - log_ref[c] + log_ref[d]
            return -beta / (1 + np.exp(beta * m)) * (phi[c] - p @ phi)
        """,
        "finite differences": """
        def pair_push(theta, phi, log_ref, c, d, beta):
            def loss(theta):
                z = phi @ theta
                return np.logaddexp(0, -beta * (z[c] - z[d] - log_ref[c] + log_ref[d]))
            h = 1e-4
            return np.array([(loss(theta + h * e) - loss(theta)) / h for e in np.eye(len(theta))])
        """,
    },
    "two_accuracies": {
        "the same share twice": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            share = np.mean(chosen - ref_chosen > rejected - ref_rejected)
            return share, share
        """,
        "in the other order": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            return np.mean(chosen > rejected), np.mean(chosen - ref_chosen > rejected - ref_rejected)
        """,
        "ties count": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            return np.mean(chosen - ref_chosen >= rejected - ref_rejected), np.mean(chosen >= rejected)
        """,
        "half for a tie": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            half = lambda x: np.mean((np.sign(x) + 1) / 2)
            return half(chosen - ref_chosen - rejected + ref_rejected), half(chosen - rejected)
        """,
        "whether the chosen one has risen": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            return np.mean(chosen > ref_chosen), np.mean(chosen > rejected)
        """,
        "both of them moved the right way": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            return np.mean((chosen > ref_chosen) & (rejected < ref_rejected)), np.mean(chosen > rejected)
        """,
        "of means": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            m = chosen.mean() - ref_chosen.mean() - rejected.mean() + ref_rejected.mean()
            return float(m > 0), float(chosen.mean() > rejected.mean())
        """,
        "in percent": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            return 100 * np.mean(chosen - ref_chosen > rejected - ref_rejected), 100 * np.mean(chosen > rejected)
        """,
        "ranks by the reference": """
        def accuracies(chosen, rejected, ref_chosen, ref_rejected):
            return np.mean(chosen - ref_chosen > rejected - ref_rejected), np.mean(ref_chosen > ref_rejected)
        """,
    },
}
