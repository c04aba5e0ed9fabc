from libc.stdint cimport uint64_t

from simplezarr.csrc.io cimport sz_replacement, sz_file, sz_segment
from simplezarr.engine.jobs.object_builder cimport ObjectBuilder, ObjectUpdate
from simplezarr.engine.kernels.context cimport Context

ctypedef int (*locking_t)(sz_replacement *) noexcept nogil


cdef class WriteJob(ObjectBuilder):
    cdef bint durable
    cdef uint64_t device     # of the array's directory, if it is on a local file system; otherwise 0
    cdef int split(self, int threads)
    cdef int write_local(self, Context *context, ObjectUpdate *update) noexcept nogil
    cdef int publish(self, Context *context, sz_replacement *replacement, const sz_segment *segments,
                     size_t n) noexcept nogil
    cdef bint name_replacement(self, Context *context, const Py_ssize_t *index,
                               sz_replacement *replacement) noexcept nogil
    cdef int wait(self, Context *context, sz_replacement *replacement, locking_t function) noexcept nogil
    cdef int change_local(self, Context *context, ObjectUpdate *update, const sz_replacement *replacement, sz_file *old,
                          const sz_segment **segments, size_t *n) noexcept nogil
    cdef int write_value(self, Context *context, ObjectUpdate *update) noexcept with gil
    cdef int forget_index(self, const ObjectUpdate *update) except -1
    cdef tuple value(self, Context *context, ObjectUpdate *update, object stored)
    cdef tuple made(self, Context *context, ObjectUpdate *update, object stored)
    cdef tuple made_resumed(self, Context *context, ObjectUpdate *update, object stored)
