"""Decoding through a pipeline: stored bytes to their places in the caller's buffer, without the GIL.

Where a chunk's place is one contiguous run the last codec writes straight into it. A shard is walked, not decoded: its
index says where the wanted inner chunks lie, and each of them is a chunk of an inner chain.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcpy

import numpy as np

from simplezarr.engine.chunks.block_decode cimport decode_steps
from simplezarr.engine.chunks.byte_source cimport IN_FILE, IN_MEMORY, IN_STORE, ByteSource, bytes_in_memory
from simplezarr.engine.kernels.compressors cimport zstd_prefix
from simplezarr.engine.files.files cimport is_hollow, read_bytes
from simplezarr.engine.chunks.in_flight cimport complete_chunk, has_waiters
from simplezarr.engine.chunks.pipeline cimport (
    FREE_BYTES, Pipeline, chain_is_raw, free_bytes, give_back, in_pieces, region_extent, region_fill, region_keeps_order,
    region_permute, region_place, region_whole)
from simplezarr.engine.geometry.plan cimport MAX_NDIM, Span
from simplezarr.engine.chunks.shard_reader cimport Wanted, fetch, inner_count, inner_region, inner_spans, walk_shard
from simplezarr.engine.kernels.context cimport (
    DECODED, INDEX, INDEX_RAW, RAW, SLOTS_PER_LEVEL, SZ_CORRUPT, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT,
    SZ_TRUNCATED, bytes_at, raised, scratch, worker_acquire)

cnp.import_array()

cdef extern from "array/copy.h" nogil:
    enum:
        SZ_AS_IS
    void sz_copy(int ndim, const Py_ssize_t *shape, char *dst, const Py_ssize_t *dst_strides, const char *src,
                 const Py_ssize_t *src_strides, size_t itemsize, int transform)

cdef extern from "io/box.h" nogil:
    enum:
        SZ_PIECE
    size_t sz_box_room(size_t piece)
    int sz_read_box(const sz_file *file, int64_t base, int ndim, const Py_ssize_t *chunk_shape, const Py_ssize_t *start,
                    const Py_ssize_t *step, const Py_ssize_t *count, char *dst, const Py_ssize_t *dst_strides,
                    size_t itemsize, int transform, char *scratch, size_t piece)


# ---------------------------------------------------------------- chunks

# An uncompressed chunk in a file.
cdef struct Raw:
    const sz_file *file
    int64_t base
    int level


cdef int read_piece(Worker *worker, const Chain *chain, const Region *region, const void *what) noexcept nogil:
    cdef const Raw *raw = <const Raw *>what
    cdef size_t piece = max(<size_t>SZ_PIECE, <size_t>chain.itemsize)
    cdef char *buffer
    if not region_keeps_order(chain, region):
        piece = max(piece, <size_t>region_extent(chain, region))
    buffer = scratch(worker, raw.level * SLOTS_PER_LEVEL + DECODED, sz_box_room(min(piece, chain.nbytes)))
    if buffer == NULL:
        return SZ_NO_MEMORY
    return sz_read_box(raw.file, raw.base, chain.ndim, chain.shape, region.start, region.step, region.count, region.data,
                       region.strides, chain.itemsize, chain.transform | worker.streamed, buffer, piece)


cdef int read_raw(Worker *worker, const Chain *chain, const sz_file *file, int64_t base, const Region *region,
                  int level) noexcept nogil:
    """Elements of an uncompressed chunk at `base` of a file, read into place without the chunk being whole in between."""
    cdef Region permuted
    cdef Raw raw
    worker.culprit = "bytes"
    if chain.permuted:
        region_permute(chain, region, &permuted)
        region = &permuted
    raw.file, raw.base, raw.level = file, base, level
    return in_pieces(worker, chain, region, read_piece, &raw)


cdef int decode_python(Worker *worker, const Chain *chain, const char *src, size_t n,
                       const Region *region) noexcept with gil:
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef const char *data
    cdef int i
    try:
        array = (<object>chain.python)(bytes_at(src, n))
        data = <const char *>cnp.PyArray_DATA(array)
        for i in range(chain.ndim):
            data += region.start[i] * <Py_ssize_t>cnp.PyArray_STRIDES(array)[i]
            strides[i] = region.step[i] * <Py_ssize_t>cnp.PyArray_STRIDES(array)[i]
        sz_copy(chain.ndim, region.count, region.data, region.strides, data, strides, chain.itemsize, SZ_AS_IS)
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef int decode_region(Worker *worker, const Chain *chain, const char *src, size_t n, const Region *region,
                       int level) noexcept nogil:
    """Decodes the chunk stored in the n bytes at src and puts the region's elements in place."""
    cdef Region permuted
    cdef ByteSource source
    cdef bint done
    cdef int status
    if chain.python != NULL:
        worker.culprit = NULL
        return decode_python(worker, chain, src, n, region)
    if chain.permuted:
        region_permute(chain, region, &permuted)
        region = &permuted
    status = decode_steps(worker, chain, &src, &n, level, &done, region)
    if status != SZ_OK or done:
        return status
    if chain.inner != NULL:
        source = bytes_in_memory(src, n)
        return decode_shard(worker, chain, &source, region, 0, 1, level)
    worker.culprit = "bytes"
    if n != chain.nbytes:
        return SZ_TOO_SHORT if n < chain.nbytes else SZ_TOO_LONG
    status = region_place(worker, chain, region, src, chain.transform | worker.streamed)
    if status == SZ_OK:
        complete_chunk(worker, chain, src, chain.transform)
    return status


cdef int decode_native(Worker *worker, const Chain *chain, const char *src, size_t n, char *dst, int level) noexcept nogil:
    """The whole chunk stored in the n bytes at src, in native form."""
    cdef Region region
    region_whole(chain, dst, &region)
    return decode_region(worker, chain, src, n, &region, level)


cdef int decode_start(Worker *worker, const Chain *chain, const char *src, size_t n, size_t wanted, char *dst,
                      int level) noexcept nogil:
    """As decode_native, but nothing is known of what lies behind the first `wanted` bytes; with SZ_ZSTD_SLACK more room."""
    cdef Py_ssize_t elements = wanted // chain.itemsize
    cdef size_t shared
    if chain.python != NULL or chain.inner != NULL or chain.nsteps != 1 or not chain.steps[0].in_order or (
            not zstd_prefix(worker, src, n, chain.nbytes, wanted, dst)) or (
            has_waiters(worker, chain, &shared) and shared > wanted):
        return decode_native(worker, chain, src, n, dst, level)
    complete_chunk(worker, chain, dst, chain.transform)
    if chain.transform != SZ_AS_IS:
        sz_copy(1, &elements, dst, &chain.itemsize, dst, &chain.itemsize, chain.itemsize, chain.transform)
    return SZ_OK


cdef bint is_hollow_chunk(const Chain *chain, const sz_file *file) noexcept nogil:
    """Return whether a file whose size nothing tells has more in holes than such a chunk may decode to."""
    return chain.python != NULL and is_hollow(file, free_bytes(chain))


cdef int read_native(Worker *worker, const Chain *chain, const sz_file *file, int64_t offset, size_t n, char *dst,
                     int level) noexcept nogil:
    """The whole chunk stored in n bytes of a file, in native form."""
    cdef Region region
    cdef char *raw
    cdef int status
    if chain_is_raw(chain):
        worker.culprit = "bytes"
        if n != chain.nbytes:
            return SZ_TOO_SHORT if n < chain.nbytes else SZ_TOO_LONG
        region_whole(chain, dst, &region)
        return read_raw(worker, chain, file, offset, &region, level)
    if n > chain.most or is_hollow_chunk(chain, file):
        return SZ_TOO_LONG
    raw = scratch(worker, level * SLOTS_PER_LEVEL + RAW, n)
    if raw == NULL:
        return SZ_NO_MEMORY
    status = read_bytes(worker, file, raw, n, offset)
    return decode_native(worker, chain, raw, n, dst, level) if status == SZ_OK else status


# ---------------------------------------------------------------- shards

cdef int fetch_index(Worker *worker, const Chain *chain, const ByteSource *source, char *dst) noexcept with gil:
    cdef Py_ssize_t n = chain.index_nbytes
    try:
        parts = fetch(source, [(0 if chain.index_first else -n, n)])
        if parts is None:
            return SZ_MISSING
        part = parts[0]
        if len(part) != n:
            return SZ_TRUNCATED
        memcpy(dst, PyBytes_AS_STRING(part), n)
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef void index_region(const Chain *chain, const void *index, Region *region) noexcept nogil:
    """A shard's whole index, placed as offset and length of every inner chunk, in C order of the stored form."""
    cdef Py_ssize_t stride = 16
    cdef int i
    region.data = <char *>index
    for i in range(chain.ndim, -1, -1):
        region.start[i], region.step[i] = 0, 1
        region.count[i] = chain.grid[i] if i < chain.ndim else 2
        region.strides[i] = 8 if i == chain.ndim else stride
        stride *= 1 if i == chain.ndim else chain.grid[i]


cdef int shard_index(Worker *worker, const Chain *chain, const ByteSource *source, int level,
                     const uint64_t **index) noexcept nogil:
    """Reads and decodes a shard's index: offset and length of every inner chunk, in C order of the stored form."""
    cdef char *raw
    cdef const char *src
    cdef size_t n = chain.index_nbytes, at
    cdef int status = SZ_OK
    cdef Region region
    worker.culprit = "sharding_indexed"
    index_region(chain, scratch(worker, level * SLOTS_PER_LEVEL + INDEX, chain.index.nbytes), &region)
    if region.data == NULL:
        return SZ_NO_MEMORY
    if source.kind != IN_STORE and source.size < n:
        return SZ_TRUNCATED
    at = 0 if chain.index_first else source.size - n
    if source.kind == IN_MEMORY:
        src = source.memory + at
    else:
        src = raw = scratch(worker, level * SLOTS_PER_LEVEL + INDEX_RAW, n)
        if raw == NULL:
            return SZ_NO_MEMORY
        if source.kind == IN_FILE:
            if n > FREE_BYTES and is_hollow(source.file, FREE_BYTES):
                return SZ_CORRUPT
            status = read_bytes(worker, source.file, raw, n, at)
        else:
            status = fetch_index(worker, chain, source, raw)
        if status != SZ_OK:
            return status
    index[0] = <const uint64_t *>region.data
    return decode_region(worker, chain.index, src, n, &region, level + 1)  # a wrapped shard may be in scratch of `level`


# A region of a shard, as the walk sees it.
cdef struct Inner:
    const Chain *chain
    const Region *region
    Span spans[MAX_NDIM]


cdef Py_ssize_t inner_number(const void *what, Py_ssize_t k) noexcept nogil:
    cdef const Inner *inner = <const Inner *>what
    cdef Region sub
    return inner_region(inner.chain, inner.spans, inner.region, k, &sub)


cdef int inner_fill(Worker *worker, const void *what, Py_ssize_t k) noexcept nogil:
    cdef const Inner *inner = <const Inner *>what
    cdef Region sub
    inner_region(inner.chain, inner.spans, inner.region, k, &sub)
    return region_fill(worker, inner.chain.inner, &sub)


cdef int inner_decode(Worker *worker, const void *what, Py_ssize_t k, const char *src, size_t n, int level) noexcept nogil:
    cdef const Inner *inner = <const Inner *>what
    cdef Region sub
    inner_region(inner.chain, inner.spans, inner.region, k, &sub)
    return decode_region(worker, inner.chain.inner, src, n, &sub, level)


cdef bint inner_alone(const void *what, Py_ssize_t k) noexcept nogil:
    return (<const Inner *>what).chain.inner.nbytes >= RAW_ALONE


cdef int inner_read(Worker *worker, const void *what, Py_ssize_t k, const sz_file *file, int64_t offset,
                    int level) noexcept nogil:
    cdef const Inner *inner = <const Inner *>what
    cdef Region sub
    inner_region(inner.chain, inner.spans, inner.region, k, &sub)
    return read_raw(worker, inner.chain.inner, file, offset, &sub, level)


cdef int decode_shard(Worker *worker, const Chain *chain, ByteSource *source, const Region *region, Py_ssize_t part,
                      Py_ssize_t parts, int level) noexcept nogil:
    """Part number `part` of `parts` of a region (in the order of the stored form) of a shard, put in place."""
    cdef Inner inner
    cdef Wanted wanted
    cdef Py_ssize_t total = inner_count(chain, region)
    cdef int status
    if source.index == NULL:
        status = shard_index(worker, chain, source, level, &source.index)
        if status != SZ_OK:
            return status
    inner.chain, inner.region = chain, region
    inner_spans(chain, region, inner.spans)
    wanted.what, wanted.number, wanted.fill = &inner, inner_number, inner_fill
    wanted.decode, wanted.alone, wanted.read = inner_decode, inner_alone, inner_read
    return walk_shard(worker, chain, source, &wanted, total * part // parts, total * (part + 1) // parts, level)


# ---------------------------------------------------------------- for Python

def decode_chunk(Pipeline pipeline, data):
    """The whole chunk stored in `data` (bytes), as an array. ValueError where it can't be decoded."""
    cdef const Chain *chain = &pipeline.chain
    cdef Region region
    cdef bytes raw = data if type(data) is bytes else bytes(data)
    cdef const char *src = PyBytes_AS_STRING(raw)
    cdef size_t n = len(raw)
    cdef int i, status
    cdef Worker *worker
    out = np.empty(pipeline.shape, pipeline.dtype)
    region.data = <char *>cnp.PyArray_DATA(out)
    for i in range(chain.ndim):
        region.start[i], region.step[i], region.count[i] = 0, 1, pipeline.shape[i]
        region.strides[i] = cnp.PyArray_STRIDES(out)[i]
    worker = worker_acquire()
    with nogil:
        status = decode_region(worker, chain, src, n, &region, 0)
    give_back(worker, status)
    return out
