"""Decoding through a pipeline: stored bytes to their places in the caller's buffer, without the GIL.

Where a chunk's place is one contiguous run the last codec writes straight into it. A shard is walked, not decoded: its
index says where the wanted inner chunks lie, and each of them is a chunk of an inner chain.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int32_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy

import numpy as np

from simplezarr._codecs cimport (
    SZ_ZSTD_SLACK, Step, blosc_block_size, blosc_decode_block, blosc_open, sz_blosc1, sz_zstd_frame, zstd_decode_more,
    zstd_open, zstd_prefix)
from simplezarr._pipeline cimport (
    Blob, Chain, Pipeline, Region, chain_is_raw, give_back, raised, region_extent, region_fill, region_is_run,
    region_offset, region_permute, region_place, region_whole)
from simplezarr._plan cimport MAX_NDIM, Row, Span, span_row, span_set
from simplezarr._worker cimport (
    SLOTS_PER_LEVEL, SZ_CORRUPT, SZ_MISSING, SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT, SZ_TRUNCATED, Worker,
    scratch, worker_acquire)

cnp.import_array()

cdef extern from "copy.h" nogil:
    enum:
        SZ_AS_IS
    void sz_copy(int ndim, const Py_ssize_t *shape, char *dst, const Py_ssize_t *dst_strides, const char *src,
                 const Py_ssize_t *src_strides, size_t itemsize, int transform)
    void sz_copy_run(int ndim, const Py_ssize_t *chunk_shape, const Py_ssize_t *start, const Py_ssize_t *step,
                     const Py_ssize_t *count, char *dst, const Py_ssize_t *dst_strides, Py_ssize_t first, Py_ssize_t n,
                     const char *src, size_t itemsize, int transform)

cdef extern from "files.h" nogil:
    int sz_open(int directory, const char *path, sz_file *file)
    int sz_read_once(int directory, const char *path, char *dst, size_t room, size_t *size)
    int sz_read(const sz_file *file, char *dst, size_t n, int64_t offset)
    void sz_close(sz_file *file)

cdef extern from "box.h" nogil:
    enum:
        SZ_PIECE
    int sz_read_box(const sz_file *file, int64_t base, int ndim, const Py_ssize_t *chunk_shape, const Py_ssize_t *start,
                    const Py_ssize_t *step, const Py_ssize_t *count, char *dst, const Py_ssize_t *dst_strides,
                    size_t itemsize, int transform, char *scratch, size_t piece)

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
    ZSTD_BLOCKS = 256 << 10  # a zstd chunk of at least this size has several blocks

cdef uint64_t LAST_BYTE = 0x7fffffffffffffff
cdef uint64_t NOTHING = 0xffffffffffffffff  # offset and length of an inner chunk that is not stored

cdef struct Entry:
    uint64_t offset
    uint64_t nbytes
    Py_ssize_t number  # among the wanted ones


cdef int open_file(int directory, const char *path, sz_file *file) noexcept nogil:
    return sz_open(directory, path, file)


cdef int read_once(int directory, const char *path, char *dst, size_t room, size_t *size) noexcept nogil:
    return sz_read_once(directory, path, dst, room, size)


cdef int read_file(const sz_file *file, char *dst, size_t n, int64_t offset) noexcept nogil:
    return sz_read(file, dst, n, offset)


cdef void close_file(sz_file *file) noexcept nogil:
    sz_close(file)


# ---------------------------------------------------------------- chunks

cdef int read_raw(Worker *worker, const Chain *chain, const sz_file *file, int64_t base, const Region *region,
                  int level) noexcept nogil:
    """Elements of an uncompressed chunk at `base` of a file, read into place without the chunk being whole in between."""
    cdef Region permuted
    cdef size_t piece = max(<size_t>SZ_PIECE, <size_t>chain.itemsize)
    cdef char *buffer
    worker.culprit = "bytes"
    if chain.permuted:  # a piece of the stored form would be scattered over all of the region, a few elements each
        region_permute(chain, region, &permuted)
        region = &permuted
        piece = max(piece, chain.nbytes)
    buffer = scratch(worker, level * SLOTS_PER_LEVEL + DECODED, min(piece, chain.nbytes))
    if buffer == NULL:
        return SZ_NO_MEMORY
    return sz_read_box(file, base, chain.ndim, chain.shape, region.start, region.step, region.count, region.data,
                       region.strides, chain.itemsize, chain.transform, buffer, piece)


cdef int decode_python(Worker *worker, const Chain *chain, const char *src, size_t n,
                       const Region *region) noexcept with gil:
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef const char *data
    cdef int i
    try:
        array = (<object>chain.python)(PyBytes_FromStringAndSize(src, n))
        data = <const char *>cnp.PyArray_DATA(array)
        for i in range(chain.ndim):
            data += region.start[i] * <Py_ssize_t>cnp.PyArray_STRIDES(array)[i]
            strides[i] = region.step[i] * <Py_ssize_t>cnp.PyArray_STRIDES(array)[i]
        sz_copy(chain.ndim, region.count, region.data, region.strides, data, strides, chain.itemsize, SZ_AS_IS)
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef int decode_in_blocks(Worker *worker, const Chain *chain, const char *src, size_t n, const Region *region,
                          int level) noexcept nogil:
    """A Blosc chunk block by block: each is placed while it is in cache, and those without wanted elements are skipped."""
    cdef sz_blosc1 header
    cdef Py_ssize_t first = region_offset(chain, region), last = first + region_extent(chain, region) - 1
    cdef Py_ssize_t at, size
    cdef int32_t i
    cdef int status = blosc_open(src, n, &header)
    cdef char *block
    if status != SZ_OK:
        return status
    if <size_t>header.nbytes != chain.nbytes:
        return SZ_TOO_LONG if <size_t>header.nbytes > chain.nbytes else SZ_TOO_SHORT
    if header.blocksize % chain.itemsize:  # blocks that cut elements
        return decode_whole(worker, chain, src, n, region, level)
    block = scratch(worker, level * SLOTS_PER_LEVEL + DECODED, header.blocksize)
    if block == NULL:
        return SZ_NO_MEMORY
    for i in range(<int32_t>(first // header.blocksize), <int32_t>(last // header.blocksize) + 1):
        status = blosc_decode_block(worker, src, n, &header, i, block)
        if status != SZ_OK:
            return status
        at = <Py_ssize_t>i * header.blocksize
        size = blosc_block_size(&header, i)
        sz_copy_run(chain.ndim, chain.shape, region.start, region.step, region.count, region.data, region.strides,
                    at // chain.itemsize, size // chain.itemsize, block, chain.itemsize, chain.transform)
    return SZ_OK


cdef int decode_in_order(Worker *worker, const Chain *chain, const char *src, size_t n, const Region *region,
                         int level) noexcept nogil:
    """A zstd chunk as far as the last wanted element.

    Where there are blocks they are decoded one after another, and each is placed while it is in cache.
    """
    cdef sz_zstd_frame frame
    cdef size_t first = region_offset(chain, region), last = first + region_extent(chain, region)
    cdef Py_ssize_t placed = first // chain.itemsize, whole
    cdef int status
    cdef char *dst = scratch(worker, level * SLOTS_PER_LEVEL + DECODED, chain.nbytes + SZ_ZSTD_SLACK)
    if dst == NULL:
        return SZ_NO_MEMORY
    if zstd_prefix(worker, src, n, chain.nbytes, last, dst):
        region_place(chain, region, dst, chain.transform)
        return SZ_OK
    if chain.nbytes < ZSTD_BLOCKS or not zstd_open(worker, src, n, chain.nbytes, &frame):
        return decode_whole(worker, chain, src, n, region, level)
    frame.dst = dst
    if frame.checked:
        last = chain.nbytes
    while frame.done < last:
        status = zstd_decode_more(worker, &frame)
        if status != SZ_OK:
            return status
        whole = frame.done // chain.itemsize
        if whole > placed:
            sz_copy_run(chain.ndim, chain.shape, region.start, region.step, region.count, region.data, region.strides,
                        placed, whole - placed, frame.dst + placed * chain.itemsize, chain.itemsize, chain.transform)
            placed = whole
    return SZ_OK


cdef int decode_whole(Worker *worker, const Chain *chain, const char *src, size_t n, const Region *region,
                      int level) noexcept nogil:
    """The last codec's output, all of it: straight into place, or through scratch."""
    cdef const Step *step = chain.steps[chain.nsteps - 1]
    cdef size_t size = chain.nbytes
    cdef bint direct = region_is_run(chain, region)
    cdef char *dst = region.data if direct else scratch(worker, level * SLOTS_PER_LEVEL + DECODED, chain.nbytes)
    cdef int status
    if dst == NULL:
        return SZ_NO_MEMORY
    status = step.decode(worker, step, src, n, dst, &size)
    if status == SZ_OK and size != chain.nbytes:
        status = SZ_TOO_SHORT
    if status != SZ_OK:
        return status
    if not direct:
        region_place(chain, region, dst, chain.transform)
    elif chain.transform != SZ_AS_IS:  # in place
        sz_copy(chain.ndim, chain.shape, dst, chain.strides, dst, chain.strides, chain.itemsize, chain.transform)
    return SZ_OK


cdef int decode_steps(Worker *worker, const Chain *chain, const char **src, size_t *n, int level, bint *done,
                      const Region *region) noexcept nogil:
    """Runs the bytes -> bytes codecs; *done when the last of them has put the chunk in place already."""
    cdef const Step *step
    cdef int i, status
    cdef int slot = level * SLOTS_PER_LEVEL + STEP_A
    cdef size_t size
    cdef char *dst = NULL
    done[0] = False
    for i in range(chain.nsteps):
        step = chain.steps[i]
        worker.culprit = step.name
        if i == chain.nsteps - 1 and chain.inner == NULL and not step.trims:
            done[0] = True
            if step.in_blocks and not region_is_run(chain, region):
                return decode_in_blocks(worker, chain, src[0], n[0], region, level)
            if step.in_order and not region_is_run(chain, region):
                return decode_in_order(worker, chain, src[0], n[0], region, level)
            return decode_whole(worker, chain, src[0], n[0], region, level)
        size = chain.limits[i]
        if not step.trims:
            dst = scratch(worker, slot + (i & 1), size)
            if dst == NULL:
                return SZ_NO_MEMORY
        status = step.decode(worker, step, src[0], n[0], dst, &size)
        if status != SZ_OK:
            return status
        if not step.trims:
            src[0] = dst
        n[0] = size
    return SZ_OK


cdef int decode_region(Worker *worker, const Chain *chain, const char *src, size_t n, const Region *region,
                       int level) noexcept nogil:
    """Decodes the chunk stored in the n bytes at src and puts the region's elements in place."""
    cdef Region permuted
    cdef Blob blob
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
        blob.memory, blob.size, blob.file, blob.get_ranges, blob.index = src, n, NULL, NULL, NULL
        return decode_shard(worker, chain, &blob, region, 0, 1, level)
    worker.culprit = "bytes"
    if n != chain.nbytes:
        return SZ_TOO_SHORT if n < chain.nbytes else SZ_TOO_LONG
    region_place(chain, region, src, chain.transform)
    return SZ_OK


cdef int decode_native(Worker *worker, const Chain *chain, const char *src, size_t n, char *dst, int level) noexcept nogil:
    """The whole chunk stored in the n bytes at src, in native form."""
    cdef Region region
    region_whole(chain, dst, &region)
    return decode_region(worker, chain, src, n, &region, level)


cdef int decode_start(Worker *worker, const Chain *chain, const char *src, size_t n, size_t wanted, char *dst,
                      int level) noexcept nogil:
    """As decode_native, but nothing is known of what lies behind the first `wanted` bytes; with SZ_ZSTD_SLACK more room."""
    cdef Py_ssize_t elements = wanted // chain.itemsize
    if chain.python != NULL or chain.inner != NULL or chain.nsteps != 1 or not chain.steps[0].in_order or (
            not zstd_prefix(worker, src, n, chain.nbytes, wanted, dst)):
        return decode_native(worker, chain, src, n, dst, level)
    if chain.transform != SZ_AS_IS:
        sz_copy(1, &elements, dst, &chain.itemsize, dst, &chain.itemsize, chain.itemsize, chain.transform)
    return SZ_OK


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
    if n > chain.most:
        return SZ_TOO_LONG
    raw = scratch(worker, level * SLOTS_PER_LEVEL + RAW, n)
    if raw == NULL:
        return SZ_NO_MEMORY
    status = sz_read(file, raw, n, offset)
    return decode_native(worker, chain, raw, n, dst, level) if status == SZ_OK else status


# ---------------------------------------------------------------- shards

cdef object fetch(const Blob *blob, list ranges):
    """Byte ranges of a stored object through its store: a list of bytes, or None where there is no such object."""
    parts = (<object>blob.get_ranges)(ranges)
    return parts if parts is None else [part if type(part) is bytes else bytes(part) for part in parts]


cdef int fetch_index(Worker *worker, const Chain *chain, const Blob *blob, char *dst) noexcept with gil:
    cdef Py_ssize_t n = chain.index_nbytes
    try:
        parts = fetch(blob, [(0 if chain.index_first else -n, n)])
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


cdef int shard_index(Worker *worker, const Chain *chain, const Blob *blob, int level,
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
    if blob.get_ranges == NULL and blob.size < n:
        return SZ_TRUNCATED
    at = 0 if chain.index_first else blob.size - n
    if blob.memory != NULL:
        src = blob.memory + at
    else:
        src = raw = scratch(worker, level * SLOTS_PER_LEVEL + INDEX_RAW, n)
        if raw == NULL:
            return SZ_NO_MEMORY
        if blob.file != NULL:
            status = sz_read(blob.file, raw, n, at)
        else:
            status = fetch_index(worker, chain, blob, raw)
        if status != SZ_OK:
            return status
    index[0] = <const uint64_t *>region.data
    return decode_region(worker, chain.index, src, n, &region, level)


cdef void inner_spans(const Chain *chain, const Region *region, Span *spans) noexcept nogil:
    cdef int d
    for d in range(chain.ndim):
        span_set(&spans[d], region.start[d], region.step[d], region.count[d], chain.shape[d] // chain.grid[d])


cdef Py_ssize_t inner_count(const Chain *chain, const Region *region) noexcept nogil:
    """How many inner chunks a region (in the order of the stored form) touches."""
    cdef Span spans[MAX_NDIM]
    cdef Py_ssize_t total = 1
    cdef int d
    inner_spans(chain, region, spans)
    for d in range(chain.ndim):
        total *= spans[d].rows
    return total


cdef Py_ssize_t inner_region(const Chain *chain, const Span *spans, const Region *region, Py_ssize_t number,
                             Region *sub) noexcept nogil:
    """The part of the region in inner chunk `number` of the product; returns the chunk's number in the shard."""
    cdef Row row
    cdef int d
    cdef Py_ssize_t inner = 0, scale = 1
    sub.data = region.data
    for d in range(chain.ndim - 1, -1, -1):
        span_row(&spans[d], number % spans[d].rows, &row)
        number //= spans[d].rows
        inner += row.chunk * scale
        scale *= chain.grid[d]
        sub.start[d] = row.src
        sub.step[d] = region.step[d]
        sub.count[d] = row.count
        sub.strides[d] = region.strides[d]
        sub.data += row.dst * region.strides[d]
    return inner


cdef int by_offset(const void *a, const void *b) noexcept nogil:
    cdef uint64_t x = (<const Entry *>a).offset, y = (<const Entry *>b).offset
    return (x > y) - (x < y)


cdef int locate(Worker *worker, const Chain *chain, const Blob *blob, const Wanted *wanted, Py_ssize_t first,
                Py_ssize_t last, int level, Entry *entries, Py_ssize_t *n) noexcept nogil:
    """Looks up wanted inner chunks first … last - 1: fills what is not stored, lists the others by offset."""
    cdef const uint64_t *index = blob.index
    cdef Py_ssize_t number, inner
    cdef uint64_t offset, nbytes
    cdef int status
    cdef bint sorted = True
    n[0] = 0
    if index == NULL:
        status = shard_index(worker, chain, blob, level, &index)
        if status != SZ_OK:
            return status
    worker.culprit = "sharding_indexed"
    for number in range(first, last):
        inner = wanted.number(wanted.what, number)
        offset, nbytes = index[2 * inner], index[2 * inner + 1]
        if offset == NOTHING and nbytes == NOTHING:
            wanted.fill(wanted.what, number)
            continue
        if nbytes > chain.inner.most or offset > LAST_BYTE - nbytes or (
                blob.get_ranges == NULL and offset + nbytes > blob.size):
            if level == 0:
                worker.inner = inner
            return SZ_CORRUPT
        entries[n[0]].offset, entries[n[0]].nbytes, entries[n[0]].number = offset, nbytes, number
        sorted = sorted and (n[0] == 0 or offset >= entries[n[0] - 1].offset)
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


cdef int fetch_runs(Worker *worker, const Blob *blob, const Entry *entries, Py_ssize_t n,
                    PyObject **fetched) noexcept with gil:
    """All runs through the store, in one call: a list of bytes."""
    cdef Py_ssize_t i = 0
    cdef uint64_t start, end
    try:
        ranges = []
        while i < n:
            start = entries[i].offset
            i = run_end(entries, n, i, REMOTE_GAP, REMOTE_RUN, &end)
            ranges.append((start, end - start))
        parts = fetch(blob, ranges)
        if parts is None:  # deleted since its index was read
            return SZ_MISSING
        if len(parts) != len(ranges):
            raise ValueError(f"get_ranges gave {len(parts)} values for {len(ranges)} ranges")
        Py_INCREF(parts)
        fetched[0] = <PyObject *>parts
        return SZ_OK
    except BaseException as error:
        return raised(worker, error)


cdef int decode_run(Worker *worker, const Wanted *wanted, const Entry *entries, Py_ssize_t first, Py_ssize_t last,
                    const char *src, uint64_t start, int level) noexcept nogil:
    """Decodes the inner chunks `first` … `last - 1` of the list, whose bytes lie at src, from offset `start` on."""
    cdef Py_ssize_t i
    cdef int status
    for i in range(first, last):
        if level == 0:
            worker.inner = wanted.number(wanted.what, entries[i].number)
        status = wanted.decode(worker, wanted.what, entries[i].number, src + (entries[i].offset - start),
                               entries[i].nbytes, level + 1)
        if status != SZ_OK:
            return status
    return SZ_OK


cdef int decode_entries(Worker *worker, const Chain *chain, const Blob *blob, const Wanted *wanted, const Entry *entries,
                        Py_ssize_t n, PyObject *parts, int level) noexcept nogil:
    """Reads the located inner chunks run by run and decodes them."""
    cdef Py_ssize_t i = 0, k, run = 0
    cdef uint64_t start, end
    cdef char *raw
    cdef const char *src
    cdef bint remote = parts != NULL, parted = blob.file != NULL and chain_is_raw(chain.inner)
    cdef int status = SZ_OK
    while i < n and status == SZ_OK:
        start = entries[i].offset
        if parted and entries[i].nbytes == chain.inner.nbytes and wanted.alone(wanted.what, entries[i].number):
            worker.inner = wanted.number(wanted.what, entries[i].number)
            status = wanted.read(worker, wanted.what, entries[i].number, blob.file, start, level + 1)
            i += 1
            continue
        k = run_end(entries, n, i, REMOTE_GAP if remote else LOCAL_GAP, REMOTE_RUN if remote else LOCAL_RUN, &end)
        if blob.memory != NULL:
            src = blob.memory + start
        elif remote:
            src = SZ_BYTES_AT(parts, run)
            if <uint64_t>SZ_LENGTH_AT(parts, run) != end - start:
                return SZ_TRUNCATED
        else:
            src = raw = scratch(worker, level * SLOTS_PER_LEVEL + RAW, end - start)
            status = sz_read(blob.file, raw, end - start, start) if raw != NULL else SZ_NO_MEMORY
        if status == SZ_OK:
            status = decode_run(worker, wanted, entries, i, k, src, start, level)
        run += 1
        i = k
    return status


cdef void forget(PyObject *parts) noexcept with gil:
    Py_DECREF(<object>parts)


cdef int walk_shard(Worker *worker, const Chain *chain, const Blob *blob, const Wanted *wanted, Py_ssize_t first,
                    Py_ssize_t last, int level) noexcept nogil:
    """Wanted inner chunks first … last - 1 of a shard: found, read and handed to who wants them."""
    cdef Py_ssize_t n
    cdef PyObject *fetched = NULL
    cdef int status
    cdef Entry *entries = <Entry *>scratch(worker, level * SLOTS_PER_LEVEL + ENTRIES, (last - first) * sizeof(Entry))
    if entries == NULL:
        return SZ_NO_MEMORY
    status = locate(worker, chain, blob, wanted, first, last, level, entries, &n)
    if status != SZ_OK or n == 0:
        return status
    if blob.get_ranges != NULL:
        status = fetch_runs(worker, blob, entries, n, &fetched)
        if status != SZ_OK:
            return status
    status = decode_entries(worker, chain, blob, wanted, entries, n, fetched, level)
    if fetched != NULL:
        forget(fetched)
    return status


# A region of a shard, as the walk sees it.
cdef struct Inner:
    const Chain *chain
    const Region *region
    Span spans[MAX_NDIM]


cdef Py_ssize_t inner_number(const void *what, Py_ssize_t k) noexcept nogil:
    cdef const Inner *inner = <const Inner *>what
    cdef Region sub
    return inner_region(inner.chain, inner.spans, inner.region, k, &sub)


cdef void inner_fill(const void *what, Py_ssize_t k) noexcept nogil:
    cdef const Inner *inner = <const Inner *>what
    cdef Region sub
    inner_region(inner.chain, inner.spans, inner.region, k, &sub)
    region_fill(inner.chain.inner, &sub)


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


cdef int decode_shard(Worker *worker, const Chain *chain, const Blob *blob, const Region *region, Py_ssize_t part,
                      Py_ssize_t parts, int level) noexcept nogil:
    """Part number `part` of `parts` of a region (in the order of the stored form) of a shard, put in place."""
    cdef Inner inner
    cdef Wanted wanted
    cdef Py_ssize_t total = inner_count(chain, region)
    inner.chain, inner.region = chain, region
    inner_spans(chain, region, inner.spans)
    wanted.what, wanted.number, wanted.fill = &inner, inner_number, inner_fill
    wanted.decode, wanted.alone, wanted.read = inner_decode, inner_alone, inner_read
    return walk_shard(worker, chain, blob, &wanted, total * part // parts, total * (part + 1) // parts, level)


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
