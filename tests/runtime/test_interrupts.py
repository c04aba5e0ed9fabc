"""Interrupts: whatever a signal handler raises, and wherever, no lock stays locked and nothing leaks."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor, pool
from simplezarr.runtime.futures import Future
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.runtime.pool import in_pool
from simplezarr.runtime.sync import Condition
from simplezarr.stores import MemoryStore
from tests.support.helpers import within
from tests.support.interrupts import PACKAGE, Stop, interrupted


def wait_until_idle():
    """No call is queued or being made."""
    end = time.monotonic() + 10
    while any(pool.pending for pool in pool.pools()):
        assert time.monotonic() < end, "a call is still under way"
        time.sleep(0.0005)


def count_events(operation):
    """How many places there are at which `interrupted` may raise."""
    count = 0

    def trace(frame, *_):
        nonlocal count
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        operation()
    finally:
        sys.settrace(before)
    return count


def raise_at(moments, operation):
    """Call an operation, and raise in it when so many seconds have passed, and again when so many more have."""
    first, second = moments
    delays, over = [second], False

    def handle(*_):
        if not over:
            if delays:
                signal.setitimer(signal.ITIMER_REAL, delays.pop())
            raise Stop

    before = signal.signal(signal.SIGALRM, handle)
    try:
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, first)
                operation()
            finally:
                over = True
        except Stop:
            over = True
    except Stop:
        over = True
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def in_thread(operation):
    """What another thread gets, soon."""
    return within(10, operation)


def use(lock):
    with lock:
        pass


# ---------------------------------------------------------------- locks


def test_a_lock_is_released_wherever_its_user_is_interrupted():
    owner, at = {}, 0

    def operation():
        with KeyLock(owner, "a"), KeyLock(owner, "b"):
            at  # noqa: B018

    while interrupted(operation, at, only=__file__):
        in_thread(lambda: use(KeyLock(owner, "a")))
        in_thread(lambda: use(KeyLock(owner, "b")))
        use(KeyLock(owner, "a"))
        at += 1
    assert at > 10


def test_a_lock_goes_with_its_last_reference():
    lock = KeyLock(None, "x")
    lock.__enter__()
    assert KeyLock.mine(None, "x") is lock
    del lock
    assert KeyLock.mine(None, "x") is None
    in_thread(lambda: use(KeyLock(None, "x")))


def test_a_subclass_in_python_extends_the_lock():
    seen = []

    class Both(KeyLock):
        def __enter__(self):
            super().__enter__()
            seen.append("in")
            return self

        def __exit__(self, *error):
            seen.append("out")
            super().__exit__()

    with Both(None, "\udcff") as lock:
        assert KeyLock.mine(None, "\udcff") is lock
        with pytest.raises(RuntimeError, match="holds the lock"):
            use(KeyLock(None, "\udcff"))
        assert in_thread(lambda: KeyLock.mine(None, "\udcff")) is None
    assert seen == ["in", "out"]
    assert KeyLock.mine(None, "\udcff") is None


def test_locks_exclude_and_leave_nothing():
    inside, most, total = [0] * 5, 0, 0

    def work(seed):
        nonlocal most, total
        for i in range(400):
            key = (seed * 7 + i * i) % 5
            with KeyLock(None, f"key {key}"):
                inside[key] += 1
                most = max(most, inside[key])
                time.sleep(0)
                inside[key] -= 1

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 1


@pytest.mark.parametrize("send", [signal.raise_signal, lambda number: os.kill(os.getpid(), number)])
def test_who_waits_for_a_lock_hears_signals(send):
    held, release = threading.Event(), threading.Event()

    def hold():
        with KeyLock(None, "w"):
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    sender = threading.Timer(0.1, send, [signal.SIGINT])
    sender.start()
    with pytest.raises(KeyboardInterrupt):
        use(KeyLock(None, "w"))
    release.set()
    holder.join(30)
    sender.join(30)
    use(KeyLock(None, "w"))


def test_a_signal_handler_takes_locks_too():
    taken = []
    before = signal.signal(signal.SIGALRM, lambda *_: taken.append(use(KeyLock(None, "handler"))))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            with KeyLock(None, "main"):
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(taken) > 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12: fork beside threads
def test_a_forked_child_holds_no_lock():
    let_go = []

    class Open(KeyLock):
        def let_go(self):
            let_go.append(self)

    with Open(None, "f") as lock:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                assert let_go == [lock]
                assert KeyLock.mine(None, "f") is None
                use(KeyLock(None, "f"))
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        assert not let_go
        assert KeyLock.mine(None, "f") is lock
    with Open(None, "f"):
        pid = os.fork()
    if not pid:  # the child has left the block, and may enter another
        os._exit(0 if within(10, lambda: use(KeyLock(None, "f"))) is None else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_an_interrupted_update_leaves_the_document_unlocked():
    attrs = sz.create_group(store := MemoryStore()).attrs
    at, n = 0, 0
    while interrupted(partial(attrs.update, n=n), at):
        in_thread(partial(attrs.update, m=n))
        assert sz.open(store).attrs["m"] == n
        at, n = at + 23, n + 1
    assert n > 10


# ---------------------------------------------------------------- threads


def tell_main(times=1):
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.02)


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("times", [1, 2, 5])
def test_who_lends_memory_waits_for_its_helpers_through_interrupts(times):
    begun, ended = threading.Event(), []

    def work():
        if not in_pool():
            assert begun.wait(30)
            return
        begun.set()
        time.sleep(0.05)  # until the caller waits
        tell_main(times)
        ended.append(1)

    with pytest.raises(KeyboardInterrupt):
        executor.run_workers(work, 2)
    assert ended == [1]
    wait_until_idle()


@pytest.mark.usefixtures("pool")
def test_interrupts_on_the_way_to_stop_the_helpers():
    """The first is raised, but not before the helpers have been told, and have ended."""
    begun, stopped, ended, calls = threading.Event(), threading.Event(), [], []

    def work():
        if in_pool():
            begun.set()
            assert stopped.wait(30)
            ended.append(1)
        else:
            assert begun.wait(30)
            raise Stop("first")

    def stop():
        calls.append(1)
        if len(calls) < 5:
            raise Stop("later")
        stopped.set()

    with pytest.raises(Stop, match="first"):
        executor.run_workers(work, 2, stop)
    assert ended
    wait_until_idle()


@pytest.mark.usefixtures("pool")
def test_an_interrupted_read_leaves_no_thread_at_work():
    inside, asked = set(), threading.Semaphore(0)

    class Slow(sz.WrapperStore):
        in_memory, concurrency = False, 8

        def get(self, key):
            if key.endswith("zarr.json"):
                return super().get(key)
            inside.add(key)
            try:
                asked.release()
                if in_pool() and sender.acquire(blocking=False):
                    for _ in range(8):
                        assert asked.acquire(timeout=30)
                    tell_main(3)
                time.sleep(0.2)
                return super().get(key)
            finally:
                inside.remove(key)

    sz.create_array(store := MemoryStore(), data=np.arange(64), chunks=1)
    arr, out, sender = sz.open_array(Slow(store)), np.zeros(64, int), threading.Lock()
    with pytest.raises(KeyboardInterrupt):
        arr.read(out=out)
    assert not inside
    before = out.copy()
    time.sleep(0.3)
    np.testing.assert_array_equal(out, before)
    assert arr[5] == 5


@pytest.mark.usefixtures("pool")
def test_a_gate_lets_in_as_many_as_it_should():
    now, most, guard = 0, 0, threading.Lock()

    def task(_):
        nonlocal now, most
        with gate:
            with guard:
                now += 1
                most = max(most, now)
            time.sleep(0.0005)
            with guard:
                now -= 1

    gate = executor.compute_semaphore(16)
    within(60, executor.parallel_for, task, 300, 16)
    assert most == 4
    assert now == 0


@pytest.mark.usefixtures("pool")
def test_an_interrupt_before_a_gate_takes_no_place_in_it():
    gate, release, inside = executor.compute_semaphore(5), threading.Event(), threading.Barrier(5)

    def hold():
        with gate:
            inside.wait(30)
            release.wait(30)

    held = [executor.submit(hold) for _ in range(4)]
    inside.wait(30)
    for _ in range(5):
        threading.Timer(0.05, tell_main).start()
        with pytest.raises(KeyboardInterrupt), gate:
            pass
    release.set()
    assert [future.result(30) for future in held] == [None] * 4
    with gate, gate, gate, gate:
        pass


# ---------------------------------------------------------------- waiting for a Future


def test_conditions():
    condition, seen = Condition(), []

    def wait(i):
        with condition:
            seen.append(i)
            return condition.wait(20)

    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(wait, i) for i in range(4)]
        while len(seen) < 4:
            time.sleep(0.001)
        with condition, condition:
            condition.notify(2)
        done, _ = futures.wait(waiting, 20, futures.FIRST_COMPLETED)
        assert all(future.result() for future in done)
        with condition:
            condition.notify_all()
        assert [future.result(20) for future in waiting] == [True] * 4
    with condition, condition:
        start = time.monotonic()
        assert condition.wait(0.1) is False
        assert time.monotonic() - start > 0.09
    for method in [condition.release, condition.wait, condition.notify, condition.notify_all]:
        with pytest.raises(RuntimeError, match="does not hold"):
            method()
    in_thread(lambda: use(condition))


def test_who_waits_for_a_condition_hears_signals_and_holds_it_then():
    condition = Condition()
    for timeout in (None, 20, 0.2):
        threading.Timer(0.1, tell_main).start()
        with condition, condition:
            with pytest.raises(KeyboardInterrupt):
                condition.wait(timeout)
            condition.notify_all()
        in_thread(partial(use, condition))


def test_a_future_is_one_of_the_standard_library():
    one, two = Future(), Future()
    threading.Timer(0.05, one.set_result, [1]).start()
    assert futures.wait([one, two], 20, futures.FIRST_COMPLETED) == ({one}, {two})
    threading.Timer(0.05, two.set_exception, [KeyError("x")]).start()
    assert list(futures.as_completed([one, two], 20)) == [one, two]
    with pytest.raises(KeyError):
        two.result(20)
    with pytest.raises(TimeoutError):
        Future().result(0.01)

    async def wait():
        future = Future()
        threading.Timer(0.05, future.set_result, [3]).start()
        return await asyncio.wrap_future(future)

    assert asyncio.run(wait()) == 3


@pytest.mark.usefixtures("pool")
def test_an_interrupt_of_who_waits_for_a_future_does_not_stop_its_thread():
    """Where the standard library calls a function of its own, a signal handler may run, and raise."""
    waiting = (threading.__file__, futures._base.__file__)
    for at in range(20):
        future, count = executor.submit(time.sleep, 0.01), 0

        def trace(frame, *_):
            nonlocal count
            count += frame.f_code.co_filename in waiting
            if count > at:  # noqa: B023
                sys.settrace(None)
                raise Stop

        sys.settrace(trace)
        with contextlib.suppress(Stop):
            future.result(20)
        sys.settrace(None)
        assert within(10, future.result, 5) is None
        wait_until_idle()


@pytest.mark.usefixtures("pool")
def test_signal_handlers_and_finalisers_read_in_the_midst_of_reads():
    arr = sz.create_array({}, data=np.arange(256).reshape(16, 16), chunks=(1, 16))
    arr.read_future(0).result(20)  # what is imported at first need is there
    read = []

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            read.append(arr[:4].sum())

    def handle(*_):
        read.append(arr[...].sum() - arr.read_future(np.s_[4:]).result(20).sum())
        if len(read) % 8 == 0:
            sz.set_num_threads(3 + len(read) % 3)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            Cycle()
            assert arr[...].sum() == 32640
            assert arr.read_future(np.s_[1]).result(20).sum() == 376
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    gc.collect()
    assert len(read) > 20
    assert set(read) == {2016}
    wait_until_idle()
