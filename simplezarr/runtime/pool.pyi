"""Threads that wait for calls, and how many there are.

Compiled, as a signal handler may raise between any two instructions of Python code. Here, what belongs together is done in
one step: a thread is started and counted, a call is queued and counted, a call is taken over. Signal handlers run only
where a function waits, and where it calls Python.

An idle thread sleeps on a lock of its own, and a call is handed to the one that has slept for the shortest time: its cache
is warm. A call costs 9 us that way, which every read of more than one chunk pays.
"""

from typing import final

from typing_extensions import Self

@final
class Pool:
    """Threads that make the calls put into one queue, in its order. They are started as calls come, up to `size`."""

    @property
    def size(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def pending(self) -> int: ...
    def __new__(cls, size: int) -> Self: ...
    def serve(self, number: int) -> None:
        """Make calls, in a thread of the pool, until it is closed."""

def rename(name: str) -> None:
    """Give this thread a name in `threading`; none: `threading` is to forget it."""

def is_alone() -> bool:
    """Whether everything is to run in the calling thread, by the user's word or because the program ends."""

def get_num_threads() -> int:
    """Number of threads that work on one call, the calling thread among them.

    It is what `set_num_threads` was given, else the environment variable SIMPLEZARR_NUM_THREADS, else the number of
    processors that this process may use. Stores that are neither local nor in memory are asked by threads of their own.

    >>> get_num_threads() >= 1
    True
    """

def use_threads(threads: int) -> None:
    """Set the number of threads; those there are end when they have done what they were given."""

def pools() -> tuple[Pool, ...]:
    """The pools there are: of threads that compute, and of those that wait for a store."""

def in_pool() -> bool:
    """Whether the calling thread is one of a pool."""

def told_threads() -> int:
    """What the environment says; 0 if it doesn't."""

def register_exit() -> None:
    """Be told when the program ends; if it ends already, there are no more threads."""

def at_exit() -> None:
    """Finish what was submitted; what is called later, in exit handlers, runs in the calling thread."""
