"""Questions that look like those to an array in memory: answered as NumPy does, or refused; never wrong in silence."""

import operator
from unittest.mock import ANY

import numpy as np
import pytest

import simplezarr as sz
from tests.support.helpers import Counting

DATA = np.arange(6).reshape(2, 3)


@pytest.fixture(params=["array", "lazy", "rectilinear"])
def stored(request):
    """Handles of elements that are stored."""
    chunks = [[1, 1], 3] if request.param == "rectilinear" else 1
    array = sz.create_array({}, data=DATA, chunks=chunks if request.param == "rectilinear" else (1, 3))
    return array.lazy[...] if request.param == "lazy" else array


VALUES = [5, 5.0, True, 1j, np.int64(5), "x", b"x", DATA, [1, 2], (1, 2), np.datetime64("2020"), np.array(5)]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.ge])
def test_comparisons_with_values(stored, value, compare):
    with pytest.raises(TypeError, match=r"compares values that are stored: read them first, as in a\[\.\.\.\]"):
        compare(stored, value)
    if not isinstance(value, (np.ndarray, np.generic)):
        with pytest.raises(TypeError):
            compare(value, stored)


@pytest.mark.parametrize("compute", [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
    operator.matmul, operator.and_, operator.or_, operator.xor,
])  # fmt: skip
def test_arithmetic(stored, compute):
    for left, right in ((stored, 2), (2, stored), (stored, stored)):
        with pytest.raises(TypeError, match=r"takes values that are stored: read them first"):
            compute(left, right)
    with pytest.raises(TypeError):
        _ = -stored


def test_numpy_on_the_left_reads(stored):
    np.testing.assert_array_equal(DATA + stored, DATA + DATA)
    np.testing.assert_array_equal(np.equal(DATA, stored), DATA == DATA)
    np.testing.assert_array_equal(np.int64(2) * stored, 2 * DATA)
    np.testing.assert_array_equal(np.add(stored, 1), DATA + 1)
    assert np.sum(stored) == DATA.sum()
    assert np.mean(stored) == DATA.mean()
    assert np.max(stored) == DATA.max()
    assert np.array_equal(stored, DATA)
    np.testing.assert_array_equal(np.sqrt(stored), np.sqrt(DATA))


def test_handles_are_equal_to_themselves(stored):
    other = sz.create_array({}, data=DATA)
    assert stored == stored
    assert operator.ne(stored, stored) is False
    assert stored != other
    assert operator.eq(stored, other) is False
    assert stored in [other, stored]
    assert len({stored, other, stored}) == 2
    assert {stored: 1}[stored] == 1
    with pytest.raises(TypeError, match="<"):
        _ = stored < other


@pytest.mark.parametrize(
    "other", [object(), {}, {1}, len, ..., sz.create_group({})], ids=lambda other: type(other).__name__
)
@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_comparisons_with_what_is_no_value(stored, other, compare):
    for left, right in ((stored, other), (other, stored)):
        with pytest.raises(TypeError, match=r"compares values that are stored: read them first, as in a\[\.\.\.\]"):
            compare(left, right)


def test_comparisons_with_none(stored):
    with pytest.raises(TypeError, match=r"; write a is None$"):
        operator.eq(stored, None)
    with pytest.raises(TypeError, match=r"; write a is not None$"):
        operator.ne(None, stored)


def test_what_equals_anything_equals_handles(stored):
    assert stored == ANY
    assert operator.ne(stored, ANY) is False


def test_truth():
    for shape in ((2, 3), (2,), (0,), (0, 3)):
        array = sz.create_array({}, shape=shape, dtype="i4")
        for handle in (array, array.lazy[...]):
            with pytest.raises(ValueError, match=r"the truth value of .* array.* is ambiguous"):
                bool(handle)
    for value in (0, 1, 0.0, np.nan):
        for data in (value, [value], [[value]]):
            assert bool(sz.create_array({}, data=data)) is bool(np.asarray(data))


def test_single_numbers():
    for value in (5, 0.5, True):
        array = sz.create_array({}, data=value)
        assert (float(array), int(array), complex(array)) == (float(value), int(value), complex(value))
        assert float(array.lazy[...]) == float(value)
    with pytest.raises(TypeError, match="complex"):
        float(sz.create_array({}, data=1j))


def test_nothing_is_read_to_refuse():
    data = {}
    sz.create_array(data, data=DATA)
    store = Counting(data)
    array = sz.open(store)
    store.calls.clear()
    for question in (bool, float, int, complex, lambda a: a == 5, lambda a: a + 1):
        with pytest.raises((TypeError, ValueError)):
            question(array)
    assert store.calls == []


def test_membership():
    array = sz.create_array({}, data=DATA, chunks=(1, 3))
    for value in (0, 5, 6, 2.0, np.nan, "x", [0, 1, 2]):
        assert (value in array) is (value in DATA)
    text = sz.create_array({}, data=["a", "b"], dtype=str, chunks=1)
    assert "b" in text
    assert "c" not in text
