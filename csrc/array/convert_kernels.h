/* Private to convert.c: numbers without gaps, converted in the loops that compilers make vectors of. */
#ifndef SZ_CONVERT_KERNELS_H
#define SZ_CONVERT_KERNELS_H
#include <stddef.h>

#include "array/convert.h"

/* Convert n numbers; scale and offset have one for each. */
typedef void (*sz_convert_kernel)(char *dst, const char *src, ptrdiff_t n, const double *scale,
                                  const double *offset);

/* Round n doubles to a shorter type. */
typedef void (*sz_round_kernel)(char *dst, const double *src, ptrdiff_t n);

/* How numbers are converted: at once; or to doubles, which are rounded then, if `round` is not NULL. */
typedef struct {
  sz_convert_kernel convert;
  sz_round_kernel round;
} sz_convert_way;

sz_convert_way sz_choose_conversion(sz_number from, sz_number to);

#endif
