"""Threads: the pools of the package, and the only module that starts any.

The rule that rules out deadlocks: whoever waits, works. The caller of `drain` or `run` is always one of the workers,
so the work gets done even if no pool thread ever comes to help; what it then waits for are calls that run, never calls
still queued. A `submit` inside a pool runs at once, so that a pool thread never waits for a queued call either.

There are two pools: one with as many threads as are to compute, and a wide one, whose threads mostly wait for a store
that is neither local nor in memory. So requests on their way don't crowd the processors, nor computing the requests.

A pool is a queue and some threads, not a ThreadPoolExecutor: waking a helper then costs 9 µs instead of 22, and that
is paid by every read of more than one chunk.
"""

import atexit
import os
from _thread import RLock, allocate_lock, get_ident  # `threading` costs 8 ms: imported at first need
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import deque
    from concurrent.futures import Future as Future

#: The last three serve `locks`.
__all__ = [
    "alone",
    "drain",
    "gate",
    "gather",
    "get_num_threads",
    "hand_over",
    "run",
    "set_num_threads",
    "spare",
    "submit",
    "submit_wide",
    "width",
    "RLock",
    "allocate_lock",
    "get_ident",
]

#: With so many calls for each thread, queued or running, no more help is called for: it would come too late. That also
#: bounds the calls for help that came to nothing, which stay queued while long-running futures keep the pool busy.
MANY_CALLS = 32

_lock = RLock()  # guards the names below; reentrant, as a signal handler or a finaliser may also read an array
_threads = 0  # 0: not known yet
_alone = False  # the user's word that everything is to run in the calling thread
_pool: "_Pool | None" = None
_wide: "_Pool | None" = None
_inside: Any = None  # threading.local: `_inside.pool` is true in the pool's threads
_closed: "list[_Pool]" = []  # pools before a `set_num_threads` that may still be at work
_abandoned: list[Any] = []


def get_num_threads() -> int:
    """Number of threads that work on one call, the calling thread among them.

    It is what `set_num_threads` was given, else the environment variable SIMPLEZARR_NUM_THREADS, else the number of
    processors that this process may use. Stores that are neither local nor in memory are asked by threads of their own.

    >>> get_num_threads() >= 1
    True
    """
    global _threads, _alone
    if not _threads:
        with _lock:
            if not _threads:
                told = _told_threads()
                _threads, _alone = told or _processors(), told == 1
    return _threads


def set_num_threads(n: int) -> None:
    """Set how many threads work on one call, from the next call on.

    With 1, everything runs in the calling thread, and a store gets one request at a time. With any other number, and
    if none was ever set, a store that is neither local nor in memory gets as many as its `Store.concurrency` says.

    >>> before = get_num_threads()
    >>> set_num_threads(4)
    >>> get_num_threads()
    4
    >>> set_num_threads(before)
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"the number of threads must be an integer, not {n!r}")
    if n < 1:
        raise ValueError(f"the number of threads must be at least 1, not {n}; 1 means no threads but the caller's")
    _replace_pools(int(n))


def width(store: Any, near: int = 0) -> int:
    """How many threads work on one call that asks this store: one for each request that it takes at a time. Where
    requests don't wait, `near`, or as many as for anything else.

    >>> from simplezarr.stores import MemoryStore
    >>> width(MemoryStore()) == get_num_threads()
    True
    """
    threads = _threads or get_num_threads()
    concurrency = None if _alone or store.in_memory else store.concurrency
    if concurrency is None:
        return near or threads
    if isinstance(concurrency, bool) or not hasattr(concurrency, "__index__") or concurrency < 1:
        raise ValueError(f"{store!r}: `concurrency` is {concurrency!r}; set it to an integer of at least 1, or to None")
    return int(concurrency)


def gate(width: int) -> AbstractContextManager[object] | None:
    """What the threads of a wide call compute within, so that no more compute at a time than are to; else None.

    Each call needs its own: who is inside may wait for calls that it makes, but never for another thread of its own.
    """
    if width <= (_threads or get_num_threads()):
        return None
    from threading import Semaphore

    return Semaphore(_threads)


def run(task: Callable[[int], object], n: int, width: int = 0) -> None:
    """Call task(0), task(1), …, task(n - 1), in parallel and in no particular order.

    width: how many of them at a time, at most; else as many as there are threads. The first error stops those not yet
    begun and is raised here, once those that had begun are done.

    >>> squares = [0] * 5
    >>> def square(i):
    ...     squares[i] = i * i
    >>> run(square, 5)
    >>> squares
    [0, 1, 4, 9, 16]
    """
    threads = _threads or get_num_threads()
    counter = _Counter(task, n)
    drain(counter.work, min(n, width or threads), counter.stop)


def drain(work: Callable[[], object], width: int, stop: Callable[[], object] | None = None) -> None:
    """Call `work` here and, at the same time, in up to `width` - 1 threads of a pool.

    `work` returns when there is nothing left to do, as when a shared counter is used up. A thread that has not begun
    by the time the caller's own call returns is not waited for, and does not begin any more. The first error is raised
    here after the calls of `work` that had begun have ended; `stop`, if given, is called as soon as a call fails (also
    when the caller is interrupted) and should make the others return early. It may be called more than once.

    >>> numbers, seen = iter(range(100)), []
    >>> drain(lambda: seen.extend(numbers), 1)
    >>> len(seen)
    100
    """
    if width <= 1 or (get_num_threads() == 1 and _alone):
        work()
        return
    crew = _Crew(work, width, stop)
    try:
        crew.call_for_help()
        work()
        crew.close()
    except BaseException as error:
        crew.fail(error)
        crew.close()
        if not isinstance(error, Exception):  # an interrupt comes before what failed in a helper
            crew.errors.clear()
            raise
    if crew.errors:
        _raise_first(crew.errors)


def submit(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
    """Call `fn` in a pool and return the Future of its result.

    If everything is to run in the calling thread, and inside a pool (where waiting for a queued call could wait
    forever), the call is made right here and the Future is done when it is returned. A program that ends waits for the
    calls it has submitted.

    >>> submit(pow, 2, 10).result()
    1024
    """
    return submit_wide(get_num_threads(), fn, *args, **kwargs)


def submit_wide(width: int, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
    """As `submit`, where `width` such calls may be under way at a time."""
    from concurrent.futures import Future

    future: Future[Any] = Future()
    if alone() or not _enqueue(lambda: _fulfil(future, fn, args, kwargs), width):
        _fulfil(future, fn, args, kwargs)
        error = future.exception()
        if error is not None and not isinstance(error, Exception):  # an interrupt is meant for the caller
            raise error
    return future


def alone() -> bool:
    """Whether a call is not to wait for a thread of a pool: there is none, or it is one of these that asks."""
    return (get_num_threads() == 1 and _alone) or getattr(_inside, "pool", False)


def hand_over(waiting: "deque[tuple[Future[Any], Any]]", item: Any, serve: Callable[[], object]) -> "Future[Any]":
    """Put an item and a new Future at the end of `waiting`, have the pool call `serve`, and return the Future.

    `serve` fulfils the Futures of any number of those that wait, as it is called for each of them.
    """
    from concurrent.futures import Future

    future: Future[Any] = Future()
    waiting.append((future, item))
    if not _enqueue(serve, get_num_threads()):
        serve()
    return future


def spare(call: Callable[[], object]) -> bool:
    """Have a thread of the pool make the call, which must not raise, if one has nothing else to do; else False."""
    return _enqueue(call, get_num_threads(), get_num_threads())


def gather(ask: Callable[[Any], Any], items: Sequence[Any], width: int = 0) -> list[Any]:
    """What `ask` gives for each of the items, in their order; otherwise as `run`.

    >>> gather(len, ["a", "bcd"])
    [1, 3]
    """
    answers: list[Any] = [None] * len(items)

    def task(i: int) -> None:
        answers[i] = ask(items[i])

    run(task, len(items), width)
    return answers


class _Counter:
    """Hands out the numbers below `n`, each once."""

    __slots__ = ("lock", "n", "next", "task")

    def __init__(self, task: Callable[[int], object], n: int):
        self.task, self.n, self.next, self.lock = task, n, 0, allocate_lock()

    def work(self) -> None:
        task, n, lock = self.task, self.n, self.lock
        while True:
            with lock:
                i = self.next
                self.next = i + 1
            if i >= n:
                return
            task(i)

    def stop(self) -> None:
        with self.lock:
            self.next = self.n


class _Crew:
    """One call of `drain`: its helpers and what became of them.

    Helpers are called two at a time, and each of them calls two more: with many threads the caller is not kept from its
    own work by waking them all.
    """

    __slots__ = ("closed", "done", "errors", "lock", "running", "stop", "wanted", "width", "work")

    def __init__(self, work: Callable[[], object], width: int, stop: Callable[[], object] | None):
        self.work: Callable[[], object] | None = work
        self.width, self.wanted, self.stop, self.running, self.closed = width, width - 1, stop, 0, False
        self.errors: list[BaseException] = []
        self.lock, self.done = allocate_lock(), allocate_lock()
        self.done.acquire()

    def call_for_help(self) -> None:
        for _ in range(2):
            with self.lock:
                if self.wanted <= 0:
                    return
                self.wanted -= 1
            if not _enqueue(self.help, self.width, MANY_CALLS * max(self.width, _threads)):
                return

    def help(self) -> None:
        """What a pool thread does for this crew."""
        with self.lock:
            work = self.work
            if work is None:
                return
            self.running += 1
        try:
            self.call_for_help()
            work()
        except BaseException as error:
            self.fail(error)
        finally:
            del work  # before the caller goes on: it may count on nobody else holding its buffers
            with self.lock:
                self.running -= 1
                if self.closed and not self.running:
                    self.done.release()

    def fail(self, error: BaseException) -> None:
        with self.lock:
            self.errors.append(error)
            self.wanted = 0
        if self.stop is not None:
            self.stop()

    def close(self) -> None:
        """Let no further helper begin, and wait for those who have. Interrupted, it may be called again."""
        with self.lock:
            self.closed, self.work, self.wanted = True, None, 0
            running = self.running
        if running:
            self.done.acquire()  # the last of them releases it
        self.stop = None  # a helper may hold on to this crew for another moment, but not to what the caller uses


class _Pool:
    """Threads that make the calls put into one queue, in its order. They are started as calls come, up to `size`."""

    def __init__(self, size: int):
        from queue import SimpleQueue

        self.size = size
        self.threads: list[Any] = []
        self.queue: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.pending, self.lock = 0, RLock()  # calls queued or running

    def put(self, call: Callable[[], object], limit: float) -> bool:
        with self.lock:
            # A thread more than needed would cost speed too: waking them in turn finds each one's cache cold.
            if self.pending >= len(self.threads) < self.size:
                self.grow()
            if not self.threads or self.pending >= limit:
                return False
            self.pending += 1
        self.queue.put(call)
        return True

    def grow(self) -> None:
        from threading import Thread

        thread = Thread(target=self.serve, name=f"simplezarr-{len(self.threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system's limit is reached, or the interpreter shuts down: do with what there is
            self.size = len(self.threads)
        else:
            self.threads.append(thread)

    def serve(self) -> None:
        _inside.pool = True
        while (call := self.queue.get()) is not None:
            call()
            del call  # an idle thread must not keep alive what the call used
            with self.lock:
                self.pending -= 1

    def close(self) -> None:
        """Let the threads end when they have made the calls queued so far."""
        for _ in self.threads:
            self.queue.put(None)


def _enqueue(call: Callable[[], object], width: int, limit: float = float("inf")) -> bool:
    """Have a thread of the pool for this width make the call; False where none can, or where `limit` are under way."""
    with _lock:  # held, so that no call gets queued behind the end that `close` puts into the queue
        return not _alone and _pool_for(width).put(call, limit)


def _fulfil(future: "Future[Any]", fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
        del future  # the traceback holds this frame: the Future would hold itself, and all that the call used
    else:
        future.set_result(result)


def _raise_first(errors: list[BaseException]) -> None:
    error = errors[0]
    errors.clear()
    try:
        raise error
    finally:
        del error  # as in `_fulfil`


def _pool_for(width: int) -> _Pool:
    global _pool, _wide
    if width <= _threads:
        _pool = _pool or _new_pool(_threads)
        return _pool
    _wide = _wide or _new_pool(width)
    _wide.size = max(_wide.size, width)
    return _wide


def _new_pool(size: int) -> _Pool:
    global _inside
    import threading

    if _inside is None:
        _inside = threading.local()
        # Where it exists (it serves ThreadPoolExecutor), this hook also runs at the end of a multiprocessing child.
        getattr(threading, "_register_atexit", atexit.register)(_at_exit)
    return _Pool(size)


def _replace_pools(threads: int) -> None:
    """Set the number of threads; the pools there were end when they have done what they were given."""
    global _threads, _alone, _pool, _wide, _closed
    with _lock:
        old = [pool for pool in (_pool, _wide) if pool is not None]
        _threads, _alone, _pool, _wide = threads, threads == 1, None, None
        _closed = [pool for pool in _closed if any(thread.is_alive() for thread in pool.threads)]
        for pool in old:
            pool.close()
        _closed += old


def _at_exit() -> None:
    """Finish what was submitted; what is still called later, in exit handlers, runs in the calling thread."""
    _replace_pools(1)
    for pool in _closed:
        for thread in pool.threads:
            thread.join()


def _told_threads() -> int:
    """What the environment says; 0 if it doesn't."""
    text = os.environ.get("SIMPLEZARR_NUM_THREADS", "").strip()
    if text and not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise ValueError(f"SIMPLEZARR_NUM_THREADS is {text!r}; set it to an integer of at least 1, or not at all")
    return int(text or 0)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _after_fork_in_child() -> None:
    """The pools' threads stayed in the parent, and a lock may have been copied while another thread held it."""
    global _lock, _pool, _wide, _inside, _closed
    _lock = RLock()
    _abandoned.append((_pool, _wide, _closed))  # never finalised: the state of their queues is unknown
    _pool, _wide, _closed = None, None, []
    if _inside is not None:
        _inside.pool = False  # if the thread that forked was one of a pool's, in the child it is not


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
