#include "array/convert_kernels.h"

#include <stdint.h>
#include <string.h>

/* Kernels are compiled twice for x86-64: for every processor, and for those with vectors of 32 bytes. Their
 * bodies are inlined in both. The second must not have FMA, with which compilers may drop a rounding. */
#if !defined(SZ_PORTABLE) && defined(__x86_64__) && defined(__GNUC__)
#define SZ_HAVE_WIDE 1
#define BODY static inline __attribute__((always_inline))
#define WIDE static __attribute__((target("avx2")))
static int have_wide(void) { return __builtin_cpu_supports("avx2"); }
#else
#define SZ_HAVE_WIDE 0
#define BODY static inline
static int have_wide(void) { return 0; }
#endif

/* ---------------------------------------------------------------- single numbers */

BODY float float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

BODY uint32_t bits_of_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Return a or b. A mask, because compilers do not make vectors of loops that choose between results of
 * floating point operations. */
BODY uint32_t choose(int first, uint32_t a, uint32_t b) {
  const uint32_t mask = 0u - (uint32_t)first;
  return (a & mask) | (b & ~mask);
}

/* The exponent is biased by 15 instead of 127. A subnormal number is the difference of two normal ones. */
BODY float float_of_half(uint16_t half) {
  const uint32_t shifted = (uint32_t)(half & 0x7fff) << 13, exponent = half & 0x7c00;
  const uint32_t normal = shifted + (112u << 23), special = shifted + (224u << 23);
  const uint32_t subnormal = bits_of_float(float_of_bits(shifted + (113u << 23)) - float_of_bits(113u << 23));
  const uint32_t bits = choose(exponent == 0, subnormal, choose(exponent == 0x7c00, special, normal));
  return float_of_bits(bits | (uint32_t)(half & 0x8000) << 16);
}

BODY uint64_t bits_of_double(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Round to a number of two bytes, with so many bits of fraction and such a bias of the exponent. The bits of
 * numbers of its normal range are rounded as an integer. Smaller numbers are added to one whose last bit is
 * worth as much as the last bit of the result. */
BODY uint16_t short_of_double(double x, int fraction, int bias) {
  const int cut = 52 - fraction;
  const uint64_t all = bits_of_double(x), bits = all & ~((uint64_t)1 << 63);
  const uint64_t smallest = (uint64_t)(1024 - bias) << 52, too_large = (uint64_t)(1024 + bias) << 52;
  const uint64_t half = ((uint64_t)1 << (cut - 1)) - 1;
  const uint64_t normal = ((bits + half + (bits >> cut & 1)) >> cut) - ((uint64_t)(1023 - bias) << fraction);
  double anchor, magnitude;
  const uint64_t anchor_bits = (uint64_t)(1024 - bias + cut) << 52;
  memcpy(&anchor, &anchor_bits, sizeof anchor);
  memcpy(&magnitude, &bits, sizeof magnitude);
  const uint64_t subnormal = bits_of_double(magnitude + anchor) - anchor_bits;
  const uint64_t infinity = (uint64_t)(2 * bias + 1) << fraction;
  const uint64_t special = infinity | (uint64_t)(bits > (uint64_t)0x7ff << 52) << (fraction - 1);
  const uint64_t small = 0u - (uint64_t)(bits < smallest), large = 0u - (uint64_t)(bits >= too_large);
  const uint64_t finite = (subnormal & small) | (normal & ~small);
  return (uint16_t)((special & large) | (finite & ~large) | all >> 63 << 15);
}

#define TO_HALF(x) short_of_double(x, 10, 15)
#define TO_BRAIN(x) short_of_double(x, 7, 127)

/* ---------------------------------------------------------------- loops */

typedef uint16_t half_bits;
typedef uint16_t brain_bits;

#define PLAIN(x) ((double)(x))
#define HALF(x) ((double)float_of_half(x))
#define BRAIN(x) ((double)float_of_bits((uint32_t)(x) << 16))

/* The product is a statement of its own, so that it is rounded before the sum. */
#define CONVERT_BODY(NAME, FROM, LOAD, TO)                                             \
  BODY void NAME##_body(char *restrict dst, const char *restrict src, ptrdiff_t n,     \
                        const double *restrict scale, const double *restrict offset) { \
    for (ptrdiff_t i = 0; i < n; i++) {                                                \
      FROM x;                                                                          \
      memcpy(&x, src + i * (ptrdiff_t)sizeof x, sizeof x);                             \
      const double product = LOAD(x) * scale[i];                                       \
      const TO y = (TO)(product + offset[i]);                                          \
      memcpy(dst + i * (ptrdiff_t)sizeof y, &y, sizeof y);                             \
    }                                                                                  \
  }

#define CONVERT(NAME, FROM, LOAD, TO)                                                                    \
  CONVERT_BODY(NAME, FROM, LOAD, TO)                                                                     \
  static void NAME(char *dst, const char *src, ptrdiff_t n, const double *scale, const double *offset) { \
    NAME##_body(dst, src, n, scale, offset);                                                             \
  }

#define ROUND_BODY(NAME, TO, STORE)                                                    \
  BODY void NAME##_body(char *restrict dst, const double *restrict src, ptrdiff_t n) { \
    for (ptrdiff_t i = 0; i < n; i++) {                                                \
      const TO y = STORE(src[i]);                                                      \
      memcpy(dst + i * (ptrdiff_t)sizeof y, &y, sizeof y);                             \
    }                                                                                  \
  }                                                                                    \
  static void NAME(char *dst, const double *src, ptrdiff_t n) { NAME##_body(dst, src, n); }

CONVERT(u8_f32, uint8_t, PLAIN, float)
CONVERT(i8_f32, int8_t, PLAIN, float)
CONVERT(u16_f32, uint16_t, PLAIN, float)
CONVERT(i16_f32, int16_t, PLAIN, float)
CONVERT(i32_f32, int32_t, PLAIN, float)
CONVERT(f32_f32, float, PLAIN, float)
CONVERT(f64_f32, double, PLAIN, float)
CONVERT(u8_f64, uint8_t, PLAIN, double)
CONVERT(i8_f64, int8_t, PLAIN, double)
CONVERT(u16_f64, uint16_t, PLAIN, double)
CONVERT(i16_f64, int16_t, PLAIN, double)
CONVERT(u32_f64, uint32_t, PLAIN, double)
CONVERT(i32_f64, int32_t, PLAIN, double)
CONVERT(u64_f64, uint64_t, PLAIN, double)
CONVERT(i64_f64, int64_t, PLAIN, double)
CONVERT(f16_f64, half_bits, HALF, double)
CONVERT(bf16_f64, brain_bits, BRAIN, double)
CONVERT(f32_f64, float, PLAIN, double)
CONVERT(f64_f64, double, PLAIN, double)
ROUND_BODY(round_f32, float, (float))
ROUND_BODY(round_f16, half_bits, TO_HALF)
ROUND_BODY(round_bf16, brain_bits, TO_BRAIN)

static const sz_convert_kernel TO_F64[SZ_NUMBERS] = {
    [SZ_U8] = u8_f64,   [SZ_I8] = i8_f64,     [SZ_U16] = u16_f64, [SZ_I16] = i16_f64,
    [SZ_U32] = u32_f64, [SZ_I32] = i32_f64,   [SZ_U64] = u64_f64, [SZ_I64] = i64_f64,
    [SZ_F16] = f16_f64, [SZ_BF16] = bf16_f64, [SZ_F32] = f32_f64, [SZ_F64] = f64_f64};
/* The frequent ones, at once. */
static const sz_convert_kernel TO_F32[SZ_NUMBERS] = {
    [SZ_U8] = u8_f32,   [SZ_I8] = i8_f32,   [SZ_U16] = u16_f32, [SZ_I16] = i16_f32,
    [SZ_I32] = i32_f32, [SZ_F32] = f32_f32, [SZ_F64] = f64_f32};
static const sz_round_kernel ROUND[SZ_NUMBERS] = {
    [SZ_F32] = round_f32, [SZ_F16] = round_f16, [SZ_BF16] = round_bf16};

#if SZ_HAVE_WIDE
#define CONVERT_WIDE(NAME)                                                            \
  WIDE void NAME##_wide(char *dst, const char *src, ptrdiff_t n, const double *scale, \
                        const double *offset) {                                       \
    NAME##_body(dst, src, n, scale, offset);                                          \
  }
#define ROUND_WIDE(NAME) \
  WIDE void NAME##_wide(char *dst, const double *src, ptrdiff_t n) { NAME##_body(dst, src, n); }

CONVERT_WIDE(u8_f32)
CONVERT_WIDE(i8_f32)
CONVERT_WIDE(u16_f32)
CONVERT_WIDE(i16_f32)
CONVERT_WIDE(i32_f32)
CONVERT_WIDE(f32_f32)
CONVERT_WIDE(f64_f32)
CONVERT_WIDE(u8_f64)
CONVERT_WIDE(u16_f64)
CONVERT_WIDE(i16_f64)
CONVERT_WIDE(f16_f64)
CONVERT_WIDE(bf16_f64)
CONVERT_WIDE(f32_f64)
ROUND_WIDE(round_f32)
ROUND_WIDE(round_f16)
ROUND_WIDE(round_bf16)

static const sz_convert_kernel TO_F64_WIDE[SZ_NUMBERS] = {[SZ_U8] = u8_f64_wide,     [SZ_U16] = u16_f64_wide,
                                                          [SZ_I16] = i16_f64_wide,   [SZ_F16] = f16_f64_wide,
                                                          [SZ_BF16] = bf16_f64_wide, [SZ_F32] = f32_f64_wide};
static const sz_convert_kernel TO_F32_WIDE[SZ_NUMBERS] = {
    [SZ_U8] = u8_f32_wide,   [SZ_I8] = i8_f32_wide,   [SZ_U16] = u16_f32_wide, [SZ_I16] = i16_f32_wide,
    [SZ_I32] = i32_f32_wide, [SZ_F32] = f32_f32_wide, [SZ_F64] = f64_f32_wide};
static const sz_round_kernel ROUND_WIDE[SZ_NUMBERS] = {
    [SZ_F32] = round_f32_wide, [SZ_F16] = round_f16_wide, [SZ_BF16] = round_bf16_wide};
#else
#define TO_F64_WIDE TO_F64
#define TO_F32_WIDE TO_F32
#define ROUND_WIDE ROUND
#endif

sz_convert_way sz_choose_conversion(sz_number from, sz_number to) {
  const int wide = have_wide();
  if (to == SZ_F32 && TO_F32[from] != NULL)
    return (sz_convert_way){wide ? TO_F32_WIDE[from] : TO_F32[from], NULL};
  const sz_convert_kernel first = wide && TO_F64_WIDE[from] != NULL ? TO_F64_WIDE[from] : TO_F64[from];
  return (sz_convert_way){first, to == SZ_F64 ? NULL : wide ? ROUND_WIDE[to] : ROUND[to]};
}
