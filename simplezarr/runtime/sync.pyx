"""A semaphore and a condition that stay intact if a signal handler raises.

Those of `threading` are written in Python, where an interrupt can come between any two instructions. Then a lock may stay
held, and other threads wait for it forever.
"""

from time import monotonic

cimport cython
from cpython.exc cimport PyErr_CheckSignals

from simplezarr.runtime.locks cimport (
    PY_LOCK_ACQUIRED, PyThread_acquire_lock_timed, PyThread_allocate_lock, PyThread_free_lock,
    PyThread_get_thread_ident, PyThread_release_lock)
from simplezarr.runtime.pool cimport WAIT_US, lock, new_lock, unlock, wait_for


# ---------------------------------------------------------------- queues; the caller holds the guard

cdef void append(WaitQueue *queue, Waiter *me) noexcept:
    me.next, me.woken = NULL, False
    if queue.first == NULL:
        queue.first = me
    else:
        queue.last.next = me
    queue.last = me


cdef bint wake_next(WaitQueue *queue) noexcept:
    """Wake the first waiter; return False if there is none."""
    cdef Waiter *waiter = queue.first
    if waiter == NULL:
        return False
    queue.first = waiter.next
    waiter.woken = True
    PyThread_release_lock(waiter.wake)
    return True


cdef void remove(WaitQueue *queue, Waiter *me) noexcept:
    """Remove a waiter that has not been woken."""
    cdef Waiter *before = NULL
    cdef Waiter *waiter = queue.first
    while waiter != me:
        before, waiter = waiter, waiter.next
    if before == NULL:
        queue.first = me.next
    else:
        before.next = me.next
    if queue.last == me:
        queue.last = before


cdef void free_wake(Waiter *me) noexcept:
    PyThread_release_lock(me.wake)
    PyThread_free_lock(me.wake)


# ---------------------------------------------------------------- semaphores

@cython.final
cdef class Semaphore:
    """Let `value` threads at a time into a `with` block, in the order in which they come."""

    def __cinit__(self, Py_ssize_t value):
        self.value = value

    def __enter__(self):
        cdef Waiter me
        cdef bint inside
        lock()
        inside = self.value > 0
        self.value -= inside
        unlock()
        if not inside:
            me.wake = new_lock()
            try:
                self.wait(&me)
            finally:
                free_wake(&me)

    def __exit__(self, *error):
        self.leave()

    cdef int wait(self, Waiter *me) except -1:
        """Wait in the queue; if a signal handler raises, leave it."""
        cdef bint inside
        lock()
        inside = self.value > 0
        self.value -= inside
        if not inside:
            append(&self.waiters, me)
        unlock()
        try:
            while not inside:
                inside = wait_for(me.wake)
        except BaseException:
            lock()
            inside = me.woken  # woken meanwhile, so a place was taken
            if not inside:
                remove(&self.waiters, me)
            unlock()
            if inside:
                self.leave()
            raise
        return 0

    cdef void leave(self) noexcept:
        lock()
        if not wake_next(&self.waiters):
            self.value += 1
        unlock()


# ---------------------------------------------------------------- conditions

@cython.final
cdef class Condition:
    """Behave like `threading.Condition()`, but stay intact if a signal handler raises."""

    def __cinit__(self):
        self.mutex = PyThread_allocate_lock()
        if self.mutex == NULL:
            raise MemoryError("no memory for a lock")

    def __dealloc__(self):
        if self.mutex != NULL:
            if self.depth:
                PyThread_release_lock(self.mutex)
            PyThread_free_lock(self.mutex)

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
        """Release the lock until `notify` is called or `timeout` seconds have passed; return whether it was called."""
        cdef Waiter me
        self.check_owner()
        me.wake = new_lock()
        try:
            return self.wait_woken(&me, timeout)
        finally:
            free_wake(&me)

    def notify(self, Py_ssize_t n=1):
        """Wake up to `n` waiters."""
        self.check_owner()
        lock()
        while n > 0 and wake_next(&self.waiters):
            n -= 1
        unlock()

    def notify_all(self):
        """Wake all waiters."""
        self.check_owner()
        lock()
        while wake_next(&self.waiters):
            pass
        unlock()

    cdef int enter(self) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        if self.depth and self.owner == me:
            self.depth += 1
            return 0
        if PyThread_acquire_lock_timed(self.mutex, 0, 0) != PY_LOCK_ACQUIRED:
            while not wait_for(self.mutex):
                pass
        self.owner, self.depth = me, 1
        return 0

    cdef void leave(self) noexcept:
        self.depth -= 1
        if self.depth == 0:
            PyThread_release_lock(self.mutex)

    cdef int check_owner(self) except -1:
        if not self.depth or self.owner != PyThread_get_thread_ident():
            raise RuntimeError("this thread does not hold the lock of the condition")
        return 0

    cdef bint wait_woken(self, Waiter *me, timeout) except -1:
        """Wait to be woken, without the lock; an interrupt is raised when the lock is held again."""
        cdef Py_ssize_t depth = self.depth
        cdef bint woken = False, entered = False
        cdef double end = 0 if timeout is None else <double>monotonic() + <double>timeout
        interrupt = None
        lock()
        append(&self.waiters, me)
        unlock()
        self.depth = 0
        PyThread_release_lock(self.mutex)
        try:
            while not woken and (timeout is None or <double>monotonic() < end):
                woken = wait_for(me.wake) if timeout is None else wait_at_most(me, end)
        except BaseException as error:
            interrupt = error
        lock()
        woken = me.woken
        if not woken:
            remove(&self.waiters, me)
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
        return woken


cdef bint wait_at_most(Waiter *me, double end) except -1:
    """Wait as `wait_for` does, but not beyond this time."""
    cdef double left = end - <double>monotonic()
    cdef long long microseconds = <long long>(left * 1e6) + 1 if left > 0 else 0
    cdef int status
    if microseconds > WAIT_US:
        return wait_for(me.wake)
    with nogil:
        status = PyThread_acquire_lock_timed(me.wake, microseconds, True)
    if status != PY_LOCK_ACQUIRED:
        PyErr_CheckSignals()
    return status == PY_LOCK_ACQUIRED
