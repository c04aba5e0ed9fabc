"""A key is shown in errors alone: an index array, or a list, may be long."""

import numpy as np
import pytest

import simplezarr as sz

VALUES = np.arange(60).reshape(20, 3)


class Array(np.ndarray):
    def __repr__(self):
        raise AssertionError("the key was shown")

    __str__ = __repr__


class List(list):
    def __repr__(self):
        raise AssertionError("the key was shown")


def index_array():
    return np.array([7, 0, 19, 7]).view(Array)


def mask():
    return (np.arange(20) % 3 == 0).view(Array)


KEYS = {
    "array": index_array,
    "mask": mask,
    "list": lambda: List([7, 0, 19]),
    "array and slice": lambda: (index_array(), slice(None, None, 2)),
    "array and integer": lambda: (index_array(), 1),
    "list and dots": lambda: (List([1, 2]), ...),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_that_is_served_is_never_shown(kind):
    key, plain = KEYS[kind](), KEYS[kind]()
    a = sz.create_array({}, data=VALUES, chunks=(4, 2))
    np.testing.assert_array_equal(a[key], VALUES[plain])
    np.testing.assert_array_equal(a.read(key), VALUES[plain])
    np.testing.assert_array_equal(a.lazy[key].read(), VALUES[plain])
    a[key] = -5
    expected = VALUES.copy()
    expected[plain] = -5
    np.testing.assert_array_equal(a[...], expected)


def test_orthogonal_and_pointwise_keys_are_never_shown():
    a = sz.create_array({}, data=VALUES, chunks=(4, 2))
    ids = index_array()
    np.testing.assert_array_equal(a.oindex[ids, List([0, 2])], VALUES[np.ix_([7, 0, 19, 7], [0, 2])])
    np.testing.assert_array_equal(a.vindex[ids, List([0, 2, 1, 1])], VALUES[[7, 0, 19, 7], [0, 2, 1, 1]])
    np.testing.assert_array_equal(a.oindex[mask()], VALUES[mask()])


def test_the_error_of_a_key_that_is_not_basic_shows_it():
    a = sz.create_array({}, data=VALUES, chunks=(4, 2))
    with pytest.raises(IndexError, match=r"valid indices of a basic selection, not \[1, 2\] \(list\); many selections"):
        a.read_many([[1, 2]])
