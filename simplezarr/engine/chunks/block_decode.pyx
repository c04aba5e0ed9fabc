"""Run the bytes codecs of a chunk. The last one copies the elements out: whole, or block by block from the cache."""

from libc.stdint cimport int32_t

from simplezarr.csrc cimport SZ_NO_MEMORY, SZ_OK, SZ_TOO_LONG, SZ_TOO_SHORT
from simplezarr.csrc.array cimport SZ_AS_IS, dst_at, sz_copy_run, sz_selection
from simplezarr.csrc.codecs cimport SZ_ZSTD_SLACK, sz_blosc1, sz_zstd_frame
from simplezarr.engine.chunks.in_flight cimport complete_chunk, has_waiters
from simplezarr.engine.chunks.pipeline cimport (
    Pipeline, Region, region_extent, region_is_run, region_keeps_order, region_offset, region_copy_out, region_selection,
    transform_chunk)
from simplezarr.engine.kernels.compressors cimport (
    CodecStep, blosc_block_size, blosc_decode_block, blosc_open, zstd_decode_more, zstd_open, zstd_prefix)
from simplezarr.engine.kernels.context cimport DECODED, SLOTS_PER_LEVEL, Context, pause, scratch, step_slot

cdef enum:
    ZSTD_BLOCKS = 256 << 10  # a zstd chunk of at least this size has several blocks


cdef int decode_in_blocks(Context *context, const Pipeline *pipeline, const char *src, size_t n, const Region *region,
                          int level) noexcept nogil:
    """Decode a Blosc chunk block by block, without the blocks that have no requested element.

    If the region has the order of the stored form, each block is copied out while it is in the cache.
    """
    cdef sz_blosc1 header
    cdef sz_selection selection
    cdef Py_ssize_t first = region_offset(pipeline, region), last = first + region_extent(pipeline, region) - 1
    cdef Py_ssize_t at, size
    cdef int32_t i
    cdef int status = blosc_open(src, n, &header)
    cdef char *block
    cdef char *dst
    cdef bint ordered
    cdef size_t shared
    if status != SZ_OK:
        return status
    if <size_t>header.nbytes != pipeline.nbytes:
        return SZ_TOO_LONG if <size_t>header.nbytes > pipeline.nbytes else SZ_TOO_SHORT
    if header.blocksize % pipeline.itemsize or has_waiters(context, pipeline, &shared):  # a block cuts an element
        return decode_whole(context, pipeline, src, n, region, level)
    ordered = region_keeps_order(pipeline, region)
    block = dst = scratch(context, level * SLOTS_PER_LEVEL + DECODED, header.blocksize if ordered else pipeline.nbytes)
    if dst == NULL:
        return SZ_NO_MEMORY
    selection = region_selection(pipeline, region)
    for i in range(<int32_t>(first // header.blocksize), <int32_t>(last // header.blocksize) + 1):
        at = <Py_ssize_t>i * header.blocksize
        if not ordered:
            block = dst + at
        status = blosc_decode_block(context, src, n, &header, i, block)
        if status == SZ_OK:
            status = pause(context)
        if status != SZ_OK:
            return status
        if ordered:
            size = blosc_block_size(&header, i)
            sz_copy_run(&selection, dst_at(region.data, region.strides), at // pipeline.itemsize,
                        size // pipeline.itemsize, block, pipeline.transform | context.nontemporal)
    return SZ_OK if ordered else region_copy_out(context, pipeline, region, dst, pipeline.transform | context.nontemporal)


cdef int decode_in_order(Context *context, const Pipeline *pipeline, const char *src, size_t n, const Region *region,
                         int level) noexcept nogil:
    """Decode a zstd chunk up to the last requested element.

    A chunk with several blocks is decoded one block after the other. If the region has the order of the stored form, each
    block is copied out while it is in the cache.
    """
    cdef sz_zstd_frame frame
    cdef sz_selection selection
    cdef size_t first = region_offset(pipeline, region), last = first + region_extent(pipeline, region)
    cdef size_t shared
    cdef Py_ssize_t placed = first // pipeline.itemsize, whole
    cdef int status
    cdef bint own = True  # this thread needs more elements, not only its waiters
    cdef bint ordered = region_keeps_order(pipeline, region)
    cdef char *dst = scratch(context, level * SLOTS_PER_LEVEL + DECODED, pipeline.nbytes + SZ_ZSTD_SLACK)
    if dst == NULL:
        return SZ_NO_MEMORY
    if zstd_prefix(context, src, n, pipeline.nbytes, last, dst) and not (
            has_waiters(context, pipeline, &shared) and shared > last):
        status = region_copy_out(context, pipeline, region, dst, pipeline.transform | context.nontemporal)
        if status == SZ_OK:
            complete_chunk(context, pipeline, dst, pipeline.transform)
        return status
    if pipeline.nbytes < ZSTD_BLOCKS or not zstd_open(context, src, n, pipeline.nbytes, &frame):
        return decode_whole(context, pipeline, src, n, region, level)
    frame.dst = dst
    selection = region_selection(pipeline, region)
    if frame.checked:
        last = pipeline.nbytes
    while own or (has_waiters(context, pipeline, &shared) and frame.done < shared):
        status = zstd_decode_more(context, &frame)
        if status != SZ_OK:
            return status if own else SZ_OK  # the waiters decode it themselves and report the error
        whole = frame.done // pipeline.itemsize
        if ordered and whole > placed:
            sz_copy_run(&selection, dst_at(region.data, region.strides), placed, whole - placed,
                        frame.dst + placed * pipeline.itemsize, pipeline.transform | context.nontemporal)
            placed = whole
        elif not ordered and own and frame.done >= last:
            status = region_copy_out(context, pipeline, region, frame.dst, pipeline.transform | context.nontemporal)
        if status == SZ_OK:
            status = pause(context)
        if status != SZ_OK:
            return status
        own = frame.done < last
    complete_chunk(context, pipeline, frame.dst, pipeline.transform)
    return SZ_OK


cdef int decode_whole(Context *context, const Pipeline *pipeline, const char *src, size_t n, const Region *region,
                      int level) noexcept nogil:
    """Decode all of the last codec's output: directly into its destination, or through scratch."""
    cdef const CodecStep *step = pipeline.steps[pipeline.nsteps - 1]
    cdef size_t size = pipeline.nbytes
    cdef bint direct = region_is_run(pipeline, region)
    cdef char *dst = region.data if direct else scratch(context, level * SLOTS_PER_LEVEL + DECODED, pipeline.nbytes)
    cdef int status
    if dst == NULL:
        return SZ_NO_MEMORY
    status = step.decode(context, step, src, n, dst, &size)
    if status == SZ_OK and size != pipeline.nbytes:
        status = SZ_TOO_SHORT
    if status != SZ_OK:
        return status
    if not direct:
        status = region_copy_out(context, pipeline, region, dst, pipeline.transform | context.nontemporal)
    elif pipeline.transform != SZ_AS_IS:
        status = transform_chunk(context, pipeline, dst, pipeline.transform)
    if status != SZ_OK:
        return status
    complete_chunk(context, pipeline, dst, SZ_AS_IS if direct else pipeline.transform)
    return SZ_OK


cdef int decode_steps(Context *context, const Pipeline *pipeline, const char **src, size_t *n, int level, bint *done,
                      const Region *region) noexcept nogil:
    """Run the bytes -> bytes codecs. *done is whether the last of them has copied the chunk to its destination."""
    cdef const CodecStep *step
    cdef int i, status
    cdef size_t size
    cdef char *dst = NULL
    done[0] = False
    for i in range(pipeline.nsteps):
        step = pipeline.steps[i]
        context.culprit = step.name
        if i == pipeline.nsteps - 1 and pipeline.inner == NULL and not step.trims:
            done[0] = True
            if step.in_blocks and not region_is_run(pipeline, region):
                return decode_in_blocks(context, pipeline, src[0], n[0], region, level)
            if step.in_order and not region_is_run(pipeline, region):
                return decode_in_order(context, pipeline, src[0], n[0], region, level)
            return decode_whole(context, pipeline, src[0], n[0], region, level)
        size = pipeline.limits[i]
        if not step.trims:
            dst = scratch(context, step_slot(context, src[0], level), size)
            if dst == NULL:
                return SZ_NO_MEMORY
        status = step.decode(context, step, src[0], n[0], dst, &size)
        if status != SZ_OK:
            return status
        if not step.trims:
            src[0] = dst
        n[0] = size
    return SZ_OK
