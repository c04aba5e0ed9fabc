"""A store in a local directory: a key is the path of a file below it."""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from simplezarr.stores.base import Store, byte_view, check_key, check_prefix, clip_range

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["LocalStore"]

#: The end of the names of temporary files; the engine's native writer uses it too.
PARTIAL = ".partial"

# A FIFO or a device under a key must not block, so that it can be refused. (Windows knows neither flag but has others.)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_ATTEMPTS = 16  # to write into a directory that other writers, when they delete, take away as empty
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalStore(Store):
    """Files below a directory, which is made when the first value is written.

    Writes go to a temporary file beside the final one, `name.<unique>.partial`, that is then renamed: readers see the
    old value or the new one. Keys that end in `.partial` are therefore refused. What a killed process leaves behind is
    never listed, and goes with `delete_prefix` or `remove_partials`.

    durable: sync files and directories to the disk, so that a value survives a power cut once `set` has returned.
    follow_symlinks: whether symbolic links may lead out of the directory; if not, the keys behind them raise a
    PermissionError. Deleting removes a link, never what it points to; writing to a key that is a link replaces it.

    >>> LocalStore("data.zarr").get("zarr.json") is None
    True
    """

    def __init__(self, path: "str | os.PathLike[str]", durable: bool = False, *, follow_symlinks: bool = True):
        name = os.fsdecode(path)
        if not name:
            raise ValueError("the path of a LocalStore is empty; '.' is the current directory")
        self.root = os.path.abspath(name)
        self.durable, self.follow_symlinks = durable, follow_symlinks

    @property
    def local_root(self) -> str | None:
        return self.root if type(self) is LocalStore and self.follow_symlinks else None

    # ------------------------------------------------------------ reading

    def get(self, key: str) -> bytes | None:
        parts = self._read(key, None)
        return None if parts is None else parts[0]

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        parts = self._read(key, ((start, length),))
        return None if parts is None else parts[0]

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        return self._read(key, ranges)

    def _read(self, key: str, ranges: Iterable[tuple[int, int]] | None) -> Sequence[bytes] | None:
        """Ranges of a value, None for all of it. From one open file: a `set` meanwhile can't mix old and new."""
        path = self._path(key)
        fd = _open_for_reading(path)
        if fd is None:
            return None
        try:
            size = _size_of_file(os.fstat(fd), path)
            if size is None:
                return None
            if ranges is None:
                return [_read_on(fd, size)]
            spans = [clip_range(size, start, length) for start, length in ranges]
            return [_read_on(fd, end - begin, begin) for begin, end in spans]
        except OSError as error:
            error.filename = error.filename or path
            raise
        finally:
            os.close(fd)

    def size(self, key: str) -> int | None:
        path = self._path(key)
        try:
            return _size_of_file(os.stat(path), path)
        except _MISSING:
            return None

    # ------------------------------------------------------------ writing

    def set(self, key: str, value: "Buffer") -> None:
        self.check_writable(key)
        path = self._path(key, writing=True)
        view = byte_view(value)
        temporary = None
        try:
            temporary, fd = self._open_temporary(path)
            self._fill(fd, view)
            os.replace(temporary, path)
        except BaseException as error:
            if temporary is not None:
                _unlink(temporary)
            self._prune(path)
            if isinstance(error, OSError) and os.path.isdir(path):
                raise IsADirectoryError(errno.EISDIR, "a directory stands where a file should be", path) from None
            raise
        if self.durable:
            _sync_directory(os.path.dirname(path))

    def _open_temporary(self, path: str) -> tuple[str, int]:
        """A new file beside `path`: its name and an open descriptor."""
        directory, name = os.path.split(path)
        for _ in range(_ATTEMPTS):
            # Unique among all writers, on other hosts too. A long name is cut, as the suffix must fit in as well.
            temporary = os.path.join(directory, f"{name[:40]}.{os.urandom(8).hex()}{PARTIAL}")
            try:
                return temporary, os.open(temporary, _WRITE, 0o666)
            except FileNotFoundError:
                _make_directory(directory, self.durable)
            except NotADirectoryError:
                raise NotADirectoryError(errno.ENOTDIR, "a file stands where a directory is needed", path) from None
        raise FileNotFoundError(errno.ENOENT, "its directory can't be made (is there a broken symbolic link?)", path)

    def _fill(self, fd: int, view: memoryview) -> None:
        try:
            while view:
                view = view[os.write(fd, view) :]
            if self.durable:
                os.fsync(fd)
        finally:
            os.close(fd)

    def delete(self, key: str) -> None:
        self.check_writable(key)
        path = self._path(key, writing=True)
        if _unlink(path):
            self._prune(path)

    def delete_prefix(self, prefix: str) -> None:
        self.check_writable(prefix)
        path = self._directory(check_prefix(prefix), writing=True)
        if path == self.root:
            for entry in _entries(path):
                _remove_tree(entry.path) if entry.is_dir(follow_symlinks=False) else _unlink(entry.path)
        elif os.path.islink(path) and os.path.isdir(path):
            _unlink(path)
        else:
            _remove_tree(path)
        self._prune(path)

    def _prune(self, path: str) -> None:
        """Remove the directories above `path` that are empty, up to the root, which stays: an empty prefix is none."""
        directory = os.path.dirname(path)
        while len(directory) > len(self.root) and _remove_directory(directory):
            directory = os.path.dirname(directory)

    def remove_partials(self, prefix: str = "", older_than: float = 3600.0) -> int:
        """Remove temporary files that killed processes have left behind, and return how many there were.

        Files changed in the last `older_than` seconds may belong to a writer at work, and stay.
        """
        self.check_writable(prefix)
        before, count = time.time() - older_than, 0
        for entry, _ in self._walk(check_prefix(prefix), partials=True):
            try:
                old = entry.stat(follow_symlinks=False).st_mtime <= before
            except FileNotFoundError:  # its writer has finished
                continue
            count += old and _unlink(entry.path)
        return count

    # ------------------------------------------------------------ listing

    def list(self, prefix: str = "") -> Iterator[str]:
        return (key for _, key in self._walk(check_prefix(prefix)))

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        directory = self._directory(check_prefix(prefix))
        return sorted(entry.name for entry in _entries(directory) if self._is_directory(entry) or self._is_value(entry))

    def _walk(
        self, prefix: str, *, partials: bool = False, above: "frozenset[tuple[int, int]]" = frozenset()
    ) -> Iterator[tuple["os.DirEntry[str]", str]]:
        """The values below a prefix, or else the partial ones, each with its key.

        `above` are the directories on the way, in which links may lead back.
        """
        directory = self._directory(prefix)
        try:
            status = os.stat(directory)
        except _MISSING:
            return
        identity = status.st_dev, status.st_ino
        if identity in above:
            return
        for entry in _entries(directory):
            if self._is_directory(entry):
                yield from self._walk(f"{prefix}{entry.name}/", partials=partials, above=above | {identity})
            elif entry.name.endswith(PARTIAL) if partials else self._is_value(entry):
                yield entry, prefix + entry.name

    def _is_directory(self, entry: "os.DirEntry[str]") -> bool:
        return _kind(entry) == stat.S_IFDIR and self._stays_inside(entry)

    def _is_value(self, entry: "os.DirEntry[str]") -> bool:
        return not entry.name.endswith(PARTIAL) and _kind(entry) == stat.S_IFREG and self._stays_inside(entry)

    # ------------------------------------------------------------ paths

    def _path(self, key: str, *, writing: bool = False) -> str:
        check_key(key)
        if key.endswith(PARTIAL):
            raise ValueError(f"{key!r} is no key of a LocalStore: names ending in {PARTIAL!r} are its temporary files")
        return self._checked(f"{self.root}/{key}", writing)

    def _directory(self, prefix: str, *, writing: bool = False) -> str:
        """The directory of a prefix as `check_prefix` gives it."""
        return self._checked(f"{self.root}/{prefix[:-1]}", writing) if prefix else self.root

    def _checked(self, path: str, writing: bool) -> str:
        # A link at the end of the path is replaced or removed itself when it is written to, but followed to read.
        if not self.follow_symlinks and not self._is_below_root(os.path.dirname(path) if writing else path):
            raise PermissionError(errno.EPERM, f"symbolic links lead out of {self.root!r}, follow_symlinks=False", path)
        return path

    def _stays_inside(self, entry: "os.DirEntry[str]") -> bool:
        return self.follow_symlinks or not entry.is_symlink() or self._is_below_root(entry.path)

    def _is_below_root(self, path: str) -> bool:
        root = os.path.realpath(self.root)
        return f"{os.path.realpath(path)}{os.sep}".startswith(root if root.endswith(os.sep) else root + os.sep)

    # ------------------------------------------------------------ as a value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.root == self.root

    def __hash__(self) -> int:
        return hash((type(self), self.root))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.root!r})"


def _open_for_reading(path: str) -> int | None:
    try:
        return os.open(path, _READ)
    except _MISSING:
        return None
    except PermissionError:
        if os.path.isdir(path):  # what Windows says of every directory
            return None
        raise


def _size_of_file(status: os.stat_result, path: str) -> int | None:
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


def _unlink(path: str) -> bool:
    """Remove a file or a link; False where there is none, or a directory."""
    try:
        os.unlink(path)
    except _MISSING:
        return False
    except PermissionError:
        if os.path.isdir(path) and not os.path.islink(path):  # what macOS and Windows say of directories
            return False
        raise
    return True


def _remove_directory(path: str) -> bool:
    """Remove a directory if it is empty; whether it is gone now."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _remove_tree(path: str) -> None:
    """Remove a directory with all below it, links but not what they point to.

    Files first: without its metadata document a node is gone at once, nobody reads one with half the chunks missing.
    """
    directories = []
    for entry in _entries(path):
        if entry.is_dir(follow_symlinks=False):
            directories.append(entry.path)
        else:
            _unlink(entry.path)
    for directory in directories:
        _remove_tree(directory)
    _remove_directory(path)


def _entries(path: str) -> "Sequence[os.DirEntry[str]]":
    """What is in a directory; nothing if there is none."""
    try:
        with os.scandir(path) as entries:
            return [*entries]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _kind(entry: "os.DirEntry[str]") -> int:
    """S_IFDIR or S_IFREG, of what a link points to; 0 for all else, as a link that points nowhere or to itself."""
    try:
        return stat.S_IFDIR if entry.is_dir() else stat.S_IFREG if entry.is_file() else 0
    except OSError as error:
        if error.errno == errno.ELOOP:
            return 0
        raise


def _make_directory(path: str, durable: bool) -> None:
    """Make a directory and, where they are missing, those above it."""
    parent = os.path.dirname(path)
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_directory(parent, durable)
        try:
            os.mkdir(path)
        except (FileExistsError, FileNotFoundError):
            return  # someone else has made it, or has taken the parent away: the caller tries again
    if durable:
        _sync_directory(parent)


def _sync_directory(path: str) -> None:
    if os.name == "nt":
        return  # directories can't be opened there
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
