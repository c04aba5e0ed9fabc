"""Encode the caller's buffer through a pipeline to stored bytes, without the GIL.

One strided copy makes the stored form. There is no copy if the chunk's elements are one contiguous run of it already.
Nothing is read or written here, and no memory is used except the context's scratch.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcpy, memset

import numpy as np

from simplezarr.csrc cimport SZ_NO_MEMORY, SZ_OK
from simplezarr.csrc.array cimport SZ_AS_IS
from simplezarr.csrc.io cimport sz_segment
from simplezarr.csrc.memory cimport sz_add
from simplezarr.engine.chunks.byte_source cimport NOT_STORED
from simplezarr.engine.chunks.decode cimport index_region
from simplezarr.engine.chunks.moves cimport copy_values, has_other_elements
from simplezarr.engine.chunks.pipeline cimport (
    UNBOUNDED, CodecPipeline, appended, encoded_bound, fill_chunk, give_back, region_is_all, region_is_run, region_permute,
    region_whole, transform_chunk)
from simplezarr.engine.chunks.shard_reader cimport inner_count, inner_region, inner_slices
from simplezarr.engine.geometry.plan cimport MAX_NDIM, AxisSlice
from simplezarr.engine.kernels.compressors cimport CodecStep
from simplezarr.engine.kernels.context cimport (
    BODY, DECODED, NEW_INDEX, PARTS, RAISED, REFUSED, SLOTS_PER_LEVEL, STEP_A, STOPPED, bytes_at, copy_bytes, pause, raised,
    scratch, scratch_grown, step_slot, context_acquire)

cnp.import_array()

cdef uint64_t KEPT = <uint64_t>1 << 62       # no file is that long


# ---------------------------------------------------------------- chunks

cdef char *output(Context *context, const Pipeline *pipeline, int i, const char *src, size_t n, char *dst,
                  int level) noexcept nogil:
    """Return memory for n bytes that step i makes of src (for i = nsteps: for the stored form).

    That is dst if only checksums follow, otherwise scratch that src does not lie in.
    """
    cdef size_t behind = appended(pipeline, i)
    cdef int slot = level * SLOTS_PER_LEVEL + DECODED if i == pipeline.nsteps else step_slot(context, src, level)
    cdef int k = i
    while k > 0 and pipeline.steps[k - 1].trims:
        k -= 1
    if dst != NULL and k == 0:
        return dst
    return scratch(context, slot, n + behind)


cdef int encode_steps(Context *context, const Pipeline *pipeline, const char *src, size_t n, bint ours, char *dst,
                      sz_segment *out, int level) noexcept nogil:
    """Run the bytes -> bytes codecs. `ours`: the memory at src has room for checksums behind its n bytes."""
    cdef const CodecStep *step
    cdef char *made
    cdef size_t size
    cdef int i, status
    for i in range(pipeline.nsteps - 1, -1, -1):
        step = pipeline.steps[i]
        context.culprit = step.name
        size = step.bound(step, n)
        made = <char *>src if step.trims and ours else output(context, pipeline, i, src, size, dst, level)
        if made == NULL:
            return SZ_NO_MEMORY
        status = step.encode(context, step, src, n, made, &size)
        if status != SZ_OK:
            return status if status in (SZ_NO_MEMORY, RAISED, STOPPED) else REFUSED
        src, n, ours = made, size, True
    status = SZ_OK
    if dst != NULL and src != dst:
        status = copy_bytes(context, dst, src, n)
        src = dst
    out.data, out.n = src, n
    return status


cdef int encode_stored(Context *context, const Pipeline *pipeline, const char *src, bint ours, bint keep_empty, char *dst,
                       sz_segment *out, int level) noexcept nogil:
    """Encode the stored form at src, unless all of it is the fill value."""
    cdef bint others = True
    cdef int status = SZ_OK
    if not keep_empty:
        status = has_other_elements(context, pipeline, src, pipeline.stored_fill, &others)
    out.data, out.n = NULL, 0
    if status != SZ_OK or not others:
        return status
    return encode_steps(context, pipeline, src, pipeline.nbytes, ours, dst, out, level)


cdef int encode_region(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
                       sz_segment *out, int level) noexcept nogil:
    """Encode a chunk: the region, which begins at the chunk's first element and has no gaps, and fill value behind it.

    If all of it is the fill value, *out has no data, unless such chunks are kept. Otherwise *out says where the bytes are:
    at dst if that is given (with room for `encoded_bound`), in scratch, or in the caller's buffer itself.
    """
    cdef Region permuted
    cdef char *buffer
    cdef int status = SZ_OK
    if pipeline.python != NULL:
        return encode_python(context, pipeline, region, values, dst, out, level)
    if pipeline.permuted:
        region_permute(pipeline, region, &permuted)
        region = &permuted
    if pipeline.inner != NULL:
        return encode_shard(context, pipeline, region, values, dst, out, level)
    if values.cast.source == NULL and pipeline.transform == values.swap and region_is_run(pipeline, region):
        return encode_stored(context, pipeline, region.data, False, values.keep_empty, dst, out, level)
    buffer = output(context, pipeline, pipeline.nsteps, NULL, pipeline.nbytes, dst, level)
    if buffer == NULL:
        return SZ_NO_MEMORY
    if not region_is_all(pipeline, region):
        status = fill_chunk(context, pipeline, buffer, pipeline.stored_fill)
    if status == SZ_OK:
        status = copy_values(context, pipeline, region, values, buffer, pipeline.transform)
    if status != SZ_OK:
        return status
    return encode_stored(context, pipeline, buffer, True, values.keep_empty, dst, out, level)


cdef int encode_native(Context *context, const Pipeline *pipeline, char *native, bint keep_empty, char *dst,
                       sz_segment *out, int level) noexcept nogil:
    """Encode a whole chunk in native form, in memory of `native_room` bytes, which it changes; *out as above."""
    cdef Region region
    cdef Values values
    cdef int status = SZ_OK
    if pipeline.inner != NULL or pipeline.python != NULL:
        values.keep_empty, values.swap, values.cast.source = keep_empty, 0, NULL
        region_whole(pipeline, native, &region)
        return encode_region(context, pipeline, &region, &values, dst, out, level)
    if pipeline.transform != SZ_AS_IS:
        status = transform_chunk(context, pipeline, native, pipeline.transform)
    if status != SZ_OK:
        return status
    return encode_stored(context, pipeline, native, True, keep_empty, dst, out, level)


cdef int encode_python(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
                       sz_segment *out, int level) noexcept with gil:
    """Encode a chunk through codecs in plain Python, which get a new array."""
    cdef char *data
    cdef int status = SZ_OK
    cdef bint others = True
    try:
        shape = tuple([pipeline.shape[i] for i in range(pipeline.ndim)])
        array = np.empty(shape, (<object>pipeline.python).specs[0].dtype.numpy)
        data = <char *>cnp.PyArray_DATA(array)
        if not region_is_all(pipeline, region):
            status = fill_chunk(context, pipeline, data, pipeline.fill)
        if status == SZ_OK:
            status = copy_values(context, pipeline, region, values, data, SZ_AS_IS)
        if status == SZ_OK and not values.keep_empty:
            status = has_other_elements(context, pipeline, data, pipeline.fill, &others)
        out.data, out.n = NULL, 0
        if status != SZ_OK or not others:
            return status
        encoded = (<object>pipeline.python).encode(array)
        data = dst if dst != NULL else scratch(context, level * SLOTS_PER_LEVEL + STEP_A, len(encoded))
        if data == NULL:
            return SZ_NO_MEMORY
        memcpy(data, PyBytes_AS_STRING(encoded), len(encoded))
        out.data, out.n = data, len(encoded)
        return SZ_OK
    except BaseException as error:
        return raised(context, error)


# ---------------------------------------------------------------- shards

cdef int shard_begin(Context *context, ShardBuilder *shard, const Pipeline *pipeline, int level) noexcept nogil:
    """Begin an empty shard in the context's scratch."""
    shard.pipeline, shard.level, shard.memory, shard.old = pipeline, level, NULL, NULL
    shard.used = pipeline.index_nbytes if pipeline.index_first else 0
    shard.entries = <uint64_t *>scratch(context, level * SLOTS_PER_LEVEL + NEW_INDEX, 16 * pipeline.ninner)
    if shard.entries == NULL:
        return SZ_NO_MEMORY
    memset(shard.entries, 0xff, 16 * pipeline.ninner)
    return shard_reserve(context, shard, 0)


cdef int shard_reserve(Context *context, ShardBuilder *shard, size_t n) noexcept nogil:
    """Make room for n more bytes of inner chunks. `memory` may move."""
    shard.memory = scratch_grown(context, shard.level * SLOTS_PER_LEVEL + BODY,
                                 shard.used + n + shard.pipeline.index_nbytes
                                 + appended(shard.pipeline, shard.pipeline.nsteps))
    return SZ_OK if shard.memory != NULL else SZ_NO_MEMORY


cdef void shard_add(ShardBuilder *shard, Py_ssize_t inner, const sz_segment *part) noexcept nogil:
    """Add an encoded inner chunk, for which there must be room. Several threads may do this at the same time."""
    cdef int64_t at
    if part.data == NULL:
        return
    at = sz_add(&shard.used, part.n)
    if part.data != shard.memory + at:
        memcpy(shard.memory + at, part.data, part.n)
    shard.entries[2 * inner], shard.entries[2 * inner + 1] = at, part.n


cdef void extend(sz_segment *segments, size_t *n, const char *data, int64_t offset, size_t nbytes) noexcept nogil:
    """Append bytes in memory or, if data is NULL, of the old file. Extend the last segment if they follow it."""
    cdef sz_segment *last = &segments[n[0] - 1] if n[0] else NULL
    if last != NULL and (last.data + last.n == data if last.data != NULL and data != NULL else
                         last.data == data and last.offset + <int64_t>last.n == offset):
        last.n += nbytes
    else:
        segments[n[0]].data, segments[n[0]].n, segments[n[0]].offset = data, nbytes, offset
        n[0] += 1


cdef void extend_inner(const ShardBuilder *shard, Py_ssize_t inner, sz_segment *segments, size_t *n) noexcept nogil:
    """Add an inner chunk, new or kept."""
    cdef uint64_t offset = shard.entries[2 * inner]
    cdef const char *data = shard.memory
    if offset & KEPT:
        offset, data = offset & ~KEPT, shard.old
    extend(segments, n, data + offset if data != NULL else NULL, offset, shard.entries[2 * inner + 1])


cdef int put_index(Context *context, ShardBuilder *shard, char *dst) noexcept nogil:
    cdef Region region
    cdef Values values
    cdef sz_segment out
    cdef int status
    values.keep_empty, values.swap, values.cast.source = True, 0, NULL
    index_region(shard.pipeline, shard.entries, &region)
    status = encode_region(context, shard.pipeline.index, &region, &values, NULL, &out, shard.level)
    if status != SZ_OK:
        return status
    context.culprit = "sharding_indexed"
    if out.n != shard.pipeline.index_nbytes:
        return REFUSED
    memcpy(dst, out.data, out.n)
    return SZ_OK


cdef int shard_finish(Context *context, ShardBuilder *shard, bint keep_empty, sz_segment **segments,
                      size_t *n) noexcept nogil:
    """Return the shard's bytes as n segments: the inner chunks in the order of writing, and the index.

    *n is 0 if there is no inner chunk, unless such shards are kept, and 1 if the inner chunks were added in that order. The
    entries become those of the index.
    """
    cdef const Pipeline *pipeline = shard.pipeline
    cdef uint64_t at = pipeline.index_nbytes if pipeline.index_first else 0
    cdef char *index
    cdef Py_ssize_t i, k, stored = 0
    cdef int status
    segments[0] = <sz_segment *>scratch(
        context, shard.level * SLOTS_PER_LEVEL + PARTS, (pipeline.ninner + 1) * sizeof(sz_segment))
    if segments[0] == NULL:
        return SZ_NO_MEMORY
    n[0] = 0
    index = shard.memory if pipeline.index_first else shard.memory + shard.used
    if pipeline.index_first:
        extend(segments[0], n, index, 0, pipeline.index_nbytes)
    for k in range(pipeline.ninner):
        i = k if pipeline.write_order == NULL else pipeline.write_order[k]
        if shard.entries[2 * i] == NOT_STORED:
            shard.entries[2 * i + 1] = NOT_STORED
            continue
        extend_inner(shard, i, segments[0], n)
        shard.entries[2 * i] = at
        at += shard.entries[2 * i + 1]
        stored += 1
    if stored == 0 and not keep_empty:
        n[0] = 0
        return SZ_OK
    status = put_index(context, shard, index)
    if not pipeline.index_first:
        extend(segments[0], n, index, 0, pipeline.index_nbytes)
    return status


cdef int join_segments(Context *context, const ShardBuilder *shard, sz_segment *segments, size_t n) noexcept nogil:
    """Join the segments of a shard that were added in another order; the first then holds the whole shard."""
    cdef size_t i, at = 0, room = shard.used + shard.pipeline.index_nbytes + appended(shard.pipeline, shard.pipeline.nsteps)
    cdef char *joined = scratch(context, shard.level * SLOTS_PER_LEVEL + DECODED, room)
    for i in range(n if joined != NULL else 0):
        memcpy(joined + at, segments[i].data, segments[i].n)
        at += segments[i].n
    segments[0].data, segments[0].n = joined, at
    return SZ_OK if joined != NULL else SZ_NO_MEMORY


cdef int encode_shard(Context *context, const Pipeline *pipeline, const Region *region, const Values *values, char *dst,
                      sz_segment *out, int level) noexcept nogil:
    """Encode a shard whose inner chunks are those of the region (in stored order), and the codecs around it."""
    cdef AxisSlice slices[MAX_NDIM]
    cdef Region sub
    cdef ShardBuilder shard
    cdef sz_segment *segments
    cdef size_t n, bound = encoded_bound(pipeline.inner)
    cdef Py_ssize_t number, inner
    cdef int status = shard_begin(context, &shard, pipeline, level)
    inner_slices(pipeline, region, slices)
    for number in range(inner_count(pipeline, region)):
        if status == SZ_OK:
            inner = inner_region(pipeline, slices, region, number, &sub)
            if level == 0:
                context.inner = inner
            status = shard_encode(context, &shard, inner, &sub, values, bound)
        if status == SZ_OK:
            status = pause(context)
    if status == SZ_OK:
        status = shard_finish(context, &shard, False, &segments, &n)
    out.data, out.n = NULL, 0
    if status != SZ_OK or n == 0:
        return status
    if n > 1 and join_segments(context, &shard, segments, n) != SZ_OK:
        return SZ_NO_MEMORY
    return encode_steps(context, pipeline, segments[0].data, segments[0].n, True, dst, out, level)


cdef int shard_encode(Context *context, ShardBuilder *shard, Py_ssize_t inner, const Region *region, const Values *values,
                      size_t bound) noexcept nogil:
    """Encode an inner chunk directly into the shard, or through scratch if its encoded size has no bound."""
    cdef sz_segment part
    cdef int status = shard_reserve(context, shard, bound) if bound != UNBOUNDED else SZ_OK
    if status == SZ_OK:
        status = encode_region(context, shard.pipeline.inner, region, values,
                               shard.memory + shard.used if bound != UNBOUNDED else NULL, &part, shard.level + 1)
    if status == SZ_OK and bound == UNBOUNDED:
        status = shard_reserve(context, shard, part.n)
    if status == SZ_OK:
        shard_add(shard, inner, &part)
    return status


# ---------------------------------------------------------------- for Python

cdef int encode_array(Context *context, const Pipeline *pipeline, array, bint keep_empty, sz_segment *out):
    cdef Region region
    cdef Values values
    cdef int i, status
    values.keep_empty, values.swap, values.cast.source = keep_empty, 0, NULL
    region.data = <char *>cnp.PyArray_DATA(array)
    for i in range(pipeline.ndim):
        region.start[i], region.step[i], region.count[i] = 0, 1, cnp.PyArray_DIM(array, i)
        region.strides[i] = cnp.PyArray_STRIDE(array, i)
    with nogil:
        status = encode_region(context, pipeline, &region, &values, NULL, out, 0)
    return status


def encode_chunk(CodecPipeline pipeline, array):
    """Return the encoded bytes of a whole chunk: an array of the pipeline's shape and data type, with any strides.

    Inner chunks that are all fill value are left out of a shard. Raise ValueError if a codec cannot encode the chunk.
    """
    cdef sz_segment out
    cdef int status
    cdef Context *context
    if array.shape != pipeline.shape or array.dtype != pipeline.dtype:
        raise ValueError(f"{array.dtype} of shape {array.shape} instead of {pipeline.dtype} of shape {pipeline.shape}")
    context = context_acquire()
    status = encode_array(context, &pipeline.compiled, array, False, &out)
    if status == SZ_OK and out.data == NULL:
        status = encode_array(context, &pipeline.compiled, array, True, &out)
    try:
        return bytes_at(out.data, out.n) if status == SZ_OK else None
    finally:
        give_back(context, status)
