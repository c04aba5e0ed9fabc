#ifndef SZ_CRC32C_H
#define SZ_CRC32C_H
#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720) of the n bytes at data, continued from crc (0 to begin).
 * Uses the processor's instruction where there is one (x86-64 SSE4.2 in three interleaved lanes, ARMv8 CRC),
 * else slice-by-8. Thread-safe, also on the first call. */
uint32_t sz_crc32c(uint32_t crc, const char *data, size_t n);

/* The portable slice-by-8 kernel, which the others are checked against. */
uint32_t sz_crc32c_portable(uint32_t crc, const char *data, size_t n);

#endif
