"""Shards are walked, not decoded: inner chunks are found by the index, read in runs and handed to who wants them."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport qsort

from simplezarr.csrc cimport SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TRUNCATED
from simplezarr.engine.chunks.byte_source cimport IN_FILE, IN_MEMORY, IN_STORE, UNKNOWN_SIZE, ByteRange, find_inner_chunk
from simplezarr.engine.chunks.in_flight cimport (
    InFlightChunk, CoalesceKey, fetching, lead_or_join, end_leading, worth_coalescing, add_version)
from simplezarr.engine.chunks.pipeline cimport pipeline_is_raw
from simplezarr.engine.files.files cimport read_bytes
from simplezarr.engine.geometry.plan cimport MAX_NDIM, ChunkProjection, slice_project, slice_set
from simplezarr.engine.kernels.context cimport ENTRIES, RAW, SLOTS_PER_LEVEL, drop, pause, raised, scratch

cdef extern from *:
    """
    #define SZ_BYTES_AT(list, i) PyBytes_AS_STRING(PyList_GET_ITEM(list, i))
    #define SZ_LENGTH_AT(list, i) PyBytes_GET_SIZE(PyList_GET_ITEM(list, i))
    """
    const char *SZ_BYTES_AT(PyObject *, Py_ssize_t) nogil
    Py_ssize_t SZ_LENGTH_AT(PyObject *, Py_ssize_t) nogil

cdef enum:
    LOCAL_GAP = 16 << 10    # bytes between two inner chunks that are cheaper to read than to skip
    REMOTE_GAP = 256 << 10
    LOCAL_RUN = 1 << 20     # bytes read at a time
    REMOTE_RUN = 8 << 20

cdef struct Entry:
    uint64_t offset, nbytes
    Py_ssize_t number  # among the wanted ones
    InFlightChunk *leading     # that this context leads with it, or NULL


cdef object fetch(const ByteSource *source, list ranges):
    """Read byte ranges of a stored object through its store: a list of bytes, or None if there is no such object."""
    parts = (<object>source.reader).get_ranges(ranges)
    return parts if parts is None else [part if type(part) is bytes else bytes(part) for part in parts]


cdef int add_index_version(Context *context, const Pipeline *pipeline, ByteSource *source) noexcept with gil:
    """Put the version that a reader reads into the name of its shard: its validator, or what the index says."""
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
    """How many inner chunks a region (in the order of the stored form) touches."""
    cdef AxisSlice slices[MAX_NDIM]
    cdef Py_ssize_t total = 1
    cdef int d
    inner_slices(pipeline, region, slices)
    for d in range(pipeline.ndim):
        total *= slices[d].nchunks
    return total


cdef Py_ssize_t inner_region(const Pipeline *pipeline, const AxisSlice *slices, const Region *region, Py_ssize_t number,
                             Region *sub) noexcept nogil:
    """The part of the region in inner chunk `number` of the product; returns the chunk's number in the shard."""
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
    cdef uint64_t x = (<const Entry *>a).offset, y = (<const Entry *>b).offset
    return (x > y) - (x < y)


cdef int locate(Context *context, const Pipeline *pipeline, const ByteSource *source, const Wanted *wanted,
                Py_ssize_t first, Py_ssize_t last, int level, Entry *entries, Py_ssize_t *n) noexcept nogil:
    """Looks up wanted inner chunks first … last - 1: fills what is not stored, lists the others by offset."""
    cdef Py_ssize_t number, inner
    cdef ByteRange found
    cdef bint sorted = True
    cdef int status
    n[0] = 0
    context.culprit = "sharding_indexed"
    for number in range(first, last):
        inner = wanted.number(wanted.what, number)
        status = find_inner_chunk(source, inner, pipeline.inner.most, &found)
        if status == SZ_MISSING:
            status = wanted.fill(context, wanted.what, number)
            if status == SZ_OK:
                status = pause(context)
            if status != SZ_OK:
                return status
            continue
        if status != SZ_OK:
            if level == 0:
                context.inner = inner
            return status
        entries[n[0]].offset, entries[n[0]].nbytes, entries[n[0]].number = found.offset, found.nbytes, number
        entries[n[0]].leading = NULL
        sorted = sorted and (n[0] == 0 or found.offset >= entries[n[0] - 1].offset)
        n[0] += 1
    if not sorted:
        qsort(entries, n[0], sizeof(Entry), by_offset)
    return SZ_OK


cdef Py_ssize_t run_end(const Entry *entries, Py_ssize_t n, Py_ssize_t i, uint64_t gap, uint64_t most,
                        uint64_t *end) noexcept nogil:
    """The entries i … result - 1 are read in one go, up to byte *end."""
    cdef uint64_t start = entries[i].offset, stop
    end[0] = start + entries[i].nbytes
    i += 1
    while i < n:
        stop = max(end[0], entries[i].offset + entries[i].nbytes)
        if entries[i].offset > end[0] + gap or stop - start > most:
            break
        end[0] = stop
        i += 1
    return i


cdef object data_end(const Pipeline *pipeline, const ByteSource *shard):
    """Return where the last inner chunk of a shard ends, as its index says."""
    cdef ByteRange found
    cdef uint64_t end = 0
    cdef Py_ssize_t i
    for i in range(pipeline.ninner):
        if find_inner_chunk(shard, i, UNKNOWN_SIZE, &found) == SZ_OK:
            end = max(end, found.offset + found.nbytes)
    return end


cdef int fetch_runs(Context *context, const Pipeline *pipeline, const ByteSource *source, const Entry *entries,
                    Py_ssize_t n, PyObject **fetched) noexcept with gil:
    """All runs through the store, in one call: a list of bytes."""
    cdef Py_ssize_t i = 0
    cdef uint64_t start, end
    try:
        ranges = []
        while i < n:
            start = entries[i].offset
            i = run_end(entries, n, i, REMOTE_GAP, REMOTE_RUN, &end)
            ranges.append((start, end - start))
        (<object>source.reader).least = data_end(pipeline, source)
        fetching(1)
        try:
            parts = fetch(source, ranges)
        finally:
            fetching(-1)
        if parts is None:  # deleted since its index was read
            return SZ_MISSING
        if len(parts) != len(ranges):
            raise ValueError(f"get_ranges gave {len(parts)} values for {len(ranges)} ranges")
        Py_INCREF(parts)
        fetched[0] = <PyObject *>parts
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


cdef bint decoded_elsewhere(Context *context, const Pipeline *pipeline, const ByteSource *source, const Wanted *wanted,
                            Entry *entry, bint joins) noexcept nogil:
    """Return whether another thread decodes the inner chunk, for this one too (if it `joins`); if not, others may join."""
    cdef bint elsewhere
    if source.key == NULL or not worth_coalescing(pipeline.inner, source.kind == IN_STORE):
        return False
    entry.leading = lead_or_join(context, source.key, wanted.number(wanted.what, entry.number), pipeline.inner, 0,
                                 pipeline.inner.nbytes, entry.number, joins, &elsewhere)
    return elsewhere


cdef int decode_run(Context *context, const Pipeline *pipeline, const ByteSource *source, const Wanted *wanted,
                    Entry *entries, Py_ssize_t first, Py_ssize_t last, const char *src, uint64_t start,
                    int level) noexcept nogil:
    """Decodes the inner chunks `first` … `last - 1` of the list, whose bytes lie at src, from offset `start` on."""
    cdef Py_ssize_t i
    cdef int status
    for i in range(first, last):
        if level == 0:
            context.inner = wanted.number(wanted.what, entries[i].number)
        if source.kind != IN_STORE and decoded_elsewhere(context, pipeline, source, wanted, &entries[i], True):
            continue
        context.leading = entries[i].leading
        status = wanted.decode(context, wanted.what, entries[i].number, src + (entries[i].offset - start),
                               entries[i].nbytes, level + 1)
        stop_leading(context, &entries[i])
        if status == SZ_OK:
            status = pause(context)
        if status != SZ_OK:
            return status
    return SZ_OK


cdef void stop_leading(Context *context, Entry *entry) noexcept nogil:
    context.leading = NULL
    if entry.leading != NULL:
        end_leading(entry.leading)
        entry.leading = NULL


cdef int decode_entries(Context *context, const Pipeline *pipeline, const ByteSource *source, const Wanted *wanted,
                        Entry *entries, Py_ssize_t n, PyObject *parts, int level) noexcept nogil:
    """Reads the located inner chunks run by run and decodes them."""
    cdef Py_ssize_t i = 0, k, run = 0
    cdef uint64_t start, end
    cdef char *raw
    cdef const char *src
    cdef bint remote = parts != NULL, parted = source.kind == IN_FILE and pipeline_is_raw(pipeline.inner)
    cdef int status = SZ_OK
    while i < n and status == SZ_OK:
        start = entries[i].offset
        if parted and entries[i].nbytes == pipeline.inner.nbytes and wanted.alone(wanted.what, entries[i].number):
            context.inner = wanted.number(wanted.what, entries[i].number)
            status = wanted.read(context, wanted.what, entries[i].number, source.file, start, level + 1)
            if status == SZ_OK:
                status = pause(context)
            i += 1
            continue
        k = run_end(entries, n, i, REMOTE_GAP if remote else LOCAL_GAP, REMOTE_RUN if remote else LOCAL_RUN, &end)
        if source.kind == IN_MEMORY:
            src = source.memory + start
        elif remote:
            src = SZ_BYTES_AT(parts, run)
            if <uint64_t>SZ_LENGTH_AT(parts, run) != end - start:
                return SZ_TRUNCATED
        else:
            src = raw = scratch(context, level * SLOTS_PER_LEVEL + RAW, end - start)
            status = read_bytes(context, source.file, raw, end - start, start) if raw != NULL else SZ_NO_MEMORY
        if status == SZ_OK:
            status = decode_run(context, pipeline, source, wanted, entries, i, k, src, start, level)
        run += 1
        i = k
    return status


cdef Py_ssize_t keep_own(Context *context, const Pipeline *pipeline, const ByteSource *source, const Wanted *wanted,
                         Entry *entries, Py_ssize_t n) noexcept nogil:
    """Drop the inner chunks that others fetch and decode; return how many are left.

    What others fetch may be of another version, unless the name tells versions apart. A single inner chunk is of one
    version all the same.
    """
    cdef Py_ssize_t i, kept = 0
    cdef bint joins = source.exact or n == 1
    for i in range(n):
        if not decoded_elsewhere(context, pipeline, source, wanted, &entries[i], joins):
            entries[kept] = entries[i]
            kept += 1
    return kept


cdef int walk_shard(Context *context, const Pipeline *pipeline, const ByteSource *source, const Wanted *wanted,
                    Py_ssize_t first, Py_ssize_t last, int level) noexcept nogil:
    """Wanted inner chunks first … last - 1 of a shard whose index is known: found, read and handed to who wants them."""
    cdef Py_ssize_t n, i
    cdef PyObject *fetched = NULL
    cdef int status
    cdef Entry *entries = <Entry *>scratch(context, level * SLOTS_PER_LEVEL + ENTRIES, (last - first) * sizeof(Entry))
    if entries == NULL:
        return SZ_NO_MEMORY
    status = locate(context, pipeline, source, wanted, first, last, level, entries, &n)
    if status != SZ_OK or n == 0:
        return status
    if source.kind == IN_STORE:
        n = keep_own(context, pipeline, source, wanted, entries, n)
        status = fetch_runs(context, pipeline, source, entries, n, &fetched) if n else SZ_OK
    if status == SZ_OK:
        status = decode_entries(context, pipeline, source, wanted, entries, n, fetched, level)
    for i in range(n):  # those that were not reached
        stop_leading(context, &entries[i])
    if fetched != NULL:
        drop(fetched)
    return status
