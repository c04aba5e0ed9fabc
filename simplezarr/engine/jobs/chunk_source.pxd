from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.pipeline cimport CodecPipeline
from simplezarr.engine.kernels.context cimport Context


# A shard's decoded index and the version of the shard that it was read from.
cdef class ShardIndex:
    cdef uint64_t device, inode
    cdef int64_t mtime_ns, ctime_ns, base, size
    cdef object validator  # of the version in a store that is not local; None if the store is immutable
    cdef bytes data


cdef class ChunkSource:
    cdef readonly CodecPipeline pipeline
    cdef readonly object store
    cdef readonly str path
    cdef object keys
    cdef tuple chunks        # the shape of a chunk, in the array's order of axes
    cdef bint local          # stored objects are files that the engine opens itself
    cdef object find_file_ranges  # enters into a FileRangeTable which values are parts of local files; or None
    cdef bytes prefix        # of the names of files, or of keys
    cdef const char *prefix_bytes
    cdef bytes folder        # of the array, with a slash; the beginning of `prefix`
    cdef size_t folder_nbytes
    cdef size_t prefix_nbytes
    cdef size_t root_nbytes  # of the beginning that names the store's directory
    cdef char separator
    cdef bint bare           # a key has no "c" in front of its numbers
    cdef bint in_memory
    cdef object indexes      # cached shard indexes, the oldest first; None if there are no shards
    cdef bint is_near(self) except -1
    cdef object getter(self)
    cdef object fetch(self, getter, str key)
    cdef ShardIndex cached_index(self, bytes name, const ByteSource *shard)
    cdef int keep_index(self, bytes name, const ByteSource *shard) except -1
    cdef int forget_index(self, bytes name) except -1


cdef int known_index(Context *context, ChunkSource source, const Py_ssize_t *index, ByteSource *byte_source,
                     PyObject **held) noexcept with gil
cdef int learn_index(Context *context, ChunkSource source, const Py_ssize_t *index,
                     const ByteSource *byte_source) noexcept with gil
