"""The chunks of an array, and jobs on many of them: any number of threads that draw from one counter.

A job is a plan, a source of chunks and a buffer. Its units are the stored objects that the plan touches (shards cut into
parts where they are fewer than threads). Each worker draws the next unit until none is left, without the GIL.
"""

import os
import time
from collections import OrderedDict
from functools import partial

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from cpython.unicode cimport PyUnicode_FromString
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from simplezarr import executor
from simplezarr._decode cimport shard_index
from simplezarr._files cimport PyUnicode_EncodeFSDefault
from simplezarr._flights cimport ALOFT, LANDED, Flight, flight_leave, flight_wait
from simplezarr._pipeline cimport chain_is_shard, chain_outermost, raised, take_error
from simplezarr._pipeline import CodecFailure
from simplezarr._plan cimport Row, product, Span, span_row, span_set
from simplezarr._worker cimport (
    Joined, PATH_SLOT, RAISED, REFUSED, SZ_IO, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_UNSUPPORTED, scratch, status_message,
    worker_acquire, worker_release)
from simplezarr.errors import ChunkError, UnsupportedError

cdef extern from "atomic.h" nogil:
    int64_t sz_draw(int64_t *counter)
    int32_t sz_peek(const int32_t *flag)
    int sz_claim(int32_t *flag)

cdef extern from "files.h" nogil:
    enum:
        SZ_HAVE_FILES, SZ_NO_DIRECTORY
    int sz_open_directory(const char *path)
    void sz_close_directory(int directory)

cdef enum:
    MANY_FILES = 8              # worth opening their directory for
    SIGNAL_BYTES = 16 << 20     # decoded bytes between two looks for Ctrl-C
    WAIT_US = 50_000            # between two looks for Ctrl-C while waiting for another thread
    PATIENCE = 200              # waits of that length
    WIDE_BYTES = 512 << 20      # decoded bytes that a job has in hand at most while it waits for a store
    UNIT_BYTES = 16 << 10       # what a unit counts for besides its bytes
    INDEX_BYTES = 16 << 20      # shard indexes kept for one array
    FRESH_NS = 100_000_000      # a file's clock may stand still for so long
    DIGITS = 21

cdef object NOTHING = 0xffffffffffffffff  # offset and length of an inner chunk that is not stored


cdef class ShardIndex:
    """A shard's decoded index and the identity of the file it was read from."""


cdef class Source:
    """The chunks of one array: where they are stored and how they are decoded.

    keys: the array's chunk key encoding; path: the array's path in the store; chunks: the shape of the unit of reading.
    """

    def __init__(self, Pipeline pipeline, store, keys, str path, tuple chunks):
        self.pipeline, self.store, self.keys, self.path, self.chunks = pipeline, store, keys, path, chunks
        self.in_memory = store.in_memory
        self.separator = ord(keys.separator)
        self.bare = keys.name == "v2"
        self.indexes = OrderedDict() if pipeline.chain.inner != NULL else None
        root = store.local_root if SZ_HAVE_FILES else None
        self.local = root is not None
        if self.local:
            encoded = PyUnicode_EncodeFSDefault(root)
            self.root_nbytes = len(encoded)
            self.folder = encoded if encoded.endswith(b"/") else encoded + b"/"
            if path:
                self.folder += PyUnicode_EncodeFSDefault(path) + b"/"
            self.folder_nbytes = len(self.folder)
        else:
            self.folder = f"{path}/".encode() if path else b""
        self.prefix = self.folder if self.bare else self.folder + b"c"
        self.prefix_bytes, self.prefix_nbytes = PyBytes_AS_STRING(self.prefix), len(self.prefix)

    def key(self, tuple index) -> str:
        """The store's key of a stored chunk (a shard where there are shards)."""
        return f"{self.path}/{self.keys.key(index)}" if self.path else self.keys.key(index)

    def encoded_chunk(self, tuple index):
        """The stored bytes of one unit of reading, or None where it is not stored."""
        cdef const Chain *chain = &self.pipeline.chain
        cdef const uint64_t *entries = NULL
        cdef Py_ssize_t outer[MAX_NDIM]
        cdef Py_ssize_t inner = 0
        cdef Blob blob
        cdef Worker *worker
        cdef uint64_t offset = 0, nbytes = 0
        cdef int d, status
        if chain.inner == NULL:
            return self.store.get(self.key(index))
        if not chain_is_shard(chain):
            raise UnsupportedError(f"array '/{self.path}': its shards are encoded as a whole, inner chunks have no bytes "
                                   "of their own")
        for d in range(chain.ndim):
            outer[d] = index[d] // (self.pipeline.shape[d] // self.chunks[d])
        for d in range(chain.ndim):  # in C order of the stored form
            inner = inner * chain.grid[d] + index[chain.order[d]] % chain.grid[d]
        key = self.key(tuple([outer[d] for d in range(chain.ndim)]))
        get_ranges = partial(self.store.get_ranges, key)
        blob.memory, blob.size, blob.file, blob.get_ranges, blob.index = NULL, 0, NULL, <PyObject *>get_ranges, NULL
        blob.name = NULL
        worker = worker_acquire()
        status = shard_index(worker, chain, &blob, 0, &entries)
        if status == SZ_OK:
            offset, nbytes = entries[2 * inner], entries[2 * inner + 1]
        error = take_error(worker)
        worker_release(worker)
        if error is not None:
            raise error
        if status == SZ_MISSING or (offset == NOTHING and nbytes == NOTHING):
            return None
        part = self.store.get_range(key, offset, nbytes) if status == SZ_OK and offset <= NOTHING >> 1 >= nbytes else None
        if part is None or <uint64_t>len(part) != nbytes:
            raise ChunkError(f"array '/{self.path}', chunk {index}, key {key!r}: sharding_indexed: the index is damaged",
                             path=self.path, index=index, key=key, codec="sharding_indexed")
        return part

    cdef ShardIndex kept_index(self, bytes name, const sz_file *file):
        """The shard's index, if it is known and the file is still the one it was read from."""
        cdef ShardIndex index = self.indexes.get(name)
        if index is None or (file != NULL and (
                index.inode != file.inode or index.mtime_ns != file.mtime_ns or index.size != file.size
                or index.device != file.device)):
            return None
        return index

    cdef int keep_index(self, bytes name, const uint64_t *data, const sz_file *file) except -1:
        cdef ShardIndex index = ShardIndex.__new__(ShardIndex)
        cdef Py_ssize_t nbytes = 16 * self.pipeline.chain.ninner
        if nbytes > INDEX_BYTES:
            return 0
        if file != NULL and time.time_ns() - file.mtime_ns < FRESH_NS:  # the next change might not show in its identity
            return 0
        if file != NULL:
            index.device, index.inode, index.mtime_ns, index.size = file.device, file.inode, file.mtime_ns, file.size
        index.data = PyBytes_FromStringAndSize(<const char *>data, nbytes)
        while len(self.indexes) >= max(1, INDEX_BYTES // (nbytes + 200)):
            self.indexes.popitem(last=False)
        self.indexes[name] = index
        return 0

    cdef int forget_index(self, bytes name) except -1:
        if self.indexes is not None:
            self.indexes.pop(name, None)
        return 0


cdef char *put_number(char *at, Py_ssize_t number) noexcept nogil:
    """Writes the number in decimal; returns the place behind it."""
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


cdef void drop(PyObject *held) noexcept with gil:
    Py_DECREF(<object>held)


cdef int check_signals(Worker *worker) noexcept with gil:
    """Lets Ctrl-C end a long read or write (in the main thread; elsewhere this does nothing)."""
    try:
        PyErr_CheckSignals()
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef class Job:
    """One read or write under way: what `drain` needs to do its share of it."""

    def __cinit__(self):
        self.directory, self.lanes = SZ_NO_DIRECTORY, 1

    def __dealloc__(self):
        sz_close_directory(self.directory)

    cdef int open_directory(self) except -1:
        """Opens the array's directory where many names are to be looked up."""
        if self.source.local and self.n >= MANY_FILES and self.directory == SZ_NO_DIRECTORY:
            self.directory = sz_open_directory(PyBytes_AS_STRING(self.source.folder))
        return 0

    cdef int work(self, Worker *worker, const Py_ssize_t *index, const Region *region, Py_ssize_t part) noexcept nogil:
        """What is done with one unit; subclasses say."""
        return SZ_OK

    cdef void place_native(self, Worker *worker, Py_ssize_t i, Py_ssize_t wanted, const char *native) noexcept nogil:
        """Places what unit number i wants of a chunk that another thread has decoded; subclasses that share chunks say."""

    cdef int one(self, Worker *worker, Py_ssize_t i, Py_ssize_t *index) noexcept nogil:
        """Does unit number i, and tells the index of its stored object."""
        cdef Region region
        self.unit(i // self.parts, index, &region)
        return self.work(worker, index, &region, i % self.parts)

    cdef Py_ssize_t touched(self):
        """Units of reading that the plan touches."""
        cdef Span span
        cdef Py_ssize_t touched = 1
        cdef int axis
        for axis in range(self.plan.ndim):
            span = self.plan.spans[axis]
            span_set(&span, span.start, span.step, span.count, <Py_ssize_t>self.source.chunks[axis])
            touched = product(touched, span.rows)
        return touched

    cdef int widened(self, int threads, Py_ssize_t nbytes) except -1:
        """The number of threads for units of so many bytes: more than are to compute where a store is to be waited for."""
        cdef Py_ssize_t width
        if self.source.local or self.source.in_memory:
            return threads
        width = executor.width(self.source.store)
        return width if width <= threads else max(threads, min(width, WIDE_BYTES // max(nbytes, 1)))

    cdef int run(self, int width) except -1:
        """Does all units, in the calling thread and width - 1 others; raises what the first failure was."""
        self.lanes = width
        self.gate = executor.gate(width) if width > 1 else None
        if width > 1:
            executor.drain(self.drain, width)
        else:
            self.drain()
        if self.failed:
            self.throw()
        return 0

    def drain(self):
        """Does units until none is left, or one has failed."""
        cdef Py_ssize_t index[MAX_NDIM]
        cdef Py_ssize_t i, bytes_done = 0
        cdef int status
        cdef Worker *worker = worker_acquire()
        with nogil:
            while not sz_peek(&self.failed):
                i = self.draw()
                if i < 0:
                    break
                status = self.do_unit(worker, i, index)
                if status == SZ_OK and worker.njoined:
                    status = self.take_shared(worker, index, False)
                bytes_done += self.chain.nbytes // self.parts + UNIT_BYTES
                if status == SZ_OK and bytes_done >= SIGNAL_BYTES:
                    bytes_done = 0
                    status = check_signals(worker)
                if status != SZ_OK:
                    self.fail(worker, status, index)
            if worker.njoined:
                status = self.take_shared(worker, index, True)
                if status != SZ_OK:
                    self.fail(worker, status, index)
        worker_release(worker)

    cdef int do_unit(self, Worker *worker, Py_ssize_t i, Py_ssize_t *index) noexcept nogil:
        worker.inner, worker.unit = -1, i
        worker.culprit = chain_outermost(self.chain)
        return self.one(worker, i, index)

    cdef int take_shared(self, Worker *worker, Py_ssize_t *index, bint wait) noexcept nogil:
        """Places what other threads have decoded for this worker, too.

        What they are still at is left, or waited for. What they have not done in time the worker does itself.
        """
        cdef Joined joined
        cdef int status = SZ_OK, patience = PATIENCE, k = 0, state
        while k < worker.njoined:
            joined = worker.joined[k]
            state = flight_wait(<Flight *>joined.flight, WAIT_US if wait else 0)
            if state == ALOFT and status == SZ_OK and not sz_peek(&self.failed) and patience:
                if wait:
                    patience -= 1
                    status = check_signals(worker)
                else:
                    k += 1
                continue
            worker.njoined -= 1
            worker.joined[k] = worker.joined[worker.njoined]
            if status == SZ_OK and not sz_peek(&self.failed):
                if state == LANDED:
                    self.place_native(worker, joined.unit, joined.wanted, (<Flight *>joined.flight).native)
                else:
                    worker.alone = True
                    status = self.do_unit(worker, joined.unit, index)
                    worker.alone = False
            flight_leave(<Flight *>joined.flight)
        return status

    cdef Py_ssize_t draw(self) noexcept nogil:
        """The number of the next unit to do, or -1 when all are drawn.

        Neighbours lie on the same pages of the result. Threads that begin with neighbours would each clear these pages
        (2 MiB large ones, often), and all but one of them in vain; so what is drawn one after another is far apart.
        """
        cdef Py_ssize_t i = sz_draw(&self.next)
        cdef Py_ssize_t lane = i % self.lanes
        if i >= self.n:
            return -1
        return lane * (self.n // self.lanes) + min(lane, self.n % self.lanes) + i // self.lanes

    cdef void unit(self, Py_ssize_t i, Py_ssize_t *index, Region *region) noexcept nogil:
        """Stored object number i of the plan: its index in the grid, and the region wanted of it."""
        cdef Row row
        cdef int d
        region.data = self.data
        for d in range(self.plan.ndim - 1, -1, -1):
            span_row(&self.plan.spans[d], i % self.plan.spans[d].rows, &row)
            i //= self.plan.spans[d].rows
            index[d] = row.chunk
            region.start[d] = row.src
            region.step[d] = self.plan.spans[d].step
            region.count[d] = row.count
            region.strides[d] = self.strides[d]
            region.data += row.dst * self.strides[d]

    cdef char *file_name(self, Worker *worker, const Py_ssize_t *index, size_t extra) noexcept nogil:
        """The name of a stored object's file, from the job's directory, with room for `extra` more bytes; or its key."""
        cdef size_t n = self.source.prefix_nbytes
        cdef char *name = scratch(worker, PATH_SLOT, n + self.chain.ndim * DIGITS + 2 + extra)
        cdef char *at = name + n
        cdef int d
        if name == NULL:
            return NULL
        memcpy(name, self.source.prefix_bytes, n)
        for d in range(self.chain.ndim):
            if d or not self.source.bare:
                at[0] = self.source.separator
                at += 1
            at = put_number(at, index[d])
        if self.chain.ndim == 0 and self.source.bare:
            at = put_number(at, 0)
        at[0] = 0
        return name + (0 if self.directory == SZ_NO_DIRECTORY else self.source.folder_nbytes)

    cdef str key(self, Worker *worker, const Py_ssize_t *index):
        """The key of a stored object, in a store that is no local directory."""
        cdef char *name = self.file_name(worker, index, 0)
        if name == NULL:
            raise MemoryError("no memory for a key")
        return PyUnicode_FromString(name)

    cdef void fail(self, Worker *worker, int status, const Py_ssize_t *index) noexcept nogil:
        """Notes the first failure, which ends the job."""
        cdef int d
        if sz_claim(&self.failed):
            self.status, self.os_error, self.inner, self.culprit = status, worker.os_error, worker.inner, worker.culprit
            for d in range(self.chain.ndim):
                self.index[d] = index[d]
            self.raised = worker.error
        elif worker.error != NULL:
            drop(worker.error)
        worker.error = NULL

    cdef str task(self):
        """What the job does, for messages; subclasses say."""
        return "working on"

    cdef str outcome(self):
        """What a failure leaves behind, for messages; with a separator in front."""
        return ""

    cdef tuple failed_chunk(self):
        """The index of the chunk that failed, in the grid of the units of reading."""
        cdef const Chain *chain = self.chain
        cdef int64_t inner = self.inner
        cdef int d
        if chain.inner == NULL or inner < 0:
            return tuple([self.index[d] for d in range(chain.ndim)])
        within = [0] * chain.ndim
        for d in range(chain.ndim - 1, -1, -1):
            within[chain.order[d]] = inner % chain.grid[d] + self.index[chain.order[d]] * chain.grid[d]
            inner //= chain.grid[d]
        return tuple(within)

    def throw(self):
        """Raises what the first failure was, with the place where it happened."""
        key = self.source.key(tuple([self.index[d] for d in range(self.chain.ndim)]))
        index = self.failed_chunk()
        place = f"array '/{self.source.path}', chunk {index}, key {key!r}"
        codec = self.culprit.decode() if self.culprit != NULL else None
        error = None
        if self.raised != NULL:
            error = <object>self.raised
            Py_DECREF(error)
            self.raised = NULL
        if self.status == RAISED:
            if isinstance(error, CodecFailure):
                raise ChunkError(f"{place}: {error}{self.outcome()}", path=self.source.path, index=index, key=key,
                                 codec=error.codec) from error.__cause__
            error.add_note(f"while {self.task()} {place}")
            raise error
        if self.status == SZ_NO_MEMORY:
            raise MemoryError(f"{place}: {status_message(self.status)}")
        if self.status == SZ_IO:
            raise OSError(self.os_error, f"{os.strerror(self.os_error)} (while {self.task()} {place}{self.outcome()})",
                          os.fspath(self.source.store.local_root))
        damaged = "" if self.status in (REFUSED, SZ_UNSUPPORTED) else (
            "; the stored object is damaged or not what the array's metadata say")
        raise ChunkError(f"{place}: {codec}: {status_message(self.status)}{damaged}{self.outcome()}",
                         path=self.source.path, index=index, key=key, codec=codec)
