"""Provide locks by name, one for each key of a store that is being changed.

This is compiled, because a signal handler may raise between any two instructions of Python code, even between acquiring a
lock and entering the block that releases it. Here `__enter__` and `__exit__` are single steps. A lock that is still held
when its last reference goes is released, so an exception that unwinds the frames releases it too.
"""

from typing_extensions import Self, disjoint_base

@disjoint_base
class KeyLock:
    """Let one thread of the process at a time into a `with` block, for each owner and key.

    It is not reentrant: a thread that is already inside gets a RuntimeError. A forked child holds no lock of its parent.

    >>> with KeyLock(None, "a"), KeyLock(None, "b") as other:
    ...     KeyLock.mine(None, "b") is other, KeyLock.mine(None, "c")
    (True, None)
    """

    def __init__(self, owner: object, key: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def let_go(self) -> None:
        """In a forked child, close inherited descriptors; the parent keeps the lock."""

    @staticmethod
    def mine(owner: object, key: str) -> KeyLock | None:
        """Return the lock on this key that the calling thread is inside of, None if there is none."""

    @staticmethod
    def held_below(owner: object, prefix: str, mine: bool = False) -> list[str]:
        """Return the keys that begin with a prefix and that other threads are inside of, or with `mine` this thread."""
