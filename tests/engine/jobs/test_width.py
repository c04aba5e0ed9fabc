"""How many requests for small chunks a call makes at a time: few if a store answers at once, otherwise all."""

import threading
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from tests.support.helpers import within

pytestmark = pytest.mark.usefixtures("pool")

VALUES = np.arange(4000, dtype="u2").reshape(400, 10)
FEW = 9  # the caller and the helpers that come at first


class Answering(sz.WrapperStore):
    """A store whose answers take some time, those after the first `quick` ones `seconds` more.

    It counts the requests for chunks at a time.
    """

    in_memory = False
    concurrency = 24

    def __init__(self, store, seconds, quick=0):
        super().__init__(store)
        self.seconds, self.quick, self.lock_of_counts = seconds, quick, threading.Lock()
        self.start()

    def start(self):
        self.now = self.most = self.answers = 0

    def _answer(self, call, key, *args):
        if key.endswith("zarr.json"):
            return call(key, *args)
        with self.lock_of_counts:
            self.now += 1
            self.most = max(self.most, self.now)
            self.answers += 1
            slow = self.answers > self.quick
        time.sleep(self.seconds if slow else 0.0001)
        with self.lock_of_counts:
            self.now -= 1
        return call(key, *args)

    def get(self, key):
        return self._answer(self.store.get, key)

    def set(self, key, value):
        self._answer(self.store.set, key, value)


def array(store_of, chunks=(1, 10)):
    executor.set_num_threads(2)
    memory = sz.MemoryStore()
    sz.create_array(memory, data=VALUES, chunks=chunks, codecs="zstd")
    store = store_of(memory)
    return sz.open_array(store, mode="r+"), store


def most(array, store):
    """Return the most requests at a time of a read and of a write, which must be right."""
    store.start()
    assert within(60, lambda: array[...]).tobytes() == VALUES.tobytes()
    read = store.most
    store.start()
    array[...] = VALUES + 1
    written = store.most
    array[...] = VALUES
    return read, written


def test_few_at_a_time_if_answers_come_at_once():
    found, store = array(lambda memory: Answering(memory, 0, quick=10_000))
    # A pause of the machine may look like slow answers, but not each time.
    tries = [most(found, store) for _ in range(5)]
    assert min(read for read, _ in tries) <= FEW
    assert min(written for _, written in tries) <= FEW


def test_all_at_a_time_if_answers_take_long():
    assert most(*array(lambda memory: Answering(memory, 0.05))) == (24, 24)


def test_all_at_a_time_when_answers_become_slow():
    assert most(*array(lambda memory: Answering(memory, 0.02, quick=100))) == (24, 24)


def test_all_at_a_time_for_few_chunks():
    """As many as there are chunks."""
    found, store = array(lambda memory: Answering(memory, 0.05), chunks=(50, 10))
    assert found[...].tobytes() == VALUES.tobytes()
    assert store.most == 8
