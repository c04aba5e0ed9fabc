"""The draft of a file: what is about to replace it and, by the lock on it, the right to do so.

The draft of `x` is the file `x.partial` beside it. Whoever holds its `flock` is the one writer of `x`, among all
threads and processes; publishing renames the draft to `x`, which only its maker does. What a killed writer leaves
behind is not locked any more, and the next one takes it away. `csrc/draft.c` does the same for the engine;
`csrc/draft.h` says more about it.

Without `fcntl` (on Windows) drafts have names of their own, and writers exclude each other within the process only.
"""

import errno
import os
import stat
from contextlib import suppress

from simplezarr._locks import KeyLock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["PARTIAL", "Draft", "discard", "draft_of", "is_abandoned", "prune", "unlink"]

#: The end of the names of drafts.
PARTIAL = ".partial"

_NAME_BYTES, _KEPT_BYTES = 255, 200
_ATTEMPTS = 256  # to open a file in a directory that other writers, when they delete, take away as empty
# (Windows knows none of these but needs O_BINARY.)
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
_MOST, _PIECE = 64 << 20, 128 << 10  # bytes of a file that are copied at a time, by the system and by us
_NO_LOCKS = {getattr(errno, name, -1) for name in ("ENOLCK", "EOPNOTSUPP", "ENOSYS")}


class Draft(KeyLock):
    """The right to write the file at `path`, within `with`; made of it by `publish`, `delete`, or nothing.

    root: the directory that stays when it is empty; those below it that are go. durable: sync what changes to the disk.

    After the first `publish` or `delete` other processes may write; a second one waits for the lock again.
    """

    __slots__ = ("durable", "fd", "file", "path", "root")

    def __init__(self, path: str, root: str, durable: bool):
        super().__init__(None, draft_of(path))
        self.path, self.root, self.durable = path, root, durable
        self.fd, self.file = -1, ""

    def __enter__(self) -> "Draft":
        super().__enter__()
        try:
            self._open()
        except BaseException:
            super().__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._drop()
        finally:
            super().__exit__()

    def let_go(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def publish(self, value: memoryview | int) -> None:
        """Make this the value, or what is still to be read of an open file. If it fails, the old one stays."""
        self._open()
        try:
            if isinstance(value, int):
                _copy_file(value, self.fd)
            else:
                _write(self.fd, value)
            if self.durable:
                os.fsync(self.fd)
            else:  # network file systems say that the disk is full only now; the last descriptor is kept for its lock
                os.close(os.dup(self.fd))
            if fcntl is None:
                self.let_go()  # an open file can't be renamed
            os.replace(self.file, self.path)
        except BaseException as error:
            self._drop()
            if isinstance(error, OSError):
                error.filename = error.filename or self.path
                if os.path.isdir(self.path):
                    message = "a directory stands where a file should be"
                    raise IsADirectoryError(errno.EISDIR, message, self.path) from None
            raise
        self.let_go()
        if self.durable:
            _sync_directory(os.path.dirname(self.path))

    def delete(self) -> None:
        """Remove the file; that there is none, or a directory, is no error."""
        self._open()
        try:
            unlink(self.path)
        finally:
            directory = self._drop()
        if self.durable:
            _sync_directory(directory)

    def _open(self) -> None:
        """Wait for the lock on a new, empty file."""
        try:
            while self.fd < 0:
                self._take()
        except BaseException:
            prune(self.path, self.root)
            raise

    def _take(self) -> None:
        """Make and lock the file; keep it unless another writer has removed it before it was locked."""
        fd = self._make_file()
        if fd < 0:
            self._outwait()
            return
        try:
            lock_file(fd, self.file)
            if current_status(fd, self.file) is not None:
                self.fd, fd = fd, -1
        finally:
            if fd >= 0:
                os.close(fd)

    def _make_file(self) -> int:
        """A descriptor; -1 where there is such a file."""
        self.file = draft_of(self.path, None if fcntl else f".{os.urandom(8).hex()}")
        for _ in range(_ATTEMPTS):
            try:
                return os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
            except FileExistsError:
                return -1
            except FileNotFoundError:
                _make_directory(os.path.dirname(self.path), self.durable)
            except NotADirectoryError:
                message = "a file stands where a directory is needed"
                raise NotADirectoryError(errno.ENOTDIR, message, self.path) from None
        message = "its directory can't be made (is there a broken symbolic link?)"
        raise FileNotFoundError(errno.ENOENT, message, self.path)

    def _outwait(self) -> None:
        """Wait for the writer whose file is there, and remove what a killed one has left behind."""
        try:
            try:
                fd = os.open(self.file, os.O_RDWR | _FLAGS)
            except PermissionError:  # another user's can't be written, but it can be locked
                fd = os.open(self.file, os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            return
        try:
            lock_file(fd, self.file)
            status = current_status(fd, self.file)
            if status is not None and not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a file that a writer has left behind; remove it", self.file)
            if status is not None:
                os.unlink(self.file)
        finally:
            os.close(fd)

    def _drop(self) -> str:
        """Let the lock go, and leave nothing behind; the directory that stays."""
        if fcntl is None:
            self.let_go()  # an open file can't be removed
            unlink(self.file)
        elif self.fd >= 0:
            # Interrupted right after `os.replace`, it is another writer's draft that has the name.
            if current_status(self.fd, self.file) is not None:
                unlink(self.file)
            self.let_go()
        return prune(self.path, self.root)


def _write(fd: int, value: memoryview) -> None:
    while value:
        value = value[os.write(fd, value) :]


def _copy_file(source: int, target: int) -> None:
    """Copies all that follows in a file; as far as it can, the system does it, and may share what is on the disk."""
    if hasattr(os, "copy_file_range"):  # Linux
        with suppress(OSError):  # not between these file systems, say; what is really wrong, `read` and `write` tell
            while os.copy_file_range(source, target, _MOST):
                pass
    while value := os.read(source, _PIECE):
        _write(target, memoryview(value))


def draft_of(path: str, unique: str | None = None) -> str:
    """The path of a file's draft. A name that leaves no room for the suffix is cut, as the engine does it.

    >>> draft_of("a/c"), len(draft_of("a/" + 250 * "c")) <= 2 + 255
    ('a/c.partial', True)
    """
    directory, slash, name = path.rpartition("/")
    raw = os.fsencode(name)
    end = (unique or "") + PARTIAL
    if len(raw) + len(end) <= _NAME_BYTES:
        return path + end
    kept = _KEPT_BYTES
    while raw[kept] & 0xC0 == 0x80:  # no part of a UTF-8 character
        kept -= 1
    digest = 0xCBF29CE484222325
    for byte in raw:  # FNV-1a
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{directory}{slash}{os.fsdecode(raw[:kept])}{unique or f'.{digest:016x}'}{PARTIAL}"


def discard(draft: str, *, wait: bool) -> bool:
    """Remove a draft that nobody works on any more; False if somebody does, or has published it meanwhile.

    wait: until the writer is done. What is no file (a link, say) has no writer and is removed.
    """
    try:
        if fcntl is None or not stat.S_ISREG(os.lstat(draft).st_mode):
            return unlink(draft)
        fd = os.open(draft, os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        return False
    try:
        return lock_file(fd, draft, wait=wait) and current_status(fd, draft) is not None and unlink(draft)
    finally:
        os.close(fd)


def is_abandoned(draft: str) -> bool:
    """Whether there is a draft that nobody works on any more. (Where there are no locks, any draft.)"""
    try:
        fd = os.open(draft, os.O_RDONLY | _FLAGS)
    except OSError as error:  # published meanwhile; or a link or a socket, which no writer makes
        return not isinstance(error, FileNotFoundError)
    try:
        return lock_file(fd, draft, wait=False) and current_status(fd, draft) is not None
    finally:
        os.close(fd)


def lock_file(fd: int, path: str, *, wait: bool = True) -> bool:
    """Wait for the exclusive lock on an open file; or else say whether it was free."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        message = f"{error.strerror}: the file system has no locks (flock), without which updates could get lost"
        raise OSError(error.errno, f"{message}; mount it with locks, or write elsewhere", path) from None
    return True


def current_status(fd: int, path: str) -> os.stat_result | None:
    """The status of an open file, if the path still leads to it."""
    status = os.fstat(fd)
    try:
        return status if os.path.samestat(status, os.lstat(path)) else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def unlink(path: str) -> bool:
    """Remove a file or a link; False where there is none, or a directory."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except PermissionError:
        if os.path.isdir(path) and not os.path.islink(path):  # what macOS and Windows say of directories
            return False
        raise
    return True


def prune(path: str, root: str) -> str:
    """Remove the directories above `path` that are empty, up to the root (an empty prefix is none); which one stays."""
    directory = os.path.dirname(path)
    while len(directory) > len(root):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError:
            break
        directory = os.path.dirname(directory)
    return directory


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
    """Sync a directory, or the first above it that is still there."""
    if os.name == "nt":
        return  # directories can't be opened there
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        _sync_directory(os.path.dirname(path))
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
