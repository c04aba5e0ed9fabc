"""A cache gives what the store has, or what it had, with few requests; it stays within its bound and fails no read."""

import errno
import os
import pickle
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.stores import CacheStore, LocalStore, MemoryStore
from simplezarr.stores.cache.shelf import DirectoryShelf, MemoryShelf
from simplezarr.stores.cache.store import BLOCK, WHOLE
from simplezarr.testing import check_store
from tests.support.conditional import Bucket, BucketStore
from tests.support.helpers import python


class Place(BucketStore):
    """A bucket whose store names its place, as those of real services do."""

    def __init__(self, bucket, name="bucket"):
        super().__init__(bucket)
        self.name = name

    def __repr__(self):
        return f"Place({self.name!r})"


@pytest.fixture(params=["memory", "directory"])
def path(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "cache"


@pytest.mark.parametrize("trust", ["immutable", 0, 1000])
def test_conforms(path, trust):
    check_store(CacheStore(Place(Bucket()), path, size="10 MB", trust=trust))
    check_store(CacheStore(MemoryStore(), path, size="10 MB", trust=trust))


def test_conforms_over_files(path, tmp_path):
    check_store(CacheStore(LocalStore(tmp_path / "data"), path, size="10 MB", trust=0))


def test_an_immutable_cache_asks_once(path):
    """The second epoch makes no request: documents, chunks, parts of shards, and keys that do not exist."""
    bucket = Bucket()
    group = sz.create_group(Place(bucket))
    data = np.arange(64 * 64, dtype="i4").reshape(64, 64)
    group.create_array("chunks", data=data, chunks=(16, 16))
    group.create_array("shards", data=data, chunks=(8, 8), shards=(32, 32))
    group.create_array("empty", shape=(8,), chunks=(2,), dtype="f4")
    store = CacheStore(Place(bucket), path, size="10 MB")

    def epoch():
        root = sz.open(store)
        assert (root["chunks"][...] == data).all()
        assert (root["shards"][3:40, 5:9] == data[3:40, 5:9]).all()
        assert root["shards"][63, 63] == data[63, 63]
        assert (root["empty"][...] == 0).all()

    epoch()
    bucket.requests.clear()
    epoch()
    assert bucket.requests["GET"] == 0


def test_a_cache_that_asks_sends_no_bytes_again(path):
    bucket = Bucket()
    data = np.arange(4096, dtype="i4")
    sz.create_array(Place(bucket), "a", data=data, chunks=(1024,))
    store = CacheStore(Place(bucket), path, size="10 MB", trust=0)
    moved = []
    get_ranges = bucket.get_ranges

    def counted(key, ranges, expected):
        found = get_ranges(key, ranges, expected)
        moved.append(sum(map(len, found[1])) if found else 0)
        return found

    bucket.get_ranges = counted
    assert (sz.open(store, "a")[...] == data).all()
    assert sum(moved) > 1000
    moved.clear()
    bucket.requests.clear()
    assert (sz.open(store, "a")[...] == data).all()
    assert (sum(moved), bucket.requests["GET"]) == (0, 5)  # a question for the document and for each of four chunks


def test_a_change_is_seen_when_trust_ends(path):
    bucket = Bucket()
    bucket.put("a", b"1" * 100)
    now = CacheStore(Place(bucket), path, size="10 MB", trust=0)
    later = CacheStore(Place(bucket, "other"), path, size="10 MB", trust=1000)
    assert now.get("a") == later.get("a") == b"1" * 100
    bucket.put("a", b"2" * 100)
    assert (now.get("a"), later.get("a")) == (b"2" * 100, b"1" * 100)
    assert now.get_range("a", -5, 3) == b"222"
    bucket.delete(["a"])
    assert now.get("a") is None
    assert now.get_range("a", 0, 1) is None
    later.trust = 0
    assert later.get("a") is None


def test_large_values_are_kept_by_blocks(path):
    """A part of a large shard costs the blocks that hold it, counted from the end."""
    bucket = Bucket()
    value = np.random.default_rng(1).bytes(WHOLE + 3 * BLOCK + 777)
    bucket.put("a", value)
    asked = []
    get_ranges = bucket.get_ranges

    def noted(key, ranges, expected):
        asked.extend(ranges)
        return get_ranges(key, ranges, expected)

    bucket.get_ranges = noted
    store = CacheStore(Place(bucket), path, size="40 MB")
    assert store.get_range("a", -100, 100) == value[-100:]
    assert asked == [(-BLOCK, BLOCK)]
    assert store.get_range("a", -BLOCK - 10, 20) == value[-BLOCK - 10 : -BLOCK + 10]
    assert asked[1:] == [(len(value) - 2 * BLOCK, BLOCK)]
    assert store.get_ranges("a", [(0, 5), (770, 10), (5, 0)]) == [value[:5], value[770:780], b""]
    assert sum(length for _, length in asked) == 3 * BLOCK + 777
    assert store.get("a") == value
    again = [(-100, 100), (0, 10**9), (len(value) // 2, 1)]
    asked.clear()
    assert [bytes(part) for part in store.get_ranges("a", again)] == [value[-100:], value, value[len(value) // 2 :][:1]]
    assert asked == []


@given(
    size=st.sampled_from([0, 1, 5, BLOCK - 1, BLOCK, BLOCK + 1, WHOLE, WHOLE + 1, WHOLE + BLOCK + 3]),
    data=st.data(),
)
def test_ranges_are_those_of_the_value(size, data):
    value = (b"0123456789abcdefg" * (size // 17 + 1))[:size]
    bucket = Bucket()
    bucket.put("a", value)
    ranges = data.draw(
        st.lists(st.tuples(st.integers(-size - 9, size + 9), st.integers(0, size + 9)), min_size=1, max_size=4)
    )
    plain = Place(bucket)
    for trust in ("immutable", 0):
        store = CacheStore(plain, size="40 MB", trust=trust)
        for _ in range(2):
            assert [*map(bytes, store.get_ranges("a", ranges))] == plain.get_ranges("a", ranges)


def test_a_value_replaced_between_two_blocks_is_not_mixed(path):
    bucket = Bucket()
    bucket.put("a", b"1" * (WHOLE + 2 * BLOCK))
    store = CacheStore(Place(bucket), path, size="40 MB", trust=0)
    with store.reader("a") as reader:
        assert reader.get_range(-4, 4) == b"1111"
        bucket.put("a", b"2" * (WHOLE + 2 * BLOCK))
        with pytest.raises(sz.errors.ChangedError):
            reader.get_range(0, 4)
    assert store.get_range("a", 0, 4) == b"2222"
    assert store.get_range("a", -4, 4) == b"2222"


def test_shards_that_are_replaced_are_read_in_one_version(path):
    bucket = Bucket()
    writer = sz.create_array(Place(bucket), "a", shape=(64, 64), chunks=(8, 8), shards=(64, 64), dtype="i4")
    writer[...] = 1
    reader = sz.open(CacheStore(Place(bucket), path, size="40 MB", trust=0), "a")
    for value in range(2, 20):
        writer[...] = value
        assert (reader[3:20, 3:20] == value).all()


def test_writes_through_the_cache_are_seen(path):
    bucket = Bucket()
    store = CacheStore(Place(bucket), path, size="10 MB")
    a = sz.create_array(store, "a", shape=(20,), chunks=(5,), dtype="i4")
    for i in range(20):
        a[i] = i
        assert a[i] == i
    a.attrs["x"] = 1
    a.append(np.arange(3))
    assert sz.open(store, "a").shape == (23,)
    assert sz.open(store, "a").attrs["x"] == 1
    sz.create_group(store, "a", overwrite=True)
    assert dict(sz.open(store, "a").attrs) == {}
    assert store.conditional


@pytest.mark.parametrize("trust", ["immutable", 0, 1000])
def test_no_update_is_lost_beside_another_client(path, trust):
    """A change is made of what is stored, not of what is kept."""
    bucket = Bucket()
    store = CacheStore(Place(bucket), path, size="10 MB", trust=trust)
    a = sz.create_array(store, "a", shape=(20,), chunks=(20,), dtype="i4")
    other = sz.open_array(Place(bucket), "a", mode="r+")
    for i in range(0, 20, 2):
        a[i] = i + 1
        a[...]
        other[i + 1] = i + 2
    assert other[...].tolist() == list(range(1, 21))


def test_the_bound_is_kept(tmp_path):
    bucket = Bucket()
    for i in range(300):
        bucket.put(f"k{i}", bytes([i % 256]) * 10_000)
    store = CacheStore(Place(bucket), tmp_path, size=1_000_000)
    for i in range(300):
        store.get(f"k{i}")
        stored = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
        assert stored <= 1_100_000
    assert stored > 800_000
    bucket.requests.clear()
    assert store.get("k299") == bytes([299 % 256]) * 10_000
    assert bucket.requests["GET"] == 0


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    for shelf in (MemoryShelf(1000), DirectoryShelf(str(tmp_path), 1000)):
        for i in range(9):
            shelf.write(f"name{i}", bytes(100))
            if isinstance(shelf, DirectoryShelf):
                os.utime(tmp_path / "na" / f"name{i}", (time.time() - 1000 + i,) * 2)
        assert shelf.read("name0") == bytes(100)
        for i in range(9, 12):
            shelf.write(f"name{i}", bytes(100))
        kept = [i for i in range(12) if shelf.read(f"name{i}") is not None]
        assert 0 in kept
        assert 1 not in kept
        assert {10, 11} <= set(kept)


def test_two_processes_share_a_directory(tmp_path):
    data = np.arange(1000, dtype="i4")
    sz.create_array(tmp_path / "data", data=data, chunks=(100,))
    program = """
import sys
import simplezarr as sz
from simplezarr.stores import CacheStore, LocalStore
a = sz.open(CacheStore(LocalStore(sys.argv[1]), sys.argv[2], size="10 MB"))
print(int(a[...].sum()))
"""
    places = tmp_path / "data", tmp_path / "cache"
    first = python(program, *places, seconds=60, directory=tmp_path)
    for file in places[0].rglob("*"):
        if file.is_file():
            file.unlink()
    second = python(program, *places, seconds=60, directory=tmp_path)
    assert first == second == f"{data.sum()}\n"


@pytest.mark.parametrize("failure", ["read-only", "full", "a file in its place"])
def test_a_cache_that_cannot_be_written_only_slows_down(tmp_path, monkeypatch, failure):
    bucket = Bucket()
    bucket.put("a", b"123")
    place = tmp_path / "cache"
    if failure == "a file in its place":
        place.write_bytes(b"")
    else:
        number = errno.EROFS if failure == "read-only" else errno.ENOSPC

        def refuse(*args, **kwargs):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "replace", refuse)
    store = CacheStore(Place(bucket), place, size="1 MB")
    assert [store.get("a") for _ in range(3)] == [b"123"] * 3
    assert store.get_range("a", 1, 1) == b"2"
    assert bucket.requests["GET"] >= 4


def test_damaged_entries_are_fetched_again(tmp_path):
    bucket = Bucket()
    bucket.put("a", b"0123456789" * 1000)
    store = CacheStore(Place(bucket), tmp_path, size="1 MB")
    for damage in (b"", b"{", b'["1"]', b'[null, 1, "x"]', b"\xff", b"[-5, 3]"):
        assert store.get("a") == b"0123456789" * 1000
        for file in tmp_path.rglob("*"):
            if file.is_file():
                file.write_bytes(damage)
        assert store.get_range("a", 3, 4) == b"3456"


def test_pickles_and_repr(tmp_path):
    inner = LocalStore(tmp_path / "data")
    inner.set("a", b"1")
    for path in (None, tmp_path / "cache"):
        store = CacheStore(inner, path, size="1 MB", trust=5)
        store.get("a")
        again = pickle.loads(pickle.dumps(store))
        assert repr(again) == repr(store)
        assert (again.trust, again.get("a")) == (5, b"1")
    assert repr(CacheStore(inner, size=9)) == f"CacheStore({inner!r}, in memory)"


def test_stores_without_a_name_share_nothing(tmp_path):
    """Two dicts are two places, though their stores look alike."""
    one = CacheStore(MemoryStore({"a": b"1"}), tmp_path, size="1 MB")
    two = CacheStore(MemoryStore({"a": b"2"}), tmp_path, size="1 MB")
    assert (one.get("a"), two.get("a")) == (b"1", b"2")


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 0},
        {"size": "many"},
        {"size": "1.2.3 MB"},
        {"size": True},
        {"size": -1},
        {"size": "5 XB"},
        {"size": 1, "trust": "always"},
        {"size": 1, "trust": -1},
        {"size": 1, "trust": None},
        {"size": 1, "trust": True},
        {"size": 1, "trust": float("nan")},
    ],
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match=r"size: |trust: "):
        CacheStore(MemoryStore(), **arguments)


def test_buckets_of_two_servers_are_told_apart(tmp_path):
    pytest.importorskip("obstore")
    from_url = sz.stores.ObjectStore.from_url
    stores = [from_url("s3://bucket/a", endpoint=f"http://127.0.0.1:{n}", anonymous=True) for n in (1, 2, 1)]
    first, other, same = [sz.CacheStore(store, tmp_path, size="1 MiB") for store in stores]
    first.learn("key", 5, None)
    assert first.known("key") is not None
    assert same.known("key") is not None
    assert other.known("key") is None


@pytest.mark.parametrize(
    "record",
    [
        *(b'[Infinity, "", 0]', b'[NaN, "", 0]', b'[1e400, "", 0]', b'[-1, "", 0]', b'[true, "", 0]'),
        *(b"[5, null, 0]", b'[5, "", null]', b'[5, "", 1' + 400 * b"0" + b"]", b'[18446744073709551616, "", 0]'),
        *(b"", b"null", b"{}", b"[]", b"[5]", b"\xff", 100_000 * b"["),
    ],
    ids=lambda record: repr(record[:30]),
)
@pytest.mark.parametrize("trust", ["immutable", 10.0, 0])
def test_damaged_records_are_misses(record, trust, tmp_path):
    place = Place(Bucket())
    place.set("a", b"12345")
    cache = CacheStore(place, tmp_path, size="1 MB", trust=trust)
    assert cache.get("a") == b"12345"
    name = cache._record_name("a")
    cache.shelf.write(name, record)
    assert cache.get("a") == b"12345"
    cache.shelf.write(name, record)
    assert cache.get_range("a", 1, 2) == b"23"
    cache.shelf.write(name, record)
    assert cache.size("a") == 5
