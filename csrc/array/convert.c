#include "array/convert.h"

#include <stdint.h>
#include <string.h>

#include "array/convert_kernels.h"

enum {
  BLOCK = 512, /* numbers that are converted at once: what is kept of them fits the smallest cache */
  WIDEST = 8   /* bytes of a number */
};

/* An axis of the box, and how far its elements are from each other. */
typedef struct {
  ptrdiff_t n, dstep, sstep;
  int along; /* scale and offset go along it */
} axis;

/* A box prepared for its loops. The innermost loop is a run of numbers at even distances. Scale and offset of
 * number i of the run are those of number i / inner % length along their axis; of all, if length is 1. */
typedef struct {
  sz_convert_way way;
  size_t from, to; /* bytes of a number */
  int ndim;        /* axes around the run */
  axis axes[SZ_MAX_NDIM], run;
  ptrdiff_t inner, length, block;
  const double *filled; /* the scale that `scales` begins with; NULL: nothing yet */
  double scales[BLOCK], offsets[BLOCK];
} job;

static const size_t SIZES[SZ_NUMBERS] = {1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8};

size_t sz_number_size(sz_number number) { return SIZES[number]; }

/* ---------------------------------------------------------------- preparing */

static ptrdiff_t magnitude(ptrdiff_t x) { return x < 0 ? -x : x; }

/* List the axes in the order of the destination's memory. Return 0 if there is nothing to convert. */
static int list_axes(job *j, const sz_box *box, const ptrdiff_t *dst_strides, const ptrdiff_t *src_strides,
                     int along) {
  j->ndim = 0;
  for (int d = 0; d < box->ndim; d++) {
    const axis a = {box->shape[d], dst_strides[d], src_strides[d], d == along};
    if (a.n <= 0) return 0;
    if (a.n == 1) continue;
    int at = j->ndim++;
    for (; at > 0 && magnitude(j->axes[at - 1].dstep) < magnitude(a.dstep); at--)
      j->axes[at] = j->axes[at - 1];
    j->axes[at] = a;
  }
  return 1;
}

/* Make the innermost axes the run, as far as their elements are evenly spaced. Scale and offset are repeated
 * to the length of a block, so few of them may be part of a run with others inside or outside. */
static void take_run(job *j) {
  j->run = (axis){1, (ptrdiff_t)j->to, (ptrdiff_t)j->from, 0};
  j->inner = j->length = 1;
  for (int first = 1; j->ndim > 0; j->ndim--, first = 0) {
    const axis a = j->axes[j->ndim - 1];
    const ptrdiff_t n = first ? 1 : j->run.n;
    if (!first && (a.dstep != n * j->run.dstep || a.sstep != n * j->run.sstep)) return;
    if (!first && a.along && n * a.n > BLOCK / 2) return;
    if (a.along) {
      j->inner = n;
      j->length = a.n;
    }
    if (first) j->run = a;
    else j->run.n = n * a.n;
  }
}

static int prepare(job *j, const sz_box *box, const ptrdiff_t *dst_strides, const ptrdiff_t *src_strides,
                   const sz_conversion *conversion) {
  j->way = sz_choose_conversion(conversion->from, conversion->to);
  j->from = SIZES[conversion->from];
  j->to = SIZES[conversion->to];
  j->filled = NULL;
  if (!list_axes(j, box, dst_strides, src_strides, conversion->axis)) return 0;
  take_run(j);
  const ptrdiff_t period = j->inner * j->length;
  j->block = period > BLOCK / 2 ? BLOCK : BLOCK / period * period;
  return 1;
}

/* ---------------------------------------------------------------- running */

#define MOVE_ITEMS(type)                                          \
  for (ptrdiff_t i = 0; i < n; i++) {                             \
    type item;                                                    \
    memcpy(&item, src + (sat ? sat[i] : i * sstep), sizeof item); \
    memcpy(dst + (dat ? dat[i] : i * dstep), &item, sizeof item); \
  }                                                               \
  break

/* The places of numbers: at listed offsets, or at even distances if `at` is NULL. */
typedef struct {
  const ptrdiff_t *at;
  ptrdiff_t step;
} spacing;

static void move_items(char *dst, spacing to, const char *src, spacing from, ptrdiff_t n, size_t size) {
  const ptrdiff_t *const dat = to.at, *const sat = from.at;
  const ptrdiff_t dstep = to.step, sstep = from.step;
  switch (size) {
    case 1: MOVE_ITEMS(uint8_t);
    case 2: MOVE_ITEMS(uint16_t);
    case 4: MOVE_ITEMS(uint32_t);
    default: MOVE_ITEMS(uint64_t);
  }
}

static int has_gaps(spacing s, size_t size) { return s.at != NULL || s.step != (ptrdiff_t)size; }

/* Convert up to BLOCK numbers, by way of buffers without gaps where there are gaps. */
static void convert_block(const job *j, char *dst, spacing to, const char *src, spacing from, ptrdiff_t n,
                          const double *const factors[2]) {
  char packed[BLOCK * WIDEST], converted[BLOCK * WIDEST];
  double exact[BLOCK];
  const int spread = has_gaps(to, j->to);
  char *const place = spread ? converted : dst;
  if (has_gaps(from, j->from)) {
    move_items(packed, (spacing){NULL, (ptrdiff_t)j->from}, src, from, n, j->from);
    src = packed;
  }
  if (j->way.round == NULL) {
    j->way.convert(place, src, n, factors[0], factors[1]);
  } else {
    j->way.convert((char *)exact, src, n, factors[0], factors[1]);
    j->way.round(place, exact, n);
  }
  if (spread) move_items(dst, to, converted, (spacing){NULL, (ptrdiff_t)j->to}, n, j->to);
}

/* Repeat scale and offset for a block of n numbers, unless they are those of the last one. */
static void fill_factors(job *j, const double *scale, const double *offset, ptrdiff_t n) {
  if (j->filled == scale) return;
  j->filled = scale;
  for (ptrdiff_t i = 0; i < n; i++) {
    const ptrdiff_t k = j->length == 1 ? 0 : i / j->inner % j->length;
    j->scales[i] = scale[k];
    j->offsets[i] = offset[k];
  }
}

static void convert_run(job *j, char *dst, const char *src, const double *scale, const double *offset) {
  const spacing to = {NULL, j->run.dstep}, from = {NULL, j->run.sstep};
  const ptrdiff_t n = j->run.n, period = j->length;
  const int direct = j->inner == 1 && period > BLOCK / 2; /* they need not be repeated */
  if (!direct) fill_factors(j, scale, offset, n < j->block ? n : j->block);
  ptrdiff_t m;
  for (ptrdiff_t i = 0; i < n; i += m) {
    const ptrdiff_t k = i % period, left = direct ? period - k : n - i;
    const double *const factors[2] = {direct ? scale + k : j->scales, direct ? offset + k : j->offsets};
    m = left < j->block ? left : j->block;
    convert_block(j, dst + i * to.step, to, src + i * from.step, from, m, factors);
  }
}

/* Walk axes d, d + 1, ... around the runs. */
static void convert_axes(job *j, int d, char *dst, const char *src, const double *scale,
                         const double *offset) {
  if (d == j->ndim) {
    convert_run(j, dst, src, scale, offset);
    return;
  }
  const axis *const a = &j->axes[d];
  for (ptrdiff_t k = 0; k < a->n; k++)
    convert_axes(j, d + 1, dst + k * a->dstep, src + k * a->sstep, a->along ? scale + k : scale,
                 a->along ? offset + k : offset);
}

void sz_convert(const sz_box *box, sz_dst dst, sz_src src, const sz_conversion *conversion) {
  job j;
  if (prepare(&j, box, dst.strides, src.strides, conversion))
    convert_axes(&j, 0, dst.data, src.data, conversion->scale, conversion->offset);
}

/* ---------------------------------------------------------------- points */

static void convert_lists(job *j, int nlists, const sz_points *lists, char *dst, const char *src,
                          const sz_conversion *conversion) {
  if (nlists == 0) {
    convert_axes(j, 0, dst, src, conversion->scale, conversion->offset);
    return;
  }
  if (nlists == 1 && j->ndim == 0 && j->run.n == 1) { /* the points are the run */
    fill_factors(j, conversion->scale, conversion->offset, lists->n < BLOCK ? lists->n : BLOCK);
    const double *const factors[2] = {j->scales, j->offsets};
    for (ptrdiff_t i = 0; i < lists->n; i += BLOCK)
      convert_block(j, dst, (spacing){lists->dst + i, 0}, src,
                    (spacing){lists->src ? lists->src + i : NULL, 0},
                    lists->n - i < BLOCK ? lists->n - i : BLOCK, factors);
    return;
  }
  for (ptrdiff_t i = 0; i < lists->n; i++)
    convert_lists(j, nlists - 1, lists + 1, dst + lists->dst[i], lists->src ? src + lists->src[i] : src,
                  conversion);
}

void sz_convert_points(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src,
                       const sz_conversion *conversion) {
  job j;
  if (prepare(&j, box, dst.strides, src.strides, conversion))
    convert_lists(&j, nlists, lists, dst.data, src.data, conversion);
}
