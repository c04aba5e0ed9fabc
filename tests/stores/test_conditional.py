"""Stores whose updates are conditional requests: no change by another writer is lost, and nothing is removed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import MemoryStore, SlowStore, Store, WrapperStore
from simplezarr.testing import check_store
from tests.support.conditional import Bucket, BucketStore

LAYOUTS = {
    "chunk": {"shape": (80,), "chunks": (80,), "dtype": "i4"},
    "raw": {"shape": (80,), "chunks": (80,), "dtype": "i4", "codecs": []},
    "shard": {"shape": (80,), "chunks": (20,), "shards": (80,), "dtype": "i4"},
    "text": {"shape": (80,), "chunks": (80,), "dtype": "string"},
    "texts in a shard": {"shape": (80,), "chunks": (20,), "shards": (80,), "dtype": "string"},
}


def test_conforms():
    check_store(BucketStore(Bucket()))
    check_store(WrapperStore(BucketStore(Bucket())))
    check_store(SlowStore(BucketStore(Bucket())))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_update_is_lost(layout):
    """Two clients with four threads each set 80 elements of one stored object."""
    bucket = Bucket(latency=0.001)
    settings = LAYOUTS[layout]
    sz.create_array(BucketStore(bucket), "a", **settings)
    clients = [sz.open_array(BucketStore(bucket), "a", mode="r+") for _ in range(2)]
    expected = np.array([str(i + 1) for i in range(80)], object) if "text" in layout else np.arange(1, 81)

    def put(i: int) -> None:
        clients[i % 2][i] = expected[i]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(80)))
    np.testing.assert_array_equal(clients[0][:], expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_change_is_made_of_the_newest_version(layout):
    """Another writer comes between the GET and the PUT, and is not overwritten; even one that deletes the object."""
    bucket = Bucket()
    one, two = ("1", "2") if "text" in layout else (1, 2)
    a = sz.create_array(BucketStore(bucket), "a", fill_value="" if "text" in layout else 0, **LAYOUTS[layout])
    other = sz.open_array(BucketStore(bucket), "a", mode="r+")
    a[3] = one

    def write(key: str) -> None:
        bucket.before_put = lambda key: None
        other[40] = two

    bucket.before_put = write
    a[5] = one
    assert [other[3], other[5], other[40]] == [one, one, two]

    def remove(key: str) -> None:
        bucket.before_put = lambda key: None
        bucket.delete([key])

    bucket.before_put = remove
    a[6] = one
    assert [other[3] == one, other[6] == one] == [False, True]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_becomes_fill_value_is_stored(layout):
    """A removal takes no condition. So an object that holds nothing but the fill value stays, and reads as such."""
    bucket = Bucket()
    fill, one = ("", "1") if "text" in layout else (0, 1)
    a = sz.create_array(BucketStore(bucket), "a", fill_value=fill, **LAYOUTS[layout])
    a[4] = fill
    assert not [key for key in bucket.values if key.startswith("a/c")]  # nothing was stored, so nothing is now
    a[3] = one
    bucket.requests.clear()
    a[3] = fill
    assert bucket.requests == {"GET": 1, "PUT": 1}
    assert all(value == fill for value in sz.open_array(BucketStore(bucket), "a")[:])
    a[:] = fill  # all of it by the caller's word, which needs no old value
    assert bucket.requests == {"GET": 1, "PUT": 1, "DELETE": 1} | {"GET": bucket.requests["GET"]}
    assert not [key for key in bucket.values if key.startswith("a/c")]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_attributes_of_two_writers(zarr_format):
    bucket = Bucket(latency=0.001)
    group = sz.create_group(BucketStore(bucket), "g", zarr_format=zarr_format)
    clients = [group, sz.open_group(BucketStore(bucket), "g", mode="r+")]

    def put(i: int) -> None:
        clients[i % 2].attrs[f"name {i}"] = i

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(40)))
    assert dict(sz.open_group(BucketStore(bucket), "g").attrs) == {f"name {i}": i for i in range(40)}


@pytest.mark.parametrize(
    "settings",
    [
        {"chunks": (7,)},
        {"chunks": (7,), "zarr_format": 2},
        {"chunks": (7,), "shards": (14,)},
        {"chunks": ([5, 7, 7, 7],)},
    ],
)
def test_appends_of_two_writers(settings):
    """Each appender has a place of its own, also if both append to one chunk at the same time."""
    bucket = Bucket(latency=0.001)
    sz.create_array(BucketStore(bucket), "a", shape=(0,), dtype="i4", **settings)
    clients = [sz.open_array(BucketStore(bucket), "a", mode="r+") for _ in range(2)]

    def put(i: int) -> None:
        clients[i % 2].append(np.full(3, i + 1, "i4"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(40)))
    stored = sz.open_array(BucketStore(bucket), "a")[:]
    assert sorted(stored.reshape(40, 3)[:, 0]) == list(range(1, 41))
    assert (stored.reshape(40, 3) == stored.reshape(40, 3)[:, :1]).all()


def test_an_append_that_fails_gives_its_place_back():
    bucket = Bucket()
    a = sz.create_array(BucketStore(bucket), "a", shape=(0,), chunks=(4,), dtype="i4")
    a.append(np.arange(6))

    def fail(key: str) -> None:
        if key.startswith("a/c/2"):
            raise OSError("no answer")

    bucket.before_put = fail
    put = bucket.put
    bucket.put = lambda key, value, expected=-1: (fail(key), put(key, value, expected))[1]
    with pytest.raises(OSError, match="no answer"):
        a.append(np.arange(6))
    bucket.put, bucket.before_put = put, lambda key: None
    assert sz.open_array(BucketStore(bucket), "a")[:].tolist() == [0, 1, 2, 3, 4, 5]
    a.resize(12)
    assert sz.open_array(BucketStore(bucket), "a")[6:].tolist() == [0] * 6


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_consolidation_sees_every_change(zarr_format):
    """The copy that is stored at the end is up to date, or there is none."""
    bucket = Bucket()
    root = sz.create_group(BucketStore(bucket), zarr_format=zarr_format)
    names = [f"x{i}" for i in range(4)]
    for name in names:
        root.create_array(name, shape=(2,), dtype="i4")
    clients = [sz.open_group(BucketStore(bucket), mode="r+") for _ in range(2)]

    def step(i: int) -> None:
        if i % 4 == 0:
            clients[i % 2].consolidate_metadata()
        else:
            clients[i % 2][names[i % 4]].attrs["n"] = i

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, range(24)))
    consolidated, plain = (sz.open_group(BucketStore(bucket), consolidated=flag) for flag in (True, False))
    assert {name: dict(consolidated[name].attrs) for name in names} == {name: dict(plain[name].attrs) for name in names}


def test_one_of_several_creators_succeeds():
    bucket = Bucket()
    clients = [BucketStore(bucket) for _ in range(8)]

    def create(i: int) -> int | None:
        try:
            sz.create_array(clients[i], "a", shape=(2,), dtype="i4", attributes={"by": i})
        except sz.NodeExistsError:
            return None
        return i

    with ThreadPoolExecutor(8) as pool:
        winners = [i for i in pool.map(create, range(8)) if i is not None]
    assert len(winners) == 1
    assert sz.open_array(clients[0], "a").attrs["by"] == winners[0]


def test_wrappers_keep_the_condition_unless_they_change_values():
    class Shifted(WrapperStore):
        def get(self, key):
            value = self.store.get(key)
            return None if value is None else value[::-1]

        def set(self, key, value):
            self.store.set(key, bytes(value)[::-1])

    class Listening(WrapperStore):
        def list(self, prefix=""):
            return self.store.list(prefix)

    store = BucketStore(Bucket())
    assert [s.conditional for s in (Listening(store), SlowStore(store), Shifted(store))] == [True, True, False]
    Shifted(store).update("a", lambda value: b"123")
    assert store.get("a") == b"321"
    Listening(store).update("a", lambda value: value + b"0")
    assert store.get("a") == b"3210"
    SlowStore(store).update("b", lambda value: b"new")
    assert SlowStore(store).create("b", b"") is False
    assert store.get("b") == b"new"


def test_update_and_delete_many_of_plain_stores(tmp_path):
    for store in (MemoryStore(), sz.stores.LocalStore(tmp_path), SlowStore(MemoryStore())):
        assert not store.conditional
        store.update("a", lambda value: b"1" if value is None else b"2")
        store.update("a", lambda value: value)
        assert store.get("a") == b"1"
        store.update("a", lambda value: None)
        store.update("a", lambda value: None)
        assert store.get("a") is None
        with pytest.raises(ZeroDivisionError):
            store.update("a", lambda value: b"%d" % (1 // 0))
        store.set("a", b"1")
        store.set("b/c", b"1")
        store.delete_many(["a", "b/c", "missing"])
        store.delete_many([])
        assert [*store.list()] == []


def test_deleting_many_chunks_is_one_request():
    bucket = Bucket()
    store = BucketStore(bucket)
    a = sz.create_array(store, "g/a", shape=(100,), chunks=(1,), dtype="i4")
    a[:] = 1
    bucket.requests.clear()
    a.resize(10)
    assert bucket.requests["DELETE"] == 1
    assert sum(key.startswith("g/a/c/") for key in bucket.values) == 10
    bucket.requests.clear()
    del sz.open_group(store, "g", mode="r+")["a"]
    assert bucket.requests["DELETE"] <= 3
    assert [*bucket.values] == ["zarr.json", "g/zarr.json"]


def test_a_store_with_get_and_set_alone_updates():
    class Small(Store):
        def __init__(self):
            self.values = {}

        def get(self, key):
            return self.values.get(key)

        def set(self, key, value):
            self.values[key] = bytes(value)

    store = Small()
    store.update("a", lambda value: b"1")
    assert store.values == {"a": b"1"}
