from libc.stdint cimport int32_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.kernels.context cimport Context


cdef class UnlinkedFile:
    cdef sz_file file
    cdef int32_t closed

cdef int close_unlinked(Context *context, sz_file *file) noexcept nogil
