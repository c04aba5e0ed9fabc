"""Chunks that several threads want at the same moment: fetched and decoded once, and never older than the read."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.engine.jobs.job import _set_wait_limit
from simplezarr.stores import LocalStore, MemoryStore, SlowStore
from tests.engine.jobs.test_read_threads import exit_code
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, sharding
from tests.support.helpers import Counting, within

ZSTD = [LITTLE, codec("zstd", level=0, checksum=False)]
CHAINS = {
    "raw": [LITTLE],
    "zstd": ZSTD,
    "gzip": [LITTLE, codec("gzip", level=1), CRC32C],
    "blosc": [LITTLE, codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=4, blocksize=4096)],
    "big-endian": [codec("transpose", order=[1, 0]), codec("bytes", endian="big"), *ZSTD[1:]],
    "shards": [sharding([20, 25], ZSTD)],
    "transposed shards": [codec("transpose", order=[1, 0]), sharding([25, 20], ZSTD)],
}
VALUES = np.random.default_rng(0).integers(1 << 20, size=(80, 100)).astype("u4")
pytestmark = pytest.mark.usefixtures("pool")


class Gated(Counting):
    """Calls for chunks take the value, and then wait for the gate (one thread need not); `asked` counts them."""

    def __init__(self, data):
        super().__init__(data)
        self.gate, self.asked = threading.Event(), threading.Semaphore(0)
        self.open_for = None

    def get(self, key):
        value = super().get(key)
        return value if key.endswith("zarr.json") else self.wait(value)

    def get_range(self, key, start, length):
        value = super().get_range(key, start, length)
        return value if start < 0 else self.wait(value)  # a shard's index is at the end

    def wait(self, value):
        self.asked.release()
        assert self.open_for == threading.get_ident() or self.gate.wait(30)
        return value

    def set(self, key, value):
        self.data[key] = bytes(value)

    def delete(self, key):
        self.data.pop(key, None)


def gated(codecs, cls=Gated):
    """VALUES in one chunk, or one shard, behind a gate."""
    arr = sz.open_array(cls(oracle.write_array({}, "", VALUES, [80, 100], codecs=codecs)), mode="r+")
    arr.store.take()
    return arr


def settle():
    """Time for other threads to get to where they wait."""
    time.sleep(0.2)


def ways(arr, index):
    """Ways to read chunk `index`, or parts of it, and what they give."""
    rows, columns = (slice(i * n, (i + 1) * n) for i, n in zip(index, arr.chunks, strict=True))
    last = rows.stop - 1
    return [
        (lambda: arr[rows, columns], VALUES[rows, columns]),
        (lambda: arr.get_chunk(index), VALUES[rows, columns]),
        (lambda: arr[last : rows.start or None : -2, columns], VALUES[last : rows.start or None : -2, columns]),
        (lambda: arr[[last, rows.start, last], columns], VALUES[[last, rows.start, last], columns]),
        (lambda: arr[rows, columns.start + 3 :][:, :7], VALUES[rows, columns.start + 3 : columns.start + 10]),
        (lambda: arr.read_many([(rows, columns)] * 2)[1], VALUES[rows, columns]),
    ]


@pytest.mark.parametrize("name", CHAINS)
def test_threads_that_begin_together_fetch_a_chunk_once(name):
    arr = gated(CHAINS[name])
    reads = ways(arr, (1, 2) if "shards" in name else (0, 0))
    if "shards" in name:
        del reads[4]  # wants more chunks
    barrier = threading.Barrier(len(reads))

    def read(way):
        barrier.wait(30)
        return way()

    with ThreadPoolExecutor(len(reads)) as threads:
        futures = [threads.submit(read, way) for way, _ in reads]
        assert arr.store.asked.acquire(timeout=30)
        settle()
        arr.store.gate.set()
        for future, (_, expected) in zip(futures, reads, strict=True):
            assert future.result(30).tobytes() == expected.tobytes()
    calls = arr.store.take()
    if "shards" in name:  # each has asked for the index
        calls = [call for call in calls if call[2] >= 0]
    assert len(calls) == 1


def test_a_missing_chunk_is_asked_for_once():
    arr = gated(ZSTD)
    del arr.store.data["c/0/0"]
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(lambda i=i: arr[i : 70 + i]) for i in range(4)]
        assert arr.store.asked.acquire(timeout=30)
        settle()
        arr.store.gate.set()
        assert all((future.result(30) == arr.fill_value).all() for future in futures)
    assert len(arr.store.take()) == 1


CHANGES = {
    "write": lambda arr: arr.write(..., 7),
    "write a part": lambda arr: arr.write(np.s_[::79], 7),
    "set_chunk": lambda arr: arr.set_chunk((0, 0), np.full((80, 100), 7)),
    "write points": lambda arr: arr.write(([0, 79],), 7),
    "shrink and grow": lambda arr: (arr.resize((0, 100)), arr.resize((80, 100))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_who_reads_after_a_write_does_not_get_what_was_fetched_before(change):
    arr = gated(ZSTD)
    other = sz.open_array(arr.store, mode="r+")
    with ThreadPoolExecutor(2) as threads:
        before = threads.submit(lambda: arr[...])
        assert arr.store.asked.acquire(timeout=30)  # it has the old bytes
        arr.store.open_for = threading.get_ident()
        CHANGES[change](other)
        after = threads.submit(lambda: arr[0])
        assert arr.store.asked.acquire(timeout=30)
        settle()
        arr.store.gate.set()
        assert before.result(30).tobytes() == VALUES.tobytes()
        assert after.result(30).tolist() == [0 if "shrink" in change else 7] * 100


@pytest.mark.parametrize("kind", ["local", "memory", "slow"])
def test_a_writer_reads_what_it_wrote_among_readers(kind, tmp_path):
    store = {
        "local": lambda: LocalStore(tmp_path),
        "memory": MemoryStore,
        "slow": lambda: SlowStore(MemoryStore(), 0.002),
    }
    arr = sz.create_array(store[kind](), data=np.zeros((64, 1024), "u4"), chunks=(64, 1024), codecs=["zstd"])
    stop = threading.Event()

    def read():
        while not stop.is_set():
            values = arr[1:60]
            assert (values == values[0, 0]).all()

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(4)]
        for i in range(8):
            time.sleep(0.12)  # only files that are older than this are shared
            arr[...] = i
            assert (arr[...] == i).all()
        stop.set()
        for reader in readers:
            reader.result(30)


def test_a_file_that_was_just_changed_in_place_is_not_shared(tmp_path):
    """What others write in place shows in a file's identity only after a tick of its clock."""
    arr = sz.create_array(tmp_path, data=np.full((64, 1024), 1, "u4"), chunks=(64, 1024), codecs=["zstd"])
    other = sz.create_array({}, data=np.full((64, 1024), 2, "u4"), chunks=(64, 1024), codecs=["zstd"])
    old, new = (tmp_path / "c/0/0").read_bytes(), other.store.get("c/0/0")
    assert len(old) == len(new)
    stop = threading.Event()

    def read():
        while not stop.is_set():
            arr[:32]

    with ThreadPoolExecutor(3) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        for i in range(300):
            with (tmp_path / "c/0/0").open("r+b") as file:
                os.pwrite(file.fileno(), [old, new][i % 2], 0)
            assert (arr[...] == i % 2 + 1).all()
        stop.set()
        for reader in readers:
            reader.exception(30)  # it may have seen half of one and half of the other


@pytest.mark.parametrize("times", [1, 100])
def test_each_does_it_himself_where_the_leader_fails(times):
    class Broken(Gated):
        def get(self, key):
            nonlocal times
            value = super().get(key)
            if "c/" in key and times:
                times -= 1
                raise OSError(f"cable cut in {threading.get_ident()}")
            return value

    arr, often = gated(ZSTD, Broken), times
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(lambda: (threading.get_ident(), arr[...])) for _ in range(4)]
        assert arr.store.asked.acquire(timeout=30)
        settle()
        arr.store.gate.set()
        errors = [str(error) for future in futures if (error := future.exception(30))]
        assert all(future.result()[1].tobytes() == VALUES.tobytes() for future in futures if not future.exception())
    assert len(errors) == len(set(errors)) == min(often, 4)


def damaged(value, array):
    """The encoded chunk with a fault that is found where the end is decoded, and only there."""
    for at in range(len(value) * 3 // 4, len(value), 50):
        bad = value[:at] + bytes(8) + value[at + 8 :]
        try:
            array(bad)[200:]
        except sz.ChunkError:
            array(bad)[:9]
            return bad
    raise AssertionError("no fault is found")


class Transposed:
    """An array as it is stored."""

    def __init__(self, array):
        self.array = array

    def __getitem__(self, rows):
        return self.array[:, rows].T


@pytest.mark.parametrize("order", [[0, 1], [1, 0]], ids=str)
def test_damage_is_found_by_who_looks_at_it(order):
    """The leader needs only the first part of the chunk, which can be decoded."""
    values = np.random.default_rng(1).integers(1 << 20, size=(256, 1024)).astype("u4")
    codecs = [codec("transpose", order=order), *ZSTD]
    logical = values.transpose(order)
    data = oracle.write_array({}, "", logical, list(logical.shape), codecs=codecs)

    def stored(store):
        array = sz.open_array(store)
        return array if order == [0, 1] else Transposed(array)

    data["c/0/0"] = damaged(data["c/0/0"], lambda bad: stored({**data, "c/0/0": bad}))
    store = Gated(data)
    arr = stored(store)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(lambda: arr[:9])
        assert store.asked.acquire(timeout=30)
        good = [threads.submit(lambda i=i: arr[i : i + 20]) for i in range(2)]
        bad = threads.submit(lambda: arr[200:])
        settle()
        store.gate.set()
        assert first.result(30).tobytes() == values[:9].tobytes()
        assert [future.result(30).tobytes() for future in good] == [values[i : i + 20].tobytes() for i in range(2)]
        assert isinstance(bad.exception(30), sz.ChunkError)


@pytest.fixture
def impatient():
    """Threads wait for each other for half a second, not ten."""
    before = _set_wait_limit(10)
    yield
    _set_wait_limit(before)


@pytest.mark.usefixtures("impatient")
def test_a_store_that_reads_the_array_it_serves():
    class Strange(Counting):
        def get(self, key):
            if key == "c/0/0":
                assert arr[40:].tobytes() == VALUES[40:].tobytes()
                assert arr.read_future(np.s_[40:]).result(60).tobytes() == VALUES[40:].tobytes()
            elif key == "c/1/1" and deep.acquire(blocking=False):
                assert arr[:40, :50].tobytes() == VALUES[:40, :50].tobytes()
            return super().get(key)

    deep = threading.Semaphore(3)
    arr = sz.open_array(Strange(oracle.write_array({}, "", VALUES, [40, 50], codecs=ZSTD)))
    with ThreadPoolExecutor(8) as threads:
        for future in [threads.submit(lambda i=i: (arr[i % 2 * 40 :], i % 2 * 40)) for i in range(8)]:
            values, start = future.result(60)
            assert values.tobytes() == VALUES[start:].tobytes()


def test_nothing_is_written_into_a_buffer_after_its_read_has_failed():
    class HalfBroken(Gated):
        def get(self, key):
            if key == "c/1/0":
                raise OSError("cable cut")
            return super().get(key)

    arr = sz.open_array(HalfBroken(oracle.write_array({}, "", VALUES, [40, 100], codecs=ZSTD)))
    out = np.zeros_like(VALUES)
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(lambda: arr[:40])
        assert arr.store.asked.acquire(timeout=30)
        with pytest.raises(OSError, match="cable cut"):
            within(30, lambda: arr.read(out=out))
        arr.store.gate.set()
        assert leader.result(30).tobytes() == VALUES[:40].tobytes()
    assert not out.any()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_a_chunk_is_in_flight_reads_it():
    arr = gated(ZSTD)
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(lambda: arr[...]) for _ in range(2)]
        assert arr.store.asked.acquire(timeout=30)
        settle()
        child = os.fork()
        if child == 0:
            arr.store.wait = lambda value: value
            os._exit(0 if arr[...].tobytes() == VALUES.tobytes() else 3)
        code = exit_code(child, 20)
        arr.store.gate.set()
        assert all(future.result(30).tobytes() == VALUES.tobytes() for future in futures)
    assert code == 0


@pytest.mark.parametrize("name", [name for name in CHAINS if name != "raw"])
@pytest.mark.parametrize("kind", ["local", "memory", "slow"])
def test_threads_read_at_random(name, kind, tmp_path):
    values = np.random.default_rng(2).integers(1 << 20, size=(400, 500)).astype("u4").cumsum(1, dtype="u4")
    chain = [
        sharding([125, 100] if "transposed" in name else [100, 125], ZSTD) if c["name"] == "sharding_indexed" else c
        for c in CHAINS[name]
    ]
    data = oracle.write_array({}, "", values, [200, 250], codecs=chain)
    make = {"local": lambda: oracle.dump(data, tmp_path), "memory": lambda: data}
    make["slow"] = lambda: SlowStore(MemoryStore(data), 0.001)
    arr = sz.open_array(make[kind]())
    end = time.monotonic() + 0.4

    def read(seed):
        rng = np.random.default_rng(seed)
        while time.monotonic() < end:
            (a, b), (c, d) = np.sort(rng.integers(401, size=2)), np.sort(rng.integers(501, size=2))
            assert arr[a:b, d:c:-1].tobytes() == values[a:b, d:c:-1].tobytes()
            rows = rng.integers(400, size=3)
            assert arr[rows, c:d].tobytes() == values[rows, c:d].tobytes()
            assert arr.read_many([np.s_[a:b], np.s_[:, c:d:3]])[1].tobytes() == values[:, c:d:3].tobytes()

    time.sleep(0.1)  # until then a file is too fresh
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, range(8), timeout=60)) == [None] * 8
