"""Collectives: what each rank gets, what it sends, and in which order is summed."""

import numpy as np
import pytest

from topics.kit.model.autograd import Tensor, gradients
from topics.kit.model.collectives import all_gather, all_reduce, all_to_all, pieces_of, reduce_scatter, ring

RANKS = (1, 2, 3, 4, 8)


def ranks(N, shape, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, shape).astype(dtype) for _ in range(N)]


@pytest.mark.parametrize("N", RANKS)
@pytest.mark.parametrize("size", [0, 1, 5, 8, 24, 29])
def test_pieces_differ_by_one_at_most_and_make_the_whole(N, size):
    x = np.arange(size)
    pieces = pieces_of(x, N)
    assert [p.tolist() for p in pieces] == [p.tolist() for p in np.array_split(x, N)]


@pytest.mark.parametrize("N", RANKS)
@pytest.mark.parametrize("shape", [(24,), (29,), (3,), (6, 7), (0,)])
def test_an_all_reduce_gives_every_rank_the_sum(N, shape):
    arrays = ranks(N, shape)
    got, _ = all_reduce(arrays)
    assert len(got) == N
    expected = np.zeros(shape)
    for x in arrays:
        expected = expected + x.astype(float)
    for x in got:
        assert x.shape == shape
        np.testing.assert_allclose(x, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("N", RANKS)
def test_each_rank_sends_what_the_formulas_say_where_n_divides(N):
    arrays = ranks(N, (8 * N, 3))
    whole = arrays[0].nbytes
    assert all_reduce(arrays)[1] == [2 * (N - 1) * whole // N] * N
    parts, sent = reduce_scatter(arrays)
    assert sent == [(N - 1) * whole // N] * N
    assert all_gather(parts)[1] == [(N - 1) * whole // N] * N
    blocks = [pieces_of(x, N) for x in arrays]
    assert all_to_all(blocks)[1] == [(N - 1) * whole // N] * N


@pytest.mark.parametrize("N", RANKS)
@pytest.mark.parametrize("size", [1, 5, 29, 32])
def test_the_ring_step_by_step_sends_what_the_collectives_count_and_adds_as_they_do(N, size):
    arrays = ranks(N, size, seed=1)
    hops = list(ring(arrays))
    assert len(hops) == 2 * (N - 1)
    sent = [sum(hop.sent[r] for hop in hops) for r in range(N)]
    summed, counted = all_reduce(arrays, order="ring")
    assert sent == counted
    assert sum(sent) == 2 * (N - 1) * arrays[0].nbytes  # whatever N divides
    if hops:
        scattered, half = reduce_scatter(arrays, order="ring")
        middle = hops[N - 2]
        assert [sum(hop.sent[r] for hop in hops[: N - 1]) for r in range(N)] == half
        for r in range(N):
            assert np.array_equal(middle.held[r][r], scattered[r])  # to the last bit
            assert np.array_equal(np.concatenate(hops[-1].held[r]), summed[r])


@pytest.mark.parametrize("N", RANKS[1:])
def test_in_a_ring_each_rank_sends_only_what_it_holds_and_one_piece_a_step(N):
    """Which ranks a piece sums is followed by marks: piece c of rank r is 2**r."""
    for hop in ring([np.full(N, 2.0**r) for r in range(N)]):
        assert sorted(hop.pieces) == list(range(N))
        for r in range(N):
            held = float(hop.held[(r + 1) % N][hop.pieces[r]][0])
            assert held == int(held) < 2**N  # no rank is counted twice
    assert all(float(piece[0]) == 2**N - 1 for row in hop.held for piece in row)


@pytest.mark.parametrize("N", RANKS)
@pytest.mark.parametrize("order", [None, "ring", "backwards"])
def test_an_all_reduce_is_a_reduce_scatter_and_an_all_gather(N, order):
    order = list(range(N))[::-1] if order == "backwards" else order
    arrays = ranks(N, 29, seed=2)
    parts, first = reduce_scatter(arrays, order)
    whole, second = all_gather(parts)
    got, sent = all_reduce(arrays, order)
    assert all(np.array_equal(a, b) for a, b in zip(got, whole, strict=True))
    assert sent == [a + b for a, b in zip(first, second, strict=True)]


def test_the_order_of_the_sum_is_the_one_that_was_asked_for():
    arrays = [np.array([x], np.float32) for x in (1e8, 1.0, -1e8)]
    assert all_reduce(arrays)[0][0].tolist() == [0.0]  # 1 is lost beside 1e8
    assert all_reduce(arrays, order=(0, 2, 1))[0][0].tolist() == [1.0]
    with pytest.raises(ValueError, match="each of them once"):
        all_reduce(arrays, order=(0, 1, 1))


def test_whoever_adds_may_round():
    got, _ = all_reduce([np.array([0.6]), np.array([0.6]), np.array([0.6])], add=lambda a, b: np.rint(a + b))
    assert got[0].tolist() == [2.0]  # 0.6 + 0.6 is 1, 1.6 is 2


@pytest.mark.parametrize("axis", [0, 1])
def test_pieces_lie_along_the_axis_that_was_asked_for(axis):
    arrays = ranks(3, (5, 7), seed=3)
    parts, sent = reduce_scatter(arrays, axis=axis)
    whole = arrays[0] + arrays[1] + arrays[2]
    for got, expected in zip(parts, np.array_split(whole, 3, axis), strict=True):
        assert np.array_equal(got, expected)
    assert sent == [whole.nbytes - part.nbytes for part in parts]
    assert np.array_equal(all_gather(parts, axis)[0][2], whole)


def test_an_all_to_all_transposes_and_is_its_own_inverse():
    rng = np.random.default_rng(4)
    blocks = [[rng.normal(0, 1, int(rng.integers(0, 5))) for _ in range(3)] for _ in range(3)]
    got, sent = all_to_all(blocks)
    for i in range(3):
        assert sent[i] == sum(blocks[i][j].nbytes for j in range(3) if j != i)
        for j in range(3):
            assert got[j][i] is blocks[i][j]
    assert all(a is b for x, y in zip(all_to_all(got)[0], blocks, strict=True) for a, b in zip(x, y, strict=True))


def test_arrays_of_different_shapes_are_refused():
    for collective in (all_reduce, reduce_scatter, lambda x: list(ring(x))):
        with pytest.raises(ValueError, match="one shape"):
            collective([np.zeros(3), np.zeros(4)])


def test_gradients_cross_the_ranks():
    """A loss on one rank depends on every rank's array: each gets its gradient."""
    arrays = [Tensor(x) for x in ranks(3, (4, 2), seed=5)]
    c = np.arange(8.0).reshape(4, 2)
    for g in gradients((all_reduce(arrays)[0][1] * c).sum(), arrays):
        assert np.array_equal(g, c)
    parts, _ = reduce_scatter(arrays)  # rows 0 and 1, row 2, row 3
    for g in gradients((parts[0] * c[:2]).sum(), arrays):
        assert np.array_equal(g, np.vstack([c[:2], np.zeros((2, 2))]))
