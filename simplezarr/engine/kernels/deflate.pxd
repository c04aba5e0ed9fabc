from libc.stdint cimport uint32_t

cdef uint32_t crc32(uint32_t crc, const char *data, size_t n) noexcept nogil
