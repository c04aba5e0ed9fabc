"""The new content of stored objects, from values and from what was stored: what every write does before it stores.

A chunk that the selection covers, as far as it lies in the array, is made from the values alone. Others are decoded,
changed and encoded again; of a shard only the inner chunks that are touched, while the bytes of the others are kept.
"""

from cpython.object cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

from simplezarr.runtime import executor
from simplezarr.csrc cimport SZ_CORRUPT, SZ_MISSING, SZ_NO_MEMORY, SZ_OK
from simplezarr.csrc.array cimport SZ_AS_IS
from simplezarr.csrc.io cimport sz_segment
from simplezarr.csrc.memory cimport sz_add, sz_claim, sz_is_ready, sz_make_ready
from simplezarr.engine.chunks.byte_source cimport IN_MEMORY, NO_BYTES, ByteRange, ByteSource, find_inner_chunk, no_bytes
from simplezarr.engine.chunks.decode cimport decode_native, read_native, shard_index
from simplezarr.engine.chunks.encode cimport (
    KEPT, encode_native, encode_region, shard_add, shard_begin, shard_finish, shard_reserve)
from simplezarr.engine.chunks.moves cimport copy_values
from simplezarr.engine.chunks.pipeline cimport (
    UNBOUNDED, pipeline_is_shard, encoded_bound, fill_chunk, fill_outside, native_room, region_permute)
from simplezarr.engine.chunks.shard_reader cimport inner_count, inner_region, inner_slices
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.kernels.context cimport CHUNK_SLOT, pause, raised, scratch

cdef enum:
    STAMP_BYTES = 16 << 20   # encoded constants kept for the chunks still to come


cdef bint covers(int ndim, const Region *region, const Py_ssize_t *inside) noexcept nogil:
    """The region is all of a chunk that lies in the array. (It can't be longer; so a full one has no gaps.)"""
    cdef int d
    for d in range(ndim):
        if region.count[d] != inside[d]:
            return False
    return True


cdef uint64_t clipped_axes(const Pipeline *chain, const Region *region) noexcept nogil:
    """The axes along which the array's edge cuts a covered chunk, as bits."""
    cdef uint64_t clipped = 0
    cdef int i
    for i in range(chain.ndim):
        if region.count[chain.order[i]] != chain.shape[i]:
            clipped |= <uint64_t>1 << chain.order[i]
    return clipped


cdef class Make(Job):
    """A write under way, as far as bytes in memory go."""

    def __dealloc__(self):
        for stamp in self.stamps:
            free(stamp.data)

    # ------------------------------------------------------------ stored objects

    cdef int take(self, object value, tuple shape, bint keep_empty) except -1:
        """Notes where the values are, what has to be done to them, and the shape of the array that they go to."""
        cdef int axis
        native = self.source.pipeline.dtype
        dtype = value.dtype
        for axis in range(self.chain.ndim):
            self.lengths[axis] = shape[axis]
        self.values.keep_empty = keep_empty
        self.constant = value.size == 1 or not any(value.strides)
        if dtype != native and dtype.newbyteorder("=") == native and native.kind in "iufc":
            self.values.swap = native.itemsize // 2 if native.kind == "c" else native.itemsize
        elif dtype != native:
            errors = np.geterr()  # of this thread
            self.values.dtype, self.values.native = <PyObject *>dtype, <PyObject *>native
            self.values.errors = <PyObject *>errors
            self.held = (value, dtype, errors)
        self.held = self.held or (value,)
        return 0

    cdef void begin(self, Unit *unit, const Py_ssize_t *index, const Region *region) noexcept nogil:
        """A stored object of which a region is to be written; nothing is known yet of what is stored there."""
        cdef int i, axis
        unit.index, unit.region = index, region
        for i in range(self.chain.ndim):
            axis = self.chain.order[i]
            unit.inside[axis] = min(self.chain.shape[i], self.lengths[axis] - index[axis] * self.chain.shape[i])
        unit.covered = covers(self.chain.ndim, region, unit.inside)
        unit.old = no_bytes()
        unit.room = NULL

    cdef int make(self, Context *context, Unit *unit, const sz_segment **parts, size_t *n) noexcept nogil:
        """What is to be stored, in n parts; 0 where nothing is."""
        cdef ByteRange whole
        cdef int status
        if pipeline_is_shard(self.chain):
            status = self.make_shard(context, unit)
            return shard_finish(context, &unit.shard, <sz_segment **>parts, n) if status == SZ_OK else status
        if unit.covered:
            status = self.encode_covered(context, self.chain, unit.region, unit.room, &unit.part, 0)
        else:
            whole.offset, whole.nbytes = 0, unit.old.size
            status = self.encode_changed(context, unit, 0, self.chain, unit.region, unit.inside,
                                         &whole if unit.old.kind != NO_BYTES else NULL, unit.room, &unit.part, 0)
        parts[0], n[0] = &unit.part, unit.part.data != NULL
        return status

    # ------------------------------------------------------------ shards

    cdef int make_shard(self, Context *context, Unit *unit) noexcept nogil:
        """Encodes the inner chunks that are touched, and keeps the bytes of the others."""
        cdef Py_ssize_t k
        cdef int status = shard_begin(context, &unit.shard, self.chain, 0)
        if status != SZ_OK:
            return status
        self.touch(unit)
        if unit.old.kind != NO_BYTES:
            status = shard_index(context, self.chain, &unit.old, 0, &unit.old.index)
            if status == SZ_OK:
                status = self.keep_untouched(context, unit)
        if status == SZ_OK and self.crew > 1:
            status = shard_reserve(context, &unit.shard, unit.touched * encoded_bound(self.chain.inner))
            return self.share_inner(context, unit) if status == SZ_OK else status
        for k in range(unit.touched):
            if status == SZ_OK:
                status = self.write_inner(context, unit, k)
            if status == SZ_OK:
                status = pause(context)
        return status

    cdef void touch(self, Unit *unit) noexcept nogil:
        """Finds out which inner chunks are touched."""
        region_permute(self.chain, unit.region, &unit.stored)
        inner_slices(self.chain, &unit.stored, unit.slices)
        unit.touched = inner_count(self.chain, &unit.stored)

    cdef Py_ssize_t touched_inner(self, Unit *unit, Py_ssize_t number, Region *region) noexcept nogil:
        """The number-th of the touched inner chunks: which one it is, and what is written of it."""
        return inner_region(self.chain, unit.slices, &unit.stored, number, region)

    cdef int keep_untouched(self, Context *context, Unit *unit) noexcept nogil:
        """Takes over the other inner chunks as they are encoded, from where they lie in the old shard."""
        cdef Region sub
        cdef uint64_t *entries = unit.shard.entries
        cdef ByteRange found
        cdef Py_ssize_t i
        cdef int status
        unit.shard.old = unit.old.memory
        for i in range(unit.touched):
            entries[2 * self.touched_inner(unit, i, &sub) + 1] = 0  # a mark, for the next loop
        for i in range(self.chain.ninner):
            status = find_inner_chunk(&unit.old, i, self.chain.inner.most, &found)
            if entries[2 * i + 1] == 0 or status == SZ_MISSING:
                continue
            if status != SZ_OK:
                context.inner = i
                return status
            entries[2 * i], entries[2 * i + 1] = found.offset | KEPT, found.nbytes
        return SZ_OK

    cdef int share_inner(self, Context *context, Unit *unit) noexcept with gil:
        """Encode the touched inner chunks of one shard by several workers; a failure becomes that of `context`.

        `run_workers` returns only when no helper is at work any more and none can begin. They use `unit`, which is on the
        stack of a caller, and the scratch of this context.
        """
        cdef ShardJob job
        try:
            job = ShardJob.__new__(ShardJob)
            job.builder, job.shard, job.source, job.chain = self, unit, self.source, self.chain
            job.n, job.lanes = unit.touched, self.crew
            executor.run_workers(job.drain, self.crew, job.stop)
            return job.failure(context) if job.failed else SZ_OK
        except BaseException as error:
            return raised(context, error)

    cdef int write_inner(self, Context *context, Unit *unit, Py_ssize_t number) noexcept nogil:
        """Encodes the number-th of the touched inner chunks into the shard."""
        cdef Region region
        cdef sz_segment part
        cdef size_t bound = encoded_bound(self.chain.inner)
        cdef char *dst = NULL
        cdef int status = SZ_OK
        cdef Py_ssize_t inner = self.touched_inner(unit, number, &region)
        context.inner = inner
        if self.crew == 1 and bound != UNBOUNDED:  # straight into place
            status = shard_reserve(context, &unit.shard, bound)
            dst = unit.shard.memory + unit.shard.used
        if status == SZ_OK:
            status = self.encode_inner(context, unit, number, inner, &region, dst, &part)
        if status == SZ_OK and bound == UNBOUNDED and part.data != NULL:
            status = shard_reserve(context, &unit.shard, part.n)
        if status == SZ_OK:
            shard_add(&unit.shard, inner, &part)
        return status

    cdef int encode_inner(self, Context *context, Unit *unit, Py_ssize_t number, Py_ssize_t inner, const Region *region,
                          char *dst, sz_segment *out) noexcept nogil:
        cdef const Pipeline *chain = self.chain
        cdef Py_ssize_t inside[MAX_NDIM]
        cdef Py_ssize_t length, rest = inner
        cdef ByteRange found
        cdef int d, status = SZ_MISSING
        for d in range(chain.ndim - 1, -1, -1):
            length = chain.shape[d] // chain.grid[d]
            inside[d] = min(length, unit.inside[chain.order[d]] - rest % chain.grid[d] * length)
            rest //= chain.grid[d]
        if unit.covered or covers(chain.ndim, region, inside):
            return self.encode_covered(context, chain.inner, region, dst, out, 1)
        if unit.old.index != NULL:
            status = find_inner_chunk(&unit.old, inner, chain.inner.most, &found)
        if status != SZ_OK and status != SZ_MISSING:
            return status
        return self.encode_changed(context, unit, number, chain.inner, region, inside,
                                   &found if status == SZ_OK else NULL, dst, out, 1)

    # ------------------------------------------------------------ chunks

    cdef int encode_covered(self, Context *context, const Pipeline *chain, const Region *region, char *dst, sz_segment *out,
                            int level) noexcept nogil:
        """Encodes a chunk from the values alone; as `encode_region`, but chunks of a constant only once."""
        cdef Stamp *stamp
        cdef uint64_t clipped
        cdef int i, status
        if not self.constant:
            return encode_region(context, chain, region, &self.values, dst, out, level)
        clipped = clipped_axes(chain, region)
        for i in range(STAMPS):
            stamp = &self.stamps[i]
            if not sz_is_ready(&stamp.ready):
                break
            if stamp.clipped == clipped:
                out.data, out.n = stamp.data, stamp.n
                return SZ_OK
        status = encode_region(context, chain, region, &self.values, dst, out, level)
        if status == SZ_OK:
            self.keep_stamp(clipped, out)
        return status

    cdef void keep_stamp(self, uint64_t clipped, const sz_segment *part) noexcept nogil:
        """Keeps an encoded constant, where there is room."""
        cdef Stamp *stamp
        cdef int i
        if sz_add(&self.stamped, part.n) + <int64_t>part.n > STAMP_BYTES:
            return
        for i in range(STAMPS):
            stamp = &self.stamps[i]
            if not sz_claim(&stamp.claimed):
                continue
            stamp.clipped, stamp.n = clipped, part.n
            if part.data != NULL:
                stamp.data = <char *>malloc(part.n + 1)
                if stamp.data == NULL:
                    return
                memcpy(stamp.data, part.data, part.n)
            sz_make_ready(&stamp.ready)
            return

    cdef int encode_changed(self, Context *context, Unit *unit, Py_ssize_t number, const Pipeline *chain,
                            const Region *region, const Py_ssize_t *inside, const ByteRange *stored, char *dst,
                            sz_segment *out, int level) noexcept nogil:
        """Decode a chunk, which is `stored` in the old object (NULL: not stored yet), change it and encode it again."""
        cdef const ByteSource *old = &unit.old
        cdef char *native = scratch(context, CHUNK_SLOT, native_room(chain))
        cdef int status = SZ_OK
        if native == NULL:
            return SZ_NO_MEMORY
        if stored == NULL:
            status = fill_chunk(context, chain, native, chain.fill)
        elif stored.nbytes > chain.most:
            status = SZ_CORRUPT
        elif old.kind == IN_MEMORY:
            status = decode_native(context, chain, old.memory + stored.offset, stored.nbytes, native, level)
        else:
            status = read_native(context, chain, old.file, stored.offset, stored.nbytes, native, level)
        if status == SZ_OK:
            status = fill_outside(context, chain, native, inside)  # where others leave what they like
        if status == SZ_OK:
            status = self.change(context, unit, number, chain, region, native)
        if status != SZ_OK:
            return status
        return encode_native(context, chain, native, self.values.keep_empty, dst, out, level)

    cdef int change(self, Context *context, const Unit *unit, Py_ssize_t number, const Pipeline *chain,
                    const Region *region, char *native) noexcept nogil:
        """Puts what is written into a whole chunk in native form (a unit of reading); subclasses may know other ways."""
        cdef Region permuted
        region_permute(chain, region, &permuted)
        return copy_values(context, chain, &permuted, &self.values, native, SZ_AS_IS)


cdef class ShardJob(Job):
    """The inner chunks of one shard, encoded by several workers: its units are the inner chunks that are touched."""

    cdef int one(self, Context *context, Py_ssize_t i, Py_ssize_t *index) noexcept nogil:
        memcpy(index, self.shard.index, self.chain.ndim * sizeof(Py_ssize_t))
        return self.builder.write_inner(context, self.shard, i)

    cdef int failure(self, Context *context) noexcept:
        """Return the status of the first failure, all else about which becomes the context's."""
        context.inner, context.culprit, context.os_error = self.inner, self.culprit, self.os_error
        context.error, self.raised = self.raised, NULL
        return self.status
