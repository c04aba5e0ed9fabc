cimport cython
from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc.io cimport sz_replacement, sz_segment, sz_tree
from simplezarr.runtime.key_locks cimport KeyLock


@cython.final
cdef class Place:
    cdef bytes encoded
    cdef size_t root
    cdef bint follow
    cdef int open_above(self, str path) except -1
    cdef const char *name(self) noexcept
    cdef void prune(self) noexcept


cdef class FileLock(KeyLock):
    cdef Place place
    cdef str path
    cdef sz_replacement replacement
    cdef int open(self) except -1
    cdef int prepare(self) except -1
    cdef int copy(self, int source) except -1
    cdef int write(self, const sz_segment *segment) except -1
    cdef object error(self, int code, bint opening)


@cython.final
cdef class Tree:
    cdef Place place
    cdef bytes own
    cdef sz_tree tree
