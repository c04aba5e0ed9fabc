from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.geometry.plan cimport MAX_NDIM, Plan
from simplezarr.engine.jobs.chunk_source cimport Source
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    SHARE_BYTES = 256 << 10  # decoded bytes that are worth waking another thread for


cdef class Job:
    cdef Source source
    cdef Plan plan
    cdef const Pipeline *chain
    cdef char *data          # of the caller's buffer: the first element of the first unit
    cdef Py_ssize_t strides[MAX_NDIM]
    cdef Py_ssize_t parts    # pieces a shard's work is cut into
    cdef Py_ssize_t n
    cdef int streamed        # SZ_STREAMED where units are placed in what outgrows the caches, else 0
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
    cdef int work(self, Context *context, const Py_ssize_t *index, const Region *region, Py_ssize_t part) noexcept nogil
    cdef int place_native(self, Context *context, Py_ssize_t i, Py_ssize_t wanted, const char *native) noexcept nogil
    cdef int one(self, Context *context, Py_ssize_t i, Py_ssize_t *index) noexcept nogil
    cdef Py_ssize_t touched(self)
    cdef int do_unit(self, Context *context, Py_ssize_t i, Py_ssize_t *index) noexcept nogil
    cdef int place_shared(self, Context *context, Py_ssize_t *index, bint wait) noexcept nogil
    cdef int open_directory(self) except -1
    cdef int widened(self, int threads, Py_ssize_t nbytes) except -1
    cdef int run(self, int width) except -1
    cdef Py_ssize_t draw(self) noexcept nogil
    cdef void unit(self, Py_ssize_t i, Py_ssize_t *index, Region *region) noexcept nogil
    cdef char *file_name(self, Context *context, const Py_ssize_t *index, size_t extra) noexcept nogil
    cdef str key(self, Context *context, const Py_ssize_t *index)
    cdef void fail(self, Context *context, int status, const Py_ssize_t *index) noexcept nogil
    cdef tuple failed_chunk(self)
    cdef str task(self)
    cdef str outcome(self)
