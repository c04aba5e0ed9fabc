/* Boxes of elements at half their resolution. Nothing here allocates or fails. */
#ifndef SZ_SHRINK_H
#define SZ_SHRINK_H
#include "array/box.h"
#include "array/convert.h"

/* What becomes of up to 8 elements:
 * SZ_MEAN: their sum, in a wide type, divided and rounded once, to nearest with ties to even. Floats are
 * added as doubles: each two that are adjacent along the last axis, then these sums in the order of C.
 * SZ_MODE: the most frequent one, compared bit by bit. Of equally frequent ones zero comes last, and
 * otherwise the one that is first in the order of C wins. */
typedef enum { SZ_MEAN, SZ_MODE } sz_summary;

/* number: of the elements; SZ_MODE does not look at it, only at their size: 1, 2, 4 or 8 bytes. factors: 1 or
 * 2 for each axis, with 2 at most three times. */
typedef struct {
  sz_summary summary;
  sz_number number;
  const int *factors;
} sz_shrinking;

/* Make one element of each two along the axes of factor 2. If the length is odd, the last element stays
 * alone. box: of src, with at least one axis. dst has the rounded up quotients of lengths and factors.
 * Elements must be adjacent along the last axis in both. Nothing else needs alignment. */
void sz_shrink(const sz_box *box, sz_dst dst, sz_src src, const sz_shrinking *shrinking);

#endif
