"""Reverse-mode differentiation of numpy code: wrap an array in a Tensor, compute, ask for gradients.

A Tensor takes part in ufuncs and in the functions below through numpy's own protocols (NEP 13 and 18), so a function
written for arrays, such as lm.forward, is differentiated as it stands. Each rule gives, for one operation, the
vector-Jacobian product of each input: ȳ, the gradient of the loss by the output, to x̄.
"""

import numpy as np


class Tensor:
    """An array that remembers how it was computed.

    value    the numpy array
    parents  [(Tensor, vjp)], where vjp maps the gradient of this value to that of the parent's
    """

    __slots__ = ("parents", "value")
    __array_priority__ = 1000

    def __init__(self, value, parents=()):
        self.value, self.parents = np.asarray(value), parents

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    dtype = property(lambda self: self.value.dtype)
    size = property(lambda self: self.value.size)

    def __len__(self):
        return len(self.value)

    def __repr__(self):
        return f"Tensor({self.value!r})"

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if method != "__call__" or ufunc not in UFUNCS or options:
            raise TypeError(f"autograd has no rule for {ufunc.__name__}{'.' + method if method != '__call__' else ''}")
        return _apply(ufunc, UFUNCS[ufunc], inputs, {})

    def __array_function__(self, function, types, inputs, options):
        if function not in FUNCTIONS:
            raise TypeError(f"autograd has no rule for {function.__name__}")
        return FUNCTIONS[function](*inputs, **options)

    def __getitem__(self, index):
        def vjp(g):
            x = np.zeros_like(self.value)
            np.add.at(x, index, g)
            return x

        return Tensor(self.value[index], [(self, vjp)])

    def sum(self, axis=None, keepdims=False):
        return np.sum(self, axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False):
        return np.mean(self, axis, keepdims=keepdims)

    def max(self, axis=None, keepdims=False):
        return np.max(self, axis, keepdims=keepdims)

    def reshape(self, *shape):
        return np.reshape(self, shape[0] if isinstance(shape[0], tuple) else shape)

    @property
    def T(self):
        return np.transpose(self)


def _operator(ufunc, swapped=False):
    return (lambda a, b: ufunc(b, a)) if swapped else (lambda a, b: ufunc(a, b))


for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
                      "matmul": np.matmul}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _operator(_ufunc))
    setattr(Tensor, f"__r{_name}__", _operator(_ufunc, swapped=True))
Tensor.__neg__ = lambda self: np.negative(self)


def value(x):
    """The array of a Tensor, or x itself."""
    return x.value if isinstance(x, Tensor) else x


def gradients(loss, wanted):
    """∂loss/∂x for each Tensor x of `wanted`, as arrays of their shapes; zeros where loss does not depend on x.

    loss  a Tensor with one number
    """
    if loss.value.size != 1:
        raise ValueError(f"gradients are of one number, not of shape {loss.shape}")
    grads, kept = {id(loss): np.ones_like(loss.value)}, {id(x) for x in wanted}
    for node in _outputs_first(loss):
        g = grads[id(node)] if id(node) in kept else grads.pop(id(node))  # a gradient that was passed on is let go
        for parent, vjp in node.parents:
            x = vjp(g)
            grads[id(parent)] = grads[id(parent)] + x if id(parent) in grads else x
    return [grads.get(id(x), np.zeros_like(x.value)) for x in wanted]


def _outputs_first(loss):
    """Every Tensor that loss was computed from, each before the ones it was computed from; without recursion."""
    order, seen, stack = [], set(), [(loss, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.parents)
    return reversed(order)


# ---- rules


def _apply(function, rule, inputs, options):
    """Compute, and remember how to go back: rule(y, *arrays, **options) gives one ȳ → x̄ per input."""
    arrays = [value(x) for x in inputs]
    y = function(*arrays, **options)
    vjps = rule(y, *arrays, **options)
    return Tensor(y, [(x, vjp) for x, vjp in zip(inputs, vjps, strict=False) if isinstance(x, Tensor)])


def _fit(g, x):
    """Sum a gradient over the axes along which x was broadcast."""
    shape = np.shape(x)
    g = g.sum(tuple(range(np.ndim(g) - len(shape))))
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1), keepdims=True)


UFUNCS = {
    np.add: lambda y, a, b: (lambda g: _fit(g, a), lambda g: _fit(g, b)),
    np.subtract: lambda y, a, b: (lambda g: _fit(g, a), lambda g: _fit(-g, b)),
    np.multiply: lambda y, a, b: (lambda g: _fit(g * b, a), lambda g: _fit(g * a, b)),
    np.divide: lambda y, a, b: (lambda g: _fit(g / b, a), lambda g: _fit(-g * y / b, b)),
    np.power: lambda y, a, b: (lambda g: _fit(g * b * a ** (b - 1), a), lambda g: _fit(g * y * np.log(a), b)),
    np.negative: lambda y, a: (lambda g: -g,),
    np.exp: lambda y, a: (lambda g: g * y,),
    np.log: lambda y, a: (lambda g: g / a,),
    np.sqrt: lambda y, a: (lambda g: g / (2 * y),),
    np.tanh: lambda y, a: (lambda g: g * (1 - y * y),),
    np.abs: lambda y, a: (lambda g: g * np.sign(a),),
    np.expm1: lambda y, a: (lambda g: g * (y + 1),),
    np.logaddexp: lambda y, a, b: (lambda g: _fit(g * np.exp(a - y), a), lambda g: _fit(g * np.exp(b - y), b)),
    np.square: lambda y, a: (lambda g: 2 * g * a,),
    np.maximum: lambda y, a, b: (lambda g: _fit(g * (a >= b), a), lambda g: _fit(g * (a < b), b)),
    np.minimum: lambda y, a, b: (lambda g: _fit(g * (a <= b), a), lambda g: _fit(g * (a > b), b)),
    np.matmul: lambda y, a, b: _matmul(a, b),
}


def _matmul(a, b):
    if min(np.ndim(a), np.ndim(b)) < 2:
        raise TypeError("autograd's @ takes matrices: write np.einsum for a vector")
    return lambda g: _fit(g @ np.swapaxes(b, -1, -2), a), lambda g: _fit(np.swapaxes(a, -1, -2) @ g, b)


def _einsum(subscripts, *operands):
    arrays = [value(x) for x in operands]
    ins, out = _explicit(subscripts, arrays)
    y = np.einsum(f"{','.join(ins)}->{out}", *arrays)

    def vjp(i):
        others = [array for j, array in enumerate(arrays) if j != i]
        names = [name for j, name in enumerate(ins) if j != i]
        known = set(out).union(*names)
        kept = "".join(c for c in ins[i] if c in known)

        def back(g):
            x = _product(f"{','.join([out, *names])}->{kept}", g, *others)
            lost = [n for n, c in enumerate(ins[i]) if c not in known]  # summed away before it met anything
            return np.broadcast_to(np.expand_dims(x, lost), arrays[i].shape)

        return back

    return Tensor(y, [(x, vjp(i)) for i, x in enumerate(operands) if isinstance(x, Tensor)])


def _explicit(subscripts, arrays):
    """Input and output subscripts with letters in the place of the dots."""
    ins, out = subscripts.replace(" ", "").split("->")
    ins = ins.split(",")
    extra = max(
        (array.ndim - len(name) + 3 for name, array in zip(ins, arrays, strict=True) if "..." in name), default=0
    )
    dots = "ABCDEFGH"[:extra]
    full = []
    for name, array in zip(ins, arrays, strict=True):
        mine = array.ndim - len(name) + 3 if "..." in name else 0
        full.append(name.replace("...", dots[extra - mine :]))
    return full, out.replace("...", dots)


def _product(subscripts, *arrays):
    """einsum with the summed axes last and contiguous: without a BLAS that is several times as fast."""
    ins, out = subscripts.split("->")
    ins = ins.split(",")
    summed = sorted(set("".join(ins)) - set(out))
    moved = []
    for i, (name, array) in enumerate(zip(ins, arrays, strict=True)):
        order = [c for c in name if c not in summed] + [c for c in summed if c in name]
        moved.append(np.ascontiguousarray(array.transpose([name.index(c) for c in order])))
        ins[i] = "".join(order)
    return np.einsum(f"{','.join(ins)}->{out}", *moved)


def _mean(x, axis=None, keepdims=False):
    n = x.value.size if axis is None else np.prod([x.shape[i] for i in np.atleast_1d(axis)])
    return np.sum(x, axis, keepdims=keepdims) * (1 / float(n))


def _sum(x, axis=None, keepdims=False):
    return Tensor(x.value.sum(axis, keepdims=keepdims), [(x, lambda g: _spread(g, x.value, axis, keepdims).copy())])


def _max(x, axis=None, keepdims=False):
    y = x.value.max(axis, keepdims=True)

    def vjp(g):
        top = x.value == y
        return _spread(g, x.value, axis, keepdims) * top / top.sum(axis, keepdims=True)  # ties share

    return Tensor(y if keepdims else x.value.max(axis), [(x, vjp)])


def _spread(g, x, axis, keepdims):
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, x.shape)


def _where(condition, a, b):
    parents = [(x, lambda g, side=side, x=x: _fit(np.where(condition, g, 0) if side else np.where(condition, 0, g), x))
               for x, side in ((a, True), (b, False)) if isinstance(x, Tensor)]  # fmt: skip
    return Tensor(np.where(condition, value(a), value(b)), parents)


def _concatenate(parts, axis=0):
    ends = np.cumsum([np.shape(part)[axis] for part in parts])

    def vjp(i):
        index = [slice(None)] * np.ndim(value(parts[i]))
        index[axis] = slice(ends[i - 1] if i else 0, ends[i])
        return lambda g: g[tuple(index)]

    y = np.concatenate([value(part) for part in parts], axis)
    return Tensor(y, [(part, vjp(i)) for i, part in enumerate(parts) if isinstance(part, Tensor)])


def _transpose(x, axes=None):
    back = None if axes is None else np.argsort(axes)
    return Tensor(np.transpose(x.value, axes), [(x, lambda g: np.transpose(g, back))])


def _repeat(x, repeats, axis):
    def vjp(g):
        axis_ = axis % x.ndim
        return g.reshape(*x.shape[:axis_], x.shape[axis_], repeats, *x.shape[axis_ + 1 :]).sum(axis_ + 1)

    return Tensor(np.repeat(x.value, repeats, axis), [(x, vjp)])


FUNCTIONS = {
    np.einsum: _einsum,
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.where: _where,
    np.concatenate: _concatenate,
    np.transpose: _transpose,
    np.repeat: _repeat,
    np.reshape: lambda x, shape: Tensor(np.reshape(x.value, shape), [(x, lambda g: np.reshape(g, x.shape))]),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.swapaxes: lambda x, a, b: Tensor(np.swapaxes(x.value, a, b), [(x, lambda g: np.swapaxes(g, a, b))]),
}


def cross_entropy(logits, targets, weights=None):
    """Mean of −log softmax(logits)[target], nats, of logits (..., V) and targets (...,).

    weights  (...,) the weight of each place in the mean, such as 0 for padding; all alike when None
    """
    x, at = value(logits), np.asarray(targets)[..., None]
    z = x - x.max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    share = np.full(np.shape(targets), 1 / np.size(targets)) if weights is None else weights / np.sum(weights)
    share = share.astype(x.dtype)

    def vjp(g):
        d = np.exp(log_p)
        np.put_along_axis(d, at, np.take_along_axis(d, at, -1) - 1, -1)
        return d * (share[..., None] * g)

    loss = -(np.take_along_axis(log_p, at, -1)[..., 0] * share).sum()
    return Tensor(loss, [(logits, vjp)]) if isinstance(logits, Tensor) else loss
