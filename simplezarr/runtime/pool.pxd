cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

cdef extern from "pythread.h" nogil:
    ctypedef void *PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
    int PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible)
    void PyThread_release_lock(PyThread_type_lock lock)
    enum:
        PY_LOCK_ACQUIRED

cdef enum:
    WAIT_US = 50_000  # between two looks for signals, as the system may deliver one to a thread that does not wait

cdef struct Call:
    Call *next
    PyObject *function

cdef struct Idle:  # a thread that has nothing to do, on its stack
    Idle *next
    PyThread_type_lock gate
    PyObject *function  # what it is to do when the gate opens; NULL: look again

cdef enum:
    CLOSED, REFUSED, QUEUED  # answers of `Pool.put`


@cython.final
cdef class Pool:
    cdef readonly Py_ssize_t size     # threads that may be started
    cdef readonly Py_ssize_t threads  # that there are, or that are being started
    cdef readonly Py_ssize_t pending  # calls that are queued or being made
    cdef Call *first
    cdef Call *last
    cdef Idle *idle
    cdef bint closed

    cdef int put(self, function, Py_ssize_t limit) noexcept
    cdef void count(self, int change) noexcept
    cdef int hand(self, function) noexcept
    cdef void start(self, Py_ssize_t number) noexcept
    cdef bint take(self, PyObject **function) noexcept
    cdef bint wait(self, Idle *me, PyObject **function) noexcept
    cdef void make(self, PyObject *function) noexcept
    cdef void close(self) noexcept


cdef void lock() noexcept  # the one guard of pools and crews; nothing of Python runs while it is held
cdef void unlock() noexcept
cdef int64_t forks() noexcept  # how often this process was forked, counted from its first ancestor
cdef PyThread_type_lock new_lock() except NULL  # a locked one
cdef bint wait_for(PyThread_type_lock gate) except -1  # acquires it; after WAIT_US, False, and a signal handler may raise

cdef Pool pool_for(Py_ssize_t width)
cdef bint enqueue(function, Py_ssize_t width, Py_ssize_t limit) except -1
cpdef bint is_alone() except -1
