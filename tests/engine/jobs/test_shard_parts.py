"""A large shard of a far store is read in parts: several at a time, decoded as they arrive, all of one version."""

import signal
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.engine.files.reader import ATTEMPTS
from simplezarr.errors import ChangedError, ChunkError
from simplezarr.stores import MemoryStore, Reader, SlowStore, clip_range
from tests.oracle import v3 as oracle
from tests.support.helpers import within

pytestmark = pytest.mark.usefixtures("pool")

#: A shard of 20 inner chunks of 1 MiB, so that a part of at most 4 MiB holds four.
CHUNKS, CHUNK = 20, 1 << 20
SHAPE, PARTS = (CHUNKS, CHUNK), 5


class Far(sz.Store):
    """Versions in memory, and readers that ask for one.

    - on_part: is called with the store and the range in each request for data.
    - asked: the requested ranges of the shards' data, in the order of the requests.
    - indexes, wholes: how often an index, and a whole shard, was asked for.
    - inside: requests for data under way, and inner chunks being decoded.
    """

    in_memory, has_twins = False, True

    def __init__(self, values, concurrency=8):
        self.values, self.concurrency, self.on_part = dict(values), concurrency, lambda store, begin, end: None
        self.guard, self.asked, self.indexes, self.wholes, self.inside = threading.Lock(), [], 0, 0, 0

    def get(self, key):
        self.wholes += "/c/" in f"/{key}"
        return self.values.get(key)

    def set(self, key, value):
        self.values[key] = bytes(value)

    def delete(self, key):
        self.values.pop(key, None)

    def reader(self, key):
        return FarReader(self, key)


class FarReader(Reader):
    def __init__(self, store, key, value=None):
        self.store, self.key, self.value, self.has_twins = store, key, value, store.has_twins
        self.thread = None

    @property
    def validator(self):
        return None if self.value is None else hash(self.value)

    def pin(self, validator):
        found = self.store.values.get(self.key)
        if found is None or hash(found) != validator:
            return False
        self.value = found
        return True

    def twin(self):
        return FarReader(self.store, self.key, self.value)

    def get_ranges(self, ranges):
        assert self.thread is None, "two threads use a reader"
        self.thread = threading.get_ident()
        try:
            return [self.ask(*span) for span in ranges]
        except FileNotFoundError:
            return None
        finally:
            self.thread = None

    def ask(self, start, length):
        store = self.store
        if start < 0:
            store.indexes += 1
        else:
            with store.guard:
                store.asked.append((start, start + length))
                store.inside += 1
            try:
                store.on_part(store, start, start + length)
            finally:
                with store.guard:
                    store.inside -= 1
        value = store.values.get(self.key)
        if value is None:
            raise FileNotFoundError(self.key)
        if self.value is not None and value != self.value:
            raise ChangedError("412")
        self.value = value
        begin, end = clip_range(len(value), start, length)
        return value[begin:end]


@sz.register_codec
@dataclass(frozen=True)
class Watched(sz.codecs.BytesBytesCodec):
    """Calls `seen.hook` when it decodes."""

    name = "test.watched"

    def encode(self, data):
        return data

    def decode(self, data):
        seen.hook(data)
        return data


class Seen:
    def hook(self, data):
        pass


seen = Seen()


def documents(shape=SHAPE, codecs=("bytes", "test.watched")):
    """Return the metadata documents of an array of such shards."""
    store = {}
    sz.create_array(store, "a", shape=shape, dtype="u1", chunks=(1, CHUNK), shards=SHAPE, codecs=[*codecs])
    return store


def shard_of(fill):
    """Return a shard whose inner chunks hold `fill`, and begin `fill` bytes behind its begin."""
    offsets = fill + CHUNK * np.arange(CHUNKS, dtype="<u8")
    return (
        bytes(fill) + bytes([fill]) * (CHUNKS * CHUNK) + index_of(np.stack([offsets, np.full_like(offsets, CHUNK)], 1))
    )


def index_of(entries):
    index = entries.tobytes()
    return index + oracle.compress("crc32c", {}, index)[-4:]


@pytest.fixture(scope="module")
def versions():
    return [shard_of(fill) for fill in (1, 2, 3)]


@pytest.fixture
def far(versions):
    return Far({**documents(), "a/c/0/0": versions[0]})


def opened(store):
    return sz.open_array(store, "a")


def one_value(values):
    found = np.unique(values)
    assert found.size == 1, f"versions are mixed: {found}"
    return int(found[0])


def test_all_parts_are_in_flight_at_once(far):
    meeting = threading.Barrier(PARTS)
    far.on_part = lambda store, begin, end: meeting.wait(30)
    assert one_value(within(60, opened(far).__getitem__, ...)) == 1
    assert (far.indexes, len(far.asked), far.wholes) == (1, PARTS, 0)
    assert sorted(far.asked) == [(1 + 4 * i * CHUNK, 1 + 4 * (i + 1) * CHUNK) for i in range(PARTS)]


def test_decoding_begins_before_the_last_part_arrives(far, monkeypatch):
    decoded = threading.Event()
    monkeypatch.setattr(seen, "hook", lambda data: decoded.set())

    def hold_the_last(store, begin, end):
        if begin > 16 * CHUNK:
            assert decoded.wait(30), "nothing was decoded before the last part was there"

    far.on_part = hold_the_last
    assert one_value(opened(far)[...]) == 1


def test_a_large_crop_asks_for_what_it_needs(far):
    assert opened(far)[2:18].shape == (16, CHUNK)
    assert sorted(far.asked) == [(1 + i * CHUNK, 1 + (i + 4) * CHUNK) for i in (2, 6, 10, 14)]
    assert (far.indexes, far.wholes) == (1, 0)


def test_a_second_read_asks_for_no_index(far):
    arr = opened(far)
    for _ in range(3):
        assert one_value(arr[...]) == 1
    assert (far.indexes, len(far.asked), far.wholes) == (1, 3 * PARTS, 0)


def test_a_thread_holds_one_part_at_a_time(far, monkeypatch):
    """With two requests at a time, at most two parts are in memory: a thread decodes what it has, then asks again."""
    far.concurrency = 2
    held, most = {}, []
    monkeypatch.setattr(
        seen, "hook", lambda data: held.update({threading.get_ident(): held[threading.get_ident()] - 1})
    )

    def count(store, begin, end):
        assert held.get(threading.get_ident(), 0) == 0, "a part was asked for before the last one was decoded"
        held[threading.get_ident()] = (end - begin) // CHUNK
        most.append(store.inside)

    far.on_part = count
    assert one_value(opened(far)[...]) == 1
    assert len(held) <= 2
    assert max(most) <= 2
    assert not any(held.values())


def test_other_shapes_of_a_request(far):
    arr = opened(far)
    rows = [0, 3, 4, 9, 10, 11, 12, 13, 14, 19]
    assert one_value(arr.oindex[rows]) == 1
    assert one_value(np.stack(arr.read_many([sz.s_[:8], sz.s_[8:16], sz.s_[12:]][:2]))) == 1
    out = np.zeros(SHAPE, "f4")
    arr.read(..., out=out)
    assert one_value(out) == 1
    assert far.wholes == 0


def test_inner_chunks_that_are_not_stored(far):
    value = bytearray(far.values["a/c/0/0"])
    index = np.frombuffer(value[-CHUNKS * 16 - 4 : -4], "<u8").reshape(-1, 2).copy()
    index[[0, 7, 19]] = 2**64 - 1
    value[-CHUNKS * 16 - 4 :] = index_of(index)
    far.values["a/c/0/0"] = bytes(value)
    got = opened(far)[...]
    assert [i for i in range(CHUNKS) if not got[i].any()] == [0, 7, 19]
    assert one_value(np.delete(got, [0, 7, 19], 0)) == 1


# ---------------------------------------------------------------- one version


@pytest.mark.parametrize("kept", [False, True], ids=["index read", "index kept"])
@pytest.mark.parametrize("at", range(1, PARTS + 1))
def test_a_shard_that_is_replaced_between_parts(far, versions, at, kept):
    arr, out = opened(far), np.zeros(SHAPE, "u1")
    if kept:
        assert one_value(arr[:2]) == 1
        far.asked.clear()

    def replace(store, begin, end):
        if len(store.asked) == at:
            store.values["a/c/0/0"] = versions[1]

    far.concurrency, far.on_part = 2, replace
    arr.read(..., out=out)
    assert one_value(out) == 2
    assert len(far.asked) <= at + 2 + PARTS  # those in flight end, and the others are not asked for


def test_a_shard_that_is_replaced_all_the_time(far, versions):
    """In the end it is read whole, with one request."""

    def replace(store, begin, end):
        store.values["a/c/0/0"] = versions[len(store.asked) % 3]

    far.on_part = replace
    one_value(opened(far)[...])
    assert (far.indexes, far.wholes) == (ATTEMPTS, 1)


def test_a_shard_that_is_deleted_between_parts(far):
    far.on_part = lambda store, begin, end: store.values.pop("a/c/0/0", None) if begin > 8 * CHUNK else None
    assert one_value(opened(far)[...]) == 0  # none of it is there any more


def test_readers_of_one_shard_at_the_same_time(far, versions):
    """They share what is in flight, and each gets one version."""
    meeting, results = threading.Barrier(4), []

    def replace(store, begin, end):
        if len(store.asked) == 7:
            store.values["a/c/0/0"] = versions[1]

    far.on_part = replace
    arr = opened(far)

    def read():
        meeting.wait(30)
        results.append(one_value(arr[...]))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 4
    assert set(results) <= {1, 2}


# ---------------------------------------------------------------- what ends the others


def test_a_part_that_fails_ends_the_others(far):
    """The failure comes while another part is in flight. When the call has raised, no thread is at work for it."""
    far.concurrency, began, failed = 2, threading.Barrier(2), threading.Event()

    def fail(store, begin, end):
        if len(store.asked) > 2:
            return
        if began.wait(30):
            assert failed.wait(30)
            time.sleep(0.05)  # the call must wait for this part
        else:
            failed.set()
            raise OSError("cable cut")

    far.on_part = fail
    with pytest.raises(OSError, match="cable cut") as caught:
        opened(far)[...]
    assert far.inside == 0
    assert len(far.asked) < PARTS
    assert any("key 'a/c/0/0'" in note for note in caught.value.__notes__)
    far.on_part = lambda store, begin, end: None
    assert one_value(opened(far)[...]) == 1


def test_a_part_that_cannot_be_decoded(far, monkeypatch):
    def refuse(data):
        raise ValueError("not what was encoded")

    monkeypatch.setattr(seen, "hook", refuse)
    with pytest.raises(ChunkError, match=r"chunk \(\d+, 0\), key 'a/c/0/0'"):
        opened(far)[...]


def test_a_part_that_is_cut_off(far):
    """The index points behind the end."""
    value = far.values["a/c/0/0"]
    far.values["a/c/0/0"] = value[: 17 * CHUNK] + value[-CHUNKS * 16 - 4 :]
    with pytest.raises(ChunkError, match="key 'a/c/0/0'"):
        opened(far)[...]


def test_an_interrupt_waits_for_the_parts_in_flight(far):
    """Ctrl-C comes in the calling thread while a helper's part is in flight. No helper uses the result afterwards."""
    main, waits, left, ended = threading.get_ident(), threading.Event(), threading.Event(), []

    def interrupt(store, begin, end):
        if threading.get_ident() == main:
            try:
                waits.set()
                assert left.wait(30)
            finally:
                left.set()
        elif not left.is_set():
            assert waits.wait(30)  # otherwise the interrupt may come before the caller has a part
            signal.pthread_kill(main, signal.SIGINT)
            assert left.wait(30)
            time.sleep(0.05)
            ended.append(begin)

    far.concurrency, far.on_part = 2, interrupt
    out = np.zeros(SHAPE, "u1")
    with pytest.raises(KeyboardInterrupt):
        opened(far).read(..., out=out)
    assert ended
    assert far.inside == 0
    asked, before = len(far.asked), out.copy()
    assert asked < PARTS
    time.sleep(0.05)
    assert len(far.asked) == asked
    assert (out == before).all()


def test_a_failure_of_another_shard_ends_the_parts(versions):
    """The parts of a shard that are not begun when another shard of the same call fails are not asked for."""
    far = Far({**documents((2 * CHUNKS, CHUNK)), "a/c/0/0": versions[0]}, concurrency=2)
    began = threading.Event()
    failed = threading.Event()

    class Failing(FarReader):
        def ask(self, start, length):
            assert began.wait(30)
            failed.set()
            raise OSError("cable cut")

    far.reader = lambda key: Failing(far, key) if key == "a/c/1/0" else FarReader(far, key)

    def hold(store, begin, end):
        began.set()
        assert failed.wait(30)
        time.sleep(0.3)  # the failure needs a moment to be known

    far.on_part = hold
    with pytest.raises(OSError, match="cable cut"):
        opened(far)[...]
    assert far.inside == 0
    assert len(far.asked) <= 2


# ---------------------------------------------------------------- what is not read in parts


def test_one_thread_reads_whole_shards_as_one(far):
    sz.set_num_threads(1)
    assert one_value(opened(far)[...]) == 1
    assert (far.indexes, len(far.asked), far.wholes) == (0, 0, 1)


def test_readers_without_twins(far):
    """A shard is read whole; of a smaller part, the ranges are one request, which is decoded when it is there."""
    far.has_twins = False
    arr = opened(far)
    assert one_value(arr[...]) == 1
    assert (far.indexes, len(far.asked), far.wholes) == (0, 0, 1)
    assert one_value(arr[:11]) == 1
    assert (far.indexes, len(far.asked), far.wholes) == (1, 2, 1)  # ranges of up to 8 MiB


def test_small_shards_are_read_whole():
    values = np.arange(64 * 64, dtype="u2").reshape(64, 64)
    store = MemoryStore()
    sz.create_array(store, "a", data=values, chunks=(8, 8), shards=(64, 64))
    far = Far({key: store.get(key) for key in store.list()})
    assert (opened(far)[...] == values).all()
    assert (far.indexes, len(far.asked), far.wholes) == (0, 0, 1)


def test_a_slow_store_over_memory(versions):
    store = SlowStore(MemoryStore({**documents(), "a/c/0/0": versions[0]}), latency=0.001)
    assert one_value(opened(store)[...]) == 1
