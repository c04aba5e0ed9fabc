"""Provide locks by name, one for each key of a store that is being changed.

This is compiled, because a signal handler may raise between any two instructions of Python code, even between acquiring a
lock and entering the block that releases it. Here `__enter__` and `__exit__` are single steps. A lock that is still held
when its last reference goes is released, so an exception that unwinds the frames releases it too.
"""

import os

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from simplezarr.runtime.locks cimport (
    PY_LOCK_ACQUIRED, PyThread_acquire_lock, PyThread_acquire_lock_timed, PyThread_allocate_lock, PyThread_free_lock,
    PyThread_get_thread_ident, PyThread_release_lock, PyThread_type_lock)
from simplezarr.runtime.pool cimport WAIT_US

cdef struct KeyState:  # shared by the threads that want one key
    KeyState *next
    PyThread_type_lock mutex  # held by the thread that is inside
    const void *owner
    Py_ssize_t nbytes
    Py_ssize_t users         # threads that are inside, or wait
    unsigned long thread     # the one that is inside
    PyObject *holder         # its lock, a borrowed reference that the lock itself clears; NULL if no thread is inside
    char name[1]             # nbytes of them

# Guards the list. No Python code runs while it is held, so a signal handler or finaliser never finds it held by its own
# thread.
cdef PyThread_type_lock guard
cdef KeyState *states = NULL
cdef long long generation = 0  # counts forks


cdef KeyState *find_state(const void *owner, bytes name) noexcept:
    """Return the state of a key, NULL if no thread wants it; the caller holds the guard."""
    cdef KeyState *state = states
    cdef Py_ssize_t n = PyBytes_GET_SIZE(name)
    while state != NULL and (state.owner != owner or state.nbytes != n or
                             memcmp(state.name, PyBytes_AS_STRING(name), n) != 0):
        state = state.next
    return state


cdef KeyState *new_state(const void *owner, bytes name) noexcept:
    """Add a state to the list; return NULL if there is no memory. The caller holds the guard."""
    global states
    cdef Py_ssize_t n = PyBytes_GET_SIZE(name)
    cdef KeyState *state = <KeyState *>malloc(sizeof(KeyState) + n)
    if state == NULL:
        return NULL
    state.mutex = PyThread_allocate_lock()
    if state.mutex == NULL:
        free(state)
        return NULL
    state.owner, state.nbytes, state.users, state.thread, state.holder = owner, n, 0, 0, NULL
    memcpy(state.name, PyBytes_AS_STRING(name), n)
    state.next, states = states, state
    return state


cdef void leave_state(KeyState *state, PyObject *holder) noexcept:
    """End the use of a state by a thread that was inside with `holder`, or waited (NULL); the last one frees it."""
    cdef KeyState **place = &states
    cdef bint last
    PyThread_acquire_lock(guard, True)
    if holder != NULL:
        state.holder = NULL
        PyThread_release_lock(state.mutex)
    state.users -= 1
    last = state.users == 0
    if last:
        while place[0] != state:
            place = &place[0].next
        place[0] = state.next
    PyThread_release_lock(guard)
    if last:
        PyThread_free_lock(state.mutex)
        free(state)


cdef int wait_for(KeyState *state) except -1:
    """Acquire the mutex. Signal handlers run while this waits, and what one raises ends the wait."""
    cdef int status = PyThread_acquire_lock_timed(state.mutex, 0, 0)
    cdef long long began = generation
    while status != PY_LOCK_ACQUIRED:
        PyErr_CheckSignals()
        if began != generation:
            return 0  # a signal handler has forked, and this is the child
        with nogil:
            status = PyThread_acquire_lock_timed(state.mutex, WAIT_US, 1)
    return 1


@cython.no_gc_clear  # `release` needs the attributes
cdef class KeyLock:
    """Let one thread of the process at a time into a `with` block, for each owner and key.

    It is not reentrant: a thread that is already inside gets a RuntimeError. A forked child holds no lock of its parent.

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
        """Wait for the lock; if interrupted, the caller holds nothing."""
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
                raise RuntimeError(f"{decoded(self.name)!r}: this thread already holds the lock; release it first")
            inside = enter_state(self, state)
        return 0

    cdef void release(self) noexcept:
        cdef KeyState *state = self.state
        self.state = NULL
        if state != NULL and self.generation == generation:  # in a forked child the lock is the parent's
            leave_state(state, <PyObject *>self)

    def let_go(self):
        """In a forked child, close inherited descriptors; the parent keeps the lock."""

    @staticmethod
    def mine(owner, str key not None):
        """Return the lock on this key that the calling thread is inside of, None if there is none."""
        cdef bytes name = encoded(key)
        cdef object lock = None
        PyThread_acquire_lock(guard, True)
        state = find_state(<const void *>owner, name)
        if state != NULL and state.holder != NULL and state.thread == PyThread_get_thread_ident():
            lock = <object>state.holder
        PyThread_release_lock(guard)
        return lock

    @staticmethod
    def held_below(owner, str prefix not None, bint mine=False):
        """Return the keys that begin with a prefix and that other threads are inside of, or with `mine` this thread."""
        cdef bytes start = encoded(prefix)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(start)
        cdef unsigned long me = PyThread_get_thread_ident()
        cdef list names = []
        cdef KeyState *state
        PyThread_acquire_lock(guard, True)
        try:
            state = states
            while state != NULL:
                if (state.holder != NULL and state.owner == <const void *>owner and (state.thread == me) == mine and
                        state.nbytes >= n and memcmp(state.name, PyBytes_AS_STRING(start), n) == 0):
                    # bytes, because the garbage collector does not track them
                    names.append(PyBytes_FromStringAndSize(state.name, state.nbytes))
                state = state.next
        finally:
            PyThread_release_lock(guard)
        return [decoded(name) for name in names]


cdef bint enter_state(KeyLock lock, KeyState *state) except -1:
    """Wait until the other users are out; return False in a child forked meanwhile, where the state is void."""
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
    return key.encode("utf-8", "surrogatepass")  # paths that are not UTF-8 have surrogates


cdef str decoded(bytes name):
    return name.decode("utf-8", "surrogatepass")


def _begin():
    """Create the guard and an empty list."""
    global guard, states
    guard, states = PyThread_allocate_lock(), NULL
    if guard == NULL:
        raise MemoryError("no memory for a lock")


def _after_fork_in_child():
    """Start anew: locks held in the parent stay there, and no thread of the child holds any."""
    global generation
    cdef KeyState *state = states
    generation += 1
    _begin()
    while state != NULL:  # kept: the parent's locks point to them
        if state.holder != NULL:
            try:
                (<KeyLock>state.holder).let_go()
            except OSError:  # close the others all the same
                pass
        state = state.next


_begin()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
