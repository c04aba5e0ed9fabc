/* Boxes of numbers, converted to another type: y = x * scale + offset. Nothing here allocates or fails.
 *
 * x becomes a double, is multiplied and added to with one rounding each, and the result is rounded once to
 * the type of y, to nearest with ties to even. So with scale 1 and offset 0 each number that the type of y
 * holds stays as it is. What is too large becomes infinite, NaN stays NaN. */
#ifndef SZ_CONVERT_H
#define SZ_CONVERT_H
#include "array/box.h"
#include "array/gather.h"

/* Types of numbers, in the machine's byte order. Of bool each byte must be 0 or 1, so it is SZ_U8. */
typedef enum {
  SZ_U8,
  SZ_I8,
  SZ_U16,
  SZ_I16,
  SZ_U32,
  SZ_I32,
  SZ_U64,
  SZ_I64,
  SZ_F16,
  SZ_BF16,
  SZ_F32,
  SZ_F64,
  SZ_NUMBERS
} sz_number;

/* to: SZ_F16, SZ_BF16, SZ_F32 or SZ_F64. scale, offset: one number each; or, unless axis is -1, one for each
 * element along that axis of the box. */
typedef struct {
  sz_number from, to;
  int axis;
  const double *scale, *offset;
} sz_conversion;

/* Convert the numbers of a box, whose itemsize is not looked at, from src to dst. Strides may be negative,
 * those of src also zero. src and dst must not overlap. Pointers and strides need no alignment. */
void sz_convert(const sz_box *box, sz_dst dst, sz_src src, const sz_conversion *conversion);

/* For each combination of one point from each list, do the same from src plus the points' src offsets to dst
 * plus their dst offsets, as sz_gather does. A list without src offsets (NULL) adds nothing to src. */
void sz_convert_points(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src,
                       const sz_conversion *conversion);

/* Return the bytes of a number. */
size_t sz_number_size(sz_number number);

#endif
