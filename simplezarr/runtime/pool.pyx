"""Threads that wait for calls, and how many there are.

Compiled, as a signal handler may raise between any two instructions of Python code. Here, what belongs together is done in
one step: a thread is started and counted, a call is queued and counted, a call is taken over. Signal handlers run only
where a function waits, and where it calls Python.

An idle thread sleeps on a lock of its own, and a call is handed to the one that has slept for the shortest time: its cache
is warm. A call costs 9 us that way, which every read of more than one chunk pays.
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


cdef PyThread_type_lock guard      # of all names below
cdef PyThread_type_lock over       # released by the last thread, if somebody waits for the end
cdef int64_t generation = 0        # counts forks
cdef Py_ssize_t wanted_threads = 0  # 0: not known yet
cdef bint alone = False            # the user's word that everything is to run in the calling thread
cdef bint ended = False            # the program ends: no more threads
cdef bint registered = False       # for being told of that
cdef bint awaited = False          # somebody waits for `over`
cdef Py_ssize_t serving = 0        # threads of all pools, also of those that are closed
cdef Pool near = None              # of threads that compute
cdef Pool wide = None              # of threads that wait for a store


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


cdef bint wait_for(PyThread_type_lock gate) except -1:
    cdef int status
    with nogil:
        status = PyThread_acquire_lock_timed(gate, WAIT_US, True)
    if status == PY_LOCK_ACQUIRED:
        return True
    PyErr_CheckSignals()
    return False


# ---------------------------------------------------------------- pools

@cython.final
cdef class Pool:
    """Threads that make the calls put into one queue, in its order. They are started as calls come, up to `size`."""

    def __cinit__(self, Py_ssize_t size):
        self.size = size

    cdef int put(self, function, Py_ssize_t limit) noexcept:
        """Have a thread make the call, unless so many calls are under way."""
        cdef Py_ssize_t number = -1
        cdef int answer
        lock()
        # A thread more than needed would cost speed too: waking them in turn finds each one's cache cold.
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
            answer = self.hand(function)
        unlock()
        return answer

    cdef void count(self, int change) noexcept:
        """The caller holds the guard."""
        global serving
        self.threads += change
        serving += change
        if serving == 0 and awaited:
            PyThread_release_lock(over)

    cdef int hand(self, function) noexcept:
        """Give the call to an idle thread, or queue it; the caller holds the guard."""
        cdef Idle *idle = self.idle
        cdef Call *call
        if idle != NULL:
            self.idle = idle.next
            idle.function = <PyObject *>function
            Py_INCREF(function)
            PyThread_release_lock(idle.gate)
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
        """Start a thread that is counted already."""
        cdef PyObject *function
        try:
            start_new_thread(self.serve, (number,))
        except Exception:  # the system's limit is reached, or the interpreter shuts down: do with what there is
            lock()
            self.count(-1)
            self.size = self.threads
            unlock()
            while self.threads == 0 and self.take(&function):  # others have counted on that thread
                self.make(function)

    def serve(self, Py_ssize_t number):
        """Make calls, in a thread of the pool, until it is closed."""
        global sz_in_pool
        cdef Idle me
        cdef PyObject *function
        sz_in_pool = True
        rename(f"simplezarr-{number}")
        me.gate = PyThread_allocate_lock()
        if me.gate != NULL:
            PyThread_acquire_lock(me.gate, True)
            while self.wait(&me, &function):
                self.make(function)
            PyThread_free_lock(me.gate)
        else:
            while self.take(&function):
                self.make(function)
        rename("")
        lock()
        self.count(-1)
        unlock()

    cdef bint take(self, PyObject **function) noexcept:
        """The first of the queue; False if there is none."""
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
        """Wait for a call; False if the pool is closed and its queue empty."""
        while not self.take(function):
            lock()
            if self.first != NULL:  # it has come meanwhile
                unlock()
                continue
            if self.closed:
                unlock()
                return False
            me.function, me.next, self.idle = NULL, self.idle, me
            unlock()
            with nogil:
                PyThread_acquire_lock(me.gate, True)
            if me.function != NULL:
                function[0] = me.function
                return True
        return True

    cdef void make(self, PyObject *function) noexcept:
        """Make a call that was taken, let go of it, and count it off."""
        call = <object>function
        Py_DECREF(call)
        try:
            call()
        except BaseException:  # calls don't raise; were it so, the thread must live on
            PyErr_WriteUnraisable(call)
        call = None  # an idle thread must not keep alive what the call used
        lock()
        self.pending -= 1
        unlock()

    cdef void close(self) noexcept:
        """Let the threads end when they have made the calls queued so far."""
        cdef Idle *idle
        cdef Idle *following
        lock()
        self.closed = True
        idle, self.idle = self.idle, NULL
        while idle != NULL:
            following = idle.next  # the thread may go on at once
            PyThread_release_lock(idle.gate)
            idle = following
        unlock()


def rename(str name):
    """Give this thread a name in `threading`; none: `threading` is to forget it."""
    threading = sys.modules.get("threading")
    try:
        if name:
            threading.current_thread().name = name
        elif threading is not None:
            threading._active.pop(get_ident(), None)  # from Python 3.13 on it would do so itself
    except Exception:  # names are for those who look at threads
        pass


cdef Pool pool_for(Py_ssize_t width):
    """The pool for calls that `width` threads share; None if everything is to run in the calling thread."""
    global near, wide
    cdef Pool pool, fresh
    if is_alone():
        return None
    lock()
    pool = near if width <= wanted_threads else wide
    unlock()
    if pool is None:
        register_exit()
        fresh = Pool(width)
        lock()
        if alone:
            pass
        elif width <= wanted_threads:
            if near is None:
                fresh.size = wanted_threads
                near = fresh
            pool = near
        else:
            if wide is None:
                wide = fresh
            pool = wide
        unlock()
    if pool is not None and pool.size < width and width > wanted_threads:
        pool.size = width
    return pool


cdef bint enqueue(function, Py_ssize_t width, Py_ssize_t limit) except -1:
    """Have a thread of the pool for this width make the call; False if none can, or if `limit` calls are under way."""
    cdef Pool pool
    cdef int answer = CLOSED
    while answer == CLOSED:
        pool = pool_for(width)
        answer = REFUSED if pool is None else pool.put(function, limit)
    return answer == QUEUED


# ---------------------------------------------------------------- how many

cpdef bint is_alone() except -1:
    """Whether everything is to run in the calling thread, by the user's word or because the program ends."""
    if not wanted_threads:
        get_num_threads()
    return alone


def get_num_threads():
    """Number of threads that work on one call, the calling thread among them.

    It is what `set_num_threads` was given, else the environment variable SIMPLEZARR_NUM_THREADS, else the number of
    processors that this process may use. Stores that are neither local nor in memory are asked by threads of their own.

    >>> get_num_threads() >= 1
    True
    """
    global wanted_threads, alone
    cdef Py_ssize_t told, processors
    if not wanted_threads:
        told = told_threads()
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        lock()
        if not wanted_threads:
            wanted_threads, alone = told or processors, told == 1 or ended
        unlock()
    return wanted_threads


def use_threads(Py_ssize_t threads):
    """Set the number of threads; those there are end when they have done what they were given."""
    global wanted_threads, alone, near, wide
    cdef Pool old_near, old_wide
    lock()
    old_near, old_wide, near, wide = near, wide, None, None
    wanted_threads, alone = threads, threads == 1 or ended
    unlock()
    if old_near is not None:
        old_near.close()
    if old_wide is not None:
        old_wide.close()


def pools():
    """The pools there are: of threads that compute, and of those that wait for a store."""
    return tuple([pool for pool in (near, wide) if pool is not None])


def in_pool():
    """Whether the calling thread is one of a pool."""
    return bool(sz_in_pool)


def told_threads():
    """What the environment says; 0 if it doesn't."""
    text = os.environ.get("SIMPLEZARR_NUM_THREADS", "").strip()
    if text and not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise ValueError(f"SIMPLEZARR_NUM_THREADS is {text!r}; set it to an integer of at least 1, or not at all")
    return int(text or 0)


# ---------------------------------------------------------------- the end, and forks

def register_exit():
    """Be told when the program ends; if it ends already, there are no more threads."""
    global registered, ended, alone
    if registered:
        return
    import threading
    try:
        # Where it exists (it serves ThreadPoolExecutor), this hook also runs at the end of a multiprocessing child.
        getattr(threading, "_register_atexit", atexit.register)(at_exit)
    except RuntimeError:
        ended = alone = True
    registered = True


def at_exit():
    """Finish what was submitted; what is called later, in exit handlers, runs in the calling thread."""
    global ended, awaited
    cdef bint some = not ended  # it was interrupted otherwise, and the program is to end
    ended = True
    use_threads(1)
    lock()
    some = some and serving > 0 and not sz_in_pool
    awaited = some
    unlock()
    if some:
        while not wait_for(over):
            pass


def _begin():
    """Make the locks."""
    global guard, over
    guard, over = new_lock(), new_lock()
    unlock()


def _after_fork_in_child():
    """The threads stayed in the parent, and the guard may have been copied while one of them held it."""
    global generation, serving, awaited, near, wide, sz_in_pool
    _begin()
    if near is not None:
        Py_INCREF(near)  # never finalised: the state of their queues is unknown
    if wide is not None:
        Py_INCREF(wide)
    near, wide, serving, awaited = None, None, 0, False
    generation += 1
    sz_in_pool = False  # if the thread that forked was one of a pool's, in the child it is not


_begin()
atexit.register(at_exit)  # too late for a multiprocessing child, but there need be no `threading`
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
