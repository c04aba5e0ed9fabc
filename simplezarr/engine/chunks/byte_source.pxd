"""Describe where the bytes of a stored object are."""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from simplezarr.csrc cimport SZ_CORRUPT, SZ_MISSING, SZ_OK
from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.in_flight cimport CoalesceKey

cdef extern from *:
    """
    #define SZ_UNKNOWN_SIZE INT64_MAX
    #define SZ_NOT_STORED UINT64_MAX
    """
    const uint64_t UNKNOWN_SIZE "SZ_UNKNOWN_SIZE"  # no stored object is longer
    const uint64_t NOT_STORED "SZ_NOT_STORED"      # offset and length of an inner chunk in the index of its shard

cdef enum ByteKind:
    NO_BYTES   # nothing is stored
    IN_MEMORY
    IN_FILE
    IN_STORE

# Some bytes of a stored object.
cdef struct ByteRange:
    uint64_t offset, nbytes

# The bytes of one version of a stored object. Make it with one of the functions below.
cdef struct ByteSource:
    ByteKind kind
    const char *memory      # IN_MEMORY
    const sz_file *file     # IN_FILE
    PyObject *reader        # IN_STORE: a borrowed reference to an `engine.files.reader` object
    uint64_t size           # UNKNOWN_SIZE for IN_STORE
    const uint64_t *index   # of a shard: its decoded index, NULL until it is read
    const CoalesceKey *key  # of a shard: NULL if its chunks are not shared while in flight
    bint exact              # `key` stands for one version, not for all versions with the same index


cdef inline int find_inner_chunk(const ByteSource *shard, Py_ssize_t inner, size_t most, ByteRange *found) noexcept nogil:
    """Look up an inner chunk of a shard whose index is known.

    Return SZ_OK, SZ_MISSING if it is not stored, or SZ_CORRUPT if it has more than `most` bytes or lies outside the shard.
    """
    found.offset, found.nbytes = shard.index[2 * inner], shard.index[2 * inner + 1]
    if found.offset == NOT_STORED and found.nbytes == NOT_STORED:
        return SZ_MISSING
    if found.nbytes > most or found.offset > shard.size or found.nbytes > shard.size - found.offset:
        return SZ_CORRUPT
    return SZ_OK


cdef inline ByteSource no_bytes() noexcept nogil:
    cdef ByteSource made
    made.kind, made.memory, made.file, made.reader, made.size = NO_BYTES, NULL, NULL, NULL, 0
    made.index, made.key, made.exact = NULL, NULL, True
    return made

cdef inline ByteSource bytes_in_memory(const char *memory, size_t size) noexcept nogil:
    cdef ByteSource made = no_bytes()
    made.kind, made.memory, made.size = IN_MEMORY, memory, size
    return made

cdef inline ByteSource bytes_in_file(const sz_file *file) noexcept nogil:
    cdef ByteSource made = no_bytes()
    made.kind, made.file, made.size = IN_FILE, file, file.size
    return made

cdef inline ByteSource bytes_in_store(PyObject *reader) noexcept nogil:
    cdef ByteSource made = no_bytes()
    made.kind, made.reader, made.size, made.exact = IN_STORE, reader, UNKNOWN_SIZE, False
    return made
