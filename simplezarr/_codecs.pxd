from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "status.h" nogil:
    enum:
        SZ_OK, SZ_NO_MEMORY, SZ_MISSING, SZ_IO, SZ_TRUNCATED, SZ_TOO_LONG, SZ_TOO_SHORT, SZ_CORRUPT, SZ_CHECKSUM
        SZ_UNSUPPORTED, SZ_TRAILING

cdef extern from "vendor.h" nogil:
    ctypedef struct ZSTD_DCtx:
        pass
    ctypedef struct ZSTD_CCtx:
        pass
    ctypedef struct zng_stream:
        const uint8_t *next_in
        uint32_t avail_in
        uint8_t *next_out
        uint32_t avail_out

cdef extern from "blosc1.h" nogil:
    ctypedef struct sz_blosc1:
        int32_t nbytes, blocksize, nblocks

cdef enum:
    RAISED = 1  # a status beside those of status.h: look at the worker's error
    LEVELS = 9            # shards in shards, as deep as metadata may nest them, and the chunks inside
    SLOTS_PER_LEVEL = 7
    PATH_SLOT = LEVELS * SLOTS_PER_LEVEL
    BLOCK_SLOT            # of the Blosc kernels
    SLOTS                 # scratch buffers a worker can hold

# What one thread needs while it decodes and encodes: contexts of the compressors and scratch memory, kept for the next
# chunk and the next read. `culprit` names the codec that failed last.
cdef struct Worker:
    ZSTD_DCtx *zstd_decoder
    ZSTD_CCtx *zstd_encoder
    zng_stream *inflater
    char *buffers[SLOTS]
    size_t sizes[SLOTS]
    const char *culprit
    int64_t inner       # the number of the inner chunk, in its shard, that is being decoded; -1 outside shards
    int os_error        # errno of a failed read
    PyObject *error     # an exception that Python code raised; the status is then RAISED

# One direction of a bytes -> bytes codec. *size holds dst's capacity, then the bytes written; more than the capacity is
# SZ_TOO_LONG. A trimming codec (a checksum) only shortens its input when it decodes: dst is not used and may be NULL.
ctypedef int (*kernel_t)(Worker *, const Step *, const char *src, size_t n, char *dst, size_t *size) noexcept nogil
ctypedef size_t (*bound_t)(const Step *, size_t n) noexcept nogil

cdef struct Step:
    const char *name
    kernel_t decode
    kernel_t encode
    bound_t bound     # the most bytes that n bytes are encoded to
    bint trims
    bint in_blocks    # Blosc: can be decoded block by block
    int level
    int checksum      # zstd
    int compressor    # Blosc: as in blosc1.h
    int shuffle
    int typesize
    int32_t blocksize

cdef class Kernel:
    cdef Step step
    cdef bytes run(self, data, size_t limit, kernel_t kernel, bint may_fail)

cdef char *scratch(Worker *worker, int slot, size_t n) noexcept nogil
cdef Worker *worker_acquire() except NULL
cdef void worker_release(Worker *worker) noexcept
cdef int blosc_open(const char *src, size_t n, sz_blosc1 *header) noexcept nogil
cdef int32_t blosc_block_size(const sz_blosc1 *header, int32_t i) noexcept nogil
cdef int blosc_decode_block(Worker *worker, const char *src, size_t n, const sz_blosc1 *header, int32_t i,
                            char *dst) noexcept nogil
cpdef str status_message(int status)
