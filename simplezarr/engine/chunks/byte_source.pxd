"""Where the bytes of a stored object are."""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.in_flight cimport CoalesceKey

cdef enum ByteKind:
    NO_BYTES   # nothing is stored
    IN_MEMORY
    IN_FILE
    IN_STORE

# The bytes of one version of a stored object. Make it with one of the functions below.
cdef struct ByteSource:
    ByteKind kind
    const char *memory      # IN_MEMORY
    const sz_file *file     # IN_FILE
    PyObject *reader        # IN_STORE: a borrowed reference to an `engine.files.reader` object
    size_t size             # 0 for IN_STORE, which does not tell
    const uint64_t *index   # of a shard: its decoded index, NULL until it is read
    const CoalesceKey *key  # of a shard: NULL if its chunks are not shared while in flight
    bint exact              # that key stands for one version, not for all that have the same index


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
    made.kind, made.reader, made.exact = IN_STORE, reader, False
    return made
