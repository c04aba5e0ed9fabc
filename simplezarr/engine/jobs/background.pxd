from libc.stdint cimport int32_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.kernels.context cimport Worker


cdef class UnlinkedFile:
    cdef sz_file file
    cdef int32_t closed

cdef int close_unlinked(Worker *worker, sz_file *file) noexcept nogil
