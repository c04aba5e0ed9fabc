"""Gates and conditions: threads that wait for their turn, and leave nothing behind if a signal handler raises.

Those of `threading` are written in Python, where an interrupt can come between any two instructions: then a thread waits
for ever for what another one did not release.
"""

from time import monotonic

cimport cython
from cpython.exc cimport PyErr_CheckSignals

from simplezarr.runtime.pool cimport (
    PY_LOCK_ACQUIRED, WAIT_US, PyThread_acquire_lock_timed, PyThread_allocate_lock,
    PyThread_free_lock, PyThread_release_lock, lock, new_lock, unlock, wait_for)

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident()


# ---------------------------------------------------------------- lines; the caller holds the guard

cdef void join(Line *line, Guest *me) noexcept:
    me.next, me.called = NULL, False
    if line.first == NULL:
        line.first = me
    else:
        line.last.next = me
    line.last = me


cdef bint call_next(Line *line) noexcept:
    """Give the first one its turn; False if nobody waits."""
    cdef Guest *guest = line.first
    if guest == NULL:
        return False
    line.first = guest.next
    guest.called = True
    PyThread_release_lock(guest.turn)
    return True


cdef void forget(Line *line, Guest *me) noexcept:
    """Take out one that has not been called."""
    cdef Guest *before = NULL
    cdef Guest *guest = line.first
    while guest != me:
        before, guest = guest, guest.next
    if before == NULL:
        line.first = me.next
    else:
        before.next = me.next
    if line.last == me:
        line.last = before


cdef void free_turn(Guest *me) noexcept:
    PyThread_release_lock(me.turn)
    PyThread_free_lock(me.turn)


# ---------------------------------------------------------------- gates

@cython.final
cdef class Gate:
    """`with gate:` lets so many threads in at a time, in the order in which they come."""

    def __cinit__(self, Py_ssize_t room):
        self.room = room

    def __enter__(self):
        cdef Guest me
        cdef bint inside
        lock()
        inside = self.room > 0
        self.room -= inside
        unlock()
        if not inside:
            me.turn = new_lock()
            try:
                self.wait(&me)
            finally:
                free_turn(&me)

    def __exit__(self, *error):
        self.leave()

    cdef int wait(self, Guest *me) except -1:
        """Stand in line; if a signal handler raises, leave it."""
        cdef bint inside
        lock()
        inside = self.room > 0
        self.room -= inside
        if not inside:
            join(&self.line, me)
        unlock()
        try:
            while not inside:
                inside = wait_for(me.turn)
        except BaseException:
            lock()
            inside = me.called  # let in meanwhile
            if not inside:
                forget(&self.line, me)
            unlock()
            if inside:
                self.leave()
            raise
        return 0

    cdef void leave(self) noexcept:
        lock()
        if not call_next(&self.line):
            self.room += 1
        unlock()


# ---------------------------------------------------------------- conditions

@cython.final
cdef class Condition:
    """As `threading.Condition()`, but a signal handler that raises leaves it as it should be."""

    def __cinit__(self):
        self.gate = PyThread_allocate_lock()
        if self.gate == NULL:
            raise MemoryError("no memory for a lock")

    def __dealloc__(self):
        if self.gate != NULL:
            if self.depth:
                PyThread_release_lock(self.gate)
            PyThread_free_lock(self.gate)

    def __enter__(self):
        self.enter()
        return True

    def __exit__(self, *error):
        self.check_owner()
        self.leave()

    def acquire(self):
        """Acquire the lock; reentrant."""
        self.enter()
        return True

    def release(self):
        """Release the lock."""
        self.check_owner()
        self.leave()

    def wait(self, timeout=None):
        """Release the lock until `notify` is called or so many seconds have passed; return whether it was called."""
        cdef Guest me
        self.check_owner()
        me.turn = new_lock()
        try:
            return self.wait_in_line(&me, timeout)
        finally:
            free_turn(&me)

    def notify(self, Py_ssize_t n=1):
        """Let so many of those that wait go on."""
        self.check_owner()
        lock()
        while n > 0 and call_next(&self.line):
            n -= 1
        unlock()

    def notify_all(self):
        """Let all that wait go on."""
        self.check_owner()
        lock()
        while call_next(&self.line):
            pass
        unlock()

    cdef int enter(self) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        if self.depth and self.owner == me:
            self.depth += 1
            return 0
        if PyThread_acquire_lock_timed(self.gate, 0, 0) != PY_LOCK_ACQUIRED:
            while not wait_for(self.gate):
                pass
        self.owner, self.depth = me, 1
        return 0

    cdef void leave(self) noexcept:
        self.depth -= 1
        if self.depth == 0:
            PyThread_release_lock(self.gate)

    cdef int check_owner(self) except -1:
        if not self.depth or self.owner != PyThread_get_thread_ident():
            raise RuntimeError("this thread does not hold the lock of the condition")
        return 0

    cdef bint wait_in_line(self, Guest *me, timeout) except -1:
        """Wait for the turn, without the lock; an interrupt is raised when it is held again."""
        cdef Py_ssize_t depth = self.depth
        cdef bint called = False, entered = False
        cdef double end = 0 if timeout is None else <double>monotonic() + <double>timeout
        interrupt = None
        lock()
        join(&self.line, me)
        unlock()
        self.depth = 0
        PyThread_release_lock(self.gate)
        try:
            while not called and (timeout is None or <double>monotonic() < end):
                called = wait_for(me.turn) if timeout is None else wait_at_most(me, end)
        except BaseException as error:
            interrupt = error
        lock()
        called = me.called
        if not called:
            forget(&self.line, me)
        unlock()
        while not entered:
            try:
                self.enter()
                entered = True
            except BaseException as error:
                interrupt = interrupt or error
        self.depth = depth
        if interrupt is not None:
            raise interrupt
        return called


cdef bint wait_at_most(Guest *me, double end) except -1:
    """As `wait_for`, but not beyond this time."""
    cdef double left = end - <double>monotonic()
    cdef long long microseconds = <long long>(left * 1e6) + 1 if left > 0 else 0
    cdef int status
    if microseconds > WAIT_US:
        return wait_for(me.turn)
    with nogil:
        status = PyThread_acquire_lock_timed(me.turn, microseconds, True)
    if status != PY_LOCK_ACQUIRED:
        PyErr_CheckSignals()
    return status == PY_LOCK_ACQUIRED
