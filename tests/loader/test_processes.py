"""Loaders and samples in other processes: pickled, forked, forked in the middle of an epoch."""

import itertools
import multiprocessing
import os
import pickle
import signal
import sys
import threading

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Boxes, Cast, Crops, Loader, Rows, Samples, Windows
from simplezarr.loader.loader import delivery_of
from tests.support.helpers import Waiting, within

METHODS = [method for method in ("fork", "forkserver", "spawn") if method in multiprocessing.get_all_start_methods()]
VALUES = np.arange(60 * 6, dtype="i4").reshape(60, 6)


@pytest.fixture
def array(tmp_path):
    return sz.create_array(tmp_path / "a.zarr", data=VALUES, chunks=(7, 4), shards=(14, 8))


def make_loader(array, **arguments):
    return Loader(array, Rows(), batch_size=8, window=5 * 8 * 24, seed=5, **arguments)


def numbers_in(batches):
    """The samples of an epoch, in the order of delivery; the batches must be those of the array."""
    numbers = [batch[:, 0] // 6 for batch in batches]
    for batch, rows in zip(batches, numbers, strict=True):
        np.testing.assert_array_equal(batch, VALUES[rows])
    return [number for rows in numbers for number in rows.tolist()]


def second_half(epoch):
    return [batch.tolist() for batch in epoch]


@pytest.mark.parametrize("method", METHODS)
def test_loaders_and_samples_in_another_process(array, method):
    """Also if the parent has read before, so its threads exist."""
    loader, samples = make_loader(array), Samples(array, Rows())
    first = numbers_in(list(loader))
    with multiprocessing.get_context(method).Pool(1) as pool:  # a function that any process can import: `list`
        found = [numbers_in(pool.apply_async(list, (loader,)).get(60))]
        loader.set_epoch(2)
        found.append(numbers_in(pool.apply_async(list, (loader,)).get(60)))
        rows = pool.apply_async(list, (samples,)).get(60)
    assert found == [loader.order(1).tolist(), loader.order(2).tolist()]
    assert found[0] != first
    np.testing.assert_array_equal(rows, VALUES)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: make_loader(a),
        lambda a: make_loader(a, shuffle="uniform", rank=1, world_size=2),
        lambda a: make_loader(a, indices=np.arange(40), weights=np.arange(40.0), with_index=True),
        lambda a: Loader({"x": a, "y": a}, {"x": Windows(3), "y": Windows(1, offset=3)}, batch_size=4, cast="float32"),
        lambda a: Loader(a, Crops((5, 4), per_epoch=30), batch_size=4, cast=Cast("float16", scale=0.5)),
        lambda a: Loader(a, Boxes([[0, 0], [50, 2], [7, 1]], (10, 4)), batch_size=1, shuffle=False),
    ],
)
def test_pickled_loaders_deliver_the_same(array, make):
    loader = make(array)
    next(iter(loader))  # an iterator in progress is not pickled
    other = pickle.loads(pickle.dumps(loader))
    assert repr(other) == repr(loader)
    assert len(other) == len(loader)
    for _ in range(2):
        expected, found = list(loader), list(other)
        assert pickle.dumps(expected) == pickle.dumps(found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("delivered", [0, 1, 3])
def test_an_epoch_goes_on_in_a_forked_child(array, pool, delivered):
    """Threads of the parent were reading ahead. The child gets every batch that is left, and so does the parent."""
    loader = make_loader(array)
    expected = [batch.tolist() for batch in delivery_of(loader).begin(0, 0)]
    epoch = iter(loader)
    assert [batch.tolist() for batch in itertools.islice(epoch, delivered)] == expected[:delivered]
    with multiprocessing.get_context("fork").Pool(1, initializer=_keep, initargs=(epoch,)) as children:
        assert children.apply_async(_rest).get(60) == expected[delivered:]
    assert second_half(epoch) == expected[delivered:]


def _keep(epoch):
    globals()["_epoch"] = epoch


def _rest():
    return second_half(globals()["_epoch"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_is_forked_while_threads_read(pool):
    """What the parent's threads were reading is read again in the child, which has no such threads."""
    store = Waiting({})
    data: dict = {}
    array = sz.create_array(data, data=VALUES, chunks=(7, 6))
    store.data = data
    loader = make_loader(sz.open_array(store))
    expected = [VALUES[rows].tolist() for rows in loader.order(0).reshape(-1, 8)]
    epoch = iter(loader)
    epoch._streams[0]._call_helpers()
    store.asked.acquire(timeout=10)  # a thread reads now
    child = os.fork()
    if child == 0:
        store.gate.set()
        os._exit(0 if within(30, second_half, epoch) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
    store.gate.set()
    assert second_half(epoch) == expected
    assert array.shape == (60, 6)


def test_parts_are_disjoint_and_whole(array):
    """Those that worker processes deliver, also if they are more than there are batches."""
    for parts, arguments in itertools.product((1, 2, 3, 9), ({}, {"drop_last": False}, {"shuffle": "uniform"})):
        loader = make_loader(array, **arguments)
        found, lengths = [], []
        for part in range(parts):
            worker = delivery_of(loader).split(part, parts)
            lengths.append(worker.schedule.batches)
            found += numbers_in(list(worker.begin(4, 0)))
        assert sum(lengths) == len(loader)
        assert len(set(found)) == len(found) == len(loader.order(4))
        assert lengths == sorted(lengths, reverse=True)  # as a DataLoader takes turns
        assert max(lengths) - min(lengths) <= 1


@pytest.mark.skipif(sys.platform == "win32", reason="counts open files in /proc")
def test_an_iterator_that_is_dropped_reads_no_more(array, pool):
    loader = make_loader(array)
    epoch = iter(loader)
    next(epoch)
    streams = epoch._streams
    epoch.close()
    with pytest.raises(StopIteration):
        next(epoch)
    within(10, _until, lambda: not any(stream._helpers for stream in streams))
    assert numbers_in(list(loader)) == loader.order(1).tolist()


def _until(condition):
    while not condition():
        pass


@pytest.mark.parametrize("arguments", [{}, {"drop_last": False}, {"drop_last": False, "rank": 1, "world_size": 3}])
@pytest.mark.parametrize("parts", [2, 3, 9])
def test_parts_in_turn_deliver_the_given_order(array, parts, arguments):
    """Without shuffling. A DataLoader asks its workers in turn."""
    loader = make_loader(array, shuffle=False, **arguments)
    workers = [delivery_of(loader).split(part, parts) for part in range(parts)]
    batches = [[batch.tolist() for batch in worker.begin(0, 0)] for worker in workers]
    turns = [batch for turn in itertools.zip_longest(*batches) for batch in turn if batch is not None]
    assert turns == [batch.tolist() for batch in loader]
    assert len(turns) == len(loader)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("held", ["memory", "cache"])
def test_a_child_does_not_wait_for_a_lock_of_a_thread_that_it_does_not_have(array, held, pool):
    made = Loader(array, Rows(), batch_size=20, shuffle="uniform", cache="1 MiB")
    list(made)
    lock = {"memory": made._delivery.memory, "cache": made._schedule.fields[0].cache}[held]._lock
    taken, end = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            end.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(30)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if sum(map(len, made)) == len(made) * 20 else 1)
    end.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
