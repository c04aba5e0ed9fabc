"""One piece of work for several threads: the caller, who is always one of them, and helpers of a pool.

A caller that lends memory to helpers must not leave before they have ended, whatever is raised and however often. So
this is compiled, and waiting goes on through interrupts: the first of them is raised when the last helper has ended.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, final

from typing_extensions import Self


def drain(work: Callable[[], object], width: int, stop: Callable[[], object] | None = None) -> None:
    """Call `work` here and, at the same time, in up to `width` - 1 threads of a pool.

    `work` returns when there is nothing left to do, as when a shared counter is used up. A thread that has not begun
    by the time the caller's own call returns is not waited for, and does not begin any more. The first error is raised
    here after the calls of `work` that had begun have ended; an interrupt of the caller comes before other errors. `stop`,
    if given, is called as soon as a call fails (also when the caller is interrupted) and should make the others return
    early. It may be called more than once.

    >>> numbers, seen = iter(range(100)), []
    >>> drain(lambda: seen.extend(numbers), 1)
    >>> len(seen)
    100
    """

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

def put_call(function: Callable[[], object], width: int) -> bool:
    """Have a thread of the pool for this width make the call, which must not raise; False if there is none."""

def spare(call: Callable[[], object]) -> bool:
    """Have a thread of the pool make the call, which must not raise, if one has nothing else to do; else False."""

@final
class Crew:
    """One call of `drain`: its helpers and what became of them.

    Helpers are called two at a time, and each of them calls two more: with many threads the caller is not kept from its
    own work by waking them all.
    """

    def __new__(cls, work: Callable[[], object], width: int, stop: Callable[[], object] | None) -> Self: ...
    def __call__(self) -> None:
        """What a pool thread does for this crew."""

@final
class Counter:
    """Hands out the numbers below `n`, each once."""

    def __new__(cls, task: Callable[[int], object], n: int) -> Self: ...
    def work(self) -> None: ...
    def stop(self) -> None: ...

@final
class Queue:
    """Futures that wait for a thread, each with an item that says what it is to become."""

    def __new__(cls) -> Self: ...
    def put(self, future: Future[Any], item: Any, serve: Callable[[Iterator[tuple[Future[Any], Any]]], object]) -> bool:
        """Queue a Future and have a thread of the pool call `serve(taken)`; False if there is none.

        `taken` is an iterator that takes pairs of Future and item from this queue. `serve` fulfils the Futures of those
        that it takes, any number of them, as it is called once for each; what it takes and leaves unfulfilled fails.
        """

@final
class Service:
    """A call of a queue's `serve`."""

    def __new__(
        cls, pairs: deque[tuple[Future[Any], Any]], serve: Callable[[Iterator[tuple[Future[Any], Any]]], object]
    ) -> Self: ...
    def __call__(self) -> None:
        """Fulfil some of the Futures."""

@final
class Taken:
    """Takes pairs from a queue, and notes their Futures."""

    def __new__(cls, pairs: deque[tuple[Future[Any], Any]]) -> Self: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> tuple[Future[Any], Any]: ...
