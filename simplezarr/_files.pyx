"""Files of a local store: opened, read and closed without the GIL."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_AsStringAndSize, PyBytes_FromStringAndSize

from simplezarr._worker cimport SZ_MISSING, SZ_OK

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
