"""A codec chain bound once: everything that can be known about a chunk before it is read or written.

`transpose` has become an order of axes and `bytes` a transform of elements, both for the one strided copy between a chunk
and the caller's buffer. The stored form of a chunk is what the `bytes` codec makes or takes: its axes in stored order, its
numbers in stored byte order. Its native form has the same order of axes, but numbers in the machine's byte order. A region
is some elements of a chunk and their places in the caller's buffer.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.pyport cimport PY_SSIZE_T_MAX

from simplezarr.engine.kernels.compressors cimport CompiledCodec
from simplezarr.engine.kernels.context cimport (
    PIECE_BYTES, SZ_NO_MEMORY, SZ_OK, Worker, pause, status_message, take_error, worker_release)

cdef extern from "array/copy.h" nogil:
    void sz_copy(int ndim, const Py_ssize_t *shape, char *dst, const Py_ssize_t *dst_strides, const char *src,
                 const Py_ssize_t *src_strides, size_t itemsize, int transform)
    void sz_fill(int ndim, const Py_ssize_t *shape, char *dst, const Py_ssize_t *dst_strides, const char *value,
                 size_t itemsize)


class CodecFailure(Exception):
    """A codec in plain Python could not do its work on a chunk; the cause is its own exception."""

    def __init__(self, message, codec=None):
        super().__init__(message)
        self.codec = codec


cdef size_t UNBOUNDED = <size_t>-1  # nothing is known of what codecs in Python make


cdef int give_back(Worker *worker, int status) except -1:
    """Releases a worker; raises what its last call has come to."""
    culprit = worker.culprit.decode() if worker.culprit != NULL else "codec"
    error = take_error(worker)
    worker_release(worker)
    if error is not None:
        raise error
    if status == SZ_NO_MEMORY:
        raise MemoryError(f"{culprit}: {status_message(status)}")
    if status != SZ_OK:
        raise ValueError(f"{culprit}: {status_message(status)}")
    return 0


# ---------------------------------------------------------------- regions

cdef void region_permute(const Chain *chain, const Region *region, Region *permuted) noexcept nogil:
    cdef int i
    permuted.data = region.data
    for i in range(chain.ndim):
        permuted.start[i] = region.start[chain.order[i]]
        permuted.step[i] = region.step[chain.order[i]]
        permuted.count[i] = region.count[chain.order[i]]
        permuted.strides[i] = region.strides[chain.order[i]]


cdef bint region_is_all(const Chain *chain, const Region *region) noexcept nogil:
    """Return whether the region (in the order of the stored form) has every element of the chunk."""
    cdef int i
    for i in range(chain.ndim):
        if region.count[i] != chain.shape[i]:
            return False
    return True


cdef bint region_is_run(const Chain *chain, const Region *region) noexcept nogil:
    """The region is the whole chunk, and its place one contiguous run in the order of the stored form."""
    cdef int i
    for i in range(chain.ndim):
        if region.count[i] != chain.shape[i] or (region.count[i] > 1 and region.strides[i] != chain.strides[i]):
            return False
    return True


cdef bint region_keeps_order(const Chain *chain, const Region *region) noexcept nogil:
    """Elements that follow each other in the stored form do so in the region's place: a piece of the one is a piece of the
    other. Otherwise it is a few elements here and there in all of it, as with transposed chunks."""
    cdef Py_ssize_t last = PY_SSIZE_T_MAX, stride
    cdef int i
    for i in range(chain.ndim):
        if region.count[i] > 1:
            stride = region.strides[i] if region.strides[i] > 0 else -region.strides[i]
            if stride > last:
                return False
            last = stride
    return True


cdef int in_pieces(Worker *worker, const Chain *chain, const Region *region, piece_t work, const void *what) noexcept nogil:
    """Do the work on the region (in the order of the stored form): in halves and halves of these, if it is large, with a
    pause after each."""
    cdef Region half
    cdef size_t nbytes = chain.itemsize
    cdef Py_ssize_t n
    cdef int axis = -1, i, status
    for i in range(chain.ndim):
        nbytes *= region.count[i]
        if axis < 0 and region.count[i] > 1:
            axis = i
    if nbytes <= PIECE_BYTES or axis < 0:
        status = work(worker, chain, region, what)
        return pause(worker) if status == SZ_OK and nbytes > PIECE_BYTES // 4 else status
    half = region[0]
    n = half.count[axis] = region.count[axis] // 2
    status = in_pieces(worker, chain, &half, work, what)
    if status != SZ_OK:
        return status
    half.start[axis] += n * half.step[axis]
    half.data += n * half.strides[axis]
    half.count[axis] = region.count[axis] - n
    return in_pieces(worker, chain, &half, work, what)


cdef int fill_piece(Worker *worker, const Chain *chain, const Region *region, const void *value) noexcept nogil:
    sz_fill(chain.ndim, region.count, region.data, region.strides, <const char *>value, chain.itemsize)
    return SZ_OK


cdef int region_fill(Worker *worker, const Chain *chain, const Region *region) noexcept nogil:
    return in_pieces(worker, chain, region, fill_piece, chain.fill)


cdef Py_ssize_t region_offset(const Chain *chain, const Region *stored) noexcept nogil:
    """Bytes of the stored form before the first selected element."""
    cdef Py_ssize_t offset = 0
    cdef int i
    for i in range(chain.ndim):
        offset += stored.start[i] * chain.strides[i]
    return offset


cdef Py_ssize_t region_extent(const Chain *chain, const Region *stored) noexcept nogil:
    """Bytes of the stored form from the first selected element to the last."""
    cdef Py_ssize_t extent = chain.itemsize
    cdef int i
    for i in range(chain.ndim):
        extent += (stored.count[i] - 1) * stored.step[i] * chain.strides[i]
    return extent


cdef void region_whole(const Chain *chain, char *data, Region *region) noexcept nogil:
    """All of a chunk, placed at `data` in one run in the order of the stored form."""
    cdef int i
    region.data = data
    for i in range(chain.ndim):
        region.start[chain.order[i]], region.step[chain.order[i]] = 0, 1
        region.count[chain.order[i]], region.strides[chain.order[i]] = chain.shape[i], chain.strides[i]


# A chunk, and what is done to the elements that are copied from or to it.
cdef struct Copy:
    char *chunk
    int transform


cdef int place_piece(Worker *worker, const Chain *chain, const Region *region, const void *what) noexcept nogil:
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef const char *src = (<const Copy *>what).chunk
    cdef int i
    for i in range(chain.ndim):
        src += region.start[i] * chain.strides[i]
        strides[i] = region.step[i] * chain.strides[i]
    sz_copy(chain.ndim, region.count, region.data, region.strides, src, strides, chain.itemsize,
            (<const Copy *>what).transform)
    return SZ_OK


cdef int region_place(Worker *worker, const Chain *chain, const Region *region, const char *src,
                      int transform) noexcept nogil:
    """The one strided copy: from the chunk at src to the places of the region (in the order of the stored form)."""
    cdef Copy copy
    copy.chunk, copy.transform = <char *>src, transform
    return in_pieces(worker, chain, region, place_piece, &copy)


cdef int gather_piece(Worker *worker, const Chain *chain, const Region *region, const void *what) noexcept nogil:
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef char *dst = (<const Copy *>what).chunk
    cdef int i
    for i in range(chain.ndim):
        dst += region.start[i] * chain.strides[i]
        strides[i] = region.step[i] * chain.strides[i]
    sz_copy(chain.ndim, region.count, dst, strides, region.data, region.strides, chain.itemsize,
            (<const Copy *>what).transform)
    return SZ_OK


cdef int region_gather(Worker *worker, const Chain *chain, const Region *region, char *dst, int transform) noexcept nogil:
    """The same way back: from the places of the region into the chunk at dst."""
    cdef Copy copy
    copy.chunk, copy.transform = dst, transform
    return in_pieces(worker, chain, region, gather_piece, &copy)


cdef void region_of(const Chain *chain, char *data, Region *region) noexcept nogil:
    """A whole chunk at `data`, in the order of the stored form."""
    cdef int i
    region.data = data
    for i in range(chain.ndim):
        region.start[i], region.step[i] = 0, 1
        region.count[i], region.strides[i] = chain.shape[i], chain.strides[i]


cdef void fill_native(const Chain *chain, char *native) noexcept nogil:
    """A whole chunk of fill value, in native form, without pauses."""
    sz_fill(chain.ndim, chain.shape, native, chain.strides, chain.fill, chain.itemsize)


cdef int fill_chunk(Worker *worker, const Chain *chain, char *data, const char *value) noexcept nogil:
    """Set all elements of a chunk to a value, in the form that it has."""
    cdef Region region
    region_of(chain, data, &region)
    return in_pieces(worker, chain, &region, fill_piece, value)


cdef int transform_chunk(Worker *worker, const Chain *chain, char *data, int transform) noexcept nogil:
    """From stored to native form or back, in place."""
    cdef Region region
    region_of(chain, data, &region)
    return region_place(worker, chain, &region, data, transform)


cdef int fill_outside(Worker *worker, const Chain *chain, char *native, const Py_ssize_t *inside) noexcept nogil:
    """Fills a chunk in native form but for its first inside[axis] elements along each axis of the chunk."""
    cdef Region region
    cdef Py_ssize_t first
    cdef int i, status = SZ_OK
    for i in range(chain.ndim):
        first = inside[chain.order[i]]
        if first < chain.shape[i] and status == SZ_OK:
            region_of(chain, native + first * chain.strides[i], &region)
            region.count[i] -= first
            status = region_fill(worker, chain, &region)
    return status


# ---------------------------------------------------------------- sizes of what is encoded

cdef size_t appended(const Chain *chain, int i) noexcept nogil:
    """Bytes that checksums put right behind what step i makes; behind the stored form, for i = nsteps."""
    cdef size_t n = 0
    while i > 0 and chain.steps[i - 1].trims:
        i -= 1
        n += chain.steps[i].bound(chain.steps[i], 0)
    return n


cdef size_t native_room(const Chain *chain) noexcept nogil:
    """Bytes that `encode_native` needs of its chunk's memory: the chunk, and what may be put behind it."""
    return chain.nbytes + appended(chain, chain.nsteps)


cdef size_t encoded_bound(const Chain *chain) noexcept nogil:
    """The most bytes that a chunk is encoded to; UNBOUNDED where nobody knows."""
    cdef size_t n = chain.nbytes
    cdef int i
    if chain.python != NULL:
        return UNBOUNDED
    if chain.inner != NULL:
        n = encoded_bound(chain.inner)
        if n == UNBOUNDED:
            return UNBOUNDED
        n = n * chain.ninner + chain.index_nbytes
    for i in range(chain.nsteps - 1, -1, -1):
        n = chain.steps[i].bound(chain.steps[i], n)
    return n


# ---------------------------------------------------------------- binding

cdef class Pipeline:
    """A codec chain bound to a chunk's shape, data type and fill value (made by `codecs.chain.bind`).

    shape: of the chunk; order: axis i of the stored form is axis order[i] of the chunk; dtype: of the elements, in native
    byte order; transform: 0, 1 (truth values) or the size of the units to swap; fill: one element's bytes; most: bytes
    that a chunk's encoded form may have; kernels: the bytes -> bytes codecs in decoding order; limits: the most bytes each
    may decode to; python: where a codec has no kernel, what decodes a chunk to an array when called, and has `encode`;
    inner, index: the pipelines of a shard's inner chunks and of its index, whose encoded form has index_nbytes bytes and
    comes first when index_first; write_order: the numbers of the inner chunks in the order in which they are written, as
    64-bit integers (None: in C order).
    """

    def __init__(self, tuple shape, tuple order, dtype, int transform, bytes fill, size_t most,
                 tuple kernels=(), tuple limits=(), python=None, Pipeline inner=None, Pipeline index=None,
                 size_t index_nbytes=0, bint index_first=False, bytes write_order=None):
        cdef Chain *chain = &self.chain
        cdef Py_ssize_t stride
        cdef int i
        self.shape, self.dtype = shape, dtype
        stored_fill = PyBytes_FromStringAndSize(PyBytes_AS_STRING(fill), len(fill))
        self.parts = (fill, stored_fill, kernels, python, inner, index, write_order)
        chain.ndim = <int>len(shape)
        chain.itemsize = dtype.itemsize
        chain.most = most
        chain.transform = transform
        chain.fill, chain.stored_fill = PyBytes_AS_STRING(fill), PyBytes_AS_STRING(stored_fill)
        sz_copy(0, NULL, PyBytes_AS_STRING(stored_fill), NULL, chain.fill, NULL, chain.itemsize, transform)
        stride = chain.itemsize
        for i in range(chain.ndim - 1, -1, -1):
            chain.order[i] = order[i]
            chain.permuted = chain.permuted or order[i] != i
            chain.shape[i] = shape[order[i]]
            chain.strides[i] = stride
            stride *= chain.shape[i]
        chain.nbytes = stride
        chain.nsteps = <int>len(kernels)
        for i in range(chain.nsteps):
            chain.steps[i] = &(<CompiledCodec>kernels[i]).step
            chain.limits[i] = limits[i]
        chain.python = <PyObject *>python if python is not None else NULL
        if inner is not None:
            self.bind_shard(inner, index, index_nbytes, index_first)
            if write_order is not None:
                if len(write_order) != 8 * chain.ninner:
                    raise ValueError(f"{len(write_order)} bytes of an order of {chain.ninner} inner chunks")
                chain.write_order = <const int64_t *>PyBytes_AS_STRING(write_order)

    cdef int bind_shard(self, Pipeline inner, Pipeline index, size_t index_nbytes, bint index_first) except -1:
        cdef Chain *chain = &self.chain
        cdef int i
        chain.inner, chain.index = &inner.chain, &index.chain
        chain.index_nbytes, chain.index_first = index_nbytes, index_first
        chain.ninner = 1
        for i in range(chain.ndim):
            chain.grid[i] = chain.shape[i] // <Py_ssize_t>inner.shape[i]
            chain.ninner *= chain.grid[i]
        return 0

    @property
    def most(self):
        """The most bytes that a chunk's encoded form may have."""
        return self.chain.most
