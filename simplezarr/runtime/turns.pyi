"""Gates and conditions: threads that wait for their turn, and leave nothing behind if a signal handler raises.

Those of `threading` are written in Python, where an interrupt can come between any two instructions: then a thread waits
for ever for what another one did not release.
"""

from typing import final

from typing_extensions import Self

@final
class Gate:
    """`with gate:` lets so many threads in at a time, in the order in which they come."""

    def __new__(cls, room: int) -> Self: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

@final
class Condition:
    """As `threading.Condition()`, but a signal handler that raises leaves it as it should be."""

    def __new__(cls) -> Self: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *error: object) -> None: ...
    def acquire(self) -> bool:
        """Acquire the lock; reentrant."""

    def release(self) -> None:
        """Release the lock."""

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock until `notify` is called or so many seconds have passed; return whether it was called."""

    def notify(self, n: int = 1) -> None:
        """Let so many of those that wait go on."""

    def notify_all(self) -> None:
        """Let all that wait go on."""
