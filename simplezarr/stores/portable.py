"""Read and replace files of a local store on Windows; other systems use `engine.files.replace`.

Each temporary file has a unique name here. Writers exclude each other only within the process.
"""

import os
import stat
from contextlib import suppress
from errno import EISDIR, ENOENT, ENOTDIR, EPERM
from typing import TYPE_CHECKING

from simplezarr.runtime.key_locks import KeyLock

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MISSING",
    "File",
    "FileLock",
    "remove_abandoned",
    "is_abandoned",
    "remove_file",
    "remove_tree",
    "temporary_name",
]

PARTIAL = ".partial"

MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_NAME_LENGTH, _KEPT_LENGTH, _PIECE = 255, 200, 1 << 20
_ATTEMPTS = 256  # to create a file in a directory that other writers remove whenever it is empty


def temporary_name(path: str, unique: str = "") -> str:
    """Return the path of a temporary file. A name that is too long for the suffix is cut.

    >>> temporary_name("a/c"), len(temporary_name("a/" + 250 * "c")) <= 2 + 255
    ('a/c.partial', True)
    """
    end = unique + PARTIAL
    directory, slash, name = path.rpartition("/")
    return f"{directory}{slash}{name if len(name) + len(end) <= _NAME_LENGTH else name[:_KEPT_LENGTH]}{end}"


def is_inside(path: str, root: str) -> bool:
    """Return whether no link leads from the path out of the root."""
    above = os.path.realpath(root)
    return f"{os.path.realpath(path)}{os.sep}".startswith(above if above.endswith(os.sep) else above + os.sep)


def check_inside(path: str, root: str, follow: bool) -> None:
    """Raise a PermissionError if links lead out of the root and must not. Links may change after the check."""
    if not follow and not is_inside(path, root):
        raise PermissionError(EPERM, f"symbolic links lead out of {root!r}; pass follow_symlinks=True", path)


class FileLock(KeyLock):
    """Behave like `replace.FileLock`, but only among the threads of this process."""

    def __init__(self, path: str, root: str, durable: bool, follow: bool = True):
        check_inside(os.path.dirname(path), root, follow)
        super().__init__(None, temporary_name(path))
        self.path, self.root, self.durable = path, root, durable

    def publish(self, value: memoryview) -> None:
        """Replace the content of the file. If this fails, the old content stays."""
        self._replace(lambda fd: _write(fd, value))

    def publish_file(self, source: int) -> None:
        """Replace the content of the file with the rest of an open file."""

        def copy(fd: int) -> None:
            while piece := os.read(source, _PIECE):
                _write(fd, memoryview(piece))

        self._replace(copy)

    def _replace(self, fill: "Callable[[int], None]") -> None:
        name = temporary_name(self.path, f".{os.urandom(8).hex()}")
        try:
            fd = self._make(name)
            try:
                with suppress(OSError):
                    os.chmod(name, stat.S_IMODE(os.stat(self.path).st_mode))
                fill(fd)
                if self.durable:
                    os.fsync(fd)
            finally:
                os.close(fd)  # an open file cannot be renamed
            os.replace(name, self.path)
        except BaseException as error:
            unlink(name)
            prune(self.path, self.root)
            if isinstance(error, OSError):
                error.filename = error.filename or self.path
                if os.path.isdir(self.path):
                    message = "a directory has the name of the file; remove it, or use another key"
                    raise IsADirectoryError(EISDIR, message, self.path) from None
            raise

    def _make(self, name: str) -> int:
        for _ in range(_ATTEMPTS):
            try:
                return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            except FileNotFoundError:
                with suppress(FileNotFoundError, FileExistsError):
                    os.makedirs(os.path.dirname(name), exist_ok=True)
            except NotADirectoryError:
                message = "a file has the name of a directory above it; remove that file, or use another key"
                raise NotADirectoryError(ENOTDIR, message, self.path) from None
        message = "cannot create its directory; check for a broken symbolic link"
        raise FileNotFoundError(ENOENT, message, self.path)

    def delete(self) -> None:
        """Remove the file. Do nothing if there is none, or if it is a directory."""
        unlink(self.path)
        prune(self.path, self.root)


def remove_file(path: str, root: str, durable: bool, follow: bool = True) -> None:
    """Remove a file under its lock. Do nothing if there is none, or if it is a directory."""
    with FileLock(path, root, durable, follow) as lock:
        lock.delete()


def _write(fd: int, value: memoryview) -> None:
    while value:
        value = value[os.write(fd, value) :]


def unlink(path: str) -> bool:
    """Remove a file or a link; return False if there is none, or if it is a directory."""
    try:
        os.unlink(path)
    except MISSING:
        return False
    except PermissionError:
        if os.path.isdir(path) and not os.path.islink(path):  # the error of Windows for directories
            return False
        raise
    return True


def prune(path: str, root: str) -> None:
    """Remove the empty directories above a path, but not the root."""
    directory = os.path.dirname(path)
    while len(directory) > len(root):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError:
            break
        directory = os.path.dirname(directory)


def remove_tree(path: str, root: str, follow: bool = True) -> None:
    """Remove a directory and everything below it, but not the root. Links are removed, not followed."""
    check_inside(os.path.dirname(path) if path != root else path, root, follow)
    if path != root and os.path.islink(path):
        if os.path.isdir(path):
            unlink(path)
    else:
        above = [path]
        for directory, names, files in os.walk(path):  # links to directories are among the names
            above.append(directory)
            for name in [*files, *names]:
                full = os.path.join(directory, name)
                if name in files or os.path.islink(full):
                    unlink(full)
        for directory in reversed(above):
            if directory != root:
                with suppress(OSError):
                    os.rmdir(directory)
    prune(path, root)


def remove_abandoned(path: str, root: str, follow: bool = True) -> bool:
    """Remove a temporary file; return False if there is none."""
    check_inside(os.path.dirname(path), root, follow)
    done = unlink(path)
    prune(path, root)
    return done


def is_abandoned(path: str, root: str, follow: bool = True) -> bool:
    """Return whether there is a temporary file. Whether a writer works on it is unknown here."""
    return os.path.lexists(path)


class File:
    """Behave like `files.File`: an open file for reading."""

    def __init__(self, path: str):
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  # it is closed by `close`
        found = os.fstat(self._file.fileno())
        self.size = found.st_size
        self.identity = found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size

    def fileno(self) -> int:
        return self._file.fileno()

    def holes(self, enough: int) -> int:
        """Return 0, because holes are not looked for."""
        return 0

    def read(self, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start` on."""
        self._file.seek(start)
        parts = []
        while length > 0 and (part := self._file.read(length)):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # otherwise opening failed
            self._file.close()


def open_regular(path: str, root: str | None = None) -> File | None:
    """Open a file for reading; return None if there is none, or if it is a directory."""
    check_inside(path, root or "", root is None)
    try:
        return File(path)
    except MISSING:
        return None
    except PermissionError:
        if os.path.isdir(path):  # the error of Windows for directories
            return None
        raise
