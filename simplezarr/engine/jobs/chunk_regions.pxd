from libc.stdint cimport int64_t

from simplezarr.engine.chunks.decode cimport decode_region, read_raw
from simplezarr.engine.chunks.shard_reader cimport InnerChunkVisitor
from simplezarr.engine.chunks.pipeline cimport Region
from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.jobs.region_table cimport RequestLayout, TouchedChunk, TouchedObject
from simplezarr.engine.kernels.context cimport Context

# The inner chunk of a shard that was found last.
cdef struct ChunkCursor:
    const TouchedObject *object
    Py_ssize_t k
    TouchedChunk chunk

cdef int copy_out(Context *context, const RequestLayout *layout, const TouchedChunk *chunk,
                  const char *native) noexcept nogil
cdef int copy_extent(Context *context, const RequestLayout *layout, const Region *stored, const char *src,
                     Py_ssize_t nbytes) noexcept nogil
cdef int copy_in(Context *context, const RequestLayout *layout, const TouchedChunk *chunk, char *native) noexcept nogil
cdef int decode_several(Context *context, const TouchedObject *object, const TouchedChunk *chunk, const char *src, size_t n,
                        int level) noexcept nogil
cdef int read_several(Context *context, const TouchedObject *object, const TouchedChunk *chunk, const sz_file *file,
                      int64_t offset, int level) noexcept nogil


cdef inline int decode_regions(Context *context, const TouchedObject *object, const TouchedChunk *chunk, const char *src,
                               size_t n, int level) noexcept nogil:
    """Decode a chunk, stored in the n bytes at src, into its regions."""
    if chunk.regions == object.layout.straight:
        return decode_region(context, object.layout.pipeline, src, n, &chunk.region, level)
    return decode_several(context, object, chunk, src, n, level)


cdef inline int read_regions(Context *context, const TouchedObject *object, const TouchedChunk *chunk, const sz_file *file,
                             int64_t offset, int level) noexcept nogil:
    """Read an uncompressed chunk, at `offset` of a file, into its regions."""
    if chunk.regions == object.layout.straight:
        return read_raw(context, object.layout.pipeline, file, offset, &chunk.region, level)
    return read_several(context, object, chunk, file, offset, level)


cdef InnerChunkVisitor visitor(ChunkCursor *cursor, const TouchedObject *shard) noexcept nogil
