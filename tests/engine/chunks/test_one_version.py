"""Reading a shard is reading one version of it, on every store and whatever is written meanwhile."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.engine.files.reader import ATTEMPTS, Snapshot
from simplezarr.errors import ChangedError, ChunkError
from simplezarr.stores import LocalStore, MemoryStore, Reader, SlowStore, WrapperStore
from tests.oracle.v3 import CRC32C, LITTLE, compress
from tests.support.helpers import within

pytestmark = pytest.mark.usefixtures("pool")

SHAPE, CHUNKS = (64, 64), (8, 8)  # one shard of 64 inner chunks


def versions(dtype="u4", codecs=("zstd",), location="end", n=4, shifted=True):
    """A metadata document, and shards that hold 1, 2, … everywhere; `shifted`: the index of each says other places."""
    found = []
    for value in range(1, n + 1):
        store = MemoryStore()
        data = np.full(SHAPE, value, dtype) if dtype != "text" else np.full(SHAPE, f"{value}" * value, "T")
        arr = sz.create_array(store, shape=SHAPE, dtype=data.dtype, shards=SHAPE, chunks=CHUNKS, codecs=[*codecs])
        document = json.loads(store.get("zarr.json"))
        document["codecs"][0]["configuration"]["index_location"] = location
        store.set("zarr.json", json.dumps(document).encode())
        arr = sz.open_array(store, mode="r+")
        arr[...] = data
        found.append(store.get("c/0/0"))
        if shifted:
            found[-1] = shift(found[-1], 100 * (value - 1), location)
    return store.get("zarr.json"), found


def shift(shard, n, location):
    """A shard whose inner chunks lie n bytes further on."""
    size = 64 * 16
    raw = shard[:size] if location == "start" else shard[-size - 4 : -4]
    entries = np.frombuffer(raw, "<u8").reshape(-1, 2).copy()
    entries[:, 0] += n
    index = entries.tobytes()
    index += compress("crc32c", {}, index)[-4:]
    if location == "start":
        return index + bytes(n) + shard[size + 4 :]
    return bytes(n) + shard[: -size - 4] + index


class Plain(sz.Store):
    """Only `get`. Before each request for the shard, `between(number of the request)` is called."""

    def __init__(self, document, shard):
        self.values, self.n, self.between = {"zarr.json": document, "c/0/0": shard}, 0, lambda n: None

    def ask(self, key):
        if key.startswith("c/"):
            self.n += 1
            self.between(self.n)
        return MemoryStore(self.values)

    def get(self, key):
        return self.ask(key).get(key)

    def set(self, key, value):
        self.values[key] = bytes(value)

    def delete(self, key):
        self.values.pop(key, None)


class WithRange(Plain):
    def get_range(self, key, start, length):
        return self.ask(key).get_range(key, start, length)


class WithRanges(WithRange):
    def get_ranges(self, key, ranges):
        return self.ask(key).get_ranges(key, ranges)


class Wrapped(WrapperStore):
    """Not in memory, so that it is asked for parts."""

    in_memory, concurrency = False, 4


USERS = {"get": Plain, "get_range": WithRange, "get_ranges": WithRanges}
WAYS = {
    "row": lambda a: a[3],
    "column": lambda a: a[:, 60],
    "corners": lambda a: a[::63, ::63],
    "chunk": lambda a: a.get_chunk((7, 7)),
    "points": lambda a: a.vindex[[0, 20, 63], [63, 30, 0]],
    "orthogonal": lambda a: a.oindex[[0, 60], :],
    "many": lambda a: np.concatenate(a.read_many([sz.s_[0, :3], sz.s_[60, 2:40]])),
    "all": lambda a: a[...],
}


def one_value(values):
    """The only value in an array."""
    found = {str(value) for value in np.unique(np.asarray(values)).tolist()}
    assert len(found) == 1, f"versions are mixed: {sorted(found)}"
    return found.pop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", USERS)
@pytest.mark.parametrize(
    ("dtype", "codecs", "location"),
    [
        ("u4", ["zstd"], "end"),
        ("u4", ["bytes"], "end"),
        ("u4", ["bytes", "crc32c"], "start"),
        ("text", ["zstd"], "end"),
    ],
    ids=lambda part: part if isinstance(part, str) else part[-1],
)
def test_a_write_between_two_requests(way, kind, dtype, codecs, location):
    document, shards = versions(dtype, codecs, location)
    if way == "many" and dtype == "text":
        pytest.skip("such arrays are read one selection after the other")
    for at in range(2, 8):
        store = USERS[kind](document, shards[0])
        arr = sz.open_array(store)

        def exchange(n, at=at, store=store):
            if n == at:
                store.values["c/0/0"] = shards[1]

        store.between = exchange
        assert one_value(WAYS[way](arr)) in ("1", "2" if dtype == "u4" else "22")


@pytest.mark.parametrize("kind", USERS)
def test_a_shard_that_is_deleted_meanwhile(kind):
    document, shards = versions()
    store = USERS[kind](document, shards[0])
    store.between = lambda n: n == 2 and store.values.pop("c/0/0")
    assert one_value(sz.open_array(store)[3]) in ("0", "1")


@pytest.mark.parametrize("kind", USERS)
@pytest.mark.parametrize("dtype", ["u4", "text"])
def test_a_shard_that_changes_with_each_request(kind, dtype):
    """At last it is read whole: one request is one version."""
    document, shards = versions(dtype)
    store = USERS[kind](document, shards[0])
    store.between = lambda n: store.values.update({"c/0/0": shards[n % len(shards)]})
    arr = sz.open_array(store)
    for _ in range(3):
        store.n = 0
        one_value(arr[::20])
        assert store.n <= 3 * ATTEMPTS + 1
        store.n = 0
        assert arr.get_encoded_chunk((3, 3)) is not None
        assert store.n <= 3 * ATTEMPTS + 1


class Versioned(Plain):
    """Numbers its versions; a reader is told when the one it began with is gone."""

    def get(self, key):
        if key.startswith("c/") and self.broken:
            raise ChangedError("a part of another version")
        return super().get(key)

    broken = False

    def reader(self, key):
        return _Numbered(self, key)


class _Numbered(Reader):
    def __init__(self, store, key):
        self.store, self.key, self.value, self.closed = store, key, None, False

    @property
    def validator(self):
        return None if self.value is None else hash(self.value)

    def get_ranges(self, ranges):
        value = self.store.ask(self.key).get(self.key)
        if self.value is not None and value != self.value:
            raise ChangedError("412")
        self.value = value
        return Snapshot(value).get_ranges(ranges)

    def close(self):
        self.closed = True


@pytest.mark.parametrize("dtype", ["u4", "text"])
def test_a_reader_that_sees_another_version(dtype):
    document, shards = versions(dtype)
    store = Versioned(document, shards[0])
    arr = sz.open_array(store)
    store.between = lambda n: store.values.update({"c/0/0": shards[1]}) if n == 2 else None
    assert one_value(arr[3]) in ("2", "22")
    assert store.n == 4
    store.between = lambda n: store.values.update({"c/0/0": shards[n % len(shards)]})
    one_value(arr[3])
    store.broken = True
    with pytest.raises(ChunkError, match=r"chunk .* key 'c/0/0'.* kept changing while it was read; read it when"):
        arr[3]
    with pytest.raises(ChunkError, match="kept changing"):
        arr.get_encoded_chunk((3, 3))
    with pytest.raises(ChunkError, match="kept changing" if dtype == "u4" else "part of another version"):
        arr.vindex[:, np.arange(64)]


# ---------------------------------------------------------------- several threads


@sz.register_codec
@dataclass(frozen=True)
class Telling(sz.codecs.BytesBytesCodec):
    """Calls `hook` when it decodes."""

    name = "test.telling"

    def encode(self, data):
        return data

    def decode(self, data):
        hook()
        return data


def hook():
    pass


KINDS = {
    "local": lambda path: LocalStore(path),
    "memory": lambda path: MemoryStore(),
    "wrapped local": lambda path: Wrapped(LocalStore(path)),
    "wrapped memory": lambda path: Wrapped(MemoryStore()),
    "no links": lambda path: LocalStore(path, follow_symlinks=False),
    **{name: lambda path, cls=cls: cls(None, None) for name, cls in USERS.items()},
}


@pytest.mark.parametrize("way", ["row", "points", "many", "all"])
@pytest.mark.parametrize("kind", ["local", "memory"])
def test_threads_that_share_a_shard_read_one_version(kind, way, tmp_path, monkeypatch):
    """The shard is exchanged when its first inner chunk is decoded; other parts of it are begun after that."""
    store = KINDS[kind](tmp_path)
    shape, chunks = (1024, 1024), (64, 64)
    arr = sz.create_array(
        store, shape=shape, dtype="u4", shards=shape, chunks=chunks, codecs=["bytes", {"name": "test.telling"}]
    )
    keys = []
    for value in (2, 1):
        arr[...] = value
        keys.append(store.get("c/0/0"))
    done = threading.Event()

    def exchange():
        if not done.is_set():
            done.set()
            store.set("c/0/0", keys[0])

    monkeypatch.setitem(globals(), "hook", exchange)
    assert one_value(WAYS[way](arr)) == "1"
    assert one_value(arr[:70]) == "2"


def test_a_shard_that_appears_while_several_threads_find_it_missing(tmp_path):
    for _ in range(8):
        arr = sz.create_array(
            tmp_path, shape=(512, 512), dtype="u4", shards=(512, 512), chunks=(64, 64), overwrite=True
        )
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(arr.write, ..., 1)
            while not future.done():
                one_value(arr[...])


VERSIONS = {"shifted": (["zstd"], True), "same index": (["bytes"], False)}


def race(store, codecs, shifted, reads):
    """Four threads read so often, each in its own way, while one replaces the shard."""
    document, shards = versions(codecs=codecs, shifted=shifted)
    store.set("zarr.json", document)
    store.set("c/0/0", shards[0])
    stop = threading.Event()

    def write():
        n = 0
        while not stop.is_set():
            n += 1
            store.set("c/0/0", shards[n % len(shards)])
            time.sleep(0)

    def read(way):
        arr = sz.open_array(store)
        for _ in range(reads):
            one_value(WAYS[way](arr))

    with ThreadPoolExecutor(5) as threads:
        writer = threads.submit(write)
        try:
            readers = [threads.submit(read, way) for way in ("row", "column", "points", "all")]
            for reader in readers:
                reader.result(3000)
        finally:
            stop.set()
        writer.result(60)


@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_readers_while_another_thread_rewrites(kind, name, tmp_path):
    race(KINDS[kind](tmp_path), *VERSIONS[name], 60)


@pytest.mark.campaign
@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_campaign(kind, name, tmp_path):
    """As many reads as SIMPLEZARR_CAMPAIGN says (100000 if unset), by all kinds of stores together."""
    reads = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000))
    race(KINDS[kind](tmp_path), *VERSIONS[name], reads // (4 * len(KINDS) * len(VERSIONS)))


def nested(values):
    """A shard of shards."""

    def sharded(size, codecs):
        configuration = {"chunk_shape": [size, size], "codecs": codecs, "index_codecs": [LITTLE, CRC32C]}
        return {"name": "sharding_indexed", "configuration": configuration}

    codecs = [sharded(32, [sharded(8, [LITTLE, CRC32C])])]
    store = MemoryStore()
    arr = sz.create_array(store, shape=SHAPE, dtype="u4", chunks=SHAPE, codecs=codecs)
    found = []
    for value in values:
        arr[...] = value
        found.append(store.get("c/0/0"))
    return store.get("zarr.json"), found


@pytest.mark.parametrize("kind", USERS)
def test_shards_in_shards(kind):
    document, shards = nested([1, 2])
    for at in range(1, 6):
        store = USERS[kind](document, shards[0])
        store.between = lambda n, at=at, store=store: n == at and store.values.update({"c/0/0": shards[1]})
        assert one_value(sz.open_array(store)[::40, 40:]) in "12"


# ---------------------------------------------------------------- chunks in flight


class Gate(WithRanges):
    """The thread `slow` waits for the gate behind its second request for the shard, or its first for a chunk."""

    def __init__(self, document, shard):
        super().__init__(document, shard)
        self.slow, self.gate, self.waits, self.holds = None, threading.Event(), threading.Event(), 2

    def answer(self, value):
        if threading.get_ident() == self.slow:
            self.holds -= 1
            if self.holds == 0:
                self.waits.set()
                assert self.gate.wait(30)
        return value

    def get(self, key):
        return super().get(key) if key == "zarr.json" else self.answer(super().get(key))

    def get_range(self, key, start, length):
        return self.answer(super().get_range(key, start, length))

    def get_ranges(self, key, ranges):
        return self.answer(super().get_ranges(key, ranges))


def in_slow_thread(threads, store, read):
    def slow():
        store.slow = threading.get_ident()
        return read()

    future = threads.submit(slow)
    assert store.waits.wait(30)
    return future


@pytest.mark.parametrize("n", [1, 2])
def test_a_chunk_in_flight_is_of_another_version(n):
    """What is rewritten past this process shows in no count of writes, and the index is the same."""
    document, shards = versions(codecs=["bytes"], shifted=False)
    store = Gate(document, shards[0])
    arr = sz.open_array(store)
    with ThreadPoolExecutor(2) as threads:
        old = in_slow_thread(threads, store, lambda: arr[:8, : 8 * n])
        store.values["c/0/0"] = shards[1]
        new = threads.submit(lambda: arr[:8, :17])
        assert one_value(new.result(30)) == "2"  # it has not waited
        store.gate.set()
        assert one_value(old.result(30)) == "1"


def test_what_was_joined_is_left_where_a_read_begins_anew():
    """A reader shares two chunks with a slower one, and then sees that the shard was replaced."""
    document, shards = versions(codecs=["bytes"], shifted=False)
    store = Gate(document, shards[0])
    store.reader = lambda key: _Numbered(store, key)
    arr = sz.open_array(store)
    held, release = threading.Event(), threading.Event()

    def between(n):
        if n == 2:  # of the slow reader: it gets its inner chunks, late
            value = store.values["c/0/0"]
            held.set()
            assert release.wait(30)
            store.late = MemoryStore({"c/0/0": value})
        elif n == 4:  # of the other, after its index
            store.values["c/0/0"] = shards[1]

    ask = store.ask
    store.late = None

    def asked(key):
        found = ask(key)
        late, store.late = store.late, None
        return late or found

    store.ask, store.between = asked, between
    with ThreadPoolExecutor(2) as threads:
        old = threads.submit(lambda: arr[:8, :16])
        assert held.wait(30)
        new = threads.submit(lambda: arr[:8, :24])
        time.sleep(0.2)
        release.set()
        assert one_value(new.result(30)) == "2"
        assert one_value(old.result(30)) == "1"


def test_nobody_reads_an_older_value_than_somebody_before():
    """The new value is there, but its writer has not come back from the store yet."""
    store = Gate(document_of_chunks(), None)
    arr = sz.open_array(store, mode="r+")
    arr[...] = 1
    stored, go_on = threading.Event(), threading.Event()

    class Writer(Wrapped):
        def set(self, key, value):
            super().set(key, value)
            stored.set()
            assert go_on.wait(30)

    writer, other = sz.open_array(Writer(store), mode="r+"), sz.open_array(store)
    store.holds = 1
    with ThreadPoolExecutor(3) as threads:
        old = in_slow_thread(threads, store, lambda: arr[...])  # has fetched 1
        write = threads.submit(writer.write, ..., 2)
        assert stored.wait(30)
        assert one_value(within(30, lambda: other[...])) == "2"
        later = threads.submit(lambda: arr[...])  # it must not join what began before
        time.sleep(0.2)
        store.gate.set()
        assert one_value(later.result(30)) == "2"
        go_on.set()
        write.result(30)
        assert one_value(old.result(30)) == "1"


def test_a_flight_that_begins_during_a_write_is_not_joined():
    store = Gate(document_of_chunks(), None)
    arr = sz.open_array(store, mode="r+")
    arr[...] = 1
    begun, go_on = threading.Event(), threading.Event()

    class Writer(Wrapped):
        def set(self, key, value):
            begun.set()
            assert go_on.wait(30)
            super().set(key, value)

    writer = sz.open_array(Writer(store), mode="r+")
    store.holds = 1
    with ThreadPoolExecutor(3) as threads:
        write = threads.submit(writer.write, ..., 2)
        assert begun.wait(30)
        old = in_slow_thread(threads, store, lambda: arr[...])
        go_on.set()
        write.result(30)
        later = threads.submit(lambda: arr[...])
        time.sleep(0.2)
        store.gate.set()
        assert one_value(later.result(30)) == "2"
        assert one_value(old.result(30)) == "1"


@pytest.mark.parametrize("kind", ["get", "get_ranges", "slow", "local", "memory"])
def test_reads_never_go_back(kind, tmp_path):
    """A read that begins after another has returned gives nothing older, whichever handle is used."""
    store = {"slow": lambda path: SlowStore(MemoryStore(), 0.0005), **KINDS}[kind](tmp_path)
    arr = sz.create_array(store, data=np.zeros((64, 64), "u4"), chunks=(64, 64), codecs=["zstd"])
    seen, stop = [0], threading.Event()

    def read(handle):
        while not stop.is_set():
            floor = seen[0]
            value = int(one_value(handle[3:40]))
            assert value >= floor
            seen[0] = max(seen[0], value)  # may lose what another has seen, which only makes the test weaker

    handles = [sz.open_array(store) for _ in range(2)] * 2
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(read, handle) for handle in handles]
        try:
            for value in range(1, 80):
                arr[...] = value
                assert one_value(handles[value % 2][...]) == str(value)
        finally:
            stop.set()
        for future in futures:
            future.result(60)


def document_of_chunks():
    store = MemoryStore()
    sz.create_array(store, shape=(64, 64), dtype="u4", chunks=(64, 64), codecs=["zstd"])
    return store.get("zarr.json")


# ---------------------------------------------------------------- the identity of a file


def test_a_file_changed_in_place_with_its_time_set_back(tmp_path):
    values = np.random.default_rng(0).integers(4, size=SHAPE, dtype="u4")
    arr = sz.create_array(tmp_path, data=values, shards=SHAPE, chunks=CHUNKS, codecs=["zstd"])
    path = tmp_path / "c/0/0"
    first = path.read_bytes()
    arr[...] = values[::-1]
    second = path.read_bytes()
    length = max(len(first), len(second))
    index = 64 * 16 + 4
    first, second = [data[:-index].ljust(length - index, b"\0") + data[-index:] for data in (first, second)]
    assert len(first) == len(second)
    path.write_bytes(first)
    time.sleep(0.12)  # until then a file is too fresh for its index to be kept
    assert np.array_equal(arr[:9, :9], values[:9, :9])
    before = path.stat()
    with path.open("r+b") as file:
        file.write(second)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (before.st_mtime_ns, before.st_size, before.st_ino) == (after.st_mtime_ns, after.st_size, after.st_ino)
    assert np.array_equal(arr[:9, :9], values[::-1][:9, :9])
    assert np.array_equal(sz.open_array(tmp_path)[...], values[::-1])
