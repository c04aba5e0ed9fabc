from simplezarr.csrc.io cimport sz_file
from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.in_flight cimport CoalesceKey
from simplezarr.engine.chunks.pipeline cimport Region
from simplezarr.engine.files.files cimport SharedFiles
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.jobs.region_table cimport TouchedObject
from simplezarr.engine.kernels.context cimport Context


cdef class ReadJob(Job):
    cdef SharedFiles files   # of shards that are cut into parts; otherwise None
    cdef dict values         # of such shards in other stores, by number of the stored object
    cdef int split(self, int threads)
    cdef int fill(self, Context *context, const TouchedObject *object, Py_ssize_t part) noexcept nogil
    cdef bint read_elsewhere(self, Context *context, const CoalesceKey *coalesce_key,
                             const TouchedObject *object) noexcept nogil
    cdef int read_local(self, Context *context, const TouchedObject *object, Py_ssize_t part) noexcept nogil
    cdef int read_shared(self, Context *context, const char *name, const TouchedObject *object,
                         Py_ssize_t part) noexcept nogil
    cdef int read_small(self, Context *context, const char *name, const TouchedObject *object) noexcept nogil
    cdef int read_open(self, Context *context, const sz_file *file, const char *loaded, const TouchedObject *object,
                       Py_ssize_t part) noexcept nogil
    cdef int read_shard(self, Context *context, ByteSource *byte_source, const TouchedObject *object, Py_ssize_t part,
                        bint keep) noexcept nogil
    cdef int read_value(self, Context *context, const TouchedObject *object, Py_ssize_t part) noexcept with gil
    cdef int fetch_value(self, Context *context, str key, const TouchedObject *object, Py_ssize_t part) except? -1
    cdef int decode_value(self, Context *context, object value, const TouchedObject *object, Py_ssize_t part) except? -1
    cdef int decode_resumed(self, Context *context, object value, const TouchedObject *object, Py_ssize_t part) except? -1
    cdef int decode_memory(self, Context *context, ByteSource *byte_source, const TouchedObject *object,
                           Py_ssize_t part) noexcept nogil
    cdef object get_value(self, Context *context, str key)
    cdef int read_parts(self, Context *context, str key, const TouchedObject *object, object reader) except? -1
    cdef int read_ranges(self, Context *context, object reader, const TouchedObject *object) except? -1
    cdef int read_extent(self, Context *context, object get_range, const Region *stored) except? -1
