"""Run calls in parallel; no other module outside `runtime` starts a thread.

To avoid deadlock, a thread that waits for a call also works on it. The caller of `run_workers` or `parallel_for` is one
of the workers, so the work is done even if no helper comes. It then waits only for calls that run, never for queued
ones. `submit` within a pool makes the call at once, so a pool thread never waits for a queued call either.

There are two pools. One has as many threads as may compute. The other asks stores that are neither local nor in memory,
and its threads mostly wait. So requests and computation do not delay each other.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from simplezarr.runtime.pool import MOST_THREADS, get_num_threads, in_pool, is_serial, use_threads
from simplezarr.runtime.sync import Semaphore
from simplezarr.runtime.task_group import enqueue, parallel_for, run_workers, try_submit_idle

if TYPE_CHECKING:
    from concurrent.futures import Future as Future

__all__ = [
    "awaited",
    "compute_semaphore",
    "concurrency_for",
    "enqueue",
    "get_num_threads",
    "new_future",
    "parallel_for",
    "parallel_map",
    "run_workers",
    "runs_inline",
    "set_num_threads",
    "submit",
    "try_submit_idle",
]

T = TypeVar("T")
Item = TypeVar("Item")


class Requested(Protocol):
    """What a store says about its requests."""

    @property
    def in_memory(self) -> bool: ...
    @property
    def concurrency(self) -> int | None: ...


def set_num_threads(n: int) -> None:
    """Set the number of threads that work on one call, from the next call on: 1 to 65,536.

    With 1, everything runs in the calling thread, and a store gets one request at a time. With any other number, and
    with the default, a store that is neither local nor in memory gets as many requests as its `Store.concurrency` says.

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
    if n > MOST_THREADS:
        raise ValueError(f"the number of threads must be at most {MOST_THREADS}, not {n}; give fewer")
    use_threads(int(n))


def concurrency_for(store: Requested, local: int = 0) -> int:
    """Return how many requests one call makes to this store at a time, each in a thread of its own.

    If its requests take no time to wait for, return `local`; if that is 0, as many as there are threads.

    >>> from simplezarr.stores import MemoryStore
    >>> concurrency_for(MemoryStore()) == get_num_threads()
    True
    """
    threads = get_num_threads()
    concurrency = None if store.in_memory or is_serial() else store.concurrency
    if concurrency is None:
        return local or threads
    if isinstance(concurrency, bool) or not hasattr(concurrency, "__index__") or concurrency < 1:
        raise ValueError(f"{store!r}: `concurrency` is {concurrency!r}; set it to an integer of at least 1, or to None")
    return int(concurrency)


def compute_semaphore(width: int) -> AbstractContextManager[object] | None:
    """Return what the threads of a call this wide compute within, so that no more compute than may; None if all may.

    Each call needs one of its own. A thread inside may wait for calls that it makes, but not for other threads of the
    same call.
    """
    threads = get_num_threads()
    return None if width <= threads else Semaphore(threads)


def submit(fn: Callable[..., T], /, *args: Any, width: int = 0, **kwargs: Any) -> "Future[T]":
    """Call `fn` in a pool and return the Future of its result.

    width: how many such calls may run at a time; by default as many as there are threads.

    If everything is to run in the calling thread, or the caller is a pool thread (which must not wait for a queued
    call), the call is made here, and the returned Future is done. A program that ends waits for submitted calls.

    >>> submit(pow, 2, 10).result()
    1024
    """
    future = new_future()
    if runs_inline() or not enqueue(lambda: _call(future, fn, args, kwargs), width):
        _call(future, fn, args, kwargs)
        error = future.exception()
        if error is not None and not isinstance(error, Exception):  # an interrupt is for the caller
            raise error
    return future


async def awaited(fn: Callable[[], T], width: int = 0) -> T:
    """Return what `fn()` returns; the event loop goes on meanwhile.

    width: as in `submit`. If there is no pool, a thread of the loop's executor makes the call. So `fn` must not wait
    for the loop then (see `runs_inline`).

    >>> import asyncio
    >>> asyncio.run(awaited(lambda: 1024))
    1024
    """
    import asyncio  # a caller that runs a loop has loaded it

    return await (asyncio.to_thread(fn) if runs_inline() else asyncio.wrap_future(submit(fn, width=width)))


def runs_inline() -> bool:
    """Return whether `submit` makes the call at once: there is no pool, or the caller is one of its threads."""
    return is_serial() or in_pool()


def new_future() -> "Future[Any]":
    """Return a pending Future whose callbacks cannot harm the thread that fulfils it."""
    from simplezarr.runtime import futures  # its imports take 5 ms

    return futures.Future()


def parallel_map(fn: Callable[[Item], T], items: Sequence[Item], width: int = 0) -> list[T]:
    """Return `fn` of each item, in their order; otherwise as `parallel_for`.

    >>> parallel_map(len, ["a", "bcd"])
    [1, 3]
    """
    if width == 1 or len(items) == 1:
        return [fn(item) for item in items]
    results: dict[int, T] = {}

    def task(i: int) -> None:
        results[i] = fn(items[i])

    parallel_for(task, len(items), width)
    return [results[i] for i in range(len(items))]


def _call(future: "Future[Any]", fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
        del future  # the traceback holds this frame, so the Future would hold itself and all that the call used
    else:
        future.set_result(result)
