from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.in_flight cimport InFlightChunk
from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.geometry.plan cimport AxisSlice
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    COALESCE_GAP_LOCAL = 16 << 10  # bytes between two chunks of a file that cost less to read than another request
    COALESCE_MAX_LOCAL = 1 << 20   # bytes of one request, unless a chunk is larger
    # bytes of one part of a shard that several threads read, unless an inner chunk is larger
    PART_BYTES = 4 << 20

# Where a requested inner chunk is stored.
cdef struct InnerChunkRange:
    uint64_t offset, nbytes
    Py_ssize_t number       # as the visitor counts
    InFlightChunk *leading  # this thread leads the chunk, also for others; or NULL

# The requested inner chunks of a shard, and the callbacks for the k-th of them.
cdef struct InnerChunkVisitor:
    const void *what
    # its number in the shard
    Py_ssize_t (*number)(const void *what, Py_ssize_t k) noexcept nogil
    # it is not stored
    int (*fill)(Context *context, const void *what, Py_ssize_t k) noexcept nogil
    # it is stored in the n bytes at src
    int (*decode)(Context *context, const void *what, Py_ssize_t k, const char *src, size_t n, int level) noexcept nogil
    # if it is uncompressed: whether it is read from the file by itself, with the next function
    bint (*read_alone)(const void *what, Py_ssize_t k) noexcept nogil
    int (*read)(Context *context, const void *what, Py_ssize_t k, const sz_file *file, int64_t offset,
                int level) noexcept nogil

cdef object fetch(const ByteSource *source, list ranges)
cdef object data_end(const Pipeline *pipeline, const ByteSource *shard)
cdef int add_index_version(Context *context, const Pipeline *pipeline, ByteSource *source) noexcept with gil
cdef int find_inner_chunks(Context *context, const Pipeline *pipeline, const ByteSource *source,
                           const InnerChunkVisitor *visitor, Py_ssize_t first, Py_ssize_t last, int level,
                           InnerChunkRange *ranges, Py_ssize_t *n) noexcept nogil
cdef Py_ssize_t part_end(const InnerChunkRange *ranges, Py_ssize_t n, Py_ssize_t i) noexcept nogil
cdef int read_found_chunks(Context *context, const Pipeline *pipeline, const ByteSource *source,
                           const InnerChunkVisitor *visitor, InnerChunkRange *ranges, Py_ssize_t n,
                           int level) noexcept nogil
cdef int read_inner_chunks(Context *context, const Pipeline *pipeline, const ByteSource *source,
                           const InnerChunkVisitor *visitor, Py_ssize_t first, Py_ssize_t last, int level) noexcept nogil
cdef void inner_slices(const Pipeline *pipeline, const Region *region, AxisSlice *slices) noexcept nogil
cdef Py_ssize_t inner_count(const Pipeline *pipeline, const Region *region) noexcept nogil
cdef Py_ssize_t inner_region(const Pipeline *pipeline, const AxisSlice *slices, const Region *region, Py_ssize_t number,
                             Region *sub) noexcept nogil
