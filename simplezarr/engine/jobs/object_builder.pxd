from libc.stdint cimport int32_t, int64_t, uint64_t

from simplezarr.csrc.io cimport sz_segment
from simplezarr.engine.chunks.byte_source cimport ByteRange, ByteSource
from simplezarr.engine.chunks.encode cimport ShardBuilder
from simplezarr.engine.chunks.moves cimport Values
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.geometry.plan cimport MAX_NDIM, AxisSlice
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    STAMPS = 16

# An encoded chunk of a constant, for all chunks that lose the same part to the array's edge.
cdef struct Stamp:
    int32_t claimed
    int32_t ready
    uint64_t clipped  # bit i: along axis i
    char *data        # NULL: all fill value, nothing is stored
    size_t n

# A stored object that is being written.
cdef struct Unit:
    const Py_ssize_t *index
    const Region *region          # what is written of it; the memory is the caller's, as copying it takes long
    Py_ssize_t inside[MAX_NDIM]   # how many of its elements lie in the array, along each axis
    bint covered                  # the region is all of them: what was stored before does not matter
    ByteSource old                # what was stored before
    sz_segment part                  # what is to be stored: of a chunk
    char *room                    # where an uncompressed one may be made, or NULL: wherever it is best
    ShardBuilder shard                   # of a shard
    Region stored                 # of a shard: the region in the order of the stored form,
    AxisSlice slices[MAX_NDIM]          # along each axis of that form,
    Py_ssize_t touched            # and how many inner chunks it touches
    const void *what              # subclasses: what is written of it, where that is more than a region


cdef class Make(Job):
    cdef Values values
    cdef tuple held                     # what the values need to stay alive
    cdef bint constant                  # one element for all places
    cdef Py_ssize_t lengths[MAX_NDIM]   # of the array
    cdef int crew                       # workers for the inner chunks of one shard; 1: a shard is one context's work
    cdef Stamp stamps[STAMPS]
    cdef int64_t stamped                # bytes
    cdef int take(self, object value, tuple shape, bint keep_empty) except -1
    cdef void touch(self, Unit *unit) noexcept nogil
    cdef Py_ssize_t touched_inner(self, Unit *unit, Py_ssize_t number, Region *region) noexcept nogil
    cdef void begin(self, Unit *unit, const Py_ssize_t *index, const Region *region) noexcept nogil
    cdef int make(self, Context *context, Unit *unit, const sz_segment **parts, size_t *n) noexcept nogil
    cdef int make_shard(self, Context *context, Unit *unit) noexcept nogil
    cdef int keep_untouched(self, Context *context, Unit *unit) noexcept nogil
    cdef int share_inner(self, Context *context, Unit *unit) noexcept with gil
    cdef int write_inner(self, Context *context, Unit *unit, Py_ssize_t number) noexcept nogil
    cdef int encode_inner(self, Context *context, Unit *unit, Py_ssize_t number, Py_ssize_t inner, const Region *region,
                          char *dst, sz_segment *out) noexcept nogil
    cdef int encode_covered(self, Context *context, const Pipeline *chain, const Region *region, char *dst, sz_segment *out,
                            int level) noexcept nogil
    cdef void keep_stamp(self, uint64_t clipped, const sz_segment *part) noexcept nogil
    cdef int encode_changed(self, Context *context, Unit *unit, Py_ssize_t number, const Pipeline *chain,
                            const Region *region, const Py_ssize_t *inside, const ByteRange *stored, char *dst,
                            sz_segment *out, int level) noexcept nogil
    cdef int change(self, Context *context, const Unit *unit, Py_ssize_t number, const Pipeline *chain,
                    const Region *region, char *native) noexcept nogil


cdef class ShardJob(Job):
    cdef Make builder
    cdef Unit *shard
    cdef int failure(self, Context *context) noexcept
