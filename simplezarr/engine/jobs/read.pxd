from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.in_flight cimport CoalesceKey
from simplezarr.engine.chunks.pipeline cimport Region
from simplezarr.engine.files.files cimport SharedFiles
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.kernels.context cimport Context


cdef class Read(Job):
    cdef SharedFiles files   # of shards that are cut into parts; None if none is
    cdef dict values         # the same in memory, by number
    cdef int share(self, int threads, Py_ssize_t objects, Py_ssize_t touched)
    cdef int fill(self, Context *context, const void *what, Py_ssize_t part) noexcept nogil
    cdef int decode(self, Context *context, const void *what, const char *src, size_t n) noexcept nogil
    cdef int place(self, Context *context, const void *what, const sz_file *file) noexcept nogil
    cdef int walk(self, Context *context, const void *what, ByteSource *byte_source, Py_ssize_t part) noexcept nogil
    cdef Py_ssize_t inner_wanted(self, const void *what) noexcept nogil
    cdef bint one_region(self, const void *what, Region *region) noexcept nogil
    cdef bint read_elsewhere(self, Context *context, const CoalesceKey *coalesce_key, const void *what) noexcept nogil
    cdef void stop_leading(self, Context *context) noexcept nogil
    cdef int read_object(self, Context *context, const Py_ssize_t *index, const void *what, Py_ssize_t part) noexcept nogil
    cdef int read_local(self, Context *context, const Py_ssize_t *index, const void *what, Py_ssize_t part) noexcept nogil
    cdef int read_shared(self, Context *context, const Py_ssize_t *index, const char *name, const void *what,
                         Py_ssize_t part) noexcept nogil
    cdef int read_small(self, Context *context, const char *name, const void *what) noexcept nogil
    cdef int read_open(self, Context *context, const Py_ssize_t *index, const sz_file *file, const void *what,
                       Py_ssize_t part) noexcept nogil
    cdef int read_shard(self, Context *context, const Py_ssize_t *index, ByteSource *byte_source, const void *what,
                        Py_ssize_t part, bint keep) noexcept nogil
    cdef int read_value(self, Context *context, const Py_ssize_t *index, const void *what,
                        Py_ssize_t part) noexcept with gil
    cdef int fetch_value(self, Context *context, const Py_ssize_t *index, str key, const void *what,
                         Py_ssize_t part) except? -1
    cdef int decode_value(self, Context *context, const Py_ssize_t *index, bytes value, const void *what,
                          Py_ssize_t part) except? -1
    cdef object get_value(self, Context *context, str key)
    cdef int read_parts(self, Context *context, const Py_ssize_t *index, str key, const void *what) except? -1
    cdef int read_ranges(self, Context *context, const Py_ssize_t *index, reader, const void *what) except? -1
    cdef int read_extent(self, Context *context, get_range, const Region *stored) except? -1
