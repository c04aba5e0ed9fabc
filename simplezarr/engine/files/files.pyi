"""Files of a local store: opened, read and closed without the GIL."""

from types import NotImplementedType
from typing import final

@final
class SharedFiles:
    """Files that several threads read parts of: each is opened once, so that all parts are of one version.

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
        """How many bytes it had when it was opened."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...
    @property
    def identity(self) -> tuple[int, int, int, int, int]:
        """What the file was when it was opened: device, inode, times of change in nanoseconds, size."""

    def holes(self, enough: int) -> int:
        """Return how many bytes lie in holes of the file; counting ends beyond `enough`."""

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on; less if the file ends before."""

def open_regular(path: str, root: str | None = None) -> File | None:
    """Open a file for reading; None if there is none, or a directory. What is neither raises, and so does a failure.

    root: if given, symbolic links must not lead out of this directory, which the path begins with.
    """

@final
class Descriptor:
    """An open directory, or anything that is asked for its status; it is closed when its last reference goes.

    It is found without leaving `root`. Raises FileNotFoundError or NotADirectoryError if there is none.
    """

    def __init__(self, path: str, root: str, listed: bool) -> None: ...
    def fileno(self) -> int: ...

def is_settled(mtime_ns: int, ctime_ns: int) -> bool:
    """Return whether any further change of a file must show in its times."""

def file_bytes(path: str, limit: int = ...) -> bytes | NotImplementedType | None:
    """The bytes of a file, None where there is none.

    NotImplemented if one attempt did not do, or if there are more than `limit`: asking once more, with care, tells what is
    wrong or gets along with it.
    """

def file_size(path: str) -> int | NotImplementedType | None:
    """The size of a file, None if there is none, or a directory; NotImplemented for anything else."""
