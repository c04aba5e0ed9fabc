from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from simplezarr.csrc.array cimport box_of, selection_of, sz_box, sz_selection
from simplezarr.engine.kernels.compressors cimport CodecStep
from simplezarr.engine.geometry.plan cimport MAX_NDIM
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    MAX_STEPS = 64

# Some elements of one chunk, and where they go: start + k * step, 0 <= k < count, along each axis.
cdef struct Region:
    Py_ssize_t start[MAX_NDIM]
    Py_ssize_t step[MAX_NDIM]
    Py_ssize_t count[MAX_NDIM]
    Py_ssize_t strides[MAX_NDIM]  # bytes between neighbours, in the caller's buffer
    char *data                    # the first of them, there
    Py_ssize_t along              # the number of the first in the selection, along the axis of a conversion that has one

# A codec chain, bound to a chunk's shape, data type and fill value: everything that can be known before a chunk is read.
cdef struct Pipeline:
    int ndim
    bint permuted               # by transposes: axis i of the stored form is axis order[i] of the chunk
    int order[MAX_NDIM]
    Py_ssize_t shape[MAX_NDIM]    # of the stored form
    Py_ssize_t strides[MAX_NDIM]  # of the stored form, in bytes, C order
    Py_ssize_t itemsize
    int transform               # of the `bytes` codec, as in copy.h
    size_t nbytes               # decoded
    size_t most                 # encoded: a longer value is refused before memory is spent on it
    const char *fill            # one element
    const char *stored_fill     # the same in stored form
    int nsteps                  # bytes -> bytes codecs, in decoding order
    const CodecStep *steps[MAX_STEPS]
    size_t limits[MAX_STEPS]    # the most bytes each may decode to
    PyObject *python            # decodes a whole chunk to an array, if a codec is in plain Python; otherwise NULL
    # shards
    const Pipeline *inner       # of the inner chunks; NULL if this is not a shard
    const Pipeline *index
    Py_ssize_t grid[MAX_NDIM]   # inner chunks along each axis of the stored form
    Py_ssize_t ninner
    size_t index_nbytes         # encoded
    bint index_first
    const int64_t *write_order  # the numbers of the inner chunks as they are written; NULL: 0, 1, ...


cdef class CodecPipeline:
    cdef Pipeline compiled
    cdef tuple parts            # keeps alive what the structure points to
    cdef readonly object dtype
    cdef readonly tuple shape
    cdef int bind_shard(self, CodecPipeline inner, CodecPipeline index, size_t index_nbytes, bint index_first) except -1


cdef enum:
    # bytes that a chunk of unknown size may have in holes of a sparse file, as codecs/chain.py lets it decode to
    FREE_BYTES = 64 << 20
    FREE_PER_ELEMENT = 1 << 10

cdef inline size_t free_bytes(const Pipeline *pipeline) noexcept nogil:
    cdef size_t elements = pipeline.nbytes // max(<size_t>pipeline.itemsize, <size_t>1)
    return FREE_BYTES + FREE_PER_ELEMENT * elements + 2 * pipeline.nbytes

cdef inline bint pipeline_is_raw(const Pipeline *pipeline) noexcept nogil:
    """Return whether the stored bytes are the elements themselves, so that parts of them can be read alone."""
    return pipeline.nsteps == 0 and pipeline.inner == NULL and pipeline.python == NULL

cdef inline bint pipeline_is_shard(const Pipeline *pipeline) noexcept nogil:
    """Return whether inner chunks can be read alone: no codec is wrapped around the shard."""
    return pipeline.inner != NULL and pipeline.nsteps == 0

cdef inline const char *pipeline_outermost(const Pipeline *pipeline) noexcept nogil:
    """Return the name of the codec that decodes first; NULL if that is one in Python."""
    if pipeline.python != NULL:
        return NULL
    if pipeline.nsteps:
        return pipeline.steps[0].name
    return "sharding_indexed" if pipeline.inner != NULL else "bytes"

cdef inline sz_box region_box(const Pipeline *pipeline, const Region *region) noexcept nogil:
    return box_of(pipeline.ndim, region.count, pipeline.itemsize)

cdef inline sz_selection region_selection(const Pipeline *pipeline, const Region *region) noexcept nogil:
    """Return the region (in stored order) as a selection of the stored form."""
    return selection_of(pipeline.ndim, pipeline.shape, region.start, region.step, region.count, pipeline.itemsize)

cdef inline char *place_in_chunk(const Pipeline *pipeline, const Region *region, char *chunk,
                                 Py_ssize_t *strides) noexcept nogil:
    """Return the place of a region's first element in a chunk at `chunk`, and set the strides there.

    The region is in stored order, the chunk in stored or native form.
    """
    cdef int i
    for i in range(pipeline.ndim):
        chunk += region.start[i] * pipeline.strides[i]
        strides[i] = region.step[i] * pipeline.strides[i]
    return chunk

cdef void region_permute(const Pipeline *pipeline, const Region *region, Region *permuted) noexcept nogil
cdef bint region_is_all(const Pipeline *pipeline, const Region *region) noexcept nogil
cdef bint region_is_run(const Pipeline *pipeline, const Region *region) noexcept nogil
cdef bint region_keeps_order(const Pipeline *pipeline, const Region *region) noexcept nogil
cdef Py_ssize_t region_offset(const Pipeline *pipeline, const Region *stored) noexcept nogil
cdef Py_ssize_t region_extent(const Pipeline *pipeline, const Region *stored) noexcept nogil
cdef void region_whole(const Pipeline *pipeline, char *data, Region *region) noexcept nogil

# Some work on a region of a chunk.
ctypedef int (*piece_t)(Context *, const Pipeline *, const Region *, const void *what) noexcept nogil

cdef int in_pieces(Context *context, const Pipeline *pipeline, const Region *region, piece_t work,
                   const void *what) noexcept nogil
cdef int region_copy_out(Context *context, const Pipeline *pipeline, const Region *region, const char *src,
                         int transform) noexcept nogil
cdef int region_copy_in(Context *context, const Pipeline *pipeline, const Region *region, char *dst,
                        int transform) noexcept nogil
cdef int region_fill(Context *context, const Pipeline *pipeline, const Region *region) noexcept nogil
cdef int fill_chunk(Context *context, const Pipeline *pipeline, char *data, const char *value) noexcept nogil
cdef int transform_chunk(Context *context, const Pipeline *pipeline, char *data, int transform) noexcept nogil
cdef size_t UNBOUNDED

cdef size_t appended(const Pipeline *pipeline, int i) noexcept nogil
cdef size_t native_room(const Pipeline *pipeline) noexcept nogil
cdef size_t encoded_bound(const Pipeline *pipeline) noexcept nogil
cdef void fill_native(const Pipeline *pipeline, char *native) noexcept nogil
cdef int give_back(Context *context, int status) except -1
