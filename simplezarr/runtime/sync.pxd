cimport cython

from simplezarr.runtime.locks cimport PyThread_type_lock


cdef struct Waiter:  # a thread that waits; lies on its stack
    Waiter *next
    PyThread_type_lock wake  # locked until it is woken
    bint woken

cdef struct WaitQueue:  # in the order in which they came
    Waiter *first
    Waiter *last


@cython.final
cdef class Semaphore:
    cdef Py_ssize_t value
    cdef WaitQueue waiters

    cdef int wait(self, Waiter *me) except -1
    cdef void leave(self) noexcept


@cython.final
cdef class Condition:
    cdef PyThread_type_lock mutex  # held by the owner
    cdef unsigned long owner
    cdef Py_ssize_t depth         # how often the owner has acquired it; 0: there is no owner
    cdef WaitQueue waiters

    cdef int enter(self) except -1
    cdef void leave(self) noexcept
    cdef int check_owner(self) except -1
    cdef bint wait_woken(self, Waiter *me, timeout) except -1
