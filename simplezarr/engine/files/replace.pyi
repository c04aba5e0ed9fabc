"""Replace files of a local store under a lock, and remove files and directory trees.

The contracts are in `csrc/io/replacement.h` and `csrc/io/tree.h`. Open files belong to objects that close them with their
last reference. An exception in the caller therefore leaves neither a lock nor a descriptor behind.
"""

from typing import Final, final

from typing_extensions import Buffer, disjoint_base

from simplezarr.runtime.key_locks import KeyLock

#: Whether the system has POSIX files; otherwise `simplezarr.stores.portable` replaces this module.
HAVE_FILES: Final[bool]

@final
class Place:
    """A path below the root of a store, encoded for the functions in C."""

    def __init__(self, path: str, root: str, follow: bool) -> None: ...

@final
class Tree:
    """A directory that is being removed with all that is below it."""

@disjoint_base
class FileLock(KeyLock):
    """The lock on the file at `path`, held within `with`. `publish` replaces the file, `delete` removes it.

    root: the directory that is never removed, unlike empty directories below it. durable: sync changes to the disk.
    follow: whether symbolic links may lead out of the root.

    The first `publish` or `delete` ends the lock on the file. A second one waits for it again.
    """

    def __init__(self, path: str, root: str, durable: bool, follow: bool = True) -> None: ...
    def publish(self, value: Buffer) -> None:
        """Replace the file's content with these bytes. If that fails, the old content stays."""

    def publish_file(self, source: int) -> None:
        """Replace the file's content with the rest of an open file, from its position on."""

    def delete(self) -> None:
        """Remove the file. A missing file is not an error. A directory stays."""

def temporary_name(path: str) -> str:
    """Return the path of a file's temporary file.

    >>> temporary_name("a/c"), len(temporary_name("a/" + 250 * "c")) <= 2 + 255
    ('a/c.partial', True)
    """

def remove_file(path: str, root: str, durable: bool, follow: bool = True) -> None:
    """Remove a file under its lock. A missing file is not an error. A directory stays."""

def remove_tree(path: str, root: str, follow: bool = True) -> None:
    """Remove a directory with all that is below it, after waiting for the writers of files there.

    Links are removed, not followed, also a link to a directory at the path itself. The root stays. follow: whether links
    above the path may lead out of the root.
    """

def remove_abandoned(path: str, root: str, follow: bool = True) -> bool:
    """Remove a temporary file that no writer owns. Return False if a writer owns it or has published it meanwhile."""

def is_abandoned(path: str, root: str, follow: bool = True) -> bool:
    """Return whether the temporary file exists and no writer owns it."""
