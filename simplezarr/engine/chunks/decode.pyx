"""Decode stored bytes through a pipeline into the caller's buffer, without the GIL.

If a chunk's destination is one contiguous run, the last codec writes into it directly. A shard is not decoded as a whole:
its index says where the requested inner chunks lie, and each of them is a chunk of an inner pipeline.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject
from libc.string cimport memcpy

import numpy as np

from simplezarr.csrc cimport SZ_CORRUPT, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT, SZ_TRUNCATED
from simplezarr.csrc.array cimport SZ_AS_IS, dst_at, src_at, sz_box, sz_copy, sz_copy_contiguous, sz_selection
from simplezarr.csrc.io cimport SZ_READ_BOX_PIECE, sz_read_box_room, sz_file, sz_read_box
from simplezarr.engine.chunks.block_decode cimport decode_steps
from simplezarr.engine.chunks.byte_source cimport IN_FILE, IN_MEMORY, ByteSource, bytes_in_memory
from simplezarr.engine.chunks.in_flight cimport complete_chunk, has_waiters
from simplezarr.engine.chunks.pipeline cimport (
    FREE_BYTES, CodecPipeline, pipeline_is_raw, free_bytes, give_back, in_pieces, region_extent, region_fill,
    region_box, region_keeps_order, region_permute, region_copy_out, region_selection, region_whole)
from simplezarr.engine.chunks.shard_reader cimport (
    InnerChunkVisitor, fetch, inner_count, inner_region, inner_slices, read_inner_chunks)
from simplezarr.engine.files.files cimport is_hollow, read_bytes
from simplezarr.engine.geometry.plan cimport MAX_NDIM, AxisSlice
from simplezarr.engine.kernels.compressors cimport zstd_prefix
from simplezarr.engine.kernels.context cimport (
    DECODED, INDEX, INDEX_RAW, RAW, SLOTS_PER_LEVEL, buffer_address, buffer_length, bytes_at, raised, scratch,
    context_acquire)

cnp.import_array()


# ---------------------------------------------------------------- chunks

# An uncompressed chunk in a file.
cdef struct Raw:
    const sz_file *file
    int64_t base
    int level


cdef int read_piece(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef const Raw *raw = <const Raw *>what
    cdef size_t piece = max(<size_t>SZ_READ_BOX_PIECE, <size_t>pipeline.itemsize)
    cdef sz_selection selection = region_selection(pipeline, region)
    cdef char *buffer
    if not region_keeps_order(pipeline, region):
        piece = max(piece, <size_t>region_extent(pipeline, region))
    buffer = scratch(context, raw.level * SLOTS_PER_LEVEL + DECODED, sz_read_box_room(min(piece, pipeline.nbytes)))
    if buffer == NULL:
        return SZ_NO_MEMORY
    return sz_read_box(raw.file, raw.base, &selection, dst_at(region.data, region.strides),
                       pipeline.transform | context.nontemporal, buffer, piece)


cdef int read_raw(Context *context, const Pipeline *pipeline, const sz_file *file, int64_t base, const Region *region,
                  int level) noexcept nogil:
    """Read elements of an uncompressed chunk at `base` of a file to their destinations, in pieces."""
    cdef Region permuted
    cdef Raw raw
    context.culprit = "bytes"
    if pipeline.permuted:
        region_permute(pipeline, region, &permuted)
        region = &permuted
    raw.file, raw.base, raw.level = file, base, level
    return in_pieces(context, pipeline, region, read_piece, &raw)


cdef int decode_python(Context *context, const Pipeline *pipeline, const char *src, size_t n,
                       const Region *region) noexcept with gil:
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef sz_box box = region_box(pipeline, region)
    cdef const char *data
    cdef int i
    try:
        array = (<object>pipeline.python)(bytes_at(src, n))
        data = <const char *>cnp.PyArray_DATA(array)
        for i in range(pipeline.ndim):
            data += region.start[i] * <Py_ssize_t>cnp.PyArray_STRIDES(array)[i]
            strides[i] = region.step[i] * <Py_ssize_t>cnp.PyArray_STRIDES(array)[i]
        sz_copy(&box, dst_at(region.data, region.strides), src_at(data, strides), SZ_AS_IS)
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef int decode_region(Context *context, const Pipeline *pipeline, const char *src, size_t n, const Region *region,
                       int level) noexcept nogil:
    """Decode the chunk stored in the n bytes at src, and copy the region's elements to their destinations."""
    cdef Region permuted
    cdef ByteSource source
    cdef bint done
    cdef int status
    if pipeline.python != NULL:
        context.culprit = NULL
        return decode_python(context, pipeline, src, n, region)
    if pipeline.permuted:
        region_permute(pipeline, region, &permuted)
        region = &permuted
    status = decode_steps(context, pipeline, &src, &n, level, &done, region)
    if status != SZ_OK or done:
        return status
    if pipeline.inner != NULL:
        source = bytes_in_memory(src, n)
        return decode_shard(context, pipeline, &source, region, 0, 1, level)
    context.culprit = "bytes"
    if n != pipeline.nbytes:
        return SZ_TOO_SHORT if n < pipeline.nbytes else SZ_TOO_LONG
    status = region_copy_out(context, pipeline, region, src, pipeline.transform | context.nontemporal)
    if status == SZ_OK:
        complete_chunk(context, pipeline, src, pipeline.transform)
    return status


cdef int decode_native(Context *context, const Pipeline *pipeline, const char *src, size_t n, char *dst,
                       int level) noexcept nogil:
    """Decode the whole chunk stored in the n bytes at src to native form."""
    cdef Region region
    region_whole(pipeline, dst, &region)
    return decode_region(context, pipeline, src, n, &region, level)


cdef int decode_start(Context *context, const Pipeline *pipeline, const char *src, size_t n, size_t wanted, char *dst,
                      int level) noexcept nogil:
    """Decode as `decode_native` does, but leave open what follows the first `wanted` bytes.

    dst has room for SZ_ZSTD_SLACK more bytes than the chunk has.
    """
    cdef size_t shared
    if pipeline.python != NULL or pipeline.inner != NULL or pipeline.nsteps != 1 or not pipeline.steps[0].in_order or (
            not zstd_prefix(context, src, n, pipeline.nbytes, wanted, dst)) or (
            has_waiters(context, pipeline, &shared) and shared > wanted):
        return decode_native(context, pipeline, src, n, dst, level)
    complete_chunk(context, pipeline, dst, pipeline.transform)
    if pipeline.transform != SZ_AS_IS:
        sz_copy_contiguous(dst, dst, wanted // pipeline.itemsize, pipeline.itemsize, pipeline.transform)
    return SZ_OK


cdef bint is_hollow_chunk(const Pipeline *pipeline, const sz_file *file) noexcept nogil:
    """Return whether a file has more bytes in holes than a chunk of unknown size may decode to."""
    return pipeline.python != NULL and is_hollow(file, free_bytes(pipeline))


cdef int read_native(Context *context, const Pipeline *pipeline, const sz_file *file, int64_t offset, size_t n, char *dst,
                     int level) noexcept nogil:
    """Read the whole chunk stored in n bytes of a file, in native form."""
    cdef Region region
    cdef char *raw
    cdef int status
    if pipeline_is_raw(pipeline):
        context.culprit = "bytes"
        if n != pipeline.nbytes:
            return SZ_TOO_SHORT if n < pipeline.nbytes else SZ_TOO_LONG
        region_whole(pipeline, dst, &region)
        return read_raw(context, pipeline, file, offset, &region, level)
    if n > pipeline.most or is_hollow_chunk(pipeline, file):
        return SZ_TOO_LONG
    raw = scratch(context, level * SLOTS_PER_LEVEL + RAW, n)
    if raw == NULL:
        return SZ_NO_MEMORY
    status = read_bytes(context, file, raw, n, offset)
    return decode_native(context, pipeline, raw, n, dst, level) if status == SZ_OK else status


# ---------------------------------------------------------------- shards

cdef int fetch_index(Context *context, const Pipeline *pipeline, const ByteSource *source, char *dst) noexcept with gil:
    cdef Py_ssize_t n = pipeline.index_nbytes
    try:
        parts = fetch(source, [(0 if pipeline.index_first else -n, n)])
        if parts is None:
            return SZ_MISSING
        part = parts[0]
        if buffer_length(<PyObject *>part) != n:
            return SZ_TRUNCATED
        memcpy(dst, buffer_address(<PyObject *>part), n)
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef void index_region(const Pipeline *pipeline, const void *index, Region *region) noexcept nogil:
    """Set the region to a whole index: offset and length of each inner chunk, in C order of the stored form."""
    cdef Py_ssize_t stride = 16
    cdef int i
    region.data = <char *>index
    for i in range(pipeline.ndim, -1, -1):
        region.start[i], region.step[i] = 0, 1
        region.count[i] = pipeline.grid[i] if i < pipeline.ndim else 2
        region.strides[i] = 8 if i == pipeline.ndim else stride
        stride *= 1 if i == pipeline.ndim else pipeline.grid[i]


cdef int shard_index(Context *context, const Pipeline *pipeline, const ByteSource *source, int level,
                     const uint64_t **index) noexcept nogil:
    """Read and decode a shard's index: offset and length of each inner chunk, in C order of the stored form."""
    cdef char *raw
    cdef const char *src
    cdef size_t n = pipeline.index_nbytes, at
    cdef int status = SZ_OK
    cdef Region region
    context.culprit = "sharding_indexed"
    index_region(pipeline, scratch(context, level * SLOTS_PER_LEVEL + INDEX, pipeline.index.nbytes), &region)
    if region.data == NULL:
        return SZ_NO_MEMORY
    if source.size < n:
        return SZ_TRUNCATED
    at = 0 if pipeline.index_first else source.size - n
    if source.kind == IN_MEMORY:
        src = source.memory + at
    else:
        src = raw = scratch(context, level * SLOTS_PER_LEVEL + INDEX_RAW, n)
        if raw == NULL:
            return SZ_NO_MEMORY
        if source.kind == IN_FILE:
            if n > FREE_BYTES and is_hollow(source.file, FREE_BYTES):
                return SZ_CORRUPT
            status = read_bytes(context, source.file, raw, n, at)
        else:
            status = fetch_index(context, pipeline, source, raw)
        if status != SZ_OK:
            return status
    index[0] = <const uint64_t *>region.data
    return decode_region(context, pipeline.index, src, n, &region, level + 1)  # a wrapped shard may be in scratch of level


# A region of a shard, for the visitor of its inner chunks.
cdef struct ShardRegion:
    const Pipeline *pipeline
    const Region *region
    AxisSlice slices[MAX_NDIM]


cdef Py_ssize_t inner_number(const void *what, Py_ssize_t k) noexcept nogil:
    cdef const ShardRegion *inner = <const ShardRegion *>what
    cdef Region sub
    return inner_region(inner.pipeline, inner.slices, inner.region, k, &sub)


cdef int inner_fill(Context *context, const void *what, Py_ssize_t k) noexcept nogil:
    cdef const ShardRegion *inner = <const ShardRegion *>what
    cdef Region sub
    inner_region(inner.pipeline, inner.slices, inner.region, k, &sub)
    return region_fill(context, inner.pipeline.inner, &sub)


cdef int inner_decode(Context *context, const void *what, Py_ssize_t k, const char *src, size_t n,
                      int level) noexcept nogil:
    cdef const ShardRegion *inner = <const ShardRegion *>what
    cdef Region sub
    inner_region(inner.pipeline, inner.slices, inner.region, k, &sub)
    return decode_region(context, inner.pipeline.inner, src, n, &sub, level)


cdef bint inner_alone(const void *what, Py_ssize_t k) noexcept nogil:
    return (<const ShardRegion *>what).pipeline.inner.nbytes >= RAW_ALONE


cdef int inner_read(Context *context, const void *what, Py_ssize_t k, const sz_file *file, int64_t offset,
                    int level) noexcept nogil:
    cdef const ShardRegion *inner = <const ShardRegion *>what
    cdef Region sub
    inner_region(inner.pipeline, inner.slices, inner.region, k, &sub)
    return read_raw(context, inner.pipeline.inner, file, offset, &sub, level)


cdef int decode_shard(Context *context, const Pipeline *pipeline, ByteSource *source, const Region *region, Py_ssize_t part,
                      Py_ssize_t parts, int level) noexcept nogil:
    """Copy part number `part` of `parts` of a region (in stored order) of a shard to its destination."""
    cdef ShardRegion inner
    cdef InnerChunkVisitor visitor
    cdef Py_ssize_t total = inner_count(pipeline, region)
    cdef int status
    if source.index == NULL:
        status = shard_index(context, pipeline, source, level, &source.index)
        if status != SZ_OK:
            return status
    inner.pipeline, inner.region = pipeline, region
    inner_slices(pipeline, region, inner.slices)
    visitor.what, visitor.number, visitor.fill = &inner, inner_number, inner_fill
    visitor.decode, visitor.read_alone, visitor.read = inner_decode, inner_alone, inner_read
    return read_inner_chunks(context, pipeline, source, &visitor, total * part // parts, total * (part + 1) // parts, level)


# ---------------------------------------------------------------- for Python

def decode_chunk(CodecPipeline pipeline, data):
    """Return the whole chunk stored in `data` (bytes) as an array. Raise ValueError if it cannot be decoded."""
    cdef const Pipeline *compiled = &pipeline.compiled
    cdef Region region
    cdef bytes raw = data if type(data) is bytes else bytes(data)
    cdef const char *src = PyBytes_AS_STRING(raw)
    cdef size_t n = len(raw)
    cdef int i, status
    cdef Context *context
    out = np.empty(pipeline.shape, pipeline.dtype)
    region.data = <char *>cnp.PyArray_DATA(out)
    for i in range(compiled.ndim):
        region.start[i], region.step[i], region.count[i] = 0, 1, pipeline.shape[i]
        region.strides[i] = cnp.PyArray_STRIDES(out)[i]
    context = context_acquire()
    with nogil:
        status = decode_region(context, compiled, src, n, &region, 0)
    give_back(context, status)
    return out
