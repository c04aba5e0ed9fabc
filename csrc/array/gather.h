/* Elements, or boxes of them, at listed places. Nothing here allocates or fails. */
#ifndef SZ_GATHER_H
#define SZ_GATHER_H
#include <stddef.h>

/* n points: how far each lies from the base address on either side, in bytes. */
typedef struct {
  ptrdiff_t n;
  const ptrdiff_t *src, *dst;
} sz_points;

/* For every choice of one point from each list, copies the box of `shape` (strides in bytes, as for sz_copy)
 * from src plus the points' src offsets to dst plus their dst offsets. Where places in dst coincide, what
 * later points bring stays there: later in any list, whatever the order of the loops. Without lists it is
 * sz_copy, with ndim 0 single elements are copied. Pointers, offsets and strides need no alignment; src and
 * dst don't overlap. */
void sz_gather(int nlists, const sz_points *lists, int ndim, const ptrdiff_t *shape, char *dst,
               const ptrdiff_t *dst_strides, const char *src, const ptrdiff_t *src_strides, size_t itemsize);

/* Sets the same elements of dst to the itemsize bytes at value (which lies outside dst). */
void sz_gather_fill(int nlists, const sz_points *lists, int ndim, const ptrdiff_t *shape, char *dst,
                    const ptrdiff_t *dst_strides, const char *value, size_t itemsize);

#endif
