"""A shard of a far store that one request brings is decoded by all threads, if there are fewer shards than threads."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import ChunkError
from tests.support.helpers import Crowded, within

pytestmark = pytest.mark.usefixtures("pool")  # of four threads

CHUNKS, CHUNK = 8, 1 << 18
VALUES = np.random.default_rng(0).integers(1, 200, size=(2, CHUNKS, CHUNK), dtype="u1")


@sz.register_codec
@dataclass(frozen=True)
class Hooked(sz.codecs.BytesBytesCodec):
    """Calls `hooks.decode` when it decodes."""

    name = "test.hooked"

    def encode(self, data):
        return data

    def decode(self, data):
        hooks.decode()
        return data


class Hooks:
    def decode(self):
        pass


hooks = Hooks()


def far_array(shards, chunk=CHUNK):
    """Return an array of so many shards of CHUNKS inner chunks, in a store that has to be waited for."""
    return sz.create_array(
        Crowded(sz.MemoryStore()),
        "a",
        data=VALUES[:shards, :, :chunk],
        chunks=(1, 1, chunk),
        shards=(1, CHUNKS, chunk),
        codecs=["bytes", "test.hooked"],
    )


def threads_of(read, monkeypatch):
    """Return how many threads decode, if each waits a moment for others."""
    found, enough = set(), threading.Event()

    def decode():
        found.add(threading.get_ident())
        if len(found) == 4:
            enough.set()
        enough.wait(0.2)

    monkeypatch.setattr(hooks, "decode", decode)
    within(60, read)
    return len(found)


def test_all_threads_decode_one_shard(monkeypatch):
    a = far_array(1)
    meeting = threading.Barrier(4)
    monkeypatch.setattr(hooks, "decode", lambda: meeting.wait(30))
    a.store.take()
    assert np.array_equal(within(60, a.__getitem__, ...), VALUES[:1])
    assert a.store.take() == {"get": 1}


def test_two_shards_have_two_threads_each(monkeypatch):
    a = far_array(2)
    meeting = threading.Barrier(4)
    monkeypatch.setattr(hooks, "decode", lambda: meeting.wait(30))
    assert np.array_equal(within(60, a.__getitem__, ...), VALUES)


def test_a_small_shard_is_decoded_by_one_thread(monkeypatch):
    a = far_array(1, 1 << 10)
    assert threads_of(lambda: a[...], monkeypatch) == 1


def test_steps_negative_and_points():
    a = far_array(2)
    for key in (np.s_[:, ::-1, 5:-7:3], np.s_[1, 7:0:-1], np.s_[0, :, ::-1]):
        assert np.array_equal(a[key], VALUES[key])
    index = np.random.default_rng(1).integers(CHUNKS, size=500)
    assert np.array_equal(a.oindex[1, index], VALUES[1, index])


def test_missing_inner_chunks_are_filled():
    a = far_array(1)
    a[0, 2:4] = 0  # the fill value, which is not stored
    expected = VALUES[:1].copy()
    expected[0, 2:4] = 0
    assert np.array_equal(a.read(out=np.full_like(expected, 9)), expected)


def test_an_error_is_that_of_one_thread(monkeypatch):
    """The first error ends the read, and names the inner chunk as a single thread does."""
    a = far_array(1)
    calls = []

    def decode():
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("broken")

    messages = []
    for threads in (4, 1):
        sz.set_num_threads(threads)
        calls.clear()
        monkeypatch.setattr(hooks, "decode", decode)
        with pytest.raises(ChunkError, match="broken") as raised:
            within(60, a.__getitem__, ...)
        assert raised.value.index[0] == 0
        messages.append(str(raised.value).replace(str(raised.value.index), "INDEX"))
    assert messages[0] == messages[1]


def test_an_interrupt_ends_the_shared_decoding(monkeypatch):
    a = far_array(1)
    calls = []

    def decode():
        calls.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(hooks, "decode", decode)
    with pytest.raises(KeyboardInterrupt):
        a[...]
    assert len(calls) <= 4
    monkeypatch.setattr(hooks, "decode", lambda: None)
    assert np.array_equal(a[...], VALUES[:1])
