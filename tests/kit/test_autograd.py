"""Reverse-mode gradients, each against central finite differences in float64."""

import numpy as np
import pytest

from topics.kit.model.autograd import FUNCTIONS, UFUNCS, Tensor, cross_entropy, gradients

RNG = np.random.default_rng(0)


def away_from_zero(*shape):
    return RNG.uniform(0.5, 2, shape) * RNG.choice([-1, 1], shape)


def positive(*shape):
    return RNG.uniform(0.5, 2, shape)


UFUNC_CASES = {
    np.add: [(away_from_zero(3, 4), away_from_zero(4)), (away_from_zero(2, 1, 3), away_from_zero(5, 1))],
    np.subtract: [(away_from_zero(3, 1), away_from_zero(2, 3, 4))],
    np.multiply: [(away_from_zero(3, 4), away_from_zero(3, 1)), (away_from_zero(2), away_from_zero(1))],
    np.divide: [(away_from_zero(3, 4), away_from_zero(4))],
    np.power: [(positive(3, 4), positive(4)), (positive(3), np.array(2.0))],
    np.negative: [(away_from_zero(3),)],
    np.exp: [(away_from_zero(3, 2),)],
    np.log: [(positive(3, 2),)],
    np.sqrt: [(positive(3, 2),)],
    np.tanh: [(away_from_zero(3, 2),)],
    np.abs: [(away_from_zero(3, 2),)],
    np.square: [(away_from_zero(3, 2),)],
    np.maximum: [(away_from_zero(3, 4), away_from_zero(4))],
    np.minimum: [(away_from_zero(3, 4), away_from_zero(3, 1))],
    np.expm1: [(away_from_zero(3, 2),)],
    np.logaddexp: [(away_from_zero(3, 4), away_from_zero(4)), (np.zeros(()), away_from_zero(3))],
    np.matmul: [(away_from_zero(3, 4), away_from_zero(4, 2)), (away_from_zero(5, 2, 3), away_from_zero(3, 4))],
}
MASK = RNG.random((3, 4)) < 0.5
FUNCTION_CASES = {
    np.einsum: [
        (lambda a, b: np.einsum("...i,oi->...o", a, b), away_from_zero(2, 3, 4), away_from_zero(5, 4)),
        (lambda a, b: np.einsum("...qhd,...khd->...hqk", a, b), away_from_zero(2, 3, 2, 4), away_from_zero(2, 5, 2, 4)),
        (lambda a, b: np.einsum("...qhd,khd->...hqk", a, b), away_from_zero(2, 3, 2, 4), away_from_zero(5, 2, 4)),
        (lambda a: np.einsum("ij->j", a), away_from_zero(3, 4)),
        (lambda a, b, c: np.einsum("ij,jk,k->i", a, b, c), away_from_zero(3, 4), away_from_zero(4, 2), positive(2)),
    ],
    np.sum: [
        (lambda a: np.sum(a), away_from_zero(3, 4)),
        (lambda a: a.sum(-1), away_from_zero(3, 4)),
        (lambda a: a.sum((0, 2), keepdims=True), away_from_zero(3, 4, 2)),
    ],
    np.mean: [(lambda a: a.mean(-1, keepdims=True), away_from_zero(3, 4)), (lambda a: np.mean(a), away_from_zero(3))],
    np.max: [(lambda a: a.max(-1), away_from_zero(3, 4)), (lambda a: a.max(0, keepdims=True), away_from_zero(3, 4))],
    np.where: [
        (lambda a, b: np.where(MASK, a, b), away_from_zero(3, 4), away_from_zero(4)),
        (lambda a: np.where(MASK, a, -1.0), away_from_zero(2, 3, 4)),
    ],
    np.concatenate: [(lambda a, b: np.concatenate([a, b], -1), away_from_zero(3, 4), away_from_zero(3, 2))],
    np.transpose: [
        (lambda a: a.T, away_from_zero(3, 4)),
        (lambda a: np.transpose(a, (2, 0, 1)), away_from_zero(2, 3, 4)),
    ],
    np.repeat: [(lambda a: np.repeat(a, 3, -2), away_from_zero(2, 3, 4))],
    np.reshape: [
        (lambda a: a.reshape(4, 3), away_from_zero(3, 4)),
        (lambda a: np.reshape(a, -1), away_from_zero(3, 4)),
    ],
    np.swapaxes: [(lambda a: np.swapaxes(a, 0, 2), away_from_zero(2, 3, 4))],
}
OTHERS = [
    (lambda a: a[1:, ::2], away_from_zero(3, 4)),
    (lambda a: a[np.array([0, 2, 0])], away_from_zero(3, 4)),  # the same row twice: both gradients must arrive
    (lambda a: a[..., 1], away_from_zero(2, 3, 4)),
    (lambda a: a * a + 3 * a - a / 2, away_from_zero(3)),
    (lambda a: 1 - (2 / a) ** 2, positive(3)),
    (lambda a: -a @ a, away_from_zero(3, 3)),
    (lambda a: cross_entropy(a, np.array([[0, 2], [1, 1]])), away_from_zero(2, 2, 3)),
    (lambda a: cross_entropy(a, np.array([0, 2]), np.array([1.0, 0.0])), away_from_zero(2, 3)),
]
CASES = [
    *((ufunc, *arrays) for ufunc, several in UFUNC_CASES.items() for arrays in several),
    *(case for several in FUNCTION_CASES.values() for case in several),
    *OTHERS,
]


def by_differences(f, arrays, step=1e-6):
    """∂f/∂x of a scalar f, one number of one array at a time."""
    grads = [np.zeros_like(x) for x in arrays]
    for x, grad in zip(arrays, grads, strict=True):
        for i in np.ndindex(x.shape):
            was = x[i]
            x[i] = was + step
            up = f(*arrays)
            x[i] = was - step
            grad[i] = (up - f(*arrays)) / (2 * step)
            x[i] = was
    return grads


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_operation_has_the_gradient_that_finite_differences_find(case):
    function, *arrays = case
    arrays = [np.array(x) for x in arrays]
    weight = np.random.default_rng(1).normal(size=np.shape(function(*arrays)))  # so that no two outputs count alike
    inputs = [Tensor(x) for x in arrays]
    found = gradients((function(*inputs) * weight).sum(), inputs)
    expected = by_differences(lambda *xs: float(np.sum(function(*xs) * weight)), arrays)
    for x, g, e in zip(arrays, found, expected, strict=True):
        assert g.shape == x.shape
        np.testing.assert_allclose(g, e, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_a_tensor_computes_what_its_array_would(case):
    """To the last bits: how numpy groups an array's numbers, and so their rounding, depends on its place in memory."""
    function, *arrays = case
    np.testing.assert_array_max_ulp(function(*map(Tensor, arrays)).value, np.asarray(function(*arrays)), maxulp=4)


def test_every_rule_has_a_case():
    assert UFUNCS.keys() == UFUNC_CASES.keys()
    assert FUNCTIONS.keys() - {np.shape, np.ndim} == FUNCTION_CASES.keys()


def test_ties_share_the_gradient_of_a_maximum():
    x = Tensor(np.array([2.0, 2.0, 1.0]))
    assert gradients(x.max(), [x])[0].tolist() == [0.5, 0.5, 0.0]


def test_a_value_used_twice_gets_both_gradients():
    x = Tensor(np.array(3.0))
    y = x * x
    assert gradients(y * y, [x, y]) == [108.0, 18.0]


def test_what_the_loss_does_not_depend_on_has_gradient_zero():
    x, other = Tensor(np.ones(2)), Tensor(np.ones(3))
    assert gradients(x.sum(), [other])[0].tolist() == [0, 0, 0]


def test_a_gradient_of_many_numbers_is_refused():
    with pytest.raises(ValueError, match="one number, not of shape"):
        gradients(Tensor(np.ones(3)), [])


@pytest.mark.parametrize("call", [lambda x: np.sin(x), lambda x: np.add.reduce(x), lambda x: np.cumsum(x)])
def test_an_operation_without_a_rule_says_so(call):
    with pytest.raises(TypeError, match="no rule for"):
        call(Tensor(np.ones(3)))


def test_a_long_chain_needs_no_recursion():
    x = Tensor(np.array(1.0))
    y = x
    for _ in range(5000):
        y = y + x
    assert gradients(y, [x])[0] == 5001


def test_a_product_with_a_vector_is_refused_where_it_stands():
    with pytest.raises(TypeError, match="einsum"):
        Tensor(np.ones((2, 3))) @ np.ones(3)
