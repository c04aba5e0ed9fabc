"""Bind a codec chain once: compute everything that can be known about a chunk before it is read or written.

`transpose` becomes an order of axes, and `bytes` a transform of elements. One strided copy between a chunk and the caller's
buffer does both.

The stored form of a chunk is what the `bytes` codec makes or takes: axes in stored order, numbers in stored byte order. The
native form has the same order of axes, and numbers in the machine's byte order. A region is some elements of a chunk and
their destination or source in the caller's buffer. Its axes are in the order of the array, unless a function says
"in stored order".
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.pyport cimport PY_SSIZE_T_MAX

from simplezarr.csrc cimport SZ_NO_MEMORY, SZ_OK
from simplezarr.csrc.array cimport box_of, dst_at, src_at, sz_box, sz_copy, sz_copy_contiguous, sz_fill
from simplezarr.engine.kernels.compressors cimport CompiledCodec
from simplezarr.engine.kernels.context cimport PIECE_BYTES, Context, pause, status_message, take_error, context_release


class CodecFailure(Exception):
    """A codec in plain Python has failed on a chunk; the cause is the codec's own exception."""

    def __init__(self, message, codec=None):
        super().__init__(message)
        self.codec = codec


cdef size_t UNBOUNDED = <size_t>-1  # the size that codecs in Python make is not known


cdef int give_back(Context *context, int status) except -1:
    """Release a context. Raise the error that its last call has ended with."""
    culprit = context.culprit.decode() if context.culprit != NULL else "codec"
    error = take_error(context)
    context_release(context)
    if error is not None:
        raise error
    if status == SZ_NO_MEMORY:
        raise MemoryError(f"{culprit}: {status_message(status)}")
    if status != SZ_OK:
        raise ValueError(f"{culprit}: {status_message(status)}")
    return 0


# ---------------------------------------------------------------- regions

cdef void region_permute(const Pipeline *pipeline, const Region *region, Region *permuted) noexcept nogil:
    cdef int i
    permuted.data, permuted.along = region.data, region.along
    for i in range(pipeline.ndim):
        permuted.start[i] = region.start[pipeline.order[i]]
        permuted.step[i] = region.step[pipeline.order[i]]
        permuted.count[i] = region.count[pipeline.order[i]]
        permuted.strides[i] = region.strides[pipeline.order[i]]


cdef bint region_is_all(const Pipeline *pipeline, const Region *region) noexcept nogil:
    """Return whether the region (in stored order) has every element of the chunk."""
    cdef int i
    for i in range(pipeline.ndim):
        if region.count[i] != pipeline.shape[i]:
            return False
    return True


cdef bint region_is_run(const Pipeline *pipeline, const Region *region) noexcept nogil:
    """Return whether the region (in stored order) is the whole chunk, placed as one contiguous run."""
    cdef int i
    for i in range(pipeline.ndim):
        if region.count[i] != pipeline.shape[i] or (region.count[i] > 1 and region.strides[i] != pipeline.strides[i]):
            return False
    return True


cdef bint region_keeps_order(const Pipeline *pipeline, const Region *region) noexcept nogil:
    """Return whether elements that follow each other in the stored form also do so in the caller's buffer.

    If so, a piece of one is a piece of the other. Otherwise, as in transposed chunks, a piece of one is scattered in the
    other.
    """
    cdef Py_ssize_t last = PY_SSIZE_T_MAX, stride
    cdef int i
    for i in range(pipeline.ndim):
        if region.count[i] > 1:
            stride = region.strides[i] if region.strides[i] > 0 else -region.strides[i]
            if stride > last:
                return False
            last = stride
    return True


cdef int in_pieces(Context *context, const Pipeline *pipeline, const Region *region, piece_t work,
                   const void *what) noexcept nogil:
    """Do the work on the region (in stored order), with pauses: a large region is halved until its pieces are small."""
    cdef Region half
    cdef size_t nbytes = pipeline.itemsize
    cdef Py_ssize_t n
    cdef int axis = -1, i, status
    for i in range(pipeline.ndim):
        nbytes *= region.count[i]
        if axis < 0 and region.count[i] > 1:
            axis = i
    if nbytes <= PIECE_BYTES or axis < 0:
        status = work(context, pipeline, region, what)
        return pause(context) if status == SZ_OK and nbytes > PIECE_BYTES // 4 else status
    half = region[0]
    n = half.count[axis] = region.count[axis] // 2
    status = in_pieces(context, pipeline, &half, work, what)
    if status != SZ_OK:
        return status
    half.start[axis] += n * half.step[axis]
    half.data += n * half.strides[axis]
    half.count[axis] = region.count[axis] - n
    return in_pieces(context, pipeline, &half, work, what)


cdef int fill_piece(Context *context, const Pipeline *pipeline, const Region *region, const void *value) noexcept nogil:
    cdef sz_box box = region_box(pipeline, region)
    sz_fill(&box, dst_at(region.data, region.strides), <const char *>value)
    return SZ_OK


cdef int region_fill(Context *context, const Pipeline *pipeline, const Region *region) noexcept nogil:
    return in_pieces(context, pipeline, region, fill_piece, pipeline.fill)


cdef Py_ssize_t region_offset(const Pipeline *pipeline, const Region *stored) noexcept nogil:
    """Return the number of bytes of the stored form before the first selected element."""
    cdef Py_ssize_t offset = 0
    cdef int i
    for i in range(pipeline.ndim):
        offset += stored.start[i] * pipeline.strides[i]
    return offset


cdef Py_ssize_t region_extent(const Pipeline *pipeline, const Region *stored) noexcept nogil:
    """Return the number of bytes of the stored form from the first selected element to the last."""
    cdef Py_ssize_t extent = pipeline.itemsize
    cdef int i
    for i in range(pipeline.ndim):
        extent += (stored.count[i] - 1) * stored.step[i] * pipeline.strides[i]
    return extent


cdef void region_whole(const Pipeline *pipeline, char *data, Region *region) noexcept nogil:
    """Set the region to a whole chunk, placed at `data` as one run of the stored form."""
    cdef int i
    region.data = data
    for i in range(pipeline.ndim):
        region.start[pipeline.order[i]], region.step[pipeline.order[i]] = 0, 1
        region.count[pipeline.order[i]], region.strides[pipeline.order[i]] = pipeline.shape[i], pipeline.strides[i]


# A chunk, and the transform of the elements that are copied from or to it.
cdef struct Copy:
    char *chunk
    int transform


cdef int place_piece(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef const char *src = place_in_chunk(pipeline, region, (<const Copy *>what).chunk, strides)
    cdef sz_box box = region_box(pipeline, region)
    sz_copy(&box, dst_at(region.data, region.strides), src_at(src, strides), (<const Copy *>what).transform)
    return SZ_OK


cdef int region_copy_out(Context *context, const Pipeline *pipeline, const Region *region, const char *src,
                         int transform) noexcept nogil:
    """Copy a region (in the order of the stored form) from the chunk at src to its destination, by one strided copy."""
    cdef Copy copy
    copy.chunk, copy.transform = <char *>src, transform
    return in_pieces(context, pipeline, region, place_piece, &copy)


cdef int gather_piece(Context *context, const Pipeline *pipeline, const Region *region, const void *what) noexcept nogil:
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef char *dst = place_in_chunk(pipeline, region, (<const Copy *>what).chunk, strides)
    cdef sz_box box = region_box(pipeline, region)
    sz_copy(&box, dst_at(dst, strides), src_at(region.data, region.strides), (<const Copy *>what).transform)
    return SZ_OK


cdef int region_copy_in(Context *context, const Pipeline *pipeline, const Region *region, char *dst,
                        int transform) noexcept nogil:
    """Copy a region from its source into the chunk at dst."""
    cdef Copy copy
    copy.chunk, copy.transform = dst, transform
    return in_pieces(context, pipeline, region, gather_piece, &copy)


cdef void region_of(const Pipeline *pipeline, char *data, Region *region) noexcept nogil:
    """Set the region (in stored order) to a whole chunk at `data`."""
    cdef int i
    region.data = data
    for i in range(pipeline.ndim):
        region.start[i], region.step[i] = 0, 1
        region.count[i], region.strides[i] = pipeline.shape[i], pipeline.strides[i]


cdef void fill_native(const Pipeline *pipeline, char *native) noexcept nogil:
    """Set a whole chunk in native form to the fill value, without pauses."""
    cdef sz_box box = box_of(pipeline.ndim, pipeline.shape, pipeline.itemsize)
    sz_fill(&box, dst_at(native, pipeline.strides), pipeline.fill)


cdef int fill_chunk(Context *context, const Pipeline *pipeline, char *data, const char *value) noexcept nogil:
    """Set all elements of a chunk to a value, which has the chunk's form."""
    cdef Region region
    region_of(pipeline, data, &region)
    return in_pieces(context, pipeline, &region, fill_piece, value)


cdef int transform_chunk(Context *context, const Pipeline *pipeline, char *data, int transform) noexcept nogil:
    """Turn a chunk from stored to native form, or back, in place."""
    cdef Region region
    region_of(pipeline, data, &region)
    return region_copy_out(context, pipeline, &region, data, transform)


# ---------------------------------------------------------------- sizes of what is encoded

cdef size_t appended(const Pipeline *pipeline, int i) noexcept nogil:
    """Return how many bytes checksums append to the output of step i or, for i = nsteps, to the stored form."""
    cdef size_t n = 0
    while i > 0 and pipeline.steps[i - 1].trims:
        i -= 1
        n += pipeline.steps[i].bound(pipeline.steps[i], 0)
    return n


cdef size_t native_room(const Pipeline *pipeline) noexcept nogil:
    """Return how many bytes `encode_native` needs: those of the chunk, and what may be appended."""
    return pipeline.nbytes + appended(pipeline, pipeline.nsteps)


cdef size_t encoded_bound(const Pipeline *pipeline) noexcept nogil:
    """Return the most bytes that a chunk is encoded to, or UNBOUNDED if that is not known."""
    cdef size_t n = pipeline.nbytes
    cdef int i
    if pipeline.python != NULL:
        return UNBOUNDED
    if pipeline.inner != NULL:
        n = encoded_bound(pipeline.inner)
        if n == UNBOUNDED:
            return UNBOUNDED
        n = n * pipeline.ninner + pipeline.index_nbytes
    for i in range(pipeline.nsteps - 1, -1, -1):
        n = pipeline.steps[i].bound(pipeline.steps[i], n)
    return n


# ---------------------------------------------------------------- binding

cdef class CodecPipeline:
    """A codec chain bound to a chunk's shape, data type and fill value; `codecs.chain.bind` makes it.

    shape: of the chunk
    order: axis i of the stored form is axis order[i] of the chunk
    dtype: of the elements, in native byte order
    transform: 0, 1 (truth values), or the size of the units to swap
    fill: the bytes of one element
    most: the most bytes that a chunk's encoded form may have
    kernels: the bytes -> bytes codecs, in decoding order
    limits: the most bytes that each of them may decode to
    python: if a codec is not compiled: decodes a chunk to an array when called, and has `encode`
    inner, index: the pipelines of a shard's inner chunks and of its index
    index_nbytes, index_first: the size of the encoded index, and whether it comes first
    write_order: the numbers of the inner chunks in the order of writing, as 64-bit integers; None: in C order
    """

    def __init__(self, tuple shape, tuple order, dtype, int transform, bytes fill, size_t most,
                 tuple kernels=(), tuple limits=(), python=None, CodecPipeline inner=None, CodecPipeline index=None,
                 size_t index_nbytes=0, bint index_first=False, bytes write_order=None):
        cdef Pipeline *pipeline = &self.compiled
        cdef Py_ssize_t stride
        cdef int i
        self.shape, self.dtype = shape, dtype
        stored_fill = PyBytes_FromStringAndSize(PyBytes_AS_STRING(fill), len(fill))
        self.parts = (fill, stored_fill, kernels, python, inner, index, write_order)
        pipeline.ndim = <int>len(shape)
        pipeline.itemsize = dtype.itemsize
        pipeline.most = most
        pipeline.transform = transform
        pipeline.fill, pipeline.stored_fill = PyBytes_AS_STRING(fill), PyBytes_AS_STRING(stored_fill)
        sz_copy_contiguous(PyBytes_AS_STRING(stored_fill), pipeline.fill, 1, pipeline.itemsize, transform)
        stride = pipeline.itemsize
        for i in range(pipeline.ndim - 1, -1, -1):
            pipeline.order[i] = order[i]
            pipeline.permuted = pipeline.permuted or order[i] != i
            pipeline.shape[i] = shape[order[i]]
            pipeline.strides[i] = stride
            stride *= pipeline.shape[i]
        pipeline.nbytes = stride
        pipeline.nsteps = <int>len(kernels)
        for i in range(pipeline.nsteps):
            pipeline.steps[i] = &(<CompiledCodec>kernels[i]).step
            pipeline.limits[i] = limits[i]
        pipeline.python = <PyObject *>python if python is not None else NULL
        if inner is not None:
            self.bind_shard(inner, index, index_nbytes, index_first)
            if write_order is not None:
                if len(write_order) != 8 * pipeline.ninner:
                    raise ValueError(f"{len(write_order)} bytes of an order of {pipeline.ninner} inner chunks")
                pipeline.write_order = <const int64_t *>PyBytes_AS_STRING(write_order)

    cdef int bind_shard(self, CodecPipeline inner, CodecPipeline index, size_t index_nbytes, bint index_first) except -1:
        cdef Pipeline *pipeline = &self.compiled
        cdef int i
        pipeline.inner, pipeline.index = &inner.compiled, &index.compiled
        pipeline.index_nbytes, pipeline.index_first = index_nbytes, index_first
        pipeline.ninner = 1
        for i in range(pipeline.ndim):
            pipeline.grid[i] = pipeline.shape[i] // <Py_ssize_t>inner.shape[i]
            pipeline.ninner *= pipeline.grid[i]
        return 0

    @property
    def most(self):
        """Return the most bytes that a chunk's encoded form may have."""
        return self.compiled.most
