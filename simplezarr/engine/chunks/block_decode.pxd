from simplezarr.engine.chunks.pipeline cimport Chain, Region
from simplezarr.engine.kernels.context cimport Worker

cdef int decode_steps(Worker *worker, const Chain *chain, const char **src, size_t *n, int level, bint *done,
                      const Region *region) noexcept nogil
