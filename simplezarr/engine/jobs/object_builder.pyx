"""Make the new content of stored objects from the values and the old content.

If the selection covers the part of a chunk that lies in the array, the chunk is made from the values alone. Otherwise it is
decoded, changed and encoded again. Inner chunks of a shard that are not touched keep their stored bytes.
"""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from simplezarr.runtime import executor
from simplezarr.csrc cimport SZ_CORRUPT, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TRUNCATED
from simplezarr.csrc.array cimport SZ_AS_IS
from simplezarr.csrc.io cimport sz_segment
from simplezarr.csrc.memory cimport sz_add, sz_claim, sz_is_ready, sz_make_ready
from simplezarr.engine.chunks.byte_source cimport IN_MEMORY, NO_BYTES, ByteRange, ByteSource, find_inner_chunk, no_bytes
from simplezarr.engine.chunks.decode cimport decode_native, read_native, shard_index
from simplezarr.engine.chunks.encode cimport (
    KEPT, encode_native, encode_region, shard_add, shard_begin, shard_finish, shard_reserve)
from simplezarr.engine.chunks.moves cimport copy_values, set_cast
from simplezarr.engine.chunks.pipeline cimport (
    UNBOUNDED, pipeline_is_shard, encoded_bound, fill_chunk, native_room, region_permute)
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.engine.jobs.chunk_regions cimport copy_in
from simplezarr.engine.jobs.region_table cimport RequestLayout, covers_chunk, covers_object, find_chunk
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.kernels.context cimport CHUNK_SLOT, RAISED, pause, raised, scratch, take_error

cdef enum:
    CONSTANT_BYTES = 16 << 20   # of encoded constants that are kept for later chunks


cdef uint64_t clipped_axes(const Pipeline *pipeline, const Region *region) noexcept nogil:
    """Return the axes along which the array's edge cuts a covered chunk, as bits."""
    cdef uint64_t clipped = 0
    cdef int i
    for i in range(pipeline.ndim):
        if region.count[pipeline.order[i]] != pipeline.shape[i]:
            clipped |= <uint64_t>1 << pipeline.order[i]
    return clipped


cdef bint is_damage(Context *context, int status) noexcept nogil:
    """Return whether stored bytes could not be decoded; if so, the details of the failure are dropped."""
    if status == RAISED:
        return is_codec_failure(context)
    return status <= SZ_TRUNCATED


cdef bint is_codec_failure(Context *context) noexcept with gil:
    if context.error == NULL or not isinstance(<object>context.error, CodecFailure):
        return False
    take_error(context)
    return True


cdef class ObjectBuilder(Job):
    """The part of a write that makes the new content. Subclasses store it."""

    def __dealloc__(self):
        for kept in self.constants:
            free(kept.data)

    # ------------------------------------------------------------ stored objects

    cdef int set_values(self, object value, tuple shape, bint keep_empty) except -1:
        """Record where the values are, whether they must be swapped or cast, and the shape of the stored array."""
        cdef int axis
        native = self.source.pipeline.dtype
        dtype = value.dtype
        for axis in range(self.pipeline.ndim):
            self.lengths[axis] = shape[axis]
        self.values.keep_empty = keep_empty
        self.constant = value.size == 1 or not any(value.strides)
        if dtype != native and dtype.newbyteorder("=") == native and native.kind in "iufc":
            self.values.swap = native.itemsize // 2 if native.kind == "c" else native.itemsize
        elif dtype != native:
            self.held = set_cast(&self.values.cast, dtype, native)
        self.held = (value, self.held)
        return 0

    cdef void begin(self, ObjectUpdate *update, const TouchedObject *object) noexcept nogil:
        """Begin the update of a stored object whose old content is not known yet."""
        cdef bint clipped = False
        cdef int i, axis
        update.object = object
        for i in range(self.pipeline.ndim):
            axis = self.pipeline.order[i]
            update.inside[axis] = min(self.pipeline.shape[i],
                                      self.lengths[axis] - object.index[axis] * self.pipeline.shape[i])
            clipped = clipped or update.inside[axis] != self.pipeline.shape[i]
        update.covered = covers_object(object, update.inside)
        # The array may have grown since it was opened. Far stores are not asked, because that takes a request.
        update.keeps = update.covered and clipped and (self.source.local or self.source.in_memory)
        update.covered = update.covered and not update.keeps
        update.keep_empty = False
        update.old = no_bytes()
        update.room = NULL

    cdef int make(self, Context *context, ObjectUpdate *update, const sz_segment **segments, size_t *n) noexcept nogil:
        """Make the new content in n segments. n is 0 if nothing is to be stored."""
        cdef const TouchedChunk *chunk = &update.object.chunk
        cdef ByteRange whole
        cdef int status
        if pipeline_is_shard(self.pipeline):
            status = self.make_shard(context, update)
            if status != SZ_OK:
                return status
            return shard_finish(context, &update.shard, update.keep_empty, <sz_segment **>segments, n)
        if update.covered or (update.keeps and update.old.kind == NO_BYTES):
            status = self.encode_covered(context, self.pipeline, &chunk.region, update.room, &update.part, 0)
        else:
            whole.offset, whole.nbytes = 0, update.old.size
            status = self.encode_changed(context, &update.old, &whole if update.old.kind != NO_BYTES else NULL, chunk,
                                         update.keeps, self.values.keep_empty or update.keep_empty, update.room,
                                         &update.part, 0)
        segments[0], n[0] = &update.part, update.part.data != NULL
        return status

    # ------------------------------------------------------------ shards

    cdef int make_shard(self, Context *context, ObjectUpdate *update) noexcept nogil:
        """Encode the touched inner chunks and keep the stored bytes of the others."""
        cdef Py_ssize_t k
        cdef int status = shard_begin(context, &update.shard, self.pipeline, 0)
        if status != SZ_OK:
            return status
        if update.old.kind != NO_BYTES:
            status = shard_index(context, self.pipeline, &update.old, 0, &update.old.index)
            if status == SZ_OK:
                status = self.keep_untouched(context, update)
            if update.keeps and is_damage(context, status):
                update.old = no_bytes()
                status = shard_begin(context, &update.shard, self.pipeline, 0)
        if status == SZ_OK and self.team_size > 1:
            status = shard_reserve(context, &update.shard, update.object.n * encoded_bound(self.pipeline.inner))
            return self.share_shard(context, update) if status == SZ_OK else status
        for k in range(update.object.n):
            if status == SZ_OK:
                status = self.write_inner(context, update, k)
            if status == SZ_OK:
                status = pause(context)
        return status

    cdef int keep_untouched(self, Context *context, ObjectUpdate *update) noexcept nogil:
        """Record where the untouched inner chunks lie in the old shard. They are copied without decoding."""
        cdef TouchedChunk memory
        cdef uint64_t *entries = update.shard.entries
        cdef ByteRange found
        cdef Py_ssize_t i
        cdef int status
        update.shard.old = update.old.memory
        for i in range(update.object.n):
            entries[2 * find_chunk(update.object, i, &memory).number + 1] = 0  # a mark, for the next loop
        for i in range(self.pipeline.ninner):
            status = find_inner_chunk(&update.old, i, self.pipeline.inner.most, &found)
            if entries[2 * i + 1] == 0 or status == SZ_MISSING:
                continue
            if status != SZ_OK:
                context.inner = i
                return status
            entries[2 * i], entries[2 * i + 1] = found.offset | KEPT, found.nbytes
        return SZ_OK

    cdef int share_shard(self, Context *context, ObjectUpdate *update) noexcept with gil:
        """Encode the touched inner chunks of one shard by several workers. A failure becomes that of `context`.

        The workers use `update`, which is on the stack of a caller, and the scratch of this context. That is safe because
        `run_workers` returns only when no helper is at work and none can begin.
        """
        cdef ShardJob job
        try:
            job = ShardJob.__new__(ShardJob)
            job.builder, job.update, job.source, job.pipeline = self, update, self.source, self.pipeline
            job.n, job.interleave = update.object.n, self.team_size
            executor.run_workers(job.drain, self.team_size, job.stop)
            return job.failure(context) if job.failed else SZ_OK
        except BaseException as error:
            return raised(context, error)

    cdef int write_inner(self, Context *context, ObjectUpdate *update, Py_ssize_t k) noexcept nogil:
        """Encode the k-th of the touched inner chunks into the shard."""
        cdef TouchedChunk memory
        cdef const TouchedChunk *chunk = find_chunk(update.object, k, &memory)
        cdef sz_segment part
        cdef size_t bound = encoded_bound(self.pipeline.inner)
        cdef char *dst = NULL
        cdef int status = SZ_OK
        context.inner = chunk.number
        if self.team_size == 1 and bound != UNBOUNDED:  # encode directly into the shard
            status = shard_reserve(context, &update.shard, bound)
            dst = update.shard.memory + update.shard.used
        if status == SZ_OK:
            status = self.encode_inner(context, update, chunk, dst, &part)
        if status == SZ_OK and bound == UNBOUNDED and part.data != NULL:
            status = shard_reserve(context, &update.shard, part.n)
        if status == SZ_OK:
            shard_add(&update.shard, chunk.number, &part)
        return status

    cdef int encode_inner(self, Context *context, ObjectUpdate *update, const TouchedChunk *chunk, char *dst,
                          sz_segment *out) noexcept nogil:
        cdef const Pipeline *pipeline = self.pipeline
        cdef Py_ssize_t inside[MAX_NDIM]
        cdef Py_ssize_t length, rest = chunk.number
        cdef ByteRange found
        cdef bint covers, clipped = False
        cdef int d, status = SZ_MISSING
        for d in range(pipeline.ndim - 1, -1, -1):
            length = pipeline.shape[d] // pipeline.grid[d]
            inside[d] = min(length, update.inside[pipeline.order[d]] - rest % pipeline.grid[d] * length)
            rest //= pipeline.grid[d]
            clipped = clipped or inside[d] != length
        covers = covers_chunk(pipeline.ndim, chunk, inside)
        if covers and not (clipped and update.old.index != NULL):
            return self.encode_covered(context, pipeline.inner, &chunk.region, dst, out, 1)
        if update.old.index != NULL:
            status = find_inner_chunk(&update.old, chunk.number, pipeline.inner.most, &found)
        if covers and is_damage(context, status):
            status = SZ_MISSING
        if status != SZ_OK and status != SZ_MISSING:
            return status
        return self.encode_changed(context, &update.old, &found if status == SZ_OK else NULL, chunk, covers,
                                   self.values.keep_empty, dst, out, 1)

    # ------------------------------------------------------------ chunks

    cdef int encode_covered(self, Context *context, const Pipeline *pipeline, const Region *region, char *dst,
                            sz_segment *out, int level) noexcept nogil:
        """Encode a chunk from the values alone. If they are a constant, use its encoded chunk again."""
        cdef ConstantChunk *kept
        cdef uint64_t clipped
        cdef int i, status
        if not self.constant:
            return encode_region(context, pipeline, region, &self.values, dst, out, level)
        clipped = clipped_axes(pipeline, region)
        for i in range(CONSTANTS):
            kept = &self.constants[i]
            if not sz_is_ready(&kept.ready):
                break
            if kept.clipped == clipped:
                out.data, out.n = kept.data, kept.n
                return SZ_OK
        status = encode_region(context, pipeline, region, &self.values, dst, out, level)
        if status == SZ_OK:
            self.keep_constant(clipped, out)
        return status

    cdef void keep_constant(self, uint64_t clipped, const sz_segment *part) noexcept nogil:
        """Keep an encoded constant if there is room."""
        cdef ConstantChunk *kept
        cdef int i
        if sz_add(&self.constant_bytes, part.n) + <int64_t>part.n > CONSTANT_BYTES:
            return
        for i in range(CONSTANTS):
            kept = &self.constants[i]
            if not sz_claim(&kept.claimed):
                continue
            kept.clipped, kept.n = clipped, part.n
            if part.data != NULL:
                kept.data = <char *>malloc(part.n + 1)
                if kept.data == NULL:
                    return
                memcpy(kept.data, part.data, part.n)
            sz_make_ready(&kept.ready)
            return

    cdef int encode_changed(self, Context *context, const ByteSource *old, const ByteRange *stored,
                            const TouchedChunk *chunk, bint covers, bint keep_empty, char *dst,
                            sz_segment *out, int level) noexcept nogil:
        """Decode a chunk, change it and encode it again. What lies outside the array stays: the array may have grown.

        stored: its range in the old object, NULL if there is none. covers: whether all that lies in the array is written.
        Then a damaged chunk is made anew.
        """
        cdef const Pipeline *pipeline = self.table.layout.pipeline
        cdef char *native = scratch(context, CHUNK_SLOT, native_room(pipeline))
        cdef int status = SZ_OK
        if native == NULL:
            return SZ_NO_MEMORY
        if stored == NULL:
            status = fill_chunk(context, pipeline, native, pipeline.fill)
        elif stored.nbytes > pipeline.most:
            status = SZ_CORRUPT
        elif old.kind == IN_MEMORY:
            status = decode_native(context, pipeline, old.memory + stored.offset, stored.nbytes, native, level)
        else:
            status = read_native(context, pipeline, old.file, stored.offset, stored.nbytes, native, level)
        if covers and is_damage(context, status):
            status = fill_chunk(context, pipeline, native, pipeline.fill)
        if status == SZ_OK:
            status = self.apply(context, chunk, native)
        if status != SZ_OK:
            return status
        return encode_native(context, pipeline, native, keep_empty, dst, out, level)

    cdef int apply(self, Context *context, const TouchedChunk *chunk, char *native) noexcept nogil:
        """Write the values into a whole chunk in native form."""
        cdef const RequestLayout *layout = &self.table.layout
        cdef Region stored
        if layout.nlists:
            return copy_in(context, layout, chunk, native)
        region_permute(layout.pipeline, &chunk.region, &stored)
        return copy_values(context, layout.pipeline, &stored, &self.values, native, SZ_AS_IS)


cdef class ShardJob(Job):
    """The encoding of one shard's touched inner chunks, which are the units of several workers."""

    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        return self.builder.write_inner(context, self.update, i)

    cdef int failure(self, Context *context) noexcept:
        """Return the status of the first failure, and move its details to the context."""
        context.inner, context.culprit, context.os_error = self.inner, self.culprit, self.os_error
        context.error, self.raised = self.raised, NULL
        return self.status
