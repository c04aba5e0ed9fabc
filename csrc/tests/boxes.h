/* Random boxes in memory, and a plain copy of elements to compare with. */
#ifndef SZ_TESTS_BOXES_H
#define SZ_TESTS_BOXES_H
#include <stddef.h>

#include "array/copy.h"
#include "check.h"

enum { MOST_AXES = 6 };

/* The layout of a box in memory: `bytes` in all, its first element at `offset`. */
typedef struct {
  ptrdiff_t strides[MOST_AXES];
  size_t bytes;
  ptrdiff_t offset;
} layout;

static inline sz_dst dst_in(guarded g, const layout *l) { return (sz_dst){g.data + l->offset, l->strides}; }
static inline sz_src src_in(guarded g, const layout *l) { return (sz_src){g.data + l->offset, l->strides}; }

/* Make a layout with axes in random order, random gaps, and some axes reversed. If `repeats`, some axes have
 * stride 0. */
static inline layout random_layout(const sz_box *box, int repeats) {
  const int ndim = box->ndim;
  layout l = {{0}, 0, 0};
  int order[MOST_AXES];
  for (int i = 0; i < ndim; i++) order[i] = i;
  for (int i = ndim - 1; i > 0 && draw(2) == 0; i--) {
    const int k = draw(i + 1), kept = order[i];
    order[i] = order[k];
    order[k] = kept;
  }
  const int gaps = draw(3);
  ptrdiff_t extent = (ptrdiff_t)box->itemsize;
  for (int i = ndim - 1; i >= 0; i--) {
    const int axis = order[i];
    if (repeats && draw(6) == 0) continue;
    l.strides[axis] = gaps == 0 ? extent : extent + draw(gaps * 40);
    if (gaps == 2 && draw(2) == 0) l.strides[axis] = 2 * extent;
    const ptrdiff_t reach = box->shape[axis] > 0 ? (box->shape[axis] - 1) * l.strides[axis] : 0;
    extent += reach;
    if (draw(5) == 0) {
      l.strides[axis] = -l.strides[axis];
      l.offset += reach;
    }
  }
  const int misalignment = draw(16);
  l.offset += misalignment;
  l.bytes = (size_t)(extent + misalignment);
  return l;
}

/* Draw a shape of up to a few thousand elements, sometimes long enough for whole tiles and vectors. */
static inline int random_shape(ptrdiff_t *shape) {
  const int ndim = draw(MOST_AXES), longest = draw(3);
  ptrdiff_t room = 6000;
  for (int i = 0; i < ndim; i++) shape[i] = draw(50) == 0 ? 0 : 1 + draw(5);
  for (int i = 0; i < longest && ndim > 0; i++) shape[draw(ndim)] = 1 + draw(150);
  for (int i = 0; i < ndim; i++) {
    if (shape[i] > room) shape[i] = room;
    if (shape[i] > 1) room /= shape[i];
  }
  return ndim;
}

static inline int random_transform(size_t itemsize) {
  static const int CHOICES[] = {SZ_AS_IS, SZ_AS_IS, SZ_TRUTH, SZ_SWAP2, SZ_SWAP4, SZ_SWAP8};
  const int transform = CHOICES[draw(6)], nontemporal = draw(2) * SZ_NONTEMPORAL;
  return transform > SZ_TRUTH && itemsize % (size_t)transform != 0 ? nontemporal : transform | nontemporal;
}

static inline void reference_element(char *dst, const char *src, size_t itemsize, int transform) {
  transform &= ~SZ_NONTEMPORAL;
  const size_t unit = transform > SZ_TRUTH ? (size_t)transform : 1;
  for (size_t i = 0; i < itemsize; i++) {
    const char byte = src[i - i % unit + (unit - 1 - i % unit)];
    dst[i] = transform == SZ_TRUTH ? byte != 0 : byte;
  }
}

static inline void reference_copy(const sz_box *box, sz_dst dst, sz_src src, int transform) {
  if (box->ndim == 0) {
    reference_element(dst.data, src.data, box->itemsize, transform);
    return;
  }
  const sz_box inner = {box->ndim - 1, box->shape + 1, box->itemsize};
  for (ptrdiff_t i = 0; i < box->shape[0]; i++)
    reference_copy(&inner, (sz_dst){dst.data + i * dst.strides[0], dst.strides + 1},
                   (sz_src){src.data + i * src.strides[0], src.strides + 1}, transform);
}

#endif
