"""Results of zarr-python are in the memory that this library keeps; arrays that a caller can tell from others stay."""

import sys

import numpy as np
import pytest

from simplezarr.zarr_python.results import result_of
from tests.zarr_python.conftest import zarr

SIDE = 512  # elements of 8 bytes: 2 MiB in all
DATA = np.arange(SIDE * SIDE, dtype="i8").reshape(SIDE, SIDE)
NDBuffer = zarr.core.buffer.cpu.NDBuffer


def is_ours(array):
    """Return whether this library has allocated an array."""
    return np._core.multiarray.get_handler_name(array) == "simplezarr"


@pytest.fixture
def z(strict):
    z = zarr.create_array({}, shape=DATA.shape, dtype=DATA.dtype, chunks=(100, 100))
    z[...] = DATA
    return z


pooled = pytest.mark.skipif(sys.platform != "linux", reason="memory is kept on Linux alone")


@pooled
@pytest.mark.parametrize("key", [..., np.s_[3:, ::2], ([5, *range(300)], slice(None))])
def test_large_results_are_ours(z, key):
    found = z.oindex[key] if isinstance(key, tuple) and isinstance(key[0], list) else z[key]
    assert is_ours(found)
    assert found.flags.owndata
    assert found.flags.writeable
    np.testing.assert_array_equal(found, DATA[key])


def test_small_results_are_numpy_s(z):
    assert not is_ours(z[:10])


def test_a_given_array_is_filled(z):
    given = np.zeros_like(DATA)
    found = z.get_basic_selection(..., out=NDBuffer.from_numpy_array(given))
    assert found is given
    np.testing.assert_array_equal(given, DATA)


def test_a_part_of_a_given_array_is_filled(z):
    """Also if nothing but the buffer refers to the part itself."""
    given = np.zeros((2 * SIDE, SIDE), "i8")
    z.get_basic_selection(..., out=NDBuffer.from_numpy_array(given[SIDE:]))
    np.testing.assert_array_equal(given[SIDE:], DATA)
    assert not given[:SIDE].any()


@pytest.mark.parametrize("seen_by", [memoryview, lambda array: array[3:], lambda array: array, np.ndarray.ravel])
def test_what_others_see_stays(seen_by):
    buffer = NDBuffer(np.zeros(SIDE * SIDE))
    other = seen_by(buffer.as_ndarray_like())
    assert result_of(buffer) is buffer.as_ndarray_like()
    result_of(buffer).fill(1)
    assert np.asarray(other).all()


@pooled
def test_what_nobody_sees_is_replaced():
    buffer = NDBuffer(np.zeros((SIDE, SIDE), ">i4"))
    found = result_of(buffer)
    assert is_ours(found)
    assert found is buffer.as_ndarray_like()
    assert (found.shape, found.dtype) == ((SIDE, SIDE), np.dtype(">i4"))


@pytest.mark.parametrize(("dtype", "order"), [(object, "C"), ("T", "C"), ("i8", "F")])
def test_other_memory_stays(dtype, order):
    assert not is_ours(result_of(NDBuffer(np.zeros((SIDE, SIDE), dtype, order))))
