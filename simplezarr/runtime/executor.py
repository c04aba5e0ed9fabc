"""Threads, as the rest of the package uses them; it and the compiled modules below it are all that starts any.

To avoid deadlock, a thread that waits also works. The caller of `drain` or `run` is always one of the workers,
so the work gets done even if no pool thread ever comes to help; what it then waits for are calls that run, never calls
still queued. A `submit` inside a pool runs at once, so that a pool thread never waits for a queued call either.

There are two pools: one with as many threads as are to compute, and a wide one, whose threads mostly wait for a store
that is neither local nor in memory. So requests on their way don't crowd the processors, nor computing the requests.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from simplezarr.runtime.crew import Queue, drain, put_call, run, spare
from simplezarr.runtime.pool import get_num_threads, in_pool, is_alone, use_threads
from simplezarr.runtime.turns import Gate

if TYPE_CHECKING:
    from concurrent.futures import Future as Future

__all__ = [
    "alone",
    "drain",
    "gate",
    "gather",
    "get_num_threads",
    "hand_over",
    "Queue",
    "run",
    "set_num_threads",
    "spare",
    "submit",
    "submit_wide",
    "width",
]


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
    use_threads(int(n))


def width(store: Any, near: int = 0) -> int:
    """How many threads work on one call that asks this store: one for each request that it takes at a time. Where
    requests don't wait, `near`, or as many as for anything else.

    >>> from simplezarr.stores import MemoryStore
    >>> width(MemoryStore()) == get_num_threads()
    True
    """
    threads = get_num_threads()
    concurrency = None if store.in_memory or is_alone() else store.concurrency
    if concurrency is None:
        return near or threads
    if isinstance(concurrency, bool) or not hasattr(concurrency, "__index__") or concurrency < 1:
        raise ValueError(f"{store!r}: `concurrency` is {concurrency!r}; set it to an integer of at least 1, or to None")
    return int(concurrency)


def gate(width: int) -> AbstractContextManager[object] | None:
    """What the threads of a wide call compute within, so that no more compute at a time than are to; else None.

    Each call needs its own: who is inside may wait for calls that it makes, but never for another thread of its own.
    """
    threads = get_num_threads()
    return None if width <= threads else Gate(threads)


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
    future = _new_future()
    if alone() or not put_call(lambda: _fulfil(future, fn, args, kwargs), width):
        _fulfil(future, fn, args, kwargs)
        error = future.exception()
        if error is not None and not isinstance(error, Exception):  # an interrupt is meant for the caller
            raise error
    return future


def alone() -> bool:
    """Whether a call is not to wait for a thread of a pool: there is none, or it is one of these that asks."""
    return is_alone() or in_pool()


def hand_over(queue: Queue, item: Any, serve: Callable[[Any], object]) -> "Future[Any] | None":
    """Put an item and a new Future into a queue that the pool serves, and return the Future; None if no thread can.

    The Future's result is what `serve` makes of it; see `Queue.put`.
    """
    future = _new_future()
    return future if queue.put(future, item, serve) else None


def _new_future() -> "Future[Any]":
    from simplezarr.runtime import futures  # what that imports costs 5 ms

    return futures.Future()


def gather(ask: Callable[[Any], Any], items: Sequence[Any], width: int = 0) -> list[Any]:
    """What `ask` gives for each of the items, in their order; otherwise as `run`.

    >>> gather(len, ["a", "bcd"])
    [1, 3]
    """
    if width == 1 or len(items) == 1:
        return [ask(item) for item in items]
    answers: list[Any] = [None] * len(items)

    def task(i: int) -> None:
        answers[i] = ask(items[i])

    run(task, len(items), width)
    return answers


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
