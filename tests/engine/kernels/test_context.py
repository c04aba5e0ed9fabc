"""Idle contexts: as many as were at work at one time and never more than a bound, however calls end."""

import threading

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.engine.kernels import context
from simplezarr.stores import SlowStore
from tests.support.helpers import Crowded, Failing

pytestmark = pytest.mark.usefixtures("pool")

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)
MOST_IDLE = 256  # as in context.pyx


def far(store):
    """The same values, from a store that is neither local nor in memory."""
    return sz.open(Crowded(store), "a", mode="r+")


@pytest.fixture
def store():
    store = sz.MemoryStore()
    sz.create_array(store, "a", data=VALUES, chunks=(8, 8), fill_value=9999)
    return store


CALLS = {
    "read": lambda a: a[...],
    "crop": lambda a: a[3:61, 5:50],
    "points": lambda a: a.oindex[[1, 9, 33], [60, 2, 2]],
    "read_many": lambda a: a.read_many([sz.s_[i] for i in range(0, 64, 5)]),
    "write": lambda a: a.write(..., 1),
    "update": lambda a: a.write(sz.s_[::3, ::3], 1),
    "missing": lambda a: a.write(..., 9999) or a[...],
    "append": lambda a: a.append(VALUES[:9]),
}


@pytest.mark.parametrize("name", CALLS)
def test_wide_calls_leave_no_contexts_behind(name, store):
    a, before = far(store), context.idle_contexts()
    for _ in range(60):
        CALLS[name](a)
    assert context.idle_contexts() <= max(before, sz.get_num_threads() + 1)  # as many as compute at a time, and one


PARTS = {
    "slab": lambda a: a[3:12],
    "crop": lambda a: a[3:12, 5:50],
    "rows": lambda a: a.oindex[[1, 25, 49]],
    "points": lambda a: a.vindex[[1, 25, 49], [60, 2, 2]],
    "read_many": lambda a: a.read_many([sz.s_[i] for i in range(0, 64, 21)]),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_shards_leave_no_contexts_behind(name):
    """Few inner chunks of each shard are wanted, so only their ranges are asked for."""
    store = sz.MemoryStore()
    sz.create_array(store, "a", data=VALUES, chunks=(2, 2), shards=(16, 16))
    a, before = far(store), context.idle_contexts()
    for _ in range(60):
        PARTS[name](a)
    assert context.idle_contexts() <= max(before, a.store.concurrency)  # each thread holds one while it asks for ranges


def test_slow_store(store):
    a = sz.open(SlowStore(store, latency=0), "a")
    before = context.idle_contexts()
    for _ in range(100):
        a[...]
    assert context.idle_contexts() <= max(before, sz.get_num_threads() + 1)


def test_failing_calls(store):
    failing = Failing(dict(store.values), OSError("no"))
    b = sz.open(failing, "a")
    before = context.idle_contexts()
    for _ in range(100):
        with pytest.raises(OSError, match="no"):
            b[...]
    assert context.idle_contexts() <= max(before, sz.get_num_threads() + 1)


def test_many_at_once_are_bounded(store):
    """More threads at a time than contexts are kept: what is beyond the bound is freed."""
    threads = MOST_IDLE + 40
    barrier = threading.Barrier(threads)

    class Meeting(sz.WrapperStore):
        in_memory = True  # so each thread keeps its context while it asks

        def get(self, key):
            value = self.store.get(key)
            if "/c/" in key:
                barrier.wait(30)
            return value

    a = sz.open(Meeting(store), "a")
    readers = [threading.Thread(target=lambda: a[0, 0]) for _ in range(threads)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert context.idle_contexts() <= MOST_IDLE
