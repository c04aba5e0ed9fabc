/* Snappy's raw format: the decoded size, then literals and copies of what was decoded before.
 * https://github.com/google/snappy/blob/main/format_description.txt */
#ifndef SZ_SNAPPY_H
#define SZ_SNAPPY_H
#include <stddef.h>

/* Decodes the n bytes at src into exactly `size` bytes at dst. SZ_OK, or SZ_CORRUPT if they are not such a
 * stream or decode to another size. Never reads outside src[0 .. n) nor writes outside dst[0 .. size). */
int sz_snappy_decode(const char *src, size_t n, char *dst, size_t size);

#endif
