"""Read parts of an archive: of a local file, of bytes in memory, or of a value in a store."""

from collections.abc import Hashable, Sequence
from errno import ENOENT
from typing import Protocol

from simplezarr.engine.files.files import File
from simplezarr.engine.files.replace import HAVE_FILES
from simplezarr.errors import ChangedError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import Store, reads_by
from simplezarr.stores.file_reader import open_file

__all__ = ["NoArchiveError", "Source", "open_source"]

Range = tuple[int, int]


class NoArchiveError(FileNotFoundError):
    """There is no archive, unlike no folder in it."""


class Source(Protocol):
    """One version of an archive. All methods may be called from several threads at once."""

    #: How many bytes that are not needed are read in order to save a request.
    spare: int
    #: The open file, if there is one that threads read without a shared position.
    file: File | None

    def tail(self, n: int) -> tuple[bytes, int | None]:
        """Return the last `n` bytes, all if there are fewer, and how many bytes there are, None if that is unknown."""

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on, fewer if the archive ends before."""

    def read_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes]:
        """Return the bytes of each (start, length), fewer if the archive ends before."""

    def holes(self, enough: int) -> int:
        """Return how many bytes were never written (in a sparse file). Counting ends beyond `enough`."""


class _FileSource:
    """One open file. It is closed when its last reader is done, so no reader meets a descriptor that is used again."""

    spare = 512

    def __init__(self, path: str):
        file = open_file(path)
        if file is None:
            raise NoArchiveError(ENOENT, "there is no such file", path)
        self._file = file
        self.file = file if isinstance(file, File) else None
        self.read = file.read if HAVE_FILES else self._read_locked

    def tail(self, n: int) -> tuple[bytes, int | None]:
        size = self._file.size
        return self.read(max(size - n, 0), n), size

    def read_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes]:
        return [self.read(start, length) for start, length in ranges]

    def _read_locked(self, start: int, length: int) -> bytes:
        """Read from a file of Windows, which has one position for all threads."""
        with KeyLock(self, ""):
            return self._file.read(start, length)

    def holes(self, enough: int) -> int:
        return self._file.holes(enough)


class _BytesSource:
    """An archive in memory."""

    spare = 512
    file: File | None = None

    def __init__(self, data: bytes):
        self._data = data

    def tail(self, n: int) -> tuple[bytes, int | None]:
        return self._data[-n:], len(self._data)

    def read(self, start: int, length: int) -> bytes:
        return self._data[start : start + length]

    def read_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes]:
        return [self._data[start : start + length] for start, length in ranges]

    def holes(self, enough: int) -> int:
        return 0


class _StoreSource:
    """A value of a store, in the version of the first answer if the store can tell versions apart."""

    spare = 1 << 16
    file: File | None = None

    def __init__(self, store: Store, key: str):
        self._store, self._key = store, key
        self._validator: Hashable | None = None

    def tail(self, n: int) -> tuple[bytes, int | None]:
        with self._store.reader(self._key) as reader:
            data = reader.get_range(-n, n)
            self._validator = reader.validator
        if data is None:
            raise NoArchiveError(ENOENT, f"there is no such key in {self._store!r}", self._key)
        return bytes(data), len(data) if len(data) < n else None

    def read(self, start: int, length: int) -> bytes:
        return self.read_ranges([(start, length)])[0]

    def read_ranges(self, ranges: Sequence[Range]) -> Sequence[bytes]:
        with self._store.reader(self._key) as reader:
            parts = reader.get_ranges(ranges)
            same = self._validator is None or reader.validator == self._validator
        if parts is None or not same:
            raise ChangedError(f"{self._key!r} of {self._store!r} was replaced since it was opened; open it again")
        return [bytes(part) for part in parts]

    def holes(self, enough: int) -> int:
        return 0


def open_source(place: str | Store, key: str) -> Source:
    """Return the archive in a file, or in a key of a store.

    A store whose values are local files or in memory is asked for no parts, nor is one that has no way to read parts.
    Raise NoArchiveError if there is none.
    """
    if isinstance(place, str):
        return _FileSource(place)
    if place.local_root is not None:
        return _FileSource(f"{place.local_root}/{key}")
    if place.in_memory or reads_by(place, Store, "get_range", "get_ranges"):
        value = place.get(key)
        if value is None:
            raise NoArchiveError(ENOENT, f"there is no such key in {place!r}", key)
        return _BytesSource(bytes(value))
    return _StoreSource(place, key)
