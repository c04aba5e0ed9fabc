"""`simplezarr.dask`: blocks of stored arrays, and blocks that are stored by threads and processes wherever they end."""

import itertools
import os
import pickle
import random

import numpy as np
import pytest

import simplezarr as sz
from tests.support.cluster import client_of_two
from tests.support.helpers import Counting, python

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
szd = pytest.importorskip("simplezarr.dask")

DATA = np.arange(600 * 400, dtype="i4").reshape(600, 400)


@pytest.fixture
def sharded():
    return sz.create_array({}, data=DATA, chunks=(20, 10), shards=(100, 50))


def divides(unit, x):
    """Whether no block but the first begins within a unit."""
    starts = [itertools.accumulate(lengths[:-1]) for lengths in x.chunks]
    return all(start % n == 0 for n, along in zip(unit, starts, strict=True) for start in along)


# ---- reading ----


@pytest.mark.parametrize("size", ["100KiB", "256KiB", "1MiB", "128MiB"])
def test_auto_blocks_are_near_the_size(sharded, size):
    with dask.config.set({"array.chunk-size": size}):
        x = szd.from_array(sharded)
        assert x.chunks == szd.from_array(sharded, chunks=size).chunks
    most = dask.utils.parse_bytes(size)
    nbytes = np.prod(x.chunksize) * 4
    assert nbytes <= most
    assert nbytes > most / 4 or x.npartitions == 1
    assert divides(sharded.shards, x)
    assert (x.compute() == DATA).all()
    assert int(x.sum().compute()) == DATA.sum(dtype=int)


def test_smaller_blocks_than_shards_are_whole_chunks(sharded):
    for size in ("19kB", "4KiB", "1B"):
        x = szd.from_array(sharded, chunks=size)
        assert divides(sharded.chunks, x)
        assert np.prod(x.chunksize) * 4 <= max(dask.utils.parse_bytes(size), 800)
    assert x.chunksize == sharded.chunks


def test_named_blocks(sharded):
    assert szd.from_array(sharded, chunks="shards").chunksize == (100, 50)
    assert szd.from_array(sharded, chunks="chunks").chunksize == (20, 10)
    plain = sz.create_array({}, data=DATA, chunks=(70, 90))
    for name in ("shards", "chunks"):
        assert szd.from_array(plain, chunks=name).chunks == ((70,) * 8 + (40,), (90,) * 4 + (40,))


def test_given_blocks_are_taken_as_they_are(sharded):
    assert szd.from_array(sharded, chunks=(70, -1)).chunks == ((70,) * 8 + (40,), (400,))
    given = ((1, 299, 300), (400,))
    x = szd.from_array(sharded, chunks=given)
    assert x.chunks == given
    assert (x[250:, ::-3].compute() == DATA[250:, ::-3]).all()
    for wrong in ((70,), ((1, 2), (400,)), "nothing"):
        with pytest.raises(ValueError):
            szd.from_array(sharded, chunks=wrong)


def test_blocks_of_a_rectilinear_grid_are_whole_chunks():
    lengths = ([3, 5, 2, 2, 8], [10])
    a = sz.create_array({}, data=DATA[:20, :10], chunks=lengths)
    assert szd.from_array(a, chunks="chunks").chunks == ((8, 4, 8), (10,))
    assert szd.from_array(a).chunks == ((20,), (10,))
    assert (szd.from_array(a, chunks="chunks").compute() == DATA[:20, :10]).all()


@pytest.mark.parametrize("data", [np.array(5), np.zeros((0, 3)), np.zeros((3, 0)), np.array(["a", "bcd"], object)])
def test_odd_arrays(data):
    a = sz.create_array({}, data=data, **({"dtype": "string"} if data.dtype == object else {}))
    x = szd.from_array(a)
    assert x.shape == data.shape
    assert x.dtype == a.dtype
    assert (np.asarray(x.compute()) == data).all()
    b = szd.create(x, {})
    assert (b[...] == data).all()


def test_a_block_is_read_once():
    data = {}
    sz.create_array(data, data=DATA, chunks=(20, 10), shards=(100, 50))
    store = Counting(data)
    x = szd.from_array(sz.open_array(store), chunks="shards")
    assert [call for call in store.take() if call[1] != "zarr.json"] == []  # making it reads nothing
    x[:100, :50].compute(scheduler="sync")
    keys = {call[1] for call in store.take()}
    assert keys == {"c/0/0"}


def test_names_are_those_of_the_array(tmp_path):
    sz.create_array(tmp_path, data=DATA)
    read, write = sz.open_array(tmp_path), sz.open_array(tmp_path, mode="r+")
    assert szd.from_array(read).name == szd.from_array(write).name
    write.attrs["a"] = 1
    assert szd.from_array(read).name != szd.from_array(write).name


# ---- writing ----


def test_blocks_may_end_anywhere():
    """Random blocks, of threads, into shards that many of them share."""
    rand = random.Random(1)
    for _ in range(10):
        cuts = [sorted(rand.sample(range(1, n), rand.randint(0, 12))) for n in DATA.shape]
        blocks = tuple(tuple(np.diff([0, *along, n]).tolist()) for along, n in zip(cuts, DATA.shape, strict=True))
        a = sz.create_array({}, shape=DATA.shape, dtype="i4", chunks=(20, 10), shards=(100, 50))
        assert szd.store(da.from_array(DATA, chunks=blocks), a) is None
        assert (a[...] == DATA).all()


@pytest.mark.parametrize("region", [sz.s_[100:400, 50:150], sz.s_[400:100:-1, ::4], sz.s_[7, 3:], sz.s_[[5, 1], 20:90]])
def test_regions(region):
    a = sz.create_array({}, data=DATA, chunks=(20, 10), shards=(100, 50))
    want = DATA.copy()
    want[region] *= -1
    values = da.from_array(-DATA[region], chunks=33)
    szd.store(values, a, region=region)
    assert (a[...] == want).all()


def test_a_later_computation():
    a = sz.create_array({}, shape=DATA.shape, dtype="f8", chunks=(100, 100))
    later = szd.store(da.from_array(DATA, chunks=99), a, compute=False)
    assert a.nchunks_stored == 0
    dask.compute(later)
    assert (a[...] == DATA).all()
    a[...] = 0
    dask.compute(szd.store(da.from_array(DATA, chunks=99), a, compute=False), later)
    assert (a[...] == DATA).all()


def test_what_does_not_fit():
    a = sz.create_array(store := {}, shape=(4, 6), dtype="f8")
    with pytest.raises(ValueError, match=r"x has shape \(4, 5\), but array /: it has shape \(4, 6\)"):
        szd.store(da.ones((4, 5)), a)
    with pytest.raises(ValueError, match=r"but array /: region .* of it has shape \(2, 6\); give a region"):
        szd.store(da.ones((4, 6)), a, region=sz.s_[:2])
    with pytest.raises(IndexError):
        szd.store(da.ones((4, 6)), a, region=4)
    with pytest.raises(sz.ReadOnlyError):
        szd.store(da.ones((4, 6)), sz.open_array(store), compute=False)
    x = da.ones(6, chunks=3)
    for call in (lambda x: szd.store(x, a), lambda x: szd.create(x, {})):
        with pytest.raises(ValueError, match=r"blocks of unknown shape.*compute_chunk_sizes\(\)"):
            call(x[x > 0])
    with pytest.raises(ValueError, match="could not convert string to float"):
        szd.store(da.from_array(np.full((4, 6), "x")), a)


@pytest.mark.parametrize("chunks", [(120, 80), ((100, 300, 200), (400,)), (37, 41), -1, ((1, 599), (399, 1))])
def test_created_arrays_fit_the_blocks(chunks):
    x = da.from_array(DATA, chunks=chunks)
    a = szd.create(x, store := {}, "a/b", attributes={"unit": "m"}, codecs="gzip")
    assert divides(a.shards or a.chunks, x)
    assert (sz.open_array(store, "a/b")[...] == DATA).all()
    assert (a.dtype, dict(a.attrs)) == (DATA.dtype, {"unit": "m"})
    with pytest.raises(sz.NodeExistsError):
        szd.create(x, store, "a/b")
    given = szd.create(x, store, "c", shards=(200, 200), chunks=(50, 50), dtype="f4", compute=False)
    assert (given.shards, given.dtype, given.nchunks_stored) == ((200, 200), np.float32, 0)


# ---- the other engine of dask ----

EXPRESSIONS = """
import sys, dask
dask.config.set({"array.query-planning": True})
import dask.array as da, numpy as np, simplezarr as sz, simplezarr.dask as szd
assert "array_expr" in da.Array.__module__, da.Array
data = np.arange(600 * 400).reshape(600, 400)
a = sz.create_array(sys.argv[1], data=data, chunks=(20, 10), shards=(100, 50))
assert szd.from_array(a, "shards").chunks == ((100,) * 6, (50,) * 8)
with dask.config.set({"array.chunk-size": "256KiB"}):
    x = szd.from_array(a)
assert all(n % 100 == 0 for n in x.chunks[0]) and all(n % 50 == 0 for n in x.chunks[1])
assert (x.compute() == data).all() and int(x[5:, ::3].sum().compute()) == data[5:, ::3].sum()
b = szd.create(x.rechunk((70, 90)) * 2, {})
assert (b[...] == 2 * data).all()
later = szd.store(x[:50].rechunk(33), b, region=sz.s_[100:150], compute=False)
dask.compute(later)
assert (b[100:150] == data[:50]).all()
print("done")
"""


def test_expressions(tmp_path):
    pytest.importorskip("dask.array._array_expr")
    assert python(EXPRESSIONS, tmp_path / "a", seconds=60, directory=tmp_path).strip() == "done"


# ---- processes ----


@pytest.fixture(scope="module")
def client():
    pytest.importorskip("distributed")
    with client_of_two() as client:
        yield client


def unaligned(client, place, times):
    """How often unaligned blocks of several processes are all there; each shard is written by many of them."""
    exact = 0
    for i in range(times):
        a = sz.create_array(place, f"a{i}", shape=(110, 110), dtype="i4", chunks=(10, 10), shards=(50, 50))
        data = DATA[:110, :110] + i
        szd.store(da.from_array(data, chunks=(30 + i % 3, 30)), a)
        exact += (sz.open_array(place, f"a{i}")[...] == data).all()
    return exact


@pytest.mark.filterwarnings("ignore")
def test_processes_lose_nothing(client, tmp_path):
    assert unaligned(client, tmp_path, 20) == 20


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore")
def test_processes_lose_nothing_in_the_long_run(client, tmp_path):
    times = int(os.environ.get("SIMPLEZARR_CAMPAIGN", "20000")) // 100
    assert unaligned(client, tmp_path, times) == times


@pytest.mark.filterwarnings("ignore")
def test_processes_read(client, tmp_path):
    a = sz.create_array(tmp_path / "a", data=DATA, chunks=(20, 10), shards=(100, 50))
    x = szd.from_array(a, chunks="shards")
    assert int(x.sum().compute()) == DATA.sum(dtype=int)
    assert (x.mean(axis=0).compute() == DATA.mean(axis=0)).all()
    b = szd.create((x + 1).rechunk((77, 400)), tmp_path / "b")
    assert (b[...] == DATA + 1).all()


@pytest.mark.filterwarnings("ignore")
def test_workers_share_the_processors(client, tmp_path):
    """A worker of two threads does not start more, however many processors there are."""
    a = sz.create_array(tmp_path / "a", data=DATA, chunks=(20, 10))
    client.run(sz.set_num_threads, 16)
    szd.from_array(a, chunks=(30, 30)).sum().compute()
    assert [*client.run(sz.get_num_threads).values()] == [2, 2]


@pytest.mark.filterwarnings("ignore")
def test_arrays_in_a_bucket_take_their_credentials_along(client, moto):
    pytest.importorskip("obstore")
    store = sz.stores.ObjectStore.from_url(moto.bucket("dask"), **moto.options())
    a = sz.create_array(store, "a", shape=(60, 60), dtype="i4", chunks=(10, 10), shards=(30, 30))
    szd.store(da.from_array(DATA[:60, :60], chunks=25), a)
    x = szd.from_array(sz.open_array(store, "a"))
    assert int(x.sum().compute()) == DATA[:60, :60].sum()
    assert (a[...] == DATA[:60, :60]).all()
    assert "very-secret-value" not in repr(x.dask)
    assert b"very-secret-value" in pickle.dumps(a)


def test_unknown_words_for_chunks_are_refused():
    with pytest.raises(ValueError, match=r"chunks='shard' must be \"auto\", \"shards\", \"chunks\", a size"):
        szd.from_array(sz.create_array({}, shape=6, dtype="i4", chunks=4), chunks="shard")


def test_arrays_of_numpy_are_told_what_to_do(sharded):
    for call in (lambda: szd.store(DATA, sharded), lambda: szd.create(DATA, {})):
        with pytest.raises(
            TypeError, match=r"x: ndarray is not an array of dask; assign it, a\[...\] = x, or .*from_array"
        ):
            call()
