from simplezarr.engine.chunks.pipeline cimport Pipeline, Region
from simplezarr.engine.kernels.context cimport Context

cdef int decode_steps(Context *context, const Pipeline *pipeline, const char **src, size_t *n, int level, bint *done,
                      const Region *region) noexcept nogil
