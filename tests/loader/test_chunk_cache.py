"""Decoded chunks that are kept: nothing but the number of decoded chunks changes."""

import itertools
import pickle
import sys
from functools import partial
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import ChunkError
from simplezarr.loader import Boxes, Cast, Crops, Loader, Rows
from simplezarr.loader.chunk_cache import ChunkCache
from tests.support.helpers import Counting
from tests.support.interrupts import interrupted

ROWS = np.arange(300 * 6, dtype="i4").reshape(300, 6)
CHUNK = 25 * 6 * 4  # bytes of a chunk of 25 rows


class Near(Counting):
    concurrency = None


def values_of(a):
    return {key: a.store.get(key) for key in a.store.list()}


def counted(kind=Near, values=ROWS, chunks=(25, 6), **arguments):
    store = kind(values_of(sz.create_array({}, data=values, chunks=chunks, **arguments)))
    return store, sz.open_array(store, mode="r")


def kept_bytes(cache):
    return sum(chunk.nbytes for chunk in cache._kept.values())


def chunks_read(store):
    return [call for call in store.take() if call[0].startswith("get") and "c/" in str(call[1])]


def batches(a, samples=None, **arguments):
    made = Loader(a, samples or Rows(), **{"batch_size": 20, "shuffle": "uniform", "seed": 5, **arguments})
    return made, [[batch.copy() for batch in made] for _ in range(3)]


@pytest.mark.parametrize("kind", [Near, Counting])
def test_each_chunk_is_read_once_if_all_fit(kind, pool):
    sz.set_num_threads(1)  # two threads may read the same chunk at a time
    store, a = counted(kind)
    _, plain = batches(a, window=3 * 20 * 24)
    assert len(chunks_read(store)) > 36
    made, got = batches(a, window=3 * 20 * 24, cache=12 * CHUNK)
    assert sorted(call[1] for call in chunks_read(store)) == sorted(f"c/{i}/0" for i in range(12))
    for one, other in zip(plain, got, strict=True):
        np.testing.assert_array_equal(one, other)
    assert made.describe().cached == 1
    assert "cache: 7.0 KiB, 100% of all chunks" in str(made.describe())


@pytest.mark.parametrize("room", [1, CHUNK - 1, CHUNK, 5 * CHUNK + 7])
def test_no_more_is_kept_than_the_limit(room, pool):
    _, a = counted()
    made, got = batches(a, window=3 * 20 * 24, cache=room)
    cache = made._schedule.fields[0].cache
    assert kept_bytes(cache) == room // CHUNK * CHUNK
    assert made.describe().cache_bytes == room
    assert (
        made.describe().bound_bytes
        - Loader(a, Rows(), batch_size=20, shuffle="uniform", window=3 * 20 * 24).describe().bound_bytes
        == room
    )
    for epoch, number in zip(got, range(3), strict=True):
        np.testing.assert_array_equal(np.concatenate(epoch), ROWS[made.order(number)])


def test_the_chunk_that_was_used_longest_ago_leaves_first():
    cache = ChunkCache(3)
    one = np.zeros(1, "u1")
    for key in "abc":
        cache.put((0, key), one)
    assert cache.get((0, "a")) is one
    cache.put((0, "d"), one)
    assert [cache.get((0, key)) is one for key in "abcd"] == [True, False, True, True]
    cache.put((0, "e"), np.zeros(4, "u1"))
    assert cache.get((0, "e")) is None
    assert kept_bytes(cache) == 3


def test_one_budget_for_all_arrays_and_one_copy_for_their_views(pool):
    sz.set_num_threads(1)
    store, a = counted()
    b = sz.create_array({}, data=ROWS[:, 0] + 1, chunks=(100,))
    made = Loader({"x": a, "again": a, "y": b}, Rows(), batch_size=20, shuffle="uniform", seed=5, cache="1 MiB")
    for _ in range(2):
        for batch in made:
            np.testing.assert_array_equal(batch["x"], batch["again"])
            np.testing.assert_array_equal(batch["x"][:, 0] + 1, batch["y"])
    assert len(chunks_read(store)) == 12
    assert made._schedule.fields[0].cache is made._schedule.fields[2].cache
    assert kept_bytes(made._schedule.fields[0].cache) == 12 * CHUNK + 3 * 400 == made.describe().cache_bytes
    copy = pickle.loads(pickle.dumps(made._schedule.fields))
    assert copy[0].cache is copy[2].cache
    assert (copy[0].cache.limit, kept_bytes(copy[0].cache)) == (1 << 20, 0)


KINDS = {
    "sharded": {"chunks": (5, 6), "shards": (25, 6), "codecs": ["zstd"]},
    "transposed": {"chunks": (25, 4), "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, "bytes"]},
    "big-endian": {"chunks": (7, 3), "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
    "Zarr 2": {"chunks": (25, 6), "zarr_format": 2},
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("shuffle", ["uniform", "chunks", False])
def test_all_kinds_of_arrays(name, shuffle, pool):
    a = sz.create_array({}, data=ROWS, **KINDS[name])
    made, got = batches(a, shuffle=shuffle, cache="1 MiB", cast=Cast("float32", scale=0.5))
    for epoch, number in zip(got, range(3), strict=True):
        np.testing.assert_array_equal(np.concatenate(epoch), (ROWS[made.order(number)] * 0.5).astype("f4"))


@pytest.mark.parametrize(
    "dtype", ["?", "i1", ">u2", "f2", "f8", "c8", "M8[s]", "U3", "V5", [("a", "u1"), ("b", "<f4")]]
)
@pytest.mark.parametrize("pages", [1, 1 << 20])
def test_all_data_types(dtype, pages, pool, monkeypatch):
    monkeypatch.setattr("simplezarr.loader.chunk_cache._PAGES", pages)
    values = np.zeros(60, dtype)
    values[::3] = np.frombuffer(b"\1\0\0\0" * 100, "u1")[: values[::3].nbytes].view(values.dtype)
    a = sz.create_array({}, data=values, chunks=(7,))
    made, got = batches(a, cache="1 MiB")
    for epoch, number in zip(got, range(3), strict=True):
        np.testing.assert_array_equal(np.concatenate(epoch), a[...][made.order(number)])


@pytest.mark.parametrize("pages", [1, 1 << 20])
def test_bfloat16(pages, pool, monkeypatch):
    monkeypatch.setattr("simplezarr.loader.chunk_cache._PAGES", pages)
    values = np.arange(60).astype(ml_dtypes.bfloat16)
    made, got = batches(sz.create_array({}, data=values, chunks=(7,)), cache="1 MiB")
    np.testing.assert_array_equal(np.concatenate(got[0]), values[made.order(0)])


def test_text_and_chunks_of_several_lengths_are_read_as_without_it(pool):
    text = np.array([f"text {i}" for i in range(60)], object)
    for values, arguments in ((text, {"dtype": str, "chunks": (7,)}), (np.arange(60), {"chunks": [[10, 20, 30]]})):
        a = sz.create_array({}, shape=(60,), **{"dtype": "i8", **arguments})
        a[...] = values
        made, got = batches(a, cache="1 MiB")
        assert np.concatenate(got[0]).tolist() == values[made.order(0)].tolist()
        assert (made.describe().cached, made.describe().cache_bytes) == (0, 0)


def test_missing_chunks_have_the_fill_value(pool):
    a = sz.create_array({}, shape=(60, 2), dtype="i4", chunks=(7, 2), fill_value=9)
    a[10:12] = 3
    made, got = batches(a, cache="1 MiB")
    np.testing.assert_array_equal(np.concatenate(got[1]), a[...][made.order(1)])


def test_crops_decode_each_chunk_once(pool):
    sz.set_num_threads(1)
    values = np.arange(40**3, dtype="u2").reshape(40, 40, 40)
    store, a = counted(values=values, chunks=(10, 10, 10))
    crops = Crops((9, 9, 9), per_epoch=64, cell=1)
    made = Loader(a, crops, batch_size=8, window=64 * 9**3 * 2, cache="1 MiB", seed=1, with_index=True)
    for epoch in range(2):
        for batch, index in made:
            for crop, start in zip(batch, made.starts(index, epoch).tolist(), strict=True):
                np.testing.assert_array_equal(crop, values[tuple(slice(s, s + 9) for s in start)])
    read = chunks_read(store)
    assert len(read) == len({call[1] for call in read}) <= 64


def test_boxes(pool):
    starts = np.array([[0], [3], [290], [3]])
    a = sz.create_array({}, data=ROWS, chunks=(25, 6))
    made = Loader(a, Boxes(starts, (10,)), batch_size=2, shuffle=False, cache="1 MiB")
    np.testing.assert_array_equal(np.concatenate(list(made)), [ROWS[s : s + 10] for s in [0, 3, 290, 3]])


def test_a_damaged_chunk_is_an_error_of_its_batches_and_is_not_kept(pool):
    values = values_of(sz.create_array({}, data=ROWS, chunks=(25, 6)))
    good, values["c/7/0"] = values["c/7/0"], b"damaged"
    store = Near(values)
    made = Loader(sz.open_array(store, mode="r"), Rows(), batch_size=20, shuffle=False, cache="1 MiB")
    epoch, failed = iter(made), []
    for batch in range(15):
        try:
            np.testing.assert_array_equal(next(epoch), ROWS[batch * 20 : batch * 20 + 20])
        except ChunkError as error:
            failed.append((batch, error.index, "(7, 0)" in str(error)))
    assert failed == [(8, (7, 0), True), (9, (7, 0), True)]  # rows 175 to 199
    store.data["c/7/0"] = good
    np.testing.assert_array_equal(np.concatenate(list(made)), ROWS)


@pytest.mark.parametrize("cache", ["much", 0, -1, True])
def test_wrong_sizes(cache):
    with pytest.raises(ValueError, match="cache: "):
        Loader(sz.create_array({}, data=ROWS, chunks=(25, 6)), Rows(), batch_size=20, cache=cache)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_chunks_with_pages_of_their_own_are_few_mappings(monkeypatch):
    """The system allows a process some 65000 of them."""
    monkeypatch.setattr("simplezarr.loader.chunk_cache._PAGES", 1)
    values = np.arange(600 * 512, dtype="i8").reshape(600, 512)
    a = sz.create_array({}, data=values, chunks=(1, 512))
    made = Loader(a, Rows(), batch_size=20, shuffle="uniform", cache="64 MiB", seed=5)
    before = len(Path("/proc/self/maps").read_text().splitlines())
    list(made)
    assert kept_bytes(made._schedule.fields[0].cache) == values.nbytes
    assert len(Path("/proc/self/maps").read_text().splitlines()) < before + 100


def test_without_pages_a_chunk_is_kept_in_ordinary_memory(monkeypatch, pool):
    def refuse(*arguments, **named):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("simplezarr.loader.chunk_cache._PAGES", 1)
    monkeypatch.setattr("mmap.mmap", refuse)
    made, got = batches(sz.create_array({}, data=ROWS, chunks=(25, 6)), cache="1 MiB")
    np.testing.assert_array_equal(np.concatenate(got[0]), ROWS[made.order(0)])


def test_an_interrupt_in_put_leaves_a_cache_that_works():
    """At any of its instructions: no more is kept than the limit, and later chunks are kept."""
    chunk = np.zeros(10, "u1")

    for at in itertools.count():
        cache = ChunkCache(20)
        for key in "ab":
            cache.put((0, key), chunk)
        came = interrupted(partial(cache.put, (0, "c"), chunk), at)
        assert kept_bytes(cache) <= 20
        for key in "defg":
            cache.put((0, key), chunk)
            assert cache.get((0, key)) is chunk
            assert kept_bytes(cache) <= 20
        assert kept_bytes(cache) == 20
        if not came:
            break
    assert at > 20
