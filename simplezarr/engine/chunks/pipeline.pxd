from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from simplezarr.engine.kernels.compressors cimport Step
from simplezarr.engine.geometry.plan cimport MAX_NDIM
from simplezarr.engine.kernels.context cimport Worker

cdef enum:
    MAX_STEPS = 64

# Some elements of one chunk, and where they go: start + k * step, 0 <= k < count, along each axis.
cdef struct Region:
    Py_ssize_t start[MAX_NDIM]
    Py_ssize_t step[MAX_NDIM]
    Py_ssize_t count[MAX_NDIM]
    Py_ssize_t strides[MAX_NDIM]  # bytes between neighbours, in the caller's buffer
    char *data                    # there: the place of the first

# A codec chain, bound to a chunk's shape, data type and fill value. Everything that can be known before a chunk is.
cdef struct Chain:
    int ndim
    bint permuted               # by transposes: axis i of the stored form is axis order[i] of the chunk
    int order[MAX_NDIM]
    Py_ssize_t shape[MAX_NDIM]    # of the stored form
    Py_ssize_t strides[MAX_NDIM]  # of the stored form, in bytes, C order
    Py_ssize_t itemsize
    int transform               # what the `bytes` codec asks for, as in copy.h
    size_t nbytes               # decoded
    size_t most                 # encoded: a longer value is refused before memory is spent on it
    const char *fill            # one element
    const char *stored_fill     # the same in stored form
    int nsteps                  # bytes -> bytes codecs, in decoding order
    const Step *steps[MAX_STEPS]
    size_t limits[MAX_STEPS]    # the most bytes each may decode to
    PyObject *python            # a chain with codecs in plain Python: decodes a whole chunk to an array
    # shards
    const Chain *inner          # of the inner chunks; NULL where this is no shard
    const Chain *index
    Py_ssize_t grid[MAX_NDIM]   # inner chunks along each axis of the stored form
    Py_ssize_t ninner
    size_t index_nbytes         # encoded
    bint index_first
    const int64_t *write_order  # the numbers of the inner chunks as they are written; NULL: 0, 1, ...


cdef class Pipeline:
    cdef Chain chain
    cdef tuple parts            # keeps alive what the chain points to
    cdef readonly object dtype
    cdef readonly tuple shape
    cdef int bind_shard(self, Pipeline inner, Pipeline index, size_t index_nbytes, bint index_first) except -1


cdef enum:
    # What chunks of unknown size may have in holes of a sparse file: what codecs/chain.py lets them decode to
    FREE_BYTES = 64 << 20
    FREE_PER_ELEMENT = 1 << 10

cdef inline size_t free_bytes(const Chain *chain) noexcept nogil:
    return FREE_BYTES + FREE_PER_ELEMENT * (chain.nbytes // max(<size_t>chain.itemsize, <size_t>1)) + 2 * chain.nbytes

cdef inline bint chain_is_raw(const Chain *chain) noexcept nogil:
    """The stored bytes are the elements themselves, so parts of them can be read alone."""
    return chain.nsteps == 0 and chain.inner == NULL and chain.python == NULL

cdef inline bint chain_is_shard(const Chain *chain) noexcept nogil:
    """Inner chunks can be read alone: no codec is wrapped around the shard."""
    return chain.inner != NULL and chain.nsteps == 0

cdef inline const char *chain_outermost(const Chain *chain) noexcept nogil:
    """The codec that a stored value must first get past; NULL where that is one in Python."""
    if chain.python != NULL:
        return NULL
    if chain.nsteps:
        return chain.steps[0].name
    return "sharding_indexed" if chain.inner != NULL else "bytes"

cdef void region_permute(const Chain *chain, const Region *region, Region *permuted) noexcept nogil
cdef bint region_is_all(const Chain *chain, const Region *region) noexcept nogil
cdef bint region_is_run(const Chain *chain, const Region *region) noexcept nogil
cdef bint region_keeps_order(const Chain *chain, const Region *region) noexcept nogil
cdef Py_ssize_t region_offset(const Chain *chain, const Region *stored) noexcept nogil
cdef Py_ssize_t region_extent(const Chain *chain, const Region *stored) noexcept nogil
cdef void region_whole(const Chain *chain, char *data, Region *region) noexcept nogil

# Some work on a region of a chunk.
ctypedef int (*piece_t)(Worker *, const Chain *, const Region *, const void *what) noexcept nogil

cdef int in_pieces(Worker *worker, const Chain *chain, const Region *region, piece_t work, const void *what) noexcept nogil
cdef int region_place(Worker *worker, const Chain *chain, const Region *region, const char *src,
                      int transform) noexcept nogil
cdef int region_gather(Worker *worker, const Chain *chain, const Region *region, char *dst, int transform) noexcept nogil
cdef int region_fill(Worker *worker, const Chain *chain, const Region *region) noexcept nogil
cdef int fill_chunk(Worker *worker, const Chain *chain, char *data, const char *value) noexcept nogil
cdef int transform_chunk(Worker *worker, const Chain *chain, char *data, int transform) noexcept nogil
cdef size_t UNBOUNDED

cdef size_t appended(const Chain *chain, int i) noexcept nogil
cdef size_t native_room(const Chain *chain) noexcept nogil
cdef size_t encoded_bound(const Chain *chain) noexcept nogil
cdef void fill_native(const Chain *chain, char *native) noexcept nogil
cdef int fill_outside(Worker *worker, const Chain *chain, char *native, const Py_ssize_t *inside) noexcept nogil
cdef int give_back(Worker *worker, int status) except -1
