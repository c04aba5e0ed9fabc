"""Share one piece of work among several threads: the caller, which is always one of them, and helpers of a pool.

A caller that lends memory to helpers must not leave before they have ended, whatever is raised and however often. So
this is compiled, and waiting goes on through interrupts: the first of them is raised when the last helper has ended.
"""

from collections.abc import Callable
from typing import final

from typing_extensions import Self


def run_workers(
    work: Callable[[], object],
    width: int,
    stop: Callable[[], object] | None = None,
    few: int = 0,
    lead: Callable[[], object] | None = None,
) -> None:
    """Call `work` here and, at the same time, in up to `width` - 1 threads of a pool.

    `work` returns when nothing is left to do, for example when a shared counter is used up. Helpers that have not begun
    when the caller's own call returns never begin. Those that have begun are waited for. Then the first error is raised;
    an interrupt of the caller comes before other errors.

    stop: is called as soon as a call fails, or the caller is interrupted, and should make the other calls return early.
    It may be called more than once.

    few, lead: if `lead` is given, the caller calls it instead of `work`, and only so many helpers come at first. The others
    come when `lead` returns True; it is then called again.

    >>> numbers, seen = iter(range(100)), []
    >>> run_workers(lambda: seen.extend(numbers), 1)
    >>> len(seen)
    100
    """

def parallel_for(task: Callable[[int], object], n: int, width: int = 0) -> None:
    """Call task(0), task(1), …, task(n - 1), in parallel and in no particular order.

    width: the most calls at a time; by default as many as there are threads.

    The first error prevents calls that have not begun, and is raised here when those that have begun are done.

    >>> squares = [0] * 5
    >>> def square(i):
    ...     squares[i] = i * i
    >>> parallel_for(square, 5)
    >>> squares
    [0, 1, 4, 9, 16]
    """

def enqueue(call: Callable[[], object], width: int = 0) -> bool:
    """Have a pool thread make the call, which must not raise; return whether there is such a thread.

    width: how many such calls may run at a time; by default as many as there are threads.
    """

def try_submit_idle(call: Callable[[], object]) -> bool:
    """Have an idle pool thread make the call, which must not raise; return False if no thread is idle."""

@final
class TaskGroup:
    """One call of `run_workers`: its helpers, and their errors.

    Helpers are called two at a time, and each of them calls two more. So the caller does not spend its time on waking
    many threads.
    """

    def __new__(cls, work: Callable[[], object], width: int, stop: Callable[[], object] | None) -> Self: ...
    def __call__(self) -> None:
        """Work as a helper, in a pool thread."""

@final
class Counter:
    """A shared counter, which hands out each number below `n` once."""

    def __new__(cls, task: Callable[[int], object], n: int) -> Self: ...
    def work(self) -> None: ...
    def stop(self) -> None: ...
