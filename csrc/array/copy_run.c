#include "array/copy.h"

/* The constants of placing a run of a chunk. `inner[d]` is the number of elements of one step along axis d.
 */
typedef struct {
  int ndim;
  const ptrdiff_t *start, *step, *count, *dst_strides;
  ptrdiff_t inner[SZ_MAX_NDIM], src_strides[SZ_MAX_NDIM];
  size_t itemsize;
  int transform;
} placement;

/* Return how many of the selected coordinates of axis d are less than `end`. */
static ptrdiff_t selected_below(const placement *p, int d, ptrdiff_t end) {
  if (end <= p->start[d]) return 0;
  const ptrdiff_t k = (end - p->start[d] - 1) / p->step[d] + 1;
  return k < p->count[d] ? k : p->count[d];
}

/* Place the coordinates [begin, end) of axis d, with all inner axes. src is the place of coordinate `begin`.
 */
static void place_whole(const placement *p, int d, ptrdiff_t begin, ptrdiff_t end, char *dst,
                        const char *src) {
  const ptrdiff_t first = selected_below(p, d, begin), last = selected_below(p, d, end);
  if (first >= last) return;
  ptrdiff_t shape[SZ_MAX_NDIM];
  shape[d] = last - first;
  src += (p->start[d] + first * p->step[d] - begin) * p->inner[d] * (ptrdiff_t)p->itemsize;
  for (int i = d + 1; i < p->ndim; i++) {
    shape[i] = p->count[i];
    src += p->start[i] * p->inner[i] * (ptrdiff_t)p->itemsize;
  }
  sz_copy(p->ndim - d, shape + d, dst + first * p->dst_strides[d], p->dst_strides + d, src,
          p->src_strides + d, p->itemsize, p->transform);
}

static void place(const placement *p, int d, ptrdiff_t begin, ptrdiff_t end, char *dst, const char *src);

/* Place elements begin to end - 1 of coordinate `at` of axis d. */
static void place_partial(const placement *p, int d, ptrdiff_t at, ptrdiff_t begin, ptrdiff_t end, char *dst,
                          const char *src) {
  const ptrdiff_t k = selected_below(p, d, at);
  if (begin < end && k < selected_below(p, d, at + 1))
    place(p, d + 1, begin, end, dst + k * p->dst_strides[d], src);
}

/* Place elements begin to end - 1 of the axes from d on: a partial row, whole rows as one box, a partial row.
 */
static void place(const placement *p, int d, ptrdiff_t begin, ptrdiff_t end, char *dst, const char *src) {
  const ptrdiff_t inner = p->inner[d];
  ptrdiff_t row = begin / inner;
  if (begin % inner != 0) {
    const ptrdiff_t row_end = (row + 1) * inner, head_end = end < row_end ? end : row_end;
    place_partial(p, d, row, begin - row * inner, head_end - row * inner, dst, src);
    src += (head_end - begin) * (ptrdiff_t)p->itemsize;
    begin = head_end;
    row++;
    if (begin == end) return;
  }
  const ptrdiff_t last = end / inner;
  place_whole(p, d, row, last, dst, src);
  src += (last - row) * inner * (ptrdiff_t)p->itemsize;
  place_partial(p, d, last, 0, end - last * inner, dst, src);
}

void sz_copy_run(int ndim, const ptrdiff_t *chunk_shape, const ptrdiff_t *start, const ptrdiff_t *step,
                 const ptrdiff_t *count, char *dst, const ptrdiff_t *dst_strides, ptrdiff_t first,
                 ptrdiff_t n, const char *src, size_t itemsize, int transform) {
  if (n <= 0) return;
  if (ndim == 0) {
    sz_copy(0, count, dst, dst_strides, src, dst_strides, itemsize, transform);
    return;
  }
  placement p = {.ndim = ndim,
                 .start = start,
                 .step = step,
                 .count = count,
                 .dst_strides = dst_strides,
                 .itemsize = itemsize,
                 .transform = transform};
  ptrdiff_t inner = 1;
  for (int d = ndim - 1; d >= 0; d--) {
    if (chunk_shape[d] <= 0 || count[d] <= 0) return;
    p.inner[d] = inner;
    p.src_strides[d] = step[d] * inner * (ptrdiff_t)itemsize;
    inner *= chunk_shape[d];
  }
  place(&p, 0, first, first + n, dst, src);
}
