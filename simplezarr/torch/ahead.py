"""Copy a batch to a device while the one before it is in use."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

__all__ = ["Ahead", "Copy"]


class Copy(Protocol):
    """A copy of a batch that has begun. It holds the memory that is copied from."""

    def take(self) -> Any:
        """Return the copied batch, for use in the order of the consumer's work."""

    def is_done(self) -> bool:
        """Return whether the copy has ended, so its source may be used for something else."""

    def wait(self) -> None:
        """Wait until the copy has ended."""


class Batches(Protocol):
    """What batches are taken from: an `Epoch`."""

    @property
    def delivered(self) -> int: ...

    def __next__(self) -> Any: ...
    def ready(self) -> bool: ...
    def close(self) -> None: ...


class Ahead(Iterator[Any]):
    """Hands out copies of batches. The copy of the next batch begins before it is asked for, if the batch is complete.

    - batches: the batches, in their order.
    - begin: begins the copy of one.
    - delivered: the number of batches that were handed out. An error counts as one.

    A source is let go when its copy has ended. An error of a batch is raised when that batch is asked for.
    """

    def __init__(self, batches: Batches, begin: Callable[[Any], Copy]):
        self.delivered = batches.delivered
        self._batches, self._begin = batches, begin
        self._next: tuple[Copy | BaseException, int] | None = None
        self._copying: deque[Copy] = deque()

    def __next__(self) -> Any:
        """Return the next batch on the device."""
        copy, delivered = self._next or self._fetch()
        self._next = None
        self.delivered = delivered
        self._let_go()
        if isinstance(copy, BaseException):
            raise copy
        batch = copy.take()
        self._copying.append(copy)
        if self._batches.ready():
            self._next = self._fetch()
        return batch

    def close(self) -> None:
        """Stop reading, and wait for copies that have begun."""
        self._batches.close()
        if self._next is not None and not isinstance(self._next[0], BaseException):
            self._copying.append(self._next[0])
        self._next = None
        while self._copying:
            self._copying[0].wait()
            self._copying.popleft()

    def __del__(self) -> None:
        if hasattr(self, "_copying"):
            self.close()

    def _fetch(self) -> tuple[Copy | BaseException, int]:
        """Return the copy of the next batch, or what went wrong, and how many batches precede the one behind it."""
        try:
            copy: Copy | BaseException = self._begin(next(self._batches))
        except Exception as error:  # an interrupt is for the caller of this moment
            copy = error
        return copy, self._batches.delivered

    def _let_go(self) -> None:
        """Let go of the sources whose copies have ended."""
        while self._copying and self._copying[0].is_done():
            self._copying.popleft()
