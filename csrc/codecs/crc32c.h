#ifndef SZ_CRC32C_H
#define SZ_CRC32C_H
#include <stddef.h>
#include <stdint.h>

/* Return the CRC-32C (Castagnoli, RFC 3720) of the n bytes at data, continued from crc (0 to begin). It uses
 * the processor's instruction (x86-64 SSE4.2 in three interleaved lanes, ARMv8 CRC), or slice-by-8 if there
 * is none. Thread-safe, also on the first call. */
uint32_t sz_crc32c(uint32_t crc, const char *data, size_t n);

/* The portable slice-by-8 kernel, with which tests compare the others. */
uint32_t sz_crc32c_portable(uint32_t crc, const char *data, size_t n);

#endif
