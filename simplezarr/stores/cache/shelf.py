"""Keep named bytes up to a bound, in a directory or in memory. The entries that were not used for longest go first."""

import os
import time
from contextlib import suppress
from itertools import count
from typing import Protocol

from simplezarr.runtime.key_locks import KeyLock

try:
    import fcntl
except ImportError:  # no POSIX system: two sweeps may run at the same time, which does no harm
    fcntl = None  # type: ignore[assignment]

__all__ = ["DirectoryShelf", "MemoryShelf", "Shelf"]

#: A sweep leaves this share of the bound. Another sweep follows when that much more has been added.
_LEFT, _ADDED = 0.9, 0.05
#: Seconds after which a use is noted again, and after which a file that was never completed is removed.
_USED, _ABANDONED = 60, 3600


class Shelf(Protocol):
    """Bytes by name. What it cannot keep it does not have: no method raises an OSError. size: the bound in bytes."""

    size: int

    def read(self, name: str) -> bytes | None: ...
    def part(self, name: str, begin: int, end: int, size: int) -> bytes | None:
        """Return bytes of an entry, None unless it is there and has `size` bytes."""

    def write(self, name: str, data: bytes) -> None: ...
    def remove(self, name: str) -> None: ...


class MemoryShelf:
    """A shelf in the memory of this process.

    >>> shelf = MemoryShelf(100)
    >>> for name in "abc":
    ...     shelf.write(name, bytes(40))
    >>> shelf.read("a"), shelf.part("c", 0, 2, 40)
    (None, b'\\x00\\x00')
    """

    def __init__(self, size: int):
        self.size = size
        self._values: dict[str, bytes] = {}  # in the order of use
        self._nbytes = 0

    def read(self, name: str) -> bytes | None:
        with KeyLock(self, ""):
            value = self._values.pop(name, None)
            if value is not None:
                self._values[name] = value
        return value

    def part(self, name: str, begin: int, end: int, size: int) -> bytes | None:
        value = self.read(name)
        return value[begin:end] if value is not None and len(value) == size else None

    def write(self, name: str, data: bytes) -> None:
        self.remove(name)
        if len(data) > self.size // 2:
            return
        with KeyLock(self, ""):
            self._nbytes += len(data) - len(self._values.pop(name, b""))
            self._values[name] = data
            while self._nbytes > self.size:
                self._nbytes -= len(self._values.pop(next(iter(self._values))))

    def remove(self, name: str) -> None:
        with KeyLock(self, ""):
            self._nbytes -= len(self._values.pop(name, b""))

    def __reduce__(self) -> tuple[object, ...]:
        return MemoryShelf, (self.size,)  # another process begins with an empty one


class DirectoryShelf:
    """A shelf of files in a directory, which any number of processes share.

    A file appears complete, by renaming. The time of its last use is its modification time.
    """

    def __init__(self, path: str, size: int):
        self.path, self.size = path, size
        self._added = size  # so that the first write looks what is there
        self._numbers = count()

    def read(self, name: str) -> bytes | None:
        try:
            with open(self._file(name), "rb") as file:
                self._note_use(file.fileno())
                return file.read()
        except OSError:
            return None

    def part(self, name: str, begin: int, end: int, size: int) -> bytes | None:
        try:
            with open(self._file(name), "rb", buffering=0) as file:
                if self._note_use(file.fileno()) != size:
                    return None
                file.seek(begin)
                data = file.read(end - begin)
                return data if len(data) == end - begin else None
        except OSError:
            return None

    def write(self, name: str, data: bytes) -> None:
        if len(data) > self.size // 2:
            return
        path = self._file(name)
        partial = f"{path}.{os.getpid()}.{next(self._numbers)}.partial"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(partial, "wb") as file:
                file.write(data)
            os.replace(partial, path)
        except OSError:  # a full or read-only disk: the value is not kept
            with suppress(OSError):
                os.unlink(partial)
            return
        self._added += len(data)
        if self._added > self.size * _ADDED:
            self._sweep()

    def remove(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(self._file(name))

    def _file(self, name: str) -> str:
        return f"{self.path}/{name[:2]}/{name}"

    def _note_use(self, fd: int) -> int:
        """Return the size of a file that is used."""
        status, now = os.fstat(fd), time.time()
        if now - status.st_mtime > _USED:
            with suppress(OSError):
                os.utime(fd, (now, now))
        return status.st_size

    def _sweep(self) -> None:
        """Remove the files that were not used for longest, if all together exceed the bound. One process does so."""
        self._added = 0
        try:
            with open(f"{self.path}/lock", "wb") as lock:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                files = sorted(self._files())
        except OSError:  # another process sweeps
            return
        nbytes = sum(size for _, size, _ in files)
        for used, size, path in files:
            is_abandoned = path.endswith(".partial") and time.time() - used > _ABANDONED
            if nbytes > self.size * _LEFT or is_abandoned:
                with suppress(OSError):
                    os.unlink(path)
                    nbytes -= size

    def _files(self) -> list[tuple[float, int, str]]:
        found = []
        for folder in os.scandir(self.path):
            if len(folder.name) == 2 and folder.is_dir():
                for entry in os.scandir(folder.path):
                    with suppress(OSError):  # removed meanwhile
                        status = entry.stat()
                        found.append((status.st_mtime, status.st_size, entry.path))
        return found

    def __reduce__(self) -> tuple[object, ...]:
        return DirectoryShelf, (self.path, self.size)
