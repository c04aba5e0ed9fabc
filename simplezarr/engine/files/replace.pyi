"""Files of a local store: replaced under a lock, removed, and removed with all that is below a directory.

The contracts are in `csrc/io/replacement.h` and `csrc/io/tree.h`. Open files belong to objects that close them when their
last reference goes. An exception in the caller therefore leaves neither a lock nor a descriptor behind.
"""

from typing import Final, final

from typing_extensions import Buffer, disjoint_base

from simplezarr.runtime.key_locks import KeyLock

#: Whether the system has POSIX files; otherwise `simplezarr.stores.portable` serves.
HAVE_FILES: Final[bool]

@final
class Place:
    """A path below the root of a store, encoded for the functions in C."""

    def __init__(self, path: str, root: str, follow: bool) -> None: ...

@final
class Tree:
    """A directory being removed with all that is below it."""

@disjoint_base
class FileLock(KeyLock):
    """The right to write the file at `path`, within `with`; the file is replaced by `publish` or removed by `delete`.

    root: the directory that stays when it is empty, unlike those below it; durable: sync what changes to the disk; follow:
    whether symbolic links may lead out of the root.

    After the first `publish` or `delete` other processes may write; a second one waits for the lock again.
    """

    def __init__(self, path: str, root: str, durable: bool, follow: bool = True) -> None: ...
    def publish(self, value: Buffer) -> None:
        """Replace the file's content by these bytes. If that fails, the old content stays."""

    def publish_file(self, source: int) -> None:
        """Replace the file's content by the rest of an open file, of any length."""

    def delete(self) -> None:
        """Remove the file. A missing file is no error, nor is a directory, which stays."""

def temporary_name(path: str) -> str:
    """Return the path of a file's temporary file.

    >>> temporary_name("a/c"), len(temporary_name("a/" + 250 * "c")) <= 2 + 255
    ('a/c.partial', True)
    """

def remove_file(path: str, root: str, durable: bool, follow: bool = True) -> None:
    """Remove a file under its lock. A missing file is no error, nor is a directory, which stays."""

def remove_tree(path: str, root: str, follow: bool = True) -> None:
    """Remove a directory with all that is below it, links but not what they lead to; waits for what is being written.

    A link to a directory at the path itself is removed as well. The root stays. follow: whether links above may lead out of
    the root.
    """

def remove_abandoned(path: str, root: str, follow: bool = True) -> bool:
    """Remove a temporary file that no writer owns; return False if a writer owns it or has published it meanwhile."""

def is_abandoned(path: str, root: str, follow: bool = True) -> bool:
    """Return whether the temporary file exists and no writer owns it."""
