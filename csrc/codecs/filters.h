#ifndef SZ_FILTERS_H
#define SZ_FILTERS_H
#include <stddef.h>
#include <stdint.h>

/* The shuffle of HDF5: the first bytes of `count` elements of `size` bytes, then their second bytes, and so
 * on. Move the elements from … to - 1. src and dst must not overlap. */
void sz_shuffle(size_t size, size_t count, size_t from, size_t to, const char *src, char *dst);

/* Reverse sz_shuffle. */
void sz_unshuffle(size_t size, size_t count, size_t from, size_t to, const char *src, char *dst);

/* Fletcher's checksum as in HDF5: over big-endian words of 16 bits, the last one padded. The sums begin as
 * zeros. Data may be added in pieces, each of an even number of bytes except the last. */
typedef struct {
  uint32_t first, second;
} sz_fletcher32;
void sz_fletcher32_add(sz_fletcher32 *sums, const char *data, size_t n);
uint32_t sz_fletcher32_value(const sz_fletcher32 *sums);

#endif
