/* Elements, or boxes of them, at listed places. Nothing here allocates or fails. */
#ifndef SZ_GATHER_H
#define SZ_GATHER_H
#include <stddef.h>

#include "array/box.h"

/* n points: the offset of each from the base address, in bytes, in src and in dst. */
typedef struct {
  ptrdiff_t n;
  const ptrdiff_t *src, *dst;
} sz_points;

/* For each combination of one point from each list, copy the box (as sz_copy does) from src plus the points'
 * src offsets to dst plus their dst offsets. If places in dst coincide,
 * the point that is later in its list wins, in any order of the loops. Without lists this is sz_copy. With
 * ndim 0 single elements are copied. Pointers, offsets and strides need no alignment. src and dst must not
 * overlap. transform: SZ_AS_IS, or-ed with SZ_NONTEMPORAL or not. Short pieces never bypass the caches. */
void sz_gather(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src, int transform);

/* Set the same elements of dst to the itemsize bytes at value, which must lie outside dst. */
void sz_gather_fill(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, const char *value);

#endif
