"""Stores of other libraries, as they are given to `open`."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores.resolve import as_store

zarr = pytest.importorskip("zarr", minversion="3")
storage = pytest.importorskip("zarr.storage")

VALUES = np.arange(60, dtype="i4").reshape(6, 10)


def fill(store):
    """Write a hierarchy by zarr-python itself."""
    group = zarr.create_group(store)
    group.create_array("x", shape=VALUES.shape, dtype="i4", chunks=(2, 5))[...] = VALUES


def object_store():
    obstore = pytest.importorskip("obstore.store")
    return storage.ObjectStore(obstore.MemoryStore())


STORES = {
    "local": lambda path: storage.LocalStore(path / "data.zarr"),
    "memory": lambda path: storage.MemoryStore(),
    "object": lambda path: object_store(),
}


@pytest.mark.parametrize("kind", STORES)
def test_stores_of_zarr_python_are_shared_with_it(kind, tmp_path):
    theirs = STORES[kind](tmp_path)
    fill(theirs)
    group = sz.open_group(theirs, mode="r+")
    np.testing.assert_array_equal(group["x"][...], VALUES)
    group["x"][1:3, 4] = 7
    group.create_array("y", data=[1, 2])
    np.testing.assert_array_equal(zarr.open_group(theirs, mode="r")["x"][1:3, 4], [7, 7])
    assert zarr.open_group(theirs, mode="r")["y"][:].tolist() == [1, 2]
    del group["x"]
    assert sorted(zarr.open_group(theirs, mode="r").keys()) == ["y"]
    assert (as_store(theirs).local_root is not None) == (kind == "local")


def test_archives_of_zarr_python(tmp_path):
    theirs = storage.ZipStore(tmp_path / "a.zip", mode="w")
    fill(theirs)
    theirs.close()
    np.testing.assert_array_equal(sz.open(storage.ZipStore(tmp_path / "a.zip", mode="r"))["x"][...], VALUES)


@pytest.mark.parametrize("kind", STORES)
def test_read_only_stores_stay_so(kind, tmp_path):
    theirs = STORES[kind](tmp_path)
    fill(theirs)
    group = sz.open_group(theirs.with_read_only(True), mode="r+")
    np.testing.assert_array_equal(group["x"][...], VALUES)
    with pytest.raises(sz.ReadOnlyError):
        group["x"][0, 0] = 1
    with pytest.raises(sz.ReadOnlyError):
        group.create_group("z")


def test_threads_lose_no_update_through_two_stores_over_one_mapping():
    """Also if each call makes its own view of the mapping of zarr-python."""
    theirs = storage.MemoryStore()
    sz.create_array(theirs, shape=64, dtype="i4", chunks=64)

    def change(i):
        sz.open(theirs, mode="r+")[i] = i + 1

    with ThreadPoolExecutor(8) as pool:
        [*pool.map(change, range(64))]
    assert sz.load(theirs).tolist() == [*range(1, 65)]
