#include "io/read_box.h"

#include "array/copy.h"
#include "memory/page_alias.h"
#include "status.h"

/* A gap up to this size costs less to read than another system call. */
#define GAP ((ptrdiff_t)4 << 10)

/* Rows that begin at the same offset in their pages evict each other from the caches when a column is copied.
 * In scratch they are therefore PAD bytes further apart, if each is long enough for a system call of its own.
 */
enum { PAD = 128, LONG_ROW = 16 << 10 };

size_t sz_read_box_room(size_t piece) { return piece + piece / LONG_ROW * PAD; }

/* A selection to read, with what is needed for each of its axes. */
typedef struct {
  const sz_file *file;
  int ndim, transform;
  size_t itemsize;
  ptrdiff_t piece;
  const ptrdiff_t *count, *dst_strides;
  ptrdiff_t src_strides[SZ_MAX_NDIM + 1]; /* bytes in the file from one selected element to the next */
  ptrdiff_t extent[SZ_MAX_NDIM + 1];      /* bytes in the file that axes d, d + 1, … span */
  int direct[SZ_MAX_NDIM + 1];            /* axes d, d + 1, … are one run, in the file and in dst */
  int column;                             /* the axis along which dst is densest */
  char *scratch;
} request;

/* Read `rows` steps of axis d with all of axes d + 1, d + 2, … and copy them to dst; one element if d = ndim.
 */
static int read_rows(const request *r, int d, ptrdiff_t rows, int64_t offset, char *dst) {
  ptrdiff_t shape[SZ_MAX_NDIM], strides[SZ_MAX_NDIM];
  const ptrdiff_t stride = d < r->ndim ? r->src_strides[d] : 0, last = r->extent[d < r->ndim ? d + 1 : d];
  int status = SZ_OK;
  for (int k = d; k < r->ndim; k++) {
    shape[k - d] = k == d ? rows : r->count[k];
    strides[k - d] = r->src_strides[k];
  }
  if (d == r->column && stride >= LONG_ROW && stride % SZ_PAGE == 0) {
    strides[0] += PAD;
    for (ptrdiff_t k = 0; k < rows && status == SZ_OK; k++)
      status = sz_read(r->file, r->scratch + k * strides[0], (size_t)last, offset + k * stride);
  } else {
    status = sz_read(r->file, r->scratch, (size_t)((rows - 1) * stride + last), offset);
  }
  if (status != SZ_OK) return status;
  const sz_box box = {r->ndim - d, shape, r->itemsize};
  sz_copy(&box, (sz_dst){dst, r->dst_strides + d}, (sz_src){r->scratch, strides}, r->transform);
  return SZ_OK;
}

static ptrdiff_t magnitude(ptrdiff_t x) { return x < 0 ? -x : x; }

/* Return the axis along which dst is densest, or -1 if no axis has two elements. */
static int find_column(const request *r) {
  int best = -1;
  for (int d = 0; d < r->ndim; d++)
    if (r->count[d] > 1 && (best < 0 || magnitude(r->dst_strides[d]) < magnitude(r->dst_strides[best])))
      best = d;
  return best;
}

/* Return whether axes d, d + 1, … are to be read at once: they are short, or have no gaps worth skipping. */
static int is_piece(const request *r, int d) {
  if (r->extent[d] > r->piece) return 0;
  return r->extent[d] <= (ptrdiff_t)SZ_READ_BOX_PIECE || d == r->ndim ||
         r->src_strides[d] <= r->extent[d + 1] + GAP;
}

static int read_axes(const request *r, int d, int64_t offset, char *dst) {
  ptrdiff_t k, rows, stride;
  int status = SZ_OK;
  if (r->direct[d]) return sz_read(r->file, dst, (size_t)r->extent[d], offset);
  if (is_piece(r, d)) return read_rows(r, d, d < r->ndim ? r->count[d] : 1, offset, dst);
  stride = r->src_strides[d];
  rows = 1;
  if (r->extent[d + 1] <= r->piece && stride <= r->extent[d + 1] + GAP)
    rows = 1 + (r->piece - r->extent[d + 1]) / stride;
  for (k = 0; k < r->count[d] && status == SZ_OK; k += rows) {
    if (rows > 1)
      status = read_rows(r, d, r->count[d] - k < rows ? r->count[d] - k : rows, offset + k * stride,
                         dst + k * r->dst_strides[d]);
    else status = read_axes(r, d + 1, offset + k * stride, dst + k * r->dst_strides[d]);
  }
  return status;
}

int sz_read_box(const sz_file *file, int64_t base, const sz_selection *selection, sz_dst dst, int transform,
                char *scratch, size_t piece) {
  const int ndim = selection->ndim;
  const ptrdiff_t itemsize = (ptrdiff_t)selection->itemsize, *count = selection->count;
  request r = {.file = file,
               .ndim = ndim,
               .transform = transform,
               .itemsize = selection->itemsize,
               .count = count,
               .dst_strides = dst.strides,
               .scratch = scratch,
               .piece = (ptrdiff_t)piece};
  ptrdiff_t stride = itemsize;
  int d;
  r.extent[ndim] = itemsize;
  r.direct[ndim] = transform == SZ_AS_IS;
  for (d = ndim - 1; d >= 0; d--) {
    if (count[d] == 0) return SZ_OK;
    base += selection->start[d] * stride;
    r.src_strides[d] = selection->step[d] * stride;
    r.extent[d] = (count[d] - 1) * r.src_strides[d] + r.extent[d + 1];
    r.direct[d] =
        r.direct[d + 1] &&
        (count[d] == 1 || (r.src_strides[d] == r.extent[d + 1] && dst.strides[d] == r.extent[d + 1]));
    stride *= selection->chunk_shape[d];
  }
  r.column = find_column(&r);
  return read_axes(&r, 0, base, dst.data);
}
