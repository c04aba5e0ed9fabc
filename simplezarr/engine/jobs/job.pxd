cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from simplezarr.engine.chunks.pipeline cimport Pipeline, pipeline_outermost
from simplezarr.engine.jobs.chunk_source cimport ChunkSource
from simplezarr.engine.jobs.region_table cimport RegionTable
from simplezarr.engine.kernels.context cimport Context

cdef enum:
    SHARE_BYTES = 256 << 10  # decoded bytes that are worth waking another thread for
    BRIEF_BYTES = 16 << 10   # a smaller chunk of a far store is decoded sooner than another thread wakes


cdef class Job:
    cdef ChunkSource source
    cdef RegionTable table
    cdef const Pipeline *pipeline
    cdef object getter       # reads a stored object that is not in a local directory
    cdef Py_ssize_t splits   # the number of units that a stored object is divided into
    cdef Py_ssize_t n        # the number of units
    cdef int threads         # that may compute; 0 if the job shares out no single shards
    cdef Py_ssize_t batch    # the number of units that are drawn at once
    cdef int nontemporal        # SZ_NONTEMPORAL if the result outgrows the caches, otherwise 0
    cdef Py_ssize_t interleave  # batches are drawn in turn from so many runs
    cdef object compute_semaphore  # limits the threads that compute, if more wait for a store; else None
    cdef bint waits          # whether there is a compute semaphore
    cdef bint led            # whether `lead` was called
    cdef int directory       # of the array, if names are looked up from it
    cdef int64_t next
    cdef int32_t failed
    # of the first failure
    cdef int status
    cdef int os_error
    cdef Py_ssize_t failed_unit
    cdef int64_t inner
    cdef const char *culprit
    cdef PyObject *raised
    cdef bint do_units(self, bint watch) except -1
    cdef bint drain_units(self, Context *context, bint watch) noexcept nogil
    cdef int do_batch(self, Context *context, Py_ssize_t i) noexcept nogil
    cdef int do_unit(self, Context *context, Py_ssize_t i) noexcept nogil
    cdef int copy_shared(self, Context *context, Py_ssize_t i, Py_ssize_t k, const char *native) noexcept nogil
    cdef int begin_unit(self, Context *context, Py_ssize_t i) noexcept nogil

    @cython.final
    cdef inline void set_unit(self, Context *context, Py_ssize_t i) noexcept nogil:
        """Record for messages, and for threads that wait, on which unit the thread works."""
        context.inner, context.unit = -1, i
        context.culprit = pipeline_outermost(self.pipeline)
    cdef int finish_waits(self, Context *context, bint wait) noexcept nogil
    cdef int open_directory(self) except -1

    @cython.final
    cdef inline bint is_brief(self) noexcept nogil:
        """Return whether the job waits for a store, and its chunks are so small that threads compute with the GIL.

        Giving it up, getting it back and waiting for the compute semaphore would take longer.
        """
        return (self.waits and self.pipeline.nbytes < BRIEF_BYTES and self.pipeline.inner == NULL
                and self.pipeline.python == NULL)

    cdef int widened(self, int threads, Py_ssize_t nbytes) except -1
    cdef int run(self, int width) except -1
    cdef Py_ssize_t next_batch(self) noexcept nogil
    cdef char *file_name(self, Context *context, const Py_ssize_t *index) noexcept nogil
    cdef str key(self, Context *context, const Py_ssize_t *index)
    cdef void fail(self, Context *context, int status) noexcept nogil
    cdef tuple failed_chunk(self, const Py_ssize_t *index)
    cdef str task(self)
    cdef str outcome(self)
