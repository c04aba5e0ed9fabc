/* Snappy's raw format: the decoded size, then literals and copies of earlier output.
 * https://github.com/google/snappy/blob/main/format_description.txt */
#ifndef SZ_SNAPPY_H
#define SZ_SNAPPY_H
#include <stddef.h>

/* Decode the n bytes at src to exactly `size` bytes at dst. SZ_OK, or SZ_CORRUPT if they are not a valid
 * stream or decode to another size. Never reads outside src[0 .. n) nor writes outside dst[0 .. size). */
int sz_snappy_decode(const char *src, size_t n, char *dst, size_t size);

#endif
