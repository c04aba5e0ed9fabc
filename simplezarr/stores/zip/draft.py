"""The file that an archive is written to before it is complete."""

import os
import stat
import tempfile
from contextlib import suppress
from errno import EISDIR
from typing import TYPE_CHECKING

from simplezarr.engine.files.replace import HAVE_FILES
from simplezarr.errors import ArchiveError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import Store
from simplezarr.stores.portable import temporary_name

if TYPE_CHECKING:
    from typing_extensions import Buffer

if HAVE_FILES:
    from fcntl import LOCK_EX, LOCK_NB, flock

__all__ = ["Draft", "FileDraft", "StoreDraft"]

_PIECE = 1 << 20
_MOST = 1 << 30  # bytes that one system call is asked for; all systems take as many
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Draft:
    """An open file. It is closed when its last reference goes, so no reader meets a descriptor that is used again."""

    def __init__(self, fd: int):
        self._fd, self._owner = fd, os.getpid()
        #: Odd while values are moved. What was read counts only if this is even and stays the same meanwhile.
        self.moves = 0

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            os.close(fd)

    @property
    def is_own(self) -> bool:
        """Whether this process made the file. A forked child must not write to it."""
        return self._owner == os.getpid()

    def read(self, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on."""
        parts = []
        while length > 0 and (part := self._pread(min(length, _MOST), start)):
            parts.append(part)
            start, length = start + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, start: int, *values: "Buffer") -> None:
        """Write values one behind the other."""
        for value in values:
            view = memoryview(value)
            while view:
                n = self._pwrite(view[:_MOST], start)
                start, view = start + n, view[n:]

    if hasattr(os, "pread"):

        def _pread(self, length: int, start: int) -> bytes:
            return os.pread(self._fd, length, start)

        def _pwrite(self, view: memoryview, start: int) -> int:
            return os.pwrite(self._fd, view, start)

    else:

        def _pread(self, length: int, start: int) -> bytes:
            with KeyLock(self, ""):
                os.lseek(self._fd, start, os.SEEK_SET)
                return os.read(self._fd, length)

        def _pwrite(self, view: memoryview, start: int) -> int:
            with KeyLock(self, ""):
                os.lseek(self._fd, start, os.SEEK_SET)
                return os.write(self._fd, view)

    def move(self, start: int, to: int, n: int) -> None:
        """Move `n` bytes, which may overlap their new place."""
        if start == to:
            return
        pieces = [(at, min(_PIECE, n - at)) for at in range(0, n, _PIECE)]
        for at, length in pieces if to < start else reversed(pieces):
            self.write(to + at, self.read(start + at, length))

    def publish(self, size: int) -> None:
        """Make the first `size` bytes the archive, as a whole."""
        raise NotImplementedError

    def discard(self) -> None:
        """Remove the file."""


class FileDraft(Draft):
    """A temporary file beside the archive, locked while it is written."""

    def __init__(self, path: str):
        if os.path.isdir(path):
            raise IsADirectoryError(EISDIR, "is a directory, not an archive; choose another name", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._path, self._name = path, temporary_name(path, "" if HAVE_FILES else f".{os.urandom(8).hex()}")
        super().__init__(_open_locked(self._name, path))
        os.ftruncate(self._fd, 0)  # what a killed writer has left

    def publish(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        with suppress(OSError):  # there is no old archive, or its owner may not be given
            old = os.stat(self._path)
            os.chmod(self._name, stat.S_IMODE(old.st_mode))
            os.chown(self._name, old.st_uid, old.st_gid)
        os.fsync(self._fd)
        if not HAVE_FILES:  # an open file cannot be renamed
            self._close()
        os.replace(self._name, self._path)

    def discard(self) -> None:
        if not HAVE_FILES:
            self._close()
        with suppress(OSError):
            os.unlink(self._name)


def _open_locked(name: str, path: str) -> int:
    """Open a temporary file and lock it; raise an ArchiveError if another writer has it."""
    while True:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | _BINARY, 0o666)
        if not HAVE_FILES:
            return fd
        try:
            flock(fd, LOCK_EX | LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), os.stat(name)):
                    return fd
            os.close(fd)  # its writer has just renamed or removed it
        except BlockingIOError:
            os.close(fd)
            raise ArchiveError(f"{path!r} is being written by another ZipStore; close that one first") from None
        except BaseException:
            os.close(fd)
            raise


class StoreDraft(Draft):
    """A temporary file whose bytes become a value of a store."""

    def __init__(self, store: Store, key: str):
        store.check_writable(key)
        self._store, self._key = store, key
        with tempfile.TemporaryFile() as file:
            super().__init__(os.dup(file.fileno()))

    def publish(self, size: int) -> None:
        import mmap  # needed rarely

        os.ftruncate(self._fd, size)
        self._store.set(self._key, mmap.mmap(self._fd, size, access=mmap.ACCESS_READ))
