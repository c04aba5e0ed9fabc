#include "array/gather.h"

#include "boxes.h"

enum { MOST_LISTS = 3, MOST_POINTS = 7 };

typedef struct {
  int n;
  sz_points lists[MOST_LISTS];
  ptrdiff_t src[MOST_LISTS][MOST_POINTS], dst[MOST_LISTS][MOST_POINTS];
} choice;

/* Copy point by point in the order of the lists, element by element. */
static void reference_gather(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src) {
  if (nlists == 0) {
    reference_copy(box, dst, src, SZ_AS_IS);
    return;
  }
  for (ptrdiff_t i = 0; i < lists->n; i++)
    reference_gather(nlists - 1, lists + 1, box, (sz_dst){dst.data + lists->dst[i], dst.strides},
                     (sz_src){src.data + lists->src[i], src.strides});
}

/* Draw the lists of points. In dst, each list chooses among the places of an axis of its own, some of them
 * twice. In src, its offsets are anywhere within `room` bytes. Return the bytes in dst from the first place
 * to the last. */
static size_t random_lists(choice *c, size_t box, int room) {
  ptrdiff_t stride = (ptrdiff_t)box;
  c->n = draw(MOST_LISTS + 1);
  for (int i = 0; i < c->n; i++) {
    const int n = draw(30) == 0 ? 0 : 1 + draw(MOST_POINTS);
    for (int k = 0; k < n; k++) {
      c->src[i][k] = draw(room);
      c->dst[i][k] = stride * (draw(3) == 0 ? draw(n) : k);
    }
    c->lists[i] = (sz_points){n, c->src[i], c->dst[i]};
    stride *= n > 0 ? n : 1;
  }
  return (size_t)stride - box;
}

static void test_random(void) {
  static const size_t SIZES[] = {1, 2, 3, 4, 8, 16, 24};
  static const ptrdiff_t ZEROS[MOST_AXES] = {0}, NO_OFFSETS[MOST_POINTS] = {0};
  enum { ROOM = 300 };
  for (long run = fuzz_runs(600); run > 0; run--) {
    ptrdiff_t shape[MOST_AXES];
    choice c;
    const sz_box box = {random_shape(shape), shape, SIZES[draw(7)]};
    const layout from = random_layout(&box, 1), to = random_layout(&box, 0);
    const size_t room = random_lists(&c, to.bytes, ROOM);
    guarded src = guarded_new(from.bytes + MOST_LISTS * ROOM), dst = guarded_new(to.bytes + room),
            want = guarded_new(dst.n);
    randomize(src.data, src.n);
    sz_gather(c.n, c.lists, &box, dst_in(dst, &to), src_in(src, &from), draw(2) ? SZ_AS_IS : SZ_NONTEMPORAL);
    reference_gather(c.n, c.lists, &box, dst_in(want, &to), src_in(src, &from));
    CHECK(memcmp(dst.data, want.data, dst.n) == 0);
    sz_gather_fill(c.n, c.lists, &box, dst_in(dst, &to), src.data);
    for (int i = 0; i < c.n; i++) c.lists[i].src = NO_OFFSETS; /* filling copies one element */
    reference_gather(c.n, c.lists, &box, dst_in(want, &to), (sz_src){src.data, ZEROS});
    CHECK(memcmp(dst.data, want.data, dst.n) == 0);
    guarded_free(src);
    guarded_free(dst);
    guarded_free(want);
  }
}

/* Rows long enough to bypass the caches: aligned to lines of a cache, or not. */
static void test_long_rows(void) {
  enum { ROW = 4096, ROWS = 5 };
  static const ptrdiff_t SHAPE[] = {ROW}, ONE[] = {1};
  static const ptrdiff_t SRC[ROWS] = {2 * ROW, 0, 4 * ROW, ROW, 3 * ROW};
  const sz_box box = {1, SHAPE, 1};
  guarded src = guarded_new(ROWS * ROW);
  randomize(src.data, src.n);
  for (ptrdiff_t shift = 0; shift <= 64; shift++) {
    ptrdiff_t places[ROWS];
    for (ptrdiff_t i = 0; i < ROWS; i++) places[i] = (ROWS - 1 - i) * ROW + shift;
    const sz_points rows = {ROWS, SRC, places};
    guarded dst = guarded_new(ROWS * ROW + 64), want = guarded_new(ROWS * ROW + 64);
    memset(dst.data, 7, dst.n);
    memset(want.data, 7, want.n);
    sz_gather(1, &rows, &box, (sz_dst){dst.data, ONE}, (sz_src){src.data, ONE}, SZ_AS_IS | SZ_NONTEMPORAL);
    for (ptrdiff_t i = 0; i < ROWS; i++) memcpy(want.data + places[i], src.data + SRC[i], ROW);
    CHECK(memcmp(dst.data, want.data, dst.n) == 0);
    guarded_free(dst);
    guarded_free(want);
  }
  guarded_free(src);
}

int main(void) {
  test_random();
  test_long_rows();
  return 0;
}
