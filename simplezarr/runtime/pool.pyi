"""Run the threads of the pools, and set how many there are.

This is compiled, because a signal handler may raise between any two instructions of Python code. Here, starting a thread
and counting it is one step, as is queueing or taking a call and counting it. Signal handlers run only while a function
waits or calls Python.

An idle thread sleeps on a lock of its own. A call goes to the thread that has slept for the shortest time, because its
processor cache is warm. Every read of more than one chunk pays for this.
"""

from typing import final

from typing_extensions import Self

MOST_THREADS: int  # that a call may be set to have

@final
class Pool:
    """Threads that make the calls of one queue, in its order. They are started as calls come, up to `size`."""

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
    """Give this thread a name in `threading`; with an empty name, make `threading` forget the thread."""

def is_serial() -> bool:
    """Return whether everything is to run in the calling thread: it was set so, or the program ends."""

def get_num_threads() -> int:
    """Return the number of threads that work on one call, including the calling thread.

    It is what was given to `set_num_threads`. Otherwise it is the environment variable SIMPLEZARR_NUM_THREADS, or the
    number of processors that this process may use. Requests to stores that are neither local nor in memory have threads
    of their own.

    >>> get_num_threads() >= 1
    True
    """

def use_threads(threads: int) -> None:
    """Set the number of threads; the existing ones end when they have made the calls queued so far."""

def pools() -> tuple[Pool, ...]:
    """Return the pools that exist: the one for computing, then the one for waiting for stores."""

def in_pool() -> bool:
    """Return whether the calling thread belongs to a pool."""

def threads_from_environment() -> int:
    """Return what SIMPLEZARR_NUM_THREADS says; 0 if it is not set."""

def register_exit() -> None:
    """Have `at_exit` called when the program ends; if it is ending already, allow no more threads."""

def at_exit() -> None:
    """Finish the submitted calls; later calls, made by exit handlers, run in the calling thread."""
