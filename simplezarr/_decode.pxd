from libc.stdint cimport int64_t, uint64_t

from simplezarr._pipeline cimport Blob, Chain, Region, sz_file
from simplezarr._plan cimport Span
from simplezarr._worker cimport Worker

# Scratch of one level of nesting (SLOTS_PER_LEVEL of them): a shard in a shard is a level deeper.
cdef enum:
    RAW, STEP_A, STEP_B, DECODED, INDEX_RAW, INDEX, ENTRIES
    BODY, NEW_INDEX, PARTS  # of a shard that is being made

cdef enum:
    RAW_ALONE = 64 << 10    # an uncompressed inner chunk of this size is read by itself, straight into place

# Inner chunks of a shard that somebody wants, and what he does with each, number k of them.
cdef struct Wanted:
    const void *what
    Py_ssize_t (*number)(const void *what, Py_ssize_t k) noexcept nogil  # of the inner chunk, in the shard
    void (*fill)(const void *what, Py_ssize_t k) noexcept nogil          # it is not stored
    int (*decode)(Worker *worker, const void *what, Py_ssize_t k, const char *src, size_t n, int level) noexcept nogil
    bint (*alone)(const void *what, Py_ssize_t k) noexcept nogil         # uncompressed, it is better read by itself:
    int (*read)(Worker *worker, const void *what, Py_ssize_t k, const sz_file *file, int64_t offset,
                int level) noexcept nogil

cdef int open_file(int directory, const char *path, sz_file *file) noexcept nogil
cdef int read_once(int directory, const char *path, char *dst, size_t room, size_t *size) noexcept nogil
cdef int read_file(const sz_file *file, char *dst, size_t n, int64_t offset) noexcept nogil
cdef void close_file(sz_file *file) noexcept nogil
cdef int read_raw(Worker *worker, const Chain *chain, const sz_file *file, int64_t base, const Region *region,
                  int level) noexcept nogil
cdef int decode_steps(Worker *worker, const Chain *chain, const char **src, size_t *n, int level, bint *done,
                      const Region *region) noexcept nogil
cdef int decode_region(Worker *worker, const Chain *chain, const char *src, size_t n, const Region *region,
                       int level) noexcept nogil
cdef int decode_native(Worker *worker, const Chain *chain, const char *src, size_t n, char *dst, int level) noexcept nogil
cdef int decode_start(Worker *worker, const Chain *chain, const char *src, size_t n, size_t wanted, char *dst,
                      int level) noexcept nogil
cdef int read_native(Worker *worker, const Chain *chain, const sz_file *file, int64_t offset, size_t n, char *dst,
                     int level) noexcept nogil
cdef void index_region(const Chain *chain, const void *index, Region *region) noexcept nogil
cdef int shard_index(Worker *worker, const Chain *chain, const Blob *blob, int level, const uint64_t **index) noexcept nogil
cdef int walk_shard(Worker *worker, const Chain *chain, const Blob *blob, const Wanted *wanted, Py_ssize_t first,
                    Py_ssize_t last, int level) noexcept nogil
cdef int decode_shard(Worker *worker, const Chain *chain, const Blob *blob, const Region *region, Py_ssize_t part,
                      Py_ssize_t parts, int level) noexcept nogil
cdef void inner_spans(const Chain *chain, const Region *region, Span *spans) noexcept nogil
cdef Py_ssize_t inner_count(const Chain *chain, const Region *region) noexcept nogil
cdef Py_ssize_t inner_region(const Chain *chain, const Span *spans, const Region *region, Py_ssize_t number,
                             Region *sub) noexcept nogil
