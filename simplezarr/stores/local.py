"""Define the store in a local directory. A key is the path of a file below it."""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from simplezarr.engine.files.files import file_bytes, file_size
from simplezarr.engine.files.reader import Data, Reader
from simplezarr.engine.files.replace import HAVE_FILES
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.above import enclosing_directory
from simplezarr.stores.base import Store, byte_view, check_key, check_prefix, reads_by, too_large, wait_for_locks
from simplezarr.stores.file_reader import FileReader, list_directory, open_file, size_of, status
from simplezarr.stores.portable import MISSING, PARTIAL, is_inside

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["LocalStore"]

# Kinds of directory entries.
_DIRECTORY, _VALUE, _TEMPORARY, _OTHER = range(4)

_Names = list[tuple[str, int]]  # each with its kind

if HAVE_FILES:
    from simplezarr.engine.files.replace import (
        FileLock,
        is_abandoned,
        remove_abandoned,
        remove_file,
        remove_tree,
        temporary_name,
    )
else:  # Windows
    from simplezarr.stores.portable import (  # type: ignore[assignment]
        FileLock,
        is_abandoned,
        remove_abandoned,
        remove_file,
        remove_tree,
        temporary_name,
    )


class LocalStore(Store):
    """A store of files below a directory, which is created when the first value is written.

    A value is written to a temporary file beside its own, `name.partial`, which is then renamed. So readers get the old
    or the new value. A lock on the temporary file makes all writers of a key wait for each other, threads and processes
    (on Windows, threads). Writing fails on a file system without such locks. A temporary file that a killed process
    leaves behind is never listed and is not locked. The next write of that key removes it, as do `delete_prefix` and
    `remove_partials`. Names that end in `.partial` are refused, except those of existing directories.

    A replaced file keeps its permissions and, if the system allows it, its owner and group. Keys can be deleted even if
    the file system is full.

    path: the directory; a `~` at its beginning is the home directory.
    durable: sync files and directories to the disk, so that a value survives a power cut once `set` has returned.
    follow_symlinks: whether symbolic links may lead out of the directory. If not, each name on the way to a key is
    opened by itself, so that links created meanwhile do not lead out either. Keys behind links that lead out raise a
    PermissionError. (On Windows links are checked before a file is opened.)

    Deleting a key or a prefix that is a link removes the link, never its target. No link below a prefix is followed.
    Links on the way to a key or a prefix are followed as `follow_symlinks` says. Writing to a key that is a link
    replaces the link.

    >>> LocalStore("data.zarr").get("zarr.json") is None
    True
    """

    concurrency = None

    def __init__(self, path: "str | os.PathLike[str]", durable: bool = False, *, follow_symlinks: bool = True):
        name = os.fsdecode(path)
        if not name:
            raise ValueError("path: must not be empty; '.' is the current directory")
        self.root = os.path.abspath(os.path.expanduser(name) if name[0] == "~" else name)
        self.durable, self.follow_symlinks = durable, follow_symlinks

    @property
    def local_root(self) -> str | None:
        return self.root if type(self) is LocalStore and self.follow_symlinks else None

    # ------------------------------------------------------------ reading

    def get(self, key: str) -> bytes | None:
        if self.follow_symlinks:
            data = file_bytes(self._path(key))
            if data is not NotImplemented:
                return data
        parts = self._read(key, None)
        return None if parts is None else parts[0]

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> Data | None:
        if type(self) is not LocalStore and not reads_by(self, LocalStore, "get"):
            return super().get_limited(key, limit, holes=holes)
        if self.follow_symlinks:
            data = file_bytes(self._path(key), limit)
            if data is not NotImplemented:
                return data
        with FileReader(self._path(key), self._confined) as reader:
            size = reader.size()
            if size is not None and size > limit:
                hollow = reader.holes(limit) if holes else 0
                if not holes or hollow > limit:
                    raise too_large(key, size, limit, hollow)
            parts = reader.get_ranges(None)
        return None if parts is None else parts[0]

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        parts = self._read(key, ((start, length),))
        return None if parts is None else parts[0]

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        return self._read(key, ranges)

    def _read(self, key: str, ranges: Iterable[tuple[int, int]] | None) -> Sequence[bytes] | None:
        """Return ranges of a value, or all of it (None), from one open file, so old and new bytes do not mix."""
        with FileReader(self._path(key), self._confined) as reader:
            return reader.get_ranges(ranges)

    def reader(self, key: str) -> Reader:
        """Return a reader of one open file, which a later `set` or `delete` does not affect."""
        return FileReader(self._path(key), self._confined) if reads_by(self, LocalStore) else super().reader(key)

    def size(self, key: str) -> int | None:
        path = self._path(key)
        size = file_size(path) if self.follow_symlinks else NotImplemented
        return size_of(path, self._confined) if size is NotImplemented else size

    # ------------------------------------------------------------ writing

    def check_writable(self, key: str) -> None:
        super().check_writable(key)
        self._check_new(key)

    def _check_new(self, key: str) -> None:
        """Raise a ValueError for a key in a directory named like a temporary file, unless that directory exists."""
        end = key.find(f"{PARTIAL}/")
        while end >= 0:
            end += len(PARTIAL)
            if not os.path.isdir(f"{self.root}/{key[:end]}"):
                raise ValueError(
                    f"{key!r}: a LocalStore keeps names ending in {PARTIAL!r} for its temporary files; "
                    "choose another name"
                )
            end = key.find(f"{PARTIAL}/", end)

    def set(self, key: str, value: "Buffer") -> None:
        self.check_writable(key)
        path, view = self._path(key), byte_view(value)
        with self._lock(path) as lock:
            lock.publish(view)

    def create(self, key: str, value: "Buffer") -> bool:
        if type(self) is not LocalStore:
            return super().create(key, value)
        self.check_writable(key)
        path, view = self._path(key), byte_view(value)
        with FileLock(path, self.root, self.durable, self.follow_symlinks) as lock:
            if self.size(key) is not None:
                return False
            lock.publish(view)
        return True

    def set_file(self, key: str, source: str) -> bool:
        """Store the content of a file, of any size; return False if there is no such file.

        Within one file system that supports it (Btrfs, XFS), both files share their blocks on the disk.
        """
        self.check_writable(key)
        path = self._path(key)
        file = open_file(source)
        if file is None:
            return False
        try:
            with self._lock(path) as lock:
                lock.publish_file(file.fileno())
        finally:
            file.close()
        return True

    def delete(self, key: str) -> None:
        super().check_writable(key)
        path = self._path(key)
        held = KeyLock.mine(None, temporary_name(path))
        if isinstance(held, FileLock):
            held.delete()
        else:
            remove_file(path, self.root, self.durable, self.follow_symlinks)

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Lock a key as `Store.lock` does, against other threads and processes, also those that `set` or `delete` it.

        If the file system is full, the file of the value itself is locked. Writing then raises an OSError (EBUSY) if
        another writer found room meanwhile and replaced the file.
        """
        self.check_writable(key)
        return FileLock(self._path(key), self.root, self.durable, self.follow_symlinks)

    def _lock(self, path: str) -> AbstractContextManager[FileLock]:
        """Return the lock of a file: the one that this thread is inside of, or a new one."""
        held = KeyLock.mine(None, temporary_name(path))
        if isinstance(held, FileLock):
            return nullcontext(held)
        return FileLock(path, self.root, self.durable, self.follow_symlinks)

    def delete_prefix(self, prefix: str) -> None:
        """Remove all keys below a prefix, after waiting for their writers.

        If the directory of the prefix is a link, remove only the link.
        """
        super().check_writable(prefix)
        remove_tree(self._directory(check_prefix(prefix)), self.root, self.follow_symlinks)

    def wait_for_writers(self, prefix: str) -> None:
        """Wait as `Store.wait_for_writers` does; `delete_prefix` also waits for other processes."""
        wait_for_locks(None, f"{self.root}/{check_prefix(prefix)}")

    def is_link(self, prefix: str) -> bool:
        """Return whether the directory of a prefix is a symbolic link; if so, `delete_prefix` removes the link."""
        prefix = check_prefix(prefix)
        return bool(prefix) and os.path.islink(self._directory(prefix))

    def confined(self, prefix: str) -> Store:
        """Return a store that follows no link out of the directory, unless a link above the prefix leads out already.

        So a directory that is replaced by a link while a node is deleted leads nowhere.
        """
        if type(self) is not LocalStore or not self.follow_symlinks:
            return self
        above = os.path.dirname(self._directory(check_prefix(prefix))) if prefix else self.root
        if above != self.root and not is_inside(above, self.root):
            return self
        store = LocalStore(self.root, self.durable, follow_symlinks=False)
        store.read_only = self.read_only
        return store

    def enclosing(self, names: Sequence[str]) -> tuple[Store, str] | None:
        """Return what `Store.enclosing` says; None with `follow_symlinks=False`.

        Directories without files are passed over. Any other directory without one of the names ends the search. If the
        uppermost directory is reached by a link, the search goes on above the directory that the link leads to.
        """
        if not self.follow_symlinks:
            return None
        outer = enclosing_directory(self.root, names)
        top, below = outer or (self.root, "")
        real = os.path.realpath(top)
        if real != top:  # a link from outside may lead into a hierarchy
            further = enclosing_directory(real, names)
            if further is not None:
                outer = further[0], f"{further[1]}/{below}".rstrip("/")
        return None if outer is None else (LocalStore(outer[0], self.durable), outer[1])

    def remove_partials(self, prefix: str = "", older_than: float = 3600.0) -> int:
        """Remove the temporary files that killed processes have left below a prefix, and return their number.

        Files that a writer holds stay. So do files changed in the last `older_than` seconds, because the locks of some
        file systems do not reach writers on other hosts.
        """
        super().check_writable(prefix)
        before, count = time.time() - older_than, 0
        for path in self._temporary(prefix):
            try:
                old = os.lstat(path).st_mtime <= before
            except FileNotFoundError:  # its writer has finished
                continue
            count += old and remove_abandoned(path, self.root, self.follow_symlinks)
        return count

    def partials(self, prefix: str = "") -> Iterator[str]:
        """Yield the temporary files that killed processes have left below a prefix, as paths from the root."""
        skip = len(self.root) + 1
        for path in self._temporary(prefix):
            if is_abandoned(path, self.root, self.follow_symlinks):
                yield path[skip:]

    def _temporary(self, prefix: str) -> Iterator[str]:
        found = self._walk(check_prefix(prefix))
        return (f"{self.root}/{name}" for name, kind in found if kind == _TEMPORARY)

    # ------------------------------------------------------------ listing

    def list(self, prefix: str = "") -> Iterator[str]:
        return (key for key, kind in self._walk(check_prefix(prefix)) if kind == _VALUE)

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        _, names = self._scan(check_prefix(prefix))
        return sorted(name for name, kind in names if kind in (_DIRECTORY, _VALUE))

    def _walk(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield the files below a prefix as paths from the root, each with its kind."""
        todo: list[tuple[str, _Above]] = [(prefix, None)]
        while todo:
            prefix, above = todo.pop()
            identity, names = self._scan(prefix)
            if _is_among(identity, above):  # a link leads back to a directory above
                continue
            for name, kind in names:
                if kind == _DIRECTORY:
                    todo.append((f"{prefix}{name}/", (identity, above)))
                else:
                    yield prefix + name, kind

    def _scan(self, prefix: str) -> tuple[tuple[int, int], _Names]:
        """Return the identity of a directory, and the names in it with their kinds; no names if it does not exist."""
        directory = self._directory(prefix)
        try:
            found, entries = list_directory(directory, self._confined)
        except (FileNotFoundError, NotADirectoryError):
            return (0, 0), []
        names = [(entry.name, self._kind(entry, f"{directory}/{entry.name}")) for entry in entries]
        return (found.st_dev, found.st_ino), names

    def _kind(self, entry: "os.DirEntry[str]", path: str) -> int:
        mode = _mode(entry, path, self._confined)
        if stat.S_ISDIR(mode):
            return _DIRECTORY
        if entry.name.endswith(PARTIAL):
            return _TEMPORARY
        return _VALUE if stat.S_ISREG(mode) else _OTHER

    # ------------------------------------------------------------ paths

    @property
    def _confined(self) -> str | None:
        """The directory that links must not lead out of, None if they may."""
        return None if self.follow_symlinks else self.root

    def _path(self, key: str) -> str:
        check_key(key)
        if key.endswith(PARTIAL):
            raise ValueError(
                f"{key!r}: a LocalStore keeps names ending in {PARTIAL!r} for its temporary files; choose another name"
            )
        return f"{self.root}/{key}"

    def _directory(self, prefix: str) -> str:
        """Return the directory of a prefix with its slash."""
        return f"{self.root}/{prefix[:-1]}" if prefix else self.root

    # ------------------------------------------------------------ as a value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.root == self.root

    def __hash__(self) -> int:
        return hash((type(self), self.root))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.root!r})"


#: The identities of the directories above one: the nearest, and those above that.
_Above = tuple[tuple[int, int], "_Above"] | None


def _is_among(identity: tuple[int, int], above: "_Above") -> bool:
    """Return whether a directory is one of those above."""
    while above is not None:
        if above[0] == identity:
            return True
        above = above[1]
    return False


def _mode(entry: "os.DirEntry[str]", path: str, root: str | None) -> int:
    """Return the file type that an entry is or leads to; 0 for a link that is broken, or leads out of the root."""
    try:
        if not entry.is_symlink():
            return stat.S_IFDIR if entry.is_dir() else stat.S_IFREG if entry.is_file() else 0
        return status(path, root).st_mode
    except MISSING:
        return 0
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EPERM):
            return 0
        raise
