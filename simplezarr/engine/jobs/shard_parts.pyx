"""Read the requested inner chunks of a shard: those of one in a far store in parts, which are decoded as they arrive.

A far store is neither local nor in memory. A part is what one request brings: up to 4 MiB of inner chunks that lie close
together. The thread that receives a part decodes it. So decoding begins when the first part is there, and a thread holds
the bytes of one part at a time.

Each thread has a reader of its own, a `twin` of the one that read the index. So all parts are of one version, or one of
the readers raises ChangedError and the shard is read again.

A smaller shard is fetched by one request. If there are fewer shards than threads, threads share the decoding.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.string cimport memcpy

from simplezarr.csrc cimport SZ_NO_MEMORY, SZ_OK
from simplezarr.csrc.memory cimport sz_peek
from simplezarr.engine.chunks.byte_source cimport IN_MEMORY, IN_STORE
from simplezarr.engine.chunks.shard_reader cimport (
    InnerChunkVisitor, PART_BYTES, find_inner_chunks, part_end, read_found_chunks, read_inner_chunks)
from simplezarr.engine.geometry.plan cimport product
from simplezarr.engine.jobs.chunk_regions cimport ChunkCursor, copy_out, visitor
from simplezarr.engine.jobs.job cimport SHARE_BYTES
from simplezarr.engine.jobs.region_table cimport TouchedChunk, find_chunk
from simplezarr.engine.kernels.context cimport ENTRIES, RAW, STOPPED, in_foreign, raised, scratch
from simplezarr.errors import ChangedError
from simplezarr.runtime import executor

cdef enum:
    # Decoded bytes of a shard from which a large part of it, or all, is read in parts. A smaller one is read as a whole
    # sooner, because that needs no request for the index.
    WORTH_BYTES = 4 * PART_BYTES
    SHARES = 4  # runs of inner chunks for each thread that decodes a shard, because some take longer


cdef object reader_of_parts(store, str key, const Pipeline *pipeline, Py_ssize_t n):
    """Return a reader, if n inner chunks of a shard should be read in parts although they are most of it. Else None."""
    if product(n, pipeline.inner.nbytes) < WORTH_BYTES or executor.concurrency_for(store) == 1:
        return None
    reader = store.reader(key)
    if reader.has_twins:
        return reader
    reader.close()
    return None


cdef int read_shard_chunks(Context *context, Job job, const ByteSource *shard, const TouchedObject *object,
                           Py_ssize_t part) noexcept nogil:
    """Read the requested inner chunks of a shard whose index is known. `part`: those of one unit of the job."""
    cdef ChunkCursor cursor
    cdef InnerChunkVisitor visit = visitor(&cursor, object)
    cdef Py_ssize_t width
    if shard.kind == IN_STORE:
        return read_far_chunks(context, job, shard, object, &visit)
    if shard.kind == IN_MEMORY and job.splits == 1:
        width = sharers(job, object)
        if width > 1:
            return decode_shared(context, job, shard, object, width)
    return read_inner_chunks(context, job.pipeline, shard, &visit, object.n * part // job.splits,
                             object.n * (part + 1) // job.splits, 0)


cdef Py_ssize_t sharers(Job job, const TouchedObject *object) noexcept nogil:
    """Return how many threads decode a shard that is in memory, if the job did not divide it: more than the shard's own
    if there are fewer shards than may compute.
    """
    cdef Py_ssize_t worth = object.n * <Py_ssize_t>job.pipeline.inner.nbytes // SHARE_BYTES
    return min(object.n, min(worth, job.threads // job.n)) if job.threads > job.n else 1


cdef int decode_shared(Context *context, Job job, const ByteSource *shard, const TouchedObject *object,
                       Py_ssize_t width) noexcept with gil:
    """Decode the requested inner chunks of a shard that is in memory by several threads."""
    cdef ShardDecodeJob shares
    try:
        shares = ShardDecodeJob.__new__(ShardDecodeJob)
        begin_inside(shares, context, job, shard, object)
        shares.n = min(object.n, SHARES * width)
        executor.run_workers(shares.drain, width, shares.stop)
        return take_failure(context, shares)
    except BaseException as error:
        return raised(context, error)


cdef int begin_inside(ShardJob inside, Context *context, Job job, const ByteSource *shard,
                      const TouchedObject *object) except -1:
    """Set up a job for one shard of a job whose thread has this context."""
    inside.source, inside.table, inside.pipeline, inside.nontemporal = job.source, job.table, job.pipeline, job.nontemporal
    inside.object, inside.shard = object, shard
    inside.ended, inside.no_coalescing = context.ended, context.no_coalescing or in_foreign()
    return 0


cdef int read_far_chunks(Context *context, Job job, const ByteSource *shard, const TouchedObject *object,
                         const InnerChunkVisitor *visit) noexcept nogil:
    """Read the requested inner chunks of a shard in a store: in parts, if one request does not bring them all."""
    cdef InnerChunkRange *ranges = <InnerChunkRange *>scratch(context, ENTRIES, object.n * sizeof(InnerChunkRange))
    cdef Py_ssize_t *ends = <Py_ssize_t *>scratch(context, RAW, object.n * sizeof(Py_ssize_t))
    cdef Py_ssize_t n, i = 0, nparts = 0
    cdef int status
    if ranges == NULL or ends == NULL:
        return SZ_NO_MEMORY
    status = find_inner_chunks(context, job.pipeline, shard, visit, 0, object.n, 0, ranges, &n)
    if status != SZ_OK or n == 0:
        return status
    while i < n:
        ends[nparts] = i = part_end(ranges, n, i)
        nparts += 1
    if nparts > 1 and read_parts(context, job, shard, object, ranges, ends, nparts, &status):
        return status
    return read_found_chunks(context, job.pipeline, shard, visit, ranges, n, 0)


cdef bint read_parts(Context *context, Job job, const ByteSource *shard, const TouchedObject *object,
                     const InnerChunkRange *ranges, const Py_ssize_t *ends, Py_ssize_t nparts,
                     int *status) noexcept with gil:
    """Read all parts of a shard with several threads. Return False if only one can read it."""
    cdef ShardPartsJob parts
    cdef Py_ssize_t width
    status[0] = SZ_OK
    try:
        reader = <object>shard.reader
        width = min(nparts, <Py_ssize_t>executor.concurrency_for(job.source.store))
        twin = reader.twin() if width > 1 and reader.has_twins else None
        if twin is None:
            return False
        parts = ShardPartsJob.__new__(ShardPartsJob)
        begin_inside(parts, context, job, shard, object)
        parts.ranges, parts.ends, parts.n = ranges, ends, nparts
        parts.reader, parts.idle = reader, [twin]
        try:
            executor.run_workers(parts.drain, width, parts.stop)
        finally:
            for twin in parts.idle:
                twin.close()
        status[0] = take_failure(context, parts)
    except BaseException as error:
        status[0] = raised(context, error)
    return True


cdef int take_failure(Context *context, Job inside) noexcept:
    """Move the first failure of a job, if any, to the context of the thread that began it."""
    if not inside.failed:
        return SZ_OK
    context.os_error, context.inner, context.culprit = inside.os_error, inside.inner, inside.culprit
    context.error, inside.raised = inside.raised, NULL
    return inside.status


cdef class ShardJob(Job):
    """The requested inner chunks of one shard of another job."""

    cdef int copy_shared(self, Context *context, Py_ssize_t i, Py_ssize_t k, const char *native) noexcept nogil:
        cdef TouchedChunk memory
        return copy_out(context, &self.table.layout, find_chunk(self.object, k, &memory), native)


cdef class ShardDecodeJob(ShardJob):
    """A shard in memory that several threads decode."""

    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        """Decode one run of inner chunks."""
        cdef ChunkCursor cursor
        cdef InnerChunkVisitor visit = visitor(&cursor, self.object)
        if self.ended != NULL and sz_peek(self.ended):
            return STOPPED
        return read_inner_chunks(context, self.pipeline, self.shard, &visit, self.object.n * i // self.n,
                                 self.object.n * (i + 1) // self.n, 0)


cdef class ShardPartsJob(ShardJob):
    """A shard that is read in parts."""

    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        """Read one part, and decode its inner chunks."""
        cdef ChunkCursor cursor
        cdef InnerChunkVisitor visit = visitor(&cursor, self.object)
        cdef ByteSource shard = self.shard[0]
        cdef Py_ssize_t first = self.ends[i - 1] if i else 0
        cdef Py_ssize_t n = self.ends[i] - first
        cdef bint no_coalescing = context.no_coalescing
        # A copy, because the inner chunks that another thread decodes are dropped from it. If that fails, they are read.
        cdef InnerChunkRange *ranges = <InnerChunkRange *>scratch(context, ENTRIES, n * sizeof(InnerChunkRange))
        cdef int status
        if self.ended != NULL and sz_peek(self.ended):
            return STOPPED
        if ranges == NULL:
            return SZ_NO_MEMORY
        memcpy(ranges, self.ranges + first, n * sizeof(InnerChunkRange))
        status = self.take_reader(context, &shard.reader)
        if status == SZ_OK:
            context.no_coalescing = no_coalescing or self.no_coalescing
            status = read_found_chunks(context, self.pipeline, &shard, &visit, ranges, n, 0)
            context.no_coalescing = no_coalescing
            self.return_reader(shard.reader)
        return status

    cdef int take_reader(self, Context *context, PyObject **reader) noexcept with gil:
        """Take an idle reader, or make one. *reader is a reference that `return_reader` drops."""
        try:
            taken = self.idle.pop() if self.idle else self.reader.twin()
            if taken is None:
                raise ChangedError(f"{self.source.path!r}: the store no longer tells versions apart; read again")
            Py_INCREF(taken)
            reader[0] = <PyObject *>taken
            return SZ_OK
        except BaseException as error:
            return raised(context, error)

    cdef void return_reader(self, PyObject *reader) noexcept with gil:
        self.idle.append(<object>reader)
        Py_DECREF(<object>reader)
