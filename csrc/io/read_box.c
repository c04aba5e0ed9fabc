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

typedef struct {
  const sz_file *file;
  int ndim, transform;
  ptrdiff_t itemsize, piece;
  const ptrdiff_t *count, *dst_strides;
  ptrdiff_t src_strides[SZ_MAX_NDIM + 1]; /* bytes in the file from one selected element to the next */
  ptrdiff_t extent[SZ_MAX_NDIM + 1];      /* bytes in the file that axes d, d + 1, … span */
  int direct[SZ_MAX_NDIM + 1];            /* axes d, d + 1, … are one run, in the file and in dst */
  int column;                             /* the axis along which dst is densest */
  char *scratch;
} box;

/* Read `rows` steps of axis d with all of axes d + 1, d + 2, … and copy them to dst; one element if d = ndim.
 */
static int read_rows(const box *b, int d, ptrdiff_t rows, int64_t offset, char *dst) {
  ptrdiff_t shape[SZ_MAX_NDIM], strides[SZ_MAX_NDIM];
  const ptrdiff_t stride = d < b->ndim ? b->src_strides[d] : 0, last = b->extent[d < b->ndim ? d + 1 : d];
  int status = SZ_OK;
  for (int k = d; k < b->ndim; k++) {
    shape[k - d] = k == d ? rows : b->count[k];
    strides[k - d] = b->src_strides[k];
  }
  if (d == b->column && stride >= LONG_ROW && stride % SZ_PAGE == 0) {
    strides[0] += PAD;
    for (ptrdiff_t k = 0; k < rows && status == SZ_OK; k++)
      status = sz_read(b->file, b->scratch + k * strides[0], (size_t)last, offset + k * stride);
  } else {
    status = sz_read(b->file, b->scratch, (size_t)((rows - 1) * stride + last), offset);
  }
  if (status != SZ_OK) return status;
  sz_copy(b->ndim - d, shape, dst, b->dst_strides + d, b->scratch, strides, (size_t)b->itemsize,
          b->transform);
  return SZ_OK;
}

static ptrdiff_t magnitude(ptrdiff_t x) { return x < 0 ? -x : x; }

/* Return the axis along which dst is densest, or -1 if no axis has two elements. */
static int find_column(const box *b) {
  int best = -1;
  for (int d = 0; d < b->ndim; d++)
    if (b->count[d] > 1 && (best < 0 || magnitude(b->dst_strides[d]) < magnitude(b->dst_strides[best])))
      best = d;
  return best;
}

/* Return whether axes d, d + 1, … are to be read at once: they are short, or have no gaps worth skipping. */
static int is_piece(const box *b, int d) {
  if (b->extent[d] > b->piece) return 0;
  return b->extent[d] <= (ptrdiff_t)SZ_READ_BOX_PIECE || d == b->ndim ||
         b->src_strides[d] <= b->extent[d + 1] + GAP;
}

static int read_axes(const box *b, int d, int64_t offset, char *dst) {
  ptrdiff_t k, rows, stride;
  int status = SZ_OK;
  if (b->direct[d]) return sz_read(b->file, dst, (size_t)b->extent[d], offset);
  if (is_piece(b, d)) return read_rows(b, d, d < b->ndim ? b->count[d] : 1, offset, dst);
  stride = b->src_strides[d];
  rows = 1;
  if (b->extent[d + 1] <= b->piece && stride <= b->extent[d + 1] + GAP)
    rows = 1 + (b->piece - b->extent[d + 1]) / stride;
  for (k = 0; k < b->count[d] && status == SZ_OK; k += rows) {
    if (rows > 1)
      status = read_rows(b, d, b->count[d] - k < rows ? b->count[d] - k : rows, offset + k * stride,
                         dst + k * b->dst_strides[d]);
    else status = read_axes(b, d + 1, offset + k * stride, dst + k * b->dst_strides[d]);
  }
  return status;
}

int sz_read_box(const sz_file *file, int64_t base, int ndim, const ptrdiff_t *chunk_shape,
                const ptrdiff_t *start, const ptrdiff_t *step, const ptrdiff_t *count, char *dst,
                const ptrdiff_t *dst_strides, size_t itemsize, int transform, char *scratch, size_t piece) {
  box b = {.file = file,
           .ndim = ndim,
           .transform = transform,
           .itemsize = (ptrdiff_t)itemsize,
           .count = count,
           .dst_strides = dst_strides,
           .scratch = scratch,
           .piece = (ptrdiff_t)piece};
  ptrdiff_t stride = (ptrdiff_t)itemsize;
  int d;
  b.extent[ndim] = (ptrdiff_t)itemsize;
  b.direct[ndim] = transform == SZ_AS_IS;
  for (d = ndim - 1; d >= 0; d--) {
    if (count[d] == 0) return SZ_OK;
    base += start[d] * stride;
    b.src_strides[d] = step[d] * stride;
    b.extent[d] = (count[d] - 1) * b.src_strides[d] + b.extent[d + 1];
    b.direct[d] =
        b.direct[d + 1] &&
        (count[d] == 1 || (b.src_strides[d] == b.extent[d + 1] && dst_strides[d] == b.extent[d + 1]));
    stride *= chunk_shape[d];
  }
  b.column = find_column(&b);
  return read_axes(&b, 0, base, dst);
}
