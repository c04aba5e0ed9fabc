cimport cython
from libc.stdint cimport int64_t

from simplezarr.runtime.locks cimport PyThread_type_lock


@cython.final
cdef class TaskGroup:
    cdef object work, stop
    cdef list errors       # of the helpers, and of the caller's own call
    cdef object interrupt  # the first that the caller got
    cdef PyThread_type_lock done  # released by the last helper, if the caller waits for it
    cdef Py_ssize_t width, wanted, running
    cdef bint closed
    cdef int64_t generation

    cdef int call_for_help(self) except -1
    cdef int call_others(self, Py_ssize_t n) except -1
    cdef void fail(self, error) noexcept
    cdef void caught(self, error) noexcept
    cdef void tell_stop(self) noexcept
    cdef void close(self) noexcept
    cdef taken_interrupt(self)


@cython.final
cdef class Counter:
    cdef object task
    cdef int64_t next, n
