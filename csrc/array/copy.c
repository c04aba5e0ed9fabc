#include "array/copy.h"

#include <string.h>

#include "array/copy_pieces.h"
#include "array/copy_tiles.h"

enum { LINE = 64 }; /* bytes of a cache line */

/* A box prepared for its loops. Axes of length 1 are dropped and axes that are contiguous on both sides are
 * merged. Axes are in the order of the destination's memory, with positive steps there. The innermost bytes
 * that are contiguous on both sides are one piece. */
typedef struct {
  int ndim;
  ptrdiff_t shape[SZ_MAX_NDIM], dstep[SZ_MAX_NDIM], sstep[SZ_MAX_NDIM];
  size_t length;
  char *dst;
  const char *src;
} box;

static ptrdiff_t magnitude(ptrdiff_t x) { return x < 0 ? -x : x; }

/* Insert one axis. The largest destination step comes first. */
static void insert_axis(box *b, ptrdiff_t n, ptrdiff_t dstep, ptrdiff_t sstep) {
  if (dstep < 0) {
    b->dst += (n - 1) * dstep;
    b->src += (n - 1) * sstep;
    dstep = -dstep;
    sstep = -sstep;
  }
  int at = b->ndim++;
  for (; at > 0 && b->dstep[at - 1] < dstep; at--) {
    b->shape[at] = b->shape[at - 1];
    b->dstep[at] = b->dstep[at - 1];
    b->sstep[at] = b->sstep[at - 1];
  }
  b->shape[at] = n;
  b->dstep[at] = dstep;
  b->sstep[at] = sstep;
}

/* Merge each axis with the next inner one if the two are evenly spaced on both sides. */
static void merge_axes(box *b) {
  int last = 0;
  for (int i = 1; i < b->ndim; i++) {
    const ptrdiff_t n = b->shape[i];
    const int even = b->dstep[last] == n * b->dstep[i] && b->sstep[last] == n * b->sstep[i];
    if (!even) last++;
    b->shape[last] = even ? b->shape[last] * n : n;
    b->dstep[last] = b->dstep[i];
    b->sstep[last] = b->sstep[i];
  }
  if (b->ndim > 0) b->ndim = last + 1;
}

/* Return 0 if there is nothing to copy. */
static int reduce(box *b, int ndim, const ptrdiff_t *shape, const ptrdiff_t *dst_strides,
                  const ptrdiff_t *src_strides) {
  b->ndim = 0;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] <= 0) return 0;
    if (shape[i] > 1) insert_axis(b, shape[i], dst_strides[i], src_strides[i]);
  }
  merge_axes(b);
  const int inner = b->ndim - 1;
  const ptrdiff_t length = (ptrdiff_t)b->length;
  if (inner >= 0 && b->dstep[inner] == length && b->sstep[inner] == length) {
    b->length *= (size_t)b->shape[inner];
    b->ndim--;
  }
  return 1;
}

/* Return the axis along which src is densest, or -1 if that is the innermost one or tiles do not pay. They
 * pay if several pieces share a cache line. */
static int find_tile_axis(const box *b) {
  if (b->ndim < 2 || b->length >= LINE) return -1;
  const int inner = b->ndim - 1;
  int best = inner;
  for (int i = 0; i < inner; i++)
    if (b->sstep[i] != 0 && magnitude(b->sstep[i]) < magnitude(b->sstep[best])) best = i;
  return best != inner && magnitude(b->sstep[best]) < LINE ? best : -1;
}

static void move_axis(box *b, int from, int to) {
  const ptrdiff_t n = b->shape[from], dstep = b->dstep[from], sstep = b->sstep[from];
  for (; from < to; from++) {
    b->shape[from] = b->shape[from + 1];
    b->dstep[from] = b->dstep[from + 1];
    b->sstep[from] = b->sstep[from + 1];
  }
  b->shape[to] = n;
  b->dstep[to] = dstep;
  b->sstep[to] = sstep;
}

/* Step the odometer of the axes before `inner`. Return 0 after the last step. */
static int advance(box *b, ptrdiff_t *index, int inner) {
  for (int i = inner - 1; i >= 0; i--) {
    b->dst += b->dstep[i];
    b->src += b->sstep[i];
    if (++index[i] < b->shape[i]) return 1;
    b->dst -= b->shape[i] * b->dstep[i];
    b->src -= b->shape[i] * b->sstep[i];
    index[i] = 0;
  }
  return 0;
}

/* Return the place in src after the next step of the axis before `inner`; NULL at its end. */
static const char *next_plane(const box *b, const ptrdiff_t *index, int inner) {
  return inner > 0 && index[inner - 1] + 1 < b->shape[inner - 1] ? b->src + b->sstep[inner - 1] : NULL;
}

/* Return the two innermost axes, which one call copies. */
static sz_pieces inner_plane(const box *b) {
  sz_pieces plane = {1, 0, 0, 1, 0, 0, b->length};
  if (b->ndim > 0) {
    plane.count = b->shape[b->ndim - 1];
    plane.dstep = b->dstep[b->ndim - 1];
    plane.sstep = b->sstep[b->ndim - 1];
  }
  if (b->ndim > 1) {
    plane.rows = b->shape[b->ndim - 2];
    plane.drow = b->dstep[b->ndim - 2];
    plane.srow = b->sstep[b->ndim - 2];
  }
  return plane;
}

static void copy_box(box *b, int transform) {
  const int tile_axis = find_tile_axis(b), outer = b->ndim > 2 ? b->ndim - 2 : 0;
  if (tile_axis >= 0) move_axis(b, tile_axis, b->ndim - 2);
  const sz_pieces plane = inner_plane(b);
  sz_tiling tiling = {.nontemporal = transform & SZ_NONTEMPORAL};
  if (tile_axis >= 0) tiling = sz_choose_tiling(&plane, transform);
  ptrdiff_t index[SZ_MAX_NDIM];
  for (int i = 0; i < outer; i++) index[i] = 0;
  do {
    if (tile_axis >= 0) sz_copy_tiles(&tiling, b->dst, b->src, next_plane(b, index, outer));
    else sz_copy_pieces(&plane, b->dst, b->src, transform);
  } while (advance(b, index, outer));
  if (tiling.nontemporal) sz_nontemporal_end();
}

void sz_copy(int ndim, const ptrdiff_t *shape, char *dst, const ptrdiff_t *dst_strides, const char *src,
             const ptrdiff_t *src_strides, size_t itemsize, int transform) {
  if (itemsize == 0 || (dst == src && (transform & ~SZ_NONTEMPORAL) == SZ_AS_IS)) return;
  box b;
  b.dst = dst;
  b.src = src;
  b.length = itemsize;
  if (reduce(&b, ndim, shape, dst_strides, src_strides)) copy_box(&b, transform);
}

/* Set each piece to the pattern. */
static void repeat(const box *pieces, char *dst, const char *pattern, size_t length) {
  box b = *pieces;
  b.dst = dst;
  b.src = pattern;
  b.length = length;
  for (int i = 0; i < b.ndim; i++) b.sstep[i] = 0;
  copy_box(&b, SZ_AS_IS);
}

static void set_bytes(box *b, int byte) {
  ptrdiff_t index[SZ_MAX_NDIM];
  for (int i = 0; i < b->ndim; i++) index[i] = 0;
  do memset(b->dst, byte, b->length);
  while (advance(b, index, b->ndim));
}

/* Whole patterns are one more axis. The rest of each piece is set separately. */
static void set_pattern(box *b, const char *value, size_t itemsize) {
  char pattern[1024];
  size_t period = itemsize;
  if (itemsize * 2 <= sizeof pattern && b->length > itemsize) {
    const size_t most = sizeof pattern / itemsize * itemsize;
    period = b->length < most ? b->length : most;
    for (size_t at = 0; at < period; at += itemsize) memcpy(pattern + at, value, itemsize);
    value = pattern;
  }
  const size_t whole = b->length / period, rest = b->length % period;
  char *tail = b->dst + whole * period;
  if (rest > 0) repeat(b, tail, value, rest);
  if (whole > 1) {
    b->shape[b->ndim] = (ptrdiff_t)whole;
    b->dstep[b->ndim++] = (ptrdiff_t)period;
  }
  repeat(b, b->dst, value, period);
}

void sz_fill(int ndim, const ptrdiff_t *shape, char *dst, const ptrdiff_t *dst_strides, const char *value,
             size_t itemsize) {
  box b;
  b.dst = dst;
  b.src = dst;
  b.length = itemsize;
  if (itemsize == 0 || !reduce(&b, ndim, shape, dst_strides, dst_strides)) return;
  const int uniform = memcmp(value, value + 1, itemsize - 1) == 0;
  if (uniform && b.length >= LINE) set_bytes(&b, (unsigned char)value[0]);
  else set_pattern(&b, value, itemsize);
}
