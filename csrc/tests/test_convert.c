#include "array/convert.h"

#include <math.h>

#include "boxes.h"

enum { MOST_FACTORS = 6000, MOST_LISTS = 2, MOST_POINTS = 1400 };

static int is_float(int number) { return number >= SZ_F16; }

/* ---------------------------------------------------------------- a reference, number by number */

/* Bits of the exponent and of the fraction of types of two bytes. */
typedef struct {
  int exponent, fraction;
} format;

static format format_of(sz_number number) { return number == SZ_F16 ? (format){5, 10} : (format){8, 7}; }

static double decode_short(uint16_t bits, format f) {
  const int top = (1 << f.exponent) - 1, exponent = bits >> f.fraction & top, bias = top >> 1;
  const int fraction = bits & ((1 << f.fraction) - 1);
  double x;
  if (exponent == top) x = fraction ? (double)NAN : (double)INFINITY;
  else if (exponent == 0) x = ldexp(fraction, 1 - bias - f.fraction);
  else x = ldexp(fraction + (1 << f.fraction), exponent - bias - f.fraction);
  return bits >> 15 ? -x : x;
}

/* Round to a whole number of the smallest steps that the type has near x. */
static uint16_t encode_short(double x, format f) {
  const int top = (1 << f.exponent) - 1, bias = top >> 1;
  const uint16_t sign = (uint16_t)(signbit(x) ? 1 << 15 : 0);
  if (isnan(x)) return (uint16_t)(top << f.fraction | 1);
  if (x == 0) return sign;
  int exponent = isinf(x) ? top : ilogb(x) + bias;
  if (exponent < 1) exponent = 1;
  if (exponent >= top) return (uint16_t)(sign | top << f.fraction);
  const double steps = nearbyint(ldexp(fabs(x), f.fraction + bias - exponent));
  const int all =
      (int)steps + ((exponent - 1) << f.fraction); /* a fraction that overflows adds to the exponent */
  return (uint16_t)(sign | (all > top << f.fraction ? top << f.fraction : all));
}

#define LOAD_AS(type)        \
  {                          \
    type x;                  \
    memcpy(&x, p, sizeof x); \
    return (double)x;        \
  }

static double load(const char *p, sz_number number) {
  uint16_t bits;
  switch (number) {
    case SZ_U8: LOAD_AS(uint8_t)
    case SZ_I8: LOAD_AS(int8_t)
    case SZ_U16: LOAD_AS(uint16_t)
    case SZ_I16: LOAD_AS(int16_t)
    case SZ_U32: LOAD_AS(uint32_t)
    case SZ_I32: LOAD_AS(int32_t)
    case SZ_U64: LOAD_AS(uint64_t)
    case SZ_I64: LOAD_AS(int64_t)
    case SZ_F32: LOAD_AS(float)
    case SZ_F64: LOAD_AS(double)
    default: memcpy(&bits, p, sizeof bits); return decode_short(bits, format_of(number));
  }
}

static void store(char *p, double x, sz_number number) {
  const float single = (float)x;
  const uint16_t bits = encode_short(x, format_of(number));
  if (number == SZ_F64) memcpy(p, &x, sizeof x);
  else if (number == SZ_F32) memcpy(p, &single, sizeof single);
  else memcpy(p, &bits, sizeof bits);
}

/* The factors are those of an axis that has one of them for each element, or the first. */
static void reference(const sz_box *box, sz_dst dst, sz_src src, const sz_conversion *c) {
  if (box->ndim == 0) {
    volatile double y = load(src.data, c->from) * c->scale[0]; /* rounded before the sum */
    y = y + c->offset[0];
    store(dst.data, y, c->to);
    return;
  }
  const sz_box inner = {box->ndim - 1, box->shape + 1, box->itemsize};
  for (ptrdiff_t i = 0; i < box->shape[0]; i++) {
    const ptrdiff_t k = c->axis == 0 ? i : 0;
    const sz_conversion rest = {c->from, c->to, c->axis - 1, c->scale + k, c->offset + k};
    reference(&inner, (sz_dst){dst.data + i * dst.strides[0], dst.strides + 1},
              (sz_src){src.data + i * src.strides[0], src.strides + 1}, &rest);
  }
}

static void reference_points(int nlists, const sz_points *lists, const sz_box *box, sz_dst dst, sz_src src,
                             const sz_conversion *c) {
  if (nlists == 0) {
    reference(box, dst, src, c);
    return;
  }
  for (ptrdiff_t i = 0; i < lists->n; i++)
    reference_points(nlists - 1, lists + 1, box, (sz_dst){dst.data + lists->dst[i], dst.strides},
                     (sz_src){src.data + (lists->src ? lists->src[i] : 0), src.strides}, c);
}

/* Return whether the numbers are the same bit for bit, or both NaN; bytes between them must not differ. */
static int same_numbers(const char *got, const char *want, size_t n, sz_number number) {
  if (memcmp(got, want, n) == 0) return 1;
  if (!is_float(number) || n % sz_number_size(number) != 0) return 0;
  for (size_t i = 0; i < n; i += sz_number_size(number))
    if (memcmp(got + i, want + i, sz_number_size(number)) != 0 &&
        !(isnan(load(got + i, number)) && isnan(load(want + i, number))))
      return 0;
  return 1;
}

/* ---------------------------------------------------------------- tests */

static sz_number random_from(void) { return (sz_number)draw(SZ_NUMBERS); }
static sz_number random_to(void) { return (sz_number)(SZ_F16 + draw(4)); }

static void random_factors(double *factors, double usual) {
  for (int i = 0; i < MOST_FACTORS; i++)
    factors[i] = draw(4) == 0 ? usual : ldexp(draw(2001) - 1000, draw(20) - 15);
}

/* Fill with numbers of any size, without NaN: its bits are compared with what comes out between the numbers.
 */
static void random_numbers(char *p, size_t n, sz_number number) {
  randomize(p, n);
  if (number == SZ_F64 && draw(2) == 0) /* near numbers of shorter types, and between two of them */
    for (size_t i = 0; i + 8 <= n; i += 8) {
      const double x = ldexp(draw(1 << 14) + draw(3) * 0.5 + (draw(3) - 1) * 1e-11, draw(60) - 40);
      memcpy(p + i, &x, sizeof x);
    }
}

static void test_every_pair(void) {
  static double ones[MOST_FACTORS], zeros[MOST_FACTORS], scale[MOST_FACTORS], offset[MOST_FACTORS];
  enum { N = 3000 };
  const ptrdiff_t shape[1] = {N};
  for (int i = 0; i < MOST_FACTORS; i++) ones[i] = 1;
  random_factors(scale, 1);
  random_factors(offset, 0);
  for (int from = 0; from < SZ_NUMBERS; from++)
    for (int to = SZ_F16; to <= SZ_F64; to++)
      for (int run = 0; run < 8; run++) {
        const ptrdiff_t sstep[1] = {(ptrdiff_t)sz_number_size((sz_number)from)},
                        dstep[1] = {(ptrdiff_t)sz_number_size((sz_number)to)};
        const sz_box box = {1, shape, 0};
        const sz_conversion c = {(sz_number)from, (sz_number)to, run % 2 - 1, run < 4 ? ones : scale,
                                 run < 4 ? zeros : offset};
        guarded src = guarded_new(N * 8), dst = guarded_new((size_t)(N * dstep[0])),
                want = guarded_new(dst.n);
        random_numbers(src.data, src.n, c.from);
        sz_convert(&box, (sz_dst){dst.data, dstep}, (sz_src){src.data, sstep}, &c);
        reference(&box, (sz_dst){want.data, dstep}, (sz_src){src.data, sstep}, &c);
        CHECK(same_numbers(dst.data, want.data, dst.n, c.to));
        guarded_free(src);
        guarded_free(dst);
        guarded_free(want);
      }
}

/* Each of the 65536 numbers of two bytes becomes itself by way of a longer type. */
static void test_short_numbers(void) {
  static const double ONE = 1, NOTHING = -0.0;
  enum { N = 1 << 16 };
  static uint16_t all[N], back[N];
  static double between[N];
  const ptrdiff_t shape[1] = {N}, narrow[1] = {2}, wide[1] = {8};
  const sz_box box = {1, shape, 0};
  for (int number = SZ_F16; number <= SZ_BF16; number++) {
    const format f = format_of((sz_number)number);
    for (int i = 0; i < N; i++) all[i] = (uint16_t)i;
    const sz_conversion out = {(sz_number)number, SZ_F64, -1, &ONE, &NOTHING},
                        in = {SZ_F64, (sz_number)number, -1, &ONE, &NOTHING};
    sz_convert(&box, (sz_dst){(char *)between, wide}, (sz_src){(char *)all, narrow}, &out);
    sz_convert(&box, (sz_dst){(char *)back, narrow}, (sz_src){(char *)between, wide}, &in);
    for (int i = 0; i < N; i++) {
      const double x = decode_short(all[i], f);
      CHECK(isnan(x) ? isnan(between[i]) && isnan(decode_short(back[i], f))
                     : between[i] == x && back[i] == i);
    }
  }
}

static void test_random(void) {
  static double scale[MOST_FACTORS], offset[MOST_FACTORS];
  for (long run = fuzz_runs(600); run > 0; run--) {
    ptrdiff_t shape[MOST_AXES];
    const sz_number from = random_from(), to = random_to();
    const int ndim = random_shape(shape);
    const sz_box in = {ndim, shape, sz_number_size(from)}, out = {ndim, shape, sz_number_size(to)};
    const layout src_layout = random_layout(&in, 1), dst_layout = random_layout(&out, 0);
    const sz_conversion c = {from, to, ndim > 0 ? draw(ndim + 1) - 1 : -1, scale, offset};
    guarded src = guarded_new(src_layout.bytes), dst = guarded_new(dst_layout.bytes),
            want = guarded_new(dst.n);
    random_factors(scale, 1);
    random_factors(offset, 0);
    for (size_t i = 0; i < src.n; i++) src.data[i] = (char)draw(0x3c); /* no number is NaN at any place */
    sz_convert(&in, dst_in(dst, &dst_layout), src_in(src, &src_layout), &c);
    reference(&in, dst_in(want, &dst_layout), src_in(src, &src_layout), &c);
    CHECK(memcmp(dst.data, want.data, dst.n) == 0);
    guarded_free(src);
    guarded_free(dst);
    guarded_free(want);
  }
}

static void test_points(void) {
  static double scale[MOST_FACTORS], offset[MOST_FACTORS];
  static ptrdiff_t src_at[MOST_LISTS][MOST_POINTS], dst_at[MOST_LISTS][MOST_POINTS];
  enum { ROOM = 300 };
  for (long run = fuzz_runs(300); run > 0; run--) {
    ptrdiff_t shape[MOST_AXES];
    sz_points lists[MOST_LISTS];
    const sz_number from = random_from(), to = random_to();
    const int nlists = draw(MOST_LISTS + 1), ndim = draw(3) ? 0 : random_shape(shape);
    const sz_box in = {ndim, shape, sz_number_size(from)}, out = {ndim, shape, sz_number_size(to)};
    const layout src_layout = random_layout(&in, 0), dst_layout = random_layout(&out, 0);
    const sz_conversion c = {from, to, ndim > 0 ? draw(ndim + 1) - 1 : -1, scale, offset};
    ptrdiff_t stride = (ptrdiff_t)dst_layout.bytes;
    for (int i = 0; i < nlists; i++) {
      const int n = draw(20) == 0 ? 0 : 1 + draw(ndim == 0 && i == nlists - 1 ? MOST_POINTS : 5);
      for (int k = 0; k < n; k++) {
        src_at[i][k] = draw(ROOM);
        dst_at[i][k] = stride * (n - 1 - k);
      }
      lists[i] = (sz_points){n, draw(5) ? src_at[i] : NULL, dst_at[i]};
      stride *= n > 0 ? n : 1;
    }
    guarded src = guarded_new(src_layout.bytes + MOST_LISTS * ROOM), dst = guarded_new((size_t)stride),
            want = guarded_new(dst.n);
    random_factors(scale, 1);
    random_factors(offset, 0);
    for (size_t i = 0; i < src.n; i++) src.data[i] = (char)draw(0x3c);
    sz_convert_points(nlists, lists, &in, dst_in(dst, &dst_layout), src_in(src, &src_layout), &c);
    reference_points(nlists, lists, &in, dst_in(want, &dst_layout), src_in(src, &src_layout), &c);
    CHECK(memcmp(dst.data, want.data, dst.n) == 0);
    guarded_free(src);
    guarded_free(dst);
    guarded_free(want);
  }
}

int main(void) {
  test_every_pair();
  test_short_numbers();
  test_random();
  test_points();
  return 0;
}
