"""Answers to the exercises on chain of thought: right ones, written another way, and wrong ones that look right."""

RIGHT = {
    "count_the_votes": [
        """
        def vote(answers, right):
            from collections import Counter
            votes = Counter(x for x in answers if x is not None)
            if not votes:
                return 0.0
            best = votes.most_common(1)[0][1]
            return (votes[right] == best) / sum(n == best for n in votes.values())
        """,
        """
        def vote(answers, right):
            said = np.array([x for x in answers if x is not None])
            if len(said) == 0:
                return 0
            values, counts = np.unique(said, return_counts=True)
            leaders = values[counts == counts.max()]
            return np.mean(leaders == right)
        """,
    ],
    "estimate_pass_at_k": [
        """
        def estimate(n, c, k):
            return 1 - np.prod(1 - k / np.arange(n - c + 1, n + 1))  # where fewer than k are wrong, one factor is 0
        """,
        """
        def estimate(n, c, k):
            none = 1.0
            for i in range(k):
                none *= max(0, n - c - i) / (n - i)
            return 1 - none
        """,
        """
        def estimate(n, c, k):
            from math import lgamma, exp
            if k > n - c:
                return 1.0
            def log_comb(a, b):
                return lgamma(a + 1) - lgamma(b + 1) - lgamma(a - b + 1)
            return 1 - exp(log_comb(n - c, k) - log_comb(n, k)) if c else 0.0
        """,
    ],
    "check_each_step": [
        """
        def checked(q, v, a, tries, N):
            r = q * a + (1 - q) * v
            tried = sum(r**i for i in range(tries))
            right = q * (1 - a) * (tried - r ** (tries - 1)) + q * r ** (tries - 1)
            return right**N, N * tried
        """,
        """
        def checked(q, v, a, tries, N):
            right, taken = q, 1.0
            for _ in range(tries - 1):
                rejected = q * a + (1 - q) * v
                right = q * (1 - a) + rejected * right
                taken = 1 + rejected * taken
            return np.array([right**N, N * taken]).tolist()
        """,
    ],
    "find_the_first_wrong_step": [
        """
        def first_wrong(a, b, working):
            carry = 0
            for i, column in enumerate(working):
                x, y = (a // 10**i) % 10, (b // 10**i) % 10
                if tuple(column) != (x, y, carry, x + y + carry):
                    return i
                carry = (x + y + carry) // 10
            return -1
        """,
        """
        def first_wrong(a, b, working):
            A, B = str(a)[::-1], str(b)[::-1]
            for i, (x, y, carried, total) in enumerate(working):
                should = 1 if i and working[i - 1][3] >= 10 else 0
                good = x == int(A[i]) and y == int(B[i]) and carried == should and total == x + y + carried
                if not good:
                    return i
            return -1
        """,
    ],
}

WRONG = {
    "count_the_votes": {
        "ties count as wins": """
            def vote(answers, right):
                votes = [x for x in answers if x is not None]
                if not votes:
                    return 0.0
                return float(votes.count(right) == max(votes.count(x) for x in votes))
        """,
        "the first of equal leaders wins": """
            def vote(answers, right):
                votes = [x for x in answers if x is not None]
                return float(bool(votes) and max(votes, key=votes.count) == right)
        """,
        "what can't be read is one answer": """
            def vote(answers, right):
                if not answers:
                    return 0.0
                most = max(answers.count(x) for x in answers)
                leaders = {x for x in answers if answers.count(x) == most}
                return (right in leaders) / len(leaders)
        """,
        "a tie is nothing": """
            def vote(answers, right):
                votes = [x for x in answers if x is not None]
                if not votes:
                    return 0.0
                counts = sorted((votes.count(x) for x in set(votes)), reverse=True)
                alone = len(counts) == 1 or counts[0] > counts[1]
                return float(alone and votes.count(right) == counts[0])
        """,
        "more than half is needed": """
            def vote(answers, right):
                votes = [x for x in answers if x is not None]
                return float(2 * votes.count(right) > len(votes))
        """,
        "a tie is a half, among however many": """
            def vote(answers, right):
                votes = [x for x in answers if x is not None]
                if not votes:
                    return 0.0
                most = max(votes.count(x) for x in votes)
                leaders = {x for x in votes if votes.count(x) == most}
                return (1.0 if len(leaders) == 1 else 0.5) if right in leaders else 0.0
        """,
        "zero is taken for nothing": """
            def vote(answers, right):
                votes = [x for x in answers if x]
                if not votes:
                    return 0.0
                most = max(votes.count(x) for x in votes)
                leaders = {x for x in votes if votes.count(x) == most}
                return (right in leaders) / len(leaders)
        """,
        "the share of votes": """
            def vote(answers, right):
                votes = [x for x in answers if x is not None]
                return votes.count(right) / max(1, len(votes))
        """,
    },
    "estimate_pass_at_k": {
        "with repeats": """
            def estimate(n, c, k):
                return 1 - (1 - c / n) ** k
        """,
        "nothing where fewer than k are wrong": """
            def estimate(n, c, k):
                from math import comb
                return 1 - comb(n - c, k) / comb(n, k) if n - c >= k else 0.0
        """,
        "logarithms, and no case for fewer than k wrong": """
            def estimate(n, c, k):
                from math import exp, lgamma
                log_comb = lambda a, b: lgamma(a + 1) - lgamma(b + 1) - lgamma(a - b + 1)
                return 1 - exp(log_comb(n - c, k) - log_comb(n, k))
        """,
        "products that overflow": """
            def estimate(n, c, k):
                f = lambda m: np.prod(np.arange(1.0, m + 1))
                if n - c < k:
                    return 1.0
                return 1 - f(n - c) / f(n - c - k) * f(n - k) / f(n)
        """,
        "factorials as floats": """
            def estimate(n, c, k):
                from math import factorial
                if n - c < k:
                    return 1.0
                f = lambda m: float(factorial(m))
                return 1 - f(n - c) / f(n - c - k) * f(n - k) / f(n)
        """,
        "the share times k": """
            def estimate(n, c, k):
                return min(1.0, k * c / n)
        """,
        "right and wrong exchanged": """
            def estimate(n, c, k):
                from math import comb
                return 1 - comb(c, k) / comb(n, k)
        """,
        "all of k right": """
            def estimate(n, c, k):
                from math import comb
                return comb(c, k) / comb(n, k)
        """,
        "drawn by chance": """
            def estimate(n, c, k):
                rng = np.random.default_rng(0)
                a = np.arange(n) < c
                return np.mean([rng.choice(a, k, replace=False).any() for _ in range(200)])
        """,
        "one where anything is right and k is more than half": """
            def estimate(n, c, k):
                from math import comb
                if c and 2 * k > n:
                    return 1.0
                return 1 - comb(n - c, k) / comb(n, k)
        """,
    },
    "check_each_step": {
        "the verifier never rejects what is right": """
            def checked(q, v, a, tries, N):
                r = (1 - q) * v
                tried = sum(r**i for i in range(tries))
                return (q * tried) ** N, N * tried
        """,
        "as many tries as needed": """
            def checked(q, v, a, tries, N):
                taken = q * (1 - a) + (1 - q) * (1 - v)
                return (q * (1 - a) / taken) ** N, N / taken
        """,
        "the last try is checked, too": """
            def checked(q, v, a, tries, N):
                r = q * a + (1 - q) * v
                tried = sum(r**i for i in range(tries))
                return (q * (1 - a) * tried) ** N, N * tried
        """,
        "one try too many": """
            def checked(q, v, a, tries, N):
                r = q * a + (1 - q) * v
                tried = sum(r**i for i in range(tries + 1))
                return (q * (1 - a) * (tried - r**tries) + q * r**tries) ** N, N * tried
        """,
        "tries of one step only": """
            def checked(q, v, a, tries, N):
                r = q * a + (1 - q) * v
                tried = sum(r**i for i in range(tries))
                return (q * (1 - a) * (tried - r ** (tries - 1)) + q * r ** (tries - 1)) ** N, tried
        """,
        "v and a exchanged": """
            def checked(q, v, a, tries, N):
                r = q * v + (1 - q) * a
                tried = sum(r**i for i in range(tries))
                return (q * (1 - v) * (tried - r ** (tries - 1)) + q * r ** (tries - 1)) ** N, N * tried
        """,
        "two tries at most": """
            def checked(q, v, a, tries, N):
                r = q * a + (1 - q) * v
                if tries == 1:
                    return q**N, float(N)
                return (q * (1 - a) + r * q) ** N, N * (1 + r)
        """,
        "what was rejected is not counted": """
            def checked(q, v, a, tries, N):
                r = q * a + (1 - q) * v
                tried = sum(r**i for i in range(tries))
                return (q * (1 - a) * (tried - r ** (tries - 1)) + q * r ** (tries - 1)) ** N, float(N)
        """,
    },
    "find_the_first_wrong_step": {
        "only whether it adds up": """
            def first_wrong(a, b, working):
                for i, (x, y, carried, total) in enumerate(working):
                    if x + y + carried != total:
                        return i
                return -1
        """,
        "the carry is not looked at": """
            def first_wrong(a, b, working):
                for i, (x, y, carried, total) in enumerate(working):
                    if (x, y) != (a // 10**i % 10, b // 10**i % 10) or x + y + carried != total:
                        return i
                return -1
        """,
        "the digits are not looked at": """
            def first_wrong(a, b, working):
                carry = 0
                for i, (x, y, carried, total) in enumerate(working):
                    if carried != carry or x + y + carried != total:
                        return i
                    carry = total // 10
                return -1
        """,
        "the sum is not looked at": """
            def first_wrong(a, b, working):
                carry = 0
                for i, (x, y, carried, total) in enumerate(working):
                    if (x, y, carried) != (a // 10**i % 10, b // 10**i % 10, carry):
                        return i
                    carry = total // 10
                return -1
        """,
        "only the result": """
            def first_wrong(a, b, working):
                said = sum((total % 10 if i < len(working) - 1 else total) * 10**i
                           for i, (x, y, carried, total) in enumerate(working))
                return -1 if said == a + b else 0
        """,
        "counted from one": """
            def first_wrong(a, b, working):
                carry = 0
                for i, (x, y, carried, total) in enumerate(working):
                    if (x, y, carried) != (a // 10**i % 10, b // 10**i % 10, carry) or total != x + y + carried:
                        return i + 1
                    carry = total // 10
                return -1
        """,
        "the last wrong column": """
            def first_wrong(a, b, working):
                carry, found = 0, -1
                for i, (x, y, carried, total) in enumerate(working):
                    if (x, y, carried) != (a // 10**i % 10, b // 10**i % 10, carry) or total != x + y + carried:
                        found = i
                    carry = total // 10
                return found
        """,
        "the second number's digits are not looked at": """
            def first_wrong(a, b, working):
                carry = 0
                for i, (x, y, carried, total) in enumerate(working):
                    if (x, carried) != (a // 10**i % 10, carry) or total != x + y + carried:
                        return i
                    carry = total // 10
                return -1
        """,
        "a missing carry is forgiven": """
            def first_wrong(a, b, working):
                carry = 0
                for i, (x, y, carried, total) in enumerate(working):
                    if (x, y) != (a // 10**i % 10, b // 10**i % 10) or carried > carry or total != x + y + carried:
                        return i
                    carry = total // 10
                return -1
        """,
    },
}
