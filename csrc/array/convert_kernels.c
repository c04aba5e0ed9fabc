#include "array/convert_kernels.h"

#include <stdint.h>
#include <string.h>

#include "array/numbers.h"

/* Kernels are compiled twice for x86-64: for every processor, and for those with vectors of 32 bytes. Their
 * bodies are inlined in both. The second must not have FMA, with which compilers may drop a rounding. */
#if !defined(SZ_PORTABLE) && defined(__x86_64__) && defined(__GNUC__)
#define SZ_HAVE_WIDE 1
#define WIDE static __attribute__((target("avx2")))
static int have_wide(void) { return __builtin_cpu_supports("avx2"); }
#else
#define SZ_HAVE_WIDE 0
static int have_wide(void) { return 0; }
#endif

/* ---------------------------------------------------------------- loops */

/* The product is a statement of its own, so that it is rounded before the sum. */
#define CONVERT_BODY(NAME, FROM, LOAD, TO)                                                  \
  SZ_INLINE void NAME##_body(char *restrict dst, const char *restrict src, ptrdiff_t n,     \
                             const double *restrict scale, const double *restrict offset) { \
    for (ptrdiff_t i = 0; i < n; i++) {                                                     \
      FROM x;                                                                               \
      memcpy(&x, src + i * (ptrdiff_t)sizeof x, sizeof x);                                  \
      const double product = LOAD(x) * scale[i];                                            \
      const TO y = (TO)(product + offset[i]);                                               \
      memcpy(dst + i * (ptrdiff_t)sizeof y, &y, sizeof y);                                  \
    }                                                                                       \
  }

#define CONVERT(NAME, FROM, LOAD, TO)                                                                    \
  CONVERT_BODY(NAME, FROM, LOAD, TO)                                                                     \
  static void NAME(char *dst, const char *src, ptrdiff_t n, const double *scale, const double *offset) { \
    NAME##_body(dst, src, n, scale, offset);                                                             \
  }

#define ROUND_BODY(NAME, TO, STORE)                                                         \
  SZ_INLINE void NAME##_body(char *restrict dst, const double *restrict src, ptrdiff_t n) { \
    for (ptrdiff_t i = 0; i < n; i++) {                                                     \
      const TO y = STORE(src[i]);                                                           \
      memcpy(dst + i * (ptrdiff_t)sizeof y, &y, sizeof y);                                  \
    }                                                                                       \
  }                                                                                         \
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
