"""A store in a local directory: a key is the path of a file below it."""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from simplezarr.engine.files.files import file_bytes, file_size
from simplezarr.engine.files.reader import Reader
from simplezarr.engine.files.replace import HAVE_FILES
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.above import enclosing_directory
from simplezarr.stores.base import Store, byte_view, check_key, check_prefix, reads_by, too_large, wait_for_locks
from simplezarr.stores.file_reader import MISSING, FileReader, list_directory, open_file, size_of, status
from simplezarr.stores.portable import PARTIAL, is_inside

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["LocalStore"]

# What an entry of a directory is.
_DIRECTORY, _VALUE, _TEMPORARY, _OTHER = range(4)

_Names = list[tuple[str, int]]  # with what each is

if HAVE_FILES:
    from simplezarr.engine.files.replace import (
        FileLock,
        discard,
        is_abandoned,
        remove_file,
        remove_tree,
        temporary_name,
    )
else:  # Windows
    from simplezarr.stores.portable import (  # type: ignore[assignment]
        FileLock,
        discard,
        is_abandoned,
        remove_file,
        remove_tree,
        temporary_name,
    )


class LocalStore(Store):
    """Files below a directory, which is made when the first value is written.

    A value is written to a temporary file beside its own, `name.partial`, that is then renamed: readers see the old
    value or the new. A lock on the temporary file makes the writers of a key wait for each other, threads and processes
    (on Windows, threads). A file system that has no such locks can't be written to. What a killed process leaves behind
    is never listed and holds no lock. It goes with the next write of that key, with `delete_prefix`, or with
    `remove_partials`. Names that end in `.partial` are refused, except those of directories that exist.

    A file that is replaced keeps its permissions and, as far as the system allows, its owner and group. If the file
    system is full, also of files, keys can still be deleted.

    path: of the directory; a `~` at its beginning is the home directory.
    durable: sync files and directories to the disk, so that a value survives a power cut once `set` has returned.
    follow_symlinks: whether symbolic links may lead out of the directory. If not, every name on the way to a key is
    opened by itself, so that links that others make meanwhile don't lead out either, and the keys behind links that do
    raise a PermissionError. (On Windows links are looked at before a file is opened.)

    Deleting a key or a prefix that is a link removes the link, never what it leads to, and below a prefix no link is
    followed. Links on the way to a key or a prefix are followed as `follow_symlinks` says. Writing to a key that is a
    link replaces the link.

    >>> LocalStore("data.zarr").get("zarr.json") is None
    True
    """

    concurrency = None

    def __init__(self, path: "str | os.PathLike[str]", durable: bool = False, *, follow_symlinks: bool = True):
        name = os.fsdecode(path)
        if not name:
            raise ValueError("the path of a LocalStore is empty; '.' is the current directory")
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

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> bytes | None:
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
        """Ranges of a value, None for all of it. From one open file: a `set` meanwhile can't mix old and new."""
        with FileReader(self._path(key), self._confined) as reader:
            return reader.get_ranges(ranges)

    def reader(self, key: str) -> Reader:
        """Return a reader of one open file: a `set` or `delete` meanwhile does not show."""
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
        """Raise a ValueError for a key that needs a directory named like a temporary file, unless there is one."""
        end = key.find(f"{PARTIAL}/")
        while end >= 0:
            end += len(PARTIAL)
            if not os.path.isdir(f"{self.root}/{key[:end]}"):
                raise ValueError(
                    f"{key!r} can't be made: names ending in {PARTIAL!r} are those of temporary files in a LocalStore; "
                    "choose another name"
                )
            end = key.find(f"{PARTIAL}/", end)

    def set(self, key: str, value: "Buffer") -> None:
        self.check_writable(key)
        path, view = self._path(key), byte_view(value)
        with self._lock(path) as lock:
            lock.publish(view)

    def set_file(self, key: str, source: str) -> bool:
        """As `set`, with the content of a file, however large it is; False if there is no such file.

        On one file system that can do so (Btrfs, XFS), the two share what is on the disk.
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
        """As `Store.lock`; threads and processes wait for each other, also for those that `set` or `delete` the key.

        While the file system is full it is the value's own file that is locked. Then writing raises an OSError (EBUSY)
        if another writer has found room meanwhile and replaced it.
        """
        self.check_writable(key)
        return FileLock(self._path(key), self.root, self.durable, self.follow_symlinks)

    def _lock(self, path: str) -> AbstractContextManager[FileLock]:
        """The right to write a file: that of a `lock` that this thread is inside of, or a new one."""
        held = KeyLock.mine(None, temporary_name(path))
        if isinstance(held, FileLock):
            return nullcontext(held)
        return FileLock(path, self.root, self.durable, self.follow_symlinks)

    def delete_prefix(self, prefix: str) -> None:
        """Remove all keys below a prefix; waits for those that are being written.

        A prefix whose directory is a link loses the link alone.
        """
        super().check_writable(prefix)
        remove_tree(self._directory(check_prefix(prefix)), self.root, self.follow_symlinks)

    def wait_for_writers(self, prefix: str) -> None:
        """As `Store.wait_for_writers`; `delete_prefix` also waits for other processes."""
        wait_for_locks(None, f"{self.root}/{check_prefix(prefix)}")

    def is_link(self, prefix: str) -> bool:
        """Whether the directory of a prefix is a symbolic link, which `delete_prefix` removes as such."""
        prefix = check_prefix(prefix)
        return bool(prefix) and os.path.islink(self._directory(prefix))

    def confined(self, prefix: str) -> Store:
        """Return a store that follows no link out of the directory, unless a link above the prefix leads out already.

        So a directory that others exchange for a link while a node is deleted leads nowhere.
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
        """As `Store.enclosing`. Directories without any files are passed over; any other without one of the names ends
        the search. None with `follow_symlinks=False`.
        """
        outer = enclosing_directory(self.root, names) if self.follow_symlinks else None
        return None if outer is None else (LocalStore(outer[0], self.durable), outer[1])

    def remove_partials(self, prefix: str = "", older_than: float = 3600.0) -> int:
        """Remove the temporary files that killed processes have left behind, and return how many there were.

        Those that a writer holds stay. So do those changed in the last `older_than` seconds, because there are file
        systems whose locks do not reach the writers on other hosts.
        """
        super().check_writable(prefix)
        before, count = time.time() - older_than, 0
        for path in self._temporary(prefix):
            try:
                old = os.lstat(path).st_mtime <= before
            except FileNotFoundError:  # its writer has finished
                continue
            count += old and discard(path, self.root, self.follow_symlinks)
        return count

    def partials(self, prefix: str = "") -> Iterator[str]:
        """The temporary files that killed processes have left below a prefix, as paths from the store's root."""
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
        """The files below a prefix, as paths from the store's root, each with what it is."""
        todo: list[tuple[str, _Above]] = [(prefix, None)]
        while todo:
            prefix, above = todo.pop()
            identity, names = self._scan(prefix)
            if _is_among(identity, above):  # a link leads back
                continue
            for name, kind in names:
                if kind == _DIRECTORY:
                    todo.append((f"{prefix}{name}/", (identity, above)))
                else:
                    yield prefix + name, kind

    def _scan(self, prefix: str) -> tuple[tuple[int, int], _Names]:
        """The identity of a directory, and the names in it with what they are; none if there is no directory."""
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
        """The directory that links must not lead out of."""
        return None if self.follow_symlinks else self.root

    def _path(self, key: str) -> str:
        check_key(key)
        if key.endswith(PARTIAL):
            raise ValueError(
                f"{key!r} is not a key of a LocalStore: names ending in {PARTIAL!r} are those of its temporary files"
            )
        return f"{self.root}/{key}"

    def _directory(self, prefix: str) -> str:
        """The directory of a prefix as `check_prefix` gives it."""
        return f"{self.root}/{prefix[:-1]}" if prefix else self.root

    # ------------------------------------------------------------ as a value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.root == self.root

    def __hash__(self) -> int:
        return hash((type(self), self.root))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.root!r})"


#: The directories above one: the one right above it, and those above that.
_Above = tuple[tuple[int, int], "_Above"] | None


def _is_among(identity: tuple[int, int], above: "_Above") -> bool:
    while above is not None:
        if above[0] == identity:
            return True
        above = above[1]
    return False


def _mode(entry: "os.DirEntry[str]", path: str, root: str | None) -> int:
    """The kind of what an entry is or leads to; 0 for a link that leads nowhere, to itself, or out of the root."""
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
