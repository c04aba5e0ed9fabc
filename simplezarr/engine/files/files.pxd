cimport cython
from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.kernels.context cimport Context

cdef extern from "Python.h":
    bytes PyUnicode_EncodeFSDefault(object path)  # as os.fsencode

cdef int read_bytes(Context *context, const sz_file *file, char *dst, size_t n, int64_t offset) noexcept nogil
cpdef bint is_settled(int64_t mtime_ns, int64_t ctime_ns) noexcept nogil
cdef bint is_hollow(const sz_file *file, size_t most) noexcept nogil

# A file that the first of several threads opens.
cdef struct SharedFile:
    void *lock
    bint asked
    int status, os_error
    sz_file file


cdef class SharedFiles:
    cdef SharedFile *files
    cdef Py_ssize_t n
    cdef const SharedFile *open(self, Py_ssize_t i, int directory, const char *path) noexcept nogil


@cython.final
cdef class File:
    cdef sz_file file
    cdef str path
    cdef bytes rest(self, int64_t start, int64_t length)


@cython.final
cdef class Descriptor:
    cdef int fd
