from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.in_flight cimport CoalesceKey
from simplezarr.engine.chunks.pipeline cimport Region
from simplezarr.engine.files.files cimport SharedFiles
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.kernels.context cimport Worker


cdef class Read(Job):
    cdef SharedFiles files   # of shards that are cut into parts; None if none is
    cdef dict values         # the same in memory, by number
    cdef int share(self, int threads, Py_ssize_t objects, Py_ssize_t touched)
    cdef int fill(self, Worker *worker, const void *what, Py_ssize_t part) noexcept nogil
    cdef int decode(self, Worker *worker, const void *what, const char *src, size_t n) noexcept nogil
    cdef int place(self, Worker *worker, const void *what, const sz_file *file) noexcept nogil
    cdef int walk(self, Worker *worker, const void *what, ByteSource *byte_source, Py_ssize_t part) noexcept nogil
    cdef Py_ssize_t inner_wanted(self, const void *what) noexcept nogil
    cdef bint one_region(self, const void *what, Region *region) noexcept nogil
    cdef bint read_elsewhere(self, Worker *worker, const CoalesceKey *coalesce_key, const void *what) noexcept nogil
    cdef void stop_leading(self, Worker *worker) noexcept nogil
    cdef int read_object(self, Worker *worker, const Py_ssize_t *index, const void *what, Py_ssize_t part) noexcept nogil
    cdef int read_local(self, Worker *worker, const Py_ssize_t *index, const void *what, Py_ssize_t part) noexcept nogil
    cdef int read_shared(self, Worker *worker, const Py_ssize_t *index, const char *name, const void *what,
                         Py_ssize_t part) noexcept nogil
    cdef int read_small(self, Worker *worker, const char *name, const void *what) noexcept nogil
    cdef int read_open(self, Worker *worker, const Py_ssize_t *index, const sz_file *file, const void *what,
                       Py_ssize_t part) noexcept nogil
    cdef int read_shard(self, Worker *worker, const Py_ssize_t *index, ByteSource *byte_source, const void *what,
                        Py_ssize_t part, bint keep) noexcept nogil
    cdef int read_value(self, Worker *worker, const Py_ssize_t *index, const void *what, Py_ssize_t part) noexcept with gil
    cdef int fetch_value(self, Worker *worker, const Py_ssize_t *index, str key, const void *what,
                         Py_ssize_t part) except? -1
    cdef int decode_value(self, Worker *worker, const Py_ssize_t *index, bytes value, const void *what,
                          Py_ssize_t part) except? -1
    cdef object get_value(self, Worker *worker, str key)
    cdef int read_parts(self, Worker *worker, const Py_ssize_t *index, str key, const void *what) except? -1
    cdef int read_ranges(self, Worker *worker, const Py_ssize_t *index, reader, const void *what) except? -1
    cdef int read_extent(self, Worker *worker, get_range, const Region *stored) except? -1
