"""Locks by name: one for each key of a store that is being changed.

Compiled, because a signal handler may raise between any two instructions of Python code, also between acquiring a lock and
entering the block that would release it. Here `__enter__` and `__exit__` are single steps, and a lock that is still held
when its last reference goes is released: an exception that unwinds the frames releases the lock as well.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

cdef extern from "pythread.h" nogil:
    ctypedef void *PyThread_type_lock
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
    int PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible)
    void PyThread_release_lock(PyThread_type_lock lock)
    unsigned long PyThread_get_thread_ident()
    enum:
        PY_LOCK_ACQUIRED

cdef enum:
    WAIT_US = 50_000  # between two looks for signals, as the system may deliver one to a thread that does not wait

cdef struct KeyState:  # what the threads that want one key share
    KeyState *next
    PyThread_type_lock gate  # held by the thread that is inside
    const void *owner
    Py_ssize_t nbytes
    Py_ssize_t users         # threads that are inside, or wait
    unsigned long thread     # the one inside
    PyObject *holder         # its lock, a borrowed reference that the lock itself takes back; NULL if nobody is inside
    char name[1]             # nbytes of them

# Guards the list. Nothing of Python runs while it is held, so a signal handler or a finaliser never finds it held by its
# own thread.
cdef PyThread_type_lock guard
cdef KeyState *states = NULL
cdef long long generation = 0  # counts forks


cdef KeyState *find_state(const void *owner, bytes name) noexcept:
    """Return the state of a key that some thread wants, else NULL; the caller holds the guard."""
    cdef KeyState *state = states
    cdef Py_ssize_t n = PyBytes_GET_SIZE(name)
    while state != NULL and (state.owner != owner or state.nbytes != n or
                             memcmp(state.name, PyBytes_AS_STRING(name), n) != 0):
        state = state.next
    return state


cdef KeyState *new_state(const void *owner, bytes name) noexcept:
    """Add a state to the list; NULL if there is no memory. The caller holds the guard."""
    global states
    cdef Py_ssize_t n = PyBytes_GET_SIZE(name)
    cdef KeyState *state = <KeyState *>malloc(sizeof(KeyState) + n)
    if state == NULL:
        return NULL
    state.gate = PyThread_allocate_lock()
    if state.gate == NULL:
        free(state)
        return NULL
    state.owner, state.nbytes, state.users, state.thread, state.holder = owner, n, 0, 0, NULL
    memcpy(state.name, PyBytes_AS_STRING(name), n)
    state.next, states = states, state
    return state


cdef void leave_state(KeyState *state, PyObject *holder) noexcept:
    """Stop to use a state, by a thread that was inside with `holder` or waited (NULL); the last one frees it."""
    cdef KeyState **place = &states
    cdef bint last
    PyThread_acquire_lock(guard, True)
    if holder != NULL:
        state.holder = NULL
        PyThread_release_lock(state.gate)
    state.users -= 1
    last = state.users == 0
    if last:
        while place[0] != state:
            place = &place[0].next
        place[0] = state.next
    PyThread_release_lock(guard)
    if last:
        PyThread_free_lock(state.gate)
        free(state)


cdef int wait_for(KeyState *state) except -1:
    """Acquire the gate. A signal handler runs while this waits, and what it raises ends the waiting."""
    cdef int status = PyThread_acquire_lock_timed(state.gate, 0, 0)
    cdef long long began = generation
    while status != PY_LOCK_ACQUIRED:
        PyErr_CheckSignals()
        if began != generation:
            return 0  # a handler has forked, and this is the child
        with nogil:
            status = PyThread_acquire_lock_timed(state.gate, WAIT_US, 1)
    return 1


@cython.no_gc_clear  # `release` needs the attributes
cdef class KeyLock:
    """Let one thread of the process at a time into a `with` block, for each owner and key.

    Not reentrant: a thread that is inside already gets a RuntimeError. A forked child holds no lock of its parent's.

    >>> with KeyLock(None, "a"), KeyLock(None, "b") as other:
    ...     KeyLock.mine(None, "b") is other, KeyLock.mine(None, "c")
    (True, None)
    """

    def __init__(self, owner, str key not None):
        self.owner, self.name = owner, encoded(key)  # the owner is kept, so that no other object gets its address

    def __dealloc__(self):
        KeyLock.release(self)

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *error):
        self.release()

    cdef int acquire(self) except -1:
        """Wait for the lock; interrupted, the caller holds nothing."""
        cdef KeyState *state
        cdef unsigned long me = PyThread_get_thread_ident()
        cdef bint mine, inside = False
        while not inside:
            PyThread_acquire_lock(guard, True)
            state = find_state(<const void *>self.owner, self.name)
            mine = state != NULL and state.holder != NULL and state.thread == me
            if state == NULL:
                state = new_state(<const void *>self.owner, self.name)
            if state != NULL and not mine:
                state.users += 1
            PyThread_release_lock(guard)
            if state == NULL:
                raise MemoryError("no memory for a lock")
            if mine:
                raise RuntimeError(f"this thread holds the lock on {decoded(self.name)!r} already, and would wait for ever")
            inside = enter_state(self, state)
        return 0

    cdef void release(self) noexcept:
        cdef KeyState *state = self.state
        self.state = NULL
        if state != NULL and self.generation == generation:  # in a forked child it is the parent's
            leave_state(state, <PyObject *>self)

    def let_go(self):
        """Close what the lock rests on outside of the process; called in a forked child, whose parent keeps it."""

    @staticmethod
    def mine(owner, str key not None):
        """Return the lock on this key that the calling thread is inside of, if it is."""
        cdef bytes name = encoded(key)
        cdef object lock = None
        PyThread_acquire_lock(guard, True)
        state = find_state(<const void *>owner, name)
        if state != NULL and state.holder != NULL and state.thread == PyThread_get_thread_ident():
            lock = <object>state.holder
        PyThread_release_lock(guard)
        return lock

    @staticmethod
    def held_below(owner, str prefix not None):
        """Return the keys that begin with a prefix and that other threads are inside of."""
        cdef bytes start = encoded(prefix)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(start)
        cdef unsigned long me = PyThread_get_thread_ident()
        cdef list names = []
        cdef KeyState *state
        PyThread_acquire_lock(guard, True)
        try:
            state = states
            while state != NULL:
                if (state.holder != NULL and state.owner == <const void *>owner and state.thread != me and
                        state.nbytes >= n and memcmp(state.name, PyBytes_AS_STRING(start), n) == 0):
                    names.append(PyBytes_FromStringAndSize(state.name, state.nbytes))  # bytes are no work for the collector
                state = state.next
        finally:
            PyThread_release_lock(guard)
        return [decoded(name) for name in names]


cdef bint enter_state(KeyLock lock, KeyState *state) except -1:
    """Wait until the other users are out; False in a child that was forked meanwhile, where the state is void."""
    cdef long long began = generation
    cdef bint inside
    try:
        inside = wait_for(state)
    except BaseException:
        if began == generation:
            leave_state(state, NULL)
        raise
    if inside:
        PyThread_acquire_lock(guard, True)
        state.thread, state.holder = PyThread_get_thread_ident(), <PyObject *>lock
        PyThread_release_lock(guard)
        lock.state, lock.generation = state, began
    return inside


cdef bytes encoded(str key):
    return key.encode("utf-8", "surrogatepass")  # paths that are no text have surrogates


cdef str decoded(bytes name):
    return name.decode("utf-8", "surrogatepass")


def _begin():
    """Make the guard and an empty list."""
    global guard, states
    guard, states = PyThread_allocate_lock(), NULL
    if guard == NULL:
        raise MemoryError("no memory for a lock")


def _after_fork_in_child():
    """What threads of the parent hold stays theirs; no thread of the child holds anything."""
    global generation
    cdef KeyState *state = states
    generation += 1
    _begin()
    while state != NULL:  # kept: the parent's locks point to them
        if state.holder != NULL:
            try:
                (<KeyLock>state.holder).let_go()
            except OSError:  # the others must be closed all the same
                pass
        state = state.next


_begin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
