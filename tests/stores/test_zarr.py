"""Stores of zarr-python are stores: its own, and an application's."""

import contextlib
import os
import pickle

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore
from simplezarr.stores.resolve import as_store
from simplezarr.stores.zarr import ZarrStore
from simplezarr.testing import check_store

zarr = pytest.importorskip("zarr", minversion="3")
from zarr.storage import LocalStore as ZarrLocal  # noqa: E402
from zarr.storage import MemoryStore as ZarrMemory  # noqa: E402
from zarr.storage import WrapperStore as ZarrWrapper  # noqa: E402
from zarr.storage import ZipStore as ZarrZip  # noqa: E402

DATA = np.arange(64 * 48, dtype="i4").reshape(64, 48)


def test_conforms(tmp_path):
    check_store(ZarrStore(ZarrMemory()))
    check_store(ZarrStore(ZarrWrapper(ZarrMemory())))


@pytest.mark.parametrize("shards", [None, (32, 48)])
def test_both_libraries_read_what_the_other_wrote(shards):
    inner = ZarrMemory()
    theirs = zarr.create_array(inner, name="theirs", shape=DATA.shape, chunks=(16, 16), shards=shards, dtype="i4")
    theirs[...] = DATA
    ours = sz.create_array(inner, "ours", data=DATA, chunks=(16, 16), shards=shards)
    assert (sz.open(inner)["theirs"][3:40, ::5] == DATA[3:40, ::5]).all()
    assert (zarr.open_array(inner, path="ours", mode="r")[...] == DATA).all()
    ours[5:9, 7] = -1
    assert (zarr.open_array(inner, path="ours", mode="r")[5:9, 7] == -1).all()
    assert sorted(sz.open(inner)) == ["ours", "theirs"]


def test_those_whose_place_is_known_are_replaced(tmp_path):
    zarr.create_array(ZarrLocal(tmp_path), name="x", data=DATA)
    store = as_store(ZarrLocal(tmp_path))
    assert store == LocalStore(tmp_path)
    assert not store.read_only
    assert as_store(ZarrLocal(tmp_path, read_only=True)).read_only
    assert (sz.open(ZarrLocal(tmp_path))["x"][...] == DATA).all()

    class Own(ZarrLocal):
        async def get(self, key, prototype, byte_range=None):
            if key.startswith("y/"):
                key = "x" + key[1:]
            return await super().get(key, prototype, byte_range)

    assert isinstance(as_store(Own(tmp_path)), ZarrStore)
    assert (sz.open(Own(tmp_path), "y")[...] == DATA).all()


def test_archives_of_zarr_python(tmp_path):
    with ZarrZip(tmp_path / "a.zip", mode="w") as archive:
        zarr.create_array(archive, name="x", data=DATA, chunks=(16, 16))
    assert (sz.open(ZarrZip(tmp_path / "a.zip", mode="r"))["x"][...] == DATA).all()


def test_errors_are_not_missing_keys():
    class Failing(ZarrMemory):
        async def get(self, key, prototype, byte_range=None):
            if "/c/" in key:
                raise ConnectionError(f"no answer for {key}")
            return await super().get(key, prototype, byte_range)

    inner = Failing()
    sz.create_array(inner, "x", data=DATA)
    with pytest.raises(ConnectionError, match="no answer for x/c/0/0"):
        sz.open(inner, "x")[...]
    with pytest.raises(ConnectionError):
        ZarrStore(inner).get_range("x/c/0/0", 0, 4)


def test_read_only_and_unlistable_stores():
    inner = ZarrMemory()
    sz.create_array(inner, "x", data=DATA)
    with pytest.raises(sz.ReadOnlyError):
        sz.open(inner.with_read_only(True), "x", mode="r+")[0, 0] = 1

    class Blind(ZarrMemory):
        supports_listing = False

    with pytest.raises(sz.UnsupportedError, match="list"):
        list(ZarrStore(Blind()).list())


def test_pickles_and_refuses_other_objects(tmp_path):
    store = ZarrStore(ZarrLocal(tmp_path))
    again = pickle.loads(pickle.dumps(store))
    assert again == store
    assert repr(again) == repr(store)
    with pytest.raises(TypeError, match=r"zarr\.abc\.store\.Store"):
        ZarrStore(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_reads():
    inner = ZarrMemory()
    array = sz.create_array(inner, "x", data=DATA)
    assert (array[...] == DATA).all()
    child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            status = int(not (sz.open(inner, "x")[...] == DATA).all())
        os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_a_session_of_icechunk():
    icechunk = pytest.importorskip("icechunk")
    repository = icechunk.Repository.create(icechunk.in_memory_storage())
    session = repository.writable_session("main")
    group = sz.create_group(session.store)
    array = group.create_array("x", data=DATA, chunks=(16, 16), shards=(32, 48))
    array[3, 4:9] = -1
    group.attrs["title"] = "one"
    session.commit("first")
    expected = DATA.copy()
    expected[3, 4:9] = -1
    for opened in (repository.readonly_session("main"), repository.readonly_session("main").store):
        root = sz.open(opened)
        assert dict(root.attrs) == {"title": "one"}
        assert (root["x"][...] == expected).all()
        assert root["x"][3, 5] == -1
        assert sorted(root) == ["x"]
    theirs = zarr.open_array(repository.readonly_session("main").store, path="x", mode="r")
    assert (theirs[...] == expected).all()
    with pytest.raises(sz.ReadOnlyError):
        sz.open(repository.readonly_session("main"), mode="r+")["x"][0, 0] = 1
