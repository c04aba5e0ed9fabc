from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc.io cimport sz_segment
from simplezarr.engine.chunks.moves cimport Values
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.kernels.context cimport Context


# A shard that is being made. `entries` are offset and length of each inner chunk, NOT_STORED if there is none. The offset
# is in `memory`. With the bit KEPT set, it is in the old shard, from which the inner chunk is copied.
cdef struct ShardBuilder:
    const Pipeline *pipeline
    int level
    char *memory      # the encoded inner chunks as they come, and room for the index in front or behind
    int64_t used
    uint64_t *entries
    const char *old   # the old shard if it is in memory; NULL if it is a file

cdef uint64_t KEPT

cdef int encode_region(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
                       sz_segment *out, int level) noexcept nogil
cdef int encode_native(Context *context, const Pipeline *pipeline, char *native, bint keep_empty, char *dst,
                       sz_segment *out, int level) noexcept nogil
cdef int shard_begin(Context *context, ShardBuilder *shard, const Pipeline *pipeline, int level) noexcept nogil
cdef int shard_reserve(Context *context, ShardBuilder *shard, size_t n) noexcept nogil
cdef void shard_add(ShardBuilder *shard, Py_ssize_t inner, const sz_segment *part) noexcept nogil
cdef int shard_finish(Context *context, ShardBuilder *shard, bint keep_empty, sz_segment **segments,
                      size_t *n) noexcept nogil
