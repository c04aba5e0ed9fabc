#include "boxes.h"

static const size_t ITEMSIZES[] = {1, 2, 4, 8, 16, 1, 2, 4, 8, 16, 3, 5, 12, 17, 24, 32, 48, 65, 200};

static size_t random_itemsize(void) { return ITEMSIZES[draw((int)(sizeof ITEMSIZES / sizeof *ITEMSIZES))]; }

/* Both results are in buffers of the same layout. If the buffers are equal, so are the elements, and the gaps
 * are untouched. */
static void check_box(const sz_box *box, int transform, layout to, layout from) {
  guarded dst = guarded_new(to.bytes), expected = guarded_new(to.bytes), src = guarded_new(from.bytes);
  randomize(src.data, src.n);
  for (size_t i = 0; i < src.n; i += 3) src.data[i] = 0;
  sz_copy(box, dst_in(dst, &to), src_in(src, &from), transform);
  reference_copy(box, dst_in(expected, &to), src_in(src, &from), transform);
  CHECK(memcmp(dst.data, expected.data, dst.n) == 0);
  guarded_free(dst);
  guarded_free(expected);
  guarded_free(src);
}

static void test_random_boxes(void) {
  for (long run = fuzz_runs(1500); run > 0; run--) {
    ptrdiff_t shape[MOST_AXES];
    const sz_box box = {random_shape(shape), shape, random_itemsize()};
    check_box(&box, random_transform(box.itemsize), random_layout(&box, 0), random_layout(&box, 1));
  }
}

/* Copy whole and partial tiles of every element size, with each transform that fits. */
static void test_transposed(void) {
  static const ptrdiff_t SIDES[] = {2, 3, 4, 5, 16, 17, 63, 64, 65, 130};
  enum { N = sizeof SIDES / sizeof *SIDES };
  for (int i = 0; i < N * N * 19; i++) {
    const ptrdiff_t shape[2] = {SIDES[i % N], SIDES[i / N % N]};
    const size_t itemsize = ITEMSIZES[i / (N * N)];
    const ptrdiff_t w = (ptrdiff_t)itemsize, gap = draw(2) * draw(9), row = shape[1] * w;
    const ptrdiff_t dst_row =
        draw(2) == 0 ? row + gap : (row + 63) / 64 * 64; /* whole lines get non-temporal stores */
    const layout to = {{dst_row, w}, (size_t)(shape[0] * dst_row + 16), draw(17)};
    const layout from = {{w, shape[0] * w + gap}, (size_t)(shape[1] * (shape[0] * w + gap)), 0};
    const sz_box box = {2, shape, itemsize};
    check_box(&box, random_transform(itemsize), to, from);
  }
}

/* Copy rows of whole cache lines, or nearly so, with non-temporal stores. */
static void test_lines(void) {
  enum { LINE = 64, ROOM = 1 << 17 };
  static const int TRANSFORMS[] = {SZ_AS_IS, SZ_TRUTH, SZ_SWAP2, SZ_SWAP4, SZ_SWAP8};
  char *dst = aligned_alloc(LINE, ROOM), *expected = malloc(ROOM), *src = malloc(ROOM);
  CHECK(dst != NULL && expected != NULL && src != NULL);
  randomize(src, ROOM);
  for (long run = fuzz_runs(500); run > 0; run--) {
    const int transform = TRANSFORMS[draw(5)];
    const ptrdiff_t off = draw(4) == 0 ? 8 * draw(9) : 0, odd = draw(4) == 0 ? 8 * draw(9) : 0;
    const ptrdiff_t length = LINE * (1 + draw(40)) + odd,
                    row = (length + LINE - 1) / LINE * LINE + LINE * draw(2);
    const ptrdiff_t shape[] = {1 + draw(4), 1 + draw(5), length / 8};
    const ptrdiff_t to[] = {shape[1] * row + LINE * draw(3), row, 8}, from[] = {shape[1] * length, length, 8};
    memset(dst, SENTINEL, ROOM);
    memset(expected, SENTINEL, ROOM);
    const sz_box box = {3, shape, 8};
    sz_copy(&box, (sz_dst){dst + off, to}, (sz_src){src, from}, transform | SZ_NONTEMPORAL);
    reference_copy(&box, (sz_dst){expected + off, to}, (sz_src){src, from}, transform);
    CHECK(memcmp(dst, expected, ROOM) == 0);
  }
  free(dst);
  free(expected);
  free(src);
}

/* Copy a box of the same layout on both sides: contiguous, or with gaps. */
static void test_in_place(void) {
  for (long run = fuzz_runs(500); run > 0; run--) {
    ptrdiff_t shape[MOST_AXES];
    const sz_box box = {random_shape(shape), shape, random_itemsize()};
    const int transform = random_transform(box.itemsize);
    const layout l = random_layout(&box, 0);
    guarded data = guarded_new(l.bytes), expected = guarded_new(l.bytes), src = guarded_new(l.bytes);
    randomize(src.data, l.bytes);
    memcpy(data.data, src.data, l.bytes);
    memcpy(expected.data, src.data, l.bytes);
    reference_copy(&box, dst_in(expected, &l), src_in(src, &l), transform);
    sz_copy(&box, dst_in(data, &l), src_in(data, &l), transform);
    CHECK(memcmp(data.data, expected.data, l.bytes) == 0);
    guarded_free(data);
    guarded_free(expected);
    guarded_free(src);
  }
}

/* Copy elements without gaps, to other memory and in place. */
static void test_contiguous(void) {
  for (long run = fuzz_runs(500); run > 0; run--) {
    const ptrdiff_t n = draw(300);
    const size_t itemsize = random_itemsize(), bytes = (size_t)n * itemsize;
    const ptrdiff_t stride = (ptrdiff_t)itemsize;
    const int transform = random_transform(itemsize);
    const sz_box box = {1, &n, itemsize};
    guarded dst = guarded_new(bytes), expected = guarded_new(bytes), src = guarded_new(bytes);
    randomize(src.data, bytes);
    reference_copy(&box, (sz_dst){expected.data, &stride}, (sz_src){src.data, &stride}, transform);
    sz_copy_contiguous(dst.data, src.data, n, itemsize, transform);
    CHECK(memcmp(dst.data, expected.data, bytes) == 0);
    sz_copy_contiguous(src.data, src.data, n, itemsize, transform);
    CHECK(memcmp(src.data, expected.data, bytes) == 0);
    guarded_free(dst);
    guarded_free(expected);
    guarded_free(src);
  }
}

static void test_fill(void) {
  for (long run = fuzz_runs(1000); run > 0; run--) {
    ptrdiff_t shape[MOST_AXES], none[MOST_AXES] = {0};
    const sz_box box = {random_shape(shape), shape, draw(50) == 0 ? 1500 : random_itemsize()};
    const layout to = random_layout(&box, 0);
    guarded dst = guarded_new(to.bytes), expected = guarded_new(to.bytes), value = guarded_new(box.itemsize);
    if (draw(2) == 0) randomize(value.data, box.itemsize);
    sz_fill(&box, dst_in(dst, &to), value.data);
    reference_copy(&box, dst_in(expected, &to), (sz_src){value.data, none}, SZ_AS_IS);
    CHECK(memcmp(dst.data, expected.data, dst.n) == 0);
    guarded_free(dst);
    guarded_free(expected);
    guarded_free(value);
  }
}

/* Cut a chunk into random runs and copy each from a buffer of its own. Together they are the selection. */
static void check_runs(const sz_selection *s, int transform) {
  ptrdiff_t total = 1, strides[MOST_AXES], first = 0;
  const size_t itemsize = s->itemsize;
  const sz_box box = {s->ndim, s->count, itemsize};
  const layout to = random_layout(&box, 0);
  for (int d = s->ndim - 1; d >= 0; d--) {
    strides[d] = total * s->step[d] * (ptrdiff_t)itemsize;
    first += s->start[d] * total * (ptrdiff_t)itemsize;
    total *= s->chunk_shape[d];
  }
  guarded dst = guarded_new(to.bytes), expected = guarded_new(to.bytes),
          src = guarded_new((size_t)total * itemsize);
  randomize(src.data, src.n);
  reference_copy(&box, dst_in(expected, &to), (sz_src){src.data + first, strides}, transform);
  const int longest = 1 + draw((int)total + 1);
  for (ptrdiff_t at = 0, n; at < total; at += n) {
    n = 1 + draw(longest);
    if (n > total - at) n = total - at;
    guarded run = guarded_new((size_t)n * itemsize);
    memcpy(run.data, src.data + at * (ptrdiff_t)itemsize, run.n);
    sz_copy_run(s, dst_in(dst, &to), at, n, run.data, transform);
    guarded_free(run);
  }
  CHECK(memcmp(dst.data, expected.data, dst.n) == 0);
  guarded_free(dst);
  guarded_free(expected);
  guarded_free(src);
}

static void test_runs(void) {
  for (long run = fuzz_runs(1000); run > 0; run--) {
    ptrdiff_t chunk[MOST_AXES], start[MOST_AXES], step[MOST_AXES], count[MOST_AXES];
    const int ndim = draw(5), whole = draw(3) == 0;
    for (int d = 0; d < ndim; d++) {
      chunk[d] = 1 + draw(draw(4) == 0 ? 40 : 6);
      start[d] = whole ? 0 : draw((int)chunk[d]);
      step[d] = whole ? 1 : 1 + draw(3);
      count[d] = (chunk[d] - start[d] - 1) / step[d] + 1;
      if (!whole) count[d] -= draw((int)count[d] + (draw(8) == 0));
    }
    const sz_selection selection = {ndim, chunk, start, step, count, random_itemsize()};
    check_runs(&selection, random_transform(selection.itemsize));
  }
}

int main(void) {
  test_random_boxes();
  test_transposed();
  test_lines();
  test_in_place();
  test_contiguous();
  test_fill();
  test_runs();
  return 0;
}
