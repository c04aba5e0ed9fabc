from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    RAW_ALONE = 64 << 10    # an uncompressed inner chunk of this size is read by itself, directly into its destination

cdef int read_raw(Context *context, const Pipeline *pipeline, const sz_file *file, int64_t base, const Region *region,
                  int level) noexcept nogil
cdef int decode_region(Context *context, const Pipeline *pipeline, const char *src, size_t n, const Region *region,
                       int level) noexcept nogil
cdef int decode_native(Context *context, const Pipeline *pipeline, const char *src, size_t n, char *dst,
                       int level) noexcept nogil
cdef int decode_start(Context *context, const Pipeline *pipeline, const char *src, size_t n, size_t wanted, char *dst,
                      int level) noexcept nogil
cdef int read_native(Context *context, const Pipeline *pipeline, const sz_file *file, int64_t offset, size_t n, char *dst,
                     int level) noexcept nogil
cdef void index_region(const Pipeline *pipeline, const void *index, Region *region) noexcept nogil
cdef bint is_hollow_chunk(const Pipeline *pipeline, const sz_file *file) noexcept nogil
cdef int shard_index(Context *context, const Pipeline *pipeline, const ByteSource *source, int level,
                     const uint64_t **index) noexcept nogil
