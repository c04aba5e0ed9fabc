"""Decode, read, fill and copy the requested regions of one chunk.

A single region is decoded directly into its destination. If there are several, or if elements are cast, the chunk's native
form is made first, up to the last element that they need, unless the stored form is the same. A few small regions of an
uncompressed chunk in a local file are read without the rest.
"""

from libc.stdint cimport int64_t

from simplezarr.csrc cimport SZ_NO_MEMORY, SZ_OK
from simplezarr.csrc.array cimport SZ_AS_IS, box_of, dst_at, src_at, sz_box, sz_copy_contiguous, sz_points
from simplezarr.csrc.codecs cimport SZ_ZSTD_SLACK
from simplezarr.csrc.io cimport sz_file, sz_read
from simplezarr.engine.chunks.decode cimport RAW_ALONE, decode_start, read_native, read_raw
from simplezarr.engine.chunks.in_flight cimport complete_chunk
from simplezarr.engine.chunks.moves cimport Cast, Move, cast_elements, move_points, place_along, region_cast_out
from simplezarr.engine.chunks.pipeline cimport (
    Pipeline, Region, in_pieces, pipeline_is_raw, region_box, region_copy_out, region_extent, region_fill, region_offset,
    region_permute)
from simplezarr.engine.chunks.shard_reader cimport InnerChunkVisitor
from simplezarr.engine.geometry.plan cimport MAX_NDIM
from simplezarr.engine.jobs.region_table cimport RequestLayout, TouchedChunk, TouchedObject, batch_region, find_chunk
from simplezarr.engine.kernels.context cimport CHUNK_SLOT, Context, pause, scratch

cdef enum:
    READ_COST = 8 << 10  # another read costs as much as reading so many bytes more
    REGION_COST = 256    # another region costs as much as reading so many bytes more

# A range of bytes of a chunk's native form.
cdef struct ByteWindow:
    Py_ssize_t start
    Py_ssize_t n


# ---------------------------------------------------------------- copying

# The box of a chunk on the axes without points.
cdef struct ChunkBox:
    int ndim
    Py_ssize_t shape[MAX_NDIM]
    Py_ssize_t strides[MAX_NDIM]      # in the chunk's native form
    Py_ssize_t dst_strides[MAX_NDIM]  # in the caller's buffer
    int converted                     # the axis along which the factors of a conversion go, or -1


cdef void find_box(const RequestLayout *layout, const TouchedChunk *chunk, ChunkBox *box) noexcept nogil:
    """Find the box on the axes without points, except those of one element."""
    cdef int d
    cdef Py_ssize_t count
    box.ndim, box.converted = 0, -1
    for d in range(layout.ndim):
        count = chunk.region.count[layout.order[d]]
        if layout.list_of[d] < 0 and count > 1:
            box.shape[box.ndim] = count
            box.strides[box.ndim] = layout.strides[d] * layout.slices[d].step
            box.dst_strides[box.ndim] = layout.dst_strides[d]
            if d == layout.converted:
                box.converted = box.ndim
            box.ndim += 1


cdef int move_region(Context *context, const RequestLayout *layout, const Region *region,
                     const char *native) noexcept nogil:
    """Copy a region from the chunk's native form to its destination. If `native` is NULL, fill it."""
    cdef const Pipeline *pipeline = layout.pipeline
    cdef Region stored
    if native == NULL and layout.cast == NULL:
        return region_fill(context, pipeline, region)
    region_permute(pipeline, region, &stored)
    if layout.cast != NULL:
        return region_cast_out(context, pipeline, &stored, native, layout.cast)
    return region_copy_out(context, pipeline, &stored, native, SZ_AS_IS | context.nontemporal)


cdef int copy_out(Context *context, const RequestLayout *layout, const TouchedChunk *chunk,
                  const char *native) noexcept nogil:
    """Copy all regions of a chunk from its native form to their destinations. If `native` is NULL, fill them."""
    cdef Region region
    cdef ChunkBox box
    cdef Move move
    cdef Py_ssize_t i
    cdef int status = SZ_OK
    if chunk.regions == 1:
        return move_region(context, layout, &chunk.region, native)
    if layout.batch == NULL:
        find_box(layout, chunk, &box)
        move.cast, move.box = layout.cast, box_of(box.ndim, box.shape, layout.pipeline.itemsize)
        move.dst, move.src, move.value = dst_at(chunk.data, box.dst_strides), src_at(native, box.strides), NULL
        move.transform = layout.transform
        if layout.cast != NULL:
            move.conversion = layout.cast.conversion
            move.conversion.axis = box.converted
            move.conversion.scale += chunk.region.along
            move.conversion.offset += chunk.region.along
        if native != NULL:
            move.src.data += chunk.src
        else:
            move.value = layout.pipeline.fill
        return move_points(context, layout.nlists, chunk.lists, &move)
    for i in range(chunk.regions):
        batch_region(layout, chunk.lists[0].dst[i], &region)
        status = move_region(context, layout, &region, native)
        if status == SZ_OK:
            status = pause(context)
        if status != SZ_OK:
            break
    return status


cdef int copy_extent(Context *context, const RequestLayout *layout, const Region *stored, const char *src,
                     Py_ssize_t nbytes) noexcept nogil:
    """Copy a region (in stored order) of an uncompressed chunk to its places.

    src: the stored form from the region's first element to its last, which has so many bytes.
    """
    cdef const Pipeline *pipeline = layout.pipeline
    cdef Py_ssize_t start = region_offset(pipeline, stored)
    cdef char *native
    if layout.cast == NULL:
        return region_copy_out(context, pipeline, stored, src - start, pipeline.transform | context.nontemporal)
    native = scratch(context, CHUNK_SLOT, nbytes)
    if native == NULL:
        return SZ_NO_MEMORY
    sz_copy_contiguous(native, src, nbytes // pipeline.itemsize, pipeline.itemsize, pipeline.transform)
    return region_cast_out(context, pipeline, stored, native - start, layout.cast)


cdef int copy_in(Context *context, const RequestLayout *layout, const TouchedChunk *chunk, char *native) noexcept nogil:
    """Copy all regions from their sources into the chunk at `native`, in the order of the points.

    Batches are only read.
    """
    cdef ChunkBox box
    cdef Move move
    cdef sz_points lists[MAX_NDIM]
    cdef int j
    find_box(layout, chunk, &box)
    for j in range(layout.nlists):
        lists[j].n, lists[j].src, lists[j].dst = chunk.lists[j].n, chunk.lists[j].dst, chunk.lists[j].src
    move.cast, move.value, move.box = NULL, NULL, box_of(box.ndim, box.shape, layout.pipeline.itemsize)
    move.dst, move.src = dst_at(native + chunk.src, box.strides), src_at(chunk.data, box.dst_strides)
    move.transform = SZ_AS_IS
    return move_points(context, layout.nlists, lists, &move)


# ---------------------------------------------------------------- decoding and reading

cdef void region_window(const RequestLayout *layout, const TouchedChunk *chunk, Py_ssize_t number,
                        ByteWindow *window) noexcept nogil:
    """Find the bytes of the chunk's native form from the first to the last element of region `number`.

    All regions have one size, except in a batch. If number is not 0, `window` must hold that of another region.
    """
    cdef Region region, stored
    cdef int j
    if layout.batch == NULL and number:
        window.start = chunk.src
        for j in range(layout.nlists - 1, -1, -1):
            window.start += chunk.lists[j].src[number % chunk.lists[j].n]
            number //= chunk.lists[j].n
        return
    if number:
        batch_region(layout, chunk.lists[0].dst[number], &region)
    region_permute(layout.pipeline, &region if number else &chunk.region, &stored)
    window.n = region_extent(layout.pipeline, &stored)
    window.start = region_offset(layout.pipeline, &stored)


cdef Py_ssize_t regions_end(const TouchedObject *object, const TouchedChunk *chunk) noexcept nogil:
    """Return the bytes of the native form up to the last requested element, or all of them if there are many regions."""
    cdef const Pipeline *pipeline = object.layout.pipeline
    cdef Py_ssize_t end = 0, i
    cdef ByteWindow window
    if chunk.regions > <Py_ssize_t>pipeline.nbytes // REGION_COST:
        return pipeline.nbytes
    for i in range(chunk.regions):
        region_window(object.layout, chunk, i, &window)
        end = max(end, window.start + window.n)
    return end


cdef int decode_several(Context *context, const TouchedObject *object, const TouchedChunk *chunk, const char *src, size_t n,
                        int level) noexcept nogil:
    """Decode a chunk through its native form."""
    cdef const Pipeline *pipeline = object.layout.pipeline
    cdef char *native
    cdef int status
    if pipeline_is_raw(pipeline) and pipeline.transform == SZ_AS_IS and n == pipeline.nbytes:
        complete_chunk(context, pipeline, src, SZ_AS_IS)
        return copy_out(context, object.layout, chunk, src)  # the stored form is the native one
    native = scratch(context, CHUNK_SLOT, pipeline.nbytes + SZ_ZSTD_SLACK)
    if native == NULL:
        return SZ_NO_MEMORY
    status = decode_start(context, pipeline, src, n, regions_end(object, chunk), native, level)
    return copy_out(context, object.layout, chunk, native) if status == SZ_OK else status


cdef Py_ssize_t read_windows(const TouchedObject *object, const TouchedChunk *chunk, const sz_file *file, int64_t offset,
                             char *native, int *status) noexcept nogil:
    """Read what the regions need of an uncompressed chunk into its native form. Return the cost, in bytes.

    Regions that follow each other closely are read together. If `file` is NULL, nothing is read, and counting ends at the
    cost of the whole chunk.
    """
    cdef const Pipeline *pipeline = object.layout.pipeline
    cdef Py_ssize_t cost = 0, start = 0, end = 0, nbytes = pipeline.nbytes, i
    cdef ByteWindow window
    if chunk.regions > nbytes // REGION_COST:
        return nbytes
    for i in range(chunk.regions):
        region_window(object.layout, chunk, i, &window)
        if i and start <= window.start <= end + READ_COST:
            end = max(end, window.start + window.n)
            continue
        cost += read_window(pipeline, file, offset, native, start, end, status)
        start, end = window.start, window.start + window.n
        if cost >= nbytes or status[0] != SZ_OK:
            return cost
    return cost + read_window(pipeline, file, offset, native, start, end, status)


cdef Py_ssize_t read_window(const Pipeline *pipeline, const sz_file *file, int64_t offset, char *native, Py_ssize_t start,
                            Py_ssize_t end, int *status) noexcept nogil:
    cdef Py_ssize_t n = (end - start) // pipeline.itemsize
    if file != NULL and n:
        status[0] = sz_read(file, native + start, end - start, offset + start)
        if pipeline.transform != SZ_AS_IS:
            sz_copy_contiguous(native + start, native + start, n, pipeline.itemsize, pipeline.transform)
    return end - start + READ_COST


# What is needed to read an uncompressed chunk whose elements are cast.
cdef struct CastRead:
    const Cast *cast
    const Region *whole   # in stored order
    const sz_file *file
    int64_t offset
    int level


cdef int read_cast_piece(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef const CastRead *read = <const CastRead *>what
    cdef Region piece = region[0], stored, stored_piece
    cdef sz_box box
    cdef Py_ssize_t nbytes = pipeline.itemsize
    cdef int i, status
    for i in range(pipeline.ndim - 1, -1, -1):
        piece.strides[i] = nbytes
        nbytes *= region.count[i]
    piece.data = scratch(context, CHUNK_SLOT, nbytes)
    if piece.data == NULL:
        return SZ_NO_MEMORY
    status = read_raw(context, pipeline, read.file, read.offset, &piece, read.level)
    if status != SZ_OK:
        return status
    region_permute(pipeline, region, &stored)
    region_permute(pipeline, &piece, &stored_piece)
    box = region_box(pipeline, &stored)
    return cast_elements(context, read.cast, place_along(read.cast, read.whole, &stored), &box,
                         dst_at(stored.data, stored.strides), src_at(stored_piece.data, stored_piece.strides))


cdef int read_several(Context *context, const TouchedObject *object, const TouchedChunk *chunk, const sz_file *file,
                      int64_t offset, int level) noexcept nogil:
    """Read an uncompressed chunk through its native form: only what the regions need, if that costs less."""
    cdef const Pipeline *pipeline = object.layout.pipeline
    cdef CastRead read
    cdef Region whole
    cdef char *native
    cdef int status = SZ_OK
    if chunk.regions == 1:  # so its elements are cast
        region_permute(pipeline, &chunk.region, &whole)
        read.cast, read.whole = object.layout.cast, &whole
        read.file, read.offset, read.level = file, offset, level
        return in_pieces(context, pipeline, &chunk.region, read_cast_piece, &read)
    native = scratch(context, CHUNK_SLOT, pipeline.nbytes)
    if native == NULL:
        return SZ_NO_MEMORY
    if read_windows(object, chunk, NULL, 0, NULL, &status) < <Py_ssize_t>pipeline.nbytes:
        context.culprit = "bytes"
        read_windows(object, chunk, file, offset, native, &status)
    else:
        status = read_native(context, pipeline, file, offset, pipeline.nbytes, native, level)
    return copy_out(context, object.layout, chunk, native) if status == SZ_OK else status


# ---------------------------------------------------------------- inner chunks

cdef inline const TouchedChunk *seek(const void *what, Py_ssize_t k) noexcept nogil:
    """Return chunk number k. Callers often ask for the same one several times."""
    cdef ChunkCursor *cursor = <ChunkCursor *>what
    if cursor.k != k:
        find_chunk(cursor.object, k, &cursor.chunk)
        cursor.k = k
    return &cursor.chunk


cdef Py_ssize_t inner_number(const void *what, Py_ssize_t k) noexcept nogil:
    return seek(what, k).number


cdef int fill_inner(Context *context, const void *what, Py_ssize_t k) noexcept nogil:
    return copy_out(context, (<const ChunkCursor *>what).object.layout, seek(what, k), NULL)


cdef int decode_inner(Context *context, const void *what, Py_ssize_t k, const char *src, size_t n,
                      int level) noexcept nogil:
    return decode_regions(context, (<const ChunkCursor *>what).object, seek(what, k), src, n, level)


cdef bint reads_alone(const void *what, Py_ssize_t k) noexcept nogil:
    """Return whether to read an uncompressed chunk by itself instead of together with its neighbours."""
    cdef const TouchedObject *object = (<const ChunkCursor *>what).object
    cdef Py_ssize_t nbytes = object.layout.pipeline.nbytes
    cdef int status = SZ_OK
    if nbytes >= RAW_ALONE or object.layout.nlists == 0:
        return nbytes >= RAW_ALONE
    return read_windows(object, seek(what, k), NULL, 0, NULL, &status) < nbytes


cdef int read_inner(Context *context, const void *what, Py_ssize_t k, const sz_file *file, int64_t offset,
                    int level) noexcept nogil:
    return read_regions(context, (<const ChunkCursor *>what).object, seek(what, k), file, offset, level)


cdef InnerChunkVisitor visitor(ChunkCursor *cursor, const TouchedObject *shard) noexcept nogil:
    """Return the visitor that gives `read_inner_chunks` the requested chunks of a shard."""
    cdef InnerChunkVisitor made
    cursor.object, cursor.k = shard, -1
    made.what, made.number, made.fill = cursor, inner_number, fill_inner
    made.decode, made.read_alone, made.read = decode_inner, reads_alone, read_inner
    return made
