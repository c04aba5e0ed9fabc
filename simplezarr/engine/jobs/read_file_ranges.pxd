cimport cython
from cpython.object cimport PyObject

from simplezarr.engine.files.file_ranges cimport FileRange
from simplezarr.engine.jobs.read cimport ReadJob
from simplezarr.engine.jobs.region_table cimport TouchedObject
from simplezarr.engine.kernels.context cimport Context


@cython.final
cdef class FileRangeReadJob(ReadJob):
    cdef dict tables   # of shards that are cut into parts, by number of the stored object
    cdef int read_units(self, Context *context, Py_ssize_t first, Py_ssize_t end) noexcept nogil
    cdef int find(self, Context *context, Py_ssize_t first, Py_ssize_t end, PyObject **table) noexcept with gil
    cdef object table_of(self, Context *context, Py_ssize_t first, Py_ssize_t end)
    cdef int read_found(self, Context *context, Py_ssize_t first, FileRange *ranges, Py_ssize_t n) noexcept nogil
    cdef int read_found_limited(self, Context *context, Py_ssize_t first, FileRange *ranges, Py_ssize_t n) noexcept with gil
    cdef int read_run(self, Context *context, Py_ssize_t first, FileRange *ranges, Py_ssize_t n) noexcept nogil
    cdef int read_file_range(self, Context *context, Py_ssize_t unit, FileRange *found, const char *loaded) noexcept nogil
    cdef int read_checked(self, Context *context, const TouchedObject *object, const FileRange *found,
                          const char *loaded) noexcept nogil
    cdef int read_unknown(self, Context *context, Py_ssize_t unit) noexcept nogil
