from libc.stdint cimport int64_t

cdef extern from "status.h" nogil:
    enum:
        SZ_OK, SZ_NO_MEMORY, SZ_MISSING, SZ_IO, SZ_TRUNCATED, SZ_TOO_LONG, SZ_TOO_SHORT, SZ_CORRUPT, SZ_CHECKSUM
        SZ_UNSUPPORTED, SZ_TRAILING

cdef extern from "pause.h" nogil:
    ctypedef struct sz_pause:
        int (*look)(void *what) noexcept nogil
        void *what

cdef extern from "clock.h" nogil:
    int64_t sz_milliseconds()
