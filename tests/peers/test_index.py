"""zarr-python's own strategies drive every way of indexing against zarr-python on the same stored array."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz

zarr = pytest.importorskip("zarr")
peer = pytest.importorskip("zarr.testing.strategies")

LAYOUTS = {
    "1-d": {"shape": (23,), "chunks": (5,)},
    "1-d shards": {"shape": (23,), "chunks": (3,), "shards": (6,)},
    "2-d": {"shape": (7, 11), "chunks": (3, 4), "compressors": None},
    "2-d shards": {"shape": (13, 9), "chunks": (2, 3), "shards": (4, 9)},
    "3-d": {"shape": (5, 6, 7), "chunks": (2, 6, 3), "filters": zarr.codecs.TransposeCodec(order=(2, 0, 1))},
    "4-d shards": {"shape": (4, 3, 5, 6), "chunks": (1, 3, 2, 2), "shards": (2, 3, 4, 6)},
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Of each layout: zarr-python's array, ours of the same directory, and its values."""
    result = {}
    for name, options in LAYOUTS.items():
        directory = str(tmp_path_factory.mktemp("layout"))
        data = np.random.default_rng(0).integers(0, 1000, options["shape"], "int32")
        theirs = zarr.create_array(directory, dtype="int32", **options)
        theirs[...] = data
        result[name] = theirs, sz.open_array(directory), data
    return result


def check(got, want):
    want = np.asarray(want)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    assert np.array_equal(got, want)


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=25)
@given(data=st.data())
def test_basic_indices(name, data, pairs):
    theirs, ours, _ = pairs[name]
    key = data.draw(peer.basic_indices(shape=ours.shape))
    check(ours[key], theirs[key])
    check(ours.lazy[key].read(), theirs[key])
    check(ours.read_many([key, key])[1], theirs[key])


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=25)
@given(data=st.data())
def test_orthogonal_indices(name, data, pairs):
    theirs, ours, values = pairs[name]
    theirs_key, numpy_key = data.draw(peer.orthogonal_indices(shape=ours.shape))
    check(ours.oindex[theirs_key], theirs.oindex[theirs_key])
    check(ours[numpy_key], values[numpy_key])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:zarr")
@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=25)
@given(data=st.data())
def test_pointwise_indices(name, data, pairs):
    theirs, ours, values = pairs[name]
    _, key = data.draw(peer.orthogonal_indices(shape=ours.shape))
    if all(index.ndim == 0 for index in key):  # where zarr-python 3.4 gives an array of one
        check(ours.vindex[key], values[key])
    elif all(index.size for index in key):  # where zarr-python fails
        check(ours.vindex[key], theirs.vindex[key])
    mask = np.random.default_rng(data.draw(st.integers(0, 2**32))).random(ours.shape) < 0.3
    check(ours.vindex[mask], theirs.vindex[mask])
    check(ours[mask], values[mask])


def block_keys(shape):
    """Integers and slices of a grid of blocks."""
    axes = [st.integers(-n, n - 1) | st.tuples(st.integers(0, n), st.integers(0, n)).map(sorted) for n in shape]
    return st.tuples(*axes).map(lambda key: tuple(slice(*item) if isinstance(item, list) else item for item in key))


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=25)
@given(data=st.data())
def test_block_indices(name, data, pairs):
    theirs, ours, values = pairs[name]
    size = LAYOUTS[name].get("shards", LAYOUTS[name]["chunks"])
    grid = tuple(-(-n // c) for n, c in zip(ours.shape, size, strict=True))
    strategy = getattr(peer, "block_indices", None)  # since zarr-python 3.4
    key = data.draw(block_keys(grid))
    starts = [(item.start if isinstance(item, slice) else item % n) for item, n in zip(key, grid, strict=True)]
    stops = [(item.stop if isinstance(item, slice) else item % n + 1) for item, n in zip(key, grid, strict=True)]
    check(ours.blocks[key], values[tuple(slice(a * c, b * c) for a, b, c in zip(starts, stops, size, strict=True))])
    if all(a < b for a, b in zip(starts, stops, strict=True)):  # where zarr-python fails
        check(ours.blocks[key], theirs.blocks[key])
    if strategy is not None:
        theirs_key, numpy_key = data.draw(strategy(chunk_sizes=theirs.write_chunk_sizes))
        check(ours.blocks[theirs_key], values[numpy_key])
