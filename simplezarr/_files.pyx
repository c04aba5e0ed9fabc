"""Files of a local store: opened, read and closed without the GIL."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_AsStringAndSize, PyBytes_FromStringAndSize

from libc.errno cimport errno
from libc.stdlib cimport calloc, free

from simplezarr._worker cimport SZ_MISSING, SZ_OK

cdef extern from "pythread.h" nogil:
    ctypedef void *PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
    void PyThread_release_lock(PyThread_type_lock lock)

cdef extern from "files.h" nogil:
    enum:
        SZ_NO_DIRECTORY
    int sz_open(int directory, const char *path, sz_file *file)
    int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size)
    int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset)
    void sz_close(sz_file *file)

cdef enum:
    ROOM = 4096  # bytes that are read before there is an object for them: all of most documents


cdef int open_file(int directory, const char *path, sz_file *file) noexcept nogil:
    return sz_open(directory, path, file)


cdef int read_once(int directory, const char *path, char *dst, size_t room, size_t *size) noexcept nogil:
    return sz_read_once(directory, path, dst, room, size)


cdef int read_file(const sz_file *file, char *dst, size_t n, int64_t offset) noexcept nogil:
    return sz_read(file, dst, n, offset)


cdef void close_file(sz_file *file) noexcept nogil:
    sz_close(file)


cdef class SharedFiles:
    """Files that several threads read parts of: each is opened once, so that all parts are of one version.

    They are closed with this object.
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
            close_file(&self.files[i].file)
            if self.files[i].lock != NULL:
                PyThread_free_lock(self.files[i].lock)
        free(self.files)

    cdef const SharedFile *open(self, Py_ssize_t i, int directory, const char *path) noexcept nogil:
        """Open file number i, as `open_file`, or return the answer that the first to ask for it has got."""
        cdef SharedFile *shared = &self.files[i]
        PyThread_acquire_lock(shared.lock, True)
        if not shared.asked:
            shared.status = open_file(directory, path, &shared.file)
            shared.os_error = errno
            shared.asked = True
        PyThread_release_lock(shared.lock)
        return shared


def file_bytes(str path not None):
    """The bytes of a file, None where there is none.

    NotImplemented where one attempt did not do: asking once more, with care, tells what is wrong or gets along with it.
    """
    cdef char room[ROOM]
    cdef char *name
    cdef sz_file file
    cdef int status
    encoded = PyUnicode_EncodeFSDefault(path)
    PyBytes_AsStringAndSize(encoded, &name, NULL)  # refuses a NUL
    with nogil:
        status = open_file(SZ_NO_DIRECTORY, name, &file)
        if status == SZ_OK and file.size <= ROOM:
            status = read_file(&file, room, file.size, 0)
            close_file(&file)
    if status == SZ_OK:
        return PyBytes_FromStringAndSize(room, file.size) if file.size <= ROOM else large_bytes(&file)
    return None if status == SZ_MISSING else NotImplemented


cdef object large_bytes(sz_file *file):
    """All of an open file, which is closed."""
    cdef int status
    cdef char *data
    try:
        content = PyBytes_FromStringAndSize(NULL, file.size)
        data = PyBytes_AS_STRING(content)
        with nogil:
            status = read_file(file, data, file.size, 0)
    finally:
        close_file(file)
    return content if status == SZ_OK else NotImplemented
