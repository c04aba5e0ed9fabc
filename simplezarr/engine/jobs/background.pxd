from libc.stdint cimport int32_t

from simplezarr.engine.files.files cimport sz_file
from simplezarr.engine.kernels.context cimport Worker

cdef extern from "io/relay.h" nogil:
    ctypedef struct sz_relay:
        pass


cdef class Relay:
    cdef sz_relay relay
    cdef bint begun


cdef class Removed:
    cdef sz_file file
    cdef int32_t closed

cdef int close_removed(Worker *worker, sz_file *file) noexcept nogil
