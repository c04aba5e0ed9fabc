"""Object stores in forked processes: the child's requests are answered, whatever the parent's threads were doing."""

import os
import threading
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import StoreError
from simplezarr.runtime import executor
from simplezarr.stores import ObjectStore
from simplezarr.stores.object import fork
from tests.runtime.test_fork import in_child
from tests.support.s3_double import s3_double

obstore_stores = pytest.importorskip("obstore.store")

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the copy of the extension is in a memfd"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # which is what is tested
    pytest.mark.usefixtures("pool"),
]

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)


@pytest.fixture
def array():
    with s3_double() as server:
        store = ObjectStore.from_url("s3://bucket/a", **server.options())
        yield sz.create_array(store, "a", data=VALUES, chunks=(8, 8))


def child_reads(array):
    """A forked child reads with eight threads, by the store of the parent and by one of its own."""
    assert (array[...] == VALUES).all()
    mine = ObjectStore.from_url("s3://bucket/a", **array.store._made_of[1], unsigned_payload=True)
    assert (sz.open(mine, "a")[...] == VALUES).all()
    sz.save(mine, VALUES + os.getpid(), f"of-{os.getpid()}")
    assert (sz.load(mine, f"of-{os.getpid()}") == VALUES + os.getpid()).all()
    with pytest.raises(OSError, match="bucket/a"):
        executor.parallel_for(lambda i: ObjectStore.get(refused(mine), "key"), 4)
    return True


def refused(store):
    """A store of the same bucket at an address without a server; errors of the copy are understood as well."""
    options = {**store._made_of[1], "endpoint": "http://127.0.0.1:9", "retry_config": {"max_retries": 0}}
    return ObjectStore.from_url("s3://bucket/a", **options)


def test_ten_of_ten_children_read(array):
    """While four threads of the parent read."""
    assert (array[...] == VALUES).all()
    done = threading.Event()

    def read():
        while not done.is_set():
            assert (array[...] == VALUES).all()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            in_child(child_reads, array)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert (array[...] == VALUES).all()


def grandchild(array):
    array[0, 0]
    in_child(child_reads, array)
    return array[5, 5] == VALUES[5, 5]


def test_a_child_of_a_child(array):
    in_child(grandchild, array)


def test_a_store_that_was_not_used_before(array):
    store = ObjectStore.from_url("s3://bucket/a", **array.store._made_of[1], unsigned_payload=True)
    in_child(lambda: (sz.open(store, "a")[...] == VALUES).all())


def test_stores_of_obstore_in_memory_and_on_disk(tmp_path):
    memory, local = ObjectStore(obstore_stores.MemoryStore()), ObjectStore(obstore_stores.LocalStore(tmp_path))
    for store in (memory, local):
        store.set("key", b"1")
        store.get("key")

    def use():
        for store in (memory, local):
            store.set("other", store.get("key") + b"2")
        return [store.get("other") for store in (memory, local)] == [b"12", b"12"]

    in_child(use)
    assert memory.get("other") is None
    assert local.get("other") == b"12"


def test_where_there_is_no_copy_the_error_comes_at_once(array, monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    array[0, 0]

    def fails():
        began = time.monotonic()
        with pytest.raises(StoreError, match="spawn"):
            array.store.get("a/zarr.json")
        return time.monotonic() - began < 1

    in_child(fails)


def test_the_parent_keeps_its_extension():
    import obstore._obstore

    assert fork.here(obstore_stores.MemoryStore())[0] is obstore._obstore
