"""Open and read files of a local store without the GIL."""

import errno as codes
import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_AsStringAndSize, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport ENAMETOOLONG, ENOENT, ENOTDIR, errno
from libc.stdlib cimport calloc, free

from simplezarr.csrc cimport SZ_IO, SZ_MISSING, SZ_OK, SZ_TRUNCATED
from simplezarr.csrc.io cimport (
    SZ_BENEATH_FILE, SZ_BENEATH_LIST, SZ_BENEATH_STATUS, SZ_NO_DIRECTORY, sz_adopt, sz_close, sz_close_directory,
    sz_file, sz_holes, sz_open, sz_open_beneath, sz_read, sz_size)
from simplezarr.engine.kernels.context cimport PIECE_BYTES, pause
from simplezarr.runtime.locks cimport (
    PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock, PyThread_release_lock)

cdef extern from *:
    """
    #include <time.h>
    static int64_t sz_now(void) {
      struct timespec now;
      timespec_get(&now, TIME_UTC);
      return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    """
    int64_t sz_now() nogil

cdef enum:
    FRESH_NS = 100_000_000
    ROOM = 4096  # bytes that are read before an object is allocated for them: all of most documents


cdef int read_bytes(Context *context, const sz_file *file, char *dst, size_t n, int64_t offset) noexcept nogil:
    """Read as `sz_read`, with pauses."""
    cdef int status = SZ_OK
    while n > PIECE_BYTES and status == SZ_OK:
        status = sz_read(file, dst, PIECE_BYTES, offset)
        dst += PIECE_BYTES
        offset += PIECE_BYTES
        n -= PIECE_BYTES
        if status == SZ_OK:
            status = pause(context)
    return sz_read(file, dst, n, offset) if status == SZ_OK else status


@cython.final
cdef class SharedFiles:
    """Files of which several threads read parts. Each is opened once, so all parts are of one version.

    The files are closed with this object.
    """

    def __cinit__(self, Py_ssize_t n):
        cdef Py_ssize_t i
        self.files = <SharedFile *>calloc(n, sizeof(SharedFile))
        if self.files == NULL:
            raise MemoryError("no memory for the files of a read")
        self.n = n
        for i in range(n):
            self.files[i].file.fd = -1
            self.files[i].lock = PyThread_allocate_lock()
            if self.files[i].lock == NULL:
                raise MemoryError("no memory for a lock")

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.n):
            sz_close(&self.files[i].file)
            if self.files[i].lock != NULL:
                PyThread_free_lock(self.files[i].lock)
        free(self.files)

    cdef const SharedFile *open(self, Py_ssize_t i, int directory, const char *path) noexcept nogil:
        """Open file number i, as `sz_open`; if another thread has done so, return its result."""
        cdef SharedFile *shared = &self.files[i]
        PyThread_acquire_lock(shared.lock, True)
        if not shared.asked:
            shared.status = sz_open(directory, path, &shared.file)
            shared.os_error = errno
            shared.asked = True
        PyThread_release_lock(shared.lock)
        return shared


@cython.final
cdef class File:
    """A file open for reading, closed with its last reference.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as made:
    ...     made.write(b"12345") and made.flush()
    ...     file = open_regular(made.name)
    >>> file.size, file.read(1, 3), file.read(3, 9)
    (5, b'234', b'45')
    """

    def __cinit__(self):
        self.file.fd = -1

    def __dealloc__(self):
        sz_close(&self.file)

    @property
    def size(self):
        """Return the file's size when it was opened, in bytes."""
        return self.file.size

    def fileno(self):
        return self.file.fd

    def close(self):
        sz_close(&self.file)

    @property
    def identity(self):
        """Return what identified the content at opening: device, inode, mtime and ctime in nanoseconds, and size."""
        return self.file.device, self.file.inode, self.file.mtime_ns, self.file.ctime_ns, self.file.size

    def holes(self, int64_t enough):
        """Return the number of bytes in holes of the file. Counting ends once it exceeds `enough`."""
        return sz_holes(&self.file, enough)

    def read(self, int64_t start, int64_t length):
        """Return `length` bytes from `start` on, or fewer if the file ends before."""
        cdef int64_t n = max(0, min(length, self.file.size - start))
        cdef char *data
        cdef int status, error
        content = PyBytes_FromStringAndSize(NULL, n)
        data = PyBytes_AS_STRING(content)
        with nogil:
            status = sz_read(&self.file, data, n, start)
            error = errno
        if status == SZ_TRUNCATED:
            return self.rest(start, n)
        if status != SZ_OK:
            raise OSError(error, os.strerror(error), self.path)
        return content

    cdef bytes rest(self, int64_t start, int64_t length):
        """Return what is left of a range in a file that became shorter meanwhile."""
        size = min(os.fstat(self.file.fd).st_size - start, length)
        return os.pread(self.file.fd, max(size, 0), start)


def open_regular(str path not None, str root=None):
    """Open a file for reading; return None if it is missing or a directory. Raise OSError for anything else.

    root: a directory that the path begins with; if given, symbolic links must not lead out of it.
    """
    cdef File opened = File.__new__(File)
    cdef bytes encoded = PyUnicode_EncodeFSDefault(path)
    cdef size_t nroot = 0 if root is None else len(PyUnicode_EncodeFSDefault(root))
    cdef bint follow = root is None
    cdef char *name
    cdef int status, error
    PyBytes_AsStringAndSize(encoded, &name, NULL)  # refuses a NUL
    opened.path = path
    with nogil:
        status = open_named(name, nroot, follow, &opened.file)
        error = errno
    if status == SZ_OK:
        return opened
    opened.file.fd = -1
    if status == SZ_MISSING:
        return None
    raise _refused(error, path, root)


cdef object _refused(int error, str path, root):
    if error == codes.EXDEV and root is not None:
        return PermissionError(codes.EPERM, f"symbolic links lead out of {root!r}; pass follow_symlinks=True", path)
    if error == codes.EINVAL:
        return OSError(error, "neither a file nor a directory; remove it, or use another key", path)
    return OSError(error, os.strerror(error), path)


cdef int open_named(const char *name, size_t nroot, bint follow, sz_file *file) noexcept nogil:
    cdef int fd
    if follow:
        return sz_open(SZ_NO_DIRECTORY, name, file)
    fd = sz_open_beneath(name, nroot, SZ_BENEATH_FILE)
    if fd >= 0:
        return sz_adopt(fd, file)
    return SZ_MISSING if errno == ENOENT or errno == ENOTDIR or errno == ENAMETOOLONG else SZ_IO


@cython.final
cdef class Descriptor:
    """An open directory or file, found without leaving `root`, and closed with its last reference.

    listed: open a directory in order to list it; otherwise, open a directory or a file in order to get its status. Raises
    FileNotFoundError or NotADirectoryError if it does not exist, and PermissionError if symbolic links lead out of `root`.
    """

    def __cinit__(self):
        self.fd = SZ_NO_DIRECTORY

    def __init__(self, str path not None, str root not None, bint listed):
        cdef bytes encoded = PyUnicode_EncodeFSDefault(path)
        cdef size_t nroot = len(PyUnicode_EncodeFSDefault(root))
        cdef int how = SZ_BENEATH_LIST if listed else SZ_BENEATH_STATUS
        cdef char *name
        cdef int fd, error
        PyBytes_AsStringAndSize(encoded, &name, NULL)
        sz_close_directory(self.fd)
        with nogil:
            fd = sz_open_beneath(name, nroot, how)
            error = errno
        self.fd = fd if fd >= 0 else SZ_NO_DIRECTORY
        if fd < 0:
            raise _refused(error, path, root)

    def __dealloc__(self):
        sz_close_directory(self.fd)

    def fileno(self):
        return self.fd


cpdef bint is_settled(int64_t mtime_ns, int64_t ctime_ns) noexcept nogil:
    """Return whether any later change of a file must change its times.

    The clock of a file system may advance only every FRESH_NS. A file changed more recently may change again with equal
    times.
    """
    return sz_now() - max(mtime_ns, ctime_ns) >= FRESH_NS


cdef bint is_hollow(const sz_file *file, size_t most) noexcept nogil:
    """Return whether more than `most` bytes of a file are in holes."""
    return <size_t>file.size > most and <size_t>sz_holes(file, most) > most


def file_bytes(str path not None, int64_t limit=0x7fffffffffffffff):
    """Return the bytes of a file, or None if it is missing.

    Return NotImplemented if the read failed, or the file has more than `limit` bytes. The caller then takes the slow path,
    which reports the error.
    """
    cdef char room[ROOM]
    cdef char *name
    cdef sz_file file
    cdef int status
    encoded = PyUnicode_EncodeFSDefault(path)
    PyBytes_AsStringAndSize(encoded, &name, NULL)  # refuses a NUL
    with nogil:
        status = sz_open(SZ_NO_DIRECTORY, name, &file)
        if status == SZ_OK and file.size <= ROOM:
            status = sz_read(&file, room, file.size, 0)
            sz_close(&file)
    if status == SZ_OK and file.size > limit:
        sz_close(&file)
        return NotImplemented
    if status == SZ_OK:
        return PyBytes_FromStringAndSize(room, file.size) if file.size <= ROOM else large_bytes(&file)
    return None if status == SZ_MISSING else NotImplemented


def file_size(str path not None):
    """Return the size of a file, None if it is missing or a directory, NotImplemented for other kinds of files.

    >>> file_size(os.devnull), file_size("no/such/file") is None
    (NotImplemented, True)
    """
    cdef char *name
    cdef int64_t size = 0
    cdef int status
    encoded = PyUnicode_EncodeFSDefault(path)
    PyBytes_AsStringAndSize(encoded, &name, NULL)  # refuses a NUL
    with nogil:
        status = sz_size(name, &size)
    if status == SZ_OK:
        return size
    return None if status == SZ_MISSING else NotImplemented


cdef object large_bytes(sz_file *file):
    """Return all bytes of an open file, and close it. Return NotImplemented if reading fails."""
    cdef int status = SZ_OK
    cdef size_t done = 0, n
    cdef char *data
    try:
        content = PyBytes_FromStringAndSize(NULL, file.size)
        data = PyBytes_AS_STRING(content)
        while done < <size_t>file.size and status == SZ_OK:
            n = min(<size_t>PIECE_BYTES, file.size - done)
            with nogil:
                status = sz_read(file, data + done, n, done)
            done += n
            PyErr_CheckSignals()
    finally:
        sz_close(file)
    return content if status == SZ_OK else NotImplemented
