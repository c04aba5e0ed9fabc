#ifndef SZ_FILTERS_H
#define SZ_FILTERS_H
#include <stddef.h>
#include <stdint.h>

/* The shuffle of HDF5: from count elements of `size` bytes their first bytes, then their second bytes, and so on.
 * src and dst do not overlap. */
void sz_shuffle(size_t size, size_t count, const char *src, char *dst);

/* Back. */
void sz_unshuffle(size_t size, size_t count, const char *src, char *dst);

/* Fletcher's checksum of the n bytes at data as in HDF5: over big-endian words of 16 bits, the last one padded. */
uint32_t sz_fletcher32(const char *data, size_t n);

#endif
