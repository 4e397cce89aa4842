"""What a reader of the page on model merging is asked."""

import math

import numpy as np

from topics.kit import exercise, same

# ---- TIES


def _ties(changes, density, lam):
    merged = {}
    for name in changes[0]:
        stack = np.stack([c[name] for c in changes])
        kept = np.zeros_like(stack)
        for k, x in enumerate(stack):
            n = int(density * x.size)
            top = np.argsort(-np.abs(x).ravel(), kind="stable")[:n]
            kept[k].flat[top] = x.flat[top]
        sign = np.where(kept.sum(0) >= 0, 1, -1)
        agree = kept * sign > 0
        merged[name] = lam * (kept * agree).sum(0) / np.maximum(agree.sum(0), 1)
    return merged


@exercise(
    start="""
        def ties(changes, density, lam):
            # changes: a list of dicts {name: array}, one a model
            merged = {}
            for name in changes[0]:
                stack = np.stack([c[name] for c in changes])  # (K, ...)
                merged[name] = lam * stack.mean(0)
            return merged
    """,
    solution=_ties,
    hint="Trim each array of each model by size, not by value. The sign of the sum of what is left is elected; a "
    "trimmed weight is 0 and agrees with nobody, so it does not count in the mean.",
)
def let_them_vote(answer, rng):
    """Write `ties(changes, density, lam)`: what TIES adds to the base, `{name: array}`. Of each array of each change
    keep the int(density · size) largest by size. Elect each weight's sign by the sum of what is kept (+ where it is 0).
    Take the mean of those kept that have this sign, 0 where there is none, times λ. Do not change what you are given.
    """
    for density, lam, K, scales in ((0.5, 1.0, 3, (1, 1)), (0.25, 0.7, 2, (1, 50)), (1.0, 1.5, 4, (1, 1)),
                                    (0.4, 1.0, 3, (20, 1))):  # fmt: skip
        shapes = {"W": (4, int(rng.integers(2, 5))), "b": (20,)}
        changes = [{name: s * rng.normal(size=shape) for s, (name, shape) in zip(scales, shapes.items(), strict=True)}
                   for _ in range(K)]  # fmt: skip
        for name in shapes:  # one weight where two large ones cancel, and a small third one decides
            changes[0][name].flat[0], changes[1][name].flat[0] = 8.0, -8.0
        given = [{name: x.copy() for name, x in each.items()} for each in changes]
        got = answer(changes, density, lam)
        assert isinstance(got, dict) and set(got) == set(shapes), "return a dict with the names of the changes"
        for mine, theirs in zip(given, changes, strict=True):
            for name in shapes:
                same(theirs[name], mine[name], f"the change {name} that you were given")
        for name in shapes:
            wanted = _slow_ties([each[name] for each in given], density, lam)
            same(got[name], wanted, f"what is added to {name}", density=density, lam=lam,
                 changes=[each[name] for each in given])  # fmt: skip


def _slow_ties(arrays, density, lam):
    kept = []
    for x in arrays:
        flat = x.ravel().tolist()
        best = {*sorted(range(len(flat)), key=lambda i: -abs(flat[i]))[: int(density * len(flat))]}
        kept.append([v if i in best else 0.0 for i, v in enumerate(flat)])
    out = []
    for values in zip(*kept, strict=True):
        sign = 1 if sum(values) >= 0 else -1
        agree = [v for v in values if v * sign > 0]
        out.append(lam * sum(agree) / len(agree) if agree else 0.0)
    return np.array(out).reshape(arrays[0].shape)


# ---- DARE


def _dare(changes, p, rng):
    return [np.where(rng.random(x.shape) >= p, x, 0) / (1 - p) for x in changes]


@exercise(
    start="""
        def dare(changes, p, rng):
            # changes: a list of arrays, one a model; rng: numpy's Generator
            mask = rng.random(changes[0].shape) < p
            return [x * mask for x in changes]
    """,
    solution=_dare,
    hint="rng.random(x.shape) is below p with probability p: those are dropped. What share is left, and by what must "
    "it be divided? Two models with one mask would keep, and lose, the same weights.",
)
def drop_and_rescale(answer, rng):
    """Write `dare(changes, p, rng)`: drop each weight of each change with probability p, for itself and for each model
    anew, and rescale what is left so that every weight is right in the mean. Return a list of arrays. Draw only from
    `rng`. p may be 0."""
    for p, shape in ((0.8, (60, 50)), (0.3, (3000,)), (0.9, (50, 60)), (0.0, (5, 4))):
        changes = [rng.normal(size=shape) for _ in range(2)]
        given, seed = [x.copy() for x in changes], int(rng.integers(10_000))
        got = answer(changes, p, np.random.default_rng(seed))
        assert isinstance(got, tuple | list) and len(got) == 2, "return a list of two arrays"
        again = answer(changes, p, np.random.default_rng(seed))
        for x, mine, y, twin in zip(given, changes, got, again, strict=True):
            y = np.asarray(y, float)
            same(mine, x, "a change that you were given")
            assert y.shape == shape, f"a change of shape {shape} came back with the shape {y.shape}"
            same(twin, y, "the same drawn again from the same seed", p=p)
            left = y != 0
            share, spread = float(left.mean()), (p * (1 - p) / x.size) ** 0.5
            assert abs(share - (1 - p)) <= 6 * spread, f"of p = {p}, {100 * share:.1f} % were left of {x.size} weights"
            same(y[left], x[left] / (1 - p), "what is left of a change", p=p)
            size, off = np.abs(x), 6 * float(np.abs(x).std()) / float(left.sum()) ** 0.5
            assert abs(float(size[left].mean() - size.mean())) <= off, (
                "what is left is larger, or smaller, than chance would"
            )
        if p:
            both = float(np.mean([(np.asarray(a) != 0) & (np.asarray(b) != 0) for a, b in [got]]))
            spread = ((1 - p) ** 2 * p * (2 - p) / changes[0].size) ** 0.5
            assert abs(both - (1 - p) ** 2) <= 6 * spread, (
                f"{100 * both:.1f} % of the weights were left in both models; drawn apart, {100 * (1 - p) ** 2:.1f} %"
            )
    x, counts = rng.normal(size=(8, 5)), set()
    for seed in rng.integers(10_000, size=20):
        counts.add(sum(int(np.count_nonzero(y)) for y in answer([x.copy()], 0.5, np.random.default_rng(seed))))
    assert len(counts) > 1, "the number kept is the same in each of 20 draws; drawn for itself, each weight may be kept"


# ---- SLERP


def _slerp(t, a, b):
    cos = np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b))
    omega = np.arccos(np.clip(cos, -1, 1))
    if np.sin(omega) < 1e-6:
        return (1 - t) * a + t * b
    return (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)


@exercise(
    start="""
        def slerp(t, a, b):
            return (1 - t) * a + t * b
    """,
    solution=_slerp,
    hint="The angle comes from the cosine of the two whole arrays, whatever their shape and length; rounding may take "
    "the cosine past 1. Of parallel ones the sine is 0: there take the straight line.",
)
def keep_the_length(answer, rng):
    """Write `slerp(t, a, b)` for two arrays of one shape: a at t = 0, b at t = 1, and between them
    `(sin((1 − t)Ω) a + sin(tΩ) b) / sin Ω`, Ω the angle between the two arrays as wholes. The arrays keep their own
    lengths. Where they are parallel, to rounding, the answer is the straight line between them."""
    for shape, scale, t in (
        ((3,), 1.0, 0.5),
        ((2, 3), 4.0, 0.25),
        ((5,), 0.2, 0.9),
        ((4,), 1.0, 0.0),
        ((3, 2), 3.0, 1.0),
    ):
        a, b = rng.normal(size=shape), scale * rng.normal(size=shape)
        same(answer(t, a.copy(), b.copy()), _slow_slerp(t, a, b), "the array on the arc", t=t, a=a, b=b)
    for t in (0.3, 0.5):
        e, f = np.zeros(4), np.zeros(4)
        e[int(rng.integers(2))], f[2 + int(rng.integers(2))] = 1.0, 1.0
        got = np.asarray(answer(t, e, f), float)
        same(float((got**2).sum()) ** 0.5, 1.0, "the length on the way between two arrays of length 1", t=t, a=e, b=f)
        for degrees in (0.5, 3):  # nearly parallel is not parallel
            b = 2.5 * (math.cos(math.radians(degrees)) * e + math.sin(math.radians(degrees)) * f)
            same(answer(t, e.copy(), b.copy()), _slow_slerp(t, e, b), "the array on the arc", rtol=1e-7, t=t, a=e, b=b)
        for _ in range(10):  # of some the cosine comes out a little above 1
            a = rng.normal(size=(2, 2))
            for b in (a.copy(), 2.5 * a):
                same(answer(t, a.copy(), b), (1 - t) * a + t * b, "parallel arrays", rtol=1e-6, t=t, a=a, b=b)


def _slow_slerp(t, a, b):
    x, y = a.ravel().tolist(), b.ravel().tolist()
    dot = math.fsum(p * q for p, q in zip(x, y, strict=True))
    omega = math.acos(dot / math.sqrt(math.fsum(p * p for p in x) * math.fsum(q * q for q in y)))
    left, right = math.sin((1 - t) * omega) / math.sin(omega), math.sin(t * omega) / math.sin(omega)
    return np.array([left * p + right * q for p, q in zip(x, y, strict=True)]).reshape(a.shape)


# ---- a greedy soup


def _soup(models, score):
    order = sorted(range(len(models)), key=lambda i: score(models[i]), reverse=True)
    taken, best = [order[0]], score(models[order[0]])
    for i in order[1:]:
        tried = np.mean([models[j] for j in [*taken, i]], axis=0)
        if score(tried) >= best:
            taken, best = [*taken, i], score(tried)
    return np.mean([models[j] for j in taken], axis=0), taken


@exercise(
    start="""
        def soup(models, score):
            # models: a list of arrays; score(array) is a number, more is better
            taken = list(range(len(models)))
            return np.mean(models, axis=0), taken
    """,
    solution=_soup,
    hint="Sort by score, the best first. The mean is over all that were taken so far and the new one, each with the "
    "same share. Keep it if the soup's score does not fall.",
)
def cook_a_soup(answer, rng):
    """Write `soup(models, score)`: begin with the best model; go through the others from the best to the worst; add one
    if the plain mean of all taken, with it, scores no less than without. Return the soup and the places of what was
    taken, in the order in which it was. Ask `score` at most twice for each model, and once more for each soup."""
    for n, size in ((4, 3), (7, 7), (1, 4), (5, 3), (6, 3)):
        target = rng.normal(size=size)
        models = [target + rng.normal(size=size) * s for s in rng.uniform(0.3, 2, n)]
        if n == 7:  # each in a direction of its own: all are taken
            models = [target + (1 + 0.02 * k) * x for k, x in enumerate(np.eye(n))]
        if n == 5:  # the second-best takes the soup to the other side of the target: no less, so it is taken
            target, far = np.zeros(size), rng.normal(size=(3, size))
            models = [*(5 * x / np.linalg.norm(x) for x in far), np.eye(size)[0], -3 * np.eye(size)[0]]
            models = [models[i] for i in rng.permutation(n)]
        calls = []

        def score(x, target=target, calls=calls):
            calls.append(1)
            return -float(((np.asarray(x) - target) ** 2).sum().round(12))

        order = sorted(range(n), key=lambda i: -score(models[i]))
        taken = [order[0]]
        for i in order[1:]:
            with_it, without = (sum(models[j] for j in each) / len(each) for each in ([*taken, i], taken))
            if score(with_it) >= score(without):
                taken.append(i)
        calls.clear()
        got = answer([x.copy() for x in models], score)
        assert len(calls) <= 3 * n, (
            f"score was asked {len(calls)} times for {n} models: each call is a run over held-out data"
        )
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: the soup and the places taken"
        given = {"scores": [score(x) for x in models]}
        same(np.array(list(got[1]), float), np.array(taken, float), "the places taken", **given)
        same(got[0], sum(models[j] for j in taken) / len(taken), "the soup", **given)


# ---- what is in a merge


def _uncover(base, parents, merged):
    tau = np.stack([np.ravel(p - base) for p in parents], axis=1)
    shares, *_ = np.linalg.lstsq(tau, np.ravel(merged - base), rcond=None)
    left = np.ravel(merged - base) - tau @ shares
    return shares, float(np.sqrt((left**2).sum() / (np.ravel(merged - base) ** 2).sum()))


@exercise(
    start="""
        def uncover(base, parents, merged):
            # base, merged: arrays of one shape; parents: a list of such arrays
            return np.ones(len(parents)) / len(parents), 0.0
    """,
    solution=_uncover,
    hint="Subtract the base everywhere: merged − base should be a sum of shares times the parents' changes. "
    "np.linalg.lstsq finds the shares that come nearest.",
)
def uncover_a_merge(answer, rng):
    """A model is said to be newly trained. Write `uncover(base, parents, merged)`: the shares λ with which
    `base + Σ λk (parent_k − base)` comes nearest to `merged` by least squares, shape (K,), and how much of the change
    `merged − base` that leaves unexplained: the length of what is left over the length of the change."""
    for shape, K, noise in (((6, 5), 1, 0.0), ((8, 4), 2, 0.0), ((40,), 3, 0.5), ((5, 5, 2), 2, 3.0)):
        base = 3 * rng.normal(size=shape)
        parents = [base + rng.normal(size=shape) * s for s in (1.0, 0.3, 2.0)[:K]]
        if K == 2:  # two parents with much in common
            parents[1] = parents[1] + 0.5 * (parents[0] - base)
        shares = rng.uniform(-0.5, 1.5, K)
        merged = (
            base + sum(s * (p - base) for s, p in zip(shares, parents, strict=True)) + noise * rng.normal(size=shape)
        )
        taus, y = [np.ravel(p - base) for p in parents], np.ravel(merged - base)
        gram = np.array([[float(a @ b) for b in taus] for a in taus])
        found = np.linalg.solve(gram, np.array([float(a @ y) for a in taus]))  # the normal equations
        rest = y - sum(s * a for s, a in zip(found.tolist(), taus, strict=True))
        got = answer(base.copy(), [p.copy() for p in parents], merged.copy())
        assert isinstance(got, tuple | list) and len(got) == 2, "return two things: the shares and what is left"
        same(got[0], found, "the shares", rtol=1e-6, shape=shape, parents=K, noise=noise)
        same(got[1], math.sqrt(float(rest @ rest) / float(y @ y)), "what is left", rtol=1e-6, atol=1e-6, shape=shape,
             parents=K, noise=noise)  # fmt: skip
