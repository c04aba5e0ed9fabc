"""Reading files of a local store in Python: what the compiled modules do not read themselves."""

import errno
import os
import stat
import time
from collections.abc import Hashable, Iterable, Sequence

from simplezarr.stores.reader import Reader, clip_range

__all__ = ["MISSING", "FileReader", "open_for_reading", "size_of_file"]

# A FIFO or a device under a key must not block, so that it can be refused. (Windows knows neither flag but has others.)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_FRESH_NS = 100_000_000  # a file's clock may stand still for so long
MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FileReader(Reader):
    """Reads parts of a file through one descriptor."""

    def __init__(self, path: str):
        self._path = path
        self._fd: int | None = None
        self._status: os.stat_result | None = None
        self._begun = False

    @property
    def validator(self) -> Hashable | None:
        """The identity of the file, unless it was changed so lately that another change might not show in it."""
        status = self._status
        if status is None or time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _FRESH_NS:
            return None
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size

    def get_ranges(self, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        size = self.size()
        if size is None or self._fd is None:
            return None
        try:
            spans = [clip_range(size, start, length) for start, length in ranges]
            return [_read_on(self._fd, end - begin, begin) for begin, end in spans]
        except OSError as error:
            error.filename = error.filename or self._path
            raise

    def size(self) -> int | None:
        if not self._begun:
            self._fd = open_for_reading(self._path)
            if self._fd is not None:
                self._status = os.fstat(self._fd)
            self._begun = True
        return None if self._status is None else size_of_file(self._status, self._path)

    def close(self) -> None:
        fd, self._fd, self._status = self._fd, None, None
        if fd is not None:
            os.close(fd)

    __del__ = close


def open_for_reading(path: str) -> int | None:
    try:
        return os.open(path, _READ)
    except MISSING:
        return None
    except PermissionError:
        if os.path.isdir(path):  # what Windows says of every directory
            return None
        raise


def size_of_file(status: os.stat_result, path: str) -> int | None:
    """The size of a file, None for a directory; what is neither, as a FIFO, can't hold a value."""
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    if stat.S_ISDIR(status.st_mode):
        return None
    raise OSError(errno.EINVAL, "neither a file nor a directory", path)


def _read_on(fd: int, length: int, begin: int | None = None) -> bytes:
    """Bytes from where the file stands or from `begin`, joined only if the system gives them in parts."""
    if begin is not None:
        os.lseek(fd, begin, os.SEEK_SET)
    data = os.read(fd, length)
    if len(data) == length:
        return data
    parts = [data]
    missing = length - len(data)
    while missing and parts[-1]:
        parts.append(os.read(fd, missing))
        missing -= len(parts[-1])
    return b"".join(parts)
