"""Reading from many threads, from inside the pool, by futures, in a forked child, and with one thread only."""

import os
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, sharding
from tests.support.helpers import Counting, Failing, Waiting, within

CHAIN = [LITTLE, codec("zstd", level=0, checksum=True)]
VALUES = np.random.default_rng(0).integers(60000, size=(60, 80)).astype("u2")
KINDS = ["memory", "local", "python"]
pytestmark = pytest.mark.usefixtures("pool")


@pytest.fixture(params=[f"{kind} {way}" for kind in KINDS for way in ("chunks", "shards")])
def arr(request, tmp_path):
    """VALUES in small chunks or shards; in memory, in a directory, and behind plain methods."""
    kind, way = request.param.split()
    codecs = [sharding([5, 4], [LITTLE, CRC32C])] if way == "shards" else CHAIN
    store = oracle.write_array({}, "", VALUES, [15, 8], codecs=codecs)
    return sz.open_array({"memory": dict, "local": lambda s: oracle.dump(s, tmp_path), "python": Counting}[kind](store))


def read_at_random(arr, seed):
    """Twenty boxes of the array, each compared."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        (a, b), (c, d) = np.sort(rng.integers(61, size=2)), np.sort(rng.integers(81, size=2))
        assert arr[a:b, d:c:-1].tobytes() == VALUES[a:b, d:c:-1].tobytes()
    assert arr[...].tobytes() == VALUES.tobytes()
    return seed


def test_sixteen_threads_read_one_array(arr):
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda seed: read_at_random(arr, seed), range(16), timeout=60)) == list(range(16))


def test_reads_from_inside_the_pool(arr):
    within(60, executor.parallel_for, lambda i: read_at_random(arr, i), 32)


def test_futures_from_inside_the_pool(arr):
    def task(_):
        assert arr.read_future(np.s_[3:50]).result(30).tobytes() == VALUES[3:50].tobytes()

    within(60, executor.parallel_for, task, 32)
    within(60, executor.parallel_for, lambda i: executor.parallel_for(task, 3), 16)


@pytest.mark.parametrize("codecs", [CHAIN, [sharding([5, 4])]], ids=["chunks", "shards"])
def test_error_in_one_of_many_chunks(codecs):
    store = oracle.write_array({}, "", VALUES, [15, 8], codecs=codecs)
    bad = sz.open_array(Failing(store, OSError("cable cut"), "c/2/3"))
    for _ in range(20):
        with pytest.raises(OSError, match="cable cut"):
            bad[...]
    assert bad[:30].tobytes() == VALUES[:30].tobytes()


def test_results_of_futures(arr):
    futures = [arr.read_future(np.s_[i : i + 7]) for i in range(40)]
    chunks = [arr.get_chunk_future((i, 0)) for i in range(arr.grid_shape[0])]
    for i, future in enumerate(futures):
        assert future.result(30).tobytes() == VALUES[i : i + 7].tobytes()
    height, width = arr.chunks
    for i, future in enumerate(chunks):
        assert future.result(30).tobytes() == VALUES[i * height : (i + 1) * height, :width].tobytes()


@pytest.fixture
def waiting():
    """An array of four chunks whose store gives out none before its gate is open; in the end it is."""
    store = Waiting(oracle.write_array({}, "", np.arange(1, 9, dtype="u2"), [2], codecs=CHAIN))
    yield sz.open_array(store)
    store.gate.set()


def test_future_can_be_cancelled_before_it_begins(waiting):
    busy = []
    for i in range(executor.get_num_threads()):  # one after the other: what waits together is read together
        busy.append(waiting.read_future(np.s_[2 * i : 2 * i + 1]))  # and a chunk each, as one is fetched once
        assert waiting.store.asked.acquire(timeout=30)
    last = waiting.read_future(np.s_[2:4])
    assert not last.done()
    assert last.cancel()
    assert not busy[0].cancel()
    waiting.store.gate.set()
    assert [f.result(30).tolist() for f in busy] == [[1], [3], [5], [7]]
    with pytest.raises(CancelledError):
        last.result(30)
    assert waiting[...].tolist() == list(range(1, 9))


def test_reads_go_on_while_the_pool_is_busy(waiting):
    busy = []
    for i in range(executor.get_num_threads()):
        busy.append(waiting.read_future(np.s_[2 * i : 2 * i + 1]))
        assert waiting.store.asked.acquire(timeout=30)
    other = sz.open_array(waiting.store.data)
    assert within(30, lambda: other[...]).tolist() == list(range(1, 9))
    assert not busy[0].done()


def test_exception_of_a_future():
    store = oracle.write_array({}, "", VALUES, [15, 8], codecs=CHAIN)
    store["c/2/2"] = b"?"
    arr = sz.open_array(store)
    assert isinstance(arr.read_future().exception(30), sz.ChunkError)
    assert isinstance(arr.get_chunk_future((2, 2)).exception(30), sz.ChunkError)
    assert arr.read_future(np.s_[:30]).exception(30) is None


def test_one_thread_means_this_thread(tmp_path):
    sz.set_num_threads(1)
    store = Waiting(oracle.write_array({}, "", VALUES, [15, 8], codecs=CHAIN))
    store.gate.set()
    arr = sz.open_array(store)
    before = threading.active_count()
    assert arr[...].tobytes() == VALUES.tobytes()
    future = arr.read_future()
    assert future.done()
    assert future.result(0).tobytes() == VALUES.tobytes()
    assert set(store.threads) == {threading.get_ident()}
    assert threading.active_count() <= before
    assert sz.open_array(oracle.dump(store.data, tmp_path))[...].tobytes() == VALUES.tobytes()


def test_several_threads_are_used(waiting):
    future = waiting.read_future()
    for _ in range(2):
        assert waiting.store.asked.acquire(timeout=30), "the second chunk is asked for before the first arrives"
    waiting.store.gate.set()
    assert future.result(30).tolist() == list(range(1, 9))


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None])
def test_number_of_threads_is_checked(n):
    before = sz.get_num_threads()
    with pytest.raises((ValueError, TypeError)):
        sz.set_num_threads(n)
    assert sz.get_num_threads() == before


def test_number_of_threads_may_change_while_reads_run(arr):
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(read_at_random, arr, seed) for seed in range(8)]
        while not all(f.done() for f in futures):
            for n in (1, 3, 2, 5):
                sz.set_num_threads(n)
                time.sleep(0.002)
        assert [f.result(60) for f in futures] == list(range(8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("busy", [False, True])
def test_a_forked_child_reads(arr, busy):
    assert arr[...].tobytes() == VALUES.tobytes()
    stop = threading.Event()
    other = threading.Thread(target=lambda: [arr[...] for _ in iter(stop.is_set, True)] if busy else None)
    other.start()
    time.sleep(0.02)
    child = os.fork()
    if child == 0:
        same = arr[...].tobytes() == VALUES.tobytes() == arr.read_future().result(10).tobytes()
        os._exit(0 if same else 3)
    stop.set()
    other.join()
    assert exit_code(child, 20) == 0
    assert arr[...].tobytes() == VALUES.tobytes()


def exit_code(child, seconds):
    """The exit code of a child, which is killed if it does not end in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "the child hangs"
