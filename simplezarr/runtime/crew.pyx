"""One piece of work for several threads: the caller, who is always one of them, and helpers of a pool.

A caller that lends memory to helpers must not leave before they have ended, whatever is raised and however often. So
this is compiled, and waiting goes on through interrupts: the first of them is raised when the last helper has ended.
"""

from collections import deque

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

from simplezarr.runtime.pool cimport (
    QUEUED, Pool, PyThread_free_lock, PyThread_release_lock, enqueue, forks, is_alone, lock, new_lock, pool_for, unlock,
    wait_for)
from simplezarr.runtime.pool import get_num_threads

cdef extern from "memory/atomic.h" nogil:
    int64_t sz_draw(int64_t *counter)
    int64_t sz_add(int64_t *counter, int64_t n)

cdef enum:
    # With so many calls for each thread, queued or running, no more help is called for: it would come too late. That also
    # bounds the calls for help that came to nothing, which stay queued while long-running futures keep the pool busy.
    MANY_CALLS = 32
    STOP_ATTEMPTS = 100  # to tell the helpers to stop, while one interrupt comes after the other

cdef Py_ssize_t NO_LIMIT = 2 ** 62


# ---------------------------------------------------------------- work that is shared out

def drain(work, Py_ssize_t width, stop=None):
    """Call `work` here and, at the same time, in up to `width` - 1 threads of a pool.

    `work` returns when there is nothing left to do, as when a shared counter is used up. A thread that has not begun
    by the time the caller's own call returns is not waited for, and does not begin any more. The first error is raised
    here after the calls of `work` that had begun have ended; an interrupt of the caller comes before other errors. `stop`,
    if given, is called as soon as a call fails (also when the caller is interrupted) and should make the others return
    early. It may be called more than once.

    >>> numbers, seen = iter(range(100)), []
    >>> drain(lambda: seen.extend(numbers), 1)
    >>> len(seen)
    100
    """
    cdef Crew crew
    if width <= 1 or is_alone():
        work()
        return
    crew = Crew(work, width, stop)
    try:
        crew.call_for_help()
        work()
    except BaseException as error:
        crew.caught(error)
    crew.close()
    if crew.interrupt is not None:
        raise crew.taken_interrupt()
    if crew.errors:
        raise crew.errors.pop(0)


@cython.final
cdef class Crew:
    """One call of `drain`: its helpers and what became of them.

    Helpers are called two at a time, and each of them calls two more: with many threads the caller is not kept from its
    own work by waking them all.
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
            if not more or not enqueue(self, self.width, MANY_CALLS * max(self.width, <Py_ssize_t>get_num_threads())):
                break
        return 0

    def __call__(self):
        """What a pool thread does for this crew."""
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
        work = None  # before the caller goes on: it may count on nobody else holding its buffers
        lock()
        self.running -= 1
        if self.closed and self.running == 0:
            PyThread_release_lock(self.done)
        unlock()

    cdef void fail(self, error) noexcept:
        """Note an error, and let the others stop."""
        self.errors.append(error)
        lock()
        self.wanted = 0
        unlock()
        if self.stop is not None:
            self.tell_stop()

    cdef void caught(self, error) noexcept:
        """Note what was raised in the calling thread."""
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
            except BaseException as error:  # it may not have got to where it stops them
                if self.interrupt is None:
                    self.interrupt = error

    cdef void close(self) noexcept:
        """Let no further helper begin, and wait until those who have begun have ended, through any number of interrupts."""
        cdef Py_ssize_t running
        lock()
        _work, self.work = self.work, None  # what it holds is freed after `unlock`
        self.closed, self.wanted = True, 0
        running = self.running
        unlock()
        while running and self.generation == forks():  # in a child that was forked meanwhile there are no helpers
            try:
                if wait_for(self.done):  # the last of them releases it
                    running = 0
                    PyErr_CheckSignals()  # one more interrupt that came meanwhile is part of this one
            except BaseException as error:
                self.caught(error)
        self.stop = None  # a helper may hold on to this crew for another moment, but not to what the caller uses

    cdef taken_interrupt(self):
        self.errors.clear()
        error, self.interrupt = self.interrupt, None
        return error


def run(task, Py_ssize_t n, Py_ssize_t width=0):
    """Call task(0), task(1), …, task(n - 1), in parallel and in no particular order.

    width: how many of them at a time, at most; else as many as there are threads. The first error stops those not yet
    begun and is raised here, once those that had begun are done.

    >>> squares = [0] * 5
    >>> def square(i):
    ...     squares[i] = i * i
    >>> run(square, 5)
    >>> squares
    [0, 1, 4, 9, 16]
    """
    counter = Counter(task, n)
    drain(counter.work, min(n, width or <Py_ssize_t>get_num_threads()), counter.stop)


@cython.final
cdef class Counter:
    """Hands out the numbers below `n`, each once."""

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


# ---------------------------------------------------------------- calls that nobody waits for here

def put_call(function, Py_ssize_t width):
    """Have a thread of the pool for this width make the call, which must not raise; False if there is none."""
    return enqueue(function, width, NO_LIMIT)


def spare(call):
    """Have a thread of the pool make the call, which must not raise, if one has nothing else to do; else False."""
    cdef Py_ssize_t threads = get_num_threads()
    return enqueue(call, threads, threads)


@cython.final
cdef class Queue:
    """Futures that wait for a thread, each with an item that says what it is to become."""

    def __cinit__(self):
        self.pairs = deque()

    def put(self, future, item, serve):
        """Queue a Future and have a thread of the pool call `serve(taken)`; False if there is none.

        `taken` is an iterator that takes pairs of Future and item from this queue. `serve` fulfils the Futures of those
        that it takes, any number of them, as it is called once for each; what it takes and leaves unfulfilled fails.
        """
        cdef Pool pool
        pair, call = (future, item), Service(self.pairs, serve)
        while True:
            pool = pool_for(get_num_threads())
            if pool is None:
                return False
            self.pairs.append(pair)
            if pool.put(call, NO_LIMIT) == QUEUED:
                return True
            try:
                self.pairs.remove(pair)
            except ValueError:  # a thread that came for others has taken it
                return True
            if not pool.closed:
                return False


@cython.final
cdef class Service:
    """A call of a queue's `serve`."""

    def __cinit__(self, pairs, serve):
        self.pairs, self.serve = pairs, serve

    def __call__(self):
        """Fulfil some of the Futures."""
        cdef Taken taken = Taken(self.pairs)
        try:
            self.serve(taken)
            error = RuntimeError("its thread has left this call")
        except BaseException as reason:
            error = reason
        for future in taken.futures:
            if not future.done():
                future.set_exception(error)


@cython.final
cdef class Taken:
    """Takes pairs from a queue, and notes their Futures."""

    def __cinit__(self, pairs):
        self.pairs, self.futures = pairs, []

    def __iter__(self):
        return self

    def __next__(self):
        try:
            pair = self.pairs.popleft()
        except IndexError:
            raise StopIteration from None
        self.futures.append(pair[0])
        return pair
