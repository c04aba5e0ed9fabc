"""The pool: every index once, no deadlock however calls are nested, first error first, nothing left behind."""

import gc
import os
import signal
import subprocess
import threading
import time
import weakref
from concurrent.futures import CancelledError, Future

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor, pool
from tests.support.helpers import PYTHON, same_package, within

pytestmark = pytest.mark.usefixtures("pool")


def in_pool():
    return threading.current_thread().name.startswith("simplezarr-")


def python(code, **environment):
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [*PYTHON, "-c", code], env={**same_package(), **environment}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until(holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


# ---------------------------------------------------------------- run


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_run_calls_each_index_once(n, threads):
    executor.set_num_threads(threads)
    seen = []
    executor.parallel_for(seen.append, n)
    assert sorted(seen) == list(range(n))


def test_run_uses_the_caller_and_the_pool():
    together = threading.Barrier(4)
    threads = set()

    def task(_):
        together.wait(30)
        threads.add(threading.get_ident())

    within(60, executor.parallel_for, task, 4)
    assert len(threads) == 4


def test_one_thread_means_the_caller():
    executor.set_num_threads(1)
    threads = set()
    executor.parallel_for(lambda i: threads.add(threading.get_ident()), 50)
    executor.run_workers(lambda: threads.add(threading.get_ident()), 8)
    assert executor.submit(lambda: threads.add(threading.get_ident())).done()
    assert threads == {threading.get_ident()}


def test_first_error_stops_the_rest():
    done = []

    def task(i):
        if i == 20:
            raise KeyError("chunk 20")
        done.append(i)
        time.sleep(0.0005)

    with pytest.raises(KeyError, match="chunk 20") as caught:
        executor.parallel_for(task, 10_000)
    assert len(done) < 100
    assert "task" in [entry.name for entry in caught.traceback]  # where it went wrong, not only where it ended


def test_error_of_a_helper_is_raised_in_the_caller():
    def task(_):
        if in_pool():
            raise OSError("cable cut")
        time.sleep(0.0005)

    with pytest.raises(OSError, match="cable cut"):
        executor.parallel_for(task, 10_000)


def test_helpers_are_done_when_an_error_is_raised():
    running, entered = [], threading.Barrier(4)

    def task(i):
        if i < 4:
            entered.wait(30)
        if i == 0:
            raise ValueError("stop")
        running.append(i)
        time.sleep(0.01)
        running.remove(i)

    for _ in range(10):
        with pytest.raises(ValueError, match="stop"):
            within(60, executor.parallel_for, task, 100)
        assert not running
        entered.reset()


def test_all_fail():
    def task(i):
        raise ValueError(i)

    for _ in range(200):
        with pytest.raises(ValueError, match=r"\d"):
            executor.parallel_for(task, 8)


# ---------------------------------------------------------------- nesting


def test_nested_runs_while_all_threads_are_busy():
    """Tasks that hold every thread of the pool and then want help from it."""
    all_there = threading.Barrier(4)
    counts = []

    def task(i):
        if i < 4:
            all_there.wait(30)
        executor.parallel_for(lambda j: counts.append((i, j)), 10)

    within(60, executor.parallel_for, task, 20)
    assert len(set(counts)) == len(counts) == 200


def test_deep_nesting():
    def descend(depth):
        if depth == 0:
            return 1
        results = []
        executor.parallel_for(lambda _: results.append(executor.submit(descend, depth - 1).result(30)), 2)
        return sum(results)

    assert within(60, descend, 6) == 64
    assert within(60, lambda: executor.submit(descend, 6).result(50)) == 64


def test_futures_that_wait_for_futures():
    def chain(depth):
        return depth if depth == 0 else executor.submit(chain, depth - 1).result(30) + 1

    assert within(60, lambda: [f.result(30) for f in [executor.submit(chain, 20) for _ in range(50)]]) == [20] * 50


def test_many_threads_share_the_pool():
    errors = []

    def user(seed):
        for i in range(50):
            seen = []
            executor.parallel_for(seen.append, 1 + (seed + i) % 9)
            if sorted(seen) != list(range(1 + (seed + i) % 9)):
                errors.append(seen)

    users = [threading.Thread(target=user, args=(seed,)) for seed in range(8)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join(60)
        assert not thread.is_alive()
    assert not errors


# ---------------------------------------------------------------- drain


@pytest.mark.parametrize(("width", "most"), [(-1, 1), (0, 1), (1, 1), (2, 2), (3, 3), (4, 4), (9, 9)])
def test_drain_is_at_most_so_wide(width, most):
    numbers, lock = iter(range(200)), threading.Lock()
    now, peak, seen = 0, 0, []

    def work():
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            seen.append(number)
            time.sleep(0.0002)
        with lock:
            now -= 1

    executor.run_workers(work, width)
    assert sorted(seen) == list(range(200))
    assert peak <= most
    assert now == 0


def test_drain_does_not_wait_for_helpers_that_have_not_begun():
    release = threading.Event()
    busy = [executor.submit(release.wait, 30) for _ in range(4)]
    calls = []
    within(30, executor.run_workers, lambda: calls.append(in_pool()), 4)
    assert calls == [False]
    release.set()
    assert all(f.result(30) for f in busy)
    time.sleep(0.05)
    assert calls == [False]  # nor do they begin later


def test_stop_is_called_when_a_call_fails():
    stopped = threading.Event()

    def work():
        if not in_pool():
            raise ValueError("no more")
        assert stopped.wait(30)

    for _ in range(50):
        stopped.clear()
        with pytest.raises(ValueError, match="no more"):
            within(60, executor.run_workers, work, 4, stopped.set)


def test_drain_lets_go_of_the_work():
    class Buffer:
        pass

    release = threading.Event()
    busy = [executor.submit(release.wait, 30) for _ in range(4)]  # so that the calls for help stay in the queue
    buffer = Buffer()
    gone = weakref.ref(buffer)
    executor.run_workers(lambda buffer=buffer: None, 4)
    del buffer
    assert gone() is None
    release.set()
    assert all(f.result(30) for f in busy)


def test_no_reference_cycle_after_an_error():
    class Buffer:
        pass

    def read():
        buffer = Buffer()
        gone.append(weakref.ref(buffer))

        def task(i):
            if i == 5 or in_pool():
                raise ValueError(f"bad {buffer}")

        executor.parallel_for(task, 100)

    gone = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            with pytest.raises(ValueError, match="bad"):
                read()
        assert [ref() for ref in gone] == [None] * 20
    finally:
        gc.enable()


def test_calls_for_help_do_not_pile_up():
    release = threading.Event()
    busy = [executor.submit(release.wait, 30) for _ in range(4)]
    for _ in range(2000):
        executor.run_workers(lambda: None, 4)
    assert pool.pools()[0].pending <= 32 * 4
    release.set()
    assert all(f.result(30) for f in busy)
    test_run_uses_the_caller_and_the_pool()


# ---------------------------------------------------------------- interrupts


def test_interrupt_in_the_caller_stops_the_helpers():
    helping, begun = [], threading.Event()

    def task(_):
        if in_pool():
            helping.append(1)
            begun.set()
            time.sleep(0.01)
            helping.pop()
        elif begun.wait(30):
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        executor.parallel_for(task, 10_000)
    assert not helping
    assert time.monotonic() - start < 10


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_ctrl_c_while_waiting_for_helpers():
    begun, stopped = threading.Event(), threading.Event()

    def work():
        if in_pool():
            begun.set()
            time.sleep(0.05)  # until the caller waits
            os.kill(os.getpid(), signal.SIGINT)
            assert stopped.wait(30)
            finished.append(1)
        else:
            assert begun.wait(30)

    finished = []
    with pytest.raises(KeyboardInterrupt):
        executor.run_workers(work, 2, stopped.set)
    assert finished == [1]
    test_run_uses_the_caller_and_the_pool()


# ---------------------------------------------------------------- submit


def test_submit():
    future = executor.submit(lambda *args, **kwargs: (args, kwargs, in_pool()), 1, fn=2)
    assert isinstance(future, Future)
    assert future.result(30) == ((1,), {"fn": 2}, True)


@pytest.mark.parametrize("threads", [1, 4])
def test_submit_keeps_the_error_for_the_future(threads):
    executor.set_num_threads(threads)
    future = executor.submit(int, "x")
    with pytest.raises(ValueError, match="invalid literal"):
        future.result(30)


def test_interrupt_in_a_call_made_here_is_not_kept():
    executor.set_num_threads(1)

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        executor.submit(interrupted)


def test_a_queued_call_can_be_cancelled():
    release = threading.Event()
    busy = [executor.submit(release.wait, 30) for _ in range(4)]
    calls = []
    future = executor.submit(calls.append, 1)
    assert future.cancel()
    release.set()
    assert all(f.result(30) for f in busy)
    with pytest.raises(CancelledError):
        future.result(30)
    assert executor.submit(len, "abc").result(30) == 3
    assert not calls


def test_every_call_is_made():
    made = []
    for future in [executor.submit(made.append, i) for i in range(500)]:
        future.result(30)
    assert sorted(made) == list(range(500))


def test_idle_threads_keep_nothing_alive():
    class Buffer:
        pass

    buffer = Buffer()
    gone = weakref.ref(buffer)
    assert executor.submit(id, buffer).result(30) == id(buffer)
    del buffer
    end = time.monotonic() + 10
    while gone() is not None and time.monotonic() < end:
        time.sleep(0.001)
    assert gone() is None


# ---------------------------------------------------------------- the number of threads


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None, True, 65_537, 2**40, 2**70])
def test_set_num_threads_is_checked(n):
    with pytest.raises((TypeError, ValueError), match="number of threads"):
        executor.set_num_threads(n)
    assert executor.get_num_threads() == 4


def test_the_most_threads_can_be_set_and_read_with():
    executor.set_num_threads(65_536)
    array = sz.create_array({}, data=np.arange(100), chunks=10, shards=50)
    np.testing.assert_array_equal(array[:], np.arange(100))
    with pytest.raises(ValueError, match="at most 65536, not 65537"):
        executor.set_num_threads(65_537)


def test_set_num_threads_lets_what_runs_end():
    release = threading.Event()
    futures = [executor.submit(lambda i=i: release.wait(30) and i) for i in range(20)]  # four run, the rest is queued
    executor.set_num_threads(2)
    assert executor.submit(lambda: "new pool").result(30) == "new pool"
    release.set()
    assert [future.result(30) for future in futures] == list(range(20))


def pool_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("simplezarr-")]


def test_threads_of_an_old_pool_end():
    test_run_uses_the_caller_and_the_pool()
    assert pool_threads()
    executor.set_num_threads(2)
    wait_until(lambda: not pool_threads())


@pytest.mark.parametrize("value", ["0", "-2", "two", "1.5", "²", "65537", str(2**40), "9" * 5000])
def test_environment_is_checked(value, monkeypatch):
    monkeypatch.setenv("SIMPLEZARR_NUM_THREADS", value)
    with pytest.raises(ValueError, match="SIMPLEZARR_NUM_THREADS") as caught:
        pool.threads_from_environment()
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(("value", "wanted"), [("3", 3), (" 5 ", 5), ("1", 1), ("", None)])
def test_environment(value, wanted):
    default = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    code = "from simplezarr.runtime import executor; print(executor.get_num_threads())"
    assert python(code, SIMPLEZARR_NUM_THREADS=value) == str(wanted or default)


def no_thread(*_):
    raise RuntimeError("can't start new thread")


def test_no_thread_can_be_started(monkeypatch):
    """As when the system's limit is reached: all goes on in the calling thread."""
    monkeypatch.setattr(pool, "start_new_thread", no_thread)
    executor.set_num_threads(4)
    seen = []
    executor.parallel_for(seen.append, 100)
    assert seen == list(range(100))
    assert executor.submit(len, "abc").result(0) == 3


def test_only_one_thread_can_be_started(monkeypatch):
    start, budget = pool.start_new_thread, [1]

    def starting(*args):
        return start(*args) if budget and budget.pop() else no_thread()

    executor.set_num_threads(5)
    monkeypatch.setattr(pool, "start_new_thread", starting)
    seen = []
    executor.parallel_for(lambda i: (time.sleep(0.001), seen.append(i)), 50)
    assert sorted(seen) == list(range(50))
    assert executor.submit(in_pool).result(30)


# ---------------------------------------------------------------- beginning and end of a process


def test_import_starts_nothing():
    code = "import sys, threading; before = threading.active_count(); from simplezarr.runtime import executor, pool\n"
    assert python(code + "print(threading.active_count() - before, pool.pools())") == "0 ()"


def test_submitted_calls_are_made_before_the_program_ends():
    code = """
import os, time
from simplezarr.runtime import executor
executor.set_num_threads(2)
for i in range(6):
    executor.submit(lambda i=i: (time.sleep(0.02), os.write(1, b"%d\\n" % i)))
executor.set_num_threads(3)
executor.submit(lambda: os.write(1, b"new pool\\n"))
"""
    assert sorted(python(code).split("\n")) == [*"012345", "new pool"]


def test_calls_at_exit():
    code = """
import atexit, threading
from simplezarr.runtime import executor
def last():
    executor.parallel_for(lambda i: None, 100)
    print(executor.submit(len, "abc").result(5), threading.active_count())
atexit.register(last)
executor.set_num_threads(4)
executor.parallel_for(lambda i: None, 100)
"""
    assert python(code) == "3 1"
    assert python(code.replace("executor.parallel_for(lambda i: None, 100)\n", "", 1)) == "3 1"


FIRST_READ = """
import atexit, threading, time
import numpy as np
import simplezarr as sz
array = sz.create_array({}, data=np.arange(64), chunks=1)
def last():
    ok = [*array[...]] == [*array.read_future().result(20)] == [*range(64)]
    sz.set_num_threads(4)
    print(ok and array.read().sum() == 2016)
"""


def test_first_read_in_an_exit_handler():
    assert python(FIRST_READ + "atexit.register(last)", SIMPLEZARR_NUM_THREADS="4") == "True"
    assert python("import threading" + FIRST_READ + "atexit.register(last)", SIMPLEZARR_NUM_THREADS="4") == "True"


def test_first_read_in_a_thread_that_outlives_main():
    code = """
def wait():
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    last()
threading.Thread(target=wait).start()
"""
    assert python(FIRST_READ + code, SIMPLEZARR_NUM_THREADS="4") == "True"
    assert python(FIRST_READ + "last()" + code, SIMPLEZARR_NUM_THREADS="4") == "True\nTrue"


# ---------------------------------------------------------------- callbacks of Futures


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_callbacks_that_raise_harm_nothing(error, caplog):
    """Neither the threads, nor other callbacks, nor other Futures."""
    release, seen = threading.Event(), []

    def callback(future):
        seen.append(future.result())
        raise error

    arr = sz.create_array({}, data=np.arange(8), chunks=1)
    busy = [executor.submit(release.wait, 30) for _ in range(4)]  # so that the reads wait together
    futures = [arr.read_future(i) for i in range(8)] + [executor.submit(abs, -i) for i in range(8, 16)]
    for future in futures:
        future.add_done_callback(callback)
        future.add_done_callback(callback)
    release.set()
    assert [future.result(30) for future in futures + busy] == [*range(16), True, True, True, True]
    wait_until(lambda: len(seen) == 32)
    wait_until(lambda: pool.pools()[0].pending == 0)
    assert pool.pools()[0].threads == 4
    assert len(caplog.records) == (0 if error is SystemExit else 32)
    test_run_uses_the_caller_and_the_pool()


def test_what_a_callback_raises_in_the_calling_thread_is_for_the_caller():
    def callback(_):
        raise KeyboardInterrupt

    future = executor.submit(abs, -1)
    assert future.result(30) == 1
    with pytest.raises(KeyboardInterrupt):
        future.add_done_callback(callback)
