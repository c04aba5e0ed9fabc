#include "box.h"

#include "copy.h"
#include "status.h"

/* A gap that costs less to read than another system call. */
#define GAP ((ptrdiff_t)4 << 10)

typedef struct {
  const sz_file *file;
  int ndim, transform;
  ptrdiff_t itemsize, piece;
  const ptrdiff_t *count, *dst_strides;
  ptrdiff_t src_strides[SZ_MAX_NDIM + 1]; /* bytes in the file from one selected element of an axis to the next */
  ptrdiff_t extent[SZ_MAX_NDIM + 1];      /* bytes in the file from the first to the last element of axes d, d + 1, … */
  int direct[SZ_MAX_NDIM + 1];            /* axes d, d + 1, … are one run, in the file and in dst */
  char *scratch;
} box;

/* Reads `rows` steps of axis d - 1 with all of axes d, d + 1, … in one go. */
static int read_rows(const box *b, int d, ptrdiff_t rows, int64_t offset, char *dst) {
  ptrdiff_t shape[SZ_MAX_NDIM + 1];
  size_t n = (size_t)((rows - 1) * b->src_strides[d - 1] + b->extent[d]);
  int k, status = sz_read(b->file, b->scratch, n, offset);
  if (status != SZ_OK) return status;
  shape[0] = rows;
  for (k = d; k < b->ndim; k++) shape[k - d + 1] = b->count[k];
  sz_copy(b->ndim - d + 1, shape, dst, b->dst_strides + d - 1, b->scratch, b->src_strides + d - 1, (size_t)b->itemsize,
          b->transform);
  return SZ_OK;
}

/* Whether axes d, d + 1, … are worth reading in one go: being short, or without gaps worth skipping. */
static int is_piece(const box *b, int d) {
  if (b->extent[d] > b->piece) return 0;
  return b->extent[d] <= (ptrdiff_t)SZ_PIECE || d == b->ndim || b->src_strides[d] <= b->extent[d + 1] + GAP;
}

static int read_axes(const box *b, int d, int64_t offset, char *dst) {
  ptrdiff_t k, rows, stride;
  int status = SZ_OK;
  if (b->direct[d]) return sz_read(b->file, dst, (size_t)b->extent[d], offset);
  if (is_piece(b, d)) {
    status = sz_read(b->file, b->scratch, (size_t)b->extent[d], offset);
    if (status != SZ_OK) return status;
    sz_copy(b->ndim - d, b->count + d, dst, b->dst_strides + d, b->scratch, b->src_strides + d, (size_t)b->itemsize,
            b->transform);
    return SZ_OK;
  }
  stride = b->src_strides[d];
  rows = 1;
  if (b->extent[d + 1] <= b->piece && stride <= b->extent[d + 1] + GAP)
    rows = 1 + (b->piece - b->extent[d + 1]) / stride;
  for (k = 0; k < b->count[d] && status == SZ_OK; k += rows) {
    if (rows > 1)
      status = read_rows(b, d + 1, b->count[d] - k < rows ? b->count[d] - k : rows, offset + k * stride,
                         dst + k * b->dst_strides[d]);
    else
      status = read_axes(b, d + 1, offset + k * stride, dst + k * b->dst_strides[d]);
  }
  return status;
}

int sz_read_box(const sz_file *file, int64_t base, int ndim, const ptrdiff_t *chunk_shape, const ptrdiff_t *start,
                const ptrdiff_t *step, const ptrdiff_t *count, char *dst, const ptrdiff_t *dst_strides, size_t itemsize,
                int transform, char *scratch, size_t piece) {
  box b = {.file = file, .ndim = ndim, .transform = transform, .itemsize = (ptrdiff_t)itemsize, .count = count,
           .dst_strides = dst_strides, .scratch = scratch, .piece = (ptrdiff_t)piece};
  ptrdiff_t stride = (ptrdiff_t)itemsize;
  int d;
  b.extent[ndim] = (ptrdiff_t)itemsize;
  b.direct[ndim] = transform == SZ_AS_IS;
  for (d = ndim - 1; d >= 0; d--) {
    if (count[d] == 0) return SZ_OK;
    base += start[d] * stride;
    b.src_strides[d] = step[d] * stride;
    b.extent[d] = (count[d] - 1) * b.src_strides[d] + b.extent[d + 1];
    b.direct[d] = b.direct[d + 1] &&
                  (count[d] == 1 || (b.src_strides[d] == b.extent[d + 1] && dst_strides[d] == b.extent[d + 1]));
    stride *= chunk_shape[d];
  }
  return read_axes(&b, 0, base, dst);
}
