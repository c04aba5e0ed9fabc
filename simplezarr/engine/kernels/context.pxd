from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from simplezarr.csrc cimport sz_pause
from simplezarr.csrc.codecs cimport ZSTD_CCtx, ZSTD_DCtx, zng_stream


# Scratch of one level of nesting (SLOTS_PER_LEVEL of them): a shard in a shard is a level deeper.
cdef enum:
    RAW, STEP_A, STEP_B, DECODED, INDEX_RAW, INDEX, ENTRIES
    BODY, NEW_INDEX, PARTS  # of a shard that is being made

cdef enum:
    # statuses beside those of status.h
    RAISED = 1   # look at the context's error
    REFUSED = 2  # a codec can't encode this chunk
    STOPPED = 3  # nobody wants the work any more: the job has failed elsewhere
    LEVELS = 9            # shards in shards, as deep as metadata may nest them, and the chunks inside
    SLOTS_PER_LEVEL = 10
    PATH_SLOT = LEVELS * SLOTS_PER_LEVEL
    BLOCK_SLOT            # of the Blosc kernels
    PREFIX_SLOT           # tables of the decoder of zstd prefixes
    CHUNK_SLOT            # a whole chunk in native form, whose parts are placed or changed
    SLOTS                 # scratch buffers a context can hold
    MAX_WAITS = 8         # chunks in flight that a context waits for at a time
    PIECE_BYTES = 16 << 20  # that are copied, filled, compared, read or written between two pauses

# A chunk that another thread decodes, and what the context's unit wants of it.
cdef struct Wait:
    void *chunk
    Py_ssize_t unit, wanted

# What one thread needs while it decodes and encodes: contexts of the compressors and scratch memory, kept for the next
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
    int nontemporal        # SZ_NONTEMPORAL where it reads into an array that outgrows the caches, else 0
    PyObject *error     # an exception that Python code raised; the status is then RAISED
    const int32_t *ended  # becomes true when the job has failed; NULL outside of jobs
    int64_t looked      # for Ctrl-C, in milliseconds
    # of `in_flight`
    void *leading       # the chunk in flight that it decodes, also for others; or NULL
    bint no_coalescing  # it fetches and decodes everything itself
    Py_ssize_t unit     # of its job, that it does
    int nwaits
    Wait waits[MAX_WAITS]

# Frees what only the module with the compressors can free.
ctypedef void (*discard_t)(Context *context) noexcept

cdef void add_discard(discard_t discard) noexcept
cdef char *scratch(Context *context, int slot, size_t n) noexcept nogil

cdef inline int step_slot(const Context *context, const char *src, int level) noexcept nogil:
    """Return the scratch, of the two for steps of a chain, that src does not begin."""
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
cdef int copy_bytes(Context *context, char *dst, const char *src, size_t n) noexcept nogil
