cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from simplezarr.runtime.locks cimport (
    PY_LOCK_ACQUIRED, PyThread_acquire_lock, PyThread_acquire_lock_timed, PyThread_allocate_lock, PyThread_free_lock,
    PyThread_release_lock, PyThread_type_lock)

cdef enum:
    WAIT_US = 50_000  # between checks for signals, which the system may deliver to another thread

cdef struct Call:
    Call *next
    PyObject *function

cdef struct Idle:  # a thread without a call; lies on its stack
    Idle *next
    PyThread_type_lock wake
    PyObject *function  # its call when `wake` is released; NULL: look at the queue again

cdef enum:
    CLOSED, REFUSED, QUEUED  # answers of `Pool.put`


@cython.final
cdef class Pool:
    cdef readonly Py_ssize_t size     # threads that may be started
    cdef readonly Py_ssize_t threads  # that exist or are being started
    cdef readonly Py_ssize_t pending  # calls that are queued or running
    cdef Call *first
    cdef Call *last
    cdef Idle *idle
    cdef bint closed

    cdef int put(self, function, Py_ssize_t limit) noexcept
    cdef void count(self, int change) noexcept
    cdef int assign(self, function) noexcept
    cdef void start(self, Py_ssize_t number) noexcept
    cdef bint pop(self, PyObject **function) noexcept
    cdef bint wait(self, Idle *me, PyObject **function) noexcept
    cdef void run(self, PyObject *function) noexcept
    cdef void close(self) noexcept


cdef void lock() noexcept  # the guard of pools, task groups and wait queues; no Python code runs while it is held
cdef void unlock() noexcept
cdef int64_t forks() noexcept  # how often this process and its ancestors were forked
cdef PyThread_type_lock new_lock() except NULL  # returns it locked
cdef bint wait_for(PyThread_type_lock one) except -1  # acquires it; False after WAIT_US; handlers may raise

cdef Pool pool_for(Py_ssize_t width)
cdef bint put_call(function, Py_ssize_t width, Py_ssize_t limit) except -1
cpdef bint is_serial() except -1
