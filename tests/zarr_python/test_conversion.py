"""An array of one library becomes that of the other: at the same place, and with the same mode."""

import importlib

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import FsspecStore, LocalStore, ObjectStore
from simplezarr.zarr_python import from_zarr, to_zarr
from tests.zarr_python.conftest import zarr

DATA = np.arange(12, dtype="i2").reshape(3, 4)
PLACES = {
    "local": lambda path: zarr.storage.LocalStore(path),
    "memory": lambda path: zarr.storage.MemoryStore(),
    "wrapped": lambda path: zarr.storage.WrapperStore(zarr.storage.MemoryStore()),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_from_zarr(place, zarr_format, tmp_path):
    store = PLACES[place](tmp_path)
    z = zarr.create_array(store, name="a/b", data=DATA, chunks=(2, 2), zarr_format=zarr_format)
    a = from_zarr(z)
    assert (type(a), a.path, a.read_only) == (sz.Array, "a/b", False)
    a[1] = -1
    assert z[1].tolist() == [-1] * 4
    z[2] = -2
    assert a[2].tolist() == [-2] * 4
    again = to_zarr(a)
    assert (again.path, again.read_only) == ("a/b", False)
    again[0] = -3
    assert a[0].tolist() == z[0].tolist() == [-3] * 4


def test_the_mode_is_kept(tmp_path):
    z = zarr.create_array(zarr.storage.LocalStore(tmp_path), name="a", data=DATA)
    reading = from_zarr(zarr.open_array(z.store, path="a", mode="r"))
    assert reading.read_only
    assert to_zarr(reading).read_only
    assert not to_zarr(from_zarr(z)).read_only


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_to_zarr(kind, tmp_path):
    store = LocalStore(tmp_path) if kind == "local" else sz.MemoryStore()
    a = sz.create_array(store, "x", data=DATA, chunks=(2, 2), shards=(4, 4))
    z = to_zarr(a)
    assert isinstance(z, zarr.Array)
    assert np.array_equal(z[...], DATA)
    z[0, 1:3] = [70, 71]
    assert a[0].tolist() == [0, 70, 71, 3]
    z.resize((1, 4))
    a.refresh()
    assert a.shape == (1, 4)
    assert from_zarr(z)[0].tolist() == [0, 70, 71, 3]


def bucket():
    pytest.importorskip("obstore")
    return ObjectStore(importlib.import_module("obstore.store").MemoryStore(), prefix="p/q")


def file_system():
    pytest.importorskip("fsspec")
    return FsspecStore.from_url("memory://conversion")


@pytest.mark.parametrize("place", [bucket, file_system])
def test_an_array_elsewhere(place):
    a = sz.create_array(place(), "x", data=DATA, overwrite=True)
    z = to_zarr(a)
    assert np.array_equal(z[...], DATA)
    z[0] = 5
    assert a[0].tolist() == from_zarr(z)[0].tolist() == [5] * 4


def test_others_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"z: dict is not a zarr\.Array"):
        from_zarr({})
    with pytest.raises(TypeError, match=r"a: ndarray is not a simplezarr\.Array"):
        to_zarr(DATA)
    a = sz.create_array(sz.WrapperStore(sz.MemoryStore()), data=DATA)
    with pytest.raises(sz.UnsupportedError, match="no store like"):
        to_zarr(a)
