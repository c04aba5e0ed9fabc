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
    with pytest.raises(ValueError, match=r"no field of name 'y'.*'x'"):
        case[1]["y"]
    with pytest.raises(IndexError):
        sz.create_array({}, data=[1, 2])["x"]


SEVERAL = [["x", "v"], ["v", "x"], ["id"], [np.str_("x"), "id"], ("x", "v"), (["x", "v"],)]


@pytest.mark.parametrize(
    "rest", [(), (slice(1, 5, 2),), (2, 3), ([1, -1], None), (..., 2), (np.arange(7) > 3,)], ids=str
)
@pytest.mark.parametrize("names", SEVERAL, ids=str)
def test_several_fields(case, names, rest):
    data, arr = case
    fields = [*names[0]] if isinstance(names[0], list) else [*names]
    key = (*(names if isinstance(names, tuple) else (names,)), *rest)
    key = key[0] if len(key) == 1 else key
    want = data[rest or ...][fields]
    got = arr[key]
    assert (type(got), got.dtype, got.tolist()) == (type(want), want.dtype, want.tolist())
    out = np.empty(np.shape(want), data.dtype[fields])
    np.testing.assert_array_equal(arr.read(key, out=out), want)
    for value in (7, tuple(range(len(fields)))):
        arr[key] = value
        part = np.array(data[rest or ...])
        part[fields] = value
        data[rest or ...] = part
        np.testing.assert_array_equal(arr[...], data)


def test_in_the_other_ways_of_indexing(case):
    data, arr = case
    grid = np.ix_([0, 5], [True, False] * 4)
    np.testing.assert_array_equal(arr.oindex["x", [0, 5], [True, False] * 4], data["x"][grid])
    np.testing.assert_array_equal(arr.oindex[["x", "v"], [0, 5], [True, False] * 4], data[grid][["x", "v"]])
    np.testing.assert_array_equal(arr.oindex["x"], data["x"])
    np.testing.assert_array_equal(arr.vindex["id", [0, 5], [1, 2]], data["id"][[0, 5], [1, 2]])
    np.testing.assert_array_equal(arr.vindex["id", "x", [0, 5], [1, 2]], data[[0, 5], [1, 2]][["id", "x"]])
    block = tuple([slice(0, n) for n in arr.shards or arr.chunks])
    np.testing.assert_array_equal(arr.blocks["v", 0, 0], data["v"][block])
    arr.oindex["x", [0, 5], [0, 1]] = 9
    arr.vindex["id", [0, 5], [1, 2]] = [7, 8]
    arr.blocks[["v"], 0, 0] = (3,)
    data["x"][np.ix_([0, 5], [0, 1])] = 9
    data["id"][[0, 5], [1, 2]] = [7, 8]
    data["v"][block] = 3
    np.testing.assert_array_equal(arr[...], data)


def test_what_is_none_of_several(case):
    with pytest.raises(KeyError, match="no field of name 'y'"):
        case[1][["x", "y"]]
    with pytest.raises(ValueError, match="duplicate field of name 'x'"):
        case[1][["x", "x"]]
    for view in (case[1].oindex, case[1].vindex, case[1].blocks):
        with pytest.raises(ValueError, match="no field of name 'y'"):
            view["y"]
    for names in (["x"], ("x",), ["x", "y"]):
        with pytest.raises(IndexError):
            sz.create_array({}, data=[1, 2])[names]
