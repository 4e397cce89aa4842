"""Answers to the exercises on scaling laws: right ones, written another way, and wrong ones."""

RIGHT = {
    "spend_the_budget": [
        """
        def spend(E, A, B, alpha, beta, C):
            low, high = 1.0, C / 6
            for _ in range(300):
                N = np.sqrt(low * high)
                if alpha * A / N**alpha > beta * B / (C / 6 / N) ** beta:
                    low = N
                else:
                    high = N
            return [N, C / (6 * N)]
        """,
        """
        def spend(E, A, B, alpha, beta, C):
            centre, width = np.log(C / 6) / 2, np.log(C / 6) / 2
            for _ in range(14):  # a grid that grows finer
                x = centre + np.linspace(-width, width, 101)
                lost = A * np.exp(-alpha * x) + B * np.exp(-beta * (np.log(C / 6) - x))
                centre, width = x[np.argmin(lost)], width / 10
            return np.array([np.exp(centre), C / 6 / np.exp(centre)])
        """,
        """
        def spend(E, A, B, alpha, beta, C):
            # in logarithms: ln N is linear in ln C
            x = (np.log(alpha * A) - np.log(beta * B) + beta * np.log(C / 6)) / (alpha + beta)
            N = int(np.exp(x))
            return N, round(C / 6 / N)
        """,
        """
        def spend(E, A, B, alpha, beta, C):
            x = np.log(C) / 2
            for _ in range(100):
                a, b = alpha * A * np.exp(-alpha * x), beta * B * np.exp(-beta * (np.log(C / 6) - x))
                x += (np.log(a) - np.log(b)) / (alpha + beta)
            return np.exp(x), C / 6 / np.exp(x)
        """,
    ],
    "weigh_the_misses": [
        """
        def misses(E, A, B, alpha, beta, N, D, L, delta):
            total = 0.0
            for n, d, y in zip(N, D, L):
                r = abs(np.log((E + A * n**-alpha + B * d**-beta) / y))
                total += r * r / 2 if r <= delta else delta * r - delta * delta / 2
            return total
        """,
        """
        def misses(E, A, B, alpha, beta, N, D, L, delta):
            terms = np.stack([np.full(len(N), np.log(E)), np.log(A) - alpha * np.log(N), np.log(B) - beta * np.log(D)])
            top = terms.max(0)
            r = np.abs(top + np.log(np.exp(terms - top).sum(0)) - np.log(L))
            near = np.minimum(r, delta)
            return float((near**2 / 2 + delta * (r - near)).sum())
        """,
        """
        def misses(E, A, B, alpha, beta, N, D, L, delta):
            r = np.log(L / (E + A * N**-alpha + B * D**-beta))
            return sum(min(x * x, delta * delta) / 2 + delta * max(abs(x) - delta, 0) for x in r.tolist())
        """,
        """
        def misses(E, A, B, alpha, beta, N, D, L, delta):
            r = np.log(E + A / N**alpha + B / D**beta)
            r -= np.log(L)
            c = np.clip(r, -delta, delta)
            return (c * (r - c / 2)).sum()
        """,
    ],
    "solve_for_the_terms": [
        """
        def terms(N, D, L, alpha, beta):
            x, y = N**-alpha, D**-beta
            sx, sy = x.max(), y.max()
            X = np.array([np.ones(len(N)), x / sx, y / sy])
            E, A, B = np.linalg.solve(X @ X.T, X @ L)
            return E, A / sx, B / sy
        """,
        """
        def terms(N, D, L, alpha, beta):
            x, y = N**-alpha, D**-beta
            u, v, w = x - x.mean(), y - y.mean(), L - L.mean()  # the floor is what is left of the means
            uu, uv, vv, uw, vw = u @ u, u @ v, v @ v, u @ w, v @ w
            A = (uw * vv - vw * uv) / (uu * vv - uv**2)
            B = (vw * uu - uw * uv) / (uu * vv - uv**2)
            return np.array([L.mean() - A * x.mean() - B * y.mean(), A, B])
        """,
        """
        def terms(N, D, L, alpha, beta):
            X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
            return list(np.linalg.lstsq(X, L, rcond=None)[0])
        """,
        """
        def terms(N, D, L, alpha, beta):
            X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
            return np.linalg.inv(X.T @ X) @ X.T @ L
        """,
    ],
    "do_not_stop_early": [
        """
        def descend(losses, x):
            step = 0.25
            now = losses(x).sum()
            while step > 1e-6:
                moved = False
                for e in np.eye(len(x)):
                    for sign in (-1, 1):
                        there = losses(x + sign * step * e).sum()
                        if there < now:
                            x, now, moved = x + sign * step * e, there, True
                if not moved:
                    step /= 2
            return x
        """,
        """
        def descend(losses, x):
            x = np.array(x, float)
            for _ in range(8):  # along each coordinate in turn, to the bottom
                for i in range(len(x)):
                    low, high = x[i] - 2, x[i] + 2
                    for _ in range(36):
                        a, b = low + 0.382 * (high - low), high - 0.382 * (high - low)
                        y, z = x.copy(), x.copy()
                        y[i], z[i] = a, b
                        low, high = (low, b) if losses(y).sum() < losses(z).sum() else (a, high)
                    x[i] = (low + high) / 2
            return x
        """,
        """
        def descend(losses, x):
            unit = losses(x).sum()
            f = lambda z: losses(z).sum() / unit
            step = 0.1
            while step > 1e-6:
                tries = [x + s * step * e for e in np.eye(len(x)) for s in (-1, 1)]
                best = min(tries, key=f)
                if f(x) - f(best) > 1e-14:
                    x = best
                else:
                    step /= 2
            return x
        """,
        """
        def descend(losses, x):
            # pattern search with all moves, diagonals too
            import itertools
            step = 0.1
            while step > 1e-6:
                tries = [x + step * np.array(s) for s in itertools.product((-1, 0, 1), repeat=len(x))]
                best = min(tries, key=lambda z: float(losses(z).mean()))
                if losses(best).mean() < losses(x).mean():
                    x = best
                else:
                    step /= 2
            return x
        """,
    ],
    "include_the_serving": [
        """
        def cheapest(E, A, B, alpha, beta, target, T):
            least = (A / (target - E)) ** (1 / alpha)
            most = (A * (1 + alpha / beta) / (target - E)) ** (1 / alpha)
            for _ in range(100):
                N = (least + most) / 2
                D = (B / (target - E - A / N**alpha)) ** (1 / beta)
                if T > 3 * D * (alpha * A * N**-alpha / (beta * B * D**-beta) - 1):
                    most = N
                else:
                    least = N
            return most
        """,
        """
        def cheapest(E, A, B, alpha, beta, target, T):
            least = np.log((A / (target - E)) ** (1 / alpha))
            low, high = least, least + 6
            for _ in range(8):
                x = np.linspace(low, high, 403)[1:-1]
                left = target - E - A * np.exp(-alpha * x)
                D = np.where(left > 0, np.maximum(left, 1e-12) / B, np.inf) ** (-1 / beta)
                cost = np.where(left > 0, 6 * np.exp(x) * D + 2 * np.exp(x) * T, np.inf)
                i, step = int(np.argmin(cost)), x[1] - x[0]
                low, high = x[i] - 2 * step, x[i] + 2 * step
            return np.exp(x[i])
        """,
        """
        def cheapest(E, A, B, alpha, beta, target, T):
            least = (A / (target - E)) ** (1 / alpha)
            def slope(u):  # of ln cost over ln N
                N = least * (1 + u)
                left = target - E - A / N**alpha
                D = (B / left) ** (1 / beta)
                return 6 * D * (1 - alpha / beta * A / N**alpha / left) + 2 * T
            a, b = 1e-9, 100.0
            while b / a > 1 + 1e-12:
                u = (a * b) ** 0.5
                if slope(u) < 0:
                    a = u
                else:
                    b = u
            return least * (1 + a)
        """,
        """
        def cheapest(E, A, B, alpha, beta, target, T):
            # over D in place of N
            least = np.log((B / (target - E)) ** (1 / beta))
            def cost(y):
                D = np.exp(y)
                left = target - E - B / D**beta
                if left <= 0:
                    return np.inf
                N = (A / left) ** (1 / alpha)
                return 6 * N * D + 2 * N * T
            a, b = least, least + 20
            for _ in range(200):
                p, q = a + 0.382 * (b - a), b - 0.382 * (b - a)
                a, b = (p, b) if cost(p) >= cost(q) and cost(p) < np.inf or cost(p) == np.inf else (a, q)
            D = np.exp((a + b) / 2)
            return (A / (target - E - B / D**beta)) ** (1 / alpha)
        """,
    ],
}

WRONG = {
    "spend_the_budget": {
        "twenty tokens a parameter": """
            def spend(E, A, B, alpha, beta, C):
                N = np.sqrt(C / 120)
                return N, 20 * N
        """,
        "the exponents swapped": """
            def spend(E, A, B, alpha, beta, C):
                G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                N = G * (C / 6) ** (alpha / (alpha + beta))
                return N, C / 6 / N
        """,
        "the six forgotten": """
            def spend(E, A, B, alpha, beta, C):
                G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                N = G * C ** (beta / (alpha + beta))
                return N, C / N
        """,
        "the six in the tokens only": """
            def spend(E, A, B, alpha, beta, C):
                G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                N = G * C ** (beta / (alpha + beta))
                return N, C / 6 / N
        """,
        "G upside down": """
            def spend(E, A, B, alpha, beta, C):
                G = (beta * B / (alpha * A)) ** (1 / (alpha + beta))
                N = G * (C / 6) ** (beta / (alpha + beta))
                return N, C / 6 / N
        """,
        "terms equal, not terms times exponents": """
            def spend(E, A, B, alpha, beta, C):
                G = (A / B) ** (1 / (alpha + beta))
                N = G * (C / 6) ** (beta / (alpha + beta))
                return N, C / 6 / N
        """,
        "the printed constants, whatever the law": """
            def spend(E, A, B, alpha, beta, C):
                G = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
                N = G * (C / 6) ** (0.28 / 0.62)
                return N, C / 6 / N
        """,
        "a point of a grid": """
            def spend(E, A, B, alpha, beta, C):
                N = np.geomspace(1e5, 1e14, 2000)
                lost = A / N**alpha + B / (C / 6 / N) ** beta
                N = N[np.argmin(lost)]
                return N, C / 6 / N
        """,
        "half of the logarithm": """
            def spend(E, A, B, alpha, beta, C):
                N = (C / 6) ** 0.5 * (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                return N, C / 6 / N
        """,
        "tokens first": """
            def spend(E, A, B, alpha, beta, C):
                G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                N = G * (C / 6) ** (beta / (alpha + beta))
                return C / 6 / N, N
        """,
        "searches from 1e7 to 1e13": """
            def spend(E, A, B, alpha, beta, C):
                low, high = 1e7, 1e13
                for _ in range(200):
                    N = (low * high) ** 0.5
                    if alpha * A / N**alpha > beta * B / (C / 6 / N) ** beta:
                        low = N
                    else:
                        high = N
                return N, C / 6 / N
        """,
        "searches from 1e8 to 1e12": """
            def spend(E, A, B, alpha, beta, C):
                low, high = 1e8, 1e12
                for _ in range(200):
                    N = (low * high) ** 0.5
                    if alpha * A / N**alpha > beta * B / (C / 6 / N) ** beta:
                        low = N
                    else:
                        high = N
                return N, C / 6 / N
        """,
        "rounded to millions": """
            def spend(E, A, B, alpha, beta, C):
                G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                N = round(G * (C / 6) ** (beta / (alpha + beta)), -6)
                return N, C / 6 / N
        """,
        "a hundredth unspent": """
            def spend(E, A, B, alpha, beta, C):
                G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                N = G * (C / 6) ** (beta / (alpha + beta))
                return N, 0.99 * C / 6 / N
        """,
    },
    "weigh_the_misses": {
        "plain differences": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(E + A / N**alpha + B / D**beta - L)
                return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).sum()
        """,
        "ratios, not their logarithms": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs((E + A / N**alpha + B / D**beta) / L - 1)
                return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).sum()
        """,
        "the mean": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(np.log((E + A / N**alpha + B / D**beta) / L))
                return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).mean()
        """,
        "squares only": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.log((E + A / N**alpha + B / D**beta) / L)
                return (r**2 / 2).sum()
        """,
        "sizes only": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(np.log((E + A / N**alpha + B / D**beta) / L))
                return delta * r.sum()
        """,
        "a jump at delta": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(np.log((E + A / N**alpha + B / D**beta) / L))
                return np.where(r <= delta, r**2 / 2, delta * r).sum()
        """,
        "squares not halved": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(np.log((E + A / N**alpha + B / D**beta) / L))
                return np.where(r <= delta, r**2, 2 * delta * r - delta**2).sum()
        """,
        "the floor left out": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(np.log((A / N**alpha + B / D**beta) / L))
                return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).sum()
        """,
        "delta fixed": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(np.log((E + A / N**alpha + B / D**beta) / L))
                return np.where(r <= 1e-3, r**2 / 2, 1e-3 * (r - 5e-4)).sum()
        """,
        "logarithms to base 10": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.abs(np.log10((E + A / N**alpha + B / D**beta) / L))
                return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).sum()
        """,
        "misses below are free": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.log((E + A / N**alpha + B / D**beta) / L)
                r = np.maximum(r, 0)
                return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).sum()
        """,
        "one far run makes all far": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.log(E + A / N**alpha + B / D**beta) - np.log(L)
                s = np.abs(r)
                return (r**2 / 2).sum() if (s <= delta).all() else (delta * (s - delta / 2)).sum()
        """,
        "a sign forgotten where it is squared": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.log(E + A / N**alpha + B / D**beta) - np.log(L)
                s = np.abs(r)
                return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2)).sum()
        """,
        "far runs dropped": """
            def misses(E, A, B, alpha, beta, N, D, L, delta):
                r = np.log(E + A / N**alpha + B / D**beta) - np.log(L)
                s = np.abs(r)
                return (r[s <= delta]**2 / 2).sum()
        """,
    },
    "solve_for_the_terms": {
        "no floor": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([N**-alpha, D**-beta], 1)
                A, B = np.linalg.lstsq(X, L, rcond=None)[0]
                return np.array([0.0, A, B])
        """,
        "the least loss as the floor": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([N**-alpha, D**-beta], 1)
                E = L.min()
                A, B = np.linalg.lstsq(X, L - E, rcond=None)[0]
                return np.array([E, A, B])
        """,
        "exponents without a minus": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**alpha, D**beta], 1)
                s = X.max(0)
                return np.linalg.lstsq(X / s, L, rcond=None)[0] / s
        """,
        "A and B swapped": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
                s = X.max(0)
                E, A, B = np.linalg.lstsq(X / s, L, rcond=None)[0] / s
                return np.array([E, B, A])
        """,
        "relative residuals": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1) / L[:, None]
                s = X.max(0)
                return np.linalg.lstsq(X / s, np.ones(len(L)), rcond=None)[0] / s
        """,
        "three runs only": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(3), N[:3]**-alpha, D[:3]**-beta], 1)
                return np.linalg.solve(X, L[:3])
        """,
        "not scaled back": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
                return np.linalg.lstsq(X / X.max(0), L, rcond=None)[0]
        """,
        "the exponents of the paper": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**-0.34, D**-0.28], 1)
                s = X.max(0)
                return np.linalg.lstsq(X / s, L, rcond=None)[0] / s
        """,
        "a small ridge": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
                s = X.max(0)
                Z = X / s
                return np.linalg.solve(Z.T @ Z + 1e-6 * np.eye(3), Z.T @ L) / s
        """,
        "the mean loss as the floor": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
                s = X.max(0)
                A, B = np.linalg.lstsq(X[:, 1:] - X[:, 1:].mean(0), L, rcond=None)[0]
                return np.array([L.mean(), A, B])
        """,
        "one term after the other": """
            def terms(N, D, L, alpha, beta):
                X = np.stack([np.ones(len(L)), N**-alpha, D**-beta], 1)
                s = X.max(0)
                E = L.min()
                A = ((L - E) @ X[:, 1]) / (X[:, 1] @ X[:, 1])
                r = L - E - A * X[:, 1]
                return np.array([E, A, r @ X[:, 2] / (X[:, 2] @ X[:, 2])])
        """,
    },
    "do_not_stop_early": {
        "a smaller tolerance": """
            def descend(losses, x):
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).mean())
                    if losses(x).mean() - losses(best).mean() < 1e-9:
                        step /= 2
                    else:
                        x = best
                return x
        """,
        "a tiny tolerance": """
            def descend(losses, x):
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).mean())
                    if losses(x).mean() - losses(best).mean() < 1e-20:
                        step /= 2
                    else:
                        x = best
                return x
        """,
        "the sum, with the old tolerance": """
            def descend(losses, x):
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).sum())
                    if losses(x).sum() - losses(best).sum() < 1e-5:
                        step /= 2
                    else:
                        x = best
                return x
        """,
        "stops where the first step ends": """
            def descend(losses, x):
                step = 0.1
                while True:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).sum())
                    if losses(best).sum() >= losses(x).sum():
                        return x
                    x = best
        """,
        "a fixed number of steps": """
            def descend(losses, x):
                for _ in range(100):
                    tries = [x + sign * 0.01 * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    x = min(tries, key=lambda each: losses(each).sum())
                return x
        """,
        "gives up after an improvement of less than a tenth": """
            def descend(losses, x):
                step = 0.1
                while True:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).sum())
                    if losses(x).sum() - losses(best).sum() < 0.1 * losses(x).sum():
                        return x
                    x = best
        """,
        "one coordinate": """
            def descend(losses, x):
                x, step = np.array(x), 0.1
                while step > 1e-7:
                    e = np.eye(len(x))[0]
                    best = min((x - step * e, x + step * e), key=lambda each: losses(each).sum())
                    if losses(best).sum() < losses(x).sum():
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "returns where it began": """
            def descend(losses, x):
                return x
        """,
        "a tolerance of 1e-40": """
            def descend(losses, x):
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).mean())
                    if losses(x).mean() - losses(best).mean() > 1e-40:
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "the smallest float32 as the tolerance": """
            def descend(losses, x):
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).mean())
                    if losses(x).mean() - losses(best).mean() > np.finfo(np.float32).tiny:
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "losses times 1e30": """
            def descend(losses, x):
                f = lambda z: losses(z).mean() * 1e30
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=f)
                    if f(x) - f(best) > 1e-9:
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "gives up after an improvement of less than a hundredth": """
            def descend(losses, x):
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).mean())
                    if losses(x).mean() - losses(best).mean() > 0.01 * losses(x).mean():
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "two coordinates": """
            def descend(losses, x):
                step = 0.1
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x))[:2] for sign in (-1, 1)]
                    best = min(tries, key=lambda each: losses(each).mean())
                    if losses(best).mean() < losses(x).mean():
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "the worst run alone": """
            def descend(losses, x):
                step = 0.1
                f = lambda z: losses(z).max()
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=f)
                    if f(best) < f(x):
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "the median run": """
            def descend(losses, x):
                step = 0.1
                f = lambda z: np.median(losses(z))
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=f)
                    if f(best) < f(x):
                        x = best
                    else:
                        step /= 2
                return x
        """,
        "the sum of logarithms": """
            def descend(losses, x):
                step = 0.1
                f = lambda z: np.log(losses(z)).sum()
                while step > 1e-7:
                    tries = [x + sign * step * e for e in np.eye(len(x)) for sign in (-1, 1)]
                    best = min(tries, key=f)
                    if f(best) < f(x):
                        x = best
                    else:
                        step /= 2
                return x
        """,
    },
    "include_the_serving": {
        "cheapest to train": """
            def cheapest(E, A, B, alpha, beta, target, T):
                return (A * (1 + alpha / beta) / (target - E)) ** (1 / alpha)
        """,
        "serving at six FLOP": """
            def cheapest(E, A, B, alpha, beta, target, T):
                least = (A / (target - E)) ** (1 / alpha)
                most = (A * (1 + alpha / beta) / (target - E)) ** (1 / alpha)
                for _ in range(100):
                    N = (least + most) / 2
                    D = (B / (target - E - A / N**alpha)) ** (1 / beta)
                    if T > D * (alpha * A * N**-alpha / (beta * B * D**-beta) - 1):
                        most = N
                    else:
                        least = N
                return most
        """,
        "the smallest that can": """
            def cheapest(E, A, B, alpha, beta, target, T):
                return 1.0001 * (A / (target - E)) ** (1 / alpha)
        """,
        "the least loss for a fixed total": """
            def cheapest(E, A, B, alpha, beta, target, T):
                G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
                N_0 = (A * (1 + alpha / beta) / (target - E)) ** (1 / alpha)
                D_0 = (B / (target - E - A / N_0**alpha)) ** (1 / beta)
                total = 6 * N_0 * D_0 + 2 * N_0 * T
                x = np.linspace(np.log(N_0) - 8, np.log(N_0) + 1, 20001)
                N = np.exp(x)
                D = (total - 2 * N * T) / (6 * N)
                L = np.where(D > 0, A / N**alpha + B / np.maximum(D, 1.0) ** beta, np.inf)
                return N[np.argmin(L)]
        """,
        "a point of a grid": """
            def cheapest(E, A, B, alpha, beta, target, T):
                N = np.geomspace(1e6, 1e13, 3000)
                left = target - E - A / N**alpha
                D = (B / np.where(left > 0, left, np.inf)) ** (1 / beta)
                return N[np.argmin(np.where(left > 0, 6 * N * D + 2 * N * T, np.inf))]
        """,
        "serving alone": """
            def cheapest(E, A, B, alpha, beta, target, T):
                N = np.geomspace(1e6, 1e13, 30001)
                left = target - E - A / N**alpha
                return N[np.argmin(np.where(left > 0, N * T, np.inf))]
        """,
        "tokens for one of the terms": """
            def cheapest(E, A, B, alpha, beta, target, T):
                low, high = np.log((A / (target - E)) ** (1 / alpha)), 80.0
                D = (B / (target - E)) ** (1 / beta)
                def flops(x):
                    return 6 * np.exp(x) * D + 2 * np.exp(x) * T
                for _ in range(200):
                    a, b = low + (high - low) / 3, high - (high - low) / 3
                    low, high = (low, b) if flops(a) < flops(b) else (a, high)
                return np.exp(low)
        """,
        "searches up to 1e12": """
            def cheapest(E, A, B, alpha, beta, target, T):
                def flops(x):
                    N = np.exp(x)
                    left = target - E - A / N**alpha
                    D = np.inf if left <= 0 else (B / left) ** (1 / beta)
                    return 6 * N * D + 2 * N * T
                low, high = np.log((A / (target - E)) ** (1 / alpha)), np.log(1e12)
                for _ in range(200):
                    a, b = low + (high - low) / 3, high - (high - low) / 3
                    low, high = (low, b) if flops(a) < flops(b) else (a, high)
                return np.exp((low + high) / 2)
        """,
        "serving at one FLOP": """
            def cheapest(E, A, B, alpha, beta, target, T):
                def flops(x):
                    N = np.exp(x)
                    left = target - E - A / N**alpha
                    D = np.inf if left <= 0 else (B / left) ** (1 / beta)
                    return 6 * N * D + N * T
                low, high = np.log((A / (target - E)) ** (1 / alpha)), 80.0
                for _ in range(200):
                    a, b = low + (high - low) / 3, high - (high - low) / 3
                    low, high = (low, b) if flops(a) < flops(b) else (a, high)
                return np.exp((low + high) / 2)
        """,
        "shrunk by the share of the serving": """
            def cheapest(E, A, B, alpha, beta, target, T):
                N0 = (A * (1 + alpha / beta) / (target - E)) ** (1 / alpha)
                D = (B / (target - E - A / N0**alpha)) ** (1 / beta)
                C = 6 * N0 * D + 2 * N0 * T
                return N0 * 6 * N0 * D / C
        """,
    },
}
