"""Run the threads of the pools, and set how many there are.

This is compiled, because a signal handler may raise between any two instructions of Python code. Here, starting a thread
and counting it is one step, as is queueing or taking a call and counting it. Signal handlers run only while a function
waits or calls Python.

An idle thread sleeps on a lock of its own. A call goes to the thread that has slept for the shortest time, because its
processor cache is warm. Every read of more than one chunk pays for this.
"""

import atexit
import os
import sys
from _thread import get_ident, start_new_thread

cimport cython
from cpython.exc cimport PyErr_CheckSignals, PyErr_WriteUnraisable
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdlib cimport free, malloc

cdef extern from *:
    """
    #if defined(_MSC_VER)
    static __declspec(thread) int sz_in_pool;
    #else
    static _Thread_local int sz_in_pool;
    #endif
    """
    int sz_in_pool  # whether this thread is one of a pool

MOST_THREADS = 1 << 16  # that a call may be set to have: the engine computes with small multiples of it in a C int
cdef PyThread_type_lock guard       # of the names below, and of all pools
cdef PyThread_type_lock all_ended   # released by the last thread that ends, if `at_exit` waits
cdef int64_t generation = 0         # counts forks
cdef Py_ssize_t wanted_threads = 0  # 0: not known yet
cdef bint serial = False            # everything is to run in the calling thread
cdef bint ended = False             # the program ends, so no thread is started
cdef bint registered = False        # `at_exit` will be called
cdef bint end_awaited = False       # a thread waits for `all_ended`
cdef Py_ssize_t alive_threads = 0   # of all pools, also of closed ones
cdef Pool compute_pool = None       # of threads that compute
cdef Pool io_pool = None            # of threads that wait for a store


cdef void lock() noexcept:
    PyThread_acquire_lock(guard, True)


cdef void unlock() noexcept:
    PyThread_release_lock(guard)


cdef int64_t forks() noexcept:
    return generation


cdef PyThread_type_lock new_lock() except NULL:
    cdef PyThread_type_lock made = PyThread_allocate_lock()
    if made == NULL:
        raise MemoryError("no memory for a lock")
    PyThread_acquire_lock(made, True)
    return made


cdef bint wait_for(PyThread_type_lock one) except -1:
    cdef int status
    with nogil:
        status = PyThread_acquire_lock_timed(one, WAIT_US, True)
    if status == PY_LOCK_ACQUIRED:
        return True
    PyErr_CheckSignals()
    return False


# ---------------------------------------------------------------- pools

@cython.final
cdef class Pool:
    """Threads that make the calls of one queue, in its order. They are started as calls come, up to `size`."""

    def __cinit__(self, Py_ssize_t size):
        self.size = size

    cdef int put(self, function, Py_ssize_t limit) noexcept:
        """Have a thread make the call, unless `limit` calls are queued or running."""
        cdef Py_ssize_t number = -1
        cdef int answer
        lock()
        # More threads than needed would be slower: used in turn, each would find its processor cache cold.
        if not self.closed and self.pending >= self.threads < self.size:
            number = self.threads
            self.count(1)
        unlock()
        if number >= 0:
            self.start(number)
        lock()
        if self.closed:
            answer = CLOSED
        elif self.threads == 0 or self.pending >= limit:
            answer = REFUSED
        else:
            answer = self.assign(function)
        unlock()
        return answer

    cdef void count(self, int change) noexcept:
        """Add to the counts of threads; the caller holds the guard."""
        global alive_threads
        self.threads += change
        alive_threads += change
        if alive_threads == 0 and end_awaited:
            PyThread_release_lock(all_ended)

    cdef int assign(self, function) noexcept:
        """Give the call to an idle thread, or queue it; the caller holds the guard."""
        cdef Idle *idle = self.idle
        cdef Call *call
        if idle != NULL:
            self.idle = idle.next
            idle.function = <PyObject *>function
            Py_INCREF(function)
            PyThread_release_lock(idle.wake)
        else:
            call = <Call *>malloc(sizeof(Call))
            if call == NULL:
                return REFUSED
            call.next, call.function = NULL, <PyObject *>function
            Py_INCREF(function)
            if self.first == NULL:
                self.first = call
            else:
                self.last.next = call
            self.last = call
        self.pending += 1
        return QUEUED

    cdef void start(self, Py_ssize_t number) noexcept:
        """Start a thread that has been counted."""
        cdef PyObject *function
        try:
            start_new_thread(self.serve, (number,))
        except Exception:  # the system's limit is reached, or the interpreter shuts down: use the threads there are
            lock()
            self.count(-1)
            self.size = self.threads
            unlock()
            while self.threads == 0 and self.pop(&function):  # queued in the expectation of this thread
                self.run(function)

    def serve(self, Py_ssize_t number):
        """Make calls, in a thread of the pool, until it is closed."""
        global sz_in_pool
        cdef Idle me
        cdef PyObject *function
        sz_in_pool = True
        rename(f"simplezarr-{number}")
        me.wake = PyThread_allocate_lock()
        if me.wake != NULL:
            PyThread_acquire_lock(me.wake, True)
            while self.wait(&me, &function):
                self.run(function)
            PyThread_free_lock(me.wake)
        else:
            while self.pop(&function):
                self.run(function)
        rename("")
        lock()
        self.count(-1)
        unlock()

    cdef bint pop(self, PyObject **function) noexcept:
        """Take the first call of the queue; return False if there is none."""
        cdef Call *call
        lock()
        call = self.first
        if call != NULL:
            self.first = call.next
        unlock()
        if call == NULL:
            return False
        function[0] = call.function
        free(call)
        return True

    cdef bint wait(self, Idle *me, PyObject **function) noexcept:
        """Wait for a call; return False if the pool is closed and its queue is empty."""
        while not self.pop(function):
            lock()
            if self.first != NULL:  # it was queued meanwhile
                unlock()
                continue
            if self.closed:
                unlock()
                return False
            me.function, me.next, self.idle = NULL, self.idle, me
            unlock()
            with nogil:
                PyThread_acquire_lock(me.wake, True)
            if me.function != NULL:
                function[0] = me.function
                return True
        return True

    cdef void run(self, PyObject *function) noexcept:
        """Make a call that was taken, release it, and count it."""
        call = <object>function
        Py_DECREF(call)
        try:
            call()
        except BaseException:  # calls should not raise, but if one does, the thread must survive
            PyErr_WriteUnraisable(call)
        call = None  # otherwise an idle thread would keep alive what the call used
        lock()
        self.pending -= 1
        unlock()

    cdef void close(self) noexcept:
        """End the threads when they have made the calls queued so far."""
        cdef Idle *idle
        cdef Idle *following
        lock()
        self.closed = True
        idle, self.idle = self.idle, NULL
        while idle != NULL:
            following = idle.next  # read before the thread can run
            PyThread_release_lock(idle.wake)
            idle = following
        unlock()


def rename(str name):
    """Give this thread a name in `threading`; with an empty name, make `threading` forget the thread."""
    threading = sys.modules.get("threading")
    try:
        if name:
            threading.current_thread().name = name
        elif threading is not None:
            threading._active.pop(get_ident(), None)  # Python 3.13 and later does so by itself
    except Exception:  # the name only serves debugging
        pass


cdef Pool pool_for(Py_ssize_t width):
    """Return the pool for calls of this width; None if everything is to run in the calling thread."""
    global compute_pool, io_pool
    cdef Pool pool, fresh
    if is_serial():
        return None
    lock()
    pool = compute_pool if width <= wanted_threads else io_pool
    unlock()
    if pool is None:
        register_exit()
        fresh = Pool(width)
        lock()
        if serial:
            pass
        elif width <= wanted_threads:
            if compute_pool is None:
                fresh.size = wanted_threads
                compute_pool = fresh
            pool = compute_pool
        else:
            if io_pool is None:
                io_pool = fresh
            pool = io_pool
        unlock()
    if pool is not None and pool.size < width and width > wanted_threads:
        pool.size = width
    return pool


cdef bint put_call(function, Py_ssize_t width, Py_ssize_t limit) except -1:
    """Have a thread of the pool for this width make the call; return False if none can or `limit` calls are pending."""
    cdef Pool pool
    cdef int answer = CLOSED
    while answer == CLOSED:
        pool = pool_for(width)
        answer = REFUSED if pool is None else pool.put(function, limit)
    return answer == QUEUED


# ---------------------------------------------------------------- how many

cpdef bint is_serial() except -1:
    """Return whether everything is to run in the calling thread: it was set so, or the program ends."""
    if not wanted_threads:
        get_num_threads()
    return serial


def get_num_threads():
    """Return the number of threads that work on one call, including the calling thread.

    It is what was given to `set_num_threads`. Otherwise it is the environment variable SIMPLEZARR_NUM_THREADS, or the
    number of processors that this process may use. Requests to stores that are neither local nor in memory have threads
    of their own.

    >>> get_num_threads() >= 1
    True
    """
    global wanted_threads, serial
    cdef Py_ssize_t from_environment, processors
    if not wanted_threads:
        from_environment = threads_from_environment()
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        lock()
        if not wanted_threads:
            wanted_threads, serial = from_environment or processors, from_environment == 1 or ended
        unlock()
    return wanted_threads


def use_threads(Py_ssize_t threads):
    """Set the number of threads; the existing ones end when they have made the calls queued so far."""
    global wanted_threads, serial, compute_pool, io_pool
    cdef Pool old_compute, old_io, old
    lock()
    old_compute, old_io, compute_pool, io_pool = compute_pool, io_pool, None, None
    wanted_threads, serial = threads, threads == 1 or ended
    unlock()
    for old in (old_compute, old_io):
        if old is not None:
            old.close()


def pools():
    """Return the pools that exist: the one for computing, then the one for waiting for stores."""
    return tuple([pool for pool in (compute_pool, io_pool) if pool is not None])


def in_pool():
    """Return whether the calling thread belongs to a pool."""
    return bool(sz_in_pool)


def threads_from_environment():
    """Return what SIMPLEZARR_NUM_THREADS says; 0 if it is not set."""
    text = os.environ.get("SIMPLEZARR_NUM_THREADS", "").strip()
    if text and not (text.isascii() and text.isdigit() and len(text) < 99 and 1 <= int(text) <= MOST_THREADS):
        raise ValueError(f"SIMPLEZARR_NUM_THREADS is {text!r}; set an integer from 1 to {MOST_THREADS}, or nothing")
    return int(text or 0)


# ---------------------------------------------------------------- the end, and forks

def register_exit():
    """Have `at_exit` called when the program ends; if it is ending already, allow no more threads."""
    global registered, ended, serial
    if registered:
        return
    import threading
    try:
        # This hook of ThreadPoolExecutor, if it exists, also runs at the end of a multiprocessing child.
        getattr(threading, "_register_atexit", atexit.register)(at_exit)
    except RuntimeError:
        ended = serial = True
    registered = True


def at_exit():
    """Finish the submitted calls; later calls, made by exit handlers, run in the calling thread."""
    global ended, end_awaited
    cdef bint some = not ended  # otherwise it was interrupted before, and the program should end
    ended = True
    use_threads(1)
    lock()
    some = some and alive_threads > 0 and not sz_in_pool
    end_awaited = some
    unlock()
    if some:
        while not wait_for(all_ended):
            pass


def _begin():
    """Create the locks."""
    global guard, all_ended
    guard, all_ended = new_lock(), new_lock()
    unlock()


def _after_fork_in_child():
    """Start anew: the threads stayed in the parent, and one of them may have held the guard."""
    global generation, alive_threads, end_awaited, compute_pool, io_pool, sz_in_pool
    _begin()
    if compute_pool is not None:
        Py_INCREF(compute_pool)  # never finalised, because the state of its queue is unknown
    if io_pool is not None:
        Py_INCREF(io_pool)
    compute_pool, io_pool, alive_threads, end_awaited = None, None, 0, False
    generation += 1
    sz_in_pool = False  # even if the thread that forked belonged to a pool


_begin()
atexit.register(at_exit)  # too late for a multiprocessing child, but works without `threading`
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
