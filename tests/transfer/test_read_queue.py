"""Reads that wait for a thread: each Future is fulfilled, and an interrupted read is not made."""

import threading

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from tests.support.helpers import Rounds

pytestmark = pytest.mark.usefixtures("pool")


@pytest.fixture
def queued():
    """An array whose reads wait together, and the event that releases them."""
    release = threading.Event()
    busy = [executor.submit(release.wait, 30) for _ in range(4)]
    yield sz.create_array({}, data=np.arange(8), chunks=1), release
    release.set()
    assert all(future.result(30) for future in busy)


def test_reads_that_a_thread_has_taken_are_fulfilled(queued, monkeypatch):
    def interrupted(array, reads):
        raise SystemExit

    arr, release = queued
    monkeypatch.setattr("simplezarr.transfer.read_queue.ReadQueue._read_together", interrupted)
    futures = [arr.read_future(i) for i in range(2)]
    release.set()
    for future in futures:
        with pytest.raises(SystemExit):
            future.result(30)


def test_an_interrupted_read_is_not_made_later(queued, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    arr, release = queued
    out = np.full(8, -1)
    with monkeypatch.context() as patched:
        patched.setattr(executor, "enqueue", interrupted)
        with pytest.raises(KeyboardInterrupt):
            arr.read_future(out=out)
    later = arr.read_future(1)
    release.set()
    assert later.result(30) == 1
    assert (out == -1).all()


def test_a_read_that_no_thread_can_make_is_made_here(queued, monkeypatch):
    arr, _ = queued
    monkeypatch.setattr(executor, "enqueue", lambda *args: False)
    assert arr.read_future(3).result(0) == 3


def test_futures_of_many_arrays_take_few_round_trips():
    """They wait for the store together, however few threads compute."""
    data = {}
    for i in range(20):
        sz.create_array(data, f"x{i}", data=np.arange(50) + i)
    store = Rounds(sz.MemoryStore(data))
    arrays = [sz.open_array(store, f"x{i}") for i in range(20)]
    store.rounds = 0
    futures = [array.read_future() for array in arrays]
    assert all((future.result() == np.arange(50) + i).all() for i, future in enumerate(futures))
    assert store.rounds < 5
