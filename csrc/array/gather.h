/* Elements, or boxes of them, at listed places. Nothing here allocates or fails. */
#ifndef SZ_GATHER_H
#define SZ_GATHER_H
#include <stddef.h>

/* n points: the offset of each from the base address, in bytes, in src and in dst. */
typedef struct {
  ptrdiff_t n;
  const ptrdiff_t *src, *dst;
} sz_points;

/* For each combination of one point from each list, copy the box of `shape` (strides in bytes, as for
 * sz_copy) from src plus the points' src offsets to dst plus their dst offsets. If places in dst coincide,
 * the point that is later in its list wins, in any order of the loops. Without lists this is sz_copy. With
 * ndim 0 single elements are copied. Pointers, offsets and strides need no alignment. src and dst must not
 * overlap. */
void sz_gather(int nlists, const sz_points *lists, int ndim, const ptrdiff_t *shape, char *dst,
               const ptrdiff_t *dst_strides, const char *src, const ptrdiff_t *src_strides, size_t itemsize);

/* Set the same elements of dst to the itemsize bytes at value, which must lie outside dst. */
void sz_gather_fill(int nlists, const sz_points *lists, int ndim, const ptrdiff_t *shape, char *dst,
                    const ptrdiff_t *dst_strides, const char *value, size_t itemsize);

#endif
