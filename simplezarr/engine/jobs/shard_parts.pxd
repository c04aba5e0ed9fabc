from cpython.object cimport PyObject
from libc.stdint cimport int32_t

from simplezarr.engine.chunks.byte_source cimport ByteSource
from simplezarr.engine.chunks.pipeline cimport Pipeline
from simplezarr.engine.chunks.shard_reader cimport InnerChunkRange
from simplezarr.engine.jobs.job cimport Job
from simplezarr.engine.jobs.region_table cimport TouchedObject
from simplezarr.engine.kernels.context cimport Context


cdef class ShardJob(Job):
    cdef const TouchedObject *object
    cdef const ByteSource *shard
    cdef const int32_t *ended           # becomes true if the job that reads the shard ends
    cdef bint no_coalescing


cdef class ShardDecodeJob(ShardJob):
    pass


cdef class ShardPartsJob(ShardJob):
    cdef const InnerChunkRange *ranges  # of the requested inner chunks, in the order of their offsets
    cdef const Py_ssize_t *ends         # of each part, in `ranges`
    cdef object reader                  # of the index
    cdef list idle                      # readers of the same version that no thread uses
    cdef int take_reader(self, Context *context, PyObject **reader) noexcept with gil
    cdef void return_reader(self, PyObject *reader) noexcept with gil

cdef object reader_of_parts(store, str key, const Pipeline *pipeline, Py_ssize_t n)
cdef int read_shard_chunks(Context *context, Job job, const ByteSource *shard, const TouchedObject *object,
                           Py_ssize_t part) noexcept nogil
