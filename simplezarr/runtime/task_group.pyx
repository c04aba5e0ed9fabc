"""Share one piece of work among several threads: the caller, which is always one of them, and helpers of a pool.

A caller that lends memory to helpers must not leave before they have ended, whatever is raised and however often. So
this is compiled, and waiting goes on through interrupts: the first of them is raised when the last helper has ended.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

from simplezarr.csrc.memory cimport sz_add, sz_draw
from simplezarr.runtime.locks cimport PyThread_free_lock, PyThread_release_lock
from simplezarr.runtime.pool cimport forks, is_serial, lock, new_lock, put_call, unlock, wait_for
from simplezarr.runtime.pool import get_num_threads

cdef enum:
    # Calls for each thread, queued or running, from which on no help is called for: it would come too late. This also
    # bounds the calls for help that stay queued after their work has ended, while long calls keep the pool busy.
    MANY_CALLS = 32
    STOP_ATTEMPTS = 100  # to stop the helpers, if one interrupt follows the other

cdef Py_ssize_t NO_LIMIT = 2 ** 62


# ---------------------------------------------------------------- work that is shared out

def run_workers(work, Py_ssize_t width, stop=None, Py_ssize_t few=0, lead=None):
    """Call `work` here and, at the same time, in up to `width` - 1 threads of a pool.

    `work` returns when nothing is left to do, for example when a shared counter is used up. Helpers that have not begun
    when the caller's own call returns never begin. Those that have begun are waited for. Then the first error is raised;
    an interrupt of the caller comes before other errors.

    stop: is called as soon as a call fails, or the caller is interrupted, and should make the other calls return early.
    It may be called more than once.

    few, lead: if `lead` is given, the caller calls it instead of `work`, and only so many helpers come at first. The others
    come when `lead` returns True; it is then called again.

    >>> numbers, seen = iter(range(100)), []
    >>> run_workers(lambda: seen.extend(numbers), 1)
    >>> len(seen)
    100
    """
    cdef TaskGroup group
    if width <= 1 or is_serial():
        work()
        return
    group = TaskGroup(work, width, stop)
    try:
        if lead is None:
            group.call_for_help()
            work()
        else:
            group.wanted = min(few, width - 1)
            group.call_for_help()
            while lead():
                group.call_others(width - 1 - few)
    except BaseException as error:
        group.caught(error)
    group.close()
    if group.interrupt is not None:
        raise group.taken_interrupt()
    if group.errors:
        raise group.errors.pop(0)


@cython.final
cdef class TaskGroup:
    """One call of `run_workers`: its helpers, and their errors.

    Helpers are called two at a time, and each of them calls two more. So the caller does not spend its time on waking
    many threads.
    """

    def __cinit__(self, work, Py_ssize_t width, stop):
        self.work, self.width, self.wanted, self.stop, self.errors = work, width, width - 1, stop, []
        self.generation = forks()
        self.done = new_lock()

    def __dealloc__(self):
        if self.done != NULL:
            PyThread_release_lock(self.done)
            PyThread_free_lock(self.done)

    cdef int call_for_help(self) except -1:
        cdef bint more
        for _ in range(2):
            lock()
            more = self.wanted > 0
            self.wanted -= more
            unlock()
            if not more or not put_call(self, self.width, MANY_CALLS * max(self.width, <Py_ssize_t>get_num_threads())):
                break
        return 0

    cdef int call_others(self, Py_ssize_t n) except -1:
        """Call for more helpers, unless one has failed."""
        lock()
        self.wanted += 0 if self.errors else max(n, 0)
        unlock()
        return self.call_for_help()

    def __call__(self):
        """Work as a helper, in a pool thread."""
        lock()
        work = self.work
        self.running += work is not None
        unlock()
        if work is None:
            return
        try:
            self.call_for_help()
            work()
        except BaseException as error:
            self.fail(error)
        work = None  # before the caller goes on, which may rely on holding the only references to its buffers
        lock()
        self.running -= 1
        if self.closed and self.running == 0:
            PyThread_release_lock(self.done)
        unlock()

    cdef void fail(self, error) noexcept:
        """Record an error, and make the others stop."""
        self.errors.append(error)
        lock()
        self.wanted = 0
        unlock()
        if self.stop is not None:
            self.tell_stop()

    cdef void caught(self, error) noexcept:
        """Record what was raised in the calling thread."""
        if not isinstance(error, Exception) and self.interrupt is None:
            self.interrupt = error
        self.fail(error)

    cdef void tell_stop(self) noexcept:
        for _ in range(STOP_ATTEMPTS):
            try:
                self.stop()
                return
            except Exception as error:
                self.errors.append(error)
                return
            except BaseException as error:  # an interrupt may have come before it could stop them
                if self.interrupt is None:
                    self.interrupt = error

    cdef void close(self) noexcept:
        """Let no further helper begin, and wait for those that have begun, through any number of interrupts."""
        cdef Py_ssize_t running
        lock()
        _work, self.work = self.work, None  # what it holds is freed after `unlock`
        self.closed, self.wanted = True, 0
        running = self.running
        unlock()
        while running and self.generation == forks():  # in a child that was forked meanwhile there are no helpers
            try:
                if wait_for(self.done):  # the last helper releases it
                    running = 0
                    PyErr_CheckSignals()  # an interrupt that came meanwhile belongs to this call
            except BaseException as error:
                self.caught(error)
        self.stop = None  # a helper may keep this group alive a moment longer, but not what the caller uses

    cdef taken_interrupt(self):
        self.errors.clear()
        error, self.interrupt = self.interrupt, None
        return error


def parallel_for(task, Py_ssize_t n, Py_ssize_t width=0):
    """Call task(0), task(1), …, task(n - 1), in parallel and in no particular order.

    width: the most calls at a time; by default as many as there are threads.

    The first error prevents calls that have not begun, and is raised here when those that have begun are done.

    >>> squares = [0] * 5
    >>> def square(i):
    ...     squares[i] = i * i
    >>> parallel_for(square, 5)
    >>> squares
    [0, 1, 4, 9, 16]
    """
    counter = Counter(task, n)
    run_workers(counter.work, min(n, width or <Py_ssize_t>get_num_threads()), counter.stop)


@cython.final
cdef class Counter:
    """A shared counter, which hands out each number below `n` once."""

    def __cinit__(self, task, int64_t n):
        self.task, self.n = task, n

    def work(self):
        cdef int64_t i = sz_draw(&self.next)
        while i < self.n:
            PyErr_CheckSignals()
            self.task(i)
            i = sz_draw(&self.next)

    def stop(self):
        sz_add(&self.next, self.n)


# ---------------------------------------------------------------- single calls

def enqueue(call, Py_ssize_t width=0):
    """Have a pool thread make the call, which must not raise; return whether there is such a thread.

    width: how many such calls may run at a time; by default as many as there are threads.
    """
    return put_call(call, width or <Py_ssize_t>get_num_threads(), NO_LIMIT)


def try_submit_idle(call):
    """Have an idle pool thread make the call, which must not raise; return False if no thread is idle."""
    cdef Py_ssize_t threads = get_num_threads()
    return put_call(call, threads, threads)
