#include "array/shrink.h"

#include <stdint.h>
#include <string.h>

#include "array/numbers.h"

enum {
  BLOCK = 512,   /* results that are made at once: their sums fit the smallest cache */
  MOST_ROWS = 8, /* if the last axis is not halved */
  MOST_ELEMENTS = 8,
  HALVINGS = 3 /* of MOST_ELEMENTS */
};

/* The rows of elements, in the order of C, that one row of results is made of. */
typedef struct {
  int n;
  const char *at[MOST_ROWS];
} rows;

/* Make n results, each of `width` adjacent elements of each row. */
typedef void (*kernel)(char *dst, const rows *from, ptrdiff_t n, int width);

static int halvings(int count) { return count >= 8 ? 3 : count >> 1; }

static ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* ---------------------------------------------------------------- means */

/* To round a sum to nearest, ties to even: (sum + bias + (sum >> shift & odd)) >> shift. */
typedef struct {
  int shift, bias, odd;
} rounding;

static rounding rounding_of(int count) {
  const int shift = halvings(count);
  return (rounding){shift, shift ? (1 << (shift - 1)) - 1 : 0, shift != 0};
}

/* Add up to BLOCK sums of one row. */
#define ADD_ROW(TYPE, SUM, LOAD)                                            \
  if (width == 2) {                                                         \
    for (ptrdiff_t i = 0; i < m; i++) {                                     \
      TYPE pair[2];                                                         \
      memcpy(pair, src + i * (ptrdiff_t)sizeof pair, sizeof pair);          \
      sums[i] = (SUM)(sums[i] + (SUM)((SUM)LOAD(pair[0]) + LOAD(pair[1]))); \
    }                                                                       \
  } else {                                                                  \
    for (ptrdiff_t i = 0; i < m; i++) {                                     \
      TYPE one;                                                             \
      memcpy(&one, src + i * (ptrdiff_t)sizeof one, sizeof one);            \
      sums[i] = (SUM)(sums[i] + (SUM)LOAD(one));                            \
    }                                                                       \
  }

/* Integers that are shorter than their sums. */
#define MEAN(NAME, TYPE, SUM)                                                                     \
  static void NAME(char *restrict dst, const rows *from, ptrdiff_t n, int width) {                \
    const rounding r = rounding_of(from->n * width);                                              \
    SUM sums[BLOCK];                                                                              \
    for (ptrdiff_t first = 0; first < n; first += BLOCK) {                                        \
      const ptrdiff_t m = least(n - first, BLOCK);                                                \
      memset(sums, 0, sizeof sums);                                                               \
      for (int row = 0; row < from->n; row++) {                                                   \
        const char *restrict const src = from->at[row] + first * width * (ptrdiff_t)sizeof(TYPE); \
        ADD_ROW(TYPE, SUM, (SUM))                                                                 \
      }                                                                                           \
      for (ptrdiff_t i = 0; i < m; i++) {                                                         \
        const TYPE mean = (TYPE)((sums[i] + r.bias + (sums[i] >> r.shift & r.odd)) >> r.shift);   \
        memcpy(dst + (first + i) * (ptrdiff_t)sizeof mean, &mean, sizeof mean);                   \
      }                                                                                           \
    }                                                                                             \
  }

/* Integers of 64 bits: the sum of their eighths, rounded down, and of what is left, fit. */
#define MEAN_LONG(NAME, TYPE)                                                       \
  static void NAME(char *dst, const rows *from, ptrdiff_t n, int width) {           \
    const rounding r = rounding_of(from->n * width);                                \
    for (ptrdiff_t i = 0; i < n; i++) {                                             \
      TYPE eighths = 0, rest = 0, one;                                              \
      for (int k = 0; k < from->n * width; k++) {                                   \
        const ptrdiff_t at = i * width + k % width;                                 \
        memcpy(&one, from->at[k / width] + at * (ptrdiff_t)sizeof one, sizeof one); \
        eighths += one >> HALVINGS;                                                 \
        rest += one & ((1 << HALVINGS) - 1);                                        \
      }                                                                             \
      const TYPE whole = eighths * (1 << (HALVINGS - r.shift));                     \
      const TYPE odd = (whole + (rest >> r.shift)) & (TYPE)r.odd;                   \
      one = whole + ((rest + (TYPE)r.bias + odd) >> r.shift);                       \
      memcpy(dst + i * (ptrdiff_t)sizeof one, &one, sizeof one);                    \
    }                                                                               \
  }

/* The sum of no numbers is -0.0, so that the mean of such zeros is one. */
#define MEAN_FLOAT(NAME, TYPE, LOAD, STORE)                                                       \
  static void NAME(char *restrict dst, const rows *from, ptrdiff_t n, int width) {                \
    const double part = 1.0 / (from->n * width);                                                  \
    double sums[BLOCK];                                                                           \
    for (ptrdiff_t first = 0; first < n; first += BLOCK) {                                        \
      const ptrdiff_t m = least(n - first, BLOCK);                                                \
      for (ptrdiff_t i = 0; i < m; i++) sums[i] = -0.0;                                           \
      for (int row = 0; row < from->n; row++) {                                                   \
        const char *restrict const src = from->at[row] + first * width * (ptrdiff_t)sizeof(TYPE); \
        ADD_ROW(TYPE, double, LOAD)                                                               \
      }                                                                                           \
      for (ptrdiff_t i = 0; i < m; i++) {                                                         \
        const TYPE mean = STORE(sums[i] * part);                                                  \
        memcpy(dst + (first + i) * (ptrdiff_t)sizeof mean, &mean, sizeof mean);                   \
      }                                                                                           \
    }                                                                                             \
  }

MEAN(mean_u8, uint8_t, int32_t)
MEAN(mean_i8, int8_t, int32_t)
MEAN(mean_u16, uint16_t, int32_t)
MEAN(mean_i16, int16_t, int32_t)
MEAN(mean_u32, uint32_t, int64_t)
MEAN(mean_i32, int32_t, int64_t)
MEAN_LONG(mean_u64, uint64_t)
MEAN_LONG(mean_i64, int64_t)
MEAN_FLOAT(mean_f16, half_bits, HALF, TO_HALF)
MEAN_FLOAT(mean_bf16, brain_bits, BRAIN, TO_BRAIN)
MEAN_FLOAT(mean_f32, float, PLAIN, (float))
MEAN_FLOAT(mean_f64, double, PLAIN, (double))

static const kernel MEANS[SZ_NUMBERS] = {[SZ_U8] = mean_u8,     [SZ_I8] = mean_i8,   [SZ_U16] = mean_u16,
                                         [SZ_I16] = mean_i16,   [SZ_U32] = mean_u32, [SZ_I32] = mean_i32,
                                         [SZ_U64] = mean_u64,   [SZ_I64] = mean_i64, [SZ_F16] = mean_f16,
                                         [SZ_BF16] = mean_bf16, [SZ_F32] = mean_f32, [SZ_F64] = mean_f64};

/* ---------------------------------------------------------------- modes */

#define MODE(NAME, TYPE)                                                      \
  static TYPE NAME##_of(const TYPE *x, int count) {                           \
    int most = 0, best = 0;                                                   \
    for (int k = 0; k < count; k++) {                                         \
      int equal = 0;                                                          \
      for (int i = 0; i < count; i++) equal += x[i] == x[k];                  \
      if (equal == count) return x[k];                                        \
      if (equal > most || (equal == most && x[best] == 0 && x[k] != 0)) {     \
        most = equal;                                                         \
        best = k;                                                             \
      }                                                                       \
    }                                                                         \
    return x[best];                                                           \
  }                                                                           \
  static void NAME(char *dst, const rows *from, ptrdiff_t n, int width) {     \
    const size_t bytes = (size_t)width * sizeof(TYPE);                        \
    for (ptrdiff_t i = 0; i < n; i++) {                                       \
      TYPE x[MOST_ELEMENTS];                                                  \
      for (int row = 0; row < from->n; row++)                                 \
        memcpy(x + row * width, from->at[row] + i * (ptrdiff_t)bytes, bytes); \
      const TYPE mode = NAME##_of(x, from->n * width);                        \
      memcpy(dst + i * (ptrdiff_t)sizeof mode, &mode, sizeof mode);           \
    }                                                                         \
  }

MODE(mode_1, uint8_t)
MODE(mode_2, uint16_t)
MODE(mode_4, uint32_t)
MODE(mode_8, uint64_t)

static kernel choose_kernel(const sz_shrinking *shrinking, size_t itemsize) {
  if (shrinking->summary == SZ_MEAN) return MEANS[shrinking->number];
  switch (itemsize) {
    case 1: return mode_1;
    case 2: return mode_2;
    case 4: return mode_4;
    default: return mode_8;
  }
}

/* ---------------------------------------------------------------- boxes */

typedef struct {
  kernel run;
  const sz_box *box;
  const ptrdiff_t *dst_strides, *src_strides;
  const int *factors;
} job;

static void shrink_rows(const job *j, char *dst, const rows *from) {
  const int last = j->box->ndim - 1, width = j->factors[last];
  const ptrdiff_t n = j->box->shape[last], pairs = n / width;
  j->run(dst, from, pairs, width);
  if (pairs * width == n) return;
  rows alone = {from->n, {NULL}};
  for (int i = 0; i < from->n; i++) alone.at[i] = from->at[i] + (n - 1) * j->src_strides[last];
  j->run(dst + pairs * j->dst_strides[last], &alone, 1, 1);
}

/* Walk axes d, d + 1, ... but for the last one. */
static void shrink_axes(const job *j, int d, char *dst, const rows *from) {
  if (d == j->box->ndim - 1) {
    shrink_rows(j, dst, from);
    return;
  }
  const ptrdiff_t n = j->box->shape[d], step = j->src_strides[d];
  for (ptrdiff_t k = 0; k < n; k += j->factors[d], dst += j->dst_strides[d]) {
    const int both = (int)least(n - k, j->factors[d]);
    rows next = {from->n * both, {NULL}};
    for (int i = 0; i < next.n; i++) next.at[i] = from->at[i / both] + (k + i % both) * step;
    shrink_axes(j, d + 1, dst, &next);
  }
}

void sz_shrink(const sz_box *box, sz_dst dst, sz_src src, const sz_shrinking *shrinking) {
  const job j = {choose_kernel(shrinking, box->itemsize), box, dst.strides, src.strides, shrinking->factors};
  const rows from = {1, {src.data}};
  shrink_axes(&j, 0, dst.data, &from);
}
