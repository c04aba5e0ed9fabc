"""Lazy data of variables: selections and transpositions in any order, compared with those of values in memory."""

import asyncio
import copy
import pickle

import numpy as np
import pytest

import simplezarr as sz
from tests.support.helpers import Counting

xr = pytest.importorskip("xarray")
from simplezarr.xarray import variable  # noqa: E402  # needs xarray

DIMS = ("t", "z", "y", "x")
SHAPE = (7, 5, 6, 4)


@pytest.fixture(scope="module")
def values():
    return np.arange(np.prod(SHAPE), dtype="i4").reshape(SHAPE)


@pytest.fixture(scope="module")
def store(values):
    sz.create_array(data := {}, data=values, chunks=(3, 2, 4, 4), dimension_names=DIMS)
    return Counting(data)


def random_indexers(rng, sizes):
    """Return indexers of one kind for some dimensions: basic, outer, or of points."""
    kind, indexers = rng.choice(["basic", "outer", "points"]), {}
    for dim, size in sizes.items():
        if rng.random() < 0.4 or not size:
            continue
        if kind == "points":
            indexers[dim] = ("points", rng.integers(-size, size, 3))
        elif kind == "outer" and rng.random() < 0.7:
            indexers[dim] = rng.integers(-size, size, rng.integers(1, 5))
        elif rng.random() < 0.3:
            indexers[dim] = int(rng.integers(-size, size))
        else:
            start, stop = rng.integers(-size - 1, size + 2, 2).tolist()
            indexers[dim] = slice(start, stop, int(rng.choice([1, 2, -1, -3])))
    return {} if "points" in sizes and kind == "points" else indexers


@pytest.mark.parametrize("seed", range(120))
def test_chains_of_selections(seed, values, store):
    rng = np.random.default_rng(seed)
    lazy, expected = variable(sz.open_array(store)), xr.Variable(DIMS, values)
    store.take()
    for _ in range(rng.integers(1, 5)):
        if rng.random() < 0.3:
            order = rng.permutation(expected.dims).tolist()
            lazy, expected = lazy.transpose(*order), expected.transpose(*order)
        else:
            indexers = random_indexers(rng, expected.sizes)
            indexers = {dim: xr.Variable(*item) if isinstance(item, tuple) else item for dim, item in indexers.items()}
            lazy, expected = lazy.isel(indexers), expected.isel(indexers)
        assert lazy.sizes == expected.sizes
    assert not store.take(), "selecting reads nothing"
    xr.testing.assert_identical(lazy.copy().load().drop_encoding(), expected)
    keys = [call[1] for call in store.take()]
    assert len(keys) == len({*keys}), "each chunk is read once"


def test_a_transposed_part_reads_its_chunks_alone(store, values):
    part = variable(sz.open_array(store)).transpose("x", "t", "y", "z")[:, 6, 4:, ::-1]
    store.take()
    np.testing.assert_array_equal(part.values, values.transpose(3, 0, 2, 1)[:, 6, 4:, ::-1])
    assert {call[1] for call in store.take()} == {f"c/2/{z}/1/0" for z in range(3)}


def test_awaited(store, values):
    part = variable(sz.open_array(store))[2:5, :, [0, 3]]
    loaded = asyncio.run(part.load_async())
    np.testing.assert_array_equal(loaded.values, values[2:5, :, [0, 3]])


@pytest.mark.parametrize("again", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_copies_stay_lazy(again, tmp_path, values):
    a = sz.create_array(tmp_path, data=values, dimension_names=DIMS)
    part = again(variable(a)[:, 1:3, ::2])
    assert not part._in_memory
    a[...] = 7
    assert (part.values == 7).all()
    assert part.shape == (7, 2, 3, 4)


def test_a_deep_copy_of_memory_is_the_same_place():
    a = sz.create_array({}, data=[1, 2], dimension_names=["x"])
    taken = copy.deepcopy(variable(a))
    a[0] = 9
    assert taken.values.tolist() == [9, 2]


def test_a_text_alone():
    a = sz.create_array({}, data=np.array(["a", "bcd"], np.dtypes.StringDType()), dimension_names=["x"])
    item = variable(a)[1].load()
    assert item.dtype == np.dtypes.StringDType()
    assert item.item() == "bcd"


def test_names_of_dimensions():
    assert variable(sz.create_array({}, shape=(2, 3), dtype="u1")).dims == ("dim_0", "dim_1")
    assert variable(sz.create_array({}, shape=(2, 3), dtype="u1", dimension_names=[None, "x"])).dims == ("dim_0", "x")


def test_dask(values):
    """Names of tasks are those of the selection."""
    dask_array = pytest.importorskip("dask.array")
    lazy = variable(sz.create_array({}, data=values, chunks=(3, 2, 4, 4), dimension_names=DIMS))
    chunked, other = lazy.chunk({"t": 2}), lazy[1:].chunk({"t": 2})
    assert isinstance(chunked.data, dask_array.Array)
    assert chunked.data.name != other.data.name
    np.testing.assert_array_equal(chunked.transpose().values, values.T)
    np.testing.assert_array_equal(other.values, values[1:])
