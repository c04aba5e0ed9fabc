from simplezarr._chunks cimport Job
from simplezarr._pipeline cimport Region, sz_file
from simplezarr._worker cimport Worker


cdef class Read(Job):
    cdef int share(self, int threads)
    cdef int read_local(self, Worker *worker, const Py_ssize_t *index, const Region *region, Py_ssize_t part) noexcept nogil
    cdef int read_small(self, Worker *worker, const char *name, const Region *region) noexcept nogil
    cdef int read_open(self, Worker *worker, const Py_ssize_t *index, const sz_file *file, const Region *region,
                       Py_ssize_t part) noexcept nogil
    cdef int read_value(self, Worker *worker, const Py_ssize_t *index, const Region *region,
                        Py_ssize_t part) noexcept with gil
    cdef int decode_value(self, Worker *worker, const Py_ssize_t *index, bytes value, const Region *region,
                          Py_ssize_t part) except? -1
    cdef int read_ranges(self, Worker *worker, const Py_ssize_t *index, get_ranges, const Region *region) except? -1
    cdef int read_extent(self, Worker *worker, get_range, const Region *stored) except? -1
