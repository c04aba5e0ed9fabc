"""Tracing: the logger `simplezarr` reports the requests that a store gets, and chunks that cannot be decoded."""

import logging
import pickle
import sys
from collections import Counter

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import WrapperStore
from tests.support.helpers import python

LOGGER = logging.getLogger("simplezarr")


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        record.getMessage()
        self.records.append(record)

    def requests(self):
        return [record for record in self.records if record.event == "request"]


@pytest.fixture
def trace():
    handler = Records()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield handler
    LOGGER.setLevel(logging.NOTSET)
    LOGGER.removeHandler(handler)


class Counting(WrapperStore):
    """Notes the requests that it gets."""

    def __init__(self, store):
        super().__init__(store)
        self.seen = []

    def note(self, operation, key, ranges=None):
        self.seen.append((operation, key, ranges))
        return self.store

    def get(self, key):
        return self.note("get", key).get(key)

    def get_range(self, key, start, length):
        return self.note("get_range", key, ((start, length),)).get_range(key, start, length)

    def get_ranges(self, key, ranges):
        ranges = tuple(ranges)
        return self.note("get_ranges", key, ranges).get_ranges(key, ranges)

    def set(self, key, value):
        self.note("set", key).set(key, value)

    def create(self, key, value):
        return self.note("create", key).create(key, value)

    def delete(self, key):
        self.note("delete", key).delete(key)

    def delete_many(self, keys):
        self.note("delete_many", f"{len(keys)} keys").delete_many(keys)

    def delete_prefix(self, prefix):
        self.note("delete_prefix", prefix).delete_prefix(prefix)

    def exists(self, key):
        return self.note("exists", key).exists(key)

    def size(self, key):
        return self.note("size", key).size(key)

    def list(self, prefix=""):
        return self.note("list", prefix).list(prefix)

    def list_dir(self, prefix=""):
        return self.note("list_dir", prefix).list_dir(prefix)


VALUES = np.arange(64, dtype="int32").reshape(8, 8)
LAYOUTS = {
    "chunks": {"data": VALUES, "chunks": (4, 4)},
    "shards": {"data": VALUES, "chunks": (2, 2), "shards": (4, 8)},
    "rectilinear": {"data": VALUES, "chunks": [[3, 5], [4, 4]]},
    "text": {"data": np.array(["a", "bb", "ccc"] * 4, object), "chunks": 4},
}


def use(store, arguments):
    """Most that can be done with an array and its group."""
    group = sz.create_group(store)
    group.create_array("a/b", **arguments)
    array = sz.open_array(store, "a/b", mode="r+")
    array[...], array[1], array[[0, 5]], array.get_chunk((0,) * array.ndim), array.read_future(2).result(30)
    array.read_many([np.s_[1:3], np.s_[2:6]])
    array[1] = array[2]
    array[...] = array[...]
    array.attrs["title"] = "new"
    array.resize((7, *array.shape[1:]))
    list(group), repr(group.tree()), array.info, array.nchunks_stored
    group.consolidate_metadata()
    sz.create_array(store, "copy", data=array)
    del group["a"]


@pytest.mark.parametrize("latency", [0, 1e-5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_requests_reported_are_those_that_the_store_gets(trace, layout, latency):
    inner = sz.SlowStore(sz.MemoryStore(), latency) if latency else sz.MemoryStore()
    store = Counting(inner)
    use(store, LAYOUTS[layout])
    seen = Counter((record.operation, record.key, record.ranges) for record in trace.requests())
    assert seen == Counter(store.seen)
    assert {"get", "set", "create", "delete", "list"} <= {operation for operation, _, _ in seen}


@pytest.mark.parametrize("opened", ["before", "after"])
def test_local_files_are_reported_too(tmp_path, trace, opened):
    LOGGER.setLevel(logging.INFO)
    array = sz.create_array(tmp_path, data=VALUES, chunks=(4, 4), codecs=["bytes"])
    assert not trace.records
    LOGGER.setLevel(logging.DEBUG)
    if opened == "after":
        array = sz.open_array(tmp_path, mode="r+")
        assert [record.key for record in trace.requests()] == ["zarr.json"]
        trace.records.clear()
    keys = [f"c/{i}/{j}" for i in range(2) for j in range(2)]
    assert (array[...] == VALUES).all()
    assert sorted((record.key, record.nbytes) for record in trace.requests()) == [(key, 64) for key in keys]
    trace.records.clear()
    array[...] = VALUES + 1
    sets = [record for record in trace.requests() if record.operation == "set"]
    assert sorted((record.key, record.nbytes) for record in sets) == [(key, 64) for key in keys]
    trace.records.clear()
    LOGGER.setLevel(logging.INFO)
    assert (array[...] == VALUES + 1).all()
    assert not trace.records


def test_ranges_of_a_shard_are_reported(tmp_path, trace):
    array = sz.create_array(tmp_path, data=VALUES, chunks=(2, 2), shards=(8, 8), codecs=["bytes"])
    trace.records.clear()
    array[0, 0]
    index, inner = trace.requests()
    assert (index.key, index.ranges, index.nbytes) == ("c/0/0", ((-260, 260),), 260)
    assert (inner.key, inner.ranges, inner.nbytes) == ("c/0/0", ((0, 16),), 16)


def test_times_are_in_seconds(trace):
    store = sz.SlowStore(sz.MemoryStore(), latency=0.02)
    sz.create_array(store, data=[1, 2, 3])[...]
    assert all(0.02 <= record.seconds < 5 for record in trace.requests() if record.operation == "get")


def test_a_damaged_chunk_is_reported(trace):
    store = sz.MemoryStore()
    array = sz.create_array(store, "a", data=[1, 2, 3], chunks=1, codecs=["bytes", "crc32c"])
    store.set("a/c/1", bytes(12))
    for read in (lambda: array[...], lambda: array.get_chunk((1,)), lambda: array.read_many([np.s_[1:]])):
        trace.records.clear()
        with pytest.raises(sz.ChunkError) as caught:
            read()
        (failure,) = [record for record in trace.records if record.event == "codec failure"]
        assert (failure.key, failure.codec, failure.error) == ("a/c/1", "crc32c", caught.value)
        assert "a/c/1" in failure.getMessage()
        assert "crc32c" in failure.getMessage()


def test_what_a_store_raises_is_reported(trace):
    class Broken(WrapperStore):
        def get(self, key):
            raise OSError("cable cut")

    with pytest.raises(OSError, match="cable cut") as caught:
        sz.open(Broken(sz.MemoryStore()))
    assert [record.error for record in trace.requests()] == [caught.value]
    assert "cable cut" in trace.records[0].getMessage()


def test_the_store_is_that_of_the_application(tmp_path, trace):
    store = sz.LocalStore(tmp_path)
    group = sz.create_group(store)
    array = group.create_array("a", data=[1, 2])
    for node in (group, array, pickle.loads(pickle.dumps(array)), pickle.loads(pickle.dumps(group))):
        assert node.store == store
        assert repr(node.store) == repr(store)
        assert hash(node.store) == hash(store)
    LOGGER.setLevel(logging.INFO)
    assert group.store is store
    assert array.store is store
    assert type(pickle.loads(pickle.dumps(array)).store) is sz.LocalStore


def test_a_read_only_store_stays_so(trace):
    store = sz.MemoryStore()
    array = sz.create_array(store, data=[1, 2])
    store.read_only = True
    with pytest.raises(sz.ReadOnlyError):
        array[0] = 1


def test_off_it_costs_no_call_and_no_import(tmp_path):
    code = """
import sys, numpy as np, simplezarr as sz
a = sz.create_array({}, data=np.arange(8), chunks=4)

def calls():
    events = []
    sys.setprofile(lambda frame, event, _: events.append(event) if event == "call" else None)
    a[2]
    sys.setprofile(None)
    return len(events)

a[2]
before = calls()
print("logging" in sys.modules, "simplezarr.stores.tracing" in sys.modules)
import logging
logging.getLogger("simplezarr").addHandler(logging.NullHandler())
a[2]
print(calls() - before)
"""
    assert python(code, seconds=60, directory=tmp_path).split() == ["False", "False", "0"]


def test_what_is_imported_partly_is_no_logger(monkeypatch):
    monkeypatch.setitem(sys.modules, "logging", None)
    assert sz.create_array({}, data=[1, 2])[...].tolist() == [1, 2]
