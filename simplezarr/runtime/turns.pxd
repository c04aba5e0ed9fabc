cimport cython

from simplezarr.runtime.pool cimport PyThread_type_lock


cdef struct Guest:  # a thread that waits for its turn, on its stack
    Guest *next
    PyThread_type_lock turn
    bint called

cdef struct Line:   # of those that wait, in the order in which they came
    Guest *first
    Guest *last


@cython.final
cdef class Gate:
    cdef Py_ssize_t room
    cdef Line line

    cdef int wait(self, Guest *me) except -1
    cdef void leave(self) noexcept


@cython.final
cdef class Condition:
    cdef PyThread_type_lock gate  # held by the owner
    cdef unsigned long owner
    cdef Py_ssize_t depth         # how often the owner has acquired it; 0: there is none
    cdef Line line

    cdef int enter(self) except -1
    cdef void leave(self) noexcept
    cdef int check_owner(self) except -1
    cdef bint wait_in_line(self, Guest *me, timeout) except -1
