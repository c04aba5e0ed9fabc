"""Stores that have to be waited for: how many requests at a time, how many at all, and what stays bounded meanwhile."""

import os
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from simplezarr.runtime.sync import Semaphore
from simplezarr.utils import check
from tests.runtime.test_fork import in_child
from tests.support.helpers import Crowded, python, within

pytestmark = pytest.mark.usefixtures("pool")

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)
TEXT = np.array([f"number {i}" for i in range(64)], np.dtypes.StringDType())


@pytest.fixture
def tree():
    """64 chunks, 64 shards of 16 inner chunks, 64 texts, and 40 small arrays."""
    store = sz.MemoryStore()
    sz.create_array(store, "chunks", data=VALUES, chunks=(8, 8), fill_value=9999)
    sz.create_array(store, "shards", data=VALUES, chunks=(2, 2), shards=(8, 8), fill_value=9999)
    sz.create_array(store, "text", data=TEXT, chunks=1)
    sz.create_array(store, "lines", data=VALUES, chunks=(1, -1), fill_value=9999)
    for i in range(40):
        sz.create_array(store, f"many/{i:02}", shape=1, dtype="u1")
    return store


ALL = (...,)
POINTS = (np.arange(64), np.arange(64)[::-1] * 5 % 64)


def futures(function, indexes, *args):
    return [future.result(30) for future in [function(index, *args) for index in indexes]]


#: What is done, the node it is done to, and the method of the store by which most is asked.
WIDE = {
    "read": ("chunks", "get", lambda a: a[...]),
    "points": ("chunks", "get", lambda a: a.vindex[np.indices((64, 64)).reshape(2, -1)[0], np.tile(np.arange(64), 64)]),
    "read many": ("chunks", "get", lambda a: a.read_many([sz.s_[i] for i in range(64)])),
    "chunk futures": ("chunks", "get", lambda a: futures(a.get_chunk_future, np.ndindex(8, 8))),
    "lazy future": ("chunks", "get", lambda a: a.lazy[...].read_future().result(30)),
    "read future": ("chunks", "get", lambda a: a.read_future(...).result(30)),
    "whole shards": ("shards", "get", lambda a: a[...]),
    "parts of shards": ("shards", "get_ranges", lambda a: a[::8]),
    "points of shards": ("shards", "get_ranges", lambda a: a.oindex[::8, [*range(0, 64, 8)]]),
    "text": ("text", "get", lambda a: a[...]),
    "write": ("chunks", "set", lambda a: a.write(..., 1)),
    "update": ("chunks", "get", lambda a: a.write(sz.s_[::2], 1)),
    "update shards": ("shards", "set", lambda a: a.write(sz.s_[::2], 1)),
    "write points": ("chunks", "set", lambda a: a.vindex.__setitem__(tuple(np.indices((64, 64))), 1)),
    "write futures": ("chunks", "set", lambda a: futures(a.set_chunk_future, np.ndindex(8, 8), VALUES[:8, :8])),
    "write text": ("text", "set", lambda a: a.write(..., "new")),
    "delete by writing": ("chunks", "delete", lambda a: a.write(..., 9999)),
    "append": ("lines", "set", lambda a: a.append(VALUES)),
    "shrink": ("lines", "delete", lambda a: a.resize((1, 64))),
    "count chunks": ("shards", "get_range", lambda a: a.nchunks_stored),
    "count bytes": ("chunks", "size", lambda a: a.nbytes_stored),
    "items": ("many", "get", lambda g: list(g.items())),
    "arrays": ("many", "get", lambda g: list(g.arrays())),
    "keys": ("many", "exists", lambda g: g.keys()),
    "tree": ("many", "get", lambda g: str(g.tree())),
    "consolidate": ("many", "get", lambda g: g.consolidate_metadata()),
    "check": ("chunks", "size", lambda a: check(a.store, "chunks")),
}


@pytest.mark.parametrize("concurrency", [32, 3])
@pytest.mark.parametrize("what", WIDE)
def test_requests_at_a_time(tree, what, concurrency):
    path, method, do = WIDE[what]
    store = Crowded(tree, concurrency)
    node = sz.open(store, path, mode="r+")
    store.expect(method, concurrency, 2 if what == "consolidate" else 0)  # the group's own document, twice
    within(60, do, node)
    assert store.most == concurrency


@pytest.mark.parametrize("what", WIDE)
def test_one_thread_means_one_request(tree, what):
    executor.set_num_threads(1)
    path, method, do = WIDE[what]
    store = Crowded(tree)
    node = sz.open(store, path, mode="r+")
    store.expect(method, 1)
    do(node)
    assert store.most == 1


@pytest.mark.parametrize("what", ["read", "update", "parts of shards", "items"])
@pytest.mark.parametrize("concurrency", [None, 32])
def test_near_stores_are_asked_by_the_threads_that_compute(tree, what, concurrency):
    class Near(Crowded):
        in_memory = concurrency is not None

    path, method, do = WIDE[what]
    store = Near(tree, concurrency)
    node = sz.open(store, path, mode="r+")
    store.expect(method if path != "shards" or concurrency is None else "get", 1)  # in memory there are no ranges
    do(node)
    assert 1 <= store.most <= 4


def test_answers_are_right(tree):
    store = Crowded(tree)
    group = sz.open(store, mode="r+")
    assert np.array_equal(group["chunks"][...], VALUES)
    assert np.array_equal(group["shards"][::8, 3:60:5], VALUES[::8, 3:60:5])
    group["shards"][1:-1, 1:-1] = VALUES[1:-1, 1:-1] + 1
    expected = VALUES.copy()
    expected[1:-1, 1:-1] += 1
    assert np.array_equal(group["shards"][...], expected)
    assert np.array_equal(sz.open(tree, "shards")[...], expected)
    assert [name for name, _ in group["many"].items()] == [f"{i:02}" for i in range(40)]
    assert group["text"][...].tolist() == TEXT.tolist()


def test_waiting_side_by_side():
    """64 requests of 20 ms, 32 at a time: 40 ms and little more."""
    inner = sz.MemoryStore()
    sz.create_array(inner, data=VALUES, chunks=(8, 8))
    array = sz.open(sz.SlowStore(inner, latency=0.02))
    times = []
    for _ in range(4):
        start = time.perf_counter()
        assert np.array_equal(array[...], VALUES)
        times.append(time.perf_counter() - start)
    assert min(times) < 4 * 0.04


# ---------------------------------------------------------------- how many requests

DATA = {"shape": 4, "dtype": "u1", "chunks": 2}
#: The group above, for the format, with the claim, and afterwards; no document, no chunk; still no document.
NEW = {"get": 2, "exists": 5, "list_dir": 1, "set": 1}
OVERWRITTEN = {"get": 4, "exists": 5, "list_dir": 1, "list": 1, "delete": 1, "delete_prefix": 1, "set": 1}
DELETED = {"get": 5, "exists": 1, "list": 1, "delete": 1, "delete_prefix": 1}
COUNTS = {
    "open an array": (lambda s: sz.open(s, "chunks"), {"get": 1}),
    "open a group": (lambda s: sz.open(s), {"get": 1}),
    "child": (lambda s: sz.open(s)["chunks"], {"get": 2}),
    "is there": (lambda s: "chunks" in sz.open(s), {"get": 1, "exists": 1}),
    "list 40": (lambda s: sz.open(s, "many").keys(), {"get": 1, "list_dir": 1, "exists": 40}),
    "open 40": (lambda s: list(sz.open(s, "many").items()), {"get": 41, "list_dir": 1}),
    "all chunks": (lambda s: sz.open(s, "chunks")[...], {"get": 65}),
    "one chunk": (lambda s: sz.open(s, "chunks").get_chunk((1, 2)), {"get": 2}),
    "points in 8 chunks": (lambda s: sz.open(s, "chunks")[POINTS[0][::8], POINTS[0][::8]], {"get": 9}),
    "all shards": (lambda s: sz.open(s, "shards")[...], {"get": 65}),
    "one inner chunk": (lambda s: sz.open(s, "shards").get_chunk((1, 2)), {"get": 1, "get_ranges": 2}),
    "some inner chunks": (lambda s: sz.open(s, "shards")[2, :8], {"get": 1, "get_ranges": 2}),
    "a plane of 8 shards": (lambda s: sz.open(s, "shards")[:, 2], {"get": 1, "get_ranges": 16}),
    "write chunks": (lambda s: sz.open(s, "chunks", mode="r+").write(..., 1), {"get": 1, "set": 64}),
    "update a chunk": (lambda s: sz.open(s, "chunks", mode="r+").write((1, 2), 1), {"get": 2, "set": 1}),
    "update a shard": (lambda s: sz.open(s, "shards", mode="r+").write((1, 2), 1), {"get": 2, "set": 1}),
    "create": (lambda s: sz.create_array(s, "new", **DATA), NEW),
    "create in a group": (
        lambda s: sz.open(s, "many", mode="r+").create_array("new", **DATA),
        NEW | {"get": 5, "exists": 4},
    ),
    "attributes": (lambda s: sz.open(s, "many/00", mode="r+").attrs.update(a=1), {"get": 6, "exists": 1, "set": 1}),
    "overwrite": (lambda s: sz.create_array(s, "many/00", overwrite=True, **DATA), OVERWRITTEN),
    "delete": (lambda s: sz.open(s, mode="r+").__delitem__("many/00"), DELETED),
    "count chunks": (lambda s: sz.open(s, "chunks").nchunks_stored, {"get": 1, "list": 1}),
}


@pytest.mark.parametrize("what", COUNTS)
def test_number_of_requests(tree, what):
    do, expected = COUNTS[what]
    store = Crowded(tree)
    do(store)
    assert store.take() == expected


# ---------------------------------------------------------------- what stays as it is


@sz.register_codec
@dataclass(frozen=True)
class Watched(sz.codecs.BytesBytesCodec):
    """Notes how many threads are at it."""

    name: ClassVar[str] = "tests.watched"
    now: ClassVar[list] = []
    most: ClassVar[list] = [0]

    def encode(self, data):
        self.now.append(1)
        self.most[0] = max(self.most[0], len(self.now))
        time.sleep(0.0005)
        self.now.pop()
        return data

    decode = encode


def test_few_compute_while_many_wait():
    store = Crowded(sz.MemoryStore())
    array = sz.create_array(store, data=VALUES, chunks=(4, 4), codecs=["tests.watched"])
    Watched.most[0] = 0
    store.expect("get", 32)
    assert np.array_equal(array[...], VALUES)
    store.expect("set", 32)
    array[...] = VALUES
    store.expect("get", 32)
    array[1:-1, 1:-1] = 5
    assert 1 <= Watched.most[0] <= 4


@pytest.mark.parametrize(("side", "waits"), [(64, 0), (128, 2)], ids=["8 KiB", "32 KiB"])
def test_brief_chunks_do_not_queue_for_a_processor(side, waits, monkeypatch):
    """A thread decodes or encodes such a chunk at once. It would wait longer for its turn."""
    entries = []

    class Noted:
        def __init__(self, value):
            self.semaphore = Semaphore(value)

        def __enter__(self):
            entries.append(1)
            self.semaphore.__enter__()

        def __exit__(self, *error):
            self.semaphore.__exit__(*error)

    values = np.arange(16 * side * side, dtype="u2").reshape(16, side, side)
    array = sz.create_array(Crowded(sz.MemoryStore()), shape=values.shape, dtype="u2", chunks=(1, side, side))
    monkeypatch.setattr(executor, "Semaphore", Noted)
    array[...] = values
    assert np.array_equal(array[...], values)
    assert len(entries) == 16 * waits


def test_first_error_stops_the_rest(tree):
    class Broken(Crowded):
        failed = False

        def get(self, key):
            if self.failed:
                time.sleep(0.05)  # the thread that has got the error has the processor and the GIL, to tell the others
            value = super().get(key)
            if key == "lines/c/3/0":
                self.failed = True
                raise OSError("cable cut")
            return value

    sz.create_array(tree, "lines", data=np.zeros((1000, 4), "u1"), chunks=(1, 4), overwrite=True)
    store = Broken(tree)
    array = sz.open(store, "lines")
    for read in (lambda: array[...], lambda: array.read_future().result(30)):
        store.failed = False
        store.expect("get", 32)  # so the request that fails is under way with the others
        with pytest.raises(OSError, match="cable cut"):
            within(60, read)
        assert store.now == 0  # no request is left behind
        assert len(store.calls) < 500


@sz.register_codec
@dataclass(frozen=True)
class Nested(sz.codecs.BytesBytesCodec):
    """Reads another array while it decodes."""

    name: ClassVar[str] = "tests.nested"
    other: ClassVar[list] = []

    def encode(self, data):
        return data

    def decode(self, data):
        if self.other:
            assert np.array_equal(self.other[0][:, ::3], VALUES[:, ::3])
            assert self.other[0].read_future(sz.s_[0]).result(30)[3] == 3
        return data


def test_no_deadlock_when_reads_are_nested(tree):
    inner = sz.create_array(tree, "outer", data=VALUES, chunks=(8, 8), codecs=["tests.nested"])
    store = Crowded(tree)
    outer = sz.open(store, inner.path)
    Nested.other[:] = [sz.open(store, "chunks")]
    try:
        users = [threading.Thread(target=lambda: results.append(outer[...])) for _ in range(3)]
        results = [within(60, outer.read)]
        for user in users:
            user.start()
        for user in users:
            user.join(60)
    finally:
        Nested.other.clear()
    assert len(results) == 4
    assert all(np.array_equal(result, VALUES) for result in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork(tree):
    store = Crowded(tree)
    array = sz.open(store, "chunks")

    def reads():
        store.guard = threading.Lock()
        store.expect("get", 32)
        return np.array_equal(array[...], VALUES) and store.most == 32

    assert reads()
    in_child(reads)
    assert reads()


def test_threads_are_started_as_needed(tree):
    code = """
import threading, numpy as np, simplezarr as sz
store = sz.MemoryStore()
array = sz.create_array(store, data=np.arange(40), chunks=10)
array = sz.open(sz.SlowStore(store))
print(threading.active_count())
assert array[...].sum() == 780
print(threading.active_count() <= 4)
"""
    assert python(code, seconds=60, directory=None).split() == ["1", "True"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no way to leave one processor")
@pytest.mark.parametrize(("told", "most"), [("", 32), ("1", 1)])
def test_one_processor(told, most, tmp_path):
    """A single processor can wait for many requests; only who says 1 means one at a time."""
    code = f"""
import os, numpy as np
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
os.environ["SIMPLEZARR_NUM_THREADS"] = "{told}"
import simplezarr as sz
from tests.support.helpers import Crowded
store = Crowded(sz.MemoryStore())
array = sz.create_array(store, data=np.arange(100), chunks=1)
store.expect("get", {most})
assert array[...].sum() == 4950
print(sz.get_num_threads(), store.most)
"""
    assert python(code, seconds=60, directory=tmp_path).split() == ["1", str(most)]


@pytest.mark.parametrize("concurrency", [0, -1, 2.5, True, "32"])
def test_concurrency_is_checked(tree, concurrency):
    array = sz.open(Crowded(tree, concurrency), "chunks")
    with pytest.raises(ValueError, match="concurrency"):
        array[...]
