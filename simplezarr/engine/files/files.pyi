"""Files of a local store: opened, read and closed without the GIL."""

from types import NotImplementedType
from typing import final

@final
class SharedFiles:
    """Files that several threads read parts of. Each is opened once, so all parts are of one version.

    They are closed with this object.
    """

@final
class File:
    """An open file, to be read; it is closed when its last reference goes.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as made:
    ...     made.write(b"12345") and made.flush()
    ...     file = open_regular(made.name)
    >>> file.size, file.read(1, 3), file.read(3, 9)
    (5, b'234', b'45')
    """

    @property
    def size(self) -> int:
        """Return the file's size when it was opened, in bytes."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...
    @property
    def identity(self) -> tuple[int, int, int, int, int]:
        """Return what identifies the content: device, inode, times of change in nanoseconds, size; as it was opened."""

    def holes(self, enough: int) -> int:
        """Return the number of bytes in holes of the file. Counting ends beyond `enough`."""

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on, fewer if the file ends before."""

def open_regular(path: str, root: str | None = None) -> File | None:
    """Open a file for reading; return None if it is missing or a directory. Raise OSError for anything else.

    root: a directory that the path begins with; if given, symbolic links must not lead out of it.
    """

@final
class Descriptor:
    """An open directory, or a file whose status is needed. It is closed when its last reference goes.

    The lookup never leaves `root`. Raises FileNotFoundError or NotADirectoryError if there is none.
    """

    def __init__(self, path: str, root: str, listed: bool) -> None: ...
    def fileno(self) -> int: ...

def is_settled(mtime_ns: int, ctime_ns: int) -> bool:
    """Return whether any further change of a file must show in its times."""

def file_bytes(path: str, limit: int = ...) -> bytes | NotImplementedType | None:
    """Return the bytes of a file, or None if it is missing.

    Return NotImplemented if the fast read failed, or found more than `limit` bytes; the caller retries on the slow path,
    which reports the error.
    """

def file_size(path: str) -> int | NotImplementedType | None:
    """Return the size of a file, None if it is missing or a directory, NotImplemented for anything else."""
