"""Index arrays on arrays of text and bytes, which the engine does not touch: as NumPy, read and assigned."""

import numpy as np
import pytest
from hypothesis import given, settings

import simplezarr as sz
from tests.engine.jobs.test_read_property import outcome
from tests.indexing.test_selection import errors_of
from tests.support.selections import advanced_key
from tests.support.strategies import randoms

TEXT = np.array([[f"{i}-{j}" * (j % 4) for j in range(11)] for i in range(13)], np.dtypes.StringDType())
BYTES = np.array([[str(i * j).encode() for j in range(11)] for i in range(13)], object)
KEYS = [
    [1, 5, -1],
    (slice(1, 9, 2), [3, 3, 0]),
    np.array([[1, 2], [3, 4]]),
    (None, [0, 1], slice(None, None, -1)),
    np.arange(13) % 3 == 0,
    TEXT == "",
    (slice(None), [True] * 5 + [False] * 6),
    [],
    (3, [1, 2]),
    ([1, 2], [3, 4], None),
    ([2, 0], slice(None, None, 3), None),
]


@pytest.fixture(params=[(TEXT, None), (TEXT, (8, 8)), (BYTES, None)], ids=["text", "shards", "bytes"])
def case(request):
    """NumPy's array, and ours of the same values."""
    data, shards = request.param
    dtype = data.dtype if data is TEXT else "bytes"
    return data.copy(), sz.create_array({}, data=data, dtype=dtype, chunks=(4, 4), shards=shards)


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_as_numpy(case, key):
    data, arr = case
    np.testing.assert_array_equal(arr[key], data[key])
    out = np.empty(data[key].T.shape, data.dtype).T
    np.testing.assert_array_equal(arr.read(key, out=out), data[key])
    new = np.roll(data, 3)[key]
    arr[key] = data[key] = new
    np.testing.assert_array_equal(arr[...], data)


def test_views_and_batches(case):
    data, arr = case
    np.testing.assert_array_equal(arr.oindex[[1, 5], [0, 3, 10]], data[np.ix_([1, 5], [0, 3, 10])])
    np.testing.assert_array_equal(arr.vindex[[1, 5], [0, 3]], data[[1, 5], [0, 3]])
    np.testing.assert_array_equal(arr.lazy[::-1][[1, 2]].read(), data[::-1][[1, 2]])
    for got, selection in zip(arr.read_many([sz.s_[:2], sz.s_[3:5, 1]]), [sz.s_[:2], sz.s_[3:5, 1]], strict=True):
        np.testing.assert_array_equal(got, data[selection])


@pytest.mark.parametrize(
    ("way", "key"),
    [
        ("", ([13],)),
        ("", ([0, -14],)),
        ("", ([1, 2], [3, 11])),
        ("", (slice(None), [99])),
        ("", (slice(3, 3), [99])),
        ("", (np.ones(12, bool),)),
        ("oindex", ([1], [-12])),
        ("vindex", ([1, 2], [3, 11])),
    ],
    ids=str,
)
def test_out_of_bounds(case, way, key):
    data, arr = case
    numpy_key = np.ix_(*key) if way == "oindex" else key
    with pytest.raises(IndexError) as expected:
        data[numpy_key]
    indexed = getattr(arr, way) if way else arr
    with pytest.raises(IndexError) as error:
        indexed[key]
    assert str(error.value) == str(expected.value)
    with pytest.raises(IndexError):
        indexed[key] = data[0, 0]
    np.testing.assert_array_equal(arr[...], data)


def test_nothing_is_looked_up_for_no_points(case):
    data, arr = case
    key = (np.empty((0, 1), int), [99])
    assert arr[key].shape == data[key].shape == (0, 1)


def test_the_last_of_several_wins(case):
    data, arr = case
    new = data[[5, 6, 7]]
    arr[[2, 2, -11]] = data[[2, 2, -11]] = new
    np.testing.assert_array_equal(arr[...], data)
    arr.vindex[[1, 1, -12], [4, 4, -7]] = data[[1, 1, -12], [4, 4, -7]] = data[[8, 9, 10], 3]
    np.testing.assert_array_equal(arr[...], data)


@settings(max_examples=100, deadline=None)
@given(randoms)
def test_any_key(rand):
    """Read and assigned as NumPy does it; or refused as it does, and then nothing has changed."""
    shape = tuple(rand.choices(range(1, 9), k=rand.randint(1, 3)))
    data = np.array([str(i) * (i % 4) for i in range(np.prod(shape))], np.dtypes.StringDType()).reshape(shape)
    arr = sz.create_array({}, data=data, chunks=tuple(rand.choices(range(1, 5), k=len(shape))))
    key = advanced_key(rand, shape)
    want, got = outcome(data.__getitem__, key), outcome(arr.__getitem__, key)
    new = np.arange(np.size(want)).reshape(np.shape(want)).astype(data.dtype)
    if isinstance(want, type):
        assert got in errors_of(data, key)
        assert outcome(arr.write, key, "new") in errors_of(data, key)
    else:
        np.testing.assert_array_equal(got, want, strict=True)
        arr[key] = data[key] = new
    np.testing.assert_array_equal(arr[...], data)
