"""Where chunks come from: stored objects, or inner chunks of a shard; read by any number of threads from one counter.

A read is a plan, a source and a buffer. Its units are the stored objects that the plan touches (shards cut into parts where
they are fewer than threads). Each worker draws the next unit until none is left. For a local directory all of that happens
without the GIL: the file's name is written digit by digit behind a prefix, the file read and decoded into place. Other
stores are asked for bytes with the GIL held, and everything behind that is the same.
"""

from collections import OrderedDict
from functools import partial

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport errno
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

import os

from simplezarr import executor
from simplezarr._codecs cimport (
    PATH_SLOT, RAISED, SZ_IO, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT, scratch, status_message,
    worker_acquire, worker_release)
from simplezarr._pipeline import CodecFailure
from simplezarr._pipeline cimport (
    chain_is_raw, chain_is_shard, chain_outermost, close_file, decode_region, decode_shard, inner_count, open_file, raised, read_file,
    read_raw, region_extent, region_fill, region_offset, region_permute, region_place,
    shard_index, sz_file, take_error)
from simplezarr._plan cimport Row, Span, span_row, span_set
from simplezarr.errors import ChunkError, UnsupportedError

cnp.import_array()

cdef extern from "atomic.h" nogil:
    int64_t sz_draw(int64_t *counter)
    int32_t sz_peek(const int32_t *flag)
    int sz_claim(int32_t *flag)

cdef extern from "files.h" nogil:
    enum:
        SZ_HAVE_FILES

cdef enum:
    SHARE_BYTES = 256 << 10     # decoded bytes that are worth waking another thread for
    SHARE_CHUNKS = 32           # chunks, however small
    SIGNAL_BYTES = 16 << 20     # decoded bytes between two looks for Ctrl-C
    INDEX_BYTES = 16 << 20      # shard indexes kept for one array
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
        self.indexes = OrderedDict()
        self.local = SZ_HAVE_FILES and store.local_root is not None
        if self.local:
            self.prefix = os.fsencode(os.path.join(store.local_root, path, "" if self.bare else "c"))
            self.prefix_bytes, self.prefix_nbytes = PyBytes_AS_STRING(self.prefix), len(self.prefix)

    def key(self, tuple index) -> str:
        """The store's key of a stored chunk (a shard where there are shards)."""
        return f"{self.path}/{self.keys.key(index)}" if self.path else self.keys.key(index)

    def read(self, Plan plan, out) -> None:
        """Decodes what the plan selects into `out`, an array of the plan's shape and the pipeline's data type.

        Raises ChunkError for a chunk that can't be decoded, OSError where the system refuses to read.
        """
        cdef Read job
        cdef int width
        if plan.n == 0:
            return
        job = Read.__new__(Read)
        job.source, job.plan, job.chain = self, plan, &self.pipeline.chain
        job.dst = plan.bind(out, job.strides)
        width = job.share(executor.get_num_threads())
        if width > 1:
            executor.drain(job.drain, width)
        else:
            job.drain()
        if job.failed:
            job.throw()

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
        if part is None or len(part) != nbytes:
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
        if file != NULL:
            index.device, index.inode, index.mtime_ns, index.size = file.device, file.inode, file.mtime_ns, file.size
        index.data = PyBytes_FromStringAndSize(<const char *>data, nbytes)
        while len(self.indexes) >= max(1, INDEX_BYTES // (nbytes + 200)):
            self.indexes.popitem(last=False)
        self.indexes[name] = index
        return 0


cdef int known_index(Worker *worker, Source source, const Py_ssize_t *index, const sz_file *file, Blob *blob,
                     PyObject **held) noexcept with gil:
    """Points the blob to its shard's index where that is kept; *held is the reference to drop afterwards."""
    cdef ShardIndex known
    try:
        known = source.kept_index(PyBytes_FromStringAndSize(<const char *>index, source.pipeline.chain.ndim * 8), file)
        if known is not None:
            Py_INCREF(known)
            held[0] = <PyObject *>known
            blob.index = <const uint64_t *>PyBytes_AS_STRING(known.data)
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef int learn_index(Worker *worker, Source source, const Py_ssize_t *index, const sz_file *file,
                     const uint64_t *data) noexcept with gil:
    try:
        source.keep_index(PyBytes_FromStringAndSize(<const char *>index, source.pipeline.chain.ndim * 8), data, file)
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef void drop(PyObject *held) noexcept with gil:
    Py_DECREF(<object>held)


cdef int read_shard(Worker *worker, Source source, const Py_ssize_t *index, Blob *blob, const Region *region,
                    Py_ssize_t part, Py_ssize_t parts, bint keep) noexcept nogil:
    """Decodes the region from the shard behind the blob; `keep` says that its index may be kept for the next read."""
    cdef const Chain *chain = &source.pipeline.chain
    cdef Region permuted
    cdef PyObject *held = NULL
    cdef int status = SZ_OK
    if chain.permuted:
        region_permute(chain, region, &permuted)
        region = &permuted
    if keep:
        status = known_index(worker, source, index, blob.file, blob, &held)
    if status == SZ_OK and blob.index == NULL:
        status = shard_index(worker, chain, blob, 0, &blob.index)
        if status == SZ_OK and keep:
            status = learn_index(worker, source, index, blob.file, blob.index)
    if status == SZ_OK:
        status = decode_shard(worker, chain, blob, region, part, parts, 0)
    if held != NULL:
        drop(held)
    return status


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


cdef int check_signals(Worker *worker) noexcept with gil:
    """Lets Ctrl-C end a long read (in the main thread; elsewhere this does nothing)."""
    try:
        PyErr_CheckSignals()
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef class Read:
    """One read under way: what `drain` needs to do its share of it."""

    def share(self, int threads):
        """Decides how the work is cut; the number of workers that it is worth."""
        cdef Span span
        cdef Py_ssize_t touched = 1, work, axis
        cdef bint local = self.source.local or self.source.in_memory
        for axis in range(self.plan.ndim):
            span = self.plan.spans[axis]
            span_set(&span, span.start, span.step, span.count, <Py_ssize_t>self.source.chunks[axis])
            touched *= span.rows
        work = touched * (self.chain.inner.nbytes if self.chain.inner != NULL else self.chain.nbytes)
        self.parts, self.n = 1, self.plan.n
        if threads == 1 or touched == 1 or (local and work < SHARE_BYTES and touched < SHARE_CHUNKS):
            return 1
        if local and chain_is_shard(self.chain) and self.n < 4 * threads:
            self.parts = max(1, min((4 * threads + self.n - 1) // self.n, work // self.n // SHARE_BYTES))
            self.n *= self.parts
        return min(threads, self.n)

    def drain(self):
        """Reads units until none is left, or one has failed."""
        cdef Py_ssize_t index[MAX_NDIM]
        cdef Py_ssize_t i, work = 0
        cdef int status
        cdef Worker *worker = worker_acquire()
        with nogil:
            while not sz_peek(&self.failed):
                i = sz_draw(&self.next)
                if i >= self.n:
                    break
                status = self.read_unit(worker, i, index)
                work += self.chain.nbytes
                if status == SZ_OK and work >= SIGNAL_BYTES:
                    work = 0
                    status = check_signals(worker)
                if status != SZ_OK:
                    self.fail(worker, status, index)
        worker_release(worker)

    cdef void unit(self, Py_ssize_t i, Py_ssize_t *index, Region *region) noexcept nogil:
        """Stored object number i of the plan: its index in the grid, and the region wanted of it."""
        cdef Row row
        cdef int d
        region.dst = self.dst
        for d in range(self.plan.ndim - 1, -1, -1):
            span_row(&self.plan.spans[d], i % self.plan.spans[d].rows, &row)
            i //= self.plan.spans[d].rows
            index[d] = row.chunk
            region.start[d] = row.src
            region.step[d] = self.plan.spans[d].step
            region.count[d] = row.count
            region.strides[d] = self.strides[d]
            region.dst += row.dst * self.strides[d]

    cdef int read_unit(self, Worker *worker, Py_ssize_t i, Py_ssize_t *index) noexcept nogil:
        cdef Region region
        cdef int status
        worker.inner = -1
        worker.culprit = chain_outermost(self.chain)
        self.unit(i // self.parts, index, &region)
        if self.source.local:
            status = self.read_local(worker, index, &region, i % self.parts)
        else:
            status = self.read_value(worker, index, &region, i % self.parts)
        if status == SZ_MISSING:
            region_fill(self.chain, &region)
            status = SZ_OK
        return status

    cdef char *file_name(self, Worker *worker, const Py_ssize_t *index) noexcept nogil:
        cdef size_t n = self.source.prefix_nbytes
        cdef char *name = scratch(worker, PATH_SLOT, n + self.plan.ndim * DIGITS + 2)
        cdef char *at = name + n
        cdef int d
        if name == NULL:
            return NULL
        memcpy(name, self.source.prefix_bytes, n)
        for d in range(self.plan.ndim):
            if d or not self.source.bare:
                at[0] = self.source.separator
                at += 1
            at = put_number(at, index[d])
        if self.plan.ndim == 0 and self.source.bare:
            at = put_number(at, 0)
        at[0] = 0
        return name

    cdef int read_local(self, Worker *worker, const Py_ssize_t *index, const Region *region, Py_ssize_t part) noexcept nogil:
        """The short way: a chunk's file, opened, read and decoded right here."""
        cdef sz_file file
        cdef int status
        cdef char *name = self.file_name(worker, index)
        if name == NULL:
            return SZ_NO_MEMORY
        status = open_file(name, &file)
        if status != SZ_OK:
            worker.os_error = errno
            return status
        status = self.read_open(worker, index, &file, region, part)
        if status == SZ_IO:
            worker.os_error = errno
        close_file(&file)
        return status

    cdef int read_open(self, Worker *worker, const Py_ssize_t *index, const sz_file *file, const Region *region,
                       Py_ssize_t part) noexcept nogil:
        cdef Blob blob
        cdef char *raw
        cdef int status
        cdef size_t size = file.size
        if chain_is_shard(self.chain):
            blob.memory, blob.size, blob.file, blob.get_ranges, blob.index = NULL, size, file, NULL, NULL
            return read_shard(worker, self.source, index, &blob, region, part, self.parts, True)
        if chain_is_raw(self.chain):
            if size != self.chain.nbytes:
                return SZ_TOO_SHORT if size < self.chain.nbytes else SZ_TOO_LONG
            return read_raw(worker, self.chain, file, 0, region, 0)
        if size > self.chain.most:
            return SZ_TOO_LONG
        raw = scratch(worker, 0, size)
        if raw == NULL:
            return SZ_NO_MEMORY
        status = read_file(file, raw, size, 0)
        return decode_region(worker, self.chain, raw, size, region, 0) if status == SZ_OK else status

    cdef int read_value(self, Worker *worker, const Py_ssize_t *index, const Region *region,
                        Py_ssize_t part) noexcept with gil:
        """A chunk through its store's methods: only the bytes that are needed, where that is less work."""
        cdef Region stored = region[0]
        cdef const Chain *chain = self.chain
        store = self.source.store
        try:
            key = self.source.key(tuple([index[d] for d in range(self.plan.ndim)]))
            if not self.source.in_memory:
                if chain.permuted:
                    region_permute(chain, region, &stored)
                if chain_is_shard(chain) and inner_count(chain, &stored) * 10 < chain.ninner * 6:
                    return self.read_ranges(worker, index, partial(store.get_ranges, key), region)
                if chain_is_raw(chain) and region_extent(chain, &stored) * 2 < <Py_ssize_t>chain.nbytes:
                    return self.read_extent(worker, partial(store.get_range, key), &stored)
            value = store.get(key)
            if value is None:
                return SZ_MISSING
            return self.decode_value(worker, index, value if type(value) is bytes else bytes(value), region, part)
        except BaseException as error:
            return raised(worker, error)

    cdef int decode_value(self, Worker *worker, const Py_ssize_t *index, bytes value, const Region *region,
                          Py_ssize_t part) except? -1:
        """A whole stored object that is in memory."""
        cdef Blob blob
        cdef int status
        blob.memory, blob.size, blob.file, blob.get_ranges, blob.index = (
            PyBytes_AS_STRING(value), len(value), NULL, NULL, NULL)
        with nogil:
            if chain_is_shard(self.chain):
                status = read_shard(worker, self.source, index, &blob, region, part, self.parts, False)
            elif blob.size > self.chain.most:
                status = SZ_TOO_LONG
            else:
                status = decode_region(worker, self.chain, blob.memory, blob.size, region, 0)
        return status

    cdef int read_ranges(self, Worker *worker, const Py_ssize_t *index, get_ranges, const Region *region) except? -1:
        """Some inner chunks of a shard: its index, then the ranges that hold them."""
        cdef Blob blob
        cdef int status
        cdef bint keep = self.source.store.immutable
        blob.memory, blob.size, blob.file, blob.get_ranges, blob.index = NULL, 0, NULL, <PyObject *>get_ranges, NULL
        with nogil:
            status = read_shard(worker, self.source, index, &blob, region, 0, 1, keep)
        return status

    cdef int read_extent(self, Worker *worker, get_range, const Region *stored) except? -1:
        """The bytes of an uncompressed chunk from the first wanted element to the last."""
        cdef Py_ssize_t start = region_offset(self.chain, stored), n = region_extent(self.chain, stored)
        cdef const char *src
        value = get_range(start, n)
        if value is None:
            return SZ_MISSING
        if len(value) != n:
            return SZ_TOO_SHORT
        value = value if type(value) is bytes else bytes(value)
        src = PyBytes_AS_STRING(value) - start
        with nogil:
            region_place(self.chain, stored, src)
        return SZ_OK

    cdef void fail(self, Worker *worker, int status, const Py_ssize_t *index) noexcept nogil:
        """Notes the first failure, which ends the read."""
        cdef int d
        if sz_claim(&self.failed):
            self.status, self.os_error, self.inner, self.culprit = status, worker.os_error, worker.inner, worker.culprit
            for d in range(self.plan.ndim):
                self.index[d] = index[d]
            self.raised = worker.error
        elif worker.error != NULL:
            drop(worker.error)
        worker.error = NULL

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
                raise ChunkError(f"{place}: {error}", path=self.source.path, index=index, key=key,
                                 codec=error.codec) from error.__cause__
            error.add_note(f"while reading {place}")
            raise error
        if self.status == SZ_NO_MEMORY:
            raise MemoryError(f"{place}: {status_message(self.status)}")
        if self.status == SZ_IO:
            raise OSError(self.os_error, f"{os.strerror(self.os_error)} ({place})", os.fspath(self.source.store.local_root))
        raise ChunkError(f"{place}: {codec}: {status_message(self.status)}; the stored object is damaged or not what the "
                         "array's metadata say", path=self.source.path, index=index, key=key, codec=codec)
