#include "array/gather.h"

#include <stdint.h>
#include <string.h>

#include "array/copy.h"

/* Bytes of a contiguous piece of the box from which on a call for each point pays. */
#define RUN ((ptrdiff_t)64)
/* The same from which on stores that bypass the caches pay: those of each piece are waited for. */
#define NONTEMPORAL_RUN ((ptrdiff_t)1024)

typedef struct {
  uint64_t half[2];
} item16;

#define GATHER_ITEMS(type)                        \
  for (i = 0; i < p->n; i++) {                    \
    type item;                                    \
    memcpy(&item, src + p->src[i], sizeof(type)); \
    memcpy(dst + p->dst[i], &item, sizeof(type)); \
  }                                               \
  break

/* Copy one element for each point. */
static void gather_items(const sz_points *p, char *dst, const char *src, size_t itemsize) {
  ptrdiff_t i;
  switch (itemsize) {
    case 1: GATHER_ITEMS(uint8_t);
    case 2: GATHER_ITEMS(uint16_t);
    case 4: GATHER_ITEMS(uint32_t);
    case 8: GATHER_ITEMS(uint64_t);
    case 16: GATHER_ITEMS(item16);
    default:
      for (i = 0; i < p->n; i++) memcpy(dst + p->dst[i], src + p->src[i], itemsize);
  }
}

typedef struct {
  const sz_box *box;
  const ptrdiff_t *dst_strides, *src_strides;
  int transform;
  int items; /* the points are the inner loop, and the box is walked around it */
} job;

/* Copy axes d, d + 1, … of the box, with the points of one list innermost. */
static void gather_box(const job *j, const sz_points *p, int d, char *dst, const char *src) {
  ptrdiff_t k;
  if (d == j->box->ndim) {
    gather_items(p, dst, src, j->box->itemsize);
    return;
  }
  for (k = 0; k < j->box->shape[d]; k++)
    gather_box(j, p, d + 1, dst + k * j->dst_strides[d], src + k * j->src_strides[d]);
}

static void gather_lists(const job *j, int nlists, const sz_points *lists, char *dst, const char *src) {
  ptrdiff_t i;
  if (nlists == 0) {
    sz_copy(j->box, (sz_dst){dst, j->dst_strides}, (sz_src){src, j->src_strides}, j->transform);
  } else if (nlists == 1 && j->items) {
    gather_box(j, lists, 0, dst, src);
  } else {
    for (i = 0; i < lists->n; i++)
      gather_lists(j, nlists - 1, lists + 1, dst + lists->dst[i], src + lists->src[i]);
  }
}

void sz_gather(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src, int transform) {
  job j = {box, dst.strides, src.strides, SZ_AS_IS, 0};
  ptrdiff_t run = (ptrdiff_t)box->itemsize;
  int d;
  for (d = 0; d < box->ndim; d++)
    if (box->shape[d] == 0) return;
  for (d = box->ndim - 1; d >= 0; d--) {
    if (box->shape[d] == 1) continue;
    if (src.strides[d] != run || dst.strides[d] != run) break;
    run *= box->shape[d];
  }
  j.items = d >= 0 ? run < RUN : run == (ptrdiff_t)box->itemsize; /* d < 0: the box is one run */
  if (run >= NONTEMPORAL_RUN) j.transform = transform;
  gather_lists(&j, nlists, lists, dst.data, src.data);
}

void sz_gather_fill(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, const char *value) {
  ptrdiff_t i;
  if (nlists == 0) {
    sz_fill(box, dst, value);
    return;
  }
  for (i = 0; i < lists->n; i++)
    sz_gather_fill(nlists - 1, lists + 1, box, (sz_dst){dst.data + lists->dst[i], dst.strides}, value);
}
