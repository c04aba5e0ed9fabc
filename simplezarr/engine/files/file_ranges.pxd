from libc.stdint cimport int64_t, uint32_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.files.files cimport File

cdef enum FileRangeKind:
    UNKNOWN  # the store must be asked
    ABSENT   # there is no such key
    FOUND

# Where the value of a key lies.
cdef struct FileRange:
    FileRangeKind kind
    Py_ssize_t number  # of the key
    sz_file part       # of a file that the table keeps open
    bint checked       # `crc` is the checksum of the value
    uint32_t crc


cdef class FileRangeTable:
    cdef FileRange *ranges
    cdef Py_ssize_t n
    cdef list files
    cdef int check(self, Py_ssize_t i) except -1
    cdef int set(self, Py_ssize_t i, File file, int64_t offset, int64_t nbytes) except -1
    cdef void set_crc(self, Py_ssize_t i, uint32_t crc) noexcept
