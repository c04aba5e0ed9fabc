#include "array/copy.h"

#include <string.h>

#include "array/copy_pieces.h"
#include "array/copy_tiles.h"

enum { LINE = 64 }; /* bytes of a cache line */

/* A box prepared for its loops, with its places. Axes of length 1 are dropped and axes that are contiguous on
 * both sides are merged. Axes are in the order of the destination's memory, with positive steps there. The
 * innermost bytes that are contiguous on both sides are one piece. */
typedef struct {
  int ndim;
  ptrdiff_t shape[SZ_MAX_NDIM], dstep[SZ_MAX_NDIM], sstep[SZ_MAX_NDIM];
  size_t length;
  char *dst;
  const char *src;
  int transform;
} loop_nest;

static ptrdiff_t magnitude(ptrdiff_t x) { return x < 0 ? -x : x; }

/* Insert one axis. The largest destination step comes first. */
static void insert_axis(loop_nest *nest, ptrdiff_t n, ptrdiff_t dstep, ptrdiff_t sstep) {
  if (dstep < 0) {
    nest->dst += (n - 1) * dstep;
    nest->src += (n - 1) * sstep;
    dstep = -dstep;
    sstep = -sstep;
  }
  int at = nest->ndim++;
  for (; at > 0 && nest->dstep[at - 1] < dstep; at--) {
    nest->shape[at] = nest->shape[at - 1];
    nest->dstep[at] = nest->dstep[at - 1];
    nest->sstep[at] = nest->sstep[at - 1];
  }
  nest->shape[at] = n;
  nest->dstep[at] = dstep;
  nest->sstep[at] = sstep;
}

/* Merge each axis with the next inner one if the two are evenly spaced on both sides. */
static void merge_axes(loop_nest *nest) {
  int last = 0;
  for (int i = 1; i < nest->ndim; i++) {
    const ptrdiff_t n = nest->shape[i];
    const int even = nest->dstep[last] == n * nest->dstep[i] && nest->sstep[last] == n * nest->sstep[i];
    if (!even) last++;
    nest->shape[last] = even ? nest->shape[last] * n : n;
    nest->dstep[last] = nest->dstep[i];
    nest->sstep[last] = nest->sstep[i];
  }
  if (nest->ndim > 0) nest->ndim = last + 1;
}

/* Reduce a box to its loops, which have their places already. Return 0 if there is nothing to copy. */
static int reduce(loop_nest *nest, const sz_box *box, const ptrdiff_t *dst_strides,
                  const ptrdiff_t *src_strides) {
  const ptrdiff_t *const shape = box->shape;
  const int ndim = box->ndim;
  nest->ndim = 0;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] <= 0) return 0;
    if (shape[i] > 1) insert_axis(nest, shape[i], dst_strides[i], src_strides[i]);
  }
  merge_axes(nest);
  const int inner = nest->ndim - 1;
  const ptrdiff_t length = (ptrdiff_t)nest->length;
  if (inner >= 0 && nest->dstep[inner] == length && nest->sstep[inner] == length) {
    nest->length *= (size_t)nest->shape[inner];
    nest->ndim--;
  }
  return 1;
}

/* Return the axis along which src is densest, or -1 if that is the innermost one or tiles do not pay. They
 * pay if several pieces share a cache line. */
static int find_tile_axis(const loop_nest *nest) {
  if (nest->ndim < 2 || nest->length >= LINE) return -1;
  const int inner = nest->ndim - 1;
  int best = inner;
  for (int i = 0; i < inner; i++)
    if (nest->sstep[i] != 0 && magnitude(nest->sstep[i]) < magnitude(nest->sstep[best])) best = i;
  return best != inner && magnitude(nest->sstep[best]) < LINE ? best : -1;
}

static void move_axis(loop_nest *nest, int from, int to) {
  const ptrdiff_t n = nest->shape[from], dstep = nest->dstep[from], sstep = nest->sstep[from];
  for (; from < to; from++) {
    nest->shape[from] = nest->shape[from + 1];
    nest->dstep[from] = nest->dstep[from + 1];
    nest->sstep[from] = nest->sstep[from + 1];
  }
  nest->shape[to] = n;
  nest->dstep[to] = dstep;
  nest->sstep[to] = sstep;
}

/* Step the odometer of the axes before `inner`. Return 0 after the last step. */
static int advance(loop_nest *nest, ptrdiff_t *index, int inner) {
  for (int i = inner - 1; i >= 0; i--) {
    nest->dst += nest->dstep[i];
    nest->src += nest->sstep[i];
    if (++index[i] < nest->shape[i]) return 1;
    nest->dst -= nest->shape[i] * nest->dstep[i];
    nest->src -= nest->shape[i] * nest->sstep[i];
    index[i] = 0;
  }
  return 0;
}

/* Return the place in src after the next step of the axis before `inner`; NULL at its end. */
static const char *next_plane(const loop_nest *nest, const ptrdiff_t *index, int inner) {
  if (inner == 0 || index[inner - 1] + 1 >= nest->shape[inner - 1]) return NULL;
  return nest->src + nest->sstep[inner - 1];
}

/* Return the two innermost axes, which one call copies. */
static sz_pieces inner_plane(const loop_nest *nest) {
  sz_pieces plane = {1, 0, 0, 1, 0, 0, nest->length};
  if (nest->ndim > 0) {
    plane.count = nest->shape[nest->ndim - 1];
    plane.dstep = nest->dstep[nest->ndim - 1];
    plane.sstep = nest->sstep[nest->ndim - 1];
  }
  if (nest->ndim > 1) {
    plane.rows = nest->shape[nest->ndim - 2];
    plane.drow = nest->dstep[nest->ndim - 2];
    plane.srow = nest->sstep[nest->ndim - 2];
  }
  return plane;
}

static void run_loops(loop_nest *nest) {
  const int transform = nest->transform;
  const int tile_axis = find_tile_axis(nest), outer = nest->ndim > 2 ? nest->ndim - 2 : 0;
  if (tile_axis >= 0) move_axis(nest, tile_axis, nest->ndim - 2);
  const sz_pieces plane = inner_plane(nest);
  sz_tiling tiling = {.nontemporal = transform & SZ_NONTEMPORAL};
  if (tile_axis >= 0) tiling = sz_choose_tiling(&plane, transform);
  ptrdiff_t index[SZ_MAX_NDIM];
  for (int i = 0; i < outer; i++) index[i] = 0;
  do {
    if (tile_axis >= 0) sz_copy_tiles(&tiling, nest->dst, nest->src, next_plane(nest, index, outer));
    else sz_copy_pieces(&plane, nest->dst, nest->src, transform);
  } while (advance(nest, index, outer));
  if (tiling.nontemporal) sz_nontemporal_end();
}

void sz_copy(const sz_box *box, sz_dst dst, sz_src src, int transform) {
  if (box->itemsize == 0 || (dst.data == src.data && (transform & ~SZ_NONTEMPORAL) == SZ_AS_IS)) return;
  loop_nest nest;
  nest.length = box->itemsize;
  nest.dst = dst.data;
  nest.src = src.data;
  nest.transform = transform;
  if (reduce(&nest, box, dst.strides, src.strides)) run_loops(&nest);
}

void sz_copy_contiguous(char *dst, const char *src, ptrdiff_t n, size_t itemsize, int transform) {
  const ptrdiff_t stride = (ptrdiff_t)itemsize;
  const sz_box box = {1, &n, itemsize};
  sz_copy(&box, (sz_dst){dst, &stride}, (sz_src){src, &stride}, transform);
}

/* Set each piece to the pattern. */
static void repeat(const loop_nest *pieces, char *dst, const char *pattern, size_t length) {
  loop_nest nest = *pieces;
  nest.dst = dst;
  nest.src = pattern;
  nest.length = length;
  for (int i = 0; i < nest.ndim; i++) nest.sstep[i] = 0;
  run_loops(&nest);
}

static void set_bytes(loop_nest *nest, int byte) {
  ptrdiff_t index[SZ_MAX_NDIM];
  for (int i = 0; i < nest->ndim; i++) index[i] = 0;
  do memset(nest->dst, byte, nest->length);
  while (advance(nest, index, nest->ndim));
}

/* Whole patterns are one more axis. The rest of each piece is set separately. */
static void set_pattern(loop_nest *nest, const char *value, size_t itemsize) {
  char pattern[1024];
  size_t period = itemsize;
  if (itemsize * 2 <= sizeof pattern && nest->length > itemsize) {
    const size_t most = sizeof pattern / itemsize * itemsize;
    period = nest->length < most ? nest->length : most;
    for (size_t at = 0; at < period; at += itemsize) memcpy(pattern + at, value, itemsize);
    value = pattern;
  }
  const size_t whole = nest->length / period, rest = nest->length % period;
  char *tail = nest->dst + whole * period;
  if (rest > 0) repeat(nest, tail, value, rest);
  if (whole > 1) {
    nest->shape[nest->ndim] = (ptrdiff_t)whole;
    nest->dstep[nest->ndim++] = (ptrdiff_t)period;
  }
  repeat(nest, nest->dst, value, period);
}

void sz_fill(const sz_box *box, sz_dst dst, const char *value) {
  loop_nest nest;
  nest.length = box->itemsize;
  nest.dst = dst.data;
  nest.src = dst.data;
  nest.transform = SZ_AS_IS;
  if (box->itemsize == 0 || !reduce(&nest, box, dst.strides, dst.strides)) return;
  const int uniform = memcmp(value, value + 1, box->itemsize - 1) == 0;
  if (uniform && nest.length >= LINE) set_bytes(&nest, (unsigned char)value[0]);
  else set_pattern(&nest, value, box->itemsize);
}
