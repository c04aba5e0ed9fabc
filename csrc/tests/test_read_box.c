#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "io/read_box.h"

#include <unistd.h>

#include "status.h"
#include "boxes.h"

/* Read a selection of a chunk at `base` of the file whose bytes are `content`. */
static void check_selection(const sz_file *file, const char *content, int64_t base, int ndim,
                            const ptrdiff_t *chunk, size_t itemsize) {
  ptrdiff_t start[MOST_AXES], step[MOST_AXES], count[MOST_AXES], strides[MOST_AXES], at = (ptrdiff_t)itemsize;
  const int whole = draw(3) == 0, transform = random_transform(itemsize);
  const char *src = content + base;
  for (int d = ndim - 1; d >= 0; d--) {
    start[d] = whole ? 0 : draw((int)chunk[d]);
    step[d] = whole ? 1 : 1 + draw(3);
    count[d] = (chunk[d] - start[d] - 1) / step[d] + 1;
    if (!whole) count[d] -= draw((int)count[d] + (draw(8) == 0));
    strides[d] = at * step[d];
    src += at * start[d];
    at *= chunk[d];
  }
  const sz_selection selection = {ndim, chunk, start, step, count, itemsize};
  const sz_box box = {ndim, count, itemsize};
  const layout to = random_layout(&box, 0);
  const size_t piece = itemsize + (size_t)draw(2000);
  guarded dst = guarded_new(to.bytes), expected = guarded_new(to.bytes),
          scratch = guarded_new(sz_read_box_room(piece));
  CHECK(sz_read_box(file, base, &selection, dst_in(dst, &to), transform, scratch.data, piece) == SZ_OK);
  reference_copy(&box, dst_in(expected, &to), (sz_src){src, strides}, transform);
  CHECK(memcmp(dst.data, expected.data, dst.n) == 0);
  guarded_free(dst);
  guarded_free(expected);
  guarded_free(scratch);
}

static void test_selections(const sz_file *file, const char *content) {
  static const size_t ITEMSIZES[] = {1, 2, 4, 8, 16, 3, 100};
  for (long run = fuzz_runs(1500); run > 0; run--) {
    ptrdiff_t chunk[MOST_AXES], total = 1;
    const int ndim = draw(5);
    for (int d = 0; d < ndim; d++) {
      chunk[d] = 1 + draw(draw(4) == 0 ? 100 : 6);
      if (total * chunk[d] > 20000) chunk[d] = 1;
      total *= chunk[d];
    }
    const size_t itemsize = ITEMSIZES[draw(7)];
    const int64_t base = draw((int)(file->size - total * (ptrdiff_t)itemsize + 1));
    check_selection(file, content, base, ndim, chunk, itemsize);
  }
}

/* Read columns of rows that are whole pages: each row is read by itself. */
static void test_long_rows(const sz_file *file, const char *content) {
  for (long run = fuzz_runs(50); run > 0; run--) {
    const ptrdiff_t chunk[3] = {2 + draw(12), 16 << draw(3), 512}, start[3] = {draw(2), draw(9), 0},
                    step[3] = {1, 1, 1};
    const ptrdiff_t count[3] = {chunk[0] - start[0], chunk[1] - start[1] - draw(5), chunk[2] - draw(9)};
    const ptrdiff_t strides[3] = {2, 2 * count[0], 2 * count[0] * count[1]};
    const ptrdiff_t src_strides[3] = {1024 * chunk[1], 1024, 2};
    const size_t bytes = (size_t)(strides[2] * count[2]);
    const size_t extent = (size_t)((count[0] - 1) * src_strides[0] + (count[1] - 1) * 1024 + count[2] * 2);
    const size_t piece =
        draw(2) ? extent : (size_t)(16384 + draw(600000)); /* extent fills scratch to the end */
    const int64_t base = draw(100);
    guarded dst = guarded_new(bytes), expected = guarded_new(bytes),
            scratch = guarded_new(sz_read_box_room(piece));
    const sz_selection selection = {3, chunk, start, step, count, 2};
    const sz_box box = {3, count, 2};
    CHECK(sz_read_box(file, base, &selection, (sz_dst){dst.data, strides}, SZ_AS_IS, scratch.data, piece) ==
          SZ_OK);
    const char *first = content + base + start[0] * src_strides[0] + start[1] * 1024;
    reference_copy(&box, (sz_dst){expected.data, strides}, (sz_src){first, src_strides}, SZ_AS_IS);
    CHECK(memcmp(dst.data, expected.data, bytes) == 0);
    guarded_free(dst);
    guarded_free(expected);
    guarded_free(scratch);
  }
}

/* A file that ends within the chunk, and one that cannot be read, are errors on every path. */
static void test_failures(const sz_file *file) {
  const ptrdiff_t chunk[2] = {100, 100}, start[2] = {0, 0}, ones[2] = {1, 1}, strides[2] = {200, 2},
                  gaps[2] = {400, 4};
  static char dst[40000], scratch[1000];
  const sz_file closed = {.fd = -1};
  const ptrdiff_t *const layouts[] = {strides, gaps};
  const sz_selection all = {2, chunk, start, ones, chunk, 2};
  for (int i = 0; i < 2; i++) {
    const sz_dst to = {dst, layouts[i]};
    CHECK(sz_read_box(file, file->size - 19999, &all, to, SZ_AS_IS, scratch, sizeof scratch) == SZ_TRUNCATED);
    CHECK(sz_read_box(&closed, 0, &all, to, SZ_AS_IS, scratch, sizeof scratch) == SZ_IO);
  }
}

int main(void) {
  enum { BYTES = 2100000 };
  char path[] = "/tmp/simplezarr-test-XXXXXX";
  const int fd = mkstemp(path);
  CHECK(fd >= 0);
  guarded content = guarded_new(BYTES);
  randomize(content.data, content.n);
  CHECK(write(fd, content.data, content.n) == (ssize_t)content.n && close(fd) == 0);
  sz_file file;
  CHECK(sz_open(SZ_NO_DIRECTORY, path, &file) == SZ_OK);
  test_selections(&file, content.data);
  test_long_rows(&file, content.data);
  test_failures(&file);
  sz_close(&file);
  unlink(path);
  guarded_free(content);
  return 0;
}
