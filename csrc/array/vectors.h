/* Private to copy.c: the few vector operations that compilers do not generate from loops. Each x86-64 and
 * 64-bit ARM processor has them. On others, and with SZ_PORTABLE, SZ_VECTORS is 0 and plain loops are used.
 */
#ifndef SZ_VECTORS_H
#define SZ_VECTORS_H
#include <stdint.h>
#include <string.h>

#if !defined(SZ_PORTABLE) && (defined(__SSE2__) || defined(_M_X64))
#define SZ_VECTORS 1
#define SZ_HAVE_NONTEMPORAL 1
#include <emmintrin.h>
typedef __m128i sz_vector;

/* Interleave elements of 1, 2, 4 or 8 bytes of two vectors: of their lower halves, and of their upper halves.
 */
#define SZ_ZIP_LOW_1(a, b) _mm_unpacklo_epi8(a, b)
#define SZ_ZIP_HIGH_1(a, b) _mm_unpackhi_epi8(a, b)
#define SZ_ZIP_LOW_2(a, b) _mm_unpacklo_epi16(a, b)
#define SZ_ZIP_HIGH_2(a, b) _mm_unpackhi_epi16(a, b)
#define SZ_ZIP_LOW_4(a, b) _mm_unpacklo_epi32(a, b)
#define SZ_ZIP_HIGH_4(a, b) _mm_unpackhi_epi32(a, b)
#define SZ_ZIP_LOW_8(a, b) _mm_unpacklo_epi64(a, b)
#define SZ_ZIP_HIGH_8(a, b) _mm_unpackhi_epi64(a, b)

/* Turn bytes other than 0 into 1; reverse the bytes of each unit of 2, 4 or 8. */
static inline sz_vector sz_vector_truth(sz_vector v) { return _mm_min_epu8(v, _mm_set1_epi8(1)); }
static inline sz_vector sz_vector_swap_2(sz_vector v) {
  return _mm_or_si128(_mm_slli_epi16(v, 8), _mm_srli_epi16(v, 8));
}
static inline sz_vector sz_vector_swap_4(sz_vector v) {
  enum { PAIRS = 0xb1 };
  return _mm_shufflehi_epi16(_mm_shufflelo_epi16(sz_vector_swap_2(v), PAIRS), PAIRS);
}
static inline sz_vector sz_vector_swap_8(sz_vector v) {
  enum { REVERSED = 0x1b };
  return _mm_shufflehi_epi16(_mm_shufflelo_epi16(sz_vector_swap_2(v), REVERSED), REVERSED);
}

#elif !defined(SZ_PORTABLE) && defined(__aarch64__) && !defined(__AARCH64EB__)
#define SZ_VECTORS 1
#define SZ_HAVE_NONTEMPORAL 0
#include <arm_neon.h>
typedef uint8x16_t sz_vector;

#define SZ_ZIP_AS(BITS, ZIP, a, b) \
  vreinterpretq_u8_u##BITS(ZIP(vreinterpretq_u##BITS##_u8(a), vreinterpretq_u##BITS##_u8(b)))
#define SZ_ZIP_LOW_1(a, b) vzip1q_u8(a, b)
#define SZ_ZIP_HIGH_1(a, b) vzip2q_u8(a, b)
#define SZ_ZIP_LOW_2(a, b) SZ_ZIP_AS(16, vzip1q_u16, a, b)
#define SZ_ZIP_HIGH_2(a, b) SZ_ZIP_AS(16, vzip2q_u16, a, b)
#define SZ_ZIP_LOW_4(a, b) SZ_ZIP_AS(32, vzip1q_u32, a, b)
#define SZ_ZIP_HIGH_4(a, b) SZ_ZIP_AS(32, vzip2q_u32, a, b)
#define SZ_ZIP_LOW_8(a, b) SZ_ZIP_AS(64, vzip1q_u64, a, b)
#define SZ_ZIP_HIGH_8(a, b) SZ_ZIP_AS(64, vzip2q_u64, a, b)

static inline sz_vector sz_vector_truth(sz_vector v) { return vminq_u8(v, vdupq_n_u8(1)); }
static inline sz_vector sz_vector_swap_2(sz_vector v) { return vrev16q_u8(v); }
static inline sz_vector sz_vector_swap_4(sz_vector v) { return vrev32q_u8(v); }
static inline sz_vector sz_vector_swap_8(sz_vector v) { return vrev64q_u8(v); }

#else
#define SZ_VECTORS 0
#define SZ_HAVE_NONTEMPORAL 0
#endif

/* Only unrolled loops keep a square of vectors in registers. */
#if defined(__GNUC__)
#define SZ_UNROLLED _Pragma("GCC unroll 16")
#else
#define SZ_UNROLLED
#endif

/* Stores that bypass the caches. A line that is written whole is not read first, which saves a third of the
 * memory's work. Use it for large boxes, whose lines are not needed again soon. */
#if SZ_HAVE_NONTEMPORAL
static inline void sz_store_nontemporal(char *dst, const char *src, size_t n) {
  size_t at = (64 - ((uintptr_t)dst & 63)) & 63;
  if (at > n) at = n;
  if (at > 0) memcpy(dst, src, at); /* partial lines at the ends, which most pieces do not have */
  for (; n - at >= 64; at += 64) {
    sz_vector line[4];
    SZ_UNROLLED
    for (int i = 0; i < 4; i++) memcpy(&line[i], src + at + 16 * i, 16);
    SZ_UNROLLED
    for (int i = 0; i < 4; i++) _mm_stream_si128((sz_vector *)(void *)(dst + at + 16 * i), line[i]);
  }
  if (n > at) memcpy(dst + at, src + at, n - at);
}
/* Make nontemporal stores visible to other threads before later stores. */
static inline void sz_nontemporal_end(void) { _mm_sfence(); }
static inline void sz_prefetch(const char *p) { _mm_prefetch(p, _MM_HINT_T0); }
#else
static inline void sz_store_nontemporal(char *dst, const char *src, size_t n) { memcpy(dst, src, n); }
static inline void sz_nontemporal_end(void) {}
static inline void sz_prefetch(const char *p) {
#if defined(__GNUC__)
  __builtin_prefetch(p);
#else
  (void)p;
#endif
}
#endif

#endif
