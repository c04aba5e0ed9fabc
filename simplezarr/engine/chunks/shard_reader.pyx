"""Inner chunks of a shard: found by its index, read in coalesced ranges, and handed to a visitor.

A shard is never decoded as a whole, unless codecs are wrapped around it.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport qsort

from simplezarr.csrc cimport SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TRUNCATED
from simplezarr.engine.chunks.byte_source cimport IN_FILE, IN_MEMORY, IN_STORE, UNKNOWN_SIZE, ByteRange, find_inner_chunk
from simplezarr.engine.chunks.in_flight cimport (
    CoalesceKey, lead_or_join, end_leading, worth_coalescing, add_version)
from simplezarr.engine.chunks.pipeline cimport pipeline_is_raw
from simplezarr.engine.files.files cimport read_bytes
from simplezarr.engine.geometry.plan cimport MAX_NDIM, ChunkProjection, slice_project, slice_set
from simplezarr.engine.kernels.context cimport (
    ENTRIES, RAW, SLOTS_PER_LEVEL, as_buffer, buffer_address, buffer_length, drop, foreign, pause, raised, scratch)

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(PyObject *, Py_ssize_t) nogil

cdef enum:
    COALESCE_GAP_REMOTE = 256 << 10
    COALESCE_MAX_REMOTE = 8 << 20


cdef object fetch(const ByteSource *source, list ranges):
    """Return byte ranges of a stored object from its store as a list of buffers, or None if there is no such object."""
    parts = (<object>source.reader).get_ranges(ranges)
    return parts if parts is None else [as_buffer(part) for part in parts]


cdef int add_index_version(Context *context, const Pipeline *pipeline, ByteSource *source) noexcept with gil:
    """Add the version that a reader reads to the key of its shard: its validator, or a hash of the index."""
    cdef uint64_t mixed = 0
    cdef Py_ssize_t i
    try:
        validator = (<object>source.reader).validator
        if validator is not None:
            source.exact = True
            mixed = <uint64_t><Py_ssize_t>hash(validator)
        else:
            for i in range(2 * pipeline.ninner):
                mixed = (mixed ^ source.index[i]) * <uint64_t>0x9e3779b97f4a7c15
                mixed ^= mixed >> 29
        add_version(<CoalesceKey *>source.key, mixed)
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef void inner_slices(const Pipeline *pipeline, const Region *region, AxisSlice *slices) noexcept nogil:
    cdef int d
    for d in range(pipeline.ndim):
        slice_set(&slices[d], region.start[d], region.step[d], region.count[d], pipeline.shape[d] // pipeline.grid[d])


cdef Py_ssize_t inner_count(const Pipeline *pipeline, const Region *region) noexcept nogil:
    """Return how many inner chunks a region (in stored order) touches."""
    cdef AxisSlice slices[MAX_NDIM]
    cdef Py_ssize_t total = 1
    cdef int d
    inner_slices(pipeline, region, slices)
    for d in range(pipeline.ndim):
        total *= slices[d].nchunks
    return total


cdef Py_ssize_t inner_region(const Pipeline *pipeline, const AxisSlice *slices, const Region *region, Py_ssize_t number,
                             Region *sub) noexcept nogil:
    """Set `sub` to the region's part in the number-th inner chunk that it touches. Return its number in the shard."""
    cdef ChunkProjection projection
    cdef int d
    cdef Py_ssize_t inner = 0, scale = 1
    sub.data = region.data
    for d in range(pipeline.ndim - 1, -1, -1):
        slice_project(&slices[d], number % slices[d].nchunks, &projection)
        number //= slices[d].nchunks
        inner += projection.chunk * scale
        scale *= pipeline.grid[d]
        sub.start[d] = projection.src
        sub.step[d] = region.step[d]
        sub.count[d] = projection.count
        sub.strides[d] = region.strides[d]
        sub.data += projection.dst * region.strides[d]
    return inner


cdef int by_offset(const void *a, const void *b) noexcept nogil:
    cdef uint64_t x = (<const InnerChunkRange *>a).offset, y = (<const InnerChunkRange *>b).offset
    return (x > y) - (x < y)


cdef int find_inner_chunks(Context *context, const Pipeline *pipeline, const ByteSource *source,
                           const InnerChunkVisitor *visitor, Py_ssize_t first, Py_ssize_t last, int level,
                           InnerChunkRange *ranges, Py_ssize_t *n) noexcept nogil:
    """Look up the requested inner chunks first … last - 1: fill those that are not stored, list the others by offset."""
    cdef Py_ssize_t number, inner
    cdef ByteRange found
    cdef bint sorted = True
    cdef int status
    n[0] = 0
    context.culprit = "sharding_indexed"
    for number in range(first, last):
        inner = visitor.number(visitor.what, number)
        status = find_inner_chunk(source, inner, pipeline.inner.most, &found)
        if status == SZ_MISSING:
            status = visitor.fill(context, visitor.what, number)
            if status == SZ_OK:
                status = pause(context)
            if status != SZ_OK:
                return status
            continue
        if status != SZ_OK:
            if level == 0:
                context.inner = inner
            return status
        ranges[n[0]].offset, ranges[n[0]].nbytes, ranges[n[0]].number = found.offset, found.nbytes, number
        ranges[n[0]].leading = NULL
        sorted = sorted and (n[0] == 0 or found.offset >= ranges[n[0] - 1].offset)
        n[0] += 1
    if not sorted:
        qsort(ranges, n[0], sizeof(InnerChunkRange), by_offset)
    return SZ_OK


cdef Py_ssize_t coalesced_end(const InnerChunkRange *ranges, Py_ssize_t n, Py_ssize_t i, uint64_t gap, uint64_t most,
                              uint64_t *end) noexcept nogil:
    """Return the end of the coalesced range that begins with the i-th inner chunk, and its last byte in *end."""
    cdef uint64_t start = ranges[i].offset, stop
    end[0] = start + ranges[i].nbytes
    i += 1
    while i < n:
        stop = max(end[0], ranges[i].offset + ranges[i].nbytes)
        if ranges[i].offset > end[0] + gap or stop - start > most:
            break
        end[0] = stop
        i += 1
    return i


cdef Py_ssize_t part_end(const InnerChunkRange *ranges, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Return the end of the part that begins with the i-th inner chunk: of what one request brings."""
    cdef uint64_t end
    return coalesced_end(ranges, n, i, COALESCE_GAP_REMOTE, PART_BYTES, &end)


cdef object data_end(const Pipeline *pipeline, const ByteSource *shard):
    """Return where the last inner chunk of a shard ends, as its index says."""
    cdef ByteRange found
    cdef uint64_t end = 0
    cdef Py_ssize_t i
    for i in range(pipeline.ninner):
        if find_inner_chunk(shard, i, UNKNOWN_SIZE, &found) == SZ_OK:
            end = max(end, found.offset + found.nbytes)
    return end


cdef int fetch_ranges(Context *context, const Pipeline *pipeline, const ByteSource *source, const InnerChunkRange *ranges,
                      Py_ssize_t n, PyObject **fetched) noexcept with gil:
    """Read all coalesced ranges through the store in one call. *fetched is a list of buffers."""
    cdef Py_ssize_t i = 0
    cdef uint64_t start, end
    try:
        coalesced = []
        while i < n:
            start = ranges[i].offset
            i = coalesced_end(ranges, n, i, COALESCE_GAP_REMOTE, COALESCE_MAX_REMOTE, &end)
            coalesced.append((start, end - start))
        if not (<object>source.reader).has_twins:  # others ask for a version, not for what they have read before
            (<object>source.reader).least = data_end(pipeline, source)
        foreign(1)
        try:
            parts = fetch(source, coalesced)
        finally:
            foreign(-1)
        if parts is None:  # it was deleted after its index was read
            return SZ_MISSING
        if len(parts) != len(coalesced):
            raise ValueError(f"get_ranges gave {len(parts)} values for {len(coalesced)} ranges")
        Py_INCREF(parts)
        fetched[0] = <PyObject *>parts
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef bint decoded_elsewhere(Context *context, const Pipeline *pipeline, const ByteSource *source,
                            const InnerChunkVisitor *visitor, InnerChunkRange *chunk, bint joins) noexcept nogil:
    """Return whether another thread decodes the inner chunk for this one too, which needs `joins`. Otherwise lead it."""
    cdef bint elsewhere
    if source.key == NULL or not worth_coalescing(pipeline.inner, source.kind == IN_STORE):
        return False
    chunk.leading = lead_or_join(context, source.key, visitor.number(visitor.what, chunk.number), pipeline.inner, 0,
                                 pipeline.inner.nbytes, chunk.number, joins, &elsewhere)
    return elsewhere


cdef int decode_range(Context *context, const Pipeline *pipeline, const ByteSource *source,
                      const InnerChunkVisitor *visitor, InnerChunkRange *ranges, Py_ssize_t first, Py_ssize_t last,
                      const char *src, uint64_t start, int level) noexcept nogil:
    """Decode the inner chunks first … last - 1 of the list. src holds the shard's bytes from offset `start` on."""
    cdef Py_ssize_t i
    cdef int status
    for i in range(first, last):
        if level == 0:
            context.inner = visitor.number(visitor.what, ranges[i].number)
        if source.kind != IN_STORE and decoded_elsewhere(context, pipeline, source, visitor, &ranges[i], True):
            continue
        context.leading = ranges[i].leading
        status = visitor.decode(context, visitor.what, ranges[i].number, src + (ranges[i].offset - start),
                                ranges[i].nbytes, level + 1)
        stop_leading(context, &ranges[i])
        if status == SZ_OK:
            status = pause(context)
        if status != SZ_OK:
            return status
    return SZ_OK


cdef void stop_leading(Context *context, InnerChunkRange *chunk) noexcept nogil:
    context.leading = NULL
    if chunk.leading != NULL:
        end_leading(chunk.leading)
        chunk.leading = NULL


cdef int read_ranges(Context *context, const Pipeline *pipeline, const ByteSource *source, const InnerChunkVisitor *visitor,
                     InnerChunkRange *ranges, Py_ssize_t n, PyObject *parts, int level) noexcept nogil:
    """Read the listed inner chunks and decode them, one coalesced range after the other. `parts` are fetched ranges."""
    cdef Py_ssize_t i = 0, k, run = 0
    cdef uint64_t start, end
    cdef char *raw
    cdef const char *src
    cdef bint remote = parts != NULL, uncompressed = source.kind == IN_FILE and pipeline_is_raw(pipeline.inner)
    cdef uint64_t gap = COALESCE_GAP_REMOTE if remote else COALESCE_GAP_LOCAL
    cdef uint64_t most = COALESCE_MAX_REMOTE if remote else COALESCE_MAX_LOCAL
    cdef int status = SZ_OK
    while i < n and status == SZ_OK:
        start = ranges[i].offset
        if (uncompressed and ranges[i].nbytes == pipeline.inner.nbytes and
                visitor.read_alone(visitor.what, ranges[i].number)):
            context.inner = visitor.number(visitor.what, ranges[i].number)
            status = visitor.read(context, visitor.what, ranges[i].number, source.file, start, level + 1)
            if status == SZ_OK:
                status = pause(context)
            i += 1
            continue
        k = coalesced_end(ranges, n, i, gap, most, &end)
        if source.kind == IN_MEMORY:
            src = source.memory + start
        elif remote:
            src = buffer_address(PyList_GET_ITEM(parts, run))
            if <uint64_t>buffer_length(PyList_GET_ITEM(parts, run)) != end - start:
                return SZ_TRUNCATED
        else:
            src = raw = scratch(context, level * SLOTS_PER_LEVEL + RAW, end - start)
            status = read_bytes(context, source.file, raw, end - start, start) if raw != NULL else SZ_NO_MEMORY
        if status == SZ_OK:
            status = decode_range(context, pipeline, source, visitor, ranges, i, k, src, start, level)
        run += 1
        i = k
    return status


cdef Py_ssize_t keep_own(Context *context, const Pipeline *pipeline, const ByteSource *source,
                         const InnerChunkVisitor *visitor, InnerChunkRange *ranges, Py_ssize_t n) noexcept nogil:
    """Drop the inner chunks that other threads fetch and decode. Return how many are left.

    Several inner chunks must be of one version. If the key does not tell versions apart, another thread may fetch another
    version, so only a single chunk may come from it.
    """
    cdef Py_ssize_t i, kept = 0
    cdef bint joins = source.exact or n == 1
    for i in range(n):
        if not decoded_elsewhere(context, pipeline, source, visitor, &ranges[i], joins):
            ranges[kept] = ranges[i]
            kept += 1
    return kept


cdef int read_inner_chunks(Context *context, const Pipeline *pipeline, const ByteSource *source,
                           const InnerChunkVisitor *visitor, Py_ssize_t first, Py_ssize_t last, int level) noexcept nogil:
    """Find, read and visit the requested inner chunks first … last - 1 of a shard whose index is known."""
    cdef Py_ssize_t n
    cdef int status
    cdef InnerChunkRange *ranges = <InnerChunkRange *>scratch(
        context, level * SLOTS_PER_LEVEL + ENTRIES, (last - first) * sizeof(InnerChunkRange))
    if ranges == NULL:
        return SZ_NO_MEMORY
    status = find_inner_chunks(context, pipeline, source, visitor, first, last, level, ranges, &n)
    if status != SZ_OK or n == 0:
        return status
    return read_found_chunks(context, pipeline, source, visitor, ranges, n, level)


cdef int read_found_chunks(Context *context, const Pipeline *pipeline, const ByteSource *source,
                           const InnerChunkVisitor *visitor, InnerChunkRange *ranges, Py_ssize_t n,
                           int level) noexcept nogil:
    """Read and visit the listed inner chunks, which are in the order of their offsets."""
    cdef PyObject *fetched = NULL
    cdef Py_ssize_t i
    cdef int status = SZ_OK
    if source.kind == IN_STORE:
        n = keep_own(context, pipeline, source, visitor, ranges, n)
        status = fetch_ranges(context, pipeline, source, ranges, n, &fetched) if n else SZ_OK
    if status == SZ_OK:
        status = read_ranges(context, pipeline, source, visitor, ranges, n, fetched, level)
    for i in range(n):  # those that a failure left out
        stop_leading(context, &ranges[i])
    if fetched != NULL:
        drop(fetched)
    return status
