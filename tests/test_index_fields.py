"""Fields of records, read and assigned, as NumPy does it."""

import numpy as np
import pytest

import simplezarr as sz

DTYPE = np.dtype([("x", "f4"), ("id", "i8"), ("v", "u2")])


@pytest.fixture(params=[None, (6, 4)], ids=["chunks", "shards"])
def case(request):
    """NumPy's array, and ours of the same values."""
    data = np.zeros((7, 8), DTYPE)
    for name in DTYPE.names:
        data[name] = np.random.default_rng(1).integers(0, 1000, data.shape)
    return data, sz.create_array({}, data=data, chunks=(3, 4), shards=request.param)


KEYS = ["x", ("id",), ("v", slice(1, 5, 2)), ("x", 2, 3), ("id", [1, -1], None), ("v", ..., 2), ("x", np.arange(7) > 3)]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_as_numpy(case, key):
    data, arr = case
    field, rest = (key, ...) if isinstance(key, str) else (key[0], key[1:] or ...)
    want = data[field][rest]
    got = arr[key]
    np.testing.assert_array_equal(got, want)
    assert type(got) is type(want)
    assert got.dtype == want.dtype
    out = np.empty(np.shape(want), want.dtype)
    assert arr.read(key, out=out) is out
    np.testing.assert_array_equal(arr.read_future(key).result(), want)
    arr[key] = 7
    data[field][rest] = 7
    np.testing.assert_array_equal(arr[...], data)
    arr[key] = np.arange(np.size(want)).reshape(np.shape(want))
    data[field][rest] = np.arange(np.size(want)).reshape(np.shape(want))
    np.testing.assert_array_equal(arr[...], data)


def test_what_is_no_field(case):
    with pytest.raises(IndexError, match=r"'y'.*'x'"):
        case[1]["y"]
    with pytest.raises(IndexError):
        sz.create_array({}, data=[1, 2])["x"]
