"""A semaphore and a condition that stay intact if a signal handler raises.

Those of `threading` are written in Python, where an interrupt can come between any two instructions. Then a lock may stay
held, and other threads wait for it forever.
"""

from typing import final

from typing_extensions import Self

@final
class Semaphore:
    """Let `value` threads at a time into a `with` block, in the order in which they come."""

    def __new__(cls, value: int) -> Self: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

@final
class Condition:
    """Behave like `threading.Condition()`, but stay intact if a signal handler raises."""

    def __new__(cls) -> Self: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *error: object) -> None: ...
    def acquire(self) -> bool:
        """Acquire the lock; reentrant."""

    def release(self) -> None:
        """Release the lock."""

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock until `notify` is called or `timeout` seconds have passed; return whether it was called."""

    def notify(self, n: int = 1) -> None:
        """Wake up to `n` waiters."""

    def notify_all(self) -> None:
        """Wake all waiters."""
