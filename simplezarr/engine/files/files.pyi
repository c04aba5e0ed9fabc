"""Open and read files of a local store without the GIL."""

from types import NotImplementedType
from typing import final

@final
class SharedFiles:
    """Files of which several threads read parts. Each is opened once, so all parts are of one version.

    The files are closed with this object.
    """

@final
class File:
    """A file open for reading, closed with its last reference.

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
        """Return what identified the content at opening: device, inode, mtime and ctime in nanoseconds, and size."""

    def holes(self, enough: int) -> int:
        """Return the number of bytes in holes of the file. Counting ends once it exceeds `enough`."""

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on, or fewer if the file ends before."""

def open_regular(path: str, root: str | None = None) -> File | None:
    """Open a file for reading; return None if it is missing or a directory. Raise OSError for anything else.

    root: a directory that the path begins with; if given, symbolic links must not lead out of it.
    """

@final
class Descriptor:
    """An open directory or file, found without leaving `root`, and closed with its last reference.

    listed: open a directory in order to list it; otherwise, open a directory or a file in order to get its status. Raises
    FileNotFoundError or NotADirectoryError if it does not exist, and PermissionError if symbolic links lead out of `root`.
    """

    def __init__(self, path: str, root: str, listed: bool) -> None: ...
    def fileno(self) -> int: ...

def is_settled(mtime_ns: int, ctime_ns: int) -> bool:
    """Return whether any later change of a file must change its times."""

def file_bytes(path: str, limit: int = ...) -> bytes | NotImplementedType | None:
    """Return the bytes of a file, or None if it is missing.

    Return NotImplemented if the read failed, or the file has more than `limit` bytes. The caller then takes the slow path,
    which reports the error.
    """

def file_size(path: str) -> int | NotImplementedType | None:
    """Return the size of a file, None if it is missing or a directory, NotImplemented for other kinds of files."""
