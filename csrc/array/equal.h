#ifndef SZ_EQUAL_H
#define SZ_EQUAL_H
#include <stddef.h>

/* 1 when the n bytes at data are the itemsize bytes at value again and again, bit for bit (so -0.0 is not
 * 0.0, and a NaN is only itself); else 0. n is a multiple of itemsize; n == 0 gives 1. Returns early: first
 * and last element first. */
int sz_all_equal(const char *data, size_t n, const char *value, size_t itemsize);

#endif
