"""A store in a local directory: a key is the path of a file below it."""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING

from simplezarr._files import file_bytes
from simplezarr._locks import KeyLock
from simplezarr.stores.base import Store, byte_view, check_key, check_prefix, reads_by
from simplezarr.stores.draft import PARTIAL, Draft, discard, draft_of, is_abandoned, prune, unlink
from simplezarr.stores.file_reader import MISSING, FileReader, open_for_reading, size_of_file
from simplezarr.stores.reader import Reader

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["LocalStore"]


class LocalStore(Store):
    """Files below a directory, which is made when the first value is written.

    Writes go to a draft beside the file, `name.partial`, that is then renamed: readers see the old value or the new.
    A lock on the draft makes the writers of a key wait for each other, threads and processes (on Windows, threads); a
    file system that has no such locks can't be written to. Keys that end in `.partial` are refused. What a killed
    process leaves behind is never listed and holds no lock; it goes with the next write of that key, with
    `delete_prefix`, or with `remove_partials`.

    durable: sync files and directories to the disk, so that a value survives a power cut once `set` has returned.
    follow_symlinks: whether symbolic links may lead out of the directory; if not, the keys behind them raise a
    PermissionError. Deleting removes a link, never what it points to; writing to a key that is a link replaces it.

    >>> LocalStore("data.zarr").get("zarr.json") is None
    True
    """

    concurrency = None

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
        data = file_bytes(self._path(key))
        if data is not NotImplemented:
            return data
        parts = self._read(key, None)
        return None if parts is None else parts[0]

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        parts = self._read(key, ((start, length),))
        return None if parts is None else parts[0]

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        return self._read(key, ranges)

    def _read(self, key: str, ranges: Iterable[tuple[int, int]] | None) -> Sequence[bytes] | None:
        """Ranges of a value, None for all of it. From one open file: a `set` meanwhile can't mix old and new."""
        with FileReader(self._path(key)) as reader:
            if ranges is None:
                size = reader.size()
                return None if size is None else reader.get_ranges([(0, size)])
            return reader.get_ranges(ranges)

    def reader(self, key: str) -> Reader:
        """Return a reader of one open file: a `set` or `delete` meanwhile does not show."""
        return FileReader(self._path(key)) if reads_by(self, LocalStore) else super().reader(key)

    def size(self, key: str) -> int | None:
        path = self._path(key)
        try:
            return size_of_file(os.stat(path), path)
        except MISSING:
            return None

    # ------------------------------------------------------------ writing

    def set(self, key: str, value: "Buffer") -> None:
        self.check_writable(key)
        path, view = self._path(key, writing=True), byte_view(value)
        with self._draft(path) as draft:
            draft.publish(view)

    def set_file(self, key: str, source: str) -> bool:
        """As `set`, with the content of a file, however large it is; False where there is no such file.

        On one file system that can do so (Btrfs, XFS), the two share what is on the disk.
        """
        self.check_writable(key)
        path = self._path(key, writing=True)
        fd = open_for_reading(source)
        if fd is None:
            return False
        try:
            if size_of_file(os.fstat(fd), source) is None:
                return False
            with self._draft(path) as draft:
                draft.publish(fd)
        finally:
            os.close(fd)
        return True

    def delete(self, key: str) -> None:
        self.check_writable(key)
        path = self._path(key, writing=True)
        if _is_there(path) or _is_there(draft_of(path)):  # or else there is no directory to make a draft in
            with self._draft(path) as draft:
                draft.delete()

    def lock(self, key: str) -> AbstractContextManager[object]:
        """As `Store.lock`; threads and processes wait for each other, also for those that `set` or `delete` the key."""
        self.check_writable(key)
        return Draft(self._path(key, writing=True), self.root, self.durable)

    def _draft(self, path: str) -> AbstractContextManager[Draft]:
        """The right to write a file: that of a `lock` that this thread is inside of, or a new one."""
        held = KeyLock.mine(None, draft_of(path))
        return nullcontext(held) if isinstance(held, Draft) else Draft(path, self.root, self.durable)

    def delete_prefix(self, prefix: str) -> None:
        """Remove all keys below a prefix; waits for those that are being written."""
        self.check_writable(prefix)
        path = self._directory(check_prefix(prefix), writing=True)
        if path == self.root:
            _empty(path)
        elif os.path.islink(path) and os.path.isdir(path):
            unlink(path)
        else:
            _remove_tree(path)
        prune(path, self.root)

    def is_link(self, prefix: str) -> bool:
        return os.path.islink(self._directory(check_prefix(prefix), writing=True))

    def enclosing(self, names: Sequence[str]) -> tuple[Store, str] | None:
        """As `Store.enclosing`. Directories without any files are passed over; any other without one of the names ends
        the search. None with `follow_symlinks=False`.
        """
        directory, below, outer = self.root, "", None
        while self.follow_symlinks and directory != os.path.dirname(directory):
            directory, name = os.path.split(directory)
            below = f"{name}/{below}" if below else name
            if any(os.path.isfile(f"{directory}/{document}") for document in names):
                outer = directory, below
            elif outer is not None or not _is_void(directory):
                break
        return None if outer is None else (LocalStore(outer[0], self.durable), outer[1])

    def remove_partials(self, prefix: str = "", older_than: float = 3600.0) -> int:
        """Remove the drafts that killed processes have left behind, and return how many there were.

        Those that a writer holds stay. So do those changed in the last `older_than` seconds, as there are file systems
        whose locks do not reach the writers on other hosts.
        """
        self.check_writable(prefix)
        before, count = time.time() - older_than, 0
        for entry, _ in self._walk(check_prefix(prefix), partials=True):
            try:
                old = entry.stat(follow_symlinks=False).st_mtime <= before
            except FileNotFoundError:  # its writer has finished
                continue
            if old and discard(entry.path, wait=False):
                count += 1
                prune(entry.path, self.root)
        return count

    def partials(self, prefix: str = "") -> Iterator[str]:
        """The drafts that killed processes have left behind below a prefix, as paths from the store's root."""
        return (key for entry, key in self._walk(check_prefix(prefix), partials=True) if is_abandoned(entry.path))

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
        except MISSING:
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
            raise ValueError(f"{key!r} is no key of a LocalStore: names ending in {PARTIAL!r} are its drafts")
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


def _is_there(path: str) -> bool:
    """Whether there is anything under a path, a broken link too."""
    try:
        os.lstat(path)
    except MISSING:
        return False
    return True


def _is_void(path: str) -> bool:
    """Return whether there is no file below a path, but for drafts."""
    pending = [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif not entry.name.endswith(PARTIAL):
                        return False
        except FileNotFoundError:
            pass
        except OSError:
            return False
    return True


def _remove_tree(path: str) -> None:
    """Remove a directory with all below it, links but not what they point to; not what others write meanwhile."""
    _empty(path)
    with suppress(OSError):
        os.rmdir(path)


def _empty(path: str) -> None:
    """Files first: without its metadata document a node is gone at once, nobody reads one with half the chunks missing.

    Drafts before all: what is being written is published first, and then removed.
    """
    directories = []
    for entry in _entries(path):
        if _is_draft(entry) and KeyLock.mine(None, entry.path) is None:
            discard(entry.path, wait=True)
    for entry in _entries(path):
        if entry.is_dir(follow_symlinks=False):
            directories.append(entry.path)
        elif not _is_draft(entry):
            unlink(entry.path)
    for directory in directories:
        _remove_tree(directory)


def _is_draft(entry: "os.DirEntry[str]") -> bool:
    return entry.name.endswith(PARTIAL) and not entry.is_dir(follow_symlinks=False)


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
