"""A process that forks: the child makes its own pool, whatever the parent's threads were doing; the parent goes on."""

import multiprocessing
import os
import threading
import time
import traceback

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from simplezarr.stores import LocalStore, MemoryStore
from tests.oracle import v3 as oracle
from tests.support.helpers import python, within

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # which is what is tested
    pytest.mark.usefixtures("pool"),
]
VALUES = np.arange(4000, dtype="u2").reshape(50, 80)


def in_child(function, *args, seconds=30):
    """Run a function in a forked child, which is killed if it does not end in time; its result must be true."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if function(*args) else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail(f"the child did not end within {seconds} s")


def works():
    """Whether the pool does what it should, with threads of its own."""
    threads, together = set(), threading.Barrier(4)

    def task(i):
        if i < 4:
            together.wait(20)
        threads.add(threading.get_ident())

    executor.parallel_for(task, 100)
    return len(threads) == 4 and executor.submit(pow, 2, 10).result(20) == 1024


@pytest.fixture
def arr(tmp_path):
    codecs = [oracle.LITTLE, oracle.codec("zstd", level=0, checksum=False)]
    store = oracle.write_array({}, "", VALUES, [10, 16], codecs=codecs)
    return sz.open_array(oracle.dump(store, tmp_path))


def reads(arr):
    return arr[...].tobytes() == VALUES.tobytes() == arr.read_future().result(20).tobytes()


def test_fork_before_the_first_use():
    executor.set_num_threads(3)
    executor.set_num_threads(4)
    in_child(works)
    assert works()


def test_fork_after_use():
    assert works()
    for _ in range(5):
        in_child(works)
        assert works()


def test_child_of_a_child():
    assert works()
    in_child(lambda: works() and in_child(works) is None and works())


def test_fork_while_the_pool_is_busy():
    release = threading.Event()
    busy = [executor.submit(release.wait, 30) for _ in range(12)]
    in_child(works)
    release.set()
    assert all(future.result(30) for future in busy)
    assert works()


def test_fork_in_the_midst_of_runs():
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            executor.parallel_for(lambda i: None, 20)

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            in_child(works)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert works()


def test_fork_in_a_thread_of_the_pool():
    """In the child it is an ordinary thread, for which calls go to the new pool."""
    assert within(60, lambda: executor.submit(in_child, works).result(50)) is None


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(arr, method):
    assert reads(arr)
    with multiprocessing.get_context(method).Pool(2) as processes:
        rows = processes.map_async(arr.__getitem__, range(50)).get(60)
    assert np.array(rows).tobytes() == VALUES.tobytes()


def test_child_reads(arr):
    in_child(reads, arr)
    assert reads(arr)
    in_child(reads, arr)
    assert reads(arr)


def test_child_reads_while_the_parent_reads(arr):
    stop = threading.Event()
    threads = [threading.Thread(target=lambda: [reads(arr) for _ in iter(stop.is_set, True)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            in_child(reads, arr)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert reads(arr)


def test_stores_in_a_child(tmp_path):
    store = LocalStore(tmp_path)

    def write():
        executor.parallel_for(lambda i: store.set(f"child/{i}", str(i).encode()), 50)
        return True

    executor.parallel_for(lambda i: store.set(f"parent/{i}", str(i).encode()), 50)
    in_child(write)
    for who in ("parent", "child"):
        assert [store.get(f"{who}/{i}") for i in range(50)] == [str(i).encode() for i in range(50)]


def forked_inside_a_lock(store):
    """A child that leaves the `with` of its parent, then takes the locks that its parent and a thread there hold."""
    with store.lock("own"):
        child = os.fork()
        if child:
            time.sleep(0.3)  # meanwhile the child waits, if the parent's lock is one for it too
            store.set("own", b"parent")
    if child:
        return child
    try:
        for key in ("own", "other"):
            with store.lock(key):
                store.set(key, b"child")
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


@pytest.mark.parametrize("local", [True, False])
def test_a_child_holds_no_lock_of_its_parent(local, tmp_path):
    """And takes none away from it."""
    store = LocalStore(tmp_path) if local else MemoryStore()
    held, done = threading.Event(), threading.Event()

    def hold():
        with store.lock("other"):
            held.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = forked_inside_a_lock(store)
    done.set()
    thread.join(30)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get("own") == (b"child" if local else b"parent")
    assert store.get("other") == (b"child" if local else None)
    assert sorted(os.listdir(tmp_path)) == (["other", "own"] if local else [])


def test_a_child_that_ends_as_a_program_does(tmp_path):
    """Not by `os._exit`: exit handlers run, and what it has submitted is done first."""
    code = """
import os, sys, time
from simplezarr.runtime import executor
executor.set_num_threads(2)
executor.parallel_for(time.sleep, 0)
executor.parallel_for(lambda i: time.sleep(0.001), 20)
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
executor.parallel_for(lambda i: time.sleep(0.001), 20)
executor.submit(lambda: (time.sleep(0.05), print("done in the child", flush=True)))
"""
    assert python(code, seconds=60, directory=tmp_path) == "done in the child\n"


def test_a_multiprocessing_child_finishes_what_it_submitted(tmp_path):
    code = """
import multiprocessing, time
from simplezarr.runtime import executor
def work():
    executor.submit(lambda: (time.sleep(0.05), print("done in the child", flush=True)))
executor.set_num_threads(2)
executor.parallel_for(lambda i: time.sleep(0.001), 20)
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
"""
    assert python(code, seconds=60, directory=tmp_path) == "done in the child\n"


IMPORTING = """
import os, sys, threading, time
import simplezarr as sz
begun, go_on = threading.Event(), threading.Event()
class Gate:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1] and threading.current_thread() is not threading.main_thread():
            begun.set()
            go_on.wait(30)
sys.meta_path.insert(0, Gate())
def use():
    sz.set_num_threads(2)
    array = sz.create_array({}, data=range(8), chunks=1)
    return [*array.read_future().result(20)] == [*range(8)]
thread = threading.Thread(target=use)
thread.start()
assert begun.wait(30), "it is never imported"
threading.Timer(0.2, go_on.set).start()
child = os.fork()
if not child:
    os._exit(0 if use() else 1)
thread.join()
end = time.monotonic() + 20
while time.monotonic() < end:
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.01)
os.kill(child, 9)
sys.exit("the child hangs")
"""


@pytest.mark.parametrize(
    "name", ["simplezarr.api", "simplezarr.runtime.key_locks", "concurrent.futures", "simplezarr.runtime.futures"]
)
def test_fork_while_another_thread_imports(name, tmp_path):
    """The child would wait for ever for a module whose lock a thread of the parent held."""
    python(IMPORTING, name, seconds=60, directory=tmp_path)
