from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.pipeline cimport Pipeline
from simplezarr.engine.geometry.plan cimport MAX_NDIM
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    # how waiting for a chunk in flight ends
    COMPLETE, FAILED, PENDING

# Everything that must be equal for two reads to get the same bytes.
cdef struct CoalesceKey:
    int n
    uint64_t words[MAX_NDIM + 5]

# A chunk that one thread, its leader, fetches and decodes, also for the threads that wait for it.
cdef struct InFlightChunk:
    InFlightChunk *next   # of its stripe
    const Pipeline *pipeline    # of the chunk
    void *done_lock       # held until the chunk is complete or has failed; NULL if there are no waiters
    int64_t generation    # of processes: a forked child counts the parent's chunks as failed
    int users             # the leader and the waiters
    bint joinable         # further threads may wait for it
    bint done             # complete or failed
    size_t first, last    # bytes of the native form that the waiters need
    char *native          # the chunk in native form, once it is complete; only the bytes above are set
    CoalesceKey key       # comes last: memory is allocated for its n words only

cdef bint file_key(CoalesceKey *key, const Pipeline *pipeline, const sz_file *file) noexcept nogil
cdef void value_key(CoalesceKey *key, const Pipeline *pipeline, const char *value) noexcept nogil
cdef bint request_key(CoalesceKey *key, const void *source, const Py_ssize_t *index, int ndim) noexcept nogil
cdef void add_version(CoalesceKey *key, uint64_t version) noexcept nogil
cdef bint worth_coalescing(const Pipeline *pipeline, bint far) noexcept nogil
cdef InFlightChunk *lead_or_join(Context *context, const CoalesceKey *key, int64_t inner, const Pipeline *pipeline,
                                 size_t first, size_t last, Py_ssize_t wanted, bint joins, bint *elsewhere) noexcept nogil
cdef bint has_waiters(Context *context, const Pipeline *pipeline, size_t *last) noexcept nogil
cdef void complete_chunk(Context *context, const Pipeline *pipeline, const char *src, int transform) noexcept nogil
cdef void complete_missing(Context *context) noexcept nogil
cdef void end_leading(InFlightChunk *chunk) noexcept nogil
cdef void stop_leading(Context *context) noexcept nogil
cdef int wait_for_chunk(InFlightChunk *chunk, int64_t microseconds) noexcept nogil
cdef void release_chunk(InFlightChunk *chunk) noexcept nogil
cdef void release_waits(Context *context, Py_ssize_t unit) noexcept nogil
