from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint64_t

from simplezarr._pipeline cimport Blob, Chain, Pipeline, Region, sz_file
from simplezarr._plan cimport MAX_NDIM, Plan
from simplezarr._worker cimport Worker


# A shard's decoded index and the identity of the file it was read from.
cdef class ShardIndex:
    cdef uint64_t device, inode
    cdef int64_t mtime_ns, size
    cdef bytes data


cdef class Source:
    cdef readonly Pipeline pipeline
    cdef readonly object store
    cdef readonly str path
    cdef object keys
    cdef tuple chunks        # the unit of reading, in the array's order of axes
    cdef bint local          # chunks are files that we may open ourselves
    cdef bytes prefix        # of their names, or of keys
    cdef const char *prefix_bytes
    cdef bytes folder        # of the array, with a slash: how these begin
    cdef size_t folder_nbytes
    cdef size_t prefix_nbytes
    cdef size_t root_nbytes  # of these, for the store's directory
    cdef char separator
    cdef bint bare           # no "c" in front of a key's numbers
    cdef bint in_memory
    cdef object indexes      # decoded shard indexes, the longest unused first; None where there are no shards
    cdef ShardIndex kept_index(self, bytes name, const sz_file *file)
    cdef int keep_index(self, bytes name, const uint64_t *data, const sz_file *file) except -1
    cdef int forget_index(self, bytes name) except -1


cdef class Job:
    cdef Source source
    cdef Plan plan
    cdef const Chain *chain
    cdef char *data          # of the caller's buffer: the first element of the first unit
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef Py_ssize_t parts    # pieces a shard's work is cut into
    cdef Py_ssize_t n
    cdef Py_ssize_t lanes    # the units are cut into so many runs, and drawn from each in turn
    cdef object gate         # what units are computed within where more threads wait for the store than are to compute
    cdef int directory       # the array's, where names are looked up from it
    cdef int64_t next
    cdef int32_t failed
    # of the first failure
    cdef int status
    cdef int os_error
    cdef int64_t inner
    cdef const char *culprit
    cdef Py_ssize_t index[MAX_NDIM]
    cdef PyObject *raised
    cdef int work(self, Worker *worker, const Py_ssize_t *index, const Region *region, Py_ssize_t part) noexcept nogil
    cdef void place_native(self, Worker *worker, Py_ssize_t i, Py_ssize_t wanted, const char *native) noexcept nogil
    cdef int one(self, Worker *worker, Py_ssize_t i, Py_ssize_t *index) noexcept nogil
    cdef Py_ssize_t touched(self)
    cdef int do_unit(self, Worker *worker, Py_ssize_t i, Py_ssize_t *index) noexcept nogil
    cdef int take_shared(self, Worker *worker, Py_ssize_t *index, bint wait) noexcept nogil
    cdef int open_directory(self) except -1
    cdef int widened(self, int threads, Py_ssize_t nbytes) except -1
    cdef int run(self, int width) except -1
    cdef Py_ssize_t draw(self) noexcept nogil
    cdef void unit(self, Py_ssize_t i, Py_ssize_t *index, Region *region) noexcept nogil
    cdef char *file_name(self, Worker *worker, const Py_ssize_t *index, size_t extra) noexcept nogil
    cdef str key(self, Worker *worker, const Py_ssize_t *index)
    cdef void fail(self, Worker *worker, int status, const Py_ssize_t *index) noexcept nogil
    cdef tuple failed_chunk(self)
    cdef str task(self)
    cdef str outcome(self)


cdef int check_signals(Worker *worker) noexcept with gil
