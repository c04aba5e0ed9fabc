from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from simplezarr.csrc cimport sz_pause
from simplezarr.csrc.codecs cimport ZSTD_CCtx, ZSTD_DCtx, zng_stream


# The scratch buffers of one level of nesting (SLOTS_PER_LEVEL of them). A shard in a shard is one level deeper.
cdef enum:
    RAW, STEP_A, STEP_B, DECODED, INDEX_RAW, INDEX, ENTRIES
    BODY, NEW_INDEX, PARTS  # of a shard that is encoded

cdef enum:
    # statuses beside those of status.h
    RAISED = 1   # the context has the exception
    REFUSED = 2  # a codec can't encode this chunk
    STOPPED = 3  # the job has failed elsewhere, so the work is not needed
    LEVELS = 9            # shards in shards, as deep as metadata may nest them, and the chunks inside
    SLOTS_PER_LEVEL = 10
    PATH_SLOT = LEVELS * SLOTS_PER_LEVEL
    BLOCK_SLOT            # of the Blosc kernels
    PREFIX_SLOT           # tables of the decoder of zstd prefixes
    CHUNK_SLOT            # a whole chunk in native form, whose parts are placed or changed
    SLOTS                 # scratch buffers a context can hold
    MAX_WAITS = 8         # in-flight chunks for which a context waits at a time
    PIECE_BYTES = 16 << 20  # that are copied, filled, compared, read or written between two pauses

# A chunk that another thread decodes, and how many of its bytes the context's unit needs.
cdef struct Wait:
    void *chunk
    Py_ssize_t unit, wanted

# The state of one thread that decodes and encodes: contexts of the compressors and scratch buffers, kept for the next
# chunk and the next read. `culprit` names the codec that failed last.
cdef struct Context:
    ZSTD_DCtx *zstd_decoder
    ZSTD_CCtx *zstd_encoder
    zng_stream *inflater
    char *buffers[SLOTS]
    size_t sizes[SLOTS]
    const char *culprit
    int64_t inner       # the number of the inner chunk, in its shard, that is being decoded; -1 outside shards
    int os_error        # errno of a failed read
    int nontemporal     # SZ_NONTEMPORAL if it reads into an array larger than the caches, otherwise 0
    PyObject *error     # an exception that Python code raised; the status is then RAISED
    const int32_t *ended  # becomes true if the job fails; NULL outside of jobs
    int64_t looked      # when it last looked for Ctrl-C, in milliseconds
    # of `in_flight`
    void *leading       # the in-flight chunk that it leads, or NULL
    bint no_coalescing  # it neither leads nor joins in-flight chunks
    Py_ssize_t unit     # of its job, on which it works
    int nwaits
    Wait waits[MAX_WAITS]

# Frees the context of a compressor, which only a module linked with that compressor can do.
ctypedef void (*discard_t)(Context *context) noexcept

cdef void add_discard(discard_t discard) noexcept
cdef char *scratch(Context *context, int slot, size_t n) noexcept nogil

cdef inline int step_slot(const Context *context, const char *src, int level) noexcept nogil:
    """Return the number of the scratch buffer, of the two for the steps of a chain, that does not hold src."""
    cdef int slot = level * SLOTS_PER_LEVEL + STEP_A
    return slot + (src != NULL and src == context.buffers[slot])

cdef char *scratch_grown(Context *context, int slot, size_t n) noexcept nogil
cdef Context *context_acquire() except NULL
cdef Context *context_new() except NULL
cdef void context_release(Context *context) noexcept
cdef int context_park(Context *context) except -1
cdef void context_resume(Context *context) noexcept
cpdef str status_message(int status)
cdef int raised(Context *context, object error) noexcept
cdef void drop(PyObject *held) noexcept with gil
cdef object take_error(Context *context)
cdef void foreign(int change) noexcept nogil
cdef bint in_foreign() noexcept nogil
cdef int check_signals(Context *context) noexcept with gil
cdef int pause(Context *context) noexcept nogil
cdef sz_pause pause_of(Context *context) noexcept nogil
cdef bytes bytes_at(const char *data, size_t n)
cpdef bytes bytes_of(data)
cdef object as_buffer(data)

cdef extern from *:
    """
    #define sz_buffer_address(o) \
        ((const char *)(PyBytes_Check(o) ? (void *)PyBytes_AS_STRING(o) : PyMemoryView_GET_BUFFER(o)->buf))
    #define sz_buffer_length(o) (PyBytes_Check(o) ? PyBytes_GET_SIZE(o) : PyMemoryView_GET_BUFFER(o)->len)
    """
    const char *buffer_address "sz_buffer_address"(PyObject *) nogil
    Py_ssize_t buffer_length "sz_buffer_length"(PyObject *) nogil
cdef int copy_bytes(Context *context, char *dst, const char *src, size_t n) noexcept nogil
