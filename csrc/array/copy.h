/* Boxes of N-d arrays, copied and filled over signed byte strides. Nothing here allocates or fails. */
#ifndef SZ_COPY_H
#define SZ_COPY_H
#include <stddef.h>

#define SZ_MAX_NDIM 64

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

/* Copy the elements of a box of `shape` from src to dst. Strides are in bytes. They may be negative, those of
 * src also zero. src and dst must not overlap, unless they are the same box with the same strides (an
 * in-place SZ_SWAPn or SZ_TRUTH). Pointers and strides need no alignment. A zero in shape copies nothing,
 * ndim 0 copies one element. */
void sz_copy(int ndim, const ptrdiff_t *shape, char *dst, const ptrdiff_t *dst_strides, const char *src,
             const ptrdiff_t *src_strides, size_t itemsize, int transform);

/* Set each element of the box to the itemsize bytes at value, which must lie outside the box. */
void sz_fill(int ndim, const ptrdiff_t *shape, char *dst, const ptrdiff_t *dst_strides, const char *value,
             size_t itemsize);

/* Copy those elements of a selection that lie in a run of a chunk. The chunk has `chunk_shape` in C order.
 * src holds its elements number first to first + n - 1. The selection takes start[d] + k * step[d], 0 <= k <
 * count[d], step >= 1, from axis d. Its element (k0, k1, …) belongs at dst + sum k_d * dst_strides[d]. Calls
 * for consecutive runs that cover the chunk copy the whole selection, so a chunk can be decoded in pieces
 * that fit the cache. */
void sz_copy_run(int ndim, const ptrdiff_t *chunk_shape, const ptrdiff_t *start, const ptrdiff_t *step,
                 const ptrdiff_t *count, char *dst, const ptrdiff_t *dst_strides, ptrdiff_t first,
                 ptrdiff_t n, const char *src, size_t itemsize, int transform);

#endif
