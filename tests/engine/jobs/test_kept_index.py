"""The index of a shard is kept with its version, and used again only for that version."""

import os
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, SlowStore, WrapperStore
from tests.support.conditional import Bucket, BucketStore

SHAPE, CHUNKS = (32, 32), (4, 4)


def array(store, value=1, **settings):
    settings = {"shape": SHAPE, "chunks": CHUNKS, "shards": SHAPE, "dtype": "i4", **settings}
    made = sz.create_array(store, "a", overwrite=True, **settings)
    made[...] = np.arange(1024).reshape(SHAPE) * value
    return sz.open_array(store, "a")


def test_the_second_read_asks_for_no_index():
    bucket = Bucket()
    a = array(BucketStore(bucket))
    expected = np.arange(1024).reshape(SHAPE)
    bucket.requests.clear()
    assert (a[:4, :8] == expected[:4, :8]).all()
    assert bucket.requests["GET"] == 2
    assert (a[20:24, 8:] == expected[20:24, 8:]).all()
    assert bucket.requests["GET"] == 3


@pytest.mark.parametrize("wrap", [lambda store: store, SlowStore, WrapperStore])
def test_a_replaced_shard_is_noticed(wrap):
    """The offsets of the old index never find bytes of the new shard: a constant is shorter when encoded."""
    bucket = Bucket()
    store = wrap(BucketStore(bucket))
    a = array(store)
    for value in (1, 7, 0, 5, 1):
        writer = sz.open_array(BucketStore(bucket), "a", mode="r+")
        writer[...] = np.arange(1024).reshape(SHAPE) % 9 * value
        if value == 0:
            assert not bucket.values.get("a/c/0/0")
        bucket.requests.clear()
        assert (a[3:9, 3:9] == (np.arange(1024).reshape(SHAPE) % 9 * value)[3:9, 3:9]).all()
        assert bucket.requests["GET"] <= 3  # one to find out, then index and data


def test_a_store_that_changes_between_index_and_data():
    """One read is of one version, even if the shard is replaced again after each request."""
    bucket = Bucket()
    a = array(BucketStore(bucket))
    writer = sz.open_array(BucketStore(bucket), "a", mode="r+")
    get, turns = bucket.get, iter(range(2, 100))

    def get_then_replace(key):
        found = get(key)
        if key == "a/c/0/0":
            bucket.get = get
            writer[...] = np.arange(1024).reshape(SHAPE) * next(turns)
            bucket.get = get_then_replace
        return found

    bucket.get = get_then_replace
    for _ in range(5):
        read = a[:9, :9]
        bucket.get, keep = get, bucket.get
        factor = int(read[0, 1])
        assert factor >= 1
        assert (read == np.arange(1024).reshape(SHAPE)[:9, :9] * factor).all()
        bucket.get = keep


def test_immutable_stores_keep_it_without_a_version():
    bucket = Bucket()
    store = BucketStore(bucket)
    array(store)
    store.immutable = True
    a = sz.open_array(store, "a")
    a[0, 0], a[31, 31]
    bucket.requests.clear()
    a[16, 16]
    assert bucket.requests["GET"] == 1


def test_files_read_through_methods_keep_it_too(tmp_path):
    class Counted(LocalStore):
        ranges = 0

        def reader(self, key):
            reader = super().reader(key)
            get_ranges = reader.get_ranges

            def counted(ranges):
                self.ranges += 1
                return get_ranges(ranges)

            reader.get_ranges = counted
            return reader

    array(tmp_path)

    path = tmp_path / "a" / "c" / "0" / "0"
    os.utime(path, (time.time() - 60, time.time() - 60))
    time.sleep(0.1)
    store = Counted(tmp_path)
    a = sz.open_array(store, "a")
    assert a[0, 1] == 1
    first = store.ranges
    assert a[1, 0] == 32
    assert (first, store.ranges) == (2, 3)


@pytest.mark.parametrize(
    "kind",
    [
        bytearray,
        memoryview,
        lambda value: memoryview(bytearray(value)),
        lambda value: np.frombuffer(value, "u1"),
        lambda value: memoryview(value).cast("B"),
    ],
)
@pytest.mark.parametrize("shards", [None, SHAPE])
@pytest.mark.parametrize("codecs", ["zstd", []])
def test_any_contiguous_buffer_will_do(kind, shards, codecs):
    """Values, ranges and old values of updates; those that can change are copied first."""

    class Other(BucketStore):
        def get(self, key):
            value = super().get(key)
            return value if value is None or key.endswith("json") else kind(value)

        def get_range(self, key, start, length):
            value = super().get_range(key, start, length)
            return None if value is None else kind(value)

        def reader(self, key):
            reader = super().reader(key)
            get_ranges = reader.get_ranges
            reader.get_ranges = lambda ranges: [kind(part) for part in get_ranges(ranges)]
            return reader

        def update(self, key, change):
            super().update(key, lambda value: change(value if value is None else kind(value)))

    store = Other(Bucket())
    a = array(store, shards=shards, codecs=codecs)
    expected = np.arange(1024).reshape(SHAPE)
    assert (a[...] == expected).all()
    assert (a[5:9, 5:9] == expected[5:9, 5:9]).all()
    assert a[5, 5] == expected[5, 5]
    writer = sz.open_array(store, "a", mode="r+")
    writer[5:7, 5] = -1
    expected[5:7, 5] = -1
    assert (a[...] == expected).all()
