"""Run jobs on many chunks: any number of threads draw units from one counter.

A job has a region table and a chunk source. Its units are the stored objects that the request touches, or parts of shards
if these are few. Each thread draws the next unit until none is left, without the GIL.
"""

import os
from time import sleep

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.ref cimport Py_DECREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_FromString
from libc.string cimport memcpy

from simplezarr.runtime import executor
from simplezarr.csrc cimport SZ_IO, SZ_NO_MEMORY, SZ_OK, SZ_UNSUPPORTED, sz_milliseconds
from simplezarr.csrc.io cimport SZ_NO_DIRECTORY, sz_close_directory, sz_open_directory
from simplezarr.csrc.memory cimport sz_claim, sz_draw, sz_peek
from simplezarr.engine.chunks.in_flight cimport (
    COMPLETE, PENDING, InFlightChunk, release_chunk, release_waits, wait_for_chunk)
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.engine.jobs.region_table cimport TouchedObject, find_object
from simplezarr.engine.kernels.context cimport (
    PATH_SLOT, RAISED, REFUSED, Wait, check_signals, drop, pause, scratch, status_message, context_acquire, context_new,
    context_release)
from simplezarr.errors import TooLargeError, ZarrError

cdef enum:
    MANY_FILES = 8              # so many files are worth opening their directory
    WAIT_US = 50_000            # between two checks for Ctrl-C while waiting for another thread
    WIDE_BYTES = 512 << 20      # at most so many decoded bytes are in progress while a job waits for a store
    DIGITS = 21
    FEW = 8                     # threads that keep the processors busy if a store answers at once
    SLOW_MS = 4                 # so late are answers of a store that more threads should ask
    MANY_SLOW = 3               # so many of them, one after another

cdef double FIRST_SECONDS = 1e-3  # within which a store that answers at once has answered

cdef int wait_limit = 200       # waits of WAIT_US for in-flight chunks


def _set_wait_limit(int waits):
    """Set how often a thread waits for another before it does the work itself. Return the previous limit."""
    global wait_limit
    before, wait_limit = wait_limit, waits
    return before


cdef char *put_number(char *at, size_t number) noexcept nogil:
    """Write the number in decimal. Return the address behind it."""
    cdef char digits[DIGITS]
    cdef int n = 0
    while number or n == 0:
        digits[n] = 48 + <char>(number % 10)
        number //= 10
        n += 1
    while n:
        n -= 1
        at[0] = digits[n]
        at += 1
    return at


cdef class Job:
    """A read or write in progress, which several threads may `drain`."""

    def __cinit__(self):
        self.directory, self.splits, self.batch, self.interleave = SZ_NO_DIRECTORY, 1, 1, 1

    def __dealloc__(self):
        sz_close_directory(self.directory)
        Py_XDECREF(self.raised)

    cdef int open_directory(self) except -1:
        """Open the array's directory if many names are to be looked up."""
        if self.source.local and self.n >= MANY_FILES and self.directory == SZ_NO_DIRECTORY:
            self.directory = sz_open_directory(PyBytes_AS_STRING(self.source.folder))
        return 0

    cdef int do_batch(self, Context *context, Py_ssize_t i) noexcept nogil:
        """Do the units of batch number i, if batches have several. Subclasses override it."""
        return SZ_OK

    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        """Do unit number i. Subclasses override it."""
        return SZ_OK

    cdef int copy_shared(self, Context *context, Py_ssize_t i, Py_ssize_t k, const char *native) noexcept nogil:
        """Copy out the regions that unit number i has of its chunk k, which another thread has decoded."""
        return SZ_OK

    cdef int widened(self, int threads, Py_ssize_t nbytes) except -1:
        """Return the number of threads for units of so many bytes: more than may compute if they wait for a store."""
        cdef Py_ssize_t width
        if self.source.local or self.source.in_memory:
            return threads
        width = executor.concurrency_for(self.source.store)
        return width if width <= threads else max(threads, min(width, WIDE_BYTES // max(nbytes, 1)))

    cdef int run(self, int width) except -1:
        """Do all units, in the calling thread and width - 1 others. Raise the error of the first failure."""
        self.open_directory()
        self.getter = None if self.source.local else self.source.getter()
        self.interleave = width
        self.compute_semaphore = executor.compute_semaphore(width) if width > 1 else None
        self.waits = self.compute_semaphore is not None
        if width > 1:
            if self.is_brief() and width > FEW + 1:
                executor.run_workers(self.drain, width, self.stop, FEW, self.lead)
            else:
                executor.run_workers(self.drain, width, self.stop)
        else:
            self.drain()
        if self.failed:
            self.throw()
        return 0

    def stop(self):
        """Let no thread begin another unit or go on with a large one, because the caller is leaving."""
        sz_claim(&self.failed)

    def drain(self):
        """Do units until none is left, or one has failed."""
        self.do_units(False)

    def lead(self):
        """Do units as `drain` does, in the caller of a few threads. Return early, and True, if more threads are of use.

        They are if no answer has come within FIRST_SECONDS, or if answers become slow later, for example because the
        first ones came from a cache. Otherwise they would only take the GIL from each other.
        """
        cdef bint first = not self.led
        self.led = True
        if first:
            sleep(FIRST_SECONDS)
            if self.next <= FEW:
                return True
        return self.do_units(first)

    cdef bint do_units(self, bint watch) except -1:
        """Do units with a context. `watch`: as in `drain_units`."""
        cdef int status
        cdef bint slow
        # With a compute semaphore a thread takes a pooled context only to compute. Others use it while the thread waits.
        cdef Context *context = context_acquire() if self.compute_semaphore is None else context_new()
        context.nontemporal, context.ended = self.nontemporal, &self.failed
        if self.is_brief():
            # If the GIL were given up after each chunk, a thread that waits for it would wake in vain: this one is sooner.
            slow = self.drain_units(context, watch)
        else:
            with nogil:
                slow = self.drain_units(context, False)
        if context.nwaits:
            with nogil:
                status = self.finish_waits(context, True)
            if status != SZ_OK:
                self.fail(context, status)
        context_release(context)
        return slow

    cdef bint drain_units(self, Context *context, bint watch) noexcept nogil:
        """Do units. `watch`: return early, and True, when answers have become slow."""
        cdef Py_ssize_t i
        cdef int status, slow = 0
        cdef int64_t began = 0
        while not sz_peek(&self.failed) and slow < MANY_SLOW:
            i = self.next_batch()
            if i < 0:
                break
            if watch:
                began = sz_milliseconds()
            status = self.begin_unit(context, i) if self.batch == 1 else self.do_batch(context, i)
            if watch:
                slow = slow + 1 if sz_milliseconds() - began >= SLOW_MS else 0
            if status == SZ_OK and context.nwaits:
                status = self.finish_waits(context, False)
            if status == SZ_OK:
                status = pause(context)
            if status != SZ_OK:
                self.fail(context, status)
        return slow == MANY_SLOW

    cdef int begin_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        self.set_unit(context, i)
        return self.do_unit(context, i)

    cdef int finish_waits(self, Context *context, bint wait) noexcept nogil:
        """Copy out the chunks that other threads have decoded for this one.

        A chunk that is not complete stays in the list, unless `wait` is set. After the wait limit this thread does the unit
        itself.
        """
        cdef Wait waited
        cdef int status = SZ_OK, left = wait_limit, k = 0, state
        while k < context.nwaits:
            waited = context.waits[k]
            state = wait_for_chunk(<InFlightChunk *>waited.chunk, WAIT_US if wait else 0)
            if state == PENDING and status == SZ_OK and not sz_peek(&self.failed) and left > 0:
                if wait:
                    left -= 1
                    status = check_signals(context)
                else:
                    k += 1
                continue
            context.nwaits -= 1
            context.waits[k] = context.waits[context.nwaits]
            if status == SZ_OK and not sz_peek(&self.failed):
                if state == COMPLETE:
                    context.unit = waited.unit
                    status = self.copy_shared(context, waited.unit, waited.wanted, (<InFlightChunk *>waited.chunk).native)
                else:
                    context.no_coalescing = True
                    status = self.begin_unit(context, waited.unit)
                    context.no_coalescing = False
                    release_waits(context, waited.unit)
            release_chunk(<InFlightChunk *>waited.chunk)
        return status

    cdef Py_ssize_t next_batch(self) noexcept nogil:
        """Draw the number of the next batch of units, or -1 if none is left.

        Batches drawn one after another lie far apart. Neighbours share pages of the result, often of 2 MiB. Threads that
        begin with neighbours would each clear these pages, and only one of them needs to.
        """
        cdef Py_ssize_t i = sz_draw(&self.next)
        cdef Py_ssize_t run = i % self.interleave
        cdef Py_ssize_t n = self.n if self.batch == 1 else (self.n + self.batch - 1) // self.batch
        if i >= n:
            return -1
        return run * (n // self.interleave) + min(run, n % self.interleave) + i // self.interleave

    cdef char *file_name(self, Context *context, const Py_ssize_t *index) noexcept nogil:
        """Return the name of a stored object's file, relative to the job's directory if that is open; or its key."""
        cdef size_t n = self.source.prefix_nbytes
        cdef char *name = scratch(context, PATH_SLOT, n + self.pipeline.ndim * DIGITS + 2)
        cdef char *at = name + n
        cdef int d
        if name == NULL:
            return NULL
        memcpy(name, self.source.prefix_bytes, n)
        for d in range(self.pipeline.ndim):
            if d or not self.source.bare:
                at[0] = self.source.separator
                at += 1
            at = put_number(at, index[d])
        if self.pipeline.ndim == 0 and self.source.bare:
            at = put_number(at, 0)
        at[0] = 0
        return name + (0 if self.directory == SZ_NO_DIRECTORY else self.source.folder_nbytes)

    cdef str key(self, Context *context, const Py_ssize_t *index):
        """Return the key of a stored object in a store that is not a local directory."""
        cdef char *name = self.file_name(context, index)
        if name == NULL:
            raise MemoryError("no memory for a key")
        return PyUnicode_FromString(name)

    cdef void fail(self, Context *context, int status) noexcept nogil:
        """Record the first failure, which ends the job."""
        if sz_claim(&self.failed):
            self.status, self.os_error, self.raised = status, context.os_error, context.error
            self.failed_unit, self.inner, self.culprit = context.unit, context.inner, context.culprit
        elif context.error != NULL:
            drop(context.error)
        context.error = NULL

    cdef str task(self):
        """Return what the job does, for messages. Subclasses override it."""
        return "working on"

    cdef str outcome(self):
        """Return what a failure leaves behind and what to do, for messages, with a separator in front."""
        return ""

    cdef tuple failed_chunk(self, const Py_ssize_t *index):
        """Return the index of the chunk that failed in the grid of chunks. `index`: that of its stored object."""
        cdef const Pipeline *pipeline = self.pipeline
        cdef int64_t inner = self.inner
        cdef int d
        if pipeline.inner == NULL or inner < 0:
            return tuple([index[d] for d in range(pipeline.ndim)])
        within = [0] * pipeline.ndim
        for d in range(pipeline.ndim - 1, -1, -1):
            within[pipeline.order[d]] = inner % pipeline.grid[d] + index[pipeline.order[d]] * pipeline.grid[d]
            inner //= pipeline.grid[d]
        return tuple(within)

    def throw(self):
        """Raise the error of the first failure, with the place where it happened."""
        cdef TouchedObject object
        find_object(&self.table.layout, self.failed_unit // self.splits, &object)
        key = self.source.key(tuple([object.index[d] for d in range(self.pipeline.ndim)]))
        index = self.failed_chunk(object.index)
        place = f"array '/{self.source.path}', chunk {index}, key {key!r}"
        codec = self.culprit.decode() if self.culprit != NULL else None
        error = None
        if self.raised != NULL:
            error = <object>self.raised
            Py_DECREF(error)
            self.raised = NULL
        if self.status == RAISED:
            if isinstance(error, (CodecFailure, TooLargeError)):
                codec = getattr(error, "codec", None)
                raise self.source.failure(index, key, f"{error}{self.outcome()}", codec) from error.__cause__
            if isinstance(error, ZarrError):
                error.of_store(self.source.store)
            error.add_note(f"while {self.task()} {place}")
            raise error
        if self.status == SZ_NO_MEMORY:
            raise MemoryError(f"{place}: {status_message(self.status)}")
        if self.status == SZ_IO:
            raise OSError(self.os_error, f"{os.strerror(self.os_error)} (while {self.task()} {place}{self.outcome()})",
                          os.fspath(self.source.store.local_root))
        damaged = "" if self.status in (REFUSED, SZ_UNSUPPORTED) else (
            "; the stored object is damaged or not what the array's metadata say")
        by = "" if codec is None else f"{codec}: "
        raise self.source.failure(index, key, f"{by}{status_message(self.status)}{damaged}{self.outcome()}", codec)
