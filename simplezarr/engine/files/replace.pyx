"""Replace files of a local store under a lock, and remove files and directory trees.

The contracts are in `csrc/io/replacement.h` and `csrc/io/tree.h`. Open files belong to objects that close them with their
last reference. An exception in the caller therefore leaves neither a lock nor a descriptor behind.
"""

import errno as codes
import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_AsStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno
from libc.string cimport memcpy, strrchr

from simplezarr.csrc cimport SZ_NO_MEMORY, SZ_OK
from simplezarr.csrc.io cimport (
    SZ_BENEATH_ENTER, SZ_HAVE_FILES, SZ_NO_DIRECTORY, SZ_PATH_BYTES, sz_close_directory, sz_copy_next, sz_is_abandoned,
    sz_name_temporary, sz_open_beneath, sz_open_directory, sz_prune, sz_remove_abandoned, sz_remove_object,
    sz_replacement_close, sz_replacement_delete, sz_replacement_discard, sz_replacement_is_open, sz_replacement_open,
    sz_replacement_prepare, sz_replacement_publish, sz_segment, sz_tree_begin, sz_tree_end,
    sz_tree_remove, sz_write_segments)
from simplezarr.engine.files.files cimport PyUnicode_EncodeFSDefault
from simplezarr.runtime.key_locks cimport KeyLock

cdef extern from "Python.h":
    str PyUnicode_DecodeFSDefault(const char *path)

cdef enum:
    PIECE = 16 << 20  # bytes that are copied between two checks for signals

cdef set NO_LOCKS = {codes.ENOLCK, codes.EOPNOTSUPP, codes.ENOSYS}

#: Whether the system has POSIX files; otherwise `simplezarr.stores.portable` replaces this module.
HAVE_FILES = bool(SZ_HAVE_FILES)


@cython.final
cdef class Place:
    """A path below the root of a store, encoded for the functions in C."""

    def __init__(self, str path not None, str root not None, bint follow):
        cdef char *text
        self.encoded = PyUnicode_EncodeFSDefault(path)
        PyBytes_AsStringAndSize(self.encoded, &text, NULL)  # raises for a NUL
        self.root, self.follow = len(PyUnicode_EncodeFSDefault(root)), follow

    cdef int open_above(self, str path) except -1:
        """Open the directory above the path. Return its descriptor, or SZ_NO_DIRECTORY if it does not exist."""
        cdef bytes above = self.encoded.rpartition(b"/")[0] or b"/"
        cdef const char *name
        cdef int fd, error
        if len(self.encoded) == self.root:
            above = self.encoded
        name = above
        with nogil:
            fd = sz_open_directory(name) if self.follow else sz_open_beneath(name, self.root, SZ_BENEATH_ENTER)
            error = errno
        if fd < 0 and error not in (codes.ENOENT, codes.ENOTDIR):
            raise _error(error, path, self)
        return fd if fd >= 0 else SZ_NO_DIRECTORY

    cdef const char *name(self) noexcept:
        """Return the part of the path after the last slash."""
        cdef const char *slash = strrchr(PyBytes_AS_STRING(self.encoded), b'/')
        return slash + 1 if slash != NULL else PyBytes_AS_STRING(self.encoded)

    cdef void prune(self) noexcept:
        """Remove the empty directories above the path."""
        cdef char text[SZ_PATH_BYTES]
        if len(self.encoded) < SZ_PATH_BYTES:
            memcpy(text, PyBytes_AS_STRING(self.encoded), len(self.encoded) + 1)
            with nogil:
                sz_prune(text, self.root, not self.follow)


cdef object _error(int code, str path, Place place):
    if code == codes.EXDEV and not place.follow:
        root = os.fsdecode(place.encoded[:place.root])
        return PermissionError(codes.EPERM, f"symbolic links lead out of {root!r}; pass follow_symlinks=True", path)
    return OSError(code, os.strerror(code), path)


@cython.no_gc_clear  # `release` needs the attributes
cdef class FileLock(KeyLock):
    """The lock on the file at `path`, held within `with`. `publish` replaces the file, `delete` removes it.

    root: the directory that is never removed, unlike empty directories below it. durable: sync changes to the disk.
    follow: whether symbolic links may lead out of the root.

    The first `publish` or `delete` ends the lock on the file. A second one waits for it again.
    """

    def __cinit__(self):
        self.replacement.fd = self.replacement.lock = self.replacement.parent = -1

    def __init__(self, str path not None, str root not None, bint durable, bint follow=True):
        self.place, self.path = Place(path, root, follow), path
        KeyLock.__init__(self, None, temporary_name(path))
        self.replacement.object, self.replacement.root = PyBytes_AS_STRING(self.place.encoded), self.place.root
        self.replacement.beneath, self.replacement.durable = not follow, durable
        self.replacement.directory, self.replacement.within, self.replacement.local = SZ_NO_DIRECTORY, 0, 0
        self.replacement.replaced, self.replacement.source_fd = NULL, -1
        self.replacement.pause = NULL

    def __dealloc__(self):
        FileLock.release(self)

    cdef int acquire(self) except -1:
        KeyLock.acquire(self)
        try:
            self.open()
        except BaseException:
            KeyLock.release(self)
            raise
        return 0

    cdef void release(self) noexcept:
        if sz_replacement_is_open(&self.replacement):
            with nogil:
                sz_replacement_discard(&self.replacement)
        KeyLock.release(self)

    def let_go(self):
        """Close all descriptors in a forked child, whose parent keeps the lock."""
        sz_replacement_close(&self.replacement)

    def publish(self, const unsigned char[::1] value):
        """Replace the file's content with these bytes. If that fails, the old content stays."""
        cdef sz_segment segment
        cdef size_t n = 0
        cdef int status, error
        if value.shape[0]:
            segment.data, segment.n, segment.offset, n = <const char *>&value[0], value.shape[0], 0, 1
        self.open()
        if n and segment.n > PIECE:
            self.write(&segment)
            n = 0
        with nogil:
            status = sz_replacement_publish(&self.replacement, &segment, n)
            error = errno
        if status != SZ_OK:
            raise self.error(error, False)

    def publish_file(self, int source):
        """Replace the file's content with the rest of an open file, from its position on."""
        cdef int status, error
        self.open()
        self.copy(source)
        with nogil:
            status = sz_replacement_publish(&self.replacement, NULL, 0)
            error = errno
        if status != SZ_OK:
            raise self.error(error, False)

    def delete(self):
        """Remove the file. A missing file is not an error. A directory stays."""
        cdef int status, error
        self.open()
        with nogil:
            status = sz_replacement_delete(&self.replacement)
            error = errno
        if status != SZ_OK:
            raise self.error(error, False)

    cdef int open(self) except -1:
        """Wait for the lock and make a new, empty file. Check for signals meanwhile."""
        cdef int status, error
        while not sz_replacement_is_open(&self.replacement):
            with nogil:
                status = sz_replacement_open(&self.replacement)
                error = errno
            if status != SZ_OK:
                if error != EINTR:
                    raise self.error(error, True)
                PyErr_CheckSignals()
        return 0

    cdef int prepare(self) except -1:
        """Make the temporary file ready for writing."""
        cdef int error
        if sz_replacement_prepare(&self.replacement) != SZ_OK:
            error = errno
            sz_replacement_discard(&self.replacement)
            raise self.error(error, False)
        return 0

    cdef int copy(self, int source) except -1:
        """Write the rest of an open file. Check for signals meanwhile. If that fails, discard the replacement."""
        cdef size_t copied = 1
        cdef int status, error
        self.prepare()
        try:
            while copied:
                PyErr_CheckSignals()
                with nogil:
                    status = sz_copy_next(source, self.replacement.fd, PIECE, &copied)
                    error = errno
                if status != SZ_OK:
                    raise self.error(error, False)
        except BaseException:
            sz_replacement_discard(&self.replacement)
            raise
        return 0

    cdef int write(self, const sz_segment *segment) except -1:
        """Write bytes in memory, otherwise as `copy`."""
        cdef sz_segment piece = segment[0]
        cdef size_t left = segment.n
        cdef int status, error
        self.prepare()
        try:
            while left:
                PyErr_CheckSignals()
                piece.n = min(left, <size_t>PIECE)
                with nogil:
                    status = sz_write_segments(self.replacement.fd, &piece, 1, -1, 0, NULL)
                    error = errno
                if status != SZ_OK:
                    raise self.error(error, False)
                piece.data += piece.n
                left -= piece.n
        except BaseException:
            sz_replacement_discard(&self.replacement)
            raise
        return 0

    cdef object error(self, int code, bint opening):
        temporary = temporary_name(self.path)
        if code == codes.EBUSY:
            return OSError(code, "another writer replaced it while the file system was full; try again", self.path)
        if not opening:
            if os.path.isdir(self.path):
                message = "a directory has the name of the file; remove it, or use another key"
                return IsADirectoryError(codes.EISDIR, message, self.path)
            return _error(code, self.path, self.place)
        if code == codes.ENOTDIR:
            message = "a file has the name of a directory above it; remove that file, or use another key"
            return NotADirectoryError(code, message, self.path)
        if code == codes.ENOENT:
            message = "cannot create its directory; check for a broken symbolic link"
            return FileNotFoundError(code, message, self.path)
        if code == codes.EINVAL:
            return OSError(code, "not a regular file, so no writer left it behind; remove it", temporary)
        if code in NO_LOCKS:
            message = f"{os.strerror(code)}: the file system has no locks (flock), so updates could get lost"
            return OSError(code, f"{message}; mount it with locks, or write elsewhere", temporary)
        return _error(code, temporary if code == codes.ELOOP else self.path, self.place)


def temporary_name(str path not None) -> str:
    """Return the path of a file's temporary file.

    >>> temporary_name("a/c"), len(temporary_name("a/" + 250 * "c")) <= 2 + 255
    ('a/c.partial', True)
    """
    cdef char name[SZ_PATH_BYTES]
    cdef bytes encoded = PyUnicode_EncodeFSDefault(path)
    if sz_name_temporary(encoded, 0, name) != SZ_OK:
        raise OSError(errno, os.strerror(errno), path)
    return PyUnicode_DecodeFSDefault(name)


def remove_file(str path not None, str root not None, bint durable, bint follow=True):
    """Remove a file under its lock. A missing file is not an error. A directory stays."""
    cdef FileLock lock = FileLock(path, root, durable, follow)
    cdef int status = -1, error = EINTR
    while status != SZ_OK:
        with nogil:
            status = sz_remove_object(&lock.replacement)
            error = errno
        if status != SZ_OK and error != EINTR:
            raise lock.error(error, True)
        PyErr_CheckSignals()


@cython.final
cdef class Tree:
    """A directory that is being removed with all that is below it."""

    def __cinit__(self):
        sz_tree_begin(&self.tree, -1, NULL, b"")

    def __dealloc__(self):
        sz_tree_end(&self.tree)


def remove_tree(str path not None, str root not None, bint follow=True):
    """Remove a directory with all that is below it, after waiting for the writers of files there.

    Links are removed, not followed, also a link to a directory at the path itself. The root stays. follow: whether links
    above the path may lead out of the root.
    """
    cdef Tree tree = Tree.__new__(Tree)
    cdef int status, error, parent
    tree.place = Place(path, root, follow)
    tree.own = b"".join([os.fsencode(key)[len(tree.place.encoded):] + b"\0"
                         for key in KeyLock.held_below(None, path + "/", True)])
    parent = tree.place.open_above(path)
    if parent == SZ_NO_DIRECTORY:
        return
    sz_tree_begin(&tree.tree, parent, NULL if path == root else tree.place.name(), PyBytes_AS_STRING(tree.own))
    while True:
        with nogil:
            status = sz_tree_remove(&tree.tree)
            error = errno
        if status == SZ_OK:
            break
        if status == SZ_NO_MEMORY:
            raise MemoryError(f"no memory to remove {path!r}")
        if error != EINTR:
            raise _error(error, path, tree.place)
        PyErr_CheckSignals()
    sz_tree_end(&tree.tree)
    if path != root:
        tree.place.prune()


def remove_abandoned(str path not None, str root not None, bint follow=True) -> bool:
    """Remove a temporary file that no writer owns. Return False if a writer owns it or has published it meanwhile."""
    cdef Place place = Place(path, root, follow)
    cdef int parent = place.open_above(path)
    cdef const char *name = place.name()
    cdef int done, error
    if parent == SZ_NO_DIRECTORY:
        return False
    with nogil:
        done = sz_remove_abandoned(parent, name, 0)
        error = errno
        sz_close_directory(parent)
    if done < 0 and error not in (EINTR, codes.EWOULDBLOCK):
        raise _error(error, path, place)
    if done == 1:
        place.prune()
    return done == 1


def is_abandoned(str path not None, str root not None, bint follow=True) -> bool:
    """Return whether the temporary file exists and no writer owns it."""
    cdef Place place = Place(path, root, follow)
    cdef int parent = place.open_above(path)
    cdef const char *name = place.name()
    cdef int done, error
    if parent == SZ_NO_DIRECTORY:
        return False
    with nogil:
        done = sz_is_abandoned(parent, name)
        error = errno
        sz_close_directory(parent)
    if done < 0:
        raise _error(error, path, place)
    return done == 1
