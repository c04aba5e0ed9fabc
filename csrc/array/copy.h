/* Boxes of N-d arrays, copied and filled over signed byte strides. Nothing here allocates or fails. */
#ifndef SZ_COPY_H
#define SZ_COPY_H
#include <stddef.h>

#include "array/box.h"

/* What happens to an element on its way. The value of a swap is the unit in bytes whose order is reversed:
 * a complex64 (8 bytes) is swapped in units of 4. */
enum {
  SZ_AS_IS = 0,
  SZ_TRUTH = 1, /* bool: every byte becomes 0 or 1 */
  SZ_SWAP2 = 2,
  SZ_SWAP4 = 4,
  SZ_SWAP8 = 8,
  SZ_NONTEMPORAL = 16 /* or-ed to one of these: dst is larger than the caches, so stores may bypass them */
};

/* Copy the elements of a box from src to dst. Strides may be negative, those of src also zero. src and dst
 * must not overlap, unless they are the same place with the same strides (an in-place SZ_SWAPn or SZ_TRUTH).
 * Pointers and strides need no alignment. A zero in the shape copies nothing, ndim 0 copies one element. */
void sz_copy(const sz_box *box, sz_dst dst, sz_src src, int transform);

/* Copy n elements that follow each other without gaps, in src and in dst. */
void sz_copy_contiguous(char *dst, const char *src, ptrdiff_t n, size_t itemsize, int transform);

/* Set each element of the box to the itemsize bytes at value, which must lie outside the box. */
void sz_fill(const sz_box *box, sz_dst dst, const char *value);

/* Copy those elements of a selection that lie in a run of the chunk: src holds the chunk's elements number
 * first to first + n - 1, in C order. Element (k0, k1, …) of the selection belongs at dst.data + sum k_d *
 * dst.strides[d]. Calls for consecutive runs that cover the chunk copy the whole selection, so a chunk can be
 * decoded in pieces that fit the cache. */
void sz_copy_run(const sz_selection *selection, sz_dst dst, ptrdiff_t first, ptrdiff_t n, const char *src,
                 int transform);

#endif
