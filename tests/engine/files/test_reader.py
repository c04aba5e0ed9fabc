"""Readers pin a version of a value: what they promise, and what they ask of a store."""

import os
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore, SlowStore, WrapperStore
from tests.engine.chunks.test_one_version import WAYS, Plain, Wrapped, versions
from tests.support.helpers import Counting

pytestmark = pytest.mark.usefixtures("pool")

# ---------------------------------------------------------------- requests


class ByRanges(Counting):
    """Takes all ranges of one request from one version."""

    def get_ranges(self, key, ranges):
        self.calls.append(("get_ranges", key, [*ranges]))
        return MemoryStore(self.data).get_ranges(key, ranges)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "all"])
@pytest.mark.parametrize("kind", [Counting, ByRanges])
@pytest.mark.parametrize("dtype", ["u4", "text"])
def test_parts_of_a_shard_cost_two_requests(way, kind, dtype):
    document, shards = versions(dtype)
    store = kind({"zarr.json": document, "c/0/0": shards[0]})
    arr = sz.open_array(store)
    store.take()
    WAYS[way](arr)
    calls = [call[0] for call in store.take()]
    if way == "many" and dtype == "text":  # one selection after the other
        assert len(calls) == 4
        calls = calls[:2]
    assert calls in ([["get_ranges"] * 2] if kind is ByRanges else [["get_range"] * 2]) + [["get"]]


def test_a_store_with_get_alone_is_asked_once():
    document, shards = versions()
    store = Plain(document, shards[0])
    sz.open_array(store)[3]
    assert store.n == 1


def test_ranges_that_are_asked_for():
    document, shards = versions(codecs=["bytes"])
    store = ByRanges({"zarr.json": document, "c/0/0": shards[0]})
    arr, index = sz.open_array(store), (-1028, 1028)
    store.take()
    arr[20:22, 30]  # the index again: if it is the same, all are of one version
    parts = [(256 * (8 * 2 + 3), 256)]
    assert store.take() == [("get_ranges", "c/0/0", [index]), ("get_ranges", "c/0/0", [*parts, index])]
    store.immutable = True
    arr = sz.open_array(store)
    store.take()
    for calls in ([("get_ranges", "c/0/0", [index]), ("get_ranges", "c/0/0", parts)], [("get_ranges", "c/0/0", parts)]):
        arr[20:22, 30]
        assert store.take() == calls


def test_a_large_index_is_not_read_twice():
    store = MemoryStore()
    sz.create_array(store, data=np.arange(1 << 16, dtype="u1"), shards=1 << 16, chunks=1, codecs=["bytes"])
    counting = ByRanges(store.values)
    arr = sz.open_array(counting)
    counting.take()
    assert arr[77] == 77
    first, second = counting.take()
    assert first[2] == [(-16 * (1 << 16) - 4, 16 * (1 << 16) + 4)]
    assert second[2] == [(76, 1), (-(64 << 10), 64 << 10)]


def test_ranges_far_apart_by_get_range():
    """One range that holds all of them would cost more than one for each, and one for the index."""
    store = MemoryStore()
    values = np.random.default_rng(0).integers(256, size=4 << 20, dtype="u1")
    sz.create_array(store, data=values, shards=4 << 20, chunks=1 << 16, codecs=["bytes"])
    counting = Counting(store.values)
    arr = sz.open_array(counting)
    counting.take()
    assert arr[0] == values[0]
    assert [call[2:] for call in counting.take()] == [(-1028, 1028), (0, 1 << 16), (-1028, 1028)]
    assert arr[[0, (4 << 20) - 1]].tolist() == values[[0, -1]].tolist()
    first, last = (0, 1 << 16), ((4 << 20) - (1 << 16), 1 << 16)
    assert [call[2:] for call in counting.take()] == [(-1028, 1028), first, last, first, (-1028, 1028)]


# ---------------------------------------------------------------- readers


@pytest.fixture(params=["memory", "local", "wrapped memory", "wrapped local", "slow", "no links"])
def store(request, tmp_path):
    return {
        "memory": MemoryStore,
        "local": lambda: LocalStore(tmp_path),
        "wrapped memory": lambda: Wrapped(MemoryStore()),
        "wrapped local": lambda: Wrapped(LocalStore(tmp_path)),
        "slow": lambda: SlowStore(MemoryStore(), 0.0001),
        "no links": lambda: LocalStore(tmp_path, follow_symlinks=False),
    }[request.param]()


def test_a_reader_keeps_to_its_version(store):
    store.set("a/b", b"12345")
    with store.reader("a/b") as reader, store.reader("a/missing") as missing:
        assert reader.get_range(1, 2) == b"23"
        assert missing.get_range(0, 1) is None
        store.set("a/b", b"abcdefg")
        store.set("a/missing", b"x")
        assert reader.get_ranges([(-2, 2), (0, 9)]) == [b"45", b"12345"]
        assert (reader.size(), reader.get_ranges([])) == (5, [])
        store.delete("a/b")
        assert reader.get_range(0, 1) == b"1"
        assert (missing.get_ranges([(0, 1)]), missing.size(), missing.validator) == (None, None, None)


def test_validators(store):
    for value in (b"first", b"other", b"first"):
        store.set("a", value)
    time.sleep(0.12)  # the identity of a fresh file tells nothing
    with store.reader("a") as one, store.reader("a") as two:
        assert one.get_range(0, 9) == two.get_range(0, 9)
        assert one.validator == two.validator is not None
        assert hash(one.validator) == hash(two.validator)
        store.set("a", bytes(bytearray(b"first")))
        with store.reader("a") as three:
            three.get_range(0, 1)
            assert three.validator != one.validator


def test_methods_that_are_overridden_are_what_a_reader_asks():
    class Loud(WrapperStore):
        def get_ranges(self, key, ranges):
            parts = super().get_ranges(key, ranges)
            return parts and [part.upper() for part in parts]

    class Late(SlowStore):
        def get_ranges(self, key, ranges):
            parts = super().get_ranges(key, ranges)
            return parts and [part.upper() for part in parts]

    for store, wanted in ((Loud(MemoryStore()), b"AB"), (Late(MemoryStore()), b"AB")):
        store.set("x", b"aBc")
        with store.reader("x") as reader:
            assert reader.get_ranges([(0, 2)]) == [wanted]


def test_files_of_readers_are_closed(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a", b"1")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with store.reader("a") as reader:
            reader.get_range(0, 1)
            assert len(os.listdir("/proc/self/fd")) == before + 1
        forgotten = store.reader("a")
        forgotten.get_range(0, 1)
        del forgotten
    assert len(os.listdir("/proc/self/fd")) == before


def test_ranges_far_apart_of_a_store_without_versions():
    """Constants without a compressor: every version has the same index."""

    class Changing(Counting):
        at, n = 0, 0

        def get_range(self, key, start, length):
            self.n += 1
            if self.n == self.at:
                self.data["c/0"] = bytes([2]) * (4 << 20) + self.data["c/0"][4 << 20 :]
            return super().get_range(key, start, length)

    store = MemoryStore()
    sz.create_array(store, data=np.ones(4 << 20, "u1"), shards=4 << 20, chunks=1 << 16, codecs=["bytes"])
    for at in range(1, 7):
        changing = Changing(dict(store.values))
        changing.at = at
        places = np.array([0, 2 << 20, (4 << 20) - 1])
        assert sz.open_array(changing)[places].tolist() in ([1, 1, 1], [2, 2, 2])
        changing = Changing(dict(store.values))
        changing.at = at
        parts = changing.get_ranges("c/0", [(place, 1) for place in places.tolist()])
        assert [*parts] in ([b"\1"] * 3, [b"\2"] * 3)
