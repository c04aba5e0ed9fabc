"""Read files and directories of a local store, if the compiled engine does not read them itself."""

import errno
import os
import stat
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from simplezarr.engine.files.files import Descriptor, is_settled, open_regular
from simplezarr.engine.files.reader import Reader, clip_range
from simplezarr.engine.files.replace import HAVE_FILES
from simplezarr.stores import portable

if TYPE_CHECKING:
    from simplezarr.engine.files.files import File

__all__ = ["FileReader", "list_directory", "open_file", "size_of", "status"]


class FileReader(Reader):
    """Read parts of a file that is opened once.

    root: the directory that links must not lead out of; None if links may lead anywhere.
    """

    def __init__(self, path: str, root: str | None):
        self._path, self._root = path, root
        self._file: File | portable.File | None = None
        self._begun = False

    @property
    def validator(self) -> Hashable | None:
        """Return the identity of the file; None if it changed so recently that another change might not show."""
        if self._file is None:
            return None
        _, _, mtime, ctime, _ = identity = self._file.identity
        return identity if is_settled(mtime, ctime) else None

    def pin(self, validator: Hashable) -> bool:
        self.size()
        return self.validator == validator

    def get_ranges(self, ranges: Iterable[tuple[int, int]] | None) -> Sequence[bytes] | None:
        """Return ranges as `Reader.get_ranges` does; if `ranges` is None, the whole file."""
        size = self.size()
        if size is None or self._file is None:
            return None
        spans = [(0, size)] if ranges is None else [clip_range(size, start, length) for start, length in ranges]
        return [self._file.read(begin, end - begin) for begin, end in spans]

    def size(self) -> int | None:
        if not self._begun:
            self._file = open_file(self._path, self._root)
            self._begun = True
        return None if self._file is None else self._file.size

    def holes(self, enough: int) -> int:
        return 0 if self.size() is None or self._file is None else self._file.holes(enough)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def open_file(path: str, root: str | None = None) -> "File | portable.File | None":
    """Open a file for reading; return None if there is none, or if it is a directory."""
    return (open_regular if HAVE_FILES else portable.open_regular)(path, root)


def size_of(path: str, root: str | None) -> int | None:
    """Return the size of a file, None if there is none or it is a directory; raise an OSError for anything else."""
    try:
        found = status(path, root)
    except portable.MISSING:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # no file can have this name
            return None
        raise
    if stat.S_ISREG(found.st_mode):
        return found.st_size
    if stat.S_ISDIR(found.st_mode):
        return None
    raise OSError(errno.EINVAL, "neither a file nor a directory; remove it, or use another key", path)


def status(path: str, root: str | None) -> os.stat_result:
    """Return the status of the file or directory that a path leads to."""
    if root is None:
        return os.stat(path)
    if not HAVE_FILES:
        portable.check_inside(path, root, False)
        return os.stat(path)
    opened = Descriptor(path, root, False)
    return os.fstat(opened.fileno())


def list_directory(path: str, root: str | None) -> "tuple[os.stat_result, list[os.DirEntry[str]]]":
    """Return the status of a directory, and its entries."""
    if root is None or not HAVE_FILES:
        found = status(path, root)
        with os.scandir(path) as entries:
            return found, [*entries]
    opened = Descriptor(path, root, True)
    with os.scandir(opened.fileno()) as entries:
        listed = [*entries]
        for entry in listed:  # asked now, while the directory is open
            entry.is_dir(follow_symlinks=False)
        return os.fstat(opened.fileno()), listed
