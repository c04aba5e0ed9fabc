from libc.stdint cimport int32_t, int64_t, uint64_t

from simplezarr.csrc.io cimport sz_segment
from simplezarr.engine.chunks.byte_source cimport ByteRange, ByteSource
from simplezarr.engine.chunks.encode cimport ShardBuilder
from simplezarr.engine.chunks.moves cimport Values
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.geometry.plan cimport MAX_NDIM
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.jobs.region_table cimport TouchedChunk, TouchedObject
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    CONSTANTS = 16

# An encoded chunk of a constant, for all chunks that the array's edge cuts along the same axes.
cdef struct ConstantChunk:
    int32_t claimed
    int32_t ready
    uint64_t clipped  # bit i: the edge cuts along axis i
    char *data        # NULL: only fill value, so nothing is stored
    size_t n

# A stored object that is being written.
cdef struct ObjectUpdate:
    const TouchedObject *object   # the regions that are written
    Py_ssize_t inside[MAX_NDIM]   # its elements that lie in the array, along each axis
    bint covered                  # all of these are written, so the old content is not needed
    bint keeps                    # the same, but the object reaches beyond the array: what is stored there stays
    bint keep_empty               # something is stored, even if all of it is the fill value
    ByteSource old                # the old content
    sz_segment part               # the new content of a chunk
    char *room                    # memory for an uncompressed chunk; NULL: scratch, or the values themselves
    ShardBuilder shard            # the new content of a shard


cdef class ObjectBuilder(Job):
    cdef Values values
    cdef tuple held                     # objects that `values` points to
    cdef bint constant                  # all values are one element
    cdef Py_ssize_t lengths[MAX_NDIM]   # of the array
    cdef int team_size                  # threads for the inner chunks of one shard; 1: one thread makes a shard
    cdef ConstantChunk constants[CONSTANTS]
    cdef int64_t constant_bytes
    cdef int set_values(self, object value, tuple shape, bint keep_empty) except -1
    cdef void begin(self, ObjectUpdate *update, const TouchedObject *object) noexcept nogil
    cdef int make(self, Context *context, ObjectUpdate *update, const sz_segment **segments, size_t *n) noexcept nogil
    cdef int make_shard(self, Context *context, ObjectUpdate *update) noexcept nogil
    cdef int keep_untouched(self, Context *context, ObjectUpdate *update) noexcept nogil
    cdef int share_shard(self, Context *context, ObjectUpdate *update) noexcept with gil
    cdef int write_inner(self, Context *context, ObjectUpdate *update, Py_ssize_t k) noexcept nogil
    cdef int encode_inner(self, Context *context, ObjectUpdate *update, const TouchedChunk *chunk, char *dst,
                          sz_segment *out) noexcept nogil
    cdef int encode_covered(self, Context *context, const Pipeline *pipeline, const Region *region, char *dst,
                            sz_segment *out, int level) noexcept nogil
    cdef void keep_constant(self, uint64_t clipped, const sz_segment *part) noexcept nogil
    cdef int encode_changed(self, Context *context, const ByteSource *old, const ByteRange *stored,
                            const TouchedChunk *chunk, bint covers, bint keep_empty, char *dst,
                            sz_segment *out, int level) noexcept nogil
    cdef int apply(self, Context *context, const TouchedChunk *chunk, char *native) noexcept nogil


cdef class ShardJob(Job):
    cdef ObjectBuilder builder
    cdef ObjectUpdate *update
    cdef int failure(self, Context *context) noexcept
