#include "array/copy.h"

/* The constants of placing a run of a chunk. `inner[d]` is the number of elements of one step along axis d.
 */
typedef struct {
  sz_selection selection;
  const ptrdiff_t *dst_strides;
  ptrdiff_t inner[SZ_MAX_NDIM], src_strides[SZ_MAX_NDIM];
  int transform;
} placement;

/* Return how many of the selected coordinates of axis d are less than `end`. */
static ptrdiff_t selected_below(const placement *p, int d, ptrdiff_t end) {
  const sz_selection *s = &p->selection;
  if (end <= s->start[d]) return 0;
  const ptrdiff_t k = (end - s->start[d] - 1) / s->step[d] + 1;
  return k < s->count[d] ? k : s->count[d];
}

/* Place the coordinates [begin, end) of axis d, with all inner axes. src is the place of coordinate `begin`.
 */
static void place_whole(const placement *p, int d, ptrdiff_t begin, ptrdiff_t end, char *dst,
                        const char *src) {
  const sz_selection *s = &p->selection;
  const ptrdiff_t first = selected_below(p, d, begin), last = selected_below(p, d, end);
  if (first >= last) return;
  ptrdiff_t shape[SZ_MAX_NDIM];
  shape[d] = last - first;
  src += (s->start[d] + first * s->step[d] - begin) * p->inner[d] * (ptrdiff_t)s->itemsize;
  for (int i = d + 1; i < s->ndim; i++) {
    shape[i] = s->count[i];
    src += s->start[i] * p->inner[i] * (ptrdiff_t)s->itemsize;
  }
  const sz_box box = {s->ndim - d, shape + d, s->itemsize};
  sz_copy(&box, (sz_dst){dst + first * p->dst_strides[d], p->dst_strides + d},
          (sz_src){src, p->src_strides + d}, p->transform);
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
    src += (head_end - begin) * (ptrdiff_t)p->selection.itemsize;
    begin = head_end;
    row++;
    if (begin == end) return;
  }
  const ptrdiff_t last = end / inner;
  place_whole(p, d, row, last, dst, src);
  src += (last - row) * inner * (ptrdiff_t)p->selection.itemsize;
  place_partial(p, d, last, 0, end - last * inner, dst, src);
}

void sz_copy_run(const sz_selection *selection, sz_dst dst, ptrdiff_t first, ptrdiff_t n, const char *src,
                 int transform) {
  if (n <= 0) return;
  if (selection->ndim == 0) {
    sz_copy_contiguous(dst.data, src, 1, selection->itemsize, transform);
    return;
  }
  placement p = {.selection = *selection, .dst_strides = dst.strides, .transform = transform};
  ptrdiff_t inner = 1;
  for (int d = selection->ndim - 1; d >= 0; d--) {
    if (selection->chunk_shape[d] <= 0 || selection->count[d] <= 0) return;
    p.inner[d] = inner;
    p.src_strides[d] = selection->step[d] * inner * (ptrdiff_t)selection->itemsize;
    inner *= selection->chunk_shape[d];
  }
  place(&p, 0, first, first + n, dst.data, src);
}
