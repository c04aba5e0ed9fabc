#include "array/shrink.h"

#include "boxes.h"

static const int ITEMSIZES[] = {1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8};

/* Return the element that SZ_MODE makes of `count` ones. */
static uint64_t mode_of(const uint64_t *x, int count) {
  uint64_t best = x[0];
  int most = 0;
  for (int pass = 0; pass < 2; pass++) /* zero comes last */
    for (int k = 0; k < count; k++) {
      int equal = 0;
      for (int i = 0; i < count; i++) equal += x[i] == x[k];
      if ((x[k] == 0) == pass && equal > most) {
        most = equal;
        best = x[k];
      }
    }
  return best;
}

/* Return the sum of numbers of up to 32 bits, divided and rounded. */
static int64_t mean_of(const int64_t *x, int count) {
  int64_t sum = 0, below, rest;
  for (int k = 0; k < count; k++) sum += x[k];
  below = sum / count - (sum % count < 0);
  rest = sum - below * count;
  return below + (2 * rest > count || (2 * rest == count && below % 2 != 0));
}

static int64_t load(const char *p, sz_number number) {
  uint8_t u8;
  int8_t i8;
  uint16_t u16;
  int16_t i16;
  uint32_t u32;
  int32_t i32;
  int64_t i64;
  switch (number) {
    case SZ_U8: memcpy(&u8, p, 1); return u8;
    case SZ_I8: memcpy(&i8, p, 1); return i8;
    case SZ_U16: memcpy(&u16, p, 2); return u16;
    case SZ_I16: memcpy(&i16, p, 2); return i16;
    case SZ_U32: memcpy(&u32, p, 4); return u32;
    case SZ_I32: memcpy(&i32, p, 4); return i32;
    default: memcpy(&i64, p, 8); return i64;
  }
}

typedef struct {
  int ndim, factors[MOST_AXES];
  ptrdiff_t shape[MOST_AXES], small[MOST_AXES], from[MOST_AXES], to[MOST_AXES];
} choice;

/* Draw lengths, factors and strides with gaps, except along the last axis. Return the bytes of both. */
static void draw_choice(choice *c, ptrdiff_t itemsize, size_t sizes[2]) {
  int halved = 0;
  c->ndim = 1 + draw(MOST_AXES - 1);
  sizes[0] = sizes[1] = (size_t)itemsize;
  for (int d = c->ndim - 1; d >= 0; d--) {
    c->factors[d] = halved < 3 ? 1 + draw(2) : 1;
    halved += c->factors[d] == 2;
    c->shape[d] = d == c->ndim - 1 && draw(9) == 0 ? 1 + draw(1500) : 1 + draw(5);
    c->small[d] = (c->shape[d] + c->factors[d] - 1) / c->factors[d];
    c->from[d] = (ptrdiff_t)sizes[0] + (d == c->ndim - 1 ? 0 : draw(3));
    c->to[d] = (ptrdiff_t)sizes[1] + (d == c->ndim - 1 ? 0 : draw(3));
    sizes[0] += (size_t)(c->from[d] * (c->shape[d] - 1));
    sizes[1] += (size_t)(c->to[d] * (c->small[d] - 1));
  }
}

/* Check the result whose index is at `index`. */
static void check_element(const choice *c, const ptrdiff_t *index, const char *dst, const char *src,
                          const sz_shrinking *how) {
  uint64_t bits[8], got = 0;
  int64_t numbers[8];
  int count = 0;
  const size_t itemsize = (size_t)ITEMSIZES[how->number];
  for (int k = 0; k < 1 << c->ndim; k++) {
    const char *place = src;
    int inside = 1;
    for (int d = 0; d < c->ndim; d++) {
      const ptrdiff_t at = index[d] * c->factors[d] + (k >> (c->ndim - 1 - d) & 1);
      inside &= (k >> (c->ndim - 1 - d) & 1) < c->factors[d] && at < c->shape[d];
      place += at * c->from[d];
    }
    if (!inside) continue;
    bits[count] = 0;
    memcpy(&bits[count], place, itemsize);
    numbers[count++] = load(place, how->number);
  }
  for (int d = 0; d < c->ndim; d++) dst += index[d] * c->to[d];
  memcpy(&got, dst, itemsize);
  if (how->summary == SZ_MODE) CHECK(got == mode_of(bits, count));
  else CHECK(load(dst, how->number) == mean_of(numbers, count));
}

static void test_random(void) {
  for (long run = fuzz_runs(1000); run > 0; run--) {
    choice c;
    size_t sizes[2];
    const sz_summary summary = draw(2) ? SZ_MEAN : SZ_MODE;
    const sz_number number = (sz_number)draw(summary == SZ_MEAN ? SZ_U64 : SZ_NUMBERS);
    draw_choice(&c, ITEMSIZES[number], sizes);
    const sz_shrinking how = {summary, number, c.factors};
    const sz_box box = {c.ndim, c.shape, (size_t)ITEMSIZES[number]};
    guarded src = guarded_new(sizes[0]), dst = guarded_new(sizes[1]);
    randomize(src.data, sizes[0]);
    if (draw(2))
      for (size_t i = 0; i < sizes[0]; i++) src.data[i] &= 1; /* some are equal */
    sz_shrink(&box, (sz_dst){dst.data, c.to}, (sz_src){src.data, c.from}, &how);
    ptrdiff_t index[MOST_AXES] = {0};
    for (int d = c.ndim - 1; d >= 0;) {
      check_element(&c, index, dst.data, src.data, &how);
      for (d = c.ndim - 1; d >= 0 && ++index[d] == c.small[d]; d--) index[d] = 0;
    }
    guarded_free(src);
    guarded_free(dst);
  }
}

/* The extremes of 64 bits, and of floats of all sizes. */
static void test_limits(void) {
  const int factors[2] = {2, 2};
  const ptrdiff_t shape[2] = {2, 2}, rows[2] = {16, 8};
  const sz_box box = {2, shape, 8};
  int64_t mean, numbers[4] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX - 2};
  const sz_shrinking of_i64 = {SZ_MEAN, SZ_I64, factors}, of_f64 = {SZ_MEAN, SZ_F64, factors};
  sz_shrink(&box, (sz_dst){(char *)&mean, rows}, (sz_src){(const char *)numbers, rows}, &of_i64);
  CHECK(mean == INT64_MAX - 1); /* less a half: to the even one */
  for (int i = 0; i < 4; i++) numbers[i] = INT64_MIN;
  sz_shrink(&box, (sz_dst){(char *)&mean, rows}, (sz_src){(const char *)numbers, rows}, &of_i64);
  CHECK(mean == INT64_MIN);
  const double floats[4] = {1, 2, 4, 8};
  double result;
  sz_shrink(&box, (sz_dst){(char *)&result, rows}, (sz_src){(const char *)floats, rows}, &of_f64);
  CHECK(result == 3.75);
}

int main(void) {
  test_random();
  test_limits();
  return 0;
}
