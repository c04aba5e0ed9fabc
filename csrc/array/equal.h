#ifndef SZ_EQUAL_H
#define SZ_EQUAL_H
#include <stddef.h>

/* Return 1 if the n bytes at data repeat the itemsize bytes at value, otherwise 0. Bits are compared, so -0.0
 * is not 0.0, and a NaN equals the same NaN. n is a multiple of itemsize; n == 0 returns 1. The last and the
 * first element are compared first. */
int sz_all_equal(const char *data, size_t n, const char *value, size_t itemsize);

#endif
